"""From a scenario to a run: build the model and its resting state, step it, write it down."""

from marrow_niche.simulation.assembly import build
from marrow_niche.simulation.preview import describe
from marrow_niche.simulation.run import resume, simulate
from marrow_niche.simulation.step import advance

__all__ = ["advance", "build", "describe", "resume", "simulate"]
