"""Rendering happens elsewhere: what fails there ends neither a run nor a report."""

import io
import signal
import time

import numpy as np
import pytest

from marrow_niche.view import scene, sight
from marrow_niche.view.probe import EGL, OSMESA, VARIABLE, Probe, candidates, probe


def seen(run, days=None, **asked):
    with scene.Rendering(run, days, **asked) as begun:
        return begun.scene()


def test_a_window_that_kills_its_process_is_survived(no_window):
    found = probe()
    assert not found.works and found.environment == {}
    for package in ("libegl1", "libgl1-mesa-dri", "libosmesa6"):
        assert package in found.message


def test_a_window_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr("marrow_niche.view.probe._OPEN_A_WINDOW", "import time; time.sleep(60)")
    assert not probe(timeout=0.3).works


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", [EGL, OSMESA]),
        ({"DISPLAY": ":0"}, "linux", [None, EGL, OSMESA]),
        ({VARIABLE: OSMESA}, "linux", [OSMESA, EGL]),
        ({VARIABLE: OSMESA, "DISPLAY": ":0"}, "linux", [OSMESA, "", EGL]),
        ({}, "darwin", [None]),
    ],
)
def test_windows_are_tried_in_the_order_of_their_likelihood(environment, platform, expected):
    assert [setting.get(VARIABLE) for setting in candidates(environment, platform)] == expected


def test_without_a_window_the_scene_says_what_to_install(recorded, no_window):
    found = seen(recorded)
    assert found.drawn is None and "apt-get install" in found.message


def test_a_crash_while_rendering_is_told_not_raised(recorded, monkeypatch):
    monkeypatch.setattr(scene, "CHILD", ("-c", "import os; os.abort()"))
    found = seen(recorded, found=Probe(works=True))
    assert found.drawn is None and "ended with code -6" in found.message


def test_a_picture_that_takes_too_long_is_given_up(recorded, monkeypatch):
    monkeypatch.setattr(scene, "CHILD", ("-c", "import time; time.sleep(60)"))
    assert "longer than 0.5 s" in seen(recorded, found=Probe(works=True), timeout=0.5).message


def test_who_stops_waiting_leaves_no_child_behind(recorded, monkeypatch):
    """An error or Ctrl-C while the pictures are on their way ends them."""
    monkeypatch.setattr(scene, "CHILD", ("-c", "import time; time.sleep(60)"))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), scene.Rendering(recorded, found=Probe(works=True)) as begun:
        while not begun._children:
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert begun._children[0].poll() == -signal.SIGKILL
    assert time.monotonic() - began < 30.0


def test_a_run_without_vessels_has_no_scene(run_of):
    assert "no vessels" in seen(run_of(geometry=False), found=Probe(works=True)).message


def test_the_scene_is_drawn(recorded, window, monkeypatch):
    """Small pictures of two days; stem cells at their true number: 600 of weight 0.02 are 12."""
    for name in ("LARGE", "MEDIUM", "SMALL", "WHOLE"):
        monkeypatch.setattr(scene, name, (160, 120))
    found = seen(recorded, [(0.0, "at rest"), (6.0, "at the nadir")], found=window)
    assert found.message == ""
    assert "12 on day 0 and 0 on day 6" in found.caption
    file = io.BytesIO()
    found.drawn.savefig(file, dpi=50)
    from matplotlib.image import imread

    file.seek(0)
    assert imread(file)[..., :3].std() > 0.05


def test_a_slice_is_looked_at_from_above(run_of):
    view = sight.View(run_of(shape=(1, 12, 14), facts={"dimension": 2}))
    assert view.slice and view.thickness == 20.0
    np.testing.assert_array_equal(view.toward, [0, 0, 1])
    assert view.axes() == {"x": (1.0, 0.0), "y": (0.0, 1.0), "z": (0.0, 0.0)}


def test_stem_cells_are_drawn_at_their_true_number_the_same_each_time(recorded):
    view = sight.View(recorded)
    first, again = view.cells(0.0)["position"], view.cells(0.0)["position"]
    np.testing.assert_array_equal(first, again)
    assert len(first) == 12
    assert (first >= view.corner).all() and (first <= view.top).all()


def test_too_many_vessels_are_cropped_about_the_middle(recorded, monkeypatch):
    monkeypatch.setattr(sight, "TUBES", 1)
    view = sight.View(recorded)
    assert view.cropped and view.part.size < recorded.tissue.size
    assert (view.part == 2).any()


def test_bone_is_cut_open_before_the_marrow(recorded):
    view = sight.View(recorded)
    bone = view.bone()
    before = (np.asarray(bone.points) - view.middle) @ view.opening
    assert before.max() < 3 * view.h
    assert before.min() < -4 * view.h
