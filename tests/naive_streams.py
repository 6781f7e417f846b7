"""The slow, obvious twin of `marrow_niche.kernels.streams`: Python integers and the definition of each distribution."""

import math

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 of four words and two, as in the paper."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def uniform_pair(seed, cell, step, purpose, draw):
    seed, cell = seed % 2**64, cell % 2**64
    counter = [cell & MASK, cell >> 32, step & MASK, ((purpose & 0xFFFF) << 16) | (draw & 0xFFFF)]
    w = philox(counter, [seed & MASK, seed >> 32])
    return tuple(max((high * 2**32 + low) >> 11, 0.5) * 2.0**-53 for high, low in (w[:2], w[2:]))


def normal_pair(seed, cell, step, purpose, draw):
    u0, u1 = uniform_pair(seed, cell, step, purpose, draw)
    r = math.sqrt(-2 * math.log(u0))
    return r * math.cos(2 * math.pi * u1), r * math.sin(2 * math.pi * u1)


def binomial_u(n, p, u):
    """The smallest x with P(X <= x) >= u, each term from its own binomial coefficient (small n)."""
    below = 0.0
    for x in range(n + 1):
        below += math.comb(n, x) * p**x * (1 - p) ** (n - x)
        if below >= u:
            return x
    return n
