"""The spleen as a blood-forming tissue, well mixed: stress erythropoiesis, and a few granulocytes.

Progenitors that circulate seed it in proportion to those of the marrow (B its BFU over rest, G its GMP). Erythroid cells pass a
chain of n dividing stages; EPO, on which stress BFU-E depend with BMP4 and SCF, decides how many daughters live:

    E₁' = J B − r E₁ ,  Eᵢ' = 2 σ r Eᵢ₋₁ − r Eᵢ ,  reticulocytes/h = 2 σ r Eₙ ,  σ = σ₀ e / (σ₀ e + 1 − σ₀) ,  e = EPO over rest

so that at rest a share of all reticulocytes comes from here and under strong EPO up to σ₀⁻ⁿ times as many, some days later:
spleen BFU-E and CFU-E rise to day 4 after phenylhydrazine (Hara & Ogawa 1976). Granulocytes ripen in m stages without
amplification, M₁' = K G − q M₁ , Mᵢ' = q (Mᵢ₋₁ − Mᵢ). J and K follow from the shares at rest, so blood at rest is as
without a spleen and marrow makes so much less. What seeds the spleen is too little to be missed in the marrow.

For a given EPO everything is linear in the state and in what seeds it.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.response import saturating_probability


@dataclass(frozen=True, kw_only=True)
class Spleen:
    """What the spleen makes at rest and how it grows; shares of 0 switch it off."""

    erythroid_share: float = quantity("", "share of all reticulocytes made by the spleen at rest", low=0, high=0.9)
    erythroid_transit: float = quantity("h", "time from a seeding BFU-E to its reticulocytes", low=1)
    erythroid_stages: int
    erythroid_survival: float = quantity("", "survival of a daughter at rest", low=0.05, high=0.999)
    granulocyte_share: float = quantity("", "share of all neutrophils made by the spleen at rest", low=0, high=0.9)
    granulocyte_transit: float = quantity("h", "time from a seeding GMP to its neutrophils", low=1)
    granulocyte_stages: int


@dataclass
class SpleenState:
    """Cells of the organism's spleen by stage: `erythroid` (n,), `granulocytes` (m,)."""

    erythroid: np.ndarray
    granulocytes: np.ndarray


@dataclass(frozen=True, kw_only=True)
class SpleenRest:
    """Seeding at rest [cells/h] of the two chains, and `erythroid` cells at rest."""

    bfu: float
    gmp: float
    erythroid: float


def asked_of_marrow(p, production):
    """What marrow has to make at rest for blood's `production` [cells/h by exit]."""
    return production | {"reticulocytes": (1 - p.erythroid_share) * production["reticulocytes"]}


def with_marrow(p, output):
    """What marrow and spleen make at rest together, when marrow makes `output` [cells/h by exit]."""
    return output | {
        "reticulocytes": output["reticulocytes"] / (1 - p.erythroid_share),
        "neutrophils": output["neutrophils"] / (1 - p.granulocyte_share),
    }


def rest(p, output):
    """Resting `SpleenState` and `SpleenRest` beside a marrow that makes `output` [cells/h by exit] at rest."""
    both = with_marrow(p, output)
    red, white = (both[name] - output[name] for name in ("reticulocytes", "neutrophils"))
    fold = 2 * p.erythroid_survival
    seed = red / fold**p.erythroid_stages
    erythroid = seed * fold ** np.arange(p.erythroid_stages) * p.erythroid_transit / p.erythroid_stages
    state = SpleenState(
        erythroid=erythroid,
        granulocytes=np.full(p.granulocyte_stages, white * p.granulocyte_transit / p.granulocyte_stages),
    )
    return state, SpleenRest(bfu=seed, gmp=white, erythroid=float(erythroid.sum()))


def none(p):
    """A `SpleenState` without a cell."""
    return SpleenState(erythroid=np.zeros(p.erythroid_stages), granulocytes=np.zeros(p.granulocyte_stages))


def advance(state, bfu, gmp, epo, p, r, dt):
    """Move the spleen on by dt [h], in place.

    Parameters
    ----------
    bfu, gmp : float
        Such progenitors of the marrow, over rest [-]: what circulates of them seeds the spleen.
    epo : float
        EPO over rest [-].

    Returns
    -------
    reticulocytes, neutrophils : float
        What it gives to blood [cells/h].
    """
    fold = 2 * saturating_probability(p.erythroid_survival, 1.0, epo)
    moving = p.erythroid_stages / p.erythroid_transit * state.erythroid
    state.erythroid += dt * (np.concatenate(([r.bfu * bfu], fold * moving[:-1])) - moving)
    ripe = p.granulocyte_stages / p.granulocyte_transit * state.granulocytes
    state.granulocytes += dt * (np.concatenate(([r.gmp * gmp], ripe[:-1])) - ripe)
    return fold * moving[-1], ripe[-1]


def erythroid(state, p, r, marrow):
    """Early erythroid cells of marrow and spleen over rest, when those of the marrow are `marrow` over rest [-]."""
    if p.erythroid_share == 0:
        return marrow
    return (1 - p.erythroid_share) * marrow + p.erythroid_share * state.erythroid.sum() / r.erythroid
