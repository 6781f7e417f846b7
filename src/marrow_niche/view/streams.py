"""Clones of stem cells over time as streams whose width is their size (a fish plot)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.clones import Clones
from marrow_niche.quantities import words
from marrow_niche.view import events, panel, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

SHOWN = 24
"""So many clones are streams of their own; all others are one."""
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.AMBER, style.PURPLE, style.SKY)
OTHERS = "#d9dde2"


def streams(results: "Results", *, shown: int = SHOWN) -> "Figure | None":
    """The clones of stem cells that were largest at any time, each a stream; all others together in grey.

    Above: in cells of the piece, over rest; below: as shares of all stem cells, with the effective number of clones. None
    where the run recorded cells at fewer than two times, or without their clones. Raises RunError when a file is damaged.
    """
    from marrow_niche.analysis.clones import clones
    from marrow_niche.errors import RunError

    try:
        if "clone" not in results.cells(day=0.0) or "weight" not in results.cells(day=0.0):
            return None
    except RunError:
        return None
    found = clones(results)
    if len(found.day) < 2 or not found.size[0].sum() > 0:
        return None
    with style.styled():
        drawn = style.figure(7.6, 4.4, layout="constrained")
        top, low = drawn.subplots(2, 1, sharex=True, height_ratios=(1.25, 1.0))
        names, sizes = bundled(found, shown)
        rest = found.size[0].sum()
        others = len(names) - 1
        order = [
            *range(0, others, 2),
            others,
            *reversed(range(1, others, 2)),
        ]  # others in the middle, the largest outside
        look: dict[str, Any] = {
            "colors": [OTHERS if k == others else COLOURS[at % len(COLOURS)] for at, k in enumerate(order)]
        }
        look |= {"lw": 0.25, "edgecolor": "white"}
        top.stackplot(found.day, *(100 * sizes[k] / rest for k in order), baseline="sym", **look)
        whole = sizes.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(whole > 0, 100 * sizes / whole, 0.0)
        low.stackplot(found.day, *(shares[k] for k in order), **look)
        done = events.of_run(results)
        for ax in (top, low):
            panel.span(ax, found.day, done, named=ax is top)
        widest = float(100 * whole.max() / rest)
        top.set_ylim(-0.54 * widest, 0.54 * widest)
        top.set_yticks([])
        top.spines["left"].set_visible(False)
        left = top.get_xlim()[0]
        top.plot([left, left], [-50, 50], color=style.INK, lw=2.2, solid_capstyle="butt", clip_on=False)
        top.annotate("100 % of rest", (left, 0), xytext=(-6, 0), textcoords="offset points", rotation=90, ha="right",
                     va="center", fontsize=7.5, color=style.SOFT, annotation_clip=False)  # fmt: skip
        panel.head(top, "Stem cells by clone", "")
        panel.share_days([top, low], 1)
        low.set(ylim=(0, 100), ylabel="share of stem cells [%]", xlabel="day")
        first, last = (words.plain(found.effective[k]) for k in (0, -1))
        ends = f"effective number of clones {first} at rest, {last} at the end"
        low.text(0.0, 1.03, ends, transform=low.transAxes, fontsize=7.5, color=style.SOFT, va="bottom")
    return drawn


def bundled(found: Clones, shown: int) -> tuple[list[int], np.ndarray]:
    """The `shown` clones with the largest size at any time, largest first, and -1 for all others; their sizes (k, t)."""
    largest = found.size.max(axis=0)
    kept = np.argsort(-largest, kind="stable")[:shown]
    others = np.delete(found.size, kept, axis=1).sum(axis=1)
    return [*found.clone[kept].tolist(), -1], np.vstack([found.size[:, kept].T, others])
