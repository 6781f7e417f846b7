"""Blood flow through a vessel graph: which sinusoids the blood passes, and how much of it.

Each tube resists as a straight pipe does; nothing is stored at nodes. Blood is of one viscosity, cells and walls are left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee
from scipy.sparse.linalg import LinearOperator, cg, spilu, splu

from marrow_niche.errors import NumericsError
from marrow_niche.geometry.circulation import Network, ends, make_network
from marrow_niche.geometry.vessels import SINUSOID, Vessels

__all__ = ["Flow", "blood_flow", "ends", "share_perfused", "solve_flow"]

SHORTEST = 1e-3
"""A shorter tube resists as one of this length [um]."""
CARRIES = 1e-6
"""A tube is perfused if it carries more than this share of the median of those that carry any."""
DIRECT_BELOW = 3000
"""Up to so many unknown pressures are found by elimination, more by conjugate gradients."""
RESIDUE = 1e-12
"""Where conjugate gradients stop, as a share of the right-hand side."""
STEPS = 150
"""They stop after so many steps too."""
ROUGH = (1e-4, 20.0), (1e-6, 60.0)
"""What an incomplete factorisation drops and how far it may fill; the second if the first does not do."""
ROUNDING = 1e-12
"""A drop in pressure of no more than this is none, as along a loop that hangs on one node."""
BALANCE = 1e-9
"""What comes to a node less what goes, as a share of all blood that enters, is below this, or below what float64 can tell."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Steady flow through the tubes of a graph."""

    pressure: np.ndarray
    """(m,) float64, from 0 (outlets) to 1 (inlets), a share of the drop. NaN where no path leads to an inlet or an outlet."""
    flow: np.ndarray
    """(e,) float64, positive from edges[:, 0] to edges[:, 1] [um^3 x drop in pressure / viscosity].

    A drop of dp [Pa] and a viscosity of mu [Pa s] make it flow * dp / mu [um^3/s].
    """
    perfused: np.ndarray
    """(e,) bool: the tube carries more than `CARRIES` of the median flow of those that carry any (`ROUNDING` is none)."""


def solve_flow(vessels: Vessels, *, inlets: np.ndarray, outlets: np.ndarray) -> Flow:
    """Pressures and flows between nodes held at pressure 1 and nodes held at 0.

    A tube of radius r and length L conducts pi r^4 / (8 L), and what comes to any other node leaves it again. What hangs on an
    inlet or an outlet alone stands at its pressure and carries nothing; nor does a tube between two inlets or two outlets. Dead
    ends carry exactly nothing.

    Parameters
    ----------
    vessels : Vessels
    inlets, outlets : (i,), (o,) int
        Nodes, no node in both. Either may be empty: nothing flows.

    Raises
    ------
    ValueError
        A node that does not exist, or one in both lists.
    NumericsError
        The flow does not balance: conductances differ by too much.

    References
    ----------
    Pries et al., Blood flow in microvascular networks: experiments and simulation, Circulation Research 1990.
    """
    number = len(vessels.nodes)
    inlets, outlets = (_nodes(these, number, name) for these, name in ((inlets, "inlets"), (outlets, "outlets")))
    if np.intersect1d(inlets, outlets).size:
        raise ValueError("inlets and outlets share a node; its pressure cannot be both 1 and 0.")
    conductance = np.pi * vessels.radius**4 / (8.0 * np.maximum(vessels.length, SHORTEST))
    first, second = vessels.edges.T
    held = np.zeros(number, bool)
    held[inlets] = held[outlets] = True
    pressure, moving = _at_rest(vessels.edges, held, inlets, outlets)
    free = np.flatnonzero(moving)
    if free.size:
        pressure[free] = _balance(vessels.edges, conductance, held, moving, pressure)
    drop = pressure[first] - pressure[second]
    flow = np.where(np.isnan(drop) | ~_through(vessels.edges, held), 0.0, conductance * drop)
    size = np.abs(flow)
    carries = (size > 0.0) & (np.abs(drop) > ROUNDING)
    perfused = carries & (size > (CARRIES * np.median(size[carries]) if carries.any() else 0.0))
    return Flow(pressure=pressure, flow=flow, perfused=perfused)


def share_perfused(vessels: Vessels, flow: Flow) -> float:
    """Share of the sinusoids that are perfused, by number of segments; NaN if there is none.

    `flow` may be that of a network made from `vessels`, whose passages come last and do not count.
    """
    sinusoid = np.flatnonzero(vessels.kind == SINUSOID)
    return float(flow.perfused[sinusoid].mean()) if sinusoid.size else float("nan")


def blood_flow(vessels: Vessels, *, depth: np.ndarray | None = None) -> tuple[Network, Flow]:
    """The flow from the arterial roots, through arterioles, sinusoids and the vein, to the ends of the vein.

    Trunks that go on beyond a cut carry nothing, so what enters at the roots is what the sinusoids of the piece receive.

    Parameters
    ----------
    vessels : Vessels
    depth : (m,) float64, optional
        Of each node within the endosteum [um]; needed where there is no vein (`circulation.make_network`).

    Returns
    -------
    network : Network
        Its tubes are those of `vessels` and after them the passages between arteries, plexus and vein.
    flow : Flow
        Over the tubes of the network.
    """
    network = make_network(vessels, depth=depth)
    return network, solve_flow(network.vessels, inlets=network.inlets, outlets=network.outlets)


def _nodes(these: np.ndarray, number: int, name: str) -> np.ndarray:
    out = np.unique(np.asarray(these, np.int64))
    if out.size and (out[0] < 0 or out[-1] >= number):
        raise ValueError(f"{name}: expected nodes from 0 to {number - 1}, found {out[0]} to {out[-1]}.")
    return out


def _at_rest(
    edges: np.ndarray, held: np.ndarray, inlets: np.ndarray, outlets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pressures (m,) as far as they need no solution, and the nodes (m,) that do: in a part beside inlets and outlets."""
    number = len(held)
    inner = edges[~held[edges].any(axis=1)]
    _, part = connected_components(coo_array((np.ones(len(inner)), inner.T), shape=(number, number)), directed=False)
    beside = np.zeros((2, number), bool)
    for which, these in enumerate((inlets, outlets)):
        at = np.zeros(number, bool)
        at[these] = True
        for one, other in ((0, 1), (1, 0)):
            beside[which, part[edges[at[edges[:, one]], other]]] = True
    enters, leaves = beside[:, part] & ~held
    pressure = np.full(number, np.nan)
    pressure[enters & ~leaves] = 1.0
    pressure[leaves & ~enters] = 0.0
    pressure[inlets], pressure[outlets] = 1.0, 0.0
    return pressure, enters & leaves


def _through(edges: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Tubes (e,) that are left when those that end at a free node are cut off until none does."""
    left = np.arange(len(edges))
    while left.size:
        degree = np.bincount(edges[left].reshape(-1), minlength=len(held))
        kept = ((degree > 1) | held)[edges[left]].all(axis=1)
        if kept.all():
            break
        left = left[kept]
    out = np.zeros(len(edges), bool)
    out[left] = True
    return out


def _balance(
    edges: np.ndarray, conductance: np.ndarray, held: np.ndarray, moving: np.ndarray, pressure: np.ndarray
) -> np.ndarray:
    """Pressures of the moving nodes, given those of the held ones."""
    free = np.flatnonzero(moving)
    row = np.full(len(held), -1)
    row[free] = np.arange(free.size)
    near = moving[edges].any(axis=1) & (edges[:, 0] != edges[:, 1])
    first, second = edges[near].T
    g = conductance[near]
    diagonal = np.bincount(np.concatenate([first, second]), np.concatenate([g, g]), len(held))[free]
    inner = moving[first] & moving[second]
    i, j, between = row[first[inner]], row[second[inner]], -g[inner]
    every = np.arange(free.size)
    matrix = csr_array(
        coo_array(
            (
                np.concatenate([diagonal, between, between]),
                (np.concatenate([every, i, j]), np.concatenate([every, j, i])),
            ),
            shape=(free.size,) * 2,
        )
    )
    known = np.where(held, pressure, 0.0)
    push = np.zeros(free.size)
    for one, other in ((first, second), (second, first)):
        at = moving[one] & held[other]
        push += np.bincount(row[one[at]], g[at] * known[other[at]], free.size)
    x = _solve(matrix, push)
    # Inlets stand at 1 and outlets at 0, so `push` is also what each node conducts to inlets.
    allowed = BALANCE * float(push @ (1.0 - x)) + 8.0 * np.finfo(float).eps * diagonal
    if not (np.abs(push - matrix @ x) <= allowed).all():
        raise NumericsError("blood flow: the flow does not balance; the conductances of the vessels differ too much.")
    return x


def _solve(matrix: csr_array, push: np.ndarray) -> np.ndarray:
    """x with matrix x = push, for the symmetric positive definite matrix (n, n) of a graph.

    Small systems by elimination. In large ones most nodes with two neighbours are eliminated, and what remains is solved by
    conjugate gradients after an incomplete factorisation.
    """
    if matrix.shape[0] <= DIRECT_BELOW:
        factors: Any = splu(
            matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        x = factors.solve(push)
        return x + factors.solve(push - matrix @ x)
    steps = []
    small, load = matrix, push
    for _ in range(2):
        out = _passed_through(small)
        if out.all() or not out.any():
            break
        kept = small[~out]
        across, diagonal = csr_array(kept[:, out]), small.diagonal()[out]
        steps.append((out, across, diagonal, load))
        small = csr_array(kept[:, ~out] - across @ diags_array(1.0 / diagonal) @ across.T)
        load = load[~out] - across @ (load[out] / diagonal)
    x = _iterate(small, load)
    for out, across, diagonal, before in reversed(steps):
        wider = np.empty(len(out))
        wider[~out] = x
        wider[out] = (before[out] - across.T @ x) / diagonal
        x = wider
    return x


def _passed_through(matrix: csr_array) -> np.ndarray:
    """Nodes (n,) with at most two neighbours, no two of them neighbours: of several in a row, those of higher number."""
    few = np.diff(matrix.indptr) <= 3
    pairs = matrix.tocoo()
    rank = np.where(few, np.arange(len(few)), -1)
    rival = np.full(len(few), -1)
    apart = pairs.row != pairs.col
    np.maximum.at(rival, pairs.row[apart], rank[pairs.col[apart]])
    return few & (rank > rival)


def _iterate(matrix: csr_array, push: np.ndarray) -> np.ndarray:
    order = reverse_cuthill_mckee(matrix, symmetric_mode=True)
    matrix = csr_array(matrix[order][:, order])
    scale = 1.0 / np.sqrt(matrix.diagonal())
    matrix = csr_array(diags_array(scale) @ matrix @ diags_array(scale))
    right = scale * push[order]
    for dropped, fill in ROUGH:
        rough: Any = spilu(
            matrix.tocsc(), drop_tol=dropped, fill_factor=fill,
            permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True},
        )  # fmt: skip
        # The factors are not quite each other's transpose; the mean of both orders is symmetric, as conjugate gradients ask.
        guess = LinearOperator(matrix.shape, lambda r, rough=rough: 0.5 * (rough.solve(r) + rough.solve(r, "T")))
        x, told = cg(matrix, right, rtol=RESIDUE, atol=0.0, maxiter=STEPS, M=guess)
        if told == 0:
            break
    out = np.empty(len(x))
    out[order] = scale * x
    return out
