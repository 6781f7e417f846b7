"""Scenario files: what is read, what is refused, what is kept for the run directory."""

import tomllib
from dataclasses import dataclass

import pytest
import tomli_w

from marrow_niche.errors import ScenarioError
from marrow_niche.quantities.parameters import quantity
from marrow_niche.scenario import scenario as gathering
from marrow_niche.scenario import species_files
from marrow_niche.scenario.scenario import read_scenario, scenario_from

GNOME = """
[blood]
volume = { value = 2.0, unit = "mL", source = "Smith 1999", note = "a small one" }

[cytokines.SCF]
diffusivity = { value = 10, unit = "um^2/s", source = "Jones 2001; Smith 1999" }
[cytokines.CXCL12]
diffusivity = { value = 1.0, unit = "um^2/s", source = "estimate" }
uptake = { HSC = { value = 1, unit = "um^3/h", source = "estimate" } }

[lineages]
shares = { GMP = 0.55, MEP = 0.45 }
"""

TOP = 'species = "gnome"\nduration = "60 d"\n'
GEOMETRY = '[geometry]\nbone = "long bone"\nlength = "15 mm"\nvoxel = "20 um"\n'
SCENARIO = TOP + GEOMETRY


@dataclass(frozen=True, kw_only=True)
class Field:
    diffusivity: float = quantity("um^2/h", "D, in marrow interstitium", low=1e-3)
    decay: float = quantity("1/h", "loss", low=0, default=0.0)
    uptake: dict[str, float] = quantity("um^3/h", "volume one cell clears", low=0, default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fluid:
    volume: float = quantity("uL", "blood volume of the organism", low=1)


@dataclass(frozen=True, kw_only=True)
class Shares:
    shares: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Gnome:
    blood: Fluid
    cytokines: dict[str, Field]
    lineages: Shares


@pytest.fixture(autouse=True)
def gnome(tmp_path, monkeypatch):
    """A species with four numbers; what follows is about files, not about mice."""
    folder = tmp_path / "species"
    folder.mkdir()
    (folder / "gnome.toml").write_text(GNOME)
    (folder / "giant.toml").write_text(GNOME)
    monkeypatch.setattr(species_files, "FOLDER", folder)
    monkeypatch.setattr(gathering, "Species", Gnome)


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        (tmp_path / "garden.toml").write_text(text)
        return read_scenario(tmp_path / "garden.toml", **options)

    return read


@pytest.fixture
def mistakes(read):
    def mistakes(text):
        with pytest.raises(ScenarioError) as caught:
            read(text)
        return caught.value.mistakes

    return mistakes


def test_a_short_scenario_is_whole(read):
    s = read(SCENARIO)
    assert (s.title, s.species, s.seed, s.duration) == ("garden", "gnome", 1, 1440.0)
    assert (s.geometry.bone, s.geometry.length, s.geometry.voxel) == ("long bone", 15000.0, 20.0)
    assert (s.events, s.record.every, s.record.fields) == ((), 24.0, ("SCF", "CXCL12"))
    assert (s.organism.agents, s.organism.rest, s.files) == ("organism", "same", {})
    assert s.parameters.blood.volume == 2000.0
    assert s.parameters.cytokines["SCF"].diffusivity == 36000.0


def test_a_long_scenario_is_read_in_canonical_units(read, tmp_path):
    (tmp_path / "femur.stl").touch()
    s = read(
        'title = "A gnome after 6 Gy"\nseed = 7\n'
        + TOP
        + '[geometry]\nmesh = "femur.stl"\nlength = "15 mm"\ncortex = "0.16 mm"\nvoxel = "20 um"\n'
        + 'section = { axis = "x", at = "7.5 mm", thickness = "2 mm" }\n'
        + '[[events]]\nkind = "radiation"\nat = "1 d"\ndose = "6 Gy"\nfractions = 2\n'
        + 'every = "2 d"\ndose_rate = "1 Gy/min"\n'
        + '[record]\nevery = "12 h"\nfields = ["SCF"]\n[organism]\nagents = "anatomical"\nrest = "unirradiated"\n'
    )
    assert (s.title, s.seed, s.files) == ("A gnome after 6 Gy", 7, {"mesh": tmp_path / "femur.stl"})
    section = s.geometry.section
    assert (section.axis, section.at, section.at_is_fraction, section.thickness) == ("x", 7500.0, False, 2000.0)
    (event,) = s.events
    assert (event.kind, event.at, event.dose, event.fractions, event.every) == ("radiation", 24.0, 6.0, 2, 48.0)
    assert event.dose_rate == 60.0
    assert (s.record.every, s.record.fields) == (12.0, ("SCF",))
    assert (s.organism.agents, s.organism.rest) == ("anatomical", "unirradiated")


def test_an_override_replaces_the_species_number_and_its_source(read):
    s = read(SCENARIO + '[parameters]\n"cytokines.SCF.diffusivity" = { value = 2, unit = "um^2/s", source = "me" }\n')
    assert s.parameters.cytokines["SCF"].diffusivity == 7200.0
    assert s.parameters.cytokines["CXCL12"].diffusivity == 3600.0
    found = s.ledger["cytokines.SCF.diffusivity"]
    assert (found.source, found.overridden) == ("me", True)
    assert not s.ledger["blood.volume"].overridden


@pytest.mark.parametrize(
    "override",
    [
        '[parameters]\ncytokines.CXCL12.decay = { value = 1, unit = "1/h", source = "me" }',
        '[parameters.cytokines.CXCL12]\ndecay = { value = 1, unit = "1/h", source = "me" }',
    ],
)
def test_an_override_may_stand_in_tables_and_name_what_has_a_default(read, override):
    assert read(SCENARIO + override).parameters.cytokines["CXCL12"].decay == 1.0


def test_an_override_of_one_entry_of_a_table(read):
    s = read(
        SCENARIO + '[parameters]\n"cytokines.CXCL12.uptake.HSC" = { value = 5, unit = "um^3/h", source = "me" }\n'
        '"lineages.shares.GMP" = 0.5\n'
    )
    assert s.parameters.cytokines["CXCL12"].uptake == {"HSC": 5.0}
    assert s.parameters.lineages.shares == {"GMP": 0.5, "MEP": 0.45}


def test_the_seed_may_be_given_from_outside(read):
    s = read("seed = 3\n" + SCENARIO, seed=11)
    assert s.seed == s.source["seed"] == 11


OVERRIDE = '[parameters]\n"{}" = {}\n'


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (SCENARIO.replace("60 d", "60"), "duration: '60' is a number without a unit; write for example '60 d'."),
        (SCENARIO.replace('"60 d"', "60"), "duration: 60 is a number without a unit; write for example '60 d'."),
        (SCENARIO.replace("60 d", "6 m"), "duration: '6 m' is a length; expected a time, such as '60 d'."),
        (SCENARIO.replace("60 d", "0 d"), "duration: '0 d' is too low; the least allowed is 0.0416667 d."),
        (SCENARIO.replace("duration", "durration"), 'duration: missing. Length of the run, such as "60 d" [h].'),
        (SCENARIO.replace('species = "gnome"\n', ""), 'species: missing. Name of the species, such as "mouse".'),
        (SCENARIO.replace("gnome", "gnom"), "species: 'gnom' is not known. Did you mean 'gnome'?"),
        (SCENARIO.replace("gnome", "dragon"), "species: 'dragon' is not known. Known: giant, gnome."),
        (SCENARIO.replace('"gnome"', "3"), "species: 3 is not text"),
        (TOP, "geometry: missing. The bone: a table [geometry]"),
        (TOP + 'geometry = "femur.stl"', "geometry: 'femur.stl' stands where a table is expected: mesh, bone, image"),
        (SCENARIO + "voxl = 3\n", "geometry.voxl: Geometry has no such parameter. Did you mean 'voxel'?"),
        (SCENARIO.replace('voxel = "20 um"', ""), "geometry.voxel: missing. Edge of a voxel [um]."),
        (SCENARIO.replace('bone = "long bone"', 'mesh = "femr.stl"'), "geometry.mesh: there is no file 'femr.stl'. "),
        ("seed = -1\n" + SCENARIO, "seed: -1 is too low; the least allowed is 0."),
        ('seed = "x"\n' + SCENARIO, "seed: 'x' is not a plain number"),
        (SCENARIO + "[switchs]\n", "switchs: Scenario has no such parameter. Did you mean 'switches'?"),
        (SCENARIO + "[switches]\nmagic = true\n", "switches.magic: Switches has no such parameter."),
        (SCENARIO + "[record]\nfields = ['SFC']\n", "record.fields: there is no field 'SFC'. Did you mean 'SCF'?"),
        (SCENARIO + "[record]\nfields = 'SCF'\n", "record.fields: 'SCF' stands where a list is expected"),
        (SCENARIO + "parameters = 3\n", "geometry.parameters: Geometry has no such parameter."),
        ("parameters = 3\n" + SCENARIO, "parameters: 3 stands where a table is expected"),
        (
            SCENARIO + OVERRIDE.format("cytokines.CXCL12.difusivity", "1.0"),
            "cytokines.CXCL12.difusivity: Field has no such parameter. Did you mean 'diffusivity'?",
        ),
        (
            SCENARIO + OVERRIDE.format("cytokines.CXCL13.decay", "1.0"),
            "cytokines.CXCL13.decay: cytokines has no 'CXCL13'. Did you mean 'CXCL12'?",
        ),
        (
            SCENARIO + OVERRIDE.format("citokines.SCF.decay", "1.0"),
            "citokines.SCF.decay: the species has no 'citokines'. Did you mean 'cytokines'?",
        ),
        (
            SCENARIO + OVERRIDE.format("blood", "1.0"),
            "blood: this is a table; name one of its parameters, such as 'blood.volume'.",
        ),
        (
            SCENARIO + OVERRIDE.format("blood.volume.value", "1.0"),
            "blood.volume.value: blood.volume is a parameter and holds no 'value'.",
        ),
        (
            SCENARIO + OVERRIDE.format("blood.volume", "1.0"),
            'blood.volume: 1.0 comes without its source; write { value = 1, unit = "uL", source = "..." }; "estimate"',
        ),
        (
            SCENARIO + OVERRIDE.format("blood.volume", '{ value = 1.0, unit = "um/s", source = "me" }'),
            "blood.volume: 'um/s' is a speed; expected a volume, such as 'mm^3'.",
        ),
        (
            SCENARIO + OVERRIDE.format("blood.volume", '{ value = 1.0, unit = "mL" }'),
            'blood.volume: source is missing; name the reference, or write source = "estimate".',
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_cure(mistakes, text, mistake):
    found = mistakes(text)
    assert found[0].startswith(mistake)
    assert len(found) == 1 + ("durration" in text)


@pytest.mark.parametrize(
    ("event", "mistake"),
    [
        ('at = "0 d"\ndose = "-1 Gy"', "events[1].dose: '-1 Gy' is too low; the least allowed is 0 Gy."),
        ('at = "0 d"\ndose = "6 m"', "events[1].dose: '6 m' is a length; expected a dose, such as '6 Gy'."),
        (
            'at = "0 d"\ndos = "6 Gy"\ndose = "6 Gy"',
            "events[1].dos: Radiation has no such parameter. Did you mean 'dose'?",
        ),
        ('at = "0 d"', "events[1].dose: missing: the dose of each fraction, such as '6 Gy'."),
        ('at = "61 d"\ndose = "6 Gy"', "events[1].at: 61 d is not before the end of the run (60 d)"),
        (
            'at = "0 d"\ndose = "6 Gy"\nfractions = 4\nevery = "21 d"',
            "events[1]: ends at 63 d, after the end of the run (60 d)",
        ),
        (
            'at = "59 d"\ndose = "6 Gy"\nduration = "50 h"',
            "events[1]: ends at 61.0833 d, after the end of the run (60 d)",
        ),
        ('at = "0 d"\ndose = "6 Gy"\nfractions = 4', "events[1].every: missing"),
        ('at = "0 d"\ndose = "6 Gy"\nfractions = 0', "events[1].fractions: 0 is too low"),
        ('at = "0 d"\ndose = "6 Gy"\nduration = "50 h"\ndose_rate = "1 Gy/min"', "events[1].dose_rate: "),
        ('at = "0 d"\ndose = "6 Gy"\nfractions = 2\nevery = "24 h"\nduration = "24 h"', "events[1].every: "),
    ],
)
def test_an_event_that_cannot_be(mistakes, event, mistake):
    (found,) = mistakes(f'{SCENARIO}[[events]]\nkind = "radiation"\n{event}\n')
    assert found.startswith(mistake)


def test_every_mistake_of_every_table_comes_in_one_list(mistakes):
    found = mistakes(
        'titel = "x"\nspecies = "gnome"\nduration = "60"\n[geometry]\nmesh = "nowhere.stl"\nlength = "15 Gy"\n'
        '[[events]]\nkind = "radiation"\nat = "0 d"\ndose = "-1 Gy"\n[record]\nfields = ["SFC"]\n'
        '[parameters]\n"blood.volum" = 3\n"cytokines.SCF.decay" = { value = 1, unit = "um/s", source = "estimate" }\n'
    )
    places = {line.partition(":")[0] for line in found}
    assert places == {
        "titel", "duration", "geometry.mesh", "geometry.length", "geometry.voxel", "events[1].dose", "record.fields",
        "blood.volum", "cytokines.SCF.decay",
    }  # fmt: skip


def test_an_event_after_the_end_is_told_beside_other_mistakes(mistakes):
    found = mistakes("seed = -1\n" + SCENARIO + '[[events]]\nkind = "radiation"\nat = "61 d"\ndose = "6 Gy"\n')
    assert [line.partition(":")[0] for line in found] == ["seed", "events[1].at"]


def test_the_error_names_the_file_and_counts(read, tmp_path):
    with pytest.raises(ScenarioError) as caught:
        read(SCENARIO.replace("60 d", "60"))
    first, second = str(caught.value).splitlines()
    assert first == f"{tmp_path / 'garden.toml'} cannot be simulated; 1 mistake:"
    assert second == "  duration: '60' is a number without a unit; write for example '60 d'."


def test_a_mesh_with_a_near_name_is_suggested(mistakes, tmp_path):
    (tmp_path / "femur.stl").touch()
    (found,) = mistakes(SCENARIO.replace('bone = "long bone"', 'mesh = "femr.stl"'))
    assert found == "geometry.mesh: there is no file 'femr.stl'. Did you mean 'femur.stl'?"


def test_the_source_spells_out_what_was_left_to_defaults(read):
    s = read(SCENARIO)
    assert s.source["seed"] == 1
    assert s.source["title"] == "garden"
    assert s.source["record"] == {"every": "24 h", "fields": ["SCF", "CXCL12"]}
    assert s.source["organism"] == {"agents": "organism", "rest": "same"}
    assert s.source["duration"] == "60 d"


def test_a_run_directory_reads_back_as_the_same_scenario(read, tmp_path):
    (tmp_path / "femur.stl").touch()
    text = (
        "seed = 5\n"
        + SCENARIO.replace('bone = "long bone"', 'mesh = "femur.stl"')
        + (
            'section = { at = "50 %" }\n[[events]]\nkind = "radiation"\nat = "1 d"\ndose = "6 Gy"\n'
            '[parameters]\n"blood.volume" = { value = 1.5, unit = "mL", source = "me" }\n'
        )
    )
    first = read(text, seed=9)
    run = tmp_path / "elsewhere"
    (run / "inputs").mkdir(parents=True)
    (run / "inputs" / "femur.stl").touch()
    (run / "scenario.toml").write_text(tomli_w.dumps(first.rerun({"mesh": "inputs/femur.stl"})))
    again = read_scenario(run)
    assert again.files == {"mesh": run / "inputs" / "femur.stl"}
    for name in ("title", "species", "seed", "duration", "events", "record", "organism", "parameters", "ledger"):
        assert getattr(again, name) == getattr(first, name), name
    assert again.rerun() == first.rerun({"mesh": "inputs/femur.stl"})
    assert first.source["geometry"]["mesh"] == "femur.stl"


def test_tables_in_memory_are_left_as_they_are(tmp_path):
    tables = tomllib.loads(SCENARIO)
    s = scenario_from(tables, folder=tmp_path, seed=4)
    s.source["geometry"]["voxel"] = "1 um"
    assert tables == tomllib.loads(SCENARIO)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('species = "gnome\nseed = 1', "line 1, column 17: text is not closed"),
        ("duration = 60 d\n", 'line 1, column 15: more than one value; a number with its unit needs quotes: "60 d"'),
        ("duration = d\n", "line 1, column 12: this is no value"),
        ("seed = 1\nseed = 2\n", "line 2, column 9: this name is given a second time"),
        ("[geometry]\n[geometry]\n", "line 2, column 10: this table is opened a second time"),
        ("[geometry\n", "line 1, column 10: a ']' is missing"),
        ("seed 1\n", "line 1, column 6: a name needs '=' and a value after it"),
        ("fields = ['a', 'b'\n", "end of the file: a list is not closed"),
        ("= 3\n", "line 1, column 1: this is neither a [table] nor name = value"),
    ],
)
def test_what_is_not_toml_is_told_with_line_and_column(mistakes, text, mistake):
    (found,) = mistakes(text)
    assert found.startswith(mistake)
    assert "line" not in mistake[:5] or text.splitlines()[int(mistake.split(",")[0][5:]) - 1] in found


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(ScenarioError, match="there is no such file; 'marrow-niche new'"):
        read_scenario(tmp_path / "nothing.toml")
    with pytest.raises(ScenarioError, match="there is no such file"):
        read_scenario(tmp_path)
    (tmp_path / "mesh.stl").write_bytes(b"\x80\x81\xff")
    with pytest.raises(ScenarioError, match="not a text file in UTF-8"):
        read_scenario(tmp_path / "mesh.stl")


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path):
    (tmp_path / "garden.toml").write_bytes(b"\xef\xbb\xbf" + SCENARIO.replace("\n", "\r\n").encode())
    assert read_scenario(tmp_path / "garden.toml").duration == 1440.0


def test_vtkhdf_is_kept_and_needs_files_of_space(read, mistakes):
    s = read(SCENARIO + "[record]\nvtkhdf = true\n")
    assert s.record.vtkhdf and s.source["record"]["vtkhdf"] is True
    assert not read(SCENARIO).record.vtkhdf and "vtkhdf" not in read(SCENARIO).source["record"]
    (told,) = mistakes(SCENARIO + "[record]\nvtkhdf = true\nspace = false\n")
    assert told.startswith("record.vtkhdf: there are no fields to write with space = false")
