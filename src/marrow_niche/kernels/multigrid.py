"""Steady diffusion with loss on a masked lattice: conjugate gradients, multigrid as preconditioner, eight voxels at a time.

The equations, one for each open voxel i of the lattice (g: conductance of a face, k: loss, both in 1/time),

    Σ_faces g_ij (c_i − c_j) + k_i c_i = b_i ,

are symmetric, and an M-matrix: sources never below zero give concentrations never below zero. A wall has no face.

Voxels stand in bricks (`transport.bricks`). A coarse voxel's faces sum those of its voxels, halved for the doubled
distance; its loss sums theirs. The cycle works in float32, and so do the conjugate gradients, on a residual that is
measured in float64: what they find is added to the solution in float64 until that residual is as small as asked for.

Red voxels touch black ones alone. Once they are relaxed nothing is left on them, and a cycle ends by relaxing them: so the
gradients know the black voxels only, half the numbers, and what red ones add is worked out from these in the end.

All species advance together. A sweep is cut into tasks of `CHUNK` bricks of one species, which threads share; sums are
taken task by task and added in their order. So one species uses all threads too, and the bits do not depend on them.

References
----------
Briggs, Henson, McCormick, A Multigrid Tutorial, SIAM 2000; Tatebe, The multigrid preconditioned conjugate gradient
method, NASA CP-3224, 1993; Saad, Iterative Methods for Sparse Linear Systems, SIAM 2003, ch. 12.4 (red-black ordering);
Carson and Higham, SIAM J Sci Comput 2018 (refinement in two precisions).
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.sweeps import (
    BEGIN,
    BLACK,
    CORRECT,
    DESCEND,
    DOWN,
    FINEST,
    FIRST_BLACK,
    FIRST_RED,
    GATHER,
    INVERT,
    LAST,
    LEFT,
    LOCAL_BLACK,
    LOCAL_RED,
    RED,
    RESIDUAL,
    SCALE,
    SURVEY,
    TURN,
    UNEVEN,
    UP,
    begin,
    correct,
    descend,
    finish,
    invert,
    leave,
    prolong,
    residual,
    restrict,
    smooth,
    smooth_some,
    survey,
    turn,
)

CHUNK = 512
"""Bricks of a task."""
LOCAL = 1
"""How often the bricks round parted blocks are relaxed again, on the way down and on the way up."""
COARSE = 2
"""How often coarse levels, which are cheap, are relaxed on the way down and again on the way up; the finest: once."""


class Work(NamedTuple):
    """Arrays of S species: on all levels (S, T) float32, on the finest (S, T₀) or, of one colour, (S, T₀ / 2)."""

    inverse: np.ndarray  # (S, T) one over the diagonal, 0 in closed voxels
    r: np.ndarray  # (S, T) residual, and the right hand sides of the coarse levels
    z: np.ndarray  # (S, T) what a cycle finds
    p: np.ndarray  # (S, T₀ / 2) direction on black voxels
    q: np.ndarray  # (S, T₀ / 2) its image
    w: np.ndarray  # (S, T₀ / 2) what red voxels have round parted blocks before a cycle goes down; zero elsewhere
    e: np.ndarray  # (S, T₀) what the conjugate gradients have found on black voxels
    k: np.ndarray  # (S, T₀) loss
    loss: np.ndarray  # (S, T₀) float64, like the next two
    b: np.ndarray  # (S, T₀) right hand side
    c: np.ndarray  # (S, T₀) solution


class Faces(NamedTuple):
    """Conductances to +z, +y and +x and the sum of all six: float32 on all levels (T,), float64 on the finest (T₀,).

    Where all are 1 on the finest level, the double-precision ones are empty: the sums say it all.
    """

    z: np.ndarray
    y: np.ndarray
    x: np.ndarray
    sum: np.ndarray
    fine_z: np.ndarray
    fine_y: np.ndarray
    fine_x: np.ndarray
    fine_sum: np.ndarray


@njit(cache=True, parallel=True)
def _sweep(op, level, active, bricks, plain, faces, work, ledger, number, part):
    """Do `op` for each of the `active` species, its bricks shared out in tasks; sums go to part[species, task]."""
    region, positive, gain, shift, books = ledger
    row = level + 1 if op in (UP, DOWN, GATHER) else level
    begin_, end = bricks.brick[row], bricks.brick[row + 1]
    local, black = FIRST_BLACK <= op <= LOCAL_RED, op in (FIRST_BLACK, LOCAL_BLACK)
    some = bricks.local_black if black else bricks.local_red
    if local:
        begin_, end = 0, some.size
    tasks = (end - begin_ + CHUNK - 1) // CHUNK
    gz, gy, gx = faces.z, faces.y, faces.x
    for t in prange(tasks * active.size):
        s = active[t % active.size]  # one species after the other while the faces are at hand
        task = t // active.size
        first = begin_ + task * CHUNK
        last = min(first + CHUNK, end)
        inverse, r, z = work.inverse[s], work.r[s], work.z[s]
        if op <= RED:
            smooth(op, level, first, last, bricks, plain, gz, gy, gx, inverse, r, z)
        elif local:
            red = work.w[s] if op <= FIRST_RED else z
            smooth_some(black, some[first:last], plain, bricks, gz, gy, gx, inverse, r, z, red)
        elif op == LEFT:
            leave(first, last, bricks, plain, gz, gy, gx, inverse, z, work.w[s])
        elif op in (UP, GATHER):
            restrict(op, level, first, last, bricks, gz, gy, gx, inverse, r, z, work.k[s])
        elif op == DOWN:
            prolong(level, first, last, bricks, inverse, z, work.w[s])
        elif op == BEGIN:
            begin(first, last, bricks, plain, gz, gy, gx, inverse, r, z)
        elif op == LAST:
            part[s, task] = finish(first, last, bricks, plain, gz, gy, gx, inverse, r, z)
        elif op == TURN:
            part[s, task] = turn(
                first, last, bricks, plain, gz, gy, gx, faces.sum, work.k[s], np.float32(number[s]), z,
                work.p[s], work.q[s], work.e[s],
            )  # fmt: skip
        elif op == DESCEND:
            part[s, task] = descend(
                first, last, bricks, np.float32(number[s]), work.p[s], work.q[s], work.e[s], inverse, r, z
            )
        elif op == RESIDUAL:
            part[s, task] = residual(
                first, last, bricks, region, plain, faces.fine_z, faces.fine_y, faces.fine_x, faces.fine_sum,
                work.loss[s], number[s], gain[s], shift[s], work.b[s], work.c[s], r,
            )  # fmt: skip
        elif op == CORRECT:
            correct(
                first, last, bricks, region, positive[s], number[s], gain[s], shift[s], plain, gz, gy, gx,
                faces.fine_sum, work.loss[s], inverse, r, work.e[s], work.c[s], books[0, s], books[1, s],
            )  # fmt: skip
        elif op == SURVEY:
            part[s, task] = survey(first, last, bricks, work.b[s], work.loss[s], books[0, s], books[1, s], books[2, s])
        else:
            invert(level, first, last, bricks, faces.sum, inverse, work.k[s] if level == 0 else z)


@njit(cache=True, parallel=True)
def _deep(low, active, bricks, faces, work):
    """The cycle from level `low` on, from zero and back: small levels, one species a task."""
    top = bricks.stride.size - 1
    gz, gy, gx = faces.z, faces.y, faces.x
    for t in prange(active.size):
        inverse, r, z, w = work.inverse[active[t]], work.r[active[t]], work.z[active[t]], work.w[active[t]]
        for level in range(low, top + 1):
            first, last = bricks.brick[level], bricks.brick[level + 1]
            smooth(SCALE, level, first, last, bricks, UNEVEN, gz, gy, gx, inverse, r, z)
            smooth(BLACK, level, first, last, bricks, UNEVEN, gz, gy, gx, inverse, r, z)
            for _ in range(COARSE - 1):
                smooth(RED, level, first, last, bricks, UNEVEN, gz, gy, gx, inverse, r, z)
                smooth(BLACK, level, first, last, bricks, UNEVEN, gz, gy, gx, inverse, r, z)
            if level < top:
                first, last = bricks.brick[level + 1], bricks.brick[level + 2]
                restrict(UP, level, first, last, bricks, gz, gy, gx, inverse, r, z, work.k[active[t]])
        for level in range(top, low - 1, -1):
            if level < top:
                prolong(level, bricks.brick[level + 1], bricks.brick[level + 2], bricks, inverse, z, w)
            first, last = bricks.brick[level], bricks.brick[level + 1]
            for _ in range(COARSE):
                smooth(BLACK, level, first, last, bricks, UNEVEN, gz, gy, gx, inverse, r, z)
                smooth(RED, level, first, last, bricks, UNEVEN, gz, gy, gx, inverse, r, z)


@njit(cache=True)
def _first_deep(bricks):
    """The first level that is one task, and so are all after it; at least 1."""
    low = max(1, bricks.stride.size - 1)
    while low > 1 and bricks.brick[low] - bricks.brick[low - 1] <= CHUNK:
        low -= 1
    return low


@njit(cache=True)
def _cycle(active, bricks, plain, faces, work, ledger, number, part):
    """One symmetric V cycle on the black voxels of the finest level: z ≈ A⁻¹ r where r is zero on red ones.

    It begins with z = r / d on black voxels, which is what relaxing all from zero gives, and ends by relaxing the red ones;
    leaves Σ r z in `part`. Those of the bricks round parted blocks (`transport.local`) are relaxed again, red and black, on the
    way down, and in mirrored order on the way up. Coarser levels are relaxed `COARSE` times, red-black down, black-red up.
    """
    again = bricks.local_red.size > 0
    if bricks.stride.size > 1:
        if again:
            for _ in range(LOCAL):
                _sweep(FIRST_RED, FINEST, active, bricks, plain, faces, work, ledger, number, part)
                _sweep(FIRST_BLACK, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        _sweep(LEFT, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        _sweep(UP, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        low = _first_deep(bricks)
        for level in range(FINEST + 1, low):
            _sweep(SCALE, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
            _sweep(BLACK, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
            for _ in range(COARSE - 1):
                _sweep(RED, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
                _sweep(BLACK, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
            _sweep(UP, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
        _deep(low, active, bricks, faces, work)
        for level in range(low - 1, 0, -1):
            _sweep(DOWN, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
            for _ in range(COARSE):
                _sweep(BLACK, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
                _sweep(RED, level, active, bricks, UNEVEN, faces, work, ledger, number, part)
        _sweep(DOWN, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        _sweep(BLACK, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        if again:
            for _ in range(LOCAL):
                _sweep(LOCAL_RED, FINEST, active, bricks, plain, faces, work, ledger, number, part)
                _sweep(LOCAL_BLACK, FINEST, active, bricks, plain, faces, work, ledger, number, part)
    _sweep(LAST, FINEST, active, bricks, plain, faces, work, ledger, number, part)


@njit(cache=True)
def _added(part, active, tasks, out):
    """Sum the parts of each active species in the order of its tasks, into `out`."""
    for s in active:
        out[s] = 0.0
        for t in range(tasks):
            out[s] += part[s, t]


@njit(cache=True)
def _balance(active, bricks, region, positive, came, loss_sum, books, gain, shift):
    """Factors and shifts (S, regions) that make Σ loss c = Σ b hold in every region to round-off.

    Summed over a region the exchange between voxels cancels, so this holds for the solution. Where b is nowhere negative
    the region is scaled, else shifted.
    """
    for s in active:
        went = np.zeros(gain.shape[1])
        for k in range(bricks.brick[1]):
            went[region[k]] += books[0, s, k]
        for g in range(went.size):
            gain[s, g], shift[s, g] = 1.0, 0.0
            if positive[s]:
                gain[s, g] = came[s, g] / went[g] if went[g] > 0.0 else 1.0
            elif loss_sum[s, g] > 0.0:
                shift[s, g] = (came[s, g] - went[g]) / loss_sum[s, g]


@njit(cache=True)
def _invert_all(active, bricks, plain, faces, work, ledger, number, part):
    """The diagonals of every level, from the losses of the finest."""
    levels = bricks.stride.size
    for level in range(levels):
        _sweep(INVERT, level, active, bricks, plain, faces, work, ledger, number, part)
        if level + 1 < levels:
            _sweep(GATHER, level, active, bricks, plain, faces, work, ledger, number, part)


@njit(cache=True, nogil=True)
def solve(bricks, region, plain, faces, work, rtol, most, inner):
    """Solve A c = b for S species.

    Parameters
    ----------
    bricks : Bricks
    region : (B₀,) int32
        Of each brick of the finest level.
    plain : bool
        Every open face of the finest level has conductance 1: they are not read.
    faces : Faces
    work : Work
        `loss`, `k`, `b` and a guess in `c` are given, zero in closed voxels; `w` is zero. The solution is left in `c`, to
        be multiplied by `gain`, and `shift` added.
    rtol : float
        Largest |b − A c| / |b|, measured in float64 at the end.
    most : int
        Largest number of cycles for each species.
    inner : float
        By how much the conjugate gradients in float32 lower the residual before it is measured anew.

    Returns
    -------
    reached : (S,) float64
    cycles : (S,) int64
    raised : (S,) float64
        By how much Σ c rose when undershoots below zero were set to zero, where b is nowhere negative.
    gain, shift : (S, regions) float64
    """
    species, count = work.b.shape[0], region.max() + 1
    tasks = (bricks.brick[1] + CHUNK - 1) // CHUNK
    part, books = np.zeros((species, tasks)), np.zeros((3, species, bricks.brick[1]))
    gain, shift = np.ones((species, count)), np.zeros((species, count))
    came, loss_sum = np.zeros((species, count)), np.zeros((species, count))
    positive, live = np.ones(species, np.bool_), np.ones(species, np.bool_)
    ledger = (region, positive, gain, shift, books)
    number, size, reached, goal = np.zeros(species), np.zeros(species), np.zeros(species), np.zeros(species)
    before, now, square, raised = np.zeros(species), np.zeros(species), np.zeros(species), np.zeros(species)
    last = np.full(species, np.inf)
    cycles, stalled = np.zeros(species, np.int64), np.zeros(species, np.int64)

    active = np.arange(species)
    _sweep(SURVEY, FINEST, active, bricks, plain, faces, work, ledger, number, part)
    _added(part, active, tasks, square)
    for s in active:
        for k in range(bricks.brick[1]):
            came[s, region[k]] += books[0, s, k]
            loss_sum[s, region[k]] += books[1, s, k]
            positive[s] = positive[s] and not books[2, s, k] > 0.0
        size[s] = np.sqrt(square[s])
        live[s] = size[s] > 0.0
        if not live[s]:
            work.c[s] = 0.0
    active = np.flatnonzero(live)
    _invert_all(active, bricks, plain, faces, work, ledger, number, part)
    _measure(np.float64(0.0), active, bricks, plain, faces, work, ledger, came, loss_sum, size, number, part, square)
    for s in active:
        reached[s] = np.sqrt(square[s]) / size[s]
        live[s] = not reached[s] < 1.0  # no guess, or one worse than none
        if live[s]:
            reached[s] = 1.0
            gain[s], shift[s] = 1.0, 0.0
            work.c[s] = 0.0
    _sweep(RESIDUAL, FINEST, active[live[active]], bricks, plain, faces, work, ledger, size, part)
    while True:
        for s in active:
            stalled[s] = stalled[s] + 1 if reached[s] >= 0.5 * last[s] else 0
            live[s] = reached[s] > rtol and stalled[s] < 2 and cycles[s] < most
            last[s] = reached[s]
            before[s] = 0.0
            goal[s] = max(0.9 * rtol, inner * reached[s])
        outer = active[live[active]]
        if outer.size == 0:
            break
        active = outer
        _sweep(SCALE, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        _sweep(BEGIN, FINEST, active, bricks, plain, faces, work, ledger, number, part)
        while active.size > 0:
            _cycle(active, bricks, plain, faces, work, ledger, number, part)
            _added(part, active, tasks, now)
            for s in active:
                cycles[s] += 1
                number[s] = now[s] / before[s] if before[s] > 0.0 else 0.0
                before[s] = now[s]
            _sweep(TURN, FINEST, active, bricks, plain, faces, work, ledger, number, part)
            _added(part, active, tasks, square)
            for s in active:
                live[s] = square[s] > 0.0
                number[s] = now[s] / square[s] if live[s] else 0.0
            _sweep(DESCEND, FINEST, active, bricks, plain, faces, work, ledger, number, part)
            _added(part, active, tasks, square)
            for s in active:
                live[s] = live[s] and np.sqrt(square[s]) > goal[s] and cycles[s] < most
            active = active[live[active]]
        active = outer
        _measure(np.float64(1.0), active, bricks, plain, faces, work, ledger, came, loss_sum, size, number, part, square)
        for s in active:
            reached[s] = np.sqrt(square[s]) / size[s]
        for s in active:
            under = 0.0
            for k in range(bricks.brick[1]):
                under += books[1, s, k]
            raised[s] = under
    return reached, cycles, raised, gain, shift


@njit(cache=True)
def _measure(e, active, bricks, plain, faces, work, ledger, came, loss_sum, size, number, part, square):
    """Add e times what was found to the solution, balance it, and measure what is left: `square` (S,) Σ (b − A c)²."""
    region, positive, gain, shift, books = ledger
    for s in active:
        number[s] = e * size[s]
    _sweep(CORRECT, FINEST, active, bricks, plain, faces, work, ledger, number, part)
    _balance(active, bricks, region, positive, came, loss_sum, books, gain, shift)
    for s in active:
        number[s] = size[s]
    _sweep(RESIDUAL, FINEST, active, bricks, plain, faces, work, ledger, number, part)
    _added(part, active, (bricks.brick[1] + CHUNK - 1) // CHUNK, square)
