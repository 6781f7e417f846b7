"""What is not lost is kept, step after step; what is made is lost; nothing goes negative."""

import numba
import numpy as np
import pytest

from marrow_niche.transport import advance, budget, neighbours_of, prepare, solve_compact


@numba.njit
def convert(c):
    """Two species that turn into each other."""
    flow = 0.3 * c[0] - 0.1 * c[1] * c[1]
    return -flow, flow


@pytest.fixture
def open_():
    return np.random.default_rng(1).random((9, 10, 11)) < 0.65


def test_without_loss_the_total_is_kept_over_many_steps(open_):
    """500 steps, each solved only to 1e-4: the total of every region stays to 1e-12, relative."""
    rng = np.random.default_rng(2)
    domain = prepare(neighbours_of(open_)[1])
    assert domain.regions >= 3
    start = rng.exponential(1.0, open_.shape) * (rng.random(open_.shape) < 0.2)
    c = advance(start, 0.0, diffusivity=5.0, loss=0.0, spacing=1.0, dt=0.2, steps=500, open_=open_, rtol=1e-4)
    before = np.bincount(domain.region, weights=start[open_])
    after = np.bincount(domain.region, weights=c[open_])
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert c.min() >= 0.0
    assert c.sum() == pytest.approx(start[open_].sum(), rel=1e-12)


def test_with_uneven_diffusivity_too(open_):
    rng = np.random.default_rng(3)
    start, d = rng.random(open_.shape), 10 ** rng.uniform(-2, 2, open_.shape)
    c = advance(start, 0.0, diffusivity=d, loss=0.0, spacing=0.7, dt=1.0, steps=200, open_=open_, rtol=1e-5)
    assert c.sum() == pytest.approx(start[open_].sum(), rel=1e-12)
    assert np.ptp(c[open_]) < np.ptp(start[open_])


def test_a_reaction_that_converts_keeps_the_sum(open_):
    start = np.random.default_rng(4).random((2, *open_.shape))
    c = advance(
        start, 0.0, diffusivity=np.array([1.0, 20.0]), loss=0.0, spacing=1.0, dt=0.1, steps=100, open_=open_,
        reaction=convert,
    )  # fmt: skip
    assert c.sum() == pytest.approx(start[:, open_].sum(), rel=1e-12)
    assert c[0].sum() != pytest.approx(start[0, open_].sum(), rel=0.1)


def test_each_step_of_a_pulse_closes_its_budget(open_):
    """Secretion for ten steps, then none; decay, and exchange with the blood both ways."""
    rng = np.random.default_rng(5)
    loss, exchange = rng.random(open_.shape) * 0.1, rng.random(open_.shape) * (rng.random(open_.shape) < 0.2)
    settings = {"loss": loss, "exchange": exchange, "wall": 0.5, "spacing": 2.0}
    c = np.zeros(open_.shape)
    for step in range(30):
        source = 1.0 * (step < 10)
        new = advance(c, source, diffusivity=3.0, dt=0.5, open_=open_, scheme="backward_euler", **settings)
        closed = budget(new, source, previous=c, dt=0.5, open_=open_, **settings)
        assert abs(closed.imbalance[0]) < 1e-13
        assert new.min() >= 0.0
        assert (closed.stored[0] < 0.0) == (step >= 10)
        c = new


@pytest.mark.parametrize("dt", [1e-3, 1.0, 1e4])
def test_a_spike_stays_positive_at_any_step(open_, dt):
    """Backward Euler's matrix is an M-matrix; Crank-Nicolson would undershoot here."""
    c = np.zeros(open_.shape)
    c[tuple(np.argwhere(open_)[40])] = 1.0
    for _ in range(3):
        c = advance(c, 0.0, diffusivity=100.0, loss=0.0, spacing=1.0, dt=dt, open_=open_)
        assert c.min() >= 0.0
        assert c.max() <= 1.0
    assert c.sum() == pytest.approx(1.0, rel=1e-12)


def test_the_budget_of_a_large_steady_state_closes_in_every_region():
    """1e4 voxels, three species with decay lengths of 1 to 30 voxels, round-off only."""
    open_ = np.random.default_rng(6).random((22, 23, 24)) < 0.8
    domain = prepare(neighbours_of(open_)[1])
    rng = np.random.default_rng(7)
    source = rng.random((3, domain.n)) * (rng.random((3, domain.n)) < 0.05)
    loss = np.array([1.0, 0.1, 1e-3])[:, np.newaxis] * rng.lognormal(0, 1, (3, domain.n))
    c = solve_compact(domain, source, diffusivity=1.0, loss=loss, spacing=1.0).concentration
    assert np.abs(budget(c, source, loss=loss, spacing=1.0).imbalance).max() < 1e-13
    for s in range(3):
        made = np.bincount(domain.region, weights=source[s])
        lost = np.bincount(domain.region, weights=loss[s] * c[s])
        np.testing.assert_allclose(lost, made, rtol=1e-12, atol=1e-300)
