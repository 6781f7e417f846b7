"""Curves against time: blood, hormones, the marrow and its niche. Each function returns a matplotlib Figure."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.published import Published
from marrow_niche.analysis.recovery import Course, course
from marrow_niche.quantities import words
from marrow_niche.view import style
from marrow_niche.view.events import Event

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLOOD = (
    "neutrophils_per_uL",
    "lymphocytes_per_uL",
    "platelets_per_uL",
    "haemoglobin_g_per_dL",
    "reticulocytes_per_uL",
    "monocytes_per_uL",
)
HORMONES = ("TPO_pM", "EPO_pM", "GCSF_pM")
DECADES = 0.12
"""A series that falls below this share of its top is drawn on a logarithmic axis."""
SCALES = {
    "platelets_per_uL": (1e3, "10³ per µL"),
    "reticulocytes_per_uL": (1e3, "10³ per µL"),
    "red_cells_per_uL": (1e6, "10⁶ per µL"),
}
RECOVERED = 0.9
PROGENITORS = (
    ("MPP", style.BLACK),
    ("CMP", style.AMBER),
    ("GMP", style.BLUE),
    ("MEP", style.VERMILION),
    ("MkP", style.PURPLE),
    ("CLP", style.GREEN),
)
STATES = {
    "stem_cells_cycling_share": ("cycling", style.AMBER),
    "stem_cells_senescent_share": ("senescent", style.BLACK),
}
NICHE = (
    ("sinusoid_integrity", "sinusoids", style.VERMILION),
    ("stroma_integrity", "stroma", style.BLUE),
    ("osteoblast_integrity", "osteoblasts", style.GREEN),
)


def blood(
    table: "pd.DataFrame",
    events: Sequence[Event] = (),
    *,
    normal: Mapping[str, tuple[float, float]] | None = None,
    published: Sequence[Published] = (),
) -> "Figure | None":
    """Six counts and three hormones: start, nadir and recovery marked; None where the table has none of them.

    Parameters
    ----------
    table : DataFrame
        `results.blood`.
    events : sequence of Event
        Shaded, and named in the first row.
    normal : dict, optional
        Normal range of counts by column, a green band; see `analysis.published.normal`.
    published : sequence of Published
        Published counts like these, hatched, or a bar with ends at one day; see `analysis.published.after_dose`.
    """
    columns = [name for name in (*BLOOD, *HORMONES) if name in table]
    if not columns or not len(table):
        return None
    with style.styled():
        drawn = style.figure(7.6, 2.0 * math.ceil(len(columns) / 3) + 0.15, layout="constrained")
        axes = _grid(drawn, len(columns), 3)
        day = table["day"].to_numpy()
        for place, (ax, column) in enumerate(zip(axes, columns, strict=True)):
            scale, unit = SCALES.get(column, (1.0, words.split_unit(column)[1]))
            stem = words.split_unit(column)[0]
            value = table[column].to_numpy() / scale
            hormone = column in HORMONES
            colour = style.SOFT if hormone else style.SERIES.get(stem, style.BLUE)
            _series(ax, day, value, colour)
            _head(ax, words.title(stem), unit)
            _resting(ax, value)
            _span(ax, day, events, named=place < 3)
            if normal and column in normal:
                low, high = (bound / scale for bound in normal[column])
                ax.axhspan(low, high, color=style.GREEN, alpha=0.10, lw=0, zorder=0)
                if ax.get_yscale() == "linear":
                    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * high))
            for each in published:
                if each.column == column:
                    _published(ax, each, scale)
            found = course(day, value, (RECOVERED,))
            if found is not None and not hormone and events:
                _mark_fall(ax, found, colour)
            elif found is not None and hormone and events and found.peak > 1.5 * found.start:
                times = f"×{words.plain(found.peak / found.start, 2)}"
                _note(ax, found.peak_day, found.peak, times, colour, above=True)
        _share_days(axes, 3)
    return drawn


def marrow(table: "pd.DataFrame", events: Sequence[Event] = ()) -> "Figure | None":
    """Stem cells, cellularity, progenitors, the niche; None where the table has none of them.

    Parameters
    ----------
    table : DataFrame
        `results.marrow`.
    events : sequence of Event
    """
    if not len(table):
        return None
    panels = [draw for draw, columns in _panels().items() if any(column in table for column in columns)]
    if not panels:
        return None
    with style.styled():
        drawn = style.figure(7.6, 2.2 * math.ceil(len(panels) / 3) + 0.15, layout="constrained")
        axes = _grid(drawn, len(panels), 3)
        for place, (ax, draw) in enumerate(zip(axes, panels, strict=True)):
            draw(ax, table)
            _span(ax, table["day"].to_numpy(), events, named=place < 3)
        _share_days(axes, 3)
    return drawn


def distances(placed: Any, later: Any = None) -> "Figure":
    """Cumulative distances of stem cells to sinusoids beside those of random points of the same marrow.

    Parameters
    ----------
    placed : analysis.space.Placement
        At rest.
    later : Placement, optional
        The same at the end.
    """
    from marrow_niche.analysis.space import cumulative

    with style.styled():
        drawn = style.figure(5.2, 2.9, layout="constrained")
        ax = drawn.add_subplot()
        top = float(np.quantile(placed.random, 0.995)) if placed.random.size else 50.0
        at = np.linspace(0.0, max(top, 1.5 * placed.near), 400)
        ax.fill_between(at, 100 * cumulative(placed.random, at), color="#e6e9ed", lw=0, zorder=1)
        ax.plot(at, 100 * cumulative(placed.random, at), color=style.SOFT, lw=1.2, zorder=2)
        if placed.observed.size:
            ax.plot(at, 100 * cumulative(placed.observed, at), color=style.BLUE, lw=2.0, zorder=4)
        if later is not None and later.observed.size:
            ax.plot(at, 100 * cumulative(later.observed, at), color=style.VERMILION, lw=1.4, ls=(0, (4, 2)), zorder=3)
        ax.axvline(placed.near, color=style.FAINT, lw=0.8, zorder=0)
        lines = []
        for found, colour in ((placed, style.BLUE), (later, style.VERMILION)):
            if found is not None and found.observed.size:
                lines.append((f"stem cells, day {words.day(found.day)}: {words.percent(found.share_near)}", colour))
        lines.append(
            (f"random points: {words.percent(placed.random_share_near)} within {placed.near:g} µm", style.SOFT)
        )
        for row, (text, colour) in enumerate(reversed(lines)):
            y = 0.08 + 0.095 * row
            ax.text(0.97, y, text, color=_ink(colour), transform=ax.transAxes, ha="right", fontsize=8)
        _head(ax, "Distance to the nearest sinusoid wall", "")
        ax.set(xlim=(0, at[-1]), ylim=(0, 101), ylabel="cumulative share [%]", xlabel="distance [µm]")
    return drawn


def _published(ax: "Axes", each: Published, scale: float) -> None:
    """A hatched band over several days; at one day a square, or a triangle on a line where only an upper bound is known."""
    low, high = each.low / scale, each.high / scale
    if len(each.day) > 1:
        ax.fill_between(each.day, low, high, facecolor="none", edgecolor=style.INK, hatch="////", lw=0.6, alpha=0.55, zorder=2)
        return
    foot = ax.get_ylim()[0]
    if high[0] > low[0]:
        ax.plot(each.day, high, "v", color=style.INK, mfc="white", ms=5, zorder=6)
        ax.plot([each.day[0]] * 2, [max(low[0], foot), high[0]], color=style.INK, lw=0.9, zorder=5)
    else:
        ax.plot(each.day, high, "s", color=style.INK, mfc="white", ms=4.5, zorder=6)


def _panels() -> dict[Callable[["Axes", "pd.DataFrame"], None], list[str]]:
    """The panels of the marrow, each with the columns of which it needs one."""
    return {
        _stem_cells: ["stem_cells"],
        _cellularity: ["cellularity"],
        _states: list(STATES),
        _progenitors: [f"{name}_cells" for name, _ in PROGENITORS],
        _niche: [name for name, *_ in NICHE],
        _clones: ["clones"],
    }


def _stem_cells(ax: "Axes", table: "pd.DataFrame") -> None:
    _fallen(ax, table["day"].to_numpy(), table["stem_cells"].to_numpy(), style.BLUE)
    _head(ax, "Stem cells", "in the piece")


def _cellularity(ax: "Axes", table: "pd.DataFrame") -> None:
    _fallen(ax, table["day"].to_numpy(), 100 * table["cellularity"].to_numpy(), style.BLACK)
    _head(ax, "Cellularity", "% of rest")


def _fallen(ax: "Axes", day: np.ndarray, value: np.ndarray, colour: str) -> None:
    """A line with its resting level, nadir and recovery."""
    _series(ax, day, value, colour)
    _resting(ax, value)
    found = course(day, value, (RECOVERED,))
    if found is not None:
        _mark_fall(ax, found, colour)


def _states(ax: "Axes", table: "pd.DataFrame") -> None:
    shown = {name: look for name, look in STATES.items() if name in table}
    for name, (_, colour) in shown.items():
        ax.plot(table["day"], 100 * table[name], color=colour)
    ax.set_ylim(0, max(5.0, ax.get_ylim()[1]))
    _head(ax, "Stem-cell state", "% of them")
    _key(ax, list(shown.values()))


def _progenitors(ax: "Axes", table: "pd.DataFrame") -> None:
    shown = [(name, colour) for name, colour in PROGENITORS if f"{name}_cells" in table]
    shown = [(name, colour) for name, colour in shown if table[f"{name}_cells"].iloc[0] > 0]
    shares = [100 * table[f"{name}_cells"].to_numpy() / table[f"{name}_cells"].iloc[0] for name, _ in shown]
    log = _by_decades(np.concatenate([*shares, [100.0]]))
    for share, (_, colour) in zip(shares, shown, strict=True):
        _series(ax, table["day"].to_numpy(), share, colour, log=log, width=1.3)
    _resting(ax, np.array([100.0]))
    _head(ax, "Progenitors", "% of rest")
    if log:
        _plain_log(ax, shares)
    else:
        ax.set_ylim(0, 1.15 * max(float(share.max()) for share in shares))
    _key(ax, shown, columns=3)


def _niche(ax: "Axes", table: "pd.DataFrame") -> None:
    shown = [(name, label, colour) for name, label, colour in NICHE if name in table]
    lines = [(label, colour) for _, label, colour in shown]
    if "fat_share" in table:
        ax.fill_between(table["day"], 100 * table["fat_share"], color="#f2dfa6", lw=0)
        lines.append(("fat, % of marrow", "#b8901d"))
    for name, _, colour in shown:
        ax.plot(table["day"], 100 * table[name], color=colour, lw=1.4)
    ax.set_ylim(0, 105 * max(1.0, *(table[name].max() for name, *_ in shown)))
    _head(ax, "Niche", "% intact")
    _key(ax, lines, columns=2)


def _clones(ax: "Axes", table: "pd.DataFrame") -> None:
    day, value = table["day"].to_numpy(), table["clones"].to_numpy()
    _series(ax, day, value, style.GREEN)
    _head(ax, "Clones of stem cells", "alive")
    if value[-1] < 0.5 * value[0]:
        _note(ax, day[-1], value[-1], words.plain(value[-1]), style.GREEN, above=True)


def _series(
    ax: "Axes", day: np.ndarray, value: np.ndarray, colour: str, *, log: bool | None = None, width: float = 1.6
) -> None:
    """A line; on a logarithmic axis where it falls by decades, nothing drawn where it is zero."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    good = value[np.isfinite(value)]
    if _by_decades(good) if log is None else log:
        ax.set_yscale("log")
        ax.plot(day, np.where(value > 0, value, np.nan), color=colour, lw=width, zorder=3)
        gone = np.isfinite(value) & (value <= 0)
        if gone.any():
            at_foot = ax.get_xaxis_transform()
            ax.plot(day[gone], np.zeros(gone.sum()), "|", color=colour, ms=5, transform=at_foot, clip_on=False)
        _plain_log(ax, [value])
        return
    ax.plot(day, value, color=colour, lw=width, zorder=3)
    top = float(good.max(initial=0.0))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=top >= 2))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
    if len(day) == 1:
        ax.plot(day, value, "o", color=colour, ms=3, zorder=3)
    ax.set_ylim(0, 1.15 * top if top > 0 else 1.0)


def _by_decades(value: np.ndarray) -> bool:
    """Whether values fall so far that only a logarithmic axis shows them."""
    positive = value[np.isfinite(value) & (value > 0)]
    return bool(positive.size > 1 and positive.min() < DECADES * positive.max())


def _plain_log(ax: "Axes", values: Sequence[np.ndarray]) -> None:
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


def _head(ax: "Axes", title: str, unit: str) -> None:
    """Title in bold with its unit after it."""
    ax.set_title(title, pad=14 if unit else 6)
    if unit:
        ax.text(0.0, 1.03, unit, transform=ax.transAxes, color=style.SOFT, fontsize=7.5, ha="left", va="bottom")


def _resting(ax: "Axes", value: np.ndarray) -> None:
    if len(value) and np.isfinite(value[0]):
        ax.axhline(value[0], color=style.FAINT, lw=0.8, ls=(0, (4, 3)), zorder=0)


def _span(ax: "Axes", day: np.ndarray, events: Sequence[Event], *, named: bool) -> None:
    """The days of the run, with what was done to the animal behind them."""
    first, last = float(day[0]), float(day[-1])
    span = last - first if last > first else 1.0
    ax.set_xlim(first - 0.02 * span, last + 0.02 * span)
    for event in events:
        for begin, end in _joined(event.spans, 0.04 * span):
            if end - begin > 0.004 * span:
                ax.axvspan(begin, end, color=style.EVENT, alpha=0.12, lw=0, zorder=0)
            else:
                ax.axvline(begin, color=style.EVENT, alpha=0.55, lw=1.2, zorder=1)
        if named and first <= event.day <= last:
            left, right = ax.get_xlim()
            begin, end = ((x - left) / (right - left) for x in (event.day, min(event.spans[-1][1], last)))
            late = end > 0.75
            x, side = (begin - 0.012, "right") if late else (end + 0.015, "left")
            ax.text(x, 1.0, event.label, transform=ax.transAxes, fontsize=7, color=style.EVENT, ha=side, va="top")


def _joined(spans: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Spans of which those nearer than `gap` are one: daily doses are a band and not a fence."""
    out: list[tuple[float, float]] = []
    for begin, end in spans:
        if out and begin - out[-1][1] < gap:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def _mark_fall(ax: "Axes", found: Course, colour: str) -> None:
    """The nadir as a ring with its share and day; the return to 90 % as a diamond with its day, or where it ended.

    A curve rises to the diamond: below it there is room to its right, late in the plot above and to its left.
    """
    if not found.fell:
        return
    nadir = f"{words.percent(found.depth)}, day {words.day(found.nadir_day)}"
    _note(ax, found.nadir_day, found.nadir, nadir, colour, above=False)
    back, level = found.at(RECOVERED).back, RECOVERED * found.start
    low, high = ax.get_xlim()
    if back is not None:
        late = back - low > 0.75 * (high - low)
        above = 7 if ax.get_yscale() == "log" else 1  # on a logarithmic axis over the line of rest, which is near
        ax.plot([back], [level], "D", color=colour, ms=4, mec="white", mew=0.8, zorder=5)
        _word(ax, f"day {words.day(back)}", (back, level), colour, shift=(-5, above) if late else (4, -5))
    elif found.end_day > found.nadir_day and found.end > 0:
        text = f"{words.percent(found.end / found.start)} at the end"
        _word(ax, text, (found.end_day, found.end), colour, shift=(-1, 5))


def _note(ax: "Axes", day: float, value: float, text: str, colour: str, *, above: bool) -> None:
    """A ring on the curve and a word beside it; the word alone, at the foot, where a logarithmic axis has no place."""
    low, high = ax.get_xlim()
    across = -6 if day - low > 0.7 * (high - low) else 6
    if ax.get_yscale() == "log" and value <= 0:
        _word(ax, text, (day, 0), colour, shift=(across, 8), coordinates=("data", "axes fraction"))
        return
    if ax.get_yscale() == "linear" and value < 0.1 * ax.get_ylim()[1]:
        above = True
    ax.plot([day], [value], "o", color="white", mec=colour, mew=1.3, ms=4.5, zorder=5, clip_on=False)
    _word(ax, text, (day, value), colour, shift=(across, 4 if above else -2))


def _word(
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
    ax.annotate(text, place, ha=side, va=base, fontsize=7, color=_ink(colour), zorder=6, **options)


def _ink(colour: str) -> tuple[float, ...]:
    """A line's colour, dark enough to read words in."""
    from matplotlib.colors import to_rgb

    return tuple(0.72 * part for part in to_rgb(colour))


def _key(ax: "Axes", lines: Sequence[tuple[str, str]], *, columns: int = 1) -> None:
    """Names of the lines in their colours, above the panel at its right."""
    handles = [_swatch(colour) for _, colour in lines]
    ax.legend(
        handles,
        [label for label, _ in lines],
        loc="lower right",
        bbox_to_anchor=(1.02, 1.0),
        ncol=columns,
        labelcolor=[_ink(colour) for _, colour in lines],
        fontsize=6.5,
        handlelength=0.7,
        handletextpad=0.3,
        columnspacing=0.7,
        borderpad=0.0,
        labelspacing=0.2,
        borderaxespad=0.2,
    )


def _swatch(colour: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, lw=2.0)


def _grid(drawn: "Figure", number: int, columns: int) -> list["Axes"]:
    rows = math.ceil(number / columns)
    grid = drawn.add_gridspec(rows, columns)
    return [drawn.add_subplot(grid[k // columns, k % columns]) for k in range(number)]


def _share_days(axes: Sequence["Axes"], columns: int) -> None:
    """Days named below the lowest panel of each column only."""
    from matplotlib.ticker import MaxNLocator

    for k, ax in enumerate(axes):
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 7, 10], integer=True))
        if k + columns >= len(axes):
            ax.set_xlabel("day")
        else:
            ax.tick_params(labelbottom=False)
