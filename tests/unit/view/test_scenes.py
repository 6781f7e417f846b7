"""Named scenes: what they ask of a run, which days they choose, what stands in the files."""

import dataclasses
import itertools

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from marrow_niche.errors import PictureError, RunError
from marrow_niche.view import plans, scenes, shooting, style
from marrow_niche.view.asked import SCENES, asked
from marrow_niche.view.composed import Sheet, label, page, places, ticks
from marrow_niche.view.probe import Probe
from marrow_niche.view.section import Section
from marrow_niche.view.stage import Panel, Scale, groups, pooled, rim
from marrow_niche.view.theme import DARK, LIGHT

SMALL = (640, 360)


def test_every_mistake_is_told_at_once_with_its_cure(recorded):
    with pytest.raises(PictureError) as told:
        asked(
            recorded, ["anatomi", "triptych"], days=[3, 99], field="SFC", theme="drak", size="big", format="bmp",
            movies=["a.avi", "a.avi"], rate=0,
        )  # fmt: skip
    text = str(told.value)
    assert f"{len(told.value.mistakes)} mistakes" in text
    for part in (
        "Did you mean 'anatomy'?", "choose one of day 0 to 20, 5 times", "Did you mean 'SCF'?", "Did you mean 'dark'?", "such as 1920x1080",
        "png, svg or pdf", "neither .mp4 nor .gif", "given twice", "Give --scene once", "Give --day three times", "between 0.1 and 60",
    ):  # fmt: skip
        assert part in text


def test_days_are_those_recorded_nearest(recorded):
    assert asked(recorded, [], days=[5.4, 6.2, 19]).days == (6.0, 20.0)


@pytest.mark.parametrize(("day", "text"), [(7.0, "7"), (100.5, "100.5"), (12 + 1 / 24, "12.0417"), (1095.0, "1095")])
def test_each_day_has_a_title_and_a_file_of_its_own(recorded, day, text):
    wanted = dataclasses.replace(asked(recorded, []), days=(day,))
    (plan,) = plans.over(recorded, "slice", wanted.days, wanted)
    assert plan.title == f"Day {text} · Section"
    assert scenes._name(plan, wanted, "png") == f"slice_day{text}.png"


def test_without_a_name_every_scene_is_drawn(recorded):
    assert asked(recorded, []).scenes == SCENES


def test_a_run_without_space_says_so_once(recorded, monkeypatch):
    monkeypatch.setitem(recorded.scenario, "record", {"space": False})
    with pytest.raises(PictureError) as told:
        asked(recorded, ["damage"], field="SFC")
    (mistake,) = told.value.mistakes
    assert "space = false under [record]" in mistake


@pytest.mark.parametrize("size", [(1920, 1080), (800, 600)])
def test_a_long_note_ends_within_the_page(size):
    """As long as any: the three numbers of a triptych of a slice."""
    note = ("Slice of 10 um, seen from above. Stem cells at their true number (13,123, 10,000 and 14,444 in what is drawn), 26 times "
            "their size, paler where something stands before them. On the cut, grey: vessels; yellow: fat.")  # fmt: skip
    sheet = Sheet(title="", under="", heads=("",), foot=(), note=note)
    with style.styled():
        drawn = page(size, LIGHT)
        label(drawn, sheet, size, LIGHT, 1.0, 1.0)
        (text,) = [text for text in drawn.texts if text.get_text() == note]
        box = text.get_window_extent(FigureCanvasAgg(drawn).get_renderer())
    assert 0.8 * size[0] < box.x1 < 0.99 * size[0]


def test_a_triptych_shows_the_field_that_is_asked_for_be_it_the_first_one(recorded):
    (page,) = plans.planned(recorded, "triptych", asked(recorded, ["triptych"], field="SCF"))
    assert {panel.array for panel in page.panels} == {"SCF_pM"}
    with pytest.raises(RunError, match="did not record cellularity"):
        plans.planned(recorded, "triptych", asked(recorded, ["triptych"]))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("look", ["field", "cells"])
def test_states_of_stem_cells_differ_plainly_in_colour(theme, look):
    flags = {name: np.zeros(0, bool) for name in ("cycling", "senescent", "marked")}
    colours = [colour for *_, colour in groups(flags, Panel(look=look, day=0.0), theme)]
    shades = [np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) for colour in colours]
    for one, other in itertools.combinations(shades, 2):
        assert np.abs(one - other).max() > 60


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2, with its exact curve)."""
    shares = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("by", ["state", "donor", "clone"])
def test_a_stem_cell_stands_out_from_any_ground_by_itself_or_by_its_rim(theme, by):
    """A ball and its rim have a contrast above 4.5 to 1 (WCAG 2.1 asks 3 to 1 of graphics); so on no colour of the maps, of
    vessels, fat or bone do both have less than half as much, on a scale of ratios: 2.1 to 1."""
    flags = {name: np.zeros(0, bool) for name in ("cycling", "senescent", "marked")} | {"clone": np.zeros(0, int)}
    colours = [colour for *_, colour in groups(flags, Panel(look="field", day=0.0, by=by, clones=(1, 2, 3, 4, 5, 6)), theme)]
    grounds = [theme.cut_vessel, theme.fat, theme.bone, theme.sinusoid, theme.pale_sinusoid, theme.page]
    grounds += [to_hex(each) for name in ("viridis", "cividis", "RdBu") for each in colormaps[name](np.linspace(0, 1, 64))]

    def contrast(one, other):
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    for colour in colours:
        assert contrast(colour, rim(colour)) > 4.5
        assert min(max(contrast(ground, colour), contrast(ground, rim(colour))) for ground in grounds) > 2.1


def test_each_of_several_heads_stands_over_its_picture():
    """A flat bone in a high place: the head goes down to it; a bone that fills its place leaves the head above."""
    low = []
    for aspect in (2.0, 0.5):
        drawn = page((1280, 720), LIGHT)
        label(drawn, Sheet(title="t", under="u", heads=("one", "two", "three"), foot=()), (1280, 720), LIGHT, aspect, 2.0)
        low.append(next(line.get_position()[1] for line in drawn.texts if line.get_text() == "one"))
        left, top, wide, high = places(3, (1280, 720), aspect)[0]
        shown = min(high, wide / aspect)
        assert top + 0.5 * (high - shown) - 0.05 * shown - 30 < 720 * (1 - low[-1]) <= top + 0.5 * (high - shown)
    assert low[0] < low[1] - 0.1


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280)])
def test_no_line_of_words_runs_off_the_page(size):
    long = "A very long line of words that says all that there is to be said of a run. " * 4
    drawn = page(size, LIGHT)
    label(drawn, Sheet(title=long, under=long, heads=("",), foot=(), note=long), size, LIGHT, 1.0, 2.0)
    lines = [line for line in drawn.texts if line.get_text() == long]
    assert len(lines) == 3
    assert all(line.get_window_extent().x1 <= size[0] for line in lines)


def test_a_size_that_fits_no_page_is_refused(recorded):
    with pytest.raises(PictureError, match="between 320x240 and 7680x4320"):
        asked(recorded, [], size="100x100")


def test_before_emptiest_and_recovered_are_found_in_the_cellularity(recorded):
    """It is 1, 0.6, 0.04, 0.5, 0.95 on days 0, 2, 6, 10, 20."""
    assert plans.telling_three(recorded) == [(0.0, "before"), (6.0, "emptiest"), (20.0, "recovered")]


def test_a_marrow_that_does_not_recover_ends_at_the_end(run_of):
    run = run_of(shares=(1.0, 0.6, 0.04, 0.5, 0.7))
    assert plans.telling_three(run)[-1] == (20.0, "at the end")


def test_a_marrow_that_stays_full_is_shown_at_start_middle_and_end(run_of):
    assert [day for day, _ in plans.telling_three(run_of(shares=(1.0, 1.0, 0.99, 1.0, 1.0)))] == [0.0, 6.0, 20.0]


def test_the_colours_of_a_field_span_all_days_that_are_shown(recorded):
    """SCF is 200 / (0.1 + share) and up to 1 more: 182 on day 0, 1429 on day 6."""
    both = plans.spanned(recorded, "SCF_pM", [0.0, 6.0])
    one = plans.spanned(recorded, "SCF_pM", [0.0])
    assert (both.low, both.high) == (pytest.approx(181.8, abs=0.2), pytest.approx(1429.5, abs=0.5))
    assert one.high < 184
    assert not both.log and one.colours == "viridis"


def test_pages_of_a_film_share_their_colours(recorded):
    pages = plans.over(recorded, "fields", [0.0, 6.0, 20.0], asked(recorded, ["fields"]))
    assert len({page.panels[0].scale for page in pages}) == 1
    assert [page.title.partition(" · ")[0] for page in pages] == ["Day 0", "Day 6", "Day 20"]


def test_a_scene_of_what_was_not_recorded_says_so(recorded):
    with pytest.raises(RunError, match="the run did not record cellularity"):
        plans.over(recorded, "damage", [0.0], asked(recorded, ["damage"]))


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("size", [(1920, 1080), (640, 360), (800, 1200)])
@pytest.mark.parametrize("aspect", [0.5, 1.5, 6.0])
def test_pictures_stay_on_their_page_and_apart(number, size, aspect):
    boxes = places(number, size, aspect)
    assert len(boxes) == number
    for left, top, wide, high in boxes:
        assert left >= 0 and top >= 0 and wide >= 8 and high >= 8
        assert left + wide <= size[0] and top + high <= size[1]
    for (a, b, c, d), (e, f, g, h) in itertools.combinations(boxes, 2):
        assert a + c <= e or e + g <= a or b + d <= f or f + h <= b


def test_long_bones_lie_below_each_other_and_round_ones_side_by_side():
    long, round_ = places(3, (1920, 1080), 6.0), places(3, (1920, 1080), 1.0)
    assert len({left for left, *_ in long}) == 1 and len({top for _, top, *_ in round_}) == 1


@pytest.mark.parametrize("scale", [Scale(low=0.02, high=900, log=True), Scale(low=3, high=40, log=True), Scale(low=0, high=1.13), Scale(low=783, high=1271)])
def test_ticks_are_few_and_lie_on_the_bar(scale):
    found = ticks(scale)
    assert 3 <= len(found) <= 7
    assert found == sorted(found) and found[0] >= scale.low * 0.99 and found[-1] <= scale.high * 1.01


def test_the_slice_is_lines_and_areas_in_an_svg(recorded, tmp_path):
    (path,) = scenes.render(recorded, ["slice"], format="svg", into=tmp_path, size=SMALL)
    text = path.read_text()
    assert path.name == "slice.svg"
    assert "<image" not in text and text.count("<path") > 10


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_run_gives_the_same_bytes(recorded, tmp_path, form):
    (one,), (two,) = (scenes.render(recorded, ["slice"], format=form, into=tmp_path / k, size=SMALL) for k in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_a_picture_has_the_pixels_that_were_asked_for_and_its_theme(recorded, tmp_path):
    from matplotlib.image import imread

    for theme, look in (("light", LIGHT), ("dark", DARK)):
        (path,) = scenes.render(recorded, ["slice"], theme=theme, into=tmp_path / theme, size="641x363", days=[6])
        picture = imread(path)
        assert path.name == "slice_day6.png" and picture.shape[:2] == (363, 641)
        page = [int(look.page[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        np.testing.assert_allclose(picture[2, -2, :3], page, atol=0.01)


def test_pictures_go_into_the_run_unless_told(own):
    (path,) = scenes.render(own, ["slice"], size=SMALL)
    assert path == own.directory / "scenes" / "slice.png"


def test_a_section_shows_the_vessels_and_cells_of_its_plane(recorded):
    section = Section(recorded)
    view = section.view
    cells = section.shown(0.0)["position"]
    height = section.plane.flat(cells)[2]
    assert 0 < len(cells) <= len(view.cells(0.0)["position"])
    assert np.abs(height).max() <= 50.0
    assert section.axes["xyz"[section.axis]] == (0.0, 0.0)


def test_a_section_runs_the_way_that_other_scenes_do(recorded):
    """From whichever side the pictures in space are taken."""
    section = Section(recorded)
    for right in (section.plane.across, -section.plane.across):
        section.view.right = right
        along = int(np.abs(section.plane.across).argmax())
        assert section.axes["xyz"[along]][0] * section.view.right[along] > 0
        drawn = section.figure(0.0, Sheet(title="", under="", heads=("",), foot=(), note=""), SMALL, LIGHT)
        low, high = drawn.axes[0].get_xlim()
        assert (high > low) == (section.side == 1)


def test_without_a_window_the_slice_is_drawn_and_then_it_is_told_what_to_install(recorded, tmp_path, no_window):
    seen = []
    with pytest.raises(RunError, match="apt-get install libegl1"):
        scenes.render(recorded, ["anatomy", "slice"], into=tmp_path, size=SMALL, written=seen.append)
    assert [path.name for path in seen] == ["slice.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slice.png"]


def test_a_crash_of_the_driver_is_told(recorded, monkeypatch):
    monkeypatch.setattr(shooting, "CHILD", ("-c", "import os; os.abort()"))
    with pytest.raises(RunError, match="ended with code -6"):
        list(shooting.shots(recorded, [(Panel(look="anatomy", day=0.0), SMALL)], theme=LIGHT, found=Probe(works=True)))


def test_who_looks_no_longer_leaves_no_child_behind(recorded, monkeypatch):
    import subprocess

    children = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            children.append(self)

    monkeypatch.setattr(shooting.subprocess, "Popen", Noted)
    answer = "import json, sys, time, os, numpy as np; f = os.path.join(os.path.dirname(sys.argv[1]), '0.npy');"
    answer += "np.save(f, np.zeros((2, 2, 3))); print(json.dumps(dict(file='0.npy', um_per_pixel=1, shown=0, enlarged=1)), flush=True); time.sleep(60)"
    monkeypatch.setattr(shooting, "CHILD", ("-c", answer))
    panels = [(Panel(look="anatomy", day=0.0), SMALL)] * 3
    come = shooting.shots(recorded, panels, theme=LIGHT, found=Probe(works=True))
    assert next(come).um_per_pixel == 1
    come.close()
    assert children[0].poll() is not None


@pytest.mark.parametrize("finer", [1, 2, 3])
def test_pixels_are_means_of_finer_ones(finer):
    fine = np.random.default_rng(2).integers(0, 256, (4 * finer, 5 * finer, 3), np.uint8)
    found = pooled(fine, finer)
    assert found.shape == (4, 5, 3) and found.dtype == np.uint8
    for row in range(4):
        for column in range(5):
            square = fine[row * finer : (row + 1) * finer, column * finer : (column + 1) * finer].astype(float)
            assert np.abs(found[row, column] - square.mean(axis=(0, 1))).max() <= 0.5
    assert (pooled(np.full_like(fine, 255), finer) == 255).all()


def test_a_cut_face_has_the_colours_of_its_bar(recorded, window, tmp_path):
    """SCF on day 0 lies between 181.8 and 182.8: with colours from 0 to 2000 all of the face is one colour."""
    scale = Scale(low=0.0, high=2000.0)
    panel = Panel(look="field", day=0.0, array="SCF_pM", scale=scale, by="", half=True)
    (shot,) = shooting.shots(recorded, [(panel, (320, 240))], theme=LIGHT, found=window)
    expected = np.array(colormaps["viridis"](182.3 / 2000.0)[:3]) * 255
    near = np.abs(shot.picture - expected).max(axis=-1) < 4
    assert near.mean() > 0.05


def test_all_3d_scenes_are_drawn_and_later_days_are_not_the_first_again(recorded, window, tmp_path):
    """The pictures of a film are of one stage, so that what changed must be drawn anew."""
    from matplotlib.image import imread

    paths = scenes.render(recorded, ["anatomy", "fields"], days=[0, 6], into=tmp_path, size=SMALL)
    assert [path.name for path in paths] == ["anatomy_day0.png", "anatomy_day6.png", "fields_day0.png", "fields_day6.png"]
    pictures = [imread(path)[60:260, :, :3] for path in paths]
    assert np.abs(pictures[0] - pictures[1]).max() > 0.3
    assert np.abs(pictures[2] - pictures[3]).max() > 0.3


def test_a_film_shows_every_record_and_tells_how_far_it_is(recorded, tmp_path):
    from PIL import Image

    told = []
    (path,) = scenes.film(recorded, [tmp_path / "a.gif"], "slice", size=SMALL, show=lambda done, number, _: told.append((done, number)))
    assert Image.open(path).n_frames == 5
    assert told == [(k, 5) for k in range(6)]


def test_the_command_puts_films_into_the_folder_that_is_asked_for(recorded, tmp_path, capsys):
    from marrow_niche.cli import main

    asked_for = ["--scene", "slice", "--day", "0", "--day", "6", "--size", "320x240", "--movie", "a.gif"]
    assert main(["render", str(recorded.directory), *asked_for, "--into", str(tmp_path / "films")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'films' / 'a.gif'}\n" and (tmp_path / "films" / "a.gif").is_file()
    assert main(["render", str(recorded.directory), *asked_for, "--into", str(tmp_path / "no"), "--format", "png"]) == 2
    assert "--format png: is of pictures; a film is what its name ends in" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_film_that_cannot_be_drawn_leaves_nothing(recorded, tmp_path, no_window):
    with pytest.raises(RunError, match="apt-get"):
        scenes.film(recorded, [tmp_path / "a.gif"], "anatomy", size=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_the_command_names_each_file_and_exits_with_2_where_nothing_can_be_drawn_in_3d(recorded, tmp_path, no_window, capsys):
    from marrow_niche.cli import main

    assert main(["render", str(recorded.directory), "--into", str(tmp_path), "--size", "640x360"]) == 2
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'slice.png'}\n"
    assert "Not drawn: damage: the run did not record cellularity" in said.err
    assert "no OpenGL window works" in said.err and "Traceback" not in said.err


def test_the_command_tells_mistakes_and_draws_nothing(recorded, tmp_path, capsys):
    from marrow_niche.cli import main

    asked_for = ["--scene", "silce", "--day", "-4", "--into", str(tmp_path / "new")]
    assert main(["render", str(recorded.directory), *asked_for]) == 2
    assert "cannot be drawn; 2 mistakes:" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_film_that_is_stopped_with_ctrl_c_leaves_nothing_and_exits_with_130(recorded, tmp_path, capsys, monkeypatch):
    from marrow_niche.cli import main

    drawn = []

    def pixels(figure):
        drawn.append(figure)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return np.zeros((360, 640, 3), np.uint8)

    monkeypatch.setattr(scenes, "_pixels", pixels)
    films = ["--movie", str(tmp_path / "a.mp4"), "--movie", str(tmp_path / "a.gif")]
    assert main(["render", str(recorded.directory), "--scene", "slice", "--size", "640x360", *films]) == 130
    assert "Begin again with: marrow-niche render" in capsys.readouterr().err
    assert len(drawn) == 2 and list(tmp_path.iterdir()) == []
