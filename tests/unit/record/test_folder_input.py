"""Folders as inputs of a run, such as an image in OME-Zarr: copied whole and once, numbered, watched."""

import shutil

import pytest

from marrow_niche.errors import RunError
from marrow_niche.geometry.image import digest
from marrow_niche.record.directory import RunDirectory


def zarr(folder, content=b"chunk"):
    """A folder that looks like an image in OME-Zarr."""
    (folder / "0" / "c").mkdir(parents=True)
    (folder / ".zattrs").write_text("{}")
    (folder / "0" / "c" / "0").write_bytes(content)
    return folder


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run").create()


def files(folder):
    return {part.relative_to(folder).as_posix(): part.read_bytes() for part in folder.rglob("*") if part.is_file()}


def test_a_folder_is_copied_whole_and_once(run, tmp_path):
    """Hidden files too; a second time, or from the run itself, nothing changes; nothing half-made is left."""
    source = zarr(tmp_path / "scan.ome.zarr")
    first = run.copy_input(source)
    assert first == {"file": "inputs/scan.ome.zarr", "sha256": digest(source)}
    assert files(run.path / first["file"]) == files(source)
    assert run.copy_input(source) == first
    assert run.copy_input(run.path / first["file"]) == first
    assert run.copy_input(str(source) + "/") == first
    assert sorted(path.name for path in run.inputs.iterdir()) == ["SHA256SUMS", "scan.ome.zarr"]
    assert run.input_sums() == {"scan.ome.zarr": first["sha256"]}
    run.check_inputs()


def test_another_folder_of_the_same_name_gets_a_number(run, tmp_path):
    """Before its suffixes, so that it is still read as the image it is; and so does a file of a folder's name."""
    names = []
    for place, content in (("a", b"one"), ("b", b"two"), ("c", b"three")):
        names.append(run.copy_input(zarr(tmp_path / place / "scan.ome.zarr", content))["file"])
    assert names == ["inputs/scan.ome.zarr", "inputs/scan_2.ome.zarr", "inputs/scan_3.ome.zarr"]
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "scan.ome.zarr").write_bytes(b"a file")
    assert run.copy_input(tmp_path / "d" / "scan.ome.zarr")["file"] == "inputs/scan_4.ome.zarr"
    assert (run.inputs / "scan_2.ome.zarr" / "0" / "c" / "0").read_bytes() == b"two"
    run.check_inputs()


@pytest.mark.parametrize("harm", ["changed", "lost", "added", "renamed"])
def test_a_folder_that_is_no_longer_what_was_copied(run, tmp_path, harm):
    copied = run.path / run.copy_input(zarr(tmp_path / "scan.ome.zarr"))["file"]
    chunk = copied / "0" / "c" / "0"
    if harm == "changed":
        chunk.write_bytes(b"chunK")
    elif harm == "lost":
        chunk.unlink()
    elif harm == "added":
        (copied / "0" / "c" / "1").write_bytes(b"")
    else:
        chunk.rename(copied / "0" / "c" / "1")
    with pytest.raises(RunError, match=r"scan\.ome\.zarr: changed since the run began"):
        run.check_inputs()


def test_a_folder_that_is_missing(run, tmp_path):
    shutil.rmtree(run.path / run.copy_input(zarr(tmp_path / "scan.ome.zarr"))["file"])
    with pytest.raises(RunError, match=r"scan\.ome\.zarr: missing"):
        run.check_inputs()


def test_a_copy_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    """The disk is full half-way: told in plain words, no part stays, and the next try is a whole copy."""
    source = zarr(tmp_path / "scan.ome.zarr")
    whole = shutil.copytree

    def full(source, target, *rest, **more):
        (target / "0").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(RunError, match=r"scan\.ome\.zarr: cannot be written \(No space left on device\)"):
        run.copy_input(source)
    assert not run.inputs.exists() or list(run.inputs.iterdir()) == []
    monkeypatch.setattr(shutil, "copytree", whole)
    assert files(run.path / run.copy_input(source)["file"]) == files(source)


def test_the_digest_of_a_folder_is_that_of_its_files(tmp_path):
    """The same wherever it lies; another when a byte, a name or a place changes."""
    one, same = zarr(tmp_path / "a"), zarr(tmp_path / "elsewhere" / "b")
    assert digest(one) == digest(same)
    (same / "0" / "c" / "0").rename(same / "0" / "0")
    assert digest(one) != digest(same)
    assert digest(zarr(tmp_path / "c", b"chunK")) != digest(one)


def test_a_run_with_a_folder_in_it_can_be_replaced(run, tmp_path):
    run.write_scenario({"title": "a"})
    run.copy_input(zarr(tmp_path / "scan.ome.zarr"))
    run.create(overwrite=True)
    assert list(run.path.iterdir()) == []
    assert (tmp_path / "scan.ome.zarr" / "0" / "c" / "0").is_file()
