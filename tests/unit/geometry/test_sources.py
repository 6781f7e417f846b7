"""Where a marrow comes from: what does not go together, bones by name, what is taken where nothing is said, what is told."""

import dataclasses

import meshio
import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import GeometrySpec, Section, build_geometry, load_bone
from marrow_niche.geometry.made_bones import BONES, made_bone
from marrow_niche.geometry.sources import usual_fat
from marrow_niche.geometry.trabeculae import Trabeculae

SPONGY = Trabeculae(volume_fraction=0.1, thickness=50.0)

CONTRADICTIONS = [
    ({}, "", "it is not said which bone"),
    ({"mesh": "a.stl", "image": "a.nrrd"}, "", "mesh and image are given"),
    ({"mesh": "a.stl", "image": "a.nrrd", "bone": "mouse femur"}, "", "mesh and image and bone are given"),
    ({"mesh": "a.stl", "labels": {"bone": 1}}, "labels", "there is no image"),
    ({"mesh": "a.stl", "bone_threshold": "otsu"}, "bone_threshold", "there is no image"),
    ({"points": "a.csv", "image_voxel": 4.0}, "image_voxel", "there is no image"),
    ({"mesh": "a.stl", "classes": {"stroma": "CAR"}}, "classes", "there are no points"),
    ({"mesh": "a.stl", "vessel_nodes": "n.csv"}, "vessel_nodes", "without its edges"),
    ({"image": "a.nrrd", "length": 1e3}, "length", "has its size"),
    ({"image": "a.nrrd", "unit": "mm"}, "unit", "has its size"),
    ({"points": "a.csv", "cortex": 100.0}, "cortex", "has its size"),
    ({"image": "a.nrrd", "trabeculae": SPONGY}, "trabeculae", "has its own bone"),
    ({"points": "a.csv", "trabeculae": SPONGY}, "trabeculae", "has its own bone"),
    ({"mesh": "a.stl", "age": 40.0}, "age", "only a bone made by the package has a known fat by age"),
    ({"bone": "human calvaria", "age": 40.0, "fat": 0.3}, "age", "give one of them"),
    ({"bone": "mouse femur", "unit": "mm"}, "unit", "a bone made by the package is in um"),
]
TOGETHER = [
    {
        "mesh": "a.stl",
        "points": "a.csv",
        "classes": {"stroma": "CAR"},
        "unit": "mm",
        "cortex": 100.0,
        "trabeculae": SPONGY,
    },
    {"image": "a.nrrd", "labels": {"bone": 1, "marrow": 0}, "image_voxel": 4.0, "points": "a.csv", "fat": 0.3},
    {"bone": "human calvaria", "age": 40.0, "length": 1e4, "cortex": 1e3, "trabeculae": SPONGY},
    {"points": "a.csv", "vessels": "v.csv", "vessel_nodes": "n.csv", "fat": 0.0},
]


@pytest.mark.parametrize(("given", "entry", "words"), CONTRADICTIONS)
def test_what_does_not_go_together_is_told_by_its_entry(given, entry, words):
    """Just that one mistake, at its entry."""
    (mistake,) = GeometrySpec(voxel=20.0, **given).contradictions()
    where, text = ("", mistake) if isinstance(mistake, str) else mistake
    assert where == entry
    assert words in text


@pytest.mark.parametrize("given", TOGETHER)
def test_what_goes_together_is_no_mistake(given):
    assert list(GeometrySpec(voxel=20.0, **given).contradictions()) == []


def test_several_mistakes_are_told_together():
    spec = GeometrySpec(voxel=20.0, image="a.nrrd", mesh="a.stl", age=3.0, fat=0.1, classes={})
    assert len(list(spec.contradictions())) == 4


def test_which_bone_is_refused_without_a_scenario_too(mouse, tmp_path):
    with pytest.raises(GeometryError, match="mesh and bone are given"):
        load_bone(GeometrySpec(mesh="a.stl", bone="mouse femur", voxel=20.0), mouse, folder=tmp_path)


@pytest.mark.parametrize("name", ["mouse calvaria", "Mouse  Calvaria"])
def test_a_bone_by_its_name(mouse, tmp_path, name):
    """A piece of the skull: its size, its tables and its pillars are its own, and where they come from is told."""
    bone, told = load_bone(GeometrySpec(bone=name, voxel=20.0), mouse, folder=tmp_path)
    made = BONES["mouse calvaria"]
    assert told["site"] == "mouse calvaria"
    assert told["source"] == "mouse calvaria (made by the package)"
    assert told["numbers_from"] == made.sources()
    assert bone.length == pytest.approx(4000.0, rel=0.01)
    assert bone.trabeculae == made.trabeculae.spec
    assert bone.cortex == pytest.approx(np.full(len(bone.cortex), 100.0))


def test_a_bone_by_its_name_is_built(mouse, tmp_path):
    """A strip of the window: marrow between two tables, pillars asked to be a tenth, no fat at any age."""
    spec = GeometrySpec(bone="mouse calvaria", voxel=20.0, age=1.0, section=Section(axis="x", at=0.5, thickness=100.0))
    facts = build_geometry(spec, mouse, seed=1, folder=tmp_path).facts
    assert facts["cortex_um"] == pytest.approx(100.0)
    assert facts["cortex_from"] == "this bone's own"
    assert facts["trabecular_asked"] == 0.10
    assert facts["fat_fraction"] == 0.0
    assert facts["sinusoid_fraction"] > 0.15
    assert facts["site"] == "mouse calvaria"


def test_fat_by_what_is_asked_by_age_or_by_site():
    """The share itself; else that of the bone at the age, or at its usual one; else the species decides."""
    calvaria = BONES["human calvaria"].fat
    assert usual_fat(GeometrySpec(bone="human calvaria", voxel=50.0)) == calvaria.share
    assert usual_fat(GeometrySpec(bone="human calvaria", voxel=50.0, age=80.0)) == pytest.approx(0.60 + 40.0 * 0.003)
    assert usual_fat(GeometrySpec(bone="human calvaria", voxel=50.0, fat=0.2)) == 0.2
    assert usual_fat(GeometrySpec(bone="human calvaria", voxel=50.0, fat=0.0)) == 0.0
    assert usual_fat(GeometrySpec(mesh="a.stl", voxel=50.0)) is None
    assert usual_fat(GeometrySpec(mesh="a.stl", voxel=50.0, fat=0.4)) == 0.4


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    """A rod three times as long as wide, a ball, and the rod with a triangle missing; in mm."""
    folder = tmp_path_factory.mktemp("meshes")
    vertices, triangles = naive.rod(0.5, 3.0)
    meshio.Mesh(vertices, [("triangle", triangles)]).write(folder / "rod.stl")
    meshio.Mesh(vertices, [("triangle", triangles[1:])]).write(folder / "torn.stl")
    ball, faces = naive.sphere(0.5)
    meshio.Mesh(ball, [("triangle", faces)]).write(folder / "ball.stl")
    return folder


def spongy(mouse):
    return dataclasses.replace(
        mouse, trabecular_fraction=0.12, trabecular_thickness=55.0, trabecular_reach=0.11, trabecular_fade=0.3
    )


def test_long_bones_have_the_trabeculae_of_their_species(meshes, mouse):
    """A bone with a shaft has them, a ball or a made bone of its own does not take them; asked ones win over all."""
    anatomy = spongy(mouse)
    wanted = Trabeculae(volume_fraction=0.12, thickness=55.0, reach=0.11, fade=0.3)
    rod, _ = load_bone(GeometrySpec(mesh="rod.stl", unit="mm", voxel=20.0), anatomy, folder=meshes)
    assert rod.has_shaft
    assert rod.trabeculae == wanted
    ball, _ = load_bone(GeometrySpec(mesh="ball.stl", unit="mm", voxel=20.0), anatomy, folder=meshes)
    assert not ball.has_shaft
    assert ball.trabeculae is None
    for name in ("rod.stl", "ball.stl"):
        asked, _ = load_bone(GeometrySpec(mesh=name, unit="mm", voxel=20.0, trabeculae=SPONGY), anatomy, folder=meshes)
        assert asked.trabeculae == SPONGY
    made, _ = load_bone(GeometrySpec(bone="mouse calvaria", voxel=20.0), anatomy, folder=meshes)
    assert made.trabeculae == BONES["mouse calvaria"].trabeculae.spec


def test_no_trabeculae_where_none_are_asked_or_none_are_known(meshes, mouse):
    """A share of nought is none, of the scenario or of the species; nothing is said of them then."""
    none = Trabeculae(volume_fraction=0.0, thickness=50.0)
    for given in ({"mesh": "rod.stl", "unit": "mm"}, {"bone": "mouse calvaria"}):
        bone, _ = load_bone(GeometrySpec(voxel=20.0, trabeculae=none, **given), spongy(mouse), folder=meshes)
        assert bone.trabeculae is None
    spec = GeometrySpec(
        mesh="rod.stl", unit="mm", voxel=40.0, trabeculae=none, section=Section(at=0.5, thickness=160.0)
    )
    g = build_geometry(spec, spongy(mouse), seed=1, folder=meshes)
    assert g.inset.trabecular == ()
    assert not any(name.startswith("trabecular") for name in g.facts)
    plain, _ = load_bone(GeometrySpec(mesh="rod.stl", unit="mm", voxel=20.0), mouse, folder=meshes)
    assert plain.trabeculae is None


def test_what_was_mended_is_told(meshes, mouse):
    """A triangle that was missing; nothing of a whole surface."""
    section = Section(at=0.5, thickness=120.0)
    facts = [
        build_geometry(
            GeometrySpec(mesh=name, unit="mm", voxel=40.0, section=section), mouse, seed=1, folder=meshes
        ).facts
        for name in ("torn.stl", "rod.stl")
    ]
    assert len(facts[0]["mended"]) == 1
    assert "hole" in facts[0]["mended"][0]
    assert facts[1]["mended"] == []
    assert facts[0]["source"] == "torn.stl"
    assert facts[0]["um_per_file_unit"] == facts[1]["um_per_file_unit"] == 1000.0
    assert facts[0]["bone_volume_mm3"] == pytest.approx(facts[1]["bone_volume_mm3"], rel=0.01)


@pytest.mark.parametrize(("name", "length"), [("human iliac core", 1_500.0), ("human calvaria", 8_000.0)])
def test_a_piece_too_short_for_its_cortex_is_told_by_its_length(mouse, tmp_path, name, length):
    """The length that is named works; the cortex that is named works too."""
    spec = GeometrySpec(bone=name, voxel=50.0, length=length)
    with pytest.raises(
        GeometryError, match=r"geometry.length: at .* which length does not scale, leaves no marrow"
    ) as error:
        build_geometry(spec, mouse, seed=1, folder=tmp_path)
    text = str(error.value)
    named = float(text.split('length = "')[1].split(" mm")[0]) * 1e3
    thinner = float(text.split('cortex = "')[1].split(" um")[0])
    assert load_bone(dataclasses.replace(spec, length=named), mouse, folder=tmp_path)[0].marrow_volume > 0.0
    assert load_bone(dataclasses.replace(spec, cortex=thinner), mouse, folder=tmp_path)[0].marrow_volume > 0.0
    with pytest.raises(GeometryError, match=r"geometry.cortex: .* Give a thinner one\."):
        build_geometry(dataclasses.replace(spec, cortex=made_bone(name).cortex), mouse, seed=1, folder=tmp_path)
