"""The report's verdict: what limited recovery, where `marrow-niche verdict` was asked."""

import json
from typing import TYPE_CHECKING, Any

from marrow_niche.quantities import words
from marrow_niche.record.directory import RunDirectory
from marrow_niche.view import page

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

LIMITS = {"niche": "niche", "stem_cells": "stem cells", "hormones": "hormones (TPO, EPO, G-CSF)"}
LINEAGES = {"neutrophils": "neutrophils", "platelets": "platelets", "red_cells": "red cells", "blood": "all three"}


def section(run: "Results") -> list[str]:
    """HTML of the verdict, in words, its shares and the days of every arm; nothing where there is none."""
    path = RunDirectory(run.directory).verdict
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _told(found)
    except (OSError, ValueError, KeyError, TypeError):
        return [page.paragraph("verdict.json cannot be read; ask again with marrow-niche verdict.", "notice")]


def _told(found: dict[str, Any]) -> list[str]:
    first, *others = found["words"]
    rows = [
        (LIMITS.get(limit, limit), words.plain(each["mean"]), _span(each)) for limit, each in found["share_days"].items()
    ]
    rows += [
        (label, words.plain(found[name]["mean"]), _span(found[name]))
        for label, name in (("what is left: transit", "transit_days"), ("to recovery, in all", "recovery_days"))
    ]
    arms = [
        (
            " + ".join(LIMITS.get(limit, limit).split(" (")[0] for limit in arm["lifted"]) or "nothing (the run)",
            *(words.plain(sum(arm["days"][name]) / len(arm["days"][name])) for name in LINEAGES),
        )
        for arm in found["arms"]
    ]
    return [
        page.heading("What limits recovery"),
        page.paragraph(f"{first} {others[0] if others else ''}"),
        page.table(("part of the time", "days", "95 %"), rows),
        *(page.paragraph(text) for text in others[1:]),
        page.fold(
            "Days to 90 % in each arm",
            page.table(("lifted", *LINEAGES.values()), arms)
            + page.paragraph("Days from the injury, mean of the seeds; 0 where a count never fell below 90 %."),
        ),
    ]


def _span(each: dict[str, float | None]) -> str:
    low, high = each["low"], each["high"]
    return "–" if low is None or high is None else f"{words.plain(low)} to {words.plain(high)}"
