"""Days at risk, deaths and dose-responses against what is known in closed form."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from marrow_niche.analysis import lethality
from marrow_niche.body.survival import Lethality, danger

SPEC = Lethality(kappa=0.5 / 24, neutrophils=150.0, platelets=30_000.0, power=4.0)
DOSE = (5.0, 6.0, 7.0, 8.0, 9.0, 10.0)


def deaths(ld50, width, animals=20):
    return animals * norm.cdf(np.log(np.array(DOSE) / ld50) / width)


def test_danger_is_one_without_cells_a_half_at_a_threshold_and_a_product():
    assert danger(0.0, 0.0, SPEC) == 1.0
    assert danger(150.0, 0.0, SPEC) == danger(0.0, 30_000.0, SPEC) == 0.5
    assert danger(300.0, 60_000.0, SPEC) == pytest.approx(1 / 17**2)
    assert danger(-1.0, 0.0, SPEC) == 1.0


def test_days_at_risk_are_exact_for_a_line_and_stop_at_both_ends():
    day = np.array([0.0, 1.0, 3.0, 7.0])
    assert lethality.days_at_risk(day, day / 7, 0.0, 7.0) == pytest.approx(day**2 / 14)
    part = lethality.days_at_risk(day, day / 7, 2.0, 5.0)
    assert part == pytest.approx([0.0, 0.0, (9 - 4) / 14, (25 - 4) / 14])
    assert lethality.days_at_risk(day, np.ones(4), 0.0, 30.0)[-1] == 7.0


def test_an_animal_dies_by_its_days_at_risk():
    assert lethality.dies(0.0, 3.0) == 0.0
    assert lethality.dies(math.log(2) / 0.3, 0.3) == pytest.approx(0.5)


@pytest.mark.parametrize("link", ["probit", "logit"])
def test_a_fit_finds_the_curve_that_made_the_deaths(link):
    share = norm.cdf if link == "probit" else lambda z: 1 / (1 + np.exp(-z))
    dead = 20 * share(np.log(np.array(DOSE) / 7.4) / 0.12)
    found = lethality.fit(DOSE, dead, [20] * 6, link)
    assert found.ld50 == pytest.approx(7.4, rel=1e-5)
    assert found.width == pytest.approx(0.12, rel=1e-4)
    assert found.dose(0.5) == pytest.approx(found.ld50)
    assert share(np.log(found.dose(0.3) / 7.4) / 0.12) == pytest.approx(0.3, abs=1e-4)
    assert found.spread == pytest.approx((found.dose(0.7) - found.dose(0.3)) / found.ld50)
    assert found.slope == pytest.approx(math.log(10) / 0.12, rel=1e-4)
    assert found.inside


def test_the_interval_is_where_the_profile_has_fallen_by_chi_square():
    dead = deaths(7.4, 0.12)
    found = lethality.fit(DOSE, dead, [20] * 6)

    def profile(ld50):
        """By brute force over the width."""
        z = np.log(np.array(DOSE) / ld50) / np.exp(np.linspace(math.log(0.02), 0.0, 4001))[:, None]
        return (dead * norm.logcdf(z) + (20 - dead) * norm.logsf(z)).sum(axis=1).max()

    for bound in (found.low, found.high):
        assert 2 * (found.likelihood - profile(bound)) == pytest.approx(3.8415, abs=2e-3)
    assert found.low < 7.4 < found.high


def test_more_animals_tell_more():
    few, many = (lethality.fit(DOSE, deaths(7.4, 0.12, n), [n] * 6) for n in (5, 80))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4.0, rel=0.2)


def test_doses_that_say_nothing_say_so():
    assert lethality.fit(DOSE, [0] * 6, [20] * 6) is None
    assert lethality.fit(DOSE, [20] * 6, [20] * 6) is None
    low = lethality.fit((1.0, 2.0), [0.1, 0.3], [10, 10])
    assert not low.inside
    assert low.high is None
    with pytest.raises(ValueError, match="above zero"):
        lethality.fit((0.0, 1.0), [1, 2], [3, 3])
    with pytest.raises(ValueError, match="between none and all"):
        lethality.fit((1.0, 2.0), [1, 4], [3, 3])


def test_bootstrap_without_spread_is_the_fit_and_with_spread_holds_it():
    p = np.repeat(deaths(7.4, 0.12, 1)[:, None], 8, axis=1)
    assert lethality.resampled(DOSE, p, number=5) == pytest.approx([7.4] * 5, rel=1e-4)
    rng = np.random.default_rng(3)
    spread = norm.cdf((np.log(np.array(DOSE) / 7.4)[:, None] - 0.1 * rng.standard_normal(12)) / 0.12)
    drawn = lethality.resampled(DOSE, spread, number=60)
    low, high = lethality.middle_95(drawn)
    fitted = lethality.fit(DOSE, spread.sum(axis=1), [12] * 6).ld50
    assert low < fitted < high
    assert high - low > 0.1
    assert np.array_equal(drawn, lethality.resampled(DOSE, spread, number=60))
    assert lethality.middle_95(np.array([np.nan] * 9 + [7.0])) is None


def test_kappa_is_found_from_days_at_risk():
    """Days at risk that make the deaths of a known curve at κ = 0.4 a day."""
    at_risk = {d: [float(-math.log1p(-k / 20) / 0.4)] * 20 for d, k in zip(DOSE, deaths(7.4, 0.12))}
    assert lethality.calibrated(at_risk, 7.4) == pytest.approx(0.4, rel=1e-4)
    assert lethality.calibrated(at_risk, 8.4) < 0.4
    with pytest.raises(ValueError, match="no rate of death"):
        lethality.calibrated({d: [0.0] * 3 for d in DOSE}, 7.4)


def test_death_of_an_animal_without_cells_for_a_known_time():
    """No cells from day 2 on and few for a moment before: e-folding at kappa, counted from `begin` to `end`."""
    day, none = np.array([0.0, 2.0, 2.0 + 1e-9, 5.0, 20.0]), np.array([1e9, 1e9, 0.0, 0.0, 0.0])
    risk, p = lethality.death(day, none, none, SPEC, 3.0, 10.0)
    assert risk == pytest.approx([0.0, 0.0, 0.0, 2.0, 7.0], abs=1e-6)
    assert p == pytest.approx(-np.expm1(-0.5 * risk))


@pytest.mark.parametrize("link", ["probit", "logit"])
def test_the_share_that_dies_is_the_inverse_of_the_dose_that_kills_it(link):
    fitted = lethality.DoseResponse(ld50=7.2, width=0.15, link=link, likelihood=0.0, low=None, high=None, inside=True)
    shares = np.array([0.01, 0.3, 0.5, 0.99])
    doses = [fitted.dose(x) for x in shares]
    assert lethality.share(doses, 7.2, 0.15, link) == pytest.approx(shares)
    assert lethality.share(7.2, 7.2, 0.15, link) == 0.5
