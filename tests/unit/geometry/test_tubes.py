"""Distances to vessels against brute force."""

import numpy as np

from marrow_niche.geometry.tubes import tube_distance


def slow_distance(p, a, b, radius):
    """Point after point, tube after tube."""
    nearest = np.inf
    for start, end, r in zip(a, b, radius):
        along = end - start
        t = 0.0 if not along.any() else min(max(float((p - start) @ along / (along @ along)), 0.0), 1.0)
        nearest = min(nearest, float(np.linalg.norm(p - start - t * along)) - r)
    return nearest


def test_the_nearest_of_many_tubes_is_found_exactly():
    random = np.random.default_rng(5)
    a = random.uniform(0, 300, (60, 3))
    b = a + random.normal(0, 60, (60, 3))
    b[7] = a[7]  # a ball
    radius = random.uniform(2, 45, 60)
    points = random.uniform(-50, 350, (200, 3))
    expected = [slow_distance(p, a, b, radius) for p in points]
    np.testing.assert_allclose(tube_distance(points, a, b, radius), expected, atol=1e-9)


def test_without_tubes_all_is_far():
    none = np.zeros((0, 3))
    assert np.isinf(tube_distance(np.zeros((2, 3)), none, none, np.zeros(0))).all()
