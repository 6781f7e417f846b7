"""Solids of voxels thinned to their middle lines."""

import numpy as np
from numba import njit


@njit(cache=True)
def thin(solid, flat):
    """Thin a solid to lines one voxel wide, in place, without parting, joining, filling or opening anything.

    Layer by layer from six sides in turn (from four in a slice): of the voxels bare on that side those are marked that are
    simple (without them the solid is as connected as before, by 26 neighbours, and so is what is not solid, by 6) and have
    more than one neighbour, so no end of a line. Then each is tried again, as others have gone, and goes if it is both still.
    Those of odd and even z, y and x take turns: neighbours never go in a row, or a line could burn down from its end.

    Parameters
    ----------
    solid : (nz, ny, nx) uint8, written
        1 in the solid and 0 elsewhere; 0 in its outermost layer.
    flat : bool
        The solid is one layer along z, and what lies above and below it is not looked at.

    References
    ----------
    Lee, Kashyap and Chu, CVGIP 56, 462 (1994), for the sides in turn; Bertrand and Aktouf, Proc. SPIE 2356, 113 (1995), for
    the eight subfields; Malandain and Bertrand, ICPR 1992, 232, for how a simple voxel is told.
    """
    _, ny, nx = solid.shape
    cells = solid.reshape(-1)
    step = np.empty(27, np.int64)
    for k in range(27):
        step[k] = ((k // 9) - 1) * ny * nx + ((k // 3) % 3 - 1) * nx + k % 3 - 1
    sides = np.array([4, 22, 10, 16, 12, 14])
    number = 0
    for v in range(cells.size):
        number += cells[v]
    left, marked = np.empty(number, np.int64), np.empty(number, np.int64)
    number = 0
    for v in range(cells.size):
        if cells[v] == 1:
            left[number] = v
            number += 1
    near, seen, stack = np.empty(27, np.uint8), np.empty(27, np.uint8), np.empty(27, np.int64)
    gone = 1
    while gone > 0:
        gone = 0
        for side in range(2 if flat else 0, 6):
            count = 0
            for k in range(number):
                v = left[k]
                if cells[v + step[sides[side]]] == 0 and _may_go(cells, v, step, near, seen, stack):
                    marked[count] = v
                    count += 1
            went = 0
            for kind in range(8):
                for k in range(count):
                    v = marked[k]
                    z, y, x = v // (ny * nx), v // nx % ny, v % nx
                    if 4 * (z % 2) + 2 * (y % 2) + x % 2 == kind and _may_go(cells, v, step, near, seen, stack):
                        cells[v] = 0
                        went += 1
            if went > 0:
                kept = 0
                for k in range(number):
                    if cells[left[k]] == 1:
                        left[kept] = left[k]
                        kept += 1
                number = kept
                gone += went


@njit(cache=True)
def _may_go(cells, v, step, near, seen, stack):
    """True for a simple voxel with two neighbours at least; `near`, `seen`, `stack` are written over."""
    neighbours = 0
    for k in range(27):
        near[k] = cells[v + step[k]]
        neighbours += near[k]
    return neighbours > 2 and _alone(near, seen, stack, True) and _alone(near, seen, stack, False)  # itself counted


@njit(cache=True)
def _alone(near, seen, stack, solid):
    """True where the solid around the middle of 3 x 3 x 3 voxels is of one piece; or what is not, as far as faces tell.

    What is not solid is followed by faces through the 18 voxels that share a face or an edge with the middle, from those that
    share a face.
    """
    for k in range(27):
        seen[k] = 0
    pieces = 0
    for first in range(27):
        z, y, x = first // 9 - 1, (first // 3) % 3 - 1, first % 3 - 1
        away = abs(z) + abs(y) + abs(x)
        if away == 0 or seen[first] == 1 or (near[first] == 1) != solid or (not solid and away != 1):
            continue
        pieces += 1
        if pieces > 1:
            return False
        seen[first] = 1
        stack[0] = first
        top = 1
        while top > 0:
            top -= 1
            here = stack[top]
            hz, hy, hx = here // 9, (here // 3) % 3, here % 3
            for dz in range(-1, 2):
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        if not solid and abs(dz) + abs(dy) + abs(dx) != 1:
                            continue
                        tz, ty, tx = hz + dz, hy + dy, hx + dx
                        if tz < 0 or tz > 2 or ty < 0 or ty > 2 or tx < 0 or tx > 2:
                            continue
                        there = 9 * tz + 3 * ty + tx
                        far = abs(tz - 1) + abs(ty - 1) + abs(tx - 1)
                        if far == 0 or (not solid and far == 3):
                            continue
                        if seen[there] == 0 and (near[there] == 1) == solid:
                            seen[there] = 1
                            stack[top] = there
                            top += 1
    return pieces == 1
