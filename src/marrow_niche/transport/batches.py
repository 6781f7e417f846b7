"""Many steps of fields that stand on bricks: put there once, stepped species by species in compiled batches, taken back."""

from typing import Protocol

import numba
import numpy as np

from marrow_niche.kernels import layout
from marrow_niche.transport.medium import share
from marrow_niche.transport.reactions import react
from marrow_niche.transport.shapes import even
from marrow_niche.transport.standing import zeros

BATCH = 200_000_000  # places times steps of one compiled call: a fraction of a second, after which Ctrl-C is heard
WIDE = 2048  # bricks from which all threads share those of one species


class Row(Protocol):
    """The steps of one species."""

    swaps: bool  # whether a step leaves the field in the other array

    def make(self, total):
        """Take what is made and enters per time, a number or (size,), for the steps to come."""

    def go(self, steps, c, spare, shared):
        """Step the field in c (size,), with room in `spare`, by all threads if `shared`."""


def march(medium, rows, c, source, steps, reaction=None, alone=False):
    """The concentrations so many steps later.

    Parameters
    ----------
    medium : Medium
    rows : list of Row
        One for each species.
    c : (S, n)
    source : (S, n) float64
        What is made per time besides the reaction.
    steps : int
    reaction, alone
        As in `reactions.react`; asked before each step. None: nothing reacts.

    Returns
    -------
    (S, n) of `medium.dtype`
    """
    stand, species = medium.domain.standing, medium.species
    field, spare = zeros((2, species, stand.size), medium.dtype)
    layout.put(np.ascontiguousarray(c, medium.dtype), stand.places, field)
    totals = [_total(source[s], medium.entering[s], stand) for s in range(species)]
    shared = numba.get_num_threads() > 1 and stand.bricks.brick[1] >= WIDE

    def some(s, count):
        here, there = field[s], spare[s]
        while count > 0:
            batch = min(count, max(1, BATCH // stand.size))
            rows[s].go(batch, here, there, shared)
            count -= batch
            if rows[s].swaps and batch % 2:
                here, there = there, here

    def go(count):
        if shared:
            for s in range(species):
                some(s, count)
        else:
            share(lambda s: some(s, count), [count * medium.domain.n] * species)
        return (spare, field) if rows[0].swaps and count % 2 else (field, spare)

    if reaction is None:
        for row, total in zip(rows, totals):
            row.make(total)
        field, spare = go(steps)
    else:
        for _ in range(steps):
            rates = react(reaction, field, alone, stand.places)
            for row, rate, total in zip(rows, rates, totals):
                rate += total
                row.make(rate)
            field, spare = go(1)
    out = np.empty(c.shape, medium.dtype)
    layout.take(field, stand.places, out)
    return out


def _total(source, entering, stand):
    """What is made and enters of a species: a number if it is even, else (size,) float64."""
    one, other = even(source), even(entering)
    if one is not None and other is not None:
        return one + other
    return stand.stored(source + entering, np.dtype(np.float64))
