"""The command line: one function a command; exit 0 done, 2 the user's mistake in plain words, 1 our fault.

Each command imports what it needs, so that `--help` and mistakes in a file answer at once.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from marrow_niche.errors import MarrowError, RunError
from marrow_niche.progress import progress_bar, stopping_between_hours, study_bar
from marrow_niche.quantities import words

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

DONE, OUR_FAULT, YOUR_MISTAKE, STOPPED = 0, 1, 2, 130

STARTER = Path(__file__).parent / "scenario" / "starter.toml"

app = App(
    name="marrow-niche",
    help="""Simulate bone marrow in space: from a bone and a radiation dose
to blood counts, a marrow in 3D and files that ParaView opens.

One text file, the scenario, describes a run. To begin:

    marrow-niche new            writes scenario.toml, explained line by line
    marrow-niche check FILE     tells what would be simulated, and how big it is
    marrow-niche run FILE       simulates it

What a command takes: marrow-niche COMMAND --help""",
    help_format="plaintext",
    version_flags=["--version"],
    result_action="return_value",
)

File = Annotated[Path, Parameter(help="Scenario file (TOML).")]
Run = Annotated[Path, Parameter(help="Directory of a run, such as runs/femur.")]
Source = Annotated[Path, Parameter(name="FILE|DIR", help="Scenario file, or directory of a run.")]
Threads = Annotated[int | None, Parameter(help="Threads to use; all cores by default. The results are the same.")]


@app.command(sort_key=1)
def new(name: Annotated[str, Parameter(help="Name of the file; .toml is added.")] = "scenario", /) -> int:
    """Write a commented scenario to start from."""
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(STARTER.read_text(encoding="utf-8"))
    except FileExistsError:
        raise RunError(f"{path}: exists already. Give another name: marrow-niche new NAME.") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). Give another name or folder.") from error
    print(f"{path} written. Read it, change it, then: marrow-niche run {path}")
    return DONE


@app.command(sort_key=2)
def check(file: File, /) -> int:
    """Tell a scenario back in English, without running it."""
    from marrow_niche.scenario.scenario import read_scenario

    scenario = read_scenario(file)
    from marrow_niche.simulation import describe

    print(describe(scenario))
    return DONE


@app.command(sort_key=3)
def run(
    file: File,
    /,
    *,
    into: Annotated[Path | None, Parameter(help="Run directory; runs/<name of FILE> by default.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace an earlier run in that directory.", negative="")] = False,
    seed: Annotated[int | None, Parameter(help="Seed in the place of the scenario's own.")] = None,
    threads: Threads = None,
) -> int:
    """Simulate a scenario into a run directory: tables, files for ParaView, checkpoints and a report."""
    prepare_threads(threads)
    from marrow_niche.scenario.scenario import read_scenario

    scenario = read_scenario(file, seed=seed)
    into = _into(into, file)
    from marrow_niche.simulation import simulate

    return _simulated(
        into, lambda progress: simulate(scenario, into=into, overwrite=overwrite, threads=threads, progress=progress)
    )


@app.command(sort_key=4)
def resume(directory: Run, /, *, threads: Threads = None) -> int:
    """Go on with a run that was stopped, from its last checkpoint."""
    prepare_threads(threads)
    from marrow_niche import simulation

    return _simulated(directory, lambda progress: simulation.resume(directory, threads=threads, progress=progress))


@app.command(sort_key=5)
def report(directory: Run, /) -> int:
    """Draw the figures of a run and write its report.html."""
    from marrow_niche.record.results import open_results

    _report(open_results(directory))
    return DONE


@app.command(sort_key=5.5)
def render(
    directory: Run,
    /,
    *,
    scene: Annotated[
        tuple[str, ...],
        Parameter(
            help="anatomy, fields, cells, damage, triptych or slice; may be given again. By default all of them.",
            negative="",
            show_default=False,
        ),
    ] = (),
    day: Annotated[
        tuple[float, ...],
        Parameter(
            help="Day to draw; may be given again. By default those that suit each scene.", negative="", show_default=False
        ),
    ] = (),
    field: Annotated[str | None, Parameter(help="What fields and triptych show, such as SCF or cellularity.")] = None,
    theme: Annotated[str, Parameter(help="light or dark.")] = "light",
    size: Annotated[str, Parameter(help="Pixels across and down.")] = "1920x1080",
    format: Annotated[str, Parameter(help="Of pictures: png, svg or pdf.")] = "png",
    into: Annotated[Path | None, Parameter(help="Folder for pictures; scenes/ in the run by default.")] = None,
    movie: Annotated[
        tuple[Path, ...],
        Parameter(
            help="File for a film of one scene over all recorded days, or those given: .mp4 or .gif. May be given again.",
            negative="",
            show_default=False,
        ),
    ] = (),
    fps: Annotated[float, Parameter(help="Frames a second of a film.")] = 8.0,
) -> int:
    """Draw a run: pictures of named scenes, or a film of one.

    anatomy   bone cut open, vessels and stem cells
    fields    a cytokine in the marrow, cut open
    cells     stem cells by state, clone and donor
    damage    integrity of the sinusoids, cellularity of the marrow
    triptych  the marrow before, at its emptiest, and recovered
    slice     a flat section as under the microscope

    For instance:

        marrow-niche render runs/femur
        marrow-niche render runs/femur --scene fields --field CXCL12 --day 7
        marrow-niche render runs/femur --scene damage --movie damage.mp4

    Without a graphics card it draws in software. In an svg or a pdf words
    are sharp at any size, and of the scene slice all is.
    """
    from marrow_niche.view import scenes

    if not movie:
        scenes.render(
            directory, scene, days=day, field=field, theme=theme, size=size, format=format, into=into,
            written=lambda path: print(path, flush=True), skipped=lambda why: print(f"Not drawn: {why}", file=sys.stderr),
        )  # fmt: skip
        return DONE
    with _resumable(f"marrow-niche render {directory} ...", kept=False), study_bar("frames") as show:
        paths = scenes.film(
            directory, movie, scene or ("anatomy",), days=day, field=field, theme=theme, size=size, rate=fps, show=show
        )
    print("\n".join(str(path) for path in paths))
    return DONE


@app.command(sort_key=6)
def compare(
    directory: Run,
    counts: Annotated[
        Path, Parameter(name="counts.csv", help="Table of measured counts: day, neutrophils_per_uL, ...")
    ],
    /,
    *,
    relative: Annotated[
        bool, Parameter(help="Lay both over their own first value, where baselines differ.", negative="")
    ] = False,
) -> int:
    """Lay measured blood counts over those of a run: a figure, and how far off each count is.

    The table has a column day, from the start of the run, and counts by the names of blood.csv; e9 a litre is read too:

        day,neutrophils_e9_per_L,platelets_per_uL,platelets_per_uL_sd
        0,1.1,980000,120000
        7,0.06,150000,30000

    An empty cell was not measured. It writes compare.png and compare.csv into the directory of the run.
    """
    from marrow_niche.view.compare import lay_over

    print(lay_over(directory, counts, relative=relative))
    return DONE


Several = {"negative": "", "show_default": False, "consume_multiple": True}


@app.command(sort_key=6)
def export(
    directory: Run,
    /,
    *,
    to: Annotated[str, Parameter(help="Form: vti, vtkhdf, zarr, netcdf, nrrd, nifti, ome-tiff or csv.")],
    fields: Annotated[
        tuple[str, ...], Parameter(help="Fields to write, such as SCF CXCL12; all of them by default.", **Several)
    ] = (),
    from_day: Annotated[str | None, Parameter(help="First day; the first recorded one by default.")] = None,
    to_day: Annotated[str | None, Parameter(help="Last day; the last recorded one by default.")] = None,
    days: Annotated[tuple[str, ...], Parameter(help="Days one by one, such as 0 7 14.", **Several)] = (),
    region: Annotated[
        tuple[str, ...],
        Parameter(help="Part of the box, in um of the run's axes or % of the box: x=200:800 z=25%:75%.", **Several),
    ] = (),
    keep_bits: Annotated[
        int | None,
        Parameter(help="Bits of the mantissa to keep, 1 to 23; 10 keep each value to 0.05 % in half of the space."),
    ] = None,
    into: Annotated[Path | None, Parameter(help="Folder to make; beside the run, <run>_<form>, by default.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace an earlier export in that folder.", negative="")] = False,
) -> int:
    """Write a run, or a part of it, in the files of other programs.

    What opens which form:

        vti         ParaView 5.11 and later: fields, cells, vessels over time
        vtkhdf      ParaView 5.12 and later: the same, one file each
        zarr        xarray in Python, Julia: one labelled data set
        netcdf      xarray, R, MATLAB: the same as NetCDF 3, at most 2 GB
        nrrd        3D Slicer, ITK: a volume for each field and time
        nifti       ITK-SNAP, FSL: the same as .nii.gz
        ome-tiff    Fiji, napari, QuPath: fields as channels, over time
        csv         spreadsheets, R: one row a stem cell and time

    For example, two cytokines of the first month in the middle of the bone, in half of the space:

        marrow-niche export runs/femur --to zarr --fields SCF CXCL12
            --to-day 30 --region z=40%:60% --keep-bits 10

    docs/paraview.md says what is in the files.
    """
    from marrow_niche.record.chosen import Asked
    from marrow_niche.record.export import export as write
    from marrow_niche.record.export import told

    asked = Asked(fields=fields, from_day=from_day, to_day=to_day, days=days, region=region, keep_bits=keep_bits)
    with _resumable(f"marrow-niche export {directory} --to {to}", kept=False), study_bar("times") as show:
        folder = write(directory, to, asked, into=into, overwrite=overwrite, show=show)
    print(told(folder))
    return DONE


Jobs = Annotated[int | None, Parameter(help="Processes at a time, each with one thread; all cores by default.")]
Study = Annotated[Path | None, Parameter(help="Directory of the study; runs/<name of FILE> by default.")]


@app.command(sort_key=7)
def sweep(
    file: Annotated[Path, Parameter(help="Study file (TOML): a scenario, and what is varied in it.")],
    /,
    *,
    into: Study = None,
    jobs: Jobs = None,
) -> int:
    """Run one scenario with some of its values varied, over seeds, into one table.

    The study file says which scenario, how many seeds, and what is varied; several [[vary]] make every combination:

        scenario = "femur_6gy.toml"
        seeds = 3
        [[vary]]
        path = "events.1.dose"
        values = ["2 Gy", "4 Gy", "6 Gy"]

    What is finished is kept: stopped with Ctrl-C, or given again with more values, the same command goes on.
    """
    from marrow_niche.studies.sweep import read_sweep, run_sweep

    study = read_sweep(file)
    into = _into(into, file)
    print(f"{len(study.members)} runs into {into}.", file=sys.stderr, flush=True)
    with _resumable(f"marrow-niche sweep {file}"), study_bar("runs") as show:
        table, failed = run_sweep(study, into=into, jobs=jobs, show=show)
    print(f"{len(study.members) - len(failed)} of {len(study.members)} runs are done.\nTable:  {table}")
    if failed:
        raise RunError("These failed, and have no numbers in the table:\n" + "\n".join(f"  {line}" for line in failed))
    return DONE


@app.command(sort_key=8)
def doses(
    file: Annotated[
        Path, Parameter(help="Study file (TOML): a scenario with one radiation event, doses, and animals.")
    ],
    /,
    *,
    into: Study = None,
    jobs: Jobs = None,
) -> int:
    """Tell at which dose half of the animals die (LD50), and how much a treatment moves it.

    Each seed is an animal. It dies for want of neutrophils and platelets, at a rate read off its counts; nothing else
    kills. The study file:

        scenario = "mouse.toml"
        doses = ["6 Gy", "7 Gy", "8 Gy", "9 Gy"]
        seeds = 20
        until = "30 d"
        [[arm]]
        name = "G-CSF"
        [[arm.events]]
        kind = "factor"
        factor = "GCSF"
        ...

    It writes doses.csv, doses.json and doses.png. What is finished is kept: the same command goes on.
    """
    import json

    from marrow_niche.studies.doses import read_doses, run_doses, told

    study = read_doses(file)
    into = _into(into, file)
    print(f"{len(study.members)} animals into {into}.", file=sys.stderr, flush=True)
    with _resumable(f"marrow-niche doses {file}"), study_bar("animals") as show:
        path = run_doses(study, into=into, jobs=jobs, show=show)
    from marrow_niche.view.doses import draw

    found = json.loads(path.read_text(encoding="utf-8"))
    figure = draw(found, path.with_suffix(".png"))
    print(f"{told(found)}\n\nTables: {path.with_suffix('.csv')}, {path}\nFigure: {figure}")
    return DONE


@app.command(sort_key=9)
def verdict(
    directory: Run,
    /,
    *,
    seeds: Annotated[int, Parameter(help="How many seeds: the run's own and the next ones.")] = 3,
    after: Annotated[str, Parameter(help="Time from the end of the last injury to where the arms part.")] = "1 d",
    hormones: Annotated[
        Literal["normal", "saturating"],
        Parameter(
            help="Hormones as a healthy body makes them, or TPO, EPO and G-CSF at saturating levels, as if injected."
        ),
    ] = "normal",
    jobs: Jobs = None,
) -> int:
    """Tell what limits the recovery of a run: niche, stem cells, hormones, or the time cells take.

    The run is made again up to a day after its last injury. From there eight arms go on with the same luck: niche
    restored, stem cells restored, hormones restored, every combination of these, and none. How much sooner counts come
    back gives each its share of the time to recovery; what is left is transit, the time that cells take to divide and
    ripen. The largest of these parts is the verdict. It is written to verdict.json, and the report shows it first.
    """
    from marrow_niche.errors import UnitError
    from marrow_niche.quantities.units import to_canonical
    from marrow_niche.studies.verdict import judge_run

    try:
        hours = to_canonical(after, "h")
    except UnitError as error:
        raise RunError(f"--after: {error}") from None
    if hours < 0:
        raise RunError(f"--after {after}: the arms part after the injury; give a time of 0 or more, such as '1 d'.")
    with _resumable(f"marrow-niche verdict {directory}", kept=False), study_bar("arms") as show:
        found = judge_run(directory, seeds=seeds, after=hours, hormones=hormones, jobs=jobs, show=show)
    print("\n".join(filter(None, (*found["words"], found["words_of_shares"]))))
    _tell_and_redraw(directory, "Verdict:", "verdict.json")
    return DONE


@app.command(sort_key=10)
def switches(
    directory: Run,
    /,
    *,
    only: Annotated[
        tuple[str, ...],
        Parameter(
            help="A switch to turn off, such as emergency; may be given again. By default all that are on, each in turn.",
            negative="",
            show_default=False,
        ),
    ] = (),
    seeds: Annotated[int, Parameter(help="How many seeds: the run's own and the next ones.")] = 1,
    jobs: Jobs = None,
) -> int:
    """Tell what each mechanism does in a run: the same run again with one of them off at a time.

    Each arm is a whole run from its own resting state, so that all thirteen take fourteen times as long as the run. It is
    written to switches.json, and the report shows it.
    """
    from marrow_niche.studies.switch_off import run_switched_off

    with _resumable(f"marrow-niche switches {directory}", kept=False), study_bar("arms") as show:
        found = run_switched_off(directory, only=only, seeds=seeds, jobs=jobs, show=show)
    from marrow_niche.view import switched

    print("\n".join([*words.aligned([switched.HEAD, *switched.rows(found)]), *switched.failures(found)]))
    _tell_and_redraw(directory, "Switches:", "switches.json")
    return DONE


def _tell_and_redraw(directory: Run, what: str, file: str) -> None:
    """Say where `file` of a run was written, and draw the report anew where there is one."""
    from marrow_niche.record.results import open_results
    from marrow_niche.view.report import report as draw

    results = open_results(directory)
    print(f"\n{what} {results.directory / file}")
    if (results.directory / "report.html").is_file():
        print(f"{'Report:':{len(what)}} {draw(results)}")


@app.command(sort_key=11)
def lineages(
    directory: Run,
    /,
    *,
    day: Annotated[
        float | None, Parameter(help="Recorded day whose stem cells are traced back, the nearest; by default the last.")
    ] = None,
) -> int:
    """Tell who comes from whom among the stem cells of a run: a genealogy of each clone.

    It writes into the run

        lineages.nwk      Newick: one tree a line, branch lengths in days
        lineages.vtp      ParaView: branches as straight lines in space
        lineages.trees    tskit, where it is installed

    docs/lineages.md says what is in the files.
    """
    from marrow_niche.analysis import genealogy
    from marrow_niche.record.results import open_results

    results = open_results(directory)
    found = genealogy.genealogy(results, day)
    files = genealogy.write(results, found)
    print(genealogy.told(found))
    print(f"\nLineages: {', '.join(map(str, files))}")
    return DONE


@app.command(sort_key=12)
def cite(source: Source, /) -> int:
    """Print the references of every parameter that a scenario or a run uses."""
    import marrow_niche
    from marrow_niche.quantities.ledger import Ledger

    if source.is_dir():
        from marrow_niche.record import provenance
        from marrow_niche.record.directory import RunDirectory

        ledger = Ledger.from_plain(provenance.read(RunDirectory(source).require())["parameters"])
    else:
        from marrow_niche.scenario.scenario import read_scenario

        ledger = read_scenario(source).ledger
    print(ledger.cite(marrow_niche.__version__))
    return DONE


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 the user's mistake, 1 our fault, 130 stopped by Ctrl-C.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return app(arguments, exit_on_error=False, print_error=False) or DONE
    except CycloptsError as error:
        print(f"{error}\nSee: {' '.join(['marrow-niche', *(error.command_chain or ())])} --help", file=sys.stderr)
        return YOUR_MISTAKE
    except MarrowError as error:
        print(error, file=sys.stderr)
        return YOUR_MISTAKE
    except _Stopped:
        return STOPPED
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # `marrow-niche check FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        import traceback

        traceback.print_exc()
        print("\nThis is a fault of marrow_niche, not yours. Please report it with the lines above.", file=sys.stderr)
        return OUR_FAULT


def prepare_threads(threads: int | None) -> None:
    """Let numba start as many threads as are asked for, more than there are cores if need be; before numba is imported.

    Raises RunError for fewer than one.
    """
    if threads is None:
        return
    if threads < 1:
        raise RunError(f"--threads {threads}: at least one thread is needed.")
    from marrow_niche.studies.processes import cores

    limit = os.environ.get("NUMBA_NUM_THREADS", "")
    if threads > (int(limit) if limit.isdigit() else cores()):
        os.environ["NUMBA_NUM_THREADS"] = str(threads)


def _into(asked: Path | None, file: Path) -> Path:
    """The directory that is asked for, or the default for what `file` asks."""
    return Path("runs") / file.resolve().stem if asked is None else asked


def _simulated(directory: Path, simulation: Callable[[Callable[[float, float], None]], "Results"]) -> int:
    """Run a simulation under a progress bar; say how it ended, and how to go on when it was stopped."""
    began = time.monotonic()
    try:
        with progress_bar() as show, stopping_between_hours(show) as progress:
            results = simulation(progress)
    except KeyboardInterrupt:
        if (directory / "scenario.toml").is_file():
            print(f"Stopped. Go on with: marrow-niche resume {directory}", file=sys.stderr)
        else:
            print("Stopped before anything was written; run it again.", file=sys.stderr)
        return STOPPED
    took = words.clock(time.monotonic() - began)
    print(f"Simulated in {took}, written to {directory}. Drawing the report ...", file=sys.stderr, flush=True)
    _report(results)
    return DONE


class _Stopped(Exception):
    """Ctrl-C, after which all is said; cyclopts ends the program at a KeyboardInterrupt itself."""


@contextmanager
def _resumable(command: str, kept: bool = True) -> Iterator[None]:
    """A study that was stopped says how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        how = (
            f"What is finished is kept. Go on with: {command}"
            if kept
            else f"Nothing is kept. Begin again with: {command}"
        )
        print(how, file=sys.stderr)
        raise _Stopped from None


def _report(results: "Results") -> None:
    from marrow_niche.view.report import report as draw
    from marrow_niche.view.report import summary

    draw(results)
    print(summary(results))
