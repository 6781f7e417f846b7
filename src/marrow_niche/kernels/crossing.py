"""Triangles of a surface that pass through one another, and how much of space it winds around more or less than once."""

import numpy as np
from numba import njit


@njit(cache=True)
def crossing_pairs(vertices, triangles, order, low, high, tolerance, most):
    """Pairs of triangles that pass through one another.

    Boxes are swept along x. Triangles that share a corner or an edge are told apart from those that cross: only edges that
    end in no corner of the other triangle are tried against it. Triangles that only touch, or lie in one plane, do not cross.

    Parameters
    ----------
    vertices, triangles : (v, 3) float64, (t, 3) int64
    order : (t,) int64
        Triangles by ascending low[:, 0].
    low, high : (t, 3) float64
        Corners of each triangle's box.
    tolerance : float
        An edge crosses a plane where its ends lie further than this to either side.
    most : int
        Stop after so many pairs.

    Returns
    -------
    (k, 2) int64

    References
    ----------
    Ericson, Real-Time Collision Detection, Morgan Kaufmann 2005, sections 5.3.4 and 7.5.2.
    """
    pairs, count = np.empty((1024, 2), np.int64), 0
    for i in range(order.size):
        t = order[i]
        y0, y1, z0, z1 = low[t, 1], high[t, 1], low[t, 2], high[t, 2]
        for j in range(i + 1, order.size):
            u = order[j]
            if low[u, 0] > high[t, 0]:
                break
            if low[u, 1] > y1 or high[u, 1] < y0 or low[u, 2] > z1 or high[u, 2] < z0:
                continue
            crossed = _edge_pierces(vertices, triangles, t, u, tolerance)
            if not (crossed or _edge_pierces(vertices, triangles, u, t, tolerance)):
                continue
            if count == pairs.shape[0]:
                wider = np.empty((2 * count, 2), np.int64)
                wider[:count] = pairs
                pairs = wider
            pairs[count, 0], pairs[count, 1] = t, u
            count += 1
            if count >= most:
                return pairs[:count]
    return pairs[:count]


@njit(cache=True)
def _edge_pierces(vertices, triangles, t, u, tolerance):
    """True where an edge of triangle t that ends in no corner of triangle u passes through u."""
    a, b, c = triangles[u, 0], triangles[u, 1], triangles[u, 2]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
    vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    reach = tolerance * np.sqrt(nx * nx + ny * ny + nz * nz)
    if reach == 0.0:
        return False
    for i in range(3):
        p, q = triangles[t, i], triangles[t, (i + 1) % 3]
        if p in (a, b, c) or q in (a, b, c):
            continue
        dp = nx * (vertices[p, 0] - ax) + ny * (vertices[p, 1] - ay) + nz * (vertices[p, 2] - az)
        dq = nx * (vertices[q, 0] - ax) + ny * (vertices[q, 1] - ay) + nz * (vertices[q, 2] - az)
        if not ((dp > reach and dq < -reach) or (dp < -reach and dq > reach)):
            continue
        one = _turn(vertices, p, q, a, b)
        two = _turn(vertices, p, q, b, c)
        three = _turn(vertices, p, q, c, a)
        if (one > 0.0 and two > 0.0 and three > 0.0) or (one < 0.0 and two < 0.0 and three < 0.0):
            return True
    return False


@njit(cache=True, inline="always")
def _turn(vertices, p, q, a, b):
    """Six times the signed volume of the tetrahedron p, q, a, b: on which side the line p q passes the line a b."""
    px, py, pz = vertices[p, 0], vertices[p, 1], vertices[p, 2]
    qx, qy, qz = vertices[q, 0] - px, vertices[q, 1] - py, vertices[q, 2] - pz
    ax, ay, az = vertices[a, 0] - px, vertices[a, 1] - py, vertices[a, 2] - pz
    bx, by, bz = vertices[b, 0] - px, vertices[b, 1] - py, vertices[b, 2] - pz
    return qx * (ay * bz - az * by) + qy * (az * bx - ax * bz) + qz * (ax * by - ay * bx)


@njit(cache=True)
def folded_length(start, height, turn):
    """How much of some lines along z a surface winds around less than never or more than once.

    Parameters
    ----------
    start : (c + 1,) int64
        Crossings of line i are height[start[i] : start[i + 1]].
    height : (k,) float64
    turn : (k,) int8
        +1 where a line enters going up, -1 where it leaves.

    Returns
    -------
    float
        In the unit of `height`, summed over the lines.
    """
    length = 0.0
    for line in range(start.size - 1):
        first, last = start[line], start[line + 1]
        order = np.argsort(height[first:last])
        winding = 0
        for k in range(order.size - 1):
            winding += turn[first + order[k]]
            if winding < 0 or winding > 1:
                length += height[first + order[k + 1]] - height[first + order[k]]
    return length
