"""Whatever the mask, coefficients, walls and held voxels: the sparse direct solve's field, within its bounds."""

import naive_transport as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marrow_niche.transport import Fixed, Robin, budget, solve_steady

SHAPES = ((1, 1, 23), (1, 9, 9), (6, 1, 8), (5, 6, 7), (9, 8), (30,), (41, 3, 2), (3, 20, 1))


def drawn(seed, shape, filled):
    """A mask of any filling with at least one voxel, lone ones and several regions among them; coefficients over decades."""
    rng = np.random.default_rng(seed)
    open_ = rng.random(shape) < filled
    open_.flat[rng.integers(open_.size)] = True
    return rng, open_, 10 ** rng.uniform(-2, 2, shape), 10 ** rng.uniform(-3, 2, shape)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from(SHAPES),
    filled=st.sampled_from([0.15, 0.5, 0.8, 1.0]),
    uneven=st.booleans(),
    spacing=st.sampled_from([0.01, 1.0, 25.0]),
)
def test_the_field_is_that_of_a_sparse_direct_solve(seed, shape, filled, uneven, spacing):
    """To 1e-6 of its largest value; D over four decades or even, loss over five, sources of both signs, exchange, held."""
    rng, open_, d, loss = drawn(seed, shape, filled)
    d = d * spacing**2 if uneven else spacing**2
    source, exchange, wall = rng.standard_normal(shape), rng.random(shape), rng.random(shape)
    held = np.where(open_ & (rng.random(shape) < 0.05), rng.random(shape), np.nan)
    mine = solve_steady(
        source, diffusivity=d, loss=loss, exchange=exchange, wall=wall, spacing=spacing, open_=open_, fixed=held, rtol=1e-10,
    )  # fmt: skip
    exact = naive.solve_beside(
        source + exchange * wall, held, diffusivity=d, loss=loss + exchange, spacing=spacing, open_=open_
    )
    assert np.abs(mine - exact).max() <= 1e-6 * np.abs(exact).max()
    assert (mine[~open_] == 0.0).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES[:4]), filled=st.sampled_from([0.5, 0.8, 1.0]))
def test_without_sources_the_field_stays_between_what_surrounds_it(seed, shape, filled):
    """The discrete maximum principle: no value beyond those of the walls, the outsides and the held voxels, where nothing
    is lost; between zero and the largest where something is. Every face of the box, so that every region has a wall."""
    rng, open_, d, loss = drawn(seed, shape, filled)
    held = np.where(open_ & (rng.random(shape) < 0.1), rng.uniform(2, 5, shape), np.nan)
    exchange = 0.1 * rng.random(shape)
    boundary = {"-x": Fixed(3.0), "+y": Robin(0.7, 4.0)}
    open_[:, 0 if shape[1] == 1 else -1, :] = True  # something to act on at both faces
    settings_ = {
        "diffusivity": d, "spacing": 1.0, "open_": open_, "exchange": exchange, "wall": rng.uniform(2, 5, shape),
        "fixed": held, "boundary": boundary, "rtol": 1e-12,
    }  # fmt: skip
    still = solve_steady(np.zeros(shape), loss=0.0, **settings_)[open_]
    assert still.min() >= 2.0 - 1e-6
    assert still.max() <= 5.0 + 1e-6
    lossy = solve_steady(np.zeros(shape), loss=loss, **settings_)
    assert lossy.min() >= 0.0
    free = open_ & np.isnan(held)
    assert (lossy[free] <= solve_steady(np.zeros(shape), loss=0.0, **settings_)[free] * (1 + 1e-6)).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES), filled=st.sampled_from([0.15, 0.5, 0.8]))
def test_more_source_nowhere_gives_less(seed, shape, filled):
    """The inverse of an M-matrix is nowhere negative: the field rises with its source in every voxel."""
    rng, open_, d, loss = drawn(seed, shape, filled)
    source = rng.random(shape) * (rng.random(shape) < 0.2)
    more = source + rng.random(shape) * (rng.random(shape) < 0.1)
    given_ = {"diffusivity": d, "loss": loss, "spacing": 1.0, "open_": open_, "rtol": 1e-11}
    low, high = solve_steady(source, **given_), solve_steady(more, **given_)
    assert (high - low).min() >= -1e-7 * max(high.max(), 1e-300)
    assert low.min() >= 0.0
    assert abs(budget(low, source, loss=loss, spacing=1.0, open_=open_).imbalance[0]) < 1e-8


@pytest.mark.parametrize("place", [(0, 0, 0), (2, 2, 2), (4, 4, 4), (0, 2, 4)])
def test_a_lone_voxel_at_any_place_of_the_box_with_walls(place):
    """A cavity of one voxel: what walls, blood and source bring over what is lost; at a corner three faces are walls."""
    open_ = np.zeros((5, 5, 5), bool)
    open_[place] = True
    boundary = {}
    rate, inflow = 0.5 + 0.2, 1.5 + 0.2 * 3.0
    for axis, at in zip("zyx", place):
        if at in (0, 4):
            boundary[("-" if at == 0 else "+") + axis] = Fixed(2.0)
            rate, inflow = rate + 2 * 6.0 / 0.7**2, inflow + 2.0 * 2 * 6.0 / 0.7**2
    c = solve_steady(
        np.full((5, 5, 5), 1.5), diffusivity=6.0, loss=0.5, exchange=0.2, wall=3.0, spacing=0.7, open_=open_, boundary=boundary
    )
    assert c[place] == pytest.approx(inflow / rate, rel=1e-12)
