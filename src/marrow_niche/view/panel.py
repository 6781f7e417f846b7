"""The parts of a panel of curves: lines on axes that suit them, what was done, the level at rest, nadir and recovery, keys."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.recovery import Course
from marrow_niche.quantities import words
from marrow_niche.view import style
from marrow_niche.view.events import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HALO: dict[str, Any] = {"bbox": {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.4}, "zorder": 7}
"""Of words that may lie over a line."""
DECADES = 0.12
"""A series that falls below this share of its top is drawn on a logarithmic axis."""
RECOVERED = 0.9
SCALES = {
    "platelets_per_uL": (1e3, "10³ per µL"),
    "reticulocytes_per_uL": (1e3, "10³ per µL"),
    "red_cells_per_uL": (1e6, "10⁶ per µL"),
}
"""Of counts that are not drawn per uL: what they are divided by, and the unit that is then theirs."""


def series(
    ax: "Axes", day: np.ndarray, value: np.ndarray, colour: str, *, log: bool | None = None, width: float = 1.6
) -> None:
    """A line; on a logarithmic axis where it falls by decades, nothing drawn where it is zero."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    good = value[np.isfinite(value)]
    if by_decades(good) if log is None else log:
        ax.set_yscale("log")
        ax.plot(day, np.where(value > 0, value, np.nan), color=colour, lw=width, zorder=3)
        gone = np.isfinite(value) & (value <= 0)
        if gone.any():
            at_foot = ax.get_xaxis_transform()
            ax.plot(day[gone], np.zeros(gone.sum()), "|", color=colour, ms=5, transform=at_foot, clip_on=False)
        plain_log(ax, [value])
        return
    ax.plot(day, value, color=colour, lw=width, zorder=3)
    top = float(good.max(initial=0.0))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=top >= 2))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
    if len(day) == 1:
        ax.plot(day, value, "o", color=colour, ms=3, zorder=3)
    ax.set_ylim(0, 1.15 * top if top > 0 else 1.0)


def by_decades(value: np.ndarray) -> bool:
    """Whether values fall so far that only a logarithmic axis shows them."""
    positive = value[np.isfinite(value) & (value > 0)]
    return bool(positive.size > 1 and positive.min() < DECADES * positive.max())


def plain_log(ax: "Axes", values: Sequence[np.ndarray]) -> None:
    """A logarithmic axis of whole decades' numbers written out, with room for the marks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    positive = np.concatenate([value[np.isfinite(value) & (value > 0)] for value in values] or [np.ones(1)])
    if not positive.size:
        return
    low, high = float(positive.min()), float(positive.max())
    ax.set_ylim(low / 2.2, high * 2.2)
    decades = math.log10(high / low) + 0.7
    subs = (1.0, 3.0) if decades < 2.2 else (1.0,)
    ax.yaxis.set_major_locator(LogLocator(subs=subs, numticks=6))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
    ax.yaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=40))
    ax.yaxis.set_minor_formatter(NullFormatter())


def head(ax: "Axes", title: str, unit: str) -> None:
    """Title in bold with its unit after it."""
    ax.set_title(title, pad=14 if unit else 6)
    if unit:
        ax.text(0.0, 1.03, unit, transform=ax.transAxes, color=style.SOFT, fontsize=7.5, ha="left", va="bottom")


def resting(ax: "Axes", value: np.ndarray) -> None:
    if len(value) and np.isfinite(value[0]):
        ax.axhline(value[0], color=style.FAINT, lw=0.8, ls=(0, (4, 3)), zorder=0)


def span(ax: "Axes", day: np.ndarray, events: Sequence[Event], *, named: bool) -> None:
    """The days of the run, with what was done to the animal behind them."""
    first, last = float(day[0]), float(day[-1])
    span = last - first if last > first else 1.0
    ax.set_xlim(first - 0.02 * span, last + 0.02 * span)
    taken: list[tuple[float, int]] = []  # where a word begins or ends, and its row
    for event in events:
        for begin, end in joined(event.spans, 0.04 * span):
            if end - begin > 0.004 * span:
                ax.axvspan(begin, end, color=style.EVENT, alpha=0.12, lw=0, zorder=0)
            else:
                ax.axvline(begin, color=style.EVENT, alpha=0.55, lw=1.2, zorder=1)
        if named and first <= event.day <= last:
            left, right = ax.get_xlim()
            begin, end = ((x - left) / (right - left) for x in (event.day, min(event.spans[-1][1], last)))
            late = end > 0.75
            x, side = (begin - 0.012, "right") if late else (end + 0.015, "left")
            near = {row for place, row in taken if abs(place - x) < 0.4}
            row = next(row for row in range(len(near) + 1) if row not in near)
            taken.append((x, row))
            named_at = x, 1.0 - 0.08 * row
            ax.text(*named_at, event.label, transform=ax.transAxes, fontsize=7, color=style.EVENT, ha=side, va="top", **HALO)


def joined(spans: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Spans of which those nearer than `gap` are one: daily doses are a band and not a fence."""
    out: list[tuple[float, float]] = []
    for begin, end in spans:
        if out and begin - out[-1][1] < gap:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def mark_fall(ax: "Axes", found: Course, colour: str) -> None:
    """The nadir as a ring with its share and day; the return to 90 % as a diamond with its day, or where it ended.

    A curve rises to the diamond: below it there is room to its right, late in the plot above and to its left.
    """
    if not found.fell:
        return
    nadir = f"{words.percent(found.depth)}, day {words.day(found.nadir_day)}"
    note(ax, found.nadir_day, found.nadir, nadir, colour, above=False)
    back, level = found.at(RECOVERED).back, RECOVERED * found.start
    low, high = ax.get_xlim()
    if back is not None:
        late = back - low > 0.75 * (high - low)
        above = 7 if ax.get_yscale() == "log" else 1  # on a logarithmic axis over the line of rest, which is near
        ax.plot([back], [level], "D", color=colour, ms=4, mec="white", mew=0.8, zorder=5)
        word(ax, f"day {words.day(back)}", (back, level), colour, shift=(-5, above) if late else (4, -5))
    elif found.end_day > found.nadir_day and found.end > 0:
        text = f"{words.percent(found.end / found.start)} at the end"
        word(ax, text, (found.end_day, found.end), colour, shift=(-1, 5))


def note(ax: "Axes", day: float, value: float, text: str, colour: str, *, above: bool) -> None:
    """A ring on the curve and a word beside it; the word alone, at the foot, where a logarithmic axis has no place."""
    low, high = ax.get_xlim()
    across = -6 if day - low > 0.7 * (high - low) else 6
    if ax.get_yscale() == "log" and value <= 0:
        word(ax, text, (day, 0), colour, shift=(across, 8), coordinates=("data", "axes fraction"))
        return
    if ax.get_yscale() == "linear" and value < 0.1 * ax.get_ylim()[1]:
        above = True
    ax.plot([day], [value], "o", color="white", mec=colour, mew=1.3, ms=4.5, zorder=5, clip_on=False)
    word(ax, text, (day, value), colour, shift=(across, 4 if above else -2))


def word(
    ax: "Axes",
    text: str,
    place: tuple[float, float],
    colour: str,
    *,
    shift: tuple[float, float],
    coordinates: Any = "data",
) -> None:
    """A word beside a place, `shift` [pt] to its right or left, above or below."""
    side, base = "right" if shift[0] < 0 else "left", "bottom" if shift[1] > 0 else "top"
    options: dict[str, Any] = {"xycoords": coordinates, "xytext": shift, "textcoords": "offset points"}
    ax.annotate(text, place, ha=side, va=base, fontsize=7, color=ink(colour), zorder=6, **options)


def ink(colour: str) -> tuple[float, ...]:
    """A line's colour, dark enough to read words in."""
    from matplotlib.colors import to_rgb

    return tuple(0.72 * part for part in to_rgb(colour))


def key(ax: "Axes", lines: Sequence[tuple[str, str]], *, columns: int = 1) -> None:
    """Names of the lines in their colours, above the panel at its right."""
    handles = [swatch(colour) for _, colour in lines]
    ax.legend(
        handles,
        [label for label, _ in lines],
        loc="lower right",
        bbox_to_anchor=(1.02, 1.0),
        ncol=columns,
        labelcolor=[ink(colour) for _, colour in lines],
        fontsize=6.5,
        handlelength=0.7,
        handletextpad=0.3,
        columnspacing=0.7,
        borderpad=0.0,
        labelspacing=0.2,
        borderaxespad=0.2,
    )


def swatch(colour: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, lw=2.0)


def grid(drawn: "Figure", number: int, columns: int) -> list["Axes"]:
    rows = math.ceil(number / columns)
    grid = drawn.add_gridspec(rows, columns)
    return [drawn.add_subplot(grid[k // columns, k % columns]) for k in range(number)]


def share_days(axes: Sequence["Axes"], columns: int) -> None:
    """Days named below the lowest panel of each column only."""
    from matplotlib.ticker import MaxNLocator

    for k, ax in enumerate(axes):
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 7, 10], integer=True))
        if k + columns >= len(axes):
            ax.set_xlabel("day")
        else:
            ax.tick_params(labelbottom=False)
