"""Trabeculae on a grid: sums of plane waves, and the distance to the surface that is cut from them."""

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.distance import segment_distance

ROWS = 4
"""Rows along x that are summed together, so that a wave's table is read once for all of them."""


@njit(cache=True, parallel=True)
def sum_waves(wave, phase, x, y, z, first, last, out):
    """The field sqrt(2 / w) sum cos(k . r + phase) at the nodes of a grid; its mean over space is 0, its variance 1.

    exp(i k . r) is a product of one factor along each axis, so the inner loop multiplies and adds only. A node's sum is
    taken by one thread in the order of the waves: it depends neither on the threads nor on the other nodes.

    Parameters
    ----------
    wave : (w, 3) float64
        Wave vectors k, x, y, z [1/um].
    phase : (w,) float64
        [rad].
    x, y, z : (nx,), (ny,), (nz,) float64
        Positions of the nodes [um].
    first, last : (nz, ny) int64
        Nodes first..last - 1 of each row are wanted; the others may be left alone.
    out : (nz, ny, nx) float64, written
    """
    waves = wave.shape[0]
    nx, ny, nz = x.size, y.size, z.size
    scale = np.sqrt(2.0 / waves)
    cos_x, sin_x = np.empty((waves, nx)), np.empty((waves, nx))
    cos_y, sin_y = np.empty((waves, ny)), np.empty((waves, ny))
    for w in range(waves):
        for i in range(nx):
            cos_x[w, i], sin_x[w, i] = np.cos(wave[w, 0] * x[i]), np.sin(wave[w, 0] * x[i])
        for j in range(ny):
            cos_y[w, j], sin_y[w, j] = np.cos(wave[w, 1] * y[j]), np.sin(wave[w, 1] * y[j])
    for k in prange(nz):
        cos_z, sin_z = np.empty(waves), np.empty(waves)
        for w in range(waves):
            cos_z[w] = scale * np.cos(wave[w, 2] * z[k] + phase[w])
            sin_z[w] = scale * np.sin(wave[w, 2] * z[k] + phase[w])
        real, imaginary = np.zeros(ROWS), np.zeros(ROWS)
        total = np.empty((ROWS, nx))
        for j0 in range(0, ny, ROWS):
            rows = min(ROWS, ny - j0)
            low, high = nx, 0
            for r in range(rows):
                if first[k, j0 + r] < last[k, j0 + r]:
                    low, high = min(low, first[k, j0 + r]), max(high, last[k, j0 + r])
            if low >= high:
                continue
            total[:, low:high] = 0.0
            for w in range(waves):
                for r in range(rows):
                    real[r] = cos_z[w] * cos_y[w, j0 + r] - sin_z[w] * sin_y[w, j0 + r]
                    imaginary[r] = cos_z[w] * sin_y[w, j0 + r] + sin_z[w] * cos_y[w, j0 + r]
                a0, a1, a2, a3 = real[0], real[1], real[2], real[3]
                b0, b1, b2, b3 = imaginary[0], imaginary[1], imaginary[2], imaginary[3]
                for i in range(np.uint64(low), np.uint64(high)):  # unsigned, see `kernels.exchange`
                    c, s = cos_x[w, i], sin_x[w, i]
                    total[0, i] += a0 * c - b0 * s
                    total[1, i] += a1 * c - b1 * s
                    total[2, i] += a2 * c - b2 * s
                    total[3, i] += a3 * c - b3 * s
            for r in range(rows):
                out[k, j0 + r, low:high] = total[r, low:high]


@njit(cache=True)
def distance_to_line(a, b, reach, origin, spacing, away):
    """Distance from the nodes of a grid to a chain of segments, where it is less than `reach`.

    Parameters
    ----------
    a, b : (e, 3) float64
        Ends of the segments [um].
    reach : float
        [um].
    origin, spacing : (3,) float64, float
        First node x, y, z and pitch [um].
    away : (nz, ny, nx) float64, written
        [um]; lowered where a segment is nearer.
    """
    nz, ny, nx = away.shape
    number = (nx, ny, nz)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for e in range(a.shape[0]):
        for d in range(3):
            low[d] = max(int(np.floor((min(a[e, d], b[e, d]) - reach - origin[d]) / spacing)), 0)
            high[d] = min(int(np.ceil((max(a[e, d], b[e, d]) + reach - origin[d]) / spacing)) + 1, number[d])
        for k in range(low[2], high[2]):
            for j in range(low[1], high[1]):
                for i in range(low[0], high[0]):
                    x, y, z = origin[0] + i * spacing, origin[1] + j * spacing, origin[2] + k * spacing
                    d = segment_distance(x, y, z, a, b, e)
                    if d < reach:
                        away[k, j, i] = min(away[k, j, i], d)


@njit(cache=True, inline="always")
def _slope(values, at, sign, h, out):
    """Central differences of `values` at node `at` (k, j, i), times `sign`, as a unit vector; returns their length."""
    k, j, i = at
    out[0] = sign * (values[k, j, i + 1] - values[k, j, i - 1]) / (2.0 * h)
    out[1] = sign * (values[k, j + 1, i] - values[k, j - 1, i]) / (2.0 * h)
    out[2] = sign * (values[k + 1, j, i] - values[k - 1, j, i]) / (2.0 * h)
    length = max(np.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2]), 1e-12)
    for d in range(3):
        out[d] /= length
    return length


@njit(cache=True, parallel=True)
def thicken(sheet, spacing, least, out):
    """Let the sheet |`sheet`| < 1 be `least` thick where it would be thinner, to first order: there `out` is less steep.

    Parameters
    ----------
    sheet : (nz, ny, nx) float64
    spacing, least : float
        Pitch, and least thickness [um].
    out : (nz, ny, nx) float64, written
        `sheet` over the greater of 1 and |grad sheet| least / 2; left alone on the outermost layer.
    """
    nz, ny, nx = sheet.shape
    for k in prange(1, nz - 1):
        along = np.empty(3)
        for j in range(1, ny - 1):
            for i in range(1, nx - 1):
                out[k, j, i] = sheet[k, j, i] / max(1.0, 0.5 * least * _slope(sheet, (k, j, i), 1.0, spacing, along))


@njit(cache=True, parallel=True)
def cut_square(sheet, cover, level, spacing, farthest, out):
    """The cover as it is at the middle of the sheet: `out` = cover at the foot of each node on sheet = 0, to first order.

    Its level sets cross the sheet at right angles, so that perforations have square rims and no sharp ones.

    Parameters
    ----------
    sheet, cover : (nz, ny, nx) float64
        Bone is where |sheet| < 1 and cover > `level`.
    level : (nz, ny, nx) float64
        [-].
    spacing, farthest : float
        Pitch, and how far the foot may lie from the node [um].
    out : (nz, ny, nx) float64, written
        Cover at the foot less `level`; on the outermost layer, and far from a sheet, that at the node.
    """
    nz, ny, nx = sheet.shape
    for k in prange(nz):
        along, across = np.empty(3), np.empty(3)
        for j in range(ny):
            for i in range(nx):
                out[k, j, i] = cover[k, j, i] - level[k, j, i]
                if k == 0 or j == 0 or i == 0 or k == nz - 1 or j == ny - 1 or i == nx - 1:
                    continue
                if abs(sheet[k, j, i]) > 4.0:
                    continue
                steep = _slope(sheet, (k, j, i), 1.0, spacing, along)
                rise = _slope(cover, (k, j, i), 1.0, spacing, across)
                cosine = along[0] * across[0] + along[1] * across[1] + along[2] * across[2]
                way = min(max(sheet[k, j, i] / steep, -farthest), farthest)
                out[k, j, i] -= way * rise * cosine


@njit(cache=True, parallel=True)
def find_discs(near, sheet, cover, spacing, widest, deep, foot, normal, width, inside):
    """Of what lies deeper in bone than `deep`, the piece of surface nearest to each of some nodes, to first order: a disc.

    Bone is where |sheet| < 1 and cover > 0, so beside a node it is the space behind one plane, or behind two, and what is
    deeper lies behind the same planes moved in. Where the foot on the one plane does not lie behind the other the nearest
    point is on the edge where they meet. All that is nearer than `deep` to these discs is bone with its edges rounded.

    Parameters
    ----------
    near : (m,) int64
        C-order index of the nodes; none on the outermost layer.
    sheet, cover : (nz, ny, nx) float64
    spacing, widest, deep : float
        Pitch, radius of a disc that no edge bounds, and how deep [um].
    foot, normal : (m, 3) float64, written
        Centre of the disc from the grid's first node, x, y, z [um], and its unit normal.
    width : (m,) float64, written
        Radius [um].
    inside : (m,) bool, written
        Whether the node itself lies that deep.
    """
    _, ny, nx = sheet.shape
    for m in prange(near.size):
        at = (near[m] // (ny * nx), (near[m] // nx) % ny, near[m] % nx)
        one, other = np.empty(3), np.empty(3)
        value = sheet[at]
        to_one = (abs(value) - 1.0) / _slope(sheet, at, 1.0 if value > 0.0 else -1.0, spacing, one) + deep
        to_other = -cover[at] / _slope(cover, at, -1.0, spacing, other) + deep
        inside[m] = max(to_one, to_other) < 0.0
        if to_other > to_one:
            one, other, to_one, to_other = other, one, to_other, to_one
        cosine = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
        square = max(1.0 - cosine * cosine, 1e-6)
        beyond = to_other - to_one * cosine
        if to_one > 0.0 and beyond > 0.0:
            a, b = (to_one - cosine * to_other) / square, (to_other - cosine * to_one) / square
            width[m] = 0.0
        else:
            a, b = to_one, 0.0
            width[m] = min(widest, max(-beyond, 0.0) / np.sqrt(square))
        for d in range(3):
            foot[m, d] = spacing * at[2 - d] - a * one[d] - b * other[d]
            normal[m, d] = one[d]


@njit(cache=True, inline="always")
def _to_discs(k, j, i, a, b, c, disc, foot, normal, width, spacing, most):
    """Distance from node (k, j, i) to the nearest disc of the nodes around (a, b, c), at most `most`."""
    nz, ny, nx = disc.shape
    least = most * most
    for kk in range(max(a - 1, 0), min(a + 2, nz)):
        for jj in range(max(b - 1, 0), min(b + 2, ny)):
            for ii in range(max(c - 1, 0), min(c + 2, nx)):
                m = disc[kk, jj, ii]
                if m < 0:
                    continue
                x, y, z = spacing * i - foot[m, 0], spacing * j - foot[m, 1], spacing * k - foot[m, 2]
                up = x * normal[m, 0] + y * normal[m, 1] + z * normal[m, 2]
                square = x * x + y * y + z * z
                aside = max(np.sqrt(max(square - up * up, 0.0)) - width[m], 0.0)
                least = min(least, up * up + aside * aside)
    return np.sqrt(least)


@njit(cache=True, parallel=True)
def distance_beside_discs(near, disc, foot, normal, width, spacing, most, out):
    """Distance from some nodes to the nearest disc found by the nodes around them, themselves included.

    Parameters
    ----------
    near : (m,) int64
        C-order index of the nodes that have discs, disc by disc.
    disc : (nz, ny, nx) int32
        Disc of a node, -1 without one.
    foot, normal, width : (m, 3), (m, 3), (m,) float64
        As `find_discs` leaves them.
    spacing, most : float
        Pitch, and the greatest distance told [um].
    out : (m,) float64, written
        [um].
    """
    _, ny, nx = disc.shape
    for m in prange(near.size):
        k, j, i = near[m] // (ny * nx), (near[m] // nx) % ny, near[m] % nx
        out[m] = _to_discs(k, j, i, k, j, i, disc, foot, normal, width, spacing, most)


@njit(cache=True, parallel=True)
def distance_to_discs(nearest, disc, foot, normal, width, spacing, most, out):
    """Distance from each node of a grid to the nearest disc found by the nodes around the one it is told to look at.

    Parameters
    ----------
    nearest : (3, nz, ny, nx) int32
        Node k, j, i to look at.
    disc, foot, normal, width, spacing, most
        As of `distance_beside_discs`.
    out : (nz, ny, nx) float32, written
        [um].
    """
    nz, ny, nx = disc.shape
    for k in prange(nz):
        for j in range(ny):
            for i in range(nx):
                a, b, c = nearest[0, k, j, i], nearest[1, k, j, i], nearest[2, k, j, i]
                out[k, j, i] = _to_discs(k, j, i, a, b, c, disc, foot, normal, width, spacing, most)
