"""Draws the pictures of docs/geometry.md: `python docs/pictures/geometry.py [--cache FOLDER] [NAME ...]`.

Every picture shows what `build_geometry` makes of a scenario of a few lines (`SCENARIOS`). Without names all are drawn.
With a cache each geometry is built once and read again the next time; empty the folder when the package has changed.
"""

import argparse
import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from marrow_niche.geometry import bone_surface, build_geometry
from marrow_niche.geometry.bone_mesh import EASED, depth_under, rounding
from marrow_niche.geometry.field import Field
from marrow_niche.geometry.made_bones import BONES
from marrow_niche.geometry.spec import Geometry
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN
from marrow_niche.scenario.scenario import read_scenario
from marrow_niche.view import style
from marrow_niche.view.probe import probe
from marrow_niche.view.slices import length_text

os.environ.update(probe().environment)
import pyvista as pv

pv.OFF_SCREEN = True
IMAGES = Path(__file__).resolve().parent.parent / "images"
WIDE, DPI = 7.0, 200
"""Of a picture [inch], and its pixels per inch."""
BONE, FACE, MARROW = "#e0dbce", "#c2bbaa", "#f8e6e0"
CUT = "#e3c3b5"
"""A side at which the piece was cut out of a larger bone."""
COLOURS = {"sinusoid": "#b9574f", "type H": "#1a9c6b", "arteriole": "#f0471c", "vein": "#5f559f", "fat": "#f3cf5b"}
Things = list[tuple[Any, dict[str, Any]]]
"""Meshes, and how each is drawn."""
STROMA, MEGAKARYOCYTE = "#2b83c6", "#efa51f"
NAMES = {"vein": "central vein", "type H": "type H vessel"}
LONG = 'bone = "{bone}"\nvoxel = "{voxel}"\nsection = {{ axis = "{axis}", at = "{at}", thickness = "{thickness}" }}'
SCENARIOS = {
    "distal femur": (
        "mouse",
        LONG.format(bone="mouse femur", voxel="10 um", axis="long", at="9 %", thickness="2.8 mm"),
    ),
    "mid-shaft": ("mouse", LONG.format(bone="mouse femur", voxel="10 um", axis="long", at="50 %", thickness="0.3 mm")),
    "vertebra": ("mouse", 'bone = "mouse vertebra"\nvoxel = "15 um"'),
    "iliac core": ("human", 'bone = "human iliac core"\nvoxel = "30 um"'),
    "needle core": ("human", 'bone = "human needle core"\nvoxel = "30 um"'),
    "mouse calvaria": (
        "mouse",
        LONG.format(bone="mouse calvaria", voxel="10 um", axis="long", at="50 %", thickness="1.6 mm"),
    ),
}


def build(name: str, cache: Path | None) -> Geometry:
    """The geometry of a scenario, from the cache if it lies there."""
    kept = None if cache is None else cache / f"{name.replace(' ', '_')}.pkl"
    if kept is not None and kept.is_file():
        return pickle.loads(kept.read_bytes())
    species, table = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.toml"
        file.write_text(
            f'title = "{name}"\nspecies = "{species}"\nduration = "10 d"\n\n[geometry]\n{table}\n', encoding="utf-8"
        )
        asked = read_scenario(file)
        made = build_geometry(asked.geometry, asked.parameters.anatomy, seed=asked.seed, folder=asked.folder)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(made, protocol=5))
    return made


# ---------------------------------------------------------------- pieces of bone as meshes


@dataclass(kw_only=True)
class Cut:
    """A geometry between two corners, of which the half before a plane is taken away. Lengths in um."""

    g: Geometry
    low: np.ndarray
    high: np.ndarray
    """(3,) corners of what is drawn."""
    axis: int
    """Across which the plane stands."""
    at: float
    side: float
    """+1 or -1: the half of higher or lower coordinates is taken away, and looked into."""
    ends: tuple[tuple[int, int], ...] = ()
    """Faces of the box, (axis, 0 low or 1 high), at which the bone goes on, so that they are closed by a cut face."""
    fine: float = 5.0
    """Pitch of cut faces and vessels."""
    depth: Field = field(init=False)
    """Under the bone's outer surface and behind its cut sides."""

    def __post_init__(self) -> None:
        self.depth = depth_under(self.g.bone, self.g.inset)
        (self.high if self.side > 0 else self.low)[self.axis] = self.at

    @property
    def is_cut(self) -> bool:
        """Whether the bone is a piece out of a larger one, whose sides are not its own surface."""
        return self.g.bone.surface.cut is not None

    def clipped(self, mesh: Any, *, deep: float = 0.0) -> Any:
        """What of a mesh lies in the box, and `deep` behind the cut."""
        low, high = self.low.copy(), self.high.copy()
        (high if self.side > 0 else low)[self.axis] -= self.side * deep
        for axis in range(3):
            for end, below in ((low, False), (high, True)):
                mesh = mesh.clip(normal=np.eye(3)[axis], origin=np.eye(3)[axis] * end, invert=below)
        return mesh

    def grid(self, pitch: float, low: np.ndarray, high: np.ndarray) -> tuple[Any, np.ndarray]:
        """Nodes over a box that end on its faces, and where they are (k, 3). A side of nought gets one layer."""
        number = np.maximum(np.round((high - low) / pitch).astype(int), 0) + 1
        spacing = np.where(number > 1, (high - low) / np.maximum(number - 1, 1), 1.0)
        grid = pv.ImageData(dimensions=number, spacing=spacing, origin=low)
        return grid, np.asarray(grid.points, float)

    def face(
        self, axis: int, at: float, *, pitch: float | None = None, within: tuple | None = None
    ) -> tuple[Any, np.ndarray]:
        """A plane of nodes across an axis."""
        low, high = (self.low.copy(), self.high.copy()) if within is None else (within[0].copy(), within[1].copy())
        low[axis] = high[axis] = at
        return self.grid(self.fine if pitch is None else pitch, low, high)

    def bone(self, points: np.ndarray) -> np.ndarray:
        """Positive in bone, whose edge along a cut side is rounded as on its surface."""
        under, solid = self.depth.at(points), -self.g.inset.at(points)
        deep = np.minimum(under, solid)
        return deep - rounding(under, solid, EASED * self.g.inset.spacing) if self.is_cut else deep

    def marrow(self, points: np.ndarray) -> np.ndarray:
        """Positive in marrow."""
        return np.minimum(self.depth.at(points), self.g.inset.at(points))

    def solid(self) -> Things:
        """Bone and the faces at which it is cut."""
        mesh = self.clipped(polydata(*bone_surface(self.g)).compute_normals(split_vertices=False))
        faces = [(self.axis, self.at), *((a, (self.low, self.high)[e][a]) for a, e in self.ends)]
        return [
            (mesh, {"color": BONE}),
            *((_above(*self.face(axis, at), self.bone), {"color": FACE, "flat": True}) for axis, at in faces),
        ]

    def flank(self, deep: float) -> Things:
        """Marrow on the sides of a piece that was cut out of a larger bone, behind the wall."""
        surface = self.g.bone.surface
        if surface.cut is None:
            return []
        sides = polydata(surface.vertices, surface.triangles[surface.cut])
        edge = np.sqrt(sides.area / sides.n_cells)
        sides = sides.subdivide(int(np.clip(np.ceil(np.log2(edge / (3 * self.fine))), 0, 3)), "linear")
        sides["b"] = self.g.inset.at(np.asarray(sides.points, float))
        marrow = self.clipped(sides.clip_scalar(scalars="b", value=0.0, invert=False), deep=deep)
        return [(marrow, {"color": MARROW, "flat": True})]

    def wall(self, deep: float) -> Things:
        """Marrow as a pale wall, `deep` behind the cut."""
        back = self.at - self.side * deep
        things = [(_above(*self.face(self.axis, back), self.marrow), {"color": MARROW, "flat": True})]
        for axis, end in self.ends:
            low, high = self.low.copy(), self.high.copy()
            (high if self.side > 0 else low)[self.axis] = back
            face = self.face(axis, (self.low, self.high)[end][axis], within=(low, high))
            things.append((_above(*face, self.marrow), {"color": MARROW, "flat": True}))
        return things

    def vessels(self, deep: float, *, pitch: float | None = None) -> Things:
        """Those of the slice behind the cut, and fat cells, cut flush."""
        pitch = self.fine if pitch is None else pitch
        low, high = self.low.copy(), self.high.copy()
        (low if self.side > 0 else high)[self.axis] = self.at - self.side * deep
        things = []
        niches = self.g.niches
        cells = {"fat": niches.adipocyte} if len(niches.adipocyte) else {}
        for name, chosen in {**cells, **kinds(self.g)}.items():
            for clear, (a, b, c) in ((False, (low, high, None)), (True, (low, high, self.axis))):
                grid, points = self.face(c, self.at, within=(a, b), pitch=pitch) if clear else self.grid(pitch, a, b)
                cell = name == "fat"
                values = spheres(chosen, niches.adipocyte_radius, grid) if cell else capsules(self.g, chosen, grid)
                if not (values > 0).any():
                    continue
                if self.is_cut:
                    values = np.minimum(values, self.depth.at(points))
                if clear:
                    things.append((_above(grid, values), {"color": _mix(COLOURS[name], "#ffffff", 0.35), "flat": True}))
                else:
                    grid["b"] = values
                    mesh = grid.contour([0.0], scalars="b").smooth_taubin(
                        n_iter=8, pass_band=0.2, boundary_smoothing=False
                    )
                    things.append((mesh.compute_normals(split_vertices=False), {"color": COLOURS[name]}))
        return things

    def balls(
        self, centre: np.ndarray, radius: np.ndarray, deep: float, colour: str
    ) -> Things:
        """Cells of the slice behind the cut; those that the cut goes through are left whole if their middle lies behind it."""
        behind = self.side * (self.at - centre[:, self.axis])
        kept = (behind > 0) & (behind < deep) & ((centre >= self.low) & (centre <= self.high)).all(axis=1)
        if self.is_cut:
            kept &= self.depth.at(centre) > 0
        if not kept.any():
            return []
        cloud = pv.PolyData(centre[kept])
        cloud["r"] = np.broadcast_to(radius, len(centre))[kept]
        ball = pv.Sphere(radius=1.0, theta_resolution=16, phi_resolution=12)
        return [(cloud.glyph(geom=ball, scale="r", orient=False), {"color": colour})]


def polydata(vertices: np.ndarray, triangles: np.ndarray) -> Any:
    """A mesh of vertices (v, 3) and triangles (t, 3)."""
    return pv.PolyData(np.asarray(vertices, float), np.insert(triangles, 0, 3, axis=1).ravel())


def _above(grid: Any, values: Any, function: Callable[[np.ndarray], np.ndarray] | None = None) -> Any:
    """The part of a plane where a number is above nought."""
    if function is not None:
        values = function(values)
    grid["b"] = values
    return (
        grid.cast_to_unstructured_grid().clip_scalar(scalars="b", value=0.0, invert=False)
        if (values < 0).any()
        else grid
    )


def kinds(g: Geometry) -> dict[str, np.ndarray]:
    """Edges by name of the vessel, without those that do not occur."""
    kind, columns = g.vessels.kind, g.vessels.type_h
    found = {
        "sinusoid": (kind == SINUSOID) & ~columns,
        "type H": (kind == SINUSOID) & columns,
        "arteriole": kind == ARTERIOLE,
        "vein": kind == VEIN,
    }
    return {name: np.flatnonzero(chosen) for name, chosen in found.items() if chosen.any()}


def capsules(g: Geometry, chosen: np.ndarray, grid: Any) -> np.ndarray:
    """How deep each node of a grid lies inside tubes [um]; far outside only "outside"."""
    v = g.vessels
    return _deepest(v.a[chosen], v.b[chosen], v.radius[chosen], grid)


def spheres(centre: np.ndarray, radius: np.ndarray, grid: Any) -> np.ndarray:
    """The same of balls."""
    return _deepest(centre, centre, np.broadcast_to(radius, len(centre)), grid)


def _deepest(a: np.ndarray, b: np.ndarray, radius: np.ndarray, grid: Any) -> np.ndarray:
    origin, spacing, number = np.array(grid.origin), np.array(grid.spacing), np.array(grid.dimensions)
    margin = 2.5 * spacing.max()
    out = np.full(number[::-1], -margin)
    first = np.floor((np.minimum(a, b) - radius[:, None] - margin - origin) / spacing).astype(int)
    last = np.ceil((np.maximum(a, b) + radius[:, None] + margin - origin) / spacing).astype(int) + 1
    first, last = np.maximum(first, 0), np.minimum(last, number)
    for k in np.flatnonzero((last > first).all(axis=1)):
        x, y, z = (origin[d] + spacing[d] * np.arange(first[k, d], last[k, d]) - a[k, d] for d in range(3))
        along = b[k] - a[k]
        square = max(float(along @ along), 1e-9)
        t = (x * along[0])[None, None, :] + (y * along[1])[None, :, None] + (z * along[2])[:, None, None]
        t = np.clip(t / square, 0.0, 1.0)
        away = (x[None, None, :] - t * along[0]) ** 2 + (y[None, :, None] - t * along[1]) ** 2
        away += (z[:, None, None] - t * along[2]) ** 2
        part = out[first[k, 2] : last[k, 2], first[k, 1] : last[k, 1], first[k, 0] : last[k, 0]]
        np.maximum(part, radius[k] - np.sqrt(away), out=part)
    return out.reshape(-1)


# ---------------------------------------------------------------- pictures


def shot(
    things: Things,
    toward: tuple[float, float, float],
    up: tuple[float, float, float],
    size: tuple[int, int],
    *,
    shade: float = 0.0,
    um_per_pixel: float | None = None,
    room: float = 0.96,
) -> tuple[np.ndarray, float]:
    """A picture (high, wide, 3) seen in parallel, and its um a pixel.

    Parameters
    ----------
    toward, up : (3,)
        From the bone to the eye; upwards in the picture.
    size : (wide, high)
        Pixels.
    shade : float
        Reach of ambient occlusion [um]; none by default.
    """
    things = [(mesh, options) for mesh, options in things if mesh.n_points]
    eye = np.array(toward, float) / np.linalg.norm(toward)
    right = np.cross(up, eye)
    right /= np.linalg.norm(right)
    above = np.cross(eye, right)
    frame = np.array([right, above, eye])
    spans = [np.asarray(mesh.points) @ frame.T for mesh, _ in things]
    low, high = np.min([s.min(axis=0) for s in spans], axis=0), np.max([s.max(axis=0) for s in spans], axis=0)
    if um_per_pixel is None:
        um_per_pixel = max((high[0] - low[0]) / (room * size[0]), (high[1] - low[1]) / (room * size[1]))
    plotter: Any = pv.Plotter(off_screen=True, window_size=list(size), lighting="none")
    plotter.set_background("white")
    for direction, strength in (((-0.9, 1.1, 1.6), 0.80), ((1.5, 0.2, 1.0), 0.30), ((0.0, -1.0, 0.5), 0.14)):
        light = pv.Light(position=direction, light_type="camera light", intensity=1.12 * strength)
        light.positional = False
        plotter.add_light(light)
    for mesh, options in things:
        options = dict(options)
        flat = options.pop("flat", False)
        matter = {"lighting": False} if flat else {"ambient": 0.34, "diffuse": 0.74, "specular": 0.05}
        plotter.add_mesh(mesh, smooth_shading=not flat, **{**matter, **options})
    plotter.enable_parallel_projection()
    if shade:
        plotter.enable_ssao(radius=shade, bias=0.03 * shade, kernel_size=48)
    plotter.enable_anti_aliasing("ssaa")
    middle = 0.5 * (low + high) @ frame
    reach = float(high[2] - low[2]) + 1000.0
    camera = plotter.camera
    camera.focal_point, camera.position = tuple(middle), tuple(middle + 2.0 * reach * eye)
    camera.up, camera.parallel_scale = tuple(above), 0.5 * size[1] * um_per_pixel
    camera.clipping_range = (0.5 * reach, 3.5 * reach)
    picture = np.asarray(plotter.screenshot(None, return_img=True))
    plotter.close()
    return picture, um_per_pixel


def page(high: float) -> Any:
    """An empty figure, `high` inches."""
    return style.figure(WIDE, high)


def panel(drawn: Any, box: tuple[float, float, float, float], picture: np.ndarray) -> Any:
    """A picture in a box (left, bottom, wide, high) of shares of the figure."""
    ax = drawn.add_axes(box)
    ax.imshow(picture, interpolation="antialiased")
    ax.set_axis_off()
    return ax


def pixels(drawn: Any, box: tuple[float, float, float, float]) -> tuple[int, int]:
    """Of a box."""
    return round(box[2] * drawn.get_figwidth() * DPI), round(box[3] * drawn.get_figheight() * DPI)


def bar(ax: Any, um_per_pixel: float, length: float, *, x: float = 0.03, y: float = 0.035) -> None:
    """A scale bar of a length [um], its left end at shares of the panel."""
    wide = length / um_per_pixel / np.ptp(ax.get_xlim())
    ax.plot(
        [x, x + wide], [y, y], transform=ax.transAxes, color=style.INK, lw=2.2, solid_capstyle="butt", clip_on=False
    )
    _words(ax, length_text(length), (x, y), (0, 3), fontsize=7.5, color=style.INK)


def _words(ax: Any, text: str, place: tuple[float, float], by: tuple[float, float], **look: Any) -> None:
    """A text at shares of the panel, moved by points."""
    ax.annotate(text, place, xycoords="axes fraction", xytext=by, textcoords="offset points", **look)


def title(ax: Any, letter: str, text: str) -> None:
    """A letter and a few words above a panel."""
    _words(ax, letter, (0, 1), (2, 3), fontsize=9.5, weight="bold")
    _words(ax, text, (0, 1), (16, 3), fontsize=8, color=style.SOFT)


def key(drawn: Any, entries: list[tuple[str, str]], y: float) -> None:
    """One line of colours and names at a height of the figure, a share."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], ls="", marker="s", color=colour, mec=_mix(colour, "#000000", 0.25), mew=0.5, ms=5)
        for _, colour in entries
    ]
    drawn.legend(
        handles,
        [name for name, _ in entries],
        loc="center",
        bbox_to_anchor=(0.5, y),
        ncol=len(entries),
        fontsize=7,
        handletextpad=0.2,
        columnspacing=1.2,
        borderpad=0.0,
        labelcolor=style.SOFT,
    )


def save(drawn: Any, name: str) -> None:
    """Write a figure with as few colours as it takes to stay small."""
    import io

    from PIL import Image

    raw = io.BytesIO()
    drawn.savefig(raw, dpi=DPI, format="png")
    image = Image.open(raw).convert("RGB")
    path = IMAGES / f"geometry_{name}.png"
    for colours in (256, 160, 96, 64):
        image.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(
            path, optimize=True
        )
        if path.stat().st_size < 395_000:
            break
    print(path.name, image.size, f"{path.stat().st_size / 1e3:.0f} kB")


def _mix(colour: str, other: str, share: float) -> str:
    one, two = _rgb(colour), _rgb(other)
    return "#" + "".join(f"{round(v):02x}" for v in (1 - share) * one + share * two)


def _entries(g: Geometry, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("bone, cut", FACE), ("marrow", MARROW), *((NAMES.get(k, k), COLOURS[k]) for k in kinds(g)), *more]


def draw_bones(cache: Path | None) -> None:
    """The outer surfaces of all bones."""
    views: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float, str]] = {
        "mouse femur": ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), 2000.0, "from in front"),
        "mouse tibia": ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), 2000.0, "from in front"),
        "human femur": ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), 50_000.0, "from in front"),
        "mouse vertebra": ((0.75, 0.95, 0.5), (0.0, 0.0, 1.0), 1000.0, "L4"),
        "human vertebra": ((0.55, -0.75, 0.85), (0.0, 0.0, 1.0), 20_000.0, "L3, from behind"),
        "mouse calvaria": ((0.35, -0.9, 0.75), (0.0, 0.0, 1.0), 500.0, "strip of 4 by 2 mm"),
        "human calvaria": ((0.35, -0.9, 0.75), (0.0, 0.0, 1.0), 5000.0, "strip of 20 by 10 mm"),
        "human iliac core": ((0.2, -1.0, 0.35), (1.0, 0.0, 0.0), 2000.0, "3 mm across"),
        "human needle core": ((0.2, -1.0, 0.35), (1.0, 0.0, 0.0), 2000.0, "2 mm across"),
    }
    drawn = page(5.3)
    boxes = {
        "mouse femur": (0.01, 0.775, 0.48, 0.17),
        "mouse tibia": (0.51, 0.775, 0.48, 0.17),
        "human femur": (0.01, 0.505, 0.63, 0.20),
        "human iliac core": (0.67, 0.625, 0.32, 0.08),
        "human needle core": (0.67, 0.49, 0.32, 0.06),
        "mouse vertebra": (0.01, 0.045, 0.22, 0.37),
        "human vertebra": (0.25, 0.045, 0.29, 0.37),
        "mouse calvaria": (0.57, 0.265, 0.42, 0.15),
        "human calvaria": (0.57, 0.045, 0.42, 0.15),
    }
    for k, (name, box) in enumerate(boxes.items()):
        toward, up, length, words = views[name]
        made = BONES[name].surface()
        cut = np.zeros(len(made.triangles), bool) if made.cut is None else made.cut
        things: Things = []
        for part, colour in ((~cut, BONE), (cut, CUT)):
            if part.any():
                side = polydata(made.vertices, made.triangles[part])
                side = side.compute_normals(split_vertices=False, auto_orient_normals=made.cut is None)
                things.append((side, {"color": colour}))
        size = pixels(drawn, box)
        shade = 0.04 * float(np.ptp(made.vertices, axis=0).max()) if made.cut is None else 0.0
        picture, scale = shot(things, toward, up, size, shade=shade, room=0.93)
        ax = panel(drawn, box, picture)
        title(ax, "abcdefghi"[k], f"{name}, {words}")
        bar(ax, scale, length, y=-0.016 / box[3])
    save(drawn, "bones")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a geometry is shown: bone alone, and the same with marrow, fat and vessels."""

    file: str
    scenario: str
    axis: int
    """Across which it is cut,"""
    side: float
    """from which side it is seen,"""
    at: str | float
    """and where [um]: "middle", or "vein" for the middle of the central vein."""
    ends: tuple[tuple[int, int], ...] = ()
    fine: float
    toward: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    deep: float
    """Vessels are shown so far behind the cut [um]."""
    length: float
    """Of the scale bar [um]."""
    high: float
    """Of the picture [inch]."""
    shade: float
    """Reach of ambient occlusion [um]."""
    first: str
    second: str
    rows: bool = False
    """One above the other instead of side by side."""
    named: tuple[tuple[str, tuple[float, float]], ...] = ()


PLANS = (
    Plan(
        file="distal_femur", scenario="distal femur", axis=1, side=1.0, at="vein", ends=((2, 1),), fine=3.5,
        toward=(0.10, 1.0, 0.25), deep=50.0, length=500.0, high=4.9, shade=108.0,
        first="marrow taken out: cortex and trabeculae", second="vessels of 50 µm behind the cut",
    ),
    Plan(
        file="mouse_vertebra", scenario="vertebra", axis=0, side=1.0, at="middle", fine=5.0,
        toward=(1.0, 0.22, 0.16), deep=60.0, length=500.0, high=4.9, shade=132.0,
        first="marrow taken out: cortex and trabeculae", second="vessels of 60 µm behind the cut",
        named=(("body", (0.80, 0.035)), ("canal", (0.45, 0.46)), ("spinous\nprocess", (0.10, 0.215))),
    ),
    Plan(
        file="mouse_calvaria", scenario="mouse calvaria", axis=1, side=-1.0, at="middle", ends=((0, 0), (0, 1)), fine=3.0,
        toward=(0.0, -1.0, 0.16), deep=60.0, length=200.0, high=5.1, shade=96.0, rows=True,
        first="marrow taken out: two tables and the chambers between them", second="vessels of 60 µm behind the cut",
    ),
    Plan(
        file="human_iliac_core", scenario="iliac core", axis=1, side=-1.0, at=0.0, fine=9.0,
        toward=(0.0, -1.0, 0.22), up=(1.0, 0.0, 0.0), deep=120.0, length=1000.0, high=5.9, shade=312.0, rows=True,
        first="marrow taken out: two cortices and trabeculae", second="fat cells and vessels of 120 µm behind the cut",
    ),
    Plan(
        file="human_needle_core", scenario="needle core", axis=1, side=-1.0, at=0.0, fine=9.0,
        toward=(0.0, -1.0, 0.22), up=(1.0, 0.0, 0.0), deep=120.0, length=1000.0, high=3.2, shade=312.0, rows=True,
        first="marrow taken out: one cortex and trabeculae", second="fat cells and vessels of 120 µm behind the cut",
    ),
)  # fmt: skip


def draw_plan(plan: Plan, cache: Path | None) -> None:
    """Bone alone, and the same with marrow, fat and vessels."""
    g = build(plan.scenario, cache)
    low, high = _extent(g)
    at = plan.at
    if isinstance(at, str):
        at = float((_deepest_place(g, low, high) if at == "vein" else 0.5 * (low + high))[plan.axis])
    cut = Cut(g=g, low=low, high=high, axis=plan.axis, at=at, side=plan.side, ends=plan.ends, fine=plan.fine)
    drawn = page(plan.high)
    foot, head, gap = (0.5 if plan.rows else 0.36) / plan.high, 0.27 / plan.high, 0.2 / plan.high
    tall = 1 - foot - head
    each = (tall - head - gap) / 2
    boxes = [(0.0, foot, 0.495, tall), (0.505, foot, 0.495, tall)]
    if plan.rows:
        boxes = [(0.0, foot + each + head + gap, 1.0, each), (0.0, foot, 1.0, each)]
    solid = cut.solid()
    marrow = [*cut.wall(plan.deep), *cut.vessels(plan.deep), *cut.flank(plan.deep)]
    scale = None
    for k, (things, words) in enumerate(((solid, plan.first), (solid + marrow, plan.second))):
        size = pixels(drawn, boxes[k])
        picture, scale = shot(things, plan.toward, plan.up, size, shade=plan.shade, um_per_pixel=scale)
        ax = panel(drawn, boxes[k], picture)
        title(ax, "ab"[k], words)
        for word, place in plan.named if k == 0 else ():
            ax.text(*place, word, transform=ax.transAxes, fontsize=7.5, color=style.INK, ha="center", va="center")
        if k == 0 or plan.rows:
            bar(ax, scale, plan.length, y=-0.1 if plan.rows else 0.035)
    fat = [("fat", COLOURS["fat"])] * bool(len(g.niches.adipocyte))
    key(drawn, _entries(g, *fat), 0.16 / plan.high)
    save(drawn, plan.file)


def draw_mid_shaft(cache: Path | None) -> None:
    """A cross-section of the mouse femur at mid-shaft."""
    g = build("mid-shaft", cache)
    low, high = _extent(g)
    deep = 50.0
    low[2] = high[2] - 200.0
    cut = Cut(g=g, low=low, high=high, axis=2, at=high[2] - 40.0, side=1.0, fine=2.5)
    drawn = page(5.5)
    box = (0.0, 0.07, 1.0, 0.92)
    things = [*cut.solid(), *cut.wall(deep), *cut.vessels(deep)]
    cells = (
        (g.niches.stroma, np.array(6.0), STROMA),
        (g.niches.megakaryocyte, np.array(12.0), MEGAKARYOCYTE),
    )
    for centre, radius, colour in cells:
        things += cut.balls(centre, radius, deep, colour)
    picture, scale = shot(things, (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), pixels(drawn, box), shade=40.0, room=0.93)
    ax = panel(drawn, box, picture)
    bar(ax, scale, 200.0)
    for word, place, turned in (("front", (0.5, 0.985), 0), ("medial", (0.99, 0.5), 90)):
        ax.text(
            *place,
            word,
            transform=ax.transAxes,
            fontsize=7.5,
            color=style.SOFT,
            ha="center",
            va="center",
            rotation=turned,
        )
    key(drawn, _entries(g, ("CAR stroma", STROMA), ("megakaryocyte", MEGAKARYOCYTE), ("fat", COLOURS["fat"])), 0.03)
    save(drawn, "mid_shaft")


def draw_sections(cache: Path | None) -> None:
    """Two sections as under the microscope: iliac core and distal femur."""
    drawn = page(4.75)
    plans = (
        ("iliac core", 1, 0.0, 4.0, 500.0, "human iliac core, outer cortex above"),
        ("distal femur", 1, None, 2.5, 500.0, "mouse femur, distal end, frontal"),
    )
    for k, (name, axis, at, pitch, length, words) in enumerate(plans):
        g = build(name, cache)
        low, high = _extent(g)
        if name == "iliac core":
            low[2] = high[2] - 3500.0
        at = float(_deepest_place(g, low, high)[axis]) if at is None else at
        cut = Cut(g=g, low=low, high=high, axis=axis, at=at + 1e-6, side=1.0, fine=pitch)
        box = (0.01 + 0.5 * k, 0.13, 0.48, 0.81)
        picture, scale = _stained(cut, axis)
        ax = panel(drawn, box, picture)
        ax.set_anchor("N")
        title(ax, "ab"[k], words)
        bar(ax, scale, length, x=0.0, y=-0.055)
    g = build("distal femur", cache)
    key(drawn, _entries(g, ("fat", COLOURS["fat"])), 0.025)
    save(drawn, "sections")


def _stained(cut: Cut, axis: int) -> tuple[np.ndarray, float]:
    """The labels of a plane in colour, as (high, wide, 3) with z upwards, and um a pixel."""
    grid, points = cut.face(axis, cut.at)
    number = [n for n in grid.dimensions if n > 1]
    depth, inset = cut.depth.at(points), cut.g.inset.at(points)
    layers = [(MARROW, inset), (COLOURS["fat"], spheres(cut.g.niches.adipocyte, cut.g.niches.adipocyte_radius, grid))]
    layers += [(COLOURS[name], capsules(cut.g, chosen, grid)) for name, chosen in kinds(cut.g).items()]
    picture = np.tile(_rgb("#ffffff"), (len(points), 1))
    half = 0.5 * cut.fine

    def over(colour: str, value: np.ndarray) -> None:
        share = np.clip(0.5 + value / (2 * half), 0.0, 1.0)[:, None]
        picture[:] = picture * (1 - share) + _rgb(colour) * share

    over(FACE, depth)
    for colour, value in layers:
        inside = np.minimum(value, depth) if cut.is_cut else value
        over(_mix(colour, "#3a2020", 0.35), inside) if colour not in (MARROW,) else None
        rim = 1.2 * cut.fine if colour not in (MARROW,) else 0.0
        over(colour, inside - rim)
    return picture.reshape(number[1], number[0], 3)[::-1].astype(np.uint8), float(np.array(grid.spacing)[0])


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], float)


def _extent(g: Geometry) -> tuple[np.ndarray, np.ndarray]:
    lattice = g.lattice
    return lattice.origin.copy(), lattice.origin + lattice.spacing * np.array(lattice.shape[::-1])


def _deepest_place(g: Geometry, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Middle of the central vein in the piece."""
    vein = g.vessels.kind == VEIN
    middle = 0.5 * (g.vessels.a[vein] + g.vessels.b[vein])
    return middle[((middle > low) & (middle < high)).all(axis=1)].mean(axis=0)


PICTURES: dict[str, Callable[[Path | None], None]] = {
    "bones": draw_bones,
    "mid_shaft": draw_mid_shaft,
    "sections": draw_sections,
    **{plan.file: partial(draw_plan, plan) for plan in PLANS},
}


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="*", help=", ".join(PICTURES))
    parser.add_argument("--cache", type=Path, help="folder in which geometries are kept")
    asked = parser.parse_args()
    with style.styled():
        for name in asked.name or PICTURES:
            PICTURES[name](asked.cache)


if __name__ == "__main__":
    main()
