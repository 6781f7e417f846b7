"""One pass over the voxels does what numpy does in many."""

import numpy as np
import pytest

from marrow_niche.kernels import exchange
from marrow_niche.marrow import cytokines
from marrow_niche.marrow.cytokines import MOLECULES_PER_NM_UM3, Cytokine, Surroundings


@pytest.fixture
def rng():
    return np.random.default_rng(3)


N = 2 * exchange.BLOCK + 77


@pytest.mark.parametrize("saturation", [np.inf, 0.3])
@pytest.mark.parametrize("permeability", [0.0, 4.0])
@pytest.mark.parametrize("arteriole_level", [0.0, 0.7])
def test_terms_are_those_of_their_slow_twin(rng, saturation, permeability, arteriole_level):
    """The equation as `marrow.cytokines` writes it, also where a voxel has no wall at all."""
    c = Cytokine(
        diffusivity=1.0, decay=0.2, saturation=saturation, permeability=permeability, arteriole_level=arteriole_level,
        reference=1.0)  # fmt: skip
    made, cleared, share, area, vessel, arteriole, before = rng.random((7, N))
    area[::3] = arteriole[::2] = 0.0
    around = Surroundings(
        source=made, clearing=cleared, sinusoid=area * vessel, arteriole=arteriole, extravascular=share)  # fmt: skip
    expected = cytokines.terms(c, around, 8.0, 0.4, before)
    found = np.full((4, N), np.nan)
    exchange.terms(
        made, cleared, share, area, vessel, arteriole, before, 8.0, MOLECULES_PER_NM_UM3, c.decay, c.saturation,
        c.permeability, 0.4, c.arteriole_level or 0.4, *found)  # fmt: skip
    for name, a, b in zip(("source", "loss", "exchange", "wall"), found, expected):
        assert a == pytest.approx(np.broadcast_to(b, N), rel=1e-14, abs=0.0), name


def test_what_marrow_releases_is_added_up(rng):
    share, fat, area, vessel = rng.random((4, N))
    expected = 8.0 * share * (0.1 + 0.3 * fat) + 0.5 * area * vessel
    found = np.full(N, np.nan)
    exchange.released(share, 8.0, 0.1, 0.3, fat, 0.5, area, vessel, found)
    assert found == pytest.approx(expected, rel=1e-14)


def test_deposits_of_one_voxel_add_up(rng):
    voxel, amount = rng.integers(0, 50, 900), rng.random(900)
    total = np.ones(60)
    exchange.deposit(total, voxel, amount, 2.0)
    assert total == pytest.approx(1.0 + 2.0 * np.bincount(voxel, amount, minlength=60), rel=1e-13)


def test_accumulating_is_adding_a_multiple(rng):
    total, values = rng.random((2, N))
    expected = total + 3.0 * values
    exchange.accumulate(total, values, 3.0)
    assert (total == expected).all()


def test_how_far_off_a_field_was(rng):
    before, after = rng.random((2, N))
    mean, apart = exchange.off(before, after)
    assert mean == pytest.approx(before.mean() / after.mean() - 1.0, rel=1e-9)
    assert apart == pytest.approx(np.abs(before - after).mean() / after.mean(), rel=1e-12)
    assert exchange.off(after, after) == (0.0, 0.0)
    assert exchange.off(0.0 * after, 0.0 * after) == (0.0, 0.0)
    assert exchange.off(before, 0.0 * after) == (np.inf, np.inf)
