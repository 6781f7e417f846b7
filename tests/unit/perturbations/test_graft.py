"""A transplant: as many cells lodge as are given, by type, where sinusoids are; stroma is renewed in its region alone."""

import copy
import dataclasses

import lab
import numpy as np
import pytest
from scipy import stats

from marrow_niche import coupling
from marrow_niche.errors import ScenarioError
from marrow_niche.perturbations import graft, timeline
from marrow_niche.perturbations.graft import Graft
from marrow_niche.perturbations.region import Region


def given(event, *, seed=7, hour=0, **changes):
    """(model, state before, state after) of a graft in the hour it falls in."""
    model, before = lab.marrow(marked=True, events=[event])
    model = dataclasses.replace(model, seed=seed, **changes)
    before.hour = hour
    after = copy.deepcopy(before)
    timeline.apply_due(after, model)
    return model, before, after


def test_stem_cells_that_lodge_are_the_number_given_times_seeding_and_share():
    """Each cell lodges by its own chance: over 500 seeds the mean of the stored cells is number x seeding x piece share over
    weight, of each kind, and they scatter as a binomial and the rounding to whole ones do. They wait in blood, marked,
    quiescent, each its own clone of a new id."""
    event = Graft(at=3.5, cells={"HSC": 700.0, "tip": 31.0})
    model, before = lab.marrow(marked=True)
    found = np.zeros((500, 2))
    for seed in range(len(found)):
        after = dataclasses.replace(before)
        event.strike(after, dataclasses.replace(model, seed=seed))
        new = after.stem.id >= before.next_id
        found[seed] = (new & ~after.stem.tip).sum(), (new & after.stem.tip).sum()
    q, ratio, number = model.species.stem_cells.seeding, model.piece_share / model.stem_weight, np.array([700.0, 31.0])
    spread = np.sqrt(ratio**2 * number * q * (1 - q) + 0.25)
    assert (np.abs(found.mean(axis=0) - number * q * ratio) < 4.5 * spread / np.sqrt(len(found))).all()
    assert found.std(axis=0) == pytest.approx(np.sqrt(ratio**2 * number * q * (1 - q) + 0.15), rel=0.25)
    assert np.abs(np.corrcoef(found.T)[0, 1]) < 4.5 / np.sqrt(len(found))
    s = after.stem
    assert after.next_id == before.next_id + new.sum() and len(np.unique(s.id)) == len(s.id)
    assert (s.clone[new] == s.id[new]).all() and (s.line[new] == 1).all() and not s.line[~new].any()
    assert (s.voxel[new] == -1).all() and not (s.cycling[new] | s.senescent[new]).any() and not s.dose[new].any()
    assert (after.counts == before.counts).all()


def test_committed_cells_lodge_in_the_marked_line_beside_sinusoids():
    """Of each type number x seeding x piece share real cells, over its stages as they stand at rest, by wall times integrity;
    the host's own are left alone."""
    model, before, after = given(Graft(at=0.0, cells={"MPP": 4.0e5, "granulocyte": 3.0e6}))
    n, tree = model.tree.size, model.tree
    gained = after.counts[n:] - before.counts[n:]
    assert (after.counts[:n] == before.counts[:n]).all() and len(after.stem.id) == len(before.stem.id)
    rows = np.r_[tree.rows("MPP", 0), tree.rows("granulocyte", 0)]
    assert not np.delete(gained, rows, axis=0).any()
    for name, number in (("MPP", 4.0e5), ("granulocyte", 3.0e6)):
        here = tree.rows(name, 0)
        real, part = model.weight[here] * gained[here].sum(axis=1), tree.rest[here] / tree.rest[here].sum()
        q = model.species.stem_cells.seeding
        spread = np.sqrt(number * q * (1 - q)) * model.piece_share * part
        assert (np.abs(real - number * q * model.piece_share * part) <= 4.5 * spread + model.weight[here]).all(), name
    wall = model.geometry.sinusoid_area
    where = gained.sum(axis=0)
    assert not where[wall == 0].any()
    order = np.array_split(np.argsort(wall)[(wall == 0).sum() :], 12)
    expected = np.array([wall[bin_].sum() for bin_ in order]) * where.sum() / wall.sum()
    assert stats.chisquare([where[bin_].sum() for bin_ in order], expected).pvalue > 1e-3


def test_nothing_lodges_where_no_sinusoid_is_left():
    model, state = lab.marrow(marked=True, events=[Graft(at=0.0, cells={"MPP": 1e6})])
    state.stroma.vessel[:] = 0.0
    timeline.apply_due(state, model)
    assert not state.counts[model.tree.size :].any()


def test_cells_of_a_compartment_that_is_empty_at_rest_lodge_in_its_first_stage():
    """Man's HPC2: no stage holds a share of them."""
    model, state = lab.marrow(marked=True)
    tree, before = model.tree, state.counts.copy()
    rest = tree.rest.copy()
    rest[tree.rows("HPC2", 0)] = 0.0
    graft.give_cells(state, dataclasses.replace(model, tree=dataclasses.replace(tree, rest=rest)), 1e6, "HPC2", np.random.default_rng(3))
    gained, row = (state.counts - before).sum(axis=1), tree.rows("HPC2", 1).start
    assert gained[row] == pytest.approx(1e6 * model.piece_share / model.weight[row], abs=1)
    assert not np.delete(gained, row).any()


def test_mixtures_add_up():
    """'marrow' is all that there is at rest, in its proportions; 'CD34' stem cells and what renews itself; both as many cells
    as were given, and a mixture beside a type adds to it."""
    model, _ = lab.marrow(marked=True)
    stem, tree = model.species.stem_cells, model.tree
    whole = graft.composition({"marrow": 1e6}, model)
    assert sum(whole.values()) == pytest.approx(1e6, rel=1e-12)
    everyone = stem.everyone + tree.rest.sum()
    assert whole["HSC"] == pytest.approx(1e6 * stem.number / everyone) and whole["tip"] == pytest.approx(1e6 * stem.tip_number / everyone)
    assert set(whole) == {"HSC", "tip", *model.species.lineages}
    for name in model.species.lineages:
        assert whole[name] == pytest.approx(1e6 * tree.rest[tree.rows(name, 0)].sum() / everyone, rel=1e-12)
    cd34 = graft.composition({"CD34": 1e4}, model)
    assert sum(cd34.values()) == pytest.approx(1e4, rel=1e-12)
    assert set(cd34) == {"HSC", "tip", *(name for name, c in model.species.lineages.items() if c.number is not None)}
    assert cd34["MPP"] / cd34["HSC"] == pytest.approx(model.species.lineages["MPP"].number / stem.number)
    both = graft.composition({"HSC": 5.0, "marrow": 1e6, "CD34": 1e4}, model)
    assert both["HSC"] == pytest.approx(5.0 + whole["HSC"] + cd34["HSC"]) and sum(both.values()) == pytest.approx(5 + 1.01e6)


def test_it_is_given_once():
    model, state = lab.marrow(marked=True, events=[Graft(at=5.3, cells={"HSC": 400.0})])
    sizes = []
    for state.hour in range(10):
        timeline.apply_due(state, model)
        sizes.append(len(state.stem.id))
    assert np.flatnonzero(np.diff(sizes)).tolist() == [4]


# ------------------------------------------------------------------------------------------------------ stroma


def hurt():
    """(model, state) whose stroma works by half and whose membranes hold nothing."""
    model, state = lab.marrow(marked=True, genes={"membrane_scf": 0.0})
    state.stroma.stroma[:] = 0.5
    return model, state


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_stroma_restores_its_region_only(share):
    """The lower half along the bone: of its stromal cells the share is intact and wild type after it, the others, and those
    of the upper half, are as before; and the marrow is another one."""
    model, state = hurt()
    event = Graft(at=0.0, stroma=share, region=Region(long=(0.0, 0.5)))
    assert timeline.apply_due(state, dataclasses.replace(model, events=(event,)))
    z = model.geometry.niches.stroma[:, model.long_axis]
    centres = model.lattice.centres()[:, model.long_axis]
    low, high = centres.min() - model.lattice.spacing / 2, centres.max() + model.lattice.spacing / 2
    below = z <= low + 0.5 * (high - low)
    healed = state.stroma.stroma == 1.0
    assert 0.3 < below.mean() < 0.7 and not healed[~below].any()
    k = below.sum()
    assert abs(healed[below].sum() - k * share) <= 4.5 * np.sqrt(k * share * (1 - share))
    assert (state.stroma.membrane == healed).all() and (state.stroma.stroma[~healed] == 0.5).all()


def test_stroma_that_is_given_touches_stem_cells_again():
    """Without SCF on membranes stem cells touch none; beside stroma of a donor they do, and sinusoids stay bare."""
    model, state = hurt()
    assert not coupling.stem_signals(state, model)["membrane_scf"].any()
    graft.give_stroma(state, model, 1.0, Region(x=(0.0, 0.5)))
    touched = coupling.stem_signals(state, model)["membrane_scf"]
    x = state.stem.position[:, 0]
    centres = model.lattice.centres()[:, 0]
    middle = 0.5 * (centres.min() + centres.max())
    assert (touched[x < middle - 50] > 0).mean() > 0.99 and (touched[x > middle + 200] < 1e-2).all()


# ------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(("event", "told"), [
    ({"cells": {"HCS": 200}}, "events[1].cells.HCS: no cell has this name. Did you mean 'HSC'?"),
    ({"cells": {"marow": 200}}, "Did you mean 'marrow'?"),
    ({"cells": {"burst": 200}}, "events[1].cells.burst: no cell has this name."),
    ({}, "events[1]: give either cells"),
    ({"cells": {"HSC": 200}, "stroma": "50 %"}, "events[1]: give either cells"),
    ({"cells": {"HSC": 200}, "region": {"x": ["0 %", "50 %"]}}, "events[1].region: cells go into the blood"),
    ({"cells": {"HSC": -1}}, "too low"),
    ({"stroma": "120 %"}, "too high"),
])
def test_a_graft_that_cannot_be_is_told(event, told):
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(events=[{"kind": "graft", "at": "1 d", **event}])
    assert any(told in mistake for mistake in refused.value.mistakes), refused.value.mistakes


@pytest.mark.parametrize("event", [{"kind": "graft", "cells": {"HSC": 200}}, {"kind": "label"}])
def test_marks_need_a_piece_that_stands_for_the_whole(event):
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(events=[{"at": "1 d", **event}], organism={"rest": "unirradiated"})
    assert any('needs rest = "same"' in mistake for mistake in refused.value.mistakes)


def test_check_tells_what_is_grafted_and_labelled():
    from marrow_niche.perturbations.label import Label

    species = lab.scenario().parameters
    assert Graft(at=0.0, cells={"HSC": 5000.0, "tip": 1000.0}).told(species) == (
        "5,000 HSC and 1,000 tip into the blood, of which 16 % lodge in marrow."
    )
    assert Graft(at=0.0, stroma=0.5).told(species) == "50 % of the stroma is replaced by healthy stroma."
    assert Label(at=0.0, share=0.3).told(species).startswith("30 % of the stem cells of the tip take a label")
