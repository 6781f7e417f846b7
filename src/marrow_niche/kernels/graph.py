"""Vessel graphs: pruned, clumped, and the load carried down a tree."""

import numpy as np
from numba import njit


@njit(cache=True)
def prune(edges, order, counted, degree):
    """Which edges remain when they are removed in a given order until the mean degree is reached, without dead ends.

    An edge goes only if both its ends keep two others.

    Parameters
    ----------
    edges : (e, 2) int64
    order : (e,) int64
        The order in which edges are tried.
    counted : (m,) bool
        Nodes over which the mean is taken, those without edges left out.
    degree : float
        Wanted mean number of edges at a node.

    Returns
    -------
    (e,) bool
    """
    count = np.zeros(counted.size, np.int64)
    for e in range(edges.shape[0]):
        count[edges[e, 0]] += 1
        count[edges[e, 1]] += 1
    surplus = 0.0
    for v in range(counted.size):
        if counted[v] and count[v] > 0:
            surplus += count[v] - degree
    kept = np.ones(edges.shape[0], np.bool_)
    for e in order:
        if surplus <= 0.0:
            break
        u, v = edges[e, 0], edges[e, 1]
        if count[u] > 2 and count[v] > 2:
            kept[e] = False
            count[u] -= 1
            count[v] -= 1
            surplus -= int(counted[u]) + int(counted[v])
    return kept


@njit(cache=True)
def clump(nodes, pairs, width):
    """Join pairs of nodes, first come first served, unless the box around the joined group were wider than `width`.

    Parameters
    ----------
    nodes : (m, 3) float64
        [um].
    pairs : (k, 2) int64
    width : float
        [um].

    Returns
    -------
    (m,) int64
        A representative of each node's group.
    """
    parent = np.arange(nodes.shape[0])
    low, high = nodes.copy(), nodes.copy()
    for p in range(pairs.shape[0]):
        u, v = pairs[p, 0], pairs[p, 1]
        while parent[u] != u:
            parent[u] = parent[parent[u]]
            u = parent[u]
        while parent[v] != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        if u == v:
            continue
        fits = True
        for d in range(3):
            fits = fits and max(high[u, d], high[v, d]) - min(low[u, d], low[v, d]) <= width
        if fits:
            parent[v] = u
            for d in range(3):
                low[u, d], high[u, d] = min(low[u, d], low[v, d]), max(high[u, d], high[v, d])
    for u in range(parent.size):
        root = u
        while parent[root] != root:
            root = parent[root]
        parent[u] = root
    return parent


@njit(cache=True)
def carry_down(order, before, load):
    """Add to each node of a tree the load of all nodes beyond it.

    Parameters
    ----------
    order : (m,) int64
        Nodes, the farthest from the root first.
    before : (m,) int64
        Parent of each node, negative at the root and where no path leads.
    load : (m,) float64, written
    """
    for node in order:
        if before[node] >= 0:
            load[before[node]] += load[node]
