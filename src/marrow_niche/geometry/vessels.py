"""Blood vessels as a graph of tubes: the sinusoid plexus, the central vein and the arterial tree.

Sinusoids run along the Voronoi edges of randomly packed points: the points become the centres of the cords in which blood is
made, and the vessels surround them. Arterioles run from cord to cord.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import Delaunay, QhullError

from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.arteries import make_arteries
from marrow_niche.geometry.bone import Bone
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.packing import Room, pack
from marrow_niche.geometry.plexus import make_plexus
from marrow_niche.geometry.radial import outward

SINUSOID, ARTERIOLE, VEIN = 0, 1, 2
"""Kinds of vessel."""


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
    type_h: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    """(e,) bool: sinusoids of type H, the columns beside the growth plates; none of them if it is not given."""

    def __post_init__(self) -> None:
        if len(self.type_h) == 0:
            object.__setattr__(self, "type_h", np.zeros(len(self.edges), bool))

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
    inset: Inset,
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
    inset : Inset
        Signed distance to the endosteum, positive in marrow, over the box and a little more [um].
    anatomy : Anatomy
    low, high : (3,) float64
        Corners of the box [um].
    place, shape : numpy.random.Generator
        Where cords lie; how vessels are pruned, bent and dilated.
    """
    track = vein_track(bone, inset, anatomy, low, high)
    room = Room(bone=bone, inset=inset, anatomy=anatomy, track=track, low=low, high=high)
    seeds = pack(room, edge=-0.6 * anatomy.sinusoid_spacing, draws=place)
    if len(seeds) < 12:
        return _join([])
    try:
        mesh = Delaunay(seeds)
    except QhullError:
        return _join([])
    nodes, edges, radius, type_h = make_plexus(room, seeds, mesh, shape)
    plexus = _tubes(nodes, edges, radius, SINUSOID, type_h)
    arteries = _tubes(*make_arteries(room, seeds, mesh, shape), ARTERIOLE)
    links = np.stack([np.arange(len(track) - 1), np.arange(1, len(track))], axis=1) if len(track) else np.empty((0, 2))
    return _join([plexus, arteries, _tubes(track, links, np.full(len(links), anatomy.vein_radius), VEIN)])


def vein_track(bone: Bone, inset: Inset, anatomy: Anatomy, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Axis of the central vein (k, 3) [um]: where the marrow is deepest in each cross-section, along the shaft.

    Empty where the bone has no shaft (`Bone.has_shaft`) or the cavity is too narrow to hold it.
    """
    empty = np.empty((0, 3))
    if not bone.has_shaft:
        return empty
    first, last = max(low[bone.axis], bone.station[0]), min(high[bone.axis], bone.station[-1])
    if last <= first:
        return empty
    along = np.linspace(first, last, max(int(np.ceil((last - first) / (2.0 * anatomy.vein_radius))), 1) + 1)
    track = np.stack([np.interp(along, bone.station, bone.centre[:, d]) for d in range(3)], axis=1)
    roomy = inset.at(track) > 1.5 * anatomy.vein_radius
    within = ((track >= low) & (track <= high)).all(axis=1)
    return _longest_run(track, roomy & within)


def radial_alignment(vessels: Vessels, track: np.ndarray) -> float:
    """Mean |cos| of the angle between sinusoids and the straight way from the vein's axis, each counted by its length.

    Of sinusoids alongside the vein, without those of type H. Tubes that run every way alike give 0.5, radial ones 1, and
    tubes along the vein or around it 0; NaN without a vein or sinusoids.

    Parameters
    ----------
    vessels : Vessels
    track : (k, 3) float64
        Axis of the vein [um].
    """
    chosen = (vessels.kind == SINUSOID) & ~vessels.type_h
    if len(track) < 2 or not chosen.any():
        return float("nan")
    a, b = vessels.a[chosen], vessels.b[chosen]
    direction, beyond = outward(0.5 * (a + b), track)
    beside = beyond == 0.0
    length = np.linalg.norm(b - a, axis=1)[beside]
    if not length.sum() > 0.0:
        return float("nan")
    return float(np.abs(np.einsum("ed,ed->e", b - a, direction))[beside].sum() / length.sum())


def _longest_run(track: np.ndarray, good: np.ndarray) -> np.ndarray:
    edge = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    if edge.size == 0:
        return track[:0]
    runs = edge.reshape(-1, 2)
    first, last = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return track[first:last] if last - first > 1 else track[:0]


def _tubes(
    nodes: np.ndarray, edges: np.ndarray, radius: np.ndarray, kind: int, type_h: np.ndarray | None = None
) -> Vessels:
    return Vessels(
        nodes=nodes,
        edges=edges.astype(np.int32),
        radius=radius,
        kind=np.full(len(edges), kind, np.uint8),
        type_h=np.zeros(len(edges), bool) if type_h is None else type_h,
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
        type_h=np.concatenate([np.empty(0, bool), *(p.type_h for p in parts)]),
    )
