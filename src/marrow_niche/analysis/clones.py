"""Clones and labels of stem cells: how many, how large, who has divided how often, and how much of a diluted label is left.

A stored stem cell stands for `weight` real ones, so sizes are real cells. Every cell of the start of a run, and every one that
is grafted, is a clone of its own; daughters inherit the clone and one division more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from marrow_niche.record.results import Results

MARK = "marked_share_of_"
"""How columns begin that hold the share of marked cells of a kind."""
RETAINED = 0.125
"""Label of the start above which a cell counts as retaining it: at most three divisions, where nothing else takes it away."""


@dataclass(frozen=True, kw_only=True)
class Clones:
    """Clone sizes over time."""

    day: np.ndarray
    """(t,) recorded times [d]."""
    clone: np.ndarray
    """(k,) every clone that was ever recorded, ascending."""
    size: np.ndarray
    """(t, k) real cells; 0 before a clone comes and after it is lost."""

    @property
    def number(self) -> np.ndarray:
        """(t,) clones alive."""
        return (self.size > 0).sum(axis=1)

    @property
    def effective(self) -> np.ndarray:
        """(t,) effective number of clones, see `effective_number`."""
        return np.array([effective_number(row) for row in self.size])

    @property
    def largest(self) -> np.ndarray:
        """(t,) share of the largest clone, see `largest_share`."""
        return np.array([largest_share(row) for row in self.size])

    @property
    def surviving(self) -> np.ndarray:
        """(t,) share of the clones of the first time that are alive."""
        first = self.size[0] > 0
        return (self.size[:, first] > 0).mean(axis=1) if first.any() else np.full(len(self.day), np.nan)


def clone_sizes(clone: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clones (k,), ascending, and their sizes (k,) in real cells, from the clone (n,) and weight (n,) of each stored cell."""
    names, which = np.unique(np.asarray(clone, np.int64), return_inverse=True)
    return names, np.bincount(which, np.asarray(weight, float), minlength=len(names))


def clones(results: "Results") -> Clones:
    """Clone sizes at every recorded time. Raises RunError when the run recorded no cells."""
    frames = {day: results.cells(day=day) for day in results.days}
    sizes = {day: clone_sizes(cells["clone"], cells["weight"]) for day, cells in frames.items()}
    names = np.unique(np.concatenate([clone for clone, _ in sizes.values()]))
    table = np.zeros((len(sizes), len(names)))
    for row, (clone, size) in zip(table, sizes.values(), strict=True):
        row[np.searchsorted(names, clone)] = size
    return Clones(day=np.array(list(sizes)), clone=names, size=table)


def effective_number(size: np.ndarray) -> float:
    """Effective number of clones (inverse Simpson): 1 over the chance that two cells drawn with replacement are of one clone.

    Equals the number of clones where all are alike, 1 where one holds everything; 0 without cells. `size` (k,), any unit
    (Simpson 1949, Nature 163:688; Hill 1973, Ecology 54:427).
    """
    size = np.asarray(size, float)
    whole = size.sum()
    return float(whole**2 / (size**2).sum()) if whole > 0 else 0.0


def largest_share(size: np.ndarray) -> float:
    """Share of all cells that the largest clone holds, 0 to 1; nan without cells. `size` (k,), any unit."""
    size = np.asarray(size, float)
    whole = size.sum()
    return float(size.max() / whole) if whole > 0 else float("nan")


def label_intensity(divisions: np.ndarray, day: float, *, decay: float, background: float = 0.0) -> np.ndarray:
    """Label left in each cell (n,), over that of the start [-]: 2⁻ⁿ exp(−decay · day) + background.

    Such is H2B-GFP after its gene is shut off: halved by each division, lost by the protein's own decay, and made anew by a
    promoter that leaks. With decay or background unknown, dilution cannot be read as divisions (Morcos 2020, Cell Stem Cell
    26:11).

    Parameters
    ----------
    divisions : (n,)
        Since the label was shut off.
    day : float
        Time since then [d].
    decay : float
        Of the label itself [1/d].
    background : float
        Of a cell that was never labelled, over the start [-].
    """
    if decay < 0 or background < 0:
        raise ValueError(f"decay is {decay:g}/d and background {background:g}; neither can be negative.")
    return np.exp2(-np.asarray(divisions, float)) * np.exp(-decay * day) + background


def retaining_share(intensity: np.ndarray, weight: np.ndarray, threshold: float = RETAINED) -> float:
    """Share of real cells whose label (n,) is at least `threshold` of that of the start; nan without cells."""
    weight = np.asarray(weight, float)
    whole = weight.sum()
    return float(weight[np.asarray(intensity) >= threshold].sum() / whole) if whole > 0 else float("nan")


def dilution(
    results: "Results", *, decay: float, background: float = 0.0, threshold: float = RETAINED
) -> "pd.DataFrame":
    """What a diluted label of the stem cells reads at every recorded time, shut off at the start of the run.

    Parameters are those of `label_intensity` and `retaining_share`. Cells in blood are not recorded and not counted.

    Returns
    -------
    pandas.DataFrame
        Columns `day`, `mean_label` (over the start, by real cells), `retaining_share`, `mean_divisions`.
    """
    import pandas as pd

    rows = []
    for day in results.days:
        cells = results.cells(day=day)
        weight, divisions = cells["weight"].to_numpy(float), cells["divisions"].to_numpy()
        label = label_intensity(divisions, day, decay=decay, background=background)
        some = weight.sum() > 0
        rows.append(
            {
                "day": float(day),
                "mean_label": float(np.average(label, weights=weight)) if some else float("nan"),
                "retaining_share": retaining_share(label, weight, threshold),
                "mean_divisions": float(np.average(divisions, weights=weight)) if some else float("nan"),
            }
        )
    return pd.DataFrame(rows, columns=["day", "mean_label", "retaining_share", "mean_divisions"])


def label_fractions(table: "pd.DataFrame", over: str | None = None) -> "pd.DataFrame":
    """Labelled (or donor) share of every kind of cell over time, from `results.blood` or `results.marrow`.

    Parameters
    ----------
    table : pandas.DataFrame
        With `day` and columns that begin with `marked_share_of_`.
    over : str, optional
        A kind, such as "tip": every share is divided by that of this kind at the same time, as label curves are published;
        nan while it has none.

    Returns
    -------
    pandas.DataFrame
        `day` and one column a kind, named by it. Raises KeyError when no column holds a share, or none that of `over`.
    """
    shares: Mapping[str, str] = {name: name.removeprefix(MARK) for name in table.columns if name.startswith(MARK)}
    if not shares:
        raise KeyError(f"no column begins with {MARK}; only runs with a label or a graft have them")
    out = table[["day", *shares]].rename(columns=dict(shares))
    if over is None:
        return out
    if over not in shares.values():
        raise KeyError(f"{over} has no labelled share; there are {', '.join(shares.values())}")
    base = out[over].where(out[over] > 0)
    return out.assign(**{kind: out[kind] / base for kind in shares.values()})
