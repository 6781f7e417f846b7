"""From a bone and a voxel to everything the marrow is made of."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import walls
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import AXES, Bone, Field, inset_field, make_bone, marrow_volume
from marrow_niche.geometry.lattice import BONE, LUMEN, MARROW, Lattice, largest_component, make_lattice, voxelise
from marrow_niche.geometry.mesh import Surface, read_surface, um_per_file_unit
from marrow_niche.geometry.near import Blocks, Near, boxed, distance_at, make_blocks, middled, search, share_inside
from marrow_niche.geometry.niches import Niches, make_niches
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels, make_vessels
from marrow_niche.kernels import distance, raster
from marrow_niche.quantities.parameters import quantity

CAP = 200.0
"""Distances to vessels are not looked for beyond this [um]."""
MARGIN = 3.0
"""Vessels are laid this many sinusoid spacings beyond a section, so that its faces cut a plexus that goes on."""
BEYOND = 50.0
"""Stroma is listed this much beyond what can be nearest [um]: where the nearest is dead, a cell reads the next."""
CLOSED_BELOW = 0.05
"""A voxel with less than this share outside vessels is LUMEN."""
FEWEST = 30
"""Marrow voxels without which nothing can be said."""
MOST_CORDS = 8_000_000
"""Cords (and with each about five sinusoids) that are laid at most: what Qhull can number."""
BYTES_PER_CORD, BYTES_PER_STROMAL_CELL = 3500.0, 500.0
"""What it costs to lay them, the lists of what is near each voxel included."""
BYTES_PER_MARROW_VOXEL = 900.0
"""What a marrow voxel costs in a run: geometry 350, fields, counts and niche state the rest."""
PLACE, SHAPE, CELLS, PROBES = 101, 102, 103, 104
"""Purposes of the random streams: where cords lie, how vessels are shaped, where stromal cells stand, where one measures."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A piece of the bone between two planes."""

    axis: str = "long"
    """"long" (the file axis nearest the longest principal axis), or the file's "x", "y" or "z"."""
    at: float = quantity("", "middle of the piece: a share of the extent, or um, from the file's low end")
    at_is_fraction: bool = True
    thickness: float | None = quantity("um", "thickness; without it a slice one voxel thick", low=0.0, default=None)


@dataclass(frozen=True, kw_only=True)
class GeometrySpec:
    """The [geometry] table of a scenario."""

    mesh: str | None = None
    """Path of a surface, relative to the scenario."""
    bone: str | None = None
    """Instead of a mesh: a bone made by the package, "long bone"."""
    length: float | None = quantity("um", "length along the longest principal axis", low=1.0, default=None)
    unit: str | None = None
    """Unit the mesh is written in: "um", "mm", "cm" or "m"."""
    cortex: float | None = quantity("um", "thickness of the cortex", low=0.0, default=None)
    voxel: float = quantity("um", "edge of a voxel", low=0.1)
    section: Section | None = None


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The marrow of one piece of bone: n voxels, vessels and stroma. Lengths in um."""

    lattice: Lattice
    vessels: Vessels
    niches: Niches
    extravascular: np.ndarray
    """(n,) share of the voxel outside vessels, in (0.05, 1]."""
    sinusoid_area: np.ndarray
    """(n,) wall of sinusoids and veins in the voxel [um^2]."""
    arteriole_area: np.ndarray
    """(n,) wall of arterioles in the voxel [um^2]."""
    bone_area: np.ndarray
    """(n,) endosteum in the voxel [um^2]."""
    to_sinusoid: np.ndarray
    to_arteriole: np.ndarray
    """(n,) signed distance of the voxel's centre to the nearest wall [um], at most `CAP`."""
    to_endosteum: np.ndarray
    """(n,) distance of the voxel's centre to the endosteum [um]."""
    near_sinusoid: Near
    """Edges of `vessels` (sinusoids and veins)."""
    near_stroma: Near
    """Rows of `niches.stroma`."""
    surface: tuple[np.ndarray, np.ndarray]
    """Vertices (v, 3) [um] and triangles (t, 3) of the whole bone's outer surface."""
    facts: dict[str, Any]
    """Plain numbers and words for `check` and the report."""


def build_geometry(spec: GeometrySpec, anatomy: Anatomy, *, seed: int, folder: Path) -> Geometry:
    """Build the marrow.

    Parameters
    ----------
    spec : GeometrySpec
    anatomy : Anatomy
        Of the species.
    seed : int
        Of the run; with the same seed, bone and section the vessels are the same whatever the voxel.
    folder : Path
        Where mesh paths are relative to.

    Raises
    ------
    GeometryError
        No marrow can be made: the mesh, the section, the cortex or the voxel does not allow it.
    """
    bone, source = load_bone(spec, anatomy, folder=folder)
    low, high, thick = _piece(spec, bone)
    near_low, near_high = _neighbourhood(spec, bone, low, high, margin=0.0)
    far_low, far_high = _neighbourhood(spec, bone, low, high, margin=MARGIN * anatomy.sinusoid_spacing)
    inset = inset_field(bone, far_low, far_high)
    inside_piece = marrow_volume(inset, low, high)
    around = marrow_volume(inset, far_low, far_high)
    _refuse_hopeless(spec, bone, anatomy, inside_piece, around, low, high, inset)
    tissue, origin, dropped = _tissue(spec, bone, inset, low, high)
    dimension = 2 if spec.section is not None and 1 in tissue.shape else 3
    whole = make_lattice(tissue, spacing=spec.voxel, origin=origin, dimension=dimension)
    if whole.n < FEWEST:
        raise GeometryError(_too_coarse(spec, whole.n, inside_piece, thick))

    vessels = make_vessels(
        bone, inset, anatomy, low=far_low, high=far_high, place=_draws(seed, PLACE), shape=_draws(seed, SHAPE)
    )
    blocks = make_blocks(whole)
    venous = np.flatnonzero(vessels.kind != ARTERIOLE).astype(np.int32)
    arterial = np.flatnonzero(vessels.kind == ARTERIOLE).astype(np.int32)
    to_sinusoid, near_sinusoid = _search(vessels, venous, blocks, cell=40.0)
    to_arteriole, near_arteriole = _search(vessels, arterial, blocks, cell=100.0)
    tubes = (vessels.a, vessels.b, vessels.radius)
    share = share_inside((*tubes, vessels.kind), (near_sinusoid, near_arteriole), blocks.voxel, spacing=spec.voxel)
    extravascular = 1.0 - share.sum(axis=1)

    tissue.reshape(-1)[whole.flat[extravascular < CLOSED_BELOW]] = LUMEN
    connected, _, pockets = largest_component(tissue == MARROW)
    tissue[(tissue == MARROW) & ~connected] = LUMEN
    lattice = make_lattice(tissue, spacing=spec.voxel, origin=origin, dimension=dimension)
    if lattice.n < FEWEST:
        raise GeometryError(_too_coarse(spec, lattice.n, inside_piece, thick))
    kept = tissue.reshape(-1)[whole.flat] == MARROW
    del near_arteriole
    near_sinusoid = near_sinusoid.of(kept)

    every = boxed(*tubes, cell=30.0, margin=anatomy.megakaryocyte_radius)
    sinusoid_area, arteriole_area = walls.vessel_area(vessels, boxed(*tubes, cell=30.0), lattice)
    bone_area = walls.endosteal_area(lattice, inset)
    niches = make_niches(
        lattice,
        vessels,
        every,
        inset,
        bone_area,
        anatomy,
        marrow_volume=marrow_volume(inset, near_low, near_high),
        low=near_low,
        high=near_high,
        draws=_draws(seed, CELLS),
    )
    points = middled(niches.stroma, niches.stroma, np.zeros(len(niches.stroma)), cell=40.0)
    wider = make_blocks(lattice)
    wider = replace(wider, diagonal=wider.diagonal + BEYOND)
    _, near_stroma = search(points, wider, cap=max(CAP, 20.0 * spec.voxel))
    geometry = Geometry(
        lattice=lattice,
        vessels=vessels,
        niches=niches,
        extravascular=extravascular[kept],
        sinusoid_area=sinusoid_area,
        arteriole_area=arteriole_area,
        bone_area=bone_area,
        to_sinusoid=to_sinusoid[kept],
        to_arteriole=to_arteriole[kept],
        to_endosteum=inset.at(lattice.centres()),
        near_sinusoid=near_sinusoid,
        near_stroma=near_stroma,
        surface=(bone.surface.vertices, bone.surface.triangles),
        facts={},
    )
    geometry.facts.update(source)
    geometry.facts.update(_facts(spec, bone, geometry, whole, share, low, high, dropped, pockets))
    geometry.facts.update(_distances(geometry, _draws(seed, PROBES)))
    return geometry


def _search(vessels: Vessels, edges: np.ndarray, blocks: Blocks, *, cell: float) -> tuple[np.ndarray, Near]:
    tubes = middled(vessels.a[edges], vessels.b[edges], vessels.radius[edges], cell=cell)
    away, near = search(tubes, blocks, cap=CAP)
    return away, Near(start=near.start, item=edges[near.item])


def load_bone(spec: GeometrySpec, anatomy: Anatomy, *, folder: Path) -> tuple[Bone, dict[str, Any]]:
    """The bone of a scenario in um, and facts about where it came from.

    Raises
    ------
    GeometryError
        The mesh cannot be used, or it is not said which bone, which size or which cortex.
    """
    if (spec.mesh is None) == (spec.bone is None):
        raise GeometryError(
            'geometry: give either mesh = "femur.stl" or bone = "long bone"'
            + (", not both." if spec.mesh is not None else "; neither is there.")
        )
    if spec.mesh is not None:
        path = Path(folder) / Path(spec.mesh).expanduser()
        raw = read_surface(path)
        factor = um_per_file_unit(raw, length=spec.length, unit=spec.unit, name=path.name)
        name = path.name
    else:
        from marrow_niche.geometry.long_bone import make_long_bone

        if spec.bone != "long bone":
            raise GeometryError(
                f'geometry.bone: {spec.bone!r} is not made by the package; "long bone" is. A bone of your own: mesh = ...'
            )
        raw = make_long_bone()
        factor = 1.0 if spec.length is None else spec.length / raw.principal()[2][0]
        name = "long bone (made by the package)"
    surface = Surface(vertices=raw.vertices * factor, triangles=raw.triangles, shells_left_out=raw.shells_left_out)
    bone = make_bone(surface, cortex=spec.cortex, default_cortex=anatomy.cortex, share=anatomy.cortex_share)
    return bone, {"source": name, "um_per_file_unit": float(factor), "shells_left_out": raw.shells_left_out}


def _piece(spec: GeometrySpec, bone: Bone) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Corners of the piece, a whole number of voxels thick, and its thickness (None for a slice)."""
    low, high = bone.low.copy(), bone.high.copy()
    if spec.section is None:
        return low, high, float(high[bone.axis] - low[bone.axis])
    section, h = spec.section, spec.voxel
    if section.axis not in ("long", *AXES):
        raise GeometryError(f'geometry.section.axis: {section.axis!r} is not an axis. Give "long", "x", "y" or "z".')
    axis = bone.axis if section.axis == "long" else AXES.index(section.axis)
    extent = float(high[axis] - low[axis])
    at = section.at * extent if section.at_is_fraction else section.at
    name = AXES[axis]
    if not 0.0 <= at <= extent:
        raise GeometryError(
            f"geometry.section: at = {at / 1e3:.4g} mm lies outside the bone, which is {extent / 1e3:.4g} mm along {name}. "
            "Give a place between 0 % and 100 %, counted from the file's low end."
        )
    layers = 1 if section.thickness is None else max(round(section.thickness / h), 1)
    first = low[axis] + at - 0.5 * layers * h
    last = first + layers * h
    if section.thickness is not None:
        below = max(int(np.floor((low[axis] - first) / h)), 0)
        above = max(int(np.floor((last - high[axis]) / h)), 0)
        first, last = first + below * h, last - above * h
    low[axis], high[axis] = first, last
    return low, high, None if section.thickness is None else last - first


def _neighbourhood(
    spec: GeometrySpec, bone: Bone, low: np.ndarray, high: np.ndarray, *, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """The box in which things are laid: the section as it was asked for and a margin of real bone around it.

    It is the same for every voxel (of a slice: up to 100 um), so that what is laid is the same too.
    """
    if spec.section is None:
        return bone.low, bone.high
    section = spec.section
    axis = bone.axis if section.axis == "long" else AXES.index(section.axis)
    extent = bone.high[axis] - bone.low[axis]
    middle = bone.low[axis] + (section.at * extent if section.at_is_fraction else section.at)
    thickness = section.thickness if section.thickness is not None else 100.0 * np.ceil(spec.voxel / 100.0)
    near_low, near_high = bone.low.copy(), bone.high.copy()
    near_low[axis] = max(min(middle - 0.5 * thickness, low[axis]) - margin, near_low[axis])
    near_high[axis] = min(max(middle + 0.5 * thickness, high[axis]) + margin, near_high[axis])
    return near_low, near_high


def _tissue(
    spec: GeometrySpec, bone: Bone, inset: Field, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Labels of the piece before vessels are cut out, cropped to the bone, and the marrow parts that were dropped."""
    h = spec.voxel
    number = np.maximum(np.ceil((high - low) / h - 1e-6).astype(int), 1)
    pad = np.array([1, 1, 1])
    if spec.section is not None:
        pad[(low != bone.low) | (high != bone.high)] = 0
    number = number + 2 * pad
    origin = 0.5 * (low + high) - 0.5 * h * number
    shape = (int(number[2]), int(number[1]), int(number[0]))
    inside = voxelise(bone.surface.vertices, bone.surface.triangles, origin=origin, spacing=h, shape=shape)
    tissue = np.zeros(shape, np.uint8)
    raster.label(inside, tissue, inset.values, inset.origin, inset.spacing, origin, h, BONE, MARROW)
    marrow, parts, left_out = largest_component(tissue == MARROW)
    tissue[(tissue == MARROW) & ~marrow] = BONE
    crop, shift = [], np.zeros(3)
    for d in range(3):
        filled = np.flatnonzero((tissue > 0).any(axis=tuple(k for k in range(3) if k != d)))
        thin = pad[2 - d] == 0
        first = 0 if thin or filled.size == 0 else max(int(filled[0]) - 1, 0)
        last = shape[d] if thin or filled.size == 0 else min(int(filled[-1]) + 2, shape[d])
        crop.append(slice(first, last))
        shift[2 - d] = first * h
    return np.ascontiguousarray(tissue[tuple(crop)]), origin + shift, (parts, left_out)


def _refuse_hopeless(
    spec: GeometrySpec,
    bone: Bone,
    anatomy: Anatomy,
    volume: float,
    around: float,
    low: np.ndarray,
    high: np.ndarray,
    inset: Field,
) -> None:
    """Refuse what cannot be built before memory is spent on it."""
    import psutil

    h = spec.voxel
    deepest = float(bone.radius.max())
    if bone.marrow_volume <= 0.0:
        raise GeometryError(
            f"geometry.cortex: a cortex of {bone.cortex.max():.4g} um leaves no marrow in a bone that is nowhere more than "
            f"{deepest:.4g} um deep. Give a thinner one, or leave it out: the default keeps a cavity."
        )
    if volume <= 0.0:
        raise GeometryError("geometry.section: there is no marrow in this piece, only bone. " + _where_marrow_is(bone))
    cords = 0.65 * around / anatomy.sinusoid_spacing**3
    if cords > MOST_CORDS:
        raise GeometryError(
            f"geometry: the piece and its surroundings hold {around * 1e-9:.4g} mm^3 of marrow, about "
            f"{5 * cords:.2g} sinusoids; more than {5 * MOST_CORDS:.2g} are not laid. Take a thinner section: about "
            f"{MOST_CORDS / cords:.0%} of this volume. A piece stands for the whole marrow."
        )
    box = float(np.prod(np.ceil((high - low) / h) + 2))
    laid = BYTES_PER_CORD * cords + BYTES_PER_STROMAL_CELL * anatomy.stroma_density * 1e-9 * volume
    need = 8.0 * box + BYTES_PER_MARROW_VOXEL * volume / h**3 + laid
    free = 0.8 * psutil.virtual_memory().available
    if need > free:
        fits = h * (need / free) ** (1.0 / 3.0)
        digits = 10.0 ** (np.floor(np.log10(fits)) - 1)
        raise GeometryError(
            f"geometry.voxel: {h:.4g} um makes {box:.3g} voxels, {volume / h**3:.3g} of them marrow, which needs about "
            f"{need / 2**30:.3g} GiB; {free / 2**30:.3g} GiB are free. "
            f'Take voxel = "{np.ceil(fits / digits) * digits:.3g} um" or larger, or a section of the bone.'
        )


def _where_marrow_is(bone: Bone) -> str:
    open_ = bone.station[bone.area > 0.0] - bone.low[bone.axis]
    extent = bone.high[bone.axis] - bone.low[bone.axis]
    if open_.size == 0:
        return "Take a thinner cortex."
    return (
        f"Along {AXES[bone.axis]} this bone has marrow between {open_[0] / extent:.0%} and {open_[-1] / extent:.0%} "
        "of its extent."
    )


def _too_coarse(spec: GeometrySpec, found: int, volume: float, thick: float | None) -> str:
    h = spec.voxel
    wanted = 200.0
    fits = (volume / wanted) ** (1.0 / 3.0) if thick else h * np.sqrt(volume / h**3 / wanted)
    fits = min(fits, 0.5 * h)
    digits = 10.0 ** np.floor(np.log10(fits))
    return (
        f"geometry.voxel: with voxels of {h:.4g} um this piece has {found} marrow voxels, too few to hold a marrow. "
        f'Take voxel = "{np.floor(fits / digits) * digits:.3g} um" or smaller.'
    )


def _draws(seed: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, purpose]))


def _facts(
    spec: GeometrySpec,
    bone: Bone,
    geometry: Geometry,
    whole: Lattice,
    share: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    dropped: tuple[int, int],
    pockets: int,
) -> dict[str, Any]:
    """Morphometry. Shares and densities are per volume of marrow, vessels included."""
    lattice, vessels, niches = geometry.lattice, geometry.vessels, geometry.niches
    h = spec.voxel
    volume = whole.n * h**3
    outside = geometry.extravascular
    kinds = np.zeros(3)
    kinds[: share.shape[1]] = share.mean(axis=0)
    inside = _length_inside(vessels, whole)
    length = {k: float(inside[vessels.kind == k].sum()) for k in (SINUSOID, ARTERIOLE, VEIN)}
    degree = np.bincount(vessels.edges[vessels.kind == SINUSOID].reshape(-1), minlength=len(vessels.nodes))
    junction = (degree > 2) & _in_marrow(vessels.nodes, whole)
    layers = (bone.station >= low[bone.axis]) & (bone.station <= high[bone.axis])
    if not layers.any():
        layers[np.argmin(np.abs(bone.station - 0.5 * (low + high)[bone.axis]))] = True
    used = (
        bone.cortex[layers & (bone.radius > bone.cortex)]
        if (layers & (bone.radius > bone.cortex)).any()
        else bone.cortex
    )
    facts: dict[str, Any] = {
        "long_axis": AXES[bone.axis],
        "long_axis_angle_degrees": bone.angle,
        "length_mm": bone.length * 1e-3,
        "extents_mm": [float(v) * 1e-3 for v in (bone.high - bone.low)],
        "bone_volume_mm3": bone.surface.volume * 1e-9,
        "bone_marrow_mm3": bone.marrow_volume * 1e-9,
        "triangles": len(bone.surface.triangles),
        "cortex_um": float(np.median(used)),
        "cortex_from": "scenario" if spec.cortex is not None else "species and local radius",
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
        "sinusoid_fraction": float(kinds[SINUSOID]),
        "arteriole_fraction": float(kinds[ARTERIOLE]),
        "vein_fraction": float(kinds[VEIN]),
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
    }
    if spec.section is not None:
        axis = bone.axis if spec.section.axis == "long" else AXES.index(spec.section.axis)
        facts["section_axis"] = AXES[axis]
        facts["section_from_mm"] = float(low[axis] - bone.low[axis]) * 1e-3
        facts["section_to_mm"] = float(high[axis] - bone.low[axis]) * 1e-3
    return facts


def _in_marrow(points: np.ndarray, whole: Lattice) -> np.ndarray:
    voxel = np.empty(len(points), np.int32)
    distance.find_voxels(points, whole.origin, whole.spacing, whole.index(), 1, voxel)
    return voxel >= 0


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
    return vessels.length * share * _in_marrow(middle, whole)


def _distances(geometry: Geometry, draws: np.random.Generator, number: int = 200_000) -> dict[str, Any]:
    """Distance of the extravascular marrow to sinusoids and veins, at random points and so whatever the voxel."""
    lattice, vessels = geometry.lattice, geometry.vessels
    voxel = draws.integers(lattice.n, size=number)
    points = lattice.centres()[voxel] + lattice.spacing * (draws.random((number, 3)) - 0.5)
    away = distance_at(points, voxel, geometry.near_sinusoid, (vessels.a, vessels.b, vessels.radius))
    away = np.minimum(away[away > 0.0], CAP)
    if not away.size:
        return {}
    return {
        "mean_distance_to_sinusoid_um": float(away.mean()),
        "median_distance_to_sinusoid_um": float(np.median(away)),
        "share_within_10um_of_sinusoid": float((away < 10.0).mean()),
    }
