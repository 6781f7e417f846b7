"""A run in the files of other programs: chosen times, fields and part of the box, in one of several forms."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import ExportError, RunError
from marrow_niche.quantities.words import number
from marrow_niche.record import labelled, paraview, volumes, vtkhdf
from marrow_niche.record.atomic import write_text
from marrow_niche.record.chosen import Asked, Chosen, choose, error_of
from marrow_niche.record.directory import LITTER, RunDirectory
from marrow_niche.record.plain import for_json
from marrow_niche.record.results import open_results

Show = Callable[[int, int, float], None]
INTEGRITY = "vessel_integrity"
_NOTE = "export.json"


def export(
    directory: RunDirectory | Path | str,
    to: str,
    asked: Asked | None = None,
    *,
    into: Path | str | None = None,
    overwrite: bool = False,
    show: Show | None = None,
) -> Path:
    """Write what `asked` picks of a run in the form `to`; return the folder it stands in.

    Parameters
    ----------
    to : str
        One of `FORMS`.
    into : path, optional
        The folder, which is made; beside the run, `<run>_<form>`, by default.
    overwrite : bool
        Replace an earlier export there: the files that it wrote, and only where nothing else lies among them.
    show : callable, optional
        Called with (times done, times in all, 0).

    Raises ExportError with every mistake at once, RunError when the directory is no run or the disk refuses. Until all is
    written nothing stands in `into`.
    """
    results = open_results(directory)
    run, asked = RunDirectory(results.directory), asked or Asked()
    mistakes = []
    if to not in FORMS:
        mistakes.append(f"--to {to}: there is no such form; one of {', '.join(FORMS)}.")
    into = _beside(run, to) if into is None else Path(into)
    mistakes += _in_the_way(run, into, overwrite)
    chosen = choose(results, asked, mistakes)
    if to == "csv" and not chosen.cell_times:
        raise ExportError(run.path, ["--to csv: holds cells, and the run recorded none at these times."])
    if to == "netcdf" and labelled.netcdf_bytes(chosen) > labelled.NETCDF_BYTES:
        size = number(labelled.netcdf_bytes(chosen) / 1e9)
        cure = "choose fewer with --fields, --days or --region, or --to zarr, which is compressed"
        raise ExportError(run.path, [f"--to netcdf: {size} GB, more than the 2 GB it is good for; {cure}."])
    part = into.with_name(f".{into.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        FORMS[to][0](chosen, part, show or (lambda done, total, more: None))
        note = _note(chosen, to) | {"files": _files(part)}
        write_text(part / _NOTE, json.dumps(for_json(note), indent=1, ensure_ascii=False) + "\n")
        if mistakes := _in_the_way(run, into, overwrite):  # put there while this was written
            raise ExportError(run.path, mistakes)
        if into.exists():
            shutil.rmtree(into)
        os.replace(part, into)
    except OSError as error:
        raise RunError(
            f"{into}: cannot be written ({error.strerror or error}). Is the disk full or read-only?"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return into


def write_vtkhdf(run: RunDirectory | Path | str) -> None:
    """fields.vtkhdf and cells.vtkhdf of a whole run into its own directory, each whole or not at all. Raises RunError."""
    chosen = choose(open_results(run), Asked())
    for name, write in (("fields.vtkhdf", _fields_vtkhdf), ("cells.vtkhdf", _cells_vtkhdf)):
        target = chosen.run.path / name
        part = target.with_name(f".{name}.part")
        try:
            write(chosen, part, lambda done, total, more: None)
            if part.exists():
                os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)


def told(folder: Path) -> str:
    """What was exported, in a few lines: files, size, times, rounding."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    size = sum(file.stat().st_size for file in files) / 1e6
    days = note["days"]
    span = f"day {days[0]:g}" if len(days) == 1 else f"{len(days)} times, day {days[0]:g} to {days[-1]:g}"
    lines = [f"{folder}: {len(files)} files, {number(size)} MB; {span}."]
    if note["kept_bits"] is not None:
        error = 100 * error_of(note["kept_bits"])
        lines.append(
            f"Fields keep {note['kept_bits']} bits of their mantissa: each value is within {number(error, 2)} % of the run's."
        )
    return "\n".join(lines)


def _beside(run: RunDirectory, to: str) -> Path:
    """The folder of an export by default; of a run named "." or ".." too, which has no name to put another in the place of."""
    here = run.path.resolve()
    return (run.path if run.path.name not in ("", "..") else here).with_name(f"{here.name}_{to}")


def _in_the_way(run: RunDirectory, into: Path, overwrite: bool) -> list[str]:
    if run.path.resolve() in into.resolve().parents:
        return [f"--into {into}: is inside the run, whose folder holds what the run wrote; give a place beside it."]
    if into.name in ("", ".."):
        return [f"--into {into}: is a folder that others stand in; give the name of a new one."]
    if not into.exists() or (into.is_dir() and not any(into.iterdir())):
        return []
    if not (into / _NOTE).is_file():
        return [f"--into {into}: is there already, and is no earlier export; give another name."]
    if not overwrite:
        return [f"--into {into}: is there already; give another name, or --overwrite to replace it."]
    foreign = _foreign(into)
    if foreign:
        told = ", ".join(foreign[:5]) + (", ..." if len(foreign) > 5 else "")
        return [f"--into {into}: will not be overwritten: it holds more than an export ({told}). Move that away first."]
    return []


def _files(folder: Path) -> list[str]:
    """What stands in an export; a folder that is one data set (.zarr) stands for all that is in it."""
    found = set()
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        store = next((k for k, part in enumerate(inside.parts, 1) if part.endswith(".zarr")), None)
        if store is not None or not path.is_dir():
            found.add("/".join(inside.parts[:store]))
    return sorted(found)


def _foreign(folder: Path) -> list[str]:
    """What stands in a folder besides the export that wrote its note; all of it where the note does not tell its files."""
    try:
        told = json.loads((folder / _NOTE).read_text(encoding="utf-8"))["files"]
        own = {_NOTE, *map(str, told)}
    except (OSError, ValueError, KeyError, TypeError):
        own = {_NOTE}
    return [name for name in _files(folder) if name not in own and Path(name).name not in LITTER]


def _note(chosen: Chosen, to: str) -> dict[str, Any]:
    """What the export says of itself: of which run, and what was chosen."""
    grid = chosen.grid
    return {
        **chosen.identity,
        "form": to,
        "days": [day for _, day, _ in (chosen.times if to != "csv" else chosen.cell_times)],
        "shape_zyx": grid["shape"],
        "spacing_um": grid["spacing"],
        "origin_xyz_um": grid["origin"],
        "kept_bits": chosen.bits,
    }


def _vti(chosen: Chosen, folder: Path, show: Show) -> None:
    fields: list[tuple[float, str]] = []
    cells: list[tuple[float, str]] = []
    tubes: list[tuple[float, str]] = []
    room: dict[str, np.ndarray] = {}
    vessels = chosen.vessels if INTEGRITY in chosen.units else None
    for done, (count, day, file) in enumerate(chosen.times):
        fields.append((day, f"fields/fields_{count:04d}.vti"))
        arrays = {name: chosen.values(file, name) for name in chosen.units}
        facts: dict[str, Any] = {"units": chosen.units, "day": day, "provenance": chosen.identity}
        paraview.write_image(folder / fields[-1][1], chosen.grid, arrays, room=room, archive=True, **facts)
        if vessels is not None:
            tubes.append((day, f"vessels/vessels_{count:04d}.vtp"))
            paraview.write_lines(
                folder / tubes[-1][1],
                vessels["nodes"],
                vessels["edges"],
                vessels["arrays"] | {"integrity": chosen.vessel_integrity(file)},
                node_arrays=vessels["node_arrays"],
                units=vessels["units"],
                day=day,
                provenance=chosen.identity,
            )
        show(done + 1, len(chosen.times), 0.0)
    for count, day, position, arrays, units in chosen.cells():
        cells.append((day, f"cells/cells_{count:04d}.vtp"))
        paraview.write_points(folder / cells[-1][1], position, arrays, units=units, day=day, provenance=chosen.identity)
    for name, entries in (("fields", fields), ("cells", cells), ("vessels", tubes)):
        if entries:
            paraview.write_series(folder / f"{name}.pvd", entries)


def _vtkhdf(chosen: Chosen, folder: Path, show: Show) -> None:
    _fields_vtkhdf(chosen, folder / "fields.vtkhdf", show)
    _cells_vtkhdf(chosen, folder / "cells.vtkhdf", show)
    vessels = chosen.vessels if INTEGRITY in chosen.units else None
    if vessels is not None:
        network = vessels["nodes"], vessels["edges"], vessels["arrays"], vessels["node_arrays"]
        series = vtkhdf.PolySeries(folder / "vessels.vtkhdf", vessels["units"], chosen.identity, network=network)
        for _, day, file in chosen.times:
            series.append(day, {"integrity": chosen.vessel_integrity(file)})


def _fields_vtkhdf(chosen: Chosen, path: Path, show: Show) -> None:
    series = vtkhdf.ImageSeries(path, chosen.grid, chosen.units, chosen.identity)
    for done, (_, day, file) in enumerate(chosen.times):
        series.append(day, {name: chosen.values(file, name) for name in chosen.units})
        show(done + 1, len(chosen.times), 0.0)


def _cells_vtkhdf(chosen: Chosen, path: Path, show: Show) -> None:
    series = None
    for _, day, position, arrays, units in chosen.cells():
        series = series or vtkhdf.PolySeries(path, units, chosen.identity)
        series.append(day, arrays, position)


def _csv(chosen: Chosen, folder: Path, show: Show) -> None:
    for done, table in enumerate(chosen.cell_table()):
        table.to_csv(folder / "cells.csv", mode="a", header=done == 0, index=False, lineterminator="\n")
        show(done + 1, len(chosen.cell_times), 0.0)


FORMS: dict[str, tuple[Callable[[Chosen, Path, Show], None], str]] = {
    "vti": (_vti, "ParaView 5.11 and later, PyVista: fields, cells and vessels, each a series of files"),
    "vtkhdf": (_vtkhdf, "ParaView 5.12 and later: the same, one file each"),
    "zarr": (labelled.write_zarr, "xarray in Python, Julia: one labelled data set, compressed"),
    "netcdf": (labelled.write_netcdf, "xarray, R, MATLAB: the same as NetCDF 3, at most 2 GB"),
    "nrrd": (volumes.write_nrrd, "3D Slicer, ITK: a volume for each field and time"),
    "nifti": (volumes.write_nifti, "ITK-SNAP, FSL: the same as .nii.gz"),
    "ome-tiff": (volumes.write_ome_tiff, "Fiji, napari, QuPath: fields as channels, over time"),
    "csv": (_csv, "spreadsheets, R: one row a stem cell and time"),
}
"""How each form is written, and what opens it."""
