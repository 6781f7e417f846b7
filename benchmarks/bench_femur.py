"""A mouse femur with every field of the model: what a warm solve, an hour of cells and the resting state cost.

    python benchmarks/bench_femur.py                       the whole bone at 20 um, some five minutes, 4 GB
    python benchmarks/bench_femur.py --thickness "1 mm"    a section of it

Prints wall time. A warm solve is what a run does every six hours: sources, sinks and walls of all fields and densities from
the cells there are, each field solved from its trend to a true relative residual of 1e-5.
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
    for day in range(asked.days + 1):
        for timed in (solver, solves, cells):
            timed.clear()
        start = time.perf_counter()
        for _ in range(24):
            step.advance(state, model)
        whole = time.perf_counter() - start
        print(
            f"day {day}: {whole:.2f} s; {len(solves)} solves of {len(state.fields)} fields and {len(state.around)} densities, "
            f"{np.mean(solves):.2f} s each, {sum(solver) / len(solves):.2f} s of it in the solver, largest residual "
            f"{state.residual.max():.1e}; lineages {np.mean(cells):.2f} s, {len(cells)} times"
        )


if __name__ == "__main__":
    main()
