"""Words round pictures: title, days, scale bar, axes, colour bars and keys, each in a place of its own.

A page is `WIDE` by `HIGH` inches in its shape and of as many pixels as are asked for, so that letters grow with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.quantities import words
from marrow_niche.view.shooting import Shot
from marrow_niche.view.slices import length_text, round_length
from marrow_niche.view.stage import Scale
from marrow_niche.view.theme import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

WIDE, HIGH = 12.8, 7.2
MARGIN, HEAD, FOOT, STRIP, GAP = 0.28, 0.80, 1.12, 0.34, 0.16
"""Kept free at the sides, above for the title, below for bars and keys, above each of several pictures, between them [inch]."""
LOOSE = 1.08
"""How high the middle of a picture is that its head stands over, against the height of what it shows."""
BAR = 4.2
"""Width of a colour bar where there is room [inch]."""
LEFT = 3.0
"""Of the foot, for scale bar and axes [inch]."""
TITLE, TEXT, SMALL = 17.0, 12.0, 10.5
"""Sizes of letters [points]."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A colour bar."""

    title: str
    scale: Scale
    beyond: bool = False
    """Whether much lies beyond its upper end."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """Names of colours."""

    title: str
    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """All that is said on a page."""

    title: str
    under: str
    heads: tuple[str, ...]
    """One a picture."""
    foot: tuple[Bar | Key, ...]
    note: str = ""
    axes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The bone's x, y and z as the pictures see them: shares to the right and up."""


def dots(size: tuple[int, int]) -> float:
    """Pixels an inch of a page of (wide, high) pixels."""
    return min(size[0] / WIDE, size[1] / HIGH)


def places(number: int, size: tuple[int, int], aspect: float) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height [pixels] of each picture, side by side or one below the other: where they are larger.

    Parameters
    ----------
    number : int
    size : (wide, high)
        Of the page [pixels].
    aspect : float
        Width over height of what is shown.
    """
    dpi = dots(size)
    wide, high = size[0] - 2 * MARGIN * dpi, size[1] - (HEAD + FOOT) * dpi
    strip = STRIP * dpi if number > 1 else 0.0
    best: tuple[float, int, float, float] | None = None
    for columns in {1, number}:
        rows = number // columns
        each = (wide - (columns - 1) * GAP * dpi) / columns, (high - (rows - 1) * GAP * dpi) / rows - strip
        shown = min(each[0], each[1] * aspect)
        if min(each) >= 8 and (best is None or shown > best[0] * 1.001):
            best = (shown, columns, *each)
    if best is None:
        return []
    _, columns, each_wide, each_high = best
    found = []
    for k in range(number):
        row, column = divmod(k, columns)
        left = MARGIN * dpi + column * (each_wide + GAP * dpi)
        top = HEAD * dpi + row * (each_high + strip + GAP * dpi) + strip
        found.append((round(left), round(top), int(each_wide), int(each_high)))
    return found


def page(size: tuple[int, int], theme: Theme) -> "Figure":
    """An empty page of (wide, high) pixels."""
    from matplotlib.figure import Figure

    dpi = dots(size)
    return Figure(figsize=(size[0] / dpi, size[1] / dpi), dpi=dpi, facecolor=theme.page)


def compose(sheet: Sheet, pictures: Sequence[Shot], size: tuple[int, int], theme: Theme, aspect: float) -> "Figure":
    """A page with pictures of the sizes of `places`; drawn within `style.styled`."""
    drawn = page(size, theme)
    for shot, place in zip(pictures, places(len(pictures), size, aspect), strict=True):
        ax = drawn.add_axes(_box(place, size))
        ax.imshow(shot.picture, interpolation="nearest", aspect="auto")
        ax.set_axis_off()
    label(drawn, sheet, size, theme, aspect, pictures[0].um_per_pixel)
    return drawn


def label(drawn: "Figure", sheet: Sheet, size: tuple[int, int], theme: Theme, aspect: float, um_per_pixel: float) -> None:
    """Title, heads, scale bar, axes, bars and keys, and the note."""
    dpi = dots(size)
    inches = size[0] / dpi, size[1] / dpi
    x, top = MARGIN / inches[0], 1 - 0.17 / inches[1]
    across = (inches[0] - 2 * MARGIN) * dpi
    _fit(drawn.text(x, top, sheet.title, fontsize=TITLE, weight="bold", va="top", color=theme.ink), across)
    _fit(drawn.text(x, 1 - 0.52 / inches[1], sheet.under, fontsize=SMALL, va="top", color=theme.soft), across)
    boxes = places(len(sheet.heads), size, aspect)
    longest = max(map(len, sheet.heads))
    letters = min(TEXT, 72.0 * boxes[0][2] / dpi / (0.62 * max(longest, 1)))
    for head, box in zip(sheet.heads, boxes, strict=True):
        if head:
            free = 0.5 * max(0.0, box[3] - LOOSE * box[2] / aspect)
            above = 1 - (box[1] + free - 0.08 * dpi) / size[1]
            drawn.text(box[0] / size[0], above, head, fontsize=letters, weight="bold", va="bottom", color=theme.ink)
    if sheet.note:
        _fit(drawn.text(x, 0.12 / inches[1], sheet.note, fontsize=SMALL - 1.5, va="bottom", color=theme.soft), across)
    _scale_bar(drawn, um_per_pixel * dpi, inches, theme)
    _axes_cross(drawn, sheet.axes, inches, theme)
    room, left = inches[0] - LEFT - MARGIN, LEFT
    asked = [BAR + 0.5 if isinstance(what, Bar) else key_width(what) + 0.3 for what in sheet.foot]
    share = min(1.0, room / max(sum(asked), 1e-9))
    for what, wide in zip(sheet.foot, asked):
        if isinstance(what, Bar):
            _colour_bar(drawn, what, left, wide * share - 0.5, inches, theme)
        else:
            _key(drawn, what, left, wide * share - 0.3 * share, inches, theme)
        left += wide * share


def _fit(line: "Text", room: float) -> None:
    """Smaller letters where a line of words is wider than its room [pixels]; hinted letters need more than one step."""
    for _ in range(5):
        wide = line.get_window_extent().width
        if wide <= room:
            return
        line.set_fontsize(0.98 * float(line.get_fontsize()) * room / wide)


def _box(place: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, top, wide, high = place
    return left / size[0], 1 - (top + high) / size[1], wide / size[0], high / size[1]


def _scale_bar(drawn: "Figure", um_per_inch: float, inches: tuple[float, float], theme: Theme) -> None:
    from matplotlib.lines import Line2D

    length = round_length(1.6 * um_per_inch)
    left, y = MARGIN / inches[0], 0.52 / inches[1]
    right = left + length / um_per_inch / inches[0]
    drawn.add_artist(Line2D([left, right], [y, y], color=theme.ink, lw=3.2, solid_capstyle="butt"))
    drawn.text(left, y + 0.07 / inches[1], length_text(length), fontsize=TEXT, va="bottom", color=theme.ink)


def _axes_cross(drawn: "Figure", axes: dict[str, tuple[float, float]], inches: tuple[float, float], theme: Theme) -> None:
    from matplotlib.patches import FancyArrowPatch

    x0, y0, long = 2.35, 0.62, 0.27
    for name, (right, up) in axes.items():
        if np.hypot(right, up) < 0.2:
            continue
        way = np.array([right, up])
        end, beyond = np.array([x0, y0]) + long * way, np.array([x0, y0]) + long * way + 0.11 * way / np.linalg.norm(way)
        scaled = [(x / inches[0], y / inches[1]) for x, y in ((x0, y0), end, beyond)]
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0, "lw": 1.3}
        drawn.add_artist(FancyArrowPatch(*scaled[:2], color=theme.soft, transform=drawn.transFigure, **arrow))
        drawn.text(*scaled[2], name, fontsize=SMALL, color=theme.soft, ha="center", va="center")


def _colour_bar(drawn: "Figure", bar: Bar, left: float, wide: float, inches: tuple[float, float], theme: Theme) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    scale = bar.scale
    norm = LogNorm(scale.low, scale.high) if scale.log else Normalize(scale.low, scale.high)
    ax = drawn.add_axes((left / inches[0], 0.55 / inches[1], wide / inches[0], 0.17 / inches[1]))
    arrow: dict[str, Any] = {"extend": "max", "extendfrac": 0.04} if bar.beyond else {}
    colours = drawn.colorbar(ScalarMappable(norm, scale.colours), cax=ax, orientation="horizontal", **arrow)
    colours.outline.set_visible(False)
    ax.xaxis.set_major_locator(FixedLocator(ticks(scale)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
    ax.tick_params(length=3, labelsize=SMALL, pad=2, color=theme.soft, labelcolor=theme.soft)
    drawn.text(left / inches[0], 0.79 / inches[1], bar.title, fontsize=TEXT, va="bottom", color=theme.ink)


def ticks(scale: Scale) -> list[float]:
    """A few round values within a scale, and no two so close that their labels touch."""
    if scale.log:
        powers = range(int(np.floor(np.log10(scale.low))), int(np.ceil(np.log10(scale.high))) + 1)
        for steps in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
            found = [step * 10.0**power for power in powers for step in steps]
            found = [value for value in found if scale.low * 0.999 <= value <= scale.high * 1.001]
            if len(found) <= 7:
                return found
        return found[:: -(-len(found) // 7)]
    from matplotlib.ticker import MaxNLocator

    edge, even = 1e-9 * (scale.high - scale.low), MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])
    return [float(value) for value in even.tick_values(scale.low, scale.high) if scale.low - edge <= value <= scale.high + edge]


def key_width(key: Key) -> float:
    """What a key of two lines takes at its full size [inch]."""
    pairs = [key.entries[k : k + 2] for k in range(0, len(key.entries), 2)]
    return sum(0.56 * SMALL / 72 * max(len(name) for name, _ in pair) + 0.40 for pair in pairs)


def _key(drawn: "Figure", key: Key, left: float, wide: float, inches: tuple[float, float], theme: Theme) -> None:
    """Dots and names in two lines at most, as many columns as that takes."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="", marker="o", color=colour, mec=theme.faint, mew=0.5, ms=8) for _, colour in key.entries]
    options: dict[str, Any] = {"handletextpad": 0.15, "columnspacing": 0.9, "borderpad": 0, "labelspacing": 0.35}
    options["frameon"] = False
    size, columns = SMALL * min(1.0, wide / key_width(key)), -(-len(key.entries) // 2)
    drawn.text(left / inches[0], 0.79 / inches[1], key.title, fontsize=TEXT, va="bottom", color=theme.ink)
    legend = drawn.legend(
        handles, [name for name, _ in key.entries], loc="upper left", ncol=columns, fontsize=size, labelcolor=theme.soft,
        bbox_to_anchor=(left / inches[0], 0.76 / inches[1]), bbox_transform=drawn.transFigure, **options,
    )  # fmt: skip
    drawn.add_artist(legend)
