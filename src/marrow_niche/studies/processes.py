"""Tasks in local processes, one thread each: told as they go on, stopped between two hours of a simulation.

What is done by a task is a function of (task, progress), at the top of its module; `progress(done, total)` is called now and
then and raises KeyboardInterrupt once the study is to stop. Mistakes of one task do not end the others.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from marrow_niche.errors import MarrowError, RunError

ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WAIT = 0.2
"""Seconds between looks at the processes."""

Progress = Callable[[float, float], None]
Work = Callable[[Any, Progress], Any]
Show = Callable[[int, int, float], None]
"""Called with tasks done, tasks in all, and the shares done of those under way, added up."""


@dataclass(frozen=True)
class Failed:
    """What a task ended with instead of a result: the mistake in plain words."""

    message: str


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    work: Work,
    tasks: Sequence[Any],
    *,
    jobs: int | None = None,
    show: Show | None = None,
    sizes: Sequence[int] | None = None,
) -> list[Any]:
    """What `work` gives for each task, in their order; a `Failed` for those that ended with a mistake.

    Parameters
    ----------
    work : callable
        Of (task, progress); with more than one job it and the tasks are sent to other processes.
    jobs : int, optional
        Processes at a time, all cores by default; 1 works in this process.
    show : callable, optional
        See `Show`.
    sizes : sequence of int, optional
        How many each task counts for where they are shown, one by default; its progress runs evenly through them.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C (or SIGTERM), when the tasks under way have ended; at once after the second one.
    RunError
        For fewer than one job, or when a process is killed from outside.
    """
    jobs = cores() if jobs is None else jobs
    if jobs < 1:
        raise RunError(f"--jobs {jobs}: at least one process is needed.")
    if not tasks:
        return []
    told = _Told(sizes or [1] * len(tasks), show)
    with _asked_to_stop() as stopped:
        if jobs == 1 or len(tasks) == 1:
            return _here(work, tasks, told, stopped)
        return _elsewhere(work, tasks, min(jobs, len(tasks)), told, stopped)


class _Told:
    """Keeps count of what is done and shows it."""

    def __init__(self, sizes: Sequence[int], show: Show | None) -> None:
        self.sizes, self.show, self.done = sizes, show, 0
        self.under_way: dict[int, float] = {}

    def moved(self, index: int, share: float) -> None:
        self.under_way[index] = share * self.sizes[index]
        self._tell()

    def ended(self, index: int) -> None:
        self.under_way.pop(index, None)
        self.done += self.sizes[index]
        self._tell()

    def _tell(self) -> None:
        if self.show is None:
            return
        whole = [min(int(moved + 1e-9), size - 1) for moved, size in self._moved()]  # the last one is done when its task is
        self.show(self.done + sum(whole), sum(self.sizes), sum(moved for moved, _ in self._moved()) - sum(whole))

    def _moved(self) -> list[tuple[float, int]]:
        return [(moved, self.sizes[index]) for index, moved in self.under_way.items()]


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came; the second one raises KeyboardInterrupt where it falls."""
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _here(work: Work, tasks: Sequence[Any], told: _Told, stopped: Callable[[], bool]) -> list[Any]:
    out = []
    for index, task in enumerate(tasks):

        def progress(done: float, total: float, index: int = index) -> None:
            told.moved(index, done / total if total else 1.0)
            if stopped() and done < total:
                raise KeyboardInterrupt

        if stopped():
            raise KeyboardInterrupt
        out.append(_outcome(work, task, progress))
        told.ended(index)
    return out


def _outcome(work: Work, task: Any, progress: Progress) -> Any:
    try:
        return work(task, progress)
    except MarrowError as error:
        return Failed(str(error))


def _elsewhere(work: Work, tasks: Sequence[Any], jobs: int, told: _Told, stopped: Callable[[], bool]) -> list[Any]:
    context = multiprocessing.get_context("spawn")  # numba's threads do not survive a fork
    inbox, outbox, stop = context.Queue(), context.Queue(), context.Event()
    for index, task in enumerate(tasks):
        inbox.put((index, task))
    for _ in range(jobs):
        inbox.put(None)
    workers = [context.Process(target=_worker, args=(work, inbox, outbox, stop), daemon=True) for _ in range(jobs)]
    results: dict[int, Any] = {}
    interrupted = False
    try:
        with _one_thread_each():
            for worker in workers:
                worker.start()
        while len(results) < len(tasks) and not (interrupted and not any(w.is_alive() for w in workers)):
            if stopped():
                stop.set()
                interrupted = True
            try:
                kind, index, what = outbox.get(timeout=WAIT)
            except queue.Empty:
                ended = [w.exitcode for w in workers if w.exitcode not in (None, 0)]
                if ended and not interrupted:
                    if ended[0] > 0:
                        raise RuntimeError(f"a process of the study could not begin, code {ended[0]}") from None
                    raise RunError(
                        f"a process of the study was killed (signal {-ended[0]}), perhaps for want of memory. What is finished "
                        "is kept: give the same command again, with fewer --jobs."
                    ) from None
                continue
            if kind == "moved":
                told.moved(index, what)
            elif kind == "ended":
                results[index] = what
                told.ended(index)
            else:
                raise what
    finally:
        for worker in workers:
            if worker.is_alive() and (stop.is_set() or len(results) < len(tasks)):
                worker.terminate()
        for worker in workers:
            worker.join(timeout=5)
        for each in (inbox, outbox):
            each.cancel_join_thread()
            each.close()
    if len(results) < len(tasks):
        raise KeyboardInterrupt
    return [results[index] for index in range(len(tasks))]


def _worker(work: Work, inbox: Any, outbox: Any, stop: Any) -> None:
    """Work off tasks until there are no more, the study stops, or the process that began it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the first one decides
    parent = os.getppid()

    def gone() -> bool:
        return stop.is_set() or os.getppid() != parent

    while not gone() and (item := inbox.get()) is not None:
        index, task = item
        last = [-1.0]

        def progress(done: float, total: float, index: int = index, last: list[float] = last) -> None:
            share = done / total if total else 1.0
            if share - last[0] >= 0.01:
                last[0] = share
                outbox.put(("moved", index, share))
            if gone() and done < total:
                raise KeyboardInterrupt

        try:
            outbox.put(("ended", index, _outcome(work, task, progress)))
        except KeyboardInterrupt:
            return
        except Exception as error:
            import traceback

            outbox.put(("fault", index, RuntimeError(f"{error}\n{traceback.format_exc()}")))
            return


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes begun within work with one thread; the environment of this one is as before."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
