"""Triangle surfaces: as graphs, and the distance to them."""

import numpy as np
from numba import njit


@njit(cache=True)
def turn_alike(triangles, owner, order, turned):
    """Choose which triangles to flip so that neighbours run along their common edge in opposite directions.

    Parameters
    ----------
    triangles : (t, 3) int64
    owner : (3 t / 2, 2) int64
        The two triangles of each edge.
    order : (3 t,) int64
        The sides of triangle i are order[3 i : 3 i + 3]; side s belongs to edge s // 2.
    turned : (t,) int8, written
        1 where the triangle is to be flipped; the first triangle of each shell is not.

    Returns
    -------
    bool
        False where no choice exists: the surface has one side only.
    """
    number = triangles.shape[0]
    seen = np.zeros(number, np.bool_)
    queue = np.empty(number, np.int64)
    for seed in range(number):
        if seen[seed]:
            continue
        seen[seed] = True
        queue[0] = seed
        head, tail = 0, 1
        while head < tail:
            t = queue[head]
            head += 1
            for side in range(3):
                edge = order[3 * t + side] // 2
                u = owner[edge, 0] if owner[edge, 0] != t else owner[edge, 1]
                alike = _same_direction(triangles, t, u)
                want = turned[t] ^ (1 if alike else 0)
                if not seen[u]:
                    seen[u] = True
                    turned[u] = want
                    queue[tail] = u
                    tail += 1
                elif turned[u] != want:
                    return False
    return True


@njit(cache=True)
def _same_direction(triangles, t, u):
    for i in range(3):
        a, b = triangles[t, i], triangles[t, (i + 1) % 3]
        for j in range(3):
            if triangles[u, j] == a and triangles[u, (j + 1) % 3] == b:
                return True
    return False


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
def surface_distance(asked, vertices, triangles, origin, spacing, nearest, squared):
    """Distance to a surface at the nodes of a grid: nearest triangles are found beside the surface, then handed on.

    Each triangle is measured from the nodes around it; then, in sweeps along the eight diagonals, every node measures the
    triangles its neighbours found since it looked there last. Each distance is exact to a triangle; it is the least one but for
    rare nodes about as far from two parts of the surface, where it may be too long by a small share of the pitch.

    Parameters
    ----------
    asked : (nz, ny, nx) bool
        Nodes that want an answer; among them all those beside the surface.
    vertices, triangles : (v, 3) float64, (t, 3) int64
    origin, spacing : (3,) float64, float
        First node x, y, z and pitch [um].
    nearest : (nz, ny, nx) int32, written
        The triangle found, -1 before.
    squared : (nz, ny, nx) float64, written
        Squared distance to it [um^2], infinity before.

    References
    ----------
    Tsai, Rapid and accurate computation of the distance function using grids, J Comput Phys 2002.
    """
    nz, ny, nx = asked.shape
    x0, y0, z0 = origin[0], origin[1], origin[2]
    found = np.full(asked.shape, -1, np.int8)  # the sweep that found the nearest triangle, counted from 1; 0 before any
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
                            squared[k, j, i], nearest[k, j, i], found[k, j, i] = d, t, 0
    seen = np.empty(8, np.int8)
    for sweep in range(16):
        for side in range(1, 8):  # the last sweep that came from that side too: what was found up to then is measured
            seen[side] = -1
            for earlier in range(sweep):
                if (earlier ^ sweep) & side == 0:
                    seen[side] = earlier + 1
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
                        if found[pk, pj, pi] > seen[side] and t != nearest[k, j, i]:
                            d = triangle_distance(
                                x0 + i * spacing, y0 + j * spacing, z0 + k * spacing, vertices, triangles, t
                            )
                            if d < squared[k, j, i]:
                                squared[k, j, i], nearest[k, j, i], found[k, j, i] = d, t, sweep + 1
