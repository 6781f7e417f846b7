"""Tasks in processes: their order, their mistakes, how they are stopped."""

import os
import signal

import pytest
from tasks import environment, fault, interrupted, interrupting_parent, killed, square

from marrow_niche.errors import RunError
from marrow_niche.studies.processes import Failed, run_all


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks_and_a_mistake_ends_its_own_only(jobs):
    shown = []
    out = run_all(square, [1, 2, 3, 4], jobs=jobs, show=lambda *told: shown.append(told))
    assert [out[0], out[1], out[3]] == [1, 4, 16]
    assert isinstance(out[2], Failed)
    assert "three is not squared" in out[2].message
    assert shown[-1][:2] == (4, 4)
    assert all(done <= 4 and 0 <= more <= 2 for done, _, more in shown)


def test_each_process_has_one_thread_and_this_one_keeps_its_environment(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
    found = run_all(environment, [0, 1], jobs=2)
    assert {threads for threads, _ in found} == {"1"}
    assert os.getpid() not in {pid for _, pid in found}
    assert os.environ["NUMBA_NUM_THREADS"] == "7"


def test_a_fault_of_ours_is_not_taken_for_a_mistake_of_the_user():
    with pytest.raises(ZeroDivisionError):
        run_all(fault, [1], jobs=1)
    with pytest.raises(RuntimeError, match="ours"):
        run_all(fault, [1, 2], jobs=2)


def test_a_process_that_is_killed_is_told_with_the_cure():
    with pytest.raises(RunError, match="fewer --jobs"):
        run_all(killed, [1, 2], jobs=2)


def test_ctrl_c_ends_the_task_between_two_hours_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_all(interrupted, [0, 1], jobs=1)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_ends_tasks_in_other_processes():
    with pytest.raises(KeyboardInterrupt):
        run_all(interrupting_parent, [0, 1], jobs=2)


def test_fewer_than_one_process_is_refused():
    with pytest.raises(RunError, match="at least one process"):
        run_all(square, [1], jobs=0)
    assert run_all(square, [], jobs=1) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_counts_for_as_many_as_it_holds(jobs):
    shown = []
    run_all(square, [1, 2], jobs=jobs, show=lambda *told: shown.append(told), sizes=[4, 2])
    assert shown[-1] == (6, 6, 0)
    assert {number for _, number, _ in shown} == {6}
    assert (2, 6, 0) in shown or jobs == 2  # half of the first
    assert all(0 <= more < 2 for _, _, more in shown)
