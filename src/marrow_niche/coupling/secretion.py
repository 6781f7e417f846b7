"""Cells and stroma speak: what each voxel releases and clears, and the fields that follow."""

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import books
from marrow_niche.kernels import cells as kernel
from marrow_niche.kernels import exchange as passes
from marrow_niche.marrow.cytokines import MOLECULES_PER_NM_UM3, Surroundings
from marrow_niche.transport.engine import together
from marrow_niche.transport.steady import solve_compact

MEGAKARYOCYTE = "megakaryocyte"
RTOL = 1e-5
"""Largest relative residual of the fields of a run."""
FLOWS = ("secreted", "decayed", "taken_up", "entered", "left")
"""What becomes of the molecules of a field; the last two through vessel walls."""


def stem_density(state, model):
    """(2, n) stem cells of the piece in each voxel, by weight [cells]: those of even id, and of odd."""
    return model.stem_weight * halves(state.stem, model.n)


def halves(stem, n):
    """(2, n) number of those stored stem cells in each voxel whose id is even, and odd."""
    return np.stack([np.bincount(stem.voxel[(stem.voxel >= 0) & (stem.id % 2 == k)], minlength=n) for k in (0, 1)])


def cells_of(counts, names, model):
    """(n,) real cells of the named compartments in each voxel; `counts` (n_stage, n) stored cells."""
    return _weighed(counts, dict.fromkeys(names, 1.0), model)


def _weighed(counts, value, model):
    """(n,) sum of the cells in each voxel, each real cell at the `value` of its compartment, by name."""
    weight = np.zeros(len(model.weight))
    for name, each in value.items():
        rows = model.tree.rows(name)
        weight[rows] += each * model.weight[rows]
    return kernel.by_voxel(counts, weight)


def clearing(c, counts, stem, everyone, model):
    """(n,) volume that the cells of each voxel clear of cytokine `c` in an hour [um^3/h]."""
    every = {"HSC": stem, "cells": everyone}
    total = _weighed(counts, {name: volume for name, volume in c.uptake.items() if name not in every}, model)
    for name in every.keys() & c.uptake.keys():
        passes.accumulate(total, every[name], c.uptake[name])
    return total


def source(c, counts, niche, model):
    """(n,) molecules/h that stroma, vessels and megakaryocytes of each voxel release of cytokine `c`."""
    g = model.geometry
    total = passes.released(
        g.extravascular, model.lattice.volume, c.everywhere, c.per_fat, niche.fat, c.per_wall, g.sinusoid_area, niche.vessel
    )
    if c.per_stroma:
        passes.deposit(total, g.niches.stroma_voxel, niche.stroma, c.per_stroma)
    if c.per_osteoblast:
        passes.deposit(total, g.niches.osteoblast_voxel, niche.osteoblast, c.per_osteoblast)
    if c.per_megakaryocyte:
        passes.deposit(total, g.niches.megakaryocyte_voxel, megakaryocytes(counts, model), c.per_megakaryocyte)
    return total


def megakaryocytes(counts, model):
    """(m,) megakaryocytes that each megakaryocyte of the niche stands for: those of the voxels nearest to it."""
    g = model.geometry.niches
    there = g.territory >= 0
    return np.bincount(
        g.territory[there], cells_of(counts, [MEGAKARYOCYTE], model)[there], minlength=len(g.megakaryocyte)
    )


def surroundings(c, counts, stem, everyone, niche, model):
    """What field `c` meets in each voxel: a `Surroundings`."""
    g = model.geometry
    return Surroundings(
        source=source(c, counts, niche, model),
        clearing=clearing(c, counts, stem, everyone, model),
        sinusoid=g.sinusoid_area * niche.vessel,
        arteriole=g.arteriole_area,
        extravascular=g.extravascular,
    )


def _lay_terms(c, counts, stem, everyone, niche, blood, before, model, rows):
    """Lay `cytokines.terms` of field `c` into `rows`: source, loss, exchange, blood-side level, (n,) each."""
    g = model.geometry
    passes.terms(
        source(c, counts, niche, model),
        clearing(c, counts, stem, everyone, model),
        g.extravascular,
        g.sinusoid_area,
        niche.vessel,
        g.arteriole_area,
        before,
        model.lattice.volume,
        MOLECULES_PER_NM_UM3,
        c.decay,
        c.saturation,
        c.permeability,
        blood,
        c.arteriole_level or blood,
        *rows,
    )


def blood_level(c, hormones, species):
    """Sinusoid-side concentration of field `c` [nM]."""
    if c.hormone is None:
        return c.sinusoid_level
    return getattr(species.hormones, c.hormone) * getattr(hormones, c.hormone)


def solve_fields(counts, stem, niche, hormones, fields, around, model, rtol=RTOL):
    """Solve every field and the four smoothed densities anew, in place of `fields` (n_field, n) and `around` (4, n).

    A density is smoothed by the same equation: −∇·(φ L² ∇c) + φ c = density keeps its mean and spreads it over L.

    `counts` (n_stage, n) and `stem` (2, n) are stored cells of the lineages and real stem cells by halves. Returns the true
    relative residual of each field (n_field,) and its flows [molecules/h of the piece] (n_field, 5), in the order of `FLOWS`.
    """
    species, n_field, f = model.species, len(fields), model.geometry.extravascular
    split, stem = stem, stem.sum(axis=0)
    everyone = cells_of(counts, model.tree.first, model) + stem
    smoothed = densities(counts, split, everyone, model)
    targets, cytokine = [*fields, *around], list(species.cytokines.values())
    names = [*species.cytokines, "cells nearby", *2 * ["primitive cells nearby"], "Kit+ cells nearby"]
    residual, books = np.zeros(n_field), np.zeros((n_field, len(FLOWS)))
    room = np.empty((5, together(model.n), model.n))  # used again: what is new each time costs more than what is in it
    for first in range(0, len(targets), room.shape[1]):
        batch = range(first, min(first + room.shape[1], len(targets)))
        source, loss, exchange, wall, guess = room[:, : len(batch)]
        spread = np.zeros(len(batch))
        for row, k in enumerate(batch):
            guess[row] = targets[k]
            if k < n_field:
                c = cytokine[k]
                room_of = source[row], loss[row], exchange[row], wall[row]
                _lay_terms(c, counts, stem, everyone, niche, blood_level(c, hormones, species), guess[row], model, room_of)
                spread[row] = c.diffusivity
            else:
                density, length = smoothed[k - n_field]
                source[row], loss[row], exchange[row], wall[row] = density / model.lattice.volume, f, 0.0, 0.0
                spread[row] = length**2
        try:
            answer = solve_compact(
                model.domain,
                source,
                diffusivity=spread,
                loss=loss,
                spacing=model.lattice.spacing,
                exchange=exchange,
                wall=wall,
                guess=guess,
                rtol=rtol,
            )
        except NumericsError as error:
            raise NumericsError(f"Of {', '.join(names[k] for k in batch)}, counted from 0, {error}") from None
        for row, k in enumerate(batch):
            targets[k][:] = answer.concentration[row]
        here = [k for k in batch if k < n_field]
        if here:
            rows = slice(len(here))
            residual[here] = answer.residual[rows]
            decay = np.array([cytokine[k].decay for k in here])
            asked = source[rows], loss[rows], exchange[rows], wall[rows]
            books[here] = flows(answer.concentration[rows], *asked, decay, f, model.lattice.volume)
    return residual, books


def flows(fields, source, loss, exchange, wall, decay, share, volume):
    """What is secreted, decays, is taken up, enters and leaves of each field [molecules/h]: (n_field, 5), see `FLOWS`.

    All (n_field, n) as solved [nM, nM/h, 1/h, 1/h, nM]; `decay` (n_field,) [1/h] in the `share` (n,) of each voxel is the
    part of `loss` that needs no receptor; `volume` of a voxel [um^3].
    """
    return MOLECULES_PER_NM_UM3 * volume * books.flows(fields, source, loss, exchange, wall, decay, share)


def gaps(flows):
    """(n_field,) |what comes − what goes| over the largest flow of each field; `flows` (n_field, 5). Nothing is stored."""
    secreted, decayed, taken_up, entered, left = np.asarray(flows).T
    size = np.abs(flows).max(axis=1)
    gap = np.abs(secreted + entered - decayed - taken_up - left)
    return np.divide(gap, size, out=np.zeros_like(size), where=size > 0.0)


def go_on(state):
    """Carry fields and densities on by an hour along their trend between the last two solves, in place."""
    n_field = len(state.fields)
    state.fields += state.trend[:n_field]
    state.around += state.trend[n_field:]


def densities(counts, stem, everyone, model):
    """Cells, primitive load twice and Kit+ load per space over the species' rest, each (n,), with the reach it is felt at.

    Primitive load is what competes for membrane SCF (0.7 HSC, 0.2 MPP, 0.1 HPC1 at rest): first what stem cells of even id
    feel, then those of odd. No cell competes with itself, so each half of the `stem` cells (2, n) feels the other half, twice;
    else a stored cell would crowd itself by its weight, and a piece fare worse the fewer cells stand for it. Kit+ load is the
    mean of primitive load and of the load on soluble SCF, by uptake.
    """
    species, tree = model.species, model.tree
    number = species.stem_cells.number

    def rest(name):
        return number if name == "HSC" else float(tree.rest[tree.rows(name)].sum())

    def load(each):
        return _weighed(counts, {k: v for k, v in each.items() if k != "HSC"}, model)

    uptake = species.cytokines["SCF"].uptake
    whole = sum(volume * rest(name) for name, volume in uptake.items())
    part = {name: share / rest(name) for name, share in PRIMITIVE.items()}
    others = load(part)
    crowds = [others + 2.0 * part["HSC"] * half for half in stem[::-1]]
    kit = 0.25 * (crowds[0] + crowds[1]) + 0.5 / whole * (load(uptake) + uptake.get("HSC", 0.0) * stem.sum(axis=0))
    organism = species.organism.marrow_volume * species.organism.extravascular
    nucleated = tree.rest.sum() + number
    reach = species.stroma.reach
    return [
        (everyone / nucleated * organism, reach),
        *((crowd * organism, species.stem_cells.crowd_length) for crowd in crowds),
        (kit * organism, reach),
    ]


def scf_load(counts, stem, model):
    """Load on soluble SCF over rest [-]: uptake by stem cells and by stages `counts` (n_stage,), any one size of marrow."""
    tree, number = model.tree, model.species.stem_cells.number
    now = rest = 0.0
    for name, volume in model.species.cytokines["SCF"].uptake.items():
        now += volume * (stem if name == "HSC" else counts[tree.rows(name)].sum())
        rest += volume * (number if name == "HSC" else tree.rest[tree.rows(name)].sum())
    return now / rest


PRIMITIVE = {"HSC": 0.7, "MPP": 0.2, "HPC1": 0.1}
