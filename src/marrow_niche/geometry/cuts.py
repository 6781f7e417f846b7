"""Pieces cut out of a larger bone: behind a cut face the bone goes on, so it has no endosteum there."""

import numpy as np

from marrow_niche.geometry.field import Field
from marrow_niche.geometry.lattice import voxelise
from marrow_niche.geometry.mesh import Surface
from marrow_niche.kernels import surface as faces


def natural_triangles(surface: Surface) -> np.ndarray:
    """(n, 3) triangles that are the bone's own surface."""
    return surface.triangles if surface.cut is None else surface.triangles[~surface.cut]


def go_on(
    surface: Surface, asked: np.ndarray, inside: np.ndarray, squared: np.ndarray, *, origin: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """The inside of a cut piece with the bone that goes on behind its cut faces.

    Parameters
    ----------
    asked, inside : (nz, ny, nx) bool
        Nodes within reach, and those of them inside the piece.
    squared : (nz, ny, nx) float64
        Squared distance to the natural triangles [um^2].
    origin, spacing : (3,), float
        First node and pitch [um].

    Returns
    -------
    inside : (nz, ny, nx) bool
        Also nodes outside the piece that are nearer to a cut face than to the bone's own surface.
    squared : (nz, ny, nx) float64
        Their depth squared taken as if the cut stood square on the bone's surface: that of the cut face's nearest point.
    """
    if surface.cut is None or not surface.cut.any():
        return inside, squared
    to_cut = cut_distance(surface, asked, origin=origin, spacing=spacing) ** 2
    behind = asked & ~inside & (to_cut < (1.0 - 1e-6) * squared)
    beyond = squared.copy()
    beyond[behind] -= to_cut[behind]
    return inside | behind, beyond


def share_kept(surface: Surface, depth: Field) -> np.ndarray:
    """(nz, ny, nx) share of the cube around each node of `depth` that lies on the piece's side of its cut faces.

    Sums over nodes are sums over the piece when weighted by it: behind a cut face `depth` is positive too.
    """
    return np.clip(0.5 + depth_behind(surface, depth) / depth.spacing, 0.0, 1.0)


def depth_behind(surface: Surface, depth: Field) -> np.ndarray:
    """(nz, ny, nx) how deep the nodes of `depth` lie behind the cut faces of the piece, seen from outside [um].

    Infinite where there are none; minus infinity outside the piece where `depth` is not positive either.
    """
    if surface.cut is None or not surface.cut.any():
        return np.full(depth.values.shape, np.inf)
    origin, spacing = depth.origin, depth.spacing
    inside = voxelise(
        surface.vertices, surface.triangles, origin=origin - 0.5 * spacing, spacing=spacing, shape=depth.values.shape
    ).astype(bool)
    away = cut_distance(surface, inside | (depth.values > 0.0), origin=origin, spacing=spacing)
    return np.where(inside, away, -away)


def cut_distance(surface: Surface, asked: np.ndarray, *, origin: np.ndarray, spacing: float) -> np.ndarray:
    """(nz, ny, nx) distance of the nodes of a grid to the cut triangles [um], infinite where not asked for."""
    nearest, squared = np.full(asked.shape, -1, np.int32), np.full(asked.shape, np.inf)
    cut = np.ascontiguousarray(surface.triangles[surface.cut])
    faces.surface_distance(asked, surface.vertices, cut, origin, spacing, nearest, squared)
    return np.sqrt(squared)
