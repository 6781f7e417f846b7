"""What stands between the equation's coefficients and the solver: scaling, sorting of species, room to work in."""

from dataclasses import dataclass

import numba
import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import multigrid
from marrow_niche.transport.bricks import make_faces
from marrow_niche.transport.domain import prepare

INNER = 1e-5
"""The residual is measured anew in double precision each time conjugate gradients have lowered it by this factor."""
TOGETHER = 400_000
"""Species are solved together, so many that about this many voxels are at work; at least one for each thread."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Concentrations (S, n); |b − A c|/|b|, V-cycles and how much raising undershoots to zero added to Σ c, (S,) each."""

    concentration: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray
    raised: np.ndarray


def solve_species(domain, source, diffusivity, loss, exchange, wall, spacing, guess, rtol, most):
    """Solve for every species; arrays (S, n), `exchange`, `wall` and `guess` (S, n) or None, all checked.

    Raises NumericsError for a region that neither loses nor exchanges.
    """
    species = source.shape[0]
    answer = Answer(
        concentration=np.empty(source.shape),
        residual=np.zeros(species),
        iterations=np.zeros(species, np.int64),
        raised=np.zeros(species),
    )
    level = [_constant(row) for row in diffusivity]
    if domain.pattern is not None and None in level:
        raise NumericsError(
            f"species {level.index(None)}: this domain has a pattern of diffusivity; give one number a species."
        )
    for s in range(species):
        alone = domain if level[s] is None or level[s] > 0.0 else _cut(domain, diffusivity[s] == 0.0)
        _check_loss(alone, s, loss[s] if exchange is None else loss[s] + exchange[s])
    alike = [s for s in range(species) if level[s]]
    together = max(numba.get_num_threads(), -(-TOGETHER // domain.n))
    shared = domain.pattern is None, domain.pattern or domain.faces
    scale = np.array([spacing**2 / value if value else spacing**2 for value in level])
    given = source, loss, exchange, wall, guess
    for first in range(0, len(alike), together):
        _solve(domain, *shared, alike[first : first + together], scale, given, rtol, most, answer)
    for s in sorted(set(range(species)) - set(alike)):
        own = _cut(domain, diffusivity[s] == 0.0) if diffusivity[s].min() == 0.0 else domain
        _check_loss(own, s, loss[s] if exchange is None else loss[s] + exchange[s])
        faces = make_faces(own.neighbour, own.bricks, diffusivity[s])
        _solve(own, False, faces, [s], scale, given, rtol, most, answer)
    return answer


def _solve(domain, plain, faces, which, scale, given, rtol, most, answer):
    """Solve for the species `which` on one set of faces; their coefficients are multiplied by `scale` (S,)."""
    source, loss, exchange, wall, guess = given
    slot = domain.bricks.slot[: domain.n]
    work = domain.borrow(len(which))
    b, k = np.empty((len(which), domain.n)), np.empty((len(which), domain.n))
    for row, s in enumerate(which):
        np.multiply(source[s] if exchange is None else source[s] + exchange[s] * wall[s], scale[s], out=b[row])
        np.multiply(loss[s] if exchange is None else loss[s] + exchange[s], scale[s], out=k[row])
    multigrid.put(b, slot, work.b)
    multigrid.put(k, slot, work.loss)
    multigrid.put(k, slot, work.k)
    if guess is None:
        work.c[:] = 0.0
    else:
        multigrid.put(np.ascontiguousarray(guess[which]), slot, work.c)
    reached, cycles, raised = multigrid.solve(
        domain.bricks, domain.brick_region, plain, False, faces, work, rtol, most, INNER
    )
    multigrid.take(work.c, slot, b)
    domain.give_back(work)
    answer.concentration[which] = b
    answer.residual[which], answer.iterations[which], answer.raised[which] = reached, cycles, raised


def _constant(values):
    """The one number that all `values` are, or None."""
    if values.strides[-1] == 0 or values.size == 1:
        return float(values[0])
    return float(values[0]) if values.min() == values.max() else None


def _check_loss(domain, species, loss):
    """Refuse a region without any loss (n,)."""
    if loss.min() > 0.0:
        return
    lost = np.bincount(domain.region, weights=loss, minlength=domain.regions)
    if not lost.all():
        inside = np.flatnonzero(domain.region == np.argmin(lost))
        raise NumericsError(
            f"species {species}: the connected region of voxel {inside.min()} ({inside.size} of {domain.n} voxels; "
            f"{np.count_nonzero(lost == 0.0)} such regions) has neither loss nor exchange, so what is made there piles "
            "up for ever. Give it a loss above zero or an exchange with the blood, or close these voxels."
        )


def _cut(domain, still):
    """The domain with walls round the voxels that do not diffuse."""
    neighbour = domain.neighbour
    closed = still[:, np.newaxis] | still[np.maximum(neighbour, 0)]
    return prepare(np.where(closed, -1, neighbour))
