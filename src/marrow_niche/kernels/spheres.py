"""The widest sphere that fits between walls and holds a point, found on a small grid of distances around the point."""

import numpy as np
from numba import njit

QUARTERS = 3
"""Around the best centre others are tried up to so many quarters of a step away along each axis, and again of a quarter."""


@njit(cache=True)
def widest_sphere(value, step, about, unsure):
    """Radius of the widest sphere without a wall in it that holds the middle of a grid [um].

    Walls are the places on the lines of the grid at which `value` changes its sign. Centres are the middle itself, nodes near
    it, and places around the best of them in quarters of a step and of a quarter: a rod's axis lies between nodes.

    Parameters
    ----------
    value : (n, n, n) float64
        About the distance to the wall, positive where the sphere lies, at nodes `step` apart; n is odd [um].
    step, about, unsure : float
        How far from the middle centres lie at most, and how far `value` may be wrong [um].

    Returns
    -------
    (float, float)
        The radius, and how far from the middle the sphere reaches along an axis [um]; both infinite without a wall.

    Notes
    -----
    A centre is given up at the first place of a wall that is too near, and the next one begins with that place.
    """
    n = value.shape[0]
    half = n // 2
    wall = np.empty((_fill_wall(value, step, np.empty((0, 3))), 3))
    _fill_wall(value, step, wall)
    if wall.shape[0] == 0:
        return np.inf, np.inf
    centre, best = np.zeros(3), np.zeros(3)
    radius, near = _clear(wall, centre, 0.0, 0)
    most = min(int(about / step), half)
    for k in range(-most, most + 1):
        for j in range(-most, most + 1):
            for i in range(-most, most + 1):
                v = value[half + k, half + j, half + i] + unsure
                if v <= max(radius, unsure):
                    continue
                away = step * np.sqrt(k * k + j * j + i * i)
                if away > min(about, v):
                    continue
                centre[0], centre[1], centre[2] = step * i, step * j, step * k
                found, near = _clear(wall, centre, max(away, radius), near)
                if found > 0.0:
                    radius = found
                    best[:] = centre
    for finer in (0.25 * step, 0.0625 * step):
        start = best.copy()
        for k in range(-QUARTERS, QUARTERS + 1):
            for j in range(-QUARTERS, QUARTERS + 1):
                for i in range(-QUARTERS, QUARTERS + 1):
                    centre[0] = start[0] + finer * i
                    centre[1] = start[1] + finer * j
                    centre[2] = start[2] + finer * k
                    away = np.sqrt(centre[0] * centre[0] + centre[1] * centre[1] + centre[2] * centre[2])
                    found, near = _clear(wall, centre, max(away, radius), near)
                    if found > 0.0:
                        radius = found
                        best[:] = centre
    return radius, radius + np.abs(best).max()


@njit(cache=True)
def _clear(wall, centre, least, first):
    """Distance from a centre to the nearest of `wall` (k, 3), or -1 where one is nearer than `least`; and which it is."""
    square, which = np.inf, first
    bound = least * least
    for m in range(-1, wall.shape[0]):
        w = first if m < 0 else m
        x, y, z = wall[w, 0] - centre[0], wall[w, 1] - centre[1], wall[w, 2] - centre[2]
        d = x * x + y * y + z * z
        if d < square:
            square, which = d, w
            if d < bound:
                return -1.0, which
    return np.sqrt(square), which


@njit(cache=True)
def _fill_wall(value, step, places):
    """How often `value` changes its sign along a line of the grid, and where, as far as there is room in `places` (m, 3).

    Places x, y, z are told from the middle of the grid, read linearly [um].
    """
    n = value.shape[0]
    half = n // 2
    found = 0
    for k in range(n):
        for j in range(n):
            for i in range(n):
                v = value[k, j, i]
                for d in range(3):
                    kk, jj, ii = k + (d == 2), j + (d == 1), i + (d == 0)
                    if kk == n or jj == n or ii == n:
                        continue
                    w = value[kk, jj, ii]
                    if (v > 0.0) == (w > 0.0):
                        continue
                    if found < places.shape[0]:
                        places[found, 0], places[found, 1] = step * (i - half), step * (j - half)
                        places[found, 2] = step * (k - half)
                        places[found, d] += step * v / (v - w)
                    found += 1
    return found
