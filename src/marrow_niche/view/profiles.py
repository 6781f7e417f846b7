"""Cytokines against the distance from vessels and from bone: how far a source reaches, and what a dose makes of it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.analysis.profiles import Distances, Profile
from marrow_niche.errors import RunError
from marrow_niche.quantities import words
from marrow_niche.view import panel, slices, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

COLUMNS = 4
LOOKS = (style.BLUE, style.VERMILION, style.GREEN)
"""Colours of the first, the second and the third day."""
NAMES = {"sinusoid": "sinusoid wall", "bone": "bone"}


def profiles(results: "Results", days: Sequence[tuple[float, str]] | None = None) -> "Figure | None":
    """Median and quartiles of every recorded concentration over the distance from sinusoids (above) and from bone (below).

    Parameters
    ----------
    results : Results
        With fields and vessels.
    days : sequence of (day, name), optional
        At most three; `slices.telling_days` by default.

    None where no concentrations or no vessels are recorded. Raises RunError when a file of the run is damaged.
    """
    days = list(slices.telling_days(results) if days is None else days)[: len(LOOKS)]
    try:
        fields = [name for name, unit in results.fields.items() if unit and name not in slices.ELSEWHERE]
        results.vessels()
    except RunError:
        return None
    if not fields or not days:
        return None
    at = Distances(results)
    columns = min(COLUMNS, len(fields))
    blocks = math.ceil(len(fields) / columns)
    with style.styled():
        drawn = style.figure(7.6, 3.5 * blocks + 0.35, layout="constrained")
        grid = drawn.add_gridspec(2 * blocks, columns)
        for k, name in enumerate(fields):
            block, column = divmod(k, columns)
            top = drawn.add_subplot(grid[2 * block, column])
            low = drawn.add_subplot(grid[2 * block + 1, column], sharey=top)
            for ax, of in ((top, "sinusoid"), (low, "bone")):
                found = [at.profile(name, day, of=of) for day, _ in days]
                _panel(ax, found)
                ax.set_xlabel(f"from {NAMES[of]} [µm]")
            stem, unit = words.split_unit(name)
            panel.head(top, words.title(stem), unit)
        handles = [panel.swatch(colour) for _, colour in zip(days, LOOKS)]
        labels = [f"day {words.day(day)}" + f", {called}" * bool(called) for day, called in days]
        drawn.legend(handles, labels, loc="outside upper right", ncol=len(days))
    return drawn


def _panel(ax: "Axes", found: list[Profile]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for each, colour in zip(found, LOOKS):
        ax.fill_between(each.distance, each.low, each.high, color=colour, alpha=0.15, lw=0)
        ax.plot(each.distance, each.median, color=colour, lw=1.4)
    values = np.concatenate([x for each in found for x in (each.low, each.median, each.high)])
    if values.min() > 0 and values.max() > slices.DECADE * values.min():
        ax.set_yscale("log")
        panel.plain_log(ax, [values])
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
        ax.set_ylim(0, 1.1 * max(float(values.max()), ax.get_ylim()[1] if len(ax.lines) > len(found) else 0.0))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.set_xlim(0, None)
