"""Where the cells of each stage of the tree stand still, given what they feel.

Each stage has a stationary density n that balances arrivals, its own events and random hops,

    −∇·(D f ∇(n/f)) + k n = inflow,       k = r (1 − b σ p) + entry into the emergency chain;

what leaves it arrives at the next.
"""

import numpy as np

from marrow_niche.kernels import resting as kernel
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.transport.steady import solve_compact

SHORT, SWEEPS = 0.75, 2
"""Where a sweep leaves less than the first of an error, as it does where cells are gone before they come far, densities are
swept, so many times at most: the next round goes on from there."""


def alike(row, other, tree):
    """True when the cells of two stages fare alike under the same signals: the stages of one chain."""
    fate = [tree.rate, tree.rate_limit, tree.rate_response, tree.daughters, tree.survival, tree.survival_response]
    fate += [tree.renewal, tree.renewal_limit, tree.renewal_response, tree.burst_rate]
    return all(np.array_equal(part[row], part[other]) for part in fate)


def wandering(inflow, loss, mean_loss, density, spare, model, rtol):
    """Stationary density (n,) of cells that wander and are lost, from a guess, `density`, which is written, as is `spare`.

    Where cells are gone before they come far, at their `mean_loss` [1/h], a few sweeps tell it; else multigrid.
    """
    lattice, link = model.lattice, model.hop_number * model.hop_rounds / model.niche_step
    if 6 * link / (6 * link + mean_loss) < SHORT:
        for _ in range(SWEEPS):
            moved, size = kernel.wander(
                model.domain.neighbour, model.geometry.extravascular, link, loss, inflow, density, spare
            )
            density, spare = spare, density
            if np.sqrt(moved) <= rtol * np.sqrt(size):
                break
        return density, spare
    answer = solve_compact(
        model.domain,
        inflow,
        diffusivity=link * lattice.spacing**2,
        loss=loss,
        spacing=lattice.spacing,
        guess=density if density.any() else None,
        rtol=rtol,
    )
    return answer.concentration.reshape(-1), spare


def densities(logs, inflow, expected, from_burst, model, rtol=1e-4):
    """Stationary stored cells of every stage and what leaves, given what is felt; one pass down the tree.

    `logs` (n_signal, n) of what is felt (`coupling.voxel_signals`); `inflow` {row: (n,) real cells/h}; `expected` (n_stage, n)
    float32 are where the solver starts, and are written; `from_burst` {row: (n,)} what the emergency chain gave last time.
    Returns output (n_exit,) [cells/h] and the new `from_burst`.
    """
    tree, f, n = model.tree, model.geometry.extravascular, model.n
    n_stage = len(tree.rate)
    arriving = {row: flow.copy() for row, flow in inflow.items()}
    for row, flow in from_burst.items():
        arriving[row] = arriving.get(row, 0.0) + flow
    output, burst_out = np.zeros(len(EXITS)), dict[int, np.ndarray]()
    first_burst = tree.first["burst"]
    known, mean_loss = -1, 0.0
    density, spare, cells, loss, gone, hurry = np.zeros((6, n))
    for row in range(n_stage):
        flow = arriving.pop(row, None)
        if flow is None or not flow.any():
            if expected[row].any():
                expected[row] = 0.0
            continue
        if known < 0 or not alike(row, known, tree):
            mean_loss = kernel.fates(
                logs,
                f,
                tree.rate[row],
                tree.rate_limit[row],
                tree.rate_response[row],
                tree.daughters[row],
                tree.renewal[row],
                tree.renewal_limit[row],
                tree.renewal_response[row],
                tree.survival[row],
                tree.survival_response[row],
                tree.burst_rate[row],
                tree.burst_signal[row],
                tree.burst_threshold,
                tree.burst_half,
                loss,
                gone,
                hurry,
            )
            known = row
        kernel.per_space(expected[row], model.weight[row], f, density)
        density, spare = wandering(flow, loss, mean_loss, density, spare, model, rtol)
        kernel.leaving(density, f, gone, model.weight[row], cells, expected[row])
        ways = np.flatnonzero(tree.target[row] >= 0)
        parts = np.empty((len(ways), n))
        kernel.parted(logs, density, tree.share[row, ways], tree.share_response[row, ways], parts)
        for t, part in zip(tree.target[row, ways], parts):
            if t >= n_stage:
                output[t - n_stage] += part.sum()
            elif row >= first_burst and t < first_burst:
                burst_out[t] = burst_out.get(t, 0.0) + part
            else:
                arriving[t] = arriving[t] + part if t in arriving else part
        if tree.burst_rate[row] > 0.0:
            t = tree.burst_target[row]
            arriving[t] = arriving.get(t, 0.0) + hurry * cells
    return output, burst_out
