"""Sweeps: their file, their members, their table."""

import csv

import pytest
from tasks import SCENARIO

from marrow_niche.errors import StudyError
from marrow_niche.studies import members, sweep

STUDY = """
scenario = "mouse.toml"
seeds = 2
[[vary]]
path = "events.1.dose"
values = ["2 Gy", "4 Gy"]
[[vary]]
path = "parameters.stem_cells.number"
values = [20000, 21500, 23000]
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mouse.toml").write_text(SCENARIO)

    def write(text):
        (tmp_path / "study.toml").write_text(text)
        return tmp_path / "study.toml"

    return write


def test_several_values_make_every_combination_with_every_seed(study):
    found = sweep.read_sweep(study(STUDY))
    assert len(found.members) == 12
    assert len({m.name for m in found.members}) == 12
    first, last = found.members[0], found.members[-1]
    assert (first.values, first.seed) == ({"events.1.dose": "2 Gy", "parameters.stem_cells.number": 20000}, 3)
    assert (last.scenario.events[0].dose, last.scenario.parameters.stem_cells.number, last.seed) == (4.0, 23000.0, 4)
    assert not first.scenario.record.space


def test_members_keep_files_for_paraview_when_asked(study):
    found = sweep.read_sweep(study('keep = "all"\n' + STUDY))
    assert found.members[0].scenario.record.space


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds = 2\n", "scenario: missing. Path of a scenario, relative to this file."),
        (STUDY.replace("seeds = 2", "seeds = []"), "seeds: there is none"),
        (STUDY.replace("seeds = 2", "seeds = [1, 1]"), "one of them stands there twice"),
        (STUDY.replace("vary]]", "varry]]"), "varry: Sweep has no such parameter. Did you mean 'vary'?"),
        (STUDY.replace("events.1.dose", "events.2.dose"), "events.2: the scenario has 1 of them, counted from 1."),
        (STUDY.replace("events.1.dose", "events.1.dos"), "events[1].dos: Radiation has no such parameter. Did you mean 'dose'?"),
        (STUDY.replace("number", "nmber"), "stem_cells.nmber: StemCells has no such parameter. Did you mean 'number'?"),
        (STUDY.replace('"4 Gy"', '"4 Sv"'), "'Sv' is not a unit known here"),
        (STUDY.replace("mouse.toml", "rat.toml"), "there is no such file"),
        (STUDY.replace('"2 Gy", "4 Gy"', ""), "vary[1].values: the list is empty"),
        (STUDY + STUDY[STUDY.index("[[vary]]") :], "vary[3].path: 'events.1.dose' is varied twice"),
    ],
)
def test_a_mistake_is_told_with_the_cure(study, text, said):
    with pytest.raises(Exception) as error:
        sweep.read_sweep(study(text))
    assert said in str(error.value)


def test_all_mistakes_come_at_once(study):
    text = STUDY.replace("seeds = 2", "seeds = [1, 1]").replace("events.1.dose", "events.1.dos").replace("number", "nmber")
    with pytest.raises(StudyError) as error:
        sweep.read_sweep(study(text))
    assert len(error.value.mistakes) >= 3


def test_a_study_that_is_not_there_is_not_told_to_be_a_scenario(tmp_path):
    with pytest.raises(StudyError, match=r"there is no such file; give the path of a study file"):
        sweep.read_sweep(tmp_path / "none.toml")


def _finish(directory):
    """A finished run as its directory shows it: counts fall to a fifth on day 10 and are back on day 20."""
    directory.mkdir(parents=True)
    (directory / "provenance.json").write_text('{"finished": true}')
    names = [*sweep.COUNTS, "stem_cells", "sinusoid_integrity", "stroma_integrity"]
    rows = [f"{day}," + ",".join(f"{1000 * share:g}" for _ in names) for day, share in ((0, 1), (10, 0.2), (20, 1), (30, 1))]
    for table in ("blood.csv", "marrow.csv"):
        (directory / table).write_text("\n".join(["day," + ",".join(names), *rows]) + "\n")


def test_the_table_tells_each_member_and_what_it_did(study, tmp_path):
    found = sweep.read_sweep(study(STUDY))
    one, two, three = found.members[:3]
    _finish(tmp_path / "out" / members.FOLDER / one.name)
    path = sweep.write_table(found, tmp_path / "out", {two.name: "no cell lives"})
    rows = list(csv.DictReader(path.open()))
    assert [row["state"] for row in rows[:3]] == ["done", "failed", "not finished"]
    assert len(rows) == 12
    first = rows[0]
    assert (first["member"], first["seed"], first["events.1.dose"]) == (one.name, "3", "2 Gy")
    assert (first["neutrophils_per_uL_lowest"], first["neutrophils_lowest_share"], first["neutrophils_lowest_day"]) == ("200", "0.2", "10")
    assert float(first["platelets_half_lost_day"]) == pytest.approx(6.25)
    assert float(first["platelets_90_percent_again_day"]) == pytest.approx(18.75)
    assert float(first["platelets_days_below_half"]) == pytest.approx(7.5)
    assert rows[2]["neutrophils_per_uL_lowest"] == ""
    assert three.name == rows[2]["member"]


def test_a_sweep_that_is_stopped_or_partly_fails_leaves_its_table(study, tmp_path, monkeypatch):
    found = sweep.read_sweep(study(STUDY))
    monkeypatch.setattr(members, "run_members", lambda all_, into, **_: {all_[0].name: sweep.Failed("no cell lives")})
    path, failed = sweep.run_sweep(found, into=tmp_path / "out")
    assert path.is_file()
    assert failed == [f"{found.members[0].name}: no cell lives"]

    def stopped(*_, **__):
        raise KeyboardInterrupt

    path.unlink()
    monkeypatch.setattr(members, "run_members", stopped)
    with pytest.raises(KeyboardInterrupt):
        sweep.run_sweep(found, into=tmp_path / "out")
    assert path.is_file()


@pytest.mark.slow
def test_members_in_processes_give_what_they_give_alone_and_are_not_run_again(study, tmp_path):
    few = "[parameters]\n" + '"stem_cells.agent_cap" = { value = 1000, unit = "", source = "estimate" }\n'
    (tmp_path / "mouse.toml").write_text(SCENARIO.replace("30 d", "2 d") + few)
    text = 'scenario = "mouse.toml"\n[[vary]]\npath = "events.1.dose"\nvalues = ["2 Gy", "4 Gy"]\n'
    found = sweep.read_sweep(study(text))
    sweep.run_sweep(found, into=tmp_path / "many", jobs=2)
    sweep.run_sweep(found, into=tmp_path / "one", jobs=1)
    for member in found.members:
        tables = [(tmp_path / out / members.FOLDER / member.name / "blood.csv").read_bytes() for out in ("many", "one")]
        assert tables[0] == tables[1]
    assert set(members.run_members(found.members, tmp_path / "many", jobs=1).values()) == {"kept"}
    assert not list((tmp_path / "many").glob("members/*/cells/*"))
    assert (tmp_path / "many" / "sweep.csv").read_bytes() == (tmp_path / "one" / "sweep.csv").read_bytes()


def test_finished_members_that_differ_by_their_seed_stand_together(study, monkeypatch, tmp_path):
    """All but one of the second dose: it stands alone, and is no band."""
    found = sweep.read_sweep(study(STUDY))
    undone = [m.name for m in found.members if m.values["events.1.dose"] == "4 Gy"][1:]
    monkeypatch.setattr(members, "finished", lambda directory: directory.name not in undone)
    groups = members.by_seed([*found.members, *found.members], tmp_path)
    assert list(groups) == [f"events.1.dose = 2 Gy, parameters.stem_cells.number = {n}" for n in (20000, 21500, 23000)]
    for (_, paths), first in zip(groups.items(), found.members[::2]):
        seeds = [m.seed for m in found.members if tmp_path / "members" / m.name in paths and m.values == first.values]
        assert len(paths) == 2 and seeds == [3, 4]
