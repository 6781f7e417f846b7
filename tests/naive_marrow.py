"""Slow, obvious twins of the marrow's kernels: one voxel, one compartment and one question to chance at a time.

Each twin asks the streams what the kernel asks, so the counts must be equal, cell for cell. `asked` collects the
questions (cell, step, purpose, draw); a question asked twice would give two decisions the same luck.
"""

import math

import numpy as np

from marrow_niche.kernels.hops import HOP
from marrow_niche.kernels.lineages import KILL, TREE
from marrow_niche.kernels.streams import binomial_u, uniform_pair


class Luck:
    """Uniforms of one seed and step; raises where a question is asked a second time."""

    def __init__(self, seed, step):
        self.seed, self.step, self.asked = seed, step, set()

    def pair(self, compartment, voxel, purpose, draw):
        question = (compartment, voxel, purpose, draw)
        assert question not in self.asked, f"asked twice: {question}"
        assert 0 <= draw < 2**16 and 0 <= purpose < 2**16
        self.asked.add(question)
        return uniform_pair(self.seed, compartment * 2**32 + voxel, self.step, purpose, draw)


def hill(rest, limit, signal):
    """A probability that is `rest` at signal 1, 0 without it and `limit` where it is strong."""
    return limit * signal / (signal + limit / rest - 1)


def product_of_powers(exponents, signals):
    return math.prod(signal**exponent for signal, exponent in zip(signals, exponents))


def handed_over(n, ratio, u):
    """n cells of `ratio` times the weight of the next: the whole part for sure, the rest by chance."""
    return n * int(ratio) + int(binomial_u(n, ratio - int(ratio), u))


def chances(x):
    """Within x of time at rate 1: that a cell there all along has an event, that one come at any moment has, and that a
    daughter of an event has one too: exponentials, averaged over the moment."""
    there = -np.expm1(-x)
    return (there, 1 - there / x, 1 - x * np.exp(-x) / there) if x > 1e-5 else (x, x / 2, x / 2)


def advance(counts, signals, dt, weight, tree, seed, step, fresh=(), luck=None):
    """One step of the tree; returns counts after it, what left by each exit, and the ledger.

    `signals` (n_line · n_signal, n) are ratios to rest, floored at 1e-6; `fresh` are (stage, voxel, number) of cells of
    `counts` that came in the step. The lines of a tree are stages like any others.
    """
    luck = luck or Luck(seed, step)
    n_stage, n = counts.shape
    staying, arriving = counts.astype(int), np.zeros((n_stage, n), int)
    left, ledger = np.zeros(tree.target.max() + 1 - n_stage), np.zeros((n_stage, 5), int)
    for c, v, number in fresh:
        some = min(number, staying[c, v])
        staying[c, v] -= some
        arriving[c, v] += some
    ledger[:, 4] = staying.sum(axis=1)
    for turn in range(2):
        for c in range(n_stage):
            come, arriving[c] = arriving[c].copy(), 0
            ledger[c, 3] += come.sum()
            for v in range(n):
                there_now, new, felt = int(staying[c, v]) + int(come[v]), int(come[v]), np.maximum(signals[:, v], 1e-6)
                old, draw = there_now - new if turn == 0 else 0, 16 * turn
                if old + new == 0:
                    continue
                drive = product_of_powers(tree.rate_response[c], felt)
                rate = tree.rate[c] * drive / (1 + (drive - 1) * tree.rate[c] / tree.rate_limit[c])
                excess, call = felt[tree.burst_signal[c]] / tree.burst_threshold - 1, 0.0
                if tree.burst_rate[c] > 0 and excess > 0:
                    call = tree.burst_rate[c] * excess**2 / (excess**2 + tree.burst_half**2)
                there, came, later = chances((rate + call) * dt)
                mine = rate / (rate + call)
                chance, lives = luck.pair(c, v, TREE, draw + 0)
                events, early = int(binomial_u(old, there * mine, chance)), 0
                renews = enters = hurries = 0.5
                if new:
                    u, hurries = luck.pair(c, v, TREE, draw + 7)
                    early = int(binomial_u(new, came * mine, u))
                if tree.burst_rate[c] > 0 or tree.renewal[c] > 0:
                    renews, enters = luck.pair(c, v, TREE, draw + 1)
                hurried = 0
                if call > 0:
                    hurried = int(binomial_u(old - events, there * (1 - mine) / (1 - there * mine), enters))
                    hurried += int(binomial_u(new - early, came * (1 - mine) / (1 - came * mine), hurries)) if new else 0
                events += early
                young = events * int(tree.daughters[c])
                live = hill(tree.survival[c], 1, product_of_powers(tree.survival_response[c], felt)) if tree.survival[c] < 1 else 1
                if live < 1:
                    young = int(binomial_u(young, live, lives))
                stay = 0
                if tree.renewal[c] > 0:
                    renewal = hill(tree.renewal[c], tree.renewal_limit[c], product_of_powers(tree.renewal_response[c], felt))
                    stay = int(binomial_u(young, renewal, renews))
                    if stay:
                        divides, lives = luck.pair(c, v, TREE, draw + 8)
                        renews, hurries = luck.pair(c, v, TREE, draw + 9)
                        again = int(binomial_u(stay, later * mine, divides))
                        more = again * int(tree.daughters[c])
                        if live < 1:
                            more = int(binomial_u(more, live, lives))
                        if call > 0:
                            hurried += int(binomial_u(stay - again, later * (1 - mine) / (1 - later * mine), hurries))
                        events, young, stay = events + again, young + more, stay + int(binomial_u(more, renewal, renews))
                if hurried:
                    into, (u, _) = tree.burst_target[c], luck.pair(c, v, TREE, draw + 6)
                    arriving[into, v] += handed_over(hurried, weight[c] / weight[into], u)
                staying[c, v] = there_now + stay - events - hurried
                ledger[c, :3] += events, stay, hurried

                ways = [k for k in range(tree.target.shape[1]) if tree.target[c, k] >= 0]
                going = young - stay
                parts = [tree.share[c, k] * product_of_powers(tree.share_response[c, k], felt) for k in ways]
                for k, part, rest in zip(ways, parts, np.cumsum(parts[::-1])[::-1]):
                    into = tree.target[c, k]
                    evenly = into >= n_stage or weight[into] == weight[c]
                    choice = handing = 0.5
                    if going and not (evenly and k == ways[-1]):
                        choice, handing = luck.pair(c, v, TREE, draw + 2 + k)
                    take = going if k == ways[-1] else int(binomial_u(going, part / rest, choice))
                    going -= take
                    if into >= n_stage:
                        left[into - n_stage] += take * weight[c]
                    else:
                        arriving[into, v] += take if evenly else handed_over(take, weight[c] / weight[into], handing)
    ledger[:, 3] += arriving.sum(axis=1)
    return staying + arriving, left, ledger


def wander(counts, neighbour, extravascular, number, seed, step, round_, luck=None):
    """One round of hops: each cell of voxel i goes to the open neighbour j with probability 2 number f_j/(f_i + f_j)."""
    luck = luck or Luck(seed, step)
    after = counts.astype(int)
    for c, v in np.ndindex(counts.shape):
        chance = {k: 2 * number * extravascular[j] / (extravascular[v] + extravascular[j])
                  for k, j in enumerate(neighbour[v]) if j >= 0}
        if counts[c, v] == 0:
            continue
        whole = sum(chance.values())
        how_many, first = luck.pair(c, v, HOP, 64 * round_)
        going = int(binomial_u(counts[c, v], min(1.0, whole), how_many))
        after[c, v] -= going
        if going <= 5:  # one by one, each with a uniform of its own
            draws = [first]
            for pair in range(going // 2):
                draws += luck.pair(c, v, HOP, 64 * round_ + 1 + pair)
            for u in draws[:going]:
                after[c, neighbour[v, chosen(chance, whole, u)]] += 1
            continue
        for k, way in chance.items():
            if going == 0:
                break
            # the sixth way takes all that are left: nobody who goes can stay behind
            take = going
            if k < 5:
                take = int(binomial_u(going, min(1.0, way / whole), luck.pair(c, v, HOP, 64 * round_ + 1 + k)[0]))
            whole -= way
            going -= take
            after[c, neighbour[v, k]] += take
        after[c, v] += going
    return after


def chosen(chance, whole, u):
    """The first of the ways, {k: chance}, at which the chances add up to more than u of the whole."""
    rest = u * whole
    for k, way in chance.items():
        rest -= way
        if rest < 0:
            return k
    return k


def kill(counts, rows, into, survival, share, seed, step, luck=None):
    """Who of the `rows` lives, with probability survival (n,) or (1,); of those who do not, each joins the row `into` with
    probability `share` (n,), unless that is its own."""
    luck = luck or Luck(seed, step)
    after = counts.copy()
    for row, other in zip(rows, into):
        for v, (p, q) in enumerate(np.broadcast(np.broadcast_to(survival, counts.shape[1]), share)):
            cells = int(after[row, v])
            if cells and p < 1:
                lives, goes_on = luck.pair(row, v, KILL, 0)
                after[row, v] = binomial_u(cells, p, lives)
                if other != row:
                    after[other, v] += binomial_u(cells - int(after[row, v]), q, goes_on)
    return after


def distance_to_walls(point, walls, kinds, wanted):
    """Signed distance of one point to the nearest tube of the `wanted` kinds, among all of them [um]."""
    mine = np.isin(kinds, wanted)
    a, along = walls.a[mine], walls.b[mine] - walls.a[mine]
    length = (along**2).sum(axis=1)
    t = ((point - a) * along).sum(axis=1) / np.where(length > 0, length, 1.0)
    foot = a + np.clip(t, 0, 1)[:, None] * along
    return float((np.linalg.norm(point - foot, axis=1) - walls.radius[mine]).min())


def contact(point, wall, stroma, integrity, vessel, wall_share, stroma_reach, wall_reach):
    """Membrane SCF at one point before competition: the best of all stromal cells and the sinusoid wall."""
    best = max((s * math.exp(-math.dist(point, place) / stroma_reach) for s, place in zip(integrity, stroma)), default=0.0)
    return (1 - wall_share) * best + wall_share * vessel * math.exp(-max(wall, 0.0) / wall_reach)


def healed(vessel, fat, cells, kit, turned, sterile, vegfr2, dt, *, begins, healing, injury, remnant, upkeep, hindered, late, fat_at_rest, clearing):
    """Sinusoid and fat of one voxel `dt` hours later, by docs/model.md; `turned` stroma that turns to fat in an hour."""
    empty = max(0.0, 1.0 - cells / begins) ** 2
    vegf = vegfr2 * (upkeep + (1.0 - upkeep) * min(kit, 1.5))
    g = (vegf - upkeep) / (1.0 - upkeep)
    above = max(vessel - remnant, 0.0)
    if g > 0:
        change = healing * g * (1.0 - hindered * max(fat - fat_at_rest, 0.0)) * vessel * (1.0 - vessel) * (1.0 - sterile)
    else:
        change = healing * g * above * (1.0 - vessel)
    change -= injury * empty * above + late * sterile * above
    gained = turned - clearing * (fat - fat_at_rest) * (0.3 + 0.7 * min(cells, 1.0))
    return min(max(vessel + dt * change, 0.0), 1.0), min(max(fat + dt * gained, 0.0), 1.0)


def chain(cell, mothers):
    """A cell and its mothers up to the founder, as (id, day from which the line of descent goes by this id; -inf: the start);
    `mothers` is {cell: (mother, day)}."""
    out = []
    while cell in mothers:
        mother, day = mothers[cell]
        out.append((cell, day))
        cell = mother
    return [*out, (cell, -np.inf)]


def parted(a, b, mothers):
    """Day on which the lines of descent of two cells parted; None: they are of two founders."""
    one, other = chain(a, mothers), chain(b, mothers)
    left = {cell: day for (_, day), (cell, _) in zip(one, one[1:])} | {a: np.inf}  # when the line left this id
    for i, (cell, _) in enumerate(other):
        if cell in left:
            return min(left[cell], other[i - 1][1] if i else np.inf)
    return None
