"""Dose maps: a volume file, or a table of points, that says how much falls where; brought to the voxels of a marrow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.image_files import READABLE, reader_of

COLUMNS = ("x_um", "y_um", "z_um", "dose_gy")


@dataclass(frozen=True, kw_only=True)
class DoseMap:
    """Doses `values` (nz, ny, nx) [Gy] at the centres of voxels of `edge` (3,) [um] along x, y, z, from the corner `low`."""

    values: np.ndarray
    edge: np.ndarray
    low: np.ndarray
    name: str

    @property
    def high(self):
        """(3,) the far corner [um]."""
        return self.low + self.edge * np.array(self.values.shape[::-1])


def read_dose_map(path: Path) -> DoseMap:
    """A dose map from NIfTI, NRRD, TIFF or OME-Zarr, from ParaView's .vti (cell array `dose` or `dose_Gy`, um), or from a
    .csv of points on a straight grid with the columns x_um, y_um, z_um, dose_gy. Values are Gy, or shares of a dose that is
    given beside the map; places are um in the coordinates of the bone's own file, once it is scaled.

    Raises
    ------
    GeometryError
        What cannot be read, voxels of unknown size, doses below nought or not finite, points that are no grid.
    """
    if path.name.lower().endswith(".vti"):
        made = _from_vti(path)
    elif path.name.lower().endswith(".csv"):
        made = _from_points(path)
    else:
        raw = _volume(path)
        if not np.isfinite(raw.edge).all():
            raise GeometryError(
                f"dose map: {path.name} does not tell how large its voxels are: {raw.lacking}. Write the unit of length into "
                "its header, or give the map as .vti or .csv, which are in um."
            )
        edge = raw.edge[::-1]
        made = DoseMap(values=np.asarray(raw.values, float), edge=edge, low=raw.corner * edge, name=path.name)
    if not np.isfinite(made.values).all():
        raise GeometryError(f"dose map: {path.name} holds values that are no number. Fill them with 0 Gy, or the dose there.")
    if (made.values < 0).any():
        raise GeometryError(
            f"dose map: {path.name} holds {made.values.min():g} Gy; no dose is below nought. Set what lies below it to 0."
        )
    return made


def sampled(dose: DoseMap, points: np.ndarray) -> np.ndarray:
    """The dose at `points` (k, 3) [um], trilinear between the centres of the map's voxels and level beyond the outermost, (k,).

    Raises GeometryError where points lie outside the map: it tells how many, and where the map and the points are.
    """
    from scipy.ndimage import map_coordinates

    outside = ((points < dose.low - 1e-6) | (points > dose.high + 1e-6)).any(axis=1)
    if outside.any():
        low, high = points.min(axis=0), points.max(axis=0)
        raise GeometryError(
            f"dose map: {dose.name} does not cover the marrow: {outside.mean():.1%} of it lies outside. The map reaches "
            f"from {_place(dose.low)} to {_place(dose.high)}, the marrow from {_place(low)} to {_place(high)}. Both are in "
            "the coordinates of the bone's own file; enlarge the map, filled with 0 Gy where nothing falls, or move it."
        )
    at = (points - dose.low) / dose.edge - 0.5
    return map_coordinates(dose.values, at[:, ::-1].T, order=1, mode="nearest")


def averaged(dose: DoseMap, centres: np.ndarray, spacing: float) -> np.ndarray:
    """The mean dose of cubic voxels of `spacing` [um] around `centres` (n, 3), (n,): over as many points as the map has in one,
    at most 64."""
    per = int(np.clip(np.ceil(spacing / dose.edge.min()), 1, 4))
    steps = (np.arange(per) + 0.5) / per - 0.5
    total = np.zeros(len(centres))
    for shift in np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3):
        total += sampled(dose, centres + spacing * shift)
    return total / per**3


def mean_within(dose: DoseMap, inside) -> float:
    """The mean [Gy] of those voxels of the map whose centres are `inside`, a function of points (k, 3) [um]; nan: none is."""
    z, y, x = np.indices(dose.values.shape).reshape(3, -1)
    here = inside(dose.low + dose.edge * (np.stack([x, y, z], axis=1) + 0.5))
    return float(dose.values.ravel()[here].mean()) if here.any() else float("nan")


def _place(point):
    return "(" + ", ".join(f"{x:.5g}" for x in point) + ") um"


def _volume(path):
    """The `Raw` volume of an image file. Raises GeometryError where it cannot be read, in words of a dose map."""
    if not path.name.lower().endswith(READABLE) and not path.is_dir():
        raise GeometryError(f"dose map: {path.name} is not read. It may be one of {', '.join(READABLE)}, .vti or .csv.")
    try:
        _, read = reader_of(path)
        return read(path)
    except GeometryError as error:
        raise GeometryError("dose map: " + str(error).removeprefix("geometry.image: ")) from error
    except Exception as error:  # whatever the format's own library says
        raise GeometryError(f"dose map: {path.name} is damaged ({_first_line(error)}). Export it again.") from error


def _first_line(error):
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _from_vti(path):
    import pyvista

    try:
        image = pyvista.read(path)
    except Exception as error:  # whatever VTK says
        raise GeometryError(f"dose map: {path.name} is damaged ({_first_line(error)}). Export it again.") from error
    names = [name for name in ("dose_Gy", "dose") if name in image.cell_data]
    if not names:
        raise GeometryError(
            f"dose map: {path.name} has no cell array named dose_Gy or dose; it has {', '.join(image.cell_data) or 'none'}."
        )
    shape = tuple(n - 1 for n in image.dimensions[::-1])
    values = np.asarray(image.cell_data[names[0]], float).reshape(shape)
    return DoseMap(values=values, edge=np.array(image.spacing), low=np.array(image.origin), name=path.name)


def _from_points(path):
    import pandas as pd

    try:
        table = pd.read_csv(path, comment="#")
    except (ValueError, OSError) as error:
        raise GeometryError(f"dose map: {path.name} is no table ({_first_line(error)}). Export it again as .csv.") from error
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise GeometryError(f"dose map: {path.name} lacks {', '.join(lacking)}; its columns are {', '.join(COLUMNS)}.")
    for name in COLUMNS:
        column = pd.to_numeric(table[name], errors="coerce")
        garbled = (column.isna() & table[name].notna()).any() or (name != "dose_gy" and not np.isfinite(column).all())
        if not len(table) or garbled:
            what = "no rows" if not len(table) else f"something in {name} that is no number"
            raise GeometryError(f"dose map: {path.name} holds {what}. Write one row a grid point.")
        table[name] = column
    axes = [np.unique(table[name].to_numpy(float)) for name in COLUMNS[:3]]
    shape = tuple(len(axis) for axis in axes[::-1])
    steps = [np.diff(axis) for axis in axes]
    uneven = any(len(step) and np.ptp(step) > 1e-3 * step.max() for step in steps)
    if np.prod(shape) != len(table) or uneven or table.duplicated(list(COLUMNS[:3])).any():
        raise GeometryError(
            f"dose map: the points of {path.name} are no full, even grid ({' x '.join(map(str, shape[::-1]))} places, "
            f"{len(table)} rows). Write every grid point once."
        )
    width = max((step[0] for step in steps if len(step)), default=1.0)
    edge = np.array([step[0] if len(step) else width for step in steps])
    ordered = table.sort_values(list(COLUMNS[2::-1]))
    values = ordered["dose_gy"].to_numpy(float).reshape(shape)
    return DoseMap(values=values, edge=edge, low=np.array([axis[0] for axis in axes]) - edge / 2, name=path.name)
