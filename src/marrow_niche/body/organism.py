"""The organism that a piece of marrow belongs to."""

from dataclasses import dataclass

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Organism:
    """How much of it there is."""

    mass: float = quantity("kg", "body mass", low=1e-4)
    marrow_volume: float = quantity("um^3", "blood-forming marrow of the organism, vessels included", low=1)
    extravascular: float = quantity("", "share of marrow outside vessels", low=0.05, high=1)
