"""Of studies: tasks for other processes, which import them by this name, and a small scenario."""

import os
import signal
import time

from marrow_niche.errors import ScenarioError

SCENARIO = """
species = "mouse"
seed = 3
duration = "30 d"
[geometry]
bone = "long bone"
voxel = "25 um"
section = { at = "50 %", thickness = "50 um" }
[[events]]
kind = "radiation"
at = "0 d"
dose = "6 Gy"
"""


def square(task, progress):
    progress(1, 2)
    progress(2, 2)
    if task == 3:
        raise ScenarioError("three", ["three is not squared"])
    return task * task


def environment(task, progress):
    return os.environ.get("NUMBA_NUM_THREADS"), os.getpid()


def fault(task, progress):
    raise ZeroDivisionError("ours")


def killed(task, progress):
    os.kill(os.getpid(), signal.SIGKILL)


def interrupted(task, progress):
    """Ctrl-C comes while the first task goes on, which ends at its next hour."""
    if task == 0:
        os.kill(os.getpid(), signal.SIGINT)
        progress(1, 10)
    return task


def interrupting_parent(task, progress):
    """Without end but for the one that progress makes; only the first task asks for it."""
    if task == 0:
        os.kill(os.getppid(), signal.SIGINT)
    while True:
        progress(1, 2)
        time.sleep(0.01)
