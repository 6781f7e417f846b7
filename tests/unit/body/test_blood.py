"""Blood rests where production and life say, and red cells and platelets live their finite lives."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.body import blood


@pytest.fixture(scope="module")
def spec():
    return lab.scenario().parameters.blood


def output(spec):
    """Resting production [cells/h] by exit, as blood itself asks for it."""
    need = blood.production(spec)
    return need | {
        "neutrophils": spec.neutrophils * spec.volume / spec.neutrophil_life,
        "monocytes": spec.monocytes * spec.volume / spec.monocyte_life,
    }


def empty(spec):
    return blood.BloodState(neutrophils=0.0, monocytes=0.0, maturing=0.0, reticulocytes=0.0, red=np.zeros(spec.red_cell_stages),
                            platelet=np.zeros(spec.platelet_stages))


def run(state, inflow, spec, hours, dt=0.25):
    for _ in range(round(hours / dt)):
        blood.advance(state, inflow, spec, dt)
    return state


def test_blood_at_rest_stands_still(spec):
    state, flow = blood.rest(spec, output(spec)), output(spec)
    run(state, flow, spec, 24 * 30)
    rest = blood.rest(spec, flow)
    for f in dataclasses.fields(rest):
        assert getattr(state, f.name) == pytest.approx(getattr(rest, f.name), rel=1e-11), f.name


def test_resting_blood_holds_the_measured_counts(spec):
    """Reticulocytes and red cells together, platelets of blood and spleen, neutrophils, monocytes."""
    state = blood.rest(spec, output(spec))
    assert (state.red.sum() + state.reticulocytes) / spec.volume == pytest.approx(spec.red_cells, rel=1e-12)
    assert state.platelet.sum() / spec.platelet_pool / spec.volume == pytest.approx(spec.platelets, rel=1e-12)
    assert state.neutrophils / spec.volume == pytest.approx(spec.neutrophils, rel=1e-12)
    assert state.monocytes / spec.volume == pytest.approx(spec.monocytes, rel=1e-12)
    assert state.reticulocytes / (state.red.sum() + state.reticulocytes) == pytest.approx(
        spec.reticulocyte_time / spec.red_cell_life, rel=1e-12)


def test_empty_blood_fills_to_rest(spec):
    """Nothing is lost on the way: with resting production every pool comes back from none."""
    state, rest = run(empty(spec), output(spec), spec, 24 * 200), blood.rest(spec, output(spec))
    for f in dataclasses.fields(rest):
        assert getattr(state, f.name) == pytest.approx(getattr(rest, f.name), rel=1e-3), f.name


def life(pool, entering, spec, hours, dt):
    """Mean and coefficient of variation [h, -] of the time that cells entering at once stay in `pool`."""
    state = empty(spec)
    blood.advance(state, {name: 0.0 for name in output(spec)} | entering, spec, dt)
    still, none = [], {name: 0.0 for name in output(spec)}
    for _ in range(round(hours / dt)):
        still.append(pool(state))
        blood.advance(state, none, spec, dt)
    still = np.array(still) / (next(iter(entering.values())) * dt)
    assert still[0] == pytest.approx(1.0) and still[-1] < 1e-3
    time = (np.arange(len(still)) + 0.5) * dt
    mean = still.sum() * dt
    return mean, np.sqrt(2 * (still * time).sum() * dt - mean**2) / mean


def test_platelets_live_an_erlang_life(spec):
    """Survival of one day's platelets: mean life as measured, spread 1/√n, zero deaths at first."""
    dt = 0.1
    mean, spread = life(lambda s: s.platelet.sum(), {"platelets": 1000.0}, spec, 24 * 25, dt)
    assert mean == pytest.approx(spec.platelet_life, rel=2e-3)
    assert spread == pytest.approx(spec.platelet_stages**-0.5, rel=0.01)


def test_red_cells_live_an_erlang_life(spec):
    """From entry into blood as a reticulocyte; the mature time has spread 1/√n of itself."""
    dt = 0.5

    def in_blood(s):
        return s.reticulocytes + s.red.sum() + s.maturing

    mean, spread = life(in_blood, {"reticulocytes": 1000.0}, spec, 24 * 140, dt)
    assert mean == pytest.approx(spec.reticulocyte_marrow_time + spec.red_cell_life, rel=2e-3)
    mature = spec.red_cell_life - spec.reticulocyte_time
    variance = mature**2 / spec.red_cell_stages + spec.reticulocyte_time**2 + spec.reticulocyte_marrow_time**2
    assert spread * mean == pytest.approx(np.sqrt(variance), rel=0.01)


def test_neutrophils_and_monocytes_leave_at_random(spec):
    """Exponential: after a life, 1/e are left; first order in the step."""
    for name, kept in (("neutrophils", spec.neutrophil_life), ("monocytes", spec.monocyte_life)):
        error = {}
        for dt in (0.25, 0.125):
            state = empty(spec)
            setattr(state, name, 1000.0)
            hours = round(kept / 0.25) * 0.25
            run(state, {n: 0.0 for n in output(spec)}, spec, hours, dt)
            error[dt] = abs(getattr(state, name) / (1000 * np.exp(-hours / kept)) - 1)
        assert error[0.25] < 0.01
        assert error[0.25] / error[0.125] == pytest.approx(2.0, abs=0.1)


def test_cells_pass_from_pool_to_pool_without_loss(spec):
    """One step: what enters less what leaves the last stage is what the pools gain."""
    rng = np.random.default_rng(1)
    state = blood.BloodState(neutrophils=1e4, monocytes=1e3, maturing=4e4, reticulocytes=7e4,
                             red=rng.uniform(1e5, 2e5, spec.red_cell_stages), platelet=rng.uniform(1e4, 2e4, spec.platelet_stages))
    dt, flow = 0.25, {"reticulocytes": 500.0, "platelets": 900.0, "neutrophils": 0.0, "monocytes": 0.0}
    red, platelets = state.maturing + state.reticulocytes + state.red.sum(), state.platelet.sum()
    old_red = state.red[-1] * spec.red_cell_stages / (spec.red_cell_life - spec.reticulocyte_time)
    old_platelets = state.platelet[-1] * spec.platelet_stages / spec.platelet_life
    blood.advance(state, flow, spec, dt)
    assert state.maturing + state.reticulocytes + state.red.sum() - red == pytest.approx(dt * (500.0 - old_red), rel=1e-9)
    assert state.platelet.sum() - platelets == pytest.approx(dt * (900.0 - old_platelets), rel=1e-9)


def test_in_anaemia_reticulocytes_leave_marrow_sooner_and_stay_longer_in_blood(spec):
    """At half the haemoglobin: so many hours less in marrow, as many more in blood; how many are made is the same."""
    flow, hours = output(spec), blood.shift(0.5, spec)
    assert hours == pytest.approx(0.5 * spec.reticulocyte_shift * spec.reticulocyte_marrow_time)
    assert blood.shift(1.0, spec) == blood.shift(1.3, spec) == 0.0 and blood.shift(0.0, spec) < spec.reticulocyte_marrow_time
    state = blood.rest(spec, flow)
    for _ in range(24 * 4 * 30):
        blood.advance(state, flow, spec, 0.25, 0.5)
    assert state.maturing == pytest.approx(flow["reticulocytes"] * (spec.reticulocyte_marrow_time - hours), rel=1e-9)
    assert state.reticulocytes == pytest.approx(flow["reticulocytes"] * (spec.reticulocyte_time + hours), rel=1e-7)


def test_a_step_is_linear_in_the_cells(spec):
    """Two bloods stepped apart are their sum stepped as one, in anaemia too."""
    flow = output(spec)
    whole, part = blood.rest(spec, flow), blood.rest(spec, {name: 0.25 * f for name, f in flow.items()})
    rest = dataclasses.replace(whole, red=whole.red - part.red, platelet=whole.platelet - part.platelet, **{
        name: getattr(whole, name) - getattr(part, name) for name in ("neutrophils", "monocytes", "maturing", "reticulocytes")})
    for _ in range(200):
        blood.advance(whole, {name: 1.5 * f for name, f in flow.items()}, spec, 0.25, 0.7)
        blood.advance(part, {name: 1.1 * f for name, f in flow.items()}, spec, 0.25, 0.7)
        blood.advance(rest, {name: 0.4 * f for name, f in flow.items()}, spec, 0.25, 0.7)
    for f in dataclasses.fields(whole):
        assert getattr(part, f.name) + getattr(rest, f.name) == pytest.approx(getattr(whole, f.name), rel=1e-12), f.name


def test_gcsf_brings_neutrophils_from_the_walls_into_the_stream(spec):
    """At rest the count is the measured one; under G-CSF more of the same pool is counted, at most the freed share of it."""
    flow = output(spec) | {"neutrophils": 2.5 * output(spec)["neutrophils"]}
    rest = blood.rest(spec, flow)
    assert blood.circulating(spec, rest, 1.0) == blood.circulating(spec, rest, 0.2) == pytest.approx(0.4)
    counts = [blood.counts(rest, spec, rest, g)["neutrophils_per_uL"] for g in (1.0, 1 + spec.neutrophils_freed_half, 1e6)]
    assert counts == pytest.approx([spec.neutrophils, spec.neutrophils * 0.5 * (1 + spec.neutrophils_freed / 0.4),
                                    spec.neutrophils * spec.neutrophils_freed / 0.4], rel=1e-4)
    none_at_walls = blood.rest(spec, output(spec))
    assert blood.circulating(spec, none_at_walls, 1e6) == pytest.approx(1.0)


def test_bleeding_takes_what_is_in_the_stream(spec):
    flow = output(spec) | {"neutrophils": 2.5 * output(spec)["neutrophils"]}
    rest, state = blood.rest(spec, flow), blood.rest(spec, flow)
    blood.bleed(state, 0.4, spec, rest, 1.0)
    assert state.red == pytest.approx(0.6 * rest.red) and state.reticulocytes == pytest.approx(0.6 * rest.reticulocytes)
    assert state.maturing == rest.maturing
    lost = {name: (np.sum(getattr(rest, name)) - np.sum(getattr(state, name))) / spec.volume for name in ("neutrophils", "platelet")}
    assert lost == pytest.approx({"neutrophils": 0.4 * spec.neutrophils, "platelet": 0.4 * spec.platelets}, rel=1e-9)
