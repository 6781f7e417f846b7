"""Whether the books of the fields close, and what became of the molecules: words and rows from fields.csv."""

from typing import TYPE_CHECKING

from marrow_niche.analysis.rises import rises
from marrow_niche.errors import MarrowError
from marrow_niche.quantities import words

if TYPE_CHECKING:
    import pandas as pd

    from marrow_niche.record.results import Results

GAP = 1e-4
"""The tolerance of a run's fields: a larger gap between what comes and what goes is told, and large."""
COLUMNS = ("secreted", "decayed", "taken_up", "entered", "left")
RISES = ("level", "made", "cleared")
_GAP, _FLOW = "_gap_relative", "_molecules_per_h"


def unclosed(results: "Results") -> list[str]:
    """A sentence for each field whose budget does not close at some recorded time; none where all do, or are unknown."""
    table = _table(results)
    if table is None:
        return []
    found = []
    for name in _fields(table):
        gap = table[name + _GAP]
        if not (gap <= GAP).all():  # a gap that is no number does not close either
            worst = int(gap.fillna(float("inf")).to_numpy().argmax())
            found.append(
                f"The budget of {words.name(name)} does not close: what comes and what goes differ by "
                f"{gap.iloc[worst]:.1e} of the largest flow on day {words.day(float(table['day'].iloc[worst]))} (at most "
                f"{GAP:g} is expected). Do not trust that field, nor what follows from it; please report this."
            )
    return found


def rows(results: "Results") -> list[tuple[str, ...]]:
    """What became of the molecules of each field at the last recorded time: name, `COLUMNS` [molecules/h], gap."""
    table = _table(results)
    if table is None:
        return []
    last = table.iloc[-1]
    return [
        (
            words.name(name),
            *(words.plain(float(last[f"{name}_{what}{_FLOW}"])) for what in COLUMNS),
            f"{last[name + _GAP]:.1e}",
        )
        for name in _fields(table)
    ]


def risen(results: "Results") -> list[tuple[str, ...]]:
    """Of each field that rose: name, day, `RISES` over rest, and whether its sink was lost or more of it was made."""
    table = _table(results)
    found = [] if table is None else rises(table)
    return [
        (words.name(r.name), words.day(r.day), *(words.plain(getattr(r, what)) for what in RISES), r.told) for r in found
    ]


def _table(results: "Results") -> "pd.DataFrame | None":
    """fields.csv; None where it is missing or empty, as in a run of an earlier version."""
    try:
        table = results.budgets
    except MarrowError:
        return None
    return table if len(table) else None


def _fields(table: "pd.DataFrame") -> list[str]:
    return [column.removesuffix(_GAP) for column in table.columns if column.endswith(_GAP)]
