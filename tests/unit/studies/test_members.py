"""What a study changes in a scenario, and how its members are known again."""

import copy
from pathlib import Path

import pytest
from tasks import SCENARIO

from marrow_niche.errors import RunError, ScenarioError
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.studies import doses, members, sweep
from marrow_niche.studies.members import changed

TABLES = {
    "species": "mouse",
    "seed": 4,
    "duration": "30 d",
    "geometry": {"bone": "long bone", "voxel": "25 um"},
    "events": [{"kind": "radiation", "at": "0 d", "dose": "6 Gy"}, {"kind": "bleed", "at": "1 d", "fraction": "10 %"}],
}


def test_a_value_is_put_at_its_path_and_nothing_else_moves():
    before = copy.deepcopy(TABLES)
    out = changed(TABLES, "events.2.fraction", "20 %")
    assert out["events"][1]["fraction"] == "20 %"
    assert changed(TABLES, "events[2].fraction", "20 %") == out
    out["events"][1]["fraction"] = "10 %"
    assert out == before == TABLES
    assert changed(TABLES, "duration", "9 d")["duration"] == "9 d"
    assert changed(TABLES, "switches.emergency", False)["switches"] == {"emergency": False}


def test_a_parameter_takes_the_unit_of_the_species_file():
    out = changed(TABLES, "parameters.stem_cells.division", 0.05)
    assert out["parameters"]["stem_cells.division"]["unit"] == "1/day"
    read = scenario_from(out)
    assert read.parameters.stem_cells.division == pytest.approx(0.05 / 24)
    assert read.ledger["stem_cells.division"].source == members.SOURCE
    text = scenario_from(changed(TABLES, "parameters.stem_cells.division", "0.05 1/day"))
    assert text.parameters.stem_cells.division == pytest.approx(0.05 / 24)
    gene = scenario_from(changed(TABLES, "parameters.genes.tpo", 0.1))
    assert gene.parameters.genes.tpo == 0.1


def test_a_parameter_that_the_scenario_replaced_is_replaced_again():
    leaf = {"value": 0.07, "unit": "1/day", "source": "estimate"}
    nested = {**TABLES, "parameters": {"stem_cells": {"division": leaf}, "genes.kit": {"value": 0.5, "source": "estimate"}}}
    read = scenario_from(changed(nested, "parameters.stem_cells.division", 0.05))
    assert read.parameters.stem_cells.division == pytest.approx(0.05 / 24)
    assert read.parameters.genes.kit == 0.5


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("events.3.dose", "the scenario has 2 of them, counted from 1"),
        ("event.1.dose", "event: the scenario has no such table. Did you mean 'events'?"),
        ("events.1", "name an entry of one table"),
        ("parameters", "name a parameter"),
        ("seed", "seeds are not varied but listed"),
        ("events..dose", "is no path"),
        ("duration.days.whole", "duration holds no table"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_with_the_cure(path, said):
    with pytest.raises(ValueError, match="^.*" + said.replace("?", r"\?").replace(".", r"\.")):
        changed(TABLES, path, 1)


def test_a_member_is_named_by_its_scenario_and_the_code(monkeypatch):
    def named(tables=TABLES, seed=None):
        return members.name_of(scenario_from(tables, seed=seed))

    first = named()
    assert named() == first
    assert len({first, named(seed=5), named(changed(TABLES, "events.1.dose", "5 Gy"))}) == 3
    monkeypatch.setattr(members, "code_digest", lambda: "another")
    assert named() != first


def test_a_member_is_named_by_what_is_in_its_files(tmp_path):
    mesh = tmp_path / "bone.stl"
    tables = {**TABLES, "geometry": {"mesh": "bone.stl", "unit": "um", "voxel": "25 um"}}
    mesh.write_bytes(b"one")
    one = members.name_of(scenario_from(tables, folder=tmp_path))
    mesh.write_bytes(b"two")
    assert members.name_of(scenario_from(tables, folder=tmp_path)) != one


def test_seeds_go_on_from_the_scenarios_own_or_are_listed():
    assert members.seeds_of(3, TABLES) == [4, 5, 6]
    assert members.seeds_of((9, 2), TABLES) == [9, 2]


def test_mistakes_of_all_members_come_at_once_and_each_once():
    wanted = [({"x": k}, seed, changed(TABLES, "events.1.dos", k)) for k in (1, 2) for seed in (1, 2)]
    wanted += [({"y": 0}, 1, changed(TABLES, "duration", 3))]
    with pytest.raises(ScenarioError) as error:
        members.read_all("study.toml", Path(), wanted)
    assert sum("Did you mean 'dose'?" in m for m in error.value.mistakes) == 2
    assert any(m.startswith("duration: ") and "y = 0" in m for m in error.value.mistakes)


def test_a_run_is_no_place_for_a_study(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text("seeds = 1\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scenario.toml").write_text("")
    with pytest.raises(RunError, match="a study needs a directory of its own"):
        members.open_study(tmp_path / "run", file)
    made = members.open_study(tmp_path / "a" / "b", file)
    assert (made / "study.toml").read_text() == "seeds = 1\n"


def test_what_is_finished_is_kept_and_what_had_not_begun_is_begun(tmp_path, monkeypatch):
    done, going, empty = (tmp_path / name for name in ("done", "going", "empty"))
    for place in (done, going, empty):
        place.mkdir()
    (done / "provenance.json").write_text('{"finished": true}')
    (going / "scenario.toml").write_text("")
    (going / "provenance.json").write_text('{"finished": false}')
    (empty / "half").write_text("")
    calls = []
    monkeypatch.setattr("marrow_niche.simulation.resume", lambda into, **_: calls.append(("resume", into)))
    monkeypatch.setattr("marrow_niche.simulation.simulate", lambda scenario, into, **_: calls.append(("run", into, into.exists())))
    said = [members.simulate_member(members.Task(TABLES, tmp_path, place), lambda *_: None) for place in (done, going, empty)]
    assert said == ["kept", "resumed", "run"]
    assert calls == [("resume", going), ("run", empty, False)]


def test_an_override_without_a_value_is_told_and_not_lost():
    """It stays beside the others that the study keeps."""
    kept = {**TABLES, "parameters": {"stem_cells": {"division": {"source": "estimate"}}}}
    out = changed(kept, "parameters.stem_cells.number", 3e4)["parameters"]
    assert out["stem_cells.division"] == {"source": "estimate"}


def test_a_table_of_rows_has_every_column_that_one_of_them_has(tmp_path):
    members.write_rows(tmp_path / "rows.csv", [{"a": 1}, {"a": 2, "b": "x, y"}])
    assert (tmp_path / "rows.csv").read_text() == 'a,b\n1,\n2,"x, y"\n'


def test_a_member_whose_provenance_is_damaged_is_not_finished(tmp_path):
    (tmp_path / "provenance.json").write_text('{"finished": tr')
    assert not members.finished(tmp_path)


@pytest.mark.parametrize(
    ("read", "study"),
    [
        (doses.read_doses, 'doses = ["6 Gy", "9 Gy"]\nuntil = "30 d"'),
        (sweep.read_sweep, '[[vary]]\npath = "events.1.dose"\nvalues = ["2 Gy", "4 Gy"]'),
    ],
    ids=["doses", "sweep"],
)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("record = 5", "record: 5 stands where a table is expected"),
        ("switches = 5", "switches: 5 stands where a table is expected"),
        ("parameters = 5", "parameters: 5 stands where a table is expected"),
        ('seed = "x"', "seed: 'x' is not a plain number"),
    ],
)
def test_mistakes_of_the_scenario_come_once_and_under_its_own_name(tmp_path, read, study, text, said):
    (tmp_path / "mouse.toml").write_text(text + "\n" + SCENARIO.replace("seed = 3\n", ""))
    (tmp_path / "study.toml").write_text(f'scenario = "mouse.toml"\nseeds = 2\n{study}\n')
    with pytest.raises(ScenarioError) as error:
        read(tmp_path / "study.toml")
    assert str(error.value).startswith(f"{tmp_path / 'mouse.toml'} cannot be simulated; 1 mistake:")
    assert said in str(error.value)
