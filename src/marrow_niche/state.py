"""State: everything that changes, and nothing else. A checkpoint is exactly this."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from marrow_niche.body.blood import BloodState
from marrow_niche.body.hormones import HormoneState
from marrow_niche.body.iron import IronState
from marrow_niche.body.lymphoid import LymphoidState
from marrow_niche.body.spleen import SpleenState
from marrow_niche.marrow.damage import DamageState
from marrow_niche.marrow.stroma import StromaState


@dataclass
class StemState:
    """Stem cells one by one, (k,) each: `position` (k, 3) [um], `voxel` (-1 in blood), `distance` to the sinusoid wall
    [um], `id`, `clone`, `divisions`, `born` the hour of the last of them (of the first one seen: when it came), `tip` (else an
    ordinary stem cell), `line` of the tree that its progeny belongs to, `cycling`, `senescent`, `dose` [Gy]."""

    position: np.ndarray
    voxel: np.ndarray
    distance: np.ndarray
    id: np.ndarray
    clone: np.ndarray
    divisions: np.ndarray
    born: np.ndarray
    tip: np.ndarray
    line: np.ndarray
    cycling: np.ndarray
    senescent: np.ndarray
    dose: np.ndarray


@dataclass
class Births:
    """Stem cells that are new, (m,) each: the `hour` in which each came begins, its id `cell` and its mother's `parent` (-1:
    it came with a graft or by the blood), and `position` (m, 3) [um] of the division (nan: none)."""

    hour: np.ndarray
    cell: np.ndarray
    parent: np.ndarray
    position: np.ndarray


@dataclass
class TwinState:
    """Stirred marrow of the size of the organism: `counts` (n_stage,) cells, stem cells `quiescent`, `cycling` and
    `in_blood` (2,) each, others and tip, and the integrity of its niche."""

    counts: np.ndarray
    quiescent: np.ndarray
    cycling: np.ndarray
    in_blood: np.ndarray
    vessel: float
    stroma: float
    fat: float
    osteoblast: float


@dataclass
class Marked:
    """Of blood, lymphoid tissue and spleen, the part that came from marked stem cells and grafted cells."""

    blood: BloodState
    lymphoid: LymphoidState
    spleen: SpleenState


@dataclass
class State:
    """The marrow and the organism at one hour, in a step of lineages and body of `span` hours that ends at hour `until`.

    `counts` (n_stage, n) int32 stored cells of the lineages, of which `fresh` (k, 3) int64 came from stem cells since their
    last step: stage, voxel and number; `fields` (n_field, n) [nM]; `around` (6, n) cellularity, what competes with stem
    cells of even and of odd id, and with those of the tip, and Kit+ load, over rest. Of each field and density (n_field +
    6,): hour when it was `solved` last, hours to `wait` from then on, `levels` what the stirred marrow held then,
    `followed` the factor since, `latest` level of hour `updated` and its `drift`, the share by which that moves in an hour;
    of the fields `residual` (n_field,) and `flows` (n_field, 5) [molecules/h] of that solve. `output` (n_line · n_exit,)
    [cells/h] what the piece gave in the last step, `epo_drift` the share by which EPO moved in an hour of it; `twin` the
    marrow outside the piece where it is apart; `marked` the part of blood that is of the marked line; `births` of stem cells
    since the last record; `born` and `died` stem cells.
    """

    hour: int
    span: int
    until: int
    stem: StemState
    counts: np.ndarray
    fresh: np.ndarray
    fields: np.ndarray
    around: np.ndarray
    solved: np.ndarray
    wait: np.ndarray
    levels: np.ndarray
    followed: np.ndarray
    latest: np.ndarray
    drift: np.ndarray
    updated: int
    stroma: StromaState
    blood: BloodState
    lymphoid: LymphoidState
    spleen: SpleenState
    iron: IronState
    hormones: HormoneState
    damage: DamageState
    next_id: int
    residual: np.ndarray
    flows: np.ndarray
    output: np.ndarray
    epo_drift: float
    twin: TwinState
    marked: Marked
    births: Births
    born: int = 0
    died: int = 0


def none_fresh():
    """`State.fresh` of a marrow whose lineages have just been stepped."""
    return np.zeros((0, 3), np.int64)


def no_births():
    """`State.births` of a marrow that has just been recorded."""
    none = np.zeros(0, np.int64)
    return Births(hour=none, cell=none, parent=none, position=np.zeros((0, 3)))


def note_births(state, young, parent=None):
    """Keep in mind the stem cells `young`, a `StemState` of k that come in this hour, in place.

    `parent` (k,) int64 are the ids of their mothers, at whose places they are; None: they came otherwise, from no known place.
    """
    number = len(young.id)
    if not number:
        return
    new = Births(
        hour=np.full(number, state.hour, np.int64),
        cell=young.id,
        parent=np.full(number, -1, np.int64) if parent is None else parent,
        position=np.full((number, 3), np.nan) if parent is None else young.position,
    )
    state.births = joined(state.births, new)


def resting_stem_cells(ids, voxel, tip=None, line=0, hour=0):
    """A `StemState` of new quiescent stem cells, each its own clone, not yet at a place: ids (k,) int64, voxel (k,) int32,
    `tip` (k,) bool, none by default; `hour` when they come."""
    number = len(ids)
    return StemState(
        position=np.zeros((number, 3)),
        voxel=voxel,
        distance=np.zeros(number),
        id=ids,
        clone=ids.copy(),
        divisions=np.zeros(number, np.int64),
        born=np.full(number, hour, np.int64),
        tip=np.zeros(number, bool) if tip is None else tip,
        line=np.full(number, line, np.int64),
        cycling=np.zeros(number, bool),
        senescent=np.zeros(number, bool),
        dose=np.zeros(number),
    )


def take(part, which):
    """The same dataclass of arrays with only the entries `which` (mask or indices)."""
    return type(part)(**{f.name: getattr(part, f.name)[which] for f in dataclasses.fields(part)})


def joined(first, second):
    """Two dataclasses of arrays, one after the other."""
    return type(first)(
        **{f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in dataclasses.fields(first)}
    )


def to_dict(part):
    """A state as nested dicts of arrays and numbers."""
    return {
        f.name: to_dict(v) if dataclasses.is_dataclass(v := getattr(part, f.name)) else v
        for f in dataclasses.fields(part)
    }


def from_dict(kind, stored):
    """The state of dataclass `kind` from `to_dict`'s form."""
    return kind(
        **{
            f.name: from_dict(f.type, stored[f.name]) if dataclasses.is_dataclass(f.type) else stored[f.name]
            for f in dataclasses.fields(kind)
        }
    )
