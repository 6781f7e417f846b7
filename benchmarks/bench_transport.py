"""Our steady solver beside scipy's on one masked domain, in one process and one thread.

    python benchmarks/bench_transport.py [--edge 45] [--repeats 5] [--direct-edge 20]

The domain is a cylinder of marrow with a quarter of it taken out by trabecula-like holes, three times as long as it is
wide; the loss varies from voxel to voxel (log-normal, sigma 1), 2 % of the voxels secrete. Every solver stops at a
relative residual of 1e-6, and the residual printed is computed anew by the script's own sparse matrix. Times are the
least of the repeats, of the CPU time of the process. scipy's assembly of the matrix is not counted; our preparation of
the domain, done once per geometry, is printed; the warm rows start from the solution before 2 % of the losses doubled.
"""

import argparse
import time

import numba
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.ndimage import gaussian_filter

from marrow_niche.transport import neighbours_of, prepare, solve_compact

RTOL = 1e-6


def marrow(edge, seed=0):
    """A cylinder along z of diameter `edge` voxels, three times as long, with holes."""
    rng = np.random.default_rng(seed)
    shape = (3 * edge, edge, edge)
    y, x = np.indices(shape[1:]) - (edge - 1) / 2
    noise = gaussian_filter(rng.standard_normal(shape), 1.5)
    return (np.hypot(x, y) < edge / 2)[np.newaxis] & (noise > np.quantile(noise, 0.25))


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


def compare(domain, reach, repeats, direct):
    rng = np.random.default_rng(1)
    n = domain.n
    b = 1.0 * (rng.random(n) < 0.02)
    loss = rng.lognormal(0.0, 1.0, n) / reach**2
    changed = np.where(rng.random(n) < 0.02, 2 * loss, loss)
    rows = []
    before = solve_compact(domain, b, diffusivity=1.0, loss=loss, spacing=1.0, rtol=RTOL).concentration
    for kind, guess in (("cold", None), ("warm", before)):
        a = matrix(domain.neighbour, changed)

        def ours(guess=guess):
            return solve_compact(domain, b, diffusivity=1.0, loss=changed, spacing=1.0, guess=guess, rtol=RTOL)

        def theirs(a=a, guess=guess):
            return jacobi(a, b, guess)

        mine, solution = least(ours, repeats)
        other, (x, count) = least(theirs, max(1, repeats // 2))

        def true(c, a=a):
            return np.linalg.norm(b - a @ c) / np.linalg.norm(b)

        rows.append(("marrow_niche", kind, mine, int(solution.iterations[0]), true(solution.concentration), 1.0))
        rows.append(("scipy cg + Jacobi", kind, other, count, true(x), other / mine))
        if direct and kind == "cold":
            third, x = least(lambda a=a: scipy.sparse.linalg.spsolve(a.tocsc(), b), 1)
            rows.append(("scipy spsolve", kind, third, 1, true(x), third / mine))
    for name, kind, ms, count, residual, ratio in rows:
        print(f"{n:9d} {reach:6g}  {name:18s} {kind:5s} {ms:10.1f} {count:6d} {residual:9.1e} {ratio:8.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=45, help="diameter of the domain in voxels")
    parser.add_argument("--direct-edge", type=int, default=20, help="diameter of the domain for the direct solver")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    numba.set_num_threads(1)
    print("   voxels  reach  solver             start   ms (CPU)     its  residual    ratio")
    for edge, direct in ((given.direct_edge, True), (given.edge, False)):
        _, neighbour = neighbours_of(marrow(edge))
        prepare(neighbour)
        ms, domain = least(lambda neighbour=neighbour: prepare(neighbour), given.repeats)
        for reach in (2, 5, 10, 30):
            compare(domain, reach, given.repeats, direct)
        print(f"{domain.n:9d} {'':6s}  prepare, once per geometry {ms:7.1f}")


if __name__ == "__main__":
    main()
