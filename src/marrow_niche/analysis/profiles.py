"""Cytokines against the distance to what makes or takes them: vessel walls and bone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.analysis import space
from marrow_niche.errors import RunError
from marrow_niche.geometry.tubes import tube_distance

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

BONE = 1
FROM = ("sinusoid", "arteriole", "bone")
VOXELS = 40_000
"""A larger marrow is sampled at so many voxels."""
BINS = 14
"""Bins, each with as many voxels as the next."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A field over bins of distance; each array (k,), in the order of the distance."""

    day: float
    distance: np.ndarray
    """Median of the bin's voxels [um]."""
    median: np.ndarray
    """Of the field, in its unit."""
    low: np.ndarray
    """Lower quartile."""
    high: np.ndarray
    """Upper quartile."""
    voxels: np.ndarray
    """How many there are in the bin."""


class Distances:
    """Voxels of the marrow outside vessels, and how far each is from some things [um]; the fields of a run read at them.

    Parameters
    ----------
    results : Results
        With fields and vessels.
    seed : int
        Of the voxels taken from a large marrow.

    Raises RunError when the run recorded no fields or vessels.
    """

    def __init__(self, results: "Results", *, seed: int = 0) -> None:
        self.results = results
        voxels = np.flatnonzero(results.tissue.ravel() == space.MARROW)
        if len(voxels) > VOXELS:
            voxels = np.sort(np.random.Generator(np.random.Philox(seed)).choice(voxels, VOXELS, replace=False))
        self._shape = results.tissue.shape
        centres = self._centres(voxels)
        vessels = results.vessels()
        walls = {
            "sinusoid": space.sinusoid_distance(centres, vessels),
            "arteriole": tube_distance(centres, *space.tubes(vessels, (space.ARTERIOLE,))),
        }
        outside = (walls["sinusoid"] > 0) & (walls["arteriole"] > 0)
        self._voxels = voxels[outside]
        self._of = {name: each[outside] for name, each in walls.items()}
        self._of["bone"] = self._to_bone()
        self._read: dict[tuple[str, int], np.ndarray] = {}  # fields at the voxels, by name and record

    def _centres(self, voxels: np.ndarray) -> np.ndarray:
        z, y, x = np.unravel_index(voxels, self._shape)
        return self.results.origin + self.results.spacing * (np.stack([x, y, z], axis=1) + 0.5)

    def _to_bone(self) -> np.ndarray:
        """From the voxel's centre to the nearest face of a voxel of bone, as far as whole voxels tell; infinite without."""
        from scipy.ndimage import binary_erosion
        from scipy.spatial import cKDTree

        bone = self.results.tissue == BONE
        if not bone.any():
            return np.full(len(self._voxels), np.inf)
        faces = np.flatnonzero((bone & ~binary_erosion(bone)).ravel())  # the nearest voxel of bone is one of these
        reach, _ = cKDTree(self._centres(faces)).query(self._centres(self._voxels))
        return reach - 0.5 * self.results.spacing

    def profile(self, field: str, day: float | None = None, *, of: str = "sinusoid", bins: int = BINS) -> Profile:
        """A field against the distance from the walls of `of` ("sinusoid", "arteriole", "bone") at the record nearest `day`.

        Sinusoids are those and the central vein. Distances to vessels are exact, those to bone right to half a voxel.

        Raises RunError when there is no such field or the run has no such day, and ValueError for another `of`.
        """
        if of not in FROM:
            raise ValueError(f"of={of!r} is not known; give one of {', '.join(FROM)}.")
        series = self.results.field(field)
        times = series["time"].to_numpy()
        k = 0 if day is None else self.results.nearest(times, day)
        if (field, k) not in self._read:
            self._read[field, k] = series.isel(time=k).to_numpy().ravel()[self._voxels]
        values = self._read[field, k]
        far = self._of[of]
        good = np.isfinite(values) & np.isfinite(far)
        if not good.any():
            raise RunError(f"{self.results.directory}: no marrow of this run lies at a distance from any {of}.")
        far, values = far[good], values[good]
        edges = np.unique(np.quantile(far, np.linspace(0.0, 1.0, bins + 1)))
        which = np.clip(np.searchsorted(edges, far, side="right") - 1, 0, max(len(edges) - 2, 0))
        parts = [which == b for b in np.unique(which)]
        quartiles = np.array([np.quantile(values[part], [0.25, 0.5, 0.75]) for part in parts])
        return Profile(
            day=float(times[k]),
            distance=np.array([np.median(far[part]) for part in parts]),
            low=quartiles[:, 0],
            median=quartiles[:, 1],
            high=quartiles[:, 2],
            voxels=np.array([part.sum() for part in parts]),
        )
