"""The door's one duty besides letting names in: numba finds a cache it can write."""

import os
import subprocess
import sys

import pytest

import marrow_niche


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A read-only install without a writable home; only the temporary directory can be written."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(marrow_niche, "_writable", lambda path: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    os.environ.pop("NUMBA_CACHE_DIR", None)


def test_without_a_writable_place_numba_is_given_a_private_one(nowhere):
    marrow_niche._give_numba_a_cache()
    path = os.environ["NUMBA_CACHE_DIR"]
    assert os.path.dirname(path) == str(nowhere)
    assert os.stat(path).st_mode & 0o077 == 0


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs owners of files, which this system has not")
def test_a_directory_of_somebody_else_is_not_used(nowhere, monkeypatch):
    """Cached kernels are code: they are not taken from where another user could have put them."""
    marrow_niche._give_numba_a_cache()
    first = os.environ.pop("NUMBA_CACHE_DIR")
    stranger = os.stat(first).st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    theirs = nowhere / f"marrow_niche-numba-{stranger}"
    os.rename(first, theirs)
    marrow_niche._give_numba_a_cache()
    assert os.environ["NUMBA_CACHE_DIR"] != str(theirs)
    assert os.path.dirname(os.environ["NUMBA_CACHE_DIR"]) == str(nowhere)


def test_a_cache_that_the_user_chose_is_kept(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "chosen")
    monkeypatch.setattr(marrow_niche, "_writable", lambda path: False)
    marrow_niche._give_numba_a_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "chosen"


def test_where_the_package_can_be_written_nothing_is_changed(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert marrow_niche._writable(str(tmp_path / "not" / "yet"))
    assert not marrow_niche._writable(__file__)
    monkeypatch.setattr(marrow_niche, "_writable", lambda path: True)
    marrow_niche._give_numba_a_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ


@pytest.mark.parametrize(("chosen", "expected"), [({}, "1000"), ({"OMP_WAIT_POLICY": "active"}, None), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_idle_threads_sleep_unless_the_user_said_how_they_wait(chosen, expected, monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    marrow_niche._let_idle_threads_sleep()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
    assert os.environ.get("KMP_BLOCKTIME") == (None if chosen else "0")
    os.environ.pop("KMP_BLOCKTIME", None)
    os.environ.pop("GOMP_SPINCOUNT", None)


def test_more_threads_than_cores_can_be_had():
    code = (
        "from marrow_niche import cli; cli.prepare_threads(67);"
        "import numba; numba.set_num_threads(67); print(numba.get_num_threads())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_NUM_THREADS"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert out.stdout.strip() == "67"
