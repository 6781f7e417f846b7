"""Commands that run a scenario many times: sweep, doses, verdict, switches."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from marrow_niche.cli.frame import DONE, Jobs, Run, Study, app, resumable, run_directory
from marrow_niche.errors import RunError
from marrow_niche.progress import study_bar
from marrow_niche.quantities import words

if TYPE_CHECKING:
    from marrow_niche.studies.members import Member


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
    into = run_directory(into, file)
    print(f"{len(study.members)} runs into {into}.", file=sys.stderr, flush=True)
    with resumable(f"marrow-niche sweep {file}"), study_bar("runs") as show:
        table, failed = run_sweep(study, into=into, jobs=jobs, show=show)
    print(f"{len(study.members) - len(failed)} of {len(study.members)} runs are done.\nTable:  {table}")
    if failed:
        raise RunError("These failed, and have no numbers in the table:\n" + "\n".join(f"  {line}" for line in failed))
    _draw_bands(study.members, into)
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
    into = run_directory(into, file)
    print(f"{len(study.members)} animals into {into}.", file=sys.stderr, flush=True)
    with resumable(f"marrow-niche doses {file}"), study_bar("animals") as show:
        path = run_doses(study, into=into, jobs=jobs, show=show)
    from marrow_niche.view.doses import draw

    found = json.loads(path.read_text(encoding="utf-8"))
    figure = draw(found, path.with_suffix(".png"))
    print(f"{told(found)}\n\nTables: {path.with_suffix('.csv')}, {path}\nFigure: {figure}")
    _draw_bands(study.members, into)
    return DONE


def _draw_bands(chosen: "Sequence[Member]", into: Path) -> None:
    """Counts over the seeds of each of several members that differ by nothing else."""
    from marrow_niche.studies.members import by_seed
    from marrow_niche.view.seeds import draw

    drawn = draw(by_seed(chosen, into), into / "bands")
    if drawn:
        print(f"Bands:  {into / 'bands'}, counts over the seeds in {len(drawn)} figure{'s' * (len(drawn) > 1)}")


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
    with resumable(f"marrow-niche verdict {directory}", kept=False), study_bar("arms") as show:
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

    with resumable(f"marrow-niche switches {directory}", kept=False), study_bar("arms") as show:
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
