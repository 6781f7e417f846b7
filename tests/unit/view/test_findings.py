"""What the report says of a run, in words."""

from types import SimpleNamespace

import numpy as np
import pytest

from marrow_niche.view import events, findings


def test_the_headline_tells_dose_nadir_and_recovery(recorded):
    """0.95 of the start at day 20, 0.5 at day 10: 90 % on day 10 + 10 · 0.40/0.45 = 18.9."""
    assert findings.headline(recorded) == (
        "6 Gy at day 0: neutrophils fell to 4 % (40 per µL) on day 6 and were back at 90 % by day 19."
    )
    second = findings.second(recorded)
    assert "platelets reached 4 % on day 6" in second.lower() and "570 clones are left on day 20" in second


def test_a_run_that_ends_before_recovery_says_where_it_stood(run_of):
    run = run_of(days=(0.0, 5.0, 10.0), shares=(1.0, 0.1, 0.7))
    assert findings.headline(run).endswith(
        "passed half for good on day 8.5 and stood at 70 % on day 10, the end of the run."
    )


def test_a_run_that_still_falls_says_so(run_of):
    run = run_of(days=(0.0, 5.0), shares=(1.0, 0.1), finished=False)
    assert findings.headline(run).endswith("(100 per µL) on day 5 and were still falling then, the last day recorded.")


def test_without_events_nothing_is_called_a_nadir(run_of):
    run = run_of(events=(), shares=(1.0, 0.98, 1.03, 0.99, 1.0))
    assert findings.headline(run) == (
        "Nothing was done to it: over 20 days neutrophils stayed between 98 % and 103 % of their start."
    )
    assert findings.tiles(run) == []
    assert findings.rows(run.blood)[0].cells[1:5] == ("–", "–", "–", "–")


def test_rows_hold_what_was_worked_out_by_hand(recorded):
    """Half: lost on day 2 + 4 · 0.1/0.56 = 2.7, again on day 10; so 7.3 days below."""
    row = findings.rows(recorded.blood)[0]
    assert (row.name, row.unit) == ("neutrophils", "per µL")
    assert row.cells == ("1,000", "40", "4 %", "6", "2.5", "10", "19", "7.3", "950")


def test_a_return_that_did_not_last_is_marked(run_of):
    run = run_of(shares=(1.0, 0.1, 0.95, 0.6, 0.95))
    assert "lasting" in findings.rows(run.blood)[0].cells[6]
    run = findings.rows(run.blood.assign(neutrophils_per_uL=[1000, 100, 950, 600, 700]))[0]
    assert run.cells[6].endswith("(lost again)")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"finished": False}, "not finished: recorded is day 20 of 20 d"),
        ({"facts": {"dimension": 2}}, "slice, one voxel thick"),
        ({"organism": {"agents": "anatomical", "rest": "same"}}, "anatomical number (600 in this piece)"),
        ({"organism": {"agents": "organism", "rest": "unirradiated"}}, "the other marrow is not irradiated"),
        ({"facts": {"share_platelets": 0.0052}}, "platelets 2.6"),
        ({"facts": {"stem_cells_over_species": 0.3}}, "holds 0.3 times"),
    ],
)
def test_what_a_reader_must_be_warned_of(run_of, options, told):
    assert told in " ".join(findings.notices(run_of(**options)))


def test_a_good_run_is_not_warned_of(recorded):
    assert findings.notices(recorded) == []
    assert findings.shares(recorded.provenance["geometry"]) == pytest.approx({"neutrophils": 0.95, "platelets": 1.05})


def test_the_worst_residual_is_named_with_its_day(recorded):
    rows = findings.budget(recorded)
    assert [row[1] for row in rows] == ["2.0e-06", "3.0e-13"]


@pytest.mark.parametrize(
    ("table", "label", "told", "spans"),
    [
        ({"at": "0 d", "dose": "6 Gy"}, "6 Gy", "6 Gy at day 0", [(0, 0)]),
        ({"at": "12 h", "dose": "2 Gy", "fractions": 3, "every": "24 h"}, "3 × 2 Gy", "3 × 2 Gy from day 0.5 to 2.5",
         [(0.5, 0.5), (1.5, 1.5), (2.5, 2.5)]),
        ({"at": "1 d", "dose": "7 Gy", "duration": "50 h"}, "7 Gy", "7 Gy over 2.08 d from day 1", [(1, 1 + 50 / 24)]),
    ],
)  # fmt: skip
def test_events_are_told_with_their_times(table, label, told, spans):
    (event,) = events.of_run(SimpleNamespace(scenario={"events": [{"kind": "radiation", **table}]}))
    assert (event.label, event.told) == (label, told)
    np.testing.assert_allclose(event.spans, spans)


def test_an_event_of_a_later_version_is_still_told():
    run = SimpleNamespace(scenario={"events": [{"kind": "lightning_strike", "at": "3 d"}, {"kind": "undated"}]})
    assert [event.told for event in events.of_run(run)] == ["lightning strike at day 3"]
