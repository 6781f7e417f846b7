"""The report: one file that opens anywhere, says what happened, and says what is missing."""

import base64
import json
import re
import shutil
import subprocess
import sys

import pytest

from marrow_niche.analysis import shares
from marrow_niche.errors import RunError
from marrow_niche.record.directory import RunDirectory
from marrow_niche.studies import verdict
from marrow_niche.studies.arms import LINEAGES
from marrow_niche.view import report, summary


@pytest.fixture(scope="module")
def written(recorded, tmp_path_factory):
    """A report without 3D of the shared run: (its text, its directory)."""
    folder = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(recorded.directory, folder)
    return report(folder, three_d=False).read_text(encoding="utf-8"), folder


def test_it_is_one_file_that_refers_to_nothing_outside(written):
    text, _ = written
    assert "http" not in text and "<link" not in text and "<script" not in text and "@import" not in text
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', text) + re.findall(r"url\(([^)]{0,40})", text)
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)


def test_it_says_what_happened(written):
    text, _ = written
    plain = re.sub(r"<[^>]*>", "", text)
    assert "neutrophils fell to 4 % (40 per µL) on day 6 and were back at 90 % by day 19." in plain
    assert "a square shaft &amp; 6 Gy" in text
    for part in (
        "Blood",
        "Marrow",
        "Cytokines",
        "Where stem cells are",
        "Do the books close?",
        "The bone",
        "What to cite",
    ):
        assert f"<h2>{part}</h2>" in text
    assert "2.0e-06" in plain and "3.0e-13" in plain
    assert "stroma.reach" in plain and "Replaced by this scenario" in plain
    assert "Somebody 2021 &lt;J &amp; B&gt;" in text
    assert "within 10 µm of a sinusoid" in plain


def test_its_pictures_are_those_of_the_folder(written):
    text, folder = written
    inlined = {base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", text)}
    files = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert set(files) == {"blood.png", "marrow.png", "cytokines.png", "profiles.png", "distances.png"}
    assert inlined == set(files.values())
    assert all(data.startswith(b"\x89PNG") for data in inlined)


def test_the_same_run_gives_the_same_report(written):
    text, folder = written
    (folder / "figures" / "scene.png").write_bytes(b"of an earlier report")
    assert report(folder, three_d=False).read_text(encoding="utf-8") == text
    assert not (folder / "figures" / "scene.png").exists()


def test_without_opengl_the_report_is_written_and_says_what_to_install(own, no_window):
    text = report(own).read_text(encoding="utf-8")
    assert "No 3D picture" in text and "libosmesa6" in text


def test_an_unfinished_run_with_little_in_it_is_reported(run_of):
    run = run_of(days=(0.0,), shares=(1.0,), finished=False, fields=False, with_cells=False, geometry=False)
    text = report(run, three_d=False).read_text(encoding="utf-8")
    assert "This run is not finished" in text
    assert "Where stem cells are" not in text


def test_a_run_that_recorded_nothing_is_reported(tmp_path):
    from marrow_niche.record import provenance

    run = RunDirectory(tmp_path / "new").create()
    run.write_scenario({"title": "", "species": "mouse", "seed": 7})
    provenance.write(run, scenario={}, ledger=[], seed=7)
    assert "has recorded nothing yet" in report(tmp_path / "new").read_text(encoding="utf-8")
    assert "Nothing is recorded yet." in summary(tmp_path / "new")


def test_what_was_asked_of_a_run_stands_in_its_report(tmp_path):
    """Verdict first, arms of its switches after the figures; neither where it was not asked for."""
    run = RunDirectory(tmp_path / "run").create()
    run.write_scenario({"species": "mouse"})
    asked = ("What limits recovery is undecided", "What each mechanism does")
    text = report(run.path).read_text(encoding="utf-8")
    assert not any(each in text for each in asked)
    times = [{arm: [0.0, 0.0, 0.0] for arm in shares.arms()}] * 2
    found = verdict.weighed(times, numbers=[1, 2], injury_day=0.0, fork_day=1.0, last_day=9.0)
    run.verdict.write_text(json.dumps(found), encoding="utf-8")
    each = {"lowest": [0.5], "lowest_day": [3.0], "back": [8.0]}
    own = {"off": "", "means": "", **dict.fromkeys(LINEAGES, each), "stem_cells_at_end": [1.0]}
    arms = {"level": 0.9, "last_day": 9.0, "seeds": [1], "arms": [own, own | {"off": "emergency", "means": "hurry"}]}
    run.switches.write_text(json.dumps(arms), encoding="utf-8")
    text = report(run.path).read_text(encoding="utf-8")
    first, second = (text.index(each) for each in asked)
    assert first < second < text.index("<td>emergency</td><td>50 %</td>")


def test_a_damaged_field_costs_its_picture_only(own):
    path = own.directory / "fields" / "fields_0002.vti"
    path.write_bytes(path.read_bytes()[:-200])
    text = report(own, three_d=False).read_text(encoding="utf-8")
    assert "Not drawn" in text and "<h2>Blood</h2>" in text


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="nowhere"):
        report(tmp_path / "nowhere")


def test_the_summary_is_plain_and_tells_where_the_files_are(written):
    _, folder = written
    text = summary(folder)
    assert text.isascii()
    assert text.startswith("6 Gy at day 0: neutrophils fell to 4 % (40 per uL) on day 6")
    assert re.search(r"neutrophils \[per uL\]\s+1,000\s+40\s+6\s+19\s+950", text)
    assert f"Report:   {folder / 'report.html'}" in text and "paraview --script=open_in_paraview.py" in text


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, marrow_niche.view, marrow_niche.view.curves, marrow_niche.view.scene;"
        "print(sorted({'matplotlib', 'pyvista', 'vtk', 'vtkmodules', 'pandas', 'xarray', 'pint', 'numba'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_files_that_a_run_of_tables_alone_has_not_are_not_named(own):
    from marrow_niche.view import making

    assert "open_in_paraview.py" in "".join(making.files(own)) and "ParaView: cd" in summary(own)
    (own.directory / "open_in_paraview.py").unlink()
    told = "".join(making.files(own))
    assert "open_in_paraview.py" not in told and "blood.csv" in told and "ParaView: cd" not in summary(own)
