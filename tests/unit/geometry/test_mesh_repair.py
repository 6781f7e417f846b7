"""Surfaces with defects: what is safe to mend is mended and told, the rest is refused with what, where and the cure."""

import itertools

import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import folds, manifold
from marrow_niche.geometry.lattice import voxelise
from marrow_niche.geometry.mesh import close_surface, um_per_file_unit


def wave(vertices, *, height, reach, over, dip):
    """A breaking wave on a ball of radius 1: around (1, 0, 0) a blunt finger rises, leans over and plunges into the ball."""
    away = np.linalg.norm(vertices - [1.0, 0.0, 0.0], axis=1)
    b = np.clip(1.5 * (1.0 - away / reach), 0.0, 1.0)
    out = vertices.copy()
    out[:, 1] += over * b
    out[:, 0] += height * np.sin(np.pi * b) - dip * b**2
    return out


def slow_pairs(vertices, triangles):
    """Triangles of which an edge meets the inside of the other, by solving for the point where it does."""
    found = set()
    for t, u in itertools.permutations(range(len(triangles)), 2):
        a, b, c = vertices[triangles[u]]
        for i in range(3):
            p, q = triangles[t, i], triangles[t, (i + 1) % 3]
            if {p, q} & set(triangles[u]):
                continue
            system = np.stack([vertices[p] - vertices[q], b - a, c - a], axis=1)
            along, v, w = np.linalg.solve(system, vertices[p] - a)
            if 0.0 < along < 1.0 and v > 0.0 and w > 0.0 and v + w < 1.0:
                found.add((min(t, u), max(t, u)))
    return found


def only(surface, words):
    assert len(surface.mended) == 1, surface.mended
    assert words in surface.mended[0]


def test_a_clean_surface_is_left_as_it_is():
    surface = close_surface(*naive.sphere(2.0), name="ball.stl")
    assert surface.mended == ()
    assert surface.tunnels == surface.shells_left_out == 0


@pytest.mark.parametrize("missing", [1, 5])
def test_a_small_hole_is_closed(missing):
    """A ball without one triangle, or without all around a vertex, is whole again but for a flat lid."""
    vertices, triangles = naive.sphere(3.0, centre=(5.0, 0.0, 0.0), rings=120)
    at = int(np.argmax(vertices[:, 0]))
    gone = (triangles == at).any(axis=1) if missing > 1 else np.arange(len(triangles)) == 4000
    surface = close_surface(vertices, triangles[~gone], name="ball.stl")
    assert len(surface.triangles) == len(triangles)
    assert surface.volume == pytest.approx(close_surface(vertices, triangles, name="whole").volume, rel=1e-4)
    only(surface, f"1 hole closed by {int(gone.sum())} triangle")
    if missing > 1:
        assert "around (7.999, 0, 0)" in surface.mended[0]


def test_holes_that_meet_at_a_vertex_are_closed_one_by_one():
    """Two triangles that share one corner only: two rounds, not one that passes the corner twice."""
    vertices, triangles = naive.sphere(1.0, rings=60)
    first = 4000
    touching = [t for t in range(len(triangles)) if len(set(triangles[t]) & set(triangles[first])) == 1]
    surface = close_surface(vertices, np.delete(triangles, [first, touching[0]], axis=0), name="ball.stl")
    only(surface, "2 holes closed by 2 triangles")
    assert len(surface.vertices) == len(vertices)


def test_a_large_hole_is_refused_with_size_and_place():
    vertices, triangles = naive.sphere(3.0, rings=60)
    lid = vertices[triangles][:, :, 2].max(axis=1) > 2.6
    one = np.arange(len(triangles)) == 3000
    with pytest.raises(GeometryError, match="123 open edges") as refused:
        close_surface(vertices, triangles[~lid & ~one], name="cut.stl")
    rim = vertices[np.unique(triangles[~lid])][:, 2].max()
    assert "2 holes; the largest is " in str(refused.value)
    assert f"{2 * np.sqrt(9.0 - rim**2):.4g} across, around (" in str(refused.value)
    assert f", {rim:.4g}) in the file's unit" in str(refused.value)


def test_a_hole_is_refused_by_its_width_alone():
    """All triangles around one vertex of the equator: 0.3 % of the area, but 7 % of the bone across."""
    vertices, triangles = naive.sphere(3.0, rings=60)
    gone = (triangles == int(np.argmax(vertices[:, 0]))).any(axis=1)
    with pytest.raises(
        GeometryError, match=r"6 open edges .* around 1 hole; it is 0.44.* across.*these are 7.4% and 0.1%"
    ):
        close_surface(vertices, triangles[~gone], name="cut.stl")


def test_many_small_holes_are_refused_by_their_area():
    vertices, triangles = naive.sphere(1.0, rings=60)
    gone = np.zeros(len(triangles), bool)
    taken: set[int] = set()
    for t in range(2000, 5000):
        if not taken & set(triangles[t]):
            gone[t] = True
            taken |= set(triangles[t])
    with pytest.raises(GeometryError, match=r"1% of its area in all; these are .*Close larger ones"):
        close_surface(vertices, triangles[~gone], name="sieve.stl")


def test_triangles_there_twice_and_flat_and_lone_ones_are_dropped():
    vertices, triangles = naive.box((2.0, 3.0, 5.0))
    for spare, words in (
        (triangles[:3, [1, 0, 2]], "3 triangles there more than once dropped"),
        (triangles, "12 triangles there more than once dropped"),
        (np.array([[0, 0, 1], [2, 2, 2]]), "2 triangles without area dropped"),
        (np.array([[8, 9, 10]]), "1 triangle joined to no other dropped, around (9, 9, 0)"),
    ):
        more = np.concatenate([vertices, [[9.0, 9.0, 0.0], [9.5, 9.0, 0.0], [9.0, 9.5, 0.0]]])
        surface = close_surface(more, np.concatenate([triangles, spare]), name="box.stl")
        assert surface.volume == pytest.approx(30.0)
        assert len(surface.triangles) == 12
        only(surface, words)


def test_edges_of_three_triangles_are_refused_with_their_place():
    """A wall inside the bone."""
    vertices, triangles = naive.box((2.0, 2.0, 2.0))
    with pytest.raises(
        GeometryError, match=r"edges of more than two triangles, around \(.*all of them of an odd number"
    ):
        close_surface(vertices, np.concatenate([triangles, [[0, 3, 7], [0, 7, 4]]]), name="wall.stl")


def test_a_wall_that_two_parts_share_is_taken_out():
    """Two cubes face to face, each closed by itself, are one body; a surface all of whose triangles are there twice stays."""
    vertices, triangles = naive.blocks(np.ones((2, 1, 1), bool))
    corner = {tuple(v): k for k, v in enumerate(vertices.astype(int))}
    a, b, c, d = (corner[p] for p in ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)))
    wall = np.array([[a, b, c], [a, c, d]])
    surface = close_surface(vertices, np.concatenate([triangles, wall, wall[:, ::-1]]), name="pair")
    assert surface.volume == pytest.approx(2.0)
    assert len(surface.triangles) == len(triangles)
    only(surface, "2 triangles that two touching parts share taken out, so that they are one, around (1, 0.5, 0.5)")
    with pytest.raises(GeometryError, match="all of them of an odd number"):
        close_surface(vertices, np.concatenate([triangles, wall]), name="one wall")


def test_turning_is_told():
    vertices, triangles = naive.box((2.0, 3.0, 5.0))
    only(close_surface(vertices, triangles[:, ::-1], name="box"), "inside out: its 12 triangles were turned")
    mixed = triangles.copy()
    mixed[:5] = mixed[:5, ::-1]
    only(close_surface(vertices, mixed, name="box"), "5 of 12 triangles looked inwards")


def test_crumbs_beside_the_bone_are_left_out_and_told():
    surface = close_surface(
        *naive.together(naive.sphere(0.3, centre=(9.0, 1.0, 2.0)), naive.sphere(2.0), naive.sphere(0.2, centre=(-9.0, 0, 0))),
        name="balls",
    )
    assert surface.shells_left_out == 2
    assert np.abs(surface.vertices).max() <= 2.0
    only(surface, "2 small closed surfaces beside or inside the bone left out, together 0.0044 of its volume")
    assert "(9, 1, 2)" in surface.mended[0]


def test_a_second_bone_is_refused_with_its_volume_and_place():
    with pytest.raises(
        GeometryError, match=r"pair.stl holds 1 body beside .*13% of its volume around \(9, 0, 1\).*split"
    ):
        close_surface(*naive.together(naive.sphere(2.0), naive.sphere(1.0, centre=(9.0, 0.0, 1.0))), name="pair.stl")


def test_too_many_crumbs_are_refused():
    """Five of 0.8 % each are more than 3 %; three are not. Five as pores inside the bone are no bodies."""
    beside = [naive.sphere(0.4, centre=(9.0, 2.0 * k, 0.0)) for k in range(5)]
    inside = [naive.sphere(0.4, centre=(0.0, 0.0, -1.5 + 0.9 * k)) for k in range(4)]
    with pytest.raises(GeometryError, match=r"5 bodies beside the largest one"):
        close_surface(*naive.together(naive.sphere(2.0), *beside), name="crumbs")
    assert close_surface(*naive.together(naive.sphere(2.0), *beside[:3]), name="crumbs").shells_left_out == 3
    assert close_surface(*naive.together(naive.sphere(2.0), *inside), name="pores").shells_left_out == 4


@pytest.mark.parametrize("inwards", [False, True])
def test_an_inner_surface_is_told_as_not_used(inwards):
    inner, turned = naive.sphere(1.5, centre=(0.1, 0.0, 0.0))
    surface = close_surface(
        *naive.together((inner, turned[:, ::-1] if inwards else turned), naive.sphere(2.0)), name="hollow.stl"
    )
    assert surface.shells_left_out == 1
    assert surface.volume == pytest.approx(4.0 / 3.0 * np.pi * 8.0, rel=0.01)
    only(surface, "1 closed surface inside the bone's own not used (0.42 of its volume, around (0.1, ")


def test_bodies_that_overlap_are_refused():
    with pytest.raises(GeometryError, match=r"1 body in pair.stl overlaps the largest one .*around \(2.2.*union"):
        close_surface(*naive.together(naive.sphere(2.0), naive.sphere(1.0, centre=(2.21, 0.03, 0.02))), name="pair.stl")


def test_crossing_pairs_are_those_of_the_slow_rule():
    """Sixty triangles on forty corners at random: most share corners, many cross."""
    draws = np.random.default_rng(5)
    vertices = draws.random((40, 3)) * [1.0, 3.0, 1.0]
    triangles = np.array([draws.choice(40, 3, replace=False) for _ in range(60)])
    pairs = folds.find_crossings(vertices, triangles)
    found = {(min(p), max(p)) for p in pairs.tolist()}
    assert len(found) == len(pairs) > 200
    assert found == slow_pairs(vertices, triangles)


@pytest.mark.parametrize(("outwards", "extreme"), [(1.0, -1), (-1.0, 2)])
def test_voxels_in_a_fold_are_those_the_surface_winds_around(outwards, extreme):
    """A wave that breaks outwards turns inside out: nothing; one inwards is wound around twice: solid. Parity errs in both."""
    vertices, triangles = naive.sphere(1.0, rings=28)
    vertices = wave(vertices, height=0.4 * outwards, reach=0.5, over=0.8, dip=0.6 * outwards)
    origin, h, shape = np.array([0.2, -0.2, -0.56]), 0.07, (16, 20, 16)
    inside = voxelise(vertices, triangles, origin=origin, spacing=h, shape=shape)
    wound = np.array(
        [round(naive.winding(origin + h * (np.array(p[::-1]) + 0.5), vertices, triangles)) for p in np.ndindex(shape)]
    ).reshape(shape)
    assert (wound == extreme).sum() > 15
    assert np.array_equal(inside, wound > 0)
    folded = ((wound < 0) | (wound > 1)).sum() * h**3 / manifold.signed_volumes(vertices, triangles).sum()
    assert folds.folded_share(vertices, triangles) == pytest.approx(folded, rel=0.1)


def test_a_small_fold_is_told_and_a_heavy_one_refused():
    vertices, triangles = naive.sphere(1.0, rings=120)
    surface = close_surface(wave(vertices, height=0.06, reach=0.06, over=0.09, dip=0.06), triangles, name="fold.stl")
    only(surface, "crosses itself in 1 place (27 triangles of 57120, 0.00047); it is 0.19")
    assert "around (1.007, 0.06787, 0.0" in surface.mended[0]
    large = wave(vertices, height=0.4, reach=0.5, over=0.8, dip=0.6)
    with pytest.raises(
        GeometryError, match=r"fold.stl crosses itself in 1 place .* across, around .*hold 0.016 .*alpha wrap"
    ):
        close_surface(large, triangles, name="fold.stl")


def test_a_needle_through_the_bone_is_refused():
    """One vertex drawn out through the other side crosses few triangles, but all of the bone."""
    vertices, triangles = naive.sphere(1.0, rings=120)
    vertices[int(np.argmax(vertices[:, 0]))] = [-1.5, 0.003, 0.004]
    with pytest.raises(GeometryError, match="crosses itself"):
        close_surface(vertices, triangles, name="needle.stl")


def test_points_that_are_no_numbers_or_not_there_are_refused_with_which():
    vertices, triangles = naive.box((2.0, 3.0, 5.0))
    vertices[3, 1] = np.nan
    with pytest.raises(GeometryError, match="1 of 8 points, the first of them number 4"):
        close_surface(vertices, triangles, name="box.stl")
    with pytest.raises(GeometryError, match="triangle 2 of box.stl asks for a point that is not there; the file has 3"):
        close_surface(np.eye(3), np.array([[0, 1, 2], [0, 1, 3]]), name="box.stl")


def test_nothing_but_flat_triangles_encloses_nothing():
    with pytest.raises(GeometryError, match="encloses no volume"):
        close_surface(np.eye(3), np.array([[0, 0, 1], [2, 2, 1]]), name="flat.stl")


@pytest.mark.parametrize(
    ("length", "unit", "words"),
    [
        (15_000.0, "mm", r'15 m: no bone .*with "um" \(1.5 cm\); or give its length'),
        (0.015, "mm", r'15 um: .*with "m" \(1.5 cm\)'),
        (45.0, "um", r'45 um: .*with "mm" \(4.5 cm\) or "cm" \(45 cm\)'),
        (1e-6, "cm", r"Give its length"),
    ],
)
def test_a_unit_off_by_a_thousand_is_refused_with_the_one_that_fits(length, unit, words):
    surface = close_surface(*naive.box((0.1 * length, 0.2 * length, length)), name="bone.stl")
    with pytest.raises(GeometryError, match=words):
        um_per_file_unit(surface, length=None, unit=unit, name="bone.stl")
    assert um_per_file_unit(surface, length=5000.0, unit=None, name="bone.stl") == pytest.approx(5000.0 / length)
