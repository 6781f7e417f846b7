"""A plane through vessels, fat and fields, against distances worked out the slow way."""

import numpy as np
import pytest

from marrow_niche.view.planes import Plane, Sampled, cut_balls, cut_tubes


def tilted(shape=(40, 60), step=2.0, bow=None):
    across = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
    above = np.array([0.0, 0.0, 1.0])
    return Plane(origin=np.array([10.0, 20.0, 30.0]), across=across, above=above, step=step, shape=shape, bow=bow)


def naive_gap(points, vessels, kind):
    """Distance of each point from the nearest wall: every vessel, one by one."""
    gap = np.full(points.shape[:-1], np.inf)
    for (a, b), radius, own in zip(vessels["edges"], vessels["radius"], vessels["kind"]):
        if own == kind:
            start, end = vessels["nodes"][a], vessels["nodes"][b]
            way = end - start
            along = np.clip((points - start) @ way / (way @ way), 0, 1)
            gap = np.minimum(gap, np.linalg.norm(points - start - along[..., None] * way, axis=-1) - radius)
    return gap


@pytest.fixture
def vessels():
    random = np.random.default_rng(3)
    nodes = np.array([10.0, 20.0, 30.0]) + random.random((40, 3)) * 100
    edges = random.permutation(40).reshape(20, 2)
    return {"nodes": nodes, "edges": edges, "radius": 3 + 6 * random.random(20), "kind": np.arange(20) % 2}


@pytest.mark.parametrize("kind", [0, 1])
def test_vessels_are_cut_where_they_are(vessels, kind):
    plane = tilted()
    expected = naive_gap(plane.points(), vessels, kind)
    found = cut_tubes(plane, vessels, kind)
    assert (expected < 0).any()
    np.testing.assert_array_equal(found < 0, expected < 0)
    near = expected < 3 * plane.step
    np.testing.assert_allclose(found[near], expected[near], atol=1e-9)


def test_a_bent_plane_cuts_a_bent_vessel_along_its_length():
    """A vessel that bows as the plane does lies in it from end to end; a flat plane leaves it."""
    z = np.linspace(30, 110, 9)
    out = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)

    def bow(points):
        return 0.002 * (points[..., 2] - 30.0) ** 2

    nodes = np.array([40.0, 50.0, 0.0]) + np.stack([0 * z, 0 * z, z], axis=1) + 0.002 * (z - 30.0)[:, None] ** 2 * out
    tube = {"nodes": nodes, "edges": np.stack([np.arange(8), np.arange(1, 9)], 1), "radius": np.full(8, 3.0), "kind": np.zeros(8)}
    assert (cut_tubes(tilted(bow=bow), tube, 0) < 0).any(axis=1).all()
    assert not (cut_tubes(tilted(), tube, 0) < 0).any(axis=1)[30:].any()


def test_a_ball_is_cut_into_a_circle():
    plane = tilted()
    centre = plane.points()[10, 20] + 3.0 * plane.normal
    x, y, radius = cut_balls(plane, np.stack([centre, centre + 50 * plane.normal]), np.array([5.0, 5.0]))
    np.testing.assert_allclose([x, y, radius], [[20], [10], [4]], atol=1e-9)


def test_a_field_that_is_linear_is_read_exactly_and_none_is_made_up():
    tissue = np.full((12, 14, 16), 2, np.uint8)
    corner, h = np.array([10.0, 20.0, 30.0]), 10.0
    z, y, x = np.indices(tissue.shape)
    values = 1.0 + 2.0 * (corner[0] + h * (x + 0.5)) - (corner[2] + h * (z + 0.5))
    values[:, :, 10:] = np.nan
    across, above = np.eye(3)[0], np.eye(3)[2]
    plane = Plane(origin=np.array([20.0, 70.0, 40.0]), across=across, above=above, step=3.0, shape=(20, 45))
    found = Sampled(plane, tissue, corner, h).field(values)
    points = plane.points()
    inside = points[..., 0] < corner[0] + 9.5 * h
    np.testing.assert_allclose(found[inside], (1 + 2 * points[..., 0] - points[..., 2])[inside], rtol=1e-5)
    assert np.isnan(found[points[..., 0] > corner[0] + 10.6 * h]).all()
