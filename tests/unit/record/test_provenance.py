import json

import numpy as np
import pytest

from marrow_niche.errors import RunError
from marrow_niche.quantities.digest import digest as sha256
from marrow_niche.record import provenance


def test_provenance_tells_how_the_run_was_made(run):
    record = provenance.read(run)
    assert record["scenario_sha256"] == sha256(run.scenario)
    assert record["seed"] == 7
    assert record["threads"] == 2
    assert record["finished"] is True
    assert record["wall_seconds"] == 1.5
    assert record["started"] <= record["ended"]
    assert {"python", "numpy", "vtk"} <= record["versions"].keys()


def test_a_resumed_run_adds_up(run):
    record = provenance.resumed(run, day=4.0, threads=1)
    assert record["finished"] is False
    assert record["resumed"][0]["day"] == 4.0
    record = provenance.finish(run, wall_seconds=2.0, imbalance=np.float64(1e-12))
    assert record["wall_seconds"] == 3.5
    assert record["imbalance"] == 1e-12
    assert provenance.read(run) == record


def test_numpy_and_nan_are_written_as_plain_json(run):
    facts = {"axis": np.array([1.0, 0]), "share": float("nan"), "n": np.int64(3), "path": run.path, "set": {"b", "a"}}
    record = provenance.update(run, geometry=facts)
    assert record["geometry"] == {
        "axis": [1.0, 0],
        "share": "nan",
        "n": 3,
        "path": run.path.as_posix(),
        "set": ["a", "b"],
    }
    assert json.loads(run.provenance.read_text()) == record


def test_identity_holds_only_what_identical_runs_share(run):
    facts = provenance.identity(run)
    assert facts.keys() == {"scenario_sha256", "title", "species", "seed", "versions"}
    assert (facts["title"], facts["species"], facts["seed"]) == ("a ball of marrow", "mouse", 7)
    assert provenance.identity(run.path / "elsewhere").keys() == {"versions"}


def test_missing_and_damaged_provenance_are_told(run):
    run.provenance.write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        provenance.read(run)
    run.provenance.unlink()
    with pytest.raises(RunError, match="missing"):
        provenance.finish(run, wall_seconds=1)
