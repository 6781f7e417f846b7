"""Trabecular bone measured: widths of plates of any tilt, BV/TV and widths of a spongy bone that is known."""

import naive_geometry as naive
import numpy as np
import pytest
from scipy import ndimage

from marrow_niche.geometry.field import Field, Inset
from marrow_niche.geometry.spongiosa import measure_spongiosa, widths
from marrow_niche.kernels import spheres

LOW, HIGH = np.zeros(3), np.full(3, 600.0)
TILTS = [(1.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 1.0, 1.0), (0.3, -0.5, 0.8), (0.9, 0.1, 0.35)]


def plates(normal, *, thick, period, pitch, shift=0.0):
    """Distance to parallel plates across `normal`, positive between them, on nodes `pitch` apart in a box of 600 um."""
    normal = np.array(normal) / np.linalg.norm(normal)
    side = np.arange(-60.0, 660.0 + pitch, pitch)
    z, y, x = np.meshgrid(side, side, side, indexing="ij")
    along = (x * normal[0] + y * normal[1] + z * normal[2] - shift) % period
    return Field(origin=np.full(3, -60.0), spacing=pitch, values=np.abs(along - 0.5 * period) - 0.5 * thick)


def far(shift=0.0):
    """A cortex that is far away."""
    return Field(origin=np.full(3, -1e5), spacing=2e5, values=np.full((2, 2, 2), 1e4 + shift))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_kernel_finds_what_trying_all_centres_finds(seed):
    """In a random field around a place in it: no wider sphere holds the middle, and the kernel's does to a sixteenth of a step."""
    value = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((21, 21, 21)), 3.0)
    value = 40.0 * (value - value[10, 10, 10]) / value.std() + 15.0
    found, extent = spheres.widest_sphere(value, 4.0, 28.0, 1e3)
    assert found == pytest.approx(naive.widest_radius(value, 4.0, 28.0), abs=0.25)
    assert found <= extent
    assert spheres.widest_sphere(np.abs(value) + 1.0, 4.0, 28.0, 1e3) == (np.inf, np.inf)


def width_of(field, points, about):
    """The mean width of what is negative in a field."""
    return widths(lambda axes: -field.on_grid(axes), points, about, pitch=field.spacing).mean()


@pytest.mark.parametrize("normal", TILTS)
@pytest.mark.parametrize(("thick", "pitch"), [(60.0, 15.0), (100.0, 20.0)])
def test_a_plate_of_any_tilt_is_as_wide_as_it_is(normal, thick, pitch):
    """Points anywhere in plates: the mean of the widest spheres is their thickness to 4 %, wherever nodes lie."""
    for shift in (0.0, 0.4 * pitch):
        field = plates(normal, thick=thick, period=300.0, pitch=pitch, shift=shift)
        points = 150.0 + 300.0 * np.random.default_rng(1).random((4000, 3))
        points = points[field.at(points) < 0.0][:40]
        assert width_of(field, points, thick) == pytest.approx(thick, rel=0.04)


def test_what_is_expected_of_a_plate_does_not_decide():
    """Thought a third thinner or wider than it is, a plate is still as wide as it is."""
    field = plates((0.3, -0.5, 0.8), thick=80.0, period=300.0, pitch=15.0)
    points = 150.0 + 300.0 * np.random.default_rng(2).random((4000, 3))
    points = points[field.at(points) < 0.0][:60]
    for about in (60.0, 110.0):
        assert width_of(field, points, about) == pytest.approx(80.0, rel=0.05)


def test_a_rod_is_as_wide_as_it_is():
    """A round rod 80 um thick; with centres on a coarse grid alone it is 70."""
    side = np.arange(-60.0, 675.0, 15.0)
    z, y, x = np.meshgrid(side, side, side, indexing="ij")
    field = Field(origin=np.full(3, -60.0), spacing=15.0, values=np.hypot(x - 301.0, y - 297.0) - 40.0)
    points = np.array([301.0, 297.0, 300.0]) + np.random.default_rng(6).uniform(-40.0, 40.0, (400, 3))
    points = points[field.at(points) < 0.0][:60]
    assert width_of(field, points, 80.0) == pytest.approx(80.0, rel=0.05)


@pytest.mark.parametrize("beyond", ["a thick cortex", "behind a cut"])
def test_neither_the_cortex_nor_what_lies_behind_a_cut_is_a_trabecula(beyond):
    """Plates 60 um thick that run on for 100 um past a wall; past it the cortical distance says bone, ever deeper or 1 mm at once."""
    side = np.arange(-60.0, 675.0, 15.0)
    past = np.broadcast_to((side - 300.0)[None, None, :], (side.size,) * 3)  # the cavity is where x > 300 um
    wall = past if beyond == "a thick cortex" else np.where(past > -60.0, 1000.0, -1000.0)
    cortical = Field(origin=np.full(3, -60.0), spacing=15.0, values=np.ascontiguousarray(wall, float))
    inset = Inset(cortical=cortical, trabecular=(plates((0.0, 0.6, 0.8), thick=60.0, period=200.0, pitch=15.0),))
    found = measure_spongiosa(
        inset,
        lambda p: (p[:, 0] > 300.0) & (p[:, 0] < 340.0),
        LOW + 150.0,
        HIGH - 150.0,
        thickness=60.0,
        spacing=140.0,
        draws=np.random.default_rng(7),
    )
    assert found["trabecular_fraction"] == pytest.approx(0.3, abs=0.03)
    assert found["trabecular_thickness_um"] == pytest.approx(60.0, rel=0.04)


def test_a_known_spongy_bone():
    """Plates 70 um thick every 210 um: a third is bone, and both widths are those of plates and gaps."""
    inset = Inset(cortical=far(), trabecular=(plates((0.3, -0.5, 0.8), thick=70.0, period=210.0, pitch=12.0),))
    found = measure_spongiosa(
        inset,
        lambda p: np.ones(len(p), bool),
        LOW + 150.0,
        HIGH - 150.0,
        thickness=70.0,
        spacing=140.0,
        draws=np.random.default_rng(3),
    )
    assert found["trabecular_fraction"] == pytest.approx(1.0 / 3.0, abs=0.02)
    assert found["trabecular_thickness_um"] == pytest.approx(70.0, rel=0.04)
    assert 0.0 < found["trabecular_thickness_error_um"] < 1.0
    assert found["trabecular_spacing_um"] == pytest.approx(140.0, rel=0.04)


def test_only_where_trabeculae_are_developed_and_not_in_the_cortex():
    """Where a fiftieth of the box counts, and half of that is cortex, the fraction is still that of the spongy part."""
    z = np.array([-60.0, 300.0, 660.0])
    wall = Field(
        origin=np.full(3, -60.0), spacing=360.0, values=np.broadcast_to((z - 300.0)[None, :, None], (3, 3, 3)).copy()
    )
    inset = Inset(cortical=wall, trabecular=(plates((0.0, 0.0, 1.0), thick=50.0, period=200.0, pitch=10.0),))
    chosen = measure_spongiosa(
        inset,
        lambda p: (p[:, 2] > 200.0) & (p[:, 2] < 400.0) & (p[:, 0] < 36.0),
        LOW,
        HIGH,
        thickness=50.0,
        spacing=150.0,
        draws=np.random.default_rng(4),
    )
    assert chosen["trabecular_fraction"] == pytest.approx(0.25, abs=0.02)
    nowhere = measure_spongiosa(
        inset,
        lambda p: np.zeros(len(p), bool),
        LOW,
        HIGH,
        thickness=50.0,
        spacing=150.0,
        draws=np.random.default_rng(4),
    )
    assert nowhere == {}


def test_a_piece_without_bone_has_a_fraction_and_no_widths():
    empty = Field(origin=np.full(3, -60.0), spacing=720.0, values=np.full((2, 2, 2), 90.0))
    found = measure_spongiosa(
        Inset(cortical=far(), trabecular=(empty,)),
        lambda p: np.ones(len(p), bool),
        LOW,
        HIGH,
        thickness=50.0,
        spacing=150.0,
        draws=np.random.default_rng(5),
    )
    assert found == {"trabecular_fraction": 0.0}
