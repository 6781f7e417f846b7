"""Points strewn over the walls of tubes: in which voxel each lies, if inside no other tube. Grids as in `kernels.distance`."""

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.distance import within
from marrow_niche.kernels.voxels import find_voxel


@njit(cache=True)
def _others(x0, y0, z0, x1, y1, z1, own, grid, a, b, radius):
    """Tubes other than `own` whose box meets the box between two corners, from a box grid: (items, how many)."""
    low, cell, shape, start, item, _, _ = grid
    found, count = np.empty(64, np.int32), 0
    for k in range(max(int((z0 - low[2]) // cell), 0), min(int((z1 - low[2]) // cell), shape[2] - 1) + 1):
        for j in range(max(int((y0 - low[1]) // cell), 0), min(int((y1 - low[1]) // cell), shape[1] - 1) + 1):
            for i in range(max(int((x0 - low[0]) // cell), 0), min(int((x1 - low[0]) // cell), shape[0] - 1) + 1):
                c = (k * shape[1] + j) * shape[0] + i
                for s in range(start[c], start[c + 1]):
                    e = item[s]
                    if (
                        e == own
                        or min(a[e, 0], b[e, 0]) - radius[e] > x1
                        or max(a[e, 0], b[e, 0]) + radius[e] < x0
                        or min(a[e, 1], b[e, 1]) - radius[e] > y1
                        or max(a[e, 1], b[e, 1]) + radius[e] < y0
                        or min(a[e, 2], b[e, 2]) - radius[e] > z1
                        or max(a[e, 2], b[e, 2]) + radius[e] < z0
                    ):
                        continue
                    known = False
                    for q in range(count):
                        known = known or found[q] == e
                    if not known:
                        if count == found.size:
                            found = np.append(found, found)
                        found[count] = e
                        count += 1
    return found, count


@njit(cache=True, inline="always")
def _free(x, y, z, others, count, a, b, radius):
    """True where a point lies inside none of the tubes listed; the one that it lies in moves to the front of the list.

    A point on the common sphere of two tubes' ends is on the wall of both, and inside neither.
    """
    for q in range(count):
        e = others[q]
        if within(x, y, z, a, b, e, radius[e] * (1.0 - 1e-9)):
            others[q], others[0] = others[0], e
            return False
    return True


@njit(cache=True)
def _beside(middle, reach, others, count, a, b, radius, near):
    """Those of the `count` tubes listed that come within `reach` of a point (3,), into `near`; how many."""
    few = 0
    for q in range(count):
        e = others[q]
        if within(middle[0], middle[1], middle[2], a, b, e, radius[e] + reach * (1.0 + 1e-9)):
            near[few] = e
            few += 1
    return few


@njit(cache=True, parallel=True)
def tube_wall(tube, first, along, around, grid, a, b, radius, origin, spacing, index, reach, voxel):
    """Where the points of tubes' side walls lie: `along` rings of `around` points on each.

    Neighbouring rings are turned by half a step, so that a wall crossing a lattice is not met by rows of points.

    Parameters
    ----------
    tube : (t,) int64
        Which tubes.
    first, along, around : (t,) int64
        First row of each tube in `voxel`, its rings and the points of a ring.
    grid, a, b, radius : the tubes of all kinds, in a box grid
    origin, spacing, index, reach : the lattice, as in `find_voxel`
    voxel : (m,) int32, written
        Marrow voxel of each point; -1 where it lies inside another tube or outside the marrow.
    """
    for t in prange(tube.size):
        e = tube[t]
        axis = b[e] - a[e]
        length = np.sqrt(np.dot(axis, axis))
        axis = axis / length
        helper = np.zeros(3)
        helper[np.argmin(np.abs(axis))] = 1.0
        side = np.cross(axis, helper)
        side /= np.sqrt(np.dot(side, side))
        other = np.cross(axis, side)
        r = radius[e]
        others, count = _others(
            min(a[e, 0], b[e, 0]) - r, min(a[e, 1], b[e, 1]) - r, min(a[e, 2], b[e, 2]) - r,
            max(a[e, 0], b[e, 0]) + r, max(a[e, 1], b[e, 1]) + r, max(a[e, 2], b[e, 2]) + r,
            e, grid, a, b, radius,
        )  # fmt: skip
        near = np.empty(count, np.int32)
        turned = np.empty((2, around[t], 2))
        for half in range(2):
            for step in range(around[t]):
                angle = 2.0 * np.pi * (step + 0.5 * half) / around[t]
                turned[half, step, 0], turned[half, step, 1] = r * np.cos(angle), r * np.sin(angle)
        row = first[t]
        for ring in range(along[t]):
            s = (ring + 0.5) / along[t] * length
            few = _beside(a[e] + s * axis, r, others, count, a, b, radius, near)
            for step in range(around[t]):
                c, d = turned[ring % 2, step, 0], turned[ring % 2, step, 1]
                x = a[e, 0] + s * axis[0] + c * side[0] + d * other[0]
                y = a[e, 1] + s * axis[1] + c * side[1] + d * other[1]
                z = a[e, 2] + s * axis[2] + c * side[2] + d * other[2]
                voxel[row] = -1
                if _free(x, y, z, near, few, a, b, radius):
                    voxel[row] = find_voxel(x, y, z, origin, spacing, index, reach)
                row += 1


@njit(cache=True, parallel=True)
def sphere_wall(centre, size, first, points, grid, a, b, radius, origin, spacing, index, reach, voxel):
    """Where the points of spheres lie (Fibonacci spirals): `points` on each, from row `first` of `voxel` on.

    `centre` (t, 3), `size` (t,) radius [um]; the rest as in `tube_wall`, no tube excepted.
    """
    golden = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(points.max() if points.size else 0)
    cosine, sine = np.cos(golden), np.sin(golden)
    for t in prange(size.size):
        cx, cy, cz, r = centre[t, 0], centre[t, 1], centre[t, 2], size[t]
        others, count = _others(cx - r, cy - r, cz - r, cx + r, cy + r, cz + r, -1, grid, a, b, radius)
        for s in range(points[t]):
            u = 1.0 - 2.0 * (s + 0.5) / points[t]
            w = r * np.sqrt(1.0 - u * u)
            x, y, z = cx + w * cosine[s], cy + w * sine[s], cz + r * u
            row = first[t] + s
            voxel[row] = -1
            if _free(x, y, z, others, count, a, b, radius):
                voxel[row] = find_voxel(x, y, z, origin, spacing, index, reach)


@njit(cache=True)
def add_runs(total, voxel, first, number, amount):
    """total[v] += amount[t] for each voxel v >= 0 among voxel[first[t]:first[t] + number[t]], in order."""
    for t in range(first.size):
        for row in range(first[t], first[t] + number[t]):
            if voxel[row] >= 0:
                total[voxel[row]] += amount[t]
