"""Clinical measures of a run recorded by hand: neutrophils, platelets, degrees, stem cells that can and those that cannot."""

import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis import syndrome
from marrow_niche.body.clinical import Clinical
from marrow_niche.errors import RunError
from marrow_niche.record import provenance
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.recorder import Recorder
from marrow_niche.record.results import open_results

DAYS = (0.0, 2.0, 6.0, 10.0, 20.0)
SHARES = (1.0, 0.6, 0.04, 0.5, 0.95)


def make(path, shares=SHARES, *, seed=7, senescent=0.0, renewal=1.0, integrity=1.0, dose="6 Gy", parameters=None):
    """A run of the mouse whose counts are `shares` of rest; of 90 HSC and 10 tip cells, `senescent` and `renewal` (over rest,
    of the tip) are those of the last day, `integrity` that of one voxel in four."""
    run = RunDirectory(path).create()
    scenario = {"title": "t", "species": "mouse", "seed": seed, "duration": "20 d",
                "events": [{"at": "0 d", "kind": "radiation", "dose": dose}], "parameters": parameters or {}}  # fmt: skip
    run.write_scenario(scenario)
    provenance.write(run, scenario=scenario, ledger=[], seed=seed)
    tissue = np.full((2, 2, 2), 2, np.uint8)
    grid = {"shape": (2, 2, 2), "spacing": 20.0, "origin": (0, 0, 0), "flat": np.arange(8), "tissue": tissue}
    recorder = Recorder(run, grid, fields_unit={"vessel_integrity": ""})
    n, tip = 100, np.arange(100) >= 90
    for day, share in zip(DAYS, shares, strict=True):
        last = day == DAYS[-1]
        cells = {
            "position": np.full((n, 3), 10.0), "weight": np.full(n, 2.0), "tip": tip.astype(np.uint8),
            "senescent": (np.arange(n) < (senescent * n if last else 0)).astype(np.uint8),
            "self_renewal": np.where(tip, 0.5 * (renewal if last else 1.0), 0.6783333),
        }  # fmt: skip
        wall = np.where(np.arange(8) < 2, integrity if share == min(shares) else 1.0, 1.0)
        recorder.record(
            day,
            blood={"neutrophils_per_uL": 1000 * share, "platelets_per_uL": 1e6 * share, "lymphocytes_per_uL": 4000 * share},
            marrow={"stem_cells": 200 * share, "cellularity": share, "sinusoid_integrity": float(wall.mean())},
            budgets=None, fields={"vessel_integrity": wall}, cells=cells,
        )  # fmt: skip
    recorder.sync()
    provenance.finish(run, wall_seconds=1.0)
    return open_results(path)


def values(run):
    return {each.name: each.value for each in syndrome.measures(run)}


def test_counts_by_hand(tmp_path):
    """Neutrophils fall from 600 to 40 in days 2 to 6 and rise to 500 on day 10: below 125 for 0.61 + 0.74 days."""
    run = make(tmp_path / "run")
    found = {each.name: each for each in syndrome.measures(run)}
    low = found["neutrophils, lowest"]
    assert (low.value, low.day, low.unit) == (40, 6, "per uL")
    assert found["neutrophils at 50 % again"].value == pytest.approx(10)
    assert found["neutrophils at 90 % again"].value == pytest.approx(10 + 10 * 400 / 450)
    assert found["neutrophils below 125 per uL"].value == pytest.approx(4 * 85 / 560 + 4 * 85 / 460)
    assert found["neutrophils below 25 per uL"].value == 0
    assert found["platelets below 200,000 per uL"].value == pytest.approx(4 * 160 / 560 + 4 * 160 / 460)
    assert found["cellularity, lowest"].value == pytest.approx(0.04)


def test_degrees(tmp_path):
    """At 4 % of rest neutrophils (40, below 125), platelets (40,000, below 80,000) and lymphocytes (160) are all H4; at 30 %
    lymphocytes are H3, platelets and neutrophils H2; at rest there is none."""
    assert [v for k, v in values(make(tmp_path / "a")).items() if "H-ARS" in k] == [4, 4, 4, 4]
    mild = values(make(tmp_path / "b", (1.0, 0.6, 0.3, 0.5, 1.0)))
    assert mild["H-ARS degree by lymphocytes"] == 3 and mild["H-ARS degree by neutrophils"] == 2
    assert mild["H-ARS degree by platelets"] == 2 and mild["H-ARS degree, overall"] == 3
    assert values(make(tmp_path / "c", (1.0, 0.97, 0.95, 1.0, 1.0)))["H-ARS degree, overall"] == 0


def test_a_count_that_is_not_back_by_the_end_is_told_from_one_that_never_fell(tmp_path):
    down = values(make(tmp_path / "a", (1.0, 0.6, 0.3, 0.3, 0.4)))
    assert np.isinf(down["platelets at 50 % again"])
    well = values(make(tmp_path / "b", (1.0, 1.0, 1.0, 1.0, 1.0)))
    assert np.isnan(well["platelets at 50 % again"])


def test_thresholds_are_those_of_the_scenario(tmp_path):
    own = {"clinical.neutropenia": {"value": 700, "unit": "1/uL", "source": "estimate"}}
    run = make(tmp_path / "run", parameters=own)
    assert syndrome.thresholds(run).neutropenia == 700 and "neutrophils below 700 per uL" in values(run)
    assert isinstance(syndrome.thresholds(run), Clinical)


def test_a_count_can_hide_the_loss_of_stem_cells(tmp_path):
    """All 200 real cells are there at the end; 80 of the HSC are senescent, the tip renews at half its rest: 100 HSC and 10 of
    the tip are able. These 10 feed 90 HSC, nine each as at the start: 100 are functional."""
    run = make(tmp_path / "run", (1.0, 1.0, 1.0, 1.0, 1.0), senescent=0.4, renewal=0.5)
    found = values(run)
    assert found["stem cells at the end, counted"] == pytest.approx(1.0)
    assert found["stem cells at the end, able"] == pytest.approx((100 + 10) / 200, rel=1e-3)
    assert found["stem cells at the end, functional"] == pytest.approx((90 + 10) / 200, rel=1e-3)
    assert found["tip at the end, counted"] == 1 and found["tip at the end, able"] == pytest.approx(0.5, rel=1e-3)
    first = syndrome.functional(run).iloc[0]
    assert first["stem_cells_able"] == pytest.approx(200, rel=1e-3) and first["stem_cells_functional"] == pytest.approx(200, rel=1e-3)


def test_much_renewal_makes_no_cell_more_than_one(tmp_path):
    assert syndrome.able_cells(np.ones(4), np.array([1, 1, 0, 1], bool), np.full(4, 0.9), 0.5) == 3
    assert syndrome.able_cells(np.ones(2), np.array([1, 1], bool), np.array([0.2, 0.4]), 0.6) == pytest.approx(1.0)
    assert syndrome.able_cells(np.ones(2), np.array([0, 0], bool), np.ones(2), 0.5) == 0


def test_occupancy_and_sinusoids(tmp_path):
    """At 4 % of the cells with a quarter of the voxels at 0.2 of their wall, the mean 0.8: occupancy 0.05."""
    run = make(tmp_path / "run", integrity=0.2)
    found = values(run)
    assert found["niche occupancy, lowest"] == pytest.approx(0.04 / 0.8)
    assert found["sinusoid integrity, lowest"] == pytest.approx(0.8)
    assert found["marrow whose sinusoids are below 50 % then"] == pytest.approx(0.25)
    gone = pd.DataFrame({"stem_cells": [1.0, 1.0], "sinusoid_integrity": [1.0, 0.0]})
    assert np.isnan(syndrome.occupancy(gone)[1])


def test_the_spread_over_seeds(tmp_path):
    runs = [make(tmp_path / str(k), (1.0, 0.6, low, 0.5, 1.0), seed=k) for k, low in enumerate((0.04, 0.06, 0.3))]
    table = syndrome.over_runs(runs).set_index("name")
    row = table.loc["neutrophils, lowest"]
    assert (row["low"], row["median"], row["high"], row["runs"], row["of"]) == (40, 60, 300, 3, 3)
    runs[2] = make(tmp_path / "still", (1.0, 0.6, 0.05, 0.2, 0.3), seed=3)
    assert syndrome.over_runs(runs).set_index("name").loc["neutrophils at 50 % again", "runs"] == 2


def test_runs_of_different_scenarios_are_no_seeds(tmp_path):
    with pytest.raises(RunError, match="is not .* with another seed"):
        syndrome.over_runs([make(tmp_path / "a"), make(tmp_path / "b", dose="4 Gy")])
    with pytest.raises(RunError, match="no run is given"):
        syndrome.over_runs([])
