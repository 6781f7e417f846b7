"""Anything the other rooms hand over, as what TOML and JSON can hold."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """`value` as nested dicts, lists, strings, numbers and None.

    numpy arrays and scalars become lists and Python numbers, tuples and sets lists (sets sorted), paths their POSIX
    text; anything else its `str`.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Path):
        return value.as_posix()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value)


def for_json(value: Any) -> Any:
    """`plain(value)` with the numbers JSON lacks (nan, infinities) as the strings "nan", "inf", "-inf"."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: for_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [for_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def for_toml(value: Any) -> Any:
    """`plain(value)` without the entries that are None: TOML has no null, an absent key says it."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: for_toml(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [for_toml(item) for item in value if item is not None]
    return value
