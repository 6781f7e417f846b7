"""What becomes of each stem cell: events at their rates, one at a time, daughters that add up."""

import dataclasses
import math

import numpy as np
import pytest

from marrow_niche.marrow import fate

K, CYCLE = 60_000, 18.0
IDS = np.arange(K)


def decide(*, wake=0.02, renewal=0.7, death=0.01, share=0.4, cycling=True, senescent=False, here=True, tip=False, dt=1.0, step=0, ids=IDS, attrition=None):
    k = len(ids)
    rates = fate.Rates(wake=np.full(k, wake), renewal=np.full(k, renewal), death=np.full(k, death), share_mkp=np.full(k, share))
    flag = [np.broadcast_to(f, k).copy() for f in (cycling, senescent, here, tip)]
    return fate.decide(ids, *flag, rates, CYCLE, dt, 5, step, attrition)


def near(found, p, n=K):
    """Within 4.5 standard errors of the share p."""
    return abs(found - n * p) < 4.5 * math.sqrt(n * p * (1 - p))


@pytest.mark.parametrize("dt", [1.0, 6.0])
def test_events_happen_at_their_rates(dt):
    """Death first, 1 − exp(−δ dt); of the living, cycling cells divide, 1 − exp(−dt/T), the quiescent wake, 1 − exp(−w dt)."""
    cycling = IDS % 2 == 0
    out = decide(cycling=cycling, dt=dt)
    dead = -math.expm1(-0.01 * dt)
    assert near(out.dies.sum(), dead)
    assert near(out.divides.sum(), (1 - dead) * -math.expm1(-dt / CYCLE), K // 2)
    assert near(out.wakes.sum(), (1 - dead) * -math.expm1(-0.02 * dt), K // 2)
    assert not (out.divides & ~cycling).any() and not (out.wakes & cycling).any()
    assert not (out.dies & (out.divides | out.wakes)).any()


def test_attrition_takes_its_share_of_those_that_divide_and_leaves_the_others():
    """Of half of the cells a half of the divisions ends in death; what becomes of all others is the same to the bit."""
    without, with_ = decide(), decide(attrition=np.where(IDS % 2 == 0, 0.5, 0.0))
    lost = without.divides & ~with_.divides
    assert near(lost.sum(), 0.5, int(without.divides[::2].sum())) and not lost[1::2].any()
    assert (with_.dies == (without.dies | lost)).all() and (with_.wakes == without.wakes).all()
    for name in ("stay", "descend", "mkp", "mpp"):
        assert (getattr(with_, name) == np.where(lost, 0, getattr(without, name))).all(), name


def test_two_daughters_each_by_its_own_chance():
    """Both stay with p², both leave with (1 − p)²; a leaver goes to MkP with its share."""
    out = decide(renewal=0.7, share=0.4, death=0.0)
    d = out.divides
    n = int(d.sum())
    assert (out.stay + out.mkp + out.mpp == np.where(d, 2, 0)).all()
    for stay, p in ((2, 0.49), (1, 0.42), (0, 0.09)):
        assert near((out.stay[d] == stay).sum(), p, n)
    leavers = int((2 - out.stay[d]).sum())
    assert near(out.mkp.sum(), 0.4, leavers)
    both = d & (out.stay == 0)
    assert near((out.mkp[both] == 2).sum(), 0.16, int(both.sum()))


def test_the_senescent_only_die_and_those_in_blood_wait():
    out = decide(senescent=True, cycling=IDS % 2 == 0)
    assert not out.divides.any() and not out.wakes.any() and out.dies.any()
    out = decide(here=False, cycling=IDS % 2 == 0, death=0.9)
    assert not (out.divides.any() or out.wakes.any() or out.dies.any())
    assert not (out.stay.any() or out.descend.any() or out.mkp.any() or out.mpp.any())


def test_a_daughter_that_leaves_the_tip_is_a_stem_cell():
    """Of the tip both daughters stay in it with p², both descend with (1 − p)²; none goes into the tree. The same cells, were
    they others, would send as many away, and none of them descends."""
    tip = IDS % 3 == 0
    out, others = decide(renewal=0.6, death=0.0, tip=tip), decide(renewal=0.6, death=0.0)
    assert (out.divides == others.divides).all() and (out.stay == others.stay).all()
    assert (out.stay + out.descend + out.mkp + out.mpp == 2 * out.divides).all()
    assert not (out.mkp[tip].any() or out.mpp[tip].any() or out.descend[~tip].any() or others.descend.any())
    assert (out.mkp[~tip] == others.mkp[~tip]).all() and (out.mpp[~tip] == others.mpp[~tip]).all()
    d = out.divides & tip
    for descend, p in ((0, 0.36), (1, 0.48), (2, 0.16)):
        assert near((out.descend[d] == descend).sum(), p, int(d.sum()))


def test_what_cannot_happen_does_not():
    assert not decide(death=0.0).dies.any()
    assert not decide(wake=0.0, cycling=False).wakes.any()
    assert (decide(renewal=1.0).mpp == 0).all() and (decide(renewal=1.0).mkp == 0).all()
    all_leave = decide(renewal=0.0, share=1.0)
    assert (all_leave.mkp == 2 * all_leave.divides).all()


def test_better_signals_only_help():
    """Runs that share their seed share their luck: who survives or renews under weak signals does so under strong ones."""
    weak, strong = decide(renewal=0.5, death=0.03), decide(renewal=0.8, death=0.01)
    assert (strong.dies <= weak.dies).all()
    both = weak.divides & strong.divides
    assert (strong.stay[both] >= weak.stay[both]).all() and (strong.stay[both] > weak.stay[both]).any()


def test_decisions_of_one_cell_are_independent():
    """Dividing says nothing of renewing, nor one hour of the next, nor a cell of its neighbour (correlations below 4.5 σ)."""
    out, later = decide(death=0.3), decide(death=0.3, step=1)
    rows = {"dies": out.dies, "dies next hour": later.dies, "neighbour dies": np.roll(out.dies, 1)}
    alive = decide(death=0.0)
    d = alive.divides
    for name, row in rows.items():
        if name != "dies":
            assert abs(np.corrcoef(out.dies, row)[0, 1]) < 4.5 / math.sqrt(K), name
    assert abs(np.corrcoef(alive.stay[d] == 2, np.roll(d, 1)[d])[0, 1]) < 4.5 / math.sqrt(d.sum())
    first = decide(death=0.0, renewal=0.5, share=0.5)
    one = first.divides & (first.stay == 1)
    assert near(first.mkp[one].sum(), 0.5, int(one.sum()))


def test_a_cells_fate_does_not_depend_on_the_list():
    some = np.random.default_rng(1).permutation(K)[:500]
    whole, part = decide(), decide(ids=some)
    for f in dataclasses.fields(fate.Outcome):
        assert (getattr(whole, f.name)[some] == getattr(part, f.name)).all(), f.name
