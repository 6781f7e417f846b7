"""What the multigrid solver does to a run of bricks, eight voxels at a time: see `kernels.multigrid`."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marrow_niche.kernels.lanes import (
    add,
    divide,
    evens,
    flush,
    high_mixed,
    load,
    low_mixed,
    multiply,
    narrow,
    odds,
    raise_,
    splat,
    store,
    subtract,
    total,
    where,
    widen,
)

(
    SCALE, BLACK, RED, FIRST_BLACK, FIRST_RED, LOCAL_BLACK, LOCAL_RED, LEFT, UP, DOWN, BEGIN, LAST, TURN, DESCEND, RESIDUAL,
    GATHER, INVERT, CORRECT, SURVEY,
) = np.arange(19)  # fmt: skip
"""What a sweep does. Not Python's own numbers, for each of which a sweep would be compiled anew; nor are the next two."""
FINEST, UNEVEN = np.int64(0), np.bool_(False)
"""The level of the voxels, and that the faces of a level are not all 1."""


class Bricks(NamedTuple):
    """The levels of one domain: B bricks, M voxels and T places in all of them, L levels."""

    brick: np.ndarray  # (L + 1,) int64: level l has the bricks brick[l] ... brick[l + 1]
    base: np.ndarray  # (L + 1,) int64: and the places base[l] ... base[l + 1], red ones first
    stride: np.ndarray  # (L,) int64: places of one colour
    table: np.ndarray  # (B, 5) int32: where a brick and those at -z, +z, -y, +y of it begin in their colour; 0: none
    odd: np.ndarray  # (B,) int32: the parity of z + y
    children: np.ndarray  # (B, 8) int32: bricks of the finer level under it, counted from 1; 0: none
    voxel: np.ndarray  # (L + 1,) int64: level l has the voxels voxel[l] ... voxel[l + 1]
    slot: np.ndarray  # (M,) int32: the place of each, within its level
    parent: np.ndarray  # (M,) int32: the voxel that gathers it, within the next level; -1: none
    bits: np.ndarray  # (M,) uint8: the lowest bits of z, y and x
    local_red: np.ndarray  # (P,) int32: bricks of the finest level whose red voxels a cycle relaxes again (`transport.local`)
    local_black: np.ndarray  # (Q,) int32: and whose black ones: these bricks and those that touch them
    again: np.ndarray  # (B₀,) bool: whether a brick is one of `local_red`


@njit(cache=True, nogil=True, inline="always")
def _around(plain, o, s, zm, zp, ym, yp, mine, other, gz, gy, gx, c):
    """Σ g c over the neighbours of eight voxels of one colour, at `mine` + o.

    The other colour's places begin at `other`; s is the lowest bit of x; the rest as in `Bricks.table`.
    """
    left, right, here = other + o - 1 + s, other + o + s, mine + o
    if plain:
        t = add(load(c, left), load(c, right))
        t = add(t, add(load(c, other + zm), load(c, other + zp)))
        return add(t, add(load(c, other + ym), load(c, other + yp)))
    t = add(multiply(load(gx, left), load(c, left)), multiply(load(gx, here), load(c, right)))
    a = add(multiply(load(gz, other + zm), load(c, other + zm)), multiply(load(gz, here), load(c, other + zp)))
    b = add(multiply(load(gy, other + ym), load(c, other + ym)), multiply(load(gy, here), load(c, other + yp)))
    return add(t, add(a, b))


@njit(cache=True, nogil=True, inline="always")
def _relax(k, flip, mine, other, table, odd, plain, gz, gy, gx, inverse, r, z):
    """z = (r + Σ g z) / d on the voxels of one colour of brick k."""
    o = np.int64(table[k, 0])
    t = _around(plain, o, odd[k] ^ flip, table[k, 1], table[k, 2], table[k, 3], table[k, 4], mine, other, gz, gy, gx, z)
    store(z, mine + o, flush(multiply(add(t, load(r, mine + o)), load(inverse, mine + o))))


@njit(cache=True, nogil=True)
def smooth(op, level, first, last, bricks, plain, gz, gy, gx, inverse, r, z):
    """z = r / d on the red voxels of bricks first ... last, or z = (r + Σ g z) / d on those of one colour."""
    base, stride = bricks.base[level], bricks.stride[level]
    mine = base + stride if op == BLACK else base
    other = 2 * base + stride - mine
    table, odd = bricks.table, bricks.odd
    if op == SCALE:
        for k in range(first, last):
            o = mine + table[k, 0]
            store(z, o, flush(multiply(load(r, o), load(inverse, o))))
        return
    flip = 1 if op == BLACK else 0
    for k in range(first, last):
        _relax(k, flip, mine, other, table, odd, plain, gz, gy, gx, inverse, r, z)


@njit(cache=True, nogil=True)
def smooth_some(black, some, plain, bricks, gz, gy, gx, inverse, r, z, w):
    """Relax the black voxels of `some` bricks of the finest level, z = (r + Σ g w) / d, or the red ones, w = Σ g z / d."""
    table, odd, stride = bricks.table, bricks.odd, bricks.stride[0]
    for k in some:
        o = np.int64(table[k, 0])
        if black:
            t = _around(
                plain, o, odd[k] ^ 1, table[k, 1], table[k, 2], table[k, 3], table[k, 4], stride, 0, gz, gy, gx, w
            )
            o += stride
            store(z, o, flush(multiply(add(t, load(r, o)), load(inverse, o))))
        else:
            t = _around(plain, o, odd[k], table[k, 1], table[k, 2], table[k, 3], table[k, 4], 0, stride, gz, gy, gx, z)
            store(w, o, flush(multiply(t, load(inverse, o))))


@njit(cache=True, nogil=True)
def leave(first, last, bricks, plain, gz, gy, gx, inverse, z, w):
    """The residual of the red voxels of the finest level, whose black neighbours were relaxed since, into z.

    Σ g z, less d w in bricks that were relaxed `again`.
    """
    again, table, odd, stride = bricks.again, bricks.table, bricks.odd, bricks.stride[0]
    for k in range(first, last):
        o = np.int64(table[k, 0])
        t = _around(plain, o, odd[k], table[k, 1], table[k, 2], table[k, 3], table[k, 4], 0, stride, gz, gy, gx, z)
        if plain or again[k]:
            share = load(inverse, o)
            t = where(share, subtract(t, divide(load(w, o), share)))
        store(z, o, t)


@njit(cache=True, nogil=True)
def restrict(op, level, first, last, bricks, gz, gy, gx, inverse, r, z, loss):
    """Sum into the coarse bricks first ... last of `level` + 1 what lies under them.

    UP: the residual of the red voxels, whose black neighbours were relaxed since, into r; r + Σ g z − d z, on the finest
    level what `leave` left in z. GATHER: the loss, both colours, which on the finest level stands in `loss`, above in z.
    """
    table, odd, children = bricks.table, bricks.odd, bricks.children
    red, black = bricks.base[level], bricks.base[level] + bricks.stride[level]
    base, stride = bricks.base[level + 1], bricks.stride[level + 1]
    origin, fine = bricks.brick[level] - 1, level == FINEST
    nothing = splat(np.float32(0.0))
    for k in range(first, last):
        low, high = nothing, nothing
        for q in range(8):
            child = np.int64(children[k, q])
            if child == 0:
                continue
            j = origin + child
            o = np.int64(table[j, 0])
            if op == GATHER:
                t = add(load(loss, o), load(loss, black + o)) if fine else add(load(z, red + o), load(z, black + o))
            elif fine:
                t = load(z, o)
            else:
                t = _around(
                    UNEVEN, o, odd[j], table[j, 1], table[j, 2], table[j, 3], table[j, 4], red, black, gz, gy, gx, z
                )
                share = load(inverse, red + o)
                t = where(share, subtract(add(t, load(r, red + o)), divide(load(z, red + o), share)))
            if q < 4:
                low = add(low, t)
            else:
                high = add(high, t)
        o = base + table[k, 0]
        one, two = evens(low, high), odds(low, high)
        if odd[k] == 1:
            one, two = two, one
        if op == UP:
            store(r, o, one)
            store(r, o + stride, two)
        else:
            store(z, o, one)
            store(z, o + stride, two)


@njit(cache=True, nogil=True)
def prolong(level, first, last, bricks, inverse, z, w):
    """Add what the coarse bricks first ... last of `level` + 1 found to the red voxels under them.

    On the finest level these begin from zero, or from w where they were relaxed `again`.
    """
    table, odd, children = bricks.table, bricks.odd, bricks.children
    red = bricks.base[level]
    base, stride = bricks.base[level + 1], bricks.stride[level + 1]
    origin = bricks.brick[level] - 1
    for k in range(first, last):
        o = base + table[k, 0]
        one, two = load(z, o), load(z, o + stride)
        if odd[k] == 1:
            one, two = two, one
        low, high = low_mixed(one, two), high_mixed(one, two)
        for q in range(8):
            child = np.int64(children[k, q])
            if child > 0:
                j = origin + child
                o = red + table[j, 0]
                t = where(load(inverse, o), low if q < 4 else high)
                if level > 0:
                    t = add(t, load(z, o))
                elif bricks.again[j]:
                    t = add(t, load(w, o))
                store(z, o, t)


@njit(cache=True, nogil=True)
def invert(level, first, last, bricks, faces, inverse, loss):
    """inverse = 1 / (loss + faces) in open voxels of bricks first ... last; on the finest level `loss` may be (T₀,)."""
    table, base, stride = bricks.table, bricks.base[level], bricks.stride[level]
    one = splat(np.float32(1.0))
    for k in range(first, last):
        for colour in range(2):
            o = base + colour * stride + table[k, 0]
            d = add(load(loss, o), load(faces, o))
            store(inverse, o, where(d, divide(one, d)))


@njit(cache=True, nogil=True)
def begin(first, last, bricks, plain, gz, gy, gx, inverse, r, z):
    """With the red voxels relaxed, z = r / d, what is left on the black ones: r += Σ g z, and z = r / d there."""
    table, odd, stride = bricks.table, bricks.odd, bricks.stride[0]
    for k in range(first, last):
        o = np.int64(table[k, 0])
        t = _around(plain, o, odd[k] ^ 1, table[k, 1], table[k, 2], table[k, 3], table[k, 4], stride, 0, gz, gy, gx, z)
        o += stride
        share = load(inverse, o)
        t = flush(where(share, add(load(r, o), t)))
        store(r, o, t)
        store(z, o, flush(multiply(t, share)))


@njit(cache=True, nogil=True)
def finish(first, last, bricks, plain, gz, gy, gx, inverse, r, z):
    """Relax the red voxels of the finest level, z = Σ g z / d, the last a cycle does; returns Σ r z over the black ones."""
    table, odd, stride = bricks.table, bricks.odd, bricks.stride[0]
    sum_ = splat(np.float32(0.0))
    for k in range(first, last):
        o = np.int64(table[k, 0])
        u = o + stride
        t = _around(plain, o, odd[k], table[k, 1], table[k, 2], table[k, 3], table[k, 4], 0, stride, gz, gy, gx, z)
        store(z, o, flush(multiply(t, load(inverse, o))))
        sum_ = add(sum_, multiply(load(r, u), load(z, u)))
    return total(sum_)


@njit(cache=True, nogil=True)
def turn(first, last, bricks, plain, gz, gy, gx, faces, loss, beta, z, p, q, e):
    """The next direction p = z + β p and its image q = A z + β q on the black voxels; returns p · q.

    The cycle ends by relaxing the red voxels, so there A z is zero. Where β is zero, p and q are not read, and e becomes zero.
    """
    anew = beta == 0.0
    table, odd, stride = bricks.table, bricks.odd, bricks.stride[0]
    b, nothing = splat(beta), splat(np.float32(0.0))
    sum_ = nothing
    for k in range(first, last):
        o = np.int64(table[k, 0])
        u = o + stride
        v = load(z, u)
        t = _around(plain, o, odd[k] ^ 1, table[k, 1], table[k, 2], table[k, 3], table[k, 4], stride, 0, gz, gy, gx, z)
        d = load(faces, u)  # zero where nothing is beside: not v, which may be zero in an open voxel
        t = add(multiply(load(loss, u), v), where(d, subtract(multiply(d, v), t)))
        if anew:
            store(e, u, nothing)
        else:
            v, t = flush(add(v, multiply(b, load(p, o)))), flush(add(t, multiply(b, load(q, o))))
        store(p, o, v)
        store(q, o, t)
        sum_ = add(sum_, multiply(v, t))
    return total(sum_)


@njit(cache=True, nogil=True)
def descend(first, last, bricks, alpha, p, q, e, inverse, r, z):
    """e += α p, r −= α q and z = r / d on the black voxels; returns Σ r²."""
    a, sum_ = splat(alpha), splat(np.float32(0.0))
    for k in range(first, last):
        o = np.int64(bricks.table[k, 0])
        u = o + bricks.stride[0]
        store(e, u, add(load(e, u), multiply(a, load(p, o))))
        x = flush(subtract(load(r, u), multiply(a, load(q, o))))
        store(r, u, x)
        store(z, u, flush(multiply(x, load(inverse, u))))
        sum_ = add(sum_, multiply(x, x))
    return total(sum_)


@njit(cache=True, nogil=True)
def residual(first, last, bricks, region, plain, gz, gy, gx, faces, loss, size, gain, shift, b, c, r):
    """r = (b − A (gain c + shift)) / size, worked out in float64; returns Σ (b − A (gain c + shift))²."""
    table, odd, stride = bricks.table, bricks.odd, bricks.stride[0]
    sum_, shrink = splat(0.0), splat(1.0 / size)
    for k in range(first, last):
        o = np.int64(table[k, 0])
        m, a = splat(gain[region[k]]), splat(shift[region[k]])
        for colour in range(2):
            mine = colour * stride
            t = _around(
                plain, o, odd[k] ^ colour, table[k, 1], table[k, 2], table[k, 3], table[k, 4],
                mine, stride - mine, gz, gy, gx, c,
            )  # fmt: skip
            u = mine + o
            lost = load(loss, u)
            d = add(load(faces, u), lost)
            t = multiply(m, subtract(multiply(d, load(c, u)), t))
            v = where(d, subtract(load(b, u), add(t, multiply(a, lost))))
            store(r, u, narrow(multiply(v, shrink)))
            sum_ = add(sum_, multiply(v, v))
    return total(sum_)


@njit(cache=True, nogil=True)
def correct(
    first, last, bricks, region, positive, size, gain, shift, plain, gz, gy, gx, faces, loss, inverse, r, e, c, lost, under
):  # fmt: skip
    """c = gain c + shift + size e, then no less than zero if `positive`.

    e is given on black voxels, on red ones it is (r + Σ g e) / d. Each brick's Σ loss c goes to lost[k], what was raised to
    zero to under[k].
    """
    zero, scale = splat(0.0), splat(size)
    table, odd, stride = bricks.table, bricks.odd, bricks.stride[0]
    for k in range(first, last):
        went, raised = zero, zero
        m, a = splat(gain[region[k]]), splat(shift[region[k]])
        for colour in range(2):
            o = np.int64(table[k, 0])
            u = o + colour * stride
            x = load(loss, u)
            v = add(multiply(m, load(c, u)), a)
            if size != 0.0:
                if colour == 1:
                    t = load(e, u)
                else:
                    t = _around(
                        plain, o, odd[k], table[k, 1], table[k, 2], table[k, 3], table[k, 4], 0, stride, gz, gy, gx, e
                    )
                    t = multiply(add(t, load(r, o)), load(inverse, o))
                v = add(v, multiply(scale, widen(t)))
            v = where(add(x, load(faces, u)), v)
            if positive:
                w = raise_(v)
                raised = add(raised, subtract(w, v))
                v = w
            store(c, u, v)
            went = add(went, multiply(x, v))
        lost[k] = total(went)
        under[k] = total(raised)


@njit(cache=True, nogil=True)
def survey(first, last, bricks, b, loss, came, lost, negative):
    """Σ b, Σ loss and whether b is negative anywhere of each brick; returns Σ b²."""
    sum_ = splat(0.0)
    for k in range(first, last):
        o, u = np.int64(bricks.table[k, 0]), bricks.stride[0] + bricks.table[k, 0]
        x, y = load(b, o), load(b, u)
        came[k] = total(add(x, y))
        lost[k] = total(add(load(loss, o), load(loss, u)))
        below = add(subtract(raise_(x), x), subtract(raise_(y), y))
        negative[k] = total(below)
        sum_ = add(sum_, add(multiply(x, x), multiply(y, y)))
    return total(sum_)
