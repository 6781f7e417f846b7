"""The step: one hour of the marrow and its organism. The order is a modelling choice, docs/decisions/0003."""

import numpy as np

from marrow_niche import coupling
from marrow_niche.body import blood, hormones, lymphoid
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import lineages as kernel
from marrow_niche.kernels.cells import by_stage
from marrow_niche.kernels.hops import wander
from marrow_niche.marrow import fate, stroma
from marrow_niche.marrow.lineages import EXITS, SIGNALS
from marrow_niche.perturbations import timeline
from marrow_niche.resting import twin
from marrow_niche.state import none_fresh

BODY_STEP = 0.25
MOVED = 0.25
"""A field or density is solved anew as soon as its level in the stirred marrow has moved by this share since it was."""
NEAR, VERY_NEAR = np.array([0.02, 0.5]), np.array([0.01, 0.35])
"""How far off a field may be before it is solved, and so little that it may wait longer: in its mean over the piece, and in
the mean distance voxel by voxel, both over its mean."""
FIRST_WAIT = 6
"""Hours from a solve to the next, for a field of which nothing is known."""


def advance(state, model):
    """Move `state` on by one hour, in place."""
    struck = timeline.apply_due(state, model)  # what the experimenter does
    if struck or state.hour % model.lineage_step == 0:
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
    if state.hour % model.niche_step == 0:
        spread(state, model)  # committed cells drift
        advance_niche(state, model)  # vessels, stroma and fat


def update_fields(state, model, anew=False):
    """Bring fields and densities up to this hour: each follows its level in the stirred marrow, and those due are solved.

    `anew` solves all. What is due: `due`. A field that was found farther off than `NEAR` when it was solved is solved twice
    as often from then on, one that was found `VERY_NEAR` half as often, at most `field_step` hours apart.
    What levels drift by until the next time is told from what they moved since the last; after a strike nothing is known of it.
    """
    now, never = coupling.levels(state, model), state.solved < 0
    which = np.flatnonzero(due(state, now) | anew)
    follow(state, now)
    lapse = state.hour - state.updated
    if anew:
        state.drift[:] = 0.0
    elif lapse > 0:
        state.drift = coupling.drift(state.latest, now, lapse)
    state.latest, state.updated = now, state.hour
    if not which.size:
        return
    n_field = len(state.fields)
    solved = coupling.solve_fields(
        state.counts,
        coupling.stem_density(state, model),
        state.stroma,
        state.hormones,
        state.fields,
        state.around,
        model,
        rows=which,
    )
    fields = which < n_field
    state.residual[which[fields]], state.flows[which[fields]] = solved.residual[fields], solved.flows[fields]
    waited = np.maximum(state.hour - state.solved[which], model.lineage_step)
    far, near = (np.abs(solved.off) > NEAR).any(axis=1), (np.abs(solved.off) < VERY_NEAR).all(axis=1)
    wait = np.where(far, waited // 2, np.where(near, 2 * waited, waited))
    wait = np.where(anew | never[which], FIRST_WAIT, wait)
    state.wait[which] = np.clip(wait, model.lineage_step, model.field_step)
    state.solved[which], state.levels[which], state.followed[which] = state.hour, now[which], 1.0


def due(state, now):
    """(n_field + 4,) bool: which fields and densities have waited long enough, or whose level `now` has moved by `MOVED`.

    A level that was or is zero, or without bound, says nothing of what stands in the voxels.
    """
    factor = np.divide(now, state.levels, out=np.full(now.shape, np.inf), where=telling(state, now))
    old = state.hour - state.solved >= state.wait
    return (state.solved < 0) | old | (np.abs(factor - 1.0) > MOVED)


def telling(state, now):
    """(n_field + 4,) bool: the level of the last solve and the one `now` are both above zero and finite."""
    return np.isfinite(now) & np.isfinite(state.levels) & (now > 0.0) & (state.levels > 0.0)


def follow(state, now):
    """Multiply each field and density by what its level `now` (n_field + 4,) has moved by, in place, where that tells."""
    factor = np.divide(now, state.levels, out=np.ones(now.shape), where=telling(state, now))
    for row, by in zip([*state.fields, *state.around], factor / state.followed):
        if by != 1.0:
            row *= by
    state.followed[:] = factor


def advance_lineages(state, model):
    """Step every committed cell by the lineage step and keep the books. Raises NumericsError if they do not close.

    Returns the real cells of the piece in the middle of the step, by stage (n_stage,).
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
    state.fresh, state.output, state.epo = none_fresh(), np.zeros(len(EXITS)), state.hormones.epo
    state.output[: len(left)] = left / model.lineage_step
    return 0.5 * model.weight * (before + now)


def spread(state, model):
    """Let committed cells hop between voxels; none is lost."""
    for round_ in range(model.hop_rounds):
        wander(
            state.counts,
            model.lattice.neighbour,
            model.geometry.extravascular,
            model.hop_number,
            model.seed,
            state.hour,
            round_,
        )


def advance_body(state, cells, model):
    """Blood, lymphoid tissue and hormones over the same hours, fed by the marrow of the whole organism.

    `cells` (n_stage,) real cells of the piece by stage, in the middle of these hours.
    """
    species, t, part = model.species, model.tree, min(model.piece_share, 1.0)
    given = state.output / model.share
    if model.apart:  # the rest of the marrow, which no event touches
        outside = sum(twin.advance(state.twin, state.hormones, model, 1.0) for _ in range(model.lineage_step))
        given = part * given + (1 - part) * outside / model.lineage_step
    flow = dict(zip(EXITS, given))
    shed = model.platelets_per_cell * flow["platelets"]

    def ratio(name, first=None):
        """Cells of the organism in the first stages of a compartment, over rest."""
        rows = t.rows(name)
        rows = rows if first is None else slice(rows.start, rows.start + first)
        here = cells[rows].sum() / model.rest_cells[rows].sum()
        if not model.apart:
            return float(here)
        return float(part * here + (1 - part) * state.twin.counts[rows].sum() / t.rest[rows].sum())

    at_rest = model.blood_rest
    felt = {
        "megakaryocytes": ratio("megakaryocyte"),
        "erythroid": ratio("erythroblast", 3),
        "reserve": ratio("reserve"),
    }
    for _ in range(round(model.lineage_step / BODY_STEP)):
        flow["platelets"] = shed * float(np.clip(state.hormones.tpo, 0.3, 30.0)) ** species.hormones.tpo_on_platelets
        blood.advance(state.blood, flow, species.blood, BODY_STEP)
        lymphoid.advance(state.lymphoid, flow, species.lymphoid, model.lymphoid_rest, BODY_STEP)
        b = state.blood
        felt |= {
            "neutrophils": b.neutrophils / at_rest.neutrophils,
            "platelets": b.platelet.sum() / at_rest.platelet.sum(),
            "haemoglobin": (b.red.sum() + b.reticulocytes) / (at_rest.red.sum() + at_rest.reticulocytes),
        }
        hormones.advance(state.hormones, felt, species.hormones, BODY_STEP)


def advance_niche(state, model):
    """Vessels, stroma, fat and osteoblasts over the same hours."""
    stroma.advance(
        state.stroma,
        state.around[0],
        state.around[3],
        model.geometry.niches.stroma_voxel,
        state.hormones.gcsf,
        model.species.stroma,
        float(model.niche_step),
    )
