"""Where the molecules went: what was made, lost, let through the vessel walls and over the faces of the box, and stored."""

from dataclasses import dataclass, fields

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.shapes import finite, spread


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Flows of each species over the whole domain [nM um³/h], each (S,); a slice is one voxel thick."""

    secreted: np.ndarray
    lost: np.ndarray  # decay and uptake
    entered: np.ndarray  # from the blood through vessel walls
    left: np.ndarray  # into it
    came: np.ndarray  # over faces of the box with a condition and from held voxels; a flux given as negative is negative
    went: np.ndarray  # out over these
    stored: np.ndarray  # zero in a steady state
    held: np.ndarray  # what the domain holds over dt, the largest flow of a short step; zero in a steady state

    @property
    def imbalance(self):
        """(S,): secreted + entered + came − lost − left − went − stored, over the largest of these and `held`, or zero."""
        gap = self.secreted + self.entered + self.came - self.lost - self.left - self.went - self.stored
        size = np.max(np.abs([getattr(self, part.name) for part in fields(self)]), axis=0)
        return np.divide(gap, size, out=np.zeros_like(size), where=size > 0.0)


def added_up(concentration, source, loss, exchange, wall, volume, *, over=None, start=None, end=None, dt=1.0):
    """A `Budget` of rows (S, n) that are checked: at this concentration, or its mean over a step from `start` to `end`.

    `over` is what faces of the box and held voxels add to loss and source, a pair; `volume` of a voxel.
    """
    none = np.zeros(len(concentration))
    came = went = stored = held = none
    if over is not None:
        went, came = (over[0] * concentration).sum(axis=1) * volume, np.sum(over[1], axis=1) * volume
    if end is not None:
        stored, held = (end - start).sum(axis=1) * (volume / dt), np.abs(end).sum(axis=1) * (volume / dt)
    return Budget(
        secreted=np.sum(source, axis=1) * volume,
        lost=(loss * concentration).sum(axis=1) * volume,
        entered=(exchange * wall).sum(axis=1) * volume,
        left=(exchange * concentration).sum(axis=1) * volume,
        came=came,
        went=went,
        stored=stored,
        held=held,
    )


def mean(budgets):
    """The mean `Budget` of steps of the same length."""
    parts = {part.name: np.mean([getattr(b, part.name) for b in budgets], axis=0) for part in fields(Budget)}
    return Budget(**parts)


def budget(
    concentration, source, *, loss, spacing, exchange=None, wall=None, previous=None, dt=None, open_=None, dimension=3
):
    """Add up a steady solution, or one step of backward Euler from `previous`, of a box nothing crosses.

    `solve_steady(..., details=True)` and `advance_compact` bring their own: with conditions at faces, held voxels and
    saturable uptake the one, of the implicit schemes and with reactions the other.

    Parameters
    ----------
    concentration : (S, n) or (n,) float, or with `open_` dense as in `solve_steady`
        The solution, or the end of the step [nM].
    source, loss, exchange, wall
        As they were given to the solver.
    spacing : float
        Edge of a voxel [um].
    previous : like `concentration`, optional
        The start of the step; with `dt`.
    dt : float, optional
        The step [h].
    open_ : bool array, optional
        The mask of a dense solution.
    dimension : int
        Flows are per voxel volume, spacing to this power.

    Returns
    -------
    Budget

    Raises
    ------
    NumericsError
        Wrong shapes, numbers that are not finite, or one of `previous` and `dt` without the other.
    """
    if (previous is None) != (dt is None):
        raise NumericsError("A step needs both previous and dt; a steady state neither.")
    if open_ is not None:
        mask = np.asarray(open_, dtype=bool)
        size = mask.ndim

        def flat(values):
            dense = values is not None and np.shape(values)[-size:] == mask.shape
            return np.asarray(values)[..., mask] if dense else values

        concentration, source, loss = flat(concentration), flat(source), flat(loss)
        exchange, wall, previous = flat(exchange), flat(wall), flat(previous)
    c = np.atleast_2d(finite(concentration, "concentration"))
    if c.ndim != 2:
        raise NumericsError(f"concentration has shape {c.shape}; expected (n,) or (species, n), or give open_.")

    def rows(values, name):
        return spread(0.0 if values is None else values, c.shape, name)

    step = {} if previous is None else {"start": rows(previous, "previous"), "end": c, "dt": dt}
    return added_up(
        c,
        rows(source, "source"),
        rows(loss, "loss"),
        rows(exchange, "exchange"),
        rows(wall, "wall"),
        float(spacing) ** dimension,
        **step,
    )
