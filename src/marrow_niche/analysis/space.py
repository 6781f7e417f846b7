"""Where stem cells are, against where they would be by chance in the same marrow.

The null is drawn, not assumed: random points of the marrow outside its vessels, and their exact distances to these.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.geometry.tubes import tube_distance

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

MARROW = 2
SINUSOID, ARTERIOLE, VEIN = 0, 1, 2
NEAR = 10.0
"""Nearer than this to a sinusoid counts as beside it [um] (Acar 2015, Nature 526:126)."""
POINTS = 20_000


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Distances of stem cells to the nearest sinusoid wall beside those of random points [um]."""

    day: float
    observed: np.ndarray
    """(k,) one for each stored stem cell."""
    random: np.ndarray
    """(m,) of random points outside vessels."""
    near: float = NEAR

    @property
    def share_near(self) -> float:
        """Share of stem cells within `near`; NaN without cells."""
        return float((self.observed <= self.near).mean()) if self.observed.size else float("nan")

    @property
    def random_share_near(self) -> float:
        """The same of random points."""
        return float((self.random <= self.near).mean()) if self.random.size else float("nan")

    @property
    def medians(self) -> tuple[float, float]:
        """Median distance of stem cells and of random points [um]."""
        middle = [float(np.median(x)) if x.size else float("nan") for x in (self.observed, self.random)]
        return middle[0], middle[1]

    @property
    def separation(self) -> float:
        """Largest gap between the two cumulative distributions (Kolmogorov and Smirnov's D), 0 to 1."""
        if not self.observed.size or not self.random.size:
            return float("nan")
        at = np.concatenate([self.observed, self.random])
        return float(np.abs(cumulative(self.observed, at) - cumulative(self.random, at)).max())


def placement(
    results: "Results",
    day: float | None = None,
    *,
    points: int = POINTS,
    seed: int = 0,
    random: np.ndarray | None = None,
) -> Placement:
    """Stem cells of `results` at the recorded time nearest to `day` [d] (default: the first) against chance.

    `random` are `random_distances` of these results where they are at hand; else `points` are drawn. Raises RunError when
    the run recorded no cells, fields or vessels.
    """
    first = float(results.days[0]) if day is None and len(results.days) else day
    cells = results.cells(day=first)
    vessels = results.vessels()
    if "distance_to_sinusoid_um" in cells:
        observed = cells["distance_to_sinusoid_um"].to_numpy(float)
    else:
        observed = sinusoid_distance(cells[["x_um", "y_um", "z_um"]].to_numpy(float), vessels)
    if random is None:
        random = random_distances(results, points=points, seed=seed)
    return Placement(day=cells.attrs["day"], observed=observed, random=random)


def random_distances(results: "Results", *, points: int = POINTS, seed: int = 0) -> np.ndarray:
    """Distances to the nearest sinusoid wall [um] of random points, uniform over the marrow outside vessels.

    `points` are drawn over the marrow's voxels; those inside a vessel are left out, so fewer come back. Raises RunError
    when the run recorded no fields or vessels.
    """
    vessels = results.vessels()
    drawn = random_points(results.tissue, results.spacing, results.origin, points, seed=seed)
    to_sinusoid = sinusoid_distance(drawn, vessels)
    to_arteriole = tube_distance(drawn, *tubes(vessels, (ARTERIOLE,)))
    return to_sinusoid[(to_sinusoid > 0) & (to_arteriole > 0)]


def random_points(tissue: np.ndarray, spacing: float, origin: np.ndarray, number: int, *, seed: int) -> np.ndarray:
    """(number, 3) points x, y, z [um], uniform over the voxels of (nz, ny, nx) `tissue` that are marrow."""
    random = np.random.Generator(np.random.Philox(seed))
    voxels = np.flatnonzero(tissue.ravel() == MARROW)
    if not voxels.size:
        return np.empty((0, 3))
    z, y, x = np.unravel_index(random.choice(voxels, number), tissue.shape)
    return np.asarray(origin) + spacing * (np.stack([x, y, z], axis=1) + random.random((number, 3)))


def sinusoid_distance(points: np.ndarray, vessels: dict[str, np.ndarray]) -> np.ndarray:
    """Signed distance (m,) of points (m, 3) to the nearest wall of a sinusoid or the central vein [um]."""
    return np.minimum(*(tube_distance(points, *tubes(vessels, (kind,))) for kind in (SINUSOID, VEIN)))


def tubes(vessels: dict[str, np.ndarray], kinds: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends a, b (e, 3) and radius (e,) [um] of the vessels of some kinds."""
    chosen = np.isin(vessels["kind"], kinds)
    ends = vessels["nodes"][vessels["edges"][chosen]].reshape(-1, 2, 3)
    return ends[:, 0], ends[:, 1], vessels["radius"][chosen]


def cumulative(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Share of `values` that is at most each of `at`."""
    return np.searchsorted(np.sort(values), at, side="right") / max(len(values), 1)
