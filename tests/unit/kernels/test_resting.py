"""Each pass over voxels is the line of numpy that it stands for."""

import numpy as np
import pytest

from marrow_niche.kernels import resting as kernel

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
