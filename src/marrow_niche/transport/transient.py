"""Diffusion in time: unsplit backward Euler with the operator of the steady state."""

import numba
import numpy as np
from numba import njit

from marrow_niche.errors import NumericsError
from marrow_niche.transport.shapes import Frame, finite, spread
from marrow_niche.transport.steady import Solution, solve_compact


def advance_compact(
    neighbour,
    concentration,
    source,
    *,
    diffusivity,
    loss,
    spacing,
    dt,
    exchange=None,
    wall=None,
    rtol=1e-8,
    max_iterations=5000,
):
    """One step of backward Euler on the open voxels of a lattice.

        (c' − c) / dt − ∇·D∇c' + (loss + exchange) c' = source + exchange wall

    Nothing is split off, so any dt is stable, keeps concentrations from going negative, and rests where
    `solve_compact` does; the error is first order in dt. What is made, lost and stored balances to round-off.

    Parameters
    ----------
    neighbour : Domain, or (n, 6) int32
    concentration : (S, n) or (n,) float
        At the start of the step [nM].
    source : number or like `concentration`
        [nM/h]
    dt : float
        Step [h].
    diffusivity, loss, spacing, exchange, wall, rtol, max_iterations
        As in `solve_compact`.

    Returns
    -------
    Solution
        Concentrations at the end of the step, like `concentration`.

    Raises
    ------
    NumericsError
        As `solve_compact`, except that a region may lose nothing; and dt is no time above zero.
    """
    _check_step(dt)
    concentration = finite(concentration, "concentration")
    if concentration.ndim not in (1, 2):
        raise NumericsError(f"concentration has shape {concentration.shape}; expected (n,) or (species, n).")
    shape = (1, concentration.size) if concentration.ndim == 1 else concentration.shape
    source = spread(source, shape, "source").reshape(concentration.shape)
    loss = spread(loss, shape, "loss", low=0.0)
    return solve_compact(
        neighbour,
        source + concentration / dt,
        diffusivity=diffusivity,
        loss=loss + 1.0 / dt,
        spacing=spacing,
        exchange=exchange,
        wall=wall,
        guess=concentration,
        rtol=rtol,
        max_iterations=max_iterations,
    )


def advance(
    concentration,
    source,
    *,
    diffusivity,
    loss,
    spacing,
    dt,
    reaction=None,
    steps=1,
    open_=None,
    exchange=None,
    wall=None,
    rtol=1e-8,
    max_iterations=5000,
):
    """Concentrations of dense fields one or several time steps later, in any consistent units.

    Backward Euler, unsplit (see `advance_compact`); `reaction` enters explicitly, at the concentrations at the start
    of each step, so dt must resolve it.

    Parameters
    ----------
    concentration : (z, y, x) or (species, z, y, x) float
        At the start; not changed. In two dimensions (y, x), or (species, y, x) with an `open_` of (y, x).
    source : number, or like `concentration`
        Made per volume and time.
    diffusivity, loss : float, (species,), or shaped as one species or as `concentration`
        D [length²/time]; decay and uptake [1/time].
    spacing : float
        Edge of a voxel [length].
    dt : float
        Step [time].
    reaction : numba.njit function, optional
        What is made in one voxel per time. With a species axis it takes the concentrations of all species there, an
        array (species,), and returns as many rates (a tuple will do); without one it takes and returns one number.
    steps : int
        How many steps of dt.
    open_ : (z, y, x) or (y, x) bool, optional
        True where the solute can be; nothing crosses to false, nor out of the box. All true by default.
    exchange, wall : like `loss`, optional
        Exchange with the blood [1/time] and the concentration on its side.
    rtol : float
        Largest relative residual of each step and species.
    max_iterations : int

    Returns
    -------
    Array like `concentration`, zero in closed voxels, whose input is not read.

    Raises
    ------
    NumericsError
        As `advance_compact`; `reaction` is no njit function.

    Examples
    --------
    >>> @numba.njit
    ... def gray_scott(c):
    ...     u, v = c
    ...     return -u * v * v + 0.04 * (1.0 - u), u * v * v - 0.1 * v
    """
    frame = Frame.of(concentration, open_, "concentration")
    if steps < 1 or int(steps) != steps:
        raise NumericsError(f"steps is {steps}; expected a whole number of steps, at least 1.")
    _check_step(dt)
    if reaction is not None and not isinstance(reaction, numba.core.registry.CPUDispatcher):
        raise NumericsError(f"reaction is {reaction!r}; decorate the function with numba.njit.")
    c = finite(frame.pack(concentration, "concentration"), "concentration")
    made = frame.pack(source, "source")
    coefficients = {
        "diffusivity": frame.pack(diffusivity, "diffusivity"),
        "loss": frame.pack(loss, "loss"),
        "exchange": frame.pack(exchange, "exchange"),
        "wall": frame.pack(wall, "wall"),
    }
    rows = (1, c.size) if c.ndim == 1 else c.shape
    made = spread(made, rows, "source").reshape(c.shape)
    for _ in range(int(steps)):
        total = made
        if reaction is not None:
            total = made + _react(reaction, c)
        c = advance_compact(
            frame.domain, c, total, spacing=spacing, dt=dt, rtol=rtol, max_iterations=max_iterations, **coefficients
        ).concentration
    return frame.unpack(c)


def _check_step(dt):
    if not (np.ndim(dt) == 0 and np.isfinite(dt) and dt > 0.0):
        raise NumericsError(f"dt is {dt}; expected one time step above zero.")


def _react(reaction, c):
    rate = np.empty_like(c)
    if c.ndim == 1:
        _react_alone(reaction, c, rate)
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


__all__ = ["Solution", "advance", "advance_compact"]
