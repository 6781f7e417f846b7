"""The ledger keeps what was written and what is used, and makes the bibliography."""

import json

import pytest

from marrow_niche.quantities.ledger import DEFAULT, Ledger


@pytest.fixture
def ledger():
    ledger = Ledger()
    for path, source in [
        ("cytokines.SCF.diffusivity", "estimate"),
        ("stem_cells.number", "Morcos 2022, Nat Commun 13:4504"),
        ("blood.volume", "Adams 1999; Morcos 2022, Nat Commun 13:4504"),
        ("lineages.MPP.survival", DEFAULT),
    ]:
        ledger.add(path=path, value=1, unit="um^2/s", canonical=3600.0, canonical_unit="um^2/h", source=source)
    return ledger


def test_each_reference_knows_what_it_gave(ledger):
    assert ledger.references() == {
        "Adams 1999": ["blood.volume"],
        "Morcos 2022, Nat Commun 13:4504": ["stem_cells.number", "blood.volume"],
    }


def test_estimates_and_defaults_are_told_apart_from_references(ledger):
    assert ledger.unmeasured() == {"estimate": ["cytokines.SCF.diffusivity"], DEFAULT: ["lineages.MPP.survival"]}


def test_cite_names_the_package_each_reference_once_and_the_estimates(ledger):
    text = ledger.cite("1.2.3")
    assert "version 1.2.3" in text
    assert text.count("Morcos 2022") == 1
    assert "  estimate (1)\n      1 in cytokines\n" in text


def test_it_survives_json(ledger):
    again = Ledger.from_plain(json.loads(json.dumps(ledger.plain())))
    assert again == ledger
    assert again["blood.volume"].canonical == 3600.0


def test_an_unknown_path_is_a_key_error(ledger):
    with pytest.raises(KeyError):
        ledger["blood.colour"]
