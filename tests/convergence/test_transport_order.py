"""Order and size of the error, in space and in time, against exact solutions."""

import naive_transport as naive
import numba
import numpy as np
import pytest
import scipy.sparse.linalg

from marrow_niche.transport import advance, advance_compact, neighbours_of, prepare, solve_steady


def centres(n):
    return (np.arange(n) + 0.5) / n


def cosine(ndim, n):
    """cos(pi x) in each axis of a unit box, at voxel centres."""
    out = np.ones((n,) * ndim)
    for axis in range(ndim):
        out *= np.cos(np.pi * centres(n)).reshape([-1 if a == axis else 1 for a in range(ndim)])
    return out


def lattice_rate(ndim, n, diffusivity=1.0, loss=0.5):
    """At which the lattice's own cosine decays: ndim (4 D/h²) sin²(π h/2) + λ."""
    return ndim * 4 * diffusivity * n**2 * np.sin(np.pi / (2 * n)) ** 2 + loss


# ------------------------------------------------------------------------------------------------ in space


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize(("scheme", "largest"), [("explicit", 5e-4), ("second_order", 6e-4)])
def test_diffusion_is_second_order_in_space(scheme, largest, ndim):
    """A cosine between no-flux walls decays as exp(−(ndim D π²/L² + λ) t), in steps that add nothing to be seen."""
    loss, until, spacings, errors = 0.5, 0.03125, [], []
    for n in (8, 16, 32):
        steps = 7 * n**2 // 32 if scheme == "explicit" else 64
        c = advance(
            1.0 + cosine(ndim, n), 0.0, diffusivity=1.0, loss=loss, spacing=1 / n, dt=until / steps, steps=steps,
            rtol=1e-11, scheme=scheme,
        )  # fmt: skip
        mode = np.exp(-(ndim * np.pi**2 + loss) * until)
        errors.append(np.abs(c - np.exp(-loss * until) - mode * cosine(ndim, n)).max())
        spacings.append(1 / n)
    assert naive.observed_order(spacings, errors) == pytest.approx(2.0, abs=0.1)
    assert errors[-1] < largest


# ------------------------------------------------------------------------------------------------ in time


def errors_in_time(scheme, ndim, steps, n=16, until=0.1):
    exact = np.exp(-lattice_rate(ndim, n) * until) * cosine(ndim, n)
    out = []
    for m in steps:
        c = advance(
            cosine(ndim, n), 0.0, diffusivity=1.0, loss=0.5, spacing=1 / n, dt=until / m, steps=m, rtol=1e-12,
            scheme=scheme,
        )  # fmt: skip
        out.append(np.abs(c - exact).max() / np.abs(exact).max())
    return out


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize(
    ("scheme", "order", "steps"),
    [
        ("backward_euler", 1.0, (32, 64, 128)),
        ("second_order", 2.0, (8, 16, 32, 64)),
        ("lod", 1.0, (32, 64, 128)),
        ("explicit", 1.0, (160, 320, 640)),
    ],
)
def test_the_order_in_time_and_the_size_of_the_error(scheme, order, steps, ndim):
    """Against the lattice's own rate r, so that only the error in time is seen.

    Relative to what is left after t it is r t times 0.5 r dt (backward Euler) and 0.040 (r dt)² (second order): asserted
    to a tenth. Sweeps make each axis' part of r alone, so 0.5 r dt / ndim; forward Euler is off the other way.
    """
    errors, until = errors_in_time(scheme, ndim, steps), 0.1
    assert naive.observed_order([until / m for m in steps], errors) == pytest.approx(order, abs=0.1)
    rate, dt = lattice_rate(ndim, 16), until / steps[-1]
    diffusion = rate - 0.5
    expected = {
        "backward_euler": 0.5 * rate * rate * dt * until,
        "second_order": (3 * (1 - np.sqrt(0.5)) ** 2 - 2 * (1 - np.sqrt(0.5)) ** 3 - 1 / 6) * rate**3 * dt**2 * until,
        "lod": 0.5 * rate * rate / ndim * dt * until,
        "explicit": 0.5 * (diffusion**2 + diffusion * 0.5) * dt * until,
    }[scheme]
    assert errors[-1] == pytest.approx(expected, rel=0.1)


GAMMA = 1 - np.sqrt(0.5)
FACTORS = {  # of a mode in one step, z = dt rate; of one axis' share where it is split
    "backward_euler": lambda z, ndim: 1 / (1 + z),
    "second_order": lambda z, ndim: (1 - (1 - 2 * GAMMA) * z) / (1 + GAMMA * z) ** 2,
    "lod": lambda z, ndim: 1 / (1 + z / ndim) ** ndim,
}


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("dt", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("scheme", FACTORS)
def test_one_step_multiplies_a_mode_by_exactly_its_factor(scheme, dt, ndim):
    """At any dt: backward Euler, both stages of the second order, and a product of sweeps for `lod`."""
    n, diffusivity, loss = 8, 0.7, 0.2
    z = dt * lattice_rate(ndim, n, diffusivity, loss)
    c = advance(
        cosine(ndim, n), 0.0, diffusivity=diffusivity, loss=loss, spacing=1 / n, dt=dt, rtol=1e-12, scheme=scheme
    )
    factor = FACTORS[scheme](z, ndim)
    np.testing.assert_allclose(c, cosine(ndim, n) * factor, rtol=0, atol=1e-11 * abs(factor) + 1e-15)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_an_explicit_step_multiplies_a_mode_by_exactly_its_factor(ndim):
    """exp(−k dt) − (1 − exp(−k dt)) λ/k, with λ the rate of diffusion alone."""
    n, dt, k = 8, 0.002, 0.9
    c = advance(cosine(ndim, n), 0.0, diffusivity=0.7, loss=k, spacing=1 / n, dt=dt, scheme="explicit")
    factor = np.exp(-k * dt) + np.expm1(-k * dt) / k * lattice_rate(ndim, n, 0.7, 0.0)
    np.testing.assert_allclose(c, cosine(ndim, n) * factor, rtol=0, atol=1e-14)


@numba.njit
def logistic(c):
    return 3.0 * c * (1.0 - c)


@pytest.mark.parametrize(
    ("scheme", "order", "largest"), [("second_order", 2.0, 2e-5), ("backward_euler", 1.0, 5e-3), ("explicit", 1.0, 5e-3)]
)
def test_a_reaction_is_of_the_order_of_its_scheme(scheme, order, largest):
    """Growth, uneven loss and diffusion on a mask, from a smooth start, against steps eight times finer."""
    rng = np.random.default_rng(3)
    open_ = rng.random((6, 7, 8)) < 0.8
    start = 0.3 + 0.2 * np.cos(np.arange(8) * np.pi / 8) * np.ones(open_.shape)
    settings = {
        "diffusivity": 0.5, "loss": 0.5 * rng.random(open_.shape), "spacing": 1.0, "open_": open_, "reaction": logistic,
        "rtol": 1e-12,
    }  # fmt: skip

    def at_two(steps, scheme):
        return advance(start, 0.1, dt=2.0 / steps, steps=steps, scheme=scheme, **settings)

    exact, steps = at_two(1024, "second_order"), (32, 64, 128)
    errors = [np.abs(at_two(m, scheme) - exact).max() for m in steps]
    assert naive.observed_order([1 / m for m in steps], errors) == pytest.approx(order, abs=0.1)
    assert 0.1 * largest < errors[-1] < largest


def test_a_spike_is_second_order_too_once_dt_resolves_it():
    """Repair costs the first steps of a rough start their order only while dt does not resolve a voxel's exchange."""
    open_ = np.random.default_rng(1).random((10, 11, 12)) < 0.7
    _, neighbour = neighbours_of(open_)
    start = np.zeros(open_.shape)
    start[tuple(np.argwhere(open_)[300])] = 1.0
    dense = naive.matrix(open_, 1.0, 0.2, 1.0)
    exact = scipy.sparse.linalg.expm_multiply(-4.0 * dense, start[open_])
    domain, errors, repaired, counts = prepare(neighbour), [], [], (2, 8, 32, 64, 128)
    for m in counts:
        c, most = start[open_], 0.0
        for _ in range(m):
            step = advance_compact(
                domain, c, 0.0, diffusivity=1.0, loss=0.2, spacing=1.0, dt=4.0 / m, scheme="second_order", rtol=1e-10
            )
            c, most = step.concentration, max(most, step.repaired[0])
            assert c.min() >= 0.0
        errors.append(np.abs(c - exact).sum() / exact.sum())
        repaired.append(most)
    assert naive.observed_order([4.0 / m for m in counts[2:]], errors[2:]) == pytest.approx(2.0, abs=0.1)
    assert errors[-1] < 3e-5
    assert repaired[0] > 0.1 and max(repaired[2:]) < 1e-6


# ------------------------------------------------------------------------------------------------ a published case


@pytest.mark.parametrize(
    ("scheme", "order", "error"), [("lod", 1.0, 7.2e-3), ("backward_euler", 1.0, 7.2e-3), ("second_order", 2.0, 2.3e-5)]
)
def test_the_first_convergence_case_of_biofvm_in_time(scheme, order, error):
    """A no-flux channel of 1000 um, D = 1e5 um²/min: 1 + cos(π x/500) exp(−D π² t/500²).

    Ghaffarizadeh, Friedman & Macklin 2016 report first order in time and second in space for their sweeps, and use
    steps of 0.01 min and 20 um: both orders are found again, and what 0.01 min costs with each scheme.
    """
    until, n, dts = 0.24, 50, (0.04, 0.02, 0.01, 0.005)
    h = 1000.0 / n
    wave = np.cos(np.pi * (-500 + h * (np.arange(n) + 0.5)) / 500)
    rate = 4e5 / h**2 * np.sin(np.pi * h / 1000) ** 2  # of the lattice
    errors = []
    for dt in dts:
        c = advance(
            1 + wave, 0.0, diffusivity=1e5, loss=0.0, spacing=h, dt=dt, steps=round(until / dt), rtol=1e-12,
            scheme=scheme,
        )  # fmt: skip
        errors.append(np.abs(c - 1 - wave * np.exp(-rate * until)).max())
    assert naive.observed_order(dts, errors) == pytest.approx(order, abs=0.1)
    assert errors[2] == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize("scheme", ["lod", "second_order"])
def test_the_first_convergence_case_of_biofvm_in_space(scheme):
    """As published, second order in the spacing; 20 um and 0.01 min are within 1 % of the exact solution."""
    errors, spacings = [], (100.0, 50.0, 25.0)
    until, steps = 0.24, 2400 if scheme == "lod" else 96

    def error(h, dt, steps):
        wave = np.cos(np.pi * (-500 + h * (np.arange(round(1000 / h)) + 0.5)) / 500)
        c = advance(1 + wave, 0.0, diffusivity=1e5, loss=0.0, spacing=h, dt=dt, steps=steps, scheme=scheme, rtol=1e-11)
        return np.abs(c - 1 - wave * np.exp(-1e5 * np.pi**2 * until / 500**2)).max()

    errors = [error(h, until / steps, steps) for h in spacings]
    assert naive.observed_order(spacings, errors) == pytest.approx(2.0, abs=0.1)
    assert errors[-1] < 1.2e-3
    assert error(20.0, 0.01, 24) < (0.01 if scheme == "lod" else 1e-3)


# ------------------------------------------------------------------------------------------------ manufactured


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


@pytest.mark.parametrize(
    ("scheme", "largest"), [("backward_euler", 1e-3), ("second_order", 5e-4), ("explicit", 5e-4)]
)
def test_a_manufactured_transient_is_second_order(scheme, largest):
    """c = 1 + A cos cos e^{−wt} with s = λ + A cos cos e^{−wt} [2 D π² + λ − w]: a source that changes in time.

    dt ∝ h for the second order, which reads the source in the middle of the step, and ∝ h² for the first.
    """
    diffusivity, loss, w, until = 0.8, 0.6, 3.0, 0.25
    errors, spacings = [], []
    for n in (8, 16, 32):
        steps = {"backward_euler": n * n // 8, "second_order": n, "explicit": 3 * n * n // 2}[scheme]
        dt = until / steps
        shape = cosine(2, n)
        c = 1 + shape
        for k in range(steps):
            at = {"backward_euler": k + 1, "second_order": k + 0.5, "explicit": k}[scheme] * dt
            made = loss + shape * np.exp(-w * at) * (2 * diffusivity * np.pi**2 + loss - w)
            c = advance(
                c, made, diffusivity=diffusivity, loss=loss, spacing=1 / n, dt=dt, rtol=1e-10, scheme=scheme
            )
        errors.append(np.abs(c - 1 - shape * np.exp(-w * until)).max())
        spacings.append(1 / n)
    assert naive.observed_order(spacings, errors) == pytest.approx(2.0, abs=0.12)
    assert errors[-1] < largest
