"""The figure of a dose-response: the share of animals that die at each dose, and the curve through them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.analysis import lethality
from marrow_niche.view import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.AMBER, style.PURPLE, style.SKY)


def draw(found: dict[str, Any], path: Path) -> Path:
    """Draw what doses.json holds to a .png; returns its path. Raises RunError when the disk refuses."""
    with style.styled():
        made = figure(found)
    return style.save(made, path)


def figure(found: dict[str, Any]) -> "Figure":
    """Points: mean probability of death; lines: the fitted curves; bars on the line of one half: LD50 with its interval."""
    made = style.figure(5.0, 3.2, layout="constrained")
    axes = made.add_subplot(
        title=f"Death within {found['days']:g} days, {found['animals_per_dose']} animals a dose",
        xlabel="dose [Gy]",
        ylabel="share of animals that die",
        ylim=(-0.03, 1.03),
    )
    given = np.array(found["doses_Gy"], float)
    dose = np.linspace(0.9 * given.min(), 1.1 * given.max(), 300)
    axes.axhline(0.5, color=style.FAINT, linewidth=0.8)
    for arm, colour in zip(found["arms"], COLOURS * len(found["arms"])):
        axes.plot(given, arm["died"], "o", color=colour, markersize=4.5)
        label = arm["name"]
        if arm["LD50_Gy"] is not None:
            axes.plot(dose, lethality.share(dose, arm["LD50_Gy"], arm["width"], found["fit"]), color=colour)
            label += f", LD50 {arm['LD50_Gy']:.2f} Gy"
            low, high = arm["LD50_interval_Gy"]
            if low is not None and high is not None:
                axes.plot([low, high], [0.5, 0.5], color=colour, linewidth=4, alpha=0.35)
        axes.plot([], [], "o-", color=colour, markersize=4.5, label=label)
    axes.legend(loc="upper left")
    return made
