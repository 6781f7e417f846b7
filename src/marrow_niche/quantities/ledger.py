"""The ledger: every parameter of a run with its value, unit and source, and the run's bibliography made from it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NO_REFERENCE = ("estimate", "balance", "calibrated")
"""Sources of numbers that nobody measured: guessed, fixed by the numbers beside them, or set to meet a named result."""
DEFAULT = "default of the package"
"""The source of a number that neither the species nor the scenario gives."""
_OWN = "marrow_niche: a spatial bone-marrow niche simulator, version {version}."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One parameter: what was written, and what the model uses."""

    path: str
    """Where it stands, such as cytokines.CXCL12.diffusivity."""
    value: Any
    """The number (or numbers, text, truth) as written."""
    unit: str
    """The unit as written; "" for a plain number."""
    canonical: Any
    """The value the model uses, in `canonical_unit`."""
    canonical_unit: str
    source: str
    """A reference, one of `NO_REFERENCE`, or `DEFAULT`; several references are separated by semicolons."""
    note: str = ""
    meaning: str = ""
    overridden: bool = False
    """True where the scenario replaces the species' value."""


@dataclass
class Ledger:
    """The entries in the order in which they were read."""

    entries: list[Entry] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, path: str) -> Entry:
        """The entry at `path`. Raises KeyError when there is none."""
        for found in self.entries:
            if found.path == path:
                return found
        raise KeyError(path)

    def add(self, **entry: Any) -> None:
        """Append one `Entry`, given by its attributes."""
        self.entries.append(Entry(**entry))

    def plain(self) -> list[dict[str, Any]]:
        """The entries as dicts of numbers and texts, for JSON."""
        return [asdict(found) for found in self.entries]

    @classmethod
    def from_plain(cls, entries: Iterable[Mapping[str, Any]]) -> "Ledger":
        """The ledger that `plain` gave; unknown keys are left out."""
        known = Entry.__dataclass_fields__
        return cls([Entry(**{key: value for key, value in entry.items() if key in known}) for entry in entries])

    def references(self) -> dict[str, list[str]]:
        """Each reference with the paths of the parameters it gave, in alphabetical order of the references."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            if entry.source in (*NO_REFERENCE, DEFAULT):
                continue
            for reference in filter(None, (part.strip() for part in entry.source.split(";"))):
                found.setdefault(reference, []).append(entry.path)
        return dict(sorted(found.items(), key=lambda item: item[0].casefold()))

    def unmeasured(self) -> dict[str, list[str]]:
        """Paths of the parameters without a reference, by what stands in its place; none where all have one."""
        found = {word: [e.path for e in self.entries if e.source == word] for word in (*NO_REFERENCE, DEFAULT)}
        return {word: paths for word, paths in found.items() if paths}

    def cite(self, version: str) -> str:
        """The bibliography as text: the package, each reference with what it gave, and what has none.

        Parameters
        ----------
        version : str
            Version of the package to cite.
        """
        lines = [_OWN.format(version=version), "", f"References of the {len(self)} parameters in use:"]
        for reference, paths in self.references().items():
            lines += [f"  {reference}", f"      {in_short(paths)}"]
        if unmeasured := self.unmeasured():
            lines += ["", "Parameters without a reference (provenance.json of a run names each):"]
            for word, paths in unmeasured.items():
                tables = Counter(path.partition(".")[0] for path in paths)
                counted = ", ".join(f"{number} in {name}" for name, number in tables.items())
                lines += [f"  {word} ({len(paths)})", f"      {counted}"]
        return "\n".join(lines)


def in_short(paths: list[str], limit: int = 6) -> str:
    """The first of many paths, and how many more there are."""
    more = f" and {len(paths) - limit} more" if len(paths) > limit else ""
    return ", ".join(paths[:limit]) + more
