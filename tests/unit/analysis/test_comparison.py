"""Measured counts against a run: by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis.comparison import compare, misfit
from marrow_niche.record.counts import Count

BLOOD = pd.DataFrame({"day": [0.0, 10.0, 20.0], "platelets_per_uL": [1000.0, 200.0, 1000.0]})


def count(day, value, sd=None):
    sd = np.full(len(day), np.nan) if sd is None else np.array(sd, float)
    return Count(column="platelets_per_uL", day=np.array(day, float), value=np.array(value, float), sd=sd)


def test_log_ratios_by_hand():
    """Model 600 on day 5 and 200 on day 10; measured 300 and 400: ln 2 and -ln 2."""
    (found,) = compare(BLOOD, [count([5, 10], [300, 400], [100, 50])])
    assert found.model == pytest.approx([600, 200])
    assert found.rms == pytest.approx(math.log(2)) and found.bias == pytest.approx(0.0, abs=1e-12)
    assert found.rms_over_sd == pytest.approx(math.sqrt((3**2 + 4**2) / 2))
    (row,) = misfit([found]).to_dict("records")
    assert row["typical_factor"] == pytest.approx(2) and row["bias_factor"] == pytest.approx(1) and row["judged"] == 2


def test_the_worst_day_is_the_largest_ratio_either_way():
    (found,) = compare(BLOOD, [count([0, 10, 20], [1100, 50, 900])])
    assert found.worst == pytest.approx((10, math.log(4)))
    (found,) = compare(BLOOD, [count([0, 10, 20], [9000, 100, 900])])
    assert found.worst == pytest.approx((0, -math.log(9)))


def test_nothing_outside_the_run_and_no_zero_is_judged():
    (found,) = compare(BLOOD, [count([-5, 5, 10, 30], [1, 0, 200, 1])])
    assert list(found.day) == [5, 10] and list(found.judged) == [False, True]
    assert found.rms == pytest.approx(0) and math.isnan(found.rms_over_sd)


def test_relative_takes_baselines_away():
    """Animals with half the counts, the same course: no misfit, and the first day does not flatter it."""
    counts = [count([0, 0, 5, 10], [400, 600, 300, 100], [50, 50, 30, 10])]
    (absolute,), (relative,) = compare(BLOOD, counts), compare(BLOOD, counts, relative=True)
    assert absolute.rms > 0.6 and absolute.bias == pytest.approx(0.7, abs=0.05)
    assert list(relative.judged) == [False, False, True, True]
    assert relative.rms == pytest.approx(0, abs=1e-12)
    assert relative.measured == pytest.approx([0.8, 1.2, 0.6, 0.2]) and relative.sd[0] == pytest.approx(0.1)
    assert relative.line == pytest.approx([1, 0.2, 1])


def test_relative_to_a_first_value_within_the_run_and_before_it():
    """First on day 5, where the model stands at 600: day 10 is a third there. Before day 0 the model is at rest."""
    (found,) = compare(BLOOD, [count([5, 10], [30, 10])], relative=True)
    assert found.rms == pytest.approx(0, abs=1e-12)
    (found,) = compare(BLOOD, [count([-3, 10], [50, 10])], relative=True)
    assert list(found.day) == [10] and found.rms == pytest.approx(0, abs=1e-12) and found.baseline == -3
    assert not compare(BLOOD, [count([0, 10], [0, 10])], relative=True)
