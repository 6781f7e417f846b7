"""The resting state that is found: man's as near to balance as the mouse's, and hardly anybody hurries."""

import functools

import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import assembly

BONES = {
    "mouse": {"bone": "long bone", "voxel": "25 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.1 mm"}},
    "human": {"bone": "human iliac core", "voxel": "60 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.18 mm"}},
}
AGENTS = {"stem_cells.agent_cap": {"value": 12_000, "unit": "", "source": "estimate"}}


@functools.cache
def rest_of(species):
    """A model, its state at rest, and what the search told of its last round: number, levels, growth [1/h], move of the stages."""
    asked = scenario_from({"species": species, "seed": 7, "duration": "1 d", "geometry": BONES[species], "parameters": AGENTS})
    laid, told = assembly.lay_out(asked, assembly.geometry_of(asked)), []
    return *assembly.at_rest(laid, report=lambda *round_: told.append(round_)), told[-1]


@pytest.mark.parametrize("species", BONES)
def test_stem_cells_gain_what_they_lose_by_the_clock_of_the_species(species):
    """In the time that a cell takes to divide their number moves by less than 2.5 %, that of the tip by less than 0.6 %."""
    model, _, (_, level, growth, _) = rest_of(species)
    assert (level > 0.5).all()
    assert (np.abs(growth) / model.stem_rest.division < [0.025, 0.006]).all()


@pytest.mark.parametrize("species", BONES)
def test_few_progenitors_hurry_at_rest(species):
    """What whole cells at their places call into the emergency chain, doubled to its end, is less than a twentieth of what CMP get."""
    model, state, _ = rest_of(species)
    tree, counts = model.tree, state.counts.astype(float)
    coupling.solve_fields(state.counts, coupling.stem_density(state, model), state.stroma, state.hormones, state.fields, state.around, model)
    logs = coupling.voxel_signals(state, model)
    hurried = called = arriving = 0.0
    for name in ("MPP", "HPC1", "CMP"):
        row = tree.first[name]
        excess = np.maximum(np.exp(logs[tree.burst_signal[row]]) / tree.burst_threshold - 1, 0.0)
        call = tree.burst_rate[row] * excess**2 / (excess**2 + tree.burst_half**2)
        doublings = tree.rows("burst").stop - tree.burst_target[row]
        called += model.weight[row] * (counts[row] @ (excess > 0))
        hurried += model.weight[row] * (counts[row] @ call) * 2.0**doublings
        if name == "HPC1":
            into = tree.share[row][tree.target[row] == tree.first["CMP"]].sum()
            gives = tree.rate[row] * tree.daughters[row] * (1 - tree.renewal[row])
            arriving = model.weight[row] * counts[row].sum() * gives * into
    assert called > 0
    assert hurried < 0.05 * arriving
