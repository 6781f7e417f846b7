"""Stem cells as points: they rest where the affinity says, never enter bone or vessels, and touch what is really near."""

import math

import naive_marrow as naive
import numba
import numpy as np
import pytest
from scipy import stats

from marrow_niche.kernels import stem_cells as kernel
from marrow_niche.kernels.streams import uniform_pair
from marrow_niche.kernels.tube_search import order_lists

SEED, CAP = 77, 200.0
TUBE_A, TUBE_B, RADIUS = np.array([[50.0, 50.0, -100.0]]), np.array([[50.0, 50.0, 200.0]]), np.array([12.0])


class Box:
    """A cube of 100 um with one straight sinusoid along z; voxels with x below `bone` um are closed."""

    def __init__(self, shape=(10, 10, 10), bone=20.0, spacing=10.0):
        self.origin, self.spacing, self.shape = np.zeros(3), spacing, shape
        open_ = np.ones(shape, bool)
        open_[:, :, :int(bone / spacing)] = False
        self.index = np.where(open_, np.cumsum(open_.ravel()).reshape(shape) - 1, -1).astype(np.int32)
        n = int(open_.sum())
        self.tubes = (np.arange(n + 1), np.zeros(n, np.int32), np.zeros(n, np.uint8), TUBE_A, TUBE_B, RADIUS)

    def voxel(self, points):
        k = np.floor(points / self.spacing).astype(int)
        inside = ((k >= 0) & (k < np.array(self.shape[::-1]))).all(axis=1)
        k[~inside] = 0
        return np.where(inside, self.index[k[:, 2], k[:, 1], k[:, 0]], -1)

    def distance(self, points):
        return np.hypot(points[:, 0] - 50.0, points[:, 1] - 50.0) - 12.0

    def scatter(self, number, seed=1):
        """`number` points in marrow outside the vessel, evenly."""
        size = self.spacing * np.array(self.shape[::-1])
        points = np.random.default_rng(seed).random((8 * number, 3)) * size
        return points[(self.voxel(points) >= 0) & (self.distance(points) >= 0)][:number].copy()

    def move(self, points, reach, rounds, *, stride=4.0, step=0, ids=None, cost=None):
        """The points after so many rounds, their voxels and distances."""
        points, voxel, distance = points.copy(), self.voxel(points).astype(np.int32), self.distance(points)
        kernel.move(points, voxel, distance, np.arange(len(points)) if ids is None else ids, self.origin, self.spacing,
                    self.index, *self.tubes, CAP, reach, np.empty(0) if cost is None else cost, stride, rounds, SEED, step)
        return points, voxel, distance


def agrees(values, edges, weight):
    """p-value of the counts of `values` between `edges` against the integral of `weight`, given at sample points."""
    points, w = weight
    expected = np.histogram(points, edges, weights=w)[0]
    found = np.histogram(values, edges)[0]
    assert found.sum() == len(values)
    return stats.chisquare(found, expected * len(values) / expected.sum()).pvalue


@pytest.mark.parametrize("reach", [6.0, 25.0, math.inf])
def test_stem_cells_come_to_rest_by_their_distance_from_sinusoids(reach):
    """From anywhere in the marrow to the density exp(−d/reach) of free space; infinity is even."""
    box = Box()
    points, voxel, distance = box.move(box.scatter(3000), reach, 700)
    sample = box.scatter(200_000, seed=9)
    weight = np.exp(-box.distance(sample) / reach)
    edges = np.quantile(box.distance(sample), np.linspace(0, 1, 13))
    edges[0], edges[-1] = 0.0, 1e3
    keep = [0, *(k for k in range(1, 13) if k == 12 or weight[box.distance(sample) >= edges[k]].sum() > 0.003 * weight.sum())]
    assert agrees(distance, edges[keep], (box.distance(sample), weight)) > 1e-3
    wrong = np.exp(-box.distance(sample) / (10.0 if reach != 10.0 else 20.0))
    assert agrees(distance, edges[keep], (box.distance(sample), wrong)) < 1e-6
    # along the vessel nothing is preferred, and nobody is held at the closed ends
    assert agrees(points[:, 2], np.linspace(0, 100, 11), (sample[:, 2], weight)) > 1e-3
    assert (voxel == box.voxel(points)).all()
    assert distance == pytest.approx(box.distance(points), abs=1e-9)


def test_stem_cells_never_enter_bone_or_a_vessel():
    box = Box()
    points = box.scatter(2000)
    for step in range(60):
        points, voxel, distance = box.move(points, 6.0, 1, stride=15.0, step=step)
        assert (voxel >= 0).all() and (points[:, 0] >= 20.0).all()
        assert (distance >= 0.0).all()
        assert (points >= 0).all() and (points < 100).all()


def test_a_stem_cell_caught_in_a_vessel_may_only_move_outward():
    box = Box()
    inside = np.tile([50.0, 53.0, 50.0], (500, 1))
    points, _, distance = box.move(inside, 1e9, 1)
    moved = (points != inside).any(axis=1)
    assert 250 < moved.sum() < 500
    assert (distance[moved] > -9.0).all()


def test_cells_in_blood_do_not_move_and_others_do_not_feel_them():
    box = Box()
    points = box.scatter(50)
    voxel, distance = box.voxel(points).astype(np.int32), box.distance(points)
    voxel[::2] = -1
    there, ids = points.copy(), np.arange(50)
    kernel.move(there, voxel, distance, ids, box.origin, box.spacing, box.index, *box.tubes, CAP, 6.0, np.empty(0), 4.0, 5, SEED, 0)
    assert (there[::2] == points[::2]).all() and (voxel[::2] == -1).all()
    assert (there[1::2] == box.move(points, 6.0, 5)[0][1::2]).all()


def test_free_motion_spreads_as_its_stride_says():
    """Mean square step along each axis: rounds × stride²."""
    box = Box(shape=(100, 100, 100), bone=0.0)
    start = np.tile([500.0, 700.0, 500.0], (8000, 1))
    points, _, _ = box.move(start, math.inf, 4, stride=3.0)
    for axis in range(3):
        square = (points - start)[:, axis] ** 2
        assert abs(square.mean() - 4 * 9.0) < 4.5 * 36 * np.sqrt(2 / 8000)


@pytest.mark.parametrize("thin", [0, 1, 2])
def test_a_slab_is_closed_by_mirrors(thin):
    """In a slab one voxel thick the thin axis folds back: cells stay evenly spread over it, and move along it freely."""
    shape = [10, 10, 10]
    shape[2 - thin] = 1
    box = Box(shape=tuple(shape), bone=0.0)
    box.distance = lambda points: np.full(len(points), CAP)
    box.tubes = (np.zeros(box.index.max() + 2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.uint8), TUBE_A, TUBE_B, RADIUS)
    start = box.scatter(3000)
    points, voxel, distance = box.move(start, 6.0, 40, stride=8.0)
    assert (points[:, thin] > 0).all() and (points[:, thin] < 10).all()
    assert (voxel == box.voxel(points)).all()
    assert (distance == CAP).all()
    assert agrees(points[:, thin], np.linspace(0, 10, 11), (np.linspace(0.001, 9.999, 10_000), np.ones(10_000))) > 1e-3
    still = (points == start).all(axis=1)
    assert not still.any()


def test_folding_mirrors_at_both_faces():
    given = [0.25, 1.25, -0.25, 2.25, 3.75, -1.5, 17.1]
    assert [kernel.fold(k) for k in given] == pytest.approx([0.25, 0.75, 0.25, 0.25, 0.25, 0.5, 0.9], abs=1e-8)
    assert 0 < kernel.fold(0.0) < 1e-6 and 1 - 1e-6 < kernel.fold(1.0) < 1


def test_lodging_is_a_random_point_outside_the_vessel():
    """The first trial outside, by the draws of the cell's id; where the whole voxel is inside, the outermost trial."""
    centre = np.array([[65.0, 50.0, 35.0], [62.0, 50.0, 35.0], [50.0, 50.0, 5.0]])
    voxel, ids = np.zeros(3, np.int32), np.array([5, 8, 13])
    tubes = (np.array([0, 1]), np.zeros(1, np.int32), np.zeros(1, np.uint8), TUBE_A, TUBE_B, RADIUS)
    points, distance = np.empty((3, 3)), np.empty(3)
    kernel.lodge(voxel, centre, ids, 10.0, *tubes, CAP, 8, SEED, 3, 54, points, distance)
    for i in range(3):
        tried = []
        for r in range(8):
            u = [*uniform_pair(SEED, ids[i], 3, 54, 2 * r), uniform_pair(SEED, ids[i], 3, 54, 2 * r + 1)[0]]
            point = centre[i] + 10.0 * (np.array(u) - 0.5)
            tried.append((math.hypot(point[0] - 50, point[1] - 50) - 12, point))
        outside = [t for t in tried if t[0] >= 0]
        wanted = outside[0] if outside else max(tried, key=lambda t: t[0])
        assert points[i] == pytest.approx(wanted[1], abs=1e-12)
        assert distance[i] == pytest.approx(wanted[0], abs=1e-12)
        assert (np.abs(points[i] - centre[i]) < 5.0).all()
    assert distance[2] < 0 <= distance[0]


def test_contact_is_the_best_of_all_stroma_and_the_wall():
    """Against every stromal cell, intact, damaged or gone; blood reads nothing; at both sources it is one."""
    rng = np.random.default_rng(2)
    points, stroma, integrity = rng.random((200, 3)) * 60, rng.random((40, 3)) * 60, rng.random(40)
    integrity[::4] = 0.0
    voxel, wall = rng.integers(0, 5, 200).astype(np.int32), rng.normal(8, 8, 200)
    voxel[7] = -1
    vessel = np.array([1.0, 0.5, 0.0, 0.9, 0.2])
    start, item, gap = np.arange(6) * 40, np.tile(np.arange(40, dtype=np.int32), 5), np.zeros(200, np.uint8)
    found = np.empty(200)
    kernel.contact(points, voxel, wall, start, item, gap, stroma, integrity, vessel, 0.34, 25.0, 10.0, found)
    for i in range(200):
        expected = naive.contact(points[i], wall[i], stroma, integrity, vessel[voxel[i]], 0.34, 25.0, 10.0) if i != 7 else 0.0
        assert found[i] == pytest.approx(expected, rel=1e-13)
    one = np.empty(1)
    kernel.contact(stroma[1:2].copy(), np.zeros(1, np.int32), np.array([-3.0]), start, item, gap, stroma, np.ones(40), np.ones(5),
                   0.34, 25.0, 10.0, one)
    assert one[0] == pytest.approx(1.0, rel=1e-15)


def test_contact_stops_only_where_nothing_nearer_is_left():
    """Lists that are ordered, of stroma near and far: the same as of every stromal cell."""
    rng = np.random.default_rng(6)
    stroma, integrity, centre = rng.random((300, 3)) * 200, rng.random(300), 60 + rng.random((5, 3)) * 80
    integrity[::3] = 0.0
    voxel = np.repeat(np.arange(5, dtype=np.int32), 40)
    points = centre[voxel] + 20 * (rng.random((200, 3)) - 0.5)
    start, item, gap = np.arange(6) * 300, np.tile(np.arange(300, dtype=np.int32), 5), np.empty(1500, np.uint8)
    order_lists(start, item, centre, stroma, stroma, np.zeros(300), 0.5 * math.sqrt(3) * 20, gap)
    wall, vessel, found = rng.normal(8, 8, 200), np.ones(5), np.empty(200)
    args = stroma, integrity, vessel, 0.34, 25.0, 10.0
    kernel.contact(points, voxel, wall, start, item, gap, *args, found)
    for i in range(200):
        expected = naive.contact(points[i], wall[i], stroma, integrity, 1.0, 0.34, 25.0, 10.0)
        assert found[i] == pytest.approx(expected, rel=1e-13)
    blind = np.full(1500, 255, np.uint8)
    blind[start[:-1]] = 0
    other = np.empty(200)
    kernel.contact(points, voxel, wall, start, item, blind, *args, other)
    assert (other <= found).all() and (other < found).any()  # gaps are believed


def test_a_cells_luck_is_its_own():
    """Draws belong to the id: another order, another number of neighbours or of threads changes nobody's path."""
    box = Box()
    points, ids = box.scatter(400), np.random.default_rng(3).permutation(10_000)[:400]
    threads = numba.get_num_threads()
    together = box.move(points, 6.0, 20, ids=ids)[0]
    try:
        numba.set_num_threads(1)
        alone = box.move(points, 6.0, 20, ids=ids)[0]
        pairs = kernel.uniforms(ids, SEED, 4, 41, 2)
    finally:
        numba.set_num_threads(threads)
    assert (together == alone).all()
    assert (together[::-1] == box.move(points[::-1], 6.0, 20, ids=ids[::-1].copy())[0]).all()
    assert (together[7:8] == box.move(points[7:8], 6.0, 20, ids=ids[7:8])[0]).all()
    assert (pairs == kernel.uniforms(ids, SEED, 4, 41, 2)).all()
    assert [tuple(row) for row in pairs[:5]] == [uniform_pair(SEED, i, 4, 41, 2) for i in ids[:5]]
    assert not (box.move(points, 6.0, 20, step=1, ids=ids)[0] == together).any()


def test_a_cost_of_voxels_draws_cells_as_its_exponential():
    """No affinity to walls, a cost that rises along x: occupancy of the layers follows exp(-cost)."""
    box = Box()
    x = np.unravel_index(np.flatnonzero(box.index.reshape(-1) >= 0), box.shape)[2]
    cost = 0.4 * x.astype(float)
    points, voxel, _ = box.move(box.scatter(6000), math.inf, 1500, stride=8.0, cost=cost)
    free = box.scatter(200_000, seed=2)
    room = np.bincount(x[box.voxel(free)])[2:]
    expected = room * np.exp(-0.4 * np.arange(room.size))
    found = np.bincount(x[voxel], minlength=room.size + 2)[2:]
    assert stats.chisquare(found, expected * found.sum() / expected.sum()).pvalue > 0.001
    assert found[0] > 2.0 * found[3]
