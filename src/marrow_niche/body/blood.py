"""Blood of the organism: what the marrow makes, each kind with its own life.

Neutrophils, monocytes and lymphocytes leave at constant rates. Red cells and platelets live a finite life: an Erlang chain
of n equal stages with mean life L has a spread of L/√n, close to the age-ordered removal that is measured (de Jong 2001).
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Blood:
    """Resting counts per microlitre and lives; production at rest follows from count, volume and life."""

    volume: float = quantity("uL", "blood volume of the organism", low=1)
    neutrophils: float = quantity("1/uL", "resting neutrophils", low=0)
    neutrophil_life: float = quantity("h", "mean life in blood", low=0)
    monocytes: float = quantity("1/uL", "resting monocytes", low=0)
    monocyte_life: float = quantity("h", "mean life in blood", low=0)
    red_cells: float = quantity("1/uL", "resting red cells", low=0)
    red_cell_life: float = quantity("h", "mean life from entry as a reticulocyte", low=0)
    red_cell_stages: int
    reticulocyte_marrow_time: float = quantity("h", "time from the last nucleated stage to blood", low=0)
    reticulocyte_time: float = quantity("h", "time as a reticulocyte in blood", low=0)
    haemoglobin: float = quantity("g/dL", "resting haemoglobin", low=0)
    platelets: float = quantity("1/uL", "resting platelets", low=0)
    platelet_life: float = quantity("h", "mean life", low=0)
    platelet_stages: int
    platelet_pool: float = quantity("", "all platelets over circulating ones (spleen)", low=1)


@dataclass
class BloodState:
    """Cells of the organism by pool; `maturing` reticulocytes are not yet in blood, `red` and `platelet` (n,) go by age."""

    neutrophils: float
    monocytes: float
    maturing: float
    reticulocytes: float
    red: np.ndarray
    platelet: np.ndarray


def production(b):
    """Cells/h that blood needs at rest, by exit of the tree, where count and life fix it."""
    return {
        "reticulocytes": b.red_cells * b.volume / b.red_cell_life,
        "platelets": b.platelets * b.volume * b.platelet_pool / b.platelet_life,
    }


def rest(b, output):
    """Resting `BloodState` for `output`, cells/h by exit name (platelets already counted as platelets)."""
    mature = b.red_cell_life - b.reticulocyte_time
    return BloodState(
        neutrophils=output["neutrophils"] * b.neutrophil_life,
        monocytes=output["monocytes"] * b.monocyte_life,
        maturing=output["reticulocytes"] * b.reticulocyte_marrow_time,
        reticulocytes=output["reticulocytes"] * b.reticulocyte_time,
        red=np.full(b.red_cell_stages, output["reticulocytes"] * mature / b.red_cell_stages),
        platelet=np.full(b.platelet_stages, output["platelets"] * b.platelet_life / b.platelet_stages),
    )


def advance(state, inflow, b, dt):
    """Move `state` on by dt [h] with `inflow` cells/h by exit name, in place. Explicit: dt well under every life."""
    rate = b.red_cell_stages / (b.red_cell_life - b.reticulocyte_time)
    young = state.reticulocytes / b.reticulocyte_time
    moving = rate * state.red
    state.red += dt * (np.concatenate(([young], moving[:-1])) - moving)
    released = state.maturing / b.reticulocyte_marrow_time
    state.maturing += dt * (inflow["reticulocytes"] - released)
    state.reticulocytes += dt * (released - young)
    moving = b.platelet_stages / b.platelet_life * state.platelet
    state.platelet += dt * (np.concatenate(([inflow["platelets"]], moving[:-1])) - moving)
    state.neutrophils += dt * (inflow["neutrophils"] - state.neutrophils / b.neutrophil_life)
    state.monocytes += dt * (inflow["monocytes"] - state.monocytes / b.monocyte_life)
