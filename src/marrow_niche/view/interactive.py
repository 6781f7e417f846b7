"""A marrow that the reader of a report can turn: bone, vessels, stem cells and surfaces of equal concentration, in the file.

What is drawn is packed small (places as 16-bit shares of the box, tubes by their ends, all of it gzip) and unpacked by a few
kilobytes of WebGL 2 of our own when the reader opens it; nothing is loaded from elsewhere. docs/decisions/0019.
"""

import base64
import gzip
import importlib.resources
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import MarrowError
from marrow_niche.quantities import words
from marrow_niche.view import page, scene, slices, style
from marrow_niche.view.sight import ARTERIOLES, MARROW, SINUSOIDS, VEINS, View

if TYPE_CHECKING:
    import pyvista

    from marrow_niche.record.results import Results

BONE_TRIANGLES, FIELD_TRIANGLES = 120_000, 24_000
"""More are too many for a file that is mailed; surfaces are thinned to so many."""
TORN = 4
"""A surface of more than so many times its triangles is torn by thinning."""
ENCLOSED = 0.1
"""Share of the marrow at rest that a surface of equal concentration encloses."""
BONE = "#c3b38a"
"""Darker than bone in the picture, since it is seen through on white."""
CELL = 4.5
"""Radius of a stem cell [um]."""
TOLD = (
    ("tip", np.uint8, "of the tip|HSC"),
    ("clone", np.uint32, "clone {}"),
    ("divisions", np.uint32, "{} divisions since its founder"),
    ("age_d", np.float32, "{} d since it came or divided"),
    ("dose_Gy", np.float32, "{} Gy received"),
)
"""What a stem cell that is clicked on tells of itself: its array, how it is packed, the words."""
HELP = (
    "Drag turns it, the wheel makes it larger, shift and drag moves it; arrow keys and + and - do as well. "
    "A click on a stem cell tells what it is."
)


def section(run: "Results") -> list[str]:
    """HTML of the view, folded away; a sentence where it cannot be made.

    Nothing where the run has no vessels or fields, and of a slice, which is flat.
    """
    try:
        if 1 in run.tissue.shape:
            return []
        head, data = packed(run)
    except MarrowError:
        return []
    except (ValueError, OSError) as error:  # a mesh that VTK cannot thin, a file that is cut
        return [page.paragraph(f"Nothing to turn: {error}", "notice")]
    return [_html(head, data)]


def packed(run: "Results") -> tuple[dict[str, Any], bytes]:
    """What is drawn: a header, and the bytes of the header and its arrays as the report holds them, gzip.

    An array of the header is [kind, first byte after the header, number of values], kind u1, u2, u4 or f4; places are shares of
    the box times 65535, x, y, z. Raises RunError when the run recorded no vessels or fields, or a file of it is damaged.
    """
    days = slices.telling_days(run)
    view = View(run)
    arrays = _Arrays(view.corner, view.top)
    centre = 0.5 * (view.corner + view.top)
    wide = view.fit(1000, 640, 0.06, 0.06)
    head: dict[str, Any] = {
        "low": (view.corner - centre).tolist(),
        "extent": arrays.extent.tolist(),
        "size": float(arrays.extent.max()),
        "turn": [*view.right.tolist(), *view.above.tolist(), *view.toward.tolist()],
        "seen": [1000 * wide, 640 * wide],
        "cell": CELL,
        "colours": {
            "bone": _rgb(BONE),
            "wasted": _rgb(scene.WASTED),
            "quiet": _rgb(scene.QUIET),
            "awake": _rgb(scene.AWAKE),
            "senescent": _rgb(scene.SENESCENT),
            "field": _rgb(style.GREEN),
        },
        "bone": arrays.mesh(_bone(view)),
        "vessels": _vessels(view, arrays, days),
        "fields": _fields(view, arrays, days),
        "cells": [],
        "days": [],
    }
    for day, called in days:
        cells = view.cells(day)
        state = np.where(cells["senescent"], 2, np.where(cells["cycling"], 1, 0)).astype(np.uint8)
        known = [each for each in TOLD if each[0] in cells and (each[0] != "clone" or cells["clone"].any())]
        facts = [[text, arrays.add(cells[name].astype(kind))] for name, kind, text in known]
        head["cells"].append({"place": arrays.places(cells["position"]), "state": arrays.add(state), "facts": facts})
        number = f"{len(state):,} stem cell{'s' * (len(state) != 1)}"
        head["days"].append({"day": words.day(day), "called": called, "said": f"day {words.day(day)}: {number}"})
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 4) % 4)
    return head, gzip.compress(len(text).to_bytes(4, "little") + text + arrays.bytes(), mtime=0)


class _Arrays:
    """Arrays packed one after the other, each from a multiple of four bytes on."""

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        self.low = low
        self.extent = np.maximum(high - low, 1e-6)
        self._parts: list[bytes] = []
        self._end = 0

    def add(self, values: np.ndarray) -> list[Any]:
        """Pack an array; returns what the header says of it."""
        values = np.ascontiguousarray(values)
        data = values.astype(values.dtype.newbyteorder("<")).tobytes()
        place = [f"{values.dtype.kind}{values.dtype.itemsize}", self._end, values.size]
        data += b"\0" * (-len(data) % 4)
        self._parts.append(data)
        self._end += len(data)
        return place

    def places(self, points: np.ndarray) -> list[Any]:
        """Pack places (k, 3) [um]."""
        share = np.clip((np.asarray(points, float).reshape(-1, 3) - self.low) / self.extent, 0.0, 1.0)
        return self.add(np.rint(65535 * share).astype(np.uint16))

    def lengths(self, length: np.ndarray) -> list[Any]:
        """Pack lengths (k,) [um], as shares of the box's longest side."""
        return self.add(np.rint(65535 * np.clip(length / self.extent.max(), 0.0, 1.0)).astype(np.uint16))

    def mesh(self, surface: "pyvista.PolyData | None") -> dict[str, Any]:
        """Pack triangles; an empty header for none."""
        if surface is None or not surface.n_cells:
            return {}
        small = surface.n_points <= 65536
        index = surface.regular_faces.astype(np.uint16 if small else np.uint32)
        return {"place": self.places(surface.points), "index": self.add(index)}

    def bytes(self) -> bytes:
        return b"".join(self._parts)


def _bone(view: View) -> "pyvista.PolyData | None":
    """The bone in the box, thinned; None where the run has none."""
    try:
        vertices, triangles = view.results.surface()
    except MarrowError:
        return None
    surface = _polydata(vertices, triangles)
    low, high = view.corner - view.h, view.top + view.h  # what sticks out by less is pressed flat and leaves no hole
    if surface is not None and ((vertices < low) | (vertices > high)).any():
        for axis in np.eye(3):
            surface = surface.clip(normal=axis, origin=high, invert=True).clip(normal=axis, origin=low, invert=False)
    surface = _thinned(surface, BONE_TRIANGLES)
    if surface is None:
        return None
    return surface.compute_normals(split_vertices=True, feature_angle=40.0, auto_orient_normals=False)


def _vessels(view: View, arrays: _Arrays, days: list[tuple[float, str]]) -> list[dict[str, Any]]:
    """Vessels of each kind as tubes from end to end, cut where the box ends; sinusoids with their integrity at each day."""
    found = []
    looks = ((SINUSOIDS, scene.SINUSOID), (ARTERIOLES, scene.ARTERIOLE), (VEINS, scene.VEIN))
    for kind, colour in looks:
        chosen = view.vessels["kind"] == kind
        ends = view.vessels["nodes"][view.vessels["edges"][chosen]].astype(float).reshape(-1, 2, 3)
        ends, inside = within(ends, view.corner, view.top)
        if not len(ends):
            continue
        radius = view.vessels["radius"][chosen][inside]
        joint, which = np.unique(ends.reshape(-1, 3), axis=0, return_inverse=True)
        wide = np.zeros(len(joint))
        np.maximum.at(wide, which.ravel(), np.repeat(radius, 2))
        of = days if kind == SINUSOIDS else days[:1]
        found.append(
            {
                "colour": _rgb(colour),
                "from": arrays.places(ends[:, 0]),
                "to": arrays.places(ends[:, 1]),
                "radius": arrays.lengths(radius),
                "whole": [_whole(view, arrays, kind, day, ends.mean(axis=1)) for day, _ in of],
                "joint": arrays.places(joint),
                "wide": arrays.lengths(wide),
                "there": [_whole(view, arrays, kind, day, joint) for day, _ in of],
            }
        )
    return found


def _whole(view: View, arrays: _Arrays, kind: int, day: float, places: np.ndarray) -> list[Any]:
    """How a vessel looks at some places: 255 where it is intact, paler as sinusoids lose their integrity."""
    share = view.integrity(day, places) if kind == SINUSOIDS else np.ones(len(places))
    return arrays.add(np.rint(255 * np.clip((share - 0.4) / 0.6, 0.0, 1.0)).astype(np.uint8))


def within(ends: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segments (k, 2, 3) cut to a box; those that meet it, and which they are, (k,) bool."""
    along = ends[:, 1] - ends[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (low - ends[:, 0]) / along, (high - ends[:, 0]) / along
    flat = along == 0
    outside = flat & ((ends[:, 0] < low) | (ends[:, 0] > high))
    first = np.where(flat, 0.0, np.minimum(one, two)).max(axis=1).clip(0.0, 1.0)
    last = np.where(flat, 1.0, np.maximum(one, two)).min(axis=1).clip(0.0, 1.0)
    met = (first < last) & ~outside.any(axis=1)
    cut = ends[:, :1] + np.stack([first, last], axis=1)[..., None] * along[:, None]
    return cut[met], met


def _fields(view: View, arrays: _Arrays, days: list[tuple[float, str]]) -> list[dict[str, Any]]:
    """Of each concentration the surface that encloses `ENCLOSED` of the marrow at rest, at the same level on every day."""
    found = []
    marrow = view.part == MARROW
    for name, unit in view.results.fields.items():
        if not unit or name in slices.ELSEWHERE:
            continue
        level, each = None, []
        for day, _ in days:
            values = view.values(name, day)
            here = values[marrow & np.isfinite(values)]
            if not here.size:
                break
            level = float(np.quantile(here, 1.0 - ENCLOSED)) if level is None else level
            share = float((here > level).mean())
            surface = _surface(view, values, marrow, level)
            text = f"{_level(name, level, unit)}: {words.percent(share)} of the marrow have more"
            each.append(arrays.mesh(surface) | {"told": text})
        if len(each) == len(days) and any("place" in packed for packed in each):
            found.append({"name": words.name(words.split_unit(name)[0]), "days": each})
    return found


def _surface(view: View, values: np.ndarray, marrow: np.ndarray, level: float) -> "pyvista.PolyData | None":
    """Where the field in the marrow equals `level`; bone and lumen take their nearest value, and nothing is drawn in them.

    A field with many small peaks is smoothed and read at every second voxel, or every fourth, until its surface is no
    larger than what can be thinned without tearing it; the surface then encloses as much of the smoothed field as of its own.
    """
    import pyvista
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(~np.isfinite(values), return_distances=False, return_indices=True)
    filled = values[tuple(nearest)].astype(float)
    share = float((filled[marrow] > level).mean())
    if share in (0.0, 1.0):
        return None
    surface = None
    for step in (1, 2, 4):
        smooth = filled if step == 1 else ndimage.gaussian_filter(filled, 0.5 * step)
        drawn = level if step == 1 else float(np.quantile(smooth[marrow], 1.0 - share))
        coarse = smooth[::step, ::step, ::step]
        image = pyvista.ImageData(
            dimensions=coarse.shape[::-1], spacing=(step * view.h,) * 3, origin=view.corner + 0.5 * view.h
        )
        image.point_data["value"] = coarse.ravel()
        surface = image.contour([drawn], scalars="value")
        if surface.n_cells <= TORN * FIELD_TRIANGLES:
            break
    if surface is None or not surface.n_cells:
        return None
    triangles = surface.regular_faces
    middle = surface.points[triangles].mean(axis=1)
    x, y, z = np.clip(np.floor((middle - view.corner) / view.h).astype(int), 0, np.array(values.shape[::-1]) - 1).T
    return _thinned(_polydata(surface.points, triangles[marrow[z, y, x]]), FIELD_TRIANGLES)


def _polydata(points: np.ndarray, triangles: np.ndarray) -> "pyvista.PolyData | None":
    """A surface whose triangles share their corners, without those that are none; None without any."""
    import pyvista

    if not len(triangles):
        return None
    merged = pyvista.PolyData.from_regular_faces(np.asarray(points, float), np.asarray(triangles))
    merged = merged.clean(lines_to_points=False, polys_to_lines=False, strips_to_polys=False)
    return _triangles(merged)


def _triangles(surface: "pyvista.PolyData") -> "pyvista.PolyData | None":
    """The triangles of a surface alone: lines and points that a filter left are taken away."""
    import pyvista

    faces = surface.triangulate().regular_faces
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    return pyvista.PolyData.from_regular_faces(np.asarray(surface.points), faces) if len(faces) else None


def _thinned(surface: "pyvista.PolyData | None", most: int) -> "pyvista.PolyData | None":
    """At most so many triangles."""
    surface = None if surface is None else _triangles(surface)
    if surface is not None and surface.n_cells > most:
        surface = surface.decimate_pro(1.0 - most / surface.n_cells, preserve_topology=False, feature_angle=60.0)
        surface = _triangles(surface)
    return surface


def _level(name: str, level: float, unit: str) -> str:
    return f"{words.name(words.split_unit(name)[0])} {words.plain(level)} {unit}"


def _rgb(colour: str) -> list[float]:
    return [round(int(colour[k : k + 2], 16) / 255, 4) for k in (1, 3, 5)]


def _html(head: dict[str, Any], data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    script = importlib.resources.files("marrow_niche.view").joinpath("interactive.js").read_text(encoding="utf-8")
    days = [f"day {each['day']}" + f", {each['called']}" * bool(each["called"]) for each in head["days"]]
    fields = ["none", *(each["name"] for each in head["fields"])]
    controls = [
        _select("day", "time", days, 0),
        *(_check(name, label, _has(head, name)) for name, label in _LAYERS),
        _slide("opacity", "opacity of bone", 0.05, 0.95, 0.2),
        _select("field", "surface of", fields, -1),
        _slide("cut", "cut open", 0.0, 1.0, 0.0),
        '<button type="button">turn back</button>',
    ]
    bar = '<i class="ring" hidden></i><p class="card" hidden></p><span class="bar"></span>'
    over = f'<p class="note" hidden></p>{bar}<svg class="cross" viewBox="0 0 60 60" aria-hidden="true"></svg>'
    view = f'<canvas tabindex="0" role="img" aria-label="The marrow in 3D. {HELP}"></canvas>{over}'
    dots = _key(head)
    size = f"{max(0.1, len(text) / 1e6):.1f} MB, unpacked when opened"
    inner = (
        f'<div class="controls">{"".join(controls)}</div><div class="view">{view}</div>'
        f'<p class="told"></p><p class="keys">{dots}</p><p class="help">{page.escape(HELP)} Stem cells stand at their true '
        f"number, drawn larger than they are. A surface encloses the tenth of the marrow that has most at rest, at the same "
        f"level on all days; where all or none of the marrow has more there is none.</p>"
        f'<noscript><p class="notice">This needs JavaScript, which stands in this file.</p></noscript>'
    )
    return (
        f'<details class="turn" id="turn"><summary>Turn it yourself <small>({size})</small></summary>{inner}</details>'
        f'<script type="text/plain" id="turn-data">{text}</script><script>\n{script}</script>'
    )


_LAYERS = (("vessels", "vessels"), ("cells", "stem cells"), ("bone", "bone"))


def _has(head: dict[str, Any], name: str) -> bool:
    return any(each["state"][2] for each in head["cells"]) if name == "cells" else bool(head[name])


def _key(head: dict[str, Any]) -> str:
    shown = [("stem cell, quiescent", scene.QUIET), ("cycling", scene.AWAKE), ("senescent", scene.SENESCENT)]
    shown += [("sinusoid", scene.SINUSOID), ("integrity lost", scene.WASTED), ("arteriole", scene.ARTERIOLE)]
    shown += [("central vein", scene.VEIN)] if _rgb(scene.VEIN) in [each["colour"] for each in head["vessels"]] else []
    shown += [("bone", BONE)] if head["bone"] else []
    shown += [("surface of a field", style.GREEN)] if head["fields"] else []
    return "".join(f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in shown)


def _select(name: str, label: str, options: list[str], first: int) -> str:
    inner = "".join(f'<option value="{k}">{page.escape(text)}</option>' for k, text in enumerate(options, first))
    return f'<label>{label} <select name="{name}">{inner}</select></label>'


def _check(name: str, label: str, there: bool) -> str:
    """A layer to turn on and off; hidden and off where the run has none."""
    if not there:
        return f'<input type="checkbox" name="{name}" hidden>'
    return f'<label><input type="checkbox" name="{name}" checked> {label}</label>'


def _slide(name: str, label: str, low: float, high: float, value: float) -> str:
    kind = f'type="range" name="{name}" min="{low:g}" max="{high:g}" step="0.01" value="{value:g}"'
    return f"<label>{label} <input {kind}></label>"
