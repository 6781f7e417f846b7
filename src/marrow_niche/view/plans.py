"""What each scene shows: its pictures and their days, the colours of its field, its bars and keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrow_niche.analysis.recovery import course
from marrow_niche.errors import RunError
from marrow_niche.quantities import words
from marrow_niche.record.results import Results
from marrow_niche.view.asked import Asked, first_field
from marrow_niche.view.composed import Bar, Key
from marrow_niche.view.section import key as section_key
from marrow_niche.view.sight import VEINS
from marrow_niche.view.slices import DECADE, SHARES, TRIM
from marrow_niche.view.stage import Panel, Scale, groups
from marrow_niche.view.theme import CLONES, Theme

LOOKED_AT = 12
"""Days, evenly spaced, over which the colours of a film are spanned."""
CELLULARITY, INTEGRITY = "cellularity", "vessel_integrity"
MOST = 2.0
"""Where the colours of cellularity end: islands of it stand higher, the marrow as a whole does not."""
LOST = Scale(low=0.0, high=MOST, colours="RdBu")
WHOLE = Scale(low=0.0, high=1.0, colours="cividis")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One page: its pictures and what is said round them."""

    scene: str
    title: str
    panels: tuple[Panel, ...]
    heads: tuple[str, ...]
    foot: tuple[Bar | Key, ...]

    @property
    def days(self) -> list[float]:
        """Of its pictures [d]."""
        return [panel.day for panel in self.panels]


def planned(run: Results, scene: str, wanted: Asked) -> list[Plan]:
    """The pages of a scene: one a day, or one of three days."""
    if scene == "triptych":
        given = [(day, "") for day in wanted.days] if len(wanted.days) == 3 else []
        return [_triptych(run, given or telling_three(run), wanted)]
    return over(run, scene, wanted.days or (usual_day(run, scene),), wanted)


def over(run: Results, scene: str, days: Sequence[float], wanted: Asked) -> list[Plan]:
    """The pages of a scene at each of some days; a colour means the same on all of them.

    Raises RunError where the run did not record what the scene shows.
    """
    plans = {"anatomy": _anatomy, "slice": _section, "fields": _fields, "cells": _cells, "damage": _damage}
    return plans[scene](run, days, wanted)


def usual_day(run: Results, scene: str) -> float:
    """The day of a scene if none is asked for: the start for anatomy and slice, recovered for cells, else the emptiest."""
    first, *others = telling_three(run)
    if scene in ("anatomy", "slice") or not others:
        return first[0]
    return others[-1][0] if scene == "cells" else others[0][0]


def telling_three(run: Results) -> list[tuple[float, str]]:
    """Days of the marrow before, at its emptiest, and recovered, by its cellularity; fewer where the run holds no three.

    Recovered is the first record at 90 % of the start or more after the emptiest; where there is none, the end. Where the
    marrow did not empty, the middle of the run stands in for the emptiest day.
    """
    days = np.asarray(run.days, float)
    column = run.marrow[CELLULARITY].to_numpy(float) if CELLULARITY in run.marrow else np.ones(len(run.marrow))
    at = run.marrow["day"].to_numpy(float)
    found = course(at, column)
    if found is None or not found.fell or len(days) < 3:
        chosen = sorted({0, len(days) // 2, len(days) - 1})
        return [(float(days[k]), "") for k in chosen]
    level = 0.9 * found.start
    later = at[(at > found.nadir_day) & (column >= level)]
    last = (float(later[0]), "recovered") if later.size else (float(days[-1]), "at the end")
    three = [(float(days[0]), "before"), (found.nadir_day, "emptiest"), last]
    return three[: 3 if last[0] > found.nadir_day else 2]


def spanned(run: Results, array: str, days: Sequence[float]) -> Scale:
    """The colours of a field over some days: shares from zero, others by what the marrow holds but for its outermost 0.1 %."""
    stem = _stem(run, array)
    if stem == INTEGRITY:
        return WHOLE
    chosen = [days[k] for k in np.unique(np.linspace(0, len(days) - 1, min(LOOKED_AT, len(days))).round().astype(int))]
    ends = []
    for day in chosen:
        values = run.field(array, day).to_numpy()
        values = values[np.isfinite(values)]
        if values.size:
            ends.append(np.quantile(values, (TRIM, 1 - TRIM)))
    low, high = (float(np.min(ends)), float(np.max(np.array(ends)[:, 1]))) if ends else (0.0, 1.0)
    log = stem not in SHARES and low > 0 and high > DECADE * low
    if stem in SHARES:
        low = 0.0
    if stem == CELLULARITY:
        high = MOST
    if not high > low:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    return Scale(low=low, high=high, log=log, colours="cividis" if stem in SHARES else "viridis")


def largest_clones(run: Results, day: float) -> dict[int, float]:
    """The clones of more than one stored stem cell that are largest on a day, and their shares; at most six."""
    try:
        table = run.cells(day)
    except RunError:
        return {}
    if "clone" not in table or not len(table):
        return {}
    clones, counts = np.unique(table["clone"].to_numpy(), return_counts=True)
    order = [k for k in np.lexsort((clones, -counts))[: len(CLONES)] if counts[k] > 1]
    return {int(clones[k]): float(counts[k] / counts.sum()) for k in order}


def day_text(day: float) -> str:
    """A recorded time [d] that is told from its neighbours of an hour, after years too: "1095", "12.0417"."""
    return f"{day:.6g}"


def _day(day: float) -> str:
    return f"Day {day_text(day)}"


def _anatomy(run: Results, days: Sequence[float], wanted: Asked) -> list[Plan]:
    key = _anatomy_key(run, wanted.theme)
    panels = [Panel(look="anatomy", day=day) for day in days]
    return [
        Plan(scene="anatomy", title=f"{_day(panel.day)} · Anatomy", panels=(panel,), heads=("",), foot=(key,))
        for panel in panels
    ]


def _section(run: Results, days: Sequence[float], wanted: Asked) -> list[Plan]:
    key = section_key(wanted.theme, _has_vein(run), True)
    panels = [Panel(look="anatomy", day=day) for day in days]
    return [
        Plan(scene="slice", title=f"{_day(panel.day)} · Section", panels=(panel,), heads=("",), foot=(key,)) for panel in panels
    ]


def _fields(run: Results, days: Sequence[float], wanted: Asked) -> list[Plan]:
    array = wanted.field or first_field(run)
    if not array:
        raise RunError(f"{run.directory}: the run recorded no field. Choose another --scene.")
    scale = spanned(run, array, days)
    bar, called = _bar(run, array, scale), f"{_name_of(run, array)} in the marrow, cut open"
    panels = [Panel(look="field", day=day, array=array, scale=scale, by="", half=True) for day in days]
    return [
        Plan(scene="fields", title=f"{_day(panel.day)} · {called}", panels=(panel,), heads=("",), foot=(bar,))
        for panel in panels
    ]


def _cells(run: Results, days: Sequence[float], wanted: Asked) -> list[Plan]:
    clones = largest_clones(run, max(days))
    called = {"state": "By state", "clone": "By clone"} | ({"donor": "By line"} if _has_donor(run, max(days)) else {})
    found = []
    for day in days:
        panels = tuple(Panel(look="cells", day=day, by=by, clones=tuple(clones) if by == "clone" else ()) for by in called)
        keys = tuple(_cells_key(panel, wanted.theme, clones) for panel in panels)
        title = f"{_day(day)} · Stem cells"
        found.append(Plan(scene="cells", title=title, panels=panels, heads=tuple(called.values()), foot=keys))
    return found


def _damage(run: Results, days: Sequence[float], wanted: Asked) -> list[Plan]:
    _need(run, (INTEGRITY, CELLULARITY))
    bars = (
        Bar(title="Sinusoid integrity [share of rest]", scale=WHOLE),
        Bar(title="Cellularity [× rest]: red lost, blue gained", scale=LOST, beyond=True),
    )
    found = []
    for day in days:
        panels = (
            Panel(look="vessels", day=day, array=INTEGRITY, scale=WHOLE),
            Panel(look="field", day=day, array=CELLULARITY, scale=LOST, by=""),
        )
        heads = ("Sinusoids", "Marrow, cut open")
        found.append(Plan(scene="damage", title=f"{_day(day)} · Damage", panels=panels, heads=heads, foot=bars))
    return found


def _triptych(run: Results, days: Sequence[tuple[float, str]], wanted: Asked) -> Plan:
    own = wanted.field or CELLULARITY
    _need(run, (own,))
    scale = spanned(run, own, [day for day, _ in days])
    panels = tuple(Panel(look="field", day=day, array=own, scale=scale, half=True) for day, _ in days)
    heads = []
    for day, called in days:
        nearest = run.marrow.iloc[int(np.abs(run.marrow["day"].to_numpy(float) - day).argmin())]
        level = f"cellularity {words.percent(float(nearest[CELLULARITY]))} of rest" if CELLULARITY in nearest else ""
        heads.append(" · ".join(filter(None, (_day(day), called, level))))
    foot = (_bar(run, own, scale), _cells_key(panels[0], wanted.theme, {}))
    return Plan(scene="triptych", title="The marrow over time", panels=panels, heads=tuple(heads), foot=foot)


def _bar(run: Results, array: str, scale: Scale) -> Bar:
    unit = run.fields[array] or SHARES.get(_stem(run, array), "")
    title = f"{_name_of(run, array)} [{unit}]" if unit else _name_of(run, array)
    return Bar(title=title, scale=scale, beyond=_stem(run, array) == CELLULARITY)


def _anatomy_key(run: Results, theme: Theme) -> Key:
    entries = [
        ("stem cell, quiescent", theme.quiet), ("stem cell, cycling", theme.awake), ("stem cell, senescent", theme.senescent),
        ("sinusoid", theme.sinusoid), ("sinusoid, integrity lost", theme.wasted), ("arteriole", theme.arteriole),
        *([("central vein", theme.vein)] if _has_vein(run) else []), ("bone, cut open", theme.bone),
    ]  # fmt: skip
    return Key(title="", entries=tuple(entries))


def _cells_key(panel: Panel, theme: Theme, clones: dict[int, float]) -> Key:
    nobody = {name: np.zeros(0, bool) for name in ("cycling", "senescent", "marked")} | {"clone": np.zeros(0, int)}
    entries = [(name, colour) for name, _, colour in groups(nobody, panel, theme)]
    if panel.by == "clone":
        others, *large = entries
        large = [(f"{name}: {words.percent(clones[int(name)])}", colour) for name, colour in large]
        entries = [*large, (f"{others[0]}: {words.percent(max(0.0, 1 - sum(clones.values())))}", others[1])]
    return Key(title={"state": "Stem cells", "clone": "Clones", "donor": "Line"}[panel.by], entries=tuple(entries))


def _has_vein(run: Results) -> bool:
    return bool((run.vessels()["kind"] == VEINS).any())


def _has_donor(run: Results, day: float) -> bool:
    try:
        table = run.cells(day)
    except RunError:
        return False
    return "marked" in table and bool((table["marked"] > 0).any())


def _need(run: Results, arrays: Sequence[str]) -> None:
    missing = [name for name in arrays if name not in run.fields]
    if missing:
        told = words.listed(missing)
        raise RunError(f"{run.directory}: the run did not record {told}, which this scene shows. Choose another --scene.")


def _stem(run: Results, array: str) -> str:
    unit = run.fields[array]
    return array.removesuffix("_" + unit) if unit else array


def _name_of(run: Results, array: str) -> str:
    return words.title(_stem(run, array))
