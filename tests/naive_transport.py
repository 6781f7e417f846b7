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


def solve_beside(source, held, *, diffusivity, loss, spacing, open_):
    """The same with voxels of `held` (NaN where free) at their value: their rows of the matrix say c = value."""
    a = matrix(open_, diffusivity, loss, spacing).tolil()
    b = spread(source, open_.shape)[open_].astype(float)
    for i, value in enumerate(held[open_]):
        if not np.isnan(value):
            a[i, :] = 0.0
            a[i, i] = 1.0
            b[i] = value
    out = np.zeros(open_.shape)
    out[open_] = scipy.sparse.linalg.spsolve(a.tocsc(), b)
    return out


def solve_saturable(source, *, vmax, km, diffusivity, loss, spacing, open_, exchange=None, wall=None):
    """Uptake vmax c / (km + c) by turns: take up at the rate of the last c, from above, until nothing moves."""
    c = np.full(open_.shape, np.inf)
    for _ in range(2000):
        uptake = np.where(np.isinf(c), 0.0, vmax / (km + c))
        new = solve_steady(
            source, diffusivity=diffusivity, loss=loss + uptake, spacing=spacing, open_=open_, exchange=exchange, wall=wall
        )
        if np.abs(new - c).max() <= 1e-13 * new.max():
            return new
        c = new
    raise AssertionError("the turns do not settle")


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


def faces(open_, diffusivity, spacing):
    """Every pair of open neighbours once, with its axis and conductance: (here, there, axis, g)."""
    diffusivity = spread(diffusivity, open_.shape)
    for here in zip(*np.nonzero(open_)):
        for axis in range(open_.ndim):
            there = tuple(w + (axis == k) for k, w in enumerate(here))
            if there[axis] < open_.shape[axis] and open_[there]:
                d = diffusivity[here], diffusivity[there]
                yield here, there, axis, 2 * d[0] * d[1] / (d[0] + d[1]) / spacing**2 if d[0] + d[1] > 0 else 0.0


def forward(concentration, source, *, diffusivity, loss, spacing, open_, dt, exchange=None, wall=None):
    """One explicit step: what flows is booked on both sides of each face, then each voxel relaxes to where it tends."""
    source, exchange = spread(source, open_.shape), spread(exchange, open_.shape)
    made = source + exchange * spread(wall, open_.shape)
    k = spread(loss, open_.shape) + exchange
    for here, there, _, g in faces(open_, diffusivity, spacing):
        flow = g * (concentration[there] - concentration[here])
        made[here] += flow
        made[there] -= flow
    out = np.zeros(open_.shape)
    for here in zip(*np.nonzero(open_)):
        if k[here] > 0:
            rest = made[here] / k[here]
            out[here] = rest + (concentration[here] - rest) * np.exp(-k[here] * dt)
        else:
            out[here] = concentration[here] + dt * made[here]
    return out


def sweeps(concentration, source, *, diffusivity, loss, spacing, open_, dt, exchange=None, wall=None):
    """What is made, then backward Euler along the last axis, the one before, ...: a direct solve of that axis' faces."""
    number = {where: k for k, where in enumerate(zip(*np.nonzero(open_)))}
    exchange = spread(exchange, open_.shape)
    made = (spread(source, open_.shape) + exchange * spread(wall, open_.shape))[open_]
    lost = (spread(loss, open_.shape) + exchange)[open_]
    pairs = list(faces(open_, diffusivity, spacing))
    axes = sorted({axis for _, _, axis, _ in pairs}, reverse=True)
    c = concentration[open_] + dt * made
    for axis in axes:
        a = scipy.sparse.lil_array((c.size, c.size))
        a.setdiag(1 / dt + lost / len(axes))
        for here, there, along, g in pairs:
            if along == axis:
                i, j = number[here], number[there]
                a[i, i] += g
                a[j, j] += g
                a[i, j] -= g
                a[j, i] -= g
        c = scipy.sparse.linalg.spsolve(a.tocsc(), c / dt)
    out = np.zeros(open_.shape)
    out[open_] = c
    return out


def two_stages(concentration, source, *, dt, **settings):
    """The second-order step without repair: two stages of backward Euler, the second from a start further on."""
    gamma = 1 - 1 / np.sqrt(2)
    middle = advance(concentration, source, dt=gamma * dt, **settings)
    start = concentration + (1 - gamma) / gamma * (middle - concentration)
    return advance(start, source, dt=gamma * dt, **settings)
