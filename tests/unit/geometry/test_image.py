"""Volume images: every format gives the same tissues in the same place; what is unclear is refused, never guessed."""

from pathlib import Path

import numpy as np
import pytest

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.image import (
    ADIPOCYTE,
    SINUSOID,
    LabelImage,
    coarsened,
    otsu,
    read_labels,
)
from marrow_niche.geometry.lattice import BONE, MARROW, OUTSIDE

LABELS = {"bone": 7, "marrow": [0, 2], "sinusoid": 5}
EDGES = np.array([6.0, 5.0, 4.0])
VOLUMES = Path(__file__).resolve().parents[4] / "shared" / "data" / "volumes"


def ell():
    """(5, 6, 7) z, y, x: three arms of different length and value from one corner; no flip or turn leaves it as it is."""
    values = np.zeros((5, 6, 7), np.uint8)
    values[0, 0, :6] = 7
    values[0, :3, 0] = 5
    values[:2, 0, 0] = 2
    return values


def tissues(values):
    return np.select([values == 7, values == 5], [BONE, SINUSOID], MARROW)


def write_imagej(path, values=None, *, unit="um", spacing=6.0, edges=EDGES, axes="ZYX", **more):
    tifffile = pytest.importorskip("tifffile")
    values = ell() if values is None else values
    about = {"axes": axes, "unit": unit, "spacing": spacing}
    resolution = None if edges is None else (1.0 / edges[2], 1.0 / edges[1])
    about = {key: word for key, word in about.items() if word is not None}
    tifffile.imwrite(path, values, imagej=True, resolution=resolution, metadata=about, **more)
    return path


def write_ome(path, values=None, *, edges=EDGES, unit="µm", axes="ZYX", leave_out=(), **more):
    tifffile = pytest.importorskip("tifffile")
    about = {"axes": axes}
    for letter, edge in zip("ZYX", edges):
        if letter not in leave_out:
            about |= {f"PhysicalSize{letter}": edge, f"PhysicalSize{letter}Unit": unit}
    tifffile.imwrite(path, ell() if values is None else values, metadata=about, **more)
    return path


def write_nifti(path, values=None, *, affine=None, unit="mm", zooms=None, bare=False):
    """`values` along z, y, x; the default affine is straight, in mm, its first voxel at the origin."""
    nibabel = pytest.importorskip("nibabel")
    values = ell() if values is None else values
    affine = np.diag([*(EDGES[::-1] / 1e3), 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(values.T, affine)
    image.header.set_xyzt_units(unit)
    if bare:
        image.set_sform(None, 0)
        image.set_qform(None, 0)
        image.header.set_zooms(EDGES[::-1] / 1e3)
    nibabel.save(image, path)
    if zooms is not None:
        raw = bytearray(path.read_bytes())
        raw[80:92] = np.array(zooms, "<f4").tobytes()
        path.write_bytes(raw)
    return path


def write_nrrd(path, values=None, **header):
    nrrd = pytest.importorskip("nrrd")
    values = ell() if values is None else values
    if not header:
        header = {"space directions": np.diag(EDGES[::-1] / 1e3), "space units": ["mm"] * 3, "space dimension": 3}
    nrrd.write(str(path), values.T, {key.replace("_", " "): value for key, value in header.items()})
    return path


def write_zarr(path, values=None, *, edges=EDGES, unit="micrometer", version=2, axes="zyx", steps=None, array=None):
    zarr = pytest.importorskip("zarr")
    values = ell() if values is None else values
    size = dict(zip("zyx", edges))
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": a, "type": kinds.get(a, "space")} | ({"unit": unit} if a in "zyx" and unit else {}) for a in axes]
    steps = [{"type": "scale", "scale": [float(size.get(a, 1.0)) for a in axes]}] if steps is None else steps
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    group.create_array("0", data=values)
    scales = [{"axes": named, "datasets": [{"path": "0", "coordinateTransformations": steps}]}]
    group.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"version": "0.5", "multiscales": scales}})
    return path


def refused(path, words, **given):
    """Refused, with a message that names the place and matches `words`."""
    with pytest.raises(GeometryError, match=words) as found:
        read_labels(path, **(given or {"labels": LABELS}))
    assert str(found.value).startswith("geometry.image: ")
    return str(found.value)


WRITERS = {
    "ell.tif": write_imagej,
    "ell.TIFF": write_imagej,
    "ell.ome.tif": write_ome,
    "ell.ome.tiff": write_ome,
    "ell.nii": write_nifti,
    "ell.nii.gz": write_nifti,
    "ell.nrrd": write_nrrd,
    "ell.ome.zarr": write_zarr,
    "ell.zarr": lambda path: write_zarr(path, version=3),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_volume(tmp_path, name):
    """Whatever the order of axes in the file: labels along z, y, x, edges in um, facts that plain text can hold."""
    import json

    image = read_labels(WRITERS[name](tmp_path / name), labels=LABELS)
    np.testing.assert_array_equal(image.labels, tissues(ell()))
    assert image.labels.dtype == np.uint8
    assert image.labels.flags.c_contiguous
    np.testing.assert_allclose(image.spacing, EDGES, rtol=1e-5)
    facts = json.loads(json.dumps(image.facts))
    assert facts["file"] == name
    assert len(facts["sha256"]) == 64
    assert facts["voxel size from"] == "file"
    assert "voxel size" not in facts
    assert facts["axis order in the file"] == ("xyz" if "nii" in name or "nrrd" in name else "zyx")
    assert facts["voxels by label"] == {"bone": 5, "marrow": 203, "sinusoid": 2}
    assert facts["labels"] == LABELS
    half = -0.5 * EDGES[::-1] if "nii" in name else np.zeros(3)  # NIfTI places the centre of its first voxel
    np.testing.assert_allclose(image.origin, half, rtol=1e-5, atol=1e-9)


def test_axes_that_descend_are_flipped(tmp_path):
    """x runs down from 24 um and z from 24 um in the header: the volume comes out ascending, its low corner in place."""
    affine = np.diag([-0.004, 0.005, -0.006, 1.0])
    affine[:3, 3] = 0.024, 0.1, 0.024
    written = ell()[::-1, :, ::-1]
    nifti = read_labels(write_nifti(tmp_path / "a.nii.gz", written, affine=affine), labels=LABELS)
    header = {
        "space": "right-anterior-superior",
        "space directions": affine[:3, :3],
        "space origin": affine[:3, 3],
        "space units": ["mm"] * 3,
    }
    for image in (nifti, read_labels(write_nrrd(tmp_path / "a.nrrd", written, **header), labels=LABELS)):
        np.testing.assert_array_equal(image.labels, tissues(ell()))
        np.testing.assert_allclose(image.spacing, EDGES, rtol=1e-5)
        np.testing.assert_allclose(image.origin, [-2.0, 97.5, -3.0], rtol=1e-5)
        assert image.facts["flipped"] == ["x", "z"]


def test_axes_in_another_order_are_turned(tmp_path):
    """The file's first axis runs along z, its second down x, its third along y."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 0.006, -0.004, 0.005, 1.0
    written = ell()[:, :, ::-1].transpose(0, 2, 1)
    image = read_labels(write_nifti(tmp_path / "a.nii", written.T, affine=affine), labels=LABELS)
    np.testing.assert_array_equal(image.labels, tissues(ell()))
    np.testing.assert_allclose(image.spacing, EDGES, rtol=1e-5)
    assert image.facts["axis order in the file"] == "zxy"
    assert image.facts["flipped"] == ["x"]


def test_a_header_without_an_affine_is_taken_as_it_lies(tmp_path):
    """No sform and no qform: nothing is flipped, whatever a library makes of it."""
    image = read_labels(write_nifti(tmp_path / "a.nii", bare=True), labels=LABELS)
    np.testing.assert_array_equal(image.labels, tissues(ell()))
    np.testing.assert_allclose(image.spacing, EDGES, rtol=1e-5)
    np.testing.assert_array_equal(image.origin, 0.0)


def test_axes_askew_are_refused(tmp_path):
    """A turn by 3 degrees about z; half a degree is taken for straight."""
    for degrees, good in ((3.0, False), (0.5, True)):
        a = np.radians(degrees)
        turn = np.array([[np.cos(a), -np.sin(a), 0.0], [np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag(EDGES[::-1] / 1e3)
        header = {"space directions": affine[:3, :3].T, "space units": ["mm"] * 3, "space dimension": 3}
        paths = write_nifti(tmp_path / "a.nii", affine=affine), write_nrrd(tmp_path / "a.nrrd", **header)
        for path in paths:
            if good:
                np.testing.assert_allclose(read_labels(path, labels=LABELS).spacing, EDGES, rtol=1e-3)
            else:
                refused(path, r"askew to x, y, z, by 3 degrees\. Resample")


@pytest.mark.parametrize(
    ("write", "name", "more", "words"),
    [
        (write_nifti, "a.nii", {"unit": "unknown"}, "xyzt_units. is 'unknown'"),
        (write_imagej, "a.tif", {"unit": "pixel"}, "unit of its header is 'pixel'"),
        (write_imagej, "a.tif", {"unit": None}, "unit of its header is ''"),
        (write_imagej, "a.tif", {"spacing": None}, "no spacing"),
        (write_ome, "a.ome.tif", {"leave_out": "Z"}, "no PhysicalSizeZ"),
        (write_ome, "a.ome.tif", {"leave_out": "XY"}, "no PhysicalSizeY and no PhysicalSizeX"),
        (write_ome, "a.ome.tif", {"unit": "pixel"}, "units of its OME header are"),
        (write_nrrd, "a.nrrd", {"encoding": "raw"}, "neither 'space directions' nor 'spacings'"),
        (write_nrrd, "a.nrrd", {"spacings": [4.0, 5.0, 6.0]}, "no 'space units'"),
        (write_zarr, "a.zarr", {"unit": None}, "axes have no unit"),
        (write_zarr, "a.zarr", {"unit": "furlong"}, "units of its axes are"),
        (write_zarr, "a.zarr", {"steps": []}, "no scale above zero"),
    ],
)
def test_a_voxel_size_is_never_guessed(tmp_path, write, name, more, words):
    """What the header lacks is named, and the line that mends it works."""
    path = write(tmp_path / name, **more)
    refused(path, rf'how large its voxels are: .*{words}.*\. Give their edge, such as image_voxel = "4\.1 um"\.')
    image = read_labels(path, labels=LABELS, voxel=4.1)
    np.testing.assert_array_equal(image.spacing, 4.1)
    np.testing.assert_array_equal(image.labels, tissues(ell()))
    assert image.facts["voxel size from"] == "scenario"


def test_spacings_and_units_of_a_nrrd(tmp_path):
    header = {"spacings": [0.004, 0.005, 0.006], "units": ["mm"] * 3}
    image = read_labels(write_nrrd(tmp_path / "a.nrrd", **header), labels=LABELS)
    np.testing.assert_allclose(image.spacing, EDGES)
    np.testing.assert_array_equal(image.labels, tissues(ell()))


def test_a_plain_tiff_has_no_size(tmp_path):
    """Not even by its resolution in dots per inch, which programs write without being asked."""
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", ell(), resolution=(72, 72), resolutionunit="INCH", photometric="minisblack")
    refused(tmp_path / "a.tif", "TIFF without ImageJ's or OME's header")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", labels=LABELS, voxel=9.0).labels, tissues(ell()))


def test_pages_one_by_one_are_a_volume(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in ell():
            file.write(plane, contiguous=False)
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        for plane in ell():
            file.write(plane, contiguous=False, metadata=None, compression="zlib")
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name, labels=LABELS, voxel=9.0).labels, tissues(ell()))


def test_the_scenario_wins_and_a_difference_is_noted(tmp_path):
    path = write_nrrd(
        tmp_path / "a.nrrd",
        space_directions=np.eye(3) * 0.0456,
        space_units=["mm"] * 3,
        space_dimension=3,
        space_origin=[0.456, 0.0, 0.0],
    )
    image = read_labels(path, labels=LABELS, voxel=45.0)
    assert image.facts["voxel size"] == "file says 45.6 um, scenario says 45 um"
    np.testing.assert_array_equal(image.spacing, 45.0)
    np.testing.assert_allclose(image.origin, [9.5 * 45.0, -22.5, -22.5])
    assert "voxel size" not in read_labels(path, labels=LABELS, voxel=45.4).facts
    wide = read_labels(write_nifti(tmp_path / "a.nii"), labels=LABELS, voxel=4.0)
    assert wide.facts["voxel size"] == "file says 4 x 5 x 6 um, scenario says 4 um"


def test_sizes_beyond_belief_are_refused(tmp_path):
    """A header with mm for um names its own number, the um made of it, and what is believed."""
    big = write_nrrd(tmp_path / "a.nrrd", space_directions=np.eye(3) * 4.1, space_units=["mm"] * 3, space_dimension=3)
    refused(big, r"a\.nrrd says that its voxels are 4100 um \(4\.1 mm in its header\), which is outside 0\.2 to 200 um")
    refused(big, r"voxel = 4e\+04 um is, where a\.nrrd says 4100 um .*outside 0\.2 to 200", labels=LABELS, voxel=4e4)
    for odd in (0.0, -4.1, np.nan, np.inf):
        refused(big, r"voxel = \S+ um is, where a\.nrrd says", labels=LABELS, voxel=odd)
    assert read_labels(big, labels=LABELS, voxel=4.1).facts["voxel size"] == "file says 4100 um, scenario says 4.1 um"
    refused(write_imagej(tmp_path / "a.tif", unit="nm"), "outside 0.2 to 200 um. Is a unit wrong")
    flat = write_ome(tmp_path / "a.ome.tif", edges=np.array([45.0, 4.0, 4.0]))
    refused(flat, r"4 x 4 x 45 um .*differ by more than a factor of 10")
    refused(write_nifti(tmp_path / "b.nii", zooms=(0.01, 0.005, 0.006)), "contradicts itself")


def test_what_the_labels_lack_is_told_at_once(tmp_path):
    path = write_imagej(tmp_path / "a.tif")
    told = refused(
        path,
        "the labels do not fit a.tif",
        labels={"bone": [7, 9], "fat": 3, "outside": 7, "vein": True},
    )
    for words in (
        "'fat' is not a tissue (outside, bone, marrow, sinusoid, arteriole, vein, adipocyte, vessel)",
        "value 7 is given twice, for bone and for outside",
        "vein = True is not a whole number",
        "no value is marrow",
        "the file also holds 0 (201 voxels), 2 (2 voxels), 5 (2 voxels)",
        "the file holds no 9 (bone), 3 (fat)",
        "List every value of the file once",
    ):
        assert words in told


def test_without_labels_the_values_are_shown(tmp_path):
    """And the table that is proposed is read."""
    path = write_imagej(tmp_path / "a.tif")
    told = refused(path, r"0 \(201 voxels\), 2 \(2 voxels\), 5 \(2 voxels\), 7 \(5 voxels\)\.", voxel=4.0)
    assert "labels = { outside = 0, bone = 2, marrow = 5, sinusoid = 7 }" in told
    two = write_imagej(tmp_path / "b.tif", np.where(ell() == 7, 255, 0).astype(np.uint8))
    assert "labels = { marrow = 0, bone = 255 }" in refused(two, "what the values", voxel=4.0)
    many = write_imagej(tmp_path / "c.tif", np.arange(30, dtype=np.uint8).reshape(2, 3, 5))
    assert "11 (1 voxels) and 18 more" in refused(many, "what the values", voxel=4.0)


def test_a_grey_image_needs_its_threshold(tmp_path):
    values = np.random.default_rng(1).normal(np.where(ell() == 7, 250.0, 60.0), 12.0)
    grey = write_imagej(tmp_path / "a.tif", values.astype(np.float32))
    counts = write_nifti(tmp_path / "b.nii", np.rint(values).astype(np.int16))
    fractions = write_imagej(tmp_path / "c.tif", np.where(ell() == 7, 0.5, 0.0).astype(np.float32))
    for path in (grey, counts, fractions):
        refused(path, 'is grey .*is not guessed. Give bone_threshold, a number or "otsu"', voxel=4.0)
        refused(path, "is grey .*nor told by labels")
    for path in (grey, counts):
        for threshold in (150, "otsu"):
            image = read_labels(path, bone_threshold=threshold)
            np.testing.assert_array_equal(image.labels, np.where(ell() == 7, BONE, MARROW))
            assert 90.0 < image.facts["bone threshold"] < 220.0
    edge = read_labels(write_imagej(tmp_path / "d.tif"), bone_threshold=5)
    np.testing.assert_array_equal(edge.labels, np.where(ell() >= 5, BONE, MARROW))
    refused(grey, "labels and bone_threshold are both given", labels=LABELS, bone_threshold=3)
    refused(grey, 'neither a number nor "otsu"', bone_threshold="auto")
    refused(grey, "makes all of a.tif marrow: its values go from", bone_threshold=1e4)
    refused(grey, "makes all of a.tif bone", bone_threshold=-1e4)
    values[0, 0, 0] = np.nan
    refused(write_imagej(tmp_path / "e.tif", values.astype(np.float32)), "not numbers", bone_threshold=9)
    alike = write_imagej(tmp_path / "f.tif", np.full((2, 3, 4), 9, np.uint8))
    refused(alike, "every voxel of f.tif is 9", bone_threshold="otsu")


def test_whole_numbers_written_as_floats_are_labels(tmp_path):
    """Many programs store labels as floating point."""
    image = read_labels(write_imagej(tmp_path / "a.tif", ell().astype(np.float32)), labels=LABELS)
    np.testing.assert_array_equal(image.labels, tissues(ell()))


def test_negative_and_large_values_are_labels_too(tmp_path):
    values = np.where(ell() == 7, -300, 32000).astype(np.int16)
    image = read_labels(write_nifti(tmp_path / "a.nii", values), labels={"bone": -300, "marrow": 32000})
    np.testing.assert_array_equal(image.labels, np.where(ell() == 7, BONE, MARROW))


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.nii", "a.nrrd", "a.zarr"])
def test_a_slice_is_one_voxel_thick(tmp_path, name):
    """As thick as it is wide, where the file does not tell."""
    plane = ell()[0]
    path = tmp_path / name
    {
        "a.tif": lambda: write_imagej(path, plane, axes="YX", spacing=None),
        "a.ome.tif": lambda: write_ome(path, plane, axes="YX", leave_out="Z"),
        "a.nii": lambda: write_nifti(path, plane, affine=np.diag([0.004, 0.005, 0.004, 1.0])),
        "a.nrrd": lambda: write_nrrd(path, plane, spacings=[4.0, 5.0], units=["um", "um"]),
        "a.zarr": lambda: write_zarr(path, plane, axes="yx"),
    }[name]()
    image = read_labels(path, labels={"bone": 7, "sinusoid": 5, "marrow": [0, 2]})
    np.testing.assert_array_equal(image.labels, tissues(ell())[:1])
    np.testing.assert_allclose(image.spacing, [4.0, 5.0, 4.0], rtol=1e-5)


def test_one_volume_is_read(tmp_path):
    """Channels, times and colours are refused; axes of length one are no matter."""
    two, one = np.stack([ell(), ell()]), ell()[None]
    refused(write_imagej(tmp_path / "t.tif", two, axes="TZYX"), "holds 2 times, but one volume")
    refused(write_imagej(tmp_path / "c.tif", two.swapaxes(0, 1), axes="ZCYX"), "holds 2 channels")
    refused(write_ome(tmp_path / "c.ome.tif", two, axes="CZYX"), "holds 2 channels")
    refused(write_nifti(tmp_path / "t.nii", two), "holds 2 times")
    refused(write_zarr(tmp_path / "c.zarr", two, axes="czyx"), "holds 2 channels")
    nan = np.full(3, np.nan)
    header = {"space units": ["um"] * 3, "space directions": np.array([[4.0, 0, 0], [0, 5.0, 0], [0, 0, 6.0], nan])}
    refused(write_nrrd(tmp_path / "c.nrrd", two, **header, space_dimension=3), "holds 2 channels")
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((8, 9, 3), np.uint8), photometric="rgb")
    refused(tmp_path / "s.tif", "holds 3 colours")
    tifffile.imwrite(tmp_path / "two.tif", ell(), photometric="minisblack")
    tifffile.imwrite(tmp_path / "two.tif", ell()[:, :3], photometric="minisblack", append=True)
    refused(tmp_path / "two.tif", "holds 2 images")
    for path in (
        write_imagej(tmp_path / "o.tif", one, axes="TZYX"),
        write_ome(tmp_path / "o.ome.tif", one, axes="CZYX"),
        write_nifti(tmp_path / "o.nii", one),
        write_zarr(tmp_path / "o.zarr", one[None], axes="tczyx"),
        write_nrrd(tmp_path / "o.nrrd", one, **header, space_dimension=3),
    ):
        image = read_labels(path, labels=LABELS)
        np.testing.assert_array_equal(image.labels, tissues(ell()))
        np.testing.assert_allclose(image.spacing, EDGES, rtol=1e-5)


def test_a_zarr_is_placed_by_its_translation(tmp_path):
    steps = [{"type": "scale", "scale": [0.6, 0.5, 0.4]}, {"type": "translation", "translation": [3.0, 0.0, 2.0]}]
    path = write_zarr(tmp_path / "a.ome.zarr", steps=steps)
    image = read_labels(path, labels=LABELS)
    np.testing.assert_allclose(image.spacing, [0.6, 0.5, 0.4])
    np.testing.assert_allclose(image.origin, [1.8, -0.25, 2.7])


def test_zarr_folders_of_other_kinds(tmp_path):
    """Labels inside an image are a folder of their own; a bare array has no size; a group without an image is refused."""
    zarr = pytest.importorskip("zarr")
    write_zarr(tmp_path / "a.ome.zarr" / "labels" / "tissue")
    image = read_labels(tmp_path / "a.ome.zarr" / "labels" / "tissue", labels=LABELS)
    np.testing.assert_array_equal(image.labels, tissues(ell()))
    zarr.create_array(str(tmp_path / "b.zarr"), data=ell())
    refused(tmp_path / "b.zarr", "bare array")
    zarr.open_group(str(tmp_path / "c.zarr"), mode="w")
    refused(tmp_path / "c.zarr", "group without 'multiscales'")
    (tmp_path / "d.zarr").write_bytes(b"PK")
    refused(tmp_path / "d.zarr", "is a file, but a .zarr is a folder")
    (tmp_path / "e").mkdir()
    refused(tmp_path / "e", "is not an image this program reads")


def test_missing_and_unknown_files(tmp_path):
    refused(
        tmp_path / "no.tif", r"there is no file .*no\.tif'\. A path is read relative to the scenario's own folder\."
    )
    refused(tmp_path / "no.zarr", "there is no file")
    (tmp_path / "a.png").write_bytes(b"x")
    refused(tmp_path / "a.png", r"a\.png is not an image this program reads \(\.ome\.tif")


@pytest.mark.parametrize("name", WRITERS)
def test_files_cut_short_are_refused(tmp_path, name, capfd):
    """Empty, after 20 bytes, in the middle, near the end; never with half a volume, never with a word printed.

    ImageJ needs the header of the first slice only: a file that has lost headers of others, behind all values, is whole.
    """
    import shutil

    path = WRITERS[name](tmp_path / name)
    part = path
    if path.is_dir():
        part = max((file for file in path.rglob("*") if file.is_file() and "json" not in file.name and file.name[0] != "."),
                   key=lambda file: file.stat().st_size)  # fmt: skip
    whole = part.read_bytes()
    for keep in (0, 20, len(whole) // 2, len(whole) - 20):
        part.write_bytes(whole[:keep])
        if keep == len(whole) - 20 and name in ("ell.tif", "ell.TIFF"):
            np.testing.assert_array_equal(read_labels(path, labels=LABELS).labels, tissues(ell()))
            continue
        refused(path, rf"{name} cannot be read as [A-Za-z-]+ \(\S.*\)\. Is it whole\?")
    part.write_bytes(b"not an image at all, " * 40)
    refused(path, r"cannot be read as")
    assert capfd.readouterr() == ("", "")
    if path.is_dir():
        shutil.rmtree(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_slices_that_are_missing_are_refused(tmp_path, compressed):
    """A stack written page by page and cut off between two pages."""
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for plane in np.repeat(ell(), 20, axis=2):
            file.write(plane, contiguous=False, metadata=None, compression="zlib" if compressed else None)
    with tifffile.TiffFile(path) as file:
        cut = file.pages[3].offset
    path.write_bytes(path.read_bytes()[:cut])
    refused(path, "cannot be read as TIFF", labels=LABELS, voxel=4.0)


def test_colours_in_a_nifti_are_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    colour = np.zeros((3, 4, 5), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    image = nibabel.Nifti1Image(colour, np.diag([0.004, 0.004, 0.004, 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "a.nii")
    refused(tmp_path / "a.nii", "colours or other compound values")


def otsu_slow(values):
    """Every threshold between two bins, tried one by one on the histogram; the middle of the first best run."""
    low, high = float(values.min()), float(values.max())
    width = (high - low) / 256
    count, _ = np.histogram(values, bins=256, range=(low, high))
    at = low + (np.arange(256) + 0.5) * width
    found = []
    for k in range(1, 256):
        left, right = count[:k].sum(), count[k:].sum()
        means = (count[:k] * at[:k]).sum() / left, (count[k:] * at[k:]).sum() / right
        found.append(float(left) * float(right) * (means[0] - means[1]) ** 2)
    best = max(found)
    run = [k for k, value in enumerate(found, 1) if value > best * (1 - 1e-9)]
    while len(run) > 1 and run[-1] - run[0] != len(run) - 1:
        run.pop()
    return low + 0.5 * (run[0] + run[-1]) * width


@pytest.mark.parametrize("seed", range(6))
def test_otsu_is_the_best_of_all_thresholds(seed):
    chance = np.random.default_rng(seed)
    share = chance.uniform(0.1, 0.9)
    values = np.where(chance.random(4000) < share, chance.normal(60.0, 12.0, 4000), chance.normal(150.0, 20.0, 4000))
    kind = (np.float32, np.int16, np.uint8)[seed % 3]
    values = values.clip(0, 255).astype(kind).reshape(10, 20, 20)
    assert otsu(values) == pytest.approx(otsu_slow(values), rel=1e-9)


def test_otsu_cuts_two_values_in_the_middle():
    assert otsu(np.array([[[0, 0, 0, 100]]], np.uint8)) == pytest.approx(50.0)


def labelled(labels, spacing):
    return LabelImage(
        labels=np.asarray(labels, np.uint8), spacing=np.array(spacing, float), origin=np.zeros(3), facts={}
    )


def coarsened_slow(image, h):
    """Overlap of every new voxel with every old one, box by box."""
    new = [int(np.ceil(n * e / h - 1e-9)) for n, e in zip(image.labels.shape, image.spacing)]
    fractions = {int(label): np.zeros(new) for label in np.unique(image.labels)}
    for big in np.ndindex(*new):
        for small in np.ndindex(*image.labels.shape):
            volume = 1.0
            for b, s, e in zip(big, small, image.spacing):
                volume *= max(0.0, min((b + 1) * h, (s + 1) * e) - max(b * h, s * e))
            fractions[int(image.labels[small])][big] += volume / h**3
    labels = np.zeros(new, np.uint8)
    for big in np.ndindex(*new):
        labels[big] = min(fractions, key=lambda label: (-round(float(fractions[label][big]), 6), label))
    return labels, fractions


@pytest.mark.parametrize(
    ("edges", "h"), [((1, 1, 1), 2.0), ((1, 1, 1), 1.7), ((1.5, 0.7, 1.1), 1.9), ((1, 1, 1), 1.0), ((1, 1, 1), 50.0)]
)
def test_coarser_voxels_hold_what_they_overlap(edges, h):
    """Equal to the sum over all pairs of boxes; no label's volume is lost."""
    labels = np.random.default_rng(3).choice([OUTSIDE, BONE, MARROW, ADIPOCYTE], (4, 5, 7))
    image = labelled(labels, edges)
    coarse, fractions = coarsened(image, h)
    slow, shares = coarsened_slow(image, h)
    np.testing.assert_array_equal(coarse, slow)
    assert coarse.dtype == np.uint8
    assert set(fractions) == set(shares)
    for label, share in fractions.items():
        assert share.dtype == np.float32
        np.testing.assert_allclose(share, shares[label], atol=1e-6)
        volume = (labels == label).sum() * np.prod(edges)
        assert share.sum(dtype=float) * h**3 == pytest.approx(volume, rel=1e-6)


def test_volumes_are_kept_on_larger_images():
    labels = np.random.default_rng(4).integers(0, 7, (61, 83, 97))
    image = labelled(labels, (4.1, 4.1, 4.1))
    for h in (4.1, 5.0, 8.2, 10.0, 20.0):
        _, fractions = coarsened(image, h)
        for label, share in fractions.items():
            assert share.sum(dtype=float) * h**3 == pytest.approx((labels == label).sum() * 4.1**3, rel=1e-6)


def test_equal_shares_go_to_the_lower_label():
    image = labelled([[[BONE, MARROW, MARROW, BONE, SINUSOID, OUTSIDE]]], (2, 2, 1))
    np.testing.assert_array_equal(coarsened(image, 2.0)[0], [[[BONE, BONE, OUTSIDE]]])


def test_finer_voxels_take_the_nearest():
    labels = np.random.default_rng(5).integers(0, 4, (3, 4, 5))
    image = labelled(labels, (4.0, 4.0, 4.0))
    fine, fractions = coarsened(image, 2.0)
    np.testing.assert_array_equal(fine, labels.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    np.testing.assert_array_equal(fractions[MARROW], fine == MARROW)
    odd, shares = coarsened(image, 3.0)
    at = [np.minimum(((np.arange(round(n * 4 / 3)) + 0.5) * 3.0 / 4.0).astype(int), n - 1) for n in labels.shape]
    np.testing.assert_array_equal(odd, labels[np.ix_(*at)])
    assert sum(share.sum() for share in shares.values()) == odd.size


@pytest.mark.parametrize("h", [0.0, -1.0, np.nan, np.inf])
def test_new_voxels_need_a_length(h):
    with pytest.raises(GeometryError, match=r"geometry\.image: voxels of .* cannot be made"):
        coarsened(labelled([[[2]]], (1, 1, 1)), h)


def test_a_measured_trabecular_bone():
    """Micro-CT of a shrew's spongy bone, 4.1 um: 29.3 % is bone, and NIfTI and NRRD hold the same."""
    if not VOLUMES.is_dir():
        pytest.skip("the measured volumes are not here")
    nifti = read_labels(VOLUMES / "shrew_trabecular_4p1um.nii.gz", labels={"marrow": 0, "bone": 1})
    other = read_labels(VOLUMES / "shrew_trabecular_4p1um_DIDSR.nrrd", labels={"marrow": 0, "bone": 255})
    np.testing.assert_array_equal(nifti.labels, other.labels)
    assert nifti.labels.shape == (115, 114, 114)
    for image in (nifti, other):
        np.testing.assert_allclose(image.spacing, 4.1, rtol=1e-5)
        assert np.mean(image.labels == BONE) == pytest.approx(0.293, abs=0.005)
    grey = read_labels(VOLUMES / "shrew_trabecular_4p1um_DIDSR.nrrd", bone_threshold="otsu")
    np.testing.assert_array_equal(grey.labels, nifti.labels)
    coarse, fractions = coarsened(nifti, 10.0)
    assert fractions[BONE].sum(dtype=float) * 10.0**3 == pytest.approx((nifti.labels == BONE).sum() * 4.1**3, rel=1e-4)
