"""Volume image files: each format read to an array (z, y, x) on straight axes, with the voxel edge that its header tells."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import GeometryError

READABLE = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".nii", ".nii.gz", ".nrrd", ".ome.zarr", ".zarr")
ASKEW = 0.01
"""Off-axis direction cosine up to which an axis counts as straight."""
UM_PER = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(
        ("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer", "micrometre", "micrometers", "micrometres"), 1.0
    ),
    **dict.fromkeys(("mm", "millimeter", "millimetre", "millimeters", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25400.0),
}
"""um in each unit an image may be written in."""
ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray")
EXTRA_AXES = {"C": "channels", "S": "colours", "T": "times", "c": "channels", "t": "times"}


@dataclass(kw_only=True)
class Raw:
    """What a file holds, on straight axes, values and sizes as written."""

    values: np.ndarray
    """(nz, ny, nx)."""
    edge: np.ndarray
    """(3,) voxel edge along z, y, x [um]; nan where the file does not tell."""
    written: str = ""
    """The edge as the file writes it, for messages."""
    lacking: str = ""
    """Why the edge is not known."""
    corner: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """(3,) x, y, z of the low corner, in voxel edges."""
    axes: str = "zyx"
    """The order of the array's axes in the file."""
    flips: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)


def times(edge: np.ndarray) -> str:
    """Edges along z, y, x in words: one number if they are alike, else x, y, z."""
    if np.ptp(edge) <= 1e-4 * np.abs(edge).max():
        return f"{edge[2]:.4g}"
    return " x ".join(f"{h:.4g}" for h in edge[::-1])


def reader_of(path: Path):
    """The format's name and its reader, by suffix."""
    name = path.name.lower()
    if not path.exists():
        raise GeometryError(
            f"geometry.image: there is no file {str(path)!r}. A path is read relative to the scenario's own folder."
        )
    if path.is_dir():
        if name.endswith(".zarr") or any((path / mark).is_file() for mark in ZARR_MARKS):
            return "OME-Zarr", _read_zarr
    elif name.endswith(".zarr"):
        raise GeometryError(f"geometry.image: {path.name} is a file, but a .zarr is a folder. Unpack it first.")
    elif name.endswith((".tif", ".tiff")):
        return ("OME-TIFF" if name.endswith((".ome.tif", ".ome.tiff")) else "TIFF"), _read_tiff
    elif name.endswith((".nii", ".nii.gz")):
        return "NIfTI", _read_nifti
    elif name.endswith(".nrrd"):
        return "NRRD", _read_nrrd
    raise GeometryError(
        f"geometry.image: {path.name} is not an image this program reads ({', '.join(READABLE)}). "
        "Export it from Fiji as .tif, or from 3D Slicer as .nrrd, for example."
    )


def _refuse_more_axes(axes: str, length: int, name: str) -> None:
    what = EXTRA_AXES.get(axes, f"positions along an axis {axes!r}")
    raise GeometryError(
        f"geometry.image: {name} holds {length} {what}, but one volume is read. Export one of them by itself "
        "(in Fiji: Image, Duplicate; a stack of slices kept as another axis: Image, Properties)."
    )


def _flat_axes(values: np.ndarray, axes: str, name: str) -> np.ndarray:
    """(nz, ny, nx) of an array with named axes; all others must be one long."""
    lower = axes.lower()
    for i, letter in enumerate(axes):
        if letter.lower() not in "zyx" and values.shape[i] > 1:
            _refuse_more_axes(letter, values.shape[i], name)
    if "y" not in lower or "x" not in lower:
        raise GeometryError(f"geometry.image: {name} has axes {axes!r}, without x or y. Export it as a volume.")
    kept = [letter for letter in lower if letter in "zyx"]
    values = values.reshape([n for n, letter in zip(values.shape, lower) if letter in "zyx"])
    values = values.transpose([kept.index(letter) for letter in "zyx" if letter in kept])
    return np.ascontiguousarray(values if "z" in kept else values[None])


def _straight(values: np.ndarray, directions: np.ndarray, start: np.ndarray, name: str) -> Raw:
    """Turn an array so that its axes are z, y, x and ascend.

    Parameters
    ----------
    values : up to three axes
    directions : (axes, up to 3)
        Step along x, y, z from one voxel to the next of each axis, in the file's unit.
    start : (up to 3,)
        Centre of the first voxel; nan if the file does not tell.
    """
    length = np.linalg.norm(directions, axis=1)
    if not (length > 0.0).all():
        raise GeometryError(
            f"geometry.image: the header of {name} gives a voxel no size along an axis. Mend its header."
        )
    cosine = np.abs(directions) / length[:, None]
    world = cosine.argmax(axis=1)
    off = cosine.copy()
    off[np.arange(len(world)), world] = 0.0
    if off.max() > ASKEW or len(set(world)) < len(world):
        angle = math.degrees(math.acos(min(1.0, float(cosine.max(axis=1).min()))))
        raise GeometryError(
            f"geometry.image: the voxels of {name} lie askew to x, y, z, by {angle:.3g} degrees. Resample it onto "
            "straight axes (in 3D Slicer: Resample Scalar Volume), or write a header without the turn."
        )
    edge, corner, flips = np.full(3, np.nan), np.zeros(3), []
    for i, w in enumerate(world):
        edge[2 - w] = length[i]
        first = start[w]
        if directions[i, w] < 0.0:
            flips.append("xyz"[w])
            values = np.flip(values, axis=i)
            first = first - (values.shape[i] - 1) * length[i]
        if not np.isnan(first):
            corner[w] = first / length[i] - 0.5
    axes = "".join("xyz"[w] for w in world)
    kept = [axes.index(letter) for letter in "zyx" if letter in axes]
    values = values.transpose(kept)
    for i, letter in enumerate("zyx"):
        if letter not in axes:
            values = np.expand_dims(values, i)
            edge[i] = length.min()
    return Raw(values=np.ascontiguousarray(values), edge=edge, corner=corner, axes=axes, flips=sorted(flips))


def _in_um(raw: Raw, factors: list[float | None], units: list[str], lacking: str) -> Raw:
    """Bring the edges, in the file's units (in the order z, y, x), to um."""
    if any(factor is None for factor in factors):
        raw.edge, raw.lacking = np.full(3, np.nan), lacking
        return raw
    raw.written = f"{times(raw.edge)} {units[2]} in its header"
    raw.edge = raw.edge * np.array(factors, float)
    return raw


def _read_nifti(path: Path) -> Raw:
    import nibabel

    image: Any = nibabel.load(path)
    values = np.asarray(image.dataobj)
    for axis in range(values.ndim - 1, 2, -1):
        if values.shape[axis] > 1:
            _refuse_more_axes("T" if axis == 3 else "C", values.shape[axis], path.name)
    values = values.reshape(values.shape[:3])
    zooms = np.array(image.header.get_zooms()[: values.ndim], float)
    if int(image.header["sform_code"]) or int(image.header["qform_code"]):
        directions, start = image.affine[:3, : values.ndim].T, image.affine[:3, 3]
        length = np.linalg.norm(directions, axis=1)
        if (np.abs(length - zooms) > 0.01 * zooms).any():
            raise GeometryError(
                f"geometry.image: the header of {path.name} contradicts itself: its voxels are {times(zooms[::-1])} by "
                f"pixdim, {times(length[::-1])} by its affine. Mend its header."
            )
    else:
        directions, start = np.diag(zooms), np.full(3, np.nan)
        directions = np.pad(directions, ((0, 0), (0, 3 - values.ndim)))
    raw = _straight(values, directions, start, path.name)
    unit = image.header.get_xyzt_units()[0]
    lacking = f"the unit of its header (xyzt_units) is {unit!r}"
    return _in_um(raw, [UM_PER.get(unit)] * 3, [unit] * 3, lacking)


def _read_nrrd(path: Path) -> Raw:
    import nrrd

    values, header = nrrd.read(str(path))
    table = header.get("space directions")
    sizes: Any = header.get("spacings")
    if table is not None:
        rows = [np.full(3, np.nan) if row is None else np.asarray(row, float) for row in table]
        width = max((row.size for row in rows if not np.isnan(row).all()), default=3)
        directions = np.array([row if row.size == width else np.full(width, np.nan) for row in rows])
    elif sizes is not None:
        steps = np.asarray(sizes, float)
        directions = np.diag(np.where(np.isnan(steps), 1.0, steps))
        directions[np.isnan(steps)] = np.nan
    else:
        directions = np.eye(values.ndim)
    spatial = ~np.isnan(directions).any(axis=1)
    if spatial.sum() > 3:
        spatial[[i for i in np.flatnonzero(spatial) if i > 2]] = False
    for axis in np.flatnonzero(~spatial):
        if values.shape[axis] > 1 and (values.ndim > 3 or table is not None):
            kinds = list(header.get("kinds") or [])
            kind = str(kinds[axis]) if axis < len(kinds) else ""
            _refuse_more_axes("T" if kind == "time" else "C", values.shape[axis], path.name)
        elif values.shape[axis] > 1:
            raise GeometryError(f"geometry.image: {path.name} has a spacing that is not a number. Mend its header.")
    values = values.reshape([n for n, is_space in zip(values.shape, spatial) if is_space], order="F")
    directions = directions[spatial]
    if table is None:
        directions = directions[:, spatial]
    directions = np.pad(directions, ((0, 0), (0, max(0, 3 - directions.shape[1]))))
    start = np.full(3, np.nan)
    given: Any = header.get("space origin")
    if given is not None and table is not None:
        start[: len(given)] = np.asarray(given, float)
    raw = _straight(values, directions, start, path.name)
    if "space" in header:
        raw.more["space"] = str(header["space"])
    raw_units: Any = header.get("space units") or header.get("units") or []
    words = [str(unit).strip().strip('"') for unit in raw_units]
    if "space units" not in header:
        words = [word for word, is_space in zip(words, spatial) if is_space]
    per_axis = dict(zip("xyz" if "space units" in header else raw.axes, words))
    if table is None and sizes is None:
        lacking = "its header has neither 'space directions' nor 'spacings'"
        return _in_um(raw, [None] * 3, ["", "", ""], lacking)
    units = [per_axis.get(letter, per_axis.get("x", "")) for letter in "zyx"]
    lacking = (
        f"'space units' of its header are {', '.join(map(repr, words))}" if words else "its header has no 'space units'"
    )
    return _in_um(raw, [UM_PER.get(unit) for unit in units], units, lacking)


def _read_tiff(path: Path) -> Raw:
    import tifffile

    with _heard("tifffile") as complaints, tifffile.TiffFile(path) as file:
        series: Any = list(file.series)
        if not series:
            raise ValueError(complaints[0] if complaints else "it holds no pages")
        pages = [page for some in series for page in some.pages]
        for page in pages:
            if page is None:
                raise ValueError("a slice is missing")
            size = page.parent.filehandle.size
            if any(start + count > size for start, count in zip(page.dataoffsets, page.databytecounts)):
                raise ValueError(f"it ends after {size} bytes, before its last slice")
        first = series[0].dataoffset
        if first is not None and first + series[0].nbytes > file.filehandle.size:
            raise ValueError(f"it ends after {file.filehandle.size} bytes, before its last slice")
        axes = str(series[0].axes)
        if len(series) == 1:
            values = series[0].asarray()
        elif all(some.shape == series[0].shape and len(some.shape) == 2 for some in series) and not file.is_ome:
            values, axes = np.stack([some.asarray() for some in series]), "Z" + axes
        else:
            raise GeometryError(
                f"geometry.image: {path.name} holds {len(series)} images, but one volume is read. Export one of them by "
                "itself."
            )
        imagej: dict[str, Any] = dict(file.imagej_metadata or {})
        ome = file.ome_metadata
        per_unit = {letter: _per_unit(file.pages[0], f"{letter.upper()}Resolution") for letter in "xy"}
        planes = int(np.prod(values.shape[:-2]))
        if imagej and int(imagej.get("images", planes)) > planes:
            raise ValueError(f"{imagej['images']} slices are announced, {planes} are there")
    if complaints:
        raise ValueError(complaints[0])
    for unknown in "IQ":  # a plain stack of pages
        if "Z" not in axes and values.ndim and unknown in axes:
            axes = axes.replace(unknown, "Z")
    raw = Raw(values=_flat_axes(values, axes, path.name), edge=np.full(3, np.nan), axes=axes.lower())
    if ome:
        return _ome_edges(raw, ome)
    if imagej:
        unit = str(imagej.get("unit", "")).replace("\\u00B5", "\u00b5").strip()
        units = [str(imagej.get(f"{letter}unit", unit)) for letter in "zyx"]
        spacing = imagej.get("spacing")
        raw.edge = np.array([np.nan if spacing is None else abs(float(spacing)), per_unit["y"], per_unit["x"]])
        flat = raw.values.shape[0] == 1
        if flat and spacing is None:
            raw.edge[0] = raw.edge[2]
        lacks = [word for word, edge in zip(("spacing", "YResolution", "XResolution"), raw.edge) if not edge > 0.0]
        if lacks:
            raw.edge, raw.lacking = np.full(3, np.nan), f"its header has no {' and no '.join(lacks)}"
            return raw
        return _in_um(raw, [UM_PER.get(u) for u in units], units, f"the unit of its header is {unit!r}")
    raw.lacking = "it is a TIFF without ImageJ's or OME's header"
    return raw


def _per_unit(page: Any, tag: str) -> float:
    """Length of a pixel, in the unit of the file; nan if it is not told."""
    found = page.tags.get(tag)
    if found is None:
        return math.nan
    top, bottom = found.value
    return bottom / top if top else math.nan


def _ome_edges(raw: Raw, text: str) -> Raw:
    from xml.etree import ElementTree

    pixels = ElementTree.fromstring(text).find(".//{*}Pixels")
    about: dict[str, str] = {} if pixels is None else dict(pixels.attrib)
    raw.edge = np.array([float(about.get(f"PhysicalSize{letter}", "nan")) for letter in "ZYX"])
    units = [about.get(f"PhysicalSize{letter}Unit", "\u00b5m") for letter in "ZYX"]
    if raw.values.shape[0] == 1 and np.isnan(raw.edge[0]):
        raw.edge[0], units[0] = raw.edge[2], units[2]
    lacks = [f"PhysicalSize{letter}" for letter, edge in zip("ZYX", raw.edge) if not edge > 0.0]
    if lacks:
        raw.edge, raw.lacking = np.full(3, np.nan), f"its OME header has no {' and no '.join(lacks)}"
        return raw
    return _in_um(raw, [UM_PER.get(unit) for unit in units], units, f"the units of its OME header are {units}")


def _read_zarr(path: Path) -> Raw:
    import zarr

    node: Any = zarr.open(str(path), mode="r")
    if hasattr(node, "shape"):
        axes = "zyx"[-node.ndim :] if node.ndim <= 3 else "tczyx"[-node.ndim :]
        raw = Raw(values=_flat_axes(np.asarray(node[...]), axes, path.name), edge=np.full(3, np.nan), axes=axes)
        raw.lacking = "it is a bare array, without the header of OME-Zarr"
        return raw
    attributes = dict(node.attrs)
    scales = dict(attributes.get("ome", attributes)).get("multiscales")
    if not scales:
        raise GeometryError(
            f"geometry.image: {path.name} is a group without 'multiscales', so it is not an OME-Zarr image. "
            "Name the folder of one image, such as image.ome.zarr/labels/tissue."
        )
    level = scales[0]["datasets"][0]
    array = node[level["path"]]
    given = scales[0].get("axes") or list("tczyx"[-array.ndim :])
    named = [axis if isinstance(axis, dict) else {"name": axis} for axis in given]
    axes = "".join(str(axis["name"])[:1].lower() for axis in named)
    for letter, n in zip(axes, array.shape):
        if letter not in "zyx" and n > 1:
            _refuse_more_axes(letter, n, path.name)
    raw = Raw(values=_flat_axes(np.asarray(array[...]), axes, path.name), edge=np.full(3, np.nan), axes=axes)
    edge, shift, scaled = np.ones(len(axes)), np.zeros(len(axes)), False
    moved = False  # a translation says where the centre of the first voxel lies
    for step in [*level.get("coordinateTransformations", []), *scales[0].get("coordinateTransformations", [])]:
        if step["type"] == "scale":
            factor = np.array(step["scale"], float)
            edge, shift, scaled = edge * factor, shift * factor, True
        elif step["type"] == "translation":
            shift, moved = shift + np.array(step["translation"], float), True
    unit_of = {letter: str(axis.get("unit", "")) for letter, axis in zip(axes, named)}
    size_of = dict(zip(axes, edge))
    flat = "z" not in axes
    raw.edge = np.array([size_of["x" if flat and letter == "z" else letter] for letter in "zyx"])
    if not scaled or not (raw.edge > 0.0).all():
        raw.edge, raw.lacking = np.full(3, np.nan), "its first level has no scale above zero"
        return raw
    for i, letter in enumerate("xyz"):
        if moved and letter in axes:
            raw.corner[i] = shift[axes.index(letter)] / size_of[letter] - 0.5
    units = [unit_of["x" if flat and letter == "z" else letter] for letter in "zyx"]
    lacking = f"the units of its axes are {units}" if any(units) else "its axes have no unit"
    return _in_um(raw, [UM_PER.get(unit) for unit in units], units, lacking)


@contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """A library's errors, which it only logs, kept instead of printed."""
    errors: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                errors.append(record.getMessage())

    log, ear = logging.getLogger(name), Ear()
    before = log.propagate
    log.addHandler(ear)
    log.propagate = False
    try:
        yield errors
    finally:
        log.removeHandler(ear)
        log.propagate = before
