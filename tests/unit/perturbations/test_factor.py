"""Treatment: when doses fall due, what each puts where, and that a dose of nothing is none."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.body import factors
from marrow_niche.perturbations import timeline
from marrow_niche.perturbations.factor import Treatment
from marrow_niche.state import to_dict


@pytest.fixture(scope="module")
def species():
    return lab.scenario().parameters


def struck(event, hours=1):
    """State after so many hours of nothing but events, and the hours in which the marrow was told to be another one."""
    model, state = lab.marrow()
    model = dataclasses.replace(model, events=(event,))
    told = []
    for hour in range(hours):
        state.hour = hour
        if timeline.apply_due(state, model):
            told.append(hour)
    return state, told


def index(species, name):
    return list(species.factors).index(name)


def test_doses_by_mass_and_of_the_animal_are_the_same_in_a_body_of_25_g(species):
    f, mass = species.factors["EPO"], species.organism.mass
    by_mass = Treatment(at=0.0, factor="EPO", dose=4e-6)
    whole = Treatment(at=0.0, factor="EPO", dose=1e-7, dose_unit="g")
    activity = Treatment(at=0.0, factor="EPO", dose=4e-6 * f.activity * 1000 / 1000, dose_unit="IU/kg")
    assert by_mass.grams(f, mass) == pytest.approx(whole.grams(f, mass)) == pytest.approx(activity.grams(f, mass)) == pytest.approx(1e-7)


def test_each_dose_is_given_once_in_its_hour(species):
    """Three doses a day apart, the first within hour 2; what is in the depot is their sum, as nothing is stepped here."""
    event = Treatment(at=2.5, factor="GCSF", dose=5e-6, doses=3, every=24.0)
    assert event.times() == (2.5, 26.5, 50.5)
    assert [hour for hour in range(80) if event.due(hour)] == [2, 26, 50]
    state, told = struck(event, 80)
    k, f = index(species, "GCSF"), species.factors["GCSF"]
    one = f.bioavailability * factors.concentration(f, 5e-6 * 0.025, 0.025)
    assert state.hormones.depot[k] == pytest.approx(3 * one) and state.hormones.gcsf == 1.0
    assert not told and np.count_nonzero(state.hormones.depot) == 1


def test_two_doses_within_an_hour_are_both_given(species):
    state, _ = struck(Treatment(at=0.0, factor="GCSF", dose=5e-6, doses=2, every=0.5))
    once, _ = struck(Treatment(at=0.0, factor="GCSF", dose=5e-6))
    assert state.hormones.depot == pytest.approx(2 * once.hormones.depot)


def test_into_the_vein_it_acts_from_the_hour_on(species):
    state, _ = struck(Treatment(at=0.0, factor="GCSF", dose=5e-6, route="intravenous"))
    k, f = index(species, "GCSF"), species.factors["GCSF"]
    assert state.hormones.plasma[k] == pytest.approx(factors.concentration(f, 5e-6 * 0.025, 0.025))
    assert state.hormones.gcsf == pytest.approx(1 + state.hormones.plasma[k] / species.hormones.gcsf)


@pytest.mark.parametrize("route", ["subcutaneous", "intravenous"])
def test_a_dose_of_nothing_changes_no_bit(route):
    _, before = lab.marrow()
    state, _ = struck(Treatment(at=0.0, factor="GCSF", dose=0.0, route=route))

    def same(a, b):
        return all(same(a[k], b[k]) for k in a) if isinstance(a, dict) else np.array_equal(a, b, equal_nan=True)

    assert same(to_dict(state), to_dict(before))


def test_check_tells_it(species):
    text = Treatment(at=0.0, factor="GCSF", dose=5e-6, doses=5, every=24.0).told(species)
    assert text.startswith("5 ug/kg of GCSF, subcutaneous, 5 times every 1 d: 2.28 nM in plasma")
    assert "0.0013 nM" in text
