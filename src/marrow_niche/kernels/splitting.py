# mypy: disable-error-code="call-arg, var-annotated"
"""Locally one-dimensional sweeps: runs of open voxels along an axis, each a tridiagonal system, eight at a time.

Along y and z the eight voxels of one colour in a brick (`transport.bricks`) lie in eight runs, and the next ones of these
runs stand in the next brick: bricks are taken in order, then back. Along x 32 rows, eight of each of four planes, are
turned into vectors across the rows (a *block*), swept, and turned back. Where voxels are closed the factors are zero, so
that nothing is carried past them. A run is solved in one order whoever solves it: the bits do not depend on the threads.

References
----------
Thomas, Elliptic problems in linear difference equations over a network, Watson Lab. Report, 1949.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.lanes import (
    LANES,
    add,
    drop,
    high_mixed,
    load,
    low_mixed,
    multiply,
    read,
    ready,
    splat,
    store,
)

PLANES = 4
ROWS = PLANES * LANES
"""Rows of a block, eight in each of its planes; each of sixteen voxels."""
BLOCK = 16 * ROWS
"""Voxels of a block."""


class Blocks(NamedTuple):
    """In which order bricks and rows are swept: G blocks, C chains of them along x, B bricks."""

    rows: np.ndarray  # (G, 32) int32: where the brick of each row begins in its colour; 0 where there is none
    chain: np.ndarray  # (C + 1,) int64: chain c is the blocks chain[c] ... chain[c + 1], neighbours along x
    longest: int  # blocks of the longest chain
    planes: np.ndarray  # (P + 1, 2) int64: task p sweeps chains and bricks planes[p] ... planes[p + 1] along x, y
    slabs: np.ndarray  # (Q + 1,) int64: task q sweeps the segments slabs[q] ... slabs[q + 1] along z
    segment: np.ndarray  # (R, 2) int64: first and last brick, ascending in z within a slab
    y: np.ndarray  # (B,) int32: of each brick
    z: np.ndarray  # (R,) int32: of each segment
    x: np.ndarray  # (G,) int32: x / 16 of each block
    along_y: bool  # whether there is anything to sweep along y
    along_z: bool


@njit(cache=True, nogil=True)
def starts(neighbour, axis):
    """The first voxel of each run along an axis (0: z, 1: y, 2: x): those with a wall on their low side, ascending."""
    count = 0
    for i in range(neighbour.shape[0]):
        if neighbour[i, 2 * axis] < 0:
            count += 1
    out = np.empty(count, np.int64)
    count = 0
    for i in range(neighbour.shape[0]):
        if neighbour[i, 2 * axis] < 0:
            out[count] = i
            count += 1
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def factors(start, neighbour, axis, weight, dt, loss, scale, low, high):
    """Factors of the runs of (1 + dt k) c' − dt Σ g (c'_j − c'_i) = c: up with c = scale c + low c₋, down with c += high c₊.

    Parameters
    ----------
    start : (r,) int64
        The first voxel of each run.
    neighbour : (n, 6) int32
    axis : int
        0: z, 1: y, 2: x.
    weight : (n, 6) float64
        Conductances g [1/time].
    dt : float
    loss : (n,) float64
        k, this sweep's share.
    scale, low, high : (n,) float64, written
    """
    for first in start:
        i = first
        tie, above = 0.0, 0.0  # the face to the voxel below, and that one's `high`
        while i >= 0:
            after = neighbour[i, 2 * axis + 1]
            next_tie = dt * weight[i, 2 * axis + 1] if after >= 0 else 0.0
            scale[i] = 1.0 / (1.0 + dt * loss[i] + next_tie + tie * (1.0 - above))
            low[i] = tie * scale[i]
            high[i] = above = next_tie * scale[i]
            tie = next_tie
            i = after


@njit(cache=True, nogil=True)
def march(steps, bricks, blocks, box, ties, made, fx, fy, fz, c):
    """Steps of one species, in one thread: c + made, then backward Euler along x, y and z.

    All arrays and numbers have the type of `c`, float32 or float64; (T₀,) stands on the places of the bricks, zero in closed
    voxels.

    Parameters
    ----------
    steps : int
    bricks : Bricks
    blocks : Blocks
    box : bool or None
        Not None: every voxel of one box is open and the coefficients are even, so that factors depend on where along their
        axis a voxel is.
    ties : number or None
        dt g where it is the same for all faces: then of the factors only `scale` is read.
    made : (T₀,) or number
        What is made in dt.
    fx, fy, fz : (scale, low, high)
        Factors along each axis: (G 512,) by block, x, plane and row for x, (T₀,) for y and z; in a `box` those of one run.
    c : (T₀,), changed
    """
    buffer = np.empty(blocks.longest * BLOCK, c.dtype)
    for _ in range(steps):
        for p in range(blocks.planes.shape[0] - 1):
            _plane(p, bricks, blocks, box, ties, made, fx, fy, c, buffer)
        if blocks.along_z:
            for q in range(blocks.slabs.size - 1):
                _slab(q, bricks, blocks, box, ties, fz, c)


@njit(cache=True)
def march_shared(steps, bricks, blocks, box, ties, made, fx, fy, fz, c):
    """`march` in all threads, which share planes, then slabs."""
    for _ in range(steps):
        _planes_shared(bricks, blocks, box, ties, made, fx, fy, c)
        if blocks.along_z:
            _slabs_shared(bricks, blocks, box, ties, fz, c)


@njit(cache=True, parallel=True)
def _planes_shared(bricks, blocks, box, ties, made, fx, fy, c):
    for p in prange(blocks.planes.shape[0] - 1):
        buffer = np.empty(blocks.longest * BLOCK, c.dtype)
        _plane(p, bricks, blocks, box, ties, made, fx, fy, c, buffer)


@njit(cache=True, parallel=True)
def _slabs_shared(bricks, blocks, box, ties, fz, c):
    for q in prange(blocks.slabs.size - 1):
        _slab(q, bricks, blocks, box, ties, fz, c)


@njit(cache=True, nogil=True)
def _plane(p, bricks, blocks, box, ties, made, fx, fy, c, buffer):
    """Along x, then along y, in the chains and bricks of one task."""
    for chain in range(blocks.planes[p, 0], blocks.planes[p + 1, 0]):
        _chain(blocks.chain[chain], blocks.chain[chain + 1], bricks.stride[0], blocks, box, ties, made, fx, c, buffer)
    if blocks.along_y:
        first, last = np.uint64(blocks.planes[p, 1]), np.uint64(blocks.planes[p + 1, 1])
        table, black, y = bricks.table.reshape(-1), np.uint64(bricks.stride[0]), blocks.y
        for k in range(first, last):
            _up(k, np.uint64(3), y[k], table, black, box, ties, fy, c)
        for back in range(np.uint64(1), last - first + np.uint64(1)):
            _down(last - back, np.uint64(4), y[last - back], table, black, box, ties, fy, c)


@njit(cache=True, nogil=True)
def _slab(q, bricks, blocks, box, ties, fz, c):
    """Along z in the segments of one task."""
    table, black = bricks.table.reshape(-1), np.uint64(bricks.stride[0])
    first, last = blocks.slabs[q], blocks.slabs[q + 1]
    for r in range(first, last):
        for k in range(np.uint64(blocks.segment[r, 0]), np.uint64(blocks.segment[r, 1])):
            _up(k, np.uint64(1), blocks.z[r], table, black, box, ties, fz, c)
    for r in range(last - 1, first - 1, -1):
        for k in range(np.uint64(blocks.segment[r, 0]), np.uint64(blocks.segment[r, 1])):
            _down(k, np.uint64(2), blocks.z[r], table, black, box, ties, fz, c)


@njit(cache=True, nogil=True, forceinline=True)
def _factors(at, place, box, ties, f, side):
    """`scale` and `low` (side 1) or `high` (2) of eight voxels at a place, or of all in layer `at` of a box."""
    scale = load(f[0], place) if box is None else splat(f[0][at])
    if ties is None:
        return scale, load(f[side], place)
    return scale, multiply(splat(ties), scale)


@njit(cache=True, nogil=True, forceinline=True)
def _up(k, column, at, table, black, box, ties, f, c):
    """c = scale c + low c₋ in both colours of a brick, whose lower neighbour is in this column of the table."""
    o, before = np.uint64(table[np.uint64(5) * k]), np.uint64(table[np.uint64(5) * k + column])
    for mine, other in ((np.uint64(0), black), (black, np.uint64(0))):
        scale, low = _factors(at, mine + o, box, ties, f, 1)
        _keep(c, mine + o, add(multiply(scale, load(c, mine + o)), multiply(low, load(c, other + before))))


@njit(cache=True, nogil=True, forceinline=True)
def _down(k, column, at, table, black, box, ties, f, c):
    """c += high c₊ likewise."""
    o, after = np.uint64(table[np.uint64(5) * k]), np.uint64(table[np.uint64(5) * k + column])
    for mine, other in ((np.uint64(0), black), (black, np.uint64(0))):
        _, high = _factors(at, mine + o, box, ties, f, 2)
        _keep(c, mine + o, add(load(c, mine + o), multiply(high, load(c, other + after))))


@njit(cache=True, nogil=True, forceinline=True)
def _keep(c, place, value):
    store(c, place, drop(value))


@njit(cache=True, nogil=True)
def _chain(first, last, black, blocks, box, ties, made, f, c, buffer):
    """The rows of blocks first ... last along x: into the buffer and up, down and back."""
    rows, nothing, made = blocks.rows, splat(c.dtype.type(0.0)), ready(made)
    a, b, d, e = nothing, nothing, nothing, nothing  # the last voxels of the rows of the four planes
    for g in range(first, last):
        work = (g - first) * BLOCK
        for plane in range(PLANES):
            for side in range(2):
                _gather(rows, g, plane, side, black, made, c, buffer, work + side * ROWS + plane * LANES)
        for i in range(16):
            to, at, layer = work + i * ROWS, g * BLOCK + i * ROWS, blocks.x[g] * 16 + i
            a = _climb(layer, to, at, box, ties, f, a, buffer)
            b = _climb(layer, to + LANES, at + LANES, box, ties, f, b, buffer)
            d = _climb(layer, to + 2 * LANES, at + 2 * LANES, box, ties, f, d, buffer)
            e = _climb(layer, to + 3 * LANES, at + 3 * LANES, box, ties, f, e, buffer)
            if i & 3 == 3:
                a, b, d, e = drop(a), drop(b), drop(d), drop(e)
    a, b, d, e = nothing, nothing, nothing, nothing
    for g in range(last - 1, first - 1, -1):
        work = (g - first) * BLOCK
        for i in range(15, -1, -1):
            to, at, layer = work + i * ROWS, g * BLOCK + i * ROWS, blocks.x[g] * 16 + i
            a = _descend(layer, to, at, box, ties, f, a, buffer)
            b = _descend(layer, to + LANES, at + LANES, box, ties, f, b, buffer)
            d = _descend(layer, to + 2 * LANES, at + 2 * LANES, box, ties, f, d, buffer)
            e = _descend(layer, to + 3 * LANES, at + 3 * LANES, box, ties, f, e, buffer)
            if i & 3 == 0:
                a, b, d, e = drop(a), drop(b), drop(d), drop(e)
        for plane in range(PLANES):
            for side in range(2):
                _scatter(rows, g, plane, side, black, c, buffer, work + side * ROWS + plane * LANES)


@njit(cache=True, nogil=True, forceinline=True)
def _climb(layer, to, at, box, ties, f, before, buffer):
    scale, low = _factors(layer, at, box, ties, f, 1)
    value = add(multiply(scale, load(buffer, to)), multiply(low, before))
    store(buffer, to, value)
    return value


@njit(cache=True, nogil=True, forceinline=True)
def _descend(layer, to, at, box, ties, f, after, buffer):
    _, high = _factors(layer, at, box, ties, f, 2)
    value = add(load(buffer, to), multiply(high, after))
    store(buffer, to, value)
    return value


@njit(cache=True, nogil=True, forceinline=True)
def _row(rows, g, plane, side, j, black):
    """Where the voxels with even (side 0) or odd x of row j stand: blocks begin at an even z and y."""
    return rows[g, plane * LANES + j] + black * ((plane + j + side) & 1)


@njit(cache=True, nogil=True, forceinline=True)
def _taken(rows, g, plane, side, j, black, made, c):
    place = _row(rows, g, plane, side, j, black)
    return add(load(c, place), read(made, place))


@njit(cache=True, nogil=True, forceinline=True)
def _gather(rows, g, plane, side, black, made, c, buffer, to):
    """The voxels of even or odd x of eight rows, what is made added, into every other vector of the buffer."""
    turned = _turned(
        _taken(rows, g, plane, side, 0, black, made, c), _taken(rows, g, plane, side, 1, black, made, c),
        _taken(rows, g, plane, side, 2, black, made, c), _taken(rows, g, plane, side, 3, black, made, c),
        _taken(rows, g, plane, side, 4, black, made, c), _taken(rows, g, plane, side, 5, black, made, c),
        _taken(rows, g, plane, side, 6, black, made, c), _taken(rows, g, plane, side, 7, black, made, c),
    )  # fmt: skip
    for i in range(8):
        store(buffer, to + i * 2 * ROWS, turned[i])


@njit(cache=True, nogil=True, forceinline=True)
def _scatter(rows, g, plane, side, black, c, buffer, of):
    """Back from the buffer."""
    step = 2 * ROWS
    turned = _turned(
        load(buffer, of), load(buffer, of + step), load(buffer, of + 2 * step), load(buffer, of + 3 * step),
        load(buffer, of + 4 * step), load(buffer, of + 5 * step), load(buffer, of + 6 * step), load(buffer, of + 7 * step),
    )  # fmt: skip
    for j in range(8):
        if rows[g, plane * LANES + j] > 0:
            _keep(c, _row(rows, g, plane, side, j, black), turned[j])


@njit(cache=True, nogil=True, forceinline=True)
def _turned(a, b, c, d, e, f, g, h):
    """Eight vectors of eight, rows and columns exchanged: three times what stands apart by half is mixed."""
    a, b, c, d, e, f, g, h = _mixed(a, b, c, d, e, f, g, h)
    a, b, c, d, e, f, g, h = _mixed(a, b, c, d, e, f, g, h)
    return _mixed(a, b, c, d, e, f, g, h)


@njit(cache=True, nogil=True, forceinline=True)
def _mixed(a, b, c, d, e, f, g, h):
    return (
        low_mixed(a, e), high_mixed(a, e), low_mixed(b, f), high_mixed(b, f),
        low_mixed(c, g), high_mixed(c, g), low_mixed(d, h), high_mixed(d, h),
    )  # fmt: skip
