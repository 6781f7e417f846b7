import numpy as np
import pytest

from marrow_niche.errors import RunError
from marrow_niche.record import paraview_files
from marrow_niche.record.results import open_results

DAYS = (0.0, 0.5, 4 / 3, 7.0)


def test_tables_days_and_facts(run):
    results = open_results(run.path)
    assert results.days.tolist() == list(DAYS)
    assert results.blood["day"].tolist() == list(DAYS)
    assert results.blood["neutrophils_per_uL"].iloc[0] == 1500
    assert results.marrow["hsc"].tolist() == [12, 12, 11, 5]
    assert results.budgets["SCF_secreted_molecules_per_h"].tolist() == pytest.approx([1e9 + day / 3 for day in DAYS], rel=1e-9)
    assert results.scenario["title"] == "a ball of marrow"
    assert results.provenance["seed"] == 7
    assert results.finished
    assert results.directory == run.path
    assert "day 0 to 7" in repr(results)


def test_a_field_is_labelled_and_empty_outside_the_marrow(run, marrow):
    results = open_results(run)
    field = results.field("SCF")
    assert field.dims == ("time", "z", "y", "x")
    assert field.attrs["units"] == "nM"
    assert field.coords["time"].values.tolist() == list(DAYS)
    assert field.coords["x"].values.tolist() == [-20, 0, 20, 40, 60, 80, 100]
    assert field.coords["z"].values[0] == 110
    assert field.coords["z"].attrs["units"] == "um"
    for index, day in enumerate(DAYS):
        values = field.isel(time=index).values
        assert np.array_equal(values.ravel()[marrow.grid["flat"]], marrow.fields(day)["SCF"].astype(np.float32))
        assert np.isnan(values[results.tissue != 2]).all()
    assert results.field("SCF_nM").identical(field)
    assert np.nanmax(results.field("progenitors").values) == marrow.n - 1 + 7
    assert results.field("division").attrs["units"] == "1/h"
    assert results.fields == {"SCF_nM": "nM", "division_per_h": "1/h", "progenitors": ""}


def test_only_the_files_of_the_times_asked_for_are_opened(run, monkeypatch):
    field = open_results(run).field("SCF")
    whole = field.values
    opened = []
    read = paraview_files.read_image_array
    monkeypatch.setattr(paraview_files, "read_image_array", lambda path, name: opened.append(path.name) or read(path, name))
    part = field.sel(time=0.4, method="nearest").isel(z=2, x=slice(1, 5, 2))
    assert np.array_equal(part.values, whole[1, 2, :, 1:5:2], equal_nan=True)
    assert set(opened) == {"fields_0001.vti"}
    assert np.array_equal(field.isel(time=slice(0, 4, 3)).values, whole[[0, 3]], equal_nan=True)
    assert np.array_equal(field.isel(time=[3, 1], y=[0, 3]).values, whole[[3, 1]][:, :, [0, 3]], equal_nan=True)
    assert field.isel(time=slice(0, 0)).values.shape == (0, 5, 6, 7)


def test_the_lattice_and_the_geometry_come_back(run, marrow):
    results = open_results(run)
    assert np.array_equal(results.tissue, marrow.grid["tissue"])
    assert results.spacing == 20.0
    assert results.origin.tolist() == [-30, 5, 100]
    vessels = results.vessels()
    assert vessels["radius"].tolist() == [5, 7, 9]
    assert vessels["kind"].tolist() == [0, 1, 2]
    assert vessels["edges"].tolist() == [[0, 1], [1, 2], [2, 3]]
    vertices, triangles = results.surface()
    assert vertices.shape == (4, 3)
    assert triangles.shape == (4, 3)
    assert results.points("stroma").shape == (2, 3)
    with pytest.raises(RunError, match="it has stroma"):
        results.points("osteoblasts")


def test_cells_are_those_of_the_nearest_recorded_day(run, marrow):
    results = open_results(run)
    for asked, day in ((None, 7.0), (7.3, 7.0), (0.2, 0.0), (1, 4 / 3), (-0.4, 0.0)):
        cells = results.cells(day=asked)
        assert cells.attrs["day"] == day
        expected = marrow.cells(day)
        assert np.array_equal(cells[["x_um", "y_um", "z_um"]].to_numpy(), expected["position"])
        assert np.array_equal(cells["cell_id"], expected["cell_id"])
        assert cells["age_h"].tolist() == expected["age_h"].tolist()


def test_of_a_field_one_day_is_the_nearest_recorded_one(run):
    results = open_results(run)
    one = results.field("SCF", day=1)
    assert one.dims == ("z", "y", "x") and float(one["time"]) == 4 / 3
    assert np.array_equal(one, results.field("SCF").isel(time=2), equal_nan=True)


@pytest.mark.parametrize("day", [-0.6, 7.5, 999, float("nan")])
@pytest.mark.parametrize("read", ["cells", "scene", "field"])
def test_a_day_outside_of_the_run_is_refused_with_those_there_are(run, read, day):
    results = open_results(run)
    with pytest.raises(RunError, match=f"day {day:g} is not recorded; choose one of day 0 to 7, 4 times"):
        results.field("SCF", day=day) if read == "field" else getattr(results, read)(day=day)


def test_an_unknown_field_is_met_with_the_nearest_one(run):
    results = open_results(run)
    for wrong, right in (("SFC", "SCF"), ("scf", "SCF"), ("divisions", "division")):
        with pytest.raises(RunError, match=f"Did you mean '{right}'"):
            results.field(wrong)


def test_what_is_not_a_run_or_has_not_begun_is_told(tmp_path, marrow):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(RunError):
            open_results(path)
    results = open_results(marrow.begin(tmp_path / "run").directory)
    assert not results.finished
    assert results.days.size == 0
    assert "nothing recorded yet" in repr(results)
    for ask in (
        lambda: results.blood,
        lambda: results.budgets,
        lambda: results.field("SCF"),
        results.cells,
        results.vessels,
        lambda: results.tissue,
    ):
        with pytest.raises(RunError):
            ask()
