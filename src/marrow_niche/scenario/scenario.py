"""The scenario: every spec gathered into one frozen tree, read from a TOML file with all its mistakes at once.

To let a scenario say more: a new event is a spec in `perturbations`, added to `EVENTS`; a new switch is a line in
`switches.Switches`; new science is a spec beside its equation, added to `Species`, with its numbers in the species' data files.
"""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from marrow_niche.body.blood import Blood
from marrow_niche.body.clinical import Clinical
from marrow_niche.body.factors import Factor
from marrow_niche.body.hormones import Hormones
from marrow_niche.body.iron import Iron
from marrow_niche.body.lymphoid import Lymphoid
from marrow_niche.body.organism import Organism
from marrow_niche.body.spleen import Spleen
from marrow_niche.body.survival import Lethality
from marrow_niche.errors import ScenarioError
from marrow_niche.geometry import Anatomy, GeometrySpec, Published, beside
from marrow_niche.marrow.cytokines import Cytokine
from marrow_niche.marrow.damage import Radiosensitivity
from marrow_niche.marrow.genes import Genes
from marrow_niche.marrow.lineages import Burst, Compartment
from marrow_niche.marrow.stem_cells import StemCells
from marrow_niche.marrow.stroma import Stroma
from marrow_niche.perturbations.bleed import Bleed
from marrow_niche.perturbations.blockade import Blockade
from marrow_niche.perturbations.factor import Treatment
from marrow_niche.perturbations.graft import Graft
from marrow_niche.perturbations.label import Label
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.quantities.ledger import Ledger
from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.quantities.units import text
from marrow_niche.scenario import toml
from marrow_niche.scenario.reader import Reader, kind_of, suggestion
from marrow_niche.scenario.species_files import known_species, override, read_species
from marrow_niche.scenario.switches import Switches
from marrow_niche.scenario.variation import Variation

EVENTS: tuple[type, ...] = (Radiation, Treatment, Bleed, Graft, Label, Blockade)
"""What may stand under [[events]], each by its `kind`."""

FILE_ENTRIES = ("mesh", "image", "points", "vessels", "vessel_nodes")
"""Entries of [geometry] that name a file, relative to the scenario's own folder."""

EVENT_FILE = "map"
"""The entry of an event that names a file."""


@dataclass(frozen=True, kw_only=True)
class Species:
    """All parameters of a species: what its data file holds, table by table."""

    like: str = entry("the species from which all is taken that the data file does not say", default="")
    organism: Organism
    anatomy: Anatomy
    published: dict[str, Published]
    cytokines: dict[str, Cytokine]
    stem_cells: StemCells
    lineages: dict[str, Compartment]
    burst: Burst
    stroma: Stroma
    radiation: Radiosensitivity
    genes: Genes = field(default_factory=Genes)
    blood: Blood
    clinical: Clinical
    lymphoid: Lymphoid
    hormones: Hormones
    factors: dict[str, Factor]
    iron: Iron
    spleen: Spleen
    lethality: Lethality
    variation: Variation


@dataclass(frozen=True, kw_only=True)
class RecordSpec:
    """What is written down, and how often."""

    every: float = quantity("h", "time between records", low=1.0, default=24.0)
    fields: tuple[str, ...] | None = entry("names of the fields to record; all of them by default", default=None)
    space: bool = entry("files for ParaView: bone, fields and cells; false: the tables alone", default=True)
    vtkhdf: bool = entry("fields.vtkhdf and cells.vtkhdf too, one file of all times each, for ParaView 5.12", default=False)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """What disagrees between the entries: (entry, text)."""
        if self.vtkhdf and not self.space:
            yield "vtkhdf", "there are no fields to write with space = false. Leave out one of the two."


@dataclass(frozen=True, kw_only=True)
class OrganismSpec:
    """How the piece of bone stands for the whole organism."""

    agents: Literal["organism", "anatomical"] = entry("whose number of stem cells is stored", default="organism")
    rest: Literal["same", "unirradiated"] = entry("what the marrow outside the piece does", default="same")


@dataclass(frozen=True, kw_only=True)
class _Length:
    duration: float = quantity("h", "length of the run", low=1.0)


@dataclass(frozen=True, kw_only=True)
class ScenarioFile:
    """A scenario as it is written."""

    title: str = entry("title of the run", default="")
    species: str = entry('name of the species, such as "mouse"')
    seed: int = quantity("", "seed of all chance", low=0, high=2**63 - 1, default=1)
    duration: float = quantity("h", 'length of the run, such as "60 d"', low=1.0)
    geometry: GeometrySpec = field(metadata={"meaning": "The bone: a table [geometry] with mesh, length and voxel"})
    events: tuple[Any, ...] = field(default=(), metadata={"kinds": EVENTS})
    record: RecordSpec = field(default_factory=RecordSpec)
    organism: OrganismSpec = field(default_factory=OrganismSpec)
    parameters: dict[str, Any] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that was asked for, in canonical units."""

    title: str
    species: str
    seed: int
    duration: float
    """Length of the run [h]."""
    geometry: GeometrySpec
    events: tuple[Any, ...]
    """Specs of `EVENTS` in the order of the file; times in h from the start of the run."""
    record: RecordSpec
    organism: OrganismSpec
    parameters: Species
    switches: Switches
    ledger: Ledger
    """Every parameter with unit and source."""
    folder: Path
    """What file names are relative to."""
    source: dict[str, Any]
    """The TOML tables, resolved: as written, with seed, records, organism and switches spelled out."""

    @property
    def files(self) -> dict[str, Path]:
        """The files that [geometry] and events name, by entry: "mesh", "events[1].map"."""
        named = {name: getattr(self.geometry, name) for name in FILE_ENTRIES}
        named |= {_of_event(number): getattr(event, EVENT_FILE, None) for number, event in enumerate(self.events, 1)}
        return {name: beside(self.folder, given) for name, given in named.items() if given}

    def rerun(self, copied: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The TOML tables from which this run can be made again, its files at their new places.

        Parameters
        ----------
        copied : dict, optional
            Paths of the copied files by entry, relative to where the tables will be written, such as
            {"mesh": "inputs/femur.stl"}.
        """
        tables = copy.deepcopy(self.source)
        places = dict(copied or {})
        for number, table in enumerate(tables.get("events", ()), 1):
            if _of_event(number) in places:
                table[EVENT_FILE] = places.pop(_of_event(number))
        tables["geometry"].update(places)
        return tables


def read_scenario(path: Path | str, *, seed: int | None = None) -> Scenario:
    """Read a scenario file, or the scenario.toml of a run directory.

    Parameters
    ----------
    path : path
        A TOML file, or a directory that holds scenario.toml.
    seed : int, optional
        In the place of the file's own.

    Raises
    ------
    ScenarioError
        With every mistake in the file at once.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "scenario.toml"
    tables = toml.load(path)
    return scenario_from({"title": path.stem, **tables}, folder=path.parent, name=str(path), seed=seed)


def scenario_from(
    tables: Mapping[str, Any], *, folder: Path | str = ".", name: str = "scenario", seed: int | None = None
) -> Scenario:
    """The scenario of TOML tables that are in memory already.

    Parameters
    ----------
    tables : dict
        As `tomllib` gives them.
    folder : path
        What file names are relative to.
    name : str
        What to call the tables in an error.
    seed : int, optional
        In the place of the tables' own.

    Raises
    ------
    ScenarioError
        With every mistake at once.
    """
    tables = dict(copy.deepcopy(tables))
    folder = Path(folder)
    if seed is not None:
        tables["seed"] = seed
    reader = Reader()
    written = reader.spec(ScenarioFile, tables)
    mistakes = [*reader.mistakes, *_late_events(tables), *_missing_files(tables, folder)]
    parameters, ledger, fields, more = _parameters(tables.get("species"), tables.get("parameters", {}))
    mistakes += _marked_apart(tables) + _labelled_mutants(tables, parameters)
    mistakes += _unknown_to_species(tables.get("events"), parameters)
    mistakes += _unknown_fields(tables.get("record"), fields) + more
    if mistakes:
        raise ScenarioError(name, mistakes)
    record = written.record
    if record.fields is None:
        record = dataclasses.replace(record, fields=tuple(parameters.cytokines))
    return Scenario(
        title=written.title,
        species=written.species,
        seed=written.seed,
        duration=written.duration,
        geometry=written.geometry,
        events=written.events,
        record=record,
        organism=written.organism,
        parameters=parameters,
        switches=written.switches,
        ledger=ledger,
        folder=folder,
        source=_resolved(tables, written, record),
    )


def _parameters(species: Any, overrides: Any) -> tuple[Any, Ledger, list[str], list[str]]:
    """The species' specs with the overrides in them, their ledger, the names of the fields, and the mistakes."""
    if not isinstance(species, str):
        return None, Ledger(), [], []
    if species not in known_species():
        return None, Ledger(), [], [f"species: '{species}' is not known.{suggestion(species, known_species())}"]
    overrides = overrides if isinstance(overrides, Mapping) else {}
    tree, paths, mistakes = override(Species, read_species(species), overrides)
    reader = Reader(sourced=True, overridden=paths)
    parameters = reader.spec(Species, tree)
    return parameters, reader.ledger, list(tree.get("cytokines", ())), mistakes + reader.mistakes


def _day(hours: float) -> str:
    return text(hours, "h", "d")


def _late_events(tables: Mapping[str, Any]) -> Iterator[str]:
    """Events that fall after the end of the run; told also when other entries of the file are mistaken."""
    run = Reader().spec(_Length, {"duration": tables.get("duration")})
    events = tables.get("events")
    if run is None or not isinstance(events, list):
        return
    for number, table in enumerate(events, 1):
        event = Reader().one_of(EVENTS, table, "")
        if event is None:
            continue
        lasting = event.exposures() if hasattr(event, "exposures") else ()
        again = event.times() if hasattr(event, "times") else ()
        end = max([event.at, *(e.end for e in lasting), *again])
        if event.at >= run.duration:
            late = f"{_day(event.at)} is not before the end of the run ({_day(run.duration)})"
            yield f"events[{number}].at: {late}; lengthen the run's duration."
        elif end > run.duration:
            late = f"ends at {_day(end)}, after the end of the run ({_day(run.duration)})"
            yield f"events[{number}]: {late}; lengthen the run's duration, or shorten the event."


def _tables(events: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each event that says its kind, with its number; what else stands there the Reader tells of."""
    for number, table in enumerate(events if isinstance(events, list) else (), 1):
        if isinstance(table, Mapping) and isinstance(table.get("kind"), str):
            yield number, table


def _unknown_to_species(events: Any, parameters: Any) -> list[str]:
    """What events name that the species does not have, of the kinds that offer `unknown(table, species)`."""
    if parameters is None:
        return []
    asking: dict[str, Any] = {kind_of(cls): cls for cls in EVENTS if hasattr(cls, "unknown")}
    mistakes = []
    for number, table in _tables(events):
        asked = asking.get(table["kind"])
        for path, what, known in asked.unknown(table, parameters) if asked else ():
            said = table.get(path, path.rpartition(".")[2])  # an entry's text; or, within an entry, the name that stands there
            mistakes.append(f"events[{number}].{path}: {what}{suggestion(said, known) if known else ''}")
    return mistakes


def _marked_apart(tables: Mapping[str, Any]) -> list[str]:
    """Grafts and labels of a piece that is apart: what stands outside it knows no marked cells."""
    organism = tables.get("organism")
    if not isinstance(organism, Mapping) or organism.get("rest") != "unirradiated":
        return []
    marking = {kind_of(cls) for cls in EVENTS if getattr(cls, "marks", False)}
    return [
        f'events[{number}]: with rest = "unirradiated" the marrow outside the piece has no marked cells; '
        'a graft or a label needs rest = "same".'
        for number, table in _tables(tables.get("events"))
        if table["kind"] in marking
    ]


def _labelled_mutants(tables: Mapping[str, Any], parameters: Any) -> list[str]:
    """Labels of a mutant: the marked line is of the wild type, as what is grafted is."""
    if parameters is None or getattr(parameters, "genes", Genes()) == Genes():
        return []
    return [
        f"events[{number}]: marked cells are of the wild type, so a label would heal the mutation of the cells that take it; "
        "leave out the label, or genes of [parameters]."
        for number, table in _tables(tables.get("events"))
        if table["kind"] == "label"
    ]


def _of_event(number: int) -> str:
    """How the file of an event is called among the files of a scenario."""
    return f"events[{number}].{EVENT_FILE}"


def _missing_files(tables: Mapping[str, Any], folder: Path) -> list[str]:
    geometry, named, mistakes = tables.get("geometry"), {}, []
    if isinstance(geometry, Mapping):
        named = {f"geometry.{name}": geometry.get(name) for name in FILE_ENTRIES}
    named |= {_of_event(number): table.get(EVENT_FILE) for number, table in _tables(tables.get("events"))}
    for name, given in named.items():
        if not isinstance(given, str) or beside(folder, given).exists():
            continue
        path = beside(folder, given)
        others = [file.name for file in path.parent.glob("*") if file.suffix == path.suffix] if path.parent.is_dir() else []
        near = suggestion(path.name, others)
        hint = near if "Did you mean" in near else " The path is relative to the folder of the scenario file."
        mistakes.append(f"{name}: there is no file '{given}'.{hint}")
    return mistakes


def _unknown_fields(record: Any, fields: list[str]) -> list[str]:
    asked = record.get("fields") if isinstance(record, Mapping) else None
    return [
        f"record.fields: there is no field '{name}'.{suggestion(name, fields)}"
        for name in (asked if isinstance(asked, list) and fields else [])
        if isinstance(name, str) and name not in fields
    ]


def _resolved(tables: Mapping[str, Any], written: ScenarioFile, record: RecordSpec) -> dict[str, Any]:
    """The tables as written, with what was left to the defaults spelled out."""
    every = tables.get("record", {}).get("every", f"{record.every:g} h")
    head = {"title": written.title, "species": written.species, "seed": written.seed}
    spelled = {
        "record": {"every": every, "fields": list(record.fields or ())} | ({} if record.space else {"space": False})
        | ({"vtkhdf": True} if record.vtkhdf else {}),
        "organism": dataclasses.asdict(written.organism),
        "switches": dataclasses.asdict(written.switches),
    }
    return head | {name: item for name, item in tables.items() if name not in head} | spelled
