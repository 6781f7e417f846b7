"""A mouse femur with every field of the model: what a warm solve, an hour of cells and the resting state cost.

    python benchmarks/bench_femur.py                       the whole bone at 20 um, some five minutes, 4 GB
    python benchmarks/bench_femur.py --thickness "1 mm"    a section of it

Prints wall time: of each day, and after it of warm solves, `--calls` in a row, of all fields to a true relative residual of
1e-5 and of all smoothed densities to that of a run, each with its sources, sinks and walls from the cells there are and from
where it stands after up to a day of following its level. A run solves each when it must.
"""

import argparse
import platform
import time

import numba
import numpy as np

from marrow_niche import coupling
from marrow_niche.coupling import secretion
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import assembly, step


def clocked(module, name):
    """Wrap module.name so that the returned list holds the seconds of every call."""
    inner, seconds = getattr(module, name), []

    def outer(*args, **kwargs):
        start = time.perf_counter()
        out = inner(*args, **kwargs)
        seconds.append(time.perf_counter() - start)
        return out

    setattr(module, name, outer)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thickness", help='of a section of the shaft, such as "1 mm"; the whole bone by default')
    parser.add_argument("--days", type=int, default=2, help="to run at rest after the first, which warms up")
    parser.add_argument("--calls", type=int, default=3, help="of each warm solve, one after the other")
    asked = parser.parse_args()
    geometry = {"bone": "long bone", "voxel": "20 um"}
    if asked.thickness:
        geometry["section"] = {"axis": "long", "at": "50 %", "thickness": asked.thickness}
    scenario = scenario_from({"species": "mouse", "seed": 1, "duration": "60 d", "geometry": geometry})
    print(f"{platform.machine()}, {numba.get_num_threads()} threads")
    start = time.perf_counter()
    bone = assembly.build_geometry(scenario.geometry, scenario.parameters.anatomy, seed=scenario.seed, folder=scenario.folder)
    middle = time.perf_counter()
    model, state = assembly.at_rest(assembly.lay_out(scenario, bone))
    print(f"{model.n:,} voxels: geometry {middle - start:.1f} s, resting state {time.perf_counter() - middle:.1f} s")
    step.update_fields(state, model)
    solver, solves, cells = (
        clocked(secretion, "solve_compact"),
        clocked(coupling, "solve_fields"),
        clocked(step, "advance_lineages"),
    )
    fields = range(len(state.fields))
    densities = range(len(state.fields), len(state.fields) + len(state.around))
    for day in range(asked.days + 1):
        for timed in (solver, solves, cells):
            timed.clear()
        start, rows = time.perf_counter(), 0
        for _ in range(24):
            step.advance(state, model)
            rows += int((state.solved == state.hour - 1).sum())
        whole = time.perf_counter() - start
        print(
            f"day {day}: {whole:.2f} s; {rows} fields and densities solved, {sum(solves):.2f} s of it, {sum(solver):.2f} s in "
            f"the solver; lineages {np.mean(cells):.2f} s, {len(cells)} times"
        )
        for name, which, rtol in (("fields", fields, 1e-5), ("densities", densities, None)):
            solver.clear()
            solves.clear()
            for _ in range(asked.calls):
                solved = coupling.solve_fields(
                    state.counts, coupling.stem_density(state, model), state.stroma, state.hormones, state.fields.copy(),
                    state.around.copy(), model, rows=which, rtol=rtol,
                )  # fmt: skip
            print(
                f"       warm, {len(which)} {name}: {', '.join(f'{each:.2f}' for each in solves)} s, "
                f"{sum(solver) / asked.calls:.2f} s of it in the solver, largest residual {solved.residual.max():.1e}"
            )


if __name__ == "__main__":
    main()
