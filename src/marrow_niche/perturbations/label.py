"""A heritable label: stem cells that carry it from an hour on give it to all their progeny."""

from dataclasses import dataclass
from typing import Literal

from marrow_niche.kernels.stem_cells import uniforms
from marrow_niche.perturbations.once import Once
from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.quantities.words import percent

LABEL = 72


@dataclass(frozen=True, kw_only=True)
class Label(Once):
    """Marks stem cells without changing anything they do."""

    kind = "label"
    marks = True
    cells: Literal["tip", "HSC", "all"] = entry("which stem cells: of the tip, the others, or all", default="tip")
    share: float = quantity("", "share of them that takes the label", low=0, high=1, default=1.0)

    def strike(self, state, model, turn=0):
        """Label them, in place, as the `turn`-th of the hour; False: nothing in the marrow is another for it."""
        s = state.stem
        which = s.tip if self.cells == "tip" else ~s.tip if self.cells == "HSC" else s.tip | True
        takes = uniforms(s.id, model.seed, state.hour, LABEL, turn)[:, 0] < self.share
        s.line[which & takes] = model.tree.marked
        return False

    def told(self, species):
        """The event in a sentence, for `check`."""
        which = {"tip": "stem cells of the tip", "HSC": "stem cells besides the tip", "all": "stem cells"}[self.cells]
        return f"{percent(self.share)} of the {which} take a label that their progeny inherits."
