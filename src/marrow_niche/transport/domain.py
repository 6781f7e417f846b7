"""Where a solute can be: the table of open neighbours, made ready for the solver once."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import multigrid, sweeps, walk
from marrow_niche.transport.blocks import make_blocks
from marrow_niche.transport.bricks import BRICK, brick_of, make_bricks, make_faces
from marrow_niche.transport.local import with_local
from marrow_niche.transport.standing import make_standing


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A masked lattice and its coarser levels. Made by `prepare`; constant, shared by every species and every hour."""

    neighbour: np.ndarray  # (n, 6) int32: at −z, +z, −y, +y, −x, +x of the solver, along whose x bricks lie
    axes: tuple[int, int, int]  # which axes of the table that was given these are; (0, 1, 2) where they are the same
    regions: int  # connected regions
    region: np.ndarray  # (n,) int32: that of each voxel
    bricks: sweeps.Bricks
    brick_region: np.ndarray  # (B₀,) int32: that of each brick of the finest level
    pattern: multigrid.Faces | None = None  # of a diffusivity that varies alike for every species
    _shelf: list = field(default_factory=list, repr=False, compare=False)

    @property
    def n(self):
        return self.neighbour.shape[0]

    @cached_property
    def faces(self):
        """Faces of conductance 1."""
        return make_faces(self.neighbour, self.bricks)

    @cached_property
    def voxel(self):
        """(T₀,) int32: the voxel that stands at each place of the finest level, -1 where none does."""
        out = np.full(int(self.bricks.base[1]), -1, np.int32)
        out[self.bricks.slot[: self.n]] = np.arange(self.n, dtype=np.int32)
        return out

    @cached_property
    def standing(self):
        """Where voxels stand while they are stepped in time."""
        return make_standing(self.bricks, self.n)

    @cached_property
    def blocks(self):
        """In which order split steps take them: see `make_blocks`."""
        return make_blocks(self)

    def borrow(self, species):
        """Arrays to solve for so many species in (`kernels.multigrid.Work`); those given back are used again."""
        for k, work in enumerate(self._shelf):
            if work.b.shape[0] >= species:
                self._shelf.pop(k)
                return multigrid.Work(*(part[:species] for part in work))
        every, fine = int(self.bricks.base[-1]), int(self.bricks.base[1])
        half = fine // 2
        small = (np.zeros((species, size), np.float32) for size in (every, every, every, half, half, half, fine, fine))
        return multigrid.Work(*small, *(np.zeros((species, fine)) for _ in range(3)))

    def give_back(self, work):
        """Leave arrays for the next solve, whole where a part was lent; only the last ones are kept."""
        self._shelf[:] = [multigrid.Work(*(part if part.base is None else part.base for part in work))]


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
    fault = walk.first_fault(neighbour)
    if fault >= 0:
        raise NumericsError(
            f"neighbour, voxel {fault}: {neighbour[fault].tolist()} is not mirrored by the voxels it names; where j "
            "stands at +x of i, i must stand at -x of j, and a wall is -1."
        )
    where, region, regions = walk.coordinates(neighbour)
    if regions < 0:
        raise NumericsError(
            "neighbour closes on itself: walking it round ends at another place than it began. Periodic domains are "
            "not solved here; put walls (-1) at the edges."
        )
    starts = [np.count_nonzero((where[:, axis] % BRICK == 0) | (neighbour[:, 2 * axis] < 0)) for axis in range(3)]
    along = min((2, 1, 0), key=lambda axis: starts[axis])  # short rows leave bricks empty
    return _laid(neighbour, where, region, (*(axis for axis in range(3) if axis != along), along))


def _laid(neighbour, where, region, axes):
    """The `Domain` of a sound table whose axes are taken in this order; `where` and `region` from `walk.coordinates`."""
    neighbour = neighbour[:, [2 * axis + side for axis in axes for side in (0, 1)]]
    neighbour.flags.writeable = False
    bricks = with_local(make_bricks(np.ascontiguousarray(where[:, axes]), region), neighbour)
    brick_region = np.empty(int(bricks.brick[1]), np.int32)
    brick_region[brick_of(bricks, len(region))] = region
    return Domain(
        neighbour=neighbour,
        axes=axes,
        regions=int(region.max()) + 1,
        region=region,
        bricks=bricks,
        brick_region=brick_region,
    )


def as_given(domain):
    """The domain with its axes in the order of the table it was made from, for a scheme that takes one after the other."""
    back = tuple(domain.axes.index(axis) for axis in range(3))
    if back == (0, 1, 2):
        return domain
    where, region, _ = walk.coordinates(domain.neighbour)
    laid = _laid(domain.neighbour, where, region, back)
    return replace(laid, axes=(0, 1, 2))


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
    neighbour = np.empty((flat.size, 6), np.int32)
    for axis in range(3):
        for side, shift in enumerate((slice(None, -2), slice(2, None))):
            place = tuple(shift if a == axis else inner for a in range(3))
            neighbour[:, 2 * axis + side] = index[place][box]
    return flat, neighbour


def walled(domain, still):
    """The domain with walls round the voxels `still` (n,) bool, such as those that do not diffuse; itself if none is."""
    if not still.any():
        return domain
    closed = still[:, np.newaxis] | still[np.maximum(domain.neighbour, 0)]
    return prepare(np.where(closed, -1, domain.neighbour))


def with_pattern(domain, relative):
    """The domain on which every species' diffusivity is a number times `relative` (n,), above zero: worked out once.

    `solve_compact` then takes one diffusivity a species, D, and solves with D·relative in each voxel.
    """
    relative = np.asarray(relative, float)
    if relative.shape != (domain.n,) or not (relative > 0.0).all():
        raise NumericsError(f"relative has shape {relative.shape}; expected ({domain.n},), every value above zero.")
    return replace(domain, pattern=make_faces(domain.neighbour, domain.bricks, relative), _shelf=[])
