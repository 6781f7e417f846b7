"""A recording opened by ParaView itself (`pvpython`), and the pictures its own script makes."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from marrow_niche.record.chosen import Asked, error_of
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.export import export
from marrow_niche.record.recorder import Recorder

pytestmark = pytest.mark.skipif(
    shutil.which("pvpython") is None or shutil.which("xvfb-run") is None,
    reason="ParaView is not installed (Debian: apt-get install paraview python3-paraview xvfb xauth)",
)

DAYS = (0.0, 4 / 3, 30.0)
SPACING, ORIGIN = 20.0, (-110.0, 35.0, 1000.0)


def run_in_paraview(script, *arguments):
    """Run a script by pvpython, as a user would: none of this environment's Python leaks into it.

    ParaView closes its first connection to the screen before it opens the next: without -noreset the screen restarts in
    between. On a busy machine it may not be there yet at all: then it is asked again.
    """
    for _ in range(3):
        code, said, complained = ask_paraview(script, *arguments)
        if "bad X server connection" not in complained:
            break
    assert code == 0, said + complained
    assert "ERR|" not in complained, complained
    return said


def ask_paraview(script, *arguments):
    """Exit code, what it said and what it complained of."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24 -noreset", "pvpython", str(script), *map(str, arguments)]
    # a directory that is not the run's: whatever the files name must be found relative to them
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=environment, cwd="/", start_new_session=True) as process:
        try:
            said, complained = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # xvfb-run, its server and pvpython
            raise
    return process.returncode, said, complained


class Recording:
    """A ball of marrow (or one layer of it), a single hot voxel off every axis of symmetry, a cell at its centre."""

    def __init__(self, path, shape):
        self.shape = shape
        self.path = Path(path)
        z, y, x = np.indices(shape)
        far = [((n - 1) / 2 - i) for i, n in zip((z, y, x), shape, strict=True)]
        inside = sum(f**2 for f in far) < 6.2**2
        self.tissue = np.where(inside, 2, 1).astype(np.uint8)
        self.flat = np.flatnonzero(inside.ravel())
        self.voxel = tuple(min(wish, n // 2) for wish, n in zip((8, 6, 4), shape, strict=True))
        self.centre = np.array(ORIGIN) + SPACING * (np.array(self.voxel[::-1]) + 0.5)
        hot = np.zeros(shape)
        hot[self.voxel] = 1.0
        self.hot = hot.ravel()[self.flat]
        self.scf = 1.0 + np.arange(self.flat.size) / self.flat.size
        grid = {"shape": shape, "spacing": SPACING, "origin": ORIGIN, "flat": self.flat, "tissue": self.tissue}
        run = RunDirectory(self.path).create()
        run.write_scenario({"title": "a ball", "seed": 3})
        recorder = Recorder(run, grid, fields_unit={"SCF": "nM", "hot": "", "division": "1/h", "vessel_integrity": ""})
        corners = np.array(ORIGIN) + SPACING * np.array([[0, 0, 0], [14, 0, 0], [0, 12, 0], [0, 0, 11.0]])
        vessels = {"nodes": corners, "edges": [[0, 1], [1, 2], [2, 3]], "radius": [5.0, 8.0, 9.0], "kind": [0, 1, 2]}
        recorder.geometry(vessels, (corners, np.array([[0, 1, 2], [0, 1, 3], [1, 2, 3], [0, 2, 3]])))
        for index, day in enumerate(DAYS):
            cells = self.centre[None, :].repeat(1 if index else 0, axis=0)  # at day 0 there are none
            recorder.record(
                day,
                blood={"neutrophils_per_uL": 1.0},
                marrow={"hsc": 1},
                fields={"SCF": self.scf * (1 + index), "hot": self.hot, "division": self.scf / 10, "vessel_integrity": self.scf / 2},
                cells={"position": cells, "cell_id": np.arange(len(cells)) + 2**40, "age_h": np.zeros(len(cells))},
            )
        recorder.sync()


ASK = """
import json, sys
from paraview import simple as pv
from paraview import servermanager
from vtkmodules.util.numpy_support import vtk_to_numpy

run, out = sys.argv[1:3]
found = {}
fields, cells = pv.OpenDataFile(run + "/fields.pvd"), pv.OpenDataFile(run + "/cells.pvd")
found["times"] = [list(fields.TimestepValues), list(cells.TimestepValues)]
# without the series, by the TimeValue of each file
files = [run + "/fields/fields_%04d.vti" % i for i in range(3)]
found["times_of_series"] = list(pv.OpenDataFile(run + "/fields.vti.series").TimestepValues)
found["times_of_files"] = list(pv.XMLImageDataReader(FileName=files).TimestepValues)
found["steps"] = []
for time in fields.TimestepValues:
    step = {}
    fields.UpdatePipeline(time)
    cells.UpdatePipeline(time)
    information = fields.GetDataInformation()
    step["bounds"] = list(information.GetBounds())
    step["voxels"] = information.GetNumberOfCells()
    total = pv.IntegrateVariables(Input=fields)
    total.UpdatePipeline(time)
    data = servermanager.Fetch(total).GetCellData()
    size = data.GetArray("Volume") or data.GetArray("Area")
    step["size"] = size.GetValue(0)
    step["integral"] = data.GetArray("SCF_nM").GetValue(0)
    marrow = pv.Threshold(Input=fields, Scalars=["CELLS", "tissue"], LowerThreshold=2, UpperThreshold=2)
    marrow.UpdatePipeline(time)
    step["marrow"] = marrow.GetDataInformation().GetNumberOfCells()
    step["range"] = list(marrow.CellData["SCF_nM"].GetRange())
    step["range_of_all"] = list(fields.CellData["SCF_nM"].GetRange())
    # ParaView 5.11 crashes in this filter on blanked images one or two voxels thick (showing them as a surface is fine)
    thin = min(information.GetExtent()[2 * axis + 1] - information.GetExtent()[2 * axis] for axis in range(3)) == 1
    surface = pv.ExtractSurface(Input=marrow if thin else fields)
    surface.UpdatePipeline(time)
    step["faces"] = surface.GetDataInformation().GetNumberOfCells()
    hot = pv.Threshold(Input=fields, Scalars=["CELLS", "hot"], LowerThreshold=0.5, UpperThreshold=2)
    hot.UpdatePipeline(time)
    step["hot"] = [hot.GetDataInformation().GetNumberOfCells(), list(hot.GetDataInformation().GetBounds())]
    points = servermanager.Fetch(cells)
    step["cells"] = [list(points.GetPoint(i)) for i in range(points.GetNumberOfPoints())]
    ids = points.GetPointData().GetArray("cell_id")
    step["ids"] = [int(i) for i in vtk_to_numpy(ids)] if ids else None
    at = pv.ResampleWithDataset(SourceDataArrays=fields, DestinationMesh=cells)
    at.UpdatePipeline(time)
    value = servermanager.Fetch(at).GetPointData().GetArray("hot")
    step["hot_at_cells"] = [value.GetValue(i) for i in range(value.GetNumberOfTuples())] if value else []
    text = servermanager.Fetch(fields).GetFieldData().GetAbstractArray("provenance")
    step["provenance"] = text.GetValue(0)
    step["ghost"] = servermanager.Fetch(fields).GetCellData().GetArray("vtkGhostType").GetDataTypeAsString()
    found["steps"].append(step)
vessels = pv.OpenDataFile(run + "/geometry/vessels.vtp")
vessels.UpdatePipeline()
found["vessels"] = [vessels.GetDataInformation().GetNumberOfCells(), list(vessels.CellData["radius_um"].GetRange())]
bone = pv.OpenDataFile(run + "/geometry/bone.vtp")
bone.UpdatePipeline()
found["bone"] = [bone.GetDataInformation().GetNumberOfCells(), list(bone.GetDataInformation().GetBounds())]
json.dump(found, open(out, "w"))
"""


@pytest.fixture(scope="module", params=[(11, 12, 14), (11, 12, 1), (1, 12, 14)], ids=["box", "slab-x", "slab-z"])
def recording(request, tmp_path_factory):
    return Recording(tmp_path_factory.mktemp("paraview") / "run", request.param)


@pytest.fixture(scope="module")
def seen(recording, tmp_path_factory):
    """What ParaView finds in the recording, as a dict."""
    folder = tmp_path_factory.mktemp("asked")
    (folder / "ask.py").write_text(ASK)
    run_in_paraview(folder / "ask.py", recording.path, folder / "seen.json")
    return json.loads((folder / "seen.json").read_text())


def test_times_are_exact(seen):
    assert seen["times"] == [list(DAYS), list(DAYS)]
    assert seen["times_of_files"] == list(DAYS)
    assert seen["times_of_series"] == list(DAYS)


def test_bounds_are_those_of_the_lattice(seen, recording):
    low = np.array(ORIGIN)
    high = low + SPACING * np.array(recording.shape[::-1])
    for step in seen["steps"]:
        assert step["bounds"] == pytest.approx(np.stack([low, high], axis=1).ravel(), rel=1e-12)
        assert step["voxels"] == recording.tissue.size


def test_what_is_not_marrow_is_blanked(seen, recording):
    """What ParaView shows and integrates is the marrow: its faces, its volume, its content."""
    volume = recording.flat.size * SPACING**3
    padded = np.pad(recording.tissue == 2, 1).astype(int)
    faces = sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in range(3))
    for index, step in enumerate(seen["steps"]):
        assert step["ghost"] in ("unsigned char", "vtkTypeUInt8")
        assert step["faces"] == faces
        assert step["size"] == pytest.approx(volume, rel=1e-9)
        assert step["integral"] == pytest.approx((1 + index) * recording.scf.sum() * SPACING**3, rel=1e-6)
        assert step["marrow"] == recording.flat.size
        assert step["range"] == pytest.approx([(1 + index) * recording.scf.min(), (1 + index) * recording.scf.max()])
        assert step["range_of_all"] == step["range"]


def test_cells_lie_in_the_voxels_they_lie_in(seen, recording):
    for index, step in enumerate(seen["steps"]):
        number, bounds = step["hot"]
        assert number == 1
        assert bounds == pytest.approx(np.stack([recording.centre - 10, recording.centre + 10], axis=1).ravel())
        assert step["cells"] == ([recording.centre.tolist()] if index else [])
        assert step["hot_at_cells"] == ([1.0] if index else [])
        assert step["ids"] == ([2**40] if index else [])


def test_geometry_and_provenance_are_read(seen):
    assert seen["vessels"] == [3, [5.0, 9.0]]
    assert seen["bone"][0] == 4
    facts = [json.loads(step["provenance"]) for step in seen["steps"]]
    assert facts[0] == facts[2]
    assert facts[0]["seed"] == 3
    assert facts[0]["fields"]["division_per_h"] == {"field": "division", "unit": "1/h"}


SINUSOIDS = """
import json, sys

run, out = sys.argv[1:3]
sys.argv = ["open_in_paraview.py"]
script = run + "/open_in_paraview.py"
exec(compile(open(script).read(), script, "exec"), {"__file__": script})
from paraview import simple as pv

source = pv.FindSource("sinusoids in the piece")
source.UpdatePipeline(30.0)
lines, points = source.GetDataInformation().GetNumberOfCells(), source.PointData["vessel_integrity"].GetRange()
tubes = pv.FindSource("arteriole tubes")
tubes.UpdatePipeline()
json.dump({"lines": lines, "integrity": list(points), "tubes": list(tubes.GetDataInformation().GetBounds())}, open(out, "w"))
"""


def test_the_scene_shows_sinusoids_with_integrity_and_wide_arterioles(recording, tmp_path):
    """Their ends lie in corners of the box, outside the marrow, where a voxel holds the mean; the first has one at each end."""
    if min(recording.shape) == 1:
        pytest.skip("in a slab the corner lies on the face of the box, where ParaView may find a voxel or none")
    (tmp_path / "ask.py").write_text(SINUSOIDS)
    run_in_paraview(tmp_path / "ask.py", recording.path, tmp_path / "seen.json")
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["lines"] == 1
    assert seen["integrity"] == pytest.approx([recording.scf.mean() / 2] * 2, rel=1e-6)
    low, high = np.array(seen["tubes"]).reshape(3, 2).T
    assert high[2] - low[2] == pytest.approx(2 * 8.5, rel=0.02)  # the widest end: the mean of 8 and 9


RULER = """
import json, sys

run, out = sys.argv[1:3]
sys.argv = ["open_in_paraview.py"]
script = run + "/open_in_paraview.py"
exec(compile(open(script).read(), script, "exec"), {"__file__": script})
from paraview import simple as pv

view, ruler = pv.GetActiveView(), pv.FindSource("scale bar")
shown = pv.GetDisplayProperties(ruler, view)
ends = [list(ruler.Point1), list(ruler.Point2)]
json.dump({"ends": ends, "label": shown.LabelFormat, "shown": shown.Visibility, "flat": view.CameraParallelProjection}, open(out, "w"))
"""


def test_the_scene_has_a_scale_bar_of_a_round_length_without_perspective(recording, tmp_path):
    """Along the longest side, outside of the piece, at most 0.3 of it; its label is its length."""
    (tmp_path / "ask.py").write_text(RULER)
    run_in_paraview(tmp_path / "ask.py", recording.path, tmp_path / "seen.json")
    seen = json.loads((tmp_path / "seen.json").read_text())
    start, end = np.array(seen["ends"])
    sides = SPACING * np.array(recording.shape[::-1])
    long, middle = int(np.argmax(sides)), int(np.argsort(sides)[1])
    length = float(np.linalg.norm(end - start))
    assert seen["label"] == f"{length:g} um" and length in (10, 20, 50, 100, 200, 500)
    assert 0.12 * sides[long] <= length <= 0.3 * sides[long] and (end - start)[long] == pytest.approx(length)
    assert start[middle] < ORIGIN[middle] and seen["shown"] == 1 and seen["flat"] == 1


def test_the_runs_own_script_makes_a_picture(recording, tmp_path):
    """From anywhere, after the directory moved; the picture shows the marrow's colours on a white ground."""
    import matplotlib.image

    moved = tmp_path / "moved"
    shutil.copytree(recording.path, moved)
    said = run_in_paraview(moved / "open_in_paraview.py", tmp_path / "picture.png")
    assert "wrote" in said
    picture = matplotlib.image.imread(tmp_path / "picture.png")[..., :3]
    assert picture.shape == (900, 1200, 3)
    middle = picture[225:675, 300:900]
    assert (middle.min(axis=-1) < 0.9).mean() > 0.03
    assert (np.ptp(middle, axis=-1) > 0.2).mean() > 0.01
    assert np.median(picture[:40, -40:]) > 0.99


PART = """
import json, sys
from paraview import simple as pv
from paraview import servermanager

part, out = sys.argv[1:3]
found = {"steps": []}
fields, vessels = pv.OpenDataFile(part + "/fields.pvd"), pv.OpenDataFile(part + "/vessels.pvd")
found["times"] = [list(fields.TimestepValues), list(vessels.TimestepValues)]
for time in fields.TimestepValues:
    fields.UpdatePipeline(time)
    vessels.UpdatePipeline(time)
    total = pv.IntegrateVariables(Input=fields)
    total.UpdatePipeline(time)
    data = servermanager.Fetch(total).GetCellData()
    size = data.GetArray("Volume") or data.GetArray("Area")
    integrity = vessels.CellData["integrity"].GetRange()
    step = {"size": size.GetValue(0), "integral": data.GetArray("SCF_nM").GetValue(0), "integrity": list(integrity)}
    found["steps"].append({**step, "bounds": list(fields.GetDataInformation().GetBounds())})
json.dump(found, open(out, "w"))
"""


def test_a_part_that_is_exported_is_that_part_of_the_run(recording, tmp_path):
    """Half of the box and two of three times, ten bits of each value; integrals over the marrow are those of numpy."""
    half = ORIGIN[1] + SPACING * recording.shape[1] / 2
    asked = Asked(region=(f"y={half}:",), from_day="1", keep_bits=10)
    part = export(recording.path, "vti", asked, into=tmp_path / "part")
    (tmp_path / "ask.py").write_text(PART)
    run_in_paraview(tmp_path / "ask.py", part, tmp_path / "seen.json")
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["times"] == [list(DAYS[1:])] * 2
    here = np.indices(recording.shape)[1].ravel()[recording.flat] >= recording.shape[1] // 2
    for index, step in enumerate(seen["steps"], 1):
        assert step["bounds"][2:4] == [half, ORIGIN[1] + SPACING * recording.shape[1]]
        assert step["size"] == pytest.approx(here.sum() * SPACING**3, rel=1e-9)
        total = (1 + index) * recording.scf[here].sum() * SPACING**3
        assert step["integral"] == pytest.approx(total, rel=error_of(10))
        assert step["integrity"][1] == 1.0
