"""From a mesh to a marrow: whole, in sections and slices, at any voxel; and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import LUMEN, MARROW, GeometrySpec, Section, build_geometry
from marrow_niche.geometry.near import distance_at
from marrow_niche.scenario.scenario import scenario_from

ARRAYS = (
    "extravascular",
    "sinusoid_area",
    "arteriole_area",
    "bone_area",
    "to_sinusoid",
    "to_arteriole",
    "to_endosteum",
)


@pytest.mark.parametrize(("voxel", "share"), [(10.0, 0.02), (40.0, 0.05), (100.0, 0.12)])
def test_volumes_and_walls_do_not_depend_on_the_voxel(build, voxel, share):
    """Per volume of marrow, at 10, 40 and 100 um against 20 um: the vessels are the same, so is what voxels hold of them.

    What is left is the staircase around a cavity 800 um wide.
    """
    fine, other = build(20.0, at=0.5, thickness=400.0), build(voxel, at=0.5, thickness=400.0)
    assert np.array_equal(fine.vessels.nodes, other.vessels.nodes)
    for name in ("sinusoid_fraction", "sinusoid_wall_mm2_per_mm3", "arteriole_wall_mm2_per_mm3"):
        assert other.facts[name] == pytest.approx(fine.facts[name], rel=share), name
    extravascular = [g.facts["extravascular_mm3"] / g.facts["marrow_mm3"] for g in (fine, other)]
    assert extravascular[1] == pytest.approx(extravascular[0], rel=share)
    assert other.facts["marrow_mm3"] == pytest.approx(fine.facts["marrow_mm3"], rel=share)
    assert other.facts["mean_distance_to_sinusoid_um"] == pytest.approx(
        fine.facts["mean_distance_to_sinusoid_um"], rel=share
    )


STATISTICS = (
    "sinusoid_fraction",
    "arteriole_fraction",
    "extravascular_mm3",
    "marrow_mm3",
    "endosteum_mm2",
    "sinusoid_length_mm_per_mm3",
    "arteriole_length_mm_per_mm3",
    "sinusoid_junctions_per_mm3",
    "sinusoid_wall_mm2_per_mm3",
    "arteriole_wall_mm2_per_mm3",
    "mean_distance_to_sinusoid_um",
    "mean_distance_to_arteriole_um",
    "mean_distance_to_bone_um",
    *(f"share_within_{r}um_of_{name}" for r in (5, 10, 20) for name in ("sinusoid", "arteriole", "bone")),
    "trabecular_fraction",
    "trabecular_thickness_um",
    "trabecular_spacing_um",
    "stroma",
    "osteoblasts",
    "megakaryocytes",
)
"""What `check` tells of a marrow that must not depend on the voxel."""


def test_the_distal_femur_has_the_same_statistics_at_10_and_20_um():
    """0.1 mm of the end of the mouse femur, where a tenth of the cavity is trabeculae of two and a half voxels."""
    fine, coarse = (
        scenario_from(
            {
                "species": "mouse",
                "duration": "1 d",
                "geometry": {
                    "bone": "mouse femur",
                    "voxel": voxel,
                    "section": {"axis": "long", "at": "6 %", "thickness": "0.1 mm"},
                },
            }
        )
        for voxel in ("10 um", "20 um")
    )
    fine, coarse = (
        build_geometry(s.geometry, s.parameters.anatomy, seed=s.seed, folder=s.folder).facts for s in (fine, coarse)
    )
    for name in STATISTICS:
        assert coarse[name] == pytest.approx(fine[name], rel=0.03), name


def test_the_anatomy_is_that_of_a_mouse(build):
    """Sinusoids 30 +- 5 % of the marrow, arterioles about 1 % (Nombela-Arrieta 2013); half of the marrow within 10 um."""
    facts = build(20.0, at=0.5, thickness=400.0).facts
    assert facts["sinusoid_fraction"] == pytest.approx(0.30, abs=0.05)
    assert 0.006 < facts["arteriole_fraction"] < 0.03
    assert facts["mean_distance_to_sinusoid_um"] == pytest.approx(9.6, rel=0.1)
    assert facts["share_within_10um_of_sinusoid"] == pytest.approx(0.57, abs=0.05)


def test_a_slice_is_a_cut_through_the_marrow_around_it(build):
    """A slice one voxel thick holds the shares and distances of the section it is cut from, within its own noise."""
    section = build(20.0, at=0.5, thickness=400.0).facts
    names = ("sinusoid_fraction", "sinusoid_wall_mm2_per_mm3", "mean_distance_to_sinusoid_um")
    slices = [build(20.0, at=at, seed=seed) for at, seed in ((0.45, 1), (0.5, 2), (0.55, 3))]
    for name in names:
        assert np.mean([s.facts[name] for s in slices]) == pytest.approx(section[name], rel=0.08), name
    for s in slices:
        assert s.lattice.dimension == 2
        assert s.lattice.shape[0] == 1
        assert (s.lattice.neighbour[:, :2] == -1).all()


def test_a_slice_along_the_bone(build):
    """Cut along x the array is one voxel thick in x, and reaches over the whole length."""
    along = build(40.0, at=0.5, axis="x")
    nz, _, nx = along.lattice.shape
    assert nx == 1
    assert nz * 40.0 == pytest.approx(3000.0, abs=120.0)
    assert (along.lattice.neighbour[:, 4:] == -1).all()
    middle = along.lattice.origin[0] + 20.0
    assert middle == pytest.approx(2000.0)


def test_arrays_belong_together(build):
    g = build(20.0, at=0.5, thickness=400.0)
    n = g.lattice.n
    for name in ARRAYS:
        assert getattr(g, name).shape == (n,), name
        assert np.isfinite(getattr(g, name)).all(), name
    assert g.near_sinusoid.start.shape == g.near_stroma.start.shape == (n + 1,)
    assert g.extravascular.min() >= 0.05
    assert g.extravascular.max() <= 1.0
    assert g.to_sinusoid.max() <= 200.0
    assert g.to_endosteum.min() > 0.0
    assert (np.diff(g.lattice.flat) > 0).all()
    assert np.array_equal(g.lattice.tissue.reshape(-1)[g.lattice.flat], np.full(n, MARROW))
    assert (g.lattice.tissue == LUMEN).any()
    assert g.near_sinusoid.item.max() < len(g.vessels.edges)


def test_facts_can_be_written_down(build):
    facts = build(20.0, at=0.5, thickness=400.0).facts
    assert json.loads(json.dumps(facts)) == facts


def test_a_section_as_thin_as_a_voxel_is_a_slice(build):
    assert build(40.0, at=0.5, thickness=40.0).lattice.dimension == 2
    assert build(40.0, at=0.5, thickness=120.0).lattice.dimension == 3


def test_a_bone_without_cortex_is_all_marrow(build):
    """The endosteum is then the surface itself: a tube of radius 500."""
    g = build(40.0, at=0.5, thickness=120.0, cortex=0.0)
    assert g.facts["marrow_mm3"] == pytest.approx(np.pi * 0.5**2 * 0.12, rel=0.04)
    assert g.bone_area.sum() == pytest.approx(2.0 * np.pi * 500.0 * 120.0, rel=0.08)


def test_lists_name_the_vessels_of_the_whole_graph(build):
    """Searched at voxel centres, the lists give the distance that is stored beside them."""
    g = build(20.0, at=0.5, thickness=400.0)
    voxel = np.arange(0, g.lattice.n, 501)
    away = distance_at(g.lattice.centres()[voxel], voxel, g.near_sinusoid, (g.vessels.a, g.vessels.b, g.vessels.radius))
    assert away == pytest.approx(g.to_sinusoid[voxel])


def test_the_endosteum_is_where_the_cortex_ends(build):
    """In a rod of radius 500 with a cortex of 100 um the endosteum is a tube of radius 400, at any voxel."""
    for voxel in (10.0, 40.0):
        g = build(voxel, at=0.5, thickness=400.0)
        centre = g.lattice.centres()
        away = 400.0 - np.hypot(centre[:, 0] - 2000.0, centre[:, 1] + 1000.0)
        assert g.to_endosteum == pytest.approx(away, abs=3.0)
        assert g.bone_area.sum() == pytest.approx(2.0 * np.pi * 400.0 * 400.0, rel=0.06)
        assert g.facts["marrow_mm3"] == pytest.approx(np.pi * 0.4**2 * 0.4, rel=0.04)


def test_the_whole_bone(build):
    g = build(40.0)
    assert g.facts["share_of_bone_marrow"] == pytest.approx(1.0, abs=0.02)
    assert g.facts["long_axis"] == "z"
    assert g.facts["length_mm"] == pytest.approx(3.0)
    assert g.surface[0].min(axis=0) == pytest.approx([1500.0, -1500.0, 3500.0], abs=5.0)
    edge = g.lattice.tissue
    assert not (edge[0].any() or edge[-1].any() or edge[:, 0].any() or edge[:, :, -1].any())
    assert (g.lattice.neighbour[:, 0] >= 0).any()


def test_a_section_at_a_length_is_a_section_at_a_share(rod_mesh, mouse):
    """At 0.9 mm from the low end of a bone of 3 mm, or at 30 %: the same voxels, the same vessels."""
    one, other = (
        build_geometry(
            GeometrySpec(mesh=str(rod_mesh), unit="mm", voxel=40.0, section=Section(thickness=160.0, **where)),
            mouse,
            seed=1,
            folder=rod_mesh.parent,
        )
        for where in ({"at": 0.3}, {"at": 900.0, "at_is_fraction": False})
    )
    assert np.array_equal(one.lattice.tissue, other.lattice.tissue)
    assert one.lattice.origin == pytest.approx(other.lattice.origin)
    assert one.facts["section_from_mm"] == pytest.approx(0.82, abs=1e-3)
    assert one.facts["section_to_mm"] == pytest.approx(0.98, abs=1e-3)


def test_the_same_bits_on_any_number_of_threads(rod_mesh, mouse):
    import numba

    spec = GeometrySpec(mesh=str(rod_mesh), unit="mm", voxel=20.0, section=Section(at=0.4, thickness=60.0))
    made = []
    before = numba.get_num_threads()
    for threads in (1, before):
        numba.set_num_threads(threads)
        made.append(build_geometry(spec, mouse, seed=5, folder=rod_mesh.parent))
    numba.set_num_threads(before)
    for name in ARRAYS:
        assert np.array_equal(getattr(made[0], name), getattr(made[1], name)), name
    assert np.array_equal(made[0].niches.stroma, made[1].niches.stroma)
    assert np.array_equal(made[0].near_sinusoid.item, made[1].near_sinusoid.item)
    assert made[0].facts == made[1].facts


def test_another_seed_is_another_mouse_in_the_same_bone(build):
    one, other = build(40.0, at=0.5, thickness=120.0), build(40.0, at=0.5, thickness=120.0, seed=4)
    assert one.vessels.nodes.shape != other.vessels.nodes.shape
    assert other.facts["marrow_mm3"] == one.facts["marrow_mm3"]
    assert other.facts["sinusoid_fraction"] == pytest.approx(one.facts["sinusoid_fraction"], rel=0.15)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mesh": None}, "not said which bone"),
        ({"bone": "long bone"}, "mesh and bone are given"),
        ({"mesh": None, "bone": "skull"}, "'skull' is not made by the package"),
        ({"cortex": 600.0}, "a cortex of 600 um leaves no marrow"),
        ({"voxel": 600.0}, "too few to hold a marrow. Take voxel ="),
        ({"voxel": 0.5}, "Take voxel = .* um. or larger"),
        ({"section": Section(at=1.3)}, "lies outside the bone, which is 3 mm along z"),
        ({"section": Section(at=-5.0, at_is_fraction=False)}, "lies outside the bone"),
        ({"section": Section(axis="w", at=0.5)}, "'w' is not an axis"),
        ({"section": Section(at=0.001)}, "no marrow in this piece.*marrow between"),
        ({"section": Section(at=0.5), "voxel": 300.0}, "too few to hold a marrow"),
    ],
)
def test_what_makes_no_marrow_is_refused_with_the_cure(rod_mesh, mouse, change, words):
    given = {"mesh": str(rod_mesh), "unit": "mm", "voxel": 20.0, **change}
    with pytest.raises(GeometryError, match=words):
        build_geometry(GeometrySpec(**given), mouse, seed=1, folder=rod_mesh.parent)


def test_more_vessels_than_can_be_laid_are_refused(rod_mesh, mouse):
    spec = GeometrySpec(mesh=str(rod_mesh), length=300_000.0, voxel=1000.0)
    with pytest.raises(GeometryError, match=r"Take a thinner section: about .*% of this volume"):
        build_geometry(spec, mouse, seed=1, folder=rod_mesh.parent)


def test_the_voxel_that_is_named_fits(rod_mesh, mouse):
    """Too coarse: the voxel that the error names works."""
    spec = {"mesh": str(rod_mesh), "unit": "mm", "section": Section(at=0.5, thickness=700.0)}
    with pytest.raises(GeometryError) as caught:
        build_geometry(GeometrySpec(voxel=700.0, **spec), mouse, seed=1, folder=rod_mesh.parent)
    named = float(str(caught.value).split('voxel = "')[1].split(" um")[0])
    assert build_geometry(GeometrySpec(voxel=named, **spec), mouse, seed=1, folder=rod_mesh.parent).lattice.n >= 30


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("mouse_scale_femur_15mm_um.ply", {"unit": "um", "voxel": 40.0, "section": Section(at=0.5, thickness=240.0)}),
        ("human_femur_r_opensim.vtp", {"length": 15_000.0, "voxel": 40.0, "section": Section(at=0.5, thickness=240.0)}),
        ("human_patella_r_VHF.stl", {"length": 2_000.0, "voxel": 50.0}),
    ],
)
def test_measured_bones_can_be_built(shared, mouse, name, spec):
    g = build_geometry(GeometrySpec(mesh=name, **spec), mouse, seed=1, folder=shared)
    assert g.facts["sinusoid_fraction"] == pytest.approx(0.31, abs=0.05)
    assert g.facts["long_axis"] == ("y" if "opensim" in name else "z")
    assert g.lattice.n > 500


def test_vessels_that_leave_no_room_are_refused(rod_mesh, mouse):
    thick = replace(mouse, sinusoid_radius=45.0)
    spec = GeometrySpec(mesh=str(rod_mesh), unit="mm", voxel=20.0)
    with pytest.raises(GeometryError, match=r"vessels fill .* leave no room for cells.*thinner"):
        build_geometry(spec, thick, seed=1, folder=Path())
