"""Measured positions: how a table is read, what is refused, the marrow around points, and what stands where in it."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import ARTERIOLE, BONE, MARROW, OUTSIDE, SINUSOID, GeometrySpec, build_geometry
from marrow_niche.geometry.points import PITCH, Points, linked, marrow_around, read_points, unjoined
from marrow_niche.scenario.scenario import scenario_from

POINTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "points"
ROWS = "x_um,y_um,z_um,class\n1,2,3,CAR\n4.5,5,6,CAR\n7,8,9,bony\n"
CLASSES = {"stroma": "CAR", "bone": ["bony"]}


def write(path, text, encoding="utf-8"):
    path.write_bytes(gzip.compress(text.encode(encoding)) if path.suffix == ".gz" else text.encode(encoding))
    return path


def some(**position):
    """Points by role, none with a radius."""
    place = {role: np.array(rows, float).reshape(-1, 3) for role, rows in position.items()}
    return Points(position=place, radius={role: np.full(len(rows), np.nan) for role, rows in place.items()}, facts={})


def refused(path, **given):
    with pytest.raises(GeometryError) as found:
        read_points(path, **given)
    assert str(found.value).startswith("geometry.points: ")
    return str(found.value)


@pytest.mark.parametrize(("name", "text"), [("a.csv", ROWS), ("a.csv.gz", ROWS), ("a.csv", "\ufeff" + ROWS),
                                            ("a.csv", ROWS.replace(",", ", "))])  # fmt: skip
def test_a_table_is_read(tmp_path, name, text):
    """Plain or packed, with or without a byte-order mark or blanks: the same places, roles and counts."""
    points = read_points(write(tmp_path / name, text), classes=CLASSES)
    assert list(points.position) == ["stroma", "bone"]
    np.testing.assert_array_equal(points.position["stroma"], [[1, 2, 3], [4.5, 5, 6]])
    np.testing.assert_array_equal(points.position["bone"], [[7, 8, 9]])
    assert np.isnan(points.radius["stroma"]).all()
    assert points.facts == {
        "file": name, "points by class": {"CAR": 2, "bony": 1}, "points by role": {"stroma": 2, "bone": 1}
    }  # fmt: skip


def test_radii_may_be_given_for_some(tmp_path):
    text = "x_um,y_um,z_um,class,radius_um\n0,0,0,adipocyte,25\n9,9,9,adipocyte,\n50,0,0,stroma,4\n"
    points = read_points(write(tmp_path / "a.csv", text))
    np.testing.assert_array_equal(points.radius["adipocyte"], [25.0, np.nan])
    np.testing.assert_array_equal(points.radius["stroma"], [4.0])


def test_without_classes_they_are_named_as_roles_are(tmp_path):
    path = write(tmp_path / "a.csv", ROWS.replace("CAR", "stroma").replace("bony", "stem cell"))
    assert {role: len(place) for role, place in read_points(path).position.items()} == {"stroma": 2, "stem cell": 1}
    assert "stand for" in refused(write(tmp_path / "b.csv", ROWS))


def test_several_classes_for_one_role_and_some_left_out(tmp_path):
    path = write(tmp_path / "a.csv", ROWS + "0,0,0,LepR\n")
    points = read_points(path, classes={"stroma": ["CAR", "LepR"], "ignore": "bony"})
    assert list(points.position) == ["stroma"]
    np.testing.assert_array_equal(points.position["stroma"], [[1, 2, 3], [4.5, 5, 6], [0, 0, 0]])
    assert points.facts["points by class"] == {"CAR": 2, "LepR": 1, "bony": 1}


@pytest.mark.parametrize("category", ["Spot", None])
@pytest.mark.parametrize("unit", ["um", "µm"])
def test_a_table_of_spots_from_imaris(tmp_path, category, unit):
    """Three lines before the header; all points are of the class that the file is named after."""
    head = "\nPosition\n====================\n"
    names = "Position X,Position Y,Position Z,Unit" + (",Category" if category else "") + ",ID\n"
    rows = "".join(f"{x},{x + 1},-3.5,{unit}" + (f",{category}" if category else "") + f",{x}\n" for x in (10, 20))
    points = read_points(write(tmp_path / "CXCL12.csv", head + names + rows), classes={"stroma": "CXCL12"})
    np.testing.assert_array_equal(points.position["stroma"], [[10, 11, -3.5], [20, 21, -3.5]])


def test_a_table_from_imaris_in_other_units_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "Position X,Position Y,Position Z,Unit\n1,2,3,mm\n4,5,6,mm\n")
    assert "in mm; in Imaris set the unit to um" in refused(path)


def test_without_a_class_the_file_names_it(tmp_path):
    path = write(tmp_path / "stroma.csv.gz", "x_um,y_um,z_um\n1,2,3\n4,5,6\n")
    assert len(read_points(path).position["stroma"]) == 2


def test_a_column_that_is_missing(tmp_path):
    words = refused(write(tmp_path / "a.csv", "X,y_um,z_um,class\n1,2,3,CAR\n"))
    assert "a.csv: it has no column x_um." in words
    assert "these are X, y_um, z_um, class" in words


def test_a_table_without_rows(tmp_path):
    assert "it has no rows" in refused(write(tmp_path / "a.csv", "x_um,y_um,z_um,class\n"))


def test_every_mistake_at_once(tmp_path):
    """Text for a number with its row, a radius of nought, an unknown role, a class given twice, one that is not there."""
    text = "x_um,y_um,z_um,class,radius_um\n1,2,3,CAR,5\n4,much,6,CAR,5\n4,none,6,LepR,0\n4,5,,LepR,5\n7,8,9,bony,big\n"
    path = write(tmp_path / "a.csv", text)
    words = refused(path, classes={"stroma": ["CAR", "CXCL12", 3], "stoma": "LepR", "bone": ["bony", "CAR"]})
    for part in (
        "y_um is no number in 2 rows, first in row 2 ('much')",
        "z_um is no number in 1 rows, first in row 4",
        "radius_um is no number in 1 rows, first in row 5 ('big')",
        "radius_um must be above nought; row 3 says 0",
        "'stoma' is not what a point can be (stroma, osteoblast",
        "'CAR' is given twice, for stroma and for bone",
        "the table has no 'CXCL12'; it has CAR, LepR, bony",
        "stroma = 3 is not the name of a class",
    ):
        assert part in words, part


def test_a_class_that_is_not_listed(tmp_path):
    words = refused(write(tmp_path / "a.csv", ROWS), classes={"stroma": "CAR"})
    assert "it is not said what bony (1 points) stand for" in words
    assert "or under ignore" in words


def test_a_table_of_which_nothing_is_left(tmp_path):
    assert "every class is ignored" in refused(write(tmp_path / "a.csv", ROWS), classes={"ignore": ["CAR", "bony"]})


def test_what_is_no_table(tmp_path):
    assert "there is no file" in refused(tmp_path / "absent.csv")
    assert "there is no file" in refused(tmp_path)
    (tmp_path / "a.csv.gz").write_bytes(b"not packed at all")
    assert "a.csv.gz cannot be read as a table" in refused(tmp_path / "a.csv.gz")
    (tmp_path / "b.csv").write_bytes(bytes([0xFF, 0xFE, 0x00, 0xD8]) * 40)
    assert "b.csv cannot be read as a table" in refused(tmp_path / "b.csv")
    assert "cannot be read as a table" in refused(write(tmp_path / "c.csv", ""))


def test_points_that_span_metres_are_refused():
    with pytest.raises(GeometryError, match=r"the points span .* mm, too much to build\. Are they in um\?"):
        marrow_around(some(stroma=[[0.0, 0.0, 0.0], [2e6, 3e6, 1e6]]))


def clearance(image, points):
    """Distance of each point from the nearest voxel that is outside, the image's own rim included; at most 60 um."""
    low = image.origin + PITCH * (np.argwhere(np.pad(image.labels, 2) == OUTSIDE)[:, ::-1] - 2.0)
    tree, found = cKDTree(low + 0.5 * PITCH), []
    for point in points:
        near = low[tree.query_ball_point(point, 80.0)]
        beyond = np.maximum(np.maximum(near - point, point - near - PITCH), 0.0)
        found.append(min(np.linalg.norm(beyond, axis=1), default=60.0))
    return np.array(found)


@pytest.mark.parametrize(("number", "edge"), [(1, 0.0), (60, 1500.0), (1500, 400.0)])
def test_every_point_lies_well_inside_the_marrow(number, edge):
    """Alone, in a thin cloud or in a dense one, at least 20 um from what is outside, and marrow is not far from points."""
    points = np.random.default_rng(number).random((number, 3)) * edge - 200.0
    image = marrow_around(some(stroma=points))
    assert set(np.unique(image.labels)) == {OUTSIDE, MARROW}
    assert clearance(image, points).min() > 19.999
    centre = image.origin + PITCH * (np.argwhere(image.labels == MARROW)[:, ::-1] + 0.5)
    assert cKDTree(points).query(centre)[0].max() < 100.0 + np.sqrt(3.0) * 0.5 * PITCH


def test_a_dense_cloud_of_points_fills_its_box():
    """A grid of points 50 um apart: all between them is marrow, and the marrow ends some 30 um beyond them."""
    side = 50.0 * np.arange(12)
    points = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    image = marrow_around(some(stroma=points))
    assert (image.labels == MARROW).sum() * PITCH**3 == pytest.approx((550.0 + 60.0) ** 3, rel=0.15)
    middle = image.labels[10:-10, 10:-10, 10:-10]
    assert (middle == MARROW).all()


def test_spots_of_bone_are_bone():
    """Voxels whose centre lies within 25 um of a spot, or within its own radius; a small spot is still one voxel."""
    side = 50.0 * np.arange(9)
    stroma = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    spots = np.array([[203.0, 199.0, 210.0], [100.0, 300.0, 100.0], [302.0, 118.0, 318.0]])
    points = some(stroma=stroma, bone=spots)
    points.radius["bone"][1:] = [60.0, 2.0]
    image = marrow_around(points)
    bone = image.origin + PITCH * (np.argwhere(image.labels == BONE)[:, ::-1] + 0.5)
    away = np.linalg.norm(bone[:, None] - spots, axis=2)
    assert (away <= [25.0, 60.0, 18.0]).any(axis=1).all()
    every = image.origin + PITCH * (np.argwhere(image.labels > OUTSIDE)[:, ::-1] + 0.5)
    for spot, radius in zip(spots[:2], (25.0, 60.0)):
        assert (np.linalg.norm(every - spot, axis=1) <= radius).sum() == (
            away[:, list(spots[:, 0]).index(spot[0])] <= radius
        ).sum()
    for spot in spots:
        x, y, z = ((spot - image.origin) / PITCH).astype(int)
        assert image.labels[z, y, x] == BONE


def test_a_row_of_points_becomes_a_vessel():
    """Points 40 um apart on a line, out of order: a chain of all of them as long as the line, as wide as told or usual."""
    row = np.array([[40.0 * k, 7.0, -3.0] for k in (3, 0, 4, 1, 2, 5)])
    vessels = linked(some(sinusoid=row), sinusoid_radius=12.0, arteriole_radius=10.0)
    assert vessels.length.sum() == pytest.approx(200.0)
    assert vessels.length == pytest.approx(np.full(5, 40.0))
    assert np.bincount(vessels.edges.reshape(-1)).tolist() == [2, 1, 2, 2, 2, 1]
    assert vessels.radius == pytest.approx(np.full(5, 12.0))
    assert (vessels.kind == SINUSOID).all()
    wide = some(sinusoid=row)
    wide.radius["sinusoid"][:] = [8.0, 4.0, 8.0, 4.0, np.nan, 8.0]
    vessels = linked(wide, sinusoid_radius=12.0, arteriole_radius=10.0)
    by = dict(zip((vessels.nodes[vessels.edges].mean(axis=1)[:, 0] / 40.0).tolist(), vessels.radius))
    assert by == pytest.approx({0.5: 4.0, 1.5: 8.0, 2.5: 10.0, 3.5: 8.0, 4.5: 8.0})


def test_points_far_apart_are_not_joined_and_there_are_no_rings():
    ring = np.array([[30.0 * np.cos(a), 30.0 * np.sin(a), 0.0] for a in 2.0 * np.pi * np.arange(6) / 6])
    points = some(
        sinusoid=np.concatenate([ring, ring + np.array([300.0, 0.0, 0.0])]), arteriole=[[0, 0, 500.0], [0, 0, 550.0]]
    )
    vessels = linked(points, sinusoid_radius=12.0, arteriole_radius=10.0)
    assert np.bincount(vessels.kind).tolist() == [10, 1]
    assert vessels.length[vessels.kind == SINUSOID] == pytest.approx(np.full(10, 30.0))
    (arteriole,) = np.flatnonzero(vessels.kind == ARTERIOLE)
    assert vessels.a[arteriole, 2] + vessels.b[arteriole, 2] == pytest.approx(1050.0)
    assert vessels.radius[arteriole] == 10.0
    assert linked(some(stroma=ring), sinusoid_radius=12.0, arteriole_radius=10.0) is None


def test_points_of_vessels_that_none_can_join_are_refused():
    """Both kinds at once: how far the nearest two lie, and the cure; a single point is no vessel either."""
    row = np.array([[85.0 * k, 0.0, 0.0] for k in range(5)])
    points = some(sinusoid=row, arteriole=[[0.0, 90.0, 0.0]])
    with pytest.raises(GeometryError) as error:
        linked(points, sinusoid_radius=12.0, arteriole_radius=10.0)
    text = str(error.value)
    assert "more than 60 um apart: 5 are sinusoid, the nearest two 85 um; 1 are arteriole." in text
    assert 'vessels = "graph.vtp"' in text
    assert "under ignore" in text


def test_points_of_no_vessel_are_told_beside_those_of_one():
    row = np.array([[40.0 * k, 0.0, 0.0] for k in range(5)] + [[500.0, 0.0, 0.0], [0.0, 300.0, 0.0]])
    assert unjoined(some(sinusoid=row), "sinusoid").tolist() == [5, 6]
    assert unjoined(some(sinusoid=row), "arteriole").size == 0


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, mouse):
    """A marrow built from points alone: stroma in a box 400 um wide, a row of a vessel, one spot of bone."""
    folder = tmp_path_factory.mktemp("points")
    draws = np.random.default_rng(5)
    stroma = draws.random((900, 3)) * 400.0
    vessel = [[10.0 + 40.0 * k, 200.0, 200.0] for k in range(10)]
    rows = [(*p, "CAR") for p in stroma] + [(*p, "blood") for p in vessel] + [(200.0, 300.0, 200.0, "bony")]
    rows += [(*p, "MK") for p in 100.0 + 200.0 * draws.random((7, 3))]
    text = "x_um,y_um,z_um,class\n" + "".join(f"{x!r},{y!r},{z!r},{kind}\n" for x, y, z, kind in map(tuple, rows))
    write(folder / "a.csv", text.replace("np.float64(", "").replace(")", ""))
    classes = {"stroma": "CAR", "sinusoid": "blood", "bone": "bony", "megakaryocyte": "MK"}
    return stroma, build_geometry(
        GeometrySpec(points="a.csv", classes=classes, voxel=10.0), mouse, seed=1, folder=folder
    )


def test_stroma_stands_exactly_where_it_was_measured(cloud):
    """Those whose voxel is marrow, or beside it, are all there and nowhere else; none is added."""
    stroma, g = cloud
    away = cKDTree(stroma).query(g.niches.stroma)[0]
    assert away.max() < 1e-9
    assert len(np.unique(g.niches.stroma, axis=0)) == len(g.niches.stroma) == g.facts["stroma"]
    assert len(g.niches.stroma) > 0.97 * len(stroma)
    assert len(g.niches.megakaryocyte) == 7
    centre = g.lattice.centres()[g.niches.stroma_voxel]
    assert np.abs(centre - g.niches.stroma).max() < 2.5 * 10.0


def test_what_the_table_held_is_told(cloud):
    _, g = cloud
    told = g.facts["points"]
    assert told["file"] == "a.csv"
    assert told["points by class"] == {"CAR": 900, "MK": 7, "blood": 10, "bony": 1}
    assert told["points by role"] == {"stroma": 900, "megakaryocyte": 7, "sinusoid": 10, "bone": 1}
    assert told["outside the marrow"] == {
        "stroma": told["outside the marrow"]["stroma"],
        "megakaryocyte": 0,
        "sinusoid": 0,
    }
    assert told["outside the marrow"]["stroma"] <= 900 - g.facts["stroma"]
    assert g.facts["source"] == "around the points of a.csv"


def test_the_vessel_is_the_one_that_was_measured(cloud):
    """A chain of ten points 40 um apart as wide as sinusoids are; no other is made."""
    _, g = cloud
    assert len(g.vessels.edges) == 9
    assert g.facts["sinusoid_length_mm_per_mm3"] * g.facts["marrow_mm3"] == pytest.approx(0.36, rel=0.02)
    assert g.facts["arteriole_fraction"] == 0.0


def test_the_outer_faces_are_cuts_and_the_spot_is_bone(cloud):
    _, g = cloud
    assert (g.lattice.tissue == BONE).sum() * 1e3 == pytest.approx(4.0 / 3.0 * np.pi * 25.0**3, rel=0.4)
    assert g.facts["endosteum_mm2"] == pytest.approx(4.0 * np.pi * 0.025**2, rel=0.4)
    assert g.to_endosteum.min() < 10.0
    nearest = g.lattice.centres()[np.argmin(g.to_endosteum)]
    assert np.linalg.norm(nearest - [200.0, 300.0, 200.0]) < 45.0


def test_vessels_from_points_and_from_a_file_are_refused(tmp_path, mouse):
    rows = "".join(f"{x},{y},{z},sinusoid\n" for x in (0, 50, 100) for y in (0, 50, 100) for z in (0, 50, 100))
    write(tmp_path / "a.csv", "x_um,y_um,z_um,class\n" + rows)
    spec = GeometrySpec(points="a.csv", vessels="v.vtp", voxel=10.0)
    with pytest.raises(GeometryError, match=r"geometry\.vessels: vessels come from this file and from points too"):
        build_geometry(spec, mouse, seed=1, folder=tmp_path)


def test_measured_human_marrow(human_points):
    """Stromal cells and bone counted in cleared human marrow, Chu 2023: all 36,020 stand in a marrow of 1.8 mm^3."""
    geometry = {
        "points": "human_marrow_YP2_chu2023.csv.gz",
        "classes": {
            "stroma": ["CD271_CXCL12", "CD271only", "CXCL12only"],
            "bone": "Bone",
            "ignore": "ENG",
        },
        "voxel": "20 um",
    }
    scenario = scenario_from({"species": "human", "duration": "1 d", "geometry": geometry}, folder=human_points)
    g = build_geometry(scenario.geometry, scenario.parameters.anatomy, seed=1, folder=scenario.folder)
    told = g.facts["points"]
    assert told["points by role"] == {"stroma": 36020, "bone": 1460}
    assert told["outside the marrow"]["stroma"] == 0
    assert g.facts["stroma"] == 36020
    assert g.facts["marrow_mm3"] == pytest.approx(1.85, abs=0.05)
    measured = read_points(human_points / "human_marrow_YP2_chu2023.csv.gz", classes=geometry["classes"])
    assert cKDTree(measured.position["stroma"]).query(g.niches.stroma)[0].max() < 1e-9


@pytest.fixture
def human_points():
    """Folder of measured points that does not come with the package."""
    if not (POINTS / "human_marrow_YP2_chu2023.csv.gz").is_file():
        pytest.skip("the measured points (shared/data/points) are not here")
    return POINTS
