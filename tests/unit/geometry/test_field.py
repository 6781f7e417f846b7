"""Numbers in space: fields between their nodes and beyond them, and the distance to bone made of several."""

import numpy as np
import pytest

from marrow_niche.geometry.field import Field, Inset, spread, stations
from marrow_niche.kernels import raster


def linear(shape=(5, 6, 7), *, slope=(1.0, 2.0, -0.5), level=3.0, origin=(10.0, -20.0, 5.0), spacing=4.0, dtype=float):
    """A field that rises evenly, level + slope . (x, y, z)."""
    z, y, x = np.indices(shape)
    place = np.array(origin) + spacing * np.stack([x, y, z], axis=-1)
    return Field(
        origin=np.array(origin, float), spacing=spacing, values=(level + place @ np.array(slope)).astype(dtype)
    )


def noise(seed, *, shape=(8, 9, 10), origin=(0.0, 0.0, 0.0), spacing=10.0, shift=0.0, dtype=float):
    values = 30.0 * np.random.default_rng(seed).standard_normal(shape) + shift
    return Field(origin=np.array(origin, float), spacing=spacing, values=values.astype(dtype))


def within(field, number, seed=0):
    top = field.spacing * (np.array(field.values.shape[::-1]) - 1)
    return field.origin + np.random.default_rng(seed).random((number, 3)) * top


def slow_at(field, points):
    """Trilinear interpolation, corner by corner, of the nearest place in the box of the nodes."""
    last = np.array(field.values.shape[::-1]) - 1
    u = np.clip((points - field.origin) / field.spacing, 0.0, last)
    low = np.minimum(u.astype(int), np.maximum(last - 1, 0))
    out = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        at = np.minimum(low + corner, last)
        share = np.prod(np.where(corner, u - low, 1.0 - (u - low)), axis=1)
        out += share * field.values[at[:, 2], at[:, 1], at[:, 0]]
    return out


def slow_lower(field, points, values):
    """Each value above nought lowered to the field in its box, or to the way to the box and what is positive there."""
    out = values.copy()
    top = field.origin + field.spacing * (np.array(field.values.shape[::-1]) - 1)
    for k, point in enumerate(points):
        if values[k] <= 0.0:
            continue
        nearest = np.clip(point, field.origin, top)
        way = np.linalg.norm(point - nearest)
        there = slow_at(field, nearest[None])[0]
        out[k] = min(values[k], there if way == 0.0 else max(there, 0.0) + way)
    return out


def test_a_field_that_rises_evenly_is_exact_between_nodes():
    field = linear()
    points = within(field, 200)
    assert field.at(points) == pytest.approx(3.0 + points @ [1.0, 2.0, -0.5])
    assert field.at(field.nodes()) == pytest.approx(field.values.reshape(-1))


def test_beyond_its_nodes_a_field_has_the_value_at_its_edge():
    field = noise(1)
    points = within(field, 300) * 3.0 - 80.0
    inside = ((points >= 0.0) & (points <= [90.0, 80.0, 70.0])).all(axis=1)
    assert 5 < inside.sum() < 100
    assert field.at(points) == pytest.approx(slow_at(field, points))
    assert field.at(np.array([[-500.0, 35.0, 22.0]])) == pytest.approx(field.at(np.array([[0.0, 35.0, 22.0]])))


def test_a_field_of_one_layer_is_the_same_at_all_heights():
    field = noise(2, shape=(1, 9, 10))
    points = within(field, 50)
    assert field.at(points + np.array([0.0, 0.0, 77.0])) == pytest.approx(field.at(points))
    assert field.gradient(points)[:, 2] == pytest.approx(np.zeros(50))


def test_single_precision_is_read_as_it_is():
    """Values in float32 give the same to a millionth, and are not copied."""
    one, other = noise(3), noise(3, dtype=np.float32)
    points = within(one, 100)
    assert other.values.dtype == np.float32
    assert other.at(points).dtype == np.float64
    assert other.at(points) == pytest.approx(one.at(points), rel=1e-6, abs=1e-4)
    inset = Inset(cortical=one, trabecular=(other,))
    assert inset.at(points) == pytest.approx(Inset(cortical=one, trabecular=(one,)).at(points), rel=1e-6, abs=1e-4)


def test_the_gradient_points_where_a_field_rises_fastest():
    """Of length one, also of an inset; of the part that is nearer there."""
    slope = np.array([1.0, 2.0, -0.5])
    field = linear(shape=(9, 9, 9), slope=slope, level=500.0)
    points = field.origin + 8.0 + 8.0 * np.random.default_rng(0).random((20, 3))
    wanted = np.tile(slope / np.linalg.norm(slope), (20, 1))
    assert field.gradient(points) == pytest.approx(wanted)
    steep = linear(shape=(9, 9, 9), slope=(0.0, 0.0, 3.0), level=100.0)
    inset = Inset(cortical=field, trabecular=(steep,))
    assert (steep.at(points) < field.at(points) - 100.0).all()
    assert inset.gradient(points) == pytest.approx(np.tile([0.0, 0.0, 1.0], (20, 1)))
    assert Inset(cortical=field).gradient(points) == pytest.approx(wanted)


def test_stations_and_spread_go_along_their_axis():
    field = linear()
    for axis, number in enumerate((7, 6, 5)):
        along = stations(field, axis)
        assert along == pytest.approx(field.origin[axis] + 4.0 * np.arange(number))
        whole = np.broadcast_to(spread(along, axis), field.values.shape)
        assert whole.reshape(-1) == pytest.approx(field.nodes()[:, axis])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lowering_is_the_plain_one(dtype):
    """Inside the box and around it, of values above and below nought, against numpy."""
    field = noise(4, origin=(20.0, -30.0, 0.0), shift=20.0, dtype=dtype)
    draws = np.random.default_rng(5)
    points = within(field, 600) + draws.normal(0.0, 60.0, (600, 3)) * (draws.random((600, 1)) < 0.6)
    values = draws.uniform(-40.0, 90.0, 600)
    out = values.copy()
    raster.lower_to(field.values, field.origin, field.spacing, points, out)
    assert out == pytest.approx(slow_lower(field, points, values), rel=1e-5, abs=1e-4)
    assert (out[values <= 0.0] == values[values <= 0.0]).all()
    assert 50 < (out < values).sum() < 500


def test_an_inset_is_the_least_of_its_parts():
    """In marrow the nearer of cortex and trabeculae; in the cortex, its own distance, whatever trabeculae say."""
    cortical = noise(6, shift=15.0)
    parts = (noise(7, shift=25.0), noise(8, shape=(4, 4, 4), origin=(30.0, 30.0, 30.0), shift=10.0))
    inset = Inset(cortical=cortical, trabecular=parts)
    points = within(cortical, 400)
    away = cortical.at(points)
    wanted = away.copy()
    for part in parts:
        wanted = slow_lower(part, points, wanted)
    assert inset.at(points) == pytest.approx(wanted)
    assert (inset.at(points)[away <= 0.0] == away[away <= 0.0]).all()
    both = np.minimum(away, parts[0].at(points))
    whole = Inset(cortical=cortical, trabecular=parts[:1]).at(points)
    assert whole[away > 0.0] == pytest.approx(both[away > 0.0])
    assert Inset(cortical=cortical).at(points) == pytest.approx(away)


def test_the_spacing_of_an_inset_is_its_finest():
    assert Inset(cortical=noise(1, spacing=10.0)).spacing == 10.0
    assert (
        Inset(cortical=noise(1, spacing=10.0), trabecular=(noise(1, spacing=3.0), noise(1, spacing=20.0))).spacing
        == 3.0
    )


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_few_points_are_read_as_many_are(dtype):
    """One thread reads few points, several read many: the same bits."""
    field = noise(9, dtype=dtype)
    inset = Inset(cortical=noise(10, shift=20.0), trabecular=(field,))
    points = within(field, 2 * raster.FEW, seed=11)
    for read in (field.at, inset.at):
        assert np.array_equal(read(points)[:200], read(points[:200]))
