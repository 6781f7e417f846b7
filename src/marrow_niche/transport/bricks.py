"""How open voxels are stored for the solver: bricks of sixteen along x, colour by colour, on every level.

Which axis of a lattice is x here, `transport.domain` chooses: the one along which the fewest bricks are needed.

A voxel is *red* where z + y + x is even, else *black*. A brick holds sixteen voxels in a row, their eight red ones and
their eight black ones in two arrays at the same place: the neighbours of eight voxels of one colour are then eight voxels
of the other that stand side by side, and a whole brick is relaxed by a few instructions. Bricks that touch along x stand
side by side; between others, and before the first, stand zeros, and where there is no brick above, below, before or
behind, the table names the empty one at the beginning. Closed voxels of a brick are zero and stay so.

A coarse voxel gathers the open ones of a block of 2 × 2 × 2 of the same region. A region of one voxel needs no coarser
level: there the smoother is exact.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels.layout import conductances
from marrow_niche.kernels.multigrid import Faces
from marrow_niche.kernels.sweeps import Bricks

BRICK = 16
"""Voxels of a brick along x; half of them of each colour."""
HALF = BRICK // 2


@dataclass(frozen=True)
class Level:
    """One level while it is made: m voxels, k bricks."""

    where: np.ndarray  # (m, 3) int32: z, y, x in the box of the region
    region: np.ndarray  # (m,) int32
    key: np.ndarray  # (k,) int64: region, z, y, x / 16 of each brick, ascending
    own: np.ndarray  # (k,) int64: where it begins
    table: np.ndarray  # (k, 5) int32: own and those at -z, +z, -y, +y; 0 where there is none
    odd: np.ndarray  # (k,) int32: the parity of z + y
    stride: int  # length of one colour
    slot: np.ndarray  # (m,) int32: red from 0, black from `stride` on


class _Keys:
    """One number for region, z, y and brick, in that order, with room on each side so that a step leaves no row."""

    def __init__(self, where):
        high = where.max(axis=0).astype(np.int64)
        self.y, self.x = int(high[1]) + 3, int(high[2]) // BRICK + 3
        self.z = int(high[0]) + 3

    def __call__(self, region, z, y, x):
        return ((np.asarray(region, np.int64) * self.z + z + 1) * self.y + y + 1) * self.x + x + 1

    def parts(self, key):
        key, x = np.divmod(key, self.x)
        key, y = np.divmod(key, self.y)
        region, z = np.divmod(key, self.z)
        return region, z - 1, y - 1, x - 1


def make_level(where, region):
    """The bricks of a level (`Level`) and its `_Keys`."""
    keys = _Keys(where)
    every = keys(region, where[:, 0], where[:, 1], where[:, 2] // BRICK)
    key, brick = np.unique(every, return_inverse=True)
    gap = np.ones(key.size, np.int64)
    gap[1:] = np.diff(key) != 1
    own = HALF + np.cumsum(gap) + HALF * np.arange(key.size)
    stride = int(own[-1]) + HALF + 1
    found = [own] + [_find(key, own, key + step) for step in (-keys.y * keys.x, keys.y * keys.x, -keys.x, keys.x)]
    _, z, y, _ = keys.parts(key)
    colour = where.sum(axis=1) & 1
    slot = own[brick] + (where[:, 2] >> 1) % HALF + colour * stride
    return (
        Level(
            where=where,
            region=region,
            key=key,
            own=own,
            table=np.stack(found, axis=1).astype(np.int32),
            odd=((z + y) & 1).astype(np.int32),
            stride=stride,
            slot=slot.astype(np.int32),
        ),
        keys,
    )


def _find(key, own, wanted):
    """Where the bricks of the `wanted` keys begin; 0 for those that are not there."""
    place = np.minimum(np.searchsorted(key, wanted), key.size - 1)
    return np.where(key[place] == wanted, own[place], 0)


def coarser(level, keys):
    """The next level: (`Level`, its `_Keys`, parent (m,) int32 of each voxel or -1, children (k, 8) int32), or None.

    `children` are the bricks of the finer level under each, counted from 1, 0 where there is none: those of the
    lower half along x, then of the upper, in each half at (z, y) = (0, 0), (0, 1), (1, 0), (1, 1).
    """
    alive = np.bincount(level.region) > 1
    inside = alive[level.region]
    if not inside.any():
        return None
    where, region = level.where[inside] >> 1, level.region[inside]
    high = where.max(axis=0).astype(np.int64) + 1
    every = ((region.astype(np.int64) * high[0] + where[:, 0]) * high[1] + where[:, 1]) * high[2] + where[:, 2]
    _, first, member = np.unique(every, return_index=True, return_inverse=True)
    parent = np.full(len(level.where), -1, np.int32)
    parent[inside] = member
    coarse, coarse_keys = make_level(where[first], region[first])
    region_of, z, y, x = coarse_keys.parts(coarse.key)
    under = np.arange(1, level.key.size + 1)
    children = [
        _find(level.key, under, keys(region_of, 2 * z + dz, 2 * y + dy, 2 * x + half))
        for half in (0, 1)
        for dz in (0, 1)
        for dy in (0, 1)
    ]
    return coarse, coarse_keys, parent, np.stack(children, axis=1).astype(np.int32)


def make_bricks(where, region):
    """All levels of a domain (`kernels.multigrid.Bricks`) from the coordinates (n, 3) and regions (n,) of its voxels."""
    level, keys = make_level(where, region)
    levels, parents = [level], []
    children = [np.zeros((level.key.size, 8), np.int32)]
    while (made := coarser(level, keys)) is not None:
        level, keys, parent, below = made
        levels.append(level)
        parents.append(parent)
        children.append(below)
    parents.append(np.full(len(level.where), -1, np.int32))

    def ends(sizes):
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    return Bricks(
        brick=ends([v.key.size for v in levels]),
        base=ends([2 * v.stride for v in levels]),
        stride=np.array([v.stride for v in levels], np.int64),
        table=np.concatenate([v.table for v in levels]),
        odd=np.concatenate([v.odd for v in levels]),
        children=np.concatenate(children),
        voxel=ends([v.slot.size for v in levels]),
        slot=np.concatenate([v.slot for v in levels]),
        parent=np.concatenate(parents),
        bits=np.concatenate([((v.where & 1) @ np.array([4, 2, 1])).astype(np.uint8) for v in levels]),
        local_red=np.empty(0, np.int32),
        local_black=np.empty(0, np.int32),
        again=np.zeros(levels[0].key.size, bool),
    )


def brick_of(bricks, number):
    """(number,) int64: the brick of each voxel of the finest level."""
    place = bricks.slot[:number] % bricks.stride[0]
    return np.searchsorted(bricks.table[: bricks.brick[1], 0], place, side="right") - 1


def make_faces(neighbour, bricks, diffusivity=None):
    """Conductances (`kernels.multigrid.Faces`) of a diffusivity (n,), or of 1 everywhere."""
    every, fine = int(bricks.base[-1]), int(bricks.base[1])
    faces = Faces(*(np.zeros(every, np.float32) for _ in range(4)), *(np.zeros(fine) for _ in range(4)))
    conductances(neighbour, np.empty(0) if diffusivity is None else np.ascontiguousarray(diffusivity), bricks, faces)
    if diffusivity is None:
        return faces._replace(**dict.fromkeys(("fine_z", "fine_y", "fine_x"), np.empty(0)))
    return faces
