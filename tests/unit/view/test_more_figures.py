"""Profiles, clone streams, seed bands, and what is published, drawn from recorded runs."""

import numpy as np
import pytest

from marrow_niche.analysis.clones import Clones
from marrow_niche.analysis.published import Published
from marrow_niche.errors import RunError
from marrow_niche.view import curves, profiles, seeds, streams


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


def test_profiles_show_each_concentration_from_walls_and_from_bone(recorded):
    drawn = profiles.profiles(recorded)
    assert titles(drawn) == ["SCF", "Oxygen"]
    assert {ax.get_xlabel() for ax in drawn.axes} == {"from sinusoid wall [µm]", "from bone [µm]"}
    assert [text.get_text() for text in drawn.legends[0].texts] == [
        "day 0, at rest", "day 6, fewest neutrophils", "day 20, at the end"
    ]  # fmt: skip
    rest, nadir, _ = (line.get_ydata() for line in drawn.axes[0].lines)
    assert np.allclose(rest, 182, atol=2) and np.allclose(nadir, 200 / 0.14, atol=2)  # as recorded: 200 / (0.1 + share)


def test_without_vessels_or_fields_there_are_no_profiles(run_of):
    assert profiles.profiles(run_of(fields=False, geometry=False)) is None


def test_others_of_many_clones_are_bundled():
    sizes = np.array([[5.0, 1, 1, 1], [0, 9, 2, 1]])
    names, bundled = streams.bundled(Clones(day=np.array([0.0, 1.0]), clone=np.array([3, 4, 7, 9]), size=sizes), 2)
    assert names == [4, 3, -1]
    assert bundled.tolist() == [[1, 9], [5, 0], [2, 3]]


def test_streams_are_as_wide_as_their_clones(recorded, monkeypatch):
    found = Clones(day=np.array([0.0, 20.0]), clone=np.array([1, 2]), size=np.array([[6.0, 2.0], [2.0, 0.0]]))
    monkeypatch.setattr("marrow_niche.analysis.clones.clones", lambda _: found)
    cells = recorded.cells(day=0.0).assign(clone=1)
    monkeypatch.setattr(type(recorded), "cells", lambda self, day=None: cells)
    top, low = streams.streams(recorded).axes
    edge = np.concatenate([path.vertices for body in top.collections for path in body.get_paths()])
    at_start, at_end = (np.ptp(edge[edge[:, 0] == day, 1]) for day in (0.0, 20.0))
    assert (at_start, at_end) == pytest.approx((100, 25))  # 8 cells are rest, 2 are left
    assert [text.get_text() for text in low.texts] == ["effective number of clones 1.6 at rest, 1 at the end"]


def test_cells_without_clones_make_no_streams(recorded):
    assert streams.streams(recorded) is None  # the shared recording has none


def test_each_group_of_a_study_has_a_figure_by_its_name(recorded, tmp_path):
    groups = {f"events.1.dose = 2 Gy, x = {x}": [recorded.directory] * 2 for x in ("1/2", "1 2")} | {"": [recorded.directory] * 3}
    paths = seeds.draw(groups, tmp_path / "bands")
    assert [path.name for path in paths] == ["events.1.dose_2_Gy_x_1_2.png", "events.1.dose_2_Gy_x_1_2_2.png", "all.png"]
    assert all(path.stat().st_size > 20_000 for path in paths) and seeds.draw({}, tmp_path / "none") == []
    titled = seeds.seed_bands([recorded] * 2, title="2 Gy")
    assert titled.get_suptitle() == "2 Gy" and seeds.seed_bands([recorded]).get_suptitle() == ""


def test_seed_bands_hold_every_run(recorded):
    drawn = seeds.seed_bands([recorded, recorded], ["platelets_per_uL", "stem_cells"])
    assert titles(drawn) == ["Platelets", "Stem cells"]
    assert any("2 runs" in text.get_text() for text in drawn.texts)
    with pytest.raises(RunError, match="none of basophils"):
        seeds.seed_bands([recorded], ["basophils"])


def test_what_is_published_and_normal_is_laid_over_the_counts(recorded):
    band = Published(column="lymphocytes_per_uL", day=np.array([0.0, 2.0]), low=np.array([4000, 1000.0]), high=np.array([4000, 2000.0]), source="x")
    bound = Published(column="neutrophils_per_uL", day=np.array([2.0]), low=np.array([0.0]), high=np.array([400.0]), source="x")
    plain = curves.blood(recorded.blood)
    drawn = curves.blood(recorded.blood, normal={"platelets_per_uL": (1.5e5, 4e5)}, published=[band, bound])
    of = {title: (a, b) for title, a, b in zip(titles(plain), plain.axes, drawn.axes)}
    more = {name: len(b.get_children()) - len(a.get_children()) for name, (a, b) in of.items()}
    assert more == dict.fromkeys(more, 0) | {"Lymphocytes": 1, "Neutrophils": 2, "Platelets": 1}
