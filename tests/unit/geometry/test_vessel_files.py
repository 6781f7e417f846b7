"""Vessel graphs written and read again, and every mistake in a file told with its line."""

import numpy as np
import pytest
import pyvista

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.vessel_files import read_vessels, write_vessels
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels


@pytest.fixture
def some():
    draws = np.random.default_rng(4)
    edges = draws.integers(0, 40, (60, 2))
    edges = edges[edges[:, 0] != edges[:, 1]].astype(np.int32)
    kind = draws.integers(0, 3, len(edges)).astype(np.uint8)
    return Vessels(
        nodes=draws.normal(0.0, 1e3, (40, 3)),
        edges=edges,
        radius=draws.lognormal(2.0, 1.0, len(edges)),
        kind=kind,
        type_h=(kind == SINUSOID) & (draws.random(len(edges)) < 0.5),
    )


def same(one, other):
    for name in ("nodes", "edges", "radius", "kind", "type_h"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype and np.array_equal(a, b), name


NODES = "node,x_um,y_um,z_um\n0,0,0,0\n1,10,0,0\n7,10,20,0\n"
EDGES = "a,b,radius_um,kind\n0,1,5,arteriole\n1,7,12,sinusoid\n"


def read(folder, nodes=NODES, edges=EDGES):
    (folder / "n.csv").write_text(nodes)
    (folder / "e.csv").write_text(edges)
    return read_vessels(folder / "e.csv", folder / "n.csv")


def wrong(folder, **files):
    with pytest.raises(GeometryError) as caught:
        read(folder, **files)
    return str(caught.value)


def test_what_is_written_is_read_again_bit_for_bit(some, tmp_path):
    nodes, edges = write_vessels(some, tmp_path)
    assert (nodes.name, edges.name) == ("vessels_nodes.csv", "vessels_edges.csv")
    same(read_vessels(edges, nodes), some)
    nodes, edges = write_vessels(some, tmp_path / "new" / "mine")
    assert (nodes, edges) == (tmp_path / "new" / "mine_nodes.csv", tmp_path / "new" / "mine_edges.csv")
    same(read_vessels(edges, nodes), some)
    assert nodes.read_text().startswith("node,x_um,y_um,z_um\n0,")
    assert edges.read_text().startswith("a,b,radius_um,kind\n")
    assert {line.split(",")[3] for line in edges.read_text().split("\n")[1:-1]} == {
        "sinusoid",
        "type H",
        "arteriole",
        "vein",
    }


def test_no_vessels_are_written_and_read_too(tmp_path):
    none = Vessels(
        nodes=np.empty((0, 3)), edges=np.empty((0, 2), np.int32), radius=np.empty(0), kind=np.empty(0, np.uint8)
    )
    nodes, edges = write_vessels(none, tmp_path)
    same(read_vessels(edges, nodes), none)


def test_tables_made_by_hand_are_read(tmp_path):
    """Nodes by any numbers in any order; kinds in any case, or left out; a mark of order at the start; empty last lines."""
    v = read(
        tmp_path,
        nodes="\ufeffnode, x_um ,y_um,z_um,note\n9,1,2,3,a\n4,4,5,6,b\n\n",
        edges="b,a,radius_um\n9,4,2.5\n\n\n",
    )
    assert v.nodes.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (v.edges.tolist(), v.radius.tolist(), v.kind.tolist()) == ([[1, 0]], [2.5], [SINUSOID])
    v = read(tmp_path, edges="a,b,radius_um,kind\n0,1,5, Arteriole\n1,7,12,VEIN\n0,7,3,Type h\n")
    assert v.kind.tolist() == [ARTERIOLE, VEIN, SINUSOID] and v.type_h.tolist() == [False, False, True]
    assert v.edges.tolist() == [[0, 1], [1, 2], [0, 2]]


def test_every_mistake_is_told_at_once_with_its_line(tmp_path):
    told = wrong(
        tmp_path,
        nodes="node,x_um,y_um,z_um\n0,0,0,0\n1,ten,0,0\n2,0,nan,0\n2,5,5,5\n",
        edges="a,b,radius_um,kind\n0,1,-2,sinusoid\n0,3,4,sinusiod\n2,2,0,vein\nx,1,inf,artery\n",
    )
    for part in (
        "n.csv, line 3: x_um = 'ten' is not a number",
        "n.csv, line 4: y_um = 'nan' is not a number",
        "n.csv, line 5: node 2 is there a second time",
        "e.csv, line 5: a = 'x' is not the number of a node",
        "e.csv, line 3: b = 3, but n.csv has no such node",
        "e.csv, line 5: radius_um = 'inf' is not a number",
        "e.csv, line 4: a tube from node 2 to itself",
        "e.csv, line 2: radius_um = -2; a radius is above nought",
        "and 3 more",
    ):
        assert part in told, told
    told = wrong(tmp_path, edges="a,b,radius_um,kind\n0,1,2,sinusiod\n0,1,2,artery\n1,7,2,lymph\n1,7,0,vein\n")
    assert "line 2: kind = 'sinusiod'" in told and "Did you mean 'sinusoid'?" in told
    assert "line 3: kind = 'artery'" in told and "Did you mean 'arteriole'?" in told
    assert "line 4: kind = 'lymph' is none of sinusoid, type H, arteriole, vein." in told
    assert "line 5: radius_um = 0" in told


def test_missing_columns_and_files_are_told(tmp_path):
    told = wrong(tmp_path, nodes="node,x,y_um,z_um\n0,0,0,0\n", edges="from,b,radius_um\n0,1,2\n")
    assert "n.csv has no column x_um; it needs node, x_um, y_um, z_um and has node, x, y_um, z_um" in told
    assert "e.csv has no column a; it needs a, b, radius_um" in told
    with pytest.raises(GeometryError, match="no file .*missing.csv"):
        read_vessels(tmp_path / "e.csv", tmp_path / "missing.csv")
    with pytest.raises(GeometryError, match="table of nodes is needed too"):
        read_vessels(tmp_path / "e.csv")
    assert "cannot be read as a table" in wrong(tmp_path, edges="")


# Polylines.


def lines(points, cells):
    return pyvista.PolyData(np.array(points, float), lines=np.concatenate([[len(c), *c] for c in cells]))


Y = [[0, 0, 0], [10, 0, 0], [20, 0, 0], [10, 0, 0], [10, 30, 0]]
"""Two polylines that meet at (10, 0, 0), where each has a point of its own."""


def test_polylines_become_edges_that_share_the_nodes_where_they_meet(tmp_path):
    mesh = lines(Y, [[0, 1, 2], [3, 4]])
    mesh.cell_data["radius_um"], mesh.cell_data["kind"] = [6.0, 9.0], np.array([1, 0], np.uint8)
    mesh.save(tmp_path / "v.vtp")
    v = read_vessels(tmp_path / "v.vtp")
    assert v.nodes.tolist() == [[0, 0, 0], [10, 0, 0], [20, 0, 0], [10, 30, 0]]
    assert v.edges.tolist() == [[0, 1], [1, 2], [1, 3]] and v.edges.dtype == np.int32
    assert v.radius.tolist() == [6.0, 6.0, 9.0]
    assert v.kind.tolist() == [ARTERIOLE, ARTERIOLE, SINUSOID]


def test_radii_over_points_are_the_mean_of_both_ends_and_kinds_may_be_words(tmp_path):
    mesh = lines(Y, [[0, 1, 2], [3, 4]])
    mesh.point_data["radius_um"] = np.array([4, 6, 10, 1, 2])
    mesh.cell_data["kind"] = np.array(["vein", "type H"])
    mesh.save(tmp_path / "v.vtp")
    v = read_vessels(tmp_path / "v.vtp")
    assert v.radius.tolist() == [5.0, 8.0, 1.5]
    assert v.kind.tolist() == [VEIN, VEIN, SINUSOID] and v.type_h.tolist() == [False, False, True]
    del mesh.cell_data["kind"]
    mesh.save(tmp_path / "v.vtp")
    assert (read_vessels(tmp_path / "v.vtp").kind == SINUSOID).all()


def test_polylines_that_cannot_be_used_are_told(tmp_path):
    mesh = lines(Y, [[0, 1, 2], [3, 4]])
    mesh.cell_data["thickness"] = [6.0, 9.0]
    mesh.save(tmp_path / "v.vtp")
    with pytest.raises(GeometryError, match="no array radius_um .*it has thickness"):
        read_vessels(tmp_path / "v.vtp")
    mesh.cell_data["radius_um"], mesh.cell_data["kind"] = [np.nan, -1.0], [5, 0]
    mesh.save(tmp_path / "v.vtp")
    with pytest.raises(GeometryError) as caught:
        read_vessels(tmp_path / "v.vtp")
    told = str(caught.value)
    assert "v.vtp, line 0 (counted from 0): radius_um = nan" in told
    assert "v.vtp, line 1 (counted from 0): radius_um = -1" in told
    assert "line 0 (counted from 0): kind = '5' is none of" in told
    pyvista.Sphere().save(tmp_path / "v.vtp")
    with pytest.raises(GeometryError, match="holds no lines"):
        read_vessels(tmp_path / "v.vtp")
    with pytest.raises(GeometryError, match="no file"):
        read_vessels(tmp_path / "w.vtp")
    with pytest.raises(GeometryError, match="leave out vessel_nodes"):
        read_vessels(tmp_path / "v.vtp", tmp_path / "n.csv")
