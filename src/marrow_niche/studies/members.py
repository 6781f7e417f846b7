"""What studies share. Members: runs of one scenario with some of its values changed, each in a directory named by what it is.

A member is named by a digest of its resolved scenario, the bytes of the files it reads and the source of the package, so that
what was run once is not run again, and nothing that was run by other code is taken for it.

Members that begin from the same marrow, such as all doses and arms of one seed, are run one after the other in one process,
which builds that marrow and seeks its resting state once; nothing of it is kept on disk.
"""

import copy
import csv
import functools
import hashlib
import io
import itertools
import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marrow_niche.errors import MarrowError, RunError, ScenarioError, StudyError
from marrow_niche.quantities.digest import digest
from marrow_niche.record.atomic import write_text
from marrow_niche.record.directory import RunDirectory
from marrow_niche.scenario import beginning, toml
from marrow_niche.scenario.reader import suggestion
from marrow_niche.scenario.scenario import Scenario, scenario_from
from marrow_niche.scenario.species_files import known_species, leaves, read_species
from marrow_niche.studies.processes import Failed, Progress, Show, cores, run_all

LIBRARIES = ("numpy", "scipy", "numba")
APART = ("view", "analysis", "studies", "cli", "progress.py", "__main__.py")
"""Rooms that no run enters."""
SOURCE = "set by a study"
FOLDER = "members"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One run of a study."""

    values: dict[str, Any]
    """What is its own, by path, as written."""
    seed: int
    scenario: Scenario
    name: str
    """Of its directory."""


@dataclass(frozen=True)
class Task:
    """A member as it is sent to a process: TOML tables, what file names in them are relative to, and its directory."""

    tables: dict[str, Any]
    folder: Path
    into: Path


def read_study(file: Path) -> dict[str, Any]:
    """The tables of a study file. Raises StudyError where it cannot be read."""
    try:
        return toml.load(file)
    except ScenarioError as error:
        raise StudyError(file, [m.replace("'marrow-niche new' writes a scenario to start from", "give the path of a study file")
                                for m in error.mistakes]) from None  # fmt: skip


def read_tables(path: Path) -> tuple[dict[str, Any], Path]:
    """The tables of a scenario file (or of a run directory) that can be simulated as it is, and its folder.

    Raises ScenarioError with every mistake in it, so that those of the study are told apart from them.
    """
    path = path / "scenario.toml" if path.is_dir() else path
    tables = {"title": path.stem, **toml.load(path)}
    scenario_from(tables, folder=path.parent, name=str(path))
    return tables, path.parent


def quiet(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables that ask for the tables alone."""
    return {**tables, "record": {**tables.get("record", {}), "fields": [], "space": False}}


def seeds_of(asked: int | Sequence[int], tables: Mapping[str, Any]) -> list[int]:
    """The seeds of a study: those listed, or so many from the scenario's own on."""
    if isinstance(asked, int):
        first = tables.get("seed", 1)
        return list(range(first, first + asked))
    return list(asked)


def seed_mistakes(seeds: Sequence[int]) -> list[str]:
    """What is wrong with the seeds of a study."""
    if not seeds:
        return ["seeds: there is none; write seeds = 3, or a list of them."]
    if len(set(seeds)) < len(seeds):
        return ["seeds: one of them stands there twice; a run with the same seed is the same run."]
    return []


def changed(tables: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Tables with `value` at a path such as "events.1.dose" or "parameters.stem_cells.number".

    Events are counted from 1. A number under parameters takes the unit in which the species' file gives it. Raises ValueError
    with what is wrong, and the cure, where there is no such place.
    """
    out = copy.deepcopy(dict(tables))
    names = path.replace("[", ".").replace("]", "").split(".")
    if not all(names):
        raise ValueError(f"'{path}' is no path; write it like events.1.dose or parameters.stem_cells.number.")
    if names[0] == "seed":
        raise ValueError("seeds are not varied but listed: seeds = 3, or seeds = [1, 2, 3].")
    if names[0] == "parameters":
        if len(names) < 2:
            raise ValueError("name a parameter, such as parameters.stem_cells.number.")
        entry = ".".join(names[1:])
        out["parameters"] = {**dict(leaves(out.get("parameters", {}))), entry: _leaf(out, names[1:], value)}
        return out
    place: Any = out
    for depth, name in enumerate(names[:-1]):
        here = ".".join(names[:depth])
        if isinstance(place, list):
            if not name.isdigit() or not 1 <= int(name) <= len(place):
                raise ValueError(f"{here}.{name}: the scenario has {len(place)} of them, counted from 1.")
            place = place[int(name) - 1]
        elif name not in place and depth == 0 and name in ("record", "organism", "switches", "geometry"):
            place = place.setdefault(name, {})
        elif not isinstance(place, dict):
            raise ValueError(f"{path}: {here} holds no table; name an entry of one, such as events.1.dose.")
        elif name not in place:
            known = [key for key, item in place.items() if isinstance(item, (dict, list))]
            raise ValueError(f"{'.'.join(names[: depth + 1])}: the scenario has no such table.{suggestion(name, known)}")
        else:
            place = place[name]
    if isinstance(place, list) or not isinstance(place, dict):
        raise ValueError(f"{path}: name an entry of one table, such as events.1.dose.")
    place[names[-1]] = copy.deepcopy(value)
    return out


def _leaf(tables: Mapping[str, Any], names: Sequence[str], value: Any) -> Any:
    """A parameter's leaf from a plain number, text with a unit, or a leaf."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        return {"value": value, "source": SOURCE}
    leaf: Any = read_species(tables["species"]) if tables.get("species") in known_species() else {}
    for name in names:
        leaf = leaf.get(name, {}) if isinstance(leaf, Mapping) else {}
    unit = leaf.get("unit", "") if isinstance(leaf, Mapping) else ""
    return {"value": value, "source": SOURCE} | ({"unit": unit} if isinstance(unit, str) and unit else {})


def read_all(
    name: str, folder: Path, wanted: Iterable[tuple[Mapping[str, Any], int, Mapping[str, Any]]], *, told: bool = True
) -> list[Member]:
    """The members of (values, seed, tables), each read; `told`: a mistake is told with the values it comes with.

    Raises
    ------
    ScenarioError
        With the mistakes of all of them, each once.
    """
    members, mistakes = [], []
    for values, seed, tables in wanted:
        try:
            scenario = scenario_from(tables, folder=folder, name=name, seed=seed)
        except ScenarioError as error:
            said = ", ".join(f"{path} = {value}" for path, value in values.items())
            mistakes += [mistake + (f" (with {said})" if told and said else "") for mistake in error.mistakes]
            continue
        members.append(Member(values=dict(values), seed=seed, scenario=scenario, name=name_of(scenario)))
    if mistakes:
        raise ScenarioError(name, list(dict.fromkeys(mistakes)))
    return members


def name_of(scenario: Scenario) -> str:
    """The name of a member's directory: its own scenario, its files and the code."""
    asked = json.dumps(scenario.source, sort_keys=True, default=str)
    files = {entry: digest(path) for entry, path in sorted(scenario.files.items())}
    return hashlib.sha256(f"{asked}\0{json.dumps(files)}\0{code_digest()}".encode()).hexdigest()[:16]


@functools.cache
def code_digest() -> str:
    """Of every source and data file of the package that a run uses, and the libraries that do the arithmetic."""
    source, total = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(p for p in source.rglob("*") if p.suffix in (".py", ".toml")):
        inside = path.relative_to(source)
        if inside.parts[0] not in APART:
            total.update(inside.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for name in LIBRARIES:
        total.update(f"{name} {version(name)}".encode())
    return total.hexdigest()


def run_members(members: Sequence[Member], study: Path, *, jobs: int | None = None, show: Show | None = None) -> dict[str, Any]:
    """Run what is not finished, each once; by name "kept", "resumed", "run", or a `Failed`. Raises as `run_all` does."""
    groups = litters(members, study, cores() if jobs is None else jobs)
    outcomes = run_all(simulate_litter, groups, jobs=jobs, show=show, sizes=[len(group) for group in groups])
    return {task.into.name: outcome for group, found in zip(groups, outcomes) for task, outcome in zip(group, found)}


def litters(members: Sequence[Member], study: Path, jobs: int) -> list[list[Task]]:
    """The members as tasks, each once, in groups for `simulate_litter`: those of one geometry together, of one resting state
    next to each other. A group is no larger than what falls to each of `jobs` processes, so that none stands idle."""
    chosen = {member.name: member for member in members}
    of_one: dict[str, dict[str, list[Task]]] = {}
    for name, member in chosen.items():
        scenario = member.scenario
        task = Task(tables=dict(scenario.source), folder=scenario.folder.resolve(), into=study / FOLDER / name)
        rests = of_one.setdefault(beginning.of_geometry(scenario), {})
        rests.setdefault(beginning.of_rest(scenario), []).append(task)
    most = max(1, math.ceil(len(chosen) / max(jobs, 1)))
    out = []
    for rests in of_one.values():
        tasks = [task for group in rests.values() for task in group]
        parts = math.ceil(len(tasks) / most)
        ends = [round(k * len(tasks) / parts) for k in range(parts + 1)]
        out += [tasks[low:high] for low, high in itertools.pairwise(ends)]
    return out


def simulate_litter(tasks: Sequence[Task], progress: Progress) -> list[Any]:
    """Run members, or go on with them, one after the other; what becomes of each, as in `run_members`."""
    from marrow_niche.simulation.shared import Shared

    shared = Shared()
    out: list[Any] = []
    for number, task in enumerate(tasks):

        def step(done: float, total: float, number: int = number) -> None:
            if done < total:  # a member's last hour is told when its run is closed
                progress(number + done / total, len(tasks))

        try:
            out.append(simulate_member(task, step, shared))
        except MarrowError as error:
            out.append(Failed(str(error)))
        progress(number + 1, len(tasks))
    return out


def simulate_member(task: Task, progress: Progress, shared: Any = None) -> str:
    """Run a member, or go on with it; one that is finished is left as it is. Returns "kept", "resumed" or "run".

    `shared` (simulation.shared.Shared) holds what members before it have built.
    """
    if finished(task.into):
        return "kept"
    from marrow_niche.simulation import resume, simulate

    if (task.into / "scenario.toml").is_file():
        resume(task.into, threads=1, progress=progress, shared=shared)
        return "resumed"
    if task.into.is_dir():  # killed before it had begun
        shutil.rmtree(task.into)
    scenario = scenario_from(task.tables, folder=task.folder, name=task.into.name)
    simulate(scenario, into=task.into, threads=1, progress=progress, shared=shared)
    return "run"


def finished(directory: Path) -> bool:
    """Whether the run of a member came to its end."""
    from marrow_niche.record.results import Results

    try:
        return Results(RunDirectory(directory)).finished
    except RunError:  # damaged
        return False


def by_seed(members: Sequence[Member], study: Path) -> dict[str, list[Path]]:
    """Directories of finished members that differ by their seed alone, two or more, by what else is their own in words."""
    groups: dict[str, dict[str, Path]] = {}
    for member in members:
        own = ", ".join(f"{path} = {value}" for path, value in member.values.items())
        if finished(study / FOLDER / member.name):
            groups.setdefault(own, {})[member.name] = study / FOLDER / member.name
    return {own: list(found.values()) for own, found in groups.items() if len(found) > 1}


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a .csv with every column that one of them has, empty where another has none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def open_study(into: Path, file: Path) -> Path:
    """The directory of a study, made where it is not there; with a copy of the file that asked for it.

    Raises RunError when it is a run, a file, or the disk refuses.
    """
    if into.is_file() or (into / "scenario.toml").is_file():
        raise RunError(f"{into}: is a {'file' if into.is_file() else 'run'}; a study needs a directory of its own (--into).")
    try:
        (into / FOLDER).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, into / "study.toml")
    except OSError as error:
        raise RunError(f"{into}: cannot be written ({error.strerror}). Choose another directory (--into).") from error
    return into
