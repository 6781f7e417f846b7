"""Stem cells as points: random motion that dwells near sinusoids, and the membrane SCF that each one touches."""

import math

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.distance import distance_to_ordered
from marrow_niche.kernels.streams import normal_pair, uniform_pair

MOVE = 21


@njit(cache=True, parallel=True)
def uniforms(cells, seed, step, purpose, draw):
    """(k, 2) uniforms in (0, 1), one pair for each id of `cells` (k,) int64."""
    out = np.empty((cells.size, 2))
    for i in prange(cells.size):
        out[i, 0], out[i, 1] = uniform_pair(seed, cells[i], step, purpose, draw)
    return out


@njit(cache=True)
def lodge(
    voxel, centre, cells, spacing, start, item, gap, a, b, radius, cap, trials, seed, step, purpose, position, distance
):
    """A random point of each voxel (k,) outside sinusoids, or the outermost of `trials`, into `position`, `distance`.

    `centre` (k, 3) are the voxels' centres [um], `cells` (k,) the ids that make the draws.
    """
    for i in range(voxel.size):
        distance[i] = -np.inf
        for r in range(trials):
            u0, u1 = uniform_pair(seed, cells[i], step, purpose, 2 * r)
            u2, _ = uniform_pair(seed, cells[i], step, purpose, 2 * r + 1)
            x = centre[i, 0] + (u0 - 0.5) * spacing
            y = centre[i, 1] + (u1 - 0.5) * spacing
            z = centre[i, 2] + (u2 - 0.5) * spacing
            d = min(distance_to_ordered(x, y, z, voxel[i], start, item, gap, a, b, radius), cap)
            if d > distance[i]:
                position[i, 0], position[i, 1], position[i, 2], distance[i] = x, y, z, d
            if distance[i] >= 0.0:
                break


@njit(cache=True, parallel=True)
def move(
    position,
    voxel,
    distance,
    cells,
    origin,
    spacing,
    index,
    start,
    item,
    gap,
    a,
    b,
    radius,
    cap,
    reach,
    cost,
    stride,
    rounds,
    seed,
    step,
):
    """Metropolis steps of stem cells, in place: at rest their density falls as exp(−d/reach − cost) from sinusoid walls.

    A cell proposes a Gaussian step of `stride` um along each axis; it stays where it is if the step would enter bone or a
    vessel, and moves to where d/reach + cost is larger with probability exp(−Δ). `reach` of infinity and no cost is free
    motion.

    Parameters
    ----------
    position : (k, 3) float64, written
        x, y, z [um].
    voxel : (k,) int32, written
        Marrow voxel, or -1 for a cell in blood, which is left alone.
    distance : (k,) float64, written
        To the nearest sinusoid wall [um].
    cells : (k,) int64
        Ids, which make the draws.
    origin : (3,) float64, spacing : float, index : (nz, ny, nx) int32
        The lattice; index is -1 outside the marrow.
    start, item, gap, a, b, radius, cap : sinusoid walls, lists ordered, see `kernels.distance`.
    cost : (n,) float64
        Of a voxel, beside its distance from sinusoids [-]; empty: none.
    rounds : int
        Steps to take.
    """
    nz, ny, nx = index.shape
    for i in prange(voxel.size):
        if voxel[i] < 0:
            continue
        for r in range(rounds):
            g0, g1 = normal_pair(seed, cells[i], step, MOVE, 2 * r)
            g2, _ = normal_pair(seed, cells[i], step, MOVE, 2 * r + 1)
            _, accept = uniform_pair(seed, cells[i], step, MOVE + 1, r)
            x, y, z = position[i, 0] + stride * g0, position[i, 1] + stride * g1, position[i, 2] + stride * g2
            kx, ky, kz = (x - origin[0]) / spacing, (y - origin[1]) / spacing, (z - origin[2]) / spacing
            # a slab is closed by mirrors: its thin axis folds back instead of holding the cell
            if nx == 1:
                kx = fold(kx)
                x = origin[0] + kx * spacing
            if ny == 1:
                ky = fold(ky)
                y = origin[1] + ky * spacing
            if nz == 1:
                kz = fold(kz)
                z = origin[2] + kz * spacing
            if kx < 0 or ky < 0 or kz < 0 or kx >= nx or ky >= ny or kz >= nz:
                continue
            v = index[int(kz), int(ky), int(kx)]
            if v < 0:
                continue
            d = min(distance_to_ordered(x, y, z, v, start, item, gap, a, b, radius), cap)
            if d < 0.0 and d < distance[i]:
                continue
            gain = (distance[i] - d) / reach
            if cost.size and v != voxel[i]:
                gain += cost[voxel[i]] - cost[v]
            if gain < 0.0 and accept > math.exp(gain):
                continue
            position[i, 0], position[i, 1], position[i, 2] = x, y, z
            voxel[i], distance[i] = v, d


@njit(cache=True, nogil=True)
def fold(k):
    """Mirror a coordinate into the open unit interval."""
    k = k - 2.0 * math.floor(k / 2.0)
    k = 2.0 - k if k > 1.0 else k
    return min(max(k, 1e-9), 1.0 - 1e-9)


@njit(cache=True, parallel=True)
def contact(
    position, voxel, distance, start, item, gap, stroma, integrity, vessel, wall_share, stroma_reach, wall_reach, out
):
    """Membrane SCF that each cell touches before competition, into `out` (k,): 1 at contact with both sources.

    m = (1 − w) max_j s_j exp(−d_j/ℓ_s) + w v exp(−d/ℓ_w), with d_j to the stromal cells of integrity s_j, d to the
    sinusoid wall of integrity v, w the wall's share, ℓ_s and ℓ_w the reach of stromal processes and of contact with the
    wall. Distances are exact, not those of voxels.
    """
    for i in prange(voxel.size):
        v = voxel[i]
        if v < 0:
            out[i] = 0.0
            continue
        best, near = 0.0, np.inf
        for s in range(start[v], start[v + 1]):
            if float(gap[s]) * gap[s] >= near:
                break
            j = item[s]
            dx, dy, dz = position[i, 0] - stroma[j, 0], position[i, 1] - stroma[j, 1], position[i, 2] - stroma[j, 2]
            away = dx * dx + dy * dy + dz * dz
            if away < near and integrity[j] > 0.0:  # beyond `near` not even an intact one touches more than the best
                touch = integrity[j] * math.exp(-math.sqrt(away) / stroma_reach)
                if touch > best:
                    best = touch
                    near = (stroma_reach * math.log(best)) ** 2 if best < 1.0 else 0.0
        out[i] = (1.0 - wall_share) * best + wall_share * vessel[v] * math.exp(-max(distance[i], 0.0) / wall_reach)
