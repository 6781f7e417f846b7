"""What all commands share: the app, kinds of arguments, exit codes, and how a run and a study end."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

from marrow_niche.errors import MarrowError, RunError
from marrow_niche.progress import progress_bar, stopping_between_hours
from marrow_niche.quantities import words

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

DONE, OUR_FAULT, YOUR_MISTAKE, STOPPED = 0, 1, 2, 130

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
Several = {"negative": "", "show_default": False, "consume_multiple": True}
Jobs = Annotated[int | None, Parameter(help="Processes at a time, each with one thread; all cores by default.")]
Study = Annotated[Path | None, Parameter(help="Directory of the study; runs/<name of FILE> by default.")]


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
    except Stopped:
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


def run_directory(asked: Path | None, file: Path) -> Path:
    """The directory that is asked for, or the default for what `file` asks."""
    return Path("runs") / file.resolve().stem if asked is None else asked


def simulated(directory: Path, simulation: Callable[[Callable[[float, float], None]], "Results"]) -> int:
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
    draw_report(results)
    return DONE


class Stopped(Exception):
    """Ctrl-C, after which all is said; cyclopts ends the program at a KeyboardInterrupt itself."""


@contextmanager
def resumable(command: str, kept: bool = True) -> Iterator[None]:
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
        raise Stopped from None


def draw_report(results: "Results") -> None:
    from marrow_niche.view.report import report as draw
    from marrow_niche.view.report import summary

    draw(results)
    print(summary(results))
