"""The chosen fields as volume images: NRRD and NIfTI, one volume a field and time, and OME-TIFF, one file of all.

Single precision, 0 where no marrow is; `tissue` beside them says where that is. Axes and places are those of the run: NRRD and
NIfTI in mm, as their programs take them, OME-TIFF in um.
"""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.record.chosen import Chosen
from marrow_niche.record.plain import for_json
from marrow_niche.record.tables import day_text

MM_PER_UM = 1e-3
Show = Callable[[int, int, float], None]


def write_nrrd(chosen: Chosen, folder: Path, show: Show) -> None:
    """`SCF_nM_0014.nrrd` (number of the record), `tissue.nrrd`, and `volumes.csv`: which file is which field and day."""
    _one_by_one(chosen, folder, show, ".nrrd", _nrrd)


def write_nifti(chosen: Chosen, folder: Path, show: Show) -> None:
    """The same as `.nii.gz`."""
    _one_by_one(chosen, folder, show, ".nii.gz", _nifti)


def write_ome_tiff(chosen: Chosen, folder: Path, show: Show) -> None:
    """`fields.ome.tif`, axes time, field, z, y, x, fields as channels; `tissue.ome.tif`."""
    import tifffile

    grid, names = chosen.grid, list(chosen.units)
    shape = (len(chosen.times), len(names), *grid["shape"])
    edge = {f"PhysicalSize{axis}": grid["spacing"] for axis in "XYZ"} | {
        f"PhysicalSize{axis}Unit": "\u00b5m" for axis in "XYZ"
    }
    days = [day for _, day, _ in chosen.times]
    planes = len(names) * grid["shape"][0]
    metadata: dict[str, Any] = {
        "axes": "TCZYX",
        **edge,
        "Channel": {"Name": [f"{name} [{unit}]" if unit else name for name, unit in chosen.units.items()]},
        "Plane": {
            "DeltaT": [day for day in days for _ in range(planes)],
            "DeltaTUnit": ["d"] * (planes * len(days)),
            **_corner(grid, planes * len(days)),
        },
        "Description": f"{chosen.identity.get('title') or ''}; times [d]: {', '.join(map(day_text, days))}",
    }

    def slices():
        for done, (_, _, file) in enumerate(chosen.times):
            for name in names:
                yield from chosen.box(file, name, 0.0)
            show(done + 1, len(chosen.times), 0.0)

    squeezed: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack", "ome": True}
    big = 4.0 * float(np.prod(shape, dtype=float)) > 3.9e9
    metadata["UUID"] = _uuid(chosen, "fields")
    tifffile.imwrite(
        folder / "fields.ome.tif", slices(), shape=shape, dtype=np.float32, metadata=metadata, bigtiff=big, **squeezed
    )
    told = {"axes": "ZYX", **edge, "Plane": _corner(grid, grid["shape"][0]), "UUID": _uuid(chosen, "tissue")}
    tifffile.imwrite(folder / "tissue.ome.tif", grid["tissue"], metadata=told, **squeezed)


def _uuid(chosen: Chosen, name: str) -> str:
    """An identifier of this export's own; tifffile makes one of the clock and the machine."""
    what = {
        **chosen.identity,
        "days": [day for _, day, _ in chosen.times],
        "shape": chosen.grid["shape"],
        "low": chosen.low,
    }
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(for_json(what), sort_keys=True) + name))


def _corner(grid: dict[str, Any], planes: int) -> dict[str, list[Any]]:
    """Where each plane lies: the centre of its first voxel."""
    place = {f"Position{axis}": low + 0.5 * grid["spacing"] for axis, low in zip("XY", grid["origin"])}
    depth = grid["origin"][2] + grid["spacing"] * (np.arange(planes) % grid["shape"][0] + 0.5)
    units = {f"Position{axis}Unit": ["\u00b5m"] * planes for axis in "XYZ"}
    return {axis: [value] * planes for axis, value in place.items()} | {"PositionZ": depth.tolist()} | units


def _one_by_one(chosen: Chosen, folder: Path, show: Show, suffix: str, write: Callable[..., None]) -> None:
    rows = ["file,field,unit,day"]
    write(folder / f"tissue{suffix}", chosen.grid["tissue"], chosen, "tissue", "", None)
    for done, (number, day, file) in enumerate(chosen.times):
        for name, unit in chosen.units.items():
            path = folder / f"{name}_{number:04d}{suffix}"
            write(path, chosen.box(file, name, 0.0), chosen, name, unit, day)
            rows.append(f"{path.name},{name},{unit},{day_text(day)}")
        show(done + 1, len(chosen.times), 0.0)
    (folder / "volumes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _nrrd(path: Path, values: np.ndarray, chosen: Chosen, name: str, unit: str, day: float | None) -> None:
    import nrrd

    grid = chosen.grid
    edge = MM_PER_UM * grid["spacing"]
    header = {
        "space": "right-anterior-superior",
        "space directions": edge * np.eye(3),
        "space origin": MM_PER_UM * np.asarray(grid["origin"]) + 0.5 * edge,
        "space units": ["mm", "mm", "mm"],
        "kinds": ["domain", "domain", "domain"],
        "encoding": "gzip",
        "field": name,
        **({"unit": unit} if unit else {}),
        **({"day": day_text(day)} if day is not None else {}),
        "title": str(chosen.identity.get("title") or ""),
        "seed": str(chosen.identity.get("seed")),
        "scenario_sha256": str(chosen.identity.get("scenario_sha256")),
    }
    nrrd.write(str(path), values, header, index_order="C", compression_level=4)


def _nifti(path: Path, values: np.ndarray, chosen: Chosen, name: str, unit: str, day: float | None) -> None:
    import nibabel

    grid = chosen.grid
    edge = MM_PER_UM * grid["spacing"]
    affine = np.diag([edge, edge, edge, 1.0])
    affine[:3, 3] = MM_PER_UM * np.asarray(grid["origin"]) + 0.5 * edge
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), affine, dtype=values.dtype)
    image.header.set_xyzt_units("mm", "sec")
    when = "" if day is None else f", day {day:g}"
    image.header["descrip"] = f"{name}{f' [{unit}]' if unit else ''}{when}".encode("ascii", "replace")[:79]
    image.header["aux_file"] = str(chosen.identity.get("scenario_sha256"))[:23]
    nibabel.save(image, path)
