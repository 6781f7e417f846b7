"""Random numbers as a function: the same question always gets the same answer.

A draw is Philox4x32-10 of a counter that says *who asks, when and what for*,

    counter = (cell low word, cell high word, step, purpose · 2¹⁶ + draw),   key = the two words of the 64-bit seed,

so draws do not depend on the number of threads, on the order of the cells, on a restart or on what else was recorded.
`purpose` and `draw` are below 2¹⁶; every word is masked to 32 bits. Two questions with the same five numbers get the
same draw: give each its own `purpose` or `draw`. Inside a kernel any integer type will do; called from Python, a seed
of 2⁶³ or more is passed as `numpy.uint64`.

References
----------
Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC'11, doi:10.1145/2063384.2063405.
"""

import math

import numpy as np
from numba import njit

_WORD = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(0xFFFF)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_BY_11, _BY_16, _BY_32 = np.uint64(11), np.uint64(16), np.uint64(32)
_ULP = 2.0**-53
_TWO_PI = 2.0 * math.pi
_LARGE = 60.0  # mean above which a binomial no longer starts its sum at zero
_DEVIATIONS = 9.0  # of the mean, below which P < exp(-81/2) = 2.6e-18, less than half the spacing of the uniforms


@njit(cache=True, nogil=True)
def philox(x0, x1, x2, x3, k0, k1):
    """Ten rounds of Philox4x32: four words of counter and two of key (uint64 below 2³²) to four words (uint64)."""
    for _ in range(10):
        a = _MULTIPLIER_0 * x0
        b = _MULTIPLIER_1 * x2
        x0, x1, x2, x3 = (b >> _BY_32) ^ x1 ^ k0, b & _WORD, (a >> _BY_32) ^ x3 ^ k1, a & _WORD
        k0 = (k0 + _WEYL_0) & _WORD
        k1 = (k1 + _WEYL_1) & _WORD
    return x0, x1, x2, x3


@njit(cache=True, nogil=True)
def words(seed, cell, step, purpose, draw):
    """Four independent 32-bit words (as uint64) for this seed, cell, step, purpose and draw (integers)."""
    c = np.uint64(cell)
    s = np.uint64(seed)
    last = ((np.uint64(purpose) & _HALF_WORD) << _BY_16) | (np.uint64(draw) & _HALF_WORD)
    return philox(c & _WORD, c >> _BY_32, np.uint64(step) & _WORD, last, s & _WORD, s >> _BY_32)


@njit(cache=True, nogil=True)
def _unit(high, low):
    """Two words to a double in (0, 1): the multiple k 2⁻⁵³, and 2⁻⁵⁴ in place of zero."""
    k = ((high << _BY_32) | low) >> _BY_11
    return max(np.float64(np.int64(k)), 0.5) * _ULP


@njit(cache=True, nogil=True)
def uniform_pair(seed, cell, step, purpose, draw):
    """Two independent 53-bit uniforms, each in the open interval (0, 1)."""
    x0, x1, x2, x3 = words(seed, cell, step, purpose, draw)
    return _unit(x0, x1), _unit(x2, x3)


@njit(cache=True, nogil=True)
def uniform_pairs(seed, low, high, number, step, purpose, draw, first, second):
    """What `uniform_pair` gives for the cells high·2³² + low[i], i < number, into `first` and `second`.

    The same bits several times as fast: nothing in the loop hangs together, so that it runs on many lanes at once.
    """
    s = np.uint64(seed)
    key_0, key_1 = s & _WORD, s >> _BY_32
    last = ((np.uint64(purpose) & _HALF_WORD) << _BY_16) | (np.uint64(draw) & _HALF_WORD)
    top, when = np.uint64(high), np.uint64(step) & _WORD
    for i in range(number):
        x0, x1, x2, x3, k0, k1 = np.uint64(low[i]), top, when, last, key_0, key_1
        for _ in range(10):  # `philox`, in the open for the compiler to see
            a = _MULTIPLIER_0 * x0
            b = _MULTIPLIER_1 * x2
            x0, x1, x2, x3 = (b >> _BY_32) ^ x1 ^ k0, b & _WORD, (a >> _BY_32) ^ x3 ^ k1, a & _WORD
            k0 = (k0 + _WEYL_0) & _WORD
            k1 = (k1 + _WEYL_1) & _WORD
        first[i] = _unit(x0, x1)
        second[i] = _unit(x2, x3)


@njit(cache=True, nogil=True)
def uniform(seed, cell, step, purpose, draw):
    """The first of `uniform_pair`."""
    x0, x1, _, _ = words(seed, cell, step, purpose, draw)
    return _unit(x0, x1)


@njit(cache=True, nogil=True, error_model="numpy")
def normal_pair(seed, cell, step, purpose, draw):
    """Two independent standard normals (Box and Muller, Ann. Math. Stat. 29, 610, 1958)."""
    u0, u1 = uniform_pair(seed, cell, step, purpose, draw)
    radius = math.sqrt(-2.0 * math.log(u0))
    return radius * math.cos(_TWO_PI * u1), radius * math.sin(_TWO_PI * u1)


@njit(cache=True, nogil=True, error_model="numpy")
def _stirling_error(n):
    """log n! − log(√(2πn) (n/e)ⁿ) for n ≥ 1."""
    if n < 16.0:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - 0.91893853320467274178
    m = n * n
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / m) / m) / m) / m) / n


@njit(cache=True, nogil=True, error_model="numpy")
def _deviance(x, mean):
    """x log(x/mean) + mean − x without cancellation."""
    d = x - mean
    if abs(d) < 0.1 * (x + mean):
        v = d / (x + mean)
        total = d * v
        term = 2.0 * x * v
        v *= v
        j = 1
        while True:
            term *= v
            new = total + term / (2 * j + 1)
            if new == total:
                return total
            total = new
            j += 1
    return x * math.log(x / mean) + mean - x


@njit(cache=True, nogil=True, error_model="numpy")
def _binomial_mass(x, n, p, q):
    """P(X = x) for 0 < x < n to near round-off, however large n (Loader's saddle-point form)."""
    y = n - x
    exponent = _stirling_error(n) - _stirling_error(x) - _stirling_error(y) - _deviance(x, n * p) - _deviance(y, n * q)
    return math.exp(exponent) * math.sqrt(n / (_TWO_PI * x * y))


@njit(cache=True, nogil=True, error_model="numpy")
def _binomial_sum(n, p, u):
    """The smallest x with P(X ≤ x) ≥ u, for 0 < p ≤ 1/2 and n ≥ 1, by summing P upwards."""
    q = 1.0 - p
    mean = n * p
    x = 0
    if mean <= _LARGE:
        if n <= 64:  # qⁿ by squaring
            mass, base, m = 1.0, q, n
            while m > 0:
                if m & 1:
                    mass *= base
                base *= base
                m >>= 1
        else:
            mass = math.exp(n * math.log1p(-p))
    else:
        x = max(1, int(mean - _DEVIATIONS * math.sqrt(mean * q)))
        mass = _binomial_mass(float(x), float(n), p, q)
    odds = p / q
    while u > mass and x < n:
        u -= mass
        x += 1
        mass *= odds * (n - x + 1) / x
    return x


@njit(cache=True, nogil=True, error_model="numpy")
def binomial_u(n, p, u):
    """A binomial number of successes by inversion of one given uniform.

    The smallest x with P(X ≤ x) ≥ u: never decreasing in `u`, `n` and `p`, so runs that share their uniforms share
    their luck. p > 1/2 counts failures with 1 − u. The sum starts at zero while the mean is below 60; above, at nine
    standard deviations below the mean, where what is left out (< 3e-18) is less than a uniform resolves: one uniform
    serves any n, and nothing underflows. Cost: about min(np, 9 √(np(1−p))) steps.

    Parameters
    ----------
    n : int
        Trials; none or fewer give 0.
    p : float
        Chance of each [-]; p ≤ 0 (and nan) gives 0, p ≥ 1 gives n.
    u : float
        A uniform in (0, 1).

    Returns
    -------
    int64 from 0 to n.

    References
    ----------
    Devroye, Non-uniform random variate generation, Springer 1986, ch. X.4; Loader, Fast and accurate computation of
    binomial probabilities, 2000 (the first term of a large n).
    """
    n = np.int64(n)
    if n <= 0 or not p > 0.0:
        return np.int64(0)
    if p >= 1.0:
        return n
    if u <= 1.0 - n * p:  # Bernoulli's inequality: (1 − p)ⁿ ≥ 1 − np; most calls of an hourly step end here
        return np.int64(0)
    if p > 0.5:
        return n - _binomial_sum(n, 1.0 - p, 1.0 - u)
    return _binomial_sum(n, p, u)


@njit(cache=True, nogil=True, error_model="numpy")
def binomial(n, p, seed, cell, step, purpose, draw):
    """A binomial number of successes out of `n`; takes exactly one `draw`, whatever n and p.

    See `binomial_u`; where two are needed, `uniform_pair` and two `binomial_u` cost one Philox.
    """
    n = np.int64(n)
    if n <= 0 or not p > 0.0:
        return np.int64(0)
    if p >= 1.0:
        return n
    return binomial_u(n, p, uniform(seed, cell, step, purpose, draw))


def generator(seed, purpose):
    """numpy's Philox generator for one-off draws when a model is built.

    Parameters
    ----------
    seed : int
        The scenario's seed; masked to 64 bits.
    purpose : int
        What the draws are for: another purpose, another stream.

    Returns
    -------
    numpy.random.Generator
    """
    key = np.array([int(seed) & 0xFFFFFFFFFFFFFFFF, int(purpose) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
