"""How much of each voxel lies inside tubes of each kind."""

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.distance import within
from marrow_niche.kernels.tube_search import pack_tube


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
                if not within(x, y, z, a, b, e, radius[e] + inner):
                    continue
                pack_tube(e, count, a, b, radius, tube)
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
