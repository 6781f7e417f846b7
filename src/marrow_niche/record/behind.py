"""One thing at a time done beside the run: what packs data and waits for the disk need not hold it up."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable

NICE = 10
"""How far a thread steps back behind the run's own (as of `nice`), where the system has it."""


class Behind:
    """A thread that does what it is given, one after another, and says at the next call what went wrong.

    What is given must not change what the run goes on with, nor call kernels with threads of their own.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def begin(self, job: Callable[[], None]) -> None:
        """Do `job` in a thread, when what was begun before is done; raises what that raised, as `wait` does."""
        self.wait()
        self._thread = threading.Thread(target=self._do, args=(job,), name="record")
        self._thread.start()

    def wait(self) -> None:
        """Return when what was begun is done. Raises what it raised, once."""
        if self._thread is not None:
            self._thread.join()  # stopped here by Ctrl-C, the next call waits again
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _do(self, job: Callable[[], None]) -> None:
        if sys.platform == "linux":  # where a thread has a priority of its own
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICE)
        try:
            job()
        except BaseException as error:  # whatever it is, told by the thread that waits
            self._error = error
