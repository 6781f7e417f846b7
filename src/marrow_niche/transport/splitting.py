"""Operator splitting by locally one-dimensional sweeps, kept to compare with programs that step so."""

import numpy as np

from marrow_niche.kernels import splitting as kernels
from marrow_niche.transport.medium import share


def lod(medium):
    """Backward Euler along x, then y, then z: a mode for comparison, not for results.

    What is made comes first, then each of the m axes along which the lattice extends is a sweep with 1/m of the loss;
    with L_x = A_x + k/m, and s what is made and enters from the blood,

        (1 + dt L_x) c₁ = c + dt s ,   (1 + dt L_y) c₂ = c₁ ,   (1 + dt L_z) c' = c₂ ,

    or, put together, with A + k = L_x + L_y + L_z,

        (1 + dt (A + k)) c' + [dt² (L_x L_y + L_x L_z + L_y L_z) + dt³ L_x L_y L_z] c' = c + dt s .

    The bracket is the splitting error. It does not vanish at rest: the sweeps rest where

        (A + k) c = s − [dt (L_x L_y + L_x L_z + L_y L_z) + dt² L_x L_y L_z] c ,

    off by a part that grows with dt k and D dt / h²: percents where these are 0.05, all of c where they are 10. Along one
    axis alone it is backward Euler. Never negative, what is not lost is kept, any dt is stable, first order in dt.

    References
    ----------
    Yanenko, The Method of Fractional Steps, 1971; as in BioFVM: Ghaffarizadeh, Friedman & Macklin, Bioinformatics 32,
    2016, 1256-1258, where the loss of a substrate is shared so (and the uptake of cells is split off besides).
    """
    neighbour, weights = medium.domain.neighbour, medium.weights
    axes = [axis for axis in (2, 1, 0) if (neighbour[:, 2 * axis] >= 0).any()] or [2]
    starts = [kernels.starts(neighbour, axis) for axis in axes]
    loss = medium.lost / len(axes)
    upper = np.empty_like(loss)

    def march(c, made):
        new = c + medium.dt * (made(c) + medium.entering)
        for axis, start in zip(axes, starts):

            def work(s, first, last, axis=axis, start=start):
                kernels.sweep(first, last, start, neighbour, axis, weights[s], medium.dt, loss[s], upper[s], new[s])

            share(work, [start.size] * medium.species)
        return medium.step(new, "lod")

    return march
