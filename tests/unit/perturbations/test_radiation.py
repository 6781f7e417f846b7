"""An exposure kills the share it should, everywhere at once, and writes down what each survivor received."""

import copy
import dataclasses
import math

import lab
import numpy as np
import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.marrow import damage
from marrow_niche.marrow.damage import LinearQuadratic
from marrow_niche.perturbations import timeline
from marrow_niche.perturbations.radiation import Radiation


def near(found, n, p, sigmas=4.5):
    return abs(found - n * p) <= sigmas * math.sqrt(n * p * (1 - p)) + 1e-9


def law(lq, linear, quadratic):
    return math.exp(-lq.alpha * linear - lq.beta * quadratic)


def hit(state, model, dose):
    """The state after an acute dose in the hour it is at, in place."""
    event = Radiation(at=float(state.hour), dose=dose)
    assert timeline.apply_due(state, dataclasses.replace(model, exposures=event.exposures()))


@pytest.fixture(scope="module")
def struck():
    """(model, state before, state after) of 2 Gy at once at hour 11; half of the stem cells in cycle to see both kinds."""
    model, before = lab.marrow()
    before.stem.cycling = np.arange(len(before.stem.id)) % 2 == 0
    before.hour = 11
    after = copy.deepcopy(before)
    hit(after, model, 2.0)
    return model, before, after


# --------------------------------------------------------------------------------------------------- what dies


def test_stem_cells_die_by_where_they_are_in_the_cycle(struck):
    model, before, after = struck
    quiet, cycle = damage.stem_survival(model.species.radiation, 2.0, 4.0, model.stem_rest.cycling)
    lived = np.isin(before.stem.id, after.stem.id)
    assert len(after.stem.id) == lived.sum()
    for which, p in ((before.stem.cycling, cycle), (~before.stem.cycling, quiet)):
        assert near(lived[which].sum(), which.sum(), p)
    assert not near(lived[before.stem.cycling].sum(), before.stem.cycling.sum(), quiet)


def test_survivors_keep_who_and_where_they_are(struck):
    _, before, after = struck
    kept = np.isin(before.stem.id, after.stem.id)
    for name in ("id", "clone", "position", "voxel", "distance", "divisions"):
        assert (getattr(after.stem, name) == getattr(before.stem, name)[kept]).all(), name


def test_survivors_carry_the_dose_and_some_are_senescent(struck):
    """1 − exp(−D/D₀) of them can no longer divide, whatever their place in the cycle; they leave it."""
    model, before, after = struck
    assert (after.stem.dose == 2.0).all() and (before.stem.dose == 0.0).all()
    p = -math.expm1(-2.0 / model.species.stem_cells.senescence_dose)
    assert near(after.stem.senescent.sum(), len(after.stem.id), p)
    assert not (after.stem.senescent & after.stem.cycling).any()
    odd = after.stem.id % 2 == 1
    assert near(after.stem.senescent[odd].sum(), odd.sum(), p)


def test_the_share_of_senescent_cells_grows_with_the_dose():
    """Of cells that nothing kills, 1 − exp(−D/D₀), and in two halves as in one."""
    for doses in ([6.0], [3.0, 3.0]):
        model, state = lab.marrow()
        tough = dataclasses.replace(model.species.radiation, stem_cells=LinearQuadratic(alpha=0.0))
        model = dataclasses.replace(model, species=dataclasses.replace(model.species, radiation=tough))
        n = len(state.stem.id)
        for state.hour, dose in enumerate(doses):
            hit(state, model, dose)
        assert len(state.stem.id) == n
        assert near(state.stem.senescent.sum(), n, -math.expm1(-6.0 / model.species.stem_cells.senescence_dose))


def test_stored_cells_die_by_their_lineage(struck):
    """Each stage within sampling error of its own law; compartments without a sensitivity lose nobody."""
    model, before, after = struck
    lineages = model.species.radiation.lineages
    for name in model.tree.first:
        was, now = (s.counts[model.tree.rows(name)].sum(axis=1, dtype=np.int64) for s in (before, after))
        for n, m in zip(was, now):
            if name in lineages:
                assert near(m, n, law(lineages[name], 2.0, 4.0)), name
            else:
                assert m == n, name
    assert {"reserve", "megakaryocyte"}.isdisjoint(lineages)
    assert (after.counts <= before.counts).all()


def test_pools_of_lymphocytes_keep_their_share_and_the_rest_are_dying(struck):
    model, before, after = struck
    r = model.species.radiation
    cd4, cd8 = (kind.resistant for kind in (model.species.lymphoid.cd4, model.species.lymphoid.cd8))

    def mixed(most, tough):
        return (1 - tough) * law(most, 2.0, 4.0) + tough * law(r.resistant_lymphocytes, 2.0, 4.0)

    pools = {"b": r.resistant_share, "cd4": cd4, "cd8": cd8}
    lives = {kind: mixed(r.lymphocytes, tough) for kind, tough in pools.items()} | {"nk": law(r.nk_cells, 2.0, 4.0)}
    assert lives["b"] < lives["cd8"] < lives["cd4"]
    for kind, p in lives.items():
        was, now = getattr(before.lymphoid, kind), getattr(after.lymphoid, kind)
        assert now == pytest.approx(was * p, rel=1e-12)
        assert getattr(after.lymphoid, f"dying_{kind}") == pytest.approx(was * (1 - p), rel=1e-12)
    assert after.lymphoid.dn == pytest.approx(before.lymphoid.dn * law(r.thymocytes_dn, 2.0, 4.0), rel=1e-12)
    assert after.lymphoid.dp == pytest.approx(before.lymphoid.dp * law(r.thymocytes_dp, 2.0, 4.0), rel=1e-12)
    assert after.lymphoid.sp4 == pytest.approx(before.lymphoid.sp4 * mixed(r.thymocytes_dp, cd4), rel=1e-12)
    assert after.lymphoid.sp8 == pytest.approx(before.lymphoid.sp8 * mixed(r.thymocytes_dp, cd8), rel=1e-12)
    assert after.lymphoid.nkp == pytest.approx(before.lymphoid.nkp * law(r.nk_cells, 2.0, 4.0), rel=1e-12)


def test_the_niche_keeps_what_is_spared(struck):
    model, before, after = struck
    r = model.species.radiation
    vessel = r.vessel_spared + (1 - r.vessel_spared) * law(r.endothelium, 2.0, 4.0)
    stroma = r.stroma_spared + (1 - r.stroma_spared) * law(r.stroma, 2.0, 4.0)
    assert after.stroma.vessel == pytest.approx(before.stroma.vessel * vessel, rel=1e-12)
    assert after.stroma.lesions - before.stroma.lesions == pytest.approx(-np.log(law(r.endothelium, 2.0, 4.0)), rel=1e-12)
    assert after.stroma.stroma == pytest.approx(before.stroma.stroma * stroma, rel=1e-12)
    assert after.stroma.osteoblast == pytest.approx(before.stroma.osteoblast * stroma, rel=1e-12)
    assert (after.stroma.fat == before.stroma.fat).all()


def test_blood_is_not_hit(struck):
    _, before, after = struck
    for part in ("blood", "hormones"):
        now, then = getattr(after, part), getattr(before, part)
        for f in dataclasses.fields(then):
            assert (np.asarray(getattr(now, f.name)) == getattr(then, f.name)).all(), f.name


def test_of_a_piece_apart_only_its_share_of_the_organism_is_hit():
    """Lymphocytes of the whole body lose the piece's share of what would die; the piece itself is hit in full."""
    model, state = lab.marrow()
    apart = dataclasses.replace(model, apart=True, piece_share=0.1)
    before, cells = state.lymphoid.b, len(state.stem.id)
    hit(state, apart, 2.0)
    r = model.species.radiation
    p = (1 - r.resistant_share) * law(r.lymphocytes, 2.0, 4.0) + r.resistant_share * law(r.resistant_lymphocytes, 2.0, 4.0)
    assert state.lymphoid.b == pytest.approx(before * (1 - 0.1 * (1 - p)), rel=1e-12)
    assert state.lymphoid.b + state.lymphoid.dying_b == pytest.approx(before, rel=1e-12)
    assert len(state.stem.id) < 0.4 * cells


def test_more_dose_kills_whom_less_kills():
    """Arms that share a seed share their luck: survivors of 4 Gy are among those of 2 Gy, cell by cell and voxel by voxel."""
    alive, counts = [], []
    for dose in (2.0, 4.0):
        model, state = lab.marrow()
        hit(state, model, dose)
        alive.append(set(state.stem.id.tolist()))
        counts.append(state.counts)
    assert alive[1] < alive[0]
    assert (counts[1] <= counts[0]).all() and (counts[1] < counts[0]).any()


# ----------------------------------------------------------------------------------------------- hour by hour


def test_a_protracted_dose_is_given_hour_by_hour():
    """3 Gy over 6 h: every hour something is done, none before and after; survivors got all of it; by then the share alive
    is that of the whole dose with its repair."""
    event = Radiation(at=2.0, dose=3.0, duration=6.0)
    model, state = lab.marrow()
    model = dataclasses.replace(model, exposures=event.exposures())
    state.stem.cycling[:] = False
    n, done = len(state.stem.id), []
    for hour in range(12):
        state.hour = hour
        done.append(timeline.apply_due(state, model))
    assert done == [2 <= hour < 8 for hour in range(12)]
    assert state.stem.dose == pytest.approx(3.0, rel=1e-12)
    assert state.damage.dose == pytest.approx(3.0, rel=1e-12)
    r, f = model.species.radiation, model.stem_rest.cycling
    x = math.log(2) / r.repair_half_time * 6.0
    g = 2 / x**2 * (math.expm1(-x) + x)
    hourly = ((1 - f) + f * math.exp(-(r.cycling_ratio - 1) * r.stem_cells.alpha * 0.5)) ** 6
    assert near(len(state.stem.id), n, law(r.stem_cells, 3.0, 9.0 * g) / hourly)
    p = -math.expm1(-3.0 / model.species.stem_cells.senescence_dose)
    assert near(state.stem.senescent.sum(), len(state.stem.id), p)


def test_a_dose_spread_thin_is_given_but_is_no_blow():
    """2 Gy over 96 h: cells die hour by hour, and no hour makes the marrow another one at once."""
    model, state = lab.marrow()
    model = dataclasses.replace(model, exposures=Radiation(at=0.0, dose=2.0, duration=96.0).exposures())
    n, blows = len(state.stem.id), []
    for state.hour in range(96):
        blows.append(timeline.apply_due(state, model))
    assert not any(blows)
    assert state.stem.dose == pytest.approx(2.0, rel=1e-12) and len(state.stem.id) < n


def given(event, hours=30):
    """The state after the event and nothing else, hour by hour."""
    model, state = lab.marrow()
    model = dataclasses.replace(model, exposures=event.exposures())
    for state.hour in range(hours):
        timeline.apply_due(state, model)
    return model, state


@pytest.mark.parametrize("event", [{"duration": 24.0}, {"fractions": 24, "every": 1.0}], ids=["protracted", "fractions"])
def test_what_is_spared_of_the_niche_is_spared_however_the_dose_is_given(event):
    """Function that outlasts the death of its cells outlasts it in many small doses too, and a dose spread over a day
    hurts the niche no more than the same dose at once."""
    model, at_once = given(Radiation(at=0.0, dose=8.0))
    _, thin = given(Radiation(at=0.0, dose=8.0 / event.get("fractions", 1), **event))
    r = model.species.radiation
    assert (thin.stroma.vessel >= r.vessel_spared).all() and (thin.stroma.stroma >= r.stroma_spared).all()
    assert (thin.stroma.vessel < 0.85).all()
    assert (thin.stroma.vessel >= at_once.stroma.vessel).all() and (thin.stroma.stroma >= at_once.stroma.stroma).all()


@pytest.mark.parametrize("hours", [6, 24 * 15])
def test_resistant_lymphocytes_outlast_a_protracted_dose(hours):
    """The few that resist are those left after the first hours: 6 Gy over a day or weeks leave the share of the whole dose."""
    model, fresh = lab.marrow()
    _, state = given(Radiation(at=0.0, dose=6.0, duration=float(hours)), hours)
    r = model.species.radiation
    own, ly = state.lymphoid, model.species.lymphoid
    for pool, tough in (("b", r.resistant_share), ("cd4", ly.cd4.resistant), ("cd8", ly.cd8.resistant)):
        share = (1 - tough) * math.exp(-6 * r.lymphocytes.alpha) + tough * math.exp(-6 * r.resistant_lymphocytes.alpha)
        assert getattr(own, pool) / getattr(fresh.lymphoid, pool) == pytest.approx(share, rel=0.05), pool


def test_nothing_due_changes_nothing():
    model, state = lab.marrow()
    model = dataclasses.replace(model, exposures=Radiation(at=10.0, dose=5.0).exposures())
    counts, ids = state.counts.copy(), state.stem.id.copy()
    assert not timeline.apply_due(state, model)
    assert (state.counts == counts).all() and (state.stem.id == ids).all()


# ------------------------------------------------------------------------------------------------ the spec


def test_exposures_of_each_way_of_giving_a_dose():
    """Begin, end and dose of each, in the pattern of this number, with the event's RBE."""
    for event, given in (
        (Radiation(at=3.0, dose=6.0), [(3.0, 3.0, 6.0)]),
        (Radiation(at=3.0, dose=6.0, duration=50.0), [(3.0, 53.0, 6.0)]),
        (Radiation(at=0.0, dose=6.0, dose_rate=2.0), [(0.0, 3.0, 6.0)]),
        (Radiation(at=1.0, dose=2.0, fractions=3, every=24.0), [(1.0, 1.0, 2.0), (25.0, 25.0, 2.0), (49.0, 49.0, 2.0)]),
        (Radiation(at=0.0, dose=2.0, dose_rate=4.0, fractions=2, every=6.0), [(0.0, 0.5, 2.0), (6.0, 6.5, 2.0)]),
        (Radiation(at=3.0, map="plan.nii"), [(3.0, 3.0, 1.0)]),
    ):
        assert event.exposures() == tuple((*exposure, 0, 1.0) for exposure in given)
        again = dataclasses.replace(event, rbe=2.5)
        assert again.exposures(4) == tuple((*exposure, 4, 2.5) for exposure in given)


@pytest.mark.parametrize(("event", "entries"), [
    ({"fractions": 0}, ["fractions"]),
    ({"fractions": -2}, ["fractions"]),
    ({"fractions": 4}, ["every"]),
    ({"fractions": 4, "every": 2.0, "duration": 2.0}, ["every"]),
    ({"fractions": 4, "every": 2.0, "dose_rate": 0.5}, ["every"]),
    ({"fractions": 2, "every": 0.0}, ["every"]),
    ({"duration": 2.0, "dose_rate": 1.0}, ["dose_rate"]),
    ({"duration": 0.0, "dose_rate": 1.0}, ["dose_rate"]),
    ({"duration": 2.0, "dose_rate": 1.0, "fractions": 3, "every": 1.0}, ["dose_rate", "every"]),
    ({}, []),
    ({"fractions": 4, "every": 2.1, "duration": 2.0}, []),
    ({"duration": 2.0, "dose_rate": 2.0}, []),
    ({"duration": 2.0, "dose_rate": 2.001}, []),
    ({"fractions": 3, "every": 24.0}, []),
])
def test_entries_that_disagree_are_named(event, entries):
    found = list(Radiation(at=0.0, dose=4.0, **event).contradictions())
    assert [entry for entry, _ in found] == entries
    assert all(len(said) > 20 and said.endswith(".") for _, said in found)


def test_a_scenario_with_such_an_event_is_refused_with_every_mistake():
    event = {"kind": "radiation", "at": "1 d", "dose": "4 Gy", "fractions": 3, "duration": "2 h", "dose_rate": "5 Gy/h"}
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(events=[event])
    assert any("dose_rate" in m for m in refused.value.mistakes) and any("every" in m for m in refused.value.mistakes)
