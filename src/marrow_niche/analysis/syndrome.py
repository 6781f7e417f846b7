"""What a clinician reads off a run: how low, how long, how grave; and what normal counts hide.

Everything is measured from the start of the run to its end, on the line through the recorded times. Thresholds and
degrees are those of the species the run is of (`[clinical]` of its data file, `body.clinical`).

**Functional stem cells.** A marrow may hold many stem cells that cannot keep it: senescent ones, such whose place no longer
holds them, and such that nothing feeds. Of each kind k (the tip, and the other HSC) those are *able* that number

    A_k = Σ weight of cells that are not senescent · min(1, p̄_k / p_k),

with p̄_k their mean chance that a daughter stays of its kind and p_k that at rest in the wild type. The bound is taken of the
mean and not of each cell: at rest cells differ from place to place and A equals the count. In an emptied marrow p̄ is above
p_k, which does not make cells more than they are. *Functional* are the able ones of the tip, and as many others as these feed:

    F = A_tip + min(A_HSC, A_tip · N_HSC / N_tip),

N the numbers at the start of the run. That is a convention. It takes the tip for the source of all, as labels say of the
undisturbed mouse (Morcos 2022, Nat Commun 13:4504), and is what long-term repopulation would read. In this model HSC hold
themselves for long without a tip, and blood does not notice.

**Niche occupancy** is stem cells over rest by the wall of intact sinusoids over rest: below one places stand empty, above it
cells crowd into what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.recovery import WORTH_NAMING, course, days_below
from marrow_niche.body.clinical import Clinical, degree
from marrow_niche.errors import RunError, ScenarioError
from marrow_niche.marrow.stem_cells import StemCells, rest

if TYPE_CHECKING:
    import pandas as pd

    from marrow_niche.record.results import Results

COUNTS = ("neutrophils", "platelets", "lymphocytes", "red_cells")
LIMITS = {
    "neutrophils": ("neutropenia", "agranulocytosis"),
    "platelets": ("thrombocytopenia", "bleeding"),
}
"""Thresholds under which days are counted, by count: names in `Clinical`."""
GRADED = {"lymphocytes": "lymphocyte_degrees", "neutrophils": "granulocyte_degrees", "platelets": "platelet_degrees"}
"""Counts that METREPOL grades; its granulocytes are the neutrophils here."""
CITATION = "Fliedner, Friesecke & Beyrer 2001 (METREPOL); Dainiak 2002, Exp Hematol 30:513"
GONE = 0.5
"""A voxel whose sinusoids have less than this integrity counts as without them."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number of one run."""

    name: str
    """Such as "neutrophils below 125 per uL"."""
    unit: str
    """Of the value: "per uL", "d", "day" for a time from the start, "degree", "share", "cells"."""
    value: float
    """NaN where there is none: the time of a return after no fall; infinite where it did not return until the end."""
    day: float | None = None
    """When, for a lowest value [d]."""


def thresholds(results: "Results") -> Clinical:
    """The `Clinical` of a run's species, with what its scenario put in the place of it.

    Raises ScenarioError when the scenario of the run cannot be read any more.
    """
    return _of_species(results, "clinical", Clinical)


def degrees(blood: "pd.DataFrame", clinical: Clinical) -> dict[str, int]:
    """METREPOL degree of each graded count that the table has, and of all together ("overall"); see `body.clinical`.

    0 where a count never fell below `recovery.WORTH_NAMING` of its first value: H1 is of those who were hurt. Granulocytosis
    of the first days, which makes H4 in the table, is not looked for: the model has no such stress.

    Parameters
    ----------
    blood : pandas.DataFrame
        `results.blood`: columns `day`, `lymphocytes_per_uL`, ...
    """
    found = {}
    for name, bounds in GRADED.items():
        column = f"{name}_per_uL"
        each = course(blood["day"].to_numpy(), blood[column].to_numpy()) if column in blood else None
        if each is not None:
            found[name] = degree(each.nadir, getattr(clinical, bounds)) if each.depth < WORTH_NAMING else 0
    return found | ({"overall": max(found.values())} if found else {})


def functional(results: "Results", days: Sequence[float] | None = None) -> "pd.DataFrame":
    """Functional stem cells beside their count at the recorded times nearest to `days` [d] (default: at all).

    Returns
    -------
    pandas.DataFrame
        `day`; `HSC`, `tip`, `stem_cells`: all cells in the piece [cells]; `HSC_able`, `tip_able`, `stem_cells_able`: A above;
        `stem_cells_functional`: F above.

    Raises RunError when the run recorded no cells, or not what is needed of them.
    """
    import pandas as pd

    at_rest = rest(_of_species(results, "stem_cells", StemCells)).renewal
    start = _by_kind(results, float(results.days[0]))
    rows = []
    for asked in results.days if days is None else days:
        kinds = _by_kind(results, float(asked))
        row: dict[str, float] = {"day": kinds["tip"].attrs["day"]}
        for (kind, cells), p in zip(kinds.items(), at_rest, strict=True):
            weight, able = cells["weight"].to_numpy(float), cells["senescent"].to_numpy() == 0
            row[kind] = float(weight.sum())
            row[f"{kind}_able"] = able_cells(weight, able, cells["self_renewal"].to_numpy(float), p)
        rows.append(row)
    table = pd.DataFrame(rows)
    table["stem_cells"] = table["HSC"] + table["tip"]
    table["stem_cells_able"] = table["HSC_able"] + table["tip_able"]
    tip = start["tip"]["weight"].sum()
    each = start["HSC"]["weight"].sum() / tip if tip > 0 else np.inf
    fed = np.minimum(table["HSC_able"], table["tip_able"] * each) if tip > 0 else table["HSC_able"]
    table["stem_cells_functional"] = table["tip_able"] + fed
    return table


def able_cells(weight: np.ndarray, able: np.ndarray, renewal: np.ndarray, at_rest: float) -> float:
    """A of one kind [cells]: `weight`, `able` (not senescent), `renewal` (self-renewal probability) (k,) of each stored cell,
    and the self-renewal of the kind at rest."""
    able = np.asarray(able, bool)
    whole = float(np.asarray(weight, float)[able].sum())
    if whole <= 0:
        return 0.0
    mean = float(np.average(np.asarray(renewal, float)[able], weights=np.asarray(weight, float)[able]))
    return whole * min(1.0, mean / at_rest)


def occupancy(marrow: "pd.DataFrame") -> np.ndarray:
    """(t,) niche occupancy: stem cells over rest by intact sinusoid wall over rest; 1 at rest, NaN without any wall.

    Raises KeyError when the table (`results.marrow`) has no stem cells or no sinusoid integrity.
    """
    cells, wall = (marrow[name].to_numpy(float) for name in ("stem_cells", "sinusoid_integrity"))
    if not len(cells) or cells[0] <= 0 or wall[0] <= 0:
        return np.full(len(cells), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(wall > 0, (cells / cells[0]) / (wall / wall[0]), np.nan)


def measures(results: "Results") -> list[Measure]:
    """All clinical measures of a run, in the order of a table; what was not recorded is left out.

    Raises RunError when nothing is recorded yet.
    """
    blood, marrow = results.blood, results.marrow
    if not len(blood):
        raise RunError(f"{results.directory}: nothing is recorded in this run (yet).")
    clinical = thresholds(results)
    found = [each for name in COUNTS if f"{name}_per_uL" in blood for each in _count(blood, name, clinical)]
    found += [
        Measure(name=f"H-ARS degree by {name}" if name != "overall" else "H-ARS degree, overall", unit="degree", value=float(h))
        for name, h in degrees(blood, clinical).items()
    ]
    for column, name in (("cellularity", "cellularity"), ("stem_cells", "stem cells"), ("tip_cells", "tip")):
        if column in marrow:
            found += _lowest(marrow, column, f"{name}, lowest")
    return found + _hidden(results) + _niche(results)


def over_runs(runs: "Sequence[Results]") -> "pd.DataFrame":
    """Clinical measures over several runs that differ by their seed.

    Returns
    -------
    pandas.DataFrame
        One row a measure: `name`, `unit`, `median`, `low` and `high` (the smallest and the largest of the runs; NaN without
        any), `runs` that have a value, `of` runs in all.

    Raises RunError for no run, for runs of different species or with different things done to them.
    """
    import pandas as pd

    of_one_scenario(runs)
    tables = [{(each.name, each.unit): each.value for each in measures(run)} for run in runs]
    names = list(dict.fromkeys(key for table in tables for key in table))
    rows = []
    for name, unit in names:
        values = np.array([table.get((name, unit), np.nan) for table in tables])
        good = values[np.isfinite(values)]
        some = good.size > 0
        rows.append(
            {
                "name": name,
                "unit": unit,
                "median": float(np.median(good)) if some else np.nan,
                "low": float(good.min()) if some else np.nan,
                "high": float(good.max()) if some else np.nan,
                "runs": int(good.size),
                "of": len(runs),
            }
        )
    return pd.DataFrame(rows, columns=["name", "unit", "median", "low", "high", "runs", "of"])


def of_one_scenario(runs: "Sequence[Results]") -> None:
    """Raises RunError for no run, for runs of different species or with different things done to them."""
    if not runs:
        raise RunError("no run is given; give the directories of one or more.")
    first = _asked(runs[0])
    for other in runs[1:]:
        if _asked(other) != first:
            raise RunError(
                f"{other.directory}: is not {runs[0].directory} with another seed; a spread over seeds needs runs of one "
                f"scenario."
            )


def _count(blood: "pd.DataFrame", name: str, clinical: Clinical) -> list[Measure]:
    """Nadir, times back at half and 90 %, and days below its thresholds, of one count."""
    column, said = f"{name}_per_uL", name.replace("_", " ")
    day, value = blood["day"].to_numpy(), blood[column].to_numpy()
    each = course(day, value)
    if each is None:
        return []
    out = [Measure(name=f"{said}, lowest", unit="per uL", value=each.nadir, day=each.nadir_day)]
    for share in (0.5, 0.9):
        passage = each.at(share)
        back = np.nan if passage.fell is None else np.inf if passage.back is None else passage.back
        out.append(Measure(name=f"{said} at {share:.0%} again".replace("%", " %"), unit="day", value=back))
    for limit in LIMITS.get(name, ()):
        level = getattr(clinical, limit)
        out.append(Measure(name=f"{said} below {level:,.0f} per uL", unit="d", value=days_below(day, value, level)))
    return out


def _lowest(table: "pd.DataFrame", column: str, name: str) -> list[Measure]:
    """The lowest of a column as a share of its start."""
    each = course(table["day"].to_numpy(), table[column].to_numpy())
    return [] if each is None else [Measure(name=name, unit="share", value=each.depth, day=each.nadir_day)]


def _by_kind(results: "Results", day: float) -> "dict[str, pd.DataFrame]":
    """Stem cells of a recorded time, others and tip. Raises RunError where they are recorded without what tells them apart."""
    cells = results.cells(day=day)
    missing = {"tip", "senescent", "self_renewal", "weight"} - set(cells.columns)
    if missing:
        raise RunError(f"{results.directory}: its cells are recorded without {', '.join(sorted(missing))}; run it again.")
    tip = cells["tip"] > 0
    return {"HSC": cells[~tip], "tip": cells[tip]}


def _hidden(results: "Results") -> list[Measure]:
    """Stem cells at the end that are counted, able and functional, over the count at the start; nothing without cells."""
    try:
        table = functional(results, (results.days[0], results.days[-1]))
    except RunError:
        return []
    start, end = table.iloc[0], table.iloc[-1]
    rows = (
        ("stem_cells", "stem_cells", "stem cells at the end, counted"),
        ("stem_cells_able", "stem_cells", "stem cells at the end, able"),
        ("stem_cells_functional", "stem_cells", "stem cells at the end, functional"),
        ("tip", "tip", "tip at the end, counted"),
        ("tip_able", "tip", "tip at the end, able"),
    )
    found = [(name, end[column] / start[over]) for column, over, name in rows if start[over] > 0]
    return [Measure(name=name, unit="share", value=float(share)) for name, share in found]


def _niche(results: "Results") -> list[Measure]:
    marrow, out = results.marrow, []
    if {"stem_cells", "sinusoid_integrity"} <= set(marrow.columns):
        held = occupancy(marrow)
        good = np.isfinite(held)
        if good.any():
            low = int(np.nanargmin(held))
            day = float(marrow["day"].iloc[low])
            out.append(Measure(name="niche occupancy, lowest", unit="share", value=float(held[low]), day=day))
            out.append(Measure(name="niche occupancy at the end", unit="share", value=float(held[-1])))
    if "sinusoid_integrity" in marrow:
        lowest = _lowest(marrow, "sinusoid_integrity", "sinusoid integrity, lowest")
        out += lowest
        out += _without_sinusoids(results, lowest[0].day) if lowest else []
    return out


def _without_sinusoids(results: "Results", day: float | None) -> list[Measure]:
    """Share of the marrow's voxels without sinusoids at the recorded time nearest to `day`; nothing without the field."""
    try:
        found = results.field("vessel_integrity").sel(time=day, method="nearest")
    except RunError:
        return []
    values = found.values
    inside = np.isfinite(values)
    if not inside.any():
        return []
    share = float((values[inside] < GONE).mean())
    name = f"marrow whose sinusoids are below {100 * GONE:g} % then"
    return [Measure(name=name, unit="share", value=share, day=float(found["time"]))]


def _asked(results: "Results") -> dict[str, Any]:
    """The scenario without what may differ between runs of one."""
    return {name: item for name, item in results.scenario.items() if name not in ("seed", "title")}


def _of_species(results: "Results", table: str, spec: type) -> Any:
    """One table of the run's species as its spec, with the scenario's own numbers. Raises ScenarioError."""
    from marrow_niche.scenario.reader import Reader
    from marrow_niche.scenario.scenario import Species
    from marrow_niche.scenario.species_files import override, read_species

    own = results.scenario.get("parameters") or {}
    tree, *_ = override(Species, read_species(str(results.scenario.get("species"))), own)
    reader = Reader(sourced=True)
    found = reader.spec(spec, tree[table], table)
    if found is None:
        raise ScenarioError(str(results.directory / "scenario.toml"), reader.mistakes)
    return found
