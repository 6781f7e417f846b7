"""The lattice on which everything happens: cubic voxels, a tissue label for each, and the marrow among them as a list."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from marrow_niche.kernels import raster

OUTSIDE, BONE, MARROW, LUMEN, FAT = 0, 1, 2, 3, 4
"""Tissue labels; LUMEN and FAT are voxels that lie (as good as) wholly inside vessels and adipocytes."""


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Cubic voxels of which n are marrow. Arrays are (z, y, x); positions are (x, y, z) in um."""

    spacing: float
    """Voxel edge h [um]."""
    origin: np.ndarray
    """(3,) x, y, z of the low corner of the box [um], in the bone's own frame."""
    tissue: np.ndarray
    """(nz, ny, nx) uint8: OUTSIDE, BONE, MARROW, LUMEN or FAT."""
    flat: np.ndarray
    """(n,) int64 C-order index into tissue of each marrow voxel, ascending."""
    neighbour: np.ndarray
    """(n, 6) int32 compact index of the open neighbour at -z, +z, -y, +y, -x, +x; -1 is a wall (bone, lumen, cut)."""
    dimension: int
    """3, or 2 for a slab one voxel thick."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(nz, ny, nx)."""
        nz, ny, nx = self.tissue.shape
        return nz, ny, nx

    @property
    def n(self) -> int:
        """Number of marrow voxels."""
        return self.flat.size

    @property
    def volume(self) -> float:
        """Volume of one voxel [um^3]."""
        return self.spacing**3

    def centres(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(n, 3) x, y, z of the marrow voxels' centres [um], or of those of `which`, compact indices (k,)."""
        z, y, x = np.unravel_index(self.flat[which], self.shape)
        return self.origin + (np.stack([x, y, z], axis=1) + 0.5) * self.spacing

    def index(self) -> np.ndarray:
        """(nz, ny, nx) int32: compact index of each marrow voxel, -1 elsewhere."""
        return compact_index(self.flat, self.shape)

    def dense(self, values: np.ndarray, fill: float = np.nan) -> np.ndarray:
        """(..., n) values of the marrow voxels as (..., nz, ny, nx), `fill` elsewhere."""
        values = np.asarray(values)
        out = np.full((*values.shape[:-1], self.tissue.size), fill, np.result_type(values.dtype, type(fill)))
        out[..., self.flat] = values
        return out.reshape(*values.shape[:-1], *self.shape)


def compact_index(flat: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """(nz, ny, nx) int32 with the rank of each entry of `flat` (n,), -1 elsewhere."""
    index = np.full(shape, -1, np.int32)
    index.reshape(-1)[flat] = np.arange(flat.size, dtype=np.int32)
    return index


def make_lattice(tissue: np.ndarray, *, spacing: float, origin: np.ndarray, dimension: int = 3) -> Lattice:
    """The lattice of a label array (nz, ny, nx); `spacing` and `origin` (3,) x, y, z in um."""
    tissue = np.ascontiguousarray(tissue, np.uint8)
    flat = np.flatnonzero(tissue == MARROW).astype(np.int64)
    neighbour = np.empty((flat.size, 6), np.int32)
    raster.neighbours(flat, compact_index(flat, tissue.shape), neighbour)
    return Lattice(
        spacing=float(spacing),
        origin=np.asarray(origin, float),
        tissue=tissue,
        flat=flat,
        neighbour=neighbour,
        dimension=dimension,
    )


def largest_component(mask: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The largest face-connected part of a mask (the first of equals), with what is left out.

    Returns
    -------
    largest : (nz, ny, nx) bool
    parts : int
        How many other parts there are.
    left_out : int
        Voxels in them.
    """
    parts, number = ndimage.label(mask)
    if number <= 1:
        return mask, 0, 0
    sizes = np.bincount(parts.reshape(-1))[1:]
    largest = parts == 1 + int(np.argmax(sizes))
    return largest, number - 1, int(sizes.sum() - sizes.max())


def voxelise(
    vertices: np.ndarray, triangles: np.ndarray, *, origin: np.ndarray, spacing: float, shape: tuple[int, int, int]
) -> np.ndarray:
    """Which voxel centres of a box lie inside a closed surface, by how often it winds around them.

    Parameters
    ----------
    vertices, triangles : (v, 3) float64 [um], (t, 3) int64
        A closed surface, outwards; it may cross itself.
    origin, spacing : (3,), float
        Low corner x, y, z and voxel edge of the box [um].
    shape : (nz, ny, nx)

    Returns
    -------
    (nz, ny, nx) uint8
        1 inside.
    """
    _, ny, nx = shape
    start = np.zeros(ny * nx + 1, np.int64)
    arguments = (vertices, triangles, origin[0], origin[1], spacing, nx, ny)
    raster.crossings(*arguments, start, np.empty(0), np.empty(0, np.int8), False)
    np.cumsum(start, out=start)
    height, turn = np.empty(start[-1]), np.empty(start[-1], np.int8)
    raster.crossings(*arguments, start[:-1].copy(), height, turn, True)
    inside = np.zeros(shape, np.uint8)
    raster.fill_columns(inside, start, height, turn, origin[2], spacing)
    return inside
