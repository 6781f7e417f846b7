"""What a scenario asks of the geometry, and what it gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from marrow_niche.geometry.bone import Bone
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.lattice import Lattice
from marrow_niche.geometry.near import Near
from marrow_niche.geometry.niches import Niches
from marrow_niche.geometry.trabeculae import Trabeculae
from marrow_niche.geometry.vessels import Vessels
from marrow_niche.quantities.parameters import quantity

CAP = 200.0
"""Distances to vessels are not looked for beyond this [um]."""
FEWEST = 30
"""Marrow voxels without which nothing can be said."""


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
    """Instead of a mesh: a bone made by the package, such as "long bone"."""
    image: str | None = None
    """Instead of a mesh: path of a volume image, relative to the scenario."""
    labels: dict[str, Any] | None = None
    """What the values of the image stand for, such as { bone = 1, marrow = 0 }; several values in a list."""
    bone_threshold: Any = None
    """Instead of labels, for a grey image: a number, or "otsu"; values from there on are bone."""
    image_voxel: float | None = quantity(
        "um", "edge of the voxels of the image itself, over what its file says", low=0.01, default=None
    )
    points: str | None = None
    """Path of a table of positions with columns x_um, y_um, z_um, class and perhaps radius_um."""
    classes: dict[str, Any] | None = None
    """What the classes of the table stand for, such as { stroma = ["CAR", "LepR"], bone = "bone" }."""
    vessels: str | None = None
    """Path of a graph of vessels instead of those made: a .vtp, or a .csv of edges beside `vessel_nodes`."""
    vessel_nodes: str | None = None
    """Path of the table of its nodes."""
    trabeculae: Trabeculae | None = None
    """Spongy bone in the cavity; a volume_fraction of 0 is none. Without it: what the bone or the species has."""
    fat: float | None = quantity("", "share of the marrow that is fat", low=0.0, high=0.95, default=None)
    age: float | None = quantity(
        "year", "age, by which a bone made by the package has its fat", low=0.0, high=120.0, default=None
    )
    length: float | None = quantity("um", "length along the longest principal axis", low=1.0, default=None)
    unit: str | None = None
    """Unit the mesh is written in: "um", "mm", "cm" or "m"."""
    cortex: float | None = quantity("um", "thickness of the cortex", low=0.0, default=None)
    voxel: float = quantity("um", "edge of a voxel", low=0.1)
    section: Section | None = None

    def contradictions(self) -> Iterator[str | tuple[str, str]]:
        """What does not go together."""
        sources = [name for name in ("mesh", "image", "bone") if getattr(self, name) is not None]
        if len(sources) > 1:
            yield f"{' and '.join(sources)} are given; one of them says which bone it is."
        if not sources and self.points is None:
            yield (
                'it is not said which bone: give mesh = "femur.stl", image = "scan.nrrd", bone = "long bone" or '
                'points = "cells.csv".'
            )
        if "image" not in sources:
            for name in ("labels", "bone_threshold", "image_voxel"):
                if getattr(self, name) is not None:
                    yield name, "it says how an image is read, but there is no image."
        if self.points is None and self.classes is not None:
            yield "classes", "it says what the classes of points are, but there are no points."
        if self.vessel_nodes is not None and self.vessels is None:
            yield "vessel_nodes", "it is a table of nodes without its edges; give those as vessels."
        for name in ("length", "unit", "cortex"):
            if not {"mesh", "bone"} & set(sources) and getattr(self, name) is not None:
                yield name, "an image or a table of points has its size, and its bone, in itself. Leave it out."
        if self.trabeculae is not None and not {"mesh", "bone"} & set(sources):
            yield "trabeculae", "an image or a table of points has its own bone. Leave it out."
        if self.age is not None and self.bone is None:
            yield "age", 'only a bone made by the package has a known fat by age; give the share itself, as fat = "40 %".'
        if self.age is not None and self.fat is not None:
            yield "age", "age and fat both say how much of the marrow is fat; give one of them."
        if self.bone is not None and self.unit is not None:
            yield "unit", "a bone made by the package is in um; length scales it."


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
    inset: Inset
    """Signed distance to the endosteum anywhere, positive in marrow [um]."""
    near_sinusoid: Near
    """Edges of `vessels` (sinusoids and veins), ordered."""
    near_stroma: Near
    """Rows of `niches.stroma`, ordered."""
    bone: Bone
    """The whole bone, of which this is a piece."""
    facts: dict[str, Any]
    """Plain numbers and words for `check` and the report."""

    @property
    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (v, 3) [um] and triangles (t, 3) of the whole bone's outer surface."""
        return self.bone.surface.vertices, self.bone.surface.triangles
