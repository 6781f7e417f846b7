"""The chosen fields as one labelled data set, for xarray, R, MATLAB or Julia: Zarr or NetCDF; NaN where no marrow is."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.record.chosen import Chosen

if TYPE_CHECKING:
    import xarray as xr

Show = Callable[[int, int, float], None]
CHUNK = 256
"""Voxels along an axis of a chunk: 64 MB at most."""
NETCDF_BYTES = 2_000_000_000
"""Above this NetCDF is refused: its classic form is neither chunked nor compressed, and is written from memory."""


def write_zarr(chosen: Chosen, folder: Path, show: Show) -> None:
    """`fields.zarr`, format 2, which every reader knows, a chunk a time; `tissue` stands once."""
    for step in range(len(chosen.times)):
        data = _dataset(chosen, slice(step, step + 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of zarr: that consolidated metadata are no part of format 3
            if step == 0:
                as_stored = {"chunks": (1, *(min(n, CHUNK) for n in chosen.grid["shape"])), "compressors": _compressor()}
                stored = {name: as_stored for name in chosen.units}
                data.to_zarr(folder / "fields.zarr", mode="w", zarr_format=2, consolidated=True, encoding=stored)
            else:
                data.drop_vars(("tissue", "z", "y", "x")).to_zarr(
                    folder / "fields.zarr", append_dim="time", consolidated=True
                )
        show(step + 1, len(chosen.times), 0.0)


def write_netcdf(chosen: Chosen, folder: Path, show: Show) -> None:
    """`fields.nc`, NetCDF 3 with 64-bit offsets."""
    data = _dataset(chosen, slice(None), show)
    data["tissue"] = (
        data["tissue"].astype(np.int8).assign_attrs(data["tissue"].attrs)
    )  # classic files have no unsigned bytes
    data.to_netcdf(folder / "fields.nc", engine="scipy", format="NETCDF3_64BIT")


def _compressor() -> Any:
    """Zstandard behind a byte shuffle, which every Zarr 2 reader has."""
    from numcodecs import Blosc

    return Blosc(cname="zstd", clevel=3, shuffle=Blosc.SHUFFLE)


def netcdf_bytes(chosen: Chosen) -> int:
    """How large `fields.nc` would be."""
    return 4 * len(chosen.times) * len(chosen.units) * int(np.prod(chosen.grid["shape"]))


def _dataset(chosen: Chosen, which: slice, show: Show | None = None) -> "xr.Dataset":
    import xarray as xr

    grid, times = chosen.grid, chosen.times[which]
    low = grid["origin"][::-1]
    coordinates: dict[str, Any] = {
        "time": ("time", np.array([day for _, day, _ in times]), {"long_name": "time since the start, in days"})
    }
    for axis, first, n in zip("zyx", low, grid["shape"]):
        centres = first + grid["spacing"] * (np.arange(n) + 0.5)
        coordinates[axis] = (axis, centres, {"units": "um", "long_name": "centre of the voxel"})
    arrays: dict[str, Any] = {
        name: (("time", "z", "y", "x"), np.empty((len(times), *grid["shape"]), np.float32), {"units": unit or "1"})
        for name, unit in chosen.units.items()
    }
    for step, (_, _, file) in enumerate(times):
        for name in chosen.units:
            arrays[name][1][step] = chosen.box(file, name, np.nan)
        if show is not None:
            show(step + 1, len(times), 0.0)
    meaning = {"flag_values": np.arange(5, dtype=np.int8), "flag_meanings": "outside bone marrow lumen fat"}
    arrays["tissue"] = (("z", "y", "x"), grid["tissue"], meaning)
    told = chosen.identity
    facts = {
        "title": str(told.get("title") or ""),
        "spacing_um": grid["spacing"],
        "provenance": json.dumps(told, sort_keys=True),
    }
    return xr.Dataset(arrays, coordinates, facts)
