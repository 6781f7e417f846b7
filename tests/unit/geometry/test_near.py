"""Nearest tubes and points: exact for every point of a voxel, however wide the voxel."""

import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.geometry.lattice import MARROW, make_lattice
from marrow_niche.geometry.near import boxed, distance_at, make_blocks, middled, search, share_inside
from marrow_niche.kernels import distance


def tubes(number, seed=1, size=200.0, long=60.0):
    draws = np.random.default_rng(seed)
    a = draws.uniform(0.0, size, (number, 3))
    return a, a + draws.uniform(-long, long, (number, 3)), draws.uniform(2.0, 15.0, number)


def lattice(h, size=200.0):
    n = round(size / h)
    tissue = np.where(np.random.default_rng(0).random((n, n, n)) < 0.7, MARROW, 1)
    return make_lattice(tissue, spacing=h, origin=np.zeros(3))


@pytest.mark.parametrize("h", [8.0, 20.0, 50.0])
def test_lists_are_those_of_brute_force(h):
    a, b, radius = tubes(60)
    b[0], radius[0] = a[0] + 300.0, 40.0  # one far larger than the rest
    grid = lattice(h)
    cap = 70.0
    found, near = search(middled(a, b, radius, cell=30.0), make_blocks(grid), cap=cap)
    for v, centre in enumerate(grid.centres()[:: max(grid.n // 150, 1)]):
        v *= max(grid.n // 150, 1)
        nearest, each = naive.tube_distance(centre, a, b, radius)
        assert found[v] == pytest.approx(min(nearest, cap), abs=1e-9)
        listed = np.flatnonzero(each <= min(nearest, cap) + np.sqrt(3.0) * h)
        assert sorted(near.item[near.start[v] : near.start[v + 1]]) == list(listed)


@pytest.mark.parametrize("h", [10.0, 40.0, 100.0])
def test_distance_is_exact_anywhere_in_a_voxel(h):
    a, b, radius = tubes(80, seed=2)
    grid = lattice(h)
    _, near = search(middled(a, b, radius, cell=40.0), make_blocks(grid), cap=1e3)
    draws = np.random.default_rng(3)
    voxel = draws.integers(grid.n, size=100)
    points = grid.centres()[voxel] + h * (draws.random((100, 3)) - 0.5)
    exact = [naive.tube_distance(p, a, b, radius)[0] for p in points]
    assert distance_at(points, voxel, near, (a, b, radius)) == pytest.approx(exact, abs=1e-9)


def test_points_are_found_like_tubes_of_no_length():
    draws = np.random.default_rng(4)
    objects = draws.uniform(0.0, 200.0, (40, 3))
    grid = lattice(25.0)
    _, near = search(middled(objects, objects, np.zeros(40), cell=40.0), make_blocks(grid), cap=1e3)
    for v in range(0, grid.n, 10):
        p = grid.centres()[v] + 25.0 * (draws.random(3) - 0.5)
        each = np.linalg.norm(objects - p, axis=1)
        assert distance.distance_to_points(*p, v, near.start, near.item, objects) == pytest.approx(each.min())
        assert distance.nearest_point(*p, v, near.start, near.item, objects) == each.argmin()


def test_nothing_to_find():
    grid = lattice(50.0)
    found, near = search(
        middled(np.empty((0, 3)), np.empty((0, 3)), np.empty(0), cell=30.0), make_blocks(grid), cap=90.0
    )
    assert (found == 90.0).all()
    assert near.start[-1] == 0
    assert not boxed(np.empty((0, 3)), np.empty((0, 3)), np.empty(0), cell=30.0).hold(np.zeros((2, 3))).any()


@pytest.mark.parametrize("margin", [0.0, 8.0])
def test_points_in_tubes(margin):
    a, b, radius = tubes(50, seed=5)
    points = np.random.default_rng(6).uniform(-20.0, 220.0, (300, 3))
    exact = [naive.tube_distance(p, a, b, radius)[0] < margin for p in points]
    held = boxed(a, b, radius, cell=25.0, margin=10.0).hold(points, margin=margin)
    assert list(held) == exact
    assert 10 < sum(exact) < 290


@pytest.mark.parametrize("h", [12.0, 20.0, 50.0])
def test_share_is_that_of_brute_force(h):
    """Counted in groups of points or one by one, with three kinds, the share of a voxel is the same number."""
    a, b, radius = tubes(30, seed=7)
    kind = np.random.default_rng(8).integers(0, 3, 30).astype(np.uint8)
    grid = lattice(h)
    blocks = make_blocks(grid)
    lists = []
    for mine in (kind != 1, kind == 1):
        edges = np.flatnonzero(mine).astype(np.int32)
        _, near = search(middled(a[edges], b[edges], radius[edges], cell=40.0), blocks, cap=100.0)
        lists.append(type(near)(start=near.start, item=edges[near.item]))
    share = share_inside((a, b, radius, kind), tuple(lists), blocks.voxel, spacing=h)
    n = min(max(int(np.ceil(h / 5.0)), 3), 12)
    for v in range(0, grid.n, max(grid.n // (8 if h > 20.0 else 25), 1)):
        assert share[v] == pytest.approx(naive.share(blocks.voxel[v], h, n, a, b, radius, kind, 3))


def test_lists_of_some_voxels():
    a, b, radius = tubes(40, seed=9)
    grid = lattice(25.0)
    _, near = search(middled(a, b, radius, cell=40.0), make_blocks(grid), cap=100.0)
    some = np.arange(grid.n) % 3 == 1
    fewer = near.of(some)
    for i, v in enumerate(np.flatnonzero(some)):
        assert np.array_equal(
            fewer.item[fewer.start[i] : fewer.start[i + 1]], near.item[near.start[v] : near.start[v + 1]]
        )
