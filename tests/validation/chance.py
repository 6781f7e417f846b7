"""STO-1 to STO-5, CLONE-2: chance, held against exact laws."""

from dataclasses import replace

import numpy as np
from numba import njit
from scipy import special, stats

from marrow_niche.kernels.stem_cells import uniforms
from marrow_niche.kernels.streams import uniform_pair
from marrow_niche.marrow import fate
from marrow_niche.marrow.lineages import Compartment
from marrow_niche.transport import neighbours_of
from validation.case import Asked, Case, Measured
from validation.trees import Replicas, branching, chain, tree_of

SEED = 20240501
KERNEL = "kernels.lineages.advance on a tree of one or two stages grown by marrow.lineages.grow; each voxel is a replica"
STREAMS = "kernels.streams for every draw; the process itself is the test's, since the package has no such part"


def z_score(sample, mean, sd):
    """Of a sample's mean, in standard errors, and of its variance, in those of a normal sample (the rule of DSMTS)."""
    n = len(sample)
    return np.sqrt(n) * (np.mean(sample) - mean) / sd, np.sqrt(n / 2) * (np.var(sample, ddof=1) / sd**2 - 1)


# ---------------------------------------------------------------------------------- STO-1


def born_and_dying(birth, death, start, number, seed):
    """Replicas of a linear birth-death process."""
    rate, p = branching(birth, death)
    renewing = Compartment(into={"neutrophils": 1.0}, number=1.0, division=rate, rate_limit=np.inf, renewal_limit=1.0)
    tree = tree_of(cells=renewing)
    tree = replace(tree, renewal=np.where(tree.renewal > 0, p, 0.0))
    r = Replicas(tree, number, seed)
    r.counts[0] = start
    return r


def immigrating(number, seed):
    """Replicas of immigration at 1 an hour and death at 0.1 an hour: a stage of a million cells that hardly runs dry feeds
    an empty one."""
    source = chain(stages=1, rate=1e-6, into={"mortal": 1.0})
    tree = tree_of({"source": 1.0}, source=source, mortal=chain(stages=1, rate=0.1))
    r = Replicas(tree, number, seed)
    r.counts[0] = 1_000_000
    return r


def sto_1():
    """DSMTS 001-01 and 002-01, 10,000 replicas each."""
    values, shown = {}, {}
    r, at = born_and_dying(0.1, 0.11, 100, 10_000, SEED), 0.0
    sizes = []
    for t in (10.0, 25.0, 50.0):
        r.until(t - at, 0.1)
        at = t
        growth = np.exp(-0.01 * t)
        sd = np.sqrt(100 * 0.21 / -0.01 * growth * (growth - 1))
        z, y = z_score(r.counts[0], 100 * growth, sd)
        values |= {f"001-01 Z at {t:g}": z, f"001-01 Y at {t:g}": y}
        sizes.append((t, r.counts[0].mean(), r.counts[0].std(), 100 * growth, sd))
    shown["001-01: born 0.1, die 0.11"] = sizes
    r, at, sizes = immigrating(10_000, SEED + 1), 0.0, []
    for t in (10.0, 25.0, 50.0):
        r.until(t - at, 0.1)
        at = t
        mean = 10 * -np.expm1(-0.1 * t)
        z, y = z_score(r.counts[1], mean, np.sqrt(mean))
        values |= {f"002-01 Z at {t:g}": z, f"002-01 Y at {t:g}": y}
        sizes.append((t, r.counts[1].mean(), r.counts[1].std(), mean, np.sqrt(mean)))
    shown["002-01: come 1, die 0.1"] = sizes
    return Measured(values=values, shown=shown)


def draw_sto_1(figure, m):
    for k, (title, sizes) in enumerate(m.shown.items()):
        axes = figure.add_subplot(1, 2, k + 1, title=title, xlabel="time", ylabel="cells in a replica")
        t, mean, sd, exact, exact_sd = np.array(sizes).T
        axes.errorbar(t, exact, exact_sd, fmt="none", ecolor="black", capsize=6, label="exact mean ± SD")
        axes.errorbar(t + 1, mean, sd, fmt="o", color="#0072B2", label="package, 10,000 replicas")
        axes.set_ylim(0)
        axes.legend()


# ---------------------------------------------------------------------------------- STO-2


def stem_clones(renewal, number, seed):
    """Share of clones of stem cells that die out when each daughter stays with probability `renewal`: fates of `marrow.fate`.

    Quiescent cells wake at 1/24 h, divide after 6 h on average. A clone of 40 cells is taken to live on: (q/p)^40 < 1e-6.
    """
    clone, cycling = np.arange(number), np.zeros(number, bool)
    ids, next_id = np.arange(number, dtype=np.int64), number
    safe = np.zeros(number, bool)
    for step in range(4000):
        k = len(ids)
        if k == 0:
            break
        rates = fate.Rates(
            wake=np.full(k, 1 / 24), renewal=np.full(k, renewal), death=np.zeros(k), share_mkp=np.full(k, 0.5)
        )
        out = fate.decide(
            cells=ids, cycling=cycling, senescent=np.zeros(k, bool), here=np.ones(k, bool),
            tip=np.zeros(k, bool), rates=rates, cycle_time=6.0, dt=1.0, seed=seed, step=step,
        )  # fmt: skip
        cycling = cycling | out.wakes
        keep = ~out.divides
        stays = np.repeat(clone[out.divides], out.stay[out.divides])
        clone = np.concatenate([clone[keep], stays])
        cycling = np.concatenate([cycling[keep], np.zeros(len(stays), bool)])
        ids = np.concatenate([ids[keep], next_id + np.arange(len(stays))])
        next_id += len(stays)
        safe |= np.bincount(clone, minlength=number) >= 40
        growing = ~safe[clone]
        clone, cycling, ids = clone[growing], cycling[growing], ids[growing]
    return 1.0 - safe.mean()


def sto_2():
    """A clone from one cell: mean, variance and extinction; critical survival; extinction of branching stem cells."""
    n = 200_000
    size = born_and_dying(1.0, 0.6, 1, n, SEED + 2).until(3.0, 0.01).counts[0]
    growth = np.exp(0.4 * 3)
    mean, variance = growth, 1.6 / 0.4 * growth * (growth - 1)
    extinct = 0.6 * (growth - 1) / (growth - 0.6)
    fourth = stats.moment(size, 4) if n else np.nan
    lives = born_and_dying(1.0, 1.0, 1, n, SEED + 3).until(5.0, 0.01).counts[0]
    clones, p = 4000, 0.6
    lost = stem_clones(p, clones, SEED + 4)
    q = ((1 - p) / p) ** 2
    values = {
        "mean at 3, sigma off": (size.mean() - mean) / np.sqrt(variance / n),
        "variance at 3, sigma off": (size.var() - variance) / np.sqrt((fourth - variance**2) / n),
        "extinct at 3, sigma off": ((size == 0).mean() - extinct) / np.sqrt(extinct * (1 - extinct) / n),
        "critical survival at 5, sigma off": ((lives > 0).mean() - 1 / 6) / np.sqrt(5 / 36 / n),
        "critical clone size at 5, sigma off": (lives[lives > 0].mean() - 6) / np.sqrt(30 / (n / 6)),
        "stem clones lost, sigma off": (lost - q) / np.sqrt(q * (1 - q) / clones),
    }
    return Measured(values=values, shown=np.bincount(lives, minlength=40)[:40] / n)


def draw_sto_2(figure, m):
    axes = figure.add_subplot(title="Critical clones at t = 5", xlabel="cells in a clone", ylabel="share of clones")
    k = np.arange(1, 40)
    axes.bar(k, m.shown[1:], color="#56B4E9", label="package, 200,000 clones")
    axes.plot(k, (1 / 6) ** 2 * (5 / 6) ** (k - 1), color="black", label="exact: geometric, 1/6 live")
    axes.set_yscale("log")
    axes.legend()


# ---------------------------------------------------------------------------------- STO-3


def moran(number, size, start, fitness, steps, seed):
    """Mutants (number,) after `steps` events in populations of `size`: one is born by fitness, one dies at random.

    Stops early where all are fixed.
    """
    mutant = np.full(number, start)
    ids = np.arange(number, dtype=np.int64)
    for step in range(steps):
        u = uniforms(ids, seed, step, 1, 0)
        born = u[:, 0] < fitness * mutant / (fitness * mutant + size - mutant)
        dies = u[:, 1] < mutant / size
        mutant = mutant + born - dies
        if step % 100 == 0 and ((mutant == 0) | (mutant == size)).all():
            break
    return mutant


def sto_3():
    n = 20_000
    fixed = (moran(n, 20, 1, 1.1, 20_000, SEED + 5) == 20).mean()
    chance = (1 - 1 / 1.1) / (1 - 1.1**-20)
    neutral = (moran(n, 20, 5, 1.0, 20_000, SEED + 6) == 20).mean()
    half = moran(n, 50, 25, 1.0, 1250, SEED + 7) / 50
    heterozygosity = 0.25 * (1 - 2 / 2500) ** 1250
    x = half * (1 - half)
    variance = 0.25 * (1 - (1 - 2 / 2500) ** 1250)
    off = (half - 0.5) ** 2
    values = {
        "fixation at r = 1.1, sigma off": (fixed - chance) / np.sqrt(chance * (1 - chance) / n),
        "neutral fixation, sigma off": (neutral - 0.25) / np.sqrt(0.1875 / n),
        "heterozygosity, sigma off": (x.mean() - heterozygosity) / (x.std() / np.sqrt(n)),
        "variance of shares, sigma off": (off.mean() - variance) / (off.std() / np.sqrt(n)),
    }
    return Measured(values=values, shown=half)


def draw_sto_3(figure, m):
    axes = figure.add_subplot(
        title="Moran: shares after N²/2 events, N = 50", xlabel="share of the mutant", ylabel="populations"
    )
    axes.hist(m.shown, bins=51, range=(-0.01, 1.01), color="#56B4E9")
    axes.axvline(0.5, color="black", label="start; exact SD 0.398")
    axes.legend()


# ---------------------------------------------------------------------------------- STO-4


def sto_4():
    """Cells that leave at rate 1: their mean after one unit of time, by step; an Erlang chain of four."""
    n, each = 20_000, 100
    tree = tree_of({"one": 1.0}, one=chain(stages=1, rate=1.0))
    left, values = [], {}
    for dt in (0.5, 0.2, 0.1, 0.05):
        r = Replicas(tree, n, SEED + 8)
        r.counts[0] = each
        share = r.until(1.0, dt).counts[0].mean() / each
        left.append((dt, share))
        p = np.exp(-1)
        values[f"mean at step {dt:g}, sigma off"] = (share - p) / np.sqrt(p * (1 - p) / (n * each))
    four = tree_of({"four": 1.0}, four=chain(stages=4, rate=1.0))
    r = Replicas(four, 1, SEED + 9)
    r.counts[0] = 200_000
    dt, when = 0.05, []
    for _ in range(600):
        when.append(r.step(dt).sum())
    t, gone = dt * (np.arange(600) + 0.5), np.array(when)
    mean = (t * gone).sum() / gone.sum()
    values["Erlang-4 mean, sigma off"] = (mean - 4) / (2 / np.sqrt(gone.sum()))
    values["Erlang-4 variance"] = ((t - mean) ** 2 * gone).sum() / gone.sum()
    return Measured(values=values, shown=(np.array(left), t, gone / gone.sum() / dt))


def draw_sto_4(figure, m):
    left, t, density = m.shown
    one = figure.add_subplot(1, 2, 1, title="Decay over one mean life", xlabel="step", ylabel="share left")
    dt = np.linspace(0.01, 0.5, 50)
    one.plot(dt, (1 - dt) ** (1 / dt), color="#D55E00", label="Poisson leap, (1 − dt)^(1/dt)")
    one.axhline(np.exp(-1), color="black", label="exact")
    one.plot(*left.T, "o", color="#0072B2", label="package")
    one.legend()
    two = figure.add_subplot(1, 2, 2, title="Four stages of rate 1", xlabel="time", ylabel="density of leaving")
    two.plot(t, density, color="#0072B2", label="package")
    two.plot(t, stats.gamma.pdf(t, 4), color="black", linestyle="--", label="Erlang")
    two.legend()


# ---------------------------------------------------------------------------------- STO-5, CLONE-2


@njit
def replace_some(clone, neighbour, first, last, seed):
    """Replacements number `first` to `last`: a random site takes the clone of one of its neighbours."""
    for k in range(first, last):
        u, w = uniform_pair(seed, k, 0, 2, 0)
        clone[int(u * clone.size)] = clone[neighbour[int(u * clone.size), int(w * neighbour.shape[1])]]


def voter(neighbour, until, seed):
    """[(T, share of clones that live on)] where cells are replaced, one after another, by a copy of a random neighbour.

    Parameters
    ----------
    neighbour : (n, k) int
        Neighbours of each site.
    until : sequence of float
        Times T, in replacements a cell.
    """
    clone, done, out = np.arange(len(neighbour)), 0, []
    for t in until:
        replace_some(clone, neighbour, done, round(t * len(clone)), seed)
        done = round(t * len(clone))
        out.append((t, len(np.unique(clone)) / len(clone)))
    return out


def ring(size):
    i = np.arange(size)
    return np.stack([(i - 1) % size, (i + 1) % size], axis=1)


def torus(edge):
    y, x = np.divmod(np.arange(edge * edge), edge)
    return np.stack(
        [y * edge + (x + 1) % edge, y * edge + (x - 1) % edge, (y + 1) % edge * edge + x, (y - 1) % edge * edge + x], 1
    )


def drift(twos):
    """By how much c T/ln T moves over the last decade of T. The law is that of large T: at T = 3 to 30 it moves by 40 %."""
    two = {t: c * t / np.log(t) for t, c in twos}
    return two[1000] / two[100] - 1


def sto_5():
    ones = voter(ring(100_000), (1, 2, 5, 10, 20), SEED + 10)
    twos = voter(torus(320), (3, 10, 30, 100, 300, 1000), SEED + 11)
    one = dict(ones)
    values = {"1-D survivors at 5": one[5], "1-D survivors at 20": one[20], "2-D drift of c T/ln T, 100 to 1000": drift(twos)}
    return Measured(values=values, shown=(np.array(ones), np.array(twos)))


def draw_voter(figure, m):
    ones, twos = m.shown
    axes = figure.add_subplot(
        title="Clones that live on", xlabel="replacements a cell T", ylabel="share", xscale="log", yscale="log"
    )
    t = np.geomspace(1, 1000)
    axes.plot(t, special.ive(0, 2 * t) + special.ive(1, 2 * t), color="black", label="1-D, exact")
    axes.plot(t[t > 2], np.log(t[t > 2]) / np.pi / t[t > 2], "--", color="black", label="2-D, ln T/(π T) for large T")
    axes.plot(*ones.T, "o", color="#0072B2", label="line")
    axes.plot(*twos.T, "s", color="#D55E00", label="square lattice")
    axes.legend()


def clone_2():
    """The same on the package's own lattice: a bar and a slab of marrow voxels, whose edge sites read themselves."""

    def lattice(*shape):
        _, neighbour = neighbours_of(np.ones(shape, bool))
        sides = [k for k in range(6) if (neighbour[:, k] >= 0).any()]
        near = neighbour[:, sides]
        return np.where(near < 0, np.arange(len(near))[:, None], near)

    ones = voter(lattice(1, 1, 60_000), (5, 20), SEED + 12)
    twos = voter(lattice(1, 320, 320), (3, 10, 30, 100, 300, 1000), SEED + 13)
    one = dict(ones)
    values = {
        "1-D survivors at 5 over the law": one[5] / 0.249096,
        "1-D survivors at 20 over the law": one[20] / 0.125761,
        "2-D drift of c T/ln T, 100 to 1000": drift(twos),
    }
    return Measured(values=values, shown=(np.array(ones), np.array(twos)))


SIGMA = 4.0
CASES = (
    Case(
        id="STO-1", use="test", title="Birth-death and immigration-death: mean and SD of 10,000 replicas",
        cites="DSMTS 001-01, 002-01 (Evans TW et al. 2008, Bioinformatics 24:285)", exercised=KERNEL,
        asked=tuple(
            Asked(what=f"{model} {score} at {t}", low=-limit, high=limit)
            for model in ("001-01", "002-01") for t in (10, 25, 50) for score, limit in (("Z", 3), ("Y", 5))
        ),
        measure=sto_1, draw=draw_sto_1,
    ),
    Case(
        id="STO-2", use="test", title="A clone from one cell: mean, variance, extinction, critical survival",
        cites="linear birth-death process; Galton and Watson", exercised=KERNEL + "; marrow.fate.decide for stem cells",
        asked=tuple(
            Asked(what=what + ", sigma off", low=-SIGMA, high=SIGMA)
            for what in ("mean at 3", "variance at 3", "extinct at 3", "critical survival at 5", "critical clone size at 5",
                         "stem clones lost")
        ),
        measure=sto_2, draw=draw_sto_2,
    ),
    Case(
        id="STO-3", use="test", title="Moran: fixation and heterozygosity", cites="Moran PAP 1958", exercised=STREAMS,
        asked=tuple(
            Asked(what=what + ", sigma off", low=-SIGMA, high=SIGMA)
            for what in ("fixation at r = 1.1", "neutral fixation", "heterozygosity", "variance of shares")
        ),
        measure=sto_3, draw=draw_sto_3,
    ),
    Case(
        id="STO-4", use="test", title="A step of any length has the exact mean; an Erlang chain its spread",
        cites="binomial leap; Erlang", exercised=KERNEL,
        asked=(
            *(Asked(what=f"mean at step {dt}, sigma off", low=-SIGMA, high=SIGMA) for dt in (0.5, 0.2, 0.1, 0.05)),
            Asked(what="Erlang-4 mean, sigma off", low=-SIGMA, high=SIGMA),
            Asked(what="Erlang-4 variance", low=3.9, high=4.1),
        ),
        measure=sto_4, draw=draw_sto_4,
    ),
    Case(
        id="STO-5", use="test", title="Voter model: clones that live on, in 1-D and 2-D",
        cites="Glauber 1963; Bramson M & Griffeath D 1980, Ann Prob 8:183", exercised=STREAMS,
        asked=(
            Asked(what="1-D survivors at 5", low=0.97 * 0.249096, high=1.03 * 0.249096),
            Asked(what="1-D survivors at 20", low=0.97 * 0.125761, high=1.03 * 0.125761),
            Asked(what="2-D drift of c T/ln T, 100 to 1000", low=-0.15, high=0.15),
        ),
        measure=sto_5, draw=draw_voter,
    ),
    Case(
        id="CLONE-2", use="test", title="Neutral clones on the package's lattice follow the voter laws",
        cites="Bramson M & Griffeath D 1980, Ann Prob 8:183; Klein AM & Simons BD 2011, Development 138:3103",
        exercised="transport.neighbours_of (who neighbours whom) and kernels.streams; the replacement is the test's, since stem "
        "cells of the package do not compete for seats",
        asked=(
            Asked(what="1-D survivors at 5 over the law", low=0.97, high=1.03),
            Asked(what="1-D survivors at 20 over the law", low=0.97, high=1.03),
            Asked(what="2-D drift of c T/ln T, 100 to 1000", low=-0.15, high=0.15),
        ),
        measure=clone_2, draw=draw_voter,
    ),
)  # fmt: skip
