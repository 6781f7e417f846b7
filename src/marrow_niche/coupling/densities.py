"""Who is there: cells by voxel, and the smoothed densities that niche and stem cells feel.

Four densities, each over the species' rest: cellularity, the primitive load twice, and the Kit+ load. Primitive load is what
competes for membrane SCF (0.7 HSC, 0.2 MPP, 0.1 HPC1 at rest): first what stem cells of even id feel, then those of odd. No
cell competes with itself, so each half of the stem cells feels the other half, twice; else a stored cell would crowd itself
by its weight, and a piece fare worse the fewer cells stand for it. Kit+ load is the mean of primitive load and of the load on
soluble SCF, by uptake.
"""

import numpy as np

from marrow_niche.kernels import cells as kernel
from marrow_niche.kernels.exchange import accumulate

DENSITIES = ("cells nearby", "primitive cells nearby", "primitive cells nearby", "Kit+ cells nearby")
PRIMITIVE = {"HSC": 0.7, "MPP": 0.2, "HPC1": 0.1}


def stem_density(state, model):
    """(2, n) stem cells of the piece in each voxel, by weight [cells]: those of even id, and of odd."""
    return model.stem_weight * halves(state.stem, model.n)


def halves(stem, n):
    """(2, n) number of those stored stem cells in each voxel whose id is even, and odd."""
    return np.stack([np.bincount(stem.voxel[(stem.voxel >= 0) & (stem.id % 2 == k)], minlength=n) for k in (0, 1)])


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
    return kernel.by_voxel(counts, weight)


def everyone_of(counts, stem, model):
    """(n,) all real cells of each voxel; `stem` (2, n) by halves."""
    return kernel.by_voxel(counts, model.weight) + stem[0] + stem[1]


def shares(k, model):
    """What one real cell adds to density `k` of a whole organism: (n_stage,), and a stem cell of each half (2,)."""
    species, tree = model.species, model.tree
    stages, stem = np.zeros(len(tree.rest)), np.zeros(2)
    if k == 0:
        each = 1.0 / (tree.total(tree.rest) + species.stem_cells.everyone)
        return stages + each, stem + each
    part = {name: share / _rest(name, model) for name, share in PRIMITIVE.items()}
    if k == 3:
        uptake = species.cytokines["SCF"].uptake
        whole = sum(volume * _rest(name, model) for name, volume in uptake.items())
        part = {name: 0.5 * (part.get(name, 0.0) + uptake.get(name, 0.0) / whole) for name in part | uptake}
    for name in part.keys() - {"HSC"}:
        stages[tree.rows(name)] = part[name]
    stem[:] = part["HSC"] * np.array({1: (0.0, 2.0), 2: (2.0, 0.0), 3: (1.0, 1.0)}[k])
    return stages, stem


def _rest(name, model):
    """Cells of a compartment in the organism at rest."""
    return model.species.stem_cells.everyone if name == "HSC" else float(model.tree.total(model.tree.rest, name))


def reach(k, species):
    """Over how far density `k` is felt [um]."""
    return species.stem_cells.crowd_length if k in (1, 2) else species.stroma.reach


def density(k, counts, stem, everyone, model, out):
    """Density `k` of each voxel, times its volume, into `out` (n,); `everyone` from `everyone_of`."""
    organism = model.species.organism.marrow_volume * model.species.organism.extravascular
    stages, each = shares(k, model)
    if k == 0:
        np.multiply(everyone, organism * each[0], out=out)
        return
    out[:] = kernel.by_voxel(counts, organism * stages * model.weight)
    for half, one in zip(stem, each):
        if one:
            accumulate(out, half, organism * one)


def loads(cells, stem, share, model):
    """(4,) the densities of a stirred `share` of the organism's marrow, over rest; real cells of it by stage (n_stage,), and
    stem cells by halves (2,) or their number, which is halved."""
    halved = np.full(2, 0.5 * stem) if np.ndim(stem) == 0 else stem
    found = [shares(k, model) for k in range(len(DENSITIES))]
    lines = len(model.tree.lines)  # one without cells changes no bit
    kept = [sum(line @ part for line, part in zip(np.split(stages, lines), np.split(cells, lines))) for stages, _ in found]
    return np.array([here + each @ halved for here, (_, each) in zip(kept, found)]) / share
