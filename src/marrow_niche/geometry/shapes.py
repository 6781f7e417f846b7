"""Solids from which bones are drawn: about their signed distance, negative inside, blended smoothly and made a surface.

Points are (m, 3), in whatever unit the bone is drawn in.
"""

from collections.abc import Callable

import numpy as np

from marrow_niche.geometry.mesh import Surface, close_surface


def contour(
    solid: Callable[[np.ndarray], np.ndarray],
    low: np.ndarray,
    high: np.ndarray,
    *,
    pitch: float,
    length: float,
    name: str,
) -> Surface:
    """The closed surface of a solid, in um.

    Parameters
    ----------
    solid : callable
        Points (m, 3) to about the signed distance (m,), negative inside.
    low, high : (3,)
        Corners of a box around it.
    pitch : float
        Of the grid on which the solid is sampled, in the unit it is drawn in.
    length : float
        To which the surface is brought along its longest principal axis [um].
    name : str
        For error messages.

    Returns
    -------
    Surface
        Vertices are rounded to float32, so that a binary .stl and the surface made here are the same.
    """
    import pyvista

    number = np.ceil((high - low) / pitch).astype(int) + 1
    x, y, z = (low[d] + pitch * np.arange(number[d]) for d in range(3))
    grid = pyvista.ImageData(dimensions=number, spacing=(pitch,) * 3, origin=low)
    points = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1).reshape(-1, 3)
    grid.point_data["solid"] = solid(points)
    mesh = grid.contour([0.0], scalars="solid", method="flying_edges")
    surface = close_surface(mesh.points, mesh.regular_faces, name=name)
    scaled = surface.vertices * (length / surface.principal()[2][0])
    return close_surface(scaled.astype(np.float32), surface.triangles, name=name)


def swept(points: np.ndarray, stations: np.ndarray) -> np.ndarray:
    """A shaft along z: an ellipse at each station, closed by half an ellipsoid at both ends.

    Parameters
    ----------
    stations : (s, 5)
        z, x and y of the centre, half-width along x and along y.
    """
    z = np.clip(points[:, 2], stations[0, 0], stations[-1, 0])
    cx, cy, ax, ay = (_spline(stations[:, 0], stations[:, i], z) for i in range(1, 5))
    u = np.stack([points[:, 0] - cx, points[:, 1] - cy, points[:, 2] - z], axis=1)
    return scaled_norm(u, np.stack([ax, ay, np.minimum(ax, ay)], axis=1))


def ellipsoid(points: np.ndarray, centre: tuple, half: tuple) -> np.ndarray:
    return scaled_norm(points - np.array(centre), np.broadcast_to(np.array(half), points.shape))


def scaled_norm(u: np.ndarray, half: np.ndarray) -> np.ndarray:
    """About the distance to an ellipsoid: right on it, and of slope about one across it."""
    first = np.linalg.norm(u / half, axis=1)
    second = np.linalg.norm(u / half**2, axis=1)
    return np.where(second > 0.0, first * (first - 1.0) / np.maximum(second, 1e-12), -half.min(axis=1))


def rod(points: np.ndarray, start: tuple, end: tuple, first: float, last: float) -> np.ndarray:
    """Distance to a rod with round ends whose radius goes from `first` to `last`."""
    a, b = np.array(start), np.array(end)
    t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    return np.linalg.norm(points - a - t[:, None] * (b - a), axis=1) - (first + t * (last - first))


def plate(
    points: np.ndarray, start: tuple, end: tuple, first: float, last: float, spread: tuple, taper: float = 1.0
) -> np.ndarray:
    """About the distance to a rod widened by `spread` (3,) to both sides along x, y and z, `taper` times that at its end."""
    wide = np.array(spread, float)
    a, b = np.array(start), np.array(end)
    along = np.where(wide > 0.0, 0.0, b - a)
    t = np.clip((points - a) @ along / (along @ along), 0.0, 1.0)
    u = points - a - t[:, None] * (b - a)
    wide = wide * (1.0 - (1.0 - taper) * t[:, None] ** 2)
    return np.linalg.norm(u - np.clip(u, -wide, wide), axis=1) - (first + t * (last - first))


def blend(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The smaller of two distances, rounded over `width` where they meet.

    References
    ----------
    Quilez, Smooth minimum, iquilezles.org 2013 (the polynomial form).
    """
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0.0, 1.0)
    return b + (a - b) * h - width * h * (1.0 - h)


def carve(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Solid `a` without `b`, the edge rounded over `width`."""
    return -blend(-a, b, width)


def _spline(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(x, y)(at)
