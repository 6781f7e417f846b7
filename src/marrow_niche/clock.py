"""One notion of *due*, for recording and whatever is not done every step. (Exposures strike within an hour, exactly.)

The run steps through whole hours, `for hour in range(...)`. What is wanted at a time t happens at the first whole hour
that is not before t: at 0.5 h means at hour 1. Times closer than a nanohour are the same time, so that thirty tenths
of an hour are three.
"""

import math
from dataclasses import dataclass

NANOHOUR = 1e-9


def due_hour(time):
    """The hour of the loop at which something wanted at `time` [h] happens."""
    return math.ceil(time - NANOHOUR)


@dataclass(frozen=True)
class Every:
    """At `start`, and every `interval` after it [h], up to and including `stop`."""

    interval: float
    start: float = 0.0
    stop: float = math.inf

    def __post_init__(self):
        if not (math.isfinite(self.interval) and self.interval > NANOHOUR):
            raise ValueError(f"Every({self.interval}): expected an interval above zero, in hours.")
        if not math.isfinite(self.start) or math.isnan(self.stop):
            raise ValueError(f"Every(start={self.start}, stop={self.stop}): expected times in hours.")

    def due(self, hour):
        """True at the hours at which it happens, however often."""
        return self.count(hour) > 0

    def count(self, hour):
        """How many of its times fall to this hour: every half hour is 2."""
        return self._until(hour) - self._until(hour - 1)

    def _until(self, hour):
        """How many of its times are not after `hour`."""
        time = min(hour, self.stop)
        return max(0, math.floor((time - self.start + NANOHOUR) / self.interval) + 1)


@dataclass(frozen=True)
class At:
    """At given times [h], in any order; a time given twice counts twice."""

    times: tuple[float, ...]

    def __init__(self, *times):
        flat = tuple(float(t) for t in times)
        if not all(math.isfinite(t) for t in flat):
            raise ValueError(f"At{flat}: expected times in hours.")
        object.__setattr__(self, "times", flat)

    def due(self, hour):
        """True at the hours at which it happens, however often."""
        return self.count(hour) > 0

    def count(self, hour):
        """How many of its times fall to this hour."""
        return len(self.which(hour))

    def which(self, hour):
        """The places in `times` of those that fall to this hour, ascending."""
        return [k for k, t in enumerate(self.times) if due_hour(t) == hour]
