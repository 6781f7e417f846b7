"""The bones the package makes: as large as published, of the right topology, cut where they were cut, in one catalogue."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.bone import WHOLE_NODES, depth_field, inset_field, make_bone
from marrow_niche.geometry.cuts import share_kept
from marrow_niche.geometry.flat_bones import make_calvaria, make_iliac_core
from marrow_niche.geometry.lattice import voxelise
from marrow_niche.geometry.made_bones import BONES, made_bone
from marrow_niche.geometry.mesh import close_surface
from marrow_niche.geometry.sources import load_bone
from marrow_niche.geometry.spec import GeometrySpec
from marrow_niche.geometry.trabeculae import Trabeculae
from marrow_niche.geometry.vertebra import HUMAN, MOUSE
from marrow_niche.geometry.vessels import vein_track

NAMES = [
    "mouse femur",
    "mouse tibia",
    "mouse vertebra",
    "mouse calvaria",
    "human femur",
    "human vertebra",
    "human iliac core",
    "human needle core",
    "human calvaria",
]
CUT = ("mouse calvaria", "human calvaria", "human iliac core", "human needle core")
MADE = {}


def surface_of(name):
    if name not in MADE:
        MADE[name] = BONES[name].surface()
    return MADE[name]


def section(surface, z, pitch):
    """(ny, nx) bool: what lies inside at height z, at this pitch."""
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    nx, ny = np.ceil((high - low)[:2] / pitch).astype(int) + 1
    origin = np.array([low[0], low[1], z - 0.5 * pitch])
    return (
        voxelise(surface.vertices, surface.triangles, origin=origin, spacing=pitch, shape=(1, int(ny), int(nx)))[0] > 0
    )


def normals(surface):
    """(t, 3) outward, as long as the triangle is large."""
    a, b, c = (surface.vertices[surface.triangles[:, i]] for i in range(3))
    return 0.5 * np.cross(b - a, c - a)


def test_the_catalogue_has_the_bones_that_are_promised():
    assert list(BONES) == NAMES
    for name, bone in BONES.items():
        assert bone.name == name
        assert bone.species == name.split()[0]
        spongy = bone.trabeculae.spec
        assert 0.0 < spongy.volume_fraction < 0.4
        assert 0.0 < spongy.reach <= spongy.fade <= 1.0
        assert not list(spongy.contradictions())
        for source in (bone.length_source, bone.cortex_source, bone.trabeculae.source, bone.fat.source):
            assert len(source) > 10


@pytest.mark.parametrize("name", NAMES)
def test_each_is_closed_and_as_long_as_it_says(name):
    """Euler's characteristic is 2 - 2 x tunnels: the canal of a vertebra is one, nothing else has any."""
    made = BONES[name]
    surface = surface_of(name)
    bone = make_bone(surface, cortex=made.cortex if made.even else None, default_cortex=made.cortex, share=0.4)
    again = close_surface(surface.vertices, surface.triangles, name=name)
    assert (len(again.triangles), again.shells_left_out) == (len(surface.triangles), 0)
    assert surface.mended == again.mended == ()
    assert 3_000 <= len(surface.triangles) <= 30_000
    edges = np.unique(np.sort(surface.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    euler = len(surface.vertices) - len(edges) + len(surface.triangles)
    assert euler == (0 if "vertebra" in name else 2)
    assert bone.length == pytest.approx(made.length, rel=1e-3)
    assert 0.2 * surface.volume < bone.marrow_volume < 1.3 * surface.volume
    assert (surface.cut is not None) == (name in CUT)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "mouse femur"])
def test_a_length_of_ones_own(name):
    made = BONES[name]
    assert made.surface(1.25 * made.length).principal()[2][0] == pytest.approx(1.25 * made.length, rel=1e-3)


def test_mouse_tibia_is_as_thick_as_published_and_triangular_above():
    """Total area 1.42 +- 0.15 mm^2 (PMC3748612) at 37 % from the knee; less and rounder below the fibula's junction."""
    surface = surface_of("mouse tibia")
    low, high = surface.vertices[:, 2].min(), surface.vertices[:, 2].max()
    upper, lower = (section(surface, high - at * (high - low), 20.0) for at in (0.37, 0.70))
    assert 1.2 < upper.sum() * 4e-4 < 1.75
    assert 0.65 < lower.sum() * 4e-4 < 1.05
    box = [s.any(axis=0).sum() * s.any(axis=1).sum() for s in (upper, lower)]
    assert upper.sum() / box[0] < 0.70  # a triangle fills half of its box
    assert lower.sum() / box[1] == pytest.approx(np.pi / 4.0, abs=0.06)  # an ellipse pi / 4
    wide = section(surface, high - 0.05 * (high - low), 20.0).any(axis=0).sum() * 20.0
    assert 2_600.0 < wide < 3_400.0


def test_human_femur_has_a_long_thin_neck_and_no_third_trochanter():
    surface = surface_of("human femur")
    low, high = surface.vertices[:, 2].min(), surface.vertices[:, 2].max()
    at = [section(surface, low + share * (high - low), 1_000.0) for share in (0.07, 0.5, 0.62, 0.70)]
    across = [s.any(axis=0).sum() for s in at]
    assert 75 < across[0] < 90  # condyles [mm]
    assert 26 < across[1] < 30
    assert max(across[1:]) - min(across[1:]) <= 4
    head = surface.vertices[surface.vertices[:, 2] > high - 46_000.0]
    head = head[head[:, 0] > head[:, 0].max() - 30_000.0]
    assert 42_000.0 < np.ptp(head[:, 1]) < 50_000.0
    assert 90_000.0 < np.ptp(surface.vertices[surface.vertices[:, 2] > high - 60_000.0, 0]) < 115_000.0


@pytest.mark.parametrize(
    ("name", "body", "voxel"), [("mouse vertebra", MOUSE, 100.0), ("human vertebra", HUMAN, 2_000.0)]
)
def test_the_vertebral_canal_stays_open(name, body, voxel):
    """The inner half of the canal holds no bone at any height, is closed all around, and the body is as large as it says."""
    surface = surface_of(name)
    low, high = surface.vertices[:, 2].min(), surface.vertices[:, 2].max()
    corner = surface.vertices.min(axis=0)
    inside = np.stack([section(surface, z, voxel) for z in np.arange(low, high, voxel)])
    y, x = np.indices(inside.shape[1:])
    x, y = (corner[d] + (0.5 + g) * voxel for d, g in enumerate((x, y)))
    away = np.hypot(2e-3 * x / body.canal_width, 2.0 * (1e-3 * y - body.canal) / body.canal_depth)
    assert not inside[:, away < 0.5].any()
    holes, _ = ndimage.label(~np.pad(inside.any(axis=0), 1))
    canal = np.unique(holes[1:-1, 1:-1][away < 0.5])
    assert len(canal) == 1
    assert canal[0] != holes[0, 0]
    middle = section(surface, 0.0, 0.1 * voxel)
    narrow = 1.0 - body.waist
    width = middle[int((0.0 - corner[1]) / (0.1 * voxel))].sum() * 0.1 * voxel
    assert width == pytest.approx(1e3 * narrow * body.width, rel=0.03)


def test_a_core_is_cut_on_its_side_and_nowhere_else():
    surface = make_iliac_core(9_000.0, diameter=7_500.0)
    away = np.hypot(*surface.vertices[:, :2].T)[surface.triangles]
    on_side = (away > 3_750.0 - 1e-6).all(axis=1)
    assert np.array_equal(surface.cut, on_side)
    area = np.linalg.norm(normals(surface), axis=1)
    sag = 80_000.0 - np.sqrt(80_000.0**2 - 3_750.0**2)
    assert area[surface.cut].sum() == pytest.approx(np.pi * 7_500.0 * (9_000.0 - sag), rel=0.002)
    assert area[~surface.cut].sum() == pytest.approx(2.0 * np.pi * 3_750.0**2, rel=0.003)
    assert surface.volume == pytest.approx(np.pi * 3_750.0**2 * (9_000.0 - sag), rel=0.002)


def test_a_strip_of_the_skull_is_cut_on_its_four_sides_and_nowhere_else():
    """Both tables face up or down, the sides do not; the tables are the same distance apart everywhere."""
    length, width, thickness, bend = 4_000.0, 2_000.0, 350.0, (10_000.0, 6_500.0)
    surface = make_calvaria(length, width=width, thickness=thickness, bend=bend)
    normal = normals(surface)
    area = np.linalg.norm(normal, axis=1)
    steep = np.abs(normal[:, 2]) / area
    assert (steep[~surface.cut] > 0.9).all()
    assert (steep[surface.cut] < 0.3).all()
    around = 2.0 * sum(2.0 * b * np.arcsin(0.5 * s / (b + 175.0)) for b, s in zip(bend, (length, width), strict=True))
    assert area[surface.cut].sum() == pytest.approx(around * thickness, rel=0.01)
    tables = surface.vertices[np.unique(surface.triangles[~surface.cut])]
    middle = np.sqrt((np.hypot(tables[:, 0], tables[:, 2] + 10_000.0) - 3_500.0) ** 2 + tables[:, 1] ** 2)
    assert np.abs(np.abs(middle - 6_500.0) - 175.0).max() < 0.01
    assert surface.vertices[:, :2].max(axis=0) == pytest.approx([2_000.0, 1_000.0])


def test_a_core_has_an_endosteum_under_its_ends_and_none_at_its_side():
    core, cortex = make_iliac_core(), 900.0
    bone = make_bone(core, cortex=cortex, default_cortex=cortex, share=0.4)
    inset = inset_field(bone, bone.low, bone.high)
    angle = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    r, top = 3_749.0, core.vertices[:, 2].max()
    lower = 80_000.0 - np.sqrt(80_000.0**2 - r**2)
    for deep in (450.0, 1_300.0, 2_500.0, 4_000.0):
        on_axis = inset.at(np.array([[0.0, 0.0, top - deep]]))[0]
        side = inset.at(np.stack([r * np.cos(angle), r * np.sin(angle), np.full(200, top - deep - lower)], axis=1))
        assert on_axis == pytest.approx(deep - cortex, abs=2.0)
        assert side == pytest.approx(on_axis, rel=0.02)
    bottom = core.vertices[:, 2].max() - (9_000.0 - lower)
    assert inset.at(np.array([[0.0, 0.0, bottom + 450.0]]))[0] == pytest.approx(-450.0, abs=5.0)
    whole = make_bone(replace(core, cut=None), cortex=cortex, default_cortex=cortex, share=0.4)
    closed = inset_field(whole, bone.low, bone.high)
    assert closed.at(np.array([[r, 0.0, 0.0]]))[0] < -850.0


def test_a_needle_core_has_bone_at_one_end_and_marrow_at_the_other(mouse, tmp_path):
    """2 mm across, 16 mm long: 0.9 mm of cortex at the high end; at the low end, and at its side, marrow that was cut."""
    bone, told = load_bone(GeometrySpec(bone="Human needle core", voxel=50.0), mouse, folder=tmp_path)
    assert bone.length == pytest.approx(16_000.0, rel=1e-3)
    assert np.ptp(bone.surface.vertices[:, :2], axis=0) == pytest.approx([2_000.0, 2_000.0], rel=0.01)
    assert "Reed" in told["numbers_from"]["length"]
    inset = inset_field(bone, bone.low, bone.high)
    top, bottom = bone.high[2], bone.low[2]
    for r in (0.0, 990.0):
        for deep in (450.0, 2_000.0, 8_000.0, 15_900.0):
            assert inset.at(np.array([[r, 0.0, top - deep]]))[0] == pytest.approx(deep - 900.0, abs=30.0)
    assert inset.at(np.array([[0.0, 0.0, bottom + 5.0]]))[0] > 15_000.0
    whole = np.pi * 1_000.0**2 * 16_000.0
    spongy = bone.trabeculae.volume_fraction
    assert bone.marrow_volume == pytest.approx((1.0 - spongy) * whole * (1.0 - 900.0 / 16_000.0), rel=0.03)


def test_the_cortex_of_the_human_femur_thins_towards_its_ends(mouse, tmp_path):
    """5 to 7 mm thick at mid-shaft, 1 to 2 mm at the lower metaphysis, at most 2 in the neck and 1 at both ends.

    The marrow's cross-section is that within it: of a round shaft pi (r - c)^2, and more for the ridge at its back.
    """
    spec = GeometrySpec(bone="human femur", voxel=100.0, trabeculae=Trabeculae(volume_fraction=0.0, thickness=180.0))
    bone, _ = load_bone(spec, mouse, folder=tmp_path)
    at = (bone.station - bone.low[2]) / (bone.high - bone.low)[2]
    thick = {share: float(np.interp(share, at, bone.cortex)) for share in (0.02, 0.15, 0.18, 0.5, 0.9, 0.98)}
    assert 5_000.0 < thick[0.5] < 7_000.0
    assert 1_000.0 < thick[0.15] < thick[0.18] < 2_000.0
    assert thick[0.9] <= 2_000.0
    assert max(thick[0.02], thick[0.98]) <= 1_100.0
    middle = np.interp(0.5, at, bone.area)
    assert 1.0 < middle / (np.pi * (np.interp(0.5, at, bone.radius) - thick[0.5]) ** 2) < 1.5
    even, _ = load_bone(replace(spec, cortex=6_000.0), mouse, folder=tmp_path)
    assert np.ptp(even.cortex) == 0.0
    assert np.interp(0.15, at, bone.area) > 1.5 * np.interp(0.15, at, even.area)


@pytest.mark.parametrize("name", CUT)
def test_a_cut_piece_is_measured_along_its_axis(name):
    """The centre runs along the middle of the piece, and the deepest of a strip is half its thickness all along."""
    made, surface = BONES[name], surface_of(name)
    bone = make_bone(surface, cortex=made.cortex, default_cortex=made.cortex, share=0.4)
    assert bone.axis == (2 if "core" in name else 0)
    across = [d for d in (0, 1) if d != bone.axis]
    assert np.abs(bone.centre[:, across]).max() < 0.02 * bone.length
    half = {
        "mouse calvaria": 175.0,
        "human calvaria": 3_250.0,
        "human iliac core": 4_450.0,
        "human needle core": 16_000.0,  # it ends in the marrow, so its low end is the deepest
    }[name]
    assert bone.radius.max() == pytest.approx(half, rel=0.2 if "core" in name else 0.03)
    assert np.ptp(bone.cortex) == 0.0


@pytest.mark.parametrize("name", CUT)
def test_sums_over_nodes_are_sums_over_the_piece(name):
    """Behind a cut face depth is positive too; with the share that is kept the volume comes out all the same."""
    surface = surface_of(name)
    depth = depth_field(surface, surface.vertices.min(axis=0), surface.vertices.max(axis=0), nodes=WHOLE_NODES)
    edge = np.clip(0.5 + depth.values / depth.spacing, 0.0, 1.0)
    kept = share_kept(surface, depth)
    assert edge.sum() * depth.spacing**3 > 1.1 * surface.volume
    assert (edge * kept).sum() * depth.spacing**3 == pytest.approx(surface.volume, rel=0.03)
    assert (share_kept(replace(surface, cut=None), depth) == 1.0).all()


def test_a_bone_without_cuts_has_the_depth_it_had():
    surface = surface_of("mouse tibia")
    box = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    plain = depth_field(surface, *box, nodes=3_000)
    uncut = depth_field(replace(surface, cut=np.zeros(len(surface.triangles), bool)), *box, nodes=3_000)
    assert np.array_equal(plain.values, uncut.values)


def test_names_aliases_and_a_name_that_is_not_known():
    assert made_bone("long bone") is BONES["mouse femur"]
    assert made_bone(" Human  Femur") is BONES["human femur"]
    with pytest.raises(
        GeometryError, match=r"'human femor' is not made .* did you mean \"human femur\"\? It makes mouse femur,"
    ):
        made_bone("human femor")
    with pytest.raises(GeometryError, match=r"'xyz' is not made by the package\. It makes .*human calvaria\."):
        made_bone("xyz")


def test_fat_grows_with_age_and_stays_a_share():
    iliac = BONES["human iliac core"].fat
    assert iliac.at(50.0) == pytest.approx(0.50)
    assert iliac.at(80.0) == pytest.approx(0.59)
    assert BONES["human femur"].fat.at(200.0) == 1.0
    assert BONES["mouse femur"].fat.at(-10.0) == 0.0


def test_a_core_longer_than_wide_has_no_central_vein(mouse):
    """Three times as long as wide, but a piece cut out of a flat bone; whole, a rod as long has one."""
    made = BONES["human iliac core"]
    core = make_bone(made.surface(), cortex=made.cortex, default_cortex=0.0, share=0.0)
    assert core.extents[0] > 2.0 * core.extents[1]
    assert not core.has_shaft
    whole = replace(core, surface=replace(core.surface, cut=None))
    assert whole.has_shaft
    inset = inset_field(core, core.low, core.high)
    place = inset, mouse, core.low, core.high
    assert len(vein_track(core, *place)) == 0
    assert len(vein_track(whole, *place)) > 2
