"""A bone given as a volume of labels: its shape, its distance to bone, its cuts, and the marrow that is built from it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import BONE, MARROW, OUTSIDE, GeometrySpec, Section, build_geometry, load_bone, make_lattice
from marrow_niche.geometry.image import ADIPOCYTE, SINUSOID, LabelImage
from marrow_niche.geometry.image_bone import FAR, bone_of_image, image_inset, image_marrow, image_tissue
from marrow_niche.geometry.walls import endosteal_area
from marrow_niche.scenario.scenario import scenario_from

VOLUMES = Path(__file__).resolve().parents[4] / "shared" / "data" / "volumes"
LABELS = {"outside": 0, "bone": 1, "marrow": 2}


def image_of(labels, spacing=(10.0, 10.0, 10.0), origin=(0.0, 0.0, 0.0)):
    return LabelImage(
        labels=np.asarray(labels, np.uint8), spacing=np.array(spacing, float), origin=np.array(origin, float), facts={}
    )


def boxed_marrow(shape=(20, 16, 14), wall=3):
    """Bone with a box of marrow in it, `wall` voxels from every face."""
    labels = np.full(shape, BONE, np.uint8)
    labels[(slice(wall, -wall),) * 3] = MARROW
    return labels


def open_tube(n=30, wall=4):
    """A square tube of bone along z around marrow that was cut at both ends, with nothing beyond the cuts."""
    labels = np.full((n + 12, n, n), BONE, np.uint8)
    labels[:, wall:-wall, wall:-wall] = MARROW
    labels[:6], labels[-6:] = OUTSIDE, OUTSIDE
    return labels


def write_nrrd(path, labels, spacing):
    nrrd = pytest.importorskip("nrrd")
    header = {
        "space directions": np.diag(np.array(spacing[::-1]) / 1e3),
        "space units": ["mm"] * 3,
        "space dimension": 3,
    }
    nrrd.write(str(path), np.asarray(labels, np.uint8).T, header)
    return path


def write_nifti(path, labels, spacing):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(np.asarray(labels, np.uint8).T, np.diag([*(np.array(spacing[::-1]) / 1e3), 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("image")


@pytest.fixture(scope="module")
def build(folder, mouse):
    """build(labels, voxel, spacing=, section=, kind=, **anatomy): written to disk, read again, built."""

    def of(labels, voxel, *, spacing=(10.0, 10.0, 10.0), section=None, write=write_nrrd, name="a.nrrd", **anatomy):
        write(folder / name, labels, spacing)
        values = {tissue: value for tissue, value in LABELS.items() if (np.asarray(labels) == value).any()}
        spec = GeometrySpec(image=name, labels=values, voxel=voxel, section=section)
        return build_geometry(spec, dataclasses.replace(mouse, **anatomy), seed=2, folder=folder)

    return of


@pytest.mark.parametrize("spacing", [(10.0, 10.0, 10.0), (4.0, 3.0, 2.0)])
def test_the_shape_of_a_box(spacing):
    """Of bone 14 x 16 x 20 voxels with nothing around it: corners, axis, cross-sections and volumes, also of oblong voxels."""
    labels = np.pad(boxed_marrow(), ((2, 1), (3, 4), (5, 6)))
    image = image_of(labels, spacing, origin=(100.0, -50.0, 7.0))
    bone = bone_of_image(image)
    h = np.array(spacing[::-1])
    assert bone.low == pytest.approx(image.origin + h * [5, 3, 2])
    assert bone.high == pytest.approx(image.origin + h * [19, 19, 22])
    assert bone.axis == 2
    assert bone.extents == pytest.approx(np.sort(h * [14, 16, 20])[::-1])
    assert bone.station == pytest.approx(7.0 + spacing[0] * (np.arange(23) + 0.5))
    face = 8 * 10 * spacing[1] * spacing[2]
    assert bone.area == pytest.approx(np.where((np.arange(23) >= 5) & (np.arange(23) < 19), face, 0.0))
    assert bone.radius == pytest.approx(np.sqrt(bone.area / np.pi))
    assert (bone.cortex == 0.0).all()
    assert bone.volume == pytest.approx(14 * 16 * 20 * np.prod(spacing))
    assert bone.marrow_volume == pytest.approx(8 * 10 * 14 * np.prod(spacing))
    assert bone.centre[:, :2] == pytest.approx(np.tile(0.5 * (bone.low + bone.high)[:2], (23, 1)))


@pytest.mark.parametrize(("shape", "axis"), [((9, 9, 9), 2), ((9, 12, 12), 1), ((9, 10, 12), 0)])
def test_the_long_axis_is_that_of_the_longest_side(shape, axis):
    assert bone_of_image(image_of(boxed_marrow(shape))).axis == axis


def test_the_surface_that_is_drawn_encloses_the_bone():
    """Bone without its marrow: its volume to a twentieth, at the place of the image."""
    image = image_of(boxed_marrow(), origin=(500.0, 0.0, 0.0))
    surface = bone_of_image(image).surface
    assert surface.volume == pytest.approx((image.labels == BONE).sum() * 1e3, rel=0.05)
    assert surface.vertices.min(axis=0) == pytest.approx([500.0, 0.0, 0.0], abs=6.0)
    assert surface.vertices.max(axis=0) == pytest.approx([640.0, 160.0, 200.0], abs=6.0)


def test_the_distance_to_bone_in_a_box():
    """At every voxel of marrow the way to the nearest face of the box, found by trying all of bone; negative in bone."""
    image = image_of(boxed_marrow(), origin=(30.0, 20.0, 10.0))
    inset = image_inset(image)
    z, y, x = np.nonzero(image.labels == MARROW)
    points = image.origin + 10.0 * (np.stack([x, y, z], axis=1) + 0.5)
    k, j, i = np.nonzero(image.labels == BONE)
    corner = image.origin + 10.0 * np.stack([i, j, k], axis=1)
    beyond = np.maximum(np.maximum(corner - points[:, None], points[:, None] - corner - 10.0), 0.0)
    assert inset.at(points) == pytest.approx(np.linalg.norm(beyond, axis=2).min(axis=1))
    deep = corner[(image.labels[k, j, i] == BONE) & (i < 3) & (j > 5) & (j < 10) & (k > 5) & (k < 14)] + 5.0
    assert inset.at(deep) == pytest.approx(deep[:, 0] - 60.0)
    face = np.array([[60.0, 100.0, 100.0], [100.0, 100.0, 180.0]])
    assert inset.at(face) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_oblong_voxels_are_made_cubes_for_the_distance():
    """Voxels of 10 x 5 x 5 um: the distance is kept every 10 um and is right to half of that."""
    labels = boxed_marrow((20, 32, 28), wall=6).copy()
    inset = image_inset(image_of(labels, (10.0, 5.0, 5.0)))
    assert inset.spacing == 10.0
    draws = np.random.default_rng(1)
    points = np.array([30.0, 30.0, 60.0]) + draws.random((500, 3)) * [80.0, 100.0, 80.0]
    away = np.minimum(points - [30.0, 30.0, 60.0], [110.0, 130.0, 140.0] - points).min(axis=1)
    assert inset.at(points) == pytest.approx(away, abs=5.0)


def test_where_marrow_was_cut_the_distance_is_that_to_bone():
    """Up to the cut it is the distance to the tube's wall; a voxel beyond it goes on, some voxels beyond it is negative."""
    image = image_of(open_tube())
    inset = image_inset(image)
    middle = np.array([145.0, 145.0])
    for z in (65.0, 200.0, 350.0):
        assert inset.at(np.array([[*middle, z]]))[0] == pytest.approx(105.0)
    beyond = inset.at(np.array([[*middle, 360.0 + step] for step in (5.0, 15.0, 25.0, 35.0, 55.0)]))
    assert (beyond[:2] > 0.0).all()
    assert (np.diff(beyond) < 0.0).all()
    assert beyond[2] == pytest.approx(0.0, abs=1e-9)
    assert (beyond[3:] < 0.0).all()


def test_a_vessel_at_a_cut_is_cut_marrow():
    """A vessel that is marked in the image and reaches the cut makes no difference to the distance beyond it."""
    labels = open_tube()
    other = labels.copy()
    other[6:-6, 12:18, 12:18] = SINUSOID
    point = np.array([[150.0, 150.0, 365.0], [150.0, 150.0, 385.0]])
    assert image_inset(image_of(other)).at(point) == pytest.approx(image_inset(image_of(labels)).at(point))


def test_cut_faces_are_no_endosteum():
    """Of a tube of marrow cut at both ends only the four walls count, whichever way it lies; of a closed box all six."""
    for turn in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
        image = image_of(open_tube().transpose(turn))
        area = endosteal_area(make_lattice(image.labels, spacing=10.0, origin=image.origin), image_inset(image))
        assert area.sum() == pytest.approx(4.0 * 220.0 * 300.0, rel=0.03)
    image = image_of(boxed_marrow((26, 26, 26)))
    lattice = make_lattice(image.labels, spacing=10.0, origin=image.origin)
    area = endosteal_area(lattice, image_inset(image))
    assert area.sum() == pytest.approx(6.0 * 200.0**2, rel=0.08)
    assert area[(lattice.neighbour >= 0).all(axis=1)].sum() == 0.0


def test_an_image_that_is_all_marrow_has_no_endosteum(build):
    image = image_of(np.full((30, 30, 30), MARROW))
    inset = image_inset(image)
    assert inset.at(np.array([[5.0, 5.0, 5.0], [150.0, 150.0, 150.0]])) == pytest.approx([FAR, FAR])
    g = build(image.labels, 10.0)
    assert g.facts["endosteum_mm2"] == 0.0
    assert g.facts["osteoblasts"] == 0
    assert g.facts["marrow_mm3"] == pytest.approx(0.3**3)
    assert 0.18 < g.facts["sinusoid_fraction"] < 0.4


def test_a_block_of_spongy_bone_has_the_arterioles_of_trabeculae(build):
    """Plates with holes, cut out: arterioles fill about the 1.2 % that are measured in marrow. With a rim of nothing beyond them
    the same plates are taken for cortex, to which more arterioles lead."""
    labels = np.full((56, 56, 56), MARROW, np.uint8)
    for first in (6, 28, 50):
        labels[:, :, first : first + 4] = BONE
        labels[20:36, 20:36, first : first + 4] = MARROW
    block = build(labels, 10.0).facts
    assert 0.004 < block["arteriole_fraction"] < 0.02
    rimmed = build(np.pad(labels, 1, constant_values=OUTSIDE), 10.0).facts
    assert rimmed["arteriole_length_mm_per_mm3"] > 1.3 * block["arteriole_length_mm_per_mm3"]
    assert block["cortex_from"] == "none, the image is of spongy bone"


def test_marrow_between_two_corners():
    """Voxels count by the share of them that lies between; vessels and fat are marrow."""
    labels = np.full((4, 4, 4), BONE, np.uint8)
    labels[1, 1, 1], labels[1, 1, 2], labels[2, 2, 2], labels[3, 3, 3] = MARROW, SINUSOID, ADIPOCYTE, OUTSIDE
    image = image_of(labels, (4.0, 3.0, 2.0), origin=(10.0, 10.0, 10.0))
    assert image_marrow(image, np.full(3, -1e9), np.full(3, 1e9)) == pytest.approx(3 * 24.0)
    assert image_marrow(image, np.array([13.0, 10.0, 10.0]), np.array([15.0, 14.5, 18.0])) == pytest.approx(12.0)


def test_a_coarse_voxel_is_what_most_of_it_is():
    """Eight voxels to one: five to three decide; vessels and fat count as marrow; more than half outside is outside."""
    labels = np.full((2, 2, 8), BONE, np.uint8)
    block = np.array([MARROW, SINUSOID, ADIPOCYTE, MARROW, SINUSOID, BONE, BONE, BONE]).reshape(2, 2, 2)
    labels[..., 0:2] = block
    labels[..., 2:4] = np.where(np.arange(8).reshape(2, 2, 2) < 3, MARROW, BONE)
    labels[..., 4:6] = np.where(np.arange(8).reshape(2, 2, 2) < 5, OUTSIDE, MARROW)
    labels[..., 6:8] = MARROW
    tissue, origin = image_tissue(image_of(labels), 20.0, np.zeros(3), np.array([80.0, 20.0, 20.0]))
    np.testing.assert_array_equal(tissue, [[[MARROW, BONE, OUTSIDE, MARROW]]])
    assert origin == pytest.approx(np.zeros(3))
    part, origin = image_tissue(image_of(labels), 20.0, np.array([40.0, 0.0, 0.0]), np.array([80.0, 20.0, 20.0]))
    np.testing.assert_array_equal(part, [[[OUTSIDE, MARROW]]])
    assert origin == pytest.approx([40.0, 0.0, 0.0])


@pytest.mark.parametrize(("write", "name"), [(write_nrrd, "b.nrrd"), (write_nifti, "b.nii.gz")])
def test_a_marrow_is_built_from_a_file(build, write, name):
    """At the image's own voxels the marrow is the voxels counted; facts tell the file and its voxels."""
    labels = np.pad(boxed_marrow((36, 34, 32)), 2)
    g = build(labels, 10.0, write=write, name=name)
    count = int((labels == MARROW).sum())
    facts = g.facts
    assert facts["marrow_mm3"] == pytest.approx(count * 1e-6)
    assert facts["bone_marrow_mm3"] == pytest.approx(count * 1e-6)
    assert facts["share_of_bone_marrow"] == pytest.approx(1.0)
    assert facts["bone_volume_mm3"] == pytest.approx((labels > 0).sum() * 1e-6)
    assert facts["source"] == name
    assert facts["image"]["voxels by label"] == {
        "outside": int((labels == 0).sum()), "bone": int((labels == BONE).sum()), "marrow": count
    }  # fmt: skip
    assert facts["dimension"] == 3
    assert facts["sinusoid_fraction"] == pytest.approx(0.33, abs=0.06)
    corner = 20.0 if name == "b.nrrd" else 15.0  # a NIfTI's numbers are those of the first voxel's centre
    assert g.lattice.origin == pytest.approx([corner] * 3, abs=1e-3)
    assert ((g.lattice.tissue == BONE) == (labels[2:-2, 2:-2, 2:-2] == BONE)).all()
    assert g.to_endosteum.min() == pytest.approx(5.0, abs=1e-3)
    assert facts["endosteum_mm2"] == pytest.approx(2.0 * (26 * 28 + 26 * 30 + 28 * 30) * 1e-4, rel=0.08)


def test_no_tissue_is_lost_where_voxels_do_not_fit(build):
    """Margins of three voxels of 10 um around all of the tissue, in voxels of 20 um: it is all there, edges too."""
    labels = np.pad(np.full((21, 23, 24), MARROW, np.uint8), 3)
    for voxel in (14.0, 25.0):
        g = build(labels, voxel)
        top = g.lattice.origin + voxel * np.array(g.lattice.shape[::-1])
        assert (g.lattice.origin <= 30.0 + 1e-3).all()
        assert (top >= [270.0 - 1e-3, 260.0 - 1e-3, 240.0 - 1e-3]).all()
        assert g.facts["share_of_bone_marrow"] == pytest.approx(1.0, abs=0.07)


def test_what_is_measured_does_not_depend_on_the_voxel(build):
    """Vessels are laid in the bone and not in its voxels: at 10 and at 20 um the same shares to a twentieth."""
    labels = boxed_marrow((48, 48, 48), wall=4)
    fine, coarse = (build(labels, voxel).facts for voxel in (10.0, 20.0))
    assert coarse["marrow_mm3"] == pytest.approx(fine["marrow_mm3"])
    for name in ("share_within_10um_of_sinusoid", "sinusoid_fraction"):
        assert coarse[name] == pytest.approx(fine[name], rel=0.05), name


def test_a_section_of_an_image(build):
    """A tube of bone between 30 and 50 % of its height: a part of the voxels of the whole; a slice is one of its layers."""
    labels = open_tube()[6:-6]
    thick = build(labels, 10.0, section=Section(at=0.4, thickness=60.0))
    assert thick.lattice.shape == (6, 30, 30)
    assert thick.lattice.origin == pytest.approx([0.0, 0.0, 90.0], abs=1e-3)
    assert thick.facts["marrow_mm3"] == pytest.approx(0.22**2 * 0.06)
    assert thick.facts["section_from_mm"] == pytest.approx(0.09, abs=1e-4)
    assert thick.facts["endosteum_mm2"] == pytest.approx(4 * 0.22 * 0.06, rel=0.06)
    assert thick.facts["dimension"] == 3
    slice_ = build(labels, 10.0, section=Section(axis="x", at=0.5))
    assert slice_.lattice.shape == (30, 30, 1)
    assert slice_.facts["dimension"] == 2


@pytest.mark.parametrize(
    ("spacing", "voxel"), [((5.0, 5.0, 5.0), 5.0), ((5.0, 5.0, 5.0), 20.0), ((50.0, 5.0, 5.0), 10.0)]
)
def test_an_image_of_one_layer_is_a_slice(build, spacing, voxel):
    """A plane image is two-dimensional and one voxel thick, and as full of vessels and stroma as a slice of a bone is.

    The endosteum is that of a square, whose corners count for less than their faces.
    """
    labels = np.full((1, 100, 100), MARROW, np.uint8)
    labels[:, 40:60, 40:60] = BONE
    g = build(labels, voxel, spacing=spacing)
    facts = g.facts
    side = round(500.0 / voxel)
    assert g.lattice.dimension == facts["dimension"] == 2
    assert g.lattice.shape == (1, side, side)
    assert facts["marrow_mm3"] == pytest.approx((0.5**2 - 0.1**2) * voxel * 1e-3, rel=1e-6)
    assert facts["share_of_bone_marrow"] == pytest.approx(1.0)
    assert facts["sinusoid_fraction"] == pytest.approx(0.33, abs=0.08)
    assert facts["stroma"] == pytest.approx(1.5e4 * facts["marrow_mm3"], rel=0.1, abs=3.0)
    assert facts["endosteum_mm2"] == pytest.approx(0.4 * voxel * 1e-3, rel=0.22)


def test_the_distance_of_one_layer_is_kept_by_its_own_pixels():
    """However thick the layer is said to be; and it is the same below and above."""
    labels = np.full((1, 30, 30), MARROW)
    labels[:, :, :5] = BONE
    inset = image_inset(image_of(labels, (80.0, 4.0, 4.0)), margin=100.0)
    assert inset.spacing == 4.0
    for z in (-100.0, 40.0, 180.0):
        assert inset.at(np.array([[62.0, 50.0, z]]))[0] == pytest.approx(42.0)


@pytest.fixture(scope="module")
def volumes():
    """Folder of measured volumes that does not come with the package."""
    if not VOLUMES.is_dir():
        pytest.skip("the measured volumes (shared/data/volumes) are not here")
    return VOLUMES


def test_a_measured_spongy_bone_builds_as_a_scenario(volumes):
    """Micro-CT of a shrew's spongy bone at 10 um: BV/TV 0.294, and the NRRD file of the same scan gives the same tissue."""
    made = []
    for name, bone in (("shrew_trabecular_4p1um.nii.gz", 1), ("shrew_trabecular_4p1um_DIDSR.nrrd", 255)):
        geometry = {"image": name, "labels": {"marrow": 0, "bone": bone}, "voxel": "10 um"}
        scenario = scenario_from(
            {"species": "mouse", "duration": "1 d", "geometry": geometry, "seed": 4}, folder=volumes
        )
        made.append(
            build_geometry(scenario.geometry, scenario.parameters.anatomy, seed=scenario.seed, folder=scenario.folder)
        )
    one, other = made
    assert one.lattice.shape == (48, 47, 47)
    bone = (one.lattice.tissue == BONE).sum() / (one.lattice.tissue != OUTSIDE).sum()
    assert bone == pytest.approx(0.294, abs=0.01)
    assert np.array_equal(one.lattice.tissue == BONE, other.lattice.tissue == BONE)
    assert np.array_equal(one.lattice.tissue == OUTSIDE, other.lattice.tissue == OUTSIDE)
    assert one.facts["marrow_mm3"] == pytest.approx((1.0 - 0.294) * (115 * 114 * 114) * 0.0041**3, rel=0.02)
    walls = cKDTree(one.lattice.origin + 10.0 * (np.argwhere(one.lattice.tissue == BONE)[:, ::-1] + 0.5))
    away = walls.query(one.lattice.centres())[0]
    assert np.abs(one.to_endosteum - away + 5.0).mean() < 4.0


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """picture(name, labels) writes a TIFF of pixels of 5 um; one slice of marrow 500 um wide between two walls of bone."""
    tifffile = pytest.importorskip("tifffile")
    folder = tmp_path_factory.mktemp("picture")

    def of(name, labels=None):
        if labels is None:
            labels = np.full((80, 100), MARROW, np.uint8)
            labels[:8], labels[-8:] = BONE, BONE
        tifffile.imwrite(
            folder / name, labels, imagej=True, resolution=(0.2, 0.2), metadata={"unit": "um", "spacing": 5.0}
        )
        return folder

    return of


FLAT = {"bone": BONE, "marrow": MARROW}


def test_a_picture_is_a_marrow_one_voxel_thick(picture, mouse):
    """500 x 320 um of marrow, on 10 um: its voxels, its volume, and the endosteum along both walls."""
    g = build_geometry(GeometrySpec(image="a.tif", labels=FLAT, voxel=10.0), mouse, seed=1, folder=picture("a.tif"))
    assert g.lattice.dimension == 2
    assert g.facts["marrow_mm3"] == pytest.approx(500.0 * 320.0 * 10.0 * 1e-9)
    assert g.bone_area.sum() == pytest.approx(2.0 * 500.0 * 10.0, rel=0.1)
    assert g.facts["sinusoid_fraction"] == pytest.approx(0.31, abs=0.08)


@pytest.mark.parametrize("axis", ["x", "long", "y"])
def test_a_slice_across_a_slice_is_refused(picture, mouse, axis):
    folder = picture("a.tif")
    spec = GeometrySpec(image="a.tif", labels=FLAT, voxel=10.0, section=Section(axis=axis, at=0.5))
    with pytest.raises(GeometryError, match=r"a\.tif is a slice already, .* a line\. Give the section a thickness"):
        build_geometry(spec, mouse, seed=1, folder=folder)
    thick = dataclasses.replace(spec, section=Section(axis=axis, at=0.5, thickness=200.0))
    assert build_geometry(thick, mouse, seed=1, folder=folder).lattice.dimension == 2


@pytest.mark.parametrize(
    ("shape", "words"), [((40, 1, 40), "along y"), ((1, 1, 40), "along z and y"), ((40, 40, 1), "along x")]
)
def test_slices_that_do_not_lie_flat_are_refused(folder, mouse, shape, words):
    write_nrrd(folder / "thin.nrrd", np.full(shape, MARROW), (5.0, 5.0, 5.0))
    with pytest.raises(GeometryError, match=rf"one voxel thick {words}\. .*Reslice"):
        load_bone(GeometrySpec(image="thin.nrrd", labels={"marrow": MARROW}, voxel=20.0), mouse, folder=folder)


def test_a_stack_thinner_than_half_a_voxel_is_refused_with_the_voxel_that_works(folder, mouse):
    """Three layers of 5 um and voxels of 40 um: by its thickness; 15 um works."""
    write_nrrd(folder / "stack.nrrd", np.full((3, 60, 60), MARROW), (5.0, 5.0, 5.0))
    spec = GeometrySpec(image="stack.nrrd", labels={"marrow": MARROW}, voxel=40.0)
    with pytest.raises(GeometryError, match=r'15 um thick along z, .* Take voxel = "15 um" or smaller'):
        build_geometry(spec, mouse, seed=1, folder=folder)
    assert build_geometry(dataclasses.replace(spec, voxel=15.0), mouse, seed=1, folder=folder).lattice.n > 30
