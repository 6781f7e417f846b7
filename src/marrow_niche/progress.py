"""What long work shows on the terminal, and how it is stopped: a bar, or plain lines where no terminal is."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from marrow_niche.quantities import words


@contextmanager
def stopping_between_hours(show: Callable[[float, float], None]) -> Iterator[Callable[[float, float], None]]:
    """`show`, made to end the simulation after the hour in which Ctrl-C (or a cluster's SIGTERM) came.

    A step half done is no state to go on from. Before the first hour, and at the second Ctrl-C, it ends at once.
    """
    begun = asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        again, asked = asked, True  # kept: an exception is lost where Python was just clearing up
        if again or not begun:
            raise KeyboardInterrupt
        print("Stopping after this hour of the simulation; Ctrl-C again stops at once.", file=sys.stderr)

    def progress(done: float, total: float) -> None:
        nonlocal begun
        begun = True
        show(done, total)
        if asked and done < total:
            raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield progress
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar() -> Iterator[Callable[[float, float], None]]:
    """A function of (hours done, hours in all) that shows both and the time left; plain lines where no terminal is."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, speed_estimate_period=120) as bar:
        task = bar.add_task("building the marrow", total=None)

        def show(done: float, total: float) -> None:
            if bar.tasks[task].total is None:  # time left is reckoned from here, also when a run goes on half-way
                bar.reset(task, total=total, completed=int(done))
            bar.update(task, completed=done, description=f"day {done / 24:.0f} of {total / 24:.0f}")

        yield show


@contextmanager
def study_bar(what: str) -> Iterator[Callable[[int, int, float], None]]:
    """A function of (tasks done, tasks in all, shares of those under way) that shows them; lines where no terminal is."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        shown = [-1]

        def line(done: int, number: int, more: float) -> None:
            if done != shown[0] and (done == number or done * 20 // number != shown[0] * 20 // number):
                shown[0] = done
                print(f"{done} of {number} {what}", file=sys.stderr, flush=True)

        yield line
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, speed_estimate_period=600) as bar:
        task = bar.add_task(f"building, 0 {what}", total=None)

        def show(done: int, number: int, more: float) -> None:
            bar.update(task, total=number, completed=done + more, description=f"{done} of {number} {what}")

        yield show


def _lines(every: float = 0.1, out: Any = None) -> Callable[[float, float], None]:
    """Progress as one line for each tenth of the way."""
    began: list[float] = []
    shown = [-1.0]

    def show(done: float, total: float) -> None:
        if not began:
            began[:] = [time.monotonic(), done]
        share = done / total if total else 1.0
        if share < shown[0] + every and done < total:
            return
        shown[0] = share
        elapsed, since = time.monotonic() - began[0], done - began[1]
        left = f", {words.clock(elapsed * (total - done) / since)} left" if since > 0 and done < total else ""
        print(f"day {done / 24:.0f} of {total / 24:.0f}{left}", file=out or sys.stderr, flush=True)

    return show
