"""Where organs meet: what speaks is counted, what a cell hears is what stands beside it, who leaves and comes home."""

import dataclasses
import math

import lab
import naive_marrow as naive
import numpy as np
import pytest
from scipy import stats

from marrow_niche import coupling
from marrow_niche.body.hormones import HormoneState
from marrow_niche.errors import NumericsError
from marrow_niche.geometry.vessels import SINUSOID, VEIN
from marrow_niche.marrow import fate, lineages
from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.state import take


def replaced(model, **stem_cells):
    """The model with some numbers of its stem cells changed."""
    species = dataclasses.replace(model.species, stem_cells=dataclasses.replace(model.species.stem_cells, **stem_cells))
    return dataclasses.replace(model, species=species)


def outcome(k, *, dies=(), divides=(), wakes=(), stay=2, descend=0, mkp=0, mpp=0):
    """What `fate.decide` might have drawn: the same for each cell that divides."""
    def flags(which):
        out = np.zeros(k, bool)
        out[list(which)] = True
        return out

    d = flags(divides)
    return fate.Outcome(dies=flags(dies), wakes=flags(wakes), divides=d, stay=stay * d.astype(int), descend=descend * d.astype(int),
                        mkp=mkp * d.astype(int), mpp=mpp * d.astype(int))


# ------------------------------------------------------------------------------------------------ what speaks


def test_every_cell_is_counted_at_its_weight():
    model, state = lab.marrow()
    for name in ("CMP", "erythroblast", "megakaryocyte"):
        rows = model.tree.rows(name)
        found = coupling.cells_of(state.counts, [name], model)
        assert found.sum() == pytest.approx((model.weight[rows] * state.counts[rows].sum(axis=1)).sum(), rel=1e-12)
        v = int(np.argmax(found))
        assert found[v] == pytest.approx(sum(model.weight[r] * state.counts[r, v] for r in range(rows.start, rows.stop)), rel=1e-12)
    state.stem.voxel[:10] = -1
    stem = coupling.stem_density(state, model).sum(axis=0)
    assert stem.sum() == pytest.approx(model.stem_weight * (len(state.stem.id) - 10), rel=1e-12)
    v = state.stem.voxel[20]
    assert stem[v] == pytest.approx(model.stem_weight * (state.stem.voxel == v).sum(), rel=1e-12)


def test_territories_keep_the_number_of_megakaryocytes():
    """Each megakaryocyte of the niche stands for the stored ones nearer to it than to any other; none is lost."""
    model, state = lab.marrow()
    strength = coupling.megakaryocytes(state.counts, model)
    stored = coupling.cells_of(state.counts, ["megakaryocyte"], model)
    assert strength.sum() == pytest.approx(stored.sum(), rel=1e-12)
    place, centres = model.geometry.niches.megakaryocyte, model.lattice.centres()
    some = np.random.default_rng(1).integers(0, model.n, 300)
    away = np.linalg.norm(centres[some, None] - place[None], axis=2)
    mine = model.geometry.niches.territory[some]
    assert away[np.arange(300), mine] == pytest.approx(away.min(axis=1), abs=1e-3)
    state.counts[:, model.geometry.niches.territory == 5] = 0
    assert coupling.megakaryocytes(state.counts, model)[5] == 0.0


@pytest.mark.parametrize("name", ["SCF", "CXCL12", "TGFb", "IL7"])
def test_a_field_is_fed_by_every_source_once(name):
    """Molecules/h of the whole piece: so many a stromal cell, osteoblast, megakaryocyte, wall area, fat and space."""
    model, state = lab.marrow()
    c, g, niche = model.species.cytokines[name], model.geometry, state.stroma
    rng = np.random.default_rng(2)
    niche.stroma[:], niche.vessel[:], niche.fat[:] = rng.random(len(niche.stroma)), rng.random(model.n), rng.random(model.n)
    niche.osteoblast[:] = rng.random(len(niche.osteoblast))
    expected = (c.per_stroma * niche.stroma.sum() + c.per_osteoblast * niche.osteoblast.sum()
                + c.per_wall * (g.sinusoid_area * niche.vessel).sum() + c.per_fat * (model.space * niche.fat).sum()
                + c.everywhere * model.space.sum()
                + c.per_megakaryocyte * coupling.cells_of(state.counts, ["megakaryocyte"], model).sum())
    found = coupling.source(c, state.counts, niche, model)
    assert found.sum() == pytest.approx(expected, rel=1e-12)
    assert (found >= 0).all() and found.any()


def test_where_the_stroma_is_gone_so_is_its_cytokine():
    """CXCL12 is made beside stroma: with the stroma of one half removed, that half makes less than a tenth."""
    model, state = lab.marrow()
    c, half = model.species.cytokines["CXCL12"], model.lattice.centres()[:, 0] > np.median(model.lattice.centres()[:, 0])
    before = coupling.source(c, state.counts, state.stroma, model)
    state.stroma.stroma[half[model.geometry.niches.stroma_voxel]] = 0.0
    after = coupling.source(c, state.counts, state.stroma, model)
    assert after[half].sum() < 0.1 * before[half].sum()
    assert (after[~half] == before[~half]).all()


def test_a_field_is_eaten_by_every_cell_once():
    model, state = lab.marrow()
    quarters = coupling.stem_density(state, model)
    stem, everyone = quarters.sum(axis=0), coupling.everyone_of(state.counts, quarters, model)
    assert everyone == pytest.approx(coupling.cells_of(state.counts, model.tree.first, model) + stem, rel=1e-12)
    for name, c in model.species.cytokines.items():
        expected = sum(
            volume * (stem if cell == "HSC" else everyone if cell == "cells" else coupling.cells_of(state.counts, [cell], model)).sum()
            for cell, volume in c.uptake.items())
        assert coupling.clearing(c, state.counts, stem, everyone, model).sum() == pytest.approx(expected, rel=1e-12), name
    oxygen = model.species.cytokines["O2"].uptake["cells"]
    assert everyone.sum() * oxygen == pytest.approx(
        coupling.clearing(model.species.cytokines["O2"], state.counts, stem, everyone, model).sum(), rel=1e-12)


def densities(counts, stem, model):
    everyone, found = coupling.everyone_of(counts, stem, model), np.empty((len(coupling.DENSITIES), model.n))
    for k, row in enumerate(found):
        coupling.density(k, counts, stem, everyone, model, row)
    return found


def test_smoothed_densities_are_one_at_the_species_own_density_and_keep_their_mean():
    """Cellularity, what competes and Kit+ load of a piece filled at the species' densities; spread out, none is lost."""
    model, state = lab.marrow()
    even = model.space / model.space.sum()
    counts = (model.piece_share * model.tree.rest / model.weight)[:, None] * even[None]
    stem = model.piece_share * np.repeat(model.species.stem_cells.numbers, 2)[:, None] * even
    for density in densities(counts, np.array([0.3, 0.7, 0.6, 0.4])[:, None] * stem, model)[[coupling.CELLS, coupling.KIT]]:
        assert density.sum() / model.space.sum() == pytest.approx(1.0, rel=1e-9)
    for density in densities(counts, 0.5 * stem, model):
        assert density.sum() / model.space.sum() == pytest.approx(1.0, rel=1e-9)
    around = state.around.copy()
    stem = coupling.stem_density(state, model)
    coupling.solve_fields(state.counts, stem, state.stroma, state.hormones, state.fields, around, model, rtol=1e-6)
    for density, spread in zip(densities(state.counts, stem, model), around):
        assert (spread * model.space).sum() == pytest.approx(density.sum(), rel=1e-4)
        assert spread.std() < (density / model.space).std()


def test_primitive_and_kit_load_are_counted_as_they_say():
    """Stem cells 0.7, MPP 0.2 and HPC1 0.1 of primitive load at rest, stem cells of the other half twice; of the tip the tip
    alone; Kit+ load is the mean of primitive load, of all stem cells once, and of the load on soluble SCF."""
    model, state = lab.marrow()
    rng, tree, number = np.random.default_rng(3), model.tree, model.species.stem_cells.everyone
    counts, stem = rng.integers(0, 5, state.counts.shape), rng.random((4, model.n))
    organism = model.species.organism.marrow_volume * model.species.organism.extravascular

    def over_rest(name):
        return coupling.cells_of(counts, [name], model) / tree.rest[tree.rows(name)].sum()

    cells, even, odd, tip_even, tip_odd, kit = densities(counts, stem, model) / organism
    assert cells * (tree.rest.sum() + number) == pytest.approx(model.weight @ counts + stem.sum(axis=0), rel=1e-12)
    others = 0.2 * over_rest("MPP") + 0.1 * over_rest("HPC1")
    assert even == pytest.approx(others + 1.4 * (stem[1] + stem[3]) / number, rel=1e-12)
    assert odd == pytest.approx(others + 1.4 * (stem[0] + stem[2]) / number, rel=1e-12)
    assert tip_even == pytest.approx(2 * stem[3] / model.species.stem_cells.tip_number, rel=1e-12)
    assert tip_odd == pytest.approx(2 * stem[2] / model.species.stem_cells.tip_number, rel=1e-12)
    uptake = model.species.cytokines["SCF"].uptake
    rest = {name: number if name == "HSC" else tree.rest[tree.rows(name)].sum() for name in uptake}
    soluble = sum(volume * (stem.sum(axis=0) if name == "HSC" else coupling.cells_of(counts, [name], model))
                  for name, volume in uptake.items()) / sum(uptake[name] * rest[name] for name in uptake)
    assert kit == pytest.approx(0.25 * (even + odd) + 0.5 * soluble, rel=1e-12)


def test_loads_of_the_piece_are_the_means_of_the_densities():
    model, state = lab.marrow()
    stem = coupling.stem_density(state, model)
    cells = model.weight * state.counts.sum(axis=1)
    found = coupling.loads(cells, stem.sum(axis=1), model.piece_share, model)
    assert found == pytest.approx(densities(state.counts, stem, model).sum(axis=1) / model.space.sum(), rel=1e-9)
    assert coupling.levels(state, model)[-6:] == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("tip", [False, True])
def test_no_stem_cell_crowds_itself(monkeypatch, tip):
    """One stem cell alone feels the MPP and HPC1 around, one of the tip nothing, and no load of its own, whatever it weighs; a
    second one of the other half at the same place feels twice its weight, one of the same half nothing."""
    monkeypatch.setattr(coupling.densities, "RESOLVED", 0.0)  # else what weighs more is felt farther
    model, state = lab.marrow()
    state.stem = take(state.stem, np.array([0, 1, 2, 3]))
    state.stem.voxel[:], state.stem.id[:], state.stem.tip[:] = state.stem.voxel[0], [4, 9, 6, 3], [tip, tip, tip, not tip]

    def felt(*here, weight=1.0):
        heavy = dataclasses.replace(model, stem_weight=weight)
        state.stem.voxel[[k for k in range(4) if k not in here]] = -1
        coupling.solve_fields(state.counts, coupling.stem_density(state, heavy), state.stroma, state.hormones, state.fields,
                              state.around, heavy, rtol=1e-8)
        state.stem.voxel[:] = v
        return coupling.stem_signals(state, heavy)["membrane_scf"]

    v = state.stem.voxel[0]
    alone = felt(0)
    assert felt(0, weight=50.0)[0] == pytest.approx(alone[0], rel=1e-5)
    assert felt(0, 2, weight=50.0)[0] == pytest.approx(alone[0], rel=1e-5)
    assert felt(0, 1, weight=50.0)[0] < 0.5 * alone[0]
    with_other_kind = felt(0, 3, weight=50.0)[0]
    if tip:  # the tip has its own room, but takes of that of the others
        assert with_other_kind == pytest.approx(alone[0], rel=1e-5)
    else:
        assert with_other_kind < 0.5 * alone[0]


def test_fields_are_solved_and_their_books_close():
    model, state = lab.marrow()
    solved = coupling.solve_fields(
        state.counts, coupling.stem_density(state, model), state.stroma, state.hormones, state.fields, state.around, model)
    assert (solved.residual[:7] <= coupling.RTOL).all() and (solved.residual[7:] <= coupling.DENSITY_RTOL).all()
    assert (coupling.gaps(solved.flows) <= 10 * coupling.RTOL).all()
    assert (state.fields > 0).all()


def test_only_the_rows_asked_for_are_solved_and_told_how_far_off_they_were():
    """Each comes out as when all are solved, with its own residual and flows; the others are left alone."""
    model, state = lab.marrow()
    stem = coupling.stem_density(state, model)

    def solve(**asked):
        fields, around = 1.1 * state.fields, 1.1 * state.around
        return coupling.solve_fields(state.counts, stem, state.stroma, state.hormones, fields, around, model, **asked), fields, around

    whole, fields, around = solve()
    some, fields_now, around_now = solve(rows=[5, 1, 8])
    assert some.rows == (5, 1, 8)
    for i, k in enumerate(some.rows):
        now, then = (fields_now[k], fields[k]) if k < 7 else (around_now[k - 7], around[k - 7])
        assert now == pytest.approx(then, rel=1e-4)
        assert some.residual[i] <= (coupling.RTOL if k < 7 else coupling.DENSITY_RTOL)
        assert some.flows[i] == pytest.approx(whole.flows[k], rel=1e-4)
        before = 1.1 * (state.fields[k] if k < 7 else state.around[k - 7])
        assert some.off[i] == pytest.approx([before.mean() / now.mean() - 1, np.abs(before - now).mean() / now.mean()], rel=1e-9)
    left = [k for k in range(7) if k not in (5, 1)]
    assert (fields_now[left] == 1.1 * state.fields[left]).all() and (around_now[[0, *range(2, 6)]] == 1.1 * state.around[[0, *range(2, 6)]]).all()


def test_a_field_that_cannot_be_solved_is_named(monkeypatch):
    model, state = lab.marrow()
    monkeypatch.setitem(model.species.cytokines["CXCL12"].uptake, "HSC", np.nan)
    with pytest.raises(NumericsError, match=r"^Of .*CXCL12.*, counted from 0, loss"):
        coupling.solve_fields(state.counts, coupling.stem_density(state, model), state.stroma, state.hormones, state.fields,
                              state.around, model)


def test_the_ledger_tells_molecules_by_hand():
    """Two voxels of 10 um: 1 nM is 602.214 molecules in a thousand um^3."""
    fields = np.array([[1.0, 3.0]])
    source, loss = np.array([[4.0, 0.0]]), np.array([[0.5, 1.0]])
    exchange, wall, decay, share = np.array([[0.0, 2.0]]), np.array([[9.0, 2.5]]), np.array([0.4]), np.array([0.5, 0.5])
    flows = coupling.flows(fields, source, loss, exchange, wall, decay, share, 1000.0)
    assert flows[0] / 602.214 == pytest.approx([4.0, 0.8, 2.7, 5.0, 6.0], rel=1e-12)
    assert coupling.gaps(flows) == pytest.approx([abs(4 + 5 - 0.8 - 2.7 - 6) / 6], rel=1e-12)
    assert coupling.gaps(np.zeros((2, 5))).tolist() == [0.0, 0.0]


def test_the_ledger_of_a_solve_is_what_cells_and_vessels_do():
    """Secretion is the sum of the sources, oxygen neither is secreted nor decays, SCF does not cross walls."""
    model, state = lab.marrow()
    stem = coupling.stem_density(state, model)
    flows = coupling.solve_fields(
        state.counts, stem, state.stroma, state.hormones, state.fields, state.around, model, rows=range(7)).flows
    names = list(model.species.cytokines)
    table = {name: dict(zip(coupling.FLOWS, row)) for name, row in zip(names, flows)}
    for name, c in model.species.cytokines.items():
        made = coupling.source(c, state.counts, state.stroma, model).sum()
        assert table[name]["secreted"] == pytest.approx(made, rel=1e-9)
        if c.permeability == 0:
            assert table[name]["entered"] == table[name]["left"] == 0.0
        assert (table[name]["taken_up"] > 1e-9 * max(flows[names.index(name)])) == bool(c.uptake)
    assert table["O2"]["secreted"] == table["O2"]["decayed"] == 0.0
    assert table["O2"]["entered"] - table["O2"]["left"] == pytest.approx(table["O2"]["taken_up"], rel=1e-3)


def test_loads_are_one_at_rest():
    model, _ = lab.marrow()
    number = model.species.stem_cells.numbers
    assert coupling.loads(model.tree.rest, number, 1.0, model) == pytest.approx(np.ones(6), rel=1e-12)
    assert (coupling.loads(0 * model.tree.rest, 0 * number, 1.0, model) == 0.0).all()
    assert coupling.loads(2 * model.tree.rest, 2 * number, 1.0, model) == pytest.approx(np.full(6, 2.0), rel=1e-12)
    assert coupling.loads(model.tree.rest, number, 0.5, model) == pytest.approx(np.full(6, 2.0), rel=1e-12)


# ------------------------------------------------------------------------------------------------ what cells hear


def expected_renewal(state, model, i):
    """Of stem cell i, from all distances by brute force and the Hill law written out."""
    p, r, g = model.species.stem_cells, model.stem_rest, model.geometry
    s, v = state.stem, state.stem.voxel[i]
    wall = naive.distance_to_walls(s.position[i], model.walls, g.vessels.kind, (SINUSOID, VEIN))
    touched = naive.contact(s.position[i], min(wall, model.walls.cap), g.niches.stroma, state.stroma.stroma, state.stroma.vessel[v],
                            p.membrane_wall_share, p.process_range, p.membrane_range)
    q = p.membrane_competition
    reference, row = (p.tip_membrane_reference, 3) if state.stem.tip[i] else (p.membrane_reference, 1)
    membrane = touched / reference * (1 + q) / (1 + q * state.around[row + state.stem.id[i] % 2, v])
    tpo = state.fields[list(model.species.cytokines).index("TPO")][v] / model.species.cytokines["TPO"].reference
    t = tpo * (1 + p.mpl_saturation) / (tpo + p.mpl_saturation)
    vessel = 1.25 * state.stroma.vessel[v] / (state.stroma.vessel[v] + 0.25)
    y = membrane * (p.tpo_floor + (1 - p.tpo_floor) * 1.3 * t / (t + 0.3)) * vessel
    kind = int(state.stem.tip[i])
    limit = (p.renewal_limit, p.tip_renewal_limit)[kind]
    half = p.vessel_half / (1 - 2 * p.vessel_half)
    return wall, limit * y / (y + limit / r.renewal[kind] - 1) * vessel * (1 + half) / (vessel + half)


def test_a_stem_cell_renews_by_what_stands_beside_it():
    """Carried from a sinusoid to the remotest place, a cell's self-renewal is the Hill of the membrane SCF there, from the
    exact distances to all stroma and walls; it falls, and no other cell notices."""
    model, state = lab.marrow()
    s = state.stem
    i = int(np.argmin(s.distance))
    before = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model).renewal
    wall, renewal = expected_renewal(state, model, i)
    assert s.distance[i] == pytest.approx(wall, abs=1e-6)
    assert before[i] == pytest.approx(renewal, rel=1e-9)
    centres = model.lattice.centres()
    remote = np.argsort(model.geometry.to_sinusoid)[-100:]
    from_stroma = np.linalg.norm(centres[remote, None] - model.geometry.niches.stroma[None], axis=2).min(axis=1)
    far = int(remote[np.argmax(from_stroma)])
    s.position[i], s.voxel[i] = centres[far], far
    s.distance[i] = naive.distance_to_walls(centres[far], model.walls, model.geometry.vessels.kind, (SINUSOID, VEIN))
    after = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model).renewal
    assert after[i] == pytest.approx(expected_renewal(state, model, i)[1], rel=1e-9)
    assert after[i] < before[i] - 0.1
    others = np.arange(len(s.id)) != i
    assert (after[others] == before[others]).all()


def test_all_stem_cells_read_their_own_distances():
    """Fifteen cells of each kind at random, each by brute force."""
    model, state = lab.marrow()
    renewal = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model).renewal
    tip, rng = state.stem.tip, np.random.default_rng(4)
    for i in (*rng.choice(np.flatnonzero(tip), 15, replace=False), *rng.choice(np.flatnonzero(~tip), 15, replace=False)):
        assert renewal[i] == pytest.approx(expected_renewal(state, model, i)[1], rel=1e-9)
    assert np.ptp(renewal) > 0.2 and 0 < state.stem.tip.mean() < 1


def contact_of_all(state, model, integrity):
    """(contact as the model reads it, contact by brute force) of every stem cell for stroma of this integrity."""
    p = model.species.stem_cells
    state.stroma.stroma[:] = integrity
    state.around[1:5] = 1.0
    read = coupling.stem_signals(state, model)["membrane_scf"] * np.where(state.stem.tip, p.tip_membrane_reference, p.membrane_reference)
    best = np.zeros(len(read))
    for part in np.array_split(np.arange(len(read)), 20):
        away = np.linalg.norm(state.stem.position[part, None] - model.geometry.niches.stroma[None], axis=2)
        best[part] = (integrity * np.exp(-away / p.process_range)).max(axis=1)
    wall = state.stroma.vessel[state.stem.voxel] * np.exp(-np.maximum(state.stem.distance, 0) / p.membrane_range)
    return read, (1 - p.membrane_wall_share) * best + p.membrane_wall_share * wall


def test_contact_is_exact_where_stroma_is_intact_and_close_where_most_is_gone():
    """Cells look among the stroma listed for their voxel. Where the nearest is dead they read the best of the rest, never
    too much, and within a hundredth of the truth in the mean even with nine in ten gone."""
    model, state = lab.marrow()
    whole = np.ones(len(state.stroma.stroma))
    read, truth = contact_of_all(state, model, whole)
    assert read == pytest.approx(truth, rel=1e-9)
    few = (np.random.default_rng(5).random(len(whole)) < 0.1).astype(float)
    read, sparse = contact_of_all(state, model, few)
    assert (read <= sparse * (1 + 1e-9)).all()
    assert read.mean() == pytest.approx(sparse.mean(), rel=0.01)
    assert sparse.mean() < 0.8 * truth.mean()


def test_cells_in_blood_touch_nothing():
    model, state = lab.marrow()
    state.stem.voxel[3] = -1
    felt = coupling.stem_signals(state, model)
    assert felt["membrane_scf"][3] == 0.0 and (np.delete(felt["membrane_scf"], 3) > 0).all()


def test_lineages_read_the_field_of_their_voxel():
    model, state = lab.marrow()
    state.hormones.epo = 3.0
    state.stroma.vessel[7] = 0.25
    logs = coupling.voxel_signals(state, model)
    names = list(model.species.cytokines)
    for k, signal in enumerate(SIGNALS):
        if signal in names:
            c = model.species.cytokines[signal]
            assert np.exp(logs[k]) == pytest.approx(state.fields[names.index(signal)] / c.reference, rel=1e-12)
    assert np.exp(logs[SIGNALS.index("EPO")]) == pytest.approx(3.0, rel=1e-12)
    assert math.exp(logs[SIGNALS.index("vessel"), 7]) == pytest.approx(0.625, rel=1e-12)


# ------------------------------------------------------------------------------------------------ the stirred marrow


def test_signals_of_the_stirred_marrow_are_one_at_the_species_rest():
    model, _ = lab.marrow()
    felt = coupling.stirred(coupling.resting_totals(model), HormoneState(), model)
    assert set(felt) == set(model.species.cytokines) | {"membrane", "vessel", "EPO", "FLT3L"}
    assert list(felt.values()) == pytest.approx([1.0] * len(felt), rel=1e-12)


def test_without_local_responses_every_cell_hears_the_same():
    """Uniform over voxels and cells, one at rest (up to the rounding of cells to whole ones), and deaf to place."""
    model, state = lab.marrow(local=False)
    logs, felt = coupling.voxel_signals(state, model), coupling.stem_signals(state, model)
    assert (np.ptp(logs, axis=1) == 0).all()
    assert np.exp(logs[:, 0]) == pytest.approx(1.0, abs=0.01)
    for name, value in felt.items():
        for kind in (state.stem.tip, ~state.stem.tip):  # each has its own room
            assert np.ptp(value[kind]) == 0 and value[kind][0] == pytest.approx(1.0, abs=0.01), name
    state.stem.position[:] = state.stem.position[::-1].copy()
    state.fields[:] *= np.linspace(0.1, 3, model.n)
    assert (coupling.voxel_signals(state, model) == logs).all()
    again = coupling.stem_signals(state, model)
    assert all((again[name] == value).all() for name, value in felt.items())


def test_the_stirred_marrow_hears_a_loss_of_cells_and_of_stroma():
    """Half of all cells: more SCF; half of the stroma: less CXCL12, SCF and contact; no vessels: no vessel signal."""
    model, _ = lab.marrow()
    rest = coupling.resting_totals(model)

    def felt(**changes):
        return coupling.stirred(dataclasses.replace(rest, **changes), HormoneState(), model)

    fewer = felt(cells=0.5 * rest.cells, stem=0.5 * rest.stem)
    assert fewer["SCF"] > 1.5 and fewer["IL7"] > 1.2 and fewer["TPO"] > 1 and fewer["TGFb"] < 0.8
    q = model.species.stem_cells.membrane_competition
    assert fewer["membrane"] == pytest.approx((1 + q) / (1 + 0.5 * q), rel=1e-12)
    bare = felt(stroma=0.5 * rest.stroma, membrane=0.5 * rest.membrane)
    w = model.species.stem_cells.membrane_wall_share
    assert bare["membrane"] == pytest.approx(0.5 * (1 - w) + w, rel=1e-12)
    assert bare["CXCL12"] < 0.7 and bare["SCF"] < 0.9
    naked = felt(membrane=0.5 * rest.membrane)
    assert (naked["membrane"] == bare["membrane"]).all() and naked["SCF"] == 1.0 == naked["CXCL12"]
    assert felt(wall=0.0)["vessel"] == 0.0


# ------------------------------------------------------------------------------------------------ stem cells at work


def test_daughters_add_up():
    """Stem cells after = before − deaths − those whose daughters all leave the list + those whose daughters both stay in it;
    of the tip, those that descend stay in the list as stem cells of the other kind: the books of each kind close."""
    model, state = lab.marrow()
    k = len(state.stem.id)
    rng = np.random.default_rng(3)
    divides = np.flatnonzero(rng.random(k) < 0.2)
    dies = np.setdiff1d(np.flatnonzero(rng.random(k) < 0.1), divides)
    o = outcome(k, dies=dies, divides=divides)
    stay = np.where(o.divides, rng.integers(0, 3, k), 0)
    tip = rng.random(k) < 0.3
    descend = np.where(o.divides & tip, 2 - stay, 0)
    mkp = np.where(o.divides & ~tip, rng.integers(0, 3 - stay), 0)
    o = dataclasses.replace(o, stay=stay, descend=descend, mkp=mkp, mpp=np.where(o.divides, 2 - stay - descend - mkp, 0))
    state.stem.cycling[:], state.stem.tip, state.stem.line = o.divides, tip, rng.integers(0, 2, k)
    before, clones, lines = dataclasses.replace(state.stem), state.stem.clone.copy(), state.stem.line.copy()
    born, died, first = state.born, state.died, state.next_id
    model, counts = dataclasses.replace(model, tree=lineages.lined(model.tree, lineages.LINES)), state.counts
    model = dataclasses.replace(model, weight=np.tile(model.weight, 2))
    state.counts = np.concatenate([counts, np.zeros_like(counts)])
    coupling.settle_fates(state, o, model)
    left = stay + descend
    gone, twins = int((o.divides & (left == 0)).sum()), o.divides & (left == 2)
    now = state.stem
    dead_tip, lost_tip = (o.dies & tip).sum(), (o.divides & tip & (stay == 0)).sum()
    assert now.tip.sum() == tip.sum() - dead_tip - lost_tip + (o.divides & tip & (stay == 2)).sum()
    others = (~tip).sum() - (o.dies & ~tip).sum() - gone + (o.divides & ~tip & (stay == 2)).sum()
    assert (~now.tip).sum() == others + descend.sum()
    mother = {int(i): int(s) for i, s in zip(before.id[o.divides & tip], stay[o.divides & tip])}
    assert all(now.tip[j] == (mother[int(i)] > 0) for j, i in enumerate(now.id) if int(i) in mother)
    # what leaves is handed over in its own line
    for line in (0, 1):
        sent = [int((part * (lines == line)).sum()) for part in (o.mpp, o.mkp)]
        for name, number in zip(("MPP", "MkP"), sent):
            row = model.tree.rows(name, line).start
            grown = state.counts[row].sum() - (counts[row].sum() if line == 0 else 0)
            ratio = model.stem_weight / model.weight[row]
            assert np.floor(ratio) * number <= grown <= np.ceil(ratio) * number and number > 0
    assert (now.line[now.id >= first] == lines[twins]).all()
    assert len(state.stem.id) == k - len(dies) - gone + twins.sum()
    assert state.born - born == twins.sum() and state.died - died == len(dies) + gone
    assert len(np.unique(state.stem.id)) == len(state.stem.id)
    young = state.stem.id >= first
    assert state.next_id == first + young.sum() and young.sum() == twins.sum()
    assert (state.stem.clone[young] == clones[twins]).all()
    assert (state.stem.position[young] == before.position[twins]).all()
    assert (state.stem.voxel[young] == before.voxel[twins]).all()
    assert not np.isin(before.id[dies], state.stem.id).any()
    assert (state.stem.divisions[young] == before.divisions[twins] + 1).all()


def test_a_cell_that_divided_rests_and_one_that_woke_cycles():
    model, state = lab.marrow()
    k = len(state.stem.id)
    state.stem.cycling[:] = False
    state.stem.cycling[[0, 1]] = True
    state.hour = 7
    coupling.settle_fates(state, outcome(k, divides=[0], wakes=[5]), model)
    assert np.flatnonzero(state.stem.born).tolist() == [0, k] and (state.stem.born[[0, k]] == 7).all()
    assert np.flatnonzero(state.stem.cycling).tolist() == [1, 5]
    assert len(state.stem.id) == k + 1 and state.stem.divisions[0] == state.stem.divisions[-1] == 1


@pytest.mark.parametrize(("name", "field"), [("MPP", "mpp"), ("MkP", "mkp")])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.7])
def test_leavers_become_cells_of_the_next_compartment_where_they_were(name, field, ratio):
    """The mean is leavers times the ratio of weights, whatever it is; nobody appears elsewhere."""
    model, state = lab.marrow()
    row, k = model.tree.first[name], len(state.stem.id)
    model = dataclasses.replace(model, stem_weight=ratio * float(model.weight[row]))
    before = state.counts.copy()
    coupling.settle_fates(state, outcome(k, divides=range(k), stay=1, **{field: 1}), model)
    gained = state.counts - before
    assert (np.delete(gained, row, axis=0) == 0).all()
    assert (gained[row] >= 0).all()
    spread = (ratio % 1) * (1 - ratio % 1)
    assert abs(gained[row].sum() - k * ratio) <= 4.5 * math.sqrt(k * spread) + 1e-9
    here = np.bincount(state.stem.voxel, minlength=model.n)
    assert (gained[row] <= np.ceil(ratio) * here).all() and (gained[row] >= np.floor(ratio) * here).all()


def leavers(model, cxcl12, hours=60):
    """(hours, k) who leaves the full marrow in each hour at this CXCL12, of the k cells that are not in cycle."""
    _, state = lab.marrow()
    k, here, quiet = len(state.stem.id), state.stem.voxel.copy(), ~state.stem.cycling
    out = np.zeros((hours, k), bool)
    for hour in range(hours):
        state.hour = hour
        stays = coupling.egress(state, {"cxcl12": np.full(k, cxcl12)}, model)
        assert stays.all()
        out[hour] = state.stem.voxel < 0
        state.stem.voxel[:] = here
    assert quiet.sum() < k and not out[:, ~quiet].any()
    return out[:, quiet]


def test_stem_cells_leave_twice_as_fast_without_cxcl12():
    """At the resting rate with it; the same cells and as many again without it, as their luck is their own."""
    model, _ = lab.marrow()
    model = replaced(model, egress=0.01)
    full, none = leavers(model, 1.0), leavers(model, 0.0)
    assert model.species.stem_cells.retention == 1.0
    for out, rate in ((full, 0.01), (none, 0.02)):
        p = -math.expm1(-rate)
        assert abs(out.sum() - out.size * p) < 4.5 * math.sqrt(out.size * p)
    assert (full <= none).all()
    assert leavers(model, 1e9, hours=3).sum() == 0


def test_from_a_piece_apart_they_join_the_blood_of_the_organism():
    model, state = lab.marrow()
    model = replaced(dataclasses.replace(model, apart=True), egress=0.05)
    k, blood, tip = len(state.stem.id), state.twin.in_blood.copy(), state.stem.tip
    stays = coupling.egress(state, {"cxcl12": np.ones(k)}, model)
    gone = np.array([(~stays & ~tip).sum(), (~stays & tip).sum()])
    assert gone.min() > 30 and len(state.stem.id) == k - gone.sum() and state.stem.tip.sum() == tip.sum() - gone[1]
    assert state.twin.in_blood - blood == pytest.approx(gone * model.stem_weight, rel=1e-9)


def test_circulating_stem_cells_lodge_at_the_homing_rate_beside_intact_sinusoids():
    """1 − exp(−homing) of them within an hour; by wall area times integrity, outside vessels, in the voxel they are in."""
    model, state = lab.marrow()
    s, g = state.stem, model.geometry
    dead = model.lattice.centres()[:, 0] > np.median(model.lattice.centres()[:, 0])
    state.stroma.vessel[dead] = 0.0
    s.voxel[:] = -1
    coupling.home(state, model)
    lodged = s.voxel >= 0
    p, k = -math.expm1(-model.species.stem_cells.homing), len(lodged)
    assert abs(lodged.sum() - k * p) < 4.5 * math.sqrt(k * p * (1 - p))
    v = s.voxel[lodged]
    assert (g.sinusoid_area[v] > 0).all() and not dead[v].any()
    alive = np.flatnonzero(~dead & (g.sinusoid_area > 0))
    order = alive[np.argsort(g.sinusoid_area[alive])]
    bins = np.array_split(order, 12)
    expected = np.array([g.sinusoid_area[b].sum() for b in bins])
    found = np.array([np.isin(v, b).sum() for b in bins])
    assert stats.chisquare(found, expected * len(v) / expected.sum()).pvalue > 1e-3
    assert (np.abs(s.position[lodged] - model.lattice.centres(v)) <= 0.5 * model.lattice.spacing + 1e-9).all()
    # some voxels with a wall hold next to nothing but lumen: there the outermost of a few trials may lie inside
    assert (s.distance[lodged] >= 0).mean() > 0.95


def test_without_any_sinusoid_they_wait():
    model, state = lab.marrow()
    state.stem.voxel[:50] = -1
    state.stroma.vessel[:] = 0.0
    coupling.home(state, model)
    assert (state.stem.voxel[:50] == -1).all()


def test_the_organism_sends_a_piece_apart_as_many_as_it_takes():
    """At rest the mean number that lodge in an hour is what would leave it at the species' density, kind by kind: chance is in
    the rounding only, all have new ids and clones, and all lodge at once."""
    model, state = lab.marrow()
    model = dataclasses.replace(model, apart=True)
    k, blood, came = len(state.stem.id), state.twin.in_blood.copy(), np.zeros(2)
    p = model.species.stem_cells
    for hour in range(80):
        state.hour = hour
        state.twin.in_blood = blood.copy()
        before, first = len(state.stem.id), state.next_id
        coupling.home(state, model)
        fresh = state.stem.id >= first
        came += [(fresh & ~state.stem.tip).sum(), (fresh & state.stem.tip).sum()]
        assert len(state.stem.id) == before + fresh.sum() and (state.stem.voxel >= 0).all()
        assert (state.stem.clone[fresh] == state.stem.id[fresh]).all()
    quiet = np.array([p.number, p.tip_number]) * model.stem_rest.quiescent
    assert blood * -math.expm1(-p.homing) == pytest.approx(quiet * -math.expm1(-p.egress), rel=1e-12)
    per_hour = quiet * -math.expm1(-p.egress) * model.piece_share / model.stem_weight
    level = np.array([model.facts["stem_cells_over_species"], model.facts["tip_over_species"]])
    leaving = level * per_hour / model.stem_rest.quiescent
    assert leaving.sum() == pytest.approx(k * -math.expm1(-p.egress), rel=2e-3)
    assert (np.abs(came - 80 * per_hour) < 4.5 * math.sqrt(80 * 0.25)).all() and came.min() > 10


def test_damaged_vessels_draw_fewer():
    came = {}
    for pull in (1.0, 0.3):
        model, state = lab.marrow()
        state.twin.in_blood *= 40
        before = len(state.stem.id)
        coupling.arrive(state, pull, dataclasses.replace(model, apart=True))
        came[pull] = len(state.stem.id) - before
    assert came[1.0] > 100 and came[0.3] == pytest.approx(0.3 * came[1.0], abs=2)
