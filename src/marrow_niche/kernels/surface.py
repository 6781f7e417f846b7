"""Triangle surfaces as graphs."""

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
