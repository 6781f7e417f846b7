"""The marrow in 3D: bone cut open, sinusoids and arterioles, stem cells at their true number.

The pictures are rendered in a child process (`render_child`), so that no graphics driver can end a run; words, scale
and key are drawn around them here.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import MarrowError
from marrow_niche.quantities import words
from marrow_niche.record.directory import RunDirectory
from marrow_niche.view import style
from marrow_niche.view.probe import Probe, environment, probe
from marrow_niche.view.slices import length_text, round_length, telling_days

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

LARGE, MEDIUM, SMALL, WHOLE = (1360, 1030), (1040, 788), (720, 545), (150, 600)
"""Pixels of the first picture, of the others, and of the whole bone."""
SINUSOID, WASTED, ARTERIOLE, VEIN = "#d0786d", "#cdc9c3", "#d3141f", "#8d5a86"
QUIET, AWAKE, SENESCENT = "#17479e", "#f2b705", "#4a4a4a"
IVORY, GROUND = "#efe6d4", "#f7e6e1"
CHILD = ("-m", "marrow_niche.view.render_child")
TIMEOUT = 300.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture, or the reason why there is none."""

    drawn: "Figure | None" = None
    caption: str = ""
    """What is shown, how many stem cells of how many, what is drawn larger than it is."""
    message: str = ""
    """Why there is no picture, and what to do about it."""


class Rendering:
    """Pictures of the marrow at the telling days on their way, in a child process; `scene` waits for them.

    Use it as a context: `with Rendering(results) as begun: ...; found = begun.scene()`.

    Parameters
    ----------
    results : Results
        With vessels and fields.
    days : sequence of (day, name)
        `telling_days` by default.
    found : Probe, optional
        What `probe()` said; asked for by default.
    timeout : float
        Longest wait for all pictures [s].
    """

    def __init__(
        self,
        results: "Results",
        days: Sequence[tuple[float, str]] | None = None,
        *,
        found: Probe | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="marrow_niche-")
        self._children: list[subprocess.Popen[str]] = []
        self._pool = ThreadPoolExecutor(1)
        self._made = self._pool.submit(self._make, results, days, found, timeout)

    def _make(
        self, results: "Results", days: Sequence[tuple[float, str]] | None, found: Probe | None, timeout: float
    ) -> "tuple[dict[str, Any] | str, list[tuple[float, str]]]":
        """What the child says of its pictures, or why there are none; and the days."""
        days = list(telling_days(results) if days is None else days)
        if not days or not RunDirectory(results.directory).vessels.is_file():
            return "this run recorded no vessels to draw.", days
        found = probe() if found is None else found
        if not found.works:
            return found.message, days
        return _rendered(results, days, Path(self._folder.name), found, timeout, self._children), days

    def scene(self) -> Scene:
        """The marrow at the telling days; never raises for what goes wrong in rendering, but says so in `message`."""
        try:
            answer, days = self._made.result()
        except MarrowError as error:
            return Scene(message=str(error))
        if isinstance(answer, str):
            return Scene(message=answer)
        with style.styled():
            drawn = _composed(answer, days, Path(self._folder.name))
        return Scene(drawn=drawn, caption=_caption(answer, days))

    def __enter__(self) -> "Rendering":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        while kind is not None and not self._made.done():  # nobody waits for the pictures any more
            for child in self._children:
                child.kill()
            time.sleep(0.02)
        self._pool.shutdown()
        self._folder.cleanup()


def _rendered(
    results: "Results",
    days: list[tuple[float, str]],
    folder: Path,
    found: Probe,
    timeout: float,
    children: list["subprocess.Popen[str]"],
) -> dict[str, Any] | str:
    """What the child says of its pictures, which lie in `folder`; a text where it failed. It is noted in `children`."""
    job = {
        "directory": str(results.directory.resolve()),
        "answer": str(folder / "answer.json"),
        "pictures": [
            {"day": day, "size": size, **_margins(k, len(days)), "file": str(folder / f"{k}.png")}
            for k, ((day, _), size) in enumerate(zip(days, _sizes(len(days)), strict=True))
        ],
        "whole": {"size": WHOLE, "file": str(folder / "whole.png")},
        "colours": {
            "sinusoid": SINUSOID,
            "wasted": WASTED,
            "arteriole": ARTERIOLE,
            "vein": VEIN,
            "bone": IVORY,
            "quiet": QUIET,
            "awake": AWAKE,
            "senescent": SENESCENT,
            "here": style.VERMILION,
            "ground": GROUND,
        },
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, *CHILD, str(folder / "job.json")]
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(command, env=environment(found), stdout=pipe, stderr=pipe, text=True)
        children.append(child)
        _, said = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return f"the 3D picture took longer than {timeout:g} s and was given up. Try later: marrow-niche report DIR"
    except OSError as error:
        return f"the process that draws in 3D could not be started ({error.strerror})."
    if child.returncode != 0 or not (folder / "answer.json").is_file():
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        return f"the process that draws in 3D ended with code {child.returncode}: {last}"
    return json.loads((folder / "answer.json").read_text(encoding="utf-8"))


def _sizes(number: int) -> list[tuple[int, int]]:
    """Pixels of each picture: one or the first of three is large."""
    return [MEDIUM] * 2 if number == 2 else [LARGE, *[SMALL] * (number - 1)]


def _margins(k: int, number: int) -> dict[str, float]:
    """Shares of a picture's height kept free above for its title and below for the scale."""
    if number == 2:
        return {"head": 0.15, "foot": 0.09}
    return {"head": 0.21, "foot": 0.03} if k else {"head": 0.10, "foot": 0.08}


def _caption(answer: dict[str, Any], days: list[tuple[float, str]]) -> str:
    shown = words.listed(
        [f"{picture['shown']} on day {words.day(day)}" for picture, (day, _) in zip(answer["pictures"], days, strict=True)]
    )
    parts = [
        f"Stem cells are shown at their true number in what is drawn ({shown}), taken at random from the stored ones "
        f"with a fixed seed, {answer['enlarged']:.2g} times their size, and through what stands before them (paler)."
    ]
    if answer["slice"]:
        parts.insert(0, f"Slice of {answer['thickness_um']:g} µm, seen from above.")
    elif answer["cropped"]:
        parts.insert(0, "The middle of the piece only, for clarity.")
    parts.append("Sinusoids pale to grey where they have lost their integrity.")
    return " ".join(parts)


def _composed(answer: dict[str, Any], days: list[tuple[float, str]], folder: Path) -> "Figure":
    """The first day large, the others beside it, key and whole bone below."""
    from matplotlib.image import imread

    wide, foot = 7.6, 0.34
    images = [imread(folder / f"{k}.png") for k in range(len(days))]
    large = wide if len(days) == 1 else 0.5 * wide if len(days) == 2 else 5.0
    tall = large * LARGE[1] / LARGE[0]
    drawn = style.figure(wide, tall + foot)
    height = drawn.get_figheight()
    boxes = [(0.0, foot / height, large / wide, tall / height)]
    beside, rows = 1 - large / wide, max(1, len(days) - 1)
    for k in range(len(days) - 1):
        boxes.append((large / wide, (foot + tall * (rows - 1 - k) / rows) / height, beside, tall / rows / height))
    for k, (box, image, (day, called)) in enumerate(zip(boxes, images, days, strict=True)):
        ax = drawn.add_axes(box)
        ax.imshow(image, interpolation="antialiased")
        ax.set_axis_off()
        cells = answer["pictures"][k]["shown"]
        under = f"{called}: " * bool(called) + f"{cells} stem cell{'s' * (cells != 1)}"
        corner: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
        ax.annotate(f"day {words.day(day)}", (0, 1), xytext=(6, -4), fontsize=9, weight="bold", **corner)
        ax.annotate(under, (0, 1), xytext=(6, -17), fontsize=7.5, color=style.SOFT, **corner)
        if k == 0:
            _bar(ax, answer["pictures"][0]["um_per_pixel"], image.shape)
            _axes_cross(ax, answer["axes"], image.shape)
    if answer["whole"]:
        whole = imread(folder / "whole.png")
        size = 0.27 * large / wide, 0.27 * large * WHOLE[0] / WHOLE[1] / height
        ax = drawn.add_axes((0.99 * large / wide - size[0], 1.0 - size[1] - 0.05 / height, *size))
        ax.imshow(np.rot90(whole, -1), interpolation="antialiased")
        ax.set_axis_off()
    _key(drawn, answer, 0.5 * foot / height)
    return drawn


def _bar(ax: "Axes", um_per_pixel: float, shape: tuple[int, ...]) -> None:
    length = round_length(0.25 * shape[1] * um_per_pixel)
    x, y = 0.02 * shape[1], 0.965 * shape[0]
    ax.plot([x, x + length / um_per_pixel], [y, y], color=style.INK, lw=2.2, solid_capstyle="butt")
    ax.text(x, y - 0.012 * shape[0], length_text(length), fontsize=7.5, va="bottom", color=style.INK)


def _axes_cross(ax: "Axes", axes: dict[str, list[float]], shape: tuple[int, ...]) -> None:
    """The bone's own x, y and z as the picture sees them."""
    size = 0.045 * shape[1]
    x0, y0 = 0.91 * shape[1], 0.93 * shape[0]
    arrow = {"arrowstyle": "-|>", "color": style.SOFT, "lw": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
    for name, (right, up) in axes.items():
        if np.hypot(right, up) < 0.12:
            continue
        x, y = x0 + size * right, y0 - size * up
        ax.annotate("", (x, y), (x0, y0), arrowprops=arrow)
        beyond = x0 + 1.35 * size * right, y0 - 1.35 * size * up
        ax.text(*beyond, name, fontsize=7, color=style.SOFT, ha="center", va="center")


def _key(drawn: "Figure", answer: dict[str, Any], y: float) -> None:
    """One line of dots and names at the foot."""
    from matplotlib.lines import Line2D

    entries = [
        (name, colour, marker)
        for name, colour, marker in (
            ("stem cell, quiescent", QUIET, "o"),
            ("cycling", AWAKE, "o"),
            ("senescent", SENESCENT, "o"),
            ("sinusoid", SINUSOID, "s"),
            ("sinusoid, integrity lost", WASTED, "s"),
            ("arteriole", ARTERIOLE, "s"),
            ("central vein", VEIN, "s"),
            ("bone, cut open", IVORY, "s"),
        )
        if name != "central vein" or answer["vein"]
    ]
    handles = [
        Line2D([], [], ls="", marker=marker, color=colour, mec=style.FAINT if colour == IVORY else colour, ms=4.5)
        for _, colour, marker in entries
    ]
    drawn.legend(
        handles,
        [name for name, *_ in entries],
        loc="center",
        bbox_to_anchor=(0.5, y),
        ncol=len(entries),
        fontsize=6.3,
        handletextpad=0.1,
        columnspacing=0.9,
        borderpad=0.0,
        labelcolor=style.SOFT,
    )
