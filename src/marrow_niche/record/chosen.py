"""What of a run is exported: which times, which fields, which part of the box, to how many bits."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import ExportError, RunError, UnitError
from marrow_niche.quantities.units import to_canonical
from marrow_niche.quantities.words import plain
from marrow_niche.record import paraview_files, provenance
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.results import TABLES_ALONE, Results

if TYPE_CHECKING:
    import pandas as pd

MANTISSA = 23
"""Bits of a float32 behind its leading one."""
_NEAR = 1e-3
"""A day that is asked for is the recorded one this near [d]: 1.333 is 1.3333333."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for, as it was written; None and () leave the choice open."""

    fields: Sequence[str] = ()
    from_day: str | None = None
    to_day: str | None = None
    days: Sequence[str] = ()
    region: Sequence[str] = ()
    keep_bits: int | None = None


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The chosen part of a run; every array is read from its file when it is asked for.

    Attributes
    ----------
    run : RunDirectory
    times : list of (number of the record, day, file)
        Times at which there are fields.
    cell_times : list of (number of the record, day, file)
        Times at which there are cells.
    units : dict
        Unit of each array that is exported, by its name in the files.
    grid : dict
        shape (nz, ny, nx), spacing [um], origin (x, y, z) [um], flat (n,) and tissue (nz, ny, nx) of the chosen box.
    low : (3,) int
        Its first voxel in the box of the run: k, j, i.
    bits : int or None
        Bits of the mantissa that are kept.
    """

    run: RunDirectory
    times: list[tuple[int, float, Path]]
    cell_times: list[tuple[int, float, Path]]
    units: dict[str, str]
    grid: dict[str, Any]
    low: tuple[int, int, int]
    bits: int | None

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What each exported file says of its making."""
        arrays = {name: {"unit": unit} for name, unit in self.units.items()}
        facts = {**provenance.identity(self.run), "units": {"time": "d", "length": "um"}, "fields": arrays}
        return facts | ({} if self.bits is None else {"kept_bits": self.bits, "relative_error": error_of(self.bits)})

    def values(self, file: Path, name: str) -> np.ndarray:
        """(n,) of an array in the marrow's voxels of the chosen box, rounded where that was asked for."""
        return rounded(self._box(file, name).reshape(-1)[self.grid["flat"]], self.bits)

    def box(self, file: Path, name: str, outside: float) -> np.ndarray:
        """(nz, ny, nx) float32 of an array, `outside` where no marrow is."""
        whole = np.full(self.grid["shape"], outside, np.float32)
        whole.reshape(-1)[self.grid["flat"]] = self.values(file, name)
        return whole

    def _box(self, file: Path, name: str) -> np.ndarray:
        inside = tuple(slice(low, low + n) for low, n in zip(self.low, self.grid["shape"], strict=True))
        return paraview_files.read_image_array(file, name)[inside]

    def within(self, position: np.ndarray) -> np.ndarray:
        """(k,) bool: which positions (k, 3) [um] lie in the chosen box."""
        low = np.asarray(self.grid["origin"])
        high = low + self.grid["spacing"] * np.array(self.grid["shape"][::-1])
        return ((position >= low) & (position < high)).all(axis=1)

    def cells(self) -> Iterator[tuple[int, float, np.ndarray, dict[str, np.ndarray], dict[str, str]]]:
        """Number, day, positions (k, 3) [um], arrays and their units of the cells in the box, time by time."""
        for number, day, file in self.cell_times:
            data = paraview_files.read_polydata(file)
            here = self.within(data["points"])
            arrays = {name: values[here] for name, values in data["point"].items()}
            yield number, day, data["points"][here], arrays, data["unit"]

    def cell_table(self) -> "Iterator[pd.DataFrame]":
        """A table of the cells in the box for each time, with its day first."""
        import pandas as pd

        for _, day, position, arrays, _ in self.cells():
            place = dict(zip(("x_um", "y_um", "z_um"), position.T, strict=True))
            yield pd.DataFrame({"day": np.full(len(position), day)} | place | arrays)

    @cached_property
    def vessels(self) -> dict[str, Any] | None:
        """Vessels whose middles lie in the box: nodes (m, 3), edges (e, 2), arrays of edges, `voxel` (e,) of the run's box."""
        if not self.run.vessels.is_file():
            return None
        data = paraview_files.read_polydata(self.run.vessels)
        middle = data["points"][data["lines"]].mean(axis=1) if len(data["lines"]) else np.zeros((0, 3))
        here = self.within(middle)
        used, edges = np.unique(data["lines"][here], return_inverse=True)
        place = np.floor((middle[here] - self.grid["origin"]) / self.grid["spacing"]).astype(np.int64)
        last = np.array(self.grid["shape"][::-1]) - 1
        i, j, k = np.clip(place, 0, last).T
        return {
            "nodes": data["points"][used],
            "edges": edges.reshape(-1, 2),
            "arrays": {name: values[here] for name, values in data["cell"].items()},
            "node_arrays": {name: values[used] for name, values in data["point"].items()},
            "units": data["unit"],
            "voxel": np.ravel_multi_index((k, j, i), self.grid["shape"]),
        }

    def vessel_integrity(self, file: Path) -> np.ndarray:
        """(e,) float32, 1 intact and 0 gone: of a sinusoid what its voxel says at this time; other vessels are not hurt."""
        vessels = self.vessels
        assert vessels is not None
        whole = self._box(file, "vessel_integrity").reshape(-1)[vessels["voxel"]]
        return np.where(vessels["arrays"]["kind"] == 0, whole, 1.0).astype(np.float32)


def choose(results: Results, asked: Asked, more: Sequence[str] = ()) -> Chosen:
    """What `asked` picks of a run.

    Parameters
    ----------
    more : texts
        Mistakes found elsewhere, told together with those found here.

    Raises ExportError with every mistake at once; RunError when the run recorded no fields.
    """
    run, mistakes = RunDirectory(results.directory), list(more)
    fields, cells = _series(run, run.fields_pvd), _series(run, run.cells_pvd)
    if results.tables_alone:
        raise ExportError(run.path, [*mistakes, TABLES_ALONE])
    if not fields:
        raise RunError(f"{run.path}: no fields are recorded in this run (yet).")
    units = _fields(results, asked, mistakes)
    days = _days(asked, [day for _, day, _ in fields], mistakes)
    bits = asked.keep_bits
    if bits is not None and not 1 <= bits <= MANTISSA:
        mistakes.append(f"--keep-bits {bits}: a number has 1 to {MANTISSA} bits to keep; 10 keep it to 0.05 %.")
        bits = None
    low, grid = _region(results, asked.region, mistakes)
    if mistakes:
        raise ExportError(run.path, mistakes)
    return Chosen(
        run=run,
        times=[time for time in fields if days is None or time[1] in days],
        cell_times=[time for time in cells if days is None or time[1] in days],
        units=units,
        grid=grid,
        low=low,
        bits=bits,
    )


def rounded(values: np.ndarray, bits: int | None) -> np.ndarray:
    """Single-precision `values` at `bits` of their mantissa, to the nearest, a half to the even one; others as they are.

    What is cut off is zeros, which compress. The relative error is at most `error_of(bits)`.
    """
    if bits is None or bits >= MANTISSA or values.dtype != np.float32:
        return values
    drop = np.uint32(MANTISSA - bits)
    word = np.ascontiguousarray(values).view(np.uint32)
    half = np.uint32((1 << (MANTISSA - bits - 1)) - 1)
    return ((word + half + ((word >> drop) & np.uint32(1))) >> drop << drop).view(np.float32)


def error_of(bits: int) -> float:
    """The largest relative error of `rounded`: half of the last bit that is kept."""
    return 2.0 ** -(bits + 1)


def _series(run: RunDirectory, path: Path) -> list[tuple[int, float, Path]]:
    """Number, day and file of each record of a .pvd, the number that which its files carry."""
    found = []
    for index, (day, name) in enumerate(paraview_files.read_collection(path)):
        number = re.search(r"(\d+)\.\w+$", name)
        found.append((int(number[1]) if number else index, day, run.path / name))
    return found


def _fields(results: Results, asked: Asked, mistakes: list[str]) -> dict[str, str]:
    known = results.fields
    if not asked.fields:
        return dict(known)
    units = {}
    for name in asked.fields:
        try:
            array = results.array_of(name)
        except RunError as error:
            mistakes.append(f"--fields {name}: the run {str(error).removeprefix(f'{results.directory}: ')}")
        else:
            units[array] = known[array]
    return units


def _days(asked: Asked, recorded: list[float], mistakes: list[str]) -> set[float] | None:
    """The recorded days that are asked for; None for all."""
    before = len(mistakes)
    span = f"{recorded[0]:g} to {recorded[-1]:g}"
    first, last = (
        _day(text, option, mistakes) for text, option in ((asked.from_day, "--from-day"), (asked.to_day, "--to-day"))
    )
    if asked.days and (asked.from_day is not None or asked.to_day is not None):
        mistakes.append("--days names the times one by one, --from-day and --to-day a span; give one or the other.")
    chosen = set()
    for text in asked.days:
        day = _day(text, "--days", mistakes)
        if day is None:
            continue
        near = min(recorded, key=lambda time: abs(time - day))
        if abs(near - day) > _NEAR:
            mistakes.append(
                f"--days {text}: not recorded; the run has {len(recorded)} times, {span}, and day {near:g} is nearest."
            )
        chosen.add(near)
    if len(mistakes) > before:
        return None
    if asked.days:
        return chosen
    if first is None and last is None:
        return None
    low, high = -math.inf if first is None else first, math.inf if last is None else last
    if low > high:
        given = f"--from-day {asked.from_day}, --to-day {asked.to_day}"
        mistakes.append(f"{given}: the first day comes after the last; exchange them.")
        return None
    chosen = {day for day in recorded if low - _NEAR <= day <= high + _NEAR}
    if not chosen:
        mistakes.append(f"--from-day, --to-day: no time is recorded there; the run has days {span}.")
    return chosen


def _day(text: str | None, option: str, mistakes: list[str]) -> float | None:
    """Days of a plain number, or of a time with a unit."""
    if text is None:
        return None
    try:
        return float(text) if _is_number(text) else to_canonical(text, "h") / 24.0
    except UnitError:
        mistakes.append(
            f"{option} {text}: not a day; give a number of days, such as 14 or 0.5, or a time such as '2 weeks'."
        )
        return None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _region(
    results: Results, region: Sequence[str], mistakes: list[str]
) -> tuple[tuple[int, int, int], dict[str, Any]]:
    """The first voxel and the grid of the box whose voxels have their centres between the bounds."""
    tissue, spacing, origin = results.tissue, results.spacing, results.origin
    bounds: dict[str, tuple[int, int]] = {}
    before = len(mistakes)
    for text in region:
        found = re.fullmatch(r"\s*([xyz])\s*=\s*([^:]*):([^:]*)", text)
        if not found:
            mistakes.append(f"--region {text}: give an axis and its bounds, such as x=200:800 (um) or z=25%:75%.")
            continue
        axis, low, high = found[1], found[2].strip(), found[3].strip()
        place = "xyz".index(axis)
        n = tissue.shape[2 - place]
        span = origin[place], origin[place] + n * spacing
        box = f"the box runs from {axis} {plain(span[0], 6)} to {plain(span[1], 6)} um"
        ends = [_bound(part, span, k) for k, part in enumerate((low, high))]
        if axis in bounds:
            mistakes.append(f"--region {text}: {axis} is bounded already; give each axis once.")
        elif None in ends:
            mistakes.append(f"--region {text}: bounds are um, or % of the box, such as {axis}=25%:75%; {box}.")
        else:
            centre = span[0] + spacing * (np.arange(n) + 0.5)
            inside = np.flatnonzero((centre >= ends[0]) & (centre < ends[1]))
            if len(inside):
                bounds[axis] = int(inside[0]), int(inside[-1]) + 1
            else:
                mistakes.append(
                    f"--region {text}: no voxel has its centre there; {box}, in voxels of {plain(spacing)} um."
                )
    cut = [bounds.get(axis, (0, n)) for axis, n in zip("zyx", tissue.shape)]
    low3 = tuple(low for low, _ in cut)
    chosen = np.ascontiguousarray(tissue[tuple(slice(*pair) for pair in cut)])
    flat = np.flatnonzero(~results.hidden[tuple(slice(*pair) for pair in cut)].reshape(-1))
    if not len(flat) and len(mistakes) == before:
        mistakes.append(f"--region {' '.join(region)}: no marrow lies there.")
    grid = {"shape": chosen.shape, "spacing": spacing, "flat": flat, "tissue": chosen}
    grid["origin"] = tuple(float(origin[axis] + spacing * low3[2 - axis]) for axis in range(3))
    return low3, grid


def _bound(text: str, span: tuple[float, float], end: int) -> float | None:
    """A bound [um]: a number of um, a length with its unit, a share of the box; nothing is its end."""
    if not text:
        return span[end]
    if text.endswith("%") and _is_number(text[:-1]):
        return span[0] + float(text[:-1]) / 100.0 * (span[1] - span[0])
    if _is_number(text):
        return float(text)
    try:
        return float(to_canonical(text, "um"))
    except UnitError:
        return None
