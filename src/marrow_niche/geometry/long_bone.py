"""A mouse femur made from published lengths: the surface the package ships and builds its examples on.

    python -m marrow_niche.geometry.long_bone meshes/mouse_femur.stl

A femur-like solid, not a scan: a bowed shaft of elliptical section that flares to two condyles, and a head on its neck, a
greater, a lesser and a third trochanter, blended smoothly. z runs along the shaft from the condyles (0) to the trochanter,
x is lateral to medial (the head points to +x), y is back to front.
"""

import sys
from pathlib import Path

import numpy as np

from marrow_niche.geometry.mesh import Surface, close_surface

PITCH = 115.0
"""Grid on which the solid is sampled for its surface [um]."""
LENGTH = 15_500.0
"""Along the longest principal axis [um]."""
SHAFT = np.array(
    # z, centre x, centre y, half-width x, half-width y [um]
    [
        [1100.0, 0.0, -60.0, 1080.0, 800.0],
        [1900.0, 0.0, 60.0, 1010.0, 780.0],
        [2900.0, 0.0, 180.0, 900.0, 690.0],
        [4200.0, 0.0, 280.0, 820.0, 610.0],
        [5800.0, 0.0, 350.0, 790.0, 585.0],
        [7600.0, 0.0, 370.0, 800.0, 580.0],
        [9400.0, 0.0, 330.0, 830.0, 580.0],
        [11000.0, -20.0, 240.0, 880.0, 590.0],
        [12400.0, -40.0, 130.0, 930.0, 620.0],
        [13400.0, -120.0, 60.0, 900.0, 640.0],
    ]
)
"""The shaft, station by station. Mid-shaft 1.60 x 1.16 mm, total area 1.45 mm^2."""


def make_long_bone() -> Surface:
    """The femur's closed surface in um, `LENGTH` long.

    Returns
    -------
    Surface
        Vertices are rounded to float32, so that the .stl and the surface made here are the same.

    References
    ----------
    See meshes/README.md for the published lengths.
    """
    import pyvista

    low = np.array([-2000.0, -1500.0, -400.0])
    high = np.array([2900.0, 1700.0, 16000.0])
    number = np.ceil((high - low) / PITCH).astype(int) + 1
    x, y, z = (low[d] + PITCH * np.arange(number[d]) for d in range(3))
    grid = pyvista.ImageData(dimensions=number, spacing=(PITCH,) * 3, origin=low)
    points = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1).reshape(-1, 3)
    grid.point_data["solid"] = solid(points)
    mesh = grid.contour([0.0], scalars="solid", method="flying_edges")
    surface = close_surface(mesh.points, mesh.regular_faces, name="long bone")
    scaled = surface.vertices * (LENGTH / surface.principal()[2][0])
    return close_surface(scaled.astype(np.float32), surface.triangles, name="long bone")


def solid(points: np.ndarray) -> np.ndarray:
    """About the signed distance to the femur's surface (m,) [um], negative inside, at points (m, 3)."""
    out = _shaft(points)
    for part, blend in (
        (_ellipsoid(points, (-690.0, -260.0, 900.0), (620.0, 1000.0, 880.0)), 300.0),  # lateral condyle
        (_ellipsoid(points, (690.0, -260.0, 870.0), (620.0, 1000.0, 870.0)), 300.0),  # medial condyle
        (_ellipsoid(points, (0.0, 380.0, 1150.0), (800.0, 520.0, 950.0)), 300.0),  # trochlea
        (_rod(points, (-50.0, 60.0, 13300.0), (1300.0, 130.0, 14560.0), 620.0, 450.0), 350.0),  # neck
        (_ellipsoid(points, (1520.0, 140.0, 14720.0), (690.0, 690.0, 690.0)), 150.0),  # head
        (_ellipsoid(points, (-600.0, -40.0, 14150.0), (640.0, 660.0, 1200.0)), 350.0),  # greater trochanter
        (_rod(points, (-450.0, 0.0, 14350.0), (850.0, 110.0, 14150.0), 450.0, 380.0), 300.0),  # ridge to the neck
        (_ellipsoid(points, (560.0, -420.0, 12400.0), (330.0, 330.0, 560.0)), 300.0),  # lesser trochanter
        (_ellipsoid(points, (-880.0, -40.0, 10500.0), (330.0, 280.0, 1250.0)), 400.0),  # third trochanter
    ):
        out = _blend(out, part, blend)
    groove = _rod(points, (0.0, -1250.0, 150.0), (0.0, -900.0, 1700.0), 330.0, 260.0)  # between the condyles
    return -_blend(-out, groove, 150.0)


def write_stl(path: Path) -> None:
    """Write the femur as a binary .stl in um."""
    surface = make_long_bone()
    corner = surface.vertices[surface.triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
    record = np.zeros(len(corner), np.dtype([("normal", "<f4", 3), ("corner", "<f4", (3, 3)), ("attribute", "<u2")]))
    record["normal"], record["corner"] = normal, corner
    header = b"mouse femur made by marrow_niche.geometry.long_bone; unit um".ljust(80)
    Path(path).write_bytes(header + np.uint32(len(corner)).tobytes() + record.tobytes())


def _shaft(points: np.ndarray) -> np.ndarray:
    z = np.clip(points[:, 2], SHAFT[0, 0], SHAFT[-1, 0])
    cx, cy, ax, ay = (_spline(SHAFT[:, 0], SHAFT[:, i], z) for i in range(1, 5))
    u = np.stack([points[:, 0] - cx, points[:, 1] - cy, points[:, 2] - z], axis=1)
    return _scaled_norm(u, np.stack([ax, ay, np.minimum(ax, ay)], axis=1))


def _spline(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(x, y)(at)


def _ellipsoid(points: np.ndarray, centre: tuple, half: tuple) -> np.ndarray:
    return _scaled_norm(points - np.array(centre), np.broadcast_to(np.array(half), points.shape))


def _scaled_norm(u: np.ndarray, half: np.ndarray) -> np.ndarray:
    """About the distance to an ellipsoid: right on it, and of slope about one across it."""
    first = np.linalg.norm(u / half, axis=1)
    second = np.linalg.norm(u / half**2, axis=1)
    return np.where(second > 0.0, first * (first - 1.0) / np.maximum(second, 1e-12), -half.min(axis=1))


def _rod(points: np.ndarray, start: tuple, end: tuple, first: float, last: float) -> np.ndarray:
    """Distance to a rod with round ends whose radius goes from `first` to `last`."""
    a, b = np.array(start), np.array(end)
    t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    return np.linalg.norm(points - a - t[:, None] * (b - a), axis=1) - (first + t * (last - first))


def _blend(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The smaller of two distances, rounded over `width` where they meet.

    References
    ----------
    Quilez, Smooth minimum, iquilezles.org 2013 (the polynomial form).
    """
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0.0, 1.0)
    return b + (a - b) * h - width * h * (1.0 - h)


if __name__ == "__main__":
    write_stl(Path(sys.argv[1] if len(sys.argv) > 1 else "mouse_femur.stl"))
