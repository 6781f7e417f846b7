"""Triangle surfaces as manifolds: edges, shells, tunnels and volume, and edges of more than two triangles parted.

Lengths and places are in the unit of the file.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marrow_niche.kernels import raster

ANGLE = 1e-3
"""Triangles around an edge nearer than this lie on one another [rad]."""
ASIDE = 1e-3
"""So far from an edge, as a share of it and of the triangles there, one looks whether there is solid."""
MOST_ASKED = 1000
"""Edges of four triangles at most around which one looks so: each asks all triangles."""


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (e, 2) in ascending order, the edge of each side (3 t,), and how many triangles each has (e,).

    Side 3 t + i runs from corner i of triangle t to the next.
    """
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    base = int(sides.max(initial=0)) + 1
    key, which, count = np.unique(sides[:, 0] * base + sides[:, 1], return_inverse=True, return_counts=True)
    return np.stack(np.divmod(key, base), axis=1), which.reshape(-1), count


def handles(triangles: np.ndarray) -> int:
    """How many tunnels go through closed shells of triangles (t, 3) that are turned alike: their genus, summed.

    From Euler's characteristic; a vertex where a shell touches itself counts once for each fan of triangles around it.
    """
    if len(triangles) == 0:
        return 0
    _, which, _ = edges_of(triangles)
    side = np.argsort(which, kind="stable").reshape(-1, 2)
    after = side - side % 3 + (side + 1) % 3
    ends = np.concatenate([np.stack([side[:, 0], after[:, 1]]), np.stack([after[:, 0], side[:, 1]])], axis=1)
    corners = 3 * len(triangles)
    fans, _ = connected_components(coo_array((np.ones(ends.shape[1]), ends), shape=(corners,) * 2), directed=False)
    shells, _ = shells_of(side // 3, len(triangles))
    return (2 * shells - (fans - len(triangles) // 2)) // 2


def shells_of(owner: np.ndarray, number: int) -> tuple[int, np.ndarray]:
    """How many shells `number` triangles form, and the shell of each, from the two triangles of each edge (e, 2)."""
    graph = coo_array((np.ones(len(owner)), (owner[:, 0], owner[:, 1])), shape=(number, number))
    return connected_components(graph, directed=False)


def signed_volumes(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(t,) volumes between each triangle and the middle of the vertices, positive where it looks away from it."""
    a, b, c = ((vertices - vertices.mean(axis=0))[triangles[:, i]] for i in range(3))
    return np.einsum("ti,ti->t", a, np.cross(b, c)) / 6.0


def crossed_below(place: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(k,) int8 for each triangle that a line going up crosses below a place (3,): 1 where it enters, -1 where it leaves."""
    x, y, z = place
    start, line = np.zeros(2, np.int64), (vertices, triangles, x - 0.5, y - 0.5, 1.0, 1, 1)
    raster.crossings(*line, start, np.empty(0), np.empty(0, np.int8), False)
    height, turn = np.empty(start[1]), np.empty(start[1], np.int8)
    raster.crossings(*line, np.zeros(1, np.int64), height, turn, True)
    return turn[height < z]


def part_edges(vertices: np.ndarray, triangles: np.ndarray, told: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Part edges of four triangles or six, where bodies or parts of one touch, so that each wedge of solid keeps its two.

    Around such an edge solid and void take turns; which is which is read off the sense in which the triangles run round, and
    where that gives no turns, off how often a line from there crosses the surface. Where triangles lie on one another, or their
    number is odd, the edge stays as it is. An edge whose ends stay whole by the triangles around them gets a point in its
    middle for each wedge.

    Parameters
    ----------
    vertices, triangles : (v, 3), (t, 3)
    told : list of str
        What was done is added.

    Returns
    -------
    vertices, triangles
        With a vertex for each part where one was shared.
    """
    edges, which, count = edges_of(triangles)
    if not ((count > 2) & (count % 2 == 0)).any():
        return vertices, triangles
    closed = bool((count % 2 == 0).all() and np.count_nonzero(count > 2) <= MOST_ASKED)
    side = np.argsort(which, kind="stable")
    start = np.cumsum(count) - count
    outwards = 1.0 if signed_volumes(vertices, triangles).sum() > 0.0 else -1.0
    two = start[count == 2]
    pairs, parted, wedges = [np.stack([side[two], side[two + 1]], axis=1)], [], []
    for e in np.flatnonzero(count > 2):
        around = side[start[e] : start[e] + count[e]]
        found = _wedges(vertices, triangles, edges[e], around, outwards, closed) if count[e] % 2 == 0 else None
        if found is not None:
            parted.append(e)
            wedges.append(found)
        pairs.append(np.stack([around[:-1], around[1:]], axis=1) if found is None else found)
    if not parted:
        return vertices, triangles
    joined = np.concatenate(pairs)
    corner = triangles.reshape(-1)
    links = []
    for end in (0, 1):  # the corners of both triangles at each end of their edge are one
        one = joined[:, 0] if end == 0 else _after(joined[:, 0])
        here, there = joined[:, 1], _after(joined[:, 1])
        links.append(np.stack([one, np.where(corner[here] == corner[one], here, there)]))
    whole = np.ones(len(vertices), bool)
    whole[edges[parted].reshape(-1)] = False
    first = np.zeros(len(vertices), np.int64)
    first[corner[::-1]] = np.arange(len(corner))[::-1]
    kept = np.flatnonzero(whole[corner])
    links.append(np.stack([kept, first[corner[kept]]]))
    ends = np.concatenate(links, axis=1)
    _, group = connected_components(coo_array((np.ones(ends.shape[1]), ends), shape=(len(corner),) * 2), directed=False)
    _, at, renamed = np.unique(group, return_index=True, return_inverse=True)
    most = int(count[parted].max())
    told.append(
        f"{several(len(parted), 'edge')} of four {'' if most == 4 else 'or more '}triangles parted, where two bodies or parts "
        f"of one touch, around {place_of(vertices[edges[parted]].mean(axis=1))}."
    )
    return _halved(vertices[corner[at]], renamed.reshape(-1, 3).astype(np.int64), np.concatenate(wedges))


def _halved(vertices: np.ndarray, triangles: np.ndarray, wedges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each of the `wedges` (k, 2), two sides, a point in the middle of its edge if that is still another's edge too."""
    _, which, count = edges_of(triangles)
    stuck = wedges[count[which[wedges[:, 0]]] > 2]
    if not len(stuck):
        return vertices, triangles
    corner = triangles.reshape(-1)
    middle = np.full(len(corner), -1)
    middle[stuck] = (len(vertices) + np.arange(len(stuck)))[:, None]
    halves = 0.5 * (vertices[corner[stuck[:, 0]]] + vertices[corner[_after(stuck[:, 0])]])
    split = np.unique(stuck // 3)
    fans = []
    for t in split:
        rim = [v for s in range(3 * t, 3 * t + 3) for v in (corner[s], middle[s]) if v >= 0]
        begin = next(k for k, v in enumerate(rim) if v >= len(vertices))
        rim = rim[begin:] + rim[:begin]
        fans += [(rim[0], rim[k], rim[k + 1]) for k in range(1, len(rim) - 1)]
    kept = np.ones(len(triangles), bool)
    kept[split] = False
    return np.concatenate([vertices, halves]), np.concatenate([triangles[kept], np.array(fans, np.int64)])


def _after(side: np.ndarray) -> np.ndarray:
    return side - side % 3 + (side + 1) % 3


def _wedges(
    vertices: np.ndarray, triangles: np.ndarray, edge: np.ndarray, sides: np.ndarray, outwards: float, closed: bool
) -> np.ndarray | None:
    """(k, 2) sides of the 2 k triangles at an edge that bound the same wedge of solid; None where it cannot be told.

    `closed`: no edge has an odd number of triangles, so that a line from solid crosses the surface an odd number of times, and
    there is time to look.
    """
    corner = triangles.reshape(-1)
    a, b = vertices[edge]
    along = (b - a) / np.linalg.norm(b - a)
    across = vertices[corner[_after(_after(sides))]] - a
    across = across - (across @ along)[:, None] * along
    far = np.linalg.norm(across, axis=1)
    if not (far > 0.0).all():
        return None
    first = across[0] / far[0]
    other = np.cross(along, first)
    angle = np.arctan2(across @ other, across @ first) % (2.0 * np.pi)
    order = np.argsort(angle, kind="stable")
    apart = np.diff(np.append(angle[order], angle[order[0]] + 2.0 * np.pi))
    if apart.min() < ANGLE:
        return None
    solid_below = outwards * np.where(corner[sides[order]] == edge[0], 1.0, -1.0)
    opens = np.flatnonzero(solid_below < 0.0)
    if (solid_below == np.roll(solid_below, 1)).any():
        if not closed:
            return None
        between = (angle[order] + 0.5 * apart)[:2]
        small = ASIDE * min(float(far.min()), float(np.linalg.norm(b - a)))
        places = 0.5 * (a + b) + small * (np.cos(between)[:, None] * first + np.sin(between)[:, None] * other)
        solid = [bool(crossed_below(place, vertices, triangles).size % 2) for place in places]
        if solid[0] == solid[1]:
            return None
        opens = np.arange(0 if solid[0] else 1, len(order), 2)
    return np.stack([sides[order[opens]], sides[order[(opens + 1) % len(order)]]], axis=1)


def place_of(points: np.ndarray) -> str:
    """Where points (m, 3) lie, in words: their median."""
    middle = np.median(points, axis=0)
    middle = np.where(np.abs(middle) < 1e-9 * np.abs(points).max(), 0.0, middle)
    return "(" + ", ".join(f"{v:.4g}" for v in middle) + ")"


def several(number: int, thing: str) -> str:
    """A number of things in words."""
    plural = thing[:-1] + "ies" if thing.endswith("y") else thing + "s"
    return f"{number} {thing if number == 1 else plural}"
