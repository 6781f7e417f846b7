"""A scenario told back: the marrow measured, beside what was published."""

import dataclasses

import lab
import pytest

from marrow_niche.simulation import preview


@pytest.fixture(scope="module")
def told():
    """told(**facts): the lines about the marrow of a small section, with some facts replaced."""
    model, state = lab.marrow()

    def lines(**facts):
        return preview._anatomy(dataclasses.replace(model, facts=model.facts | facts), state)

    return lines


def test_what_was_measured_stands_beside_what_was_published(told):
    text = "\n".join(told(sinusoid_fraction=0.312, stem_cells_within_10um_of_sinusoid=0.86))
    assert "sinusoids           31 % of its volume; published 25 to 35 %\n" in text
    assert " 86 % " in text and "stem cells; published 75 to 95 %\n" in text
    assert "outside" not in text


@pytest.mark.parametrize(("name", "value"), [("sinusoid_fraction", 0.2), ("stem_cells_within_10um_of_sinusoid", 0.6)])
def test_what_lies_outside_the_published_range_is_said(told, name, value):
    (line,) = [line for line in told(**{name: value}) if "lies outside" in line]
    assert f"{100 * value:.0f} %" in line


def test_stem_cells_stand_under_random_points_of_each_place(told):
    lines = told()
    rows = [line for line in lines if "random points" in line or line.rstrip().endswith("stem cells") or "; published 75" in line]
    assert [("random" in row) for row in rows] == [True, False] * 3
    assert all("by chance of" in row for row in rows[::2])


def test_without_arterioles_nothing_is_told_of_them(told):
    gone = {f"{who}_within_{d}um_of_arteriole": None for who in ("share", "stem_cells") for d in (5, 10, 20)}
    assert not any("of an arteriole" in line for line in told(**gone))
    assert any("of a sinusoid" in line for line in told(**gone))
