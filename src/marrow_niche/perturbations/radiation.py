"""Radiation: an exposure edits the state once an hour while it lasts; what it leaves is stepped in `marrow.damage`."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from marrow_niche.kernels.lineages import kill
from marrow_niche.kernels.stem_cells import uniforms
from marrow_niche.marrow import damage
from marrow_niche.perturbations.dose import MOST, Beam
from marrow_niche.perturbations.region import Region
from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.state import take

HIT = 31


@dataclass(frozen=True, kw_only=True)
class Radiation:
    """Irradiation, acute, at a dose rate, over a time, or in fractions of these; of the whole body or of a part."""

    kind = "radiation"
    marks = False
    at: float = quantity("h", "when the first fraction begins", low=0)
    dose: float | None = quantity("Gy", "dose of each fraction, where it falls in full", low=0, high=MOST, default=None)
    fractions: int = 1
    every: float | None = quantity("h", "time from fraction to fraction", low=0, default=None)
    duration: float | None = quantity("h", "time over which each fraction is given", low=0, default=None)
    dose_rate: float | None = quantity("Gy/h", "rate at which each fraction is given", low=1e-9, default=None)

    rbe: float = quantity("", "linear effect over that of photons: 1 for photons, 2 to 3 for neutrons", low=0.1, default=1.0)
    region: Region | None = None
    """Only there; elsewhere nothing."""
    shield: Region | None = None
    """Nothing there; elsewhere the full dose."""
    beam: Beam | None = None
    bone_range: float | None = quantity(
        "um", "of what bone surfaces emit: the distance over which it falls by e; the dose is then the marrow's mean",
        low=1.0, default=None,
    )
    map: str | None = entry("file of a dose map; the dose is then the marrow's mean", default=None)

    def length(self):
        """Hours that one fraction lasts, 0 for an acute one."""
        if self.duration is not None:
            return self.duration
        return self.dose / self.dose_rate if self.dose_rate and self.dose else 0.0

    def exposures(self, pattern=0):
        """`damage.Exposure` of each fraction; `pattern` is the number of where it falls."""
        begins = (self.at + k * (self.every or 0.0) for k in range(self.fractions))
        dose = 1.0 if self.dose is None else self.dose
        return tuple(damage.Exposure(begin, begin + self.length(), dose, pattern, self.rbe) for begin in begins)

    def contradictions(self):
        """What disagrees between the entries, as (entry, text)."""
        if self.dose is None and self.map is None:
            yield "dose", "missing: the dose of each fraction, such as '6 Gy'."
        if self.dose is None and self.dose_rate is not None:
            yield "dose_rate", "with a map that gives the dose itself, say how long it lasts with duration."
        if self.map is not None or self.bone_range is not None:
            name = "map" if self.map is not None else "bone_range"
            for other in ("region", "shield", "beam", "bone_range"):
                if other != name and getattr(self, other) is not None:
                    yield other, f"the {name} says where the dose falls; leave {other} out."
        if self.fractions < 1:
            yield "fractions", f"{self.fractions} is too low; the least is 1."
        if self.fractions > 1 and self.every is None:
            yield "every", f"missing: {self.fractions} fractions need the time from one to the next, such as '24 h'."
        if self.fractions == 1 and self.every is not None:
            yield "every", "one fraction has no next one; leave it out, or say how many fractions there are."
        given = None if self.duration is None or self.dose_rate is None else self.dose_rate * self.duration
        if given is not None and self.dose is not None and abs(self.dose - given) > 0.01 * self.dose:
            said = f"{self.dose_rate:g} Gy/h over {self.duration:g} h is {given:g} Gy, not {self.dose:g} Gy"
            yield "dose_rate", f"{said}; give the dose and one of the two."
        if self.fractions > 1 and self.every is not None and self.every <= self.length():
            yield "every", f"{self.every:g} h is no longer than one fraction lasts ({self.length():g} h)."


def expose(state, model, linear, quadratic, dose):
    """Kill what the dose kills; `linear` [Gy] and `quadratic` [Gy²] are those of `marrow.damage.advance`, and `dose` [Gy] what
    was received, one number or (n,) each.

    Stem cells and stored cells live or die one by one; of dividing stored cells that are hit a part divides on for a while,
    doomed, the smaller the more they were hit. Pools of the body and the niche keep the surviving share; the body is hit as
    the marrow is, in the mean over its space. Survivors may be senescent.
    """
    r, niche, g = model.species.radiation, state.stroma, model.geometry.niches
    expose_stem_cells(state, model, linear, quadratic, dose)
    expose_lineages(state, model, linear, quadratic)
    expose_body(state, model, linear, quadratic)

    def working(spared, lq):
        """What outlasts the death of its cells, and what does not: the share left by this part of the exposure."""
        return damage.of_a_mixture(
            lambda d, q: spared + (1 - spared) * damage.survival(lq, d, q), state.damage, linear, quadratic
        )

    niche.vessel *= working(r.vessel_spared, r.endothelium)
    niche.lesions = niche.lesions + damage.lesions(r.endothelium, linear, quadratic)
    left = working(r.stroma_spared, r.stroma)
    niche.stroma *= left[g.stroma_voxel] if np.ndim(left) else left
    niche.osteoblast *= left[g.osteoblast_voxel] if np.ndim(left) else left


def sensitivities(model):
    """Linear sensitivity of the cells of each line over that of the wild type, one a line."""
    return [model.genes.radiosensitivity if line == "host" else 1.0 for line in model.tree.lines]


def oxygen(state, model, stem):
    """What oxygen makes of a dose in each voxel (n,), and at places of the resting population (k,), both over its mean at rest;
    None where it is left out."""
    if not model.switches.oxygen_effect:
        return None
    r, row = model.species.radiation, list(model.species.cytokines).index("O2")
    ratio = r.oxygen_ratio_stem if stem else r.oxygen_ratio
    at_rest = damage.oxygen_effect(model.oxygen_at_rest[int(stem)], ratio, r.oxygen_half)
    return damage.oxygen_effect(state.fields[row], ratio, r.oxygen_half) / at_rest.mean(), at_rest / at_rest.mean()


def expose_stem_cells(state, model, linear, quadratic, dose):
    """Stem cells live or die one by one, by the dose of their voxel; those in blood by the mean of the marrow. Survivors carry
    the `dose` [Gy], and are senescent by its `linear` effect."""
    r, s = model.species.radiation, state.stem
    here = np.maximum(s.voxel, 0)

    def at_cells(values):
        """Of one number or (n,), what each stem cell meets (k,)."""
        return np.where(s.voxel >= 0, values[here], model.mean(values)) if np.ndim(values) else np.full(len(s.id), values)

    effect, quad, survives = at_cells(linear), at_cells(quadratic), np.empty(len(s.id))
    air = oxygen(state, model, stem=True)
    for line, g in enumerate(sensitivities(model)):
        mine = s.line == line
        both = damage.stem_survival(r, g * effect[mine], quad[mine], model.stem_rest.cycling)
        survives[mine] = np.where(s.cycling[mine], both[1], both[0])
        if air is not None:
            survives[mine] *= damage.relative(r.stem_cells, g * effect[mine], quad[mine], at_cells(air[0])[mine], air[1])
    draw = uniforms(s.id, model.seed, state.hour, HIT, 0)
    lives = draw[:, 0] < survives
    s.dose += at_cells(dose)
    s.senescent |= draw[:, 1] < -np.expm1(-effect / model.species.stem_cells.senescence_dose)
    s.cycling &= ~s.senescent
    state.stem = take(s, lives)


def expose_lineages(state, model, linear, quadratic):
    """Stored cells live, die, or divide on for a while, one by one. The doomed are hit first, so that nobody is hit twice by
    one dose; a new lesion leaves them the chance that the first one did."""
    r, tree = model.species.radiation, model.tree
    air, doomed = oxygen(state, model, stem=False), tree.lines.index("doomed") if "doomed" in tree.lines else None
    lives: dict[tuple, np.ndarray] = {}  # by sensitivity: many compartments share theirs
    for name, lq in r.lineages.items():
        for line, g in reversed(list(enumerate(sensitivities(model)))):
            if (lq, g) not in lives:
                share = damage.survival(lq, g * linear, quadratic)
                if air is not None:
                    share = share * damage.relative(lq, g * linear, quadratic, *air)
                lives[lq, g] = np.atleast_1d(share)
            rows, alive = tree.rows(name, line), lives[lq, g]
            rows = np.arange(rows.start, rows.stop)
            into = rows if doomed is None else rows + (doomed - line) * tree.size
            chance = 0.0 if lq.dies_at_once else r.doomed_share
            if line == doomed:
                alive = damage.goes_on(alive, chance)
            kill(state.counts, rows, into, alive, damage.doomed(alive, chance), model.seed, state.hour)


def expose_body(state, model, linear, quadratic):
    """Lymphocytes, thymus and spleen keep the share that lives in the mean over the marrow.

    Lymphocytes that will die stay in blood until they do. Of a piece that is apart only its share of the organism is hit.
    """
    r = model.species.radiation
    hit = min(model.piece_share, 1.0) if model.apart else 1.0

    def left(share):
        """Of a pool of the whole organism; `share` is one number or (n,)."""
        return 1 - hit * (1 - model.mean(share))

    def mixed(lq, resistant):
        """Of a pool of which a share resists."""
        survives = partial(damage.lymphocyte_survival, r, lq, resistant)
        return left(damage.of_a_mixture(survives, state.damage, linear, quadratic))

    cd4, cd8 = (kind.resistant for kind in (model.species.lymphoid.cd4, model.species.lymphoid.cd8))
    killers = left(damage.survival(r.nk_cells, linear, quadratic))
    pools = {"b": r.resistant_share, "cd4": cd4, "cd8": cd8}
    lives = {pool: mixed(r.lymphocytes, share) for pool, share in pools.items()} | {"nk": killers}
    young, ripe = (left(damage.survival(lq, linear, quadratic)) for lq in (r.thymocytes_dn, r.thymocytes_dp))
    sp4, sp8 = (mixed(r.thymocytes_dp, share) for share in (cd4, cd8))
    for ly in (state.lymphoid, state.marked.lymphoid):
        for pool, share in lives.items():
            before = getattr(ly, pool)
            setattr(ly, pool, before * share)
            setattr(ly, f"dying_{pool}", getattr(ly, f"dying_{pool}") + before * (1 - share))
        ly.nkp, ly.dn, ly.dp, ly.sp4, ly.sp8 = ly.nkp * killers, ly.dn * young, ly.dp * ripe, ly.sp4 * sp4, ly.sp8 * sp8
    for tissue in (state.spleen, state.marked.spleen):
        tissue.erythroid *= left(damage.survival(r.lineages["BFU"], linear, quadratic))
        tissue.granulocytes *= left(damage.survival(r.lineages["GM"], linear, quadratic))
