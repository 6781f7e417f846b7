"""Nearest tubes and points: exact for every point of a voxel, however wide the voxel."""

import naive_geometry as naive
import numba
import numpy as np
import pytest

from marrow_niche.geometry.lattice import MARROW, make_lattice
from marrow_niche.geometry.near import Near, boxed, distance_at, make_blocks, middled, nearest, search, share_inside
from marrow_niche.kernels.distance import FEW, distance_to_ordered, distance_to_points, distance_to_tubes, nearest_point
from marrow_niche.kernels.voxels import find_voxels


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


@pytest.mark.parametrize("h", [10.0, 25.0])
def test_ordered_lists_name_the_nearest_first_and_stop_in_time(h):
    """The same tubes by their gap, each the distance from the centre less half a diagonal, in whole micrometres, and the nearest found among the first is the nearest of all."""
    a, b, radius = tubes(500)
    space = lattice(h)
    blocks = make_blocks(space)
    _, near = search(middled(a, b, radius, cell=30.0), blocks, cap=100.0)
    ordered = near.ordered(blocks.voxel, (a, b, radius), blocks.diagonal)
    given = Near(start=near.start, item=search(middled(a, b, radius, cell=30.0), blocks, cap=100.0)[1].item)
    rng = np.random.default_rng(5)
    for v in rng.integers(0, space.n, 200):
        mine = slice(near.start[v], near.start[v + 1])
        assert sorted(ordered.item[mine]) == sorted(given.item[mine])
        away = naive.tube_distance(blocks.voxel[v], a, b, radius)[1][ordered.item[mine]]
        assert (np.diff(ordered.gap[mine].astype(int)) >= 0).all()
        assert ordered.gap[mine].tolist() == np.floor(np.clip(away - 0.5 * blocks.diagonal, 0, 255)).astype(int).tolist()
        point = blocks.voxel[v] + h * (rng.random(3) - 0.5)
        found = distance_to_ordered(*point, v, near.start, ordered.item, ordered.gap, a, b, radius)
        assert found == distance_to_tubes(*point, v, given.start, given.item, a, b, radius)


def test_points_are_found_like_tubes_of_no_length():
    draws = np.random.default_rng(4)
    objects = draws.uniform(0.0, 200.0, (40, 3))
    grid = lattice(25.0)
    _, near = search(middled(objects, objects, np.zeros(40), cell=40.0), make_blocks(grid), cap=1e3)
    for v in range(0, grid.n, 10):
        p = grid.centres()[v] + 25.0 * (draws.random(3) - 0.5)
        each = np.linalg.norm(objects - p, axis=1)
        assert distance_to_points(*p, v, near.start, near.item, objects) == pytest.approx(each.min())
        assert nearest_point(*p, v, near.start, near.item, objects) == each.argmin()


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


@pytest.mark.parametrize("h", [8.0, 20.0, 50.0])
def test_blocks_hold_every_voxel_once_and_near_their_centre(h):
    grid = lattice(h)
    blocks = make_blocks(grid)
    assert sorted(blocks.order) == list(range(grid.n))
    assert np.array_equal(blocks.voxel, grid.centres())
    assert blocks.start[0] == 0
    assert blocks.start[-1] == grid.n
    assert (np.diff(blocks.start) > 0).all()
    away = grid.centres()[blocks.order] - np.repeat(blocks.centre, np.diff(blocks.start), axis=0)
    assert np.linalg.norm(away, axis=1).max() <= blocks.reach + 1e-9
    eighth = (away > 0.0) @ np.array([1, 2, 4])
    for first, last in zip(blocks.start[:-1], blocks.start[1:]):
        assert (np.diff(eighth[first:last]) >= 0).all()


@pytest.mark.parametrize("h", [8.0, 30.0])
def test_nearest_is_that_of_brute_force(h):
    """Of two points as near the first; also of points that lie far away, and of none."""
    points = np.random.default_rng(10).uniform(0.0, 200.0, (30, 3))
    points[20:25] = points[3:8]
    grid = lattice(h)
    blocks = make_blocks(grid)
    for some in (points, points[:1] + 5e3):
        found = nearest(some, blocks)
        square = ((grid.centres()[:, None] - some) ** 2).sum(axis=2)
        assert np.array_equal(found, square.argmin(axis=1))
    assert (nearest(np.empty((0, 3)), blocks) == -1).all()


def test_same_bits_with_any_number_of_threads():
    a, b, radius = tubes(300, seed=11)
    grid = lattice(10.0)
    before, made = numba.get_num_threads(), []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            away, near = search(middled(a, b, radius, cell=40.0), make_blocks(grid), cap=100.0)
            kind = np.zeros(300, np.uint8)
            share = share_inside((a, b, radius, kind), (near, near), grid.centres(), spacing=10.0)
            points = np.random.default_rng(12).uniform(0.0, 200.0, (5000, 3))
            held = boxed(a, b, radius, cell=25.0).hold(points)
            made.append((away, near.start, near.item, share, held, nearest(a, make_blocks(grid))))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*made, strict=True):
        assert np.array_equal(one, two)


def test_few_points_are_held_as_many_are():
    a, b, radius = tubes(50, seed=13)
    points = np.random.default_rng(14).uniform(0.0, 200.0, (2 * FEW, 3))
    grid = boxed(a, b, radius, cell=25.0)
    assert np.array_equal(grid.hold(points)[:100], grid.hold(points[:100]))


@pytest.mark.parametrize("reach", [0, 1, 2, 3])
def test_voxel_of_a_point_is_its_own_or_the_nearest(reach):
    index = np.where(np.random.default_rng(15).random((7, 8, 9)) < 0.06, 1, -1)
    index[index > 0] = np.arange((index > 0).sum())
    origin = np.array([5.0, -3.0, 2.0])
    points = origin + 4.0 * np.random.default_rng(16).uniform(-0.2, 9.2, (500, 3))
    found = np.empty(500, np.int32)
    find_voxels(points, origin, 4.0, index.astype(np.int32), reach, found)
    assert list(found) == [naive.voxel_of(p, origin, 4.0, index, reach) for p in points]


@pytest.mark.parametrize("shape", [(12, 12, 12), (1, 40, 40), (60, 5, 5)])
def test_lists_do_not_depend_on_how_many_voxels_are_searched_at_a_time(shape, monkeypatch):
    """Layers in several parts or several at once, rows too short at first: the same lists."""
    a, b, radius = tubes(1500, seed=17, size=100.0, long=5.0)
    tissue = np.where(np.random.default_rng(18).random(shape) < 0.7, MARROW, 1)
    blocks = make_blocks(make_lattice(tissue, spacing=8.0, origin=np.zeros(3)))
    made = []
    for chunk in (10**6, 700, 1):
        monkeypatch.setattr("marrow_niche.geometry.near.CHUNK", chunk)
        made.append(search(middled(a, b, radius, cell=40.0), blocks, cap=100.0))
    assert np.diff(made[0][1].start).max() > 32
    for away, near in made[1:]:
        assert np.array_equal(away, made[0][0])
        assert np.array_equal(near.start, made[0][1].start)
        assert np.array_equal(near.item, made[0][1].item)
