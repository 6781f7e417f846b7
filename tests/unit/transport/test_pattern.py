"""A domain with a pattern of diffusivity solves what a diffusivity by voxel does."""

import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport.domain import prepare, with_pattern
from marrow_niche.transport.shapes import neighbours_of
from marrow_niche.transport.steady import solve_compact

RNG = np.random.default_rng(5)
OPEN = RNG.random((9, 8, 7)) < 0.8
_, NEIGHBOUR = neighbours_of(OPEN)
N = len(NEIGHBOUR)


def test_one_number_a_species_times_the_pattern():
    relative, source, loss = RNG.uniform(0.1, 1.0, N), RNG.random((2, N)), RNG.uniform(0.01, 1.0, (2, N))
    diffusivity = np.array([3.0, 50.0])
    domain = prepare(NEIGHBOUR)
    by_voxel = solve_compact(domain, source, diffusivity=diffusivity[:, None] * relative, loss=loss, spacing=2.0, rtol=1e-11)
    shared = solve_compact(
        with_pattern(domain, relative), source, diffusivity=diffusivity, loss=loss, spacing=2.0, rtol=1e-11
    )
    assert shared.concentration == pytest.approx(by_voxel.concentration, rel=1e-8)


def test_a_diffusivity_by_voxel_beside_a_pattern_is_refused():
    domain = with_pattern(prepare(NEIGHBOUR), np.full(N, 0.5))
    with pytest.raises(NumericsError, match="one number a species"):
        solve_compact(domain, np.ones(N), diffusivity=np.linspace(1, 2, N), loss=1.0, spacing=1.0)
