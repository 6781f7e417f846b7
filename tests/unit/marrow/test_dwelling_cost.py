"""What keeps stem cells near arterioles or bone, beside sinusoids: its formula, and where they come to rest by it."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.marrow.stem_cells import dwelling_cost
from marrow_niche.resting.places import dwelling


@pytest.fixture(scope="module")
def spec():
    return lab.scenario().parameters.stem_cells


@pytest.fixture(scope="module")
def model():
    return lab.marrow("0.1 mm", "25 um")[0]


def test_nothing_is_kept_where_both_lengths_are_infinite(spec):
    both = dataclasses.replace(spec, arteriole_affinity_length=np.inf, bone_affinity_length=np.inf)
    assert dwelling_cost(np.ones(4), np.ones(4), both).shape == (0,)


@pytest.mark.parametrize(("arteriole", "bone"), [(20.0, 5.0), (np.inf, 8.0), (15.0, np.inf)])
def test_it_is_the_distance_over_the_length(spec, arteriole, bone):
    """Of both walls together; inside a vessel, or in bone, nothing more than at its wall."""
    given = dataclasses.replace(spec, arteriole_affinity_length=arteriole, bone_affinity_length=bone)
    to_arteriole, to_bone = np.array([0.0, 30.0, -4.0, 200.0]), np.array([10.0, -2.0, 6.0, 1e4])
    cost = dwelling_cost(to_arteriole, to_bone, given)
    wanted = np.array([0.0, 30.0, 0.0, 200.0]) / arteriole + np.array([10.0, 0.0, 6.0, 1e4]) / bone
    assert cost == pytest.approx(wanted)


def test_the_species_are_indifferent(model):
    """A mouse's stem cells have a length from sinusoids alone."""
    assert np.isinf(model.species.stem_cells.bone_affinity_length)
    assert model.dwelling_cost.size == 0


def with_lengths(model, **lengths):
    """The model with other affinities of stem cells, none to sinusoids."""
    stem = dataclasses.replace(model.species.stem_cells, affinity_length=np.inf, **lengths)
    geometry = model.geometry
    return dataclasses.replace(
        model,
        species=dataclasses.replace(model.species, stem_cells=stem),
        dwelling_cost=dwelling_cost(geometry.to_arteriole, geometry.to_endosteum, stem),
    )


@pytest.mark.parametrize("wall", ["bone", "arteriole"])
def test_stem_cells_at_rest_lie_nearer_to_what_holds_them(model, wall):
    """Placed and moved at rest, their mean distance is that of exp(-d / 30) over the marrow, far below that at random."""
    geometry = model.geometry
    away = geometry.to_endosteum if wall == "bone" else geometry.to_arteriole
    held = dwelling(4000, with_lengths(model, **{f"{wall}_affinity_length": 30.0}))
    free = dwelling(4000, with_lengths(model))
    room = geometry.extravascular
    weight = room * np.exp(-np.maximum(away, 0.0) / 30.0)
    found, random = away[held.voxel].mean(), away[free.voxel].mean()
    assert random == pytest.approx(np.average(away, weights=room), rel=0.06)
    assert found == pytest.approx(np.average(away, weights=weight), rel=0.12)
    assert found < 0.7 * random
