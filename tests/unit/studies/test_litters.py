"""Members that begin from the same marrow share it, and are to the bit what they are by themselves."""

import copy
from pathlib import Path

import pytest

from marrow_niche.errors import MarrowError, NumericsError
from marrow_niche.resting import places
from marrow_niche.scenario import beginning
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import assembly, simulate
from marrow_niche.studies import members
from marrow_niche.studies.members import changed
from marrow_niche.studies.processes import Failed

TABLES = {
    "species": "mouse",
    "seed": 3,
    "duration": "30 h",
    "geometry": {"bone": "long bone", "voxel": "25 um", "section": {"at": "50 %", "thickness": "50 um"}},
    "events": [{"kind": "radiation", "at": "6 h", "dose": "6 Gy"}],
    "record": {"every": "6 h", "fields": [], "space": False},
    "switches": {"animals_differ": True},
    "parameters": {"stem_cells.agent_cap": {"value": 500, "unit": "", "source": "estimate"}},
}
GRAFT = {"kind": "graft", "at": "12 h", "cells": {"HSC": 100}}
GCSF = {"kind": "factor", "factor": "GCSF", "at": "12 h", "dose": "100 ug/kg"}
FILES = ("blood.csv", "marrow.csv", "fields.csv")


def with_event(tables, event):
    return {**tables, "events": [*tables["events"], event]}


def read(wanted):
    return members.read_all("study.toml", Path(), wanted)


def other(path, value):
    return scenario_from(changed(TABLES, path, value))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """A resting state is sought in a sample of fewer places, so that tests take seconds."""
    monkeypatch.setattr(places, "LEAST", 2500)


@pytest.fixture
def sought(monkeypatch):
    """What was built and sought: "geometry" and "rest", in order."""
    calls, geometry_of, at_rest = [], assembly.geometry_of, assembly.at_rest
    monkeypatch.setattr(assembly, "geometry_of", lambda scenario: (calls.append("geometry"), geometry_of(scenario))[1])
    monkeypatch.setattr(assembly, "at_rest", lambda model: (calls.append("rest"), at_rest(model))[1])
    return calls


def same(one, two):
    return [(Path(one) / name).read_bytes() == (Path(two) / name).read_bytes() for name in FILES]


def test_what_comes_later_does_not_part_beginnings():
    whole = scenario_from(TABLES)
    for alike in (
        other("events.1.dose", "9 Gy"),
        other("events.1.at", "9 h"),
        other("duration", "60 h"),
        other("title", "again"),
        other("record.every", "1 d"),
        scenario_from(with_event(TABLES, GCSF)),
        scenario_from(TABLES, folder="elsewhere"),
    ):
        assert beginning.of_rest(alike) == beginning.of_rest(whole)
        assert beginning.of_geometry(alike) == beginning.of_geometry(whole)


def test_what_enters_parts_them():
    """Also cells that are told apart, of which there are more rows; the geometry only by what it is built from."""
    whole = scenario_from(TABLES)
    rests = {beginning.of_rest(whole)}
    for apart in (
        other("parameters.stem_cells.number", 2e4),
        other("parameters.genes.tpo", 0.5),
        other("parameters.variation.neutrophils", 0.1),
        other("switches.animals_differ", False),
        other("organism.rest", "unirradiated"),
        scenario_from(with_event(TABLES, GRAFT)),
        scenario_from({**TABLES, "events": [GCSF]}),
        scenario_from({**TABLES, "events": [GRAFT]}),
    ):
        assert beginning.of_geometry(apart) == beginning.of_geometry(whole)
        rests.add(beginning.of_rest(apart))
    for apart in (
        scenario_from(TABLES, seed=4),
        other("geometry.voxel", "20 um"),
        other("parameters.anatomy.sinusoid_radius", "11 um"),
    ):
        assert beginning.of_geometry(apart) != beginning.of_geometry(whole)
        rests.add(beginning.of_rest(apart))
    assert len(rests) == 12


def test_a_file_enters_by_its_bytes(tmp_path):
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "femur.stl").write_text(text)
    tables = {**TABLES, "geometry": {"mesh": "femur.stl", "length": "15 mm", "voxel": "25 um"}}
    one, alike, apart = (beginning.of_geometry(scenario_from(tables, folder=tmp_path / name)) for name in "abc")
    assert one == alike != apart


def test_a_litter_holds_one_geometry_and_no_more_than_falls_to_a_process(tmp_path):
    wanted = [({}, seed, changed(TABLES, "events.1.dose", dose)) for dose in ("6 Gy", "7 Gy", "8 Gy") for seed in (3, 4)]
    wanted += [({}, 3, changed(tables, "parameters.stem_cells.number", 2e4)) for _, seed, tables in wanted if seed == 3]
    found = read(wanted)
    seeds = {member.name: member.seed for member in found}

    def sizes(jobs):
        groups = members.litters([*found, found[0]], tmp_path, jobs)
        assert sorted(task.into.name for group in groups for task in group) == sorted(seeds)
        assert all(len({seeds[task.into.name] for task in group}) == 1 for group in groups)
        return [len(group) for group in groups]

    assert sizes(1) == [6, 3]
    assert sizes(2) == [3, 3, 3]
    assert sizes(100) == [1] * 9


def test_members_that_share_are_as_by_themselves_to_the_bit(tmp_path, sought):
    """Doses, a graft, a dose of half of the bone, and other parameters of the same bone."""
    placed = copy.deepcopy(TABLES)
    placed["events"][0]["region"] = {"x": ["0 %", "50 %"]}
    each = [
        TABLES,
        changed(TABLES, "events.1.dose", "9 Gy"),
        placed,
        with_event(TABLES, GRAFT),
        changed(TABLES, "parameters.stem_cells.number", 2e4),
    ]
    found = read([({}, 3, tables) for tables in each])
    assert set(members.run_members(found, tmp_path, jobs=1).values()) == {"run"}
    assert sought == ["geometry", *["rest"] * 3]
    for member in found:
        simulate(member.scenario, into=tmp_path / "alone" / member.name, threads=1)
        assert all(same(tmp_path / members.FOLDER / member.name, tmp_path / "alone" / member.name)), member.scenario.events
    assert len({(tmp_path / "alone" / member.name / "blood.csv").read_bytes() for member in found}) == len(found)
    assert [path.name for path in tmp_path.iterdir() if path.name != "alone"] == [members.FOLDER]


def test_a_litter_that_is_stopped_goes_on_to_the_same_bits(tmp_path, sought):
    found = read([({}, 3, changed(TABLES, "events.1.dose", dose)) for dose in ("6 Gy", "7 Gy", "8 Gy")])
    (tasks,) = members.litters(found, tmp_path, 1)

    def stop(done, total):
        if done > 1.5:  # half of the second
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        members.simulate_litter(tasks, stop)
    shown = []
    assert members.simulate_litter(tasks, lambda *told: shown.append(told)) == ["kept", "resumed", "run"]
    assert shown == sorted(shown)
    assert shown[-1] == (3, 3)
    assert sought == ["geometry", "rest"] * 2
    for member in found[1:]:
        simulate(member.scenario, into=tmp_path / "alone" / member.name, threads=1)
        assert all(same(tmp_path / members.FOLDER / member.name, tmp_path / "alone" / member.name))


def test_a_mistake_of_one_is_not_that_of_the_next(tmp_path, monkeypatch):
    """Nor is what was not found taken for found."""
    found = read([({}, seed, TABLES) for seed in (3, 4)])
    tasks = [task for group in members.litters(found, tmp_path, 1) for task in group]
    at_rest = assembly.at_rest

    def fails_first(model):
        if model.seed == 3:
            raise NumericsError("no cell lives")
        return at_rest(model)

    monkeypatch.setattr(assembly, "at_rest", fails_first)
    failed, run = members.simulate_litter(tasks, lambda *_: None)
    assert (failed, run) == (Failed("no cell lives"), "run")
    assert not tasks[0].into.exists()
    assert issubclass(NumericsError, MarrowError)
