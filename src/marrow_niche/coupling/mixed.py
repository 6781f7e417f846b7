"""The stirred marrow: the same sources and sinks without the space between them, which is the mean-field model."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.coupling.densities import CROWD, loads, quarters
from marrow_niche.coupling.secretion import MEGAKARYOCYTE, blood_level
from marrow_niche.kernels.cells import by_stage, product_sum
from marrow_niche.marrow import cytokines, genes, stem_cells


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The piece without its space: real cells by stage (n_stage,), stem cells by kind (2,), and what stroma (`membrane`: with
    SCF on its membranes) and vessels amount to."""

    cells: np.ndarray
    stem: np.ndarray
    stroma: float
    membrane: float
    osteoblasts: float
    wall: float
    arteriole: float
    fat: float
    space: float


def totals(state, model, number=None):
    """`Totals` of the piece now; `number` (2,) of stem cells [cells] instead of those in the list."""
    g, niche, s = model.geometry, state.stroma, state.stem
    return Totals(
        cells=model.weight * by_stage(state.counts),
        stem=model.stem_weight * np.bincount(s.tip[s.voxel >= 0], minlength=2) if number is None else number,
        stroma=float(niche.stroma.sum()),
        membrane=product_sum(niche.stroma, niche.membrane),
        osteoblasts=float(niche.osteoblast.sum()),
        wall=product_sum(g.sinusoid_area, niche.vessel),
        arteriole=model.all_wall[1],
        fat=model.lattice.volume * product_sum(g.extravascular, niche.fat),
        space=model.all_space,
    )


def resting_totals(model):
    """`Totals` of a piece whose densities are the species' own."""
    g, fat = model.geometry, model.species.stroma.fat_at_rest
    return Totals(
        cells=model.piece_share * model.tree.rest,
        stem=model.piece_share * model.species.stem_cells.numbers,
        stroma=float(len(g.niches.stroma)),
        membrane=float(len(g.niches.stroma)),
        osteoblasts=float(len(g.niches.osteoblast)),
        wall=model.all_wall[0],
        arteriole=model.all_wall[1],
        fat=fat * model.all_space,
        space=model.all_space,
    )


def stirred_level(c, t, hormones, model):
    """Concentration of cytokine `c` in the stirred marrow [nM]: what enters over what removes it."""
    tree = model.tree
    eaten = 0.0
    receptor = genes.uptake(c.receptor, model.genes, len(tree.lines))
    for name, volume in c.uptake.items():
        if name == "HSC":
            eaten += volume * t.stem.sum()
        elif name == "cells":
            eaten += volume * (tree.total(t.cells) + t.stem.sum())
        else:
            eaten += volume * tree.total(t.cells, name, value=receptor)
    made = (
        c.per_stroma * t.stroma
        + c.per_osteoblast * t.osteoblasts
        + c.per_wall * t.wall
        + c.per_arteriole * t.arteriole
        + c.per_fat * t.fat
        + c.everywhere * t.space
        + c.per_megakaryocyte * tree.total(t.cells, MEGAKARYOCYTE)
    )
    return cytokines.well_mixed(c, made, eaten, t.wall, t.arteriole, t.space, blood_level(c, hormones, model.species))


def levels(state, model):
    """(n_field + 6,) concentrations [nM] and densities of the stirred marrow now: what fields and densities follow."""
    now, s = totals(state, model), state.stem
    quarter = model.stem_weight * np.bincount(quarters(s)[s.voxel >= 0], minlength=4)
    fields = [stirred_level(c, now, state.hormones, model) for c in model.species.cytokines.values()]
    return np.array([*fields, *loads(now.cells, quarter, model.piece_share, model)])


def stirred(t, hormones, model):
    """Signals of the stirred marrow over their value at the species' rest, by name; 'vessel', and 'membrane' (2,) by kind of
    stem cell: others, tip."""
    felt = {
        name: stirred_level(c, t, hormones, model) / model.mixed_rest[name]
        for name, c in model.species.cytokines.items()
    }
    rest, stem = resting_totals(model), model.species.stem_cells
    vessel = t.wall / rest.wall
    on_stroma = (1 - stem.membrane_wall_share) * t.membrane / max(rest.stroma, 1e-300)
    supply = on_stroma + stem.membrane_wall_share * vessel * model.genes.membrane_scf
    load = loads(t.cells, t.stem, model.piece_share, model)[CROWD][::2]
    q = stem.membrane_competition
    felt["membrane"] = supply * (1 + q) / (1 + q * load) if model.switches.contact_scf else np.full(2, felt["SCF"])
    felt["vessel"] = stem_cells.vessel_signal(vessel)
    felt["EPO"], felt["FLT3L"] = hormones.epo, hormones.flt3l
    return felt
