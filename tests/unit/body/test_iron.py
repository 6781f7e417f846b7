"""Iron: at rest it limits nothing, after bleeding it does, and it is neither made nor lost."""

import lab
import pytest

from marrow_niche.body import iron
from marrow_niche.body.iron import IronState

LIFE = 960.0


@pytest.fixture(scope="module")
def p():
    return lab.scenario().parameters.iron


def test_rest_is_a_fixed_point(p):
    state = IronState()
    assert iron.advance(state, 1.0, 1.0, LIFE, p, 24.0) == 1.0
    assert state.store == 1.0


def test_what_is_asked_for_at_rest_and_below_is_given(p):
    """Also with hardly any store, as long as red cells die and food is eaten; noise about rest changes nothing."""
    for wanted in (0.0, 0.3, 0.97, 1.03, 1.5):
        assert iron.advance(IronState(), wanted, 1.0, LIFE, p, 0.25) == 1.0
    assert iron.advance(IronState(store=0.0), 1.0, 1.0, LIFE, p, 0.25) == 1.0


def test_normal_stores_let_marrow_make_three_times_as_much_and_more_with_the_iron_of_lost_cells(p):
    """Hillman & Henderson 1969: two to three times from stores, four to eight where red cells break down in the body."""
    assert iron.available(1.0, 1.0, p) == pytest.approx(p.supply)
    assert 2.0 < iron.available(1.0, 0.5, p) < 3.0
    assert 4.0 < iron.available(1.0, 4.0, p) < 8.0
    share = iron.advance(IronState(), 6.0, 1.0, LIFE, p, 0.25)
    assert 6.0 * share == pytest.approx(p.supply)


def test_an_empty_store_leaves_what_dies_and_what_is_eaten(p):
    assert iron.available(0.0, 0.6, p) == pytest.approx(0.6 + p.absorbed * (p.absorption_limit - 1))
    assert iron.available(0.0, 0.6, p) < iron.available(0.1, 0.6, p) < iron.available(1.0, 0.6, p)


@pytest.mark.parametrize("wanted", [0.0, 0.5, 1.0, 2.0, 8.0])
def test_no_iron_is_made_or_lost(p, wanted):
    """Over ten days the store, in resting uses of iron, moves by what comes less what is used."""
    state, balance = IronState(), 0.0
    for _ in range(960):
        before = state.store
        share = iron.advance(state, wanted, 0.8, LIFE, p, 0.25)
        balance += 0.25 * (0.8 - share * wanted + iron.gained(before, p))
        assert state.store >= 0.0
    assert p.store * LIFE * (state.store - 1.0) == pytest.approx(balance, rel=1e-9, abs=1e-9)


def test_the_store_comes_back_to_rest_from_either_side(p):
    """An empty one within months by more absorption, a full one slowly by less."""
    for start, days in ((0.2, 60), (2.0, 400)):
        state, gap = IronState(store=start), abs(start - 1.0)
        for _ in range(24 * days):
            iron.advance(state, 1.0, 1.0, LIFE, p, 1.0)
        assert abs(state.store - 1.0) < 0.1 * gap
