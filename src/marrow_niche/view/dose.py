"""Where a dose fell: on the plane that shows most marrow, and how much of the marrow received how much."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.quantities import words
from marrow_niche.view import slices, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

FIELD = "dose_Gy"
"""The field of the dose so far; recorded where it differs from place to place."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """What the marrow had received by `day` [d]: the doses of its voxels, sorted, (n,) [Gy], and the `mean` over the marrow
    outside vessels [Gy]."""

    day: float
    doses: np.ndarray
    mean: float

    @property
    def least(self) -> float:
        """The least dose of a voxel [Gy]."""
        return float(self.doses[0])

    @property
    def greatest(self) -> float:
        """The greatest dose of a voxel [Gy]."""
        return float(self.doses[-1])

    def share_above(self, dose: np.ndarray) -> np.ndarray:
        """Share of the voxels that received at least `dose` (k,) [Gy], (k,)."""
        return 1.0 - np.searchsorted(self.doses, dose, side="left") / self.doses.size


def received(results: "Results") -> Received | None:
    """What fell by the last record; None where the dose was the same everywhere, or nothing fell.

    Raises RunError when a file of the run is damaged.
    """
    if FIELD not in results.fields:
        return None
    field = results.field(FIELD)
    values = field.isel(time=-1).to_numpy()
    doses = np.sort(values[np.isfinite(values)].astype(float))
    if not doses.size or not doses[-1] > 0.0:
        return None
    table = results.marrow
    mean = float(table[FIELD].iloc[-1]) if FIELD in table and len(table) else float(doses.mean())
    return Received(day=float(field["time"][-1]), doses=doses, mean=mean)


def told(found: Received) -> str:
    """The doses in a sentence."""
    half = words.plain(float(np.median(found.doses)), 3)
    spared = found.doses.searchsorted(0.0, side="right") / found.doses.size
    none = f" {words.percent(spared)} of the marrow received none." if spared > 0.0 else ""
    return (
        f"By day {words.day(found.day)} the marrow had received {words.plain(found.mean, 3)} Gy in the mean, from "
        f"{words.plain(found.least, 3)} to {words.plain(found.greatest, 3)} Gy; half of it at least {half} Gy.{none}"
    )


def figure(results: "Results") -> "Figure | None":
    """The dose on a plane at the last record, and its dose-volume histogram; None where `received` is.

    Raises RunError when a file of the run is damaged.
    """
    found = received(results)
    if found is None:
        return None
    with style.styled():
        drawn = style.figure(7.6, 2.7, layout="constrained")
        left, right = drawn.subplots(1, 2, width_ratios=(1.25, 1.0))
        _plane(left, results, found)
        _histogram(right, found)
    return drawn


def _plane(ax: "Axes", results: "Results", found: Received) -> None:
    """The dose in the plane that shows most marrow, in colours from nought."""
    shown, ground, spacing = slices.cut(results, FIELD)
    ax.imshow(ground, origin="lower", interpolation="nearest")
    image = ax.imshow(
        np.ma.masked_invalid(shown), vmin=0.0, vmax=found.greatest, cmap="inferno", origin="lower", interpolation="nearest"
    )
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, aspect=28, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=6.5)
    across = shown.shape[1] * spacing
    length = slices.round_length(0.3 * across)
    ax.plot([0.0, length / spacing], [-0.05 * shown.shape[0]] * 2, color=style.INK, lw=1.8, clip_on=False)
    ax.text(length / spacing, -0.05 * shown.shape[0], f"  {slices.length_text(length)}", fontsize=6.5, va="center")
    ax.set_axis_off()
    ax.set_anchor("W")
    ax.set_title(f"Dose by day {words.day(found.day)} [Gy]", pad=6)


def _histogram(ax: "Axes", found: Received) -> None:
    """Share of the marrow over the dose it received at least, with the mean."""
    at = np.linspace(0.0, 1.04 * found.greatest, 500)
    share = 100 * found.share_above(at)
    ax.fill_between(at, share, color="#f3e3d3", lw=0)
    ax.plot(at, share, color=style.VERMILION)
    ax.axvline(found.mean, color=style.SOFT, lw=0.9, ls=(0, (4, 3)))
    late = found.mean > 0.6 * found.greatest
    ax.text(
        found.mean, 99.0, f" mean {words.plain(found.mean, 3)} Gy ", fontsize=7.5, color=style.SOFT,
        ha="right" if late else "left", va="top",
    )  # fmt: skip
    ax.set(xlim=(0.0, at[-1]), ylim=(0, 103), xlabel="dose [Gy]", ylabel="share of marrow that received it [%]")
    ax.set_title("Dose-volume histogram", pad=6)
