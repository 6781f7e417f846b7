"""Every published case gives the verdict that is on record; slow ones where slow tests are asked for."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest

from validation import published, record
from validation.case import FAIL, NOT_APPLICABLE, PASS, Asked, Case, Measured, NotApplicable, Verdict, judge
from validation.catalogue import CASES

ROOT = Path(__file__).parents[2]
LEAST_PASSES = 29
"""Cases that pass, as of the last time anyone counted; it is raised, not lowered."""


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id, marks=[pytest.mark.slow] * c.slow) for c in CASES])
def test_the_verdict_is_the_one_on_record(case):
    known = record.on_record()["cases"][case.id]
    found = judge(case)
    print(f"{case.id}: {found.verdict}. {found.found}")
    told = record.disagreement(found, known)
    assert not told, told


def test_the_record_holds_every_case_and_no_fewer_passes():
    known = record.on_record()
    assert not record.check(known, [case.id for case in CASES])
    assert known["passes"] >= LEAST_PASSES
    for case in CASES:
        entry = known["cases"][case.id]
        assert set(entry.get("missed", ())) <= {a.what for a in case.asked}, case.id
        assert entry["verdict"] == FAIL or "missed" not in entry, case.id


def test_no_case_asks_nothing_and_cal_and_test_are_told_apart():
    for case in CASES:
        assert case.asked and case.cites and case.exercised and case.use in ("cal", "test"), case.id
        assert all(a.low <= a.high and (a.low, a.high) != (-float("inf"), float("inf")) for a in case.asked), case.id
        assert len({a.what for a in case.asked}) == len(case.asked), case.id


def test_every_published_file_tells_its_source():
    for path in sorted(published.DATA.glob("*.csv")):
        head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        assert head and any(year in " ".join(head) for year in map(str, range(1950, 2030))), path.name
        assert published.table(path.stem), path.name


# ---------------------------------------------------------------------------------- the harness itself


def a_case(value, **more):
    fields = {
        "id": "X-1", "use": "test", "title": "", "cites": "", "exercised": "", "asked": (Asked(what="x", low=1.0, high=2.0),),
        "measure": lambda: Measured(values={"x": value}), "draw": lambda figure, measured: None,
    }  # fmt: skip
    return Case(**fields | more)


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.0, PASS), (2.0, PASS), (0.99, FAIL), (2.01, FAIL), (float("nan"), FAIL), (float("inf"), FAIL)]
)
def test_a_number_outside_its_band_or_not_found_fails(value, verdict):
    found = judge(a_case(value))
    assert found.verdict == verdict
    assert bool(found.missed) == (verdict == FAIL)


def test_a_case_that_measures_what_nobody_asks_is_refused():
    with pytest.raises(ValueError, match="y"):
        judge(a_case(1.0, measure=lambda: Measured(values={"x": 1.0, "y": 0.0})))
    with pytest.raises(KeyError):
        judge(a_case(1.0, measure=lambda: Measured(values={})))


def test_what_the_package_lacks_is_not_applicable():
    def gap():
        raise NotApplicable("no such event")

    found = judge(a_case(1.0, measure=gap))
    assert (found.verdict, found.reason) == (NOT_APPLICABLE, "no such event")


def test_the_record_tells_of_a_pass_that_is_lost_and_of_one_that_is_won():
    good, bad = judge(a_case(1.5)), judge(a_case(3.0))
    assert not record.disagreement(good, {"verdict": PASS})
    assert "passed and does not now" in record.disagreement(bad, {"verdict": PASS})
    assert "x is 3" in record.disagreement(bad, {"verdict": PASS})
    assert "passes now; record it" in record.disagreement(good, {"verdict": FAIL, "reason": "x"})
    assert "is 'fail' now" in record.disagreement(bad, {"verdict": NOT_APPLICABLE, "reason": "x"})


def test_a_pass_is_not_taken_off_the_record_by_a_command():
    known = {"passes": 1, "cases": {"X-1": {"verdict": PASS}, "X-2": {"verdict": FAIL, "reason": "too slow"}}}
    with pytest.raises(ValueError, match="X-1: passed"):
        record.updated(known, [judge(a_case(3.0))])
    still = record.updated(known, [judge(a_case(3.0, id="X-2"))])
    assert still["cases"]["X-2"]["reason"] == "too slow" and still["passes"] == 1
    won = record.updated(known, [judge(a_case(1.0, id="X-2"))])
    assert won == {"passes": 2, "cases": {"X-1": {"verdict": PASS}, "X-2": {"verdict": PASS}}}


def test_a_number_that_a_failing_case_met_is_not_lost():
    two = (Asked(what="x", high=1.0), Asked(what="y", high=1.0))

    def found(x, y):
        return judge(a_case(x, asked=two, measure=lambda: Measured(values={"x": x, "y": y})))

    known = {"verdict": FAIL, "reason": "too slow", "missed": ["x"]}
    assert not record.disagreement(found(2.0, 1.0), known)
    told = record.disagreement(found(2.0, float("nan")), known)
    assert told.startswith("X-1 misses more than on record: y.") and "y is nan" in told
    with pytest.raises(ValueError, match="X-1: y: met and not now"):
        record.updated({"passes": 0, "cases": {"X-1": known}}, [found(2.0, 2.0)])
    new = record.updated({"passes": 0, "cases": {"X-1": {"verdict": FAIL, "reason": "too slow"}}}, [found(1.0, 2.0)])
    assert new["cases"]["X-1"] == {"verdict": FAIL, "reason": "too slow", "missed": ["y"]}


def test_the_row_of_a_case_that_passes_tells_no_reason_why_it_failed(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("pictures_of_validation", ROOT / "docs" / "pictures" / "validation.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.line(judge(a_case(1.0)), "too slow").endswith("| **pass** |")
    assert page.line(judge(a_case(3.0)), "too slow").endswith("| fail. too slow |")


def test_the_record_is_read_back_as_written(tmp_path):
    bad = {"verdict": FAIL, "reason": 'a "reason" \\ of its own', "missed": ["x, of all", "y"]}
    known = {"passes": 1, "cases": {"X-1": {"verdict": PASS}, "X-2": bad}}
    path = tmp_path / "expected.toml"
    path.write_text(record.written(known, known["cases"]), encoding="utf-8")
    assert record.on_record(path) == known
    assert record.check(known, ["X-1", "X-2"]) == []
    assert record.check(known | {"passes": 2}, ["X-1", "X-3"]) == [
        "X-3 is not on record", "X-2 is on record and no case", "1 cases pass on record, and 2 are said to"]  # fmt: skip


def test_a_verdict_shows_every_number():
    two = (Asked(what="x", low=0.0, unit="d"), Asked(what="y", high=1.0))
    found = judge(a_case(1.0, asked=two, measure=lambda: Measured(values={"x": 12.34, "y": 0.5})))
    assert found.found == "x 12.3 d; y 0.5"
    assert [a.text for a in two] == ["x at least 0 d", "y at most 1"]
    assert dataclasses.replace(found, measured=None, reason="none").found == "none"
    assert isinstance(found, Verdict)
