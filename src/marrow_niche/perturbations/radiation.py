"""Radiation: an exposure edits the state once an hour while it lasts; what it leaves is stepped in `marrow.damage`."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from marrow_niche.kernels.lineages import kill
from marrow_niche.kernels.stem_cells import uniforms
from marrow_niche.marrow import damage
from marrow_niche.quantities.parameters import quantity
from marrow_niche.state import take

HIT = 31


@dataclass(frozen=True, kw_only=True)
class Radiation:
    """Total-body irradiation, acute, at a dose rate, over a time, or in fractions of these."""

    kind = "radiation"
    at: float = quantity("h", "when the first fraction begins", low=0)
    dose: float = quantity("Gy", "dose of each fraction", low=0)
    fractions: int = 1
    every: float | None = quantity("h", "time from fraction to fraction", low=0, default=None)
    duration: float | None = quantity("h", "time over which each fraction is given", low=0, default=None)
    dose_rate: float | None = quantity("Gy/h", "rate at which each fraction is given", low=1e-9, default=None)

    def length(self):
        """Hours that one fraction lasts, 0 for an acute one."""
        if self.duration is not None:
            return self.duration
        return self.dose / self.dose_rate if self.dose_rate else 0.0

    def exposures(self):
        """(begin, end, dose) of each fraction [h, h, Gy]."""
        step = self.every or 0.0
        return tuple((self.at + k * step, self.at + k * step + self.length(), self.dose) for k in range(self.fractions))

    def contradictions(self):
        """What disagrees between the entries, as (entry, text)."""
        if self.fractions < 1:
            yield "fractions", f"{self.fractions} is too low; the least is 1."
        if self.fractions > 1 and self.every is None:
            yield "every", f"missing: {self.fractions} fractions need the time from one to the next, such as '24 h'."
        if self.fractions == 1 and self.every is not None:
            yield "every", "one fraction has no next one; leave it out, or say how many fractions there are."
        given = None if self.duration is None or self.dose_rate is None else self.dose_rate * self.duration
        if given is not None and abs(self.dose - given) > 0.01 * self.dose:
            said = f"{self.dose_rate:g} Gy/h over {self.duration:g} h is {given:g} Gy, not {self.dose:g} Gy"
            yield "dose_rate", f"{said}; give the dose and one of the two."
        if self.fractions > 1 and self.every is not None and self.every <= self.length():
            yield "every", f"{self.every:g} h is no longer than one fraction lasts ({self.length():g} h)."


def expose(state, model, linear, quadratic, hour):
    """Kill what the dose kills; `linear` [Gy] and `quadratic` [Gy²] are those of `marrow.damage.advance`.

    Stem cells and stored cells live or die one by one; pools of the body and the niche keep the surviving share.
    Of a piece that is apart only its share of the organism's lymphocytes is hit. Lymphocytes that will die stay in
    blood until they do. Survivors may be senescent.
    """
    r, species = model.species.radiation, model.species
    s = state.stem
    quiet, cycling = damage.stem_survival(r, linear, quadratic, 1.0 - model.stem_rest.quiescent)
    draw = uniforms(s.id, model.seed, hour, HIT, 0)
    lives = draw[:, 0] < np.where(s.cycling, cycling, quiet)
    s.dose += linear
    s.senescent |= draw[:, 1] < -np.expm1(-linear / species.stem_cells.senescence_dose)
    s.cycling &= ~s.senescent
    state.stem = take(s, lives)

    rows = np.ones((len(model.tree.names), 1))
    for name, lq in r.lineages.items():
        rows[model.tree.rows(name)] = damage.survival(lq, linear, quadratic)
    kill(state.counts, rows, model.seed, hour)

    ly, hit = state.lymphoid, min(model.piece_share, 1.0) if model.apart else 1.0

    def left(share):
        """Of a pool of the whole organism, when only the piece is exposed."""
        return 1 - hit * (1 - share)

    lives = damage.of_a_mixture(partial(damage.lymphocyte_survival, r), state.damage, linear, quadratic)
    for pool, share in (("b", lives), ("t", lives), ("nk", damage.survival(r.nk_cells, linear, quadratic))):
        before, share = getattr(ly, pool), left(share)
        setattr(ly, pool, before * share)
        setattr(ly, f"dying_{pool}", getattr(ly, f"dying_{pool}") + before * (1 - share))
    ly.nkp *= left(damage.survival(r.nk_cells, linear, quadratic))
    ly.dn *= left(damage.survival(r.thymocytes_dn, linear, quadratic))
    ripe = left(damage.survival(r.thymocytes_dp, linear, quadratic))
    ly.dp, ly.sp = ly.dp * ripe, ly.sp * ripe

    def working(spared, lq):
        """What outlasts the death of its cells, and what does not: the share left by this part of the exposure."""
        return damage.of_a_mixture(
            lambda d, q: spared + (1 - spared) * damage.survival(lq, d, q), state.damage, linear, quadratic
        )

    niche = state.stroma
    niche.vessel *= working(r.vessel_spared, r.endothelium)
    niche.stroma *= working(r.stroma_spared, r.stroma)
    niche.osteoblast *= working(r.stroma_spared, r.stroma)
