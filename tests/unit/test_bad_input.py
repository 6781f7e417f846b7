"""What a newcomer may well get wrong about a bone: `check` and `run` tell it in one sentence, and leave nothing behind."""

import re
from pathlib import Path

import meshio
import naive_geometry as naive
import numpy as np
import pytest
import tifffile

from marrow_niche.cli import main

RADIUS, LENGTH = 0.5, 3.0
MESH = 'unit = "mm"\nvoxel = "40 um"'
LABELS = 'labels = { bone = 1, marrow = 0 }\nvoxel = "20 um"'


def rod(*, beside=None, missing=0, crossed=False):
    """A rod in mm, perhaps with a second one `beside` it, without its last triangles, or with its upper part folded down."""
    vertices, triangles = naive.rod(RADIUS, LENGTH, centre=(2.0, -1.0, 5.0))
    triangles = triangles[: len(triangles) - missing]
    if beside is not None:
        other = vertices + np.array([beside, 0.0, 0.0])
        vertices, triangles = np.concatenate([vertices, other]), np.concatenate([triangles, triangles + len(vertices)])
    if crossed:
        top = vertices[:, 2] > 5.2
        vertices[top, 2] = 5.2 - 2.2 * (vertices[top, 2] - 5.2)
    return vertices, triangles


def write_mesh(**how):
    vertices, triangles = rod(**how)
    meshio.Mesh(vertices, [("triangle", triangles)]).write("rod.stl")


def write_image(values=(0, 1), *, affine=None, unit="mm"):
    nibabel = pytest.importorskip("nibabel")
    voxels = np.array(values, np.uint8)[np.arange(16**3).reshape(16, 16, 16) // 7 % len(values)]
    image = nibabel.Nifti1Image(voxels, np.diag([0.01, 0.01, 0.01, 1.0]) if affine is None else affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, "bone.nii")


def oblique():
    affine = np.diag([0.01, 0.01, 0.01, 1.0])
    affine[:2, :2] = 0.01 * np.array([[0.955, -0.296], [0.296, 0.955]])
    return affine


def write_plain_tiff():
    tifffile.imwrite("bone.tif", np.zeros((16, 16, 16), np.uint8))


MISTAKES = {
    "a mesh without unit": (write_mesh, {}, 'mesh = "rod.stl"\nvoxel = "40 um"', "carries no unit.*unit = "),
    "a unit off by a thousand": (write_mesh, {}, 'mesh = "rod.stl"\nunit = "um"\nvoxel = "40 um"', 'would be .*"mm"'),
    "an open mesh": (write_mesh, {"missing": 60}, f'mesh = "rod.stl"\n{MESH}', "not closed.*1 hole.*Close larger"),
    "a mesh that crosses itself": (write_mesh, {"crossed": True}, f'mesh = "rod.stl"\n{MESH}', "crosses itself.*Rebuild"),
    "bodies that overlap": (write_mesh, {"beside": 0.4}, f'mesh = "rod.stl"\n{MESH}', r"\(100% of its.*Join them"),
    "several bodies": (write_mesh, {"beside": 3.0}, f'mesh = "rod.stl"\n{MESH}', r"\(100% of its.*split the file"),
    "no such mesh": (write_mesh, {}, f'mesh = "rd.stl"\n{MESH}', "no file 'rd.stl'. Did you mean 'rod.stl'"),
    "nothing like it": (write_mesh, {}, f'mesh = "bone.ply"\n{MESH}', "no file 'bone.ply'. The path is relative to"),
    "no marrow": (write_mesh, {}, f'mesh = "rod.stl"\ncortex = "600 um"\n{MESH}', "^geometry.cortex: .* leaves no marrow"),
    "voxels off by a thousand": (
        write_image,
        {"affine": np.diag([10.0, 10.0, 10.0, 1.0])},
        f'image = "bone.nii"\n{LABELS}',
        "10 mm in its header.*mm written for um.*image_voxel = ",
    ),
    "an oblique image": (write_image, {"affine": oblique()}, f'image = "bone.nii"\n{LABELS}', "askew.* 17.2 deg.*Resample"),
    "a value not listed": (write_image, {"values": (0, 1, 7)}, f'image = "bone.nii"\n{LABELS}', r"also holds 7 \("),
    "an image without marrow": (write_image, {"values": (1,)}, f'image = "bone.nii"\n{LABELS}', r"holds no 0 \(marrow\)"),
    "a header without unit": (write_image, {"unit": "unknown"}, f'image = "bone.nii"\n{LABELS}', "how large.*image_voxel ="),
    "no voxel size": (write_plain_tiff, {}, f'image = "bone.tif"\n{LABELS}', "how large its voxels are.*image_voxel = "),
}


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_bad_bone_is_refused_in_a_sentence(mistake, command, tmp_path, monkeypatch, capsys):
    write, how, geometry, words = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    write(**how)
    before = sorted(Path().iterdir())
    Path("a.toml").write_text(f'title = "a"\nspecies = "mouse"\nduration = "1 d"\n\n[geometry]\n{geometry}\n')
    assert main([command, "a.toml"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    lines = [line.strip() for line in told.splitlines() if "geometry" in line]
    assert len(lines) == 1
    assert re.search(words, lines[0]), lines[0]
    assert sorted(Path().iterdir()) == sorted([*before, Path("a.toml")])


@pytest.mark.parametrize(("parameter", "told"), [
    ("lineages.CMP.burst", "lineages.CMP: its cells come from the emergency chain.*Leave lineages.CMP.burst at 0"),
    ("lineages.HPC2.burst", "burst: entry does not say at which of 9 doublings HPC2 enters.*HPC2 = 1"),
])  # fmt: skip
def test_a_tree_that_cannot_be_is_refused_with_its_cure(parameter, told, tmp_path, capsys):
    """From the scenario file to the exit code; no folder of a run is left."""
    path = tmp_path / "loop.toml"
    path.write_text(
        'species = "mouse"\nduration = "1 d"\n[geometry]\nbone = "long bone"\nvoxel = "50 um"\n'
        'section = { axis = "long", at = "50 %", thickness = "50 um" }\n'
        f'[parameters]\n"{parameter}" = {{ value = 0.2, unit = "1/day", source = "estimate" }}\n'
    )
    assert main(["run", str(path), "--into", str(tmp_path / "run")]) == 2
    assert re.search(told, capsys.readouterr().err, re.DOTALL)
    assert not (tmp_path / "run").exists()
