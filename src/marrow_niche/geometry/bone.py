"""The bone as a solid: its axis, how deep a point lies under its surface, and where its cortex ends.

Nothing here knows the voxels of the run. Depth is the exact distance to the triangles, kept at the nodes of a grid of its
own whose pitch follows from the size of the piece alone; read between nodes it is right to about pitch^2 / (8 R). So the
endosteum, and all that is built inside it, stays where it is when the voxel changes.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from marrow_niche.geometry.cuts import go_on, natural_triangles, share_kept
from marrow_niche.geometry.field import Field, Inset, spread, stations
from marrow_niche.geometry.image import LabelImage
from marrow_niche.geometry.lattice import OUTSIDE, voxelise
from marrow_niche.geometry.mesh import Surface
from marrow_niche.geometry.trabeculae import Grade, Trabeculae, along_bone
from marrow_niche.kernels import surface as faces

AXES = ("x", "y", "z")
WHOLE_NODES = 60_000
"""Nodes inside the bone when all of it is looked at, once, for its radius and volume along the axis."""
PIECE_NODES = 500_000
"""Nodes inside the bone in the piece that is built."""


@dataclass(frozen=True, kw_only=True)
class Bone:
    """A closed bone surface in um, with what follows from its shape."""

    surface: Surface
    axis: int
    """0, 1 or 2: the file axis nearest the longest principal axis of the enclosed volume."""
    angle: float
    """Between the two [degrees]."""
    extents: np.ndarray
    """(3,) along the principal axes, longest first [um]."""
    low: np.ndarray
    high: np.ndarray
    """(3,) corners of the bounding box [um]."""
    station: np.ndarray
    """(s,) positions along `axis` [um]."""
    radius: np.ndarray
    """(s,) greatest depth under the surface there, smoothed [um]: the local radius."""
    centre: np.ndarray
    """(s, 3) where it is that deep, smoothed [um]."""
    cortex: np.ndarray
    """(s,) thickness of the cortex there [um]."""
    area: np.ndarray
    """(s,) cross-section of the marrow there [um^2]."""
    image: LabelImage | None = None
    """The volume that it was read from, instead of a surface."""
    trabeculae: Trabeculae | None = None
    """Spongy bone in its cavity."""

    @property
    def volume(self) -> float:
        """All that is bone or marrow [um^3]."""
        if self.image is None:
            return self.surface.volume
        return float(np.count_nonzero(self.image.labels != OUTSIDE) * np.prod(self.image.spacing))

    @property
    def has_shaft(self) -> bool:
        """Whether it is a whole bone at least twice as long as wide, such as has a central vein."""
        whole = self.image is None and self.surface.cut is None
        return whole and bool(self.extents[0] >= 2.0 * self.extents[1])

    @property
    def has_cortex(self) -> bool:
        """Whether there is a cortex: an image of nothing but bone and marrow was cut out of spongy bone."""
        return self.image is None or bool((self.image.labels == OUTSIDE).any())

    @property
    def marrow_volume(self) -> float:
        """Inside the cortex, whole bone [um^3]."""
        return self.marrow_between(-np.inf, np.inf)

    def marrow_between(self, low: float, high: float) -> float:
        """Marrow between two positions along the axis [um^3]."""
        pitch = self.station[1] - self.station[0]
        within = np.clip((np.minimum(self.station - low, high - self.station)) / pitch + 0.5, 0.0, 1.0)
        return float((self.area * within).sum() * pitch)

    @property
    def cavity(self) -> tuple[float, float]:
        """Positions on the axis between which there is marrow [um]."""
        open_ = self.station[self.area > 0.0]
        return (float(open_[0]), float(open_[-1])) if open_.size else (float(self.station[0]), float(self.station[0]))

    @property
    def grade(self) -> Grade:
        """How far its trabeculae are developed: points (m, 3) to (m,) in [0, 1], nought without any."""
        if self.trabeculae is None:
            return lambda points: np.zeros(len(points))
        return along_bone(*self.cavity, self.axis, self.trabeculae)

    @property
    def length(self) -> float:
        """Extent along the longest principal axis [um]."""
        return float(self.extents[0])

    def cortex_at(self, along: np.ndarray) -> np.ndarray:
        """Thickness of the cortex at positions along the axis [um]."""
        return np.interp(along, self.station, self.cortex)


def make_bone(surface: Surface, *, cortex: float | None, default_cortex: float, share: float) -> Bone:
    """Measure a bone and decide on its cortex.

    Parameters
    ----------
    surface : Surface
        In um.
    cortex : float, optional
        Thickness everywhere [um]. Without it: `default_cortex`, but at most `share` of the local radius, so that a bone
        of any size keeps a cavity.
    default_cortex : float
        [um].
    share : float
        [-].
    """
    _, axes, extents = surface.principal()
    axis = int(np.abs(axes[0]).argmax())
    angle = float(np.degrees(np.arccos(min(abs(axes[0, axis]), 1.0))))
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    depth = depth_field(surface, low, high, nodes=WHOLE_NODES)
    station, radius, centre = _along(depth, axis)
    thickness = np.full_like(radius, cortex) if cortex is not None else np.minimum(default_cortex, share * radius)
    inset = depth.values - spread(np.interp(stations(depth, axis), station, thickness), axis)
    edge = np.clip(0.5 + inset / depth.spacing, 0.0, 1.0) * (depth.values > 0.0) * share_kept(surface, depth)
    area = np.moveaxis(edge, 2 - axis, 0).reshape(edge.shape[2 - axis], -1).sum(axis=1) * depth.spacing**2
    return Bone(
        surface=surface,
        axis=axis,
        angle=angle,
        extents=extents,
        low=low,
        high=high,
        station=station,
        radius=radius,
        centre=centre,
        cortex=thickness,
        area=np.interp(station, stations(depth, axis), area),
    )


def depth_field(surface: Surface, low: np.ndarray, high: np.ndarray, *, nodes: int) -> Field:
    """Signed distance to the surface at nodes over a box, positive inside [um].

    Parameters
    ----------
    low, high : (3,) float64
        Corners of the box [um].
    nodes : int
        About how many nodes to spend inside the bone; the pitch follows.

    Notes
    -----
    More than two pitches outside, the value is only "two pitches outside".
    Where a piece was cut out of a larger bone (`Surface.cut`) the distance is to the bone's own surface alone, and within two
    pitches behind a cut face the bone goes on.
    """
    pitch = _pitch(surface, low, high, nodes)
    number = np.ceil((high - low) / pitch).astype(int) + 5
    origin = 0.5 * (low + high) - 0.5 * pitch * (number - 1)
    shape = (int(number[2]), int(number[1]), int(number[0]))
    inside = voxelise(
        surface.vertices, surface.triangles, origin=origin - 0.5 * pitch, spacing=pitch, shape=shape
    ).astype(bool)
    asked = ndimage.binary_dilation(inside, np.ones((3, 3, 3), bool), iterations=2)
    nearest, squared = np.full(shape, -1, np.int32), np.full(shape, np.inf)
    faces.surface_distance(asked, surface.vertices, natural_triangles(surface), origin, pitch, nearest, squared)
    inside, squared = go_on(surface, asked, inside, squared, origin=origin, spacing=pitch)
    far = float(np.linalg.norm(np.ptp(surface.vertices, axis=0)))  # of a piece of a core without any of the bone's own surface
    distance = np.minimum(np.sqrt(squared), far)
    values = np.where(inside, distance, -np.minimum(distance, 2.0 * pitch))
    return Field(origin=origin, spacing=pitch, values=values)


def with_trabeculae(bone: Bone, spec: Trabeculae) -> Bone:
    """The bone with spongy bone in its cavity, and less marrow by that."""
    middle = np.zeros((len(bone.station), 3))
    middle[:, bone.axis] = bone.station
    filled = replace(bone, trabeculae=spec)
    return replace(filled, area=bone.area * (1.0 - spec.volume_fraction * filled.grade(middle)))


def inset_field(bone: Bone, low: np.ndarray, high: np.ndarray, *, nodes: int = PIECE_NODES) -> Inset:
    """Signed distance to the endosteum at nodes over a box, positive in the marrow [um].

    A point's distance to the surface at depth c is its own depth minus c, exactly, so no second search is needed.
    """
    depth = depth_field(bone.surface, low, high, nodes=nodes)
    thickness = bone.cortex_at(stations(depth, bone.axis))
    values = depth.values - spread(thickness, bone.axis)
    return Inset(cortical=Field(origin=depth.origin, spacing=depth.spacing, values=values))


def marrow_volume(bone: Bone, inset: Inset, low: np.ndarray, high: np.ndarray) -> float:
    """Volume of marrow [um^3] between two corners (3,), from the nodes, with a linear edge."""
    grid, kept = inset.cortical, None
    if bone.surface.cut is not None:
        kept = Field(origin=grid.origin, spacing=grid.spacing, values=share_kept(bone.surface, grid))
    cavity = _volume_above(grid, low, high, [] if kept is None else [kept])
    for field in inset.trabecular:
        solid = Field(origin=field.origin, spacing=field.spacing, values=-field.values)
        inside = Field(origin=grid.origin, spacing=grid.spacing, values=0.5 + grid.values)
        cavity -= _volume_above(solid, low, high, [inside] if kept is None else [inside, kept])
    return cavity


def _volume_above(field: Field, low: np.ndarray, high: np.ndarray, within: list[Field]) -> float:
    """Volume between two corners where the field, a signed distance, is above nought, and all `within` above a half [um^3]."""
    share = np.clip(0.5 + field.values / field.spacing, 0.0, 1.0)
    for d in range(3):
        node = stations(field, d)
        inside = np.clip(np.minimum(node - low[d], high[d] - node) / field.spacing + 0.5, 0.0, 1.0)
        share = share * spread(inside, d)
    if within:
        some = np.flatnonzero(share)
        place = field.origin + field.spacing * np.stack(np.unravel_index(some, share.shape)[::-1], axis=1)
        for other in within:
            share.reshape(-1)[some] *= other.at(place) > 0.5
    return float(share.sum() * field.spacing**3)


def _pitch(surface: Surface, low: np.ndarray, high: np.ndarray, nodes: int) -> float:
    """Pitch at which about `nodes` nodes of the box lie inside the bone."""
    pitch = (np.prod(high - low) / (20.0 * nodes)) ** (1.0 / 3.0)
    number = np.maximum(np.round((high - low) / pitch).astype(int), 1)
    origin = 0.5 * (low + high) - 0.5 * pitch * number
    shape = (int(number[2]), int(number[1]), int(number[0]))
    inside = voxelise(surface.vertices, surface.triangles, origin=origin, spacing=pitch, shape=shape)
    return float(pitch * max(int(inside.sum()) / nodes, 1.0 / 20.0) ** (1.0 / 3.0))


def _along(depth: Field, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Station, greatest depth and its place in each layer across the axis, smoothed over a radius' length."""
    values = np.moveaxis(depth.values, 2 - axis, 0)
    layers = values.reshape(values.shape[0], -1)
    station = stations(depth, axis)
    greatest = layers.max(axis=1)
    filled = np.flatnonzero(greatest > 0.0)
    station, greatest, layers = station[filled], greatest[filled], layers[filled]
    others = [d for d in (2, 1, 0) if d != axis]
    grids = np.meshgrid(
        *(depth.origin[d] + depth.spacing * np.arange(depth.values.shape[2 - d]) for d in others), indexing="ij"
    )
    weight = np.clip(1.0 - (greatest[:, None] - layers) / (0.5 * depth.spacing + 0.1 * greatest[:, None]), 0.0, 1.0)
    centre = np.empty((len(station), 3))
    centre[:, axis] = station
    for d, grid in zip(others, grids, strict=True):
        centre[:, d] = (weight @ grid.reshape(-1)) / weight.sum(axis=1)
    sigma = float(np.median(greatest)) / depth.spacing
    centre = ndimage.gaussian_filter1d(centre, sigma, axis=0, mode="nearest")
    centre[:, axis] = station
    return station, ndimage.gaussian_filter1d(greatest, 0.5 * sigma, mode="nearest"), centre
