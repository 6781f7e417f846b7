"""The niche is hurt by empty marrow and heals from what is left, never from nothing."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.marrow import stroma
from marrow_niche.marrow.damage import lesions
from marrow_niche.marrow.stroma import StromaState

N = 6


@pytest.fixture(scope="module")
def spec():
    return lab.scenario().parameters.stroma


def niche(spec, *, vessel=1.0, s=1.0, fat=None, osteoblast=1.0):
    return StromaState(vessel=np.full(N, float(vessel)), fat=np.full(N, spec.fat_at_rest if fat is None else float(fat)),
                       stroma=np.full(N, float(s)), osteoblast=np.full(3, float(osteoblast)), membrane=np.linspace(0.0, 1.0, N))


def run(state, spec, hours, *, cells=1.0, kit=1.0, gcsf=1.0, dt=6.0, at=None, vegfr2=1.0):
    at = np.arange(N) if at is None else at
    for _ in range(round(hours / dt)):
        stroma.advance(state, np.full(N, float(cells)), np.full(N, float(kit)), at, gcsf, spec, dt, vegfr2)
    return state


def logistic(start, rate, hours):
    return 1 / (1 + (1 / start - 1) * np.exp(-rate * hours))


def test_the_resting_niche_stands_still(spec):
    state = run(niche(spec), spec, 2400)
    for part, rest in ((state.vessel, 1.0), (state.stroma, 1.0), (state.fat, spec.fat_at_rest), (state.osteoblast, 1.0)):
        assert part == pytest.approx(rest, rel=1e-12)


def test_what_a_membrane_holds_is_of_the_cell_and_does_not_move(spec):
    """Through injury and healing the SCF that each stromal cell holds, over the wild type, stays as it was."""
    state = run(niche(spec, s=0.2), spec, 480, cells=0.1)
    assert (state.membrane == niche(spec).membrane).all() and np.ptp(state.membrane) == 1.0


@pytest.mark.parametrize("cells", [0.0, 0.3, 1.0, 2.0])
def test_nothing_heals_from_nothing(spec, cells):
    """No vessel and no stroma is left: none come back, however full the marrow, and however empty."""
    state = run(niche(spec, vessel=0.0, s=0.0), spec, 24 * 200, cells=cells, kit=1.5)
    assert not state.vessel.any() and not state.stroma.any()


@pytest.mark.parametrize(("part", "start"), [("vessel", 0.1), ("stroma", 0.05), ("vessel", 0.6)])
def test_regrowth_is_logistic(spec, part, start):
    """In full marrow against the closed form over ten days: first order in the step, under a hundredth at its own 6 h."""
    rate = spec.vessel_healing if part == "vessel" else spec.stroma_healing
    error = {}
    for dt in (6.0, 3.0, 1.5):
        state = run(niche(spec, **{"vessel" if part == "vessel" else "s": start}), spec, 240, dt=dt)
        error[dt] = np.abs(getattr(state, part) - logistic(start, rate, 240)).max()
    assert error[6.0] < 0.011
    assert error[6.0] / error[3.0] == pytest.approx(2.0, abs=0.25)
    assert error[3.0] / error[1.5] == pytest.approx(2.0, abs=0.15)


def test_without_blood_forming_cells_no_sinusoid_regrows(spec):
    """Full of cells but none of them Kit+: an injured wall stays as it is, for a year (Chen 2019); a few regrow it by as many."""
    alone = run(niche(spec, vessel=0.4), spec, 24 * 365, kit=0.0)
    assert alone.vessel == pytest.approx(0.4, rel=1e-9)
    helped = run(niche(spec, vessel=0.4), spec, 240, kit=0.2, dt=0.5)
    assert helped.vessel == pytest.approx(logistic(0.4, 0.2 * spec.vessel_healing, 240), rel=2e-3)


def test_without_its_receptor_an_injured_sinusoid_is_lost_and_an_intact_one_is_not(spec):
    """However many blood-forming cells there are; down to the remnant, logistically. Half of the receptor regrows it, slower."""
    rate = spec.vessel_healing * spec.vessel_upkeep / (1 - spec.vessel_upkeep)
    bare = dataclasses.replace(spec, vessel_remnant=0.0)
    for kit in (0.0, 1.0, 5.0):
        state = run(niche(bare, vessel=0.6), bare, 240, kit=kit, dt=0.5, vegfr2=0.0)
        assert state.vessel == pytest.approx(logistic(0.6, -rate, 240), rel=2e-3)
    assert run(niche(spec, vessel=0.6), spec, 24 * 365, vegfr2=0.0).vessel == pytest.approx(spec.vessel_remnant, rel=1e-3)
    assert (run(niche(spec), spec, 24 * 365, vegfr2=0.0).vessel == 1.0).all()
    whole, half = (run(niche(spec, vessel=0.3), spec, 240, vegfr2=r).vessel for r in (1.0, 0.5))
    assert (half > 0.3).all() and (half < whole).all()


def test_fat_hinders_the_regrowth_of_sinusoids_and_not_their_loss(spec):
    """By its share above rest; at rest and where the switch is off it does nothing (Zhou 2017)."""
    calm = dataclasses.replace(spec, fat_clearing=0.0)
    lean, fat = (run(niche(calm, vessel=0.2, fat=f), calm, 120, dt=0.5).vessel for f in (None, 0.45))
    assert lean == pytest.approx(logistic(0.2, spec.vessel_healing, 120), rel=2e-3)
    assert fat == pytest.approx(logistic(0.2, 0.6 * spec.vessel_healing, 120), rel=2e-3)
    off = dataclasses.replace(calm, fat_on_vessels=0.0)
    assert (run(niche(off, vessel=0.2, fat=0.45), off, 120, dt=0.5).vessel == lean).all()
    first, second = (run(niche(calm, vessel=0.6, fat=f), calm, 120, vegfr2=0.0).vessel for f in (None, 0.45))
    assert (first == second).all()


def test_help_of_blood_forming_cells_has_a_limit(spec):
    many, more = (run(niche(spec, vessel=0.1), spec, 48, kit=k).vessel for k in (1.5, 30.0))
    assert (many == more).all()
    assert (many > run(niche(spec, vessel=0.1), spec, 48, kit=1.0).vessel).all()


def test_empty_marrow_loses_its_niche_and_turns_to_fat(spec):
    """Stroma decays at h_s (1 − s) − i_s E²; what is lost of it becomes fat; vessels keep at least their remnant."""
    state = run(niche(spec), spec, 24 * 20, cells=0.0, kit=0.0)
    assert (state.vessel < 0.75).all() and (state.vessel > spec.vessel_remnant).all()
    assert (state.stroma < 0.95).all() and (state.fat > spec.fat_at_rest + 0.1).all()
    last = niche(dataclasses.replace(spec, vessel_healing=0.0))
    run(last, dataclasses.replace(spec, vessel_healing=0.0), 24 * 400, cells=0.0, kit=0.0)
    assert last.vessel == pytest.approx(spec.vessel_remnant, rel=1e-3)


def test_emptiness_begins_at_its_threshold(spec):
    """E = max(0, 1 − C/θ): at θ nothing suffers; one step at C = θ/2 takes a quarter of the full rates."""
    at = niche(spec)
    run(at, spec, 6, cells=spec.emptiness_begins)
    assert (at.vessel == 1).all() and (at.stroma == 1).all()
    half = niche(spec)
    run(half, spec, 6, cells=spec.emptiness_begins / 2)
    assert 1 - half.vessel == pytest.approx(6 * spec.vessel_injury * 0.25 * (1 - spec.vessel_remnant), rel=1e-12)
    assert 1 - half.stroma == pytest.approx(6 * spec.stroma_injury * 0.25, rel=1e-12)
    assert half.fat - spec.fat_at_rest == pytest.approx(6 * spec.stroma_injury * 0.25, rel=1e-12)


def test_each_place_suffers_for_itself(spec):
    """Stroma reads its own voxel; fat comes where stroma is lost, by the mean of the voxel, and by that of all elsewhere."""
    state = niche(spec)
    cells = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    at = np.array([0, 0, 1, 2, 2, 2])
    state.stroma[1] = 0.5
    stroma.advance(state, cells, np.ones(N), at, 1.0, spec, 6.0)
    injury = 6 * spec.stroma_injury
    assert state.stroma[[0, 2, 3]] == pytest.approx([1 - injury, 1.0, 1.0], rel=1e-12)
    assert state.stroma[1] == pytest.approx(0.5 + 6 * spec.stroma_healing * 0.25 - 0.5 * injury, rel=1e-12)
    gained = state.fat - spec.fat_at_rest
    assert gained[:3] == pytest.approx([0.75 * injury, 0.0, 0.0], abs=1e-15)
    assert gained[3:] == pytest.approx(1.5 * injury / 6, rel=1e-12)
    assert (state.vessel[1:] == 1).all() and state.vessel[0] < 1


def test_fat_resolves_faster_among_cells(spec):
    """From one half at r (0.3 + 0.7 C): exponential, first order in the step."""
    for cells in (1.0, 0.7):
        state = run(niche(spec, fat=0.5), spec, 240, cells=cells, dt=1.0)
        rate = spec.fat_clearing * (0.3 + 0.7 * cells)
        assert state.fat - spec.fat_at_rest == pytest.approx((0.5 - spec.fat_at_rest) * np.exp(-rate * 240), rel=0.01)


def test_gcsf_holds_osteoblasts_down(spec):
    """To 1/(1 + 3 g) at g = G/(G + 20) − 1/21; below rest it does nothing."""
    state = run(niche(spec), spec, 24 * 60, gcsf=100.0)
    assert state.osteoblast == pytest.approx(1 / (1 + 3 * (100 / 120 - 1 / 21)), rel=1e-9)
    assert (run(niche(spec), spec, 240, gcsf=0.1).osteoblast == 1).all()


def test_integrities_stay_between_none_and_whole(spec):
    """Even where a step is far too long."""
    wild = dataclasses.replace(spec, vessel_injury=1.0, stroma_injury=1.0, fat_clearing=1.0, osteoblast_turnover=1.0)
    state = niche(wild, vessel=0.5, s=0.5, fat=0.9)
    for cells in (0.0, 2.0, 0.0):
        run(state, wild, 6, cells=cells, gcsf=50.0)
        for part in (state.vessel, state.stroma, state.fat, state.osteoblast):
            assert (part >= 0).all() and (part <= 1).all()


def test_walls_that_nothing_can_regrow_are_lost_in_their_turnover_and_not_at_once(spec):
    """In full marrow after 40 Gy: as they were for days, and then away by the closed form, down to the remnant; 9.5 Gy leave
    cells everywhere that regrow them, to the bit, and so do four times 5 Gy but for one wall in millions."""
    endothelium = lab.scenario().parameters.radiation.endothelium
    after = {gray: lesions(endothelium, gray, 9.0 * (2 * gray - 9.0)) for gray in (9.5, 25.0, 40.0)}
    state = niche(spec)
    state.lesions = after[40.0]
    assert 0.99 < stroma.sterile(after[25.0], spec) < stroma.sterile(state.lesions, spec)
    for days in (5, 55, 120):
        run(state, spec, 24 * days, dt=6.0)
        if days == 5:
            assert (state.vessel > 0.94).all()
    expected = spec.vessel_remnant + (1 - spec.vessel_remnant) * np.exp(-spec.vessel_late_loss * 24 * 180)
    assert state.vessel == pytest.approx(expected, rel=0.02)
    for lasting, close in ((after[9.5], 0.0), (4 * lesions(endothelium, 5.0, 25.0), 1e-6)):
        hit, calm = niche(spec, vessel=0.4), niche(spec, vessel=0.4)
        hit.lesions = lasting
        assert run(hit, spec, 24 * 60).vessel == pytest.approx(run(calm, spec, 24 * 60).vessel, rel=close, abs=0.0)


def test_each_place_has_lesions_of_its_own(spec):
    """Half of the walls sterile: these go, the others stay."""
    state = niche(spec)
    state.lesions = np.array([0.0, 40.0] * (N // 2))
    run(state, spec, 24 * 200)
    assert (state.vessel[::2] == 1.0).all() and (state.vessel[1::2] < 0.2).all()


@pytest.mark.parametrize("gray", [18.0, 20.0, 21.0, 22.0])
def test_what_can_divide_regrows_into_the_place_of_what_cannot(spec, gray):
    """In full marrow the wall ends where regrowth and late loss are equal: the root of (1 - b) h v (1 - v) = l b (v - v0)."""
    state = niche(spec)
    state.lesions = lesions(lab.scenario().parameters.radiation.endothelium, gray, 9.0 * (2 * gray - 9.0))
    b = stroma.sterile(state.lesions, spec)
    grows, goes = (1 - b) * spec.vessel_healing, b * spec.vessel_late_loss
    expected = np.roots([grows, goes - grows, -goes * spec.vessel_remnant]).max()
    assert run(state, spec, 24 * 3000).vessel == pytest.approx(expected, rel=1e-3)
