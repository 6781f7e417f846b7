"""Exact distances below the size of a voxel: to tubes (segments with a radius) and points.

A tube is a capsule: all points within `radius` of the segment a to b; its signed distance is the distance to the segment
minus the radius, negative inside. Tubes are found through a grid of cubic cells, given to kernels as a tuple

    grid = (low (3,), cell, shape (3,), start, item, large, wide)

where cell c = (k * shape[1] + j) * shape[0] + i lists item[start[c]:start[c + 1]]. A *box* grid, as here, lists each tube in
every cell its bounding box touches, so the cell of a point names all tubes that can hold it; `large` and `wide` are of the
*middle* grids of `kernels.tube_search`.
"""

import numpy as np
from numba import njit, prange

FEW = 2_000
"""Fewer points than this are looked at by one thread: to call the others takes longer."""


@njit(cache=True, inline="always")
def segment_distance(x, y, z, a, b, e):
    """Distance from (x, y, z) to segment `e` of a, b (m, 3); any one unit."""
    ux, uy, uz = b[e, 0] - a[e, 0], b[e, 1] - a[e, 1], b[e, 2] - a[e, 2]
    px, py, pz = x - a[e, 0], y - a[e, 1], z - a[e, 2]
    length = ux * ux + uy * uy + uz * uz
    t = 0.0
    if length > 0.0:
        t = min(max((px * ux + py * uy + pz * uz) / length, 0.0), 1.0)
    px, py, pz = px - t * ux, py - t * uy, pz - t * uz
    return np.sqrt(px * px + py * py + pz * pz)


@njit(cache=True, inline="always")
def within(x, y, z, a, b, e, reach):
    """Whether (x, y, z) lies nearer than `reach` to segment `e`."""
    ux, uy, uz = b[e, 0] - a[e, 0], b[e, 1] - a[e, 1], b[e, 2] - a[e, 2]
    px, py, pz = x - a[e, 0], y - a[e, 1], z - a[e, 2]
    along = px * ux + py * uy + pz * uz
    if along > 0.0:
        length = ux * ux + uy * uy + uz * uz
        t = min(along / length, 1.0)
        px, py, pz = px - t * ux, py - t * uy, pz - t * uz
    return px * px + py * py + pz * pz < reach * reach


@njit(cache=True)
def distance_to_tubes(x, y, z, voxel, start, item, a, b, radius):
    """Signed distance from a point of `voxel` to the nearest tube wall [um]; exact for every point of the voxel.

    Parameters
    ----------
    x, y, z : float
        The point [um], inside marrow voxel `voxel`.
    voxel : int
        Compact index.
    start, item : (n + 1,) int64, (k,) int32
        The voxel's tubes (`geometry.near.Near`).
    a, b : (e, 3) float64
        Ends of the tubes' axes [um].
    radius : (e,) float64
        [um].

    Returns
    -------
    float
        Negative inside a tube; infinity where the list is empty (nothing within the cap of the search).
    """
    nearest = np.inf
    for s in range(start[voxel], start[voxel + 1]):
        e = item[s]
        nearest = min(nearest, segment_distance(x, y, z, a, b, e) - radius[e])
    return nearest


@njit(cache=True)
def distance_to_ordered(x, y, z, voxel, start, item, gap, a, b, radius):
    """`distance_to_tubes` of lists that are ordered: `gap` (k,) uint8 says how near a tube comes to any point of the voxel."""
    nearest = np.inf
    for s in range(start[voxel], start[voxel + 1]):
        if gap[s] >= nearest and gap[s] > 0:  # none is known of those that may hold the point
            break
        e = item[s]
        nearest = min(nearest, segment_distance(x, y, z, a, b, e) - radius[e])
    return nearest


@njit(cache=True)
def distances_to_tubes(points, voxel, start, item, a, b, radius, out):
    """`distance_to_tubes` for each of `points` (m, 3) in marrow voxels `voxel` (m,), into `out` (m,) [um]."""
    for p in range(points.shape[0]):
        out[p] = distance_to_tubes(points[p, 0], points[p, 1], points[p, 2], voxel[p], start, item, a, b, radius)


@njit(cache=True)
def distance_to_points(x, y, z, voxel, start, item, points):
    """Distance from a point of `voxel` to the nearest of `points` (m, 3) [um]; exact for every point of the voxel.

    `start`, `item` are the voxel's list (`geometry.near.Near`); infinity where it is empty.
    """
    nearest = np.inf
    for s in range(start[voxel], start[voxel + 1]):
        p = item[s]
        dx, dy, dz = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
        nearest = min(nearest, dx * dx + dy * dy + dz * dz)
    return np.sqrt(nearest)


@njit(cache=True)
def nearest_point(x, y, z, voxel, start, item, points):
    """Index of the nearest of `points` (m, 3) to a point of `voxel`, -1 where the voxel's list is empty."""
    nearest, which = np.inf, -1
    for s in range(start[voxel], start[voxel + 1]):
        p = item[s]
        dx, dy, dz = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
        squared = dx * dx + dy * dy + dz * dz
        if squared < nearest:
            nearest, which = squared, p
    return which


@njit(cache=True)
def inside_tube(x, y, z, own, margin, grid, a, b, radius):
    """True where (x, y, z) lies inside a tube other than `own` (-1: none excepted) or nearer than `margin` to its wall.

    `grid` is a box grid whose boxes were widened by `margin` at least.
    """
    low, cell, shape, start, item, _, _ = grid
    i, j, k = int((x - low[0]) // cell), int((y - low[1]) // cell), int((z - low[2]) // cell)
    if i < 0 or j < 0 or k < 0 or i >= shape[0] or j >= shape[1] or k >= shape[2]:
        return False
    c = (k * shape[1] + j) * shape[0] + i
    for s in range(start[c], start[c + 1]):
        e = item[s]
        # A point on the common sphere of two tubes' ends is on the wall of both, and inside neither.
        if e != own and within(x, y, z, a, b, e, (radius[e] + margin) * (1.0 - 1e-9)):
            return True
    return False


@njit(cache=True)
def inside_tubes(points, margin, grid, a, b, radius, inside):
    """`inside_tube` for each of `points` (m, 3), none excepted, into `inside` (m,) bool."""
    if points.shape[0] < FEW:
        for p in range(points.shape[0]):
            inside[p] = inside_tube(points[p, 0], points[p, 1], points[p, 2], -1, margin, grid, a, b, radius)
    else:
        _many_inside_tubes(points, margin, grid, a, b, radius, inside)


@njit(cache=True, parallel=True)
def _many_inside_tubes(points, margin, grid, a, b, radius, inside):
    for p in prange(points.shape[0]):
        inside[p] = inside_tube(points[p, 0], points[p, 1], points[p, 2], -1, margin, grid, a, b, radius)
