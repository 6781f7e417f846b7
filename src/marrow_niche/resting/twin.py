"""The mean-field twin: the same tree, stem cells and niche in stirred marrow, at the size of the organism.

Every cell reads the signals of `coupling.stirred`. At rest it stands still exactly, at the species' own numbers. It is what
the lattice becomes when cells no longer read their own place, and it stands for the marrow outside a piece that is apart.
"""

import dataclasses

import numpy as np

from marrow_niche import coupling
from marrow_niche.marrow import lineages, stem_cells, stroma
from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.marrow.stroma import StromaState
from marrow_niche.state import TwinState


def rest(model):
    """The `TwinState` at rest: the species' numbers, whole organism."""
    species, quiet = model.species, model.stem_rest.quiescent
    number = species.stem_cells.numbers
    return TwinState(
        counts=model.tree.rest.copy(),
        quiescent=number * quiet,
        cycling=number * (1 - quiet),
        in_blood=number * quiet * np.expm1(-species.stem_cells.egress) / np.expm1(-species.stem_cells.homing),
        vessel=1.0,
        stroma=1.0,
        fat=species.stroma.fat_at_rest,
        osteoblast=1.0,
    )


def totals(twin, model):
    """What a piece of this marrow amounts to: `coupling.Totals`."""
    whole = coupling.resting_totals(model)
    return dataclasses.replace(
        whole,
        cells=model.piece_share * twin.counts,
        stem=model.piece_share * (twin.quiescent + twin.cycling),
        stroma=whole.stroma * twin.stroma,
        membrane=whole.membrane * twin.stroma * model.genes.membrane_scf,
        osteoblasts=whole.osteoblasts * twin.osteoblast,
        wall=whole.wall * twin.vessel,
        fat=whole.fat * twin.fat / model.species.stroma.fat_at_rest,
    )


def advance(twin, hormones, model, dt):
    """Move the twin on by dt [h], in place; returns cells/h by exit (n_line · n_exit,), whole organism."""
    species, tree = model.species, model.tree
    t = totals(twin, model)
    felt = coupling.stirred(t, hormones, model)
    signals = np.maximum(model.gains * np.array([felt[name] for name in SIGNALS]), model.least_felt).ravel()
    scf, tpo = (float(model.gains[0, SIGNALS.index(name)]) for name in ("SCF", "TPO"))
    wake, renewal, death, share_mkp = stem_cells.fate_rates(
        scf * felt["membrane"],
        scf * felt["SCF"],
        tpo * felt["TPO"],
        felt["TGFb"],
        felt["vessel"],
        np.array([False, True]),
        species.stem_cells,
        model.stem_rest,
    )
    division = twin.cycling / species.stem_cells.cycle_time
    living = (1.0 - model.genes.attrition) * division
    woken, (leaving, descending) = model.genes.waking * wake * twin.quiescent, 2 * (1 - renewal) * living
    staying = 2 * renewal * living + np.array([descending, 0.0])
    twin.quiescent += dt * (staying - woken - death * twin.quiescent)
    twin.cycling += dt * (woken - division - death * twin.cycling)
    inflow = np.zeros(len(tree.rate))
    inflow[tree.first["MPP"]], inflow[tree.first["MkP"]] = leaving * (1 - share_mkp), leaving * share_mkp
    change, output = lineages.well_mixed_change(twin.counts, signals, inflow, tree)
    twin.counts = np.maximum(twin.counts + dt * change, 0.0)
    around = coupling.loads(twin.counts, twin.quiescent + twin.cycling, 1.0, model)
    one = np.ones(1)
    niche = StromaState(
        vessel=twin.vessel * one,
        fat=twin.fat * one,
        stroma=twin.stroma * one,
        osteoblast=twin.osteoblast * one,
        membrane=one,
    )
    cells, kit, vegfr2 = around[coupling.CELLS], around[coupling.KIT], model.genes.vegfr2
    stroma.advance(niche, cells * one, kit * one, np.zeros(1, int), hormones.gcsf, species.stroma, dt, vegfr2)
    twin.vessel, twin.fat = float(niche.vessel[0]), float(niche.fat[0])
    twin.stroma, twin.osteoblast = float(niche.stroma[0]), float(niche.osteoblast[0])
    return output
