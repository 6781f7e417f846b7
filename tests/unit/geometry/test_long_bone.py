"""The femur the package makes: closed, as large as a mouse's, and the same as the file it ships."""

from pathlib import Path

import numpy as np
import pytest

from marrow_niche.geometry.bone import make_bone
from marrow_niche.geometry.long_bone import make_long_bone, write_stl
from marrow_niche.geometry.mesh import read_surface

SHIPPED = Path(__file__).resolve().parents[3] / "meshes" / "mouse_femur.stl"


@pytest.fixture(scope="module")
def femur():
    return make_long_bone()


def test_the_file_that_is_shipped_is_the_one_that_is_made(tmp_path, femur):
    write_stl(tmp_path / "femur.stl")
    assert (tmp_path / "femur.stl").read_bytes() == SHIPPED.read_bytes()
    assert SHIPPED.stat().st_size < 1_000_000
    read = read_surface(SHIPPED)
    assert np.array_equal(read.vertices, femur.vertices)
    assert np.array_equal(np.sort(read.triangles, axis=1), np.sort(femur.triangles, axis=1))


def test_its_lengths_are_those_published(femur):
    """meshes/README.md gives the sources."""
    assert femur.shells_left_out == 0
    bone = make_bone(femur, cortex=None, default_cortex=160.0, share=0.4)
    assert bone.axis == 2
    assert bone.length == pytest.approx(15_500.0, rel=1e-4)
    marrow = np.interp(7_750.0, bone.station, bone.area) * 1e-6
    assert 0.7 < marrow < 1.0
    assert 12.0 < bone.marrow_volume * 1e-9 < 20.0


def test_mid_shaft_section(femur):
    """Total area 1.4 to 2 mm^2, wider than deep."""
    from marrow_niche.geometry.lattice import voxelise

    h = 20.0
    low = np.floor(femur.vertices.min(axis=0))
    shape = (1, 130, 190)
    inside = voxelise(
        femur.vertices, femur.triangles, origin=np.array([low[0], low[1], 7_750.0]), spacing=h, shape=shape
    )[0]
    assert 1.4 < inside.sum() * h * h * 1e-6 < 2.0
    assert 1_500.0 < inside.any(axis=0).sum() * h < 1_800.0
    assert 1_050.0 < inside.any(axis=1).sum() * h < 1_300.0


def test_ends_are_wider_than_the_shaft(femur):
    """Condyles at the low end, head and trochanter at the high end."""
    x, z = femur.vertices[:, 0], femur.vertices[:, 2]
    width = [np.ptp(x[(z > a) & (z < a + 800.0)]) for a in (500.0, 7_000.0, 14_200.0)]
    assert width[0] > 1.4 * width[1]
    assert width[2] > 1.8 * width[1]
