"""Numbers, days and names as a reader sees them."""

import pytest

from marrow_niche.quantities import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(41793.9, "41,800"), (1e6, "1,000,000"), (999.6, "1,000"), (31.72, "31.7"), (0.03172, "0.0317"), (2.5, "2.50"),
     (0, "0"), (1.6e-13, "1.6e-13"), (float("nan"), "n/a"), (-12.34, "-12.3")],
)  # fmt: skip
def test_numbers_carry_three_digits(value, text):
    assert words.number(value) == text


def test_plain_numbers_end_without_zeros():
    assert (words.plain(2.5), words.plain(100.0), words.plain(10_000), words.plain(14.0)) == (
        "2.5",
        "100",
        "10,000",
        "14",
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0317, "3 %"), (1.0, "100 %"), (0.0042, "0.4 %"), (0.00996, "1 %"), (3e-5, "0.003 %"), (0, "0 %"),
     (1e-9, "below 0.0001 %")],
)  # fmt: skip
def test_shares_as_percentages(share, text):
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("day", "text"), [(6.97, "7"), (0.51, "0.5"), (3.6, "3.5"), (28.65, "29"), (None, "–"), (0.0, "0")]
)
def test_days(day, text):
    assert words.day(day) == text


def test_columns_are_split_into_name_and_unit():
    assert words.split_unit("neutrophils_per_uL") == ("neutrophils", "per µL")
    assert words.split_unit("SCF_pM") == ("SCF", "pM")
    assert words.split_unit("O2_mmHg") == ("O2", "mmHg")
    assert words.split_unit("stem_cells") == ("stem_cells", "")
    assert words.title("red_cells") == "Red cells" and words.title("GCSF") == "G-CSF" and words.name("XYZ") == "XYZ"


def test_lists_in_a_sentence():
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a"]) == "a" and words.listed([]) == ""


def test_columns_stand_below_each_other():
    assert words.aligned([("", "day"), ("platelets", "7"), ("B cells", "")]) == ["           day", "platelets    7", "B cells"]
