"""Repair of a triangle surface: what is safe to mend is mended and told, else refused with what is wrong, where, and the cure.

Lengths and places are in the unit of the file; the bone's length is here the longest side of its box.
"""

from collections import defaultdict

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.manifold import crossed_below, edges_of, place_of, several

HOLE_ACROSS, HOLES_AREA = 0.05, 0.01
"""Holes up to this share of the bone's length across, and of its area in all, are closed."""
CRUMB, CRUMBS = 0.01, 0.03
"""Bodies beside the bone of less than the first share of its volume each and the second in all are left out."""
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


def _areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


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


def _share_within(vertices: np.ndarray, triangles: np.ndarray, main: np.ndarray) -> float:
    """Share of some of a shell's vertices that the main shell winds around."""
    used = np.unique(triangles)
    some = vertices[used[np.linspace(0, len(used) - 1, min(len(used), 12)).astype(int)]]
    inside = sum(int(crossed_below(place, vertices, main).sum() != 0) for place in some)
    return inside / len(some)


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


def _middle(vertices: np.ndarray, triangles: np.ndarray, shell: np.ndarray, which: int) -> str:
    return place_of(vertices[triangles[shell == which]].reshape(-1, 3))
