"""The report's HTML: one file that loads nothing from elsewhere."""

import base64
import importlib.resources
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

_TOGETHER = re.compile(r"\d[\d.,]* (?:%|µm|Gy|per µL)|day \d+")
"""What no line may break."""


def document(title: str, described: str, body: Sequence[str]) -> str:
    """A whole page of parts that are HTML already; `described` is what the page says, in a sentence."""
    style = importlib.resources.files("marrow_niche.view").joinpath("report.css").read_text(encoding="utf-8")
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="generator" content="marrow_niche">',
        f'<meta name="description" content="{escape(described)}">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}</style>",
    ]
    parts = ["<!doctype html>", '<html lang="en"><head>', *head, "</head><body><main>", *body, "</main></body></html>"]
    return "\n".join(parts) + "\n"


def heading(text: str) -> str:
    """A section's title."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; numbers stay with their signs and units on one line. Nothing for no text."""
    held = _TOGETHER.sub(r'<span class="n">\g<0></span>', escape(text))
    return _tag("p", held, kind) if text else ""


def tiles(items: Sequence[tuple[str, str, str]]) -> str:
    """Numbers in a row: (number, what, when)."""
    inner = [
        _tag("div", f"<b>{escape(number)}</b><span>{escape(what)}</span><small>{escape(when)}</small>", "tile")
        for number, what, when in items
    ]
    return _tag("div", "".join(inner), "tiles") if items else ""


def picture(path: Path, alt: str, caption: str = "", kind: str = "") -> str:
    """A .png inlined, with what it shows in words."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return _tag("figure", f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">{below}', kind)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "", units: Sequence[str] = ()) -> str:
    """A table of text, numbers to the right unless `kind` is "words" or "facts"; `units` stand small after names."""
    top = "<thead><tr>" + "".join(_tag("th", escape(cell)) for cell in head) + "</tr></thead>" if head else ""
    after = [f" <small>{escape(unit)}</small>" if unit else "" for unit in units] or [""] * len(rows)
    lines = []
    for (name, *cells), unit in zip(rows, after, strict=True):
        lines.append(_tag("tr", _tag("td", escape(name) + unit) + "".join(_tag("td", escape(cell)) for cell in cells)))
    return _tag("div", _tag("table", f"{top}<tbody>{''.join(lines)}</tbody>", kind), "scroll")


def fold(summary: str, inner: str) -> str:
    """Something long, folded away under its summary."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def code(text: str) -> str:
    """Text as it was written."""
    return _tag("pre", escape(text))


def bullets(items: Sequence[tuple[str, str]]) -> str:
    """A list: each text, and a remark after it in small."""
    small = [f" <small>{escape(remark)}</small>" if remark else "" for _, remark in items]
    return _tag("ul", "".join(_tag("li", escape(text) + after) for (text, _), after in zip(items, small, strict=True)))


def _tag(name: str, inner: str, kind: str = "") -> str:
    return f'<{name} class="{kind}">{inner}</{name}>' if kind else f"<{name}>{inner}</{name}>"
