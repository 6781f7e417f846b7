"""Where a dose falls: everywhere, in a part of the bone, in a beam, beside bone, or as a map says."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import beside
from marrow_niche.geometry.dose_map import averaged, mean_within, read_dose_map
from marrow_niche.perturbations.region import AXES, corners
from marrow_niche.quantities.parameters import entry, quantity

PARTS = 4
"""Points along each edge of a voxel by which the share of it that lies in a region or beam is told."""
MOST = 100.0
"""Gy that an event may give anywhere."""


@dataclass(frozen=True, kw_only=True)
class Beam:
    """A round beam along one axis, through a place given by shares of the extent of the piece along the two others."""

    axis: str = entry('along which it goes: "x", "y", "z" or "long"', default="x")
    at: tuple[float, ...] = quantity("", "its middle along the two other axes, in the order x, y, z", low=0, high=1)
    diameter: float = quantity("um", "its width", low=1.0)

    def contradictions(self):
        """What disagrees between the entries."""
        if self.axis not in ("long", *AXES):
            yield "axis", f'"{self.axis}" is no axis; give "x", "y", "z" or "long".'
        if len(self.at) != 2:
            yield "at", 'give two shares, such as ["50 %", "50 %"].'

    def inside(self, points, low, high, long_axis):
        """Which `points` (k, 3) [um] lie in it, (k,) bool; `low`, `high` (3,) [um] are the corners of the piece."""
        along = long_axis if self.axis == "long" else AXES.index(self.axis)
        across = [d for d in range(3) if d != along]
        middle = low[across] + np.array(self.at) * (high - low)[across]
        return ((points[:, across] - middle) ** 2).sum(axis=1) <= (self.diameter / 2) ** 2


def share_inside(part, model):
    """(n,) share of each voxel that lies in `part`, a `Region` or a `Beam`, by points within it."""
    low, high = corners(model)
    centres, h = model.lattice.centres(np.arange(model.n)), model.lattice.spacing
    steps = (np.arange(PARTS) + 0.5) / PARTS - 0.5
    shifts = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) * h
    return sum(part.inside(centres + shift, low, high, model.long_axis) for shift in shifts) / len(shifts)


def pattern(event, model, folder):
    """Dose of each voxel over the dose of `event` (n,), or None where it is the same everywhere; and facts to tell.

    With a map the dose of the event, where it gives one, is the mean of the marrow outside vessels; else the map's own holds.

    Parameters
    ----------
    event : Radiation
    model : Model
        As it is laid out; its rest need not be known.
    folder : path
        What the map's name is relative to.

    Returns
    -------
    pattern : (n,) float64 [-], or None; of a map without a dose [Gy]
    facts : dict
        `where` in words; `share_exposed` of the marrow; of `pattern` its `mean` over the marrow outside vessels, `least` and
        `greatest`; of a map `map_mean_Gy` on the marrow, `map_mean_in_box_Gy` of its own voxels around it (None: it has none
        there) and `map_greatest_Gy`.

    Raises
    ------
    GeometryError
        A map that cannot be read, does not cover the marrow, spares all of it or gives more than `MOST`; a region or beam
        without marrow, a shield over all of it; no bone near this marrow.
    """
    values, facts = _falls(event, model, folder)
    if values is None or (values == 1.0).all():
        return None, {"where": "everywhere"} | facts | dict.fromkeys(("share_exposed", "mean", "least", "greatest"), 1.0)
    told = {
        "share_exposed": model.mean((values > 0.0).astype(float) if event.map or event.bone_range else np.minimum(values, 1.0)),
        "mean": model.mean(values),
        "least": float(values.min()),
        "greatest": float(values.max()),
    }
    return values, facts | told


def _falls(event, model, folder):
    """`pattern` before it is weighed: (n,) or None, and where it falls in words."""
    if event.map is not None:
        return _by_map(event, model, beside(folder, event.map))
    if event.bone_range is not None:
        falls = np.exp(-np.maximum(model.geometry.to_endosteum, 0.0) / event.bone_range)
        mean = model.mean(falls)
        if not mean > 0.0:
            raise GeometryError(
                f"bone_range: no bone lies within reach of this marrow: at {event.bone_range:g} um nothing of what it emits "
                "arrives. Give a longer range, or a piece with bone."
            )
        return falls / mean, {"where": f"from bone surfaces, falling by e within {event.bone_range:g} um"}
    share, parts = np.ones(model.n), []
    for name in ("region", "beam"):
        part = getattr(event, name)
        if part is not None:
            inside = share_inside(part, model)
            if not inside.any():
                raise GeometryError(f"{name}: no marrow of this piece lies in it; {_extent(model)}. Move or widen it.")
            share *= inside
            parts.append(f"in the {name}")
    if event.shield is not None:
        share *= 1.0 - share_inside(event.shield, model)
        parts.append("outside the shield")
    if not share.any():
        what = " and ".join(name for name in ("region", "beam", "shield") if getattr(event, name) is not None)
        raise GeometryError(f"{what}: no marrow of this piece is left to irradiate; {_extent(model)}. Expose some of it.")
    return (share, {"where": ", ".join(parts)}) if parts else (None, {})


def _by_map(event, model, path):
    """The pattern of a dose map, and its facts."""
    try:
        dose = read_dose_map(path)
        values = averaged(dose, model.lattice.centres(np.arange(model.n)), model.lattice.spacing)
    except GeometryError as error:
        raise GeometryError("map: " + str(error).removeprefix("dose map: ")) from error
    low, high = corners(model)
    mean, box = model.mean(values), mean_within(dose, lambda p: ((p >= low) & (p <= high)).all(axis=1))
    if not mean > 0.0:
        raise GeometryError(f"map: {dose.name} gives this marrow no dose. Is it in the coordinates of the bone's own file?")
    if event.dose is None and values.max() > MOST:
        raise GeometryError(
            f"map: {dose.name} gives up to {values.max():.4g} Gy; the most allowed is {MOST:g} Gy. Is it in cGy? Divide it, or "
            "give the event a dose, which is then the marrow's mean."
        )
    highest = values.max() if event.dose is None else event.dose * values.max() / mean
    if event.dose is not None and highest > MOST:
        raise GeometryError(
            f"map: with a mean of {event.dose:g} Gy {dose.name} gives up to {highest:.4g} Gy; the most allowed is {MOST:g} Gy. "
            "Give less."
        )
    facts = {
        "where": f"by the map {dose.name}",
        "map_mean_Gy": mean,
        "map_mean_in_box_Gy": box if np.isfinite(box) else None,
        "map_greatest_Gy": float(values.max()),
    }
    return (values if event.dose is None else values / mean), facts


def _extent(model):
    low, high = corners(model)
    low, high = ("(" + ", ".join(f"{x:.5g}" for x in point) + ")" for point in (low, high))
    return f"the piece reaches from {low} to {high} um"
