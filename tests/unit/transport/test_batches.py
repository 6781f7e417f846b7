"""Steps on bricks: the type of the field, the bits, what is kept, and where voxels stand."""

import numba
import numpy as np
import pytest

from marrow_niche.kernels import walk
from marrow_niche.transport import advance, advance_compact, batches, medium, neighbours_of, prepare
from marrow_niche.transport.standing import zeros

TYPES = [np.float32, np.float64]
SCHEMES = ["explicit", "lod"]


@numba.njit
def prey(c):
    return c[0] - c[0] * c[1], c[0] * c[1] - c[1]


@numba.njit
def is_double(c):
    return 1.0 if c == 0.1 else 0.0


def mask(shape=(9, 11, 35), filled=0.7):
    return np.random.default_rng(1).random(shape) < filled


def started(dtype, open_, species=2):
    return np.random.default_rng(2).random((species, *open_.shape)).astype(dtype)


SETTINGS = {"diffusivity": np.array([1.0, 0.3]), "spacing": 1.0, "dt": 0.1}
COEFFICIENTS = {
    "even": {"loss": 0.2},
    "uneven": {"loss": np.random.default_rng(3).random((9, 11, 35)), "exchange": 0.1, "wall": 2.0},
}


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_many_steps_are_one_by_one_bit_for_bit(scheme, dtype, coefficients, monkeypatch):
    """Also with a reaction, and where a compiled call takes few of them."""
    open_ = mask()
    given = {**SETTINGS, **COEFFICIENTS[coefficients], "open_": open_, "scheme": scheme}
    for reaction in (None, prey):
        c = started(dtype, open_)
        once = advance(c, 0.1, steps=7, reaction=reaction, **given)
        monkeypatch.setattr(batches, "BATCH", 3 * prepare(neighbours_of(open_)[1]).standing.size)
        assert (once == advance(c, 0.1, steps=7, reaction=reaction, **given)).all()
        for _ in range(7):
            c = advance(c, 0.1, reaction=reaction, **given)
        assert c.dtype == once.dtype == dtype
        assert (c == once).all()


@pytest.mark.parametrize("filled", [0.8, 1.0])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bits_do_not_depend_on_the_threads(scheme, dtype, filled, monkeypatch):
    """One thread, two that share each species' bricks, two that take a species each; several tasks of each kind."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread only")
    open_ = mask((23, 41, 35), filled)
    before, answers = numba.get_num_threads(), []
    monkeypatch.setattr(medium, "WORTH_SHARING", 0)
    try:
        for threads, wide in ((1, 0), (2, 0), (2, 10**9)):
            numba.set_num_threads(threads)
            monkeypatch.setattr(batches, "WIDE", wide)
            c = started(dtype, open_)
            answers.append(advance(c, 0.1, loss=0.2, steps=3, open_=open_, scheme=scheme, **SETTINGS))
    finally:
        numba.set_num_threads(before)
    assert (answers[0] == answers[1]).all()
    assert (answers[0] == answers[2]).all()


@pytest.mark.parametrize("scheme", ["explicit", "lod", "second_order", "backward_euler", "auto"])
def test_float32_stays_and_all_else_is_float64(scheme):
    given = {"diffusivity": 1.0, "loss": 0.01, "spacing": 1.0, "dt": 0.1, "scheme": scheme}
    c = np.random.default_rng(4).random((5, 6, 7))
    exact = advance(c, 1.0, **given)
    single = advance(c.astype(np.float32), 1.0, **given)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=1e-6)
    for other in (c.astype(np.float16), np.ones(c.shape, int), c.astype(">f8")):
        assert advance(other, 1.0, **given).dtype == np.float64
    domain = prepare(neighbours_of(np.ones(c.shape, bool))[1])
    assert advance_compact(domain, c.ravel().astype(np.float32), 1.0, **given).concentration.dtype == np.float32


def test_a_reaction_works_in_float64():
    """0.1 as float32 is another number; a rate of 1 would tell that it was rounded back."""
    c = np.full((2, 3, 4), 0.1)
    given = {"diffusivity": 0.0, "loss": 0.0, "spacing": 1.0, "dt": 1.0, "reaction": is_double, "scheme": "explicit"}
    assert (advance(c, 0.0, **given) == 1.1).all()
    assert (advance(c.astype(np.float32), 0.0, **given) == np.float32(0.1)).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_an_even_field_stays_to_the_last_bit(dtype):
    open_ = mask()
    c = np.where(open_, dtype(0.1), dtype(0.0))
    after = advance(c, 0.0, diffusivity=0.9, loss=0.0, spacing=1.0, dt=0.17, steps=50, open_=open_, scheme="explicit")
    assert (after == c).all()


@pytest.mark.parametrize(("scheme", "drift"), [("explicit", 3e-7), ("lod", 1e-4)])
def test_what_float32_keeps_of_a_total(scheme, drift):
    """Over a thousand steps without loss; float64 keeps it to 1e-12."""
    open_ = mask()
    start = np.where(open_, np.random.default_rng(5).exponential(1.0, open_.shape), 0.0)
    given = {
        "diffusivity": 1.0,
        "loss": 0.0,
        "spacing": 1.0,
        "dt": 0.1,
        "steps": 1000,
        "open_": open_,
        "scheme": scheme,
    }
    for dtype, largest in ((np.float32, drift), (np.float64, 1e-12)):
        c = advance(start.astype(dtype), 0.0, **given)
        assert abs(c.sum(dtype=np.float64) / start.astype(dtype).sum(dtype=np.float64) - 1) < largest


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-30), (np.float64, 1e-290)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_number_is_so_small_that_it_slows_the_machine(scheme, dtype, least):
    c = np.zeros((3, 5, 700), dtype)
    c[1, 2, 3] = 1.0
    after = advance(c, 0.0, diffusivity=1.0, loss=0.0, spacing=1.0, dt=0.01, steps=200, scheme=scheme)
    assert after[after > 0].min() >= least
    assert (after[..., -1] == 0.0).all()
    assert after.sum() == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_step_that_gives_away_all_leaves_nothing(dtype):
    c = np.zeros((5, 5, 5), dtype)
    c[2, 2, 2] = 1e-3
    for more in (0.0, 9e-13):  # what passes for the largest dt
        dt = 0.1**2 / (6 * 0.7) * (1.0 + more)
        after = advance(c, 0.0, diffusivity=0.7, loss=0.0, spacing=0.1, dt=dt, scheme="explicit")
        assert after[2, 2, 2] == 0.0
        assert after.min() >= 0.0
    assert (advance(-c, 0.0, diffusivity=0.7, loss=0.0, spacing=0.1, dt=1e-3, scheme="explicit") <= 0.0).all()


@pytest.mark.parametrize(
    ("shape", "filled"), [((6, 7, 50), 0.6), ((5, 4, 32), 1.0), ((1, 1, 70), 0.9), ((4, 9, 17), 0.1)]
)
def test_neighbours_stand_where_steps_look(shape, filled):
    """Bricks begin at multiples of eight; left, right and the table lead to the neighbours, and to nobody at a wall."""
    domain = prepare(neighbours_of(mask(shape, filled))[1])
    stand, (where, _, _) = domain.standing, walk.coordinates(domain.neighbour)
    table, odd, stride = stand.bricks.table, stand.bricks.odd, stand.bricks.stride[0]
    who = np.full(stand.size, -1)
    who[stand.places] = np.arange(domain.n)
    assert (np.count_nonzero(who >= 0), stand.size) == (domain.n, 2 * stride)
    assert not (table % 8).any() and (np.diff(table[:, 0]) >= 8).all()
    for i, place in enumerate(stand.places):
        colour, at = divmod(int(place), int(stride))
        k = np.searchsorted(table[:, 0], at, side="right") - 1
        lane, other = at - table[k, 0], (1 - colour) * stride
        left = other + at - 1 + (odd[k] ^ colour)
        around = [other + table[k, f] + lane for f in (1, 2, 3, 4)] + [left, left + 1]
        assert colour == where[i].sum() % 2
        assert (who[around] == domain.neighbour[i]).all()


@pytest.mark.parametrize("filled", [0.1, 0.7, 1.0])
def test_sweeps_take_every_brick_once(filled):
    domain = prepare(neighbours_of(mask((13, 21, 50), filled))[1])
    blocks, of_blocks, _ = domain.blocks
    count = int(domain.bricks.brick[1])
    taken = np.concatenate([np.arange(*ends) for ends in blocks.segment])
    assert (np.sort(taken) == np.arange(count)).all()
    assert (np.sort(blocks.rows[blocks.rows > 0]) == domain.standing.bricks.table[:, 0]).all()
    assert (np.diff(blocks.chain) > 0).all() and blocks.chain[-1] == len(blocks.rows)
    assert (np.diff(blocks.planes, axis=0) > 0).all() and (blocks.planes[-1] == (blocks.chain.size - 1, count)).all()
    assert (np.diff(blocks.slabs) > 0).all() and blocks.slabs[-1] == len(blocks.segment)
    assert np.unique(of_blocks.places).size == domain.n and of_blocks.places.max() < of_blocks.size


def test_zeros_begin_with_a_line_of_the_cache():
    for shape, dtype in (((3, 16), np.float32), ((5,), np.int8)):
        made = zeros(shape, dtype)
        assert made.ctypes.data % 64 == 0 and made.shape == shape and made.dtype == dtype and not made.any()
