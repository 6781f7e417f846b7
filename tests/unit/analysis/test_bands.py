"""A band is of one scenario, from its lowest to its highest seed."""

import types

import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis.bands import bands
from marrow_niche.errors import RunError


def run(seed, values, days=(0.0, 1.0, 2.0), dose="6 Gy"):
    blood = pd.DataFrame({"day": days, "platelets_per_uL": values})
    scenario = {"title": "x", "species": "mouse", "seed": seed, "events": [{"kind": "radiation", "at": "0 d", "dose": dose}]}
    return types.SimpleNamespace(
        blood=blood, marrow=blood[["day"]], days=np.array(days), scenario=scenario, provenance={}, directory=f"run{seed}"
    )


def test_the_median_and_the_range_of_three_seeds():
    (found,) = bands([run(1, [4, 1, 2]), run(2, [4, 3, 3]), run(3, [4, 2, 9])], ["platelets_per_uL", "stem_cells"])
    assert found.median.tolist() == [4, 2, 3]
    assert found.low.tolist() == [4, 1, 2] and found.high.tolist() == [4, 3, 9]


def test_a_run_that_has_not_come_so_far_shortens_the_band():
    (found,) = bands([run(1, [4, 1, 2]), run(2, [4, 3], days=(0.0, 1.0))], ["platelets_per_uL"])
    assert found.day.tolist() == [0.0, 1.0] and found.values.tolist() == [[4, 1], [4, 3]]


def test_runs_of_other_scenarios_and_none_are_refused():
    with pytest.raises(RunError, match="with another seed"):
        bands([run(1, [4, 1, 2]), run(2, [4, 3, 3], dose="4 Gy")], ["platelets_per_uL"])
    with pytest.raises(RunError, match="no run is given"):
        bands([], ["platelets_per_uL"])
    with pytest.raises(RunError, match="share no recorded time"):
        bands([run(1, [4, 1, 2]), run(2, [4, 1, 2], days=(0.5, 1.5, 2.5))], ["platelets_per_uL"])
