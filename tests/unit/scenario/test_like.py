"""A species that is like another: what its file says is its own, the rest is the other's, measured ranges are not."""

import pytest

from marrow_niche.errors import ScenarioError
from marrow_niche.scenario import species_files, toml
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.scenario.species_files import FOLDER, known_species, read_species


def leaves(tree):
    return dict(species_files.leaves(tree))


def test_human_differs_from_mouse_only_where_its_file_says():
    human, mouse, said = read_species("human"), read_species("mouse"), toml.load(FOLDER / "human.toml")
    ours, theirs, own = leaves(human), leaves(mouse), leaves(said)
    assert len(own) > 5
    for path, leaf in own.items():
        assert ours[path] == leaf, path
    for path, leaf in theirs.items():
        if not path.startswith("published.") and path not in own:
            assert ours[path] == leaf, path
    assert set(ours) - set(theirs) <= {*own, "published"}
    assert ours["anatomy.adipocyte_radius"] != theirs["anatomy.adipocyte_radius"]


def test_ranges_measured_in_the_one_are_not_those_of_the_other():
    """The mouse has published ranges; a species like it only those of its own file."""
    assert read_species("mouse")["published"]
    assert read_species("human")["published"] == toml.load(FOLDER / "human.toml").get("published", {})


def test_reading_the_one_leaves_the_other_as_it_was():
    before = leaves(read_species("mouse"))
    read_species("human")
    assert leaves(read_species("mouse")) == before


def test_a_human_scenario_is_read():
    """In canonical units, its sources told: its own fat cells, blood, clocks and numbers; answers to signals of the mouse, but that
    progenitors of man lean on TPO."""
    geometry = {"bone": "human iliac core", "voxel": "20 um"}
    made = [scenario_from({"species": name, "duration": "1 d", "geometry": geometry}) for name in ("human", "mouse")]
    human, mouse = (scenario.parameters for scenario in made)
    assert human.like == "mouse"
    assert mouse.like == ""
    assert human.anatomy.adipocyte_radius == 40.0
    assert human.anatomy.sinusoid_spacing == 85.0
    assert human.anatomy.sinusoid_degree == mouse.anatomy.sinusoid_degree
    assert human.blood.platelets == 2.5e5 < mouse.blood.platelets
    assert human.blood.red_cell_life == 115 * 24 > mouse.blood.red_cell_life
    assert human.stem_cells.everyone == 1e5 and human.stem_cells.tip_division < 0.3 * mouse.stem_cells.tip_division
    assert human.stem_cells.tgf_quiescence == mouse.stem_cells.tgf_quiescence
    assert human.lineages["CMP"].renewal_response == mouse.lineages["CMP"].renewal_response
    assert human.lineages["MPP"].renewal_response == mouse.lineages["MPP"].renewal_response | {"TPO": 0.2}
    for response in ("rate_response", "renewal_response", "survival_response"):  # man makes B cells without it
        assert {getattr(human.lineages[name], response).get("IL7", 0.0) for name in ("proB", "preB")} == {0.0}
    assert human.published == {}
    assert {entry.path for entry in made[0].ledger} >= {
        entry.path for entry in made[1].ledger if "published" not in entry.path
    }


def test_a_parameter_of_a_species_that_is_like_another_can_be_changed():
    """Its own and inherited ones."""
    new = {"value": 50, "unit": "um", "source": "estimate"}
    tables = {"species": "human", "duration": "1 d", "geometry": {"bone": "human iliac core", "voxel": "20 um"}}
    changed = {"anatomy.adipocyte_radius": new, "anatomy.sinusoid_tortuosity": new}
    anatomy = scenario_from({**tables, "parameters": changed}).parameters.anatomy
    assert anatomy.adipocyte_radius == anatomy.sinusoid_tortuosity == 50.0


def test_a_species_like_one_that_is_not_known_is_refused(tmp_path, monkeypatch):
    (tmp_path / "rat.toml").write_text('like = "mosue"\n')
    (tmp_path / "mouse.toml").write_bytes((FOLDER / "mouse.toml").read_bytes())
    monkeypatch.setattr(species_files, "FOLDER", tmp_path)
    assert known_species() == ["mouse", "rat"]
    with pytest.raises(ScenarioError, match=r"species: 'mosue' is not known\. Did you mean 'mouse'"):
        read_species("rat")


def test_likeness_goes_on_and_on(tmp_path, monkeypatch):
    """Of a species like one that is like a third, the nearest says what is so; ranges are of its own file alone."""
    (tmp_path / "mouse.toml").write_bytes((FOLDER / "mouse.toml").read_bytes())
    cortex = '[anatomy]\ncortex = {{ value = {}, unit = "um", source = "estimate" }}\n'
    (tmp_path / "rat.toml").write_text('like = "mouse"\n' + cortex.format(400))
    own = '[published.x]\nlow = { value = 0.1, unit = "", source = "estimate" }\n'
    (tmp_path / "shrew.toml").write_text('like = "rat"\n' + own)
    monkeypatch.setattr(species_files, "FOLDER", tmp_path)
    shrew = read_species("shrew")
    assert shrew["anatomy"]["cortex"]["value"] == 400
    assert shrew["anatomy"]["vein_radius"] == read_species("mouse")["anatomy"]["vein_radius"]
    assert list(shrew["published"]) == ["x"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"vole": "vole"}, "vole is like vole, a circle"),
        ({"vole": "shrew", "shrew": "bat", "bat": "shrew"}, "shrew is like bat is like shrew, a circle"),
    ],
    ids=["itself", "three"],
)
def test_species_like_one_another_in_a_circle_are_refused(monkeypatch, tmp_path, files, words):
    """With the circle alone, and what would mend it."""
    for name, like in files.items():
        (tmp_path / f"{name}.toml").write_text(f'like = "{like}"\n')
    monkeypatch.setattr(species_files, "FOLDER", tmp_path)
    with pytest.raises(ScenarioError, match=words) as error:
        read_species("vole")
    assert "or to hold every number itself" in str(error.value)
