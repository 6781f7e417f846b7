"""The resting state of this marrow: the fields, stem-cell number and compartments that stand still together.

Stem cells dwell where their affinity puts them; a sample of such places stands for that distribution. Given fields, each
stage of the tree has a stationary density n that balances arrivals, its own events and random hops,

    −∇·(D f ∇(n/f)) + k n = inflow,       k = r (1 − b σ p) + entry into the emergency chain,

and given densities the fields follow. Both are repeated, part of the way each time, while the numbers of stem cells and of
their tip grow or fall at their mean net rates until gain equals loss of each. References come from the species, so a poorer
niche holds fewer.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from marrow_niche import coupling
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import resting as kernel
from marrow_niche.kernels.streams import generator
from marrow_niche.marrow import fate, lineages
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.quantities.response import saturating_probability, saturating_rate
from marrow_niche.state import resting_stem_cells, take
from marrow_niche.transport.steady import solve_compact

DWELL = 61
STEP_HOURS = np.array([480.0, 2400.0])
"""How far one round goes, for stem cells and for the tip, whose number answers to what it feels more slowly."""
MIX = 0.3
LIFE, HOURS = 240.0, 4
"""Hours that the sample of places lives between two rounds, and of these in one stride."""
BEFORE = 2**32 - 1  # the step of the draws before the first hour: none of the run's own


@dataclass(frozen=True, kw_only=True)
class Rest:
    """`level` (2,) stem cells over the species' density, others and tip; `expected` (n_stage, n) stored cells; `output` cells/h
    by exit (n_exit,)."""

    level: np.ndarray
    expected: np.ndarray
    output: np.ndarray


def dwelling(number, model):
    """A `StemState` of `number` quiescent stem cells at places drawn from where stem cells dwell: exp(−d/reach − cost)."""
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


def net_growth(rates, cycle_time):
    """Division rate and net growth rate [1/h] of stem cells of these `fate.Rates` by themselves, each (k,).

    What the tip gives to the others, 2 (1 − p) d, is not in it.
    """
    cycling = rates.wake / (rates.wake + 1 / cycle_time + rates.death)
    division = cycling / cycle_time
    return division, (2 * rates.renewal - 1) * division - rates.death


@dataclass(frozen=True, kw_only=True)
class Doing:
    """What the sample does at its places: rates [1/h] of each cell, (k,), and of both kinds, others and tip, (2,)."""

    rates: fate.Rates
    division: np.ndarray  # (k,)
    net: np.ndarray  # (k,): growth by itself
    given: np.ndarray  # (k,): daughters that leave the tip, over one other stem cell of the sample; 0 for others
    growth: np.ndarray  # (2,): mean, others with what the tip gives them


def doing(felt, tip, number, model):
    """What stem cells that feel this do, `tip` (k,) bool, at `number` (2,) of others and tip."""
    rates = coupling.stem_rates(felt, tip, model)
    division, net = net_growth(rates, model.species.stem_cells.cycle_time)
    given = np.where(tip, 2 * (1 - rates.renewal) * division, 0.0) * (number[1] / number[0])
    growth = np.array([net[~tip].mean() + given[tip].mean(), net[tip].mean()])
    return Doing(rates=rates, division=division, net=net, given=given, growth=growth)


def succeed(sample, did, goes, hours, model, rng, turn):
    """Let the sample live for `hours` in marrow that stands still, in place: its cells walk, and the next generation stands where
    cells gain, more of it the more they do; so many of each kind as before.

    Where stem cells are held better than elsewhere they gather, since they walk slowly: 2 D ∇²n and what n gains balance.
    """
    tip, parents = sample.tip, np.arange(len(sample.id))
    own = np.exp(np.clip(did.net * hours, -1.0, 1.0))
    for kind, weight in ((~tip, np.where(tip, did.given * hours, own)), (tip, np.where(tip, own, 0.0))):
        here = np.flatnonzero(kind)
        upto = np.cumsum(weight)
        at = (np.arange(len(here)) + rng.random()) * (upto[-1] / len(here))
        parents[here] = rng.permutation(np.minimum(np.searchsorted(upto, at, side="right"), len(tip) - 1))
    for values in (sample.position, sample.voxel, sample.distance):
        values[:] = values[parents]
    who = np.flatnonzero(rng.random(len(tip)) < -np.expm1(-hours * goes[parents]))
    coupling.lodge_by(sample, who, rng.random(len(who)), model.geometry.sinusoid_area, model, BEFORE - 1 - turn)
    coupling.walk(sample, model, model.stride * np.sqrt(HOURS), round(model.rounds * hours / HOURS), BEFORE - 1 - turn)


def find(state, model, *, calibrate=False, tolerance=4e-3, most=60, report=None):
    """Bring `state` to rest, in place, and return `Rest`; `state.stem` is a sample of places on entry, the cells on exit.

    With `calibrate` the stem-cell number is held at the species' own and every reference is moved to what its target
    cells feel instead: how the references in a species file were made. Raises NumericsError when no state stands still.
    """
    species, tree = model.species, model.tree
    sample, numbers = state.stem, species.stem_cells.numbers * model.piece_share
    sample.tip[:] = sample.id // 2 % 2
    others, quarter = np.flatnonzero(~sample.tip), coupling.quarters(sample)
    rng = generator(model.seed, DWELL + 2)
    nominal = model.piece_share * tree.rest / model.weight
    even, expected = model.space / model.space.sum(), np.empty((len(nominal), model.n), np.float32)
    for row, number in zip(expected, nominal):
        row[:] = number * even
    from_burst: dict[int, np.ndarray] = {}
    level, output, moved = np.ones(2), np.zeros(len(EXITS)), 1.0
    for turn in range(1, most + 1):
        part = 1.0 / (1 + turn // 10)  # ever smaller steps, should it swing to and fro
        number = level * numbers
        here = np.bincount(quarter * model.n + sample.voxel, minlength=4 * model.n).reshape(4, -1) / len(others)
        stem = np.repeat(number, 2)[:, np.newaxis] * here
        coupling.solve_fields(
            expected, stem, state.stroma, state.hormones, state.fields, state.around, model, rtol=1e-3
        )
        state.counts = expected
        if calibrate:
            model = recalibrated(state, expected, model)
            species = model.species
        logs = coupling.voxel_signals(state, model, number)
        felt = coupling.stem_signals(state, model, number)
        did = doing(felt, sample.tip, number, model)
        if not calibrate:
            change = np.clip(part * did.growth * STEP_HOURS, -0.3, 0.3)
            level *= np.exp(change)
        leaving = (2 * (1 - did.rates.renewal) * did.division)[others] * (level[0] * numbers[0] / len(others))
        share_mkp, at = did.rates.share_mkp[others], sample.voxel[others]
        inflow = {
            tree.first[name]: np.bincount(at, leaving * share, minlength=model.n)
            for name, share in (("MPP", 1 - share_mkp), ("MkP", share_mkp))
        }
        exact = float(np.clip(3e-2 * moved, 1e-3, 3e-2))  # no nearer than this round can come, nor than whole cells can tell
        fresh, output, from_burst = stage_densities(logs, inflow, expected, from_burst, model, exact)
        moved = float(
            np.max(np.abs(fresh.sum(axis=1) / np.maximum(expected.sum(axis=1), 1e-9) - 1)[: tree.first["burst"]])
        )
        kernel.approach(expected, fresh, part * MIX)
        if report:
            report(turn, level, did.growth, moved)
        if level.min() < 1e-3:
            raise NumericsError(
                "No stem cells can live in this marrow: division never makes good what dies. "
                "Give it more stroma or vessels (see `marrow-niche check`), or a larger piece."
            )
        if turn > 3 and moved < 5 * tolerance and (calibrate or (np.abs(change) < tolerance).all()):
            break
        succeed(sample, did, coupling.egress_rate(felt, model), LIFE, model, rng, turn)
    else:
        raise NumericsError(
            f"The resting state did not settle in {most} rounds: stem cells still change by "
            f"{2400 * did.growth[0]:.2g} % a day, those of the tip by {2400 * did.growth[1]:.2g} %."
        )
    settle(state, sample, level * numbers / model.stem_weight, did.division, fresh, model)
    return Rest(level=level, expected=fresh, output=output), model


def settle(state, sample, number, division, expected, model):
    """Draw the cells of the resting state: `number` (2,) of the sample, others and tip, which divide at `division` (k,)
    [1/h], and stored cells of each stage as integers."""
    rng = generator(model.seed, DWELL + 1)
    of_tip = min(round(number[1]), max(1, round(number.sum())))
    many, chosen = (max(1, round(number.sum())) - of_tip, of_tip), []
    for kind, count in zip((~sample.tip, sample.tip), many):
        here = np.flatnonzero(kind)
        chosen.append(rng.choice(here, count, replace=count > len(here)))
    order = rng.permutation(sum(many))
    chosen = np.concatenate(chosen)[order]
    stem = take(sample, chosen)
    stem.id = np.arange(len(chosen), dtype=np.int64)
    stem.clone = stem.id.copy()
    stem.cycling = rng.random(len(chosen)) < division[chosen] * model.species.stem_cells.cycle_time
    state.stem, state.next_id = stem, len(chosen)
    counts = np.empty(expected.shape, np.int32)
    for row in range(len(expected)):
        kernel.whole(expected[row], rng.random(model.n), counts[row])
    state.counts = counts


def recalibrated(state, expected, model):
    """The model with every reference at what its target cells feel now.

    Three follow from what stem cells do, since their answers are curved: TGF-beta's is where the mean stem cell divides at
    the species' rate, those of contact SCF where stem cells, and the tip, gain what they lose.
    """
    species = model.species

    def mean_at(row, values):
        weight = expected[row].astype(float)
        return float((weight * values).sum() / weight.sum())

    here = state.stem.voxel
    cytokines = {}
    for k, (name, c) in enumerate(species.cytokines.items()):
        target = {"SCF": "CMP", "GCSF": "GMP", "IL7": "proB"}.get(name)
        value = (
            float(state.fields[k][here].mean())
            if target is None
            else mean_at(model.tree.first[target], state.fields[k])
        )
        cytokines[name] = dataclasses.replace(c, reference=value)
    trial = dataclasses.replace(model, species=dataclasses.replace(species, cytokines=cytokines))
    felt, stem, tip = coupling.stem_signals(state, trial), species.stem_cells, state.stem.tip

    def answers(touch, of_tip, quiet):
        there = felt | {"membrane_scf": felt["membrane_scf"] / np.where(tip, of_tip, touch), "tgf": felt["tgf"] / quiet}
        did = doing(there, tip, stem.numbers, trial)
        return did.division[~tip].mean() - stem.division, did.growth

    touch = of_tip = quiet = 1.0
    for _ in range(5):
        quiet = _bisect(lambda q, t=touch, o=of_tip: answers(t, o, q)[0])
        of_tip = _bisect(lambda o, t=touch, q=quiet: -answers(t, o, q)[1][1])
        touch = _bisect(lambda t, o=of_tip, q=quiet: -answers(t, o, q)[1][0])
    cytokines["TGFb"] = dataclasses.replace(cytokines["TGFb"], reference=cytokines["TGFb"].reference * quiet)
    stem = dataclasses.replace(
        stem,
        membrane_reference=stem.membrane_reference * touch,
        tip_membrane_reference=stem.tip_membrane_reference * of_tip,
    )
    return dataclasses.replace(model, species=dataclasses.replace(species, cytokines=cytokines, stem_cells=stem))


def _bisect(rises):
    """The factor in 1/30 to 30 at which the rising function `rises` is zero."""
    low, high = 1 / 30, 30.0
    for _ in range(30):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if rises(middle) > 0 else (middle, high)
    return np.sqrt(low * high)
