"""One scenario run with several seeds: what chance alone makes of a count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.analysis.syndrome import of_one_scenario
from marrow_niche.errors import RunError

if TYPE_CHECKING:
    from marrow_niche.record.results import Results


@dataclass(frozen=True, kw_only=True)
class Band:
    """A column of blood.csv or marrow.csv over several runs."""

    column: str
    day: np.ndarray
    """(t,) times that all runs recorded [d]."""
    values: np.ndarray
    """(runs, t) in the unit of the column."""

    @property
    def median(self) -> np.ndarray:
        """(t,)."""
        return np.median(self.values, axis=0)

    @property
    def low(self) -> np.ndarray:
        """(t,) the lowest run."""
        return self.values.min(axis=0)

    @property
    def high(self) -> np.ndarray:
        """(t,) the highest run."""
        return self.values.max(axis=0)


def bands(runs: "Sequence[Results]", columns: Sequence[str]) -> list[Band]:
    """Each column over runs that differ by their seed; columns that the runs do not have are left out.

    Raises RunError for no run, for runs of different scenarios, and where they share no recorded time.
    """
    of_one_scenario(runs)
    day = np.array(sorted(set.intersection(*(set(map(float, run.days)) for run in runs))))
    if not day.size:
        raise RunError("these runs share no recorded time; record them alike (record.every).")
    found = []
    for column in columns:
        tables = [run.blood if column in run.blood else run.marrow for run in runs]
        if all(column in table for table in tables):
            values = np.stack([table.set_index("day")[column].loc[day].to_numpy(float) for table in tables])
            found.append(Band(column=column, day=day, values=values))
    return found
