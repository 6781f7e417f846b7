"""Sets of numbers by sorting give what numpy gives by hashing."""

import numpy as np

from marrow_niche.geometry.sets import distinct, without


def test_sets_are_those_of_numpy():
    rng = np.random.default_rng(1)
    some, others = rng.integers(-40, 400, (300, 2)), rng.integers(0, 200, 150)
    assert distinct(some).tolist() == sorted(set(some.reshape(-1).tolist()))
    assert without(some, others).tolist() == sorted(set(some.reshape(-1).tolist()) - set(others.tolist()))


def test_of_nothing_comes_nothing():
    none = np.empty(0, np.int64)
    assert distinct(none).size == without(none, none).size == without(none, np.arange(3)).size == 0
    assert without(np.array([2, 1, 2]), none).tolist() == [1, 2]
