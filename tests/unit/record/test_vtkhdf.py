"""Temporal VTKHDF as VTK's own reader sees it. ParaView 5.11 has no reader of it."""

import json

import h5py
import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOHDF import vtkHDFReader

from marrow_niche.errors import RunError
from marrow_niche.record.vtkhdf import ImageSeries, PolySeries

DAYS = (0.0, 4 / 3, 30.0)
FACTS = {"title": "a ball of \N{GREEK SMALL LETTER ALPHA}", "seed": 7}


def opened(path):
    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.Update()
    return reader


def steps(path):
    """Time and data of every step."""
    reader = opened(path)
    for step in range(reader.GetNumberOfSteps()):
        reader.SetStep(step)
        reader.Update()
        data = reader.GetOutput().NewInstance()
        data.DeepCopy(reader.GetOutput())
        yield reader.GetTimeValue(), data


def array(data, name):
    return vtk_to_numpy(data.GetArray(name))


@pytest.fixture
def images(tmp_path, marrow):
    hot = np.zeros(marrow.n)
    hot[5] = 1.0
    series = ImageSeries(tmp_path / "f.vtkhdf", marrow.grid, {"SCF_nM": "nM", "hot": "", "progenitors": ""}, FACTS)
    for day in DAYS:
        fields = marrow.fields(day)
        series.append(day, {"SCF_nM": fields["SCF"], "hot": hot, "progenitors": fields["progenitors"]})
    return series.path


def test_fields_lie_where_they_lie_in_the_vti(images, marrow):
    found = list(steps(images))
    assert [day for day, _ in found] == list(DAYS)
    for day, image in found:
        assert image.GetBounds() == (-30, 110, 5, 125, 100, 200)
        data = image.GetCellData()
        assert data.GetArray("vtkGhostType").GetDataTypeAsString() == "unsigned char"
        ghost = array(data, "vtkGhostType")
        assert np.array_equal(np.flatnonzero(ghost == 0), marrow.grid["flat"])
        assert set(np.unique(ghost)) == {0, 32}
        assert np.array_equal(array(data, "tissue"), marrow.grid["tissue"].ravel())
        assert np.array_equal(array(data, "SCF_nM")[ghost == 0], marrow.fields(day)["SCF"].astype(np.float32))
        assert data.GetArray("SCF_nM").GetRange() == pytest.approx(data_range(marrow.fields(day)["SCF"]), rel=1e-6)
        assert np.array_equal(array(data, "progenitors")[ghost == 0], marrow.fields(day)["progenitors"])
        where = int(np.flatnonzero(array(data, "hot") > 0.5)[0])
        k, j, i = np.unravel_index(marrow.grid["flat"][5], marrow.grid["shape"])
        bounds = image.GetCell(where).GetBounds()
        assert bounds[::2] == (-30 + 20 * i, 5 + 20 * j, 100 + 20 * k)
        facts = image.GetFieldData().GetAbstractArray("provenance").GetValue(0)
        assert json.loads(facts) == FACTS


def data_range(values):
    return values.min(), values.max()


def test_what_does_not_change_is_stored_once(images):
    with h5py.File(images) as file:
        root = file["VTKHDF"]
        assert root.attrs["Version"].tolist() == [2, 0]
        assert root["CellData/SCF_nM"].attrs["units"] == "nM"
        assert root["CellData/tissue"].shape[0] == root["CellData/vtkGhostType"].shape[0] == 1
        assert root["Steps/CellDataOffsets/tissue"][:].tolist() == [0, 0, 0]
        assert root["Steps/CellDataOffsets/SCF_nM"][:].tolist() == [0, 1, 2]


def test_a_step_half_written_is_not_seen_and_is_written_over(tmp_path, marrow, monkeypatch):
    """Killed after its data and before the number of steps, the file opens with the steps before; then it goes on."""
    from marrow_niche.record import vtkhdf

    images = ImageSeries(tmp_path / "f.vtkhdf", marrow.grid, {"SCF_nM": "nM"}, FACTS)
    points = PolySeries(tmp_path / "c.vtkhdf", {}, FACTS)

    def append(day, count):
        images.append(day, {"SCF_nM": np.full(marrow.n, 1.0 + day)})
        points.append(day, {"id": np.arange(count) + 10 * int(day)}, np.full((count, 3), day))

    append(0.0, 2)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vtkhdf, "_finish", killed)
        for series, arrays in ((images, {"SCF_nM": np.full(marrow.n, 9.0)}), (points, {"id": np.arange(5)})):
            with pytest.raises(KeyboardInterrupt):
                series.append(1.0, arrays, *([np.zeros((5, 3))] if series is points else []))
    for series in (images, points):
        assert opened(series.path).GetNumberOfSteps() == 1
    append(1.0, 3)
    assert [array(data.GetCellData(), "SCF_nM").max() for _, data in steps(images.path)] == [1.0, 2.0]
    assert [array(data.GetPointData(), "id").tolist() for _, data in steps(points.path)] == [[0, 1], [10, 11, 12]]
    assert [data.GetNumberOfVerts() for _, data in steps(points.path)] == [2, 3]


@pytest.mark.parametrize("counts", [(0, 2, 3), (3, 0, 1), (0, 0, 0)])
def test_cells_come_and_go(tmp_path, counts):
    series = PolySeries(tmp_path / "c.vtkhdf", {"age_d": "d"}, FACTS)
    position = [np.arange(3.0 * n).reshape(n, 3) + day for day, n in zip(DAYS, counts)]
    for day, n, place in zip(DAYS, counts, position):
        series.append(day, {"cell_id": np.arange(n) + 2**40, "age_d": np.arange(n) / 3, "tip": np.arange(n) < 1}, place)
    for (time, data), day, n, place in zip(steps(series.path), DAYS, counts, position, strict=True):
        assert (time, data.GetNumberOfPoints(), data.GetNumberOfVerts()) == (day, n, n)
        assert [data.GetPoint(i) for i in range(n)] == [tuple(row) for row in place]
        if n:
            assert array(data.GetPointData(), "cell_id").tolist() == [2**40 + i for i in range(n)]
            assert data.GetPointData().GetArray("tip").GetDataTypeAsString() == "unsigned char"


def test_vessels_stay_and_their_integrity_changes(tmp_path):
    nodes, edges = np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0]]), np.array([[0, 1], [1, 2]])
    network = nodes, edges, {"radius_um": np.array([3.0, 4.0])}, {"radius_um": np.array([3.0, 3.5, 4.0])}
    series = PolySeries(tmp_path / "v.vtkhdf", {"radius_um": "um"}, FACTS, network=network)
    for k, day in enumerate(DAYS):
        series.append(day, {"integrity": np.array([1.0, 1.0 - k / 4])})
    found = list(steps(series.path))
    assert [array(data.GetCellData(), "integrity").tolist() for _, data in found] == [[1, 1], [1, 0.75], [1, 0.5]]
    for _, data in found:
        assert (data.GetNumberOfLines(), data.GetNumberOfPoints()) == (2, 3)
        assert array(data.GetCellData(), "radius_um").tolist() == [3, 4]
        assert array(data.GetPointData(), "radius_um").tolist() == [3, 3.5, 4]
    with h5py.File(series.path) as file:
        assert file["VTKHDF/Points"].shape == (3, 3)


def test_what_does_not_fit_is_told(tmp_path, marrow):
    series = ImageSeries(tmp_path / "f.vtkhdf", marrow.grid, {"SCF_nM": "nM", "hot": ""}, FACTS)
    with pytest.raises(RunError, match="the step lacks hot"):
        series.append(0.0, {"SCF_nM": np.ones(marrow.n)})
    with pytest.raises(RunError, match="not finite"):
        series.append(0.0, {"SCF_nM": np.full(marrow.n, np.nan), "hot": np.ones(marrow.n)})
    with pytest.raises(RunError, match="has 2 values; expected 3"):
        PolySeries(tmp_path / "c.vtkhdf", {}, FACTS).append(0.0, {"id": [1, 2]}, np.zeros((3, 3)))
    with pytest.raises(RunError, match="cannot be written"):
        ImageSeries(tmp_path, marrow.grid, {}, FACTS)
