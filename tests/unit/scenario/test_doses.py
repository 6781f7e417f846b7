"""How a scenario says where a dose falls, which files it names, and what it is told when it says so wrongly."""

import lab
import pytest
import tomli_w

from marrow_niche.errors import ScenarioError
from marrow_niche.perturbations.dose import Beam
from marrow_niche.perturbations.region import Region
from marrow_niche.scenario.scenario import read_scenario

WRITTEN = """
species = "mouse"
duration = "10 d"
[geometry]
bone = "mouse femur"
voxel = "20 um"
[[events]]
kind = "radiation"
at = "0 d"
dose = "6 Gy"
region = { long = ["0 %", "50 %"], y = ["25 %", "1"] }
rbe = 2
[[events]]
kind = "bleed"
at = "1 d"
fraction = "10 %"
[[events]]
kind = "radiation"
at = "1 d"
dose = "200 cGy"
beam = { axis = "long", at = ["50 %", "40 %"], diameter = "0.3 mm" }
shield = { z = ["0 %", "10 %"] }
[[events]]
kind = "radiation"
at = "2 d"
map = "plans/plan.nii.gz"
[[events]]
kind = "radiation"
at = "3 d"
dose = "1 Gy"
bone_range = "40 um"
duration = "2 d"
"""


@pytest.fixture
def written(tmp_path):
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "plan.nii.gz").touch()
    (tmp_path / "dosed.toml").write_text(WRITTEN)
    return read_scenario(tmp_path / "dosed.toml")


def test_a_file_asks_for_them(written, tmp_path):
    region, _, beam, by_map, bone = written.events
    assert (region.region, region.rbe, region.dose) == (Region(long=(0.0, 0.5), y=(0.25, 1.0)), 2.0, 6.0)
    assert (beam.beam, beam.shield, beam.dose) == (Beam(axis="long", at=(0.5, 0.4), diameter=300.0), Region(z=(0.0, 0.1)), pytest.approx(2.0))
    assert (by_map.map, by_map.dose) == ("plans/plan.nii.gz", None)
    assert (bone.bone_range, bone.duration) == (40.0, 48.0)


def test_a_map_is_a_file_of_the_scenario_and_moves_with_its_run(written, tmp_path):
    """By the place of its event; the tables of the run name the copy, and the scenario's own are left as they are."""
    assert written.files == {"events[4].map": tmp_path / "plans" / "plan.nii.gz"}
    run = tmp_path / "elsewhere"
    (run / "inputs").mkdir(parents=True)
    (run / "inputs" / "plan.nii.gz").touch()
    (run / "scenario.toml").write_text(tomli_w.dumps(written.rerun({"events[4].map": "inputs/plan.nii.gz"})))
    again = read_scenario(run)
    assert again.files == {"events[4].map": run / "inputs" / "plan.nii.gz"}
    assert again.events[3].map == "inputs/plan.nii.gz" and again.geometry == written.geometry
    assert again.events[:3] == written.events[:3] and again.events[4:] == written.events[4:]
    assert written.source["events"][3]["map"] == "plans/plan.nii.gz"


def mistakes(*events, **tables):
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(events=[{"kind": "radiation", "at": "1 d"} | event for event in events], **tables)
    return refused.value.mistakes


def test_a_map_that_is_not_there_is_told_as_a_mesh_is(tmp_path):
    (tmp_path / "plan.nrrd").touch()
    path = tmp_path / "dosed.toml"
    path.write_text(WRITTEN.replace("plans/plan.nii.gz", "plam.nrrd"))
    with pytest.raises(ScenarioError) as refused:
        read_scenario(path)
    assert refused.value.mistakes == ["events[4].map: there is no file 'plam.nrrd'. Did you mean 'plan.nrrd'?"]
    path.write_text(WRITTEN.replace("plans/plan.nii.gz", "elsewhere/dose.vti"))
    with pytest.raises(ScenarioError) as refused:
        read_scenario(path)
    assert "The path is relative to the folder of the scenario file." in refused.value.mistakes[0]


@pytest.mark.parametrize(("event", "said"), [
    ({"dose": "-1 Gy"}, r"dose: '-1 Gy' is too low; the least allowed is 0 Gy"),
    ({"dose": "600 Gy"}, r"dose: '600 Gy' is too high; the most allowed is 100 Gy"),
    ({}, "dose: missing: the dose of each fraction, such as '6 Gy'"),
    ({"dose": "2 Gy", "fractions": 3, "every": "1 h", "duration": "2 h"}, "every: 1 h is no longer than one fraction lasts (2 h)"),
    ({"dose": "2 Gy", "region": {"w": ["0 %", "50 %"]}}, "region.w: Region has no such parameter. Known: long, x, y, z"),
    ({"dose": "2 Gy", "region": {}}, "region: a region needs at least one of long, x, y, z"),
    ({"dose": "2 Gy", "region": {"x": ["50 %", "50 %"]}}, 'region.x: give where it begins and where it ends, such as ["0 %", "50 %"]'),
    ({"dose": "2 Gy", "region": {"x": ["50 %", "150 %"]}}, "region.x[2]: '150 %' is too high"),
    ({"dose": "2 Gy", "beam": {"axis": "w", "at": ["50 %", "50 %"], "diameter": "1 mm"}}, 'beam.axis: "w" is no axis; give "x", "y", "z" or "long"'),
    ({"dose": "2 Gy", "beam": {"at": ["50 %"], "diameter": "1 mm"}}, "beam.at: give two shares"),
    ({"dose": "2 Gy", "beam": {"at": ["50 %", "50 %"]}}, "beam.diameter: missing"),
    ({"dose": "2 Gy", "bone_range": "40 um", "shield": {"x": ["0 %", "5 %"]}}, "shield: the bone_range says where the dose falls; leave shield out"),
    ({"dose": "2 Gy", "rbe": 0}, "rbe: 0 is too low"),
    ({"dose": "2 Gy", "rbe": "2 Gy"}, "rbe: "),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_the_cure(event, said):
    (found,) = mistakes(event)
    assert found.startswith("events[1]." + said), found


def test_every_mistake_is_told_at_once(tmp_path):
    found = mistakes({}, {"dose": "2 Gy", "region": {"x": ["5 %", "1 %"]}}, {"map": "nowhere.csv", "dose_rate": "1 Gy/h", "region": {"x": ["0 %", "9 %"]}})
    for start in ("events[1].dose: missing", "events[2].region.x: give", "events[3].dose_rate: with a map that gives the dose itself",
                  "events[3].region: the map says", "events[3].map: there is no file 'nowhere.csv'"):
        assert any(mistake.startswith(start) for mistake in found), start
    assert len(found) == 5
