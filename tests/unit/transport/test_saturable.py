"""Uptake that saturates: against a naive iteration, its limits, its monotone rise, what is refused."""

import naive_transport as naive
import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import Saturable, budget, neighbours_of, prepare, saturable, solve_saturable, solve_steady
from marrow_niche.transport.domain import with_pattern


def problem(shape=(7, 8, 9), seed=1):
    rng = np.random.default_rng(seed)
    open_ = rng.random(shape) < 0.7
    return open_, {
        "source": rng.exponential(1.0, shape) * (rng.random(shape) < 0.3),
        "loss": 1e-3 * rng.random(shape),
        "exchange": rng.random(shape) * (rng.random(shape) < 0.1),
        "wall": 3 * rng.random(shape),
    }


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("half", [0.05, 1.0, 20.0])
def test_agrees_with_a_naive_iteration_at_any_filling(half, uneven):
    """km far below, at and far above the concentrations; vmax over two decades and none in a third of the voxels."""
    open_, given = problem()
    rng = np.random.default_rng(3)
    vmax = 10 ** rng.uniform(-1, 1, open_.shape) * (rng.random(open_.shape) < 0.67)
    km = half * rng.uniform(0.5, 2, open_.shape)
    d = rng.uniform(1, 9, open_.shape) if uneven else 5.0
    told = solve_steady(
        diffusivity=d, spacing=1.3, open_=open_, saturable=Saturable(vmax, km), rtol=1e-11, details=True, **given
    )
    exact = naive.solve_saturable(vmax=vmax, km=km, diffusivity=d, spacing=1.3, open_=open_, **given)
    np.testing.assert_allclose(told.concentration, exact, rtol=1e-6, atol=1e-9 * exact.max())
    assert told.residual[0] <= 1e-11


def test_the_residual_told_is_that_of_the_equation_itself():
    open_, given = problem()
    c = solve_steady(
        diffusivity=5.0, spacing=1.3, open_=open_, saturable=Saturable(2.0, 0.5), rtol=1e-5, details=True, **given
    )
    a = naive.matrix(open_, 5.0, given["loss"] + given["exchange"], 1.3)
    b = (given["source"] + given["exchange"] * given["wall"])[open_]
    inside = c.concentration[open_]
    true = np.linalg.norm(a @ inside + 2.0 * inside / (0.5 + inside) - b) / np.linalg.norm(b)
    assert c.residual[0] == pytest.approx(true, rel=1e-6)
    assert true <= 1e-5


def test_the_ends_are_first_order_and_zero_order():
    """km large: a loss of vmax / km. km small and enough to take up: vmax taken out whatever the concentration."""
    source = np.random.default_rng(4).random((6, 7, 8)) + 1.0
    settings = {"diffusivity": 3.0, "spacing": 1.0, "rtol": 1e-11}
    first = solve_steady(source, loss=0.1, saturable=Saturable(0.7e9, 1e9), **settings)
    np.testing.assert_allclose(first, solve_steady(source, loss=0.8, **settings), rtol=1e-7)
    zero = solve_steady(source, loss=0.1, saturable=Saturable(0.5, 1e-9), **settings)
    np.testing.assert_allclose(zero, solve_steady(source - 0.5, loss=0.1, **settings), rtol=1e-7)


def test_an_even_field_is_the_root_of_its_quadratic():
    """source = loss c + vmax c / (km + c), alone in a voxel and without any diffusion between several."""
    source, loss, vmax, km = 2.0, 0.3, 1.7, 0.4
    p = loss * km + vmax - source
    exact = (-p + np.sqrt(p * p + 4 * loss * source * km)) / (2 * loss)
    for shape, d in (((1, 1, 1), 1.0), ((3, 4), 0.0), ((3, 4, 5), 6.0)):
        c = solve_steady(np.full(shape, source), diffusivity=d, loss=loss, spacing=1.0, saturable=Saturable(vmax, km), rtol=1e-12)
        np.testing.assert_allclose(c, exact, rtol=1e-10)


def test_the_rounds_rise_below_the_solution_and_double_their_digits(monkeypatch):
    """The monotone Newton theorem, seen: each round, solved to the end, lies above the last and below the answer."""
    open_, given = problem()
    domain = prepare(neighbours_of(open_)[1])
    given = {name: values[open_] for name, values in given.items()}
    given |= {"saturable": Saturable(3.0, 0.2), "diffusivity": 5.0, "spacing": 1.0}
    seen = []
    tangent = saturable._Problem.solve_tangent

    def watched(self, which, c, rtol, most):
        answer = tangent(self, which, c, 1e-13, most)
        seen.append(answer.concentration[0].copy())
        return answer

    monkeypatch.setattr(saturable._Problem, "solve_tangent", watched)
    source = given.pop("source")
    exact = solve_saturable(domain, source, rtol=1e-12, **given).concentration
    for guess in (None, np.full(domain.n, 50.0)):
        seen.clear()
        solve_saturable(domain, source, guess=guess, rtol=1e-11, **given)
        slack = 1e-9 * exact.max()
        rising = [np.maximum(c, 0.0) for c in seen]
        assert all((later >= before - slack).all() for before, later in zip(rising, rising[1:]))
        assert all((c <= exact + slack).all() for c in rising)
        assert len(seen) <= 9


def test_any_guess_ends_at_the_same_field_and_a_good_one_sooner():
    open_, given = problem()
    domain = prepare(neighbours_of(open_)[1])
    given = {name: values[open_] for name, values in given.items()}
    source = given.pop("source")
    given |= {"saturable": Saturable(3.0, 0.2), "diffusivity": 5.0, "spacing": 1.0, "rtol": 1e-9}
    cold = solve_saturable(domain, source, **given)
    for guess in (np.full(domain.n, 1e6), np.full(domain.n, -5.0), np.random.default_rng(5).random(domain.n)):
        other = solve_saturable(domain, source, guess=guess, **given)
        np.testing.assert_allclose(other.concentration, cold.concentration, rtol=1e-5, atol=1e-9)
    again = solve_saturable(domain, source, guess=cold.concentration, **given)
    assert again.iterations[0] < cold.iterations[0]


def test_several_species_in_one_call_are_what_they_are_alone():
    """One fills up, one does not, one has no saturable uptake, one has no source."""
    domain = prepare(neighbours_of(np.random.default_rng(6).random((7, 7, 7)) < 0.8)[1])
    source = np.random.default_rng(7).random((4, domain.n)) * np.array([[5.0], [0.1], [1.0], [0.0]])
    vmax, km = np.array([2.0, 2.0, 0.0, 1.0]), np.array([0.1, 10.0, 1.0, 1.0])
    settings = {"diffusivity": 4.0, "loss": 0.2, "spacing": 1.0, "rtol": 1e-9}
    together = solve_saturable(domain, source, saturable=Saturable(vmax, km), **settings)
    assert (together.concentration[3] == 0.0).all()
    assert (together.residual <= 1e-9).all()
    for s in range(3):
        alone = solve_saturable(domain, source[s], saturable=Saturable(vmax[s], km[s]), **settings)
        np.testing.assert_allclose(together.concentration[s], alone.concentration, rtol=1e-7)


def test_a_region_with_saturable_uptake_alone_and_its_budget():
    """Nothing else is lost; with half of what could be taken up everything made is."""
    source = np.random.default_rng(8).random((6, 6, 6))
    c = solve_steady(source, diffusivity=4.0, loss=0.0, spacing=1.0, saturable=Saturable(1.0, 0.3), rtol=1e-10)
    books = budget(c, source, loss=1.0 / (0.3 + c), spacing=1.0, open_=np.ones(source.shape, bool))
    assert abs(books.imbalance[0]) < 1e-8
    assert c.min() > 0.0


def test_a_domain_with_a_pattern_of_diffusivity():
    open_, given = problem()
    domain = prepare(neighbours_of(open_)[1])
    relative = np.random.default_rng(9).uniform(0.1, 1.0, domain.n)
    given = {name: values[open_] for name, values in given.items()} | {"saturable": Saturable(3.0, 0.2), "spacing": 1.0}
    source = given.pop("source")
    one = solve_saturable(with_pattern(domain, relative), source, diffusivity=5.0, rtol=1e-10, **given)
    two = solve_saturable(domain, source, diffusivity=5.0 * relative, rtol=1e-10, **given)
    np.testing.assert_allclose(one.concentration, two.concentration, rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_no_concentration_is_negative(seed):
    open_, given = problem((9, 9, 9), seed)
    given["source"] *= np.random.default_rng(seed).random(open_.shape) < 0.02
    c = solve_steady(diffusivity=0.3, spacing=1.0, open_=open_, saturable=Saturable(20.0, 1e-3), rtol=1e-4, **given)
    assert c.min() >= 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vmax": -1.0}, "vmax: the smallest value is -1"),
        ({"vmax": np.nan}, "vmax: 1 of 1 values are nan"),
        ({"vmax": np.ones(3)}, "vmax has shape"),
        ({"km": 0.0}, "km: the smallest value is 0; expected a concentration above zero"),
        ({"km": np.inf}, "km: 1 of 1 values are nan or infinite"),
        ({"source": np.array([[1.0, -1.0], [1.0, 1.0]])}, "source .* is -1 in voxel 1; with saturable uptake"),
        ({"vmax": 0.9, "loss": 0.0}, "voxel 0 makes 4 and can take up less than 3.6"),
        ({"vmax": 0.0, "loss": 0.0}, "neither loss nor exchange"),
        ({"rtol": 0.0}, "rtol is 0"),
        ({"loss": -1.0}, "loss: the smallest value is -1"),
    ],
)
def test_what_cannot_be_solved_is_refused_in_plain_words(change, words):
    given = {"source": np.ones((2, 2)), "vmax": 2.0, "km": 1.0, "loss": 0.1, "diffusivity": 1.0, "spacing": 1.0} | change
    with pytest.raises(NumericsError, match=words):
        solve_steady(given.pop("source"), saturable=Saturable(given.pop("vmax"), given.pop("km")), **given)


def test_what_does_not_settle_says_how_far_it_came():
    domain = prepare(neighbours_of(np.ones((6, 6, 6), bool))[1])
    with pytest.raises(NumericsError, match=r"saturable uptake the relative residual is .* after 1 rounds, above rtol 1.0e-10"):
        solve_saturable(domain, np.ones(domain.n), saturable=Saturable(2.0, 0.1), diffusivity=1.0, loss=0.1, spacing=1.0,
                        rtol=1e-10, rounds=1)
