"""From a bone and a voxel to everything the marrow is made of."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import morphometry, refusals, walls
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import AXES, Bone, Field, inset_field, make_bone, marrow_volume
from marrow_niche.geometry.lattice import BONE, LUMEN, MARROW, largest_component, make_lattice, voxelise
from marrow_niche.geometry.mesh import Surface, read_surface, um_per_file_unit
from marrow_niche.geometry.near import Blocks, Near, boxed, make_blocks, middled, search, share_inside
from marrow_niche.geometry.niches import make_niches
from marrow_niche.geometry.spec import CAP, FEWEST, Geometry, GeometrySpec
from marrow_niche.geometry.vessels import ARTERIOLE, Vessels, make_vessels
from marrow_niche.kernels import raster

MARGIN = 3.0
"""Vessels are laid this many sinusoid spacings beyond a section, so that its faces cut a plexus that goes on."""
BEYOND = 50.0
"""Stroma is listed this much beyond what can be nearest [um]: where the nearest is dead, a cell reads the next."""
CLOSED_BELOW = 0.05
"""A voxel with less than this share outside vessels is LUMEN."""
PLACE, SHAPE, CELLS, PROBES = 101, 102, 103, 104
"""Purposes of the random streams: where cords lie, how vessels are shaped, where stromal cells stand, where one measures."""


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
    refusals.refuse_hopeless(spec, bone, anatomy, inside_piece, around, low, high, inset)
    tissue, origin, dropped = _tissue(spec, bone, inset, low, high)
    dimension = 2 if spec.section is not None and 1 in tissue.shape else 3
    whole = make_lattice(tissue, spacing=spec.voxel, origin=origin, dimension=dimension)
    if whole.n < FEWEST:
        raise GeometryError(refusals.too_coarse(spec, whole.n, inside_piece, thick))

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
        raise GeometryError(refusals.too_coarse(spec, lattice.n, inside_piece, thick))
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
        inset=inset,
        near_sinusoid=near_sinusoid,
        near_stroma=near_stroma,
        surface=(bone.surface.vertices, bone.surface.triangles),
        facts={},
    )
    geometry.facts.update(source)
    geometry.facts.update(morphometry.facts(spec, bone, geometry, whole, share, low, high, dropped, pockets))
    geometry.facts.update(morphometry.random_nearness(geometry, _draws(seed, PROBES)))
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


def _draws(seed: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, purpose]))
