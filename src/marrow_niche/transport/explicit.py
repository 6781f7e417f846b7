"""Diffusion forward in time: cheap steps, as long as they are short."""

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import explicit as kernels
from marrow_niche.transport.medium import share

LARGEST_RATIO = 1.0 / 6.0  # of D dt / h²
ROUND_OFF = 1e-12


def largest_step(medium):
    """The largest dt the explicit scheme takes.

    D dt / h² ≤ 1/6 for every D, which keeps it stable with any loss; and in each voxel, with G the conductances of its
    faces and k its loss, G (exp(k dt) − 1) ≤ k, so that it does not give its neighbours more than the loss leaves it:
    nothing goes negative.

    Parameters
    ----------
    medium : Medium

    Returns
    -------
    float
        In the unit of `medium.dt`; inf where nothing diffuses.
    """
    fastest = medium.diffusivity.max() / medium.spacing**2
    limit = LARGEST_RATIO / fastest if fastest > 0.0 else np.inf
    lossy = (medium.lost > 0.0) & (medium.outflow > 0.0)
    if lossy.any():
        k, out = medium.lost[lossy], medium.outflow[lossy]
        limit = min(limit, float((np.log1p(k / out) / k).min()))
    return limit


def explicit(medium):
    """Forward in time and central in space; loss and exchange by their exact exponential.

    In each voxel c' = s − k c is solved exactly over dt, where s is what is made, enters from the blood and flows in
    from the neighbours at the start of the step:

        c(dt) = exp(−k dt) c + (1 − exp(−k dt))/k · (source + exchange wall + Σ_faces g_ij (c_j − c_i)).

    First order in dt; it rests exactly where `solve_compact` does; what leaves a voxel over a face enters its
    neighbour; nothing goes negative that starts so, with no negative source.

    Raises
    ------
    NumericsError
        dt is above `largest_step`.

    References
    ----------
    Cox & Matthews, J. Comput. Phys. 176, 2002, 430-455 (exponential time differencing, their ETD1).
    """
    limit = largest_step(medium)
    if medium.dt > limit * (1.0 + ROUND_OFF):
        fastest = medium.diffusivity.max()
        ratio = fastest * medium.dt / medium.spacing**2
        raise NumericsError(
            f"dt is {medium.dt:g}, too large for the explicit scheme: D dt / spacing² is {ratio:.3g} where D is largest "
            f"({fastest:g}), and it takes at most 1/6, less where a voxel loses much. The largest dt here is {limit:.6g}: "
            f"take {int(np.ceil(medium.dt / limit)):d} steps for each of these, or scheme='second_order', which takes any dt."
        )
    neighbour, weights, k = medium.domain.neighbour, medium.weights, medium.lost
    around = np.where(neighbour < 0, np.arange(len(neighbour), dtype=np.int32)[:, np.newaxis], neighbour).astype(np.uint32)
    decay = np.exp(-k * medium.dt)
    gain = np.full(k.shape, medium.dt)
    np.divide(-np.expm1(-k * medium.dt), k, out=gain, where=k > 0.0)

    def march(c, made):
        total = made(c) + medium.entering
        c = np.ascontiguousarray(c)
        new = np.empty_like(c)

        def work(s, first, last):
            kernels.flow(first, last, around, weights[s], decay[s], gain[s], total[s], c[s], new[s])

        share(work, [medium.domain.n] * medium.species)
        return medium.step(new, "explicit")

    return march
