"""What was done to the animal, in words and as times: read from the scenario a run keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marrow_niche.errors import UnitError

if TYPE_CHECKING:
    from marrow_niche.record.results import Results


WHERE = {
    "map": "by a dose map ",
    "bone_range": "from bone surfaces ",
    **dict.fromkeys(("region", "beam", "shield"), "on a part of the marrow "),
}
"""What an entry of a radiation event says of where its dose falls."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of the scenario."""

    spans: tuple[tuple[float, float], ...]
    """Begin and end of each exposure [d]; equal where it is at once."""
    label: str
    """In short: "6 Gy", "4 x 2 Gy", "graft of 200 HSC"."""
    told: str
    """In a sentence: "6 Gy at day 0"."""

    @property
    def day(self) -> float:
        """When it begins [d]."""
        return self.spans[0][0]


def of_run(results: "Results") -> list[Event]:
    """The events of a run in the order of their times; none where the scenario has none."""
    tables = results.scenario.get("events") or []
    found = [_event(table) for table in tables if isinstance(table, Mapping)]
    return sorted((event for event in found if event is not None), key=lambda event: event.day)


def told(events: list[Event]) -> str:
    """All events as the beginning of a sentence: "6 Gy at day 0 and 2 Gy at day 14"."""
    from marrow_niche.quantities.words import listed

    return listed([event.told for event in events])


def _event(table: Mapping[str, Any]) -> Event | None:
    spec = _read(table)
    exposures = spec.exposures() if hasattr(spec, "exposures") else ()
    if exposures:
        spans = tuple((begin / 24, end / 24) for begin, end, *_ in exposures)
    elif hasattr(spec, "times"):
        spans = tuple((time / 24, time / 24) for time in spec.times())
    elif getattr(spec, "duration", None) is not None:
        spans = ((spec.at / 24, (spec.at + spec.duration) / 24),)
    else:
        at = _days(table.get("at"))
        if at is None:
            return None
        spans = ((at, at),)
    kind = str(table.get("kind", "event")).replace("_", " ")
    if kind != "radiation":
        label = _label(table, kind)
        label = f"{len(spans)} × {label}" if len(spans) > 1 else label
        one = len(spans) == 1 and spans[0][0] == spans[0][1]
        when = f"at {_when(spans[0][0])}" if one else f"from day {_text(spans[0][0])} to {_text(spans[-1][1])}"
        return Event(spans=spans, label=label, told=f"{label} {when}")
    dose = str(table.get("dose", "radiation"))
    label = f"{len(spans)} × {dose}" if len(spans) > 1 else dose
    where = next((words for name, words in WHERE.items() if name in table), "")
    begin, end = spans[0][0], spans[-1][1]
    if len(spans) > 1:
        when = f"from day {_text(begin)} to {_text(end)}"
    elif end > begin:
        when = f"over {_length(end - begin)} from {_when(begin)}"
    else:
        when = f"at {_when(begin)}"
    return Event(spans=spans, label=label, told=f"{label} {where}{when}")


def _label(table: Mapping[str, Any], kind: str) -> str:
    """What an event does, in a few words: "5 ug/kg G-CSF", "40 % bleed", "graft of 5,000 HSC", "label of 20 % of tip"."""
    from marrow_niche.quantities import words

    if kind == "graft":
        cells, stroma = table.get("cells"), table.get("stroma")
        if isinstance(cells, Mapping) and cells:
            parts = [f"{words.plain(n, 6) if isinstance(n, (int, float)) else n} {name}" for name, n in cells.items()]
            return f"graft of {words.listed(parts)}"
        return f"graft of {stroma} stroma" if isinstance(stroma, (str, int, float)) else "graft"
    if kind == "label":
        share, cells = table.get("share"), table.get("cells", "tip")
        which = {"tip": "tip", "HSC": "HSC", "all": "all stem cells"}.get(str(cells), str(cells))
        return f"label of {share + ' of ' if isinstance(share, str) else ''}{which}"
    if kind == "blockade":
        share = table.get("share")
        return f"blockade of {share + ' of ' if isinstance(share, str) else ''}{table.get('receptor', 'VEGFR2')}"
    amount, what = table.get("dose", table.get("fraction")), words.name(str(table.get("factor", kind)))
    return f"{amount} {what}" if isinstance(amount, str) else what


def _read(table: Mapping[str, Any]) -> Any:
    from marrow_niche.scenario.reader import Reader
    from marrow_niche.scenario.scenario import EVENTS

    return Reader().one_of(EVENTS, table, "")


def _days(given: Any) -> float | None:
    from marrow_niche.quantities.units import to_canonical

    try:
        return to_canonical(given, "h") / 24
    except UnitError:
        return None


def _when(day: float) -> str:
    """A day, or an hour of the first one."""
    return f"hour {24 * day:.3g}" if 0 < day < 1 else f"day {_text(day)}"


def _text(day: float) -> str:
    return f"{day:.3g}"


def _length(days: float) -> str:
    return f"{days:.3g} d" if days >= 2 else f"{24 * days:.3g} h" if days >= 2 / 24 else f"{1440 * days:.3g} min"
