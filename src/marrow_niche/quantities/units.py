"""Units at the edge: text such as "6 Gy" in, plain numbers in canonical units out. Nothing inside the model knows pint.

The registry holds the units of this field and no others, so that 'Gy' and 'Sv' are not the same thing and a misspelt
unit meets a short list of known ones. Cells, receptors and platelets are counted things, plain numbers to the
converter; molecules are amounts (1 nM is 0.602214 molecules/um^3).
"""

import difflib
import math
import re
from functools import lru_cache
from typing import Any

from marrow_niche.errors import UnitError

_DEFINITIONS = """
    femto- = 1e-15 = f-
    pico- = 1e-12 = p-
    nano- = 1e-9 = n-
    micro- = 1e-6 = u- = \u00b5- = \u03bc-
    milli- = 1e-3 = m-
    centi- = 1e-2 = c-
    deci- = 1e-1 = d-
    kilo- = 1e3 = k-
    meter = [length] = m = metre
    second = [time] = s = sec
    minute = 60 * second = min
    hour = 60 * minute = h = hr
    day = 24 * hour = d
    week = 7 * day
    year = 365.25 * day = yr = y
    month = year / 12
    mole = [substance] = mol
    molecule = mole / 6.02214076e23
    gray = [dose] = Gy
    gram = [mass] = g
    pascal = [pressure] = Pa
    mmHg = 133.322387415 * pascal
    IU = [activity]
    liter = (0.1 * meter) ** 3 = L = l = litre
    molar = mole / liter = M
    cell = []
    receptor = []
    platelet = []
    division = []
    percent = 0.01
"""

# dimension, its name with an article, an example in the unit people write
_KINDS = (
    ("", "a plain number", "0.5"),
    ("um", "a length", "160 um"),
    ("um^2", "an area", "100 um^2"),
    ("um^3", "a volume", "1 mm^3"),
    ("1/um", "an area per volume", "1 1/mm"),
    ("1/um^2", "a number per area", "200 cells/mm^2"),
    ("1/um^3", "a number per volume", "100 cells/mm^3"),
    ("h", "a time", "60 d"),
    ("1/h", "a rate", "1/h"),
    ("um/h", "a speed", "1 um/s"),
    ("um^2/h", "a diffusivity", "1 um^2/s"),
    ("um^3/h", "a volume cleared per time", "100 um^3/h"),
    ("Gy", "a dose", "6 Gy"),
    ("Gy/h", "a dose rate", "1 Gy/min"),
    ("1/Gy", "a sensitivity per dose", "0.6 1/Gy"),
    ("1/Gy^2", "a sensitivity per dose squared", "0.05 1/Gy^2"),
    ("nM", "a concentration", "30 pM"),
    ("nM/h", "a concentration per time", "1 nM/h"),
    ("1/nM/h", "a binding rate", "0.1 1/nM/s"),
    ("molecules", "an amount", "1000 molecules"),
    ("molecules/h", "a secretion", "100 molecules/cell/s"),
    ("molecules/h/um^2", "a secretion per area", "1 molecules/um^2/s"),
    ("g", "a mass", "25 g"),
    ("g/L", "a mass concentration", "10 ng/mL"),
    ("g/mol", "a molar mass", "18800 g/mol"),
    ("L/kg", "a volume by body mass", "70 mL/kg"),
    ("IU", "an activity", "100 IU"),
    ("IU/g", "an activity per mass", "100 IU/kg"),
    ("1/g", "a number per mass", "1e9 1/kg"),
    ("Pa", "a pressure", "20 mmHg"),
    ("IU/L", "an activity concentration", "10 mIU/mL"),
)
_EXAMPLES = {"g/kg": "5 ug/kg", "g": "100 ug"}
"""How one writes a dose."""
_FAMILIAR = (
    *("m", "cm", "mm", "um", "nm", "s", "min", "h", "d", "week", "month", "year", "L", "mL", "uL", "fL"),
    *("M", "mM", "uM", "nM", "pM", "fM", "mol", "molecules", "cells", "Gy", "cGy", "mGy", "g", "kg", "mg", "ng", "pg"),
    *("mmHg", "Pa", "kPa", "IU", "mIU", "%", "receptors", "platelets", "hours", "days", "minutes", "seconds"),
)
_SUPERSCRIPTS = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u207b\u00b7", "0123456-*")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(.*)", re.DOTALL)
_UNIT_TEXT = re.compile(r"(1e\d+|10\^\d+|1)?(?![\d.,])(\^[+-]?\d+|[^\W\d_]+|[\s*/()])*")


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(None, cache_folder=None)
    registry.load_definitions([line.strip() for line in _DEFINITIONS.strip().splitlines()])
    return registry


@lru_cache(maxsize=1)
def _kinds() -> dict[Any, tuple[str, str]]:
    return {_unit(text).dimensionality: (name, example) for text, name, example in _KINDS}


@lru_cache(maxsize=512)
def _unit(text: str) -> Any:
    """The pint quantity 1 `text`. Raises UnitError with the nearest known unit."""
    import pint

    words = text.translate(_SUPERSCRIPTS).replace("%", " percent ").replace("**", "^").strip()
    words = re.sub(r"(?<!\w)([^\W\d_]+)([+-]?\d+)", r"\1^\2", words)  # mm3, s-1
    words = "1 " + words if words.startswith("/") else words or "1"
    try:
        if not _UNIT_TEXT.fullmatch(words):
            raise ValueError(words)
        found = _registry().parse_expression(words)
    except pint.UndefinedUnitError as error:
        raise UnitError(_unknown_unit(error)) from None
    except Exception as error:  # pint's parser lets errors of many classes through
        how = "write it like 'um^2/s', 'cells/mm^3' or '1/h'"
        raise UnitError(f"'{text.strip()}' cannot be read as a unit; {how}.") from error
    return found if isinstance(found, _registry().Quantity) else _registry().Quantity(float(found))


def _unknown_unit(error) -> str:
    names = error.args[0] if error.args else error.unit_names
    word = names if isinstance(names, str) else sorted(names)[0]
    near = [name for name in _FAMILIAR if name.lower() == word.lower()]
    near = near or difflib.get_close_matches(word, _FAMILIAR, n=1, cutoff=0.6)
    if near:
        return f"'{word}' is not a unit known here. Did you mean '{near[0]}'?"
    return f"'{word}' is not a unit known here. Known are, for example: {', '.join(_FAMILIAR[:24])}."


def kind(unit: str) -> str:
    """What a unit measures, in words with an article: kind("Gy/min") is "a dose rate".

    Raises UnitError for an unknown unit.
    """
    dimensions = _unit(unit).dimensionality
    return _kinds()[dimensions][0] if dimensions in _kinds() else f"a quantity in {unit}"


def example(unit: str) -> str:
    """A quantity of the same kind as `unit`, as one would write it: example("Gy") is "6 Gy"."""
    dimensions = _unit(unit).dimensionality
    return _kinds()[dimensions][1] if dimensions in _kinds() else f"1 {unit}"


def _example_unit(unit: str) -> str:
    return example(unit).partition(" ")[2] or example(unit)


def is_plain(unit: str) -> bool:
    """True when numbers in `unit` need no unit: ratios, probabilities, counts of cells."""
    return not _unit(unit).dimensionality


def factor(unit: str, canonical: str, said: str | None = None) -> float:
    """What a number in `unit` is multiplied with to stand in `canonical`.

    Parameters
    ----------
    unit, canonical : str
        Units of the same kind.
    said : str, optional
        What the user wrote, quoted in the message; the unit by default.

    Raises
    ------
    UnitError
        For an unknown unit, or one of another kind: "'um/s' is a speed; expected a rate, such as '1/h'."
    """
    have, want = _unit(unit), _unit(canonical)
    if have.dimensionality != want.dimensionality:
        such = example(canonical) if said else _example_unit(canonical)
        raise UnitError(f"'{said or unit}' is {kind(unit)}; expected {kind(canonical)}, such as '{such}'.")
    ratio = have.to_root_units().magnitude / want.to_root_units().magnitude
    # 1 um^2/s is 3600 um^2/h and 1/d is 1/24 1/h, not the floats beside them
    return float(f"{ratio:.15g}") if ratio >= 1 else 1.0 / float(f"{1.0 / ratio:.15g}")


def _over_mass(unit: str) -> bool:
    """True for units such as ug/kg, which are per body mass though mass over mass is a plain number."""
    found = _unit(unit)
    return any(power < 0 and _registry()(str(name)).dimensionality == {"[mass]": 1} for name, power in found.unit_items())


def to_one_of(given: Any, canonical_units: tuple[str, ...]) -> tuple[float, str]:
    """A quantity that may be of several kinds, in the first of `canonical_units` of its kind, and that unit.

    ("5 ug/kg", ("g/kg", "g")) is 5e-6 and "g/kg": what is said by body mass is of another kind than a share.

    Raises
    ------
    UnitError
        For a number without a unit, an unknown unit, one of another kind, a number that is not finite.
    """
    *first, last = (f"'{_EXAMPLES.get(unit, example(unit))}'" for unit in canonical_units)
    wanted = f"{', '.join(first)} or {last}" if first else last
    if not isinstance(given, str) or _NUMBER.fullmatch(given) is None or not split(given)[1]:
        raise UnitError(f"{shown(given)} is a number without a unit; write it like {wanted}.")
    number, unit = split(given)
    if not math.isfinite(number):
        raise UnitError(f"{shown(given)} is not a finite number; write it like {wanted}.")
    for canonical in canonical_units:
        if _unit(unit).dimensionality == _unit(canonical).dimensionality and _over_mass(unit) == _over_mass(canonical):
            return number * factor(unit, canonical), canonical
    raise UnitError(f"'{given.strip()}' is {kind(unit)}; write it like {wanted}.")


def split(text: str) -> tuple[float, str]:
    """Number and unit of text such as "6 Gy", "1/h" or "50 %". Raises UnitError where no number comes first."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UnitError(f"'{text}' does not begin with a number; write it like '60 d' or '6 Gy'.")
    return float(match[1]), match[2].strip()


def to_canonical(given: str | int | float, canonical_unit: str) -> float:
    """A quantity as a plain number in its canonical unit: to_canonical("60 d", "h") is 1440.0.

    Parameters
    ----------
    given : str or number
        Number with its unit; a bare number is taken only where the canonical unit is none or a count.
    canonical_unit : str
        Such as "um", "h", "nM", "Gy", "um^2/h", "" (no unit).

    Raises
    ------
    UnitError
        For a number without a unit, an unknown unit, a unit of another kind, a number that is not finite.
    """
    like = f"write it like '{example(canonical_unit)}'"
    if isinstance(given, bool) or not isinstance(given, (str, int, float)) or _NUMBER.fullmatch(str(given)) is None:
        raise UnitError(f"{shown(given)} is not {kind(canonical_unit)}; {like}.")
    number, unit = split(given) if isinstance(given, str) else (float(given), "")
    if not math.isfinite(number):
        raise UnitError(f"{shown(given)} is not a finite number; {like}.")
    if not unit and not is_plain(canonical_unit):
        likely = ("mm", "um") if kind(canonical_unit) == "a length" else (_example_unit(canonical_unit),)
        better = " or ".join(f"'{number:g} {unit}'" for unit in likely)
        raise UnitError(f"{shown(given)} is a number without a unit; write for example {better}.")
    return number * factor(unit, canonical_unit, said=str(given).strip())


def shown(given: Any) -> str:
    """A value as the user wrote it in TOML: 'text' in quotes, true and false, tables in short."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, dict):
        return "a table"
    if isinstance(given, list):
        return "a list" if len(str(given)) > 40 else str(given)
    return repr(given) if isinstance(given, str) else str(given)


def text(value: float, canonical_unit: str, unit: str | None = None) -> str:
    """A canonical number as text in `unit` (the canonical one by default): text(24, "h", "d") is "1 d"."""
    unit = canonical_unit if unit is None else unit
    return f"{value * factor(canonical_unit, unit):.6g} {unit}".strip()
