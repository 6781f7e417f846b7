"""The piece of a bone that is built: its corners, what is laid around it, and the tissue of its voxels."""

import numpy as np

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.bone import AXES, Bone
from marrow_niche.geometry.field import Inset
from marrow_niche.geometry.image_bone import image_tissue
from marrow_niche.geometry.lattice import BONE, MARROW, largest_component, voxelise
from marrow_niche.geometry.spec import GeometrySpec
from marrow_niche.kernels import raster


def make_piece(spec: GeometrySpec, bone: Bone) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Corners of the piece, a whole number of voxels thick, and its thickness (None for a slice)."""
    low, high = bone.low.copy(), bone.high.copy()
    if spec.section is None:
        return low, high, float(high[bone.axis] - low[bone.axis])
    section, h = spec.section, spec.voxel
    if section.axis not in ("long", *AXES):
        raise GeometryError(f'geometry.section.axis: {section.axis!r} is not an axis. Give "long", "x", "y" or "z".')
    axis = bone.axis if section.axis == "long" else AXES.index(section.axis)
    extent = float(high[axis] - low[axis])
    at = section.at * extent if section.at_is_fraction else section.at
    name = AXES[axis]
    if not 0.0 <= at <= extent:
        raise GeometryError(
            f"geometry.section: at = {at / 1e3:.4g} mm lies outside the bone, which is {extent / 1e3:.4g} mm along {name}. "
            "Give a place between 0 % and 100 %, counted from the file's low end."
        )
    layers = 1 if section.thickness is None else max(round(section.thickness / h), 1)
    first = low[axis] + at - 0.5 * layers * h
    last = first + layers * h
    if section.thickness is not None:
        below = max(int(np.floor((low[axis] - first) / h)), 0)
        above = max(int(np.floor((last - high[axis]) / h)), 0)
        first, last = first + below * h, last - above * h
    low[axis], high[axis] = first, last
    return low, high, None if section.thickness is None else last - first


def neighbourhood(
    spec: GeometrySpec, bone: Bone, low: np.ndarray, high: np.ndarray, *, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """The box in which things are laid: the section as it was asked for and a margin of real bone around it.

    It is the same for every voxel (of a slice: up to 100 um), so that what is laid is the same too.
    """
    beyond = margin if bone.image is not None else 0.0  # the faces of an image are cuts
    if spec.section is None:
        return bone.low - beyond, bone.high + beyond
    section = spec.section
    axis = bone.axis if section.axis == "long" else AXES.index(section.axis)
    extent = bone.high[axis] - bone.low[axis]
    middle = bone.low[axis] + (section.at * extent if section.at_is_fraction else section.at)
    thickness = section.thickness if section.thickness is not None else 100.0 * np.ceil(spec.voxel / 100.0)
    near_low, near_high = bone.low - beyond, bone.high + beyond
    near_low[axis] = max(min(middle - 0.5 * thickness, low[axis]) - margin, near_low[axis])
    near_high[axis] = min(max(middle + 0.5 * thickness, high[axis]) + margin, near_high[axis])
    return near_low, near_high


def make_tissue(
    spec: GeometrySpec, bone: Bone, inset: Inset, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Labels of the piece before vessels are cut out, cropped to the bone, and the marrow parts that were dropped."""
    h = spec.voxel
    pad = np.array([1, 1, 1])
    if spec.section is not None:
        pad[(low != bone.low) | (high != bone.high)] = 0
    if bone.image is not None:
        pad[:] = 0
        whole, grid = (low == bone.low) & (high == bone.high), bone.image.origin
        from_ = np.where(whole, grid + h * np.floor((low - grid) / h + 1e-6), low)
        to = np.where(whole, grid + h * np.ceil((high - grid) / h - 1e-6), high)
        tissue, origin = image_tissue(bone.image, h, from_, to)
        shape = (int(tissue.shape[0]), int(tissue.shape[1]), int(tissue.shape[2]))
    else:
        number = np.maximum(np.ceil((high - low) / h - 1e-6).astype(int), 1) + 2 * pad
        origin = 0.5 * (low + high) - 0.5 * h * number
        shape = (int(number[2]), int(number[1]), int(number[0]))
        inside = voxelise(bone.surface.vertices, bone.surface.triangles, origin=origin, spacing=h, shape=shape)
        tissue = np.zeros(shape, np.uint8)
        field = inset.cortical
        raster.label(inside, tissue, field.values, field.origin, field.spacing, origin, h, BONE, MARROW)
        for field in inset.trabecular:
            raster.carve(tissue, field.values, field.origin, field.spacing, origin, h, MARROW, BONE)
    marrow, parts, left_out = largest_component(tissue == MARROW)
    tissue[(tissue == MARROW) & ~marrow] = BONE
    crop, shift = [], np.zeros(3)
    for d in range(3):
        filled = np.flatnonzero((tissue > 0).any(axis=tuple(k for k in range(3) if k != d)))
        thin = pad[2 - d] == 0
        first = 0 if thin or filled.size == 0 else max(int(filled[0]) - 1, 0)
        last = shape[d] if thin or filled.size == 0 else min(int(filled[-1]) + 2, shape[d])
        crop.append(slice(first, last))
        shift[2 - d] = first * h
    return np.ascontiguousarray(tissue[tuple(crop)]), origin + shift, (parts, left_out)
