"""Committed lineages on the lattice: integer cells per voxel, stepped by binomial draws."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.cells import occupied
from marrow_niche.kernels.streams import binomial_u, uniform_pair, uniform_pairs

BLOCK = 1024
TREE, KILL = 11, 13
AGAIN = 16
"""Added to the numbers of the draws in the second turn of a step."""


LEAST = 1e-6
"""No signal is felt as less than this, unless another factor does its work: an absent factor is a large, finite loss."""


VESSEL, SAME = -1, -2


class Felt(NamedTuple):
    """What lineages feel in each voxel: signal k is fields[at[k]] / value[k], `vessel`, or value[k] everywhere, and at least
    least[k]."""

    fields: np.ndarray  # (n_field, n) float64
    vessel: np.ndarray  # (n,) float64
    at: np.ndarray  # (n_signal,) int64: a field, VESSEL or SAME
    value: np.ndarray  # (n_signal,) float64
    least: np.ndarray  # (n_signal,) float64, above zero


@njit(cache=True, nogil=True)
def log_signal(felt, k, v):
    """Logarithm of signal k in voxel v."""
    if felt.at[k] >= 0:
        x = felt.fields[felt.at[k], v] / felt.value[k]
    elif felt.at[k] == VESSEL:
        x = felt.vessel[v]
    else:
        x = felt.value[k]
    return math.log(max(x, felt.least[k]))


@njit(cache=True, nogil=True)
def drive(exponents, felt, v):
    """Product of powers of the signals of voxel v: exp(Σ e_s log x_s)."""
    s = 0.0
    for k in range(exponents.size):
        if exponents[k] != 0.0:
            s += exponents[k] * log_signal(felt, k, v)
    return math.exp(s)


@njit(cache=True, nogil=True)
def same(exponents, felt):
    """True when the signals that count are the same in every voxel."""
    local = 0
    for k in range(exponents.size):
        local += int(exponents[k] != 0.0 and felt.at[k] != SAME)
    return local == 0


@njit(cache=True, nogil=True)
def rate_at(rest, limit, drive):
    """`quantities.response.saturating_rate`."""
    return rest * drive / (1.0 + (drive - 1.0) * rest / limit)


@njit(cache=True, nogil=True)
def probability_at(rest, limit, drive):
    """`quantities.response.saturating_probability`."""
    return limit * drive / (drive + limit / rest - 1.0)


@njit(cache=True, nogil=True)
def entry_at(burst, scf, threshold, half):
    """Entry into the emergency chain, of `burst` under full demand: `marrow.lineages.demand`."""
    excess = scf / threshold - 1.0
    return burst * excess * excess / (excess * excess + half * half) if excess > 0.0 else 0.0


@njit(cache=True, nogil=True)
def responding(rate, limit, exponents, answers, felt, v):
    """The rate of a stage in voxel v, where it `answers` to signals."""
    return rate_at(rate, limit, drive(exponents, felt, v)) if answers else rate


@njit(cache=True, nogil=True)
def living(survival, exponents, felt, v):
    """The share of daughters that live in voxel v."""
    return probability_at(survival, 1.0, drive(exponents, felt, v)) if survival < 1.0 else 1.0


@njit(cache=True, nogil=True)
def handed_over(n, ratio, u):
    """Stored cells of the next compartment for n leaving cells of `ratio` times their weight; its mean is n·ratio."""
    whole = math.floor(ratio)
    return n * np.int64(whole) + binomial_u(n, ratio - whole, u)


@njit(cache=True, nogil=True)
def _those_with(come, low, places, filled):
    """How many of the first `filled` places have cells in `come`, counted from voxel `low`; which ones, into `places`."""
    kept = 0
    for i in range(filled):
        places[kept] = places[i]
        kept += int(come[np.int64(places[i]) - low] != 0)
    return kept


@njit(cache=True, nogil=True)
def _await(c, arriving, comes):
    """Stage c is one that cells come to: from none of them on, if it was not one before."""
    if not comes[c]:
        arriving[c] = 0
        comes[c] = True


@njit(cache=True, nogil=True)
def event_chances(x):
    """Chances of an event at rate 1 within x: of a cell there all along, of one that came at any moment with equal chance,
    and that a daughter which stays has one too: 1 − e^−x, 1 − (1 − e^−x)/x, 1 − x e^−x/(1 − e^−x)."""
    if x < 1e-5:
        return x, 0.5 * x, 0.5 * x
    there = -math.expm1(-x)
    return there, 1.0 - there / x, 1.0 - x * (1.0 - there) / there


@njit(cache=True, parallel=True, nogil=True)
def advance(
    counts,
    fresh,
    felt,
    dt,
    weight,
    rate,
    rate_limit,
    rate_response,
    daughters,
    renewal,
    renewal_limit,
    renewal_response,
    survival,
    survival_response,
    target,
    share,
    share_response,
    burst,
    burst_target,
    scf,
    threshold,
    half,
    seed,
    step,
):
    """One step of every lineage in every voxel, in place; returns what left and the ledger of the step.

    Stages follow one another down the tree, so that a cell may pass several in a step. One that is there at the beginning
    has its event with probability 1 − exp(−r dt); one that comes in the step, at any moment of it with equal chance, with
    1 − (1 − exp(−r dt))/(r dt). The mean stay in a stage is then 1/r for any dt, and so is the resting number; the step is
    of second order. What the emergency chain gives back to stages above it goes down the tree in a second turn.

    Parameters
    ----------
    counts : (n_stage, n) int32, written
        Stored cells.
    fresh : (k, 3) int64
        Stage, voxel and number of those in `counts` that stem cells gave in this step; by voxel.
    felt : Felt
        The signals over rest.
    dt : float
        Step [h].
    weight : (n_stage,) float64
        Real cells of the piece that one stored cell stands for.
    rate ... burst_target : as in `marrow.lineages.Tree` (rates 1/h); targets from n_stage on are exits.
    scf : (n_stage,) int64
        The signal that calls the emergency chain, of each stage.
    threshold, half : float
        Of the emergency demand.
    seed, step : int
        Of the streams.

    Returns
    -------
    left : (n_exit,) float64
        Real cells of the piece that left by each exit.
    ledger : (n_stage, 5) int64
        Stored cells that had an event, stayed as daughters, went into the emergency chain, arrived, and were there before.
    """
    n_stage, n = counts.shape
    n_exit = max(0, target.max() + 1 - n_stage)
    blocks = (n + BLOCK - 1) // BLOCK
    left = np.zeros((blocks, max(n_exit, 1)))
    book = np.zeros((blocks, n_stage, 5), np.int64)
    fan = target.shape[1]
    for b in prange(blocks):
        low = b * BLOCK
        high = min(n, low + BLOCK)
        arriving = np.empty((n_stage, BLOCK), np.int32)
        comes, come = np.zeros(n_stage, np.bool_), np.zeros(BLOCK, np.int32)
        part = np.zeros(fan)
        places = np.zeros(BLOCK, np.uint32)
        chances = np.zeros((2, BLOCK))
        for k in range(np.searchsorted(fresh[:, 1], low), fresh.shape[0]):
            c, v = fresh[k, 0], fresh[k, 1]
            if v >= high:
                break
            some = np.int32(min(fresh[k, 2], counts[c, v]))
            counts[c, v] -= some
            _await(c, arriving, comes)
            arriving[c, v - low] += some
        for turn in range(2):  # the second for what comes back from the emergency chain to stages done already
            for c in range(n_stage):
                if turn > 0 and not comes[c]:
                    continue
                draw, some_came = AGAIN * turn, comes[c]
                before = events_all = stayed = hurried_all = np.int64(0)
                if some_came:
                    here, new_ones, total_came = counts[c, low:high], arriving[c], np.int64(0)
                    for i in range(high - low):
                        come[i] = new_ones[i]
                        here[i] += new_ones[i]
                        total_came += new_ones[i]
                    book[b, c, 3] += total_came
                    comes[c] = False
                filled = occupied(counts[c], low, high, places)
                if filled == 0:
                    continue
                single, onward = fan == 1 or target[c, 1] < 0, target[c, 0]
                alone = single and onward >= 0 and (onward >= n_stage or weight[onward] == weight[c])
                answers = False
                for k in range(rate_response.shape[1]):
                    answers = answers or rate_response[c, k] != 0.0
                fastest = (max(rate[c], rate_limit[c]) if answers else rate[c]) * dt
                even, lives_even = burst[c] == 0.0 and same(rate_response[c], felt), same(survival_response[c], felt)
                r = responding(rate[c], rate_limit[c], rate_response[c], answers, felt, low) if even else 0.0
                there, came, later = event_chances(r * dt)
                lives = living(survival[c], survival_response[c], felt, low) if lives_even else 1.0
                if turn > 0:
                    filled = _those_with(come, low, places, filled)
                uniform_pairs(seed, places, c, filled, step, TREE, draw, chances[0], chances[1])
                for i in range(filled):
                    v, u0, u1 = int(places[i]), chances[0, i], chances[1, i]
                    new = np.int64(come[v - low]) if some_came else np.int64(0)
                    rest = np.int64(counts[c, v]) - new
                    cells = rest if turn == 0 else np.int64(0)  # that may have an event
                    before += cells
                    if burst[c] == 0.0 and new == 0 and u0 <= 1.0 - cells * fastest:
                        continue  # `binomial_u` would find no event at any rate
                    who = (np.int64(c) << 32) + v
                    if not even:
                        r = responding(rate[c], rate_limit[c], rate_response[c], answers, felt, v)
                    if not lives_even:
                        lives = -1.0  # not asked yet
                    call = 0.0
                    if burst[c] > 0.0:
                        call = entry_at(burst[c], math.exp(log_signal(felt, scf[c], v)), threshold, half)
                    if not even:
                        there, came, later = event_chances((r + call) * dt)
                    part_r = r / (r + call)
                    events = binomial_u(cells, there * part_r, u0)
                    a0 = a1 = w0 = w1 = 0.5
                    early = np.int64(0)
                    if new > 0:
                        a0, a1 = uniform_pair(seed, who, step, TREE, draw + 7)
                        early = binomial_u(new, came * part_r, a0)
                    if burst[c] > 0.0 or renewal[c] > 0.0:
                        w0, w1 = uniform_pair(seed, who, step, TREE, draw + 1)
                    hurried = np.int64(0)
                    if call > 0.0:  # of those without an event
                        hurried = binomial_u(cells - events, there * (1.0 - part_r) / (1.0 - there * part_r), w1)
                        if new > 0:
                            hurried += binomial_u(new - early, came * (1.0 - part_r) / (1.0 - came * part_r), a1)
                    events += early
                    rest += new
                    if events + hurried == 0:
                        continue
                    young = events * daughters[c]
                    if survival[c] < 1.0:
                        if lives < 0.0:
                            lives = living(survival[c], survival_response[c], felt, v)
                        young = binomial_u(young, lives, u1)
                    stay = np.int64(0)
                    if renewal[c] > 0.0:
                        renews = probability_at(renewal[c], renewal_limit[c], drive(renewal_response[c], felt, v))
                        stay = binomial_u(young, renews, w0)
                        if stay > 0:  # and may have another event
                            h0, h1 = uniform_pair(seed, who, step, TREE, draw + 8)
                            s0, s1 = uniform_pair(seed, who, step, TREE, draw + 9)
                            again = binomial_u(stay, later * part_r, h0)
                            more = again * daughters[c]
                            if survival[c] < 1.0:
                                more = binomial_u(more, lives, h1)
                            if call > 0.0:
                                hurried += binomial_u(stay - again, later * (1.0 - part_r) / (1.0 - later * part_r), s1)
                            events, young = events + again, young + more
                            stay += binomial_u(more, renews, s0)
                    if hurried > 0:
                        h0, h1 = uniform_pair(seed, who, step, TREE, draw + 6)
                        t = burst_target[c]
                        _await(t, arriving, comes)
                        arriving[t, v - low] += handed_over(hurried, weight[c] / weight[t], h0)
                    counts[c, v] = rest - hurried - events + stay
                    events_all, stayed, hurried_all = events_all + events, stayed + stay, hurried_all + hurried
                    going = young - stay
                    if going == 0:
                        continue
                    if alone:  # as most do: one way, at one weight
                        if onward >= n_stage:
                            left[b, onward - n_stage] += going * weight[c]
                        else:
                            _await(onward, arriving, comes)
                            arriving[onward, v - low] += going
                        continue
                    total = 0.0
                    last = 0
                    for k in range(fan):
                        if target[c, k] >= 0:
                            part[k] = (
                                share[c, k]
                                if fan == 1 or target[c, 1] < 0
                                else share[c, k] * drive(share_response[c, k], felt, v)
                            )
                            total += part[k]
                            last = k
                    for k in range(last + 1):
                        if going == 0:
                            break
                        t = target[c, k]
                        evenly = t >= n_stage or weight[t] == weight[c]
                        h0 = h1 = 0.5
                        if k < last or not evenly:
                            h0, h1 = uniform_pair(seed, who, step, TREE, draw + 2 + k)
                        take = going if k == last else binomial_u(going, part[k] / total, h0)
                        total -= part[k]
                        going -= take
                        if t >= n_stage:
                            left[b, t - n_stage] += take * weight[c]
                        else:
                            _await(t, arriving, comes)
                            arriving[t, v - low] += take if evenly else handed_over(take, weight[c] / weight[t], h1)
                book[b, c, 0] += events_all
                book[b, c, 1] += stayed
                book[b, c, 2] += hurried_all
                book[b, c, 4] += before
        for c in range(n_stage):  # what comes back once more waits
            if comes[c]:
                for v in range(low, high):
                    counts[c, v] += arriving[c, v - low]
                    book[b, c, 3] += arriving[c, v - low]
    out = np.zeros(left.shape[1])
    ledger = np.zeros((n_stage, 5), np.int64)
    for b in range(blocks):
        out += left[b]
        ledger += book[b]
    return out, ledger


@njit(cache=True, parallel=True)
def kill(counts, rows, into, survival, share, seed, step):
    """Each stored cell of the `rows` (r,) of counts (n_stage, n) lives with probability survival (n,) or (1,), in place.

    Of those that are hit the `share`, (n,) or (1,), goes on dividing for a while: they join the row `into` (r,) of the same
    number; where that is the row itself none does.
    """
    n = counts.shape[1]
    uniform = survival.size == 1
    for b in prange((n + BLOCK - 1) // BLOCK):
        for k in range(rows.size):
            c, d = rows[k], into[k]
            for v in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
                cells = np.int64(counts[c, v])
                if cells > 0:
                    p = survival[0] if uniform else survival[v]
                    if p < 1.0:
                        u0, u1 = uniform_pair(seed, (np.int64(c) << 32) + v, step, KILL, 0)
                        left = binomial_u(cells, p, u0)
                        counts[c, v] = left
                        if d != c:
                            counts[d, v] += binomial_u(cells - left, share[0] if share.size == 1 else share[v], u1)
