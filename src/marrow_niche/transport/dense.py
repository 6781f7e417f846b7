"""The steady state of dense fields, with conditions at the faces of the box, held voxels and saturable uptake."""

from dataclasses import replace

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.boundaries import face_terms, held_terms
from marrow_niche.transport.domain import prepare
from marrow_niche.transport.ledger import added_up
from marrow_niche.transport.saturable import Saturable, solve_saturable
from marrow_niche.transport.shapes import Frame, check_spacing
from marrow_niche.transport.steady import Solution, solve_compact


def solve_steady(
    source,
    *,
    diffusivity,
    loss,
    spacing,
    open_=None,
    exchange=None,
    wall=None,
    boundary=None,
    fixed=None,
    saturable=None,
    guess=None,
    rtol=1e-6,
    max_iterations=5000,
    details=False,
):
    """The steady concentration of dense fields, in any consistent units: see `solve_compact` for the equation.

    Parameters
    ----------
    source : (z, y, x) or (species, z, y, x) float
        Made per volume and time. In two dimensions (y, x), or (species, y, x) with an `open_` of (y, x).
    diffusivity, loss : float, (species,), or shaped as one species or as `source`
        D [length²/time]; decay and uptake [1/time].
    spacing : float
        Edge of a voxel [length].
    open_ : (z, y, x) or (y, x) bool, optional
        True where the solute can be; nothing crosses to false. All true by default.
    exchange : like `loss`, optional
        Exchange with the blood [1/time]: permeability × wall area / volume, in chosen voxels.
    wall : like `loss`, optional
        Concentration on the blood's side; zero by default.
    boundary : dict, optional
        What holds at faces of the box, by name: "-z", "+z", "-y", "+y", "-x", "+x" (the last four in two dimensions). A
        `Fixed`, `Robin` or `Flux`; nothing crosses the other faces. It acts on the open voxels at that face.
    fixed : shaped as one species or as `source`, optional
        Voxels whose concentration is held at this value, NaN where it is free. Their own source, loss and exchange
        count for nothing; their open neighbours feel them through the common face. They must be open.
    saturable : Saturable, optional
        Uptake vmax c / (km + c) besides, each shaped like `loss`: see `solve_saturable`.
    guess : like `source`, optional
        Where to start.
    rtol : float
        Largest relative residual of each species; what comes from faces and held voxels counts as source.
    max_iterations : int
    details : bool
        Return a `Solution`, whose concentration is the array.

    Returns
    -------
    Array like `source`: the concentration, zero in closed voxels, whose input is not read. With `details` a `Solution`
    with the true residual and the number of cycles of each species, (species,) or (1,), and the `budget` of the voxels
    that are not held, which closes to 10 `rtol`.

    Raises
    ------
    NumericsError
        Before any work: as `solve_compact` and `solve_saturable`; an unknown face, a condition of wrong shape, not finite
        or with a negative permeability; a held voxel that is closed. After it: `rtol` was not reached.

    Examples
    --------
    >>> solve_steady(np.zeros((30, 40)), diffusivity=1.0, loss=0.0, spacing=0.5,
    ...              boundary={"-x": Fixed(1.0), "+x": Robin(permeability=0.2, outside=0.1)})
    """
    frame = Frame.of(source, open_, "source")
    check_spacing(spacing)
    if guess is not None and np.shape(guess) != frame.full:
        raise NumericsError(f"guess has shape {np.shape(guess)}; expected {frame.full}, as source has.")
    rows = {
        "source": frame.rows(source, "source"),
        "diffusivity": frame.rows(diffusivity, "diffusivity", low=0.0),
        "loss": frame.rows(loss, "loss", low=0.0),
        "exchange": frame.rows(exchange, "exchange", low=0.0),
        "wall": frame.rows(wall, "wall"),
    }
    if guess is not None:
        rows["guess"] = frame.rows(guess, "guess")
    if saturable is not None:
        if not isinstance(saturable, Saturable):
            raise NumericsError(f"saturable is {saturable!r}; expected Saturable(vmax, km).")
        rows |= {"vmax": frame.rows(saturable.vmax, "vmax", low=0.0), "km": frame.rows(saturable.km, "km")}
    over = None if boundary is None else face_terms(boundary, frame, rows["diffusivity"], spacing)
    settings = {"spacing": spacing, "rtol": rtol, "max_iterations": max_iterations}
    if fixed is None:
        held = None
        answer = _solve(frame.domain, _with_terms(rows, over), settings)
    else:
        held = _held(fixed, frame)
        answer, over = _solve_beside(held, frame, rows, over, settings)
    c = frame.unpack(answer.concentration)
    return replace(answer, concentration=c, budget=_budget(answer.concentration, rows, over, held, spacing)) if details else c


def _with_terms(rows, over):
    """The rows with what faces and held voxels add to loss and source, a pair or None."""
    return rows if over is None else rows | {"loss": rows["loss"] + over[0], "source": rows["source"] + over[1]}


def _budget(c, rows, over, held, spacing):
    """The `Budget` of the free voxels of a solution (S, n): those that are not `held` (S, n), NaN where free, or None."""
    rows = dict(rows)
    if "vmax" in rows:
        rows["loss"] = rows["loss"] + rows["vmax"] / (rows["km"] + c)
    if held is not None:
        free = np.isnan(held)
        c = np.where(free, c, 0.0)
        rows |= {name: np.where(free, rows[name], 0.0) for name in ("source", "exchange")}
    volume = float(spacing) ** 3
    return added_up(c, rows["source"], rows["loss"], rows["exchange"], rows["wall"], volume, over=over)


def _solve(domain, rows, settings):
    """A `Solution` of coefficients (S, n) by name, with saturable uptake where there is some."""
    if "vmax" not in rows:
        return solve_compact(domain, **rows, **settings)
    linear = {name: values for name, values in rows.items() if name not in ("vmax", "km")}
    return solve_saturable(domain, **linear, saturable=Saturable(rows["vmax"], rows["km"]), **settings)


def _held(fixed, frame):
    """(S, n): the concentration of held voxels, NaN in the others."""
    values = np.asarray(fixed)
    if values.shape not in (frame.shape, frame.full):
        raise NumericsError(f"fixed has shape {values.shape}; expected {frame.shape} or {frame.full}, NaN where free.")
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        raise NumericsError("fixed is no array of numbers; give the concentration of held voxels, NaN where free.") from None
    if np.isinf(values).any():
        raise NumericsError("fixed: some values are infinite; give the concentration of held voxels, NaN where free.")
    packed = np.atleast_2d(frame.pack(values, "fixed"))
    held = np.count_nonzero(~np.isnan(values))
    closed = held - np.count_nonzero(~np.isnan(packed))
    if closed:
        raise NumericsError(
            f"fixed holds {held} voxels of which {closed} are closed. Open them (true in open_): a held voxel is one whose "
            "neighbours exchange with it."
        )
    return np.broadcast_to(packed, (frame.species or 1, frame.flat.size))


def _solve_beside(held, frame, rows, over, settings):
    """A `Solution` on all open voxels, those of `held` (S, n) at their value; and what faces (`over`) and they add to the rest.

    Species that hold the same are solved at once.
    """
    species = len(held)
    more = np.zeros((2, *held.shape))
    c, residual, iterations, raised = np.array(held), np.zeros(species), np.zeros(species, np.int64), np.zeros(species)
    taken = ~np.isnan(held)
    alike = np.unique(taken, axis=0, return_inverse=True)[1].reshape(-1) if species > 1 else np.zeros(1, np.int64)
    for group in range(alike.max() + 1):
        which = np.flatnonzero(alike == group)
        here = taken[which[0]]
        if here.all():
            continue
        mine = {name: values[which] for name, values in rows.items()}
        terms = held_terms(here, held[which], frame.neighbour, mine["diffusivity"], settings["spacing"])
        for both, at_faces, beside in zip(more, over or (None, None), terms):
            both[which] = beside if at_faces is None else beside + np.where(here, 0.0, at_faces[which])
        mine = {name: values[:, ~here] for name, values in _with_terms(mine, more[:, which]).items()}
        try:
            answer = _solve(prepare(_without(frame.neighbour, here)), mine, settings)
        except NumericsError as error:
            raise NumericsError(f"beside the held voxels, among species {which} and the free voxels: {error}") from None
        c[np.ix_(which, ~here)] = answer.concentration
        residual[which], iterations[which], raised[which] = answer.residual, answer.iterations, answer.raised
    return Solution(concentration=c, residual=residual, iterations=iterations, raised=raised), tuple(more)


def _without(neighbour, gone):
    """The table of neighbours without the voxels `gone` (n,) bool."""
    index = np.cumsum(~gone, dtype=np.int32) - np.int32(1)
    index[gone] = -1
    return np.where(neighbour < 0, np.int32(-1), index[np.maximum(neighbour, 0)])[~gone]
