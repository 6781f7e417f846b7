"""Scenario → Model and State at rest."""

import dataclasses

import numpy as np

from marrow_niche import coupling, resting
from marrow_niche.body import blood, hormones, lymphoid, spleen
from marrow_niche.body.iron import IronState
from marrow_niche.errors import GeometryError, ScenarioError
from marrow_niche.geometry import build_geometry
from marrow_niche.geometry.morphometry import cell_nearness
from marrow_niche.kernels.lineages import LEAST
from marrow_niche.marrow import genes, lineages, stem_cells
from marrow_niche.marrow.damage import DamageState
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.marrow.stroma import StromaState
from marrow_niche.model import Model, Walls
from marrow_niche.perturbations import dose
from marrow_niche.resting import twin
from marrow_niche.scenario import variation
from marrow_niche.scenario.switches import switched
from marrow_niche.state import Marked, State, no_births, none_fresh
from marrow_niche.transport.domain import prepare, with_pattern

FOUND = ("share", "rest_cells", "oxygen_at_rest", "facts")
"""What a model has from its resting state."""
FEW = 2000
PLACES = 16
"""Places by which the oxygen at rest is told, each of the same share of the cells."""
WALL_CAP = 200.0
LINEAGE_STEP = 3
FIELD_STEP = 96
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
        A bone without marrow; a niche in which no stem cell can live; parameters that contradict each other, a dose that does
        not fall on this marrow.
    """
    model = lay_out(scenario, geometry_of(scenario), lineage_step, field_step, niche_step)
    return at_rest(model, report=report)


def geometry_of(scenario):
    """The `Geometry` that a scenario asks for."""
    return build_geometry(scenario.geometry, scenario.parameters.anatomy, seed=scenario.seed, folder=scenario.folder)


def lay_out(scenario, geometry, lineage_step=LINEAGE_STEP, field_step=FIELD_STEP, niche_step=NICHE_STEP):
    """The `Model` of a geometry, before its resting state is known: shares are then those of the volume."""
    asked, animal = scenario.parameters, variation.MEAN
    if scenario.switches.animals_differ:
        animal = variation.draw(asked.variation, scenario.seed)
        asked = variation.of(asked, animal)
    species = switched(asked, scenario.switches)
    stem = species.stem_cells
    try:
        stem_rest = stem_cells.rest(stem)
        tree = lineages.grow(
            species.lineages,
            species.burst,
            inflow={"MPP": stem.to_mpp * stem.number, "MkP": stem.to_mkp * stem.number},
            production=spleen.asked_of_marrow(species.spleen, blood.production(species.blood)),
        )
    except ValueError as error:
        raise ScenarioError("parameters", [str(error)]) from error
    produced = dict(zip(EXITS, tree.output))
    per_cell = blood.production(species.blood)["platelets"] / produced["platelets"]
    _, lymphoid_rest = lymphoid.rest(species.lymphoid, produced, species.blood.volume)
    dosed = [event for event in scenario.events if hasattr(event, "exposures")]
    lattice, lines = geometry.lattice, lineages.lines_of(scenario.events, species.radiation.doomed_share)
    share = (
        float(geometry.extravascular.sum())
        * lattice.volume
        / (species.organism.marrow_volume * species.organism.extravascular)
    )
    whole = scenario.organism.agents == "organism"
    stored = min(stem.everyone, stem.agent_cap) if whole else max(1.0, share * stem.everyone)
    v = geometry.vessels
    hop = species.stroma.wandering * niche_step / lattice.spacing**2
    rounds = max(1, int(np.ceil(hop * 12)))
    stride = np.sqrt(2 * stem.motility)
    hops = max(1, int(np.ceil((stride / 5.0) ** 2)))
    laid = lineages.lined(tree, lines, species.radiation.doomed_survival)
    model = Model(
        geometry=geometry,
        domain=with_pattern(prepare(lattice.neighbour), geometry.extravascular),
        walls=Walls(
            start=geometry.near_sinusoid.start,
            item=geometry.near_sinusoid.item,
            gap=geometry.near_sinusoid.gap,
            a=v.nodes[v.edges[:, 0]],
            b=v.nodes[v.edges[:, 1]],
            radius=v.radius,
            cap=WALL_CAP,
        ),
        index=lattice.index(),
        species=species,
        switches=scenario.switches,
        seed=scenario.seed,
        tree=laid,
        genes=genes.Genes(),
        gains=np.ones((len(lines), len(lineages.SIGNALS))),
        least_felt=np.array([species.hormones.tpo_spared if name == "TPO" else LEAST for name in lineages.SIGNALS]),
        stem_rest=stem_rest,
        blood_rest=blood.rest(
            species.blood, spleen.with_marrow(species.spleen, dict(produced, platelets=produced["platelets"] * per_cell))
        ),
        lymphoid_rest=lymphoid_rest,
        spleen_rest=spleen.rest(species.spleen, produced)[1],
        platelets_per_cell=per_cell,
        production=produced,
        piece_share=share,
        apart=scenario.organism.rest == "unirradiated",
        stem_weight=share * stem.everyone / stored,
        weight=np.tile(weights(tree, share, stem.agent_cap * stem.committed_per_agent, whole), len(lines)),
        exposures=tuple(
            e._replace(dose=e.dose * animal.delivered_dose) for k, event in enumerate(dosed) for e in event.exposures(k)
        ),
        patterns=None,
        oxygen_at_rest=np.zeros((2, 1)),
        events=tuple(event for event in scenario.events if hasattr(event, "due")),
        blockades=tuple(event for event in scenario.events if hasattr(event, "left")),
        lineage_step=lineage_step,
        field_step=field_step,
        niche_step=niche_step,
        hop_number=hop / rounds,
        hop_rounds=rounds,
        stride=stride / np.sqrt(hops),
        rounds=hops,
        share=np.full(len(lines) * len(EXITS), share),
        rest_cells=share * laid.rest,
        mixed_rest={},
        facts=dict(geometry.facts) | variation.facts(animal),
        dwelling_cost=stem_cells.dwelling_cost(geometry.to_arteriole, geometry.to_endosteum, stem),
    )
    calm = hormones.HormoneState()
    mixed = {
        name: coupling.stirred_level(c, coupling.resting_totals(model), calm, model)
        for name, c in species.cytokines.items()
    }
    model = dataclasses.replace(model, mixed_rest=mixed)
    return with_doses(model, scenario)


def with_doses(model, scenario):
    """The model with where each event's dose falls, and `facts["doses"]`, one dict an event that gives one.

    Raises ScenarioError with every event whose dose cannot be placed in this marrow.
    """
    patterns, facts, mistakes = [], [], []
    for number, event in enumerate(scenario.events, 1):
        if hasattr(event, "exposures"):
            try:
                where, told = dose.pattern(event, model, scenario.folder)
            except GeometryError as error:
                mistakes.append(f"events[{number}].{error}")
                continue
            patterns.append(where)
            facts.append({"event": number} | told)
    if mistakes:
        raise ScenarioError(scenario.title, mistakes)
    if not facts:
        return model
    differ = any(where is not None for where in patterns)
    return dataclasses.replace(
        model,
        patterns=np.stack([np.ones(model.n) if where is None else where for where in patterns]) if differ else None,
        facts=model.facts | {"doses": facts},
    )


def weights(tree, share, cap, whole):
    """Real cells of the piece that one stored cell of each stage stands for, (n_stage,).

    A stage with fewer than `FEW` cells in the piece is stored as the organism's number, at most `cap`; a common one
    weighs 1. Cells of a stage that renews itself by the share p are alike for 1/(1 − 2p) generations, so that its chance
    is that of (1 − 2p) as many, and they are counted so. The emergency chain, empty at rest, doubles from the weight of MPP
    up to that of CMP.
    """
    weight = np.ones(len(tree.rest))
    if not whole:
        return weight
    few = (tree.rest > 0) & (share * tree.rest * (1.0 - 2.0 * tree.renewal) < FEW)
    weight[few] = share * tree.rest[few] / np.maximum(np.minimum(tree.rest[few], cap), 1.0)
    rows = tree.rows("burst")
    low, high = weight[tree.first["MPP"]], weight[tree.first["CMP"]]
    weight[rows] = np.minimum(low * 2.0 ** np.arange(tree.stages["burst"]), max(low, high))
    return weight


def at_rest(model, report=None, calibrate=False):
    """The model with its shares, and its resting state; with `calibrate` also with references of its own.

    Events have no part in it: it is sought in a model that has none.
    """
    whole = model
    model = dataclasses.replace(
        model,
        events=(),
        exposures=(),
        patterns=None,
        facts={name: fact for name, fact in model.facts.items() if name != "doses"},
    )
    species, g = model.species, model.geometry
    produced = dict(model.production, platelets=model.production["platelets"] * model.platelets_per_cell)
    n, n_field, n_row = model.n, len(species.cytokines), len(species.cytokines) + len(coupling.DENSITIES)
    state = State(
        hour=0,
        span=model.lineage_step,
        until=0,
        stem=resting.sample_of(model),
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
            membrane=np.ones(len(g.niches.stroma)),
        ),
        blood=blood.rest(species.blood, spleen.with_marrow(species.spleen, produced)),
        lymphoid=lymphoid.rest(species.lymphoid, model.production, species.blood.volume)[0],
        spleen=spleen.rest(species.spleen, model.production)[0],
        iron=IronState(),
        hormones=hormones.rest(species.factors),
        damage=DamageState(),
        next_id=0,
        residual=np.zeros(n_field),
        flows=np.zeros((n_field, len(coupling.FLOWS))),
        output=np.zeros(len(model.share)),
        epo_drift=0.0,
        twin=twin.rest(model),
        marked=Marked(
            blood=blood.rest(species.blood, dict.fromkeys(produced, 0.0)),
            lymphoid=lymphoid.none(species.lymphoid, model.production, species.blood.volume),
            spleen=spleen.none(species.spleen),
        ),
        births=no_births(),
    )
    rest, model = resting.find(state, model, calibrate=calibrate, report=report)
    wanted = np.array(list(model.production.values()))
    share = rest.output[: len(EXITS)] / wanted
    here = state.stem.voxel >= 0
    facts = dict(
        model.facts,
        stem_cells_over_species=float(rest.level[0]),
        tip_over_species=float(rest.level[1]),
        piece_share=model.piece_share,
        stem_weight=model.stem_weight,
        **{f"share_{name}": float(s) for name, s in zip(EXITS, share)},
        **cell_nearness(g, state.stem.position[here], state.stem.voxel[here]),
        **{f"published_{name}": [p.low, p.high] for name, p in species.published.items()},
    )
    state.output[: len(EXITS)] = rest.output
    rest_cells = model.weight * rest.expected.sum(axis=1, dtype=float)
    share, o2 = np.tile(share, len(model.tree.lines)), state.fields[list(species.cytokines).index("O2")]
    order, middles = np.argsort(o2), (np.arange(PLACES) + 0.5) / PLACES
    weight = np.cumsum(model.space[order])
    everywhere = o2[order][np.minimum(np.searchsorted(weight, middles * weight[-1]), model.n - 1)]
    oxygen = np.stack([everywhere, np.quantile(o2[state.stem.voxel[here]], middles)])
    found = {"share": share, "rest_cells": rest_cells, "oxygen_at_rest": oxygen, "facts": facts}
    model = rested(dataclasses.replace(whole, species=model.species), found)
    state.stroma.membrane[:] = model.genes.membrane_scf
    return model, state


def rested(model, found):
    """A model that is laid out with what was found at rest, the entries `FOUND`, as it is from the first hour on."""
    return begun(dataclasses.replace(model, **found | {"facts": model.facts | found["facts"]}))


def begun(model):
    """The model as it is from the first hour on: at rest all is wild type, then the genes work."""
    g = model.species.genes
    tree = genes.mutated(model.tree, g)
    return dataclasses.replace(model, genes=g, gains=genes.gains(g, len(tree.lines)), tree=tree)
