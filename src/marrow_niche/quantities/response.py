"""How a rate or a probability answers a signal. Signals are ratios to their reference: 1 at rest."""

import numpy as np


def power(exponents, logs):
    """Product of powers, Π sⱼ^eⱼ: effects of several factors multiply (Antonchuk 2004, Blood 104:1306).

    Parameters
    ----------
    exponents : (n_signal,) or (n, n_signal) float64
    logs : (n_signal,) float64
        Natural logarithms of the signals [-].
    """
    return np.exp(exponents @ logs)


def saturating_rate(rest, limit, drive):
    """Rate that is `rest` at drive 1 and nears `limit` under strong drive: rest·m / (1 + (m − 1) rest/limit).

    The limit is the shortest cell cycle, put in series with the time spent waiting.
    """
    return rest * drive / (1.0 + (drive - 1.0) * rest / limit)


def saturating_probability(rest, limit, drive):
    """Hill probability with exponent one: `rest` at drive 1, 0 without signal, `limit` at infinity."""
    return limit * drive / (drive + limit / rest - 1.0)
