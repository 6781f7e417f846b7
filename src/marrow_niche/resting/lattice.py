"""The resting state of this marrow: the fields, stem-cell number and compartments that stand still together.

A sample of places stands for where stem cells are (`resting.places`). Given fields, each stage of the tree has a stationary
density n that balances arrivals, its own events and random hops,

    −∇·(D f ∇(n/f)) + k n = inflow,       k = r (1 − b σ p) + entry into the emergency chain,

and given densities the fields follow. Both are repeated, part of the way each time, while the sample lives and the numbers of
stem cells and of their tip grow or fall at their mean net rates, until gain equals loss of each. References come from the
species, so a poorer niche holds fewer.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche import coupling
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import resting as kernel
from marrow_niche.kernels.streams import generator
from marrow_niche.marrow import lineages
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.quantities.response import saturating_probability, saturating_rate
from marrow_niche.resting import places
from marrow_niche.resting.references import made_anew
from marrow_niche.state import take
from marrow_niche.transport.steady import solve_compact

SETTLE, LIVES = 62, 63
STEP_HOURS = np.array([160.0, 2400.0])
"""How far one round goes, for stem cells and for the tip, whose number answers to what it feels more slowly."""
MIX = 0.2
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


def stage_rates(row, logs, tree):
    """Event rate r [1/h], survival σ, renewal p and emergency entry [1/h] of stage `row` where `logs` (n_signal, n) are the
    logarithms of the signals."""

    def drive(exponents):
        return np.exp(exponents @ logs) if exponents.any() else 1.0

    rate = tree.rate[row] * np.ones(logs.shape[1])
    if tree.rate_response[row].any():
        rate = saturating_rate(tree.rate[row], tree.rate_limit[row], drive(tree.rate_response[row]))
    live = (
        saturating_probability(tree.survival[row], 1.0, drive(tree.survival_response[row]))
        if tree.survival[row] < 1
        else 1.0
    )
    renew = (
        saturating_probability(tree.renewal[row], tree.renewal_limit[row], drive(tree.renewal_response[row]))
        if tree.renewal[row] > 0
        else 0.0
    )
    hurry = 0.0
    if tree.burst_rate[row] > 0:
        hurry = tree.burst_rate[row] * lineages.demand(np.exp(logs[tree.burst_signal[row]]), tree)
    return rate, live, renew, hurry


def stage_shares(row, logs, tree):
    """{target: share} of the cells that leave stage `row`: the number 1 where there is one way, else (n,)."""
    ways = np.flatnonzero(tree.target[row] >= 0)
    if len(ways) == 1:
        return {int(tree.target[row, ways[0]]): 1.0}
    parts = {int(tree.target[row, k]): tree.share[row, k] * np.exp(tree.share_response[row, k] @ logs) for k in ways}
    whole = sum(parts.values())
    return {t: part / whole for t, part in parts.items()}


def alike(row, other, tree):
    """True when the cells of two stages fare alike under the same signals: the stages of one chain."""
    fate = [tree.rate, tree.rate_limit, tree.rate_response, tree.daughters, tree.survival, tree.survival_response]
    fate += [tree.renewal, tree.renewal_limit, tree.renewal_response, tree.burst_rate]
    return all(np.array_equal(part[row], part[other]) for part in fate)


def stage_densities(logs, inflow, before, from_burst, model, rtol=1e-4):
    """Stationary stored cells of every stage and what leaves, given signals; one pass down the tree.

    `inflow` {row: (n,) real cells/h}; `before` (n_stage, n) starts the solver; `from_burst` {row: (n,)} what the emergency
    chain gave last time. Returns expected (n_stage, n) float32, output (n_exit,) [cells/h], the new `from_burst`.
    """
    tree, lattice, f = model.tree, model.lattice, model.geometry.extravascular
    n_stage, n = len(tree.rate), model.n
    arriving = {row: flow.copy() for row, flow in inflow.items()}
    for row, flow in from_burst.items():
        arriving[row] = arriving.get(row, 0.0) + flow
    expected, output = np.zeros((n_stage, n), np.float32), np.zeros(len(EXITS))
    burst_out: dict[int, np.ndarray] = {}
    first_burst = tree.first["burst"]
    diffusivity = model.hop_number * model.hop_rounds / model.niche_step * lattice.spacing**2
    known, guess, cells = -1, np.empty(n), np.empty(n)
    for row in range(n_stage):
        flow = arriving.pop(row, None)
        if flow is None or not flow.any():
            continue
        if known < 0 or not alike(row, known, tree):
            rate, live, renew, hurry = stage_rates(row, logs, tree)
            loss = (rate * (1 - tree.daughters[row] * live * renew) + hurry) * f
            gone = tree.daughters[row] * live * (1 - renew) * rate
            known = row
        kernel.per_space(before[row], model.weight[row], f, guess)
        answer = solve_compact(
            model.domain,
            flow,
            diffusivity=diffusivity,
            loss=loss,
            spacing=lattice.spacing,
            guess=guess if guess.any() else None,
            rtol=rtol,
        )
        leaving = answer.concentration.reshape(-1)
        kernel.leaving(leaving, f, gone, model.weight[row], cells, expected[row])
        for t, share in stage_shares(row, logs, tree).items():
            part = share * leaving if np.ndim(share) else leaving
            if t >= n_stage:
                output[t - n_stage] += part.sum()
            elif row >= first_burst and t < first_burst:
                burst_out[t] = burst_out.get(t, 0.0) + part
            else:
                arriving[t] = arriving[t] + part if t in arriving else part
        if np.any(hurry):
            t = tree.burst_target[row]
            arriving[t] = arriving.get(t, 0.0) + hurry * cells
    return expected, output, burst_out


def find(state, model, *, calibrate=False, report=None):
    """Bring `state` to rest, in place, and return `Rest` and the model; `state.stem` is a sample of places on entry
    (`places.sample_of`), the cells on exit.

    With `calibrate` the stem-cell numbers are held at the species' own and every reference is moved to what its target cells
    feel instead: how the references in a species file were made; the model has them. Raises NumericsError when no state stands
    still.
    """
    numbers, rng = model.species.stem_cells.numbers * model.piece_share, generator(model.seed, LIVES)
    expected = spread_evenly(model)
    from_burst: dict[int, np.ndarray] = {}
    level, change, moved = np.ones(2), np.zeros(2), 1.0
    for turn in range(1, MOST + 1):
        part = 1.0 / (1 + turn // 20)  # ever smaller steps, should it swing to and fro
        stem = places.density(state.stem, level, model)
        coupling.solve_fields(expected, stem, state.stroma, state.hormones, state.fields, state.around, model, rtol=1e-3)
        state.counts = expected
        if calibrate:
            model = made_anew(state, expected, model)
        logs = coupling.voxel_signals(state, model, level * numbers)
        lived = places.live(state, level * numbers, model, rng, turn)
        if not calibrate:
            change = np.clip(part * lived.growth * STEP_HOURS, -0.3, 0.3)
            level *= np.exp(change)
        inflow = {model.tree.first[name]: level[0] * numbers[0] * each for name, each in lived.leaving.items()}
        exact = float(np.clip(3e-2 * moved, 1e-3, 3e-2))  # no nearer than this round can come, nor than whole cells can tell
        fresh, output, from_burst = stage_densities(logs, inflow, expected, from_burst, model, exact)
        moved = farthest(fresh, expected, model)
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
    return np.outer(nominal, model.space / model.space.sum()).astype(np.float32)


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
    chance = places.half_way(did, sample.tip, places.SPELL)
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
    counts = np.empty(expected.shape, np.int32)
    for row in range(len(expected)):
        kernel.whole(expected[row], rng.random(model.n), counts[row])
    state.counts = counts
