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


def react(reaction, c, alone):
    """The rates of a reaction at the concentrations c (S, n), like c.

    Parameters
    ----------
    reaction : numba.njit function
        From (S,) concentrations in a voxel to S rates, or if `alone` from a number to a number.
    c : (S, n) float64
    alone : bool

    Raises
    ------
    NumericsError
        A rate is no finite number.
    """
    rate = np.empty(c.shape)
    if alone:
        _react_alone(reaction, c[0], rate[0])
    else:
        _react_together(reaction, c, rate)
    return finite(rate, "what reaction returns")


# Compiled for each reaction, which lives in the caller's session: not cached on disk.
@njit(nogil=True)
def _react_alone(reaction, c, rate):
    for i in range(c.size):
        rate[i] = reaction(c[i])


@njit(nogil=True)
def _react_together(reaction, c, rate):
    here = np.empty(c.shape[0])
    for i in range(c.shape[1]):
        for s in range(c.shape[0]):
            here[s] = c[s, i]
        made = reaction(here)
        for s in range(c.shape[0]):
            rate[s, i] = made[s]
