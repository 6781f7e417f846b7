"""Small trees of the package's own compartments, stepped by its own kernel, a replica in each voxel."""

import numpy as np

from marrow_niche.kernels import lineages as kernel
from marrow_niche.marrow.lineages import EXITS, SIGNALS, Burst, Compartment, grow

NO_BURST = Burst(doublings=1, transit=1.0, threshold=1.0, half=1.0, entry={}, into={"neutrophils": 1.0})
"""An emergency chain that nothing enters."""
AT_REST = np.ones(len(SIGNALS))


def tree_of(inflow=None, **lineages):
    """`marrow.lineages.grow` of these compartments, fed with `inflow` cells/h by compartment."""
    return grow(lineages, NO_BURST, inflow=inflow or {}, production={})


def chain(*, stages, rate, into=None, **more):
    """A chain of maturing stages that each lasts 1/`rate` [1/h]; it leaves the marrow unless told otherwise."""
    return Compartment(
        into=into or {"neutrophils": 1.0}, transit=stages / rate, stages=stages, divides=False, rate_limit=np.inf, **more
    )


def branching(birth, death):
    """A compartment of cells that are born and die at these rates [1/h], exactly: of two daughters each stays with p.

    Two stay at r p², one at 2 r p (1 − p), which changes nothing, none at r (1 − p)²: r p² = birth, r (1 − p)² = death.
    What leaves is the death. Returns (rate r, renewal p).
    """
    p = 1.0 / (1.0 + np.sqrt(death / birth))
    return birth / p**2, p


class Replicas:
    """A tree in `number` voxels that know nothing of each other, all at rest as to signals."""

    def __init__(self, tree, number, seed):
        self.tree, self.seed, self.step_number = tree, seed, 0
        self.counts = np.zeros((len(tree.rate), number), np.int32)
        everywhere = np.full(len(SIGNALS), kernel.SAME)
        self.felt = kernel.Felt(np.ones((1, number)), np.ones(number), everywhere, AT_REST, np.full(len(SIGNALS), kernel.LEAST))

    def step(self, dt, fresh=()):
        """One step of `kernels.lineages.advance` [h]; returns the cells that left by each exit (n_exit,), of all voxels."""
        t = self.tree
        left, _ = kernel.advance(
            self.counts, np.array(fresh, np.int64).reshape(-1, 3), self.felt, float(dt), np.ones(len(t.rate)), t.rate,
            t.rate_limit, t.rate_response, t.daughters, t.renewal, t.renewal_limit, t.renewal_response, t.survival,
            t.survival_response, t.target, t.share, t.share_response, t.burst_rate, t.burst_target,
            t.burst_signal, t.burst_threshold, t.burst_half, self.seed, self.step_number,
        )  # fmt: skip
        self.step_number += 1
        return np.concatenate([left, np.zeros(len(EXITS) - len(left))])

    def until(self, time, dt):
        """Steps of dt [h] over `time` [h]."""
        for _ in range(round(time / dt)):
            self.step(dt)
        return self
