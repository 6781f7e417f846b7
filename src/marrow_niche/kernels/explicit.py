"""Diffusion taken forward in time: what flows over each face of the open voxels during one step.

A voxel reads its neighbours and writes itself only, in an order of faces that is fixed: the bits depend neither on how
the voxels are shared among threads nor on their number.
"""

import numpy as np
from numba import njit

from marrow_niche.kernels.walk import harmonic


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
def outflow(neighbour, weight):
    """(n,): the conductances of each voxel's faces, added up."""
    total = np.zeros(neighbour.shape[0])
    for i in range(neighbour.shape[0]):
        for f in range(6):
            if neighbour[i, f] >= 0:
                total[i] += weight[i, f]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def flow(first, last, around, weight, decay, gain, made, c, new):
    """new = decay c + gain (made + Σ_faces g (c_j − c_i)) for the voxels first ... last.

    With decay = exp(−k dt) and gain = (1 − exp(−k dt)) / k it is the exact solution of c' = s − k c over dt where s, what
    is made and what flows in, stays as it is at the start.

    Parameters
    ----------
    around : (n, 6) uint32
        The neighbours, and the voxel itself behind a wall: nothing flows there, and nothing need be asked.
    weight : (n, 6) float64
        Conductances g [1/time].
    decay, gain : (n,) float64
        The second in units of time.
    made : (n,) float64
    c : (n,) float64
    new : (n,) float64, written
    """
    for i in range(first, last):
        here = c[i]
        total = made[i]
        for f in range(6):
            total += weight[i, f] * (c[around[i, f]] - here)
        there = decay[i] * here + gain[i] * total
        if there < 0.0 and there > -1e-12 * here:  # a voxel that gives away all it has: round-off
            there = 0.0
        new[i] = there
