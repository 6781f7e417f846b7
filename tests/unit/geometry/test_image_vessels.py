"""Vessels read from the labels of an image, against tubes whose middle, radius and length are known."""

import numpy as np
import pytest
from scipy import ndimage

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import ARTERIOLE, SINUSOID, VEIN, GeometrySpec, build_geometry, load_bone
from marrow_niche.geometry.image import BONE, MARROW, TISSUES, LabelImage
from marrow_niche.geometry.image_vessels import vessels_of_image
from marrow_niche.kernels.thinning import thin

NUMBER = {name: number for number, name in enumerate(TISSUES)}
MIDDLE = (90.0, 90.0, 90.0)
STRAIGHT = [((30.0, 90.0, 90.0), (150.0, 90.0, 90.0))]
OBLIQUE = [((31.0, 40.0, 53.0), (150.0, 140.0, 121.0))]
FORK = [(MIDDLE, end) for end in ((90.0, 90.0, 25.0), (35.0, 95.0, 140.0), (150.0, 80.0, 140.0))]
THROUGH = [((-50.0, 70.0, 95.0), (250.0, 110.0, 95.0))]


def painted(segments, radius, *, voxel, side=180.0, kind="sinusoid", onto=None, origin=(0.0, 0.0, 0.0)):
    """Marrow with tubes in it, round at both ends; a voxel is vessel where its centre is."""
    spacing = np.broadcast_to(np.array(voxel, float), 3)
    shape = tuple(round(side / h) for h in spacing)
    labels = np.full(shape, MARROW, np.uint8) if onto is None else onto.labels.copy()
    places = (np.stack(np.indices(shape), axis=-1) + 0.5) * spacing
    for start, end in segments:
        a, b = (np.array(p, float)[::-1] for p in (start, end))
        along = np.clip((places - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        labels[np.linalg.norm(places - a - along[..., None] * (b - a), axis=-1) <= radius] = NUMBER[kind]
    return LabelImage(labels=labels, spacing=np.array(spacing), origin=np.array(origin, float), facts={})


def length_of(segments):
    return sum(float(np.linalg.norm(np.subtract(*pair))) for pair in segments)


def mean_radius(vessels):
    return float((vessels.radius * vessels.length).sum() / vessels.length.sum())


def off_the_middle(vessels, segments):
    """Distance of each node to the nearest of the true middle lines."""
    away = []
    for start, end in segments:
        a, b = np.array(start), np.array(end)
        along = np.clip((vessels.nodes - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        away.append(np.linalg.norm(vessels.nodes - a - along[:, None] * (b - a), axis=1))
    return np.min(away, axis=0)


def degrees(vessels):
    return sorted(np.bincount(vessels.edges.reshape(-1), minlength=len(vessels.nodes)))


@pytest.mark.parametrize("voxel", [1.5, 3.0])
@pytest.mark.parametrize(
    ("segments", "ends", "forks"),
    [(STRAIGHT, 2, 0), (OBLIQUE, 2, 0), (FORK, 3, 1)],
    ids=["straight", "oblique", "fork"],
)
@pytest.mark.parametrize("radius", [6.0, 12.0])
def test_a_tube_of_known_radius_and_length(segments, ends, forks, radius, voxel):
    """Radius to 10 %, length to 5 %, every node within half a radius of the middle; one piece, with its ends and its fork."""
    found = vessels_of_image(painted(segments, radius, voxel=voxel))
    assert mean_radius(found) == pytest.approx(radius, rel=0.10)
    assert found.length.sum() == pytest.approx(length_of(segments), rel=0.05)
    assert off_the_middle(found, segments).max() < 0.5 * radius
    degree = degrees(found)
    assert (degree.count(1), degree.count(3), max(degree)) == (ends, forks, 3 if forks else 2)
    assert (found.kind == SINUSOID).all()
    assert np.median(found.length) == pytest.approx(radius, rel=0.35)


@pytest.mark.parametrize("voxel", [(4.0, 2.0, 2.0), (2.0, 2.0, 5.0)])
@pytest.mark.parametrize("segments", [OBLIQUE, FORK], ids=["oblique", "fork"])
def test_oblong_voxels(segments, voxel):
    found = vessels_of_image(painted(segments, 9.0, voxel=voxel))
    assert mean_radius(found) == pytest.approx(9.0, rel=0.10)
    assert found.length.sum() == pytest.approx(length_of(segments), rel=0.05)
    assert off_the_middle(found, segments).max() < 4.5


def test_a_vessel_goes_through_the_faces_of_the_image_that_it_reaches():
    """Its ends stand on both faces, in the frame of the image."""
    found = vessels_of_image(painted(THROUGH, 10.0, voxel=2.5, origin=(1000.0, -50.0, 20.0)))
    assert degrees(found).count(1) == 2
    assert found.nodes[:, 0].min() == pytest.approx(1000.0, abs=2.5)
    assert found.nodes[:, 0].max() == pytest.approx(1180.0, abs=2.5)
    middle = found.nodes[np.argmin(np.abs(found.nodes[:, 0] - 1090.0))]
    assert middle[1:] == pytest.approx([40.0 + 2.0 / 15.0 * (middle[0] - 1090.0), 115.0], abs=2.0)


def test_kinds_stay_what_they_are_labelled():
    """A sinusoid, a thin arteriole and a wide vein side by side, each with its radius; touching ones stay apart."""
    image = painted(STRAIGHT, 10.0, voxel=2.0)
    image = painted([((30.0, 105.0, 90.0), (150.0, 105.0, 90.0))], 5.0, voxel=2.0, kind="arteriole", onto=image)
    image = painted([((30.0, 40.0, 90.0), (150.0, 40.0, 90.0))], 20.0, voxel=2.0, kind="vein", onto=image)
    found = vessels_of_image(image)
    for kind, radius, y in ((SINUSOID, 10.0, 90.0), (ARTERIOLE, 5.0, 105.0), (VEIN, 20.0, 40.0)):
        chosen = found.kind == kind
        assert (found.radius * found.length)[chosen].sum() / found.length[chosen].sum() == pytest.approx(
            radius, rel=0.1
        )
        assert found.nodes[np.unique(found.edges[chosen]), 1] == pytest.approx(y, abs=2.5)


def test_bumps_of_the_wall_are_no_vessels():
    """A tube with 60 voxels stuck to its wall here and there is one line still."""
    image = painted(OBLIQUE, 12.0, voxel=2.0)
    tube = image.labels == NUMBER["sinusoid"]
    wall = np.argwhere(ndimage.binary_dilation(tube) & ~tube)
    some = wall[np.random.default_rng(3).choice(len(wall), 60, replace=False)]
    image.labels[tuple(some.T)] = NUMBER["sinusoid"]
    found = vessels_of_image(image)
    assert degrees(found).count(1) == 2
    assert max(degrees(found)) == 2
    assert found.length.sum() == pytest.approx(length_of(OBLIQUE), rel=0.05)


def test_a_ring_is_closed():
    angle = np.linspace(0.0, 2.0 * np.pi, 61)
    ring = np.stack(
        [90.0 + 50.0 * np.cos(angle), 90.0 + 50.0 * np.sin(angle), 90.0 + 10.0 * np.sin(2.0 * angle)], axis=1
    )
    segments = list(zip(ring[:-1], ring[1:]))
    found = vessels_of_image(painted(segments, 8.0, voxel=2.0))
    assert set(degrees(found)) == {2}
    assert found.length.sum() == pytest.approx(length_of(segments), rel=0.05)


def test_a_ball_is_a_short_tube_and_specks_are_nothing():
    image = painted([((60.0, 60.0, 60.0), (60.1, 60.0, 60.0))], 15.0, voxel=3.0)
    image.labels[50, 50, 50:53] = NUMBER["sinusoid"]
    found = vessels_of_image(image)
    assert len(found.edges) == 1
    assert found.nodes.mean(axis=0) == pytest.approx([60.0, 60.0, 60.0], abs=2.0)
    assert found.radius[0] == pytest.approx(15.0, rel=0.15)


def test_a_slice_holds_vessels_along_it_and_through_it():
    """In 2D: a band 16 um wide along x, and a round section of radius 10 um, which goes through the slice."""
    labels = np.full((1, 100, 100), MARROW, np.uint8)
    labels[0, 21:29, 10:90] = NUMBER["sinusoid"]
    y, x = np.indices((100, 100)) + 0.5
    labels[0][np.hypot(y - 70.0, x - 40.0) <= 5.0] = NUMBER["arteriole"]
    found = vessels_of_image(
        LabelImage(labels=labels, spacing=np.array([30.0, 2.0, 2.0]), origin=np.array([0.0, 0.0, 7.0]), facts={})
    )
    band, round_ = found.kind == SINUSOID, found.kind == ARTERIOLE
    assert found.radius[band] == pytest.approx(8.0, rel=0.1)
    assert found.a[band][:, 1:] == pytest.approx(np.tile([50.0, 22.0], (band.sum(), 1)), abs=1.5)
    assert found.length[band].sum() == pytest.approx(160.0 - 16.0, rel=0.05)
    assert round_.sum() == 1
    ends = np.stack([found.a[round_][0], found.b[round_][0]])
    assert ends[np.argsort(ends[:, 2])] == pytest.approx(np.array([[80.0, 140.0, 7.0], [80.0, 140.0, 37.0]]), abs=1.0)
    assert found.radius[round_] == pytest.approx([10.0], rel=0.05)


def test_an_image_without_vessels_gives_none():
    assert vessels_of_image(painted([], 1.0, voxel=10.0)) is None


def test_every_mistake_is_told_with_its_cure():
    """Sinusoids of five voxels, and arterioles within bone."""
    labels = np.full((40, 40, 40), MARROW, np.uint8)
    labels[:20] = BONE
    labels[30, 5, 5:10] = NUMBER["sinusoid"]
    labels[5:15, 5:8, 5:8] = NUMBER["arteriole"]
    image = LabelImage(labels=labels, spacing=np.full(3, 5.0), origin=np.zeros(3), facts={"file": "a.nrrd"})
    with pytest.raises(GeometryError) as error:
        vessels_of_image(image)
    text = str(error.value)
    assert "the vessels of a.nrrd cannot be used" in text
    assert "5 voxels are sinusoid, and fewer than 30 are taken for noise" in text
    assert "list this value under marrow" in text
    assert "no arteriole touches marrow" in text
    assert "under bone or outside" in text


def test_arterioles_alone_are_refused():
    with pytest.raises(GeometryError, match=r"it labels arteriole but no sinusoids.*list arteriole under marrow"):
        vessels_of_image(painted(STRAIGHT, 8.0, voxel=3.0, kind="arteriole"))


def test_sinusoids_that_are_dust_are_refused():
    labels = np.full((30, 30, 30), MARROW, np.uint8)
    labels[::6, ::6, ::6] = NUMBER["sinusoid"]
    with pytest.raises(GeometryError, match="specks of fewer than 8"):
        vessels_of_image(LabelImage(labels=labels, spacing=np.full(3, 5.0), origin=np.zeros(3), facts={}))


def pieces_and_tunnels(solid):
    """Pieces, cavities and Euler's characteristic of voxels joined by corners, counted over vertices, edges and faces."""
    around = np.ones((3, 3, 3), bool)
    padded = np.pad(solid > 0, 1)
    euler = 0
    for shift in np.ndindex(2, 2, 2):
        cut = padded
        for d, s in enumerate(shift):
            pair = [slice(None)] * 3, [slice(None)] * 3
            pair[0][d], pair[1][d] = slice(1, None), slice(None, -1)
            cut = cut[tuple(pair[0])] | cut[tuple(pair[1])] if s == 0 else cut
        euler += (-1) ** sum(shift) * int(cut.sum())
    return ndimage.label(padded, around)[1], ndimage.label(~padded)[1], euler


@pytest.mark.parametrize("seed", range(6))
def test_thinning_keeps_pieces_cavities_and_tunnels(seed):
    """Of random blobs and of tubes an even number of voxels wide, which thinning by other programs may lose."""
    draws = np.random.default_rng(seed)
    solid = np.zeros((30, 30, 30), np.uint8)
    solid[2:-2, 2:-2, 2:-2] = ndimage.gaussian_filter(draws.standard_normal((26, 26, 26)), 1.5) > 0.05
    solid[3:27, 3:5, 3:5] = 1
    before = pieces_and_tunnels(solid)
    thinned = solid.copy()
    thin(thinned, False)
    assert pieces_and_tunnels(thinned) == before
    assert (thinned <= solid).all()
    again = thinned.copy()
    thin(again, False)
    assert (again == thinned).all()


@pytest.mark.parametrize("wide", [2, 3, 4])
def test_a_square_rod_keeps_its_length(wide):
    """A rod of 2, 3 or 4 voxels thins to one line, at most its width shorter; so does one that lies aslant."""
    solid = np.zeros((12, 12, 40), np.uint8)
    solid[3 : 3 + wide, 3 : 3 + wide, 4:36] = 1
    thin(solid, False)
    assert 32 - 2 * wide <= solid.sum() <= 32
    slant = np.zeros((12, 40, 40), np.uint8)
    for k in range(4, 34):
        slant[3 : 3 + wide, k, k : k + wide] = 1
    thin(slant, False)
    assert slant.sum() >= 30 - 2 * wide


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A box of marrow in bone with a sinusoid through it and an arteriole, as a label volume on disk."""
    nrrd = pytest.importorskip("nrrd")
    image = painted([((60.0, 60.0, 30.0), (60.0, 90.0, 150.0))], 12.0, voxel=5.0)
    image = painted([((110.0, 120.0, 40.0), (120.0, 120.0, 140.0))], 6.0, voxel=5.0, kind="arteriole", onto=image)
    labels = np.pad(image.labels, 2, constant_values=BONE)
    folder = tmp_path_factory.mktemp("scan")
    header = {"space directions": np.diag([5e-3] * 3), "space units": ["mm"] * 3, "space dimension": 3}
    nrrd.write(str(folder / "scan.nrrd"), labels.T, header)
    return folder


LABELS = {"bone": BONE, "marrow": MARROW, "vessel": NUMBER["sinusoid"], "arteriole": NUMBER["arteriole"]}


def test_vessels_of_an_image_are_those_of_the_marrow(scan, mouse):
    """No others are laid: their lengths, and the share of the marrow that they fill; and it is told where they come from."""
    spec = GeometrySpec(image="scan.nrrd", labels=LABELS, voxel=10.0)
    geometry = build_geometry(spec, mouse, seed=1, folder=scan)
    sinusoid = geometry.vessels.kind == SINUSOID
    length = {kind: geometry.vessels.length[geometry.vessels.kind == kind].sum() for kind in (SINUSOID, ARTERIOLE)}
    assert length[SINUSOID] == pytest.approx(np.hypot(30.0, 120.0), rel=0.05)
    assert length[ARTERIOLE] == pytest.approx(np.hypot(10.0, 100.0), rel=0.05)
    assert geometry.vessels.radius[sinusoid] == pytest.approx(12.0, rel=0.15)
    volume = np.pi * 144.0 * np.hypot(30.0, 120.0) + 4.0 / 3.0 * np.pi * 12.0**3
    assert geometry.facts["sinusoid_fraction"] == pytest.approx(volume / 180.0**3, rel=0.15)
    assert geometry.facts["vessels_from"] == "the image, where it labels sinusoid and arteriole"


def test_values_listed_under_marrow_leave_the_vessels_to_the_package(scan, mouse):
    under = {"bone": BONE, "marrow": [MARROW, NUMBER["sinusoid"], NUMBER["arteriole"]]}
    spec = GeometrySpec(image="scan.nrrd", labels=under, voxel=10.0)
    geometry = build_geometry(spec, mouse, seed=1, folder=scan)
    assert "vessels_from" not in geometry.facts
    assert (geometry.vessels.kind == SINUSOID).sum() > 20


def test_vessels_of_an_image_and_of_a_file_are_one_too_many(scan, mouse):
    spec = GeometrySpec(image="scan.nrrd", labels=LABELS, vessels="graph.vtp", voxel=10.0)
    load_bone(spec, mouse, folder=scan)
    with pytest.raises(
        GeometryError, match=r"come from a file, and the image labels .* list those values under marrow"
    ):
        build_geometry(spec, mouse, seed=1, folder=scan)
