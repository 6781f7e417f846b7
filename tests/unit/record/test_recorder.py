import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from marrow_niche.errors import RunError
from marrow_niche.record import atomic, paraview_files
from marrow_niche.record.recorder import Recorder
from marrow_niche.record.results import open_results

DAYS = (0.0, 0.5, 4 / 3, 7.0)


def contents(run):
    """Every file of a run by its relative name, but for the one that may differ."""
    files = (path for path in Path(run).rglob("*") if path.is_file() and path.name != "provenance.json")
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def recorded(marrow, path, days=DAYS):
    recorder = marrow.begin(path)
    marrow.geometry(recorder)
    for day in days:
        marrow.record(recorder, day)
    return recorder


def resumed(marrow, path, day):
    return Recorder(path, marrow.grid, fields_unit=marrow.units, resume_day=day)


def test_a_recording_has_every_file_of_the_contract(run):
    fields, cells = (
        [f"{kind}/{kind}_{i:04d}.{end}" for i in range(4)] for kind, end in (("fields", "vti"), ("cells", "vtp"))
    )
    assert set(contents(run)) == {
        *("scenario.toml", "blood.csv", "marrow.csv", "fields.csv", "births.csv", "fields.pvd", "fields.vti.series"),
        *("cells.pvd", "cells.vtp.series", "open_in_paraview.py"),
        *("geometry/vessels.vtp", "geometry/bone.vtp", "geometry/stroma.vtp"),
        *fields,
        *cells,
    }


def test_two_identical_recordings_have_identical_bytes(tmp_path, marrow):
    one, two = (contents(recorded(marrow, tmp_path / name).directory) for name in ("one", "a longer name"))
    assert one.keys() == two.keys()
    for name in one:
        assert one[name] == two[name], name


@pytest.mark.parametrize("day", [-1.0, 0.0, 0.5, 1.0, 4 / 3, 7.0])
def test_a_resumed_recording_is_the_uninterrupted_one(tmp_path, marrow, day):
    whole = recorded(marrow, tmp_path / "whole").directory
    other = recorded(marrow, tmp_path / "other").directory
    recorder = resumed(marrow, other, day)
    assert recorder.days == tuple(time for time in DAYS if time <= day)
    assert [time for time, _ in paraview_files.read_collection(other.fields_pvd)] == list(recorder.days)
    assert len(list(other.fields.iterdir())) == len(list(other.cells.iterdir())) == len(recorder.days)
    for later in DAYS[len(recorder.days) :]:
        marrow.record(recorder, later)
    assert contents(other) == contents(whole)


class Killed(BaseException):
    pass


def test_killed_at_any_moment_everything_opens_and_resumes(tmp_path, marrow, monkeypatch):
    """The recording of day 4/3 is stopped before each of its steps on disk in turn (rename, append)."""
    whole = recorded(marrow, tmp_path / "whole").directory
    started = recorded(marrow, tmp_path / "started", DAYS[:2]).directory
    replace, write = os.replace, os.write
    for last in range(100):
        other = tmp_path / f"killed_{last}"
        shutil.copytree(started.path, other)
        recorder = resumed(marrow, other, DAYS[1])
        steps = iter(range(last))

        def step(then, *arguments, steps=steps):
            if next(steps, None) is None:
                raise Killed
            return then(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(atomic.os, "replace", lambda *a: step(replace, *a))
            patch.setattr(os, "write", lambda *a: step(write, *a))
            try:
                marrow.record(recorder, DAYS[2])
                finished = True
            except Killed:
                finished = False
        results = open_results(other)
        assert len(results.blood) in (2, 3)
        assert len(results.marrow) in (2, 3)
        assert len(results.budgets) in (2, 3)
        field = results.field("SCF").load()
        assert np.isfinite(field.values).sum() == field.sizes["time"] * marrow.n
        assert len(results.cells()) == len(marrow.cells(results.cells().attrs["day"])["cell_id"])
        recorder = resumed(marrow, other, DAYS[1])
        for day in DAYS[2:]:
            marrow.record(recorder, day)
        assert contents(other) == contents(whole)
        if finished:
            break
    # .vti, .pvd, .series, script, .vtp, .pvd, .series, births, three rows
    assert last == 11


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path, marrow):
    whole = recorded(marrow, tmp_path / "whole").directory
    other = recorded(marrow, tmp_path / "other").directory
    (other.fields / ".fields_0004.vti.part").write_bytes(b"half")
    (other.path / ".fields.pvd.part").write_bytes(b"half")
    with open(other.blood, "ab") as file:
        file.write(b"9,3")
    resumed(marrow, other, 7.0)
    assert contents(other) == contents(whole)


def test_a_resume_without_its_files_is_refused(run, marrow):
    run.fields_file(1).unlink()
    with pytest.raises(RunError, match=r"fields_0001\.vti is missing"):
        resumed(marrow, run, 4.0)


def test_a_recorder_does_not_write_over_a_record(run, marrow):
    with pytest.raises(RunError, match="holds a record already"):
        Recorder(run, marrow.grid, fields_unit=marrow.units)


def test_times_must_advance(run, marrow):
    recorder = resumed(marrow, run, 7.0)
    for day in (7.0, 3.0, float("nan")):
        with pytest.raises(RunError, match="Times must advance"):
            recorder.record(day, blood={}, marrow={})


def test_fields_and_cells_may_be_left_out_at_a_time(tmp_path, marrow):
    recorder = marrow.begin(tmp_path)
    row = {"blood": {"a": 1}, "marrow": {"b": 2}}
    recorder.record(0, **row)
    recorder.record(1, **row, fields=marrow.fields(1), cells=marrow.cells(1))
    recorder.record(2, **row)
    recorder.sync()
    run = recorder.directory
    assert [name for _, name in paraview_files.read_collection(run.fields_pvd)] == ["fields/fields_0001.vti"]
    assert [name for _, name in paraview_files.read_collection(run.cells_pvd)] == ["cells/cells_0001.vtp"]
    assert resumed(marrow, run, 5.0).days == (0, 1, 2)


def test_what_is_recorded_is_what_was_given_then(tmp_path, marrow):
    """The arrays of the caller change as soon as `record` has returned, and the files do not."""
    one, two = (marrow.begin(tmp_path / name) for name in ("one", "two"))
    for day in DAYS:
        for recorder, changes in ((one, False), (two, True)):
            fields, cells, births, row = marrow.fields(day), marrow.cells(day), marrow.births(day), {"a": 1.0 + day}
            recorder.record(day, blood=row, marrow=row, fields=fields, cells=cells, births=births)
            if changes:
                for values in (*fields.values(), *cells.values(), *births.values()):
                    values[:] = 0
                row["a"] = 7.0
    one.sync()
    two.sync()
    assert contents(one.directory) == contents(two.directory)


def test_a_disk_that_refuses_stops_the_run_at_its_next_record(tmp_path, marrow, monkeypatch):
    recorder, row = marrow.begin(tmp_path / "run"), {"blood": {"a": 1}, "marrow": {"b": 2}}

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", full)
        recorder.record(0, **row, fields=marrow.fields(0))
        with pytest.raises(RunError, match="No space left on device"):
            recorder.record(1, **row)
    assert not recorder.directory.blood.exists()


def test_mistakes_in_fields_are_named(tmp_path, marrow):
    recorder = marrow.begin(tmp_path / "a")
    with pytest.raises(RunError, match="'EPO' was not announced"):
        recorder.record(0, blood={}, marrow={}, fields={"EPO": np.ones(marrow.n)})
    with pytest.raises(RunError, match="same name"):
        Recorder(tmp_path / "b", marrow.grid, fields_unit={"kit-ligand": "nM", "kit ligand": "nM"})


def test_the_scene_spans_the_marrow_over_all_times(run, marrow):
    names: dict = {}
    text = run.open_in_paraview.read_text()
    exec(text[text.index("FIELDS = {") : text.index("KINDS")], names)
    title, low, high = names["FIELDS"]["SCF_nM"]
    values = np.concatenate([marrow.fields(day)["SCF"] for day in DAYS])
    assert title == "SCF [nM]"
    assert low <= values.min() <= low * 1.001
    assert high >= values.max() >= high / 1.001
    assert names["FIELDS"]["division_per_h"][0] == "division [1/h]"
    assert str(run.path) not in text
    compile(text, "open_in_paraview.py", "exec")


def test_pyvista_reads_the_series_at_its_times(run, marrow):
    import pyvista

    reader = pyvista.get_reader(str(run.fields_pvd))
    assert reader.time_values == list(DAYS)
    for index, day in enumerate(DAYS):
        reader.set_active_time_point(index)
        shown = reader.read()[0].threshold(2, scalars="tissue")
        assert shown.n_cells == marrow.n
        assert np.array_equal(shown.cell_data["SCF_nM"], marrow.fields(day)["SCF"].astype(np.float32))
    assert pyvista.get_reader(str(run.cells_pvd)).time_values == list(DAYS)


def test_births_are_each_on_record_once_and_read_as_whole_numbers(run):
    found = open_results(run).births
    assert found["cell"].tolist() == list(range(100, 121)) and found["parent"].tolist() == list(range(-1, 20))
    assert found["day"].tolist() == [place / 3 for place in range(21)]
    assert found["cell"].dtype == found["parent"].dtype == np.int64
    assert np.isnan(found["x_um"][0]) and found["x_um"][7] == 1.0


def test_without_births_the_table_has_its_header_and_no_rows(tmp_path, marrow):
    recorder = marrow.begin(tmp_path / "run")
    marrow.record(recorder, 0.0)
    assert (tmp_path / "run" / "births.csv").read_text() == "day,cell,parent,x_um\n"
    assert len(open_results(tmp_path / "run").births) == 0


def test_births_since_the_record_before_a_stop_are_taken_from_the_state(tmp_path, marrow):
    """Stopped between two records: what is in the table from the last record on goes, for the checkpoint has it."""
    run = recorded(marrow, tmp_path / "run").directory
    recorder = resumed(marrow, run, 5.0)  # the last record before is that of 4/3 d
    assert open_results(run).births["day"].tolist() == [0.0, 1 / 3, 2 / 3, 1.0]
    marrow.record(recorder, 7.0)
    assert open_results(run).births["cell"].tolist() == list(range(100, 121))


def test_a_run_without_births_says_so(tmp_path, marrow):
    recorder = marrow.begin(tmp_path / "run")
    recorder.record(0.0, blood={"platelets_per_uL": 1.0}, marrow={"hsc": 1})
    recorder.sync()
    with pytest.raises(RunError, match="births.csv: missing.*run the scenario again"):
        _ = open_results(tmp_path / "run").births


def test_a_recording_of_tables_alone_leaves_no_file_of_space(tmp_path, marrow):
    recorder = marrow.begin(tmp_path / "run")
    for day in (0.0, 1.0):
        recorder.record(day, blood={"platelets_per_uL": 1e6}, marrow={"hsc": 12})
    recorder.sync()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "blood.csv", "marrow.csv", "provenance.json", "scenario.toml",
    ]  # fmt: skip
