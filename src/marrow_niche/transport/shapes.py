"""How arrays reach the solver: shapes checked and broadcast, dense arrays packed onto the open voxels and back."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.domain import neighbours_of, prepare


def finite(values, name):
    """`values` as float64, refused if one is not a finite number."""
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise NumericsError(f"{name} is no array of numbers: {values!r}.") from None
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise NumericsError(
            f"{name}: {bad} of {values.size} values are nan or infinite; give finite numbers (closed voxels may hold "
            "anything in a dense array with open_)."
        )
    return values


def spread(values, shape, name, *, low=None):
    """`values` for every species and voxel: from a number, (S,), (n,) or (S, n) to a read-only (S, n).

    Raises
    ------
    NumericsError
        Another shape, a value that is not finite, or one below `low`.
    """
    values = finite(values, name)
    if low is not None and values.size and values.min() < low:
        raise NumericsError(f"{name}: the smallest value is {values.min():g}; expected {low:g} or more.")
    species, n = shape
    if values.ndim == 1 and values.shape == (species,) and species != n:
        values = values[:, np.newaxis]
    try:
        if values.ndim > 2 or (values.ndim == 1 and species == n > 1):
            raise ValueError
        return np.broadcast_to(values, shape)
    except ValueError:
        raise NumericsError(
            f"{name} has shape {values.shape}; expected a number, ({species},) for each species, ({n},) for each open "
            f"voxel, or ({species}, {n})."
        ) from None


def check_spacing(spacing):
    """Raises NumericsError unless `spacing` is one finite length above zero."""
    if not (np.ndim(spacing) == 0 and np.isfinite(spacing) and spacing > 0.0):
        raise NumericsError(f"spacing is {spacing}; expected the edge of a voxel, one length above zero.")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How a dense array (z, y, x) or (species, z, y, x) lies on its open voxels."""

    shape: tuple  # of one species
    species: int | None  # None: no species axis
    flat: np.ndarray  # (n,) int64
    neighbour: np.ndarray  # (n, 6) int32

    @classmethod
    def of(cls, field, open_, name):
        """The frame of a field; `open_` (z, y, x), (y, x) or (x,) tells the axes of space, else up to three are."""
        shape = np.shape(field)
        if open_ is None:
            if not 1 <= len(shape) <= 4:
                raise NumericsError(f"{name} has shape {shape}; expected (y, x), (z, y, x) or (species, z, y, x).")
            space = shape[-3:]
            open_ = np.ones(space, dtype=bool)
        else:
            open_ = np.asarray(open_)
            if open_.dtype != bool:
                raise NumericsError(f"open_ holds {open_.dtype}; expected booleans, true where the solute can be.")
            space = open_.shape
            if not 1 <= len(space) <= 3:
                raise NumericsError(f"open_ has shape {space}; expected (y, x) or (z, y, x).")
        extra = shape[: len(shape) - len(space)]
        if shape[len(extra) :] != space or len(extra) > 1 or 0 in shape:
            raise NumericsError(f"{name} has shape {shape}; expected {space}, or (species, *{space}), as open_ has.")
        if not open_.any():
            raise NumericsError("open_ is false everywhere: there is nowhere to diffuse. True marks the open voxels.")
        flat, neighbour = neighbours_of(open_)
        return cls(shape=space, species=extra[0] if extra else None, flat=flat, neighbour=neighbour)

    @cached_property
    def domain(self):
        """The open voxels made ready for the solver."""
        return prepare(self.neighbour)

    @property
    def full(self):
        """The dense shape of a field."""
        return self.shape if self.species is None else (self.species, *self.shape)

    def pack(self, values, name):
        """A coefficient or field at the open voxels: dense axes become one, numbers and (species,) stay."""
        if values is None:
            return None
        values = np.asarray(values)
        if values.shape == self.shape:
            return values.reshape(-1)[self.flat]
        if values.shape == () or (self.species is not None and values.shape == (self.species,)):
            return values if values.shape == () else values[:, np.newaxis]
        if self.species is not None and values.shape == self.full:
            return values.reshape(self.species, -1)[:, self.flat]
        raise NumericsError(
            f"{name} has shape {values.shape}; expected a number, {self.shape}"
            + ("." if self.species is None else f", ({self.species},) or {self.full}.")
        )

    def rows(self, values, name, *, low=None):
        """A coefficient or field as a read-only (species, n), one species where there is no axis of them; None is zero."""
        packed = np.asarray(self.pack(0.0 if values is None else values, name))
        packed = packed[np.newaxis] if packed.ndim == 1 else packed
        return spread(packed, (self.species or 1, self.flat.size), name, low=low)

    def unpack(self, compact, fill=0.0):
        """A dense field from its open voxels, `fill` in the closed ones."""
        dense = np.full((self.species or 1, int(np.prod(self.shape))), fill)
        dense[:, self.flat] = compact
        return dense.reshape(self.full)


def distinct(values):
    """`values` without what broadcasting repeats."""
    return values[tuple(slice(1) if stride == 0 else slice(None) for stride in values.strides)]


def even(row):
    """The one number that stands everywhere in a row (n,), or None."""
    row = distinct(row)
    return float(row[0]) if row[-1] == row[0] and (row == row[0]).all() else None
