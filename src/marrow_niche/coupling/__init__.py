"""Where two organs meet: cells and stroma speak, cells listen, stem cells pass between marrow and blood.

What a cell reads is local by default. With the switch `local_responses` off every cell reads the stirred marrow instead:
the same sources and sinks without the space between them (`stirred`), which is the mean-field model.
"""

from marrow_niche.coupling.mixed import Totals, resting_totals, stirred, stirred_level, stirred_levels, totals
from marrow_niche.coupling.passage import arrive, egress, hand_over, home, place, settle_fates, walk
from marrow_niche.coupling.secretion import (
    FLOWS,
    MEGAKARYOCYTE,
    PRIMITIVE,
    RTOL,
    blood_level,
    cells_of,
    clearing,
    densities,
    flows,
    gaps,
    go_on,
    halves,
    megakaryocytes,
    scf_load,
    solve_fields,
    source,
    stem_density,
    surroundings,
)
from marrow_niche.coupling.senses import lineage_signals, stem_rates, stem_signals, voxel_signals

__all__ = [
    "FLOWS",
    "MEGAKARYOCYTE",
    "PRIMITIVE",
    "RTOL",
    "Totals",
    "arrive",
    "blood_level",
    "cells_of",
    "clearing",
    "densities",
    "egress",
    "flows",
    "gaps",
    "go_on",
    "halves",
    "hand_over",
    "home",
    "lineage_signals",
    "megakaryocytes",
    "place",
    "resting_totals",
    "scf_load",
    "settle_fates",
    "solve_fields",
    "source",
    "stem_density",
    "stem_rates",
    "stem_signals",
    "stirred",
    "stirred_level",
    "stirred_levels",
    "surroundings",
    "totals",
    "voxel_signals",
    "walk",
]
