"""A part of the piece: shares of its extent along the axes."""

import lab
import numpy as np
import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.perturbations.region import Region

LOW, HIGH = np.array([-10.0, 0.0, 100.0]), np.array([10.0, 40.0, 500.0])


def test_it_is_a_box_by_shares():
    """Of random points those are inside whose share along each axis named lies between; ends belong to it."""
    points = np.random.default_rng(1).uniform(LOW, HIGH, (2000, 3))
    share = (points - LOW) / (HIGH - LOW)
    found = Region(x=(0.25, 0.5), z=(0.1, 1.0)).inside(points, LOW, HIGH, 2)
    assert (found == ((share[:, 0] >= 0.25) & (share[:, 0] <= 0.5) & (share[:, 2] >= 0.1))).all() and found.any()
    assert Region(y=(0.0, 1.0)).inside(points, LOW, HIGH, 2).all()
    assert Region(x=(0.0, 0.5)).inside(np.array([[-10.0, 1.0, 200.0], [0.0, 1.0, 200.0]]), LOW, HIGH, 2).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_long_is_the_axis_of_the_bone(axis):
    points = np.random.default_rng(2).uniform(LOW, HIGH, (500, 3))
    named = Region(**{"xyz"[axis]: (0.2, 0.7)}).inside(points, LOW, HIGH, 0)
    assert (Region(long=(0.2, 0.7)).inside(points, LOW, HIGH, axis) == named).all()


@pytest.mark.parametrize(("region", "told"), [
    ({}, "a region needs at least one of long, x, y, z"),
    ({"x": ["50 %", "50 %"]}, "events[1].region.x: give where it begins and where it ends"),
    ({"x": ["60 %", "50 %"]}, "events[1].region.x: give where it begins and where it ends"),
    ({"long": ["50 %"]}, "events[1].region.long: give where it begins and where it ends"),
    ({"z": ["10 %", "50 %", "70 %"]}, "events[1].region.z: give where it begins and where it ends"),
    ({"y": ["0 %", "150 %"]}, "too high"),
    ({"lenght": ["0 %", "50 %"]}, "no such parameter"),
])
def test_a_region_that_is_none_is_told(region, told):
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(events=[{"kind": "graft", "at": "1 d", "stroma": "50 %", "region": region}])
    assert any(told in mistake for mistake in refused.value.mistakes), refused.value.mistakes


def test_a_region_is_read_as_shares():
    event = lab.scenario(events=[{"kind": "graft", "at": "1 d", "stroma": "50 %", "region": {"long": ["0 %", "50 %"]}}]).events[0]
    assert event.region == Region(long=(0.0, 0.5)) and event.stroma == 0.5
