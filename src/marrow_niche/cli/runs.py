"""Commands that make a run: new, check, run, resume; and cite, of what went into it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from marrow_niche.cli.frame import DONE, File, Run, Source, Threads, app, prepare_threads, run_directory, simulated
from marrow_niche.errors import RunError

STARTER = Path(__file__).parents[1] / "scenario" / "starter.toml"


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
    into = run_directory(into, file)
    from marrow_niche.simulation import simulate

    return simulated(
        into, lambda progress: simulate(scenario, into=into, overwrite=overwrite, threads=threads, progress=progress)
    )


@app.command(sort_key=4)
def resume(directory: Run, /, *, threads: Threads = None) -> int:
    """Go on with a run that was stopped, from its last checkpoint."""
    prepare_threads(threads)
    from marrow_niche import simulation

    return simulated(directory, lambda progress: simulation.resume(directory, threads=threads, progress=progress))


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
