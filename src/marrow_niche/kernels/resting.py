"""Passes over the voxels that the search for the resting state makes for each stage of the tree."""

import math

import numpy as np
from numba import njit, prange

BLOCK = 4096
"""Voxels of a task, counted by unsigned numbers as in `kernels.exchange`."""


@njit(cache=True, parallel=True)
def logarithms(values, least, out):
    """out = log max(values, least), (n,) each."""
    for b in prange((values.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(values.size, (b + 1) * BLOCK))):
            out[v] = math.log(max(values[v], least))


@njit(cache=True, parallel=True)
def per_space(stored, weight, space, out):
    """out = stored · weight / space: real cells for each part of the voxel that they may fill, (n,) each."""
    for b in prange((space.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(space.size, (b + 1) * BLOCK))):
            out[v] = stored[v] * weight / space[v]


@njit(cache=True, parallel=True)
def leaving(density, space, gone, weight, cells, stored):
    """Of a stage of `density` real cells for each part of the voxel, (n,): `cells` = density · space, `stored` (float32) those
    over `weight`, and in the place of `density` those that leave in an hour, gone · cells; `gone` (n,) [1/h]."""
    for b in prange((space.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(space.size, (b + 1) * BLOCK))):
            here = density[v] * space[v]
            cells[v], stored[v], density[v] = here, here / weight, gone[v] * here


@njit(cache=True, parallel=True)
def approach(now, aim, part):
    """now += part · (aim − now), (r, n) float32 both, in place."""
    rows, n = now.shape
    step, blocks = np.float32(part), (n + BLOCK - 1) // BLOCK
    for t in prange(rows * blocks):
        row, b = t // blocks, t % blocks
        for v in range(np.uint64(b * BLOCK), np.uint64(min(n, (b + 1) * BLOCK))):
            now[row, v] += step * (aim[row, v] - now[row, v])


@njit(cache=True, parallel=True)
def whole(expected, draw, counts):
    """counts = `expected` (n,) float32 as whole numbers of that mean: the next below, and one more where `draw` (n,),
    of 0 to 1, is less than what is left."""
    for b in prange((expected.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(expected.size, (b + 1) * BLOCK))):
            below = math.floor(expected[v])
            counts[v] = np.int32(below) + np.int32(draw[v] < expected[v] - np.float32(below))
