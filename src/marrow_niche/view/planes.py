"""A plane through the piece: where it meets marrow, vessels and fat, and the value of a field on it.

Vessels and adipocytes are cut as the tubes and balls they are, finer than a voxel; fields are read between voxels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BONE, OUTSIDE = 1, 0
FAR = 1e3
"""Gap [um] of what lies far from every vessel."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A grid of (rows, columns) places on a plane: `origin + step (column across + row above)`."""

    origin: np.ndarray
    """The first place [um]."""
    across: np.ndarray
    above: np.ndarray
    """Unit vectors of the plane, normal to each other."""
    step: float
    """Between places [um]."""
    shape: tuple[int, int]
    bow: Callable[[np.ndarray], np.ndarray] | None = None
    """How far the plane is bent out along its normal beside points (..., 3) [um]: (...) [um]; small against its length."""

    @property
    def normal(self) -> np.ndarray:
        """Unit vector out of the plane."""
        return np.cross(self.across, self.above)

    def points(self, half: float = 0.0) -> np.ndarray:
        """Places (rows, columns, 3) [um]; with `half` = 0.5 the (rows + 1, columns + 1) corners of the squares round them."""
        more = 1 if half else 0
        rows, columns = (np.arange(size + more) - half for size in self.shape)
        right, up = columns[None, :, None] * self.across, rows[:, None, None] * self.above
        points = self.origin + self.step * (right + up)
        return points if self.bow is None else points + self.bow(points)[..., None] * self.normal

    def flat(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column, row (in steps) and height over the plane [um] of points (k, 3) [um]."""
        points = np.asarray(points, float)
        away = points - self.origin
        if self.bow is not None:
            away = away - self.bow(points)[..., None] * self.normal
        return away @ self.across / self.step, away @ self.above / self.step, away @ self.normal


def cut_tubes(plane: Plane, vessels: Mapping[str, np.ndarray], kind: int) -> np.ndarray:
    """Distance [um] of each place of the plane from the nearest wall of a vessel of `kind`, below zero within; (rows, columns).

    Distances are exact up to four steps from a wall, and `FAR` or so beyond.

    Parameters
    ----------
    plane : Plane
    vessels : dict
        nodes (m, 3) [um], edges (e, 2), radius (e,) [um], kind (e,).
    kind : int
    """
    gap = np.full(plane.shape, FAR)
    edges, radius = vessels["edges"], np.asarray(vessels["radius"], float)
    x, y, height = plane.flat(vessels["nodes"])
    reach = radius + 4 * plane.step
    a, b = edges.T
    near = (np.minimum(height[a], height[b]) < reach) & (np.maximum(height[a], height[b]) > -reach)
    chosen = np.flatnonzero((vessels["kind"] == kind) & near)
    wide = reach / plane.step
    rows, columns = plane.shape
    for edge in chosen:
        one, two, r = a[edge], b[edge], wide[edge]
        left, right = _span(x[one], x[two], r, columns)
        low, high = _span(y[one], y[two], r, rows)
        if left >= right or low >= high:
            continue
        start = np.array([x[one], y[one], height[one] / plane.step])
        way = np.array([x[two], y[two], height[two] / plane.step]) - start
        u = np.arange(left, right)[None, :] - start[0]
        v = np.arange(low, high)[:, None] - start[1]
        along = np.clip((u * way[0] + v * way[1] - start[2] * way[2]) / max(float(way @ way), 1e-12), 0.0, 1.0)
        squared = (u - along * way[0]) ** 2 + (v - along * way[1]) ** 2 + (start[2] + along * way[2]) ** 2
        part = gap[low:high, left:right]
        np.minimum(part, plane.step * np.sqrt(squared) - radius[edge], out=part)
    return gap


def cut_balls(plane: Plane, centres: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balls that the plane cuts: column and row of each circle (in steps), and its radius [um].

    Parameters
    ----------
    plane : Plane
    centres, radius : (k, 3) and (k,)
        [um]
    """
    x, y, height = plane.flat(np.asarray(centres, float).reshape(-1, 3))
    squared = np.asarray(radius, float) ** 2 - height**2
    rows, columns = plane.shape
    here = (squared > 0) & (x > -0.5) & (x < columns - 0.5) & (y > -0.5) & (y < rows - 0.5)
    return x[here], y[here], np.sqrt(squared[here])


class Sampled:
    """What lies on a plane through a lattice: the inside of the bone, smooth at its rim, and fields between voxels.

    Parameters
    ----------
    plane : Plane
    tissue : (nz, ny, nx)
        Labels.
    corner : (3,)
        Low corner of the lattice [um].
    spacing : float
        Edge of a voxel [um].
    """

    def __init__(self, plane: Plane, tissue: np.ndarray, corner: np.ndarray, spacing: float) -> None:
        self.plane, self._tissue = plane, tissue
        places = (plane.points().reshape(-1, 3) - corner) / spacing - 0.5
        self._places = places[:, ::-1].T
        for axis, size in enumerate(tissue.shape):
            if size == 1:
                self._places[axis] = 0.0
        outside = (self._places < -0.5) | (self._places > np.array(tissue.shape)[:, None] - 0.5)
        self.within = ~outside.any(axis=0).reshape(plane.shape)
        """Places inside the box of the lattice."""

    def share(self, chosen: np.ndarray, blur: float = 1.1) -> np.ndarray:
        """A (nz, ny, nx) mask as a smooth share on the plane, (rows, columns); one half is its edge."""
        from scipy import ndimage

        widths = [0.0 if size == 1 else blur for size in chosen.shape]
        soft = ndimage.gaussian_filter(chosen.astype(np.float32), widths, mode="nearest")
        return self._read(soft)

    def field(self, values: np.ndarray) -> np.ndarray:
        """A field (nz, ny, nx), NaN where it is none, on the plane; NaN where none of the voxels round a place has it."""
        there = np.isfinite(values)
        weight = self._read(there.astype(np.float32))
        total = self._read(np.where(there, values, 0.0).astype(np.float32))
        return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), np.nan)

    def _read(self, values: np.ndarray) -> Any:
        from scipy import ndimage

        found = ndimage.map_coordinates(values, self._places, order=1, mode="nearest")
        return found.reshape(self.plane.shape)


def _span(one: float, two: float, reach: float, size: int) -> tuple[int, int]:
    """First place and the one after the last that lie within `reach` of what stretches from `one` to `two`."""
    low, high = (one, two) if one < two else (two, one)
    return max(0, int(np.ceil(low - reach))), min(size, int(np.floor(high + reach)) + 1)
