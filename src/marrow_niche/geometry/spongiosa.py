"""Trabecular bone measured: BV/TV, Tb.Th and Tb.Sp at random points, the same whatever the voxel."""

from collections.abc import Callable

import numpy as np

from marrow_niche.geometry.field import Inset

POINTS = 60_000
"""Random points for BV/TV: right to 0.0015 by chance."""
SPHERES = 200
"""Points at each of which the widest sphere is sought."""
FLATTENED = 0.48
"""Widths read between nodes fall short by this share of the pitch: measured on plates of any tilt, 0.4 to 0.6."""


def measure_spongiosa(
    inset: Inset,
    developed: Callable[[np.ndarray], np.ndarray],
    low: np.ndarray,
    high: np.ndarray,
    *,
    thickness: float,
    spacing: float,
    draws: np.random.Generator,
) -> dict[str, float]:
    """Bone volume fraction, thickness and separation of trabeculae where they are fully developed.

    Parameters
    ----------
    inset : Inset
    developed : callable
        Points (m, 3) to (m,) bool: where trabeculae are fully developed.
    low, high : (3,) float64
        Corners of the piece [um].
    thickness, spacing : float
        About what is expected [um]; spheres up to twice as wide are found.
    draws : numpy.random.Generator

    Returns
    -------
    dict
        "trabecular_fraction", "trabecular_thickness_um" and "trabecular_spacing_um"; empty where the piece has none.

    References
    ----------
    Hildebrand, Ruegsegger, A new method for the model-independent assessment of thickness, J Microsc 1997: at a point the
    thickness is the diameter of the widest sphere within that holds it; means are over the volume.
    """
    points = low + (high - low) * draws.random((POINTS, 3))
    for _ in range(30):
        kept = developed(points) & (inset.cortical.at(points) > 0.0)
        if np.count_nonzero(kept) >= 0.5 * POINTS or not kept.any():
            break
        more = points[kept]
        fresh = low + (high - low) * draws.random((POINTS, 3))
        fresh = fresh[developed(fresh) & (inset.cortical.at(fresh) > 0.0)]
        points = np.concatenate([more, fresh])
    points = points[developed(points) & (inset.cortical.at(points) > 0.0)]
    if not len(points):
        return {}
    away = inset.at(points)
    bone, marrow = points[away < 0.0], points[away > 0.0]
    found = {"trabecular_fraction": float(len(bone) / len(points))}
    if len(bone) and len(marrow):
        pitch = inset.trabecular[0].spacing
        solid = mean_width(lambda p: -inset.at(p), bone[:SPHERES], thickness, pitch=pitch)
        found["trabecular_thickness_um"] = solid
        found["trabecular_spacing_um"] = mean_width(inset.at, marrow[:SPHERES], spacing, pitch=pitch)
    return found


def mean_width(
    depth: Callable[[np.ndarray], np.ndarray], points: np.ndarray, about: float, *, pitch: float
) -> float:
    """Mean over points (m, 3) of the widest sphere that holds each, among centres on a grid of a ninth of `about` [um].

    `depth` gives the distance to the wall at points, read between nodes `pitch` apart [um]; reading between them flattens
    the middle of a wall, for which `FLATTENED` makes up.
    """
    side = np.arange(-9, 10) * (about / 9.0)
    grid = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    reach = np.linalg.norm(grid, axis=1)
    grid, reach = grid[reach <= about], reach[reach <= about]
    widest = [float(radius[reach <= radius].max(initial=0.0)) for radius in (depth(p + grid) for p in points)]
    return 2.0 * float(np.mean(widest)) + FLATTENED * pitch
