"""What radiation leaves behind: linear-quadratic survival with repair between and during exposures.

A cell that meets the dose rate R(t) dies at the rate αR + 2βUR, where U is damage not yet repaired: U' = R − μU. Over an
exposure that integrates to the linear-quadratic law exp(−αD − GβD²) with the factor G of Lea and Catcheside, exactly, for
any dose rate, fractions or split dose, because only R and U are ever needed. U is state; it is stepped every hour.

Damage beyond a threshold U_T adds no more to the second term, αR + 2β min(U, U_T) R: after an acute dose survival then goes
on as a straight line in its logarithm (linear-quadratic-linear), while a dose given slowly never gets there.

Where the dose differs from place to place, all of this is an array over the voxels; else it is one number.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from marrow_niche.quantities.parameters import quantity

OVER = 0.01


class Exposure(NamedTuple):
    """One exposure: `dose` [Gy], evenly given from `begin` to `end` [h], equal for an acute one; in the `pattern` of this
    number; its linear effect is `rbe` times that of photons [-]."""

    begin: float
    end: float
    dose: float
    pattern: int = 0
    rbe: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LinearQuadratic:
    """Survival exp(−αD − βD²) of one kind of cell after an acute dose D."""

    alpha: float = quantity("1/Gy", "linear sensitivity", low=0)
    beta: float = quantity("1/Gy^2", "quadratic sensitivity", low=0, default=0.0)
    dies_at_once: bool = False
    """Whatever is hit dies in interphase; none divides on for a while."""


@dataclass(frozen=True, kw_only=True)
class Radiosensitivity:
    """Sensitivities by kind of cell, and how damage is repaired."""

    repair_half_time: float = quantity("h", "half-time of repair", low=0.01)
    straight_from: float = quantity("Gy", "acute dose beyond which survival is a straight line", low=0.1, default=np.inf)
    stem_cells: LinearQuadratic
    cycling_ratio: float = quantity("", "linear sensitivity of cycling over quiescent stem cells", low=0)
    lineages: dict[str, LinearQuadratic]
    lymphocytes: LinearQuadratic
    resistant_lymphocytes: LinearQuadratic
    resistant_share: float = quantity("", "share of B cells that resists", low=0, high=1)
    nk_cells: LinearQuadratic
    thymocytes_dn: LinearQuadratic
    thymocytes_dp: LinearQuadratic
    endothelium: LinearQuadratic
    stroma: LinearQuadratic
    oxygen_ratio: float = quantity("", "dose without oxygen over dose in air for the same effect", low=1, default=1.0)
    oxygen_ratio_stem: float = quantity("", "the same of stem cells", low=1, default=1.0)
    oxygen_half: float = quantity("nM", "oxygen at half of that effect", low=1, default=3900.0)
    doomed_share: float = quantity(
        "", "chance that a dividing cell divides on after one lethal lesion", low=0, high=1, default=0.0
    )
    doomed_survival: float = quantity("", "share of their daughters that live", low=0, high=1, default=0.5)
    vessel_spared: float = quantity(
        "", "share of sinusoid function that outlasts the death of its cells", low=0, high=1
    )
    stroma_spared: float = quantity("", "share of stroma that keeps working though it cannot divide", low=0, high=1)


@dataclass
class DamageState:
    """`unrepaired` damage U [Gy], the `dose` received so far [Gy], and what of it belongs to the exposure that is going on:
    its dose `given` [Gy], and that dose's `linear` [Gy] and `quadratic` [Gy²] part. An exposure is over when repair has left
    less than `OVER` of its dose. Each is one number, or (n,) where the dose differs from voxel to voxel."""

    unrepaired: float | np.ndarray = 0.0
    dose: float | np.ndarray = 0.0
    given: float | np.ndarray = 0.0
    linear: float | np.ndarray = 0.0
    quadratic: float | np.ndarray = 0.0


def advance(state, exposures, start, stop, half_time, straight_from=np.inf, patterns=None):
    """Repair and expose from `start` to `stop` [h], in place.

    Parameters
    ----------
    exposures : sequence of Exposure, or of (begin, end, dose)
        They may overlap.
    straight_from : float
        Damage beyond which the quadratic effect grows no more [Gy].
    patterns : (p, n) float64, optional
        Dose in each voxel over the dose of an exposure, by the number of its pattern; by default 1 everywhere.

    Returns
    -------
    linear : float, or (n,)
        Dose received in the interval, each by its RBE [Gy]; without that it is added to `state.dose`.
    quadratic : float, or (n,)
        Its 2∫min(U, U_T) R dt [Gy²]: the exponent of survival is α·linear + β·quadratic.

    References
    ----------
    Lea and Catcheside 1942, J Genet 44:216; the straight part: Astrahan 2008, Med Phys 35:4161.
    """
    mu, exposures = math.log(2.0) / half_time, [Exposure(*e) for e in exposures]
    linear = quadratic = received = 0.0
    going_on = any(e.begin < start < e.end for e in exposures)
    if not going_on:
        lasts = state.unrepaired >= OVER * state.given
        state.given, state.linear, state.quadratic = (lasts * part for part in (state.given, state.linear, state.quadratic))

    def there(e):
        """Its dose where it falls: one number, or (n,)."""
        return e.dose if patterns is None else e.dose * patterns[e.pattern]

    edges = {start, stop, *(t for e in exposures for t in (e.begin, e.end) if start < t < stop)}
    for low, high in pairwise(sorted(edges)):
        for e in exposures:
            if e.begin == e.end == low:  # at once, at this moment
                dose = there(e)
                after = state.unrepaired + dose
                quadratic = quadratic + _risen(after, straight_from) - _risen(state.unrepaired, straight_from)
                linear, received, state.unrepaired = linear + e.rbe * dose, received + dose, after
        span, now = high - low, [e for e in exposures if e.begin <= low and high <= e.end and e.end > e.begin]
        rate = sum(there(e) / (e.end - e.begin) for e in now)
        fade = -math.expm1(-mu * span)
        if np.any(rate):
            quadratic = quadratic + 2.0 * rate * _area_below(state.unrepaired, rate / mu, mu, span, straight_from)
            linear = linear + sum(e.rbe * there(e) / (e.end - e.begin) for e in now) * span
            received = received + rate * span
        state.unrepaired = state.unrepaired + (rate / mu - state.unrepaired) * fade
    state.dose, state.given = state.dose + received, state.given + received
    state.linear, state.quadratic = state.linear + linear, state.quadratic + quadratic
    return linear, quadratic


def _area_below(u, balance, mu, span, most):
    """∫ min(U, most) dt over `span` [h] in which U goes from `u` towards its `balance` at the rate `mu` [1/h]."""

    def area(hours):
        fade = -np.expm1(-mu * hours)
        return u * fade / mu + balance * (hours - fade / mu)

    later = u - (balance - u) * math.expm1(-mu * span)
    begins, ends = u > most, later > most
    if not np.any(begins | ends):
        return area(span)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = np.where(begins != ends, np.log((balance - u) / (balance - most)) / mu, 0.0)
    rising = np.where(ends, area(crossing) + most * (span - crossing), area(span))
    return np.where(begins, most * np.where(ends, span, crossing) + np.where(ends, 0.0, area(span) - area(crossing)), rising)


def _risen(u, straight_from):
    """∫₀ᵘ 2 min(x, U_T) dx."""
    if np.max(u) <= straight_from:
        return u * u
    return np.where(u > straight_from, 2.0 * straight_from * u - straight_from**2, u * u)


def survival(lq, linear, quadratic):
    """Share of cells that live through an exposure of this linear [Gy] and quadratic [Gy²] dose: one number, or (n,)."""
    return np.exp(-lesions(lq, linear, quadratic))


def lesions(lq, linear, quadratic):
    """Lethal lesions of a cell in the mean after such an exposure: one number, or (n,)."""
    return lq.alpha * linear + lq.beta * quadratic


def goes_on(survival, chance):
    """Share of cells that live or divide on for a while when the share `survival` lives: one number, or (n,).

    Lethal lesions fall by chance, −ln S a cell in the mean, and each leaves the `chance` that the cell divides on; with k of
    them that is chanceᵏ. Over all cells S^(1 − chance): the more a dose kills, the fewer divide on, and it makes no difference
    in how many parts it is given.
    """
    return survival ** (1.0 - chance)


def doomed(survival, chance):
    """Share of those that are hit who divide on for a while: `chance` where a hit is one lesion, none where it is many."""
    hit = 1.0 - survival
    return np.where(hit > 0.0, (goes_on(survival, chance) - survival) / np.where(hit > 0.0, hit, 1.0), chance)


def oxygen_effect(level, ratio, half):
    """What oxygen makes of a dose: 1 without, `ratio` with plenty; `level` and `half` [nM] (Alper & Howard-Flanders 1956)."""
    return (ratio * level + half) / (level + half)


def relative(lq, linear, quadratic, here, at_rest):
    """Survival over the published one where oxygen makes `here`, (n,) or one number, of a dose.

    `at_rest` (k,) is what it makes of it at places of equal weight of the resting population, whose mean survives as published.
    Both are over their mean at rest.
    """

    def part(h):
        return np.exp(-lq.alpha * linear * (h - 1.0) - lq.beta * quadratic * (h * h - 1.0))

    return part(here) / (sum(part(h) for h in at_rest) / len(at_rest))


def of_a_mixture(share, state, linear, quadratic):
    """Share of a mixture that lives through the last `linear` and `quadratic` dose of the exposure that is going on.

    `share(linear, quadratic)` is what of the mixture survives a whole exposure. Its tough part is not sensitive anew each
    hour: the ratio of the shares after and before is taken.
    """
    return share(state.linear, state.quadratic) / share(state.linear - linear, state.quadratic - quadratic)


def lymphocyte_survival(sensitivity, most, resistant, linear, quadratic):
    """Share of lymphocytes that live: `most` is the sensitivity of most of them, the share `resistant` resists."""
    sensitive = survival(most, linear, quadratic)
    return sensitive + resistant * (survival(sensitivity.resistant_lymphocytes, linear, quadratic) - sensitive)


def stem_survival(sensitivity, linear, quadratic, cycling):
    """Survival of quiescent and of cycling stem cells, (2,) or (2, n), whose resting mix survives exactly as published.

    Exact for an acute exposure; over the hours of a long one cells change between the two, and the mix follows nearly.

    With f the resting share in cycle, S the published survival and ρ = exp(−(r − 1) α D) the ratio of the two:
    S_q = S / (1 − f + f ρ), S_c = ρ S_q.
    """
    whole = survival(sensitivity.stem_cells, linear, quadratic)
    ratio = np.exp(-(sensitivity.cycling_ratio - 1.0) * sensitivity.stem_cells.alpha * linear)
    quiet = np.minimum(1.0, whole / (1.0 - cycling + cycling * ratio))
    return np.array([quiet, np.minimum(1.0, ratio * quiet)])


def lea_catcheside(hours, half_time):
    """The dose-protraction factor G of one exposure at a constant rate (Lea and Catcheside 1942): the closed form."""
    x = math.log(2.0) / half_time * hours
    if x < 0.01:  # the series, where the closed form would cancel
        return 1 - x / 3 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6)))
    return 2.0 / x**2 * (math.expm1(-x) + x)
