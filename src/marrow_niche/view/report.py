"""The report of a run: report.html, one file that opens anywhere, and figures/*.png.

It is the same for the same run, apart from the paragraphs on how the run was made. What is missing is said, not hidden:
a run that still goes on, one without fields or cells, a machine that cannot draw in 3D.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from marrow_niche.errors import MarrowError
from marrow_niche.quantities import words
from marrow_niche.record.atomic import write_text
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.results import Results, open_results
from marrow_niche.view import books, events, findings, making, page, switched, verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from marrow_niche.view.scene import Rendering

FIGURES = ("blood", "marrow", "clones", "dose", "scene", "cytokines", "profiles", "distances")
"""Names of the figures, figures/<name>.png."""
PRINTED = {
    "neutrophils_per_uL": "neutrophils",
    "lymphocytes_per_uL": "lymphocytes",
    "platelets_per_uL": "platelets",
    "haemoglobin_g_per_dL": "haemoglobin",
    "reticulocytes_per_uL": "reticulocytes",
}
"""What the terminal shows."""


def report(results: "Results | Path | str", *, three_d: bool = True) -> Path:
    """Draw the figures of a run and write its report.html; returns the path of that file.

    Parameters
    ----------
    results : Results or path
        A run, or its directory; finished or not.
    three_d : bool
        False leaves out the 3D picture, which takes most of the time.

    Raises RunError when the directory is no run, or cannot be written to.
    """
    run = results if isinstance(results, Results) else open_results(results)
    if not (three_d and len(run.days)):
        return _report(run, None)
    from marrow_niche.view import interactive, scene

    with scene.Rendering(run) as begun, ThreadPoolExecutor(1) as aside:  # what is slow, while the others are drawn
        return _report(run, begun, aside.submit(interactive.section, open_results(run.directory)))


def _report(run: Results, begun: "Rendering | None", turned: "Future[list[str]] | None" = None) -> Path:
    """Draw and write it all; without `begun` there is no 3D picture, and none to be turned without `turned`."""
    title = str(run.scenario.get("title") or run.directory.name)
    drawn = _Drawer(run)
    body = [
        page.paragraph(_kicker(run), "kicker"),
        f"<h1>{page.escape(title)}</h1>",
        page.paragraph(findings.headline(run), "headline"),
        page.paragraph(findings.second(run), "second"),
    ]
    recorded = len(run.days) > 0
    body += verdict.section(run)
    body += [page.tiles(findings.tiles(run))] if recorded else []
    body += [page.paragraph(text, "notice") for text in (findings.notices(run) if recorded else [_unrecorded(run)])]
    if recorded:
        time_courses = [*_blood(run, drawn), *_clinic(run), *_marrow(run, drawn), *_dose(run, drawn)]
        below = [*_cytokines(run, drawn), *_niche(run, drawn), *_books(run)]  # before what is waited for
        body += [*time_courses, *_space(begun, turned, drawn), *below]
    body += switched.section(run)
    body += [*making.bone(run), *making.making(run), *making.parameters(run), *making.files(run)]
    body.append(
        "<footer>Written by marrow_niche. Days count from the start; “rest” is the state the run began in.</footer>"
    )
    drawn.sweep()
    path = RunDirectory(run.directory).report
    write_text(path, page.document(title, findings.headline(run), [part for part in body if part]))
    return path


def summary(results: "Results | Path | str") -> str:
    """The few lines to print at the end of a run: what happened, each count, where the files are. Plain ASCII.

    Raises RunError when the directory is no run.
    """
    run = results if isinstance(results, Results) else open_results(results)
    place = RunDirectory(run.directory)
    lines = [text for text in (findings.headline(run), findings.second(run)) if text]
    if len(run.days):
        rows = findings.rows(run.blood, {name: label for name, label in PRINTED.items() if name in run.blood})
        rows += findings.rows(run.marrow, {"stem_cells": "stem cells here"})
        lines += ["", *words.aligned(_table(rows)), ""] if rows else []
    lines += books.unclosed(run) if len(run.days) else []
    if not run.finished:
        lines.append(f"Not finished; go on with: marrow-niche resume {place.path}")
    if place.report.is_file():
        lines.append(f"Report:   {place.report}")
    if place.open_in_paraview.is_file():
        lines.append(f"ParaView: cd {place.path} && paraview --script={place.open_in_paraview.name}")
    text = "\n".join(lines)
    for sign, plain in {"µ": "u", "–": "-", "×": "x", "β": "beta"}.items():
        text = text.replace(sign, plain)
    return text


def _table(rows: list[findings.Row]) -> list[tuple[str, ...]]:
    """The columns of findings that a terminal has room for."""
    chosen = [findings.COLUMNS.index(name) for name in ("start", "lowest", "on day", "90 % again, day", "end")]
    table: list[tuple[str, ...]] = [("", *(findings.COLUMNS[k] for k in chosen))]
    return table + [(f"{row.name} [{row.unit}]" if row.unit else row.name, *(row.cells[k] for k in chosen)) for row in rows]


class _Drawer:
    """Draws figures into figures/ and knows which are new, so that none of an earlier report is left among them."""

    def __init__(self, run: Results) -> None:
        self.folder = RunDirectory(run.directory).figures
        self.written: list[str] = []

    def draw(
        self, name: str, figure: "Callable[[], Figure | None]", alt: str, caption: str = "", kind: str = ""
    ) -> list[str]:
        """HTML of one figure; a sentence where its data are damaged, nothing where there are none."""
        from marrow_niche.view import style

        try:
            made = figure()
        except MarrowError as error:
            return [page.paragraph(f"Not drawn: {error}", "notice")]
        if made is None:
            return []
        path = self.folder / f"{name}.png"
        style.save(made, path)
        self.written.append(name)
        return [page.picture(path, alt, caption, kind)]

    def sweep(self) -> None:
        """Remove figures of an earlier report that this one does not show."""
        for name in FIGURES:
            if name not in self.written:
                (self.folder / f"{name}.png").unlink(missing_ok=True)


def _kicker(run: Results) -> str:
    made = findings.provenance(run)
    species = made.get("species") or run.scenario.get("species", "")
    last = f"{words.day(float(run.days[-1]))} days" if len(run.days) else ""
    facts = made.get("geometry") or {}
    kind = "slice" if facts.get("dimension") == 2 else ""
    seed = f"seed {run.scenario.get('seed', '?')}"
    return " · ".join(filter(None, ("marrow_niche", str(species), kind, last, seed)))


def _unrecorded(run: Results) -> str:
    return "This run has recorded nothing yet: it still builds its marrow, or was stopped before its first record."


def _blood(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.analysis import published
    from marrow_niche.view import curves

    done, normal, like = events.of_run(run), published.normal(run), published.after_dose(run)
    caption = (
        "Dashed: the level at rest. Ring: the lowest count, as a share of the start; diamond: back at 90 %. Violet: "
        "what was done. Counts that fall by decades are on logarithmic axes."
    )
    if normal:
        caption += f" Green: normal range of adults ({published.NORMAL_SOURCE})."
    if like:
        bar = len(like[0].day) == 1
        mark = "Squares: what is published of" if bar else "Hatched: what is published of"
        ends = ", a triangle where it is less than that" if any((each.high > each.low).any() for each in like) and bar else ""
        caption += f" {mark} such a dose{ends}, from the run's own counts at rest ({like[0].source})."
    parts = [
        page.heading("Blood"),
        *drawn.draw(
            "blood",
            lambda: curves.blood(run.blood, done, normal=normal, published=like),
            findings.headline(run),
            caption,
        ),
    ]
    rows = findings.rows(run.blood)
    if rows:
        parts.append(_counts(rows))
        parts.append(
            page.paragraph(
                "Days are read off the line through the recorded times; “lasting” is the day after which a "
                "count did not go below the level again."
            )
        )
    return parts


def _clinic(run: Results) -> list[str]:
    from marrow_niche.view import clinic

    try:
        rows = clinic.rows([run])
    except MarrowError as error:
        return [page.paragraph(f"No clinical measures: {error}", "notice")]
    told = [page.paragraph(text) for text in clinic.remarks(run)]
    return [page.heading("What a clinician reads"), page.table((), rows, "facts"), *told] if rows else []


def _marrow(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.view import curves

    done = events.of_run(run)
    caption = (
        "Stem cells are those of the piece; small marks on an axis: none left. Normal blood can hide a lasting deficit "
        "of stem cells."
    )
    alt = "Stem cells, cellularity, progenitors and niche against time"
    parts = [page.heading("Marrow"), *drawn.draw("marrow", lambda: curves.marrow(run.marrow, done), alt, caption)]
    rows = findings.rows(run.marrow, dict(findings.MARROW))
    return [*parts, *([_counts(rows)] if rows else []), *_clones(run, drawn)]


def _clones(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.view import streams

    caption = (
        f"Each stream is a clone, all stem cells that descend from one of the start or of a graft, as wide as it is large: the "
        f"{streams.SHOWN} that were largest at any time in colours, which repeat; all others together in grey."
    )
    found = drawn.draw("clones", lambda: streams.streams(run), "Clones of stem cells against time, as streams", caption)
    return [page.heading("Clones"), *found] if found else []


def _dose(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.view import dose

    try:
        found = dose.received(run)
    except MarrowError as error:
        return [page.paragraph(f"The dose is not told: {error}", "notice")]
    if found is None:
        return []
    caption = (
        "Left: the plane through the piece that shows most marrow; grey is bone, pale the lumen of vessels. Right: the share "
        "of the marrow's voxels that received at least so much; the mean counts the marrow outside vessels."
    )
    alt = "The dose on a plane through the marrow, and its dose-volume histogram"
    return [
        page.heading("Dose"),
        page.paragraph(dose.told(found)),
        *drawn.draw("dose", lambda: dose.figure(run), alt, caption),
    ]


def _counts(rows: list[findings.Row]) -> str:
    cells = [(row.name, *row.cells) for row in rows]
    return page.table(("", *findings.COLUMNS), cells, "counts", [row.unit for row in rows])


def _space(begun: "Rendering | None", turned: "Future[list[str]] | None", drawn: _Drawer) -> list[str]:
    """The picture of the marrow, and the same to be turned, which needs no OpenGL here."""
    if begun is None or turned is None:
        return []
    found = begun.scene()
    parts = [page.heading("In space")]
    if found.drawn is None:
        return [*parts, page.paragraph(f"No 3D picture: {found.message}", "notice"), *turned.result()]
    alt = "The marrow in 3D: bone cut open, sinusoids, arterioles and stem cells"
    return [*parts, *drawn.draw("scene", lambda: found.drawn, alt, found.caption), *turned.result()]


def _cytokines(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.view import slices

    caption = (
        "The plane through the piece that shows most marrow. Within a row a colour is one value at all times; colours "
        "span the marrow's values in the plane but for the outermost 0.1 % at each end."
    )
    alt = "Cytokine concentrations in a plane through the marrow before, at the nadir and at the end"
    found = drawn.draw("cytokines", lambda: slices.slices(run), alt, caption)
    found += _profiles(run, drawn)
    rose = books.risen(run)
    if rose:
        told = (
            "The highest level of each field that rose, over rest. It is what is made, and let in, over the rate at which it "
            "is cleared: where fewer cells take it up it rises with no change in what is made, a lost sink and no surge."
        )
        found = [*found, page.paragraph(told), page.table(("", "on day", *books.RISES, "so"), rose, "counts")]
    return [page.heading("Cytokines"), *found] if found else []


def _profiles(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.view import profiles

    caption = (
        "Medians and quartiles over voxels of marrow outside vessels, in bins of as many voxels each, against the distance "
        "from the nearest wall of a sinusoid (or the central vein) and from the nearest bone."
    )
    alt = "Cytokine concentrations against the distance from sinusoids and from bone"
    return drawn.draw("profiles", lambda: profiles.profiles(run), alt, caption)


def _niche(run: Results, drawn: _Drawer) -> list[str]:
    from marrow_niche.analysis import space
    from marrow_niche.view import curves

    try:
        first = space.placement(run)
        later = space.placement(run, float(run.days[-1]), random=first.random) if len(run.days) > 1 else None
    except MarrowError:
        return []
    if not first.random.size:
        return []
    one, null = first.medians
    chance = f"lies within {first.near:g} µm of a sinusoid with probability {words.percent(first.random_share_near)}"
    text = f"A random point of this marrow {chance}"
    if first.observed.size:
        text += (
            f"; of {first.observed.size:,} stored stem cells at rest {words.percent(first.share_near)} do. Median "
            f"distance {words.plain(one)} µm against {words.plain(null)} µm by chance"
        )
    caption = f"Grey: {first.random.size:,} random points of the same marrow outside its vessels; distances are exact."
    return [
        page.heading("Where stem cells are"),
        page.paragraph(text + "."),
        *drawn.draw("distances", lambda: curves.distances(first, later), text, caption, "narrow"),
    ]


def _books(run: Results) -> list[str]:
    rows = findings.budget(run)
    if not rows:
        return []
    text = "At each record: how well the fields solve their equation, and whether what is secreted is lost somewhere."
    parts = [
        page.heading("Do the books close?"),
        page.paragraph(text),
        page.table(("over all recorded times", "worst", "on day"), rows),
    ]
    flows = books.rows(run)
    if flows:
        told = (
            "Molecules per hour of the piece at the last record (fields.csv has all): secreted and let in through vessel "
            "walls, decayed, taken up by cells, and let out."
        )
        head = ("", *(words.name(what) for what in books.COLUMNS), "gap, relative")
        parts += [page.paragraph(told), page.table(head, flows, "counts")]
    return parts
