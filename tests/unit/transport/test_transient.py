"""One step of backward Euler against a direct solve; reactions; what is refused."""

import naive_transport as naive
import numba
import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import advance, advance_compact, budget, neighbours_of, prepare, solve_steady


@numba.njit
def gray_scott(c):
    u, v = c
    return -u * v * v + 0.04 * (1.0 - u), u * v * v - 0.1 * v


@numba.njit
def logistic(c):
    return 0.7 * c * (1.0 - c)


@numba.njit
def explode(c):
    return np.inf


@pytest.fixture
def open_():
    return np.random.default_rng(1).random((7, 8, 9)) < 0.7


def test_a_step_agrees_with_a_direct_solve(open_):
    rng = np.random.default_rng(2)
    c, source, loss = rng.random(open_.shape), rng.random(open_.shape), rng.random(open_.shape)
    d, exchange = rng.random(open_.shape) + 0.1, rng.random(open_.shape)
    settings = {"diffusivity": d, "loss": loss, "spacing": 0.5, "open_": open_, "exchange": exchange, "wall": 2.0}
    mine = advance(c, source, dt=0.3, rtol=1e-12, **settings)
    np.testing.assert_allclose(mine, naive.advance(c, source, dt=0.3, **settings), atol=1e-10)


def test_steps_are_steps_and_the_start_is_not_changed(open_):
    c = np.random.default_rng(3).random((2, *open_.shape))
    before = c.copy()
    settings = {"diffusivity": np.array([1.0, 5.0]), "loss": 0.1, "spacing": 1.0, "dt": 0.2, "open_": open_}
    once = advance(c, 1.0, **settings)
    twice = advance(once, 1.0, **settings)
    assert (advance(c, 1.0, steps=2, **settings) == twice).all()
    assert (c == before).all()
    assert (twice[:, ~open_] == 0.0).all()


def test_one_huge_step_is_the_steady_state(open_):
    source = np.random.default_rng(4).random(open_.shape)
    settings = {"diffusivity": 9.0, "loss": 0.3, "spacing": 1.0, "open_": open_, "rtol": 1e-11}
    rest = solve_steady(source, **settings)
    np.testing.assert_allclose(advance(np.zeros(open_.shape), source, dt=1e12, **settings), rest, rtol=1e-8)
    np.testing.assert_allclose(advance(rest, source, dt=0.5, **settings), rest, rtol=1e-8)


def test_compact_and_dense_steps_agree(open_):
    c = np.random.default_rng(5).random(open_.shape)
    settings = {"diffusivity": 2.0, "loss": 0.1, "spacing": 1.0, "dt": 0.5}
    domain = prepare(neighbours_of(open_)[1])
    compact = advance_compact(domain, c[open_], 0.4, **settings)
    assert (compact.concentration == advance(c, 0.4, open_=open_, **settings)[open_]).all()
    assert compact.residual[0] <= 1e-8


def test_an_even_field_reacts_by_forward_euler():
    """c' = c + dt f(c) where nothing diffuses or is lost: the definition of an explicit reaction."""
    c = np.full((4, 5, 6), 0.2)
    out = advance(c, 0.0, diffusivity=3.0, loss=0.0, spacing=1.0, dt=0.5, reaction=logistic)
    np.testing.assert_allclose(out, 0.2 + 0.5 * 0.7 * 0.2 * 0.8, rtol=1e-12)


def test_species_react_with_each_other():
    """Gray and Scott's two species, even in space, for ten steps; and the sum of source and reaction."""
    u, v, dt = 0.6, 0.3, 0.4
    c = np.stack([np.full((3, 4, 5), u), np.full((3, 4, 5), v)])
    out = advance(
        c, 0.01, diffusivity=np.array([2.0, 1.0]), loss=0.0, spacing=1.0, dt=dt, reaction=gray_scott, steps=10
    )
    for _ in range(10):
        du, dv = gray_scott(np.array([u, v]))
        u, v = u + dt * (du + 0.01), v + dt * (dv + 0.01)
    np.testing.assert_allclose(out[0], u, rtol=1e-10)
    np.testing.assert_allclose(out[1], v, rtol=1e-10)


def test_the_reaction_is_read_where_it_is():
    """A reaction in a still medium (no diffusion) is pointwise: each voxel follows its own concentration."""
    c = np.random.default_rng(6).random((4, 5, 6))
    out = advance(c, 0.0, diffusivity=0.0, loss=0.0, spacing=1.0, dt=0.25, reaction=logistic)
    np.testing.assert_allclose(out, c + 0.25 * 0.7 * c * (1 - c), rtol=1e-13)


def test_the_budget_of_a_step_closes_to_round_off(open_):
    rng = np.random.default_rng(7)
    c, source, loss = rng.random(open_.shape), rng.random(open_.shape), rng.random(open_.shape)
    settings = {"loss": loss, "spacing": 0.5, "exchange": 0.3, "wall": 2.0}
    new = advance(c, source, diffusivity=3.0, dt=0.7, open_=open_, rtol=1e-3, **settings)
    closed = budget(new, source, previous=c, dt=0.7, open_=open_, **settings)
    assert abs(closed.imbalance[0]) < 1e-13
    assert abs(closed.stored[0]) > 0.01 * closed.secreted[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dt": 0.0}, "dt is 0"),
        ({"dt": np.nan}, "dt is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"reaction": lambda c: c}, "numba.njit"),
        ({"reaction": explode}, "what reaction returns"),
        ({"loss": -1.0}, "loss: the smallest"),
        ({"source": np.ones(3)}, "source has shape"),
        ({"concentration": np.array([[1.0, np.nan]])}, "concentration: 1 of 2"),
    ],
)
def test_what_cannot_be_stepped_is_refused(change, words):
    given = {
        "concentration": np.ones((1, 2)),
        "source": 0.0,
        "diffusivity": 1.0,
        "loss": 0.0,
        "spacing": 1.0,
        "dt": 1.0,
    }
    given.update(change)
    with pytest.raises(NumericsError, match=words):
        advance(given.pop("concentration"), given.pop("source"), **given)
