"""Lymphocytes outside the marrow: pools that stand still, fill again, and clear the dying at the stated rate."""

import copy
import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.body import lymphoid

OUT = {"b_cells": 6e4, "thymus": 2.2e3, "nk_cells": 2.0e3}


@pytest.fixture(scope="module")
def species():
    return lab.scenario().parameters


@pytest.fixture
def rested(species):
    return lymphoid.rest(species.lymphoid, OUT, species.blood.volume)


def run(state, rates, spec, hours, inflow=OUT, dt=0.25):
    for _ in range(round(hours / dt)):
        lymphoid.advance(state, inflow, spec, rates, dt)
    return state


def test_rest_is_a_fixed_point(species, rested):
    state, rates = rested
    run(state, rates, species.lymphoid, 24 * 60)
    again, _ = lymphoid.rest(species.lymphoid, OUT, species.blood.volume)
    for f in dataclasses.fields(state):
        assert getattr(state, f.name) == pytest.approx(getattr(again, f.name), rel=1e-10), f.name


def test_resting_blood_shows_the_measured_counts(species, rested):
    state, rates = rested
    p = species.lymphoid
    assert lymphoid.blood_counts(state, p, rates) == pytest.approx(
        {"b_cells_per_uL": p.b_cells, "t_cells_per_uL": p.t_cells, "nk_cells_per_uL": p.nk_cells}, rel=1e-12)
    assert rates.nk_pool * p.nk_circulating == pytest.approx(p.nk_cells * species.blood.volume, rel=1e-12)


@pytest.mark.parametrize("kind", ["b", "t", "nk"])
def test_the_dying_are_cleared_at_the_stated_rate_and_seen_until_then(species, rested, kind):
    """Exactly exp(−r t) for any step; blood counts them as long as they are there."""
    state, rates = rested
    p, before = species.lymphoid, getattr(rested[0], kind)
    setattr(state, kind, 0.0)
    setattr(state, f"dying_{kind}", before)
    rest = {"b": p.b_cells, "t": p.t_cells, "nk": p.nk_cells}[kind]
    assert lymphoid.blood_counts(state, p, rates)[f"{kind}_cells_per_uL"] == pytest.approx(rest, rel=1e-12)
    for hours, dt in ((3.0, 0.25), (6.0, 2.0)):
        lot = dataclasses.replace(state, dn=state.dn.copy())
        run(lot, rates, p, hours, dt=dt)
        assert getattr(lot, f"dying_{kind}") == pytest.approx(before * np.exp(-p.clearance * hours), rel=1e-12)


@pytest.mark.parametrize("kind", ["b", "t", "nk"])
@pytest.mark.parametrize("part", [0.02, 2.0])
def test_pools_come_back_to_rest(species, rested, kind, part):
    """From a fiftieth or twice the number, each pool returns, and does not stop on its way."""
    state, rates = rested
    rest = getattr(state, kind)
    setattr(state, kind, part * rest)
    gap = [abs(1 - part)]
    for _ in range(4):
        run(state, rates, species.lymphoid, 24 * 100, dt=2.0)
        gap.append(abs(getattr(state, kind) / rest - 1))
    assert gap[-1] < 0.05 and gap[-1] < gap[1]


def test_an_empty_pool_is_refilled_faster_than_a_full_one_turns_over(species, rested):
    """Division in the periphery is faster per cell where there is space: T and NK, none of B."""
    state, rates = rested
    p = species.lymphoid

    def per_cell(kind, part):
        one = dataclasses.replace(state, **{kind: part * getattr(state, kind)}, dn=np.zeros(4), sp=0.0, nkp=0.0, dp=0.0)
        before = getattr(one, kind)
        lymphoid.advance(one, dict.fromkeys(OUT, 0.0), p, rates, 0.01)
        return (getattr(one, kind) / before - 1) / 0.01

    assert per_cell("t", 1.0) == pytest.approx(-(1 - p.t_periphery) * p.t_loss, rel=1e-9)
    assert per_cell("nk", 1.0) == pytest.approx(-(1 - p.nk_periphery) * p.nk_loss, rel=1e-9)
    assert per_cell("t", 0.1) > 0 and per_cell("nk", 0.1) > 0
    assert per_cell("b", 0.1) == pytest.approx(per_cell("b", 1.0), rel=1e-9) == pytest.approx(-p.b_loss, rel=1e-9)


def test_without_marrow_b_cells_fade_at_their_loss(species, rested):
    state, rates = rested
    before = state.b
    run(state, rates, species.lymphoid, 240, inflow=dict.fromkeys(OUT, 0.0))
    assert state.b == pytest.approx(before * np.exp(-species.lymphoid.b_loss * 240), rel=1e-3)


def test_the_thymus_passes_progenitors_on_in_time(species, rested):
    """Marrow silent: DN empty first, then DP, then the single positive; the amplification at rest fills DP as measured."""
    state, rates = rested
    p = species.lymphoid
    start = (state.dn.sum(), state.dp, state.sp)
    run(state, rates, p, p.dn_transit, inflow=dict.fromkeys(OUT, 0.0))
    dn, dp, sp = (now / then for now, then in zip((state.dn.sum(), state.dp, state.sp), start))
    assert dn < dp < sp < 1
    assert OUT["thymus"] * rates.dn_amplification**4 == pytest.approx(p.dp_loss * p.dp_pool, rel=1e-12)
    assert 0 < rates.selected < 1


def test_bleeding_takes_lymphocytes_that_are_in_blood(species, rested):
    """So many per uL of the blood that is taken, of each kind; the tissues keep theirs."""
    state, rates = rested
    p, volume = species.lymphoid, species.blood.volume
    before = (state.b, state.t, state.nk)
    lymphoid.bleed(state, 0.4, p, rates, volume)
    lost = [a - b for a, b in zip(before, (state.b, state.t, state.nk))]
    assert lost == pytest.approx([0.4 * volume * count for count in (p.b_cells, p.t_cells, p.nk_cells)], rel=1e-9)


@pytest.mark.parametrize("dose", [0.0, 2.0, 6.0])
def test_how_fast_hit_cells_die_may_follow_the_dose(dose, species):
    """At `clearance` and `clearance_per_dose` times the dose, exactly; cells that were not hit do not notice."""
    p = dataclasses.replace(species.lymphoid, clearance=0.01, clearance_per_dose=0.003)
    state, rates = lymphoid.rest(p, OUT, species.blood.volume)
    other = copy.deepcopy(state)
    state.dying_b = state.dying_t = 100.0
    for _ in range(8):
        lymphoid.advance(state, OUT, p, rates, 0.25, dose=dose)
        lymphoid.advance(other, OUT, p, rates, 0.25)
    assert state.dying_b == pytest.approx(100.0 * np.exp(-2.0 * (0.01 + 0.003 * dose)), rel=1e-12)
    assert (state.b, state.t, state.nk) == (other.b, other.t, other.nk)


def test_t_cells_without_the_receptor_of_il7_die_at_the_rate_of_their_loss(species, rested):
    """No thymus and no renewal: exp(-loss t), to the step's first order. With the receptor the pool holds itself."""
    spec, (state, rates) = species.lymphoid, rested
    state.dn[:], state.dp, state.sp = 0.0, 0.0, 0.0
    other, hours = copy.deepcopy(state), 24 * 30
    for _ in range(round(hours / 0.25)):
        lymphoid.advance(state, dict(OUT, thymus=0.0), spec, rates, 0.25, il7r=0.0)
        lymphoid.advance(other, dict(OUT, thymus=0.0), spec, rates, 0.25)
    assert state.t / spec.t_pool == pytest.approx(np.exp(-spec.t_loss * hours), rel=1e-3)
    assert other.t > 1.1 * state.t
    assert state.b == other.b and state.nk == other.nk
