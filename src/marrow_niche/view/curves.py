"""Curves against time: blood, hormones, the marrow and its niche. Each function returns a matplotlib Figure."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.recovery import Course, course
from marrow_niche.view import style, words
from marrow_niche.view.events import Event

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLOOD = ("neutrophils_per_uL", "lymphocytes_per_uL", "platelets_per_uL", "haemoglobin_g_per_dL", "reticulocytes_per_uL",
         "monocytes_per_uL")  # fmt: skip
HORMONES = ("TPO_pM", "EPO_pM", "GCSF_pM")
DECADES = 0.12
"""A series that falls below this share of its top is drawn on a logarithmic axis."""
SCALES = {"platelets_per_uL": (1e3, "10³ per µL"), "reticulocytes_per_uL": (1e3, "10³ per µL"), "red_cells_per_uL": (1e6, "10⁶ per µL")}
RECOVERED = 0.9
PROGENITORS = (("MPP", style.BLACK), ("CMP", style.AMBER), ("GMP", style.BLUE), ("MEP", style.VERMILION),
               ("MkP", style.PURPLE), ("CLP", style.GREEN))  # fmt: skip
NICHE = (("sinusoid_integrity", "sinusoids", style.VERMILION), ("stroma_integrity", "stroma", style.BLUE),
         ("osteoblast_integrity", "osteoblasts", style.GREEN))  # fmt: skip


def blood(table: "pd.DataFrame", events: Sequence[Event] = ()) -> "Figure | None":
    """Six counts and three hormones: start, nadir and recovery marked; None where the table has none of them.

    Parameters
    ----------
    table : DataFrame
        `results.blood`.
    events : sequence of Event
        Shaded, and named in the first row.
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
            found = course(day, value, (RECOVERED,))
            if found is not None and not hormone and events:
                _mark_fall(ax, found, colour)
            elif found is not None and hormone and events and found.peak > 1.5 * found.start:
                _note(ax, found.peak_day, found.peak, f"×{words.plain(found.peak / found.start, 2)}", colour, above=True)
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
    panels = [draw for draw in (_stem_cells, _cellularity, _awake, _progenitors, _niche, _clones) if draw(None, table)]
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
        lines = [(f"random points: {words.percent(placed.random_share_near)} within {placed.near:g} µm", style.SOFT)]
        if placed.observed.size:
            lines.insert(0, (f"stem cells, day {words.day(placed.day)}: {words.percent(placed.share_near)}", style.BLUE))
        if later is not None and later.observed.size:
            lines.insert(1, (f"stem cells, day {words.day(later.day)}: {words.percent(later.share_near)}", style.VERMILION))
        for row, (text, colour) in enumerate(lines):
            ax.text(0.97, 0.08 + 0.095 * (len(lines) - 1 - row), text, color=_ink(colour), transform=ax.transAxes, ha="right",
                    fontsize=8)  # fmt: skip
        _head(ax, "Distance to the nearest sinusoid wall", "")
        ax.set(xlim=(0, at[-1]), ylim=(0, 101), ylabel="cumulative share [%]", xlabel="distance [µm]")
    return drawn


def _stem_cells(ax: "Axes | None", table: "pd.DataFrame") -> bool:
    if "stem_cells" not in table:
        return False
    if ax is not None:
        day, value = table["day"].to_numpy(), table["stem_cells"].to_numpy()
        _series(ax, day, value, style.BLUE)
        _resting(ax, value)
        _head(ax, "Stem cells", "in the piece")
        found = course(day, value, (RECOVERED,))
        if found is not None and found.fell:
            _mark_fall(ax, found, style.BLUE)
    return True


def _cellularity(ax: "Axes | None", table: "pd.DataFrame") -> bool:
    if "cellularity" not in table:
        return False
    if ax is not None:
        day, value = table["day"].to_numpy(), 100 * table["cellularity"].to_numpy()
        _series(ax, day, value, style.BLACK)
        _resting(ax, value)
        _head(ax, "Cellularity", "% of rest")
        found = course(day, value, (RECOVERED,))
        if found is not None and found.fell:
            _mark_fall(ax, found, style.BLACK)
    return True


def _awake(ax: "Axes | None", table: "pd.DataFrame") -> bool:
    shown = [name for name in ("stem_cells_cycling_share", "stem_cells_senescent_share") if name in table]
    if ax is not None:
        day = table["day"].to_numpy()
        lines = []
        for name, colour in zip(shown, (style.AMBER, style.BLACK), strict=False):
            value = 100 * table[name].to_numpy()
            ax.plot(day, value, color=colour)
            lines.append((name.removeprefix("stem_cells_").removesuffix("_share"), colour))
        ax.set_ylim(0, max(5.0, ax.get_ylim()[1]))
        _head(ax, "Stem-cell state", "% of them")
        _key(ax, lines)
    return bool(shown)


def _progenitors(ax: "Axes | None", table: "pd.DataFrame") -> bool:
    shown = [(name, colour) for name, colour in PROGENITORS if f"{name}_cells" in table]
    shown = [(name, colour) for name, colour in shown if table[f"{name}_cells"].iloc[0] > 0]
    if ax is not None:
        day = table["day"].to_numpy()
        for name, colour in shown:
            value = table[f"{name}_cells"].to_numpy()
            _series(ax, day, 100 * value / value[0], colour, log=True, width=1.3)
        ax.axhline(100, color=style.FAINT, lw=0.8, ls=(0, (4, 3)), zorder=0)
        _head(ax, "Progenitors", "% of rest")
        _plain_log(ax, [100 * table[f"{name}_cells"].to_numpy() / table[f"{name}_cells"].iloc[0] for name, _ in shown])
        _key(ax, shown, columns=3)
    return bool(shown)


def _niche(ax: "Axes | None", table: "pd.DataFrame") -> bool:
    shown = [(name, label, colour) for name, label, colour in NICHE if name in table]
    if ax is not None:
        day = table["day"].to_numpy()
        if "fat_share" in table:
            ax.fill_between(day, 100 * table["fat_share"].to_numpy(), color="#f2dfa6", lw=0)
        for name, _, colour in shown:
            ax.plot(day, 100 * table[name].to_numpy(), color=colour, lw=1.4)
        ax.set_ylim(0, max(105.0, 105 * max((table[name].max() for name, *_ in shown), default=1.0)))
        _head(ax, "Niche", "% intact")
        lines = [(label, colour) for _, label, colour in shown]
        if "fat_share" in table:
            lines.append(("fat, % of marrow", "#b8901d"))
        _key(ax, lines, columns=2)
    return bool(shown)


def _clones(ax: "Axes | None", table: "pd.DataFrame") -> bool:
    if "clones" not in table:
        return False
    if ax is not None:
        value = table["clones"].to_numpy()
        _series(ax, table["day"].to_numpy(), value, style.GREEN)
        _head(ax, "Clones of stem cells", "alive")
        if value[-1] < 0.5 * value[0]:
            _note(ax, table["day"].iloc[-1], value[-1], words.plain(value[-1]), style.GREEN, above=True)
    return True


def _series(
    ax: "Axes", day: np.ndarray, value: np.ndarray, colour: str, *, log: bool | None = None, width: float = 1.6
) -> None:  # fmt: skip
    """A line; on a logarithmic axis where it falls by decades, nothing drawn where it is zero."""
    from matplotlib.ticker import MaxNLocator

    good = value[np.isfinite(value)]
    positive = good[good > 0]
    if log is None:
        log = positive.size > 1 and positive.min() < DECADES * positive.max()
    if log:
        ax.set_yscale("log")
        ax.plot(day, np.where(value > 0, value, np.nan), color=colour, lw=width, zorder=3)
        gone = np.isfinite(value) & (value <= 0)
        if gone.any():
            ax.plot(day[gone], np.zeros(gone.sum()), "|", color=colour, ms=5, transform=ax.get_xaxis_transform(),
                    clip_on=False, zorder=3)  # fmt: skip
        _plain_log(ax, [value])
        return
    ax.plot(day, value, color=colour, lw=width, zorder=3)
    top = float(good.max(initial=0.0))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=top >= 2))
    if len(day) == 1:
        ax.plot(day, value, "o", color=colour, ms=3, zorder=3)
    ax.set_ylim(0, 1.15 * top if top > 0 else 1.0)


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
        for begin, end in event.spans:
            if end - begin > 0.004 * span:
                ax.axvspan(begin, end, color=style.EVENT, alpha=0.12, lw=0, zorder=0)
            else:
                ax.axvline(begin, color=style.EVENT, alpha=0.55, lw=1.2, zorder=1)
        if named and first <= event.day <= last:
            left, right = ax.get_xlim()
            begin, end = ((x - left) / (right - left) for x in (event.day, min(event.spans[-1][1], last)))
            late = end > 0.75
            ax.text(begin - 0.012 if late else end + 0.015, 1.0, event.label, transform=ax.transAxes, fontsize=7,
                    color=style.EVENT, ha="right" if late else "left", va="top")  # fmt: skip


def _mark_fall(ax: "Axes", found: Course, colour: str) -> None:
    """The nadir as a ring with its share and day; the return to 90 % as a diamond with its day, or where it ended."""
    if not found.fell:
        return
    back = found.at(RECOVERED).back
    text = f"{words.percent(found.depth)}, day {words.day(found.nadir_day)}"
    _note(ax, found.nadir_day, found.nadir, text, colour, above=False)
    low, high = ax.get_xlim()
    if back is not None:
        late = (back - low) > 0.75 * (high - low)
        ax.plot([back], [RECOVERED * found.start], "D", color=colour, ms=4, mec="white", mew=0.8, zorder=5)
        ax.annotate(f"day {words.day(back)}", (back, RECOVERED * found.start), xytext=(-5 if late else 4, -5),
                    textcoords="offset points", ha="right" if late else "left", va="top", fontsize=7, color=_ink(colour))  # fmt: skip
    elif found.end_day > found.nadir_day and found.end > 0:
        share = found.end / found.start
        text = f"{words.percent(share)} at the end"
        ax.annotate(text, (found.end_day, found.end), xytext=(0, 5), textcoords="offset points", ha="right", va="bottom",
                    fontsize=7, color=_ink(colour))  # fmt: skip


def _note(ax: "Axes", day: float, value: float, text: str, colour: str, *, above: bool) -> None:
    """A ring on the curve and a word beside it."""
    low, high = ax.get_xlim()
    place = (day - low) / (high - low)
    side, shift = ("right", -6) if place > 0.7 else ("left", 6)
    linear = ax.get_yscale() == "linear"
    if linear and value < 0.1 * ax.get_ylim()[1]:
        above = True
    drawn = linear or value > 0
    if drawn:
        ax.plot([day], [value], "o", color="white", mec=colour, mew=1.3, ms=4.5, zorder=5, clip_on=False)
    ax.annotate(text, (day, value if drawn else 0), xycoords="data" if drawn else ("data", "axes fraction"),
                xytext=(shift, 4 if above or not drawn else -2), textcoords="offset points", ha=side,
                va="bottom" if above or not drawn else "top", fontsize=7, color=_ink(colour), zorder=6)  # fmt: skip


def _ink(colour: str) -> tuple[float, ...]:
    """A line's colour, dark enough to read words in."""
    from matplotlib.colors import to_rgb

    return tuple(0.72 * part for part in to_rgb(colour))


def _key(ax: "Axes", lines: Sequence[tuple[str, str]], *, columns: int = 1) -> None:
    """Names of the lines in their colours, above the panel at its right."""
    handles = [_swatch(colour) for _, colour in lines]
    ax.legend(handles, [label for label, _ in lines], loc="lower right", bbox_to_anchor=(1.02, 1.0), ncol=columns,
              labelcolor=[_ink(colour) for _, colour in lines], fontsize=6.5, handlelength=0.7, handletextpad=0.3,
              columnspacing=0.7, borderpad=0.0, labelspacing=0.2, borderaxespad=0.2)  # fmt: skip


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
