"""Cells of another line are cells: what is marked fares as what is not, and what is not does not notice."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.marrow import fate
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.perturbations.graft import Graft
from marrow_niche.perturbations.label import Label
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.simulation import advance, observe


def parts(state, n_stage):
    """Every array and number of a state but those of the marked line, by path."""
    out = {}

    def walk(value, path):
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                walk(getattr(value, field.name), f"{path}.{field.name}")
        else:
            out[path] = np.asarray(value)

    for field in dataclasses.fields(state):
        if field.name != "marked":
            walk(getattr(state, field.name), field.name)
    out["counts"], out["output"], out["twin.counts"] = out["counts"][:n_stage], out["output"][: len(EXITS)], out["twin.counts"][:n_stage]
    return out


def assert_same(state, other, n_stage):
    mine, its = parts(state, n_stage), parts(other, n_stage)
    assert mine.keys() == its.keys()
    for name in mine:
        assert mine[name].shape == its[name].shape and mine[name].tobytes() == its[name].tobytes(), name


def go(model, state, hours):
    for _ in range(hours):
        advance(state, model)
    return state


@pytest.mark.parametrize("local", [True, False])
def test_an_empty_line_changes_no_bit_of_the_host(local):
    """At rest, and 30 hours later with 1 Gy on the way: every number of the state is the same with a second line and without,
    and so it is after a graft of no cells, and of so few that none lodges. Steps are short: an event has the lineages step
    shortly whatever it does."""
    dose = Radiation(at=7.0, dose=1.0).exposures()
    alone, state = lab.marrow(local=local, niche_step=3)
    n = alone.tree.size
    nothing = [Graft(at=0.0, cells={}), Graft(at=3.0, cells={"HSC": 0.0, "GMP": 0.0, "marrow": 0.0}), Label(at=2.0, share=0.0)]
    paired, other = lab.marrow(local=local, marked=True, events=nothing, niche_step=3)
    assert paired.tree.size == n and len(paired.tree.rate) == 2 * n
    assert_same(state, other, n)
    go(dataclasses.replace(alone, exposures=dose), state, 30)
    go(dataclasses.replace(paired, exposures=dose), other, 30)
    assert_same(state, other, n)
    assert not other.counts[n:].any() and not other.stem.line.any() and not other.marked.blood.neutrophils


def test_a_label_changes_no_bit_of_a_stem_cell():
    """Marks are told apart and not acted on: for as long as its progeny has not stepped, all of the marrow is as without."""
    model, state = lab.marrow(marked=True)
    labelled, other = lab.marrow(marked=True, events=[Label(at=0.0, cells="all", share=0.5)])
    go(model, state, 2), go(labelled, other, 2)
    assert (state.stem.position == other.stem.position).all() and (state.stem.id == other.stem.id).all()
    assert (state.counts.sum(axis=1).reshape(2, -1).sum(axis=0) == other.counts.sum(axis=1).reshape(2, -1).sum(axis=0)).all()
    assert 0.45 < other.stem.line.mean() < 0.55 and not state.stem.line.any()


def test_of_stem_cells_that_are_all_labelled_nothing_unmarked_is_born(monkeypatch):
    """All at day 0: the marked share of stem cells and tip is 1 from then on, and each cell handed to the tree is marked."""
    model, state = lab.marrow(marked=True, events=[Label(at=0.0, cells="all")])
    n, drawn, decide = model.tree.size, [], fate.decide
    monkeypatch.setattr(fate, "decide", lambda *args: drawn.append(decide(*args)) or drawn[-1])
    given = 0
    for _ in range(30):
        before = state.counts.copy()
        advance(state, model)
        if state.hour % model.lineage_step:
            assert (state.counts[:n] == before[:n]).all()
            given += (state.counts[n:] - before[n:]).sum()
        assert (state.fresh[:, 0] >= n).all()
    assert given > 0 and sum(o.mpp.sum() + o.mkp.sum() for o in drawn) > 0
    row = observe.marrow_row(state, model)
    assert row["marked_share_of_tip"] == row["marked_share_of_HSC"] == 1.0
    assert 0 < row["marked_share_of_MPP"] < 0.1 and row["marked_share_of_granulocyte"] == 0.0


def test_the_mark_of_the_tip_descends():
    """Label of all of the tip: 60 days on it marks all of the tip still, and of the others the share that the tip gave them."""
    model, state = lab.marrow(marked=True, local=False, events=[Label(at=0.0)])
    stem = model.species.stem_cells
    row = observe.marrow_row(go(model, state, 1), model)
    assert row["marked_share_of_tip"] == 1.0 and row["marked_share_of_HSC"] < 0.01
    days = 60
    row = observe.marrow_row(go(model, state, days * 24), model)
    assert row["marked_share_of_tip"] == 1.0
    # of the others d_0(1 - s) are replaced by their own daughters, marked as they are: s' = fed (1 - s)
    fed = stem.tip_number * stem.tip_division / stem.number
    expected = -np.expm1(-fed * 24 * days)
    k = (~state.stem.tip).sum()
    assert row["marked_share_of_HSC"] == pytest.approx(expected, abs=5 * np.sqrt(2 * expected / k))


def test_the_mark_of_a_share_of_all_cells_reaches_blood_and_stays():
    """Every fifth cell of marrow and a fifth of blood marked at once, mean field, 20 days at rest: each share stays a fifth."""
    model, state = lab.marrow(marked=True, local=False, few=False)
    n, rng = model.tree.size, np.random.default_rng(5)
    state.counts[n:] = rng.binomial(state.counts[:n], 0.2)
    state.counts[:n] -= state.counts[n:]
    state.stem.line[:] = rng.random(len(state.stem.id)) < 0.2
    for whole, part in ((state.blood, state.marked.blood), (state.lymphoid, state.marked.lymphoid), (state.spleen, state.marked.spleen)):
        for field in dataclasses.fields(whole):
            setattr(part, field.name, 0.2 * getattr(whole, field.name))
    go(model, state, 20 * 24)
    row = observe.blood_row(state, model)
    shares = {name: value for name, value in row.items() if name.startswith("marked_share_of")}
    assert len(shares) == 9
    for name, value in shares.items():
        assert value == pytest.approx(0.2, abs=0.02), name
    row = observe.marrow_row(state, model)
    for name in ("HSC", "tip", "MPP", "HPC1", "CMP", "GMP", "granulocyte", "erythroblast", "preB"):
        assert row[f"marked_share_of_{name}"] == pytest.approx(0.2, abs=0.03), name


def test_blood_is_of_the_graft_where_the_host_cannot_make_any():
    """All marrow killed, then marrow of a donor: what is born after is marked, so the marked shares of blood rise towards one,
    first of what lives short; all together is what blood holds."""
    model, state = lab.marrow(marked=True, events=[Graft(at=0.0, cells={"marrow": 3e8})])
    n = model.tree.size
    state.counts[:] = 0
    state.stem.voxel[:] = -1
    state.stem.senescent[:] = True
    shares = []
    for _ in range(5):
        go(model, state, 48)
        shares.append(observe.blood_row(state, model))
    assert not state.counts[:n].any() and state.counts[n:].any()
    neutrophils = [row["marked_share_of_neutrophils"] for row in shares]
    assert neutrophils[-1] > 0.97 and np.all(np.diff(neutrophils) >= -1e-9)
    assert 0 < shares[-1]["marked_share_of_red_cells"] < shares[-1]["marked_share_of_platelets"] < neutrophils[-1]
    assert state.marked.blood.neutrophils <= state.blood.neutrophils * (1 + 1e-9)
    assert (state.marked.blood.red <= state.blood.red * (1 + 1e-9)).all()
