"""Lymphocytes outside the marrow: thymus and the tissue pools that hold all but a few per cent of them.

Thymus: DN (amplifying chain) → DP → single positive → T pool. Pools of B, T and NK cells lose cells at constant rates; a
part of the T and NK loss is made good by division in the periphery, faster while the pool is small. Irradiated lymphocytes
die in interphase over hours and are counted in blood until they do.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Lymphoid:
    """Pool sizes (whole organism), blood counts and rates at rest."""

    b_cells: float = quantity("1/uL", "resting B cells in blood", low=0)
    b_loss: float = quantity("1/h", "loss rate of B cells", low=0)
    t_cells: float = quantity("1/uL", "resting T cells in blood", low=0)
    t_pool: float = quantity("", "T cells of the organism", low=1)
    t_loss: float = quantity("1/h", "loss rate of T cells", low=0)
    t_periphery: float = quantity("", "share of T loss replaced by division outside the thymus", low=0, high=1)
    t_space: float = quantity("", "power with which an empty T pool speeds that division", low=0)
    nk_cells: float = quantity("1/uL", "resting NK cells in blood", low=0)
    nk_circulating: float = quantity("", "share of NK cells in blood", low=0, high=1)
    nk_loss: float = quantity("1/h", "loss rate of NK cells", low=0)
    nk_periphery: float = quantity("", "share of NK loss replaced by division", low=0, high=1)
    nk_transit: float = quantity("h", "time from marrow precursor to NK cell", low=0)
    dp_pool: float = quantity("", "double-positive thymocytes", low=1)
    dp_loss: float = quantity("1/h", "turnover of double-positive thymocytes", low=0)
    dn_transit: float = quantity("h", "time through the double-negative stages", low=0)
    sp_transit: float = quantity("h", "time as a single-positive thymocyte", low=0)
    clearance: float = quantity("1/h", "rate at which irradiated lymphocytes die", low=0)
    clearance_per_dose: float = quantity("1/h/Gy", "what of that rate each Gy adds", low=0, default=0.0)


@dataclass
class LymphoidState:
    """Cells: `dn` (4,), `dp`, `sp`, pools `b`, `t`, `nk`, NK precursors `nkp`, and the dying ones still in blood."""

    dn: np.ndarray
    dp: float
    sp: float
    b: float
    t: float
    nk: float
    nkp: float
    dying_b: float = 0.0
    dying_t: float = 0.0
    dying_nk: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LymphoidRest:
    """What balance at rest fixes: amplification per DN stage, selected share of DP, amplification of NK, pool sizes."""

    dn_amplification: float
    selected: float
    nk_amplification: float
    b_pool: float
    nk_pool: float


def rest(p, output, volume):
    """Resting state and rates for `output` (cells/h by exit name) and blood volume [uL]."""
    exported = (1 - p.t_periphery) * p.t_loss * p.t_pool
    amplification = (p.dp_loss * p.dp_pool / output["thymus"]) ** 0.25
    nk_pool = p.nk_cells * volume / p.nk_circulating
    rates = LymphoidRest(
        dn_amplification=amplification,
        selected=exported / (p.dp_loss * p.dp_pool),
        nk_amplification=(1 - p.nk_periphery) * p.nk_loss * nk_pool / output["nk_cells"],
        b_pool=output["b_cells"] / p.b_loss,
        nk_pool=nk_pool,
    )
    state = LymphoidState(
        dn=output["thymus"] * amplification ** np.arange(4) * p.dn_transit / 4,
        dp=p.dp_pool,
        sp=exported * p.sp_transit,
        b=rates.b_pool,
        t=p.t_pool,
        nk=nk_pool,
        nkp=output["nk_cells"] * p.nk_transit,
    )
    return state, rates


def none(p, output, blood_volume):
    """A `LymphoidState` without a cell."""
    whole, _ = rest(p, output, blood_volume)
    return LymphoidState(**{f.name: 0.0 * getattr(whole, f.name) for f in dataclasses.fields(whole)})


def advance(state, inflow, p, r, dt, crowd=None, il7r=1.0, dose=0.0):
    """Move `state` on by dt [h] with `inflow` cells/h by exit name, in place.

    T cells renew themselves in the share `il7r` that has the receptor of IL-7 (Schluns 2000, Nat Immunol 1:426).

    `crowd` is the `LymphoidState` of all cells, whose pools tell how much room there is, where `state` holds only a part of
    them; by default `state` itself. `dose` [Gy] received so far sets how fast cells that were hit die.
    """
    crowd = crowd or state
    moving = 4 / p.dn_transit * state.dn
    arriving = np.concatenate(([inflow["thymus"]], r.dn_amplification * moving[:-1]))
    ripe, turned, exported = r.dn_amplification * moving[-1], p.dp_loss * state.dp, state.sp / p.sp_transit
    state.dn += dt * (arriving - moving)
    state.dp += dt * (ripe - turned)
    state.sp += dt * (r.selected * turned - exported)
    space = (1 / (0.2 + 0.8 * max(crowd.t, 0.0) / p.t_pool)) ** p.t_space
    state.t += dt * (exported + (p.t_periphery * space * il7r - 1) * p.t_loss * state.t)
    state.b += dt * (inflow["b_cells"] - p.b_loss * state.b)
    born = state.nkp / p.nk_transit
    space = 1 / (0.1 + 0.9 * max(crowd.nk, 0.0) / r.nk_pool)
    state.nk += dt * (r.nk_amplification * born + (p.nk_periphery * space - 1) * p.nk_loss * state.nk)
    state.nkp += dt * (inflow["nk_cells"] - born)
    fade = np.exp(-(p.clearance + p.clearance_per_dose * dose) * dt)
    state.dying_b *= fade
    state.dying_t *= fade
    state.dying_nk *= fade


def bleed(state, fraction, p, r, volume):
    """Take `fraction` of the blood, in place: of each pool what of it is in the stream; blood volume [uL]."""
    for pool, count, whole in (("b", p.b_cells, r.b_pool), ("t", p.t_cells, p.t_pool), ("nk", p.nk_cells, r.nk_pool)):
        left = 1 - fraction * min(count * volume / whole, 1.0)
        setattr(state, pool, left * getattr(state, pool))
        setattr(state, f"dying_{pool}", left * getattr(state, f"dying_{pool}"))


def blood_counts(state, p, r):
    """B, T and NK cells per uL of blood, the dying ones included: dict by column name."""
    return {
        "b_cells_per_uL": p.b_cells * (state.b + state.dying_b) / r.b_pool,
        "t_cells_per_uL": p.t_cells * (state.t + state.dying_t) / p.t_pool,
        "nk_cells_per_uL": p.nk_cells * (state.nk + state.dying_nk) / r.nk_pool,
    }
