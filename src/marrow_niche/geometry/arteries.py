"""The arterial tree: shortest paths from cord to cord, from a root beside the vein to terminals near the endosteum."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import Delaunay, cKDTree

from marrow_niche.geometry.packing import WALL_GAP, Room, fine, in_bone, settled, thin
from marrow_niche.geometry.sets import distinct
from marrow_niche.kernels import graph

TERMINAL_DEPTH = 90.0
"""Terminal arterioles end within this distance of bone [um]."""
SPONGY_SPACING = 1.7
"""Along trabeculae they stand so many times farther apart than along the cortex; an estimate."""


def make_arteries(
    room: Room, seeds: np.ndarray, mesh: Delaunay, draws: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shortest paths over neighbouring cords from a root beside the vein to terminals near the endosteum.

    Radii follow Murray's law from the terminals up, as far as the artery's own. No path leads through bone.

    Parameters
    ----------
    room : Room
    seeds : (k, 3) float64
        Middles of the cords [um].
    mesh : scipy.spatial.Delaunay
        Of the seeds.
    draws : numpy.random.Generator

    Returns
    -------
    nodes, edges, radius : (m, 3), (e, 2), (e,)
        A tree [um], each edge from parent to child; empty where there is no room for one.

    References
    ----------
    Murray, The physiological principle of minimum work, PNAS 1926.
    """
    anatomy = room.anatomy
    nothing = np.empty((0, 3)), np.empty((0, 2), np.int64), np.empty(0)
    depth = room.inset.at(seeds)
    able = np.flatnonzero(depth > anatomy.arteriole_tip_radius + 2.0 * WALL_GAP)
    if able.size < 4:
        return nothing
    points, depth = seeds[able], depth[able]
    beside = _beside(room, points, depth)
    pairs, length = _ways(room, points, able, mesh, len(seeds))
    toll = 1.0 + np.minimum(beside / (3.0 * anatomy.sinusoid_spacing), 3.0)
    cost = length * 0.5 * (toll[pairs[:, 0]] + toll[pairs[:, 1]])
    web = csr_array(coo_array((cost, pairs.T), shape=(able.size,) * 2))
    _, part = connected_components(web, directed=False)
    root, gates = _entries(room, points, beside)
    rim = np.flatnonzero((depth < TERMINAL_DEPTH) & (part == part[root]))
    if rim.size == 0:
        return nothing
    rim = rim[draws.permutation(rim.size)]
    load = np.zeros(able.size)
    ends = points[rim]
    along = (room.inset.cortical.at(ends) < TERMINAL_DEPTH) & room.bone.has_cortex
    ends = np.concatenate(
        [
            thin(ends[along], anatomy.arteriole_spacing),
            thin(ends[~along], SPONGY_SPACING * anatomy.arteriole_spacing),
        ]
    )
    tips = distinct(cKDTree(points).query(ends)[1])
    load[tips] = 1.0
    for gate, share in gates:
        load[gate] += share * tips.size
    cost_to, before = dijkstra(web, directed=False, indices=root, return_predecessors=True)
    graph.carry_down(np.argsort(-cost_to, kind="stable"), before.astype(np.int64), load)
    child = np.flatnonzero((load > 0.0) & (before >= 0))
    radius = anatomy.arteriole_tip_radius * np.maximum(load[child], 1.0) ** (1.0 / 3.0)
    edges = np.stack([before[child], child], axis=1)
    used, edges = np.unique(edges, return_inverse=True)
    edges = edges.reshape(-1, 2)
    return _smooth(room, points[used], edges), edges, np.minimum(radius, anatomy.artery_radius)


def _ways(
    room: Room, points: np.ndarray, able: np.ndarray, mesh: Delaunay, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring cords (p, 2) between which an artery can run, and how far apart they are (p,) [um]."""
    compact = np.full(number, -1)
    compact[able] = np.arange(able.size)
    pairs = compact[_pairs(mesh.simplices, number)]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    inside = (length < 2.2 * room.anatomy.sinusoid_spacing) & (room.inset.at(points[pairs].mean(axis=1)) > 0.0)
    pairs, length = pairs[inside], length[inside]
    clear = ~in_bone(room.inset, points[pairs[:, 0]], points[pairs[:, 1]])
    return pairs[clear], length[clear]


def _beside(room: Room, points: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """How far each point lies from where an artery likes to run (m,) [um]: beside the vein, or deep where there is none."""
    if len(room.track) < 2:
        return depth.max() - depth
    anatomy = room.anatomy
    offset = 1.5 * anatomy.vein_radius + anatomy.sinusoid_spacing
    away = cKDTree(fine(room.track, 10.0)).query(points)[0]
    return np.where(away < anatomy.vein_radius + anatomy.sinusoid_radius, 10.0 * offset, np.abs(away - offset))


def _pairs(simplices: np.ndarray, number: int) -> np.ndarray:
    """Each two of `number` points that share a tetrahedron (t, 4), once: (k, 2) in ascending order."""
    key = np.empty(0, np.int64)
    for i in range(4):
        for j in range(i + 1, 4):
            one, other = simplices[:, i].astype(np.int64), simplices[:, j]
            key = distinct(np.concatenate([key, np.minimum(one, other) * number + np.maximum(one, other)]))
    return np.stack(np.divmod(key, number), axis=1)


def _entries(room: Room, points: np.ndarray, beside: np.ndarray) -> tuple[int, list[tuple[int, float]]]:
    """Where the artery enters the piece, and where it leaves to feed the rest of the bone.

    The nutrient artery enters half-way along the bone; a piece that does not reach there is fed through its nearer end.
    What lies beyond the other ends is fed through the piece: each exit comes with the marrow beyond it, as a share of the
    marrow in the piece.
    """
    bone = room.bone
    along = points[:, bone.axis]
    first, last = room.low[bone.axis], room.high[bone.axis]
    middle = 0.5 * (bone.low + bone.high)[bone.axis]
    place = float(np.clip(middle, first, last))
    root = int(np.argmin(np.abs(along - place) + 2.0 * beside))
    inside = bone.marrow_between(first, last)
    exits = []
    for end, beyond in ((first, bone.marrow_between(-np.inf, first)), (last, bone.marrow_between(last, np.inf))):
        if end != place and beyond > 0.01 * inside > 0.0:
            exits.append((int(np.argmin(np.abs(along - end) + 2.0 * beside)), beyond / inside))
    return root, exits


def _smooth(room: Room, nodes: np.ndarray, edges: np.ndarray, rounds: int = 2) -> np.ndarray:
    """Straighten a zigzag: nodes of two edges move half-way to the mean of their neighbours, unless that leads into bone."""
    straight = np.bincount(edges.reshape(-1), minlength=len(nodes)) == 2
    moved = nodes
    for _ in range(rounds):
        total = np.zeros_like(nodes)
        for d in range(3):
            total[:, d] = np.bincount(edges[:, 0], moved[edges[:, 1], d], len(nodes)) + np.bincount(
                edges[:, 1], moved[edges[:, 0], d], len(nodes)
            )
        moved = np.where(straight[:, None], 0.5 * moved + 0.25 * total, moved)
    return settled(room.inset, nodes, moved, edges)
