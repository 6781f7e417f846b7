"""Nadir, fall and recovery of series worked out by hand."""

import numpy as np
import pytest

from marrow_niche.analysis import recovery

DAY = np.array([0.0, 2.0, 4.0, 8.0, 10.0])
FALL = np.array([100.0, 60.0, 10.0, 50.0, 95.0])


def test_nadir_and_crossings_of_a_fall_and_a_return():
    found = recovery.course(DAY, FALL)
    assert (found.start, found.nadir, found.nadir_day, found.end, found.end_day) == (100, 10, 4, 95, 10)
    assert found.depth == 0.1 and found.fell
    half, most = found.at(0.5), found.at(0.9)
    assert half.fell == pytest.approx(2.4)  # from 60 to 10 in two days: 50 a fifth of the way
    assert half.back == pytest.approx(8.0)
    assert most.fell == pytest.approx(0.5)
    assert most.back == most.lasting == pytest.approx(8 + 2 * 40 / 45)


def test_a_count_that_does_not_come_back_in_time():
    found = recovery.course(DAY[:4], FALL[:4])
    assert found.at(0.9).fell == pytest.approx(0.5)
    assert found.at(0.9).back is None and found.at(0.9).lasting is None


def test_a_second_fall_is_told_apart_from_a_lasting_return():
    value = np.array([100.0, 10.0, 95.0, 80.0, 100.0])
    passage = recovery.course(DAY, value).at(0.9)
    assert passage.back == pytest.approx(2 + 2 * 80 / 85)
    assert passage.lasting == pytest.approx(8 + 2 * 0.5)
    assert recovery.course(DAY, np.array([100.0, 10.0, 95.0, 80.0, 85.0])).at(0.9).lasting is None


def test_noise_at_rest_is_no_nadir():
    found = recovery.course(DAY, np.array([100.0, 98.0, 103.0, 97.0, 101.0]))
    assert not found.fell
    assert found.at(0.9).fell is None and found.at(0.9).back is None


def test_peaks_and_extinction():
    found = recovery.course([0, 1, 2], [1.0, 8.0, 0.0])
    assert (found.peak, found.peak_day, found.nadir, found.nadir_day) == (8, 1, 0, 2)
    assert found.depth == 0 and found.fell
    empty = recovery.course([0, 1], [0.0, 3.0])
    assert np.isnan(empty.depth) and not empty.fell and empty.at(0.5).fell is None


@pytest.mark.parametrize(("threshold", "days"), [(5, 0.0), (50, 5.6), (100, 10.0), (60, 10 - 2.0 - 2 * (95 - 60) / 45)])
def test_days_below_a_threshold(threshold, days):
    """50: from 2.4 to 8; 60: from 2 until 35/45 of the last interval remain."""
    assert recovery.days_below(DAY, FALL, threshold) == pytest.approx(days)


def test_days_below_counts_a_flat_stretch_at_the_threshold_as_not_below():
    assert recovery.days_below([0, 1, 3], [10.0, 10.0, 5.0], 10.0) == pytest.approx(2.0)


def test_what_is_not_finite_is_left_out_and_nothing_gives_nothing():
    assert recovery.course([0, 1, 2], [4.0, np.nan, 2.0]).nadir == 2
    assert recovery.course([], []) is None
    assert recovery.days_below([1.0], [3.0], 5.0) == 0
    with pytest.raises(ValueError, match="one length"):
        recovery.course([0, 1], [1.0])


def test_every_column_of_a_table_but_the_day():
    import pandas as pd

    found = recovery.courses(pd.DataFrame({"day": DAY, "platelets_per_uL": FALL, "TPO_pM": 1 / FALL}))
    assert set(found) == {"platelets_per_uL", "TPO_pM"}
    assert found["TPO_pM"].peak_day == 4
