"""Where a marrow comes from: a mesh, an image, a bone made by the package, or measured points."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import morphometry
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import AXES, WHOLE_NODES, Bone, depth_field, make_bone, with_trabeculae
from marrow_niche.geometry.field import spread, stations
from marrow_niche.geometry.image import LabelImage, read_labels
from marrow_niche.geometry.image_bone import bone_of_image
from marrow_niche.geometry.image_vessels import labels_vessels, vessels_of_image
from marrow_niche.geometry.lattice import Lattice
from marrow_niche.geometry.made_bones import MadeBone, made_bone
from marrow_niche.geometry.mesh import read_surface, um_per_file_unit
from marrow_niche.geometry.points import Points, linked, marrow_around, unjoined
from marrow_niche.geometry.spec import GeometrySpec
from marrow_niche.geometry.trabeculae import Trabeculae
from marrow_niche.geometry.vessel_files import read_vessels
from marrow_niche.geometry.vessels import Vessels


def load_bone(
    spec: GeometrySpec, anatomy: Anatomy, *, folder: Path, points: Points | None = None
) -> tuple[Bone, dict[str, Any]]:
    """The bone of a scenario in um, and facts about where it came from; without one, the marrow around its points.

    Raises
    ------
    GeometryError
        The mesh cannot be used, or it is not said which bone, which size or which cortex.
    """
    for mistake in spec.contradictions():
        if isinstance(mistake, str):
            raise GeometryError(f"geometry: {mistake}")
    if spec.image is not None:
        image = read_image(spec, folder)
        told = {"source": image.facts["file"], "image": image.facts}
        if labels_vessels(image):
            told["vessels_from"] = f"the image, where it labels {' and '.join(labels_vessels(image))}"
        bone = bone_of_image(image)
        _refuse_line(spec, bone)
        return bone, told
    if spec.mesh is None and spec.bone is None:
        assert points is not None
        return bone_of_image(marrow_around(points)), {"source": f"around the points of {points.facts['file']}"}
    if spec.mesh is not None:
        path = beside(folder, spec.mesh)
        raw = read_surface(path)
        factor = um_per_file_unit(raw, length=spec.length, unit=spec.unit, name=path.name)
        surface = replace(raw, vertices=raw.vertices * factor)
        bone = make_bone(surface, cortex=spec.cortex, default_cortex=anatomy.cortex, share=anatomy.cortex_share)
        told = {"source": path.name, "um_per_file_unit": float(factor), "mended": list(raw.mended)}
        return _filled(bone, spec.trabeculae or _usual_trabeculae(bone, anatomy)), told
    made = made_bone(str(spec.bone))
    even = made.even and spec.cortex is None
    bone = make_bone(
        made.surface(spec.length),
        cortex=made.cortex if even else spec.cortex,
        default_cortex=made.cortex,
        share=anatomy.cortex_share,
    )
    if made.taper and spec.cortex is None:
        bone = _tapered(bone, made)
    told = {"source": f"{made.name} (made by the package)", "site": made.name, "numbers_from": made.sources()}
    return _filled(bone, spec.trabeculae or made.trabeculae.spec), told


def _tapered(bone: Bone, made: MadeBone) -> Bone:
    """The bone with a cortex as thick along it as `made.taper` says, at most half the local radius, and the marrow of that."""
    place, share = np.transpose(made.taper)
    along = (bone.station - bone.low[bone.axis]) / (bone.high - bone.low)[bone.axis]
    thickness = np.minimum(0.5 * bone.radius, made.cortex * np.interp(along, place, share))
    depth = depth_field(bone.surface, bone.low, bone.high, nodes=WHOLE_NODES)
    inset = depth.values - spread(np.interp(stations(depth, bone.axis), bone.station, thickness), bone.axis)
    edge = np.clip(0.5 + inset / depth.spacing, 0.0, 1.0) * (depth.values > 0.0)
    area = np.moveaxis(edge, 2 - bone.axis, 0).reshape(edge.shape[2 - bone.axis], -1).sum(axis=1) * depth.spacing**2
    return replace(bone, cortex=thickness, area=np.interp(bone.station, stations(depth, bone.axis), area))


def usual_fat(spec: GeometrySpec) -> float | None:
    """The share of the marrow that is fat: as asked, or by site and age; None where the species' density decides."""
    if spec.fat is not None or spec.bone is None:
        return spec.fat
    fat = made_bone(spec.bone).fat
    return fat.share if spec.age is None else fat.at(spec.age)


def _usual_trabeculae(bone: Bone, anatomy: Anatomy) -> Trabeculae | None:
    """Those of the species' long bones, in a bone with a shaft."""
    if not bone.has_shaft:
        return None
    return Trabeculae(
        volume_fraction=anatomy.trabecular_fraction,
        thickness=anatomy.trabecular_thickness,
        reach=anatomy.trabecular_reach,
        fade=anatomy.trabecular_fade,
    )


def _filled(bone: Bone, spec: Trabeculae | None) -> Bone:
    return bone if spec is None or spec.volume_fraction == 0.0 else with_trabeculae(bone, spec)


def given_vessels(
    spec: GeometrySpec, anatomy: Anatomy, points: Points | None, folder: Path, image: LabelImage | None = None
) -> Vessels | None:
    """The vessels of a file, of points or of the labels of an image, or None where they are to be made.

    Parameters
    ----------
    image : LabelImage, optional
        The scenario's, where it was read already.

    Raises
    ------
    GeometryError
        They are given twice, or cannot be used.
    """
    drawn = None
    if points is not None:
        drawn = linked(
            points, sinusoid_radius=anatomy.sinusoid_radius, arteriole_radius=2.0 * anatomy.arteriole_tip_radius
        )
    if image is None and spec.image is not None and _may_label_vessels(spec):
        image = read_image(spec, folder)
    named = [] if image is None else labels_vessels(image)
    twice = []
    if drawn is not None and spec.vessels is not None:
        twice.append("vessels come from this file and from points too; put those under ignore")
    if named and (drawn is not None or spec.vessels is not None):
        where = " and ".join(w for w, given in (("points", drawn), ("a file", spec.vessels)) if given is not None)
        twice.append(
            f"vessels come from {where}, and the image labels {' and '.join(named)} too; list those values under marrow"
        )
    if twice:
        raise GeometryError(f"geometry.vessels: {'; '.join(twice)}.")
    if spec.vessels is not None:
        return read_vessels(
            beside(folder, spec.vessels), None if spec.vessel_nodes is None else beside(folder, spec.vessel_nodes)
        )
    return drawn if image is None or drawn is not None else vessels_of_image(image)


def read_image(spec: GeometrySpec, folder: Path) -> LabelImage:
    """The image of a scenario as labels; a slice is as thick as a voxel of the run.

    Raises
    ------
    GeometryError
        It cannot be read (`read_labels`), is a slice that lies along z, or is thinner than half a voxel of the run.
    """
    image = read_labels(
        beside(folder, str(spec.image)), labels=spec.labels, voxel=spec.image_voxel, bone_threshold=spec.bone_threshold
    )
    name = image.facts["file"]
    thin = [axis for axis, n in zip("zyx", image.labels.shape) if n == 1]
    if thin not in ([], ["z"]):
        raise GeometryError(
            f"geometry.image: {name} is one voxel thick along {' and '.join(thin)}. A volume, or one slice of x and y, is "
            "read: turn it (in Fiji: Image, Stacks, Reslice), or export more slices."
        )
    if thin:
        return replace(image, spacing=np.array([spec.voxel, *image.spacing[1:]]))
    across = image.spacing * image.labels.shape
    least = int(np.argmin(across))
    if across[least] < 0.5 * spec.voxel:
        raise GeometryError(
            f"geometry.voxel: {name} is {across[least]:.4g} um thick along {'zyx'[least]}, less than half a voxel of "
            f'{spec.voxel:.4g} um. Take voxel = "{across[least]:.3g} um" or smaller, or one slice of the image by itself.'
        )
    return image


def _refuse_line(spec: GeometrySpec, bone: Bone) -> None:
    """Refuse a slice across an image that is a slice itself."""
    if (
        bone.image is None
        or bone.image.labels.shape[0] > 1
        or spec.section is None
        or spec.section.thickness is not None
    ):
        return
    if (spec.section.axis if spec.section.axis != "long" else AXES[bone.axis]) in ("x", "y"):
        raise GeometryError(
            f"geometry.section: {bone.image.facts['file']} is a slice already, and a slice across it is a line. Give the "
            'section a thickness, such as thickness = "500 um", or leave it out.'
        )


def _may_label_vessels(spec: GeometrySpec) -> bool:
    return bool({"vessel", "sinusoid", "arteriole", "vein"} & set(spec.labels or {}))


def points_facts(points: Points, whole: Lattice) -> dict[str, Any]:
    """What the table held, how many of its points lie outside the marrow of the piece, how many of its vessels' are alone."""
    outside = {}
    for role, place in points.position.items():
        if role != "bone":
            outside[role] = int(np.count_nonzero(~morphometry.in_marrow(place, whole)))
    alone = {role: len(unjoined(points, role)) for role in ("sinusoid", "arteriole")}
    return {
        "points": {
            **points.facts,
            "outside the marrow": outside,
            "in no vessel": {role: number for role, number in alone.items() if number},
        }
    }


def beside(folder: Path, name: str) -> Path:
    """The file of a scenario: relative to its folder, or as it is; ~ is the user's own."""
    return Path(folder) / Path(name).expanduser()
