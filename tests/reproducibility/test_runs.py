"""The same seed gives the same bits: on any number of threads, after Ctrl-C, after a kill at any moment."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

SCENARIO = """
title = "two grays in a thin section"
species = "mouse"
seed = 11
duration = "4 d"
[geometry]
bone = "long bone"
voxel = "25 um"
section = { axis = "long", at = "50 %", thickness = "0.1 mm" }
[[events]]
at = "1 d"
kind = "radiation"
dose = "2 Gy"
duration = "5 h"
[[events]]
at = "2 d"
kind = "radiation"
map = "plan.csv"
[[events]]
at = "2.1 d"
kind = "radiation"
dose = "1 Gy"
region = { x = ["0 %", "50 %"] }
[parameters]
"stem_cells.agent_cap" = { value = 4000, unit = "", source = "estimate" }
"""
MARKED = """
[[events]]
at = "30 h"
kind = "graft"
cells = { HSC = 400, tip = 20, marrow = 1e7 }
[[events]]
at = "40 h"
kind = "graft"
stroma = "50 %"
region = { long = ["0 %", "50 %"] }
[parameters]
"stem_cells.agent_cap" = { value = 4000, unit = "", source = "estimate" }
"genes.kit" = { value = 0.8, unit = "", source = "estimate" }
"genes.membrane_scf" = { value = 0.5, unit = "", source = "estimate" }
"""
SAME = (
    "blood.csv",
    "marrow.csv",
    "fields.csv",
    "births.csv",
    "fields.pvd",
    "cells.pvd",
    "*.series",
    "fields/*.vti",
    "cells/*.vtp",
    "geometry/*.vtp",
    "scenario.toml",
)
SIMULATE = "from marrow_niche import read_scenario, simulate; simulate(read_scenario(sys.argv[1]), into=sys.argv[2])"
RESUME = "from marrow_niche.simulation import resume; resume(sys.argv[1])"


def start(code, *arguments, threads=2):
    """A Python process that runs `code`."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads)}
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; " + code, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Wait for a process that must end well."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err


def files(run):
    """All files of a run that must not differ, name to bytes."""
    return {str(p.relative_to(run)): p.read_bytes() for pattern in SAME for p in sorted(Path(run).glob(pattern))}


def wait_for(ready, process, seconds=240):
    """Until `ready()`; the process must still be running then."""
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, "".join(process.communicate())
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    (path / "thin.toml").write_text(textwrap.dedent(SCENARIO))
    (path / "marked.toml").write_text(SCENARIO[: SCENARIO.index("[parameters]")] + MARKED)
    far = 3e4  # um: whatever the bone's place in its own coordinates
    places = [(x, y, z) for x in (-far, far) for y in (-far, far) for z in (-far, far)]
    rows = [f"{x},{y},{z},{0.8 + x / far / 4 + y / far / 8}" for x, y, z in places]
    (path / "plan.csv").write_text("\n".join(["x_um,y_um,z_um,dose_gy", *rows]))
    return path


@pytest.fixture(scope="module")
def whole(folder):
    """The run on one thread, never interrupted."""
    finish(start(SIMULATE, folder / "thin.toml", folder / "whole", threads=1))
    return files(folder / "whole")


def test_a_run_writes_what_the_contract_names(whole):
    assert {
        "blood.csv",
        "marrow.csv",
        "fields.csv",
        "births.csv",
        "fields.pvd",
        "cells.pvd",
        "scenario.toml",
        "fields/fields_0004.vti",
        "cells/cells_0004.vtp",
        "geometry/vessels.vtp",
        "geometry/bone.vtp",
    } <= set(whole)
    assert whole["births.csv"].count(b"\n") > 20


def test_three_threads_give_the_same_bytes(folder, whole):
    finish(start(SIMULATE, folder / "thin.toml", folder / "three", threads=3))
    assert files(folder / "three") == whole


def test_a_killed_run_opens_and_resumes_to_the_same_bytes(folder, whole):
    import pyvista

    run = folder / "killed"
    process = start(SIMULATE, folder / "thin.toml", run)
    rows = run / "blood.csv"
    wait_for(lambda: rows.exists() and rows.read_text().count("\n") >= 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for pattern in ("fields/*.vti", "cells/*.vtp", "*.pvd"):
        opened = [pyvista.get_reader(path).read() for path in run.glob(pattern)]
        assert opened
    finish(start(RESUME, run))
    assert files(run) == whole


def test_a_run_with_a_dose_map_moves_and_resumes_without_the_file(folder, whole):
    """Its map is among the inputs, known by its digest; changed there, the run is not gone on with."""
    away = folder / "away"
    away.mkdir()
    shutil.copy(folder / "thin.toml", away / "thin.toml")
    shutil.copy(folder / "plan.csv", away / "plan.csv")
    process = start(SIMULATE, away / "thin.toml", away / "run")
    rows = away / "run" / "blood.csv"
    wait_for(lambda: rows.exists() and rows.read_text().count("\n") >= 2, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = folder / "moved"
    shutil.move(away / "run", run)
    shutil.rmtree(away)
    assert (run / "inputs" / "plan.csv").read_bytes() == (folder / "plan.csv").read_bytes()
    assert (run / "inputs" / "SHA256SUMS").read_text() == f"{hashlib.sha256((folder / 'plan.csv').read_bytes()).hexdigest()}  plan.csv\n"
    shutil.copytree(run, folder / "meddled")
    finish(start(RESUME, run))
    assert files(run) == whole
    (folder / "meddled" / "inputs" / "plan.csv").write_text("x_um,y_um,z_um,dose_gy\n0,0,0,1\n")
    process = start(RESUME, folder / "meddled")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1 and "changed since the run began" in err


def test_a_run_killed_while_it_is_built_resumes_to_the_same_bytes(folder, whole):
    run = folder / "unbuilt"
    process = start(SIMULATE, folder / "thin.toml", run)
    wait_for(lambda: (run / "scenario.toml").exists(), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "checkpoint.h5").exists()
    finish(start(RESUME, run))
    assert files(run) == whole


def test_an_interrupted_run_resumes_to_the_same_bytes(folder, whole):
    run = folder / "interrupted"
    process = subprocess.Popen(
        [sys.executable, "-m", "marrow_niche", "run", folder / "thin.toml", "--into", run],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: (run / "blood.csv").exists() and (run / "blood.csv").read_text().count("\n") >= 2, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "resume" in out + err
    finish(start(RESUME, run))
    assert files(run) == whole


def test_a_run_with_marks_and_genes_resumes_to_the_same_bytes(folder, whole):
    """A graft into mutants, killed after it lodged: marked shares, the second line, membranes and genes are all taken up again."""
    finish(start(SIMULATE, folder / "marked.toml", folder / "marked", threads=1))
    expected = files(folder / "marked")
    rows = (folder / "marked" / "blood.csv").read_text().splitlines()
    assert "marked_share_of_neutrophils" in rows[0] and expected.keys() == whole.keys()
    column = rows[0].split(",").index("marked_share_of_neutrophils")
    assert float(rows[1].split(",")[column]) == 0.0 < float(rows[-1].split(",")[column]) < 1.0
    assert "marked_share_of_tip" in (folder / "marked" / "marrow.csv").read_text().splitlines()[0]
    assert b"marked_share" not in whole["blood.csv"] and expected["marrow.csv"] != whole["marrow.csv"]
    run = folder / "marked and killed"
    process = start(SIMULATE, folder / "marked.toml", run)
    table = run / "blood.csv"
    wait_for(lambda: table.exists() and table.read_text().count("\n") >= 4, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finish(start(RESUME, run, threads=1))
    assert files(run) == expected
