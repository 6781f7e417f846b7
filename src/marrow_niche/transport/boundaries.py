"""What may cross the faces of the box, and voxels whose concentration is held: both as terms of the voxels beside them.

A condition at a face becomes a loss and a source of the open voxels there, with the half voxel of tissue in between:

    Fixed   loss += 2 D / h²,                        source += that × value
    Robin   loss += 1 / (h / P + h² / (2 D)),        source += that × outside
    Flux                                             source += q / h

and a held voxel does it to its open neighbours through the conductance of their common face, 2 D_i D_j / ((D_i + D_j) h²).
The matrix stays symmetric and an M-matrix; the concentration is second order in h (finite volumes: Patankar, Numerical
Heat Transfer and Fluid Flow, 1980, ch. 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.shapes import finite


@dataclass(frozen=True)
class Fixed:
    """The concentration on a face: a number, (species,), or an array over the face, with a species axis or without."""

    value: Any


@dataclass(frozen=True)
class Robin:
    """A membrane on a face: `permeability` × (concentration on the face − `outside`) leaves through it.

    `permeability` [length/time], not negative; both a number, (species,) or an array over the face.
    """

    permeability: Any
    outside: Any = 0.0


@dataclass(frozen=True)
class Flux:
    """What comes in through a face, per area and time, whatever the concentration; `value` as of `Fixed`.

    Negative where it is taken out, which can make concentrations negative.
    """

    value: Any


def face_names(dimension):
    """Names of the faces of a box: "-z", "+z", "-y", "+y", "-x", "+x", or the last of them in fewer dimensions."""
    return tuple(sign + axis for axis in "zyx"[3 - dimension :] for sign in "-+")


def face_terms(boundary, frame, diffusivity, spacing):
    """What the conditions at the faces of the box add to loss and source.

    Parameters
    ----------
    boundary : dict
        Face name to `Fixed`, `Robin` or `Flux`. Nothing crosses a face that is not named.
    frame : Frame
    diffusivity : (S, n) float
        D [length²/time]; nothing crosses the face of a voxel without diffusion, but a given flux.
    spacing : float
        Edge h of a voxel [length].

    Returns
    -------
    loss : (S, n) float [1/time]
    source : (S, n) float [concentration/time]

    Raises
    ------
    NumericsError
        An unknown face, one without open voxels, no condition, a wrong shape, a number that is not finite, a negative
        permeability.
    """
    if not isinstance(boundary, Mapping):
        raise NumericsError(f'boundary is {boundary!r}; expected a dict such as {{"-x": Fixed(1.0)}}.')
    loss, source = np.zeros(diffusivity.shape), np.zeros(diffusivity.shape)
    names = face_names(len(frame.shape))
    where = np.unravel_index(frame.flat, frame.shape)
    for name, condition in boundary.items():
        if name not in names:
            raise NumericsError(f"boundary: there is no face {name!r}; this box has {', '.join(names)}.")
        axis = names.index(name) // 2
        at = np.flatnonzero(where[axis] == (0 if name[0] == "-" else frame.shape[axis] - 1))
        if not at.size:
            raise NumericsError(f"boundary: no open voxel lies at the face {name}; open some there, or leave it out.")
        face = _Face(name, frame, axis, tuple(w[at] for a, w in enumerate(where) if a != axis), at.size)
        more, made = _terms(condition, face, diffusivity[:, at], spacing)
        loss[:, at] += more
        source[:, at] += made
    return loss, source


def held_terms(held, value, neighbour, diffusivity, spacing):
    """What held voxels add to loss and source of all: loss (S, n) [1/time] and source (S, n).

    Parameters
    ----------
    held : (n,) bool
    value : (S, n) float
        Their concentration; read where held.
    neighbour : (n, 6) int
        Index of the open neighbours, -1 for a wall.
    diffusivity : (S, n) float
    spacing : float
    """
    loss, source = np.zeros(diffusivity.shape), np.zeros(diffusivity.shape)
    for column in neighbour.T:
        i = np.flatnonzero((column >= 0) & held[np.maximum(column, 0)] & ~held)
        j = column[i]
        g = harmonic(diffusivity[:, i], diffusivity[:, j]) / spacing**2
        loss[:, i] += g
        source[:, i] += g * value[:, j]
    return loss, source


def harmonic(one, other):
    """Harmonic mean of two arrays that are not negative; zero where one is."""
    total = one + other
    return np.divide(2.0 * one * other, total, out=np.zeros_like(total), where=total > 0.0)


@dataclass(frozen=True)
class _Face:
    """The open voxels at one face of the box, and how what is given over it is read."""

    name: str
    frame: Any
    axis: int
    across: tuple  # their places in the face
    size: int

    def read(self, value, what, low=None):
        """(S, k): a number, (species,) or an array over the face at the open voxels; raises NumericsError."""
        what = f"boundary {self.name}, {what}"
        species = self.frame.species
        shape = tuple(size for a, size in enumerate(self.frame.shape) if a != self.axis)
        value = np.asarray(value)
        if species is not None and value.shape == shape == (species,):
            raise NumericsError(
                f"{what} has shape {shape}, as many species as voxels on the face; say which with ({species}, {species})."
            )
        if value.shape == shape:
            value = value[self.across]
        elif species is not None and value.shape == (species,):
            value = value[:, np.newaxis]
        elif species is not None and value.shape == (species, *shape):
            value = value[(slice(None), *self.across)]
        elif value.shape != ():
            more = "" if species is None else f", ({species},) or {(species, *shape)}"
            raise NumericsError(f"{what} has shape {value.shape}; expected a number, {shape}{more}.")
        value = finite(value, what)
        if low is not None and value.min() < low:
            raise NumericsError(f"{what}: the smallest value is {value.min():g}; expected {low:g} or more.")
        return np.broadcast_to(value, (species or 1, self.size))


def _terms(condition, face, diffusivity, spacing):
    """Loss and source (S, k) of the voxels at a face under its condition."""
    half = 2.0 * diffusivity / spacing**2
    if isinstance(condition, Fixed):
        return half, half * face.read(condition.value, "value")
    if isinstance(condition, Robin):
        wall = face.read(condition.permeability, "permeability", low=0.0) / spacing
        through = 0.5 * harmonic(wall, half)  # resistances in series
        return through, through * face.read(condition.outside, "outside")
    if isinstance(condition, Flux):
        return 0.0, face.read(condition.value, "value") / spacing
    raise NumericsError(f"boundary {face.name}: {condition!r} is no condition; expected Fixed, Robin or Flux.")
