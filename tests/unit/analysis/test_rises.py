"""A level that rose because its sink was lost is told apart from one that rose because more is made."""

import dataclasses

import lab
import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis.rises import over_rest, rises
from marrow_niche.simulation import observe
from marrow_niche.simulation.step import update_fields
from marrow_niche.state import take


def table(edit, model, state):
    """fields.csv of a rest and of what is left after `edit`, which returns the model, as from one hour to the next."""
    update_fields(state, model)
    first = {"day": 0.0} | observe.budget_row(state, model)
    model = edit(state, model) or model
    update_fields(state, model, anew=True)
    return pd.DataFrame([first, {"day": 1.0} | observe.budget_row(state, model)])


def without_blood(state, model):
    state.stem = take(state.stem, np.zeros(len(state.stem.id), bool))
    state.counts[:] = 0


def thrice_made(state, model):
    c = model.species.cytokines
    scf = dataclasses.replace(c["SCF"], per_stroma=3 * c["SCF"].per_stroma, per_wall=3 * c["SCF"].per_wall)
    return dataclasses.replace(model, species=dataclasses.replace(model.species, cytokines=c | {"SCF": scf}))


def test_what_is_held_is_what_is_made_over_what_is_cleared():
    """By the budget of each field; and it is the marrow's molecules."""
    model, state = lab.marrow()
    update_fields(state, model)
    row = observe.budget_row(state, model)
    for k, name in enumerate(model.species.cytokines):
        made = row[f"{name}_secreted_molecules_per_h"] + row[f"{name}_entered_molecules_per_h"]
        assert made == pytest.approx(row[f"{name}_cleared_per_h"] * row[f"{name}_held_molecules"], rel=1e-4)
        assert row[f"{name}_held_molecules"] == pytest.approx(0.602214 * (model.space * state.fields[k]).sum(), rel=1e-12)
    state.fields[0] *= 2.0  # as it follows its level, what was held at the solve stays the same
    state.followed[0] *= 2.0
    assert observe.budget_row(state, model)["SCF_held_molecules"] == pytest.approx(row["SCF_held_molecules"], rel=1e-12)


@pytest.mark.parametrize(("edit", "told"), [(without_blood, "lost sink"), (thrice_made, "surge")])
def test_a_lost_sink_is_no_surge(edit, told):
    """Without the cells that take it up SCF rises five-fold and as much is made; made threefold it rises as much and as much
    of it is cleared."""
    found = table(edit, *lab.marrow())
    (scf,) = [rise for rise in rises(found) if rise.name == "SCF"]
    last = over_rest(found, "SCF").iloc[-1]
    assert scf.told == told and scf.level == pytest.approx(last["made"] / last["cleared"], rel=1e-4)
    if told == "surge":
        assert (scf.made, scf.cleared) == pytest.approx((scf.level, 1.0), rel=0.02)
    else:
        assert scf.made == pytest.approx(1.0, rel=1e-6) and scf.level > 4


def test_a_table_of_before_tells_nothing():
    assert rises(pd.DataFrame({"day": [0.0, 1.0], "SCF_secreted_molecules_per_h": [1.0, 2.0]})) == []
