"""The healing of every voxel at once equals the equations taken voxel by voxel."""

import naive_marrow as naive
import numpy as np
import pytest

from marrow_niche.kernels.niche import BLOCK, heal

RATES = {
    "begins": 0.8, "healing": 0.02, "injury": 0.01, "remnant": 0.1, "upkeep": 0.3, "hindered": 0.5, "late": 0.002, "fat_at_rest": 0.1, "clearing": 0.004,
}  # fmt: skip


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("vegfr2", [1.0, 0.2, 0.0])
def test_every_voxel_heals_as_the_equations_say(vegfr2, everywhere):
    """Over more voxels than one thread takes at once; some without stroma, some empty, some with more cells than at rest."""
    rng, n = np.random.default_rng(3), 2 * BLOCK + 17
    vessel, fat, cells, kit = rng.random(n), rng.random(n), 1.4 * rng.random(n), 2.0 * rng.random(n)
    cells[:5] = kit[:5] = 0.0
    stroma = rng.integers(0, 3, n)
    lost = 0.01 * stroma * rng.random(n)
    sterile = np.array([0.3]) if everywhere else np.round(rng.random(n), 1)
    expected = [
        naive.healed(vessel[i], fat[i], cells[i], kit[i], lost[i] / stroma[i] if stroma[i] else 0.003, sterile[0 if everywhere else i], vegfr2, 6.0, **RATES)
        for i in range(n)
    ]
    heal(vessel, fat, cells, kit, lost, stroma, 0.003, sterile, vegfr2, 6.0, *RATES.values())
    np.testing.assert_allclose(np.stack([vessel, fat], axis=1), expected, rtol=1e-12, atol=1e-15)
    assert len({round(v, 6) for v, _ in expected}) > n / 2  # they differ


def test_nothing_leaves_zero_to_one():
    vessel, fat = np.array([0.0, 1.0, 0.2]), np.array([0.0, 1.0, 0.999])
    heal(vessel, fat, np.array([0.0, 2.0, 0.0]), np.zeros(3), np.ones(3), np.ones(3, np.int64), 0.0, np.array([0.0, 1.0, 1.0]), 0.0, 500.0, *RATES.values())
    assert ((vessel >= 0) & (vessel <= 1) & (fat >= 0) & (fat <= 1)).all() and fat[2] == 1.0
