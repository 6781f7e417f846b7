"""Dose maps: each format read to the same places, brought to voxels without loss, and refused with the cure."""

import nibabel
import nrrd
import numpy as np
import pandas as pd
import pytest
import pyvista
import tifffile

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.dose_map import DoseMap, averaged, mean_within, read_dose_map, sampled

EDGE, LOW = np.array([40.0, 50.0, 60.0]), np.array([-100.0, 200.0, 1000.0])
SHAPE = (9, 10, 12)


def plan():
    """A smooth dose (nz, ny, nx) [Gy], no two axes alike."""
    z, y, x = (np.arange(n) + 0.5 for n in SHAPE)
    return 4.0 + np.sin(x / 4)[None, None, :] + 0.5 * np.cos(y / 3)[None, :, None] + 0.1 * z[:, None, None]


def write(path, values=None, edge=EDGE, low=LOW):
    """The plan as the format of the file's name."""
    values, name = plan() if values is None else values, path.name
    first = low + edge / 2
    if name.endswith((".nii", ".nii.gz")):
        affine = np.diag([*edge / 1000, 1.0])
        affine[:3, 3] = first / 1000
        image = nibabel.Nifti1Image(values.transpose(2, 1, 0).astype(np.float32), affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)
    elif name.endswith(".nrrd"):
        header = {"space dimension": 3, "space directions": np.diag(edge / 1000), "space origin": first / 1000, "space units": ["mm"] * 3}
        nrrd.write(str(path), values.transpose(2, 1, 0), header)
    elif name.endswith(".vti"):
        image = pyvista.ImageData(dimensions=np.array(values.shape[::-1]) + 1, spacing=edge, origin=low)
        image.cell_data["dose_Gy"] = values.ravel()
        image.save(path)
    elif name.endswith(".csv"):
        z, y, x = np.indices(values.shape).reshape(3, -1)
        place = first + edge * np.stack([x, y, z], axis=1)
        table = pd.DataFrame(place, columns=["x_um", "y_um", "z_um"]).assign(dose_gy=values.ravel())
        table.sample(frac=1.0, random_state=1).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["plan.nii", "plan.nii.gz", "plan.nrrd", "plan.vti", "plan.csv"])
def test_every_format_is_read_to_the_same_places(tmp_path, name):
    found = read_dose_map(write(tmp_path / name))
    assert found.edge == pytest.approx(EDGE, rel=1e-5) and found.low == pytest.approx(LOW, rel=1e-4)
    assert found.values == pytest.approx(plan(), rel=1e-6)
    at = LOW + EDGE * (np.array([[2, 3, 4], [11, 0, 8]]) + 0.5)
    assert sampled(found, at) == pytest.approx([plan()[4, 3, 2], plan()[8, 0, 11]], rel=1e-4)


def test_a_dose_stored_as_whole_numbers_is_read_by_its_slope(tmp_path):
    """As treatment planning writes it: int16 with a slope in the header."""
    image = nibabel.Nifti1Image(plan().transpose(2, 1, 0).astype(np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))
    image.header.set_data_dtype(np.int16)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "plan.nii")
    assert read_dose_map(tmp_path / "plan.nii").values == pytest.approx(plan(), abs=2e-4)


def test_between_centres_it_is_linear_and_level_beyond_the_outermost():
    dose = DoseMap(values=np.arange(24.0).reshape(2, 3, 4), edge=np.array([10.0, 20.0, 30.0]), low=np.zeros(3), name="a")
    assert sampled(dose, np.array([[10.0, 10.0, 15.0], [15.0, 20.0, 30.0]])) == pytest.approx([0.5, 1.0 + 2.0 + 6.0])
    assert sampled(dose, np.array([[1.0, 1.0, 1.0], [40.0, 60.0, 60.0]])) == pytest.approx([0.0, 23.0])


@pytest.mark.parametrize("edge", [12.0, 25.0, 60.0, 140.0])
def test_the_mean_is_kept(edge):
    """Of a smooth map finer, as fine, and coarser than the voxels of 25 um, over the same box: within 2 %, and voxel by voxel
    within 2 % where it is no coarser."""
    def smooth(p):
        return 5.0 + 2.0 * np.sin(p[:, 0] / 120) * np.cos(p[:, 1] / 150) + p[:, 2] / 300

    low, high = np.array([-300.0] * 3), np.array([900.0] * 3)
    count = np.ceil((high - low) / edge).astype(int)
    z, y, x = np.indices(count[::-1]).reshape(3, -1)
    values = smooth(low + edge * (np.stack([x, y, z], axis=1) + 0.5)).reshape(count[::-1])
    dose = DoseMap(values=values, edge=np.full(3, edge), low=low, name="smooth")
    k, j, i = np.indices((16, 16, 16)).reshape(3, -1)
    centres = 25.0 * (np.stack([i, j, k], axis=1) + 0.5)
    on_voxels = averaged(dose, centres, 25.0)
    in_box = mean_within(dose, lambda p: ((p >= 0) & (p <= 400)).all(axis=1))
    if edge <= 60.0:
        assert on_voxels.mean() == pytest.approx(in_box, rel=0.02)
    if edge <= 25.0:
        assert on_voxels == pytest.approx(smooth(centres), rel=0.02)
    assert on_voxels.mean() == pytest.approx(smooth(centres).mean(), rel=0.02)


def test_a_map_that_is_much_finer_is_averaged_and_not_picked():
    """Sheets of 4 Gy, one in four at a quarter of the voxel: 1 Gy in every voxel."""
    x = np.indices((32, 32, 32))[2]
    dose = DoseMap(values=4.0 * (x % 4 == 0), edge=np.full(3, 6.25), low=np.zeros(3), name="fine")
    k, j, i = np.indices((8, 8, 8)).reshape(3, -1)
    assert averaged(dose, 25.0 * (np.stack([i, j, k], axis=1) + 0.5), 25.0) == pytest.approx(np.ones(512), rel=1e-12)


def test_points_outside_the_map_are_told_with_both_places():
    dose = DoseMap(values=np.ones((2, 2, 2)), edge=np.full(3, 100.0), low=np.zeros(3), name="plan.nii")
    with pytest.raises(GeometryError, match=r"plan\.nii does not cover the marrow: 50\.0% .* from \(0, 0, 0\) um to \(200, 200, 200\) um.*"
                       r"marrow from \(50, 50, 50\) um to \(250, 50, 50\) um.*enlarge"):
        sampled(dose, np.array([[50.0, 50.0, 50.0], [250.0, 50.0, 50.0]]))


def holes(values, at):
    values[1, 2, 3] = at
    return values


@pytest.mark.parametrize("name", ["plan.nii", "plan.nrrd", "plan.vti", "plan.csv"])
@pytest.mark.parametrize(("at", "said"), [(-0.5, r"holds -0\.5 Gy; no dose is below nought"), (np.nan, "no number"), (np.inf, "no number")])
def test_doses_that_are_none_are_refused(tmp_path, name, at, said):
    with pytest.raises(GeometryError, match=f"dose map: {name} .*{said}"):
        read_dose_map(write(tmp_path / name, holes(plan(), at)))


def test_voxels_of_unknown_size_are_refused_with_the_cure(tmp_path):
    tifffile.imwrite(tmp_path / "plan.tif", plan().astype(np.float32))
    with pytest.raises(GeometryError, match=r"plan\.tif does not tell how large its voxels are: .*Write the unit of length"):
        read_dose_map(tmp_path / "plan.tif")
    image = nibabel.Nifti1Image(plan().astype(np.float32), np.eye(4))
    nibabel.save(image, tmp_path / "plan.nii")
    with pytest.raises(GeometryError, match=r"plan\.nii does not tell how large .*xyzt_units"):
        read_dose_map(tmp_path / "plan.nii")


def csv(tmp_path, text):
    (tmp_path / "plan.csv").write_text(text)
    return tmp_path / "plan.csv"


HEAD = "x_um,y_um,z_um,dose_gy\n"
GRID = HEAD + "".join(f"{x},{y},0,1\n" for x in (0, 10, 20) for y in (0, 10))


@pytest.mark.parametrize(("text", "said"), [
    ("x,y,z,dose\n0,0,0,1\n", "lacks x_um, y_um, z_um, dose_gy"),
    (GRID.replace("dose_gy", "dose"), "lacks dose_gy"),
    (HEAD, "holds no rows"),
    ("", "is no table"),
    (GRID.replace("20,10,0,1", "20,10,0,much"), "something in dose_gy that is no number"),
    (GRID.replace("20,10,0,1", ",10,0,1"), "something in x_um that is no number"),
    (GRID.replace("20,10,0,1\n", ""), r"no full, even grid \(3 x 2 x 1 places, 5 rows\)"),
    (GRID.replace("20,", "35,"), "no full, even grid"),
    (GRID.replace("20,10,0,1", "20,0,0,1"), "no full, even grid"),
])
def test_tables_that_are_no_grid_of_doses_are_refused(tmp_path, text, said):
    with pytest.raises(GeometryError, match=said):
        read_dose_map(csv(tmp_path, text))


def test_a_plane_of_points_is_as_thick_as_it_is_wide_apart(tmp_path):
    found = read_dose_map(csv(tmp_path, "# a plane\n" + GRID))
    assert found.values.shape == (1, 2, 3)
    assert (found.edge == 10.0).all() and found.low.tolist() == [-5.0, -5.0, -5.0]


@pytest.mark.parametrize(("name", "content", "said"), [
    ("plan.dcm", b"DICM", r"plan\.dcm is not read\. It may be one of .*\.nrrd.*\.vti or \.csv"),
    ("plan.nii", b"not a volume", r"plan\.nii is damaged .*Export it again"),
    ("plan.nrrd", b"NRRD0004\nencoding: raw\n", r"dose map: plan\.nrrd"),
])
def test_what_is_no_volume_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GeometryError, match=said) as refused:
        read_dose_map(tmp_path / name)
    assert "geometry.image" not in str(refused.value)


def test_a_volume_without_a_dose_is_refused_by_what_it_has(tmp_path):
    image = pyvista.ImageData(dimensions=(3, 3, 3))
    image.cell_data["density"] = np.ones(8)
    image.save(tmp_path / "plan.vti")
    with pytest.raises(GeometryError, match=r"no cell array named dose_Gy or dose; it has density"):
        read_dose_map(tmp_path / "plan.vti")
