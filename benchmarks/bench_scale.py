"""A whole skeleton of marrow: how long many species on millions of voxels take to solve, and in how much memory.

    python benchmarks/bench_scale.py                 # 20 million open voxels, 6 species
    python benchmarks/bench_scale.py --edge 160      # a ninth of that

The marrow is the holed cylinder of `bench_transport.py`. Memory is the largest resident set of the whole of it - mask, table
of neighbours, levels, sources, losses, solution - above that of the imported packages, for each open voxel and species.
"""

import argparse
import resource
import time
from multiprocessing import get_context

import numba
import numpy as np
from bench_transport import losses, marrow

from marrow_niche.transport import neighbours_of, prepare, solve_compact

RTOL = 1e-6


def resident():
    """Largest resident set so far [bytes]."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def packed(edge):
    return np.packbits(marrow(edge))


def mask(edge):
    """The mask, made by another process, whose noise needs more memory than the solver."""
    with get_context("spawn").Pool(1) as pool:
        return np.unpackbits(pool.apply(packed, (edge,)), count=edge**3).view(bool).reshape((edge,) * 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=325, help="voxels a side of the box")
    parser.add_argument("--species", type=int, default=6)
    given = parser.parse_args()
    small = prepare(neighbours_of(np.ones((9, 9, 9), bool))[1])
    solve_compact(small, np.ones((2, 729)), diffusivity=1.0, loss=np.ones((2, 729)), spacing=1.0)  # compile
    before = resident()
    open_ = mask(given.edge)
    begin = time.perf_counter()
    domain = prepare(neighbours_of(open_)[1])
    ready = time.perf_counter() - begin
    n, rng = domain.n, np.random.default_rng(1)
    print(f"{n:,} open voxels, {given.species} species, {numba.get_num_threads()} threads", flush=True)
    print(f"levels made in {ready:.1f} s; {(resident() - before) / n:.0f} bytes a voxel so far", flush=True)
    source, loss = np.empty((given.species, n)), np.empty((given.species, n))
    for s in range(given.species):
        source[s] = rng.random(n, np.float32) < 0.02
        loss[s] = losses("sparse" if s % 2 else "dense", n, rng)
    begin = time.perf_counter()
    found = solve_compact(domain, source, diffusivity=1.0, loss=loss, spacing=1.0, rtol=RTOL)
    spent = time.perf_counter() - begin
    print(f"solved in {spent:.1f} s: {found.iterations.tolist()} cycles, residual {found.residual.max():.1e}")
    size = resident() - before
    print(f"{size / 2**30:.1f} GiB, {size / n / given.species:.0f} bytes a voxel and species")


if __name__ == "__main__":
    main()
