"""Uptake that saturates (Michaelis-Menten): the steady state by Newton's method, every step one linear solve."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.boundaries import harmonic
from marrow_niche.transport.domain import Domain
from marrow_niche.transport.shapes import spread
from marrow_niche.transport.steady import SMALLEST_RTOL, Solution, prepared, solve_compact

ROUNDS = 100


@dataclass(frozen=True)
class Saturable:
    """Uptake vmax c / (km + c): at most `vmax` [concentration/time], half of it at the concentration `km` above zero.

    Both a number, (species,), or by voxel as the solver's other coefficients.
    """

    vmax: Any
    km: Any


def solve_saturable(
    neighbour,
    source,
    *,
    saturable,
    diffusivity,
    loss,
    spacing,
    exchange=None,
    wall=None,
    guess=None,
    rtol=1e-6,
    max_iterations=5000,
    rounds=ROUNDS,
):
    """The steady state with saturable uptake on the open voxels of a lattice.

        −∇·D∇c + (loss + exchange) c + vmax c / (km + c) = source + exchange wall

    Newton's method: in each round the uptake is replaced by its tangent at the last c, which is a loss
    vmax km / (km + c)², never negative, and a source −vmax c² / (km + c)². It needs no damping. Write the equation
    F(c) = 0. The uptake is concave and the matrix of every round an M-matrix, so a Newton step ends where F ≤ 0 whatever
    it began with; so does its positive part, since zero is such a point and the larger of two such points is one. From
    there the iterates rise, stay below the solution, and converge quadratically: the monotone Newton theorem (Ortega &
    Rheinboldt, Iterative Solution of Nonlinear Equations in Several Variables, 1970, 13.3). Rounds are solved no more
    exactly than the residual of F yet calls for.

    Parameters
    ----------
    neighbour, source, diffusivity, loss, spacing, exchange, wall
        As in `solve_compact`; source + exchange × wall nowhere negative.
    saturable : Saturable
        `vmax` [nM/h], not negative, and `km` [nM], above zero: a number, (S,), (n,) or (S, n).
    guess : (S, n) or (n,), optional
        Where to start; its negative values count as zero.
    rtol : float
        Largest ‖F(c)‖ / ‖source + exchange wall‖ of each species, of the equation itself and not of its tangent.
    max_iterations : int
        Largest number of V-cycles for each species in a round.
    rounds : int
        Largest number of rounds.

    Returns
    -------
    Solution
        `residual` is that of the equation above; `iterations` the V-cycles of all rounds. The budget closes with a loss of
        loss + vmax / (km + c).

    Raises
    ------
    NumericsError
        As `solve_compact`; a negative vmax or right hand side, a km that is not above zero; a connected region without
        loss or exchange that makes as much as it can take up, or more; `rtol` not reached in `rounds`.
    """
    domain, source = prepared(neighbour, source, spacing, rtol, max_iterations=max_iterations, rounds=rounds)
    shape = (1 if source.ndim == 1 else source.shape[0], domain.n)
    problem = _Problem(
        domain=domain,
        source=source.reshape(shape),
        diffusivity=spread(diffusivity, shape, "diffusivity", low=0.0),
        loss=spread(loss, shape, "loss", low=0.0),
        exchange=spread(0.0 if exchange is None else exchange, shape, "exchange", low=0.0),
        wall=spread(0.0 if wall is None else wall, shape, "wall"),
        vmax=spread(saturable.vmax, shape, "vmax", low=0.0),
        km=spread(saturable.km, shape, "km"),
        spacing=spacing,
    )
    problem.check()
    c = np.zeros(shape) if guess is None else np.maximum(spread(guess, shape, "guess"), 0.0)
    reached, cycles, raised = _newton(problem, c, rtol, max_iterations, rounds)
    for s in np.flatnonzero(~(reached <= rtol)):
        raise NumericsError(
            f"species {s}: with saturable uptake the relative residual is {reached[s]:.1e} after {rounds} rounds, above "
            f"rtol {rtol:.1e}. Allow more rounds or a larger rtol. (Where hardly more can be taken up than is made, the "
            "level is hardly fixed.)"
        )
    return Solution(concentration=c.reshape(source.shape), residual=reached, iterations=cycles, raised=raised)


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """The equation; arrays (S, n)."""

    domain: Domain
    source: np.ndarray
    diffusivity: np.ndarray
    loss: np.ndarray
    exchange: np.ndarray
    wall: np.ndarray
    vmax: np.ndarray
    km: np.ndarray
    spacing: float

    def check(self):
        """Refuse what has no steady state that is nowhere negative."""
        if not self.km.min() > 0.0:
            raise NumericsError(f"km: the smallest value is {self.km.min():g}; expected a concentration above zero.")
        region, regions = self.domain.region, self.domain.regions
        for s in range(len(self.source)):
            b = self.inflow(s)
            if b.min() < 0.0:
                raise NumericsError(
                    f"species {s}: the source (with exchange × wall) is {b.min():g} in voxel {np.argmin(b)}; with "
                    "saturable uptake it may not be negative. Put what is taken out into loss or vmax."
                )
            lost, made, most = (
                np.bincount(region, weights=values, minlength=regions)
                for values in (self.loss[s] + self.exchange[s], b, self.vmax[s])
            )
            full = np.flatnonzero((lost == 0.0) & (made >= most) & (most > 0.0))
            if full.size:
                voxel = np.flatnonzero(region == full[0])[0]
                raise NumericsError(
                    f"species {s}: the connected region of voxel {voxel} makes {made[full[0]]:g} and can take up less "
                    f"than {most[full[0]]:g} (sums over its voxels), and nothing else is lost there, so it fills for "
                    "ever. Raise vmax, or give it a loss or an exchange with the blood."
                )

    def inflow(self, s):
        """(n,): source + exchange × wall of species `s`."""
        return self.source[s] + self.exchange[s] * self.wall[s]

    def residual(self, s, c):
        """|F(c)| / |inflow| of species `s` at c (n,)."""
        b = self.inflow(s)
        size = _norm(b)
        lost = (self.loss[s] + self.exchange[s] + self.vmax[s] / (self.km[s] + c)) * c
        gap = _spreads(self.domain, self.diffusivity[s], self.spacing, c) + lost - b
        return _norm(gap) / size if size > 0.0 else 0.0

    def solve_tangent(self, which, c, rtol, max_iterations):
        """A Newton step of the species `which` from c (S, n): a `Solution`."""
        c, vmax, km = c[which], self.vmax[which], self.km[which]
        return solve_compact(
            self.domain,
            self.source[which] - vmax * (c / (km + c)) ** 2,
            diffusivity=self.diffusivity[which],
            loss=self.loss[which] + vmax * km / (km + c) ** 2,
            spacing=self.spacing,
            exchange=self.exchange[which],
            wall=self.wall[which],
            guess=c,
            rtol=rtol,
            max_iterations=max_iterations,
        )


def _newton(problem, c, rtol, max_iterations, rounds):
    """Bring c (S, n) to the solution, in place; residuals, cycles and what raising to zero added, (S,) each."""
    species = len(c)
    size = np.array([_norm(problem.inflow(s)) for s in range(species)])
    c[size == 0.0] = 0.0
    reached = np.array([problem.residual(s, c[s]) if c[s].any() else 1.0 for s in range(species)])
    cycles, raised = np.zeros(species, np.int64), np.zeros(species)
    which = np.arange(species)
    for turn in range(rounds):
        inner = _tolerance(problem, which, c, size, reached, rtol)
        try:
            answer = problem.solve_tangent(which, c, inner, max_iterations)
        except NumericsError as error:
            raise NumericsError(f"saturable uptake, round {turn + 1}, among species {which}: {error}") from None
        c[which] = np.maximum(answer.concentration, 0.0)
        raised[which] = answer.raised + (c[which] - answer.concentration).sum(axis=1)
        cycles[which] += answer.iterations
        reached[which] = [problem.residual(s, c[s]) for s in which]
        which = np.flatnonzero(~(reached <= rtol))
        if not which.size:
            break
    return reached, cycles, raised


def _norm(values):
    """Root of the sum of squares, the same bits on any number of threads."""
    return float(np.sqrt(np.square(values).sum()))


def _tolerance(problem, which, c, size, reached, rtol):
    """Relative tolerance of the next linear solve: a hundredth of each residual, at last a third of what is asked."""
    wanted = [1.0]
    for s in which[size[which] > 0.0]:
        tangent = problem.inflow(s) - problem.vmax[s] * (c[s] / (problem.km[s] + c[s])) ** 2
        goal = max(0.3 * rtol, 0.01 * min(1.0, reached[s])) * size[s]
        wanted.append(goal / max(_norm(tangent), 1e-300))
    return float(np.clip(min(wanted), SMALLEST_RTOL, 0.1))


def _spreads(domain, diffusivity, spacing, c):
    """(n,): −∇·D∇c by the finite volumes of `solve_compact`."""
    total = np.zeros(domain.n)
    pattern = domain.pattern
    for axis in range(3):
        there = domain.neighbour[:, 2 * axis + 1]
        i = np.flatnonzero(there >= 0)
        j = there[i]
        if pattern is None:
            g = harmonic(diffusivity[i], diffusivity[j])
        else:
            g = diffusivity[i] * (pattern.fine_z, pattern.fine_y, pattern.fine_x)[axis][domain.bricks.slot[i]]
        flow = g * (c[i] - c[j])
        total[i] += flow
        total[j] -= flow
    return total / spacing**2
