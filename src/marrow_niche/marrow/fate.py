"""What becomes of each stem cell in an hour: it wakes, divides, renews or differentiates, or dies, by its own rates."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels.stem_cells import uniforms

FATE = 41


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Of each stem cell, (k,): `wake` [1/h], `renewal` [-], `death` [1/h], `share_mkp` [-]."""

    wake: np.ndarray
    renewal: np.ndarray
    death: np.ndarray
    share_mkp: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of each stem cell, (k,): `dies`, `wakes`, `divides` (bool), daughters that `stay` what it is, `descend` from the tip to
    the other stem cells, go to `mkp` and to `mpp` (0..2)."""

    dies: np.ndarray
    wakes: np.ndarray
    divides: np.ndarray
    stay: np.ndarray
    descend: np.ndarray
    mkp: np.ndarray
    mpp: np.ndarray


def decide(cells, cycling, senescent, here, tip, rates, cycle_time, dt, seed, step, attrition=None):
    """Draw the fate of every stem cell over dt [h]; events within one step exclude each other.

    Parameters
    ----------
    cells : (k,) int64
        Ids, which make the draws.
    cycling, senescent, here, tip : (k,) bool
        In cycle; unable to divide; in marrow (cells in blood wait); of the tip.
    cycle_time : float
        Mean time in cycle [h].
    attrition : (k,) float64, optional
        Share of those that come to divide which die of it [-].

    Returns
    -------
    Outcome
    """
    first = uniforms(cells, seed, step, FATE, 0)
    second = uniforms(cells, seed, step, FATE, 1)
    third = uniforms(cells, seed, step, FATE, 2)
    dies = here & (first[:, 0] < -np.expm1(-rates.death * dt))
    able = here & ~dies & ~senescent
    divides = able & cycling & (first[:, 1] < -np.expm1(-dt / cycle_time))
    if attrition is not None:
        lost = divides & (uniforms(cells, seed, step, FATE, 3)[:, 0] < attrition)
        dies, divides = dies | lost, divides & ~lost
    wakes = able & ~cycling & (first[:, 1] < -np.expm1(-rates.wake * dt))
    leaves = second >= rates.renewal[:, None]
    to_mkp = leaves & (third < rates.share_mkp[:, None]) & ~tip[:, None]
    leaving, mkp = leaves.sum(axis=1), to_mkp.sum(axis=1)
    none = np.zeros(len(cells), np.int64)
    return Outcome(
        dies=dies,
        wakes=wakes,
        divides=divides,
        stay=np.where(divides, 2 - leaving, none),
        descend=np.where(divides & tip, leaving, none),
        mkp=np.where(divides, mkp, none),
        mpp=np.where(divides & ~tip, leaving - mkp, none),
    )
