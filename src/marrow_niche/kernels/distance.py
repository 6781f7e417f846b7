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
def _within(x, y, z, a, b, e, reach):
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


@njit(cache=True, inline="always")
def _pack(e, q, a, b, radius, tube):
    """Write tube `e` as column q of `tube` (8, m): one end, the axis, 1 / length squared (0 of a point) and the radius."""
    ux, uy, uz = b[e, 0] - a[e, 0], b[e, 1] - a[e, 1], b[e, 2] - a[e, 2]
    square = ux * ux + uy * uy + uz * uz
    tube[0, q], tube[1, q], tube[2, q] = a[e, 0], a[e, 1], a[e, 2]
    tube[3, q], tube[4, q], tube[5, q] = ux, uy, uz
    tube[6, q] = 1.0 / square if square > 0.0 else 0.0
    tube[7, q] = radius[e]


@njit(cache=True, error_model="numpy")
def _to_packed(x, y, z, tube, first, last, away):
    """Signed distances from (x, y, z) to the packed tubes first..last - 1, into `away` (from 0); returns the least of them."""
    count = last - first
    ax, ay, az = tube[0][first:last], tube[1][first:last], tube[2][first:last]
    ux, uy, uz = tube[3][first:last], tube[4][first:last], tube[5][first:last]
    inverse, radius = tube[6][first:last], tube[7][first:last]
    for q in range(count):
        px, py, pz = x - ax[q], y - ay[q], z - az[q]
        t = (px * ux[q] + py * uy[q] + pz * uz[q]) * inverse[q]
        t = min(max(t, 0.0), 1.0)
        px, py, pz = px - t * ux[q], py - t * uy[q], pz - t * uz[q]
        away[q] = np.sqrt(px * px + py * py + pz * pz) - radius[q]
    one, two, three, four = np.inf, np.inf, np.inf, np.inf
    for q in range(0, count - 3, 4):
        one, two = min(one, away[q]), min(two, away[q + 1])
        three, four = min(three, away[q + 2]), min(four, away[q + 3])
    for q in range(count - count % 4, count):
        one = min(one, away[q])
    return min(min(one, two), min(three, four))


@njit(cache=True)
def pack_grid(grid, a, b, radius, item, tube):
    """The tubes of a middle grid in the order of its cells, the large ones behind: their numbers `item` (e,) int32 and `tube`
    (8, e) float64 as `_pack` writes them. A run of cells along x is then a run of columns."""
    count = grid[4].size
    for q in range(count):
        item[q] = grid[4][q]
    for q in range(grid[5].size):
        item[count + q] = grid[5][q]
    for q in range(item.size):
        _pack(item[q], q, a, b, radius, tube)


@njit(cache=True)
def _gather(x, y, z, reach, cap, grid, tube):
    """Columns of `pack_grid` with signed distance from (x, y, z) <= min(nearest, cap) + reach: (columns, how many)."""
    low, cell, shape, start, item, large, wide = grid
    found, away, run = np.empty(512, np.int32), np.empty(512), np.empty(512)
    last = cap + reach + wide
    width = min(reach + wide + 0.6 * cell, last)
    while True:
        count, nearest = 0, cap
        i0, i1 = max(int((x - width - low[0]) // cell), 0), min(int((x + width - low[0]) // cell), shape[0] - 1)
        j0, j1 = max(int((y - width - low[1]) // cell), 0), min(int((y + width - low[1]) // cell), shape[1] - 1)
        k0, k1 = max(int((z - width - low[2]) // cell), 0), min(int((z + width - low[2]) // cell), shape[2] - 1)
        rows = max(k1 - k0 + 1, 0) * max(j1 - j0 + 1, 0) if i0 <= i1 else 0
        for r in range(rows + 1):
            if r < rows:
                row = ((k0 + r // (j1 - j0 + 1)) * shape[1] + j0 + r % (j1 - j0 + 1)) * shape[0]
                begin, end = start[row + i0], start[row + i1 + 1]
            else:
                begin, end = item.size, item.size + large.size
            if begin == end:
                continue
            if end - begin > run.size:
                run = np.empty(2 * (end - begin))
            while count + end - begin >= found.size:
                found, away = np.append(found, found), np.append(away, away)
            nearest = min(nearest, _to_packed(x, y, z, tube, begin, end, run))
            for q in range(end - begin):
                found[count], away[count] = begin + q, run[q]
                count += run[q] <= nearest + reach
        need = nearest + reach + wide
        if need <= width or width >= last:
            break
        width = min(need if nearest < cap else 2.0 * width, last)
    kept = 0
    for s in range(count):
        found[kept] = found[s]
        kept += away[s] <= nearest + reach
    return found, kept


@njit(cache=True, inline="always")
def _octant(v, voxel, x, y, z):
    """Which eighth of a block centred at (x, y, z) the centre of voxel `v` lies in."""
    return (voxel[v, 0] > x) + 2 * (voxel[v, 1] > y) + 4 * (voxel[v, 2] > z)


@njit(cache=True, parallel=True)
def search_blocks(centre, order, block, voxel, spread, grid, number, packed, reach, cap, fill, distance, start, item):
    """For each voxel, the signed distance of its centre to the nearest tube and the tubes within `reach` more.

    Parameters
    ----------
    centre : (m, 3) float64
        Centres of the blocks [um].
    order, block : (n,) int64, (m + 1,) int64
        Voxels of block i are order[block[i]:block[i + 1]], eighth by eighth.
    voxel : (n, 3) float64
        Voxel centres [um].
    spread : float
        Farthest a voxel's centre lies from its block's [um].
    grid : tuple
        A middle grid.
    number, packed : (e,) int32, (8, e) float64
        Its tubes, as `pack_grid` leaves them [um].
    reach, cap : float
        Listed are the tubes with signed distance <= min(nearest, cap) + reach; `distance` is at most `cap` [um].
    fill : bool
        First False, to measure and count; then, with `start` summed up, True, to list.
    distance : (n,) float64, written with `fill` False
        [um].
    start : (n + 1,) int64, written with `fill` False
        start[v + 1] is how many tubes voxel v has; with `fill` True, where its list begins and that of v ends.
    item : (k,) int32, written with `fill` True

    Notes
    -----
    No distance to a tube changes by more than the way between two points. So what is listed for a block holds what can be
    listed for its eighths, and that what can be listed for their voxels. Each voxel is written by one thread.
    """
    for m in prange(centre.shape[0]):
        x, y, z = centre[m, 0], centre[m, 1], centre[m, 2]
        found, count = _gather(x, y, z, reach + 2.0 * spread, cap + spread, grid, packed)
        if count == 0:
            if not fill:
                for s in range(block[m], block[m + 1]):
                    distance[order[s]], start[order[s] + 1] = cap, 0
            continue
        every, tube = np.empty((8, count)), np.empty((8, count))
        some, row, away = np.empty(count, np.int32), np.empty(count + 1, np.int32), np.empty(count)
        for d in range(8):
            for q in range(count):
                every[d, q] = packed[d, found[q]]
        first = block[m]
        while first < block[m + 1]:
            eighth = _octant(order[first], voxel, x, y, z)
            last = first
            low, high = np.full(3, np.inf), np.full(3, -np.inf)
            while last < block[m + 1] and _octant(order[last], voxel, x, y, z) == eighth:
                for d in range(3):
                    low[d], high[d] = min(low[d], voxel[order[last], d]), max(high[d], voxel[order[last], d])
                last += 1
            wide = 0.5 * np.sqrt((high[0] - low[0]) ** 2 + (high[1] - low[1]) ** 2 + (high[2] - low[2]) ** 2) + 1e-9
            nearest = _to_packed(
                0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), 0.5 * (low[2] + high[2]), every, 0, count, away
            )
            far = min(nearest + 2.0 * wide, cap + wide) + reach
            fewer = 0
            for q in range(count):
                row[fewer] = q
                fewer += away[q] <= far
            for q in range(fewer):
                some[q] = number[found[row[q]]]
            for d in range(8):
                for q in range(fewer):
                    tube[d, q] = every[d, row[q]]
            for s in range(first, last):
                v = order[s]
                nearest = min(_to_packed(voxel[v, 0], voxel[v, 1], voxel[v, 2], tube, 0, fewer, away), cap)
                listed = 0
                if fill:
                    for q in range(fewer):
                        row[listed] = some[q]
                        listed += away[q] <= nearest + reach
                    item[start[v] : start[v] + listed] = row[:listed]
                else:
                    for q in range(fewer):
                        listed += away[q] <= nearest + reach
                    distance[v] = nearest
                    start[v + 1] = listed
            first = last


@njit(cache=True, parallel=True)
def nearest_in_blocks(centre, order, block, voxel, spread, grid, number, packed, which):
    """The nearest of some points to the centre of each voxel; of two as near, the first.

    Parameters
    ----------
    centre, order, block, voxel, spread
        As of `search_blocks`.
    grid : tuple
        A middle grid of the points.
    number, packed : (e,) int32, (8, e) float64
        The points, at least one, as `pack_grid` leaves them [um].
    which : (n,) int32, written
    """
    for m in prange(centre.shape[0]):
        found, count = _gather(centre[m, 0], centre[m, 1], centre[m, 2], 2.0 * spread + 1e-9, np.inf, grid, packed)
        for s in range(block[m], block[m + 1]):
            v = order[s]
            nearest, best = np.inf, -1
            for q in range(count):
                c, p = found[q], number[found[q]]
                dx, dy, dz = packed[0, c] - voxel[v, 0], packed[1, c] - voxel[v, 1], packed[2, c] - voxel[v, 2]
                square = dx * dx + dy * dy + dz * dz
                if square < nearest or (square == nearest and p < best):
                    nearest, best = square, p
            which[v] = best


@njit(cache=True)
def order_blocks(flat, shape, side, order, place, start):
    """Sort the voxels of a lattice by cubic blocks, and in a block by its eighths.

    Parameters
    ----------
    flat : (n,) int64
        C-order index of the voxels, ascending.
    shape : (3,) int64
        nz, ny, nx of the lattice.
    side : int
        Voxels along a block.
    order : (n,) int64, written
        Rank of the voxels, block by block in C order.
    place : (n, 3) int32, written
        Block k, j, i of the rows that were found.
    start : (n + 1,) int64, written
        Voxels of block m are order[start[m]:start[m + 1]].

    Returns
    -------
    int
        Blocks that hold any voxel.
    """
    ny, nx = shape[1], shape[2]
    by, bx = (ny + side - 1) // side, (nx + side - 1) // side
    half = (side + 1) // 2
    along = np.empty(nx, np.int64)  # what the place in a row adds to the key of a voxel
    for i in range(nx):
        along[i] = 8 * (i // side) + (i % side >= half)
    number, key = np.zeros(8 * by * bx + 1, np.int64), np.empty(flat.size, np.int32)
    blocks, first = 0, 0
    start[0] = 0
    while first < flat.size:
        layer = flat[first] // (ny * nx) // side
        number[:] = 0
        last = first
        while last < flat.size and flat[last] < (layer + 1) * side * ny * nx:
            row = flat[last] // nx
            k, j = row // ny, row % ny
            across = 8 * bx * (j // side) + 2 * (j % side >= half) + 4 * (k % side >= half)
            while last < flat.size and flat[last] < (row + 1) * nx:
                key[last] = across + along[flat[last] - row * nx]
                number[key[last] + 1] += 1
                last += 1
        for c in range(by * bx):
            here = 0
            for q in range(8 * c, 8 * c + 8):
                here += number[q + 1]
                number[q + 1] += number[q]
            if here > 0:
                place[blocks, 0], place[blocks, 1], place[blocks, 2] = layer, c // bx, c % bx
                start[blocks + 1] = start[blocks] + here
                blocks += 1
        for v in range(first, last):
            order[first + number[key[v]]] = v
            number[key[v]] += 1
        first = last
    return blocks


@njit(cache=True, parallel=True)
def centres(flat, shape, origin, spacing, out):
    """Centres (n, 3) of the voxels of C-order index `flat` (n,) in a lattice (nz, ny, nx) with its low corner at `origin`."""
    ny, nx = shape[1], shape[2]
    for v in prange(flat.size):
        row = flat[v] // nx
        out[v, 0] = origin[0] + (flat[v] - row * nx + 0.5) * spacing
        out[v, 1] = origin[1] + (row % ny + 0.5) * spacing
        out[v, 2] = origin[2] + (row // ny + 0.5) * spacing


@njit(cache=True, inline="always")
def _square_to_packed(x, y, z, tube, q):
    """Squared distance from (x, y, z) to the axis of the packed tube q."""
    px, py, pz = x - tube[0, q], y - tube[1, q], z - tube[2, q]
    t = min(max((px * tube[3, q] + py * tube[4, q] + pz * tube[5, q]) * tube[6, q], 0.0), 1.0)
    px, py, pz = px - t * tube[3, q], py - t * tube[4, q], pz - t * tube[5, q]
    return px * px + py * py + pz * pz


@njit(cache=True, error_model="numpy")
def _raise_inside(place, points, tube, q, kind, highest):
    """Raise `highest` (m,) to `kind` at those of the first `points` of `place` (3, m) that lie in the packed tube q."""
    x, y, z = place[0], place[1], place[2]
    ax, ay, az, ux, uy, uz = tube[0, q], tube[1, q], tube[2, q], tube[3, q], tube[4, q], tube[5, q]
    inverse, square = tube[6, q], tube[7, q] * tube[7, q]
    for p in range(points):
        px, py, pz = x[p] - ax, y[p] - ay, z[p] - az
        t = min(max((px * ux + py * uy + pz * uz) * inverse, 0.0), 1.0)
        px, py, pz = px - t * ux, py - t * uy, pz - t * uz
        inside = px * px + py * py + pz * pz < square
        highest[p] = max(highest[p], float(kind)) if inside else highest[p]


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
    inner = half * (n - 1.0) / n + 1e-9
    kinds = share.shape[1]
    rows = 256
    for row in prange((centre.shape[0] + rows - 1) // rows):
        tube, some, base_kind = np.empty((8, 64)), np.empty(64, np.int32), np.empty(64, np.int64)
        place, highest = np.empty((3, 64)), np.empty(64)
        for v in range(row * rows, min((row + 1) * rows, centre.shape[0])):
            x, y, z = centre[v, 0], centre[v, 1], centre[v, 2]
            most = start[v + 1] - start[v] + other_start[v + 1] - other_start[v]
            if most > some.size:
                tube, some, base_kind = np.empty((8, most)), np.empty(most, np.int32), np.empty(most, np.int64)
            whole, count = -1, 0
            for g in range(kinds):
                share[v, g] = 0.0
            for s in range(most):
                mine = s < start[v + 1] - start[v]
                e = item[start[v] + s] if mine else other_item[other_start[v] + s - (start[v + 1] - start[v])]
                if not _within(x, y, z, a, b, e, radius[e] + inner):
                    continue
                _pack(e, count, a, b, radius, tube)
                d = np.sqrt(_square_to_packed(x, y, z, tube, count)) - radius[e]
                if d < -inner:
                    whole = max(whole, int(kind[e]))
                elif d < inner:
                    base_kind[count] = int(kind[e])
                    count += 1
            fewer = 0
            for q in range(count):  # what lies in a voxel that is wholly in a tube of its kind or a higher adds nothing
                if base_kind[q] > whole:
                    base_kind[fewer] = base_kind[q]
                    for d in range(8):
                        tube[d, fewer] = tube[d, q]
                    fewer += 1
            count = fewer
            if count == 0:
                if whole >= 0:
                    share[v, whole] = 1.0
                continue
            for kb in range(0, n, 4):
                for jb in range(0, n, 4):
                    for ib in range(0, n, 4):
                        # Up to four points a side are looked at together: some such groups lie wholly in or out of a tube.
                        kn, jn, in_ = min(kb + 4, n), min(jb + 4, n), min(ib + 4, n)
                        mz = z + (0.5 * (kb + kn) / n - 0.5) * spacing
                        my = y + (0.5 * (jb + jn) / n - 0.5) * spacing
                        mx = x + (0.5 * (ib + in_) / n - 0.5) * spacing
                        side = (kn - kb - 1.0) ** 2 + (jn - jb - 1.0) ** 2 + (in_ - ib - 1.0) ** 2
                        spread = 0.5 * np.sqrt(side) / n * spacing + 1e-9
                        base, left = whole, 0
                        for q in range(count):
                            square, r = _square_to_packed(mx, my, mz, tube, q), tube[7, q]
                            if square >= (r + spread) * (r + spread):
                                continue
                            if r > spread and square < (r - spread) * (r - spread):
                                base = max(base, base_kind[q])
                            else:
                                some[left] = q
                                left += 1
                        points = (kn - kb) * (jn - jb) * (in_ - ib)
                        if left == 0:
                            if base >= 0:
                                share[v, base] += points
                            continue
                        p = 0
                        for kk in range(kb, kn):
                            for jj in range(jb, jn):
                                for ii in range(ib, in_):
                                    place[0, p] = x + ((ii + 0.5) / n - 0.5) * spacing
                                    place[1, p] = y + ((jj + 0.5) / n - 0.5) * spacing
                                    place[2, p] = z + ((kk + 0.5) / n - 0.5) * spacing
                                    highest[p] = base
                                    p += 1
                        for s in range(left):
                            if base_kind[some[s]] > base:
                                _raise_inside(place, points, tube, some[s], base_kind[some[s]], highest)
                        for q in range(points):
                            if highest[q] >= 0:
                                share[v, int(highest[q])] += 1.0
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
        if e != own and _within(x, y, z, a, b, e, (radius[e] + margin) * (1.0 - 1e-9)):
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
    for ring in range(1, reach + 1):
        if nearest <= (ring - 0.5) ** 2:  # no centre of this ring is nearer than that
            break
        for kk in range(max(k - ring, 0), min(k + ring + 1, nz)):
            for jj in range(max(j - ring, 0), min(j + ring + 1, ny)):
                step = 1 if abs(kk - k) == ring or abs(jj - j) == ring else 2 * ring
                for ii in range(i - ring, i + ring + 1, step):
                    if 0 <= ii < nx and index[kk, jj, ii] >= 0:
                        squared = (ii + 0.5 - u) ** 2 + (jj + 0.5 - v) ** 2 + (kk + 0.5 - w) ** 2
                        if squared < nearest:
                            nearest, which = squared, index[kk, jj, ii]
    return which


@njit(cache=True)
def find_voxels(points, origin, spacing, index, reach, out):
    """`find_voxel` for each of `points` (m, 3), into `out` (m,) int32."""
    for p in range(points.shape[0]):
        out[p] = find_voxel(points[p, 0], points[p, 1], points[p, 2], origin, spacing, index, reach)
