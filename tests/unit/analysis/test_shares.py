"""Shares of known games, and the verdicts of known times."""

import math
from itertools import combinations

import pytest

from marrow_niche.analysis import shares
from marrow_niche.analysis.shares import TRANSIT, UNDECIDED, arms, judge, shapley

LIMITS = tuple(shares.LIMITS)


def game(worth):
    return {frozenset(s): worth(frozenset(s)) for k in range(4) for s in combinations(LIMITS, k)}


def test_arms_are_all_combinations_none_first_all_last():
    found = arms()
    assert len(found) == len(set(found)) == 8
    assert (found[0], found[-1]) == (frozenset(), frozenset(LIMITS))


def test_an_additive_game_gives_each_its_own():
    own = {"niche": 3.0, "stem_cells": -1.0, "hormones": 0.5}
    assert shapley(game(lambda s: sum(own[i] for i in s))) == pytest.approx(own)


def test_a_game_that_needs_all_is_shared_alike():
    found = shapley(game(lambda s: 6.0 * (len(s) == 3)))
    assert found == pytest.approx(dict.fromkeys(LIMITS, 2.0))


def test_the_glove_game():
    """Two left gloves and one right one: 1/6, 1/6 and 4/6 (Shapley and Shubik)."""
    left, right = {"niche", "hormones"}, "stem_cells"
    found = shapley(game(lambda s: float(right in s and bool(s & left))))
    assert found == pytest.approx({"niche": 1 / 6, "hormones": 1 / 6, "stem_cells": 4 / 6})


def test_who_adds_nothing_gets_nothing_and_all_add_up_to_the_whole():
    def worth(s):
        return 2.0 * ("niche" in s) + 3.0 * ({"niche", "stem_cells"} <= s)

    found = shapley(game(worth))
    assert found["hormones"] == 0.0
    assert sum(found.values()) == pytest.approx(worth(frozenset(LIMITS)))
    assert found["niche"] == pytest.approx(3.5)


def test_a_game_with_a_coalition_missing_is_refused():
    worth = game(len)
    del worth[frozenset({"niche", "hormones"})]
    with pytest.raises(KeyError):
        shapley(worth)


def times(base, own, noise=0.0):
    """Days to recovery where each limit costs its own days."""
    return game(lambda s: base + noise + sum(cost for limit, cost in own.items() if limit not in s))


def seeds(base, own, jitter=(0.0, 0.4, -0.3)):
    return [times(base, {limit: cost + j for limit, cost in own.items()}, j) for j in jitter]


@pytest.mark.parametrize("limit", LIMITS)
def test_the_limit_that_costs_most_is_named(limit):
    own = {other: 10.0 if other == limit else 1.0 for other in LIMITS}
    found = judge(seeds(5.0, own))
    assert found.name == shares.LIMITS[limit]
    assert "its share is the largest part" in found.reason
    assert found.shares[limit].mean == pytest.approx(10.0 + 0.1 / 3)
    assert found.delay.mean == pytest.approx(sum(each.mean for each in found.shares.values()))


def test_transit_is_a_part_like_the_others():
    """The same limit that costs ten days is what limits a recovery that takes five without it, and not one that takes 30."""
    own = {"niche": 10.0, "stem_cells": 1.0, "hormones": 0.0}
    short, long = judge(seeds(5.0, own)), judge(seeds(30.0, own))
    assert (short.name, long.name) == (shares.LIMITS["niche"], TRANSIT)
    assert long.transit.mean == pytest.approx(30.0 + 0.1 / 3)
    for found in (short, long):
        parts = sum(each.mean for each in found.shares.values()) + found.transit.mean
        assert parts == pytest.approx(found.time.mean)


def test_what_is_not_over_is_no_transit():
    """Its delay is longer than was seen. A limit that is the largest part all the same is named."""
    own = {"niche": 10.0, "stem_cells": 1.0, "hormones": 0.0}
    assert judge(seeds(5.0, own), back=False).name == shares.LIMITS["niche"]
    late = judge(seeds(30.0, own), back=False)
    assert late.name == UNDECIDED
    assert "for longer" in late.reason
    near = judge(seeds(9.0, own, jitter=(-2.0, 2.0, 0.1)), back=False)
    assert near.name == UNDECIDED
    assert "for longer" in near.reason


def test_like_shares_are_undecided_and_both_are_named():
    found = judge(seeds(3.0, {"niche": 8.0, "stem_cells": 8.2, "hormones": 0.0}))
    assert found.name == UNDECIDED
    assert "stem-cell-limited" in found.reason
    assert "niche-limited" in found.reason


def test_a_share_like_transit_is_undecided_and_both_are_named():
    found = judge(seeds(9.0, {"niche": 10.0, "stem_cells": 0.0, "hormones": 0.0}, jitter=(-2.0, 2.0, 0.1)))
    assert found.name == UNDECIDED
    assert TRANSIT in found.reason
    assert "niche-limited" in found.reason


def test_one_seed_and_no_fall_decide_nothing():
    one = judge([times(10.0, dict.fromkeys(LIMITS, 5.0))])
    assert one.name == UNDECIDED
    assert math.isnan(one.delay.low)
    none = judge([game(lambda s: 0.0)] * 3)
    assert none.name == UNDECIDED
    assert "nothing to recover" in none.reason


def test_the_interval_is_students():
    """Of 1, 2, 3: mean 2, standard error 1/√3, t = 4.3027."""
    found = shares.estimate([1.0, 2.0, 3.0])
    assert found.high - found.mean == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
