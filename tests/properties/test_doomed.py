"""The line of the doomed: empty it is not there, and what it gives to blood is what its cells can make."""

import dataclasses

import lab
import naive_mean_field
import numpy as np
import pytest

from marrow_niche.marrow.damage import Exposure
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.simulation import advance, observe
from marrow_niche.state import to_dict


def go(model, state, hours):
    for _ in range(hours):
        advance(state, model)


def flat(part, path=""):
    """Every array and number of nested dicts, by path."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield path + name, np.asarray(value)


def assert_same(state, other, lines, n):
    """All bits; of what has rows or exits by line those of the first `lines` of `n` stages."""
    first = {"counts": n * lines, "twin.counts": n * lines, "output": len(EXITS) * lines}
    mine, its = dict(flat(to_dict(state))), dict(flat(to_dict(other)))
    assert mine.keys() == its.keys()
    for name, value in mine.items():
        there = its[name][: first[name]] if name in first else its[name]
        assert value.shape == there.shape and value.tobytes() == there.tobytes(), name


@pytest.mark.parametrize("marked", [False, True])
def test_without_a_dose_the_line_of_the_doomed_changes_no_bit(marked):
    """A radiation event of nothing gives the tree another line: at rest, and two days of it, every number of the state and of
    the tables is that of a scenario without; and so it is where cells are marked too."""
    model, state = lab.marrow(marked=marked)
    dosed, other = lab.marrow(marked=marked, dosed=True)
    n, lines = model.tree.size, len(model.tree.lines)
    assert dosed.tree.lines == (*model.tree.lines, "doomed")
    assert_same(state, other, lines, n)
    none = (Exposure(0.0, 0.0, 0.0), Exposure(3.0, 9.0, 0.0))
    go(model, state, 48), go(dataclasses.replace(dosed, exposures=none), other, 48)
    assert_same(state, other, lines, n)
    assert not other.counts[n * lines :].any()
    assert observe.marrow_row(state, model) == observe.marrow_row(other, dosed)
    assert observe.blood_row(state, model) == observe.blood_row(other, dosed)


def test_of_a_piece_apart_the_marrow_outside_does_not_know_the_doomed():
    """The twin has the line, and it stays empty; a day after 3 Gy on the piece it stands where it stands without the line."""
    counts = {}
    for dosed in (False, True):
        model, state = lab.marrow(dosed=dosed)
        model = dataclasses.replace(model, apart=True, piece_share=0.1, exposures=Radiation(at=1.0, dose=3.0).exposures())
        n = model.tree.size
        go(model, state, 24)
        assert not state.twin.counts[n:].any() and state.counts[n:].any() == dosed
        counts[dosed] = state.twin.counts[:n]
    assert counts[True] == pytest.approx(counts[False], rel=0.02, abs=1.0)


@pytest.mark.parametrize(("dose", "least", "most"), [(1.0, 1.02, 1.10), (4.0, 1.0, 1.02)])
def test_the_doomed_prop_up_blood_after_a_low_dose_and_then_are_gone(dose, least, most):
    """With and without them, the same luck: the same stem cells die, neutrophils fall later after 1 Gy and hardly so after 4 Gy,
    where cells are hit many times over; after three weeks three in a thousand of the doomed are left at most."""
    with_them, state = lab.marrow(dosed=True)
    without = dataclasses.replace(
        with_them, species=dataclasses.replace(with_them.species, radiation=dataclasses.replace(with_them.species.radiation, doomed_share=0.0))
    )
    _, other = lab.marrow(dosed=True)
    exposures = Radiation(at=0.0, dose=dose).exposures()
    for model, each in ((with_them, state), (without, other)):
        go(dataclasses.replace(model, exposures=exposures), each, 1)
    assert set(state.stem.clone) == set(other.stem.clone) and not other.counts[with_them.tree.size :].any()
    more, n = {}, with_them.tree.size
    doomed = state.counts[n:].sum()
    for day in range(1, 22):
        for model, each in ((with_them, state), (without, other)):
            go(dataclasses.replace(model, exposures=exposures), each, 24)
        more[day] = state.blood.neutrophils / other.blood.neutrophils
    assert least < max(more[3], more[4], more[5]) < most
    assert state.counts[n:].sum() < 3e-3 * doomed and not other.counts[n:].any()


def test_with_the_doomed_the_lattice_follows_the_mean_field():
    """Two grays, 16 days: the plain loop, whose tree has the line of the doomed too, beside the lattice without local
    responses."""
    model, state = lab.marrow(local=False, few=False, dosed=True)
    stem = dataclasses.replace(model.species.stem_cells, senescence_dose=1e9)
    model = dataclasses.replace(model, species=dataclasses.replace(model.species, stem_cells=stem), exposures=(Exposure(0.0, 0.0, 2.0),))
    stored, days, calm = len(state.stem.id), 16, model.blood_rest
    expected = naive_mean_field.run(model, days, 2.0)
    alone = naive_mean_field.run(lab.marrow(local=False, few=False)[0], days, 2.0)
    assert max(abs(expected["neutrophils"] - alone["neutrophils"])) > 0.04, "the doomed must move something"
    for day in range(1, days + 1):
        for _ in range(24):
            advance(state, model)
        found = {
            "stem_cells": len(state.stem.id) / stored,
            "neutrophils": state.blood.neutrophils / calm.neutrophils,
            "platelets": state.blood.platelet.sum() / calm.platelet.sum(),
            "red_cells": (state.blood.red.sum() + state.blood.reticulocytes) / (calm.red.sum() + calm.reticulocytes),
        }
        for name, value in found.items():
            assert value == pytest.approx(expected[name][day], abs=0.05), (day, name)
