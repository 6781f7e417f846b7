"""What becomes of the molecules of a field, added up over the lattice."""

import numpy as np
from numba import njit, prange

BLOCK = 1024
"""Voxels added up by themselves first, which keeps the round-off of millions small."""


@njit(cache=True, parallel=True)
def flows(c, source, loss, exchange, wall, decay, share):
    """Secreted, decayed, taken up, entered and left of S fields: (S, 5), per voxel volume.

    Parameters
    ----------
    c, source, loss, exchange, wall : (S, n) float64
        As solved; `loss` is decay and uptake.
    decay : (S,) float64
    share : (n,) float64
        Of each voxel in which `decay` happens.
    """
    fields, n = c.shape
    out = np.zeros((fields, 5))
    for s in prange(fields):
        for low in range(0, n, BLOCK):
            made, gone, lost, entered, left = 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(np.uint64(low), np.uint64(min(n, low + BLOCK))):
                made += source[s, i]
                gone += decay[s] * share[i] * c[s, i]
                lost += loss[s, i] * c[s, i]
                entered += exchange[s, i] * wall[s, i]
                left += exchange[s, i] * c[s, i]
            out[s, 0] += made
            out[s, 1] += gone
            out[s, 2] += lost - gone
            out[s, 3] += entered
            out[s, 4] += left
    return out
