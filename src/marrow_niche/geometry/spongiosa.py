"""Trabecular bone measured: BV/TV, Tb.Th and Tb.Sp at random points, the same whatever the voxel."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from marrow_niche.geometry.field import Field, Inset

POINTS = 60_000
"""Random points for BV/TV: right to 0.0015 by chance."""
SPHERES = 200
"""Points at each of which the widest sphere is sought."""
FINE = 9
"""Centres of spheres lie on a grid of so many nodes to the width that is expected."""
CLOSER = np.stack(np.meshgrid(*[np.arange(-3.0, 4.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
"""And around the best of them again, in quarters of its steps."""
ENDLESS = 1e6
"""A cortex so far away is none [um]."""

Axes = tuple[np.ndarray, ...]
"""Nodes x (nx,), y (ny,), z (nz,) of a grid [um]."""


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

    Notes
    -----
    Spheres in bone are those of the trabecular pattern, which goes on for a little into the cortex and behind the piece's
    faces: neither the cortex nor what lies behind a face is taken for a thick trabecula. Spheres in marrow end at the cortex.
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
        alone = replace(inset, cortical=Field(origin=low, spacing=1.0, values=np.full((2, 2, 2), ENDLESS)))
        solid = mean_width(lambda axes: -alone.on_grid(axes), bone[:SPHERES], thickness, pitch=pitch)
        found["trabecular_thickness_um"] = solid
        found["trabecular_spacing_um"] = mean_width(inset.on_grid, marrow[:SPHERES], spacing, pitch=pitch)
    return found


def mean_width(depth: Callable[[Axes], np.ndarray], points: np.ndarray, about: float, *, pitch: float) -> float:
    """Mean over points (m, 3) of the diameter of the widest sphere that holds each [um].

    Parameters
    ----------
    depth : callable
        Nodes x, y, z [um] to (nz, ny, nx): about the distance to the wall, positive where spheres are sought. Only where it
        changes its sign counts, and, to leave out hopeless centres, that it is right to 1.5 `pitch`.
    points : (m, 3) float64
        Where it is positive [um].
    about, pitch : float
        Centres lie within `about` of a point, on a grid of a ninth of it; and how far apart nodes of `depth` are [um].

    Notes
    -----
    A distance that is read between nodes is flat along the middle of a wall and beside an edge, by up to a pitch. So a sphere's
    radius is its centre's distance to the wall itself, given by where it crosses the lines of the grid.
    """
    return 2.0 * float(np.mean([_widest(depth, p, about, pitch) for p in points]))


def _widest(depth: Callable[[Axes], np.ndarray], point: np.ndarray, about: float, pitch: float) -> float:
    """Radius of the widest sphere around centres within `about` of `point` (3,) that holds it [um]."""
    step = about / FINE
    _, away, value = _around(depth, point, FINE, step)
    within = (value > 0.0) & (away <= about)
    unsure = 1.5 * pitch
    surely = float(value[within & (away <= value - unsure)].max(initial=0.0))
    at_most = float(value[within & (away <= value + unsure)].max(initial=0.0)) + unsure
    reach = min(int(np.ceil(at_most / step)), FINE)
    axes, away, value = _around(depth, point, reach + int(np.ceil(at_most / step)) + 1, step)
    able = (value > max(surely - unsure, 0.0)) & (away <= np.minimum(reach * step, value + unsure))
    z, y, x = np.nonzero(able)
    centre = np.stack([axes[0][x], axes[1][y], axes[2][z]], axis=1)
    wall = _crossings(value, axes)
    if not len(wall):
        return about
    tree = cKDTree(wall, balanced_tree=False, compact_nodes=False)
    radius, least = tree.query(centre)[0], float(tree.query(point)[0])
    holds = away[able] <= radius
    if not holds.any():
        return least
    best = centre[holds][int(np.argmax(radius[holds]))]
    closer = best + 0.25 * step * CLOSER  # a rod's axis lies between nodes: without this it is a tenth too thin
    finer = tree.query(closer)[0]
    return float(finer[np.linalg.norm(closer - point, axis=1) <= finer].max(initial=max(radius[holds].max(), least)))


def _around(
    depth: Callable[[Axes], np.ndarray], point: np.ndarray, number: int, step: float
) -> tuple[Axes, np.ndarray, np.ndarray]:
    """Nodes x, y, z around a point [um], `number` to each side, with how far away they are and `depth` there (n, n, n)."""
    side = step * np.arange(-number, number + 1)
    square = side * side
    away = np.sqrt(square[:, None, None] + square[:, None] + square)
    axes = (point[0] + side, point[1] + side, point[2] + side)
    return axes, away, depth(axes)


def _crossings(value: np.ndarray, axes: Axes) -> np.ndarray:
    """(k, 3) places on the lines of a grid x, y, z at which `value` (nz, ny, nx) changes its sign, read linearly [um]."""
    places = []
    for axis in range(3):
        along = np.moveaxis(value, 2 - axis, -1)
        low, high = along[..., :-1], along[..., 1:]
        at = np.nonzero((low > 0.0) != (high > 0.0))
        share = low[at] / (low[at] - high[at])
        others = [d for d in (2, 1, 0) if d != axis]
        place = np.empty((share.size, 3))
        place[:, axis] = axes[axis][at[2]] + share * (axes[axis][1] - axes[axis][0])
        for d, index in zip(others, at, strict=False):
            place[:, d] = axes[d][index]
        places.append(place)
    return np.concatenate(places)
