"""The resting state of this marrow: the fields, stem-cell number and compartments that stand still together.

A sample of places stands for where stem cells are (`resting.places`). Given fields, the stages of the tree have stationary
densities (`resting.stages`), and given densities the fields follow. Both are repeated, part of the way each time, while the
sample lives and the numbers of stem cells and of their tip grow or fall at their mean net rates, until gain equals loss of
each. References come from the species, so a poorer niche holds fewer.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche import coupling
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import resting as kernel
from marrow_niche.kernels.streams import generator
from marrow_niche.resting import places, stages
from marrow_niche.resting.references import made_anew
from marrow_niche.state import take

SETTLE, LIVES = 62, 63
STEP = np.array([0.4, 1.76])
"""How far one round goes, in divisions of each kind, for stem cells and for the tip, whose number answers to what it feels more
slowly."""
MIX = 0.3
TOLERANCE, STAGES, FEWEST, MOST = 1e-2, 2e-2, 3, 60
"""A state rests when numbers of stem cells move by less than the first and the cells of each stage by less than the second in a
round; rounds at least, and at most."""
SETTLED = 10
"""Rounds at least where references are made."""


@dataclass(frozen=True, kw_only=True)
class Rest:
    """`level` (2,) stem cells over the species' density, others and tip; `expected` (n_stage, n) stored cells; `output` cells/h
    by exit (n_exit,)."""

    level: np.ndarray
    expected: np.ndarray
    output: np.ndarray


def find(state, model, *, calibrate=False, report=None):
    """Bring `state` to rest, in place, and return `Rest` and the model; `state.stem` is a sample of places on entry
    (`places.sample_of`), the cells on exit.

    With `calibrate` the stem-cell numbers are held at the species' own and every reference is moved to what its target cells
    feel instead: how the references in a species file were made; the model has them. Raises NumericsError when no state stands
    still.
    """
    numbers, rng = model.species.stem_cells.numbers * model.piece_share, generator(model.seed, LIVES)
    expected = spread_evenly(model)
    fresh, from_burst = expected.copy(), dict[int, np.ndarray]()
    level, change, exact = np.ones(2), np.zeros(2), 3e-2
    for turn in range(1, MOST + 1):
        part = 1.0 / (1 + turn // 20)  # ever smaller steps, should it swing to and fro
        stem = places.density(state.stem, level, model)
        fields = state.stroma, state.hormones, state.fields, state.around
        coupling.solve_fields(expected, stem, *fields, model, rtol=min(exact, 1e-2))
        state.counts = expected
        if calibrate:
            model = made_anew(state, expected, model)
        logs = coupling.voxel_signals(state, model, level * numbers)
        lived = places.live(state, level * numbers, model, rng, turn)
        if not calibrate:
            pace = np.maximum(model.stem_rest.division, 1e-9)  # a tip may be asked never to divide
            change = np.clip(part * lived.growth * STEP / pace, -0.3, 0.3)
            level *= np.exp(change)
        inflow = {model.tree.first[name]: level[0] * numbers[0] * each for name, each in lived.leaving.items()}
        output, from_burst = stages.densities(logs, inflow, fresh, from_burst, model, exact)
        moved = farthest(fresh, expected, model)
        exact = float(np.clip(0.1 * moved, 2e-3, 3e-2))  # no nearer than the next round comes, nor than whole cells can tell
        kernel.approach(expected, fresh, part * MIX)
        if report:
            report(turn, level, lived.growth, moved)
        if level.min() < 1e-3:
            raise NumericsError(
                "No stem cells can live in this marrow: division never makes good what dies. "
                "Give it more stroma or vessels (see `marrow-niche check`), or a larger piece."
            )
        if turn >= (SETTLED if calibrate else FEWEST) and moved < STAGES and (np.abs(change) < TOLERANCE).all():
            settle(state, level, fresh, model)
            return Rest(level=level, expected=fresh, output=output), model
    raise NumericsError(
        f"The resting state did not settle in {MOST} rounds: stem cells still change by "
        f"{2400 * lived.growth[0]:.2g} % a day, those of the tip by {2400 * lived.growth[1]:.2g} %."
    )


def spread_evenly(model):
    """(n_stage, n) stored cells at the species' density, float32."""
    nominal = model.piece_share * model.tree.rest / model.weight
    share, out = model.space / model.space.sum(), np.zeros((len(nominal), model.n), np.float32)
    for row in np.flatnonzero(nominal):
        np.multiply(nominal[row], share, out=out[row], casting="same_kind")
    return out


def farthest(fresh, expected, model):
    """By which share the cells of the stage that moves most differ, `fresh` from `expected` (n_stage, n) each, but for the
    emergency chain."""
    now, before = (cells[: model.tree.first["burst"]].sum(axis=1) for cells in (fresh, expected))
    return float((np.abs(now - before) / np.maximum(before, 1e-9)).max())


def settle(state, level, expected, model):
    """Draw the cells of the resting state, in place: stem cells at `level` (2,) of the places of the sample, and stored cells
    of each stage as integers of mean `expected` (n_stage, n)."""
    rng, sample = generator(model.seed, SETTLE), state.stem
    number = level * model.species.stem_cells.numbers * model.piece_share
    did = places.doing(coupling.stem_signals(state, model, number), sample.tip, number, model)
    chance = places.half_way(did, sample.tip, places.spell(model))
    wanted = np.maximum(np.rint(places.stored(level, model)).astype(int), [1, 0])
    chosen = []
    for kind, count in zip((~sample.tip, sample.tip), wanted):
        here = np.flatnonzero(kind)
        p = chance[here] / chance[here].sum()
        chosen.append(rng.choice(here, count, replace=count > len(here), p=p))
    chosen = rng.permutation(np.concatenate(chosen))
    stem = take(sample, chosen)
    stem.id = np.arange(len(chosen), dtype=np.int64)
    stem.clone = stem.id.copy()
    stem.cycling = rng.random(len(chosen)) < did.division[chosen] * model.species.stem_cells.cycle_time
    state.stem, state.next_id = stem, len(chosen)
    counts = np.zeros(expected.shape, np.int32)
    for row in np.flatnonzero(expected.any(axis=1)):
        kernel.whole(expected[row], rng.random(model.n), counts[row])
    state.counts = counts
