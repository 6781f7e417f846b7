"""Every example reads, builds and runs; here for its first two days, in full where slow tests are asked for."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from marrow_niche import read_scenario, simulate

FOLDER = Path(__file__).parents[2] / "examples"
FILES = sorted(FOLDER.glob("*.toml"))
RADIATION = sorted((FOLDER / "radiation").glob("*.toml"))
STUDIES = {
    "ld50_mouse": ("doses", 120), "dose_sweep": ("sweep", 12), "femur_doses": ("sweep", 4), "human_doses": ("sweep", 6)
}  # fmt: skip
"""Studies among them: the command, and how many runs they are."""
EXAMPLES = [path for path in FILES if path.stem not in STUDIES]


@pytest.mark.parametrize("name", STUDIES)
def test_study_reads(name):
    from marrow_niche.studies.doses import read_doses
    from marrow_niche.studies.sweep import read_sweep

    command, number = STUDIES[name]
    path = next(path for path in (*FILES, *RADIATION) if path.stem == name)
    study = read_doses(path) if command == "doses" else read_sweep(path)
    assert len({member.name for member in study.members}) == number


@pytest.mark.parametrize("path", [p for p in RADIATION if p.stem not in STUDIES], ids=lambda p: p.stem)
def test_scenario_of_radiation_reads(path):
    """What is run on the page of radiation: one exposure, sixty days and more, so that recovery is seen."""
    scenario = read_scenario(path)
    assert [event.kind for event in scenario.events] == ["radiation"]
    assert scenario.duration >= 60 * 24


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs_for_two_days(path, tmp_path):
    scenario = read_scenario(path)
    short = dataclasses.replace(scenario, duration=48.0, record=dataclasses.replace(scenario.record, every=24.0))
    results = simulate(short, into=tmp_path / "run")
    assert list(results.days) == [0, 1, 2]
    assert np.isfinite(results.blood.to_numpy()).all()
    assert np.isfinite(results.marrow.to_numpy()).all()
    assert results.marrow["field_residual"].max() <= 1e-4
    assert results.marrow["field_budget_gap"].max() <= 1e-4
    tissue = results.field(scenario.record.fields[0]).isel(time=-1).values[results.tissue == 2]
    assert (tissue > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in EXAMPLES if "6gy" in p.stem], ids=lambda p: p.stem)
def test_blood_falls_and_recovers_after_six_grays(path, tmp_path):
    blood = simulate(read_scenario(path), into=tmp_path / "run").blood
    for name in ("neutrophils_per_uL", "platelets_per_uL", "red_cells_per_uL"):
        count = blood[name].to_numpy()
        assert count.min() < (0.2 if name != "red_cells_per_uL" else 0.85) * count[0], name
        assert count[-1] > 0.7 * count[0], name
