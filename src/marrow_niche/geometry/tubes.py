"""Exact distances of points anywhere to tubes, without a lattice."""

import numpy as np
from scipy.spatial import cKDTree

PIECE = 30.0
"""Longer segments are searched in pieces of at most this length [um]."""


def tube_distance(points: np.ndarray, a: np.ndarray, b: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance of each point to the nearest of some tubes [um], exact; negative inside, infinite without tubes.

    A tube is all that lies within `radius` of its segment. No tube is nearer to a point than its middle is, less its
    half-length and radius; so the distance to any one tube bounds how far away the nearest one's middle can be.

    Parameters
    ----------
    points : (m, 3)
        [um].
    a, b : (e, 3)
        Ends of the axes [um].
    radius : (e,)
        [um].
    """
    nearest = np.full(len(points), np.inf)
    if not len(points) or not len(a):
        return nearest
    a, b, radius = _pieces(np.asarray(a, float), np.asarray(b, float), np.asarray(radius, float))
    middle = 0.5 * (a + b)
    reach = float((0.5 * np.linalg.norm(b - a, axis=1) + radius).max())
    tree = cKDTree(middle)
    _, guess = tree.query(points)
    bound = _capsule(points, a[guess], b[guess], radius[guess])
    for part in np.array_split(np.arange(len(points)), max(1, len(points) // 5000)):
        lists = tree.query_ball_point(points[part], bound[part] + reach + 1e-6)
        number = np.fromiter((len(found) for found in lists), int, len(lists))
        tube = np.concatenate([np.asarray(found, np.int64) for found in lists])
        point = np.repeat(part, number)
        np.minimum.at(nearest, point, _capsule(points[point], a[tube], b[tube], radius[tube]))
    return nearest


def _capsule(p: np.ndarray, a: np.ndarray, b: np.ndarray, radius: np.ndarray) -> np.ndarray:
    along, to = b - a, p - a
    length = np.einsum("ij,ij->i", along, along)
    t = np.clip(np.einsum("ij,ij->i", to, along) / np.where(length > 0, length, 1.0), 0.0, 1.0)
    return np.linalg.norm(to - t[:, None] * along, axis=1) - radius


def _pieces(a: np.ndarray, b: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same tubes, none of them longer than `PIECE`."""
    number = np.maximum(np.ceil(np.linalg.norm(b - a, axis=1) / PIECE).astype(int), 1)
    which = np.repeat(np.arange(len(a)), number)
    place = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
    step = ((b - a) / number[:, None])[which]
    low = a[which] + place[:, None] * step
    return low, low + step, radius[which]
