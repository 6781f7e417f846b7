"""The clinician's table, and measured counts drawn over a run."""

import numpy as np
import pytest

from marrow_niche.errors import CountsError
from marrow_niche.view import clinic, compare, panel
from marrow_niche.view.events import Event
from marrow_niche.view.report import report


def test_the_table_is_in_the_report(own):
    rows = dict(clinic.rows([own]))
    assert rows["neutrophils, lowest"] == "40 per µL, day 6"
    assert rows["H-ARS degree, overall"] == "H4" and rows["neutrophils below 25 per µL"] == "0 d"
    text = report(own, three_d=False).read_text(encoding="utf-8")
    assert "What a clinician reads" in text and "Fliedner" in text and "a convention" in text


def test_several_seeds_have_a_range(recorded):
    rows = {name: rest for name, *rest in clinic.rows([recorded, recorded])}
    assert rows["neutrophils, lowest"] == ["40 per µL", "40 per µL", "2 of 2"]


def test_a_figure_and_a_table_are_left(own, tmp_path):
    table = tmp_path / "counts.csv"
    table.write_text("day,neutrophils_per_uL,neutrophils_per_uL_sd,haemoglobin_g_per_L\n0,1000,100,140\n6,80,10,\n10,500,,100\n")
    said = compare.lay_over(own, table)
    assert "x0.5" in said and said.isascii()
    assert (own.directory / "compare.png").read_bytes()[:4] == b"\x89PNG"
    assert (own.directory / "compare.csv").read_text().startswith("count,measurements,judged,rms_log_ratio")
    before = (own.directory / "compare.png").read_bytes()
    assert compare.lay_over(own, table) == said and (own.directory / "compare.png").read_bytes() == before
    compare.lay_over(own, table, relative=True)
    assert (own.directory / "compare.png").read_bytes() != before


def test_a_table_with_nothing_left_to_judge_is_refused(own, tmp_path):
    table = tmp_path / "counts.csv"
    table.write_text("day,neutrophils_per_uL\n0,1000\n")
    with pytest.raises(CountsError, match="--relative divides by"):
        compare.lay_over(own, table, relative=True)
    assert not (own.directory / "compare.csv").exists()


def test_names_of_events_that_are_near_stand_below_each_other():
    """Three within a day, and one far from them that may stand in the first row again."""
    from matplotlib.figure import Figure

    ax = Figure(figsize=(2.5, 2)).add_subplot()
    done = [Event(spans=((day, day),), label=name, told=name) for day, name in ((0, "a"), (0.2, "b"), (1, "c"), (25, "d"))]
    panel.span(ax, np.array([0.0, 30.0]), done, named=True)
    high = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert high["a"] == high["d"] == 1.0 and high["a"] - 0.05 > high["b"] and high["b"] - 0.05 > high["c"]


def test_daily_doses_are_a_band():
    days = [(k, k) for k in (0.0, 1.0, 2.0)]
    assert panel.joined([*days, (20.0, 20.0)], 2.0) == [(0.0, 2.0), (20.0, 20.0)]
    assert panel.joined(days, 0.5) == days and np.shape(panel.joined([], 1.0)) == (0,)
