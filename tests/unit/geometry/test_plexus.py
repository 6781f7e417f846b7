"""Sinusoids that lead away from the vein, columns of type H beside the growth plates, and trabeculae that vessels go around."""

import dataclasses

import naive_geometry as naive
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marrow_niche.geometry import packing
from marrow_niche.geometry.bone import inset_field, make_bone
from marrow_niche.geometry.columns import RISE, reaches
from marrow_niche.geometry.mesh import close_surface
from marrow_niche.geometry.packing import IN_BONE, STEP, Room, in_bone, settled
from marrow_niche.geometry.radial import FADE, outward, radial_share
from marrow_niche.geometry.vessels import ARTERIOLE, SINUSOID, Vessels, make_vessels, radial_alignment, vein_track


@pytest.fixture(scope="module")
def rod():
    """A rod of 2.4 mm."""
    bone = make_bone(close_surface(*naive.rod(450.0, 2400.0), name="rod"), cortex=50.0, default_cortex=0.0, share=0.0)
    return bone, inset_field(bone, bone.low, bone.high)


def lay(bone, inset, anatomy, low=None, high=None):
    return make_vessels(
        bone,
        inset,
        anatomy,
        low=bone.low if low is None else low,
        high=bone.high if high is None else high,
        place=np.random.default_rng(1),
        shape=np.random.default_rng(2),
    )


def sinusoids(a, b, type_h=None):
    number = len(a)
    return Vessels(
        nodes=np.concatenate([a, b]),
        edges=np.stack([np.arange(number), number + np.arange(number)], axis=1).astype(np.int32),
        radius=np.full(number, 10.0),
        kind=np.full(number, SINUSOID, np.uint8),
        **({} if type_h is None else {"type_h": type_h}),
    )


TRACK = np.array([[5.0, -3.0, 0.0], [5.0, -3.0, 500.0], [5.0, -3.0, 1000.0]])


# Away from the vein.


def test_the_way_from_the_vein_is_straight_across_it():
    points = np.array([[105.0, -3.0, 400.0], [5.0, -53.0, 900.0], [35.0, 37.0, 1200.0], [5.0, 97.0, -80.0]])
    direction, beyond = outward(points, TRACK)
    assert direction == pytest.approx(np.array([[1, 0, 0], [0, -1, 0], [0.6, 0.8, 0], [0, 1, 0]]), abs=1e-12)
    assert beyond == pytest.approx([0.0, 0.0, 200.0, 80.0], abs=1e-9)
    assert (outward(np.array([[5.0, -3.0, 500.0]]), TRACK)[0] == 0.0).all()


def test_edges_lose_their_direction_beyond_the_vein():
    nodes = np.array([[55.0, -3, 500], [95.0, -3, 500], [75.0, 30, 500]])
    for along, share in ((0.0, 1.0), (500.0 + 0.25 * FADE, 0.75), (500.0 + 2.0 * FADE, 0.0)):
        here = radial_share(nodes + np.array([0.0, 0.0, along]), np.array([[0, 1], [0, 2]]), TRACK)
        assert here[0] == pytest.approx(share, abs=1e-9)
        assert (here[1] > 0.0) == (share > 0.0) and here[1] <= 0.9 * share
    assert (radial_share(nodes, np.array([[0, 1]]), TRACK[:0]) == 0.0).all()


def test_alignment_is_one_for_radial_tubes_nought_across_and_a_half_for_any():
    draws = np.random.default_rng(0)
    centre = TRACK[0] + np.stack(
        [draws.normal(0, 200, 20_000), draws.normal(0, 200, 20_000), draws.uniform(0, 1e3, 20_000)], 1
    )
    way, _ = outward(centre, TRACK)
    size = draws.uniform(1.0, 20.0, (20_000, 1))
    assert radial_alignment(sinusoids(centre - size * way, centre + size * way), TRACK) == pytest.approx(1.0, abs=0.01)
    around = np.cross(way, [0.0, 0.0, 1.0])
    assert radial_alignment(sinusoids(centre - size * around, centre + size * around), TRACK) < 1e-9
    any_way = draws.standard_normal((20_000, 3))
    any_way *= size / np.linalg.norm(any_way, axis=1)[:, None]
    assert radial_alignment(sinusoids(centre - any_way, centre + any_way), TRACK) == pytest.approx(0.5, abs=0.01)


def test_alignment_counts_length_alongside_the_vein_and_no_type_h():
    """A radial tube of 30 um and one along the vein of 10: 3/4. One beyond the end and one of type H do not count."""
    a = np.array([[55.0, -3, 500], [105.0, -3, 500], [55.0, -3, 1100], [155.0, -3, 500]])
    b = a + np.array([[30.0, 0, 0], [0, 0, 10.0], [0, 50.0, 0], [0, 0, 90.0]])
    v = sinusoids(a, b, np.array([False, False, False, True]))
    assert radial_alignment(v, TRACK) == pytest.approx(0.75)
    assert np.isnan(radial_alignment(v, TRACK[:0]))
    assert np.isnan(radial_alignment(sinusoids(a[2:3], b[2:3]), TRACK))


def test_sinusoids_lead_away_from_the_vein_as_far_as_they_are_favoured(rod, mouse):
    """Found: 0.47, 0.53, 0.58; as much length in each."""
    bone, inset = rod
    track = vein_track(bone, inset, mouse, bone.low, bone.high)
    alignment, length = [], []
    for favour in (1.0, 1.5, 2.0):
        v = lay(bone, inset, dataclasses.replace(mouse, sinusoid_radial=favour))
        alignment.append(radial_alignment(v, track))
        length.append(v.length[v.kind == SINUSOID].sum())
    assert 0.44 < alignment[0] < 0.50
    assert alignment[1] > alignment[0] + 0.04 and alignment[2] > alignment[1] + 0.03
    assert length == pytest.approx([length[0]] * 3, rel=0.03)


def test_a_bone_without_a_vein_favours_no_direction(mouse):
    bone = make_bone(close_surface(*naive.sphere(400.0), name="ball"), cortex=50.0, default_cortex=0.0, share=0.0)
    inset = inset_field(bone, bone.low, bone.high)
    plain, favoured = (lay(bone, inset, dataclasses.replace(mouse, sinusoid_radial=f)) for f in (1.0, 3.0))
    assert np.array_equal(plain.nodes, favoured.nodes) and np.array_equal(plain.edges, favoured.edges)


# Type H.


@pytest.fixture(scope="module")
def columnar(rod, mouse):
    anatomy = dataclasses.replace(mouse, type_h_reach=350.0)
    return anatomy, lay(*rod, anatomy)


def test_columns_stand_at_both_ends_of_the_cavity_and_nowhere_else(rod, columnar):
    """The cavity ends 50 um inside the rod, but for a station of about 20 um; nothing but columns is left there."""
    bone, _ = rod
    anatomy, v = columnar
    middle = (0.5 * (v.a + v.b))[:, 2]
    assert v.type_h.any() and (v.kind[v.type_h] == SINUSOID).all()
    border = 1150.0 - 350.0
    reach = np.abs(middle[v.type_h])
    assert reach.min() > border - 1.5 * anatomy.sinusoid_spacing - 40.0
    assert (middle[v.type_h] > 0.0).mean() == pytest.approx(0.5, abs=0.1)
    plain = np.abs(middle[(v.kind == SINUSOID) & ~v.type_h])
    assert plain.max() < border + 80.0


def test_columns_run_along_the_bone_denser_across_it_than_sinusoids_and_thinner(rod, columnar):
    """In a square millimetre of cross-section 500 against 400: 0.62 of a column for each spacing^2."""
    inset = rod[1]
    anatomy, v = columnar
    axial = np.abs((v.b - v.a)[:, 2])
    plain = (v.kind == SINUSOID) & ~v.type_h
    assert axial[v.type_h].sum() / v.length[v.type_h].sum() > 0.62
    assert axial[plain].sum() / v.length[plain].sum() < 0.55
    assert np.median(v.radius[v.type_h]) == pytest.approx(anatomy.type_h_radius, rel=0.03)

    x, y = np.meshgrid(*2 * [np.arange(-450.0, 450.0, 4.0)])

    def density(kind, z):
        number = np.count_nonzero(
            kind & (np.minimum(v.a[:, 2], v.b[:, 2]) < z) & (np.maximum(v.a[:, 2], v.b[:, 2]) >= z)
        )
        return number / (16e-6 * np.count_nonzero(inset.at(np.stack([x, y, 0 * x + z], axis=-1).reshape(-1, 3)) > 9.0))

    columns = np.mean([density(v.type_h, z) for z in (850.0, 900.0, 950.0, 1000.0)])
    others = np.mean([density(plain, z) for z in (-200.0, 0.0, 200.0)])
    assert columns > 1.1 * others
    assert columns == pytest.approx(0.62e6 / anatomy.type_h_spacing**2, rel=0.1)


def test_columns_and_plexus_are_one_graph_without_dead_ends(columnar):
    _, v = columnar
    edges = v.edges[v.kind == SINUSOID]
    degree = np.bincount(edges.reshape(-1), minlength=len(v.nodes))
    assert (degree[np.unique(edges)] >= 2).all()
    _, part = connected_components(coo_array((np.ones(len(edges)), edges.T), shape=(len(v.nodes),) * 2), directed=False)
    assert len(np.unique(part[edges])) == 1
    assert v.length[v.type_h].max() < 100.0


def test_a_column_is_as_wide_all_along(columnar):
    """All radii are different, but for columns: where two of their edges meet end to end, one radius in nearly all cases."""
    _, v = columnar
    upright = v.type_h & (np.abs((v.b - v.a)[:, 2]) > 0.9 * v.length)
    above = dict(zip(v.edges[upright, 0].tolist(), v.radius[upright].tolist(), strict=True))
    below = dict(zip(v.edges[upright, 1].tolist(), v.radius[upright].tolist(), strict=True))
    both = np.array([[above[n], below[n]] for n in above if n in below])
    assert len(both) > 1000
    assert (both[:, 0] == both[:, 1]).mean() > 0.98


def test_columns_keep_out_of_the_central_vein(rod, mouse):
    bone, inset = rod
    narrow = dataclasses.replace(mouse, type_h_reach=500.0, vein_radius=60.0, sinusoid_tortuosity=0.0)
    v = lay(bone, inset, narrow)
    track = vein_track(bone, inset, narrow, bone.low, bone.high)
    middle = (0.5 * (v.a + v.b))[v.type_h]
    beside = np.abs(middle[:, 2]) < np.abs(track[:, 2]).max()
    upright = np.abs((v.b - v.a)[v.type_h][:, 2]) > 0.99 * RISE
    assert np.count_nonzero(beside & upright) > 50
    assert np.hypot(*middle[beside & upright][:, :2].T).min() > 60.0 - 20.0


def test_there_are_no_columns_in_round_bones_mid_shaft_or_unless_asked_for(rod, mouse):
    bone, inset = rod
    asked = dataclasses.replace(mouse, type_h_reach=350.0)
    low, high = bone.low.copy(), bone.high.copy()
    low[2], high[2] = -300.0, 300.0
    plain, same = (lay(bone, inset, anatomy, low, high) for anatomy in (mouse, asked))
    assert not same.type_h.any()
    assert np.array_equal(plain.nodes, same.nodes) and np.array_equal(plain.radius, same.radius)
    ball = make_bone(close_surface(*naive.sphere(400.0), name="ball"), cortex=50.0, default_cortex=0.0, share=0.0)
    room = Room(bone=ball, inset=inset, anatomy=asked, track=np.empty((0, 3)), low=ball.low, high=ball.high)
    assert reaches(room) == []
    assert len(reaches(dataclasses.replace(room, bone=bone, low=bone.low, high=bone.high))) == 2


def test_columns_take_no_more_than_a_quarter_of_the_cavity_from_each_end(rod, mouse):
    bone, inset = rod
    far = dataclasses.replace(mouse, type_h_reach=1e4)
    room = Room(bone=bone, inset=inset, anatomy=far, track=np.empty((0, 3)), low=bone.low, high=bone.high)
    (_, below), (above, _) = reaches(room)
    assert (below, above) == pytest.approx((-575.0, 575.0), abs=30.0)


# Bone inside the marrow.


class Plates:
    """The inset of a rod with plates across it, 24 um thick and 150 um apart, each with a hole in it."""

    def __init__(self, field):
        self.cortical, self.spacing = field.cortical, 5.0

    def at(self, points):
        z = (points[:, 2] + 75.0) % 150.0 - 75.0
        hole = 140.0 - np.hypot(points[:, 0] - 100.0, points[:, 1])
        return np.minimum(self.cortical.at(points), np.maximum(np.abs(z) - 12.0, hole))

    def gradient(self, points):
        step = 0.5 * np.eye(3)
        out = np.stack([self.at(points + s) - self.at(points - s) for s in step], axis=1)
        return out / np.maximum(np.linalg.norm(out, axis=1), 1e-12)[:, None]


def bone_length(inset, a, b):
    """Length of each segment in bone (e,) [um], by 200 points."""
    share = (np.arange(200) + 0.5) / 200.0
    points = a[:, None] + share[:, None] * (b - a)[:, None]
    return (inset.at(points.reshape(-1, 3)) <= 0.0).reshape(len(a), 200).mean(axis=1) * np.linalg.norm(b - a, axis=1)


def test_a_tube_is_in_bone_if_enough_of_its_length_is(rod):
    inset = Plates(rod[1])
    a = np.array([[-200.0, 0, 60], [100.0, 0, 60], [-200.0, 0, 30], [-200.0, 0, 0.0], [-200.0, 0, 8.0]])
    b = np.array([[-200.0, 0, 110], [100.0, 0, 190], [-200.0, 0, 70], [-200.0, 0, 40.0], [-200.0, 0, 9.0]])
    inside = bone_length(inset, a, b)
    assert (inside > IN_BONE).tolist() == [False, False, False, True, False]
    assert in_bone(inset, a, b).tolist() == [False, False, False, True, False]
    assert in_bone(inset, a[:1], b[:1] + np.array([0.0, 0.0, 60.0])).tolist() == [True]


@pytest.mark.parametrize("reach", [0.0, 350.0])
def test_no_vessel_runs_through_trabeculae(rod, mouse, reach, monkeypatch):
    """Walls 24 um thick: without the rule edges cross them with both ends and the middle in marrow."""
    bone, field = rod
    inset, anatomy = Plates(field), dataclasses.replace(mouse, type_h_reach=reach, vein_radius=20.0)
    low, high = bone.low.copy(), bone.high.copy()
    low[2] = 500.0
    v = lay(bone, inset, anatomy, low, high)
    assert bone_length(inset, v.a, v.b).max() < 2.0 * STEP
    for kind in (SINUSOID, ARTERIOLE):
        z = v.nodes[np.unique(v.edges[v.kind == kind])][:, 2]
        assert z.min() < 600.0 and z.max() > 950.0
    monkeypatch.setattr(packing, "IN_BONE", 1e9)
    free = lay(bone, inset, anatomy, low, high)
    assert (bone_length(inset, free.a, free.b) > 2.0 * STEP).sum() > 5


def test_only_what_was_moved_into_bone_is_put_back(rod):
    inset = Plates(rod[1])
    before = np.array([[-200.0, 0, 20.0], [-200.0, 30, 20], [-200.0, 60, 20], [-200.0, 90, 20]])
    after = before + np.array([0.0, 0.0, 3.0])
    after[3, 2] = 0.0
    edges = np.array([[0, 1], [1, 2], [2, 3]])
    assert settled(inset, before, after, edges) == pytest.approx(np.concatenate([after[:2], before[2:]]))
