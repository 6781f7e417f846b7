"""Where a triangle surface crosses itself: found, and told or refused by how many places, how wide and how much they fold.

Lengths and places are in the unit of the file.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import manifold, mesh_repair
from marrow_niche.kernels import crossing, raster

CROSSING, CROSSING_ACROSS, FOLDED = 0.02, 0.1, 0.01
"""A surface may cross itself in less than these shares of its triangles, of the bone's length, and of its volume."""
MOST_PAIRS = 2_000_000
COLUMNS = 40_000
"""Lines along which folded volume is measured."""


def find_crossings(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(k, 2) pairs of triangles that pass through one another by more than points are merged."""
    corner = vertices[triangles]
    low, high = corner.min(axis=1), corner.max(axis=1)
    box = high.max(axis=0) - low.min(axis=0)
    turn = np.roll(np.arange(3), -int(np.argmax(box)))  # so that the sweep goes along the longest side
    low, high = np.ascontiguousarray(low[:, turn]), np.ascontiguousarray(high[:, turn])
    order = np.argsort(low[:, 0], kind="stable")
    turned = np.ascontiguousarray(vertices[:, turn])
    return crossing.crossing_pairs(turned, triangles, order, low, high, mesh_repair.MERGED * float(box.max()), MOST_PAIRS)


def allow_crossings(
    vertices: np.ndarray, triangles: np.ndarray, pairs: np.ndarray, told: list[str], *, name: str
) -> None:
    """Tell where a closed surface, outwards, crosses itself in small folds, which the voxels then take as solid.

    Raises
    ------
    GeometryError
        It does so in too many or too large places.
    """
    if len(pairs) == 0:
        return
    crossed = np.unique(pairs)
    places, place = _clusters(triangles, pairs, crossed)
    middles = vertices[triangles[crossed]].mean(axis=1)
    corner = vertices[triangles[crossed]]
    across = np.zeros(places)
    for k in range(places):
        across[k] = np.linalg.norm(np.ptp(corner[place == k].reshape(-1, 3), axis=0))
    worst = int(np.argmax(across))
    length = float(np.ptp(vertices, axis=0).max())
    share, folded = len(crossed) / len(triangles), folded_share(vertices, triangles)
    words = (
        f"itself in {manifold.several(places, 'place')} ({manifold.several(len(crossed), 'triangle')} of {len(triangles)}, "
        f"{share:.2g}); "
        f"{'it is' if places == 1 else 'the widest is'} {across[worst]:.4g} across, "
        f"around {manifold.place_of(middles[place == worst])}"
    )
    if share > CROSSING or across[worst] > CROSSING_ACROSS * length or folded > FOLDED or len(pairs) >= MOST_PAIRS:
        raise GeometryError(
            f"geometry.mesh: the surface in {name} crosses {words} in the file's unit, and its folds hold {folded:.2g} of the "
            f"volume. It may up to {CROSSING:.0%} of the triangles, {CROSSING_ACROSS * length:.3g} across and {FOLDED:.0%} "
            "of the volume. Rebuild it, e.g. by MeshLab's 'alpha wrap' or Blender's voxel remesh."
        )
    told.append(
        f"The surface crosses {words}: what it winds around is inside. Its folds hold {folded:.2g} of the volume."
    )


def folded_share(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Share of the volume that is wound around less than never or more than once, along a bundle of lines."""
    low, box = vertices.min(axis=0), np.ptp(vertices, axis=0)
    pitch = float(np.sqrt(box[0] * box[1] / COLUMNS))
    nx, ny = (int(np.ceil(side / pitch)) for side in box[:2])
    start, bundle = np.zeros(ny * nx + 1, np.int64), (vertices, triangles, low[0], low[1], pitch, nx, ny)
    raster.crossings(*bundle, start, np.empty(0), np.empty(0, np.int8), False)
    np.cumsum(start, out=start)
    height, turn = np.empty(start[-1]), np.empty(start[-1], np.int8)
    raster.crossings(*bundle, start[:-1].copy(), height, turn, True)
    return crossing.folded_length(start, height, turn) * pitch**2 / float(manifold.signed_volumes(vertices, triangles).sum())


def _clusters(triangles: np.ndarray, pairs: np.ndarray, crossed: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of places and the place of each crossing triangle: those that cross or share a vertex are in one."""
    one = np.searchsorted(crossed, pairs)
    _, vertex = np.unique(triangles[crossed], return_inverse=True)
    number = len(crossed)
    rows = np.concatenate([one[:, 0], np.repeat(np.arange(number), 3)])
    columns = np.concatenate([one[:, 1], number + vertex.reshape(-1)])
    size = number + int(vertex.max()) + 1
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    places, place = connected_components(graph, directed=False)
    return places, place[:number]
