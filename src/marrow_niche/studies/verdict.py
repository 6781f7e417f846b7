"""The verdict on a run: what limited its recovery, by arms that are forked from the same injured marrow.

For each seed the run's scenario is simulated again up to a day after its last injury; from there eight arms go on, one for
every combination of limits lifted (`studies.arms`). Their days to recovery give shares and verdict (`analysis.shares`).
"""

import json
import math
import pickle
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import write_text
from marrow_niche.record.directory import RunDirectory
from marrow_niche.scenario.scenario import Scenario, read_scenario
from marrow_niche.studies.arms import LEVEL, Hormones, effective
from marrow_niche.studies.processes import Failed, Progress, Show, run_all

SEEDS = 3
AFTER = 24.0
TOGETHER = "blood"
"""All lineages: back when the last of them is."""


@dataclass(frozen=True)
class ForkTask:
    """One seed up to the fork, kept in `file`."""

    run: Path
    seed: int
    hour: int
    file: Path


@dataclass(frozen=True)
class ArmTask:
    """One arm from the fork in `file` to the hour `until`."""

    file: Path
    lifted: tuple[str, ...]
    until: int
    hormones: Hormones


def injury(scenario: Scenario) -> float:
    """Hour at which the last injury ends: radiation, or any other event where there is none; 0 without events."""
    ends = [e.end for event in scenario.events if hasattr(event, "exposures") for e in event.exposures()]
    return max(ends or [event.at for event in scenario.events], default=0.0)


def judge_run(
    directory: Path | str,
    *,
    seeds: int = SEEDS,
    after: float = AFTER,
    hormones: Hormones = "normal",
    jobs: int | None = None,
    show: Show | None = None,
) -> dict[str, Any]:
    """Run the arms, write verdict.json into the run's directory and return what it holds.

    Parameters
    ----------
    directory : path
        A run, finished or not; only its scenario is read.
    seeds : int
        The run's own seed and the next ones.
    after : float
        Hours from the end of the last injury to the fork.
    hormones : "normal" or "saturating"
        To what hormones are lifted, see `studies.arms`.

    Raises
    ------
    RunError
        For a directory that is no run, inputs that changed, a fork that leaves no day to follow, or an arm that failed.
    """
    from marrow_niche.analysis import shares

    run = RunDirectory(directory).require()
    run.check_inputs()
    scenario = read_scenario(run.scenario)
    end, until = injury(scenario), round(scenario.duration)
    hour = math.ceil(end + after)
    if seeds < 1:
        raise RunError(f"--seeds {seeds}: at least one is needed, and three to know how sure the verdict is.")
    if until - hour < 24:
        raise RunError(
            f"{run.path}: its {until / 24:g} days end less than a day after the fork (day {hour / 24:g}). Run the scenario "
            "again with a longer duration, best until counts are back."
        )
    numbers = [scenario.seed + k for k in range(seeds)]
    arms = shares.arms()
    does = {arm: effective(arm, hormones, scenario.parameters.genes) for arm in arms}
    distinct = [arm for arm in arms if does[arm] == arm]
    with tempfile.TemporaryDirectory(prefix="marrow_niche_verdict_") as place:
        forks = [ForkTask(run.path.resolve(), seed, hour, Path(place) / f"{seed}.pickle") for seed in numbers]
        tasks = [ArmTask(f.file, tuple(sorted(arm)), until, hormones) for f in forks for arm in distinct]
        both = len(forks) + len(tasks)

        def first(done: int, number: int, more: float) -> None:
            if show is not None:
                show(done, both, more)

        def then(done: int, number: int, more: float) -> None:
            if show is not None:
                show(len(forks) + done, both, more)

        _succeeded(run_all(make_fork, forks, jobs=jobs, show=first))
        found = _succeeded(run_all(follow_arm, tasks, jobs=jobs, show=then))
    by_seed = [
        {arm: found[k * len(distinct) + distinct.index(does[arm])] for arm in arms} for k in range(len(forks))
    ]
    days = {"injury_day": end / 24, "fork_day": hour / 24, "last_day": until / 24}
    out = {"hormones": hormones} | weighed(by_seed, numbers=numbers, **days)
    write_text(run.verdict, json.dumps(out, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return out


def _succeeded(outcomes: list[Any]) -> list[Any]:
    failed = [outcome.message for outcome in outcomes if isinstance(outcome, Failed)]
    if failed:
        raise RunError("an arm could not be run:\n" + "\n".join(f"  {line}" for line in dict.fromkeys(failed)))
    return outcomes


def make_fork(task: ForkTask, progress: Progress) -> None:
    """Simulate one seed up to the fork and keep it."""
    from marrow_niche.simulation import build
    from marrow_niche.studies import arms

    model, state = build(read_scenario(task.run / "scenario.toml", seed=task.seed))
    rest = arms.at_rest(state)
    found = arms.fork(model, state, rest, task.hour, lambda hour: progress(hour, task.hour))
    task.file.write_bytes(pickle.dumps(found, protocol=pickle.HIGHEST_PROTOCOL))


def follow_arm(task: ArmTask, progress: Progress) -> list[float]:
    """Days to recovery of each lineage from the start of the run, in the order of `arms.LINEAGES`."""
    from marrow_niche.studies import arms

    found = pickle.loads(task.file.read_bytes())
    days = arms.run_arm(found, frozenset(task.lifted), task.until, lambda hour: progress(hour, task.until), task.hormones)
    return [float(day) for day in days]


def weighed(
    by_seed: list[dict[frozenset[str], list[float]]],
    *,
    numbers: list[int],
    injury_day: float,
    fork_day: float,
    last_day: float,
) -> dict[str, Any]:
    """The plain contents of verdict.json from the days to recovery of every arm of every seed.

    Days count from the injury; what had not come back by the end of the run counts as the end, and is told.
    """
    from marrow_niche.analysis import shares
    from marrow_niche.studies.arms import LINEAGES

    def since(day: float) -> float:
        return 0.0 if day == 0 else min(day, last_day) - injury_day

    columns = {name: [k] for k, name in enumerate(LINEAGES)} | {TOGETHER: list(range(len(LINEAGES)))}
    never = {
        name: any(math.isinf(seed[frozenset()][k]) for seed in by_seed for k in chosen) for name, chosen in columns.items()
    }
    verdicts, times = {}, {}
    for name, chosen in columns.items():
        times[name] = [{arm: max(since(days[k]) for k in chosen) for arm, days in seed.items()} for seed in by_seed]
        verdicts[name] = shares.judge(times[name], back=not never[name])
    whole = verdicts[TOGETHER]
    out = {
        "verdict": whole.name,
        "reason": whole.reason,
        "level": LEVEL,
        "injury_day": injury_day,
        "fork_day": fork_day,
        "last_day": last_day,
        "seeds": numbers,
        **_plain(whole),
        "not_back_by_the_end": never[TOGETHER],
        "by_lineage": {
            name: {"verdict": v.name, "reason": v.reason, **_plain(v), "not_back_by_the_end": never[name]}
            for name, v in verdicts.items()
            if name != TOGETHER
        },
        "arms": [
            {
                "lifted": sorted(arm),
                "days": {name: [seed[arm] for seed in times[name]] for name in columns},
                "back": [all(map(math.isfinite, seed[arm])) for seed in by_seed],
            }
            for arm in by_seed[0]
        ],
    }
    return out | {"words": words(out), "words_of_shares": words_of_shares(out)}


def _plain(verdict: Any) -> dict[str, Any]:
    """Numbers of a verdict for JSON: nan bounds are none."""

    def one(estimate: Any) -> dict[str, float | None]:
        return {name: None if value != value else value for name, value in asdict(estimate).items()}

    return {
        "recovery_days": one(verdict.time),
        "transit_days": one(verdict.transit),
        "delay_days": one(verdict.delay),
        "gained_share": one(verdict.gained),
        "share_days": {limit: one(estimate) for limit, estimate in verdict.shares.items()},
    }


def words_of_shares(found: dict[str, Any]) -> str:
    """The shares of the delay in a sentence; empty where nothing had to recover."""
    if found["recovery_days"]["mean"] <= 0:
        return ""
    names = {"niche": "the niche", "stem_cells": "stem cells", "hormones": "hormones"}
    parts = []
    for limit, each in found["share_days"].items():
        span = "" if each["low"] is None else f" ({each['low']:.1f} to {each['high']:.1f})"
        parts.append(f"{names[limit]} {each['mean']:.1f}{span}".replace("-0.0", "0.0"))
    return f"Shares of the delay in days: {', '.join(parts)}."


def words(found: dict[str, Any]) -> list[str]:
    """verdict.json in sentences, but for the shares, which a report shows as a table."""
    time, delay = found["recovery_days"]["mean"], found["delay_days"]["mean"]
    late = "more than " if found["not_back_by_the_end"] else ""
    first = {
        "niche-limited": "Recovery is niche-limited: vessels and stroma hold it up.",
        "stem-cell-limited": "Recovery is stem-cell-limited: there are too few stem cells.",
        "hormone-limited": "Recovery is hormone-limited: there is too little of what drives the marrow.",
        "transit-limited": "Recovery is transit-limited: the largest part is the time that cells take to divide and ripen.",
        "undecided": "What limits recovery is undecided.",
    }[found["verdict"]]
    out = [first, f"Why: {found['reason']}."]
    if time > 0:
        lifted = max(found["arms"], key=lambda arm: len(arm["lifted"]))
        sooner = f"{late}{delay:.1f} days sooner with every limit lifted"
        if not all(lifted["back"]):
            sooner = "with every limit lifted they are not back by the end either, so how much sooner is not known"
        out.append(
            f"Neutrophils, platelets and red cells are all back at {100 * found['level']:.0f} % {late}{time:.1f} days after "
            f"the injury; {sooner}."
        )
        never = f"never below {100 * found['level']:.0f} %"
        kinds = ", ".join(
            f"{name.replace('_', ' ')} {v['verdict'] if v['recovery_days']['mean'] > 0 else never}"
            for name, v in found["by_lineage"].items()
        )
        out.append(f"By itself: {kinds}.")
    if found["not_back_by_the_end"]:
        out.append(f"Counts were not back when the run ended on day {found['last_day']:g}; that day stands for their recovery.")
    n = len(found["seeds"])
    out.append(f"From {n} seed{'s' if n > 1 else ''}, eight arms each, forked on day {found['fork_day']:g}.")
    return out
