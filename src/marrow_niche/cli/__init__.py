"""The command line: one function a command; exit 0 done, 2 the user's mistake in plain words, 1 our fault.

Each command imports what it needs, so that `--help` and mistakes in a file answer at once.
"""

from marrow_niche.cli import results, runs, studies
from marrow_niche.cli.frame import DONE, OUR_FAULT, STOPPED, YOUR_MISTAKE, app, main, prepare_threads
from marrow_niche.cli.runs import STARTER

__all__ = [
    "DONE", "OUR_FAULT", "STARTER", "STOPPED", "YOUR_MISTAKE", "app", "main", "prepare_threads", "results", "runs", "studies",
]  # fmt: skip
