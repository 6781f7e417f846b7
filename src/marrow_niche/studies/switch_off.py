"""Switch-off arms of a run: its scenario again with one mechanism off at a time, whole, under the same seed.

Each begins from its own resting state, and its counts are told over that. What differs from the run as it is, is what the
mechanism does.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import write_text
from marrow_niche.record.directory import RunDirectory
from marrow_niche.scenario.reader import suggestion
from marrow_niche.scenario.scenario import Scenario, read_scenario
from marrow_niche.scenario.switches import Switches
from marrow_niche.studies.arms import LEVEL, LINEAGES
from marrow_niche.studies.processes import Failed, Progress, Show, run_all


@dataclass(frozen=True)
class Task:
    """One run: its scenario with this seed, and this switch `off`; with "" as it is."""

    run: Path
    seed: int
    off: str


def mechanisms(scenario: Scenario) -> dict[str, str]:
    """Switches that are on, and what each does."""
    return {
        f.name: f.metadata["meaning"]
        for f in dataclasses.fields(Switches)
        if f.default is True and getattr(scenario.switches, f.name)
    }


def run_switched_off(
    directory: Path | str,
    *,
    only: Sequence[str] = (),
    seeds: int = 1,
    jobs: int | None = None,
    show: Show | None = None,
) -> dict[str, Any]:
    """Run the arms, write switches.json into the run's directory and return what it holds.

    Parameters
    ----------
    directory : path
        A run, finished or not; only its scenario is read.
    only : sequence of str
        Switches to turn off; by default all that are on.
    seeds : int
        The run's own seed and the next ones.

    Raises
    ------
    RunError
        For a directory that is no run, inputs that changed, a switch that is not there or off already, or a run that cannot be
        made again. An arm that cannot be run, since no marrow rests without the mechanism, is told in its place.
    """
    run = RunDirectory(directory).require()
    run.check_inputs()
    scenario = read_scenario(run.scenario)
    on = mechanisms(scenario)
    for name in only:
        if name not in on:
            raise RunError(f"--only {name}: no switch of that name is on in this run.{suggestion(name, list(on))}")
    if seeds < 1:
        raise RunError(f"--seeds {seeds}: at least one is needed.")
    arms = ["", *dict.fromkeys(only or on)]
    tasks = [Task(run.path.resolve(), scenario.seed + k, off) for off in arms for k in range(seeds)]
    found = run_all(follow_one, tasks, jobs=jobs, show=show)
    out: dict[str, Any] = {
        "level": LEVEL,
        "last_day": scenario.duration / 24,
        "seeds": [task.seed for task in tasks[:seeds]],
        "arms": [
            {"off": off, "means": on.get(off, "")} | _together(found[k * seeds : (k + 1) * seeds])
            for k, off in enumerate(arms)
        ],
    }
    if "failed" in out["arms"][0]:
        raise RunError(f"the run as it is could not be made again: {out['arms'][0]['failed']}")
    write_text(run.switches, json.dumps(out, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return out


def follow_one(task: Task, progress: Progress) -> dict[str, Any]:
    """Of each lineage the lowest share of its rest, its day, and the day on which it was back at `LEVEL`: 0 where it never fell
    below, None where it was not back; and what stem cells are at the end over rest."""
    from marrow_niche.simulation import build
    from marrow_niche.studies import arms

    scenario = read_scenario(task.run / "scenario.toml", seed=task.seed)
    if task.off:
        scenario = dataclasses.replace(scenario, switches=dataclasses.replace(scenario.switches, **{task.off: False}))
    until = round(scenario.duration)
    model, state = build(scenario)
    rest = arms.at_rest(state)
    day, pools = arms.follow(model, state, rest, until, progress=lambda hour: progress(hour, until))
    out: dict[str, Any] = {}
    for name, pool in zip(LINEAGES, pools.T):
        back = arms.recovered(day, pool)
        low = int(pool.argmin())
        out[name] = {
            "lowest": float(pool[low]), "lowest_day": float(day[low]), "back": float(back) if math.isfinite(back) else None,
        }  # fmt: skip
    return out | {"stem_cells_at_end": len(state.stem.id) / sum(rest.stem_cells)}


def _together(outcomes: Sequence[dict[str, Any] | Failed]) -> dict[str, Any]:
    """What seeds of one arm gave, as lists over them; the mistake of the first that failed."""
    done: list[dict[str, Any]] = []
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            return {"failed": outcome.message}
        done.append(outcome)
    each = {name: {key: [one[name][key] for one in done] for key in done[0][name]} for name in LINEAGES}
    return each | {"stem_cells_at_end": [one["stem_cells_at_end"] for one in done]}
