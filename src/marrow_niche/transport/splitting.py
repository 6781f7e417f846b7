"""Operator splitting by locally one-dimensional sweeps, kept to compare with programs that step so."""

from dataclasses import replace
from functools import partial

import numpy as np

from marrow_niche.kernels import splitting as kernels
from marrow_niche.transport.batches import march
from marrow_niche.transport.bricks import BRICK
from marrow_niche.transport.domain import as_given, neighbours_of
from marrow_niche.transport.medium import share
from marrow_niche.transport.shapes import even

AXES = (2, 1, 0)  # in the order of the sweeps


def lod(medium):
    """Backward Euler along x, then y, then z: a mode for comparison, not for results.

    What is made comes first, then each of the m axes along which the lattice extends is a sweep with 1/m of the loss;
    with L_x = A_x + k/m, and s what is made and enters from the blood,

        (1 + dt L_x) c₁ = c + dt s ,   (1 + dt L_y) c₂ = c₁ ,   (1 + dt L_z) c' = c₂ ,

    or, put together, with A + k = L_x + L_y + L_z,

        (1 + dt (A + k)) c' + [dt² (L_x L_y + L_x L_z + L_y L_z) + dt³ L_x L_y L_z] c' = c + dt s .

    The bracket is the splitting error. It does not vanish at rest: the sweeps rest where

        (A + k) c = s − [dt (L_x L_y + L_x L_z + L_y L_z) + dt² L_x L_y L_z] c ,

    off by a part that grows with dt k and D dt / h²: percents where these are 0.05, all of c where they are 10. Along one
    axis alone it is backward Euler. Never negative, what is not lost is kept, any dt is stable, first order in dt. In
    float32 where the field is; the factors of the sweeps are worked out once, in float64.

    Returns
    -------
    march(c, source, steps, reaction=None, alone=False)
        See `batches.march`.

    References
    ----------
    Yanenko, The Method of Fractional Steps, 1971; as in BioFVM: Ghaffarizadeh, Friedman & Macklin, Bioinformatics 32,
    2016, 1256-1258, where the loss of a substrate is shared so (and the uptake of cells is split off besides).
    """
    medium = replace(medium, domain=as_given(medium.domain))
    blocks, of_blocks, extent = medium.domain.blocks
    neighbour, stand = medium.domain.neighbour, medium.domain.standing
    axes = [axis for axis in AXES if (neighbour[:, 2 * axis] >= 0).any()] or [2]
    whole = medium.domain.regions == 1 and medium.domain.n == np.prod(extent)
    rows = [_Row(medium, s, blocks, whole) for s in range(medium.species)]
    starts = {} if all(row.box for row in rows) else {axis: kernels.starts(neighbour, axis) for axis in AXES}

    def work(job):
        s, axis = job // 3, AXES[job % 3]
        row, lost = rows[s], medium.lost[s][:1] if rows[s].box else medium.lost[s]
        loss = lost / len(axes) if axis in axes else np.zeros(1)  # this sweep's share
        if row.box:
            row.factors[job % 3] = _of_a_line(int(extent[axis]), medium.weights[s], medium.dt, loss[0], medium.dtype)
            return
        weight = np.broadcast_to(medium.weights[s], neighbour.shape)
        loss = np.broadcast_to(loss, medium.domain.n)
        scale, low, high = np.empty((3, medium.domain.n))
        kernels.factors(starts[axis], neighbour, axis, weight, medium.dt, loss, scale, low, high)
        into = of_blocks if axis == 2 else stand
        scale = into.stored(scale, medium.dtype)
        if row.ties is None:
            row.factors[job % 3] = scale, into.stored(low, medium.dtype), into.stored(high, medium.dtype)
        else:
            row.factors[job % 3] = scale, scale, scale

    share(work, [medium.domain.n] * (3 * medium.species))
    return partial(march, medium, rows)


class _Row:
    """One species (`batches.Row`)."""

    swaps = False

    def __init__(self, medium, s, blocks, whole):
        weight, self.dt, self.dtype = medium.weights[s], medium.dt, medium.dtype
        self.bricks, self.blocks = medium.domain.standing.bricks, blocks
        self.ties = self.dtype.type(medium.dt * weight) if np.isscalar(weight) else None
        self.box = True if whole and self.ties is not None and even(medium.lost[s]) is not None else None
        self.factors = [None] * 3

    def make(self, total):
        self.made = np.multiply(self.dt, total).astype(self.dtype)[()]

    def go(self, steps, c, spare, shared):
        kernel = kernels.march_shared if shared else kernels.march
        x, y, z = self.factors
        kernel(steps, self.bricks, self.blocks, self.box, self.ties, self.made, x, y, z, c)


def _of_a_line(length, weight, dt, loss, dtype):
    """The factors of one run of so many voxels, zero behind it up to a whole brick."""
    _, neighbour = neighbours_of(np.ones(length, bool))
    found = np.zeros((3, -(-length // BRICK) * BRICK))
    weight = np.full(neighbour.shape, weight)
    scale, low, high = found[:, :length]
    kernels.factors(np.zeros(1, np.int64), neighbour, 2, weight, dt, np.full(length, loss), scale, low, high)
    return tuple(found.astype(dtype))
