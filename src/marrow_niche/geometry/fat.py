"""Marrow fat: adipocytes as spheres between vessels and bone, as many as fill a given share of the marrow."""

from dataclasses import replace

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.near import Blocks, Near, Tubes, middled, search, share_inside
from marrow_niche.geometry.points import Points
from marrow_niche.geometry.vessels import Vessels
from marrow_niche.kernels import raster

SQUEEZE = 0.8
"""Centres keep this share of a mean diameter apart, and of their own radius off bone: fat cells flatten against others."""
SPREAD = 0.18
"""Standard deviation of the logarithm of their radius."""
ROUNDS = 12
"""Times that cells without a place are tried again."""
ADIPOCYTE = 3
"""Column of fat in the shares of a voxel, after the kinds of vessels."""


def make_fat(
    inset: Inset,
    tubes: Tubes,
    anatomy: Anatomy,
    *,
    asked: float | None,
    given: Points | None,
    volume: float,
    low: np.ndarray,
    high: np.ndarray,
    draws: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Adipocytes in a box.

    Parameters
    ----------
    inset : Inset
    tubes : Tubes
        All vessels, boxed with a margin of at least an adipocyte's radius; no centre lies nearer to a wall than that.
    anatomy : Anatomy
    asked : float, optional
        Share of the marrow's volume that is fat; without it, the species' density decides.
    given : Points, optional
        Measured adipocytes, instead of any made here.
    volume : float
        Of the marrow in the box [um^3].
    low, high : (3,) float64
        Corners of the box [um].
    draws : numpy.random.Generator

    Returns
    -------
    centre : (a, 3), radius : (a,) float64
        [um]. Fewer than asked where no more find room between the vessels (`spread_fat`).
    """
    mean = anatomy.adipocyte_radius
    if given is not None and "adipocyte" in given.position:
        size = given.radius["adipocyte"]
        return given.position["adipocyte"], np.where(np.isnan(size), mean, size)
    each = 4.0 / 3.0 * np.pi * mean**3 * np.exp(4.5 * SPREAD**2)
    number = anatomy.adipocyte_density * 1e-9 * volume if asked is None else asked * volume / each
    wanted = int(number + draws.random())
    found, size = np.empty((0, 3)), np.empty(0)
    for _ in range(ROUNDS if wanted else 0):
        tries = 6 * (wanted - len(found)) + 500
        points = low + (high - low) * draws.random((tries, 3))
        radius = mean * np.exp(SPREAD * draws.standard_normal(tries))
        free = inset.at(points) > SQUEEZE * radius
        free[free] = ~tubes.hold(points[free], margin=0.5 * mean)
        every, sizes = np.concatenate([found, points[free]]), np.concatenate([size, radius[free]])
        kept = raster.dart_throwing(every, 2.0 * SQUEEZE * mean, wanted) if len(every) else np.empty(0, np.int64)
        found, size = every[kept], sizes[kept]
        if len(found) >= wanted:
            break
    return found, size


def among_fat(anatomy: Anatomy, share: float | None) -> Anatomy:
    """The anatomy of a marrow of which `share` is fat: vessels and megakaryocytes keep their share of the rest.

    The volume of tubes goes with their spacing to the power -2.
    """
    if not share:
        return anatomy
    apart = (1.0 - share) ** -0.5
    return replace(
        anatomy,
        sinusoid_spacing=apart * anatomy.sinusoid_spacing,
        arteriole_spacing=apart * anatomy.arteriole_spacing,
        megakaryocyte_density=(1.0 - share) * anatomy.megakaryocyte_density,
    )


def spread_fat(share: np.ndarray, asked: float) -> None:
    """Let fat take what is asked in the mean: what found no place as spheres lies evenly in what is free; in place.

    Parameters
    ----------
    share : (n, 4) float64, written
        Of `fill_shares`.
    asked : float
        Share of the marrow that is fat.

    Raises
    ------
    GeometryError
        Vessels and fat leave less than a twentieth of the marrow to cells.
    """
    vessels = float(share[:, :ADIPOCYTE].sum(axis=1).mean())
    if vessels + asked > 0.95:
        raise GeometryError(
            f"geometry.fat: {asked:.0%} of fat beside {vessels:.0%} of vessels leaves no room for cells. Ask for less fat, or "
            "lay vessels farther apart by [parameters] anatomy.sinusoid_spacing."
        )
    free = np.maximum(1.0 - share.sum(axis=1), 0.0)
    lacking = asked * len(share) - share[:, ADIPOCYTE].sum()
    if lacking > 0.02 * asked * len(share):
        share[:, ADIPOCYTE] += free * lacking / free.sum()


def fill_shares(
    vessels: Vessels, fat: tuple[np.ndarray, np.ndarray], near: tuple[Near, Near], blocks: Blocks, *, spacing: float
) -> np.ndarray:
    """Share of each voxel (n, 4) inside sinusoids, arterioles, veins and adipocytes (`ADIPOCYTE`) [-].

    Parameters
    ----------
    vessels : Vessels
    fat : (a, 3), (a,) float64
        Centres and radii of adipocytes [um]; what lies in a vessel too is the vessel's.
    near : (Near, Near)
        Lists of sinusoids and veins, and of arterioles, of the voxels of `blocks`.
    blocks : Blocks
    spacing : float
        [um].
    """
    centre, size = fat
    a, b, radius, kind = vessels.a, vessels.b, vessels.radius, vessels.kind
    if len(centre):
        _, cells = search(middled(centre, centre, size, cell=100.0), blocks, cap=0.0)
        near = (near[0], near[1].joined(Near(start=cells.start, item=cells.item + np.int32(len(radius)))))
        a, b, radius = (np.concatenate(pair) for pair in ((a, centre), (b, centre), (radius, size)))
    order = np.concatenate([kind + 1, np.zeros(len(centre), np.uint8)]).astype(np.uint8)
    share = share_inside((a, b, radius, order), near, blocks.voxel, spacing=spacing, kinds=4)
    return np.stack([share[:, column] for column in (1, 2, 3, 0)]).T
