"""When fields are solved, and how they go on between solves."""

import lab
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.simulation import step

FLOWS = np.zeros((7, 5))


@pytest.fixture
def ramp(monkeypatch):
    """(model, state, value): a marrow whose solver gives each field and density `value(hour)`, whatever the cells do."""
    model, state = lab.marrow()
    asked = []

    def value(hour):
        return 1.0 + np.arange(11)[:, np.newaxis] + 0.005 * hour * (np.arange(11)[:, np.newaxis] - 4.0)

    def solve(counts, stem, niche, hormones, fields, around, model):
        asked.append(state.hour)
        fields[:], around[:] = np.split(np.broadcast_to(value(state.hour), (11, model.n)), [len(fields)])
        return np.zeros(len(fields)), FLOWS

    monkeypatch.setattr(coupling, "solve_fields", solve)
    monkeypatch.setattr(coupling, "stirred_levels", lambda state, model: np.ones(7))
    return model, state, value, asked


def now(state):
    return np.concatenate([state.fields, state.around])


def test_a_steady_trend_is_followed_exactly_and_solved_every_six_hours(ramp):
    """Held until the second solve; from then on every hour reads what a solve would give."""
    model, state, value, asked = ramp
    step.update_fields(state, model)
    for hour in range(30):
        step.advance(state, model)
        expected = value(0 if hour < 6 else hour)
        assert now(state) == pytest.approx(np.broadcast_to(expected, now(state).shape), rel=1e-12), hour
    assert asked == [0, 6, 12, 18, 24]


def test_solves_at_uneven_times_follow_it_too(ramp, monkeypatch):
    """Fields that moved are solved at once: the trend is per hour, however long ago the last solve was."""
    model, state, value, asked = ramp
    monkeypatch.setattr(step, "due", lambda state, model: state.hour in (2, 3, 8, 9, 11))
    step.update_fields(state, model)
    for hour in range(14):
        step.advance(state, model)
        expected = value(0 if hour < 2 else hour)
        assert now(state) == pytest.approx(np.broadcast_to(expected, now(state).shape), rel=1e-12), hour
    assert asked == [0, 2, 3, 8, 9, 11]


def test_a_strike_ends_the_trend(ramp, monkeypatch):
    model, state, value, asked = ramp
    step.update_fields(state, model)
    monkeypatch.setattr(step.timeline, "apply_due", lambda state, model: state.hour == 8)
    for _ in range(12):
        step.advance(state, model)
    assert asked == [0, 6, 8]
    assert now(state) == pytest.approx(np.broadcast_to(value(8), now(state).shape), rel=1e-12)


def test_a_field_that_falls_away_never_turns_negative(ramp, monkeypatch):
    """A thousandfold fall between two solves: the trend is cut, and what was cut is not taken for the trend afterwards."""
    model, state, *_ = ramp
    falls = iter([1.0, 1e-3, 1e-3, 1e-3])

    def solve(counts, stem, niche, hormones, fields, around, model):
        fields[:] = around[:] = next(falls)
        return np.zeros(len(fields)), FLOWS

    monkeypatch.setattr(coupling, "solve_fields", solve)
    step.update_fields(state, model)
    for _ in range(18):
        step.advance(state, model)
        assert now(state).min() > 0.0
    step.advance(state, model)
    assert now(state) == pytest.approx(1e-3)
    assert state.trend == pytest.approx(0.0, abs=1e-12)


def test_fields_that_moved_are_solved_before_they_are_old(monkeypatch):
    """Sources, sinks and walls of the piece moved one of seven by a little less, and a little more than a tenth."""
    model, state = lab.marrow()
    step.update_fields(state, model)
    state.hour += 1
    for factor, is_due in ((1.0, False), (1 + 0.99 * step.MOVED, False), (1 + 1.01 * step.MOVED, True)):
        levels = state.levels * np.where(np.arange(len(state.levels)) == 3, factor, 1.0)
        monkeypatch.setattr(coupling, "stirred_levels", lambda state, model, levels=levels: levels)
        assert step.due(state, model) is is_due
