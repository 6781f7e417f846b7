"""Vessel graphs in files: two tables, of nodes and of edges, written and read; and polylines (.vtp), read."""

import difflib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels

if TYPE_CHECKING:
    import pandas

KINDS = {
    "sinusoid": (SINUSOID, False),
    "type H": (SINUSOID, True),
    "arteriole": (ARTERIOLE, False),
    "vein": (VEIN, False),
}
"""What a tube may be, as it is written: its kind, and whether it is of type H."""
NODES, EDGES = ("node", "x_um", "y_um", "z_um"), ("a", "b", "radius_um", "kind")
"""Columns of the two tables."""
TOLD = 8
"""So many mistakes are told one by one; of the others how many there are."""


def write_vessels(vessels: Vessels, prefix: Path | str) -> tuple[Path, Path]:
    """Write a graph as two tables, `<prefix>_nodes.csv` and `<prefix>_edges.csv`.

    Nodes have columns node, x_um, y_um, z_um, and edges a, b (nodes at both ends), radius_um, kind. Read again they give the
    same graph, bit for bit.

    Parameters
    ----------
    vessels : Vessels
    prefix : Path
        A folder (one that is there, or a path that ends in "/"), in which the files are vessels_nodes.csv and
        vessels_edges.csv; or how their names begin.

    Returns
    -------
    nodes, edges : Path
        Of the files written.
    """
    import pandas

    folder = Path(prefix).is_dir() or str(prefix).endswith(("/", "\\"))
    path = Path(prefix) / "vessels" if folder else Path(prefix)
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {pair: name for name, pair in KINDS.items()}
    words = [named[int(k), bool(h)] for k, h in zip(vessels.kind, vessels.type_h, strict=True)]
    place = dict(zip(NODES[1:], vessels.nodes.T, strict=True))
    first, second = vessels.edges.T
    files = path.with_name(path.name + "_nodes.csv"), path.with_name(path.name + "_edges.csv")
    for file, columns in (
        (files[0], {"node": np.arange(len(vessels.nodes)), **place}),
        (files[1], {"a": first, "b": second, "radius_um": vessels.radius, "kind": words}),
    ):
        pandas.DataFrame(columns).to_csv(file, index=False, float_format=lambda x: repr(float(x)), lineterminator="\n")
    return files


def read_vessels(path: Path | str, nodes: Path | str | None = None) -> Vessels:
    """Read a graph of vessels.

    Parameters
    ----------
    path : Path
        A table of edges (.csv) as `write_vessels` makes it; without a column `kind` all are sinusoids. Or polylines (.vtp)
        with an array radius_um over cells or points and perhaps kind (0 sinusoid, 1 arteriole, 2 vein, or these words);
        points at one place are one node.
    nodes : Path, optional
        The table of nodes; required beside a table of edges.

    Returns
    -------
    Vessels
        Nodes in the order of their file.

    Raises
    ------
    GeometryError
        With every mistake in the files at once, and the lines they are on.
    """
    path = Path(path)
    mistakes = _Mistakes()
    if path.suffix.lower() == ".vtp":
        if nodes is not None:
            raise GeometryError("geometry.vessels: a .vtp holds its nodes itself; leave out vessel_nodes.")
        found = _from_polylines(path, mistakes)
    elif nodes is None:
        raise GeometryError(
            f"geometry.vessels: {path.name} is taken for a table of edges, so the table of nodes is needed too: "
            'vessel_nodes = "..._nodes.csv". Polylines (.vtp) need none.'
        )
    else:
        found = _from_tables(Path(nodes), path, mistakes)
    if mistakes.told or found is None:
        raise GeometryError(f"geometry.vessels: {path.name} cannot be used:\n" + mistakes.text())
    return found


@dataclass
class _Mistakes:
    """What is wrong, in the order it was found."""

    told: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.told.append(text)

    def at(self, name: str, bad: np.ndarray, what: Any) -> None:
        """`what(row)` for each row of a table that is bad; a table's first row is line 2."""
        for row in np.flatnonzero(bad):
            self.add(f"{name}, line {row + 2}: {what(row)}")

    def text(self) -> str:
        lines = ["  " + mistake for mistake in self.told[:TOLD]]
        if len(self.told) > TOLD:
            lines.append(f"  and {len(self.told) - TOLD} more.")
        return "\n".join(lines)


def _from_tables(node_file: Path, edge_file: Path, mistakes: _Mistakes) -> Vessels | None:
    import pandas

    at = _table(node_file, NODES, mistakes)
    of = _table(edge_file, EDGES[:3], mistakes)
    if at is None or of is None:
        return None
    name, other = node_file.name, edge_file.name
    node = _whole(at, "node", name, mistakes)
    xyz = np.column_stack([_numbers(at, column, name, mistakes) for column in NODES[1:]])
    twice = pandas.Series(node).duplicated().to_numpy() & (node >= 0)
    mistakes.at(name, twice, lambda row: f"node {node[row]} is there a second time; a node has one line.")
    order = np.argsort(node, kind="stable")
    ends = np.zeros((len(of), 2), np.int32)
    for side, column in enumerate(("a", "b")):
        asked = _whole(of, column, other, mistakes)
        place = np.minimum(np.searchsorted(node, asked, sorter=order), max(len(node) - 1, 0))
        known = node[order[place]] == asked if len(node) else np.zeros(len(asked), bool)
        mistakes.at(
            other,
            ~known & (asked >= 0),
            lambda row, column=column, asked=asked: f"{column} = {asked[row]}, but {name} has no such node.",
        )
        ends[:, side] = order[place] if len(node) else 0
        ends[asked < 0, side] = -1 - side
    radius = _numbers(of, "radius_um", other, mistakes)
    mistakes.at(other, ends[:, 0] == ends[:, 1], lambda row: f"a tube from node {of['a'][row]} to itself.")
    mistakes.at(other, radius <= 0.0, lambda row: f"radius_um = {radius[row]:g}; a radius is above nought.")
    words = of["kind"].str.strip().to_numpy(object) if "kind" in of else np.full(len(of), "sinusoid", object)
    kind, type_h = _kinds(words, lambda bad, what: mistakes.at(other, bad, what))
    return Vessels(nodes=xyz, edges=ends, radius=radius, kind=kind, type_h=type_h)


def _table(path: Path, needed: tuple[str, ...], mistakes: _Mistakes) -> "pandas.DataFrame | None":
    """The table as text, or None (and why) if it cannot be read or lacks a column."""
    import pandas

    try:
        text = path.read_text(encoding="utf-8-sig")
        table = pandas.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, skipinitialspace=True, skip_blank_lines=False
        )
    except FileNotFoundError:
        mistakes.add(f"there is no file {str(path)!r}; a path is read relative to the scenario's own folder.")
        return None
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        mistakes.add(f"{path.name} cannot be read as a table ({reason}); save it as comma-separated text (.csv).")
        return None
    table.columns = table.columns.str.strip()
    while len(table) and not table.iloc[-1].str.strip().any():
        table = table.iloc[:-1]
    missing = [column for column in needed if column not in table]
    if missing:
        mistakes.add(
            f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(needed)} and has {', '.join(table.columns)}."
        )
        return None
    return table


def _numbers(table: "pandas.DataFrame", column: str, name: str, mistakes: _Mistakes) -> np.ndarray:
    """(k,) float64; NaN, and a mistake, where there is no number."""
    import pandas

    try:
        value = np.array([float(text) for text in table[column]])
    except ValueError:
        value = pandas.to_numeric(table[column], errors="coerce").to_numpy(float, copy=True)
    value[~np.isfinite(value)] = np.nan
    mistakes.at(name, np.isnan(value), lambda row: f"{column} = {table[column][row]!r} is not a number.")
    return value


def _whole(table: "pandas.DataFrame", column: str, name: str, mistakes: _Mistakes) -> np.ndarray:
    """(k,) int64; -1, and a mistake, where there is no number of a node."""
    import pandas

    value = pandas.to_numeric(table[column], errors="coerce").to_numpy(float)
    bad = ~((value >= 0.0) & (value < 2.0**53) & (value == np.floor(value)))
    mistakes.at(name, bad, lambda row: f"{column} = {table[column][row]!r} is not the number of a node (0, 1, 2 ...).")
    return np.where(bad, -1.0, value).astype(np.int64)


def _kinds(words: np.ndarray, tell: Any) -> tuple[np.ndarray, np.ndarray]:
    """Kind (e,) uint8 and whether of type H (e,) of words, large or small, or numbers 0 to 2; others are told."""
    known = {name.casefold(): pair for name, pair in KINDS.items()} | {str(k): (k, False) for k in range(3)}
    pairs = [known.get(str(word).casefold()) for word in words]
    bad = np.array([pair is None for pair in pairs], bool)
    tell(bad, lambda row: f"kind = {words[row]!r} is none of {', '.join(KINDS)}.{_nearest(str(words[row]))}")
    sound = [pair if pair is not None else (SINUSOID, False) for pair in pairs]
    return np.array([kind for kind, _ in sound], np.uint8), np.array([type_h for _, type_h in sound], bool)


def _nearest(word: str) -> str:
    names = {name.casefold(): name for name in KINDS}
    near = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.5)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def _from_polylines(path: Path, mistakes: _Mistakes) -> Vessels | None:
    import pyvista

    if not path.is_file():
        mistakes.add(f"there is no file {str(path)!r}; a path is read relative to the scenario's own folder.")
        return None
    mesh: Any = pyvista.read(path)
    first, second, line = _segments(
        np.asarray(getattr(mesh, "lines", [])), mesh.n_verts if hasattr(mesh, "n_verts") else 0
    )
    if not len(first):
        mistakes.add(f"{path.name} holds no lines; vessels are read from polylines, not from surfaces or points.")
        return None
    size = _array(mesh, "radius_um", first, second, line)
    if size is None:
        has = ", ".join([*mesh.cell_data.keys(), *mesh.point_data.keys()]) or "none"
        mistakes.add(f"{path.name} has no array radius_um over its lines or points; it has {has}.")
        return None
    radius, nodes, name = size.astype(float), np.asarray(mesh.points, float), path.name
    sound = np.isfinite(radius) & (radius > 0.0)
    _tell(mistakes, name, line, ~sound, lambda k: f"radius_um = {radius[k]:g}; a radius is a number above nought.")
    placed = np.isfinite(nodes).all(axis=1)
    _tell(
        mistakes, name, line, ~(placed[first] & placed[second]), lambda k: "a point of it is no place (not a number)."
    )
    given = _array(mesh, "kind", first, second, line, middle=False)
    words = np.full(len(first), "sinusoid", object) if given is None else np.array([_word(k) for k in given], object)
    kind, type_h = _kinds(words, lambda bad, what: _tell(mistakes, name, line, bad, what))
    nodes, place = _merged(nodes)
    ends = np.stack([place[first], place[second]], axis=1).astype(np.int32)
    apart = ends[:, 0] != ends[:, 1]
    return Vessels(nodes=nodes, edges=ends[apart], radius=radius[apart], kind=kind[apart], type_h=type_h[apart])


def _segments(lines: np.ndarray, before: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends (e,) of each piece of the polylines (VTK's list: number of points, points, ...) and the cell it is of (e,).

    `before` cells that are points stand before the lines.
    """
    first, second, line = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    at, cell = 0, before
    while at < len(lines):
        points = lines[at + 1 : at + 1 + lines[at]]
        first.append(points[:-1])
        second.append(points[1:])
        line.append(np.full(max(len(points) - 1, 0), cell))
        at, cell = at + 1 + int(lines[at]), cell + 1
    return np.concatenate(first), np.concatenate(second), np.concatenate(line)


def _array(
    mesh: Any, name: str, first: np.ndarray, second: np.ndarray, line: np.ndarray, *, middle: bool = True
) -> np.ndarray | None:
    """An array over cells, or else over points, for each piece: there the mean of its ends, or what its first end has."""
    if name in mesh.cell_data:
        return np.asarray(mesh.cell_data[name])[line]
    if name not in mesh.point_data:
        return None
    value = np.asarray(mesh.point_data[name])
    return 0.5 * (value[first] + value[second].astype(float)) if middle else value[first]


def _word(kind: Any) -> str:
    """As a word: numbers 0.0, 1.0, 2.0 are those of kinds."""
    try:
        return str(int(kind)) if float(kind) == int(float(kind)) else str(kind)
    except (TypeError, ValueError):
        return str(kind).strip()


def _tell(mistakes: _Mistakes, name: str, line: np.ndarray, bad: np.ndarray, what: Any) -> None:
    """A mistake for each polyline that has a bad piece."""
    cells, where = np.unique(line[bad], return_index=True)
    for cell, piece in zip(cells, np.flatnonzero(bad)[where], strict=True):
        mistakes.add(f"{name}, line {cell} (counted from 0): {what(piece)}")


def _merged(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points without those at the place of an earlier one, and where each point went."""
    _, earliest, group = np.unique(nodes, axis=0, return_index=True, return_inverse=True)
    kept = np.sort(earliest)
    return nodes[kept], np.searchsorted(kept, earliest[group.reshape(-1)])
