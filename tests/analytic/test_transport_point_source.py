"""A point source in a wide box: the lattice's own Green's function exactly, the continuum's beyond two voxels."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ive, k0

from marrow_niche.transport import solve_steady

WATSON = 0.252731  # self value without loss, times D h: Watson's integral 1.516386 / 6


def lattice_green(place, screening, dimension=3):
    """Concentration times D h at `place` from a unit source in an infinite lattice.

    Int_0^inf exp(-screening u) prod_i exp(-2u) I_{n_i}(2u) du, screening = loss h^2 / D.
    """

    def integrand(u):
        return np.exp(-screening * u) * np.prod([ive(n, 2 * u) for n in place[:dimension]])

    return sum(
        quad(integrand, a, b, epsabs=1e-13, limit=200)[0] for a, b in [(0, 1), (1, 10), (10, 100), (100, np.inf)]
    )


def point_source(half, reach, spacing=1.0, diffusivity=1.0, dimension=3):
    """The field of one molecule per time in the middle voxel, `reach` a decay length in voxels."""
    source = np.zeros((2 * half + 1,) * dimension)
    source[(half,) * dimension] = 1.0 / spacing**dimension
    return solve_steady(
        source, diffusivity=diffusivity, loss=diffusivity / (reach * spacing) ** 2, spacing=spacing, rtol=1e-11
    )


@pytest.mark.parametrize(("half", "reach", "tolerance"), [(14, 1.0, 1e-8), (20, 2.0, 2e-6)])
def test_the_lattice_answers_exactly(half, reach, tolerance):
    """Self value and neighbours in units that are not one; the walls, far off, add less than the tolerance."""
    h, d = 20.0, 360.0
    c = point_source(half, reach, spacing=h, diffusivity=d)
    for place in [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (3, 2, 1), (0, 0, 5)]:
        expected = lattice_green(place, reach**-2) / (d * h)
        seen = c[tuple(half + n for n in place)]
        assert seen == pytest.approx(expected, rel=tolerance)


def test_published_values_of_the_lattice():
    """h/L = 0.5: self 0.2111548, first neighbour 0.05328624, diagonal 0.02619931; h/L = 1: 0.1705238 (D = h = 1)."""
    c = point_source(20, 2.0)
    assert c[20, 20, 20] == pytest.approx(0.2111548, abs=1e-7)
    assert c[20, 20, 21] == pytest.approx(0.05328624, abs=1e-7)
    assert c[20, 21, 21] == pytest.approx(0.02619931, abs=1e-7)
    assert point_source(14, 1.0)[14, 14, 14] == pytest.approx(0.1705238, abs=1e-7)


def test_the_self_value_without_loss_is_watsons_integral():
    """Screened, it lacks (h/L)/4π and terms of order two and three in h/L: three screenings extrapolate them away."""
    half = {3.0: 20, 4.0: 25, 5.0: 30}
    ratio = 1 / np.array(list(half))
    lifted = [point_source(n, reach)[n, n, n] + 1 / (4 * np.pi * reach) for reach, n in half.items()]
    zero = np.linalg.solve(np.stack([ratio**0, ratio**2, ratio**3], axis=1), lifted)[0]
    assert zero == pytest.approx(WATSON, abs=5e-6)


def test_beyond_two_voxels_the_continuum_is_near():
    """exp(-r/L) / (4 pi D r): largest and mean error in shells; the 10 % next to the source are the lattice's."""
    half, reach = 32, 5.0
    c = point_source(half, reach)
    z, y, x = np.indices(c.shape) - half
    r = np.sqrt(z**2 + y**2 + x**2)
    exact = np.exp(-r / reach) / (4 * np.pi * np.maximum(r, 1e-9))
    error = np.abs(c / exact - 1)
    for near, far, largest, mean in [
        (2, 3, 0.07, 0.025),
        (3, 6, 0.04, 0.012),
        (6, 10, 0.018, 0.007),
        (10, 15, 0.012, 0.005),
    ]:
        shell = (r > near) & (r <= far)
        assert error[shell].max() < largest
        assert error[shell].mean() < mean
    assert c[half, half, half + 1] == pytest.approx(lattice_green((1, 0, 0), reach**-2), rel=1e-5)


def test_in_two_dimensions_a_point_is_a_line_source():
    """K0(r/L) / (2 pi D) per unit length."""
    half, reach = 60, 6.0
    c = point_source(half, reach, dimension=2)
    for place in itertools.product((0, 4, 9), (5, 12)):
        r = np.hypot(*place)
        assert c[half + place[0], half + place[1]] == pytest.approx(k0(r / reach) / (2 * np.pi), rel=0.01)
    assert c[half, half] == pytest.approx(lattice_green((0, 0), reach**-2, dimension=2), rel=1e-6)


@pytest.mark.parametrize("reach", [0.5, 2.0, 8.0])
def test_in_one_dimension_a_point_is_a_plane_source(reach):
    """The lattice's own is q^|n| / sqrt(k^2 + 4 k), k = (h/L)^2, q = 1 + k/2 - sqrt(k + k^2/4); exact at every voxel."""
    half, k = 150, reach**-2
    c = point_source(half, reach, dimension=1)
    n = np.abs(np.arange(-half, half + 1))
    q = 1 + k / 2 - np.sqrt(k + k * k / 4)
    near = n < 10 * reach
    np.testing.assert_allclose(c[near], (q**n / np.sqrt(k * k + 4 * k))[near], rtol=1e-6)
    assert c[half] == pytest.approx(lattice_green((0,), k, dimension=1), rel=1e-6)
    if reach > 4:
        exact = np.exp(-n / reach) * reach / 2  # exp(-|x|/L) / (2 sqrt(D loss)), off by h^2/8 L^2 and its growth along x
        np.testing.assert_allclose(c[n <= 2 * reach], exact[n <= 2 * reach], rtol=3e-3)


def test_in_two_dimensions_the_continuum_is_near_beyond_two_voxels_all_round():
    """K0(r/L) / (2 pi D) in rings, largest and mean error; at the source itself the continuum has no value."""
    half, reach = 60, 6.0
    c = point_source(half, reach, dimension=2)
    y, x = np.indices(c.shape) - half
    r = np.hypot(y, x)
    error = np.abs(c / (k0(np.maximum(r, 1e-9) / reach) / (2 * np.pi)) - 1)
    for near, far, largest, mean in [(2, 3, 0.015, 0.012), (3, 6, 0.01, 0.005), (6, 12, 0.007, 0.0035), (12, 24, 0.014, 0.007)]:
        ring = (r > near) & (r <= far)
        assert error[ring].max() < largest
        assert error[ring].mean() < mean
