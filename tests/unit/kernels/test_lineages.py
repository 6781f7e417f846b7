"""Lineages on a lattice: equal to their slow twin cell for cell, right in the mean, closed in the books, blind to threads."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import lab
import naive_marrow as naive
import numpy as np
import pytest
from scipy import integrate, stats

from marrow_niche.body import blood
from marrow_niche.kernels import hops
from marrow_niche.kernels import lineages as kernel
from marrow_niche.marrow import lineages
from marrow_niche.marrow.lineages import EXITS, SIGNALS
from marrow_niche.transport import neighbours_of

SEED = 20240229
SCF = SIGNALS.index("SCF")
EVENTS, STAYED, HURRIED, ARRIVED, BEFORE = range(5)


def random_tree(n_stage=7, *, emergency=True, seed=3):
    """A tree with every feature: renewal, death, one to four ways on, exits, signals, and entry to an emergency stage."""
    rng = np.random.default_rng(seed)
    fan, signal = 4, len(SIGNALS)

    def response():
        return rng.choice([0.0, 0.5, 1.0, -0.5], (n_stage, signal))

    target, share = np.full((n_stage, fan), -1, np.int64), np.zeros((n_stage, fan))
    for c in range(n_stage):
        ways = 1 + c % fan
        later = np.concatenate([np.arange(c + 1, n_stage), n_stage + np.arange(3)])
        target[c, :ways] = rng.choice(later, min(ways, len(later)), replace=False)
        share[c, :ways] = rng.dirichlet(np.ones(ways))
    target[-1, 0] = n_stage + 2
    renewal = np.where(np.arange(n_stage) % 2 == 0, rng.uniform(0.1, 0.4, n_stage), 0.0)
    burst = np.where(np.arange(n_stage) < 3, 0.01, 0.0) if emergency else np.zeros(n_stage)
    return SimpleNamespace(
        rate=rng.uniform(0.01, 0.05, n_stage), rate_limit=np.full(n_stage, 0.12), rate_response=response(),
        daughters=1 + np.arange(n_stage) % 2, renewal=renewal, renewal_limit=np.full(n_stage, 0.5), renewal_response=response(),
        survival=np.where(np.arange(n_stage) % 3 == 0, 0.7, 1.0), survival_response=response(), target=target, share=share,
        share_response=rng.choice([0.0, 0.3], (n_stage, fan, signal)), burst_rate=burst,
        burst_target=np.full(n_stage, n_stage - 1), burst_signal=np.full(n_stage, SCF), burst_threshold=1.2, burst_half=1.0)


@pytest.fixture(scope="module")
def mouse_tree():
    """The mouse's own tree."""
    species = lab.scenario().parameters
    stem = species.stem_cells
    return lineages.grow(
        species.lineages, species.burst, inflow={"MPP": stem.to_mpp * stem.number, "MkP": stem.to_mkp * stem.number},
        production=blood.production(species.blood))


def advance(counts, signals, dt, weight, tree, seed, step, fresh=(), least=kernel.LEAST):
    """The kernel, in place; `least` that is felt of each signal."""
    felt = kernel.Felt(signals, signals[0], np.arange(len(signals)), np.ones(len(signals)), np.full(len(signals), least))
    return kernel.advance(
        counts, np.array(fresh, np.int64).reshape(-1, 3), felt, float(dt), weight, tree.rate, tree.rate_limit, tree.rate_response,
        np.asarray(tree.daughters, np.int64), tree.renewal, tree.renewal_limit, tree.renewal_response, tree.survival,
        tree.survival_response, tree.target, tree.share, tree.share_response, tree.burst_rate, tree.burst_target, tree.burst_signal,
        tree.burst_threshold, tree.burst_half, seed, step)


def random_lattice(shape=(4, 4, 5), open_share=0.75, seed=5):
    """(neighbour, extravascular) of a ragged piece of marrow."""
    rng = np.random.default_rng(seed)
    _, neighbour = neighbours_of(rng.random(shape) < open_share)
    return neighbour, rng.uniform(0.1, 1.0, len(neighbour))


# ----------------------------------------------------------------------------------------------------- the twins


@pytest.mark.parametrize("emergency", [False, True])
@pytest.mark.parametrize("dt", [1.0, 6.0])
def test_a_step_is_its_slow_twin_cell_for_cell(dt, emergency):
    """Three steps over more voxels than one block holds: counts, exits and ledger are equal; no question is asked twice. Of one
    signal more is felt than is there, in one voxel of three."""
    rng, tree = np.random.default_rng(8), random_tree(emergency=emergency)
    n_stage, n = len(tree.rate), kernel.BLOCK + 60
    counts = rng.integers(0, 6, (n_stage, n)).astype(np.int32)
    counts[rng.random(counts.shape) < 0.7] = 0
    counts[:, 3], counts[:, -1] = 0, rng.integers(100, 3000, n_stage)
    signals = rng.lognormal(0.3, 0.7, (len(SIGNALS), n))
    signals[:, :20] = 0.0
    weight = np.array([0.003, 0.003, 0.1, 0.25, 1.0, 1.0, 0.04])
    least = np.where(np.arange(len(SIGNALS)) == SIGNALS.index("TPO"), 1.0, kernel.LEAST)
    there, signals = signals, np.maximum(signals, least[:, np.newaxis])
    assert 0.2 < (there < signals)[SIGNALS.index("TPO")].mean() < 0.5
    hurried = 0
    for step in range(3):
        fresh = [(1, 2, 4), (0, 3, 9), (1, 3, 2), (2, n - 1, 50)]
        expected, left, ledger = naive.advance(counts, signals, dt, weight, tree, SEED, step, fresh)
        gone, book = advance(counts, there, dt, weight, tree, SEED, step, fresh, least)
        assert (counts == expected).all()
        assert (book == ledger).all()
        assert gone == pytest.approx(left, rel=1e-12)
        hurried += book[:, HURRIED].sum()
    assert (hurried > 0) == emergency


def random_line(**changes):
    """`random_tree` as a tree of one line."""
    made = vars(random_tree(**changes))
    n = len(made["rate"])
    return lineages.Tree(
        names=tuple(f"s{row}" for row in range(n)), first={"all": 0}, stages={"all": n}, rest=np.arange(1.0, n + 1),
        output=np.ones(len(EXITS)), **made)


def two_lines(n):
    """(tree of two lines, counts of both, signals that differ from line to line, weights)."""
    rng, tree = np.random.default_rng(18), lineages.lined(random_line(), ("host", "marked"))
    counts = rng.integers(0, 6, (14, n)).astype(np.int32)
    counts[rng.random(counts.shape) < 0.5] = 0
    counts[:, -1] = rng.integers(100, 3000, 14)
    signals = rng.lognormal(0.3, 0.7, (2 * len(SIGNALS), n))
    return tree, counts, signals, np.tile([0.003, 0.003, 0.1, 0.25, 1.0, 1.0, 0.04], 2)


def test_two_lines_are_their_slow_twin_cell_for_cell():
    """Both lines filled, each under signals of its own, daughters of stem cells in both; each has exits of its own."""
    tree, counts, signals, weight = two_lines(kernel.BLOCK + 10)
    hurried = np.zeros(2)
    for step in range(2):
        fresh = [(1, 2, 4), (8, 2, 3), (7, 3, 5), (9, counts.shape[1] - 1, 50)]
        expected, left, ledger = naive.advance(counts, signals, 6.0, weight, tree, SEED, step, fresh)
        gone, book = advance(counts, signals, 6.0, weight, tree, SEED, step, fresh)
        assert (counts == expected).all() and (book == ledger).all()
        assert gone == pytest.approx(left, rel=1e-12)
        assert (gone[:3] > 0).all() and not gone[3 : len(EXITS)].any() and (gone[len(EXITS) :] > 0).all()
        hurried += book[:, HURRIED].reshape(2, -1).sum(axis=1)
    assert (hurried > 0).all()


@pytest.mark.parametrize("filled", [False, True])
def test_a_second_line_changes_no_bit_of_the_first(filled):
    """Host cells draw and feel the same with another line beside them, empty or not: counts, exits and ledger."""
    tree, counts, signals, weight = two_lines(700)
    counts[7:] *= filled
    alone = counts[:7].copy()
    for step in range(3):
        left, book = advance(counts, signals, 3.0, weight, tree, SEED, step)
        gone, own = advance(alone, signals[: len(SIGNALS)].copy(), 3.0, weight[:7].copy(), random_line(), SEED, step)
        assert (counts[:7] == alone).all() and (book[:7] == own).all()
        assert (left[: len(gone)] == gone).all()
        assert counts[7:].any() == left[len(EXITS) :].any() == filled


def test_lines_share_their_laws_and_not_their_luck():
    """Under the same signals both lines change alike in the mean, and not in each voxel."""
    tree, _, _, weight = two_lines(1)
    counts, n = np.full((14, 4000), 20, np.int32), 4000
    left, _ = advance(counts, np.ones((2 * len(SIGNALS), n)), 6.0, weight, tree, SEED, 0)
    host, marked = counts[:7].astype(float), counts[7:].astype(float)
    apart = np.abs(host.mean(axis=1) - marked.mean(axis=1))
    assert (apart < 4.5 * np.sqrt((host.var(axis=1) + marked.var(axis=1)) / n)).all()
    assert (host != marked).mean() > 0.5
    assert left[len(EXITS) :] == pytest.approx(left[:3], rel=0.05)


def test_hops_are_their_slow_twin_cell_for_cell():
    neighbour, f = random_lattice()
    counts = np.random.default_rng(2).integers(0, 40, (3, len(f))).astype(np.int32)
    counts[1] //= 8
    for step in range(2):
        luck = naive.Luck(SEED, step)
        for round_ in range(3):
            expected = naive.wander(counts, neighbour, f, 1 / 12, SEED, step, round_, luck)
            hops.wander(counts, neighbour, f, 1 / 12, SEED, step, round_)
            assert (counts == expected).all()


@pytest.mark.parametrize("by_voxel", [False, True])
def test_killing_is_its_slow_twin_cell_for_cell(by_voxel):
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 200, (8, 300)).astype(np.int32)
    before = counts.copy()
    cases = (([0, 1], [0, 1], rng.random(300 if by_voxel else 1)), ([2, 3], [5, 6], rng.random(300 if by_voxel else 1)),
             ([4], [7], np.full(300 if by_voxel else 1, 1.0)), ([7], [7], np.zeros(300 if by_voxel else 1)))
    for step, (rows, into, survival) in enumerate(cases):
        share = rng.random(survival.size)
        expected = naive.kill(counts, rows, into, survival, share, SEED, step)
        kernel.kill(counts, np.array(rows), np.array(into), survival, share, SEED, step)
        assert (counts == expected).all()
    assert (counts[4] == before[4]).all() and not counts[7].any()
    assert (counts[:4] < before[:4]).any() and (counts[5:7] > before[5:7]).any()


def test_killing_spares_the_stated_share():
    counts = np.full((3, 4000), 25, np.int32)
    share = np.array([[0.03], [0.5], [0.98]])
    for row, p in enumerate(share):
        kernel.kill(counts, np.array([row]), np.array([row]), p, np.full(1, 0.7), SEED, 1)
    total = 4000 * 25
    for living, p in zip(counts.sum(axis=1), share[:, 0]):
        assert abs(living - total * p) < 4.5 * np.sqrt(total * p * (1 - p))


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_of_those_hit_the_stated_share_joins_the_doomed(share):
    """Those who live are the same whatever becomes of the others; who is hit is gone or in the other row, once."""
    counts, alone = np.zeros((4, 4000), np.int32), np.zeros((4, 4000), np.int32)
    counts[:2] = alone[:2] = 25
    kernel.kill(counts, np.array([0, 1]), np.array([2, 3]), np.full(1, 0.2), np.full(1, share), SEED, 1)
    kernel.kill(alone, np.array([0, 1]), np.array([0, 1]), np.full(1, 0.2), np.full(1, share), SEED, 1)
    assert (counts[:2] == alone[:2]).all() and not alone[2:].any()
    assert (counts[:2] + counts[2:] <= 25).all()
    hit, joined = 25 * 8000 - counts[:2].sum(), counts[2:].sum()
    assert abs(joined - share * hit) <= 4.5 * np.sqrt(hit * share * (1 - share))


# --------------------------------------------------------------------------------------- the mean and the books


SIGNAL_CASES = {
    "rest": {}, "crowded": {"SCF": 0.5, "TPO": 0.4, "EPO": 0.7, "GCSF": 0.8, "IL7": 0.6, "vessel": 0.7},
    "demand": {"SCF": 3.0, "TPO": 6.0, "EPO": 2.0, "GCSF": 3.0, "IL7": 2.0}, "nothing": dict.fromkeys(SIGNALS, 0.0)}


@pytest.mark.parametrize("case", SIGNAL_CASES)
@pytest.mark.parametrize("dt", [1.0, 3.0])
def test_the_mean_of_a_step_is_the_well_mixed_equation(mouse_tree, case, dt):
    """Four steps of the mouse's tree in 2,500 alike voxels, against the differential equation itself solved to 1e-9.

    Every stage and exit lies within 5 standard errors, taken from voxel to voxel, and what the step is off by: 0.3 % of
    what is there in steps of an hour, 3 % in steps of three. Stages stand for different numbers of cells, so weights and
    the emergency chain count too.
    """
    tree, n = mouse_tree, 2500
    names = np.array([SIGNAL_CASES[case].get(name, 1.0) for name in SIGNALS])
    rng = np.random.default_rng(1)
    stored = rng.integers(1, 30, len(tree.rate))
    weight = rng.choice([0.3, 1.0, 1.0, 2.7], len(tree.rate))
    counts = np.repeat(stored[:, None], n, axis=1).astype(np.int32)
    signals = np.repeat(names[:, None], n, axis=1)
    left = sum(advance(counts, signals, dt, weight, tree, SEED, step)[0] for step in range(4))
    mean, out = flow(tree, stored * weight, names, 4 * dt)
    off = {1.0: 3e-3, 3.0: 3e-2}[dt]
    real = weight[:, None] * counts
    error = real.std(axis=1) / np.sqrt(n) + weight / n
    gap = real.mean(axis=1) - mean
    score = np.sign(gap) * np.maximum(np.abs(gap) - off * mean, 0.0) / error
    worst = int(np.argmax(np.abs(score)))
    assert abs(score[worst]) < 5, f"{tree.names[worst]}: {real[worst].mean():g}, not {mean[worst]:g}"
    assert (error < 0.05 * np.maximum(mean, 1.0)).all()
    # the exits' error: at most as large as if each leaving cell were drawn by itself, at the weight of one stage
    assert (np.abs(left / n - out) < 5 * np.sqrt(2.7 * 2 * np.maximum(out, 1e-3) / n) + off * out).all()


def flow(tree, cells, names, hours):
    """Mean cells by stage and what left by each exit after so many hours under constant signals."""
    n_stage = len(cells)

    def change(_, y):
        return np.concatenate(lineages.well_mixed_change(y[:n_stage], names, np.zeros(n_stage), tree))

    done = integrate.solve_ivp(
        change, (0.0, hours), np.append(cells, np.zeros(len(EXITS))), rtol=1e-9, atol=1e-9, method="LSODA")
    return done.y[:n_stage, -1], done.y[n_stage:, -1]


def test_a_step_is_of_second_order(mouse_tree):
    """Ten million cells a stage in each of 8 voxels, so that chance is small: after 24 h under demand, from numbers that are far
    from rest, the worst stage is off by a quarter when the step is halved, and by 0.2 % in steps of an hour."""
    tree, weight = mouse_tree, np.ones(len(mouse_tree.rate))
    names = np.array([SIGNAL_CASES["demand"].get(name, 1.0) for name in SIGNALS])
    stored = np.full(len(tree.rate), 10_000_000)
    exact, _ = flow(tree, stored.astype(float), names, 24.0)
    off = {}
    for dt in (1.0, 2.0, 4.0):
        counts = np.repeat(stored[:, None], 8, axis=1).astype(np.int32)
        for step in range(round(24 / dt)):
            advance(counts, np.repeat(names[:, None], 8, axis=1), dt, weight, tree, SEED, step)
        off[dt] = np.abs(counts.mean(axis=1) / exact - 1).max()
    assert off[1.0] < 2.2e-3
    assert 3.5 < off[2.0] / off[1.0] < 4.5
    assert 3.5 < off[4.0] / off[2.0] < 4.5


def test_resting_numbers_stay_where_they_are(mouse_tree):
    """A thousandth of the mouse in one place, fed at the resting rate: after 15 days of 6 h steps the mean of 200 such
    marrows is still the resting tree in every stage."""
    tree, n, part = mouse_tree, 200, 2e-5
    weight = np.where(part * tree.rest > 50, 1.0, 0.05)
    rest = np.append(tree.rest[:tree.first["burst"]], 0.0)
    stored = np.zeros((len(tree.rate), n), np.int32)
    rng = np.random.default_rng(12)
    for c, cells in enumerate(rest[:-1]):
        stored[c] = rng.poisson(part * cells / weight[c], n)
    signals = np.ones((len(SIGNALS), n))
    # what enters: the resting change without it, reversed
    need = -lineages.well_mixed_change(tree.rest, np.ones(len(SIGNALS)), np.zeros(len(tree.rate)), tree)[0]
    entering = np.maximum(np.where(np.abs(need) > 1e-9 * tree.rest * tree.rate, need, 0.0), 0.0)
    assert set(np.flatnonzero(entering)) == {tree.first["MPP"], tree.first["MkP"]}
    for step in range(60):
        advance(stored, signals, 6.0, weight, tree, SEED, step)
        for c in np.flatnonzero(entering):
            stored[c] += rng.poisson(6.0 * part * entering[c] / weight[c], n).astype(np.int32)
    real = weight[:, None] * stored
    here = slice(0, tree.first["burst"])
    error = real.std(axis=1)[here] / np.sqrt(n)
    assert (np.abs(real.mean(axis=1)[here] - part * tree.rest[here]) < 5 * error).all()
    assert not stored[tree.first["burst"]:].any()


def test_the_books_close_and_each_leaver_is_counted_once():
    """Of weight 1 and without death: cells now and cells gone are cells before and one more for each division."""
    rng, tree = np.random.default_rng(6), random_tree()
    tree.survival = np.ones(len(tree.rate))
    counts = rng.integers(0, 50, (len(tree.rate), 1500)).astype(np.int32)
    signals = rng.lognormal(0.5, 0.5, (len(SIGNALS), 1500))
    gone, whole = 0.0, counts.sum()
    for step in range(10):
        before = counts.sum(axis=1, dtype=np.int64)
        left, book = advance(counts, signals, 6.0, np.ones(len(tree.rate)), tree, SEED, step)
        assert (counts >= 0).all()
        change = -book[:, EVENTS] + book[:, STAYED] - book[:, HURRIED] + book[:, ARRIVED]
        assert (counts.sum(axis=1) - before == change).all()
        whole += (book[:, EVENTS] * (tree.daughters - 1)).sum()
        gone += left.sum()
        assert counts.sum() + gone == whole
    assert gone > 1000


def test_a_cell_may_pass_several_stages_in_a_step():
    """At a rate far above one a step nearly all pass both stages: those there, and all but 1/(r dt) of those that came."""
    tree = random_tree(2)
    tree.rate, tree.rate_limit, tree.rate_response[:] = np.array([5.0, 5.0]), np.array([9.0, 9.0]), 0.0
    tree.daughters, tree.survival, tree.renewal, tree.burst_rate = np.ones(2, int), np.ones(2), np.zeros(2), np.zeros(2)
    tree.target[:], tree.share[:] = -1, 0.0
    tree.target[0, 0], tree.target[1, 0], tree.share[:, 0] = 1, 2, 1.0
    counts = np.array([[70_000, 0], [2, 1]], np.int32)
    left, book = advance(counts, np.ones((len(SIGNALS), 2)), 6.0, np.array([1.0, 0.5]), tree, SEED, 0)
    assert counts[0].tolist() == [0, 0] and counts[1, 1] == 0
    assert abs(counts[1, 0] - 140_000 / 30) < 4.5 * np.sqrt(140_000 / 30)
    assert left.tolist() == [0.5 * book[1, EVENTS]]
    assert book[:, EVENTS].tolist() == [70_000, 140_003 - counts[1, 0]]


def test_daughters_of_stem_cells_come_in_the_step():
    """Of cells that are fresh 1 − (1 − e^−x)/x have an event, of the others 1 − e^−x; more fresh ones than cells are all."""
    tree = random_tree(1)
    tree.rate, tree.rate_response[:], tree.renewal, tree.burst_rate = np.array([0.1]), 0.0, np.zeros(1), np.zeros(1)
    tree.survival = np.ones(1)
    for fresh, chance in ((0, 1 - np.exp(-0.6)), (10**6, 1 - (1 - np.exp(-0.6)) / 0.6)):
        counts = np.full((1, 2), 100_000, np.int32)
        _, book = advance(counts, np.ones((len(SIGNALS), 2)), 6.0, np.ones(1), tree, SEED, 0, [(0, 1, fresh)])
        left = 100_000 - counts[0, 1]
        assert abs(left - 1e5 * chance) < 4.5 * np.sqrt(1e5 * chance)
        assert book[0, BEFORE] == (200_000 if fresh == 0 else 100_000)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.7, 5.0])
@pytest.mark.parametrize("n", [1, 4])
def test_handing_over_keeps_the_mean(n, ratio):
    """Over evenly spread uniforms the mean of the stored cells is n·ratio, and none is more than a whole one off."""
    u = (np.arange(20_000) + 0.5) / 20_000
    given = np.array([kernel.handed_over(n, ratio, x) for x in u])
    assert given.mean() == pytest.approx(n * ratio, rel=2e-4)
    assert (given >= n * np.floor(ratio)).all() and (given <= n * np.ceil(ratio)).all()
    assert (given == [naive.handed_over(n, ratio, x) for x in u]).all()


# ------------------------------------------------------------------------------------------------------- hops


def test_a_hop_takes_the_stated_way():
    """From one crowded voxel, 2 number f_j/(f_i + f_j) of the cells go each open way; the mean square step is 6 D dt."""
    _, neighbour = neighbours_of(np.ones((3, 3, 3), bool))
    f = np.random.default_rng(3).uniform(0.2, 1.0, 27)
    counts = np.zeros((1, 27), np.int32)
    counts[0, 13] = cells = 2_000_000
    hops.wander(counts, neighbour, f, 0.07, SEED, 0, 0)
    for j in neighbour[13]:
        p = 2 * 0.07 * f[j] / (f[13] + f[j])
        assert abs(counts[0, j] - cells * p) < 4.5 * np.sqrt(cells * p * (1 - p))
    counts[:] = 0
    counts[0, 13] = cells
    hops.wander(counts, neighbour, np.ones(27), 0.07, SEED, 1, 0)
    p = 6 * 0.07
    assert abs(counts[0, neighbour[13]].sum() - p * cells) < 4.5 * np.sqrt(cells * p * (1 - p))


@pytest.mark.parametrize("cells", [1, 2, 5])
def test_few_cells_hop_as_many_do(cells):
    """A handful in the midst of each of 20,000 lattices: the same chances of each way, and each pair of cells alike as often
    as independent ones are."""
    _, neighbour = neighbours_of(np.ones((3, 3, 3), bool))
    f = np.random.default_rng(3).uniform(0.2, 1.0, 27)
    counts = np.zeros((20_000, 27), np.int32)
    counts[:, 13] = cells
    hops.wander(counts, neighbour, f, 0.07, SEED, 2, 0)
    total, ways = counts.sum(), [13, *neighbour[13]]
    p = np.array([0.0, *(2 * 0.07 * f[j] / (f[13] + f[j]) for j in neighbour[13])])
    p[0] = 1.0 - p.sum()
    assert total == cells * 20_000 == counts[:, ways].sum()
    assert stats.chisquare(counts[:, ways].sum(axis=0), total * p).pvalue > 1e-3
    pairs, alike = total * (cells - 1) / 2, (counts * (counts - 1) // 2).sum()
    q = (p**2).sum()
    assert abs(alike - pairs * q) <= 4.5 * np.sqrt(pairs * cells * q * (1 - q))


def test_stages_are_visited_once_each():
    for n in (1, 2, 5, 49, 50, 97):
        stride = hops._spreading(n)
        assert sorted(t * stride % n for t in range(n)) == list(range(n))


def test_hops_leave_cells_spread_as_the_space_outside_vessels():
    """From all in one voxel to N f_i/Σf: chi-square of the resting distribution, on a ragged lattice of one region."""
    from scipy import ndimage

    rng = np.random.default_rng(1)
    open_ = rng.random((3, 4, 4)) < 0.85
    label, _ = ndimage.label(open_)
    open_ = label == np.argmax(np.bincount(label[label > 0]))
    _, neighbour = neighbours_of(open_)
    f = rng.uniform(0.05, 1.0, len(neighbour))
    counts = np.zeros((3, len(f)), np.int32)
    counts[:, 0] = 4000
    for step in range(1000):
        hops.wander(counts, neighbour, f, 1 / 12, SEED, step, 0)
    assert (counts.sum(axis=1) == 4000).all()
    expected = 4000 * f / f.sum()
    assert expected.min() > 5
    for row in counts:
        assert stats.chisquare(row, expected).pvalue > 1e-3
    even = np.full(len(f), 4000 / len(f))
    assert stats.chisquare(counts[0], even).pvalue < 1e-12


def test_walls_are_never_crossed_and_no_cell_is_lost():
    """Two rooms with a wall of closed voxels between keep their cells each."""
    open_ = np.ones((3, 5, 7), bool)
    open_[:, :, 3] = False
    flat, neighbour = neighbours_of(open_)
    left_room = flat % 7 < 3
    counts = np.random.default_rng(7).integers(0, 30, (4, len(flat))).astype(np.int32)
    before = counts[:, left_room].sum(axis=1), counts.sum(axis=1)
    start = counts.copy()
    for round_ in range(50):
        hops.wander(counts, neighbour, np.full(len(flat), 0.6), 1 / 12, SEED, 4, round_)
    assert (counts[:, left_room].sum(axis=1) == before[0]).all()
    assert (counts.sum(axis=1) == before[1]).all()
    assert (counts >= 0).all() and (counts != start).mean() > 0.5


# -------------------------------------------------------------------------------------------------- threads


SCRIPT = """
import hashlib, sys
import numba, numpy as np
sys.path[:0] = {path!r}
import importlib.util
spec = importlib.util.spec_from_file_location("cases", {file!r})
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
for threads in (1, 2, 3):
    numba.set_num_threads(threads)
    print(threads, cases.fingerprint())
"""


def fingerprint():
    """Bits of three steps, hops and a dose, with weights whose sums round."""
    import hashlib

    rng, tree = np.random.default_rng(6), random_tree()
    neighbour, f = random_lattice((20, 20, 20))
    counts = rng.integers(0, 9, (len(tree.rate), len(f))).astype(np.int32)
    signals = rng.lognormal(0.3, 0.5, (len(SIGNALS), len(f)))
    weight, digest = rng.uniform(0.1, 1.0, len(tree.rate)), hashlib.sha256()
    for step in range(3):
        left, book = advance(counts, signals, 6.0, weight, tree, SEED, step)
        for round_ in range(2):
            hops.wander(counts, neighbour, f, 1 / 12, SEED, step, round_)
        for part in (counts, left, book):
            digest.update(part.tobytes())
    half = np.arange(len(counts) // 2)
    kernel.kill(counts, half, half + half.size, np.linspace(0.2, 0.9, counts.shape[1]), np.full(1, 0.6), SEED, 3)
    digest.update(counts.tobytes())
    return digest.hexdigest()


def test_the_bits_do_not_depend_on_threads():
    """One, two and three threads, also where there are fewer cores, and this process: one fingerprint."""
    code = SCRIPT.format(path=[str(Path(__file__).parents[2])], file=__file__)
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"NUMBA_NUM_THREADS": "3"}, capture_output=True,
                          text=True, check=True, timeout=300)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert {row[1] for row in rows} == {fingerprint()}
