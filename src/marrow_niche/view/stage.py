"""What stands in a scene: bone cut open, vessels, the cut face of the marrow in the colours of a field, stem cells.

A stage keeps the meshes of a run; `layers` gives those of one panel, and `shot` photographs them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.view import studio
from marrow_niche.view.planes import Plane, Sampled, cut_balls, cut_tubes
from marrow_niche.view.sight import ARTERIOLES, BONE, OUTSIDE, SINUSOIDS, VEINS, View
from marrow_niche.view.theme import CLONES, THEMES, Theme

if TYPE_CHECKING:
    import pyvista

    from marrow_niche.record.results import Results

Layer = tuple[str, "pyvista.DataSet", dict[str, Any]]
"""Name, mesh, and how it is drawn; a mesh that is the same object is the same picture."""
FAT_RIM = 4.0
"""How wide the rim of an adipocyte is on a cut face [um]."""
STEM_CELL = 4.5
"""Radius of a stem cell [um]."""
BALL = 0.0075
"""Drawn radius of a stem cell, as a share of the diagonal of the picture, while they are `FEW`."""
FEW, SMALLEST = 150, 0.15
RIM = 1.2
"""Radius of a stem cell with its rim, over its own."""
PALE = {"anatomy": 0.6, "cells": 0.85, "field": 0.85, "vessels": 0.0}
"""Opacity of stem cells behind something."""
SIDES = ((60_000, 12), (200_000, 8), (400_000, 4))
"""Up to so many vessels a tube has so many sides; three beyond."""
PLACES = 600_000
"""Most places on the cut face."""
FINER = 2
"""A picture is drawn with so many pixels for each of its own, along both sides, and their means taken."""
ROUND = {"smooth_shading": True, "ambient": 0.30, "diffuse": 0.75, "specular": 0.08}
DULL = {"smooth_shading": True, "ambient": 0.50, "diffuse": 0.55, "specular": 0.0}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The colours of a field: from `low` to `high`, by its logarithm or not."""

    low: float
    high: float
    log: bool = False
    colours: str = "viridis"
    """Name of a map of matplotlib."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture of a scene."""

    look: str
    """anatomy, field, cells or vessels."""
    day: float
    array: str = ""
    """Name of the field that is shown."""
    scale: Scale | None = None
    by: str = "state"
    """What colours stem cells: state, donor or clone."""
    clones: tuple[int, ...] = ()
    """The clones that have a colour of their own, the largest first."""
    half: bool = False
    """Whether the marrow before the cut needs no room in the picture."""


class Stage:
    """The meshes of a run, made once.

    Parameters
    ----------
    results : Results
    theme : Theme

    Raises RunError when the run has no vessels or fields, or a file of it is damaged.
    """

    def __init__(self, results: "Results", theme: Theme = THEMES["light"]) -> None:
        self.results, self.theme = results, theme
        self.view = View(results, most=np.inf)
        self._plotters: dict[tuple[tuple[int, int], bool], dict[str, Any]] = {}
        self._last: dict[str, tuple[float, Any]] = {}

    def layers(self, panel: Panel) -> list[Layer]:
        """All of a panel but its stem cells."""
        found: list[Layer] = []
        if self._bone is not None:
            found.append(("bone", self._bone, {**DULL, "color": self.theme.bone}))
        if panel.look == "field":
            return found + self._face(panel)
        if self.view.slice:
            found.append(("ground", self._ground, {"color": self.theme.marrow, "lighting": False}))
        sinusoids = self._tubes[SINUSOIDS]
        if sinusoids is not None:
            found.append(("sinusoids", *self._sinusoids(panel, sinusoids)))
        arteries = ((ARTERIOLES, "arterioles", self.theme.arteriole), (VEINS, "veins", self.theme.vein))
        for kind, name, colour in arteries if panel.look == "anatomy" else ():
            tubes = self._tubes[kind]
            if tubes is not None:
                found.append((name, tubes, {**ROUND, "ambient": 0.4, "color": colour}))
        return found

    def cells(self, panel: Panel, radius: float) -> tuple[list[Layer], int]:
        """Stem cells of a panel at their true number as balls of `radius` [um], and how many they are."""
        import pyvista

        if panel.look == "vessels" or (panel.look == "field" and panel.by == ""):
            return [], 0
        cells = self.view.cells(panel.day)
        if panel.look == "field":  # those before the cut would float in the air
            there = self.view.behind(cells["position"])
            cells = {name: values[there] for name, values in cells.items()}
        facets = 14 if len(cells["position"]) <= 2 * FEW else 9  # many are drawn small
        sphere, around = (
            pyvista.Sphere(radius=size * radius, theta_resolution=facets, phi_resolution=facets) for size in (1.0, RIM)
        )
        matter = {"smooth_shading": True, "ambient": 0.35, "diffuse": 0.7, "specular": 0.35, "specular_power": 25}
        found: list[Layer] = []
        for name, chosen, colour in groups(cells, panel, self.theme):
            if chosen.any():
                middles = pyvista.PolyData(cells["position"][chosen])
                balls, larger = (middles.glyph(geom=geom, scale=False, orient=False) for geom in (sphere, around))
                found.append((f"cells {name}", balls, {**matter, "color": colour}))
                found.append((f"rims {name}", larger, {"lighting": False, "culling": "front", "color": rim(colour)}))
        return found, len(cells["position"])

    def shot(self, panel: Panel, size: tuple[int, int]) -> tuple[np.ndarray, dict[str, Any]]:
        """Photograph a panel: (high, wide, 3) uint8, and its facts: um_per_pixel, shown, enlarged.

        It opens a window without a screen; where no OpenGL works that ends the process, see `view.probe`.
        """
        wide, high = size
        um_per_pixel = self.view.fit(wide, high, 0.02, 0.02, half=panel.half)
        radius = self._ball(panel.look == "field") * float(np.hypot(wide, high)) * um_per_pixel
        things = self.layers(panel)
        balls, shown = self.cells(panel, radius)
        drawn = self._photo(things + balls, size, um_per_pixel, clear=False)
        if balls and PALE[panel.look]:
            ghost = self._photo(balls, size, um_per_pixel, clear=True)
            pale = PALE[panel.look] * (ghost[..., 3:] / np.float32(255.0))
            drawn = np.rint(drawn * (1 - pale) + ghost[..., :3] * pale).astype(np.uint8)
        facts = {"um_per_pixel": um_per_pixel, "shown": shown, "enlarged": radius / STEM_CELL}
        return drawn, facts

    def close(self) -> None:
        """Close the windows."""
        for room in self._plotters.values():
            room["plotter"].close()
        self._plotters.clear()

    def _photo(self, things: Sequence[Layer], size: tuple[int, int], um_per_pixel: float, *, clear: bool) -> np.ndarray:
        import pyvista

        room = self._plotters.get((size, clear))
        if room is None:
            plotter: Any = pyvista.Plotter(off_screen=True, window_size=[FINER * n for n in size], lighting="none")
            plotter.disable_anti_aliasing()
            plotter.set_background(self.theme.page)
            studio.light(plotter)
            room = self._plotters[size, clear] = {"plotter": plotter, "meshes": {}}
        plotter, meshes = room["plotter"], room["meshes"]
        for name in meshes.keys() - {name for name, *_ in things}:
            plotter.remove_actor(name, render=False)
            del meshes[name]
        for name, mesh, options in things:
            if meshes.get(name) != (id(mesh), str(options)):
                plotter.add_mesh(mesh, name=name, render=False, reset_camera=False, show_scalar_bar=False, **options)
                meshes[name] = (id(mesh), str(options))
        studio.aim(plotter, self.view, 0.5 * size[1] * um_per_pixel)
        return pooled(_developed(plotter.render_window, clear), FINER)

    def _ball(self, on_field: bool) -> float:
        """Drawn radius of a stem cell as a share of the picture's diagonal, the same on all days.

        Where they are many it is less, and the more so on a field, since they hide it.
        """
        return BALL * float(np.clip((FEW / max(self._at_rest, 1)) ** (0.8 if on_field else 0.5), SMALLEST, 1.0))

    @cached_property
    def _at_rest(self) -> int:
        """Stem cells at the first record."""
        return len(self.view.cells(float(self.results.days[0]))["position"])

    @cached_property
    def _bone(self) -> "pyvista.PolyData | None":
        return self.view.bone()

    @cached_property
    def _ground(self) -> "pyvista.PolyData":
        return self.view.ground()

    @cached_property
    def _tubes(self) -> "dict[int, pyvista.PolyData | None]":
        number = int((self.view.vessels["kind"] == SINUSOIDS).sum())
        sides = next((sides for most, sides in SIDES if number <= most), 3)
        found = {kind: self.view.tubes(kind, sides=sides) for kind in (SINUSOIDS, ARTERIOLES, VEINS)}
        for tubes in found.values():
            if tubes is not None and "TubeNormals" in tubes.point_data:  # by the name under which they are not made anew
                tubes.point_data["Normals"] = tubes.point_data["TubeNormals"]
        return found

    @cached_property
    def _beside(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The marrow voxel beside each point of the sinusoids."""
        tubes = self._tubes[SINUSOIDS]
        assert tubes is not None
        return self.view.nearest(np.asarray(tubes.points))

    def _sinusoids(self, panel: Panel, tubes: "pyvista.PolyData") -> "tuple[pyvista.PolyData, dict[str, Any]]":
        """Sinusoids in one colour, in that of their integrity, or paling with it."""
        if panel.look == "cells":
            return tubes, {**ROUND, "color": self.theme.pale_sinusoid}
        name = panel.array or "vessel_integrity"
        if name not in self.results.fields:
            return tubes, {**ROUND, "color": self.theme.sinusoid}

        def paint() -> "pyvista.PolyData":
            painted = tubes.copy(deep=False)
            painted.point_data[name] = self.view.values(name, panel.day)[self._beside].astype(np.float32)
            return painted

        painted = self._of_day(f"sinusoids {name}", panel.day, paint)
        if panel.scale is None:
            paling = _between(self.theme.wasted, self.theme.sinusoid)
            return painted, {**ROUND, "scalars": name, "clim": (0.4, 1.0), "cmap": paling}
        return painted, {**ROUND, "ambient": 0.45, "scalars": name, **_mapped(panel.scale)}

    def _of_day(self, name: str, day: float, make: Any) -> Any:
        """What `make()` gives, kept until another day is asked for."""
        if self._last.get(name, (None, None))[0] != day:
            self._last[name] = (day, make())
        return self._last[name][1]

    def _face(self, panel: Panel) -> list[Layer]:
        """The cut faces of the marrow: a field in its colours, lumen and fat in theirs."""
        assert panel.scale is not None
        found: list[Layer] = []
        values = self._of_day(f"values {panel.array}", panel.day, lambda: self.view.values(panel.array, panel.day))
        for number, face in enumerate(self._faces):
            shown, rest = self._of_day(
                f"face {number} {panel.array}", panel.day, lambda face=face: face.coloured(panel.array, values, self.theme)
            )
            if shown.n_cells:
                found.append((f"face {number}", shown, {"scalars": panel.array, "lighting": False, **_mapped(panel.scale)}))
            if rest.n_cells:
                found.append((f"holes {number}", rest, {"scalars": "colour", "rgb": True, "lighting": False}))
        return found

    @cached_property
    def _faces(self) -> "list[Face]":
        view = self.view
        if view.slice:
            return [Face(view, _through(view, view.corner + 0.5, np.eye(3)[view.axis]))]
        assert view.opening is not None
        faces = [Face(view, _through(view, view.middle, view.opening, view.bow))]
        along = np.eye(3)[view.axis]
        facing = float(view.toward @ along)
        if abs(facing) > 0.05:
            out = along * np.sign(facing)
            end = (view.top if facing > 0 else view.corner) - 0.02 * view.h * out
            faces.append(Face(view, _through(view, end, out), cut=True))
        return faces


class Face:
    """A cut face of the marrow, in small squares.

    Parameters
    ----------
    view : View
    plane : Plane
    cut : bool
        Whether what lies before the cut that opens the bone is taken away.
    """

    def __init__(self, view: View, plane: Plane, *, cut: bool = False) -> None:
        from scipy.ndimage import binary_erosion

        from marrow_niche.errors import RunError

        self._plane = plane
        self._sampled = Sampled(plane, view.part, view.corner, view.h)
        inside = self._sampled.share((view.part != BONE) & (view.part != OUTSIDE)) > 0.5
        kept = inside & self._sampled.within
        if cut:
            kept &= view.depth(plane.points()) <= 0
        self._vessel = np.zeros(plane.shape, bool)
        for kind in (SINUSOIDS, ARTERIOLES, VEINS):
            self._vessel |= cut_tubes(plane, view.vessels, kind) < 0
        try:
            fat = view.results.fat()
        except RunError:
            fat = (np.zeros((0, 3)), np.zeros(0))
        self._fat = np.zeros(plane.shape, bool)
        for x, y, radius in zip(*cut_balls(plane, *fat), strict=True):
            _disc(self._fat, x, y, radius / plane.step)
        self._fat &= ~self._vessel
        edge = max(1, round(FAT_RIM / plane.step))
        self._fat_rim = self._fat & ~binary_erosion(self._fat, iterations=edge)
        self._kept = kept
        self._made: tuple[np.ndarray, Any, Any] | None = None

    def coloured(self, name: str, values: np.ndarray, theme: Theme) -> "tuple[pyvista.PolyData, pyvista.PolyData]":
        """The squares that show the field `name` of `values` (nz, ny, nx), and those of vessels and fat."""
        field = self._sampled.field(values)
        shown = self._kept & ~self._vessel & ~self._fat & np.isfinite(field)
        if self._made is None or not np.array_equal(self._made[0], shown):
            rest = self._kept & ~shown
            squares, holes = _squares(self._plane, shown), _squares(self._plane, rest)
            if holes.n_cells:
                palette = np.array([_rgb(colour) for colour in (theme.cut_vessel, theme.fat, theme.fat_rim)], np.uint8)
                holes.cell_data["colour"] = palette[self._fat[rest].astype(int) + self._fat_rim[rest]]
            self._made = shown, squares, holes
        _, squares, holes = self._made
        painted = squares.copy(deep=False)
        if painted.n_cells:
            painted.cell_data[name] = field[shown].astype(np.float32)
        return painted, holes


def groups(cells: Mapping[str, np.ndarray], panel: Panel, theme: Theme) -> list[tuple[str, np.ndarray, str]]:
    """Name, members (k,) and colour of each group of stem cells; those drawn last stand in the legend first."""
    if panel.by == "donor":
        return [("host", ~cells["marked"], theme.host), ("donor or labelled", cells["marked"], theme.donor)]
    if panel.by == "clone":
        named = np.isin(cells["clone"], panel.clones)
        large = [(str(clone), cells["clone"] == clone, colour) for clone, colour in zip(panel.clones, CLONES)]
        return [("others", ~named, theme.others), *large]
    senescent, awake = cells["senescent"], cells["cycling"] & ~cells["senescent"]
    return [
        ("quiescent", ~senescent & ~awake, theme.quiet),
        ("cycling", awake, theme.awake),
        ("senescent", senescent, theme.senescent),
    ]


def rim(colour: str) -> str:
    """White round a dark ball and dark round a bright one: whatever lies behind, one of the two stands out from it."""
    red, green, blue = (channel / 255 for channel in _rgb(colour))
    bright = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2  # relative luminance, ITU-R BT.709
    return "#16191d" if bright > 0.2 else "#ffffff"


def _through(view: View, origin: np.ndarray, normal: np.ndarray, bow: Any = None) -> Plane:
    """A plane of places over all of the box, finer than its voxels where there is room, bent by `bow`."""
    across = np.eye(3)[view.axis] if abs(normal[view.axis]) < 0.5 else np.eye(3)[(view.axis + 1) % 3]
    across = across - normal * (across @ normal)
    across = across / np.linalg.norm(across)
    above = np.cross(normal, across)
    corners = np.array(np.meshgrid(*zip(view.corner, view.top, strict=True))).reshape(3, -1).T - origin
    (left, right), (low, high) = ((float((corners @ way).min()), float((corners @ way).max())) for way in (across, above))
    step = max(0.1 * view.h, float(np.sqrt((right - left) * (high - low) / PLACES)))
    shape = (int((high - low) / step) + 1, int((right - left) / step) + 1)
    start = origin + left * across + low * above
    return Plane(origin=start, across=across, above=above, step=step, shape=shape, bow=bow)


def _squares(plane: Plane, chosen: np.ndarray) -> "pyvista.PolyData":
    """The squares round chosen places (rows, columns)."""
    import pyvista

    if not chosen.any():
        return pyvista.PolyData()
    rows, columns = np.nonzero(chosen)
    wide = plane.shape[1] + 1
    first = rows * wide + columns
    corners = np.stack([first, first + 1, first + wide + 1, first + wide], axis=1)
    used, corners = np.unique(corners, return_inverse=True)
    points = plane.points(0.5).reshape(-1, 3)[used]
    faces = np.column_stack([np.full(len(first), 4), corners.reshape(-1, 4)])
    return pyvista.PolyData(points.astype(np.float32), faces.ravel())


def _disc(mask: np.ndarray, x: float, y: float, radius: float) -> None:
    """Set what lies within a circle (in steps)."""
    low, high = max(0, int(np.ceil(y - radius))), min(mask.shape[0], int(y + radius) + 1)
    left, right = max(0, int(np.ceil(x - radius))), min(mask.shape[1], int(x + radius) + 1)
    if low < high and left < right:
        row, column = np.arange(low, high)[:, None], np.arange(left, right)[None, :]
        mask[low:high, left:right] |= (row - y) ** 2 + (column - x) ** 2 < radius**2


def _developed(window: Any, clear: bool) -> np.ndarray:
    """What a window shows, rendered once: (high, wide, 3) uint8, or 4 with `clear`; a screenshot of pyvista renders twice."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

    window.SetAlphaBitPlanes(int(clear))
    for renderer in window.GetRenderers():
        renderer.SetBackgroundAlpha(0.0 if clear else 1.0)
    window.Render()
    reader = vtkWindowToImageFilter()
    reader.SetInput(window)
    reader.SetInputBufferTypeToRGBA() if clear else reader.SetInputBufferTypeToRGB()
    reader.ReadFrontBufferOff()
    reader.ShouldRerenderOff()
    reader.Update()
    image = reader.GetOutput()
    wide, high, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(high, wide, -1)[::-1].copy()


def pooled(picture: np.ndarray, finer: int) -> np.ndarray:
    """Means of squares of `finer` pixels a side of a uint8 picture (high, wide, channels), rounded, a half upwards."""
    parts = [picture[k // finer :: finer, k % finer :: finer] for k in range(finer**2)]
    total = np.zeros(parts[0].shape, np.uint16)
    for part in parts:
        total += part
    return ((total + finer**2 // 2) // finer**2).astype(np.uint8)


def _mapped(scale: Scale) -> dict[str, Any]:
    return {"clim": (scale.low, scale.high), "log_scale": scale.log, "cmap": scale.colours, "nan_color": "#808080"}


def _between(low: str, high: str, number: int = 64) -> list[str]:
    """Colours from one to another."""
    one, two = np.array(_rgb(low), float), np.array(_rgb(high), float)
    mixed = np.rint(one + np.linspace(0, 1, number)[:, None] * (two - one)).astype(int)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in mixed]


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
