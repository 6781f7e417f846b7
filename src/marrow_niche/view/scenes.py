"""Named scenes of a run: what each shows, on which days, and the pictures and films of them.

anatomy    bone cut open, vessels, stem cells
fields     a cytokine in the marrow, cut open
cells      stem cells by state, by clone, and by donor where there is one
damage     integrity of the sinusoids, and the cellularity of the marrow
triptych   the marrow before, at its emptiest, and recovered
slice      a flat section as under the microscope
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marrow_niche.errors import PictureError, RunError
from marrow_niche.quantities import words
from marrow_niche.record.atomic import replacing
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.results import Results, open_results
from marrow_niche.view import movie, style
from marrow_niche.view.asked import SIZE, Asked, asked
from marrow_niche.view.composed import Sheet, compose, places
from marrow_niche.view.plans import Plan, day_text, over, planned
from marrow_niche.view.probe import CURE, Probe, probe
from marrow_niche.view.section import DEPTH, DOTS, Section
from marrow_niche.view.shooting import Shot, shots
from marrow_niche.view.sight import View
from marrow_niche.view.slices import length_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    skipped: Callable[[str], None] = lambda why: None,
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
    skipped : callable
        Called with the reason where no scene is named and one of them cannot be drawn, since the run did not record it.

    Raises PictureError with every mistake in what is asked; RunError when the directory is no run, the machine cannot draw
    in 3D (flat sections are drawn before that is told), or the disk refuses.
    """
    run = results if isinstance(results, Results) else open_results(results)
    wanted = asked(run, scenes, days=days, field=field, theme=theme, size=size, format=format)
    folder = RunDirectory(run.directory).scenes if into is None else Path(into)
    paths: list[Path] = []
    plans: list[Plan] = []
    mistakes: list[str] = []
    for scene in wanted.scenes:
        try:
            plans += planned(run, scene, wanted)
        except RunError as error:
            mistakes.append(f"{scene}: {str(error).removeprefix(f'{run.directory}: ')}")
    if mistakes and scenes:
        raise PictureError(run.directory, mistakes)
    for why in mistakes:
        skipped(why)
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
    into: Path | str | None = None,
    show: Callable[[int, int, float], None] = lambda done, number, more: None,
) -> list[Path]:
    """Draw a scene at every recorded time, or at given `days`, into films; colours mean the same in all frames.

    Parameters
    ----------
    results, field, theme, size
        As of `render`.
    movies : sequence of path
        Each ends in .mp4 or .gif; relative to `into`.
    scene : str
        All but triptych.
    rate : float
        Frames a second.
    into : path, optional
        Folder for the films; the working directory by default.
    show : callable
        Called with (frames done, frames in all, 0.0).

    Raises as `render`. Nothing is left of a film that was not finished.
    """
    run = results if isinstance(results, Results) else open_results(results)
    scenes = [scene] if isinstance(scene, str) else [*scene]
    paths = [Path(into or ".") / path for path in movies]
    wanted = asked(run, scenes, days=days, field=field, theme=theme, size=size, movies=paths, rate=rate)
    (scene,) = wanted.scenes
    frames = wanted.days or tuple(float(day) for day in run.days)
    plans = over(run, scene, frames, wanted)
    with ExitStack() as stack:
        made = [stack.enter_context(movie.film(path, wanted.size, rate)) for path in paths]
        show(0, len(plans), 0.0)
        pages = _flat(run, plans, wanted) if scene == "slice" else _solid(run, plans, wanted)
        for number, (_, drawn) in enumerate(pages, 1):
            frame = _pixels(drawn)
            for each in made:
                each.add(frame)
            show(number, len(plans), 0.0)
    return paths


def _flat(run: Results, plans: Sequence[Plan], wanted: Asked) -> "Iterator[tuple[Plan, Figure]]":
    if not plans:
        return
    section = Section(run)
    for plan in plans:
        (panel,) = plan.panels
        shown = len(section.shown(panel.day)["position"])
        note = (
            f"Stem cells within {length_text(DEPTH)} of the section, at their true number ({shown}), larger than they are; "
            f"blood-forming cells as dots, of which {DOTS:,} stand for the section at rest."
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
            f"Stem cells at their true number ({told} in what is drawn), {words.plain(pictures[0].enlarged, 2)} times their "
            "size, paler where something stands before them."
        )
    if plan.scene in ("fields", "damage", "triptych"):
        parts.append("On the cut, grey: vessels; yellow: fat.")
    return " ".join(parts)


def _sheet(run: Results, plan: Plan, note: str, axes: dict[str, tuple[float, float]]) -> Sheet:
    under = str(run.scenario.get("title") or run.directory.name)
    return Sheet(title=plan.title, under=under, heads=plan.heads, foot=plan.foot, note=note, axes=axes)


def _name(plan: Plan, wanted: Asked, format: str) -> str:
    dated = wanted.days and plan.scene != "triptych"
    return f"{plan.scene}_day{day_text(plan.days[0])}.{format}" if dated else f"{plan.scene}.{format}"


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
