"""What a case of the catalogue is: what is asked, how it is found, and the verdict that follows from the two alone."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "not applicable"


class NotApplicable(Exception):
    """The package has nothing yet that this case could be asked of; the text says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One number that must lie from `low` to `high`, both included. A number that was not found (nan) does not."""

    what: str
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

    def met(self, value: float) -> bool:
        """Whether `value` lies in the band."""
        return self.low <= value <= self.high

    @property
    def band(self) -> str:
        """From where to where, in words."""
        if math.isinf(self.low):
            return f"at most {self.high:.4g}"
        if math.isinf(self.high):
            return f"at least {self.low:.4g}"
        return f"{self.low:.4g} to {self.high:.4g}"

    @property
    def text(self) -> str:
        """What is asked, in words."""
        return f"{self.what} {self.band}{' ' * bool(self.unit)}{self.unit}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found: `values` by what was asked, and `shown`, whatever the picture needs."""

    values: Mapping[str, float]
    shown: Any = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One entry of the catalogue.

    `use`: "cal" where the package's numbers may have been set with it, "test" where they must not.
    `cites` holds the primary source; `exercised` says which part of the package answers, and what of the answer is the test's own.
    `measure` runs it. `draw(figure, measured)` shows the model over what was published. `slow`: takes more than some seconds.
    """

    id: str
    use: Literal["cal", "test"]
    title: str
    cites: str
    exercised: str
    asked: tuple[Asked, ...]
    measure: Callable[[], Measured]
    draw: Callable[[Any, Measured], None]
    slow: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a case. `missed` names each number outside its band; `reason` what is missing where nothing could be asked."""

    case: Case
    verdict: str
    measured: Measured | None = None
    missed: tuple[str, ...] = field(default=())
    reason: str = ""

    @property
    def unmet(self) -> list[str]:
        """What was asked and missed, without the numbers."""
        return [] if self.measured is None else [asked.what for asked, value in self._pairs() if not asked.met(value)]

    @property
    def found(self) -> str:
        """All numbers in one line."""
        if self.measured is None:
            return self.reason
        return "; ".join(f"{asked.what} {value:.3g}{' ' * bool(asked.unit)}{asked.unit}" for asked, value in self._pairs())

    def _pairs(self) -> list[tuple[Asked, float]]:
        assert self.measured is not None
        return [(asked, self.measured.values[asked.what]) for asked in self.case.asked]


def judge(case: Case) -> Verdict:
    """Run a case and hold it against its criterion.

    Raises KeyError when `measure` leaves out a number that is asked, ValueError when it brings one that is not or none is asked.
    """
    try:
        measured = case.measure()
    except NotApplicable as gap:
        return Verdict(case=case, verdict=NOT_APPLICABLE, reason=str(gap))
    names = [asked.what for asked in case.asked]
    surplus = set(measured.values) - set(names)
    if not names or len(set(names)) < len(names) or surplus:
        raise ValueError(f"{case.id}: measures {sorted(surplus)}, which nobody asks; or asks nothing, or one thing twice.")
    missed = tuple(
        f"{asked.what} is {measured.values[asked.what]:.3g}{' ' * bool(asked.unit)}{asked.unit}"
        for asked in case.asked
        if not asked.met(measured.values[asked.what])
    )
    return Verdict(case=case, verdict=FAIL if missed else PASS, measured=measured, missed=missed)
