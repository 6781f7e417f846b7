"""Steady diffusion with loss on a masked lattice: conjugate gradients, multigrid as preconditioner.

The equations, one for each open voxel i of the lattice (g: conductance of a face, k: loss, both in 1/time),

    Σ_faces g_ij (c_i − c_j) + k_i c_i = b_i ,

are symmetric, and an M-matrix: sources never below zero give concentrations never below zero. A wall has no face.

The unknowns of all levels stand in one array, coarser behind finer, followed by one zero, the neighbour behind every
wall. On each level the *red* unknowns (z + y + x even) stand before the *black* ones: no two of a colour are
neighbours, so a half sweep has no order. A coarse unknown gathers the voxels of a 2 × 2 × 2 block that are joined
inside the block: marrow on both sides of a thin trabecula stays apart on every level. Its faces sum those of its
voxels, halved for the doubled distance; its loss sums theirs. The coarsest level has no faces.

Everything here is serial: a species is solved by one thread, so the bits do not depend on the number of threads.

References
----------
Briggs, Henson, McCormick, A Multigrid Tutorial, SIAM 2000; Tatebe, The multigrid preconditioned conjugate gradient
method, NASA CP-3224, 1993; Saad, Iterative Methods for Sparse Linear Systems, SIAM 2003.
"""

from typing import NamedTuple

import numpy as np
from numba import njit


class Pyramid(NamedTuple):
    """The levels of one domain; n voxels, N unknowns in all levels, L levels, m faces of the coarse levels.

    What the sweeps index with is unsigned: numba need not ask then whether an index counts from the end, which halves
    their time.
    """

    start: np.ndarray  # (L + 1,) int64: level l is start[l] ... start[l + 1]
    black: np.ndarray  # (L,) int64: the first black unknown of each level
    order: np.ndarray  # (n,) int64: the voxel of each finest unknown
    table: np.ndarray  # (n, 6) uint32: neighbours of each finest unknown, N behind a wall
    faces: np.ndarray  # (n,) float64: how many neighbours it has
    row: np.ndarray  # (N - n + 1,) int64: where the faces of each coarse unknown begin
    column: np.ndarray  # (m,) uint32: the unknown behind each
    area: np.ndarray  # (m,) float64: its conductance where each finest face has conductance 1
    parent: np.ndarray  # (N,) uint32: the unknown that gathers this one on the next level
    place: np.ndarray  # (n, 6) int32: which coarse face a finest face is part of, -1 if inside a block or a wall
    above: np.ndarray  # (m,) int32: likewise for the coarse faces
    region: np.ndarray  # (n,) uint32: the connected region of each finest unknown


# ---------------------------------------------------------------------------------------------- the levels


@njit(cache=True, nogil=True)
def first_fault(neighbour):
    """The first voxel whose row of the table is not mirrored by its neighbour's; -1 if there is none."""
    n = neighbour.shape[0]
    for i in range(n):
        for f in range(6):
            j = neighbour[i, f]
            if j >= n or j < -1 or j == i:
                return i
            if j >= 0 and neighbour[j, f ^ 1] != i:
                return i
    return -1


@njit(cache=True, nogil=True)
def coordinates(neighbour):
    """Regions and lattice coordinates, found by walking the table.

    Parameters
    ----------
    neighbour : (n, 6) int32
        Open neighbour at −z, +z, −y, +y, −x, +x; -1 for a wall.

    Returns
    -------
    where : (n, 3) int32
        z, y, x of each voxel, counted from the low corner of its region's box.
    region : (n,) int32
    count : int
        Number of regions; -1 if the table is no lattice (it closes on itself).
    """
    n = neighbour.shape[0]
    where = np.zeros((n, 3), np.int32)
    region = np.full(n, -1, np.int32)
    queue = np.empty(n, np.int64)
    count = 0
    for first in range(n):
        if region[first] >= 0:
            continue
        region[first] = count
        queue[0] = first
        head, tail = 0, 1
        while head < tail:
            i = queue[head]
            head += 1
            for f in range(6):
                j = neighbour[i, f]
                if j < 0:
                    continue
                z, y, x = where[i, 0], where[i, 1], where[i, 2]
                step = 2 * (f & 1) - 1
                if f < 2:
                    z += step
                elif f < 4:
                    y += step
                else:
                    x += step
                if region[j] < 0:
                    region[j] = count
                    where[j, 0], where[j, 1], where[j, 2] = z, y, x
                    queue[tail] = j
                    tail += 1
                elif where[j, 0] != z or where[j, 1] != y or where[j, 2] != x:
                    return where, region, -1
        low = np.zeros(3, np.int32)
        for k in range(tail):
            low = np.minimum(low, where[queue[k]])
        for k in range(tail):
            where[queue[k]] -= low
        count += 1
    return where, region, count


@njit(cache=True, nogil=True)
def red_first(where):
    """The order that puts even coordinates before odd ones, each ascending; and the number of even ones."""
    n = where.shape[0]
    order = np.empty(n, np.int64)
    reds = 0
    for colour in range(2):
        at = reds if colour else 0
        for i in range(n):
            if ((where[i, 0] + where[i, 1] + where[i, 2]) & 1) == colour:
                order[at] = i
                at += 1
        if not colour:
            reds = at
    return order, reds


@njit(cache=True, nogil=True)
def gather_blocks(row, column, where):
    """Join the unknowns of each 2 × 2 × 2 block that are connected inside it.

    Parameters
    ----------
    row, column : (n + 1,), (m,)
        Neighbours of each unknown of this level (level-local indices).
    where : (n, 3) int32
        Their coordinates.

    Returns
    -------
    parent : (n,) int32
        Level-local index of the block of each, red blocks first.
    coarse : (nc, 3) int32
        Coordinates of the blocks.
    reds : int
    """
    n = where.shape[0]
    found = np.full(n, -1, np.int32)
    stack = np.empty(n, np.int64)
    corner = np.empty((n, 3), np.int32)
    count = 0
    for first in range(n):
        if found[first] >= 0:
            continue
        z, y, x = where[first, 0] >> 1, where[first, 1] >> 1, where[first, 2] >> 1
        corner[count, 0], corner[count, 1], corner[count, 2] = z, y, x
        found[first] = count
        stack[0] = first
        top = 1
        while top > 0:
            top -= 1
            i = stack[top]
            for e in range(row[i], row[i + 1]):
                j = column[e]
                if found[j] < 0 and where[j, 0] >> 1 == z and where[j, 1] >> 1 == y and where[j, 2] >> 1 == x:
                    found[j] = count
                    stack[top] = j
                    top += 1
        count += 1
    order, reds = red_first(corner[:count])
    rank = np.empty(count, np.int32)
    for k in range(count):
        rank[order[k]] = k
    coarse = np.empty((count, 3), np.int32)
    for k in range(count):
        coarse[k] = corner[order[k]]
    for i in range(n):
        found[i] = rank[found[i]]
    return found, coarse, reds


@njit(cache=True, nogil=True)
def coarse_faces(row, column, parent, count):
    """The faces between blocks: rows and columns of the coarse level, and which of them each finer face is part of.

    Parameters
    ----------
    row, column : (n + 1,), (m,)
        Faces of the finer level (level-local indices).
    parent : (n,) int32
    count : int
        Number of blocks.

    Returns
    -------
    coarse_row : (count + 1,) int64
    coarse_column : (mc,) int32
    place : (m,) int32
        Coarse face of each finer one, -1 inside a block.
    """
    n = parent.size
    begin = np.zeros(count + 1, np.int64)
    for i in range(n):
        begin[parent[i] + 1] += 1
    for k in range(count):
        begin[k + 1] += begin[k]
    member = np.empty(n, np.int64)
    at = begin[:count].copy()
    for i in range(n):
        member[at[parent[i]]] = i
        at[parent[i]] += 1
    place = np.full(column.size, -1, np.int32)
    coarse_row = np.zeros(count + 1, np.int64)
    coarse_column = np.empty(column.size, np.int32)
    m = 0
    for k in range(count):
        first = m
        for a in range(begin[k], begin[k + 1]):
            i = member[a]
            for e in range(row[i], row[i + 1]):
                other = parent[column[e]]
                if other == k:
                    continue
                at_face = first
                while at_face < m and coarse_column[at_face] != other:
                    at_face += 1
                if at_face == m:
                    coarse_column[m] = other
                    m += 1
                place[e] = at_face
        coarse_row[k + 1] = m
    return coarse_row, coarse_column[:m].copy(), place


# ---------------------------------------------------------------------------------------------- one level


@njit(cache=True, nogil=True, error_model="numpy")
def relax_plain(first, last, table, inverse, b, c):
    """c_i = (b_i + Σ c_j) / d_i for the finest unknowns first ... last: every open face has conductance 1."""
    for i in range(first, last):
        total = (c[table[i, 0]] + c[table[i, 1]]) + (c[table[i, 2]] + c[table[i, 3]])
        c[i] = (b[i] + (total + (c[table[i, 4]] + c[table[i, 5]]))) * inverse[i]


@njit(cache=True, nogil=True, error_model="numpy")
def relax_weighted(first, last, table, weight, inverse, b, c):
    """`relax_plain` where every face has its own conductance (n, 6), zero at a wall."""
    for i in range(first, last):
        total = b[i]
        for f in range(6):
            total += weight[i, f] * c[table[i, f]]
        c[i] = total * inverse[i]


@njit(cache=True, nogil=True, error_model="numpy")
def relax_coarse(first, last, n, row, column, weight, inverse, b, c):
    """`relax_plain` for coarse unknowns."""
    for i in range(first, last):
        total = b[i]
        for e in range(row[i - n], row[i - n + 1]):
            total += weight[e] * c[column[e]]
        c[i] = total * inverse[i]


@njit(cache=True, nogil=True, error_model="numpy")
def pass_up(first, last, n, plain, levels, weight, face, b, c):
    """Residual of red unknowns whose black neighbours were relaxed since, Σ g c_j, summed into the level above.

    A red unknown was exact before its neighbours moved from zero: what they are now is what it lacks.
    """
    table, row, column, parent = levels.table, levels.row, levels.column, levels.parent
    if first >= n:
        for i in range(first, last):
            total = 0.0
            for e in range(row[i - n], row[i - n + 1]):
                total += face[e] * c[column[e]]
            b[parent[i]] += total
    elif plain:
        for i in range(first, last):
            total = (c[table[i, 0]] + c[table[i, 1]]) + (c[table[i, 2]] + c[table[i, 3]])
            b[parent[i]] += total + (c[table[i, 4]] + c[table[i, 5]])
    else:
        for i in range(first, last):
            total = 0.0
            for f in range(6):
                total += weight[i, f] * c[table[i, f]]
            b[parent[i]] += total


@njit(cache=True, nogil=True, error_model="numpy")
def relax(first, last, plain, levels, weight, face, inverse, b, c):
    """One colour of one level, whichever kind it is."""
    n = levels.table.shape[0]
    if first >= n:
        relax_coarse(first, last, n, levels.row, levels.column, face, inverse, b, c)
    elif plain:
        relax_plain(first, last, levels.table, inverse, b, c)
    else:
        relax_weighted(first, last, levels.table, weight, inverse, b, c)


@njit(cache=True, nogil=True, error_model="numpy")
def cycle(plain, levels, weight, face, inverse, b, c):
    """One symmetric V(1,1) cycle from zero: c ≈ A⁻¹ b, red-black down, black-red up.

    Parameters
    ----------
    b : (N + 1,) float64
        Right hand side in its first n entries; the rest is overwritten.
    c : (N + 1,) float64, written
        The last entry is and stays zero.
    """
    start, black, parent = levels.start, levels.black, levels.parent
    n = levels.table.shape[0]
    top = black.size - 1
    for i in range(n, start[top + 1]):
        b[i] = 0.0
    for level in range(top):
        first, middle, last = start[level], black[level], start[level + 1]
        for i in range(first, middle):
            c[i] = b[i] * inverse[i]
        relax(middle, last, plain, levels, weight, face, inverse, b, c)
        pass_up(first, middle, n, plain, levels, weight, face, b, c)
    for i in range(start[top], start[top + 1]):
        c[i] = b[i] * inverse[i]
    for level in range(top - 1, -1, -1):
        first, middle, last = start[level], black[level], start[level + 1]
        for i in range(first, middle):  # the black ones are overwritten
            c[i] += c[parent[i]]
        relax(middle, last, plain, levels, weight, face, inverse, b, c)
        relax(first, middle, plain, levels, weight, face, inverse, b, c)


# ---------------------------------------------------------------------------------------------- one species


@njit(cache=True, nogil=True, error_model="numpy")
def conductances(levels, diffusivity):
    """Face conductances on every level: the harmonic mean of the two voxels' diffusivities.

    Parameters
    ----------
    diffusivity : (n,) float64
        In the order of the finest unknowns; neighbours of a voxel without diffusion are walls.

    Returns
    -------
    weight : (n, 6), zero at walls
    face : (m,) of the coarse levels
    """
    table, place, above = levels.table, levels.place, levels.above
    n = table.shape[0]
    weight = np.zeros((n, 6))
    face = np.zeros(above.size)
    for i in range(n):
        for f in range(6):
            j = table[i, f]
            if j < n:
                weight[i, f] = 2.0 * diffusivity[i] * diffusivity[j] / (diffusivity[i] + diffusivity[j])
                if place[i, f] >= 0:
                    face[place[i, f]] += 0.5 * weight[i, f]
    for e in range(above.size):
        if above[e] >= 0:
            face[above[e]] += 0.5 * face[e]
    return weight, face


@njit(cache=True, nogil=True, error_model="numpy")
def diagonals(plain, levels, weight, face, loss):
    """The diagonal of the finest level, and one over the diagonal of every level; `loss` (n,) is summed upwards."""
    start, parent, row = levels.start, levels.parent, levels.row
    n = loss.size
    size = start[-1]
    total = np.zeros(size)
    inverse = np.empty(size)
    diagonal = np.empty(n)
    for i in range(n):
        total[i] = loss[i]
        faces = levels.faces[i]
        if not plain:
            faces = 0.0
            for f in range(6):
                faces += weight[i, f]
        diagonal[i] = loss[i] + faces
        inverse[i] = 1.0 / diagonal[i]
    for i in range(start[-2]):
        total[parent[i]] += total[i]
    for i in range(n, size):
        faces = 0.0
        for e in range(row[i - n], row[i - n + 1]):
            faces += face[e]
        inverse[i] = 1.0 / (total[i] + faces)
    return diagonal, inverse


@njit(cache=True, nogil=True, error_model="numpy")
def residual(plain, levels, weight, diagonal, b, c, r):
    """r = b − A c on the finest level; returns Σ r²."""
    table = levels.table
    square = 0.0
    for i in range(b.size):
        if plain:
            total = (c[table[i, 0]] + c[table[i, 1]]) + (c[table[i, 2]] + c[table[i, 3]])
            total += c[table[i, 4]] + c[table[i, 5]]
        else:
            total = 0.0
            for f in range(6):
                total += weight[i, f] * c[table[i, f]]
        r[i] = b[i] - diagonal[i] * c[i] + total
        square += r[i] * r[i]
    return square


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def dot(n, a, b):
    """Σ aᵢ bᵢ of the first n, in an order fixed when compiled."""
    total = 0.0
    for i in range(n):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def descend(n, alpha, p, q, c, r):
    """c += α p, r −= α q; returns Σ r²."""
    square = 0.0
    for i in range(n):
        c[i] += alpha * p[i]
        r[i] -= alpha * q[i]
        square += r[i] * r[i]
    return square


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def turn(plain, levels, weight, diagonal, beta, z, r, p, q):
    """The next direction p = z + β p and its image q = A z + β q; returns p · q.

    The cycle ends by relaxing the red unknowns, so there A z is r.
    """
    table = levels.table
    middle = levels.black[0]
    product = 0.0
    for i in range(middle):
        p[i] = z[i] + beta * p[i]
        q[i] = r[i] + beta * q[i]
        product += p[i] * q[i]
    for i in range(middle, diagonal.size):
        if plain:
            total = (z[table[i, 0]] + z[table[i, 1]]) + (z[table[i, 2]] + z[table[i, 3]])
            total += z[table[i, 4]] + z[table[i, 5]]
        else:
            total = 0.0
            for f in range(6):
                total += weight[i, f] * z[table[i, f]]
        p[i] = z[i] + beta * p[i]
        q[i] = diagonal[i] * z[i] - total + beta * q[i]
        product += p[i] * q[i]
    return product


@njit(cache=True, nogil=True, error_model="numpy")
def close_budget(levels, loss, b, c):
    """Make Σ loss c = Σ b hold in every region to round-off.

    Summed over a region the exchange between voxels cancels, so this holds for the solution. Where b is nowhere
    negative, undershoots of c are set to zero and the region is scaled; otherwise it is shifted.
    """
    region = levels.region
    n = b.size
    count = levels.start[-1] - levels.start[-2]  # each region ends as one unknown
    gain, lost = np.zeros(count), np.zeros(count)
    lowest = 0.0
    for i in range(n):
        lowest = min(lowest, b[i])
    positive = lowest >= 0.0
    here = region[0]
    came, went = 0.0, 0.0
    for i in range(n):
        if region[i] != here:  # regions come in long runs
            gain[here] += came
            lost[here] += went
            here = region[i]
            came, went = 0.0, 0.0
        if positive:
            c[i] = max(c[i], 0.0)
            came += b[i]
            went += loss[i] * c[i]
        else:
            came += b[i] - loss[i] * c[i]
            went += loss[i]
    gain[here] += came
    lost[here] += went
    for k in range(count):
        gain[k] = gain[k] / lost[k] if lost[k] > 0.0 else 1.0
    if positive:
        for i in range(n):
            c[i] *= gain[region[i]]
    else:
        for i in range(n):
            c[i] += gain[region[i]]


@njit(cache=True, nogil=True, error_model="numpy")
def solve(plain, levels, weight, face, loss, b, c, rtol, most):
    """Solve A c = b for one species by conjugate gradients, a V-cycle as preconditioner.

    Parameters
    ----------
    plain : bool
        True: every open face has conductance 1, and `weight` is not read.
    levels : Pyramid
    weight : (n, 6) float64, face : (m,) float64
        Conductances, see `conductances`; `levels.area` for a plain one.
    loss : (n,) float64
        k, in units of the conductances; somewhere positive in each region.
    b : (n,) float64
    c : (N + 1,) float64, written
        A guess in its first n entries, then the solution; the last entry is zero.
    rtol : float
        Largest |b − A c| / |b| to be reached by the c that is left, measured anew at the end.
    most : int
        Largest number of cycles.

    Returns
    -------
    reached : float
        |b − A c| / |b| of the c that is left.
    cycles : int
    """
    n = b.size
    scale = np.sqrt(dot(n, b, b))
    if not scale > 0.0:
        c[:n] = 0.0
        return 0.0, 0
    diagonal, inverse = diagonals(plain, levels, weight, face, loss)
    r, z, p = np.zeros(c.size), np.zeros(c.size), np.zeros(c.size)
    q = np.zeros(n)
    cycles = 0
    goal = rtol
    reached = 1.0
    if dot(n, c, c) > 0.0:
        close_budget(levels, loss, b, c)
        reached = np.sqrt(residual(plain, levels, weight, diagonal, b, c, r)) / scale
    if not reached < 1.0:  # no guess, or one worse than none
        reached = 1.0
        c[:n] = 0.0
        r[:n] = b
    last = np.inf
    while reached > rtol and reached < 0.5 * last and cycles < most:
        last = reached
        before = 1.0
        beta = 0.0
        while cycles < most:
            cycle(plain, levels, weight, face, inverse, r, z)
            cycles += 1
            now = dot(n, r, z)
            if beta == 0.0:
                p[:n] = 0.0
                q[:n] = 0.0
            else:
                beta = now / before
            before = now
            product = turn(plain, levels, weight, diagonal, beta, z, r, p, q)
            if not product > 0.0:
                break
            square = descend(n, now / product, p, q, c, r)
            if np.sqrt(square) <= goal * scale:
                break
            beta = 1.0
        close_budget(levels, loss, b, c)
        reached = np.sqrt(residual(plain, levels, weight, diagonal, b, c, r)) / scale
        goal *= 0.1
    return reached, cycles
