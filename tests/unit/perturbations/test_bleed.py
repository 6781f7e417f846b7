"""A bleeding takes its share of what is in the stream, of every line, and nothing else."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.perturbations import timeline
from marrow_niche.perturbations.bleed import Bleed
from marrow_niche.simulation import observe
from marrow_niche.state import to_dict


def bled(fraction, edit=None):
    model, state = lab.marrow()
    if edit:
        edit(state, model)
    told = timeline.apply_due(state, dataclasses.replace(model, events=(Bleed(at=0.0, fraction=fraction),)))
    return model, state, told


def test_every_count_falls_by_the_share_that_was_taken():
    """Water is back at once; neutrophils, monocytes, platelets and lymphocytes outside the stream refill it."""
    model, before = lab.marrow()
    _, state, told = bled(0.4)
    first, after = observe.blood_row(before, model), observe.blood_row(state, model)
    for name in ("red_cells_per_uL", "reticulocytes_per_uL", "haemoglobin_g_per_dL", "TPO_pM", "EPO_pM", "GCSF_pM", "FLT3L_pM"):
        assert after[name] == pytest.approx(0.6 * first[name]), name
    for name, count in (("neutrophils", "neutrophils_per_uL"), ("monocytes", "monocytes_per_uL")):
        lost = getattr(before.blood, name) - getattr(state.blood, name)
        assert lost == pytest.approx(0.4 * first[count] * model.species.blood.volume), name
        assert 0.6 * first[count] < after[count] < first[count]
    assert after["b_cells_per_uL"] > 0.9 * first["b_cells_per_uL"]
    assert after["iron_store"] == 1.0 and not told


def test_the_marrow_keeps_its_cells_and_blood_loses_its_share_of_stem_cells():
    def mobilised(state, model):
        state.stem.voxel[::2] = -1

    model, state, _ = bled(0.4, mobilised)
    _, before = lab.marrow()
    whole, gone = len(before.stem.id), len(before.stem.id) - len(state.stem.id)
    assert (state.counts == before.counts).all()
    assert (state.stem.voxel >= 0).sum() == whole // 2
    in_blood = whole - whole // 2
    assert gone == pytest.approx(0.4 * in_blood, abs=4.5 * np.sqrt(0.24 * in_blood))  # odds of failing by chance 1e-5


def test_a_piece_that_is_apart_loses_its_share_of_the_organisms_stem_cells_in_blood():
    model, state = lab.marrow()
    model = dataclasses.replace(model, apart=True, events=(Bleed(at=0.0, fraction=0.4),))
    before = state.twin.in_blood.copy()
    timeline.apply_due(state, model)
    assert (before > 0).all() and state.twin.in_blood == pytest.approx(0.6 * before, rel=1e-12)


def test_marked_blood_is_taken_as_the_other():
    def grafted(state, model):
        state.marked.blood.red += 100.0
        state.marked.lymphoid.b += 1e6

    model, state, _ = bled(0.5, grafted)
    assert state.marked.blood.red == pytest.approx(50.0)
    share = model.species.lymphoid.b_cells * model.species.blood.volume / model.lymphoid_rest.b_pool
    assert state.marked.lymphoid.b == pytest.approx(1e6 * (1 - 0.5 * share))


def test_a_bleeding_of_nothing_changes_no_bit():
    _, before = lab.marrow()
    _, state, _ = bled(0.0)

    def same(a, b):
        return all(same(a[k], b[k]) for k in a) if isinstance(a, dict) else np.array_equal(a, b, equal_nan=True)

    assert same(to_dict(state), to_dict(before))


def test_it_falls_due_once_and_is_told():
    event = Bleed(at=26.5, fraction=0.4)
    assert [hour for hour in range(100) if event.due(hour)] == [26]
    assert event.told(lab.scenario().parameters) == "40 % of the blood is taken; haemoglobin falls to 8.4 g/dL."
