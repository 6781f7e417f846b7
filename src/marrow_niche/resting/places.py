"""Where stem cells stand at rest: a sample of places that lives in marrow which stands still.

Stem cells walk, leave for the blood and lodge beside sinusoids, and stand where their mothers stood. Where they gain they
gather, since they walk slowly: of a kind with density n that gains at the rate g, moves by the operator W (the walk, which by
itself comes to rest where affinities put it) and leaves at the rate e to lodge as h,

    W n + (g − <g>) n − e n + h ∫ e n = 0.

The sample keeps so many of each kind, others and tip; how many that stands for is sought with it (`resting.lattice`).
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche import coupling
from marrow_niche.kernels.streams import generator
from marrow_niche.marrow import fate
from marrow_niche.state import resting_stem_cells

DWELL = 61
LEAST, MOST = 10_000, 25_000
"""Places of each kind, at least and at most, between which as many as the piece stores."""
SPELLS, SPELL = 4, 0.15
"""A life, between two rounds of the search, is so many spells, each of so many divisions of the species' stem cells beside the
tip: they gather as fast as they divide."""
STRIDE, REFUSED = 4.0, 1.2
"""Hours that one stride of the sample stands for, and how many more strides it takes since long ones are refused more
often than those of a run: in a shaft at 25 um their mean square reach is 0.82 of it."""
GRAIN = 500
"""Places of each kind, at least, at which the competitors of stem cells stand in the search."""
BEFORE = 2**32 - 1  # the step of the draws before the first hour: none of the run's own


def dwelling(number, model):
    """A `StemState` of `number` quiescent stem cells at places where affinity puts them: exp(−d/reach − cost)."""
    g, p = model.geometry, model.species.stem_cells
    pull = model.space * np.exp(-np.maximum(g.to_sinusoid, 0.0) / p.affinity_length)
    if model.dwelling_cost.size:
        pull *= np.exp(-model.dwelling_cost)
    rng = generator(model.seed, DWELL)
    v = np.minimum(np.searchsorted(np.cumsum(pull), rng.random(number) * pull.sum(), side="right"), model.n - 1)
    ids = np.arange(number, dtype=np.int64)
    stem = resting_stem_cells(ids, v.astype(np.int32))
    coupling.place(stem, ids, stem.voxel.copy(), model, BEFORE)
    coupling.walk(stem, model, 4.0, 60, BEFORE)
    return stem


def sample_of(model):
    """The places that the search begins with, a `StemState` of both kinds: as many of each as the piece stores at the species'
    density, within bounds."""
    others, tip = np.clip(np.ceil(stored(np.ones(2), model)).astype(int), LEAST, MOST)
    sample = dwelling(others + tip, model)
    sample.tip[others:] = True
    return sample


def stored(level, model):
    """(2,) stem cells that the piece stores, others and tip, at `level` (2,) times the species' density."""
    return level * model.species.stem_cells.numbers * model.piece_share / model.stem_weight


def spell(model):
    """Hours of a spell."""
    return SPELL / model.stem_rest.division[0]


def density(sample, level, model):
    """(4, n) stem cells of the piece in each voxel [cells], in the order of `coupling.quarters`, at `level` (2,).

    They stand at as many places as are stored (`GRAIN` at least): what competes with a stem cell is then as grainy as it is in
    the run, and its answer, which is curved, the same in the mean.
    """
    out = np.zeros((4, model.n))
    number = level * model.species.stem_cells.numbers * model.piece_share
    for kind, (each, count) in enumerate(zip(number, np.maximum(stored(level, model), GRAIN))):
        chosen = np.flatnonzero(sample.tip == kind)[: round(count)]
        for half in range(2):
            one = chosen[sample.id[chosen] % 2 == half]
            out[2 * kind + half] = np.bincount(sample.voxel[one], minlength=model.n) * (0.5 * each / len(one))
    return out


def net_growth(rates, cycle_time):
    """Division rate and net growth rate [1/h] of stem cells of these `fate.Rates` by themselves, each (k,).

    What the tip gives to the others, 2 (1 − p) d, is not in it.
    """
    cycling = rates.wake / (rates.wake + 1 / cycle_time + rates.death)
    division = cycling / cycle_time
    return division, (2 * rates.renewal - 1) * division - rates.death


@dataclass(frozen=True, kw_only=True)
class Doing:
    """What the sample does at its places, (k,) each: `rates`, `division` and `net` growth by itself [1/h], and what each cell
    of the tip gives, over one of the others, `given` [1/h], 0 for these."""

    rates: fate.Rates
    division: np.ndarray
    net: np.ndarray
    given: np.ndarray


def doing(felt, tip, number, model):
    """What stem cells that feel this do, `tip` (k,) bool, at `number` (2,) of others and tip."""
    rates = coupling.stem_rates(felt, tip, model)
    division, net = net_growth(rates, model.species.stem_cells.cycle_time)
    ratio = (number[1] / tip.sum()) / (number[0] / (~tip).sum())
    return Doing(rates=rates, division=division, net=net, given=np.where(tip, 2 * (1 - rates.renewal) * division, 0.0) * ratio)


def half_way(did, tip, hours):
    """(k,) weights of the cells half-way through `hours`, by what each has gained; of mean 1 in each kind."""
    weight = np.exp(0.5 * hours * did.net)
    for kind in (~tip, tip):
        weight[kind] /= weight[kind].mean()
    return weight


def growth(did, tip, weight):
    """(2,) mean net growth [1/h] of others, with what the tip gives them, and tip; cells count by `weight` (k,)."""
    others = (weight * did.net)[~tip].mean() + (weight * did.given)[tip].sum() / (~tip).sum()
    return np.array([others, (weight * did.net)[tip].mean()])


@dataclass(frozen=True, kw_only=True)
class Lived:
    """Of a life: `growth` (2,) of others and tip [1/h], and what one of the others gives of "MPP" and "MkP" [1/h]
    in each voxel, `leaving` {name: (n,)}."""

    growth: np.ndarray
    leaving: dict[str, np.ndarray]


def live(state, number, model, rng, turn):
    """Let the sample, `state.stem`, live for `SPELLS` spells in fields that stand still, in place; returns `Lived`.

    `number` (2,) of others and tip in the piece [cells]; `turn` numbers the life. What is told is of the first spell, in which
    competitors stand where the sample does; later they lag behind it.
    """
    sample, hours, out = state.stem, spell(model), None
    for part in range(SPELLS):
        felt = coupling.stem_signals(state, model, number)
        did = doing(felt, sample.tip, number, model)
        out = out or lived(did, sample, model)
        step = BEFORE - 1 - turn * SPELLS - part
        mothers = succeed(sample, did, hours, rng)
        quiescent = 1 - did.division * model.species.stem_cells.cycle_time  # others do not leave
        leave(sample, (quiescent * coupling.egress_rate(felt, model))[mothers], hours, model, rng, step)
        strides = round(REFUSED * model.rounds * hours / STRIDE)
        coupling.walk(sample, model, model.stride * np.sqrt(STRIDE), strides, step)
    return out


def lived(did, sample, model):
    """`Lived` of a sample that does this for a spell.

    What its others gain is added to what they give: where gain equals loss it leaves as well.
    """
    others, weight = ~sample.tip, half_way(did, sample.tip, spell(model))
    gained = growth(did, sample.tip, weight)
    given = (weight * 2 * (1 - did.rates.renewal) * did.division)[others] / others.sum()
    given *= np.clip(1 + gained[0] / given.sum(), 0.5, 2.0)
    share, at = did.rates.share_mkp[others], sample.voxel[others]
    parts = {"MPP": given * (1 - share), "MkP": given * share}
    return Lived(growth=gained, leaving={name: np.bincount(at, part, minlength=model.n) for name, part in parts.items()})


def succeed(sample, did, hours, rng):
    """The next generation, in place: so many of each kind as before, the more of them where cells gain, as `hours` allow.

    Returns (k,) of which cell before each has its place.
    """
    tip, mothers = sample.tip, np.arange(len(sample.id))
    own = np.exp(hours * did.net)
    for kind, weight in ((~tip, np.where(tip, hours * did.given, own)), (tip, np.where(tip, own, 0.0))):
        here, upto = np.flatnonzero(kind), np.cumsum(weight)
        at = (np.arange(len(here)) + rng.random()) * (upto[-1] / len(here))
        mothers[here] = rng.permutation(np.minimum(np.searchsorted(upto, at, side="right"), len(tip) - 1))
    for values in (sample.position, sample.voxel, sample.distance):
        values[:] = values[mothers]
    return mothers


def leave(sample, rate, hours, model, rng, step):
    """Cells that leave at `rate` (k,) [1/h] within `hours` come back beside sinusoids, by their wall, in place."""
    who = np.flatnonzero(rng.random(len(rate)) < -np.expm1(-hours * rate))
    coupling.lodge_by(sample, who, rng.random(len(who)), model.geometry.sinusoid_area, model, step)
