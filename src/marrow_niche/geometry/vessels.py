"""Blood vessels as a graph of tubes: the sinusoid plexus, the central vein and the arterial tree.

Sinusoids run along the Voronoi edges of randomly packed points: the points become the centres of the cords in which blood is
made, and the vessels surround them. Arterioles run from cord to cord.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import Delaunay, QhullError, cKDTree

from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import Bone, Field
from marrow_niche.kernels import graph, raster

SINUSOID, ARTERIOLE, VEIN = 0, 1, 2
"""Kinds of vessel."""
WALL_GAP = 2.0
"""A vessel's wall keeps this far from the endosteum [um]."""
TERMINAL_DEPTH = 90.0
"""Terminal arterioles end within this distance of the endosteum [um]."""


@dataclass(frozen=True, kw_only=True)
class Vessels:
    """A graph whose edges are tubes."""

    nodes: np.ndarray
    """(m, 3) x, y, z [um]."""
    edges: np.ndarray
    """(e, 2) int32."""
    radius: np.ndarray
    """(e,) [um]."""
    kind: np.ndarray
    """(e,) uint8: SINUSOID, ARTERIOLE or VEIN."""

    @property
    def a(self) -> np.ndarray:
        """(e, 3) first end of each tube [um]."""
        return self.nodes[self.edges[:, 0]]

    @property
    def b(self) -> np.ndarray:
        """(e, 3) other end [um]."""
        return self.nodes[self.edges[:, 1]]

    @property
    def length(self) -> np.ndarray:
        """(e,) [um]."""
        return np.linalg.norm(self.b - self.a, axis=1)


def make_vessels(
    bone: Bone,
    inset: Field,
    anatomy: Anatomy,
    *,
    low: np.ndarray,
    high: np.ndarray,
    place: np.random.Generator,
    shape: np.random.Generator,
) -> Vessels:
    """All vessels of the marrow between two corners.

    Parameters
    ----------
    bone : Bone
    inset : Field
        Signed distance to the endosteum, positive in marrow, over the box and a little more [um].
    anatomy : Anatomy
    low, high : (3,) float64
        Corners of the box [um].
    place, shape : numpy.random.Generator
        Where cords lie; how vessels are pruned, bent and dilated.
    """
    seeds = _pack(inset, anatomy.sinusoid_spacing, low, high, edge=-0.6 * anatomy.sinusoid_spacing, draws=place)
    if len(seeds) < 12:
        return _join([])
    try:
        mesh = Delaunay(seeds)
    except QhullError:
        return _join([])
    track = vein_track(bone, inset, anatomy, low, high)
    vein = _tube(track, anatomy.vein_radius, VEIN)
    plexus = _plexus(seeds, mesh, inset, anatomy, track, low, high, shape)
    arteries = _arteries(seeds, mesh, inset, bone, anatomy, track, low, high, shape)
    return _join([plexus, arteries, vein])


def vein_track(bone: Bone, inset: Field, anatomy: Anatomy, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Axis of the central vein (k, 3) [um]: where the marrow is deepest in each cross-section, along elongated bones.

    Empty where the bone is not elongated (less than twice as long as wide) or the cavity too narrow to hold it.
    """
    empty = np.empty((0, 3))
    if bone.extents[0] < 2.0 * bone.extents[1]:
        return empty
    first, last = max(low[bone.axis], bone.station[0]), min(high[bone.axis], bone.station[-1])
    if last <= first:
        return empty
    along = np.linspace(first, last, max(int(np.ceil((last - first) / (2.0 * anatomy.vein_radius))), 1) + 1)
    track = np.stack([np.interp(along, bone.station, bone.centre[:, d]) for d in range(3)], axis=1)
    roomy = inset.at(track) > 1.5 * anatomy.vein_radius
    within = ((track >= low) & (track <= high)).all(axis=1)
    return _longest_run(track, roomy & within)


def _longest_run(track: np.ndarray, good: np.ndarray) -> np.ndarray:
    edge = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    if edge.size == 0:
        return track[:0]
    runs = edge.reshape(-1, 2)
    first, last = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return track[first:last] if last - first > 1 else track[:0]


def _pack(
    inset: Field, spacing: float, low: np.ndarray, high: np.ndarray, *, edge: float, draws: np.random.Generator
) -> np.ndarray:
    """Points (k, 3) no nearer to each other than `spacing`, where inset > edge, so many that hardly one more fits."""
    z, y, x = np.nonzero(inset.values > edge - inset.spacing)
    cells = inset.origin + inset.spacing * np.stack([x, y, z], axis=1)
    cells = cells[((cells > low - 0.5 * inset.spacing) & (cells < high + 0.5 * inset.spacing)).all(axis=1)]
    if len(cells) == 0:
        return cells
    # 0.65 points per spacing^3 at saturation; thirty tries for each leave about 3 % of the room.
    tries = int(20.0 * len(cells) * inset.spacing**3 / spacing**3) + 200
    points = cells[draws.integers(len(cells), size=tries)] + inset.spacing * (draws.random((tries, 3)) - 0.5)
    points = points[(inset.at(points) > edge) & ((points >= low) & (points <= high)).all(axis=1)]
    return _thin(points, spacing)


def _thin(points: np.ndarray, spacing: float, limit: int | None = None) -> np.ndarray:
    """The points that remain when each nearer than `spacing` to an earlier one is dropped."""
    if len(points) == 0 or spacing <= 0.0:
        return points[:limit]
    return points[raster.dart_throwing(points, spacing, len(points) if limit is None else limit)]


def _plexus(
    seeds: np.ndarray,
    mesh: Delaunay,
    inset: Field,
    anatomy: Anatomy,
    track: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    draws: np.random.Generator,
) -> Vessels:
    """Sinusoids along the Voronoi edges of the cords, merged, pruned, dilated and bent."""
    spacing, radius = anatomy.sinusoid_spacing, anatomy.sinusoid_radius
    nodes = _circumcentres(seeds, mesh.simplices)
    first = np.repeat(np.arange(len(nodes)), 4)
    second = mesh.neighbors.reshape(-1)
    edges = np.stack([first, second], axis=1)[second > first]
    depth = inset.at(nodes)
    floor = radius + WALL_GAP
    sound = np.isfinite(nodes).all(axis=1) & (depth > -0.5 * spacing)
    sound &= np.linalg.norm(nodes - seeds[mesh.simplices[:, 0]], axis=1) < 1.5 * spacing
    shallow = sound & (depth < floor)
    nodes = _draw_in(nodes, shallow, inset, floor)
    sound &= inset.at(nodes) > 0.5 * floor
    edges = edges[sound[edges].all(axis=1)]
    nodes, edges = _merge_short(nodes, edges, 0.25 * spacing)
    middle = inset.at(nodes[edges].mean(axis=1))
    edges = edges[middle > 0.5 * floor]
    if len(track) > 1:
        swallowed = cKDTree(_fine(track, 10.0)).query(nodes)[0] < anatomy.vein_radius - radius
        edges = edges[~swallowed[edges].all(axis=1)]
    edges = _without_leaves(edges, len(nodes))
    order = draws.permutation(len(edges))
    # Where the piece was cut the graph has lost edges already: the mean degree is that of the nodes well inside.
    inner = ((nodes > low + 2.0 * spacing) & (nodes < high - 2.0 * spacing)).all(axis=1)
    if np.count_nonzero(inner) < 0.05 * len(nodes):
        inner = np.ones(len(nodes), bool)
    edges = edges[graph.prune(edges, order, inner, anatomy.sinusoid_degree)]
    nodes, edges = _largest_part(nodes, edges)
    if len(edges) == 0:
        return _join([])
    width = radius * np.exp(anatomy.sinusoid_radius_spread * draws.standard_normal(len(edges)))
    nodes, edges, width = _halve(nodes, edges, width, longer_than=0.8 * spacing)
    nodes = nodes + _wander(nodes, amplitude=anatomy.sinusoid_tortuosity, wavelength=2.0 * spacing, draws=draws)
    nodes = _draw_in(nodes, inset.at(nodes) < floor, inset, floor)
    return Vessels(
        nodes=nodes, edges=edges.astype(np.int32), radius=width, kind=np.full(len(edges), SINUSOID, np.uint8)
    )


def _arteries(
    seeds: np.ndarray,
    mesh: Delaunay,
    inset: Field,
    bone: Bone,
    anatomy: Anatomy,
    track: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    draws: np.random.Generator,
) -> Vessels:
    """Shortest paths over neighbouring cords from a root beside the vein to terminals near the endosteum.

    Radii follow Murray's law from the terminals up, as far as the artery's own.

    References
    ----------
    Murray, The physiological principle of minimum work, PNAS 1926.
    """
    depth = inset.at(seeds)
    able = np.flatnonzero(depth > anatomy.arteriole_tip_radius + 2.0 * WALL_GAP)
    if able.size < 4:
        return _join([])
    compact = np.full(len(seeds), -1)
    compact[able] = np.arange(able.size)
    points, depth = seeds[able], depth[able]
    pairs = compact[_pairs(mesh.simplices, len(seeds))]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    inside = (length < 2.2 * anatomy.sinusoid_spacing) & (inset.at(points[pairs].mean(axis=1)) > 0.0)
    pairs, length = pairs[inside], length[inside]
    if len(track) > 1:
        offset = 1.5 * anatomy.vein_radius + anatomy.sinusoid_spacing
        away = cKDTree(_fine(track, 10.0)).query(points)[0]
        beside = np.abs(away - offset)
        beside = np.where(away < anatomy.vein_radius + anatomy.sinusoid_radius, 10.0 * offset, beside)
    else:
        beside = depth.max() - depth
    toll = 1.0 + np.minimum(beside / (3.0 * anatomy.sinusoid_spacing), 3.0)
    cost = length * 0.5 * (toll[pairs[:, 0]] + toll[pairs[:, 1]])
    web = csr_array(coo_array((cost, pairs.T), shape=(able.size,) * 2))
    _, part = connected_components(web, directed=False)
    root, gates = _entries(points, beside, bone, low, high)
    rim = np.flatnonzero((depth < TERMINAL_DEPTH) & (part == part[root]))
    if rim.size == 0:
        return _join([])
    rim = rim[draws.permutation(rim.size)]
    load = np.zeros(able.size)
    tips = cKDTree(points).query(_thin(points[rim], anatomy.arteriole_spacing))[1]
    load[tips] = 1.0
    for gate, share in gates:
        load[gate] += share * tips.size
    cost_to, before = dijkstra(web, directed=False, indices=root, return_predecessors=True)
    graph.carry_down(np.argsort(-cost_to, kind="stable"), before.astype(np.int64), load)
    child = np.flatnonzero((load > 0.0) & (before >= 0))
    radius = anatomy.arteriole_tip_radius * np.maximum(load[child], 1.0) ** (1.0 / 3.0)
    radius = np.minimum(radius, anatomy.artery_radius)
    edges = np.stack([before[child], child], axis=1)
    used, edges = np.unique(edges, return_inverse=True)
    edges = edges.reshape(-1, 2)
    nodes = _smooth(points[used], edges)
    return Vessels(
        nodes=nodes, edges=edges.astype(np.int32), radius=radius, kind=np.full(len(edges), ARTERIOLE, np.uint8)
    )


def _pairs(simplices: np.ndarray, number: int) -> np.ndarray:
    """Each two of `number` points that share a tetrahedron (t, 4), once: (k, 2) in ascending order."""
    key = np.empty(0, np.int64)
    for i in range(4):
        for j in range(i + 1, 4):
            one, other = simplices[:, i].astype(np.int64), simplices[:, j]
            key = np.union1d(key, np.minimum(one, other) * number + np.maximum(one, other))
    return np.stack(np.divmod(key, number), axis=1)


def _entries(
    points: np.ndarray, beside: np.ndarray, bone: Bone, low: np.ndarray, high: np.ndarray
) -> tuple[int, list[tuple[int, float]]]:
    """Where the artery enters the piece, and where it leaves to feed the rest of the bone.

    The nutrient artery enters half-way along the bone; a piece that does not reach there is fed through its nearer end.
    What lies beyond the other ends is fed through the piece: each exit comes with the marrow beyond it, as a share of the
    marrow in the piece.
    """
    along = points[:, bone.axis]
    first, last = low[bone.axis], high[bone.axis]
    middle = 0.5 * (bone.low + bone.high)[bone.axis]
    place = float(np.clip(middle, first, last))
    root = int(np.argmin(np.abs(along - place) + 2.0 * beside))
    inside = bone.marrow_between(first, last)
    exits = []
    for end, beyond in ((first, bone.marrow_between(-np.inf, first)), (last, bone.marrow_between(last, np.inf))):
        if end != place and beyond > 0.01 * inside > 0.0:
            exits.append((int(np.argmin(np.abs(along - end) + 2.0 * beside)), beyond / inside))
    return root, exits


def _circumcentres(points: np.ndarray, simplices: np.ndarray) -> np.ndarray:
    """Centre of the sphere through the corners of each tetrahedron (t, 3); not finite where it is flat."""
    corner = points[simplices[:, 0]]
    a, b, c = (points[simplices[:, i]] - corner for i in (1, 2, 3))
    bc, ca, ab = np.cross(b, c), np.cross(c, a), np.cross(a, b)
    norm = [np.einsum("ti,ti->t", v, v)[:, None] for v in (a, b, c)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return corner + (norm[0] * bc + norm[1] * ca + norm[2] * ab) / (2.0 * np.einsum("ti,ti->t", a, bc)[:, None])


def _draw_in(nodes: np.ndarray, which: np.ndarray, inset: Field, floor: float) -> np.ndarray:
    """Move nodes up the inset until they lie `floor` within the endosteum."""
    nodes = nodes.copy()
    chosen = np.flatnonzero(which)
    for _ in range(3):
        short = floor - inset.at(nodes[chosen])
        nodes[chosen] += np.maximum(short, 0.0)[:, None] * inset.gradient(nodes[chosen])
    return nodes


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


def _without_leaves(edges: np.ndarray, number: int) -> np.ndarray:
    """Drop edges that end nowhere until none does."""
    while len(edges):
        degree = np.bincount(edges.reshape(-1), minlength=number)
        kept = (degree[edges] > 1).all(axis=1)
        if kept.all():
            break
        edges = edges[kept]
    return edges


def _largest_part(nodes: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out parts of the graph with fewer than 1 % of the edges, and nodes without edges."""
    if len(edges) == 0:
        return nodes[:0], edges
    _, part = connected_components(coo_array((np.ones(len(edges)), edges.T), shape=(len(nodes),) * 2), directed=False)
    size = np.bincount(part[edges[:, 0]], minlength=part.max() + 1)
    edges = edges[size[part[edges[:, 0]]] >= 0.01 * len(edges)]
    used, edges = np.unique(edges, return_inverse=True)
    return nodes[used], edges.reshape(-1, 2)


def _halve(
    nodes: np.ndarray, edges: np.ndarray, radius: np.ndarray, *, longer_than: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put a node in the middle of long edges, so that they can bend."""
    long = np.flatnonzero(np.linalg.norm(nodes[edges[:, 0]] - nodes[edges[:, 1]], axis=1) > longer_than)
    middle = len(nodes) + np.arange(long.size)
    second = np.stack([middle, edges[long, 1]], axis=1)
    first = edges.copy()
    first[long, 1] = middle
    nodes = np.concatenate([nodes, nodes[edges[long]].mean(axis=1)])
    return nodes, np.concatenate([first, second]), np.concatenate([radius, radius[long]])


def _wander(
    points: np.ndarray, *, amplitude: float, wavelength: float, draws: np.random.Generator, waves: int = 24
) -> np.ndarray:
    """A smooth random displacement (m, 3) of root-mean-square length `amplitude` [um]: a sum of plane waves."""
    out = np.zeros_like(points)
    for _ in range(waves):
        direction = draws.standard_normal(3)
        step = 2.0 * np.pi / (wavelength * draws.uniform(0.6, 1.6)) * direction / np.linalg.norm(direction)
        push = draws.standard_normal(3)
        out += np.sin(points @ step + draws.uniform(0.0, 2.0 * np.pi))[:, None] * push
    return out * amplitude * np.sqrt(2.0 / (3.0 * waves))


def _smooth(nodes: np.ndarray, edges: np.ndarray, rounds: int = 2) -> np.ndarray:
    """Straighten a zigzag: nodes of two edges move half-way to the mean of their neighbours."""
    degree = np.bincount(edges.reshape(-1), minlength=len(nodes))
    moved = degree == 2
    for _ in range(rounds):
        total = np.zeros_like(nodes)
        for d in range(3):
            total[:, d] = np.bincount(edges[:, 0], nodes[edges[:, 1], d], len(nodes)) + np.bincount(
                edges[:, 1], nodes[edges[:, 0], d], len(nodes)
            )
        nodes = np.where(moved[:, None], 0.5 * nodes + 0.25 * total, nodes)
    return nodes


def _fine(track: np.ndarray, step: float) -> np.ndarray:
    """Points no more than `step` apart along a polyline."""
    pieces = [track[:1]]
    for a, b in pairwise(track):
        number = max(int(np.ceil(np.linalg.norm(b - a) / step)), 1)
        pieces.append(a + (b - a) * (np.arange(1, number + 1) / number)[:, None])
    return np.concatenate(pieces)


def _tube(track: np.ndarray, radius: float, kind: int) -> Vessels:
    number = max(len(track) - 1, 0)
    edges = np.stack([np.arange(number), np.arange(number) + 1], axis=1)
    return Vessels(
        nodes=track if number else np.empty((0, 3)),
        edges=edges.astype(np.int32),
        radius=np.full(number, radius),
        kind=np.full(number, kind, np.uint8),
    )


def _join(parts: list[Vessels]) -> Vessels:
    shift = np.cumsum([0, *(len(p.nodes) for p in parts)])
    return Vessels(
        nodes=np.concatenate([np.empty((0, 3)), *(p.nodes for p in parts)]),
        edges=np.concatenate(
            [np.empty((0, 2), np.int32), *(p.edges + np.int32(s) for p, s in zip(parts, shift[:-1], strict=True))]
        ),
        radius=np.concatenate([np.empty(0), *(p.radius for p in parts)]),
        kind=np.concatenate([np.empty(0, np.uint8), *(p.kind for p in parts)]),
    )
