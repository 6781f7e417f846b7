"""Small marrows for tests: built once a session, handed out as copies."""

import copy
import dataclasses
import functools

from marrow_niche.geometry.morphometry import cell_nearness
from marrow_niche.marrow.genes import Genes
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import build
from marrow_niche.simulation.assembly import begun

FEWER_AGENTS = {"stem_cells.agent_cap": {"value": 6000, "unit": "", "source": "estimate"}}


def scenario(
    thickness="0.2 mm", voxel="25 um", seed=7, duration="60 d", events=(), switches=None, parameters=None, **tables
):
    """A shaft section of the package's own mouse femur as a Scenario, with 6,000 stored stem cells unless told otherwise."""
    return scenario_from(
        {
            "title": "a test",
            "species": "mouse",
            "seed": seed,
            "duration": duration,
            "geometry": {
                "bone": "long bone",
                "voxel": voxel,
                "section": {"axis": "long", "at": "50 %", "thickness": thickness},
            },
            "events": list(events),
            "switches": switches or {},
            "parameters": FEWER_AGENTS if parameters is None else parameters,
            **tables,
        }
    )


@functools.cache
def _built(thickness, voxel, seed, local, few, marked, dosed, steps):
    label = [{"kind": "label", "at": "0 d", "share": "0 %"}] if marked else []
    dose = [{"kind": "radiation", "at": "0 d", "dose": "0 Gy"}] if dosed else []
    asked = scenario(thickness, voxel, seed, events=label + dose, switches={"local_responses": local}, parameters=None if few else {})
    return build(asked, **dict(steps))


def marrow(thickness="0.2 mm", voxel="25 um", seed=7, local=True, few=True, marked=False, dosed=False, events=None, genes=None, **steps):
    """(model, state) at rest; the state is the caller's own to change. `few`: at most 6,000 stored cells of a kind; `marked`:
    the tree has a second line, still empty; `dosed`: it has that of the doomed; `events` (specs) instead of those of the scenario; `genes` of a mutant."""
    model, state = _built(thickness, voxel, seed, local, few, marked, dosed, tuple(steps.items()))
    state = copy.deepcopy(state)
    if events is not None:
        model = dataclasses.replace(model, events=tuple(events))
    if genes is not None:
        model = begun(dataclasses.replace(model, species=dataclasses.replace(model.species, genes=Genes(**genes))))
        state.stroma.membrane[:] = model.genes.membrane_scf
    return model, state


def beside_sinusoids(model, state):
    """Shares within 10 um of a sinusoid: of stem cells; of random points of this marrow; and the standard deviation by chance of
    as many random points as there are stem cells."""
    here = state.stem.voxel >= 0
    found = cell_nearness(model.geometry, state.stem.position[here], state.stem.voxel[here])
    chance = model.facts["share_within_10um_of_sinusoid"]
    return found["stem_cells_within_10um_of_sinusoid"], chance, (chance * (1 - chance) / here.sum()) ** 0.5
