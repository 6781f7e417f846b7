"""The stromal cells that feed and quiet stem cells, each at its true density and place."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.lattice import Lattice
from marrow_niche.geometry.near import Blocks, Tubes, nearest
from marrow_niche.geometry.packing import thin, wander
from marrow_niche.geometry.vessels import ARTERIOLE, Vessels
from marrow_niche.kernels.voxels import find_voxels

SNAP = 2
"""A cell whose own voxel is closed belongs to the nearest marrow voxel within so many."""

ROUNDS = 20
"""Times that cells without a place are tried again; what remains then has no room."""


@dataclass(frozen=True, kw_only=True)
class Niches:
    """Cells of the stroma: where each stands [um] and the marrow voxel it belongs to."""

    stroma: np.ndarray
    """(k, 3) perivascular LepR+, CXCL12-abundant cells, just outside sinusoid walls."""
    stroma_voxel: np.ndarray
    """(k,) int32."""
    osteoblast: np.ndarray
    """(b, 3) on active patches of the endosteum."""
    osteoblast_voxel: np.ndarray
    megakaryocyte: np.ndarray
    """(m, 3) beside sinusoids."""
    megakaryocyte_voxel: np.ndarray
    adipocyte: np.ndarray
    """(a, 3) centres of fat cells."""
    adipocyte_radius: np.ndarray
    """(a,) [um]."""
    territory: np.ndarray
    """(n,) int32 nearest megakaryocyte of each marrow voxel, -1 if there is none."""


def make_niches(
    lattice: Lattice,
    blocks: Blocks,
    vessels: Vessels,
    tubes: Tubes,
    inset: Inset,
    bone_area: np.ndarray,
    anatomy: Anatomy,
    *,
    marrow_volume: float,
    low: np.ndarray,
    high: np.ndarray,
    draws: np.random.Generator,
    given: Mapping[str, np.ndarray],
    fat: tuple[np.ndarray, np.ndarray],
) -> Niches:
    """Place the stroma.

    Parameters
    ----------
    lattice : Lattice
    blocks : Blocks
        Of its voxels.
    vessels, tubes : Vessels, Tubes
        Of the piece and some margin; `tubes` holds all vessels.
    inset : Inset
        Signed distance to the endosteum [um].
    bone_area : (n,) float64
        Endosteum in each marrow voxel [um^2].
    anatomy : Anatomy
    marrow_volume : float
        Of the box between `low` and `high`, in which cells are placed; those in the lattice are kept [um^3].
    low, high : (3,) float64
        [um].
    draws : numpy.random.Generator
    given : mapping of str to (k, 3) float64
        Measured places of "stroma", "osteoblast" or "megakaryocyte", instead of those made here [um].
    fat : (a, 3), (a,) float64
        Centres and radii of adipocytes [um].
    """
    index = lattice.index()

    def keep(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        voxel = np.empty(len(points), np.int32)
        find_voxels(points, lattice.origin, lattice.spacing, index, SNAP, voxel)
        return points[voxel >= 0], voxel[voxel >= 0]

    stroma = _beside_sinusoids(
        vessels, tubes, inset, low, high, draws,
        number=anatomy.stroma_density * 1e-9 * marrow_volume,
        gap=(0.5, max(anatomy.stroma_gap, 0.5)),
        clear=0.0,
        apart=anatomy.stroma_diameter,
    )  # fmt: skip
    large = anatomy.megakaryocyte_radius
    megakaryocytes = _beside_sinusoids(
        vessels, tubes, inset, low, high, draws,
        number=anatomy.megakaryocyte_density * 1e-9 * marrow_volume,
        gap=(0.7 * large, 1.2 * large),
        clear=0.7 * large,
        apart=2.0 * large,
    )  # fmt: skip
    stroma = given.get("stroma", stroma)
    megakaryocytes = given.get("megakaryocyte", megakaryocytes)
    stroma, stroma_voxel = keep(stroma)
    megakaryocyte, megakaryocyte_voxel = keep(_cut_by_slab(megakaryocytes, lattice, large))
    osteoblast, osteoblast_voxel = _on_endosteum(lattice, inset, bone_area, anatomy, draws)
    if "osteoblast" in given:
        osteoblast, osteoblast_voxel = keep(given["osteoblast"])
    centre, size = fat
    top = lattice.origin + lattice.spacing * np.array(lattice.shape[::-1])
    reaches = ((centre > lattice.origin - size[:, None]) & (centre < top + size[:, None])).all(axis=1)
    return Niches(
        stroma=stroma,
        stroma_voxel=stroma_voxel,
        osteoblast=osteoblast,
        osteoblast_voxel=osteoblast_voxel,
        megakaryocyte=megakaryocyte,
        megakaryocyte_voxel=megakaryocyte_voxel,
        adipocyte=centre[reaches],
        adipocyte_radius=size[reaches],
        territory=nearest(megakaryocyte, blocks),
    )


def _cut_by_slab(points: np.ndarray, lattice: Lattice, radius: float) -> np.ndarray:
    """Of bodies of `radius` [um] at points (m, 3), those that a slab one voxel thick cuts, their centres brought into it.

    In three dimensions all points, as they are.
    """
    for axis, voxels in enumerate(reversed(lattice.shape)):
        if lattice.dimension == 2 and voxels == 1:
            low, high = lattice.origin[axis], lattice.origin[axis] + lattice.spacing
            points = points[(points[:, axis] > low - radius) & (points[:, axis] < high + radius)]
            points[:, axis] = np.clip(points[:, axis], low + 1e-3, high - 1e-3)
    return points


def _beside_sinusoids(
    vessels: Vessels,
    tubes: Tubes,
    inset: Inset,
    low: np.ndarray,
    high: np.ndarray,
    draws: np.random.Generator,
    *,
    number: float,
    gap: tuple[float, float],
    clear: float,
    apart: float,
) -> np.ndarray:
    """Points (k, 3) at a distance in `gap` from a sinusoid wall, `clear` of every vessel and bone, `apart` of each other."""
    wanted = int(number) + int(draws.random() < number % 1.0)
    reach = vessels.radius[:, None] + gap[1]
    touches = (np.maximum(vessels.a, vessels.b) + reach > low) & (np.minimum(vessels.a, vessels.b) - reach < high)
    edge = np.flatnonzero((vessels.kind != ARTERIOLE) & touches.all(axis=1))
    if wanted == 0 or edge.size == 0:
        return np.empty((0, 3))
    a, axis = vessels.a[edge], vessels.b[edge] - vessels.a[edge]
    length = np.linalg.norm(axis, axis=1)
    share = np.cumsum(length * vessels.radius[edge])
    found = np.empty((0, 3))
    for _ in range(ROUNDS):
        tries = int(2.0 * (wanted - len(found))) + 200
        chosen = np.searchsorted(share, draws.random(tries) * share[-1])
        along = axis[chosen] / length[chosen, None]
        helper = np.eye(3)[np.abs(along).argmin(axis=1)]
        side = np.cross(along, helper)
        side /= np.linalg.norm(side, axis=1)[:, None]
        angle = 2.0 * np.pi * draws.random(tries)
        out = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * np.cross(along, side)
        away = vessels.radius[edge][chosen] + gap[0] + (gap[1] - gap[0]) * draws.random(tries)
        points = a[chosen] + draws.random(tries)[:, None] * axis[chosen] + away[:, None] * out
        points = points[((points >= low) & (points <= high)).all(axis=1)]
        points = points[inset.at(points) > clear]
        points = points[~tubes.hold(points, margin=clear)]
        found = thin(np.concatenate([found, points]), apart, wanted)
        if len(found) >= wanted:
            break
    return found


def _on_endosteum(
    lattice: Lattice, inset: Inset, bone_area: np.ndarray, anatomy: Anatomy, draws: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Osteoblasts on patches about 150 um wide that make up the active share of the surface."""
    rim = np.flatnonzero(bone_area > 0.0).astype(np.int32)
    number = anatomy.osteoblast_density * anatomy.osteoblast_active_share * 1e-6 * float(bone_area.sum())
    number = int(number) + int(draws.random() < number % 1.0)
    if number == 0 or rim.size == 0:
        return np.empty((0, 3)), np.empty(0, np.int32)
    centre = lattice.centres(rim)
    wave = wander(centre, amplitude=1.0, wavelength=400.0, draws=draws)[:, 0]
    order = np.argsort(-wave, kind="stable")
    area = np.cumsum(bone_area[rim][order])
    active = order[: max(int(np.searchsorted(area, anatomy.osteoblast_active_share * area[-1])) + 1, 1)]
    weight = np.cumsum(bone_area[rim][active])
    chosen = active[np.searchsorted(weight, draws.random(number) * weight[-1])]
    points = centre[chosen] + lattice.spacing * (draws.random((number, 3)) - 0.5)
    if lattice.dimension == 3:
        for _ in range(2):
            points = points + (4.0 - inset.at(points))[:, None] * inset.gradient(points)
    index = lattice.index()
    voxel = np.empty(number, np.int32)
    find_voxels(points, lattice.origin, lattice.spacing, index, SNAP, voxel)
    lost = voxel < 0
    points[lost], voxel[lost] = centre[chosen][lost], rim[chosen][lost]
    return points, voxel
