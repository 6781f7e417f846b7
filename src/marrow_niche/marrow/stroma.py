"""The niche itself: sinusoids, LepR+/CAR stroma, fat and osteoblasts are hurt and heal.

    v' = h_v g v (1 − v) − (i_v E² + l b) (v − v₀)  sinusoid integrity; g what VEGF-A does to an injured wall
    s' = h_s s (1 − s) − i_s E² s                 stroma: regrows from what is left, lost where the marrow is empty
    a' = i_s E² s − r (a − a₀)(0.3 + 0.7 C)       fat: emptied stroma turns adipose; resolves as cells return
    o' = k (1 / (1 + 3 g) − o)                    osteoblasts, held down by G-CSF: g = G/(G + 20) − 1/21, not below 0

E = max(0, 1 − C/θ) is emptiness, C local cellularity over its resting value. Nothing heals by the clock: what regrows a
sinusoid is the VEGF-A of the blood-forming cells around it, by its VEGFR2 (Hooper 2009, Chen 2019). Without these cells an
injured wall stays as it is, by what stroma makes; without its receptor it is lost, v₀ aside. Fat hinders its regrowth (Zhou
2017). Stroma makes the share m of VEGF-A at rest, cells the others by their Kit+ load K over rest; R is what of VEGFR2 signals:

    g = (R (m + (1 − m) min(K, 1.5)) − m) / (1 − m);    where g > 0 fat takes its part, where g < 0 v is lost down to v₀

A high dose leaves walls that work on though none of their cells can divide. Of n_e endothelial cells around a place the
share S = exp(−lesions) survives; where none does, b = exp(−n_e S), nothing regrows (h_v becomes (1 − b) h_v) and what is
there dies in its slow turnover at the rate l, months later (Knospe 1966, Blood 28:398).

`kernels.niche.heal` has v' and a'.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels import niche as kernel
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
    vessel_clonogens: float = quantity(
        "", "endothelial cells any of which, if it can divide, regrows the sinusoids of a place", low=1
    )
    vessel_late_loss: float = quantity("1/h", "turnover of endothelium, in which walls that nothing can regrow are lost", low=0)
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
    `membrane` (k,) the SCF that each stromal cell holds on its membrane, over the wild type; `lesions` that a dose has left an
    endothelial cell in the mean, one number or (n,)."""

    vessel: np.ndarray
    fat: np.ndarray
    stroma: np.ndarray
    osteoblast: np.ndarray
    membrane: np.ndarray
    lesions: float | np.ndarray = 0.0


def sterile(lesions, p):
    """Share of sinusoid wall that no endothelial cell around it can regrow, by the `lesions` of one in the mean: one number or
    (n,)."""
    return np.exp(-p.vessel_clonogens * np.exp(-lesions))


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
    s, n = state.stroma, len(state.vessel)
    there = np.maximum(0.0, 1.0 - cellularity[at_stroma] / p.emptiness_begins) ** 2
    lost = p.stroma_injury * there * s
    kernel.heal(
        state.vessel,
        state.fat,
        cellularity,
        kit,
        np.bincount(at_stroma, lost, n),
        np.bincount(at_stroma, minlength=n),
        lost.mean() if len(lost) else 0.0,
        np.atleast_1d(sterile(state.lesions, p)),
        float(vegfr2),
        float(dt),
        p.emptiness_begins,
        p.vessel_healing,
        p.vessel_injury,
        p.vessel_remnant,
        p.vessel_upkeep,
        p.fat_on_vessels,
        p.vessel_late_loss,
        p.fat_at_rest,
        p.fat_clearing,
    )
    s += dt * (p.stroma_healing * s * (1 - s) - lost)
    held = max(gcsf / (gcsf + 20) - 1 / 21, 0.0)
    state.osteoblast += dt * p.osteoblast_turnover * (1 / (1 + 3 * held) - state.osteoblast)
    for part in (s, state.osteoblast):
        np.clip(part, 0.0, 1.0, out=part)
