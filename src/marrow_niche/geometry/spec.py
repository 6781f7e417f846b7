"""What a scenario asks of the geometry, and what it gets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from marrow_niche.geometry.bone import Field
from marrow_niche.geometry.lattice import Lattice
from marrow_niche.geometry.near import Near
from marrow_niche.geometry.niches import Niches
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
    inset: Field
    """Signed distance to the endosteum anywhere, positive in marrow [um]."""
    near_sinusoid: Near
    """Edges of `vessels` (sinusoids and veins)."""
    near_stroma: Near
    """Rows of `niches.stroma`."""
    surface: tuple[np.ndarray, np.ndarray]
    """Vertices (v, 3) [um] and triangles (t, 3) of the whole bone's outer surface."""
    facts: dict[str, Any]
    """Plain numbers and words for `check` and the report."""
