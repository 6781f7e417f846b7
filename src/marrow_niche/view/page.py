"""The report's HTML: one file, no script, nothing loaded from elsewhere; readable on paper, at night and on a telephone."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5f6b78; --line: #dde2e7; --paper: #ffffff; --card: #f5f7f9;
  --accent: #0072b2; --warn: #8a5a00; --warn-back: #fff6e0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaee; --soft: #9aa6b2; --line: #303a44; --paper: #14191f; --card: #1c232b; --accent: #6bb8ea;
    --warn: #ffd27a; --warn-back: #2e2614; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 3.5rem 1.5rem 5rem; }
.kicker { color: var(--soft); font-size: .85rem; letter-spacing: .02em; margin: 0 0 .4rem; }
h1 { font-size: 1.05rem; font-weight: 600; margin: 0 0 1.6rem; }
.headline { font-size: 1.75rem; line-height: 1.28; font-weight: 650; letter-spacing: -.012em; margin: 0 0 .9rem; }
.second { font-size: 1.08rem; color: var(--soft); margin: 0 0 2rem; max-width: 46rem; }
h2 { font-size: 1.25rem; margin: 3.6rem 0 .5rem; letter-spacing: -.005em; }
p { max-width: 46rem; margin: .5rem 0 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .8rem; margin: 0 0 2rem; padding: 0; }
.tile { background: var(--card); border-radius: 10px; padding: .85rem 1rem .8rem; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; }
.tile span { display: block; } .tile small { color: var(--soft); }
.notice { background: var(--warn-back); border-left: 3px solid var(--warn); border-radius: 0 8px 8px 0; padding: .65rem 1rem;
  margin: .6rem 0; max-width: none; font-size: .95rem; }
figure { margin: 1.2rem 0 1.6rem; } figure img { display: block; width: 100%; height: auto; background: #fff;
  border-radius: 8px; }
@media (prefers-color-scheme: dark) { figure img { padding: 14px; } }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .6rem; max-width: 46rem; }
.scroll { overflow-x: auto; margin: 1rem 0 1.4rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .34rem .7rem .34rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
th { color: var(--soft); font-weight: 500; font-size: .8rem; line-height: 1.25; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
table.words td, table.words th { text-align: left; } table.words td { overflow-wrap: anywhere; }
table.facts td:first-child { color: var(--soft); width: 46%; } table.facts td { text-align: left; }
details { margin: .8rem 0; border-top: 1px solid var(--line); padding-top: .6rem; }
summary { cursor: pointer; color: var(--accent); font-size: .95rem; }
pre { background: var(--card); border-radius: 8px; padding: .9rem 1rem; overflow-x: auto; font-size: .82rem; line-height: 1.45; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; } ul { padding-left: 1.1rem; max-width: 46rem; } li { margin: .2rem 0; } li small { color: var(--soft); }
footer { margin-top: 4rem; color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media print { main { max-width: none; padding: 0; } details > * { display: block; } figure, tr { break-inside: avoid; } }
@media (max-width: 40rem) { .headline { font-size: 1.4rem; } main { padding-top: 2rem; } }
"""


def document(title: str, body: Sequence[str]) -> str:
    """A whole page of parts that are HTML already."""
    head = (f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="generator" content="marrow_niche"><title>{escape(title)}</title><style>{_STYLE}</style>')  # fmt: skip
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n' + "\n".join(body) + "\n</main></body></html>\n"


def heading(text: str) -> str:
    """A section's title."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def tiles(items: Sequence[tuple[str, str, str]]) -> str:
    """Numbers in a row: (number, what, when)."""
    inner = "".join(f'<div class="tile"><b>{escape(n)}</b><span>{escape(w)}</span><small>{escape(t)}</small></div>' for n, w, t in items)
    return f'<div class="tiles">{inner}</div>' if items else ""


def picture(path: Path, alt: str, caption: str = "") -> str:
    """A .png inlined, with what it shows in words."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{data}">{below}</figure>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """A table of text; numbers to the right unless `kind` is "words" or "facts"."""
    top = f"<thead><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr></thead>" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table class="{kind}">{top}<tbody>{body}</tbody></table></div>'


def fold(summary: str, inner: str) -> str:
    """Something long, folded away under its summary."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def code(text: str) -> str:
    """Text as it was written."""
    return f"<pre>{escape(text)}</pre>"


def bullets(items: Sequence[tuple[str, str]]) -> str:
    """A list: each text, and a remark after it in small."""
    inner = "".join(f"<li>{escape(text)}{f' <small>{escape(small)}</small>' if small else ''}</li>" for text, small in items)
    return f"<ul>{inner}</ul>"
