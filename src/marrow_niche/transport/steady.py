"""The steady state of diffusion, loss and exchange with the blood, on a masked lattice with walls nothing crosses."""

from dataclasses import replace

import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.transport.domain import Domain, prepare
from marrow_niche.transport.engine import Solution, solve_species
from marrow_niche.transport.shapes import check_spacing, finite, spread

SMALLEST_RTOL = 1e-13


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
    equals what is lost and let out to round-off, whatever `rtol`. The threads share the voxels: the bits do not
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
        Largest ‖b − A c‖ / ‖b‖ of each species.
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
    Patankar, Numerical Heat Transfer and Fluid Flow, 1980, ch. 4 (harmonic means); the solver: `kernels.multigrid`.
    """
    domain, source = prepared(neighbour, source, spacing, rtol, max_iterations=max_iterations)
    shape = (1 if source.ndim == 1 else source.shape[0], domain.n)
    diffusivity = spread(diffusivity, shape, "diffusivity", low=0.0)
    loss = spread(loss, shape, "loss", low=0.0)
    exchange = None if exchange is None else spread(exchange, shape, "exchange", low=0.0)
    wall = spread(0.0 if wall is None else wall, shape, "wall")
    guess = None if guess is None else spread(guess, shape, "guess")
    rows = source.reshape(shape)
    solution = solve_species(domain, rows, diffusivity, loss, exchange, wall, float(spacing), guess, rtol, max_iterations)
    residual, iterations = solution.residual, solution.iterations
    for s in np.flatnonzero(~(residual <= rtol)):
        raise NumericsError(
            f"species {s}: the relative residual is {residual[s]:.1e} after {iterations[s]} iterations, above rtol "
            f"{rtol:.1e}. Allow more iterations or a larger rtol. (Where the loss is a tiny part of D/h² it hardly "
            "fixes the level, and double precision comes no nearer.)"
        )
    return replace(solution, concentration=solution.concentration.reshape(source.shape))


def prepared(neighbour, source, spacing, rtol, **counts):
    """What every solve begins with: the `Domain`, and the source (S, n) or (n,) as float64.

    Raises NumericsError unless the source fits, the spacing is a length, rtol can be met and each of `counts` is at least 1.
    """
    domain = neighbour if isinstance(neighbour, Domain) else prepare(neighbour)
    source = finite(source, "source")
    if source.ndim not in (1, 2) or source.shape[-1] != domain.n or source.shape[0] == 0:
        raise NumericsError(
            f"source has shape {source.shape}; expected ({domain.n},) or (species, {domain.n}): one value for each "
            "open voxel."
        )
    check_spacing(spacing)
    if not SMALLEST_RTOL <= rtol < 1.0:
        raise NumericsError(f"rtol is {rtol}; expected a relative tolerance from {SMALLEST_RTOL:g} to below 1.")
    for name, count in counts.items():
        if count < 1:
            raise NumericsError(f"{name} is {count}; expected at least 1.")
    return domain, source


__all__ = ["SMALLEST_RTOL", "Solution", "prepared", "solve_compact"]
