"""The resting state of the lattice, and the mean-field twin of the tree that rests at the species' own numbers."""

from marrow_niche.resting.lattice import Rest, dwelling, find

__all__ = ["Rest", "dwelling", "find"]
