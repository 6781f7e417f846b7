"""Fronts that invade: their speeds and shapes are known exactly."""

import numba
import numpy as np
import pytest

from marrow_niche.transport import advance


@numba.njit
def growth(c):
    """Fisher's: r c (1 − c) with r = 0.4."""
    return 0.4 * c * (1.0 - c)


def place(c, h):
    """Where the front falls through one half."""
    j = np.flatnonzero(c >= 0.5)[-1]
    return h * (j + 0.5 + (c[j] - 0.5) / (c[j] - c[j + 1]))


def test_a_front_of_fisher_and_kolmogorov_goes_at_twice_the_root_of_r_d():
    """v = 2 √(r D) to 0.3 %, from a step, on a bar one voxel thick.

    Such a front is late for ever: x = v t − (3/2) √(D/r) ln(r t) + a + b/√t (Bramson 1983; Ebert & van Saarloos 2000). v is
    fitted with that delay left free, over the second half of 120 growth times. The lattice's own speed, the least of
    ln(1 + dt (r + 2 D (cosh gh − 1)/h²))/(g dt) over g, is met to 0.1 %.
    """
    d, r = 3.0, 0.4
    unit = np.sqrt(d / r)
    h, dt, until = 0.2 * unit, 0.002 / r, 120 / r
    c = np.zeros((1, 1, int(300 * unit / h)))
    c[..., : int(10 * unit / h)] = 1.0
    times, places = np.arange(2, 122, 2) / r, []
    for _ in times:
        c = advance(
            c, 0.0, diffusivity=d, loss=0.0, spacing=h, dt=dt, steps=1000, reaction=growth, scheme="explicit"
        )
        places.append(place(c[0, 0], h))
    late = times > until / 2
    t = times[late]
    terms = np.stack([t, np.log(t), np.ones(t.size), t**-0.5], axis=1)
    speed, delay, *_ = np.linalg.lstsq(terms, np.array(places)[late], rcond=None)[0]
    assert speed == pytest.approx(2 * np.sqrt(r * d), rel=0.003)
    assert -1.8 < delay / unit < -0.9
    raw = np.polyfit(t, np.array(places)[late], 1)[0]
    assert 0.985 < raw / speed < 0.995  # without the delay the speed would be 0.8 % too low
    g = np.linspace(0.8, 1.2, 4001) / unit
    lattice = (np.log1p(dt * (r + 2 * d * (np.cosh(g * h) - 1) / h**2)) / (g * dt)).min()
    assert speed == pytest.approx(lattice, rel=0.001)


@pytest.mark.parametrize(
    ("scheme", "dt", "largest"), [("explicit", 0.005, 0.06), ("second_order", 0.1, 0.02), ("backward_euler", 0.025, 0.14)]
)
def test_the_exact_wave_of_ablowitz_and_zeppetella(scheme, dt, largest):
    """u = (1 + e^{z/√6})⁻², z = x − 5/√6 t, with D = r = 1: the place after ten growth times, 20.4 on, and the shape."""
    h, until = 0.2, 10.0
    x = h * (np.arange(500) + 0.5)

    def exact(t):
        return (1 + np.exp((x - 30 - 5 / np.sqrt(6) * t) / np.sqrt(6))) ** -2.0

    c = advance(
        exact(0.0)[np.newaxis], 0.0, diffusivity=1.0, loss=0.0, spacing=h, dt=dt, steps=round(until / dt),
        reaction=unit_growth, scheme=scheme, rtol=1e-12,
    )[0]  # fmt: skip
    moved = place(c, h) - place(exact(0.0), h)
    assert moved == pytest.approx(5 / np.sqrt(6) * until, abs=largest)
    assert np.abs(c - exact(until)).max() < largest


@numba.njit
def unit_growth(c):
    return c * (1.0 - c)
