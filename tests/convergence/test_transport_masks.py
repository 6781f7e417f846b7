"""Manufactured steady states on masks, with uneven diffusivity, walls of every kind and saturable uptake: order and size."""

import naive_transport as naive
import numpy as np
import pytest

from marrow_niche.transport import Fixed, Flux, Robin, Saturable, solve_steady

SIZES = (8, 16, 32)
WAVE = 2 * np.pi


def axes(n):
    return np.meshgrid(*[(np.arange(n) + 0.5) / n] * 3, indexing="ij")


def l_shaped(n):
    """A cube without an eighth of it: a mask with an edge that points inwards. cos(2πx) has no slope on any of its faces."""
    z, y, x = axes(n)
    return ~((z < 0.5) & (y < 0.5) & (x < 0.5))


def cosines(n, diffusivity, loss, amplitude=0.5):
    """c = 1 + A cos(2πx) cos(2πy) cos(2πz) with D = 1 + cos(2πx)/2 or 1, and −∇·D∇c + loss c."""
    z, y, x = axes(n)
    px, py, pz = np.cos(WAVE * x), np.cos(WAVE * y), np.cos(WAVE * z)
    c = 1 + amplitude * px * py * pz
    d = 1 + 0.5 * px if diffusivity == "uneven" else np.ones(c.shape)
    slope_d = -0.5 * WAVE * np.sin(WAVE * x) if diffusivity == "uneven" else 0.0
    slope_c = -amplitude * WAVE * np.sin(WAVE * x) * py * pz
    return c, d, 3 * WAVE**2 * d * (c - 1) - slope_d * slope_c + loss(x, y, z) * c


def uneven_loss(x, y, z):
    return 2.0 + np.sin(3 * x) + y * z


@pytest.mark.parametrize("diffusivity", ["even", "uneven"])
def test_a_mask_with_uneven_coefficients_is_second_order(diffusivity):
    """Largest error on the L-shaped mask."""
    errors = []
    for n in SIZES:
        c, d, source = cosines(n, diffusivity, uneven_loss)
        open_, loss = l_shaped(n), uneven_loss(*axes(n)[::-1])
        mine = solve_steady(source, diffusivity=d, loss=loss, spacing=1 / n, open_=open_, rtol=1e-10)
        errors.append(np.abs(mine - c)[open_].max() / np.ptp(c))
    assert naive.observed_order([1 / n for n in SIZES], errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 0.0025


def test_saturable_uptake_on_a_mask_with_uneven_coefficients_is_second_order():
    """vmax and km vary too; receptors a quarter to two thirds full."""
    errors = []
    for n in SIZES:
        z, y, x = axes(n)
        c, d, source = cosines(n, "uneven", lambda x, y, z: 20.0 + x, amplitude=0.1)
        vmax, km = 40.0 + 20.0 * y, 0.5 + z
        source += vmax * c / (km + c)
        open_ = l_shaped(n)
        mine = solve_steady(
            source, diffusivity=d, loss=20.0 + x, spacing=1 / n, open_=open_, saturable=Saturable(vmax, km), rtol=1e-10
        )
        errors.append(np.abs(mine - c)[open_].max() / np.ptp(c))
    assert naive.observed_order([1 / n for n in SIZES], errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 0.0025


def test_every_kind_of_wall_on_uneven_data_is_second_order():
    """c = 1 + e^(−x) (1 + y²) (2 − z): values and fluxes vary over each face; D = 1 + x/2."""
    errors = []
    for n in SIZES:
        z, y, x = axes(n)
        loss, p = 3.0, 2.5
        c = 1 + np.exp(-x) * (1 + y**2) * (2 - z)
        d = 1 + x / 2
        part = c - 1
        laplacian = part + 2 * np.exp(-x) * (2 - z)
        source = -d * laplacian + 0.5 * part + loss * c
        middle = (np.arange(n) + 0.5) / n
        first, last = np.meshgrid(middle, middle, indexing="ij")  # the two axes of a face

        def value(z, y, x):
            return 1 + np.exp(-x) * (1 + y**2) * (2 - z)

        # outside a membrane stands the value on the face and D over P times its slope outwards
        boundary = {
            "-x": Fixed(value(first, last, 0.0)),
            "+x": Robin(p, value(first, last, 1.0) - 1.5 * (value(first, last, 1.0) - 1) / p),
            "-y": Flux(np.zeros((n, n))),
            "+y": Flux((1 + last / 2) * 2 * np.exp(-last) * (2 - first)),
            "-z": Robin(p, value(0.0, first, last) + (1 + last / 2) * np.exp(-last) * (1 + first**2) / p),
            "+z": Fixed(value(1.0, first, last)),
        }
        mine = solve_steady(source, diffusivity=d, loss=loss, spacing=1 / n, boundary=boundary, rtol=1e-10)
        errors.append(np.abs(mine - c).max() / np.ptp(c))
    assert naive.observed_order([1 / n for n in SIZES], errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 1e-5


def test_saturable_uptake_on_a_line_between_walls_is_second_order():
    """c = 2 + 3 cos(πx)/2: receptors a quarter to seven tenths full."""
    errors = []
    for n in (16, 32, 64):
        x = (np.arange(n) + 0.5) / n
        c = 2 + 1.5 * np.cos(np.pi * x)
        source = 1.5 * np.pi**2 * np.cos(np.pi * x) + 80.0 * c / (1.5 + c) + 0.2 * c
        assert source.min() > 0
        boundary = {"-x": Fixed(3.5), "+x": Robin(3.0, 0.5)}  # cos has no slope at either end
        mine = solve_steady(
            source, diffusivity=1.0, loss=0.2, spacing=1 / n, boundary=boundary, saturable=Saturable(80.0, 1.5), rtol=1e-11
        )
        errors.append(np.abs(mine - c).max())
    assert naive.observed_order([1 / n for n in (16, 32, 64)], errors) == pytest.approx(2.0, abs=0.1)
    assert errors[-1] < 6e-4
