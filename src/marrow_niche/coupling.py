"""Where two organs meet: cells and stroma speak, cells listen, stem cells pass between marrow and blood.

What a cell reads is local by default. With the switch `local_responses` off every cell reads the stirred marrow instead:
the same sources and sinks without the space between them (`stirred`), which is the mean-field model.
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels.lineages import handed_over
from marrow_niche.kernels.stem_cells import contact, lodge, uniforms
from marrow_niche.marrow import cytokines, fate, stem_cells
from marrow_niche.marrow.cytokines import Surroundings
from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.quantities.response import log_signals
from marrow_niche.state import StemState, joined, take
from marrow_niche.transport.steady import solve_compact

EGRESS, HOME, HAND, LODGE = 51, 52, 53, 54
MEGAKARYOCYTE = "megakaryocyte"


# ------------------------------------------------------------------------------------------------ what is where


def stem_density(state, model):
    """(n,) stem cells of the piece in each voxel, by weight [cells]."""
    here = state.stem.voxel >= 0
    return model.stem_weight * np.bincount(state.stem.voxel[here], minlength=model.n)


def cells_of(counts, names, model):
    """(n,) real cells of the named compartments in each voxel; `counts` (n_stage, n) stored cells."""
    total = np.zeros(counts.shape[1])
    for name in names:
        for row in range(*model.tree.rows(name).indices(len(model.weight))):
            total += model.weight[row] * counts[row]
    return total


def clearing(c, counts, stem, everyone, model):
    """(n,) volume that the cells of each voxel clear of cytokine `c` in an hour [um^3/h]."""
    total = np.zeros(model.n)
    for name, volume in c.uptake.items():
        total += volume * (stem if name == "HSC" else everyone if name == "cells" else cells_of(counts, [name], model))
    return total


def source(c, counts, niche, model):
    """(n,) molecules/h that stroma, vessels and megakaryocytes of each voxel release of cytokine `c`."""
    g, n = model.geometry, model.n
    total = model.space * (c.everywhere + c.per_fat * niche.fat) + c.per_wall * g.sinusoid_area * niche.vessel
    if c.per_stroma:
        total += c.per_stroma * np.bincount(g.niches.stroma_voxel, niche.stroma, minlength=n)
    if c.per_osteoblast:
        total += c.per_osteoblast * np.bincount(g.niches.osteoblast_voxel, niche.osteoblast, minlength=n)
    if c.per_megakaryocyte:
        strength = megakaryocytes(counts, model)
        total += c.per_megakaryocyte * np.bincount(g.niches.megakaryocyte_voxel, strength, minlength=n)
    return total


def megakaryocytes(counts, model):
    """(m,) megakaryocytes that each megakaryocyte of the niche stands for: those of the voxels nearest to it."""
    g = model.geometry.niches
    there = g.territory >= 0
    return np.bincount(
        g.territory[there], cells_of(counts, [MEGAKARYOCYTE], model)[there], minlength=len(g.megakaryocyte)
    )


def surroundings(c, counts, stem, everyone, niche, model):
    """What field `c` meets in each voxel: a `Surroundings`."""
    g = model.geometry
    return Surroundings(
        source=source(c, counts, niche, model),
        clearing=clearing(c, counts, stem, everyone, model),
        sinusoid=g.sinusoid_area * niche.vessel,
        arteriole=g.arteriole_area,
        extravascular=g.extravascular,
    )


def blood_level(c, hormones, species):
    """Sinusoid-side concentration of field `c` [nM]."""
    if c.hormone is None:
        return c.sinusoid_level
    return getattr(species.hormones, c.hormone) * getattr(hormones, c.hormone)


# ------------------------------------------------------------------------------------------------ fields


def solve_fields(counts, stem, niche, hormones, fields, around, model, rtol=1e-5):
    """Solve every field and the three smoothed densities anew, in place of `fields` (n_field, n) and `around` (3, n).

    A density is smoothed by the same equation: −∇·(φ L² ∇c) + φ c = density keeps its mean and spreads it over L.

    `counts` (n_stage, n) and `stem` (n,) are stored cells of the lineages and real stem cells. Returns the true relative
    residual of each field and the budget of each: relative gap between what enters and what leaves.
    """
    species, names = model.species, list(model.species.cytokines)
    everyone = cells_of(counts, model.tree.first, model) + stem
    n_field, f = len(names), model.geometry.extravascular
    source, loss, exchange, wall = (np.zeros((n_field + 3, model.n)) for _ in range(4))
    spread = np.zeros(n_field + 3)
    for k, c in enumerate(species.cytokines.values()):
        meets = surroundings(c, counts, stem, everyone, niche, model)
        before = fields[k] if fields[k].any() else None
        source[k], loss[k], exchange[k], wall[k] = cytokines.terms(
            c, meets, model.lattice.volume, blood_level(c, hormones, species), before
        )
        spread[k] = c.diffusivity
    for k, (density, length) in enumerate(densities(counts, stem, everyone, model), n_field):
        source[k], loss[k], spread[k] = density / model.lattice.volume, f, length**2
    answer = solve_compact(
        model.domain,
        source,
        diffusivity=spread,
        loss=loss,
        spacing=model.lattice.spacing,
        exchange=exchange,
        wall=wall,
        guess=np.concatenate([fields, around]),
        rtol=rtol,
    )
    fields[:], around[:] = answer.concentration[:n_field], answer.concentration[n_field:]
    gained = source[:n_field].sum(axis=1) + (exchange * wall)[:n_field].sum(axis=1)
    gap = np.abs(gained - ((loss + exchange)[:n_field] * fields).sum(axis=1)) / gained
    return answer.residual[:n_field], gap


def densities(counts, stem, everyone, model):
    """Cells, primitive load and Kit+ load per space over the species' rest, each (n,), with the reach over which it is felt.

    Primitive load is what competes for membrane SCF (0.7 HSC, 0.2 MPP, 0.1 HPC1 at rest); Kit+ load is the mean of it and
    of the load on soluble SCF, by uptake.
    """
    species, tree = model.species, model.tree
    number = species.stem_cells.number

    def cells(name):
        return stem if name == "HSC" else cells_of(counts, [name], model)

    def rest(name):
        return number if name == "HSC" else float(tree.rest[tree.rows(name)].sum())

    uptake = species.cytokines["SCF"].uptake
    whole = sum(volume * rest(name) for name, volume in uptake.items())
    crowd = sum(part * cells(name) / rest(name) for name, part in PRIMITIVE.items())
    kit = 0.5 * crowd + 0.5 * sum(volume * cells(name) for name, volume in uptake.items()) / whole
    organism = species.organism.marrow_volume * species.organism.extravascular
    nucleated = tree.rest.sum() + number
    reach = species.stroma.reach
    return [
        (everyone / nucleated * organism, reach),
        (crowd * organism, species.stem_cells.crowd_length),
        (kit * organism, reach),
    ]


def scf_load(counts, stem, model):
    """Load on soluble SCF over rest [-]: uptake by stem cells and by stages `counts` (n_stage,), any one size of marrow."""
    tree, number = model.tree, model.species.stem_cells.number
    now = rest = 0.0
    for name, volume in model.species.cytokines["SCF"].uptake.items():
        now += volume * (stem if name == "HSC" else counts[tree.rows(name)].sum())
        rest += volume * (number if name == "HSC" else tree.rest[tree.rows(name)].sum())
    return now / rest


PRIMITIVE = {"HSC": 0.7, "MPP": 0.2, "HPC1": 0.1}


# ------------------------------------------------------------------------------------------------ what cells feel


def voxel_signals(state, model, number=None):
    """(n_signal, n) logarithms of the signals that lineages read in each voxel, in the order of `lineages.SIGNALS`."""
    values = np.ones((len(SIGNALS), model.n))
    if not model.switches.local_responses:
        felt = stirred(totals(state, model, number), state.hormones, model)
        values[:] = np.array([felt[name] for name in SIGNALS])[:, None]
        return log_signals(values)
    names = list(model.species.cytokines)
    for k, name in enumerate(SIGNALS):
        if name in names:
            values[k] = state.fields[names.index(name)] / model.species.cytokines[name].reference
        elif name == "EPO":
            values[k] = state.hormones.epo
        else:
            values[k] = stem_cells.vessel_signal(state.stroma.vessel)
    return log_signals(values)


def stem_signals(state, model, number=None):
    """What each stem cell feels, ratios to rest: membrane_scf, scf, tpo, tgf, vessel, cxcl12, (k,) each.

    What is given for cells in blood has no meaning and is not used.
    """
    s, stem, species = state.stem, model.species.stem_cells, model.species
    if not model.switches.local_responses:
        felt = stirred(totals(state, model, number), state.hormones, model)
        return {k: np.full(len(s.id), felt[name]) for k, name in FELT.items()}
    v = np.maximum(s.voxel, 0)
    names = list(species.cytokines)

    def field(name):
        return state.fields[names.index(name)][v] / species.cytokines[name].reference

    touched = np.empty(len(s.id))
    g = model.geometry
    contact(
        s.position,
        s.voxel,
        s.distance,
        g.near_stroma.start,
        g.near_stroma.item,
        g.niches.stroma,
        state.stroma.stroma,
        state.stroma.vessel,
        stem.membrane_wall_share,
        stem.process_range,
        stem.membrane_range,
        touched,
    )
    q = stem.membrane_competition
    return {
        "membrane_scf": touched / stem.membrane_reference * (1 + q) / (1 + q * state.around[1][v]),
        "scf": field("SCF"),
        "tpo": field("TPO"),
        "tgf": field("TGFb"),
        "vessel": stem_cells.vessel_signal(state.stroma.vessel[v]),
        "cxcl12": field("CXCL12"),
    }


FELT = {"membrane_scf": "membrane", "scf": "SCF", "tpo": "TPO", "tgf": "TGFb", "vessel": "vessel", "cxcl12": "CXCL12"}


def stem_rates(felt, model):
    """`fate.Rates` of stem cells from what they feel."""
    wake, renewal, death, share = stem_cells.fate_rates(
        felt["membrane_scf"],
        felt["scf"],
        felt["tpo"],
        felt["tgf"],
        felt["vessel"],
        model.species.stem_cells,
        model.stem_rest,
    )
    return fate.Rates(wake=wake, renewal=renewal, death=death, share_mkp=share)


# ------------------------------------------------------------------------------------------------ the stirred marrow


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The piece without its space: real cells by stage (n_stage,), stem cells, and what stroma and vessels amount to."""

    cells: np.ndarray
    stem: float
    stroma: float
    osteoblasts: float
    wall: float
    arteriole: float
    fat: float
    space: float


def totals(state, model, number=None):
    """`Totals` of the piece now; `number` of stem cells [cells] instead of those in the list."""
    g, niche = model.geometry, state.stroma
    return Totals(
        cells=model.weight * state.counts.sum(axis=1, dtype=float),
        stem=model.stem_weight * float((state.stem.voxel >= 0).sum()) if number is None else number,
        stroma=float(niche.stroma.sum()),
        osteoblasts=float(niche.osteoblast.sum()),
        wall=float((g.sinusoid_area * niche.vessel).sum()),
        arteriole=float(g.arteriole_area.sum()),
        fat=float((model.space * niche.fat).sum()),
        space=float(model.space.sum()),
    )


def resting_totals(model):
    """`Totals` of a piece whose densities are the species' own."""
    g, fat = model.geometry, model.species.stroma.fat_at_rest
    return Totals(
        cells=model.piece_share * model.tree.rest,
        stem=model.piece_share * model.species.stem_cells.number,
        stroma=float(len(g.niches.stroma)),
        osteoblasts=float(len(g.niches.osteoblast)),
        wall=float(g.sinusoid_area.sum()),
        arteriole=float(g.arteriole_area.sum()),
        fat=fat * float(model.space.sum()),
        space=float(model.space.sum()),
    )


def stirred_level(c, t, hormones, model):
    """Concentration of cytokine `c` in the stirred marrow [nM]: what enters over what removes it."""
    tree = model.tree
    eaten = 0.0
    for name, volume in c.uptake.items():
        eaten += volume * (
            t.stem if name == "HSC" else t.cells.sum() + t.stem if name == "cells" else t.cells[tree.rows(name)].sum()
        )
    made = (
        c.per_stroma * t.stroma
        + c.per_osteoblast * t.osteoblasts
        + c.per_wall * t.wall
        + c.per_fat * t.fat
        + c.everywhere * t.space
        + c.per_megakaryocyte * t.cells[tree.rows(MEGAKARYOCYTE)].sum()
    )
    one = np.ones(1)
    level = blood_level(c, hormones, model.species)
    before = None
    for _ in range(1 if not np.isfinite(c.saturation) else 40):
        before = cytokines.well_mixed(
            c,
            Surroundings(
                source=made * one,
                clearing=eaten * one,
                sinusoid=t.wall * one,
                arteriole=t.arteriole * one,
                extravascular=one,
            ),
            t.space,
            level,
            None if before is None else before * one,
        )
    return before


def stirred(t, hormones, model):
    """Signals of the stirred marrow over their value at the species' rest, by name, and 'membrane' and 'vessel'."""
    felt = {
        name: stirred_level(c, t, hormones, model) / model.mixed_rest[name]
        for name, c in model.species.cytokines.items()
    }
    rest, stem = resting_totals(model), model.species.stem_cells
    vessel = t.wall / rest.wall
    supply = (1 - stem.membrane_wall_share) * t.stroma / max(rest.stroma, 1e-300) + stem.membrane_wall_share * vessel
    load = sum(
        part
        * (
            t.stem / rest.stem
            if name == "HSC"
            else t.cells[model.tree.rows(name)].sum() / rest.cells[model.tree.rows(name)].sum()
        )
        for name, part in PRIMITIVE.items()
    )
    q = stem.membrane_competition
    felt["membrane"] = supply * (1 + q) / (1 + q * load)
    felt["vessel"] = stem_cells.vessel_signal(vessel)
    felt["EPO"] = hormones.epo
    return felt


# ------------------------------------------------------------------------------------------------ stem cells at work


def settle_fates(state, outcome, model):
    """Carry out what `fate.decide` drew: the dead go, daughters are born, leavers join MkP and MPP of their voxel."""
    s = state.stem
    s.cycling = (s.cycling | outcome.wakes) & ~outcome.divides
    s.divisions = s.divisions + outcome.divides
    for name, leaving in (("MPP", outcome.mpp), ("MkP", outcome.mkp)):
        hand_over(state, name, leaving, model)
    keep = ~outcome.dies & ~(outcome.divides & (outcome.stay == 0))
    twins = outcome.divides & (outcome.stay == 2)
    young = take(s, twins)
    young.id = state.next_id + np.arange(len(young.id), dtype=np.int64)
    state.next_id += len(young.id)
    state.born += int(twins.sum())
    state.died += int((~keep).sum())
    state.stem = joined(take(s, keep), young)


def hand_over(state, name, leaving, model):
    """Stem-cell daughters (k,) that leave become stored cells of compartment `name` in their voxel; the mean is exact."""
    row = model.tree.first[name]
    who = np.flatnonzero(leaving)
    draw = uniforms(state.stem.id[who], model.seed, state.hour, HAND, row)
    ratio = model.stem_weight / model.weight[row]
    for i, u in zip(who, draw[:, 0]):
        state.counts[row, state.stem.voxel[i]] += handed_over(leaving[i], ratio, u)


def egress(state, felt, model):
    """Stem cells leave through sinusoids for the blood, the faster the less CXCL12 holds them.

    Returns (k,) bool: which of the cells before are still in the list. From a piece that is apart they join the blood of
    the organism; else they wait in the list, in voxel -1, as what leaves one part of the organism comes from another.
    """
    s, p = state.stem, model.species.stem_cells
    rate = p.egress * (1 + p.retention) / (1 + p.retention * felt["cxcl12"])
    goes = (s.voxel >= 0) & (uniforms(s.id, model.seed, state.hour, EGRESS, 0)[:, 0] < -np.expm1(-rate))
    if model.apart:
        state.twin.in_blood += model.stem_weight * int(goes.sum())
        state.stem = take(s, ~goes)
        return ~goes
    s.voxel[goes] = -1
    s.cycling[goes] = False
    return np.ones(len(goes), bool)


def home(state, model):
    """Stem cells in blood lodge beside sinusoids, by wall area and vessel integrity; the rest wait."""
    p = model.species.stem_cells
    ladder = np.cumsum(model.geometry.sinusoid_area * state.stroma.vessel)
    if ladder[-1] <= 0:
        return
    if model.apart:
        arrive(state, ladder[-1] / model.geometry.sinusoid_area.sum(), model)
    s = state.stem
    draw = uniforms(s.id, model.seed, state.hour, HOME, 0)
    chance = 1.0 if model.apart else -np.expm1(-p.homing)
    lodges = np.flatnonzero((s.voxel < 0) & (draw[:, 0] < chance))
    if len(lodges):
        v = np.minimum(np.searchsorted(ladder, draw[lodges, 1] * ladder[-1], side="right"), model.n - 1)
        place(s, lodges, v.astype(np.int32), model, state.hour)


def arrive(state, pull, model):
    """Stem cells of the organism's blood that reach a piece which is apart join the list; the rest lodge in the twin.

    The marrow outside the piece is the twin less the piece's share of it; it loses and lodges stem cells likewise.
    """
    p, twin = model.species.stem_cells, state.twin
    lodging = twin.in_blood * -np.expm1(-p.homing)
    mean = lodging * min(model.piece_share, 1.0) * pull / model.stem_weight
    u = uniforms(np.zeros(1, np.int64), model.seed, state.hour, HOME, 1)[0, 0]
    number = int(np.floor(mean) + (u < mean - np.floor(mean)))
    ids = state.next_id + np.arange(number, dtype=np.int64)
    state.next_id += number
    none = np.zeros(number, bool)
    fresh = StemState(
        position=np.zeros((number, 3)),
        voxel=np.full(number, -1, np.int32),
        distance=np.zeros(number),
        id=ids,
        clone=ids.copy(),
        divisions=np.zeros(number, np.int64),
        cycling=none,
        senescent=none.copy(),
        dose=np.zeros(number),
    )
    state.stem = joined(state.stem, fresh)
    outside = max(1.0 - model.piece_share, 0.0)
    leaves = -np.expm1(-p.egress)
    twin.in_blood += outside * (leaves * (twin.quiescent + twin.cycling) - lodging) - model.stem_weight * number
    twin.quiescent, twin.cycling = twin.quiescent * (1 - leaves) + lodging, twin.cycling * (1 - leaves)


def place(stem, who, voxel, model, step):
    """Put stem cells `who` at random points of voxels outside vessels, near the wall; in place."""
    w, position, distance = model.walls, np.empty((len(who), 3)), np.empty(len(who))
    lodge(
        voxel,
        model.lattice.centres(voxel),
        stem.id[who],
        model.lattice.spacing,
        w.start,
        w.item,
        w.a,
        w.b,
        w.radius,
        w.cap,
        8,
        model.seed,
        step,
        LODGE,
        position,
        distance,
    )
    stem.position[who], stem.voxel[who], stem.distance[who] = position, voxel, distance
