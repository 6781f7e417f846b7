"""Lumbar vertebrae of mouse and human made from published lengths; meshes/README.md gives them.

Drawn in mm about the middle of the body: z runs from tail to head, x from left to right, y from the spinous process to the
front of the body. The canal is carved last, through everything that lies in its way, so that it is open and the surface has
one tunnel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marrow_niche.geometry.mesh import Surface
from marrow_niche.geometry.shapes import blend, carve, contour, ellipsoid, plate, rod, scaled_norm

MOUSE_LENGTH = 3_440.0
HUMAN_LENGTH = 88_000.0
"""Along the longest principal axis [um]."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """The body and the canal behind it [mm]."""

    width: float
    depth: float
    height: float
    waist: float
    """Narrowing halfway up, as a share of width and depth."""
    rim: float
    """Over which the edges of the end plates are rounded."""
    dish: float
    """How deep the end plates are hollow."""
    canal_width: float
    canal_depth: float

    @property
    def canal(self) -> float:
        """y of the middle of the canal."""
        return -0.5 * self.depth - 0.44 * self.canal_depth


MOUSE = Body(width=2.0, depth=1.35, height=3.1, waist=0.24, rim=0.22, dish=0.06, canal_width=1.3, canal_depth=0.95)
HUMAN = Body(width=45.0, depth=34.0, height=28.5, waist=0.12, rim=4.5, dish=1.5, canal_width=24.0, canal_depth=17.5)


def make_mouse_vertebra(length: float = MOUSE_LENGTH, body: Body = MOUSE) -> Surface:
    """A mouse's fourth lumbar vertebra, closed, in um, `length` along its longest principal axis [um]."""
    low, high = np.array([-1.9, -2.9, -2.3]), np.array([1.9, 1.0, 2.6])
    return contour(
        lambda p: _vertebra(p, body, _mouse_arch), low, high, pitch=0.06, length=length, name="mouse vertebra"
    )


def make_human_vertebra(length: float = HUMAN_LENGTH, body: Body = HUMAN) -> Surface:
    """A human third lumbar vertebra, closed, in um, `length` along its longest principal axis [um]."""
    low, high = np.array([-50.0, -76.0, -36.0]), np.array([50.0, 22.0, 32.0])
    return contour(
        lambda p: _vertebra(p, body, _human_arch), low, high, pitch=1.25, length=length, name="human vertebra"
    )


Arch = list[tuple[np.ndarray, float]]


def _vertebra(points: np.ndarray, body: Body, arch: Callable[[np.ndarray], Arch]) -> np.ndarray:
    out = _body(points, body)
    mirrored = points * np.array([-1.0, 1.0, 1.0])
    right = np.where(points[:, :1] < 0.0, mirrored, points)
    for part, width in arch(right):
        out = blend(out, part, width)
    return carve(out, _canal(points, body), 0.2 * body.canal_depth)


def _body(points: np.ndarray, body: Body) -> np.ndarray:
    """A column with a waist and hollow end plates."""
    x, y, z = points.T
    up = np.clip(2.0 * z / body.height, -1.0, 1.0)
    narrow = 1.0 - body.waist * (1.0 - up**2)
    half = 0.5 * np.stack([body.width * narrow, body.depth * narrow], axis=1)
    side = scaled_norm(np.stack([x, y], axis=1), half)
    radius = np.minimum((2.0 * x / body.width) ** 2 + (2.0 * y / body.depth) ** 2, 1.0)
    cap = np.abs(z) - 0.5 * body.height + body.dish * (1.0 - radius) ** 2
    return -blend(-side, -cap, body.rim)


def _canal(points: np.ndarray, body: Body) -> np.ndarray:
    half = np.array([[0.5 * body.canal_width, 0.5 * body.canal_depth]])
    return scaled_norm(points[:, :2] - np.array([0.0, body.canal]), np.broadcast_to(half, (len(points), 2)))


def _mouse_arch(p: np.ndarray) -> Arch:
    """Right half: the left is its mirror image."""
    return [
        (plate(p, (0.68, -0.45, 0.28), (0.78, -1.20, 0.20), 0.15, 0.14, (0.0, 0.0, 0.45)), 0.22),  # pedicle
        (plate(p, (0.80, -1.20, 0.05), (0.48, -1.60, -0.02), 0.14, 0.14, (0.0, 0.0, 0.62), 0.95), 0.22),  # lamina
        (plate(p, (0.48, -1.60, -0.02), (0.00, -1.80, -0.12), 0.14, 0.15, (0.0, 0.0, 0.59), 0.95), 0.22),
        (
            plate(p, (0.00, -1.78, -0.12), (0.00, -2.42, 0.15), 0.14, 0.11, (0.0, 0.0, 0.42), 0.45),
            0.25,
        ),  # spinous process
        (
            plate(p, (0.82, -1.25, 0.60), (0.98, -1.36, 1.60), 0.18, 0.15, (0.0, 0.18, 0.0), 0.5),
            0.28,
        ),  # cranial articular
        (rod(p, (0.95, -1.42, 1.00), (1.08, -1.62, 1.42), 0.15, 0.12), 0.20),  # mammillary process
        (
            plate(p, (0.60, -1.44, -0.45), (0.52, -1.46, -1.58), 0.15, 0.13, (0.14, 0.05, 0.0), 0.4),
            0.30,
        ),  # caudal articular
        (rod(p, (0.80, -1.05, -0.10), (0.97, -1.06, -0.75), 0.12, 0.08), 0.22),  # accessory process
        (
            plate(p, (0.70, -0.10, 0.55), (1.38, 0.25, 1.15), 0.11, 0.09, (0.0, 0.0, 0.26), 0.3),
            0.26,
        ),  # transverse process
    ]


def _human_arch(p: np.ndarray) -> Arch:
    """Right half: the left is its mirror image."""
    return [
        (plate(p, (15.5, -12.0, 5.5), (16.5, -27.0, 5.0), 4.6, 4.6, (0.0, 0.0, 2.6)), 5.0),  # pedicle
        (plate(p, (14.5, -30.0, -1.0), (0.0, -41.0, -7.0), 3.4, 3.6, (0.0, 0.0, 7.5)), 4.5),  # lamina
        (plate(p, (0.0, -41.0, -8.0), (0.0, -65.0, -10.0), 3.0, 3.8, (0.0, 0.0, 7.5), 0.75), 5.5),  # spinous process
        (
            plate(p, (16.0, -29.0, 4.0), (17.5, -32.5, 17.0), 4.0, 3.6, (1.5, 2.4, 0.0), 0.4),
            5.0,
        ),  # superior articular process
        (
            plate(p, (15.0, -33.0, 2.0), (13.0, -39.0, -21.0), 3.7, 3.5, (2.4, 1.2, 0.0), 0.4),
            5.0,
        ),  # to the inferior one
        (plate(p, (17.0, -27.0, 4.5), (43.0, -34.0, 6.5), 3.0, 2.3, (0.0, 0.0, 3.2), 0.3), 6.0),  # transverse process
        (ellipsoid(p, (21.5, -36.0, 12.5), (3.2, 3.8, 4.5)), 4.0),  # mammillary process
        (ellipsoid(p, (21.0, -31.0, -1.0), (2.6, 3.0, 3.4)), 4.0),  # accessory process
    ]
