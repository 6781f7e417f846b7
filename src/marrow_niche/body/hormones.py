"""Hormones in plasma, as ratios to rest: thrombopoietin, erythropoietin, granulocyte colony-stimulating factor, FLT3 ligand.

    TPO' = k (1 − (n + p·platelets + m·megakaryocytes) TPO)                constant production, cleared by its target cells
    EPO' = k (E(Hb) − (n + (1 − n)·CFU-E) EPO),    E = min(exp(κ (1 − Hb)), E_max)   production by the kidney
    G-CSF' = k (1 − (n + (1 − n)·N·(1 + 1/K)/(1 + G/K)) G)      saturable clearance by neutrophils of blood and reserve, N
    FLT3L' = k (1 − (n + (1 − n)(h·HPC1 + (1 − h)·CLP)) FLT3L)             constant production, cleared by early progenitors

Cell numbers are ratios to rest. Each step is exact for coefficients held over it. These are the body's own; what is injected
(`body.factors`) is added to them, and the sum is what acts: in G/K it is the sum that fills the receptors.
"""

from dataclasses import dataclass, field

import numpy as np

from marrow_niche.body import factors as given
from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Hormones:
    """Plasma levels at rest and clearances."""

    tpo: float = quantity("nM", "plasma TPO at rest", low=0)
    tpo_clearance: float = quantity("1/h", "clearance of TPO at rest", low=0)
    tpo_nonspecific: float = quantity("", "share of TPO clearance without cells", low=0, high=1)
    tpo_on_platelets: float = quantity("", "power of TPO on platelets per megakaryocyte", low=0)
    tpo_megakaryocytes: float = quantity("", "share of TPO clearance by megakaryocytes", low=0, high=1)
    tpo_spared: float = quantity("", "TPO, as a ratio to rest, whose work on committed cells others do", low=1e-6, high=1)
    epo: float = quantity("nM", "plasma EPO at rest", low=0)
    epo_clearance: float = quantity("1/h", "clearance of EPO at rest", low=0)
    epo_nonspecific: float = quantity("", "share of EPO clearance without cells", low=0, high=1)
    epo_slope: float = quantity("", "log fold of EPO production per full loss of haemoglobin", low=0)
    epo_limit: float = quantity("", "greatest fold of EPO production", low=1)
    gcsf: float = quantity("nM", "plasma G-CSF at rest", low=0)
    gcsf_clearance: float = quantity("1/h", "clearance of G-CSF at rest", low=0)
    gcsf_nonspecific: float = quantity("", "share of G-CSF clearance without neutrophils", low=0, high=1)
    gcsf_saturation: float = quantity("", "G-CSF, as a ratio to rest, that half fills its receptors", low=1)
    gcsf_reserve: float = quantity("", "share of that clearance by marrow neutrophils", low=0, high=1)
    flt3l: float = quantity("nM", "plasma FLT3 ligand at rest", low=0)
    flt3l_clearance: float = quantity("1/h", "clearance of FLT3 ligand at rest", low=0)
    flt3l_nonspecific: float = quantity("", "share of FLT3 ligand clearance without cells", low=0.001, high=1)
    flt3l_hpc1: float = quantity("", "share of HPC1 in the clearance by cells, the rest being CLP", low=0, high=1)


@dataclass
class HormoneState:
    """What acts, as ratios to rest [-]: the body's own hormone and what was injected of it. Of each factor of the species
    (n_factor,) [nM]: `depot`, what is still under the skin, over its volume of distribution, and `plasma`."""

    tpo: float = 1.0
    epo: float = 1.0
    gcsf: float = 1.0
    flt3l: float = 1.0
    depot: np.ndarray = field(default_factory=lambda: np.zeros(0))
    plasma: np.ndarray = field(default_factory=lambda: np.zeros(0))


def rest(factors):
    """`HormoneState` at rest in a body that may be given these `factors` {name: Factor}."""
    return HormoneState(depot=given.none(factors), plasma=given.none(factors))


def injected(state, h, factors):
    """What was injected adds to the signal of each hormone, over rest: {"tpo": ..., "epo": ..., "gcsf": ...} [-]."""
    added = {"tpo": 0.0, "epo": 0.0, "gcsf": 0.0}
    for factor, plasma in zip(factors.values(), state.plasma):
        added[factor.hormone] += given.acting(factor, float(plasma), getattr(h, factor.hormone))
    return added


def advance(state, cells, h, dt, factors=None):
    """Move hormones and what was injected on by dt [h], in place.

    Parameters
    ----------
    cells : dict
        Ratios to rest: platelets, megakaryocytes, haemoglobin, erythroid (CFU-E), neutrophils, reserve, HPC1, CLP; and
        the production of TPO by the `liver`, 1 where it is not told.
    factors : dict[str, Factor], optional
        Those of the species, in the order of `state.plasma`.
    """
    factors = factors or {}
    platelets = 1 - h.tpo_nonspecific - h.tpo_megakaryocytes
    eaters = (1 - h.gcsf_reserve) * cells["neutrophils"] + h.gcsf_reserve * cells["reserve"]
    free = (1 + 1 / h.gcsf_saturation) / (1 + state.gcsf / h.gcsf_saturation)
    by_cells = {
        "tpo": platelets * cells["platelets"] + h.tpo_megakaryocytes * cells["megakaryocytes"],
        "epo": (1 - h.epo_nonspecific) * cells["erythroid"],
        "gcsf": (1 - h.gcsf_nonspecific) * eaters * free,
    }
    kidney = min(np.exp(h.epo_slope * (1 - cells["haemoglobin"])), h.epo_limit)
    made = {"tpo": cells.get("liver", 1.0), "epo": kidney, "gcsf": 1.0}
    before = injected(state, h, factors)
    own = {name: getattr(state, name) - before[name] for name in made}
    for k, factor in enumerate(factors.values()):
        if state.depot[k] or state.plasma[k]:
            cleared = factor.by_cells * by_cells[factor.hormone] * getattr(h, f"{factor.hormone}_clearance")
            cleared /= 1.0 + state.plasma[k] / factor.saturation
            state.depot[k], state.plasma[k] = given.advance(
                state.depot[k], state.plasma[k], factor.absorption, given.LN2 / factor.half_life + cleared, dt
            )
    after = injected(state, h, factors)
    for name in made:
        loss, clearance = getattr(h, f"{name}_nonspecific") + by_cells[name], getattr(h, f"{name}_clearance")
        setattr(state, name, _relax(own[name], made[name], loss, clearance * dt) + after[name])
    early = h.flt3l_hpc1 * cells["HPC1"] + (1 - h.flt3l_hpc1) * cells["CLP"]
    loss = h.flt3l_nonspecific + (1 - h.flt3l_nonspecific) * early
    state.flt3l = _relax(state.flt3l, 1.0, loss, h.flt3l_clearance * dt)


def inject(state, k, amount, h, factors, route):
    """Give `amount` [nM, over its volume of distribution] of factor number `k`, in place: into a "vein" or under the "skin"."""
    if amount == 0.0:
        return
    factor = list(factors.values())[k]
    before = injected(state, h, factors)[factor.hormone]
    if route == "vein":
        state.plasma[k] += amount
    else:
        state.depot[k] += factor.bioavailability * amount
    setattr(state, factor.hormone, getattr(state, factor.hormone) - before + injected(state, h, factors)[factor.hormone])


def dilute(state, left, h, factors):
    """Leave the share `left` of all that is in plasma, in place; what is under the skin stays there."""
    before = injected(state, h, factors)
    state.plasma *= left
    after = injected(state, h, factors)
    for name in before:
        setattr(state, name, left * (getattr(state, name) - before[name]) + after[name])
    state.flt3l *= left


def _relax(level, made, loss, kdt):
    return made / loss + (level - made / loss) * np.exp(-loss * kdt)
