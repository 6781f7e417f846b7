"""Published counts are laid over runs that they are of, and over no others."""

import types

import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis import published

ACUTE = {"kind": "radiation", "at": "1 d", "dose": "2 Gy"}


def run(species="human", events=(ACUTE,), last=10.0, **organism):
    day = np.array([0.0, 1.0, last])
    blood = pd.DataFrame({"day": day, "lymphocytes_per_uL": [2000.0, 2000, 900], "neutrophils_per_uL": [4000.0, 4000, 3000]})
    return types.SimpleNamespace(scenario={"species": species, "events": list(events), "organism": organism}, blood=blood)


def test_human_lymphocytes_lie_between_the_two_laws():
    (found,) = published.after_dose(run())
    assert found.column == "lymphocytes_per_uL" and found.day[0] == 1.0 and found.day[-1] == 3.0
    assert found.low[0] == found.high[0] == 2000
    # after 2 Gy, D = 13.6 / (1 + 1/k) gives k = 0.1724 and 0.126 D gives 0.252 a day
    assert found.high[-1] == pytest.approx(2000 * np.exp(-2 * 0.1724), rel=1e-3)
    assert found.low[-1] == pytest.approx(2000 * np.exp(-2 * 0.252), rel=1e-3)


@pytest.mark.parametrize("dose, left", [(0.05, 0.9), (0.33, 0.5), (1.08, 0.1)])
def test_doses_of_the_mouse_leave_what_they_are_named_for(dose, left):
    found = {each.column: each for each in published.after_dose(run("mouse", [ACUTE | {"dose": f"{dose} Gy"}]))}
    lymphocytes = found["lymphocytes_per_uL"]
    assert lymphocytes.day.tolist() == [3.0]
    assert lymphocytes.low[0] == pytest.approx(2000 * left) == lymphocytes.high[0]


def test_beyond_the_last_dose_only_a_bound_is_known():
    found = {each.column: each for each in published.after_dose(run("mouse", [ACUTE | {"dose": "6 Gy"}]))}
    assert (found["lymphocytes_per_uL"].low[0], found["lymphocytes_per_uL"].high[0]) == (0.0, pytest.approx(200))
    neutrophils = found["neutrophils_per_uL"]
    assert 400 < neutrophils.low[0] == neutrophils.high[0] < 2000


@pytest.mark.parametrize(
    "other",
    [
        {"events": ()},
        {"events": (ACUTE, ACUTE)},
        {"events": (ACUTE | {"duration": "50 h"},)},
        {"events": (ACUTE | {"fractions": 2, "every": "1 d"},)},
        {"events": (ACUTE | {"shield": {"axis": "z"}},)},
        {"events": ({"kind": "bleed", "at": "0 d", "fraction": "40 %"},)},
        {"rest": "unirradiated"},
        {"events": (ACUTE | {"dose": "0.1 Gy"},)},
        {"events": (ACUTE | {"dose": "12 Gy"},)},
        {"last": 1.0},
    ],
)
def test_another_run_has_nothing_to_be_compared_with(other):
    assert published.after_dose(run(**other)) == []


def test_only_man_has_a_normal_range():
    assert published.normal(run("mouse")) == {}
    low, high = published.normal(run("human"))["platelets_per_uL"]
    assert (low, high) == (150_000, 400_000)


def test_a_mutant_is_not_laid_beside_the_wild_type():
    mutant, other = run("mouse"), run("mouse")
    mutant.scenario["parameters"] = {"genes.mpl": {"value": 0.0}}
    other.scenario["parameters"] = {"stem_cells.agent_cap": {"value": 12_000}}
    assert published.after_dose(mutant) == [] and published.after_dose(other)
