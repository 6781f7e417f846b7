"""The sinusoid plexus: vessels along the Voronoi edges of the cords, merged, pruned, dilated and bent."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from marrow_niche.geometry.columns import add_columns
from marrow_niche.geometry.packing import WALL_GAP, Room, fine, in_bone, pull_in, settled, wander
from marrow_niche.geometry.radial import radial_share
from marrow_niche.kernels import graph


def make_plexus(
    room: Room, seeds: np.ndarray, mesh: Delaunay, draws: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sinusoids along the Voronoi edges of the cords, merged, pruned, dilated and bent.

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
    nodes, edges, radius, type_h : (m, 3) float64, (e, 2) int64, (e,) float64, (e,) bool
        [um]; empty where there is no room for a plexus.
    """
    anatomy, inset, spacing = room.anatomy, room.inset, room.anatomy.sinusoid_spacing
    floor = anatomy.sinusoid_radius + WALL_GAP
    nodes, edges = _around(room, seeds, mesh)
    order = _order(room, nodes, edges, draws)
    edges = edges[graph.prune(edges, order, _inner(room, nodes), anatomy.sinusoid_degree)]
    nodes, edges, columnar = add_columns(room, *largest_part(nodes, edges), draws)
    if columnar.any():
        used, edges = largest_part(np.arange(len(nodes)), without_leaves(edges, len(nodes)))
        nodes, columnar = nodes[used], columnar[used]
    type_h = columnar[edges].any(axis=1)
    if len(edges) == 0:
        return nodes, edges, np.empty(0), type_h
    width = np.where(type_h, anatomy.type_h_radius, anatomy.sinusoid_radius)
    spread = draws.standard_normal(len(edges))
    spread[type_h] = _one_a_column(room, nodes[edges[type_h, 0]], spread[type_h])
    width = width * np.exp(anatomy.sinusoid_radius_spread * spread)
    nodes, edges, old = _halve(nodes, edges, longer_than=0.8 * spacing)
    width, type_h = width[old], type_h[old]
    bent = nodes + wander(nodes, amplitude=anatomy.sinusoid_tortuosity, wavelength=2.0 * spacing, draws=draws)
    bent = pull_in(bent, inset.at(bent) < floor, inset, floor)
    return settled(inset, nodes, bent, edges), edges, width, type_h


def _around(room: Room, seeds: np.ndarray, mesh: Delaunay) -> tuple[np.ndarray, np.ndarray]:
    """All Voronoi edges (e, 2) of the cords in the marrow, without short ones, dead ends and what the vein swallows."""
    anatomy, inset, spacing = room.anatomy, room.inset, room.anatomy.sinusoid_spacing
    floor = anatomy.sinusoid_radius + WALL_GAP
    nodes = _circumcentres(seeds, mesh.simplices)
    first = np.repeat(np.arange(len(nodes)), 4)
    second = mesh.neighbors.reshape(-1)
    edges = np.stack([first, second], axis=1)[second > first]
    depth = inset.at(nodes)
    sound = np.isfinite(nodes).all(axis=1) & (depth > -0.5 * spacing)
    sound &= np.linalg.norm(nodes - seeds[mesh.simplices[:, 0]], axis=1) < 1.5 * spacing
    nodes = pull_in(nodes, sound & (depth < floor), inset, floor)
    sound &= inset.at(nodes) > 0.5 * floor
    nodes, edges = _merge_short(nodes, edges[sound[edges].all(axis=1)], 0.25 * spacing)
    edges = edges[inset.at(nodes[edges].mean(axis=1)) > 0.5 * floor]
    edges = edges[~in_bone(inset, nodes[edges[:, 0]], nodes[edges[:, 1]])]
    if len(room.track) > 1:
        away = cKDTree(fine(room.track, 10.0)).query(nodes)[0]
        edges = edges[~(away < anatomy.vein_radius - anatomy.sinusoid_radius)[edges].all(axis=1)]
    return nodes, without_leaves(edges, len(nodes))


def _one_a_column(room: Room, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each edge, given by one of its nodes (k, 3), the first of the values (k,) in its column, which stands upright."""
    if len(values) == 0:
        return values
    _, first, column = np.unique(
        np.delete(nodes, room.bone.axis, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return values[first[column.reshape(-1)]]


def _order(room: Room, nodes: np.ndarray, edges: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The order in which edges are tried for removal: at random; with a preference for radial ones, these later."""
    order = draws.permutation(len(edges))
    favour = room.anatomy.sinusoid_radial - 1.0
    if favour == 0.0 or len(room.track) < 2:
        return order
    rank = np.empty(len(edges))
    rank[order] = (np.arange(len(edges)) + 0.5) / len(edges)
    return np.argsort(rank + favour * radial_share(nodes, edges, room.track), kind="stable")


def _inner(room: Room, nodes: np.ndarray) -> np.ndarray:
    """Nodes (m,) over which the mean degree is taken: where the piece was cut the graph has lost edges already."""
    margin = 2.0 * room.anatomy.sinusoid_spacing
    inner = np.asarray(((nodes > room.low + margin) & (nodes < room.high - margin)).all(axis=1))
    return inner if np.count_nonzero(inner) >= 0.05 * len(nodes) else np.ones(len(nodes), bool)


def _circumcentres(points: np.ndarray, simplices: np.ndarray) -> np.ndarray:
    """Centre of the sphere through the corners of each tetrahedron (t, 3); not finite where it is flat."""
    corner = points[simplices[:, 0]]
    a, b, c = (points[simplices[:, i]] - corner for i in (1, 2, 3))
    bc, ca, ab = np.cross(b, c), np.cross(c, a), np.cross(a, b)
    norm = [np.einsum("ti,ti->t", v, v)[:, None] for v in (a, b, c)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return corner + (norm[0] * bc + norm[1] * ca + norm[2] * ab) / (2.0 * np.einsum("ti,ti->t", a, bc)[:, None])


def _merge_short(nodes: np.ndarray, edges: np.ndarray, shorter_than: float) -> tuple[np.ndarray, np.ndarray]:
    """Join the ends of short edges at their mean, shortest first, but never into a clump wider than twice that."""
    length = np.linalg.norm(nodes[edges[:, 0]] - nodes[edges[:, 1]], axis=1)
    short = edges[length < shorter_than][np.argsort(length[length < shorter_than], kind="stable")]
    group = graph.clump(nodes, short, 2.0 * shorter_than)
    _, group = np.unique(group, return_inverse=True)
    count = np.bincount(group)
    nodes = np.stack([np.bincount(group, nodes[:, d]) for d in range(3)], axis=1) / count[:, None]
    edges = np.sort(group[edges], axis=1)
    return nodes, np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)


def without_leaves(edges: np.ndarray, number: int) -> np.ndarray:
    """Drop edges that end nowhere until none does."""
    while len(edges):
        degree = np.bincount(edges.reshape(-1), minlength=number)
        kept = (degree[edges] > 1).all(axis=1)
        if kept.all():
            break
        edges = edges[kept]
    return edges


def largest_part(nodes: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out parts of the graph with fewer than 1 % of the edges, and nodes without edges."""
    if len(edges) == 0:
        return nodes[:0], edges
    _, part = connected_components(coo_array((np.ones(len(edges)), edges.T), shape=(len(nodes),) * 2), directed=False)
    size = np.bincount(part[edges[:, 0]], minlength=part.max() + 1)
    edges = edges[size[part[edges[:, 0]]] >= 0.01 * len(edges)]
    used, edges = np.unique(edges, return_inverse=True)
    return nodes[used], edges.reshape(-1, 2)


def _halve(nodes: np.ndarray, edges: np.ndarray, *, longer_than: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put a node in the middle of long edges, so that they can bend; also which edge each one comes from."""
    long = np.flatnonzero(np.linalg.norm(nodes[edges[:, 0]] - nodes[edges[:, 1]], axis=1) > longer_than)
    middle = len(nodes) + np.arange(long.size)
    second = np.stack([middle, edges[long, 1]], axis=1)
    first = edges.copy()
    first[long, 1] = middle
    nodes = np.concatenate([nodes, nodes[edges[long]].mean(axis=1)])
    return nodes, np.concatenate([first, second]), np.concatenate([np.arange(len(edges)), long])
