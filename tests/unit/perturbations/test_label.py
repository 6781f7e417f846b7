"""A label marks the stem cells it says, the share it says, and changes nothing else."""

import copy
import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.perturbations import timeline
from marrow_niche.perturbations.label import Label


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("cells", ["tip", "HSC", "all"])
def test_whom_it_marks(cells, share):
    model, before = lab.marrow(marked=True, events=[Label(at=2.0, cells=cells, share=share)])
    before.hour = 2
    state = copy.deepcopy(before)
    assert not timeline.apply_due(state, model)
    s = state.stem
    which = {"tip": s.tip, "HSC": ~s.tip, "all": np.ones(len(s.id), bool)}[cells]
    assert not s.line[~which].any()
    k = which.sum()
    assert abs((s.line[which] == 1).sum() - k * share) <= 4.5 * np.sqrt(k * share * (1 - share))
    for field in dataclasses.fields(s):
        if field.name != "line":
            assert (getattr(s, field.name) == getattr(before.stem, field.name)).all(), field.name
    assert (state.counts == before.counts).all() and state.next_id == before.next_id


def test_two_labels_of_one_hour_have_draws_of_their_own():
    """Of those the first left unmarked the second marks its share: 1 - 0.7^2; the first marks as it does alone."""
    marked = []
    for number in (1, 2):
        model, state = lab.marrow(marked=True, events=[Label(at=0.0, cells="all", share=0.3)] * number)
        timeline.apply_due(state, model)
        marked.append(state.stem.line == 1)
    k = len(marked[0])
    assert (marked[0] <= marked[1]).all()
    assert abs(marked[1].sum() - 0.51 * k) < 4.5 * np.sqrt(0.51 * 0.49 * k)


def test_who_takes_a_small_share_is_among_those_who_take_a_large_one():
    marked = []
    for share in (0.1, 0.4):
        model, state = lab.marrow(marked=True, events=[Label(at=0.0, cells="all", share=share)])
        timeline.apply_due(state, model)
        marked.append(state.stem.line == 1)
    assert (marked[0] <= marked[1]).all() and marked[0].any()


def test_a_label_has_the_tip_and_all_of_it_by_default():
    event = lab.scenario(events=[{"kind": "label", "at": "1 d"}]).events[0]
    assert event == Label(at=24.0, cells="tip", share=1.0)


def test_what_cannot_be_labelled_is_told():
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(events=[{"kind": "label", "at": "1 d", "cells": "MPP"}])
    assert any("events[1].cells" in mistake for mistake in refused.value.mistakes)


def test_a_label_of_mutants_is_refused():
    """The marked line is of the wild type: a label would heal those who take it."""
    def asked(kit):
        parameters = {"genes.kit": {"value": kit, "unit": "", "source": "estimate"}}
        return lab.scenario(events=[{"kind": "label", "at": "1 d"}], parameters=parameters)

    assert asked(1.0).events
    with pytest.raises(ScenarioError) as refused:
        asked(0.5)
    assert any("a label would heal the mutation" in mistake for mistake in refused.value.mistakes)
