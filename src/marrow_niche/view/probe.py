"""Which OpenGL window works on this machine: tried in a child process, since a failing one kills the process it is in."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VARIABLE = "VTK_DEFAULT_OPENGL_WINDOW"
EGL, OSMESA = "vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow"
TIMEOUT = 120.0
CURE = (
    "no OpenGL window works on this machine, so nothing is drawn in 3D. On Debian or Ubuntu one of these mends it: "
    "apt-get install libegl1 libgl1-mesa-dri, or apt-get install libosmesa6; then: marrow-niche report DIR"
)
"""What to tell who has no picture."""

_OPEN_A_WINDOW = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(8, 8)
window.AddRenderer(vtkRenderer())
window.Render()
assert window.SupportsOpenGL()
print(window.GetClassName())
"""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What came of looking for a window."""

    works: bool
    environment: dict[str, str] = field(default_factory=dict)
    """Variables to set for the process that renders; none where the platform's own window works."""
    window: str = ""
    """VTK's name of the window."""
    message: str = ""
    """What to install, where none works."""


def probe(environment: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT) -> Probe:
    """Find a window that opens; each is tried in a process of its own.

    The one named by VTK_DEFAULT_OPENGL_WINDOW comes first, then the platform's own where there is a display, then EGL
    and OSMesa, which need none.

    Parameters
    ----------
    environment : mapping, optional
        Variables of the process that will render; those of this one by default.
    timeout : float
        Longest wait for one window [s].
    """
    outer = dict(os.environ if environment is None else environment)
    for setting in candidates(outer):
        found = _opens(outer | setting, timeout)
        if found:
            return Probe(works=True, environment=setting, window=found)
    return Probe(works=False, message=CURE)


def candidates(environment: Mapping[str, str], platform: str = sys.platform) -> list[dict[str, str]]:
    """Settings to try, the likeliest first."""
    own: list[dict[str, str]] = [{}]
    if environment.get(VARIABLE):
        own = [{VARIABLE: environment[VARIABLE]}, {VARIABLE: ""}]
    if not platform.startswith("linux"):
        return own
    if not environment.get("DISPLAY"):
        own = own[:1] if environment.get(VARIABLE) else []
    tried = [setting.get(VARIABLE) for setting in own]
    return own + [{VARIABLE: window} for window in (EGL, OSMESA) if window not in tried]


def environment(found: Probe) -> dict[str, str]:
    """This process' variables with those of the window, and the package where a child finds it."""
    setting = found.environment
    inner = {**os.environ, **setting}
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, inner.get("PYTHONPATH", "").split(os.pathsep))]
    return {name: value for name, value in inner.items() if value or name not in setting} | {
        "PYTHONPATH": os.pathsep.join(paths)
    }


def _opens(environment: Mapping[str, str], timeout: float) -> str:
    """Name of the window that opened, or "" where none did."""
    inner = {name: value for name, value in environment.items() if value or name != VARIABLE}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _OPEN_A_WINDOW], env=inner, capture_output=True, text=True, timeout=timeout
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    name = done.stdout.strip().splitlines()[-1:] or [""]
    return name[0] if done.returncode == 0 and name[0].startswith("vtk") else ""
