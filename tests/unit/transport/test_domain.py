"""The table of neighbours is the mask's; coarse levels never join what is apart; a broken table is refused."""

import itertools

import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import diffusion
from marrow_niche.transport import neighbours_of, prepare

SIDES = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]


def random_mask(shape, share=0.6, seed=1):
    return np.random.default_rng(seed).random(shape) < share


@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 7, 8), (9, 1, 1)])
def test_neighbours_are_those_of_the_mask(shape):
    open_ = random_mask(shape)
    flat, neighbour = neighbours_of(open_)
    assert (flat == np.flatnonzero(open_)).all()
    where = [tuple(int(w) for w in row) for row in np.argwhere(open_)]
    number = {w: i for i, w in enumerate(where)}
    for i, f in itertools.product(range(len(where)), range(6)):
        there = tuple(a + b for a, b in zip(where[i], SIDES[f]))
        assert neighbour[i, f] == number.get(there, -1)


def test_fewer_axes_are_the_last_ones():
    open_ = random_mask((5, 6))
    assert (neighbours_of(open_)[1] == neighbours_of(open_[np.newaxis])[1]).all()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_each_level_keeps_its_promises(share):
    """No neighbours of one colour; blocks connected, of one region and eight voxels; faces symmetric, areas halved."""
    domain = prepare(neighbours_of(random_mask((13, 10, 11), share))[1])
    levels, n = domain.levels, domain.n
    size = levels.start[-1]
    assert sorted(levels.order) == list(range(n))
    links = [{} for _ in range(size)]
    for i, f in itertools.product(range(n), range(6)):
        if levels.table[i, f] < size:
            links[i][int(levels.table[i, f])] = 1.0
    for i in range(n, size):
        for e in range(levels.row[i - n], levels.row[i - n + 1]):
            links[i][int(levels.column[e])] = levels.area[e]
    region = np.full(size, -1)
    region[:n] = levels.region
    for level, (first, middle, last) in enumerate(zip(levels.start, levels.black, levels.start[1:])):
        for i in range(first, last):
            for j in links[i]:
                assert first <= j < last
                assert (i < middle) != (j < middle)
                assert links[j][i] == links[i][j]
        if last == size:
            assert not any(links[first:last])
            break
        for block in range(last, levels.start[level + 2]):
            members = [int(i) for i in range(first, last) if levels.parent[i] == block]
            assert members
            assert level > 0 or len(members) <= 8
            assert len({region[i] for i in members}) == 1
            region[block] = region[members[0]]
            joined, reach = set(), [members[0]]
            while reach:
                i = reach.pop()
                joined.add(i)
                reach += [j for j in links[i] if j in members and j not in joined]
            assert joined == set(members)
            outside = {}
            for i in members:
                for j, area in links[i].items():
                    if j not in members:
                        outside[int(levels.parent[j])] = outside.get(int(levels.parent[j]), 0.0) + area / 2
            assert outside == links[block]


def test_regions_are_counted_and_end_as_one_unknown_each():
    open_ = np.zeros((5, 9, 9), dtype=bool)
    open_[:, 0:3, 0:3] = open_[:, 6:9, 6:9] = True
    open_[2, 4, 4] = True
    domain = prepare(neighbours_of(open_)[1])
    assert domain.regions == 3
    assert domain.levels.start[-1] - domain.levels.start[-2] == 3
    assert [int((domain.region == r).sum()) for r in range(3)] == [45, 45, 1]


def test_marrow_on_both_sides_of_a_thin_trabecula_stays_apart_while_it_is_apart():
    """Two channels, one voxel of bone between them, joined only at their end: no block of 2 x 2 x 2 joins them."""
    open_ = np.ones((1, 3, 16), dtype=bool)
    open_[0, 1, :15] = False
    levels = prepare(neighbours_of(open_)[1]).levels
    place = np.argwhere(open_)[levels.order]
    for i, j in itertools.combinations(range(place.shape[0]), 2):
        if levels.parent[i] == levels.parent[j]:
            apart = place[i, 1] != place[j, 1]
            assert not (apart and min(place[i, 2], place[j, 2]) < 14)


def test_conductances_of_an_even_medium_are_the_areas_on_every_level():
    """Diffusivity 3 everywhere: every face 3, every coarse face 3 times its area."""
    levels = prepare(neighbours_of(random_mask((9, 10, 11), 0.8))[1]).levels
    weight, face = diffusion.conductances(levels, np.full(levels.order.size, 3.0))
    assert (weight == 3.0 * (levels.table < levels.start[-1])).all()
    np.testing.assert_allclose(face, 3.0 * levels.area, rtol=1e-14)
    assert face.size > 100


def test_the_table_is_kept_and_cannot_be_changed():
    neighbour = neighbours_of(np.ones((2, 2, 2), dtype=bool))[1]
    domain = prepare(neighbour)
    neighbour[:] = -1
    assert (domain.neighbour >= 0).sum() == 24
    with pytest.raises(ValueError, match="read-only"):
        domain.neighbour[0, 0] = 5


@pytest.mark.parametrize(
    ("neighbour", "words"),
    [
        (np.zeros((0, 6), int), "at least one open voxel"),
        (np.full((4, 5), -1), r"expected \(n, 6\)"),
        (np.full((4, 6), -1.0), "whole numbers"),
        (np.array([[-1, -1, -1, -1, -1, 1], [-1, -1, -1, -1, -1, -1]]), "not mirrored"),
        (np.array([[-1, -1, -1, -1, -1, 7], [-1, -1, -1, -1, 0, -1]]), "voxel 0"),
        (np.array([[-1, -1, -1, -1, 0, 0]]), "not mirrored"),
        (np.array([[-1, -1, -1, -1, 2, 1], [-1, -1, -1, -1, 0, 2], [-1, -1, -1, -1, 1, 0]]), "closes on itself"),
    ],
)
def test_a_broken_table_is_refused(neighbour, words):
    with pytest.raises(NumericsError, match=words):
        prepare(neighbour)
