"""References made anew: how those of the species files were made."""

import dataclasses

import numpy as np

from marrow_niche import coupling
from marrow_niche.resting import places


def made_anew(state, expected, model):
    """The model with every reference at what its target cells feel now.

    Three follow from what stem cells do, since their answers are curved: TGF-beta's is where the mean stem cell divides at
    the species' rate, those of contact SCF where stem cells, and the tip, gain what they lose.
    """
    species = model.species

    def mean_at(row, values):
        weight = expected[row].astype(float)
        return float((weight * values).sum() / weight.sum())

    here = state.stem.voxel
    cytokines = {}
    for k, (name, c) in enumerate(species.cytokines.items()):
        target = {"SCF": "CMP", "GCSF": "GMP", "IL7": "proB"}.get(name)
        value = (
            float(state.fields[k][here].mean())
            if target is None
            else mean_at(model.tree.first[target], state.fields[k])
        )
        cytokines[name] = dataclasses.replace(c, reference=value)
    trial = dataclasses.replace(model, species=dataclasses.replace(species, cytokines=cytokines))
    felt, stem, tip = coupling.stem_signals(state, trial), species.stem_cells, state.stem.tip

    def answers(touch, of_tip, quiet):
        there = felt | {"membrane_scf": felt["membrane_scf"] / np.where(tip, of_tip, touch), "tgf": felt["tgf"] / quiet}
        did = places.doing(there, tip, stem.numbers, trial)
        weight = places.half_way(did, tip, places.spell(trial))
        return (weight * did.division)[~tip].mean() - stem.division, places.growth(did, tip, weight)

    touch = of_tip = quiet = 1.0
    for _ in range(5):
        quiet = _bisect(lambda q, t=touch, o=of_tip: answers(t, o, q)[0])
        of_tip = _bisect(lambda o, t=touch, q=quiet: -answers(t, o, q)[1][1])
        touch = _bisect(lambda t, o=of_tip, q=quiet: -answers(t, o, q)[1][0])
    cytokines["TGFb"] = dataclasses.replace(cytokines["TGFb"], reference=cytokines["TGFb"].reference * quiet)
    stem = dataclasses.replace(
        stem,
        membrane_reference=stem.membrane_reference * touch,
        tip_membrane_reference=stem.tip_membrane_reference * of_tip,
    )
    return dataclasses.replace(model, species=dataclasses.replace(species, cytokines=cytokines, stem_cells=stem))


def _bisect(rises):
    """The factor in 1/30 to 30 at which the rising function `rises` is zero."""
    low, high = 1 / 30, 30.0
    for _ in range(30):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if rises(middle) > 0 else (middle, high)
    return np.sqrt(low * high)
