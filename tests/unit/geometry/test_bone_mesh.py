"""The surface of bone to look at: closed, outwards, where bone is, smooth and not shrunk, the same at any voxel."""

import naive_geometry as naive
import numpy as np
import pytest
import tifffile

from marrow_niche.geometry import GeometrySpec, about_how_many, bone_mesh, bone_surface, build_geometry, manifold
from marrow_niche.geometry.image import LabelImage
from marrow_niche.geometry.lattice import BONE, MARROW
from marrow_niche.geometry.spec import Section
from marrow_niche.geometry.trabeculae import Trabeculae
from marrow_niche.scenario.scenario import scenario_from


def volume(vertices, triangles):
    return manifold.signed_volumes(vertices, triangles).sum()


def assert_closed(vertices, triangles):
    """Every edge is run along once each way, and the triangles around a vertex are one fan."""
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    assert len(np.unique(sides, axis=0)) == len(sides)
    assert set(map(tuple, sides)) == set(map(tuple, sides[:, ::-1]))
    after = {}
    for a, b, c in triangles:
        for corner, first, then in ((a, b, c), (b, c, a), (c, a, b)):
            after.setdefault(corner, {})[first] = then
    for corner in np.unique(triangles):
        fan = after[corner]
        start = at = next(iter(fan))
        steps = 0
        while steps == 0 or at != start:
            at, steps = fan[at], steps + 1
        assert steps == len(fan)


@pytest.fixture(scope="module")
def spongy(mouse, rod_mesh):
    """The end of a rod with trabeculae, cut across."""
    spec = GeometrySpec(
        mesh=rod_mesh.name, unit="mm", cortex=100.0, voxel=20.0, section=Section(at=0.1, thickness=300.0),
        trabeculae=Trabeculae(volume_fraction=0.15, thickness=50.0, reach=1.0, fade=1.0),
    )  # fmt: skip
    return build_geometry(spec, mouse, seed=1, folder=rod_mesh.parent)


def test_a_cortex_is_a_tube(build):
    """Radius 500 outside and 400 inside, 400 um long, with plane ends that go to the edge, at any voxel."""
    meshes = [bone_surface(build(voxel, at=0.5, thickness=400.0)) for voxel in (10.0, 40.0)]
    for vertices, triangles in meshes:
        assert_closed(vertices, triangles)
        assert volume(vertices, triangles) == pytest.approx(np.pi * (500.0**2 - 400.0**2) * 400.0, rel=0.01)
        assert np.ptp(vertices[:, 2]) == pytest.approx(400.0)
        away = np.hypot(vertices[:, 0] - 2000.0, vertices[:, 1] + 1000.0)
        middle = np.abs(vertices[:, 2] - vertices[:, 2].mean()) < 150.0
        assert np.minimum(np.abs(away - 500.0), np.abs(away - 400.0))[middle].max() < 4.0
    assert volume(*meshes[0]) == pytest.approx(volume(*meshes[1]), rel=0.002)


def test_the_surface_of_trabeculae_is_closed_and_where_bone_ends(spongy):
    vertices, triangles = bone_surface(spongy)
    assert_closed(vertices, triangles)
    low, high = spongy.lattice.origin, spongy.lattice.origin + spongy.lattice.spacing * np.array(spongy.lattice.shape[::-1])
    assert (vertices >= low - 1.0).all() and (vertices <= high + 1.0).all()
    away = np.hypot(vertices[:, 0] - 2000.0, vertices[:, 1] + 1000.0)
    inside = (away < 380.0) & (np.minimum(vertices[:, 2] - low[2], high[2] - vertices[:, 2]) > 20.0)
    assert inside.sum() > 5000
    assert np.percentile(np.abs(spongy.inset.at(vertices[inside])), 95) < 4.0
    assert len(triangles) == pytest.approx(about_how_many(spongy), rel=0.15)


def test_smoothing_takes_no_bone(spongy, monkeypatch):
    """The volume moves by less than 1 % (asked: 3 %), in trabeculae three nodes thick."""
    vertices, triangles = bone_surface(spongy)
    monkeypatch.setattr(bone_mesh, "smoothed", lambda vertices, triangles, held: vertices)
    rough, same = bone_surface(spongy)
    assert np.array_equal(triangles, same) and not np.array_equal(vertices, rough)
    assert volume(vertices, triangles) == pytest.approx(volume(rough, triangles), rel=0.01)


@pytest.fixture(scope="module")
def core():
    """A millimetre of a biopsy from its middle: its round side is a cut all the way."""
    asked = {"bone": "human iliac core", "voxel": "100 um", "section": {"axis": "long", "at": "50 %", "thickness": "1 mm"}}
    spec = scenario_from({"species": "human", "duration": "1 d", "geometry": asked})
    return build_geometry(spec.geometry, spec.parameters.anatomy, seed=3, folder=spec.folder)


def test_bone_ends_at_the_cut_side_of_a_core_without_teeth(core, monkeypatch):
    """Where a plate meets the round side at a small angle the surface folds back less than half as often as unrounded."""
    vertices, triangles = bone_surface(core)
    assert_closed(vertices, triangles)
    monkeypatch.setattr(bone_mesh, "EASED", 1e-6)
    sharp = bone_surface(core)
    assert folds_back(vertices, triangles) < 0.5 * folds_back(*sharp)
    assert volume(vertices, triangles) == pytest.approx(volume(*sharp), rel=0.02)


def test_crumbs_that_a_cut_leaves_of_trabeculae_are_not_drawn(core, monkeypatch):
    """No part smaller than a cube of half Tb.Th is left, in a core that has some; larger pieces that hang on the cut stay."""
    vertices, triangles = bone_surface(core)
    monkeypatch.setattr(bone_mesh, "without_crumbs", lambda vertices, triangles, least: (vertices, triangles))
    crumbly = bone_surface(core)
    least = (0.5 * core.bone.trabeculae.thickness) ** 3
    before, after = parts(*crumbly), parts(vertices, triangles)
    assert (before < least).any() and len(before[before > least]) > 1
    assert after == pytest.approx(before[before > least])
    assert volume(vertices, triangles) == pytest.approx(volume(*crumbly), rel=1e-3)


def parts(vertices, triangles):
    """Volumes of the parts of a surface that no edge joins, ascending."""
    _, which, _ = manifold.edges_of(triangles)
    number, shell = manifold.shells_of(np.argsort(which, kind="stable").reshape(-1, 2) // 3, len(triangles))
    return np.sort(np.abs(np.bincount(shell, manifold.signed_volumes(vertices, triangles), minlength=number)))


def test_parts_smaller_than_asked_go_but_never_the_largest():
    one, other = naive.box((2.0, 2.0, 2.0)), naive.box((1.0, 1.0, 1.0), centre=(5.0, 0.0, 0.0))
    both = naive.together(one, other)
    assert all(np.array_equal(a, b) for a, b in zip(bone_mesh.without_crumbs(*both, 0.9), both))
    for least in (1.1, 100.0):
        vertices, triangles = bone_mesh.without_crumbs(*both, least)
        assert volume(vertices, triangles) == pytest.approx(8.0)
        assert len(vertices) == 8


def folds_back(vertices, triangles):
    """Edges near a core's round side, away from its plane ends, along which the surface turns by more than 100 degrees."""
    middle = vertices[triangles].mean(axis=1)
    rim = (np.hypot(middle[:, 0], middle[:, 1]) > 1400.0) & (np.abs(middle[:, 2]) < 400.0)
    turn, pair = turns(vertices, triangles)
    return np.count_nonzero(rim[pair].all(axis=1) & (turn > np.radians(100.0)))


def test_the_rounding_is_a_parabola_where_two_distances_are_alike():
    one, other = np.array([0.0, 1.0, 3.0, -50.0]), np.array([0.0, 3.0, 1.0, 20.0])
    assert bone_mesh.rounding(one, other, 4.0) == pytest.approx([1.0, 0.25, 0.25, 0.0])


def turns(vertices, triangles):
    """Angle between the normals of each two triangles that share an edge, and which these are."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
    _, which, _ = manifold.edges_of(triangles)
    pair = np.argsort(which, kind="stable").reshape(-1, 2) // 3
    return np.arccos(np.clip((normal[pair[:, 0]] * normal[pair[:, 1]]).sum(axis=1), -1.0, 1.0)), pair


def bends(vertices, triangles):
    """Mean angle between the normals of triangles that share an edge."""
    return turns(vertices, triangles)[0].mean()


def test_smoothing_is_taubins_step_by_step():
    """Against loops over each vertex and its neighbours, on an octahedron pulled out of shape; what is held stays."""
    random = np.random.default_rng(2)
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]]) + 0.3 * random.random((6, 3))
    triangles = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    held = np.zeros((6, 3), bool)
    held[4, 2] = True
    expected = vertices.copy()
    for step in (bone_mesh.INWARDS, bone_mesh.OUTWARDS) * 3:
        moved = expected.copy()
        for v in range(6):
            beside = sorted({int(w) for t in triangles if v in t for w in t} - {v})
            for d in range(3):
                if not held[v, d]:
                    moved[v, d] += step * (np.mean([expected[w, d] for w in beside]) - expected[v, d])
        expected = moved
    found = bone_mesh.smoothed(vertices, triangles, held=held, rounds=3)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found[4, 2] == vertices[4, 2] and found[4, 0] != vertices[4, 0]


def block(voxels, mouse, folder, **given):
    tifffile.imwrite(folder / "a.tif", voxels, imagej=True, metadata={"axes": "ZYX"})
    spec = GeometrySpec(image="a.tif", image_voxel=10.0, voxel=10.0, **given)
    return build_geometry(spec, mouse, seed=1, folder=folder)


def test_the_bone_of_an_image_is_that_of_its_labels(mouse, tmp_path, monkeypatch):
    """A ball of bone in a block of marrow: its volume and radius, and less of the steps of its voxels than without smoothing."""
    z, y, x = np.indices((40, 40, 40))
    ball = ((z - 19.5) ** 2 + (y - 19.5) ** 2 + (x - 19.5) ** 2 < 10.0**2).astype(np.uint8)
    g = block(ball, mouse, tmp_path, labels={"marrow": 0, "bone": 1})
    vertices, triangles = bone_surface(g)
    assert_closed(vertices, triangles)
    assert volume(vertices, triangles) == pytest.approx(4.0 / 3.0 * np.pi * 100.0**3, rel=0.03)
    assert np.linalg.norm(vertices - 200.0, axis=1) == pytest.approx(np.full(len(vertices), 100.0), abs=6.0)
    monkeypatch.setattr(bone_mesh, "smoothed", lambda vertices, triangles, held: vertices)
    rough, _ = bone_surface(g)
    assert bends(vertices, triangles) < 0.75 * bends(rough, triangles)
    assert volume(vertices, triangles) == pytest.approx(volume(rough, triangles), rel=0.03)


@pytest.mark.parametrize("nodes", [bone_mesh.NODES, 200])
def test_a_single_slice_is_read_at_its_pixels_however_thick_it_is(nodes, monkeypatch):
    """A disc of bone in one slice 200 um thick, of pixels of 10 um; also where these are too many and larger ones are read."""
    monkeypatch.setattr(bone_mesh, "NODES", nodes)
    y, x = np.indices((60, 60)) - 29.5
    disc = np.where(np.hypot(y, x) < 12.0, BONE, MARROW)[np.newaxis].astype(np.uint8)
    share = bone_mesh._share_of_bone(LabelImage(labels=disc, spacing=np.array([200.0, 10.0, 10.0]), origin=np.zeros(3), facts={}))
    assert (share.spacing == 10.0) == (nodes > disc.size)
    middles = np.arange(5.0, 600.0, 10.0)
    bone = (share.on_grid((middles, middles, np.array([100.0]))) > 0.5).sum()
    assert bone == pytest.approx((disc == BONE).sum(), rel=0.05)


def test_where_there_is_no_bone_there_is_no_surface(mouse, tmp_path):
    g = block(np.zeros((20, 20, 20), np.uint8), mouse, tmp_path, labels={"marrow": 0})
    assert len(bone_surface(g)[1]) == 0 and about_how_many(g) == 0


def test_where_bone_touches_itself_along_an_edge_it_is_parted(mouse, tmp_path):
    """Two blocks of bone that share an edge of voxels, and two that share a corner."""
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[5:10, 5:10, 5:10] = labels[5:10, 10:15, 10:15] = labels[10:15, 15:20, 15:20] = 1
    vertices, triangles = bone_surface(block(labels, mouse, tmp_path, labels={"marrow": 0, "bone": 1}))
    assert_closed(vertices, triangles)
    assert volume(vertices, triangles) == pytest.approx(3 * 50.0**3, rel=0.06)


def test_a_grid_is_read_as_its_points(spongy):
    """Field and inset at the nodes of a grid are those at the same points, beyond their own nodes too."""
    axes = np.linspace(1400.0, 2600.0, 31), np.linspace(-1600.0, -400.0, 23), np.linspace(3400.0, 4300.0, 17)
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    for field in (spongy.inset, spongy.inset.cortical):
        assert np.array_equal(field.on_grid(axes).reshape(-1), field.at(points))
