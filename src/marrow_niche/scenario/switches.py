"""Switches: mechanisms and hypotheses by name. Each can be turned off, and the run beside it with it on tells what it does."""

import dataclasses
from dataclasses import dataclass

from marrow_niche.quantities.parameters import entry


@dataclass(frozen=True, kw_only=True)
class Switches:
    """Mechanisms and hypotheses by name, true or false."""

    local_responses: bool = entry(
        "cells read the signals of their own place; false: those of the stirred marrow", default=True
    )
    contact_scf: bool = entry(
        "stem cells are held by SCF on membranes that they touch; false: by soluble SCF of their place", default=True
    )
    competition: bool = entry("primitive cells compete for membrane SCF; false: each has all of it", default=True)
    scf_wakes: bool = entry("soluble SCF wakes stem cells; false: it does not", default=True)
    tgf_quiescence: bool = entry("TGF-beta holds stem cells in G0; false: it does not", default=True)
    tpo_drive: bool = entry("excess TPO wakes stem cells and turns them to platelets; false: it does not", default=True)
    direct_platelets: bool = entry("stem cells give MkP directly; false: these daughters join MPP", default=True)
    emergency: bool = entry("free SCF calls early progenitors into fast doublings; false: it does not", default=True)
    cxcl12_retention: bool = entry("CXCL12 holds stem cells in marrow; false: egress is the same everywhere", default=True)
    niche_injury: bool = entry("empty marrow harms vessels and stroma; false: it does not", default=True)
    oxygen_effect: bool = entry("cells with little oxygen survive more radiation; false: as the others", default=True)
    fat_scf: bool = entry("fat marrow makes SCF; false: it does not", default=True)
    fat_vessels: bool = entry("fat marrow hinders the regrowth of sinusoids; false: it does not", default=True)
    animals_differ: bool = entry(
        "each seed is another animal: its sensitivity, dose, stem cells and counts vary; false: all are the mean", default=False
    )


def switched(species, switches):
    """The species with the numbers of what is switched off set to where it does nothing."""
    stem, stroma, cytokines = species.stem_cells, species.stroma, dict(species.cytokines)
    off = {name for name, on in dataclasses.asdict(switches).items() if not on}
    changes = {
        "competition": {"membrane_competition": 0.0},
        "scf_wakes": {"scf_wake": 0.0},
        "tgf_quiescence": {"tgf_quiescence": 0.0},
        "tpo_drive": {"tpo_drive": 0.0, "tpo_direct": 0.0},
        "direct_platelets": {"to_mpp": stem.to_mpp + stem.to_mkp, "to_mkp": 0.0},
        "cxcl12_retention": {"retention": 0.0},
    }
    for name in off & changes.keys():
        stem = dataclasses.replace(stem, **changes[name])
    if "niche_injury" in off:
        stroma = dataclasses.replace(stroma, vessel_injury=0.0, stroma_injury=0.0)
    if "fat_vessels" in off:
        stroma = dataclasses.replace(stroma, fat_on_vessels=0.0)
    if "fat_scf" in off:
        cytokines["SCF"] = dataclasses.replace(cytokines["SCF"], per_fat=0.0)
    lineages = species.lineages
    if "emergency" in off:
        lineages = {name: dataclasses.replace(c, burst=0.0) for name, c in lineages.items()}
    return dataclasses.replace(species, stem_cells=stem, stroma=stroma, cytokines=cytokines, lineages=lineages)
