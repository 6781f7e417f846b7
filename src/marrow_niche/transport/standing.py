"""Where the voxels of a domain stand while they are stepped in time: in the bricks of its finest level, aligned.

The solver's bricks have a zero between rows, and begin anywhere. Here each begins at a multiple of eight, so that eight
numbers lie in one line of the cache, or two; between rows that do not touch stand zeros only where the last place of the
brick before is taken, for else that place is the zero.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels.sweeps import Bricks
from marrow_niche.transport.bricks import HALF, brick_of

LINE = 64  # bytes


@dataclass(frozen=True)
class Standing:
    """Aligned bricks, and the place (n,) int32 of each voxel among `size`."""

    bricks: Bricks  # of the finest level only
    places: np.ndarray
    size: int

    def stored(self, values, dtype, elsewhere=0):
        """(size,): `values` (n,) in their places; a number stays one, of this type."""
        if np.ndim(values) == 0:
            return dtype.type(values)
        out = zeros((self.size,), dtype)
        if elsewhere:
            out[:] = elsewhere
        out[self.places] = values
        return out


def zeros(shape, dtype):
    """Zeros that begin with a line of the cache."""
    dtype = np.dtype(dtype)
    raw = np.zeros(int(np.prod(shape)) * dtype.itemsize + LINE, np.uint8)
    first = -raw.ctypes.data % LINE
    return raw[first : first + raw.size - LINE].view(dtype).reshape(shape)


def make_standing(bricks, n):
    """The `Standing` of n voxels in the `Bricks` of the solver."""
    count = int(bricks.brick[1])
    table, old = bricks.table[:count], bricks.stride[0]
    brick = brick_of(bricks, n)
    colour, place = np.divmod(bricks.slot[:n], old)
    lane = place - table[brick, 0]
    full = np.zeros(count, bool)
    full[brick[lane == HALF - 1]] = True
    gap = np.ones(count, bool)
    gap[1:] = (np.diff(table[:, 0]) != HALF) & full[:-1]
    own = HALF * (np.arange(count) + np.cumsum(gap))
    stride = own[-1] + 2 * HALF
    new = np.zeros(old, np.int32)
    new[table[:, 0]] = own
    return Standing(
        bricks=bricks._replace(
            brick=bricks.brick[:2], base=np.array([0, 2 * stride]), stride=np.array([stride]), table=new[table]
        ),
        places=(own[brick] + lane + colour * stride).astype(np.int32),
        size=int(2 * stride),
    )
