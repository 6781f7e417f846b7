"""What one explicit and one split (lod) step of ours cost, beside py-pde's explicit Euler in the same run.

    uv run --with py-pde python benchmarks/bench_transient.py [--edge 100] [--species 4] [--steps 200] [--repeats 5] [--even]

Two domains in a box of `edge` voxels a side: the whole box, and marrow, the cylinder in it with a quarter taken out by
trabecula-like holes. D = 1000 (1 + s/10) um²/min for species s, voxels of 20 um, a decay of 0.1/min, steps of 0.01 min, even
coefficients; *uptake* (left out by --even) adds a loss and a source that differ from voxel to voxel. What is timed is a
whole call of `advance_compact` over `steps` steps on a prepared domain, with all checks, factors, putting on bricks and
taking back: ns per open voxel, species and step, the median of the repeats and, in brackets, the least; then CPU time over
time, which is below the number of threads where the machine is busy.

py-pde steps the same equation with the same number of species in the same box, in float64 and with as many threads: its
compiled stepper, as many steps as fit in about ten seconds, compiled before. The first stepper of a process takes two to
three times as long as those made after it; the fastest of three is timed. It is left out where it is not installed. First
all of them take a decaying cosine through 100 steps, and how far they are from the exact mode is printed.
"""

import argparse
import os
import statistics
import time

import numba
import numpy as np
from bench_transport import marrow

try:
    import pde
except ImportError:
    pde = None

from marrow_niche.transport import advance_compact, neighbours_of, prepare

SPACING, DECAY, DT = 20.0, 0.1, 0.01  # um, 1/min, min


def diffusivities(species):
    return 1000.0 * (1.0 + 0.1 * np.arange(species))


def cosine(edge):
    """cos(pi x / L) of each axis, multiplied, and one added: nowhere negative."""
    one = np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    return 1.0 + one[:, np.newaxis, np.newaxis] * one[:, np.newaxis] * one


def exact(edge, species, time_):
    """The same after some time, on the lattice."""
    rate = 3 * 4 * diffusivities(species) / SPACING**2 * np.sin(np.pi / (2 * edge)) ** 2
    mode = np.exp(-rate * time_)[:, np.newaxis, np.newaxis, np.newaxis] * (cosine(edge) - 1.0)
    return np.exp(-DECAY * time_) * (1.0 + mode)


def repeated(function, repeats):
    """Seconds, the median and the least, and how many cores were at work: CPU time over time."""
    times, cpu = [], time.process_time()
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times), min(times), (time.process_time() - cpu) / sum(times)


def ours(domain, start, scheme, steps, *, loss=DECAY, source=0.0):
    return advance_compact(
        domain, start, source, diffusivity=diffusivities(len(start))[:, np.newaxis], loss=loss, spacing=SPACING, dt=DT,
        steps=steps, scheme=scheme,
    ).concentration  # fmt: skip


class Theirs:
    """py-pde's explicit Euler on a box, compiled."""

    def __init__(self, edge, species):
        names = [f"c{s}" for s in range(species)]
        rules = {name: f"{d} * laplace({name}) - {DECAY} * {name}" for name, d in zip(names, diffusivities(species))}
        self.grid = pde.CartesianGrid([[0, edge * SPACING]] * 3, edge)
        equation = pde.PDE(rules, bc={"derivative": 0})
        self.state = pde.FieldCollection([pde.ScalarField(self.grid, cosine(edge)) for _ in names], dtype=np.float64)
        self.stepper = pde.EulerSolver(equation, backend="numba").make_stepper(self.state, dt=DT)
        self.stepper(self.state.copy(), 0.0, DT)

    def quick(self):
        """Seconds of a few steps."""
        return repeated(lambda: self.march(10), 3)[0]

    def march(self, steps):
        state = self.state.copy()
        self.stepper(state, 0.0, (steps - 0.5) * DT)
        return state.data


def agree(edge, species, theirs):
    """How far each is from the exact mode after 100 steps."""
    steps = 100
    domain, truth = prepare(neighbours_of(np.ones((edge,) * 3, bool))[1]), exact(edge, species, 100 * DT)
    start = np.broadcast_to(cosine(edge).ravel(), (species, edge**3))
    for scheme in ("explicit", "lod"):
        for dtype in (np.float32, np.float64):
            mine = ours(domain, np.ascontiguousarray(start, dtype), scheme, steps)
            print(f"  {scheme:8s} {mine.dtype}: {abs(mine.reshape(truth.shape) - truth).max() / truth.max():.1e}")
    if theirs is not None:
        print(f"  py-pde   float64: {abs(theirs.march(steps) - truth).max() / truth.max():.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=100, help="voxels a side of the box")
    parser.add_argument("--species", type=int, default=4)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--even", action="store_true", help="even coefficients only")
    given = parser.parse_args()
    edge, species, steps = given.edge, given.species, given.steps
    theirs = None if pde is None else min((Theirs(edge, species) for _ in range(3)), key=Theirs.quick)
    print("largest distance from the exact decaying cosine after 100 steps, over its largest value")
    agree(edge, species, theirs)

    print(
        f"ns per voxel, species and step; {species} species, {steps} steps; load {os.getloadavg()[0]:.1f} at the start"
    )
    print("domain  coefficients  scheme    precision  threads  median (least), cores")
    best, threads_there = {}, numba.config.NUMBA_NUM_THREADS
    rng = np.random.default_rng(1)
    for name, open_ in (("box", np.ones((edge,) * 3, bool)), ("marrow", marrow(edge))):
        domain = prepare(neighbours_of(open_)[1])
        field, taking = rng.random((species, domain.n)), rng.random(domain.n) < 0.3
        uneven = {"loss": DECAY + 5.0 * taking * rng.random(domain.n), "source": 1.0 * (rng.random(domain.n) < 0.02)}
        for kind, given_ in (("even", {}),) if given.even else (("even", {}), ("uptake", uneven)):
            for scheme in ("explicit", "lod"):
                for dtype in (np.float32, np.float64):
                    start = field.astype(dtype)
                    for threads in sorted({1, min(2, threads_there)}):
                        numba.set_num_threads(threads)
                        ours(domain, start, scheme, 2, **given_)
                        each = 1e9 / (domain.n * species * steps)
                        middle, least, cores = repeated(
                            lambda: ours(domain, start, scheme, steps, **given_),  # noqa: B023
                            given.repeats,
                        )
                        best[name, kind, scheme, dtype, threads] = middle * each
                        print(
                            f"{name:7s} {kind:13s} {scheme:9s} {np.dtype(dtype).name:10s} {threads:7d}  "
                            f"{middle * each:6.2f} ({least * each:.2f}), {cores:.1f}",
                            flush=True,
                        )
    if theirs is None:
        print("py-pde is not installed: no comparison (uv run --with py-pde python benchmarks/bench_transient.py)")
        return
    for threads in sorted({1, min(2, threads_there)}):
        numba.set_num_threads(threads)
        once, _, _ = repeated(lambda: theirs.march(5), 1)
        count = max(5, int(10.0 / (once / 5) / given.repeats))
        middle, least, cores = repeated(lambda count=count: theirs.march(count), given.repeats)
        each = 1e9 / (edge**3 * species * count)
        print(
            f"box     even          py-pde    float64    {threads:7d}  {middle * each:6.2f} ({least * each:.2f}), {cores:.1f}"
        )
        for (name, kind, scheme, dtype, on), mine in best.items():
            if (name, kind, on) == ("box", "even", threads):
                print(f"  {scheme:8s} {np.dtype(dtype).name} on as many threads: {middle * each / mine:.1f} x faster")
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
