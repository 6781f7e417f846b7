"""The steady state of diffusion, loss and exchange with the blood, on a masked lattice with walls nothing crosses."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import diffusion
from marrow_niche.transport.domain import Domain, prepare
from marrow_niche.transport.shapes import Frame, finite, spread

SMALLEST_RTOL = 1e-13


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Concentrations and how well they solve the equation."""

    concentration: np.ndarray  # (S, n), or (n,) as the source was
    residual: np.ndarray  # (S,): |b - A c| / |b| of this very concentration
    iterations: np.ndarray  # (S,) int64: V-cycles


def solve_compact(
    neighbour,
    source,
    *,
    diffusivity,
    loss,
    spacing,
    exchange=None,
    wall=None,
    guess=None,
    rtol=1e-6,
    max_iterations=5000,
):
    """Solve for the steady state of one or several species on the open voxels of a lattice.

    For each species and open voxel i, with k = exchange,

        Σ_faces g_ij (c_i − c_j) + (loss_i + k_i) c_i = source_i + k_i wall_i ,   g_ij = harmonic mean(D_i, D_j) / h² ,

    the finite volumes of  −∇·D∇c + (loss + k) c = source + k wall  with no flux through walls: second order in h.
    Where no right hand side is negative no concentration is, and in each connected region what is made and let in
    equals what is lost and let out to round-off, whatever `rtol`. The threads share the species: the bits do not
    depend on their number.

    Parameters
    ----------
    neighbour : Domain, or (n, 6) int32
        From `prepare` (do so when solving more than once), or the table it takes.
    source : (S, n) or (n,) float
        Secretion per volume and time [nM/h].
    diffusivity : float, (S,), (n,) or (S, n)
        D [um²/h]; a voxel without diffusion is walled off.
    loss : float, (S,), (n,) or (S, n)
        Decay and uptake [1/h].
    spacing : float
        Edge h of a voxel [um].
    exchange : float, (S,), (n,) or (S, n), optional
        Exchange with the blood: permeability × wall area / volume [1/h].
    wall : float, (S,), (n,) or (S, n), optional
        Concentration on the blood's side [nM]; zero by default.
    guess : (S, n) or (n,), optional
        Where to start, such as the last solution.
    rtol : float
        Largest |b − A c| / |b| of each species.
    max_iterations : int
        Largest number of V-cycles for each species.

    Returns
    -------
    Solution

    Raises
    ------
    NumericsError
        Before any work: a wrong shape, a number that is not finite, a negative coefficient, a connected region that
        neither loses nor exchanges (no steady state, or no single one). After it: `rtol` was not reached.

    References
    ----------
    Patankar, Numerical Heat Transfer and Fluid Flow, 1980, ch. 4 (harmonic means); the solver: `kernels.diffusion`.
    """
    domain = neighbour if isinstance(neighbour, Domain) else prepare(neighbour)
    source = finite(source, "source")
    if source.ndim not in (1, 2) or source.shape[-1] != domain.n or source.shape[0] == 0:
        raise NumericsError(
            f"source has shape {source.shape}; expected ({domain.n},) or (species, {domain.n}): one value for each "
            "open voxel."
        )
    if not (np.ndim(spacing) == 0 and np.isfinite(spacing) and spacing > 0.0):
        raise NumericsError(f"spacing is {spacing}; expected the edge of a voxel, one length above zero.")
    if not SMALLEST_RTOL <= rtol < 1.0:
        raise NumericsError(f"rtol is {rtol}; expected a relative tolerance from {SMALLEST_RTOL:g} to below 1.")
    if max_iterations < 1:
        raise NumericsError(f"max_iterations is {max_iterations}; expected at least 1.")
    shape = (1 if source.ndim == 1 else source.shape[0], domain.n)
    diffusivity = spread(diffusivity, shape, "diffusivity", low=0.0)
    loss = spread(loss, shape, "loss", low=0.0)
    exchange = spread(0.0 if exchange is None else exchange, shape, "exchange", low=0.0)
    wall = spread(0.0 if wall is None else wall, shape, "wall")
    guess = None if guess is None else spread(guess, shape, "guess")
    rows = source.reshape(shape)
    operators = [_operator(domain, s, diffusivity[s], loss[s] + exchange[s], spacing) for s in range(shape[0])]

    def solve(s):
        inflow = rows[s] + exchange[s] * wall[s]
        return _solve(operators[s], inflow, None if guess is None else guess[s], rtol, max_iterations)

    threads = min(shape[0], numba.get_num_threads())
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(solve, range(shape[0])))
    else:
        answers = [solve(s) for s in range(shape[0])]
    residual = np.array([reached for _, reached, _ in answers])
    iterations = np.array([cycles for _, _, cycles in answers], dtype=np.int64)
    for s in np.flatnonzero(~(residual <= rtol)):
        raise NumericsError(
            f"species {s}: the relative residual is {residual[s]:.1e} after {iterations[s]} iterations, above rtol "
            f"{rtol:.1e}. Allow more iterations or a larger rtol. (Where the loss is a tiny part of D/h² it hardly "
            "fixes the level, and double precision comes no nearer.)"
        )
    concentration = np.stack([c for c, _, _ in answers]).reshape(source.shape)
    return Solution(concentration=concentration, residual=residual, iterations=iterations)


def solve_steady(
    source,
    *,
    diffusivity,
    loss,
    spacing,
    open_=None,
    exchange=None,
    wall=None,
    guess=None,
    rtol=1e-6,
    max_iterations=5000,
):
    """The steady concentration of dense fields, in any consistent units: see `solve_compact` for the equation.

    Parameters
    ----------
    source : (z, y, x) or (species, z, y, x) float
        Made per volume and time. In two dimensions (y, x), or (species, y, x) with an `open_` of (y, x).
    diffusivity, loss : float, (species,), or shaped as one species or as `source`
        D [length²/time]; decay and uptake [1/time].
    spacing : float
        Edge of a voxel [length].
    open_ : (z, y, x) or (y, x) bool, optional
        True where the solute can be; nothing crosses to false, nor out of the box. All true by default.
    exchange : like `loss`, optional
        Exchange with the blood [1/time].
    wall : like `loss`, optional
        Concentration on the blood's side; zero by default.
    guess : like `source`, optional
        Where to start.
    rtol : float
        Largest relative residual of each species.
    max_iterations : int

    Returns
    -------
    Array like `source`: the concentration, zero in closed voxels, whose input is not read.

    Raises
    ------
    NumericsError
        As `solve_compact`.
    """
    frame = Frame.of(source, open_, "source")
    if guess is not None and np.shape(guess) != frame.full:
        raise NumericsError(f"guess has shape {np.shape(guess)}; expected {frame.full}, as source has.")
    solution = solve_compact(
        frame.domain,
        frame.pack(source, "source"),
        diffusivity=frame.pack(diffusivity, "diffusivity"),
        loss=frame.pack(loss, "loss"),
        spacing=spacing,
        exchange=frame.pack(exchange, "exchange"),
        wall=frame.pack(wall, "wall"),
        guess=frame.pack(guess, "guess"),
        rtol=rtol,
        max_iterations=max_iterations,
    )
    return frame.unpack(solution.concentration)


@dataclass(frozen=True)
class _Operator:
    domain: Domain
    plain: bool
    weight: np.ndarray
    face: np.ndarray
    loss: np.ndarray  # scaled, in the solver's order
    scale: float


def _operator(domain, species, diffusivity, loss, spacing):
    """The matrix of one species, divided by D/h² where D is constant; refused where it is singular."""
    if diffusivity.min() == 0.0:
        domain = _cut(domain, diffusivity == 0.0)
    levels = domain.levels
    plain = diffusivity.min() == diffusivity.max() > 0.0
    scale = spacing**2 / (diffusivity[0] if plain else 1.0)
    loss = loss[levels.order]
    lost = np.bincount(levels.region, weights=loss, minlength=domain.regions)
    if not lost.all():
        region = int(np.argmin(lost))
        inside = levels.order[levels.region == region]
        raise NumericsError(
            f"species {species}: the connected region of voxel {inside.min()} ({inside.size} of {domain.n} voxels; "
            f"{np.count_nonzero(lost == 0.0)} such regions) has neither loss nor exchange, so what is made there piles "
            "up for ever. Give it a loss above zero or an exchange with the blood, or close these voxels."
        )
    weight, face = np.zeros((0, 6)), levels.area
    if domain.pattern is not None:
        if not plain:
            raise NumericsError(f"species {species}: this domain has a pattern of diffusivity; give one number a species.")
        plain, (weight, face) = False, domain.pattern
    elif not plain:
        weight, face = diffusion.conductances(levels, diffusivity[levels.order])
    return _Operator(domain, plain, weight, face, loss * scale, scale)


def _cut(domain, still):
    """The domain with walls round the voxels that do not diffuse."""
    neighbour = domain.neighbour
    closed = still[:, np.newaxis] | still[np.maximum(neighbour, 0)]
    return prepare(np.where(closed, -1, neighbour))


def _solve(operator, inflow, guess, rtol, max_iterations):
    levels = operator.domain.levels
    c = np.zeros(levels.start[-1] + 1)
    if guess is not None:
        c[: inflow.size] = guess[levels.order]
    b = inflow[levels.order] * operator.scale
    reached, cycles = diffusion.solve(
        operator.plain, levels, operator.weight, operator.face, operator.loss, b, c, rtol, max_iterations
    )
    out = np.empty(inflow.size)
    out[levels.order] = c[: inflow.size]
    return out, reached, cycles
