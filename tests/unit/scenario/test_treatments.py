"""How a scenario asks for hormones and bleedings, and what it is told when it asks wrongly."""

import lab
import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.perturbations.bleed import Bleed
from marrow_niche.perturbations.factor import Treatment
from marrow_niche.scenario.scenario import read_scenario

WRITTEN = """
species = "mouse"
duration = "10 d"
[geometry]
bone = "mouse femur"
voxel = "20 um"
[[events]]
kind = "factor"
factor = "GCSF"
dose = "125 ug/kg"
at = "1 d"
doses = 5
every = "1 d"
[[events]]
kind = "factor"
factor = "EPO"
dose = "75 IU"
route = "intravenous"
at = "0 d"
[[events]]
kind = "bleed"
fraction = "40 %"
at = "2 d"
"""


def test_a_file_asks_for_them(tmp_path):
    path = tmp_path / "treated.toml"
    path.write_text(WRITTEN)
    first, second, third = read_scenario(path).events
    assert first == Treatment(at=24.0, factor="GCSF", dose=pytest.approx(1.25e-4), doses=5, every=24.0)
    assert (second.dose, second.dose_unit, second.route) == (75.0, "IU", "intravenous")
    assert third == Bleed(at=48.0, fraction=0.4)


@pytest.mark.parametrize(
    ("said", "unit", "value"), [("5 ug/kg", "g/kg", 5e-6), ("300 ug", "g", 3e-4), ("150 IU/kg", "IU/kg", 150.0), ("3000 IU", "IU", 3000.0)]
)
def test_doses_are_said_by_body_mass_or_of_the_animal_in_mass_or_activity(said, unit, value):
    event = lab.scenario(events=[{"kind": "factor", "factor": "EPO", "at": "0 d", "dose": said}]).events[0]
    assert (event.dose, event.dose_unit) == (pytest.approx(value), unit)


def mistakes(*events):
    with pytest.raises(ScenarioError) as error:
        lab.scenario(events=list(events))
    return str(error.value)


GOOD = {"kind": "factor", "factor": "GCSF", "dose": "5 ug/kg", "at": "1 d"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"factor": "GCFS"}, "events[1].factor: 'GCFS' is not known. Did you mean 'GCSF'?"),
        ({"dose": "5"}, "events[1].dose: '5' is a number without a unit; write it like '5 ug/kg', '100 ug', '100 IU/kg' or '100 IU'."),
        ({"dose": 5}, "events[1].dose: 5 is a number without a unit; write it like"),
        ({"dose": "5 %"}, "events[1].dose: '5 %' is a plain number; write it like '5 ug/kg'"),
        ({"dose": "5 mL/kg"}, "events[1].dose: '5 mL/kg' is a volume by body mass; write it like"),
        ({"dose": "-5 ug/kg"}, "events[1].dose: '-5 ug/kg' is too low; the least allowed is 0 g/kg."),
        ({"dose": "5 MU/kg"}, "events[1].dose: 'MU' is not a unit known here."),
        ({"dose": "5 IU/kg"}, "events[1].dose: of GCSF no activity is known; write its mass, such as '5 ug/kg'."),
        ({"route": "oral"}, "events[1].route: 'oral' is not one of the choices."),
        ({"doses": 3}, "events[1].every: missing: 3 doses need the time from one to the next, such as '24 h'."),
        ({"every": "1 d"}, "events[1].every: one dose has no next one; leave it out, or say how many doses there are."),
        ({"doses": 0}, "events[1].doses: 0 is too low; the least is 1."),
        ({"doses": 2, "every": "0 h"}, "events[1].every: 0 h gives all doses at once; write one dose of their sum."),
        ({"at": "2 d", "doses": 60, "every": "1 d"}, "events[1]: ends at 61 d, after the end of the run"),
        ({"amount": "5 ug"}, "events[1].amount: Treatment has no such parameter."),
    ],
)
def test_each_mistake_is_told_with_the_cure(change, told):
    assert told in mistakes(GOOD | change)


def test_all_mistakes_are_told_at_once():
    text = mistakes(
        GOOD | {"factor": "romiplostin", "dose": "5 Gy", "doses": 2},
        {"kind": "bleed", "fraction": "140 %", "at": "2 d"},
        {"kind": "bleed", "at": "90 d", "fraction": "10 %"},
    )
    for told in ("events[1].factor: 'romiplostin' is not known. Did you mean 'romiplostim'?", "events[1].dose: '5 Gy' is a dose;",
                 "events[2].fraction: '140 %' is too high; the most allowed is 90 %.", "events[3].at: 90 d is not before the end of the run"):
        assert told in text


@pytest.mark.parametrize("kind", [["radiation"], {"of": "radiation"}, 5, None])
def test_an_event_whose_kind_is_no_text_is_told_and_hides_no_other_mistake(kind):
    """Each walk over the events passes it by: of what the species knows, of marked cells, of a label of mutants, of files."""
    events = [{"at": "0 d", "map": "dose.csv"} | ({} if kind is None else {"kind": kind}), {"kind": "label", "at": "1 h"}, 5]
    genes = {"genes.tpo": {"value": 0.5, "source": "estimate"}}
    with pytest.raises(ScenarioError) as error:
        lab.scenario(events=events, parameters=genes, organism={"rest": "unirradiated"})
    for told in ("events[1].kind: ", "events[2]: with rest", "events[2]: marked cells are of the wild type", "events[3]: 5 stands where"):
        assert told in str(error.value)


@pytest.mark.parametrize("species", ["mouse", "human"])
def test_what_a_species_knows_of_its_factors_hangs_together(species):
    """Each acts as a hormone there is; those that are the hormone itself fade as it does; every number has its source."""
    asked = lab.scenario(events=[GOOD])
    if species == "human":
        from marrow_niche.scenario.scenario import scenario_from

        asked = scenario_from({"title": "h", "species": "human", "duration": "5 d", "geometry": {"bone": "human iliac core", "voxel": "50 um"}})
    p, h = asked.parameters, asked.parameters.hormones
    assert {"GCSF", "EPO", "TPO", "romiplostim", "pegfilgrastim"} <= set(p.factors)
    for name, hormone in (("GCSF", "gcsf"), ("EPO", "epo"), ("TPO", "tpo")):
        f = p.factors[name]
        assert f.hormone == hormone and f.by_cells == 1.0
        alone = getattr(h, f"{hormone}_nonspecific") * getattr(h, f"{hormone}_clearance")
        assert 0.693 / f.half_life == pytest.approx(alone, rel=0.05), name
    entries = [e for e in asked.ledger.plain() if e["path"].startswith(("factors.", "iron.", "spleen."))]
    assert len(entries) > 40 and all(e["source"] for e in entries)
