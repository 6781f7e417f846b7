"""Fields and coefficients put on the bricks of the solver, and taken back: see `transport.bricks`."""

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.lanes import LANES
from marrow_niche.kernels.walk import harmonic

CHUNK, SHARE = 512, 8192
"""Bricks, and voxels, of a task. Places are unsigned, as in `kernels.exchange`."""


PUT, TIMES, PLUS = range(3)


@njit(cache=True, parallel=True)
def _pour(op, values, factor, bricks, voxel, other, out):
    """Bring `values` (n,) to their places: out = factor·values, out = other·values, or out = factor·(values + out).

    One array at a time: the voxels of a brick stand far apart in the lattice, and only the next bricks want those beside
    them, so more arrays at once push one another out of reach of the processor.
    """
    count = bricks.brick[1]
    for t in prange((count + CHUNK - 1) // CHUNK):
        for brick in range(t * CHUNK, min(count, (t + 1) * CHUNK)):
            for colour in range(2):
                at = colour * bricks.stride[0] + bricks.table[brick, 0]
                for place in range(np.uint64(at), np.uint64(at + LANES)):
                    i = voxel[place]
                    if i < 0:
                        continue
                    if op == PUT:
                        out[place] = factor * values[i]
                    elif op == TIMES:
                        out[place] = other[place] * values[i]
                    else:
                        out[place] = factor * (values[i] + out[place])


@njit(cache=True, parallel=True)
def _narrow(wide, narrow):
    """Copy (T₀,) float64 to float32."""
    tiles = (wide.size + SHARE - 1) // SHARE
    for t in prange(tiles):
        for i in range(np.uint64(t * SHARE), np.uint64(min(wide.size, (t + 1) * SHARE))):
            narrow[i] = wide[i]


@njit(cache=True, nogil=True)
def lay(source, loss, exchange, wall, guess, scale, bricks, voxel, b, lost, k, c):
    """Lay out one species: right hand side into b, loss into `lost` (float64) and k (float32), times `scale`; guess into c.

    `source`, `loss`, `exchange`, `wall` and `guess` (n,) as the equation has them, the last three empty where there is none;
    `voxel` (T₀,) int32 stands at each place of the finest level, -1 where none does: what lies there is zero, and stays.
    """
    if exchange.size > 0:
        _pour(PUT, exchange, 1.0, bricks, voxel, lost, lost)
        _pour(TIMES, wall, 1.0, bricks, voxel, lost, b)
        _pour(PLUS, source, scale, bricks, voxel, b, b)
        _pour(PLUS, loss, scale, bricks, voxel, lost, lost)
    else:
        _pour(PUT, source, scale, bricks, voxel, b, b)
        _pour(PUT, loss, scale, bricks, voxel, lost, lost)
    _narrow(lost, k)
    if guess.size > 0:
        _pour(PUT, guess, 1.0, bricks, voxel, c, c)
    else:
        c[:] = 0.0


@njit(cache=True, parallel=True, nogil=True)
def unlay(c, gain, shift, bricks, region, voxel, out):
    """out[i] = gain c + shift of one species, (n,) in the order of its voxels; factors and shifts (regions,) of `solve`."""
    count = bricks.brick[1]
    for t in prange((count + CHUNK - 1) // CHUNK):
        for brick in range(t * CHUNK, min(count, (t + 1) * CHUNK)):
            factor, more = gain[region[brick]], shift[region[brick]]
            for colour in range(2):
                at = colour * bricks.stride[0] + bricks.table[brick, 0]
                for place in range(np.uint64(at), np.uint64(at + LANES)):
                    if voxel[place] >= 0:
                        out[voxel[place]] = factor * c[place] + more


@njit(cache=True, parallel=True)
def put(values, slot, out):
    """out[s, slot[i]] = values[s, i]."""
    tiles = (slot.size + SHARE - 1) // SHARE
    for t in prange(values.shape[0] * tiles):
        s, first = t // tiles, t % tiles * SHARE
        for i in range(first, min(slot.size, first + SHARE)):
            out[s, slot[i]] = values[s, i]


@njit(cache=True, parallel=True)
def take(values, slot, out):
    """out[s, i] = values[s, slot[i]]."""
    tiles = (slot.size + SHARE - 1) // SHARE
    for t in prange(values.shape[0] * tiles):
        s, first = t // tiles, t % tiles * SHARE
        for i in range(first, min(slot.size, first + SHARE)):
            out[s, i] = values[s, slot[i]]


@njit(cache=True)
def conductances(neighbour, diffusivity, bricks, faces):
    """Fill `faces`, all zero before: harmonic means of two voxels' diffusivities (n,), or 1 where that is empty.

    `neighbour` (n, 6) int32 as in `transport.domain.prepare`; a voxel without diffusion has walls on all sides.
    """
    n = neighbour.shape[0]
    unit = diffusivity.size == 0
    for i in range(n):
        at = bricks.slot[i]
        for f in range(6):
            j = neighbour[i, f]
            if j < 0:
                continue
            g = 1.0 if unit else harmonic(diffusivity[i], diffusivity[j])
            faces.fine_sum[at] += g
            if f == 1:
                faces.fine_z[at] = g
            elif f == 3:
                faces.fine_y[at] = g
            elif f == 5:
                faces.fine_x[at] = g
    for i in range(faces.fine_z.size):
        faces.z[i], faces.y[i], faces.x[i] = faces.fine_z[i], faces.fine_y[i], faces.fine_x[i]
        faces.sum[i] = faces.fine_sum[i]
    for level in range(bricks.stride.size - 1):
        base, above = bricks.base[level], bricks.base[level + 1]
        first, up = bricks.voxel[level], bricks.voxel[level + 1]
        for v in range(first, up):
            if bricks.parent[v] < 0:
                continue
            at, to = base + bricks.slot[v], above + bricks.slot[up + bricks.parent[v]]
            if bricks.bits[v] & 4:
                faces.z[to] += np.float32(0.5) * faces.z[at]
            if bricks.bits[v] & 2:
                faces.y[to] += np.float32(0.5) * faces.y[at]
            if bricks.bits[v] & 1:
                faces.x[to] += np.float32(0.5) * faces.x[at]
        _sum_faces(level + 1, bricks, faces)


@njit(cache=True)
def _sum_faces(level, bricks, faces):
    """The sum over six faces in the bricks of a coarse level, from their + faces."""
    base, stride = bricks.base[level], bricks.stride[level]
    for k in range(bricks.brick[level], bricks.brick[level + 1]):
        o = bricks.table[k, 0]
        for colour in range(2):
            mine, other = base + colour * stride, base + (1 - colour) * stride
            s = bricks.odd[k] ^ colour
            for i in range(LANES):
                total_ = faces.z[mine + o + i] + faces.z[other + bricks.table[k, 1] + i]
                total_ += faces.y[mine + o + i] + faces.y[other + bricks.table[k, 3] + i]
                total_ += faces.x[mine + o + i] + faces.x[other + o - 1 + s + i]
                faces.sum[mine + o + i] = total_
