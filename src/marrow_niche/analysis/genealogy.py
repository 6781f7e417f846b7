"""Genealogies of stem cells: who comes from whom, as Newick, as lines in space, as a tskit tree sequence.

births.csv holds every stem cell that came after the start, with its mother, its hour and its place. From the cells of a
recorded day it is read backwards: two lines of descent meet in the division that parted them. Divisions of which only one
line is left on that day do not show. In a division that gives two stem cells the mother keeps her id and the daughter gets a
new one; both are daughters. A stored stem cell is one leaf, however many real ones it stands for. Cells that were in blood
on that day are not recorded and are not leaves.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record import paraview, provenance
from marrow_niche.record.atomic import replacing
from marrow_niche.record.directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd
    import tskit

    from marrow_niche.record.results import Results

AN_HOUR = 1 / 24
PLACE = ["x_um", "y_um", "z_um"]


@dataclass(frozen=True, kw_only=True)
class Genealogy:
    """A forest, one tree a clone. Its n nodes are the k leaves, then divisions, latest first, then founders.

    Every parent stands behind its children. A founder has one child; a division has two.
    """

    at: float
    """Recorded day of the leaves [d]."""
    cell: np.ndarray
    """(k,) ids of the leaves, ascending."""
    parent: np.ndarray
    """(n,) node it comes from; -1: a founder."""
    day: np.ndarray
    """(n,) of a leaf `at`, of a division when it fell, of a founder 0 or when it was grafted [d]."""
    position: np.ndarray
    """(n, 3) of a leaf and of a founder where it was recorded, of a division where it fell [um]; nan where not known."""
    clone: np.ndarray
    """(n,) id of the founder."""

    @property
    def leaves(self) -> int:
        """How many cells."""
        return len(self.cell)

    @property
    def branch(self) -> np.ndarray:
        """(n,) days from the parent; nan of a founder."""
        return np.where(self.parent >= 0, self.day - self.day[self.parent], np.nan)


def genealogy(results: "Results", day: float | None = None) -> Genealogy:
    """Ancestry of the stem cells recorded nearest to `day` [d] (default: the last).

    Raises RunError when the run recorded no cells or no births, when the two do not belong together, or when `day` lies half a
    day or more outside of what is recorded.
    """
    cells = results.cells(day=day)
    found = trace(cells, results.births, results.cells(day=results.days[0]), at=cells.attrs["day"])
    if not np.array_equal(found.clone[: found.leaves], cells.sort_values("id")["clone"]):
        raise RunError(f"{results.directory}: births.csv does not lead from the cells to their clones. Was the table edited?")
    return found


def trace(cells: "pd.DataFrame", births: "pd.DataFrame", first: "pd.DataFrame", *, at: float) -> Genealogy:
    """The genealogy of `cells` on day `at` [d].

    Parameters
    ----------
    cells, first : pandas.DataFrame
        Stem cells of that day and of the first: `id`, `x_um`, `y_um`, `z_um`.
    births : pandas.DataFrame
        `day`, `cell`, `parent` (-1: a founder), `x_um`, `y_um`, `z_um`; ascending in day.
    """
    cells = cells.sort_values("id")
    leaf = cells["id"].to_numpy(np.int64)
    before = births[births["day"] < at - AN_HOUR / 2]
    hour, place = before["day"].to_numpy(), before[PLACE].to_numpy()
    node = {int(cell): i for i, cell in enumerate(leaf)}  # of each line of descent, by the id it goes by
    came: dict[int, float] = {}
    parent, row = [-1] * len(leaf), []
    pairs = zip(before["cell"].tolist(), before["parent"].tolist(), strict=True)
    for i, (child, mother) in reversed(list(enumerate(pairs))):
        if child not in node:
            continue
        if mother < 0:
            came[child] = hour[i]
            continue
        below = node.pop(child)
        if mother in node:
            parent[below] = parent[node[mother]] = len(parent)
            below = len(parent)
            parent.append(-1)
            row.append(i)
        node[mother] = below
    founders = sorted(node)
    for number, founder in enumerate(founders, len(parent)):
        parent[node[founder]] = number
    up = np.array([*parent, *[-1] * len(founders)], np.int64)
    clone = np.zeros(len(up), np.int64)
    clone[len(parent) :] = founders
    for i in range(len(parent) - 1, -1, -1):
        clone[i] = clone[up[i]]
    start = first.set_index("id")[PLACE].reindex(founders).to_numpy(float)
    begin = np.array([came.get(founder, 0.0) for founder in founders])
    return Genealogy(
        at=at,
        cell=leaf,
        parent=up,
        day=np.concatenate([np.full(len(leaf), at), hour[row], begin]),
        position=np.concatenate([cells[PLACE].to_numpy(float), place[row].reshape(-1, 3), start]),
        clone=clone,
    )


def newick(g: Genealogy) -> str:
    """The forest as Newick, one line a clone in ascending order, branch lengths in days.

    A clone of several cells is rooted in its first division, "(cell_1:2,cell_7:2)clone_1:58;": the length of the root is that
    from the founder to this division. A clone of one cell is "(cell_4:60)clone_4;".
    """
    branch, below = g.branch, ["" for _ in g.parent]
    lines = []
    for i, up in enumerate(g.parent):
        name = f"cell_{g.cell[i]}" if i < g.leaves else f"({below[i]})"
        if up < 0:
            lines.append(f"{below[i]};\n")
        elif g.parent[up] >= 0:
            below[up] += f"{',' if below[up] else ''}{name}:{branch[i]:.10g}"
        elif i < g.leaves:
            below[up] = f"({name}:{branch[i]:.10g})clone_{g.clone[i]}"
        else:
            below[up] = f"{name}clone_{g.clone[i]}:{branch[i]:.10g}"
        below[i] = ""
    return "".join(lines)


def lines(g: Genealogy) -> dict[str, Any]:
    """The forest in space, as `record.paraview.write_lines` takes it.

    Every node that has a place is a point, and every branch between two of them a straight line. The cell did not go along
    it: it walked, and may have gone through the blood, so a long line is a journey and no path.

    Returns
    -------
    dict
        nodes (m, 3) [um], edges (e, 2); `arrays` of each line: clone, day where it begins and ends [d], length [um];
        `node_arrays` of each point: day [d], kind (0 a cell of the day, 1 a division, 2 a founder), cell (-1: none).
    """
    placed = np.isfinite(g.position).all(axis=1)
    point = np.cumsum(placed) - 1
    below = np.flatnonzero((g.parent >= 0) & placed & placed[g.parent])
    above = g.parent[below]
    kind = np.where(g.parent < 0, 2, 1).astype(np.uint8)
    kind[: g.leaves] = 0
    cell = np.full(len(g.parent), -1, np.int64)
    cell[: g.leaves] = g.cell
    length = np.linalg.norm(g.position[below] - g.position[above], axis=1)
    return {
        "nodes": g.position[placed],
        "edges": np.stack([point[above], point[below]], axis=1),
        "arrays": {
            "clone": g.clone[below],
            "from_day": g.day[above],
            "to_day": g.day[below],
            "length_um": length,
        },
        "node_arrays": {"day": g.day[placed], "kind": kind[placed], "cell": cell[placed]},
        "units": {"from_day": "d", "to_day": "d", "length_um": "um", "day": "d"},
    }


def tree_sequence(g: Genealogy) -> "tskit.TreeSequence":
    """The forest as a tskit tree sequence of one tree with many roots: nodes as here, time in days before `at`, places as
    locations of individuals. Its samples are the leaves. Where a founder divided in the hour in which it came, its daughters
    hang from itself, and the node of that division from nothing.

    Raises RunError where tskit is not installed.
    """
    try:
        import tskit
    except ImportError:
        raise RunError("A tree sequence needs tskit, which is not installed: pip install 'marrow-niche[tskit]'.") from None
    up, branch = g.parent.copy(), g.branch
    for i in range(len(up) - 1, -1, -1):  # tskit refuses a branch of no length
        if up[i] >= 0 and branch[up[i]] == 0:
            up[i] = up[up[i]]
    tables = tskit.TableCollection(sequence_length=1)
    tables.time_units = "days"
    for i, (day, place) in enumerate(zip(g.day, g.position, strict=True)):
        who = int(tables.individuals.add_row(location=place)) if np.isfinite(place).all() else tskit.NULL
        tables.nodes.add_row(flags=tskit.NODE_IS_SAMPLE if i < g.leaves else 0, time=g.at - day, individual=who)
    for child in np.flatnonzero(branch > 0):  # on the day of the start each cell is its own founder
        tables.edges.add_row(left=0, right=1, parent=up[child], child=child)
    tables.sort()
    return tables.tree_sequence()


def told(g: Genealogy) -> str:
    """A genealogy in two sentences."""
    trees = int((g.parent < 0).sum())
    divisions = len(g.parent) - g.leaves - trees
    apart = "1 division parts" if divisions == 1 else f"{divisions} divisions part"
    text = f"Day {g.at:g}: {g.leaves} stored stem cells in the marrow, of {trees} clones; {apart} them."
    if not divisions:
        return text
    size = np.bincount(np.unique(g.clone[: g.leaves], return_inverse=True)[1])
    fell = g.day[g.leaves : g.leaves + divisions]
    return f"{text}\nThe largest clone has {size.max()}; the divisions fell between day {fell.min():.3g} and {fell.max():.3g}."


def write(results: "Results", g: Genealogy) -> list[Path]:
    """Write lineages.nwk and lineages.vtp into the run directory, and lineages.trees where tskit is installed; those of
    before are replaced, all together when all are written.

    Returns the files. Raises RunError when the disk refuses.
    """
    import importlib.util

    run = RunDirectory(results.directory)
    with ExitStack() as moves:  # all are written before the first takes its name
        aside = {path: moves.enter_context(replacing(path, wait=False)) for path in (run.newick, run.lineages)}
        aside[run.newick].write_text(newick(g), encoding="utf-8", newline="\n")
        paraview.write_lines(aside[run.lineages], **lines(g), provenance=provenance.identity(run) | {"day": g.at})
        if importlib.util.find_spec("tskit") is not None:
            aside[run.trees] = moves.enter_context(replacing(run.trees, wait=False))
            tree_sequence(g).dump(aside[run.trees])
    if run.trees not in aside:
        run.trees.unlink(missing_ok=True)  # of another day
    return [*aside]
