"""The steady solver against a sparse direct solve; what it promises; what it refuses."""

import os
import subprocess
import sys

import naive_transport as naive
import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import budget, neighbours_of, prepare, solve_compact, solve_steady

SHAPE = (9, 11, 12)


def marrow(shape=SHAPE, seed=3):
    """An irregular domain: random holes, dead ends, isolated voxels."""
    return np.random.default_rng(seed).random(shape) < 0.6


def problem(open_, seed=4):
    """Loss over three decades and none in half of the voxels, a few strong sources, exchange at some voxels."""
    rng = np.random.default_rng(seed)
    shape = open_.shape
    return {
        "source": rng.exponential(1.0, shape) * (rng.random(shape) < 0.2),
        "loss": 1e-3 + 10 ** rng.uniform(-2, 1, shape) * (rng.random(shape) < 0.5),
        "exchange": rng.random(shape) * (rng.random(shape) < 0.1),
        "wall": rng.random(shape),
    }


@pytest.mark.parametrize("diffusivity", ["constant", "by voxel", "with still voxels"])
@pytest.mark.parametrize("shape", [SHAPE, (1, 14, 15), (60, 1, 1)])
def test_agrees_with_a_sparse_direct_solve_on_irregular_domains(shape, diffusivity):
    open_ = marrow(shape)
    given = problem(open_)
    rng = np.random.default_rng(5)
    d = {
        "constant": 30.0,
        "by voxel": 10 ** rng.uniform(-1, 2, shape),
        "with still voxels": rng.uniform(1, 9, shape) * (rng.random(shape) < 0.8),
    }[diffusivity]
    mine = solve_steady(diffusivity=d, spacing=1.7, open_=open_, rtol=1e-11, **given)
    exact = naive.solve_steady(diffusivity=d, spacing=1.7, open_=open_, **given)
    assert exact.max() > 0.1
    np.testing.assert_allclose(mine, exact, rtol=1e-7, atol=1e-9 * exact.max())
    assert (mine[~open_] == 0.0).all()


def test_the_residual_told_is_that_of_the_concentration_returned():
    open_ = marrow()
    given = problem(open_)
    _, neighbour = neighbours_of(open_)
    a = naive.matrix(open_, 30.0, given["loss"] + given["exchange"], 1.7)
    b = (given["source"] + given["exchange"] * given["wall"])[open_]
    for rtol in (1e-2, 1e-6, 1e-11):
        solution = solve_compact(
            neighbour,
            given["source"][open_],
            diffusivity=30.0,
            loss=given["loss"][open_],
            exchange=given["exchange"][open_],
            wall=given["wall"][open_],
            spacing=1.7,
            rtol=rtol,
        )
        true = np.linalg.norm(b - a @ solution.concentration) / np.linalg.norm(b)
        assert true <= rtol
        assert solution.residual[0] == pytest.approx(true, rel=1e-3, abs=1e-14)
        assert 0 < solution.iterations[0] < 40


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("reach", [1.0, 3.0, 10.0, 100.0, 1000.0])
def test_the_number_of_cycles_hardly_depends_on_the_reach(reach, uneven):
    """Decay lengths of 1 to 1000 voxels on one irregular domain: at most 25 cycles for six digits."""
    rng = np.random.default_rng(6)
    open_ = rng.random((24, 24, 24)) < 0.75
    domain = prepare(neighbours_of(open_)[1])
    source = 1.0 * (rng.random(domain.n) < 0.01)
    d = reach**2 * (rng.uniform(1, 3, domain.n) if uneven else 1.0)
    solution = solve_compact(domain, source, diffusivity=d, loss=1.0, spacing=1.0)
    assert solution.residual[0] <= 1e-6
    assert solution.iterations[0] <= 25


def test_several_species_in_one_call_are_what_they_are_alone():
    open_ = marrow()
    domain = prepare(neighbours_of(open_)[1])
    rng = np.random.default_rng(8)
    source = rng.random((3, domain.n))
    d = np.stack([np.full(domain.n, 5.0), rng.random(domain.n) + 1, np.full(domain.n, 500.0)])
    loss = rng.random((3, domain.n)) + 0.01
    wall = np.array([0.0, 2.0, 1.0])
    exchange = rng.random(domain.n)
    together = solve_compact(domain, source, diffusivity=d, loss=loss, spacing=2.0, exchange=exchange, wall=wall)
    assert together.concentration.shape == (3, domain.n)
    assert together.residual.shape == together.iterations.shape == (3,)
    for s in range(3):
        alone = solve_compact(
            domain, source[s], diffusivity=d[s], loss=loss[s], spacing=2.0, exchange=exchange, wall=wall[s]
        )
        assert alone.concentration.shape == (domain.n,)
        assert (alone.concentration == together.concentration[s]).all()


def test_a_constant_diffusivity_given_by_voxel_or_by_species_is_the_same():
    open_ = marrow()
    domain = prepare(neighbours_of(open_)[1])
    source = np.random.default_rng(9).random((2, domain.n))
    ways = [7.0, np.full(domain.n, 7.0), np.full((2, domain.n), 7.0), np.array([7.0, 7.0]), np.array([[7.0], [7.0]])]
    answers = [solve_compact(domain, source, diffusivity=d, loss=0.3, spacing=1.0).concentration for d in ways]
    assert all((answer == answers[0]).all() for answer in answers)


def test_nearly_equal_diffusivities_by_voxel_nearly_give_the_constant_ones_answer():
    """The two forms of the operator (one conductance, or one for each face) meet."""
    open_ = marrow()
    domain = prepare(neighbours_of(open_)[1])
    source = np.random.default_rng(9).random(domain.n)
    d = np.full(domain.n, 7.0)
    d[0] *= 1 + 1e-12
    plain = solve_compact(domain, source, diffusivity=7.0, loss=0.3, spacing=1.0, rtol=1e-12).concentration
    weighted = solve_compact(domain, source, diffusivity=d, loss=0.3, spacing=1.0, rtol=1e-12).concentration
    np.testing.assert_allclose(weighted, plain, rtol=1e-9)


def test_a_warm_start_saves_cycles_and_the_answer_is_its_own_guess():
    open_ = np.random.default_rng(10).random((20, 20, 20)) < 0.8
    domain = prepare(neighbours_of(open_)[1])
    rng = np.random.default_rng(11)
    source, loss = rng.random(domain.n), rng.random(domain.n) + 0.01
    settings = {"diffusivity": 25.0, "spacing": 1.0}
    cold = solve_compact(domain, source, loss=loss, **settings)
    again = solve_compact(domain, source, loss=loss, guess=cold.concentration, **settings)
    assert again.iterations[0] == 0
    np.testing.assert_allclose(again.concentration, cold.concentration, rtol=1e-12)
    loss[rng.random(domain.n) < 0.02] *= 1.1
    warm = solve_compact(domain, source, loss=loss, guess=cold.concentration, **settings)
    fresh = solve_compact(domain, source, loss=loss, **settings)
    assert warm.iterations[0] < fresh.iterations[0]
    np.testing.assert_allclose(warm.concentration, fresh.concentration, rtol=1e-4)


def test_a_bad_guess_does_no_harm():
    domain = prepare(neighbours_of(marrow())[1])
    source = np.random.default_rng(12).random(domain.n)
    settings = {"diffusivity": 2.0, "loss": 0.5, "spacing": 1.0, "rtol": 1e-9}
    good = solve_compact(domain, source, **settings)
    for guess in (np.full(domain.n, 1e12), np.full(domain.n, -3.0)):
        bad = solve_compact(domain, source, guess=guess, **settings)
        np.testing.assert_allclose(bad.concentration, good.concentration, rtol=1e-6)
        assert bad.iterations[0] <= good.iterations[0] + 2


def test_no_source_is_no_concentration():
    domain = prepare(neighbours_of(marrow())[1])
    solution = solve_compact(
        domain, np.zeros(domain.n), diffusivity=1.0, loss=1.0, spacing=1.0, guess=np.ones(domain.n)
    )
    assert (solution.concentration == 0.0).all()
    assert solution.residual[0] == 0.0


def test_a_single_voxel_cavity_balances_its_own_source_and_loss():
    open_ = np.zeros((3, 3, 3), dtype=bool)
    open_[1, 1, 1] = True
    c = solve_steady(
        np.full(open_.shape, 6.0), diffusivity=5.0, loss=1.0, spacing=1.0, open_=open_, exchange=2.0, wall=3.0
    )
    assert c[1, 1, 1] == pytest.approx((6.0 + 2.0 * 3.0) / 3.0, rel=1e-14)
    assert c.sum() == c[1, 1, 1]


def test_regions_do_not_feel_each_other():
    """Three rooms; each holds (source + exchange wall) / (loss + exchange) if its coefficients are even."""
    open_ = np.ones((4, 5, 14), dtype=bool)
    open_[:, :, [4, 9]] = False
    room = np.cumsum(~open_[0, 0])[np.newaxis, np.newaxis, :] * np.ones(open_.shape, int)
    source, loss = np.choose(room, [1.0, 0.0, 8.0]), np.choose(room, [2.0, 0.5, 0.0])
    exchange, wall = np.choose(room, [0.0, 0.5, 4.0]), np.choose(room, [9.0, 3.0, 0.0])
    c = solve_steady(
        source, diffusivity=3.0, loss=loss, spacing=1.0, open_=open_, exchange=exchange, wall=wall, rtol=1e-12
    )
    for k, level in enumerate([0.5, 1.5, 2.0]):
        np.testing.assert_allclose(c[open_ & (room == k)], level, rtol=1e-11)


def test_without_diffusion_every_voxel_is_its_own():
    rng = np.random.default_rng(13)
    source, loss = rng.random((5, 6)), rng.random((5, 6)) + 0.1
    np.testing.assert_allclose(solve_steady(source, diffusivity=0.0, loss=loss, spacing=1.0), source / loss, rtol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_concentrations_are_never_negative(seed):
    """Point sources far from most voxels and uptake over six decades, solved only to 1e-4: undershoots would show."""
    rng = np.random.default_rng(seed)
    open_ = rng.random((16, 15, 14)) < 0.7
    source = 100.0 * (rng.random(open_.shape) < 2e-3)
    source.flat[np.flatnonzero(open_)[0]] = 1.0
    loss = 10 ** rng.uniform(-4, 2, open_.shape)
    c = solve_steady(source, diffusivity=2.0, loss=loss, spacing=1.0, open_=open_, rtol=1e-4)
    assert c.min() >= 0.0
    assert (c[open_] > 0.0).mean() > 0.3


def test_sinks_may_be_given_as_negative_sources():
    rng = np.random.default_rng(14)
    open_ = marrow()
    source = rng.standard_normal(open_.shape)
    mine = solve_steady(source, diffusivity=4.0, loss=0.3, spacing=1.0, open_=open_, rtol=1e-11)
    exact = naive.solve_steady(source, diffusivity=4.0, loss=0.3, spacing=1.0, open_=open_)
    assert exact.min() < 0.0
    np.testing.assert_allclose(mine, exact, atol=1e-9)


@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_the_budget_closes_to_round_off_however_loose_the_tolerance(rtol):
    open_ = marrow()
    given = problem(open_)
    c = solve_steady(diffusivity=30.0, spacing=1.7, open_=open_, rtol=rtol, **given)
    assert abs(budget(c, spacing=1.7, open_=open_, **given).imbalance[0]) < 1e-13


def test_swapping_source_and_observer_gives_the_same_concentration():
    """The operator is symmetric: reciprocity (Onsager), with unequal diffusivities too."""
    rng = np.random.default_rng(15)
    open_ = np.ones((8, 9, 10), dtype=bool)
    d, loss = rng.random(open_.shape) + 0.1, rng.random(open_.shape)
    a, b = (1, 2, 3), (6, 7, 8)
    seen = []
    for here, there in ((a, b), (b, a)):
        source = np.zeros(open_.shape)
        source[here] = 1.0
        seen.append(solve_steady(source, diffusivity=d, loss=loss, spacing=0.5, rtol=1e-12)[there])
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)
    assert seen[0] > 0.0


SCRIPT = """
import hashlib, numba, numpy as np
from marrow_niche.transport import neighbours_of, prepare, solve_compact
rng = np.random.default_rng(1)
open_ = rng.random((14, 15, 16)) < 0.7
domain = prepare(neighbours_of(open_)[1])
source, loss = rng.random((5, domain.n)), rng.random((5, domain.n)) + 0.01
for threads in (1, 2, 3):
    numba.set_num_threads(threads)
    s = solve_compact(domain, source, diffusivity=np.array([1.0, 3.0, 10.0, 30.0, 100.0]), loss=loss, spacing=1.0)
    print(threads, hashlib.sha256(s.concentration.tobytes() + s.residual.tobytes()).hexdigest())
"""


def test_the_same_bits_on_one_two_and_three_threads():
    """In a process of its own, which may have more threads than there are cores."""
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert out[::2] == ["1", "2", "3"]
    assert len(out[1]) == 64
    assert len(set(out[1::2])) == 1


# ------------------------------------------------------------------------------------------- shapes and refusals


@pytest.mark.parametrize("shape", [(7,), (6, 7), (5, 6, 7)])
def test_dense_fields_of_one_two_and_three_dimensions(shape):
    source = np.random.default_rng(16).random(shape)
    c = solve_steady(source, diffusivity=2.0, loss=0.5, spacing=1.0, rtol=1e-11)
    box = source.reshape((1,) * (3 - len(shape)) + shape)
    exact = naive.solve_steady(box, diffusivity=2.0, loss=0.5, spacing=1.0, open_=np.ones(box.shape, bool))
    np.testing.assert_allclose(c, exact.reshape(shape), rtol=1e-8)


def test_a_species_axis_comes_first_also_in_two_dimensions():
    rng = np.random.default_rng(17)
    open_ = rng.random((6, 7)) < 0.9
    source = rng.random((2, 6, 7))
    d, loss = np.array([1.0, 9.0]), rng.random((2, 6, 7)) + 0.1
    exchange = rng.random((6, 7))
    c = solve_steady(source, diffusivity=d, loss=loss, spacing=1.0, open_=open_, exchange=exchange, wall=1.0)
    for s in range(2):
        alone = solve_steady(
            source[s], diffusivity=d[s], loss=loss[s], spacing=1.0, open_=open_, exchange=exchange, wall=1.0
        )
        assert (c[s] == alone).all()
    space = rng.random((2, 3, 6, 7))
    assert solve_steady(space, diffusivity=d, loss=1.0, spacing=1.0).shape == space.shape


def test_closed_voxels_may_hold_anything():
    open_ = marrow()
    source = np.where(open_, 1.0, np.nan)
    loss = np.where(open_, 0.5, -7.0)
    c = solve_steady(source, diffusivity=np.where(open_, 2.0, np.nan), loss=loss, spacing=1.0, open_=open_, rtol=1e-12)
    np.testing.assert_allclose(c, np.where(open_, 2.0, 0.0), rtol=1e-11)


GOOD = {"diffusivity": 1.0, "loss": 1.0, "spacing": 1.0}
NAN = np.array([[1.0, np.nan], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": NAN}, "source: 1 of 4 values are nan"),
        ({"source": [["much", "more"]]}, "source is no array of numbers"),
        ({"source": np.ones((2, 2, 2, 2, 2))}, "source has shape"),
        ({"diffusivity": -1.0}, "diffusivity: the smallest value is -1"),
        ({"diffusivity": np.inf}, "diffusivity: 1 of 1 values are nan or infinite"),
        ({"diffusivity": np.ones(3)}, "diffusivity has shape"),
        ({"loss": NAN}, "loss: 1 of 4"),
        ({"loss": np.full((2, 2), -0.5)}, "loss: the smallest value is -0.5"),
        ({"loss": 0.0}, "neither loss nor exchange"),
        ({"exchange": -1.0}, "exchange: the smallest"),
        ({"wall": np.nan}, "wall: 1 of 1"),
        ({"guess": np.ones((3, 3))}, "guess has shape"),
        ({"guess": NAN}, "guess: 1 of 4"),
        ({"spacing": 0.0}, "edge of a voxel"),
        ({"spacing": (1.0, 1.0)}, "edge of a voxel"),
        ({"rtol": 0.0}, "rtol is 0"),
        ({"rtol": np.nan}, "rtol is nan"),
        ({"max_iterations": 0}, "at least 1"),
        ({"open_": np.ones((3, 3), bool)}, r"expected \(3, 3\)"),
        ({"open_": np.zeros((2, 2), bool)}, "false everywhere"),
        ({"open_": np.ones((2, 2))}, "expected booleans"),
    ],
)
def test_what_cannot_be_solved_is_refused_in_plain_words(change, words):
    given = {"source": np.ones((2, 2)), **GOOD, **change}
    with pytest.raises(NumericsError, match=words):
        solve_steady(given.pop("source"), **given)


def test_a_sealed_cavity_that_loses_nothing_is_refused_and_named():
    """One isolated voxel without loss among many with: its region has no steady state."""
    open_ = np.ones((1, 3, 9), dtype=bool)
    open_[:, :, 4] = False
    loss = np.ones(open_.shape)
    loss[:, :, 5:] = 0.0
    with pytest.raises(NumericsError, match=r"species 0: the connected region of voxel 4 \(12 of 24 voxels; 1 such"):
        solve_steady(np.ones(open_.shape), diffusivity=1.0, loss=loss, spacing=1.0, open_=open_)
    loss[0, 0, 8] = 1e-6
    assert solve_steady(np.ones(open_.shape), diffusivity=1.0, loss=loss, spacing=1.0, open_=open_).max() > 1e6


def test_a_still_voxel_without_loss_is_refused():
    d, loss = np.ones(5), np.ones(5)
    d[2] = loss[2] = 0.0
    with pytest.raises(NumericsError, match="voxel 2"):
        solve_steady(np.ones(5), diffusivity=d, loss=loss, spacing=1.0)


def test_what_does_not_converge_says_how_far_it_came():
    source = np.random.default_rng(18).random((12, 12, 12))
    with pytest.raises(NumericsError, match=r"residual is .* after 1 iterations, above rtol 1.0e-10"):
        solve_steady(source, diffusivity=1e4, loss=1.0, spacing=1.0, rtol=1e-10, max_iterations=1)


def test_compact_shapes_are_checked():
    domain = prepare(neighbours_of(np.ones((2, 2, 2), bool))[1])
    with pytest.raises(NumericsError, match=r"source has shape \(7,\); expected \(8,\)"):
        solve_compact(domain, np.ones(7), **GOOD)
    with pytest.raises(NumericsError, match="loss has shape"):
        solve_compact(domain, np.ones((3, 8)), diffusivity=1.0, loss=np.ones((2, 8)), spacing=1.0)
    with pytest.raises(NumericsError, match="wall has shape"):
        solve_compact(domain, np.ones((8, 8)), wall=np.ones(8), **GOOD)
