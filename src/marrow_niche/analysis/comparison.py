"""Measured blood counts against those of a run: how far off, in which direction, worst when.

Counts are compared by the logarithm of their ratio, ln(model / measured): a tenth of a count and ten times it are equally
wrong, at the nadir as at rest. Between recorded times the model is the straight line through them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from marrow_niche.record.counts import Count


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One count, measured and modelled, on the days on which it was measured within the run."""

    column: str
    day: np.ndarray
    """(k,) [d]."""
    measured: np.ndarray
    """(k,) in the unit of the column, or over its first value."""
    sd: np.ndarray
    """(k,) of `measured`; NaN where none is given."""
    model: np.ndarray
    """(k,) the model on these days."""
    line: np.ndarray
    """(t,) the model at its recorded times, scaled likewise."""
    judged: np.ndarray
    """(k,) bool: enters the misfit. Not what is zero on either side, nor the value that all are divided by."""
    baseline: float | None
    """Day of the first value [d] where both are over it."""

    @property
    def log_ratio(self) -> np.ndarray:
        """(m,) ln(model / measured) of what is judged."""
        return np.log(self.model[self.judged] / self.measured[self.judged])

    @property
    def rms(self) -> float:
        """Root of the mean square of the log-ratio; NaN without any. exp(rms) is the typical factor."""
        r = self.log_ratio
        return float(np.sqrt(np.mean(r**2))) if r.size else float("nan")

    @property
    def bias(self) -> float:
        """Mean log-ratio; above zero the model is too high."""
        r = self.log_ratio
        return float(r.mean()) if r.size else float("nan")

    @property
    def worst(self) -> tuple[float, float]:
        """Day [d] of the log-ratio largest in size, and that log-ratio; NaN without any."""
        r = self.log_ratio
        if not r.size:
            return float("nan"), float("nan")
        k = int(np.abs(r).argmax())
        return float(self.day[self.judged][k]), float(r[k])

    @property
    def rms_over_sd(self) -> float:
        """Root of the mean square of (model - measured) / sd, where an sd is given; about 1 for a model as good as the data."""
        z = ((self.model - self.measured) / self.sd)[self.judged & np.isfinite(self.sd)]
        return float(np.sqrt(np.mean(z**2))) if z.size else float("nan")


def compare(blood: "pd.DataFrame", counts: "Sequence[Count]", *, relative: bool = False) -> list[Compared]:
    """Each count against the run; counts without a value within the run are left out.

    Parameters
    ----------
    blood : pandas.DataFrame
        `results.blood`: column `day` and those of the counts. Raises KeyError for one that it does not have.
    counts : sequence of record.counts.Count
    relative : bool
        Both over their own first value, for animals whose counts at rest differ from the model's. The first is the mean of what
        was measured on the first day; the model is taken on that day, or at its start where that is before it.
    """
    day, found = blood["day"].to_numpy(), []
    for count in counts:
        line = blood[count.column].to_numpy(float)
        one, base, first = 1.0, 1.0, None
        if relative and count.day.size:
            first = float(count.day[0])
            one = float(count.value[count.day == first].mean())
            base = float(np.interp(first, day, line))
            if one <= 0 or base <= 0:
                continue
        inside = (count.day >= day[0]) & (count.day <= day[-1])
        if not inside.any():
            continue
        at, value, sd = count.day[inside], count.value[inside] / one, count.sd[inside] / one
        model = np.interp(at, day, line) / base
        judged = (value > 0) & (model > 0) & (at != first if first is not None else True)
        found.append(
            Compared(
                column=count.column, day=at, measured=value, sd=sd, model=model, line=line / base, judged=judged, baseline=first
            )
        )
    return found


def misfit(compared: Sequence[Compared]) -> "pd.DataFrame":
    """One row a count: `count`, `measurements`, `judged`, `rms_log_ratio`, `bias_log_ratio`, `typical_factor` exp(rms),
    `bias_factor` exp(bias), `worst_day`, `worst_factor` (model over measured), `rms_over_sd`."""
    import pandas as pd

    rows = [
        {
            "count": each.column,
            "measurements": len(each.day),
            "judged": int(each.judged.sum()),
            "rms_log_ratio": each.rms,
            "bias_log_ratio": each.bias,
            "typical_factor": float(np.exp(each.rms)),
            "bias_factor": float(np.exp(each.bias)),
            "worst_day": each.worst[0],
            "worst_factor": float(np.exp(each.worst[1])),
            "rms_over_sd": each.rms_over_sd,
        }
        for each in compared
    ]
    return pd.DataFrame(rows)
