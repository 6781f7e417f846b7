"""Stromal cells stand where they should, as many as they should be."""

import naive_geometry as naive
import numpy as np
import pytest
from scipy.spatial import cKDTree

from marrow_niche.geometry.vessels import ARTERIOLE


@pytest.fixture(scope="module")
def section(build):
    return build(20.0, at=0.5, thickness=400.0)


def walls(geometry, points):
    """Distance of points to the nearest sinusoid or vein, and to the nearest vessel of any kind."""
    v = geometry.vessels
    venous = v.kind != ARTERIOLE
    out = []
    for p in points:
        near = np.linalg.norm(0.5 * (v.a + v.b) - p, axis=1) < 150.0
        each = naive.tube_distance(p, v.a[near], v.b[near], v.radius[near])[1]
        out.append((each[venous[near]].min(), each.min()))
    return np.array(out)


def test_stroma_is_as_dense_as_told(section, mouse):
    volume = section.facts["marrow_mm3"]
    assert len(section.niches.stroma) == pytest.approx(mouse.stroma_density * volume, rel=0.06)
    assert len(section.niches.megakaryocyte) == pytest.approx(mouse.megakaryocyte_density * volume, rel=0.2)
    active = mouse.osteoblast_density * mouse.osteoblast_active_share
    assert len(section.niches.osteoblast) == pytest.approx(active * section.facts["endosteum_mm2"], abs=1.0)


def test_stroma_stands_just_outside_sinusoids(section, mouse):
    away = walls(section, section.niches.stroma[::7])
    assert (away[:, 1] >= 0.0).all()
    assert (away[:, 0] <= mouse.stroma_gap + 1e-6).all()
    pairs = cKDTree(section.niches.stroma).query_pairs(mouse.stroma_diameter - 1e-9)
    assert not pairs


def test_megakaryocytes_touch_sinusoids_and_nothing_else(section, mouse):
    away = walls(section, section.niches.megakaryocyte[::3])
    assert (away[:, 1] >= 0.7 * mouse.megakaryocyte_radius - 1e-6).all()
    assert (away[:, 0] <= 1.2 * mouse.megakaryocyte_radius + 1e-6).all()
    assert (section.to_endosteum[section.niches.megakaryocyte_voxel] > 0.0).all()


def test_osteoblasts_line_the_endosteum_in_patches(section):
    """Within 10 um of the wall; neighbours are nearer than on a surface covered evenly at the same mean density."""
    cells = section.niches.osteoblast
    away = 400.0 - np.hypot(cells[:, 0] - 2000.0, cells[:, 1] + 1000.0)
    assert away == pytest.approx(4.0, abs=6.0)
    mean = len(cells) / (section.facts["endosteum_mm2"] * 1e6)
    nearest = cKDTree(cells).query(cells, k=2)[0][:, 1]
    assert nearest.mean() < 0.6 * 0.5 / np.sqrt(mean)


def test_each_cell_belongs_to_the_voxel_it_stands_in_or_beside(section):
    centres, h = section.lattice.centres(), section.lattice.spacing
    for cells, voxel in (
        (section.niches.stroma, section.niches.stroma_voxel),
        (section.niches.osteoblast, section.niches.osteoblast_voxel),
        (section.niches.megakaryocyte, section.niches.megakaryocyte_voxel),
    ):
        off = np.abs(cells - centres[voxel]).max(axis=1) / h
        assert off.max() <= 2.51
        assert (off <= 0.5 + 1e-9).mean() > 0.85
        assert voxel.dtype == np.int32


def test_territory_is_the_nearest_megakaryocyte(section):
    centres = section.lattice.centres()
    for v in range(0, section.lattice.n, 997):
        away = np.linalg.norm(section.niches.megakaryocyte - centres[v], axis=1)
        assert section.niches.territory[v] == away.argmin()


def test_no_cells_where_densities_are_nought(build):
    empty = build(
        40.0, at=0.5, thickness=120.0, stroma_density=0.0, osteoblast_active_share=0.0, megakaryocyte_density=0.0
    )
    assert len(empty.niches.stroma) == len(empty.niches.osteoblast) == len(empty.niches.megakaryocyte) == 0
    assert (empty.niches.territory == -1).all()
    assert empty.near_stroma.start[-1] == 0
