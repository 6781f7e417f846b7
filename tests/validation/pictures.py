"""What the pictures of several cases share."""

import numpy as np

BLUE, ORANGE, GREEN, AMBER, PURPLE, SKY, INK = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#1c2733"
COLOURS = (BLUE, ORANGE, GREEN, AMBER, PURPLE, SKY)


def courses(axes, lines, points=(), bands=()):
    """Curves of the model (label, x, y), published points (label, x, y) in the colour of the same label, and published bands
    (x0, x1, y0, y1)."""
    colour = {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(dict.fromkeys(label for label, *_ in (*lines, *points)))}
    for label, x, y in lines:
        axes.plot(x, y, color=colour[label], label=label)
    alone = [label for label, *_ in points if label not in {name for name, *_ in lines}]
    for label, x, y in points:
        axes.plot(x, y, "o", color=colour[label], markersize=4, label=label if label in alone else None)
    if len(alone) < len(points):
        axes.plot([], [], "o", color=INK, markersize=4, label="published")
    for x0, x1, y0, y1 in bands:
        axes.fill_between([x0, x1], [y0, y0], [y1, y1], color="#b9c1ca", alpha=0.5, linewidth=0)
    axes.legend()


def beside(axes, labels, found, known, *, low=None, high=None):
    """Numbers of the model beside published ones, one row each; `low`, `high`: what is asked."""
    at = np.arange(len(labels))[::-1]
    if low is not None:
        axes.hlines(at, np.nan_to_num(low, neginf=0.0), high, color="#b9c1ca", linewidth=7, label="asked")
    if known is not None:
        axes.plot(known, at, "|", color=INK, markersize=12, markeredgewidth=2, label="published")
    axes.plot(found, at, "o", color=BLUE, label="package")
    axes.set_yticks(at, labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.legend()
