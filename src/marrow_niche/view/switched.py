"""The report's switch-off arms: what each mechanism does in this run, where `marrow-niche switches` was asked."""

import json
from typing import TYPE_CHECKING, Any

from marrow_niche.quantities import words
from marrow_niche.record.directory import RunDirectory
from marrow_niche.view import page

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

LINEAGES = ("neutrophils", "platelets", "red_cells")
HEAD = ("off", *(f"{words.name(name)}, {what}" for name in LINEAGES for what in ("lowest", "back")), "stem cells at the end")


def section(run: "Results") -> list[str]:
    """HTML of the arms as a table, and what each switch is; nothing where there are none."""
    path = RunDirectory(run.directory).switches
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [
            page.heading("What each mechanism does"),
            page.paragraph(told(found)),
            page.table(HEAD, rows(found), "counts"),
            *(page.paragraph(text, "notice") for text in failures(found)),
            page.fold("What is turned off", page.table((), [(a["off"], a["means"]) for a in found["arms"][1:]], "words")),
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return [page.paragraph("switches.json cannot be read; ask again with marrow-niche switches.", "notice")]


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """The run as it is, then each mechanism off: of each lineage its lowest share of rest and the day it was back, and stem
    cells at the end over rest; means over seeds."""
    out = []
    for arm in found["arms"]:
        if "failed" in arm:
            continue
        cells = [text for name in LINEAGES for text in (_share(arm[name]["lowest"]), _back(arm[name]["back"]))]
        out.append((arm["off"] or "nothing (the run)", *cells, _share(arm["stem_cells_at_end"])))
    return out


def told(found: dict[str, Any]) -> str:
    """What the table is."""
    seeds = found["seeds"]
    n = "one seed" if len(seeds) == 1 else f"the mean of {len(seeds)} seeds"
    return (
        f"The same run with one mechanism off at a time, {n}: the lowest count over rest, the day it was back at "
        f"{words.percent(found['level'])} of rest, and stem cells on day {words.day(found['last_day'])}. Each begins from its "
        "own rest. What differs from the first row is what the mechanism does, and chance: small differences are none."
    )


def failures(found: dict[str, Any]) -> list[str]:
    """Which arms could not be run, and why."""
    return [f"Without {arm['off']}: {arm['failed']}" for arm in found["arms"] if "failed" in arm]


def _share(values: list[float]) -> str:
    return words.percent(sum(values) / len(values))


def _back(days: list[float | None]) -> str:
    """The mean day of the seeds in which it fell, and how many these are if not all; where some were not back by the end, how
    many."""
    came = [day for day in days if day is not None]
    if len(came) < len(days):
        return "not by the end" if not came else f"not by the end in {len(days) - len(came)} of {len(days)}"
    fell = [day for day in came if day > 0]
    if not fell:
        return "–"
    mean = f"day {words.plain(sum(fell) / len(fell))}"
    return mean if len(fell) == len(days) else f"{mean} in {len(fell)} of {len(days)}"
