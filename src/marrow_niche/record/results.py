"""A run read back: tables as DataFrames, fields as labelled arrays, cells, vessels, and how it all was made."""

import difflib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record import paraview, paraview_files, provenance
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.tables import Table, read_table

if TYPE_CHECKING:
    import pandas as pd
    import pyvista
    import xarray as xr

MARROW = 2
HALF_A_DAY = 0.5
"""How far outside of a run a day may lie and still mean its first or last record [d]."""
TABLES_ALONE = (
    "the run has its tables alone, as space = false under [record] asks. Run it without that line to have its space."
)


def open_results(directory: "RunDirectory | Path | str") -> "Results":
    """The results of the run in `directory`, finished or not. Raises RunError when it is not a run."""
    return Results(RunDirectory(directory).require())


class Results:
    """What a run left behind. Everything is read when asked for.

    Attributes
    ----------
    directory : Path
    blood, marrow : pandas.DataFrame
        One row a recorded time; column `day`, units in the other names.
    budgets : pandas.DataFrame
        fields.csv: what became of the molecules of each field, in the piece, when it was solved last.
    births : pandas.DataFrame
        births.csv: one row a stem cell that came after the start, with its mother; earliest first.
    days : (t,) array
        Recorded times [d].
    scenario, provenance : dict
    finished : bool
    tissue : (nz, ny, nx) uint8
        0 outside, 1 bone, 2 marrow, 3 lumen, 4 fat: inside vessels, inside adipocytes.
    hidden : (nz, ny, nx) bool
        Where no marrow is.
    spacing : float
        Edge of a voxel [um].
    origin : (3,) array
        Low corner of the box: x, y, z [um].
    fields : dict
        Recorded fields and their units: {"SCF_nM": "nM"}.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._run = directory
        self.directory = directory.path

    def __repr__(self) -> str:
        days = self.days
        span = f"{len(days)} times, day {days[0]:g} to {days[-1]:g}" if len(days) else "nothing recorded yet"
        title = self.scenario.get("title") or self.directory
        return f"<Results of {title}: {span}{'' if self.finished else ', not finished'}>"

    @cached_property
    def blood(self) -> "pd.DataFrame":
        return read_table(self._run.blood)

    @cached_property
    def marrow(self) -> "pd.DataFrame":
        return read_table(self._run.marrow)

    @cached_property
    def budgets(self) -> "pd.DataFrame":
        return read_table(self._run.budgets)

    @cached_property
    def births(self) -> "pd.DataFrame":
        if not self._run.births.is_file():
            raise RunError(
                f"{self._run.births}: missing. Births are written with the cells, so not with space = false under [record], "
                f"nor by older versions; run the scenario again."
            )
        return read_table(self._run.births).astype({"cell": np.int64, "parent": np.int64})

    @cached_property
    def days(self) -> np.ndarray:
        return np.array(Table(self._run.blood).days())

    @cached_property
    def scenario(self) -> dict[str, Any]:
        return self._run.read_scenario()

    @cached_property
    def provenance(self) -> dict[str, Any]:
        return provenance.read(self._run)

    @property
    def finished(self) -> bool:
        return self._run.provenance.is_file() and bool(self.provenance.get("finished"))

    @cached_property
    def tissue(self) -> np.ndarray:
        return paraview_files.read_image_array(self._image_files[0][1], "tissue")

    @property
    def tables_alone(self) -> bool:
        """Whether the scenario asked for no files of space."""
        return self.scenario.get("record", {}).get("space", True) is False

    @cached_property
    def hidden(self) -> np.ndarray:
        return paraview_files.read_image_array(self._image_files[0][1], "vtkGhostType") != 0

    @property
    def spacing(self) -> float:
        return self._header["spacing"]

    @property
    def origin(self) -> np.ndarray:
        return np.array(self._header["origin"])

    @property
    def fields(self) -> dict[str, str]:
        if self.tables_alone:
            return {}
        hidden = ("tissue", "vtkGhostType")
        return {name: array["unit"] for name, array in self._header["arrays"].items() if name not in hidden}

    def nearest(self, times: np.ndarray, day: float | None) -> int:
        """Which of some recorded `times` (t,) [d] lies nearest to `day` [d], of two alike the earlier; None: the last.

        Raises RunError when `day` lies half a day or more outside of the run: nothing that was recorded tells of it.
        """
        if day is None:
            return len(times) - 1
        recorded = np.concatenate([self.days, times])
        low, high = float(recorded.min()), float(recorded.max())
        if not low - HALF_A_DAY < day < high + HALF_A_DAY:
            span = f"day {low:g} to {high:g}, {len(self.days)} times"
            raise RunError(f"{self.directory}: day {day:g} is not recorded; choose one of {span}.")
        return int(np.abs(np.asarray(times) - day).argmin())

    def field(self, name: str, day: float | None = None) -> "xr.DataArray":
        """A recorded field, (time, z, y, x), NaN outside the marrow; each time is read from its file when it is used.

        Parameters
        ----------
        name : str
            With or without its unit: "SCF" or "SCF_nM".
        day : float, optional
            The recorded time nearest to it alone, (z, y, x) [d].

        Returns
        -------
        xarray.DataArray
            float32 (float64 for counts above 2^24); coordinates: time [d], and z, y, x of the voxels' centres [um].

        Raises RunError when there is no such field, it names the nearest one; or `day` lies outside of the run, see `nearest`.
        """
        import xarray as xr
        from xarray.core.indexing import LazilyIndexedArray

        array, unit = self._find(name)
        shape, origin = self._header["shape"], self.origin[::-1]
        files = [path for _, path in self._image_files]
        centres = {
            axis: low + self.spacing * (np.arange(n) + 0.5) for axis, low, n in zip("zyx", origin, shape, strict=True)
        }
        times = np.array([day for day, _ in self._image_files])
        coordinates = {"time": ("time", times, {"units": "d", "long_name": "time"})} | {
            axis: (axis, values, {"units": "um"}) for axis, values in centres.items()
        }
        series = _lazy(files, array, self._header["arrays"][array]["dtype"], self.hidden)
        variable = xr.Variable(("time", "z", "y", "x"), LazilyIndexedArray(series))
        found = xr.DataArray(
            variable, coords=coordinates, name=paraview.array_stem(array, unit), attrs={"units": unit, "array": array}
        )
        return found if day is None else found.isel(time=self.nearest(times, day))

    def cells(self, day: float | None = None) -> "pd.DataFrame":
        """Stem cells at the recorded time nearest to `day` [d] (default: the last), one row a cell.

        Columns: x_um, y_um, z_um, then every array of the file; `attrs["day"]` is the time they are of. Raises RunError
        when the run recorded no cells, or `day` lies outside of the run, see `nearest`.
        """
        import pandas as pd

        series = paraview_files.read_collection(self._run.cells_pvd)
        if not series:
            raise RunError(f"{self.directory}: {self._not_there('cells')}")
        times = np.array([time for time, _ in series])
        which = self.nearest(times, day)
        data = paraview_files.read_polydata(self.directory / series[which][1])
        columns: dict[str, np.ndarray] = dict(zip(("x_um", "y_um", "z_um"), data["points"].T, strict=True))
        for name, values in data["point"].items():
            if values.ndim == 1:
                columns[name] = values
            else:
                columns |= {f"{name}_{i}": values[:, i] for i in range(values.shape[1])}
        frame = pd.DataFrame(columns)
        frame.attrs["day"] = float(times[which])
        return frame

    def vessels(self) -> dict[str, np.ndarray]:
        """nodes (m, 3) [um], edges (e, 2), radius (e,) [um], kind (e,): 0 sinusoid, 1 arteriole, 2 vein.

        Raises RunError when the run has none.
        """
        data = paraview_files.read_polydata(self._run.vessels)
        cell = data["cell"]
        return {"nodes": data["points"], "edges": data["lines"], "radius": cell["radius_um"], "kind": cell["kind"]}

    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """The bone of the piece, cortex and trabeculae: vertices (v, 3) [um] and triangles (t, 3) of its closed surface.

        Raises RunError when the run has none.
        """
        return self._mesh(self._run.bone)

    def whole_bone(self) -> tuple[np.ndarray, np.ndarray]:
        """The outside of the whole bone: vertices (v, 3) [um] and triangles (t, 3). Raises RunError when the run has none."""
        return self._mesh(self._run.whole_bone)

    @staticmethod
    def _mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
        data = paraview_files.read_polydata(path)
        return data["points"], data["polys"]

    def points(self, name: str) -> np.ndarray:
        """Objects the geometry holds at points ("stroma", "osteoblasts", ...): (k, 3) [um]. Raises RunError if none."""
        path = self._run.geometry / f"{paraview.array_name(name)}.vtp"
        if not path.is_file():
            known = sorted(
                file.stem
                for file in self._run.geometry.glob("*.vtp")
                if file.stem not in ("vessels", "bone", "whole_bone")
            )
            raise RunError(f"{self.directory}: has no points {name!r}; it has {', '.join(known) or 'none'}.")
        return paraview_files.read_polydata(path)["points"]

    def scene(self, day: float | None = None) -> "pyvista.MultiBlock":
        """The run at the recorded time nearest to `day` [d] (default: the last) as meshes by name, for pictures of one's own.

        Blocks, all in um: "marrow", an UnstructuredGrid of the marrow's voxels alone with every recorded field as cell data
        (SCF_pM, cellularity, ...), so that `slice`, `threshold` and `contour` see no bone; "cells", the stem cells as points
        with all their arrays; "bone", "vessels" (lines with radius_um and kind), "stroma" and what else the geometry holds.
        `user_dict` of a block has the units of its arrays, and the day.

            scene = results.scene(day=7)
            scene["marrow"].slice("x").plot(scalars="SCF_pM")

        Raises RunError when nothing of space is recorded, a file is damaged, or `day` lies outside of the run, see `nearest`.
        """
        from marrow_niche.record.blocks import blocks

        return blocks(self, day)

    def fat(self) -> tuple[np.ndarray, np.ndarray]:
        """Adipocytes of the geometry: centres (k, 3) [um] and radii (k,) [um]. Raises RunError where there are none."""
        data = paraview_files.read_polydata(self._run.geometry / "adipocytes.vtp")
        return data["points"], data["point"]["radius_um"]

    def array_of(self, name: str) -> str:
        """The recorded array of a field, named with or without its unit. Raises RunError as `field` does."""
        return self._find(name)[0]

    def _not_there(self, what: str) -> str:
        return TABLES_ALONE if self.tables_alone else f"no {what} are recorded in this run (yet)."

    @cached_property
    def _image_files(self) -> list[tuple[float, Path]]:
        series = paraview_files.read_collection(self._run.fields_pvd)
        if not series:
            raise RunError(f"{self.directory}: {self._not_there('fields')}")
        return [(day, self.directory / name) for day, name in series]

    @cached_property
    def _header(self) -> dict[str, Any]:
        return paraview_files.read_image_header(self._image_files[-1][1])

    def _find(self, name: str) -> tuple[str, str]:
        known: Mapping[str, str] = self.fields
        for array, unit in known.items():
            if name == array or paraview.array_name(name, unit) == array:
                return array, unit
        stems = [paraview.array_stem(array, unit) for array, unit in known.items()]
        lower = {text.lower(): text for text in [*stems, *known]}
        near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
        hint = f" Did you mean {lower[near[0]]!r}?" if near else ""
        raise RunError(f"{self.directory}: has no field {name!r}; it has {', '.join(stems) or 'none'}.{hint}")


def _lazy(files: list[Path], array: str, kind: np.dtype, hidden: np.ndarray) -> Any:
    """The array of all files, stored as `kind`, as xarray's backend array: an index of times opens only the files of those
    times. What is `hidden`, (nz, ny, nx), is NaN."""
    from xarray.backends import BackendArray
    from xarray.core import indexing

    shape = hidden.shape

    class Series(BackendArray):
        def __init__(self) -> None:
            self.shape = (len(files), *shape)
            wide = kind.itemsize > 4 or kind == np.int32
            self.dtype = np.dtype(np.float64 if wide else np.float32)

        def __getitem__(self, key: Any) -> Any:
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

        def _read(self, key: tuple[Any, ...]) -> np.ndarray:
            times, *inside = key
            if isinstance(times, (int, np.integer)):
                return self._one(int(times))[tuple(inside)]
            steps = range(len(files))[times]
            empty = np.empty((0, *shape), self.dtype)
            blocks = [self._one(step)[tuple(inside)] for step in steps]
            return np.stack(blocks) if blocks else empty[(slice(None), *inside)]

        def _one(self, step: int) -> np.ndarray:
            values = paraview_files.read_image_array(files[step], array).astype(self.dtype)
            values[hidden] = np.nan
            return values

    return Series()
