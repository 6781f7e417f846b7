"""Vessels that an image labels, read as a graph of tubes: the middle line of each, and how far it is from the wall.

The labels of a vessel fill it, blood and wall. Each kind of vessel is thinned by itself, so kinds stay apart where they touch.
"""

import numpy as np
from scipy import ndimage

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import vessels as kinds
from marrow_niche.geometry.image import ARTERIOLE, SINUSOID, TISSUES, VEIN, LabelImage
from marrow_niche.geometry.lattice import MARROW
from marrow_niche.geometry.middle_lines import SPECK, middle_lines
from marrow_niche.geometry.vessels import Vessels

FEWEST = 30
"""A kind of vessel has so many voxels at least (of a slice: a third of it)."""
MOST = 300_000_000
"""Voxels of the box around one kind of vessel, once they are cubes, at most."""
KIND = {SINUSOID: kinds.SINUSOID, ARTERIOLE: kinds.ARTERIOLE, VEIN: kinds.VEIN}
"""The kind of tube for each label."""
CUBIC = 0.01
"""Edges of voxels that differ by less than this share are alike."""


def labels_vessels(image: LabelImage) -> list[str]:
    """Names of the kinds of vessels that an image labels."""
    return [TISSUES[label] for label in KIND if (image.labels == label).any()]


def vessels_of_image(image: LabelImage) -> Vessels | None:
    """The vessels of an image that labels any, else None.

    Each kind is thinned to its middle lines; the radius there is the distance to the nearest voxel that is none of it, the
    largest of a place and its neighbours, since a middle line on a grid is off the middle by up to half a voxel; along each
    line it is multiplied by one factor, near one, so that the tubes hold the volume that is labelled. Dead ends
    that come less than half a radius out of the wall they branch off are bumps, and are left out. Lines are smoothed and
    become tubes about a radius long. An end goes on to a radius before the end of its labels, or to a face of the image
    that it reaches. In a slice, a round section is a vessel that goes through it. Oblong voxels are made cubes first, by the
    distance to the wall between their layers.

    Parameters
    ----------
    image : LabelImage
        Of nz = 1 a slice, whose spacing along z is its thickness.

    Returns
    -------
    Vessels or None
        Positions and radii in um, in the image's frame; kinds by their labels.

    Raises
    ------
    GeometryError
        With every mistake at once: a kind has too few voxels to be told from noise, no marrow around it, or too many voxels;
        or there are vessels but no sinusoids.

    References
    ----------
    kernels/thinning.py, for thinning; Raya and Udupa, IEEE Trans. Med. Imaging 9, 32 (1990), for what
    lies between layers.
    """
    named = labels_vessels(image)
    if not named:
        return None
    mistakes = [mistake for label in KIND for mistake in _mistakes(image, label)]
    if TISSUES[SINUSOID] not in named:
        mistakes.append(
            f"it labels {' and '.join(named)} but no sinusoids, and a marrow without sinusoids has no way out for its cells; "
            f"label these too, or list {' and '.join(named)} under marrow, and all vessels are made"
        )
    if mistakes:
        raise GeometryError(
            f"geometry.labels: the vessels of {image.facts.get('file', 'the image')} cannot be used: {'; '.join(mistakes)}."
        )
    parts = [(label, *_tubes(image, label)) for label in KIND if TISSUES[label] in named]
    shift = np.cumsum([0] + [len(nodes) for _, nodes, _, _ in parts])
    found = Vessels(
        nodes=np.concatenate([nodes for _, nodes, _, _ in parts]),
        edges=np.concatenate([edges + np.int32(s) for (_, _, edges, _), s in zip(parts, shift)]).astype(np.int32),
        radius=np.concatenate([radius for _, _, _, radius in parts]),
        kind=np.concatenate([np.full(len(edges), KIND[label], np.uint8) for label, _, edges, _ in parts]),
    )
    if not (found.kind == kinds.SINUSOID).any():
        raise GeometryError(
            f"geometry.labels: the sinusoids of {image.facts.get('file', 'the image')} are specks of fewer than {SPECK} "
            "voxels each, which are taken for noise. Close their gaps, or list them under marrow, and vessels are made."
        )
    return found


def _mistakes(image: LabelImage, label: int) -> list[str]:
    mask = image.labels == label
    number, fewest = int(mask.sum()), FEWEST if mask.shape[0] > 1 else FEWEST // 3
    name, mistakes = TISSUES[label], []
    if number == 0:
        return []
    if number < fewest:
        mistakes.append(
            f"{number} voxels are {name}, and fewer than {fewest} are taken for noise; mend the labels, or list this value "
            "under marrow"
        )
    elif not (ndimage.binary_dilation(mask) & (image.labels == MARROW)).any():
        mistakes.append(
            f"no {name} touches marrow, so they lie in bone or outside; are the values of the labels mixed up? List "
            "this value under bone or outside"
        )
    box = (
        np.array([s.stop - s.start for s in ndimage.find_objects(mask.view(np.uint8))[0]])
        if mask.any()
        else np.zeros(3)
    )
    edges = image.spacing if mask.shape[0] > 1 else image.spacing[1:]
    wanted = float(np.prod(box * image.spacing / edges.min()))
    if mask.shape[0] > 1 and wanted > MOST:
        mistakes.append(
            f"the box around {name} has {wanted:.3g} voxels of {edges.min():.4g} um, more than {MOST:.3g}; cut out a part, or "
            "bin it"
        )
    return mistakes


def _tubes(image: LabelImage, label: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (m, 3) [um], edges (e, 2) and radius (e,) [um] of one kind of vessel."""
    whole = image.labels == label
    box = ndimage.find_objects(whole.view(np.uint8))[0]
    flat = whole.shape[0] == 1
    mask, spacing = whole[box], image.spacing
    low = np.array([s.start for s in box])
    faces = np.array([[s.start == 0, s.stop == n] for s, n in zip(box, whole.shape)])
    if flat:
        mask, spacing, low, faces = mask[0], spacing[1:], low[1:], faces[1:]
    pitch = float(spacing.min())
    if (spacing > (1.0 + CUBIC) * pitch).any():
        mask = _made_cubes(mask, spacing / pitch, faces)
    parts = middle_lines(mask, faces, flat=flat)
    start = image.origin[::-1][-mask.ndim :] + low * spacing
    nodes, edges, radius, count = [np.empty((0, 3))], [np.empty((0, 2), int)], [np.empty(0)], 0
    depth = float(image.spacing[0])
    for line, wide, through in parts:
        place = (start + line * pitch)[:, ::-1]
        if flat:
            height = image.origin[2] + (depth * np.arange(2) if through else np.full(len(line), 0.5 * depth))
            place = np.column_stack([np.resize(place, (len(height), 2)), height])
        links = np.stack([np.arange(len(place) - 1), np.arange(1, len(place))], axis=1)
        nodes.append(place)
        edges.append(links + count)
        radius.append(pitch * wide)
        count += len(place)
    points, where = _joined(np.concatenate(nodes))
    return points, where[np.concatenate(edges)], np.concatenate(radius)


def _joined(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes without those at the place of an earlier one, and where each went: lines meet in equal points."""
    found, where = np.unique(nodes, axis=0, return_inverse=True)
    return found, where.reshape(-1)


def _made_cubes(mask: np.ndarray, edges: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The mask on cubes of the shortest edge; `edges` (d,) are in units of it. Its low corner stays."""
    pad = [(0 if low else 1, 0 if high else 1) for low, high in faces]  # nothing beyond its box, but faces are cuts
    padded = np.pad(mask, pad)
    away = (
        ndimage.distance_transform_edt(padded, sampling=edges) - ndimage.distance_transform_edt(~padded, sampling=edges)
    ).astype(np.float32)
    away -= 0.5 * np.sign(away) * edges.min()
    for d, edge in enumerate(edges):
        number = max(round(mask.shape[d] * edge), 1)
        at = np.clip((np.arange(number) + 0.5) / edge - 0.5 + pad[d][0], 0, padded.shape[d] - 1)
        below = np.minimum(at.astype(int), max(padded.shape[d] - 2, 0))
        share = (at - below).astype(np.float32)
        share = share.reshape([-1 if k == d else 1 for k in range(mask.ndim)])
        above = np.minimum(below + 1, padded.shape[d] - 1)
        away = np.take(away, below, axis=d) * (1.0 - share) + np.take(away, above, axis=d) * share
    return away > 0.0
