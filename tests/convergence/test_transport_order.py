"""Order and size of the error, in space and in time, against exact solutions."""

import naive_transport as naive
import numpy as np
import pytest

from marrow_niche.transport import advance, solve_steady


def centres(n):
    return (np.arange(n) + 0.5) / n


def cosine(ndim, n):
    """cos(pi x) in each axis of a unit box, at voxel centres."""
    out = np.ones((n,) * ndim)
    for axis in range(ndim):
        out *= np.cos(np.pi * centres(n)).reshape([-1 if a == axis else 1 for a in range(ndim)])
    return out


def decay_of_cosine(ndim, n, dt_over_h2, diffusivity=1.0, loss=0.5, until=0.03125):
    h = 1.0 / n
    steps = round(until / (dt_over_h2 * h**2))
    start = 1.0 + cosine(ndim, n)
    c = advance(start, 0.0, diffusivity=diffusivity, loss=loss, spacing=h, dt=until / steps, steps=steps, rtol=1e-10)
    mode = np.exp(-(ndim * diffusivity * np.pi**2 + loss) * until)
    exact = np.exp(-loss * until) + mode * cosine(ndim, n)
    return h, np.abs(c - exact).max()


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_diffusion_is_second_order_in_space(ndim):
    """A cosine between no-flux walls decays as exp(−(ndim D π²/L² + λ) t); dt ∝ h² carries its error along."""
    spacings, errors = zip(*(decay_of_cosine(ndim, n, dt_over_h2=0.5) for n in (8, 16, 32)))
    assert naive.observed_order(spacings, errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 3e-3


def test_backward_euler_is_first_order_in_time():
    """Against the lattice's own rate, (4 D/h²) sin²(π h/2) + λ, so that only the error in time is seen."""
    n, until, loss = 16, 0.1, 0.5
    rate = 4 * n**2 * np.sin(np.pi / (2 * n)) ** 2 + loss
    steps, errors = (8, 16, 32, 64), []
    for m in steps:
        c = advance(cosine(1, n), 0.0, diffusivity=1.0, loss=loss, spacing=1 / n, dt=until / m, steps=m, rtol=1e-12)
        errors.append(np.abs(c - np.exp(-rate * until) * cosine(1, n)).max())
    assert naive.observed_order([until / m for m in steps], errors) == pytest.approx(1.0, abs=0.06)
    assert errors[-1] < 4e-3


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("dt", [1e-3, 1.0, 1e3])
def test_one_step_multiplies_a_mode_by_exactly_its_factor(ndim, dt):
    """1 / (1 + dt (ndim (4 D/h²) sin²(π h/2) + λ)), at any dt: nothing is split off."""
    n, diffusivity, loss = 8, 0.7, 0.2
    rate = ndim * 4 * diffusivity * n**2 * np.sin(np.pi / (2 * n)) ** 2 + loss
    c = advance(cosine(ndim, n), 0.0, diffusivity=diffusivity, loss=loss, spacing=1 / n, dt=dt, rtol=1e-12)
    np.testing.assert_allclose(c, cosine(ndim, n) / (1 + dt * rate), rtol=0, atol=1e-11 / (1 + dt * rate) + 1e-15)


def test_the_first_convergence_case_of_biofvm():
    """A no-flux channel of 1000 um, D = 1e5 um²/min: 1 + cos(π x/500) exp(−D π² t/500²) (Ghaffarizadeh et al. 2016)."""
    errors, dts = [], (0.04, 0.02, 0.01)
    until, n = 2.0, 100
    h = 1000.0 / n
    x = -500 + h * (np.arange(n) + 0.5)
    for dt in dts:
        c = advance(
            1 + np.cos(np.pi * x / 500), 0.0, diffusivity=1e5, loss=0.0, spacing=h, dt=dt, steps=round(until / dt)
        )
        errors.append(np.abs(c - 1 - np.cos(np.pi * x / 500) * np.exp(-1e5 * np.pi**2 * until / 500**2)).max())
    assert naive.observed_order(dts, errors) == pytest.approx(1.0, abs=0.1)
    assert errors[-1] < 1e-3


def manufactured_steady(n, uneven):
    """c = 1 + A cos(πx) cos(2πy) cos(πz) with uneven loss, and D = 1 + cos(πx)/2 if `uneven`: relative max error."""
    z, y, x = np.meshgrid(*[centres(n)] * 3, indexing="ij")
    amplitude, loss = 0.5, 2.0 + np.sin(3 * x) + y * z
    px, py, pz = np.cos(np.pi * x), np.cos(2 * np.pi * y), np.cos(np.pi * z)
    exact = 1 + amplitude * px * py * pz
    d = 1 + 0.5 * px if uneven else np.ones_like(x)
    slope_d = -0.5 * np.pi * np.sin(np.pi * x) if uneven else 0.0
    slope_c = -amplitude * np.pi * np.sin(np.pi * x) * py * pz
    laplacian = -6 * np.pi**2 * amplitude * px * py * pz
    source = -d * laplacian - slope_d * slope_c + loss * exact
    c = solve_steady(source, diffusivity=d, loss=loss, spacing=1 / n, rtol=1e-10)
    return 1 / n, np.abs(c - exact).max()


@pytest.mark.parametrize("uneven", [False, True])
def test_a_manufactured_steady_state_is_second_order_in_space(uneven):
    spacings, errors = zip(*(manufactured_steady(n, uneven) for n in (8, 16, 32)))
    assert naive.observed_order(spacings, errors) == pytest.approx(2.0, abs=0.12)
    assert errors[-1] < 3e-3


def test_a_manufactured_transient_is_second_order_with_dt_as_h_squared():
    """c = 1 + A cos cos e^{−wt} with s = λ + A cos cos e^{−wt} [2 D π² + λ − w]: a source that changes in time."""
    diffusivity, loss, w, until = 0.8, 0.6, 3.0, 0.25
    errors, spacings = [], []
    for n in (8, 16, 32):
        steps = n * n // 8
        dt = until / steps
        shape = cosine(2, n)
        c = 1 + shape
        for k in range(1, steps + 1):
            made = loss + shape * np.exp(-w * k * dt) * (2 * diffusivity * np.pi**2 + loss - w)
            c = advance(c, made, diffusivity=diffusivity, loss=loss, spacing=1 / n, dt=dt, rtol=1e-10)
        errors.append(np.abs(c - 1 - shape * np.exp(-w * until)).max())
        spacings.append(1 / n)
    assert naive.observed_order(spacings, errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 1e-3
