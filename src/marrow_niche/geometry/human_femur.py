"""A human femur made from published lengths; meshes/README.md gives them.

A left femur drawn in mm: z runs along the shaft from the condyles (0) to the head, x is lateral to medial, y back to front.
"""

import numpy as np

from marrow_niche.geometry.mesh import Surface
from marrow_niche.geometry.shapes import blend, carve, contour, ellipsoid, plate, rod, swept

LENGTH = 440_000.0
"""Along the longest principal axis [um]."""
PITCH = 2.5
"""[mm]."""
SHAFT = np.array(
    # z, centre x, centre y, half-width x, half-width y [mm]
    [
        [38.0, 0.0, -1.0, 35.0, 23.0],
        [58.0, 0.0, 1.0, 31.0, 20.0],
        [80.0, 0.0, 4.0, 24.5, 17.5],
        [110.0, 0.0, 8.0, 18.5, 15.5],
        [150.0, 0.0, 11.0, 15.0, 14.2],
        [200.0, 0.0, 13.0, 13.8, 13.8],
        [250.0, 0.0, 12.5, 13.8, 13.6],
        [300.0, 0.0, 9.0, 14.6, 13.8],
        [335.0, 0.0, 4.5, 16.5, 14.4],
        [362.0, 0.0, 0.5, 18.5, 15.5],
        [382.0, -4.0, -2.0, 17.0, 15.0],
    ]
)
LINE = np.array(
    [
        [100.0, 0.0, 0.0, 2.0, 2.0],
        [150.0, 0.0, -2.3, 2.6, 3.4],
        [210.0, 0.0, 0.0, 2.4, 3.8],
        [270.0, 0.0, -2.0, 2.6, 3.6],
        [320.0, -2.0, -6.0, 3.0, 3.2],
        [355.0, -5.0, -7.0, 3.0, 3.0],
    ]
)
"""The linea aspera."""


def make_human_femur(length: float = LENGTH) -> Surface:
    """A human femur's closed surface in um, `length` long along its longest principal axis [um]."""
    low, high = np.array([-56.0, -56.0, -8.0]), np.array([78.0, 50.0, 452.0])
    return contour(_solid, low, high, pitch=PITCH, length=length, name="human femur")


def _solid(points: np.ndarray) -> np.ndarray:
    out = swept(points, SHAFT)
    for part, width in (
        (ellipsoid(points, (-24.0, -9.0, 31.0), (15.5, 33.0, 27.0)), 8.0),  # lateral condyle
        (ellipsoid(points, (24.0, -12.0, 25.0), (14.5, 32.0, 28.0)), 8.0),  # medial condyle
        (ellipsoid(points, (-10.0, 14.0, 37.0), (22.0, 17.0, 26.0)), 9.0),  # patellar surface
        (ellipsoid(points, (35.0, -5.0, 42.0), (7.0, 13.0, 13.0)), 8.0),  # epicondyles
        (ellipsoid(points, (-36.0, -5.0, 38.0), (6.0, 12.0, 12.0)), 8.0),
        (plate(points, (-4.0, -3.0, 374.0), (43.0, 9.0, 413.0), 15.5, 13.5, (0.0, 0.0, 2.5)), 12.0),  # neck
        (ellipsoid(points, (46.0, 10.0, 416.0), (23.5, 23.5, 23.5)), 5.0),  # head
        (ellipsoid(points, (-21.0, -5.0, 390.0), (12.5, 17.0, 25.0)), 12.0),  # greater trochanter
        (ellipsoid(points, (-15.0, -13.0, 408.0), (8.0, 10.0, 9.0)), 8.0),
        (rod(points, (-14.0, -15.0, 398.0), (13.0, -15.0, 362.0), 7.0, 5.5), 8.0),  # crest between the trochanters
        (ellipsoid(points, (16.0, -14.0, 354.0), (8.0, 8.5, 11.0)), 8.0),  # lesser trochanter
        (swept(points, LINE), 5.0),
    ):
        out = blend(out, part, width)
    for part, width in (
        (plate(points, (0.0, -50.0, 4.0), (0.0, -15.0, 2.0), 10.5, 9.0, (0.0, 0.0, 24.0)), 6.0),  # between the condyles
        (rod(points, (-2.0, 39.0, 5.0), (-2.0, 36.0, 62.0), 9.0, 7.0), 10.0),  # groove of the patella
        (ellipsoid(points, (-4.0, -17.0, 413.0), (6.0, 7.0, 11.0)), 6.0),  # trochanteric fossa
    ):
        out = carve(out, part, width)
    return out
