"""The ledger of the fields in words: what it shows, and that a gap is told wherever a run is told."""

import re

import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.view import books, findings
from marrow_niche.view.report import report, summary


def test_a_gap_of_a_tolerance_is_told():
    assert books.GAP <= coupling.RTOL
    named = books.COLUMNS
    assert named == coupling.FLOWS


def test_a_run_whose_budgets_close_says_what_became_of_the_molecules(recorded):
    assert books.unclosed(recorded) == []
    assert books.rows(recorded) == [
        ("SCF", "2,850,000,000", "950,000,000", "1,900,000,000", "0", "0", "1.0e-13"),
        ("oxygen", "0", "0", "4e15", "9e15", "5e15", "2.0e-12"),
    ]
    assert "does not close" not in summary(recorded)


def test_a_rise_is_told_apart_by_what_made_it(own):
    """SCF of the made-up run stands inversely to its cells, whose production falls with them: a lost sink, on their lowest day."""
    ((name, _, level, made, cleared, told),) = books.risen(own)
    assert (name, told) == ("SCF", "lost sink") and float(level) == pytest.approx(float(made) / float(cleared), rel=0.05)
    assert "lost sink" in report(own, three_d=False).read_text(encoding="utf-8")


@pytest.mark.parametrize("gap", [3e-3, np.nan])
def test_a_budget_that_does_not_close_is_told_in_the_summary_and_the_report(run_of, gap):
    run = run_of(gap=gap)
    (told,) = books.unclosed(run)
    assert told.startswith(f"The budget of oxygen does not close: what comes and what goes differ by {gap:.1e}")
    assert "on day 6 " in told
    assert told in findings.notices(run)
    assert told in summary(run)
    summary(run).encode("ascii")
    assert told in re.sub("<[^>]*>", "", report(run, three_d=False).read_text(encoding="utf-8"))


def test_a_run_without_the_table_is_told_without_it(run_of):
    run = run_of(with_budgets=False)
    assert books.unclosed(run) == books.rows(run) == []
    assert "Do the books close?" in report(run, three_d=False).read_text(encoding="utf-8")


def test_the_report_shows_the_ledger(own):
    text = report(own, three_d=False).read_text(encoding="utf-8")
    for word in ("Molecules per hour of the piece", "taken up", "2,850,000,000", "4e15", "fields.csv"):
        assert word in text
