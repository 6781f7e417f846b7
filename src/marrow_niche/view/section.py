"""A flat section through the piece, as under the microscope: bone, sinusoids, fat, blood-forming and stem cells.

Everything is drawn as lines and areas, so that a PDF or an SVG of it stays sharp at any size.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.view.composed import Key, Sheet, dots, label, page, places
from marrow_niche.view.planes import Plane, Sampled, cut_balls, cut_tubes
from marrow_niche.view.sight import ARTERIOLES, BONE, MARROW, OUTSIDE, SINUSOIDS, VEINS, View
from marrow_niche.view.slices import plane as middle_plane
from marrow_niche.view.stage import Panel, groups
from marrow_niche.view.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from marrow_niche.record.results import Results

PLACES = 1_200_000
"""Most places at which the section is looked at."""
DOTS = 14_000
"""Dots for blood-forming cells at rest; twice as many at twice the cellularity, and no more."""
DEPTH = 50.0
"""Stem cells this near to the section are shown in it [um]."""
SEED = 11


class Section:
    """What a section shows that does not change with time.

    Parameters
    ----------
    results : Results

    Raises RunError when the run has no vessels or fields, or a file of it is damaged.
    """

    def __init__(self, results: "Results") -> None:
        self.view = View(results, most=np.inf)
        self.view.index, self.view.corner = (slice(None),) * 3, self.view.low
        axis, _ = middle_plane(self.view.tissue)
        number = int((self.view.tissue == MARROW).sum(axis=tuple({0, 1, 2} - {axis})).argmax())
        self.axis = 2 - axis
        self.plane = self._plane(number)
        self._sampled = Sampled(self.plane, self.view.tissue, self.view.low, self.view.h)
        tissue = self.view.tissue
        self._bone = self._sampled.share(tissue == BONE)
        self._marrow = self._sampled.share((tissue != BONE) & (tissue != OUTSIDE))
        self._walls = {kind: cut_tubes(self.plane, self.view.vessels, kind) for kind in (SINUSOIDS, ARTERIOLES, VEINS)}
        larger = np.minimum(self._walls[ARTERIOLES], self._walls[VEINS])  # a sinusoid's wall ends where it opens into them
        self._walls[SINUSOIDS] = np.maximum(self._walls[SINUSOIDS], -larger)
        try:
            self._fat = cut_balls(self.plane, *results.fat())
        except RunError:
            self._fat = (np.zeros(0),) * 3
        self._places, self._chance = self._scattered()

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.plane.shape[1] / self.plane.shape[0]

    @property
    def side(self) -> int:
        """1, or -1 where the plane is seen from behind, so that its right is that of the other scenes."""
        return -1 if float(self.plane.across @ self.view.right) < 0 else 1

    @property
    def axes(self) -> dict[str, tuple[float, float]]:
        """The bone's x, y and z in the picture: shares to the right and up."""
        return {name: (self.side * float(self.plane.across[k]), float(self.plane.above[k])) for k, name in enumerate("xyz")}

    def figure(self, day: float, sheet: Sheet, size: tuple[int, int], theme: Theme) -> "Figure":
        """The section at the record nearest to `day` [d] on a page of (wide, high) pixels; drawn within `style.styled`."""
        drawn = page(size, theme)
        (left, top, wide, high), *_ = places(1, size, self.aspect)
        ax: Any = drawn.add_axes((left / size[0], 1 - (top + high) / size[1], wide / size[0], high / size[1]))
        um_per_pixel = self.plane.step * max(self.plane.shape[1] / wide, self.plane.shape[0] / high)
        ax.set_aspect("equal")
        ax.set_axis_off()
        self._draw(ax, day, theme, um_per_pixel * dots(size))
        middle = self.plane.step * np.array(self.plane.shape[::-1]) / 2
        half = self.side * 0.5 * wide * um_per_pixel
        ax.set_xlim(middle[0] - half, middle[0] + half)
        ax.set_ylim(middle[1] - 0.5 * high * um_per_pixel, middle[1] + 0.5 * high * um_per_pixel)
        label(drawn, sheet, size, theme, self.aspect, um_per_pixel)
        return drawn

    def shown(self, day: float) -> dict[str, np.ndarray]:
        """Stem cells within `DEPTH` of the section, at their true number: as `View.cells`."""
        cells = self.view.cells(day)
        height = self.plane.flat(cells["position"])[2]
        return {name: values[np.abs(height) <= DEPTH] for name, values in cells.items()}

    def _draw(self, ax: "Axes", day: float, theme: Theme, um_per_inch: float) -> None:
        step, (rows, columns) = self.plane.step, self.plane.shape
        x, y = step * np.arange(columns), step * np.arange(rows)
        area: dict[str, Any] = {"antialiased": True}
        ax.contourf(x, y, self._marrow, levels=[0.5, 2.0], colors=[theme.marrow], zorder=1, **area)
        ax.contourf(x, y, self._bone, levels=[0.5, 2.0], colors=[theme.cut_bone], zorder=1.5, **area)
        fine = float(np.clip(500.0 / um_per_inch, 0.3, 1.0))  # lines of a large bone are thinner
        self._cells(ax, day, theme, fine)
        self._adipocytes(ax, theme)
        walls = ((SINUSOIDS, theme.sinusoid, 0.8), (ARTERIOLES, theme.arteriole, 1.3), (VEINS, theme.vein, 1.0))
        inside = self._marrow > 0.5
        for kind, colour, wide in walls:
            gap = np.where(inside, self._walls[kind], np.maximum(self._walls[kind], 0.3 * step))
            if (gap < 0).any():
                ax.contourf(x, y, gap, levels=[-1e9, 0.0], colors=[theme.lumen], zorder=4, **area)
                ax.contour(x, y, gap, levels=[0.0], colors=[colour], linewidths=wide * fine, zorder=5)
        panel, cells = Panel(look="cells", day=day), self.shown(day)
        across, above, _ = self.plane.flat(cells["position"])
        for _, chosen, colour in groups(cells, panel, theme):
            place = step * across[chosen], step * above[chosen]
            ax.scatter(*place, s=46 * fine, color=colour, edgecolors=theme.page, linewidths=0.8, zorder=7)

    def _cells(self, ax: "Axes", day: float, theme: Theme, fine: float) -> None:
        """Dots as many as there are blood-forming cells; a dot that stands stays where it is from day to day."""
        if "cellularity" not in self.view.results.fields:
            return
        found = self._sampled.field(self.view.values("cellularity", day))
        row, column = self._places
        level = np.nan_to_num(found[row, column])
        stands = self._chance < 0.5 * level
        place = self.plane.step * column[stands], self.plane.step * row[stands]
        ax.plot(*place, ls="", marker="o", ms=1.5 * fine, mew=0, color=theme.nucleus, alpha=0.8, zorder=2)

    def _adipocytes(self, ax: "Axes", theme: Theme) -> None:
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Circle

        circles = [Circle((self.plane.step * x, self.plane.step * y), radius) for x, y, radius in zip(*self._fat, strict=True)]
        ax.add_collection(PatchCollection(circles, facecolor=theme.fat, edgecolor=theme.fat_rim, linewidth=0.7, zorder=3))

    def _scattered(self) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Places of dots in the marrow outside vessels and fat, and the number by which each stands or not."""
        free = self._marrow > 0.5
        for gap in self._walls.values():
            free &= gap > 0.5 * self.plane.step
        row, column = np.nonzero(free)
        random = np.random.Generator(np.random.Philox(SEED))
        chosen = random.choice(len(row), min(2 * DOTS, len(row)), replace=False) if len(row) else np.zeros(0, int)
        return (row[chosen], column[chosen]), random.random(len(chosen))

    def _plane(self, number: int) -> Plane:
        """Across the piece at a voxel of its axis, the longer side to the right."""
        view = self.view
        across, above = sorted((axis for axis in range(3) if axis != self.axis), key=lambda axis: -self._span(axis))
        right, up = np.eye(3)[across], np.eye(3)[above]
        tissue = view.tissue != OUTSIDE
        low, high = view.low.copy(), view.high.copy()
        for axis in (across, above):
            there = np.flatnonzero(tissue.any(axis=tuple({0, 1, 2} - {2 - axis})))
            if there.size:
                low[axis], high[axis] = view.low[axis] + view.h * there[0], view.low[axis] + view.h * (there[-1] + 1)
        low[self.axis] = view.low[self.axis] + view.h * (number + 0.5)
        size = high - low
        step = max(0.15 * view.h, float(np.sqrt(size[across] * size[above] / PLACES)))
        shape = (int(size[above] / step) + 1, int(size[across] / step) + 1)
        return Plane(origin=low, across=right, above=up, step=step, shape=shape)

    def _span(self, axis: int) -> int:
        return self.view.tissue.shape[2 - axis]


def key(theme: Theme, vein: bool, fat: bool) -> Key:
    """What the colours of a section mean."""
    entries = [
        ("blood-forming cells", theme.nucleus),
        ("bone", theme.cut_bone),
        ("sinusoid", theme.sinusoid),
        ("arteriole", theme.arteriole),
        *([("central vein", theme.vein)] if vein else []),
        *([("adipocyte", theme.fat)] if fat else []),
        ("stem cell, quiescent", theme.quiet),
        ("cycling", theme.awake),
        ("senescent", theme.senescent),
    ]
    return Key(title="", entries=tuple(entries))
