"""Numbers and names as a reader wants them: three digits, thousands apart, lineages by their names."""

import math
from collections.abc import Sequence

NAMES = {
    "neutrophils": "neutrophils",
    "monocytes": "monocytes",
    "lymphocytes": "lymphocytes",
    "b_cells": "B cells",
    "t_cells": "T cells",
    "cd4_cells": "CD4 cells",
    "cd8_cells": "CD8 cells",
    "nk_cells": "NK cells",
    "platelets": "platelets",
    "red_cells": "red cells",
    "reticulocytes": "reticulocytes",
    "haemoglobin": "haemoglobin",
    "GCSF": "G-CSF",
    "TGFb": "TGF-β",
    "IL7": "IL-7",
    "O2": "oxygen",
    "cellularity": "cellularity",
    "vessel_integrity": "sinusoid integrity",
    "fat_share": "fat",
}
UNITS = {"per_uL": "per µL", "per_mL": "per mL", "g_per_dL": "g/dL", "um": "µm"}


def number(value: float, digits: int = 3) -> str:
    """A number at `digits` significant digits: 41800, "41,800"; 0.0317, "0.0317"; 1e-9, "1e-9"; none, "n/a"."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - size)
    if abs(rounded) >= 10 ** (size + 1):
        size += 1
    if size < -3 or size > 12:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{rounded:,.{max(0, digits - 1 - size)}f}"


def plain(value: float, digits: int = 3) -> str:
    """The same without zeros at its end: 2.50, "2.5"."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(share: float) -> str:
    """A share as a percentage: 0.0317, "3 %"; 0.0041, "0.4 %"; 0.00004, "0.004 %"; none, "n/a"."""
    if share is None or not math.isfinite(share):
        return "n/a"
    value = 100 * share
    if value == 0 or abs(value) >= 1:
        return f"{value:,.0f} %"
    if abs(value) < 1e-4:
        return "below 0.0001 %"
    return f"{float(f'{value:.1g}'):g} %"


def day(value: float | None) -> str:
    """A time as a day to the half: 6.97, "7"; 0.5, "0.5"; none, "-"."""
    if value is None or not math.isfinite(value):
        return "–"
    whole = round(value)
    if abs(value) >= 10 or abs(value - whole) < 0.25:
        return f"{whole:,}"
    return f"{round(2 * value) / 2:g}"


def split_unit(column: str) -> tuple[str, str]:
    """Name and unit of a column or array: "neutrophils_per_uL", ("neutrophils", "per µL"); "SCF_pM", ("SCF", "pM")."""
    for suffix, unit in UNITS.items():
        if column.endswith("_" + suffix):
            return column.removesuffix("_" + suffix), unit
    stem, _, last = column.rpartition("_")
    if stem and last in ("fM", "pM", "nM", "uM", "mM", "mmHg", "Gy"):
        return stem, last.replace("uM", "µM")
    return column, ""


def name(stem: str) -> str:
    """A lineage or field by its name in text: "red_cells", "red cells"; "GCSF", "G-CSF"."""
    return NAMES.get(stem, stem.replace("_", " "))


def title(stem: str) -> str:
    """The same at the head of a panel: "Red cells"."""
    text = name(stem)
    return text[0].upper() + text[1:] if text[:1].islower() else text


def clock(seconds: float) -> str:
    """A length of time in the unit that suits it: 75, "75 s"; 600, "10 min"; 7200, "2.0 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table for the terminal: the first column to the left, the others to the right, two blanks between them."""
    wide = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(wide[0]), *(cell.rjust(w) for cell, w in zip(row[1:], wide[1:]))]).rstrip() for row in rows
    ]


def listed(items: list[str], last: str = "and") -> str:
    """["a", "b", "c"] as "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""
