"""The room that scenes are photographed in: its lights, and a camera without perspective."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import pyvista

LIGHTS = (((-0.9, 1.1, 1.6), 0.78), ((1.5, 0.2, 1.0), 0.32), ((0.0, -1.0, 0.5), 0.16))
"""Where lights stand, as the camera sees it, and how strong they are."""


class Sight(Protocol):
    """A box [um] and the direction from which it is seen."""

    corner: np.ndarray
    centre: np.ndarray
    toward: np.ndarray
    above: np.ndarray

    @property
    def top(self) -> np.ndarray:
        """High corner [um]."""


def light(plotter: "pyvista.Plotter") -> None:
    """Hang the lights."""
    import pyvista

    for direction, strength in LIGHTS:
        lamp: Any = pyvista.Light(position=direction, light_type="camera light", intensity=1.12 * strength)
        lamp.positional = False
        plotter.add_light(lamp)


def aim(plotter: "pyvista.Plotter", view: Sight, half_height: float) -> None:
    """Turn the camera to `view.centre`, with `half_height` [um] of it above the middle of the picture."""
    plotter.renderer.camera.parallel_projection = True
    camera: Any = plotter.camera
    reach = float(np.linalg.norm(view.top - view.corner)) + 200.0
    camera.focal_point, camera.position = tuple(view.centre), tuple(view.centre + 1.5 * reach * view.toward)
    camera.up, camera.parallel_scale = tuple(view.above), half_height
    camera.clipping_range = (0.5 * reach, 2.5 * reach)
