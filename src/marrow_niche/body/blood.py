"""Blood of the organism: what the marrow makes, each kind with its own life.

Neutrophils, monocytes and lymphocytes leave at constant rates. Red cells and platelets live a finite life: an Erlang chain
of n equal stages with mean life L has a spread of L/√n, close to the age-ordered removal that is measured (de Jong 2001).

All of it is linear in the cells, so that blood of several origins can be stepped apart and added.

Neutrophils of blood circulate or stand at vessel walls and go from the one to the other in minutes: the share that circulates
is c₀ at rest, count × volume over the pool that production and life imply, and under G-CSF of g times its resting level

    c = c₀ + (c∞ − c₀) (g − 1)/(g − 1 + K)   for g > 1.
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
    neutrophils_freed: float = quantity("", "share of blood neutrophils that circulates under strong G-CSF", low=0, high=1)
    neutrophils_freed_half: float = quantity("", "G-CSF above rest, over rest, that frees half of them", low=0.001)
    monocytes: float = quantity("1/uL", "resting monocytes", low=0)
    monocyte_life: float = quantity("h", "mean life in blood", low=0)
    red_cells: float = quantity("1/uL", "resting red cells", low=0)
    red_cell_life: float = quantity("h", "mean life from entry as a reticulocyte", low=0)
    red_cell_stages: int
    reticulocyte_marrow_time: float = quantity("h", "time from the last nucleated stage to blood", low=0)
    reticulocyte_shift: float = quantity("", "share of that time moved to blood per full loss of haemoglobin", low=0)
    reticulocyte_time: float = quantity("h", "time as a reticulocyte in blood", low=0)
    haemoglobin: float = quantity("g/dL", "resting haemoglobin", low=0)
    platelets: float = quantity("1/uL", "resting platelets", low=0)
    platelet_life: float = quantity("h", "mean life", low=0)
    platelet_stages: int
    platelet_pool: float = quantity("", "all platelets over circulating ones (spleen)", low=1)


@dataclass
class BloodState:
    """Cells of the organism by pool, neutrophils at vessel walls included; `maturing` reticulocytes are not yet in blood, `red`
    and `platelet` (n,) go by age."""

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


def shift(haemoglobin, b):
    """Hours of their time in marrow that reticulocytes spend in blood instead when `haemoglobin` is this over rest [-]."""
    return b.reticulocyte_marrow_time * min(max(b.reticulocyte_shift * (1.0 - haemoglobin), 0.0), 0.8)


def advance(state, inflow, b, dt, haemoglobin=1.0):
    """Move `state` on by dt [h] with `inflow` cells/h by exit name, in place. Explicit: dt well under every life.

    `haemoglobin` of the body over rest: in anaemia reticulocytes leave the marrow sooner and stay such longer in blood.
    """
    rate, sooner = b.red_cell_stages / (b.red_cell_life - b.reticulocyte_time), shift(haemoglobin, b)
    young = state.reticulocytes / (b.reticulocyte_time + sooner)
    moving = rate * state.red
    state.red += dt * (np.concatenate(([young], moving[:-1])) - moving)
    released = state.maturing / (b.reticulocyte_marrow_time - sooner)
    state.maturing += dt * (inflow["reticulocytes"] - released)
    state.reticulocytes += dt * (released - young)
    moving = b.platelet_stages / b.platelet_life * state.platelet
    state.platelet += dt * (np.concatenate(([inflow["platelets"]], moving[:-1])) - moving)
    state.neutrophils += dt * (inflow["neutrophils"] - state.neutrophils / b.neutrophil_life)
    state.monocytes += dt * (inflow["monocytes"] - state.monocytes / b.monocyte_life)


def haemoglobin(state, rest):
    """Haemoglobin over rest [-]: every red cell has its share; `rest` is the resting `BloodState`."""
    return (state.red.sum() + state.reticulocytes) / (rest.red.sum() + rest.reticulocytes)


def destroyed(state, b):
    """Red cells that die of age [cells/h]."""
    return b.red_cell_stages / (b.red_cell_life - b.reticulocyte_time) * float(state.red[-1])


def circulating(b, rest, gcsf):
    """Share of blood neutrophils that circulates when G-CSF is `gcsf` over rest; `rest` is the resting `BloodState`."""
    calm = min(b.neutrophils * b.volume / rest.neutrophils, 1.0)
    more = max(gcsf - 1.0, 0.0)
    return calm + max(b.neutrophils_freed - calm, 0.0) * more / (more + b.neutrophils_freed_half)


def counts(state, b, rest, gcsf):
    """Neutrophils, monocytes, platelets, red cells and reticulocytes per uL of blood: dict by column name.

    `rest` is the resting `BloodState` of the whole body, also for the blood of one origin; `gcsf` over rest.
    """
    freed = circulating(b, rest, gcsf) / circulating(b, rest, 1.0)
    return {
        "neutrophils_per_uL": b.neutrophils * state.neutrophils / rest.neutrophils * freed,
        "monocytes_per_uL": b.monocytes * state.monocytes / rest.monocytes,
        "platelets_per_uL": b.platelets * state.platelet.sum() / rest.platelet.sum(),
        "red_cells_per_uL": b.red_cells * haemoglobin(state, rest),
        "reticulocytes_per_uL": state.reticulocytes / b.volume,
    }


def bleed(state, fraction, b, rest, gcsf):
    """Take `fraction` of the blood, in place: of each pool what of it is in the stream. Arguments as in `counts`."""
    state.neutrophils *= 1 - fraction * circulating(b, rest, gcsf)
    state.monocytes *= 1 - fraction * min(b.monocytes * b.volume / rest.monocytes, 1.0)
    state.reticulocytes *= 1 - fraction
    state.red *= 1 - fraction
    state.platelet *= 1 - fraction / b.platelet_pool
