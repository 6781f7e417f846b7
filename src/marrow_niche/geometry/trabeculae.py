"""Trabecular bone: perforated sheets cut from two random fields, as the distance to their surface.

Bone is where |f| < q and g > t, with g read at the middle of the sheet, on f = 0, so that the rims of perforations are square;
then edges are rounded. Where f is so steep that the sheet would be thinner than `THINNEST` it is that thick. The fields f and
g are independent, isotropic and normal, each a sum of plane waves of about one wavelength in the bone's own frame: the pattern
is the same at any pitch and in any piece of the bone. The first cut leaves one connected sheet, the second perforates it.

References
----------
Quiblier, A new three-dimensional modeling technique for studying porous media, J Colloid Interface Sci 1984 (random fields
that are cut). Roberts, Statistical reconstruction of three-dimensional porous media, Phys Rev E 1997 (cut twice).
Hildebrand, Ruegsegger, A new method for the model-independent assessment of thickness, J Microsc 1997 (thickness).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from marrow_niche.geometry.field import Field
from marrow_niche.kernels import waves as kernels
from marrow_niche.quantities.parameters import quantity

WAVES = 200
"""Plane waves in a field."""
BAND = 0.15
"""Their wave numbers lie within this share of the middle one."""
NODES_PER_THICKNESS = 3.0
"""Nodes of the result across a trabecula of mean thickness."""
THINNEST = 0.58
"""No sheet is thinner than this share of the mean thickness: sqrt(3) nodes, below which it could slip through between them and
come out as a comb."""
ROUNDED = 0.15
"""Radius to which the edges of trabeculae are rounded, as a share of their thickness: about half a node."""
CRUMBS = 4
"""Times at most that tips which rounding cuts off are looked for and taken away; hardly ever is there a third."""
VEIN_GAP = 15.0
"""Marrow between the central vein and the nearest trabecula [um]."""
CAP = 500.0
"""Distances to trabeculae are not told beyond this [um]."""
TOUCHING = np.ones((3, 3, 3), bool)

Grade = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Trabeculae:
    """The spongy bone in a marrow cavity."""

    volume_fraction: float = quantity(
        "", "bone volume per volume (BV/TV) where trabeculae are fully developed; 0: none", low=0.0, high=0.45
    )
    thickness: float = quantity("um", "mean thickness of trabeculae (Tb.Th), by the largest sphere that fits", low=5.0)
    open_share: float = quantity("", "share of the sheets that is perforated", low=0.0, high=0.6, default=0.5)
    reach: float = quantity(
        "",
        "from each end of the cavity, as a share of its length, trabeculae are fully developed up to here; 1 is everywhere",
        low=0.0,
        high=1.0,
        default=0.12,
    )
    fade: float = quantity("", "and from here on there are none", low=0.0, high=1.0, default=0.25)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """What disagrees between the entries."""
        most = 0.9 * (1.0 - self.open_share)
        if self.volume_fraction > most:
            yield (
                "volume_fraction",
                f"sheets of which {self.open_share:.0%} is open fill at most {most:.3g} of the volume; take less, or a "
                "smaller open_share",
            )
        if self.fade <= self.reach < 0.5:
            yield "fade", f"trabeculae cannot be gone at {self.fade:g} and fully developed up to reach = {self.reach:g}"


@dataclass(frozen=True, kw_only=True)
class Waves:
    """A random field: a sum of plane waves of equal amplitude."""

    vector: np.ndarray
    """(w, 3) wave vectors, x, y, z [1/um]."""
    phase: np.ndarray
    """(w,) [rad]."""

    def at_nodes(self, axes: tuple[np.ndarray, ...], wanted: np.ndarray) -> np.ndarray:
        """(nz, ny, nx) values at nodes x, y, z [um] where `wanted` (nz, ny, nx); elsewhere they mean nothing."""
        nx = wanted.shape[2]
        some = wanted.any(axis=2)
        first = np.where(some, wanted.argmax(axis=2), nx)
        last = np.where(some, nx - wanted[:, :, ::-1].argmax(axis=2), 0)
        out = np.zeros(wanted.shape)
        x, y, z = axes
        kernels.sum_waves(self.vector, self.phase, x, y, z, first, last, out)
        return out


def draw_waves(wavelength: float, draws: np.random.Generator) -> Waves:
    """An isotropic random field of about one wavelength [um], mean 0 and variance 1.

    Its correlation over a distance r is sin(k r) / (k r), k = 2 pi / wavelength. Directions are spread over the half sphere
    evenly, along a spiral whose turns are a golden angle apart.
    """
    rank = np.arange(WAVES)
    up = (rank + draws.random(WAVES)) / WAVES
    around = draws.uniform(0.0, 2.0 * np.pi) + np.pi * (3.0 - np.sqrt(5.0)) * rank
    flat = np.sqrt(1.0 - up**2)
    direction = np.stack([flat * np.cos(around), flat * np.sin(around), up], axis=1)
    number = 2.0 * np.pi / wavelength * draws.uniform(1.0 - BAND, 1.0 + BAND, WAVES)
    return Waves(vector=number[:, None] * direction, phase=draws.uniform(0.0, 2.0 * np.pi, WAVES))


def half_width(spec: Trabeculae) -> float:
    """q, for which |f| < q, or what is thicker, holds in the sheets' share of the volume, perforations included.

    At a place f and its gradient are independent. The gradient's length is that of three normal numbers, times the root mean
    square wave number over sqrt(3).
    """
    steep = np.linspace(0.0, 8.0, 801)
    weight = steep**2 * np.exp(-0.5 * steep**2)
    weight /= weight.sum()

    def lacking(q: float) -> float:
        least = (
            0.5 * THINNEST * spec.thickness * 2.0 * np.pi / _wavelength(q, spec) * np.sqrt((1.0 + BAND**2 / 3.0) / 3.0)
        )
        share = float(weight @ (2.0 * ndtr(np.maximum(q, least * steep)) - 1.0))
        return share - spec.volume_fraction / (1.0 - spec.open_share)

    return float(brentq(lacking, 1e-6, 3.0))


def wavelength(spec: Trabeculae) -> float:
    """Wavelength of the fields [um] at which trabeculae have their mean thickness.

    A sheet is 2 q / |grad f| thick, which over a normal field is 0.44 q wavelengths in the mean. The coefficients are
    fitted to the widest spheres in cubes of three and four wavelengths, 0.14 < q < 1.3 and an open share of 0.25 to 0.6. In
    cubes of 4 wavelengths made with twelve other seeds the mean is 0.98 to 1.00 of what is asked, a single cube strays by 5 %.
    """
    return _wavelength(half_width(spec), spec)


def _wavelength(q: float, spec: Trabeculae) -> float:
    return spec.thickness / (q * (0.454 + 0.086 * q - 0.2 * spec.open_share * q**2))


def along_bone(station_low: float, station_high: float, axis: int, spec: Trabeculae) -> Grade:
    """The grade of a cavity between two positions on an axis [um]: 1 up to `reach` from either end, 0 from `fade` on."""
    if spec.reach >= 0.5:
        return lambda points: np.ones(len(points))

    def grade(points: np.ndarray) -> np.ndarray:
        along = points[:, axis]
        end = np.minimum(along - station_low, station_high - along) / (station_high - station_low)
        u = np.clip((spec.fade - end) / max(spec.fade - spec.reach, 1e-9), 0.0, 1.0)
        return u * u * (3.0 - 2.0 * u)

    return grade


def trabecular_field(
    cortical: Field,
    grade: Grade,
    low: np.ndarray,
    high: np.ndarray,
    spec: Trabeculae,
    *,
    draws: np.random.Generator,
    vein: np.ndarray | None = None,
    vein_radius: float = 0.0,
) -> list[Field]:
    """Signed distance to trabecular bone [um], positive in marrow, in each part of the cavity that has any.

    Parameters
    ----------
    cortical : Field
        Signed distance to the endosteum, positive in the cavity [um].
    grade : callable
        Points (m, 3) to (m,) in [0, 1]: bone volume there as a share of `spec.volume_fraction`.
    low, high : (3,) float64
        Corners of the piece that is built [um].
    draws : Generator
        Asked for as many numbers whatever the box.
    vein : (k, 3) float64, optional
        A polyline that bone keeps away from, by `vein_radius` + `VEIN_GAP` [um].

    Returns
    -------
    list of Field
        To be read together, by `Inset`. Nodes are at multiples of the pitch in the bone's own frame. At most
        `CAP`. Inside the cortex the pattern goes on for a few pitches and then means nothing.

    Notes
    -----
    Where the grade is less than 1 the sheets are perforated more, at the same wavelength and width, so that trabeculae
    become fewer and not thinner. Pieces of bone that hold on neither to the cortex nor to a face of the box, not even by a
    corner between two nodes, are left out; where less than a third of the bone is wanted much of it is such pieces.
    """
    sheet, cover = draw_waves(wavelength(spec), draws), draw_waves(wavelength(spec), draws)
    line = np.empty((0, 3)) if vein is None else np.asarray(vein, float)
    clear = vein_radius + VEIN_GAP
    return [
        _cut(cortical, grade, corner, spec, sheet, cover, line, clear)
        for corner in _parts(cortical, grade, low, high, spec)
    ]


def _parts(
    cortical: Field, grade: Grade, low: np.ndarray, high: np.ndarray, spec: Trabeculae
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes (3,), (3,) [um] around the connected parts of the cavity that have trabeculae, found at a coarse pitch."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    step = 2.0 * spec.thickness
    axes = tuple(np.linspace(a, b, max(int(np.ceil((b - a) / step)), 1) + 1) for a, b in zip(low, high, strict=True))
    wanted = (cortical.on_grid(axes) > -step) & (_at_nodes(grade, axes) > 0.0)
    labels, _ = ndimage.label(wanted, TOUCHING)
    boxes = []
    for part in ndimage.find_objects(labels):
        first = np.array([x[p.start] for x, p in zip(axes, part[::-1], strict=True)])
        last = np.array([x[p.stop - 1] for x, p in zip(axes, part[::-1], strict=True)])
        boxes.append((np.maximum(first - step, low - step), np.minimum(last + step, high + step)))
    return boxes


def _cut(
    cortical: Field,
    grade: Grade,
    corner: tuple[np.ndarray, np.ndarray],
    spec: Trabeculae,
    sheet: Waves,
    cover: Waves,
    vein: np.ndarray,
    clear: float,
) -> Field:
    """The distance to trabecular bone in one box."""
    pitch = spec.thickness / NODES_PER_THICKNESS
    axes = tuple(pitch * np.arange(np.floor(a / pitch), np.ceil(b / pitch) + 1.0) for a, b in zip(*corner, strict=True))
    origin = np.array([x[0] for x in axes])
    depth = cortical.on_grid(axes)
    known = depth > -4.0 * pitch
    f = sheet.at_nodes(axes, known)
    f /= half_width(spec)
    kernels.thicken(f.copy(), pitch, THINNEST * spec.thickness, f)
    g = np.empty(known.shape)
    level = _cut_of_cover(_at_nodes(grade, axes), spec)
    kernels.cut_square(f, cover.at_nodes(axes, known), level, pitch, spec.thickness, g)
    kept_off = None
    if len(vein) > 1:
        away = np.full(g.shape, np.inf)
        kernels.distance_to_line(vein[:-1], vein[1:], clear + 4.0 * pitch, origin, pitch, away)
        kept_off = clear - away
        np.minimum(g, -kept_off * (2.0 * np.pi / wavelength(spec)), out=g)
    rounded = ROUNDED * spec.thickness
    bone = _attached((np.abs(f) < 1.0) & (g > 0.0) & known, depth)
    for _ in range(CRUMBS):
        discs = _lay_discs(bone, known, f, g, pitch, rounded)
        left = discs.within(bone, pitch, rounded)
        if kept_off is not None:
            left &= kept_off < 0.0
        crumbs = left & ~_attached(left, depth)
        if not crumbs.any():
            break
        bone &= ~crumbs
    values = discs.distance(bone, pitch, rounded)
    if kept_off is not None:
        np.maximum(values, kept_off, out=values)
    return Field(origin=origin, spacing=pitch, values=values)


def _cut_of_cover(grade: np.ndarray, spec: Trabeculae) -> np.ndarray:
    """t above which g is bone."""
    return -ndtri(np.clip(grade * (1.0 - spec.open_share), 1e-9, 1.0 - 1e-9))


def _attached(bone: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Bone without the pieces that reach neither the cortex nor a face of the box.

    Pieces are connected by faces: two nodes that meet at a corner are not joined by bone when read between nodes.
    """
    labels, number = ndimage.label(bone)
    held = np.zeros(number + 1, bool)
    held[labels[bone & (depth <= 0.0)]] = True
    for axis in range(3):
        held[np.take(labels, [0, -1], axis=axis)] = True
    held[0] = False
    return held[labels]


@dataclass(frozen=True, kw_only=True)
class Discs:
    """Small discs on the surface of what lies deeper in bone than the rounding of its edges, one of each node beside bone's."""

    node: np.ndarray
    """(m,) int64 C-order index."""
    foot: np.ndarray
    normal: np.ndarray
    """(m, 3) centre from the grid's first node [um], and unit normal."""
    width: np.ndarray
    """(m,) radius [um]."""
    inside: np.ndarray
    """(m,) bool: whether the node itself lies that deep."""
    disc: np.ndarray
    """(nz, ny, nx) int32 disc of a node, -1 without one."""

    def within(self, bone: np.ndarray, pitch: float, rounded: float) -> np.ndarray:
        """(nz, ny, nx) bool: nodes of `bone` that are bone once its edges are rounded."""
        away = np.empty(self.node.size)
        kernels.distance_beside_discs(self.node, self.disc, self.foot, self.normal, self.width, pitch, CAP, away)
        left = bone.copy()
        left.reshape(-1)[self.node] &= self.inside | (away < rounded)
        return left

    def distance(self, bone: np.ndarray, pitch: float, rounded: float) -> np.ndarray:
        """(nz, ny, nx) float32 signed distance to the surface of `bone` with its edges rounded [um], at most `CAP`."""
        if not self.node.size:
            return np.full(bone.shape, CAP, np.float32)
        nearest = ndimage.distance_transform_edt(self.disc < 0, return_distances=False, return_indices=True)
        out = np.empty(bone.shape, np.float32)
        kernels.distance_to_discs(nearest, self.disc, self.foot, self.normal, self.width, pitch, CAP + rounded, out)
        inside = bone.copy()
        inside.reshape(-1)[self.node] &= self.inside
        out = np.where(inside, -out, out) - np.float32(rounded)
        return np.where(bone, out, np.abs(out))  # rounding takes bone away and adds none


def _lay_discs(
    bone: np.ndarray, known: np.ndarray, f: np.ndarray, g: np.ndarray, pitch: float, rounded: float
) -> Discs:
    """Discs at the nodes beside the surface of `bone`, but for those beside what is not known and the outermost."""
    near = _beside(bone) & ~_beside(known)
    near[[0, -1]], near[:, [0, -1]], near[:, :, [0, -1]] = False, False, False
    node = np.flatnonzero(near)
    foot, normal, width = np.empty((node.size, 3)), np.empty((node.size, 3)), np.empty(node.size)
    inside = np.empty(node.size, bool)
    kernels.find_discs(node, f, g, pitch, 0.6 * pitch, rounded, foot, normal, width, inside)
    disc = np.full(bone.shape, -1, np.int32)
    disc.reshape(-1)[node] = np.arange(node.size, dtype=np.int32)
    return Discs(node=node, foot=foot, normal=normal, width=width, inside=inside, disc=disc)


def _beside(mask: np.ndarray) -> np.ndarray:
    """Nodes that differ from a neighbour along an axis."""
    out = np.zeros(mask.shape, bool)
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        differ = mask[tuple(low)] != mask[tuple(high)]
        out[tuple(low)] |= differ
        out[tuple(high)] |= differ
    return out


def _at_nodes(function: Callable[[np.ndarray], np.ndarray], axes: tuple[np.ndarray, ...]) -> np.ndarray:
    """(nz, ny, nx) values of a function of points (m, 3) at the nodes x, y, z, one layer at a time."""
    x, y, z = axes
    out = np.empty((z.size, y.size, x.size))
    points = np.empty((y.size, x.size, 3))
    points[..., 0], points[..., 1] = x, y[:, None]
    for k, height in enumerate(z):
        points[..., 2] = height
        out[k] = function(points.reshape(-1, 3)).reshape(y.size, x.size)
    return out
