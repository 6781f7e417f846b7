"""Files that ParaView (5.11 and later) opens as they are: voxels (.vti), points, lines, surfaces (.vtp), time (.pvd).

The marrow's voxels are VTK *cell* data: an image of `dimensions` one more than the voxels, its origin the low corner of
the lattice. What is not marrow is hidden by `vtkGhostType` (uint8, 32 = HIDDENCELL), which ParaView's surfaces, slices,
volumes, histograms and integrals honour; contours do not, so `tissue` is there to threshold by. Hidden voxels hold the
mean of the marrow, so that colour ranges are those of the marrow.

Nothing here depends on clock, host, path or thread count: the same data give the same bytes.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import replacing, write_text
from marrow_niche.record.plain import for_json

HIDDEN = 32
"""vtkDataSetAttributes::HIDDENCELL, the value of `vtkGhostType` outside the marrow."""

_RESERVED = frozenset({"tissue", "vtkGhostType"})
_SPELLED = {
    "\N{GREEK SMALL LETTER ALPHA}": "alpha",
    "\N{GREEK SMALL LETTER BETA}": "beta",
    "\N{GREEK SMALL LETTER GAMMA}": "gamma",
    "\N{GREEK SMALL LETTER MU}": "u",
    "\N{MICRO SIGN}": "u",
    "\N{SUPERSCRIPT TWO}": "2",
    "\N{SUPERSCRIPT THREE}": "3",
    "**": "",
    "^": "",
    "%": "percent",
}


def array_name(name: str, unit: str = "") -> str:
    """The name of an array in a file: letters, digits and '_', unit last, e.g. ("TGF-β", "nM") -> "TGF_beta_nM".

    A unit's '/' is read as 'per' ("1/h" -> "per_h", "cells/mm^3" -> "cells_per_mm3"); "", "-" and "1" add nothing.
    """
    stem, suffix = _spelled(name), unit_suffix(unit)
    return stem if not suffix or stem.endswith("_" + suffix) else f"{stem}_{suffix}"


def array_stem(array: str, unit: str = "") -> str:
    """The name of an array without its unit: ("SCF_nM", "nM") -> "SCF"."""
    suffix = unit_suffix(unit)
    return array.removesuffix("_" + suffix) if suffix else array


def _spelled(text: str) -> str:
    for sign, word in _SPELLED.items():
        text = text.replace(sign, word)
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")


def unit_suffix(unit: str | None) -> str:
    """A unit as the end of an array's name: "1/h" -> "per_h"; "" where there is none."""
    if unit is None or unit.strip() in ("", "-", "1", "dimensionless"):
        return ""
    above, *below = unit.split("/")
    parts = [] if above.strip() in ("", "1") else [above]
    return "_".join(_spelled(part) for part in (*parts, *(f"per_{part}" for part in below)))


def write_image(path: Path | str, *given: Any, archive: bool = False, **named: Any) -> None:
    """Write fields of the marrow as a .vti of cell data: `save` of an `image` of these parameters."""
    save(image(path, *given, **named), path, archive)


def image(
    path: Path | str,
    grid: Mapping[str, Any],
    fields: Mapping[str, np.ndarray],
    *,
    units: Mapping[str, str],
    day: float | None = None,
    provenance: Mapping[str, Any] | None = None,
    room: dict[str, np.ndarray] | None = None,
) -> Any:
    """Fields of the marrow as a vtkImageData of cell data, ready for `save` to `path`.

    Parameters
    ----------
    grid : dict
        shape (nz, ny, nx), spacing [um], origin (x, y, z) of the low corner [um], flat (n,) C-order indices of the
        marrow's voxels, tissue (nz, ny, nx) uint8. A 2D slab (one voxel along an axis) is written the same way.
    fields : dict of (n,) arrays
        Values in the marrow's voxels, in the order of `flat`, by the name in the file (see `array_name`). Floats are
        written as float32, booleans as uint8, integers as int32 (int64 where they need it).
    units : dict
        Unit of each field, kept in the file as UNITS_LABEL.
    day : float
        Time [d], kept as TimeValue.
    provenance : dict
        Kept as a JSON text; must be the same in every identical run.
    room : dict
        Keeps the whole arrays from one image to the next: memory that is new each time costs as much as writing the file.
        An image holds until the next is made in the same room.

    Raises RunError when a field has the wrong length, a name that does not fit, or values that are not finite.
    """
    from vtkmodules.vtkCommonDataModel import vtkImageData

    nz, ny, nx = (int(n) for n in grid["shape"])
    spacing = float(grid["spacing"])
    data = vtkImageData()
    data.SetDimensions(nx + 1, ny + 1, nz + 1)
    data.SetOrigin(*(float(x) for x in grid["origin"]))
    data.SetSpacing(spacing, spacing, spacing)

    flat, room = np.asarray(grid["flat"]), {} if room is None else room
    ghost = np.full(nz * ny * nx, HIDDEN, np.uint8)
    ghost[flat] = 0
    tissue = np.ascontiguousarray(grid["tissue"], np.uint8).reshape(-1)
    if tissue.size != ghost.size:
        raise RunError(f"{path}: the tissue has {tissue.size} voxels, the lattice {ghost.size}.")
    _add(data.GetCellData(), "vtkGhostType", ghost)
    _add(data.GetCellData(), "tissue", tissue)
    for name, values in fields.items():
        shown = display_of(np.asarray(values), name, flat, path)
        if name not in room or room[name].size != ghost.size or room[name].dtype != shown.dtype:
            room[name] = np.empty(ghost.size, shown.dtype)
        spread_out(shown, flat, room[name])
        _add(data.GetCellData(), name, room[name], units.get(name, ""))
    _add_facts(data, day, provenance)
    return data


def write_points(path: Path | str, *given: Any, **named: Any) -> None:
    """Write cells (or other objects) as a .vtp of vertices: `save` of `points` of these parameters."""
    save(points(path, *given, **named), path)


def points(
    path: Path | str,
    position: np.ndarray,
    arrays: Mapping[str, Any],
    *,
    units: Mapping[str, str] | None = None,
    day: float | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Any:
    """Cells (or other objects) as a vtkPolyData of vertices, ready for `save` to `path`.

    Parameters
    ----------
    position : (k, 3) float
        x, y, z [um]; k may be 0.
    arrays : dict of (k, ...) arrays
        One value (or a short row) a point, kept in its own type (booleans as uint8).

    Raises RunError when lengths differ, a name does not fit or a type has no place in the file.
    """
    position = positions(position, path)
    count = len(position)
    vertices = (np.arange(count + 1, dtype=np.int64), np.arange(count, dtype=np.int64))
    return _polydata(path, position, {"verts": vertices}, arrays, {}, units or {}, day, provenance)


def write_lines(
    path: Path | str,
    nodes: np.ndarray,
    edges: np.ndarray,
    arrays: Mapping[str, Any],
    *,
    node_arrays: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
    day: float | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a network as a .vtp of lines: nodes (m, 3) [um], edges (e, 2) into nodes, `arrays` one value an edge.

    Raises RunError as `write_points` does.
    """
    nodes, edges = positions(nodes, path), np.ascontiguousarray(edges, np.int64).reshape(-1, 2)
    lines = (np.arange(0, 2 * len(edges) + 1, 2, dtype=np.int64), edges.reshape(-1))
    save(_polydata(path, nodes, {"lines": lines}, node_arrays or {}, arrays, units or {}, day, provenance), path)


def write_surface(
    path: Path | str,
    vertices: np.ndarray,
    triangles: np.ndarray,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a closed surface as a .vtp of triangles (t, 3) into vertices (v, 3) [um], in single precision.

    Raises RunError when the disk refuses.
    """
    vertices = positions(vertices, path).astype(np.float32)
    triangles = np.ascontiguousarray(triangles, np.int64).reshape(-1, 3)
    polys = (np.arange(0, 3 * len(triangles) + 1, 3, dtype=np.int64), triangles.reshape(-1))
    save(_polydata(path, vertices, {"polys": polys}, {}, {}, {}, None, provenance), path)


def save(data: Any, path: Path | str, archive: bool = False) -> None:
    """Write a vtkImageData or vtkPolyData: appended raw data, LZ4, 64-bit headers, the fastest of what ParaView 5.11 reads
    (docs of VTK's XML writers); `archive` is smaller and ten times slower, zlib in the place of LZ4.

    Raises RunError when the disk refuses.
    """
    from vtkmodules.vtkIOXML import vtkXMLImageDataWriter, vtkXMLPolyDataWriter

    writer = vtkXMLImageDataWriter() if data.IsA("vtkImageData") else vtkXMLPolyDataWriter()
    with replacing(path) as temporary:
        writer.SetFileName(str(temporary))
        writer.SetInputData(data)
        writer.SetDataModeToAppended()
        writer.EncodeAppendedDataOff()
        writer.SetCompressorTypeToZLib() if archive else writer.SetCompressorTypeToLZ4()
        writer.SetHeaderTypeToUInt64()
        writer.SetByteOrderToLittleEndian()
        if not writer.Write() or writer.GetErrorCode():
            raise RunError(f"{path}: cannot be written. Is the disk full or read-only?")


def write_series(path: Path | str, entries: Sequence[tuple[float, str]]) -> None:
    """Write a .pvd and, beside it, the same as a .vti.series or .vtp.series: the time [d] and the file (relative to the
    series) of each step. Each is atomic; times keep every bit."""
    write_collection(path, entries)
    if entries:
        files = [{"name": file, "time": float(day)} for day, file in entries]
        text = json.dumps({"file-series-version": "1.0", "files": files}, indent=1)
        write_text(series_beside(path, entries[0][1]), text + "\n", wait=False)


def series_beside(path: Path | str, file: str) -> Path:
    """The .series beside the .pvd `path` of files such as `file`: fields.pvd and fields_0000.vti, fields.vti.series."""
    return Path(path).with_suffix(f"{Path(file).suffix}.series")


def write_collection(path: Path | str, entries: Iterable[tuple[float, str]]) -> None:
    """Write a .pvd: the time [d] and the file (relative to the .pvd) of each step. Atomic; times keep every bit."""
    lines = [f'    <DataSet timestep="{float(day)!r}" part="0" file="{file}"/>' for day, file in entries]
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n  <Collection>'
    write_text(path, "\n".join([head, *lines, "  </Collection>", "</VTKFile>", ""]))


def _check_name(name: str, path: Path | str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise RunError(
            f"{path}: {name!r} cannot name an array; use letters, digits and '_' (ParaView's Calculator needs it)."
        )


def display_of(values: np.ndarray, name: str, flat: np.ndarray, path: Path | str) -> np.ndarray:
    """`display` of a field of the voxels `flat`, whose name and shape are looked at too."""
    _check_name(name, path)
    if name in _RESERVED:
        raise RunError(f"{path}: a field may not be called {name!r}, which names the voxels' labels; rename it.")
    if values.shape != flat.shape:
        raise RunError(f"{path}: field {name!r} has shape {values.shape}; expected {flat.shape}, one value a marrow voxel.")
    return display(values, name, path)


def display(values: np.ndarray, name: str, path: Path | str) -> np.ndarray:
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind in "iu":
        if values.dtype.itemsize < 4 or values.dtype == np.int32:
            return values
        limits = np.iinfo(np.int32)
        fits = values.size == 0 or (values.min() >= limits.min and values.max() <= limits.max)
        return values.astype(np.int32 if fits else np.int64)
    if values.dtype.kind != "f":
        raise RunError(f"{path}: field {name!r} is of type {values.dtype}; a field holds numbers.")
    with np.errstate(over="ignore"):
        shown = values.astype(np.float32)
    bad = shown.size - np.count_nonzero(np.isfinite(shown))
    if bad:
        raise RunError(
            f"{path}: field {name!r} is not finite in {bad} of {shown.size} marrow voxels; ParaView would show a solid "
            f"block. The step before made it; look at the solver's message, or shorten the step."
        )
    return shown


def spread_out(values: np.ndarray, flat: np.ndarray, out: np.ndarray) -> None:
    """Fill `out`: all voxels, in VTK's order (x fastest, which is numpy's C order of (z, y, x)); hidden ones hold the mean."""
    mean = values.mean(dtype=np.float64) if values.size else 0.0
    if values.dtype.kind in "iu":
        mean = np.rint(mean)
    elif values.size:
        mean = np.clip(mean, values.min(), values.max())
    out.fill(mean)
    out[flat] = values


def positions(position: Any, path: Path | str) -> np.ndarray:
    position = np.asarray(position)
    if position.dtype != np.float32:
        position = position.astype(np.float64)
    if position.size == 0:
        position = position.reshape(0, 3)
    if position.ndim != 2 or position.shape[1] != 3:
        raise RunError(f"{path}: positions have shape {position.shape}; expected (k, 3): x, y, z [um].")
    return np.ascontiguousarray(position)


def _add(attributes: Any, name: str, values: np.ndarray, unit: str = "") -> None:
    """Hand `values` to VTK without a copy (the array keeps the numpy buffer alive)."""
    from vtkmodules.util.numpy_support import get_vtk_array_type, numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkDataArray

    if values.size:
        array = numpy_to_vtk(values)
    else:
        array = vtkDataArray.CreateDataArray(get_vtk_array_type(values.dtype))
        array.SetNumberOfComponents(int(np.prod(values.shape[1:])) if values.ndim > 1 else 1)
    array.SetName(name)
    if unit:
        array.GetInformation().Set(vtkDataArray.UNITS_LABEL(), unit)
    attributes.AddArray(array)


def _add_facts(data: Any, day: float | None, provenance: Mapping[str, Any] | None) -> None:
    from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkStringArray

    if day is not None:
        time = vtkDoubleArray()
        time.SetName("TimeValue")
        time.InsertNextValue(float(day))
        data.GetFieldData().AddArray(time)
    if provenance is not None:
        text = vtkStringArray()
        text.SetName("provenance")
        text.InsertNextValue(json.dumps(for_json(provenance), sort_keys=True, separators=(",", ":")))
        data.GetFieldData().AddArray(text)


def _polydata(
    path: Path | str,
    points: np.ndarray,
    topology: Mapping[str, tuple[np.ndarray, np.ndarray]],
    point_arrays: Mapping[str, Any],
    cell_arrays: Mapping[str, Any],
    units: Mapping[str, str],
    day: float | None,
    provenance: Mapping[str, Any] | None,
) -> Any:
    from vtkmodules.util.numpy_support import get_vtk_array_type, numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import VTK_DOUBLE, vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    data = vtkPolyData()
    places = vtkPoints()
    if len(points):
        places.SetData(numpy_to_vtk(points))
    else:
        places.SetDataType(get_vtk_array_type(points.dtype) if points.dtype == np.float32 else VTK_DOUBLE)
    data.SetPoints(places)
    keep = []
    count = 0
    for kind, (offsets, connectivity) in topology.items():
        count = len(offsets) - 1
        if count:
            cells = vtkCellArray()
            buffers = numpy_to_vtkIdTypeArray(offsets), numpy_to_vtkIdTypeArray(connectivity)
            keep.append(buffers)
            cells.SetData(*buffers)
            if kind == "polys":
                cells.ConvertTo32BitStorage()  # half of the file
            {"verts": data.SetVerts, "lines": data.SetLines, "polys": data.SetPolys}[kind](cells)
    for attributes, arrays, length in (
        (data.GetPointData(), point_arrays, len(points)),
        (data.GetCellData(), cell_arrays, count),
    ):
        for name, values in arrays.items():
            _check_name(name, path)
            values = np.asarray(values)
            if values.dtype.kind == "b":
                values = values.astype(np.uint8)
            if values.dtype.kind not in "iuf" or values.dtype.itemsize < (4 if values.dtype.kind == "f" else 1):
                raise RunError(
                    f"{path}: {name!r} is of type {values.dtype}; write numbers (a label as an integer code)."
                )
            if values.ndim == 0 or len(values) != length:
                raise RunError(f"{path}: {name!r} has shape {values.shape}; expected {length} values.")
            _add(attributes, name, np.ascontiguousarray(values), units.get(name, ""))
    _add_facts(data, day, provenance)
    return data
