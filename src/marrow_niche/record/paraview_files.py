"""Reading back what `record.paraview` wrote; whatever is wrong with a file is told as a RunError."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import RunError


def read_collection(path: Path | str) -> list[tuple[float, str]]:
    """`(day, file)` of each step of a .pvd; empty when there is none yet. Raises RunError when it cannot be read."""
    path = Path(path)
    if not path.is_file():
        return []
    try:
        steps = ElementTree.parse(path).getroot().iter("DataSet")
        return [(float(step.attrib["timestep"]), step.attrib["file"]) for step in steps]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as a .pvd ({error}). Run the scenario again (--overwrite).") from error


def read_image_header(path: Path | str) -> dict[str, Any]:
    """What a .vti says before its data, without reading them.

    Returns {"shape": (nz, ny, nx), "spacing": um, "origin": (x, y, z), "arrays": {name: {"low", "high", "unit", "dtype"}}};
    low and high are the range of the array's values, which is that of the marrow. Raises RunError when the file is
    missing or is not one of ours.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = b""
            while b"<AppendedData" not in head:
                block = file.read(1 << 16)
                if not block:
                    raise ValueError("it ends before its data")
                head += block
        root = ElementTree.fromstring(head.partition(b"<AppendedData")[0] + b"</VTKFile>")
        image = root.find("ImageData")
        data = root.find("ImageData/Piece/CellData")
        if image is None or data is None:
            raise ValueError("it holds no voxels")
        extent = [int(n) for n in image.attrib["WholeExtent"].split()]
        arrays = {}
        for array in data.iter("DataArray"):
            unit = "".join(key.text or "" for key in array.iter("InformationKey") if key.get("name") == "UNITS_LABEL")
            low, high = (float(array.attrib[key]) for key in ("RangeMin", "RangeMax"))
            kind = np.dtype(array.attrib["type"].lower())
            arrays[array.attrib["Name"]] = {"low": low, "high": high, "unit": unit.strip(), "dtype": kind}
        return {
            "shape": (extent[5] - extent[4], extent[3] - extent[2], extent[1] - extent[0]),
            "spacing": float(image.attrib["Spacing"].split()[0]),
            "origin": tuple(float(x) for x in image.attrib["Origin"].split()),
            "arrays": arrays,
        }
    except (OSError, ValueError, KeyError, IndexError, ElementTree.ParseError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}). The file is missing or damaged; run the scenario again."
        ) from error


def read_image_array(path: Path | str, name: str) -> np.ndarray:
    """One array of a .vti as (nz, ny, nx), in the file's type. Raises RunError when file or array is missing."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader

    reader = _reading(vtkXMLImageDataReader(), path)
    selection = reader.GetCellDataArraySelection()
    selection.DisableAllArrays()
    selection.EnableArray(name)
    reader.Update()
    image = reader.GetOutput()
    array = image.GetCellData().GetArray(name)
    nx, ny, nz = (n - 1 for n in image.GetDimensions())
    if array is None or array.GetNumberOfTuples() != nx * ny * nz:
        raise RunError(f"{path}: array {name!r} is missing or damaged; run the scenario again.")
    return vtk_to_numpy(array).reshape(nz, ny, nx)


def read_polydata(path: Path | str) -> dict[str, Any]:
    """A .vtp as plain arrays: points (k, 3); verts, lines, polys (count, points each); arrays by name.

    Returns {"points", "verts", "lines", "polys", "point": {...}, "cell": {...}, "unit": {...}, "day"}. Raises RunError
    when the file is missing or damaged.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    reader = _reading(vtkXMLPolyDataReader(), path)
    reader.Update()
    data = reader.GetOutput()
    found: dict[str, Any] = {"point": {}, "cell": {}, "unit": {}, "day": None}
    points = data.GetPoints()
    found["points"] = vtk_to_numpy(points.GetData()).copy() if points is not None else np.zeros((0, 3))
    for kind, cells, size in (
        ("verts", data.GetVerts(), 1),
        ("lines", data.GetLines(), 2),
        ("polys", data.GetPolys(), 3),
    ):
        found[kind] = vtk_to_numpy(cells.GetConnectivityArray()).astype(np.int64).reshape(-1, size)
    for kind, attributes in (("point", data.GetPointData()), ("cell", data.GetCellData())):
        for i in range(attributes.GetNumberOfArrays()):
            array = attributes.GetArray(i)
            found[kind][array.GetName()] = vtk_to_numpy(array).copy()
            found["unit"][array.GetName()] = _unit_of(array)
    time = data.GetFieldData().GetArray("TimeValue")
    if time is not None:
        found["day"] = time.GetValue(0)
    return found


def _reading(reader: Any, path: Path | str) -> Any:
    """`reader` told of `path`, which is there and whole from its first line to its last (VTK prints, and goes on)."""
    path = Path(path)
    if not path.is_file():
        raise RunError(f"{path}: missing, although the run names it. Put the file back, or run the scenario again.")
    with open(path, "rb") as file:
        head = file.read(64)
        file.seek(max(0, path.stat().st_size - 64))
        tail = file.read()
    if not head.lstrip().startswith((b"<VTKFile", b"<?xml")) or not tail.rstrip().endswith(b"</VTKFile>"):
        raise RunError(f"{path}: cannot be read; the file is damaged. Run the scenario again (--overwrite).")
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    return reader


def _unit_of(array: Any) -> str:
    from vtkmodules.vtkCommonCore import vtkDataArray

    information = array.GetInformation()
    return information.Get(vtkDataArray.UNITS_LABEL()) or "" if information.Has(vtkDataArray.UNITS_LABEL()) else ""
