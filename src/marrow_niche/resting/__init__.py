"""The resting state of the lattice, and the mean-field twin of the tree that rests at the species' own numbers."""

from marrow_niche.resting.lattice import Rest, find
from marrow_niche.resting.places import dwelling, sample_of

__all__ = ["Rest", "dwelling", "find", "sample_of"]
