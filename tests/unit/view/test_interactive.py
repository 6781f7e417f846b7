"""The marrow that can be turned: what is packed is what was recorded, and a browser without a network draws it."""

import gzip
import io
import json

import numpy as np
import pytest
from browser import Page, chromium

from marrow_niche.view import interactive, page, scene
from marrow_niche.view.sight import View


def unpacked(data):
    """The header, and a function that reads an array of it."""
    raw = gzip.decompress(data)
    length = int.from_bytes(raw[:4], "little")
    head = json.loads(raw[4 : 4 + length])

    def array(place):
        kind, start, number = place
        assert start % 4 == 0 and (4 + length) % 4 == 0
        return np.frombuffer(raw, f"<{kind}", number, 4 + length + start)

    return head, array


def places(head, packed):
    """(k, 3) um, from the low corner of the box."""
    return packed.reshape(-1, 3) / 65535 * np.array(head["extent"])


def test_stem_cells_stand_where_they_were_recorded(recorded):
    head, array = unpacked(interactive.packed(recorded)[1])
    view = View(recorded)
    assert [each["day"] for each in head["days"]] == ["0", "6", "20"]
    for packed, day in zip(head["cells"], (0.0, 6.0, 20.0), strict=True):
        cells = view.cells(day)
        found = places(head, array(packed["place"])) + view.corner
        assert np.abs(found - cells["position"]).max(initial=0.0) <= max(head["extent"]) / 65535
        assert np.array_equal(array(packed["state"]) == 2, cells["senescent"])
    assert head["cells"][0]["state"][2] > 0


def test_tubes_keep_their_course_and_their_radius(recorded):
    head, array = unpacked(interactive.packed(recorded)[1])
    sinusoids, arterioles = head["vessels"]
    assert np.allclose(sorted(array(sinusoids["radius"]) / 65535 * head["size"]), [10, 10, 12, 14], atol=0.01)
    along = places(head, array(arterioles["to"])) - places(head, array(arterioles["from"]))
    assert np.allclose(np.abs(along), [[0, 0, head["extent"][2]]], atol=0.01)
    joints = places(head, array(sinusoids["joint"]))
    assert len(joints) == 8 and {tuple(each) for each in np.round(joints)} == {
        tuple(each) for name in ("from", "to") for each in np.round(places(head, array(sinusoids[name])))
    }
    rest, nadir, _ = (array(share).mean() / 255 for share in sinusoids["whole"])
    assert rest == 1.0 and nadir == pytest.approx((0.52 - 0.4) / 0.6, abs=0.01)


def test_a_segment_is_cut_where_the_box_ends():
    ends = np.array([[[-1, 0.5, 0.5], [3, 0.5, 0.5]], [[0.2, 0.2, 0.2], [0.4, 0.4, 0.4]], [[2, 0, 0], [3, 1, 1]], [[0.5, 2, 0], [0.5, 2, 1]]], float)
    cut, met = interactive.within(ends, np.zeros(3), np.ones(3))
    assert met.tolist() == [True, True, False, False]
    assert np.allclose(cut[0], [[0, 0.5, 0.5], [1, 0.5, 0.5]]) and np.allclose(cut[1], ends[1])


def test_a_surface_encloses_a_tenth_of_the_marrow_at_rest_and_none_where_all_has_more(recorded):
    head, array = unpacked(interactive.packed(recorded)[1])
    scf = next(each for each in head["fields"] if each["name"] == "SCF")
    assert "10 % of the marrow have more" in scf["days"][0]["told"] and scf["days"][0]["index"][2] >= 3
    assert "100 % of the marrow have more" in scf["days"][1]["told"] and "index" not in scf["days"][1]
    index, place = array(scf["days"][0]["index"]), array(scf["days"][0]["place"])
    assert index.max() < len(place) / 3


def test_it_is_the_same_for_the_same_run(recorded):
    assert interactive.section(recorded) == interactive.section(recorded)


def test_a_run_without_vessels_has_nothing_to_turn(run_of):
    assert interactive.section(run_of(geometry=False)) == []


def test_a_slice_is_flat_and_is_not_turned(run_of):
    assert interactive.section(run_of(shape=(1, 12, 14))) == []


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_a_browser_without_a_network_draws_it_once_it_is_opened(recorded, tmp_path):
    from matplotlib.image import imread

    file = tmp_path / "report.html"
    file.write_text(page.document("a marrow", "to turn", interactive.section(recorded)), encoding="utf-8")
    with Page(file.as_uri(), tmp_path / "profile") as opened:
        assert opened.evaluate("document.getElementById('turn').dataset.drawn") is None
        opened.click("#turn summary")
        opened.until("document.getElementById('turn').dataset.drawn === 'day 0'")
        opened.evaluate("document.querySelector('#turn canvas').scrollIntoView({behavior: 'instant'})")
        x, y, wide, high = opened.evaluate(
            "(() => { const b = document.querySelector('#turn canvas').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()"
        )
        drawn = [imread(io.BytesIO(opened.screenshot()))[int(y) : int(y + high), int(x) : int(x + wide), :3]]
        opened.drag((x + 0.3 * wide, y + 0.5 * high), (x + 0.6 * wide, y + 0.4 * high))
        opened.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        drawn.append(imread(io.BytesIO(opened.screenshot()))[int(y) : int(y + high), int(x) : int(x + wide), :3])
        opened.evaluate(
            "(() => { const s = document.querySelector('[name=day]'); s.value = '1'; s.dispatchEvent(new Event('input')); })()"
        )
        opened.until("document.getElementById('turn').dataset.drawn === 'day 6'")
        told = opened.evaluate("document.querySelector('#turn .told').textContent")
        complaints = opened.complaints
    assert complaints == []
    red, _, blue = np.moveaxis(drawn[0], 2, 0)
    assert 0.01 < (red - blue > 0.15).mean() < 0.5  # sinusoids are red; most is white
    quiet = np.array(interactive._rgb(scene.QUIET))
    assert (np.abs(drawn[0] - quiet).max(axis=2) < 0.35).sum() > 30
    assert (np.abs(drawn[0] - drawn[1]).max(axis=2) > 0.1).mean() > 0.01  # it was turned
    assert told == "day 6: 0 stem cells"


def on_canvas(head, place, wide, high):
    """Where places (k, 3) [um from the low corner] stand on an untouched canvas [CSS pixels], (k, 2)."""
    x, y, _ = np.array(head["turn"]).reshape(3, 3) @ (place + head["low"]).T
    um = max(head["seen"][0] / (0.94 * wide), head["seen"][1] / (0.88 * high))
    return np.stack([0.5 * wide + x / um, 0.5 * high - y / um], axis=1)


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_a_stem_cell_that_is_clicked_on_tells_what_it_is(recorded, tmp_path, monkeypatch):
    """The cell that stands freest of the others on the canvas, by its number; a click beside all of them tells nothing."""
    original = View.cells

    def cells(self, day):
        found = original(self, day)
        number = np.arange(len(found["position"]))
        return found | {"clone": 1000 + number, "tip": number % 2, "age_d": 0.5 + number, "dose_Gy": number / 3}

    monkeypatch.setattr(View, "cells", cells)
    file = tmp_path / "report.html"
    file.write_text(page.document("a marrow", "to turn", interactive.section(recorded)), encoding="utf-8")
    head, array = unpacked(interactive.packed(recorded)[1])
    packed = head["cells"][0]
    with Page(file.as_uri() + "#turn", tmp_path / "profile") as opened:
        opened.until("document.getElementById('turn').dataset.drawn === 'day 0'")
        opened.evaluate("document.querySelector('#turn canvas').scrollIntoView({behavior: 'instant'})")
        x, y, wide, high = opened.evaluate(
            "(() => { const b = document.querySelector('#turn canvas').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()"
        )
        spots = on_canvas(head, places(head, array(packed["place"])), wide, high)
        apart = np.linalg.norm(spots[:, None] - spots, axis=2) + 1e9 * np.eye(len(spots))
        chosen = int(apart.min(axis=1).argmax())

        def click(spot):
            at = x + float(spot[0]), y + float(spot[1])
            opened.drag(at, at)
            opened.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            hidden = opened.evaluate("document.querySelector('#turn .card').hidden")
            return None if hidden else opened.evaluate("document.querySelector('#turn .card').textContent")

        told, picked = click(spots[chosen]), opened.evaluate("document.getElementById('turn').dataset.picked")
        opened.drag((x + 0.1 * wide, y + 0.9 * high), (x + 0.2 * wide, y + 0.9 * high))  # it is turned, and stays picked
        turned = opened.evaluate("document.getElementById('turn').dataset.picked")
        nothing = click((3.0, 3.0))
        complaints = opened.complaints
    state = ("quiescent", "cycling", "senescent")[array(packed["state"])[chosen]]
    kind = "of the tip" if chosen % 2 else "HSC"
    assert told == f"Stem cell, {state}, {kind}, clone {1000 + chosen}, {0.5 + chosen:g} d since it came or divided, {float(f'{chosen / 3:.3g}'):g} Gy received"
    assert picked == turned == str(chosen) and nothing is None and complaints == []


def test_bone_that_sticks_out_of_the_box_by_less_than_a_voxel_leaves_no_hole(recorded, monkeypatch):
    """A closed surface stays closed; what reaches far out of the box is cut off."""
    import pyvista

    view = View(recorded)
    size = view.top - view.corner
    ball = pyvista.Sphere(theta_resolution=40, phi_resolution=40)
    for beyond, whole in ((0.9 * view.h, True), (3.0 * view.h, False)):
        points = view.corner + 0.5 * size + ball.points * (size + 2 * beyond)
        monkeypatch.setattr(type(recorded), "surface", lambda self, points=points: (points, ball.regular_faces))
        bone = interactive._bone(view)
        assert (bone.clean().n_open_edges == 0) == whole
