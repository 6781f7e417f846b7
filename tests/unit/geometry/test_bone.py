"""Depth under the surface, the cortex and the marrow's volume, against solids whose depth is known."""

import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.geometry.bone import depth_field, inset_field, make_bone, marrow_volume
from marrow_niche.geometry.mesh import close_surface


def surface(vertices, triangles):
    return close_surface(vertices, triangles, name="solid")


def test_depth_is_the_distance_to_the_triangles():
    """Every node inside, and the layers around the surface, agree with the least of all triangle distances."""
    solid = surface(*naive.rod(300.0, 900.0, around=8, along=1))
    field = depth_field(solid, solid.vertices.min(axis=0), solid.vertices.max(axis=0), nodes=12)
    corner = solid.vertices[solid.triangles]
    for node, value in zip(field.nodes(), field.values.reshape(-1), strict=True):
        away = min(naive.triangle_distance(node, *t) for t in corner)
        sign = 1.0 if naive.winding(node, solid.vertices, solid.triangles) > 0.5 else -1.0
        if away < 2.0 * field.spacing or sign > 0.0:
            assert value == pytest.approx(sign * away, abs=1e-6)
        else:
            assert value == pytest.approx(-2.0 * field.spacing)


def test_depth_between_nodes_is_second_order():
    """In a ball depth is R - |x|; read between nodes it is off by about pitch^2 / R, and a quarter at half the pitch."""
    solid = surface(*naive.sphere(1000.0, rings=90))
    points = np.random.default_rng(1).standard_normal((4000, 3))
    points *= (np.random.default_rng(2).uniform(500.0, 950.0, 4000) / np.linalg.norm(points, axis=1))[:, None]
    error = []
    for nodes in (2_000, 16_000, 128_000):
        field = depth_field(solid, np.full(3, -1000.0), np.full(3, 1000.0), nodes=nodes)
        error.append(np.sqrt(np.mean((field.at(points) - (1000.0 - np.linalg.norm(points, axis=1))) ** 2)))
    assert error[0] / error[1] == pytest.approx(4.0, rel=0.3)
    assert error[2] < 1.0


def test_the_cut_of_a_piece_is_not_bone():
    """Depth in a thin box of a rod is the distance to the real surface, not to the box's ends."""
    solid = surface(*naive.rod(500.0, 6000.0))
    bone = make_bone(solid, cortex=100.0, default_cortex=0.0, share=0.0)
    inset = inset_field(bone, np.array([-500.0, -500.0, 100.0]), np.array([500.0, 500.0, 160.0]), nodes=20_000)
    for z in (100.0, 130.0, 160.0):
        assert inset.at(np.array([[0.0, 0.0, z], [200.0, 0.0, z]])) == pytest.approx([400.0, 200.0], abs=3.0)


def test_the_cortex_is_the_species_or_a_share_of_the_radius():
    thick = surface(*naive.rod(500.0, 4000.0))
    assert np.interp(0.0, *_cortex(thick, default_cortex=160.0)) == pytest.approx(160.0)
    thin = surface(*naive.rod(100.0, 4000.0))
    assert np.interp(0.0, *_cortex(thin, default_cortex=160.0)) == pytest.approx(40.0, rel=0.02)
    assert np.interp(0.0, *_cortex(thin, cortex=70.0)) == pytest.approx(70.0)


def _cortex(solid, *, cortex=None, default_cortex=0.0):
    bone = make_bone(solid, cortex=cortex, default_cortex=default_cortex, share=0.4)
    return bone.station, bone.cortex


def test_long_axis_angle_and_marrow_of_a_rod():
    """A rod along y: axis 1, no angle, and a cavity that is a rod of the radius less the cortex."""
    vertices, triangles = naive.rod(500.0, 4000.0)
    bone = make_bone(surface(vertices[:, [1, 2, 0]], triangles), cortex=100.0, default_cortex=0.0, share=0.0)
    assert bone.axis == 1
    assert bone.angle == pytest.approx(0.0, abs=0.01)
    assert bone.length == pytest.approx(4000.0)
    r, inner = 400.0, 3800.0
    cavity = np.pi * r**2 * (inner - 2 * r) + 4.0 / 3.0 * np.pi * r**3
    assert bone.marrow_volume == pytest.approx(cavity, rel=0.02)
    assert bone.marrow_between(-500.0, 500.0) == pytest.approx(np.pi * r**2 * 1000.0, rel=0.02)
    inset = inset_field(bone, bone.low, bone.high)
    assert marrow_volume(bone, inset, bone.low, bone.high) == pytest.approx(cavity, rel=0.01)
    centre = bone.centre[np.abs(bone.station) < 1500.0]
    assert np.abs(centre[:, [0, 2]]).max() < 0.05 * r
