"""Wall areas and volumes of known tubes and surfaces, on lattices finer and coarser than they are."""

import numpy as np
import pytest

from marrow_niche.geometry.field import Field
from marrow_niche.geometry.lattice import BONE, MARROW, make_lattice
from marrow_niche.geometry.near import boxed, make_blocks, middled, search, share_inside
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, VEIN, Vessels
from marrow_niche.geometry.walls import endosteal_area, vessel_area


def vessels(nodes, edges, radius, kind=None):
    return Vessels(
        nodes=np.array(nodes, float),
        edges=np.array(edges, np.int32),
        radius=np.array(radius, float),
        kind=np.full(len(edges), SINUSOID, np.uint8) if kind is None else np.array(kind, np.uint8),
    )


def room(h, size=400.0):
    n = round(size / h)
    return make_lattice(np.full((n, n, n), MARROW), spacing=h, origin=np.zeros(3))


def measure(v, lattice):
    blocks = make_blocks(lattice)
    _, near = search(middled(v.a, v.b, v.radius, cell=40.0), blocks, cap=100.0)
    empty = type(near)(start=np.zeros(lattice.n + 1, np.int64), item=np.empty(0, np.int32))
    share = share_inside((v.a, v.b, v.radius, v.kind), (near, empty), blocks.voxel, spacing=lattice.spacing)
    sinusoid, arteriole = vessel_area(v, boxed(v.a, v.b, v.radius, cell=30.0), lattice)
    return share.sum(axis=0) * lattice.volume, sinusoid, arteriole


@pytest.mark.parametrize("h", [10.0, 20.0, 40.0, 100.0])
def test_a_tube_through_the_room(h):
    """A bent tube that crosses the room: wall 2 pi r L, volume pi r^2 L, at any voxel, also eight times its radius."""
    nodes = [[-30.0, 160.0, 190.0], [150.0, 170.0, 205.0], [430.0, 260.0, 230.0]]
    v = vessels(nodes, [[0, 1], [1, 2]], [12.0, 12.0])
    volume, area, arterial = measure(v, room(h))
    inside = v.length * np.array([150.0 / 180.0, 250.0 / 280.0])
    assert area.sum() == pytest.approx(2.0 * np.pi * 12.0 * inside.sum(), rel=0.02)
    assert volume[SINUSOID] == pytest.approx(np.pi * 144.0 * inside.sum(), rel=0.03)
    assert arterial.sum() == 0.0


@pytest.mark.parametrize("h", [10.0, 50.0])
def test_a_capsule_counts_its_ends(h):
    """Free ends are half spheres: wall 2 pi r L + 4 pi r^2."""
    v = vessels([[100.0, 203.0, 190.0], [300.0, 203.0, 190.0]], [[0, 1]], [30.0])
    volume, area, _ = measure(v, room(h))
    assert area.sum() == pytest.approx(2.0 * np.pi * 30.0 * 200.0 + 4.0 * np.pi * 900.0, rel=0.01)
    assert volume.sum() == pytest.approx(np.pi * 900.0 * 200.0 + 4.0 / 3.0 * np.pi * 27000.0, rel=0.02)


def test_walls_inside_other_vessels_are_no_walls():
    """Two equal tubes that cross at right angles share a Steinmetz solid: its surface 16 r^2 lies inside, once for each."""
    r = 20.0
    v = vessels(
        [[-50.0, 200.0, 200.0], [450.0, 200.0, 200.0], [200.0, -50.0, 200.0], [200.0, 450.0, 200.0]],
        [[0, 1], [2, 3]],
        [r, r],
    )
    volume, area, _ = measure(v, room(10.0))
    assert area.sum() == pytest.approx(2.0 * 2.0 * np.pi * r * 400.0 - 16.0 * r**2, rel=0.005)
    assert volume.sum() == pytest.approx(2.0 * np.pi * r**2 * 400.0 - 16.0 / 3.0 * r**3, rel=0.02)


def test_kinds_are_told_apart():
    nodes = [[-50.0, 93.0, 102.0], [450.0, 121.0, 87.0], [-50.0, 300.0, 300.0], [450.0, 300.0, 300.0]]
    v = vessels(nodes, [[0, 1], [2, 3]], [10.0, 45.0], [ARTERIOLE, VEIN])
    volume, area, arterial = measure(v, room(20.0))
    assert arterial.sum() == pytest.approx(2.0 * np.pi * 10.0 * 400.0, rel=0.02)
    assert area.sum() == pytest.approx(2.0 * np.pi * 45.0 * 400.0, rel=0.02)
    assert volume[[SINUSOID, ARTERIOLE, VEIN]] == pytest.approx(np.pi * 400.0 * np.array([0, 100, 2025]), rel=0.04)


def test_a_wall_in_closed_voxels_goes_to_the_nearest_marrow():
    """Points up to two voxels inside bone count for the marrow beside it; those deeper count for nothing."""
    tissue = np.full((20, 20, 20), MARROW)
    tissue[:, :, 12:] = BONE
    lattice = make_lattice(tissue, spacing=20.0, origin=np.zeros(3))
    near = vessels([[255.0, -50.0, 200.0], [255.0, 450.0, 200.0]], [[0, 1]], [8.0])
    far = vessels([[330.0, -50.0, 200.0], [330.0, 450.0, 200.0]], [[0, 1]], [8.0])
    assert measure(near, lattice)[1].sum() == pytest.approx(2.0 * np.pi * 8.0 * 400.0, rel=0.02)
    assert measure(far, lattice)[1].sum() == 0.0


@pytest.mark.parametrize("h", [5.0, 10.0, 20.0])
def test_the_endosteum_of_a_ball(h):
    """Faces of the staircase, weighted by the normal, measure 4 pi r^2 to a few per cent; unweighted 6 pi r^2."""
    r, n = 150.0, round(400.0 / h)
    x = (np.arange(n) + 0.5) * h - 200.0
    away = np.sqrt(x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2)
    lattice = make_lattice(np.where(away < r, MARROW, BONE), spacing=h, origin=np.full(3, -200.0))
    node = np.linspace(-200.0, 200.0, 41)
    depth = r - np.sqrt(node[:, None, None] ** 2 + node[None, :, None] ** 2 + node[None, None, :] ** 2)
    area = endosteal_area(lattice, Field(origin=np.full(3, -200.0), spacing=10.0, values=depth))
    assert area.sum() == pytest.approx(4.0 * np.pi * r**2, rel=0.03)
    assert (area[(lattice.neighbour >= 0).all(axis=1)] == 0.0).all()
