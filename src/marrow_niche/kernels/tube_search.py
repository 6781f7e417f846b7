"""Which tubes, or points, are nearest to each voxel: from a block of voxels to its eighths to the voxels themselves.

A *middle* grid (`kernels.distance`) lists each tube once, in the cell of its middle; `wide` is the farthest any of those
reaches from its middle, and `large` names the few that reach farther and belong to every search. Tubes are packed in the
order of its cells, so that those of a run of cells lie side by side.
"""

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.distance import segment_distance

ORDERED = 1024
"""Voxels whose lists one task orders or joins."""
TUBE, SPHERE = 8, 4
"""Numbers of a packed tube, and of one without length if all are."""


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
def pack_tube(e, q, a, b, radius, tube):
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
    ax, ay, az, radius = tube[0][first:last], tube[1][first:last], tube[2][first:last], tube[-1][first:last]
    if tube.shape[0] == SPHERE:
        for q in range(count):
            px, py, pz = x - ax[q], y - ay[q], z - az[q]
            away[q] = np.sqrt(px * px + py * py + pz * pz) - radius[q]
    else:
        ux, uy, uz, inverse = tube[3][first:last], tube[4][first:last], tube[5][first:last], tube[6][first:last]
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
    """The tubes of a middle grid in the order of its cells, the large ones behind: their numbers `item` (e,) int32 and `tube`,
    (TUBE, e) float64 as `pack_tube` writes them or (SPHERE, e), x, y, z and radius. A run of cells along x is then a run of
    columns."""
    count = grid[4].size
    for q in range(count):
        item[q] = grid[4][q]
    for q in range(grid[5].size):
        item[count + q] = grid[5][q]
    for q in range(item.size):
        if tube.shape[0] == TUBE:
            pack_tube(item[q], q, a, b, radius, tube)
        else:
            e = item[q]
            tube[0, q], tube[1, q], tube[2, q], tube[3, q] = a[e, 0], a[e, 1], a[e, 2], radius[e]


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
def search_blocks(
    first, last, centre, order, block, voxel, spread, grid, number, packed, reach, cap, distance, count, item
):
    """For each voxel, the signed distance of its centre to the nearest tube and the tubes within `reach` more.

    Parameters
    ----------
    first, last : int
        Blocks to do.
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
    number, packed : (e,) int32, (TUBE or SPHERE, e) float64
        Its tubes, as `pack_grid` leaves them [um].
    reach, cap : float
        Listed are the tubes with signed distance <= min(nearest, cap) + reach; `distance` is at most `cap` [um].
    distance : (n,) float64, written
        [um].
    count : (n,) int64, written
        How many tubes each voxel has, also where they do not fit.
    item : (rows, width) int32, written
        The first `width` of them; row r is the voxel order[block[first] + r].

    Notes
    -----
    No distance to a tube changes by more than the way between two points. So what is listed for a block holds what can be
    listed for its eighths, and that what can be listed for their voxels. Each voxel is written by one thread.
    """
    for m in prange(first, last):
        x, y, z = centre[m, 0], centre[m, 1], centre[m, 2]
        found, many = _gather(x, y, z, reach + 2.0 * spread, cap + spread, grid, packed)
        if many == 0:
            for s in range(block[m], block[m + 1]):
                distance[order[s]], count[order[s]] = cap, 0
            continue
        every, tube = np.empty((packed.shape[0], many)), np.empty((packed.shape[0], many))
        some, row, away = np.empty(many, np.int32), np.empty(many + 1, np.int32), np.empty(many)
        for d in range(packed.shape[0]):
            for q in range(many):
                every[d, q] = packed[d, found[q]]
        begin = block[m]
        while begin < block[m + 1]:
            eighth = _octant(order[begin], voxel, x, y, z)
            end = begin
            low, high = np.full(3, np.inf), np.full(3, -np.inf)
            while end < block[m + 1] and _octant(order[end], voxel, x, y, z) == eighth:
                for d in range(3):
                    low[d], high[d] = min(low[d], voxel[order[end], d]), max(high[d], voxel[order[end], d])
                end += 1
            wide = 0.5 * np.sqrt((high[0] - low[0]) ** 2 + (high[1] - low[1]) ** 2 + (high[2] - low[2]) ** 2) + 1e-9
            nearest = _to_packed(
                0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), 0.5 * (low[2] + high[2]), every, 0, many, away
            )
            far = min(nearest + 2.0 * wide, cap + wide) + reach
            fewer = 0
            for q in range(many):
                row[fewer] = q
                fewer += away[q] <= far
            for q in range(fewer):
                some[q] = number[found[row[q]]]
            for d in range(packed.shape[0]):
                for q in range(fewer):
                    tube[d, q] = every[d, row[q]]
            for s in range(begin, end):
                v = order[s]
                nearest = min(_to_packed(voxel[v, 0], voxel[v, 1], voxel[v, 2], tube, 0, fewer, away), cap)
                listed = 0
                for q in range(fewer):
                    row[listed] = some[q]
                    listed += away[q] <= nearest + reach
                distance[v], count[v] = nearest, listed
                fits = min(listed, item.shape[1])
                item[s - block[first], :fits] = row[:fits]
            begin = end


@njit(cache=True, parallel=True)
def close_up(item, offset, packed):
    """Copy the first offset[r + 1] - offset[r] of each row r of `item` (rows, width) to packed[offset[r]:]."""
    for r in prange(offset.size - 1):
        packed[offset[r] : offset[r + 1]] = item[r, : offset[r + 1] - offset[r]]


@njit(cache=True, parallel=True)
def put_lists(voxels, offset, packed, start, item):
    """Copy the lists packed[offset[r]:offset[r + 1]] of `voxels` (rows,) to item[start[v]:]."""
    for r in prange(voxels.size):
        first = start[voxels[r]]
        item[first : first + offset[r + 1] - offset[r]] = packed[offset[r] : offset[r + 1]]


@njit(cache=True, parallel=True)
def join_lists(start, item, one, other):
    """Both lists of each voxel in one, into item[start[v]:start[v + 1]]; `one` and `other` are such (start, item) too."""
    n = start.size - 1
    for block in prange((n + ORDERED - 1) // ORDERED):
        for v in range(block * ORDERED, min(n, (block + 1) * ORDERED)):
            to = start[v]
            for k in range(one[0][v], one[0][v + 1]):
                item[to] = one[1][k]
                to += 1
            for k in range(other[0][v], other[0][v + 1]):
                item[to] = other[1][k]
                to += 1


@njit(cache=True, parallel=True)
def nearest_in_blocks(centre, order, block, voxel, spread, grid, number, packed, which):
    """The nearest of some points to the centre of each voxel; of two as near, the first.

    Parameters
    ----------
    centre, order, block, voxel, spread
        As of `search_blocks`.
    grid : tuple
        A middle grid of the points.
    number, packed : (e,) int32, (SPHERE, e) float64
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
def order_lists(start, item, centre, a, b, radius, half, gap):
    """Sort the list of each voxel by how near its tubes come to any point within `half` [um] of the voxel's centre (n, 3), in
    place, and write that into `gap` (k,) uint8: in whole um, 255 at most. Of as near ones, the order stays.
    """
    n = start.size - 1
    for block in prange((n + ORDERED - 1) // ORDERED):
        here, near, place = np.empty(64, item.dtype), np.empty(64, np.uint8), np.empty(257, np.int64)
        for v in range(block * ORDERED, min(n, (block + 1) * ORDERED)):
            first, count = start[v], start[v + 1] - start[v]
            if count > here.size:
                here, near = np.empty(2 * count, item.dtype), np.empty(2 * count, np.uint8)
            low, high = 255, 0
            for k in range(count):
                here[k] = item[first + k]
                d = segment_distance(centre[v, 0], centre[v, 1], centre[v, 2], a, b, here[k]) - radius[here[k]]
                near[k] = np.uint8(min(max(d - half, 0.0), 255.0))
                low, high = min(low, int(near[k])), max(high, int(near[k]))
            place[low : high + 2] = 0
            for k in range(count):
                place[near[k] + 1] += 1
            place[low] = first
            for k in range(low, high):
                place[k + 1] += place[k]
            for k in range(count):
                to = place[near[k]]
                place[near[k]] += 1
                item[to], gap[to] = here[k], near[k]
