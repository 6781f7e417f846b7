"""Conditions at faces and held voxels: what they are, against the naive twin; what is refused."""

import naive_transport as naive
import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import Fixed, Flux, Robin, Saturable, budget, solve_steady

RNG = np.random.default_rng(2)
SETTINGS = {"diffusivity": 2.0, "loss": 0.3, "spacing": 0.5, "rtol": 1e-12}


def test_without_a_condition_nothing_crosses():
    source = RNG.random((5, 6, 7))
    assert (solve_steady(source, boundary={}, **SETTINGS) == solve_steady(source, **SETTINGS)).all()
    still = {"-x": Flux(0.0), "+y": Robin(0.0, 9.0)}
    np.testing.assert_allclose(solve_steady(source, boundary=still, **SETTINGS), solve_steady(source, **SETTINGS), rtol=1e-12)


@pytest.mark.parametrize("name", ["-z", "+z", "-y", "+y", "-x", "+x"])
def test_each_face_is_where_its_name_says(name):
    """Something comes in at one face alone: the layer beside it holds most, and the budget knows it."""
    c = solve_steady(np.zeros((5, 6, 7)), boundary={name: Flux(3.0)}, **SETTINGS)
    axis, at = "zyx".index(name[1]), 0 if name[0] == "-" else -1
    layers = np.moveaxis(c, axis, 0)
    assert (np.diff(layers[:: -1 if at else 1], axis=0) < 0.0).all()
    assert np.ptp(layers[at]) < 1e-9
    area = c.size / c.shape[axis] * 0.5**2
    assert 0.3 * c.sum() * 0.5**3 == pytest.approx(3.0 * area, rel=1e-10)


def test_two_dimensions_have_four_faces_and_one_has_two():
    plane = solve_steady(np.zeros((3, 9)), boundary={"-x": Fixed(1.0)}, **SETTINGS)
    line = solve_steady(np.zeros(9), boundary={"-x": Fixed(1.0)}, **SETTINGS)
    np.testing.assert_allclose(plane, np.broadcast_to(line, (3, 9)), rtol=1e-10)
    for shape, name in (((3, 9), "-z"), ((9,), "+y")):
        with pytest.raises(NumericsError, match=f"there is no face '\\{name}'; this box has -"):
            solve_steady(np.zeros(shape), boundary={name: Fixed(1.0)}, **SETTINGS)


def test_a_condition_acts_on_open_voxels_only_and_by_voxel_and_species():
    open_ = RNG.random((4, 5, 6)) < 0.8
    value = np.where(open_[:, :, 0], RNG.random((2, 4, 5)), np.nan)  # closed voxels are not read
    boundary = {"-x": Fixed(value), "+z": Robin(np.array([0.4, 2.0]), 0.5), "+y": Flux(-0.01)}
    d = RNG.uniform(1, 3, (4, 5, 6))
    c = solve_steady(np.ones((2, 4, 5, 6)), open_=open_, boundary=boundary, **SETTINGS | {"diffusivity": d})
    h = 0.5
    for s in range(2):
        exchange, wall, made = np.zeros((3, *open_.shape))
        exchange[:, :, 0] += 2 * d[:, :, 0] / h**2
        wall[:, :, 0] = np.nan_to_num(value[s])
        source = np.ones(open_.shape) + exchange * wall
        through = 1 / (h / [0.4, 2.0][s] + h**2 / (2 * d[-1]))
        exchange[-1] += through
        source[-1] += through * 0.5
        source[:, -1] -= 0.01 / h
        exact = naive.solve_steady(source, diffusivity=d, loss=0.3 + exchange, spacing=h, open_=open_)
        np.testing.assert_allclose(c[s], exact, rtol=1e-8, atol=1e-12)


def test_opposite_faces_of_one_layer_add_up():
    c = solve_steady(np.zeros((1, 4, 4)), boundary={"-z": Fixed(1.0), "+z": Fixed(3.0)}, **SETTINGS | {"loss": 0.0})
    np.testing.assert_allclose(c, 2.0, rtol=1e-12)


def test_a_robin_condition_lies_between_a_wall_and_a_fixed_value():
    fixed = solve_steady(np.zeros(20), boundary={"+x": Fixed(2.0)}, **SETTINGS)
    tight, loose = (solve_steady(np.zeros(20), boundary={"+x": Robin(p, 2.0)}, **SETTINGS) for p in (1e-9, 1e9))
    assert tight.max() < 1e-8
    np.testing.assert_allclose(loose, fixed, rtol=1e-7)


def test_what_a_membrane_beside_a_voxel_without_diffusion_lets_through():
    """Nothing: a still voxel is walled off at a face as it is at its neighbours; a given flux enters all the same."""
    d = np.array([0.0, 2.0, 2.0])
    for condition in (Fixed(5.0), Robin(3.0, 5.0)):
        c = solve_steady(np.zeros(3), boundary={"-x": condition}, **SETTINGS | {"diffusivity": d})
        assert (c == 0.0).all()
    c = solve_steady(np.zeros(3), boundary={"-x": Flux(0.3)}, **SETTINGS | {"diffusivity": d})
    np.testing.assert_allclose(c, [0.3 / 0.5 / 0.3, 0.0, 0.0])


# ------------------------------------------------------------------------------------------------- held voxels


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("shape", [(6, 7, 8), (1, 9, 9), (9, 9)])
def test_held_voxels_agree_with_a_matrix_that_says_so(shape, uneven):
    open_ = RNG.random(shape) < 0.75
    held = np.where(open_ & (RNG.random(shape) < 0.1), RNG.random(shape), np.nan)
    d = RNG.uniform(0.5, 5, shape) if uneven else 2.0
    source, loss = RNG.random(shape), RNG.random(shape)
    mine = solve_steady(source, diffusivity=d, loss=loss, spacing=0.7, open_=open_, fixed=held, rtol=1e-12)
    exact = naive.solve_beside(source, held, diffusivity=d, loss=loss, spacing=0.7, open_=open_)
    assert np.isfinite(held).sum() > 2
    np.testing.assert_allclose(mine, exact, rtol=1e-8, atol=1e-12)
    assert (mine[np.isfinite(held)] == held[np.isfinite(held)]).all()


def test_species_may_hold_different_voxels():
    held = np.full((3, 6, 7), np.nan)
    held[0, 2, 3] = held[2, 2, 3] = 4.0
    held[1, :, 0] = 1.0
    source, open_ = np.zeros((3, 6, 7)), np.ones((6, 7), bool)
    d = np.array([1.0, 2.0, 3.0])
    together = solve_steady(source, open_=open_, fixed=held, **SETTINGS | {"diffusivity": d}, details=True)
    for s in range(3):
        alone = solve_steady(source[s], fixed=held[s], **SETTINGS | {"diffusivity": d[s]}, details=True)
        np.testing.assert_array_equal(together.concentration[s], alone.concentration)
        assert together.residual[s] == alone.residual[0] <= 1e-12
        assert together.iterations[s] == alone.iterations[0]
    shared = solve_steady(source, open_=open_, fixed=held[0], **SETTINGS)
    assert (shared[:, 2, 3] == 4.0).all()


def test_voxels_all_held_and_none_held():
    held = RNG.random((3, 4))
    assert (solve_steady(np.zeros((3, 4)), fixed=held, **SETTINGS) == held).all()
    source = RNG.random((3, 4))
    none = solve_steady(source, fixed=np.full((3, 4), np.nan), **SETTINGS)
    np.testing.assert_allclose(none, solve_steady(source, **SETTINGS), rtol=1e-10)


def test_a_held_voxel_feeds_a_region_that_loses_nothing_and_only_that():
    held = np.full((1, 9), np.nan)
    held[0, 1] = 7.0
    settings = SETTINGS | {"loss": 0.0}
    np.testing.assert_allclose(solve_steady(np.zeros((1, 9)), fixed=held, **settings), 7.0, rtol=1e-12)
    open_ = np.ones((1, 9), bool)
    open_[0, 4] = False
    with pytest.raises(NumericsError, match="beside the held voxels.*neither loss nor exchange"):
        solve_steady(np.zeros((1, 9)), fixed=held, open_=open_, **settings)


def test_faces_held_voxels_and_saturable_uptake_go_together():
    held = np.full((5, 8), np.nan)
    held[2, 4] = 3.0
    c = solve_steady(
        np.zeros((5, 8)), diffusivity=2.0, loss=0.0, spacing=0.5, fixed=held, boundary={"-x": Fixed(1.0)},
        saturable=Saturable(0.8, 0.5), rtol=1e-11,
    )  # fmt: skip
    linear = solve_steady(
        np.zeros((5, 8)), diffusivity=2.0, loss=0.8 / (0.5 + c), spacing=0.5, fixed=held, boundary={"-x": Fixed(1.0)}, rtol=1e-11
    )
    np.testing.assert_allclose(c, linear, rtol=1e-8)


def test_details_are_the_array_with_its_residual_and_cycles():
    open_ = RNG.random((6, 7, 8)) < 0.8
    source = RNG.random(open_.shape)
    settings = SETTINGS | {"rtol": 1e-6}
    told = solve_steady(source, open_=open_, boundary={"+x": Fixed(0.5)}, details=True, **settings)
    assert (told.concentration == solve_steady(source, open_=open_, boundary={"+x": Fixed(0.5)}, **settings)).all()
    exchange = np.zeros(open_.shape)
    exchange[:, :, -1] = 2 * 2.0 / 0.5**2
    a = naive.matrix(open_, 2.0, 0.3 + exchange, 0.5)
    b = (source + 0.5 * exchange)[open_]
    true = np.linalg.norm(b - a @ told.concentration[open_]) / np.linalg.norm(b)
    assert told.residual.shape == told.iterations.shape == (1,)
    assert told.residual[0] == pytest.approx(true, rel=1e-3)
    assert 0 < told.iterations[0] < 25
    closed = budget(told.concentration, source, loss=0.3, exchange=exchange, wall=0.5, spacing=0.5, open_=open_)
    assert abs(closed.imbalance[0]) < 1e-5


ZEROS = np.zeros((2, 3, 4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boundary": {"x": Fixed(1.0)}}, "no face 'x'; this box has -z, \\+z, -y, \\+y, -x, \\+x"),
        ({"boundary": [Fixed(1.0)]}, "expected a dict such as"),
        ({"boundary": {"-x": 1.0}}, "1.0 is no condition; expected Fixed, Robin or Flux"),
        ({"boundary": {"-x": Fixed(np.nan)}}, "boundary -x, value: 1 of 1 values are nan"),
        ({"boundary": {"-x": Fixed("much")}}, "boundary -x, value is no array of numbers"),
        ({"boundary": {"-x": Fixed(np.ones((2, 4)))}}, r"boundary -x, value has shape \(2, 4\); expected a number, \(2, 3\)"),
        ({"boundary": {"+z": Robin(-1.0)}}, r"boundary \+z, permeability: the smallest value is -1"),
        ({"boundary": {"+z": Robin(np.inf)}}, r"boundary \+z, permeability: 1 of 1"),
        ({"boundary": {"+z": Robin(1.0, np.nan)}}, r"boundary \+z, outside: 1 of 1"),
        ({"boundary": {"+y": Flux(np.inf)}}, r"boundary \+y, value: 1 of 1"),
        ({"boundary": {"-x": Fixed(1.0)}, "open_": np.arange(24).reshape(2, 3, 4) % 4 > 0}, "no open voxel lies at the face -x"),
        ({"fixed": np.ones((3, 4))}, r"fixed has shape \(3, 4\)"),
        ({"fixed": np.full((2, 3, 4), np.inf)}, "fixed: some values are infinite"),
        ({"fixed": np.full((2, 3, 4), "much")}, "fixed is no array of numbers"),
        ({"fixed": np.ones((2, 3, 4)), "open_": np.arange(24).reshape(2, 3, 4) > 3}, "24 voxels of which 4 are closed"),
        ({"boundary": {"-x": Flux(1.0)}, "loss": 0.0}, "neither loss nor exchange"),
        ({"boundary": {"-x": Fixed(1.0)}, "spacing": 0.0}, "edge of a voxel"),
        ({"saturable": (1.0, 2.0)}, r"expected Saturable\(vmax, km\)"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(change, words):
    with pytest.raises(NumericsError, match=words):
        solve_steady(ZEROS, **SETTINGS | change)


def test_as_many_species_as_voxels_on_a_face_must_say_which():
    open_ = np.ones((4, 5), bool)
    with pytest.raises(NumericsError, match=r"say which with \(4, 4\)"):
        solve_steady(np.zeros((4, 4, 5)), open_=open_, boundary={"-x": Fixed(np.ones(4))}, **SETTINGS)
