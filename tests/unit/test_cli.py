"""The command line: what each command says, what it leaves behind, how it exits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marrow_niche import cli
from marrow_niche.cli import main
from marrow_niche.progress import progress_bar, stopping_between_hours
from marrow_niche.quantities import words

SCENARIO = """
species = "mouse"
duration = "2 d"
[geometry]
bone = "long bone"
length = "15 mm"
voxel = "20 um"
section = { at = "50 %", thickness = "100 um" }
"""


class Outcome:
    """What a run gives back, as much of it as is passed on here."""

    directory = Path("runs/femur")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("femur.toml").write_text(SCENARIO)


@pytest.fixture
def calls(monkeypatch):
    """Runs that do nothing but note how they were asked for; reports likewise."""
    calls = []

    def simulate(scenario, *, into, overwrite, threads, progress):
        calls.append(("simulate", scenario.seed, Path(into), overwrite, threads))
        for hour in (24, 48):
            progress(hour, 48)
        return Outcome

    def resume(directory, *, threads, progress):
        calls.append(("resume", Path(directory), threads))
        progress(48, 48)
        return Outcome

    monkeypatch.setattr("marrow_niche.simulation.simulate", simulate)
    monkeypatch.setattr("marrow_niche.simulation.resume", resume)
    for room in ("frame", "results"):
        monkeypatch.setattr(f"marrow_niche.cli.{room}.draw_report", lambda results: calls.append(("report", results.directory)))
    return calls


def test_help_reads_well_to_a_newcomer(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    studies = ("sweep", "doses", "verdict", "switches")
    for command in ("new", "check", "run", "resume", "report", "render", "export", "compare", "lineages", "cite", *studies):
        assert f" {command} " in text


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys; from marrow_niche.cli import main; main(['--help']);"
        "print(sorted({'numba', 'vtk', 'vtkmodules', 'pyvista', 'pandas', 'scipy', 'pint'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.rstrip().endswith("[]")


def test_new_writes_a_scenario_that_reads(capsys):
    from marrow_niche.scenario.scenario import read_scenario

    assert main(["new"]) == 0
    assert main(["new", "trial"]) == 0
    assert read_scenario("scenario.toml").species == "mouse"
    assert Path("trial.toml").read_bytes() == Path("scenario.toml").read_bytes()
    capsys.readouterr()
    assert main(["new", "trial.toml"]) == 2
    assert "trial.toml: exists already" in capsys.readouterr().err


def test_every_commented_line_of_the_starter_works_too():
    """A user takes away the '#'; what appears must be right."""
    from marrow_niche.scenario.scenario import read_scenario

    lines = cli.STARTER.read_text().splitlines()
    options = ("# cortex", "# fractions", "# every", "# dose_rate", "# fields", "# [parameters]", '# "cytokines')
    opened = [line[2:] if line.startswith(options) else line for line in lines]
    assert sum(line.startswith(options) for line in lines) == len(options)
    Path("all.toml").write_text("\n".join(opened))
    scenario = read_scenario("all.toml")
    assert (scenario.events[0].fractions, scenario.events[0].dose_rate) == (4, 60.0)
    assert scenario.ledger["cytokines.CXCL12.diffusivity"].overridden


def test_run_goes_into_runs_by_the_name_of_the_file(calls, capsys):
    assert main(["run", "femur.toml"]) == 0
    assert calls == [("simulate", 1, Path("runs/femur"), False, None), ("report", Path("runs/femur"))]
    out = capsys.readouterr()
    assert "day 1 of 2" in out.err
    assert "runs/femur" in out.err


def test_run_passes_its_options_on(calls, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert main(["run", "femur.toml", "--into", "x", "--overwrite", "--seed", "7", "--threads", "5"]) == 0
    assert calls[0] == ("simulate", 7, Path("x"), True, 5)
    assert os.environ["NUMBA_NUM_THREADS"] == "5"


def test_resume_goes_on_and_reports(calls):
    assert main(["resume", "runs/femur", "--threads", "1"]) == 0
    assert calls == [("resume", Path("runs/femur"), 1), ("report", Path("runs/femur"))]


def test_check_prints_what_the_simulation_says_of_the_scenario(monkeypatch, capsys):
    monkeypatch.setattr(
        "marrow_niche.simulation.describe", lambda scenario: f"{scenario.duration:g} h of {scenario.species}"
    )
    assert main(["check", "femur.toml"]) == 0
    assert capsys.readouterr().out == "48 h of mouse\n"


@pytest.mark.parametrize("command", ["check", "run", "cite"])
def test_mistakes_of_a_scenario_are_told_together_without_a_traceback(command, calls, capsys):
    Path("femur.toml").write_text(SCENARIO.replace("2 d", "60").replace("mouse", "mosue").replace("voxel", "voxl"))
    assert main([command, "femur.toml"]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.splitlines() == [
        "femur.toml cannot be simulated; 4 mistakes:",
        "  duration: '60' is a number without a unit; write for example '60 d'.",
        "  geometry.voxel: missing. Edge of a voxel [um].",
        "  geometry.voxl: Geometry has no such parameter. Did you mean 'voxel'?",
        "  species: 'mosue' is not known. Did you mean 'mouse'?",
    ]
    assert calls == []
    assert sorted(path.name for path in Path().iterdir()) == ["femur.toml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu", "femur.toml"], 'Unknown command "rnu". Did you mean "run"?'),
        (["run"], "requires an argument"),
        (["run", "femur.toml", "--thread", "3"], "Did you mean --threads?"),
        (["run", "femur.toml", "--threads", "many"], 'unable to convert "many" into int'),
        (["run", "femur.toml", "--threads", "0"], "--threads 0: at least one thread is needed."),
        (["run", "femur.toml", "--seed", "-1"], "seed: -1 is too low; the least allowed is 0."),
        (["run", "nothing.toml"], "there is no such file; 'marrow-niche new' writes"),
        (["resume", "nowhere"], "nowhere: there is no such directory."),
        (["report", "nowhere"], "nowhere"),
        (["cite", "nowhere"], "there is no such file"),
    ],
)
def test_a_mistake_on_the_command_line_exits_with_2(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_an_existing_run_is_refused_and_left_alone(capsys):
    Path("runs/femur").mkdir(parents=True)
    Path("runs/femur/notes.txt").write_text("mine")
    assert main(["run", "femur.toml"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["run", "femur.toml", "--overwrite"]) == 2
    assert [path.name for path in Path("runs/femur").iterdir()] == ["notes.txt"]


def test_our_own_fault_exits_with_1_and_shows_where(monkeypatch, capsys):
    def describe(scenario):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("marrow_niche.simulation.describe", describe)
    assert main(["check", "femur.toml"]) == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError: a fault" in error
    assert "not yours" in error


@pytest.mark.parametrize("saved", [True, False])
def test_a_stop_tells_how_to_go_on(saved, monkeypatch, capsys):
    def simulate(scenario, *, into, progress, **options):
        Path(into).mkdir(parents=True)
        if saved:
            (Path(into) / "scenario.toml").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("marrow_niche.simulation.simulate", simulate)
    assert main(["run", "femur.toml"]) == 130
    error = capsys.readouterr().err
    assert ("marrow-niche resume runs/femur" in error) is saved
    assert ("before anything was written" in error) is not saved


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_waits_for_the_end_of_the_hour(number):
    """A step that is half done is no state to save."""
    done = []
    with (
        pytest.raises(KeyboardInterrupt),
        stopping_between_hours(lambda hour, total: done.append(hour)) as progress,
    ):
        progress(1, 3)
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        done.append("rest of the step")
        progress(2, 3)
        progress(3, 3)
    assert done == [1, "rest of the step", 2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_python_loses_while_it_clears_up_ends_the_first_hour():
    """An exception in a finaliser is reported and dropped; the stop that raised it is not."""

    class Dying:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt), stopping_between_hours(lambda hour, total: None) as progress:
        Dying()
        progress(1, 3)
        pytest.fail("went on")


def test_a_second_stop_and_one_before_the_first_hour_end_at_once():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stopping_between_hours(lambda hour, total: None) as progress:
        progress(1, 3)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        pytest.fail("went on")
    with pytest.raises(KeyboardInterrupt), stopping_between_hours(lambda hour, total: None):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        pytest.fail("went on")
    assert signal.getsignal(signal.SIGINT) is before


def test_cite_of_a_scenario_lists_references_and_estimates(capsys):
    assert main(["cite", "femur.toml"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("marrow_niche: ")
    assert "  estimate (" in out
    assert "stem_cells.number" in out


def test_cite_of_a_run_reads_its_own_ledger(capsys):
    from marrow_niche.record import provenance
    from marrow_niche.scenario.scenario import read_scenario

    scenario = read_scenario("femur.toml")
    Path("run").mkdir()
    Path("run/scenario.toml").write_text(SCENARIO)
    provenance.write("run", scenario=scenario.source, ledger=scenario.ledger.plain(), seed=1)
    assert main(["cite", "femur.toml"]) == main(["cite", "run"]) == 0
    first, second = capsys.readouterr().out.split("marrow_niche: ")[1:]
    assert first == second


def test_progress_without_a_terminal_is_a_few_plain_lines(capsys):
    with progress_bar() as progress:
        for hour in range(1, 1441):
            progress(hour, 1440)
    lines = capsys.readouterr().err.splitlines()
    assert 5 <= len(lines) <= 13
    assert lines[-1] == "day 60 of 60"
    assert lines[-2].endswith("left")


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (200, "3 min"), (7300, "2.0 h")])
def test_times_are_told_in_the_unit_one_would_say(seconds, text):
    assert words.clock(seconds) == text


def test_study_commands_say_what_they_take(capsys):
    for command in ("sweep", "doses", "verdict", "switches"):
        assert main([command, "--help"]) == 0
        said = capsys.readouterr().out
        assert "--jobs" in said
        assert "usage" in said.lower()


def test_a_study_with_mistakes_tells_all_of_them_and_exits_with_2(capsys):
    Path("study.toml").write_text('scenario = "femur.toml"\ndoses = ["6 Gy"]\nseeds = [1, 1]\nuntill = "30 d"\n')
    assert main(["doses", "study.toml"]) == 2
    assert "untill: Doses has no such parameter. Did you mean 'until'?" in capsys.readouterr().err
    Path("study.toml").write_text('scenario = "femur.toml"\ndoses = ["6 Gy"]\nseeds = [1, 1]\n')
    assert main(["doses", "study.toml"]) == 2
    said = capsys.readouterr().err
    assert "study.toml cannot be run; 3 mistakes:" in said
    assert "no radiation event; add one" in said
    Path("study.toml").write_text('scenario = "femur.toml"\n[[vary]]\npath = "duratoin"\nvalues = ["1 d"]\n')
    assert main(["sweep", "study.toml"]) == 2
    assert "Did you mean 'duration'?" in capsys.readouterr().err


def test_a_verdict_needs_a_run_and_days_to_follow(capsys):
    assert main(["verdict", "nowhere"]) == 2
    assert "there is no such directory" in capsys.readouterr().err
    Path("run").mkdir()
    Path("run/scenario.toml").write_text(SCENARIO)
    assert main(["verdict", "run", "--after", "36 h"]) == 2
    assert "end less than a day after the fork (day 1.5)" in capsys.readouterr().err
    assert main(["verdict", "run", "--after", "3"]) == 2
    assert "--after: '3' is a number without a unit" in capsys.readouterr().err


def test_a_stopped_study_says_how_it_goes_on(capsys, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("marrow_niche.studies.members.run_all", stopped)
    Path("study.toml").write_text('scenario = "femur.toml"\n[[vary]]\npath = "duration"\nvalues = ["1 d", "2 d"]\n')
    assert main(["sweep", "study.toml"]) == 130
    assert "Go on with: marrow-niche sweep study.toml" in capsys.readouterr().err
    assert Path("runs/study/sweep.csv").is_file()


def test_counts_that_cannot_be_compared_are_told_at_once_and_exit_with_2(capsys):
    from marrow_niche.record.directory import RunDirectory
    from marrow_niche.record.tables import Table

    run = RunDirectory("run").create()
    run.write_scenario({"species": "mouse"})
    for day in (0.0, 1.0):
        Table(run.blood).append(day, {"platelets_per_uL": 1e6})
    Path("counts.csv").write_text("days,platelets\n1,x\n")
    assert main(["compare", "run", "counts.csv"]) == 2
    said = capsys.readouterr().err
    assert "counts.csv cannot be compared; 3 mistakes:" in said and "Traceback" not in said
    assert "Did you mean 'platelets_per_uL'?" in said
    assert main(["compare", "nowhere", "counts.csv"]) == 2
    assert not Path("run/compare.csv").exists() and not Path("run/compare.png").exists()
    Path("counts.csv").write_text("day,platelets_per_uL\n0,1e6\n1,5e5\n")
    assert main(["compare", "run", "counts.csv"]) == 0
    assert "x2" in capsys.readouterr().out
    assert Path("run/compare.csv").read_text().splitlines()[1].startswith("platelets_per_uL,2,2,0.490129,0.346574,")
    assert Path("run/compare.png").stat().st_size > 5000


def interrupted(*_):
    raise KeyboardInterrupt


def test_lineages_of_a_run_are_written_beside_it(capsys, monkeypatch):
    import numpy as np
    import pyvista
    import tskit

    from marrow_niche.record import paraview
    from marrow_niche.record.directory import RunDirectory
    from marrow_niche.record.tables import Table

    run = RunDirectory("run").create()
    run.write_scenario({"species": "mouse"})
    for day in (0.0, 2.0):
        Table(run.blood).append(day, {"platelets_per_uL": 1e6})
    assert main(["lineages", "run"]) == 2
    assert "no cells are recorded" in capsys.readouterr().err
    for number, day, ids in ((0, 0.0, [0, 1]), (1, 2.0, [0, 1, 2])):
        place = np.array([[10.0 * i, 0.0, day] for i in ids])
        paraview.write_points(run.cells_file(number), place, {"id": np.array(ids), "clone": np.array([0, 1, 1])[: len(ids)]})
    paraview.write_collection(run.cells_pvd, [(0.0, "cells/cells_0000.vtp"), (2.0, "cells/cells_0001.vtp")])
    assert main(["lineages", "run"]) == 2
    assert "births.csv: missing" in capsys.readouterr().err
    Table(run.births).extend({"day": [0.5], "cell": [2], "parent": [1], "x_um": [12.0], "y_um": [0.0], "z_um": [1.0]})
    assert main(["lineages", "run"]) == 0
    out = capsys.readouterr().out
    assert "Day 2: 3 stored stem cells in the marrow, of 2 clones; 1 division parts them." in out
    assert "The largest clone has 2; the divisions fell between day 0.5 and 0.5." in out
    assert run.newick.read_text() == "(cell_0:2)clone_0;\n(cell_1:1.5,cell_2:1.5)clone_1:0.5;\n"
    drawn = pyvista.read(run.lineages)
    assert drawn.n_lines == 4 and drawn["length_um"].tolist() == pytest.approx([2.0, 5**0.5, 65**0.5, 5**0.5])
    assert tskit.load(run.trees).num_samples == 3
    assert main(["lineages", "run", "--day", "0"]) == 0
    assert run.newick.read_text() == "(cell_0:0)clone_0;\n(cell_1:0)clone_1;\n"
    before = {path.name: path.read_bytes() for path in run.path.glob("*lineages*")}
    monkeypatch.setattr("marrow_niche.analysis.genealogy.tree_sequence", interrupted)
    with pytest.raises(SystemExit, match="130"):  # stopped before the last file is written, all three are of the earlier day
        main(["lineages", "run"])
    assert {path.name: path.read_bytes() for path in run.path.glob("*lineages*")} == before and len(before) == 3


def test_export_passes_what_is_asked_and_tells_what_was_written(monkeypatch, capsys):
    from marrow_niche.record import export as exporting

    asked = {}

    def export(directory, to, choice, *, into, overwrite, show):
        asked.update(vars(choice), directory=directory, to=to, into=into, overwrite=overwrite)
        show(1, 1, 0.0)
        return Path("out")

    monkeypatch.setattr(exporting, "export", export)
    monkeypatch.setattr(exporting, "told", lambda folder: f"{folder}: told.")
    words = "export runs/x --to zarr --fields SCF CXCL12 --days 0 7 --region x=0:5 z=1%:9% --keep-bits 10 --into out --overwrite"
    assert main(words.split()) == 0
    assert asked == {
        "directory": Path("runs/x"),
        "to": "zarr",
        "fields": ("SCF", "CXCL12"),
        "days": ("0", "7"),
        "from_day": None,
        "to_day": None,
        "region": ("x=0:5", "z=1%:9%"),
        "keep_bits": 10,
        "into": Path("out"),
        "overwrite": True,
    }
    assert capsys.readouterr().out == "out: told.\n"


def test_export_is_a_users_mistake_without_a_run_or_a_form(capsys):
    assert main(["export", "nowhere", "--to", "csv"]) == 2
    assert "nowhere: there is no such directory" in capsys.readouterr().err
    assert main(["export", "nowhere"]) == 2
    assert "--to" in capsys.readouterr().err


def test_a_stopped_export_says_that_nothing_is_kept(monkeypatch, capsys):
    from marrow_niche.record import export as exporting

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "export", stopped)
    assert main(["export", "runs/x", "--to", "csv"]) == 130
    assert "Nothing is kept. Begin again with: marrow-niche export runs/x --to csv" in capsys.readouterr().err


def test_every_form_stands_in_the_help(capsys):
    from marrow_niche.record.export import FORMS

    assert main(["export", "--help"]) == 0
    text = capsys.readouterr().out
    for form in FORMS:
        assert f"\n    {form} " in text
