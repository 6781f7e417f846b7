"""Bone surfaces: read, checked for being closed, turned the right way out, brought to um."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.kernels.surface import turn_alike

UM_PER = {"um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
"""um in each unit a mesh may be written in."""
READABLE = (".stl", ".ply", ".obj", ".vtu", ".vtp", ".vtk")
FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
"""Corners of a tetrahedron's faces, outwards."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A closed surface, triangles outwards, in the unit of its file until it is scaled."""

    vertices: np.ndarray
    """(v, 3) float64."""
    triangles: np.ndarray
    """(t, 3) int64."""
    shells_left_out: int = 0
    """Closed surfaces of the file other than the one that encloses most."""

    @property
    def volume(self) -> float:
        """Enclosed volume."""
        return float(_signed_volumes(self.vertices, self.triangles).sum())

    @property
    def area(self) -> float:
        a, b, c = (self.vertices[self.triangles[:, i]] for i in range(3))
        return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())

    def principal(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Principal axes of the enclosed volume.

        Returns
        -------
        centroid : (3,)
        axes : (3, 3)
            Unit vectors in rows, the longest first; each points to the side of its largest component.
        extents : (3,)
            Extent of the surface along each.
        """
        return principal_axes(self.vertices, self.triangles)


def read_surface(path: Path) -> Surface:
    """Read a bone's surface.

    Parameters
    ----------
    path : Path
        .stl, .ply, .obj, .vtu (a volume mesh gives its boundary), .vtp or .vtk.

    Raises
    ------
    GeometryError
        The file is missing, of another kind, unreadable, without triangles, or does not enclose a volume.
    """
    path = Path(path)
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
    return close_surface(points, triangles, name=path.name)


def close_surface(points: np.ndarray, triangles: np.ndarray, *, name: str) -> Surface:
    """Merge duplicate points, check that the surface is closed, turn it outwards, keep the shell that encloses most.

    Parameters
    ----------
    points : (p, 3)
    triangles : (t, 3)
    name : str
        Of the file, for error messages.

    Raises
    ------
    GeometryError
        Open edges, edges of more than two triangles, a surface with one side only, or no volume inside.
    """
    points = np.asarray(points, float)
    triangles = np.asarray(triangles, np.int64)
    if not np.isfinite(points).all():
        raise GeometryError(
            f"geometry.mesh: {name} has coordinates that are not numbers (nan or inf). Export it again."
        )
    vertices, triangles = _merge(points, triangles)
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, which, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    _refuse_open(vertices, unique, count, name)
    sides = np.argsort(which.reshape(-1), kind="stable").reshape(-1, 2)
    owner = sides // 3
    turned = np.zeros(len(triangles), np.int8)
    order = np.argsort(owner.reshape(-1), kind="stable")
    if not turn_alike(triangles, owner, order, turned):
        raise GeometryError(
            f"geometry.mesh: the surface in {name} has one side only (like a Moebius strip), so it has no inside. "
            "Rebuild it with a surface tool, e.g. MeshLab's 'screened Poisson' or 'alpha wrap'."
        )
    triangles = np.where(turned[:, None] == 1, triangles[:, [0, 2, 1]], triangles)
    number, shell = connected_components(
        coo_array((np.ones(len(owner)), (owner[:, 0], owner[:, 1])), shape=(len(triangles),) * 2), directed=False
    )
    volumes = np.bincount(shell, _signed_volumes(vertices, triangles), minlength=number)
    best = int(np.argmax(np.abs(volumes)))
    box = np.ptp(vertices, axis=0)
    if not abs(volumes[best]) > 1e-9 * max(box.max(), 1e-300) ** 3:
        raise GeometryError(f"geometry.mesh: the surface in {name} encloses no volume. Is it a flat sheet?")
    triangles = triangles[shell == best]
    if volumes[best] < 0:
        triangles = triangles[:, [0, 2, 1]]
    used, compact = np.unique(triangles, return_inverse=True)
    return Surface(
        vertices=np.ascontiguousarray(vertices[used]),
        triangles=np.ascontiguousarray(compact.reshape(-1, 3), dtype=np.int64),
        shells_left_out=number - 1,
    )


def um_per_file_unit(surface: Surface, *, length: float | None, unit: str | None, name: str) -> float:
    """The factor that brings a mesh to um, from its length along the longest principal axis, its unit, or both.

    Parameters
    ----------
    length : float, optional
        [um].
    unit : str, optional
        "um", "mm", "cm" or "m".

    Raises
    ------
    GeometryError
        Neither is given, the unit is unknown, or the two disagree by more than 1 %.
    """
    extent = surface.principal()[2][0]
    if unit is not None and unit not in UM_PER:
        raise GeometryError(f"geometry.unit: {unit!r} is not a unit of a mesh. Give one of {', '.join(UM_PER)}.")
    if length is None and unit is None:
        raise GeometryError(
            f"geometry: a mesh file carries no unit, and {name} is {extent:.4g} long in its own. Give its unit, such as "
            'unit = "mm", or its length along the longest axis, such as length = "15 mm".'
        )
    if length is None:
        return UM_PER[str(unit)]
    if unit is not None and abs(extent * UM_PER[unit] / length - 1.0) > 0.01:
        raise GeometryError(
            f'geometry: unit = "{unit}" makes {name} {extent * UM_PER[unit] / 1e3:.4g} mm long, but length says '
            f"{length / 1e3:.4g} mm. Give one of the two: length scales the bone, unit takes it as it is."
        )
    return length / extent


def principal_axes(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroid (3,), principal axes (3, 3) in rows and extents (3,) of the volume a surface encloses, longest first.

    References
    ----------
    Eberly, Polyhedral Mass Properties, Geometric Tools 2002: moments summed over tetrahedra to the origin.
    """
    shift = vertices.mean(axis=0)
    corner = (vertices - shift)[triangles]
    volume = np.einsum("ti,ti->t", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])) / 6.0
    total = volume.sum()
    centroid = (volume[:, None] * corner.sum(axis=1)).sum(axis=0) / (4.0 * total)
    outer = np.einsum("tai,taj->tij", corner, corner) + np.einsum("ti,tj->tij", corner.sum(axis=1), corner.sum(axis=1))
    covariance = np.einsum("t,tij->ij", volume, outer) / (20.0 * total) - np.outer(centroid, centroid)
    _, vectors = np.linalg.eigh(covariance)
    axes = vectors.T[::-1]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(3), largest])[:, None]
    return centroid + shift, axes, np.ptp(vertices @ axes.T, axis=0)


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


def _merge(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points nearer than a millionth of the box become one; triangles that lose a corner go."""
    vertices, which = np.unique(points, axis=0, return_inverse=True)
    step = 1e-6 * float(np.ptp(points[triangles.reshape(-1)], axis=0).max())
    pairs = cKDTree(vertices).query_pairs(step, output_type="ndarray")
    _, group = connected_components(
        coo_array((np.ones(len(pairs)), pairs.T), shape=(len(vertices),) * 2), directed=False
    )
    _, first = np.unique(group, return_index=True)
    triangles = group[which.reshape(-1)][triangles]
    a, b, c = triangles.T
    return vertices[first], triangles[(a != b) & (b != c) & (c != a)].astype(np.int64)


def _refuse_open(vertices: np.ndarray, edges: np.ndarray, count: np.ndarray, name: str) -> None:
    for bad, words in (
        (count == 1, "open edges (of one triangle only)"),
        (count > 2, "edges of more than two triangles"),
    ):
        if bad.any():
            middle = vertices[edges[bad]].mean(axis=1)
            where = ", ".join(f"{v:.4g}" for v in np.median(middle, axis=0))
            raise GeometryError(
                f"geometry.mesh: the surface in {name} is not closed: {int(bad.sum())} {words}, around ({where}) in the "
                "file's unit. Close its holes, e.g. by MeshLab's 'close holes', Blender's '3D print' repair or ParaView's "
                "'Fill Holes'."
            )


def _signed_volumes(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = ((vertices - vertices.mean(axis=0))[triangles[:, i]] for i in range(3))
    return np.einsum("ti,ti->t", a, np.cross(b, c)) / 6.0
