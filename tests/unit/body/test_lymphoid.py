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


def plain(state, inflow, p, hours, dt):
    """The equations of docs/model.md, section 8, term by term: the twin of `advance` for a wild type."""
    s = {f.name: np.copy(getattr(state, f.name)) for f in dataclasses.fields(state)}
    q, made = 4 / p.dn_transit, p.dp_loss * p.dp_pool
    alpha = (made / OUT["thymus"]) ** 0.25
    dn_rest = sum(OUT["thymus"] * alpha**i / q for i in range(4))
    b_rest = OUT["b_cells"] / p.b_loss
    for _ in range(round(hours / dt)):
        z = 1 / (p.il7_other + (1 - p.il7_other) * (s["cd4"] + s["cd8"]) / (p.cd4.pool + p.cd8.pool))
        w = 1 / (p.baff_other + (1 - p.baff_other) * s["b"] / b_rest)
        d = s["dn"]
        new_ones = d[0] / (OUT["thymus"] / q)
        renew = p.dn_renewal * max(0, 1 - d.sum() / dn_rest) * max(0, 1 - new_ones)
        settling = inflow["thymus"] * max(0, 1 - p.dn_occupied * new_ones) / (1 - p.dn_occupied)
        new = dict(s, dn=np.empty(4))
        for i in range(4):
            coming = settling if i == 0 else alpha * q * d[i - 1]
            new["dn"][i] = d[i] + dt * (coming - q * d[i] + (renew * d[i] if i else 0.0))
        new["dp"] = s["dp"] + dt * (alpha * q * d[3] - p.dp_loss * s["dp"])
        for kind, sp, pool in ((p.cd4, "sp4", "cd4"), (p.cd8, "sp8", "cd8")):
            chosen = kind.thymocytes / kind.thymocyte_transit / made
            leave = (1 - kind.periphery) * kind.loss * kind.pool / (kind.thymocytes / kind.thymocyte_transit)
            slow, drive = kind.periphery * kind.loss, z**p.il7_power
            divides = slow * drive / (1 + (drive - 1) * slow / kind.division_limit)
            new[sp] = s[sp] + dt * (chosen * p.dp_loss * s["dp"] - s[sp] / kind.thymocyte_transit)
            new[pool] = s[pool] + dt * (leave * s[sp] / kind.thymocyte_transit + (divides - kind.loss) * s[pool])
        live = w / (w + 1 / p.b_entry - 1)
        new["b"] = s["b"] + dt * (live / p.b_entry * inflow["b_cells"] - p.b_loss * s["b"])
        s = new
    return s


@pytest.mark.parametrize("thymus", [0.0, 0.4, 1.0])
def test_the_step_is_the_written_equations(species, rested, thymus):
    """From pools far from rest, ten days beside the plain twin, with none, some and all of the newcomers of the thymus."""
    state, rates = rested
    p, inflow = species.lymphoid, dict(OUT, thymus=thymus * OUT["thymus"], b_cells=0.3 * OUT["b_cells"])
    for name, part in (("dp", 0.1), ("sp4", 0.3), ("sp8", 0.2), ("b", 0.05), ("cd4", 0.04), ("cd8", 0.5)):
        setattr(state, name, part * getattr(state, name))
    state.dn = state.dn * np.array([0.1, 0.2, 0.05, 0.01])
    expected = plain(state, inflow, p, 240, 0.25)
    run(state, rates, p, 240, inflow=inflow)
    for name in ("dn", "dp", "sp4", "sp8", "b", "cd4", "cd8"):
        assert getattr(state, name) == pytest.approx(expected[name], rel=1e-10), name


def test_resting_blood_shows_the_measured_counts(species, rested):
    state, rates = rested
    p = species.lymphoid
    assert lymphoid.blood_counts(state, p, rates) == pytest.approx(
        {
            "lymphocytes_per_uL": p.b_cells + p.cd4.count + p.cd8.count + p.nk_cells, "b_cells_per_uL": p.b_cells,
            "t_cells_per_uL": p.cd4.count + p.cd8.count, "cd4_cells_per_uL": p.cd4.count,
            "cd8_cells_per_uL": p.cd8.count, "nk_cells_per_uL": p.nk_cells,
        }, rel=1e-12)
    assert rates.nk_pool * p.nk_circulating == pytest.approx(p.nk_cells * species.blood.volume, rel=1e-12)


@pytest.mark.parametrize("kind", lymphoid.POOLS)
def test_the_dying_are_cleared_at_the_stated_rate_and_seen_until_then(species, rested, kind):
    """Exactly exp(−r t) for any step; blood counts them as long as they are there."""
    state, rates = rested
    p, before = species.lymphoid, getattr(rested[0], kind)
    setattr(state, kind, 0.0)
    setattr(state, f"dying_{kind}", before)
    rest = lymphoid.in_blood(p, rates)[kind][0]
    assert lymphoid.blood_counts(state, p, rates)[f"{kind}_cells_per_uL"] == pytest.approx(rest, rel=1e-12)
    for hours, dt in ((3.0, 0.25), (6.0, 2.0)):
        lot = dataclasses.replace(state, dn=state.dn.copy())
        run(lot, rates, p, hours, dt=dt)
        assert getattr(lot, f"dying_{kind}") == pytest.approx(before * np.exp(-p.clearance * hours), rel=1e-12)


@pytest.mark.parametrize("kind", lymphoid.POOLS)
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
    """T and NK cells divide where there is space, CD8 faster than CD4 cells and none beyond its limit; B cells do not."""
    state, rates = rested
    p = species.lymphoid

    def per_cell(kind, part):
        small = {name: part * getattr(state, name) for name in lymphoid.POOLS}
        one = dataclasses.replace(state, **small, dn=np.zeros(4), sp4=0.0, sp8=0.0, nkp=0.0, dp=0.0)
        before = getattr(one, kind)
        lymphoid.advance(one, dict.fromkeys(OUT, 0.0), p, rates, 0.01)
        return (getattr(one, kind) / before - 1) / 0.01

    for kind, t in (("cd4", p.cd4), ("cd8", p.cd8)):
        assert per_cell(kind, 1.0) == pytest.approx(-(1 - t.periphery) * t.loss, rel=1e-9)
        assert 0.6 * t.division_limit < per_cell(kind, 0.01) + t.loss < t.division_limit
        assert per_cell(kind, 2.0) < per_cell(kind, 1.0)
    assert per_cell("cd8", 0.1) > per_cell("cd4", 0.1) > 0
    assert per_cell("nk", 1.0) == pytest.approx(-(1 - p.nk_periphery) * p.nk_loss, rel=1e-9)
    assert per_cell("nk", 0.1) > 0
    assert per_cell("b", 0.1) == pytest.approx(per_cell("b", 1.0), rel=1e-9) == pytest.approx(-p.b_loss, rel=1e-9)


def test_cd4_cells_hold_cd8_cells_down(species, rested):
    """They leave less IL-7: CD8 cells divide more slowly beside CD4 cells than where these are gone."""
    state, rates = rested
    lone = dataclasses.replace(state, cd4=0.0)
    assert lymphoid.paces(lone, species.lymphoid, rates).divide8 > 2 * lymphoid.paces(state, species.lymphoid, rates).divide8


def test_more_newborn_b_cells_live_where_b_cells_are_few(species, rested):
    """As many over rest as their share allows, at most all of them; fewer in a pool that is too full."""
    state, rates = rested
    p = species.lymphoid

    def entry(part):
        return lymphoid.paces(dataclasses.replace(state, b=part * state.b), p, rates).entry

    assert entry(1.0) == pytest.approx(1.0, rel=1e-12)
    assert entry(2.0) < 1.0 < entry(0.5) < entry(0.0) < 1 / p.b_entry


def test_an_empty_thymus_renews_itself_until_newcomers_come(species, rested):
    """Without newcomers a hundredth of the DN cells fills half of a thymus in two weeks and keeps it for months; beside
    newcomers, or without the receptor of IL-7, it does not."""
    p = species.lymphoid

    def dn_after(days, thymus, feels=1.0):
        state, rates = lymphoid.rest(p, OUT, species.blood.volume)
        state.dn, nobody = 0.01 * state.dn, lymphoid.none(p, OUT, species.blood.volume)
        for _ in range(days * 24):
            feeling = lymphoid.weighted(state, nobody, feels)
            lymphoid.advance(state, dict(OUT, thymus=thymus * OUT["thymus"]), p, rates, 1.0, feeling=feeling)
        return state.dn.sum() / rates.dn_pool

    assert dn_after(14, 0.0) > 0.4
    assert 0.4 < dn_after(120, 0.0) < 1.0
    assert dn_after(30, 0.0, feels=0.0) < 1e-3
    assert dn_after(120, 1.0) == pytest.approx(1.0, rel=1e-6)


def test_few_progenitors_settle_better_where_newcomers_are_few(species, rested):
    """With a tenth of the supply the first stage holds x = s/(1 - o + s o) of rest, 0.36 for o = 0.8; with twice of it a little
    more than rest."""
    state, rates = rested
    p = dataclasses.replace(species.lymphoid, dn_renewal=0.0)
    for supply in (0.1, 2.0):
        run(state, rates, p, 24 * 40, inflow=dict(OUT, thymus=supply * OUT["thymus"]), dt=1.0)
        expected = supply / (1 - p.dn_occupied + supply * p.dn_occupied)
        assert state.dn[0] / rates.newcomers == pytest.approx(expected, rel=1e-6)


def test_a_part_and_the_rest_add_up_to_all(species):
    """A marked fifth beside all cells, 30 days after a loss: stepped by the paces of all, it stays a fifth of each pool; where
    the others do not feel IL-7 it becomes more of the T cells."""
    p = species.lymphoid
    for feels in (1.0, 0.0):
        state, rates = lymphoid.rest(p, OUT, species.blood.volume)
        for pool in ("cd4", "cd8"):
            setattr(state, pool, 0.05 * getattr(state, pool))
        nobody = lymphoid.none(p, OUT, species.blood.volume)
        part, fifth = lymphoid.weighted(state, nobody, 0.2), {name: 0.2 * flow for name, flow in OUT.items()}
        for _ in range(30 * 24):
            pace, feeling = lymphoid.paces(state, p, rates), lymphoid.weighted(state, part, feels)
            lymphoid.advance(state, OUT, p, rates, 1.0, pace, feeling)
            lymphoid.advance(part, fifth, p, rates, 1.0, pace)
        shares = [getattr(part, name) / getattr(state, name) for name in ("b", "cd4", "cd8", "nk", "sp4", "dp")]
        if feels:
            assert shares == pytest.approx([0.2] * 6, rel=1e-12)
        else:
            assert shares[1] > 0.3 and shares[2] > 0.3 and shares[0] == pytest.approx(0.2, rel=1e-12)


def test_without_marrow_b_cells_fade_at_their_loss(species, rested):
    state, rates = rested
    before = state.b
    run(state, rates, species.lymphoid, 240, inflow=dict.fromkeys(OUT, 0.0))
    assert state.b == pytest.approx(before * np.exp(-species.lymphoid.b_loss * 240), rel=1e-3)


def test_the_thymus_passes_progenitors_on_in_time(species, rested):
    """Marrow silent and nobody renewed: DN empty first, then DP, then the single positive, CD8 last; the amplification at rest
    fills DP as measured, and few of these are selected."""
    state, rates = rested
    p = dataclasses.replace(species.lymphoid, dn_renewal=0.0)
    names = ("dp", "sp4", "sp8")
    start = [state.dn.sum(), *(getattr(state, name) for name in names)]
    run(state, rates, p, p.dn_transit, inflow=dict.fromkeys(OUT, 0.0))
    dn, dp, sp4, sp8 = (now / then for now, then in zip([state.dn.sum(), *(getattr(state, n) for n in names)], start))
    assert dn < dp < sp4 < sp8 < 1
    assert OUT["thymus"] * rates.dn_amplification**4 == pytest.approx(p.dp_loss * p.dp_pool, rel=1e-12)
    assert all(0 < share < 0.2 for share in rates.selected)


def test_bleeding_takes_lymphocytes_that_are_in_blood(species, rested):
    """So many per uL of the blood that is taken, of each kind; the tissues keep theirs."""
    state, rates = rested
    p, volume = species.lymphoid, species.blood.volume
    before = [getattr(state, pool) for pool in lymphoid.POOLS]
    lymphoid.bleed(state, 0.4, p, rates, volume)
    lost = [a - getattr(state, pool) for a, pool in zip(before, lymphoid.POOLS)]
    counts = (p.b_cells, p.cd4.count, p.cd8.count, p.nk_cells)
    assert lost == pytest.approx([0.4 * volume * count for count in counts], rel=1e-9)


@pytest.mark.parametrize("dose", [0.0, 2.0, 6.0])
def test_how_fast_hit_cells_die_may_follow_the_dose(dose, species):
    """At `clearance` and `clearance_per_dose` times the dose, exactly; cells that were not hit do not notice."""
    p = dataclasses.replace(species.lymphoid, clearance=0.01, clearance_per_dose=0.003)
    state, rates = lymphoid.rest(p, OUT, species.blood.volume)
    other = copy.deepcopy(state)
    state.dying_b = state.dying_cd8 = 100.0
    for _ in range(8):
        lymphoid.advance(state, OUT, p, rates, 0.25, dose=dose)
        lymphoid.advance(other, OUT, p, rates, 0.25)
    assert state.dying_b == pytest.approx(100.0 * np.exp(-2.0 * (0.01 + 0.003 * dose)), rel=1e-12)
    assert (state.b, state.t, state.nk) == (other.b, other.t, other.nk)


def test_t_cells_without_the_receptor_of_il7_die_at_the_rate_of_their_loss(species, rested):
    """No thymus and no renewal: exp(-loss t), to the step's first order. With the receptor the pool holds itself."""
    spec, (state, rates) = species.lymphoid, rested
    state.dn, state.dp, state.sp4, state.sp8 = 0.0 * state.dn, 0.0, 0.0, 0.0
    other, hours = copy.deepcopy(state), 24 * 30
    nobody = lymphoid.none(spec, OUT, species.blood.volume)
    for _ in range(round(hours / 0.25)):
        lymphoid.advance(state, dict(OUT, thymus=0.0), spec, rates, 0.25, feeling=nobody)
        lymphoid.advance(other, dict(OUT, thymus=0.0), spec, rates, 0.25)
    for kind, name in ((spec.cd4, "cd4"), (spec.cd8, "cd8")):
        assert getattr(state, name) / kind.pool == pytest.approx(np.exp(-kind.loss * hours), rel=1e-3)
        assert getattr(other, name) > 1.1 * getattr(state, name)
    assert state.b == other.b and state.nk == other.nk
