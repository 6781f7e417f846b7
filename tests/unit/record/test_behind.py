import threading

import pytest

from marrow_niche.record.behind import Behind


def test_jobs_are_done_one_after_another_beside_their_caller():
    behind, done, gate = Behind(), [], threading.Event()

    def first():
        gate.wait(10)
        done.append(threading.current_thread() is not threading.main_thread())

    behind.begin(first)
    assert done == []
    gate.set()
    behind.begin(lambda: done.append("second"))
    assert done[0] is True
    behind.wait()
    assert done == [True, "second"]
    behind.wait()


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_what_went_wrong_is_told_once_at_the_next_call(kind):
    behind, done = Behind(), []

    def fail():
        raise kind("full")

    behind.begin(fail)
    with pytest.raises(kind, match="full"):
        behind.begin(lambda: done.append(1))
    assert done == []
    behind.begin(lambda: done.append(2))
    behind.wait()
    assert done == [2]
