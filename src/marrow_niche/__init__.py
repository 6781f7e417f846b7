"""marrow_niche: a spatial bone-marrow niche simulator.

    from marrow_niche import read_scenario, simulate
    results = simulate(read_scenario("femur.toml"), into="runs/femur")
    results.blood

Importing the package is cheap: each name below is loaded when it is first used; nothing is compiled or drawn before.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marrow_niche.record.results import Results, open_results
    from marrow_niche.scenario.scenario import Scenario, read_scenario
    from marrow_niche.simulation import resume, simulate
    from marrow_niche.view.report import report
    from marrow_niche.view.scenes import film, render

__all__ = ["Results", "Scenario", "film", "open_results", "read_scenario", "render", "report", "resume", "simulate"]

_HOMES = {
    "Scenario": "marrow_niche.scenario.scenario",
    "read_scenario": "marrow_niche.scenario.scenario",
    "simulate": "marrow_niche.simulation",
    "resume": "marrow_niche.simulation",
    "Results": "marrow_niche.record.results",
    "open_results": "marrow_niche.record.results",
    "report": "marrow_niche.view.report",
    "render": "marrow_niche.view.scenes",
    "film": "marrow_niche.view.scenes",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "transport":
        return importlib.import_module("marrow_niche.transport")
    if name == "__version__":
        from importlib.metadata import version

        return version("marrow-niche")
    raise AttributeError(f"module 'marrow_niche' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "__version__", "transport"])


def _give_numba_a_cache() -> None:
    """Point numba's cache at a temporary directory where it could be written neither beside the package nor at home.

    Without one, numba refuses to import a cached kernel at all (a read-only install without a home).
    """
    beside = os.path.join(os.path.dirname(__file__), "kernels", "__pycache__")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if os.environ.get("NUMBA_CACHE_DIR") or _writable(beside) or _writable(os.path.join(home, "numba")):
        return
    import tempfile

    owner = os.getuid() if hasattr(os, "getuid") else None
    path = os.path.join(tempfile.gettempdir(), f"marrow_niche-numba-{owner}")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        ours = os.access(path, os.W_OK) and owner in (None, os.stat(path).st_uid)
    except OSError:
        ours = False
    os.environ["NUMBA_CACHE_DIR"] = path if ours else tempfile.mkdtemp(prefix="marrow_niche-numba-")
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]


def _writable(path: str) -> bool:
    """True when `path` is a writable directory, or could be made one."""
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)


def _let_idle_threads_sleep() -> None:
    """Have threads that wait for work give up their core soon, unless the environment says how they shall wait.

    OpenMP's own threads wait busily for milliseconds. That gains a few percent on an idle machine, and beside one other
    busy program it makes a run twenty times slower: each short kernel waits for a thread that finds its core taken.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = "1000"
        os.environ["KMP_BLOCKTIME"] = "0"


_give_numba_a_cache()
_let_idle_threads_sleep()
