"""What is injected: the closed form of one compartment, adding to the body's own hormone, cleared as that is."""

import dataclasses
import math

import lab
import numpy as np
import pytest

from marrow_niche.body import factors, hormones

REST = dict.fromkeys(("platelets", "megakaryocytes", "haemoglobin", "erythroid", "neutrophils", "reserve", "HPC1", "CLP"), 1.0)


@pytest.fixture(scope="module")
def species():
    return lab.scenario().parameters


def give(species, name, grams, route="skin", mass=0.025):
    state, k = hormones.rest(species.factors), list(species.factors).index(name)
    amount = factors.concentration(species.factors[name], grams, mass)
    hormones.inject(state, k, amount, species.hormones, species.factors, route)
    return state, k


def run(state, species, hours, dt=0.25, **cells):
    out = []
    for _ in range(round(hours / dt)):
        hormones.advance(state, REST | cells, species.hormones, dt, species.factors)
        out.append((state.tpo, state.epo, state.gcsf))
    return np.array(out)


@pytest.mark.parametrize(("absorption", "loss"), [(0.4, 0.2), (0.1, 3.0), (0.3, 0.3), (0.3, 0.3 + 1e-9)])
def test_a_step_is_the_closed_form(absorption, loss):
    """Bateman's function; ten short steps are one long one; equal rates are no exception."""
    d, c = factors.advance(5.0, 2.0, absorption, loss, 3.0)
    if abs(loss - absorption) > 1e-6:
        exact = 2 * math.exp(-3 * loss) + 5 * absorption / (loss - absorption) * (math.exp(-3 * absorption) - math.exp(-3 * loss))
    else:
        exact = (2 + 5 * absorption * 3) * math.exp(-3 * absorption)
    assert c == pytest.approx(exact, rel=1e-7)
    assert d == pytest.approx(5 * math.exp(-3 * absorption), rel=1e-14)
    short = 5.0, 2.0
    for _ in range(10):
        short = factors.advance(*short, absorption, loss, 0.3)
    assert short == pytest.approx((d, c), rel=1e-7)


def test_a_dose_becomes_a_concentration(species):
    """5 ug/kg of filgrastim into 70 mL/kg: 3.8 nM, whatever the body weighs."""
    f = species.factors["GCSF"]
    for mass in (0.025, 70.0):
        assert factors.concentration(f, 5e-6 * mass, mass) == pytest.approx(5e-6 / 18800 / 0.07 * 1e9, rel=1e-12)


def test_in_the_vein_at_once_under_the_skin_in_time_and_less(species):
    vein, k = give(species, "EPO", 1e-7, "vein")
    skin, _ = give(species, "EPO", 1e-7)
    f, vein_at_first = species.factors["EPO"], vein.epo - 1
    assert vein.plasma[k] > 0 and vein.depot[k] == 0 and vein.epo > 100
    assert skin.plasma[k] == 0 and skin.epo == 1.0 and skin.depot[k] == pytest.approx(f.bioavailability * vein.plasma[k])
    a, b = run(vein, species, 240)[:, 1] - 1, run(skin, species, 240)[:, 1] - 1
    assert 0 < b.argmax() < 48 / 0.25 and a.max() > 3 * b.max()
    areas = [out.sum() - 0.5 * start for out, start in ((a, -vein_at_first), (b, 0.0))]  # trapezia, the first level with them
    assert areas[1] / areas[0] == pytest.approx(f.bioavailability, rel=0.01)


def test_all_of_the_dose_is_cleared_at_the_stated_rate(species):
    """Area under the curve is dose over clearance; EPO is cleared as the body's own is."""
    state, k = give(species, "EPO", 1e-7, "vein")
    dose, f, h = state.plasma[k], species.factors["EPO"], species.hormones
    levels = []
    for _ in range(4000):
        levels.append(state.plasma[k])
        hormones.advance(state, REST, h, 0.05, species.factors)
    loss = factors.LN2 / f.half_life + f.by_cells * (1 - h.epo_nonspecific) * h.epo_clearance
    assert 0.05 * (np.sum(levels) - 0.5 * levels[0]) == pytest.approx(dose / loss, rel=1e-3)
    assert loss == pytest.approx(h.epo_clearance, rel=0.01)


def test_the_bodys_own_hormone_goes_on_beside_it(species):
    """In anaemia what acts is both together, and when the injected is gone the own is where it would have been."""
    given, _ = give(species, "EPO", 1e-7)
    alone = hormones.rest(species.factors)
    a, b = run(given, species, 400, haemoglobin=0.7), run(alone, species, 400, haemoglobin=0.7)
    assert (a[4:100, 1] > b[4:100, 1] + 1).all()
    assert a[-1] == pytest.approx(b[-1], rel=1e-6)


def test_injected_gcsf_fills_the_receptors_that_clear_it(species):
    """A large dose stays longer than a small one, and longer still without neutrophils; at the end all is as before."""

    def half(grams, **cells):
        state, k = give(species, "GCSF", grams, "vein")
        start = state.plasma[k]
        for step in range(10_000):
            if state.plasma[k] < start / 2:
                return step * 0.05
            hormones.advance(state, REST | cells, species.hormones, 0.05, species.factors)
        return None

    small, large, alone = half(1e-10), half(1e-5), half(1e-10, neutrophils=0.0, reserve=0.0)
    assert small < 0.5 < 2.5 < large < 3.6
    assert alone == pytest.approx(species.factors["GCSF"].half_life, rel=0.05)
    state, _ = give(species, "GCSF", 5e-6 * 0.025)
    assert run(state, species, 240)[-1, 2] == pytest.approx(1.0, rel=1e-3)


def test_a_mimetic_adds_no_more_than_it_can(species):
    h = species.hormones
    f = species.factors["romiplostim"]
    half = f.limit * h.tpo / f.potency
    assert factors.acting(f, half, h.tpo) == pytest.approx(f.limit / 2)
    assert factors.acting(f, 1e9, h.tpo) == pytest.approx(f.limit, rel=1e-6)
    assert factors.acting(f, 1e-6, h.tpo) == pytest.approx(f.potency * 1e-6 / h.tpo, rel=1e-3)
    assert factors.acting(species.factors["GCSF"], 1.3, 0.0013) == pytest.approx(1000)


def test_receptors_that_bind_tightly_clear_small_doses_fast(species):
    f = dataclasses.replace(species.factors["romiplostim"], by_cells=50.0, saturation=0.01)
    some = dataclasses.replace(species, factors=species.factors | {"romiplostim": f})
    left = []
    for grams in (1e-10, 1e-6):
        state, k = give(some, "romiplostim", grams, "vein")
        start = state.plasma[k]
        run(state, some, 6)
        left.append(state.plasma[k] / start)
    assert left[0] < 0.05 < 0.85 < left[1]


def test_nothing_given_changes_no_bit(species):
    """With factors that nobody injects hormones move as without them; a dose of nothing is none, also beside another."""
    with_, without = hormones.rest(species.factors), hormones.HormoneState()
    for _ in range(200):
        cells = REST | {"haemoglobin": 0.8, "neutrophils": 0.3}
        hormones.advance(with_, cells, species.hormones, 0.25, species.factors)
        hormones.advance(without, cells, species.hormones, 0.25)
    assert (with_.tpo, with_.epo, with_.gcsf, with_.flt3l) == (without.tpo, without.epo, without.gcsf, without.flt3l)
    state, k = give(species, "GCSF", 1e-7, "vein")
    before = dataclasses.replace(state, plasma=state.plasma.copy(), depot=state.depot.copy())
    hormones.inject(state, k, 0.0, species.hormones, species.factors, "vein")
    assert state.gcsf == before.gcsf and (state.plasma == before.plasma).all()


def test_dilution_leaves_the_share_of_all_that_is_in_plasma(species):
    state, k = give(species, "GCSF", 1e-7, "vein")
    state.depot[k], state.epo, before = 7.0, 4.0, state.plasma[k]
    acting = state.gcsf
    hormones.dilute(state, 0.6, species.hormones, species.factors)
    assert state.plasma[k] == pytest.approx(0.6 * before) and state.depot[k] == 7.0
    assert (state.gcsf, state.epo, state.tpo, state.flt3l) == pytest.approx((0.6 * acting, 2.4, 0.6, 0.6))
