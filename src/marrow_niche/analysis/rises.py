"""Why a cytokine rose: more is made of it, or less is cleared.

What stands in the marrow is what is made (and let in through vessel walls) over the rate at which it is cleared (decays, is
taken up, is let out). So over rest *level = made / cleared*, and of a rise the part of each adds up in logarithms: when the
cells that take a factor up are gone, its level rises with no change in what is made.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LEAST = 1.2
"""A level over rest that counts as a rise."""
MOSTLY = 0.8
"""The share of a rise, in logarithms, from which on it is told as the whole of it."""
CLEARED = "_cleared_per_h"


@dataclass(frozen=True, kw_only=True)
class Rise:
    """The highest level of a field, over rest, and what made it."""

    name: str
    day: float
    level: float
    made: float
    cleared: float

    @property
    def by_sink(self) -> float:
        """The share of it that is lost clearance; above 1 where less is made too, below 0 where more is cleared."""
        return float(-np.log(self.cleared) / np.log(self.level))

    @property
    def told(self) -> str:
        """What it was."""
        if self.by_sink > MOSTLY:
            return "lost sink"
        return "surge" if self.by_sink < 1 - MOSTLY else "both"


def over_rest(budgets: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """Columns day, level, made and cleared of field `name`, over those of the first row of fields.csv."""
    import pandas as pd

    def flow(what: str) -> "pd.Series":
        return budgets[f"{name}_{what}_molecules_per_h"]

    found = {
        "level": budgets[f"{name}_held_molecules"],
        "made": flow("secreted") + flow("entered"),
        "cleared": budgets[name + CLEARED],
    }
    return pd.DataFrame({"day": budgets["day"], **{what: value / value.iloc[0] for what, value in found.items()}})


def rises(budgets: "pd.DataFrame") -> list[Rise]:
    """Of each field that rose to `LEAST` or more its highest level; none where the table does not tell, as of older runs."""
    out = []
    for column in budgets.columns:
        if column.endswith(CLEARED) and len(budgets):
            table = over_rest(budgets, column.removesuffix(CLEARED)).dropna()
            if len(table) and table["level"].max() >= LEAST:
                row = table.loc[table["level"].idxmax()]
                values = {what: float(row[what]) for what in ("day", "level", "made", "cleared")}
                out.append(Rise(name=column.removesuffix(CLEARED), **values))
    return out
