"""The organism as a whole, fed by stirred marrow: it rests exactly, and answers bleedings and hormones as animals do.

The piece is held at rest; it is less than a thousandth of the marrow, and the rest is the mean-field twin.
"""

import copy
import dataclasses
import functools

import lab
import numpy as np
import pytest

from marrow_niche.body import blood
from marrow_niche.perturbations.bleed import Bleed
from marrow_niche.perturbations.factor import Treatment
from marrow_niche.simulation import observe, step


@functools.cache
def resting():
    model, state = lab.marrow()
    model = dataclasses.replace(model, apart=True)
    state.output = model.share * np.tile(list(model.production.values()), len(model.tree.lines))
    return model, state


def lived(days, *events, every=6, without=()):
    """Rows of blood over rest as columns, `hour` from the start, and MkP of the marrow; parts named in `without` are off."""
    model, state = resting()
    state, species = copy.deepcopy(state), model.species
    if "iron" in without:
        species = dataclasses.replace(species, iron=dataclasses.replace(species.iron, supply=100.0, store=100.0))
    if "walls" in without:
        species = dataclasses.replace(species, blood=dataclasses.replace(species.blood, neutrophils_freed=0.0))
    model = dataclasses.replace(model, species=species)
    rows = []
    for hour in range(0, 24 * days + 1, model.lineage_step):
        if hour % every == 0:
            mkp = model.tree.rows("MkP")
            rows.append(observe.blood_row(state, model) | {"hour": hour, "MkP": state.twin.counts[mkp].sum() / model.tree.rest[mkp].sum()})
        for state.hour in range(hour, hour + model.lineage_step):
            for event in events:
                if event.due(state.hour):
                    event.strike(state, model)
        step.advance_body(state, model.rest_cells, model)
    start = observe.blood_row(resting()[1], resting()[0]) | {"hour": 1.0, "MkP": 1.0}
    return {name: np.array([row[name] for row in rows]) / start[name] for name in rows[0]}


def test_the_body_rests_exactly():
    """Blood, hormones, spleen, iron and lymphoid tissue beside resting marrow: no number moves in a month but by round-off."""
    for name, course in lived(30).items():
        if name != "hour":
            assert course == pytest.approx(np.ones(len(course)), rel=1e-10), name


def test_marrow_makes_less_by_what_the_spleen_gives():
    model, _ = resting()
    need = blood.production(model.species.blood)["reticulocytes"]
    assert model.production["reticulocytes"] == pytest.approx((1 - model.species.spleen.erythroid_share) * need)
    assert model.blood_rest.red.sum() + model.blood_rest.reticulocytes == pytest.approx(model.species.blood.red_cells * model.species.blood.volume)


@pytest.mark.parametrize("fraction", [0.4, 0.5, 0.6])
def test_half_the_blood_comes_back_in_weeks(fraction):
    """More reticulocytes by day 3 to 7, iron gone in days; red cells at 90 % not before day 9 and by day 28; no ringing."""
    course = lived(60, Bleed(at=0.0, fraction=fraction))
    day, red = course["hour"] / 24, course["red_cells_per_uL"]
    young = course["reticulocytes_per_uL"]
    assert red[1] == pytest.approx(1 - fraction, abs=0.02)
    assert 2 < young.max() < 6 and 3 <= day[young.argmax()] <= 7
    assert course["iron_store"].min() < 0.05 and course["iron_store"][-1] == pytest.approx(1.0, abs=0.3)
    assert 9 < day[np.argmax((red > 0.9) & (day > 1))] < 28
    assert red.max() < 1.1 and abs(red[-1] - 1) < 0.05


def test_iron_is_what_holds_it_back():
    """With iron without end red cells are back days sooner: what bleeding takes out of the body counts."""

    def back(**changes):
        course = lived(40, Bleed(at=0.0, fraction=0.5), **changes)
        return course["hour"][np.argmax((course["red_cells_per_uL"] > 0.9) & (course["hour"] > 24))] / 24

    assert back() - back(without=("iron",)) > 3


def test_a_hormone_and_its_own_counts():
    """G-CSF raises neutrophils within hours and lets go of them; EPO red cells within days; TPO's mimetic platelets in ten."""
    neutrophils = lived(5, Treatment(at=0.0, factor="GCSF", dose=5e-6), every=3)
    peak = neutrophils["neutrophils_per_uL"].argmax()
    assert 3 <= neutrophils["hour"][peak] <= 24 and neutrophils["neutrophils_per_uL"][peak] > 2
    assert neutrophils["neutrophils_per_uL"][-1] < 1.3
    held = lived(5, Treatment(at=0.0, factor="GCSF", dose=5e-6), every=3, without=("walls",))
    assert neutrophils["neutrophils_per_uL"].max() > 1.3 * held["neutrophils_per_uL"].max()
    red = lived(14, Treatment(at=0.0, factor="EPO", dose=3000.0, dose_unit="IU/kg", doses=3, every=24.0))
    assert red["reticulocytes_per_uL"].max() > 2 and red["red_cells_per_uL"].max() > 1.1
    assert red["iron_store"].min() < 0.5
    platelets = lived(12, Treatment(at=0.0, factor="romiplostim", dose=1e-4, doses=4, every=72.0))
    assert platelets["platelets_per_uL"].max() > 2 and platelets["MkP"].max() > 1.5


def test_more_of_a_dose_does_more_and_lasts_longer():
    small, large = (lived(4, Treatment(at=0.0, factor="GCSF", dose=dose), every=3)["neutrophils_per_uL"] for dose in (5e-6, 1.25e-4))
    assert large.max() > small.max() and (large > 2).sum() > (small > 2).sum()
