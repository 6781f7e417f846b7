"""Marrow fat: how much of it there is, that its cells keep off each other, vessels and bone, and what is refused."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import GeometrySpec, Section, build_geometry
from marrow_niche.geometry.fat import ADIPOCYTE, SPREAD, SQUEEZE, among_fat, fill_shares, make_fat, spread_fat
from marrow_niche.geometry.field import Field, Inset
from marrow_niche.geometry.lattice import FAT, MARROW, make_lattice
from marrow_niche.geometry.near import boxed, make_blocks, middled, search
from marrow_niche.geometry.points import Points
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels

LOW, HIGH = np.zeros(3), np.full(3, 400.0)


def open_marrow():
    """Marrow without bone: the nearest is 1 mm away."""
    return Inset(cortical=Field(origin=np.full(3, -1e4), spacing=2e4, values=np.full((2, 2, 2), 1000.0)))


def half_bone():
    """Marrow above z = 200, bone below."""
    values = np.broadcast_to((np.array([-100.0, 500.0]) - 200.0)[:, None, None], (2, 2, 2)).copy()
    return Inset(cortical=Field(origin=np.full(3, -100.0), spacing=600.0, values=values))


def tube(radius=20.0, kind=SINUSOID):
    """One vessel through the middle of the box along x."""
    return Vessels(
        nodes=np.array([[-50.0, 200.0, 200.0], [450.0, 200.0, 200.0]]),
        edges=np.array([[0, 1]], np.int32),
        radius=np.array([radius]),
        kind=np.array([kind], np.uint8),
    )


def fat_in(mouse, *, inset=None, vessels=None, asked=0.3, given=None, volume=400.0**3, seed=1):
    inset, vessels = open_marrow() if inset is None else inset, tube() if vessels is None else vessels
    tubes = boxed(vessels.a, vessels.b, vessels.radius, cell=30.0, margin=mouse.adipocyte_radius)
    return make_fat(
        inset,
        tubes,
        mouse,
        asked=asked,
        given=given,
        volume=volume,
        low=LOW,
        high=HIGH,
        draws=np.random.default_rng(seed),
    )


def shares(vessels, fat, spacing=20.0):
    """Shares (n, 4) of the voxels of a box of marrow."""
    n = round(400.0 / spacing)
    blocks = make_blocks(make_lattice(np.full((n, n, n), MARROW), spacing=spacing, origin=LOW))
    near = []
    for mine in (vessels.kind != ARTERIOLE, vessels.kind == ARTERIOLE):
        chosen = np.flatnonzero(mine).astype(np.int32)
        _, found = search(
            middled(vessels.a[chosen], vessels.b[chosen], vessels.radius[chosen], cell=40.0), blocks, cap=200.0
        )
        near.append(type(found)(start=found.start, item=chosen[found.item] if len(chosen) else found.item))
    return fill_shares(vessels, fat, (near[0], near[1]), blocks, spacing=spacing)


def test_as_many_as_fill_the_share(mouse):
    """Volumes of all cells, the spread of their radii included, are 15 % of the marrow; radii are lognormal around 20 um."""
    centre, size = fat_in(mouse, asked=0.15)
    assert (4.0 / 3.0 * np.pi * size**3).sum() == pytest.approx(0.15 * 400.0**3, rel=0.08)
    assert np.median(size) == pytest.approx(20.0, rel=0.03)
    assert np.log(size).std() == pytest.approx(SPREAD, rel=0.12)
    assert ((centre >= LOW) & (centre <= HIGH)).all()


def test_by_the_species_density_where_no_share_is_asked(mouse):
    dense = dataclasses.replace(mouse, adipocyte_density=2000.0)
    assert len(fat_in(dense, asked=None)[0]) == pytest.approx(2000.0 * 0.4**3, abs=1.0)
    assert len(fat_in(mouse, asked=None)[0]) == 0


def test_cells_keep_apart_and_off_vessels_and_bone(mouse):
    """Even where more are asked for than find room: centres 0.8 of a diameter apart and half a radius off every wall."""
    centre, _ = fat_in(mouse, inset=half_bone(), asked=0.7, volume=0.5 * 400.0**3)
    assert len(centre) > 300
    assert cKDTree(centre).query(centre, k=2)[0][:, 1].min() >= 2.0 * SQUEEZE * 20.0
    assert (np.hypot(centre[:, 1] - 200.0, centre[:, 2] - 200.0) >= 20.0 + 10.0 - 1e-9).all()
    assert (centre[:, 2] >= 210.0).all()


def test_no_share_is_no_fat(mouse):
    for seed in range(5):
        assert len(fat_in(mouse, asked=0.0, seed=seed)[0]) == 0


def test_the_same_draws_are_the_same_fat(mouse):
    one, same, other = fat_in(mouse), fat_in(mouse), fat_in(mouse, seed=2)
    assert np.array_equal(one[0], same[0]) and np.array_equal(one[1], same[1])
    assert not np.array_equal(one[0][:50], other[0][:50])


def test_measured_fat_cells_stand_where_they_were_measured(mouse):
    """With their own radii; the usual one where none is given; none is added."""
    place = np.array([[100.0, 100.0, 100.0], [300.0, 300.0, 100.0]])
    given = Points(position={"adipocyte": place}, radius={"adipocyte": np.array([33.0, np.nan])}, facts={})
    centre, size = fat_in(mouse, asked=0.5, given=given)
    np.testing.assert_array_equal(centre, place)
    np.testing.assert_array_equal(size, [33.0, 20.0])
    other = Points(position={"stroma": place}, radius={"stroma": np.full(2, np.nan)}, facts={})
    assert len(fat_in(mouse, asked=0.3, given=other)[0]) > 100


@pytest.mark.parametrize("kind", [SINUSOID, ARTERIOLE, VEIN])
def test_voxels_hold_what_lies_in_them(kind):
    """One sphere beside a tube and one in it: what lies in both is the vessel's; columns are kinds of vessels, then fat."""
    vessels = tube(kind=kind)
    fat = (np.array([[100.0, 100.0, 100.0], [250.0, 200.0, 200.0]]), np.array([40.0, 30.0]))
    found = shares(vessels, fat).sum(axis=0) * 20.0**3
    assert found[kind] == pytest.approx(np.pi * 20.0**2 * 400.0, rel=0.04)
    ball, inner = 4.0 / 3.0 * np.pi * np.array([40.0**3, 30.0**3])
    overlap = 4.0 / 3.0 * np.pi * (30.0**3 - (30.0**2 - 20.0**2) ** 1.5)
    assert found[ADIPOCYTE] == pytest.approx(ball + inner - overlap, rel=0.04)
    assert np.count_nonzero(found) == 2
    assert shares(vessels, (np.empty((0, 3)), np.empty(0)))[:, ADIPOCYTE].sum() == 0.0


@pytest.mark.parametrize("asked", [0.1, 0.3, 0.7])
def test_what_found_no_room_is_spread(mouse, asked):
    """The mean share is what was asked to 2 %, no voxel is more than full, and spheres stay where they are."""
    fat = fat_in(mouse, asked=asked)
    share = shares(tube(), fat)
    before = share.copy()
    spread_fat(share, asked)
    assert share[:, ADIPOCYTE].mean() == pytest.approx(asked, rel=0.05 if asked < 0.2 else 0.02)
    assert share.sum(axis=1).max() < 1.0 + 1e-9
    assert (share >= before).all()
    assert np.array_equal(share[:, :ADIPOCYTE], before[:, :ADIPOCYTE])


def test_vessels_and_fat_that_leave_no_room_are_refused():
    share = np.tile([0.3, 0.01, 0.02, 0.0], (50, 1))
    with pytest.raises(
        GeometryError, match=r"geometry\.fat: 70% of fat beside 33% of vessels leaves no room for cells"
    ):
        spread_fat(share, 0.7)
    spread_fat(share, 0.6)
    assert share.sum(axis=1) == pytest.approx(np.full(50, 0.93))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_vessels_stand_farther_apart_among_fat(mouse, share):
    """Per volume that is not fat as many as before: length per volume goes with spacing to the power -2."""
    among = among_fat(mouse, share)
    assert (mouse.sinusoid_spacing / among.sinusoid_spacing) ** 2 == pytest.approx(1.0 - share)
    assert (mouse.arteriole_spacing / among.arteriole_spacing) ** 2 == pytest.approx(1.0 - share)
    assert among.megakaryocyte_density == pytest.approx((1.0 - share) * mouse.megakaryocyte_density)
    kept = {"sinusoid_spacing", "arteriole_spacing", "megakaryocyte_density"}
    for name in {field.name for field in dataclasses.fields(mouse)} - kept:
        assert getattr(among, name) == getattr(mouse, name)


def test_without_fat_the_anatomy_is_the_species(mouse):
    assert among_fat(mouse, None) == among_fat(mouse, 0.0) == mouse


@pytest.fixture(scope="module")
def fatty(rod_mesh, mouse):
    """fatty(share): a section of the rod with a share of fat. Built once each."""
    made = {}

    def of(share, voxel=20.0):
        if (share, voxel) not in made:
            section = Section(at=0.5, thickness=160.0)
            spec = GeometrySpec(mesh=rod_mesh.name, unit="mm", voxel=voxel, section=section, cortex=100.0, fat=share)
            made[share, voxel] = build_geometry(spec, mouse, seed=3, folder=rod_mesh.parent)
        return made[share, voxel]

    return of


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_marrow_has_the_fat_that_was_asked(fatty, share):
    g = fatty(share)
    assert g.facts["fat_fraction"] == pytest.approx(share, rel=0.02)
    assert g.facts["adipocytes"] == len(g.niches.adipocyte) > 50
    assert g.facts["sinusoid_fraction"] == pytest.approx(0.31 * (1.0 - share), abs=0.06)
    assert g.extravascular.min() >= 0.05
    assert g.extravascular.max() <= 1.0


def test_only_voxels_in_fat_cells_are_labelled_fat(fatty):
    """At 10 um there are such voxels; each has its centre within a fat cell, and no marrow voxel's cells are in one."""
    g = fatty(0.5, voxel=10.0)
    place = g.lattice.origin + 10.0 * (np.argwhere(g.lattice.tissue == FAT)[:, ::-1] + 0.5)
    assert len(place) > 1000
    tree = cKDTree(g.niches.adipocyte)
    deepest = max(g.niches.adipocyte_radius)
    for point in place[::20]:
        near = tree.query_ball_point(point, deepest + 10.0)
        away = np.linalg.norm(g.niches.adipocyte[near] - point, axis=1) - g.niches.adipocyte_radius[near]
        assert away.min() < 0.0
    assert not (fatty(0.0, voxel=20.0).lattice.tissue == FAT).any()


def test_a_share_of_nought_is_a_marrow_without_fat(fatty, build):
    """And the same vessels as where nothing was said of fat, since this species has none."""
    g = fatty(0.0)
    assert g.facts["fat_fraction"] == 0.0
    assert g.facts["adipocytes"] == 0
    plain = build(20.0, at=0.5, thickness=160.0)
    assert np.array_equal(g.vessels.nodes, plain.vessels.nodes)


def test_too_much_fat_is_refused_with_the_cure(rod_mesh, mouse):
    wide = dataclasses.replace(mouse, sinusoid_radius=24.0)
    section = Section(at=0.5, thickness=160.0)
    spec = GeometrySpec(mesh=rod_mesh.name, unit="mm", voxel=40.0, cortex=100.0, fat=0.94, section=section)
    with pytest.raises(GeometryError, match=r"geometry\.fat: 94% of fat beside .* of vessels.*Ask for less fat"):
        build_geometry(spec, wide, seed=3, folder=rod_mesh.parent)
