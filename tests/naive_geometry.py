"""Slow, obvious twins of the geometry kernels, and simple solids to try them on."""

import itertools

import numpy as np


def winding(point, vertices, triangles):
    """How often a closed surface turns around a point: 1 inside, 0 outside (solid angles, van Oosterom and Strackee 1983)."""
    a, b, c = (vertices[triangles[:, i]] - point for i in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    over = (a * np.cross(b, c)).sum(axis=1)
    under = la * lb * lc + (a * b).sum(axis=1) * lc + (b * c).sum(axis=1) * la + (c * a).sum(axis=1) * lb
    return float(np.arctan2(over, under).sum() / (2.0 * np.pi))


def segment_distance(point, a, b):
    """Distance from a point to a segment."""
    along = np.dot(b - a, b - a)
    t = np.clip(np.dot(point - a, b - a) / along, 0.0, 1.0) if along > 0.0 else 0.0
    return np.linalg.norm(point - a - t * (b - a))


def tube_distance(point, a, b, radius):
    """Signed distance from a point to the nearest wall of any tube, and to each."""
    each = np.array([segment_distance(point, p, q) - r for p, q, r in zip(a, b, radius, strict=True)])
    return each.min(), each


def triangle_distance(point, a, b, c):
    """Distance from a point to a triangle: to its plane where the foot lies inside, else to its nearest side."""
    normal = np.cross(b - a, c - a)
    foot = point - normal * np.dot(point - a, normal) / np.dot(normal, normal)
    inside = all(np.dot(np.cross(q - p, foot - p), normal) >= 0.0 for p, q in ((a, b), (b, c), (c, a)))
    if inside:
        return np.linalg.norm(point - foot)
    return min(segment_distance(point, p, q) for p, q in ((a, b), (b, c), (c, a)))


def thickened(sheet, spacing, least):
    """The sheet (nz, ny, nx), nowhere thinner than `least` to first order; both in um."""
    steep = np.sqrt((np.array(np.gradient(sheet, spacing)) ** 2).sum(axis=0))
    return sheet / np.maximum(1.0, 0.5 * least * steep)


def square_cut(sheet, cover, spacing, farthest):
    """The cover at the middle of the sheet, sheet = 0, to first order; fields (nz, ny, nx), `spacing` and `farthest` in um."""
    slope, rise = np.array(np.gradient(sheet, spacing)), np.array(np.gradient(cover, spacing))
    steep = np.sqrt((slope**2).sum(axis=0))
    return cover - np.clip(sheet / steep, -farthest, farthest) * (slope * rise).sum(axis=0) / steep


def widest_radius(value, step, about):
    """Radius of the widest sphere that holds the middle of a grid (n, n, n) of distances to a wall, whatever it takes.

    Centres are all nodes within `about`, then finer ones around the best, twice; walls where a line of the grid changes sign.
    """
    half = step * (len(value) // 2)
    axis = np.linspace(-half, half, len(value))
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1], axis=-1)
    walls = []
    for d in range(3):
        low, high = (np.moveaxis(value, 2 - d, 0)[s] for s in (slice(None, -1), slice(1, None)))
        place = np.moveaxis(nodes, 2 - d, 0)[:-1][(low > 0.0) != (high > 0.0)]
        at = (low > 0.0) != (high > 0.0)
        place[:, d] += step * low[at] / (low[at] - high[at])
        walls.append(place)
    walls = np.concatenate(walls)

    def best(centres):
        radius = np.array([np.linalg.norm(walls - c, axis=1).min() for c in centres])
        radius[np.linalg.norm(centres, axis=1) > radius] = 0.0
        return radius.max(), centres[radius.argmax()]

    inside = nodes[(value > 0.0) & (np.linalg.norm(nodes, axis=-1) <= about)]
    radius, centre = best(inside)
    near = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for finer in (step / 4, step / 16):
        radius, centre = best(centre + finer * near)
    return radius


def voxel_of(point, origin, spacing, index, reach):
    """What `index` (nz, ny, nx) says of the voxel of a point, else of the nearest with a number within `reach` voxels, else -1."""
    u = (point - origin) / spacing
    if (u < 0.0).any() or (u >= index.shape[::-1]).any():
        return -1
    place = u.astype(int)[::-1]
    if index[tuple(place)] >= 0:
        return index[tuple(place)]
    some = np.argwhere(index >= 0)
    some = some[(np.abs(some - place) <= reach).all(axis=1)]
    if not len(some):
        return -1
    return index[tuple(some[((some[:, ::-1] + 0.5 - u) ** 2).sum(axis=1).argmin()])]


def thin(points, spacing):
    """Which points remain when each nearer than `spacing` to one kept before is dropped."""
    kept = []
    for i, p in enumerate(points):
        if all(np.linalg.norm(p - points[j]) >= spacing for j in kept):
            kept.append(i)
    return np.array(kept)


def share(centre, spacing, n, a, b, radius, kind, kinds):
    """Share of one voxel inside tubes of each kind, by n^3 points; the highest kind wins."""
    out = np.zeros(kinds)
    step = ((np.arange(n) + 0.5) / n - 0.5) * spacing
    for dz in step:
        for dy in step:
            for dx in step:
                _, each = tube_distance(centre + np.array([dx, dy, dz]), a, b, radius)
                if (each < 0.0).any():
                    out[kind[each < 0.0].max()] += 1.0
    return out / n**3


def sphere(radius, centre=(0.0, 0.0, 0.0), rings=24):
    """Closed sphere of triangles: vertices (v, 3), triangles (t, 3), outwards."""
    return _lathe(
        [(radius * np.sin(t), -radius * np.cos(t)) for t in np.linspace(0.0, np.pi, rings + 1)], 2 * rings, centre
    )


def rod(radius, length, centre=(0.0, 0.0, 0.0), around=48, along=24):
    """Closed rod along z with round ends."""
    end = np.linspace(0.0, 0.5 * np.pi, around // 4 + 1)
    low = [(radius * np.sin(t), -0.5 * length + radius * (1.0 - np.cos(t))) for t in end]
    middle = [(radius, z) for z in np.linspace(-0.5 * length + radius, 0.5 * length - radius, along + 1)[1:-1]]
    return _lathe(low + middle + [(r, -z) for r, z in low[::-1]], around, centre)


def box(size, centre=(0.0, 0.0, 0.0)):
    """Closed box of 12 triangles."""
    corner = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) * np.array(size) / 2.0
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return corner + np.array(centre), np.array(triangles)


def together(*solids):
    """Several surfaces in one file."""
    shift = np.cumsum([0, *(len(v) for v, _ in solids)])
    return np.concatenate([v for v, _ in solids]), np.concatenate([t + s for (_, t), s in zip(solids, shift)])


def blocks(solid):
    """The outer faces of unit cubes where `solid` (nx, ny, nz) is, outwards, with shared vertices."""
    padded = np.pad(solid, 1)
    vertices, triangles, number = [], [], {}
    for axis, sign in itertools.product(range(3), (-1, 1)):
        bare = padded & ~np.roll(padded, -sign, axis)
        others = [d for d in range(3) if d != axis]
        for cube in np.argwhere(bare) - 1:
            square = []
            for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
                corner = cube.copy()
                corner[axis] += sign > 0
                corner[others[0]] += u
                corner[others[1]] += v
                square.append(number.setdefault(tuple(corner), len(number)))
            square = square if (sign > 0) == (axis != 1) else square[::-1]
            triangles += [[square[0], square[1], square[2]], [square[0], square[2], square[3]]]
    vertices = np.array(list(number), float)
    return vertices, np.array(triangles)


def _lathe(profile, around, centre):
    """Surface of revolution about z of (radius, height) from the low pole to the high pole."""
    vertices, triangles = [(0.0, 0.0, profile[0][1])], []
    for r, z in profile[1:-1]:
        vertices += [(r * np.cos(t), r * np.sin(t), z) for t in 2.0 * np.pi * np.arange(around) / around]
    vertices.append((0.0, 0.0, profile[-1][1]))
    rings = len(profile) - 2
    for i in range(around):
        j = (i + 1) % around
        triangles.append((0, 1 + j, 1 + i))
        for k in range(rings - 1):
            p, q = 1 + k * around, 1 + (k + 1) * around
            triangles += [(p + i, p + j, q + j), (p + i, q + j, q + i)]
        top = 1 + (rings - 1) * around
        triangles.append((len(vertices) - 1, top + i, top + j))
    return np.array(vertices) + np.array(centre), np.array(triangles)
