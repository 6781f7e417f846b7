"""Volume images: read from the usual formats, brought to x, y, z and um, turned into tissue labels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.image_files import Raw, reader_of, times
from marrow_niche.geometry.lattice import BONE, MARROW
from marrow_niche.quantities.digest import digest

TISSUES = ("outside", "bone", "marrow", "sinusoid", "arteriole", "vein", "adipocyte")
"""Names of the labels of a `LabelImage`, in the order of their numbers."""
SINUSOID, ARTERIOLE, VEIN, ADIPOCYTE = range(3, len(TISSUES))
"""The first three are the lattice's OUTSIDE, BONE and MARROW; vessels are told apart here, which its LUMEN does not."""
ALSO = {"vessel": "sinusoid"}
"""Other names under which values may be listed."""
SMALLEST, LARGEST = 0.2, 200.0
"""Voxel edges [um] that are believed."""
MOST_VALUES = 32
"""An image of more distinct values is grey."""


@dataclass(frozen=True, kw_only=True)
class LabelImage:
    """A volume of tissue labels on straight axes."""

    labels: np.ndarray
    """(nz, ny, nx) uint8, numbers of `TISSUES`."""
    spacing: np.ndarray
    """(3,) voxel edge along z, y, x [um]."""
    origin: np.ndarray
    """(3,) x, y, z of the low corner of the first voxel [um]."""
    facts: dict[str, Any]
    """Where it comes from: file, sha256, format, shape, spacing, axes, flips, source of the voxel size, voxels by label."""


def read_labels(
    path: Path | str,
    *,
    labels: Mapping[str, int | list[int]] | None = None,
    voxel: float | None = None,
    bone_threshold: float | str | None = None,
) -> LabelImage:
    """Read a label volume, or a grey one with a threshold, into tissues.

    Parameters
    ----------
    path : Path
        .ome.tif, .tif (of ImageJ), .nii, .nii.gz or .nrrd, or a folder .ome.zarr. A 2D image is one voxel thick.
    labels : mapping, optional
        For each of `TISSUES` the value or values that stand for it; "vessel" is taken for "sinusoid". Every value in the
        file has to be listed.
    voxel : float, optional
        Edge of the cubic voxels [um]; wins over what the file says.
    bone_threshold : float or "otsu", optional
        Instead of `labels`: values from here on are bone, those below it marrow.

    Raises
    ------
    GeometryError
        The file is missing, of another kind, unreadable or not one volume; its axes are askew; its voxel size is unknown
        or not to be believed; its values are not told, or told wrongly; or none of it is marrow.
    """
    path = Path(path)
    if labels is not None and bone_threshold is not None:
        raise GeometryError(
            "geometry.image: labels and bone_threshold are both given. Give labels for an image of few values, "
            "bone_threshold for a grey one."
        )
    kind, read = reader_of(path)
    try:
        raw = read(path)
        total = digest(path)
    except GeometryError:
        raise
    except Exception as error:  # a reader fails in its own ways
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise GeometryError(
            f"geometry.image: {path.name} cannot be read as {kind} ({reason[0]}). Is it whole? Copy it again, or open it "
            "in Fiji or 3D Slicer and export it again, without compression."
        ) from error
    if raw.values.dtype.kind not in "biuf":
        raise GeometryError(
            f"geometry.image: {path.name} holds colours or other compound values, not one number for each voxel. "
            "Export one channel of it."
        )
    if raw.values.size == 0:
        raise GeometryError(f"geometry.image: {path.name} holds no voxels. Export it again.")
    if raw.values.dtype == bool:
        raw.values = raw.values.view(np.uint8)
    spacing, told = _spacing(raw, voxel, path.name)
    tissue, how = _tissue(raw.values, labels, bone_threshold, path.name)
    found = np.bincount(tissue.reshape(-1), minlength=len(TISSUES))
    if found[MARROW] == 0:
        raise GeometryError(
            f"geometry.image: no voxel of {path.name} is marrow. Say by labels or bone_threshold which values are."
        )
    return LabelImage(
        labels=tissue,
        spacing=spacing,
        origin=raw.corner * spacing[::-1],
        facts={
            "file": path.name,
            "sha256": total,
            "format": kind,
            "shape (z, y, x)": [int(n) for n in tissue.shape],
            "spacing (z, y, x) [um]": [float(h) for h in spacing],
            "axis order in the file": raw.axes,
            "flipped": list(raw.flips),
            **told,
            **how,
            **raw.more,
            "voxels by label": {name: int(n) for name, n in zip(TISSUES, found) if n},
        },
    )


def coarsened(image: LabelImage, spacing: float) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Resample to cubic voxels; the low corner stays.

    Along an axis whose voxels are not longer than `spacing`, each new voxel takes the exact share of the old ones that it
    overlaps: the volume of every label is kept, and what of the last voxel lies beyond the image belongs to no label. Along
    an axis whose voxels are longer, the nearest one is taken.

    Parameters
    ----------
    spacing : float
        New edge [um].

    Returns
    -------
    labels : (nz', ny', nx') uint8
        The label of the largest share; of equal ones the lower number.
    fractions : dict of label to (nz', ny', nx') float32
        Share of each new voxel, for every label in the image.

    Raises
    ------
    GeometryError
        `spacing` is not a positive number.
    """
    if not (math.isfinite(spacing) and spacing > 0.0):
        raise GeometryError(f"geometry.image: voxels of {spacing!r} um cannot be made. Give a positive length.")
    along_z, along_y, along_x = (
        _shares(n, float(edge), float(spacing)) for n, edge in zip(image.labels.shape, image.spacing)
    )
    present = [int(label) for label in np.flatnonzero(np.bincount(image.labels.reshape(-1)))]
    shape = (along_z.shape[0], along_y.shape[0], along_x.shape[0])
    fractions = {label: np.zeros(shape, np.float32) for label in present}
    labels = np.empty(shape, np.uint8)
    across = along_x.T.tocsr()
    for k in range(shape[0]):
        part = slice(along_z.indptr[k], along_z.indptr[k + 1])
        largest = np.full(shape[1:], -1.0)
        for label in present:
            plane = np.zeros(image.labels.shape[1:])
            for share, j in zip(along_z.data[part], along_z.indices[part]):
                plane += share * (image.labels[j] == label)
            found = (along_y @ plane) @ across
            fractions[label][k] = found
            wins = found > largest + 1e-6  # sums of equal shares differ by rounding
            largest[wins] = found[wins]
            labels[k][wins] = label
    return labels, fractions


def otsu(values: np.ndarray) -> float:
    """The threshold that parts the values best in two: of all between 256 bins, the one of largest variance between.

    Where several do so, as over a gap in the histogram, the middle of the first run of them.

    References
    ----------
    Otsu, IEEE Trans. Syst. Man Cybern. 9, 62 (1979).
    """
    low, high = float(values.min()), float(values.max())
    count, _ = np.histogram(values, bins=256, range=(low, high))
    edges = np.linspace(low, high, 257)
    middle = 0.5 * (edges[1:] + edges[:-1]) - low
    below = np.cumsum(count)[:-1].astype(float)
    above = float(count.sum()) - below
    sums = np.cumsum(count * middle)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    between[(below == 0) | (above == 0)] = -1.0
    best = between >= between.max() * (1.0 - 1e-12)
    first = int(np.argmax(best))
    rest = ~best[first:]
    last = first + (int(np.argmax(rest)) if rest.any() else rest.size) - 1
    return float(0.5 * (edges[first + 1] + edges[last + 1]))


def _shares(n: int, edge: float, spacing: float) -> csr_array:
    """(n', n) share of each new interval that each of n old ones of length `edge` fills, from a common start."""
    ratio = spacing / edge
    if ratio < 1.0 - 1e-9:
        new = max(1, round(n / ratio))
        nearest = np.minimum(((np.arange(new) + 0.5) * ratio).astype(int), n - 1)
        return csr_array((np.ones(new), (np.arange(new), nearest)), shape=(new, n))
    new = max(1, math.ceil(n / ratio * (1.0 - 1e-9)))
    cuts = np.arange(new + 1) * ratio
    cuts[-1] = max(cuts[-1], float(n))
    rows, columns, data = [], [], []
    for i in range(new):
        old = np.arange(int(cuts[i]), min(n, math.ceil(cuts[i + 1])))
        share = (np.minimum(old + 1.0, cuts[i + 1]) - np.maximum(old, cuts[i])) / ratio
        old, share = old[share > 0.0], share[share > 0.0]
        rows.append(np.full(old.size, i))
        columns.append(old)
        data.append(share)
    where = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(data), where), shape=(new, n))


def _spacing(raw: Raw, voxel: float | None, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Voxel edge (3,) along z, y, x [um], and where it comes from."""
    edge = raw.edge.copy()
    if raw.values.shape[0] == 1 and np.isnan(edge[0]):
        edge[0] = edge[2]
    known = not np.isnan(edge).any()
    file_says = f"{times(edge)} um" + (f" ({raw.written})" if raw.written else "") if known else ""
    told: dict[str, Any] = {"voxel size from": "file"}
    if voxel is not None:
        told["voxel size from"] = "scenario"
        if known and (np.abs(edge - voxel) > 0.01 * voxel).any():
            told["voxel size"] = f"file says {times(edge)} um, scenario says {voxel:.4g} um"
        edge = np.full(3, float(voxel))
    elif not known:
        raise GeometryError(
            f"geometry.image: {name} does not say how large its voxels are: {raw.lacking}. "
            'Give their edge, such as image_voxel = "4.1 um".'
        )
    if not ((edge >= SMALLEST) & (edge <= LARGEST)).all():
        if voxel is not None:
            who = f"image_voxel = {voxel:.4g} um is" + (f", where {name} says {file_says}," if known else "")
        else:
            who = f"{name} says that its voxels are {file_says}, which is"
        raise GeometryError(
            f"geometry.image: {who} outside {SMALLEST:g} to {LARGEST:g} um. Is a unit wrong, as mm written for um? "
            'Give the true edge, such as image_voxel = "4.1 um".'
        )
    if edge.max() > 10.0 * edge.min():
        raise GeometryError(
            f"geometry.image: the voxels of {name} are {file_says} along x, y, z: their edges differ by more than a factor "
            "of 10. Resample it to voxels nearer to cubes, or mend its header."
        )
    return edge, told


def _tissue(
    values: np.ndarray, labels: Mapping[str, int | list[int]] | None, threshold: float | str | None, name: str
) -> tuple[np.ndarray, dict[str, Any]]:
    """(nz, ny, nx) uint8 of `TISSUES`, and how they were told apart."""
    if values.dtype.kind == "f" and not all(np.isfinite(plane).all() for plane in values):
        raise GeometryError(
            f"geometry.image: {name} has values that are not numbers (nan or inf). Fill them and export it again."
        )
    if threshold is not None:
        cut = _cut(values, threshold, name)
        tissue = np.where(values >= cut, np.uint8(BONE), np.uint8(MARROW))
        return tissue, {"bone threshold": cut, "bone threshold from": "otsu" if threshold == "otsu" else "scenario"}
    found = _values_of(values)
    if found is None:
        raise GeometryError(
            f"geometry.image: {name} is grey (values from {values.min():.4g} to {values.max():.4g}, fractions or more than "
            f"{MOST_VALUES} different ones), and what of it is bone is not guessed"
            + (", nor told by labels" if labels is not None else "")
            + '. Give bone_threshold, a number or "otsu": values from there on are bone, those below marrow.'
        )
    if labels is None:
        shown = ", ".join(f"{value} ({n} voxels)" for value, n in list(found.items())[:12])
        more = f" and {len(found) - 12} more" if len(found) > 12 else ""
        raise GeometryError(
            f"geometry.image: what the values of {name} stand for is not told. They are {shown}{more}. "
            f"Say it by a table such as labels = {{ {_example(list(found))} }}."
        )
    number = _numbers(labels, found, name)
    known = np.array(list(found), values.dtype)
    order = np.array([number[value] for value in found], np.uint8)
    tissue = np.empty(values.shape, np.uint8)
    for plane, out in zip(values, tissue):
        out[...] = order[np.searchsorted(known, plane)]
    told = {tissue_name: value for tissue_name, value in labels.items()}
    return tissue, {"labels": {n: list(v) if isinstance(v, (list, tuple)) else v for n, v in told.items()}}


def _cut(values: np.ndarray, threshold: float | str, name: str) -> float:
    low, high = float(values.min()), float(values.max())
    if threshold == "otsu":
        if low == high:
            raise GeometryError(f"geometry.image: every voxel of {name} is {low:.4g}, which no threshold parts.")
        return otsu(values)
    if isinstance(threshold, (bool, str)) or not math.isfinite(threshold):
        raise GeometryError(
            f'geometry.image: bone_threshold = {threshold!r} is neither a number nor "otsu". '
            "Give the value from which on a voxel is bone."
        )
    if not low < threshold <= high:
        side = "marrow" if threshold > high else "bone"
        raise GeometryError(
            f"geometry.image: bone_threshold = {float(threshold):.6g} makes all of {name} {side}: its values go from "
            f'{low:.4g} to {high:.4g}. Give one between them, or "otsu".'
        )
    return float(threshold)


def _values_of(values: np.ndarray) -> dict[int, int] | None:
    """The values in ascending order with their voxel counts; None if there are many, or fractions."""
    found: dict[int, int] = {}
    for plane in values:
        some, count = np.unique(plane, return_counts=True)
        if values.dtype.kind == "f" and (some != np.rint(some)).any():
            return None
        for value, n in zip(some, count):
            found[int(value)] = found.get(int(value), 0) + int(n)
        if len(found) > MOST_VALUES:
            return None
    return dict(sorted(found.items()))


def _example(values: list[int]) -> str:
    names = {1: ("marrow",), 2: ("marrow", "bone")}.get(len(values), TISSUES)
    return ", ".join(f"{name} = {value}" for name, value in zip(names, values))


def _numbers(labels: Mapping[str, int | list[int]], found: dict[int, int], name: str) -> dict[int, int]:
    """The tissue's number of each value; every mistake of the table at once."""
    owner: dict[int, str] = {}
    mistakes = []
    for tissue, given in labels.items():
        if tissue not in TISSUES and tissue not in ALSO:
            mistakes.append(f"{tissue!r} is not a tissue ({', '.join([*TISSUES, *ALSO])})")
        for value in given if isinstance(given, (list, tuple)) else [given]:
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                mistakes.append(f"{tissue} = {value!r} is not a whole number")
            elif int(value) in owner:
                mistakes.append(f"value {value} is given twice, for {owner[int(value)]} and for {tissue}")
            else:
                owner[int(value)] = str(tissue)
    if "marrow" not in labels or labels["marrow"] == []:
        mistakes.append("no value is marrow")
    unlisted = [value for value in found if value not in owner]
    if unlisted:
        more = f" and {len(unlisted) - 12} more" if len(unlisted) > 12 else ""
        mistakes.append(
            "the file also holds " + ", ".join(f"{value} ({found[value]} voxels)" for value in unlisted[:12]) + more
        )
    absent = [value for value in owner if value not in found]
    if absent:
        mistakes.append(f"the file holds no {', '.join(f'{value} ({owner[value]})' for value in absent)}")
    if mistakes:
        raise GeometryError(
            f"geometry.image: the labels do not fit {name}: {'; '.join(mistakes)}. "
            "List every value of the file once, under its tissue."
        )
    return {value: TISSUES.index(ALSO.get(tissue, tissue)) for value, tissue in owner.items()}
