"""The script that opens a run in ParaView: written into the run directory, beside the files it loads."""

import importlib.resources
import math
from collections.abc import Mapping
from pathlib import Path

from marrow_niche.record.atomic import write_text
from marrow_niche.record.directory import RunDirectory


def write_scene(
    directory: RunDirectory | Path | str,
    ranges: Mapping[str, tuple[float, float]],
    *,
    titles: Mapping[str, str],
    spacing: float,
) -> None:
    """Write open_in_paraview.py, which needs ParaView 5.11 or later and nothing else.

    Parameters
    ----------
    ranges : dict
        Colour range of each array of fields.pvd over the marrow and all recorded times; the first array is shown.
    titles : dict
        What the legend of each array says: "SCF [nM]".
    spacing : float
        Edge of a voxel [um], from which the size of a drawn cell is taken.
    """
    rows = "".join(
        f"    {name!r}: ({titles[name]!r}, {_rounded(low, down=True)!r}, {_rounded(high, down=False)!r}),\n"
        for name, (low, high) in ranges.items()
    )
    text = importlib.resources.files("marrow_niche.record").joinpath("open_in_paraview.py.txt").read_text("utf-8")
    text = text.replace("FIELDS = {}", "FIELDS = {\n" + rows + "}")
    text = text.replace("VOXEL_UM = 1.0", f"VOXEL_UM = {spacing!r}")
    write_text(RunDirectory(directory).open_in_paraview, text, wait=False)


def _rounded(value: float, *, down: bool) -> float:
    """`value` at four significant digits, outwards: a legend that can be read, and every value inside it."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    digits = 3 - math.floor(math.log10(abs(value)))
    rounded = float(f"{value:.3e}")
    step = 10.0**-digits
    if down and rounded > value:
        rounded = float(f"{rounded - step:.3e}")
    if not down and rounded < value:
        rounded = float(f"{rounded + step:.3e}")
    return rounded
