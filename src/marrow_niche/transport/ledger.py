"""Where the molecules went: what was made, lost, let through the vessel walls and stored."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.shapes import finite, spread


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Flows of each species over the whole domain [nM um³/h], each (S,)."""

    secreted: np.ndarray
    lost: np.ndarray  # decay and uptake
    entered: np.ndarray  # from the blood through vessel walls
    left: np.ndarray  # into it
    stored: np.ndarray  # zero in a steady state
    held: np.ndarray  # what the domain holds over dt, the largest flow of a short step; zero in a steady state

    @property
    def imbalance(self):
        """(S,): (secreted + entered − lost − left − stored) over the largest of them and `held`; zero if all are."""
        came = self.secreted + self.entered
        went = self.lost + self.left + self.stored
        size = np.max(np.abs([self.secreted, self.entered, self.lost, self.left, self.stored, self.held]), axis=0)
        return np.divide(came - went, size, out=np.zeros_like(size), where=size > 0.0)


def budget(
    concentration, source, *, loss, spacing, exchange=None, wall=None, previous=None, dt=None, open_=None, dimension=3
):
    """Add up a steady solution, or one step of backward Euler from `previous`.

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

    volume = float(spacing) ** dimension
    exchange = rows(exchange, "exchange")
    stored, held = np.zeros(c.shape[0]), np.zeros(c.shape[0])
    if previous is not None:
        stored = (c - rows(previous, "previous")).sum(axis=1) * (volume / dt)
        held = np.abs(c).sum(axis=1) * (volume / dt)
    return Budget(
        secreted=rows(source, "source").sum(axis=1) * volume,
        lost=(rows(loss, "loss") * c).sum(axis=1) * volume,
        entered=(exchange * rows(wall, "wall")).sum(axis=1) * volume,
        left=(exchange * c).sum(axis=1) * volume,
        stored=stored,
        held=held,
    )
