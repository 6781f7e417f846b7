"""What is exported, read back by the libraries that others read it with."""

import json
import os

import numpy as np
import pytest

from marrow_niche.errors import ExportError, RunError
from marrow_niche.record import export as exporting
from marrow_niche.record import paraview_files
from marrow_niche.record.chosen import Asked, choose, error_of, rounded
from marrow_niche.record.export import FORMS, export, told, write_vtkhdf
from marrow_niche.record.results import open_results

DAYS = (0.0, 0.5, 4 / 3, 7.0)
FLAT = Asked(fields=("SCF",), days=("1.333",))


@pytest.fixture
def into(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def scf(run):
    """SCF at day 4/3, NaN outside the marrow: (z, y, x)."""
    return open_results(run).field("SCF").isel(time=2).values


def test_rounding_keeps_what_it_says():
    """At every number of bits, over all sizes: within the error that is told, and no nearer than half of it everywhere."""
    rng = np.random.default_rng(5)
    values = (rng.choice([-1, 1], 4000) * np.exp(rng.uniform(-60, 60, 4000))).astype(np.float32)
    for bits in (1, 7, 10, 22):
        off = np.abs(rounded(values, bits).astype(float) / values - 1)
        assert 0.5 * error_of(bits) < off.max() <= error_of(bits)
        assert not (rounded(values, bits).view(np.uint32) & ((1 << (23 - bits)) - 1)).any()
    assert rounded(np.float32([1.25, 1.75, -1.25, 0.0]), 1).tolist() == [1.0, 2.0, -1.0, 0.0]
    assert rounded(values, None) is values
    assert rounded(np.arange(3), 4).tolist() == [0, 1, 2]


def test_times_fields_and_region_are_chosen(run, marrow):
    results = open_results(run)
    everything = choose(results, Asked())
    assert [day for _, day, _ in everything.times] == list(DAYS)
    assert list(everything.units) == ["SCF_nM", "division_per_h", "progenitors"]
    span = choose(results, Asked(from_day="0.5", to_day="2 d", fields=("division", "SCF_nM")))
    assert [number for number, _, _ in span.times] == [1, 2]
    assert span.units == {"division_per_h": "1/h", "SCF_nM": "nM"}
    part = choose(results, Asked(region=("x=10:70", "z=20%:", "y=:65 um")))
    assert part.grid["shape"] == (4, 3, 3)
    assert part.grid["origin"] == (10.0, 5.0, 120.0)
    whole = results.field("SCF").isel(time=3).values[1:, :3, 2:5]
    inside = part.values(part.times[3][2], "SCF_nM")
    assert np.array_equal(inside, whole[~np.isnan(whole)])
    assert np.array_equal(part.grid["tissue"], marrow.grid["tissue"][1:, :3, 2:5])


def test_every_mistake_is_told_at_once(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    asked = Asked(
        fields=("SFC", "division"),
        days=("3", "x"),
        to_day="7",
        region=("x=900:", "x=0:40", "y=0:40", "y=0:60", "q=3", "z=a:b"),
        keep_bits=0,
    )
    with pytest.raises(ExportError) as caught:
        export(run, "vtl", asked, into=tmp_path / "full")
    text = str(caught.value)
    assert "11 mistakes" in text and len(caught.value.mistakes) == 11
    for part in (
        "--to vtl: there is no such form; one of vti, vtkhdf",
        "is there already, and is no earlier export",
        "Did you mean 'SCF'",
        "--days 3: not recorded; the run has 4 times, 0 to 7, and day 1.33333 is nearest",
        "--days x: not a day",
        "give one or the other",
        "--region x=900:: no voxel has its centre there; the box runs from x -30 to 110 um",
        "--region y=0:60: y is bounded already",
        "--region q=3: give an axis",
        "--region z=a:b: bounds are um, or % of the box",
        "--keep-bits 0",
    ):
        assert part in text
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["mine.txt"]
    with pytest.raises(ExportError, match="no marrow lies there"):
        export(run, "csv", Asked(region=("x=:-10", "y=:20", "z=:115")), into=tmp_path / "x")
    with pytest.raises(ExportError, match="--from-day 3, --to-day 1: the first day comes after the last"):
        export(run, "csv", Asked(from_day="3", to_day="1"), into=tmp_path / "x")
    with pytest.raises(ExportError, match="--fields SFC: the run has no field 'SFC'"):
        export(run, "csv", Asked(fields=("SFC",)), into=tmp_path / "x")
    with pytest.raises(ExportError, match="no time is recorded there"):
        export(run, "csv", Asked(from_day="8"), into=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_export_is_whole_or_absent_and_replaces_only_another(run, into, monkeypatch):
    def breaks(chosen, folder, show):
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setitem(FORMS, "csv", (breaks, ""))
    with pytest.raises(KeyboardInterrupt):
        export(run, "csv", into=into)
    assert sorted(os.listdir(into.parent)) == ["run"]
    monkeypatch.undo()
    export(run, "csv", into=into)
    with pytest.raises(ExportError, match="--overwrite to replace it"):
        export(run, "nrrd", FLAT, into=into)
    export(run, "nrrd", FLAT, into=into, overwrite=True)
    assert sorted(os.listdir(into)) == ["SCF_nM_0002.nrrd", "export.json", "tissue.nrrd", "volumes.csv"]
    with pytest.raises(ExportError, match="no earlier export"):
        export(run, "nrrd", FLAT, into=run.path, overwrite=True)
    assert run.scenario.is_file()
    assert export(run, "csv").name == "run_csv"


def test_an_export_with_other_files_in_it_is_not_overwritten(run, into):
    for form, where in (("vti", "fields/mine.txt"), ("zarr", "notes.md")):
        export(run, form, into=into, overwrite=True)
        (into / where).write_text("keep me")
        (into / ".DS_Store").write_text("a file manager's")
        with pytest.raises(ExportError, match=rf"holds more than an export \({where}\). Move that away first"):
            export(run, "csv", into=into, overwrite=True)
        assert (into / where).read_text() == "keep me"
        (into / where).unlink()
    export(run, "csv", into=into, overwrite=True)
    assert sorted(os.listdir(into)) == ["cells.csv", "export.json"]


def test_what_is_put_into_an_export_while_it_is_replaced_stays(run, into):
    export(run, "csv", into=into)
    with pytest.raises(ExportError, match="holds more than an export"):
        export(run, "csv", into=into, overwrite=True, show=lambda *_: (into / "late.txt").write_text("keep me"))
    assert sorted(os.listdir(into)) == ["cells.csv", "export.json", "late.txt"] and sorted(os.listdir(into.parent)) == ["out", "run"]


def test_an_export_that_does_not_tell_its_files_is_left_alone(run, into):
    """As one of an older version, or one whose note was edited."""
    export(run, "csv", into=into)
    (into / "export.json").write_text("{}")
    with pytest.raises(ExportError, match=r"more than an export \(cells.csv\)"):
        export(run, "csv", into=into, overwrite=True)


def test_a_run_that_is_the_working_folder_is_exported_beside_it(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run.path)
    assert export(".", "csv").resolve() == tmp_path / "run_csv"
    with pytest.raises(ExportError, match=r"--into \.: is a folder that others stand in"):
        export(".", "csv", into=".")
    with pytest.raises(ExportError, match="is inside the run"):
        export(".", "csv", into="mine")
    assert not (run.path / "mine").exists()


def test_each_export_says_whose_it_is(run, into):
    for form in FORMS:
        export(run, form, Asked(keep_bits=10), into=into, overwrite=True)
        note = json.loads((into / "export.json").read_text())
        assert (note["title"], note["seed"], note["form"]) == ("a ball of marrow", 7, form)
        assert note["scenario_sha256"] == open_results(run).provenance["scenario_sha256"]
        assert note["days"] == list(DAYS)
        assert "within 0.049 % of the run's" in told(into)


def test_images_lie_where_the_marrow_lies(run, into, scf):
    """As this package reads bones back: values, edge, and the low corner, which tells axes that were mixed up."""
    from marrow_niche.geometry.image_files import reader_of

    for form, name in (("nrrd", "SCF_nM_0002.nrrd"), ("nifti", "SCF_nM_0002.nii.gz")):
        export(run, form, FLAT, into=into, overwrite=True)
        raw = reader_of(into / name)[1](into / name)
        assert np.array_equal(raw.values, np.nan_to_num(scf).astype(np.float32))
        assert raw.edge == pytest.approx([20, 20, 20])
        assert raw.corner * 20 == pytest.approx([-30, 5, 100], rel=1e-5)
        table = (into / "volumes.csv").read_text().splitlines()
        assert table == ["file,field,unit,day", f"{name},SCF_nM,nM,1.3333333333333333"]


def test_ome_tiff_has_fields_as_channels(run, into, scf):
    import tifffile

    export(run, "ome-tiff", Asked(fields=("division", "SCF")), into=into)
    with tifffile.TiffFile(into / "fields.ome.tif") as file:
        series = file.series[0]
        assert (series.axes, series.shape) == ("TCZYX", (4, 2, 5, 6, 7))
        assert np.array_equal(series.asarray()[2, 1], np.nan_to_num(scf))
        text = file.ome_metadata
    for part in ('PhysicalSizeZ="20.0"', 'Name="SCF_nM [nM]"', 'DeltaT="1.3333333333333333"', 'DeltaTUnit="d"', 'PositionX="-20.0"'):
        assert part in text
    assert np.array_equal(tifffile.imread(into / "tissue.ome.tif"), open_results(run).tissue)


def test_ome_tiff_names_no_machine_and_no_clock(run, into):
    """The same bytes each time, and another identifier for another part."""
    import tifffile

    found = []
    for days in (("0",), ("0",), ("7",)):
        export(run, "ome-tiff", Asked(fields=("SCF",), days=days), into=into, overwrite=True)
        with tifffile.TiffFile(into / "fields.ome.tif") as file:
            found.append(((into / "fields.ome.tif").read_bytes(), file.ome_metadata.partition('UUID="')[2][:45]))
    assert found[0] == found[1] and found[0][1].startswith("urn:uuid:") and found[0][1] != found[2][1]


@pytest.mark.parametrize(("form", "name"), [("zarr", "fields.zarr"), ("netcdf", "fields.nc")])
def test_a_labelled_data_set_is_that_of_the_results(run, into, form, name):
    import xarray as xr

    export(run, form, into=into)
    opened = xr.open_zarr if form == "zarr" else xr.open_dataset
    with opened(into / name, decode_times=False) as data:
        for field in ("SCF_nM", "division_per_h", "progenitors"):
            expected = open_results(run).field(field)
            assert data[field].dims == ("time", "z", "y", "x")
            assert np.array_equal(data[field].values, expected.values.astype(np.float32), equal_nan=True)
            for axis in ("time", "z", "y", "x"):
                assert data[axis].values.tolist() == expected[axis].values.tolist()
        assert data["SCF_nM"].attrs["units"] == "nM"
        assert np.array_equal(data["tissue"], open_results(run).tissue)
        assert json.loads(data.attrs["provenance"])["seed"] == 7


def test_netcdf_beyond_its_size_is_refused(run, into, monkeypatch):
    monkeypatch.setattr(exporting.labelled, "NETCDF_BYTES", 100)
    with pytest.raises(ExportError, match="or --to zarr"):
        export(run, "netcdf", into=into)
    assert not into.exists()


def test_cells_of_the_region_stand_in_a_table(run, into):
    import pandas as pd

    export(run, "csv", Asked(region=("z=100:",)), into=into)
    table = pd.read_csv(into / "cells.csv")
    expected = []
    for day in DAYS:
        cells = open_results(run).cells(day)
        expected += [(day, i) for i in cells["cell_id"][(cells["x_um"] < 110) & (cells["y_um"].between(5, 125)) & (cells["z_um"] >= 100)]]
    assert list(zip(table["day"], table["cell_id"])) == expected
    assert list(table.columns[:5]) == ["day", "x_um", "y_um", "z_um", "cell_id"]


@pytest.fixture
def hurt(tmp_path, marrow):
    """A recording whose sinusoids lose integrity with the days, by place."""
    marrow.units = marrow.units | {"vessel_integrity": ""}
    healthy = marrow.fields
    marrow.fields = lambda day: healthy(day) | {"vessel_integrity": 1 - (day / 8) * np.arange(marrow.n) / marrow.n}
    recorder = marrow.begin(tmp_path / "hurt")
    nodes = np.array([[60.0, 60, 130], [60, 80, 130], [80, 80, 170], [1000, 80, 170]])
    vessels = {"nodes": nodes, "edges": [[0, 1], [1, 2], [2, 3]], "radius": [5.0, 7.0, 9.0], "kind": [0, 1, 2]}
    recorder.geometry(vessels, None)
    for day in DAYS:
        marrow.record(recorder, day)
    return recorder.directory


def test_vessels_carry_radius_and_integrity_over_time(hurt, into, marrow):
    import pyvista

    export(hurt, "vti", into=into)
    field = open_results(hurt).field("vessel_integrity")
    entries = paraview_files.read_collection(into / "vessels.pvd")
    assert [day for day, _ in entries] == list(DAYS)
    for step, (_, name) in enumerate(entries):
        lines = pyvista.read(into / name)
        assert lines.n_lines == 2  # the third has its middle outside the box
        assert lines.cell_data["radius_um"].tolist() == [5, 7]
        middle = field.isel(time=step).sel(x=60, y=70, z=130, method="nearest").item()
        assert lines.cell_data["integrity"].tolist() == [np.float32(middle), 1.0]
    assert middle < 0.9
    export(hurt, "vtkhdf", into=into, overwrite=True)
    assert sorted(os.listdir(into)) == ["cells.vtkhdf", "export.json", "fields.vtkhdf", "vessels.vtkhdf"]


def test_a_part_opens_in_its_place_with_its_times(run, into, marrow):
    import pyvista

    export(run, "vti", Asked(region=("x=10:70",), from_day="0.5", fields=("SCF",), keep_bits=12), into=into)
    for name in ("fields.pvd", "fields.vti.series"):
        reader = pyvista.get_reader(str(into / name))
        assert reader.time_values == list(DAYS[1:])
        image = reader.read()
        image = image[0] if isinstance(image, pyvista.MultiBlock) else image
        assert image.bounds == (10, 70, 5, 125, 100, 200)
        assert set(image.cell_data) == {"tissue", "vtkGhostType", "SCF_nM"}
    whole = open_results(run).field("SCF").isel(time=3, x=slice(2, 5)).values
    reader.set_active_time_point(2)
    shown = reader.read().threshold(2, scalars="tissue")
    assert shown.cell_data["SCF_nM"] == pytest.approx(whole[~np.isnan(whole)], rel=error_of(12))
    assert b"vtkZLibDataCompressor" in (into / "fields" / "fields_0001.vti").read_bytes()[:200]


def test_a_run_gets_its_vtkhdf_whole(run):
    from vtkmodules.vtkIOHDF import vtkHDFReader

    write_vtkhdf(run)
    for name in ("fields.vtkhdf", "cells.vtkhdf"):
        reader = vtkHDFReader()
        reader.SetFileName(str(run.path / name))
        reader.Update()
        assert reader.GetNumberOfSteps() == len(DAYS)
    assert not list(run.path.glob(".*"))
    run.create(overwrite=True)
    assert not list(run.path.iterdir())


def test_a_run_of_tables_alone_has_nothing_to_export(tmp_path, marrow):
    recorder = marrow.begin(tmp_path / "run")
    with pytest.raises(RunError, match="no fields are recorded"):
        export(recorder.directory, "vti")


def test_a_run_without_space_says_so_with_the_other_mistakes(run, into):
    """Its first record holds the tissue alone."""
    told = run.read_scenario() | {"record": {"space": False}}
    run.write_scenario(told)
    with pytest.raises(ExportError) as refused:
        export(run, "vtk", into=into)
    assert len(refused.value.mistakes) == 2 and "space = false under [record]" in refused.value.mistakes[1]
    assert not into.exists()
