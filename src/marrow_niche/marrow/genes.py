"""Genes: what a mutation multiplies. Wild type is one everywhere; a scenario sets one of these for what its disease lacks.

A mutation of the cell acts on the host's own cells and not on what is grafted; one of the niche acts on its stroma and walls
and not on grafted stroma; one of the liver on all. The run begins at the rest of the wild type, and the mutation works from
then on, as one that is induced in an adult.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.quantities.parameters import quantity

SURVIVAL = {"granulocyte_survival": ("GM",), "progenitor_survival": ("MPP", "HPC1")}
"""The compartments whose dividing cells each of these genes makes die."""
RECEPTORS = {"SCF": "kit", "TPO": "mpl", "EPO": "epor", "GCSF": "gcsfr", "IL7": "il7r"}
"""The gene behind what a cell makes of each signal."""


@dataclass(frozen=True, kw_only=True)
class Genes:
    """What is left of each function, over that of the wild type."""

    kit: float = quantity("", "signal of Kit, the receptor of SCF", low=0, default=1.0)
    mpl: float = quantity("", "Mpl, the receptor of TPO", low=0, default=1.0)
    epor: float = quantity("", "receptor of EPO", low=0, default=1.0)
    gcsfr: float = quantity("", "receptor of G-CSF", low=0, default=1.0)
    il7r: float = quantity("", "receptor of IL-7", low=0, default=1.0)
    membrane_scf: float = quantity("", "SCF held on the membranes of stroma and sinusoids", low=0, default=1.0)
    vegfr2: float = quantity("", "signal of VEGFR2, the receptor of VEGF-A, on sinusoids", low=0, high=1, default=1.0)
    tpo: float = quantity("", "production of TPO by the liver", low=0, default=1.0)
    granulocyte_survival: float = quantity("", "survival of a dividing granulocyte precursor", low=0, high=1, default=1.0)
    progenitor_survival: float = quantity("", "survival of a dividing MPP or HPC1", low=0, high=1, default=1.0)
    radiosensitivity: float = quantity("", "linear sensitivity of marrow cells to radiation", low=0, default=1.0)
    waking: float = quantity("", "rate at which stem cells leave G0", low=0, default=1.0)
    attrition: float = quantity("", "share of stem cells that die when they divide", low=0, high=1, default=0.0)


def gains(genes, lines):
    """(n_line, n_signal) what a cell of each line makes of each signal: the first by its genes, others as the wild type. Doomed
    cells count as wild type, they have a few days to live."""
    out = np.ones((lines, len(SIGNALS)))
    for signal, gene in RECEPTORS.items():
        out[0, SIGNALS.index(signal)] = getattr(genes, gene)
    return out


def uptake(receptor, genes, lines):
    """(n_line,) what a cell of each line takes up by `receptor`, over the wild type; None: by one that no gene here alters.

    Kit mutants bind SCF as the wild type does: what they lack is its signal, so SCF names no receptor.
    """
    out = np.ones(lines)
    if receptor is not None:
        out[0] = getattr(genes, receptor)
    return out


def mutated(tree, genes):
    """The tree with what the genes change in its first line beside its signals."""
    less = {name: getattr(genes, gene) for gene, names in SURVIVAL.items() for name in names if getattr(genes, gene) != 1.0}
    if not less:
        return tree
    survival = tree.survival.copy()
    for name, share in less.items():
        survival[tree.rows(name, 0)] *= share
    return dataclasses.replace(tree, survival=survival)
