"""The experimenter's timeline: what falls due in the coming hour is done to the state at its beginning."""

import numpy as np

from marrow_niche.marrow import damage
from marrow_niche.marrow.damage import Exposure
from marrow_niche.perturbations import radiation

BLOW = 0.1
"""Gy within an hour from which on the marrow is another one at once."""


def apply_due(state, model):
    """Do to `state` what falls in the hour that begins now; True when the marrow is another one after it, and what was known
    of its fields is of the past. A dose spread over weeks works as slowly as cells do.

    Events other than radiation are specs with `due(hour)` and `strike(state, model, turn)`, which tells whether it is; `turn`
    counts those of a kind that fall in the same hour, so that each has draws of its own.
    """
    hour = state.hour
    r, before = model.species.radiation, state.damage.dose
    linear, quadratic = damage.advance(
        state.damage, model.exposures, hour, hour + 1, r.repair_half_time, r.straight_from, model.patterns
    )
    if np.any(linear):
        radiation.expose(state, model, linear, quadratic, state.damage.dose - before)
    now = [event for event in model.events if event.due(hour)]
    turns = [sum(other.kind == event.kind for other in now[:k]) for k, event in enumerate(now)]
    struck = [event.strike(state, model, turn) for event, turn in zip(now, turns)]
    return bool(np.max(linear) >= BLOW) or any(struck)


def quiet(model, first, last):
    """Whether nothing befalls the marrow in the hours from `first` on and before `last`; no dose is nothing."""
    doses = [Exposure(*e) for e in model.exposures]
    dosed = any(e.begin < last and e.end >= first for e in doses if e.dose > 0)
    return not dosed and not any(event.due(hour) for event in model.events for hour in range(first, last))
