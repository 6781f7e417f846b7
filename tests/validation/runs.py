"""Runs of a thin piece of bone, each made once and kept in the temporary folder until the package changes."""

import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lab import FEWER_AGENTS

from marrow_niche import simulate
from marrow_niche.analysis.recovery import first_above
from marrow_niche.errors import ScenarioError
from marrow_niche.record.tables import read_table
from marrow_niche.scenario.scenario import Species, scenario_from
from marrow_niche.studies import members
from validation.case import NotApplicable

if TYPE_CHECKING:
    import pandas as pd

GEOMETRY = {
    "mouse": {"bone": "long bone", "voxel": "25 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.2 mm"}},
    "human": {
        "bone": "human iliac core", "voxel": "60 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.18 mm"}
    },
}  # fmt: skip
"""Of a species: a slice of the package's own bone, thin enough for a day to take about a second."""
MORE_AGENTS = {"stem_cells.agent_cap": {"value": 30_000, "unit": "", "source": "estimate"}}
"""Cells are then stored one by one: a graft of 200 as many, and a label in few MPP drifts no more than in an animal."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """blood.csv and marrow.csv of a run."""

    blood: "pd.DataFrame"
    marrow: "pd.DataFrame"

    @property
    def day(self) -> np.ndarray:
        """(t,) recorded times [d]."""
        return self.blood["day"].to_numpy()

    def of(self, name: str) -> np.ndarray:
        """(t,) a column of either table. Raises NotApplicable when the package does not write it."""
        for table in (self.blood, self.marrow):
            if name in table:
                return table[name].to_numpy()
        raise NotApplicable(f"runs have no column {name}")

    def at(self, name: str, day: float) -> float:
        """A column on a day [d], between records on the straight line."""
        return float(np.interp(day, self.day, self.of(name)))

    def over_rest(self, name: str) -> np.ndarray:
        """(t,) a column over its first value."""
        values = self.of(name)
        return values / values[0]


@functools.cache
def parameters_of(species: str) -> Species:
    """All parameters of a species."""
    return scenario_from({"species": species, "duration": "1 d", "geometry": GEOMETRY[species]}).parameters


def number(day: float | None, never: float = np.nan) -> float:
    """A day that may not have come, as a number: `never` where it did not."""
    return never if day is None else float(day)


def back(day: np.ndarray, value: np.ndarray, level: float) -> float | None:
    """First day after its lowest on which a value (t,) is at `level` or above; None where it is not by the end."""
    low = int(np.argmin(value))
    return first_above(day[low:], value[low:], level)


def run(
    *,
    species: str = "mouse",
    days: float,
    events: tuple[dict[str, Any], ...] = (),
    every: str = "1 d",
    seed: int = 7,
    parameters: dict[str, Any] | None = None,
    **tables: Any,
) -> Run:
    """The tables of a scenario of the thin piece, run now or read from an earlier run of the same package.

    Parameters
    ----------
    days : float
        Length of the run [d].
    events : tuple of dict
        As under [[events]].
    parameters : dict
        As under [parameters], besides the number of stored stem cells.
    tables : dict
        Further tables of the scenario, or others in the place of these.
    """
    asked = {
        "title": "a validation case",
        "species": species,
        "seed": seed,
        "duration": f"{days:g} d",
        "geometry": GEOMETRY[species],
        "events": list(events),
        "record": {"every": every, "fields": []},
        "parameters": FEWER_AGENTS | (parameters or {}),
    } | tables
    kept = folder() / _name(asked)
    if not kept.is_dir():
        _make(asked, kept)
    return Run(blood=read_table(kept / "blood.csv"), marrow=read_table(kept / "marrow.csv"))


def folder() -> Path:
    """Where runs are kept: one folder a version of the package's source, so that none is older than the code."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"marrow_niche_validation_{user}" / members.code_digest()[:16]


def _make(asked: dict[str, Any], kept: Path) -> None:
    try:
        scenario = scenario_from(asked)
    except ScenarioError as error:
        raise AssertionError(f"the catalogue's scenario is not one of the package's: {error}") from error
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        start = time.monotonic()
        results = simulate(scenario, into=Path(scratch) / "run", threads=1)
        tables = Path(scratch) / "tables"
        tables.mkdir()
        for name in ("blood.csv", "marrow.csv"):
            shutil.copy(results.directory / name, tables / name)
        (tables / "asked.json").write_text(json.dumps(asked | {"seconds": round(time.monotonic() - start)}, indent=1))
        try:
            tables.rename(kept)
        except OSError:  # another process was first, with the same bits
            if not kept.is_dir():
                raise


def _name(asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:20]
