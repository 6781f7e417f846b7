"""What a run found, in words and rows: the headline, what every lineage did, what the reader must be warned of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.recovery import Course, Passage, course, days_below
from marrow_niche.errors import MarrowError
from marrow_niche.quantities import words
from marrow_niche.view import books, events

if TYPE_CHECKING:
    import pandas as pd

    from marrow_niche.record.results import Results

LINEAGES = (
    "neutrophils_per_uL",
    "monocytes_per_uL",
    "lymphocytes_per_uL",
    "b_cells_per_uL",
    "t_cells_per_uL",
    "cd4_cells_per_uL",
    "cd8_cells_per_uL",
    "nk_cells_per_uL",
    "platelets_per_uL",
    "red_cells_per_uL",
    "haemoglobin_g_per_dL",
    "reticulocytes_per_uL",
)
MARROW = (
    ("stem_cells", "stem cells"),
    ("cellularity", "cellularity"),
    ("MPP_cells", "MPP"),
    ("CMP_cells", "CMP"),
    ("GMP_cells", "GMP"),
    ("MEP_cells", "MEP"),
    ("CLP_cells", "CLP"),
    ("megakaryocyte_cells", "megakaryocytes"),
    ("sinusoid_integrity", "sinusoid integrity"),
    ("stroma_integrity", "stroma integrity"),
    ("osteoblast_integrity", "osteoblast integrity"),
)
PARTS = ("neutrophils_per_uL", "platelets_per_uL", "haemoglobin_g_per_dL")
OUTPUTS = ("neutrophils", "monocytes", "reticulocytes", "platelets", "b_cells", "thymus", "nk_cells")
"""What the marrow hands to the body, as facts name it: share_<output>."""
SHARE_OFF = (0.5, 2.0)
"""Output share over volume share outside these is worth a warning."""
RESIDUAL = 1e-4
"""Larger than this, the fields are not solved."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one lineage did, as text, in the order of `COLUMNS`."""

    name: str
    unit: str
    cells: tuple[str, ...]


COLUMNS = (
    "start",
    "lowest",
    "of start",
    "on day",
    "half lost, day",
    "half again, day",
    "90 % again, day",
    "days below half",
    "end",
)


def headline(results: "Results") -> str:
    """What happened, in one sentence."""
    blood = results.blood if len(results.days) else None
    if blood is None or not len(blood):
        return "Nothing is recorded yet."
    what = events.of_run(results)
    found = _course(blood, "neutrophils_per_uL")
    last = words.day(float(blood["day"].iloc[-1]))
    if found is None:
        return f"{_begin(events.told(what) or 'A run')}: recorded to day {last}."
    if not [event for event in what if event.day <= float(blood["day"].iloc[-1])]:
        spread = blood["neutrophils_per_uL"] / found.start
        low, high = (words.percent(x) for x in (spread.min(), spread.max()))
        return f"Nothing was done to it: over {last} days neutrophils stayed between {low} and {high} of their start."
    if not found.fell:
        stayed = f"neutrophils stayed above {words.percent(found.depth)} of their start"
        return f"{_begin(events.told(what))}: {stayed} to day {last}."
    low = f"{words.percent(found.depth)} ({words.plain(found.nadir, 2)} per µL)"
    story = words.listed([f"fell to {low} on day {words.day(found.nadir_day)}", *_return(found, results.finished)])
    return f"{_begin(events.told(what))}: neutrophils {story}."


def second(results: "Results") -> str:
    """What else happened: platelets, haemoglobin, stem cells; "" where nothing fell."""
    if not len(results.days):
        return ""
    parts = []
    for column in PARTS[1:]:
        found = _course(results.blood, column)
        if found is not None and found.fell:
            stem = words.name(words.split_unit(column)[0])
            text = f"{stem} reached {words.percent(found.depth)} on day {words.day(found.nadir_day)}"
            back = found.at(0.9).back
            parts.append(text + (f" and 90 % again on day {words.day(back)}" if back is not None else ""))
    marrow = results.marrow
    found = _course(marrow, "stem_cells") if len(marrow) else None
    if found is not None and found.fell:
        text = f"stem cells fell to {words.percent(found.depth)}"
        if found.nadir <= 0 and found.end <= 0:
            text = f"no stem cell is left from day {words.day(found.nadir_day)}"
        elif "clones" in marrow and marrow["clones"].iloc[-1] > 0:
            clones = words.plain(float(marrow["clones"].iloc[-1]))
            text += f"; {clones} {'clone is' if clones == '1' else 'clones are'} left on day {words.day(found.end_day)}"
        parts.append(text)
    return _begin("; ".join(parts)) + "." if parts else ""


def rows(table: "pd.DataFrame", columns: Mapping[str, str] | None = None) -> list[Row]:
    """One row a series of the table that it has; blood by default."""
    named = columns if columns is not None else {column: words.name(words.split_unit(column)[0]) for column in LINEAGES}
    found = []
    for column, name in named.items():
        each = _course(table, column) if len(table) else None
        if each is None:
            continue
        unit = words.split_unit(column)[1]
        below = days_below(table["day"].to_numpy(), table[column].to_numpy(), 0.5 * each.start)
        half, most = each.at(0.5), each.at(0.9)
        cells = (
            words.plain(each.start),
            *(
                ("–",) * 3
                if not each.fell
                else (words.plain(each.nadir), words.percent(each.depth), words.day(each.nadir_day))
            ),
            _day(half.fell) if each.fell else "–",
            _back(half),
            _back(most),
            words.plain(below, 2) if below > 0 else "–",
            words.plain(each.end),
        )
        found.append(Row(name=name, unit=unit, cells=cells))
    return found


def tiles(results: "Results") -> list[tuple[str, str, str]]:
    """(number, what, when) for the four counts that tell most; none where nothing fell."""
    found = []
    for table, column, name in (
        (results.blood, "neutrophils_per_uL", "neutrophils"),
        (results.blood, "platelets_per_uL", "platelets"),
        (results.blood, "haemoglobin_g_per_dL", "haemoglobin"),
        (results.marrow, "stem_cells", "stem cells"),
    ):
        each = _course(table, column) if len(table) else None
        if each is None or not each.fell:
            continue
        back = each.at(0.9).back
        after = (
            f"90 % on day {words.day(back)}"
            if back is not None
            else f"{words.percent(each.end / each.start)} at the end"
        )
        found.append((words.percent(each.depth), name, f"day {words.day(each.nadir_day)}, {after}"))
    return found


def notices(results: "Results") -> list[str]:
    """What the reader must know before believing anything, as sentences."""
    found = []
    facts = provenance(results).get("geometry") or {}
    organism = results.scenario.get("organism") or {}
    if not results.finished:
        wanted = results.scenario.get("duration", "its end")
        last = f"day {words.day(float(results.days[-1]))}" if len(results.days) else "nothing yet"
        found.append(
            f"This run is not finished: recorded is {last} of {wanted}. What follows is what there is; "
            f"marrow-niche resume goes on with a run that was stopped."
        )
    if facts.get("dimension") == 2:
        found.append(
            "This is a slice, one voxel thick, with walls at its faces: a point source becomes a line source, and "
            "few cells stand for many. It is for looking and for quick trials."
        )
    if organism.get("agents") == "anatomical":
        stored = (
            results.marrow["stem_cells_stored"].iloc[0]
            if "stem_cells_stored" in results.marrow and len(results.marrow)
            else None
        )
        number = f"{words.plain(float(stored))} in this piece" if stored is not None else "those of this piece"
        found.append(
            f"Stem cells are stored at their anatomical number ({number}), not the organism's: chance, drift and "
            f"extinction after a dose are those of so few cells, far stronger than in an animal."
        )
    if organism.get("rest") == "unirradiated":
        found.append(
            "The piece stands for its share of the organism only; the other marrow is not irradiated, and joined "
            "through the blood."
        )
    found += [text for text in share_warnings(facts)]
    level = facts.get("stem_cells_over_species")
    if isinstance(level, float) and not SHARE_OFF[0] <= level <= SHARE_OFF[1]:
        found.append(
            f"At rest this bone's niche holds {words.plain(level)} times the stem cells a volume that the species has."
        )
    found += books.unclosed(results)
    if "field_residual" in results.marrow and len(results.marrow):
        worst = results.marrow["field_residual"].max()
        if worst > RESIDUAL:
            found.append(f"Numerics: the cytokine fields are solved to only {worst:.1e} (expected below {RESIDUAL:g}).")
    return found


def shares(facts: Mapping[str, Any]) -> dict[str, float]:
    """Output share over volume share of each product of the piece, by name."""
    volume = facts.get("piece_share")
    if not isinstance(volume, float) or not volume > 0:
        return {}
    found = {name: facts.get(f"share_{name}") for name in OUTPUTS}
    return {name: value / volume for name, value in found.items() if isinstance(value, float) and np.isfinite(value)}


def share_warnings(facts: Mapping[str, Any]) -> list[str]:
    """A sentence where the piece makes far more or less of something than its volume says; else nothing."""
    off = {name: ratio for name, ratio in shares(facts).items() if not SHARE_OFF[0] <= ratio <= SHARE_OFF[1]}
    if not off:
        return []
    told = words.listed([f"{words.name(name)} {words.plain(ratio, 2)}" for name, ratio in off.items()])
    return [
        f"The piece's output at rest is far from its volume's (ratio of the shares outside 0.5 to 2): {told}. Blood at "
        f"rest is normal all the same; what the piece does counts for more or less than its volume."
    ]


def budget(results: "Results") -> list[tuple[str, str, str]]:
    """How well the books close over all recorded times: (what, worst, on day)."""
    found = []
    for column, what in (
        ("field_residual", "largest relative residual of a cytokine field"),
        ("field_budget_gap", "largest gap between what is secreted and what is lost or taken up, relative"),
    ):
        if column in results.marrow and len(results.marrow):
            values = results.marrow[column].to_numpy()
            worst = int(np.nanargmax(values)) if np.isfinite(values).any() else 0
            found.append((what, f"{values[worst]:.1e}", words.day(float(results.marrow["day"].iloc[worst]))))
    return found


def provenance(results: "Results") -> dict[str, Any]:
    """provenance.json of the run; nothing where it is missing."""
    try:
        return results.provenance
    except MarrowError:
        return {}


def _course(table: "pd.DataFrame", column: str) -> Course | None:
    return course(table["day"].to_numpy(), table[column].to_numpy()) if column in table else None


def _return(found: Course, finished: bool) -> list[str]:
    """How it came back, as the rest of a sentence."""
    last = "the end of the run" if finished else "the last day recorded"
    back, end, share = found.at(0.9).back, words.day(found.end_day), words.percent(found.end / found.start)
    if back is not None:
        again = f"were back at 90 % by day {words.day(back)}"
        return [again] if found.at(0.9).lasting is not None else [again, f"stood at {share} on day {end}"]
    if found.end_day <= found.nadir_day:
        return [f"were still falling then, {last}"]
    half = found.at(0.5).lasting
    passed = [f"passed half for good on day {words.day(half)}"] if half is not None else []
    return [*passed, f"stood at {share} on day {end}, {last}"]


def _back(passage: Passage) -> str:
    """The day of a return, and in brackets that from which it lasted where this is another."""
    if passage.fell is None:
        return "–"
    if passage.back is None:
        return "not yet"
    text = words.day(passage.back)
    if passage.lasting is None:
        return f"{text} (lost again)"
    return text if words.day(passage.lasting) == text else f"{text} (lasting {words.day(passage.lasting)})"


def _day(value: float | None) -> str:
    return words.day(value)


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
