"""One step of each scheme against its slow twin; reactions; what is kept, what stays positive, what is refused."""

import naive_transport as naive
import numba
import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import advance, advance_compact, budget, medium, neighbours_of, prepare, solve_steady
from marrow_niche.transport.domain import with_pattern
from marrow_niche.transport.implicit import between

SCHEMES = ["explicit", "second_order", "backward_euler", "lod"]
EXACT_AT_REST = SCHEMES[:3]
TWINS = {
    "backward_euler": naive.advance,
    "second_order": naive.two_stages,
    "explicit": naive.forward,
    "lod": naive.sweeps,
}


@numba.njit
def gray_scott(c):
    u, v = c
    return -u * v * v + 0.04 * (1.0 - u), u * v * v - 0.1 * v


@numba.njit
def logistic(c):
    return 0.7 * c * (1.0 - c)


@numba.njit
def explode(c):
    return np.inf


@pytest.fixture
def open_():
    return np.random.default_rng(1).random((7, 8, 9)) < 0.7


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_step_agrees_with_its_slow_twin(open_, scheme, uneven):
    rng = np.random.default_rng(2)
    c, source, loss = rng.random(open_.shape), rng.random(open_.shape), rng.random(open_.shape)
    loss[rng.random(open_.shape) < 0.2] = 0.0
    d = 0.1 + rng.random(open_.shape) if uneven else 0.9
    if uneven:
        d[3, 4] = 0.0
    dt = 0.03 if scheme == "explicit" else 0.3
    settings = {"diffusivity": d, "loss": loss, "spacing": 0.5, "open_": open_, "exchange": c / 2, "wall": 2.0, "dt": dt}
    mine = advance(c, source, rtol=1e-12, scheme=scheme, **settings)
    np.testing.assert_allclose(mine, TWINS[scheme](c, source, **settings), rtol=0, atol=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_steps_are_steps_and_the_start_is_not_changed(open_, scheme):
    c = np.random.default_rng(3).random((2, *open_.shape))
    before = c.copy()
    settings = {"diffusivity": np.array([1.0, 5.0]), "loss": 0.1, "spacing": 1.0, "dt": 0.03, "open_": open_}
    settings["scheme"] = scheme
    once = advance(c, 1.0, **settings)
    twice = advance(once, 1.0, **settings)
    assert (advance(c, 1.0, steps=2, **settings) == twice).all()
    assert (c == before).all()
    assert (twice[:, ~open_] == 0.0).all()


@pytest.mark.parametrize("scheme", ["backward_euler", "second_order"])
def test_one_huge_step_is_the_steady_state(open_, scheme):
    """L-stable: nothing of the start is left."""
    source = np.random.default_rng(4).random(open_.shape)
    settings = {"diffusivity": 9.0, "loss": 0.3, "spacing": 1.0, "open_": open_, "rtol": 1e-11}
    rest = solve_steady(source, **settings)
    start = np.zeros(open_.shape)
    start[tuple(np.argwhere(open_)[20])] = 1e3
    np.testing.assert_allclose(advance(start, source, dt=1e12, scheme=scheme, **settings), rest, rtol=1e-8)


@pytest.mark.parametrize("dt", [1e-3, 0.015, 0.5, 60.0, 1e6])
@pytest.mark.parametrize("scheme", EXACT_AT_REST)
def test_a_step_rests_where_the_steady_state_is(open_, scheme, dt):
    if scheme == "explicit" and dt > 0.015:
        pytest.skip("not for so large a step")
    rng = np.random.default_rng(14)
    source, loss = rng.random(open_.shape), 0.1 + 2 * rng.random(open_.shape)
    settings = {"diffusivity": 9.0, "loss": loss, "spacing": 1.0, "open_": open_, "exchange": 0.2, "wall": 3.0}
    rest = solve_steady(source, rtol=1e-12, **settings)
    after = advance(rest, source, dt=dt, steps=3, scheme=scheme, rtol=1e-11, **settings)
    np.testing.assert_allclose(after, rest, rtol=1e-9)


def test_sweeps_rest_elsewhere(open_):
    """The splitting error at rest: first order in dt, 9 % at D dt / h² = 0.9; why `lod` is no scheme for results."""
    rng = np.random.default_rng(15)
    source = rng.random(open_.shape) * (rng.random(open_.shape) < 0.1)
    settings = {"diffusivity": 9.0, "loss": 0.5, "spacing": 1.0, "open_": open_}
    rest = solve_steady(source, rtol=1e-12, **settings)
    off, dts = [], (0.1, 0.05, 0.025)
    for dt in dts:
        c = advance(rest, source, dt=dt, steps=round(40 / dt), scheme="lod", **settings)
        off.append(np.linalg.norm(c - rest) / np.linalg.norm(rest))
    assert 0.02 < off[0] < 0.3
    assert naive.observed_order(dts, off) == pytest.approx(1.0, abs=0.2)


def test_compact_and_dense_steps_agree(open_):
    c = np.random.default_rng(5).random(open_.shape)
    domain = prepare(neighbours_of(open_)[1])
    for scheme in SCHEMES:
        settings = {"diffusivity": 2.0, "loss": 0.1, "spacing": 1.0, "dt": 0.05, "scheme": scheme}
        compact = advance_compact(domain, c[open_], 0.4, **settings)
        assert (compact.concentration == advance(c, 0.4, open_=open_, **settings)[open_]).all()
        assert compact.residual[0] <= 1e-8
        assert compact.scheme == scheme
        assert (compact.iterations[0] > 0) == (scheme in ("second_order", "backward_euler"))


@pytest.mark.parametrize(
    ("change", "scheme"),
    [
        ({}, "explicit"),
        ({"dt": 0.05}, "explicit"),  # D dt / h² just at 1/6, no loss
        ({"dt": 0.0501}, "second_order"),
        ({"loss": 0.1, "dt": 0.05}, "second_order"),  # with a loss the neighbours would get more than there is
        ({"loss": 11.0, "dt": 0.01}, "second_order"),  # a loss not resolved
        ({"exchange": 11.0, "dt": 0.01}, "second_order"),
        ({"loss": 9.0, "dt": 0.01}, "explicit"),
        ({"diffusivity": np.array([[1.0], [5.0]])}, "explicit"),
        ({"diffusivity": np.array([[1.0], [50.0]])}, "second_order"),
    ],
)
def test_auto_is_explicit_where_that_is_safe(change, scheme):
    domain = prepare(neighbours_of(np.ones((3, 4, 5), bool))[1])
    settings = {"diffusivity": 3.3333333333333335, "loss": 0.0, "spacing": 1.0, "dt": 0.02, **change}
    assert advance_compact(domain, np.ones((2, 60)), 1.0, **settings).scheme == scheme


def test_auto_leaves_a_pattern_of_diffusivity_to_the_solver():
    domain = prepare(neighbours_of(np.ones((3, 4, 5), bool))[1])
    relative = np.linspace(0.5, 1.0, 60)
    settings = {"loss": 0.0, "spacing": 1.0, "dt": 0.01}
    c = np.random.default_rng(0).random(60)
    step = advance_compact(with_pattern(domain, relative), c, 0.0, diffusivity=np.array([2.0]), **settings)
    same = advance_compact(domain, c, 0.0, diffusivity=2.0 * relative, scheme="second_order", **settings)
    assert step.scheme == "second_order"
    np.testing.assert_allclose(step.concentration, same.concentration, rtol=1e-6)
    with pytest.raises(NumericsError, match="second_order"):
        advance_compact(with_pattern(domain, relative), c, 0.0, diffusivity=2.0, scheme="explicit", **settings)


@pytest.mark.parametrize("scheme", ["backward_euler", "explicit", "lod"])
def test_an_even_field_reacts_by_forward_euler(scheme):
    """c' = c + dt f(c) where nothing diffuses or is lost: the definition of an explicit reaction."""
    c = np.full((4, 5, 6), 0.2)
    out = advance(c, 0.0, diffusivity=0.3, loss=0.0, spacing=1.0, dt=0.5, reaction=logistic, scheme=scheme)
    np.testing.assert_allclose(out, 0.2 + 0.5 * 0.7 * 0.2 * 0.8, rtol=1e-12)


def test_species_react_with_each_other():
    """Gray and Scott's two species, even in space, for ten steps; and the sum of source and reaction."""
    u, v, dt = 0.6, 0.3, 0.4
    c = np.stack([np.full((3, 4, 5), u), np.full((3, 4, 5), v)])
    out = advance(
        c, 0.01, diffusivity=np.array([2.0, 1.0]), loss=0.0, spacing=1.0, dt=dt, reaction=gray_scott, steps=10,
        scheme="backward_euler",
    )  # fmt: skip
    for _ in range(10):
        du, dv = gray_scott(np.array([u, v]))
        u, v = u + dt * (du + 0.01), v + dt * (dv + 0.01)
    np.testing.assert_allclose(out[0], u, rtol=1e-10)
    np.testing.assert_allclose(out[1], v, rtol=1e-10)


def test_the_reaction_is_read_where_it_is():
    """A reaction in a still medium (no diffusion) is pointwise: each voxel follows its own concentration."""
    c = np.random.default_rng(6).random((4, 5, 6))
    out = advance(c, 0.0, diffusivity=0.0, loss=0.0, spacing=1.0, dt=0.25, reaction=logistic)
    np.testing.assert_allclose(out, c + 0.25 * 0.7 * c * (1 - c), rtol=1e-13)


def test_the_budget_of_a_step_closes_to_round_off(open_):
    rng = np.random.default_rng(7)
    c, source, loss = rng.random(open_.shape), rng.random(open_.shape), rng.random(open_.shape)
    settings = {"loss": loss, "spacing": 0.5, "exchange": 0.3, "wall": 2.0}
    new = advance(c, source, diffusivity=3.0, dt=0.7, open_=open_, rtol=1e-3, scheme="backward_euler", **settings)
    closed = budget(new, source, previous=c, dt=0.7, open_=open_, **settings)
    assert abs(closed.imbalance[0]) < 1e-13
    assert abs(closed.stored[0]) > 0.01 * closed.secreted[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_loss_the_total_of_every_region_is_kept(open_, scheme):
    """To 1e-12 over 100 steps from a rough start, though each solve stops at 1e-6."""
    rng = np.random.default_rng(8)
    start = rng.exponential(1.0, open_.shape) * (rng.random(open_.shape) < 0.1)
    d = 10 ** rng.uniform(-2, 0, open_.shape)
    domain = prepare(neighbours_of(open_)[1])
    c = advance(
        start, 0.0, diffusivity=d, loss=0.0, spacing=0.7, dt=0.08, steps=100, open_=open_, rtol=1e-6, scheme=scheme
    )
    before, after = (np.bincount(domain.region, weights=field[open_]) for field in (start, c))
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-14)
    assert c.min() >= 0.0
    assert np.ptp(c[open_]) < 0.5 * np.ptp(start[open_])


def test_an_even_loss_makes_the_total_a_number_of_its_own(open_):
    """With one loss for all voxels diffusion drops out of the total, which follows the scheme of one equation."""
    rng = np.random.default_rng(9)
    c, dt, k, gamma = rng.random(open_.shape), 0.4, 0.8, 1 - 1 / np.sqrt(2)
    source = rng.random(open_.shape)
    settings = {"diffusivity": 20.0, "loss": k, "spacing": 1.0, "open_": open_, "scheme": "second_order", "rtol": 1e-6}
    total, made = c[open_].sum(), source[open_].sum()
    for _ in range(5):
        c = advance(c, source, dt=dt, **settings)
        middle = (total + gamma * dt * made) / (1 + gamma * dt * k)
        total = (total + (1 - gamma) * dt * (made - k * middle) + gamma * dt * made) / (1 + gamma * dt * k)
    assert c.sum() == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("dt", [1e-3, 0.3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("loss", [0.0, 0.5])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_spike_stays_positive_at_any_step(open_, scheme, loss, dt):
    if scheme == "explicit" and dt > 1e-3:
        pytest.skip("not for so large a step")
    c = np.zeros(open_.shape)
    c[tuple(np.argwhere(open_)[40])] = 1.0
    for _ in range(4):
        c = advance(c, 0.0, diffusivity=100.0, loss=loss, spacing=1.0, dt=dt, open_=open_, scheme=scheme)
        assert c.min() >= 0.0
        assert c.max() <= 1.0


def test_an_explicit_step_at_its_limit_gives_away_all_and_no_more():
    """Every voxel beside the spike has 1/6 of it; with a loss the limit is where nothing is left."""
    c = np.zeros((5, 5, 5))
    c[2, 2, 2] = 1.0
    settings = {"diffusivity": 0.7, "spacing": 0.1, "scheme": "explicit"}
    limit = 0.1**2 / (6 * 0.7)
    out = advance(c, 0.0, loss=0.0, dt=limit, **settings)
    assert out[2, 2, 2] == 0.0
    assert out[2, 2, 1] == pytest.approx(1 / 6, rel=1e-14)
    k, g = 60.0, 6 * 0.7 / 0.1**2
    out = advance(c, 0.0, loss=k, dt=np.log1p(k / g) / k, **settings)
    assert 0.0 <= out[2, 2, 2] < 1e-15
    with pytest.raises(NumericsError, match=f"largest dt here is {np.log1p(k / g) / k:.5g}"):
        advance(c, 0.0, loss=k, dt=limit, **settings)


def test_a_repair_is_reported_and_needed():
    """A spike over 1.5 decay times: the bare second order goes below zero, by as much as is told."""
    open_ = np.ones((9, 9, 9), bool)
    c = np.zeros(open_.shape)
    c[4, 4, 4] = 1.0
    settings = {"diffusivity": 1.0, "loss": 0.1, "spacing": 1.0, "dt": 1.5}
    bare = naive.two_stages(c, 0.0, open_=open_, **settings)
    below = -bare[bare < 0].sum() / bare[bare > 0].sum()
    domain = prepare(neighbours_of(open_)[1])
    step = advance_compact(domain, c.ravel(), 0.0, scheme="second_order", rtol=1e-10, **settings)
    assert below > 0.01
    assert step.repaired == pytest.approx([below], rel=1e-5)
    assert step.concentration.min() >= 0.0
    assert step.concentration.sum() == pytest.approx(bare.sum(), rel=1e-9)
    low = naive.advance(c, 0.0, open_=open_, **settings).ravel()
    edge = 1e-9 + np.maximum(low, bare.ravel()), np.minimum(low, bare.ravel()) - 1e-9
    assert (step.concentration <= edge[0]).all() and (step.concentration >= edge[1]).all()
    smooth = advance_compact(domain, 1.0 + step.concentration, 0.0, scheme="second_order", **settings)
    assert smooth.repaired == [0.0]


def test_what_all_decays_at_once_takes_the_step_of_backward_euler():
    """k dt = 10, even: the second order multiplies by -0.20, and no part of it is worth keeping."""
    out = advance(np.ones((3, 4, 5)), 0.0, diffusivity=1.0, loss=10.0, spacing=1.0, dt=1.0, scheme="second_order")
    np.testing.assert_allclose(out, 1 / 11, rtol=1e-7)


def test_a_field_below_zero_is_left_as_it_is():
    """A start that is negative is no concentration: nothing to repair, and the step stays linear."""
    c = np.random.default_rng(10).standard_normal((6, 7))
    settings = {"diffusivity": 1.0, "loss": 0.0, "spacing": 1.0, "dt": 2.0, "scheme": "second_order", "rtol": 1e-11}
    np.testing.assert_allclose(advance(-c, 0.0, **settings), -advance(c, 0.0, **settings), atol=1e-9)


def test_between_two_fields():
    low, high = np.array([0.2, 0.3, 0.5, 0.1, 0.4]), np.array([-0.1, 0.6, 0.5, -0.2, 0.1])
    out = between(low, high, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(out, [0.0, 0.5, 0.5, 0.1, 0.4])  # region 1 has nothing to take from
    assert out[:3].sum() == pytest.approx(high[:3].sum())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bits_do_not_depend_on_the_threads(scheme, open_, monkeypatch):
    monkeypatch.setattr(medium, "WORTH_SHARING", 0)
    rng = np.random.default_rng(11)
    before = numba.get_num_threads()
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread only")
    for species in (1, 3):
        c = rng.random((species, *open_.shape)) * (rng.random(open_.shape) < 0.1)
        settings = {"diffusivity": rng.random(open_.shape), "loss": 0.3, "spacing": 1.0, "dt": 0.1, "steps": 5}
        answers = []
        try:
            for threads in (1, 2):
                numba.set_num_threads(threads)
                answers.append(advance(c, 0.2, open_=open_, scheme=scheme, **settings))
        finally:
            numba.set_num_threads(before)
        assert (answers[0] == answers[1]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dt": 0.0}, "dt is 0"),
        ({"dt": np.nan}, "dt is nan"),
        ({"dt": 1.0, "scheme": "explicit"}, r"spacing² is 1 .* largest dt here is 0.166667: take 6 steps"),
        ({"scheme": "strang"}, 'scheme is .strang.; expected "auto" or one of explicit'),
        ({"spacing": 0.0}, "spacing is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"reaction": lambda c: c}, "numba.njit"),
        ({"reaction": explode}, "what reaction returns"),
        ({"loss": -1.0}, "loss: the smallest"),
        ({"source": np.ones(3)}, "source has shape"),
        ({"concentration": np.array([[1.0, np.nan]])}, "concentration: 1 of 2"),
    ],
)
def test_what_cannot_be_stepped_is_refused(change, words):
    given = {
        "concentration": np.ones((1, 2)),
        "source": 0.0,
        "diffusivity": 1.0,
        "loss": 0.0,
        "spacing": 1.0,
        "dt": 1.0,
    }
    given.update(change)
    with pytest.raises(NumericsError, match=words):
        advance(given.pop("concentration"), given.pop("source"), **given)
