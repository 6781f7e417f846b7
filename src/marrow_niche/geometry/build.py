"""From a bone and a voxel to everything the marrow is made of."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import morphometry, refusals, walls
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import Bone, inset_field, marrow_volume
from marrow_niche.geometry.fat import ADIPOCYTE, among_fat, fill_shares, make_fat, spread_fat
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.image_bone import image_inset, image_marrow
from marrow_niche.geometry.lattice import FAT, LUMEN, MARROW, largest_component, make_lattice
from marrow_niche.geometry.near import Blocks, Near, boxed, make_blocks, middled, search
from marrow_niche.geometry.niches import make_niches
from marrow_niche.geometry.piece import make_piece, make_tissue, neighbourhood
from marrow_niche.geometry.points import read_points
from marrow_niche.geometry.sources import beside, given_vessels, load_bone, points_facts, usual_fat
from marrow_niche.geometry.spec import CAP, FEWEST, Geometry, GeometrySpec
from marrow_niche.geometry.spongiosa import measure_spongiosa
from marrow_niche.geometry.trabeculae import Trabeculae, trabecular_field, wavelength
from marrow_niche.geometry.vessels import ARTERIOLE, Vessels, make_vessels, vein_track

MARGIN = 3.0
"""Vessels are laid this many sinusoid spacings beyond a section, so that its faces cut a plexus that goes on."""
BEYOND = 50.0
"""Stroma is listed this much beyond what can be nearest [um]: where the nearest is dead, a cell reads the next."""
CLOSED_BELOW = 0.05
"""A voxel with less than this share outside vessels is LUMEN."""
PLACE, SHAPE, CELLS, PROBES, FAT_CELLS, SPONGIOSA, SPHERES = 101, 102, 103, 104, 105, 106, 107
"""Purposes of the random streams: where cords lie, how vessels are shaped, where stromal cells stand, where one
measures, where fat lies, how trabeculae run, where one measures them."""


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
    points = None
    if spec.points is not None:
        points = read_points(beside(folder, spec.points), classes=spec.classes)
    bone, source = load_bone(spec, anatomy, folder=folder, points=points)
    fat_share = usual_fat(spec)
    anatomy = among_fat(anatomy, fat_share)
    low, high, thick = make_piece(spec, bone)
    near_low, near_high = neighbourhood(spec, bone, low, high, margin=0.0)
    far_low, far_high = neighbourhood(spec, bone, low, high, margin=MARGIN * anatomy.sinusoid_spacing)
    if bone.image is not None:
        inset = image_inset(bone.image, margin=MARGIN * anatomy.sinusoid_spacing)
        measure = partial(image_marrow, bone.image)
    else:
        inset = inset_field(bone, far_low, far_high)
        if bone.trabeculae is not None:
            inset = _with_spongiosa(bone, bone.trabeculae, inset, anatomy, far_low, far_high, seed)
        measure = partial(marrow_volume, bone, inset)
    inside_piece, around, nearby = (measure(*box) for box in ((low, high), (far_low, far_high), (near_low, near_high)))
    refusals.refuse_hopeless(spec, bone, anatomy, inside_piece, around, low, high, inset)
    tissue, origin, dropped = make_tissue(spec, bone, inset, low, high)
    flat = spec.section is not None or bone.image is not None
    dimension = 2 if flat and 1 in tissue.shape else 3
    whole = make_lattice(tissue, spacing=spec.voxel, origin=origin, dimension=dimension)
    if whole.n < FEWEST:
        raise GeometryError(refusals.too_coarse(spec, whole.n, inside_piece, thick))

    vessels = given_vessels(spec, anatomy, points, folder)
    if vessels is None:
        vessels = make_vessels(
            bone, inset, anatomy, low=far_low, high=far_high, place=_draws(seed, PLACE), shape=_draws(seed, SHAPE)
        )
    blood = morphometry.flow_facts(vessels, inset, bone, anatomy, far_low, far_high)  # before long lists take the room
    tubes = (vessels.a, vessels.b, vessels.radius)
    every = boxed(*tubes, cell=30.0, margin=max(anatomy.megakaryocyte_radius, anatomy.adipocyte_radius))
    fat = make_fat(
        inset,
        every,
        anatomy,
        asked=fat_share,
        given=points,
        volume=nearby,
        low=near_low,
        high=near_high,
        draws=_draws(seed, FAT_CELLS),
    )
    blocks = make_blocks(whole)
    venous = np.flatnonzero(vessels.kind != ARTERIOLE).astype(np.int32)
    arterial = np.flatnonzero(vessels.kind == ARTERIOLE).astype(np.int32)
    to_sinusoid, near_sinusoid = _search(vessels, venous, blocks, cell=50.0)
    to_arteriole, near_arteriole = _search(vessels, arterial, blocks, cell=70.0)
    share = fill_shares(vessels, fat, (near_sinusoid, near_arteriole), blocks, spacing=spec.voxel)
    refusals.refuse_crowded(float(share[:, :ADIPOCYTE].sum(axis=1).mean()), anatomy)
    if fat_share is not None:
        spread_fat(share, fat_share)
    extravascular, filled = 1.0 - share.sum(axis=1), share.mean(axis=0)

    closed = extravascular < CLOSED_BELOW
    tissue.reshape(-1)[whole.flat[closed]] = np.where(share[closed, ADIPOCYTE] > 0.5, FAT, LUMEN)
    connected, _, pockets = largest_component(tissue == MARROW)
    tissue[(tissue == MARROW) & ~connected] = LUMEN
    lattice = make_lattice(tissue, spacing=spec.voxel, origin=origin, dimension=dimension)
    if lattice.n < FEWEST:
        raise GeometryError(refusals.too_coarse(spec, lattice.n, inside_piece, thick))
    kept = tissue.reshape(-1)[whole.flat] == MARROW
    del near_arteriole, blocks, share
    near_sinusoid = near_sinusoid.of(kept)
    extravascular, to_sinusoid, to_arteriole = extravascular[kept], to_sinusoid[kept], to_arteriole[kept]

    sinusoid_area, arteriole_area = walls.vessel_area(vessels, boxed(*tubes, cell=20.0), lattice)
    bone_area = walls.endosteal_area(lattice, inset)
    blocks = make_blocks(lattice)
    niches = make_niches(
        lattice,
        blocks,
        vessels,
        every,
        inset,
        bone_area,
        anatomy,
        marrow_volume=nearby,
        low=near_low,
        high=near_high,
        draws=_draws(seed, CELLS),
        given={} if points is None else points.position,
        fat=fat,
    )
    cells = middled(niches.stroma, niches.stroma, np.zeros(len(niches.stroma)), cell=70.0)
    del every
    wider = replace(blocks, diagonal=blocks.diagonal + BEYOND)
    _, near_stroma = search(cells, wider, cap=max(CAP, 20.0 * spec.voxel))
    near_stroma = near_stroma.ordered(blocks.voxel, (cells.a, cells.b, cells.radius), blocks.diagonal)
    near_sinusoid = near_sinusoid.ordered(blocks.voxel, tubes, blocks.diagonal)
    geometry = Geometry(
        lattice=lattice,
        vessels=vessels,
        niches=niches,
        extravascular=extravascular,
        sinusoid_area=sinusoid_area,
        arteriole_area=arteriole_area,
        bone_area=bone_area,
        to_sinusoid=to_sinusoid,
        to_arteriole=to_arteriole,
        to_endosteum=inset.at(blocks.voxel),
        inset=inset,
        near_sinusoid=near_sinusoid,
        near_stroma=near_stroma,
        bone=bone,
        facts={},
    )
    del blocks, wider, cells
    geometry.facts.update(source)
    if points is not None:
        geometry.facts.update(points_facts(points, whole))
        if "stem cell" in points.position:
            geometry.facts.update(morphometry.measured_nearness(geometry, points.position["stem cell"]))
    geometry.facts.update(morphometry.facts(spec, bone, geometry, whole, filled, low, high, dropped, pockets))
    geometry.facts.update(morphometry.random_nearness(geometry, _draws(seed, PROBES), box=(low, high)))
    geometry.facts.update(blood)
    if bone.trabeculae is not None:
        spongy, grade = bone.trabeculae, bone.grade
        geometry.facts["trabecular_asked"] = spongy.volume_fraction
        geometry.facts["trabecular_thickness_asked_um"] = spongy.thickness
        geometry.facts.update(
            measure_spongiosa(
                inset,
                lambda points: (grade(points) > 0.99) & morphometry.in_tissue(points, whole),
                low,
                high,
                thickness=spongy.thickness,
                spacing=0.6 * wavelength(spongy),
                draws=_draws(seed, SPHERES),
            )
        )
    return geometry


def _with_spongiosa(
    bone: Bone, spec: Trabeculae, inset: Inset, anatomy: Anatomy, low: np.ndarray, high: np.ndarray, seed: int
) -> Inset:
    """The distance to bone with trabeculae in the cavity, which keep off the central vein."""
    fields = trabecular_field(
        inset.cortical,
        bone.grade,
        low,
        high,
        spec,
        draws=_draws(seed, SPONGIOSA),
        vein=vein_track(bone, inset, anatomy, low, high),
        vein_radius=anatomy.vein_radius,
    )
    return replace(inset, trabecular=tuple(fields))


def _search(vessels: Vessels, edges: np.ndarray, blocks: Blocks, *, cell: float) -> tuple[np.ndarray, Near]:
    tubes = middled(vessels.a[edges], vessels.b[edges], vessels.radius[edges], cell=cell)
    return search(tubes, blocks, cap=CAP, names=edges)


def _draws(seed: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, purpose]))
