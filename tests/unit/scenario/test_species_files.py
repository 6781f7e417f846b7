"""The data files that the package ships, and what is said of a species that has none."""

import re

import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.scenario.species_files import known_species, read_species

SPECIES = known_species()


def test_the_mouse_is_there():
    assert "mouse" in SPECIES


@pytest.mark.parametrize("species", SPECIES)
def test_a_species_reads_without_a_mistake_and_tells_its_sources(species):
    geometry = {"bone": "long bone", "voxel": "20 um"}
    scenario = scenario_from({"species": species, "duration": "1 d", "geometry": geometry})
    assert scenario.record.fields == tuple(scenario.parameters.cytokines)
    assert len(scenario.ledger) > 100
    assert len(scenario.ledger.references()) > 10
    assert len({entry.path for entry in scenario.ledger}) == len(scenario.ledger)
    # a reference says whose it is: a year, a number under which it is found, the label of a drug
    nobody = [text for text in scenario.ledger.references() if not re.search(r"\b(19|20)\d\d\b|PMID|PMC|doi|label|ICRP", text)]
    assert nobody == []


def test_a_species_without_a_file_is_told_those_that_have_one():
    with pytest.raises(ScenarioError, match=r"species: 'mosue' is not known\. Did you mean 'mouse'"):
        read_species("mosue")
    with pytest.raises(ScenarioError, match=r"species: '\.\./starter' is not known"):
        read_species("../starter")
