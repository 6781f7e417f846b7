"""A run at one time as PyVista meshes by name, for pictures of one's own: marrow, bone, vessels, stem cells and more."""

from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record import paraview_files
from marrow_niche.record.directory import RunDirectory

if TYPE_CHECKING:
    import pyvista

    from marrow_niche.record.results import Results

MARROW = 2
UNSHOWN = ("vtkGhostType",)


def blocks(results: "Results", day: float | None) -> "pyvista.MultiBlock":
    """See `Results.scene`."""
    import pyvista

    run = RunDirectory(results.directory)
    images = paraview_files.read_collection(run.fields_pvd)
    if not images:
        raise RunError(f"{run.path}: {results._not_there('fields')}")
    found: Any = pyvista.MultiBlock()
    time, name = _nearest(results, images, day)
    found["marrow"] = _marrow(run.path / name, time)
    cells = paraview_files.read_collection(run.cells_pvd)
    if cells:
        time, name = _nearest(results, cells, day)
        found["cells"] = _polydata(run.path / name, time)
    for path in sorted(run.geometry.glob("*.vtp")):
        if path.stem != "whole_bone":
            found[path.stem] = _polydata(path, None)
    return found


def _nearest(results: "Results", series: list[tuple[float, str]], day: float | None) -> tuple[float, str]:
    return series[results.nearest(np.array([time for time, _ in series]), day)]


def _marrow(path: Any, day: float) -> "pyvista.UnstructuredGrid":
    """The marrow's voxels alone: filters of PyVista do not all leave out hidden ones."""
    import pyvista

    header = paraview_files.read_image_header(path)
    tissue = paraview_files.read_image_array(path, "tissue")
    nz, ny, nx = header["shape"]
    image = pyvista.ImageData(dimensions=(nx + 1, ny + 1, nz + 1), spacing=(header["spacing"],) * 3, origin=header["origin"])
    marrow = image.extract_cells(tissue.ravel() == MARROW, pass_point_ids=False, pass_cell_ids=False)
    units = {}
    for name, array in header["arrays"].items():
        if name not in (*UNSHOWN, "tissue"):
            marrow.cell_data[name] = paraview_files.read_image_array(path, name)[tissue == MARROW]
            units[name] = array["unit"]
    marrow.user_dict = {"day": day, "units": {"length": "um"} | units}
    return marrow


def _polydata(path: Any, day: float | None) -> "pyvista.PolyData":
    import pyvista

    data = paraview_files.read_polydata(path)
    mesh = pyvista.PolyData()
    mesh.points = data["points"]
    for kind in ("verts", "lines"):
        if len(data[kind]):
            setattr(mesh, kind, _counted(data[kind]))
    if len(data["polys"]):
        mesh.faces = _counted(data["polys"])
    for name, values in data["point"].items():
        mesh.point_data[name] = values
    for name, values in data["cell"].items():
        mesh.cell_data[name] = values
    units = {name: unit for name, unit in data["unit"].items() if unit}
    mesh.user_dict = ({} if day is None else {"day": day}) | {"units": {"length": "um"} | units}
    return mesh


def _counted(cells: np.ndarray) -> np.ndarray:
    """(count, points each) as VTK wants them: each after its number of points."""
    return np.column_stack([np.full(len(cells), cells.shape[1]), cells]).ravel()
