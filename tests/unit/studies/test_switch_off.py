"""Switch-off arms: the run itself beside the run without a mechanism, and what cannot be asked for."""

import json

import lab
import pytest

from marrow_niche.errors import NumericsError, RunError
from marrow_niche.record.directory import RunDirectory
from marrow_niche.resting import places
from marrow_niche.simulation import assembly
from marrow_niche.studies import arms, switch_off


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A thin section after 6 Gy, a day long; its resting state is sought in few places, so that tests take seconds."""
    monkeypatch.setattr(places, "LEAST", 2500)
    few = {"stem_cells.agent_cap": {"value": 500, "unit": "", "source": "estimate"}}
    dose = {"kind": "radiation", "at": "0 d", "dose": "6 Gy"}
    asked = lab.scenario("0.05 mm", duration="30 h", events=[dose], switches={"fat_scf": False}, parameters=few)
    place = RunDirectory(tmp_path / "run").create()
    place.write_scenario(asked.source)
    return place


def test_every_switch_that_is_on_is_a_mechanism():
    found = switch_off.mechanisms(lab.scenario(switches={"emergency": False}))
    assert "emergency" not in found and "animals_differ" not in found
    assert {"niche_injury", "tpo_drive", "competition"} <= set(found)
    assert all(found.values())


def test_what_is_not_on_cannot_be_turned_off(run):
    with pytest.raises(RunError, match="Did you mean 'niche_injury'"):
        switch_off.run_switched_off(run, only=["nich_injury"])
    with pytest.raises(RunError, match="fat_scf"):
        switch_off.run_switched_off(run, only=["fat_scf"])


def test_the_first_arm_is_the_run_and_the_others_differ_by_their_switch(run):
    found = switch_off.run_switched_off(run, only=["direct_platelets"], jobs=1)
    assert json.loads(run.switches.read_text()) == found
    own, off = found["arms"]
    assert (own["off"], off["off"]) == ("", "direct_platelets")
    asked = switch_off.read_scenario(run.scenario)
    model, state = assembly.build(asked)
    rest = arms.at_rest(state)
    day, pools = arms.follow(model, state, rest, 30)
    assert own["platelets"]["lowest"] == [float(pools[:, 1].min())]
    assert own["stem_cells_at_end"] == [len(state.stem.id) / sum(rest.stem_cells)]
    assert own["stem_cells_at_end"][0] < 0.5
    assert off != own | {"off": off["off"], "means": off["means"]}


def test_a_marrow_that_cannot_rest_without_a_mechanism_is_told_and_the_others_stand(run, monkeypatch):
    def follow(task, progress):
        if task.off == "competition":
            raise NumericsError("nothing rests here")
        each = {"lowest": 0.5, "lowest_day": 1.0, "back": None}
        return {name: each for name in arms.LINEAGES} | {"stem_cells_at_end": 0.5}

    monkeypatch.setattr(switch_off, "follow_one", follow)
    found = switch_off.run_switched_off(run, only=["competition", "emergency"], seeds=2, jobs=1)
    assert [sorted({"failed"} & set(arm)) for arm in found["arms"]] == [[], ["failed"], []]
    assert found["arms"][1]["failed"] == "nothing rests here"
    assert found["arms"][2]["platelets"]["lowest"] == [0.5, 0.5]
