"""What is published of blood as a run's is: normal ranges, and counts after one acute dose to the whole body.

Only what a run can be compared with is given: the same species, one dose at once to all marrow, and nothing else done. Of the
mouse no normal range is given: strains, sexes and counters differ by factors of two to three (Silva-Santana 2020, Animal Model
Exp Med 3:304).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import UnitError
from marrow_niche.quantities.units import to_canonical

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

NORMAL = {
    "human": {
        "neutrophils_per_uL": (2500.0, 7500.0),
        "lymphocytes_per_uL": (1500.0, 3500.0),
        "monocytes_per_uL": (200.0, 800.0),
        "platelets_per_uL": (150_000.0, 400_000.0),
        "haemoglobin_g_per_dL": (11.5, 17.5),
    }
}
"""Normal range of adults of both sexes, by species and column of blood.csv."""
NORMAL_SOURCE = "Hoffbrand & Moss, Essential Haematology, appendix 1"
LYMPHOCYTES = "lymphocytes_per_uL"
GOANS = "Goans 1997, Health Phys 72:513; Goans 2001, Health Phys 81:446"
GOANS_DOSES = (0.5, 10.0)
"""Doses [Gy] between which both laws of human lymphocytes are given."""
GOANS_DAYS = 2.0
EFFECTIVE = {"neutrophils_per_uL": (0.31, 2.04, 6.51), LYMPHOCYTES: (0.05, 0.33, 1.08)}
"""Acute gamma dose [Gy] that takes 10, 50 and 90 % of a count of the mouse within two days."""
EFFECTIVE_SOURCE = "Gravit Space Res 2013, doi 10.2478/gsr-2013-0007"
ALONE = {"kind", "at", "dose"}
"""What an acute dose to the whole body says, and no more."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Between which values a count lies, at some days."""

    column: str
    """As in blood.csv."""
    day: np.ndarray
    """(k,) [d]."""
    low: np.ndarray
    """(k,) in the unit of the column."""
    high: np.ndarray
    """(k,)."""
    source: str


def normal(results: "Results") -> dict[str, tuple[float, float]]:
    """Normal range of each count of the run's species, by column; none for a species of which none is given."""
    return dict(NORMAL.get(str(results.scenario.get("species")), {}))


def after_dose(results: "Results") -> list[Published]:
    """Published counts after the run's dose, scaled to its own counts at rest; none where nothing published is like it.

    Man: lymphocytes of the first two days, L₀ exp(−k t), between the two laws of Goans, D = 13.6 Gy/(1 + 1/k) and
    k = 0.126 D, k [1/d]. Mouse: neutrophils and lymphocytes two days after, from the doses that take 10, 50 and 90 % of them:
    the share lost is a straight line in probits over the logarithm of the dose; beyond the last only that less than a tenth
    is left.
    """
    given = acute_dose(results.scenario)
    if given is None or not len(results.blood):
        return []
    day, dose = given
    rest, last = results.blood.iloc[0], float(results.blood["day"].iloc[-1])
    species = results.scenario.get("species")
    if species == "human" and GOANS_DOSES[0] <= dose <= GOANS_DOSES[1] and LYMPHOCYTES in rest:
        since = np.linspace(0.0, min(GOANS_DAYS, last - day), 41)
        rates = np.array([1.0 / (13.6 / dose - 1.0), 0.126 * dose])
        low, high = (float(rest[LYMPHOCYTES]) * np.exp(-k * since) for k in (rates.max(), rates.min()))
        return [Published(column=LYMPHOCYTES, day=day + since, low=low, high=high, source=GOANS)] if last > day else []
    if species != "mouse" or last < day + 2.0:
        return []
    found = []
    for column, doses in EFFECTIVE.items():
        if column in rest and dose >= doses[0]:
            left = 1.0 - share_lost(dose, doses)
            low = 0.0 if dose > doses[-1] else left
            ends = float(rest[column]) * np.array([[low], [left]])
            found.append(
                Published(column=column, day=np.array([day + 2.0]), low=ends[0], high=ends[1], source=EFFECTIVE_SOURCE)
            )
    return found


def acute_dose(scenario: Mapping[str, Any]) -> tuple[float, float] | None:
    """Day and dose [Gy] where all that was done to a wild type is one dose at once to the whole body, which all
    marrow shares; else None."""
    events = scenario.get("events") or []
    shared = (scenario.get("organism") or {}).get("rest", "same") == "same"
    mutant = any(path.startswith("genes.") for path in scenario.get("parameters") or {})
    if len(events) != 1 or not shared or mutant or events[0].get("kind") != "radiation":
        return None
    event = {name: value for name, value in events[0].items() if (name, value) not in (("rbe", 1.0), ("fractions", 1))}
    if set(event) - ALONE or "dose" not in event:
        return None
    try:
        return to_canonical(event["at"], "h") / 24 if "at" in event else 0.0, to_canonical(event["dose"], "Gy")
    except UnitError:
        return None


def share_lost(dose: float, doses: tuple[float, float, float]) -> float:
    """Share of a count lost after `dose` [Gy], from the doses that take 10, 50 and 90 %; 0.9 beyond the last."""
    from scipy.special import ndtr, ndtri

    return float(ndtr(np.interp(np.log(dose), np.log(doses), ndtri([0.1, 0.5, 0.9]))))
