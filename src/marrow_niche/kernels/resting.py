"""Passes over the voxels that the search for the resting state makes for each stage of the tree."""

import math

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.lineages import entry_at, probability_at, rate_at

BLOCK = 4096
"""Voxels of a task, counted by unsigned numbers as in `kernels.exchange`."""


@njit(cache=True, parallel=True)
def logarithms(values, least, out):
    """out = log max(values, least), (n,) each."""
    for b in prange((values.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(values.size, (b + 1) * BLOCK))):
            out[v] = math.log(max(values[v], least))


@njit(cache=True, nogil=True)
def power(exponents, logs, v):
    """Product of the powers of what is felt in voxel v: exp(Σ e_s logs_s)."""
    s = 0.0
    for k in range(exponents.size):
        if exponents[k] != 0.0:
            s += exponents[k] * logs[k, v]
    return math.exp(s) if s != 0.0 else 1.0


@njit(cache=True, parallel=True)
def fates(
    logs,
    space,
    rate,
    rate_limit,
    rate_response,
    daughters,
    renewal,
    renewal_limit,
    renewal_response,
    survival,
    survival_response,
    burst,
    scf,
    threshold,
    half,
    loss,
    gone,
    hurry,
):
    """What the cells of a stage do in each voxel [1/h], as in a run (`kernels.lineages`), (n,) each: `hurry` into the emergency
    chain, `gone` on to the next stages, and `loss` of both and of those that die, times `space`.

    `logs` (n_signal, n) are the logarithms of what is felt, numbers of the stage as in `marrow.lineages.Tree`; returns the mean
    loss, over space.
    """
    n = space.size
    answers = (rate_response != 0.0).any()
    blocks = (n + BLOCK - 1) // BLOCK
    total = np.zeros(blocks)
    for b in prange(blocks):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(n, (b + 1) * BLOCK))):
            r, young, stay, call = rate, float(daughters), 0.0, 0.0
            if answers:
                r = rate_at(rate, rate_limit, power(rate_response, logs, v))
            if survival < 1.0:
                young *= probability_at(survival, 1.0, power(survival_response, logs, v))
            if renewal > 0.0:
                stay = probability_at(renewal, renewal_limit, power(renewal_response, logs, v))
            if burst > 0.0:
                call = entry_at(burst, math.exp(logs[scf, v]), threshold, half)
            lost = r * (1.0 - young * stay) + call
            total[b] += lost
            loss[v], gone[v], hurry[v] = lost * space[v], young * (1.0 - stay) * r, call
    return total.sum() / n


@njit(cache=True, parallel=True)
def parted(logs, leaving, share, share_response, out):
    """Of cells `leaving` (n,), those that go each way, `out` (k, n): `share` (k,) times the powers of what is felt,
    `share_response` (k, n_signal), over the sum of all."""
    for b in prange((leaving.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(leaving.size, (b + 1) * BLOCK))):
            whole = 0.0
            for k in range(share.size):
                out[k, v] = share[k] * power(share_response[k], logs, v)
                whole += out[k, v]
            for k in range(share.size):
                out[k, v] *= leaving[v] / whole


@njit(cache=True, parallel=True)
def wander(neighbour, space, link, loss, inflow, now, after):
    """One sweep of Jacobi of −∇·(D f ∇c) + loss c = inflow: densities `now` (n,) to those `after` (n,).

    `neighbour` (n, 6) int32, -1 at walls; `space` (n,) is f, of which faces take the harmonic mean; `link` = D/h² [1/h].
    Returns the mean squares of what moved and of c.
    """
    n = space.size
    blocks = (n + BLOCK - 1) // BLOCK
    squares = np.zeros((blocks, 2))
    for b in prange(blocks):
        moved = size = 0.0
        for v in range(np.uint64(b * BLOCK), np.uint64(min(n, (b + 1) * BLOCK))):
            come, go = inflow[v], loss[v]
            for side in range(6):
                w = neighbour[v, side]
                if w >= 0:
                    g = 2.0 * link * space[v] * space[w] / (space[v] + space[w])
                    come += g * now[w]
                    go += g
            c = come / go
            moved += (c - now[v]) ** 2
            size += c * c
            after[v] = c
        squares[b, 0], squares[b, 1] = moved, size
    return squares[:, 0].sum() / n, squares[:, 1].sum() / n


@njit(cache=True, parallel=True)
def per_space(stored, weight, space, out):
    """out = stored · weight / space: real cells for each part of the voxel that they may fill, (n,) each."""
    for b in prange((space.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(space.size, (b + 1) * BLOCK))):
            out[v] = stored[v] * weight / space[v]


@njit(cache=True, parallel=True)
def leaving(density, space, gone, weight, cells, stored):
    """Of a stage of `density` real cells for each part of the voxel, (n,): `cells` = density · space, `stored` (float32) those
    over `weight`, and in the place of `density` those that leave in an hour, gone · cells; `gone` (n,) [1/h]."""
    for b in prange((space.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(space.size, (b + 1) * BLOCK))):
            here = density[v] * space[v]
            cells[v], stored[v], density[v] = here, here / weight, gone[v] * here


@njit(cache=True, parallel=True)
def approach(now, aim, part):
    """now += part · (aim − now), (r, n) float32 both, in place."""
    rows, n = now.shape
    step, blocks = np.float32(part), (n + BLOCK - 1) // BLOCK
    for t in prange(rows * blocks):
        row, b = t // blocks, t % blocks
        for v in range(np.uint64(b * BLOCK), np.uint64(min(n, (b + 1) * BLOCK))):
            now[row, v] += step * (aim[row, v] - now[row, v])


@njit(cache=True, parallel=True)
def whole(expected, draw, counts):
    """counts = `expected` (n,) float32 as whole numbers of that mean: the next below, and one more where `draw` (n,),
    of 0 to 1, is less than what is left."""
    for b in prange((expected.size + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(b * BLOCK), np.uint64(min(expected.size, (b + 1) * BLOCK))):
            below = math.floor(expected[v])
            counts[v] = np.int32(below) + np.int32(draw[v] < expected[v] - np.float32(below))
