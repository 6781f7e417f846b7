"""Away from the central vein: the direction in which sinusoids of a shaft run."""

import numpy as np
from scipy.spatial import cKDTree

from marrow_niche.geometry.packing import fine

FADE = 300.0
"""Beyond the vein's ends the direction loses its say over this length [um]."""


def outward(points: np.ndarray, track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the vein's axis straight to each point, and how far the point lies beyond an end of the axis.

    Parameters
    ----------
    points, track : (m, 3), (k, 3) float64
        [um]; k at least 2.

    Returns
    -------
    direction : (m, 3) float64
        Unit vectors across the axis; zero on it.
    beyond : (m,) float64
        Along the axis [um]; zero alongside.
    """
    axis = fine(track, 10.0)
    tangent = np.gradient(axis, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    nearest = cKDTree(axis).query(points)[1]
    offset, along = points - axis[nearest], tangent[nearest]
    ahead = np.einsum("md,md->m", offset, along)
    across = offset - ahead[:, None] * along
    size = np.linalg.norm(across, axis=1)
    direction = np.where(size[:, None] > 1e-9, across / np.maximum(size, 1e-9)[:, None], 0.0)
    beyond = np.where(nearest == 0, -ahead, np.where(nearest == len(axis) - 1, ahead, 0.0))
    return direction, np.maximum(beyond, 0.0)


def radial_share(nodes: np.ndarray, edges: np.ndarray, track: np.ndarray) -> np.ndarray:
    """How radial each edge is (e,): |cos| of its angle with the straight way from the vein's axis, less beyond the vein's ends.

    Zero everywhere where there is no vein.
    """
    if len(track) < 2 or len(edges) == 0:
        return np.zeros(len(edges))
    a, b = nodes[edges[:, 0]], nodes[edges[:, 1]]
    direction, beyond = outward(0.5 * (a + b), track)
    along = np.abs(np.einsum("ed,ed->e", b - a, direction)) / np.maximum(np.linalg.norm(b - a, axis=1), 1e-9)
    return along * np.clip(1.0 - beyond / FADE, 0.0, 1.0)
