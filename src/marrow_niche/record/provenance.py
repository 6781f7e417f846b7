"""How a run came to be: provenance.json, the one file of a run that may differ between two identical runs."""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marrow_niche.errors import RunError
from marrow_niche.quantities.digest import digest
from marrow_niche.record.atomic import write_text
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.plain import for_json

_PACKAGES = ("marrow-niche", "numpy", "scipy", "numba", "vtk", "h5py", "pandas", "xarray", "pint", "pyvista", "meshio")
_NUMERIC = ("marrow-niche", "numpy", "scipy", "numba", "vtk")


def write(
    directory: RunDirectory | Path | str,
    *,
    scenario: Mapping[str, Any],
    ledger: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    seed: int,
    threads: int | None = None,
    geometry_facts: Mapping[str, Any] | None = None,
    references: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """Write provenance.json of a run that begins now, and return it.

    Parameters
    ----------
    scenario : dict
        The resolved scenario; its title and species are kept (the whole of it stands in scenario.toml).
    ledger : list of dicts (or dict)
        Every parameter in use with value, unit and source.
    seed, threads : int
    geometry_facts : dict
        What `check` prints of the bone.
    references : list of str
        What to cite.
    more : anything plain
        Kept under its own name.

    Raises RunError when the disk refuses.
    """
    run = RunDirectory(directory)
    record = {
        "title": scenario.get("title", ""),
        "species": scenario.get("species", ""),
        "seed": seed,
        "scenario_sha256": digest(run.scenario) if run.scenario.is_file() else None,
        "inputs_sha256": run.input_sums(),
        "started": _now(),
        "ended": None,
        "wall_seconds": 0.0,
        "finished": False,
        "threads": threads,
        "versions": versions(_PACKAGES),
        "platform": _platform(),
        "git_commit": _git_commit(),
        "resumed": [],
        "geometry": geometry_facts or {},
        "references": list(references),
        "parameters": ledger,
        **more,
    }
    return _replace(run, record)


def update(directory: RunDirectory | Path | str, **changes: Any) -> dict[str, Any]:
    """Set entries of provenance.json and return it. Raises RunError when there is none."""
    run = RunDirectory(directory)
    return _replace(run, read(run) | changes)


def resumed(directory: RunDirectory | Path | str, *, day: float, threads: int | None = None) -> dict[str, Any]:
    """Note that the run goes on from `day` [d], by which versions and where. Raises RunError without provenance."""
    run = RunDirectory(directory)
    record = read(run)
    again = {
        "day": day,
        "at": _now(),
        "threads": threads,
        "versions": versions(_PACKAGES),
        "platform": _platform(),
        "git_commit": _git_commit(),
    }
    return _replace(run, record | {"resumed": [*record["resumed"], again], "finished": False, "ended": None})


def finish(
    directory: RunDirectory | Path | str, *, wall_seconds: float, finished: bool = True, **more: Any
) -> dict[str, Any]:
    """Note the end: `wall_seconds` of this session are added to those before. Raises RunError without provenance."""
    run = RunDirectory(directory)
    record = read(run)
    total = float(record.get("wall_seconds") or 0.0) + float(wall_seconds)
    return _replace(
        run, record | {"ended": _now(), "wall_seconds": round(total, 3), "finished": bool(finished), **more}
    )


def read(directory: RunDirectory | Path | str) -> dict[str, Any]:
    """provenance.json as a dict. Raises RunError when it is missing or damaged."""
    path = RunDirectory(directory).provenance
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{path}: missing; the run stopped before it began to record. Run it again (--overwrite)."
        ) from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Run the scenario again (--overwrite).") from error


def identity(directory: RunDirectory | Path | str) -> dict[str, Any]:
    """What every file of the run says of its making: only what two identical runs share.

    Returns {"title", "species", "seed", "scenario_sha256", "versions"}; without scenario.toml, the versions alone.
    """
    run = RunDirectory(directory)
    facts: dict[str, Any] = {"versions": versions(_NUMERIC)}
    if run.scenario.is_file():
        told = run.read_scenario()
        facts |= {
            "scenario_sha256": digest(run.scenario),
            **{name: told.get(name) for name in ("title", "species", "seed")},
        }
    return facts


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Versions of Python and of the installed ones of `packages`."""
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name.replace("-", "_")] = importlib.metadata.version(name)
    return found


def _replace(run: RunDirectory, record: Mapping[str, Any]) -> dict[str, Any]:
    written = for_json(record)
    write_text(run.provenance, json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return written


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _platform() -> dict[str, Any]:
    return {"system": platform.platform(), "machine": platform.machine(), "cores": os.cpu_count()}


def _git_commit() -> str | None:
    """Commit of the source tree this package runs from, with '+changes' when edited; None for an installed package."""
    here = Path(__file__).resolve()
    try:
        # a package installed inside somebody's repository is not part of it: git must know this very file
        _git(here, "ls-files", "--error-unmatch", here.name)
        commit = _git(here, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(here: Path, *arguments: str) -> str:
    command = ["git", "-C", str(here.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
