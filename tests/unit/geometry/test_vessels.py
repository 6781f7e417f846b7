"""The plexus, the vein and the arterial tree: a sound graph inside the marrow, with the measured anatomy."""

import dataclasses

import naive_geometry as naive
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marrow_niche.geometry.bone import inset_field, make_bone
from marrow_niche.geometry.mesh import close_surface
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, make_vessels
from marrow_niche.kernels import graph


@pytest.fixture(scope="module")
def laid(mouse):
    """A rod of 2.4 mm and its vessels."""
    bone = make_bone(close_surface(*naive.rod(450.0, 2400.0), name="rod"), cortex=50.0, default_cortex=0.0, share=0.0)
    inset = inset_field(bone, bone.low, bone.high)
    return bone, inset, lay(bone, inset, mouse)


def lay(bone, inset, anatomy, seed=1):
    return make_vessels(
        bone,
        inset,
        anatomy,
        low=bone.low,
        high=bone.high,
        place=np.random.default_rng([seed, 1]),
        shape=np.random.default_rng([seed, 2]),
    )


def test_the_plexus_is_one_graph_without_dead_ends(laid):
    _, _, v = laid
    edges = v.edges[v.kind == SINUSOID]
    degree = np.bincount(edges.reshape(-1), minlength=len(v.nodes))
    assert (degree[np.unique(edges)] >= 2).all()
    _, part = connected_components(coo_array((np.ones(len(edges)), edges.T), shape=(len(v.nodes),) * 2), directed=False)
    assert np.bincount(part[edges[:, 0]]).max() > 0.97 * len(edges)


def test_the_degree_sets_how_many_sinusoids_are_pruned(laid, mouse):
    """Halving an edge adds a node and an edge: edges - nodes stays what pruning left, (degree / 2 - 1) nodes.

    So it doubles from a degree of 2.6 to one of 3.2, if the junctions are the same.
    """
    bone, inset, _ = laid
    loops = []
    for degree in (2.6, 3.2):
        v = lay(bone, inset, dataclasses.replace(mouse, sinusoid_degree=degree))
        edges = v.edges[v.kind == SINUSOID]
        loops.append(len(edges) - len(np.unique(edges)))
    assert loops[1] / loops[0] == pytest.approx(0.6 / 0.3, rel=0.02)


def test_radii_are_lognormal(laid, mouse):
    _, _, v = laid
    radius = v.radius[v.kind == SINUSOID]
    assert np.median(radius) == pytest.approx(mouse.sinusoid_radius, rel=0.02)
    assert np.log(radius).std() == pytest.approx(mouse.sinusoid_radius_spread, rel=0.05)


def test_vessels_stay_in_the_marrow(laid):
    _, inset, v = laid
    middle = 0.5 * (v.a + v.b)
    assert (inset.at(v.nodes) > 0.0).all()
    assert (inset.at(middle) > 0.0).mean() > 0.999


def test_the_plexus_reaches_the_endosteum(laid):
    """Length per volume in the outermost 40 um of marrow is that of the inside, within a third."""
    _, _, v = laid
    sinusoid = v.kind == SINUSOID
    middle = (0.5 * (v.a + v.b))[sinusoid]
    shaft = np.abs(middle[:, 2]) < 700.0
    away = np.hypot(middle[:, 0], middle[:, 1])
    length = v.length[sinusoid]
    density = [
        length[shaft & (away >= a) & (away < b)].sum() / (np.pi * (b**2 - a**2) * 1400.0)
        for a, b in ((100.0, 300.0), (360.0, 400.0))
    ]
    assert density[1] == pytest.approx(density[0], rel=0.35)
    assert density[0] * 1e6 == pytest.approx(746.0, rel=0.1)  # mm per mm^3, of the recipe in an open box


def test_the_central_vein_runs_along_the_axis(laid, mouse):
    _, _, v = laid
    vein = v.nodes[np.unique(v.edges[v.kind == VEIN])]
    assert np.hypot(vein[:, 0], vein[:, 1]).max() < 20.0
    assert np.ptp(vein[:, 2]) > 1800.0
    assert (v.radius[v.kind == VEIN] == mouse.vein_radius).all()


def test_a_round_bone_has_no_central_vein(mouse):
    bone = make_bone(close_surface(*naive.sphere(400.0), name="ball"), cortex=50.0, default_cortex=0.0, share=0.0)
    v = lay(bone, inset_field(bone, bone.low, bone.high), mouse)
    assert not (v.kind == VEIN).any()
    assert (v.kind == ARTERIOLE).any()


def test_arteries_are_a_tree_with_the_radii_of_murray(laid, mouse):
    """One edge fewer than nodes; at each branching the cube of the parent's radius is the sum of its children's.

    A terminal on the way of others adds its own flow, so the parent may exceed the sum by whole tips.
    """
    _, _, v = laid
    edges, radius = v.edges[v.kind == ARTERIOLE], v.radius[v.kind == ARTERIOLE]
    assert len(np.unique(edges)) == len(edges) + 1
    tips = (radius / mouse.arteriole_tip_radius) ** 3
    assert tips == pytest.approx(np.round(tips))
    by_child = dict(zip(edges[:, 1].tolist(), tips, strict=True))
    for parent in np.unique(edges[:, 0]):
        if parent in by_child:
            surplus = by_child[parent] - tips[edges[:, 0] == parent].sum()
            assert surplus == pytest.approx(round(surplus), abs=1e-6)
            assert -1e-6 <= surplus < 1.5
    assert radius.min() == pytest.approx(mouse.arteriole_tip_radius)


def test_a_piece_carries_the_artery_of_the_whole(mouse):
    """Mid-shaft, the artery that feeds both ends of the bone is about as wide in a section as in the whole bone."""
    bone = make_bone(close_surface(*naive.rod(450.0, 6000.0), name="rod"), cortex=50.0, default_cortex=0.0, share=0.0)
    mouse = dataclasses.replace(mouse, artery_radius=1000.0)
    widest = []
    for half in (3000.0, 400.0):
        low, high = bone.low.copy(), bone.high.copy()
        low[2], high[2] = -half, half
        inset = inset_field(bone, low, high)
        v = make_vessels(
            bone, inset, mouse, low=low, high=high, place=np.random.default_rng(1), shape=np.random.default_rng(2)
        )
        near = (v.kind == ARTERIOLE) & (np.abs(0.5 * (v.a + v.b))[:, 2] < 300.0)
        widest.append(v.radius[near].max())
    assert widest[1] == pytest.approx(widest[0], rel=0.15)


def test_no_artery_is_wider_than_told(laid, mouse):
    bone, inset, v = laid
    capped = lay(bone, inset, dataclasses.replace(mouse, artery_radius=8.0))
    free = v.radius[v.kind == ARTERIOLE]
    assert capped.radius[capped.kind == ARTERIOLE] == pytest.approx(np.minimum(free, 8.0))
    assert free.max() > 15.0


def test_wider_spacing_makes_a_sparser_plexus(laid, mouse):
    """Length per volume goes as spacing^-2."""
    bone, inset, v = laid
    sparse = lay(bone, inset, dataclasses.replace(mouse, sinusoid_spacing=82.0))
    dense = v.length[v.kind == SINUSOID].sum()
    assert sparse.length[sparse.kind == SINUSOID].sum() / dense == pytest.approx(0.5, rel=0.1)


def test_the_same_draws_give_the_same_bits(laid, mouse):
    bone, inset, v = laid
    again, other = lay(bone, inset, mouse), lay(bone, inset, mouse, seed=2)
    assert np.array_equal(again.nodes, v.nodes)
    assert np.array_equal(again.edges, v.edges)
    assert np.array_equal(again.radius, v.radius)
    assert not np.array_equal(other.nodes[:100], v.nodes[:100])


def test_pruning_leaves_no_dead_end_and_meets_the_degree():
    draws = np.random.default_rng(3)
    edges = np.unique(np.sort(draws.integers(0, 200, (600, 2)), axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    before = np.bincount(edges.reshape(-1), minlength=200)
    kept = graph.prune(edges, draws.permutation(len(edges)), np.ones(200, bool), 3.0)
    after = np.bincount(edges[kept].reshape(-1), minlength=200)
    assert after.sum() / np.count_nonzero(before) == pytest.approx(3.0, abs=0.02)
    assert (after >= np.minimum(before, 2)).all()
    counted = np.arange(200) < 50
    some = np.bincount(
        edges[graph.prune(edges, draws.permutation(len(edges)), counted, 3.0)].reshape(-1), minlength=200
    )
    assert some[:50].mean() == pytest.approx(3.0, abs=0.1)


def test_clumps_are_never_wider_than_allowed():
    """A chain of short steps is not swallowed whole."""
    nodes = np.stack([np.arange(30.0), np.zeros(30), np.zeros(30)], axis=1)
    group = graph.clump(nodes, np.stack([np.arange(29), np.arange(1, 30)], axis=1), 5.0)
    for g in np.unique(group):
        assert np.ptp(nodes[group == g, 0]) <= 5.0
    assert len(np.unique(group)) == 5


def test_load_is_carried_to_the_root():
    """Tree 0 <- 1 <- {2, 3}, 0 <- 4: with one tip at 2, 3 and 4 the edge to 1 carries two and the root three."""
    before = np.array([-1, 0, 1, 1, 0])
    load = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    graph.carry_down(np.array([2, 3, 4, 1, 0]), before, load)
    assert load == pytest.approx([3.0, 2.0, 1.0, 1.0, 1.0])
