"""A receptor blocked by a drug, such as an antibody: for as long as it acts, what the receptor does is not done."""

from dataclasses import dataclass
from typing import Literal

from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.quantities.units import text
from marrow_niche.quantities.words import percent


@dataclass(frozen=True, kw_only=True)
class Blockade:
    """A share of the signal of a receptor is blocked from one time to another, at one level in between."""

    kind = "blockade"
    at: float = quantity("h", "when it begins", low=0)
    duration: float | None = quantity("h", "how long it lasts; to the end of the run if left out", low=0, default=None)
    receptor: Literal["VEGFR2"] = entry("which receptor; VEGFR2 of sinusoids", default="VEGFR2")
    share: float = quantity("", "share of its signal that is blocked", low=0, high=1, default=1.0)

    def left(self, hour):
        """The share of the signal that is left in the hour that begins at `hour`."""
        acts = self.at <= hour and (self.duration is None or hour < self.at + self.duration)
        return 1.0 - self.share if acts else 1.0

    def told(self, _):
        """The event in a sentence, for `check`."""
        span = "from then on" if self.duration is None else f"for {text(self.duration, 'h', 'd')}"
        return (
            f"{percent(self.share)} of the signal of {self.receptor} on sinusoids is blocked {span}; injured sinusoids regrow "
            "by what is left of it, and without it are lost."
        )
