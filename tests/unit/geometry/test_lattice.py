"""Voxels inside a surface, their labels and neighbours."""

import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.geometry.lattice import BONE, MARROW, OUTSIDE, largest_component, make_lattice, voxelise
from marrow_niche.kernels import raster


def test_voxels_inside_are_those_the_surface_winds_around():
    vertices, triangles = naive.rod(3.0, 14.0, centre=(0.13, -0.21, 0.37), around=16, along=4)
    origin, h, shape = np.array([-4.0, -4.0, -8.0]), 1.1, (14, 7, 8)
    inside = voxelise(vertices, triangles, origin=origin, spacing=h, shape=shape)
    for z, y, x in np.ndindex(shape):
        wound = naive.winding(origin + h * (np.array([x, y, z]) + 0.5), vertices, triangles)
        assert inside[z, y, x] == round(wound)


def test_columns_through_edges_and_corners_are_still_even():
    """A box whose faces, edges and diagonals lie exactly on the columns: 6 x 4 x 5 centres, none lost or leaked."""
    vertices, triangles = naive.box((6.0, 4.0, 5.0))
    inside = voxelise(vertices, triangles, origin=np.array([-4.5, -3.5, -4.0]), spacing=1.0, shape=(8, 7, 9))
    assert inside.sum() == 6 * 4 * 5
    assert inside[:, :, 0].sum() == inside[0].sum() == 0


def test_volume_of_a_ball_is_second_order():
    """The lattice's volume of a ball comes to 4/3 pi r^3 within a surface's share of h."""
    vertices, triangles = naive.sphere(10.0, rings=60)
    inside = voxelise(vertices, triangles, origin=np.full(3, -11.0), spacing=0.25, shape=(88, 88, 88))
    assert inside.sum() * 0.25**3 == pytest.approx(4.0 / 3.0 * np.pi * 1000.0, rel=3e-3)


def test_neighbours_are_mutual_and_walls_are_minus_one():
    tissue = np.where(np.random.default_rng(4).random((5, 6, 7)) < 0.6, MARROW, BONE).astype(np.uint8)
    tissue[0] = OUTSIDE
    lattice = make_lattice(tissue, spacing=2.0, origin=np.array([1.0, 2.0, 3.0]))
    place = np.argwhere(tissue == MARROW)
    assert lattice.n == len(place)
    steps = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]])
    known = {tuple(p): i for i, p in enumerate(place)}
    for i, p in enumerate(place):
        assert list(lattice.neighbour[i]) == [known.get(tuple(p + s), -1) for s in steps]
    assert lattice.centres()[0] == pytest.approx([1.0, 2.0, 3.0] + 2.0 * (place[0][::-1] + 0.5))
    values = np.arange(lattice.n, dtype=float)
    assert np.array_equal(lattice.dense(values)[tuple(place.T)], values)
    assert np.isnan(lattice.dense(values)[0]).all()
    assert np.array_equal(lattice.index()[tuple(place.T)], np.arange(lattice.n))


def test_the_largest_part_is_kept_by_faces():
    mask = np.zeros((1, 4, 6), bool)
    mask[0, :2, :2] = True
    mask[0, 2, 2] = True  # touches the first by an edge only
    mask[0, 3, 4:] = True
    largest, parts, left_out = largest_component(mask)
    assert largest.sum() == 4
    assert (parts, left_out) == (2, 3)


def test_interpolation_is_exact_for_a_plane_and_held_beyond():
    z, y, x = np.indices((3, 4, 5)).astype(float)
    field = 2.0 * x - y + 0.5 * z
    points = np.random.default_rng(5).uniform([10.0, 20.0, 30.0], [14.0, 23.0, 32.0], (50, 3))
    out = np.empty(50)
    raster.interpolate_points(field, np.array([10.0, 20.0, 30.0]), 1.0, points, out)
    assert out == pytest.approx((points - [10.0, 20.0, 30.0]) @ [2.0, -1.0, 0.5])
    raster.interpolate_points(field, np.array([10.0, 20.0, 30.0]), 1.0, np.array([[99.0, 20.0, 30.0]]), out[:1])
    assert out[0] == field[0, 0, -1]


@pytest.mark.parametrize("spacing", [0.02, 0.2, 0.7])
def test_packed_points_are_those_of_the_naive_rule(spacing):
    points = np.random.default_rng(6).random((300, 3))
    assert np.array_equal(raster.dart_throwing(points, spacing, 300), naive.thin(points, spacing))
