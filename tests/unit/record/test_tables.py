import os

import pytest

from marrow_niche.errors import RunError
from marrow_niche.record.tables import Table, day_text, read_table


def filled(path, days=(0, 1 / 3, 2)):
    table = Table(path)
    for day in days:
        table.append(day, {"neutrophils_per_uL": 1000 / 3 + day, "TPO_pM": 2.0})
    return table


def test_a_table_reads_as_written(tmp_path):
    filled(tmp_path / "blood.csv")
    assert (tmp_path / "blood.csv").read_text() == (
        "day,neutrophils_per_uL,TPO_pM\n0,333.3333333,2\n0.3333333333333333,333.6666667,2\n2,335.3333333,2\n"
    )
    frame = read_table(tmp_path / "blood.csv")
    assert list(frame.columns) == ["day", "neutrophils_per_uL", "TPO_pM"]
    assert frame["day"].tolist() == [0, 1 / 3, 2]


@pytest.mark.parametrize("day", [0.0, 0.1, 1 / 3, 14.0, 1e-7, 365.25, 123456.789])
def test_the_text_of_a_day_keeps_every_bit(day):
    assert float(day_text(day)) == day


def test_a_half_written_line_is_ignored_and_cut_away(tmp_path):
    path = tmp_path / "blood.csv"
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"3,12")
    assert read_table(path)["day"].tolist() == [0, 1 / 3, 2]
    assert Table(path).cut(10) == [0, 1 / 3, 2]
    assert path.read_bytes() == whole


def test_a_table_cut_back_goes_on_as_if_it_never_stopped(tmp_path):
    filled(tmp_path / "whole.csv", (0, 1 / 3, 2, 5))
    table = filled(tmp_path / "cut.csv", (0, 1 / 3, 2, 4))
    assert table.cut(2) == [0, 1 / 3, 2]
    Table(tmp_path / "cut.csv").append(5, {"TPO_pM": 2.0, "neutrophils_per_uL": 1000 / 3 + 5})
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_table_cut_before_its_first_row_keeps_its_header(tmp_path):
    assert filled(tmp_path / "blood.csv").cut(-1) == []
    assert read_table(tmp_path / "blood.csv").empty
    assert Table(tmp_path / "absent.csv").cut(3) == []


def test_columns_may_not_change(tmp_path):
    table = filled(tmp_path / "blood.csv")
    with pytest.raises(RunError, match=r"missing: TPO_pM; new: EPO_pM"):
        table.append(3, {"neutrophils_per_uL": 1, "EPO_pM": 2})


@pytest.mark.parametrize("name", ["neutrophils [/uL]", "a,b", "day", ""])
def test_a_bad_column_name_is_refused(tmp_path, name):
    with pytest.raises(RunError, match="cannot name a column"):
        Table(tmp_path / "blood.csv").append(0, {name: 1.0})


def test_a_missing_or_edited_table_is_told(tmp_path):
    with pytest.raises(RunError, match="missing or empty"):
        read_table(tmp_path / "blood.csv")
    (tmp_path / "blood.csv").write_text("day,a\nmonday,3\n")
    with pytest.raises(RunError, match="does not begin with a day"):
        Table(tmp_path / "blood.csv").days()
    for rows in ("monday,3\n", "1,3\n2\n", "1,3,4\n"):
        (tmp_path / "blood.csv").write_text("day,a\n" + rows)
        with pytest.raises(RunError, match="Was the file edited"):
            read_table(tmp_path / "blood.csv")


def test_rows_are_brought_to_the_disk_when_asked(tmp_path, monkeypatch):
    """By an fsync of the table itself; a table that is not there yet has none."""
    synced = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    table = Table(tmp_path / "blood.csv")
    table.sync()
    assert not table.path.exists()
    filled(table.path)
    assert synced == []
    table.sync()
    assert synced == [table.path.stat().st_ino]


def test_a_table_that_cannot_be_brought_to_the_disk_is_told(tmp_path, monkeypatch):
    table = filled(tmp_path / "blood.csv")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match=r"blood.csv: cannot be written \(No space left on device\)"):
        table.sync()
