"""Where blood enters, crosses over and leaves: arteries, sinusoids and the vein made one network.

The arterial tree, the plexus and the vein of a made marrow share no nodes. Blood passes from each arterial tip to the nearest
sinusoid, and from sinusoids that touch the vein into it; here these passages become tubes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.near import boxed
from marrow_niche.geometry.sets import distinct, without
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels

TOUCHES = 25.0
"""A sinusoid node this near to the wall of the vein, or nearer, opens into it [um]."""
DEEPEST = 0.05
"""Without a vein, blood leaves through this share of the sinusoid nodes, the deepest in the marrow."""
TRUNK = 2.0
"""An arterial end this many times as wide as the middling one is where an artery enters or leaves the piece, not a tip."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Vessels with their passages, and where blood comes from and goes to."""

    vessels: Vessels
    """The tubes as they were given, in their order, and after them the passages."""
    given: int
    """Number of tubes that are no passages."""
    inlets: np.ndarray
    """(i,) int64 roots of the arterial trees."""
    outlets: np.ndarray
    """(o,) int64 ends of the vein; without a vein the deepest sinusoid nodes."""


def make_network(vessels: Vessels, *, depth: np.ndarray | None = None) -> Network:
    """One network from the arterial roots to the ends of the vein.

    A passage joins each arterial tip that is no sinusoid node to the nearest sinusoid node that does not open into the vein,
    as wide as the tip's tube. Where plexus and vein share no node, others join each sinusoid node within `TOUCHES` of the
    vein's wall to the nearest node of the vein, as wide as the sinusoids there on average.

    Parameters
    ----------
    vessels : Vessels
    depth : (m,) float64, optional
        Of each node within the endosteum [um]; needed where there is no vein.

    Raises
    ------
    GeometryError
        There are no sinusoids, no arterial tips apart from the vein, or neither a vein nor a depth.
    """
    plexus = _plexus(vessels)
    mouths = _mouths(vessels, plexus, depth)
    roots, tips, width = _arterial_ends(vessels)
    _, inside = _entries(vessels, plexus, mouths, tips)
    apart = ~np.isin(tips, plexus)
    feeding = np.stack([tips[apart], inside[apart]], axis=1)
    vein = distinct(vessels.edges[vessels.kind == VEIN]).astype(np.int64)
    draining, wide, outlets = np.empty((0, 2), np.int64), np.empty(0), mouths
    if vein.size:
        if not np.isin(plexus, vein).any():
            draining, wide = _into_vein(vessels, mouths, vein)
        outlets = _ends_of(vessels.edges[vessels.kind == VEIN], vein)
    passages = np.concatenate([feeding, draining])
    return Network(
        vessels=Vessels(
            nodes=vessels.nodes,
            edges=np.concatenate([vessels.edges, passages.astype(np.int32)]),
            radius=np.concatenate([vessels.radius, width[apart], wide]),
            kind=np.concatenate([vessels.kind, np.full(len(passages), SINUSOID, np.uint8)]),
            type_h=np.concatenate([vessels.type_h, np.zeros(len(passages), bool)]),
        ),
        given=len(vessels.edges),
        inlets=without(roots, outlets),
        outlets=outlets,
    )


def ends(vessels: Vessels, *, depth: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Sinusoid nodes through which blood enters and leaves the plexus, for a flow through the plexus alone.

    Blood enters at the sinusoid node nearest to each arterial tip, and leaves where sinusoids come within `TOUCHES` of the
    vein's wall. No tips are the root of an arterial tree (the end that all its tubes lead away from, or else the widest),
    and any end more than `TRUNK` times as wide as the median end, where an artery goes on beyond a cut.

    Parameters
    ----------
    vessels : Vessels
    depth : (m,) float64, optional
        Of each node within the endosteum [um]. Without a vein, blood leaves through the `DEEPEST` share of sinusoid nodes.

    Returns
    -------
    inlets, outlets : (i,), (o,) int64
        Ascending, no node in both: an inlet beside the vein is an outlet only.

    Raises
    ------
    GeometryError
        There are no sinusoids, no arterial tips apart from the vein, or neither a vein nor a depth.
    """
    plexus = _plexus(vessels)
    mouths = _mouths(vessels, plexus, depth)
    nearest, _ = _entries(vessels, plexus, mouths, _arterial_ends(vessels)[1])
    return without(nearest, mouths), mouths


def _plexus(vessels: Vessels) -> np.ndarray:
    """Nodes of sinusoids (p,), ascending."""
    plexus = distinct(vessels.edges[vessels.kind == SINUSOID]).astype(np.int64)
    if plexus.size == 0:
        raise GeometryError("blood flow: there are no sinusoids here. Give a larger piece of the bone.")
    return plexus


def _mouths(vessels: Vessels, plexus: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """Sinusoid nodes where blood leaves the plexus."""
    vein = vessels.kind == VEIN
    if vein.any():
        axis = boxed(vessels.a[vein], vessels.b[vein], vessels.radius[vein], cell=100.0, margin=TOUCHES)
        touching = axis.hold(vessels.nodes[plexus], margin=TOUCHES)
        if not touching.any():
            raise GeometryError(
                "blood flow: no sinusoid reaches the vein, so the blood cannot leave. Give a larger piece."
            )
        return plexus[touching]
    if depth is None:
        raise GeometryError(
            "blood flow: there is no vein here (the piece is too short or too narrow, or the bone not elongated), "
            "and the depth of the vessels in the marrow was not given, so it is not known where the blood leaves."
        )
    number = max(round(DEEPEST * plexus.size), 1)
    return np.sort(plexus[np.argsort(-depth[plexus], kind="stable")[:number]])


def _entries(
    vessels: Vessels, plexus: np.ndarray, mouths: np.ndarray, tips: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each arterial tip (t,) the nearest sinusoid node, and the nearest that is no mouth."""
    away = without(plexus, mouths)
    nearest = plexus[cKDTree(vessels.nodes[plexus]).query(vessels.nodes[tips])[1]] if tips.size else tips
    if away.size == 0 or np.isin(nearest, mouths).all():
        raise GeometryError(
            "blood flow: no arteriole ends in the plexus, so no blood enters. Give a larger piece of the bone."
        )
    return nearest, away[cKDTree(vessels.nodes[away]).query(vessels.nodes[tips])[1]]


def _into_vein(vessels: Vessels, mouths: np.ndarray, vein: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Passages (k, 2) from mouths to the nearest nodes of the vein, and their radii (k,) [um]."""
    mine = vessels.kind == SINUSOID
    at, radius = vessels.edges[mine].reshape(-1), np.repeat(vessels.radius[mine], 2)
    number = np.bincount(at, minlength=len(vessels.nodes))[mouths]
    wide = np.bincount(at, radius, minlength=len(vessels.nodes))[mouths] / number
    return np.stack([mouths, vein[cKDTree(vessels.nodes[vein]).query(vessels.nodes[mouths])[1]]], axis=1), wide


def _ends_of(edges: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Those nodes at which one edge ends; all of them if there is none, as in a ring."""
    loose = nodes[np.bincount(edges.reshape(-1))[nodes] == 1]
    return loose if loose.size else nodes


def _arterial_ends(vessels: Vessels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Roots of the arterial trees (r,), their tips (t,) and the radius of the tube that ends at each (t,) [um].

    The root of a tree is the one node that its tubes lead away from; if they do not say so, its widest end, and if several
    are as wide, one that its tube leads away from.
    """
    these = vessels.kind == ARTERIOLE
    edges, radius = vessels.edges[these].astype(np.int64), vessels.radius[these]
    if len(edges) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    number = len(vessels.nodes)
    degree = np.bincount(edges.reshape(-1), minlength=number)
    tube, side = np.nonzero(degree[edges] == 1)
    tips, width = edges[tube, side], radius[tube]
    _, part = connected_components(coo_array((np.ones(len(edges)), edges.T), shape=(number, number)), directed=False)
    source = np.flatnonzero((degree > 0) & (np.bincount(edges[:, 1], minlength=number) == 0))
    roots = []
    for tree in np.unique(part[edges[:, 0]]):
        first = source[part[source] == tree]
        mine = np.flatnonzero(part[tips] == tree)
        if first.size != 1 and mine.size:
            first = tips[mine[np.lexsort((side[mine] == 0, width[mine]))[-1:]]]
        roots.append(first[0] if first.size else edges[part[edges[:, 0]] == tree][0, 0])
    root = np.array(roots, np.int64)
    kept = ~np.isin(tips, root) & (width <= TRUNK * np.median(width) if tips.size else True)
    return root, tips[kept], width[kept]
