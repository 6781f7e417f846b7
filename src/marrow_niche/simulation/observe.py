"""What is written down of a state: rows of the tables, fields and cells, as plain numbers and arrays."""

import numpy as np

from marrow_niche import coupling
from marrow_niche.body import blood, lymphoid
from marrow_niche.geometry import bone_surface
from marrow_niche.kernels.cells import by_stage
from marrow_niche.state import no_births

CELLS_UNIT = {"age": "d", "dose_Gy": "Gy", "distance_to_sinusoid_um": "um", "waking": "1/day"}
"""Unit of what is recorded of cells; it ends the array's name in the file (age_d)."""
EXTRA_FIELDS = {"cellularity": "", "vessel_integrity": "", "fat_share": ""}


def grid(model):
    """The lattice as the recorder takes it."""
    lattice = model.lattice
    return {
        "shape": lattice.shape,
        "spacing": lattice.spacing,
        "origin": lattice.origin,
        "flat": lattice.flat,
        "tissue": lattice.tissue,
    }


def field_units(scenario, model):
    """Unit of each recorded field, by name."""
    shown = {name: model.species.cytokines[name].shown_in for name in scenario.record.fields}
    return shown | EXTRA_FIELDS | ({} if model.patterns is None else {"dose": "Gy"})


def geometry(recorder, model):
    """Write the vessels, the bone, the stroma and the fat."""
    g, v = model.geometry, model.geometry.vessels
    cells = {"stroma": {"position": g.niches.stroma}, "megakaryocytes": {"position": g.niches.megakaryocyte}}
    if len(g.niches.adipocyte):
        cells["adipocytes"] = {"position": g.niches.adipocyte, "radius_um": g.niches.adipocyte_radius}
    bone = bone_surface(g)
    recorder.geometry(
        {"nodes": v.nodes, "edges": v.edges, "radius": v.radius, "kind": v.kind, "type_h": v.type_h},
        bone if len(bone[1]) else None,
        cells,
        whole=g.surface,
    )


def blood_row(state, model):
    """A row of blood.csv."""
    b, species = state.blood, model.species
    rest, h = model.blood_rest, species.hormones
    counts = blood.counts(b, species.blood, rest, state.hormones.gcsf)
    lymph = lymphoid.blood_counts(state.lymphoid, species.lymphoid, model.lymphoid_rest)
    red = counts["red_cells_per_uL"] / species.blood.red_cells
    return {
        "neutrophils_per_uL": counts["neutrophils_per_uL"],
        "monocytes_per_uL": counts["monocytes_per_uL"],
        **lymph,
        "platelets_per_uL": counts["platelets_per_uL"],
        "red_cells_per_uL": counts["red_cells_per_uL"],
        "reticulocytes_per_uL": counts["reticulocytes_per_uL"],
        "haemoglobin_g_per_dL": species.blood.haemoglobin * red,
        "TPO_pM": 1000 * h.tpo * state.hormones.tpo,
        "EPO_pM": 1000 * h.epo * state.hormones.epo,
        "GCSF_pM": 1000 * h.gcsf * state.hormones.gcsf,
        "FLT3L_pM": 1000 * h.flt3l * state.hormones.flt3l,
        "iron_store": state.iron.store,
        **(marked_shares(state) if model.tree.marked is not None else {}),
    }


def marked_shares(state):
    """Of each kind of blood cell the share that is of the marked line, by column."""
    all_cells, part = state.blood, state.marked.blood
    lymph, its = state.lymphoid, state.marked.lymphoid
    pools = {
        "neutrophils": (part.neutrophils, all_cells.neutrophils),
        "monocytes": (part.monocytes, all_cells.monocytes),
        "red_cells": (part.red.sum() + part.reticulocytes, all_cells.red.sum() + all_cells.reticulocytes),
        "platelets": (part.platelet.sum(), all_cells.platelet.sum()),
        "b_cells": (its.b, lymph.b),
        "t_cells": (its.t, lymph.t),
        "cd4_cells": (its.cd4, lymph.cd4),
        "cd8_cells": (its.cd8, lymph.cd8),
        "nk_cells": (its.nk, lymph.nk),
    }
    return {f"marked_share_of_{name}": some / whole if whole > 0 else 0.0 for name, (some, whole) in pools.items()}


def marked_marrow(state, model, real):
    """Of each compartment of the piece the share that is of the marked line, by column; stem cells and tip first. `real`
    (n_stage,) cells of the piece."""
    s, tree, marked = state.stem, model.tree, model.tree.marked
    here = s.voxel >= 0
    pools = {
        "tip": (((s.line == marked) & s.tip & here).sum(), (s.tip & here).sum()),
        "HSC": (((s.line == marked) & ~s.tip & here).sum(), (~s.tip & here).sum()),
    } | {name: (real[tree.rows(name, marked)].sum(), tree.total(real, name)) for name in tree.first}
    return {f"marked_share_of_{name}": some / whole if whole > 0 else 0.0 for name, (some, whole) in pools.items()}


def marrow_row(state, model):
    """A row of marrow.csv: cells of the piece, its niche, what stem cells feel, and how well the books close."""
    s, tree = state.stem, model.tree
    here = s.voxel >= 0
    w = model.stem_weight
    real = model.weight * by_stage(state.counts)
    row = {
        "stem_cells": w * here.sum(),
        "tip_cells": w * (here & s.tip).sum(),
        "stem_cells_stored": int(here.sum()),
        "stem_cells_in_blood": w * (~here).sum(),
        "stem_cells_cycling_share": s.cycling[here].mean() if here.any() else 0.0,
        "stem_cells_senescent_share": s.senescent[here].mean() if here.any() else 0.0,
        "clones": len(np.unique(s.clone)),
        "cellularity": tree.total(real) / tree.total(model.rest_cells),
    }
    row |= {f"{name}_cells": tree.total(real, name) for name in tree.first}
    wall = model.geometry.sinusoid_area
    row |= {
        "sinusoid_integrity": (wall * state.stroma.vessel).sum() / wall.sum(),
        "stroma_integrity": state.stroma.stroma.mean() if len(state.stroma.stroma) else np.nan,
        "fat_share": state.stroma.fat.mean(),
        "osteoblast_integrity": state.stroma.osteoblast.mean() if len(state.stroma.osteoblast) else np.nan,
    }
    voxel = s.voxel[here]
    for k, (name, c) in enumerate(model.species.cytokines.items()):
        felt = state.fields[k][voxel].mean() if len(voxel) else np.nan
        row[f"{name}_at_stem_cells_{c.shown_in}"] = c.shown_factor * felt
        row[f"{name}_mean_{c.shown_in}"] = c.shown_factor * state.fields[k].mean()
    row |= {
        "field_residual": state.residual.max(),
        "field_budget_gap": coupling.gaps(state.flows).max(),
        "dose_Gy": model.mean(state.damage.dose),
    }
    return row | (marked_marrow(state, model, real) if model.tree.marked is not None else {})


def budget_row(state, model):
    """A row of fields.csv: what became of the molecules of each field at its last solve, in the piece."""
    row, gaps, held = {}, coupling.gaps(state.flows), coupling.held(state, model)
    for k, (name, flows, gap) in enumerate(zip(model.species.cytokines, state.flows, gaps, strict=True)):
        row[f"{name}_solved_day"] = state.solved[k] / 24
        row |= {f"{name}_{what}_molecules_per_h": flow for what, flow in zip(coupling.FLOWS, flows, strict=True)}
        lost = sum(flows[coupling.FLOWS.index(what)] for what in ("decayed", "taken_up", "left"))
        row[f"{name}_held_molecules"] = held[k]
        row[f"{name}_cleared_per_h"] = lost / held[k] if held[k] > 0 else np.nan
        row[f"{name}_gap_relative"] = gap
    return row


def births(state):
    """Rows of births.csv: the stem cells that are new since the last record."""
    b = state.births
    place = dict(zip(("x_um", "y_um", "z_um"), b.position.T, strict=True))
    return {"day": b.hour / 24, "cell": b.cell, "parent": b.parent} | place


def record(recorder, scenario, state, model):
    """Write the state at its time; the tables alone where the scenario asks for no files of space. What was born is then
    on record, and no longer in the state."""
    tables = {
        "blood": blood_row(state, model),
        "marrow": marrow_row(state, model),
        "budgets": budget_row(state, model),
    }
    if not scenario.record.space:
        recorder.record(state.hour / 24, **tables)
        state.births = no_births()
        return
    names = list(model.species.cytokines)
    fields = {
        name: model.species.cytokines[name].shown_factor * state.fields[names.index(name)]
        for name in scenario.record.fields
    }
    niche = state.stroma
    fields |= {"cellularity": state.around[coupling.CELLS], "vessel_integrity": niche.vessel, "fat_share": niche.fat}
    if model.patterns is not None:  # the dose so far, where it differs from place to place
        fields["dose"] = np.broadcast_to(state.damage.dose, model.n)
    s = state.stem
    here = s.voxel >= 0
    felt = coupling.stem_signals(state, model)
    rates = coupling.stem_rates(felt, s.tip, model, s.line)
    cells = {
        "position": s.position[here],
        "id": s.id[here],
        "clone": s.clone[here],
        "divisions": s.divisions[here],
        "age": (state.hour - s.born[here]) / 24,
        "tip": s.tip[here].astype(np.uint8),
        "marked": s.line[here].astype(np.uint8),
        "cycling": s.cycling[here].astype(np.uint8),
        "quiescent": (~s.cycling & ~s.senescent)[here].astype(np.uint8),
        "senescent": s.senescent[here].astype(np.uint8),
        "dose_Gy": s.dose[here],
        "weight": np.full(int(here.sum()), model.stem_weight),
        "distance_to_sinusoid_um": s.distance[here],
        "membrane_SCF": felt["membrane_scf"][here],
        "self_renewal": rates.renewal[here],
        "waking": 24 * rates.wake[here],
    }
    recorder.record(state.hour / 24, **tables, fields=fields, cells=cells, births=births(state))
    state.births = no_births()
