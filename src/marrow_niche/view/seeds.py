"""Counts of one scenario over several seeds: the median, and from the lowest to the highest run."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.analysis.bands import Band, bands
from marrow_niche.quantities import words
from marrow_niche.record.results import open_results
from marrow_niche.view import curves, events, panel, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

COLUMNS = (*curves.BLOOD[:4], "stem_cells", "cellularity")


def draw(groups: Mapping[str, Sequence[Path]], folder: Path) -> list[Path]:
    """A figure of `seed_bands` for each group of run directories, named and titled by what the group is; their paths.

    Raises as `seed_bands` does, and RunError when the disk refuses.
    """
    paths: list[Path] = []
    for own, directories in groups.items():
        name = re.sub(r"[^\w.+-]+", "_", own).strip("_")[:100] or "all"
        if folder / f"{name}.png" in paths:  # told apart by what a name does not hold
            name = f"{name}_{len(paths) + 1}"
        with style.styled():
            drawn = seed_bands([open_results(directory) for directory in directories], title=own)
            paths.append(style.save(drawn, folder / f"{name}.png"))
    return paths


def seed_bands(runs: "Sequence[Results]", columns: Sequence[str] = COLUMNS, *, title: str = "") -> "Figure":
    """Columns of blood.csv and marrow.csv over runs that differ by their seed: each run thin, their median, their range.

    Parameters
    ----------
    runs : sequence of Results
        Of one scenario with different seeds.
    columns : sequence of str
        Those that the runs do not have are left out.
    title : str
        Over them all, in small letters.

    Raises RunError for no run, for runs of different scenarios, where they share no recorded time or none of the columns.
    """
    from marrow_niche.errors import RunError

    found = bands(runs, columns)
    if not found:
        raise RunError(f"these runs have none of {', '.join(columns)}.")
    wide = min(3, len(found))
    with style.styled():
        drawn = style.figure(max(3.4, 2.55 * wide), 2.1 * math.ceil(len(found) / wide) + 0.3, layout="constrained")
        axes = panel.grid(drawn, len(found), wide)
        done = events.of_run(runs[0])
        for place, (ax, each) in enumerate(zip(axes, found, strict=True)):
            _panel(ax, each)
            panel.span(ax, each.day, done, named=place < wide)
        panel.share_days(axes, wide)
        text = f"{len(runs)} runs that differ by their seed: each, their median, from lowest to highest"
        if title:
            drawn.suptitle(title, x=0.01, fontsize=8, color=style.SOFT, ha="left")
        drawn.supxlabel(text, x=0.995, fontsize=7, color=style.SOFT, ha="right")
    return drawn


def _panel(ax: "Axes", each: Band) -> None:
    stem, unit = words.split_unit(each.column)
    scale, unit = panel.SCALES.get(each.column, (1.0, unit))
    if each.column == "cellularity":
        scale, unit = 0.01, "% of rest"
    if each.column == "stem_cells":
        unit = "in the piece"
    colour = style.SERIES.get(stem, style.BLUE if each.column == "stem_cells" else style.BLACK)
    values = each.values / scale
    log = panel.by_decades(values.ravel())
    floor = 0.5 * float(values[values > 0].min()) if (values > 0).any() else 1.0
    low, high = (np.maximum(x / scale, floor) if log else x / scale for x in (each.low, each.high))
    panel.series(ax, each.day, each.median / scale, colour, log=log, width=1.7)
    ax.fill_between(each.day, low, high, color=colour, alpha=0.18, lw=0)
    for one in values:
        ax.plot(each.day, np.where(one > 0, one, np.nan) if log else one, color=colour, lw=0.5, alpha=0.6)
    if log:
        panel.plain_log(ax, [values.ravel()])
    else:
        ax.set_ylim(0, 1.15 * float(values.max()) if values.max() > 0 else 1.0)
    panel.resting(ax, each.median / scale)
    panel.head(ax, words.title(stem.replace("_", " ") if stem == "stem_cells" else stem), unit)
