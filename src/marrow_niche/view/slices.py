"""Cytokines on a plane through the middle of the piece, before, at the nadir and at the end."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis.recovery import course
from marrow_niche.quantities import words
from marrow_niche.view import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

OUTSIDE, BONE, MARROW, LUMEN, FAT = 0, 1, 2, 3, 4
DECADE = 8.0
"""A field that spans more than this factor is coloured by its logarithm."""
SHARES = {"cellularity": "× rest", "vessel_integrity": "share", "fat_share": "share"}
"""Fields without a unit, coloured from zero."""
ELSEWHERE = ("dose_Gy",)
"""Fields with a picture of their own."""
TRIM = 0.001
"""Share of the values beyond each end of the colours: a single voxel does not set them."""
HEAD, FOOT, GAP = 0.50, 0.34, 0.22
"""Space above, below and between the rows [inch]."""
WIDTH, BLOCKS = 7.6, 2


def telling_days(results: "Results") -> list[tuple[float, str]]:
    """The days worth a picture, each with its name: the first, that of the nadir, the last; fewer where they are one.

    The nadir is that of neutrophils; where they did not fall, that of cellularity; where nothing fell, there is none.
    """
    days = results.days
    if not len(days):
        return []
    found = [(float(days[0]), "at rest" if len(days) > 1 else "")]
    for table, column, called in (
        (results.blood, "neutrophils_per_uL", "fewest neutrophils"),
        (results.marrow, "cellularity", "emptiest marrow"),
    ):
        fall = course(table["day"].to_numpy(), table[column].to_numpy()) if column in table else None
        if fall is not None and fall.fell:
            found.append((fall.nadir_day, called))
            break
    last = float(days[-1])
    if last > found[-1][0]:
        found.append((last, "at the end"))
    return found


def slices(results: "Results", days: Sequence[tuple[float, str]] | None = None) -> "Figure | None":
    """Every recorded field at the telling days, in the plane that shows most marrow; None where none are recorded.

    The colours of one field mean the same at all days; they span the values of the marrow in the plane, but for the
    outermost thousandth at each end.

    Parameters
    ----------
    results : Results
        Raises RunError when a file of it is damaged.
    days : sequence of (day, name)
        `telling_days` by default.
    """
    days = telling_days(results) if days is None else days
    fields = [name for name in results.fields if name not in ELSEWHERE]
    if not fields or not days:
        return None
    axis, index = plane(results.tissue)
    tissue, turned = _upright(np.take(results.tissue, index, axis=axis))
    rows, columns = _window(tissue)
    tissue = tissue[rows, columns]
    with style.styled():
        blocks = BLOCKS if len(fields) > 3 else 1
        height = math.ceil(len(fields) / blocks)
        each = (WIDTH / blocks - 0.62) / max(len(days), 2)
        tall = each * tissue.shape[0] / tissue.shape[1]
        drawn = style.figure(WIDTH, height * (tall + GAP) + HEAD + FOOT - GAP)
        for number, name in enumerate(fields):
            block, row = divmod(number, height)
            values = []
            for day, _ in days:
                whole = results.field(name, day).isel({"zyx"[axis]: index}).to_numpy()
                values.append((whole.T if turned else whole)[rows, columns])
            top = 1.0 - (HEAD + row * (tall + GAP)) / drawn.get_figheight()
            left = (block * WIDTH / blocks + 0.06) / WIDTH
            size = each / WIDTH, tall / drawn.get_figheight()
            heads = days if row == 0 else ()
            unit = results.fields[name]
            stem = name.removesuffix("_" + unit) if unit else name
            _row(drawn, values, tissue, (left, top), size, words.title(stem), unit or SHARES.get(stem, ""), stem, heads)
        _scale(drawn, results.spacing, tissue.shape[1], each)
    return drawn


def plane(tissue: np.ndarray) -> tuple[int, int]:
    """The middle plane with the most marrow: its axis (0, 1, 2 for z, y, x) and index in (nz, ny, nx) `tissue`."""
    marrow = tissue == MARROW
    found = []
    for axis in range(3):
        along = np.flatnonzero(marrow.any(axis=tuple({0, 1, 2} - {axis})))
        index = int(along[len(along) // 2]) if along.size else tissue.shape[axis] // 2
        found.append((int(np.take(marrow, index, axis=axis).sum()), -axis, index))
    _, axis, index = max(found)
    return -axis, index


def cut(results: "Results", name: str) -> tuple[np.ndarray, np.ndarray, float]:
    """The field `name` at the last record in `plane`, (rows, columns), the tissue under it in colours, (rows, columns, 3), and
    the edge of a voxel [um]. Raises RunError when a file of the run is damaged."""
    axis, index = plane(results.tissue)
    tissue, turned = _upright(np.take(results.tissue, index, axis=axis))
    rows, columns = _window(tissue)
    whole = results.field(name).isel({"time": -1, "zyx"[axis]: index}).to_numpy()
    return (whole.T if turned else whole)[rows, columns], _ground(tissue[rows, columns]), results.spacing


def _upright(cut: np.ndarray) -> tuple[np.ndarray, bool]:
    """The plane with its longer side across the page, and whether it was turned for that."""
    turned = cut.shape[0] > cut.shape[1]
    return (cut.T if turned else cut), turned


def _window(tissue: np.ndarray) -> tuple[slice, slice]:
    inside = tissue != OUTSIDE
    spans = []
    for axis in (1, 0):
        where = np.flatnonzero(inside.any(axis=axis))
        spans.append(slice(int(where[0]), int(where[-1]) + 1) if where.size else slice(None))
    return spans[0], spans[1]


def _row(
    drawn: "Figure",
    values: list[np.ndarray],
    tissue: np.ndarray,
    corner: tuple[float, float],
    size: tuple[float, float],
    title: str,
    unit: str,
    stem: str,
    heads: Sequence[tuple[float, str]],
) -> None:
    """One field: its days beside each other, and the colours they share."""
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    good = np.concatenate([value[np.isfinite(value)] for value in values])
    low, high = (float(x) for x in np.quantile(good, (TRIM, 1 - TRIM))) if good.size else (0.0, 1.0)
    log = stem not in SHARES and low > 0 and high > DECADE * low
    if stem in SHARES:
        low = 0.0
    if stem == "vessel_integrity":
        high = max(high, 1.0)
    if not high > low:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    norm = LogNorm(low, high) if log else Normalize(low, high)
    ground = _ground(tissue)
    image: Any = None
    (left, top), (wide, tall) = corner, size
    for k, value in enumerate(values):
        ax = drawn.add_axes((left + 1.03 * wide * k, top - tall, wide, tall))
        ax.imshow(ground, origin="lower", interpolation="nearest")
        image = ax.imshow(
            np.ma.masked_invalid(value),
            norm=norm,
            cmap="cividis" if stem in SHARES else "viridis",
            origin="lower",
            interpolation="nearest",
        )
        ax.set_axis_off()
    for k, (day, called) in enumerate(heads):
        x = left + wide * (1.03 * k + 0.5)
        for text, above, bold in ((f"day {words.day(day)}", 0.31, "bold"), (called, 0.20, "normal")):
            drawn.text(
                x, top + above / drawn.get_figheight(), text, fontsize=6.5, color=style.SOFT, ha="center", weight=bold
            )
    drawn.text(left, top + 0.03 / drawn.get_figheight(), title, fontsize=8, weight="bold", va="bottom")
    bar = drawn.add_axes((left + 1.03 * wide * len(values) + 0.006, top - 0.92 * tall, 0.008, 0.84 * tall))
    colours = drawn.colorbar(image, cax=bar)
    colours.outline.set_visible(False)
    bar.tick_params(length=2, labelsize=6, pad=1.5)
    if log:
        subs = (1.0, 2.0, 5.0) if high < 60 * low else (1.0,)
        bar.yaxis.set_major_locator(LogLocator(subs=subs, numticks=6))
        bar.yaxis.set_minor_formatter(NullFormatter())
        bar.yaxis.set_minor_locator(NullLocator())
    else:
        bar.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    bar.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.plain(value)))
    drawn.text(
        left + 1.03 * wide * len(values) + 0.006,
        top + 0.03 / drawn.get_figheight(),
        unit,
        fontsize=7,
        color=style.SOFT,
        va="bottom",
    )


def _ground(tissue: np.ndarray) -> np.ndarray:
    """Bone grey, lumen pale, fat yellow, the rest white; (rows, columns, 3)."""
    from matplotlib.colors import to_rgb

    colours = np.ones((256, 3))
    colours[BONE], colours[LUMEN] = to_rgb(style.BONE), to_rgb(style.LUMEN)
    colours[FAT] = to_rgb(style.FAT)
    return colours[tissue]


def round_length(longest: float) -> float:
    """The greatest of 1, 2, 5 times a power of ten that is not above `longest` [um]."""
    power = 10.0 ** math.floor(math.log10(longest))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= longest * (1 + 1e-9))


def length_text(length: float) -> str:
    """A length [um] as text: 200, "200 µm"; 2000, "2 mm"."""
    return f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"


def _scale(drawn: "Figure", spacing: float, across: int, each: float) -> None:
    """A bar at the foot of the page; `each` [inch] is the width of a picture, `across` its voxels."""
    from matplotlib.lines import Line2D

    length = round_length(0.4 * across * spacing)
    wide, left, y = length / (across * spacing) * each / WIDTH, 0.06 / WIDTH, 0.14 / drawn.get_figheight()
    drawn.add_artist(Line2D([left, left + wide], [y, y], color=style.INK, lw=1.8, solid_capstyle="butt"))
    drawn.text(left + wide + 0.06 / WIDTH, y, length_text(length), fontsize=6.5, va="center", color=style.INK)
    note = "grey: bone; white: vessel lumen. Within a row, one colour is one value at all times."
    drawn.text(1.0 - 0.06 / WIDTH, y, note, fontsize=6.5, va="center", ha="right", color=style.SOFT)
