"""Exact distances below the size of a voxel: to tubes (segments with a radius), points and triangles.

A tube is a capsule: all points within `radius` of the segment a to b; its signed distance is the distance to the segment
minus the radius, negative inside. Tubes are found through a grid of cubic cells: `cell_start`, `cell_item` list for each
cell the tubes whose bounding box touches it, and `box` (e, 6) holds the cells that box touches (low i, j, k, high i, j, k).
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
def triangle_distance(x, y, z, vertices, triangles, t):
    """Squared distance from (x, y, z) to triangle `t` of (v, 3) `vertices`, (t, 3) `triangles`.

    References
    ----------
    Ericson, Real-Time Collision Detection, Morgan Kaufmann 2005, section 5.1.5 (closest point on a triangle).
    """
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
    vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
    px, py, pz = x - ax, y - ay, z - az
    uu, uv, vv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz, vx * vx + vy * vy + vz * vz
    d1, d2 = ux * px + uy * py + uz * pz, vx * px + vy * py + vz * pz
    d3, d4, d5, d6 = d1 - uu, d2 - uv, d1 - uv, d2 - vv
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    s, w = 0.0, 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        s, w = 0.0, 0.0
    elif d3 >= 0.0 and d4 <= d3:
        s, w = 1.0, 0.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        s = d1 / uu if uu > 0.0 else 0.0
    elif d6 >= 0.0 and d5 <= d6:
        s, w = 0.0, 1.0
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / vv if vv > 0.0 else 0.0
    elif va <= 0.0 and d4 >= d3 and d5 >= d6:
        side = (d4 - d3) + (d5 - d6)
        w = (d4 - d3) / side if side > 0.0 else 0.0
        s = 1.0 - w
    else:
        total = va + vb + vc
        s, w = vb / total, vc / total
    px, py, pz = px - s * ux - w * vx, py - s * uy - w * vy, pz - s * uz - w * vz
    return px * px + py * py + pz * pz


@njit(cache=True)
def surface_distance(asked, vertices, triangles, x0, y0, z0, spacing, nearest, squared):
    """Distance to a surface at the nodes of a grid: nearest triangles are found beside the surface, then handed on.

    Each triangle is measured from the nodes around it; then, in sweeps along the eight diagonals, every node measures the
    triangles its neighbours found. Each distance is exact to a triangle; it is the least one but for rare nodes about as
    far from two parts of the surface, where it may be too long by a small share of the pitch.

    Parameters
    ----------
    asked : (nz, ny, nx) bool
        Nodes that want an answer; among them all those beside the surface.
    vertices, triangles : (v, 3) float64, (t, 3) int64
    x0, y0, z0, spacing : float
        First node and pitch [um].
    nearest : (nz, ny, nx) int32, written
        The triangle found, -1 before.
    squared : (nz, ny, nx) float64, written
        Squared distance to it [um^2], infinity before.

    References
    ----------
    Tsai, Rapid and accurate computation of the distance function using grids, J Comput Phys 2002.
    """
    nz, ny, nx = asked.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        i0 = int(np.floor((min(vertices[a, 0], vertices[b, 0], vertices[c, 0]) - x0) / spacing)) - 1
        i1 = int(np.ceil((max(vertices[a, 0], vertices[b, 0], vertices[c, 0]) - x0) / spacing)) + 1
        j0 = int(np.floor((min(vertices[a, 1], vertices[b, 1], vertices[c, 1]) - y0) / spacing)) - 1
        j1 = int(np.ceil((max(vertices[a, 1], vertices[b, 1], vertices[c, 1]) - y0) / spacing)) + 1
        k0 = int(np.floor((min(vertices[a, 2], vertices[b, 2], vertices[c, 2]) - z0) / spacing)) - 1
        k1 = int(np.ceil((max(vertices[a, 2], vertices[b, 2], vertices[c, 2]) - z0) / spacing)) + 1
        for k in range(max(k0, 0), min(k1 + 1, nz)):
            for j in range(max(j0, 0), min(j1 + 1, ny)):
                for i in range(max(i0, 0), min(i1 + 1, nx)):
                    if asked[k, j, i]:
                        d = triangle_distance(
                            x0 + i * spacing, y0 + j * spacing, z0 + k * spacing, vertices, triangles, t
                        )
                        if d < squared[k, j, i]:
                            squared[k, j, i], nearest[k, j, i] = d, t
    for sweep in range(16):
        di, dj, dk = 1 - 2 * (sweep & 1), 1 - 2 * ((sweep >> 1) & 1), 1 - 2 * ((sweep >> 2) & 1)
        for kk in range(nz):
            k = kk if dk > 0 else nz - 1 - kk
            for jj in range(ny):
                j = jj if dj > 0 else ny - 1 - jj
                for ii in range(nx):
                    i = ii if di > 0 else nx - 1 - ii
                    if not asked[k, j, i]:
                        continue
                    for side in range(1, 8):
                        pi, pj, pk = i - di * (side & 1), j - dj * ((side >> 1) & 1), k - dk * ((side >> 2) & 1)
                        if pi < 0 or pj < 0 or pk < 0 or pi >= nx or pj >= ny or pk >= nz:
                            continue
                        t = nearest[pk, pj, pi]
                        if t >= 0 and t != nearest[k, j, i]:
                            d = triangle_distance(
                                x0 + i * spacing, y0 + j * spacing, z0 + k * spacing, vertices, triangles, t
                            )
                            if d < squared[k, j, i]:
                                squared[k, j, i], nearest[k, j, i] = d, t


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
def _nearest_in_grid(x, y, z, low, cell, shape, cell_start, cell_item, a, b, radius, cap):
    """Signed distance from a point to the nearest tube, or `cap` where none is nearer."""
    ci, cj, ck = int((x - low[0]) // cell), int((y - low[1]) // cell), int((z - low[2]) // cell)
    nearest = cap
    last = int(np.ceil(cap / cell)) + 1
    for ring in range(last + 1):
        for k in range(max(ck - ring, 0), min(ck + ring + 1, shape[2])):
            for j in range(max(cj - ring, 0), min(cj + ring + 1, shape[1])):
                shell = abs(k - ck) == ring or abs(j - cj) == ring
                step = 1 if shell else max(2 * ring, 1)
                for i in range(ci - ring, ci + ring + 1, step):
                    if i < 0 or i >= shape[0]:
                        continue
                    c = (k * shape[1] + j) * shape[0] + i
                    for s in range(cell_start[c], cell_start[c + 1]):
                        e = cell_item[s]
                        nearest = min(nearest, segment_distance(x, y, z, a, b, e) - radius[e])
        if nearest <= ring * cell:
            break
    return nearest


@njit(cache=True, parallel=True)
def gather(centre, reach, cap, low, cell, shape, cell_start, cell_item, box, a, b, radius, start, item, fill):
    """For each block of voxels, the tubes that can be nearest to some point near its centre.

    Those with signed distance from the centre <= min(nearest, cap) + reach.

    Parameters
    ----------
    centre : (m, 3) float64
        [um].
    reach, cap : float
        [um].
    low, cell, shape, cell_start, cell_item, box : the grid of the tubes
    a, b, radius : (e, 3), (e, 3), (e,) float64
        The tubes [um].
    start : (m + 1,) int64
        With `fill` False, the count of block i is written to start[i + 1]; with `fill` True it says where lists begin.
    item : (k,) int32, written with `fill` True
    fill : bool
    """
    for m in prange(centre.shape[0]):
        x, y, z = centre[m, 0], centre[m, 1], centre[m, 2]
        nearest = _nearest_in_grid(x, y, z, low, cell, shape, cell_start, cell_item, a, b, radius, cap)
        limit = nearest + reach
        wide = max(limit, 0.0)
        i0, i1 = max(int((x - wide - low[0]) // cell), 0), min(int((x + wide - low[0]) // cell), shape[0] - 1)
        j0, j1 = max(int((y - wide - low[1]) // cell), 0), min(int((y + wide - low[1]) // cell), shape[1] - 1)
        k0, k1 = max(int((z - wide - low[2]) // cell), 0), min(int((z + wide - low[2]) // cell), shape[2] - 1)
        count = 0
        for k in range(k0, k1 + 1):
            for j in range(j0, j1 + 1):
                for i in range(i0, i1 + 1):
                    c = (k * shape[1] + j) * shape[0] + i
                    for s in range(cell_start[c], cell_start[c + 1]):
                        e = cell_item[s]
                        # A tube lies in many cells: it is taken in the first of them that is visited.
                        if i != max(i0, box[e, 0]) or j != max(j0, box[e, 1]) or k != max(k0, box[e, 2]):
                            continue
                        if segment_distance(x, y, z, a, b, e) - radius[e] <= limit:
                            if fill:
                                item[start[m] + count] = e
                            count += 1
        if not fill:
            start[m + 1] = count


@njit(cache=True, parallel=True)
def voxel_distance(
    centre, order, block_start, list_start, list_item, a, b, radius, reach, cap, distance, start, item, fill
):
    """For each voxel, the signed distance of its centre to the nearest tube and the tubes within `reach` more.

    Parameters
    ----------
    centre : (n, 3) float64
        Voxel centres [um].
    order, block_start : (n,) int64, (m + 1,) int64
        Voxels of block i are order[block_start[i]:block_start[i + 1]].
    list_start, list_item : the blocks' tubes, from `gather`
    a, b, radius : (e, 3), (e, 3), (e,) float64
        The tubes [um].
    reach, cap : float
        Listed are the tubes with signed distance <= min(nearest, cap) + reach; `distance` is at most `cap` [um].
    distance : (n,) float64, written with `fill` False
    start : (n + 1,) int64
        With `fill` False, the count of voxel v is written to start[v + 1].
    item : (k,) int32, written with `fill` True
    fill : bool
    """
    for m in prange(block_start.size - 1):
        first, last = list_start[m], list_start[m + 1]
        mine = np.empty(last - first, np.float64)
        for s in range(block_start[m], block_start[m + 1]):
            v = order[s]
            nearest = cap
            for q in range(first, last):
                e = list_item[q]
                d = segment_distance(centre[v, 0], centre[v, 1], centre[v, 2], a, b, e) - radius[e]
                mine[q - first] = d
                nearest = min(nearest, d)
            count = 0
            for q in range(first, last):
                if mine[q - first] <= nearest + reach:
                    if fill:
                        item[start[v] + count] = list_item[q]
                    count += 1
            if not fill:
                distance[v] = nearest
                start[v + 1] = count


@njit(cache=True, parallel=True)
def voxel_share(centre, spacing, n, order, block_start, list_start, list_item, a, b, radius, kind, share):
    """Share of each voxel that lies inside tubes of each kind, by n^3 points on a regular grid.

    Parameters
    ----------
    centre : (v, 3) float64
        Voxel centres [um].
    spacing : float
        Voxel edge [um].
    n : int
        Points along an edge.
    order, block_start, list_start, list_item : the blocks, as in `voxel_distance`
    a, b, radius, kind : (e, 3), (e, 3), (e,) float64, (e,) uint8
        The tubes [um]; where tubes of several kinds meet the point goes to the highest kind.
    share : (v, kinds) float64, written
        [-].
    """
    half = 0.5 * np.sqrt(3.0) * spacing
    kinds = share.shape[1]
    for m in prange(block_start.size - 1):
        first, last = list_start[m], list_start[m + 1]
        mine = np.empty(last - first, np.int32)
        for s in range(block_start[m], block_start[m + 1]):
            v = order[s]
            x, y, z = centre[v, 0], centre[v, 1], centre[v, 2]
            count = 0
            for q in range(first, last):
                e = list_item[q]
                if segment_distance(x, y, z, a, b, e) - radius[e] < half:
                    mine[count] = e
                    count += 1
            for g in range(kinds):
                share[v, g] = 0.0
            if count == 0:
                continue
            for kk in range(n):
                pz = z + ((kk + 0.5) / n - 0.5) * spacing
                for jj in range(n):
                    py = y + ((jj + 0.5) / n - 0.5) * spacing
                    for ii in range(n):
                        px = x + ((ii + 0.5) / n - 0.5) * spacing
                        highest = -1
                        for q in range(count):
                            e = mine[q]
                            if kind[e] > highest and segment_distance(px, py, pz, a, b, e) < radius[e]:
                                highest = kind[e]
                                if highest == kinds - 1:
                                    break
                        if highest >= 0:
                            share[v, highest] += 1.0
            for g in range(kinds):
                share[v, g] /= n**3


@njit(cache=True, parallel=True)
def inside_any(points, own, low, cell, shape, cell_start, cell_item, a, b, radius, inside):
    """Whether each point lies inside some tube other than its `own`.

    Parameters
    ----------
    points : (m, 3) float64
        [um].
    own : (m,) int32
        Tube excepted for each point, -1 for none.
    low, cell, shape, cell_start, cell_item : the grid of the tubes
    a, b, radius : (e, 3), (e, 3), (e,) float64
        [um].
    inside : (m,) bool, written
    """
    for p in prange(points.shape[0]):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        i, j, k = int((x - low[0]) // cell), int((y - low[1]) // cell), int((z - low[2]) // cell)
        inside[p] = False
        if i < 0 or j < 0 or k < 0 or i >= shape[0] or j >= shape[1] or k >= shape[2]:
            continue
        c = (k * shape[1] + j) * shape[0] + i
        for s in range(cell_start[c], cell_start[c + 1]):
            e = cell_item[s]
            if e != own[p] and segment_distance(x, y, z, a, b, e) < radius[e] * (1.0 - 1e-9):
                inside[p] = True
                break


@njit(cache=True)
def nearest_distance(points, cap, low, cell, shape, cell_start, cell_item, a, b, radius, out):
    """Signed distance from each of `points` (m, 3) to the nearest tube wall, at most `cap`, into `out` (m,) [um]."""
    for p in range(points.shape[0]):
        out[p] = _nearest_in_grid(
            points[p, 0], points[p, 1], points[p, 2], low, cell, shape, cell_start, cell_item, a, b, radius, cap
        )


@njit(cache=True)
def tube_points(a, b, radius, first, along, around, out):
    """Points on the side walls of tubes, in rings: `along[e]` rings of `around[e]` points from row `first[e]` of `out`.

    Neighbouring rings are turned by half a step, so that a wall crossing a lattice is not met by rows of points.

    Parameters
    ----------
    a, b, radius : (e, 3), (e, 3), (e,) float64
        [um].
    first, along, around : (e,) int64
    out : (m, 3) float64, written
    """
    for e in range(radius.size):
        axis = b[e] - a[e]
        length = np.sqrt(np.dot(axis, axis))
        axis = axis / length
        helper = np.zeros(3)
        helper[np.argmin(np.abs(axis))] = 1.0
        side = np.cross(axis, helper)
        side /= np.sqrt(np.dot(side, side))
        other = np.cross(axis, side)
        row = first[e]
        for ring in range(along[e]):
            t = (ring + 0.5) / along[e] * length
            for step in range(around[e]):
                angle = 2.0 * np.pi * (step + 0.5 * (ring % 2)) / around[e]
                c, s = radius[e] * np.cos(angle), radius[e] * np.sin(angle)
                for d in range(3):
                    out[row, d] = a[e, d] + t * axis[d] + c * side[d] + s * other[d]
                row += 1


@njit(cache=True)
def sphere_points(centre, radius, first, number, out):
    """Points spread evenly over spheres (Fibonacci spiral): `number[e]` of them from row `first[e]` of `out` (m, 3)."""
    golden = np.pi * (3.0 - np.sqrt(5.0))
    for e in range(radius.size):
        for s in range(number[e]):
            z = 1.0 - 2.0 * (s + 0.5) / number[e]
            r = np.sqrt(1.0 - z * z)
            out[first[e] + s, 0] = centre[e, 0] + radius[e] * r * np.cos(golden * s)
            out[first[e] + s, 1] = centre[e, 1] + radius[e] * r * np.sin(golden * s)
            out[first[e] + s, 2] = centre[e, 2] + radius[e] * z


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


@njit(cache=True)
def add_at(total, voxel, keep, amount):
    """total[voxel[p]] += amount[p] for each kept p with a voxel, in order."""
    for p in range(voxel.size):
        if keep[p] and voxel[p] >= 0:
            total[voxel[p]] += amount[p]
