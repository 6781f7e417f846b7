"""Numbers in space: a field on nodes of its own, and the distance to the endosteum made of such fields."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels import raster


@dataclass(frozen=True, kw_only=True)
class Field:
    """A number at the nodes of a cubic grid, read between them by trilinear interpolation."""

    origin: np.ndarray
    """(3,) x, y, z of the first node [um]."""
    spacing: float
    """[um]."""
    values: np.ndarray
    """(nz, ny, nx) float64 or float32."""

    def at(self, points: np.ndarray) -> np.ndarray:
        """(m,) values at points (m, 3) [um]; beyond the grid the value at its edge."""
        out = np.empty(len(points))
        raster.interpolate_points(self.values, self.origin, self.spacing, np.ascontiguousarray(points), out)
        return out

    def on_grid(self, axes: tuple[np.ndarray, ...], kind: type[np.floating] = np.float64) -> np.ndarray:
        """(nz, ny, nx) values at the nodes of a grid of x (nx,), y (ny,), z (nz,) [um], as `at` reads them."""
        x, y, z = axes
        out = np.empty((z.size, y.size, x.size), kind)
        raster.interpolate_grid(self.values, self.origin, self.spacing, x, y, z, out)
        return out

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """(m, 3) unit vectors along which the value rises fastest, by central differences over one pitch."""
        return _gradient(self, points)

    def nodes(self) -> np.ndarray:
        """(nz * ny * nx, 3) positions of the nodes in the order of `values`."""
        return self.origin + self.spacing * _grid_points(self.values.shape)


@dataclass(frozen=True, kw_only=True)
class Inset:
    """Signed distance to the endosteum anywhere, positive in marrow [um]: to the cortex, and to trabeculae where they are."""

    cortical: Field
    """To the inner face of the cortex."""
    trabecular: tuple[Field, ...] = ()
    """To trabeculae, positive outside them; each part has a box of its own."""

    @property
    def spacing(self) -> float:
        """Smallest pitch of the nodes [um]."""
        return min(field.spacing for field in (self.cortical, *self.trabecular))

    def at(self, points: np.ndarray) -> np.ndarray:
        """(m,) at points (m, 3) [um]."""
        out = self.cortical.at(points)
        points = np.ascontiguousarray(points)
        for field in self.trabecular:
            raster.lower_to(field.values, field.origin, field.spacing, points, out)
        return out

    def on_grid(self, axes: tuple[np.ndarray, ...], kind: type[np.floating] = np.float64) -> np.ndarray:
        """(nz, ny, nx) at the nodes of a grid of x (nx,), y (ny,), z (nz,) [um], as `at` reads it."""
        out = self.cortical.on_grid(axes, kind)
        for field in self.trabecular:
            x, y, z = axes
            raster.lower_grid(field.values, field.origin, field.spacing, x, y, z, out)
        return out

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """(m, 3) unit vectors along which it rises fastest, by central differences over one pitch."""
        return _gradient(self, points)


def stations(field: Field, axis: int) -> np.ndarray:
    """Positions of the nodes along an axis [um]."""
    return field.origin[axis] + field.spacing * np.arange(field.values.shape[2 - axis])


def spread(along: np.ndarray, axis: int) -> np.ndarray:
    """(s,) as an array that varies along `axis` of (z, y, x)."""
    shape = [1, 1, 1]
    shape[2 - axis] = -1
    return along.reshape(shape)


def _gradient(field: "Field | Inset", points: np.ndarray) -> np.ndarray:
    out = np.empty((len(points), 3))
    for d in range(3):
        step = np.zeros(3)
        step[d] = 0.5 * field.spacing
        out[:, d] = field.at(points + step) - field.at(points - step)
    return out / np.maximum(np.linalg.norm(out, axis=1), 1e-12)[:, None]


def _grid_points(shape: tuple[int, ...]) -> np.ndarray:
    """(nz * ny * nx, 3) node numbers x, y, z in C order."""
    z, y, x = np.indices(shape).reshape(3, -1)
    return np.stack([x, y, z], axis=1).astype(float)
