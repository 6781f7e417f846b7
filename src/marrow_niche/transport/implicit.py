"""Unsplit implicit steps: each stage is solved as the steady state is, with more loss."""

import numpy as np

from marrow_niche.transport.domain import walled
from marrow_niche.transport.medium import Step
from marrow_niche.transport.steady import solve_compact

GAMMA = 1.0 - np.sqrt(0.5)


def backward_euler(medium):
    """(c' − c)/dt − ∇·D∇c' + (loss + exchange) c' = made(c) + exchange wall: first order, never negative."""

    def march(c, made):
        early = made(c)
        solution = _stage(medium, c, early, medium.dt, guess=c)
        new = solution.concentration
        return Step(
            concentration=new,
            residual=solution.residual,
            iterations=solution.iterations,
            scheme="backward_euler",
            repaired=np.zeros(solution.residual.size),
            budget=medium.budget(new, early, c, new),
        )

    return march


def second_order(medium):
    """Two implicit stages of γ dt, γ = 1 − 1/√2: second order and L-stable, at rest exactly where `solve_compact` is.

    With A the diffusion and loss, and f what is made (and enters), explicit where it depends on the concentrations:

        (1 + γ dt A) c₁ = c + γ dt f(c)
        (1 + γ dt A) c' = c − (1 − γ) dt A c₁ + dt [δ f(c) + (1 − δ) f(c₁)] ,   δ = 1 − 1/(2γ).

    A mode of rate λ is multiplied by (1 − (1 − 2γ) λ dt)/(1 + γ λ dt)², off by 0.040 (λ dt)³. L-stable schemes of two
    such stages have γ = 1 ∓ 1/√2, and the other one is off by 1.37 (λ dt)³; TR-BDF2 multiplies by the same factor, but
    its explicit first stage has no matching stage for a reaction; two half steps of backward Euler, extrapolated, take
    three solves with two matrices and are off by 0.17 (λ dt)³.

    **Negative values.** No linear scheme above first order keeps every start from going negative at every dt (Bolley &
    Crouzeix 1978). This one may where λ dt > 1/(1 − 2γ) = 2.4 for what is in the start: at a spike, or as all of it decays.
    Where a species would go negative though backward Euler would not (no voxel of c + dt (f + exchange wall) is below
    zero), its step is repaired: it is solved by backward Euler too, and in each voxel the result is taken between both,

        c' = b + θ (c₂ − b) ,  0 ≤ θ ≤ 1 ,

    first so that it is not negative; what this adds to a region is then taken, in proportion, from voxels in which the
    second order stands above backward Euler, so that each connected region holds what it held unrepaired. Where that
    does not suffice, as when all decays at once, the region takes backward Euler's step. A repaired step is of first
    order where it was repaired; on smooth fields that dt resolves none is. What is below zero by no more than `rtol` of
    what a region holds is the solver's own error: it is cut off and the region scaled. A reaction that takes more than
    there is makes both negative: that is not repaired. `Step.repaired` (S,) tells what would have been below zero, as part
    of what is above it.

    References
    ----------
    Alexander, SIAM J. Numer. Anal. 14, 1977, 1006-1021 (the implicit stages); Ascher, Ruuth & Spiteri, Appl. Numer.
    Math. 25, 1997, 151-167, section 2.6 (with an explicit part); Bolley & Crouzeix, RAIRO Anal. Numer. 12, 1978, 237-245.
    """
    delta = 1.0 - 0.5 / GAMMA
    part = GAMMA * medium.dt

    def march(c, made):
        early = made(c)
        first = _stage(medium, c, early, part, guess=c)
        climb = (first.concentration - c) / GAMMA
        late = made(first.concentration)
        mean = early + (1.0 - delta) / GAMMA * (late - early)
        second = _stage(medium, c + (1.0 - GAMMA) * climb, mean, part, guess=c + climb)
        new, repaired = _repair(medium, c, early, second.concentration)
        return Step(
            concentration=new,
            residual=np.maximum(first.residual, second.residual),
            iterations=first.iterations + second.iterations,
            scheme="second_order",
            repaired=repaired,
            budget=medium.budget(
                (1.0 - GAMMA) * first.concentration + GAMMA * second.concentration,
                delta * early + (1.0 - delta) * late,
                c,
                new,
            ),
        )

    return march


def _stage(medium, start, made, dt, guess, rows=slice(None)):
    """(c' − start)/dt + A c' = made + exchange wall."""
    return solve_compact(
        medium.domain,
        made + start / dt,
        diffusivity=medium.diffusivity[rows],
        loss=medium.loss[rows] + 1.0 / dt,
        spacing=medium.spacing,
        exchange=medium.exchange[rows],
        wall=medium.wall[rows],
        guess=guess,
        rtol=medium.rtol,
        max_iterations=medium.max_iterations,
    )


def _repair(medium, start, made, new):
    """`new` with the species repaired that went negative and need not have; and how much of each was below zero."""
    repaired = np.zeros(medium.species)
    least = (start + medium.dt * (made + medium.entering)).min(axis=1)
    rows = np.flatnonzero((new.min(axis=1) < 0.0) & (least >= 0.0))
    if rows.size == 0:
        return new, repaired
    new = new.copy()
    for s in rows:
        region = walled(medium.domain, medium.diffusivity[s] == 0.0).region  # what stands still stands alone
        above, below = _totals(new[s], region)
        repaired[s] = below.sum() / above.sum() if above.any() else 1.0
        if (below <= medium.rtol * above).all():
            new[s] = np.maximum(new[s], 0.0) * (1.0 - below / np.where(above > 0.0, above, 1.0))[region]
        else:
            row = slice(s, s + 1)
            low = _stage(medium, start[row], made[row], medium.dt, new[row].clip(0.0), row).concentration[0]
            new[s] = between(low, new[s], region)
    return new, repaired


def _totals(c, region):
    """What each region holds above zero, and what below it, both counted positive."""
    return np.bincount(region, weights=np.maximum(c, 0.0)), np.bincount(region, weights=np.maximum(-c, 0.0))


def between(low, high, region):
    """Between a field that is nowhere negative and another, nowhere negative, with the other's total in each region.

    Parameters
    ----------
    low : (n,) float64
        Nowhere negative.
    high : (n,) float64
    region : (n,) int
        The connected region of each voxel.

    Returns
    -------
    (n,) float64
        `low` in regions where no such field has the total of `high`.
    """
    apart = np.maximum(high, 0.0) - low
    _, added = _totals(high, region)
    spare, _ = _totals(apart, region)
    enough = spare > added
    keep = np.divide(spare - added, spare, out=np.zeros_like(spare), where=enough)
    moved = np.where(apart > 0.0, keep[region] * apart, apart)
    return low + np.where((enough | (added == 0.0))[region], moved, 0.0)
