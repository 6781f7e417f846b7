"""What is written when: one call a recorded time, in an order that leaves files which open whenever a run is killed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record import paraview, paraview_files, provenance
from marrow_niche.record.atomic import remove_leftovers
from marrow_niche.record.behind import Behind
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.scene import write_scene
from marrow_niche.record.tables import DAY_TOLERANCE, Table, day_text


class Recorder:
    """Writes blood.csv, marrow.csv, fields.csv, births.csv, fields/, cells/, geometry/ and open_in_paraview.py of one run.

    At each time the data files come first, then the series that name them, then the rows of the tables, each of them
    atomically: killed at any moment, every file opens. All this is done beside the run, which goes on; `sync` waits for it.
    Save the checkpoint of a time after recording it and `sync`.

    Parameters
    ----------
    directory : RunDirectory or path
        A run begun by `RunDirectory.create`, with its scenario.toml.
    grid : dict
        shape (nz, ny, nx), spacing [um], origin (x, y, z) [um], flat (n,), tissue (nz, ny, nx) uint8 (2 = marrow).
    fields_unit : dict
        Unit of every field that will be recorded, e.g. {"SCF": "nM"}; it ends the array's name in the file (SCF_nM).
    cells_unit : dict, optional
        The same for arrays of the cells that do not carry the unit in their name.
    resume_day : float, optional
        Go on from a checkpoint of this time [d]: tables and series are cut back to it, later files removed.

    Raises RunError when two fields would have one name in the file, or the record cannot be cut back.
    """

    def __init__(
        self,
        directory: RunDirectory | Path | str,
        grid: Mapping[str, Any],
        *,
        fields_unit: Mapping[str, str],
        cells_unit: Mapping[str, str] | None = None,
        resume_day: float | None = None,
    ) -> None:
        self.directory = RunDirectory(directory)
        self.grid = dict(grid)
        self._units = {name: unit or "" for name, unit in fields_unit.items()}
        self._cells_units = dict(cells_unit or {})
        self._names = {name: paraview.array_name(name, unit) for name, unit in self._units.items()}
        if len(set(self._names.values())) < len(self._names):
            raise RunError(
                f"fields {', '.join(sorted(self._names))}: two of them have the same name in a file; rename one."
            )
        self._blood, self._marrow = Table(self.directory.blood), Table(self.directory.marrow)
        self._budgets, self._births = Table(self.directory.budgets), Table(self.directory.births)
        self._fields: list[tuple[float, str]] = []
        self._cells: list[tuple[float, str]] = []
        self._ranges: dict[str, tuple[float, float]] = {}
        self._room: dict[str, np.ndarray] = {}
        self._behind = Behind()
        self._days: list[float] = []
        fields = {self._names[name]: {"field": name, "unit": self._units[name]} for name in sorted(self._names)}
        self._identity = provenance.identity(self.directory)
        self._facts = self._identity | {"fields": fields, "units": {"time": "d", "length": "um"}}
        if resume_day is not None:
            self._cut(float(resume_day))
        elif self.directory.blood.exists() or self.directory.fields_pvd.exists():
            raise RunError(
                f"{self.directory.path}: holds a record already. Go on with it (marrow-niche resume), or begin anew "
                f"(--overwrite)."
            )

    @property
    def days(self) -> tuple[float, ...]:
        """Times recorded so far [d]."""
        return tuple(self._days)

    def record(
        self,
        day: float,
        *,
        blood: Mapping[str, float],
        marrow: Mapping[str, float],
        budgets: Mapping[str, float] | None = None,
        fields: Mapping[str, np.ndarray] | None = None,
        cells: Mapping[str, Any] | None = None,
        births: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one time.

        Parameters
        ----------
        day : float
            Time [d], later than the one before.
        blood, marrow : dict
            A row of each table; names carry the unit (neutrophils_per_uL).
        budgets : dict, optional
            A row of fields.csv: what became of the molecules of each field; in every row or in none.
        fields : dict of (n,) arrays, optional
            Values in the marrow's voxels by the names of `fields_unit`, beside the tissue; None writes neither at this time.
        cells : dict of (k, ...) arrays, optional
            'position' (k, 3) [um] and one array for each property; None writes none at this time.
        births : dict of (m,) arrays, optional
            Rows of births.csv, 'day' [d] and others; those before the time recorded last are there already and left out.

        Raises RunError when the time does not advance, a field is unknown, misshapen or not finite; and at the next call or
        `sync` when a row does not fit its table or the disk refuses. The arrays may change when this returns.
        """
        self._behind.wait()
        day = float(day)
        if not np.isfinite(day) or (self._days and day <= self._days[-1] + DAY_TOLERANCE):
            last = f"day {day_text(self._days[-1])} is recorded" if self._days else "nothing is recorded"
            raise RunError(
                f"{self.directory.path}: day {day_text(day)} cannot be recorded after that: {last}. Times must advance."
            )
        index = len(self._days)
        shown = None if fields is None else self._shown(index, fields)
        points = None if cells is None else self._points(index, day, cells)
        tables = (self._budgets, budgets), (self._marrow, marrow), (self._blood, blood)
        rows = [(table, dict(row)) for table, row in tables if row is not None]
        new = {}
        if births is not None:
            since = np.asarray(births["day"]) > (self._days[-1] - DAY_TOLERANCE if self._days else -np.inf)
            new = {name: np.asarray(values)[since] for name, values in births.items()}

        def put_down() -> None:
            if shown is not None:
                self._save_fields(index, day, shown)
            if points is not None:
                self._save_cells(index, day, points)
            if new:
                self._births.extend(new)
            for table, row in rows:
                table.append(day, row)

        self._days.append(day)
        self._behind.begin(put_down)

    def sync(self) -> None:
        """Wait until all that was recorded is on the disk, as a checkpoint counts on. Raises RunError when the disk refuses."""
        self._behind.wait()
        for table in (self._births, self._budgets, self._marrow, self._blood):
            table.sync()

    def geometry(
        self,
        vessels: Mapping[str, Any] | None,
        surface: tuple[np.ndarray, np.ndarray] | None,
        points: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        whole: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Write geometry/vessels.vtp, bone.vtp and whole_bone.vtp and, for objects at points, geometry/<name>.vtp.

        Parameters
        ----------
        vessels : dict
            nodes (m, 3) [um], edges (e, 2), radius (e,) [um], kind (e,) uint8: 0 sinusoid, 1 arteriole, 2 vein;
            perhaps type_h (e,) bool.
        surface : (vertices (v, 3) [um], triangles (t, 3))
            Of the bone in the piece, cortex and trabeculae.
        points : dict of dicts, optional
            By name ("stroma", "osteoblasts"): 'position' (k, 3) [um] and any arrays of k values.
        whole : (vertices, triangles), optional
            The outside of the whole bone, of which this is a piece.

        Raises RunError when shapes disagree or the disk refuses.
        """
        told = self._identity | {"units": {"length": "um"}}
        if vessels is not None:
            nodes = np.asarray(vessels["nodes"], np.float64).reshape(-1, 3)
            edges = np.asarray(vessels["edges"], np.int64).reshape(-1, 2)
            radius = np.asarray(vessels["radius"], np.float64)
            # ParaView's Tube takes its radius from points: the mean of the vessels that meet there
            meeting = np.bincount(edges.ravel(), minlength=len(nodes))
            total = np.bincount(edges.ravel(), weights=np.repeat(radius, 2), minlength=len(nodes))
            arrays = {"radius_um": radius, "kind": np.asarray(vessels["kind"], np.uint8)}
            if "type_h" in vessels:
                arrays["type_h"] = np.asarray(vessels["type_h"], np.uint8)
            node_arrays = {"radius_um": total / np.maximum(meeting, 1)}
            paraview.write_lines(
                self.directory.vessels,
                nodes,
                edges,
                arrays,
                node_arrays=node_arrays,
                units={"radius_um": "um"},
                provenance=told,
            )
        for path, mesh in ((self.directory.bone, surface), (self.directory.whole_bone, whole)):
            if mesh is not None:
                paraview.write_surface(path, *mesh, provenance=told)
        for name, objects in (points or {}).items():
            arrays = {key: value for key, value in objects.items() if key != "position"}
            path = self.directory.geometry / f"{paraview.array_name(name)}.vtp"
            units = {key: "um" for key in arrays if key.endswith("_um")}
            paraview.write_points(path, objects["position"], arrays, units=units, provenance=told)

    def _shown(self, index: int, fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What is written of the fields, by their names in the file, in memory of its own."""
        unknown = sorted(set(fields) - set(self._names))
        if unknown:
            known = ", ".join(sorted(self._names)) or "none"
            raise RunError(
                f"{self.directory.path}: field {unknown[0]!r} was not announced with its unit; announced: {known}."
            )
        path, flat = self.directory.fields_file(index), np.asarray(self.grid["flat"])
        return {
            file: np.array(paraview.display_of(np.asarray(fields[name]), file, flat, path))
            for name, file in self._names.items()
            if name in fields
        }

    def _save_fields(self, index: int, day: float, shown: Mapping[str, np.ndarray]) -> None:
        path = self.directory.fields_file(index)
        units = {self._names[name]: unit for name, unit in self._units.items()}
        image = paraview.image(path, self.grid, shown, units=units, day=day, provenance=self._facts, room=self._room)
        paraview.save(image, path)
        self._fields.append((day, self.directory.relative(path)))
        paraview.write_series(self.directory.fields_pvd, self._fields)
        self._widen_ranges(path)
        self._write_scene()

    def _points(self, index: int, day: float, cells: Mapping[str, Any]) -> Any:
        named = {
            name: paraview.array_name(name, self._cells_units.get(name, "")) for name in cells if name != "position"
        }
        arrays = {named[name]: np.array(cells[name]) for name in named}
        units = {named[name]: unit for name, unit in self._cells_units.items() if name in named}
        facts = self._identity | {"units": {"time": "d", "length": "um"} | units}
        path, position = self.directory.cells_file(index), np.array(cells["position"])
        return paraview.points(path, position, arrays, units=units, day=day, provenance=facts)

    def _save_cells(self, index: int, day: float, points: Any) -> None:
        path = self.directory.cells_file(index)
        paraview.save(points, path)
        self._cells.append((day, self.directory.relative(path)))
        paraview.write_series(self.directory.cells_pvd, self._cells)

    def _widen_ranges(self, path: Path) -> None:
        """Colour ranges over all times, from the file's own header: a resumed run finds the same ones."""
        for name, array in paraview_files.read_image_header(path)["arrays"].items():
            if name in self._names.values():
                low, high = self._ranges.get(name, (array["low"], array["high"]))
                self._ranges[name] = (min(low, array["low"]), max(high, array["high"]))

    def _write_scene(self) -> None:
        titles = {self._names[name]: f"{name} [{unit}]" if unit else name for name, unit in self._units.items()}
        write_scene(self.directory, self._ranges, titles=titles, spacing=float(self.grid["spacing"]))

    def _cut(self, day: float) -> None:
        self._days = self._blood.cut(day)
        self._marrow.cut(day)
        self._budgets.cut(day)
        self._births.cut((self._days[-1] if self._days else 0.0) - 2 * DAY_TOLERANCE)  # those born since are in the checkpoint
        run = self.directory
        self._fields = self._cut_series(run.fields_pvd, run.fields, r"fields_\d+\.vti", day)
        self._cells = self._cut_series(run.cells_pvd, run.cells, r"cells_\d+\.vtp", day)
        if len(self._fields) > len(self._days) or len(self._cells) > len(self._days):
            raise RunError(
                f"{run.path}: cannot be resumed at day {day_text(day)}: blood.csv has {len(self._days)} rows up to "
                f"then, fewer than the recorded files. Was the table edited? Run the scenario again (--overwrite)."
            )
        for folder in (run.path, run.geometry):
            remove_leftovers(folder)
        for _, name in self._fields:
            self._widen_ranges(run.path / name)
        if self._fields:
            self._write_scene()

    def _cut_series(self, series: Path, folder: Path, pattern: str, day: float) -> list[tuple[float, str]]:
        kept = [(time, name) for time, name in paraview_files.read_collection(series) if time <= day + DAY_TOLERANCE]
        if series.is_file():
            if kept:
                paraview.write_series(series, kept)
            else:
                series.unlink()
                paraview.series_beside(series, pattern).unlink(missing_ok=True)
        names = {Path(name).name for _, name in kept}
        for path in sorted(folder.glob("*")):
            if re.fullmatch(pattern, path.name) and path.name not in names:
                path.unlink()
        remove_leftovers(folder)
        missing = [name for _, name in kept if not (self.directory.path / name).is_file()]
        if missing:
            raise RunError(
                f"{self.directory.path}: {missing[0]} is missing; the run cannot be resumed. Run again (--overwrite)."
            )
        return kept
