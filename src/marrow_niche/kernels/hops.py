"""Committed cells spread over the lattice by random hops; none is lost."""

import math

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.cells import occupied
from marrow_niche.kernels.streams import binomial_u, uniform_pair, uniform_pairs

BLOCK = 1024
HOP = 12
EACH = 5
"""So many cells that leave a voxel at most choose their way one by one."""


@njit(cache=True, nogil=True)
def _spreading(n):
    """A number without a common factor with n, near 0.618 n: k·it mod n, k = 0, 1 ..., visits all, neighbours far apart."""
    stride = max(1, int(0.618 * n))
    while math.gcd(stride, n) > 1:
        stride += 1
    return stride


@njit(cache=True, parallel=True)
def wander(counts, neighbour, extravascular, number, seed, step, round_):
    """Let every cell hop to a neighbouring voxel with probability 2 number f_j/(f_i + f_j) each way, in place.

    The hops leave cells spread over voxels as the extravascular share f, the space there is; a wall keeps them. Up to `EACH`
    cells that leave a voxel choose their way one by one, more of them way by way.

    Parameters
    ----------
    counts : (n_stage, n) int32, written
    neighbour : (n, 6) int32
    extravascular : (n,) float64
    number : float
        D Δt / h² [-], at most 1/12.
    seed, step, round_ : int
        Of the streams; `round_` numbers the hops within a step.
    """
    n_stage, n = counts.shape
    stride, draw, twice = _spreading(n_stage), 64 * round_, 2.0 * number
    for t in prange(n_stage):
        c = (t * stride) % n_stage  # full stages stand together in the tree: threads share them
        where, by, moved = np.empty(0, np.int32), np.empty(0, np.int32), 0  # until one goes: many stages are empty
        way, places, chances = np.zeros(6), np.zeros(BLOCK, np.uint32), np.zeros((2, BLOCK))
        for low in range(0, n, BLOCK):
            filled = occupied(counts[c], low, min(n, low + BLOCK), places)
            uniform_pairs(seed, places, c, filled, step, HOP, draw, chances[0], chances[1])
            for i in range(filled):
                v, u0 = int(places[i]), chances[0, i]
                cells = np.int64(counts[c, v])
                if u0 <= 1.0 - 12.0 * number * cells:
                    continue  # `binomial_u` would find none at any chance there can be
                total = 0.0
                own = extravascular[v]
                for k in range(6):
                    j = neighbour[v, k]
                    there = extravascular[max(j, 0)] if j >= 0 else 0.0
                    way[k] = twice * there / (own + there)
                    total += way[k]
                going = binomial_u(cells, min(total, 1.0), u0)
                if going == 0:
                    continue
                if moved + 7 > where.size:
                    where, by = _roomier(where), _roomier(by)
                leaves = moved
                where[moved], by[moved] = v, -going
                moved += 1
                who = (np.int64(c) << 32) + v
                if going <= EACH:
                    first, second = chances[1, i], 0.0
                    for one in range(going):
                        if one % 2 == 1:
                            first, second = uniform_pair(seed, who, step, HOP, draw + 1 + one // 2)
                        where[moved], by[moved] = neighbour[v, chosen(way, total, first)], 1
                        moved += 1
                        first = second
                    continue
                for k in range(6):
                    if going == 0:
                        break
                    if way[k] > 0.0:
                        if k < 5:
                            h0, _ = uniform_pair(seed, who, step, HOP, draw + 1 + k)
                            take = binomial_u(going, min(1.0, way[k] / total), h0)
                        else:
                            take = going
                        total -= way[k]
                        going -= take
                        where[moved], by[moved] = neighbour[v, k], take
                        moved += 1
                by[leaves] += going
        for i in range(moved):
            counts[c, where[i]] += by[i]


@njit(cache=True, nogil=True)
def _roomier(values):
    """`values` (m,) int32 with as much room again behind them, and room for a few at least."""
    more = np.empty(max(256, 2 * values.size), np.int32)
    more[: values.size] = values
    return more


@njit(cache=True, nogil=True)
def chosen(way, total, u):
    """Which of the ways a cell takes whose uniform is `u`: the first at which the chances added up exceed u·total."""
    rest, last = u * total, 0
    for k in range(way.size):
        if way[k] > 0.0:
            last = k
            rest -= way[k]
            if rest < 0.0:
                break
    return last
