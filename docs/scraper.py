"""Figures that a block of a gallery script leaves in a variable: matplotlib's own, which belong to no window."""

from pathlib import Path

from sphinx_gallery.scrapers import figure_rst


def figures(block, block_vars, gallery_conf):
    """Save every Figure that was not there before this block; returns them as reStructuredText."""
    from matplotlib.figure import Figure

    names = block_vars["example_globals"]
    shown = names.setdefault("_shown", [])
    new = [value for value in names.values() if isinstance(value, Figure) and not any(value is each for each in shown)]
    paths = [Path(next(block_vars["image_path_iterator"])) for _ in new]
    for value, path in zip(new, paths, strict=True):
        value.savefig(path, dpi=160)
    shown.extend(new)
    return figure_rst([str(path) for path in paths], gallery_conf["src_dir"])
