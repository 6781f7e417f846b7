"""Model: everything that stays as it is during a run, in canonical units. Frozen; built once from a scenario."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marrow_niche.body.blood import BloodState
from marrow_niche.body.lymphoid import LymphoidRest
from marrow_niche.geometry import Geometry
from marrow_niche.marrow.lineages import Tree
from marrow_niche.marrow.stem_cells import StemRest
from marrow_niche.transport.domain import Domain


@dataclass(frozen=True, kw_only=True)
class Walls:
    """Sinusoid walls as tubes for exact distances below the voxel: `a`, `b` (e, 3), `radius` (e,) [um], lists by voxel."""

    start: np.ndarray
    item: np.ndarray
    a: np.ndarray
    b: np.ndarray
    radius: np.ndarray
    cap: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """Geometry, species, the tree and the numbers that tie a piece of marrow to its organism."""

    geometry: Geometry
    domain: Domain
    walls: Walls
    index: np.ndarray
    species: Any
    switches: Any
    seed: int
    tree: Tree
    stem_rest: StemRest
    blood_rest: BloodState
    lymphoid_rest: LymphoidRest
    platelets_per_cell: float
    production: dict[str, float]
    piece_share: float
    apart: bool
    stem_weight: float
    weight: np.ndarray
    exposures: tuple[tuple[float, float, float], ...]
    lineage_step: int
    field_step: int
    niche_step: int
    hop_number: float
    hop_rounds: int
    stride: float
    rounds: int
    share: np.ndarray
    rest_cells: np.ndarray
    mixed_rest: dict[str, float]
    facts: dict[str, Any]
    dwelling_cost: np.ndarray = field(default_factory=lambda: np.empty(0))
    """(n,) what keeps stem cells away from a voxel beside its distance from sinusoids [-]; empty: nothing does."""

    @property
    def lattice(self):
        """The lattice."""
        return self.geometry.lattice

    @property
    def n(self):
        """Marrow voxels."""
        return self.geometry.lattice.n

    @property
    def space(self):
        """(n,) extravascular volume of each voxel [um^3]."""
        return self.geometry.extravascular * self.geometry.lattice.spacing**3
