"""How figures look: colours the colour-blind tell apart, sizes for a page 18 cm wide, no more ink than is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marrow_niche.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, SOFT, FAINT = "#1c2733", "#5f6b78", "#b9c1ca"
"""Text and axes; second text; lines that stand behind."""
BLUE, SKY, GREEN, AMBER, VERMILION, PURPLE, BLACK = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#333333",
)
"""Okabe and Ito's palette."""
EVENT = "#7a3fa0"
BONE, LUMEN, FAT = "#cfcbc2", "#f4e3e0", "#f5e6a8"
SERIES = {
    "neutrophils": BLUE,
    "lymphocytes": GREEN,
    "platelets": AMBER,
    "haemoglobin": VERMILION,
    "red_cells": VERMILION,
    "reticulocytes": PURPLE,
    "monocytes": SKY,
}
DPI = 200
_LEFT_ALONE = ("backend", "interactive", "toolbar", "webagg", "timezone", "docstring")

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": FAINT,
    "axes.titlecolor": INK,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "ytick.minor.size": 1.5,
    "xtick.minor.size": 0.0,
    "ytick.minor.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "mathtext.default": "regular",
    "axes.unicode_minus": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in the house's style, leaving the caller's own settings alone."""
    import matplotlib

    settings: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith(_LEFT_ALONE)}
    with matplotlib.rc_context(settings | _RC):
        yield


def figure(width: float, height: float, **options: Any) -> "Figure":
    """An empty figure [inch] that belongs to nobody: no window, no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, **options)


def save(drawn: "Figure", path: Path) -> Path:
    """Write a figure as a .png whose bytes depend on what it shows alone. Raises RunError when the disk refuses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with styled():
            drawn.savefig(path, dpi=DPI, metadata={"Software": None})
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). Is the disk full or read-only?") from error
    return path
