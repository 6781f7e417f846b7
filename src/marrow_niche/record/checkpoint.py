"""A State on disk and back, bit for bit: nested dicts of arrays, numbers, strings and None as an HDF5 file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import replacing

_FORMAT = 7
_CHUNK = 1 << 20


def ready() -> None:
    """Load what saving needs, so that Ctrl-C never falls into the middle of that."""
    import h5py  # noqa: F401


def save(path: Path | str, state: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> None:
    """Write `state` and `meta` to `path`; killed at any moment, the earlier checkpoint stays whole.

    Parameters
    ----------
    state, meta : nested dicts
        Keys are strings without '/'; values dicts, lists, tuples, numpy arrays and scalars (bool, integer, float or
        complex), int (of any size), float, bool, str, bytes or None. Types, bits, shapes and the order of keys come
        back as they went in.

    Raises RunError naming the entry that cannot be stored, or when the disk refuses.
    """
    import h5py

    with replacing(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        file.attrs["marrow_niche_checkpoint"] = _FORMAT
        _put(file, "state", dict(state), "state")
        _put(file, "meta", dict(meta or {}), "meta")


def load(path: Path | str) -> tuple[dict[str, Any], dict[str, Any]]:
    """`(state, meta)` as given to `save`. Raises RunError when the file is missing, damaged, or no checkpoint."""
    with _opened(path) as file:
        return _get(file["state"]), _get(file["meta"])


def load_meta(path: Path | str) -> dict[str, Any]:
    """`meta` alone, without reading the state. Raises RunError as `load` does."""
    with _opened(path) as file:
        return _get(file["meta"])


class _opened:
    """The HDF5 file of a checkpoint; whatever goes wrong while it is read is told as a RunError."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __enter__(self) -> Any:
        import h5py

        if not self.path.is_file():
            raise RunError(
                f"{self.path}: there is no checkpoint; the run stopped before its first one. Run the scenario again "
                f"(--overwrite)."
            )
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise self._damaged(error) from error
        found = self.file.attrs.get("marrow_niche_checkpoint")
        if found != _FORMAT:
            self.file.close()
            if found is None:
                what, cure = "is not a checkpoint of marrow_niche", "Give a directory that `marrow-niche run` wrote."
            elif found > _FORMAT:
                what, cure = "was written by a newer marrow_niche", "Upgrade marrow_niche."
            else:
                what = "was written by an older marrow_niche, whose runs go on otherwise"
                cure = "Run the scenario again (--overwrite)."
            raise RunError(f"{self.path}: {what}. {cure}")
        return self.file

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.file.close()
        if isinstance(error, (OSError, KeyError, RuntimeError, ValueError, TypeError)):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> RunError:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        return RunError(f"{self.path}: the checkpoint is damaged ({reason}). Run the scenario again (--overwrite).")


def _put(group: Any, name: str, value: Any, where: str) -> None:
    if isinstance(value, (Mapping, list, tuple)):
        inner = group.create_group(name, track_order=True)
        inner.attrs["kind"] = "dict" if isinstance(value, Mapping) else type(value).__name__
        items = value.items() if isinstance(value, Mapping) else ((str(i), item) for i, item in enumerate(value))
        for key, item in items:
            if not isinstance(key, str) or key in ("", ".", "..") or "/" in key or "\0" in key:
                raise RunError(f"checkpoint: {where} has the key {key!r}; keys are texts without '/'.")
            _put(inner, key, item, f"{where}.{key}")
        return
    kind, data = _stored(value, where)
    own = data.dtype.str
    data = _narrow(data)
    if data.ndim and data.size:
        # whole rows of at most ~1 MB; each chunk carries a checksum, so a damaged file is noticed
        row = max(1, _CHUNK // max(1, data.itemsize * (data.size // data.shape[0])))
        whole = (min(row, data.shape[0]), *data.shape[1:])
        chunk = whole if data.itemsize * int(np.prod(whole)) < 1 << 30 else True
        # fields are left as they are: packing takes six times as long as writing them, and a quarter goes
        packed = {} if data.dtype.kind in "fc" else {"shuffle": True, "compression": "lzf"}
        dataset = group.create_dataset(name, data=data, chunks=chunk, fletcher32=True, **packed)
    else:
        dataset = group.create_dataset(name, data=data)
    dataset.attrs["kind"] = kind
    if data.dtype.str != own:
        dataset.attrs["dtype"] = own


def _narrow(data: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them all: cells of a voxel are few, and packing is what takes time."""
    if data.dtype.kind not in "iu" or data.size == 0 or data.itemsize == 1:
        return data
    low, high = data.min(), data.max()
    for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        limits = np.iinfo(kind)
        if limits.bits < 8 * data.itemsize and low >= limits.min and high <= limits.max:
            return data.astype(kind)
    return data


def _stored(value: Any, where: str) -> tuple[str, np.ndarray]:
    if value is None:
        return "none", np.zeros((), np.uint8)
    if isinstance(value, bool):
        return "bool", np.array(value)
    if isinstance(value, int) and not isinstance(value, np.generic):
        return "int", np.frombuffer(str(value).encode("ascii"), np.uint8)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return "float", np.array(value)
    if isinstance(value, str):
        return "str", np.frombuffer(value.encode("utf-8", "surrogatepass"), np.uint8)
    if isinstance(value, bytes):
        return "bytes", np.frombuffer(value, np.uint8)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
        return ("array" if isinstance(value, np.ndarray) else "scalar"), np.asarray(value)
    kind = f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise RunError(
        f"checkpoint: {where} is a {kind}; a checkpoint holds dicts, numeric arrays, numbers, texts and None."
    )


def _get(item: Any) -> Any:
    kind = item.attrs["kind"]
    if kind == "dict":
        return {name: _get(item[name]) for name in item}
    if kind in ("list", "tuple"):
        values = [_get(item[str(i)]) for i in range(len(item))]
        return values if kind == "list" else tuple(values)
    data = item[()]
    if "dtype" in item.attrs:
        data = data.astype(item.attrs["dtype"])
    if kind == "array":
        return np.asarray(data)
    if kind == "scalar":
        return data
    if kind == "none":
        return None
    if kind in ("bool", "float"):
        return data.item()
    raw = bytes(data)
    if kind == "bytes":
        return raw
    text = raw.decode("utf-8", "surrogatepass")
    return int(text) if kind == "int" else text
