"""What stands between the equation's coefficients and the solver: scaling, sorting of species, room to work in."""

from dataclasses import dataclass

import numba
import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import layout, multigrid
from marrow_niche.transport.bricks import make_faces
from marrow_niche.transport.domain import walled
from marrow_niche.transport.ledger import Budget
from marrow_niche.transport.shapes import even

INNER = 1e-5
"""The residual is measured anew in double precision each time conjugate gradients have lowered it by this factor."""
TOGETHER = 400_000
"""Species are solved together, so many that about this many voxels are at work; at least one for each thread."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Concentrations and how well they solve the equation."""

    concentration: np.ndarray  # (S, n), or (n,) as the source was
    residual: np.ndarray  # (S,): |b - A c| / |b| of this very concentration
    iterations: np.ndarray  # (S,) int64: V-cycles
    raised: np.ndarray  # (S,): by how much Σ c rose where undershoots below zero were set to zero
    budget: Budget | None = None  # what is made, lost and exchanged, where it was asked for: `dense.solve_steady`


def solve_species(domain, source, diffusivity, loss, exchange, wall, spacing, guess, rtol, most):
    """Solve for every species (`Solution`); arrays (S, n), `exchange` and `guess` (S, n) or None, all checked.

    Raises NumericsError for a region that neither loses nor exchanges; whether `rtol` was reached is not looked at.
    """
    species = source.shape[0]
    given = source, loss, exchange, wall, guess
    solution = Solution(
        concentration=np.empty(source.shape),
        residual=np.zeros(species),
        iterations=np.zeros(species, np.int64),
        raised=np.zeros(species),
    )
    level = [even(row) for row in diffusivity]
    if domain.pattern is not None and None in level:
        raise NumericsError(
            f"species {level.index(None)}: this domain has a pattern of diffusivity; give one number a species."
        )
    own = [domain if value else walled(domain, row == 0.0) for value, row in zip(level, diffusivity)]
    for s in range(species):
        _check_loss(own[s], s, loss[s], None if exchange is None else exchange[s])
    scale = np.array([spacing**2 / value if value else spacing**2 for value in level])
    alike = [s for s in range(species) if level[s]]
    size = together(domain.n)
    for first in range(0, len(alike), size):
        which = alike[first : first + size]
        faces = domain.pattern or domain.faces
        _solve(domain, domain.pattern is None, faces, which, scale, given, rtol, most, solution)
    for s in sorted(set(range(species)) - set(alike)):
        faces = make_faces(own[s].neighbour, own[s].bricks, diffusivity[s])
        _solve(own[s], False, faces, [s], scale, given, rtol, most, solution)
    return solution


def together(n):
    """How many species on n voxels are solved at once."""
    return max(numba.get_num_threads(), -(-TOGETHER // n))


def _solve(domain, plain, faces, which, scale, given, rtol, most, solution):
    """Solve for the species `which` on one set of faces; their coefficients are multiplied by `scale` (S,)."""
    source, loss, exchange, wall, guess = given
    bricks, region, voxel = domain.bricks, domain.brick_region, domain.voxel
    work = domain.borrow(len(which))
    none = np.empty(0)
    for row, s in enumerate(which):
        through, outside = (none, none) if exchange is None else (_packed(exchange[s]), _packed(wall[s]))
        layout.lay(
            _packed(source[s]), _packed(loss[s]), through, outside, none if guess is None else _packed(guess[s]),
            float(scale[s]), bricks, voxel, work.b[row], work.loss[row], work.k[row], work.c[row],
        )  # fmt: skip
    reached, cycles, raised, gain, shift = multigrid.solve(bricks, region, plain, faces, work, rtol, most, INNER)
    for row, s in enumerate(which):
        layout.unlay(work.c[row], gain[row], shift[row], bricks, region, voxel, solution.concentration[s])
    domain.give_back(work)
    solution.residual[which], solution.iterations[which], solution.raised[which] = reached, cycles, raised


def _packed(values):
    """`values` in one piece of memory and in double precision: what a kernel is compiled for."""
    return np.ascontiguousarray(values, dtype=float)


def _check_loss(domain, species, loss, exchange):
    """Refuse a region without any loss or exchange, (n,) both."""
    if loss.min() > 0.0:
        return
    lost = np.bincount(domain.region, weights=loss if exchange is None else loss + exchange, minlength=domain.regions)
    if not lost.all():
        inside = np.flatnonzero(domain.region == np.argmin(lost))
        raise NumericsError(
            f"species {species}: the connected region of voxel {inside.min()} ({inside.size} of {domain.n} voxels; "
            f"{np.count_nonzero(lost == 0.0)} such regions) has neither loss nor exchange, so what is made there piles "
            "up for ever. Give it a loss above zero or an exchange with the blood, or close these voxels."
        )
