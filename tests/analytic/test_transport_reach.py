"""Decay lengths, layers and the tissue around one vessel, against closed forms."""

import numpy as np
import pytest
from scipy.special import i0, i1, k0, k1

from marrow_niche.transport import budget, solve_steady


def decay_length(diffusivity, loss, spacing, n=400):
    """Length over which the field of a source at one end of a channel falls by e, fitted away from the ends."""
    source = np.zeros((1, 1, n))
    source[0, 0, 0] = 1.0
    c = solve_steady(source, diffusivity=diffusivity, loss=loss, spacing=spacing, rtol=1e-12)[0, 0]
    x = np.arange(20, 60)
    return -spacing / np.polyfit(x, np.log(c[x]), 1)[0]


def test_the_decay_length_grows_as_the_root_of_the_diffusivity():
    """sqrt(D/k): D ten times, the length 3.16 times; on the lattice cosh(h/l) = 1 + h^2/(2 L^2) exactly."""
    h, loss = 20.0, 0.36
    lengths = []
    for diffusivity in (3600.0, 36000.0):
        reach = np.sqrt(diffusivity / loss)
        length = decay_length(diffusivity, loss, h)
        assert length == pytest.approx(h / np.arccosh(1 + h**2 / (2 * reach**2)), rel=1e-4)
        assert length == pytest.approx(reach, rel=2e-3)
        lengths.append(length)
    assert lengths[1] / lengths[0] == pytest.approx(np.sqrt(10.0), rel=2e-3)


def test_a_half_infinite_channel_has_its_closed_form():
    """exp(-x/L) / sqrt(D k) for a flux of one at the end; voxel centres, second order."""
    h, diffusivity, loss = 0.1, 4.0, 1.0
    source = np.zeros(400)
    source[0] = 1 / h
    c = solve_steady(source, diffusivity=diffusivity, loss=loss, spacing=h, rtol=1e-12)
    x = (np.arange(400) + 0.5) * h
    near = x < 10
    np.testing.assert_allclose(c[near], np.exp(-x[near] / 2) / 2, rtol=2e-3)


def test_layers_in_series_add_their_resistances():
    """Two media between two baths: harmonic means make the flux and the profile exact, not only second order."""
    n, h, permeability = 20, 0.5, 8.0
    d = np.where(np.arange(n) < 12, 3.0, 0.2)
    exchange, wall = np.zeros(n), np.zeros(n)
    exchange[[0, -1]] = permeability / h
    wall[0] = 1.0
    c = solve_steady(np.zeros(n), diffusivity=d, loss=0.0, spacing=h, exchange=exchange, wall=wall, rtol=1e-13)
    resistance = 2 / permeability + 0.5 * h * (1 / d[:-1] + 1 / d[1:]).sum()
    flux = exchange[-1] * c[-1] * h
    assert flux == pytest.approx(1 / resistance, rel=1e-10)
    np.testing.assert_allclose(1 - c[0], flux / permeability, rtol=1e-10)
    np.testing.assert_allclose(-np.diff(c), flux * 0.5 * h * (1 / d[:-1] + 1 / d[1:]), rtol=1e-8)


def test_the_tissue_cylinder_of_krogh_with_first_order_uptake():
    """A vessel of 5 um held at one, tissue to 25 um, D = 10, k = 0.1: the published column within 2 %.

    [I0(r/L) K1(R/L) + K0(r/L) I1(R/L)] over the same at the vessel, L = 10 um (Krogh's geometry, first order). Each
    face between tissue and vessel lets through D / (h/2): its concentration is the vessel's.
    """
    h, inner, outer, reach, diffusivity = 0.25, 5.0, 25.0, 10.0, 10.0
    n = int(2 * (outer + 1) / h)
    y, x = ((np.indices((n, n)) + 0.5) * h) - n * h / 2
    r = np.hypot(x, y)
    vessel = r < inner
    open_ = (r < outer) & ~vessel
    faces = sum(np.roll(vessel, step, axis) for step in (-1, 1) for axis in (0, 1))
    c = solve_steady(
        np.zeros((n, n)),
        diffusivity=diffusivity,
        loss=0.1,
        spacing=h,
        open_=open_,
        exchange=faces * 2 * diffusivity / h**2,
        wall=1.0,
        rtol=1e-9,
    )

    def profile(r):
        return i0(r / reach) * k1(outer / reach) + k0(r / reach) * i1(outer / reach)

    tissue = (r > inner + h) & (r < outer - h)
    np.testing.assert_allclose(c[tissue], profile(r[tissue]) / profile(inner), rtol=0.02)
    ring = (np.abs(r - 15.0) < h) & open_
    assert c[ring].mean() == pytest.approx(0.27432146, rel=0.01)


def test_a_sealed_domain_at_rest_holds_source_over_loss():
    """Whatever the shape, even coefficients give an even field; and exchange alone gives the blood's concentration."""
    open_ = np.random.default_rng(1).random((10, 11, 12)) < 0.7
    c = solve_steady(np.full(open_.shape, 3.0), diffusivity=7.0, loss=1.5, spacing=1.0, open_=open_, rtol=1e-12)
    np.testing.assert_allclose(c[open_], 2.0, rtol=1e-10)
    blood = solve_steady(
        np.zeros(open_.shape), diffusivity=7.0, loss=0.0, spacing=1.0, open_=open_, exchange=0.4, wall=5.0, rtol=1e-12
    )
    np.testing.assert_allclose(blood[open_], 5.0, rtol=1e-10)
    assert budget(blood, 0.0, loss=0.0, exchange=0.4, wall=5.0, spacing=1.0, open_=open_).left > 0
