"""Curves against time: blood, hormones, the marrow and its niche. Each function returns a matplotlib Figure."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.published import Published
from marrow_niche.analysis.recovery import course
from marrow_niche.quantities import words
from marrow_niche.view import panel, style
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
        axes = panel.grid(drawn, len(columns), 3)
        day = table["day"].to_numpy()
        for place, (ax, column) in enumerate(zip(axes, columns, strict=True)):
            scale, unit = panel.SCALES.get(column, (1.0, words.split_unit(column)[1]))
            stem = words.split_unit(column)[0]
            value = table[column].to_numpy() / scale
            hormone = column in HORMONES
            colour = style.SOFT if hormone else style.SERIES.get(stem, style.BLUE)
            panel.series(ax, day, value, colour)
            panel.head(ax, words.title(stem), unit)
            panel.resting(ax, value)
            panel.span(ax, day, events, named=place < 3)
            if normal and column in normal:
                low, high = (bound / scale for bound in normal[column])
                ax.axhspan(low, high, color=style.GREEN, alpha=0.10, lw=0, zorder=0)
                if ax.get_yscale() == "linear":
                    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * high))
            for each in published:
                if each.column == column:
                    _published(ax, each, scale)
            found = course(day, value, (panel.RECOVERED,))
            if found is not None and not hormone and events:
                panel.mark_fall(ax, found, colour)
            elif found is not None and hormone and events and found.peak > 1.5 * found.start:
                times = f"×{words.plain(found.peak / found.start, 2)}"
                panel.note(ax, found.peak_day, found.peak, times, colour, above=True)
        panel.share_days(axes, 3)
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
        axes = panel.grid(drawn, len(panels), 3)
        for place, (ax, draw) in enumerate(zip(axes, panels, strict=True)):
            draw(ax, table)
            panel.span(ax, table["day"].to_numpy(), events, named=place < 3)
        panel.share_days(axes, 3)
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
            ax.text(0.97, y, text, color=panel.ink(colour), transform=ax.transAxes, ha="right", fontsize=8)
        panel.head(ax, "Distance to the nearest sinusoid wall", "")
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
    panel.head(ax, "Stem cells", "in the piece")


def _cellularity(ax: "Axes", table: "pd.DataFrame") -> None:
    _fallen(ax, table["day"].to_numpy(), 100 * table["cellularity"].to_numpy(), style.BLACK)
    panel.head(ax, "Cellularity", "% of rest")


def _fallen(ax: "Axes", day: np.ndarray, value: np.ndarray, colour: str) -> None:
    """A line with its resting level, nadir and recovery."""
    panel.series(ax, day, value, colour)
    panel.resting(ax, value)
    found = course(day, value, (panel.RECOVERED,))
    if found is not None:
        panel.mark_fall(ax, found, colour)


def _states(ax: "Axes", table: "pd.DataFrame") -> None:
    shown = {name: look for name, look in STATES.items() if name in table}
    for name, (_, colour) in shown.items():
        ax.plot(table["day"], 100 * table[name], color=colour)
    ax.set_ylim(0, max(5.0, ax.get_ylim()[1]))
    panel.head(ax, "Stem-cell state", "% of them")
    panel.key(ax, list(shown.values()))


def _progenitors(ax: "Axes", table: "pd.DataFrame") -> None:
    shown = [(name, colour) for name, colour in PROGENITORS if f"{name}_cells" in table]
    shown = [(name, colour) for name, colour in shown if table[f"{name}_cells"].iloc[0] > 0]
    shares = [100 * table[f"{name}_cells"].to_numpy() / table[f"{name}_cells"].iloc[0] for name, _ in shown]
    log = panel.by_decades(np.concatenate([*shares, [100.0]]))
    for share, (_, colour) in zip(shares, shown, strict=True):
        panel.series(ax, table["day"].to_numpy(), share, colour, log=log, width=1.3)
    panel.resting(ax, np.array([100.0]))
    panel.head(ax, "Progenitors", "% of rest")
    if log:
        panel.plain_log(ax, shares)
    else:
        ax.set_ylim(0, 1.15 * max(float(share.max()) for share in shares))
    panel.key(ax, shown, columns=3)


def _niche(ax: "Axes", table: "pd.DataFrame") -> None:
    shown = [(name, label, colour) for name, label, colour in NICHE if name in table]
    lines = [(label, colour) for _, label, colour in shown]
    if "fat_share" in table:
        ax.fill_between(table["day"], 100 * table["fat_share"], color="#f2dfa6", lw=0)
        lines.append(("fat, % of marrow", "#b8901d"))
    for name, _, colour in shown:
        ax.plot(table["day"], 100 * table[name], color=colour, lw=1.4)
    ax.set_ylim(0, 105 * max(1.0, *(table[name].max() for name, *_ in shown)))
    panel.head(ax, "Niche", "% intact")
    panel.key(ax, lines, columns=2)


def _clones(ax: "Axes", table: "pd.DataFrame") -> None:
    day, value = table["day"].to_numpy(), table["clones"].to_numpy()
    panel.series(ax, day, value, style.GREEN)
    panel.head(ax, "Clones of stem cells", "alive")
    if value[-1] < 0.5 * value[0]:
        panel.note(ax, day[-1], value[-1], words.plain(value[-1]), style.GREEN, above=True)
