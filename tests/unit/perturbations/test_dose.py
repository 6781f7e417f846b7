"""Where a dose falls, and that it falls there and nowhere else."""

import copy
import dataclasses
import math
from types import SimpleNamespace

import lab
import numpy as np
import pytest

from marrow_niche.errors import GeometryError, ScenarioError
from marrow_niche.marrow import damage
from marrow_niche.marrow.damage import Exposure
from marrow_niche.perturbations import dose, radiation, timeline
from marrow_niche.perturbations.dose import Beam
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.perturbations.region import Region
from marrow_niche.record.directory import RunDirectory
from marrow_niche.simulation import assembly, simulate

X, Y, Z, H = 16, 8, 4, 10.0


@pytest.fixture(scope="module")
def box():
    """16 x 8 x 4 voxels of 10 um, all marrow; bone lies below z = 0; the long axis is x."""
    k, j, i = np.indices((Z, Y, X)).reshape(3, -1)
    centres = H * (np.stack([i, j, k], axis=1) + 0.5)
    space = np.linspace(1.0, 2.0, len(centres))
    return SimpleNamespace(
        n=len(centres), long_axis=0, space=space, mean=lambda v: float(space @ v / space.sum()),
        lattice=SimpleNamespace(centres=lambda index: centres[index], spacing=H), geometry=SimpleNamespace(to_endosteum=centres[:, 2]),
    )


def of(box, **event):
    values, facts = dose.pattern(Radiation(at=0.0, dose=2.0, **event), box, ".")
    return (None if values is None else values.reshape(Z, Y, X)), facts


# ------------------------------------------------------------------------------------------------- the patterns


def test_a_region_is_exposed_and_nothing_else(box):
    """A half along x; a part along two axes; a border within a voxel by the share of it that lies inside."""
    half, facts = of(box, region=Region(x=(0.0, 0.5)))
    assert (half[..., :8] == 1.0).all() and (half[..., 8:] == 0.0).all()
    assert facts["where"] == "in the region" and facts["share_exposed"] == facts["mean"] == pytest.approx(box.mean(half.ravel()))
    along, _ = of(box, region=Region(long=(0.0, 0.5)))
    assert (along == half).all()
    corner, _ = of(box, region=Region(y=(0.25, 1.0), z=(0.5, 1.0)))
    assert corner.sum() == (corner == 1.0).sum() == 6 * 2 * X
    assert (corner[:2] == 0).all() and (corner[:, :2] == 0).all()
    border, _ = of(box, region=Region(x=(0.0, 4.5 / 16)))
    assert (border[..., :4] == 1.0).all() and (border[..., 4] == 0.5).all() and (border[..., 5:] == 0.0).all()


def test_a_shield_is_the_rest_of_a_region(box):
    shield, facts = of(box, shield=Region(x=(0.0, 4.5 / 16)))
    region, _ = of(box, region=Region(x=(0.0, 4.5 / 16)))
    assert (shield + region == 1.0).all() and (shield[..., :4] == 0.0).all()
    assert facts["where"] == "outside the shield" and facts["least"] == 0.0


def test_a_beam_is_a_round_bar(box):
    """Its cross-section is π r² to 3 %, the same all along; its middle lies where the two shares say, in the order x, y, z."""
    beam, facts = of(box, beam=Beam(axis="x", at=(0.5, 0.5), diameter=30.0))
    assert (beam == beam[..., :1]).all()
    assert beam[..., 0].sum() * H**2 == pytest.approx(math.pi * 15.0**2, rel=0.03)
    y, z = np.meshgrid(H * (np.arange(Y) + 0.5), H * (np.arange(Z) + 0.5))
    assert (beam[..., 0] * y).sum() / beam[..., 0].sum() == pytest.approx(40.0) and (beam[..., 0] * z).sum() / beam[..., 0].sum() == pytest.approx(20.0)
    down, _ = of(box, beam=Beam(axis="z", at=(0.25, 0.75), diameter=20.0))
    assert (down == down[:1]).all() and down[0].sum() * H**2 == pytest.approx(math.pi * 10.0**2, rel=0.06)
    assert down[0, 5:7, 3:5].sum() == pytest.approx(down[0].sum())
    assert of(box, beam=Beam(axis="long", at=(0.5, 0.5), diameter=30.0))[0].tobytes() == beam.tobytes()


def test_region_beam_and_shield_together_are_their_product(box):
    parts = {"region": Region(x=(0.0, 0.3)), "beam": Beam(axis="z", at=(0.2, 0.5), diameter=50.0), "shield": Region(y=(0.0, 0.4))}
    each = [of(box, **{name: part})[0] for name, part in parts.items()]
    both, facts = of(box, **parts)
    assert both == pytest.approx(np.prod(each, axis=0), rel=1e-14)
    assert facts["where"] == "in the region, in the beam, outside the shield"


def test_what_bone_emits_falls_by_e_and_has_the_dose_as_its_mean(box):
    near, facts = of(box, bone_range=15.0)
    assert near[1:, :, :] / near[:-1] == pytest.approx(np.full((Z - 1, Y, X), math.exp(-H / 15.0)), rel=1e-12)
    assert box.mean(near.ravel()) == facts["mean"] == pytest.approx(1.0, rel=1e-12)
    assert facts["share_exposed"] == pytest.approx(1.0) and "15 um" in facts["where"]


def test_a_dose_that_falls_everywhere_alike_is_one_number(box):
    for event in ({}, {"region": Region(x=(0.0, 1.0))}, {"beam": Beam(axis="x", at=(0.5, 0.5), diameter=1000.0)}):
        values, facts = of(box, **event)
        assert values is None and facts["mean"] == facts["share_exposed"] == 1.0


def table(path, doses):
    """A map of the box, a point a voxel."""
    k, j, i = np.indices((Z, Y, X)).reshape(3, -1)
    rows = [f"{H * (a + 0.5)},{H * (b + 0.5)},{H * (c + 0.5)},{d}" for a, b, c, d in zip(i, j, k, doses.ravel())]
    path.write_text("\n".join(["x_um,y_um,z_um,dose_gy", *rows]))


def test_a_map_gives_its_own_doses_or_is_scaled_to_the_dose(box, tmp_path):
    doses = 1.0 + np.indices((Z, Y, X))[2] / 4.0
    table(tmp_path / "plan.csv", doses)
    own, facts = dose.pattern(Radiation(at=0.0, map="plan.csv"), box, tmp_path)
    assert own == pytest.approx(doses.ravel(), rel=1e-12)
    assert facts["map_mean_Gy"] == facts["mean"] == pytest.approx(box.mean(doses.ravel())) and facts["map_greatest_Gy"] == pytest.approx(4.75)
    assert facts["map_mean_in_box_Gy"] == pytest.approx(doses.mean()) and "plan.csv" in facts["where"]
    scaled, facts = dose.pattern(Radiation(at=0.0, dose=3.0, map="plan.csv"), box, tmp_path)
    assert scaled == pytest.approx(own / box.mean(own), rel=1e-12) and facts["mean"] == pytest.approx(1.0)


@pytest.mark.parametrize(("event", "said"), [
    ({"region": Region(x=(0.0, 0.001))}, r"region: no marrow of this piece lies in it; the piece reaches from \(0, 0, 0\) to \(160, 80, 40\) um\. Move"),
    ({"beam": Beam(axis="x", at=(0.0, 0.0), diameter=1.0)}, "beam: no marrow of this piece lies in it"),
    ({"shield": Region(x=(0.0, 1.0))}, "shield: no marrow of this piece is left to irradiate"),
    ({"region": Region(x=(0.0, 0.5)), "shield": Region(x=(0.0, 0.6))}, "region and shield: no marrow"),
    ({"bone_range": 1.0}, None),
])
def test_a_dose_that_falls_nowhere_is_refused(box, event, said):
    if said is None:
        far = SimpleNamespace(**vars(box) | {"geometry": SimpleNamespace(to_endosteum=np.full(box.n, np.inf))})
        with pytest.raises(GeometryError, match="bone_range: no bone lies within reach"):
            of(far, **event)
        return
    with pytest.raises(GeometryError, match=said):
        of(box, **event)


@pytest.mark.parametrize(("doses", "event", "said"), [
    (0.0, {}, r"map: plan\.csv gives this marrow no dose"),
    (600.0, {}, r"map: plan\.csv gives up to 600 Gy; the most allowed is 100 Gy\. Is it in cGy\?"),
    ("hot", {"dose": 60.0}, r"map: with a mean of 60 Gy plan\.csv gives up to .* Give less"),
    ("short", {}, r"map: plan\.csv does not cover the marrow"),
])
def test_a_map_that_gives_none_too_much_or_not_enough_is_refused(box, tmp_path, doses, event, said):
    values = np.ones((Z, Y, X)) if isinstance(doses, str) else np.full((Z, Y, X), doses)
    values[0, 0, :4] *= 20.0 if doses == "hot" else 1.0
    table(tmp_path / "plan.csv", values)
    if doses == "short":
        lines = (tmp_path / "plan.csv").read_text().splitlines()
        (tmp_path / "plan.csv").write_text("\n".join(line for line in lines if not line.startswith("155.0,")))
    with pytest.raises(GeometryError, match=said):
        dose.pattern(Radiation(at=0.0, map="plan.csv", **event), box, tmp_path)


def test_all_events_that_miss_the_marrow_are_told_at_once(tmp_path):
    """At building, each by its place in the file; nothing else is refused for them."""
    (tmp_path / "plan.csv").write_text("x_um,y_um,z_um,dose_gy\n0,0,0,1\n10,0,0,1\n")
    beam = {"axis": "x", "at": ["0 %", "0 %"], "diameter": "2 um"}
    events = [{"kind": "bleed", "at": "1 d", "fraction": "10 %"}, {"kind": "radiation", "at": "1 d", "dose": "2 Gy", "beam": beam},
              {"kind": "radiation", "at": "1 d", "dose": "2 Gy"}, {"kind": "radiation", "at": "1 d", "map": str(tmp_path / "plan.csv")}]
    with pytest.raises(ScenarioError) as refused:
        assembly.build(lab.scenario(events=events))
    first, second = refused.value.mistakes
    assert first.startswith("events[2].beam: no marrow of this piece") and second.startswith("events[4].map: plan.csv does not cover")


def test_an_earlier_run_is_not_given_up_for_a_dose_that_misses(tmp_path):
    """Overwriting begins when the new run can be made, and not before."""
    run = RunDirectory(tmp_path / "run").create()
    run.write_scenario({"title": "earlier"})
    beam = {"axis": "x", "at": ["0 %", "0 %"], "diameter": "2 um"}
    asked = lab.scenario(events=[{"kind": "radiation", "at": "1 d", "dose": "2 Gy", "beam": beam}])
    with pytest.raises(ScenarioError):
        simulate(asked, into=run.path, overwrite=True)
    assert run.read_scenario() == {"title": "earlier"}


# ----------------------------------------------------------------------------------------------- what it does


def half_hit(**more):
    """(model, before, after) of 3 Gy at once on the lower half along x of a marrow with the line of the doomed."""
    model, before = lab.marrow(dosed=True)
    event = Radiation(at=0.0, dose=3.0, region=Region(x=(0.0, 0.5)), **more)
    where, _ = dose.pattern(event, model, ".")
    model = dataclasses.replace(model, exposures=event.exposures(), patterns=where[None])
    after = copy.deepcopy(before)
    assert timeline.apply_due(after, model)
    return model, where, before, after


@pytest.fixture(scope="module")
def hit():
    return half_hit()


def test_where_nothing_falls_nobody_dies_and_nothing_is_received(hit):
    model, where, before, after = hit
    out, full = where == 0.0, where == 1.0
    assert out.sum() > 0.4 * model.n and full.sum() > 0.4 * model.n
    assert (after.counts[:, out] == before.counts[:, out]).all()
    assert (after.damage.dose[out] == 0.0).all() and (after.damage.unrepaired[out] == 0.0).all() and (after.damage.dose[full] == 3.0).all()
    there = out[before.stem.voxel]
    assert np.isin(before.stem.id[there], after.stem.id).all()
    still = out[after.stem.voxel]
    assert (after.stem.dose[still] == 0.0).all() and not after.stem.senescent[still].any()
    assert (after.stroma.vessel[out] == before.stroma.vessel[out]).all() and (after.stroma.vessel[full] < before.stroma.vessel[full]).all()
    niche = model.geometry.niches
    for name in ("stroma", "osteoblast"):
        spared = out[getattr(niche, f"{name}_voxel")]
        assert (getattr(after.stroma, name)[spared] == 1.0).all() and (getattr(after.stroma, name)[~spared] < 1.0).all()


def test_where_it_falls_in_full_it_acts_as_on_all(hit):
    """The same luck: who lives there is who lives when the whole marrow gets it; each survivor carries what fell on it."""
    model, where, before, after = hit
    whole = copy.deepcopy(before)
    timeline.apply_due(whole, dataclasses.replace(model, patterns=None))
    full = where == 1.0
    assert (after.counts[:, full] == whole.counts[:, full]).all()
    assert set(after.stem.id[full[after.stem.voxel]]) == set(whole.stem.id[full[whole.stem.voxel]])
    assert (after.stem.dose == 3.0 * where[after.stem.voxel]).all()
    lost = before.lymphoid.b - after.lymphoid.b
    assert lost == pytest.approx(model.mean(where > 0) * (before.lymphoid.b - whole.lymphoid.b), rel=0.02)


def test_stem_cells_in_blood_get_the_mean_of_the_marrow():
    model, state = lab.marrow(dosed=True)
    event = Radiation(at=0.0, dose=0.4, region=Region(x=(0.0, 0.5)))
    where, _ = dose.pattern(event, model, ".")
    state.stem.voxel[:500] = -1
    timeline.apply_due(state, dataclasses.replace(model, exposures=event.exposures(), patterns=where[None]))
    away = state.stem.dose[state.stem.voxel < 0]
    assert len(away) > 200 and away == pytest.approx(np.full(len(away), 0.4 * model.mean(where)), rel=1e-12)


def test_a_pattern_of_ones_does_what_a_uniform_dose_does():
    """To the bit in all that lives in the marrow; pools of the body, which take the mean over it, to round-off."""
    model, one = lab.marrow(dosed=True)
    other = copy.deepcopy(one)
    exposures = (Exposure(0.0, 0.0, 2.0, 0), Exposure(0.0, 3.0, 6.0, 0, 2.0))
    for state, patterns in ((one, None), (other, np.ones((1, model.n)))):
        for state.hour in range(4):
            timeline.apply_due(state, dataclasses.replace(model, exposures=exposures, patterns=patterns))
    assert (one.counts == other.counts).all() and one.counts[model.tree.size :].any()
    for part in ("stem", "stroma"):
        for f in dataclasses.fields(getattr(one, part)):
            assert (getattr(getattr(one, part), f.name) == getattr(getattr(other, part), f.name)).all(), f.name
    for f in dataclasses.fields(one.lymphoid):
        assert getattr(one.lymphoid, f.name) == pytest.approx(getattr(other.lymphoid, f.name), rel=1e-12), f.name


def test_a_dose_of_nothing_changes_no_bit():
    model, state = lab.marrow(dosed=True)
    before = copy.deepcopy(state)
    exposures = (Exposure(0.0, 0.0, 0.0, 0), Exposure(0.0, 3.0, 0.0, 0))
    for patterns in (None, np.ones((1, model.n))):
        assert not timeline.apply_due(state, dataclasses.replace(model, exposures=exposures, patterns=patterns))
        assert (state.counts == before.counts).all() and (state.stem.id == before.stem.id).all() and state.lymphoid.b == before.lymphoid.b
        assert (state.stroma.vessel == before.stroma.vessel).all() and not np.any(state.damage.dose)


def test_neutrons_are_received_in_gray_and_act_by_their_rbe():
    """Cells and marrow carry what fell on them; survival and senescence follow the linear effect."""
    model, before = lab.marrow(dosed=True)
    after = copy.deepcopy(before)
    event = Radiation(at=0.0, dose=1.0, rbe=3.0)
    timeline.apply_due(after, dataclasses.replace(model, exposures=event.exposures()))
    assert (after.stem.dose == 1.0).all() and after.damage.dose == 1.0
    lq, rows = model.species.radiation.lineages["GM"], model.tree.rows("GM", 0)
    n, p = before.counts[rows].sum(), math.exp(-3.0 * lq.alpha - lq.beta)
    assert abs(after.counts[rows].sum() - n * p) < 4.5 * math.sqrt(n * p) + 0.01 * n * p
    k, s = len(after.stem.id), -math.expm1(-3.0 / model.species.stem_cells.senescence_dose)
    assert abs(after.stem.senescent.sum() - k * s) < 4.5 * math.sqrt(k * s)


# ------------------------------------------------------------------------------------------------------ oxygen


def test_places_of_the_resting_marrow_hold_equal_shares():
    """The 16 places by which oxygen at rest is told: quantiles over the marrow outside vessels, and over stem cells."""
    model, state = lab.marrow(dosed=True)
    o2, space = state.fields[list(model.species.cytokines).index("O2")], model.space
    everywhere, stem = model.oxygen_at_rest
    assert everywhere.shape == (16,) and (np.diff(everywhere) > 0).all() and (np.diff(stem) > 0).all()
    for k, level in enumerate(everywhere):
        assert space[o2 <= level].sum() / space.sum() == pytest.approx((k + 0.5) / 16, abs=0.01)
    here = o2[state.stem.voxel[state.stem.voxel >= 0]]
    for k, level in enumerate(stem):
        assert (here <= level).mean() == pytest.approx((k + 0.5) / 16, abs=0.01)


@pytest.mark.parametrize("given", [1.0, 4.0])
def test_cells_with_little_oxygen_survive_more_and_all_together_as_published(given):
    """GMP of the quarters of marrow with least and most oxygen; the whole lies at its published survival within 1 % and chance.
    Without the switch the quarters are alike."""
    model, before = lab.marrow(dosed=True)
    o2 = before.fields[list(model.species.cytokines).index("O2")]
    rows, lq = model.tree.rows("GMP", 0), model.species.radiation.lineages["GMP"]
    low, high = o2 <= np.quantile(o2, 0.25), o2 >= np.quantile(o2, 0.75)
    off = dataclasses.replace(model, switches=dataclasses.replace(model.switches, oxygen_effect=False))
    found = {}
    for name, each in (("on", model), ("off", off)):
        state = copy.deepcopy(before)
        state.counts[rows] = 200
        timeline.apply_due(state, dataclasses.replace(each, exposures=Radiation(at=0.0, dose=given).exposures()))
        stages = rows.stop - rows.start
        found[name] = [state.counts[rows][:, part].sum() / (200 * stages * part.sum()) for part in (low, high, low | True)]
    p, n = math.exp(-given * lq.alpha), 200 * low.sum()
    noise = 4.5 * math.sqrt(p * (1 - p) / n)
    assert found["on"][0] - found["on"][1] > 2 * noise and abs(found["off"][0] - found["off"][1]) < 2 * noise
    assert found["on"][2] == pytest.approx(p, rel=0.01, abs=noise / 2) and found["off"][2] == pytest.approx(p, abs=noise / 2)


def test_oxygen_of_stem_cells_counts_by_its_own_ratio():
    model, state = lab.marrow(dosed=True)
    here, at_rest = radiation.oxygen(state, model, stem=True)
    r = model.species.radiation
    assert at_rest.mean() == pytest.approx(1.0, rel=1e-14)
    level = state.fields[list(model.species.cytokines).index("O2")]
    effect = damage.oxygen_effect(model.oxygen_at_rest[1], r.oxygen_ratio_stem, r.oxygen_half)
    assert here == pytest.approx((r.oxygen_ratio_stem * level + r.oxygen_half) / (level + r.oxygen_half) / effect.mean(), rel=1e-12)


# ------------------------------------------------------------------------------------------------------ doomed


def test_who_is_hit_dies_or_is_doomed_and_no_stem_cell_is(hit):
    """Stage by stage: of those that are hit as many divide on as their number of lesions lets, of precursors of B cells none; none
    is hit twice by one dose, and none comes from nowhere."""
    model, where, before, after = hit
    r, n, tree, sensitive = model.species.radiation, model.tree.size, model.tree, model.species.radiation.lineages
    assert {name for name, lq in sensitive.items() if lq.dies_at_once} == {"proB", "preB", "immatureB"}
    assert not before.counts[n:].any()
    linear, air = 3.0 * where, radiation.oxygen(before, model, stem=False)
    for name in tree.first:
        rows, doomed = tree.rows(name, 0), tree.rows(name, tree.lines.index("doomed"))
        struck = (before.counts[rows].astype(int) - after.counts[rows]).sum(axis=1)
        joined = after.counts[doomed].sum(axis=1)
        if name not in sensitive:
            assert not struck.any() and not joined.any(), name
            continue
        lq = sensitive[name]
        lives = damage.survival(lq, linear, linear**2) * damage.relative(lq, linear, linear**2, *air)
        share = np.zeros(1) if lq.dies_at_once else damage.doomed(lives, r.doomed_share)
        lost = before.counts[rows].astype(int) - after.counts[rows]
        for m, k in zip(lost, joined):
            assert abs(k - (share * m).sum()) <= 4.5 * math.sqrt((m * share * (1 - share)).sum()) + 1e-9, name
    assert (after.counts[n:] + after.counts[:n] <= before.counts[:n]).all() and after.counts[n:].sum() > 10_000
    assert set(after.stem.line.tolist()) == {0}


@pytest.mark.parametrize("parts", [1, 3])
def test_how_many_divide_on_is_the_same_however_a_dose_is_parted(parts):
    """3 Gy at once, or as much effect in three: of what was there the share S^(1 − chance) lives or divides on."""
    model, state = lab.marrow(dosed=True)
    model = dataclasses.replace(model, switches=dataclasses.replace(model.switches, oxygen_effect=False))
    n, r, before = model.tree.size, model.species.radiation, state.counts.copy()
    for k in range(parts):
        state.hour = k
        radiation.expose_lineages(state, model, 3.0 / parts, 9.0 / parts)
    for name in ("CMP", "GM", "erythroblast"):
        rows = model.tree.rows(name, 0)
        there, all_lines = before[rows].sum(), (state.counts[rows] + state.counts[n:][rows]).sum()
        p = damage.survival(r.lineages[name], 3.0, 9.0) ** (1 - r.doomed_share)
        assert abs(all_lines - p * there) < 4.5 * math.sqrt(there * p * (1 - p)), name


def test_the_doomed_that_are_hit_again_die():
    """A dose that spares nobody leaves of the doomed hardly any, and makes no others but of those who were not."""
    model, state = lab.marrow(dosed=True)
    n = model.tree.size
    state.counts[n:], state.counts[:n] = state.counts[:n].copy(), 0
    before = state.counts.copy()
    timeline.apply_due(state, dataclasses.replace(model, exposures=Radiation(at=0.0, dose=90.0).exposures()))
    assert not state.counts[:n].any()
    for name in model.species.radiation.lineages:
        assert state.counts[model.tree.rows(name, 1)].sum() < 1e-6 * before[model.tree.rows(name, 1)].sum() + 1, name
