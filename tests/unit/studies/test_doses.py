"""Dose-responses: their file, their animals, what is told."""

import json
import math

import pytest
from tasks import SCENARIO

from marrow_niche.errors import StudyError
from marrow_niche.studies import doses, members

STUDY = """
scenario = "mouse.toml"
doses = ["9 Gy", "6 Gy", "7.5 Gy"]
seeds = 4
until = "30 d"
"""
ARM = """
[[arm]]
name = "bled"
[[arm.events]]
kind = "bleed"
at = "2 d"
fraction = "10 %"
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mouse.toml").write_text(SCENARIO)

    def write(text):
        (tmp_path / "study.toml").write_text(text)
        return tmp_path / "study.toml"

    return write


def test_each_arm_dose_and_seed_is_an_animal(study):
    found = doses.read_doses(study(STUDY + ARM))
    assert found.doses == (6.0, 7.5, 9.0)
    assert (found.arms, found.seeds) == ([doses.BARE, "bled"], [3, 4, 5, 6])
    assert len(found.members) == len({m.name for m in found.members}) == 24
    first, last = found.members[0].scenario, found.members[-1].scenario
    assert [event.kind for event in first.events] == ["radiation"]
    assert [event.kind for event in last.events] == ["radiation", "bleed"]
    assert (first.events[0].dose, last.events[0].dose) == (6.0, 9.0)
    assert first.switches.animals_differ
    assert (first.record.every, first.record.space, first.duration) == (6.0, False, 720.0)


def test_days_count_from_the_radiation(study, tmp_path):
    (tmp_path / "mouse.toml").write_text(SCENARIO.replace('at = "0 d"', 'at = "2 d"'))
    found = doses.read_doses(study(STUDY))
    assert found.begin == 2.0
    assert found.members[0].scenario.duration == 32 * 24


def test_animals_may_be_all_the_mean(study):
    assert not doses.read_doses(study(STUDY + "animals_differ = false\n")).members[0].scenario.switches.animals_differ


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STUDY.replace("doses", "dosis"), "dosis: Doses has no such parameter. Did you mean 'doses'?"),
        (STUDY.replace('"9 Gy", "6 Gy", "7.5 Gy"', '"9 Gy"'), "a curve needs at least two different ones"),
        (STUDY.replace('"9 Gy"', "9"), "9 is a number without a unit"),
        (STUDY.replace("30 d", "30 Gy"), "until: '30 Gy' is a dose; expected a time"),
        (STUDY + ARM.replace("bleed", "bled"), "events[2].kind: 'bled' is not known"),
        (STUDY + ARM.replace('"bled"', '"untreated"'), "'untreated' is taken"),
        (STUDY + "event = 2\n", "event: number 2 is no radiation event; those are 1."),
        (STUDY + 'fit = "probid"\n', "fit: 'probid' is not one of the choices. Did you mean 'probit'?"),
    ],
)
def test_a_mistake_is_told_with_the_cure(study, text, said):
    with pytest.raises(StudyError) as error:
        doses.read_doses(study(text))
    assert said in str(error.value)


def test_a_scenario_needs_one_radiation_event(study, tmp_path):
    plain = SCENARIO[: SCENARIO.index("[[events]]")]
    (tmp_path / "mouse.toml").write_text(plain)
    with pytest.raises(StudyError, match="has no radiation event; add one"):
        doses.read_doses(study(STUDY))
    (tmp_path / "mouse.toml").write_text(SCENARIO + '[[events]]\nkind = "radiation"\nat = "1 d"\ndose = "1 Gy"\n')
    with pytest.raises(StudyError, match=r"several radiation events \(1, 2\)"):
        doses.read_doses(study(STUDY))
    found = doses.read_doses(study(STUDY + "event = 2\n"))
    assert found.members[0].scenario.events[0].dose == 6.0
    assert found.members[0].scenario.events[1].dose == 6.0


def lay(found, into, risk):
    """Directories of finished runs: without neutrophils for `risk(arm, dose, seed)` days, and no platelets at all."""
    for member in found.members:
        directory = into / members.FOLDER / member.name
        directory.mkdir(parents=True)
        days = risk(member.values["arm"], member.values["dose_Gy"], member.seed)
        rows = [(0, 1e9), (1, 1e9), (1 + 1e-9, 0), (1 + days, 0), (1 + days + 1e-9, 1e9), (30, 1e9)]
        text = "".join(f"{day!r},{count!r},0\n" for day, count in rows)
        (directory / "blood.csv").write_text("day,neutrophils_per_uL,platelets_per_uL\n" + text)


def test_the_summary_is_that_of_the_animals(study, tmp_path):
    """Animals without neutrophils for known days: the deaths of a probit curve, of LD50 7.2 Gy and 8.64 Gy when treated."""
    found = doses.read_doses(study(STUDY + ARM))
    kappa = 24 * found.members[0].scenario.parameters.lethality.kappa

    def risk(arm, dose, seed):
        z = math.log(dose / (7.2 if arm == doses.BARE else 8.64)) / 0.15
        return -math.log1p(-0.5 * math.erfc(-z / math.sqrt(2))) / kappa

    lay(found, tmp_path / "out", risk)
    told = json.loads(doses.write_summary(found, tmp_path / "out").read_text())
    bare, treated = told["arms"]
    assert bare["LD50_Gy"] == pytest.approx(7.2, rel=1e-4)
    assert bare["width"] == pytest.approx(0.15, rel=1e-3)
    low, high = bare["LD50_interval_Gy"]
    assert low < bare["LD50_Gy"] < high
    assert treated["dose_reduction_factor"] == pytest.approx(1.2, rel=1e-3)
    assert treated["dose_reduction_factor_over_seeds"] == pytest.approx([1.2, 1.2], rel=1e-3)
    text = doses.told(told)
    assert "untreated: LD50 7.20 Gy" in text
    assert "dose-reduction factor 1.20" in text
    lines = (tmp_path / "out" / doses.TABLE).read_text().splitlines()
    assert len(lines) == 25
    assert lines[0].startswith("arm,dose_Gy,seed,days_at_risk,probability_of_death,")

    from marrow_niche.view.doses import draw

    assert draw(told, tmp_path / "doses.png").stat().st_size > 5000


def test_animals_that_all_live_have_no_ld50_and_this_is_said(study, tmp_path):
    found = doses.read_doses(study(STUDY))
    lay(found, tmp_path / "out", lambda *_: 0.0)
    for member in found.members:
        path = tmp_path / "out" / members.FOLDER / member.name / "blood.csv"
        path.write_text("day,neutrophils_per_uL,platelets_per_uL\n0,1e9,1e9\n30,1e9,1e9\n")
    told = json.loads(doses.write_summary(found, tmp_path / "out").read_text())
    assert told["arms"][0]["LD50_Gy"] is None
    assert "no LD50; all live at these doses. Give higher ones." in doses.told(told)


def test_parameters_of_an_arm_take_the_place_of_the_scenarios_own(study, tmp_path):
    """Also where one says them by path and the other table by table."""
    (tmp_path / "mouse.toml").write_text(SCENARIO + "[parameters.stem_cells]\nnumber = { value = 2e4, source = 'estimate' }\n")
    arm = '[[arm]]\nname = "many"\n[arm.parameters]\n"stem_cells.number" = { value = 3e4, source = "estimate" }\n'
    found = doses.read_doses(study(STUDY + arm)).members
    assert [m.scenario.parameters.stem_cells.number for m in (found[0], found[-1])] == [2e4, 3e4]
