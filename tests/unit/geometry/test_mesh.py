"""Surfaces are read from every format, checked, turned outwards and brought to um; what cannot be used is refused kindly."""

import meshio
import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.mesh import close_surface, principal_axes, read_surface, um_per_file_unit


def write(path, vertices, triangles):
    meshio.Mesh(vertices, [("triangle", triangles)]).write(path)
    return path


@pytest.mark.parametrize("suffix", ["stl", "ply", "obj", "vtu", "vtp", "vtk"])
def test_every_format_gives_the_same_box(tmp_path, suffix):
    """A box of 2 x 3 x 5 encloses 30, whatever file it comes from."""
    path = tmp_path / f"box.{suffix}"
    vertices, triangles = naive.box((2.0, 3.0, 5.0), centre=(1.0, 1.0, 1.0))
    if suffix in ("vtp", "vtk"):
        import pyvista

        pyvista.PolyData.from_regular_faces(vertices, triangles).save(path)
    else:
        write(path, vertices, triangles.astype(np.int32))
    surface = read_surface(path)
    assert surface.volume == pytest.approx(30.0, rel=1e-6)
    assert surface.area == pytest.approx(62.0, rel=1e-6)
    assert len(surface.vertices) == 8
    assert len(surface.triangles) == 12


def test_a_volume_mesh_gives_its_boundary(tmp_path):
    """Five tetrahedra that fill a cube leave the cube's surface: inner faces belong to two of them and go."""
    points = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
    tetrahedra = np.array([[0, 1, 2, 4], [3, 2, 1, 7], [5, 4, 7, 1], [6, 7, 4, 2], [1, 2, 4, 7]])
    meshio.Mesh(points, [("tetra", tetrahedra)]).write(tmp_path / "cube.vtu")
    surface = read_surface(tmp_path / "cube.vtu")
    assert surface.volume == pytest.approx(1.0)
    assert len(surface.triangles) == 12


def test_triangles_are_turned_outwards():
    """Half of the triangles the wrong way round, or all of them: the volume comes out positive and whole."""
    vertices, triangles = naive.sphere(2.0)
    mixed = triangles.copy()
    mixed[::2] = mixed[::2, ::-1]
    for given in (triangles, triangles[:, ::-1], mixed):
        assert close_surface(vertices, given, name="ball").volume == pytest.approx(
            close_surface(vertices, triangles, name="ball").volume, rel=1e-12
        )
    assert close_surface(vertices, mixed, name="ball").volume == pytest.approx(4.0 / 3.0 * np.pi * 8.0, rel=0.01)


def test_the_shell_that_encloses_most_is_kept():
    vertices, triangles = naive.sphere(2.0)
    small, more = naive.sphere(0.4, centre=(9.0, 0.0, 0.0))
    surface = close_surface(
        np.concatenate([small, vertices]), np.concatenate([more, triangles + len(small)]), name="two balls"
    )
    assert surface.shells_left_out == 1
    assert np.abs(surface.vertices).max() <= 2.0


def test_points_apart_by_rounding_are_one():
    """A soup of triangles whose common corners differ in the eighth digit is closed all the same."""
    vertices, triangles = naive.box((1.0, 1.0, 1.0), centre=(0.3, 0.7, 0.1))
    soup = vertices[triangles].reshape(-1, 3)
    soup = soup + np.random.default_rng(1).uniform(-1e-8, 1e-8, soup.shape)
    surface = close_surface(soup, np.arange(len(soup)).reshape(-1, 3), name="soup")
    assert len(surface.vertices) == 8


def test_principal_axes_of_a_turned_box():
    """The axes of a box of 2 x 4 x 10 turned about two angles are its edges; the extents along them its sizes."""
    vertices, triangles = naive.box((2.0, 4.0, 10.0), centre=(3.0, -2.0, 1.0))
    a, b = 0.4, 0.7
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    centroid, axes, extents = principal_axes(vertices @ turn.T, triangles)
    assert extents == pytest.approx([10.0, 4.0, 2.0])
    assert centroid == pytest.approx(turn @ [3.0, -2.0, 1.0])
    assert np.abs(axes @ turn) == pytest.approx(np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]), abs=1e-9)


def test_length_and_unit_agree_or_are_refused():
    surface = close_surface(*naive.box((1.0, 2.0, 15.0)), name="bone.stl")
    assert um_per_file_unit(surface, length=None, unit="mm", name="bone.stl") == 1000.0
    assert um_per_file_unit(surface, length=30_000.0, unit=None, name="bone.stl") == pytest.approx(2000.0)
    assert um_per_file_unit(surface, length=15_000.0, unit="mm", name="bone.stl") == pytest.approx(1000.0)
    with pytest.raises(GeometryError, match=r"15 mm long, but length says 16 mm"):
        um_per_file_unit(surface, length=16_000.0, unit="mm", name="bone.stl")
    with pytest.raises(GeometryError, match=r"no unit, and bone.stl is 15 long"):
        um_per_file_unit(surface, length=None, unit=None, name="bone.stl")
    with pytest.raises(GeometryError, match=r"'km' is not a unit of a mesh. Give one of um, mm"):
        um_per_file_unit(surface, length=None, unit="km", name="bone.stl")


def test_an_open_surface_says_how_many_edges_and_where():
    vertices, triangles = naive.box((2.0, 2.0, 2.0))
    with pytest.raises(GeometryError, match=r"3 open edges .* around \(.*, .*, -1\).*[Cc]lose"):
        close_surface(vertices, triangles[1:], name="open.stl")


def test_a_surface_without_an_inside_is_refused():
    """The projective plane with six vertices: closed, each edge in two triangles, and one side only."""
    triangles = np.array(
        [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5], [0, 5, 1], [1, 2, 4], [2, 3, 5], [3, 4, 1], [4, 5, 2], [5, 1, 3]]
    )
    vertices = np.random.default_rng(2).standard_normal((6, 3))
    with pytest.raises(GeometryError, match="one side only"):
        close_surface(vertices, triangles, name="plane.stl")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.stl", None, "there is no file"),
        ("bone.step", b"ISO-10303", "not a mesh this program reads"),
        ("junk.stl", b"hello" * 50, "junk.stl"),
        ("junk.vtp", b"<VTK", "junk.vtp"),
        ("junk.vtu", b"<VTK", "junk.vtu cannot be read"),
        ("junk.ply", b"ply\nformat ascii", "junk.ply cannot be read"),
    ],
)
def test_unusable_files_are_told_in_plain_words(tmp_path, name, content, words, capfd):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(GeometryError, match=words):
        read_surface(tmp_path / name)
    assert capfd.readouterr().out == ""


def test_points_without_triangles_are_refused(tmp_path):
    path = tmp_path / "points.vtu"
    meshio.Mesh(np.eye(3), [("vertex", np.arange(3)[:, None])]).write(path)
    with pytest.raises(GeometryError, match="has no triangles, only points"):
        read_surface(path)


def test_measured_bones_are_closed(shared):
    """Published bones in three formats; volumes from the files' own descriptions."""
    assert read_surface(shared / "mouse_scale_femur_15mm_um.ply").principal()[2][0] == pytest.approx(15_000.0, rel=1e-3)
    assert len(read_surface(shared / "human_femur_r_opensim.vtp").triangles) == 908
    assert read_surface(shared / "human_patella_r_VHF.stl").principal()[2][0] == pytest.approx(45.0, rel=0.02)
