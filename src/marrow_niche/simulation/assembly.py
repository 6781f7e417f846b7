"""Scenario → Model and State at rest."""

import dataclasses

import numpy as np

from marrow_niche import coupling, resting
from marrow_niche.body import blood, hormones, lymphoid
from marrow_niche.errors import ScenarioError
from marrow_niche.geometry import build_geometry
from marrow_niche.geometry.morphometry import cell_nearness
from marrow_niche.marrow import lineages, stem_cells
from marrow_niche.marrow.damage import DamageState
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.marrow.stroma import StromaState
from marrow_niche.model import Model, Walls
from marrow_niche.resting import twin
from marrow_niche.state import State, none_fresh
from marrow_niche.transport.domain import prepare, with_pattern

FEW = 2000
SAMPLE = 100_000
WALL_CAP = 200.0
LINEAGE_STEP = 3
FIELD_STEP = 24
NICHE_STEP = 6


def build(scenario, *, lineage_step=LINEAGE_STEP, field_step=FIELD_STEP, niche_step=NICHE_STEP, report=None):
    """The constant `Model` and the resting `State` of a scenario.

    Parameters
    ----------
    scenario : Scenario
    lineage_step, field_step, niche_step : int
        Hours between steps of lineages and body, between solves of a field at most, and between steps of the niche; the
        first divides the others.
    report : callable, optional
        Called with (round, level, growth, moved) while the resting state is sought.

    Raises
    ------
    GeometryError, NumericsError, ScenarioError
        A bone without marrow; a niche in which no stem cell can live; parameters that contradict each other.
    """
    geometry = build_geometry(
        scenario.geometry, scenario.parameters.anatomy, seed=scenario.seed, folder=scenario.folder
    )
    model = lay_out(scenario, geometry, lineage_step, field_step, niche_step)
    return at_rest(model, report=report)


def lay_out(scenario, geometry, lineage_step=LINEAGE_STEP, field_step=FIELD_STEP, niche_step=NICHE_STEP):
    """The `Model` of a geometry, before its resting state is known: shares are then those of the volume."""
    species = scenario.parameters
    stem = species.stem_cells
    try:
        stem_rest = stem_cells.rest(stem)
        tree = lineages.grow(
            species.lineages,
            species.burst,
            inflow={"MPP": stem.to_mpp * stem.number, "MkP": stem.to_mkp * stem.number},
            production=blood.production(species.blood),
        )
    except ValueError as error:
        raise ScenarioError("parameters", [str(error)]) from error
    produced = dict(zip(EXITS, tree.output))
    per_cell = blood.production(species.blood)["platelets"] / produced["platelets"]
    _, lymphoid_rest = lymphoid.rest(species.lymphoid, produced, species.blood.volume)
    lattice = geometry.lattice
    share = (
        float(geometry.extravascular.sum())
        * lattice.volume
        / (species.organism.marrow_volume * species.organism.extravascular)
    )
    whole = scenario.organism.agents == "organism"
    stored = min(stem.number, stem.agent_cap) if whole else max(1.0, share * stem.number)
    v = geometry.vessels
    hop = species.stroma.wandering * niche_step / lattice.spacing**2
    rounds = max(1, int(np.ceil(hop * 12)))
    stride = np.sqrt(2 * stem.motility)
    hops = max(1, int(np.ceil((stride / 5.0) ** 2)))
    model = Model(
        geometry=geometry,
        domain=with_pattern(prepare(lattice.neighbour), geometry.extravascular),
        walls=Walls(
            start=geometry.near_sinusoid.start,
            item=geometry.near_sinusoid.item,
            a=v.nodes[v.edges[:, 0]],
            b=v.nodes[v.edges[:, 1]],
            radius=v.radius,
            cap=WALL_CAP,
        ),
        index=lattice.index(),
        species=species,
        switches=scenario.switches,
        seed=scenario.seed,
        tree=tree,
        stem_rest=stem_rest,
        blood_rest=blood.rest(species.blood, dict(produced, platelets=produced["platelets"] * per_cell)),
        lymphoid_rest=lymphoid_rest,
        platelets_per_cell=per_cell,
        production=produced,
        piece_share=share,
        apart=scenario.organism.rest == "unirradiated",
        stem_weight=share * stem.number / stored,
        weight=weights(tree, share, stem.agent_cap, whole),
        exposures=tuple(e for event in scenario.events for e in event.exposures()),
        lineage_step=lineage_step,
        field_step=field_step,
        niche_step=niche_step,
        hop_number=hop / rounds,
        hop_rounds=rounds,
        stride=stride / np.sqrt(hops),
        rounds=hops,
        share=np.full(len(EXITS), share),
        rest_cells=share * tree.rest,
        mixed_rest={},
        facts=dict(geometry.facts),
        dwelling_cost=stem_cells.dwelling_cost(geometry.to_arteriole, geometry.to_endosteum, stem),
    )
    calm = hormones.HormoneState()
    mixed = {
        name: coupling.stirred_level(c, coupling.resting_totals(model), calm, model)
        for name, c in species.cytokines.items()
    }
    return dataclasses.replace(model, mixed_rest=mixed)


def weights(tree, share, cap, whole):
    """Real cells of the piece that one stored cell of each stage stands for, (n_stage,).

    A stage with fewer than `FEW` cells in the piece is stored as the organism's number, at most `cap`; a common one
    weighs 1. The emergency chain, empty at rest, doubles from the weight of MPP up to that of CMP.
    """
    weight = np.ones(len(tree.rest))
    if not whole:
        return weight
    few = share * tree.rest < FEW
    weight[few] = share * tree.rest[few] / np.maximum(np.minimum(tree.rest[few], cap), 1.0)
    rows = tree.rows("burst")
    low, high = weight[tree.first["MPP"]], weight[tree.first["CMP"]]
    weight[rows] = np.minimum(low * 2.0 ** np.arange(tree.stages["burst"]), max(low, high))
    return weight


def at_rest(model, report=None, calibrate=False):
    """The model with its shares, and its resting state; with `calibrate` also with references of its own."""
    species, g = model.species, model.geometry
    produced = dict(model.production, platelets=model.production["platelets"] * model.platelets_per_cell)
    n, n_field, n_row = model.n, len(species.cytokines), len(species.cytokines) + len(coupling.DENSITIES)
    sample = resting.dwelling(SAMPLE, model)
    state = State(
        hour=0,
        stem=sample,
        counts=np.zeros((len(model.tree.rate), n), np.int32),
        fresh=none_fresh(),
        fields=np.zeros((n_field, n)),
        around=np.ones((len(coupling.DENSITIES), n)),
        solved=np.full(n_row, -1),
        wait=np.zeros(n_row, np.int64),
        levels=np.zeros(n_row),
        followed=np.ones(n_row),
        latest=np.zeros(n_row),
        drift=np.zeros(n_row),
        updated=0,
        stroma=StromaState(
            vessel=np.ones(n),
            fat=np.full(n, species.stroma.fat_at_rest),
            stroma=np.ones(len(g.niches.stroma)),
            osteoblast=np.ones(len(g.niches.osteoblast)),
        ),
        blood=blood.rest(species.blood, produced),
        lymphoid=lymphoid.rest(species.lymphoid, model.production, species.blood.volume)[0],
        hormones=hormones.HormoneState(),
        damage=DamageState(),
        next_id=0,
        residual=np.zeros(n_field),
        flows=np.zeros((n_field, len(coupling.FLOWS))),
        output=np.zeros(len(EXITS)),
        epo=1.0,
        twin=twin.rest(model),
    )
    rest, model = resting.find(state, model, calibrate=calibrate, report=report)
    wanted = np.array(list(model.production.values()))
    share = rest.output / wanted
    here = state.stem.voxel >= 0
    facts = dict(
        model.facts,
        stem_cells_over_species=rest.level,
        piece_share=model.piece_share,
        stem_weight=model.stem_weight,
        **{f"share_{name}": float(s) for name, s in zip(EXITS, share)},
        **cell_nearness(g, state.stem.position[here], state.stem.voxel[here]),
        **{f"published_{name}": [p.low, p.high] for name, p in species.published.items()},
    )
    state.output = rest.output.copy()
    rest_cells = model.weight * rest.expected.sum(axis=1, dtype=float)
    return dataclasses.replace(model, share=share, rest_cells=rest_cells, facts=facts), state
