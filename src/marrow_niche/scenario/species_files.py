"""The species' data files, and the numbers that a scenario puts in the place of theirs."""

import copy
import dataclasses
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marrow_niche.errors import ScenarioError
from marrow_niche.scenario import toml
from marrow_niche.scenario.reader import suggestion

FOLDER = Path(__file__).parent / "species"


def known_species() -> list[str]:
    """Names of the species that have a data file."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read_species(name: str) -> dict[str, Any]:
    """The tree of tables of a species' data file, each number `{ value, unit, source, note }`.

    A file that begins with `like = "mouse"` says only what differs from that species; the rest is taken from there, but
    not the ranges in [published], which were measured in that animal.

    Raises
    ------
    ScenarioError
        For a species without a data file, it names those that have one; for files that are like one another in a circle.
    """
    return _read(name, [])


def _read(name: str, before: list[str]) -> dict[str, Any]:
    """The tree of a species that those `before` it are like, each like the next."""
    if name not in known_species():
        mistake = f"species: '{name}' is not known.{suggestion(name, known_species())}"
        raise ScenarioError(f"species '{name}'", [mistake])
    tree = toml.load(FOLDER / f"{name}.toml")
    if "like" not in tree:
        return tree
    other, chain = tree["like"], [*before, name]
    if other in chain:
        circle = [*chain[chain.index(other) :], other]
        raise ScenarioError(
            f"species '{name}'",
            [
                f"like: {' is like '.join(circle)}, a circle, so no file holds the numbers. One of them has to name a species "
                'outside the circle, such as like = "mouse", or to hold every number itself, without like.'
            ],
        )
    return _over(_read(other, chain), tree)


def _over(tree: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`tree` with the leaves of `changes` in the place of its own."""
    tree["published"] = {}
    for path, leaf in leaves(changes):
        _set(tree, path.split("."), leaf)
    return tree


def override(
    cls: type, tree: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str], list[str]]:
    """The tree of a species with a scenario's [parameters] in it.

    Parameters
    ----------
    cls : type
        The spec that the tree is read into.
    tree : dict
        From `read_species`; left as it is.
    overrides : dict
        New leaves by path, "cytokines.CXCL12.diffusivity", or as tables within tables.

    Returns
    -------
    tree : dict
    paths : list of str
        Where it was changed.
    mistakes : list of str
        Paths that name no parameter, with the nearest that does.
    """
    changed, paths, mistakes = copy.deepcopy(dict(tree)), [], []
    known = dict(_parameters(cls, tree, ""))
    for path, leaf in leaves(overrides):
        if path in known:
            _set(changed, path.split("."), copy.deepcopy(leaf))
            paths.append(path)
        else:
            mistakes.append(f"{path}: {_nearest(path, known)}")
    return changed, paths, mistakes


def leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Each parameter that `table` gives, by its whole path below `path`."""
    for name, item in table.items():
        where = f"{path}.{name}" if path else name
        if isinstance(item, Mapping) and item and "value" not in item and "source" not in item and "unit" not in item:
            yield from leaves(item, where)
        else:
            yield where, item


def _parameters(cls: type, table: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Every path that may be overridden below `path`, with the name of the spec it belongs to."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        where, hint = f"{path}.{field.name}" if path else field.name, hints[field.name]
        inside, given = typing.get_args(hint), table.get(field.name, {})
        if dataclasses.is_dataclass(hint):
            yield from _parameters(typing.cast(type, hint), given if isinstance(given, Mapping) else {}, where)
        elif typing.get_origin(hint) is dict and dataclasses.is_dataclass(inside[1]):
            for name, item in given.items():
                yield from _parameters(typing.cast(type, inside[1]), item, f"{where}.{name}")
        else:
            yield where, cls.__name__
            if typing.get_origin(hint) is dict and isinstance(given, Mapping) and "value" not in given:
                yield from ((inner, cls.__name__) for inner in _inner(given, where))


def _inner(table: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, item in table.items():
        yield f"{path}.{name}"
        if isinstance(item, Mapping) and "value" not in item:
            yield from _inner(item, f"{path}.{name}")


def _set(tree: dict[str, Any], names: list[str], leaf: Any) -> None:
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
    tree[names[-1]] = leaf


def _nearest(path: str, known: Mapping[str, str]) -> str:
    """What to say of an unknown path: its first unknown name, and the nearest one at that place."""
    names = path.split(".")
    for depth in range(len(names)):
        parent = "".join(f"{name}." for name in names[:depth])
        here = {other[len(parent) :].split(".")[0]: spec for other, spec in known.items() if other.startswith(parent)}
        if names[depth] not in here:
            whole = parent.rstrip(".")
            if not here:
                return f"{whole} is a parameter and holds no '{names[depth]}'."
            if all(parent + name in known for name in here):
                words = f"{next(iter(here.values()))} has no such parameter"
            else:
                words = f"{whole or 'the species'} has no '{names[depth]}'"
            return f"{words}.{suggestion(names[depth], here)}"
    return f"this is a table; name one of its parameters, such as '{next(p for p in known if p.startswith(path))}'."
