"""Cells counted: over the whole piece by stage, in each voxel by what they weigh, and where there are any."""

import numpy as np
from numba import njit, prange

BLOCK, STRETCH = 4096, 32


@njit(cache=True, parallel=True)
def by_stage(counts):
    """(n_stage,) float64: cells of each stage; `counts` (n_stage, n). Integers are added as such: exact below 2⁵³."""
    out = np.zeros(counts.shape[0])
    for c in prange(counts.shape[0]):
        total = np.int64(0) * counts[c, 0]
        for v in range(counts.shape[1]):
            total += counts[c, v]
        out[c] = total
    return out


@njit(cache=True, parallel=True)
def product_sum(a, b):
    """Σ a b, (n,) both, the same on any number of threads."""
    blocks = (a.size + BLOCK - 1) // BLOCK
    part = np.zeros(blocks)
    for block in prange(blocks):
        total = 0.0
        for v in range(block * BLOCK, min(a.size, (block + 1) * BLOCK)):
            total += a[v] * b[v]
        part[block] = total
    return part.sum()


@njit(cache=True, parallel=True)
def by_voxel(counts, weight, out):
    """out (n,) float64 = Σ weight[c] counts[c, v], stages in their order; those of weight zero are not read.

    `counts` (n_stage, n) of any number type, `weight` (n_stage,) float64.
    """
    n_stage, n = counts.shape
    for b in prange((n + BLOCK - 1) // BLOCK):
        here = out[b * BLOCK : (b + 1) * BLOCK]
        here[:] = 0.0
        for c in range(n_stage):
            w = weight[c]
            if w != 0.0:
                stored = counts[c, b * BLOCK : (b + 1) * BLOCK]
                if empty(stored):
                    continue
                for v in range(here.size):
                    here[v] += w * stored[v]
    return out


@njit(cache=True, nogil=True)
def empty(counts):
    """True when none of these voxels holds anything of `counts` (m,)."""
    some = False
    for v in range(counts.size):
        some |= counts[v] != 0
    return not some


@njit(cache=True, nogil=True)
def occupied(counts, low, high, places):
    """How many of the voxels low ... high hold cells (n,); which ones, into `places`. Empty stretches are one step."""
    filled = 0
    if empty(counts[low:high]):  # most stages of an emptied marrow
        return filled
    for first in range(low, high, STRETCH):
        here = counts[first : min(first + STRETCH, high)]
        if empty(here):
            continue
        for v in range(here.size):
            places[filled] = first + v
            filled += int(here[v] != 0)
    return filled
