"""Locally one-dimensional sweeps: runs of open voxels along an axis, each a tridiagonal system of its own.

A run is solved by one thread from end to end, and runs share nothing: the bits do not depend on the number of threads.

References
----------
Thomas, Elliptic problems in linear difference equations over a network, Watson Lab. Report, 1949.
"""

import numpy as np
from numba import njit


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
def sweep(first, last, start, neighbour, axis, weight, dt, loss, upper, c):
    """Backward Euler along one axis: (1 + dt k) c' − dt Σ g (c'_j − c'_i) = c, for the runs first ... last.

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
    upper : (n,) float64
        Room to work in.
    c : (n,) float64, changed
    """
    low, high = 2 * axis, 2 * axis + 1
    for run in range(first, last):
        i = start[run]
        before, tie, above = 0.0, 0.0, 0.0  # of the voxel below: its c, the face to it, its upper
        end = i
        while i >= 0:
            after = neighbour[i, high]
            next_tie = dt * weight[i, high] if after >= 0 else 0.0
            scale = 1.0 / (1.0 + dt * loss[i] + next_tie + tie * (1.0 - above))
            before = (c[i] + tie * before) * scale
            above = next_tie * scale
            c[i] = before
            upper[i] = above
            tie = next_tie
            end = i
            i = after
        i = neighbour[end, low]
        while i >= 0:
            c[i] += upper[i] * c[neighbour[i, high]]
            i = neighbour[i, low]
