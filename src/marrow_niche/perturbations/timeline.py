"""The experimenter's timeline: what falls due in the coming hour is done to the state at its beginning."""

from marrow_niche.marrow import damage
from marrow_niche.perturbations import radiation


def apply_due(state, model):
    """Do to `state` what falls in the hour that begins now; True when anything was done."""
    hour = state.hour
    linear, quadratic = damage.advance(
        state.damage, model.exposures, hour, hour + 1, model.species.radiation.repair_half_time
    )
    if linear > 0:
        radiation.expose(state, model, linear, quadratic, hour)
    return linear > 0
