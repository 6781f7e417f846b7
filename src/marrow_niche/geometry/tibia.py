"""A mouse tibia made from published lengths; meshes/README.md gives them.

A left tibia without its fibula, drawn in mm: z runs along the shaft from the ankle (0) to the knee, x is lateral to medial, y
back to front. Three ridges (the crest in front, one on either side behind) make its upper part triangular; below the middle,
where the fibula joins, they have run out and the shaft is elliptical.
"""

import numpy as np

from marrow_niche.geometry.mesh import Surface
from marrow_niche.geometry.shapes import blend, carve, contour, ellipsoid, rod, swept

LENGTH = 17_500.0
"""Along the longest principal axis [um]."""
PITCH = 0.1
"""[mm]."""
SHAFT = np.array(
    # z, centre x, centre y, half-width x, half-width y [mm]
    [
        [1.0, 0.00, -0.10, 0.74, 0.62],
        [2.0, 0.00, -0.02, 0.62, 0.55],
        [3.4, -0.03, 0.10, 0.53, 0.49],
        [5.2, -0.08, 0.28, 0.50, 0.47],
        [7.0, -0.10, 0.40, 0.51, 0.47],
        [9.0, -0.06, 0.45, 0.55, 0.50],
        [11.0, 0.02, 0.38, 0.62, 0.53],
        [13.0, 0.06, 0.18, 0.76, 0.62],
        [14.5, 0.04, -0.02, 0.98, 0.78],
        [15.4, 0.00, -0.18, 1.18, 0.95],
        [15.9, 0.00, -0.22, 1.30, 1.00],
    ]
)
CREST = np.array(
    [
        [6.8, -0.10, 0.40, 0.04, 0.04],
        [10.0, -0.08, 0.95, 0.17, 0.30],
        [12.0, -0.10, 1.10, 0.20, 0.42],
        [13.6, -0.12, 1.08, 0.23, 0.46],
        [15.0, -0.10, 0.98, 0.32, 0.46],
        [16.2, -0.05, 0.72, 0.42, 0.45],
    ]
)
LATERAL = np.array(
    [
        [7.0, 0.00, 0.40, 0.04, 0.04],
        [10.0, -0.40, 0.15, 0.13, 0.15],
        [11.5, -0.50, -0.05, 0.20, 0.22],
        [13.5, -0.72, -0.36, 0.26, 0.27],
        [15.5, -1.00, -0.62, 0.34, 0.34],
        [16.6, -1.00, -0.50, 0.40, 0.40],
    ]
)
MEDIAL = LATERAL * np.array([1.0, -1.0, 1.0, 1.0, 1.0])


def make_mouse_tibia(length: float = LENGTH) -> Surface:
    """A mouse tibia's closed surface in um, `length` long along its longest principal axis [um]."""
    low, high = np.array([-2.0, -1.9, -0.4]), np.array([2.0, 2.0, 18.1])
    return contour(_solid, low, high, pitch=PITCH, length=length, name="mouse tibia")


def _solid(points: np.ndarray) -> np.ndarray:
    out = swept(points, SHAFT)
    for part, width in (
        (swept(points, CREST), 0.45),
        (swept(points, LATERAL), 0.50),
        (swept(points, MEDIAL), 0.50),
        (ellipsoid(points, (-0.76, -0.32, 16.62), (0.80, 1.02, 0.62)), 0.30),  # lateral condyle
        (ellipsoid(points, (0.76, -0.34, 16.66), (0.80, 1.08, 0.62)), 0.30),  # medial condyle
        (ellipsoid(points, (0.00, 0.45, 16.45), (0.80, 0.60, 0.55)), 0.30),  # front of the plateau
        (ellipsoid(points, (-0.08, 1.00, 15.60), (0.40, 0.48, 0.75)), 0.30),  # tuberosity
        (rod(points, (-0.17, -0.25, 17.08), (-0.13, -0.15, 17.28), 0.14, 0.09), 0.15),  # the two eminences
        (rod(points, (0.17, -0.25, 17.08), (0.13, -0.15, 17.30), 0.14, 0.09), 0.15),
        (ellipsoid(points, (-0.02, -0.05, 0.72), (0.92, 0.70, 0.52)), 0.30),  # lower end
        (ellipsoid(points, (0.66, 0.05, 0.40), (0.24, 0.42, 0.62)), 0.18),  # medial malleolus
        (ellipsoid(points, (-0.05, -0.52, 0.50), (0.40, 0.26, 0.55)), 0.20),  # posterior lip
        (ellipsoid(points, (-0.40, -0.06, 5.40), (0.13, 0.18, 2.20)), 0.35),  # where the fibula is fused
    ):
        out = blend(out, part, width)
    for part, width in (
        (rod(points, (-0.44, -0.9, -0.02), (-0.44, 0.9, 0.02), 0.26, 0.26), 0.20),  # grooves of the talus
        (rod(points, (0.22, -0.9, -0.02), (0.22, 0.9, 0.02), 0.26, 0.26), 0.20),
        (rod(points, (0.0, -1.65, 15.3), (0.0, -1.55, 17.2), 0.45, 0.45), 0.20),  # popliteal notch
    ):
        out = carve(out, part, width)
    return out
