"""Points and lines in the marrow, as vessels need them: packed, thinned, made to wander, pulled inside, kept out of bone."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import Bone
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.sets import distinct
from marrow_niche.kernels import raster

WALL_GAP = 2.0
"""A vessel's wall keeps this far from the endosteum [um]."""
STEP = 5.0
"""Whether a tube runs in bone is looked at in pieces no longer than this [um]."""
IN_BONE = 5.0
"""More of its axis than this may not lie in bone [um]."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What vessels are laid in."""

    bone: Bone
    inset: Inset
    """Signed distance to the endosteum, positive in marrow [um]."""
    anatomy: Anatomy
    track: np.ndarray
    """(k, 3) axis of the central vein [um]; empty where none runs."""
    low: np.ndarray
    high: np.ndarray
    """(3,) corners of the box [um]."""


def pack(room: Room, *, edge: float, draws: np.random.Generator) -> np.ndarray:
    """Points (k, 3) a sinusoid spacing apart, where the inset exceeds `edge` [um], so many that hardly one more fits."""
    inset, spacing = room.inset, room.anatomy.sinusoid_spacing
    cells, pitch = _cells(room, edge)
    if len(cells) == 0:
        return cells
    # 0.65 points per spacing^3 at saturation; thirty tries for each leave about 3 % of the room.
    tries = int(20.0 * len(cells) * pitch**3 / spacing**3) + 200
    points = cells[draws.integers(len(cells), size=tries)] + pitch * (draws.random((tries, 3)) - 0.5)
    points = points[(inset.at(points) > edge) & ((points >= room.low) & (points <= room.high)).all(axis=1)]
    return thin(points, spacing)


def _cells(room: Room, edge: float) -> tuple[np.ndarray, float]:
    """Nodes (k, 3) of the field's grid in the box that may lie deeper than `edge`, and its pitch [um].

    Of an inset made of several fields, that to the cortex: it is nowhere less than the inset.
    """
    field: Any = getattr(room.inset, "cortical", room.inset)
    z, y, x = np.nonzero(field.values > edge - field.spacing)
    cells = field.origin + field.spacing * np.stack([x, y, z], axis=1)
    within = (cells > room.low - 0.5 * field.spacing) & (cells < room.high + 0.5 * field.spacing)
    return cells[within.all(axis=1)], field.spacing


def thin(points: np.ndarray, spacing: float, limit: int | None = None) -> np.ndarray:
    """The points that remain when each nearer than `spacing` to an earlier one is dropped."""
    if len(points) == 0 or spacing <= 0.0:
        return points[:limit]
    return points[raster.dart_throwing(points, spacing, len(points) if limit is None else limit)]


def wander(
    points: np.ndarray, *, amplitude: float, wavelength: float, draws: np.random.Generator, waves: int = 24
) -> np.ndarray:
    """A smooth random displacement (m, 3) of root-mean-square length `amplitude` [um]: a sum of plane waves."""
    out = np.zeros((3, len(points)))
    for _ in range(waves):
        direction = draws.standard_normal(3)
        step = 2.0 * np.pi / (wavelength * draws.uniform(0.6, 1.6)) * direction / np.linalg.norm(direction)
        push = draws.standard_normal(3)
        height = np.sin(points @ step + draws.uniform(0.0, 2.0 * np.pi))
        for d in range(3):
            out[d] += height * push[d]
    return np.ascontiguousarray(out.T) * amplitude * np.sqrt(2.0 / (3.0 * waves))


def fine(track: np.ndarray, step: float) -> np.ndarray:
    """Points no more than `step` apart along a polyline."""
    pieces = [track[:1]]
    for a, b in pairwise(track):
        number = max(int(np.ceil(np.linalg.norm(b - a) / step)), 1)
        pieces.append(a + (b - a) * (np.arange(1, number + 1) / number)[:, None])
    return np.concatenate(pieces)


def pull_in(nodes: np.ndarray, which: np.ndarray, inset: Inset, floor: float) -> np.ndarray:
    """Move nodes up the inset until they lie `floor` within the endosteum."""
    nodes = nodes.copy()
    chosen = np.flatnonzero(which)
    for _ in range(3):
        short = floor - inset.at(nodes[chosen])
        nodes[chosen] += np.maximum(short, 0.0)[:, None] * inset.gradient(nodes[chosen])
    return nodes


def in_bone(inset: Inset, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether more than `IN_BONE` of each segment from a (e, 3) to b [um] lies in bone: (e,) bool."""
    length = np.linalg.norm(b - a, axis=1)
    pieces = np.maximum(np.ceil(length / STEP).astype(np.int64), 1)
    which = np.repeat(np.arange(len(a)), pieces)
    place = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    middle = a[which] + ((place + 0.5) / pieces[which])[:, None] * (b - a)[which]
    hidden = np.bincount(which, inset.at(middle) <= 0.0, minlength=len(a))
    return hidden * length / pieces > IN_BONE


def settled(inset: Inset, before: np.ndarray, after: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Nodes (m, 3) moved from `before` to `after` [um], but those back where they were whose move leads an edge into bone."""
    nodes = after.copy()
    while True:
        amiss = distinct(edges[in_bone(inset, nodes[edges[:, 0]], nodes[edges[:, 1]])])
        if (nodes[amiss] == before[amiss]).all():
            return nodes
        nodes[amiss] = before[amiss]
