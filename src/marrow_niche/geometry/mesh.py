"""Bone surfaces: read, checked for being closed, turned the right way out, brought to um."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import folds, manifold, mesh_repair
from marrow_niche.geometry.mesh_files import READABLE, read_triangles
from marrow_niche.kernels.surface import turn_alike

__all__ = ["READABLE", "UM_PER", "Surface", "close_surface", "principal_axes", "read_surface", "um_per_file_unit"]

UM_PER = {"um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
"""um in each unit a mesh may be written in."""
SHORTEST, LONGEST = 200.0, 1e6
"""A bone has a length between these [um]; beyond them its unit is taken for wrong."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A closed surface, triangles outwards, in the unit of its file until it is scaled."""

    vertices: np.ndarray
    """(v, 3) float64."""
    triangles: np.ndarray
    """(t, 3) int64."""
    shells_left_out: int = 0
    """Closed surfaces of the file other than the one that encloses most."""
    cut: np.ndarray | None = None
    """(t,) bool: triangles where a piece was cut out of a larger bone: no endosteum, no cortex lies behind them."""
    mended: tuple[str, ...] = ()
    """What was repaired or left out, in plain sentences, with numbers and places in the unit of the file."""

    @property
    def volume(self) -> float:
        """Enclosed volume."""
        return float(manifold.signed_volumes(self.vertices, self.triangles).sum())

    @property
    def area(self) -> float:
        a, b, c = (self.vertices[self.triangles[:, i]] for i in range(3))
        return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())

    @property
    def tunnels(self) -> int:
        """Tunnels through it (its genus): 0 of a ball, 1 of a ring such as a vertebra with its canal."""
        return manifold.handles(self.triangles)

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
    points, triangles = read_triangles(path)
    return close_surface(points, triangles, name=path.name)


def close_surface(points: np.ndarray, triangles: np.ndarray, *, name: str) -> Surface:
    """Make one closed surface, outwards, of what a file holds: the shell that encloses most, mended where that is safe.

    Parameters
    ----------
    points : (p, 3)
    triangles : (t, 3)
    name : str
        Of the file, for error messages.

    Raises
    ------
    GeometryError
        Large holes, edges of more than two triangles that cannot be parted, a surface with one side only, no volume inside,
        other bodies of size beside it, or a surface that crosses itself in more than small folds.
    """
    points, triangles = np.asarray(points, float), np.asarray(triangles, np.int64)
    _refuse_unusable(points, triangles, name)
    told: list[str] = []
    vertices, triangles = mesh_repair.merge_points(points, triangles, told)
    triangles = mesh_repair.drop_spare(vertices, triangles, told)
    vertices, triangles = manifold.part_edges(vertices, triangles, told)
    given = len(triangles)
    vertices, triangles = mesh_repair.close_holes(vertices, triangles, told, name=name)
    triangles, shell, volumes, turned = _turn_outwards(vertices, triangles, name)
    pairs = folds.find_crossings(vertices, triangles)
    best = mesh_repair.choose_body(vertices, triangles, shell, volumes, pairs, told, name=name)
    kept = shell == best
    number = int((turned & kept)[:given].sum())
    if number:
        whole = number == int(kept[:given].sum())
        told.append(
            f"The surface was inside out: its {number} triangles were turned."
            if whole
            else f"{number} of {int(kept[:given].sum())} triangles looked inwards and were turned."
        )
    used, compact = np.unique(triangles[kept], return_inverse=True)
    vertices = np.ascontiguousarray(vertices[used])
    triangles = np.ascontiguousarray(compact.reshape(-1, 3), dtype=np.int64)
    pairs = (np.cumsum(kept) - 1)[pairs[kept[pairs].all(axis=1)]]
    folds.allow_crossings(vertices, triangles, pairs, told, name=name)
    return Surface(vertices=vertices, triangles=triangles, shells_left_out=len(volumes) - 1, mended=tuple(told))


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
        Neither is given, the unit is unknown, the two disagree by more than 1 %, or the unit alone makes it no bone.
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
        _refuse_size(extent, str(unit), name)
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


def _turn_outwards(
    vertices: np.ndarray, triangles: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Triangles outwards, the shell of each, the volume of each shell, and which triangles were turned for it."""
    _, which, _ = manifold.edges_of(triangles)
    owner = np.argsort(which, kind="stable").reshape(-1, 2) // 3
    flips = np.zeros(len(triangles), np.int8)
    if not turn_alike(triangles, owner, np.argsort(owner.reshape(-1), kind="stable"), flips):
        raise GeometryError(
            f"geometry.mesh: the surface in {name} has one side only (like a Moebius strip), so it has no inside. "
            "Rebuild it with a surface tool, e.g. MeshLab's 'screened Poisson' or 'alpha wrap'."
        )
    turned = flips == 1
    number, shell = manifold.shells_of(owner, len(triangles))
    alike = np.where(turned[:, None], triangles[:, [0, 2, 1]], triangles)
    volumes = np.bincount(shell, manifold.signed_volumes(vertices, alike), minlength=number)
    box = np.ptp(vertices, axis=0)
    if not np.abs(volumes).max(initial=0.0) > 1e-9 * max(box.max(), 1e-300) ** 3:
        raise GeometryError(f"geometry.mesh: the surface in {name} encloses no volume. Is it a flat sheet?")
    inwards = volumes[shell] < 0.0
    outwards = np.where(inwards[:, None], alike[:, [0, 2, 1]], alike)
    return outwards, shell, np.abs(volumes), turned ^ inwards


def _refuse_unusable(points: np.ndarray, triangles: np.ndarray, name: str) -> None:
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        raise GeometryError(
            f"geometry.mesh: {name} has coordinates that are not numbers (nan or inf): {int(bad.sum())} of {len(points)} "
            f"points, the first of them number {int(bad.argmax()) + 1}. Export it again."
        )
    beyond = ((triangles < 0) | (triangles >= len(points))).any(axis=1)
    if beyond.any():
        raise GeometryError(
            f"geometry.mesh: triangle {int(beyond.argmax()) + 1} of {name} asks for a point that is not there; the file has "
            f"{len(points)}. It was cut short or written wrongly: export it again."
        )


def _refuse_size(extent: float, unit: str, name: str) -> None:
    """Refuse a unit that makes a bone shorter or longer than any is."""
    if SHORTEST <= extent * UM_PER[unit] <= LONGEST:
        return
    fits = [f'"{u}" ({_told(extent * f)})' for u, f in UM_PER.items() if SHORTEST <= extent * f <= LONGEST]
    raise GeometryError(
        f'geometry.unit: {name} is {extent:.4g} long in its own unit, and unit = "{unit}" makes that '
        f"{_told(extent * UM_PER[unit])}: no bone is shorter than {_told(SHORTEST)} or longer than {_told(LONGEST)}. "
        + (f"It would be bone-sized with {' or '.join(fits)}; or give" if fits else "Give")
        + ' its length along the longest axis, such as length = "15 mm".'
    )


def _told(um: float) -> str:
    for unit in ("m", "cm", "mm"):
        if um >= UM_PER[unit]:
            return f"{um / UM_PER[unit]:.4g} {unit}"
    return f"{um:.4g} um"
