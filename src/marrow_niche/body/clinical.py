"""Counts at which blood is called too low, and the degrees of the haematopoietic syndrome of acute radiation.

METREPOL grades a count by the lowest value it reaches, H1 to H4 between three bounds; the syndrome has the degree of its worst
count (Fliedner, Friesecke & Beyrer, Medical management of radiation accidents, British Institute of Radiology, London 2001;
the bounds as in Dainiak 2002, Exp Hematol 30:513). They are man's. In another species each stands at the same share of its own
count at rest, which is a convention and no finding: no such grades exist for animals.
"""

from dataclasses import dataclass
from itertools import pairwise

from marrow_niche.quantities.parameters import quantity

WORST = 4


@dataclass(frozen=True, kw_only=True)
class Clinical:
    """Thresholds of a species, in cells per uL of blood."""

    neutropenia: float = quantity("1/uL", "neutrophils below which infection threatens", low=0)
    agranulocytosis: float = quantity("1/uL", "neutrophils below which there are as good as none", low=0)
    thrombocytopenia: float = quantity("1/uL", "platelets below which wounds bleed", low=0)
    bleeding: float = quantity("1/uL", "platelets below which bleeding begins by itself", low=0)
    lymphocyte_degrees: tuple[float, ...] = quantity("1/uL", "lymphocytes between H1 and H2, H2 and H3, H3 and H4", low=0)
    granulocyte_degrees: tuple[float, ...] = quantity("1/uL", "granulocytes between H1 and H2, H2 and H3, H3 and H4", low=0)
    platelet_degrees: tuple[float, ...] = quantity("1/uL", "platelets between H1 and H2, H2 and H3, H3 and H4", low=0)

    def contradictions(self):
        """Bounds between degrees that are none, as (entry, text)."""
        for name in ("lymphocyte_degrees", "granulocyte_degrees", "platelet_degrees"):
            if not falls(getattr(self, name)):
                yield name, f"these bounds part no degrees; give {WORST - 1} that fall, such as [1500, 1000, 500]."


def falls(bounds):
    """Whether `bounds` part the degrees: one less than there are degrees, each below the one before it."""
    return len(bounds) == WORST - 1 and all(high > low for high, low in pairwise(bounds))


def degree(lowest, bounds):
    """Degree 1 to 4 of a count whose lowest value is `lowest`, by falling `bounds` (3,) in the same unit.

    What stands at a bound belongs to the milder degree, as in the table (H1 from 1.5e9 lymphocytes per litre upwards; H4 below
    0.5e9). Raises ValueError where the bounds do not fall or are not three.
    """
    if not falls(bounds):
        raise ValueError(f"degrees stand between {bounds}; expected three bounds that fall.")
    return 1 + sum(lowest < bound for bound in bounds)
