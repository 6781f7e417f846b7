"""The slow, obvious twin of `marrow_niche.transport`: a loop over voxels writes the matrix, scipy factorises it."""

import itertools

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


def spread(value, shape):
    return np.broadcast_to(0.0 if value is None else value, shape)


def matrix(open_, diffusivity, loss, spacing):
    """The matrix of one species on the open voxels of a (z, y, x) mask, in C order."""
    number = {where: k for k, where in enumerate(zip(*np.nonzero(open_)))}
    diffusivity, loss = spread(diffusivity, open_.shape), spread(loss, open_.shape)
    a = scipy.sparse.lil_array((len(number), len(number)))
    for where, i in number.items():
        a[i, i] += loss[where]
        for axis, side in itertools.product(range(open_.ndim), (-1, 1)):
            there = tuple(w + side * (axis == k) for k, w in enumerate(where))
            if there in number:
                d = diffusivity[where], diffusivity[there]
                g = 2 * d[0] * d[1] / (d[0] + d[1]) / spacing**2 if d[0] + d[1] > 0 else 0.0
                a[i, i] += g
                a[i, number[there]] -= g
    return a.tocsc()


def solve_steady(source, *, diffusivity, loss, spacing, open_, exchange=None, wall=None):
    """The steady concentration of one species by a sparse direct solve; zero in closed voxels."""
    exchange, wall = spread(exchange, open_.shape), spread(wall, open_.shape)
    a = matrix(open_, diffusivity, spread(loss, open_.shape) + exchange, spacing)
    out = np.zeros(open_.shape)
    out[open_] = scipy.sparse.linalg.spsolve(a, (source + exchange * wall)[open_])
    return out


def advance(concentration, source, *, diffusivity, loss, spacing, open_, dt, exchange=None, wall=None):
    """One step of backward Euler: a steady state with 1/dt more loss."""
    total = spread(source, open_.shape) + concentration / dt
    loss = spread(loss, open_.shape) + 1 / dt
    return solve_steady(
        total, diffusivity=diffusivity, loss=loss, spacing=spacing, open_=open_, exchange=exchange, wall=wall
    )


def observed_order(steps, errors):
    """The slope of log error against log step."""
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]
