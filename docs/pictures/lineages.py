"""Remake the picture of docs/lineages.md: python docs/pictures/lineages.py RUN

RUN is a slice, examples/slice_6gy.toml run for 16 days. The picture goes to docs/images/lineages.png.
"""

import sys
from pathlib import Path

import numpy as np

from marrow_niche import open_results
from marrow_niche.analysis import genealogy

IMAGE = Path(__file__).parents[1] / "images" / "lineages.png"
WIDE = 3000.0
"""Of the slice, from where it holds most [um]."""
SHORT = 300.0
"""Branches that are longer went through the blood and are left out [um]."""


def draw(results, forest, path):
    """The clones of a slice: tissue in grey, branches and cells by clone, a ring where each founder stood."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    shape, h, low = results.tissue.shape[::-1], results.spacing, results.origin
    along, across = sorted(np.flatnonzero(np.array(shape) > 1), key=lambda axis: -shape[axis])
    tissue = np.moveaxis(results.tissue, (2 - across, 2 - along), (0, 1))[:, :, 0]
    box = np.array([[low[a], low[a] + h * shape[a]] for a in (along, across)])
    leaf, founder = np.arange(len(forest.parent)) < forest.leaves, forest.parent < 0
    x, y = forest.position[:, along], forest.position[:, across]
    begin = max(np.arange(*(box[0] - [0, WIDE]), WIDE / 12), key=lambda b: ((x[leaf] > b) & (x[leaf] < b + WIDE)).sum())

    shades = plt.colormaps["tab10"](np.random.default_rng(1).permutation(len(np.unique(forest.clone))) % 10)
    colour = shades[np.unique(forest.clone, return_inverse=True)[1]]
    lines = genealogy.lines(forest)
    ends = lines["nodes"][:, [along, across]][lines["edges"]]
    near = lines["arrays"]["length_um"] < SHORT
    of_line = shades[np.searchsorted(np.unique(forest.clone), lines["arrays"]["clone"])]

    figure, axes = plt.subplots(figsize=(9, 4.6), layout="constrained")
    axes.imshow(
        tissue,
        origin="lower",
        extent=box.ravel(),
        cmap=ListedColormap(["white", "#d9d2c3", "#f7f3ee", "#efd9d6"]),
        vmin=0,
        vmax=3,
        interpolation="nearest",
    )
    axes.add_collection(LineCollection(ends[near], colors=of_line[near], linewidths=1))
    axes.scatter(x[leaf], y[leaf], s=7, c=colour[leaf], edgecolors="none", zorder=3)
    axes.scatter(x[founder], y[founder], s=45, facecolors="none", edgecolors="black", linewidths=1, zorder=4)
    window = tissue[:, int((begin - box[0, 0]) / h) : int((begin + WIDE - box[0, 0]) / h)]
    inside = np.flatnonzero((window > 0).any(axis=1))
    axes.set(xlim=(begin, begin + WIDE), xlabel="along the bone [um]", ylabel="across [um]")
    axes.set_ylim(box[1, 0] + h * inside[0] - 20, box[1, 0] + h * inside[-1] + 20)
    handles = [
        Line2D([], [], marker="o", ls="", mfc="none", mec="black", label="founder, day 0"),
        Line2D([], [], color="dimgrey", lw=1, label=f"branch shorter than {SHORT:g} um"),
        Line2D([], [], marker="o", ls="", ms=3, color="dimgrey", label=f"stem cell, day {forest.at:g}; a colour a clone"),
    ]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    run = open_results(sys.argv[1])
    draw(run, genealogy.genealogy(run), IMAGE)
