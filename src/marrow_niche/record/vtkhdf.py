"""One file of all times for ParaView 5.12 and later: temporal VTKHDF, written a step at a time (opt-in).

Version (2,0), which the most readers take. Whatever does not change (tissue, blanking, a network) is stored once: the
offsets of its steps are all 0. A step is appended in an order that leaves a file which opens whenever it is killed: data
and offsets first, then `NSteps`, from which readers know how many steps there are.

The format: VTK, "VTKHDF file format", docs.vtk.org.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record.paraview import HIDDEN, display, positions, spread_out
from marrow_niche.record.plain import for_json

LIBVER = ("earliest", "v110")
"""HDF5 1.10: what newer releases write by default for "latest" VTK cannot read."""
_TOPOLOGIES = ("Vertices", "Lines", "Polygons", "Strips")
_CHUNK = 1 << 14


class ImageSeries:
    """Fields of the marrow over time in one .vtkhdf of image data, blanked outside the marrow.

    Parameters
    ----------
    path : path
        Replaced when it is there.
    grid : dict
        As `paraview.write_image` takes it.
    names : dict
        Unit of each array, by its name in the file.
    provenance : dict
        Kept as a JSON text in the field data.
    """

    def __init__(
        self, path: Path | str, grid: Mapping[str, Any], names: Mapping[str, str], provenance: Mapping[str, Any]
    ) -> None:
        self.path, self._grid, self._names = Path(path), grid, dict(names)
        shape = tuple(int(n) for n in grid["shape"])
        self._shape = shape
        ghost = np.full(shape, HIDDEN, np.uint8)
        ghost.reshape(-1)[grid["flat"]] = 0
        with _opened(self.path, "w") as file:
            root = _root(file, "ImageData", provenance)
            extent = [0, shape[2], 0, shape[1], 0, shape[0]]
            root.attrs["WholeExtent"] = np.array(extent, np.int64)
            root.attrs["Origin"] = np.array([float(x) for x in grid["origin"]])
            root.attrs["Spacing"] = np.full(3, float(grid["spacing"]))
            root.attrs["Direction"] = np.eye(3).ravel()
            data = root.create_group("CellData")
            for name, values in (("tissue", np.asarray(grid["tissue"], np.uint8)), ("vtkGhostType", ghost)):
                data.create_dataset(name, data=values.reshape(1, *shape), chunks=(1, *shape), **_SQUEEZED)
            _steps(root, {"CellDataOffsets": ["tissue", "vtkGhostType", *self._names]})

    def append(self, day: float, fields: Mapping[str, np.ndarray]) -> None:
        """Add the time `day` [d]: of every array the values (n,) in the marrow's voxels, in the order of `flat`.

        Raises RunError when an array is missing or not finite, or the disk refuses.
        """
        _all_of(self._names, fields, self.path)
        with _opened(self.path, "r+") as file:
            root = file["VTKHDF"]
            step, data = int(root["Steps"].attrs["NSteps"]), root["CellData"]
            for name, unit in self._names.items():
                shown = display(np.asarray(fields[name]), name, self.path)
                whole = np.empty(int(np.prod(self._shape)), shown.dtype)
                spread_out(shown, np.asarray(self._grid["flat"]), whole)
                if name not in data:
                    _growing(data, name, whole.dtype, self._shape, (1, *self._shape), unit)
                data[name].resize(step + 1, axis=0)
                data[name][step] = whole.reshape(self._shape)
            for name in data:
                _put(root["Steps/CellDataOffsets"], name, step, 0 if name in ("tissue", "vtkGhostType") else step)
            _finish(file, step, day)


class PolySeries:
    """Points or a network over time in one .vtkhdf of poly data.

    Parameters
    ----------
    path : path
        Replaced when it is there.
    units : dict
        Unit of the arrays that have one, by name.
    network : (nodes (m, 3) [um], edges (e, 2), {name: (e,)}, {name: (m,)}), optional
        Lines that stay as they are, with the arrays of edges and nodes that do; without it each step has vertices of its own.
    """

    def __init__(
        self,
        path: Path | str,
        units: Mapping[str, str],
        provenance: Mapping[str, Any],
        *,
        network: tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray], Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        self.path, self._units, self._still = Path(path), dict(units), network is not None
        self._constant: tuple[set[str], set[str]] = (set(), set())
        with _opened(self.path, "w") as file:
            root = _root(file, "PolyData", provenance)
            _growing(root, "NumberOfPoints", np.int64)
            _growing(root, "Points", np.float64, (3,))
            for kind in _TOPOLOGIES:
                group = root.create_group(kind)
                for name in ("NumberOfCells", "NumberOfConnectivityIds", "Connectivity", "Offsets"):
                    _growing(group, name, np.int64)
            root.create_group("PointData")
            root.create_group("CellData")
            _steps(root, {"PointDataOffsets": (), "CellDataOffsets": ()})
            steps = root["Steps"]
            for name in ("PartOffsets", "NumberOfParts", "PointOffsets"):
                _growing(steps, name, np.int64)
            for name in ("CellOffsets", "ConnectivityIdOffsets"):
                _growing(steps, name, np.int64, (4,))
            if network is not None:
                nodes, edges, edge_arrays, node_arrays = network
                self._place(root, positions(nodes, self.path), "Lines", np.asarray(edges, np.int64).reshape(-1, 2))
                for group, arrays in ((root["CellData"], edge_arrays), (root["PointData"], node_arrays)):
                    for name, values in arrays.items():
                        self._extend(group, name, values)
                self._constant = set(edge_arrays), set(node_arrays)

    def append(self, day: float, arrays: Mapping[str, Any], points: np.ndarray | None = None) -> None:
        """Add the time `day` [d]: points (k, 3) [um] and arrays of k values; or, of a network, arrays of its edges.

        Raises RunError when lengths differ, or the disk refuses.
        """
        with _opened(self.path, "r+") as file:
            root = file["VTKHDF"]
            steps = root["Steps"]
            step, before = int(steps.attrs["NSteps"]), np.zeros(4, np.int64)
            if points is None:
                place = {"CellData": root["Lines/NumberOfCells"][0], "PointData": root["NumberOfPoints"][0]}
                part, group = 0, root["CellData"]
                first = 0
            else:
                part, group = step, root["PointData"]
                if step:  # where this step begins: what a killed one may have left behind it is written over
                    first = int(steps["PointOffsets"][step - 1] + root["NumberOfPoints"][step - 1])
                    before = steps["CellOffsets"][step - 1] + [
                        root[kind]["NumberOfCells"][step - 1] for kind in _TOPOLOGIES
                    ]
                else:
                    first = 0
                points = positions(points, self.path)
                for name in root["PointData"]:
                    root["PointData"][name].resize(first, axis=0)
                self._trim(root, step, first)
                self._place(root, points, "Vertices", np.arange(len(points), dtype=np.int64).reshape(-1, 1))
                place = {"CellData": len(points), "PointData": len(points)}
            where = int(place[group.name.rsplit("/", 1)[-1]])
            for name, values in arrays.items():
                if len(values) != where:
                    raise RunError(f"{self.path}: {name!r} has {len(values)} values; expected {where}.")
                if points is None and name in group:
                    group[name].resize(step * where, axis=0)
                self._extend(group, name, values)
                _put(
                    steps[f"{group.name.rsplit('/', 1)[-1]}Offsets"],
                    name,
                    step,
                    step * where if points is None else first,
                )
            for names, kind in zip(self._constant, ("CellDataOffsets", "PointDataOffsets")):
                for name in names:
                    _put(steps[kind], name, step, 0)
            for name, value in (("PartOffsets", part), ("NumberOfParts", 1), ("PointOffsets", first)):
                _put(steps, name, step, value)
            for name in ("CellOffsets", "ConnectivityIdOffsets"):
                _put(steps, name, step, before)
            _finish(file, step, day)

    def _place(self, root: Any, points: np.ndarray, kind: str, cells: np.ndarray) -> None:
        """One part more: its points, and its cells in the topology `kind`; the other three are there, and empty."""
        _extend(root["NumberOfPoints"], [len(points)])
        _extend(root["Points"], points)
        for name in _TOPOLOGIES:
            here = cells if name == kind else cells[:0]
            _extend(root[name]["NumberOfCells"], [len(here)])
            _extend(root[name]["NumberOfConnectivityIds"], [here.size])
            _extend(root[name]["Connectivity"], here.ravel())
            _extend(root[name]["Offsets"], here.shape[1] * np.arange(len(here) + 1))

    @staticmethod
    def _trim(root: Any, step: int, first: int) -> None:
        """Cut back to `step` parts and `first` points: what a killed append left."""
        root["NumberOfPoints"].resize(step, axis=0)
        root["Points"].resize(first, axis=0)
        for kind in _TOPOLOGIES:
            group, whole = root[kind], first if kind == "Vertices" else 0
            for name, size in (("NumberOfCells", step), ("NumberOfConnectivityIds", step), ("Connectivity", whole)):
                group[name].resize(size, axis=0)
            group["Offsets"].resize(whole + step, axis=0)

    def _extend(self, group: Any, name: str, values: Any) -> None:
        values = np.asarray(values)
        values = values.astype(np.uint8) if values.dtype.kind == "b" else values
        if name not in group:
            _growing(group, name, values.dtype, values.shape[1:], unit=self._units.get(name, ""))
        _extend(group[name], values)


_SQUEEZED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class _opened:
    """The file, whatever h5py raises told as a RunError."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path, self.mode = path, mode

    def __enter__(self) -> Any:
        import h5py

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = h5py.File(self.path, self.mode, libver=LIBVER)
        except OSError as error:
            raise self._refused(error) from error
        return self.file

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        try:
            self.file.close()
        except (OSError, RuntimeError) as closing:
            raise self._refused(closing) from closing
        if isinstance(error, OSError):
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> RunError:
        return RunError(f"{self.path}: cannot be written ({error}). Is the disk full, or the file open elsewhere?")


def _root(file: Any, kind: str, provenance: Mapping[str, Any]) -> Any:
    import h5py

    root = file.create_group("VTKHDF")
    root.attrs["Version"] = np.array([2, 0], np.int64)
    root.attrs.create("Type", np.bytes_(kind), dtype=h5py.string_dtype("ascii", len(kind)))
    text = json.dumps(for_json(provenance), sort_keys=True, separators=(",", ":"))
    root.create_group("FieldData").create_dataset(
        "provenance", data=np.array([text], object), dtype=h5py.string_dtype("ascii")
    )
    return root


def _steps(root: Any, offsets: Mapping[str, Any]) -> None:
    steps = root.create_group("Steps")
    steps.attrs["NSteps"] = np.int64(0)
    _growing(steps, "Values", np.float64)
    sizes = steps.create_group("FieldDataSizes")
    places = steps.create_group("FieldDataOffsets")
    _growing(sizes, "provenance", np.int64, (2,))
    _growing(places, "provenance", np.int64)
    for kind, names in offsets.items():
        group = steps.create_group(kind)
        for name in names:
            _growing(group, name, np.int64)


def _growing(
    group: Any,
    name: str,
    dtype: Any,
    inner: tuple[int, ...] = (),
    chunks: tuple[int, ...] | None = None,
    unit: str = "",
) -> Any:
    """A dataset that grows along its first axis, empty."""
    chunks = chunks or (_CHUNK // int(np.prod(inner, dtype=int)) or 1, *inner)
    squeezed = _SQUEEZED if name not in ("Values",) else {}
    made = group.create_dataset(name, (0, *inner), dtype, maxshape=(None, *inner), chunks=chunks, **squeezed)
    if unit:
        made.attrs["units"] = unit
    return made


def _extend(dataset: Any, values: Any) -> None:
    start, values = dataset.shape[0], np.asarray(values)
    dataset.resize(start + len(values), axis=0)
    if len(values):
        dataset[start:] = values


def _put(group: Any, name: str, step: int, value: Any) -> None:
    if name not in group:
        _growing(group, name, np.int64)
    group[name].resize(step + 1, axis=0)
    group[name][step] = value


def _finish(file: Any, step: int, day: float) -> None:
    """The time of the step, all of it onto the disk, and only then the number of steps."""
    steps = file["VTKHDF/Steps"]
    _put(steps["FieldDataSizes"], "provenance", step, (1, 1))
    _put(steps["FieldDataOffsets"], "provenance", step, 0)
    steps["Values"].resize(step + 1, axis=0)
    steps["Values"][step] = float(day)
    file.flush()
    steps.attrs["NSteps"] = np.int64(step + 1)


def _all_of(names: Mapping[str, str], fields: Mapping[str, Any], path: Path) -> None:
    missing = sorted(set(names) - set(fields))
    if missing:
        raise RunError(f"{path}: the step lacks {', '.join(missing)}; every step has the same arrays.")
