"""Tables of a TOML file into frozen specs; units and mistakes die here, sources go to the ledger.

The reader knows no physics. A spec is a keyword-only dataclass; its fields are declared with `quantity` (a number with
a canonical unit), `entry` (text, a choice, a truth) or plainly, and its annotations say what else may stand there:
other specs, dict[str, Spec], tuple[Spec, ...], Literal, bool, int, float, str, dicts and tuples of these.

Two ways of writing a number meet here. The scenario's own tables say it as text, `dose = "6 Gy"`; species files and
[parameters] give each its source, `{ value = 1.0, unit = "um^2/s", source = "...", note = "..." }`.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from marrow_niche.errors import UnitError
from marrow_niche.quantities import units
from marrow_niche.quantities.ledger import DEFAULT, Ledger

_LEAF = ("value", "unit", "source", "note")
_EITHER = "_is_fraction"
"""A number `at` beside a truth `at_is_fraction` is a share of the whole ("50 %") or a length ("7.5 mm")."""
_SEVERAL = "_unit"
"""A number `dose` beside a text `dose_unit` is of one of several kinds: its declared units, with " or " between them."""


class _Mistaken(Exception):
    """Ends the reading of one value whose mistake is on the list already."""


class Reader:
    """Reads specs and collects every mistake.

    Parameters
    ----------
    sourced : bool
        True for species files and overrides: each declared number is a table with its source.
    overridden : collection of str
        Paths whose value the scenario gave; marked in the ledger.

    Attributes
    ----------
    mistakes : list of str
        "path: what is wrong, what instead", in the order of the specs.
    ledger : Ledger
        What was read in sourced tables.
    """

    def __init__(self, *, sourced: bool = False, overridden: Iterable[str] = ()) -> None:
        self.sourced, self.overridden = sourced, frozenset(overridden)
        self.mistakes: list[str] = []
        self.ledger = Ledger()

    def mistake(self, path: str, text: str) -> None:
        """Note one mistake."""
        self.mistakes.append(f"{path}: {text}")

    def spec(self, cls: type, table: Any, path: str = "") -> Any:
        """The spec `cls` from a table, or None when anything in it is mistaken.

        A spec may offer `contradictions()`: what disagrees between its entries, as texts or (entry, text) pairs.
        """
        if not isinstance(table, Mapping):
            self.mistake(path, f"{units.shown(table)} stands where a table is expected: {_entries(cls)}.")
            return None
        before = len(self.mistakes)
        hints = typing.get_type_hints(cls)
        beside = {f"{field.name}{end}" for field in dataclasses.fields(cls) for end in (_EITHER, _SEVERAL)}
        fields = [field for field in dataclasses.fields(cls) if field.name not in beside]
        given: dict[str, Any] = {}
        for field in fields:
            where = _join(path, field.name)
            try:
                if field.name in table and field.name + _EITHER in hints:
                    share, number = self._share_or_length(field.metadata, table[field.name], where)
                    given |= {field.name: number, field.name + _EITHER: share}
                elif field.name in table and field.name + _SEVERAL in hints:
                    number, unit = self._one_of_several(field.metadata, table[field.name], where)
                    given |= {field.name: number, field.name + _SEVERAL: unit}
                elif field.name in table:
                    given[field.name] = self._field(field, hints[field.name], table[field.name], where)
                elif not _optional(field):
                    self.mistake(where, "missing" + _meaning(field))
                else:
                    self._note_default(field, where)
            except _Mistaken:
                pass
        self._unknown(table, [field.name for field in fields], path, _words(cls))
        if len(self.mistakes) > before:
            return None
        made = cls(**given)
        for contradiction in made.contradictions() if hasattr(made, "contradictions") else ():
            name, text = ("", contradiction) if isinstance(contradiction, str) else contradiction
            self.mistake(_join(path, name) if name else path, text)
        return made if len(self.mistakes) == before else None

    def one_of(self, kinds: Iterable[type], table: Any, path: str) -> Any:
        """The one spec of `kinds` that the table's entry `kind` names, or None when it is mistaken."""
        by_name = {kind_of(cls): cls for cls in kinds}
        if not isinstance(table, Mapping):
            self.mistake(path, f"{units.shown(table)} stands where a table with a kind is expected.")
            return None
        name = table.get("kind")
        if name is None:
            self.mistake(_join(path, "kind"), f"missing. One of: {', '.join(by_name)}.")
            return None
        if not isinstance(name, str) or name not in by_name:
            self.mistake(_join(path, "kind"), f"{units.shown(name)} is not known.{suggestion(name, by_name)}")
            return None
        cls = by_name[name]
        if any(field.name == "kind" for field in dataclasses.fields(cls)):
            return self.spec(cls, table, path)
        return self.spec(cls, {key: value for key, value in table.items() if key != "kind"}, path)

    def _unknown(self, table: Mapping[str, Any], known: list[str], path: str, words: str) -> None:
        for name in table:
            if name not in known:
                self.mistake(_join(path, name), f"{words} has no such parameter.{suggestion(name, known)}")

    def _fail(self, path: str, text: str) -> typing.NoReturn:
        self.mistake(path, text)
        raise _Mistaken

    def _field(self, field: dataclasses.Field, hint: Any, given: Any, path: str) -> Any:
        kinds = field.metadata.get("kinds")
        if kinds:
            if isinstance(given, Mapping):
                self._fail(path, f"one table stands where several may; write [[{path}]], with two brackets.")
            return self._each(given, path, lambda item, where: self.one_of(kinds, item, where))
        if "unit" in field.metadata:
            return self._quantity(field.metadata, _required(hint), given, path)
        return self._plain(_required(hint), given, path)

    # numbers with a unit

    def _quantity(self, declared: Mapping[str, Any], hint: Any, given: Any, path: str) -> Any:
        if typing.get_origin(hint) is dict and isinstance(given, Mapping) and "value" not in given:
            inner = typing.get_args(hint)[1]
            return self._table(given, path, lambda item, where: self._quantity(declared, inner, item, where))
        if not self.sourced:
            return self._numbers(declared, hint, given, None, path)
        if not isinstance(given, Mapping):
            example = units.to_canonical(given, declared["unit"]) if _is_number(given) and not declared["unit"] else 1.0
            with_unit = f'unit = "{declared["unit"]}", ' if declared["unit"] else ""
            how = f'write {{ value = {example:g}, {with_unit}source = "..." }}; "estimate" is allowed as a source'
            self._fail(path, f"{units.shown(given)} comes without its source; {how}.")
        self._check_leaf(given, path)
        unit = given.get("unit")
        if isinstance(given["value"], str) and unit is not None:
            self._fail(path, f"value = {units.shown(given['value'])} is text; beside a unit it is a plain number.")
        canonical = self._numbers(declared, hint, given["value"], unit, path)
        self._note(given, canonical, declared["unit"], declared["meaning"], path)
        return canonical

    def _numbers(self, declared: Mapping[str, Any], hint: Any, given: Any, unit: str | None, path: str) -> Any:
        if typing.get_origin(hint) is tuple:
            inner = typing.get_args(hint)[0]
            return self._each(given, path, lambda item, where: self._numbers(declared, inner, item, unit, where))
        if typing.get_origin(hint) is dict:
            inner = typing.get_args(hint)[1]
            return self._table(given, path, lambda item, where: self._numbers(declared, inner, item, unit, where))
        try:
            return self._number(declared, hint, given, unit)
        except UnitError as error:
            self._fail(path, str(error))

    def _number(self, declared: Mapping[str, Any], hint: Any, given: Any, unit: str | None) -> Any:
        """One number in its canonical unit, within its bounds. Raises UnitError."""
        canonical = declared["unit"]
        if unit is None:
            whole = hint is int and isinstance(given, int)  # a seed of 63 bits does not fit a float
            value = given if whole and units.is_plain(canonical) else units.to_canonical(given, canonical)
            written = units.split(given)[1] if isinstance(given, str) else ""
        else:
            if not _is_number(given) or not math.isfinite(given):
                raise UnitError(f"value = {units.shown(given)} is not a number.")
            value, written = given * units.factor(unit, canonical), unit
        if hint is int:
            if value != round(value):
                raise UnitError(f"{units.shown(given)} is not a whole number.")
            value = round(value)
        return _bounded(value, given, written, declared)

    def _share_or_length(self, declared: Mapping[str, Any], given: Any, path: str) -> tuple[bool, float]:
        try:
            unit = units.split(given)[1] if isinstance(given, str) else ""
            if not unit:
                raise UnitError(f"{units.shown(given)} is a number without a unit; write '50 %' or '7.5 mm'.")
            if not units.is_plain(unit):
                return False, units.to_canonical(given, "um")
            share = {**declared, "unit": "", "low": 0.0, "high": 1.0}
            return True, _bounded(units.to_canonical(given, ""), given, unit, share)
        except UnitError as error:
            self._fail(path, str(error))

    def _one_of_several(self, declared: Mapping[str, Any], given: Any, path: str) -> tuple[float, str]:
        try:
            number, unit = units.to_one_of(given, tuple(declared["unit"].split(" or ")))
            return _bounded(number, given, unit, {**declared, "unit": unit}), unit
        except UnitError as error:
            self._fail(path, str(error))

    # anything else

    def _plain(self, hint: Any, given: Any, path: str) -> Any:
        if self.sourced and isinstance(given, Mapping) and {"value", "source"} <= given.keys():
            self._check_leaf(given, path)
            value = self._plain(hint, given["value"], path)
            self._note(given, value, "", "", path)
            return value
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if dataclasses.is_dataclass(hint):
            return self._made(self.spec(typing.cast(type, hint), given, path))
        if origin is dict or hint is dict:
            inner = inside[1] if inside else Any
            return self._table(given, path, lambda item, where: self._plain(inner, item, where))
        if origin is tuple:
            return self._each(given, path, lambda item, where: self._plain(inside[0], item, where))
        if origin is Literal:
            if given not in inside or isinstance(given, bool) != isinstance(inside[0], bool):
                self._fail(path, f"{units.shown(given)} is not one of the choices.{suggestion(given, inside)}")
            return given
        if origin in (types.UnionType, typing.Union):
            matching = [option for option in inside if _fits(option, given)]
            return self._plain(matching[0] if matching else inside[0], given, path)
        if hint is Any or _fits(hint, given):
            return float(given) if hint is float else given
        self._fail(path, f"{units.shown(given)} is not {_EXPECTED.get(hint, hint)}.")

    def _made(self, made: Any) -> Any:
        if made is None:
            raise _Mistaken
        return made

    def _each(self, given: Any, path: str, read: Callable[[Any, str], Any]) -> tuple[Any, ...]:
        if not isinstance(given, list):
            self._fail(path, f"{units.shown(given)} stands where a list is expected, such as [a, b].")
        return tuple(self._all([(f"{path}[{k}]", item) for k, item in enumerate(given, 1)], read))

    def _table(self, given: Any, path: str, read: Callable[[Any, str], Any]) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            self._fail(path, f"{units.shown(given)} stands where a table is expected, such as {{ name = ... }}.")
        values = self._all([(_join(path, name), item) for name, item in given.items()], read)
        return dict(zip(given, values, strict=True))

    def _all(self, items: list[tuple[str, Any]], read: Callable[[Any, str], Any]) -> list[Any]:
        before, out = len(self.mistakes), []
        for where, item in items:
            try:
                out.append(read(item, where))
            except _Mistaken:
                continue
        if len(self.mistakes) > before:
            raise _Mistaken
        return out

    # the ledger

    def _check_leaf(self, given: Mapping[str, Any], path: str) -> None:
        before = len(self.mistakes)
        for name in given:
            if name not in _LEAF:
                self.mistake(_join(path, name), f"a parameter has no such entry.{suggestion(name, _LEAF)}")
        if "value" not in given:
            self.mistake(path, 'value is missing; write { value = ..., unit = "...", source = "..." }.')
        if not isinstance(given.get("source"), str) or not given["source"].strip():
            self.mistake(path, 'source is missing; name the reference, or write source = "estimate".')
        for name in ("unit", "note"):
            if not isinstance(given.get(name, ""), str):
                self.mistake(_join(path, name), f"{units.shown(given[name])} is not text.")
        if len(self.mistakes) > before:
            raise _Mistaken

    def _note(self, given: Mapping[str, Any], canonical: Any, unit: str, meaning: str, path: str) -> None:
        self.ledger.add(
            path=path,
            value=given["value"],
            unit=given.get("unit", ""),
            canonical=canonical,
            canonical_unit=unit,
            source=given["source"].strip(),
            note=given.get("note", ""),
            meaning=meaning,
            overridden=path in self.overridden,
        )

    def _note_default(self, field: dataclasses.Field, path: str) -> None:
        """A number that only the package gives; nought and infinity say that something is not there at all."""
        if self.sourced and "unit" in field.metadata and field.default not in (dataclasses.MISSING, None, 0, math.inf):
            declared, value = field.metadata, field.default
            said = {"value": value, "unit": declared["unit"], "source": DEFAULT}
            self._note(said, value, declared["unit"], declared["meaning"], path)


def kind_of(cls: type) -> str:
    """The name by which `kind = "..."` asks for a spec: its attribute `kind`, or the class name in lower case."""
    kind = getattr(cls, "kind", None)
    return kind if isinstance(kind, str) else cls.__name__.lower()


def suggestion(name: Any, known: Iterable[Any]) -> str:
    """ " Did you mean 'voxel'?", or the whole choice where nothing is near."""
    names = [str(item) for item in known]
    folded = {item.casefold(): item for item in reversed(names)}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{folded[near[0]]}'?"
    return f" Known: {', '.join(names)}." if names else " There is nothing to set here."


_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: 'text; text stands in quotes, such as "femur.stl"',
}


def _fits(hint: Any, given: Any) -> bool:
    if hint is bool or isinstance(given, bool):
        return hint is bool and isinstance(given, bool)
    if hint is float:
        return isinstance(given, (int, float)) and math.isfinite(given)
    if isinstance(hint, type):
        return isinstance(given, Mapping if dataclasses.is_dataclass(hint) else hint)
    origin = typing.get_origin(hint)
    return isinstance(given, Mapping if origin is dict else list if origin is tuple else ())


def _is_number(given: Any) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool)


def _bounded(value: Any, given: Any, unit: str, declared: Mapping[str, Any]) -> Any:
    for word, limit, outside in (
        ("low; the least", declared.get("low"), lambda bound: value < bound),
        ("high; the most", declared.get("high"), lambda bound: value > bound),
    ):
        if limit is not None and outside(limit):
            said = units.shown(f"{given:g} {unit}" if unit and not isinstance(given, str) else given)
            raise UnitError(f"{said} is too {word} allowed is {units.text(limit, declared['unit'], unit)}.")
    return value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _required(hint: Any) -> Any:
    """The annotation without `| None`: what TOML can hold."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return options[0] if len(options) == 1 else typing.Union[tuple(options)]  # noqa: UP007
    return hint


def _optional(field: dataclasses.Field) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _meaning(field: dataclasses.Field) -> str:
    meaning, unit = field.metadata.get("meaning", ""), field.metadata.get("unit", "")
    said = meaning[:1].upper() + meaning[1:] + (f" [{unit}]" if unit else "")
    return f". {said}." if said else "."


def _words(cls: type) -> str:
    """A spec's name as it is spoken of: RecordSpec is Record."""
    return cls.__name__.removesuffix("Spec").removesuffix("File")


def _entries(cls: type) -> str:
    return ", ".join(field.name for field in dataclasses.fields(cls))
