"""What a step in time needs besides the field: the lattice, its coefficients, the step; checked once, used many times."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from marrow_niche.errors import NumericsError
from marrow_niche.kernels import explicit
from marrow_niche.transport.domain import Domain, prepare
from marrow_niche.transport.ledger import Budget, added_up
from marrow_niche.transport.shapes import check_spacing, distinct, even, spread

WORTH_SHARING = 100_000  # voxels and species below which handing out the work costs more than it saves


@dataclass(frozen=True, kw_only=True)
class Step:
    """The fields at the end of a step, and how they came about."""

    concentration: np.ndarray  # (S, n), or (n,) as the start was
    residual: np.ndarray  # (S,): |b - A c| / |b| of the worst solve; 0 where nothing is solved
    iterations: np.ndarray  # (S,) int64: V-cycles
    scheme: str  # which was taken
    repaired: np.ndarray  # (S,): what would have been below zero, as part of what is above; see `implicit.second_order`
    budget: Budget | None = None  # mean flows over the step; the schemes that solve nothing keep none


Made = Callable[[np.ndarray], np.ndarray]  # (S, n) concentrations to (S, n) of what is made per time
March = Callable[[np.ndarray, Made], Step]  # one step of dt: what a scheme makes of a `Medium`


@dataclass(frozen=True, kw_only=True)
class Medium:
    """Where and through what the species go, and how far in time at once."""

    domain: Domain
    diffusivity: np.ndarray  # (S, n), as all that follow
    loss: np.ndarray
    exchange: np.ndarray
    wall: np.ndarray
    spacing: float
    dt: float
    rtol: float
    max_iterations: int
    dtype: np.dtype  # of the field

    @classmethod
    def of(
        cls, neighbour, shape, *, diffusivity, loss, exchange, wall, spacing, dt, rtol, max_iterations, dtype=np.float64
    ):
        """Checked and spread to `shape` (S, n); NumericsError as in `transient.advance_compact`."""
        if not (np.ndim(dt) == 0 and np.isfinite(dt) and dt > 0.0):
            raise NumericsError(f"dt is {dt}; expected one time step above zero.")
        check_spacing(spacing)
        domain = neighbour if isinstance(neighbour, Domain) else prepare(neighbour)
        if shape[1] != domain.n:
            raise NumericsError(f"concentration has {shape[1]} voxels; expected {domain.n}, one for each open voxel.")
        return cls(
            domain=domain,
            diffusivity=spread(diffusivity, shape, "diffusivity", low=0.0),
            loss=spread(loss, shape, "loss", low=0.0),
            exchange=spread(0.0 if exchange is None else exchange, shape, "exchange", low=0.0),
            wall=spread(0.0 if wall is None else wall, shape, "wall"),
            spacing=float(spacing),
            dt=float(dt),
            rtol=rtol,
            max_iterations=max_iterations,
            dtype=np.dtype(dtype),
        )

    @property
    def species(self):
        return self.diffusivity.shape[0]

    @cached_property
    def lost(self):
        """(S, n): loss and exchange [1/time]."""
        return np.broadcast_to(distinct(self.loss) + distinct(self.exchange), self.loss.shape)

    @cached_property
    def entering(self):
        """(S, n): what the blood brings per time."""
        return np.broadcast_to(distinct(self.exchange) * distinct(self.wall), self.loss.shape)

    @property
    def patterned(self):
        """Whether the diffusivities vary by a pattern that only the solver of the steady state knows."""
        return self.domain.pattern is not None

    @cached_property
    def weights(self):
        """The conductance of each face over h² [1/time]: one number, or (n, 6), for each species."""
        if self.patterned:
            raise NumericsError(
                "This domain has a pattern of diffusivity, which the schemes explicit and lod do not read. Give the "
                "diffusivity of each voxel on a domain without one, or take scheme='second_order'."
            )
        out = []
        for d in self.diffusivity:
            one = even(d)
            if one is None:
                out.append(explicit.conductances(self.domain.neighbour, d / self.spacing**2))
            else:
                out.append(one / self.spacing**2)
        return out

    @cached_property
    def faces(self):
        """(n,) int8: the open faces of each voxel."""
        return (self.domain.neighbour >= 0).sum(axis=1, dtype=np.int8)

    def outflow(self, s):
        """(n,): the conductances of each voxel's faces, added up [1/time], of species s."""
        weight = self.weights[s]
        return weight * self.faces if np.isscalar(weight) else weight.sum(axis=1)

    def budget(self, mean, made, start, end):
        """The `Budget` of a step in which losses are those of the `mean` concentration: all (S, n)."""
        volume = self.spacing**3
        return added_up(mean, made, self.loss, self.exchange, self.wall, volume, start=start, end=end, dt=self.dt)

    def step(self, concentration, scheme):
        """A Step that solved nothing."""
        none = np.zeros(self.species)
        return Step(
            concentration=concentration,
            residual=none,
            iterations=none.astype(np.int64),
            scheme=scheme,
            repaired=none,
        )


def share(work, sizes):
    """Call work(k) for every job k, on the threads there are; `sizes` say how much each has to do."""
    threads = numba.get_num_threads()
    if min(threads, len(sizes)) == 1 or sum(sizes) < WORTH_SHARING:
        for k in range(len(sizes)):
            work(k)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(len(sizes))))
