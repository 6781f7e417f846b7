"""Reaction-diffusion on a masked lattice, usable without the rest of the package.

Fields are dense (z, y, x) or (species, z, y, x) in `solve_steady` and `advance`; the run itself keeps only the open
voxels, (species, n), and calls `solve_compact` with a `Domain` it has prepared once.
"""

from marrow_niche.transport.boundaries import Fixed, Flux, Robin
from marrow_niche.transport.dense import solve_steady
from marrow_niche.transport.domain import Domain, neighbours_of, prepare
from marrow_niche.transport.ledger import Budget, budget
from marrow_niche.transport.saturable import Saturable, solve_saturable
from marrow_niche.transport.steady import Solution, solve_compact
from marrow_niche.transport.transient import Step, advance, advance_compact

__all__ = [
    "Budget",
    "Domain",
    "Fixed",
    "Flux",
    "Robin",
    "Saturable",
    "Solution",
    "Step",
    "advance",
    "advance_compact",
    "budget",
    "neighbours_of",
    "prepare",
    "solve_compact",
    "solve_saturable",
    "solve_steady",
]
