"""Where stem cells stand at rest: the sample lives as its equation says, and keeps its numbers."""

import dataclasses
from types import SimpleNamespace

import lab
import numba
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.kernels.streams import generator
from marrow_niche.resting import places


@pytest.fixture(scope="module")
def model():
    return lab.marrow("0.1 mm", "25 um")[0]


def line(k):
    """2k cells on a line, the second half of the tip, all at 0."""
    return SimpleNamespace(
        id=np.arange(2 * k), tip=np.arange(2 * k) >= k, position=np.zeros((2 * k, 3)), voxel=np.zeros(2 * k, np.int32), distance=np.zeros(2 * k)
    )


def gains(net, given=None):
    """What is done where cells gain `net` (k,) [1/h]."""
    return places.Doing(rates=None, division=np.zeros_like(net), net=net, given=np.zeros_like(net) if given is None else given)


def test_a_generation_is_drawn_as_cell_by_cell():
    """Systematic resampling: the obvious twin walks along the cells and takes one each time it has passed another n-th of all."""
    k, rng = 300, np.random.default_rng(1)
    sample = line(k)
    sample.voxel[:] = np.arange(2 * k)
    did = gains(rng.normal(0, 1e-2, 2 * k), np.where(sample.tip, 2e-3, 0.0))
    mothers = places.succeed(sample, did, 60.0, np.random.default_rng(2))
    draw = np.random.default_rng(2)
    for kind, weight in (
        (~sample.tip, np.where(sample.tip, 60.0 * did.given, np.exp(60.0 * did.net))),
        (sample.tip, np.where(sample.tip, np.exp(60.0 * did.net), 0.0)),
    ):
        each, passed, wanted, offset = weight.sum() / k, 0.0, [], draw.random()
        for cell in range(2 * k):
            passed += weight[cell]
            while (len(wanted) + offset) * each < passed - 1e-12 and len(wanted) < k:
                wanted.append(cell)
        assert mothers[kind].tolist() == draw.permutation(np.array(wanted)).tolist()
    assert sample.voxel.tolist() == mothers.tolist()
    assert (~sample.tip).sum() == k  # of each kind as many as before
    assert sample.tip[mothers[sample.tip]].all()  # no other stem cell becomes one of the tip


def test_without_gain_nobody_is_chosen_over_another():
    sample = line(500)
    sample.voxel[:] = np.arange(1000)
    places.succeed(sample, gains(np.zeros(1000)), 60.0, np.random.default_rng(5))
    assert sorted(sample.voxel) == list(range(1000))


def test_selection_against_walk_has_its_known_law():
    """On a line with gain -a x^2 and diffusivity D the density is a Gaussian of variance sqrt(D / a), and its mean gain is
    -sqrt(a D): the ground state of the oscillator. 40,000 cells, 200 spells: 0.7 % of the variance is chance."""
    k, a, d, hours = 20_000, 1e-5, 0.4, 12.0
    sample, rng = line(k), np.random.default_rng(7)
    variances, growths = [], []
    for spell in range(300):
        did = gains(-a * sample.position[:, 0] ** 2)
        weight = places.half_way(did, sample.tip, hours)
        if spell >= 100:
            variances.append((weight * sample.position[:, 0] ** 2)[~sample.tip].mean())
            growths.append(places.growth(did, sample.tip, weight))
        places.succeed(sample, did, hours, rng)
        sample.position[:, 0] += rng.normal(0, np.sqrt(2 * d * hours), 2 * k)
    assert np.mean(variances) == pytest.approx(np.sqrt(d / a), rel=0.03)
    assert np.mean(growths, axis=0) == pytest.approx(-np.sqrt(a * d), rel=0.03)


def test_without_growth_and_egress_the_law_of_the_walk_stays(model, monkeypatch):
    """Places drawn where affinity puts stem cells stay there, in number of cells by distance from sinusoids, for 80 days."""
    state = lab.marrow("0.1 mm", "25 um")[1]
    state.stem = places.sample_of(model)
    before = np.quantile(state.stem.distance, [0.25, 0.5, 0.75, 0.9])

    def still(felt, tip, number, model):
        did = real(felt, tip, number, model)
        return dataclasses.replace(did, net=np.zeros(len(tip)), given=np.zeros(len(tip)))

    real = places.doing
    monkeypatch.setattr(places, "doing", still)
    monkeypatch.setattr(coupling, "egress_rate", lambda felt, model: np.zeros(len(felt["scf"])))
    number = model.species.stem_cells.numbers * model.piece_share
    for turn in range(1, 9):
        places.live(state, number, model, generator(3, 1), turn)
    assert np.quantile(state.stem.distance, [0.25, 0.5, 0.75, 0.9]) == pytest.approx(before, rel=0.05)


def test_cells_that_leave_come_back_beside_sinusoids_and_no_others_move(model):
    sample = places.sample_of(model)
    before = sample.position.copy()
    rate = np.where(np.arange(len(sample.id)) < 2000, np.inf, 0.0)
    places.leave(sample, rate, 60.0, model, generator(3, 1), 9)
    moved = (sample.position != before).any(axis=1)
    assert moved[:2000].all() and not moved[2000:].any()
    assert (model.geometry.sinusoid_area[sample.voxel[:2000]] > 0).all()


def test_at_rest_what_is_gained_leaves(model, monkeypatch):
    """What others give to MPP and MkP is what they make, with the tip's part, less what dies: net growth does not enter."""
    state = lab.marrow("0.1 mm", "25 um")[1]
    state.stem = places.sample_of(model)
    number = np.array([0.9, 1.2]) * model.species.stem_cells.numbers * model.piece_share
    others = ~state.stem.tip
    did = places.doing(coupling.stem_signals(state, model, number), state.stem.tip, number, model)
    weight = places.half_way(did, state.stem.tip, places.spell(model))
    monkeypatch.setattr(places, "SPELLS", 1)
    lived = places.live(state, number, model, generator(3, 1), 1)
    made = (weight * (did.division - did.rates.death))[others].mean()
    from_tip = (weight * did.given)[~others].sum() / others.sum()
    assert sum(part.sum() for part in lived.leaving.values()) == pytest.approx(made + from_tip, rel=1e-9)


def test_only_those_out_of_cycle_leave(model, monkeypatch):
    """As in a run: at the rate of egress, less the share that is in cycle."""
    state, asked = lab.marrow("0.1 mm", "25 um")[1], []
    state.stem = places.sample_of(model)
    number = model.species.stem_cells.numbers * model.piece_share
    did = places.doing(coupling.stem_signals(state, model, number), state.stem.tip, number, model)
    cycling = did.rates.wake / (did.rates.wake + 1 / model.species.stem_cells.cycle_time + did.rates.death)
    monkeypatch.setattr(places, "SPELLS", 1)
    monkeypatch.setattr(coupling, "egress_rate", lambda felt, model: np.full(len(felt["scf"]), 0.01))
    monkeypatch.setattr(places, "leave", lambda sample, rate, *others: asked.append(rate))
    monkeypatch.setattr(places, "succeed", lambda sample, did, hours, rng: np.arange(len(sample.id)))
    places.live(state, number, model, generator(3, 1), 1)
    assert cycling.min() > 0 and cycling.max() > 0.03
    assert asked[0] == pytest.approx(0.01 * (1 - cycling), rel=1e-12)


def test_competitors_stand_for_the_piece(model):
    """By quarters their numbers are halves of each kind, at as many places as are stored."""
    sample = places.sample_of(model)
    level = np.array([0.8, 1.1])
    found = places.density(sample, level, model)
    number = level * model.species.stem_cells.numbers * model.piece_share
    assert found.sum(axis=1) == pytest.approx(np.repeat(number / 2, 2))
    each = number / np.maximum(places.stored(level, model), places.GRAIN)
    smallest = [found[2 * kind][found[2 * kind] > 0].min() for kind in (0, 1)]
    assert smallest == pytest.approx(each, rel=0.06)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_any_number_of_threads_lives_the_same_life(model):
    lives = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        state = lab.marrow("0.1 mm", "25 um")[1]
        state.stem = places.sample_of(model)
        lived = places.live(state, model.species.stem_cells.numbers * model.piece_share, model, generator(3, 1), 1)
        lives.append((state.stem.position, lived.growth, *lived.leaving.values()))
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for one, other in zip(*lives):
        assert np.array_equal(one, other)
