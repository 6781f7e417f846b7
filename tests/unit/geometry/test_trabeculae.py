"""Trabecular bone: the random fields, how much bone is cut from them and how thick, and the distance to it."""

import dataclasses

import naive_geometry as naive
import numba
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import ndtri

from marrow_niche.geometry import build_geometry, trabeculae
from marrow_niche.geometry.bone import Field, Inset
from marrow_niche.geometry.spongiosa import widths
from marrow_niche.geometry.trabeculae import Trabeculae, along_bone, draw_waves, trabecular_field
from marrow_niche.kernels import waves
from marrow_niche.scenario.scenario import scenario_from

MOUSE = Trabeculae(volume_fraction=0.12, thickness=47.0)
WITHOUT_END = Field(origin=np.full(3, -1e5), spacing=2e5, values=np.full((2, 2, 2), 1e4))
TOUCHING = np.ones((3, 3, 3), bool)


def inside_all(fields, points):
    """The distance to trabeculae alone: in a cavity whose cortex is far away."""
    return Inset(
        cortical=Field(origin=np.zeros(3), spacing=1.0, values=np.full((2, 2, 2), 1e6)), trabecular=tuple(fields)
    ).at(points)


def full(points):
    return np.ones(len(points))


def cube(edge, spec=MOUSE, *, seed=0, **options):
    """The field of a cube without a cortex, as large as asked for or a little larger."""
    low = np.full(3, 1000.0)
    (field,) = trabecular_field(WITHOUT_END, full, low, low + edge, spec, draws=np.random.default_rng(seed), **options)
    return field


def box_cavity(low, high, pitch=25.0):
    """Signed distance to the walls of a box cavity, positive inside; exact inside, and outside beside a face."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    axes = [np.arange(a - 300.0, b + 300.0 + pitch, pitch) for a, b in zip(low, high)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x, y, z], axis=-1)
    return Field(origin=low - 300.0, spacing=pitch, values=np.minimum(points - low, high - points).min(axis=-1))


def test_kernel_is_the_plain_sum():
    """Against numpy's cosines, on a grid whose sides are no multiple of anything, rows partly wanted."""
    field = draw_waves(300.0, np.random.default_rng(1))
    x, y, z = 5000.0 + 13.0 * np.arange(19), -700.0 + 13.0 * np.arange(7), 13.0 * np.arange(5)
    wanted = np.random.default_rng(2).random((5, 7, 19)) < 0.3
    wanted[2], wanted[3, 4:] = False, False
    found = field.at_nodes((x, y, z), wanted)
    points = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    plain = np.sqrt(2.0 / len(field.phase)) * np.cos(points @ field.vector.T + field.phase).sum(axis=-1)
    assert np.abs(found - plain)[wanted].max() < 1e-10
    assert np.all(found[2] == 0.0)


def test_field_is_standard_normal_and_isotropic():
    """Over 8 wavelengths the mean's deviation is about 0.003 and the variance's 0.03; correlation sin(k r) / (k r)."""
    axis = 25.0 * np.arange(128)
    f = draw_waves(400.0, np.random.default_rng(3)).at_nodes((axis, axis, axis), np.ones((128, 128, 128), bool))
    assert f.mean() == pytest.approx(0.0, abs=0.02)
    assert f.var() == pytest.approx(1.0, abs=0.1)
    for q, share in ((0.3, 0.2358), (1.0, 0.6827), (2.0, 0.9545)):
        assert (np.abs(f) < q).mean() == pytest.approx(share, rel=0.05)
    for shift in (4, 8, 12):
        kr = 2.0 * np.pi / 400.0 * 25.0 * shift
        along = [(np.take(f, range(128 - shift), d) * np.take(f, range(shift, 128), d)).mean() for d in range(3)]
        assert along == pytest.approx([np.sin(kr) / kr] * 3, abs=0.08)


def test_field_stands_still_in_space():
    """The same bits at shared nodes of two boxes and two pitches, and another field from another seed."""
    field = draw_waves(370.0, np.random.default_rng(4))
    fine, coarse = 12.0 * np.arange(40), 24.0 * np.arange(5, 16)
    one = field.at_nodes((fine, fine, fine), np.ones((40, 40, 40), bool))
    two = field.at_nodes((coarse, fine[3:8], coarse), np.ones((11, 5, 11), bool))
    assert np.array_equal(one[10:31:2, 3:8, 10:31:2], two)
    other = draw_waves(370.0, np.random.default_rng(5)).at_nodes((fine, fine, fine), np.ones((40, 40, 40), bool))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.5


def test_same_bits_with_any_number_of_threads():
    before = numba.get_num_threads()
    made = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            made.append(cube(400.0, vein=np.array([[1200.0, 1200.0, 0.0], [1200.0, 1250.0, 3000.0]])).values)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(*made)


@pytest.mark.parametrize("share", [0.08, 0.12, 0.2])
def test_bone_volume_is_what_was_asked(share, monkeypatch):
    """In a cube of 5 wavelengths the standard deviation is 4 %; counting nodes is unbiased at any pitch."""
    monkeypatch.setattr(trabeculae, "NODES_PER_THICKNESS", 2.0)
    spec = dataclasses.replace(MOUSE, volume_fraction=share)
    field = cube(5.0 * trabeculae.wavelength(spec), spec, seed=6)
    assert (field.values < 0.0).mean() == pytest.approx(share, rel=0.1)


def genus(bone):
    """Tunnels through `bone` (nz, ny, nx) less its pieces and pores: Euler's number of its nodes, without the sign."""

    def joined(mask, *axes):
        for axis in axes:
            size = mask.shape[axis]
            mask = np.take(mask, range(1, size), axis) & np.take(mask, range(size - 1), axis)
        return np.count_nonzero(mask)

    edges = sum(joined(bone, d) for d in range(3))
    faces = joined(bone, 0, 1) + joined(bone, 0, 2) + joined(bone, 1, 2)
    return edges + joined(bone, 0, 1, 2) - faces - np.count_nonzero(bone)


def test_sheets_are_no_combs(monkeypatch):
    """Nodes half as far apart see hardly fewer perforations: sheets do not slip through between nodes.

    Without a least thickness there are hundreds more in a cubic millimetre.
    """
    found = []
    for thinnest, finer in ((trabeculae.THINNEST, 1.0), (trabeculae.THINNEST, 2.0), (1e-9, 1.0)):
        with monkeypatch.context() as changed:
            changed.setattr(trabeculae, "THINNEST", thinnest)
            changed.setattr(trabeculae, "NODES_PER_THICKNESS", finer * trabeculae.NODES_PER_THICKNESS)
            found.append(genus(cube(800.0, seed=5).values < 0.0))
    coarse, fine, bare = found
    assert abs(coarse - fine) < 40
    assert bare > fine + 100


def test_the_kernel_that_thickens_is_the_plain_rule():
    draws = np.random.default_rng(9)
    sheet = ndimage.gaussian_filter(draws.standard_normal((11, 12, 13)), 1.5) * 30.0
    out = sheet.copy()
    waves.thicken(sheet, 7.0, 27.0, out)
    inner = (slice(1, -1),) * 3
    plain = naive.thickened(sheet, 7.0, 27.0)
    assert np.abs(out - plain)[inner].max() < 1e-12
    assert 0.1 < (np.abs(out) < np.abs(sheet))[inner].mean() < 1.0


@pytest.mark.parametrize(("thickness", "share"), [(47.0, 0.12), (140.0, 0.2)])
def test_thickness_is_what_was_asked(thickness, share):
    """The mean of six cubes of 4 wavelengths, each of which strays by some 5 %; 9 to 11 % too thick is seen."""
    spec = Trabeculae(volume_fraction=share, thickness=thickness)
    edge, found = 4.0 * trabeculae.wavelength(spec), []
    for seed in range(6):
        field = cube(edge, spec, seed=seed)
        points = 1000.0 + thickness + (edge - 2.0 * thickness) * np.random.default_rng(seed).random((4000, 3))
        inside = points[field.at(points) < 0.0][:300]
        found.append(widths(lambda axes, f=field: -f.on_grid(axes), inside, thickness, pitch=field.spacing).mean())
    assert np.mean(found) == pytest.approx(thickness, rel=0.06)


def test_bone_and_marrow_are_one_piece_each():
    """Of bone the largest piece of a cube is 0.97 of it in the mean: where the cube cuts, others hang on its faces alone."""
    largest = []
    for seed in range(4):
        bone = cube(1300.0, seed=seed).values < 0.0
        labels, _ = ndimage.label(bone, TOUCHING)
        largest.append(np.bincount(labels[bone]).max() / bone.sum())
        labels, _ = ndimage.label(~bone)
        assert np.bincount(labels[~bone]).max() > 0.995 * (~bone).sum()
    assert min(largest) > 0.9
    assert np.mean(largest) > 0.95


def cut_from(field, spec, level, seed):
    """Which nodes (nz, ny, nx) of a field lie in the sheets and not in their perforations, from numpy alone."""
    draws, every = np.random.default_rng(seed), np.ones(field.values.shape, bool)
    axes = tuple(o + field.spacing * np.arange(n) for o, n in zip(field.origin, every.shape[::-1]))
    f, g = (draw_waves(trabeculae.wavelength(spec), draws).at_nodes(axes, every) for _ in range(2))
    f = naive.thickened(f / trabeculae.half_width(spec), field.spacing, trabeculae.THINNEST * spec.thickness)
    return (np.abs(f) < 1.0) & (naive.square_cut(f, g, field.spacing, spec.thickness) > level)


def test_loose_pieces_are_left_out():
    """Sheets that are nearly all open fall apart; the pieces that do not reach the walls go, and but for edges no others."""
    spec, grade = MOUSE, 0.3
    low, high = np.full(3, 0.0), np.full(3, 1000.0)
    cavity = box_cavity(low, high)
    (field,) = trabecular_field(
        cavity, lambda p: np.full(len(p), grade), low, high, spec, draws=np.random.default_rng(0)
    )
    bone = field.values < 0.0
    depth = cavity.at(field.nodes()).reshape(bone.shape)
    cut = cut_from(field, spec, -ndtri(grade * 0.5), 0) & (depth > -field.spacing)
    labels, number = ndimage.label(cut)
    held = np.isin(labels, np.unique(labels[cut & (depth <= 0.0)]))
    inside = depth > 0.0
    assert (cut & ~held).sum() > 0.1 * cut.sum()
    assert (held & cut & inside).sum() > 0.1 * cut.sum()
    assert not (bone & inside & ~(held & cut)).any()
    assert (bone & inside).sum() > 0.9 * (held & cut & inside).sum()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_piece_hangs_on_nothing(seed):
    """Every piece of bone reaches a face of the cube, by nodes that meet along an axis, as it is read between nodes."""
    bone = cube(900.0, seed=seed).values < 0.0
    labels, number = ndimage.label(bone)
    edge = np.concatenate([np.take(labels, end, axis=d).ravel() for d in range(3) for end in (0, -1)])
    assert number >= 1
    assert set(range(1, number + 1)) <= set(edge)


def test_perforations_are_read_at_the_middle_of_the_sheet():
    """Against numpy's gradients; and beside a plane sheet the cover does not change across it."""
    z, y, x = np.meshgrid(*[8.0 * np.arange(12)] * 3, indexing="ij")
    sheet, cover = np.sin(x / 50.0 + y / 90.0 + z / 70.0), np.cos(x / 80.0 - y / 60.0 + z / 100.0)
    level, found = np.full(sheet.shape, 0.2), np.empty(sheet.shape)
    waves.cut_square(sheet, cover, level, 8.0, 30.0, found)
    core = (slice(1, -1),) * 3
    assert found[core] == pytest.approx(naive.square_cut(sheet, cover, 8.0, 30.0)[core] - 0.2)
    assert np.array_equal(found[0], cover[0] - level[0])
    plane, oblique = (x - 40.0) / 25.0, 0.01 * x + 0.02 * y
    waves.cut_square(plane, oblique, np.zeros(x.shape), 8.0, 1e3, found)
    assert found[core] == pytest.approx((0.4 + 0.02 * y)[core])


def test_bone_fades_along_the_axis(monkeypatch):
    """BV/TV follows the grade from end to middle, where there is no grid; some 6 % by chance at the end, 12 % half-way."""
    monkeypatch.setattr(trabeculae, "NODES_PER_THICKNESS", 3.0)
    spec = dataclasses.replace(MOUSE, reach=0.15, fade=0.4)
    low, high = np.zeros(3), np.array([700.0, 4000.0, 700.0])
    cavity = box_cavity(low, high)
    grade = along_bone(0.0, 4000.0, 1, spec)
    along = np.array([0.0, 600.0, 1100.0, 1600.0, 2000.0, 2400.0, 2900.0, 3400.0, 4000.0])
    points = np.stack([np.full(9, 350.0), along, np.full(9, 350.0)], axis=1)
    assert grade(points) == pytest.approx([1, 1, 0.5, 0, 0, 0, 0.5, 1, 1])
    share = {"full": [], "half": [], "tail": []}
    for seed in range(6):
        fields = trabecular_field(cavity, grade, low, high, spec, draws=np.random.default_rng(seed))
        assert len(fields) == 2
        assert inside_all(fields, np.array([[350.0, 2000.0, 350.0]])) > 150.0
        for field in fields:
            nodes = field.nodes()
            end = np.minimum(nodes[:, 1], 4000.0 - nodes[:, 1])
            inside = ((nodes > low) & (nodes < high)).all(axis=1)
            bone = field.values.reshape(-1) < 0.0
            for part, a, b in (("full", 0.0, 600.0), ("half", 900.0, 1300.0), ("tail", 1560.0, 2000.0)):
                share[part].append(bone[inside & (end > a) & (end < b)].mean())
    assert np.mean(share["full"]) == pytest.approx(0.12, rel=0.12)
    assert np.mean(share["half"]) == pytest.approx(0.06, rel=0.25)
    assert np.mean(share["tail"]) < 0.001


def test_reach_of_one_is_everywhere():
    grade = along_bone(0.0, 100.0, 2, dataclasses.replace(MOUSE, reach=1.0))
    assert np.all(grade(np.array([[0.0, 0.0, 50.0], [0.0, 0.0, 1.0]])) == 1.0)


def test_the_vein_is_free():
    """No bone within 60 um of an oblique vein, but for 1 um that reading between nodes is off by; without it there is."""
    line = np.array([[1300.0, 1250.0, 900.0], [1350.0, 1350.0, 1400.0], [1200.0, 1300.0, 1900.0]])
    draws = np.random.default_rng(0)
    points = draws.uniform(1000.0, 1700.0, (60_000, 3))
    away = np.minimum(*(_to_segment(points, line[e], line[e + 1]) for e in range(2)))
    freed = cube(700.0, vein=line, vein_radius=45.0).at(points)
    untouched = cube(700.0).at(points)
    assert np.all(freed[away < 59.0] > 0.0)
    assert (untouched[away < 59.0] < 0.0).sum() > 100
    assert np.any(freed[(away > 62.0) & (away < 70.0)] < 0.0)
    assert np.array_equal(freed[away > 400.0] < 0.0, untouched[away > 400.0] < 0.0)


def _to_segment(points, a, b):
    t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    return np.linalg.norm(points - a - t[:, None] * (b - a), axis=1)


def test_distance_to_a_line():
    a, b = np.array([[3.0, 4.0, 5.0], [20.0, 8.0, 9.0]]), np.array([[20.0, 8.0, 9.0], [30.0, 30.0, 2.0]])
    away = np.full((6, 7, 8), np.inf)
    waves.distance_to_line(a, b, 9.0, np.array([1.0, 2.0, 0.5]), 5.0, away)
    for (k, j, i), found in np.ndenumerate(away):
        node = np.array([1.0, 2.0, 0.5]) + 5.0 * np.array([i, j, k])
        least = min(naive.segment_distance(node, p, q) for p, q in zip(a, b))
        assert found == (pytest.approx(least) if least < 9.0 else np.inf)


def test_distance_is_that_to_the_surface():
    """Against what lies deeper than the rounding, contoured at a fifth of the pitch, less the rounding.

    In marrow 0.4 um in the mean, at edges too; in bone more, where the middle of a sheet lies between two nodes.
    """
    import pyvista as pv

    field, edge = cube(420.0, seed=3), 420.0
    draws = np.random.default_rng(3)
    f, g = (draw_waves(trabeculae.wavelength(MOUSE), draws) for _ in range(2))
    axis = 970.0 + 3.0 * np.arange(161)
    every = np.ones((161, 161, 161), bool)
    f, g = f.at_nodes((axis, axis, axis), every), g.at_nodes((axis, axis, axis), every)
    f = naive.thickened(f / trabeculae.half_width(MOUSE), 3.0, trabeculae.THINNEST * MOUSE.thickness)
    g = naive.square_cut(f, g, 3.0, MOUSE.thickness)
    steep, steep_cover = (np.sqrt((np.array(np.gradient(v, 3.0)) ** 2).sum(axis=0)) for v in (f, g))
    rounded = trabeculae.ROUNDED * MOUSE.thickness
    level = np.maximum((np.abs(f) - 1.0) / steep, -g / steep_cover) + rounded
    grid = pv.ImageData(dimensions=(161, 161, 161), spacing=(3.0, 3.0, 3.0), origin=(970.0, 970.0, 970.0))
    grid["level"] = level.reshape(-1)
    surface = cKDTree(np.asarray(grid.contour([0.0], scalars="level").points))
    points = np.random.default_rng(0).uniform(1050.0, 1370.0, (20_000, 3))
    away = surface.query(points)[0]
    away *= np.sign(Field(origin=np.full(3, 970.0), spacing=3.0, values=level).at(points))
    away -= rounded
    sure = np.abs(away) < np.minimum(points - 1000.0, 1000.0 + edge - points).min(axis=1)
    points, away = points[sure], away[sure]
    error = np.abs(field.at(points) - away)
    marrow, bone = (away > 0.0) & (away < 25.0), (away < 0.0) & (away > -25.0)
    assert marrow.sum() > 2000
    assert bone.sum() > 500
    assert error[marrow].mean() < 0.5
    assert np.quantile(error[marrow], 0.99) < 2.2
    assert error[bone].mean() < 2.5
    assert np.quantile(error[bone], 0.99) < 7.5
    far = away > 25.0
    assert far.sum() > 2000
    assert (error[far] / away[far]).mean() < 0.02
    assert np.quantile(error[far] / away[far], 0.999) < 0.12


def test_a_section_has_the_bone_of_the_whole():
    """In a slab cut from a cube the sign is the cube's but for pieces that hang on outside, and the distance nearly so."""
    low, high = np.full(3, 1000.0), np.full(3, 1800.0)
    (whole,) = trabecular_field(WITHOUT_END, full, low, high, MOUSE, draws=np.random.default_rng(8))
    low, high = np.array([1000.0, 1000.0, 1380.0]), np.array([1800.0, 1800.0, 1420.0])
    (slab,) = trabecular_field(WITHOUT_END, full, low, high, MOUSE, draws=np.random.default_rng(8))
    assert slab.values.size < 0.5 * whole.values.size
    points = np.random.default_rng(0).uniform(low, high, (5000, 3))
    one, two = whole.at(points), slab.at(points)
    assert np.mean((one < 0.0) != (two < 0.0)) < 0.01
    assert np.mean(np.abs(one - two)[np.abs(one) < 80.0] < 1e-6) > 0.9


def test_the_cortex_adds_no_surface():
    """Where a trabecula is nearer than the cortex its distance is the one that it has in an endless cavity."""
    low, high = np.full(3, 1000.0), np.full(3, 1700.0)
    cavity = box_cavity(low, high)
    (field,) = trabecular_field(cavity, full, low, high, MOUSE, draws=np.random.default_rng(0))
    points = np.random.default_rng(1).uniform(1000.0, 1700.0, (20_000, 3))
    found, endless, depth = field.at(points), cube(700.0).at(points), cavity.at(points)
    asked = np.minimum(found, endless) + 2.0 * field.spacing < depth
    assert asked.sum() > 5000
    assert np.mean(np.abs(found - endless)[asked] < 1e-6) > 0.97


def test_far_from_bone_the_distance_is_capped():
    (field,) = trabecular_field(WITHOUT_END, full, np.zeros(3), np.full(3, 60.0), MOUSE, draws=np.random.default_rng(0))
    assert inside_all([field], np.array([[1e5, 0.0, 0.0]])) > 9e4
    assert (
        trabecular_field(
            WITHOUT_END,
            lambda p: np.zeros(len(p)),
            np.zeros(3),
            np.full(3, 60.0),
            MOUSE,
            draws=np.random.default_rng(0),
        )
        == []
    )


def test_contradictions_are_told():
    assert not list(MOUSE.contradictions())
    wrong = dataclasses.replace(MOUSE, volume_fraction=0.45, open_share=0.6, reach=0.3, fade=0.2)
    assert [entry for entry, _ in wrong.contradictions()] == ["volume_fraction", "fade"]


def test_a_piece_of_a_core_without_cortex_has_trabeculae():
    """Half a millimetre from the middle of a biopsy holds none of the bone's own surface; its bone hangs on beyond the cut."""
    asked = {
        "bone": "human iliac core",
        "voxel": "100 um",
        "section": {"axis": "long", "at": "50 %", "thickness": "0.5 mm"},
    }
    spec = scenario_from({"species": "human", "duration": "1 d", "geometry": asked})
    made = build_geometry(spec.geometry, spec.parameters.anatomy, seed=3, folder=spec.folder)
    assert 0.1 < made.facts["trabecular_fraction"] < 0.3
    assert len(made.niches.osteoblast) > 0
