"""What splitting costs in accuracy: where each scheme rests, and how far off it is on the way, by the size of the step.

    python benchmarks/bench_splitting.py [--edge 48] [--rest 3600] [--way 120]

A box of marrow with 43 % taken out by trabecula-like holes (the largest connected region of it), D = 30 um²/s, voxels of
20 um, a decay of 1e-4/s, cells that take up to 0.1/s in 30 % of the voxels and secrete in 2 %. The ways to step:

- lod: secretion, then sweeps along x, y, z with a third of all loss in each;
- uptake + lod: what cells take up and secrete by a pointwise implicit step first, then sweeps with the decay alone, which
  is how programs step that know cells and fields apart;
- ours: `second_order`, unsplit, and beside it backward Euler and `auto`.

*At rest*: from nothing, each marches --rest seconds, at least twenty steps, and what is printed is how far it is then
from the exact steady state (solved to 1e-12). *On the way*: from nothing, after --way seconds, against 1200 steps (second
order); the steps must divide that time. Both are |c − exact| / |exact|, summed squares, and the largest difference over
the largest value; what is solved is solved to 1e-9. The times are CPU milliseconds a step of the march to rest, one thread.
"""

import argparse
import time

import numba
import numpy as np
from scipy.ndimage import gaussian_filter, label

from marrow_niche.transport import advance_compact, neighbours_of, prepare, solve_compact

DIFFUSIVITY, SPACING, DECAY = 30.0, 20.0, 1e-4
STEPS = (0.6, 6.0, 60.0, 600.0, 3600.0)
SETTINGS = {"diffusivity": DIFFUSIVITY, "spacing": SPACING}


def marrow(edge, seed=0):
    """The largest connected region of a box with holes; uptake [1/s] and secretion of its voxels."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal((edge,) * 3), 1.5)
    parts, _ = label(noise > np.quantile(noise, 0.43))
    open_ = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    n = np.count_nonzero(open_)
    uptake = np.where(rng.random(n) < 0.3, 0.1 * rng.random(n), 0.0)
    return prepare(neighbours_of(open_)[1]), uptake, 1.0 * (rng.random(n) < 0.02)


def unsplit(scheme, domain, uptake, source):
    """A step of one of our schemes, from a field and a dt."""

    def step(c, dt):
        return advance_compact(
            domain, c, source, loss=DECAY + uptake, dt=dt, scheme=scheme, rtol=1e-9, **SETTINGS
        ).concentration

    return step


def split(domain, uptake, source):
    """Cells by a pointwise implicit step, then sweeps with the decay."""

    def step(c, dt):
        c = (c + dt * source) / (1.0 + dt * uptake)
        return advance_compact(domain, c, 0.0, loss=DECAY, dt=dt, scheme="lod", **SETTINGS).concentration

    return step


def march(step, c, dt, steps):
    for _ in range(steps):
        c = step(c, dt)
    return c


def off(c, exact):
    """Relative error: of all voxels together, and the largest over the largest value."""
    return f"{_percent(np.linalg.norm(c - exact) / np.linalg.norm(exact))} / {_percent(abs(c - exact).max() / exact.max())}"


def _percent(part):
    if part < 1e-8:
        return "< 1e-6 %"
    return f"{100 * part:.2g} %" if part < 1 else f"{100 * part:.0f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=48, help="edge of the box in voxels")
    parser.add_argument("--rest", type=float, default=3600.0, help="least time to march to rest [s]")
    parser.add_argument("--way", type=float, default=120.0, help="when to look at a start from nothing [s]")
    given = parser.parse_args()
    numba.set_num_threads(1)
    domain, uptake, source = marrow(given.edge)
    rest = solve_compact(domain, source, loss=DECAY + uptake, rtol=1e-12, **SETTINGS).concentration
    ways = {"lod": unsplit("lod", domain, uptake, source), "uptake + lod": split(domain, uptake, source)}
    ways |= {name: unsplit(name, domain, uptake, source) for name in ("backward_euler", "second_order", "auto")}
    fine = march(ways["second_order"], np.zeros(domain.n), given.way / 1200, 1200)
    check = off(march(ways["second_order"], np.zeros(domain.n), given.way / 600, 600), fine)
    print(f"{domain.n} voxels; the reference on the way moves by {check} with twice its step")
    print("|  dt [s] | D dt/h² | scheme         | at rest: L2 / largest | on the way: L2 / largest | CPU [ms] |")
    print("|--------:|--------:|:---------------|:----------------------|:-------------------------|---------:|")
    for dt in STEPS:
        for name, step in ways.items():
            steps = max(20, round(given.rest / dt))
            march(step, rest, dt, 1)
            begin = time.process_time()
            left = off(march(step, np.zeros(domain.n), dt, steps), rest)
            took = 1e3 * (time.process_time() - begin) / steps
            through = "-"
            if dt <= given.way:
                through = off(march(step, np.zeros(domain.n), dt, round(given.way / dt)), fine)
            ratio = DIFFUSIVITY * dt / SPACING**2
            print(f"| {dt:7g} | {ratio:7.3g} | {name:14s} | {left:21s} | {through:24s} | {took:8.1f} |", flush=True)


if __name__ == "__main__":
    main()
