"""Years at rest: no pool of marrow or blood drifts or dies out. Hours of computing, so all of it is `slow`."""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import advance, build, observe
from marrow_niche.state import no_births

BLOOD = (
    "neutrophils_per_uL", "monocytes_per_uL", "b_cells_per_uL", "cd4_cells_per_uL", "cd8_cells_per_uL", "nk_cells_per_uL",
    "platelets_per_uL", "red_cells_per_uL", "reticulocytes_per_uL",
)  # fmt: skip
PIECES = {
    "mouse section": ("mouse", {"bone": "long bone", "voxel": "25 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.5 mm"}}),
    "mouse slice": ("mouse", {"bone": "long bone", "voxel": "25 um", "section": {"axis": "long", "at": "50 %", "thickness": "25 um"}}),
    "human core": (
        "human",
        {"bone": "human iliac core", "voxel": "60 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.18 mm"}},
    ),
    "mouse femur": ("mouse", {"bone": "long bone", "voxel": "20 um"}),
}
STORED = {"human core": 12_000}
"""Stem cells stored one by one, where not as many as by default: ten years of 50,000 would take four hours."""
EVERY = 10


def pools(model, state):
    """Cells of each compartment of the marrow, stem cells, those of the tip, and blood, by name."""
    row, tree = observe.blood_row(state, model), model.tree
    here = {name: float(model.weight[tree.rows(name)] @ state.counts[tree.rows(name)].sum(axis=1)) for name in tree.first if name != "burst"}
    return here | {"stem cells": float((~state.stem.tip).sum()), "tip": float(state.stem.tip.sum())} | {n: row[n] for n in BLOOD}


def course(piece, seed, days):
    """{pool: (days / EVERY + 1,) values every tenth day} of a piece that nothing disturbs."""
    species, geometry = PIECES[piece]
    asked = {"species": species, "seed": seed, "duration": f"{days} d", "geometry": geometry}
    if piece in STORED:
        asked["parameters"] = {"stem_cells.agent_cap": {"value": STORED[piece], "source": "estimate"}}
    model, state = build(scenario_from(asked))
    rows = [pools(model, state)]
    for day in range(1, days + 1):
        for _ in range(24):
            advance(state, model)
        state.births = no_births()  # nobody records them
        if day % EVERY == 0:
            rows.append(pools(model, state))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def drifts(courses):
    """{pool: change over the run by the straight line through the mean of the seeds, over its mean}, and the least of each; but for
    HPC2 where none ever is, as in man."""
    out = {}
    for name in (pool for pool, counts in courses[0].items() if pool != "HPC2" or counts.any()):
        mean = np.mean([one[name] for one in courses], axis=0)
        slope = np.polyfit(np.arange(len(mean)), mean, 1)[0]
        out[name] = slope * (len(mean) - 1) / mean.mean(), min(one[name].min() for one in courses)
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("piece", "seeds", "days"), [
    ("mouse section", 5, 730), ("mouse slice", 3, 730), ("human core", 3, 3650), ("mouse femur", 1, 180),
])  # fmt: skip
def test_nothing_drifts_or_dies_out(piece, seeds, days):
    """The line through the mean of the seeds changes each pool by less than 5 % of its mean over the whole run; none is ever empty."""
    with ProcessPoolExecutor(2) as pool:
        courses = list(pool.map(course, [piece] * seeds, range(1, seeds + 1), [days] * seeds))
    found = drifts(courses)
    print(piece, {name: (round(100 * drift, 1), least) for name, (drift, least) in found.items()})
    for name, (drift, least) in found.items():
        assert least > 0, name
        assert abs(drift) < 0.05, name
