"""Cells listen: what each voxel's lineages and each stem cell feel, and the rates that follow for stem cells."""

import numpy as np

from marrow_niche.coupling.mixed import stirred, totals
from marrow_niche.kernels.lineages import SAME, VESSEL, Felt
from marrow_niche.kernels.stem_cells import contact
from marrow_niche.marrow import fate, stem_cells
from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.quantities.response import log_signals


def lineage_signals(state, model, number=None):
    """What the lineages of each voxel feel: `kernels.lineages.Felt`, signals in the order of `lineages.SIGNALS`.

    Fields and EPO as they are expected in the middle of the step, so that none lags. `number` of stem cells [cells] of a
    stirred marrow, instead of those in the list.
    """
    cytokine, epo = model.species.cytokines, state.hormones.epo
    half = 0.5 * model.lineage_step
    moves = drift(np.array([state.epo]), np.array([epo]), model.lineage_step)
    ahead = dict(zip(cytokine, drifted(state, state.hour - half))) | {"EPO": carried(moves, half)[0], "vessel": 1.0}
    if not model.switches.local_responses:
        felt = stirred(totals(state, model, number), state.hormones, model)
        everywhere = np.array([felt[s] * ahead[s] for s in SIGNALS])
        return Felt(state.fields, state.stroma.vessel, np.full(len(SIGNALS), SAME), everywhere)
    at = {"vessel": VESSEL, "EPO": SAME} | {name: row for row, name in enumerate(cytokine)}
    value = {"vessel": 1.0, "EPO": epo * ahead["EPO"]} | {name: c.reference / ahead[name] for name, c in cytokine.items()}
    return Felt(
        state.fields,
        stem_cells.vessel_signal(state.stroma.vessel),
        np.array([at[s] for s in SIGNALS]),
        np.array([value[s] for s in SIGNALS], float),
    )


def drift(before, now, hours):
    """The share by which what was `before` (n,) and is `now` moves in an hour; nothing where that tells nothing."""
    share = np.zeros(np.shape(now))
    np.divide(now - before, now, out=share, where=np.isfinite(now) & np.isfinite(before) & (now > 0.0) & (before > 0.0))
    return share / hours


def drifted(state, hour):
    """(n_field + 4,) factors by which fields and densities are expected to differ from what they are, at `hour`."""
    return carried(state.drift, hour - state.updated)


def carried(drift, hours):
    """Factors after so many hours of a `drift`, at least a half and at most two: what goes on so fast soon does not."""
    return np.clip(1.0 + drift * hours, 0.5, 2.0)


def voxel_signals(state, model, number=None):
    """(n_signal, n) logarithms of the signals that lineages feel in each voxel: `lineage_signals`, all at once."""
    felt, out = lineage_signals(state, model, number), np.empty((len(SIGNALS), model.n))
    for row, at, value in zip(out, felt.at, felt.value):
        row[:] = felt.fields[at] / value if at >= 0 else felt.vessel if at == VESSEL else value
    return log_signals(out)


def stem_signals(state, model, number=None):
    """What each stem cell feels in the hour to come, ratios to rest: membrane_scf, scf, tpo, tgf, vessel, cxcl12, (k,) each.

    What is given for cells in blood has no meaning and is not used.
    """
    s, stem, species = state.stem, model.species.stem_cells, model.species
    if not model.switches.local_responses:
        felt = stirred(totals(state, model, number), state.hormones, model)
        return {k: np.full(len(s.id), felt[name]) for k, name in FELT.items()}
    v = np.maximum(s.voxel, 0)
    names, ahead = list(species.cytokines), drifted(state, state.hour + 0.5)
    crowd = ahead[len(names) :][1 + s.id % 2] * state.around[1 + s.id % 2, v]

    def field(name):
        k = names.index(name)
        return state.fields[k][v] * (ahead[k] / species.cytokines[name].reference)

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
        "membrane_scf": touched / stem.membrane_reference * (1 + q) / (1 + q * crowd),
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
