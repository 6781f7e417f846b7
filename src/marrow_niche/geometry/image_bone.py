"""A bone given as a volume of labels: where its marrow lies, how far the bone is, and which voxels of the run it fills.

Where marrow meets what is outside, the tissue was cut: there is a wall for what moves, but no endosteum.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from marrow_niche.geometry.bone import Bone
from marrow_niche.geometry.field import Field, Inset
from marrow_niche.geometry.image import LabelImage, coarsened
from marrow_niche.geometry.lattice import BONE, MARROW, OUTSIDE
from marrow_niche.geometry.mesh import Surface

NODES = 8_000_000
"""Nodes on which the distance to bone is kept, at most; a larger image is coarsened for it."""
SHOWN = 400_000
"""Nodes from which the surface that is drawn is made, at most."""
FAR = 1e4
"""The distance to bone where there is none [um]."""


def bone_of_image(image: LabelImage) -> Bone:
    """The solid of a label image: extents, axis, cross-sections of marrow.

    The long axis is that of the longest side of the tissue's box (z before y before x where they are equal).
    """
    solid = image.labels != OUTSIDE
    filled = [np.flatnonzero(solid.any(axis=tuple(k for k in range(3) if k != d))) for d in range(3)]
    step = image.spacing[::-1]
    first = np.array([filled[2 - d][0] for d in range(3)])
    last = np.array([filled[2 - d][-1] + 1 for d in range(3)])
    low, high = image.origin + step * first, image.origin + step * last
    extents = high - low
    axis = 2 - int(np.argmax(np.round(extents[::-1] / extents.max(), 6)))
    inside = np.moveaxis(image.labels >= MARROW, 2 - axis, 0)
    across = [d for d in (2, 1, 0) if d != axis]
    count = inside.reshape(inside.shape[0], -1).sum(axis=1)
    face = float(np.prod([step[d] for d in across]))
    station = image.origin[axis] + step[axis] * (np.arange(inside.shape[0]) + 0.5)
    centre = np.empty((len(station), 3))
    centre[:] = 0.5 * (low + high)
    centre[:, axis] = station
    radius = np.sqrt(count * face / np.pi)
    return Bone(
        surface=_shown(image),
        axis=axis,
        angle=0.0,
        extents=np.sort(extents)[::-1],
        low=low,
        high=high,
        station=station,
        radius=radius,
        centre=centre,
        cortex=np.zeros(len(station)),
        area=count * face,
        image=image,
    )


def image_inset(image: LabelImage, *, margin: float = 0.0) -> Inset:
    """Signed distance to bone at the centres of the image's voxels, positive in marrow [um].

    Beyond the faces of the image all goes on as it is there for `margin` [um]. Beyond a cut inside it, it goes on as if the
    marrow did for a voxel or two and then falls below nought.
    """
    flat, height = image.labels.shape[0] == 1, float(image.spacing[0]) * image.labels.shape[0]
    if flat:
        height += 2.0 * margin
        image = replace(image, spacing=image.spacing[[1, 1, 2]])
    volume = np.prod(image.spacing[1:]) * image.labels[0].size * height
    pitch = float(max(image.spacing.max(), (volume / NODES) ** (1.0 / 3.0)))
    labels = image.labels if (image.spacing == pitch).all() else coarsened(image, pitch)[0]
    bone = labels == BONE
    if bone.any():
        away = np.where(bone, 0.0, ndimage.distance_transform_edt(~bone)) - ndimage.distance_transform_edt(bone)
        values = pitch * (away - 0.5 * np.sign(away))
    else:
        values = np.full(labels.shape, FAR)
    outside = labels == OUTSIDE
    if outside.any():
        beyond = ndimage.distance_transform_edt(labels < MARROW) if (labels >= MARROW).any() else FAR
        values = np.where(outside, np.abs(values) * (1.0 - beyond / 3.0), values)
    origin = image.origin + 0.5 * pitch
    if flat:
        values = np.repeat(values[:1], int(np.ceil(height / pitch)) + 1, axis=0)
        origin[2] -= margin
    more = int(np.ceil(margin / pitch))
    values = np.pad(values, [(0 if flat else more,) * 2, (more, more), (more, more)], mode="edge")
    origin -= more * pitch * np.array([1.0, 1.0, 0.0 if flat else 1.0])
    return Inset(cortical=Field(origin=origin, spacing=pitch, values=values))


def image_marrow(image: LabelImage, low: np.ndarray, high: np.ndarray) -> float:
    """Volume of marrow, vessels included, between two corners (3,) [um^3]."""
    share = (image.labels >= MARROW).astype(float)
    for d in range(3):
        h = image.spacing[2 - d]
        edge = image.origin[d] + h * np.arange(share.shape[2 - d] + 1)
        within = np.clip(np.minimum(edge[1:], high[d]) - np.maximum(edge[:-1], low[d]), 0.0, h) / h
        shape = [1, 1, 1]
        shape[2 - d] = -1
        share = share * within.reshape(shape)
    return float(share.sum() * np.prod(image.spacing))


def image_tissue(
    image: LabelImage, spacing: float, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """OUTSIDE, BONE or MARROW (vessels and fat are marrow here) for voxels of edge `spacing` between two corners.

    A voxel is what most of it is.

    Returns
    -------
    tissue : (nz, ny, nx) uint8
    origin : (3,) float64
        x, y, z of its low corner [um].
    """
    plain = np.minimum(image.labels, MARROW)
    edges = image.spacing.copy()
    edges[0] = spacing if plain.shape[0] == 1 else edges[0]
    merged = replace(image, labels=plain, spacing=edges)
    labels, shares = coarsened(merged, spacing)
    labels[sum(shares.values()) < 0.5] = OUTSIDE
    crop, origin = [], image.origin.copy()
    for d in (2, 1, 0):
        first = max(round(float(low[d] - image.origin[d]) / spacing), 0)
        number = max(round(float(high[d] - low[d]) / spacing), 1)
        crop.append(slice(first, first + number))
        origin[d] += first * spacing
    return np.ascontiguousarray(labels[tuple(crop)]), origin


def _shown(image: LabelImage) -> Surface:
    """The surface of what is bone (of all tissue where nothing is), for pictures."""
    import pyvista

    pitch = float(max(image.spacing.max(), (np.prod(image.spacing) * image.labels.size / SHOWN) ** (1.0 / 3.0)))
    labels, shares = coarsened(image, pitch)
    solid = shares[BONE] if BONE in shares else (labels != OUTSIDE).astype(np.float32)
    solid = np.pad(solid, 1)
    grid = pyvista.ImageData(dimensions=solid.shape[::-1], spacing=(pitch,) * 3, origin=image.origin - 0.5 * pitch)
    grid.point_data["share"] = solid.reshape(-1)
    mesh = grid.contour([0.5], scalars="share", method="flying_edges")
    return Surface(
        vertices=np.asarray(mesh.points, float), triangles=np.asarray(mesh.regular_faces, np.int64).reshape(-1, 3)
    )



