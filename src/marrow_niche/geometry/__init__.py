"""From a bone surface to a lattice of marrow with vessels and stroma."""

from marrow_niche.geometry.anatomy import Anatomy, Published
from marrow_niche.geometry.bone_mesh import about_how_many, bone_surface
from marrow_niche.geometry.build import build_geometry
from marrow_niche.geometry.lattice import BONE, LUMEN, MARROW, OUTSIDE, Lattice, make_lattice
from marrow_niche.geometry.near import Near
from marrow_niche.geometry.niches import Niches
from marrow_niche.geometry.sources import beside, load_bone
from marrow_niche.geometry.spec import Geometry, GeometrySpec, Section
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels

__all__ = [
    "ARTERIOLE",
    "BONE",
    "LUMEN",
    "MARROW",
    "OUTSIDE",
    "SINUSOID",
    "VEIN",
    "Anatomy",
    "Geometry",
    "GeometrySpec",
    "Lattice",
    "Near",
    "Niches",
    "Published",
    "Section",
    "Vessels",
    "about_how_many",
    "beside",
    "bone_surface",
    "build_geometry",
    "load_bone",
    "make_lattice",
]
