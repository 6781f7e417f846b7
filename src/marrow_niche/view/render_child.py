"""Renders the pictures that a job file asks for: `python -m marrow_niche.view.render_child job.json`.

A process of its own, since a graphics driver that fails ends it. All that this room knows of VTK is here and in `sight`;
words and scales are drawn by the parent, on pictures without any.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.view import studio
from marrow_niche.view.sight import ARTERIOLES, SINUSOIDS, VEINS, Camera, View

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

STEM_CELL = 4.5
"""Radius of a stem cell [um]."""
BALL = 0.0105
"""Drawn radius of a stem cell, as a share of the picture's width."""
PALE = 0.6
"""Opacity of a stem cell behind something."""


def main(arguments: list[str]) -> int:
    """Read the job, draw each picture, write the answer beside them."""
    job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    from marrow_niche.record.results import open_results

    results = open_results(job["directory"])
    answer = draw(results, job)
    Path(job["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def draw(results: "Results", job: dict[str, Any]) -> dict[str, Any]:
    """Draw every picture of `job`; returns what the parent needs to write around them."""
    view = View(results)
    colours = job["colours"]
    bone = view.bone()
    vessels = {kind: view.tubes(kind) for kind in (SINUSOIDS, ARTERIOLES, VEINS)}
    pictures = []
    for picture in job["pictures"]:
        wide, high = picture["size"]
        um_per_pixel = view.fit(wide, high, picture["head"], picture["foot"])
        cells = view.cells(picture["day"])
        ball = BALL * um_per_pixel * wide
        things = _things(view, picture["day"], bone, vessels, colours)
        balls = _balls(cells, ball, colours)
        drawn = _shot(view, things + balls, wide, high, um_per_pixel, shade=not view.slice)
        if balls:
            ghost = _shot(view, balls, wide, high, um_per_pixel, clear=True)
            pale = PALE * (ghost[..., 3:] / 255.0)
            drawn = drawn * (1 - pale) + ghost[..., :3] * pale
        _save(drawn, picture["file"])
        pictures.append({"day": picture["day"], "um_per_pixel": um_per_pixel, "shown": len(cells["position"])})
    return {
        "pictures": pictures,
        "axes": view.axes(),
        "slice": view.slice,
        "thickness_um": view.thickness,
        "cropped": view.cropped,
        "vein": vessels[VEINS] is not None,
        "enlarged": ball / STEM_CELL,
        "whole": _whole_bone(results, view, job["whole"], colours),
    }


def _things(
    view: View, day: float, bone: Any, vessels: dict[int, Any], colours: dict[str, str]
) -> list[tuple[Any, dict]]:
    """Meshes and how each is drawn."""
    matter = {"smooth_shading": True, "ambient": 0.30, "diffuse": 0.75, "specular": 0.08}
    things: list[tuple[Any, dict]] = []
    if bone is not None:
        things.append((bone, {**matter, "color": colours["bone"], "ambient": 0.38, "diffuse": 0.66, "specular": 0.0}))
    if view.slice:
        things.append((view.ground(), {"color": colours["ground"], "lighting": False}))
    sinusoids = vessels[SINUSOIDS]
    if sinusoids is not None:
        whole, wasted = (np.array(_rgb(colours[name]), float) for name in ("sinusoid", "wasted"))
        share = np.clip((view.integrity(day, sinusoids.points) - 0.4) / 0.6, 0.0, 1.0)[:, None]
        painted = sinusoids.copy()
        painted.point_data["colour"] = np.rint(wasted + share * (whole - wasted)).astype(np.uint8)
        things.append((painted, {**matter, "scalars": "colour", "rgb": True}))
    for kind, name in ((ARTERIOLES, "arteriole"), (VEINS, "vein")):
        if vessels[kind] is not None:
            things.append((vessels[kind], {**matter, "color": colours[name], "ambient": 0.4}))
    return things


def _balls(cells: dict[str, np.ndarray], radius: float, colours: dict[str, str]) -> list[tuple[Any, dict]]:
    """Stem cells as spheres, by what they do."""
    import pyvista

    sphere = pyvista.Sphere(radius=radius, theta_resolution=28, phi_resolution=28)
    groups = {"senescent": cells["senescent"], "awake": cells["cycling"] & ~cells["senescent"]}
    groups["quiet"] = ~(groups["senescent"] | groups["awake"])
    matter = {"smooth_shading": True, "ambient": 0.35, "diffuse": 0.7, "specular": 0.35, "specular_power": 25}
    return [
        (
            pyvista.PolyData(cells["position"][chosen]).glyph(geom=sphere, scale=False, orient=False),
            {**matter, "color": colours[name]},
        )
        for name, chosen in groups.items()
        if chosen.any()
    ]


def _shot(
    view: "View | Camera",
    things: list[tuple[Any, dict]],
    wide: int,
    high: int,
    um_per_pixel: float,
    *,
    shade: bool = False,
    clear: bool = False,
) -> np.ndarray:
    """A picture (high, wide, 3), or (high, wide, 4) on nothing at all."""
    import pyvista

    plotter: Any = pyvista.Plotter(off_screen=True, window_size=[wide, high], lighting="none")
    plotter.set_background("white")
    studio.light(plotter)
    for mesh, options in things:
        plotter.add_mesh(mesh, **options)
    if shade:
        plotter.enable_ssao(radius=70.0, bias=3.0, kernel_size=24)
    plotter.enable_anti_aliasing("ssaa")
    studio.aim(plotter, view, 0.5 * high * um_per_pixel)
    picture = plotter.screenshot(None, transparent_background=clear, return_img=True)
    plotter.close()
    return np.asarray(picture, float)


def _whole_bone(results: "Results", view: View, wanted: dict[str, Any], colours: dict[str, str]) -> bool:
    """The whole bone, small, with the piece marked; False where the run has no surface or the piece is all of it."""
    import pyvista

    from marrow_niche.errors import RunError

    try:
        vertices, triangles = results.whole_bone()
    except RunError:
        return False
    size = vertices.max(axis=0) - vertices.min(axis=0)
    axis = view.axis
    if not len(triangles) or view.top[axis] - view.corner[axis] > 0.8 * size[axis]:
        return False
    wide, high = wanted["size"]
    bone = pyvista.PolyData(
        np.asarray(vertices, float), np.column_stack([np.full(len(triangles), 3), triangles]).ravel()
    )
    bone = bone.compute_normals(split_vertices=False, auto_orient_normals=True)
    along = np.eye(3)[axis]
    rest = [
        bone.clip(normal=along, origin=view.corner, invert=True),
        bone.clip(normal=along, origin=view.top, invert=False),
    ]
    here = bone.clip(normal=along, origin=view.corner, invert=False).clip(normal=along, origin=view.top, invert=True)
    deep = np.eye(3)[min((a for a in range(3) if a != axis), key=lambda a: size[a])]
    small = Camera(toward=-deep, above=along, low=vertices.min(axis=0), high=vertices.max(axis=0))
    right = np.cross(along, -deep)
    across = np.ptp(vertices @ right)
    um_per_pixel = max(np.ptp(vertices @ along) / (0.96 * high), across / (0.96 * wide))
    matter = {"smooth_shading": True, "ambient": 0.35, "diffuse": 0.7}
    things = [(part, {**matter, "color": colours["bone"]}) for part in rest if part.n_cells]
    if here.n_cells:
        things.append((here, {**matter, "color": colours["here"]}))
    _save(_shot(small, things, wide, high, um_per_pixel, clear=True), wanted["file"])
    return True


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _save(picture: np.ndarray, path: str) -> None:
    from matplotlib.image import imsave

    imsave(path, np.clip(np.rint(picture), 0, 255).astype(np.uint8))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
