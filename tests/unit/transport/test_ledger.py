"""The budget adds up what it says it adds up."""

import numpy as np
import pytest

from marrow_niche.errors import NumericsError
from marrow_niche.transport import budget

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
