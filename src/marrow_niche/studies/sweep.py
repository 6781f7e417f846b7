"""A sweep: one scenario at every combination of some values, over seeds, and one table of what came of it."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from marrow_niche.errors import ScenarioError, StudyError
from marrow_niche.quantities.parameters import entry
from marrow_niche.scenario.reader import Reader
from marrow_niche.studies import members
from marrow_niche.studies.members import FOLDER, Member
from marrow_niche.studies.processes import Failed, Show

TABLE = "sweep.csv"
COUNTS = ("neutrophils_per_uL", "lymphocytes_per_uL", "platelets_per_uL", "red_cells_per_uL", "reticulocytes_per_uL")


@dataclass(frozen=True, kw_only=True)
class Vary:
    """One value that is varied."""

    path: str = entry('where it stands in the scenario, such as "events.1.dose" or "parameters.stem_cells.number"')
    values: tuple[Any, ...] = entry("what stands there in turn, such as ['2 Gy', '4 Gy']")


@dataclass(frozen=True, kw_only=True)
class SweepFile:
    """A sweep as it is written."""

    scenario: str = entry("path of a scenario, relative to this file")
    seeds: int | tuple[int, ...] = entry("how many seeds, from the scenario's own on, or a list of them", default=1)
    vary: tuple[Vary, ...] = ()
    keep: Literal["tables", "all"] = entry("whether members also write files for ParaView", default="tables")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep ready to run."""

    file: Path
    members: list[Member]


def read_sweep(file: Path | str) -> Sweep:
    """Read a sweep and all scenarios it asks for. Raises StudyError or ScenarioError with every mistake."""
    file = Path(file)
    reader = Reader()
    asked = reader.spec(SweepFile, members.read_study(file))
    mistakes = list(reader.mistakes)
    if asked is None:
        raise StudyError(file, mistakes)
    tables, folder = members.read_tables(file.parent / asked.scenario)
    seeds = members.seeds_of(asked.seeds, tables)
    mistakes += members.seed_mistakes(seeds)
    for number, vary in enumerate(asked.vary, 1):
        if not vary.values:
            mistakes.append(f"vary[{number}].values: the list is empty; say at least one value.")
        if vary.path in [other.path for other in asked.vary[: number - 1]]:
            mistakes.append(f"vary[{number}].path: '{vary.path}' is varied twice; keep one of the two.")
    base = members.quiet(tables) if asked.keep == "tables" else tables
    wanted = []
    for chosen in itertools.product(*(vary.values for vary in asked.vary)):
        values, changed = dict(zip((vary.path for vary in asked.vary), chosen)), base
        for path, value in values.items():
            try:
                changed = members.changed(changed, path, value)
            except ValueError as error:
                mistakes.append(str(error))
        wanted += [(values, seed, changed) for seed in seeds]
    mistakes = list(dict.fromkeys(mistakes))
    try:
        found = members.read_all(str(file), folder, wanted)
    except ScenarioError as error:
        raise StudyError(file, list(dict.fromkeys([*mistakes, *error.mistakes]))) from None
    if mistakes:
        raise StudyError(file, mistakes)
    return Sweep(file=file, members=found)


def run_sweep(sweep: Sweep, *, into: Path, jobs: int | None = None, show: Show | None = None) -> tuple[Path, list[str]]:
    """Run what is not finished and write sweep.csv, also when it is stopped; the path of the table, and what failed.

    Raises KeyboardInterrupt after Ctrl-C; RunError as `run_all` does.
    """
    into = members.open_study(into, sweep.file)
    failed: dict[str, str] = {}
    try:
        for name, outcome in members.run_members(sweep.members, into, jobs=jobs, show=show).items():
            if isinstance(outcome, Failed):
                failed[name] = outcome.message
    finally:
        path = write_table(sweep, into, failed)
    return path, [f"{name}: {message}" for name, message in failed.items()]


def write_table(sweep: Sweep, into: Path, failed: dict[str, str]) -> Path:
    """One row a member: what it is, its state, and what each count did; empty where something never came."""
    rows = []
    for member in sweep.members:
        directory = into / FOLDER / member.name
        done = members.finished(directory)
        state = "done" if done else "failed" if member.name in failed else "not finished"
        row: dict[str, Any] = {"member": member.name, "state": state, "seed": member.seed}
        rows.append(row | member.values | (_courses(directory) if done else {}))
    members.write_rows(into / TABLE, rows)
    return into / TABLE


def _courses(directory: Path) -> dict[str, Any]:
    """What each count of a run did, by column."""
    from marrow_niche.analysis.recovery import course, days_below
    from marrow_niche.record.tables import read_table

    blood, marrow = read_table(directory / "blood.csv"), read_table(directory / "marrow.csv")
    out: dict[str, Any] = {}
    for table, names in ((blood, COUNTS), (marrow, ("stem_cells", "sinusoid_integrity", "stroma_integrity"))):
        day = table["day"].to_numpy()
        for name in names:
            values = table[name].to_numpy()
            found = course(day, values)
            if found is None:
                continue
            stem = name.removesuffix("_per_uL")
            half, most = found.passages
            out |= {
                f"{name}_at_start": _text(found.start),
                f"{name}_lowest": _text(found.nadir),
                f"{stem}_lowest_share": _text(found.depth),
                f"{stem}_lowest_day": _text(found.nadir_day),
                f"{stem}_half_lost_day": _text(half.fell),
                f"{stem}_days_below_half": _text(days_below(day, values, 0.5 * found.start)),
                f"{stem}_half_again_day": _text(half.back),
                f"{stem}_90_percent_again_day": _text(most.back),
                f"{name}_at_end": _text(found.end),
            }
    return out


def _text(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.6g}"
