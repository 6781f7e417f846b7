"""Model: everything that stays as it is during a run, in canonical units. Frozen; built once from a scenario."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from marrow_niche.body.blood import BloodState
from marrow_niche.body.lymphoid import LymphoidRest
from marrow_niche.body.spleen import SpleenRest
from marrow_niche.geometry import Geometry
from marrow_niche.marrow.damage import Exposure
from marrow_niche.marrow.genes import Genes
from marrow_niche.marrow.lineages import Tree
from marrow_niche.marrow.stem_cells import StemRest
from marrow_niche.transport.domain import Domain


@dataclass(frozen=True, kw_only=True)
class Walls:
    """Sinusoid walls as tubes for exact distances below the voxel: `a`, `b` (e, 3), `radius` (e,) [um]; lists by voxel, nearest
    first, with the `gap` that each tube leaves (`geometry.near.Near`)."""

    start: np.ndarray
    item: np.ndarray
    gap: np.ndarray
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
    genes: Genes
    gains: np.ndarray
    """(n_line, n_signal) what cells of each line make of each signal, over the wild type [-]."""
    least_felt: np.ndarray
    """(n_signal,) the least that committed cells feel of each signal, over rest [-]."""
    stem_rest: StemRest
    blood_rest: BloodState
    lymphoid_rest: LymphoidRest
    spleen_rest: SpleenRest
    platelets_per_cell: float
    production: dict[str, float]
    piece_share: float
    apart: bool
    stem_weight: float
    weight: np.ndarray
    exposures: tuple[Exposure, ...]
    patterns: np.ndarray | None
    """(p, n) dose in each voxel over that of an exposure, by the number of its pattern; None: 1 everywhere."""
    oxygen_at_rest: np.ndarray
    """(2, k) oxygen at places of equal weight at rest [nM]: of marrow cells, and of stem cells."""
    events: tuple[Any, ...]
    """Events other than radiation, each with `due(hour)` and `strike(state, model)`."""
    blockades: tuple[Any, ...]
    """Events that block VEGFR2, each with `left(hour)`, the share of its signal that is left."""
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
    def long_axis(self):
        """Which of x, y, z (0, 1, 2) the bone is longest along, nearly."""
        return "xyz".index(self.facts["long_axis"])

    @property
    def n(self):
        """Marrow voxels."""
        return self.geometry.lattice.n

    def vegfr2(self, hour):
        """Signal of VEGFR2 on sinusoids in this hour, over the wild type's without a drug [-]."""
        return math.prod((blockade.left(hour) for blockade in self.blockades), start=self.genes.vegfr2)

    @cached_property
    def space(self):
        """(n,) extravascular volume of each voxel [um^3]; not to be written to."""
        return self.geometry.extravascular * self.geometry.lattice.spacing**3

    def mean(self, values):
        """The mean over the marrow outside vessels of `values` (n,); one number is its own."""
        return float(self.space @ values) / self.all_space if np.ndim(values) else float(values)

    @cached_property
    def all_space(self):
        """Extravascular volume of the piece [um^3]."""
        return float(self.space.sum())

    @cached_property
    def all_wall(self):
        """Walls of its sinusoids and of its arterioles [um^2]."""
        return float(self.geometry.sinusoid_area.sum()), float(self.geometry.arteriole_area.sum())
