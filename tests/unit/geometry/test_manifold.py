"""Edges that more than two triangles share are parted where solid and void can be told apart; tunnels are counted."""

import naive_geometry as naive
import numpy as np
import pytest
from scipy import ndimage

from marrow_niche.errors import GeometryError
from marrow_niche.geometry import manifold
from marrow_niche.geometry.lattice import voxelise
from marrow_niche.geometry.mesh import close_surface


def torus(major, minor, around=48, across=24):
    """A ring about z."""
    p, q = np.meshgrid(2 * np.pi * np.arange(around) / around, 2 * np.pi * np.arange(across) / across, indexing="ij")
    r = major + minor * np.cos(q)
    vertices = np.stack([r * np.cos(p), r * np.sin(p), minor * np.sin(q)], axis=-1).reshape(-1, 3)
    i, j = (a.reshape(-1) for a in np.meshgrid(np.arange(around), np.arange(across), indexing="ij"))
    k, m = (i + 1) % around, (j + 1) % across
    a, b, c, d = i * across + j, k * across + j, k * across + m, i * across + m
    return vertices, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def clasp():
    """Seven cubes in a ring around a gap: its two ends touch along one edge."""
    solid = np.zeros((3, 3, 1), bool)
    solid[[1, 0, 0, 0, 1, 2, 2], [0, 0, 1, 2, 2, 2, 1], 0] = True
    return naive.blocks(solid)


@pytest.mark.parametrize("inside_out", [False, True])
def test_where_two_parts_of_a_body_touch_along_an_edge_they_are_parted(inside_out):
    """The ring is open there: no tunnel through it, its volume that of its cubes, and it is told."""
    vertices, triangles = clasp()
    assert (manifold.edges_of(triangles)[2] == 4).sum() == 1
    surface = close_surface(vertices, triangles[:, ::-1] if inside_out else triangles, name="clasp")
    assert surface.volume == pytest.approx(7.0)
    assert surface.tunnels == 0
    assert (manifold.edges_of(surface.triangles)[2] == 2).all()
    assert (
        "1 edge of four triangles parted, where two bodies or parts of one touch, around (2, 1, 0.5)"
        in surface.mended[0]
    )


def test_a_crumb_that_hangs_on_an_edge_is_left_out():
    solid = np.zeros((7, 7, 6), bool)
    solid[:6, :6] = True
    solid[6, 6, 3] = True
    surface = close_surface(*naive.blocks(solid), name="crumb")
    assert surface.volume == pytest.approx(216.0)
    assert surface.shells_left_out == 1
    assert "1 edge of four triangles parted" in surface.mended[0]
    assert "1 small closed surface beside or inside the bone left out" in surface.mended[1]


def test_two_bodies_that_share_an_edge_are_two_bodies():
    solid = np.zeros((2, 2, 1), bool)
    solid[0, 0] = solid[1, 1] = True
    with pytest.raises(GeometryError, match="holds 1 body beside the largest one"):
        close_surface(*naive.blocks(solid), name="pair")


def test_an_edge_of_four_triangles_that_run_the_wrong_way_round_is_parted_all_the_same():
    """Solid is found by how often a line crosses the surface, whatever the sense of one triangle or of every other."""
    vertices, triangles = clasp()
    edges, _, count = manifold.edges_of(triangles)
    (edge,) = edges[count == 4]
    at = np.flatnonzero(((triangles == edge[0]) | (triangles == edge[1])).sum(axis=1) == 2)
    for turned in (at[:1], np.arange(0, len(triangles), 2)):
        mixed = triangles.copy()
        mixed[turned] = mixed[turned, ::-1]
        surface = close_surface(vertices, mixed, name="clasp")
        assert surface.volume == pytest.approx(7.0)
        assert surface.tunnels == 0
        assert "1 edge of four triangles parted" in surface.mended[0]


def test_an_edge_of_four_triangles_of_which_two_lie_on_one_another_is_refused():
    vertices, triangles = clasp()
    edges, _, count = manifold.edges_of(triangles)
    (edge,) = edges[count == 4]
    at = np.flatnonzero(((triangles == edge[0]) | (triangles == edge[1])).sum(axis=1) == 2)
    others = [next(v for v in triangles[t] if v not in edge) for t in at]
    vertices[others[1]] = vertices[others[0]] + 0.1 * (vertices[edge[0]] - vertices[edge[1]])
    with pytest.raises(
        GeometryError, match=r"1 edges of more than two triangles, around \(2, 1, 0.5\).*lie on one another"
    ):
        close_surface(vertices, triangles, name="clasp")


def test_where_two_dents_touch_along_an_edge_within_a_body_each_wedge_gets_a_middle():
    """The ends of the edge stay whole by the solid above and below it; the wedges between the dents are parted there only."""
    solid = np.ones((4, 4, 3), bool)
    solid[[1, 1, 2, 2], [0, 1, 2, 3], 1] = False
    vertices, triangles = naive.blocks(solid)
    assert (manifold.edges_of(triangles)[2] == 4).sum() == 1
    surface = close_surface(vertices, triangles, name="dents")
    assert surface.volume == pytest.approx(44.0)
    assert surface.tunnels == 1  # a way of no width from dent to dent
    assert (manifold.edges_of(surface.triangles)[2] == 2).all()
    assert len(surface.triangles) == len(triangles) + 4
    (told,) = surface.mended
    assert told.startswith("1 edge of four triangles parted, where two bodies or parts of one touch, around (2, 2, 1.5)")


@pytest.mark.parametrize("seed", range(8))
def test_a_body_of_random_blocks_is_closed_whichever_way_its_triangles_run(seed):
    """Tens of edges of four triangles; its volume is that of its blocks and of the pores that void does not reach, not even
    through such an edge."""
    draws = np.random.default_rng(seed)
    labels, _ = ndimage.label(draws.random((6, 6, 6)) < draws.uniform(0.45, 0.75))
    solid = labels == 1 + np.argmax(np.bincount(labels.reshape(-1))[1:])
    vertices, triangles = naive.blocks(solid)
    assert (manifold.edges_of(triangles)[2] == 4).sum() > 5
    turned = draws.random(len(triangles)) < 0.3
    filled = ndimage.binary_fill_holes(solid, ndimage.generate_binary_structure(3, 2))
    for some in (triangles, np.where(turned[:, None], triangles[:, ::-1], triangles)):
        surface = close_surface(vertices, some, name="blocks")
        assert surface.volume == pytest.approx(filled.sum())
        assert (manifold.edges_of(surface.triangles)[2] == 2).all()


def test_an_edge_of_six_triangles_is_parted_into_its_three_bodies():
    """Three wedges of 40 degrees around one edge, two of them thin."""
    angle = np.radians([0.0, 40.0, 120.0, 160.0, 240.0, 280.0])
    wide = np.repeat([20.0, 1.0, 1.0], 2)
    rim = np.stack([wide * np.cos(angle), wide * np.sin(angle)], axis=1)
    flat = np.concatenate([[[0.0, 0.0]], rim])
    vertices = np.concatenate([np.column_stack([flat, np.full(7, z)]) for z in (0.0, 3.0)])
    prism = np.array([[0, 2, 1], [7, 8, 9], [0, 1, 8], [0, 8, 7], [1, 2, 9], [1, 9, 8], [2, 0, 7], [2, 7, 9]])
    triangles = np.concatenate([np.where(prism % 7 > 0, prism + 2 * k, prism) for k in range(3)])
    assert manifold.edges_of(triangles)[2].max() == 6
    told = []
    parted, found = manifold.part_edges(vertices, triangles, told)
    assert (manifold.edges_of(found)[2] == 2).all()
    assert "1 edge of four or more triangles parted" in told[0]
    assert len(parted) == 18
    surface = close_surface(vertices, triangles, name="fan")
    assert surface.volume == pytest.approx(600.0 * np.sin(np.radians(40.0)))
    assert surface.shells_left_out == 2  # the thin ones are crumbs


def test_a_tunnel_is_kept():
    """A ring is hollow along its axis, and its one tunnel is counted; two rings have two."""
    vertices, triangles = torus(3.0, 1.0)
    surface = close_surface(vertices, triangles, name="ring.stl")
    assert surface.tunnels == 1
    assert surface.mended == ()
    inside = voxelise(surface.vertices, surface.triangles, origin=np.full(3, -4.2), spacing=0.1, shape=(84, 84, 84))
    assert inside.sum() * 0.1**3 == pytest.approx(surface.volume, rel=0.01)
    assert inside[:, 30:54, 30:54].sum() == 0
    two = naive.together((vertices, triangles), (vertices + np.array([20.0, 0.0, 0.0]), triangles))
    assert manifold.handles(two[1]) == 2


def test_vertices_where_a_surface_touches_itself_are_no_tunnel():
    """A pressed ball that touches itself in two points: Euler's number alone would say a tunnel."""
    vertices, triangles = naive.sphere(1.0)
    last = len(vertices) - 1
    merged = np.where(triangles == last, 0, np.where(triangles == last // 2 + 5, last // 2 + 29, triangles))
    assert len(np.unique(merged)) == len(vertices) - 2
    assert manifold.handles(merged) == 0
