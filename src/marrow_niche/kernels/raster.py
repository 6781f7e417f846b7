"""From a triangle surface to a lattice: which columns cross it, which centres lie inside, and fields read between nodes."""

import numpy as np
from numba import njit, prange

FEW = 10_000
"""Fewer points than this are read by one thread: to call the others takes longer, above all on a busy machine."""


@njit(cache=True, inline="always")
def _left_of(ax, ay, bx, by, a, b, px, py):
    """True where (px, py) is left of the directed edge a to b; the two directions of one edge always disagree."""
    if a < b:
        return (bx - ax) * (py - ay) - (by - ay) * (px - ax) >= 0.0
    return not ((ax - bx) * (py - by) - (ay - by) * (px - bx) >= 0.0)


@njit(cache=True)
def crossings(vertices, triangles, x0, y0, spacing, nx, ny, start, height, turn, fill):
    """Where the lines along z through the centres of the columns pierce a surface.

    Column (j, i) stands at (x0 + (i + 1/2) h, y0 + (j + 1/2) h). An edge shared by two triangles is given to exactly
    one of them, so a closed surface is pierced an even number of times whatever the column hits.

    Parameters
    ----------
    vertices : (v, 3) float64
        x, y, z [um].
    triangles : (t, 3) int64
    x0, y0, spacing : float
        Low corner of the columns and their pitch h [um].
    nx, ny : int
    start : (ny * nx + 1,) int64, written
        With `fill` False: the number of crossings of column c is added to start[c + 1]. With `fill` True: start[c] is
        where the next crossing of column c goes, and is moved on.
    height : (k,) float64, written
        z of each crossing [um], with `fill` True.
    turn : (k,) int8, written
        With `fill` True: +1 where a line going up enters (the triangle's outside looks down), -1 where it leaves.
    fill : bool
    """
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        i0 = max(0, int(np.floor((min(ax, bx, cx) - x0) / spacing - 0.5)))
        i1 = min(nx - 1, int(np.ceil((max(ax, bx, cx) - x0) / spacing - 0.5)))
        j0 = max(0, int(np.floor((min(ay, by, cy) - y0) / spacing - 0.5)))
        j1 = min(ny - 1, int(np.ceil((max(ay, by, cy) - y0) / spacing - 0.5)))
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        for j in range(j0, j1 + 1):
            py = y0 + (j + 0.5) * spacing
            for i in range(i0, i1 + 1):
                px = x0 + (i + 0.5) * spacing
                first = _left_of(ax, ay, bx, by, a, b, px, py)
                if _left_of(bx, by, cx, cy, b, c, px, py) != first:
                    continue
                if _left_of(cx, cy, ax, ay, c, a, px, py) != first:
                    continue
                column = j * nx + i
                if not fill:
                    start[column + 1] += 1
                    continue
                z = az
                if area != 0.0:
                    u = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area
                    v = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
                    z = az + u * (bz - az) + v * (cz - az)
                height[start[column]] = z
                turn[start[column]] = -1 if first else 1
                start[column] += 1


@njit(cache=True)
def fill_columns(inside, start, height, turn, z0, spacing):
    """Mark the voxels whose centre the surface winds around: more crossings below it enter than leave.

    Where a surface crosses itself, a fold inwards is wound around twice and stays inside; by the parity of crossings it
    would be a hole.

    Parameters
    ----------
    inside : (nz, ny, nx) uint8, written
        1 inside the surface.
    start : (ny * nx + 1,) int64
        Crossings of column c are height[start[c]:start[c + 1]], in any order.
    height : (k,) float64
        z of the crossings [um].
    turn : (k,) int8
        +1 where the column enters going up, -1 where it leaves.
    z0, spacing : float
        Low face of the lattice and its pitch [um].
    """
    nz, ny, nx = inside.shape
    for column in range(ny * nx):
        first, last = start[column], start[column + 1]
        if last - first < 2:
            continue
        order = first + np.argsort(height[first:last])
        j, i = column // nx, column % nx
        winding = 0
        for k in range(order.size - 1):
            winding += turn[order[k]]
            if winding <= 0:
                continue
            low = max(0, int(np.ceil((height[order[k]] - z0) / spacing - 0.5)))
            high = min(nz, int(np.ceil((height[order[k + 1]] - z0) / spacing - 0.5)))
            for z in range(low, high):
                inside[z, j, i] = 1


@njit(cache=True, inline="always")
def interpolate(field, x0, y0, z0, spacing, x, y, z):
    """Trilinear value at (x, y, z) of a field known at the nodes (x0 + i h, y0 + j h, z0 + k h); held beyond them."""
    nz, ny, nx = field.shape
    u = min(max((x - x0) / spacing, 0.0), nx - 1.0)
    v = min(max((y - y0) / spacing, 0.0), ny - 1.0)
    w = min(max((z - z0) / spacing, 0.0), nz - 1.0)
    i, j, k = min(int(u), max(nx - 2, 0)), min(int(v), max(ny - 2, 0)), min(int(w), max(nz - 2, 0))
    i1, j1, k1 = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
    u, v, w = u - i, v - j, w - k
    low = (field[k, j, i] * (1 - u) + field[k, j, i1] * u) * (1 - v) + (
        field[k, j1, i] * (1 - u) + field[k, j1, i1] * u
    ) * v
    high = (field[k1, j, i] * (1 - u) + field[k1, j, i1] * u) * (1 - v) + (
        field[k1, j1, i] * (1 - u) + field[k1, j1, i1] * u
    ) * v
    return low * (1 - w) + high * w


@njit(cache=True)
def interpolate_points(field, origin, spacing, points, out):
    """`interpolate` for each of `points` (m, 3), into `out` (m,); `origin` (3,) is the first node, x, y, z."""
    if points.shape[0] < FEW:
        for p in range(points.shape[0]):
            x, y, z = points[p, 0], points[p, 1], points[p, 2]
            out[p] = interpolate(field, origin[0], origin[1], origin[2], spacing, x, y, z)
    else:
        _interpolate_many(field, origin, spacing, points, out)


@njit(cache=True, parallel=True)
def _interpolate_many(field, origin, spacing, points, out):
    for p in prange(points.shape[0]):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        out[p] = interpolate(field, origin[0], origin[1], origin[2], spacing, x, y, z)


@njit(cache=True)
def lower_to(field, origin, spacing, points, out):
    """Lower each positive `out` (m,) to the field's distance at `points` (m, 3), in place.

    Outside the grid that is at least nought at its edge, and the way there.
    """
    if points.shape[0] < FEW:
        for p in range(points.shape[0]):
            out[p] = _lowered(out[p], field, origin, spacing, points[p, 0], points[p, 1], points[p, 2])
    else:
        _lower_many(field, origin, spacing, points, out)


@njit(cache=True, parallel=True)
def _lower_many(field, origin, spacing, points, out):
    for p in prange(points.shape[0]):
        out[p] = _lowered(out[p], field, origin, spacing, points[p, 0], points[p, 1], points[p, 2])


@njit(cache=True, parallel=True)
def interpolate_grid(field, origin, spacing, x, y, z, out):
    """`interpolate` at the nodes of a grid of x (nx,), y (ny,), z (nz,), into `out` (nz, ny, nx)."""
    for k in prange(z.size):
        for j in range(y.size):
            for i in range(x.size):
                out[k, j, i] = interpolate(field, origin[0], origin[1], origin[2], spacing, x[i], y[j], z[k])


@njit(cache=True, parallel=True)
def lower_grid(field, origin, spacing, x, y, z, out):
    """`lower_to` at the nodes of a grid of x (nx,), y (ny,), z (nz,), of `out` (nz, ny, nx) in place."""
    for k in prange(z.size):
        for j in range(y.size):
            for i in range(x.size):
                out[k, j, i] = _lowered(out[k, j, i], field, origin, spacing, x[i], y[j], z[k])


@njit(cache=True, inline="always")
def _lowered(old, field, origin, spacing, x, y, z):
    """The lesser of `old` and the field's distance at one point, `old` where that is not positive."""
    nz, ny, nx = field.shape
    cx = min(max(x, origin[0]), origin[0] + (nx - 1) * spacing)
    cy = min(max(y, origin[1]), origin[1] + (ny - 1) * spacing)
    cz = min(max(z, origin[2]), origin[2] + (nz - 1) * spacing)
    way = np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)
    least = old
    if old > 0.0 and way < old:
        value = interpolate(field, origin[0], origin[1], origin[2], spacing, cx, cy, cz)
        if way > 0.0:
            value = max(value, 0.0) + way
        least = min(old, value)
    return least


@njit(cache=True, parallel=True)
def label(inside, tissue, field, field_origin, field_spacing, origin, spacing, bone, marrow):
    """Write `bone` where the centre lies inside the surface, `marrow` where it also lies within the endosteum.

    Parameters
    ----------
    inside : (nz, ny, nx) uint8
    tissue : (nz, ny, nx) uint8, written
        Left alone outside the surface.
    field : (mz, my, mx) float64
        Signed distance to the endosteum at nodes, positive in marrow [um]; first node at `field_origin`.
    field_origin, origin : (3,) float64
        x, y, z [um]; `origin` is the low corner of the lattice.
    field_spacing, spacing : float
        [um].
    bone, marrow : int
        The two labels.
    """
    nz, ny, nx = inside.shape
    for k in prange(nz):
        for j in range(ny):
            for i in range(nx):
                if inside[k, j, i]:
                    depth = interpolate(
                        field,
                        field_origin[0],
                        field_origin[1],
                        field_origin[2],
                        field_spacing,
                        origin[0] + (i + 0.5) * spacing,
                        origin[1] + (j + 0.5) * spacing,
                        origin[2] + (k + 0.5) * spacing,
                    )
                    tissue[k, j, i] = marrow if depth > 0.0 else bone


@njit(cache=True, parallel=True)
def carve(tissue, field, field_origin, field_spacing, origin, spacing, marrow, bone):
    """Write `bone` where a voxel is `marrow` and its centre lies in the box of the field's nodes where the field is negative.

    Arguments are those of `label`; `tissue` (nz, ny, nx) uint8 is written.
    """
    nz, ny, nx = tissue.shape
    mz, my, mx = field.shape
    x0, y0, z0 = field_origin
    for k in prange(nz):
        z = origin[2] + (k + 0.5) * spacing
        if z < z0 or z > z0 + (mz - 1) * field_spacing:
            continue
        for j in range(ny):
            y = origin[1] + (j + 0.5) * spacing
            if y < y0 or y > y0 + (my - 1) * field_spacing:
                continue
            for i in range(nx):
                x = origin[0] + (i + 0.5) * spacing
                if tissue[k, j, i] != marrow or x < x0 or x > x0 + (mx - 1) * field_spacing:
                    continue
                if interpolate(field, x0, y0, z0, field_spacing, x, y, z) < 0.0:
                    tissue[k, j, i] = bone


@njit(cache=True, parallel=True)
def neighbours(flat, index, out):
    """The open neighbours of each marrow voxel.

    Parameters
    ----------
    flat : (n,) int64
        C-order index of each voxel.
    index : (nz, ny, nx) int32
        Compact index, -1 where closed.
    out : (n, 6) int32, written
        Compact index at -z, +z, -y, +y, -x, +x; -1 is a wall.
    """
    nz, ny, nx = index.shape
    for v in prange(flat.size):
        k = flat[v] // (ny * nx)
        j = (flat[v] // nx) % ny
        i = flat[v] % nx
        out[v, 0] = index[k - 1, j, i] if k > 0 else -1
        out[v, 1] = index[k + 1, j, i] if k < nz - 1 else -1
        out[v, 2] = index[k, j - 1, i] if j > 0 else -1
        out[v, 3] = index[k, j + 1, i] if j < ny - 1 else -1
        out[v, 4] = index[k, j, i - 1] if i > 0 else -1
        out[v, 5] = index[k, j, i + 1] if i < nx - 1 else -1


@njit(cache=True)
def dart_throwing(points, spacing, limit):
    """Keep each point that lies no nearer than `spacing` to every point kept before it.

    Parameters
    ----------
    points : (m, 3) float64
        Candidates in the order they are tried [um].
    spacing : float
        [um].
    limit : int
        Stop after so many.

    Returns
    -------
    (k,) int64
        Which were kept, ascending.

    Notes
    -----
    Kept points stand in cells of edge spacing / sqrt(3), so that no cell holds two, and the cells in a hash table that grows
    with them, so that memory follows the points kept, not those tried nor the box.

    References
    ----------
    Bridson, Fast Poisson disk sampling in arbitrary dimensions, SIGGRAPH sketches 2007 (the cells).
    """
    edge = spacing / np.sqrt(3.0)
    key, holder = np.full(1024, -1, np.int64), np.empty(1024, np.int64)
    low = np.full(3, np.inf)
    for p in range(points.shape[0]):
        for d in range(3):
            low[d] = min(low[d], points[p, d])
    kept = np.empty(min(limit, points.shape[0]), np.int64)
    count = 0
    for p in range(points.shape[0]):
        if count >= limit:
            break
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        i, j, k = int((x - low[0]) / edge) + 2, int((y - low[1]) / edge) + 2, int((z - low[2]) / edge) + 2
        free = True
        for ring in range(3):
            for kk in range(k - ring, k + ring + 1):
                for jj in range(j - ring, j + ring + 1):
                    outer = abs(kk - k) == ring or abs(jj - j) == ring
                    step = 1 if outer else 2 * ring
                    for ii in range(i - ring, i + ring + 1, step):
                        slot = _slot(key, ii, jj, kk)
                        if key[slot] >= 0:
                            q = holder[slot]
                            dx, dy, dz = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
                            if dx * dx + dy * dy + dz * dz < spacing * spacing:
                                free = False
                                break
                    if not free:
                        break
                if not free:
                    break
            if not free:
                break
        if free:
            slot = _slot(key, i, j, k)
            key[slot] = (i << 42) | (j << 21) | k
            holder[slot] = p
            kept[count] = p
            count += 1
            if 4 * count > key.size:
                key, holder = _twice_as_large(key, holder)
    return kept[:count]


@njit(cache=True)
def _twice_as_large(key, holder):
    """The same cells and what they hold in a table of twice the size."""
    larger, held = np.full(2 * key.size, -1, np.int64), np.empty(2 * key.size, np.int64)
    for slot in range(key.size):
        if key[slot] >= 0:
            i, j, k = key[slot] >> 42, (key[slot] >> 21) & (2**21 - 1), key[slot] & (2**21 - 1)
            to = _slot(larger, i, j, k)
            larger[to], held[to] = key[slot], holder[slot]
    return larger, held


@njit(cache=True, inline="always")
def _slot(key, i, j, k):
    """Where cell (i, j, k), each under 2^21, stands in an open-addressing table whose size is a power of two.

    Neighbours along i stand side by side, so that a search reads few lines of memory.
    """
    wanted = (i << 42) | (j << 21) | k
    slot = (i + j * 19349663 + k * 83492791) & (key.size - 1)
    while key[slot] >= 0 and key[slot] != wanted:
        slot = (slot + 1) & (key.size - 1)
    return slot
