"""The spleen: a small exact share at rest, many times that under EPO, nothing where it is switched off."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.body import spleen

MARROW = {"reticulocytes": 1.8e7, "neutrophils": 4e5, "platelets": 3e7}


@pytest.fixture(scope="module")
def p():
    return lab.scenario().parameters.spleen


def steps(state, p, r, hours, bfu=1.0, gmp=1.0, epo=1.0, dt=0.25):
    given = [spleen.advance(state, bfu, gmp, epo, p, r, dt) for _ in range(round(hours / dt))]
    return np.array(given)


def test_rest_is_a_fixed_point_and_blood_gets_what_it_needs(p):
    """Marrow asked for so much less, and both together give all."""
    need = {"reticulocytes": 2e7, "neutrophils": 5e5, "platelets": 1.0}
    marrow = spleen.asked_of_marrow(p, need)
    assert marrow["reticulocytes"] < need["reticulocytes"] and marrow["platelets"] == need["platelets"]
    assert spleen.with_marrow(p, marrow)["reticulocytes"] == pytest.approx(need["reticulocytes"], rel=1e-15)
    state, r = spleen.rest(p, MARROW)
    given = steps(state, p, r, 24 * 30)
    both = spleen.with_marrow(p, MARROW)
    for k, name in enumerate(("reticulocytes", "neutrophils")):
        assert given[:, k] == pytest.approx(both[name] - MARROW[name], rel=1e-12)
    again, _ = spleen.rest(p, MARROW)
    assert state.erythroid == pytest.approx(again.erythroid, rel=1e-12)
    assert state.granulocytes == pytest.approx(again.granulocytes, rel=1e-12)


def test_epo_multiplies_what_it_makes_within_days(p):
    """More each day to day 4; at most survival at rest to the power of the stages; without EPO nothing comes out."""
    state, r = spleen.rest(p, MARROW)
    at_rest = spleen.with_marrow(p, MARROW)["reticulocytes"] - MARROW["reticulocytes"]
    fold = steps(state, p, r, 24 * 12, epo=30.0)[:, 0] / at_rest
    days = fold[:: 24 * 4]
    assert (np.diff(days[:5]) > 0).all() and days[4] > 3
    assert days[-1] == pytest.approx((30.0 / (30 * p.erythroid_survival + 1 - p.erythroid_survival)) ** p.erythroid_stages, rel=0.05)
    assert days[-1] < p.erythroid_survival**-p.erythroid_stages
    state, r = spleen.rest(p, MARROW)
    assert steps(state, p, r, 24 * 20, epo=1e-6)[-1, 0] < 1e-3 * at_rest


def test_it_is_linear_in_its_cells_and_in_what_seeds_it(p):
    """So that cells of a graft can be stepped apart: two parts give what their sum gives."""
    whole, r = spleen.rest(p, MARROW)
    one, two = (spleen.SpleenState(part * whole.erythroid, part * whole.granulocytes) for part in (0.3, 0.7))
    a, b = steps(one, p, r, 72, bfu=2.0, gmp=0.1, epo=4.0), steps(two, p, r, 72, bfu=0.5, gmp=1.1, epo=4.0)
    both = steps(whole, p, r, 72, bfu=2.5, gmp=1.2, epo=4.0)
    assert a + b == pytest.approx(both, rel=1e-12)
    assert one.erythroid + two.erythroid == pytest.approx(whole.erythroid, rel=1e-12)


def test_without_progenitors_of_the_marrow_it_runs_dry(p):
    state, r = spleen.rest(p, MARROW)
    given = steps(state, p, r, 24 * 25, bfu=0.0, gmp=0.0)
    assert given[-1] == pytest.approx([0.0, 0.0], abs=1e-3 * given[0].max())
    assert not spleen.none(p).erythroid.any() and len(spleen.none(p).erythroid) == p.erythroid_stages


def test_switched_off_it_gives_nothing_and_marrow_makes_all(p):
    off = dataclasses.replace(p, erythroid_share=0.0, granulocyte_share=0.0)
    state, r = spleen.rest(off, MARROW)
    assert spleen.asked_of_marrow(off, MARROW) == MARROW == spleen.with_marrow(off, MARROW)
    assert not steps(state, off, r, 48, epo=50.0).any()
    assert spleen.erythroid(state, off, r, 0.37) == 0.37


def test_early_erythroid_cells_of_both_count(p):
    state, r = spleen.rest(p, MARROW)
    assert spleen.erythroid(state, p, r, 1.0) == pytest.approx(1.0, rel=1e-15)
    state.erythroid *= 3
    assert spleen.erythroid(state, p, r, 1.0) == pytest.approx(1 + 2 * p.erythroid_share, rel=1e-12)
