"""Figures show what they should: marks, colours, scales; and none is blank."""

import io

import numpy as np
import pytest

from marrow_niche.analysis.space import Placement
from marrow_niche.errors import RunError
from marrow_niche.view import curves, events, slices, style


def pixels(figure, dpi=60):
    from matplotlib.image import imread

    file = io.BytesIO()
    with style.styled():
        figure.savefig(file, dpi=dpi)
    file.seek(0)
    return imread(file)[..., :3]


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in (*ax.texts, ax.title)] + [
        t.get_text() for t in figure.texts
    ]


def axes_of(figure, title):
    return next(ax for ax in figure.axes if ax.get_title(loc="left") == title or ax.get_title() == title)


def test_blood_marks_nadir_recovery_and_event(recorded):
    drawn = curves.blood(recorded.blood, events.of_run(recorded))
    ax = axes_of(drawn, "Neutrophils")
    words = [text.get_text() for text in ax.texts]
    assert {"4 %, day 6", "day 19", "6 Gy", "per µL"} <= set(words)
    assert ax.get_yscale() == "log"
    assert axes_of(drawn, "Haemoglobin").get_yscale() == "linear"
    assert any("×25" in text for text in texts(drawn))  # TPO
    assert pixels(drawn).std() > 0.05


def test_blood_at_rest_marks_nothing(run_of):
    run = run_of(events=(), shares=(1.0, 0.98, 1.03, 0.99, 1.0))
    drawn = curves.blood(run.blood, events.of_run(run))
    assert not any("day" in text for text in texts(drawn))
    assert axes_of(drawn, "Neutrophils").get_yscale() == "linear"


def test_marrow_has_a_panel_for_what_is_recorded(recorded):
    drawn = curves.marrow(recorded.marrow, events.of_run(recorded))
    titles = {ax.get_title(loc="left") for ax in drawn.axes}
    assert titles == {"Stem cells", "Cellularity", "Stem-cell state", "Progenitors", "Niche", "Clones of stem cells"}
    assert pixels(drawn).std() > 0.05
    fewer = curves.marrow(recorded.marrow[["day", "cellularity"]])
    assert [ax.get_title(loc="left") for ax in fewer.axes] == ["Cellularity"]
    assert curves.marrow(recorded.marrow[["day"]]) is None


def test_stem_cells_that_die_out_are_drawn(recorded):
    table = recorded.marrow.assign(stem_cells=[12, 6, 0, 0, 0])
    drawn = curves.marrow(table)
    assert "0 %, day 6" in texts(drawn)
    one = curves.marrow(table.iloc[:1])
    assert pixels(one).std() > 0.01


def test_distances_stand_beside_the_null():
    placed = Placement(day=0.0, observed=np.array([1.0, 2.0, 3.0, 30.0]), random=np.linspace(0.1, 20, 100))
    drawn = curves.distances(placed)
    assert {"stem cells, day 0: 75 %", "random points: 50 % within 10 µm"} <= set(texts(drawn))
    assert pixels(drawn).std() > 0.05


def test_slices_share_their_colours_over_time_and_leave_bone_alone(recorded):
    drawn = slices.slices(recorded)
    images = [ax.images for ax in drawn.axes if len(ax.images) == 2]
    assert len(images) == 3 * 3  # three fields at three days
    limits = {(image.norm.vmin, image.norm.vmax) for _, image in images[:3]}
    assert len(limits) == 1
    low, high = limits.pop()
    scf = recorded.field("SCF").sel(time=[0.0, 6.0, 20.0]).isel(z=3).to_numpy()
    assert np.nanmin(scf) <= low < high <= np.nanmax(scf)
    shown = images[0][1].get_array()
    assert shown.mask.sum() == np.isnan(scf[0]).sum() > 0
    assert pixels(drawn).std() > 0.05
    assert any("µm" in text for text in texts(drawn))


@pytest.mark.parametrize(("shape", "expected"), [((1, 9, 8), (0, 0)), ((20, 4, 6), (1, 2)), ((4, 8, 8), (0, 2))])
def test_the_plane_with_most_marrow_is_chosen(shape, expected):
    assert slices.plane(np.full(shape, 2, np.uint8)) == expected


def test_telling_days(recorded, run_of):
    assert slices.telling_days(recorded) == [(0.0, "at rest"), (6.0, "fewest neutrophils"), (20.0, "at the end")]
    calm = run_of(events=(), shares=(1.0, 0.98, 1.03, 0.99, 1.0))
    assert slices.telling_days(calm) == [(0.0, "at rest"), (20.0, "at the end")]


def test_scale_bars_are_round():
    assert [slices.round_length(x) for x in (999.0, 1000.0, 260.0, 49.0)] == [500.0, 1000.0, 200.0, 20.0]
    assert (slices.length_text(200.0), slices.length_text(2000.0)) == ("200 µm", "2 mm")


def test_a_disk_that_refuses_is_told_for_what_it_is(recorded, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"one\.png: cannot be written"):
        style.save(curves.blood(recorded.blood), tmp_path / "file" / "one.png")


def test_a_saved_figure_is_the_same_each_time(recorded, tmp_path):
    one = style.save(curves.blood(recorded.blood), tmp_path / "a" / "one.png").read_bytes()
    assert one == style.save(curves.blood(recorded.blood), tmp_path / "two.png").read_bytes()


def test_drawing_leaves_the_users_settings_alone(recorded):
    import matplotlib

    matplotlib.rcParams["font.size"] = 17.0
    try:
        curves.blood(recorded.blood)
        assert matplotlib.rcParams["font.size"] == 17.0
    finally:
        matplotlib.rcdefaults()
