"""Vessels of type H: columns along the bone beside its growth plates, where sinusoids make room for them.

Their flow goes on into the plexus, which they are joined to.

References
----------
Kusumbe, Ramasamy, Adams, Coupling of angiogenesis and osteogenesis by a specific vessel subtype in bone, Nature 2014.
"""

import numpy as np
from scipy.spatial import cKDTree

from marrow_niche.geometry.packing import WALL_GAP, Room, fine, in_bone, thin
from marrow_niche.geometry.sets import distinct, without

WIDE = 7e4
"""The cavity ends where its cross-section falls below this [um^2], a circle 300 um across."""
SHARE = 0.25
"""Columns reach over no more than this share of the cavity from each end."""
RISE = 25.0
"""Nodes of a column are so far apart [um]."""
BRIDGE = 150.0
"""A column is joined to a neighbour about once in this length [um]."""
BESIDE = 1.8
"""Columns are neighbours within so many spacings."""


def reaches(room: Room) -> list[tuple[float, float]]:
    """Where along the bone's axis columns stand, from and to [um]: at both ends of a long bone's cavity."""
    bone, reach = room.bone, room.anatomy.type_h_reach
    wide = bone.station[bone.area > WIDE]
    if reach <= 0.0 or not bone.has_shaft or wide.size < 2:
        return []
    first, last = float(wide[0]), float(wide[-1])
    reach = min(reach, SHARE * (last - first))
    low, high = room.low[bone.axis], room.high[bone.axis]
    ends = (-np.inf, first + reach), (last - reach, np.inf)
    return [(start, stop) for start, stop in ends if start < high and stop > low]


def add_columns(
    room: Room, nodes: np.ndarray, edges: np.ndarray, draws: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plexus with columns in the place of what lay where they stand.

    Parameters
    ----------
    room : Room
    nodes, edges : (m, 3) float64, (e, 2) int64
        The plexus [um].
    draws : numpy.random.Generator
        Of which nothing is drawn where no columns stand.

    Returns
    -------
    nodes, edges, columnar : (m + k, 3), (e + f, 2), (m + k,) bool
        The last k nodes are those of columns; dead ends are left in.
    """
    columnar = np.zeros(len(nodes), bool)
    for start, stop in reaches(room):
        along = nodes[:, room.bone.axis]
        there = (along > start) & (along < stop) & ~columnar
        edges = edges[~there[edges].all(axis=1)]
        place, links = _columns(room, start, stop, draws)
        if len(place) == 0:
            continue
        cut = distinct(edges[there[edges]])
        open_ends = _open_ends(room, place, links, start, stop)
        outside = without(edges, cut)
        up = _joints(room, place, open_ends, nodes, outside)[:, ::-1]
        down = _joints(room, nodes, cut, place, np.arange(len(place)))
        joints = np.concatenate([up, down]) + np.array([0, len(nodes)])
        edges = np.concatenate([edges, links + len(nodes), joints])
        nodes = np.concatenate([nodes, place])
        columnar = np.concatenate([columnar, np.ones(len(place), bool)])
    return nodes, edges, columnar


def _columns(room: Room, start: float, stop: float, draws: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (k, 3) of columns and bridges between two positions along the axis, and their edges (f, 2)."""
    axis, spacing = room.bone.axis, room.anatomy.type_h_spacing
    low, high = room.low.copy(), room.high.copy()
    low[axis], high[axis] = max(low[axis], start), min(high[axis], stop)
    flat_low, flat_high = low.copy(), high.copy()
    flat_low[axis] = flat_high[axis] = 0.0
    tries = int(80.0 * np.prod(np.delete(high - low, axis)) / spacing**2) + 100
    foot = thin(flat_low + (flat_high - flat_low) * draws.random((tries, 3)), spacing)
    levels = np.arange(low[axis] + 0.5 * RISE, high[axis], RISE)
    place = np.repeat(foot, len(levels), axis=0)
    place[:, axis] = np.tile(levels, len(foot))
    able = _able(room, place)
    number = np.where(able, np.cumsum(able) - 1, -1).reshape(len(foot), len(levels))
    place = place[able]
    up = np.stack([number[:, :-1], number[:, 1:]], axis=-1).reshape(-1, 2)
    edges = np.concatenate([_clear(room, place, up), _bridges(room, place, number, foot, draws)])
    return place, np.concatenate([edges, _arches(room, place, edges)])


def _able(room: Room, place: np.ndarray) -> np.ndarray:
    """Where a node can stand (k,): in the marrow, outside the central vein."""
    radius = room.anatomy.type_h_radius
    able = room.inset.at(place) > radius + WALL_GAP
    if len(room.track) > 1:
        able &= cKDTree(fine(room.track, 10.0)).query(place)[0] > room.anatomy.vein_radius + radius
    return able


def _clear(room: Room, place: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Those edges whose ends both are, and that run in no bone."""
    edges = edges[(edges >= 0).all(axis=1)]
    return edges[~in_bone(room.inset, place[edges[:, 0]], place[edges[:, 1]])]


def _bridges(
    room: Room, place: np.ndarray, number: np.ndarray, foot: np.ndarray, draws: np.random.Generator
) -> np.ndarray:
    """Edges across, between neighbouring columns; a column has one every `BRIDGE` on average."""
    pairs = cKDTree(foot).query_pairs(BESIDE * room.anatomy.type_h_spacing, output_type="ndarray")
    if len(pairs) == 0:
        return np.empty((0, 2), np.int64)
    each = 2.0 * len(pairs) / len(foot)
    chosen = draws.random((len(pairs), number.shape[1])) < RISE / BRIDGE / each
    pair, level = np.nonzero(chosen)
    return _clear(room, place, np.stack([number[pairs[pair, 0], level], number[pairs[pair, 1], level]], axis=1))


def _arches(room: Room, place: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """From each end of a column to the nearest node of another, as at the front of the growth plate."""
    degree = np.bincount(edges.reshape(-1), minlength=len(place))
    loose = np.flatnonzero(degree == 1)
    axis = room.bone.axis
    flat = np.delete(place, axis, axis=1)
    near = cKDTree(place).query_ball_point(place[loose], BESIDE * room.anatomy.type_h_spacing)
    arches = []
    for node, around in zip(loose, near, strict=True):
        others = np.array([k for k in around if degree[k] > 0 and (flat[k] != flat[node]).any()], np.int64)
        ways = np.stack([np.full(len(others), node), others], axis=1)
        order = np.argsort(np.linalg.norm(place[others] - place[node], axis=1), kind="stable")
        arches.append(_clear(room, place, ways[order][:3])[:1])
    return np.concatenate([np.empty((0, 2), np.int64), *arches])


def _open_ends(room: Room, place: np.ndarray, links: np.ndarray, start: float, stop: float) -> np.ndarray:
    """The nodes of columns nearest to where these give way to the plexus."""
    along = place[:, room.bone.axis]
    used = distinct(links)
    border = np.minimum(along - start, stop - along)
    return used[border[used] < RISE]


def _joints(room: Room, place: np.ndarray, ends: np.ndarray, others: np.ndarray, able: np.ndarray) -> np.ndarray:
    """From each of some nodes (`ends` of `place`) to the nearest of `others` that are able, if near and clear of bone."""
    if len(ends) == 0 or len(able) == 0:
        return np.empty((0, 2), np.int64)
    away, nearest = cKDTree(others[able]).query(place[ends], distance_upper_bound=1.5 * room.anatomy.sinusoid_spacing)
    found = np.isfinite(away)
    joints = np.stack([ends[found], able[nearest[found]]], axis=1)
    return joints[~in_bone(room.inset, place[joints[:, 0]], others[joints[:, 1]])]
