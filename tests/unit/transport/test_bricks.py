"""Bricks: every voxel has a place, its neighbours stand where the kernels look for them, and coarse levels sum fine ones."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from marrow_niche.kernels import multigrid, sweeps, walk
from marrow_niche.transport import neighbours_of, prepare, solve_compact
from marrow_niche.transport.bricks import brick_of, make_faces
from marrow_niche.transport.domain import as_given
from marrow_niche.transport.local import with_local

SHAPES = [((13, 10, 37), 0.3), ((7, 6, 33), 0.6), ((5, 4, 50), 0.95), ((1, 9, 40), 0.7), ((1, 1, 70), 1.0)]


def domain_of(shape, share, seed=1):
    """Scattered voxels; bricks round parted blocks are relaxed again, however many they are."""
    domain = prepare(neighbours_of(np.random.default_rng(seed).random(shape) < share)[1])
    return replace(domain, bricks=with_local(domain.bricks, domain.neighbour, most=1.0), _shelf=[])


def levels_of(domain):
    """Coordinates (m, 3), region (m,), slots (m,) and parents (m,) of the voxels of each level."""
    where, region, _ = walk.coordinates(domain.neighbour)
    b = domain.bricks
    for level in range(b.stride.size):
        first, last = b.voxel[level], b.voxel[level + 1]
        yield level, where, region, b.slot[first:last], b.parent[first:last]
        if level + 1 < b.stride.size:
            parent, number = b.parent[first:last], b.voxel[level + 2] - b.voxel[level + 1]
            above, of = np.full((number, 3), -1), np.full(number, -1)
            for i in np.flatnonzero(parent >= 0):
                above[parent[i]], of[parent[i]] = where[i] // 2, region[i]
            where, region = above, of


@pytest.mark.parametrize(("shape", "share"), SHAPES)
def test_neighbours_stand_where_the_kernels_look(shape, share):
    """On every level each voxel has a place of its colour, and reading left, right and by the table finds its neighbours."""
    domain = domain_of(shape, share)
    b = domain.bricks
    for level, where, region, slot, _ in levels_of(domain):
        stride = b.stride[level]
        first, last = b.brick[level], b.brick[level + 1]
        assert len(set(slot)) == len(slot) and slot.max() < 2 * stride
        assert (slot // stride == where.sum(axis=1) % 2).all()
        number = {(r, *map(int, w)): int(s) for w, r, s in zip(where, region, slot)}
        begin = b.table[first:last, 0]
        for (r, z, y, x), s in number.items():
            colour, place = divmod(s, stride)
            k = first + np.searchsorted(begin, place, side="right") - 1
            lane, other = place - b.table[k, 0], (1 - colour) * stride
            assert 0 <= lane < 8 and b.odd[k] == (z + y) % 2
            odd = x % 2
            assert odd == (b.odd[k] ^ colour)
            for there, at in (
                ((z, y, x - 1), other + place - 1 + odd),
                ((z, y, x + 1), other + place + odd),
                *(
                    (step, other + b.table[k, f] + lane)
                    for f, step in enumerate(((z - 1, y, x), (z + 1, y, x), (z, y - 1, x), (z, y + 1, x)), 1)
                ),
            ):
                want = number.get((r, *there))
                assert at == want if want is not None else at not in number.values()


@pytest.mark.parametrize(("shape", "share"), SHAPES)
def test_a_coarse_voxel_gathers_a_block_of_one_region(shape, share):
    """Up to 2 x 2 x 2 of them; a region of one voxel has no parent; the coarse brick names the fine one; the last level has
    none but single voxels."""
    domain = domain_of(shape, share)
    b = domain.bricks
    for level, where, region, slot, parent in levels_of(domain):
        size = np.bincount(region)
        assert ((parent < 0) == (size[region] == 1)).all()
        if level + 1 == b.stride.size:
            assert (size <= 1).all()
            break
        blocks = {}
        for i in np.flatnonzero(parent >= 0):
            blocks.setdefault(parent[i], []).append((region[i], *(where[i] // 2)))
        assert all(len(set(members)) == 1 and len(members) <= 8 for members in blocks.values())
        assert len({m[0] for m in blocks.values()}) == len(blocks)
        above = b.slot[b.voxel[level + 1] : b.voxel[level + 2]]
        fine, coarse = (b.table[b.brick[v] : b.brick[v + 1], 0] for v in (level, level + 1))
        for i in np.flatnonzero(parent >= 0):
            k = np.searchsorted(coarse, above[parent[i]] % b.stride[level + 1], side="right") - 1
            child = 1 + np.searchsorted(fine, slot[i] % b.stride[level], side="right") - 1
            z, y, x = where[i]
            assert b.children[b.brick[level + 1] + k, 4 * (x // 16 % 2) + 2 * (z % 2) + y % 2] == child


@pytest.mark.parametrize("uneven", [False, True])
def test_faces_are_harmonic_means_and_halve_on_the_way_up(uneven):
    domain = domain_of((7, 6, 35), 0.7)
    b, n = domain.bricks, domain.n
    d = np.random.default_rng(2).uniform(0.1, 5.0, n) if uneven else np.ones(n)
    faces = make_faces(domain.neighbour, b, d if uneven else None)
    shown = [(faces.z, 1), (faces.y, 3), (faces.x, 5)]
    links = {}
    for i, f in itertools.product(range(n), range(6)):
        j = domain.neighbour[i, f]
        if j >= 0:
            links[i, j] = 2 / (1 / d[i] + 1 / d[j])
    for level, _, _, slot, parent in levels_of(domain):
        total = np.zeros(len(slot))
        for (i, _), g in links.items():
            total[i] += g
        assert faces.sum[b.base[level] + slot] == pytest.approx(total, rel=1e-5)
        plus = sum(float(values[b.base[level] : b.base[level + 1]].sum()) for values, _ in shown)
        assert 2 * plus == pytest.approx(total.sum(), rel=1e-5)
        if level == 0:
            for values, f in shown:
                for i in np.flatnonzero(domain.neighbour[:, f] >= 0):
                    assert values[slot[i]] == np.float32(links[i, domain.neighbour[i, f]])
        up = {}
        for (i, j), g in links.items():
            if parent[i] >= 0 and parent[i] != parent[j]:
                up[parent[i], parent[j]] = up.get((parent[i], parent[j]), 0.0) + g / 2
        links = up


def test_bricks_know_their_region():
    domain = domain_of((9, 10, 40), 0.2)
    assert domain.regions > 50
    assert (domain.brick_region[brick_of(domain.bricks, domain.n)] == domain.region).all()


class Sweeps:
    """The solver's sweeps by hand, for so many species on a domain with diffusivities d (n,), or 1, and losses (n,)."""

    def __init__(self, domain, species, loss, d=None):
        b = self.bricks = domain.bricks
        self.slot, self.work = b.slot[: domain.n], domain.borrow(species)
        self.faces = domain.faces if d is None else make_faces(domain.neighbour, b, d)
        self.work.k[:, self.slot] = loss
        ledger = (
            domain.brick_region, np.ones(species, bool), np.ones((species, 1)), np.zeros((species, 1)),
            np.zeros((3, species, len(b.table))),
        )  # fmt: skip
        self.active, self.part, self.number = np.arange(species), np.zeros((species, 10)), np.zeros(species)
        self.given = (self.active, b, d is None, self.faces, self.work, ledger, self.number, self.part)
        multigrid._invert_all(*self.given)

    def __call__(self, *names):
        for name in names:
            multigrid._sweep(getattr(sweeps, name), sweeps.FINEST, *self.given)

    def cycle(self):
        multigrid._cycle(*self.given)

    def read(self, values):
        """(S, n) of an array of places."""
        return values[:, self.slot].astype(float)


def dense_of(domain, loss, d=None):
    """The matrix of the equations (n, n)."""
    d, a = np.ones(domain.n) if d is None else d, np.diag(loss).astype(float)
    for i, f in itertools.product(range(domain.n), range(6)):
        j = domain.neighbour[i, f]
        if j >= 0:
            g = 2 * d[i] * d[j] / (d[i] + d[j])
            a[i, i] += g
            a[i, j] -= g
    return a


def without_red(a, red):
    """What is left of the matrix for the black voxels once the red ones are relaxed, and by what factors red ones follow."""
    follow = -a[np.ix_(red, ~red)] / np.diag(a)[red, np.newaxis]
    return a[np.ix_(~red, ~red)] + a[np.ix_(~red, red)] @ follow, follow


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("shape", [(6, 5, 20), (1, 9, 33)])
def test_a_cycle_is_a_symmetric_preconditioner(shape, uneven):
    """Of the black voxels once the red ones are relaxed: M = Mᵀ, the eigenvalues of M S lie between 0.1 and 1.9; red follow."""
    domain = domain_of(shape, 0.75)
    assert domain.bricks.local_red.size > 0
    rng = np.random.default_rng(3)
    loss, d = rng.uniform(0.001, 0.1, domain.n), rng.uniform(0.5, 2.0, domain.n) if uneven else None
    red = domain.bricks.slot[: domain.n] < domain.bricks.stride[0]
    black = np.flatnonzero(~red)
    solver = Sweeps(domain, black.size, loss, d)
    solver.work.r[np.arange(black.size), solver.slot[black]] = 1.0
    solver("SCALE", "BEGIN")
    solver.cycle()
    z = solver.read(solver.work.z)
    m = z[:, black]
    left, follow = without_red(dense_of(domain, loss, d), red)
    assert np.abs(m - m.T).max() < 1e-5 * np.abs(m).max()
    eigenvalues = np.linalg.eigvals(m @ left).real
    assert eigenvalues.min() > 0.1 and eigenvalues.max() < 1.9
    assert z[:, red] == pytest.approx(m @ follow.T, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("uneven", [False, True])
def test_the_image_of_a_direction_also_where_it_is_nothing(uneven):
    """A z on the black voxels where red ones were relaxed, also in an open black voxel in which z is zero; then + β q."""
    domain = domain_of((6, 5, 20), 0.75)
    rng = np.random.default_rng(5)
    loss, d = rng.uniform(0.001, 0.1, domain.n), rng.uniform(0.5, 2.0, domain.n) if uneven else None
    red = domain.bricks.slot[: domain.n] < domain.bricks.stride[0]
    solver = Sweeps(domain, 1, loss, d)
    z = np.where(red, 0.0, rng.standard_normal(domain.n))
    z[np.flatnonzero(~red)[::3]] = 0.0
    solver.work.z[0, solver.slot] = z
    place = solver.slot[~red] - domain.bricks.stride[0]
    left, _ = without_red(dense_of(domain, loss, d), red)
    solver("LAST", "TURN")
    assert solver.work.q[0, place] == pytest.approx(left @ z[~red], rel=1e-4, abs=1e-4)
    assert solver.part[0].sum() == pytest.approx(z[~red] @ left @ z[~red], rel=1e-4)
    solver.number[:] = 0.5
    solver("TURN")
    assert solver.work.p[0, place] == pytest.approx(1.5 * z[~red], rel=1e-5, abs=1e-6)
    assert solver.work.q[0, place] == pytest.approx(1.5 * (left @ z[~red]), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("uneven", [False, True])
def test_what_begins_is_what_red_voxels_leave_on_black_ones(uneven):
    domain = domain_of((6, 5, 20), 0.75)
    rng = np.random.default_rng(6)
    loss, d = rng.uniform(0.001, 0.1, domain.n), rng.uniform(0.5, 2.0, domain.n) if uneven else None
    right = rng.standard_normal(domain.n)
    solver = Sweeps(domain, 1, loss, d)
    red = solver.slot < domain.bricks.stride[0]
    solver.work.r[0, solver.slot] = right
    solver("SCALE", "BEGIN")
    a = dense_of(domain, loss, d)
    left = (right - a @ np.where(red, right / np.diag(a), 0.0))[~red]
    assert solver.read(solver.work.r)[0, ~red] == pytest.approx(left, rel=1e-4, abs=1e-4)
    assert solver.read(solver.work.z)[0, ~red] == pytest.approx(left / np.diag(a)[~red], rel=1e-4, abs=1e-4)
    closed = np.setdiff1d(np.arange(domain.bricks.base[1]), solver.slot)
    assert not solver.work.r[0, closed].any() and not solver.work.z[0, closed].any()


def pieces(voxels, neighbour):
    """How many pieces these voxels are, walking between them only."""
    left, count = set(voxels), 0
    while left:
        count += 1
        ahead = [left.pop()]
        while ahead:
            beside = left & set(neighbour[ahead.pop()])
            left -= beside
            ahead.extend(beside)
    return count


@pytest.mark.parametrize(("shape", "share"), SHAPES)
def test_bricks_round_blocks_that_a_wall_parts_are_relaxed_again(shape, share):
    """The red voxels of the bricks of such a block, and the black ones of these and of every brick that touches them."""
    domain = domain_of(shape, share)
    b, neighbour = domain.bricks, domain.neighbour
    brick = brick_of(b, domain.n)
    red = set()
    for block in range(b.parent[: domain.n].max() + 1):
        voxels = np.flatnonzero(b.parent[: domain.n] == block)
        if pieces(voxels, neighbour) > 1:
            red |= set(brick[voxels])
    where, region, _ = walk.coordinates(neighbour)
    at = np.empty((int(b.brick[1]), 4), int)
    at[brick] = np.column_stack([region, where[:, :2], where[:, 2] // 16])
    black = {k for k in range(len(at)) for j in red if at[k, 0] == at[j, 0] and np.abs(at[k] - at[j]).sum() <= 1}
    assert set(b.local_red) == red and set(np.flatnonzero(b.again)) == red
    assert set(b.local_black) == black
    assert bool(red) == (share < 0.9)


@pytest.mark.parametrize("uneven", [False, True])
def test_what_goes_down_is_the_residual_also_where_bricks_are_relaxed_again(uneven):
    """The way down on the finest level, from zero and with nothing on red voxels: each coarse voxel gets the sum of r − A z,
    and no black one keeps any."""
    domain = domain_of((9, 10, 70), 0.75)
    b, n, rng = domain.bricks, domain.n, np.random.default_rng(4)
    loss, d = rng.uniform(0.001, 0.1, n), rng.uniform(0.5, 2.0, n) if uneven else None
    solver = Sweeps(domain, 1, loss, d)
    brick, red = brick_of(b, n), solver.slot < b.stride[0]
    right = np.where(red, 0.0, rng.standard_normal(n))
    solver.work.r[0, solver.slot] = right
    a, z = dense_of(domain, loss, d), np.zeros(n)
    assert 0 < b.local_red.size < b.local_black.size <= b.brick[1]
    again = [("FIRST_RED", red & np.isin(brick, b.local_red)), ("FIRST_BLACK", ~red & np.isin(brick, b.local_black))]
    for name, some in [("BEGIN", ~red), *again, *again]:
        z[some] += (right - a @ z)[some] / np.diag(a)[some]  # those of one colour do not touch
        solver(name)
        assert solver.read(solver.work.z)[0, ~red] == pytest.approx(z[~red], rel=1e-5, abs=1e-5), name
        assert solver.work.w[0, solver.slot[red]] == pytest.approx(z[red], rel=1e-5, abs=1e-5), name
    residual = right - a @ z
    assert np.abs(residual[~red]).max() < 1e-12
    solver("LEFT", "UP")
    assert solver.read(solver.work.z)[0, red] == pytest.approx(residual[red], rel=1e-4, abs=1e-5)
    inside = b.parent[:n] >= 0
    sums = np.bincount(b.parent[:n][inside], weights=residual[inside])
    coarse = solver.work.r[0, b.base[1] + b.slot[b.voxel[1] : b.voxel[2]]]
    assert coarse == pytest.approx(sums, rel=1e-4, abs=1e-5)


def test_bricks_are_relaxed_again_where_they_are_few():
    """A box with one block of which two opposite corners are open, and scattered voxels, of which nearly every brick would be."""
    open_ = np.ones((20, 20, 160), bool)
    open_[4:6, 4:6, 4:6] = False
    open_[4, 4, 4] = open_[5, 5, 5] = True
    few = prepare(neighbours_of(open_)[1])
    assert 0 < few.bricks.local_black.size < 0.1 * few.bricks.brick[1]
    many = prepare(neighbours_of(np.random.default_rng(1).random((9, 10, 70)) < 0.75)[1])
    assert many.bricks.local_black.size == many.bricks.local_red.size == 0 and not many.bricks.again.any()


def test_arrays_are_lent_again_after_fewer_species_were_solved():
    domain = domain_of((5, 4, 50), 0.95)
    work = domain.borrow(3)
    domain.give_back(work)
    domain.give_back(domain.borrow(1))
    again = domain.borrow(3)
    assert all(np.shares_memory(one, other) for one, other in zip(work, again))


def test_relaxing_again_round_parted_blocks_saves_cycles():
    """A holed cylinder 100 voxels wide: fewer cycles to the same field than by relaxing every brick as often."""
    rng = np.random.default_rng(0)
    y, x = np.indices((100, 100)) - 49.5
    noise = gaussian_filter(rng.standard_normal((100, 100, 100)), 1.5)
    domain = prepare(neighbours_of((np.hypot(x, y) < 50) & (noise > np.quantile(noise, 0.25)))[1])
    b = domain.bricks
    bare = b._replace(local_red=b.local_red[:0], local_black=b.local_black[:0], again=np.zeros_like(b.again))
    source = 1.0 * (rng.random(domain.n) < 0.02)
    found = [
        solve_compact(one, source, diffusivity=1.0, loss=30.0**-2, spacing=1.0)
        for one in (domain, replace(domain, bricks=bare, _shelf=[]))
    ]
    assert found[0].concentration == pytest.approx(found[1].concentration, rel=1e-3, abs=1e-3)
    assert found[0].iterations[0] <= found[1].iterations[0] - 2


def test_far_from_every_source_nothing_is_left_below_the_smallest_normal_number():
    """A channel a thousand reaches long: float32 numbers would fall below 1e-38 and slow every sweep; they are zero."""
    domain = prepare(neighbours_of(np.ones((3, 3, 2000), bool))[1])
    source = np.zeros((3, 3, 2000))
    source[:, :, 0] = 1.0
    c = solve_compact(domain, source.reshape(-1), diffusivity=1.0, loss=0.3, spacing=1.0).concentration
    assert c.max() > 1.0
    work = domain.borrow(1)
    smallest = np.finfo(np.float32).tiny
    for name in ("r", "z", "p", "q", "w", "e"):
        values = np.abs(getattr(work, name))
        assert not ((values > 0) & (values < smallest)).any(), name


@pytest.mark.parametrize("shape", [(1, 40, 50), (40, 1, 50), (40, 50, 1), (90, 3, 2), (2, 90, 3), (3, 2, 90)])
def test_bricks_lie_where_the_fewest_are_needed(shape):
    """However a thin lattice lies; the axes as given come back."""
    flat, neighbour = neighbours_of(np.ones(shape, bool))
    domain = prepare(neighbour)
    assert domain.bricks.brick[1] == min(flat.size // length * -(-length // 16) for length in shape)
    assert (as_given(domain).neighbour == neighbour).all()
