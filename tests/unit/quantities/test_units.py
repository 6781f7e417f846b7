"""Text with a unit into canonical numbers, and every way it can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrow_niche.errors import UnitError
from marrow_niche.quantities import units


@pytest.mark.parametrize(
    ("given", "canonical", "value"),
    [
        ("6 Gy", "Gy", 6.0),
        ("600 cGy", "Gy", 6.0),
        ("160 um", "um", 160.0),
        ("15 mm", "um", 15000.0),
        ("1 \u00b5m", "um", 1.0),
        ("1 \u03bcm", "um", 1.0),
        ("1 um^2/s", "um^2/h", 3600.0),
        ("1 um\u00b2/s", "um^2/h", 3600.0),
        ("1 um2 s-1", "um^2/h", 3600.0),
        ("1 um**2/s", "um^2/h", 3600.0),
        ("50 %", "", 0.5),
        ("60 d", "h", 1440.0),
        ("60 days", "h", 1440.0),
        ("48 h", "h", 48.0),
        ("2 weeks", "h", 336.0),
        ("30 pM", "nM", 0.03),
        ("1 Gy/min", "Gy/h", 60.0),
        ("0.5/d", "1/h", 0.5 / 24),
        ("0.5 1/day", "1/h", 0.5 / 24),
        ("2e4 cells", "", 2e4),
        ("2e4 cells", "cells", 2e4),
        ("100 cells/mm^3", "1/um^3", 1e-7),
        ("10 molecules/cell/s", "molecules/h", 36000.0),
        ("1 nM um^3", "molecules", 0.602214076),
        ("4e9/L", "1/uL", 4000.0),
        ("4 1e9/L", "1/uL", 4000.0),
        ("4 10^9/L", "1/uL", 4000.0),
        ("10 mIU/mL", "IU/L", 10.0),
        ("1 mmHg", "Pa", 133.322387415),
        (0.25, "", 0.25),
        (3, "", 3.0),
        ("0.25", "", 0.25),
    ],
)
def test_text_becomes_a_canonical_number(given, canonical, value):
    assert units.to_canonical(given, canonical) == pytest.approx(value, rel=1e-13)


def test_whole_factors_are_exact():
    """The model's numbers are those of the literature, not the floats beside them."""
    assert units.to_canonical("1 um^2/s", "um^2/h") == 3600.0
    assert units.to_canonical("60 d", "h") == 1440.0
    assert units.to_canonical("1 Gy/min", "Gy/h") == 60.0
    assert units.to_canonical("24 1/d", "1/h") == 1.0


@pytest.mark.parametrize(
    ("given", "canonical", "message"),
    [
        (60, "h", "60 is a number without a unit; write for example '60 d'."),
        ("60", "h", "'60' is a number without a unit; write for example '60 d'."),
        (15, "um", "15 is a number without a unit; write for example '15 mm' or '15 um'."),
        ("6 m", "Gy", "'6 m' is a length; expected a dose, such as '6 Gy'."),
        ("1 um/s", "1/h", "'1 um/s' is a speed; expected a rate, such as '1/h'."),
        ("5 pg/mL", "nM", "'5 pg/mL' is a mass concentration; expected a concentration, such as '30 pM'."),
        ("6 Gy", "", "'6 Gy' is a dose; expected a plain number, such as '0.5'."),
        ("6 Gyy", "Gy", "'Gyy' is not a unit known here. Did you mean 'Gy'?"),
        ("6 gy", "Gy", "'gy' is not a unit known here. Did you mean 'Gy'?"),
        ("60 dayz", "h", "'dayz' is not a unit known here. Did you mean 'days'?"),
        ("soon", "h", "'soon' is not a time; write it like '60 d'."),
        ("", "h", "'' is not a time; write it like '60 d'."),
        (True, "", "true is not a plain number; write it like '0.5'."),
        ([1.0], "h", "[1.0] is not a time; write it like '60 d'."),
        ("1e400 h", "h", "'1e400 h' is not a finite number; write it like '60 d'."),
    ],
)
def test_what_cannot_be_read_is_told_with_its_cure(given, canonical, message):
    with pytest.raises(UnitError) as caught:
        units.to_canonical(given, canonical)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "given", ["1,5 Gy", "1 8 h", "1.5.5 Gy", "1 h 30 min", "6 Gy)", "6 Gy; import os", "6 _x_", "6 Gy/"]
)
def test_what_looks_like_two_numbers_or_code_is_refused(given):
    """A decimal comma must not turn 1.5 Gy into 5."""
    with pytest.raises(UnitError, match="cannot be read as a unit"):
        units.to_canonical(given, "Gy")


def test_sievert_is_not_a_dose_in_gray():
    with pytest.raises(UnitError, match="'Sv' is not a unit known here"):
        units.to_canonical("6 Sv", "Gy")


@pytest.mark.parametrize("canonical", [unit for unit, _, _ in units._KINDS])
def test_each_kind_of_quantity_accepts_its_own_example(canonical):
    assert units.to_canonical(units.example(canonical), canonical) > 0


@given(
    value=st.floats(-1e12, 1e12, allow_nan=False),
    pair=st.sampled_from([("d", "h"), ("mm", "um"), ("pM", "nM"), ("cGy", "Gy"), ("um^2/s", "um^2/h"), ("%", "")]),
)
def test_there_and_back_again(value, pair):
    written, canonical = pair
    there = units.to_canonical(f"{value!r} {written}", canonical)
    assert units.to_canonical(units.text(there, canonical), canonical) == pytest.approx(there, rel=1e-5)
    assert there * units.factor(canonical, written) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "value", "unit"),
    [("5 ug/kg", 5e-6, "g/kg"), ("2 mg/kg", 2e-3, "g/kg"), ("100 ug", 1e-4, "g"), ("150 IU/kg", 150.0, "IU/kg"), ("3000 IU", 3000.0, "IU")],
)
def test_a_quantity_of_several_kinds_tells_which(given, value, unit):
    """Mass over body mass is of another kind than a share, though both are plain numbers to the converter."""
    number, found = units.to_one_of(given, ("g/kg", "g", "IU/kg", "IU"))
    assert (number, found) == (pytest.approx(value, rel=1e-12), unit)


@pytest.mark.parametrize("given", ["5 %", "0.5", 5, "6 Gy", "5 mL/kg", "5 ug/d", "5 ugg", "1e999 ug/kg"])
def test_a_quantity_of_none_of_them_is_refused(given):
    with pytest.raises(UnitError):
        units.to_one_of(given, ("g/kg", "g"))
