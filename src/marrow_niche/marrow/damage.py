"""What radiation leaves behind: linear-quadratic survival with repair between and during exposures.

A cell that meets the dose rate R(t) dies at the rate αR + 2βUR, where U is damage not yet repaired: U' = R − μU. Over an
exposure that integrates to the linear-quadratic law exp(−αD − GβD²) with the factor G of Lea and Catcheside, exactly, for
any dose rate, fractions or split dose, because only R and U are ever needed. U is state; it is stepped every hour.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from marrow_niche.quantities.parameters import quantity

OVER = 0.01


@dataclass(frozen=True, kw_only=True)
class LinearQuadratic:
    """Survival exp(−αD − βD²) of one kind of cell after an acute dose D."""

    alpha: float = quantity("1/Gy", "linear sensitivity", low=0)
    beta: float = quantity("1/Gy^2", "quadratic sensitivity", low=0, default=0.0)


@dataclass(frozen=True, kw_only=True)
class Radiosensitivity:
    """Sensitivities by kind of cell, and how damage is repaired."""

    repair_half_time: float = quantity("h", "half-time of repair", low=0.01)
    stem_cells: LinearQuadratic
    cycling_ratio: float = quantity("", "linear sensitivity of cycling over quiescent stem cells", low=0)
    lineages: dict[str, LinearQuadratic]
    lymphocytes: LinearQuadratic
    resistant_lymphocytes: LinearQuadratic
    resistant_share: float = quantity("", "share of B and T cells that resist", low=0, high=1)
    nk_cells: LinearQuadratic
    thymocytes_dn: LinearQuadratic
    thymocytes_dp: LinearQuadratic
    endothelium: LinearQuadratic
    stroma: LinearQuadratic
    vessel_spared: float = quantity(
        "", "share of sinusoid function that outlasts the death of its cells", low=0, high=1
    )
    stroma_spared: float = quantity("", "share of stroma that keeps working though it cannot divide", low=0, high=1)


@dataclass
class DamageState:
    """`unrepaired` damage U [Gy], the `dose` received so far [Gy], and what of it belongs to the exposure that is going on:
    its `linear` [Gy] and `quadratic` [Gy²] part. An exposure is over when repair has left less than `OVER` of its dose."""

    unrepaired: float = 0.0
    dose: float = 0.0
    linear: float = 0.0
    quadratic: float = 0.0


def advance(state, exposures, start, stop, half_time):
    """Repair and expose from `start` to `stop` [h], in place.

    Parameters
    ----------
    exposures : sequence of (begin, end, dose)
        [h, h, Gy], evenly given from begin to end; begin == end is an acute exposure. They may overlap.

    Returns
    -------
    linear : float
        Dose received in the interval [Gy].
    quadratic : float
        Its 2∫U R dt [Gy²]: the exponent of survival is α·linear + β·quadratic.
    """
    mu = math.log(2.0) / half_time
    linear = quadratic = 0.0
    going_on = any(begin < start < end for begin, end, _ in exposures)
    if not going_on and state.unrepaired < OVER * state.linear:
        state.linear = state.quadratic = 0.0
    edges = {start, stop, *(t for begin, end, _ in exposures for t in (begin, end) if start < t < stop)}
    marks = sorted(edges)
    for low, high in pairwise(marks):
        for begin, end, dose in exposures:  # at once, at this moment
            if begin == end == low:
                quadratic += 2.0 * dose * state.unrepaired + dose * dose
                linear += dose
                state.unrepaired += dose
        rate = sum(dose / (end - begin) for begin, end, dose in exposures if begin <= low and high <= end)
        span = high - low
        fade = -math.expm1(-mu * span)
        if rate > 0:
            over = state.unrepaired * fade / mu + rate / mu * (span - fade / mu)
            quadratic += 2.0 * rate * over
            linear += rate * span
        state.unrepaired += (rate / mu - state.unrepaired) * fade
    state.dose += linear
    state.linear += linear
    state.quadratic += quadratic
    return linear, quadratic


def survival(lq, linear, quadratic):
    """Share of cells that live through an exposure of this linear [Gy] and quadratic [Gy²] dose."""
    return math.exp(-lq.alpha * linear - lq.beta * quadratic)


def of_a_mixture(share, state, linear, quadratic):
    """Share of a mixture that lives through the last `linear` and `quadratic` dose of the exposure that is going on.

    `share(linear, quadratic)` is what of the mixture survives a whole exposure. Its tough part is not sensitive anew each
    hour: the ratio of the shares after and before is taken.
    """
    return share(state.linear, state.quadratic) / share(state.linear - linear, state.quadratic - quadratic)


def lymphocyte_survival(sensitivity, linear, quadratic):
    """Share of B and T cells that live: most are sensitive, a few resist."""
    s = sensitivity
    sensitive = survival(s.lymphocytes, linear, quadratic)
    return sensitive + s.resistant_share * (survival(s.resistant_lymphocytes, linear, quadratic) - sensitive)


def stem_survival(sensitivity, linear, quadratic, cycling):
    """Survival of quiescent and of cycling stem cells, (2,), whose resting mix survives exactly as published.

    Exact for an acute exposure; over the hours of a long one cells change between the two, and the mix follows nearly.

    With f the resting share in cycle, S the published survival and ρ = exp(−(r − 1) α D) the ratio of the two:
    S_q = S / (1 − f + f ρ), S_c = ρ S_q.
    """
    whole = survival(sensitivity.stem_cells, linear, quadratic)
    ratio = math.exp(-(sensitivity.cycling_ratio - 1.0) * sensitivity.stem_cells.alpha * linear)
    quiet = min(1.0, whole / (1.0 - cycling + cycling * ratio))
    return np.array([quiet, min(1.0, ratio * quiet)])


def lea_catcheside(hours, half_time):
    """The dose-protraction factor G of one exposure at a constant rate (Lea and Catcheside 1942): the closed form."""
    x = math.log(2.0) / half_time * hours
    if x < 0.01:  # the series, where the closed form would cancel
        return 1 - x / 3 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6)))
    return 2.0 / x**2 * (math.expm1(-x) + x)
