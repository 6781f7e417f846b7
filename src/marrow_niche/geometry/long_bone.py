"""A mouse femur made from published lengths: the surface the package ships and builds its examples on.

    python -m marrow_niche.geometry.long_bone meshes/mouse_femur.stl

A femur-like solid, not a scan: a bowed shaft of elliptical section that flares to two condyles, and a head on its neck, a
greater, a lesser and a third trochanter, blended smoothly. z runs along the shaft from the condyles (0) to the trochanter,
x is lateral to medial (the head points to +x), y is back to front.
"""

import sys
from pathlib import Path

import numpy as np

from marrow_niche.geometry.mesh import Surface
from marrow_niche.geometry.shapes import blend, carve, contour, ellipsoid, rod, swept

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


def make_long_bone(length: float = LENGTH) -> Surface:
    """The femur's closed surface in um, `length` long along its longest principal axis [um].

    Returns
    -------
    Surface
        Vertices are rounded to float32, so that the .stl and the surface made here are the same.

    References
    ----------
    See meshes/README.md for the published lengths.
    """
    low = np.array([-2000.0, -1500.0, -400.0])
    high = np.array([2900.0, 1700.0, 16000.0])
    return contour(solid, low, high, pitch=PITCH, length=length, name="mouse femur")


def solid(points: np.ndarray) -> np.ndarray:
    """About the signed distance to the femur's surface (m,) [um], negative inside, at points (m, 3)."""
    out = swept(points, SHAFT)
    for part, width in (
        (ellipsoid(points, (-690.0, -260.0, 900.0), (620.0, 1000.0, 880.0)), 300.0),  # lateral condyle
        (ellipsoid(points, (690.0, -260.0, 870.0), (620.0, 1000.0, 870.0)), 300.0),  # medial condyle
        (ellipsoid(points, (0.0, 380.0, 1150.0), (800.0, 520.0, 950.0)), 300.0),  # trochlea
        (rod(points, (-50.0, 60.0, 13300.0), (1300.0, 130.0, 14560.0), 620.0, 450.0), 350.0),  # neck
        (ellipsoid(points, (1520.0, 140.0, 14720.0), (690.0, 690.0, 690.0)), 150.0),  # head
        (ellipsoid(points, (-600.0, -40.0, 14150.0), (640.0, 660.0, 1200.0)), 350.0),  # greater trochanter
        (rod(points, (-450.0, 0.0, 14350.0), (850.0, 110.0, 14150.0), 450.0, 380.0), 300.0),  # ridge to the neck
        (ellipsoid(points, (560.0, -420.0, 12400.0), (330.0, 330.0, 560.0)), 300.0),  # lesser trochanter
        (ellipsoid(points, (-880.0, -40.0, 10500.0), (330.0, 280.0, 1250.0)), 400.0),  # third trochanter
    ):
        out = blend(out, part, width)
    groove = rod(points, (0.0, -1250.0, 150.0), (0.0, -900.0, 1700.0), 330.0, 260.0)  # between the condyles
    return carve(out, groove, 150.0)


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


if __name__ == "__main__":
    write_stl(Path(sys.argv[1] if len(sys.argv) > 1 else "mouse_femur.stl"))
