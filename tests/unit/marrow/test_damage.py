"""Radiation against the closed forms of the linear-quadratic law with repair, for every way of giving a dose."""

import math

import lab
import numpy as np
import pytest

from marrow_niche.marrow import damage
from marrow_niche.marrow.damage import DamageState, LinearQuadratic

HALF = 1.7
MU = math.log(2) / HALF


def hourly(exposures, stop=120, half=HALF):
    """(linear, quadratic) of the whole, taken hour by hour as a run does."""
    state, total = DamageState(), np.zeros(2)
    for hour in range(stop):
        total += damage.advance(state, exposures, hour, hour + 1, half)
    assert state.dose == pytest.approx(total[0], rel=1e-14)
    return total


def protraction(hours):
    """Lea and Catcheside's G for one exposure, and the factor of a pair of them by the gap between their beginnings."""
    x = MU * hours
    return 2 * (math.expm1(-x) + x) / x**2, lambda gap: math.exp(-MU * gap) * 2 * (math.cosh(x) - 1) / x**2


@pytest.mark.parametrize("dose", [0.1, 2.0, 6.0, 12.0])
@pytest.mark.parametrize("at", [0.0, 3.0, 7.4])
def test_an_acute_dose(dose, at):
    """exp(−αD − βD²), whenever it falls within its hour."""
    assert hourly([(at, at, dose)]) == pytest.approx([dose, dose**2], rel=1e-12)


@pytest.mark.parametrize("hours", [0.5, 2.25, 24.0, 71.3])
@pytest.mark.parametrize("at", [0.0, 5.6])
def test_a_protracted_dose(hours, at):
    """β is multiplied by G of Lea and Catcheside 1942, the module's own closed form too."""
    g, _ = protraction(hours)
    assert hourly([(at, at + hours, 4.0)]) == pytest.approx([4.0, g * 16.0], rel=1e-12)
    assert damage.lea_catcheside(hours, HALF) == pytest.approx(g, rel=1e-12)


@pytest.mark.parametrize("gap", [0.5, 3.0, 10.25])
def test_a_split_dose(gap):
    """d₁² + d₂² + 2 d₁ d₂ θ with θ = exp(−μ gap): what is not repaired in between adds to the second."""
    linear, quadratic = hourly([(1.5, 1.5, 2.0), (1.5 + gap, 1.5 + gap, 3.0)])
    assert linear == pytest.approx(5.0, rel=1e-12)
    assert quadratic == pytest.approx(4.0 + 9.0 + 2 * 6.0 * math.exp(-MU * gap), rel=1e-12)


@pytest.mark.parametrize("every", [0.5, 4.0, 24.0])
def test_acute_fractions(every):
    """n d² + 2 d² Σ θ^(j−i) over all pairs of fractions."""
    times = [0.3 + k * every for k in range(5)]
    pairs = sum(math.exp(-MU * (times[j] - times[i])) for j in range(5) for i in range(j))
    assert hourly([(t, t, 1.2) for t in times]) == pytest.approx([6.0, 1.44 * (5 + 2 * pairs)], rel=1e-12)


def test_protracted_fractions():
    """Each fraction with its own G, each pair with the integral over both."""
    length, every = 1.6, 6.0
    g, pair = protraction(length)
    pairs = sum(pair((j - i) * every) for j in range(4) for i in range(j))
    given = [(0.7 + k * every, 0.7 + k * every + length, 1.5) for k in range(4)]
    assert hourly(given) == pytest.approx([6.0, 2.25 * (4 * g + 2 * pairs)], rel=1e-12)


def test_exposures_at_once_add_their_rates():
    """A second source within the time of the first: the same as the pieces in a row, each at the rates' sum."""
    both = hourly([(1.0, 11.0, 5.0), (3.25, 5.75, 2.0)])
    pieces = hourly([(1.0, 3.25, 0.5 * 2.25), (3.25, 5.75, (0.5 + 0.8) * 2.5), (5.75, 11.0, 0.5 * 5.25)])
    assert both == pytest.approx(pieces, rel=1e-12)
    assert both[0] == pytest.approx(7.0, rel=1e-12)


def test_an_acute_dose_within_a_protracted_one():
    """Before it, the first part of the long one; after it, the rest: as if these were three events."""
    both = hourly([(0.2, 9.2, 4.5), (3.5, 3.5, 2.0)])
    pieces = hourly([(0.2, 3.5, 0.5 * 3.3), (3.5, 3.5, 2.0), (3.5, 9.2, 0.5 * 5.7)])
    assert both == pytest.approx(pieces, rel=1e-12)


@pytest.mark.parametrize("steps", [[0.0, 100.0], [0.0, 1.0, 1.5, 33.3, 100.0], np.linspace(0, 100, 401)])
def test_the_length_of_the_step_is_of_no_account(steps):
    given = [(0.25, 0.25, 1.0), (2.0, 30.0, 3.0), (40.0, 40.0, 2.0)]
    state, total = DamageState(), np.zeros(2)
    for start, stop in zip(steps, steps[1:]):
        total += damage.advance(state, given, start, stop, HALF)
    assert total == pytest.approx(hourly(given, 100), rel=1e-12)
    assert state.unrepaired == pytest.approx(
        1.0 * math.exp(-MU * 99.75) + 3.0 / 28 / MU * (math.exp(-MU * 70) - math.exp(-MU * 98)) + 2.0 * math.exp(-MU * 60), rel=1e-9)


def test_unrepaired_damage_halves_each_half_time():
    state = DamageState()
    damage.advance(state, [(0.0, 0.0, 3.0)], 0, 1, HALF)
    assert state.unrepaired == pytest.approx(3.0 * 2 ** (-1 / HALF), rel=1e-13)
    for hour in range(1, 17):
        assert damage.advance(state, [(0.0, 0.0, 3.0)], hour, hour + 1, HALF) == (0.0, 0.0)
    assert state.unrepaired == pytest.approx(3.0 * 2 ** (-17 / HALF), rel=1e-12)
    assert state.dose == 3.0


def test_an_event_on_the_hour_falls_in_the_hour_it_begins():
    state = DamageState()
    assert damage.advance(state, [(4.0, 4.0, 2.0)], 3, 4, HALF) == (0.0, 0.0)
    assert damage.advance(state, [(4.0, 4.0, 2.0)], 4, 5, HALF) == (2.0, 4.0)
    assert damage.advance(state, [(4.0, 4.0, 2.0)], 5, 6, HALF) == (0.0, 0.0)


@pytest.mark.parametrize("hours", [1e-7, 1e-5, 1e-3, 0.1])
def test_short_exposures_are_nearly_acute(hours):
    """G = 1 − x/3 + x²/12 − x³/60 + … for small x, without loss of figures."""
    x = MU * hours
    series = 1 - x / 3 + x**2 / 12 - x**3 / 60 + x**4 / 360 - x**5 / 2520
    assert damage.lea_catcheside(hours, HALF) == pytest.approx(series, rel=1e-9)


# ------------------------------------------------------------------------------------- the straight part, RBE, places


def given(exposures, stop=120, straight_from=np.inf, patterns=None, steps=None, half=HALF):
    """(linear, quadratic, state) of the whole, hour by hour or in these `steps`."""
    state, linear, quadratic = DamageState(), 0.0, 0.0
    steps = np.arange(stop + 1.0) if steps is None else steps
    for start, end in zip(steps, steps[1:]):
        more = damage.advance(state, exposures, start, end, half, straight_from, patterns)
        linear, quadratic = linear + more[0], quadratic + more[1]
    return linear, quadratic, state


@pytest.mark.parametrize("dose", [3.0, 8.9, 9.0, 12.0, 25.0])
def test_an_acute_dose_is_straight_beyond_the_threshold(dose):
    """2∫min(x, U_T)dx: D² up to it, then a line of slope 2 U_T that continues value and slope."""
    linear, quadratic, _ = given([(0.4, 0.4, dose)], 30, 9.0)
    assert linear == pytest.approx(dose, rel=1e-14)
    assert quadratic == pytest.approx(dose**2 if dose <= 9.0 else 81.0 + 18.0 * (dose - 9.0), rel=1e-13)
    just_below, just_above = (given([(0.0, 0.0, 9.0 + d)], 1, 9.0)[1] for d in (-1e-6, 1e-6))
    assert just_above - just_below == pytest.approx(18.0 * 2e-6, rel=1e-4)


@pytest.mark.parametrize("hours", [24.0, 100.0])
def test_a_slow_dose_never_gets_to_the_straight_part(hours):
    """30 Gy whose unrepaired damage stays below the threshold: Lea and Catcheside's law, whatever the whole dose."""
    g, _ = protraction(hours)
    assert 30.0 / hours / MU < 9.0
    linear, quadratic, _ = given([(0.0, hours, 30.0)], 120, 9.0)
    assert quadratic == pytest.approx(g * 900.0, rel=1e-12)


@pytest.mark.parametrize("hours", [0.5, 2.25, 6.0])
def test_a_fast_dose_that_passes_the_threshold_is_solved_exactly(hours):
    """30 Gy at R: U = (R/μ)(1 − e^−μt) meets U_T at t*; before it the quadratic law, after it 2 U_T R a unit of time; the fall
    through the threshold under a second, weak source too. The length of the step is of no account."""
    rate = 30.0 / hours
    meets = -math.log(1 - 9.0 * MU / rate) / MU
    assert 0 < meets < hours
    before = 2 * rate * rate / MU * (meets - (1 - math.exp(-MU * meets)) / MU)
    linear, quadratic, _ = given([(0.0, hours, 30.0)], 20, 9.0)
    assert quadratic == pytest.approx(before + 18.0 * rate * (hours - meets), rel=1e-12)
    both = [(0.0, hours, 30.0), (0.2, 15.2, 3.0)]
    fine = given(both, straight_from=9.0, steps=np.linspace(0, 20, 4001))[1]
    assert given(both, 20, 9.0)[1] == pytest.approx(fine, rel=1e-11)
    assert given(both, straight_from=9.0, steps=[0.0, 0.7, 20.0])[1] == pytest.approx(fine, rel=1e-11)


def test_from_acute_to_slow():
    """As the rate grows the dose acts as at once, as it falls by its linear part alone; in between never more, never less."""
    at_once = given([(0.0, 0.0, 20.0)], 1, 9.0)[1]
    between = [given([(0.0, hours, 20.0)], 5001, 9.0)[1] for hours in (1e-4, 0.1, 1.0, 10.0, 100.0, 5000.0)]
    assert between[0] == pytest.approx(at_once, rel=1e-4)
    assert all(a > b for a, b in zip([at_once, *between], between))
    assert between[-1] < 0.002 * at_once


def test_split_doses_add_up_where_the_threshold_lies_between():
    """Two acute doses: the second begins where repair has left the first; long apart they are two, at once they are one."""
    u = 8.0 * math.exp(-MU * 2.0)
    expected = 64.0 + (9.0**2 - u * u) + 18.0 * (u + 8.0 - 9.0)
    assert given([(1.0, 1.0, 8.0), (3.0, 3.0, 8.0)], 40, 9.0)[1] == pytest.approx(expected, rel=1e-12)
    assert given([(1.0, 1.0, 8.0), (90.0, 90.0, 8.0)], 120, 9.0)[1] == pytest.approx(2 * 64.0, rel=1e-9)
    assert given([(1.0, 1.0, 8.0), (1.0, 1.0, 8.0)], 40, 9.0)[1] == pytest.approx(given([(1.0, 1.0, 16.0)], 40, 9.0)[1], rel=1e-13)


@pytest.mark.parametrize("hours", [0.0, 5.0])
def test_neutrons_by_their_rbe_act_more_by_the_linear_part_alone(hours):
    photons = given([damage.Exposure(1.0, 1.0 + hours, 4.0)], 30, 9.0)
    neutrons = given([damage.Exposure(1.0, 1.0 + hours, 4.0, rbe=2.5)], 30, 9.0)
    assert neutrons[0] == pytest.approx(2.5 * photons[0], rel=1e-13)
    assert neutrons[1] == photons[1]
    assert neutrons[2].dose == photons[2].dose == pytest.approx(4.0, rel=1e-13)
    assert neutrons[2].unrepaired == photons[2].unrepaired


def test_each_voxel_meets_what_it_would_meet_alone():
    """Three exposures that overlap, in two patterns, one beyond the threshold: voxel by voxel the solution of the doses there,
    dose, unrepaired damage and what belongs to the exposure that is going on too."""
    patterns = np.array([[0.0, 1.0, 0.3, 2.0, 1.0], [1.0, 0.0, 0.5, 1.7, 0.0]])
    exposures = [damage.Exposure(0.5, 0.5, 7.0, 0), damage.Exposure(0.2, 9.4, 12.0, 1, 2.0), damage.Exposure(3.0, 3.0, 2.0, 0),
                 damage.Exposure(40.5, 40.5, 4.0, 0), damage.Exposure(48.0, 48.0, 4.0, 1), damage.Exposure(80.0, 82.0, 5.0, 1)]
    for stop in (1, 4, 30, 50, 54, 81, 110):
        linear, quadratic, state = given(exposures, stop, 9.0, patterns)
        for v in range(patterns.shape[1]):
            alone = [e._replace(dose=e.dose * patterns[e.pattern, v]) for e in exposures]
            one, two, there = given(alone, stop, 9.0)
            assert (linear[v], quadratic[v]) == pytest.approx((one, two), rel=1e-12, abs=1e-15)
            for name in ("dose", "unrepaired", "linear", "quadratic"):
                assert getattr(state, name)[v] == pytest.approx(getattr(there, name), rel=1e-12, abs=1e-15), (stop, v, name)


def test_a_pattern_of_ones_is_the_uniform_dose_to_the_bit():
    exposures = [damage.Exposure(0.5, 0.5, 12.0, 0), damage.Exposure(2.2, 9.4, 12.0, 1, 2.0)]
    everywhere, uniform = given(exposures, 30, 9.0, np.ones((2, 7))), given(exposures, 30, 9.0)
    for there, one in zip(everywhere[:2], uniform[:2]):
        assert (there == one).all()
    for name in ("dose", "unrepaired", "linear", "quadratic"):
        assert (getattr(everywhere[2], name) == getattr(uniform[2], name)).all(), name


# ------------------------------------------------------------------------------------------------------ oxygen


def test_oxygen_makes_of_a_dose_between_one_and_its_ratio():
    """Alper and Howard-Flanders: (m p + K)/(p + K): 1 without, half-way at K, m with plenty."""
    assert damage.oxygen_effect(np.array([0.0, 3900.0, 1e12]), 2.8, 3900.0) == pytest.approx([1.0, 1.9, 2.8], rel=1e-6)


@pytest.mark.parametrize("dose", [0.5, 2.0, 6.0, 12.0])
def test_the_resting_population_survives_exactly_as_published(dose):
    """The mean over the places by which it is told, whatever the linear and quadratic part; less oxygen, more survivors."""
    lq = LinearQuadratic(alpha=0.637, beta=0.05)
    effect = damage.oxygen_effect(np.geomspace(800.0, 60_000.0, 16), 1.8, 3900.0)
    effect /= effect.mean()
    whole = damage.survival(lq, dose, 0.7 * dose**2)
    each = np.array([whole * damage.relative(lq, dose, 0.7 * dose**2, h, effect) for h in effect])
    assert each.mean() == pytest.approx(whole, rel=1e-13)
    assert (np.diff(each) < 0).all() and each[0] > 1.02 * whole
    ratio = each[0] / each[-1]
    h0, h1 = effect[0], effect[-1]
    exponent = lq.alpha * dose * (h1 - h0) + lq.beta * 0.7 * dose**2 * (h1**2 - h0**2)
    assert ratio == pytest.approx(math.exp(exponent), rel=1e-12)


# ---------------------------------------------------------------------------------------------------- survival


def test_survival_is_the_linear_quadratic_law():
    assert damage.survival(LinearQuadratic(alpha=0.3, beta=0.02), 4.0, 10.0) == pytest.approx(math.exp(-1.2 - 0.2), rel=1e-15)
    assert damage.survival(LinearQuadratic(alpha=0.3), 0.0, 0.0) == 1.0


@pytest.mark.parametrize("dose", [0.5, 1.0, 2.0, 4.0, 6.0, 9.0, 12.0])
@pytest.mark.parametrize("cycling", [0.0, 0.045, 0.3])
def test_the_resting_mix_of_stem_cells_survives_as_published(dose, cycling):
    """(1 − f) S_q + f S_c = exp(−αD − βD²), and a cycling cell is more sensitive by the stated part of α."""
    r = lab.scenario().parameters.radiation
    quiet, cycle = damage.stem_survival(r, dose, dose**2, cycling)
    published = math.exp(-r.stem_cells.alpha * dose - r.stem_cells.beta * dose**2)
    assert (1 - cycling) * quiet + cycling * cycle == pytest.approx(published, rel=1e-12)
    assert cycle / quiet == pytest.approx(math.exp(-(r.cycling_ratio - 1) * r.stem_cells.alpha * dose), rel=1e-12)
    assert 0 < cycle < quiet <= 1


def test_spread_over_hours_the_mix_survives_nearly_as_at_once():
    """Cycling cells are picked off first, so the mix ends a little more resistant: under two in a hundred at 6 Gy."""
    r, share = lab.scenario().parameters.radiation, np.array([0.955, 0.045])
    for _ in range(48):
        share = share * damage.stem_survival(r, 6 / 48, 0.0, 0.045)
    assert share.sum() == pytest.approx(math.exp(-r.stem_cells.alpha * 6), rel=0.02)


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.7, 1.0])
def test_of_those_hit_fewer_divide_on_the_more_lesions_they_have(chance):
    """Lesions by Poisson, each leaves the chance: the sum over their number; `chance` after one lesion, none after many."""
    for mean in (1e-9, 0.2, 1.0, 3.0, 9.0):
        number = np.arange(1, 60)
        weight = np.exp(number * math.log(mean) - mean - np.array([math.lgamma(k + 1.0) for k in number]))
        expected = (weight * chance**number).sum() / weight.sum()
        assert damage.doomed(np.array([math.exp(-mean)]), chance)[0] == pytest.approx(expected, rel=1e-6)
    assert damage.doomed(np.array([1.0, 0.0]), 0.7) == pytest.approx([0.7, 0.0])
