"""Our steady solver beside scipy's and pyamg's in one process and one thread.

    uv run --with pyamg python benchmarks/bench_transport.py [--edge 100] [--repeats 3] [--growth]

Two domains in a box of `edge` voxels a side: the whole box, and marrow, the cylinder in it with a quarter taken out by
trabecula-like holes. D = 1 a voxel squared; a share of the voxels takes up a thousandfold range (log-uniform): *dense*, 30 %
of them with reaches down to a voxel over a background of 300 voxels' reach; *sparse*, 2 % and 1000 voxels. 2 % secrete.
Every solver stops at a relative residual of 1e-6; the one printed is computed anew by the script's own sparse matrix. Times
are the least of the repeats, of the CPU time of the process. Ours counts everything that a call does; pyamg's its set-up
and solve; assembly of the matrix for scipy and pyamg is not counted, nor is our preparation of the domain, done once per
geometry and printed. The warm rows start from the solution before 2 % of the losses doubled. `--growth` prints our cycles
at 50, 100 and 200 voxels a side. pyamg is left out where it is not installed.
"""

import argparse
import time

import numba
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.ndimage import gaussian_filter

try:
    import pyamg
except ImportError:
    pyamg = None

from marrow_niche.transport import neighbours_of, prepare, solve_compact

RTOL = 1e-6


def marrow(edge, seed=0):
    """A cylinder along z with holes, in a box of `edge` voxels a side."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((edge, edge)) - (edge - 1) / 2
    noise = gaussian_filter(rng.standard_normal((edge,) * 3), 1.5)
    return (np.hypot(x, y) < edge / 2)[np.newaxis] & (noise > np.quantile(noise, 0.25))


def losses(kind, n, rng):
    """The loss of each voxel (n,), D = h = 1."""
    share, far = (0.3, 300.0) if kind == "dense" else (0.02, 1000.0)
    return 1.0 / far**2 + (rng.random(n) < share) * 10.0 ** rng.uniform(-3.0, 0.0, n)


def matrix(neighbour, loss):
    """The sparse matrix for unit conductances."""
    i, f = np.nonzero(neighbour >= 0)
    n = loss.size
    off = scipy.sparse.csr_array((-np.ones(i.size), (i, neighbour[i, f])), shape=(n, n))
    return (scipy.sparse.diags_array(loss + np.bincount(i, minlength=n)) + off).tocsr()


def least(function, repeats):
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        answer = function()
        times.append(time.process_time() - begin)
    return 1e3 * min(times), answer


def jacobi(a, b, guess):
    """scipy's conjugate gradients with the diagonal as preconditioner, and its number of iterations."""
    inverse = 1 / a.diagonal()
    count = [0]

    def tick(_):
        count[0] += 1

    preconditioner = scipy.sparse.linalg.LinearOperator(a.shape, matvec=lambda v: inverse * v, dtype=np.float64)
    x, _ = scipy.sparse.linalg.cg(a, b, x0=guess, rtol=RTOL, atol=0.0, maxiter=5000, M=preconditioner, callback=tick)
    return x, count[0]


def algebraic(a, b, make):
    """pyamg's conjugate gradients with one of its hierarchies, set up here."""
    counted = []
    x = make(a).solve(b, tol=RTOL, accel="cg", residuals=counted)
    return x, len(counted) - 1


def compare(name, domain, kind, repeats):
    rng = np.random.default_rng(1)
    n = domain.n
    b, loss = 1.0 * (rng.random(n) < 0.02), losses(kind, n, rng)
    changed = np.where(rng.random(n) < 0.02, 2 * loss, loss)
    before = solve_compact(domain, b, diffusivity=1.0, loss=changed, spacing=1.0, rtol=RTOL).concentration
    a = matrix(domain.neighbour, loss)

    def ours(guess=None):
        return solve_compact(domain, b, diffusivity=1.0, loss=loss, spacing=1.0, guess=guess, rtol=RTOL)

    mine, solution = least(ours, repeats)
    warm, warmer = least(lambda: ours(before), repeats)
    rows = [
        ("marrow_niche", mine, int(solution.iterations[0]), solution.concentration),
        ("  warm start", warm, int(warmer.iterations[0]), warmer.concentration),
    ]
    others = [("scipy cg + Jacobi", lambda: jacobi(a, b, None))]
    if pyamg is not None:
        for title, make in (("Ruge-Stueben", pyamg.ruge_stuben_solver), ("smoothed agg.", pyamg.smoothed_aggregation_solver)):
            others.append((f"pyamg {title}", lambda make=make: algebraic(a, b, make)))
    for title, solve in others:
        ms, (x, count) = least(solve, 1)
        rows.append((title, ms, count, x))
    for title, ms, count, x in rows:
        residual = np.linalg.norm(b - a @ x) / np.linalg.norm(b)
        print(f"{name:7s} {kind:7s} {n:9d}  {title:20s} {ms:10.1f} {count:6d} {residual:9.1e} {ms / mine:8.1f}", flush=True)


def growth(kind):
    """Our cycles as the box grows."""
    for edge in (50, 100, 200):
        for name, open_ in (("box", np.ones((edge,) * 3, bool)), ("marrow", marrow(edge))):
            domain = prepare(neighbours_of(open_)[1])
            rng = np.random.default_rng(1)
            b, loss = 1.0 * (rng.random(domain.n) < 0.02), losses(kind, domain.n, rng)
            found = solve_compact(domain, b, diffusivity=1.0, loss=loss, spacing=1.0, rtol=RTOL)
            print(f"{name:7s} {kind:7s} {domain.n:9d}  {edge:4d} a side: {found.iterations[0]} cycles", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=100, help="voxels a side of the box")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="print how our cycles grow, and nothing else")
    given = parser.parse_args()
    numba.set_num_threads(1)
    if given.growth:
        growth("dense")
        growth("sparse")
        return
    print("domain  uptake     voxels  solver                 ms (CPU) cycles  residual    ratio")
    for name, open_ in (("marrow", marrow(given.edge)), ("box", np.ones((given.edge,) * 3, bool))):
        _, neighbour = neighbours_of(open_)
        prepare(neighbour)
        ms, domain = least(lambda neighbour=neighbour: prepare(neighbour), 1)
        for kind in ("dense", "sparse"):
            compare(name, domain, kind, given.repeats)
        print(f"{name:7s} {'':7s} {domain.n:9d}  prepare, once per geometry {ms:7.1f}")


if __name__ == "__main__":
    main()
