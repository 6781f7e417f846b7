"""A user's own blood counts, read from a table: every mistake in it is told at once.

The table has a column `day` (of the run, 0 is its start) and one or more counts, by the names of blood.csv. Counts may also be
given as `neutrophils_e9_per_L` (or e12), haemoglobin as `haemoglobin_g_per_L`; a column `<count>_sd` beside a count holds its
standard deviation. An empty cell was not measured. Lines that begin with # are left out.
"""

import csv
import difflib
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrow_niche.errors import CountsError

SCALES = {"_e9_per_L": ("_per_uL", 1e3), "_e12_per_L": ("_per_uL", 1e6), "_g_per_L": ("_g_per_dL", 0.1)}
"""Other units: ending, the ending in blood.csv, and what to multiply by."""
SD = "_sd"
FEW_NAMED = 3
"""As many cells of one kind of mistake are named, the rest counted."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """Measurements of one count, by ascending day."""

    column: str
    """As in blood.csv."""
    day: np.ndarray
    """(k,) [d]."""
    value: np.ndarray
    """(k,) in the unit of the column."""
    sd: np.ndarray
    """(k,) in the same unit; NaN where none is given."""


def read_counts(path: Path | str, *, known: Iterable[str], span: tuple[float, float]) -> list[Count]:
    """The counts of a table, in the units of blood.csv and the order of its columns.

    Parameters
    ----------
    path : path
        Comma, semicolon or tab between cells; a point as decimal mark.
    known : iterable of str
        Columns of the run's blood.csv.
    span : (2,) float
        First and last recorded day of the run [d].

    Raises
    ------
    CountsError
        With every mistake at once: no file, no `day`, unknown columns, text where numbers stand, nothing within `span`.
    """
    path = Path(path)
    head, rows = _cells(path)
    known = [name for name in known if name != "day"]
    mistakes: list[str] = []
    places = _columns(head, known, mistakes)
    for line, cells in rows:
        if len(cells) != len(head):
            mistakes.append(f"line {line}: has {len(cells)} cells, the first line {len(head)}; leave a cell empty, not out.")
    rows = [(line, (cells + [""] * len(head))[: len(head)]) for line, cells in rows]
    numbers = {k: _numbers(head[k], [(line, cells[k]) for line, cells in rows], mistakes) for k in places}
    if "day" not in places.values():
        mistakes.insert(0, "day: missing. Name the column that holds the time since the start of the run, in days, 'day'.")
        raise CountsError(path, mistakes)
    if not rows:
        mistakes.append("there is no row of numbers below the names of the columns.")
    day = numbers[next(k for k, name in places.items() if name == "day")]
    empty = [line for (line, cells), d in zip(rows, day) if math.isnan(d) and not cells[_of(places, "day")].strip()]
    if empty:
        mistakes.append(f"day: is empty in {_lines(empty)}; every row needs its day.")
    counts = [name for name in places.values() if name != "day" and not name.endswith(SD)]
    if not counts and not any(m for m in mistakes if "is not known" in m):
        mistakes.append(f"there is no count beside day. Name one as in blood.csv: {', '.join(known[:4])}, ...")
    inside = (day >= span[0]) & (day <= span[1])
    if rows and np.isfinite(day).any() and not inside.any():
        mistakes.append(
            f"day: {np.nanmin(day):g} to {np.nanmax(day):g} lies outside the run, which is recorded from day {span[0]:g} to "
            f"{span[1]:g}. Days count from the start of the run; subtract your own day 0, or simulate longer."
        )
    if mistakes:
        raise CountsError(path, mistakes)
    order, found = np.argsort(day, kind="stable"), []
    for k, name in places.items():
        if name == "day" or name.endswith(SD):
            continue
        beside = [j for j, other in places.items() if other == name + SD]
        factor = _scale(head[k])[1]
        sd = numbers[beside[0]] * _scale(head[beside[0]].removesuffix(SD))[1] if beside else np.full(len(day), np.nan)
        kept = order[np.isfinite(numbers[k][order])]
        found.append(Count(column=name, day=day[kept], value=factor * numbers[k][kept], sd=sd[kept]))
    return found


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns, and (line, cells) of every row below them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CountsError(path, ["there is no such file."]) from None
    except (OSError, UnicodeDecodeError) as error:
        cure = "save it as CSV (UTF-8); a spreadsheet's own format cannot be read here"
        raise CountsError(path, [f"cannot be read as text ({error.__class__.__name__}); {cure}."]) from None
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise CountsError(path, ["is empty; its first line names the columns: day,neutrophils_per_uL,platelets_per_uL"])
    mark = max(",;\t", key=lines[0][1].count)
    rows = [(k, next(csv.reader(io.StringIO(line), delimiter=mark), [])) for k, line in lines]
    return [name.strip() for name in rows[0][1]], rows[1:]


def _scale(name: str) -> tuple[str, float]:
    """A count's name in blood.csv, and what its numbers are multiplied by."""
    for ending, (own, factor) in SCALES.items():
        if name.endswith(ending):
            return name.removesuffix(ending) + own, factor
    return name, 1.0


def _columns(head: list[str], known: list[str], mistakes: list[str]) -> dict[int, str]:
    """What each column is: "day", a count, or a count with `_sd`."""
    places: dict[int, str] = {}
    for k, given in enumerate(head):
        is_sd = given.endswith(SD)
        name, _ = _scale(given.removesuffix(SD))
        name += SD * is_sd
        if given != "day" and name.removesuffix(SD) not in known:
            mistakes.append(f"{given or f'column {k + 1}'}: is not known.{_hint(given, known)}")
        elif name in places.values():
            mistakes.append(f"{given}: this count stands in two columns; keep one of them.")
        else:
            places[k] = name
    for k, name in list(places.items()):
        if name.endswith(SD) and name.removesuffix(SD) not in places.values():
            mistakes.append(f"{head[k]}: the deviation of a count that is not in the table; add it, or leave this out.")
            del places[k]
    return places


def _hint(given: str, known: list[str]) -> str:
    """The nearest name, or those there are."""
    if not given:
        return " Give it a name, or leave the column out."
    if given.lower() in ("day", "days", "time", "t"):
        return " The time stands in a column 'day', in days."
    both = {name: name for name in known}
    both |= {name.removesuffix("_per_uL") + "_e9_per_L": name for name in known if name.endswith("_per_uL")}
    near = difflib.get_close_matches(given, list(both), n=1, cutoff=0.75)
    stem = [name for name in known if name.split("_per_")[0].lower() == given.lower()]
    if near or stem:
        return f" Did you mean '{(stem or near)[0]}'?"
    return f" There are {', '.join(known)}; counts also as e9_per_L. Leave out what the model does not have."


def _numbers(name: str, cells: list[tuple[int, str]], mistakes: list[str]) -> np.ndarray:
    """(k,) the numbers of one column, NaN where a cell is empty or mistaken."""
    values, text, negative, none = [], [], [], []
    for line, cell in cells:
        cell = cell.strip()
        value = math.nan
        try:
            value = float(cell) if cell else math.nan
            if cell and not math.isfinite(value):
                raise ValueError
        except ValueError:
            text.append((line, cell))
            value = math.nan
        if name != "day" and value < 0:
            negative.append(line)
        if name.endswith(SD) and value == 0:
            none.append(line)
        values.append(value)
    if text:
        shown = ", ".join(f"'{cell}' (line {line})" for line, cell in text[:FEW_NAMED])
        more = f" and {len(text) - FEW_NAMED} more" if len(text) > FEW_NAMED else ""
        comma = any("," in cell for _, cell in text)
        cure = "leave a cell empty where nothing was measured"
        cure = "write a point as decimal mark, and nothing between thousands" if comma else cure
        mistakes.append(f"{name}: {shown}{more} is no number; {cure}.")
    if negative:
        mistakes.append(f"{name}: is below zero in {_lines(negative)}; a count cannot be.")
    if none:
        mistakes.append(f"{name}: is zero in {_lines(none)}; leave it empty where the deviation is not known.")
    return np.array(values, float)


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(str(n) for n in numbers[:FEW_NAMED])
    return f"line{'s' * (len(numbers) > 1)} {shown}{', ...' if len(numbers) > FEW_NAMED else ''}"


def _of(places: dict[int, str], name: str) -> int:
    return next(k for k, other in places.items() if other == name)
