"""A mouse's anatomy, and a bone small enough for tests."""

import dataclasses
from pathlib import Path

import naive_geometry as naive
import pytest

from marrow_niche.geometry import Anatomy, GeometrySpec, Section, build_geometry

MOUSE = Anatomy(
    cortex=160.0,
    cortex_share=0.4,
    sinusoid_spacing=58.0,
    sinusoid_radius=12.0,
    sinusoid_radius_spread=0.25,
    sinusoid_degree=3.2,
    sinusoid_tortuosity=6.0,
    vein_radius=45.0,
    arteriole_tip_radius=5.0,
    artery_radius=30.0,
    arteriole_spacing=115.0,
    stroma_density=1.5e4,
    stroma_gap=5.0,
    stroma_diameter=10.0,
    osteoblast_density=5e3,
    osteoblast_active_share=0.15,
    megakaryocyte_density=500.0,
    megakaryocyte_radius=12.0,
)
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "meshes"


@pytest.fixture(scope="session")
def mouse():
    return MOUSE


@pytest.fixture(scope="session")
def rod_mesh(tmp_path_factory):
    """A rod 3 mm long and 1 mm thick along z, written in mm."""
    import meshio

    vertices, triangles = naive.rod(0.5, 3.0, centre=(2.0, -1.0, 5.0))
    path = tmp_path_factory.mktemp("mesh") / "rod.stl"
    meshio.Mesh(vertices, [("triangle", triangles)]).write(path)
    return path


@pytest.fixture(scope="session")
def build(rod_mesh):
    """build(voxel, at=, thickness=, axis=, seed=, **anatomy) of the rod; without `at` the whole of it. Built once each."""
    made = {}

    def of(voxel, *, at=None, thickness=None, axis="long", seed=3, cortex=100.0, **anatomy):
        key = (voxel, at, thickness, axis, seed, cortex, *anatomy.items())
        if key not in made:
            section = None if at is None else Section(axis=axis, at=at, thickness=thickness)
            spec = GeometrySpec(mesh=rod_mesh.name, unit="mm", voxel=voxel, section=section, cortex=cortex)
            made[key] = build_geometry(spec, dataclasses.replace(MOUSE, **anatomy), seed=seed, folder=rod_mesh.parent)
        return made[key]

    return of


@pytest.fixture
def shared():
    """Folder of measured bones that does not come with the package."""
    if not SHARED.is_dir():
        pytest.skip("the measured bones are not here")
    return SHARED
