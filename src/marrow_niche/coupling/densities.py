"""Who is there: cells by voxel, and the smoothed densities that niche and stem cells feel.

Six densities, each over the species' rest: cellularity, four of what competes with a stem cell for membrane SCF, and the Kit+
load. Other stem cells compete with the primitive load (0.7 stem cells of both kinds, 0.2 MPP, 0.1 HPC1 at rest), those of the
tip with the tip alone: first what stem cells of even id feel, then those of odd. No cell competes with itself, so each half
feels the other half, twice; else a stored cell would crowd itself by its weight, and a piece fare worse the fewer cells stand
for it. Kit+ load is the mean of primitive load and of the load on soluble SCF, by uptake.
"""

import numpy as np

from marrow_niche.kernels import cells as kernel
from marrow_niche.kernels.exchange import accumulate

DENSITIES = ("cells nearby", *2 * ("primitive cells nearby",), *2 * ("tip nearby",), "Kit+ cells nearby")
CELLS, KIT = 0, 5
CROWD = slice(1, 5)
"""What competes with stem cells of even id and of odd, then with those of the tip: rows in the order of `quarters`."""
OF_TIP = (3, 4)
RESOLVED = 10
"""Stored stem cells that make up what competes with one of them: 8π L³ times their number by volume."""
PRIMITIVE = {"HSC": 0.7, "MPP": 0.2, "HPC1": 0.1}


def stem_density(state, model):
    """(4, n) stem cells of the piece in each voxel, by weight [cells], in the order of `quarters`."""
    s, found = state.stem, np.zeros(4 * model.n)
    here = s.voxel >= 0
    place, number = np.unique(quarters(s)[here] * model.n + s.voxel[here], return_counts=True)
    found[place] = model.stem_weight * number
    return found.reshape(4, model.n)


def quarters(stem):
    """(k,) 0 or 1 for stem cells of even id and of odd, 2 or 3 for those of the tip."""
    return 2 * stem.tip + stem.id % 2


def cells_of(counts, names, model):
    """(n,) real cells of the named compartments in each voxel; `counts` (n_stage, n) stored cells."""
    return weighed(counts, dict.fromkeys(names, 1.0), model)


def weighed(counts, value, model, by_line=1.0):
    """(n,) sum of the cells in each voxel, each real cell at the `value` of its compartment, by name, times that of its line,
    (n_line,)."""
    weight = np.zeros(len(model.weight))
    for name, each in value.items():
        rows = model.tree.rows(name)
        weight[rows] += each * model.weight[rows]
    weight *= np.repeat(by_line, model.tree.size) if np.ndim(by_line) else by_line
    found = np.empty(model.n)
    kernel.by_voxel(counts, weight, found)
    return found


def everyone_of(counts, stem, model):
    """(n,) all real cells of each voxel; `stem` (4, n) by quarters."""
    found = np.empty(model.n)
    kernel.by_voxel(counts, model.weight, found)
    found += stem.sum(axis=0)
    return found


def shares(k, model):
    """What one real cell adds to density `k` of a whole organism: (n_stage,), and a stem cell of each quarter (4,)."""
    species, tree = model.species, model.tree
    stages, stem = np.zeros(len(tree.rest)), np.zeros(4)
    if k == CELLS:
        each = 1.0 / (tree.total(tree.rest) + species.stem_cells.everyone)
        return stages + each, stem + each
    other_half = np.arange(4) % 2 == k % 2  # k is 1 or 3 for what those of even id feel
    if k in OF_TIP:
        return stages, stem + 2.0 * other_half * (np.arange(4) > 1) / species.stem_cells.tip_number
    part = {name: share / _rest(name, model) for name, share in PRIMITIVE.items()}
    if k == KIT:
        uptake = species.cytokines["SCF"].uptake
        whole = sum(volume * _rest(name, model) for name, volume in uptake.items())
        part = {name: 0.5 * (part.get(name, 0.0) + uptake.get(name, 0.0) / whole) for name in part | uptake}
    for name in part.keys() - {"HSC"}:
        stages[tree.rows(name)] = part[name]
    return stages, stem + part["HSC"] * (1.0 if k == KIT else 2.0 * other_half)


def _rest(name, model):
    """Cells of a compartment in the organism at rest."""
    return model.species.stem_cells.everyone if name == "HSC" else float(model.tree.total(model.tree.rest, name))


def reach(k, model):
    """Over how far density `k` is felt [um]; what competes with stem cells so far that `RESOLVED` stored ones make it up."""
    stem = model.species.stem_cells
    if k in (CELLS, KIT):
        return model.species.stroma.reach
    half = 0.5 * model.piece_share / model.stem_weight * (stem.tip_number if k in OF_TIP else stem.everyone)
    return max(stem.crowd_length, (RESOLVED * model.n * model.lattice.volume / (8 * np.pi * half)) ** (1 / 3))


def density(k, counts, stem, everyone, model, out):
    """Density `k` of each voxel, times its volume, into `out` (n,); `everyone` from `everyone_of`."""
    organism = model.species.organism.marrow_volume * model.species.organism.extravascular
    stages, each = shares(k, model)
    if k == CELLS:
        np.multiply(everyone, organism * each[0], out=out)
        return
    kernel.by_voxel(counts, organism * stages * model.weight, out)
    for quarter, one in zip(stem, each):
        if one:
            accumulate(out, quarter, organism * one)


def loads(cells, stem, share, model):
    """(6,) the densities of a stirred `share` of the organism's marrow, over rest; real cells of it by stage (n_stage,), and
    stem cells by quarters (4,), or by kind (2,): others, tip, each of which is halved."""
    quartered = stem if len(stem) == 4 else np.repeat(0.5 * stem, 2)
    found = [shares(k, model) for k in range(len(DENSITIES))]
    lines = len(model.tree.lines)  # one without cells changes no bit
    kept = [sum(line @ part for line, part in zip(np.split(stages, lines), np.split(cells, lines))) for stages, _ in found]
    return np.array([here + each @ quartered for here, (_, each) in zip(kept, found)]) / share
