"""A part of the piece: a box given by shares of its extent, to which an event is confined."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity

AXES = ("x", "y", "z")


@dataclass(frozen=True, kw_only=True)
class Region:
    """From where to where along each axis, as shares of the extent of the piece's marrow; an axis left out is taken whole."""

    long: tuple[float, ...] | None = quantity(
        "", "along the long axis: ['0 %', '50 %'] is its lower half", low=0, high=1, default=None
    )
    x: tuple[float, ...] | None = quantity("", "along x", low=0, high=1, default=None)
    y: tuple[float, ...] | None = quantity("", "along y", low=0, high=1, default=None)
    z: tuple[float, ...] | None = quantity("", "along z", low=0, high=1, default=None)

    def contradictions(self):
        """What disagrees between the entries."""
        for name in ("long", *AXES):
            ends = getattr(self, name)
            if ends is not None and (len(ends) != 2 or not ends[0] < ends[1]):
                yield name, 'give where it begins and where it ends, such as ["0 %", "50 %"].'
        if all(getattr(self, name) is None for name in ("long", *AXES)):
            yield 'a region needs at least one of long, x, y, z, such as long = ["0 %", "50 %"].'

    def inside(self, points, low, high, long_axis):
        """Which `points` (k, 3) [um] lie in it, (k,) bool; `low`, `high` (3,) [um] are the corners of the piece."""
        here = np.ones(len(points), bool)
        for name in ("long", *AXES):
            ends = getattr(self, name)
            if ends is not None:
                d = long_axis if name == "long" else AXES.index(name)
                share = (points[:, d] - low[d]) / (high[d] - low[d])
                here &= (share >= ends[0]) & (share <= ends[1])
        return here


def corners(model):
    """(3,) and (3,) the corners of the piece's marrow [um]."""
    centres = model.lattice.centres(np.arange(model.n))
    return centres.min(axis=0) - model.lattice.spacing / 2, centres.max(axis=0) + model.lattice.spacing / 2
