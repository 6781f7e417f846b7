"""Diffusion forward in time: cheap steps, as long as they are short."""

from functools import partial

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import explicit as kernels
from marrow_niche.transport.batches import march
from marrow_niche.transport.shapes import distinct, even

LARGEST_RATIO = 1.0 / 6.0  # of D dt / h²
ROUND_OFF = 1e-12
SLACK = 10  # units of the last place of c by which a step that gives away all may miss zero


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
    fastest = distinct(medium.diffusivity).max() / medium.spacing**2
    limit = LARGEST_RATIO / fastest if fastest > 0.0 else np.inf
    for s in range(medium.species):
        k, out = even(medium.lost[s]), medium.outflow(s)
        if k is not None:
            k, out = np.array([k]), out.max(keepdims=True)
        else:
            k = medium.lost[s]
        lossy = (k > 0.0) & (out > 0.0)
        if lossy.any():
            k, out = k[lossy], out[lossy]
            limit = min(limit, float((np.log1p(k / out) / k).min()))
    return limit


def explicit(medium):
    """Forward in time and central in space; loss and exchange by their exact exponential.

    In each voxel c' = s − k c is solved exactly over dt, where s is what is made, enters from the blood and flows in
    from the neighbours at the start of the step:

        c(dt) = exp(−k dt) c + (1 − exp(−k dt))/k · (source + exchange wall + Σ_faces g_ij (c_j − c_i)).

    First order in dt; it rests exactly where `solve_compact` does; what leaves a voxel over a face enters its
    neighbour; nothing goes negative that starts so, with no negative source. In float32 where the field is.

    Returns
    -------
    march(c, source, steps, reaction=None, alone=False)
        See `batches.march`.

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
        fastest = distinct(medium.diffusivity).max()
        ratio = fastest * medium.dt / medium.spacing**2
        raise NumericsError(
            f"dt is {medium.dt:g}, too large for the explicit scheme: D dt / spacing² is {ratio:.3g} where D is largest "
            f"({fastest:g}), and it takes at most 1/6, less where a voxel loses much. The largest dt here is {limit:.6g}: "
            f"take {int(np.ceil(medium.dt / limit)):d} steps for each of these, or scheme='second_order', which takes any dt."
        )
    open_faces = medium.domain.standing.stored(medium.faces, np.dtype(np.int8), elsewhere=-1)
    rows = [_Row(medium, s, open_faces) for s in range(medium.species)]
    return partial(march, medium, rows)


class _Row:
    """One species (`batches.Row`)."""

    swaps = True

    def __init__(self, medium, s, open_faces):
        stand, weight, self.dtype = medium.domain.standing, medium.weights[s], medium.dtype
        self.bricks = stand.bricks

        def stored(values, **elsewhere):
            return stand.stored(values, self.dtype, **elsewhere)

        one = even(medium.lost[s])
        k = medium.lost[s] if one is None else np.asarray(one)
        gain = np.full(k.shape, medium.dt)
        np.divide(-np.expm1(-k * medium.dt), k, out=gain, where=k > 0.0)
        self.gain, self.lost = stored(gain), stored(-np.expm1(-k * medium.dt))
        if np.isscalar(weight):
            self.faces, self.out, self.pull = None, open_faces, stored(gain * weight)
        else:
            self.faces = tuple(stored(weight[:, f]) for f in (1, 3, 5))
            self.out = stored(medium.outflow(s), elsewhere=-1)
            self.pull = self.gain
        out = medium.outflow(s)
        left = np.exp(-k * medium.dt) - gain * (out if one is None else out.max())
        slack = 2.0 * ROUND_OFF + SLACK * np.finfo(self.dtype).eps
        self.slack = self.dtype.type(slack) if left.min() < slack else None

    def make(self, total):
        self.made = np.multiply(self.gain, total, dtype=self.dtype)

    def go(self, steps, c, spare, shared):
        kernel = kernels.march_shared if shared else kernels.march
        kernel(steps, self.bricks, self.faces, self.out, self.pull, self.lost, self.made, self.slack, c, spare)
