"""A scenario told back: the marrow measured, beside what was published."""

import dataclasses
import math
import re

import lab
import numpy as np
import pytest

from marrow_niche.perturbations.region import corners
from marrow_niche.quantities.words import plain
from marrow_niche.record.directory import RunDirectory
from marrow_niche.simulation import assembly, observe, preview
from marrow_niche.simulation import run as running
from marrow_niche.simulation.step import update_fields


@pytest.fixture(scope="module")
def told():
    """told(**facts): the lines about the marrow of a small section, with some facts replaced."""
    model, state = lab.marrow()

    def lines(**facts):
        return preview._anatomy(dataclasses.replace(model, facts=model.facts | facts), state)

    return lines


def test_what_was_measured_stands_beside_what_was_published(told):
    text = "\n".join(told(sinusoid_fraction=0.312, stem_cells_within_10um_of_sinusoid=0.86))
    assert "sinusoids           31 % of the marrow's volume; published 25 to 35 %\n" in text
    assert " 86 % " in text and "stem cells; at 10 um published 75 to 95 %\n" in text
    assert "outside" not in text


@pytest.mark.parametrize(("name", "value"), [("sinusoid_fraction", 0.2), ("stem_cells_within_10um_of_sinusoid", 0.6)])
def test_what_lies_outside_the_published_range_is_said(told, name, value):
    (line,) = [line for line in told(**{name: value}) if "lies outside" in line]
    assert f"{100 * value:.0f} %" in line


def test_stem_cells_stand_under_random_points_of_each_place(told):
    lines = told()
    rows = [line for line in lines if "random points" in line or line.rstrip().endswith("stem cells") or "published 75" in line]
    assert [("random" in row) for row in rows] == [True, False] * 3
    assert all("by chance" in row for row in rows[::2])


def test_without_arterioles_nothing_is_told_of_them(told):
    gone = {f"{who}_within_{d}um_of_arteriole": None for who in ("share", "stem_cells") for d in (5, 10, 20)}
    assert not any("of an arteriole" in line for line in told(**gone))
    assert any("of a sinusoid" in line for line in told(**gone))


def test_both_kinds_of_stem_cells_are_told():
    """All of the organism's, how many are stored, and the tip by its share and over the species'."""
    model, state = lab.marrow()
    text = "\n".join(preview._cells(lab.scenario(), model, state))
    assert f"The organism has {model.species.stem_cells.everyone:,.0f}; 6,000 are stored" in text
    tip = f"{100 * state.stem.tip.mean():.0f} % are of the tip ({100 * model.facts['tip_over_species']:.0f} % of the species' density)"
    assert tip in text and "mutant" not in text


def test_a_mutant_is_told_by_what_differs():
    text = "\n".join(preview._cells(lab.scenario(), *lab.marrow(genes={"kit": 0.4, "attrition": 0.1})))
    assert "The host is a mutant from day 0 on (the wild type is 1, of attrition 0): kit 0.4, attrition 0.1." in text


# ------------------------------------------------------------------------------------------------------ doses


@pytest.fixture(scope="module")
def doses(tmp_path_factory):
    """doses(*events, **parameters): what is told of radiation events on a small section."""
    folder = tmp_path_factory.mktemp("maps")
    model, _ = lab.marrow(dosed=True)
    low, high = corners(model)
    rows = [f"{x},{y},{z},{2 + x / 1e4}" for x in (low[0] - 9, high[0] + 9) for y in (low[1] - 9, high[1] + 9) for z in (low[2] - 9, high[2] + 9)]
    (folder / "plan.csv").write_text("\n".join(["x_um,y_um,z_um,dose_gy", *rows]))

    def lines(*events):
        tables = [{"kind": "radiation", "at": "1 d"} | event for event in events]
        scenario = lab.scenario(events=[table | ({"map": str(folder / "plan.csv")} if "map" in table else {}) for table in tables])
        return preview._events(scenario, assembly.with_doses(model, scenario)), model

    return lines


def test_a_dose_on_all_of_the_marrow_is_told_with_what_it_leaves(doses):
    told, model = doses({"dose": "10 Gy"})
    r = model.species.radiation
    straight = 81 + 18 * (10 - 9)
    gmp, stem = math.exp(-10 * r.lineages["GMP"].alpha), math.exp(-10 * r.stem_cells.alpha - straight * r.stem_cells.beta)
    assert told[1] == "  day 1: 10 Gy at once, on all of the marrow alike."
    assert f"GMP {100 * gmp:.2g} %" in told[2] and f"stem cells 1 in {plain(1 / stem, 2)}" in told[2]
    assert told[3].startswith("  Of dividing cells with one lethal lesion 70 % divide on for a while, doomed: at each division 60 %") and len(told) == 4


@pytest.mark.parametrize(("event", "warned"), [
    ({"dose": "11 Gy"}, False), ({"dose": "11.5 Gy"}, True), ({"dose": "4 Gy", "fractions": 3, "every": "1 d"}, True),
    ({"dose": "12 Gy", "region": {"x": ["0 %", "10 %"]}}, True), ({"dose": "8 Gy", "bone_range": "30 um"}, False),
])
def test_above_eleven_gray_the_gut_is_warned_of(doses, event, warned):
    told, _ = doses(event)
    assert any("above 11 Gy the gut fails first" in line for line in told) == warned
    assert any("if it is in the field" in line for line in told) == (warned and "region" in event)


def test_of_a_part_it_is_told_how_much_is_exposed_and_the_mean(doses):
    told, model = doses({"dose": "6 Gy", "region": {"x": ["0 %", "50 %"]}, "rbe": 2}, {"dose": "6 Gy"})
    share = float(re.search(r"in the region: (\d+) % of the marrow is exposed, ([\d.]+) Gy in the mean", told[1])[1]) / 100
    assert 0.4 < share < 0.6 and told[1].startswith("  day 1: 6 Gy of RBE 2 at once, ")
    assert float(re.search(r"([\d.]+) Gy in the mean", told[1])[1]) == pytest.approx(6 * share, abs=0.05)
    gmp = math.exp(-12 * model.species.radiation.lineages["GMP"].alpha)
    assert "where it falls in full" in told[2] and f"GMP 1 in {plain(1 / gmp, 2)}" in told[2]


def test_of_a_map_its_own_means_are_told(doses):
    told, _ = doses({"map": True}, {"map": True, "dose": "3 Gy", "duration": "2 h"})
    mean = float(re.search(r"day 1: ([\d.]+) Gy in the mean at once, by the map plan.csv: from ([\d.]+) to ([\d.]+) Gy", told[1])[1])
    assert told[2].startswith(f"    The map's mean on the marrow is {plain(mean)} Gy") and "scaled" not in told[2]
    assert told[4].startswith("  day 1: 3 Gy in the mean over 2 h, by the map plan.csv") and told[5].endswith("; it is scaled to 3 Gy.")
    assert f"survive at {plain(mean)} Gy" in told[3]


@pytest.mark.parametrize("labelled", [True, False])
def test_it_is_told_whether_the_vessels_are_those_of_the_image(labelled):
    image = {"format": "TIFF", "spacing (z, y, x) [um]": [2, 2, 2], "voxel size from": "scenario", "voxels by label": {"bone": 9}}
    facts = {"source": "a.tif", "image": image} | ({"vessels_from": "the image, where it labels sinusoid"} if labelled else {})
    text = "\n".join(preview._source(facts))
    assert ("Vessels are those of the image, where it labels sinusoid." in text) == labelled
    assert ("It labels no vessels." in text) != labelled


def test_the_disk_that_is_foretold_is_what_a_run_takes(tmp_path):
    """Five records of a marrow at rest with its geometry and a checkpoint, within 30 %; the report is reckoned by itself."""
    asked = lab.scenario(duration="4 d")
    model, state = lab.marrow()
    directory = RunDirectory(tmp_path / "run").create()
    directory.write_scenario(asked.source)
    recorder = running._recorder(directory, asked, model)
    update_fields(state, model)
    running._record_geometry(recorder, asked, model)
    hours = preview._recorded(asked)
    assert hours.tolist() == [0, 24, 48, 72, 96]
    for hour in hours:
        state.hour = int(hour)
        observe.record(recorder, asked, state, model)
    running._save(recorder, model, state)
    taken = sum(file.stat().st_size for file in directory.path.rglob("*") if file.is_file())
    foretold = preview._disk(asked, model, state, hours) - preview.BYTES_OF_RUN
    assert foretold == pytest.approx(taken, rel=0.3)
    assert foretold > 4 * preview._disk(dataclasses.replace(asked, duration=1.0), model, state, hours[:1]) / len(hours)


def test_records_are_counted_with_the_end():
    assert preview._recorded(lab.scenario(duration="60 h", record={"every": "1 d"})).tolist() == [0, 24, 48, 60]


def test_stem_cells_that_a_dose_takes_come_back_in_the_reckoning():
    """At the hour of the dose all are still there; two fractions take their shares one after the other."""
    model, _ = lab.marrow()
    hours = np.array([0.0, 1.0, 24.0, 25.0, 24 * 60.0])
    dose = {"kind": "radiation", "at": "0 d", "dose": "2 Gy"}
    told = dataclasses.replace(model, facts=model.facts | {"doses": ({"where": "everywhere"},)})
    lq = model.species.radiation.stem_cells
    left = np.exp(-2 * lq.alpha - 4 * lq.beta)
    once = preview._present(lab.scenario(events=[dose]), told, hours)
    assert once == pytest.approx([1, left * 2 ** (1 / 72), left * 2 ** (24 / 72), left * 2 ** (25 / 72), 1], rel=1e-12)
    twice = preview._present(lab.scenario(events=[dose | {"fractions": 2, "every": "1 d"}]), told, hours)
    assert twice[[0, 1, 2, 4]].tolist() == once[[0, 1, 2, 4]].tolist()
    assert twice[3] == pytest.approx(left**2 * 2 ** (25 / 72), rel=1e-12)
    assert preview._present(lab.scenario(), model, hours).tolist() == [1] * 5
