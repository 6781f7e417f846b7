"""Clones and diluted labels, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis import clones


class Recorded:
    """What `clones` reads of results: cells by day."""

    def __init__(self, frames):
        self.frames, self.days = frames, np.array(list(frames))

    def cells(self, day):
        return self.frames[float(day)]


def cells(clone, divisions, weight=1.0):
    return pd.DataFrame({"id": range(len(clone)), "clone": clone, "divisions": divisions, "weight": np.full(len(clone), weight)})


RUN = Recorded({
    0.0: cells([3, 5, 9], [0, 0, 0], 10.0),
    10.0: cells([3, 3, 9, 9, 9], [1, 1, 0, 2, 4], 10.0),
    20.0: cells([], []),
})  # fmt: skip


def test_sizes_count_real_cells_and_clones_are_lost():
    found = clones.clones(RUN)
    assert found.clone.tolist() == [3, 5, 9]
    assert found.size.tolist() == [[10, 10, 10], [20, 0, 30], [0, 0, 0]]
    assert found.day.tolist() == [0, 10, 20]
    assert found.number.tolist() == [3, 2, 0]
    assert found.surviving == pytest.approx([1, 2 / 3, 0])
    assert found.effective == pytest.approx([3, 2500 / 1300, 0])
    assert found.largest[:2] == pytest.approx([1 / 3, 0.6]) and np.isnan(found.largest[2])


def test_cells_of_unlike_weight_count_by_it():
    names, size = clones.clone_sizes(np.array([7, 2, 7]), np.array([0.5, 3.0, 1.5]))
    assert names.tolist() == [2, 7] and size.tolist() == [3.0, 2.0]


def test_a_clone_that_comes_later_is_nought_before():
    found = clones.clones(Recorded({0.0: cells([1], [0]), 1.0: cells([1, 4], [0, 0])}))
    assert found.size.tolist() == [[1, 0], [1, 1]]
    assert found.surviving.tolist() == [1, 1]


@pytest.mark.parametrize(("size", "number"), [([1, 1, 1, 1], 4.0), ([8, 0, 0], 1.0), ([3, 1], 1.6), ([], 0.0)])
def test_the_effective_number_of_clones(size, number):
    assert clones.effective_number(np.array(size, float)) == pytest.approx(number)
    assert clones.effective_number(5 * np.array(size, float)) == pytest.approx(number)  # any unit


def test_a_label_is_halved_by_divisions_and_lost_by_decay():
    label = clones.label_intensity(np.array([0, 1, 3]), 10.0, decay=0.1)
    assert label == pytest.approx(np.array([1, 0.5, 0.125]) * np.exp(-1))
    leaky = clones.label_intensity(np.array([0, 60]), 10.0, decay=0.1, background=0.02)
    assert leaky == pytest.approx([np.exp(-1) + 0.02, 0.02])
    with pytest.raises(ValueError, match="decay is -0.1/d"):
        clones.label_intensity(np.zeros(1), 1.0, decay=-0.1)


def test_decay_alone_looks_like_a_division():
    """Cells that rest keep all of a stable label. Of one that decays by half in two days they keep 1/32 after ten, as if they had
    divided five times, and nobody retains it."""
    one = clones.dilution(RUN, decay=0.0)
    assert one["retaining_share"].to_list()[:2] == [1.0, 0.8]  # four divisions leave 1/16
    assert one["mean_label"][1] == pytest.approx((0.5 + 0.5 + 1 + 0.25 + 0.0625) / 5)
    assert one["mean_divisions"][1] == pytest.approx(1.6)
    assert np.isnan(one["mean_label"][2]) and np.isnan(one["retaining_share"][2])
    other = clones.dilution(RUN, decay=np.log(2) / 2)
    assert other["retaining_share"].to_list()[:2] == [1.0, 0.0]
    assert other["mean_label"][1] == pytest.approx(one["mean_label"][1] / 32)


def test_retention_counts_real_cells():
    assert clones.retaining_share(np.array([0.5, 0.1]), np.array([1.0, 3.0])) == 0.25
    assert clones.retaining_share(np.array([0.5, 0.1]), np.array([1.0, 3.0]), threshold=0.1) == 1.0


def test_label_fractions_over_those_of_the_source():
    table = pd.DataFrame(
        {"day": [0.0, 5.0], "stem_cells": [9.0, 9.0], "marked_share_of_tip": [0.0, 0.4], "marked_share_of_MPP": [0.0, 0.1]}
    )
    plain = clones.label_fractions(table)
    assert list(plain.columns) == ["day", "tip", "MPP"] and plain["MPP"].to_list() == [0.0, 0.1]
    over = clones.label_fractions(table, over="tip")
    assert np.isnan(over["MPP"][0]) and over["MPP"][1] == pytest.approx(0.25) and over["tip"][1] == 1.0
    with pytest.raises(KeyError, match="tip, MPP"):
        clones.label_fractions(table, over="CMP")
    with pytest.raises(KeyError, match="only runs with a label"):
        clones.label_fractions(table[["day", "stem_cells"]])
