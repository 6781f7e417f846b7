"""What a reaction given by the caller makes in each voxel."""

import numba
import numpy as np
from numba import njit

from marrow_niche.errors import NumericsError
from marrow_niche.transport.shapes import finite


def check(reaction):
    """Refuse what numba has not compiled."""
    if reaction is not None and not isinstance(reaction, numba.core.registry.CPUDispatcher):
        raise NumericsError(f"reaction is {reaction!r}; decorate the function with numba.njit.")


def react(reaction, c, alone, at=None):
    """The rates of a reaction at the concentrations c (S, n), like c but float64.

    Parameters
    ----------
    reaction : numba.njit function
        From (S,) concentrations in a voxel to S rates, or if `alone` from a number to a number; in float64.
    c : (S, n) float64 or float32
    alone : bool
    at : (m,) int32, optional
        The columns to look at; the rates are zero in others.

    Raises
    ------
    NumericsError
        A rate is no finite number.
    """
    at = np.arange(c.shape[1], dtype=np.int32) if at is None else at
    rate = np.zeros(c.shape)
    if alone:
        _react_alone(reaction, c[0], at, rate[0])
    else:
        _react_together(reaction, c, at, rate)
    if not np.isfinite(rate).all():
        finite(rate[:, at], "what reaction returns")
    return rate


# Compiled for each reaction, which lives in the caller's session: not cached on disk.
@njit(nogil=True)
def _react_alone(reaction, c, at, rate):
    for i in at:
        rate[i] = reaction(np.float64(c[i]))


@njit(nogil=True)
def _react_together(reaction, c, at, rate):
    here = np.empty(c.shape[0])
    for i in at:
        for s in range(c.shape[0]):
            here[s] = c[s, i]
        made = reaction(here)
        for s in range(c.shape[0]):
            rate[s, i] = made[s]
