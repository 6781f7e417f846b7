"""Where stem cells sit: nearer to sinusoids than chance, at the start and after a month of walking."""

import lab
import numpy as np

from marrow_niche import coupling
from marrow_niche.geometry.morphometry import cell_nearness


def test_stem_cells_stay_beside_sinusoids_beyond_chance():
    """75 to 95 % within 10 um (Acar 2015: 85 %), and more than as many random points of the same marrow ever would, at
    placement and after 30 days of motility alone."""
    model, state = lab.marrow()
    key = "within_10um_of_sinusoid"
    chance = model.facts[f"share_{key}"]
    spread = np.sqrt(chance * (1 - chance) / len(state.stem.id))
    assert 0.4 < chance < 0.75

    def near():
        here = state.stem.voxel >= 0
        facts = cell_nearness(model.geometry, state.stem.position[here], state.stem.voxel[here])
        found = facts[f"stem_cells_{key}"]
        return 0.75 < found < 0.95 and found > chance + 10 * spread

    assert near()
    before = state.stem.position.copy()
    for hour in range(30 * 24):
        coupling.walk(state.stem, model, model.stride, model.rounds, hour)
    assert np.median(np.linalg.norm(state.stem.position - before, axis=1)) > 20.0
    assert near()
