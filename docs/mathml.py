"""Equations as MathML, made when the site is built: any browser of 2023 or later shows them, without a network or a script.

latex2mathml (MIT) makes them; the font beside the pages is STIX Two Math (SIL Open Font License 1.1), from ziamath (MIT).
"""

import importlib.util
import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

_LOG = logging.getLogger(__name__)
_SIZED = re.compile(r"\\[bB]igg?[lr]?\s*(?=\\[lr]angle)")
"""Sizes that are not understood of these brackets; they grow with what they hold."""
_LETTER = re.compile(r'<mi mathvariant="(script|bold)">([A-Za-z])</mi>')
FONT = Path(importlib.util.find_spec("ziamath").submodule_search_locations[0]) / "fonts" / "STIXTwoMath-Regular.ttf"


def _letter(found):
    """A letter of another kind as browsers know it, by its own place in Unicode."""
    kind, letter = found.groups()
    name = f"{kind.upper()} {'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
    for full in (f"MATHEMATICAL {name}", name):
        try:
            return f"<mi>{unicodedata.lookup(full)}</mi>"
        except KeyError:
            continue
    return found[0]


def mathml(latex, display):
    """`latex` as a <math> element, "inline" or "block". Raises ValueError where something in it is not understood."""
    try:
        text = convert(_SIZED.sub("", latex).replace("{aligned}", "{align*}"), display=display)
        text = _LETTER.sub(_letter, text)
        ElementTree.fromstring(text)
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    left = re.findall(r'\\[A-Za-z]+|mathvariant="(?!normal)[^"]*"', text)
    if left:
        raise ValueError(f"not understood: {', '.join(sorted(set(left)))}")
    return text


def _visit(display):
    def visit(self, node):
        try:
            self.body.append(mathml(node.astext(), display))
        except ValueError as error:
            _LOG.warning("equation %r cannot be made into MathML (%s)", node.astext(), error, location=node)
        raise nodes.SkipNode

    return visit


def setup(app):
    """An HTML renderer of equations by the name of mathml."""
    app.add_html_math_renderer("mathml", (_visit("inline"), None), (_visit("block"), None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
