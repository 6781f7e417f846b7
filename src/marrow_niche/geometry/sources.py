"""Where a marrow comes from: a mesh, an image, a bone made by the package, or measured points."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import morphometry
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import Bone, make_bone, with_trabeculae
from marrow_niche.geometry.image import read_labels
from marrow_niche.geometry.image_bone import bone_of_image
from marrow_niche.geometry.lattice import Lattice
from marrow_niche.geometry.made_bones import made_bone
from marrow_niche.geometry.mesh import read_surface, um_per_file_unit
from marrow_niche.geometry.points import Points, linked, marrow_around
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
        image = read_labels(
            beside(folder, spec.image),
            labels=spec.labels,
            voxel=spec.image_voxel,
            bone_threshold=spec.bone_threshold,
        )
        if image.labels.shape[0] == 1:
            image = replace(image, spacing=np.array([spec.voxel, *image.spacing[1:]]))
        return bone_of_image(image), {"source": image.facts["file"], "image": image.facts}
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
    told = {"source": f"{made.name} (made by the package)", "site": made.name, "numbers_from": made.sources()}
    return _filled(bone, spec.trabeculae or made.trabeculae.spec), told


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


def given_vessels(spec: GeometrySpec, anatomy: Anatomy, points: Points | None, folder: Path) -> Vessels | None:
    """The vessels of a file or of points, or None where they are to be made."""
    drawn = None
    if points is not None:
        drawn = linked(
            points, sinusoid_radius=anatomy.sinusoid_radius, arteriole_radius=2.0 * anatomy.arteriole_tip_radius
        )
    if spec.vessels is None:
        return drawn
    if drawn is not None:
        raise GeometryError("geometry.vessels: vessels come from this file and from points too; put those under ignore.")
    return read_vessels(
        beside(folder, spec.vessels), None if spec.vessel_nodes is None else beside(folder, spec.vessel_nodes)
    )


def points_facts(points: Points, whole: Lattice) -> dict[str, Any]:
    """What the table held, and how many of its points lie outside the marrow of the piece."""
    outside = {}
    for role, place in points.position.items():
        if role != "bone":
            outside[role] = int(np.count_nonzero(~morphometry.in_marrow(place, whole)))
    return {"points": {**points.facts, "outside the marrow": outside}}


def beside(folder: Path, name: str) -> Path:
    """The file of a scenario: relative to its folder, or as it is; ~ is the user's own."""
    return Path(folder) / Path(name).expanduser()
