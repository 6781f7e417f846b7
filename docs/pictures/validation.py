"""Runs every published case and writes what came of it: `python docs/pictures/validation.py [--quick] [--record] [ID ...]`.

Pictures go to docs/images/validation_ID.png, the table into docs/validation.md between its markers. Without IDs all cases are
run, those that take minutes included; `--quick` leaves these out, and whatever is left out keeps its line of the table. With
`--record` tests/validation/expected.toml takes the verdicts on; a case that passed and does not now is refused.
"""

import argparse
import math
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent
# this file has a namesake under tests/, which is the one that is meant below
sys.path[:] = [str(DOCS.parent / "tests"), *(p for p in sys.path if Path(p or ".").resolve() != HERE)]

from validation import record  # noqa: E402
from validation.case import FAIL, NOT_APPLICABLE, PASS, Asked, Case, Verdict, judge  # noqa: E402
from validation.catalogue import CASES  # noqa: E402

from marrow_niche.view import style  # noqa: E402

PAGE, IMAGES = DOCS / "validation.md", DOCS / "images"
BEGIN, END = "<!-- cases: written by docs/pictures/validation.py -->", "<!-- end of cases -->"
WIDE, HIGH, TALL = 7.0, 2.8, 5.0
"""Of a picture [inch]."""
TALL_ONES = ("RAD-5",)
HEAD = "| case | use | what is held against what | found (asked) | verdict |\n|---|---|---|---|---|"


def picture(verdict: Verdict) -> Path:
    """Draw a case's picture."""
    case = verdict.case
    with style.styled():
        figure = style.figure(WIDE, TALL if case.id in TALL_ONES else HIGH, layout="constrained")
        case.draw(figure, verdict.measured)
        return style.save(figure, IMAGES / f"validation_{case.id}.png")


def line(verdict: Verdict, reason: str) -> str:
    """The row of a case in the table."""
    case = verdict.case
    name = f"[{case.id}](images/validation_{case.id}.png)" if verdict.measured is not None else case.id
    asked = f"{case.title}. *{case.cites}.* Run: {case.exercised}"
    if verdict.measured is None:
        found = "; ".join(a.text for a in case.asked)
    else:
        found = "; ".join(one(a, verdict.measured.values[a.what]) for a in case.asked)
    word = {PASS: "**pass**", FAIL: "fail", NOT_APPLICABLE: "not applicable"}[verdict.verdict]
    said = "" if verdict.verdict == PASS else verdict.reason or reason
    cells = (name, case.use, asked, found, f"{word}. {said}" if said else word)
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def one(asked: Asked, value: float) -> str:
    """A number with what was asked of it; in bold where it misses."""
    unit = f" {asked.unit}" if asked.unit else ""
    number = "none" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.3g}{unit}"
    return f"{asked.what} {number if asked.met(value) else f'**{number}**'} ({asked.band})"


def rows_of(text: str) -> dict[str, str]:
    """Rows of the table that a page holds, by case."""
    inside = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    rows = [row for row in inside.splitlines() if row.startswith("| ") and not row.startswith("| case")]
    return {row.split("|")[1].strip().lstrip("[").split("]")[0]: row for row in rows}


def table(rows: dict[str, str], cases: tuple[Case, ...]) -> str:
    """The table with how many passed above it."""
    here = [(case, rows[case.id]) for case in cases if case.id in rows]
    words = {"pass": "**pass**", "fail": "fail", "not applicable": "not applicable"}
    number = {name: sum(row.split("|")[5].strip().startswith(word) for _, row in here) for name, word in words.items()}
    by_use = {
        use: (
            sum(row.split("|")[5].strip().startswith("**pass**") for case, row in here if case.use == use),
            sum(case.use == use for case, _ in here),
        )
        for use in ("test", "cal")
    }
    told = (
        f"Of {len(here)} cases {number['pass']} pass, {number['fail']} fail, {number['not applicable']} cannot be asked: "
        f"{by_use['test'][0]} of {by_use['test'][1]} that nothing may be set with (*test*), {by_use['cal'][0]} of "
        f"{by_use['cal'][1]} that numbers of the package may have been set with (*cal*)."
    )
    return "\n".join([BEGIN, "", told, "", HEAD, *(row for _, row in here), "", END])


def main() -> None:
    """Run, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--record", action="store_true", help="take the verdicts on record")
    parser.add_argument("ids", nargs="*", metavar="ID")
    asked = parser.parse_args()
    unknown = set(asked.ids) - {case.id for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(case.id for case in CASES)}")
    known, verdicts = record.on_record(), []
    for case in CASES:
        if (asked.ids and case.id not in asked.ids) or (asked.quick and case.slow):
            continue
        start = time.monotonic()
        verdict = judge(case)
        verdicts.append(verdict)
        if verdict.measured is not None:
            picture(verdict)
        print(f"{case.id}: {verdict.verdict} ({time.monotonic() - start:.0f} s). {verdict.found}", flush=True)
        told = record.disagreement(verdict, known["cases"].get(case.id, {"verdict": NOT_APPLICABLE}))
        if told:
            print(f"  {told}", flush=True)
    if asked.record:
        known = record.updated(known, verdicts)
        record.EXPECTED.write_text(record.written(known, [c.id for c in CASES if c.id in known["cases"]]), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    reasons = {name: entry.get("reason", "") for name, entry in known["cases"].items()}
    rows = rows_of(text) | {v.case.id: line(v, reasons.get(v.case.id, "")) for v in verdicts}
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    PAGE.write_text(before + table(rows, CASES) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
