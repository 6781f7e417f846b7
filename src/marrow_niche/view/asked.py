"""What pictures are asked for, checked against a run: every mistake at once, with its cure."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrow_niche.errors import MarrowError, PictureError, RunError
from marrow_niche.quantities import words
from marrow_niche.record.results import TABLES_ALONE, Results
from marrow_niche.view.movie import GIF_RATE, SUFFIXES
from marrow_niche.view.slices import ELSEWHERE, SHARES
from marrow_niche.view.theme import THEMES, Theme

SCENES = ("anatomy", "fields", "cells", "damage", "triptych", "slice")
FORMATS = ("png", "svg", "pdf")
SIZE = (1920, 1080)
SMALLEST, LARGEST = (320, 240), (7680, 4320)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be drawn, checked against the run."""

    scenes: tuple[str, ...]
    days: tuple[float, ...]
    """Recorded times [d]; none: those that suit each scene."""
    field: str
    """Name of its array; empty where none is asked for."""
    theme: Theme
    size: tuple[int, int]


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
    if run.tables_alone:
        raise PictureError(run.directory, [TABLES_ALONE])
    mistakes: list[str] = []
    for scene in scenes:
        if scene not in SCENES:
            there = words.listed([*SCENES])
            mistakes.append(f"--scene {scene}: there is no such scene.{_meant(scene, SCENES)} There are {there}.")
    recorded = np.asarray(run.days, float)
    found: list[float] = []
    for day in days:
        if not recorded.size:
            break
        try:
            nearest = float(recorded[run.nearest(recorded, day)])
        except RunError as error:
            mistakes.append(f"--day {day:g}: {_said(run, error)}")
        else:
            found += [nearest] if nearest not in found else []
    if not recorded.size:
        mistakes.append("the run has recorded nothing yet. Wait for its first record, or resume it.")
    if days and "triptych" in scenes and len(days) != 3:
        mistakes.append(f"--scene triptych: shows three days, and {len(days)} {'is' if len(days) == 1 else 'are'} given. "
                        "Give --day three times, or not at all.")  # fmt: skip
    array = "" if field is None else _field(run, field, mistakes)
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


def first_field(run: Results) -> str:
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
        mistakes.append(f"--field {name}: the run {_said(run, error)}")
        return ""


def _said(run: Results, error: MarrowError) -> str:
    return str(error).removeprefix(f"{run.directory}: ")


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
    mistakes = [
        f"--movie {path}: ends in neither .mp4 nor .gif, by which its kind is known." for path in movies
        if Path(path).suffix.lower() not in SUFFIXES
    ]  # fmt: skip
    if len({Path(path).resolve() for path in movies}) < len(movies):
        mistakes.append("--movie: the same file is given twice; give each once.")
    if rate > GIF_RATE and any(Path(path).suffix.lower() == ".gif" for path in movies):
        mistakes.append(f"--fps {rate:g}: a .gif shows at most {GIF_RATE} frames a second; give fewer, or an .mp4.")
    if len(scenes) > 1:
        mistakes.append(f"--movie: shows one scene, and {len(scenes)} are given. Give --scene once.")
    if "triptych" in scenes:
        mistakes.append("--scene triptych: shows three days at once; a film needs another scene, such as damage.")
    if len(days) < 2:
        told = "needs at least two recorded days, and there are fewer"
        mistakes.append(f"--movie: {told}. Give --day more often, or a run with more records.")
    if not 0.1 <= rate <= 60:
        mistakes.append(f"--fps {rate:g}: must lie between 0.1 and 60 frames a second.")
    return mistakes


def _meant(word: str, known: Sequence[str] | dict[str, Theme]) -> str:
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
