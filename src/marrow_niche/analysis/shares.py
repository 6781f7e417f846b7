"""What limits recovery: shares of its delay among several limits, and the verdict they give.

Let T(S) be the time to recovery of the arm in which the limits S are lifted. Lifting S gains v(S) = T(none) − T(S), a game in
which each limit is a player; its Shapley value is what it gains on average over all orders in which limits may be lifted:

    φᵢ = Σ_{S without i} |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S)),     Σ φᵢ = T(none) − T(all).

What is left, T(all), is transit: the time cells take to divide and ripen. So T(none) has as many parts as there are limits,
and one more; the largest is what limits recovery. Shapley 1953, Contributions to the Theory of Games 2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

LIMITS = {"niche": "niche-limited", "stem_cells": "stem-cell-limited", "hormones": "hormone-limited"}
"""What may hold recovery up, and the verdict where it does."""
TRANSIT, UNDECIDED = "transit-limited", "undecided"

Arm = frozenset[str]
Times = Mapping[Arm, float]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds, and its 95 % interval by Student's t; nan bounds where there is one seed."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What limits recovery, and what that rests on."""

    name: str
    reason: str
    shares: dict[str, Estimate]
    """Days of the delay that each limit makes."""
    transit: Estimate
    """Days to recovery with every limit lifted."""
    delay: Estimate
    """Days by which recovery is later than with every limit lifted."""
    time: Estimate
    """Days to recovery with no limit lifted."""
    gained: Estimate
    """The delay over that time [-]."""


def arms(limits: Sequence[str] = tuple(LIMITS)) -> list[Arm]:
    """Every combination of limits lifted, none first and all last."""
    return [frozenset(chosen) for k in range(len(limits) + 1) for chosen in combinations(limits, k)]


def shapley(value: Times) -> dict[str, float]:
    """The Shapley value of each player of a game.

    Parameters
    ----------
    value : dict
        Worth of every coalition, the empty one and the whole among them.

    Raises KeyError where a coalition is missing.
    """
    players = sorted(frozenset[str]().union(*value))
    n = len(players)
    out = dict.fromkeys(players, 0.0)
    for player in players:
        others = [name for name in players if name != player]
        for k in range(n):
            weight = math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n)
            for chosen in map(frozenset, combinations(others, k)):
                out[player] += weight * (value[chosen | {player}] - value[chosen])
    return out


def shares(times: Times) -> dict[str, float]:
    """Days of delay by limit [d]: the Shapley values of what lifting gains. `times` [d] of every arm."""
    none = times[frozenset()]
    return shapley({arm: none - time for arm, time in times.items()})


def estimate(values: Sequence[float]) -> Estimate:
    """Mean of some seeds and the 95 % interval of it by Student's t."""
    from scipy.stats import t

    x = np.asarray(values, float)
    if len(x) < 2:
        return Estimate(mean=float(x.mean()), low=math.nan, high=math.nan)
    wide = float(t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x)))
    return Estimate(mean=float(x.mean()), low=float(x.mean()) - wide, high=float(x.mean()) + wide)


def judge(seeds: Sequence[Times], *, back: bool = True) -> Verdict:
    """The verdict of the arms of several seeds.

    Parameters
    ----------
    seeds : sequence of dict
        For each seed the days to recovery of every arm; 0 where nothing fell, the length of the run where it never came back.
    back : bool
        Whether counts were back by the end in every seed with nothing lifted. Where not, the delay is longer than told, and
        nothing can be called transit.

    Returns
    -------
    Verdict
        Of the limits' shares and of transit, the largest where its interval lies above those of all others; else *undecided*.
    """
    nothing, everything = frozenset[str](), frozenset[str]().union(*seeds[0])
    each = [shares(times) for times in seeds]
    found = {name: estimate([one[name] for one in each]) for name in LIMITS if name in everything}
    time = estimate([times[nothing] for times in seeds])
    transit = estimate([times[everything] for times in seeds])
    delay = estimate([times[nothing] - times[everything] for times in seeds])
    gained = estimate(
        [(t[nothing] - t[everything]) / t[nothing] if t[nothing] > 0 else 0.0 for t in seeds]
    )
    parts = {LIMITS[limit]: share for limit, share in found.items()} | {TRANSIT: transit}
    name, reason = _named(parts, time, gained, len(seeds), back)
    return Verdict(name=name, reason=reason, shares=found, transit=transit, delay=delay, time=time, gained=gained)


def _named(parts: dict[str, Estimate], time: Estimate, gained: Estimate, seeds: int, back: bool) -> tuple[str, str]:
    """Name and reason; `parts` of the time to recovery by the verdict that each would give."""
    if time.mean == 0:
        return UNDECIDED, "no count fell below the level, so there is nothing to recover"
    if seeds < 2:
        return UNDECIDED, "one seed gives no interval; ask for at least two"
    span = f"{100 * gained.low:.0f} to {100 * gained.high:.0f}"
    told = f"lifting every limit shortens recovery by {100 * gained.mean:.0f} % ({span})"
    first, *others = sorted(parts, key=lambda name: -parts[name].mean)
    near = [name for name in others if parts[name].high >= parts[first].low]
    if not back and TRANSIT in (first, *near):
        return UNDECIDED, f"{told} that can be seen, but it was not over when the run ended: run the scenario for longer"
    if near:
        return UNDECIDED, f"{told}; the interval of the largest part ({first}) overlaps that of {' and '.join(near)}"
    if first == TRANSIT:
        return TRANSIT, f"{told}; what is left is the largest part, and its interval lies above the shares of all limits"
    return first, f"{told}; its share is the largest part, and its interval lies above those of the others and of what is left"
