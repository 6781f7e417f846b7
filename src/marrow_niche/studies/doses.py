"""Dose and death: one scenario at several doses over many animals, and the dose that kills half of them.

Each animal is one run with a seed of its own. Its probability of death follows from its counts (`body.survival`), the
dose-response from all of them (`analysis.lethality`), of the scenario as it is and of each arm that is treated.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from marrow_niche.errors import RunError, ScenarioError, StudyError
from marrow_niche.quantities import words
from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.quantities.units import to_canonical
from marrow_niche.scenario.reader import Reader
from marrow_niche.scenario.scenario import Scenario
from marrow_niche.scenario.species_files import leaves
from marrow_niche.studies import members
from marrow_niche.studies.members import FOLDER, Member
from marrow_niche.studies.processes import Failed, Show

TABLE, SUMMARY = "doses.csv", "doses.json"
EVERY = "6 h"
"""How often counts are read."""
BARE = "untreated"
"""The arm of the scenario as it is."""


@dataclass(frozen=True, kw_only=True)
class ArmFile:
    """Animals to which more is done."""

    name: str = entry('what to call it, such as "G-CSF"')
    events: tuple[dict[str, Any], ...] = entry("further events, [[arm.events]], as in a scenario", default=())
    parameters: dict[str, Any] = entry("replaced parameters, [arm.parameters], as in a scenario", default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DosesFile:
    """A dose-response as it is written."""

    scenario: str = entry("path of a scenario with one radiation event, relative to this file")
    doses: tuple[float, ...] = quantity("Gy", "doses of that event, such as ['6 Gy', '7 Gy', '8 Gy']", low=0.01, high=100)
    seeds: int | tuple[int, ...] = entry("animals: how many seeds, from the scenario's own on, or a list", default=20)
    until: float = quantity("h", "time after the radiation within which deaths count", low=24, default=720.0)
    event: int | None = entry("number of the radiation event whose dose is varied, from 1", default=None)
    animals_differ: bool = entry("each seed is another animal; false: all are the mean of the species", default=True)
    fit: Literal["probit", "logit"] = entry("the curve", default="probit")
    arm: tuple[ArmFile, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Doses:
    """A dose-response ready to run."""

    file: Path
    link: Literal["probit", "logit"]
    doses: tuple[float, ...]
    """[Gy], ascending."""
    seeds: list[int]
    arms: list[str]
    begin: float
    """When radiation begins [d]."""
    until: float
    """Days after it within which deaths count."""
    members: list[Member]
    """By arm, then dose, then seed."""


def read_doses(file: Path | str) -> Doses:
    """Read a dose-response and all scenarios it asks for. Raises StudyError or ScenarioError with every mistake."""
    file = Path(file)
    reader = Reader()
    asked = reader.spec(DosesFile, members.read_study(file))
    if asked is None:
        raise StudyError(file, reader.mistakes)
    tables, folder = members.read_tables(file.parent / asked.scenario)
    seeds = members.seeds_of(asked.seeds, tables)
    mistakes = members.seed_mistakes(seeds)
    doses = tuple(sorted(set(asked.doses)))
    if len(doses) < 2:
        mistakes.append("doses: a curve needs at least two different ones.")
    names = [BARE, *(arm.name for arm in asked.arm)]
    mistakes += [f"arm[{k}].name: '{name}' is taken; choose another." for k, name in enumerate(names) if name in names[:k]]
    number, begin, mistake = _event(tables, asked.event)
    if mistake:
        raise StudyError(file, [*mistakes, mistake])
    base = members.quiet({**tables, "duration": f"{begin + asked.until:g} h"})
    base["record"]["every"] = EVERY
    base["switches"] = {**base.get("switches", {}), "animals_differ": asked.animals_differ}
    wanted = []
    for name, arm in zip(names, (None, *asked.arm)):
        for dose in doses:
            this = members.changed(base, f"events.{number}.dose", f"{dose:g} Gy")
            if arm is not None:
                this["events"] = [*this["events"], *arm.events]
                this["parameters"] = dict([*leaves(this.get("parameters", {})), *leaves(arm.parameters)])
            wanted += [({"arm": name, "dose_Gy": dose}, seed, this) for seed in seeds]
    try:
        found = members.read_all(str(file), folder, wanted, told=False)
    except ScenarioError as error:
        raise StudyError(file, [*mistakes, *error.mistakes]) from None
    if mistakes:
        raise StudyError(file, mistakes)
    return Doses(
        file=file, link=asked.fit, doses=doses, seeds=seeds, arms=names, begin=begin / 24, until=asked.until / 24, members=found
    )


def _event(tables: dict[str, Any], asked: int | None) -> tuple[int, float, str]:
    """Number of the radiation event, when it begins [h], and what is wrong."""
    events = tables.get("events", [])
    radiation = [k for k, e in enumerate(events, 1) if e["kind"] == "radiation"]
    if not radiation:
        return 0, 0.0, "scenario: has no radiation event; add one to it: [[events]] with kind, at and dose."
    if asked is None and len(radiation) > 1:
        listed = ", ".join(map(str, radiation))
        return 0, 0.0, f"event: missing: the scenario has several radiation events ({listed}); say whose dose is varied."
    if asked is not None and asked not in radiation:
        return 0, 0.0, f"event: number {asked} is no radiation event; those are {', '.join(map(str, radiation))}."
    number = asked or radiation[0]
    return number, to_canonical(events[number - 1]["at"], "h"), ""


def run_doses(doses: Doses, *, into: Path, jobs: int | None = None, show: Show | None = None) -> Path:
    """Run what is not finished, and write doses.csv and doses.json; returns the path of the latter.

    Raises KeyboardInterrupt after Ctrl-C, and RunError when a member fails; what is finished is kept.
    """
    into = members.open_study(into, doses.file)
    outcomes = members.run_members(doses.members, into, jobs=jobs, show=show)
    failed = [f"{name}: {outcome.message}" for name, outcome in outcomes.items() if isinstance(outcome, Failed)]
    if failed:
        lines = "\n".join("  " + line for line in dict.fromkeys(failed))
        raise RunError(f"{len(failed)} of {len(outcomes)} animals could not be run; the others are kept:\n{lines}")
    return write_summary(doses, into)


def write_summary(doses: Doses, into: Path) -> Path:
    """doses.csv, one row an animal, and doses.json, the fits of all arms."""
    from marrow_niche.record.atomic import write_text

    rows = [animal(doses, member, into) for member in doses.members]
    members.write_rows(
        into / TABLE, [{k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    )
    found = summary(doses, rows)
    write_text(into / SUMMARY, json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return into / SUMMARY


def animal(doses: Doses, member: Member, into: Path) -> dict[str, Any]:
    """Days at risk, probability of death and nadirs of one animal."""
    from marrow_niche.analysis import lethality
    from marrow_niche.record.tables import read_table

    blood, p = read_table(into / FOLDER / member.name / "blood.csv"), member.scenario.parameters.lethality
    day = blood["day"].to_numpy()
    neutrophils, platelets = blood["neutrophils_per_uL"].to_numpy(), blood["platelets_per_uL"].to_numpy()
    risk, dead = lethality.death(day, neutrophils, platelets, p, doses.begin, doses.begin + doses.until)
    after = day >= doses.begin
    total = float(risk[-1])
    half = float(day[int((risk >= 0.5 * total).argmax())]) - doses.begin if total > 0 else 0.0
    return {
        "arm": member.values["arm"],
        "dose_Gy": float(member.values["dose_Gy"]),
        "seed": member.seed,
        "days_at_risk": total,
        "probability_of_death": float(dead[-1]),
        "half_of_the_risk_by_day": half,
        "neutrophils_per_uL_lowest": float(neutrophils[after].min()),
        "neutrophils_lowest_day": float(day[after][neutrophils[after].argmin()]) - doses.begin,
        "platelets_per_uL_lowest": float(platelets[after].min()),
        "platelets_lowest_day": float(day[after][platelets[after].argmin()]) - doses.begin,
        "member": member.name,
    }


def summary(doses: Doses, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The fits of all arms, and what each treatment makes of the dose, as plain data."""
    import numpy as np

    from marrow_niche.analysis import lethality

    scenario: Scenario = doses.members[0].scenario
    p = scenario.parameters.lethality
    out: dict[str, Any] = {
        "title": scenario.title,
        "species": scenario.species,
        "days": doses.until,
        "animals_per_dose": len(doses.seeds),
        "animals_differ": scenario.switches.animals_differ,
        "fit": doses.link,
        "hazard": {
            "kappa_per_day": 24.0 * p.kappa,
            "neutrophils_per_uL": p.neutrophils,
            "platelets_per_uL": p.platelets,
            "power": p.power,
            "kappa_source": scenario.ledger["lethality.kappa"].source,
        },
        "doses_Gy": list(doses.doses),
        "arms": [],
    }
    bare = None
    for name in doses.arms:
        dead = np.array(
            [
                [row["probability_of_death"] for row in rows if row["arm"] == name and row["dose_Gy"] == dose]
                for dose in doses.doses
            ]
        )
        fitted = lethality.fit(doses.doses, dead.sum(axis=1).tolist(), [dead.shape[1]] * len(dead), doses.link)
        drawn = lethality.resampled(doses.doses, dead, doses.link)
        arm: dict[str, Any] = {"name": name, "died": [float(x) for x in dead.mean(axis=1)], "LD50_Gy": None}
        if fitted is not None:
            arm |= {
                "LD50_Gy": fitted.ld50,
                "LD50_interval_Gy": [fitted.low, fitted.high],
                "LD50_over_seeds_Gy": lethality.middle_95(drawn),
                "LD30_Gy": fitted.dose(0.3),
                "LD70_Gy": fitted.dose(0.7),
                "width": fitted.width,
                "slope_per_decade": fitted.slope,
                "LD70_less_LD30_over_LD50": fitted.spread,
                "LD50_within_doses": fitted.inside,
            }
            if bare is not None:
                arm["dose_reduction_factor"] = fitted.ld50 / bare[0]
                arm["dose_reduction_factor_over_seeds"] = lethality.middle_95(drawn / bare[1])
        if name == BARE and fitted is not None:
            bare = (fitted.ld50, drawn)
        out["arms"].append(arm)
    return out


def told(found: dict[str, Any]) -> str:
    """doses.json in a few lines."""
    lines = [
        f"{found['title']}: {found['species']}, {found['animals_per_dose']} "
        f"{'animals' if found['animals_differ'] else 'seeds of the mean animal'} a dose, deaths within {found['days']:g} days "
        f"({found['fit']}).",
        "",
    ]
    shares = [(arm["name"], *(f"{100 * share:.0f} %" for share in arm["died"])) for arm in found["arms"]]
    lines += [*words.aligned([("died at", *(f"{dose:g} Gy" for dose in found["doses_Gy"])), *shares]), ""]
    for arm in found["arms"]:
        if arm["LD50_Gy"] is None:
            fate, cure = ("die", "lower") if sum(arm["died"]) > 0.5 * len(arm["died"]) else ("live", "higher")
            lines.append(f"{arm['name']}: no LD50; all {fate} at these doses. Give {cure} ones.")
            continue
        low, high = (f"{x:.2f}" if x is not None else "?" for x in arm["LD50_interval_Gy"])
        text = (
            f"{arm['name']}: LD50 {arm['LD50_Gy']:.2f} Gy (95 %: {low} to {high}), LD30 {arm['LD30_Gy']:.2f}, "
            f"LD70 {arm['LD70_Gy']:.2f}, slope {arm['slope_per_decade']:.1f} a decade of dose"
        )
        if not arm["LD50_within_doses"]:
            text += "; this lies outside the doses given, so do not trust it"
        if "dose_reduction_factor" in arm:
            text += f"; dose-reduction factor {arm['dose_reduction_factor']:.2f}"
            over = arm["dose_reduction_factor_over_seeds"]
            text += f" ({over[0]:.2f} to {over[1]:.2f} over seeds)" if over else ""
        lines.append(text + ".")
    hazard = found["hazard"]
    lines.append(
        f"Death: {hazard['kappa_per_day']:.3g} a day without neutrophils and platelets ({hazard['kappa_source']}); half of it "
        f"at {hazard['neutrophils_per_uL']:g} neutrophils or {hazard['platelets_per_uL']:,.0f} platelets per uL."
    )
    return "\n".join(lines)
