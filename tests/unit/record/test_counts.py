"""A user's table of counts: units, deviations, and every mistake at once with its cure."""

import numpy as np
import pytest

from marrow_niche.errors import CountsError
from marrow_niche.record.counts import read_counts

KNOWN = ("day", "neutrophils_per_uL", "platelets_per_uL", "red_cells_per_uL", "haemoglobin_g_per_dL", "TPO_pM")


def read(tmp_path, text, span=(0.0, 30.0)):
    path = tmp_path / "counts.csv"
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return {each.column: each for each in read_counts(path, known=KNOWN, span=span)}


def refused(tmp_path, text, **options):
    with pytest.raises(CountsError) as caught:
        read(tmp_path, text, **options)
    return caught.value.mistakes


def test_units_are_those_of_blood_csv(tmp_path):
    """1.5e9/L is 1,500 per uL, 5e12/L are 5e6 per uL, 140 g/L is 14 g/dL; deviations take the same way."""
    found = read(
        tmp_path,
        "day,neutrophils_e9_per_L,neutrophils_e9_per_L_sd,red_cells_e12_per_L,haemoglobin_g_per_L,platelets_per_uL\n0,1.5,0.2,5,140,9e5\n",
    )
    assert found["neutrophils_per_uL"].value == pytest.approx([1500]) and found["neutrophils_per_uL"].sd == pytest.approx([200])
    assert found["red_cells_per_uL"].value == pytest.approx([5e6])
    assert found["haemoglobin_g_per_dL"].value == pytest.approx([14])
    assert found["platelets_per_uL"].value == pytest.approx([9e5]) and np.isnan(found["platelets_per_uL"].sd).all()


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_what_was_not_measured_is_left_out_and_days_are_put_in_order(tmp_path, mark):
    text = f"# mice\n\ufeffday{mark}platelets_per_uL{mark}TPO_pM\n7{mark}3{mark}\n\n2{mark}5{mark}1.5\n".replace("# mice\n\ufeff", "\ufeff# mice\n")
    found = read(tmp_path, text)
    assert list(found["platelets_per_uL"].day) == [2, 7] and list(found["platelets_per_uL"].value) == [5, 3]
    assert list(found["TPO_pM"].day) == [2]


def test_every_mistake_is_told_at_once(tmp_path):
    told = refused(tmp_path, "time,neutrophils,platelets_per_uL,monocytes_per_uL_sd\n1,3,abc,1\n2,1,-5\n")
    assert told[0].startswith("day: missing")
    assert [line.split(":")[0] for line in told[1:]] == ["time", "neutrophils", "monocytes_per_uL_sd", "line 3", "platelets_per_uL", "platelets_per_uL"]
    assert "Did you mean 'neutrophils_per_uL'?" in told[2]
    assert "'abc' (line 2)" in told[5] and "below zero in line 3" in told[6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,platelets_per_uL\n100,3\n200,4\n", "lies outside the run, which is recorded from day 0 to 30"),
        ("day,platelets_per_uL\n", "no row of numbers"),
        ("", "is empty"),
        ("day\n1\n", "no count beside day"),
        ("day;platelets_per_uL\n1;3,5\n", "decimal mark"),
        ("day,platelets_per_uL\n1,inf\n", "is no number"),
        ("day,platelets_per_uL\n,3\n1,3\n", "day: is empty in line 2"),
        ("day,platelets_per_uL,platelets_e9_per_L\n1,3,3\n", "stands in two columns"),
        ("day,TPO_pM,platelets_per_uL_sd\n1,3,3\n", "the deviation of a count that is not in the table"),
        ("day,TPO_pM,TPO_pM_sd\n1,3,0\n", "is zero in line 2"),
        (b"PK\x03\x04\xff\xfe", "save it as CSV"),
    ],
)
def test_each_mistake_has_its_cure(tmp_path, text, said):
    told = refused(tmp_path, text)
    assert len(told) == 1 and said in told[0]


def test_no_file(tmp_path):
    with pytest.raises(CountsError, match="no such file"):
        read_counts(tmp_path / "none.csv", known=KNOWN, span=(0, 1))
