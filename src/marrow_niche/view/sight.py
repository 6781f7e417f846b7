"""What is looked at, from where: the part of a run that is drawn, its meshes, and the camera."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyvista

    from marrow_niche.record.results import Results

OUTSIDE, BONE, MARROW = 0, 1, 2
SINUSOIDS, ARTERIOLES, VEINS = 0, 1, 2
LONG = 3.0
"""A piece this many times longer than wide is cut along its bow, so that the cut does not miss the marrow of the shaft."""
MANY = 200_000
"""More vessels than this are drawn as a tube each: where they meet cannot be seen."""
TUBES = 60_000
"""More sinusoids than this are too many to be told apart: the middle of the piece is drawn."""
STEEP = 4.0
"""Of the smoothed label of bone, so that it is steeper than a distance in voxels and planes are met where they are."""
FINE = 400_000
"""Fewer voxels than this are halved for a smoother bone."""
COARSE = 4_000_000
"""More voxels than this are taken eight at once: their bone is seen from far away."""
SEED = 2024
FLAGS = ("cycling", "senescent", "marked")
"""What a stem cell is or is not."""
FACTS = ("tip", "divisions", "age_d", "dose_Gy")
"""What else is recorded of a stem cell and told of it."""


class View:
    """What is looked at, from where: a box of the piece, and a camera without perspective."""

    def __init__(self, results: "Results", *, most: float | None = None) -> None:
        """`most` (default: `TUBES`) sinusoids are drawn; where there are more, the middle of the piece is looked at."""
        self.results, self.most = results, TUBES if most is None else most
        self.tissue, self.h = results.tissue, results.spacing
        self.low = np.asarray(results.origin, float)
        self.high = self.low + self.h * np.array(self.tissue.shape[::-1])
        self.vessels = results.vessels()
        thin = [axis for axis, size in enumerate(self.tissue.shape[::-1]) if size == 1]
        self.slice = bool(thin)
        self.thickness = self.h if thin else 0.0
        self.cropped = False
        self.index, self.corner = self._crop()
        size = self.top - self.corner
        self.axis = thin[0] if thin else self._axis(size)
        self._turn(size)

    @property
    def top(self) -> np.ndarray:
        """High corner of what is drawn [um]."""
        return self.corner + self.h * np.array(self.part.shape[::-1])

    @property
    def part(self) -> np.ndarray:
        """Labels of what is drawn."""
        return self.tissue[self.index]

    @cached_property
    def middle(self) -> np.ndarray:
        """Centre of the marrow drawn [um]."""
        where = np.argwhere(self.part == MARROW)[:, ::-1]
        if not len(where):
            return 0.5 * (self.corner + self.top)
        return self.corner + self.h * 0.5 * (where.min(axis=0) + where.max(axis=0) + 1)

    def _crop(self) -> tuple[tuple[slice, slice, slice], np.ndarray]:
        """All of the piece, or its middle where it holds too many sinusoids; bone beside the marrow stays."""
        marrow = self.tissue == MARROW
        inside = marrow | (self.tissue == BONE)
        spans = []
        for axis in range(3):
            where = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
            spans.append([int(where[0]), int(where[-1]) + 1] if where.size else [0, self.tissue.shape[axis]])
        ends = self.vessels["nodes"][self.vessels["edges"][self.vessels["kind"] == SINUSOIDS]].mean(axis=1)
        voxel = np.floor((ends - self.low) / self.h).astype(int)[:, ::-1]
        while True:
            held = np.all([(voxel[:, axis] >= low) & (voxel[:, axis] < high) for axis, (low, high) in enumerate(spans)], axis=0)
            sizes = [high - low for low, high in spans]
            if held.sum() <= self.most or max(sizes) < 8:
                break
            axis = int(np.argmax(sizes))
            cut = marrow[tuple(slice(*span) for span in spans)]
            where = np.flatnonzero(cut.any(axis=tuple({0, 1, 2} - {axis})))
            centre = spans[axis][0] + 0.5 * (where[0] + where[-1] + 1) if where.size else 0.5 * sum(spans[axis])
            shorter = max(4.0, 0.9 * sizes[axis])
            low = max(spans[axis][0], round(centre - 0.5 * shorter))
            spans[axis] = [low, min(spans[axis][1], low + max(4, int(shorter)))]
            self.cropped = True
        z, y, x = (slice(*span) for span in spans)
        return (z, y, x), self.low + self.h * np.array([x.start, y.start, z.start], float)

    def _axis(self, size: np.ndarray) -> int:
        """The axis the bone runs along, 0, 1, 2 for x, y, z."""
        facts = self.results.provenance.get("geometry") or {}
        named = facts.get("section_axis") or facts.get("long_axis")
        return "xyz".index(named) if named in ("x", "y", "z") else int(np.argmax(size))

    def _turn(self, size: np.ndarray) -> None:
        """Camera: straight onto a slice; onto the cut face of a disc; onto the side of a column, cut open."""
        along = np.eye(3)[self.axis]
        others = [axis for axis in range(3) if axis != self.axis]
        across, deep = sorted(others, key=lambda axis: -size[axis])
        if self.slice:
            self.toward, self.up = along, np.eye(3)[deep]
        elif size[self.axis] <= 1.3 * size[across]:
            self.toward = 0.95 * along - 0.72 * np.eye(3)[deep] + 0.26 * np.eye(3)[across]
            self.up = along
        else:
            self.toward = -np.eye(3)[deep] + 0.30 * np.eye(3)[across] + 0.22 * along
            self.up = np.eye(3)[across]
        self.toward = self.toward / np.linalg.norm(self.toward)
        right = np.cross(self.up, self.toward)
        self.right = right / np.linalg.norm(right)
        self.above = np.cross(self.toward, self.right)
        flat = self.toward - along * (self.toward @ along)
        self.opening = flat / np.linalg.norm(flat) if np.linalg.norm(flat) > 1e-9 else None

    def axes(self) -> dict[str, tuple[float, float]]:
        """The bone's x, y, z in the picture: share to the right and up."""
        return {name: (float(self.right[k]), float(self.above[k])) for k, name in enumerate("xyz")}

    def fit(self, wide: int, high: int, head: float, foot: float, *, half: bool = False) -> float:
        """um a pixel so that what is drawn fills the picture between `head` and `foot`, shares; centres the camera.

        With `half` the marrow before the cut is not drawn.
        """
        x, y = self.seen_half if half else self.seen
        um_per_pixel = float(max(np.ptp(x) / (0.96 * wide), np.ptp(y) / ((1.0 - head - foot) * high)))
        up = 0.5 * (y.min() + y.max()) + 0.5 * (head - foot) * high * um_per_pixel
        self.centre = self.right * 0.5 * (x.min() + x.max()) + self.above * up + self.toward * (self.middle @ self.toward)
        return um_per_pixel

    @cached_property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Across and up [um] of all that must be in the picture."""
        return self._across_and_up(half=False)

    @cached_property
    def seen_half(self) -> tuple[np.ndarray, np.ndarray]:
        """The same without the marrow before the cut."""
        return self._across_and_up(half=True)

    def _across_and_up(self, *, half: bool) -> tuple[np.ndarray, np.ndarray]:
        corners = np.array(np.meshgrid(*zip(self.corner, self.top, strict=True))).reshape(3, -1).T
        if not self.slice and self.opening is not None:
            corners = self._outline(half=half)
        return corners @ self.right, corners @ self.above

    def behind(self, points: np.ndarray) -> np.ndarray:
        """Which of points (k, 3) [um] lie behind the cut: (k,) bool; all in a slice."""
        if self.slice or self.opening is None:
            return np.ones(len(points), bool)
        return self.depth(points) <= self.h

    def depth(self, points: np.ndarray) -> np.ndarray:
        """How far points (..., 3) [um] lie before the cut, which follows the bow of a long bone: (...) [um]."""
        assert self.opening is not None
        return (points - self.middle) @ self.opening - self.bow(points)

    def bow(self, points: np.ndarray) -> np.ndarray:
        """How far the cut stands out of its plane beside points (..., 3) [um]: (...) [um]; zero in a short piece."""
        at, out = self._bow
        return np.interp(points[..., self.axis], at, out)

    @cached_property
    def _bow(self) -> tuple[np.ndarray, np.ndarray]:
        """Places along the bone, and how far the middle of the marrow lies before that of the piece there [um]."""
        from scipy import ndimage

        size = self.top - self.corner
        others = [axis for axis in range(3) if axis != self.axis]
        if self.slice or self.opening is None or size[self.axis] < LONG * size[others].max():
            return np.zeros(1), np.zeros(1)
        z, y, x = np.nonzero(self.part == MARROW)
        points = self.corner + self.h * (np.stack([x, y, z], axis=1) + 0.5)
        level = (x, y, z)[self.axis]
        count = np.bincount(level)
        there = np.flatnonzero(count)
        out = np.bincount(level, (points - self.middle) @ self.opening)[there] / count[there]
        smooth = ndimage.gaussian_filter1d(np.interp(np.arange(len(count)), there, out), 0.02 * len(count), mode="nearest")
        return self.corner[self.axis] + self.h * (np.arange(len(count)) + 0.5), smooth

    def _outline(self, *, half: bool = False) -> np.ndarray:
        """Places [um] that must be in the picture: marrow, and the bone that is left."""
        z, y, x = np.nonzero((self.part == MARROW) | (self.part == BONE))
        points = self.corner + self.h * (np.stack([x, y, z], axis=1) + 0.5)
        kept = self.behind(points)
        if not half:
            kept |= self.part[z, y, x] == MARROW
        return points[kept] if kept.any() else points

    def bone(self) -> "pyvista.PolyData | None":
        """Bone as a closed surface, the half before the marrow taken away; None where there is none.

        The zero of the least of: the smoothed label, and the distances to the planes that cut it.
        """
        import pyvista
        from scipy import ndimage

        label = (self.part == BONE).astype(np.float32)
        if not label.any():
            return None
        fine, step = (2, 0.5 * self.h) if label.size < FINE and not self.slice else (1, self.h)
        if label.size > COARSE and not self.slice:
            label, step = _halved(label), 2.0 * self.h
        pad = [(0, 0) if size == 1 else (2, 2) for size in label.shape]
        label = np.pad(label, pad, mode="edge")
        for axis in range(3):
            label = np.repeat(label, fine, axis=axis)
        smooth = ndimage.gaussian_filter(label, [0.0 if size == 1 else 1.1 * fine for size in label.shape])
        wide = [1 if size == 1 else 0 for size in smooth.shape]
        smooth = np.pad(smooth, [(w, w) for w in wide], mode="edge") - 0.5
        shift = np.array([fine * before + w for (before, _), w in zip(pad, wide, strict=True)])[::-1]
        nz, ny, nx = smooth.shape
        origin = self.corner + step * (0.5 - shift)
        image = pyvista.ImageData(dimensions=(nx, ny, nz), spacing=(step,) * 3, origin=origin)
        points = np.asarray(image.points)
        inside = np.minimum((points - self.corner).min(axis=1), (self.top - points).min(axis=1)) / step
        value = np.minimum(STEEP * smooth.ravel(), inside)
        if self.opening is not None and not self.slice:
            value = np.minimum(value, 2.0 * fine - self.depth(points) / step)
        image.point_data["bone"] = value
        surface = image.contour([0.0], scalars="bone")
        if not surface.n_cells:
            return None
        return surface.compute_normals(split_vertices=True, feature_angle=40.0)

    def tubes(self, kind: int, *, sides: int = 12) -> "pyvista.PolyData | None":
        """Vessels of a kind as tubes of so many `sides`, cut where the piece is cut; None where there are none."""
        import pyvista

        nodes, edges, radius = self.vessels["nodes"], self.vessels["edges"], self.vessels["radius"]
        reach = float(radius.max(initial=0.0)) + self.h
        near = np.all((nodes > self.corner - reach) & (nodes < self.top + reach), axis=1)
        chosen = (self.vessels["kind"] == kind) & near[edges].any(axis=1)
        if not chosen.any():
            return None
        used, ends = np.unique(edges[chosen], return_inverse=True)
        nodes, edges, radius = nodes[used], ends.reshape(-1, 2), radius[chosen]
        meeting = np.bincount(edges.ravel(), minlength=len(nodes))
        mean = np.bincount(edges.ravel(), np.repeat(radius, 2), minlength=len(nodes)) / np.maximum(meeting, 1)
        lines = pyvista.PolyData()
        lines.points = np.asarray(nodes, float)
        lines.lines = np.column_stack([np.full(len(edges), 2), edges]).ravel()
        lines.point_data["radius"] = mean
        if len(edges) <= MANY:
            lines = lines.strip(join=True, max_length=1000)
        found = lines.tube(scalars="radius", absolute=True, n_sides=sides, capping=False)
        low, high = np.array(found.bounds).reshape(3, 2).T
        for axis in range(3):
            normal = np.eye(3)[axis]
            if low[axis] >= self.corner[axis] and high[axis] <= self.top[axis]:
                continue
            if self.part.shape[2 - axis] < self.tissue.shape[2 - axis] or axis == self.axis or self.slice:
                found = found.clip(normal=normal, origin=self.top, invert=True)
                found = found.clip(normal=normal, origin=self.corner, invert=False)
        return found if found.n_cells else None

    def _rim(self) -> np.ndarray:
        """Bone within a voxel of the marrow."""
        from scipy import ndimage

        bone = self.part == BONE
        reach = np.ones([1 if size == 1 else 3 for size in bone.shape])
        return ndimage.binary_dilation((self.part != 0) & ~bone, reach) & bone

    def ground(self) -> "pyvista.PolyData":
        """The marrow's floor, for a slice: all that is inside the bone's outer rim, at the far side."""
        import pyvista

        inside = self.part != 0
        nz, ny, nx = inside.shape
        image = pyvista.ImageData(dimensions=(nx + 1, ny + 1, nz + 1), spacing=(self.h,) * 3, origin=self.corner)
        image.cell_data["inside"] = (inside & (self.part != BONE) | self._rim()).ravel().astype(np.uint8)
        floor = image.threshold(0.5, scalars="inside").extract_surface()
        flat = floor.points.copy()
        flat[:, self.axis] = self.corner[self.axis] + 0.5
        floor.points = flat
        return floor

    def cells(self, day: float) -> dict[str, np.ndarray]:
        """Stem cells at their true number, drawn from the stored ones by weight with a fixed seed.

        position (k, 3) [um]; cycling, senescent, marked (k,) bool; clone (k,); and of `FACTS` those that are recorded, (k,).
        """
        from marrow_niche.errors import RunError

        nothing = {name: np.zeros(0, bool) for name in FLAGS} | {"position": np.zeros((0, 3)), "clone": np.zeros(0, int)}
        try:
            table = self.results.cells(day=day)
        except RunError:
            return nothing
        place = table[["x_um", "y_um", "z_um"]].to_numpy(float)
        here = ((place >= self.corner) & (place <= self.top)).all(axis=1)
        table, place = table[here], place[here]
        if not len(table):
            return nothing
        weight = table["weight"].to_numpy(float) if "weight" in table else np.ones(len(table))
        number = min(len(table), round(float(weight.sum())))
        random = np.random.Generator(np.random.Philox(SEED))
        chosen = np.sort(random.choice(len(table), number, replace=False, p=weight / weight.sum()))
        flags = {name: table[name].to_numpy()[chosen] > 0 if name in table else np.zeros(number, bool) for name in FLAGS}
        clone = table["clone"].to_numpy()[chosen] if "clone" in table else np.zeros(number, int)
        facts = {name: table[name].to_numpy()[chosen] for name in FACTS if name in table}
        return {"position": place[chosen], "clone": clone} | flags | facts

    def integrity(self, day: float, points: np.ndarray) -> np.ndarray:
        """Sinusoid integrity at points (m, 3) [um] from the nearest marrow voxel; 1 where it is not recorded."""
        if "vessel_integrity" not in self.results.fields:
            return np.ones(len(points))
        return self.values("vessel_integrity", day)[self.nearest(points)]

    def values(self, name: str, day: float) -> np.ndarray:
        """A field in what is drawn, at the record nearest to `day` [d]: (nz, ny, nx), NaN outside the marrow."""
        return self.results.field(name, day).to_numpy()[self.index]

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Index (z, y, x), each (m,), of the marrow voxel nearest to points (m, 3) [um]."""
        from scipy import ndimage

        found = ndimage.distance_transform_edt(self.part != MARROW, return_distances=False, return_indices=True)
        voxel = np.floor((points - self.corner) / self.h).astype(int)
        x, y, z = np.clip(voxel, 0, np.array(self.part.shape[::-1]) - 1).T
        return tuple(index[z, y, x] for index in found)


def _halved(label: np.ndarray) -> np.ndarray:
    """Means of blocks of two voxels a side."""
    label = np.pad(label, [(0, size % 2) for size in label.shape], mode="edge")
    nz, ny, nx = (size // 2 for size in label.shape)
    return label.reshape(nz, 2, ny, 2, nx, 2).mean(axis=(1, 3, 5))


class Camera:
    """Where the whole bone is seen from."""

    def __init__(self, *, toward: np.ndarray, above: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        self.toward, self.above, self.corner, self.top = toward, above, low, high
        self.centre = 0.5 * (low + high)
