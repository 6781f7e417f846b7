"""Diffusion in time, with the operator of the steady state: five schemes behind one door."""

from dataclasses import replace

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.explicit import ROUND_OFF, explicit, largest_step
from marrow_niche.transport.implicit import backward_euler, second_order
from marrow_niche.transport.ledger import mean
from marrow_niche.transport.medium import Medium, Step
from marrow_niche.transport.reactions import check, react
from marrow_niche.transport.shapes import Frame, distinct, finite, spread
from marrow_niche.transport.splitting import lod

ON_BRICKS = {"explicit": explicit, "lod": lod}  # march(c, source, steps, reaction, alone)
SOLVED = {"second_order": second_order, "backward_euler": backward_euler}  # one step: march(c, made)
SCHEMES = ("explicit", "second_order", "backward_euler", "lod")
RESOLVED = 0.1  # of (loss + exchange) dt, at most, where "auto" goes forward explicitly


def advance_compact(
    neighbour,
    concentration,
    source,
    *,
    diffusivity,
    loss,
    spacing,
    dt,
    steps=1,
    exchange=None,
    wall=None,
    scheme="auto",
    rtol=1e-8,
    max_iterations=5000,
):
    """One or several steps in time on the open voxels of a lattice.

        ∂c/∂t − ∇·D∇c + (loss + exchange) c = source + exchange wall

    in space as in `solve_compact`: second order in the spacing. In time:

    ================  ===== ========================================== ============== =========================
    scheme            order dt                                         at rest        never negative
    ================  ===== ========================================== ============== =========================
    "second_order"    2     any                                        exact          by repair, which is reported
    "backward_euler"  1     any                                        exact          yes
    "explicit"        1     D dt / spacing² ≤ 1/6, less with much loss exact          yes
    "lod"             1     any                                        **off**        yes
    ================  ===== ========================================== ============== =========================

    "auto" is "explicit" where that takes this dt and no (loss + exchange) dt is above 0.1, so that its error in time is
    not above the one in space, and "second_order" elsewhere. "lod" is there to compare with programs that split. Without
    loss each keeps the total of every connected region to round-off, whatever `rtol`. The bits do not depend on the number
    of threads, nor on how many steps are taken in one call.

    Where `concentration` is float32, "explicit" and "lod" step in float32, twice as fast: each step rounds to 6e-8 of the
    field, so that over a thousand steps totals drift by some 1e-5 of themselves ("lod" 1e-4), and changes of less than
    3e-8 a step are lost. The other schemes work in float64 and round at the end. Concentrations within 1e-30 (float32) or
    1e-290 (float64) of zero are set to zero by "explicit" and "lod".

    Parameters
    ----------
    neighbour : Domain, or (n, 6) int32
    concentration : (S, n) or (n,) float32 or float64
        At the start [nM]; what else it holds is read as float64.
    source : number or like `concentration`
        [nM/h]; if it changes with time, its value in the middle of the step keeps the second order.
    dt : float
        Step [h]. No scheme divides it further by itself.
    steps : int
        How many steps of dt.
    scheme : str
        See above, and the functions of these names in `transport.implicit`, `.explicit` and `.splitting`.
    diffusivity, loss, spacing, exchange, wall, rtol, max_iterations
        As in `solve_compact`; the last two matter where something is solved.

    Returns
    -------
    Step
        The concentrations at the end, like `concentration`; `residual` and `iterations` as in a `Solution`, the largest
        and the sum; `scheme`, the one taken; `repaired` (S,), how much "second_order" would have left below zero at most,
        as part of what is above it; and `budget`, the mean flows over the call: losses as the scheme takes them, so that it
        closes to `rtol` of the largest. "explicit" and "lod" keep none: they conserve by construction, to round-off.

    Raises
    ------
    NumericsError
        As `solve_compact`, except that a region may lose nothing; dt is no time above zero, or too large for "explicit";
        the scheme is none of these.
    """
    concentration = _field(concentration)
    if concentration.ndim not in (1, 2) or 0 in concentration.shape:
        raise NumericsError(f"concentration has shape {concentration.shape}; expected (n,) or (species, n).")
    shape = (1, concentration.size) if concentration.ndim == 1 else concentration.shape
    source = spread(source, shape, "source")
    medium = Medium.of(
        neighbour, shape, diffusivity=diffusivity, loss=loss, exchange=exchange, wall=wall, spacing=spacing, dt=dt,
        rtol=rtol, max_iterations=max_iterations, dtype=concentration.dtype,
    )  # fmt: skip
    step = _march(medium, scheme, concentration.reshape(shape), source, _counted(steps))
    return replace(step, concentration=step.concentration.reshape(concentration.shape))


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
    scheme="auto",
    rtol=1e-8,
    max_iterations=5000,
):
    """Concentrations of dense fields one or several time steps later, in any consistent units.

    See `advance_compact` for the equation and the schemes. `reaction` enters explicitly in each of them, so dt must
    resolve it: to second order in "second_order", to first order in the others ("auto" does not know its rates).

    Parameters
    ----------
    concentration : (z, y, x) or (species, z, y, x) float32 or float64
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
        array (species,), and returns as many rates (a tuple will do); without one it takes and returns one number. In
        float64.
    steps : int
        How many steps of dt.
    open_ : (z, y, x) or (y, x) bool, optional
        True where the solute can be; nothing crosses to false, nor out of the box. All true by default.
    exchange, wall : like `loss`, optional
        Exchange with the blood [1/time] and the concentration on its side.
    scheme : str
        "auto", "second_order", "backward_euler", "explicit" or "lod".
    rtol : float
        Largest relative residual of each step and species, where something is solved. A step that would move c by less
        than this part of it leaves it: small steps towards a rest want a smaller one. What it leaves spreads over the
        whole region: a reaction that multiplies traces, as a front that invades empty space does, wants "explicit".
    max_iterations : int

    Returns
    -------
    Array like `concentration`, float32 if that is, zero in closed voxels, whose input is not read.

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
    steps = _counted(steps)
    check(reaction)
    c = _field(frame.pack(concentration, "concentration"))
    alone = c.ndim == 1
    c = np.atleast_2d(c)
    source = spread(frame.pack(source, "source"), c.shape, "source")
    medium = Medium.of(
        frame.domain,
        c.shape,
        diffusivity=frame.pack(diffusivity, "diffusivity"),
        loss=frame.pack(loss, "loss"),
        exchange=frame.pack(exchange, "exchange"),
        wall=frame.pack(wall, "wall"),
        spacing=spacing,
        dt=dt,
        rtol=rtol,
        max_iterations=max_iterations,
        dtype=c.dtype,
    )
    c = _march(medium, scheme, c, source, steps, reaction, alone).concentration
    return frame.unpack(c).astype(c.dtype, copy=False)


def _field(values):
    """Concentrations, float32 as they are and all else float64; NumericsError if one is not a finite number."""
    values = np.asarray(values)
    if values.dtype == np.float32 and np.isfinite(values).all():
        return values
    return finite(values, "concentration")


def _counted(steps):
    if steps < 1 or int(steps) != steps:
        raise NumericsError(f"steps is {steps}; expected a whole number of steps, at least 1.")
    return int(steps)


def _march(medium, scheme, c, source, steps, reaction=None, alone=False):
    """The `Step` that so many steps of a scheme are, "auto" made up its mind."""
    if scheme == "auto":
        scheme = "explicit" if _short(medium) else "second_order"
    if scheme not in SCHEMES:
        raise NumericsError(f'scheme is {scheme!r}; expected "auto" or one of {", ".join(SCHEMES)}.')
    if scheme in ON_BRICKS:
        return medium.step(ON_BRICKS[scheme](medium)(c, source, steps, reaction, alone), scheme)
    march = SOLVED[scheme](medium)
    step, budgets = medium.step(c.astype(np.float64), scheme), []
    for _ in range(steps):
        next_ = march(step.concentration, lambda c: source if reaction is None else source + react(reaction, c, alone))
        budgets.append(next_.budget)
        step = replace(
            next_,
            residual=np.maximum(step.residual, next_.residual),
            iterations=step.iterations + next_.iterations,
            repaired=np.maximum(step.repaired, next_.repaired),
        )
    return replace(step, concentration=step.concentration.astype(medium.dtype, copy=False), budget=mean(budgets))


def _short(medium):
    """Whether an explicit step of this dt is stable, not negative, and resolves the loss."""
    if medium.patterned or (distinct(medium.lost).max() * medium.dt > RESOLVED):
        return False
    return medium.dt <= largest_step(medium) * (1.0 + ROUND_OFF)


__all__ = ["SCHEMES", "Step", "advance", "advance_compact"]
