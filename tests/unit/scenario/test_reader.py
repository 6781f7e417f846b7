"""The generic reader, on specs made for the purpose: it knows no physics."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from marrow_niche.quantities.ledger import DEFAULT
from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.scenario.reader import Reader


@dataclass(frozen=True, kw_only=True)
class Cytokine:
    diffusivity: float = quantity("um^2/s", "D, in marrow interstitium", low=0)
    decay: float = quantity("1/h", "loss that needs no receptor", low=0, high=10)
    uptake: dict[str, float] = quantity("um^3/h", "volume one cell clears", low=0, default_factory=dict)
    saturation: float = quantity("nM", "half filling", low=0, default=5.0)
    silent: bool = False
    hormone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Absent:
    leak: float = quantity("um/h", "of walls", low=0, default=0.0)
    saturation: float = quantity("nM", "half filling", low=0, default=float("inf"))
    number: float | None = quantity("", "resting number", low=1, default=None)
    share: float = quantity("", "of survivors", low=0, high=1, default=1.0)


@dataclass(frozen=True, kw_only=True)
class Piece:
    axis: Literal["long", "x"] = entry("direction", default="long")
    at: float = quantity("", "middle of the piece")
    at_is_fraction: bool = True


@dataclass(frozen=True, kw_only=True)
class Dose:
    kind = "radiation"
    at: float = quantity("h", "when", low=0)
    dose: float = quantity("Gy", "dose of each fraction", low=0)
    fractions: int = 1

    def contradictions(self):
        if self.fractions < 1:
            yield "fractions", "at least one."
        if self.dose == 0:
            yield "a dose of nothing."


@dataclass(frozen=True, kw_only=True)
class Graft:
    kind: Literal["graft"] = "graft"
    cells: int = quantity("cells", "cells given", low=1)


@dataclass(frozen=True, kw_only=True)
class Everything:
    title: str = entry("title of the run")
    times: tuple[float, ...] = quantity("h", "when to look", default=())
    piece: Piece | None = None
    events: tuple[object, ...] = field(default=(), metadata={"kinds": (Dose, Graft)})
    cytokines: dict[str, Cytokine] = field(default_factory=dict)
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    stages: int = 1
    level: float | Literal["low"] = 0.0


def read(cls, table, *, sourced=False, overridden=()):
    reader = Reader(sourced=sourced, overridden=overridden)
    return reader.spec(cls, table), reader


def mistakes(cls, table, **options):
    made, reader = read(cls, table, **options)
    assert made is None
    return reader.mistakes


def value(number, unit=None, source="estimate", **more):
    return {"value": number, **({} if unit is None else {"unit": unit}), "source": source, **more}


FULL = {
    "title": "t",
    "times": ["1 d", "36 h"],
    "piece": {"at": "50 %"},
    "events": [{"kind": "radiation", "at": "1 d", "dose": "600 cGy"}, {"kind": "graft", "cells": "200 cells"}],
    "cytokines": {"SCF": {"diffusivity": "1 um^2/s", "decay": "2 1/h", "uptake": {"HSC": "3 um^3/h"}, "silent": True}},
    "shares": {"GMP": {"SCF": 1, "TPO": 0.5}},
    "names": ["a", "b"],
    "stages": 4,
    "level": 2,
}


def test_a_table_becomes_a_spec_in_canonical_units():
    made, reader = read(Everything, FULL)
    assert reader.mistakes == []
    assert made == Everything(
        title="t",
        times=(24.0, 36.0),
        piece=Piece(axis="long", at=0.5, at_is_fraction=True),
        events=(Dose(at=24.0, dose=6.0), Graft(cells=200)),
        cytokines={"SCF": Cytokine(diffusivity=1.0, decay=2.0, uptake={"HSC": 3.0}, silent=True)},
        shares={"GMP": {"SCF": 1.0, "TPO": 0.5}},
        names=("a", "b"),
        stages=4,
        level=2.0,
    )
    assert len(reader.ledger) == 0


def test_what_is_not_given_keeps_its_default():
    made, _ = read(Everything, {"title": "t"})
    assert (made.piece, made.events, made.stages, made.times) == (None, (), 1, ())


def test_a_place_is_a_share_or_a_length():
    made, _ = read(Piece, {"at": "7.5 mm"})
    assert (made.at, made.at_is_fraction) == (7500.0, False)


def test_the_three_mistakes_of_a_cytokine_read_as_promised():
    """An unknown name with the nearest known one, a missing number with its meaning, a unit of another kind."""
    table = {"difusivity": value(1.0, "um^2/s"), "decay": value(1.0, "um/s")}
    reader = Reader(sourced=True)
    reader.spec(Cytokine, table, "cytokines.CXCL12")
    assert reader.mistakes == [
        "cytokines.CXCL12.diffusivity: missing. D, in marrow interstitium [um^2/s].",
        "cytokines.CXCL12.decay: 'um/s' is a speed; expected a rate, such as '1/h'.",
        "cytokines.CXCL12.difusivity: Cytokine has no such parameter. Did you mean 'diffusivity'?",
    ]


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"title": 3}, "title: 3 is not text; text stands in quotes"),
        ({"titel": "x"}, "titel: Everything has no such parameter. Did you mean 'title'?"),
        ({"stages": 2.5}, "stages: 2.5 is not a whole number."),
        ({"stages": True}, "stages: true is not a whole number."),
        ({"names": "a"}, "names: 'a' stands where a list is expected"),
        ({"names": ["a", 1]}, "names[2]: 1 is not text"),
        ({"times": ["1 d", "soon"]}, "times[2]: 'soon' is not a time; write it like '60 d'."),
        ({"piece": 7}, "piece: 7 stands where a table is expected: axis, at"),
        ({"piece": {"at": "150 %"}}, "piece.at: '150 %' is too high; the most allowed is 100 %."),
        ({"piece": {"at": 0.5}}, "piece.at: 0.5 is a number without a unit; write '50 %' or '7.5 mm'."),
        ({"piece": {"at": "6 Gy"}}, "piece.at: '6 Gy' is a dose; expected a length, such as '160 um'."),
        ({"piece": {"at": "5 %", "at_is_fraction": True}}, "piece.at_is_fraction: Piece has no such parameter."),
        (
            {"piece": {"at": "5 %", "axis": "lnog"}},
            "piece.axis: 'lnog' is not one of the choices. Did you mean 'long'?",
        ),
        ({"piece": {"at": "5 %", "axis": "q"}}, "piece.axis: 'q' is not one of the choices. Known: long, x."),
        (
            {"events": {"kind": "radiation"}},
            "events: one table stands where several may; write [[events]], with two brackets.",
        ),
        ({"events": ["x"]}, "events[1]: 'x' stands where a table with a kind is expected."),
        ({"events": [{"at": "0 d"}]}, "events[1].kind: missing. One of: radiation, graft."),
        ({"events": [{"kind": "radiaton"}]}, "events[1].kind: 'radiaton' is not known. Did you mean 'radiation'?"),
        ({"events": [{"kind": ["graft"]}]}, "events[1].kind: ['graft'] is not known."),
        ({"events": [{"kind": "graft", "cells": 1.5}]}, "events[1].cells: 1.5 is not a whole number."),
        ({"events": [{"kind": "graft", "cells": 0}]}, "events[1].cells: 0 is too low; the least allowed is 1."),
        ({"shares": {"GMP": {"SCF": "much"}}}, "shares.GMP.SCF: 'much' is not a number."),
        ({"shares": {"GMP": {"SCF": float("nan")}}}, "shares.GMP.SCF: nan is not a number."),
        ({"shares": 5}, "shares: 5 stands where a table is expected"),
    ],
)
def test_a_mistake_is_told_with_its_place(change, mistake):
    found = mistakes(Everything, FULL | change)
    assert len(found) == 1
    assert found[0].startswith(mistake)


@pytest.mark.parametrize(
    ("dose", "mistake"),
    [
        ("-1 Gy", "events[1].dose: '-1 Gy' is too low; the least allowed is 0 Gy."),
        ("-100 cGy", "events[1].dose: '-100 cGy' is too low; the least allowed is 0 cGy."),
        ("6 m", "events[1].dose: '6 m' is a length; expected a dose, such as '6 Gy'."),
        ("6", "events[1].dose: '6' is a number without a unit; write for example '6 Gy'."),
        (6, "events[1].dose: 6 is a number without a unit; write for example '6 Gy'."),
        ("six Gy", "events[1].dose: 'six Gy' is not a dose; write it like '6 Gy'."),
        ({"value": 6, "unit": "Gy"}, "events[1].dose: a table is not a dose; write it like '6 Gy'."),
    ],
)
def test_a_dose_of_a_scenario_is_text_with_a_unit(dose, mistake):
    assert mistakes(Everything, {"title": "t", "events": [{"kind": "radiation", "at": "0 d", "dose": dose}]}) == [
        mistake
    ]


def test_every_mistake_is_told_at_once():
    table = {
        "events": [{"kind": "radiation", "at": "soon", "dose": "-1 Gy", "x": 1}, {"kind": "grft"}],
        "stages": "two",
    }
    found = [line.partition(":")[0] for line in mistakes(Everything, table)]
    assert found == ["title", "events[1].at", "events[1].dose", "events[1].x", "events[2].kind", "stages"]


def test_entries_that_contradict_each_other():
    table = {"kind": "radiation", "at": "0 d", "dose": "0 Gy", "fractions": 0}
    found = mistakes(Everything, {"title": "t", "events": [table]})
    assert found == ["events[1].fractions: at least one.", "events[1]: a dose of nothing."]


def test_sourced_numbers_enter_the_ledger():
    table = {
        "diffusivity": value(0.001, "mm^2/s", "Smith 1999", note="in gel"),
        "decay": value(24, "1/d"),
        "uptake": value({"HSC": 1.0, "MPP": 2.0}, "um^3/s"),
        "hormone": "TPO",
    }
    made, reader = read(Cytokine, table, sourced=True, overridden=["decay"])
    assert reader.mistakes == []
    assert made == Cytokine(diffusivity=1000.0, decay=1.0, uptake={"HSC": 3600.0, "MPP": 7200.0}, hormone="TPO")
    first = reader.ledger["diffusivity"]
    assert (first.value, first.unit, first.canonical, first.canonical_unit) == (0.001, "mm^2/s", 1000.0, "um^2/s")
    assert (first.source, first.note, first.overridden) == ("Smith 1999", "in gel", False)
    assert reader.ledger["decay"].overridden
    assert reader.ledger["saturation"].source == DEFAULT
    assert [found.path for found in reader.ledger] == ["diffusivity", "decay", "uptake", "saturation"]


def test_a_default_of_nought_or_infinity_is_no_parameter():
    """It says that something is not there, and needs no source."""
    made, reader = read(Absent, {}, sourced=True)
    assert made == Absent()
    assert [found.path for found in reader.ledger] == ["share"]


def test_each_entry_of_a_table_of_numbers_may_have_its_own_source():
    table = {
        "diffusivity": value(1, "um^2/s"),
        "decay": value(1, "1/h"),
        "uptake": {"HSC": value(1, "um^3/h", "A"), "MPP": value(2, "um^3/h", "B")},
    }
    made, reader = read(Cytokine, table, sourced=True)
    assert made.uptake == {"HSC": 1.0, "MPP": 2.0}
    assert reader.ledger["uptake.MPP"].source == "B"


def test_entries_that_are_no_declared_numbers_may_carry_a_source_too():
    made, reader = read(Everything, {"title": "t", "stages": value(8, source="Smith 1999")}, sourced=True)
    assert made.stages == 8
    assert reader.ledger["stages"].source == "Smith 1999"


@pytest.mark.parametrize(
    ("decay", "mistake"),
    [
        (1.0, 'decay: 1.0 comes without its source; write { value = 1, unit = "1/h", source = "..." }'),
        ("1 1/h", "decay: '1 1/h' comes without its source"),
        ({"value": 1.0, "unit": "1/h"}, 'decay: source is missing; name the reference, or write source = "estimate".'),
        (value(1.0, "1/h", ""), "decay: source is missing"),
        (value(1.0, "1/h", 7), "decay: source is missing"),
        (value(1.0), "decay: 1.0 is a number without a unit; write for example '1 1/h'."),
        (value("fast", "1/h"), "decay: value = 'fast' is text; beside a unit it is a plain number."),
        (value([1.0], "1/h"), "decay: value = [1.0] is not a number."),
        (value(float("inf"), "1/h"), "decay: value = inf is not a number."),
        (value(1.0, "1/hh"), "decay: 'hh' is not a unit known here."),
        (value(1.0, 3), "decay.unit: 3 is not text."),
        (value(1.0, "1/h", nota="x"), "decay.nota: a parameter has no such entry. Did you mean 'note'?"),
        ({"unit": "1/h", "source": "estimate"}, "decay: value is missing"),
        (value(1000, "1/d"), "decay: '1000 1/d' is too high; the most allowed is 240 1/d."),
    ],
)
def test_a_sourced_number_that_is_mistaken(decay, mistake):
    found = mistakes(Cytokine, {"diffusivity": value(1, "um^2/s"), "decay": decay}, sourced=True)
    assert len(found) == 1
    assert found[0].startswith(mistake)


def test_numbers_of_63_bits_are_kept_whole():
    made, _ = read(Graft, {"cells": 2**63 - 1})
    assert made.cells == 2**63 - 1
