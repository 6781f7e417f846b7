"""Files of bone surfaces: points and triangles as they are written, nothing checked yet."""

from pathlib import Path

import numpy as np

from marrow_niche.errors import GeometryError

READABLE = (".stl", ".ply", ".obj", ".vtu", ".vtp", ".vtk")
FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
"""Corners of a tetrahedron's faces, outwards."""


def read_triangles(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (p, 3) float64 and triangles (t, 3) int64 of a file (`READABLE`). Raises GeometryError where it has none."""
    if not path.is_file():
        raise GeometryError(
            f"geometry.mesh: there is no file {str(path)!r}. A path is read relative to the scenario's own folder."
        )
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise GeometryError(
            f"geometry.mesh: {path.name} is not a mesh this program reads ({', '.join(READABLE)}). "
            "Export the bone's surface as .stl, for example."
        )
    try:
        points, triangles = (_read_by_pyvista if suffix in (".vtp", ".vtk") else _read_by_meshio)(path)
    except GeometryError:
        raise
    except (Exception, SystemExit) as error:  # a reader fails in its own ways; meshio even leaves by SystemExit
        reason = str(error).strip().splitlines()
        raise GeometryError(
            f"geometry.mesh: {path.name} cannot be read as {suffix[1:].upper()}"
            + (f" ({reason[0]})" if reason and not isinstance(error, SystemExit) else "")
            + ". Open it in ParaView or MeshLab and export it again."
        ) from error
    if triangles.size == 0:
        raise GeometryError(
            f"geometry.mesh: {path.name} has no triangles"
            + (", only points" if points.size else "")
            + ". Export the bone's surface as triangles."
        )
    return points, triangles


def _read_by_meshio(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import contextlib
    import io
    import warnings

    import meshio

    silent = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        warnings.simplefilter("ignore")
        mesh = meshio.read(path)
    points = np.asarray(mesh.points, float)
    if points.ndim == 2 and points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points))])
    faces, solids = [], []
    for block in mesh.cells:
        corners = np.asarray(block.data, np.int64)
        if block.type.startswith("triangle"):
            faces.append(corners[:, :3])
        elif block.type in ("quad", "quad8", "quad9"):
            faces.append(corners[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3))
        elif block.type in ("tetra", "tetra10"):
            solids.append(corners[:, FACES].reshape(-1, 3))
        elif block.type not in ("vertex", "line", "line3"):
            raise GeometryError(
                f"geometry.mesh: {path.name} has cells of type {block.type!r}; triangles, quadrilaterals or tetrahedra "
                "are read. In ParaView: Extract Surface, Triangulate, then save as .vtp."
            )
    if solids:
        sides = np.concatenate(solids)
        _, first, count = np.unique(np.sort(sides, axis=1), axis=0, return_index=True, return_counts=True)
        faces = [sides[first[count == 1]]]
    return points, np.concatenate(faces) if faces else np.empty((0, 3), np.int64)


def _read_by_pyvista(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import pyvista
    import vtk

    vtk.vtkObject.GlobalWarningDisplayOff()
    mesh = pyvista.read(path)
    if not isinstance(mesh, pyvista.PolyData):
        mesh = mesh.extract_surface(algorithm="dataset_surface") if mesh.n_cells else pyvista.PolyData()
    mesh = mesh.triangulate()
    return np.asarray(mesh.points, float), np.asarray(mesh.regular_faces, np.int64).reshape(-1, 3)
