"""Cells and stroma speak: what each voxel releases and clears, and the fields that follow."""

from typing import NamedTuple

import numpy as np

from marrow_niche.coupling.densities import DENSITIES, cells_of, density, everyone_of, reach, weighed
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import books
from marrow_niche.kernels import exchange as passes
from marrow_niche.marrow import genes
from marrow_niche.marrow.cytokines import MOLECULES_PER_NM_UM3, Surroundings
from marrow_niche.transport.engine import together
from marrow_niche.transport.steady import solve_compact

MEGAKARYOCYTE = "megakaryocyte"
RTOL = 1e-4
"""Largest relative residual of the fields of a run: in a whole femur after 6 Gy they are then off by 6e-5 of their mean, voxel
by voxel in the mean, and by 2 % of it in the worst voxel, while a field waits until it is off by 2 %."""
DENSITY_RTOL = 3e-2
"""The same of smoothed densities, whose sources are single cells that stand for many: off by 1 % of their mean, voxel by voxel,
while every move of such a cell changes them more. The mean is exact whatever the tolerance."""
FLOWS = ("secreted", "decayed", "taken_up", "entered", "left")
"""What becomes of the molecules of a field; the last two through vessel walls."""


def clearing(c, counts, stem, everyone, model):
    """(n,) volume that the cells of each voxel clear of cytokine `c` in an hour [um^3/h]."""
    every = {"HSC": stem, "cells": everyone}  # the latter may be None where `c` is not taken up by all
    own = {name: volume for name, volume in c.uptake.items() if name not in every}
    total = weighed(counts, own, model, genes.uptake(c.receptor, model.genes, len(model.tree.lines)))
    for name, number in every.items():  # in this order always: a set's would change the bits
        if name in c.uptake:
            passes.accumulate(total, number, c.uptake[name])
    return total


def source(c, counts, niche, model):
    """(n,) molecules/h that stroma, vessels and megakaryocytes of each voxel release of cytokine `c`."""
    g, total, per_voxel = model.geometry, np.empty(model.n), model.lattice.volume
    passes.released(
        g.extravascular, per_voxel, c.everywhere, c.per_fat, niche.fat, c.per_wall, g.sinusoid_area, niche.vessel, total
    )
    if c.per_arteriole:
        passes.accumulate(total, g.arteriole_area, c.per_arteriole)
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


class Solved(NamedTuple):
    """What a call of `solve_fields` says of each of its R rows, in their order."""

    rows: tuple[int, ...]
    residual: np.ndarray  # (R,) true relative residual
    flows: np.ndarray  # (R, 5) [molecules/h of the piece], see `FLOWS`; nothing for a density
    off: np.ndarray  # (R, 2) what stood there before: its mean over that of the answer less 1, mean |difference| over mean


def solve_fields(counts, stem, niche, hormones, fields, around, model, *, rtol=None, rows=None):
    """Solve fields and smoothed densities anew, in place of `fields` (n_field, n) and `around` (6, n); returns `Solved`.

    A density is smoothed by the same equation: −∇·(φ L² ∇c) + φ c = density keeps its mean and spreads it over L.

    `counts` (n_stage, n) and `stem` (4, n) are stored cells of the lineages and real stem cells by quarters. `rows` of fields
    and then densities are solved, all by default, to `rtol`, or `RTOL` and `DENSITY_RTOL`.
    """
    species, n_field, f = model.species, len(fields), model.geometry.extravascular
    rows = tuple(range(n_field + len(around))) if rows is None else tuple(rows)
    targets, cytokine = [*fields, *around], list(species.cytokines.values())
    names = [*species.cytokines, *DENSITIES]
    eaten_by_all = any(k < n_field and "cells" in cytokine[k].uptake for k in rows)
    everyone = everyone_of(counts, stem, model) if eaten_by_all or n_field in rows else None  # all stages are read for it
    whole = stem.sum(axis=0)
    solved = Solved(rows, np.zeros(len(rows)), np.zeros((len(rows), len(FLOWS))), np.zeros((len(rows), 2)))
    # fields and densities apart, as many together as are solved at once
    parts = [[i for i, k in enumerate(rows) if k < n_field], [i for i, k in enumerate(rows) if k >= n_field]]
    size = together(model.n)
    batches = [part[first : first + size] for part in parts for first in range(0, len(part), size)]
    room = np.empty((5, max(map(len, batches), default=0), model.n))  # used again: what is new costs more than what is in it
    for batch in batches:
        source, loss, exchange, wall, guess = room[:, : len(batch)]
        spread, is_field = np.zeros(len(batch)), rows[batch[0]] < n_field
        for row, i in enumerate(batch):
            k = rows[i]
            guess[row] = targets[k]
            if is_field:
                c = cytokine[k]
                room_of = source[row], loss[row], exchange[row], wall[row]
                _lay_terms(c, counts, whole, everyone, niche, blood_level(c, hormones, species), guess[row], model, room_of)
                spread[row] = c.diffusivity
            else:
                density(k - n_field, counts, stem, everyone, model, source[row])
                source[row] /= model.lattice.volume
                loss[row] = f
                spread[row] = reach(k - n_field, model) ** 2
        try:
            answer = solve_compact(
                model.domain,
                source,
                diffusivity=spread,
                loss=loss,
                spacing=model.lattice.spacing,
                exchange=exchange if is_field else None,
                wall=wall if is_field else None,
                guess=guess,
                rtol=rtol or (RTOL if is_field else DENSITY_RTOL),
            )
        except NumericsError as error:
            raise NumericsError(f"Of {', '.join(names[rows[i]] for i in batch)}, counted from 0, {error}") from None
        for row, i in enumerate(batch):
            solved.off[i] = passes.off(guess[row], answer.concentration[row])
            targets[rows[i]][:] = answer.concentration[row]
        solved.residual[batch] = answer.residual
        if is_field:
            decay = np.array([cytokine[rows[i]].decay for i in batch])
            asked = source, loss, exchange, wall
            solved.flows[batch] = flows(answer.concentration, *asked, decay, f, model.lattice.volume)
    return solved


def flows(fields, source, loss, exchange, wall, decay, share, volume):
    """What is secreted, decays, is taken up, enters and leaves of each field [molecules/h]: (n_field, 5), see `FLOWS`.

    All (n_field, n) as solved [nM, nM/h, 1/h, 1/h, nM]; `decay` (n_field,) [1/h] in the `share` (n,) of each voxel is the
    part of `loss` that needs no receptor; `volume` of a voxel [um^3].
    """
    return MOLECULES_PER_NM_UM3 * volume * books.flows(fields, source, loss, exchange, wall, decay, share)


def held(state, model):
    """(n_field,) molecules of each field in the marrow of the piece, as it stood at its last solve."""
    volume = MOLECULES_PER_NM_UM3 * model.space
    return np.array([volume @ field for field in state.fields]) / state.followed[: len(state.fields)]


def gaps(flows):
    """(n_field,) |what comes − what goes| over the largest flow of each field; `flows` (n_field, 5). Nothing is stored."""
    secreted, decayed, taken_up, entered, left = np.asarray(flows).T
    size = np.abs(flows).max(axis=1)
    gap = np.abs(secreted + entered - decayed - taken_up - left)
    return np.divide(gap, size, out=np.zeros_like(size), where=size > 0.0)
