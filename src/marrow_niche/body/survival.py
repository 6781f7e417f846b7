"""Death of the animal for want of blood cells, read off its counts: nothing in a run acts on it.

    h = κ / ((1 + (N/N₀)ᵐ) (1 + (P/P₀)ᵐ))

N neutrophils and P platelets per uL: an animal dies at the rate κ where it has neither, and hardly ever while one of the two
stands well above its threshold. Infection and bleeding are not told apart, and no organ but marrow kills.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Lethality:
    """The failure hazard of a species."""

    kappa: float = quantity("1/h", "rate of death without neutrophils and platelets", low=0)
    neutrophils: float = quantity("1/uL", "neutrophils at which half of that danger is left", low=1e-6)
    platelets: float = quantity("1/uL", "platelets at which half of that danger is left", low=1e-6)
    power: float = quantity("", "steepness of both", low=1)


def danger(neutrophils, platelets, p):
    """The hazard over κ [-], any shape; counts per uL, `p` a `Lethality`."""
    low = 1.0 + (np.maximum(neutrophils, 0.0) / p.neutrophils) ** p.power
    return 1.0 / (low * (1.0 + (np.maximum(platelets, 0.0) / p.platelets) ** p.power))
