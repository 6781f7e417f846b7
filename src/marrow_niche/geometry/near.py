"""Exact nearest-object search: for each voxel, the short list of tubes or points that can be nearest to some point of it.

An object whose distance from the voxel's centre exceeds the nearest one's by more than the voxel's diagonal can be nearest
to no point of the voxel. What remains is a few objects whatever the size of the voxel, so distances are exact below it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from marrow_niche.geometry.lattice import Lattice
from marrow_niche.geometry.sets import without
from marrow_niche.kernels import distance, filling, tube_search
from marrow_niche.kernels.voxels import centres

CHUNK = 100_000
"""Voxels searched at a time, or up to twice as many; their lists stand in one rectangular buffer meanwhile."""
MOST_LARGE = 200
"""Tubes so long or wide that every search looks at them, at most."""


@dataclass(frozen=True, kw_only=True)
class Near:
    """Lists of objects over marrow voxels: those of voxel v are item[start[v]:start[v + 1]]."""

    start: np.ndarray
    """(n + 1,) int64."""
    item: np.ndarray
    """(k,) int32."""
    gap: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    """(k,) uint8: no point of the voxel lies nearer to the object than so many um; empty unless `ordered`."""

    def ordered(self, centre: np.ndarray, vessels: tuple[np.ndarray, np.ndarray, np.ndarray], diagonal: float) -> "Near":
        """The lists with `gap`, nearest first, so that who looks for the nearest may stop; `item` is sorted in place.

        `centre` (n, 3) of the voxels and their `diagonal` [um]; `vessels` a, b (e, 3), radius (e,) [um].
        """
        gap = np.empty(self.item.shape, np.uint8)
        tube_search.order_lists(self.start, self.item, np.ascontiguousarray(centre), *vessels, 0.5 * diagonal, gap)
        return replace(self, gap=gap)

    def of(self, voxels: np.ndarray) -> "Near":
        """The lists of some voxels only, given by a mask (n,)."""
        number = np.diff(self.start)
        return Near(start=np.concatenate([[0], np.cumsum(number[voxels])]), item=self.item[np.repeat(voxels, number)])

    def joined(self, other: "Near") -> "Near":
        """Both lists of each voxel in one, those of `other` behind."""
        start = self.start + other.start
        item = np.empty(int(start[-1]), np.int32)
        tube_search.join_lists(start, item, (self.start, self.item), (other.start, other.item))
        return Near(start=start, item=item)


@dataclass(frozen=True, kw_only=True)
class Tubes:
    """Capsules (a segment and all points within a radius of it) in a grid of cells; a point is one of no length."""

    a: np.ndarray
    b: np.ndarray
    """(e, 3) float64 ends [um]."""
    radius: np.ndarray
    """(e,) float64 [um]."""
    grid: tuple
    """The cells, as `kernels.distance` takes them."""

    def hold(self, points: np.ndarray, *, margin: float = 0.0) -> np.ndarray:
        """(m,) bool: whether each point (m, 3) lies in a tube or nearer than `margin` to its wall; of `boxed` tubes."""
        inside = np.zeros(len(points), bool)
        if self.radius.size:
            distance.inside_tubes(np.ascontiguousarray(points), margin, self.grid, self.a, self.b, self.radius, inside)
        return inside


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Marrow voxels in cubic blocks; neighbouring voxels share one search."""

    centre: np.ndarray
    """(m, 3) [um]."""
    order: np.ndarray
    """(n,) int64 voxels, block by block."""
    start: np.ndarray
    """(m + 1,) int64."""
    reach: float
    """Farthest a voxel's centre lies from its block's [um]."""
    voxel: np.ndarray
    """(n, 3) centres of all voxels [um]."""
    diagonal: float
    """Of a voxel [um]."""


def boxed(a: np.ndarray, b: np.ndarray, radius: np.ndarray, *, cell: float, margin: float = 0.0) -> Tubes:
    """Tubes by the boxes they fill, widened by `margin`: which hold a point? a, b (e, 3), radius (e,), cell in um."""
    a, b, radius = (np.ascontiguousarray(v, float) for v in (a, b, radius))
    if not len(a):
        return Tubes(a=a, b=b, radius=radius, grid=())
    pad = radius[:, None] + margin + 1e-6
    low, high = np.minimum(a, b) - pad, np.maximum(a, b) + pad
    corner = low.min(axis=0)
    shape = np.floor((high.max(axis=0) - corner) / cell).astype(np.int64) + 1
    box = np.concatenate([np.floor((low - corner) / cell), np.floor((high - corner) / cell)], axis=1).astype(np.int32)
    return Tubes(a=a, b=b, radius=radius, grid=_bin(corner, cell, shape, box, np.empty(0, np.int64), 0.0))


def middled(a: np.ndarray, b: np.ndarray, radius: np.ndarray, *, cell: float) -> Tubes:
    """Tubes by their middles: which are near a point? a, b (e, 3), radius (e,), cell in um."""
    a, b, radius = (np.ascontiguousarray(v, float) for v in (a, b, radius))
    if not len(a):
        return Tubes(a=a, b=b, radius=radius, grid=())
    middle = 0.5 * (a + b)
    wide = 0.5 * np.linalg.norm(b - a, axis=1) + radius
    cell = max(cell, float(np.median(wide)))
    large = np.flatnonzero(wide > max(1.5 * cell, np.sort(wide)[-min(MOST_LARGE, wide.size)]))
    small = without(np.arange(len(a)), large)
    corner = middle.min(axis=0)
    shape = np.floor((middle.max(axis=0) - corner) / cell).astype(np.int64) + 1
    place = np.floor((middle - corner) / cell).astype(np.int32)
    box = np.concatenate([place, place], axis=1)
    box[large, 3:] = -1
    return Tubes(
        a=a, b=b, radius=radius, grid=_bin(corner, cell, shape, box, large, float(wide[small].max(initial=0.0)))
    )


def _bin(corner: np.ndarray, cell: float, shape: np.ndarray, box: np.ndarray, large: np.ndarray, wide: float) -> tuple:
    start = np.zeros(int(np.prod(shape)) + 1, np.int64)
    tube_search.bin_tubes(box, shape, start, np.empty(0, np.int32), False)
    np.cumsum(start, out=start)
    item = np.empty(start[-1], np.int32)
    tube_search.bin_tubes(box, shape, start[:-1].copy(), item, True)
    return corner, float(cell), shape, start, item, large.astype(np.int64), float(wide)


def make_blocks(lattice: Lattice, *, edge: float = 40.0) -> Blocks:
    """Group marrow voxels into blocks of about `edge` [um], but of at least four voxels a side while they are under 80 um."""
    h = lattice.spacing
    side = max(int(edge / h), min(4, int(2.0 * edge / h)), 1)
    n = lattice.n
    order, start, place = np.empty(n, np.int64), np.empty(n + 1, np.int64), np.empty((n, 3), np.int32)
    shape, voxel = np.array(lattice.shape, np.int64), np.empty((n, 3))
    number = tube_search.order_blocks(lattice.flat, shape, side, order, place, start)
    centres(lattice.flat, shape, lattice.origin, h, voxel)
    extent = np.minimum(side, lattice.shape)
    centre = place[:number, ::-1] * float(side) + 0.5 * extent[::-1]
    return Blocks(
        centre=lattice.origin + h * centre,
        order=order,
        start=start[: number + 1].copy(),
        reach=float(0.5 * h * np.linalg.norm(extent - 1.0)),
        voxel=voxel,
        diagonal=float(np.sqrt(3.0) * h),
    )


def search(
    tubes: Tubes, blocks: Blocks, *, cap: float, names: np.ndarray | None = None
) -> tuple[np.ndarray, Near]:
    """Signed distance of each voxel's centre to the nearest tube, and the tubes that can be nearest to a point of it.

    Parameters
    ----------
    tubes : Tubes
        By their middles (`middled`).
    blocks : Blocks
        Of n marrow voxels.
    cap : float
        Nothing farther than this is looked for [um].
    names : (e,) int32, optional
        What the lists call the tubes; their numbers without.

    Returns
    -------
    distance : (n,) float64
        At most `cap` [um].
    near : Near
        Tubes whose distance from the centre is at most that distance plus the voxel's diagonal.

    Notes
    -----
    Voxels lie in layers of blocks one after the other, so the lists of a layer stand in one piece. They are kept elsewhere only
    until the layer is done.
    """
    n = len(blocks.voxel)
    out, start, item = np.full(n, cap), np.zeros(n + 1, np.int64), np.empty(0, np.int32)
    if not tubes.radius.size or not n:
        return out, Near(start=start, item=item)
    grid, tube, packed = _packed(tubes)
    called = tube if names is None else names[tube]
    what = (blocks.centre, blocks.order, blocks.start, blocks.voxel, blocks.reach, grid, called, packed)
    number, rows = start[1:], np.empty((0, 32), np.int32)
    for first, last in _layers(blocks):
        lists = []
        for one, end in _chunks(blocks.start, first, last):
            voxels = blocks.order[blocks.start[one] : blocks.start[end]]
            while True:
                if len(rows) < len(voxels):
                    rows = np.empty((len(voxels), rows.shape[1]), np.int32)
                tube_search.search_blocks(one, end, *what, blocks.diagonal, cap, out, number, rows)
                most = int(number[voxels].max())
                if most <= rows.shape[1]:
                    break
                rows = np.empty((len(voxels), int(1.25 * most) + 1), np.int32)
            offset = np.concatenate([[0], np.cumsum(number[voxels])])
            closed = np.empty(offset[-1], np.int32)
            tube_search.close_up(rows, offset, closed)
            lists.append((voxels, offset, closed))
        here = slice(blocks.start[first], blocks.start[last])
        number[here] = start[here.start] + np.cumsum(number[here])
        if number[here.stop - 1] > item.size:  # as long as all lists will be, going by these; what stays empty takes no memory
            longer = np.empty(int(1.5 * number[here.stop - 1] * n / here.stop) + 1024, np.int32)
            longer[: start[here.start]] = item[: start[here.start]]
            item = longer
        for part in lists:
            tube_search.put_lists(*part, start, item)
    return out, Near(start=start, item=item[: start[-1]])


def _layers(blocks: Blocks) -> Iterator[tuple[int, int]]:
    """Runs first..last - 1 of blocks, of CHUNK voxels if they can be, whose voxels are all those of a range."""
    whole = np.maximum.accumulate(blocks.order)[blocks.start[1:] - 1] == blocks.start[1:] - 1
    first = 0
    for last in np.flatnonzero(whole) + 1:
        if blocks.start[last] - blocks.start[first] >= CHUNK or last == len(whole):
            yield first, int(last)
            first = int(last)


def _chunks(start: np.ndarray, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Runs of blocks between two, of at most two CHUNKs of voxels unless one block has more."""
    while first < last:
        end = last
        if start[last] - start[first] > 2 * CHUNK:
            end = max(int(np.searchsorted(start, start[first] + CHUNK, side="right")) - 1, first + 1)
        yield first, end
        first = end


def nearest(points: np.ndarray, blocks: Blocks) -> np.ndarray:
    """(n,) int32: which of the points (m, 3) [um] is nearest to each voxel's centre, the first of equals; -1 without points."""
    which = np.full(len(blocks.voxel), -1, np.int32)
    if len(points) and len(which):
        grid = middled(points, points, np.zeros(len(points)), cell=100.0)
        what = (blocks.centre, blocks.order, blocks.start, blocks.voxel, blocks.reach)
        tube_search.nearest_in_blocks(*what, *_packed(grid), which)
    return which


def _packed(tubes: Tubes) -> tuple[tuple, np.ndarray, np.ndarray]:
    """The grid of `middled` tubes, and they in its order, as kernels take them."""
    number = np.empty(len(tubes.radius), np.int32)
    columns = np.empty((tube_search.TUBE if (tubes.a != tubes.b).any() else tube_search.SPHERE, len(number)))
    tube_search.pack_grid(tubes.grid, tubes.a, tubes.b, tubes.radius, number, columns)
    return tubes.grid, number, columns


def distance_at(
    points: np.ndarray, voxel: np.ndarray, near: Near, vessels: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Signed distance from points to the nearest wall (m,) [um], exact whatever the voxel; infinity beyond the cap.

    Parameters
    ----------
    points, voxel : (m, 3) [um], (m,)
        Where, and in which marrow voxel that is.
    near : Near
        `Geometry.near_sinusoid`, for example.
    vessels : a, b (e, 3), radius (e,) [um]
        Of the edges `near` names.
    """
    out = np.empty(len(points))
    distance.distances_to_tubes(points, voxel.astype(np.int64), near.start, near.item, *vessels, out)
    return out


def share_inside(
    vessels: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    near: tuple[Near, Near],
    voxel: np.ndarray,
    *,
    spacing: float,
    step: float = 5.0,
    kinds: int = 3,
) -> np.ndarray:
    """Share of each voxel inside vessels of each kind (n, kinds) [-], by points `step` [um] apart, but at most 12 a side.

    Parameters
    ----------
    vessels : a, b (e, 3), radius (e,) [um], kind (e,) uint8
        A point inside vessels of several kinds counts for the highest.
    near : (Near, Near)
        Two sets of lists that together name every vessel that reaches into a voxel.
    voxel : (n, 3)
        Centres [um].
    """
    share = np.zeros((len(voxel), kinds))
    points = min(max(int(np.ceil(spacing / step)), 3), 12)
    filling.voxel_share(
        voxel, spacing, points, near[0].start, near[0].item, near[1].start, near[1].item, *vessels, share
    )
    return share
