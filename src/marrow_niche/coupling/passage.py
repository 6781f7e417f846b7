"""Stem cells at work: fates carried out, daughters handed over, the walk within marrow, the way into blood and home."""

import numpy as np

from marrow_niche.kernels.cells import product_sum
from marrow_niche.kernels.lineages import handed_over
from marrow_niche.kernels.stem_cells import lodge, move, uniforms
from marrow_niche.state import joined, note_births, resting_stem_cells, take

EGRESS, HOME, HAND, LODGE = 51, 52, 53, 54


def settle_fates(state, outcome, model):
    """Carry out what `fate.decide` drew: the dead go, daughters are born, leavers join MkP and MPP of their voxel."""
    s = state.stem
    s.cycling = (s.cycling | outcome.wakes) & ~outcome.divides
    s.divisions = s.divisions + outcome.divides
    s.born = np.where(outcome.divides, state.hour, s.born)
    for name, leaving in (("MPP", outcome.mpp), ("MkP", outcome.mkp)):
        hand_over(state, name, leaving, model)
    left = outcome.stay + outcome.descend
    keep = ~outcome.dies & ~(outcome.divides & (left == 0))
    twins = outcome.divides & (left == 2)
    young = take(s, twins)
    young.tip = young.tip & (outcome.stay[twins] == 2)
    s.tip = s.tip & ~(outcome.divides & (outcome.stay == 0))
    mothers = young.id
    young.id = state.next_id + np.arange(len(young.id), dtype=np.int64)
    note_births(state, young, mothers)
    state.next_id += len(young.id)
    state.born += int(twins.sum())
    state.died += int((~keep).sum())
    state.stem = joined(take(s, keep), young)


def hand_over(state, name, leaving, model):
    """Stem-cell daughters (k,) that leave become stored cells of compartment `name` in their voxel; the mean is exact."""
    first, size = model.tree.first[name], model.tree.size
    who = np.flatnonzero(leaving)
    draw = uniforms(state.stem.id[who], model.seed, state.hour, HAND, first)
    ratio, line = model.stem_weight / model.weight[first], state.stem.line
    given = [
        (first + line[i] * size, state.stem.voxel[i], handed_over(leaving[i], ratio, u)) for i, u in zip(who, draw[:, 0])
    ]
    for row, voxel, number in given:
        state.counts[row, voxel] += number
    state.fresh = np.concatenate([state.fresh, np.array(given, np.int64).reshape(-1, 3)])


def egress(state, felt, model):
    """Quiescent stem cells leave through sinusoids for the blood, the faster the less CXCL12 holds them.

    Cells in cycle stay: progenitors found in blood are not in cycle (recalled: Roberts and Metcalf 1995, Blood 86:1600).

    Returns (k,) bool: which of the cells before are still in the list. From a piece that is apart they join the blood of
    the organism; else they wait in the list, in voxel -1, as what leaves one part of the organism comes from another.
    """
    s = state.stem
    rate = egress_rate(felt, model)
    goes = (s.voxel >= 0) & ~s.cycling & (uniforms(s.id, model.seed, state.hour, EGRESS, 0)[:, 0] < -np.expm1(-rate))
    if model.apart:
        state.twin.in_blood += model.stem_weight * np.array([(goes & ~s.tip).sum(), (goes & s.tip).sum()])
        state.stem = take(s, ~goes)
        return ~goes
    s.voxel[goes] = -1
    return np.ones(len(goes), bool)


def egress_rate(felt, model):
    """Rate [1/h] at which stem cells that feel this leave for the blood, (k,)."""
    p = model.species.stem_cells
    return p.egress * (1 + p.retention) / (1 + p.retention * felt["cxcl12"])


def home(state, model):
    """Stem cells in blood lodge beside sinusoids, by wall area and vessel integrity; the rest wait."""
    p = model.species.stem_cells
    if model.apart:
        wall = product_sum(model.geometry.sinusoid_area, state.stroma.vessel)
        if wall <= 0:
            return
        arrive(state, wall / model.geometry.sinusoid_area.sum(), model)
    s = state.stem
    waiting = np.flatnonzero(s.voxel < 0)
    draw = uniforms(s.id[waiting], model.seed, state.hour, HOME, 0)
    lodges = draw[:, 0] < (1.0 if model.apart else -np.expm1(-p.homing))
    if not lodges.any():
        return
    lodge_by(s, waiting[lodges], draw[lodges, 1], model.geometry.sinusoid_area * state.stroma.vessel, model, state.hour)


def lodge_by(stem, who, draw, wall, model, step):
    """Put stem cells `who` beside sinusoids, by their `wall` (n,) in each voxel, if there is any; `draw` in 0 to 1 for each."""
    ladder = np.cumsum(wall)
    if ladder[-1] > 0:
        v = np.minimum(np.searchsorted(ladder, draw * ladder[-1], side="right"), model.n - 1)
        place(stem, who, v.astype(np.int32), model, step)


def arrive(state, pull, model):
    """Stem cells of the organism's blood that reach a piece which is apart join the list; the rest lodge in the twin.

    The marrow outside the piece is the twin less the piece's share of it; it loses and lodges stem cells likewise.
    """
    p, twin = model.species.stem_cells, state.twin
    lodging = twin.in_blood * -np.expm1(-p.homing)
    mean = lodging * min(model.piece_share, 1.0) * pull / model.stem_weight
    u = uniforms(np.zeros(1, np.int64), model.seed, state.hour, HOME, 1)[0]
    number = (np.floor(mean) + (u < mean - np.floor(mean))).astype(np.int64)
    ids = state.next_id + np.arange(number.sum(), dtype=np.int64)
    state.next_id += len(ids)
    new = resting_stem_cells(ids, np.full(len(ids), -1, np.int32), np.arange(len(ids)) >= number[0], hour=state.hour)
    note_births(state, new)
    state.stem = joined(state.stem, new)
    outside = max(1.0 - model.piece_share, 0.0)
    leaves = -np.expm1(-p.egress)
    twin.in_blood += outside * (leaves * twin.quiescent - lodging) - model.stem_weight * number
    twin.quiescent = twin.quiescent * (1 - leaves) + lodging


def place(stem, who, voxel, model, step):
    """Put stem cells `who` at random points of voxels outside vessels, near the wall; in place."""
    w, position, distance = model.walls, np.empty((len(who), 3)), np.empty(len(who))
    lodge(
        voxel,
        model.lattice.centres(voxel),
        stem.id[who],
        model.lattice.spacing,
        w.start,
        w.item,
        w.gap,
        w.a,
        w.b,
        w.radius,
        w.cap,
        8,
        model.seed,
        step,
        LODGE,
        position,
        distance,
    )
    stem.position[who], stem.voxel[who], stem.distance[who] = position, voxel, distance


def walk(stem, model, stride, rounds, step):
    """Let stem cells take `rounds` steps of `stride` [um], dwelling where their affinities put them; in place.

    `step` numbers the draws.
    """
    w, lattice = model.walls, model.lattice
    move(
        stem.position,
        stem.voxel,
        stem.distance,
        stem.id,
        lattice.origin,
        lattice.spacing,
        model.index,
        w.start,
        w.item,
        w.gap,
        w.a,
        w.b,
        w.radius,
        w.cap,
        model.species.stem_cells.affinity_length,
        model.dwelling_cost,
        stride,
        rounds,
        model.seed,
        step,
    )
