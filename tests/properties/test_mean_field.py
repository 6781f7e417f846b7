"""Without local responses the lattice becomes the mean-field model, within noise."""

import dataclasses

import lab
import naive_mean_field
import numpy as np
import pytest

from marrow_niche.resting import twin
from marrow_niche.simulation import advance


def test_the_twin_rests_exactly_at_the_species_numbers():
    """30 days of hourly steps move no count by more than round-off."""
    model, state = lab.marrow(local=False)
    marrow = twin.rest(model)
    before = marrow.counts.copy()
    numbers = np.array([model.species.stem_cells.number, model.species.stem_cells.tip_number])
    cycling = marrow.cycling.copy()
    for _ in range(24 * 30):
        twin.advance(marrow, state.hormones, model, 1.0)
    assert np.abs(marrow.counts - before).max() / before.max() < 1e-12
    assert marrow.quiescent + marrow.cycling == pytest.approx(numbers, rel=1e-12)
    assert marrow.cycling == pytest.approx(cycling, rel=1e-12)


def test_without_local_responses_the_lattice_follows_the_mean_field():
    """Two grays, 24 days: every count of blood and the stem-cell number stay beside the plain loop.

    What is left of 25,803 stored stem cells after 2 Gy is about 6,000: noise of some 1.5 %, grown by the divisions of the
    recovery; 5 % of rest is three times that.
    """
    model, state = lab.marrow(local=False, few=False)
    stem = dataclasses.replace(model.species.stem_cells, senescence_dose=1e9)  # the plain loop keeps no senescent cells
    species = dataclasses.replace(model.species, stem_cells=stem)
    model = dataclasses.replace(model, species=species, exposures=((0.0, 0.0, 2.0),))
    stored = len(state.stem.id)
    days = 24
    expected = naive_mean_field.run(model, days, 2.0)
    calm = model.blood_rest
    for day in range(1, days + 1):
        for _ in range(24):
            advance(state, model)
        found = {
            "stem_cells": len(state.stem.id) / stored,
            "neutrophils": state.blood.neutrophils / calm.neutrophils,
            "platelets": state.blood.platelet.sum() / calm.platelet.sum(),
            "red_cells": (state.blood.red.sum() + state.blood.reticulocytes) / (calm.red.sum() + calm.reticulocytes),
            "b_pool": state.lymphoid.b / model.lymphoid_rest.b_pool,
        }
        for name, value in found.items():
            assert value == pytest.approx(expected[name][day], abs=0.05), (day, name)
    assert min(expected["neutrophils"]) < 0.5, "the dose must move something"
