"""Which blocks of 2 × 2 × 2 voxels a wall parts: their voxels hang together, if at all, outside the block only."""

import numpy as np
from numba import njit


@njit(cache=True)
def parted(neighbour, parent, bits, blocks):
    """(blocks,) bool: whether the open voxels of a block are more than one piece within it.

    Parameters
    ----------
    neighbour : (n, 6) int32
        At −z, +z, −y, +y, −x, +x; -1 for a wall.
    parent : (n,) int32
        The block of each voxel; -1: none.
    bits : (n,) uint8
        The lowest bits of z (4), y (2) and x (1): where in its block a voxel stands.
    blocks : int
    """
    open_ = np.zeros(blocks, np.uint8)  # one bit for each place
    beside = np.zeros((blocks, 8), np.uint8)  # those that a voxel touches within its block
    for i in range(parent.size):
        if parent[i] < 0:
            continue
        open_[parent[i]] |= np.uint8(1) << bits[i]
        for axis in range(3):
            step = np.uint8(4) >> axis
            if neighbour[i, 2 * axis + (1 if bits[i] & step == 0 else 0)] >= 0:
                beside[parent[i], bits[i]] |= np.uint8(1) << (bits[i] ^ step)
    out = np.zeros(blocks, np.bool_)
    for block in range(blocks):
        all_ = np.int64(open_[block])
        found, before = all_ & -all_, np.int64(0)  # from the first voxel on
        while found != before:
            before = found
            for place in range(8):
                if found >> place & 1:
                    found |= np.int64(beside[block, place])
        out[block] = found != all_
    return out
