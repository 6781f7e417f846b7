"""Where a dose fell: the histogram counts voxels, the report shows it where the dose differs, and nothing where it does not."""

import re
import shutil

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.recorder import Recorder
from marrow_niche.record.results import open_results
from marrow_niche.view import dose, report, slices, style


def again(recorded, path, values):
    """The shared run's directory with one record of a field `dose`; `values` (n,) or None."""
    shutil.copytree(recorded.directory, path, ignore=lambda *_: ["fields", "fields.pvd", "blood.csv", "marrow.csv", "fields.csv", "cells", "cells.pvd"])
    tissue = recorded.tissue
    grid = {"shape": tissue.shape, "spacing": 20.0, "origin": tuple(recorded.origin), "flat": np.flatnonzero(tissue.ravel() == 2), "tissue": tissue}
    n = grid["flat"].size
    recorder = Recorder(RunDirectory(path), grid, fields_unit={"SCF": "pM"} | ({} if values is None else {"dose": "Gy"}))
    for day, part in ((0.0, 0.0), (2.0, 1.0)):
        fields = {"SCF": np.arange(n) / n} | ({} if values is None else {"dose": part * values(n)})
        mean = 0.0 if values is None else float((part * values(n)).mean())
        recorder.record(day, blood={"neutrophils_per_uL": 1000.0}, marrow={"cellularity": 1.0, "dose_Gy": mean}, fields=fields, cells=None)
    recorder.sync()
    return open_results(path)


@pytest.fixture
def halved(recorded, tmp_path):
    """Two fifths of the voxels got 6 Gy, a fifth 2 Gy, the others none."""
    return again(recorded, tmp_path / "run", lambda n: np.resize([6.0, 6.0, 2.0, 0.0, 0.0], n))


def test_the_histogram_counts_voxels(halved):
    found = dose.received(halved)
    assert (found.day, found.least, found.greatest) == (2.0, 0.0, 6.0)
    share = found.share_above(np.array([0.0, 1e-9, 2.0, 2.001, 6.0, 6.001]))
    assert share == pytest.approx([1.0, 0.6, 0.6, 0.4, 0.4, 0.0], abs=0.01)
    assert found.mean == pytest.approx(2.8, abs=0.05)
    assert re.search(r"By day 2 the marrow had received 2\.\d+ Gy in the mean, from 0 to 6 Gy; half of it at least 2 Gy\. (39|40) % .* none", dose.told(found))


def test_the_picture_shows_the_curve_and_the_mean(halved):
    drawn = dose.figure(halved)
    left, right = drawn.axes[:2]
    curve = next(line for line in right.lines if len(line.get_xdata()) > 100)
    x, y = curve.get_data()
    assert np.interp([1.0, 4.0, 6.1], x, y) == pytest.approx([60.0, 40.0, 0.0], abs=1.0) and curve.get_color() == style.VERMILION
    assert any(f"mean {dose.received(halved).mean:.2f} Gy" in text.get_text() for text in right.texts)
    image = left.images[1]
    assert image.get_clim() == (0.0, 6.0) and set(np.unique(image.get_array().compressed())) == {0.0, 2.0, 6.0}
    assert np.asarray(left.images[0].get_array())[0, 0] == pytest.approx(np.array(to_rgb(style.BONE)), abs=0.01)


def test_the_report_shows_it_and_cytokines_do_not(halved):
    text = re.sub(r"<[^>]*>", "", report(halved, three_d=False).read_text(encoding="utf-8"))
    assert "Dose" in text and "from 0 to 6 Gy" in text
    assert (halved.directory / "figures" / "dose.png").is_file()
    titles = [t.get_text() for t in slices.slices(halved).texts]
    assert "SCF" in titles and not any("ose" in title for title in titles)


@pytest.mark.parametrize("values", [None, np.zeros])
def test_without_a_dose_that_differs_there_is_nothing_to_show(recorded, tmp_path, values):
    run = again(recorded, tmp_path / "run", values)
    assert dose.received(run) is None and dose.figure(run) is None
    text = report(run, three_d=False).read_text(encoding="utf-8")
    assert "<h2>Dose</h2>" not in text and not (run.directory / "figures" / "dose.png").exists()
