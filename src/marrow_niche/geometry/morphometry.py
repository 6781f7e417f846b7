"""Morphometry: plain numbers about a marrow, for `check` and the report."""

from typing import Any

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import AXES, Bone
from marrow_niche.geometry.fat import ADIPOCYTE
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.flow import blood_flow, share_perfused
from marrow_niche.geometry.lattice import MARROW, OUTSIDE, Lattice, compact_index
from marrow_niche.geometry.near import boxed, distance_at
from marrow_niche.geometry.spec import CAP, Geometry, GeometrySpec
from marrow_niche.geometry.tubes import tube_distance
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels, radial_alignment, vein_track
from marrow_niche.kernels.voxels import find_voxels

WITHIN = (5.0, 10.0, 20.0)
"""Distances for which shares of points and cells are told [um]."""


def facts(
    spec: GeometrySpec,
    bone: Bone,
    geometry: Geometry,
    whole: Lattice,
    filled: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    dropped: tuple[int, int],
    pockets: int,
) -> dict[str, Any]:
    """Morphometry. Shares and densities are per volume of marrow, vessels included.

    `whole` is the lattice before vessels were cut out, `filled` (4,) the mean over its voxels of `fill_shares` [-], `low` and
    `high` (3,) the corners of the piece [um], `dropped` the parts of marrow left out and their voxels, `pockets` those cut off.
    """
    lattice, vessels, niches = geometry.lattice, geometry.vessels, geometry.niches
    h = spec.voxel
    volume = whole.n * h**3
    outside = geometry.extravascular
    inside = _length_inside(vessels, whole)
    length = {k: float(inside[vessels.kind == k].sum()) for k in (SINUSOID, ARTERIOLE, VEIN)}
    degree = np.bincount(vessels.edges[vessels.kind == SINUSOID].reshape(-1), minlength=len(vessels.nodes))
    junction = (degree > 2) & in_marrow(vessels.nodes, whole)
    layers = (bone.station >= low[bone.axis]) & (bone.station <= high[bone.axis])
    if not layers.any():
        layers[np.argmin(np.abs(bone.station - 0.5 * (low + high)[bone.axis]))] = True
    used = (
        bone.cortex[layers & (bone.radius > bone.cortex)]
        if (layers & (bone.radius > bone.cortex)).any()
        else bone.cortex
    )
    found: dict[str, Any] = {
        "long_axis": AXES[bone.axis],
        "long_axis_angle_degrees": bone.angle,
        "length_mm": bone.length * 1e-3,
        "extents_mm": [float(v) * 1e-3 for v in (bone.high - bone.low)],
        "bone_volume_mm3": bone.volume * 1e-9,
        "bone_marrow_mm3": bone.marrow_volume * 1e-9,
        "triangles": len(bone.surface.triangles),
        "tunnels": bone.surface.tunnels if bone.image is None else 0,
        "cortex_um": float(np.median(used)),
        "cortex_from": _cortex_from(spec, bone),
        "voxel_um": h,
        "dimension": lattice.dimension,
        "shape": list(lattice.shape),
        "marrow_voxels": lattice.n,
        "marrow_mm3": volume * 1e-9,
        "share_of_bone_marrow": volume / bone.marrow_volume,
        "extravascular_mm3": float(outside.sum()) * h**3 * 1e-9,
        "marrow_parts_dropped": dropped[0],
        "marrow_voxels_dropped": dropped[1],
        "pocket_voxels_dropped": pockets,
        "lumen_voxels": whole.n - lattice.n - pockets,
        "sinusoid_fraction": float(filled[SINUSOID]),
        "arteriole_fraction": float(filled[ARTERIOLE]),
        "vein_fraction": float(filled[VEIN]),
        "fat_fraction": float(filled[ADIPOCYTE]),
        "sinusoid_length_mm_per_mm3": length[SINUSOID] * 1e6 / volume,
        "arteriole_length_mm_per_mm3": length[ARTERIOLE] * 1e6 / volume,
        "sinusoid_junctions_per_mm3": float(junction.sum()) * 1e9 / volume,
        "sinusoid_wall_mm2_per_mm3": float(geometry.sinusoid_area.sum()) * 1e3 / volume,
        "arteriole_wall_mm2_per_mm3": float(geometry.arteriole_area.sum()) * 1e3 / volume,
        "endosteum_mm2": float(geometry.bone_area.sum()) * 1e-6,
        "vessel_edges": len(vessels.edges),
        "stroma": len(niches.stroma),
        "osteoblasts": len(niches.osteoblast),
        "megakaryocytes": len(niches.megakaryocyte),
        "adipocytes": len(niches.adipocyte),
    }
    if spec.section is not None:
        axis = bone.axis if spec.section.axis == "long" else AXES.index(spec.section.axis)
        found["section_axis"] = AXES[axis]
        found["section_from_mm"] = float(low[axis] - bone.low[axis]) * 1e-3
        found["section_to_mm"] = float(high[axis] - bone.low[axis]) * 1e-3
    return found


def _cortex_from(spec: GeometrySpec, bone: Bone) -> str:
    if spec.cortex is not None:
        return "scenario"
    if spec.image is not None:
        return "the image" if bone.has_cortex else "none, the image is of spongy bone"
    return "this bone's own" if spec.bone is not None else "species and local radius"


def flow_facts(
    vessels: Vessels, inset: Inset, bone: Bone, anatomy: Anatomy, low: np.ndarray, high: np.ndarray
) -> dict[str, Any]:
    """How vessels run, and which of them carry blood; what cannot be told is left out."""
    found: dict[str, Any] = {}
    if vessels.type_h.any():
        sinusoid = vessels.kind == SINUSOID
        found["type_h_share_of_length"] = float(vessels.length[vessels.type_h].sum() / vessels.length[sinusoid].sum())
    aligned = radial_alignment(vessels, vein_track(bone, inset, anatomy, low, high))
    if np.isfinite(aligned):
        found["sinusoids_radial"] = aligned
    try:
        _, flow = blood_flow(vessels, depth=inset.at(vessels.nodes))
        found["sinusoids_perfused"] = share_perfused(vessels, flow)
    except GeometryError as reason:
        found["sinusoids_not_perfused_because"] = str(reason)
    return found


def in_marrow(points: np.ndarray, whole: Lattice) -> np.ndarray:
    """(m,) bool: whether points (m, 3) [um] lie in marrow of the lattice, or one voxel beside."""
    voxel = np.empty(len(points), np.int32)
    find_voxels(points, whole.origin, whole.spacing, whole.index(), 1, voxel)
    return voxel >= 0


def in_tissue(points: np.ndarray, whole: Lattice) -> np.ndarray:
    """(m,) bool: whether points (m, 3) [um] lie in a voxel of the piece that is bone or marrow."""
    place = np.floor((points - whole.origin) / whole.spacing).astype(np.int64)
    within = np.all((place >= 0) & (place < np.array(whole.shape[::-1])), axis=1)
    place[~within] = 0
    return within & (whole.tissue[place[:, 2], place[:, 1], place[:, 0]] != OUTSIDE)


def _length_inside(vessels: Vessels, whole: Lattice) -> np.ndarray:
    """Length (e,) of each vessel between the planes that bound the lattice, if it runs through marrow there [um]."""
    a, step = vessels.a, vessels.b - vessels.a
    low = whole.origin
    high = low + whole.spacing * np.array(whole.shape[::-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - a) / step, (high - a) / step
    outside = (step == 0.0) & ((a < low) | (a > high))
    first = np.where(step == 0.0, 0.0, np.minimum(one, other)).max(axis=1).clip(0.0, 1.0)
    last = np.where(step == 0.0, 1.0, np.maximum(one, other)).min(axis=1).clip(0.0, 1.0)
    share = np.where(outside.any(axis=1), 0.0, np.maximum(last - first, 0.0))
    middle = a + (0.5 * (first + last))[:, None] * step
    return vessels.length * share * in_marrow(middle, whole)


def random_nearness(
    geometry: Geometry,
    draws: np.random.Generator,
    number: int = 20_000,
    box: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]:
    """How near `random_points` of the marrow outside vessels are to sinusoids (and veins), arterioles and bone.

    Points, not voxels: the same whatever the voxel. The share within a distance is right to 0.004 by chance.
    """
    points = random_points(geometry, draws, number, box)
    found: dict[str, Any] = {}
    for name, distance_to in nearness(points, holding(points, geometry.lattice), geometry).items():
        found |= _shares("share", name, distance_to)
        if np.isfinite(distance_to).any():
            found[f"mean_distance_to_{name}_um"] = float(np.minimum(distance_to, CAP).mean())
            found[f"median_distance_to_{name}_um"] = float(np.median(distance_to))
    return found


def random_points(
    geometry: Geometry,
    draws: np.random.Generator,
    number: int,
    box: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Points (number, 3) [um] spread evenly over the marrow outside vessels and adipocytes, with no regard to voxels.

    Parameters
    ----------
    geometry : Geometry
    draws : numpy.random.Generator
    number : int
        Fewer are found where the marrow is less than a five-hundredth of its box.
    box : (3,), (3,) float64, optional
        Corners of the piece [um]; without them, those of its lattice.

    Notes
    -----
    Points are drawn from the box and kept by their distances to bone and to walls, so also in a voxel whose centre is bone:
    two lattices over the same box have the same points, but for those in a voxel outside the tissue, and those that lie farther
    than a voxel from all marrow of the lattice, such as in a part that nothing joins to it.
    """
    lattice, vessels, niches = geometry.lattice, geometry.vessels, geometry.niches
    end = lattice.origin + lattice.spacing * np.array(lattice.shape[::-1])
    low, high = (lattice.origin, end) if box is None else box
    marrow = np.flatnonzero(lattice.tissue >= MARROW)
    index = compact_index(marrow, lattice.shape)
    tubes = boxed(vessels.a, vessels.b, vessels.radius, cell=30.0)
    size = niches.adipocyte_radius
    fat = boxed(niches.adipocyte, niches.adipocyte, size, cell=60.0)
    batch = 5 * number
    kept, have = [], 0
    for _ in range(100):
        points = low + (high - low) * draws.random((batch, 3))
        voxel = np.empty(batch, np.int32)
        find_voxels(points, lattice.origin, lattice.spacing, index, 1, voxel)
        points = points[voxel >= 0]
        points = points[in_tissue(points, lattice)]
        points = points[geometry.inset.at(points) > 0.0]
        points = points[~tubes.hold(points)]
        points = points[~fat.hold(points)]
        kept.append(points)
        have += len(points)
        if have >= number:
            break
    return np.concatenate(kept)[:number]


def holding(points: np.ndarray, lattice: Lattice) -> np.ndarray:
    """(m,) int32: the marrow voxel that holds each point (m, 3) [um], -1 where that voxel is none."""
    voxel = np.empty(len(points), np.int32)
    find_voxels(points, lattice.origin, lattice.spacing, lattice.index(), 0, voxel)
    return voxel


def cell_nearness(
    geometry: Geometry, position: np.ndarray, voxel: np.ndarray, who: str = "stem_cells"
) -> dict[str, Any]:
    """The same shares of cells at `position` (k, 3) [um] in marrow voxels `voxel` (k,): "stem_cells_within_10um_of_sinusoid"
    and so on; nothing without cells."""
    found: dict[str, Any] = {}
    for name, distance_to in nearness(position, voxel, geometry).items():
        found |= _shares(who, name, distance_to)
    return found


def measured_nearness(geometry: Geometry, position: np.ndarray) -> dict[str, Any]:
    """The same of measured stem cells at `position` (k, 3) [um], of those that lie in marrow voxels or one beside."""
    lattice = geometry.lattice
    voxel = np.empty(len(position), np.int32)
    find_voxels(position, lattice.origin, lattice.spacing, lattice.index(), 1, voxel)
    return cell_nearness(geometry, position[voxel >= 0], voxel[voxel >= 0], "measured_stem_cells")


def nearness(points: np.ndarray, voxel: np.ndarray, geometry: Geometry) -> dict[str, np.ndarray]:
    """Distances (m,) of points (m, 3) [um], in marrow voxels `voxel` (m,), to the nearest wall of a sinusoid or vein, of an
    arteriole, and to bone, by name; infinite where there is none. Exact for vessels, also of points in no marrow voxel (-1);
    for bone as exact as the endosteum is."""
    v = geometry.vessels
    arterial = v.kind == ARTERIOLE
    inside = voxel >= 0
    sinusoid = np.empty(len(points))
    sinusoid[inside] = distance_at(points[inside], voxel[inside], geometry.near_sinusoid, (v.a, v.b, v.radius))
    sinusoid[~inside] = tube_distance(points[~inside], v.a[~arterial], v.b[~arterial], v.radius[~arterial])
    return {
        "sinusoid": sinusoid,
        "arteriole": tube_distance(points, v.a[arterial], v.b[arterial], v.radius[arterial]),
        "bone": geometry.inset.at(points),
    }


def _shares(what: str, name: str, away: np.ndarray) -> dict[str, float]:
    if not away.size:
        return {}
    return {f"{what}_within_{within:g}um_of_{name}": float((away <= within).mean()) for within in WITHIN}
