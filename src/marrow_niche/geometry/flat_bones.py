"""Pieces cut out of flat bones: cores of the iliac crest and strips of the skull's roof.

Their triangles are laid directly, so that `Surface.cut` names exactly the sides where the bone went on. All lengths in um.
"""

from dataclasses import replace

import numpy as np

from marrow_niche.geometry.mesh import Surface, close_surface


def make_iliac_core(
    length: float = 9_000.0, *, diameter: float = 7_500.0, bend: float = 80_000.0, through: bool = True
) -> Surface:
    """A core taken out of the iliac crest by a trephine, along z from the inner (low) to the outer (high) cortex.

    Parameters
    ----------
    length : float
        From end to end [um].
    diameter : float
        Inner diameter of the trephine [um]: 7.5 mm after Bordier, 2 to 3 mm for a Jamshidi needle.
    bend : float
        Radius to which both cortices are curved alike [um]; an estimate.
    through : bool
        Whether it goes through the inner cortex; if not, it ends in the marrow, as a needle biopsy does.

    Returns
    -------
    Surface
        Its round side is `cut`, and its low end unless it goes `through`; the others are the bone's own surface.
    """
    rings, around, high = 20, 96, 40
    radius = 0.5 * diameter
    disc, faces = _disc(radius, rings, around)
    sag = bend - np.sqrt(bend**2 - (disc**2).sum(axis=1))
    apart = length - sag.max()
    low_end = np.column_stack([disc, -0.5 * apart - sag])
    high_end = np.column_stack([disc, 0.5 * apart - sag])
    side, walls = _wall(low_end[-around:], high_end[-around:], high)
    points = np.concatenate([low_end, high_end, side])
    triangles = np.concatenate([faces[:, ::-1], faces + len(disc), walls + 2 * len(disc)])
    order = np.arange(len(triangles))
    cut = (order >= 2 * len(faces)) | (order < len(faces) * (not through))
    return _piece(points, triangles, cut, name="iliac core")


def make_calvaria(length: float, *, width: float, thickness: float, bend: tuple[float, float]) -> Surface:
    """A strip of the skull's roof along x, its outer table to +z.

    Parameters
    ----------
    length, width : float
        Along x and y, of the outer table [um].
    thickness : float
        From one table's surface to the other's, everywhere [um].
    bend : (float, float)
        Radius of the middle of the bone along x and along y [um].

    Returns
    -------
    Surface
        Its four sides are `cut`, square on both tables.
    """
    outer = np.array(bend) + 0.5 * thickness
    angle = np.arcsin(0.5 * np.array([length, width]) / outer)
    along, across = (2 * max(4, round(40 * side / (length + width))) for side in (length, width))
    a, b = (
        g.reshape(-1)
        for g in np.meshgrid(
            np.linspace(-angle[0], angle[0], along + 1), np.linspace(-angle[1], angle[1], across + 1), indexing="ij"
        )
    )
    inner_table, outer_table = (_curved(a, b, bend, w) for w in (-0.5 * thickness, 0.5 * thickness))
    faces = _grid_faces(along + 1, across + 1)
    rim = _rim(along + 1, across + 1)
    side, walls = _wall(inner_table[rim], outer_table[rim], 6)
    points = np.concatenate([inner_table, outer_table, side])
    triangles = np.concatenate([faces[:, ::-1], faces + len(a), walls + 2 * len(a)])
    return _piece(points, triangles, np.arange(len(triangles)) >= 2 * len(faces), name="calvaria")


def make_mouse_calvaria(length: float = 4_000.0) -> Surface:
    """A strip of a mouse's parietal and frontal bone, half as wide as long [um]."""
    s = length / 4_000.0
    return make_calvaria(length, width=2_000.0 * s, thickness=350.0 * s, bend=(10_000.0 * s, 6_500.0 * s))


def make_human_calvaria(length: float = 20_000.0) -> Surface:
    """A strip of a human parietal bone, half as wide as long [um]."""
    s = length / 20_000.0
    return make_calvaria(length, width=10_000.0 * s, thickness=6_500.0 * s, bend=(90_000.0 * s, 75_000.0 * s))


def _piece(points: np.ndarray, triangles: np.ndarray, cut: np.ndarray, *, name: str) -> Surface:
    surface = close_surface(points, triangles, name=name)
    assert len(surface.triangles) == len(cut), "a triangle was lost, so the cut ones are no longer known"
    return replace(surface, cut=cut)


def _disc(radius: float, rings: int, around: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (1 + rings * around, 2) of a disc, the rim last, and its triangles."""
    angle = 2.0 * np.pi * np.arange(around) / around
    r = radius * np.arange(1, rings + 1) / rings
    points = (r[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).reshape(-1, 2)
    i = np.arange(around)
    j = (i + 1) % around
    triangles = [np.stack([np.zeros(around, int), 1 + i, 1 + j], axis=1)]
    for ring in range(rings - 1):
        inner, outer = 1 + ring * around, 1 + (ring + 1) * around
        triangles += [
            np.stack([inner + i, outer + i, outer + j], axis=1),
            np.stack([inner + i, outer + j, inner + j], axis=1),
        ]
    return np.concatenate([np.zeros((1, 2)), points]), np.concatenate(triangles)


def _wall(low: np.ndarray, high: np.ndarray, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Points ((layers + 1) * n, 3) and triangles of a wall between two closed lines (n, 3)."""
    share = np.linspace(0.0, 1.0, layers + 1)[:, None, None]
    points = ((1.0 - share) * low + share * high).reshape(-1, 3)
    n = len(low)
    i = np.arange(layers * n)
    j = i + 1 - n * (i % n == n - 1)
    return points, np.concatenate([np.stack([i, j, j + n], axis=1), np.stack([i, j + n, i + n], axis=1)])


def _curved(a: np.ndarray, b: np.ndarray, bend: tuple[float, float], up: float) -> np.ndarray:
    """Points (m, 3) at angles `a` along and `b` across, `up` from the middle of the bone."""
    reach = bend[0] - bend[1] + (bend[1] + up) * np.cos(b)
    return np.stack([reach * np.sin(a), (bend[1] + up) * np.sin(b), reach * np.cos(a) - bend[0]], axis=1)


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    i = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    return np.concatenate(
        [np.stack([i, i + columns, i + columns + 1], axis=1), np.stack([i, i + columns + 1, i + 1], axis=1)]
    )


def _rim(rows: int, columns: int) -> np.ndarray:
    """Numbers of a grid's outermost points, once around, anticlockwise seen from above."""
    number = np.arange(rows * columns).reshape(rows, columns)
    return np.concatenate([number[0, :-1], number[:-1, -1], number[-1, :0:-1], number[:0:-1, 0]])[::-1]
