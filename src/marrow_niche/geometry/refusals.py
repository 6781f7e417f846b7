"""What cannot be built, told before memory is spent on it, with what would fit."""

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.anatomy import Anatomy
from marrow_niche.geometry.bone import AXES, Bone
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.made_bones import made_bone
from marrow_niche.geometry.spec import GeometrySpec

MOST_CORDS = 8_000_000
"""Cords (and with each about five sinusoids) that are laid at most: what Qhull can number."""
BYTES_PER_CORD, BYTES_PER_STROMAL_CELL = 3500.0, 500.0
"""What it costs to lay them, the lists of what is near each voxel included."""
BYTES_PER_MARROW_VOXEL = 900.0
"""What a marrow voxel costs in a run: geometry 350, fields, counts and niche state the rest."""


def refuse_hopeless(
    spec: GeometrySpec,
    bone: Bone,
    anatomy: Anatomy,
    volume: float,
    around: float,
    low: np.ndarray,
    high: np.ndarray,
    inset: Inset,
) -> None:
    """Refuse what cannot be built before memory is spent on it."""
    import psutil

    h = spec.voxel
    deepest = float(bone.radius.max())
    if bone.marrow_volume <= 0.0:
        raise GeometryError(_no_cavity(spec, bone, deepest))
    if volume <= 0.0:
        raise GeometryError("geometry.section: there is no marrow in this piece, only bone. " + _where_marrow_is(bone))
    cords = 0.65 * around / anatomy.sinusoid_spacing**3
    if cords > MOST_CORDS:
        raise GeometryError(
            f"geometry: the piece and its surroundings hold {around * 1e-9:.4g} mm^3 of marrow, about "
            f"{5 * cords:.2g} sinusoids; more than {5 * MOST_CORDS:.2g} are not laid. Take a thinner section: about "
            f"{MOST_CORDS / cords:.0%} of this volume. A piece stands for the whole marrow."
        )
    box = float(np.prod(np.ceil((high - low) / h) + 2))
    laid = BYTES_PER_CORD * cords + BYTES_PER_STROMAL_CELL * anatomy.stroma_density * 1e-9 * volume
    need = 8.0 * box + BYTES_PER_MARROW_VOXEL * volume / h**3 + laid
    free = 0.8 * psutil.virtual_memory().available
    if need > free:
        fits = h * (need / free) ** (1.0 / 3.0)
        digits = 10.0 ** (np.floor(np.log10(fits)) - 1)
        raise GeometryError(
            f"geometry.voxel: {h:.4g} um makes {box:.3g} voxels, {volume / h**3:.3g} of them marrow, which needs about "
            f"{need / 2**30:.3g} GiB; {free / 2**30:.3g} GiB are free. "
            f'Take voxel = "{np.ceil(fits / digits) * digits:.3g} um" or larger, or a section of the bone.'
        )


def _no_cavity(spec: GeometrySpec, bone: Bone, deepest: float) -> str:
    """Why the cortex leaves no marrow, and what would."""
    thick = float(bone.cortex.max())
    made = None if spec.bone is None else made_bone(spec.bone)
    if made is not None and made.even and spec.cortex is None:
        least = 1.1 * bone.length * thick / max(deepest, 1e-9) / 1e3
        digits = 10.0 ** (np.floor(np.log10(least)) - 1)
        return (
            f"geometry.length: at {bone.length / 1e3:.4g} mm the {made.name} is nowhere more than {deepest:.4g} um deep, and "
            f"its cortex of {thick:.4g} um, which length does not scale, leaves no marrow. Take length = "
            f'"{np.ceil(least / digits) * digits:.3g} mm" or more (its own is {made.length / 1e3:.4g} mm), or a cortex of your '
            f'own, such as cortex = "{0.5 * deepest:.2g} um".'
        )
    hopeless = made is not None and made.even and made.cortex >= deepest
    without = "" if hopeless else ", or leave it out: the default keeps a cavity"
    return (
        f"geometry.cortex: a cortex of {thick:.4g} um leaves no marrow in a bone that is nowhere more than {deepest:.4g} um "
        f"deep. Give a thinner one{without}."
    )


def _where_marrow_is(bone: Bone) -> str:
    open_ = bone.station[bone.area > 0.0] - bone.low[bone.axis]
    extent = bone.high[bone.axis] - bone.low[bone.axis]
    if open_.size == 0:
        return "Take a thinner cortex."
    return (
        f"Along {AXES[bone.axis]} this bone has marrow between {open_[0] / extent:.0%} and {open_[-1] / extent:.0%} "
        "of its extent."
    )


def too_coarse(spec: GeometrySpec, found: int, volume: float, thick: float | None) -> str:
    h = spec.voxel
    wanted = 200.0
    fits = (volume / wanted) ** (1.0 / 3.0) if thick else h * np.sqrt(volume / h**3 / wanted)
    fits = min(fits, 0.5 * h)
    digits = 10.0 ** np.floor(np.log10(fits))
    return (
        f"geometry.voxel: with voxels of {h:.4g} um this piece has {found} marrow voxels, too few to hold a marrow. "
        f'Take voxel = "{np.floor(fits / digits) * digits:.3g} um" or smaller.'
    )


def refuse_crowded(filled: float, anatomy: Anatomy) -> None:
    """Refuse vessels that leave no room: `filled` is their share of the marrow."""
    if filled > 0.8:
        raise GeometryError(
            f"geometry: vessels fill {filled:.0%} of this marrow and leave no room for cells. Sinusoids of radius "
            f"{anatomy.sinusoid_radius:.4g} um stand {anatomy.sinusoid_spacing:.4g} um apart: lay them farther apart or make "
            "them thinner, by [parameters] anatomy.sinusoid_spacing and anatomy.sinusoid_radius, or check the radii of your "
            "own vessels."
        )
