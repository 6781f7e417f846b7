"""The files as VTK's own readers and PyVista see them; ParaView itself is asked in tests/paraview."""

import json

import numpy as np
import pytest

from marrow_niche.errors import RunError
from marrow_niche.record import paraview, paraview_files

pyvista = pytest.importorskip("pyvista")


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("SCF", "nM", "SCF_nM"),
        ("SCF_nM", "nM", "SCF_nM"),
        ("TGF-\N{GREEK SMALL LETTER BETA}", "nM", "TGF_beta_nM"),
        ("area", "\N{MICRO SIGN}m\N{SUPERSCRIPT TWO}", "area_um2"),
        ("kit ligand", "1/h", "kit_ligand_per_h"),
        ("cells", "1/mm^3", "cells_per_mm3"),
        ("D", "um**2/s", "D_um2_per_s"),
        ("share", "-", "share"),
        ("share", "", "share"),
        ("hypoxia", "%", "hypoxia_percent"),
    ],
)
def test_names_of_arrays_need_no_quotes_in_paraview(name, unit, expected):
    assert paraview.array_name(name, unit) == expected
    assert paraview.array_name(paraview.array_stem(expected, unit), unit) == expected


def test_voxels_are_cells_of_the_image_in_the_bones_own_frame(tmp_path, marrow):
    values = np.arange(marrow.n, dtype=float)
    paraview.write_image(tmp_path / "a.vti", marrow.grid, {"SCF_nM": values}, units={"SCF_nM": "nM"}, day=4 / 3)
    image = pyvista.read(tmp_path / "a.vti")
    assert image.dimensions == (8, 7, 6)
    assert image.bounds == (-30, 110, 5, 125, 100, 200)
    assert image.field_data["TimeValue"].dtype == np.float64
    assert image.field_data["TimeValue"].tolist() == [4 / 3]
    assert image.cell_data["vtkGhostType"].dtype == np.uint8
    assert image.cell_data["tissue"].dtype == np.uint8
    assert set(np.unique(image.cell_data["vtkGhostType"])) == {0, 32}
    assert np.array_equal(np.flatnonzero(image.cell_data["vtkGhostType"] == 0), marrow.grid["flat"])
    assert np.array_equal(image.cell_data["tissue"], marrow.grid["tissue"].ravel())
    assert image.cell_data["SCF_nM"].dtype == np.float32


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1)])
def test_one_hot_voxel_lies_where_its_centre_is(tmp_path, shape):
    """Also in a slab, one voxel thick along any axis: the same file, one layer of voxels."""
    grid = {"shape": shape, "spacing": 20.0, "origin": (-30.0, 5.0, 100.0), "tissue": np.full(shape, 2, np.uint8)}
    grid["flat"] = np.arange(np.prod(shape))
    voxel = tuple(min(wish, n - 1) for wish, n in zip((3, 4, 1), shape, strict=True))
    hot = np.zeros(shape)
    hot[voxel] = 1.0
    paraview.write_image(tmp_path / "a.vti", grid, {"hot": hot.ravel()}, units={})
    image = pyvista.read(tmp_path / "a.vti")
    where = np.flatnonzero(image.cell_data["hot"])
    expected = np.array([-30.0, 5.0, 100.0]) + 20.0 * (np.array(voxel[::-1]) + 0.5)
    assert image.cell_centers().points[where].tolist() == [expected.tolist()]
    assert image.n_cells == np.prod(shape)


def test_hidden_voxels_hold_the_mean_so_ranges_are_those_of_the_marrow(tmp_path, marrow):
    values = np.linspace(3, 5, marrow.n)
    fields = {"SCF": values, "count": np.arange(marrow.n) + 2**24}
    paraview.write_image(tmp_path / "a.vti", marrow.grid, fields, units={"SCF": "nM"})
    array = paraview_files.read_image_array(tmp_path / "a.vti", "SCF").ravel()
    hidden = np.setdiff1d(np.arange(array.size), marrow.grid["flat"])
    assert array[hidden] == pytest.approx(4.0)
    header = paraview_files.read_image_header(tmp_path / "a.vti")
    assert header["arrays"]["SCF"] == {"low": 3.0, "high": 5.0, "unit": "nM", "dtype": np.float32}
    assert header["shape"] == (5, 6, 7)
    assert header["origin"] == (-30.0, 5.0, 100.0)
    assert header["spacing"] == 20.0


def test_an_image_drawn_in_the_room_of_another_is_the_same_file(tmp_path, marrow):
    n, room, rng = marrow.n, {}, np.random.default_rng(2)
    for k, more in enumerate(({}, {"few": rng.integers(0, 9, n)}, {"few": rng.random(n)})):
        fields = {"SCF_nM": rng.random(n)} | more
        files = [tmp_path / f"{name}{k}.vti" for name in ("new", "again")]
        for path, kept in zip(files, (None, room)):
            paraview.write_image(path, marrow.grid, fields, units={}, day=float(k), room=kept)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_integers_and_flags_are_not_rounded(tmp_path, marrow):
    big = np.arange(marrow.n) + 16777217
    fields = {"count": big, "huge": big + 2**40, "flag": np.arange(marrow.n) % 2 == 0}
    paraview.write_image(tmp_path / "a.vti", marrow.grid, fields, units={})
    for name, kind in (("count", np.int32), ("huge", np.int64), ("flag", np.uint8)):
        array = paraview_files.read_image_array(tmp_path / "a.vti", name)
        assert array.dtype == kind
        assert np.array_equal(array.ravel()[marrow.grid["flat"]], fields[name])


def test_provenance_and_units_travel_in_the_file(tmp_path, marrow):
    facts = {"seed": 7, "versions": {"numpy": "2"}, "day": np.float64(2)}
    paraview.write_image(
        tmp_path / "a.vti", marrow.grid, {"SCF_nM": np.ones(marrow.n)}, units={"SCF_nM": "nM"}, provenance=facts
    )
    image = pyvista.read(tmp_path / "a.vti")
    assert json.loads(image.field_data["provenance"][0]) == {"seed": 7, "versions": {"numpy": "2"}, "day": 2.0}
    assert b'encoding="raw"' in (tmp_path / "a.vti").read_bytes()
    assert b'header_type="UInt64" compressor="vtkLZ4DataCompressor"' in (tmp_path / "a.vti").read_bytes()


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"kit-ligand": 1.0}, "cannot name an array"),
        ({"tissue": 1.0}, "may not be called"),
        ({"SCF": np.nan}, "not finite"),
        ({"SCF": 1e39}, "not finite"),
        ({"SCF": 1j}, "a field holds numbers"),
    ],
)
def test_a_field_paraview_would_misread_is_refused(tmp_path, marrow, fields, what):
    fields = {name: np.full(marrow.n, value) for name, value in fields.items()}
    with pytest.raises(RunError, match=what):
        paraview.write_image(tmp_path / "a.vti", marrow.grid, fields, units={})
    assert list(tmp_path.iterdir()) == []


def test_a_field_of_another_length_is_refused(tmp_path, marrow):
    with pytest.raises(RunError, match="one value a marrow voxel"):
        paraview.write_image(tmp_path / "a.vti", marrow.grid, {"SCF": np.ones(marrow.n + 1)}, units={})


@pytest.mark.parametrize("count", [0, 1, 4])
def test_cells_keep_their_types_and_places(tmp_path, count):
    place = np.arange(count)
    position = np.stack([place, 2.0 * place, 1 / 3 + place], axis=1) if count else np.zeros((0, 3))
    arrays = {"cell_id": place + 2**40, "age_h": place / 3, "donor": place < 2, "dose_Gy": np.float32(place)}
    paraview.write_points(tmp_path / "c.vtp", position, arrays, units={"age_h": "h"}, day=2.0, provenance={"seed": 1})
    mesh = pyvista.read(tmp_path / "c.vtp")
    assert (mesh.n_points, mesh.n_cells, mesh.n_verts) == (count, count, count)
    assert np.array_equal(mesh.points, position)
    types = {"cell_id": np.int64, "age_h": np.float64, "donor": np.uint8, "dose_Gy": np.float32}
    assert {name: mesh.point_data[name].dtype for name in types} == types
    back = paraview_files.read_polydata(tmp_path / "c.vtp")
    assert np.array_equal(back["point"]["cell_id"], arrays["cell_id"])
    assert np.array_equal(back["point"]["age_h"], arrays["age_h"])
    assert back["verts"].shape == (count, 1)
    assert back["day"] == 2.0
    assert back["unit"]["age_h"] == "h"


def test_cells_that_do_not_fit_are_refused(tmp_path):
    for arrays, what in (({"age_h": [1.0]}, "expected 2 values"), ({"state": np.array(["a", "b"])}, "write numbers")):
        with pytest.raises(RunError, match=what):
            paraview.write_points(tmp_path / "c.vtp", np.zeros((2, 3)), arrays)
    with pytest.raises(RunError, match=r"expected \(k, 3\)"):
        paraview.write_points(tmp_path / "c.vtp", np.zeros((2, 2)), {})


def test_vessels_and_bone_come_back(tmp_path):
    nodes = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 1]])
    edges, triangles = np.array([[0, 1], [1, 2]], np.int32), np.array([[0, 1, 2]])
    paraview.write_lines(tmp_path / "v.vtp", nodes, edges, {"radius_um": [1.0, 2.0], "kind": np.uint8([0, 2])})
    paraview.write_surface(tmp_path / "b.vtp", nodes, triangles)
    lines, surface = pyvista.read(tmp_path / "v.vtp"), pyvista.read(tmp_path / "b.vtp")
    assert lines.n_lines == 2
    assert lines.length == pytest.approx(np.sqrt(3))
    assert lines.cell_data["kind"].dtype == np.uint8
    assert surface.faces.tolist() == [3, 0, 1, 2]
    assert np.array_equal(paraview_files.read_polydata(tmp_path / "v.vtp")["lines"], edges)
    paraview.write_lines(tmp_path / "none.vtp", np.zeros((0, 3)), np.zeros((0, 2)), {"radius_um": [], "kind": []})
    assert pyvista.read(tmp_path / "none.vtp").n_lines == 0


def test_a_series_keeps_every_bit_of_its_times(tmp_path):
    entries = [(0.0, "fields/fields_0000.vti"), (1 / 3, "fields/fields_0001.vti"), (30.0, "fields/fields_0002.vti")]
    paraview.write_collection(tmp_path / "fields.pvd", entries)
    assert paraview_files.read_collection(tmp_path / "fields.pvd") == entries
    assert paraview_files.read_collection(tmp_path / "absent.pvd") == []
    (tmp_path / "fields.pvd").write_text("<VTKFile>")
    with pytest.raises(RunError, match="cannot be read"):
        paraview_files.read_collection(tmp_path / "fields.pvd")


def test_damaged_and_missing_files_are_told(tmp_path, marrow, capfd):
    paraview.write_image(tmp_path / "a.vti", marrow.grid, {"SCF": np.ones(marrow.n)}, units={})
    with pytest.raises(RunError, match="'EPO' is missing"):
        paraview_files.read_image_array(tmp_path / "a.vti", "EPO")
    (tmp_path / "a.vti").write_bytes((tmp_path / "a.vti").read_bytes()[:300])
    for read in (
        paraview_files.read_image_header,
        lambda path: paraview_files.read_image_array(path, "SCF"),
        paraview_files.read_polydata,
    ):
        with pytest.raises(RunError, match="damaged"):
            read(tmp_path / "a.vti")
        with pytest.raises(RunError, match="missing"):
            read(tmp_path / "absent.vti")
    assert capfd.readouterr().err == ""
