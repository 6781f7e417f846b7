"""The null of a marrow whose answer is a formula."""

import types

import numpy as np
import pytest

from marrow_niche.analysis import space


def marrow_around_a_tube(cells=((0.0, 0.0, 0.0),), radius=20.0, side=200.0):
    """A square shaft of marrow with one sinusoid along its axis."""
    nodes = np.array([[side / 2, side / 2, -100.0], [side / 2, side / 2, 200.0]])
    vessels = {
        "nodes": nodes,
        "edges": np.array([[0, 1]]),
        "radius": np.array([radius]),
        "kind": np.array([0], np.uint8),
    }
    import pandas as pd

    table = pd.DataFrame(np.array(cells, float).reshape(-1, 3), columns=["x_um", "y_um", "z_um"])
    table.attrs["day"] = 0.0
    return types.SimpleNamespace(
        tissue=np.full((5, 10, 10), 2, np.uint8), spacing=side / 10, origin=np.zeros(3), days=np.array([0.0]),
        vessels=lambda: vessels, cells=lambda day=None: table,
    )  # fmt: skip


def test_the_null_of_one_tube_in_a_square_is_a_ratio_of_areas():
    """Within 10 um of the wall lies the ring π((r + 10)² - r²) of the area L² - πr² outside."""
    run = marrow_around_a_tube()
    random = space.random_distances(run, points=40_000, seed=3)
    outside = 200.0**2 - np.pi * 20.0**2
    expected = np.pi * (30.0**2 - 20.0**2) / outside
    error = np.sqrt(expected * (1 - expected) / random.size)
    assert abs((random <= 10).mean() - expected) < 4 * error
    assert random.size == pytest.approx(40_000 * outside / 200.0**2, rel=0.01)
    assert random.min() > 0


def test_points_inside_arterioles_are_no_marrow():
    run = marrow_around_a_tube()
    vessels = run.vessels() | {"kind": np.array([1], np.uint8)}
    run.vessels = lambda: vessels
    kept = space.random_distances(run, points=4000)
    assert kept.size < 4000 and np.isinf(kept).all()


def test_cells_against_chance():
    """Two cells at 5 and 50 um from the wall; the distributions are farthest apart at 50: 1 against a ring of area."""
    run = marrow_around_a_tube(cells=[(125.0, 100.0, 50.0), (170.0, 100.0, 50.0)])
    found = space.placement(run, points=4000)
    np.testing.assert_allclose(found.observed, [5.0, 50.0])
    assert found.share_near == 0.5 and 0.02 < found.random_share_near < 0.08
    assert found.medians[0] == pytest.approx(27.5)
    ring = np.pi * (70.0**2 - 20.0**2) / (200.0**2 - np.pi * 20.0**2)
    assert found.separation == pytest.approx(1 - ring, abs=0.03)


def test_random_points_fall_on_marrow_alone():
    tissue = np.ones((2, 3, 4), np.uint8)
    tissue[1, 2, 3] = 2
    points = space.random_points(tissue, 10.0, np.array([1.0, 2.0, 3.0]), 500, seed=0)
    low, high = np.array([31.0, 22.0, 13.0]), np.array([41.0, 32.0, 23.0])
    assert ((points >= low) & (points <= high)).all()
    np.testing.assert_allclose(points.mean(axis=0), (low + high) / 2, atol=0.7)
    np.testing.assert_array_equal(points, space.random_points(tissue, 10.0, [1.0, 2.0, 3.0], 500, seed=0))
