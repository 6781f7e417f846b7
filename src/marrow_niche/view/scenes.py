"""Named scenes of a run: what each shows, on which days, and the pictures and films of them.

    anatomy    bone cut open, vessels, stem cells
    fields     a cytokine in the marrow, cut open
    cells      stem cells by state, by clone, and by donor where there is one
    damage     integrity of the sinusoids, and the cellularity of the marrow
    triptych   the marrow before, at its emptiest, and recovered
    slice      a flat section as under the microscope
"""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.analysis.recovery import course
from marrow_niche.errors import MarrowError, PictureError, RunError
from marrow_niche.quantities import words
from marrow_niche.record.atomic import replacing
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.results import Results, open_results
from marrow_niche.view import style
from marrow_niche.view.composed import Bar, Key, Sheet, compose, places
from marrow_niche.view.probe import CURE, Probe, probe
from marrow_niche.view.section import DEPTH, Section
from marrow_niche.view.section import key as section_key
from marrow_niche.view.shooting import Shot, shots
from marrow_niche.view.sight import VEINS, View
from marrow_niche.view.slices import DECADE, ELSEWHERE, SHARES, TRIM, length_text
from marrow_niche.view.stage import Panel, Scale, groups
from marrow_niche.view.theme import CLONES, THEMES, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCENES = ("anatomy", "fields", "cells", "damage", "triptych", "slice")
FORMATS = ("png", "svg", "pdf")
SIZE = (1920, 1080)
SMALLEST, LARGEST = (320, 240), (7680, 4320)
LOOKED_AT = 12
"""Days, evenly spaced, over which the colours of a film are spanned."""
CELLULARITY, INTEGRITY = "cellularity", "vessel_integrity"
LOST = Scale(low=0.0, high=2.0, colours="RdBu")
WHOLE = Scale(low=0.0, high=1.0, colours="cividis")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be drawn, checked against the run."""

    scenes: tuple[str, ...]
    days: tuple[float, ...]
    """Recorded times [d]; none: those that suit each scene."""
    field: str
    """Name of its array; empty where the run recorded none."""
    theme: Theme
    size: tuple[int, int]


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


def render(
    results: "Results | Path | str",
    scenes: Sequence[str] = (),
    *,
    days: Sequence[float] = (),
    field: str | None = None,
    theme: str = "light",
    size: str | tuple[int, int] = SIZE,
    format: str = "png",
    into: Path | str | None = None,
    written: Callable[[Path], None] = lambda path: None,
) -> list[Path]:
    """Draw named scenes of a run to files; returns their paths.

    Parameters
    ----------
    results : Results or path
        A run, or its directory; finished or not.
    scenes : sequence of str
        Names of `SCENES`; all by default.
    days : sequence of float
        Recorded times nearest to these are drawn, one picture a day and scene (triptych: three days in one); by default
        the days that suit each scene.
    field : str, optional
        What the scenes fields and triptych show: "SCF"; by default the first recorded field, and cellularity.
    theme : str
        light or dark.
    size : str or (wide, high)
        [pixels]
    format : str
        png, svg or pdf.
    into : path, optional
        Folder for the pictures; scenes/ in the run by default.
    written : callable
        Called with each path as soon as it is there.

    Raises PictureError with every mistake in what is asked; RunError when the directory is no run, the machine cannot draw
    in 3D (flat sections are drawn before that is told), or the disk refuses.
    """
    run = results if isinstance(results, Results) else open_results(results)
    wanted = asked(run, scenes, days=days, field=field, theme=theme, size=size, format=format)
    folder = RunDirectory(run.directory).scenes if into is None else Path(into)
    paths: list[Path] = []
    plans = [plan for scene in wanted.scenes for plan in planned(run, scene, wanted)]
    flat, solid = [plan for plan in plans if plan.scene == "slice"], [plan for plan in plans if plan.scene != "slice"]
    for plan, drawn in chain(_flat(run, flat, wanted), _solid(run, solid, wanted)):
        paths.append(_save(drawn, folder / _name(plan, wanted, format), wanted))
        written(paths[-1])
    return paths


def film(
    results: "Results | Path | str",
    movies: Sequence[Path | str],
    scene: str | Sequence[str] = "anatomy",
    *,
    days: Sequence[float] = (),
    field: str | None = None,
    theme: str = "light",
    size: str | tuple[int, int] = SIZE,
    rate: float = 8.0,
    show: Callable[[int, int, float], None] = lambda done, number, more: None,
) -> list[Path]:
    """Draw a scene at every recorded time, or at given `days`, into films; colours mean the same in all frames.

    Parameters
    ----------
    results, field, theme, size
        As of `render`.
    movies : sequence of path
        Each ends in .mp4 or .gif.
    scene : str
        All but triptych.
    rate : float
        Frames a second.
    show : callable
        Called with (frames done, frames in all, 0.0).

    Raises as `render`. Nothing is left of a film that was not finished.
    """
    from contextlib import ExitStack

    from marrow_niche.view import movie

    run = results if isinstance(results, Results) else open_results(results)
    scenes = [scene] if isinstance(scene, str) else [*scene]
    wanted = asked(run, scenes, days=days, field=field, theme=theme, size=size, movies=movies, rate=rate)
    (scene,) = wanted.scenes
    frames = wanted.days or tuple(float(day) for day in run.days)
    plans = filmed(run, scene, frames, wanted)
    with ExitStack() as stack:
        made = [stack.enter_context(movie.film(Path(path), wanted.size, rate)) for path in movies]
        show(0, len(plans), 0.0)
        pages = _flat(run, plans, wanted) if scene == "slice" else _solid(run, plans, wanted)
        for number, (_, drawn) in enumerate(pages, 1):
            frame = _pixels(drawn)
            for each in made:
                each.add(frame)
            show(number, len(plans), 0.0)
    return [Path(path) for path in movies]


def asked(
    run: Results,
    scenes: Sequence[str],
    *,
    days: Sequence[float] = (),
    field: str | None = None,
    theme: str = "light",
    size: str | tuple[int, int] = SIZE,
    format: str = "png",
    movies: Sequence[Path | str] | None = None,
    rate: float = 8.0,
) -> Asked:
    """What is asked for, checked against a run. Raises PictureError with every mistake."""
    mistakes: list[str] = []
    for scene in scenes:
        if scene not in SCENES:
            mistakes.append(f"--scene {scene}: there is no such scene.{_meant(scene, SCENES)} There are {words.listed([*SCENES])}.")
    recorded = np.asarray(run.days, float)
    found: list[float] = []
    for day in days:
        if not recorded.size:
            break
        low, high = float(recorded[0]), float(recorded[-1])
        if not low - 0.5 <= day <= high + 0.5:
            mistakes.append(f"--day {day:g}: the run was recorded from day {low:g} to {high:g}.")
        else:
            nearest = float(recorded[np.abs(recorded - day).argmin()])
            found += [nearest] if nearest not in found else []
    if not recorded.size:
        mistakes.append("the run has recorded nothing yet. Wait for its first record, or resume it.")
    if days and "triptych" in scenes and len(days) != 3:
        mistakes.append(f"--scene triptych: shows three days, and {len(days)} {'is' if len(days) == 1 else 'are'} given. "
                        "Give --day three times, or not at all.")  # fmt: skip
    array = _first_field(run) if field is None else _field(run, field, mistakes)
    if theme not in THEMES:
        mistakes.append(f"--theme {theme}: there is no such theme.{_meant(theme, THEMES)} There are {words.listed([*THEMES])}.")
    if format not in FORMATS:
        mistakes.append(f"--format {format}: cannot be written; choose {words.listed([*FORMATS], 'or')}.")
    pixels = _size(size, mistakes)
    if movies is not None:
        mistakes += _film_mistakes(scenes, found or recorded.tolist(), movies, rate)
    if mistakes:
        raise PictureError(run.directory, mistakes)
    chosen = tuple(dict.fromkeys(scenes)) or SCENES
    return Asked(scenes=chosen, days=tuple(found), field=array, theme=THEMES[theme], size=pixels)


def planned(run: Results, scene: str, wanted: Asked) -> list[Plan]:
    """The pages of a scene: one a day, or one of three days."""
    if scene == "triptych":
        three = dict.fromkeys(wanted.days) if len(wanted.days) == 3 else {}
        days = [(day, "") for day in three] or telling_three(run)
        return [_triptych(run, days, wanted)]
    days = list(wanted.days) or [usual_day(run, scene)]
    return [_plan(run, scene, day, wanted, days) for day in days]


def filmed(run: Results, scene: str, days: Sequence[float], wanted: Asked) -> list[Plan]:
    """The pages of a film; colours span all of its days."""
    return [_plan(run, scene, day, wanted, list(days)) for day in days]


def usual_day(run: Results, scene: str) -> float:
    """The day of a scene for which none is asked: the start for anatomy and slice, the end for cells, else the emptiest marrow."""
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


def _plan(run: Results, scene: str, day: float, wanted: Asked, days: Sequence[float]) -> Plan:
    theme, when = wanted.theme, f"Day {words.plain(day)}"
    if scene in ("anatomy", "slice"):
        panel = Panel(look="anatomy", day=day)
        foot = section_key(theme, _has_vein(run), True) if scene == "slice" else _anatomy_key(run, theme)
        title = f"{when} · {'Section' if scene == 'slice' else 'Anatomy'}"
        return Plan(scene=scene, title=title, panels=(panel,), heads=("",), foot=(foot,))
    if scene == "fields":
        if not wanted.field:
            raise RunError(f"{run.directory}: recorded no field, so there is none to draw. Choose another --scene.")
        scale = spanned(run, wanted.field, days)
        panel = Panel(look="field", day=day, array=wanted.field, scale=scale, by="", half=True)
        title = f"{when} · {_name_of(run, wanted.field)} in the marrow, cut open"
        return Plan(scene=scene, title=title, panels=(panel,), heads=("",), foot=(_bar(run, wanted.field, scale),))
    if scene == "cells":
        clones = largest_clones(run, max(days))
        kinds = ["state", "clone"] + (["donor"] if _has_donor(run, max(days)) else [])
        panels = tuple(Panel(look="cells", day=day, by=kind, clones=tuple(clones) if kind == "clone" else ()) for kind in kinds)
        called = {"state": "By state", "clone": "By clone", "donor": "By donor"}
        keys = tuple(_cells_key(panel, theme, clones) for panel in panels)
        heads = tuple(called[kind] for kind in kinds)
        return Plan(scene=scene, title=f"{when} · Stem cells", panels=panels, heads=heads, foot=keys)
    panels = (
        Panel(look="vessels", day=day, array=INTEGRITY, scale=WHOLE),
        Panel(look="field", day=day, array=CELLULARITY, scale=LOST, by=""),
    )
    bars = (Bar(title="Sinusoid integrity [share of rest]", scale=WHOLE), Bar(title="Cellularity [× rest]: red lost, blue gained", scale=LOST))
    heads = ("Sinusoids", "Marrow, cut open")
    _need(run, (INTEGRITY, CELLULARITY))
    return Plan(scene="damage", title=f"{when} · Damage", panels=panels, heads=heads, foot=bars)


def _triptych(run: Results, days: Sequence[tuple[float, str]], wanted: Asked) -> Plan:
    own = wanted.field if wanted.field and wanted.field != _first_field(run) else CELLULARITY
    _need(run, (own,))
    scale = spanned(run, own, [day for day, _ in days])
    panels = tuple(Panel(look="field", day=day, array=own, scale=scale, half=True) for day, _ in days)
    table = run.marrow.set_index("day")
    heads = []
    for day, called in days:
        share = float(table[CELLULARITY].iloc[np.abs(table.index.to_numpy(float) - day).argmin()]) if CELLULARITY in table else np.nan
        level = f"cellularity {words.percent(share)} of rest" if np.isfinite(share) else ""
        heads.append(" · ".join(filter(None, (f"Day {words.plain(day)}", called, level))))
    foot = (_bar(run, own, scale), _cells_key(panels[0], wanted.theme, {}))
    return Plan(scene="triptych", title="The marrow over time", panels=panels, heads=tuple(heads), foot=foot)


def spanned(run: Results, array: str, days: Sequence[float]) -> Scale:
    """The colours of a field over some days: shares from zero, others by what the marrow holds but for its outermost 0.1 %."""
    stem = _stem(run, array)
    if stem == INTEGRITY:
        return WHOLE
    field = run.field(array)
    times = field["time"].to_numpy()
    chosen = [days[k] for k in np.unique(np.linspace(0, len(days) - 1, min(LOOKED_AT, len(days))).round().astype(int))]
    ends = []
    for day in chosen:
        values = field.isel(time=int(np.abs(times - day).argmin())).to_numpy()
        values = values[np.isfinite(values)]
        if values.size:
            ends.append(np.quantile(values, (TRIM, 1 - TRIM)))
    low, high = (float(np.min(ends)), float(np.max(np.array(ends)[:, 1]))) if ends else (0.0, 1.0)
    log = stem not in SHARES and low > 0 and high > DECADE * low
    if stem in SHARES:
        low = 0.0
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


def _flat(run: Results, plans: Sequence[Plan], wanted: Asked) -> "Iterator[tuple[Plan, Figure]]":
    if not plans:
        return
    section = Section(run)
    for plan in plans:
        (panel,) = plan.panels
        shown = len(section.shown(panel.day)["position"])
        note = (
            f"Stem cells within {length_text(DEPTH)} of the section, at their true number ({shown}), larger than they are; "
            "blood-forming cells as dots, of which 9,000 stand for the section at rest."
        )
        with style.styled():
            yield plan, section.figure(panel.day, _sheet(run, plan, note, section.axes), wanted.size, wanted.theme)


def _solid(run: Results, plans: Sequence[Plan], wanted: Asked) -> "Iterator[tuple[Plan, Figure]]":
    if not plans:
        return
    found = window()
    view = View(run, most=np.inf)
    aspects = [_aspect(view, plan) for plan in plans]
    sizes = [places(len(plan.panels), wanted.size, aspect) for plan, aspect in zip(plans, aspects, strict=True)]
    every = [
        (panel, (wide, high)) for plan, boxes in zip(plans, sizes, strict=True)
        for panel, (_, _, wide, high) in zip(plan.panels, boxes, strict=True)
    ]  # fmt: skip
    come = shots(run, every, theme=wanted.theme, found=found)
    try:
        for plan, aspect in zip(plans, aspects, strict=True):
            pictures = [next(come) for _ in plan.panels]
            sheet = _sheet(run, plan, _note(plan, pictures, view), view.axes())
            with style.styled():
                yield plan, compose(sheet, pictures, wanted.size, wanted.theme, aspect)
    finally:
        come.close()  # type: ignore[attr-defined]


def _aspect(view: View, plan: Plan) -> float:
    """Width over height of what a plan's pictures show."""
    across, up = (float(np.ptp(span)) for span in (view.seen_half if plan.panels[0].half else view.seen))
    return across / max(up, 1e-9)


def window() -> Probe:
    """A window that opens. Raises RunError, with what to install, where none does."""
    found = probe()
    if not found.works:
        raise RunError(f"{CURE.partition('; then')[0]}; then the same command again. The scene slice needs no OpenGL.")
    return found


def _note(plan: Plan, pictures: Sequence[Shot], view: View) -> str:
    parts = [f"Slice of {length_text(view.thickness)}, seen from above."] if view.slice else []
    if any(panel.look in ("anatomy", "cells") or (panel.look == "field" and panel.by) for panel in plan.panels):
        numbers = [shot.shown for shot in pictures]
        told = f"{numbers[0]:,}" if len(set(numbers)) == 1 else words.listed([f"{number:,}" for number in numbers])
        parts.append(
            f"Stem cells at their true number ({told}), drawn {words.plain(pictures[0].enlarged, 2)} times their size, paler "
            "where something stands before them."
        )
    if plan.scene in ("fields", "damage", "triptych"):
        parts.append("On the cut, grey: vessels; yellow: fat.")
    return " ".join(parts)


def _sheet(run: Results, plan: Plan, note: str, axes: dict[str, tuple[float, float]]) -> Sheet:
    under = str(run.scenario.get("title") or run.directory.name)
    return Sheet(title=plan.title, under=under, heads=plan.heads, foot=plan.foot, note=note, axes=axes)


def _name(plan: Plan, wanted: Asked, format: str) -> str:
    dated = wanted.days and plan.scene != "triptych"
    return f"{plan.scene}_day{words.plain(plan.days[0])}.{format}" if dated else f"{plan.scene}.{format}"


def _save(drawn: "Figure", path: Path, wanted: Asked) -> Path:
    """The picture, whole or not at all, the same bytes for the same run."""
    form = path.suffix[1:]
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[form]
    import matplotlib

    with replacing(path) as temporary, style.styled(), matplotlib.rc_context({"svg.hashsalt": "marrow_niche"}):
        drawn.savefig(temporary, format=form, dpi=drawn.dpi, facecolor=wanted.theme.page, metadata=metadata)
    return path


def _pixels(drawn: "Figure") -> np.ndarray:
    """A page as (high, wide, 3) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(drawn)
    with style.styled():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _bar(run: Results, array: str, scale: Scale) -> Bar:
    unit = run.fields[array] or SHARES.get(_stem(run, array), "")
    return Bar(title=f"{_name_of(run, array)} [{unit}]" if unit else _name_of(run, array), scale=scale)


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
        raise RunError(f"{run.directory}: did not record {words.listed(missing)}, which this scene shows. Choose another --scene.")


def _first_field(run: Results) -> str:
    """The first recorded cytokine; a share where there is none."""
    try:
        names = [name for name in run.fields if name not in ELSEWHERE]
    except RunError:
        return ""
    return next((name for name in names if name not in SHARES), names[0] if names else "")


def _field(run: Results, name: str, mistakes: list[str]) -> str:
    try:
        return run._find(name)[0]
    except MarrowError as error:
        mistakes.append(f"--field {name}: {str(error).removeprefix(f'{run.directory}: ')}")
        return ""


def _stem(run: Results, array: str) -> str:
    unit = run.fields[array]
    return array.removesuffix("_" + unit) if unit else array


def _name_of(run: Results, array: str) -> str:
    return words.title(_stem(run, array))


def _size(size: str | tuple[int, int], mistakes: list[str]) -> tuple[int, int]:
    text = size if isinstance(size, str) else f"{size[0]}x{size[1]}"
    found = re.fullmatch(r"(\d{1,5})[x×X](\d{1,5})", text.strip())
    if not found:
        mistakes.append(f"--size {text}: is no size; give pixels across and down, such as 1920x1080.")
        return SIZE
    wide, high = int(found[1]), int(found[2])
    if not (SMALLEST[0] <= wide <= LARGEST[0] and SMALLEST[1] <= high <= LARGEST[1]):
        mistakes.append(f"--size {text}: must lie between {SMALLEST[0]}x{SMALLEST[1]} and {LARGEST[0]}x{LARGEST[1]} pixels.")
    return wide, high


def _film_mistakes(scenes: Sequence[str], days: Sequence[float], movies: Sequence[Path | str], rate: float) -> list[str]:
    from marrow_niche.view.movie import SUFFIXES

    mistakes = [
        f"--movie {path}: ends in neither .mp4 nor .gif, by which its kind is known." for path in movies
        if Path(path).suffix.lower() not in SUFFIXES
    ]  # fmt: skip
    if len(scenes) > 1:
        mistakes.append(f"--movie: shows one scene, and {len(scenes)} are given. Give --scene once.")
    if "triptych" in scenes:
        mistakes.append("--scene triptych: shows three days at once; a film needs another scene, such as damage.")
    if len(days) < 2:
        mistakes.append("--movie: needs at least two days, and there is one. Give --day more often, or a run with more records.")
    if not 0.1 <= rate <= 60:
        mistakes.append(f"--fps {rate:g}: must lie between 0.1 and 60 frames a second.")
    return mistakes


def _meant(word: str, known: Sequence[str] | dict[str, Theme]) -> str:
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
