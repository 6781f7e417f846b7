"""The resting state that is found: man's as near to balance as the mouse's, and hardly anybody hurries."""

import functools

import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.marrow import lineages
from marrow_niche.resting import places
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import build

BONES = {
    "mouse": {"bone": "long bone", "voxel": "25 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.1 mm"}},
    "human": {"bone": "human iliac core", "voxel": "60 um", "section": {"axis": "long", "at": "50 %", "thickness": "0.18 mm"}},
}
AGENTS = {"stem_cells.agent_cap": {"value": 12_000, "unit": "", "source": "estimate"}}


@functools.cache
def rest_of(species):
    """A model and its state at rest."""
    return build(scenario_from({"species": species, "seed": 7, "duration": "1 d", "geometry": BONES[species], "parameters": AGENTS}))


def in_its_own_fields(species):
    """The same, fields solved for the whole cells that were drawn."""
    model, state = rest_of(species)
    stem = coupling.stem_density(state, model)
    coupling.solve_fields(state.counts, stem, state.stroma, state.hormones, state.fields, state.around, model)
    return model, state


@pytest.mark.parametrize("species", BONES)
def test_stem_cells_gain_what_they_lose_by_the_clock_of_the_species(species):
    """The cells that were drawn, in fields solved for them: in the time that one takes to divide their number moves by less than
    3 %, that of the tip, of which fewer are drawn, by less than 2 %."""
    model, state = in_its_own_fields(species)
    tip = state.stem.tip
    number = model.stem_weight * np.array([(~tip).sum(), tip.sum()])
    did = places.doing(coupling.stem_signals(state, model, number), tip, number, model)
    growth = places.growth(did, tip, np.ones(len(tip)))
    assert (np.abs(growth) / model.stem_rest.division < [0.03, 0.02]).all()


@pytest.mark.parametrize("species", BONES)
def test_few_progenitors_hurry_at_rest(species):
    """What whole cells at their places call into the emergency chain, doubled to its end, is less than a twentieth of what HPC1
    give to CMP."""
    model, state = in_its_own_fields(species)
    tree, counts, logs = model.tree, state.counts.astype(float), coupling.voxel_signals(state, model)
    hurried, scf = 0.0, np.exp(logs[tree.burst_signal[tree.first["HPC1"]]])
    call = lineages.demand(scf, tree)
    for row in np.flatnonzero(tree.burst_rate):
        doublings = tree.rows("burst").stop - tree.burst_target[row]
        hurried += tree.burst_rate[row] * model.weight[row] * (counts[row] @ call) * 2.0**doublings
    row = tree.first["HPC1"]
    into = tree.share[row][tree.target[row] == tree.first["CMP"]].sum()
    given = model.weight[row] * counts[row].sum() * tree.rate[row] * tree.daughters[row] * (1 - tree.renewal[row]) * into
    assert (call > 0).any()
    assert hurried < 0.05 * given


def test_rare_stages_of_man_are_stored_ten_times_as_many_as_stem_cells():
    """MPP and HPC1 of a core are too few to be stored one by one; the more there are of a stage, the nearer it is to that."""
    model, state = rest_of("human")
    stored = {name: state.counts[model.tree.first[name]].sum() for name in ("MPP", "HPC1")}
    assert stored["MPP"] == pytest.approx(120_000, rel=0.25)
    assert stored["HPC1"] == pytest.approx(120_000, rel=0.25)
    mouse, _ = rest_of("mouse")
    assert model.species.stem_cells.committed_per_agent == 10 * mouse.species.stem_cells.committed_per_agent
