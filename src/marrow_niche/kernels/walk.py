"""The table of neighbours: is it a lattice, where does each voxel lie, which hang together, and what a face lets through."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def harmonic(one, other):
    """The harmonic mean of two numbers that are not negative; 0 where both are."""
    return 2.0 * one * other / (one + other) if one + other > 0.0 else 0.0


@njit(cache=True, nogil=True)
def first_fault(neighbour):
    """The first voxel whose row of the table is not mirrored by its neighbour's; -1 if there is none."""
    n = neighbour.shape[0]
    for i in range(n):
        for f in range(6):
            j = neighbour[i, f]
            if j >= n or j < -1 or j == i:
                return i
            if j >= 0 and neighbour[j, f ^ 1] != i:
                return i
    return -1


@njit(cache=True, nogil=True)
def coordinates(neighbour):
    """Regions and lattice coordinates, found by walking the table.

    Parameters
    ----------
    neighbour : (n, 6) int32
        Open neighbour at −z, +z, −y, +y, −x, +x; -1 for a wall.

    Returns
    -------
    where : (n, 3) int32
        z, y, x of each voxel, counted from the low corner of its region's box.
    region : (n,) int32
    count : int
        Number of regions; -1 if the table is no lattice (it closes on itself).
    """
    n = neighbour.shape[0]
    where = np.zeros((n, 3), np.int32)
    region = np.full(n, -1, np.int32)
    queue = np.empty(n, np.int64)
    count = 0
    for first in range(n):
        if region[first] >= 0:
            continue
        region[first] = count
        queue[0] = first
        head, tail = 0, 1
        while head < tail:
            i = queue[head]
            head += 1
            for f in range(6):
                j = neighbour[i, f]
                if j < 0:
                    continue
                z, y, x = where[i, 0], where[i, 1], where[i, 2]
                step = 2 * (f & 1) - 1
                if f < 2:
                    z += step
                elif f < 4:
                    y += step
                else:
                    x += step
                if region[j] < 0:
                    region[j] = count
                    where[j, 0], where[j, 1], where[j, 2] = z, y, x
                    queue[tail] = j
                    tail += 1
                elif where[j, 0] != z or where[j, 1] != y or where[j, 2] != x:
                    return where, region, -1
        low = np.zeros(3, np.int32)
        for k in range(tail):
            low = np.minimum(low, where[queue[k]])
        for k in range(tail):
            where[queue[k]] -= low
        count += 1
    return where, region, count
