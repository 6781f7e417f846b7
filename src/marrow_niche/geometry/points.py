"""Measured positions: cells, vessels and bone from a table, and the marrow around them where nothing else says where it is."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.image import LabelImage
from marrow_niche.geometry.lattice import BONE, MARROW, OUTSIDE
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, Vessels

if TYPE_CHECKING:
    import pandas

ROLES = ("stroma", "osteoblast", "megakaryocyte", "adipocyte", "stem cell", "sinusoid", "arteriole", "bone", "ignore")
"""What a class of points may stand for."""
PITCH, REACH, TRIM = 20.0, 100.0, 69.0
"""Marrow around points: on voxels of this edge, what lies within `REACH` of a point, trimmed by `TRIM` [um]."""
SPOT = 25.0
"""Radius of a spot of bone that gives none [um]."""
LINK = 60.0
"""Points of a vessel nearer than this are joined [um]."""
IMARIS = {"Position X": "x_um", "Position Y": "y_um", "Position Z": "z_um", "Category": "class"}
"""Columns of a table of spots exported by Imaris."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Positions by what they stand for (`ROLES`; only those that occur)."""

    position: dict[str, np.ndarray]
    """(k, 3) x, y, z [um]."""
    radius: dict[str, np.ndarray]
    """(k,) [um], nan where the table gives none."""
    facts: dict[str, Any]
    """File and number of points by class and role."""


def read_points(path: Path | str, *, classes: Mapping[str, Any] | None = None) -> Points:
    """Read a table of positions.

    Parameters
    ----------
    path : Path
        .csv or .csv.gz with columns x_um, y_um, z_um, class and perhaps radius_um; or a table of spots from Imaris.
        Without a column `class` all points are of the class that the file is named after.
    classes : mapping, optional
        For each of `ROLES` the class or classes that stand for it. Every class of the file has to be listed. Without it
        classes are named as roles are.

    Raises
    ------
    GeometryError
        With every mistake in the table at once.
    """
    import pandas

    path = Path(path)
    table = _table(path)
    mistakes = [f"it has no column {name}" for name in ("x_um", "y_um", "z_um") if name not in table]
    if not mistakes and table.empty:
        mistakes.append("it has no rows")
    if mistakes:
        raise GeometryError(
            f"geometry.points: {path.name}: {', '.join(mistakes)}. "
            f"Columns are x_um, y_um, z_um, class and perhaps radius_um; these are {', '.join(map(str, table.columns))}."
        )
    place = np.column_stack([_numbers(table, name, path, mistakes) for name in ("x_um", "y_um", "z_um")])
    size = np.full(len(table), np.nan)
    if "radius_um" in table:
        size = _numbers(table, "radius_um", path, mistakes, lacking=True)
        wrong = np.flatnonzero(size <= 0.0)
        if wrong.size:
            mistakes.append(f"radius_um must be above nought; row {wrong[0] + 1} says {size[wrong[0]]:g}")
    kind = table["class"].astype(str) if "class" in table else pandas.Series([path.name.split(".")[0]] * len(table))
    role = _roles(classes, kind.value_counts().to_dict(), mistakes)
    if mistakes:
        raise GeometryError(f"geometry.points: {path.name}: " + "; ".join(mistakes) + ".")
    mine = kind.map(role).to_numpy()
    used = [name for name in ROLES if name != "ignore" and (mine == name).any()]
    return Points(
        position={name: place[mine == name] for name in used},
        radius={name: size[mine == name] for name in used},
        facts={
            "file": path.name,
            "points by class": {str(name): int(n) for name, n in sorted(kind.value_counts().items())},
            "points by role": {name: int((mine == name).sum()) for name in used},
        },
    )


def marrow_around(points: Points) -> LabelImage:
    """The marrow that points lie in, where no bone says: what is near any of them, with spots of bone in it.

    All its outer faces are cuts. Every point lies at least 20 um inside.

    Raises
    ------
    GeometryError
        The points span more than can be kept.
    """
    every = np.concatenate(list(points.position.values()))
    low = every.min(axis=0) - REACH - PITCH
    number = np.ceil((every.max(axis=0) + REACH + PITCH - low) / PITCH).astype(int)
    if float(np.prod(number.astype(float))) > 2e8:
        raise GeometryError(
            f"geometry.points: the points span {' x '.join(f'{v * PITCH / 1e3:.3g}' for v in number)} mm, too much to build. "
            "Are they in um? Cut out a part, or give the bone that they lie in."
        )
    free = np.ones(number[::-1], bool)
    x, y, z = ((every - low) / PITCH).astype(int).T
    free[z, y, x] = False
    near = ndimage.distance_transform_edt(free) * PITCH <= REACH
    near = ndimage.distance_transform_edt(near) * PITCH > TRIM
    labels = np.where(near, np.uint8(MARROW), np.uint8(OUTSIDE))
    spots = points.position.get("bone", np.empty((0, 3)))
    if len(spots):
        radius = points.radius["bone"]
        radius = np.where(np.isnan(radius), SPOT, radius)
        grid = np.stack(np.unravel_index(np.flatnonzero(near), near.shape)[::-1], axis=1)
        centre = low + (grid + 0.5) * PITCH
        hits = cKDTree(centre).query_ball_point(spots, np.maximum(radius, 0.9 * PITCH))
        chosen = np.unique(np.concatenate([np.asarray(hit, int) for hit in hits]))
        labels.reshape(-1)[np.flatnonzero(near)[chosen]] = BONE
    return LabelImage(labels=labels, spacing=np.full(3, PITCH), origin=low, facts=points.facts)


def linked(points: Points, *, sinusoid_radius: float, arteriole_radius: float) -> Vessels | None:
    """Vessels through points that stand for them: the shortest tree that joins those nearer than 60 um; None without any.

    Parameters
    ----------
    sinusoid_radius, arteriole_radius : float
        Of points without a radius of their own [um].

    Raises
    ------
    GeometryError
        No two points of a kind lie near enough to be joined; every such kind at once.
    """
    parts, mistakes = [], []
    for role, kind, usual in (("sinusoid", SINUSOID, sinusoid_radius), ("arteriole", ARTERIOLE, arteriole_radius)):
        place = points.position.get(role, np.empty((0, 3)))
        if len(place) == 0:
            continue
        alone = unjoined(points, role)
        if len(alone) == len(place):
            gap = (
                f", the nearest two {cKDTree(place).query(place, k=2)[0][:, 1].min():.4g} um" if len(place) > 1 else ""
            )
            mistakes.append(f"{len(place)} are {role}{gap}")
            continue
        size = np.where(np.isnan(points.radius[role]), usual, points.radius[role])
        pairs = cKDTree(place).query_pairs(LINK, output_type="ndarray")
        length = np.linalg.norm(place[pairs[:, 0]] - place[pairs[:, 1]], axis=1)
        tree = minimum_spanning_tree(coo_array((length + 1e-9, pairs.T), shape=(len(place),) * 2)).tocoo()
        edges = np.stack([tree.row, tree.col], axis=1).astype(np.int32)
        parts.append((place, edges, size[edges].mean(axis=1), kind))
    if mistakes:
        raise GeometryError(
            f"geometry.points: no vessel can be drawn through points that all lie more than {LINK:.0f} um apart: "
            f"{'; '.join(mistakes)}. Give points nearer than that along each vessel, or a graph, as "
            'vessels = "graph.vtp"; or '
            "list them under ignore, and vessels are made. Are the positions in um?"
        )
    if not parts:
        return None
    shift = np.cumsum([0] + [len(place) for place, _, _, _ in parts[:-1]])
    return Vessels(
        nodes=np.concatenate([place for place, _, _, _ in parts]),
        edges=np.concatenate([edges + np.int32(s) for (_, edges, _, _), s in zip(parts, shift, strict=True)]),
        radius=np.concatenate([radius for _, _, radius, _ in parts]),
        kind=np.concatenate([np.full(len(edges), kind, np.uint8) for _, edges, _, kind in parts]),
    )


def unjoined(points: Points, role: str) -> np.ndarray:
    """Numbers (k,) of the points of a vessel's role that have no other within 60 um, and so become part of none."""
    place = points.position.get(role, np.empty((0, 3)))
    near = cKDTree(place).query_pairs(LINK, output_type="ndarray") if len(place) else np.empty(0, int)
    return np.setdiff1d(np.arange(len(place)), near)


def _table(path: Path) -> "pandas.DataFrame":
    import pandas

    if not path.is_file():
        raise GeometryError(
            f"geometry.points: there is no file {str(path)!r}. A path is read relative to the scenario's own folder."
        )
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig") as stream:
            lines = [stream.readline() for _ in range(8)]
        skip = next((k for k, line in enumerate(lines) if "Position X" in line), 0)
        table = pandas.read_csv(path, skiprows=skip, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError, UnicodeDecodeError, pandas.errors.ParserError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise GeometryError(
            f"geometry.points: {path.name} cannot be read as a table ({reason[0]}). Save it as comma-separated text (.csv)."
        ) from error
    if "Position X" in table:
        units = set(table["Unit"].astype(str).str.strip()) if "Unit" in table else {"none"}
        if not units <= {"um", "µm", "μm"}:
            raise GeometryError(
                f"geometry.points: {path.name} gives its positions in {', '.join(sorted(units))}; in Imaris set the unit to um."
            )
        table = table.rename(columns=IMARIS)
        if "class" in table and table["class"].nunique() == 1:
            table = table.drop(columns="class")
    return table


def _numbers(
    table: "pandas.DataFrame", name: str, path: Path, mistakes: list[str], *, lacking: bool = False
) -> np.ndarray:
    import pandas

    value = pandas.to_numeric(table[name], errors="coerce").to_numpy(float)
    wrong = ~np.isfinite(value)
    if lacking:
        wrong &= table[name].notna().to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        mistakes.append(
            f"{name} is no number in {int(wrong.sum())} rows, first in row {row + 1} ({table[name].iloc[row]!r})"
        )
    return value


def _roles(classes: Mapping[str, Any] | None, found: dict[str, int], mistakes: list[str]) -> dict[str, str]:
    """The role of each class; what is mistaken is noted."""
    if classes is None:
        classes = {name: name for name in found if name in ROLES}
    role: dict[str, str] = {}
    for name, given in classes.items():
        if name not in ROLES:
            mistakes.append(f"classes: {name!r} is not what a point can be ({', '.join(ROLES)})")
        for each in given if isinstance(given, (list, tuple)) else [given]:
            if not isinstance(each, str):
                mistakes.append(f"classes: {name} = {each!r} is not the name of a class")
            elif each in role:
                mistakes.append(f"classes: {each!r} is given twice, for {role[each]} and for {name}")
            elif each not in found:
                mistakes.append(f"classes: the table has no {each!r}; it has {', '.join(sorted(found))}")
            else:
                role[each] = name
    unlisted = [f"{name} ({n} points)" for name, n in sorted(found.items()) if name not in role]
    if unlisted and not mistakes:
        mistakes.append(
            f"it is not said what {', '.join(unlisted)} stand for; list them under classes, as stroma = "
            f'["{unlisted[0].split(" (")[0]}"], or under ignore'
        )
    if role and not mistakes and all(name == "ignore" for name in role.values()):
        mistakes.append("every class is ignored, so nothing is left")
    return role
