"""Where a cell is decides what becomes of it."""

import lab
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.resting.places import net_growth
from marrow_niche.simulation import advance, step
from marrow_niche.state import take

TIP_EVENTS = 0.05
"""More divisions a day than a cell of the tip makes in any of this: the variance of their number."""


def sides(state, middle):
    """Stem cells in marrow below and above x = `middle` [um]."""
    x = state.stem.position[state.stem.voxel >= 0, 0]
    return np.array([(x < middle).sum(), (x >= middle).sum()])


def test_stem_cells_fall_where_stroma_is_removed_and_not_elsewhere():
    """60 days without stroma on one side: 30 to 80 % of its stem cells go (40 to 60 % stay in Omatsu 2010), the other side
    loses no more than 15 %."""
    model, state = lab.marrow()
    middle = float(np.median(model.lattice.centres()[:, 0]))
    before = sides(state, middle)
    state.stroma.stroma[model.geometry.niches.stroma[:, 0] < middle] = 0.0
    for _ in range(60 * 24):
        advance(state, model)
    bare, kept = sides(state, middle) / before
    assert 0.2 <= bare <= 0.7
    assert kept >= 0.85


def test_self_renewal_falls_in_the_quarter_whose_stroma_makes_half_the_scf():
    """Renewal by cell, before and after, with a margin of 100 um about the border left out."""
    model, state = lab.marrow()
    step.update_fields(state, model)
    centre = model.lattice.centres().mean(axis=0)
    before = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model).renewal
    stroma = model.geometry.niches.stroma
    state.stroma.stroma[(stroma[:, 0] < centre[0]) & (stroma[:, 1] < centre[1])] = 0.5
    step.update_fields(state, model)
    after = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model).renewal
    p = state.stem.position - centre
    inside = (p[:, 0] < -100) & (p[:, 1] < -100)
    outside = (p[:, 0] > 100) | (p[:, 1] > 100)
    assert min(inside.sum(), outside.sum()) > 200
    assert (after[inside] - before[inside]).mean() < -0.03
    assert np.abs(after[outside] - before[outside]).max() < 0.01


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_stem_cells_halved_or_doubled_come_back_at_the_rate_the_model_says(factor):
    """Day by day each kind changes by the mean net growth of its cells, (2p - 1) d - death, and the others by what the tip
    gives, 2 (1 - p) d, besides; all together by the sum of it. In 24 days the gap of all closes by a third."""
    model, state = lab.marrow()
    rest = len(state.stem.id)
    rng = np.random.default_rng(3)
    chosen = rng.choice(rest, round(rest * factor), replace=factor > 1)
    s = take(state.stem, np.sort(chosen))
    s.id = np.arange(len(s.id), dtype=np.int64)
    s.clone, state.stem, state.next_id = s.id.copy(), s, len(s.id)
    start, predicted = np.array([(~s.tip).sum(), s.tip.sum()]), np.zeros(2)
    for hour in range(24 * 24):
        advance(state, model)
        if hour % 24 == 12:
            here = state.stem.voxel >= 0
            rates = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model)
            division, net = net_growth(rates, model.species.stem_cells.cycle_time)
            kinds = here & ~state.stem.tip, here & state.stem.tip
            fed = 2 * ((1 - rates.renewal) * division)[kinds[1]].sum()
            predicted += 24 * np.array([net[kinds[0]].sum() + fed, net[kinds[1]].sum()])
    now = np.array([(~state.stem.tip).sum(), state.stem.tip.sum()])
    assert now - start == pytest.approx(predicted, abs=0.06 * start.sum())
    assert (now - start)[1] == pytest.approx(predicted[1], abs=4.5 * np.sqrt(start[1] * 24 * TIP_EVENTS))
    assert now.sum() - start.sum() == pytest.approx(predicted.sum(), abs=0.06 * start.sum())
    assert abs(np.log(len(state.stem.id) / rest)) < 0.67 * abs(np.log(factor))


def test_the_tip_has_a_room_of_its_own():
    """With half of the tip gone what is left of it gains, whatever the others do; without half of the others the tip neither
    gains nor loses by it, while the others gain. So neither kind drives out the other."""
    gains = {}
    for kept in ((1.0, 1.0), (1.0, 0.5), (0.5, 1.0)):  # others, tip
        model, state = lab.marrow()
        share = np.array(kept)[state.stem.tip.astype(int)]
        state.stem = take(state.stem, np.random.default_rng(5).random(len(share)) < share)
        step.update_fields(state, model, anew=True)
        rates = coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model)
        net = 24 * net_growth(rates, model.species.stem_cells.cycle_time)[1]
        gains[kept] = np.array([net[~state.stem.tip].mean(), net[state.stem.tip].mean()])
    others, tip = (gains[1.0, 0.5] - gains[1.0, 1.0])
    assert tip > 0.002 and 0 <= others < tip
    others, tip = (gains[0.5, 1.0] - gains[1.0, 1.0])
    assert others > 0.005 and abs(tip) < 0.2 * 0.002
