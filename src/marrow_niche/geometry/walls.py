"""How much wall each voxel holds: of vessels, by points strewn over the tubes, and of bone, by the lattice's faces."""

from itertools import pairwise

import numpy as np

from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.lattice import BONE, MARROW, OUTSIDE, Lattice
from marrow_niche.geometry.near import Tubes
from marrow_niche.geometry.vessels import ARTERIOLE, Vessels
from marrow_niche.kernels import walls

PITCH = (3.0, 8.0)
"""Points on a wall are 0.4 voxels apart, within these bounds [um]; twice that on the spheres at nodes."""
BATCH = 4_000_000
"""Points at a time."""
SNAP = 2
"""A point in a closed voxel goes to the nearest marrow voxel within so many."""


def vessel_area(vessels: Vessels, tubes: Tubes, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Wall area of sinusoids and veins, and of arterioles, in each marrow voxel (n,), (n,) [um^2].

    The wall of the union of all tubes: their sides, and at each node the sphere of its widest tube; what lies inside
    another tube is no wall.

    Parameters
    ----------
    vessels : Vessels
    tubes : Tubes
        The same vessels, edge by edge.
    lattice : Lattice
    """
    area = np.zeros((2, lattice.n))
    if not len(vessels.edges):
        return area[0], area[1]
    low = lattice.origin
    high = low + lattice.spacing * np.array(lattice.shape[::-1])
    pitch = float(np.clip(lattice.spacing / 2.5, *PITCH))
    place = (lattice.origin, lattice.spacing, lattice.index(), SNAP)
    tubing = (tubes.grid, tubes.a, tubes.b, tubes.radius)

    reach = vessels.radius[:, None] + 1.0
    touches = (np.minimum(vessels.a, vessels.b) - reach < high).all(axis=1)
    touches &= (np.maximum(vessels.a, vessels.b) + reach > low).all(axis=1)
    length = vessels.length
    edge = np.flatnonzero(touches & (length > 0.0))
    along = np.maximum(np.ceil(length[edge] / pitch).astype(np.int64), 1)
    around = np.maximum(np.ceil(2.0 * np.pi * vessels.radius[edge] / pitch).astype(np.int64), 8)
    for part in _batches(along * around):
        e, number = edge[part], (along * around)[part]
        first = np.cumsum(number) - number
        voxel = np.empty(int(number.sum()), np.int32)
        walls.tube_wall(e, first, along[part], around[part], *tubing, *place, voxel)
        each = 2.0 * np.pi * vessels.radius[e] * length[e] / number
        for kind, mine in enumerate((vessels.kind[e] != ARTERIOLE, vessels.kind[e] == ARTERIOLE)):
            walls.add_runs(area[kind], voxel, first[mine], number[mine], each[mine])

    # Repeated places keep the last value written: the widest tube at each node.
    order = np.argsort(np.repeat(vessels.radius, 2), kind="stable")
    widest = np.full(len(vessels.nodes), -1)
    widest[vessels.edges.reshape(-1)[order]] = order // 2
    node = np.flatnonzero(widest >= 0)
    radius = vessels.radius[widest[node]]
    within = ((vessels.nodes[node] - radius[:, None] < high) & (vessels.nodes[node] + radius[:, None] > low)).all(
        axis=1
    )
    node, radius = node[within], radius[within]
    points = np.maximum(np.ceil(np.pi * radius**2 / pitch**2).astype(np.int64), 24)
    for part in _batches(points):
        number, size = points[part], radius[part]
        first = np.cumsum(number) - number
        voxel = np.empty(int(number.sum()), np.int32)
        walls.sphere_wall(vessels.nodes[node[part]], size, first, number, *tubing, *place, voxel)
        each = 4.0 * np.pi * size**2 / number
        arterial = vessels.kind[widest[node[part]]] == ARTERIOLE
        for kind, mine in enumerate((~arterial, arterial)):
            walls.add_runs(area[kind], voxel, first[mine], number[mine], each[mine])
    return area[0], area[1]


def endosteal_area(lattice: Lattice, inset: Inset) -> np.ndarray:
    """Endosteum in each marrow voxel (n,) [um^2]: its faces to bone, each weighted by its share in the wall's normal.

    Faces alone would measure a staircase, half as much again as the surface; h^2 |n . face| gives a plane of any tilt its
    area. `inset` (signed distance to the endosteum) gives the normal n. A face to the outside is endosteum where bone is near
    (a cortex thinner than a voxel); elsewhere the marrow was cut there.
    """
    h, tissue = lattice.spacing, lattice.tissue
    marrow, bony = tissue == MARROW, (tissue == BONE) | (tissue == OUTSIDE)
    rank = lattice.index().reshape(-1)
    area = np.zeros(lattice.n)
    for side in range(6):
        d, step = side // 2, 2 * (side % 2) - 1
        here, there = (np.moveaxis(np.moveaxis(m, d, 0)[cut], 0, d) for m, cut in zip((marrow, bony), _ends(step)))
        place = np.stack(np.nonzero(here & there), axis=1)
        place[:, d] += step < 0
        voxel, other = rank[np.ravel_multi_index(tuple(place.T), lattice.shape)], place.copy()
        other[:, d] += step
        label = tissue[tuple(other.T)]
        face = lattice.centres(voxel)
        face[:, 2 - d] += 0.5 * step * h
        cut = np.flatnonzero(label == OUTSIDE)
        real = np.ones(len(voxel), bool)
        real[cut] = inset.at(face[cut]) < h
        area[voxel[real]] += h * h * np.abs(inset.gradient(face[real])[:, 2 - d])
    return area


def _ends(step: int) -> tuple[slice, slice]:
    """What of an axis has a neighbour at `step` (1 or -1), and those neighbours."""
    low, high = slice(None, -1), slice(1, None)
    return (low, high) if step > 0 else (high, low)


def _batches(number: np.ndarray) -> list[slice]:
    """Slices of consecutive items that hold about BATCH points each."""
    if not number.size:
        return []
    group = (np.cumsum(number) - 1) // BATCH
    cut = np.concatenate([[0], np.flatnonzero(np.diff(group)) + 1, [number.size]])
    return [slice(int(a), int(b)) for a, b in pairwise(cut)]
