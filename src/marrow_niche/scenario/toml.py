"""Opening a TOML file, its mistakes told with line and column in plain words."""

import re
import tomllib
from pathlib import Path
from typing import Any

from marrow_niche.errors import ScenarioError

_IN_PLAIN_WORDS = (
    ("Cannot overwrite a value", "this name is given a second time; keep one of the two"),
    ("Cannot declare", "this table is opened a second time; keep one, or write [[events]] for several events"),
    ("Cannot mutate immutable namespace", "a table in braces is closed; write all of it inside the braces"),
    ("Invalid value", 'this is no value; text, and a number with its unit, stand in quotes: "60 d"'),
    ("Expected newline or end of document", 'more than one value; a number with its unit needs quotes: "60 d"'),
    ("Expected '=' after a key", "a name needs '=' and a value after it"),
    ("Invalid statement", "this is neither a [table] nor name = value"),
    ("Invalid initial character for a key part", "a name is missing here; names are letters, digits, - and _"),
    ("Expected ']'", "a ']' is missing"),
    ("Unclosed array", "a list is not closed; a ']' or a ',' is missing"),
    ("Unclosed inline table", "a table in braces is not closed; a '}' or a ',' is missing"),
    ("Unterminated string", "text is not closed; a quote is missing"),
    ('Expected "\'"', "text is not closed; a quote is missing"),
    ("Illegal character", "text is not closed on its line (a quote is missing), or a character is not allowed here"),
    ("Unescaped '\\'", "a single \\ in text; write / in paths"),
    ("Duplicate inline table key", "this name is given a second time in the braces; keep one of the two"),
    ("Found invalid character", "a character is not allowed here"),
)
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def load(path: Path | str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    ScenarioError
        When there is no such file, it is not text, or not TOML; with line and column, and the line itself.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        how = "'marrow-niche new' writes a scenario to start from"
        raise ScenarioError(path, [f"there is no such file; {how}."]) from None
    except UnicodeDecodeError:
        raise ScenarioError(path, ["this is not a text file in UTF-8; a scenario is written in TOML."]) from None
    except OSError as error:
        raise ScenarioError(path, [f"the file cannot be read ({(error.strerror or str(error)).lower()})."]) from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(path, [_in_plain_words(str(error), text.splitlines())]) from None


def _in_plain_words(said: str, lines: list[str]) -> str:
    match = _PLACE.fullmatch(said)
    what, line, column = match.groups() if match else (said, None, None)
    plain = next((plain for start, plain in _IN_PLAIN_WORDS if what.startswith(start)), f"{what[:1].lower()}{what[1:]}")
    if line is None or int(line) > len(lines):
        return f"end of the file: {plain}."
    return f"line {line}, column {column}: {plain}. The line reads: {lines[int(line) - 1].strip()}"
