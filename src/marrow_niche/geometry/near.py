"""Exact nearest-object search: for each voxel, the short list of tubes or points that can be nearest to some point of it.

An object whose distance from the voxel's centre exceeds the nearest one's by more than the voxel's diagonal can be nearest
to no point of the voxel. What remains is a few objects whatever the size of the voxel, so distances are exact below it.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.geometry.lattice import Lattice
from marrow_niche.kernels import distance


@dataclass(frozen=True, kw_only=True)
class Near:
    """Lists of objects over marrow voxels: those of voxel v are item[start[v]:start[v + 1]]."""

    start: np.ndarray
    """(n + 1,) int64."""
    item: np.ndarray
    """(k,) int32."""


@dataclass(frozen=True, kw_only=True)
class Tubes:
    """Capsules (a segment and all points within a radius of it) in a grid of cells; a point is one of no length."""

    a: np.ndarray
    b: np.ndarray
    """(e, 3) float64 ends [um]."""
    radius: np.ndarray
    """(e,) float64 [um]."""
    low: np.ndarray
    """(3,) low corner of the grid [um]."""
    cell: float
    """[um]."""
    shape: np.ndarray
    """(3,) int64 cells along x, y, z."""
    cell_start: np.ndarray
    cell_item: np.ndarray
    box: np.ndarray
    """(e, 6) int32 cells touched."""

    @property
    def grid(self) -> tuple:
        """The arguments by which kernels take the grid."""
        return self.low, self.cell, self.shape, self.cell_start, self.cell_item

    def distance(self, points: np.ndarray, *, cap: float) -> np.ndarray:
        """(m,) signed distance from points (m, 3) to the nearest wall, at most `cap` [um]."""
        out = np.full(len(points), cap)
        if self.radius.size:
            distance.nearest_distance(
                np.ascontiguousarray(points), cap, *self.grid, self.a, self.b, self.radius, out
            )
        return out

    def inside(self, points: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
        """(m,) bool: whether each point lies inside a tube other than its own (m,) int32, -1 for none."""
        out = np.zeros(len(points), bool)
        if self.radius.size:
            own = np.full(len(points), -1, np.int32) if own is None else own.astype(np.int32)
            distance.inside_any(np.ascontiguousarray(points), own, *self.grid, self.a, self.b, self.radius, out)
        return out


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


def make_tubes(a: np.ndarray, b: np.ndarray, radius: np.ndarray, *, cell: float) -> Tubes:
    """Sort tubes into cells of edge `cell` [um]; a, b (e, 3), radius (e,) in um."""
    a, b, radius = (np.ascontiguousarray(v, float) for v in (a, b, radius))
    pad = radius[:, None] + 1e-6
    low, high = np.minimum(a, b) - pad, np.maximum(a, b) + pad
    corner = low.min(axis=0) if len(a) else np.zeros(3)
    shape = np.floor((high.max(axis=0) - corner) / cell).astype(np.int64) + 1 if len(a) else np.ones(3, np.int64)
    box = np.concatenate([np.floor((low - corner) / cell), np.floor((high - corner) / cell)], axis=1).astype(np.int32)
    start = np.zeros(int(np.prod(shape)) + 1, np.int64)
    distance.bin_tubes(box, shape, start, np.empty(0, np.int32), False)
    np.cumsum(start, out=start)
    item = np.empty(start[-1], np.int32)
    distance.bin_tubes(box, shape, start[:-1].copy(), item, True)
    return Tubes(
        a=a, b=b, radius=radius, low=corner, cell=float(cell), shape=shape, cell_start=start, cell_item=item, box=box
    )


def make_points(points: np.ndarray, *, cell: float) -> Tubes:
    """Points (m, 3) [um] as tubes of no length and no radius."""
    points = np.asarray(points, float).reshape(-1, 3)
    return make_tubes(points, points, np.zeros(len(points)), cell=cell)


def make_blocks(lattice: Lattice, *, edge: float = 40.0) -> Blocks:
    """Group marrow voxels into blocks of about `edge` [um]."""
    h = lattice.spacing
    side = max(int(edge / h), 1)
    place = np.stack(np.unravel_index(lattice.flat, lattice.shape), axis=1)
    blocks = place // side
    key = np.ravel_multi_index(tuple(blocks.T), tuple(-(-s // side) for s in lattice.shape))
    order = np.argsort(key, kind="stable").astype(np.int64)
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    extent = np.minimum(side, lattice.shape)
    centre = blocks[order[first]][:, ::-1] * side + 0.5 * extent[::-1]
    return Blocks(
        centre=lattice.origin + h * centre,
        order=order,
        start=np.append(first, len(order)).astype(np.int64),
        reach=float(0.5 * h * np.linalg.norm(extent - 1.0)),
        voxel=lattice.centres(),
        diagonal=float(np.sqrt(3.0) * h),
    )


def candidates(tubes: Tubes, blocks: Blocks, *, cap: float) -> Near:
    """For each block, every tube that `search` or `share_inside` may need for one of its voxels."""
    number = len(blocks.centre)
    start = np.zeros(number + 1, np.int64)
    if not tubes.radius.size:
        return Near(start=start, item=np.empty(0, np.int32))
    reach = 2.0 * blocks.reach + blocks.diagonal
    arguments = (blocks.centre, reach, cap + blocks.reach, *tubes.grid, tubes.box, tubes.a, tubes.b, tubes.radius)
    distance.gather(*arguments, start, np.empty(0, np.int32), False)
    np.cumsum(start, out=start)
    item = np.empty(start[-1], np.int32)
    distance.gather(*arguments, start, item, True)
    return Near(start=start, item=item)


def search(tubes: Tubes, blocks: Blocks, *, cap: float, lists: bool = True) -> tuple[np.ndarray, Near]:
    """Signed distance of each voxel's centre to the nearest tube, and the tubes that can be nearest to a point of it.

    Parameters
    ----------
    tubes : Tubes
    blocks : Blocks
        Of n marrow voxels.
    cap : float
        Nothing farther than this is looked for [um].
    lists : bool
        Without, the lists are empty.

    Returns
    -------
    distance : (n,) float64
        At most `cap` [um].
    near : Near
        Tubes whose distance from the centre is at most that distance plus the voxel's diagonal.
    """
    n = len(blocks.voxel)
    out, start = np.full(n, cap), np.zeros(n + 1, np.int64)
    if not tubes.radius.size:
        return out, Near(start=start, item=np.empty(0, np.int32))
    listed = candidates(tubes, blocks, cap=cap)
    arguments = (
        blocks.voxel, blocks.order, blocks.start, listed.start, listed.item, tubes.a, tubes.b, tubes.radius
    )  # fmt: skip
    distance.voxel_distance(*arguments, blocks.diagonal, cap, out, start, np.empty(0, np.int32), False)
    if not lists:
        return out, Near(start=np.zeros(n + 1, np.int64), item=np.empty(0, np.int32))
    np.cumsum(start, out=start)
    item = np.empty(start[-1], np.int32)
    distance.voxel_distance(*arguments, blocks.diagonal, cap, out, start, item, True)
    return out, Near(start=start, item=item)


def share_inside(tubes: Tubes, kind: np.ndarray, blocks: Blocks, *, spacing: float, step: float = 5.0) -> np.ndarray:
    """Share of each voxel inside tubes of each kind (n, kinds) [-], by points no more than `step` [um] apart.

    `kind` (e,) uint8; a point inside tubes of several kinds counts for the highest.
    """
    share = np.zeros((len(blocks.voxel), int(kind.max(initial=0)) + 1))
    if tubes.radius.size:
        listed = candidates(tubes, blocks, cap=0.5 * blocks.diagonal)
        distance.voxel_share(
            blocks.voxel, spacing, max(int(np.ceil(spacing / step)), 3), blocks.order, blocks.start, listed.start,
            listed.item, tubes.a, tubes.b, tubes.radius, kind, share
        )  # fmt: skip
    return share
