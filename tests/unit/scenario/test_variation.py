"""Animals of one species: the same for the same seed, of the stated spread, with the mean of the species."""

import dataclasses
import math

import numpy as np
import pytest

from marrow_niche.marrow.damage import survival
from marrow_niche.scenario import variation
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.scenario.variation import MEAN, Variation

TABLES = {"species": "mouse", "duration": "1 d", "geometry": {"bone": "long bone", "voxel": "25 um"}}
SPREAD = Variation(radiosensitivity=0.05, delivered_dose=0.03, stem_cells=0.14, neutrophils=0.3, platelets=0.12, red_cells=0.04)


def test_a_seed_is_one_animal_and_another_seed_another():
    assert variation.draw(SPREAD, 5) == variation.draw(SPREAD, 5)
    assert variation.draw(SPREAD, 5) != variation.draw(SPREAD, 6)


def test_factors_have_mean_one_and_the_stated_spread_and_hang_not_together():
    drawn = np.array([dataclasses.astuple(variation.draw(SPREAD, seed)) for seed in range(4000)])
    assert drawn.min() > 0
    cv = np.array([getattr(SPREAD, f.name) for f in dataclasses.fields(variation.Animal)])
    assert np.abs(drawn.mean(axis=0) - 1).max() < 4 * 0.3 / math.sqrt(4000)
    assert drawn.std(axis=0) == pytest.approx(cv, rel=0.06)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(6)).max() < 0.07


def test_without_spread_all_are_the_mean():
    none = Variation(**dict.fromkeys((f.name for f in dataclasses.fields(Variation)), 0.0))
    assert variation.draw(none, 9) == MEAN
    species = scenario_from(TABLES).parameters
    assert variation.of(species, MEAN) == species
    assert variation.facts(MEAN) == {}


def test_sensitivity_scales_the_dose_of_every_cell():
    """What survives D in an animal twice as sensitive survives 2 D in the mean one."""
    species = scenario_from(TABLES).parameters
    tender = variation.of(species, dataclasses.replace(MEAN, radiosensitivity=2.0)).radiation
    usual = species.radiation
    kinds = [(usual.lineages[name], tender.lineages[name]) for name in usual.lineages]
    kinds += [(getattr(usual, name), getattr(tender, name)) for name in ("stem_cells", "stroma", "endothelium", "nk_cells")]
    for before, after in kinds:
        assert survival(after, 1.5, 1.5**2) == pytest.approx(survival(before, 3.0, 3.0**2))
    assert tender.straight_from == usual.straight_from / 2
    assert (tender.repair_half_time, tender.cycling_ratio) == (usual.repair_half_time, usual.cycling_ratio)


def test_numbers_and_counts_move_alone():
    species = scenario_from(TABLES).parameters
    other = variation.of(species, dataclasses.replace(MEAN, stem_cells=1.2, platelets=0.9))
    assert other.stem_cells.everyone == pytest.approx(1.2 * species.stem_cells.everyone)
    assert other.blood == dataclasses.replace(species.blood, platelets=0.9 * species.blood.platelets)
    assert other.radiation == species.radiation


def test_the_switch_is_off_unless_asked_for():
    assert not scenario_from(TABLES).switches.animals_differ
    assert scenario_from({**TABLES, "switches": {"animals_differ": True}}).switches.animals_differ
