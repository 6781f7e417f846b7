"""The surface of what is bone in a piece, cortex and trabeculae, as one closed mesh to look at.

Bone is where a point lies under the bone's own surface and not in its marrow. Both are signed distances that do not know the
voxel, so the surface is the same at any. It is found by marching cubes and parted where it touches itself along an edge; crumbs
smaller than a cube half as wide as a trabecula, all that some cut face leaves of a trabecula that goes on behind it, are taken
away; and it is smoothed without shrinking.

References
----------
Taubin, A signal processing approach to fair surface design, SIGGRAPH 1995 (smoothing by two steps, in and out).
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from marrow_niche.geometry import manifold
from marrow_niche.geometry.bone import Bone
from marrow_niche.geometry.cuts import depth_behind
from marrow_niche.geometry.field import Field, Inset, spread, stations
from marrow_niche.geometry.image import LabelImage, coarsened
from marrow_niche.geometry.lattice import BONE
from marrow_niche.geometry.spec import Geometry

NODES = 30_000_000
"""Nodes of the grid on which the surface is found, at most; a larger piece has a wider grid."""
PER_FACE = 2.05
"""Triangles a square of its pitch in the faces of voxels (measured: 2.02 to 2.08)."""
LAYERS = 4
"""Intervals of it across a piece, at least, however thin that is."""
EASED = 1.5
"""Intervals over which bone's edge along the cut side of a core is rounded: a wedge thinner than one comes out as teeth."""
ROUNDS, INWARDS, OUTWARDS = 10, 0.5, -0.52
"""Of smoothing: how often, and by which share of the way to the mean of its neighbours a vertex moves, in and out again. Waves
of two or three edges are taken away, those of twelve edges and more stay."""


def bone_surface(g: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (v, 3) [um] and triangles (t, 3), outwards, of the bone in the piece; none where there is no bone.

    Every edge has two triangles. Where the piece was cut out of a larger bone it is closed by plane faces.
    """
    import pyvista

    lattice = g.lattice
    low = lattice.origin
    high = low + lattice.spacing * np.array(lattice.shape[::-1])
    share = None if g.bone.image is None else _share_of_bone(g.bone.image)
    pitch = g.inset.spacing if share is None else share.spacing
    axes = _nodes(low, high, pitch)
    if share is None:
        under, solid = depth_under(g.bone, g.inset).on_grid(axes, np.float32), -g.inset.on_grid(axes, np.float32)
        depth = np.minimum(under, solid)
        if g.bone.surface.cut is not None:
            depth -= rounding(under, solid, EASED * pitch)
    else:
        depth = np.float32(pitch) * (share.on_grid(axes, np.float32) - np.float32(0.5))
    for d, (x, a, b) in enumerate(zip(axes, low, high, strict=True)):
        np.minimum(depth, spread(np.minimum(x - a, b - x).astype(np.float32), d), out=depth)
    depth[depth == 0.0] = -1e-6 * pitch  # a vertex on a node would be several
    if not (depth > 0.0).any():
        return np.empty((0, 3)), np.empty((0, 3), np.int64)
    spacing, first = [float(x[1] - x[0]) for x in axes], [float(x[0]) for x in axes]
    grid = pyvista.ImageData(dimensions=depth.shape[::-1], spacing=spacing, origin=first)
    grid.point_data["depth"] = depth.reshape(-1)
    mesh = grid.contour([0.0], scalars="depth", method="flying_edges")
    vertices, triangles = np.asarray(mesh.points, float), np.asarray(mesh.regular_faces, np.int64).reshape(-1, 3)
    if manifold.signed_volumes(vertices, triangles).sum() < 0.0:
        triangles = triangles[:, ::-1]
    if neighbours(len(vertices), triangles).data.max() > 1.0:
        vertices, triangles = manifold.part_edges(vertices, triangles, [])
    if g.bone.trabeculae is not None:
        half = 0.5 * g.bone.trabeculae.thickness
        vertices, triangles = without_crumbs(vertices, triangles, half * half * min(half, float((high - low).min())))
    on_cut = np.minimum(np.abs(vertices - low), np.abs(vertices - high)) < 1e-3 * pitch
    return smoothed(vertices, triangles, held=on_cut), triangles


def rounding(one: np.ndarray, other: np.ndarray, width: float) -> np.ndarray:
    """What the lesser of two distances is lowered by where both are nearly alike, so that no edge stands where they meet [um].

    A parabola of their difference, as far as it is less than `width`; a quarter of that where they are alike.
    """
    near = np.maximum(width - np.abs(one - other), 0.0)
    return near * near / (4.0 * width)


def without_crumbs(vertices: np.ndarray, triangles: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface without its parts, loose pieces or pores, that enclose less than a volume [um^3]; the largest stays."""
    number, part = connected_components(neighbours(len(vertices), triangles), directed=False)
    if number == 1:
        return vertices, triangles
    volume = np.abs(np.bincount(part[triangles[:, 0]], manifold.signed_volumes(vertices, triangles), minlength=number))
    kept = (volume >= least) | (volume == volume.max())
    renamed = np.cumsum(kept[part]) - 1
    return vertices[kept[part]], renamed[triangles[kept[part[triangles[:, 0]]]]]


def about_how_many(g: Geometry) -> int:
    """Triangles of the surface, by the faces of voxels around bone: right to a tenth, in a slice to a third."""
    bone = np.pad(g.lattice.tissue == BONE, 1)
    faces = sum(int(np.count_nonzero(np.diff(bone, axis=axis))) for axis in range(3))
    known = g.inset.spacing if g.bone.image is None else _pitch(g.bone.image)
    pitch = max(known, float(np.prod(g.lattice.shape) * g.lattice.volume / NODES) ** (1.0 / 3.0))
    return round(PER_FACE * faces * (g.lattice.spacing / pitch) ** 2)


def smoothed(vertices: np.ndarray, triangles: np.ndarray, *, held: np.ndarray, rounds: int = ROUNDS) -> np.ndarray:
    """(v, 3) vertices of a closed surface [um] smoothed as Taubin does; coordinates `held`, (v, 3) bool, do not move."""
    sums = neighbours(len(vertices), triangles)
    share = 1.0 / np.maximum(sums.sum(axis=1), 1.0)[:, None]
    free = np.where(held, 0.0, 1.0)
    out = vertices.copy()
    for step in (INWARDS, OUTWARDS) * rounds:
        out += step * free * (share * (sums @ out) - out)
    return out


def neighbours(number: int, triangles: np.ndarray) -> csr_array:
    """(v, v) 1 where an edge runs from one of `number` vertices to another; 2 and more along which a surface touches itself.

    In a closed surface whose triangles are turned alike each edge is run along once each way.
    """
    ends = triangles.reshape(-1), triangles[:, [1, 2, 0]].reshape(-1)
    return coo_array((np.ones(triangles.size), ends), shape=(number, number)).tocsr()


def depth_under(bone: Bone, inset: Inset) -> Field:
    """How deep points of the piece lie under the bone's own surface and behind its cut faces [um], positive inside."""
    grid = inset.cortical
    values = grid.values + spread(bone.cortex_at(stations(grid, bone.axis)), bone.axis)
    under = Field(origin=grid.origin, spacing=grid.spacing, values=values)
    if bone.surface.cut is not None:
        np.minimum(values, depth_behind(bone.surface, under), out=values, where=values > 0.0)
    return under


def _share_of_bone(image: LabelImage) -> Field:
    """The share of bone around the centres of an image's voxels, or of larger ones where there are too many."""
    pitch, edges = _pitch(image), image.spacing.copy()
    edges[0] = pitch if image.labels.shape[0] == 1 else edges[0]
    values = coarsened(replace(image, spacing=edges), pitch)[1].get(BONE, np.zeros([1, 1, 1]))
    return Field(origin=image.origin + 0.5 * pitch, spacing=pitch, values=np.asarray(values, float))


def _pitch(image: LabelImage) -> float:
    """How far apart an image is read [um]; how thick a single slice is does not count."""
    edges = image.spacing[[1, 1, 2]] if image.labels.shape[0] == 1 else image.spacing
    return float(max(edges.max(), (np.prod(edges) * image.labels.size / NODES) ** (1.0 / 3.0)))


def _nodes(low: np.ndarray, high: np.ndarray, pitch: float) -> tuple[np.ndarray, ...]:
    """x, y, z of a grid about a box, whose faces lie half way between the outermost nodes, at about `pitch` or wider [um]."""
    pitch = max(pitch, float(np.prod(high - low) / NODES) ** (1.0 / 3.0))
    axes = []
    for a, b in zip(low, high, strict=True):
        number = max(int(np.ceil((b - a) / pitch)), LAYERS)
        axes.append(a + (b - a) / number * (np.arange(number + 2) - 0.5))
    return tuple(axes)
