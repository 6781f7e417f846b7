"""What was done, in words: each kind of event as a sentence and as times."""

from types import SimpleNamespace

from marrow_niche.view import events


def told(*tables):
    return events.of_run(SimpleNamespace(scenario={"events": list(tables)}))


def test_doses_and_bleedings_are_told():
    gcsf = {"kind": "factor", "factor": "GCSF", "dose": "5 ug/kg", "at": "1 d", "doses": 3, "every": "1 d"}
    epo = {"kind": "factor", "factor": "EPO", "dose": "75 IU", "at": "2 d"}
    bleed = {"kind": "bleed", "fraction": "40 %", "at": "0 d"}
    first, second, third = told(gcsf, epo, bleed)
    assert (first.label, first.told) == ("40 % bleed", "40 % bleed at day 0")
    assert (second.label, second.told) == ("3 × 5 ug/kg G-CSF", "3 × 5 ug/kg G-CSF from day 1 to 3")
    assert second.spans == ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))
    assert third.told == "75 IU EPO at day 2"


def test_on_the_first_day_the_hour_is_told():
    label = {"kind": "label", "at": "1 h", "cells": "tip", "share": "30 %"}
    (found,) = told(label)
    assert found.told == "label of 30 % of tip at hour 1"
    (dose,) = told({"kind": "radiation", "at": "12 h", "dose": "2 Gy"})
    assert dose.told == "2 Gy at hour 12"


def test_of_a_dose_it_is_told_where_it_falls():
    dose = {"kind": "radiation", "at": "0 d", "dose": "6 Gy"}
    assert [event.told for event in told(dose)] == ["6 Gy at day 0"]
    for entry, said in (
        ({"region": {"x": ["0 %", "50 %"]}}, "6 Gy on a part of the marrow at day 0"),
        ({"shield": {"x": ["0 %", "50 %"]}}, "6 Gy on a part of the marrow at day 0"),
        ({"bone_range": "40 um"}, "6 Gy from bone surfaces at day 0"),
        ({"map": "plan.csv"}, "6 Gy by a dose map at day 0"),
    ):
        assert told(dose | entry)[0].told == said
    (mapped,) = told({"kind": "radiation", "at": "1 d", "map": "plan.csv", "duration": "2 d"})
    assert (mapped.label, mapped.told) == ("radiation", "radiation by a dose map over 2 d from day 1")


def test_a_blockade_says_for_how_long():
    drug = {"kind": "blockade", "at": "1 d", "duration": "14 d", "share": "80 %"}
    (some,) = events.of_run(SimpleNamespace(scenario={"events": [drug]}))
    assert (some.spans, some.told) == (((1.0, 15.0),), "blockade of 80 % of VEGFR2 from day 1 to 15")
    (whole,) = events.of_run(SimpleNamespace(scenario={"events": [{"kind": "blockade", "at": "2 d"}]}))
    assert whole.told == "blockade of VEGFR2 at day 2"


def test_grafts_and_labels_say_what_and_how_much():
    cells = {"kind": "graft", "at": "0 d", "cells": {"HSC": 5000, "tip": 1000}}
    stroma = {"kind": "graft", "at": "10 d", "stroma": "50 %"}
    tip, some = {"kind": "label", "at": "1 d"}, {"kind": "label", "at": "2 d", "cells": "all", "share": "20 %"}
    assert [event.told for event in told(stroma, some, cells, tip)] == [
        "graft of 5,000 HSC and 1,000 tip at day 0",
        "label of tip at day 1",
        "label of 20 % of all stem cells at day 2",
        "graft of 50 % stroma at day 10",
    ]
