"""One notion of due: nothing wanted is missed, nothing happens twice, rounding does not move an hour."""

import math

import pytest

from marrow_niche.clock import At, Every, due_hour


def hours(when, until):
    return [hour for hour in range(until) if when.due(hour)]


def test_every_six_hours():
    assert hours(Every(6.0), 25) == [0, 6, 12, 18, 24]


def test_every_from_a_start_to_a_stop():
    assert hours(Every(24.0, start=36.0, stop=84.0), 200) == [36, 60, 84]
    assert hours(Every(24.0, start=36.0, stop=83.9), 200) == [36, 60]


def test_a_time_between_hours_happens_at_the_next_hour():
    assert due_hour(0.5) == 1
    assert hours(Every(2.5), 11) == [0, 3, 5, 8, 10]
    assert hours(At(0.5, 7.0, 7.2), 10) == [1, 7, 8]


def test_more_often_than_hourly_is_due_every_hour_and_counted():
    assert hours(Every(0.5), 4) == [0, 1, 2, 3]
    assert [Every(0.5).count(hour) for hour in range(4)] == [1, 2, 2, 2]
    assert [Every(0.4).count(hour) for hour in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("interval", [0.1, 1 / 3, 0.7, 1.0, 2.4, 7.0, 24.0, 168.0])
@pytest.mark.parametrize("start", [0.0, 0.3, 5.0])
def test_no_time_is_lost_or_doubled(interval, start):
    """The counts of the hours add up to the times up to the last one: tenths and thirds do not drift in 2 years."""
    last = 17_520
    counts = sum(Every(interval, start=start).count(hour) for hour in range(last + 1))
    wanted = 0
    while start + wanted * interval <= last + 1e-9:
        wanted += 1
    assert counts == wanted


def test_sums_of_tenths_fall_on_their_hour():
    third = 0.1 + 0.1 + 0.1
    assert third * 10 > 3.0
    assert due_hour(third * 10) == 3
    assert At(third * 10).due(3)
    assert Every(third * 10).due(3)


def test_at_tells_which_and_how_many():
    when = At(48.0, 0.0, 47.5, 48.0)
    assert when.which(48) == [0, 2, 3]
    assert when.count(0) == 1
    assert when.count(1) == 0


def test_a_time_before_the_run_is_not_due_in_it():
    assert hours(At(-3.0), 10) == []
    assert hours(Every(4.0, start=-3.0), 10) == [1, 5, 9]


@pytest.mark.parametrize("interval", [0.0, -1.0, math.nan, math.inf])
def test_an_interval_must_be_above_zero(interval):
    with pytest.raises(ValueError, match="interval above zero"):
        Every(interval)


def test_times_must_be_numbers():
    with pytest.raises(ValueError, match="times in hours"):
        At(1.0, math.nan)
    with pytest.raises(ValueError, match="times in hours"):
        Every(1.0, start=math.inf)
