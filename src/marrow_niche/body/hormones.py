"""Hormones in plasma, as ratios to rest: thrombopoietin, erythropoietin, granulocyte colony-stimulating factor.

    TPO' = k (1 − (n + p·platelets + m·megakaryocytes) TPO)                constant production, cleared by its target cells
    EPO' = k (E(Hb) − (n + (1 − n)·CFU-E) EPO),    E = min(exp(κ (1 − Hb)), E_max)   production by the kidney
    G-CSF' = k (1 − (n + (1 − n)·N·(1 + 1/K)/(1 + G/K)) G)      saturable clearance by neutrophils of blood and reserve, N

Cell numbers are ratios to rest. Each step is exact for coefficients held over it.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Hormones:
    """Plasma levels at rest and clearances."""

    tpo: float = quantity("nM", "plasma TPO at rest", low=0)
    tpo_clearance: float = quantity("1/h", "clearance of TPO at rest", low=0)
    tpo_nonspecific: float = quantity("", "share of TPO clearance without cells", low=0, high=1)
    tpo_on_platelets: float = quantity("", "power of TPO on platelets per megakaryocyte", low=0)
    tpo_megakaryocytes: float = quantity("", "share of TPO clearance by megakaryocytes", low=0, high=1)
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


@dataclass
class HormoneState:
    """Plasma levels as ratios to rest [-]."""

    tpo: float = 1.0
    epo: float = 1.0
    gcsf: float = 1.0


def advance(state, cells, h, dt):
    """Move hormones on by dt [h], in place.

    Parameters
    ----------
    cells : dict
        Ratios to rest: platelets, megakaryocytes, haemoglobin, erythroid (CFU-E), neutrophils, reserve.
    """
    platelets = 1 - h.tpo_nonspecific - h.tpo_megakaryocytes
    loss = h.tpo_nonspecific + platelets * cells["platelets"] + h.tpo_megakaryocytes * cells["megakaryocytes"]
    state.tpo = _relax(state.tpo, 1.0, loss, h.tpo_clearance * dt)
    made = min(np.exp(h.epo_slope * (1 - cells["haemoglobin"])), h.epo_limit)
    state.epo = _relax(
        state.epo, made, h.epo_nonspecific + (1 - h.epo_nonspecific) * cells["erythroid"], h.epo_clearance * dt
    )
    eaters = (1 - h.gcsf_reserve) * cells["neutrophils"] + h.gcsf_reserve * cells["reserve"]
    free = (1 + 1 / h.gcsf_saturation) / (1 + state.gcsf / h.gcsf_saturation)
    loss = h.gcsf_nonspecific + (1 - h.gcsf_nonspecific) * eaters * free
    state.gcsf = _relax(state.gcsf, 1.0, loss, h.gcsf_clearance * dt)


def _relax(level, made, loss, kdt):
    return made / loss + (level - made / loss) * np.exp(-loss * kdt)
