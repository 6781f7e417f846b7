"""The table of neighbours is the mask's; coarse levels never join what is apart; a broken table is refused."""

import itertools

import numpy as np
import pytest

from marrow_niche.errors import NumericsError
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


def test_regions_are_counted():
    open_ = np.zeros((5, 9, 9), dtype=bool)
    open_[:, 0:3, 0:3] = open_[:, 6:9, 6:9] = True
    open_[2, 4, 4] = True
    domain = prepare(neighbours_of(open_)[1])
    assert domain.regions == 3
    assert [int((domain.region == r).sum()) for r in range(3)] == [45, 45, 1]


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
