"""Draws are Philox's published answers, have the distribution they claim, and depend on their five numbers alone."""

import hashlib
import math

import naive_streams as naive
import numba
import numpy as np
import pytest
from numba import njit, prange
from scipy import stats

from marrow_niche.kernels import streams

SEED = 0x0123456789ABCDEF


@njit
def fill_uniform(seed, step, purpose, draw, out):
    for i in range(out.shape[0]):
        out[i] = streams.uniform_pair(seed, i, step, purpose, draw)


@njit
def fill_normal(seed, step, purpose, draw, out):
    for i in range(out.shape[0]):
        out[i] = streams.normal_pair(seed, i, step, purpose, draw)


@njit
def fill_binomial(n, p, seed, step, out):
    for i in range(out.size):
        out[i] = streams.binomial(n, p, seed, i, step, 2, 5)


@njit(parallel=True)
def fill_in_parallel(seed, step, u, k):
    for i in prange(k.size):
        u[i] = streams.uniform(seed, i, step, 1, 0)
        k[i] = streams.binomial(20, 0.2, seed, i, step, 2, 0)


def uniforms(size, *, seed=SEED, step=3, purpose=1, draw=0):
    out = np.empty((size, 2))
    fill_uniform(seed, step, purpose, draw, out)
    return out


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_known_answers(counter, key, answer):
    """The philox4x32-10 lines of kat_vectors in Random123 (Salmon et al. 2011); the twin agrees."""
    words = [np.uint64(w) for w in (*counter, *key)]
    assert tuple(int(w) for w in streams.philox(*words)) == answer
    assert tuple(naive.philox(counter, key)) == answer


@pytest.mark.parametrize("cell", [0, 1, 2**32 - 1, 2**32, 2**40 + 17, 2**63 - 1])
@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5])
def test_every_word_of_the_counter_and_the_key_counts(cell, seed):
    seed = np.uint64(seed)
    twin = naive.uniform_pair(int(seed), cell, 2**31 + 3, 12, 34)
    assert streams.uniform_pair(seed, cell, 2**31 + 3, 12, 34) == twin
    base = streams.uniform_pair(seed, cell, 5, 12, 34)
    others = [
        (seed ^ np.uint64(2**32), cell, 5, 12, 34),
        (seed, cell ^ 2**33, 5, 12, 34),
        (seed, cell, 6, 12, 34),
        (seed, cell, 5, 13, 34),
        (seed, cell, 5, 12, 35),
    ]
    assert all(streams.uniform_pair(*other) != base for other in others)


@pytest.mark.parametrize("high", [0, 5, 2**32 - 1])
def test_many_pairs_at_once_are_the_pairs_one_by_one(high):
    low = np.random.default_rng(high).integers(0, 2**32, 101, dtype=np.uint32)
    first, second = np.full(101, -1.0), np.full(101, -1.0)
    streams.uniform_pairs(2**40 + 3, low, high, 100, 17, 12, 2, first, second)
    for i in range(100):
        assert (first[i], second[i]) == streams.uniform_pair(2**40 + 3, np.uint64((high << 32) + int(low[i])), 17, 12, 2)
    assert first[100] == second[100] == -1.0


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint64])
def test_the_integer_type_of_an_id_does_not_matter(kind):
    assert streams.uniform_pair(7, kind(11), 3, 1, 0) == naive.uniform_pair(7, 11, 3, 1, 0)


def test_uniforms_are_open_at_both_ends():
    top = streams._unit(np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFF))
    assert streams._unit(np.uint64(0), np.uint64(0)) == 2.0**-54
    assert top == 1.0 - 2.0**-53
    assert math.isfinite(math.log(1.0 - top))
    assert streams._unit(np.uint64(0), np.uint64(1 << 11)) == 2.0**-53


def test_uniforms_are_uniform_and_independent_over_ids_steps_and_draws():
    """Kolmogorov-Smirnov on one column; correlations of everything that is near in the counter, |z| < 4."""
    n = 200_000
    base = uniforms(n)
    assert stats.kstest(base[:, 0], "uniform").pvalue > 1e-3
    assert stats.kstest(base[:, 1], "uniform").pvalue > 1e-3
    partners = {
        "the other of the pair": base[:, 1],
        "the next cell": np.roll(base[:, 0], 1),
        "the next step": uniforms(n, step=4)[:, 0],
        "the next purpose": uniforms(n, purpose=2)[:, 0],
        "the next draw": uniforms(n, draw=1)[:, 0],
        "the next seed": uniforms(n, seed=SEED + 1)[:, 0],
    }
    for name, other in partners.items():
        z = np.corrcoef(base[:, 0], other)[0, 1] * math.sqrt(n)
        assert abs(z) < 4, name
    table, *_ = np.histogram2d(base[:-1, 0], base[1:, 0], bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(table.ravel()).pvalue > 1e-3


def test_normals_are_standard_normal():
    out = np.empty((200_000, 2))
    fill_normal(SEED, 3, 1, 0, out)
    assert stats.kstest(out[:, 0], "norm").pvalue > 1e-3
    assert stats.kstest(out[:, 1], "norm").pvalue > 1e-3
    assert abs(np.corrcoef(out.T)[0, 1]) * math.sqrt(len(out)) < 4
    assert streams.normal_pair(5, 6, 7, 8, 9) == pytest.approx(naive.normal_pair(5, 6, 7, 8, 9), rel=1e-14)


@pytest.mark.parametrize(
    ("n", "p"),
    [(1, 0.3), (3, 0.02), (10, 0.5), (12, 0.93), (64, 0.25), (65, 0.25), (400, 0.01), (5000, 0.4), (100_000, 0.999)],
)
def test_binomials_have_their_mean_variance_and_frequencies(n, p):
    """1e5 draws: z of the mean, the variance rule of DSMTS, and chi-square against scipy.stats.binom."""
    size = 100_000
    out = np.empty(size, dtype=np.int64)
    fill_binomial(n, p, SEED, 3, out)
    assert out.min() >= 0
    assert out.max() <= n
    exact = stats.binom(n, p)
    assert abs(math.sqrt(size) * (out.mean() - exact.mean()) / exact.std()) < 4
    kurtosis = float(exact.stats(moments="k"))
    assert abs(out.var() / exact.var() - 1) < 4 * math.sqrt((2 + kurtosis) / size)
    edges = np.unique(exact.ppf(np.linspace(0, 1, 41)[1:-1]))
    cut = np.concatenate(([-1.0], edges, [n]))
    expected = np.diff(exact.cdf(cut)) * size
    seen = np.histogram(out, bins=cut + 0.5)[0]
    keep = expected > 5
    assert keep.sum() > 1
    scale = seen[keep].sum() / expected[keep].sum()
    assert stats.chisquare(seen[keep], expected[keep] * scale).pvalue > 1e-3


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("p", [1e-9, 0.05, 0.5, 0.51, 0.97])
def test_inversion_is_the_definition(n, p):
    for u in np.random.default_rng(5).random(200):
        assert streams.binomial_u(n, p, u) == naive.binomial_u(n, p, u)


@pytest.mark.parametrize(("n", "p"), [(1000, 0.05), (1201, 0.05), (10**6, 0.51), (10**8, 1e-3), (10**10, 0.37)])
def test_inversion_of_large_n_neither_underflows_nor_drifts(n, p):
    """Against scipy's incomplete beta, from the far lower to the far upper tail."""
    u = np.concatenate(([1e-14, 1e-9, 1e-3, 1 - 1e-9], np.random.default_rng(6).random(50)))
    mine = np.array([streams.binomial_u(n, p, x) for x in u])
    assert (stats.binom.cdf(mine, n, p) >= u * (1 - 1e-10) - 1e-10).all()
    assert (stats.binom.cdf(mine - 1, n, p) <= u * (1 + 1e-10)).all()
    assert (mine[:2] < stats.binom.ppf(1e-8, n, p)).all()


def test_binomial_never_falls_when_the_chance_the_trials_or_the_uniform_rise():
    u = np.linspace(0.001, 0.999, 300)
    draws = np.array([[streams.binomial_u(50, p, x) for x in u] for p in np.linspace(0.01, 0.99, 41)])
    assert (np.diff(draws, axis=0) >= 0).all()
    assert (np.diff(draws, axis=1) >= 0).all()
    assert all(streams.binomial_u(n, 0.3, x) <= streams.binomial_u(n + 1, 0.3, x) for n in range(300) for x in u[::30])


@pytest.mark.parametrize(
    ("n", "p", "answer"),
    [
        (0, 0.5, 0),
        (-3, 0.5, 0),
        (5, 0.0, 0),
        (5, -0.1, 0),
        (5, math.nan, 0),
        (5, 1.0, 5),
        (5, 1.2, 5),
        (10**12, 1, 10**12),
    ],
)
def test_binomial_edges(n, p, answer):
    assert streams.binomial(n, p, 1, 2, 3, 4, 5) == answer
    assert streams.binomial_u(n, p, 0.5) == answer


def test_extreme_uniforms_stay_within_the_trials():
    for n, p in [(1, 0.5), (10, 1e-12), (10, 1 - 1e-12), (10**6, 0.5), (10**9, 1e-3)]:
        for u in (2.0**-54, 1 - 2.0**-53):
            assert 0 <= streams.binomial_u(n, p, u) <= n


def test_draws_are_the_same_bits_on_any_number_of_threads():
    digests = set()
    before = numba.get_num_threads()
    try:
        for threads in sorted({1, min(2, numba.config.NUMBA_NUM_THREADS), numba.config.NUMBA_NUM_THREADS}):
            numba.set_num_threads(threads)
            u, k = np.empty(10_001), np.empty(10_001, dtype=np.int64)
            fill_in_parallel(SEED, 9, u, k)
            digests.add(hashlib.sha256(u.tobytes() + k.tobytes()).hexdigest())
    finally:
        numba.set_num_threads(before)
    assert len(digests) == 1
    assert u[1234] == naive.uniform_pair(SEED, 1234, 9, 1, 0)[0]


def test_generator_is_a_function_of_seed_and_purpose():
    a = streams.generator(7, 3).random(5)
    assert (a == streams.generator(7, 3).random(5)).all()
    assert not (a == streams.generator(7, 4).random(5)).any()
    assert not (a == streams.generator(8, 3).random(5)).any()
    assert (streams.generator(2**64 - 1, 3).random(5) == streams.generator(-1, 3).random(5)).all()
