"""Measured blood counts laid over a run: one panel a count, and the misfit as a table."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.analysis.comparison import Compared, compare, misfit
from marrow_niche.errors import CountsError
from marrow_niche.quantities import words
from marrow_niche.record.atomic import write_text
from marrow_niche.record.counts import read_counts
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.results import Results, open_results
from marrow_niche.view import events, panel, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def lay_over(results: "Results | Path | str", table: Path | str, *, relative: bool = False) -> str:
    """Write compare.png and compare.csv into the directory of a run; returns the misfit in words, for the terminal.

    Parameters
    ----------
    results : Results or path
        A run, or its directory; finished or not.
    table : path
        Measured counts, see `record.counts`.
    relative : bool
        Both over their own first value.

    Raises RunError when the directory is no run, has recorded nothing, or cannot be written to; CountsError, with every
    mistake, when the table cannot be used.
    """
    run = results if isinstance(results, Results) else open_results(results)
    blood, place = run.blood, RunDirectory(run.directory)
    span = (float(blood["day"].iloc[0]), float(blood["day"].iloc[-1]))
    found = compare(blood, read_counts(table, known=[*blood.columns], span=span), relative=relative)
    if not any(each.judged.any() for each in found):
        why = "nothing is left to judge within the run: give values above zero" + (
            " on more than the first day, which --relative divides by." if relative else "."
        )
        raise CountsError(table, [why])
    numbers = misfit(found)
    write_text(place.compared, numbers.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    drawn = figure(found, blood["day"].to_numpy(), events.of_run(run))
    style.save(drawn, place.comparison)
    return "\n".join([*told(numbers, relative), "", f"Table:  {place.compared}", f"Figure: {place.comparison}"])


def told(numbers: "pd.DataFrame", relative: bool) -> list[str]:
    """The misfit as lines of a table, plain ASCII."""
    head = ("", "judged", "typical factor", "bias", "worst", "on day", "rms / sd")
    rows = [
        (
            _name(row["count"]),
            f"{row['judged']} of {row['measurements']}",
            *(_factor(row[name]) for name in ("typical_factor", "bias_factor", "worst_factor")),
            words.plain(row["worst_day"]),
            words.plain(row["rms_over_sd"], 2) if math.isfinite(row["rms_over_sd"]) else "-",
        )
        for row in numbers.to_dict("records")
    ]
    what = "model over measured" + (", both over their own first value" if relative else "")
    return [f"Factors are {what}; the typical one is exp(rms of ln ratio), never below 1.", "", *words.aligned([head, *rows])]


def figure(compared: Sequence[Compared], day: np.ndarray, done: Sequence[events.Event] = ()) -> "Figure":
    """The model as a line, measurements as points with their sd, the misfit below the title.

    Parameters
    ----------
    compared : sequence of Compared
    day : (t,)
        Recorded times [d] of `Compared.line`.
    done : sequence of Event
    """
    columns = 2 if len(compared) in (2, 4) else min(3, len(compared))
    with style.styled():
        drawn = style.figure(max(3.6, 2.55 * columns), 2.3 * math.ceil(len(compared) / columns) + 0.15, layout="constrained")
        axes = panel.grid(drawn, len(compared), columns)
        for place, (ax, each) in enumerate(zip(axes, compared, strict=True)):
            _panel(ax, each, day)
            panel.span(ax, day, done, named=place < columns)
        panel.share_days(axes, columns)
        _key(drawn)
    return drawn


def _key(drawn: "Figure") -> None:
    from matplotlib.lines import Line2D

    run = Line2D([], [], color=style.SOFT, lw=1.6, label="run")
    rings = Line2D([], [], ls="", marker="o", ms=3.6, mfc="white", mec=style.INK, label="measured, with its sd if given")
    drawn.legend(handles=[run, rings], loc="outside lower left", ncol=2, fontsize=7, frameon=False, labelcolor=style.SOFT)


def _panel(ax: "Axes", each: Compared, day: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter

    stem, unit = words.split_unit(each.column)
    scale, unit = (1.0, "over first") if each.baseline is not None else panel.SCALES.get(each.column, (1.0, unit))
    colour = style.SERIES.get(stem, style.BLUE)
    line, measured, sd = each.line / scale, each.measured / scale, each.sd / scale
    log = panel.by_decades(np.concatenate([line, measured]))
    if log:
        ax.set_yscale("log")
        line, shown = np.where(line > 0, line, np.nan), measured > 0
    else:
        shown = np.ones(len(measured), bool)
    ax.plot(day, line, color=colour, lw=1.6, zorder=2)
    whisker = np.where(np.isfinite(sd), sd, 0.0)
    below = np.minimum(whisker, 0.95 * measured) if log else whisker
    ax.errorbar(
        each.day[shown], measured[shown], yerr=np.stack([below, whisker])[:, shown], fmt="o", ms=3.6, mfc="white",
        mec=style.INK, mew=1.0, ecolor=style.SOFT, elinewidth=0.8, capsize=0, zorder=3,
    )  # fmt: skip
    if log:
        panel.plain_log(ax, [line, measured])
    else:
        top = float(np.nanmax(np.concatenate([line, measured + whisker])))
        ax.set_ylim(0, 1.15 * top if top > 0 else 1.0)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
    panel.head(ax, words.title(stem), unit)
    if each.judged.any():
        text = f"typically ×{words.plain(math.exp(each.rms))}, bias ×{words.plain(math.exp(each.bias))}"
        ax.text(1.0, 1.03, text, transform=ax.transAxes, fontsize=7, color=style.SOFT, ha="right", va="bottom")


def _name(column: str) -> str:
    stem, unit = words.split_unit(column)
    return f"{words.name(stem)} [{unit}]".replace("µ", "u") if unit else words.name(stem)


def _factor(value: float) -> str:
    return f"x{words.plain(value)}" if math.isfinite(value) else "-"
