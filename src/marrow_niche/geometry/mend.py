"""Defects of a triangle surface: mended and told where that is safe, else refused with what is wrong, where, and the cure.

Lengths and places are in the unit of the file; the bone's length is here the longest side of its box.
"""

from collections import defaultdict

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.kernels import raster

HOLE_ACROSS, HOLES_AREA = 0.05, 0.01
"""Holes up to this share of the bone's length across, and of its area in all, are closed."""
CRUMB, CRUMBS = 0.01, 0.03
"""Bodies beside the bone of less than the first share of its volume each and the second in all are left out."""
ANGLE = 1e-3
"""Triangles around an edge nearer than this lie on one another [rad]."""
ASIDE = 1e-3
"""So far from an edge, as a share of it and of the triangles there, one looks whether there is solid."""
MOST_ASKED = 1000
"""Edges of four triangles at most around which one looks so: each asks all triangles."""
MERGED = 1e-6
"""Points nearer than this share of the box are one."""

def merge_points(points: np.ndarray, triangles: np.ndarray, told: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Points (p, 3) nearer than a millionth of the box become one; triangles (t, 3) that lose a corner go."""
    vertices, which = np.unique(points, axis=0, return_inverse=True)
    step = MERGED * float(np.ptp(points[triangles.reshape(-1)], axis=0).max())
    pairs = cKDTree(vertices).query_pairs(step, output_type="ndarray")
    _, group = connected_components(
        coo_array((np.ones(len(pairs)), pairs.T), shape=(len(vertices),) * 2), directed=False
    )
    _, first = np.unique(group, return_index=True)
    vertices, triangles = vertices[first], group[which.reshape(-1)][triangles].astype(np.int64)
    a, b, c = triangles.T
    whole = (a != b) & (b != c) & (c != a)
    if not whole.all():
        lost = int(np.count_nonzero(~whole))
        where = place_of(vertices[triangles[~whole]].reshape(-1, 3))
        told.append(f"{several(lost, 'triangle')} without area dropped, around {where}.")
    return vertices, triangles[whole]


def drop_spare(vertices: np.ndarray, triangles: np.ndarray, told: list[str]) -> np.ndarray:
    """Of triangles (t, 3) that are there more than once one is kept, or none if they are a wall that two parts share.

    The rim of a wall has a triangle of each part besides. Triangles that touch no other by an edge go.
    """
    _, first, copies = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True, return_counts=True)
    once = np.zeros(len(triangles), bool)
    once[first] = True
    if not once.all():
        where = place_of(vertices[triangles[~once]].reshape(-1, 3))
        doubled = np.zeros(len(triangles), bool)
        doubled[first[copies == 2]] = True
        wall = _walls(triangles[once], doubled[once])
        if wall.any():
            told.append(
                f"{several(int(wall.sum()), 'triangle')} that two touching parts share taken out, so that they are one, "
                f"around {place_of(vertices[triangles[once][wall]].reshape(-1, 3))}."
            )
        spare = int((~once).sum()) - int(wall.sum())
        if spare:
            told.append(f"{several(spare, 'triangle')} there more than once dropped, around {where}.")
        triangles = triangles[once][~wall]
    _, which, count = edges_of(triangles)
    lone = (count[which].reshape(-1, 3) == 1).all(axis=1)
    if lone.any() and not lone.all():
        where = place_of(vertices[triangles[lone]].reshape(-1, 3))
        told.append(f"{several(int(lone.sum()), 'triangle')} joined to no other dropped, around {where}.")
        triangles = triangles[~lone]
    return triangles


def _walls(triangles: np.ndarray, doubled: np.ndarray) -> np.ndarray:
    """Which of triangles (t, 3) that were there twice, `doubled` (t,), are walls: every edge of their rim has two more."""
    _, which, count = edges_of(triangles)
    mine = np.bincount(which[np.repeat(doubled, 3)], minlength=len(count))
    side = np.flatnonzero(np.repeat(doubled, 3))
    piece = np.full(len(triangles), -1)
    size = len(count) + len(triangles)
    graph = coo_array((np.ones(len(side)), (which[side], len(count) + side // 3)), shape=(size, size))
    piece[doubled] = connected_components(graph, directed=False)[1][len(count) :][doubled]
    rim = mine[which[side]] == 1
    good, bad = rim & (count[which[side]] == 3), rim & (count[which[side]] != 3)
    walls = np.setdiff1d(piece[side[good] // 3], piece[side[bad] // 3])
    return np.isin(piece, walls) & doubled


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
        solid = [bool(_crossed_below(place, vertices, triangles).size % 2) for place in places]
        if solid[0] == solid[1]:
            return None
        opens = np.arange(0 if solid[0] else 1, len(order), 2)
    return np.stack([sides[order[opens]], sides[order[(opens + 1) % len(order)]]], axis=1)


def close_holes(
    vertices: np.ndarray, triangles: np.ndarray, told: list[str], *, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Close small holes, each by a fan of triangles around its middle; what is added stands last.

    Raises
    ------
    GeometryError
        Edges of more than two triangles, or holes too large to guess what was there.
    """
    edges, _, count = edges_of(triangles)
    if (count > 2).any():
        bad, odd = edges[count > 2], edges[(count > 2) & (count % 2 == 1)]
        what = (
            f"{'all of them' if len(odd) == len(bad) else f'{len(odd)} of them'} of an odd number, as where a wall inside the "
            "bone or a flap meets it"
            if len(odd)
            else "triangles that lie on one another, or holes so near that solid and void cannot be told apart"
        )
        raise GeometryError(
            f"geometry.mesh: the surface in {name} has {len(bad)} edges of more than two triangles, around "
            f"{place_of(vertices[odd if len(odd) else bad].mean(axis=1))} in the file's unit: {what}. "
            "Take them out, e.g. by MeshLab's 'repair non manifold edges' or Blender's '3D print' repair."
        )
    if not (count == 1).any():
        return vertices, triangles
    loops = [np.array(loop) for loop in _loops(edges[count == 1])]
    middles = np.array([vertices[loop].mean(axis=0) for loop in loops])
    across, fans = np.empty(len(loops)), []
    for k, loop in enumerate(loops):
        across[k] = 2.0 * np.linalg.norm(vertices[loop] - middles[k], axis=1).max()
        fan = np.stack([loop, np.roll(loop, -1), np.full(len(loop), len(vertices) + k)], axis=1)
        fans.append(loop[None] if len(loop) == 3 else fan)
    filled = np.concatenate(fans)
    corners = np.concatenate([vertices, middles])
    length = float(np.ptp(vertices[triangles.reshape(-1)], axis=0).max())
    share = _areas(corners, filled).sum() / _areas(vertices, triangles).sum()
    worst = int(np.argmax(across))
    size = f"{'it is' if len(loops) == 1 else 'the largest is'} {across[worst]:.4g} across"
    if across[worst] > HOLE_ACROSS * length or share > HOLES_AREA:
        raise GeometryError(
            f"geometry.mesh: the surface in {name} is not closed: {int((count == 1).sum())} open edges (of one triangle only) "
            f"around {several(len(loops), 'hole')}; {size}, around {place_of(middles[worst : worst + 1])} in the file's unit. "
            f"Holes are closed here up to {HOLE_ACROSS * length:.3g} across ({HOLE_ACROSS:.0%} of the bone) and "
            f"{HOLES_AREA:.0%} of its area in all; these are {across[worst] / length:.1%} and {share:.1%}. Close larger ones "
            "yourself, e.g. by MeshLab's 'close holes', Blender's '3D print' repair or ParaView's 'Fill Holes'."
        )
    told.append(
        f"{several(len(loops), 'hole')} closed by {several(len(filled), 'triangle')}; {size}, around "
        f"{place_of(middles[worst : worst + 1])}."
    )
    return corners, np.concatenate([triangles, filled])


def choose_body(
    vertices: np.ndarray,
    triangles: np.ndarray,
    shell: np.ndarray,
    volumes: np.ndarray,
    pairs: np.ndarray,
    told: list[str],
    *,
    name: str,
) -> int:
    """The shell that encloses most; what is left out is told.

    Parameters
    ----------
    shell : (t,) int
        Of each triangle.
    volumes : (s,) float64
        That each shell encloses, not negative.
    pairs : (k, 2) int64
        Triangles that cross.

    Raises
    ------
    GeometryError
        Other bodies, too large to be crumbs, lie beside it or overlap it.
    """
    best = int(np.argmax(volumes))
    share = volumes / volumes[best]
    others = np.delete(np.arange(len(volumes)), best)
    others = others[np.argsort(-share[others], kind="stable")]
    small = others[share[others] < CRUMB]
    asked = (others if share[small].sum() > CRUMBS else others[share[others] >= CRUMB]).tolist()
    main = triangles[shell == best]
    within = {s: _share_within(vertices, triangles[shell == s], main) for s in asked}
    nested = [s for s in asked if within[s] > 0.9]
    beside = [s for s in asked if within[s] <= 0.9]
    crossed = set(shell[pairs].reshape(-1)[(shell[pairs][:, ::-1] == best).reshape(-1)]) - {best}
    if any(share[s] >= CRUMB for s in beside) or share[beside].sum() > CRUMBS:
        _refuse_bodies(vertices, triangles, shell, share, beside, [s for s in beside if s in crossed], name)
    large = [s for s in nested if share[s] >= CRUMB]
    if large:
        told.append(
            f"{several(len(large), 'closed surface')} inside the bone's own not used ({share[large].sum():.2g} of its volume, "
            f"around {_middle(vertices, triangles, shell, large[0])}): marrow begins where geometry.cortex says."
        )
    if len(small):
        told.append(
            f"{several(len(small), 'small closed surface')} beside or inside the bone left out, together "
            f"{share[small].sum():.2g} of its volume; the largest around {_middle(vertices, triangles, shell, small[0])}."
        )
    return best


def _loops(edges: np.ndarray) -> list[list[int]]:
    """Open edges (m, 2) as closed rounds of vertices, none of which passes a vertex twice."""
    ends: dict[int, list[int]] = defaultdict(list)
    for a, b in edges.tolist():
        ends[a].append(b)
        ends[b].append(a)
    loops = []
    for begin in list(ends):
        path, at = [begin], {begin: 0}
        while ends[path[-1]]:  # every vertex has an even number of open edges, so one gets stuck at `begin` only
            here = path[-1]
            there = ends[here].pop()
            ends[there].remove(here)
            if there not in at:
                at[there] = len(path)
                path.append(there)
                continue
            loops.append(path[at[there] :])
            for v in path[at[there] + 1 :]:
                del at[v]
            del path[at[there] + 1 :]
    return loops


def _share_within(vertices: np.ndarray, triangles: np.ndarray, main: np.ndarray) -> float:
    """Share of some of a shell's vertices that the main shell winds around."""
    used = np.unique(triangles)
    some = vertices[used[np.linspace(0, len(used) - 1, min(len(used), 12)).astype(int)]]
    inside = sum(int(_crossed_below(place, vertices, main).sum() != 0) for place in some)
    return inside / len(some)


def _crossed_below(place: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(k,) int8 for each triangle that a line going up crosses below a place (3,): 1 where it enters, -1 where it leaves."""
    x, y, z = place
    start, line = np.zeros(2, np.int64), (vertices, triangles, x - 0.5, y - 0.5, 1.0, 1, 1)
    raster.crossings(*line, start, np.empty(0), np.empty(0, np.int8), False)
    height, turn = np.empty(start[1]), np.empty(start[1], np.int8)
    raster.crossings(*line, np.zeros(1, np.int64), height, turn, True)
    return turn[height < z]


def _refuse_bodies(
    vertices: np.ndarray,
    triangles: np.ndarray,
    shell: np.ndarray,
    share: np.ndarray,
    beside: list[int],
    crossed: list[int],
    name: str,
) -> None:
    named = (crossed or beside)[:5]
    listed = "; ".join(f"{share[s]:.0%} of its volume around {_middle(vertices, triangles, shell, s)}" for s in named)
    more = len(crossed or beside) - len(named)
    listed += f"; and {more} more" if more else ""
    if crossed:
        raise GeometryError(
            f"geometry.mesh: {several(len(crossed), 'body')} in {name} overlap{'s' * (len(crossed) == 1)} the largest one "
            f"({listed}, in the file's unit). Join them into one surface, e.g. by Blender's or MeshLab's boolean union."
        )
    raise GeometryError(
        f"geometry.mesh: {name} holds {several(len(beside), 'body')} beside the largest one ({listed}, in the file's unit). "
        "One bone is simulated at a time: split the file, e.g. by MeshLab's 'split in connected components', and give one. "
        f"Crumbs under {CRUMB:.0%} of the volume each and {CRUMBS:.0%} in all are left out without asking."
    )


def _areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


def _middle(vertices: np.ndarray, triangles: np.ndarray, shell: np.ndarray, which: int) -> str:
    return place_of(vertices[triangles[shell == which]].reshape(-1, 3))


def place_of(points: np.ndarray) -> str:
    """Where points (m, 3) lie, in words: their median."""
    middle = np.median(points, axis=0)
    middle = np.where(np.abs(middle) < 1e-9 * np.abs(points).max(), 0.0, middle)
    return "(" + ", ".join(f"{v:.4g}" for v in middle) + ")"


def several(number: int, thing: str) -> str:
    """A number of things in words."""
    plural = thing[:-1] + "ies" if thing.endswith("y") else thing + "s"
    return f"{number} {thing if number == 1 else plural}"
