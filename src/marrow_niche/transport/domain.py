"""Where a solute can be: the table of open neighbours, made ready for the solver once."""

from dataclasses import dataclass, replace

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import diffusion


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A masked lattice and its coarser levels. Made by `prepare`; constant, shared by every species and every hour."""

    neighbour: np.ndarray  # (n, 6) int32
    regions: int  # connected regions
    levels: diffusion.Pyramid
    pattern: tuple[np.ndarray, np.ndarray] | None = None  # conductances of a diffusivity that varies alike for every species

    @property
    def n(self):
        return self.neighbour.shape[0]

    @property
    def region(self):
        """(n,) int32: the connected region of each voxel."""
        out = np.empty(self.n, np.int32)
        out[self.levels.order] = self.levels.region
        return out


def prepare(neighbour):
    """Make a table of neighbours ready for `solve_compact`.

    Solving many times on one lattice, prepare it once: it costs about as much as solving for one species.

    Parameters
    ----------
    neighbour : (n, 6) int32
        Compact index of the open neighbour at −z, +z, −y, +y, −x, +x; -1 for a wall, which nothing crosses.

    Returns
    -------
    Domain

    Raises
    ------
    NumericsError
        The table is empty, has another shape, is not mirrored (i is j's neighbour but j is not i's), or closes on
        itself as a periodic one does.
    """
    neighbour = np.asarray(neighbour)
    if neighbour.ndim != 2 or neighbour.shape[1] != 6 or neighbour.shape[0] == 0:
        raise NumericsError(
            f"neighbour has shape {neighbour.shape}; expected (n, 6) with at least one open voxel: the neighbours "
            "of each voxel at -z, +z, -y, +y, -x, +x."
        )
    if not np.issubdtype(neighbour.dtype, np.integer):
        raise NumericsError(f"neighbour holds {neighbour.dtype}; expected whole numbers, such as int32.")
    neighbour = np.ascontiguousarray(neighbour, dtype=np.int32)
    fault = diffusion.first_fault(neighbour)
    if fault >= 0:
        raise NumericsError(
            f"neighbour, voxel {fault}: {neighbour[fault].tolist()} is not mirrored by the voxels it names; where j "
            "stands at +x of i, i must stand at -x of j, and a wall is -1."
        )
    where, region, regions = diffusion.coordinates(neighbour)
    if regions < 0:
        raise NumericsError(
            "neighbour closes on itself: walking it round ends at another place than it began. Periodic domains are "
            "not solved here; put walls (-1) at the edges."
        )
    neighbour = neighbour.copy()
    neighbour.flags.writeable = False
    return Domain(neighbour=neighbour, regions=regions, levels=_pyramid(neighbour, where, region))


def neighbours_of(open_):
    """The table of open neighbours of a mask.

    Parameters
    ----------
    open_ : (nz, ny, nx) bool, or with fewer axes
        True where the solute can be.

    Returns
    -------
    flat : (n,) int64
        Index of each open voxel in the C-ordered mask, ascending.
    neighbour : (n, 6) int32
    """
    open_ = np.asarray(open_, dtype=bool)
    box = open_.reshape((1,) * (3 - open_.ndim) + open_.shape)
    flat = np.flatnonzero(box)
    index = np.full(tuple(s + 2 for s in box.shape), -1, dtype=np.int32)
    index[1:-1, 1:-1, 1:-1][box] = np.arange(flat.size, dtype=np.int32)
    inner = slice(1, -1)
    columns: list[np.ndarray] = []
    for axis in range(3):
        for shift in (slice(None, -2), slice(2, None)):
            place = tuple(shift if a == axis else inner for a in range(3))
            columns.append(index[place][box])
    return flat, np.ascontiguousarray(np.stack(columns, axis=1))


def _pyramid(neighbour, where, region):
    n = neighbour.shape[0]
    order, reds = diffusion.red_first(where)
    rank = np.empty(n + 1, dtype=np.int32)
    rank[order] = np.arange(n, dtype=np.int32)
    rank[n] = -1
    table = rank[np.where(neighbour[order] < 0, n, neighbour[order])]
    where = where[order]

    faces = (table >= 0).sum(axis=1)
    row = np.concatenate(([0], np.cumsum(faces)))
    column = table[table >= 0]
    area = np.ones(column.size)
    start, black = [0, n], [reds]
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    areas: list[np.ndarray] = []
    places: list[np.ndarray] = []
    parents: list[np.ndarray] = []
    while column.size:
        base = start[-1]
        parent, where, reds = diffusion.gather_blocks(row, column, where)
        coarse_row, coarse_column, place = diffusion.coarse_faces(row, column, parent, where.shape[0])
        coarse_area = 0.5 * np.bincount(place[place >= 0], weights=area[place >= 0], minlength=coarse_column.size)
        before = sum(c.size for c in columns)
        parents.append(parent + np.int32(base))
        places.append(np.where(place >= 0, place + np.int32(before), np.int32(-1)))
        rows.append(coarse_row[:-1] + before)
        columns.append(coarse_column + np.int32(base))
        areas.append(coarse_area)
        start.append(base + where.shape[0])
        black.append(base + reds)
        row, column, area = coarse_row, coarse_column, coarse_area
    size = start[-1]
    parents.append(np.zeros(size - start[-2], dtype=np.int32))
    place = np.full((n, 6), -1, dtype=np.int32)
    if places:
        place[table >= 0] = places[0]

    def joined(parts, dtype):
        return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)

    return diffusion.Pyramid(
        start=np.array(start, dtype=np.int64),
        black=np.array(black, dtype=np.int64),
        order=order,
        table=np.where(table < 0, np.int32(size), table).astype(np.uint32),
        faces=faces.astype(np.float64),
        row=joined([*rows, [sum(c.size for c in columns)]], np.int64),
        column=joined(columns, np.uint32),
        area=joined(areas, np.float64),
        parent=joined(parents, np.uint32),
        place=place,
        above=joined(places[1:], np.int32),
        region=region[order].astype(np.uint32),
    )


def with_pattern(domain, relative):
    """The domain on which every species' diffusivity is a number times `relative` (n,), above zero: worked out once.

    `solve_compact` then takes one diffusivity a species, D, and solves with D·relative in each voxel.
    """
    relative = np.asarray(relative, float)
    if relative.shape != (domain.n,) or not (relative > 0.0).all():
        raise NumericsError(f"relative has shape {relative.shape}; expected ({domain.n},), every value above zero.")
    return replace(domain, pattern=diffusion.conductances(domain.levels, relative[domain.levels.order]))
