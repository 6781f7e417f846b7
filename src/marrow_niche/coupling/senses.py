"""Cells listen: what each voxel's lineages and each stem cell feel, and the rates that follow for stem cells."""

import numpy as np

from marrow_niche.coupling.densities import CROWD, quarters
from marrow_niche.coupling.mixed import stirred, totals
from marrow_niche.kernels.lineages import SAME, VESSEL, Felt
from marrow_niche.kernels.resting import logarithms
from marrow_niche.kernels.stem_cells import contact
from marrow_niche.marrow import fate, stem_cells
from marrow_niche.marrow.lineages import SIGNALS


def lineage_signals(state, model, number=None):
    """What the lineages of each voxel feel: `kernels.lineages.Felt`, signals in the order of `lineages.SIGNALS`.

    Fields and EPO as they are expected in the middle of the step, so that none lags. `number` (2,) of stem cells [cells] of a
    stirred marrow, instead of those in the list.
    """
    cytokine, epo = model.species.cytokines, state.hormones.epo
    half = 0.5 * state.span
    ahead = dict(zip(cytokine, drifted(state, state.hour - half)))
    ahead |= {"EPO": carried(state.epo_drift, half), "FLT3L": 1.0, "vessel": 1.0}
    gains, least = model.gains, np.tile(model.least_felt, len(model.gains))
    if not model.switches.local_responses:
        felt = stirred(totals(state, model, number), state.hormones, model)
        everywhere = gains * np.array([felt[s] * ahead[s] for s in SIGNALS])
        return Felt(state.fields, state.stroma.vessel, np.full(gains.size, SAME), everywhere.ravel(), least)
    at = {"vessel": VESSEL, "EPO": SAME, "FLT3L": SAME} | {name: row for row, name in enumerate(cytokine)}
    known = {"vessel": 1.0, "EPO": epo * ahead["EPO"], "FLT3L": state.hormones.flt3l}
    known |= {name: c.reference / ahead[name] for name, c in cytokine.items()}
    over, value = np.array([at[s] >= 0 for s in SIGNALS]), np.array([known[s] for s in SIGNALS], float)
    return Felt(
        state.fields,
        stem_cells.vessel_signal(state.stroma.vessel),
        np.tile([at[s] for s in SIGNALS], len(gains)),
        np.where(over, np.divide(value, gains, out=np.full(gains.shape, np.inf), where=gains > 0), value * gains).ravel(),
        least,
    )


def drift(before, now, hours):
    """The share by which what was `before` (n,) and is `now` moves in an hour; nothing where that tells nothing."""
    before, now = np.asarray(before), np.asarray(now)
    share = np.zeros(now.shape)
    np.divide(now - before, now, out=share, where=np.isfinite(now) & np.isfinite(before) & (now > 0.0) & (before > 0.0))
    return share / hours


def drifted(state, hour):
    """(n_field + 6,) factors by which fields and densities are expected to differ from what they are, at `hour`."""
    return carried(state.drift, hour - state.updated)


def carried(drift, hours):
    """Factors after so many hours of a `drift`, at least a half and at most two: what goes on so fast soon does not."""
    return np.clip(1.0 + drift * hours, 0.5, 2.0)


def voxel_signals(state, model, number=None):
    """(n_line · n_signal, n) logarithms of the signals that lineages feel in each voxel: `lineage_signals`, all at once."""
    felt, out = lineage_signals(state, model, number), np.empty((model.gains.size, model.n))
    for row, at, value, least in zip(out, felt.at, felt.value, felt.least):
        row[:] = felt.fields[at] / value if at >= 0 else felt.vessel if at == VESSEL else value
        logarithms(row, least, row)
    return out


def stem_signals(state, model, number=None):
    """What each stem cell feels in the hour to come, ratios to rest: membrane_scf, scf, tpo, tgf, vessel, cxcl12, (k,) each.

    What is given for cells in blood has no meaning and is not used.
    """
    s, stem, species = state.stem, model.species.stem_cells, model.species
    gain = dict(zip(SIGNALS, model.gains[s.line].T))
    if not model.switches.local_responses:
        felt = stirred(totals(state, model, number), state.hormones, model)
        felt["membrane"] = felt["membrane"][s.tip.astype(np.int64)]
        return {k: felt[name] * gain[GAIN[k]] if k in GAIN else np.full(len(s.id), felt[name]) for k, name in FELT.items()}
    v = np.maximum(s.voxel, 0)
    names, ahead = list(species.cytokines), drifted(state, state.hour + 0.5)
    quarter = quarters(s)
    crowd = ahead[len(names) :][CROWD][quarter] * state.around[CROWD][quarter, v]

    def field(name):
        k = names.index(name)
        return state.fields[k][v] * (ahead[k] / species.cytokines[name].reference)

    scf, q = gain["SCF"] * field("SCF"), stem.membrane_competition
    held = scf if not model.switches.contact_scf else gain["SCF"] * touched_scf(state, model) * (1 + q) / (1 + q * crowd)
    return {
        "membrane_scf": held,
        "scf": scf,
        "tpo": gain["TPO"] * field("TPO"),
        "tgf": field("TGFb"),
        "vessel": stem_cells.vessel_signal(state.stroma.vessel[v]),
        "cxcl12": field("CXCL12"),
    }


def touched_scf(state, model):
    """(k,) membrane SCF that each stem cell touches, over that of stem cells at rest, before others compete for it."""
    s, stem, g, niche = state.stem, model.species.stem_cells, model.geometry, state.stroma
    on_walls = model.genes.membrane_scf
    touched = np.empty(len(s.id))
    contact(
        s.position,
        s.voxel,
        s.distance,
        g.near_stroma.start,
        g.near_stroma.item,
        g.near_stroma.gap,
        g.niches.stroma,
        niche.stroma * niche.membrane,
        niche.vessel if on_walls == 1.0 else niche.vessel * on_walls,
        stem.membrane_wall_share,
        stem.process_range,
        stem.membrane_range,
        touched,
    )
    return touched / stem.membrane_references[s.tip.astype(np.int64)]


GAIN = {"membrane_scf": "SCF", "scf": "SCF", "tpo": "TPO"}
"""Whose receptor makes what stem cells feel of it."""
FELT = {"membrane_scf": "membrane", "scf": "SCF", "tpo": "TPO", "tgf": "TGFb", "vessel": "vessel", "cxcl12": "CXCL12"}


def stem_rates(felt, tip, model, line=None):
    """`fate.Rates` of stem cells from what they feel; `tip` (k,) bool, `line` (k,), the first by default."""
    wake, renewal, death, share = stem_cells.fate_rates(
        felt["membrane_scf"],
        felt["scf"],
        felt["tpo"],
        felt["tgf"],
        felt["vessel"],
        tip,
        model.species.stem_cells,
        model.stem_rest,
    )
    if model.genes.waking != 1.0:
        wake = wake * (model.genes.waking if line is None else np.where(line == 0, model.genes.waking, 1.0))
    return fate.Rates(wake=wake, renewal=renewal, death=death, share_mkp=share)
