"""Each pass over voxels is the line of numpy that it stands for."""

import numpy as np
import pytest
from naive_transport import matrix

from marrow_niche.kernels import resting as kernel
from marrow_niche.quantities.response import saturating_probability, saturating_rate
from marrow_niche.transport import neighbours_of

N = 10_001


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_logarithms_have_a_floor(rng):
    values = rng.lognormal(0.0, 3.0, N)
    values[::7] = 0.0
    out = np.empty(N)
    kernel.logarithms(values, 1e-6, out)
    np.testing.assert_allclose(out, np.log(np.maximum(values, 1e-6)), rtol=1e-15, atol=1e-15)
    kernel.logarithms(values, 1e-6, values)
    assert (values == out).all()


def fates(logs, space, *, rate_response, renewal, survival, burst):
    """`kernels.resting.fates` of a stage with these numbers, others as below: mean loss, loss, gone, hurry."""
    loss, gone, hurry = np.empty((3, space.size))
    mean = kernel.fates(
        logs, space, 0.04, 0.1, rate_response, 2, renewal, 0.9, np.array([0.0, 0.4, 0.0]), survival, np.array([0.3, 0.0, 0.2]),
        burst, 1, 1.5, 2.0, loss, gone, hurry,
    )  # fmt: skip
    return mean, loss, gone, hurry


@pytest.mark.parametrize("responds", [True, False])
def test_fates_are_those_of_the_equations(rng, responds):
    logs, space = rng.normal(0.0, 0.7, (3, N)), rng.uniform(0.1, 1.0, N)
    x = np.exp(logs)
    if responds:
        response, rest = np.array([0.5, 0.0, 0.0]), {"renewal": 0.4, "survival": 0.8, "burst": 0.02}
        rate = saturating_rate(0.04, 0.1, x[0] ** 0.5)
        stay, live = saturating_probability(0.4, 0.9, x[1] ** 0.4), saturating_probability(0.8, 1.0, x[0] ** 0.3 * x[2] ** 0.2)
        excess = np.maximum(x[1] / 1.5 - 1.0, 0.0)
        call = 0.02 * excess**2 / (excess**2 + 4.0)
        assert 0 < np.count_nonzero(call) < N
    else:
        response, rest = np.zeros(3), {"renewal": 0.0, "survival": 1.0, "burst": 0.0}
        rate, stay, live, call = (np.full(N, value) for value in (0.04, 0.0, 1.0, 0.0))
    mean, loss, gone, hurry = fates(logs, space, rate_response=response, **rest)
    lost = rate * (1 - 2 * live * stay) + call
    np.testing.assert_allclose(loss, lost * space, rtol=1e-12)
    np.testing.assert_allclose(gone, 2 * live * (1 - stay) * rate, rtol=1e-12)
    np.testing.assert_allclose(hurry, call, rtol=1e-12, atol=1e-18)
    assert mean == pytest.approx(lost.mean(), rel=1e-12)


def test_cells_part_by_shares_that_answer(rng):
    logs, leaving, out = rng.normal(0.0, 0.7, (3, N)), rng.random(N), np.empty((2, N))
    share, response = np.array([0.3, 0.7]), np.array([[0.5, 0.0, 0.0], [0.0, 0.0, -0.2]])
    kernel.parted(logs, leaving, share, response, out)
    first, second = 0.3 * np.exp(0.5 * logs[0]), 0.7 * np.exp(-0.2 * logs[2])
    np.testing.assert_allclose(out, np.stack([first, second]) * (leaving / (first + second)), rtol=1e-12)
    kernel.parted(logs, leaving, share[:1], response[:1], out[:1])
    np.testing.assert_allclose(out[0], leaving, rtol=1e-15)


def test_a_sweep_is_one_of_jacobi_and_many_solve(rng):
    open_ = rng.random((14, 15, 16)) < 0.7
    n = np.count_nonzero(open_)
    space, loss, inflow = rng.uniform(0.1, 1.0, n), rng.uniform(0.02, 0.1, n), rng.random(n) ** 4
    spread, lost = np.zeros(open_.shape), np.zeros(open_.shape)
    spread[open_], lost[open_] = 0.01 * space, loss
    a = matrix(open_, spread, lost, 1.0)
    now, after = rng.random(n), np.empty(n)
    moved, size = kernel.wander(neighbours_of(open_)[1], space, 0.01, loss, inflow, now, after)
    jacobi = now + (inflow - a @ now) / a.diagonal()
    np.testing.assert_allclose(after, jacobi, rtol=1e-12)
    assert (moved, size) == pytest.approx((np.mean((jacobi - now) ** 2), np.mean(jacobi**2)), rel=1e-12)
    for _ in range(200):
        kernel.wander(neighbours_of(open_)[1], space, 0.01, loss, inflow, now, after)
        now, after = after, now
    np.testing.assert_allclose(a @ now, inflow, rtol=1e-9, atol=1e-12)


def test_cells_per_space_and_those_that_leave_it(rng):
    stored, space, gone = rng.poisson(3.0, N).astype(np.float32), rng.uniform(0.2, 1.0, N), rng.random(N)
    density = np.empty(N)
    kernel.per_space(stored, 2.5, space, density)
    np.testing.assert_allclose(density, stored * 2.5 / space, rtol=1e-15)
    out, cells, back = density.copy(), np.empty(N), np.empty(N, np.float32)
    kernel.leaving(out, space, gone, 2.5, cells, back)
    np.testing.assert_allclose(cells, density * space, rtol=1e-15)
    np.testing.assert_allclose(out, gone * density * space, rtol=1e-14)
    np.testing.assert_allclose(back, stored, rtol=1e-7)


def test_rows_approach_their_aim_by_a_part(rng):
    now, aim = rng.random((3, N), np.float32), rng.random((3, N), np.float32)
    expected = now + np.float32(0.3) * (aim - now)
    kernel.approach(now, aim, 0.3)
    np.testing.assert_allclose(now, expected, rtol=1e-6)


def test_whole_numbers_have_the_mean_they_are_drawn_for():
    """Each is the number below or above, chosen as numpy would; over many draws their mean is what was expected."""
    rng = np.random.default_rng(8)
    expected = (9 * rng.random(3 * kernel.BLOCK + 5)).astype(np.float32)
    expected[:4] = 0.0, 3.0, 0.999, 7.5
    total = np.zeros(expected.size)
    for _ in range(200):
        draw, counts = rng.random(expected.size), np.empty(expected.size, np.int32)
        kernel.whole(expected, draw, counts)
        below = np.floor(expected)
        assert (counts == below + (draw < expected - below)).all()
        total += counts
    assert (total[:2] == [0, 600]).all()
    assert abs(total.mean() / 200 - expected.mean()) < 5 * 0.5 / np.sqrt(200 * expected.size)
