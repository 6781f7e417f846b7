"""Lymphocytes outside the marrow: thymus and the tissue pools that hold all but a few per cent of them.

Thymus: DN (amplifying chain) → DP → single positive CD4 or CD8 → pool of these. Pools of B, CD4, CD8 and NK cells lose cells
at constant rates. What is missed calls for what replaces it: T cells divide by the IL-7 that others leave (Surh & Sprent 2008,
Immunity 29:848), more newborn B cells live by the BAFF that others leave, NK cells divide, more progenitors settle in a thymus
without newcomers, and it renews itself from within (Martins 2014, Nature 509:465).
Irradiated lymphocytes die in interphase over hours and are counted in blood until they do.
"""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.response import saturating_probability, saturating_rate

POOLS = ("b", "cd4", "cd8", "nk")
"""Lymphocytes that are counted in blood; of each `LymphoidState` holds also the dying."""
RESIDENT = np.array([0.0, 1.0, 1.0, 1.0])
"""DN stages whose cells may renew themselves: all but that of the newcomers."""


@dataclass(frozen=True, kw_only=True)
class TCells:
    """CD4 or CD8 T cells, in the thymus and outside."""

    count: float = quantity("1/uL", "resting cells in blood", low=0)
    pool: float = quantity("", "cells of the organism outside the thymus", low=1)
    loss: float = quantity("1/h", "loss rate outside the thymus", low=0)
    periphery: float = quantity("", "share of the loss replaced by division outside the thymus", low=0, high=1)
    division_limit: float = quantity("1/h", "fastest division outside the thymus, in want of T cells", low=0)
    resistant: float = quantity("", "share that resists radiation", low=0, high=1)
    thymocytes: float = quantity("", "single-positive thymocytes", low=1)
    thymocyte_transit: float = quantity("h", "time as a single-positive thymocyte", low=0)


@dataclass(frozen=True, kw_only=True)
class Lymphoid:
    """Pool sizes (whole organism), blood counts and rates at rest."""

    b_cells: float = quantity("1/uL", "resting B cells in blood", low=0)
    b_loss: float = quantity("1/h", "loss rate of B cells", low=0)
    b_entry: float = quantity("", "share of newborn B cells that lives to be mature", low=0.01, high=1)
    baff_other: float = quantity("", "share of the clearance of BAFF that is not by B cells", low=0.01, high=1)
    cd4: TCells
    cd8: TCells
    il7_other: float = quantity(
        "", "share of the clearance of IL-7 outside the marrow that is not by T cells", low=0.01, high=1
    )
    il7_power: float = quantity("", "power with which that IL-7 drives division of T cells", low=0)
    nk_cells: float = quantity("1/uL", "resting NK cells in blood", low=0)
    nk_circulating: float = quantity("", "share of NK cells in blood", low=0, high=1)
    nk_loss: float = quantity("1/h", "loss rate of NK cells", low=0)
    nk_periphery: float = quantity("", "share of NK loss replaced by division", low=0, high=1)
    nk_transit: float = quantity("h", "time from marrow precursor to NK cell", low=0)
    dp_pool: float = quantity("", "double-positive thymocytes", low=1)
    dp_loss: float = quantity("1/h", "turnover of double-positive thymocytes", low=0)
    dn_transit: float = quantity("h", "time through the double-negative stages", low=0)
    dn_occupied: float = quantity("", "share of the thymus's places for newcomers that is taken", low=0, high=0.99)
    dn_renewal: float = quantity("1/h", "renewal of double-negative cells in an empty thymus without newcomers", low=0)
    clearance: float = quantity("1/h", "rate at which irradiated lymphocytes die", low=0)
    clearance_per_dose: float = quantity("1/h/Gy", "what of that rate each Gy adds", low=0, default=0.0)


@dataclass
class LymphoidState:
    """Cells: thymocytes `dn` (4,), `dp`, `sp4`, `sp8`, pools `b`, `cd4`, `cd8`, `nk`, NK precursors `nkp`, and the dying ones
    still in blood."""

    dn: np.ndarray
    dp: float
    sp4: float
    sp8: float
    b: float
    cd4: float
    cd8: float
    nk: float
    nkp: float
    dying_b: float = 0.0
    dying_cd4: float = 0.0
    dying_cd8: float = 0.0
    dying_nk: float = 0.0

    @property
    def t(self):
        """T cells outside the thymus."""
        return self.cd4 + self.cd8


@dataclass(frozen=True, kw_only=True)
class LymphoidRest:
    """What balance at rest fixes: DN cells of the first stage and of all, amplification per stage, single-positive
    CD4 and CD8 thymocytes that come of a DP cell (`selected`) and T cells that leave for each whose time there ends
    (`exported`), amplification of NK, pool sizes."""

    newcomers: float
    dn_amplification: float
    dn_pool: float
    selected: tuple[float, float]
    exported: tuple[float, float]
    nk_amplification: float
    b_pool: float
    nk_pool: float


class Paces(NamedTuple):
    """Division of CD4, CD8 and NK cells and renewal of resident DN cells [1/h]; over rest, how many of those that come settle
    in the thymus, and of newborn B cells live."""

    divide4: float
    divide8: float
    nk: float
    renew: float
    settle: float
    entry: float


def rest(p, output, volume):
    """Resting state and rates for `output` (cells/h by exit name) and blood volume [uL]."""
    made = p.dp_loss * p.dp_pool
    amplification = (made / output["thymus"]) ** 0.25
    nk_pool = p.nk_cells * volume / p.nk_circulating
    dn = output["thymus"] * amplification ** np.arange(4) * p.dn_transit / 4
    kinds = (p.cd4, p.cd8)
    ending = [k.thymocytes / k.thymocyte_transit for k in kinds]
    rates = LymphoidRest(
        newcomers=float(dn[0]),
        dn_amplification=amplification,
        dn_pool=float(dn.sum()),
        selected=tuple(end / made for end in ending),
        exported=tuple((1 - k.periphery) * k.loss * k.pool / end for k, end in zip(kinds, ending)),
        nk_amplification=(1 - p.nk_periphery) * p.nk_loss * nk_pool / output["nk_cells"],
        b_pool=output["b_cells"] / p.b_loss,
        nk_pool=nk_pool,
    )
    state = LymphoidState(
        dn=dn,
        dp=p.dp_pool,
        sp4=p.cd4.thymocytes,
        sp8=p.cd8.thymocytes,
        b=rates.b_pool,
        cd4=p.cd4.pool,
        cd8=p.cd8.pool,
        nk=nk_pool,
        nkp=output["nk_cells"] * p.nk_transit,
    )
    return state, rates


def none(p, output, blood_volume):
    """A `LymphoidState` without a cell."""
    whole, _ = rest(p, output, blood_volume)
    return LymphoidState(**{f.name: 0.0 * getattr(whole, f.name) for f in dataclasses.fields(whole)})


def left_over(cells, other):
    """What lymphocytes leave of a factor that they clear, over rest: `cells` over rest, `other` the share cleared by others."""
    return 1.0 / (other + (1.0 - other) * max(cells, 0.0))


def paces(crowd, p, r):
    """How lymphocytes answer the room there is; `crowd` is who takes it, all cells.

    IL-7 is what all T cells leave of it, BAFF what B cells leave. Who comes into the thymus settles in the places that
    newcomers leave (Prockop & Petrie 2004, J Immunol 173:1604). Resident DN cells renew themselves where there is room and no
    newcomers are: the new take the place of the old (Martins 2014).
    """
    il7 = left_over(crowd.t / (p.cd4.pool + p.cd8.pool), p.il7_other) ** p.il7_power
    divide4, divide8 = (saturating_rate(k.periphery * k.loss, k.division_limit, il7) for k in (p.cd4, p.cd8))
    room, new = 1.0 - crowd.dn.sum() / r.dn_pool, crowd.dn[0] / r.newcomers
    return Paces(
        settle=max(1.0 - p.dn_occupied * new, 0.0) / (1.0 - p.dn_occupied),
        divide4=divide4,
        divide8=divide8,
        renew=p.dn_renewal * max(room, 0.0) * max(1.0 - new, 0.0),
        entry=saturating_probability(p.b_entry, 1.0, left_over(crowd.b / r.b_pool, p.baff_other)) / p.b_entry,
        nk=p.nk_periphery * p.nk_loss / (0.1 + 0.9 * max(crowd.nk, 0.0) / r.nk_pool),
    )


def advance(state, inflow, p, r, dt, pace=None, feeling=None, dose=0.0):
    """Move `state` on by dt [h] with `inflow` cells/h by exit name, in place.

    Parameters
    ----------
    pace : Paces, optional
        Of all cells, where `state` holds only a part of them. By default that of `state` itself.
    feeling : LymphoidState, optional
        The cells of `state` by what they make of IL-7, which T cells and DN cells need to renew themselves (Schluns 2000, Nat
        Immunol 1:426); see `weighted`. By default `state` itself.
    dose : float
        Received so far [Gy]: how fast cells that were hit die.
    """
    pace, feeling = pace or paces(state, p, r), feeling or state
    moving = 4 / p.dn_transit * state.dn
    arriving = np.concatenate(([pace.settle * inflow["thymus"]], r.dn_amplification * moving[:-1]))
    ripe, turned = r.dn_amplification * moving[-1], p.dp_loss * state.dp
    ending4, ending8 = state.sp4 / p.cd4.thymocyte_transit, state.sp8 / p.cd8.thymocyte_transit
    grown4, grown8 = pace.divide4 * feeling.cd4, pace.divide8 * feeling.cd8
    state.dn = state.dn + dt * (arriving - moving + pace.renew * RESIDENT * feeling.dn)
    state.dp += dt * (ripe - turned)
    state.sp4 += dt * (r.selected[0] * turned - ending4)
    state.sp8 += dt * (r.selected[1] * turned - ending8)
    state.cd4 += dt * (r.exported[0] * ending4 + grown4 - p.cd4.loss * state.cd4)
    state.cd8 += dt * (r.exported[1] * ending8 + grown8 - p.cd8.loss * state.cd8)
    state.b += dt * (pace.entry * inflow["b_cells"] - p.b_loss * state.b)
    born = state.nkp / p.nk_transit
    state.nk += dt * (r.nk_amplification * born + (pace.nk - p.nk_loss) * state.nk)
    state.nkp += dt * (inflow["nk_cells"] - born)
    fade = np.exp(-(p.clearance + p.clearance_per_dose * dose) * dt)
    for pool in POOLS:
        setattr(state, f"dying_{pool}", fade * getattr(state, f"dying_{pool}"))


def weighted(state, part, weight):
    """`state` with what of it is not of `part` counted by `weight` [-]: a new `LymphoidState`."""
    names = [f.name for f in dataclasses.fields(state)]
    return LymphoidState(**{n: weight * getattr(state, n) + (1.0 - weight) * getattr(part, n) for n in names})


def in_blood(p, r):
    """Of each of `POOLS`, resting cells per uL of blood and in the organism."""
    return {
        "b": (p.b_cells, r.b_pool),
        "cd4": (p.cd4.count, p.cd4.pool),
        "cd8": (p.cd8.count, p.cd8.pool),
        "nk": (p.nk_cells, r.nk_pool),
    }


def bleed(state, fraction, p, r, volume):
    """Take `fraction` of the blood, in place: of each pool what of it is in the stream; blood volume [uL]."""
    for pool, (count, whole) in in_blood(p, r).items():
        left = 1 - fraction * min(count * volume / whole, 1.0)
        setattr(state, pool, left * getattr(state, pool))
        setattr(state, f"dying_{pool}", left * getattr(state, f"dying_{pool}"))


def blood_counts(state, p, r):
    """Lymphocytes per uL of blood, the dying ones included: dict by column name, all of them first."""
    each = {
        pool: count * (getattr(state, pool) + getattr(state, f"dying_{pool}")) / whole
        for pool, (count, whole) in in_blood(p, r).items()
    }
    return {
        "lymphocytes_per_uL": sum(each.values()),
        "b_cells_per_uL": each["b"],
        "t_cells_per_uL": each["cd4"] + each["cd8"],
        "cd4_cells_per_uL": each["cd4"],
        "cd8_cells_per_uL": each["cd8"],
        "nk_cells_per_uL": each["nk"],
    }
