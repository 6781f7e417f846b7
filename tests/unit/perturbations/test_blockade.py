"""A drug blocks a receptor from one time to another, and nothing else."""

import dataclasses

import lab
import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.perturbations.blockade import Blockade
from marrow_niche.simulation.assembly import lay_out
from marrow_niche.simulation.step import advance_niche


def test_it_acts_from_its_first_hour_to_its_last():
    drug = Blockade(at=24.0, duration=48.0, share=0.75)
    assert [drug.left(hour) for hour in (0, 23, 24, 71, 72, 500)] == [1.0, 1.0, 0.25, 0.25, 1.0, 1.0]
    assert Blockade(at=24.0).left(10**6) == 0.0


def test_what_several_leave_multiplies_with_what_the_gene_leaves():
    model, _ = lab.marrow(genes={"vegfr2": 0.5})
    model = dataclasses.replace(model, blockades=(Blockade(at=0.0, duration=10.0, share=0.5), Blockade(at=5.0, share=0.2)))
    assert [model.vegfr2(hour) for hour in (0, 5, 10)] == pytest.approx([0.25, 0.2, 0.4], rel=1e-14)


def test_an_injured_wall_is_lost_under_it_and_regrows_without():
    model, state = lab.marrow()
    blocked = dataclasses.replace(model, blockades=(Blockade(at=0.0, duration=6.0),))
    state.stroma.vessel[:] = 0.5
    advance_niche(state, blocked)
    low = state.stroma.vessel.copy()
    assert (low < 0.5).all()
    state.hour = 6
    advance_niche(state, blocked)
    assert (state.stroma.vessel > low).all()


def test_a_scenario_says_it_in_a_line_and_reaches_the_model():
    asked = lab.scenario(events=[{"kind": "blockade", "at": "1 d", "duration": "14 d"}])
    model, _ = lab.marrow()
    model = lay_out(asked, model.geometry)
    assert model.blockades == (Blockade(at=24.0, duration=336.0),) and model.events == ()
    assert "100 % of the signal of VEGFR2 on sinusoids is blocked for 14 d" in model.blockades[0].told(model.species)


@pytest.mark.parametrize(("entry", "value", "told"), [("share", "120 %", "share"), ("receptor", "VEGFR3", "receptor"), ("at", "-1 d", "at")])
def test_what_cannot_be_is_refused(entry, value, told):
    with pytest.raises(ScenarioError, match=told):
        lab.scenario(events=[{"kind": "blockade", "at": "1 d", entry: value}])
