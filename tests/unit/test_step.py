"""When fields are solved, and what they follow between solves."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.kernels import exchange
from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.perturbations.label import Label
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.record import checkpoint
from marrow_niche.simulation import step
from marrow_niche.state import State, from_dict, to_dict

ROWS = 13


class Made:
    """A solver that gives each of the rows `shape` times `level(hour)`, whatever the cells do, and notes what was asked."""

    def __init__(self, model, state):
        self.model, self.state, self.asked = model, state, []
        self.shape = np.random.default_rng(1).uniform(0.5, 1.5, (ROWS, model.n))

    def level(self, hour):
        """Those of even number go up, the others down, one by a fifth of a per cent a day, two by two fifths, and so on."""
        return (1.0 + np.arange(ROWS)) * (1.0 + 0.002 * np.arange(ROWS) * (-1.0) ** np.arange(ROWS) * hour / 24)

    def value(self, hour):
        return self.shape * self.level(hour)[:, np.newaxis]

    def solve(self, counts, stem, niche, hormones, fields, around, model, rows):
        rows = tuple(rows)
        self.asked.append((self.state.hour, rows))
        new, off = self.value(self.state.hour), []
        for k in rows:
            row = fields[k] if k < len(fields) else around[k - len(fields)]
            off.append(exchange.off(row, new[k]))
            row[:] = new[k]
        return coupling.Solved(rows, np.full(len(rows), 1e-6), np.ones((len(rows), 5)), np.array(off))

    def hours(self, k):
        """When row k was solved."""
        return [hour for hour, rows in self.asked if k in rows]


@pytest.fixture
def made(monkeypatch):
    model, state = lab.marrow(niche_step=3)
    solver = Made(model, state)
    monkeypatch.setattr(coupling, "solve_fields", solver.solve)
    monkeypatch.setattr(coupling, "levels", lambda state, model: solver.level(state.hour))
    return solver


def now(state):
    return np.concatenate([state.fields, state.around])


def go(made, hours):
    for _ in range(hours):
        step.advance(made.state, made.model)


def test_what_keeps_its_shape_is_followed_exactly_and_waits_ever_longer(made):
    """Fields are solved after 6, 12, 24, 48 and 96 hours, then every fourth day, densities daily; at every third hour each
    reads what a solve would give."""
    for hour in range(300):
        step.advance(made.state, made.model)
        expected = made.value(hour - hour % 3)
        np.testing.assert_allclose(now(made.state), expected, rtol=1e-12)
    assert all(made.hours(k) == [0, 6, 18, 42, 90, 186, 282] for k in range(7))
    assert all(made.hours(k) == [0, 6, 18, *range(42, 300, 24)] for k in range(7, ROWS))


def test_what_is_found_far_off_is_solved_twice_as_often(made):
    """A field whose mean runs away from its level by half a per cent an hour: 3 % off after 6, 1.5 % after 3 hours."""
    level = made.level
    made.value = lambda hour: made.shape * level(hour)[:, np.newaxis] * np.where(np.arange(ROWS) == 2, 1 + 0.005 * hour, 1)[:, np.newaxis]
    go(made, 19)
    assert made.hours(2) == [0, 6, 9, 12, 15, 18]
    assert made.hours(3) == [0, 6, 18]


def test_what_moved_within_the_piece_is_solved_twice_as_often(made):
    """Its mean is right and its shape another one: off by 0.5 voxel by voxel each time."""
    value, turn = made.value, np.where(np.arange(made.model.n) % 2, 1.5, 0.5)
    made.value = lambda hour: value(hour) * (turn if len(made.asked) % 2 else 2.0 - turn)
    go(made, 13)
    assert made.hours(0) == [0, 6, 9, 12]


def test_what_is_neither_far_off_nor_very_near_waits_as_long_as_before(made):
    value = made.value
    made.value = lambda hour: value(hour) * (1 + 0.015 * (hour // 6))
    go(made, 25)
    assert made.hours(4) == [0, 6, 12, 18, 24]


def test_a_strike_has_all_solved_at_once(made, monkeypatch):
    """Whatever they wait for, also between the steps of the lineages; from then on as at the beginning."""
    monkeypatch.setattr(step.timeline, "apply_due", lambda state, model: state.hour == 22)
    go(made, 40)
    assert all(made.hours(k) == [0, 6, 18, 22, 30] for k in range(ROWS))


def test_a_level_that_jumps_has_its_field_solved_before_its_time(made):
    """A little less than a quarter waits, a little more does not; only the one that moved is solved."""
    step.advance(made.state, made.model)
    was = made.level(0)
    for share, due in ((0.99 * step.MOVED, []), (1.01 * step.MOVED, [3])):
        levels = np.where(np.arange(ROWS) == 3, was * (1 + share), was)
        assert np.flatnonzero(step.due(made.state, levels)).tolist() == due


def test_a_field_that_may_wait_longer_may_move_farther(made):
    """In proportion to its wait, to twice or half at most; a density never."""
    step.advance(made.state, made.model)
    was, far = made.level(0), len(made.state.fields) + 1
    for wait, most in ((3, 0.25), (6, 0.25), (12, 0.5), (24, 1.0), (96, 1.0)):
        made.state.wait[:] = wait
        for by, due in ((0.99 * most, []), (1.01 * most, [3])):
            for row, which in ((3, due), (far, [far] if by > 0.25 else [])):
                for factor in (1 + by, 1 / (1 + by)):
                    levels = np.where(np.arange(ROWS) == row, was * factor, was)
                    assert np.flatnonzero(step.due(made.state, levels)).tolist() == which


@pytest.mark.parametrize(("gone", "nothing"), [(0, 0.0), (8, 0.0), (2, np.inf)])
def test_nothing_follows_a_level_of_zero_or_without_bound(made, gone, nothing):
    """The last cell of a kind dies and others come: solved while it is gone, and finite, as a factor of nothing is none."""
    level, shape = made.level, made.shape
    made.value = lambda hour: shape * np.nan_to_num(made.level(hour), posinf=7.0)[:, np.newaxis]
    made.level = lambda hour: np.where((np.arange(ROWS) == gone) & (3 < hour < 8), nothing, level(hour))
    for _ in range(13):
        step.advance(made.state, made.model)
        assert np.isfinite(now(made.state)).all() and (now(made.state)[1] > 0).all()
    assert made.hours(gone) == [0, 6, 9, 12]
    assert now(made.state)[gone] == pytest.approx(made.value(12)[gone], rel=1e-12)


def test_residual_and_flows_are_those_of_each_fields_own_solve(made):
    go(made, 1)
    made.state.residual[:], made.state.flows[:] = 0.0, 0.0
    made.state.wait[:] = np.where(np.isin(np.arange(ROWS), [2, 9]), 3, 99)
    go(made, 3)
    assert made.asked[-1] == (3, (2, 9))
    assert np.flatnonzero(made.state.residual).tolist() == [2]
    assert np.flatnonzero(made.state.flows.any(axis=1)).tolist() == [2]
    assert np.flatnonzero(made.state.solved == 3).tolist() == [2, 9]


def test_a_day_after_a_dose_fields_are_still_where_a_solve_would_put_them():
    """2 Gy, then 48 hours: the mean of no field is off by 1 %, of oxygen, whose receptors are as full as the solve before
    says, 2 %, and that of a density not at all. Solving every three hours gives the reference."""
    model, state = lab.marrow(few=False)
    model = dataclasses.replace(model, exposures=((0.0, 0.0, 2.0),))
    worst = np.zeros(ROWS)
    for hour in range(48):
        step.advance(state, model)
        if hour % 3 == 2:
            step.follow(state, coupling.levels(state, model))
            fields, around = state.fields.copy(), state.around.copy()
            solved = coupling.solve_fields(state.counts, coupling.stem_density(state, model), state.stroma, state.hormones,
                                           fields, around, model)
            worst = np.maximum(worst, np.abs(solved.off[:, 0]))
            away = [((a - b) * model.space).sum() / (b * model.space).sum() for a, b in zip(state.around, around)]
            assert np.abs(away).max() < 1e-6
    oxygen = list(model.species.cytokines).index("O2")
    assert np.delete(worst, oxygen).max() < 0.01 and worst[oxygen] < 0.02
    assert (state.solved > 0).all()


def test_what_drifts_is_felt_as_it_will_be_then(made):
    """Levels that move evenly: a stem cell feels the middle of its hour, lineages that of their step; after a strike what is."""
    made.level = lambda hour: (1.0 + np.arange(ROWS)) * (1.0 + 0.004 * (np.arange(ROWS) - 5) * hour)
    go(made, 7)
    state, model = made.state, made.model
    names = list(model.species.cytokines)
    assert state.hour == 7 and state.updated == 6
    level = dict(zip(names, made.level(7.5)))
    here = state.stem.voxel >= 0
    scf, before = coupling.stem_signals(state, model)["scf"][here], made.shape[names.index("SCF"), state.stem.voxel[here]]
    assert scf == pytest.approx(before * level["SCF"] / model.species.cytokines["SCF"].reference, rel=1e-9)
    state.hour = 9
    felt, level = coupling.lineage_signals(state, model), dict(zip(names, made.level(7.5)))
    for name in ("SCF", "TPO", "GCSF", "IL7"):
        k = names.index(name)
        now = felt.fields[k] / felt.value[SIGNALS.index(name)]
        assert now.mean() == pytest.approx(made.shape[k].mean() * level[name] / model.species.cytokines[name].reference, rel=1e-9)
    step.update_fields(state, model, anew=True)
    assert not state.drift.any()


def test_a_drift_from_or_to_nothing_is_none():
    before, now = np.array([0.0, 1.0, np.inf, 2.0, 4.0]), np.array([1.0, 0.0, 1.0, 4.0, 2.0])
    assert coupling.drift(before, now, 2.0).tolist() == [0.0, 0.0, 0.0, 0.25, -0.5]
    model, state = lab.marrow()
    state.drift[:3], state.updated = [0.25, -0.5, 5.0], state.hour
    state.hour += 3
    felt = coupling.stem_signals(state, model)
    assert all((value > 0).all() for value in felt.values())
    for before, state.hormones.epo, expected in ((1.0, 1.2, 1.3), (10.0, 0.1, 0.05), (0.0, 0.7, 0.7)):
        state.epo_drift = float(coupling.drift(before, state.hormones.epo, model.lineage_step))
        assert coupling.lineage_signals(state, model).value[SIGNALS.index("EPO")] == pytest.approx(expected, rel=1e-12)


def test_lineages_take_long_steps_while_nothing_moves_and_short_ones_while_it_does(made, monkeypatch):
    """Six hours at rest, three at first and from a strike on, and for as long as a signal moves by more than `CALM` in six."""
    model, state = dataclasses.replace(made.model, niche_step=6), made.state
    level = made.level
    made.level = lambda hour: level(hour) * np.where(np.arange(ROWS) == 3, 1 + 0.02 * max(hour - 36, 0) * (hour < 60), 1)
    monkeypatch.setattr(step.timeline, "apply_due", lambda state, model: state.hour == 13)
    ends = []
    for _hour in range(72):
        step.advance(state, model)
        if state.hour == state.until:
            ends.append(state.hour)
    assert ends == [3, 6, 12, 18, 24, 30, 36, 42, 45, 48, 51, 54, 57, 60, 63, 66, 72]


@pytest.mark.parametrize(("event", "quiet"), [(Radiation(at=3.5, dose=1.0), False), (Radiation(at=7.0, dose=1.0), True),
                                              (Radiation(at=3.5, dose=0.0), True), (Label(at=5.0), False), (Label(at=6.0), True)])
def test_no_long_step_over_what_befalls_the_marrow(event, quiet):
    model, state = lab.marrow()
    radiation = event.exposures() if isinstance(event, Radiation) else ()
    model = dataclasses.replace(model, exposures=radiation, events=() if radiation else (event,))
    assert step.span(state, model) == (6 if quiet else 3)
    state.epo_drift = -0.01
    assert step.span(state, model) == 3
    state.epo_drift, state.hour = 0.0, 3
    assert step.span(state, model) == 3
    state.hour, state.solved[:], state.wait[:] = 0, 0, 6  # as after a strike: nothing is known of what moves
    assert step.span(state, model) == 3


def test_what_is_faint_is_judged_as_a_tenth_of_rest(made):
    """Where a twentieth of stem cells is left, one off by 80 % in each voxel is off by 40 %, and waits as long."""
    turn = np.where(np.arange(made.model.n) % 2, 1.4, 0.6)
    made.level = lambda hour: np.where(np.arange(ROWS) == 8, 0.05, 1.0)
    made.value = lambda hour: made.shape * made.level(hour)[:, np.newaxis] * (turn if hour // 6 % 2 else 2.0 - turn)
    go(made, 19)
    assert made.hours(8) == [0, 6, 12, 18]


def test_a_long_step_goes_on_from_a_checkpoint_in_the_middle_of_it(tmp_path):
    """Three hours into six, and into the next: the same bits as without."""
    model, state = lab.marrow()
    for _ in range(15):
        step.advance(state, model)
    assert (state.hour, state.span, state.until) == (15, 6, 18)
    checkpoint.save(tmp_path / "a.h5", to_dict(state))
    again = from_dict(State, checkpoint.load(tmp_path / "a.h5")[0])
    for _ in range(6):
        step.advance(state, model), step.advance(again, model)
    assert (again.hour, again.span, again.until) == (state.hour, state.span, state.until)
    for name in ("counts", "fields", "around", "drift", "output"):
        assert np.array_equal(getattr(state, name), getattr(again, name)), name
    assert np.array_equal(state.blood.platelet, again.blood.platelet) and state.epo_drift == again.epo_drift


def test_the_drift_of_epo_is_that_of_the_step_it_was_measured_in(made, monkeypatch):
    """EPO that rises by 1 % of its start an hour: a step of three hours or of six, whichever comes after which, finds the same."""
    model, state = dataclasses.replace(made.model, niche_step=6), made.state
    monkeypatch.setattr(step.hormones, "advance", lambda h, *rest: setattr(h, "epo", h.epo + 0.01 * step.BODY_STEP))
    monkeypatch.setattr(step, "span", lambda state, model: 6 if state.hour % 12 == 6 else 3)
    seen, whole = [], step.advance_lineages
    monkeypatch.setattr(step, "advance_lineages", lambda state, model: seen.append((state.hour, state.span, state.epo_drift, state.hormones.epo)) or whole(state, model))
    for _hour in range(36):
        step.advance(state, model)
    assert {span for _, span, *_ in seen} == {3, 6}
    for _, _, drift, epo in seen[1:]:
        assert drift * epo == pytest.approx(0.01, rel=1e-9)
