"""In which order the sweeps along x, y and z take the bricks of a domain."""

import numpy as np

from marrow_niche.kernels import walk
from marrow_niche.kernels.splitting import BLOCK, LANES, PLANES, ROWS, Blocks
from marrow_niche.transport.bricks import BRICK, brick_of
from marrow_niche.transport.standing import Standing

TASK = 128  # bricks of a task at least, where there are as many


def make_blocks(domain):
    """The `Blocks` of a `Domain`; how voxels stand in them (`Standing`); and the extent of their box, (z, y, x)."""
    where, _, _ = walk.coordinates(domain.neighbour)
    bricks = domain.standing.bricks
    count, brick = int(bricks.brick[1]), brick_of(domain.bricks, domain.n)
    at = np.empty((count, 4), np.int64)  # region, z, y, x / 16: ascending, as bricks are
    at[brick] = np.column_stack([domain.region, where[:, 0], where[:, 1], where[:, 2] // BRICK])
    region, z, y, x = at.T

    key, block_of = np.unique(np.column_stack([region, z // PLANES, y // LANES, x]), axis=0, return_inverse=True)
    block_of = block_of.reshape(-1)
    row = z % PLANES * LANES + y % LANES
    rows = np.zeros((len(key), ROWS), np.int32)
    rows[block_of, row] = bricks.table[:, 0]
    first_of_chain = np.append(_changes(key[:, :3]) | (np.diff(key[:, 3], prepend=-2) != 1), True)
    chain = np.flatnonzero(first_of_chain)

    pair = np.flatnonzero(_changes(np.column_stack([region, z // PLANES])))  # the first brick of each pair of planes
    pair = np.append(pair[_apart(pair)], count)
    chains_before = np.append(np.cumsum(first_of_chain)[block_of[pair[:-1]]] - 1, chain.size - 1)

    begin = np.flatnonzero(_changes(np.column_stack([region, z, y // LANES])))
    segment = np.column_stack([begin, np.append(begin[1:], count)])
    slab = np.column_stack([region, y // LANES])[begin]
    order = np.lexsort((z[begin], slab[:, 1], slab[:, 0]))
    segment = segment[order]
    starts = np.flatnonzero(_changes(slab[order]))
    before = np.concatenate([[0], np.cumsum(segment[:, 1] - segment[:, 0])])
    slabs = np.append(starts[_apart(before[starts])], len(segment))

    blocks = Blocks(
        rows=rows,
        chain=chain,
        longest=int(np.diff(chain).max()),
        planes=np.ascontiguousarray(np.column_stack([chains_before, pair])),
        slabs=slabs,
        segment=segment,
        y=y.astype(np.int32),
        z=z[begin][order].astype(np.int32),
        x=key[:, 3].astype(np.int32),
        along_y=bool(where[:, 1].any()),
        along_z=bool(where[:, 0].any()),
    )
    place = block_of[brick] * BLOCK + where[:, 2] % BRICK * ROWS + row[brick]
    return blocks, Standing(bricks=bricks, places=place, size=len(key) * BLOCK), 1 + where.max(axis=0)


def _changes(keys):
    """Where a row of keys differs from the one before; true for the first."""
    return np.append(True, (np.diff(keys, axis=0) != 0).any(axis=1))


def _apart(values):
    """Which of ascending numbers, the first among them, lie `TASK` at least from the last one taken."""
    taken, last = np.zeros(values.size, bool), -TASK
    for i, value in enumerate(values):
        if value - last >= TASK:
            taken[i], last = True, value
    return taken
