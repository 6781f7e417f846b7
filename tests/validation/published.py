"""Published figures, one file a source under data/, with its citation in the header."""

import csv
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"


def table(name: str) -> dict[str, np.ndarray]:
    """Columns of data/NAME.csv: numbers as float64 (nan where a field is empty), other columns as text."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    columns = {}
    for key in rows[0]:
        values = [row[key] for row in rows]
        try:
            columns[key] = np.array([float(value) if value else np.nan for value in values])
        except ValueError:
            columns[key] = np.array(values)
    return columns


def where(columns: dict[str, np.ndarray], **equal: str) -> dict[str, np.ndarray]:
    """The rows of a table in which each named column holds this text."""
    chosen = np.ones(len(next(iter(columns.values()))), bool)
    for key, value in equal.items():
        chosen &= columns[key] == value
    return {key: values[chosen] for key, values in columns.items()}
