"""Degrees of the haematopoietic syndrome: the published table, and what the mouse takes from it."""

import lab
import pytest

from marrow_niche.body.clinical import Clinical, degree
from marrow_niche.errors import ScenarioError
from marrow_niche.scenario.reader import Reader
from marrow_niche.scenario.species_files import read_species


def clinical(species):
    return Reader(sourced=True).spec(Clinical, read_species(species)["clinical"], "clinical")


@pytest.mark.parametrize(
    ("lowest", "lymphocytes", "granulocytes"),
    [(2000, 1, 1), (1500, 1, 2), (1499, 2, 2), (1000, 2, 2), (999, 3, 3), (500, 3, 3), (499, 4, 4), (0, 4, 4)],
)
def test_bounds_of_man_are_those_of_the_table(lowest, lymphocytes, granulocytes):
    """METREPOL: lymphocytes 1.5, 1, 0.5 and granulocytes 2, 1, 0.5e9/L; what stands at a bound is of the milder degree."""
    man = clinical("human")
    assert degree(lowest, man.lymphocyte_degrees) == lymphocytes
    assert degree(lowest, man.granulocyte_degrees) == granulocytes


def test_platelets_of_man():
    bounds = clinical("human").platelet_degrees
    assert [degree(n * 1000, bounds) for n in (100, 99, 50, 49, 20, 19)] == [1, 2, 2, 3, 3, 4]


def test_the_mouse_has_the_same_shares_of_its_own_counts():
    mouse, man = clinical("mouse"), clinical("human")
    rest = {}
    for species in ("mouse", "human"):
        tree = read_species(species)
        value = lambda table, name, tree=tree: tree[table][name]["value"]  # noqa: E731
        lymph = sum(value("lymphoid", name) for name in ("b_cells", "nk_cells"))
        lymph += sum(tree["lymphoid"][kind]["count"]["value"] for kind in ("cd4", "cd8"))
        rest[species] = {"granulocyte": value("blood", "neutrophils"), "platelet": value("blood", "platelets"), "lymphocyte": lymph}
    for kind in rest["mouse"]:
        for own, his in zip(getattr(mouse, f"{kind}_degrees"), getattr(man, f"{kind}_degrees")):
            assert own / rest["mouse"][kind] == pytest.approx(his / rest["human"][kind], rel=1e-3)
    for name, kind in (("neutropenia", "granulocyte"), ("agranulocytosis", "granulocyte"), ("thrombocytopenia", "platelet"), ("bleeding", "platelet")):
        assert getattr(mouse, name) / rest["mouse"][kind] == pytest.approx(getattr(man, name) / rest["human"][kind])


@pytest.mark.parametrize("bounds", [(1.0, 2.0, 3.0), (2.0, 1.0), (3.0, 3.0, 1.0)])
def test_bounds_that_do_not_fall_are_refused(bounds):
    with pytest.raises(ValueError, match="bounds that fall"):
        degree(1.0, bounds)


@pytest.mark.parametrize("bounds", [[1.0, 2.0, 3.0], [2.0, 1.0], [3.0, 3.0, 1.0]])
def test_a_scenario_whose_bounds_do_not_fall_is_refused_before_it_runs(bounds):
    leaf = {"value": bounds, "unit": "1/uL", "source": "estimate"}
    with pytest.raises(ScenarioError, match=r"clinical\.platelet_degrees: these bounds part no degrees; give 3 that fall"):
        lab.scenario(parameters={"clinical.platelet_degrees": leaf})
