"""A bleeding: a share of the blood leaves the body at once."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.body import blood, hormones, lymphoid
from marrow_niche.kernels.stem_cells import uniforms
from marrow_niche.perturbations.once import Once
from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.words import percent
from marrow_niche.state import take

BLED = 73


@dataclass(frozen=True, kw_only=True)
class Bleed(Once):
    """A share of the blood is taken, with all cells that are in the stream, stem cells among them, and what is dissolved in it.

    Water and salts come back from the tissues within hours; here they are back at once, so counts fall by the share that was
    taken as soon as it is. Cells outside the stream stay: neutrophils and monocytes at vessel walls, platelets of the spleen,
    lymphocytes of tissues, reticulocytes that are still in the marrow. The iron of the red cells is lost to the body.
    """

    kind = "bleed"
    marks = False
    fraction: float = quantity("", "share of the blood, such as '40 %'", low=0, high=0.9)

    def strike(self, state, model, turn=0):
        """Take it, in place, as the `turn`-th of the hour; False: the marrow is the same after it."""
        species, share = model.species, self.fraction
        if share == 0.0:
            return False
        for part in (state, state.marked):
            blood.bleed(part.blood, share, species.blood, model.blood_rest, state.hormones.gcsf)
            lymphoid.bleed(part.lymphoid, share, species.lymphoid, model.lymphoid_rest, species.blood.volume)
        hormones.dilute(state.hormones, 1.0 - share, species.hormones, species.factors)
        s = state.stem
        stays = (s.voxel >= 0) | (uniforms(s.id, model.seed, state.hour, BLED, turn)[:, 0] >= share)
        if not np.all(stays):
            state.stem = take(s, stays)
        if model.apart:  # those in blood are the organism's
            state.twin.in_blood = state.twin.in_blood * (1.0 - share)
        return False

    def told(self, species):
        """The event in a sentence, for `check`."""
        left = (1 - self.fraction) * species.blood.haemoglobin
        return f"{percent(self.fraction)} of the blood is taken; haemoglobin falls to {left:.3g} g/dL."
