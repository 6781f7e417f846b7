"""The step: one hour of the marrow and its organism. The order is a modelling choice, docs/decisions/0003."""

import numpy as np

from marrow_niche import coupling
from marrow_niche.body import blood, hormones, iron, lymphoid, spleen
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import lineages as kernel
from marrow_niche.kernels.cells import by_stage
from marrow_niche.kernels.hops import wander
from marrow_niche.marrow import fate, genes, stroma
from marrow_niche.marrow.lineages import EXITS, SIGNALS
from marrow_niche.perturbations import timeline
from marrow_niche.resting import twin
from marrow_niche.state import none_fresh

BODY_STEP = 0.25
MOVED, FARTHEST = 0.25, 1.0
"""A field or density is solved anew as soon as its level in the stirred marrow has risen by this share since it was, or
fallen as many times. A field that may wait longer than `FIRST_WAIT`, since it was found near, may move farther in proportion:
by the second at most."""
NEAR, VERY_NEAR = np.array([0.02, 0.5]), np.array([0.01, 0.35])
"""How far off a field may be before it is solved, and so little that it may wait longer: in its mean over the piece, and in
the mean distance voxel by voxel, both over its mean."""
FIRST_WAIT = 6
"""Hours from a solve to the next, for a field of which nothing is known."""
DAY, STILL = 24, np.array([0.01, 0.05])
"""A field waits longer than a day only while it is found as near as this; a density never does: where single cells stand is
another matter a day later."""
FAINT = 0.1
"""A density whose mean is below this share of rest is judged as if it were that: who is nearly alone feels what is far off
in nearly nothing as nothing."""
SHEDDING = 0.3, 30.0
"""Between these bounds, over rest, TPO sets the platelets of a megakaryocyte."""
CALM = 0.05
"""Lineages and body take a step as long as that of the niche while neither a field's level nor EPO is expected to move by more
than this share in it."""


def advance(state, model):
    """Move `state` on by one hour, in place."""
    struck = timeline.apply_due(state, model)  # what the experimenter does
    begins = state.hour == state.until
    if struck or begins:
        update_fields(state, model, struck)  # cells and stroma speak
    if begins:
        state.span = span(state, model)
        state.until = state.hour + state.span
    felt = coupling.stem_signals(state, model)  # each stem cell listens
    stays = coupling.egress(state, felt, model)
    felt = {name: value[stays] for name, value in felt.items()}
    s = state.stem
    outcome = fate.decide(
        s.id,
        s.cycling,
        s.senescent,
        s.voxel >= 0,
        s.tip,
        coupling.stem_rates(felt, s.tip, model, s.line),
        model.species.stem_cells.cycle_time,
        1.0,
        model.seed,
        state.hour,
        model.genes.attrition * (s.line == 0) if model.genes.attrition else None,
    )
    coupling.settle_fates(state, outcome, model)  # it rests, wakes, divides, differentiates or dies
    coupling.walk(state.stem, model, model.stride, model.rounds, state.hour)
    coupling.home(state, model)
    state.hour += 1
    if state.hour == state.until:
        cells = advance_lineages(state, model)  # its daughters ripen
        advance_body(state, cells, model)  # blood and hormones
    if state.hour % model.niche_step == 0:
        spread(state, model)  # committed cells drift
        advance_niche(state, model)  # vessels, stroma and fat


def span(state, model):
    """Hours that lineages and body step at once from here: the short step, or that of the niche where it begins one, nothing
    befalls the marrow within it and neither a field's level nor EPO moves by more than `CALM`. Where all fields have just been
    solved anew, at the beginning and after a strike, nothing is known of how they move."""
    quiet = timeline.quiet(model, state.hour, state.hour + model.niche_step)
    unknown = (state.solved == state.hour).all() and (state.wait <= FIRST_WAIT).all()
    if state.hour % model.niche_step or not quiet or unknown:
        return model.lineage_step
    moves = np.append(state.drift[: len(state.fields)], state.epo_drift) * model.niche_step
    return model.niche_step if np.abs(moves).max() <= CALM else model.lineage_step


def update_fields(state, model, anew=False):
    """Bring fields and densities up to this hour: each follows its level in the stirred marrow, and those due are solved.

    `anew` solves all. What is due: `due`. A field that was found farther off than `NEAR` when it was solved is solved twice
    as often from then on, one that was found `VERY_NEAR` half as often: a `DAY` apart at most, or `field_step` hours if it is
    `STILL`.
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
    off = np.abs(solved.off)
    faint = np.where(~fields & (now[which] < FAINT), now[which] / FAINT, 1.0)[:, np.newaxis]
    off = np.multiply(off, faint, out=np.zeros_like(off), where=faint > 0.0)
    far, near = (off > NEAR).any(axis=1), (off < VERY_NEAR).all(axis=1)
    wait = np.where(far, waited // 2, np.where(near, 2 * waited, waited))
    wait = np.where(anew | never[which], FIRST_WAIT, wait)
    still = fields & (off < STILL).all(axis=1)
    state.wait[which] = np.clip(wait, model.lineage_step, np.where(still, model.field_step, min(model.field_step, DAY)))
    state.solved[which], state.levels[which], state.followed[which] = state.hour, now[which], 1.0


def due(state, now):
    """(n_field + 6,) bool: which fields and densities have waited long enough, or whose level `now` has moved too far.

    A level that was or is zero, or without bound, says nothing of what stands in the voxels.
    """
    factor = np.divide(now, state.levels, out=np.full(now.shape, np.inf), where=telling(state, now))
    old, far = state.hour - state.solved >= state.wait, np.full(now.shape, MOVED)
    fields = slice(len(state.fields))
    far[fields] = np.clip(MOVED * state.wait[fields] / FIRST_WAIT, MOVED, FARTHEST)
    return (state.solved < 0) | old | (np.maximum(factor, 1.0 / factor) > 1.0 + far)


def telling(state, now):
    """(n_field + 6,) bool: the level of the last solve and the one `now` are both above zero and finite."""
    return np.isfinite(now) & np.isfinite(state.levels) & (now > 0.0) & (state.levels > 0.0)


def follow(state, now):
    """Multiply each field and density by what its level `now` (n_field + 6,) has moved by, in place, where that tells."""
    factor = np.divide(now, state.levels, out=np.ones(now.shape), where=telling(state, now))
    for row, by in zip([*state.fields, *state.around], factor / state.followed):
        if by != 1.0:
            row *= by
    state.followed[:] = factor


def advance_lineages(state, model):
    """Step every committed cell by `state.span` and keep the books. Raises NumericsError if they do not close.

    Returns the real cells of the piece in the middle of the step, by stage (n_stage,).
    """
    t = model.tree
    left, ledger = kernel.advance(
        state.counts,
        state.fresh[np.argsort(state.fresh[:, 1], kind="stable")],
        coupling.lineage_signals(state, model),
        float(state.span),
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
        t.burst_signal,
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
    state.fresh, state.output = none_fresh(), np.zeros(len(model.share))
    state.output[: len(left)] = left / state.span
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
    given = (state.output / model.share).reshape(len(t.lines), len(EXITS))
    if model.apart:  # the rest of the marrow, which no event touches
        outside = sum(twin.advance(state.twin, state.hormones, model, 1.0) for _ in range(state.span))
        given = part * given + (1 - part) * outside.reshape(given.shape) / state.span
    given[:, EXITS.index("thymus")] *= model.gains[:, SIGNALS.index("IL7")]  # what ripens there needs the receptor
    flows = [dict(zip(EXITS, given.sum(axis=0)))]  # of all cells, and of those that are marked
    bodies = [(state.blood, state.lymphoid, state.spleen)]
    if t.marked is not None:
        flows.append(dict(zip(EXITS, given[t.marked])))
        bodies.append((state.marked.blood, state.marked.lymphoid, state.marked.spleen))
    shed = given[:, EXITS.index("platelets")] * model.platelets_per_cell
    mpl = model.gains[:, SIGNALS.index("TPO")]  # of the megakaryocytes of each line

    def ratio(name, receptor=None, stages=None, line=None):
        """Cells of the organism in the first stages of a compartment, over rest, each by what its `receptor` takes up; of all
        lines, or of one."""
        takes = genes.uptake(receptor, model.genes, len(t.lines)) if line is None else np.eye(len(t.lines))[line]

        def over_rest(here, at_rest):
            return t.total(here, name, stages=stages, value=takes) / t.total(at_rest, name, stages=stages)

        here = over_rest(cells, model.rest_cells)
        return float(part * here + (1 - part) * over_rest(state.twin.counts, t.rest) if model.apart else here)

    def taken_up(all_cells, marked_cells, receptor):
        """Cells in blood, over rest, by what their receptor takes up."""
        own = float(genes.uptake(receptor, model.genes, 1)[0])
        return own * all_cells + (1 - own) * marked_cells

    at_rest, marked = model.blood_rest, state.marked.blood
    felt = {
        "liver": model.genes.tpo,
        "megakaryocytes": ratio("megakaryocyte", "mpl"),
        "reserve": ratio("reserve", "gcsfr"),
        "HPC1": ratio("HPC1"),
        "CLP": ratio("CLP"),
    }
    early = ratio("erythroblast", "epor", 3)
    made = [(flow["reticulocytes"], flow["neutrophils"]) for flow in flows]  # by the marrow
    seeds = [(ratio("BFU"), ratio("GMP"))]  # of the spleen
    if t.marked is not None:
        seeds.append((ratio("BFU", line=t.marked), ratio("GMP", line=t.marked)))
    epo = state.hormones.epo
    needed, dose = blood.production(species.blood)["reticulocytes"], model.mean(state.damage.dose)
    for _ in range(round(state.span / BODY_STEP)):
        platelets = shed * np.clip(mpl * state.hormones.tpo, *SHEDDING) ** species.hormones.tpo_on_platelets
        pace = lymphoid.paces(state.lymphoid, species.lymphoid, model.lymphoid_rest)
        feeling = lymphoid.weighted(state.lymphoid, state.marked.lymphoid, model.genes.il7r)
        for (_, _, its_spleen), flow, (red, white), seed in zip(bodies, flows, made, seeds):
            more_red, more_white = spleen.advance(
                its_spleen, *seed, state.hormones.epo, species.spleen, model.spleen_rest, BODY_STEP
            )
            flow["reticulocytes"], flow["neutrophils"] = red + more_red, white + more_white
        level = blood.haemoglobin(state.blood, at_rest)
        wanted, returned = flows[0]["reticulocytes"], blood.destroyed(state.blood, species.blood)
        fed = iron.advance(
            state.iron, wanted / needed, returned / needed, species.blood.red_cell_life, species.iron, BODY_STEP
        )
        theirs = (platelets.sum(), platelets[t.marked] if t.marked is not None else 0.0)
        for (its_blood, its_lymphoid, _), flow, its_platelets, feels in zip(bodies, flows, theirs, (feeling, None)):
            flow["platelets"] = its_platelets
            flow["reticulocytes"] *= fed
            blood.advance(its_blood, flow, species.blood, BODY_STEP, level)
            lymphoid.advance(its_lymphoid, flow, species.lymphoid, model.lymphoid_rest, BODY_STEP, pace, feels, dose)
        b = state.blood
        felt |= {
            "neutrophils": taken_up(b.neutrophils, marked.neutrophils, "gcsfr") / at_rest.neutrophils,
            "platelets": taken_up(b.platelet.sum(), marked.platelet.sum(), "mpl") / at_rest.platelet.sum(),
            "haemoglobin": blood.haemoglobin(b, at_rest),
            "erythroid": spleen.erythroid(state.spleen, species.spleen, model.spleen_rest, early),
        }
        hormones.advance(state.hormones, felt, species.hormones, BODY_STEP, species.factors)
    state.epo_drift = float(coupling.drift(epo, state.hormones.epo, state.span))


def advance_niche(state, model):
    """Vessels, stroma, fat and osteoblasts over the same hours."""
    stroma.advance(
        state.stroma,
        state.around[coupling.CELLS],
        state.around[coupling.KIT],
        model.geometry.niches.stroma_voxel,
        state.hormones.gcsf,
        model.species.stroma,
        float(model.niche_step),
        model.vegfr2(state.hour),
    )
