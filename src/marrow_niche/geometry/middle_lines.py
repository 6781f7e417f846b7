"""The middle lines of tubes in a mask of voxels, and the radius along each: thinned, parted at nodes, pruned and smoothed."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from marrow_niche.kernels.thinning import thin

SPECK = 8
"""A piece of fewer voxels is left out."""
BUMP = 1.5
"""A dead end of less than so many radii, from the middle of what it branches off, is a bump of the wall."""
FACTORS = (0.8, 1.6)
"""A radius is made fit the labelled volume within these factors of the distance to the wall."""
QUERIES = 4_000_000
"""Labelled voxels that are looked at for it; of more every second, third and so on."""


@dataclass
class _Branch:
    """A middle line between two nodes, in voxels from the low corner of the crop."""

    ends: list[int]
    line: np.ndarray
    """(m, d), its first and last point at the nodes."""
    radius: np.ndarray
    """(m,)."""

    @property
    def length(self) -> float:
        return float(np.linalg.norm(np.diff(self.line, axis=0), axis=1).sum())

    def turned(self) -> "_Branch":
        return _Branch(self.ends[::-1], self.line[::-1], self.radius[::-1])


def middle_lines(mask: np.ndarray, faces: np.ndarray, *, flat: bool) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Lines (m, d) in voxels, the radius of each of their tubes (m - 1,), and whether it is a section through a slice."""
    around = np.ones((3,) * mask.ndim, bool)
    piece, number = ndimage.label(mask, around)
    size = np.bincount(piece.reshape(-1), minlength=number + 1)
    if (size[1:] < SPECK).any():
        mask = mask & (size >= SPECK)[piece]
    line = _thinned(mask)
    wide = _radii(mask, line, around)
    branches = _branches(line, wide)
    _prune(branches)
    degree = _degrees(branches)
    smooth = [_smooth(branch) for branch in branches]
    free = [[degree[end] == 1 for end in branch.ends] for branch in branches]
    factors = _factors(mask, smooth, free)
    owner = defaultdict(list)
    for k, branch in enumerate(branches):
        owner[int(piece[tuple(np.floor(branch.line).astype(int).T)].max())].append(k)
    boxes = ndimage.find_objects(piece)
    lines = []
    for k in range(1, number + 1):
        if size[k] < SPECK:
            continue
        deepest = float(wide[piece[tuple(line.T)] == k].max(initial=1.0))
        if sum(branches[b].length for b in owner[k]) <= (2.0 * deepest if flat else 1.0):
            lines.append(_blob(piece[boxes[k - 1]] == k, boxes[k - 1], faces, piece.shape, deepest, flat=flat))
            continue
        for b in owner[k]:
            points, radius = smooth[b][0], factors[b] * smooth[b][1]
            if free[b][0]:
                points = _gone_on(points[::-1], radius[0], mask, faces)[::-1]
            if free[b][1]:
                points = _gone_on(points, radius[-1], mask, faces)
            lines.append((*_resampled(points, radius), False))
    return lines


def _factors(mask: np.ndarray, lines: list[tuple[np.ndarray, np.ndarray]], free: list[list[bool]]) -> list[float]:
    """What the radius along each line is to be multiplied by, so that its tubes hold as many voxels as are nearest to it.

    Away from its ends: what is nearest to a free end lies beyond it, and where lines meet they share. A line too short for
    that takes the median of the others.
    """
    if not lines:
        return []
    points = np.concatenate([line for line, _ in lines])
    start = np.cumsum([0] + [len(line) for line, _ in lines])
    inside = np.flatnonzero(mask)
    every = -(-len(inside) // QUERIES)
    places = np.stack(np.unravel_index(inside[::every], mask.shape), axis=1) + 0.5
    nearest = cKDTree(points).query(places, workers=-1)[1]
    count = every * np.bincount(nearest, minlength=len(points)).astype(float)
    found = np.full(len(lines), np.nan)
    for k, ((line, radius), ends) in enumerate(zip(lines, free, strict=True)):
        step = np.linalg.norm(np.diff(line, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(step)])
        before, after = (1e-9 if end else 1.5 * r for end, r in zip(ends, (radius[0], radius[-1]), strict=True))
        good = (along > before) & (along < along[-1] - after)
        good[[0, -1]] = False
        if good.sum() < 3:
            continue
        long = 0.5 * (step[1:] + step[:-1])[good[1:-1]]
        across, power = (2.0 * radius[good], 1.0) if mask.ndim == 2 else (np.pi * radius[good] ** 2, 0.5)
        found[k] = (count[start[k] : start[k + 1]][good].sum() / (across * long).sum()) ** power
    usual = float(np.nanmedian(found)) if np.isfinite(found).any() else 1.0
    return np.clip(np.where(np.isfinite(found), found, usual), *FACTORS).tolist()


def _thinned(mask: np.ndarray) -> np.ndarray:
    """(k, d) voxels of the middle lines."""
    flat = mask.ndim == 2
    solid = np.pad(mask[None] if flat else mask, 1).astype(np.uint8)
    thin(solid, flat)
    return np.argwhere(solid)[:, 3 - mask.ndim :] - 1


def _radii(mask: np.ndarray, line: np.ndarray, around: np.ndarray) -> np.ndarray:
    """(k,) distance from each voxel of the middle lines, or of its neighbours, to the nearest voxel of no vessel; the largest.

    Beyond the faces of the image the vessel goes on.
    """
    wall = np.argwhere(ndimage.binary_dilation(np.pad(mask, 1)) & ~np.pad(mask, 1)) - 1
    inside = ((wall >= 0) & (wall < mask.shape)).all(axis=1)
    wall = wall[inside]
    wide = np.full(len(line), 1.0)
    if not len(wall):
        return np.full(len(line), 0.5 * min(mask.shape))
    tree = cKDTree(wall)
    for step in np.argwhere(around) - 1:
        beside = line + step
        good = np.flatnonzero(((beside >= 0) & (beside < mask.shape)).all(axis=1))
        good = good[mask[tuple(beside[good].T)]]
        wide[good] = np.maximum(wide[good], tree.query(beside[good], workers=-1)[0])
    return wide


def _branches(line: np.ndarray, wide: np.ndarray) -> list[_Branch]:
    """Middle lines between nodes: voxels of three and more neighbours, those that touch made one, and ends."""
    number = len(line)
    pairs = (
        cKDTree(line).query_pairs(np.sqrt(line.shape[1]) + 0.01, output_type="ndarray")
        if number
        else np.empty((0, 2), int)
    )
    degree = np.bincount(pairs.reshape(-1), minlength=number)
    knot = degree >= 3
    both = pairs[knot[pairs].all(axis=1)]
    _, group = connected_components(coo_array((np.ones(len(both)), both.T), shape=(number, number)), directed=False)
    neighbours: list[list[int]] = [[] for _ in range(number)]
    for a, b in pairs.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    groups = int(group.max(initial=-1)) + 1
    count = np.maximum(np.bincount(group, minlength=groups), 1)
    centre = (
        np.stack([np.bincount(group, line[:, d], minlength=groups) / count for d in range(line.shape[1])], axis=1) + 0.5
    )
    breadth = np.bincount(group, wide, minlength=groups) / count
    seen, found = knot.copy(), []

    def walk(chain: list[int]) -> list[int]:
        """On along simple voxels until a knot, an end, or round again."""
        while True:
            onward = [b for b in neighbours[chain[-1]] if not seen[b] and not knot[b]]
            if not onward:
                return chain
            seen[onward[0]] = True
            chain.append(onward[0])

    for first in range(number):
        if seen[first]:
            continue
        seen[first] = True
        chain = walk([first])
        chain = walk(chain[::-1])
        knots = [[b for b in neighbours[end] if knot[b]] for end in (chain[0], chain[-1])]
        if len(chain) == 1:
            knots = [knots[0][:1], knots[0][1:2]]
        head = [int(group[knots[0][0]])] if knots[0] else []
        tail = [int(group[knots[1][0]])] if knots[1] else []
        closed = not head and not tail and len(chain) > 2 and chain[0] in neighbours[chain[-1]]
        points = [*(centre[g] for g in head), *(line[chain] + 0.5), *(centre[g] for g in tail)]
        radius = [*(breadth[g] for g in head), *wide[chain], *(breadth[g] for g in tail)]
        ends = [head[0] if head else int(group[chain[0]]), tail[0] if tail else int(group[chain[-1]])]
        if closed:
            points, radius, ends = [*points, points[0]], [*radius, radius[0]], [ends[0], ends[0]]
        if len(points) > 1:
            found.append(_Branch(ends, np.array(points), np.array(radius)))
    return found


def _degrees(branches: list[_Branch]) -> dict[int, int]:
    degree: dict[int, int] = defaultdict(int)
    for branch in branches:
        for end in branch.ends:
            degree[end] += 1
    return degree


def _prune(branches: list[_Branch]) -> None:
    """Leave out, in place, dead ends that are bumps and rings without a middle, and join what then is one line."""
    while True:
        degree = _degrees(branches)
        short = defaultdict(list)
        rings = []
        for k, branch in enumerate(branches):
            for end, far, r in ((*branch.ends, branch.radius[0]), (*branch.ends[::-1], branch.radius[-1])):
                if degree[far] == 1 and degree[end] >= 3 and branch.length < BUMP * r:
                    short[end].append(k)
            if branch.ends[0] == branch.ends[1] and branch.length < 2.0 * branch.radius.max():
                rings.append(k)
        gone = set(rings)
        for end, some in short.items():
            spared = max(0, 2 - (degree[end] - len(some))) if degree[end] == len(some) else 0
            gone.update(sorted(some, key=lambda k: branches[k].length)[: len(some) - spared])
        branches[:] = [branch for k, branch in enumerate(branches) if k not in gone]
        if not _join(branches) and not gone:
            return


def _join(branches: list[_Branch]) -> bool:
    """Make one line, in place, of the two that meet in a node of two; whether there were any."""
    at = defaultdict(list)
    for k, branch in enumerate(branches):
        for end in branch.ends:
            at[end].append(k)
    into = list(range(len(branches)))

    def now(k: int) -> int:
        while into[k] != k:
            into[k] = into[into[k]]
            k = into[k]
        return k

    joined = False
    for node, pair in at.items():
        if len(pair) != 2 or now(pair[0]) == now(pair[1]):
            continue
        one, other = branches[now(pair[0])], branches[now(pair[1])]
        one = one if one.ends[1] == node else one.turned()
        other = other if other.ends[0] == node else other.turned()
        into[now(pair[1])] = now(pair[0])
        branches[now(pair[0])] = _Branch(
            [one.ends[0], other.ends[1]],
            np.concatenate([one.line, other.line[1:]]),
            np.concatenate([one.radius, other.radius[1:]]),
        )
        joined = True
    branches[:] = [branch for k, branch in enumerate(branches) if into[k] == k]
    return joined


def _smooth(branch: _Branch) -> tuple[np.ndarray, np.ndarray]:
    """The line without the steps of the grid, its ends where they are, and the radius along it."""
    sigma = max(1.0, 0.5 * float(np.median(branch.radius)))
    line = branch.line
    if len(line) > 2:
        closed = branch.ends[0] == branch.ends[1]
        reach = min(int(4.0 * sigma) + 1, len(line) - 1)
        before, after = 2.0 * line[0] - line[reach:0:-1], 2.0 * line[-1] - line[-2 : -reach - 2 : -1]
        if closed:
            before, after = line[-reach - 1 : -1], line[1 : reach + 1]
        longer = ndimage.gaussian_filter1d(np.concatenate([before, line, after]), sigma, axis=0, mode="nearest")
        line = longer[len(before) : len(before) + len(line)]
        line[0], line[-1] = branch.line[0], branch.line[-1]
    return line, ndimage.gaussian_filter1d(branch.radius, sigma, mode="nearest")


def _gone_on(line: np.ndarray, radius: float, mask: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """A line whose end is drawn out to a radius before its labels end, or to the face of the image it comes to.

    The last radius of a thinned line may bend to the wall: it goes straight on from there.
    """
    away = np.linalg.norm(line - line[-1], axis=1)
    straight = np.flatnonzero(away > radius)
    if away[0] > 4.0 * radius and straight.size:
        line, away = line[: straight[-1] + 1], np.linalg.norm(line - line[straight[-1]], axis=1)[: straight[-1] + 1]
    back = line[np.argmax(away > 2.0 * radius)] if (away > 2.0 * radius).any() else line[0]
    step = line[-1] - back
    if not np.linalg.norm(step) > 0.0:
        return line
    step = step / np.linalg.norm(step)
    reach = np.arange(0.0, 5.0 * radius + 2.0, 0.25)
    points = line[-1] + reach[:, None] * step
    voxel = np.floor(points).astype(int)
    within = ((voxel >= 0) & (voxel < mask.shape)).all(axis=1)
    inside = within.copy()
    inside[within] = mask[tuple(voxel[within].T)]
    if inside.all():
        return line
    last = int(np.argmin(inside))  # the first point beyond the labels
    beyond = np.stack([points[last] < 0.0, points[last] >= mask.shape], axis=1)
    further = reach[last] if (beyond & faces).any() else reach[last] - radius
    if further <= 0.0:
        return line
    return np.concatenate([line, (line[-1] + further * step)[None]])


def _resampled(line: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line by points about a radius apart, and the radius (m - 1,) between each two."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    measured = np.interp(along, np.linspace(0.0, along[-1], len(radius)), radius)
    closed = bool((line[0] == line[-1]).all())
    number = max(3 if closed else 1, round(along[-1] / max(float(np.median(radius)), 1.5)))
    at = np.linspace(0.0, along[-1], number + 1)
    points = np.stack([np.interp(at, along, line[:, d]) for d in range(line.shape[1])], axis=1)
    middle = np.linspace(0.0, along[-1], 8 * number + 1)
    wide = np.interp(0.5 * (middle[1:] + middle[:-1]), along, measured).reshape(number, 8).mean(axis=1)
    return points, wide


def _blob(
    mask: np.ndarray, box: tuple, faces: np.ndarray, shape: tuple, radius: float, *, flat: bool
) -> tuple[np.ndarray, np.ndarray, bool]:
    """A piece that has a middle, but no middle line: a vessel through a slice, or as long as it is along its longest axis."""
    places = np.argwhere(mask) + 0.5 + np.array([s.start for s in box])
    middle = places.mean(axis=0)
    if flat:
        even = np.sqrt(len(places) / np.pi)
        return middle[None], np.array([even]), True
    touches = [faces[d].all() and box[d].start == 0 and box[d].stop == shape[d] for d in range(mask.ndim)]
    if any(touches):
        d = touches.index(True)
        ends = np.stack([middle, middle])
        ends[:, d] = 0.0, shape[d]
        return ends, np.array([radius]), False
    _, vectors = np.linalg.eigh(np.cov(places.T))
    along = (places - middle) @ vectors[:, -1]
    half = max(0.5 * float(np.ptp(along)) + 0.5 - radius, 0.25)
    return middle + np.array([[-half], [half]]) * vectors[:, -1], np.array([radius]), False
