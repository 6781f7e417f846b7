"""The documentation site: Sphinx reads docs/*.md and the docstrings of what is public, and runs docs/gallery."""

import os
import re
import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
sys.path.insert(0, str(HERE))  # for scraper.py and mathml.py

import mathml  # noqa: E402

project = "marrow_niche"
author = "The marrow_niche authors"
project_copyright = "the marrow_niche authors, BSD-3-Clause"
version = release = installed("marrow-niche")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "pictures", "gallery", "auto_gallery/*.ipynb"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_fence_as_directive = ["math"]  # as GitHub writes it

html_math_renderer = "mathml"
html_static_path = ["static", str(mathml.FONT)]
html_css_files = ["math.css"]
html_theme = "furo"
html_title = f"marrow_niche {release}"
html_copy_source = False
html_show_sphinx = False

autodoc_typehints = "none"  # types and shapes stand in the docstrings
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("scraper.figures",),
    "reset_modules": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_signature": False,
    "remove_config_comments": True,
}

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!\w+:)[^)#\s]+)((?:#[^)]*)?)\)")
_ABOVE = {"examples": "examples/README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
"""Pages of the site that are files above docs."""


def _within(app, docname, source):
    """Read pages that lie above docs, and make of links to folders and files of the repository what a site can show.

    What does not exist is left as it is, so that the build complains of it.
    """
    origin = REPOSITORY / _ABOVE[docname] if docname in _ABOVE else HERE / f"{docname}.md"
    if docname in _ABOVE:
        source[0] = origin.read_text(encoding="utf-8")
    pages = {REPOSITORY / path: HERE / f"{name}.md" for name, path in _ABOVE.items()}

    def told(found):
        text, target, anchor = found.groups()
        place = (origin.parent / target).resolve()
        place = pages.get(place, place)
        if not place.exists() or (place.is_file() and place.is_relative_to(HERE)):
            return f"[{text}]({os.path.relpath(place, (HERE / docname).parent)}{anchor})"
        name = place.relative_to(REPOSITORY).as_posix()
        return f"`{name}`" if text in (name, place.name) else f"{text} (`{name}`)"

    if app.env.doc2path(docname).suffix == ".md":
        source[0] = _LINK.sub(told, source[0])


def _gallery_runs(app, *_):
    """Runs of the gallery lie beside the built site."""
    os.environ["MARROW_NICHE_RUNS"] = str(Path(app.outdir).parent / "gallery_runs")


def setup(app):
    """Hooks of this site."""
    app.connect("source-read", _within)
    app.connect("builder-inited", _gallery_runs, priority=100)
