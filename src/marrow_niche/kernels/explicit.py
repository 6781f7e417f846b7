# mypy: disable-error-code="call-arg, var-annotated"
"""Diffusion taken forward in time on bricks (`transport.bricks`), eight voxels at once, in float32 or float64.

A brick reads the last field and writes itself only, in an order of faces that is fixed: the bits depend neither on how the
bricks are shared among threads nor on their number. What flows is worked out as Σ g c_j − c_i Σ g and added to c_i, so that
an even field stays what it is, to the last bit, where nothing is made or lost.
"""

import numpy as np
from numba import njit, prange

from marrow_niche.kernels.lanes import (
    add,
    drop,
    load,
    multiply,
    read,
    read_like,
    ready,
    settle,
    store,
    subtract,
    unless_below,
)
from marrow_niche.kernels.walk import harmonic

CHUNK = 512
"""Bricks of a task."""


@njit(cache=True, nogil=True, error_model="numpy")
def conductances(neighbour, diffusivity):
    """The conductance of each face: the harmonic mean of the two voxels' diffusivities, 0 at a wall.

    Parameters
    ----------
    neighbour : (n, 6) int32
        -1 for a wall.
    diffusivity : (n,) float64
        In any unit; a face beside a voxel without diffusion is a wall.

    Returns
    -------
    (n, 6) float64, in that unit
    """
    weight = np.zeros(neighbour.shape)
    for i in range(neighbour.shape[0]):
        for f in range(6):
            j = neighbour[i, f]
            if j >= 0:
                weight[i, f] = harmonic(diffusivity[i], diffusivity[j])
    return weight


@njit(cache=True, nogil=True)
def march(steps, bricks, faces, out, pull, lost, made, slack, c, new):
    """Steps of one species in one thread: c' = c + pull Σ_faces g (c_j − c_i) + made − lost c.

    With pull = (1 − exp(−k dt)) / k, made = pull times what is made, and lost = 1 − exp(−k dt) it is the exact solution of
    c' = s − k c over dt where s, what is made and what flows in, stays as it is at the start.

    What is an array (T₀,) stands on the places of the bricks; all numbers and arrays but `out` have the type of `c`, float32
    or float64.

    Parameters
    ----------
    steps : int
    bricks : Bricks
    faces : (z, y, x), each (T₀,), or None
        Conductances g of the faces to +z, +y and +x; None: 1 where both voxels are open.
    out : (T₀,), or (T₀,) int8 without `faces`
        Σ_faces g; -1 in closed voxels.
    pull, lost, made : (T₀,) or number
    slack : number or None
        By which part of c a step that gives away all there is may fall below zero from round-off: set to zero. None: no
        step is so long.
    c, new : (T₀,), changed
        The field, zero where no voxel is, and room for the next, all zero. After an even number of steps the field stands
        in `c`, after an odd one in `new`.
    """
    for _ in range(steps):
        _forward(0, bricks.brick[1], bricks, faces, out, pull, lost, made, slack, c, new)
        c, new = new, c


@njit(cache=True)
def march_shared(steps, bricks, faces, out, pull, lost, made, slack, c, new):
    """`march` in all threads, which share the bricks."""
    for _ in range(steps):
        _shared(bricks, faces, out, pull, lost, made, slack, c, new)
        c, new = new, c


@njit(cache=True, parallel=True)
def _shared(bricks, faces, out, pull, lost, made, slack, c, new):
    count = bricks.brick[1]
    for t in prange((count + CHUNK - 1) // CHUNK):
        _forward(t * CHUNK, min((t + 1) * CHUNK, count), bricks, faces, out, pull, lost, made, slack, c, new)


@njit(cache=True, nogil=True)
def _forward(first, last, bricks, faces, out, pull, lost, made, slack, c, new):
    """One step of the bricks first ... last. Places are unsigned, since a sign would be looked at for each."""
    table, odd, black = bricks.table.reshape(-1), bricks.odd, np.uint64(bricks.stride[0])
    terms, slack = (ready(pull), ready(lost), ready(made)), ready(slack)
    one = np.uint64(1)
    for k in range(np.uint64(first), np.uint64(last)):
        i, s = np.uint64(5) * k, np.uint64(odd[k])
        o, zm, zp = np.uint64(table[i]), np.uint64(table[i + one]), np.uint64(table[i + np.uint64(2)])
        ym, yp = np.uint64(table[i + np.uint64(3)]), np.uint64(table[i + np.uint64(4)])
        _half(o, black + o - one + s, black + zm, black + zp, black + ym, black + yp, faces, out, terms, slack, c, new)
        _half(black + o, o - s, zm, zp, ym, yp, faces, out, terms, slack, c, new)


@njit(cache=True, nogil=True, forceinline=True)
def _half(here, left, zm, zp, ym, yp, faces, out, terms, slack, c, new):
    """Eight voxels of one colour, with the places where their neighbours begin."""
    pull, lost, made = terms
    right = left + np.uint64(1)
    if faces is None:
        t = add(load(c, left), load(c, right))
        t = add(t, add(add(load(c, zm), load(c, zp)), add(load(c, ym), load(c, yp))))
    else:
        z, y, x = faces
        t = add(multiply(load(x, left), load(c, left)), multiply(load(x, here), load(c, right)))
        a = add(multiply(load(z, zm), load(c, zm)), multiply(load(z, here), load(c, zp)))
        t = add(t, add(a, add(multiply(load(y, ym), load(c, ym)), multiply(load(y, here), load(c, yp)))))
    value = load(c, here)
    total = read_like(out, here, value)
    t = multiply(read(pull, here), subtract(t, multiply(total, value)))
    t = add(value, add(t, subtract(read(made, here), multiply(read(lost, here), value))))
    t = drop(t) if slack is None else settle(t, multiply(read(slack, here), value))
    store(new, here, unless_below(total, t))
