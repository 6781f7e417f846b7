"""The clinical measures of a run, or of several seeds of one, as rows of a table."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from marrow_niche.analysis import syndrome
from marrow_niche.quantities import words

if TYPE_CHECKING:
    from marrow_niche.record.results import Results


def rows(runs: "Sequence[Results]") -> list[tuple[str, ...]]:
    """(measure, value) of one run, a lowest value with its day; (measure, median, range, runs that have it) of several.

    Raises RunError where nothing is recorded, or where runs differ by more than their seed.
    """
    if len(runs) == 1:
        return [(_name(each.name), _said(each.value, each.unit, each.day)) for each in syndrome.measures(runs[0])]
    out: list[tuple[str, ...]] = []
    for row in syndrome.over_runs(runs).to_dict("records"):
        low, high = (_said(row[end], row["unit"]) for end in ("low", "high"))
        spread = low if low == high else f"{low} to {high}"
        out.append((_name(row["name"]), _said(row["median"], row["unit"]), spread, f"{row['runs']} of {row['of']}"))
    return out


def remarks(run: "Results") -> list[str]:
    """What the table rests on, as sentences."""
    species = str(run.scenario.get("species"))
    bounds = "The degrees H1 to H4 of the haematopoietic syndrome are those of the lowest counts, overall that of the worst"
    of_man = "" if species == "human" else (
        f" Bounds and thresholds are man's, each at the same share of the {species}'s own count at rest: a convention."
    )
    return [
        f"{bounds} ({syndrome.CITATION}).{of_man}",
        "Able stem cells are not senescent, and counted less where their places let them renew less than at rest. Functional "
        "are the able ones of the tip and as many others as these feed, a convention: normal counts, of blood and of stem "
        "cells, can hide that they are few. Occupancy is stem cells over rest by intact sinusoid wall over rest.",
    ]  # fmt: skip


def _name(name: str) -> str:
    return name.replace("per uL", "per µL")


def _said(value: float, unit: str, day: float | None = None) -> str:
    """A measure in words."""
    if math.isinf(value):
        return "not by the end"
    if math.isnan(value):
        return "–"
    text = {
        "degree": lambda: "none" if value == 0 else f"H{value:g}",
        "share": lambda: words.percent(0.0 if value < 1e-4 else value),
        "day": lambda: f"day {words.day(value)}",
        "d": lambda: f"{words.plain(value, 2)} d",
        "per uL": lambda: f"{words.plain(value)} per µL",
    }.get(unit, lambda: words.plain(value))()
    return text if day is None else f"{text}, day {words.day(day)}"
