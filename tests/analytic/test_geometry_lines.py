"""Random straight vessels: what fills space, and how near a random point is to one, have closed forms.

Poisson lines of length density L and radius a fill 1 − exp(−π L a²); a random point outside lies within r of a wall with
probability 1 − exp(−π L [(r + a)² − a²]). Random points of density ρ lie within r of their nearest with probability
1 − exp(−4/3 π ρ r³).
"""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from marrow_niche.geometry.tubes import tube_distance


def lines(density, half, rng):
    """Isotropic lines of a length density [1/um²] that cross a ball of radius `half`, as segments longer than the ball."""
    number = rng.poisson(density * np.pi * half**2)  # a ball's volume over its mean chord is its section
    along = rng.standard_normal((number, 3))
    along /= np.linalg.norm(along, axis=1)[:, None]
    helper = np.eye(3)[np.abs(along).argmin(axis=1)]
    one = np.cross(along, helper)
    one /= np.linalg.norm(one, axis=1)[:, None]
    other = np.cross(along, one)
    r, angle = half * np.sqrt(rng.random(number)), 2 * np.pi * rng.random(number)
    middle = (r * np.cos(angle))[:, None] * one + (r * np.sin(angle))[:, None] * other
    return middle - 2 * half * along, middle + 2 * half * along


@pytest.mark.parametrize(("share", "radius"), [(0.30, 10.0), (0.30, 12.5), (0.19, 12.0)])
def test_random_points_are_as_near_to_random_lines_as_they_should_be(share, radius):
    """Volume fraction, and shares within 5, 10, 20 and 30 um, to 3 % of themselves; sixty draws of 1500 points each."""
    density = -np.log(1 - share) / (np.pi * radius**2)
    rng = np.random.default_rng(4)
    away = []
    for _ in range(60):
        a, b = lines(density, 320.0, rng)
        points = rng.uniform(-150.0, 150.0, (1500, 3))
        away.append(tube_distance(points, a, b, np.full(len(a), radius)))
    away = np.concatenate(away)
    assert (away < 0).mean() == pytest.approx(share, rel=0.03)
    outside = away[away > 0]
    for within in (5.0, 10.0, 20.0, 30.0):
        expected = 1 - np.exp(-np.pi * density * ((within + radius) ** 2 - radius**2))
        assert (outside <= within).mean() == pytest.approx(expected, rel=0.03)


def test_random_points_are_as_near_to_each_other_as_they_should_be():
    rng, density = np.random.default_rng(5), 1e-5
    points = rng.uniform(0.0, 1000.0, (rng.poisson(density * 1e9), 3))
    inner = points[((points > 100) & (points < 900)).all(axis=1)]
    nearest = cKDTree(points).query(inner, k=2)[0][:, 1]
    assert nearest.mean() == pytest.approx(0.55396 * density ** (-1 / 3), rel=0.03)
    assert (nearest <= 25.0).mean() == pytest.approx(1 - np.exp(-4 / 3 * np.pi * density * 25.0**3), rel=0.03)
