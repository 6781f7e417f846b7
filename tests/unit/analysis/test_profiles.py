"""Fields that are known functions of the distance come back as these."""

import functools
import types

import numpy as np
import pytest
import xarray as xr

from marrow_niche.analysis import profiles
from marrow_niche.errors import RunError
from marrow_niche.record.results import Results

H = 5.0
SHAPE = (4, 40, 40)


def shaft(arterioles=False):
    """A square shaft of marrow in two voxels of bone, with one sinusoid of radius 10 um along its middle."""
    tissue = np.ones(SHAPE, np.uint8)
    tissue[:, 2:-2, 2:-2] = 2
    nodes = np.array([[100.0, 100.0, -50.0], [100.0, 100.0, 100.0], [30.0, 30.0, -50.0], [30.0, 30.0, 100.0]])
    edges = np.array([[0, 1], [2, 3]][: 1 + arterioles])
    vessels = {"nodes": nodes, "edges": edges, "radius": np.array([10.0, 4.0])[: len(edges)], "kind": np.arange(len(edges))}
    _, y, x = np.meshgrid(*((np.arange(n) + 0.5) * H for n in SHAPE), indexing="ij")
    wall = np.hypot(x - 100, y - 100) - 10
    bone = np.minimum.reduce([x - 10, y - 10, 190 - x, 190 - y])
    fields = {
        "wall": np.stack([wall, 2 * wall]),
        "bone": np.stack([bone, 0 * bone]),
    }
    fields = {name: xr.DataArray(values, dims=("time", "z", "y", "x"), coords={"time": [0.0, 7.0]}) for name, values in fields.items()}
    found = types.SimpleNamespace(tissue=tissue, spacing=H, origin=np.zeros(3), directory="run", days=np.array([0.0, 7.0]))
    found.vessels, found.field, found.nearest = lambda: vessels, fields.__getitem__, functools.partial(Results.nearest, found)
    return found


def test_a_field_that_is_the_distance_to_the_wall_comes_back():
    at = profiles.Distances(shaft())
    found = at.profile("wall")
    assert found.day == 0.0 and np.allclose(found.median, found.distance, atol=1e-6)
    assert (np.diff(found.distance) > 0).all() and (found.low <= found.median).all() and (found.median <= found.high).all()
    later = at.profile("wall", 6.0)
    assert later.day == 7.0 and np.allclose(later.median, 2 * found.distance)
    with pytest.raises(RunError, match="day 9 is not recorded; choose one of day 0 to 7"):
        at.profile("wall", 9.0)


def test_a_field_that_is_the_distance_to_bone_comes_back_to_half_a_voxel():
    found = profiles.Distances(shaft()).profile("bone", of="bone")
    assert np.allclose(found.median, found.distance, atol=0.5 * H + 1e-9)


def test_voxels_within_vessels_are_left_out():
    found = profiles.Distances(shaft(arterioles=True)).profile("wall")
    inside = np.hypot(*(np.stack(np.meshgrid(*[(np.arange(2, 38) + 0.5) * H] * 2)) - 100)) <= 10
    assert found.distance[0] > 0
    assert profiles.Distances(shaft()).profile("wall").voxels.sum() == 4 * (36 * 36 - inside.sum())


def test_what_is_not_there_is_refused():
    at = profiles.Distances(shaft())
    with pytest.raises(ValueError, match="give one of sinusoid, arteriole, bone"):
        at.profile("wall", of="nerve")
    with pytest.raises(RunError, match="from any arteriole"):
        at.profile("wall", of="arteriole")
