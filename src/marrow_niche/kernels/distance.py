"""Exact distances below the size of a voxel: to tubes (segments with a radius) and points.

A tube is a capsule: all points within `radius` of the segment a to b; its signed distance is the distance to the segment
minus the radius, negative inside. Tubes are found through a grid of cubic cells, given to kernels as a tuple

    grid = (low (3,), cell, shape (3,), start, item, large, wide)

where cell c = (k * shape[1] + j) * shape[0] + i lists item[start[c]:start[c + 1]]. A *box* grid lists each tube in every cell
its bounding box touches, so the cell of a point names all tubes that can hold it. A *middle* grid lists each tube once, in
the cell of its middle; `wide` is the farthest any of those reaches from its middle, and `large` names the few that reach
farther and belong to every search.
"""

import numpy as np
from numba import njit, prange


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
def bin_tubes(box, shape, start, item, fill):
    """List, for each cell, the tubes whose `box` touches it.

    Parameters
    ----------
    box : (e, 6) int32
        Cells touched: low i, j, k, high i, j, k.
    shape : (3,) int64
        Cells along x, y, z.
    start : (cells + 1,) int64, written
        With `fill` False the count of cell c is added to start[c + 1]; with `fill` True start[c] is moved on.
    item : (k,) int32, written with `fill` True
    fill : bool
    """
    for e in range(box.shape[0]):
        for k in range(box[e, 2], box[e, 5] + 1):
            for j in range(box[e, 1], box[e, 4] + 1):
                for i in range(box[e, 0], box[e, 3] + 1):
                    cell = (k * shape[1] + j) * shape[0] + i
                    if fill:
                        item[start[cell]] = e
                        start[cell] += 1
                    else:
                        start[cell + 1] += 1


@njit(cache=True)
def _gather(x, y, z, reach, cap, grid, a, b, radius):
    """Tubes with signed distance from (x, y, z) <= min(nearest, cap) + reach, from a middle grid: (items, how many)."""
    low, cell, shape, start, item, large, wide = grid
    found, away = np.empty(1024, np.int32), np.empty(1024, np.float64)
    last = cap + reach + wide
    width = min(reach + wide + 0.6 * cell, last)
    while True:
        count, nearest = 0, cap
        i0, i1 = max(int((x - width - low[0]) // cell), 0), min(int((x + width - low[0]) // cell), shape[0] - 1)
        j0, j1 = max(int((y - width - low[1]) // cell), 0), min(int((y + width - low[1]) // cell), shape[1] - 1)
        k0, k1 = max(int((z - width - low[2]) // cell), 0), min(int((z + width - low[2]) // cell), shape[2] - 1)
        for k in range(k0, k1 + 1):
            for j in range(j0, j1 + 1):
                row = (k * shape[1] + j) * shape[0]
                for s in range(start[row + i0] if i0 <= i1 else 0, start[row + i1 + 1] if i0 <= i1 else 0):
                    e = item[s]
                    d = segment_distance(x, y, z, a, b, e) - radius[e]
                    if d <= nearest + reach:
                        if count == found.size:
                            found, away = np.append(found, found), np.append(away, away)
                        found[count], away[count] = e, d
                        count += 1
                        nearest = min(nearest, d)
        for e in large:
            d = segment_distance(x, y, z, a, b, e) - radius[e]
            if d <= nearest + reach:
                if count == found.size:
                    found, away = np.append(found, found), np.append(away, away)
                found[count], away[count] = e, d
                count += 1
                nearest = min(nearest, d)
        need = nearest + reach + wide
        if need <= width or width >= last:
            break
        width = min(need if nearest < cap else 2.0 * width, last)
    kept = 0
    for s in range(count):
        if away[s] <= nearest + reach:
            found[kept] = found[s]
            kept += 1
    return found, kept


@njit(cache=True, parallel=True)
def search_blocks(
    first, last, centre, order, block, voxel, spread, grid, a, b, radius, reach, cap, distance, number, item
):
    """For each voxel, the signed distance of its centre to the nearest tube and the tubes within `reach` more.

    Parameters
    ----------
    first, last : int
        Blocks of voxels to do.
    centre : (m, 3) float64
        Centres of the blocks [um].
    order, block : (n,) int64, (m + 1,) int64
        Voxels of block i are order[block[i]:block[i + 1]].
    voxel : (n, 3) float64
        Voxel centres [um].
    spread : float
        Farthest a voxel's centre lies from its block's [um].
    grid : tuple
        A middle grid.
    a, b, radius : (e, 3), (e, 3), (e,) float64
        The tubes [um].
    reach, cap : float
        Listed are the tubes with signed distance <= min(nearest, cap) + reach; `distance` is at most `cap` [um].
    distance : (n,) float64, written
        [um].
    number : (n,) int64, written
        How many tubes are listed, also where they do not fit.
    item : (rows, width) int32, written
        The first `width` of them; row r is the voxel order[block[first] + r].
    """
    for m in prange(first, last):
        found, count = _gather(
            centre[m, 0], centre[m, 1], centre[m, 2], reach + 2.0 * spread, cap + spread, grid, a, b, radius
        )
        away = np.empty(count, np.float64)
        for s in range(block[m], block[m + 1]):
            v, row = order[s], s - block[first]
            nearest = cap
            for q in range(count):
                e = found[q]
                away[q] = segment_distance(voxel[v, 0], voxel[v, 1], voxel[v, 2], a, b, e) - radius[e]
                nearest = min(nearest, away[q])
            listed = 0
            for q in range(count):
                if away[q] <= nearest + reach:
                    if listed < item.shape[1]:
                        item[row, listed] = found[q]
                    listed += 1
            distance[v] = nearest
            number[v] = listed


@njit(cache=True)
def collect(voxels, number, packed, start, item):
    """Copy lists that lie one after the other in `packed`, in the order of `voxels`, to item[start[v]:]."""
    at = 0
    for v in voxels:
        for q in range(number[v]):
            item[start[v] + q] = packed[at + q]
        at += number[v]


@njit(cache=True, parallel=True)
def voxel_share(centre, spacing, n, start, item, other_start, other_item, a, b, radius, kind, share):
    """Share of each voxel that lies inside tubes of each kind, by n^3 points on a regular grid.

    Parameters
    ----------
    centre : (v, 3) float64
        Voxel centres [um].
    spacing : float
        Voxel edge [um].
    n : int
        Points along an edge.
    start, item, other_start, other_item : (v + 1,) int64, (k,) int32, twice
        Lists that together hold, for each voxel, every tube that reaches into it.
    a, b, radius, kind : (e, 3), (e, 3), (e,) float64, (e,) uint8
        The tubes [um]; where tubes of several kinds meet the point goes to the highest kind.
    share : (v, kinds) float64, written
        [-].
    """
    half = 0.5 * np.sqrt(3.0) * spacing
    kinds = share.shape[1]
    for v in prange(centre.shape[0]):
        x, y, z = centre[v, 0], centre[v, 1], centre[v, 2]
        near = np.empty(start[v + 1] - start[v] + other_start[v + 1] - other_start[v], np.int32)
        count = 0
        for s in range(start[v], start[v + 1]):
            if segment_distance(x, y, z, a, b, item[s]) - radius[item[s]] < half:
                near[count] = item[s]
                count += 1
        for s in range(other_start[v], other_start[v + 1]):
            if segment_distance(x, y, z, a, b, other_item[s]) - radius[other_item[s]] < half:
                near[count] = other_item[s]
                count += 1
        for g in range(kinds):
            share[v, g] = 0.0
        if count == 0:
            continue
        some = np.empty(count, np.int32)
        for kb in range(0, n, 2):
            for jb in range(0, n, 2):
                for ib in range(0, n, 2):
                    # Two points a side are looked at together: most such groups lie wholly in or out of every tube.
                    kn, jn, in_ = min(kb + 2, n), min(jb + 2, n), min(ib + 2, n)
                    mz = z + (0.5 * (kb + kn) / n - 0.5) * spacing
                    my = y + (0.5 * (jb + jn) / n - 0.5) * spacing
                    mx = x + (0.5 * (ib + in_) / n - 0.5) * spacing
                    spread = half / n
                    base, left = -1, 0
                    for q in range(count):
                        e = near[q]
                        d = segment_distance(mx, my, mz, a, b, e) - radius[e]
                        if d < -spread:
                            base = max(base, int(kind[e]))
                        elif d < spread:
                            some[left] = e
                            left += 1
                    for kk in range(kb, kn):
                        pz = z + ((kk + 0.5) / n - 0.5) * spacing
                        for jj in range(jb, jn):
                            py = y + ((jj + 0.5) / n - 0.5) * spacing
                            for ii in range(ib, in_):
                                px = x + ((ii + 0.5) / n - 0.5) * spacing
                                highest = base
                                for q in range(left):
                                    e = some[q]
                                    if kind[e] > highest and segment_distance(px, py, pz, a, b, e) < radius[e]:
                                        highest = int(kind[e])
                                if highest >= 0:
                                    share[v, highest] += 1.0
        for g in range(kinds):
            share[v, g] /= n**3


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
        if e != own and segment_distance(x, y, z, a, b, e) < (radius[e] + margin) * (1.0 - 1e-9):
            return True
    return False


@njit(cache=True, parallel=True)
def inside_tubes(points, margin, grid, a, b, radius, inside):
    """`inside_tube` for each of `points` (m, 3), none excepted, into `inside` (m,) bool."""
    for p in prange(points.shape[0]):
        inside[p] = inside_tube(points[p, 0], points[p, 1], points[p, 2], -1, margin, grid, a, b, radius)


@njit(cache=True)
def find_voxel(x, y, z, origin, spacing, index, reach):
    """Compact index of the marrow voxel that holds a point, else of the nearest within `reach` voxels, else -1.

    A point outside the lattice's box has none. `index` is (nz, ny, nx) int32, -1 where closed; `origin` the low corner.
    """
    nz, ny, nx = index.shape
    u, v, w = (x - origin[0]) / spacing, (y - origin[1]) / spacing, (z - origin[2]) / spacing
    if not (0.0 <= u < nx and 0.0 <= v < ny and 0.0 <= w < nz):
        return -1
    i, j, k = int(u), int(v), int(w)
    if index[k, j, i] >= 0:
        return index[k, j, i]
    nearest, which = np.inf, -1
    for kk in range(max(k - reach, 0), min(k + reach + 1, nz)):
        for jj in range(max(j - reach, 0), min(j + reach + 1, ny)):
            for ii in range(max(i - reach, 0), min(i + reach + 1, nx)):
                if index[kk, jj, ii] >= 0:
                    squared = (ii + 0.5 - u) ** 2 + (jj + 0.5 - v) ** 2 + (kk + 0.5 - w) ** 2
                    if squared < nearest:
                        nearest, which = squared, index[kk, jj, ii]
    return which


@njit(cache=True)
def find_voxels(points, origin, spacing, index, reach, out):
    """`find_voxel` for each of `points` (m, 3), into `out` (m,) int32."""
    for p in range(points.shape[0]):
        out[p] = find_voxel(points[p, 0], points[p, 1], points[p, 2], origin, spacing, index, reach)
