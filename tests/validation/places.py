"""SPA-1, SPA-2: where cells are."""

import lab
import numpy as np
from analytic.test_geometry_lines import lines
from scipy.spatial import cKDTree

from marrow_niche.geometry.tubes import tube_distance
from validation.case import Asked, Case, Measured
from validation.pictures import BLUE, INK

SHARE, RADIUS = 0.30, 10.0


def spa_1():
    """Random points about random lines that fill 30 % of space, and about each other."""
    density, rng, away = -np.log(1 - SHARE) / (np.pi * RADIUS**2), np.random.default_rng(11), []
    for _ in range(60):
        a, b = lines(density, 320.0, rng)
        away.append(tube_distance(rng.uniform(-150, 150, (1500, 3)), a, b, np.full(len(a), RADIUS)))
    away = np.concatenate(away)
    outside = away[away > 0]
    values = {"volume of tubes over the law": (away < 0).mean() / SHARE}
    for r in (5.0, 10.0, 20.0):
        law = 1 - np.exp(-np.pi * density * ((r + RADIUS) ** 2 - RADIUS**2))
        values[f"points within {r:g} um over the law"] = (outside <= r).mean() / law
    points = rng.uniform(0, 1000, (rng.poisson(1e4), 3))
    inner = points[((points > 100) & (points < 900)).all(axis=1)]
    nearest = cKDTree(points).query(inner, k=2)[0][:, 1]
    values["nearest neighbour over the law"] = nearest.mean() / (0.55396 * 1e-5 ** (-1 / 3))
    return Measured(values={name: float(value) for name, value in values.items()}, shown=(outside, density))


def draw_spa_1(figure, m):
    outside, density = m.shown
    axes = figure.add_subplot(title="Random points about random tubes", xlabel="distance to the wall [um]", ylabel="share")
    r = np.linspace(0, 40, 100)
    axes.plot(np.sort(outside), np.linspace(0, 1, outside.size), color=BLUE, label="package")
    axes.plot(r, 1 - np.exp(-np.pi * density * ((r + RADIUS) ** 2 - RADIUS**2)), "--", color=INK, label="exact")
    axes.set_xlim(0, 40)
    axes.legend()


def spa_2():
    """Stem cells at rest in a section of the shaft, and random points of the same marrow."""
    model, state = lab.marrow()
    cells = state.stem.distance[state.stem.voxel >= 0]
    near, null = float((cells <= 10).mean()), float(model.facts["share_within_10um_of_sinusoid"])
    values = {"stem cells within 10 um of a sinusoid": near, "the same less that of random points": near - null}
    return Measured(values=values, shown=(cells, model.facts))


def draw_spa_2(figure, m):
    cells, facts = m.shown
    axes = figure.add_subplot(title="Stem cells at rest", xlabel="distance to the nearest sinusoid [um]", ylabel="share within")
    axes.plot(np.sort(cells), np.linspace(0, 1, cells.size), color=BLUE, label="stem cells of the package")
    r = (5, 10, 20)
    axes.plot(r, [facts[f"share_within_{x}um_of_sinusoid"] for x in r], "s", color="#5f6b78", label="random points of this marrow")
    axes.errorbar([10], [0.85], [[0.10], [0.10]], fmt="o", color=INK, label="Acar 2015, with the band asked")
    axes.set_xlim(0, 40)
    axes.legend()


CASES = (
    Case(
        id="SPA-1", use="test", title="Distances of random points to tubes and to each other", cites="Boolean model of cylinders (Stoyan D et al. 2013)",
        exercised="geometry.tubes.tube_distance; nearest neighbours by scipy, on which the package rests",
        asked=(
            Asked(what="volume of tubes over the law", low=0.97, high=1.03),
            *(Asked(what=f"points within {r} um over the law", low=0.97, high=1.03) for r in (5, 10, 20)),
            Asked(what="nearest neighbour over the law", low=0.97, high=1.03),
        ),
        measure=spa_1, draw=draw_spa_1,
    ),
    Case(
        id="SPA-2", use="cal", title="Stem cells stand beside sinusoids, more than by chance", cites="Acar M et al. 2015, Nature 526:126",
        exercised="a section of the mouse femur at rest (geometry, resting)",
        asked=(
            Asked(what="stem cells within 10 um of a sinusoid", low=0.75, high=0.95),
            Asked(what="the same less that of random points", low=0.02),
        ),
        measure=spa_2, draw=draw_spa_2,
    ),
)  # fmt: skip
