"""Switch-off arms in a report: a row each, what could not be run in words, and nothing where none were asked for."""

import json
from types import SimpleNamespace

import pytest

from marrow_niche.view import switched


@pytest.fixture
def run(tmp_path):
    return SimpleNamespace(directory=tmp_path)


def arm(off, lowest, back):
    each = {name: {"lowest": lowest, "lowest_day": [5.0] * len(lowest), "back": back} for name in switched.LINEAGES}
    return {"off": off, "means": f"what {off} does", **each, "stem_cells_at_end": [0.8] * len(lowest)}


FOUND = {
    "level": 0.9, "last_day": 40.0, "seeds": [7, 8],
    "arms": [
        arm("", [0.2, 0.3], [20.0, 22.0]), arm("emergency", [0.1, 0.1], [30.0, None]), arm("tpo_drive", [0.95, 0.95], [0.0, 0.0]),
        arm("fat_scf", [0.1, 0.1], [None, None]), {"off": "competition", "means": "", "failed": "no stem cells can live"},
    ],
}  # fmt: skip


def test_there_is_no_section_without_arms(run):
    assert switched.section(run) == []


def test_a_row_tells_the_mean_of_the_seeds_and_who_is_not_back():
    own, emergency, drive, fat = switched.rows(FOUND)
    assert own == ("nothing (the run)", *("25 %", "day 21") * 3, "80 %")
    assert emergency[:3] == ("emergency", "10 %", "not by the end in 1 of 2")
    assert drive[2] == "–"
    assert fat[2] == "not by the end"
    assert len(switched.HEAD) == len(own)


def test_seeds_in_which_a_count_never_fell_have_no_part_in_its_day():
    (row,) = switched.rows({"arms": [arm("emergency", [0.95, 0.8], [0.0, 20.0])]})
    assert row[2] == "day 20 in 1 of 2"


def test_the_section_holds_all_arms_and_those_that_failed(run):
    (run.directory / "switches.json").write_text(json.dumps(FOUND))
    text = "".join(switched.section(run))
    assert "What each mechanism does" in text
    assert "the mean of 2 seeds" in text
    assert "Without competition: no stem cells can live" in text
    assert "what fat_scf does" in text
    assert text.count("<tr>") == 1 + 4 + 4


def test_damaged_arms_are_told_and_do_not_stop_the_report(run):
    (run.directory / "switches.json").write_text('{"level": 0.9}')
    assert "cannot be read" in switched.section(run)[0]
