"""How a count falls and comes back: nadir, times to fall and to recover, days below a threshold.

Between recorded times a series is the straight line through them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.9)
"""Shares of the start at which fall and recovery are read off."""
WORTH_NAMING = 0.9
"""A lowest value above this share of the start is no nadir, but the noise of a marrow at rest."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """When a series crossed one level; times [d] are interpolated, None where it did not."""

    share: float
    """The level, as a share of the start."""
    fell: float | None
    """First time below the level."""
    back: float | None
    """First time at the level again after the nadir."""
    lasting: float | None
    """Time from which it never was below the level again until the end; None where the series ends below it."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What one series did."""

    start: float
    """First value: the resting level, recorded before the first event."""
    end: float
    end_day: float
    nadir: float
    """Lowest value."""
    nadir_day: float
    """First time at which it was reached [d]."""
    peak: float
    peak_day: float
    passages: tuple[Passage, ...]

    @property
    def depth(self) -> float:
        """Nadir as a share of the start; NaN where the start is zero."""
        return self.nadir / self.start if self.start > 0 else float("nan")

    @property
    def fell(self) -> bool:
        """Whether there was a fall worth naming: to less than `WORTH_NAMING` of the start."""
        return bool(self.depth < WORTH_NAMING)

    def at(self, share: float) -> Passage:
        """The passage of one level. Raises KeyError for a level that was not asked for."""
        for passage in self.passages:
            if passage.share == share:
                return passage
        raise KeyError(share)


def course(day: np.ndarray, value: np.ndarray, levels: Sequence[float] = LEVELS) -> Course | None:
    """The course of one series; None where it has no finite value.

    Parameters
    ----------
    day, value : (t,)
        Ascending times [d], and a count (or concentration) in any unit; what is not finite is left out.
    levels : sequence of float
        Shares of the first value.
    """
    day, value = _finite(day, value)
    if not day.size:
        return None
    low, high = int(value.argmin()), int(value.argmax())
    start = float(value[0])
    passages = []
    for share in levels:
        level = share * start
        fell = first_below(day, value, level)
        fallen = fell is not None and start > 0
        back = first_above(day[low:], value[low:], level) if fallen else None
        passages.append(
            Passage(share=share, fell=fell, back=back, lasting=lastingly_above(day, value, level) if fallen else None)
        )
    return Course(
        start=start,
        end=float(value[-1]),
        end_day=float(day[-1]),
        nadir=float(value[low]),
        nadir_day=float(day[low]),
        peak=float(value[high]),
        peak_day=float(day[high]),
        passages=tuple(passages),
    )


def courses(table: "pd.DataFrame", levels: Sequence[float] = LEVELS) -> dict[str, Course]:
    """The course of every column of a run's table (`results.blood`) except `day`; empty for an empty table."""
    day = table["day"].to_numpy()
    found = {name: course(day, table[name].to_numpy(), levels) for name in table.columns if name != "day"}
    return {name: each for name, each in found.items() if each is not None}


def first_below(day: np.ndarray, value: np.ndarray, level: float) -> float | None:
    """First time [d] at which the line through (day, value) goes below `level`; None where it does not."""
    day, value = _finite(day, value)
    below = np.flatnonzero(value < level)
    return _crossing(day, value, level, int(below[0])) if below.size else None


def first_above(day: np.ndarray, value: np.ndarray, level: float) -> float | None:
    """First time [d] at which the line through (day, value) is at `level` or above; None where it never is."""
    day, value = _finite(day, value)
    above = np.flatnonzero(value >= level)
    return _crossing(day, value, level, int(above[0])) if above.size else None


def lastingly_above(day: np.ndarray, value: np.ndarray, level: float) -> float | None:
    """Time [d] from which the line stays at `level` or above to its end; None where it ends below."""
    day, value = _finite(day, value)
    if not day.size or value[-1] < level:
        return None
    below = np.flatnonzero(value < level)
    return _crossing(day, value, level, int(below[-1]) + 1) if below.size else float(day[0])


def days_below(day: np.ndarray, value: np.ndarray, threshold: float) -> float:
    """Time spent below `threshold` [d], to the end of the series."""
    day, value = _finite(day, value)
    if day.size < 2:
        return 0.0
    one, two, span = value[:-1] - threshold, value[1:] - threshold, np.diff(day)
    rise = np.where(two == one, 1.0, two - one)
    crossed = np.clip(-one / rise, 0.0, 1.0)
    share = np.select([(one < 0) & (two < 0), one < 0, two < 0], [1.0, crossed, 1.0 - crossed], 0.0)
    return float((share * span).sum())


def _crossing(day: np.ndarray, value: np.ndarray, level: float, after: int) -> float:
    """When the line between `after` - 1 and `after` meets `level`."""
    if after == 0 or value[after] == value[after - 1]:
        return float(day[after])
    part = (level - value[after - 1]) / (value[after] - value[after - 1])
    return float(day[after - 1] + min(max(part, 0.0), 1.0) * (day[after] - day[after - 1]))


def _finite(day: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    day, value = np.asarray(day, float), np.asarray(value, float)
    if day.shape != value.shape or day.ndim != 1:
        raise ValueError(f"day has shape {day.shape}, value {value.shape}; expected two series of one length.")
    good = np.isfinite(value) & np.isfinite(day)
    return day[good], value[good]
