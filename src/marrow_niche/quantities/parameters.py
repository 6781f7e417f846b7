"""How a spec declares what it holds: each number's canonical unit, meaning and bounds, beside its equation."""

from collections.abc import Callable
from dataclasses import MISSING, field
from typing import Any


def quantity(
    unit: str,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | Any = MISSING,
):
    """A dataclass field that holds a number (or a tuple or dict of them) in the canonical `unit`.

    Parameters
    ----------
    unit : str
        Canonical unit, as `quantities.units` reads it ("um", "h", "nM", "Gy", "um^2/h", "molecules/h", "" for a plain
        number); the reader converts whatever unit the file gives.
    meaning : str
        What the number is, in a few words; shown in error messages and in the ledger.
    low, high : float, optional
        Bounds in the canonical unit, both allowed values; the reader refuses what lies outside.
    default, default_factory : optional
        Value when the file gives none. Without it the number is required.
    """
    metadata = {"unit": unit, "meaning": meaning, "low": low, "high": high}
    return field(default=default, default_factory=default_factory, metadata=metadata)


def entry(meaning: str, *, default: Any = MISSING, default_factory: Callable[[], Any] | Any = MISSING, **metadata: Any):
    """A dataclass field that holds no number: text, true or false, a choice. `meaning` is shown when it is missing."""
    return field(default=default, default_factory=default_factory, metadata={"meaning": meaning, **metadata})
