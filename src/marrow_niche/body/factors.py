"""Hormones and their mimetics as treatment: from the syringe to what acts beside the body's own hormone.

One compartment with absorption of first order. With d the absorbable dose over the volume of distribution [nM] and c in plasma:

    d' = −κ d ,      c' = κ d − λ c ,      λ = ln 2 / t½ + f λ_cells / (1 + c/K) ,

t½ the half-life where no cell takes it up, and λ_cells the rate at which its target cells clear the body's own hormone at
that time: for G-CSF by neutrophils and saturable by the sum of both, so that what is injected is cleared as what is made. K is
the level that half fills the receptors of what binds more tightly than the hormone. A dose into a vein begins in c, one under
the skin in d, with the bioavailability F. It acts as

    x / (1 + x/m) ,      x = p c / c_rest

times the resting level of its hormone, added to the body's own: p is its potency, mole for mole, and m the most it can do.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from marrow_niche.quantities.parameters import entry, quantity

LN2 = math.log(2.0)


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A hormone, or what acts like one, that can be injected."""

    hormone: Literal["tpo", "epo", "gcsf"] = entry("the hormone it acts as")
    molar_mass: float = quantity("g/mol", "molar mass of what doses are weighed by", low=1)
    activity: float | None = quantity("IU/g", "activity of a gram, where doses are told in IU", low=1e-9, default=None)
    volume: float = quantity("L/kg", "volume of distribution by body mass", low=1e-6)
    bioavailability: float = quantity("", "share of a dose under the skin that reaches blood", low=0, high=1)
    absorption: float = quantity("1/h", "absorption from under the skin", low=1e-6)
    half_life: float = quantity("h", "half-life in plasma where no cell takes it up", low=0.01)
    by_cells: float = quantity("", "clearance by target cells over that of the hormone itself", low=0)
    saturation: float = quantity("nM", "plasma level that half fills what clears it", low=1e-9, default=math.inf)
    potency: float = quantity("", "effect over that of the hormone, mole for mole", low=0)
    limit: float = quantity("", "the most it adds to the signal, over rest", low=0.1, default=math.inf)


def concentration(factor, grams, mass):
    """What `grams` [g] make in plasma if all is there at once [nM], in a body of `mass` [kg]."""
    return 1e9 * grams / factor.molar_mass / (factor.volume * mass)


def acting(factor, plasma, reference):
    """What `plasma` [nM] of a factor adds to the signal of its hormone, whose plasma level at rest is `reference` [nM]."""
    x = factor.potency * plasma / reference
    return x / (1.0 + x / factor.limit)


def advance(depot, plasma, absorption, loss, dt):
    """Depot and plasma [nM] after dt [h] with rates `absorption` and `loss` [1/h] held: exact."""
    left = depot * math.exp(-absorption * dt)
    apart = (loss - absorption) * dt
    if abs(apart) < 1e-6:  # the two rates are one
        through = absorption * dt * math.exp(-absorption * dt) * (1.0 - apart / 2.0)
    else:
        through = absorption * dt * math.exp(-absorption * dt) * -math.expm1(-apart) / apart
    return left, plasma * math.exp(-loss * dt) + depot * through


def none(factors):
    """(n_factor,) nM: nothing has been given of any."""
    return np.zeros(len(factors))
