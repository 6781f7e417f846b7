"""The documentation site is built without a warning; a broken link is one. Only where the extra `docs` is installed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("sphinx_gallery", reason="the extra docs is not installed")
LEFT = shutil.ignore_patterns("_build", "auto_gallery", "__pycache__")


def build(root, *options):
    """Build the site of a copy of the repository's documents; returns exit code and what was said."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", *options, "docs", "docs/_build/html"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    """The documents, in a place where a build leaves nothing behind."""
    for name in ("docs", "examples", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT)
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_pages_and_links_are_whole(copy):
    code, said = build(copy, "-D", "plot_gallery=0")
    assert code == 0, said
    pages = copy / "docs" / "_build" / "html"
    assert "solve_steady" in (pages / "api.html").read_text(encoding="utf-8")
    assert "Reaction-diffusion on a masked lattice" in (pages / "api.html").read_text(encoding="utf-8")
    model = (pages / "model.html").read_text(encoding="utf-8")
    assert model.count("<math ") > 300 and "<mfrac>" in model and "\\frac" not in model
    assert "<mi>\U0001d4b1</mi>" in model  # a script V, and not one that browsers show as any other
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]*)"', model)
    assert not loaded  # equations and all else are shown without a network
    assert (pages / "_static" / "STIXTwoMath-Regular.ttf").stat().st_size > 1e5


def test_a_broken_link_and_a_broken_equation_are_told(copy):
    page = copy / "docs" / "clinic.md"
    broken = "\nSee [nothing](nothing.md), [none](model.md#0-nothing) and $\\nonsense{x}$.\n"
    page.write_text(page.read_text(encoding="utf-8") + broken, encoding="utf-8")
    code, said = build(copy, "-D", "plot_gallery=0")
    assert code != 0
    assert "not understood: \\nonsense" in said
    assert "nothing.md" in said and "0-nothing" in said


@pytest.mark.slow
def test_the_gallery_runs_and_draws(copy):
    code, said = build(copy)
    assert code == 0, said
    drawn = {path.name[len("sphx_glr_") :][:2] for path in (copy / "docs" / "_build" / "html" / "_images").glob("sphx_glr_*_001.png")}
    assert drawn == {path.name[:2] for path in (copy / "docs" / "gallery").glob("0*.py")}
