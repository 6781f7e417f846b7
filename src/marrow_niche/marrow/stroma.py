"""The niche itself: sinusoids, LepR+/CAR stroma, fat and osteoblasts are hurt and heal.

    v' = h_v g v (1 − v) − i_v E² (v − v₀)        sinusoid integrity; g what VEGF-A does to an injured wall (`growth`)
    s' = h_s s (1 − s) − i_s E² s                 stroma: regrows from what is left, lost where the marrow is empty
    a' = i_s E² s − r (a − a₀)(0.3 + 0.7 C)       fat: emptied stroma turns adipose; resolves as cells return
    o' = k (1 / (1 + 3 g) − o)                    osteoblasts, held down by G-CSF: g = G/(G + 20) − 1/21, not below 0

E = max(0, 1 − C/θ) is emptiness, C local cellularity over its resting value. Nothing heals by the clock: what regrows a
sinusoid is the VEGF-A of the blood-forming cells around it, by its VEGFR2 (Hooper 2009, Chen 2019). Without these cells an
injured wall stays as it is, by what stroma makes; without its receptor it is lost. Fat hinders its regrowth (Zhou 2017).
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Stroma:
    """Rates of injury and healing of the niche."""

    vessel_healing: float = quantity("1/h", "regrowth rate of sinusoids", low=0)
    vessel_injury: float = quantity("1/h", "loss of sinusoids in empty marrow", low=0)
    vessel_remnant: float = quantity("", "integrity that is never lost", low=0, high=1)
    vessel_upkeep: float = quantity(
        "", "VEGF-A that keeps an injured sinusoid as it is, over rest: what stroma makes", low=0, high=0.9
    )
    fat_on_vessels: float = quantity("", "share of the regrowth of sinusoids that fat marrow takes", low=0, high=1)
    stroma_healing: float = quantity("1/h", "regrowth rate of stroma", low=0)
    stroma_injury: float = quantity("1/h", "loss of stroma in empty marrow", low=0)
    fat_at_rest: float = quantity("", "adipose share of the marrow at rest", low=0, high=1)
    fat_clearing: float = quantity("1/h", "rate at which fat resolves", low=0)
    osteoblast_turnover: float = quantity("1/h", "turnover of osteoblasts", low=0)
    emptiness_begins: float = quantity(
        "", "cellularity, as a ratio to rest, below which the niche suffers", low=0, high=1
    )
    wandering: float = quantity("um^2/h", "random motility of committed cells", low=0)
    reach: float = quantity("um", "distance over which vessels and stroma feel the cells around", low=1)


@dataclass
class StromaState:
    """Integrities, 1 intact and 0 gone: `vessel` (n,) and `fat` (n,) by voxel, `stroma` (k,), `osteoblast` (b,) by cell;
    `membrane` (k,) the SCF that each stromal cell holds on its membrane, over the wild type."""

    vessel: np.ndarray
    fat: np.ndarray
    stroma: np.ndarray
    osteoblast: np.ndarray
    membrane: np.ndarray


def growth(kit, vegfr2, p):
    """What VEGF-A makes of an injured sinusoid: 1 regrows it at its full rate, 0 leaves it, less than that loses it.

    Stroma makes the share `vessel_upkeep` of VEGF-A at rest, blood-forming cells the others, by their Kit+ load `kit` over
    rest; `vegfr2` is what of its receptor signals.
    """
    heard = vegfr2 * (p.vessel_upkeep + (1 - p.vessel_upkeep) * np.minimum(kit, 1.5))
    return (heard - p.vessel_upkeep) / (1 - p.vessel_upkeep)


def advance(state, cellularity, kit, at_stroma, gcsf, p, dt, vegfr2=1.0):
    """Move the niche on by dt [h], in place.

    Parameters
    ----------
    cellularity, kit : (n,) float64
        Cells, and Kit+ blood-forming cells, around each voxel over their resting density [-].
    at_stroma : (k,) int
        Voxel of each stromal cell.
    gcsf : float
        Plasma G-CSF over rest [-].
    vegfr2 : float
        Signal of VEGFR2 on sinusoids, over the wild type's without a drug [-].
    """
    empty = np.maximum(0.0, 1.0 - cellularity / p.emptiness_begins) ** 2
    v, s, grows = state.vessel, state.stroma, growth(kit, vegfr2, p)
    room = 1 - p.fat_on_vessels * np.maximum(state.fat - p.fat_at_rest, 0.0)
    above = np.maximum(v - p.vessel_remnant, 0.0)
    there = empty[at_stroma]
    regrowth = p.vessel_healing * grows * np.where(grows > 0, room * v, above) * (1 - v)
    v += dt * (regrowth - p.vessel_injury * empty * above)
    lost = p.stroma_injury * there * s
    turned = np.zeros_like(v)
    present = np.zeros_like(v)
    np.add.at(turned, at_stroma, lost)
    np.add.at(present, at_stroma, 1.0)
    s += dt * (p.stroma_healing * s * (1 - s) - lost)
    turned = np.divide(turned, present, out=np.full_like(v, lost.mean() if len(lost) else 0.0), where=present > 0)
    state.fat += dt * (
        turned - p.fat_clearing * (state.fat - p.fat_at_rest) * (0.3 + 0.7 * np.minimum(cellularity, 1.0))
    )
    held = max(gcsf / (gcsf + 20) - 1 / 21, 0.0)
    state.osteoblast += dt * p.osteoblast_turnover * (1 / (1 + 3 * held) - state.osteoblast)
    for part in (state.vessel, state.fat, state.stroma, state.osteoblast):
        np.clip(part, 0.0, 1.0, out=part)
