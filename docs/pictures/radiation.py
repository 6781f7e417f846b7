"""Runs the examples of radiation and draws what came of them: `python docs/pictures/radiation.py [--into DIR] [NAME ...]`.

NAME is one of `femur_doses`, `shielded_half`, `small_doses`, `human_doses`, all by default. Runs that are finished in DIR
(runs/radiation by default) are read. Pictures go to docs/images/radiation_NAME.png, tables into docs/radiation.md between
their markers.
"""

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche import open_results, simulate
from marrow_niche.analysis.recovery import course
from marrow_niche.record.results import Results
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.studies.sweep import read_sweep, run_sweep
from marrow_niche.view import style

DOCS = Path(__file__).resolve().parents[1]
EXAMPLES = DOCS.parent / "examples" / "radiation"
PAGE = DOCS / "radiation.md"
PANELS = {
    "neutrophils_per_uL": "Neutrophils",
    "lymphocytes_per_uL": "Lymphocytes",
    "platelets_per_uL": "Platelets",
    "red_cells_per_uL": "Red cells",
    "stem_cells": "Stem cells",
    "sinusoid_integrity": "Integrity of sinusoids",
}
Runs = dict[str, Results]


def table_of(results: Results, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Days (t,) and a column of blood.csv or marrow.csv (t,)."""
    table = results.blood if name in results.blood else results.marrow
    return table["day"].to_numpy(), table[name].to_numpy()


def swept(name: str, into: Path) -> Runs:
    """Runs of a sweep over one value, by what it is."""
    sweep = read_sweep(EXAMPLES / f"{name}.toml")
    path, failed = run_sweep(sweep, into=into / name, jobs=1)
    if failed:
        raise SystemExit("\n".join(failed))
    return {str(next(iter(m.values.values()))): open_results(path.parent / "members" / m.name) for m in sweep.members}


def single(into: Path, tables: Mapping[str, Any]) -> Results:
    """The run of a scenario's tables in a directory, made now or read."""
    if (into / "provenance.json").exists():
        found = open_results(into)
        if found.finished:
            return found
    return simulate(scenario_from(dict(tables), folder=EXAMPLES), into=into)


def pair(name: str, others: Callable[[dict[str, Any]], None], words: Sequence[str], into: Path) -> Runs:
    """The example's run, and one with its tables changed by `others`, named by `words`."""
    tables = tomllib.loads((EXAMPLES / f"{name}.toml").read_text(encoding="utf-8"))
    here = single(into / name, tables)
    others(tables)
    return {words[0]: here, words[1]: single(into / f"{name}_other", tables)}


def unshielded(tables: dict[str, Any]) -> None:
    """The same dose to all of the marrow."""
    del tables["events"][0]["shield"]


def at_once(tables: dict[str, Any]) -> None:
    """All fractions in one."""
    tables["events"] = [{"kind": "radiation", "at": "0 d", "dose": "6 Gy"}]


def draw_runs(runs: Runs, path: Path) -> None:
    """Six panels of counts over rest, a line a run, dark for the first and light for the last."""
    import matplotlib

    colours = [matplotlib.colormaps["viridis_r"](x) for x in np.linspace(0.15, 0.95, len(runs))]
    if len(runs) == 2:
        colours = [style.BLUE, style.VERMILION]
    with style.styled():
        figure = style.figure(7.0, 4.6, layout="constrained")
        axes = figure.subplots(2, 3, sharex=True)
        for ax, (name, title) in zip(axes.flat, PANELS.items(), strict=True):
            ax.axhline(100, color=style.FAINT, lw=0.8, ls=(0, (4, 3)), zorder=0)
            for (label, results), colour in zip(runs.items(), colours, strict=True):
                day, value = table_of(results, name)
                ax.plot(day, 100 * value / value[0], color=colour, label=label, lw=1.3)
            ax.set_title(title)
            ax.set_ylim(0, None)
            ax.set_xlim(0, None)
        for ax in axes[:, 0]:
            ax.set_ylabel("% of rest")
        for ax in axes[1]:
            ax.set_xlabel("day")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(runs))
        style.save(figure, path)


def draw_halves(runs: Runs, path: Path) -> None:
    """The shielded femur: stem cells along its axis at some days, and those of each half over time."""
    results = next(iter(runs.values()))
    days = results.days
    low, high, axis = ends(results)
    edges, middle = np.linspace(low, high, 25), 0.5 * (low + high)
    with style.styled():
        figure = style.figure(7.0, 2.9, layout="constrained")
        along, time = figure.subplots(1, 2)
        for on, colour in ((0.0, style.FAINT), (2.0, style.VERMILION), (14.0, style.AMBER), (60.0, style.BLUE)):
            cells = results.cells(on)
            count, _ = np.histogram(cells[axis], edges, weights=cells["weight"])
            along.stairs(count / (np.diff(edges) * 1e-3), edges * 1e-3, color=colour, lw=1.3, label=f"day {on:g}")
        along.axvspan(low * 1e-3, middle * 1e-3, color=style.FAINT, alpha=0.25, lw=0, zorder=0)
        along.set(xlabel="along the bone [mm]", ylabel="stem cells per mm", ylim=(0, None), title="Where they stand")
        along.text(middle * 1e-3, along.get_ylim()[1] * 0.97, "shielded  ", va="top", ha="right", color=style.SOFT)
        along.legend(loc="upper right")
        half = halves(results)
        for row, (label, colour) in enumerate((("shielded half", style.BLUE), ("irradiated half", style.VERMILION))):
            time.plot(days, 100 * half[row] / half[row, 0], color=colour, label=label, lw=1.3)
        other = list(runs.values())[1]
        day, value = table_of(other, "stem_cells")
        time.plot(day, 100 * value / value[0], color=style.SOFT, lw=1.1, ls=(0, (3, 2)), label="all of it irradiated")
        time.axhline(100, color=style.FAINT, lw=0.8, ls=(0, (4, 3)), zorder=0)
        time.set(xlabel="day", ylabel="stem cells, % of rest", title="How many", ylim=(0, None), xlim=(0, None))
        time.legend()
        style.save(figure, path)


def ends(results: Results) -> tuple[float, float, str]:
    """Where the marrow begins and ends along the bone's long axis [um], and that axis."""
    cells = results.cells(0.0)
    axis = max(("x_um", "y_um", "z_um"), key=lambda name: float(np.ptp(cells[name])))
    spread = np.sort(cells[axis].to_numpy())
    return float(spread[0]), float(spread[-1]), axis


def halves(results: Results) -> np.ndarray:
    """(2, t) stem cells of the lower and of the upper half of the marrow."""
    low, high, axis = ends(results)
    out = []
    for day in results.days:
        cells = results.cells(float(day))
        upper = cells[axis] > 0.5 * (low + high)
        out.append([cells["weight"][~upper].sum(), cells["weight"][upper].sum()])
    return np.array(out).T


def rows(runs: Runs) -> str:
    """A table: lowest share and its day, and the day of 90 %, of each count."""
    head = "| | " + " | ".join(title.lower() for title in PANELS.values()) + " |\n|" + "---|" * (len(PANELS) + 1)
    lines = [head]
    for label, results in runs.items():
        cells = []
        for name in PANELS:
            found = course(*table_of(results, name))
            assert found is not None
            back = found.passages[1].back
            again = "not by the end" if back is None else f"day {back:.0f}"
            cells.append(f"{100 * found.depth:.2g} %, day {found.nadir_day:.0f}; {again}" if found.fell else "no fall")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put(name: str, text: str) -> None:
    """A text between its markers in the page."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: written by docs/pictures/radiation.py -->", f"<!-- end of {name} -->"
    before, after = page[: page.index(begin)], page[page.index(end) :]
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{after}", encoding="utf-8")


MADE: dict[str, Callable[[Path], Runs]] = {
    "femur_doses": lambda into: swept("femur_doses", into),
    "shielded_half": lambda into: pair("shielded_half", unshielded, ("half shielded", "all irradiated"), into),
    "small_doses": lambda into: pair("small_doses", at_once, ("12 x 0.5 Gy", "6 Gy at once"), into),
    "human_doses": lambda into: swept("human_doses", into),
}


def main() -> None:
    """Run or read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=Path("runs/radiation"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(MADE)
    if unknown:
        parser.error(f"no such example: {', '.join(sorted(unknown))}; there are {', '.join(MADE)}")
    for name in asked.names or list(MADE):
        runs = MADE[name](asked.into)
        draw_runs(runs, DOCS / "images" / f"radiation_{name}.png")
        if name == "shielded_half":
            draw_halves(runs, DOCS / "images" / "radiation_halves.png")
        put(name, rows(runs))
        print(f"{name}: drawn", flush=True)


if __name__ == "__main__":
    main()
