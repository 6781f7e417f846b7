import os

import pytest

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import replacing, write_text
from marrow_niche.record.directory import RunDirectory


def test_a_new_directory_is_made_and_an_empty_one_is_taken(tmp_path):
    assert RunDirectory(tmp_path / "runs" / "femur").create().path.is_dir()
    assert RunDirectory(tmp_path / "runs" / "femur").create().path.is_dir()


def test_a_directory_that_holds_something_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="exists already"):
        RunDirectory(tmp_path).create()


def test_overwrite_replaces_a_run(run):
    run.create(overwrite=True)
    assert list(run.path.iterdir()) == []


def test_overwrite_never_deletes_what_is_not_a_run(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="not a run"):
        RunDirectory(tmp_path).create(overwrite=True)
    # a scenario of the user's own, beside the mesh it names
    (tmp_path / "scenario.toml").write_text('title = "mine"\n')
    with pytest.raises(RunError, match="not a run"):
        RunDirectory(tmp_path).create(overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwrite_spares_a_run_that_holds_something_else(run):
    (run.path / "thesis.docx").write_text("mine")
    with pytest.raises(RunError, match=r"thesis\.docx"):
        run.create(overwrite=True)
    assert run.blood.is_file()


def test_overwrite_does_not_follow_links_out_of_the_run(run, tmp_path):
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "data.csv").write_text("mine")
    os.symlink(treasure, run.figures)
    run.create(overwrite=True)
    assert (treasure / "data.csv").read_text() == "mine"


def test_a_file_is_not_a_place_for_a_run(tmp_path):
    (tmp_path / "femur").write_text("")
    with pytest.raises(RunError, match="is a file"):
        RunDirectory(tmp_path / "femur").create(overwrite=True)


def test_the_scenario_comes_back_without_what_is_none(tmp_path):
    run = RunDirectory(tmp_path).create()
    digest = run.write_scenario({"title": "a", "seed": 7, "note": None, "record": {"fields": ("SCF",), "every": 1.5}})
    assert run.read_scenario() == {"title": "a", "seed": 7, "record": {"fields": ["SCF"], "every": 1.5}}
    assert len(digest) == 64


def test_inputs_are_copied_once_and_watched(tmp_path):
    run = RunDirectory(tmp_path / "run").create()
    mesh, other = tmp_path / "femur.stl", tmp_path / "other" / "femur.stl"
    other.parent.mkdir()
    mesh.write_bytes(b"solid one")
    other.write_bytes(b"solid two")
    first = run.copy_input(mesh)
    assert first["file"] == "inputs/femur.stl"
    assert run.copy_input(mesh) == first
    assert run.copy_input(run.path / first["file"]) == first
    assert run.copy_input(other)["file"] == "inputs/femur_2.stl"
    run.check_inputs()
    (run.inputs / "femur.stl").write_bytes(b"solid tampered")
    with pytest.raises(RunError, match="changed"):
        run.check_inputs()
    with pytest.raises(RunError, match="cannot be copied"):
        run.copy_input(tmp_path / "absent.stl")


def test_require_says_what_is_wrong(tmp_path):
    with pytest.raises(RunError, match="no such directory"):
        RunDirectory(tmp_path / "absent").require()
    with pytest.raises(RunError, match="not a run"):
        RunDirectory(tmp_path).require()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_an_unwritable_place_is_told_in_plain_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_text(tmp_path / "file" / "below.txt", "x")
