"""The budget adds up what it says it adds up."""

import numba
import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import Fixed, Flux, Robin, Saturable, advance_compact, budget, neighbours_of, solve_steady

C = np.array([[1.0, 2.0, 3.0], [0.0, 4.0, 0.0]])


def test_the_flows_of_two_species_by_hand():
    """Voxels of 8 um³: 5 made in one voxel; lost 1.0 and 0.5 times the sum; exchange 0.25 with 3 nM outside."""
    source = np.array([[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    b = budget(C, source, loss=np.array([1.0, 0.5]), spacing=2.0, exchange=0.25, wall=3.0)
    np.testing.assert_allclose(b.secreted, [40.0, 0.0])
    np.testing.assert_allclose(b.lost, [48.0, 16.0])
    np.testing.assert_allclose(b.entered, [18.0, 18.0])
    np.testing.assert_allclose(b.left, [12.0, 8.0])
    np.testing.assert_allclose(b.stored, [0.0, 0.0])
    np.testing.assert_allclose(b.imbalance, [(58 - 60) / 48, (18 - 24) / 18])


def test_a_step_stores_the_difference_over_dt():
    b = budget(C, 0.0, loss=0.0, spacing=1.0, previous=C + 1.0, dt=0.5)
    np.testing.assert_allclose(b.stored, [-6.0, -6.0])
    np.testing.assert_allclose(b.held, [12.0, 8.0])
    np.testing.assert_allclose(b.imbalance, [0.5, 0.75])


def test_nothing_is_balanced():
    assert budget(np.zeros(4), 0.0, loss=1.0, spacing=1.0).imbalance == [0.0]


def test_a_mask_leaves_closed_voxels_out():
    open_ = np.array([[True, False], [True, True]])
    dense = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert budget(dense, dense, loss=2.0, spacing=1.0, open_=open_).lost == [12.0]
    both = np.stack([dense, 2 * dense])
    np.testing.assert_allclose(budget(both, dense, loss=both, spacing=1.0, open_=open_).lost, [14.0, 56.0])


def test_previous_and_dt_go_together():
    with pytest.raises(NumericsError, match="both previous and dt"):
        budget(C, 0.0, loss=0.0, spacing=1.0, previous=C)


def test_dense_fields_need_their_mask():
    with pytest.raises(NumericsError, match="give open_"):
        budget(np.ones((2, 2, 2)), 0.0, loss=0.0, spacing=1.0)


# ------------------------------------------------------------------------------------------- what each call brings


@pytest.fixture
def piece():
    """Two species in a ragged piece: (mask, rows of source, loss, exchange and wall)."""
    rng = np.random.default_rng(5)
    open_ = rng.random((7, 8, 9)) < 0.8
    return open_, dict(zip(("source", "loss", "exchange", "wall"), rng.random((4, 2, 7, 8, 9))))


@pytest.mark.parametrize("saturable", [None, Saturable(2.0, 0.5)])
@pytest.mark.parametrize("held", [False, True])
def test_a_steady_state_with_all_that_crosses_closes(piece, saturable, held):
    """Three kinds of faces, held voxels that differ between the species, and saturable uptake: to 10 rtol, and what crosses
    is no small part of it."""
    open_, given = piece
    fixed = None
    if held:
        fixed = np.full((2, *open_.shape), np.nan)
        fixed[0][open_ & (np.arange(9) == 4)] = 3.0
        fixed[1][open_ & (np.arange(9) == 2)] = 0.0
    faces = {"-x": Fixed(2.0), "+y": Robin(1.5, 0.3), "+z": Flux(0.4)}
    b = solve_steady(
        **given, diffusivity=np.array([1.0, 3.0]), spacing=0.7, open_=open_, boundary=faces, fixed=fixed, saturable=saturable,
        rtol=1e-8, details=True).budget  # fmt: skip
    assert np.abs(b.imbalance).max() < 1e-7
    assert (b.came > 0.2 * b.secreted).all() and (b.went > 0.1 * b.lost).all()
    assert (b.stored == 0.0).all()


def test_a_closed_box_takes_what_its_face_gives():
    """By hand: 4 voxels of edge 2 in a row, a flux of 3 over an area of 4 is all there is, and is all lost."""
    b = solve_steady(
        np.zeros((1, 1, 4)), diffusivity=5.0, loss=0.2, spacing=2.0, boundary={"-x": Flux(3.0)}, rtol=1e-12, details=True).budget
    assert b.came == pytest.approx([12.0], rel=1e-12) and b.lost == pytest.approx([12.0], rel=1e-9)


@pytest.mark.parametrize("scheme", ["backward_euler", "second_order"])
@pytest.mark.parametrize("dt", [0.01, 0.7])
def test_implicit_steps_bring_a_budget_that_closes(piece, scheme, dt):
    """Four steps in one call from a spike, long ones of second order repaired: to 10 rtol of the largest flow."""
    open_, given = piece
    _, neighbour = neighbours_of(open_)
    rows = {name: values[:, open_] for name, values in given.items()}
    start = np.zeros(rows["source"].shape)
    start[:, 7] = 5000.0
    step = advance_compact(
        neighbour, start, rows.pop("source"), **rows, diffusivity=1.0, spacing=0.7, dt=dt, steps=4, scheme=scheme, rtol=1e-9)
    b = step.budget
    assert (step.repaired > 0).any() == (scheme == "second_order" and dt > 0.1)
    assert np.abs(b.imbalance).max() < 1e-8
    assert b.stored == pytest.approx((step.concentration - start).sum(axis=1) * 0.7**3 / (4 * dt), rel=1e-9)
    assert (b.lost > 0).all() and (b.left > 0).all()


def test_a_budget_counts_what_a_reaction_makes():
    from marrow_niche.transport import transient
    from marrow_niche.transport.medium import Medium

    @numba.njit
    def growth(c):
        return 0.5 * c * (1.0 - c)

    _, neighbour = neighbours_of(np.ones((3, 4, 5), bool))
    start = np.random.default_rng(2).random((1, 60))
    medium = Medium.of(
        neighbour, (1, 60), diffusivity=1.0, loss=0.1, exchange=None, wall=None, spacing=1.0, dt=0.2, rtol=1e-10,
        max_iterations=100)  # fmt: skip
    step = transient._march(medium, "second_order", start, np.zeros((1, 60)), 3, growth, True)
    assert np.abs(step.budget.imbalance).max() < 1e-9
    assert step.budget.secreted > 0.5


def test_steps_that_solve_nothing_keep_no_budget():
    _, neighbour = neighbours_of(np.ones((3, 4, 5), bool))
    assert advance_compact(neighbour, np.ones(60), 0.0, diffusivity=1.0, loss=0.0, spacing=1.0, dt=0.1).budget is None
