"""Where a cycle of the solver relaxes more than once: round blocks that a wall parts, whose coarse voxel speaks for both sides.

What such a block is corrected by is wrong on one side of its wall, and by itself that would cost a few cycles more the
larger the marrow and the rarer the shapes in it. The few bricks concerned are relaxed again instead (`kernels.multigrid`).

References
----------
Brandt, Multi-level adaptive solutions to boundary-value problems, Math Comp 31, 1977 (relaxing more where it is wanted).
"""

import numpy as np

from marrow_niche.kernels.parted import parted
from marrow_niche.transport.bricks import HALF, brick_of

RARE = 0.1
"""Largest share of the bricks that are relaxed again. They lie apart, so each costs what two or three in a row do; above this
share that is more than the cycles it saves."""


def with_local(bricks, neighbour, most=RARE):
    """The `Bricks` of voxels with these neighbours (n, 6), `local_red`, `local_black` and `again` filled in.

    They stay empty where more than the share `most` of the bricks would be relaxed again.
    """
    n, count = len(neighbour), int(bricks.brick[1])
    if len(bricks.stride) == 1:
        return bricks
    blocks = int(bricks.voxel[2] - bricks.voxel[1])
    parent = bricks.parent[:n]
    split = parted(neighbour, parent, bricks.bits[:n], blocks)
    inside = np.flatnonzero((parent >= 0) & split[parent])
    red = np.zeros(count, bool)
    red[brick_of(bricks, n)[inside]] = True
    black = np.flatnonzero(_ring(bricks, red)).astype(np.int32)
    if black.size > most * count:
        return bricks
    return bricks._replace(
        local_red=np.flatnonzero(red).astype(np.int32),
        local_black=black,
        again=red,
    )


def _ring(bricks, some):
    """`some` (B₀,) bool of the bricks of the finest level, and all bricks that touch them along z, y and x."""
    begin = bricks.table[: some.size, 0]
    out = some.copy()
    beside = bricks.table[: some.size][some, 1:]
    out[np.searchsorted(begin, beside[beside > 0])] = True
    touch = np.diff(begin) == HALF  # bricks that touch along x stand side by side
    out[1:] |= some[:-1] & touch
    out[:-1] |= some[1:] & touch
    return out
