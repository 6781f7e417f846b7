"""A run as PyVista meshes: what is in them, and that they are where the voxels are."""

import numpy as np
import pytest

from marrow_niche.errors import RunError
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.recorder import Recorder
from marrow_niche.record.results import open_results


@pytest.fixture
def run(tmp_path):
    """Two days of a marrow of 2 x 3 x 4 voxels with bone round it; day 3 has twice the SCF and one cell less."""
    tissue = np.ones((4, 5, 6), np.uint8)
    tissue[1:-1, 1:-1, 1:-1] = 2
    flat = np.flatnonzero(tissue.ravel() == 2)
    grid = {"shape": tissue.shape, "spacing": 10.0, "origin": (100.0, 200.0, 300.0), "flat": flat, "tissue": tissue}
    directory = RunDirectory(tmp_path / "run").create()
    directory.write_scenario({"title": "a box", "seed": 1})
    recorder = Recorder(directory, grid, fields_unit={"SCF": "pM"})
    nodes = np.array([[110.0, 220.0, 310.0], [150.0, 220.0, 310.0], [150.0, 240.0, 330.0]])
    corners = np.array([[100.0, 200, 300], [160, 200, 300], [100, 250, 300], [100, 200, 340]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    vessels = {"nodes": nodes, "edges": [[0, 1], [1, 2]], "radius": [5.0, 6.0], "kind": [0, 1]}
    recorder.geometry(vessels, (corners, faces), {"stroma": {"position": nodes}}, whole=(corners, faces))
    for day in (0.0, 3.0):
        place = np.array([[115.0, 215.0, 315.0], [125.0, 225.0, 325.0]])[: 2 - int(day > 0)]
        cells = {"position": place, "weight": np.ones(len(place)), "distance_to_sinusoid_um": np.arange(1.0, len(place) + 1)}
        recorder.record(day, blood={"x": 1.0}, marrow={"y": 1.0}, fields={"SCF": (1 + (day > 0)) * np.arange(24.0)}, cells=cells)
    recorder.sync()
    return open_results(directory.path)


def test_the_marrow_is_its_voxels_where_they_are_with_their_values(run):
    marrow = run.scene(day=2.9)["marrow"]
    assert marrow.n_cells == 24 and marrow.volume == pytest.approx(24 * 1000.0)
    x = np.asarray(marrow.cell_centers().points)
    i, j, k = (np.rint((x - [115.0, 215.0, 315.0]) / 10)).astype(int).T
    np.testing.assert_array_equal(marrow.cell_data["SCF_pM"], 2 * (i + 4 * j + 12 * k))
    assert marrow.bounds == pytest.approx((110, 150, 210, 240, 310, 330))


def test_the_last_record_is_the_default_and_the_day_is_told(run):
    assert run.scene()["marrow"].user_dict["day"] == 3.0
    assert run.scene(day=0)["cells"].n_points == 2
    assert run.scene()["cells"].n_points == 1


def test_units_go_with_the_blocks(run):
    scene = run.scene()
    assert scene["marrow"].user_dict["units"]["SCF_pM"] == "pM"
    assert scene["vessels"].user_dict["units"] == {"length": "um", "radius_um": "um"}


def test_vessels_are_lines_bone_is_closed_and_the_outside_is_left_out(run):
    scene = run.scene()
    assert set(scene.keys()) == {"marrow", "cells", "bone", "stroma", "vessels"}
    assert scene["vessels"].n_lines == 2 and scene["vessels"].n_cells == 2
    np.testing.assert_array_equal(scene["vessels"].cell_data["radius_um"], [5.0, 6.0])
    assert scene["bone"].n_cells == 4 and scene["bone"].is_manifold


def test_filters_see_no_bone(run):
    cut = run.scene(day=0)["marrow"].slice("x")
    assert cut.n_cells == 2 * 3


def test_a_run_without_fields_says_so(tmp_path):
    directory = RunDirectory(tmp_path / "run").create()
    directory.write_scenario({"title": "nothing", "seed": 1})
    with pytest.raises(RunError, match="no fields are recorded"):
        open_results(directory.path).scene()
