"""The verdicts on record, and what to say where a verdict is another one."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from validation.case import FAIL, NOT_APPLICABLE, PASS, Verdict

EXPECTED = Path(__file__).parent / "expected.toml"
UPDATE = "record it: `python docs/pictures/validation.py --record`"


def on_record(path: Path = EXPECTED) -> dict[str, Any]:
    """{"passes": n, "cases": {id: {"verdict": ..., "reason": ..., "missed": [...]}}}; `missed` names the numbers that a failing
    case misses, where it is known."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def lost(found: Verdict, known: dict[str, Any]) -> list[str]:
    """Numbers that a case on record meets, though it fails, and does not meet now."""
    return [what for what in found.unmet if what not in known["missed"]] if "missed" in known else []


def disagreement(found: Verdict, known: dict[str, Any]) -> str:
    """What to tell of a verdict that is not the one on record, or misses a number more; empty where it is."""
    was, now = known["verdict"], found.verdict
    if was == now:
        more = lost(found, known)
        return f"{found.case.id} misses more than on record: {', '.join(more)}. {'; '.join(found.missed)}" if more else ""
    if was == PASS:
        return f"{found.case.id} passed and does not now ({now}): {'; '.join(found.missed) or found.reason}"
    if now == PASS:
        return f"{found.case.id} is on record as '{was}' and passes now; {UPDATE}"
    return f"{found.case.id} is on record as '{was}' and is '{now}' now: {'; '.join(found.missed) or found.reason}; {UPDATE}"


def updated(known: dict[str, Any], verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """The record with these verdicts in it; reasons of cases that still fail stay.

    Raises ValueError where a case that passed does not, or a number that a failing one met is missed: that is mended in the
    package, not on record.
    """
    cases = {name: dict(entry) for name, entry in known["cases"].items()}
    failing = [v.case.id for v in verdicts if cases.get(v.case.id, {}).get("verdict") == PASS and v.verdict != PASS]
    if failing:
        raise ValueError(f"{', '.join(failing)}: passed and does not now; a pass is not taken off the record by a command.")
    more = [f"{v.case.id}: {', '.join(lost(v, cases.get(v.case.id, {})))}" for v in verdicts if lost(v, cases.get(v.case.id, {}))]
    if more:
        raise ValueError(f"{'; '.join(more)}: met and not now; a number that is met is not taken off the record by a command.")
    for v in verdicts:
        before = cases.get(v.case.id, {})
        entry: dict[str, Any] = {"verdict": v.verdict}
        if v.verdict != PASS:
            same = before.get("verdict") == v.verdict
            entry["reason"] = before.get("reason", "") if same and before.get("reason") else "; ".join(v.missed) or v.reason
        if v.unmet:
            entry["missed"] = v.unmet
        cases[v.case.id] = entry
    return {"passes": sum(entry["verdict"] == PASS for entry in cases.values()), "cases": cases}


def written(record: dict[str, Any], order: Iterable[str]) -> str:
    """The record as the text of its file."""
    head = [
        "# The verdict of each case on record. A case that passed and fails, or fewer passes, fails the tests; see test_cases.py.",
        "# No case is tuned to: a failing one keeps its reason here until the model meets it.",
        f"passes = {record['passes']}",
    ]
    for name in order:
        entry = record["cases"][name]
        head += ["", f'[cases."{name}"]', f'verdict = "{entry["verdict"]}"']
        if entry.get("reason"):
            head.append(f"reason = {_quoted(entry['reason'])}")
        if entry.get("missed"):
            head.append(f"missed = [{', '.join(map(_quoted, entry['missed']))}]")
    return "\n".join(head) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def check(record: dict[str, Any], names: Iterable[str]) -> list[str]:
    """What is wrong with the record itself: cases that are missing or unknown, verdicts that do not exist, reasons left out."""
    names, cases = list(names), record["cases"]
    wrong = [f"{name} is not on record" for name in names if name not in cases]
    wrong += [f"{name} is on record and no case" for name in cases if name not in names]
    for name, entry in cases.items():
        if entry["verdict"] not in (PASS, FAIL, NOT_APPLICABLE):
            wrong.append(f"{name}: '{entry['verdict']}' is no verdict")
        if entry["verdict"] != PASS and not entry.get("reason"):
            wrong.append(f"{name}: no reason")
    passing = sum(entry["verdict"] == PASS for entry in cases.values())
    if passing != record["passes"]:
        wrong.append(f"{passing} cases pass on record, and {record['passes']} are said to")
    return wrong
