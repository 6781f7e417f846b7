"""Where two organs meet: cells and stroma speak, cells listen, stem cells pass between marrow and blood.

What a cell reads is local by default. With the switch `local_responses` off every cell reads the stirred marrow instead:
the same sources and sinks without the space between them (`stirred`), which is the mean-field model.
"""

from marrow_niche.coupling.densities import (
    CELLS,
    DENSITIES,
    KIT,
    cells_of,
    density,
    everyone_of,
    loads,
    quarters,
    reach,
    stem_density,
)
from marrow_niche.coupling.mixed import Totals, levels, resting_totals, stirred, stirred_level, totals
from marrow_niche.coupling.passage import arrive, egress, egress_rate, hand_over, home, lodge_by, place, settle_fates, walk
from marrow_niche.coupling.secretion import (
    DENSITY_RTOL,
    FLOWS,
    MEGAKARYOCYTE,
    RTOL,
    Solved,
    blood_level,
    clearing,
    flows,
    gaps,
    held,
    megakaryocytes,
    solve_fields,
    source,
    surroundings,
)
from marrow_niche.coupling.senses import drift, lineage_signals, stem_rates, stem_signals, voxel_signals

__all__ = [
    "CELLS",
    "DENSITIES",
    "DENSITY_RTOL",
    "FLOWS",
    "KIT",
    "MEGAKARYOCYTE",
    "RTOL",
    "Solved",
    "Totals",
    "arrive",
    "blood_level",
    "cells_of",
    "clearing",
    "density",
    "drift",
    "egress",
    "egress_rate",
    "everyone_of",
    "flows",
    "gaps",
    "hand_over",
    "held",
    "home",
    "lodge_by",
    "levels",
    "lineage_signals",
    "loads",
    "megakaryocytes",
    "place",
    "quarters",
    "reach",
    "resting_totals",
    "settle_fates",
    "solve_fields",
    "source",
    "stem_density",
    "stem_rates",
    "stem_signals",
    "stirred",
    "stirred_level",
    "surroundings",
    "totals",
    "voxel_signals",
    "walk",
]
