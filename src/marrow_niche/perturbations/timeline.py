"""The experimenter's timeline: what falls due in the coming hour is done to the state at its beginning."""

from marrow_niche.marrow import damage
from marrow_niche.perturbations import radiation

BLOW = 0.1
"""Gy within an hour from which on the marrow is another one at once."""


def apply_due(state, model):
    """Do to `state` what falls in the hour that begins now; True when the marrow is another one after it, and what was known
    of its fields is of the past. A dose spread over weeks works as slowly as cells do."""
    hour = state.hour
    linear, quadratic = damage.advance(
        state.damage, model.exposures, hour, hour + 1, model.species.radiation.repair_half_time
    )
    if linear > 0:
        radiation.expose(state, model, linear, quadratic, hour)
    return linear >= BLOW
