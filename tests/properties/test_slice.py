"""A slice is a slab one voxel thick: densities are per volume, so its resting fields are those of the bone around it."""

import lab
import numpy as np
import pytest

from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import build


def levels(model, state):
    """Stem cells outside the tip, and the tip, over the species' density, as they stand."""
    tip = state.stem.tip.sum()
    found = model.stem_weight * np.array([len(state.stem.tip) - tip, tip])
    return found / (model.piece_share * model.species.stem_cells.numbers)


def test_fields_of_a_slice_rest_near_those_of_a_section():
    """Mean over the marrow of each field, and stem cells outside the tip over the species' density, within 15 %; the tip, of which a
    slice holds 0.84 to 0.85 of a section's, within 20 %."""
    section, state = lab.marrow()
    geometry = {"bone": "long bone", "voxel": "25 um", "section": {"axis": "long", "at": "50 %"}}
    asked = scenario_from(
        {"species": "mouse", "seed": 7, "duration": "1 d", "geometry": geometry, "parameters": lab.FEWER_AGENTS}
    )
    slice_, flat = build(asked)
    assert slice_.lattice.dimension == 2
    f = section.geometry.extravascular
    thick = (state.fields * f).sum(axis=1) / f.sum()
    f = slice_.geometry.extravascular
    thin = (flat.fields * f).sum(axis=1) / f.sum()
    assert thin == pytest.approx(thick, rel=0.15)
    others, tip = levels(slice_, flat) / levels(section, state)
    assert others == pytest.approx(1.0, abs=0.15)
    assert tip == pytest.approx(1.0, abs=0.2)
    assert np.allclose(flat.stem.position[:, 2].max() - flat.stem.position[:, 2].min(), 25.0, atol=1.0)
