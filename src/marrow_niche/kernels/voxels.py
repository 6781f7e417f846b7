"""Voxels and places: the centre of each voxel, and the voxel of a place."""

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True)
def centres(flat, shape, origin, spacing, out):
    """Centres (n, 3) of the voxels of C-order index `flat` (n,) in a lattice (nz, ny, nx) with its low corner at `origin`."""
    ny, nx = shape[1], shape[2]
    for v in prange(flat.size):
        row = flat[v] // nx
        out[v, 0] = origin[0] + (flat[v] - row * nx + 0.5) * spacing
        out[v, 1] = origin[1] + (row % ny + 0.5) * spacing
        out[v, 2] = origin[2] + (row // ny + 0.5) * spacing


@njit(cache=True)
def find_voxel(x, y, z, origin, spacing, index, reach):
    """Compact index of the marrow voxel that holds a point, else of the nearest within `reach` voxels, else -1.

    A point outside the lattice's box has none. `index` is (nz, ny, nx) int32, -1 where closed; `origin` the low corner.
    """
    nz, ny, nx = index.shape
    u, v, w = (x - origin[0]) / spacing, (y - origin[1]) / spacing, (z - origin[2]) / spacing
    if not (0.0 <= u < nx and 0.0 <= v < ny and 0.0 <= w < nz):
        return -1
    i, j, k = int(u), int(v), int(w)
    if index[k, j, i] >= 0:
        return index[k, j, i]
    nearest, which = np.inf, -1
    for ring in range(1, reach + 1):
        if nearest <= (ring - 0.5) ** 2:  # no centre of this ring is nearer than that
            break
        for kk in range(max(k - ring, 0), min(k + ring + 1, nz)):
            for jj in range(max(j - ring, 0), min(j + ring + 1, ny)):
                step = 1 if abs(kk - k) == ring or abs(jj - j) == ring else 2 * ring
                for ii in range(i - ring, i + ring + 1, step):
                    if 0 <= ii < nx and index[kk, jj, ii] >= 0:
                        squared = (ii + 0.5 - u) ** 2 + (jj + 0.5 - v) ** 2 + (kk + 0.5 - w) ** 2
                        if squared < nearest:
                            nearest, which = squared, index[kk, jj, ii]
    return which


@njit(cache=True)
def find_voxels(points, origin, spacing, index, reach, out):
    """`find_voxel` for each of `points` (m, 3), into `out` (m,) int32."""
    for p in range(points.shape[0]):
        out[p] = find_voxel(points[p, 0], points[p, 1], points[p, 2], origin, spacing, index, reach)
