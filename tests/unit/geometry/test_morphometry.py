"""How near points are to vessels and bone: against brute force, and what is told of it."""

import naive_geometry as naive
import numpy as np
import pytest

from marrow_niche.geometry import morphometry
from marrow_niche.geometry.tubes import tube_distance
from marrow_niche.geometry.vessels import ARTERIOLE
from marrow_niche.kernels.voxels import find_voxels


@pytest.fixture(scope="module")
def rod(build):
    return build(20.0, at=0.5, thickness=400.0)


def test_nearness_is_that_of_every_vessel_looked_at(rod):
    """And bone begins 100 um under the surface of a rod 1 mm thick: 400 um less the distance to its axis."""
    rng = np.random.default_rng(1)
    voxel = rng.integers(rod.lattice.n, size=60)
    points = rod.lattice.centres()[voxel] + rng.uniform(-10, 10, (60, 3))
    found, v = morphometry.nearness(points, voxel, rod), rod.vessels
    for name, kinds in (("sinusoid", v.kind != ARTERIOLE), ("arteriole", v.kind == ARTERIOLE)):
        exact = [naive.tube_distance(p, v.a[kinds], v.b[kinds], v.radius[kinds])[0] for p in points]
        np.testing.assert_allclose(found[name], exact, atol=1e-6)
    axis = 1000.0 * np.array([2.0, -1.0])
    depth = 400.0 - np.linalg.norm(points[:, :2] - axis, axis=1)
    assert np.abs(found["bone"] - depth).max() < 6.0  # the rod has flat sides, the endosteum a grid of its own


def test_random_points_are_told_as_they_were_drawn(rod):
    """Shares rise with the distance, and are those of voxels' centres weighed by what is outside vessels, within chance and the
    size of a voxel."""
    facts = morphometry.random_nearness(rod, np.random.default_rng(2))
    for name in ("sinusoid", "arteriole", "bone"):
        shares = [facts[f"share_within_{within:g}um_of_{name}"] for within in morphometry.WITHIN]
        assert 0 < shares[0] < shares[1] < shares[2] < 1
    open_ = rod.to_sinusoid > 0
    near = np.average(rod.to_sinusoid[open_] <= 20.0, weights=rod.extravascular[open_])
    assert facts["share_within_20um_of_sinusoid"] == pytest.approx(near, abs=0.03)
    assert facts["median_distance_to_bone_um"] == pytest.approx(400 * (1 - np.sqrt(0.5)), rel=0.05)


def test_cells_are_told_where_they_are(rod):
    """Cells put 1, 7 and 15 um off the walls of some sinusoids, unless another wall is nearer."""
    v = rod.vessels
    edge = np.repeat(np.flatnonzero(v.kind == 0)[:200], 3)
    along = (v.b[edge] - v.a[edge]) / np.linalg.norm(v.b[edge] - v.a[edge], axis=1)[:, None]
    side = np.cross(along, np.eye(3)[np.abs(along).argmin(axis=1)])
    side /= np.linalg.norm(side, axis=1)[:, None]
    off = np.tile([1.0, 7.0, 15.0], 200)
    cells = 0.5 * (v.a[edge] + v.b[edge]) + (v.radius[edge] + off)[:, None] * side
    voxel = np.empty(len(cells), np.int32)
    find_voxels(cells, rod.lattice.origin, rod.lattice.spacing, rod.lattice.index(), 0, voxel)
    there = voxel >= 0
    assert there.sum() > 20
    facts = morphometry.cell_nearness(rod, cells[there], voxel[there])
    away = morphometry.nearness(cells[there], voxel[there], rod)["sinusoid"]
    assert (away <= off[there] + 1e-6).all()
    for within in morphometry.WITHIN:
        assert facts[f"stem_cells_within_{within:g}um_of_sinusoid"] == (away <= within).mean()
    assert morphometry.cell_nearness(rod, np.empty((0, 3)), np.empty(0, np.int32)) == {}


def test_random_points_lie_evenly_in_what_is_marrow_and_not_in_its_voxels(build):
    """At 10 and 50 um the same points but for a few, as deep in marrow as a dense grid of points says; none in a wall or bone."""
    made = [build(h, at=0.5, thickness=400.0) for h in (10.0, 50.0)]
    low, high = (np.array(v) for v in ((1500.0, -1500.0, 4800.0), (2500.0, -500.0, 5200.0)))
    fine, coarse = (morphometry.random_points(g, np.random.default_rng(5), 20_000, (low, high)) for g in made)
    assert len(fine) == len(coarse) == 20_000
    held = np.isin(fine.view("f8,f8,f8"), coarse.view("f8,f8,f8")).mean()
    assert held > 0.99
    for g, points in zip(made, (fine, coarse)):
        v = g.vessels
        for kinds in (v.kind != ARTERIOLE, v.kind == ARTERIOLE):
            assert (tube_distance(points, v.a[kinds], v.b[kinds], v.radius[kinds]) >= 0.0).all()
        assert (g.inset.at(points) > 0.0).all()
    assert (morphometry.holding(coarse, made[1].lattice) < 0).sum() > 100  # in voxels whose centre is bone or vessel
    shares = [morphometry.random_nearness(g, np.random.default_rng(5), box=(low, high)) for g in made]
    for name in ("sinusoid", "arteriole", "bone"):
        for within in morphometry.WITHIN:
            key = f"share_within_{within:g}um_of_{name}"
            assert shares[0][key] == pytest.approx(shares[1][key], rel=0.05)


def test_points_in_no_marrow_voxel_have_distances_too(rod):
    rng = np.random.default_rng(6)
    points = rod.vessels.nodes[rng.integers(len(rod.vessels.nodes), size=50)] + rng.uniform(-20.0, 20.0, (50, 3))
    v = rod.vessels
    kinds = v.kind != ARTERIOLE
    exact = [naive.tube_distance(p, v.a[kinds], v.b[kinds], v.radius[kinds])[0] for p in points]
    found = morphometry.nearness(points, np.full(50, -1), rod)["sinusoid"]
    np.testing.assert_allclose(found, exact, atol=1e-6)
