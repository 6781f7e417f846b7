"""No cell of a run is lost or made of nothing: hour by hour, through a dose and what follows."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.errors import NumericsError
from marrow_niche.kernels import lineages as kernel
from marrow_niche.marrow import fate
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.simulation import advance, step


@pytest.fixture(scope="module")
def hours():
    """What was seen in each of 24 hours with 2 Gy in the seventh: stem cells, births, losses, fates, committed cells."""
    model, state = lab.marrow(dosed=True, lineage_step=2)
    model = dataclasses.replace(model, exposures=Radiation(at=6.0, dose=2.0).exposures())
    seen, drawn = [], []
    decide = fate.decide

    def noted(*args):
        drawn.append(decide(*args))
        return drawn[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fate, "decide", noted)
        for _ in range(24):
            before = (len(state.stem.id), state.born, state.died, state.next_id, state.counts.copy(), set(state.stem.id.tolist()))
            advance(state, model)
            seen.append((before, len(state.stem.id), state.born, state.died, state.next_id, state.counts.copy(),
                         set(state.stem.id.tolist())))
    return model, seen, drawn, state


def test_stem_cells_after_are_those_before_less_the_lost_and_the_born(hours):
    """Every hour: list after = before − killed − died or left + born; ids are never used twice."""
    _, seen, drawn, _ = hours
    for hour, ((n, born, died, next_id, _, ids), after, born_now, died_now, next_now, _, ids_now) in enumerate(seen):
        killed = n - len(drawn[hour].dies)
        assert (killed > 0) == (hour == 6)
        o = drawn[hour]
        left = o.stay + o.descend
        assert died_now - died == (o.dies | (o.divides & (left == 0))).sum()
        assert born_now - born == (o.divides & (left == 2)).sum()
        assert after == n - killed - (died_now - died) + (born_now - born)
        assert next_now - next_id == born_now - born == len(ids_now - ids)
        assert all(new >= next_id for new in ids_now - ids)
    assert sum(s[2] - s[0][1] for s in seen) > 50


def test_each_daughter_goes_one_way(hours):
    _, _, drawn, _ = hours
    for o in drawn:
        assert (o.stay + o.descend + o.mkp + o.mpp == 2 * o.divides).all()
        assert not (o.descend & (o.mkp + o.mpp)).any()
        assert not (o.dies & o.divides).any()


def test_daughters_that_leave_are_found_in_the_lineages(hours):
    """In hours without a step of the lineages, MPP and MkP grow by the leavers (at their weights, up to a cell each), and
    no other compartment changes; a dose only takes: who is hit is gone, or doomed in the same stage."""
    model, seen, drawn, _ = hours
    quiet, n = 0, model.tree.size
    for hour, ((*_, before, _), *_, after, _) in enumerate(seen):
        if (hour + 1) % model.lineage_step == 0:
            continue
        gained = after.astype(int) - before
        if hour == 6:
            fed = [model.tree.first["MPP"], model.tree.first["MkP"]]
            host, doomed = np.delete(gained[:n], fed, axis=0), gained[n:]
            assert (host <= 0).all() and (doomed >= 0).all() and (host + np.delete(doomed, fed, axis=0) <= 0).all()
            assert host.sum() < -doomed.sum() < 0 and not before[n:].any()
            continue
        for name, left in (("MPP", drawn[hour].mpp.sum()), ("MkP", drawn[hour].mkp.sum())):
            ratio = model.stem_weight / model.weight[model.tree.first[name]]
            got = gained[model.tree.first[name]].sum()
            assert np.floor(ratio) * left <= got <= np.ceil(ratio) * left
            quiet += got
        assert not np.delete(gained, [model.tree.first["MPP"], model.tree.first["MkP"]], axis=0).any()
    assert quiet > 0


def test_counts_and_pools_never_fall_below_none(hours):
    _, seen, _, state = hours
    assert all((s[5] >= 0).all() for s in seen)
    for part in (state.blood, state.lymphoid, state.stroma):
        for f in dataclasses.fields(part):
            assert (np.asarray(getattr(part, f.name)) >= 0).all(), f.name
    assert (state.fields >= 0).all()


def test_the_piece_gives_blood_what_left_it(hours):
    """Output over the lineage step is what the kernel says left by each exit, in real cells of the piece."""
    model, _, _, state = hours
    copy, counts = dataclasses.replace(state, counts=state.counts.copy()), state.counts.copy()
    felt = coupling.lineage_signals(copy, model)
    step.advance_lineages(copy, model)
    t = model.tree
    left, _ = kernel.advance(
        counts, copy.fresh, felt, float(state.span), model.weight, t.rate, t.rate_limit, t.rate_response, t.daughters, t.renewal,
        t.renewal_limit, t.renewal_response, t.survival, t.survival_response, t.target, t.share, t.share_response, t.burst_rate,
        t.burst_target, t.burst_signal, t.burst_threshold, t.burst_half, model.seed, state.hour)
    assert copy.output[:len(left)] * state.span == pytest.approx(left, rel=1e-12)
    assert len(copy.output) == 2 * len(EXITS) and (left[:4] > 0).all()
    assert left[len(EXITS) :].sum() > 0  # of the doomed too
    assert copy.counts.sum() == counts.sum()              # hops move cells and nothing more


def test_the_doomed_die_out_and_go_nowhere_but_down_the_tree():
    """3 Gy, four weeks: the books of both lines close at every step (or the run would end), no stem cell is doomed, and of the
    doomed cells, whose daughters do not renew, less than one in a thousand is left: four in ten thousand here, MPP, which divide once in twelve days at rest."""
    model, state = lab.marrow(dosed=True)
    model = dataclasses.replace(model, exposures=Radiation(at=1.0, dose=3.0).exposures())
    n, left = model.tree.size, []
    for _day in range(28):
        for _ in range(24):
            advance(state, model)
        left.append(int(state.counts[n:].sum()))
        assert (state.counts >= 0).all() and not state.stem.line.any() and (state.fresh[:, 0] < n).all()
    assert left[0] > 10_000 and left[27] < 1e-3 * left[0] and left[13] < 0.05 * left[0]
    assert (np.diff(left)[7:] <= 2 * np.sqrt(left[7:-1])).all()  # one of the last few may make several by chance
    assert state.counts[:n].sum() > 0.3 * model.n


def test_books_that_do_not_close_stop_the_run(monkeypatch):
    """If a cell were lost in the kernel the run would end with the hour and the compartment."""
    model, state = lab.marrow()
    honest = kernel.advance

    def careless(counts, *args):
        out = honest(counts, *args)
        counts[5, int(np.argmax(counts[5]))] -= 1
        return out

    monkeypatch.setattr(kernel, "advance", careless)
    state.hour = 42
    with pytest.raises(NumericsError, match=rf"hour 42.*{model.tree.names[5]}"):
        step.advance_lineages(state, model)


def test_stem_cells_pass_between_piece_and_organism_without_loss():
    """Of a piece apart: what leaves it is in the organism's blood at its weight, what comes was there and has a new name;
    piece, blood and the marrow outside (the twin less the piece's share) hold as many of each kind after every hour as before."""
    model, state = lab.marrow()
    model = dataclasses.replace(model, apart=True)
    state.stroma.vessel[::3] = 0.2
    twin, came = state.twin, np.zeros(2)

    def kinds(stem):
        return np.array([(~stem.tip).sum(), stem.tip.sum()])

    def organism():
        outside = (1 - model.piece_share) * (twin.quiescent + twin.cycling)
        return outside + twin.in_blood + model.stem_weight * kinds(state.stem)

    for state.hour in range(30):
        whole, blood, listed, next_id = organism(), twin.in_blood.copy(), kinds(state.stem), state.next_id
        tip = state.stem.tip
        stays = coupling.egress(state, coupling.stem_signals(state, model), model)
        gone = np.array([(~stays & ~tip).sum(), (~stays & tip).sum()])
        assert (listed - gone == kinds(state.stem)).all()
        assert twin.in_blood - blood == pytest.approx(gone * model.stem_weight, abs=1e-9)
        coupling.home(state, model)
        fresh = state.stem.id >= next_id
        came += np.array([(fresh & ~state.stem.tip).sum(), (fresh & state.stem.tip).sum()])
        assert len(state.stem.id) == (listed - gone).sum() + state.next_id - next_id and fresh.sum() == state.next_id - next_id
        assert organism() == pytest.approx(whole, rel=1e-13)
    assert (came > [50, 5]).all()
