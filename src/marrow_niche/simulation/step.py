"""The step: one hour of the marrow and its organism. The order is a modelling choice, docs/decisions/0003."""

import numpy as np

from marrow_niche import coupling
from marrow_niche.body import blood, hormones, lymphoid
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import lineages as kernel
from marrow_niche.kernels.cells import by_stage
from marrow_niche.kernels.exchange import follow
from marrow_niche.marrow import fate, stroma
from marrow_niche.marrow.lineages import EXITS, SIGNALS
from marrow_niche.perturbations import timeline
from marrow_niche.resting import twin
from marrow_niche.state import none_fresh

BODY_STEP = 0.25
MOVED = 0.1
"""Fields are solved anew as soon as sources, sinks and walls of the whole piece have moved one of them by this share."""

STEEPEST = 0.9
"""Of a field, at most, is gone by its trend before the next solve."""


def advance(state, model):
    """Move `state` on by one hour, in place."""
    struck = timeline.apply_due(state, model)  # what the experimenter does
    if 0 <= state.solved < state.hour:
        coupling.go_on(state)
    if struck or due(state, model):
        update_fields(state, model, struck)  # cells and stroma speak
    felt = coupling.stem_signals(state, model)  # each stem cell listens
    stays = coupling.egress(state, felt, model)
    felt = {name: value[stays] for name, value in felt.items()}
    s = state.stem
    outcome = fate.decide(
        s.id,
        s.cycling,
        s.senescent,
        s.voxel >= 0,
        coupling.stem_rates(felt, model),
        model.species.stem_cells.cycle_time,
        1.0,
        model.seed,
        state.hour,
    )
    coupling.settle_fates(state, outcome, model)  # it rests, wakes, divides, differentiates or dies
    coupling.walk(state.stem, model, model.stride, model.rounds, state.hour)
    coupling.home(state, model)
    state.hour += 1
    if state.hour % model.lineage_step == 0:
        cells = advance_lineages(state, model)  # its daughters ripen
        advance_body(state, cells, model)  # blood and hormones
    if state.hour % model.field_step == 0:
        spread(state, model)  # committed cells drift
        advance_niche(state, model)  # vessels, stroma and fat


def due(state, model):
    """True when the fields are too old, or their sources, sinks and walls have moved."""
    if state.solved < 0 or state.hour - state.solved >= model.field_step:
        return True
    levels = coupling.stirred_levels(state, model)
    return bool(np.max(np.abs(levels / state.levels - 1.0)) > MOVED)


def update_fields(state, model, struck=False):
    """Solve the fields for the cells, stroma and blood there are now, and take the trend since the last solve.

    What the fields were carried on to is off by what the trend was off by each hour. After a strike there is no trend: what
    changed at once says nothing of the hours to come. None is so steep that a field turns negative before the next solve.
    """
    before, lapse = np.concatenate([state.fields, state.around]), state.hour - state.solved
    state.residual, state.flows = coupling.solve_fields(
        state.counts,
        coupling.stem_density(state, model),
        state.stroma,
        state.hormones,
        state.fields,
        state.around,
        model,
    )
    state.levels = coupling.stirred_levels(state, model)
    if struck or state.solved < 0 or lapse == 0:
        state.trend[:] = 0.0
    else:
        n_field = len(state.fields)
        for now, rows in ((state.fields, slice(n_field)), (state.around, slice(n_field, None))):
            follow(state.trend[rows], now, before[rows], float(lapse), STEEPEST / model.field_step)
    state.solved = state.hour


def advance_lineages(state, model):
    """Step every committed cell by the lineage step and keep the books. Raises NumericsError if they do not close.

    Returns the real cells of the piece there are now, by stage (n_stage,).
    """
    t = model.tree
    left, ledger = kernel.advance(
        state.counts,
        state.fresh[np.argsort(state.fresh[:, 1], kind="stable")],
        coupling.lineage_signals(state, model),
        float(model.lineage_step),
        model.weight,
        t.rate,
        t.rate_limit,
        t.rate_response,
        t.daughters,
        t.renewal,
        t.renewal_limit,
        t.renewal_response,
        t.survival,
        t.survival_response,
        t.target,
        t.share,
        t.share_response,
        t.burst_rate,
        t.burst_target,
        SIGNALS.index("SCF"),
        t.burst_threshold,
        t.burst_half,
        model.seed,
        state.hour,
    )
    events, stayed, hurried, arrived, before = ledger.T
    now = by_stage(state.counts)
    gap = now - (before - events + stayed - hurried + arrived)
    if gap.any():
        raise NumericsError(
            f"hour {state.hour}: cells of {t.names[int(np.argmax(gap != 0))]} do not add up; please report this."
        )
    state.fresh, state.output = none_fresh(), np.zeros(len(EXITS))
    state.output[: len(left)] = left / model.lineage_step
    return model.weight * now


def spread(state, model):
    """Let committed cells hop between voxels; none is lost."""
    for round_ in range(model.hop_rounds):
        kernel.wander(
            state.counts,
            model.lattice.neighbour,
            model.geometry.extravascular,
            model.hop_number,
            model.seed,
            state.hour,
            round_,
        )


def advance_body(state, now, model):
    """Blood, lymphoid tissue and hormones over the same hours, fed by the marrow of the whole organism.

    `now` (n_stage,) real cells of the piece by stage.
    """
    species, t, part = model.species, model.tree, min(model.piece_share, 1.0)
    given = state.output / model.share
    if model.apart:  # the rest of the marrow, which no event touches
        outside = sum(twin.advance(state.twin, state.hormones, model, 1.0) for _ in range(model.lineage_step))
        given = part * given + (1 - part) * outside / model.lineage_step
    flow = dict(zip(EXITS, given))
    flow["platelets"] *= (
        model.platelets_per_cell * float(np.clip(state.hormones.tpo, 0.3, 30.0)) ** species.hormones.tpo_on_platelets
    )

    def ratio(name, first=None):
        """Cells of the organism in the first stages of a compartment, over rest."""
        rows = t.rows(name)
        rows = rows if first is None else slice(rows.start, rows.start + first)
        here = now[rows].sum() / model.rest_cells[rows].sum()
        if not model.apart:
            return float(here)
        return float(part * here + (1 - part) * state.twin.counts[rows].sum() / t.rest[rows].sum())

    at_rest = model.blood_rest
    cells = {
        "megakaryocytes": ratio("megakaryocyte"),
        "erythroid": ratio("erythroblast", 3),
        "reserve": ratio("reserve"),
    }
    for _ in range(round(model.lineage_step / BODY_STEP)):
        blood.advance(state.blood, flow, species.blood, BODY_STEP)
        lymphoid.advance(state.lymphoid, flow, species.lymphoid, model.lymphoid_rest, BODY_STEP)
        b = state.blood
        cells |= {
            "neutrophils": b.neutrophils / at_rest.neutrophils,
            "platelets": b.platelet.sum() / at_rest.platelet.sum(),
            "haemoglobin": (b.red.sum() + b.reticulocytes) / (at_rest.red.sum() + at_rest.reticulocytes),
        }
        hormones.advance(state.hormones, cells, species.hormones, BODY_STEP)


def advance_niche(state, model):
    """Vessels, stroma, fat and osteoblasts over the same hours."""
    stroma.advance(
        state.stroma,
        state.around[0],
        state.around[3],
        model.geometry.niches.stroma_voxel,
        state.hormones.gcsf,
        model.species.stroma,
        float(model.field_step),
    )
