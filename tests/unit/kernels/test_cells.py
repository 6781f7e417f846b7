"""Cells and molecules added up by kernels, against numpy."""

import numpy as np
import pytest

from marrow_niche.kernels import books, cells


@pytest.mark.parametrize("n", [1, 4095, 4096, 4097, 10_000])
@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float32, np.float64])
def test_cells_are_counted_by_stage_and_weighed_by_voxel(n, kind):
    rng = np.random.default_rng(n)
    counts = rng.integers(0, 2**20, (7, n)).astype(kind)
    weight = np.array([0.0, 1.0, 0.3, 0.0, 1e-3, 20.0, 1e6])
    assert (cells.by_stage(counts) == counts.sum(axis=1, dtype=np.float64)).all()
    found = np.full(n, np.nan)
    cells.by_voxel(counts, weight, found)
    assert found == pytest.approx(weight @ counts.astype(float), rel=1e-14)


def test_a_sum_by_stage_does_not_overflow():
    assert cells.by_stage(np.full((2, 3000), 2**31 - 1, np.int32)).tolist() == [3000 * (2**31 - 1)] * 2


def test_a_stage_without_weight_is_not_read():
    counts = np.array([[1.0, np.nan], [2.0, 3.0]])
    found = np.full(2, np.nan)
    cells.by_voxel(counts, np.array([0.0, 2.0]), found)
    assert found.tolist() == [4.0, 6.0]


@pytest.mark.parametrize("n", [1, 31, 32, 33, 1024, 5000])
@pytest.mark.parametrize("filled", [0.0, 1e-3, 0.1, 1.0])
def test_voxels_with_cells_are_found_in_their_order(n, filled):
    rng = np.random.default_rng(n)
    counts = (rng.random(n + 7) < filled).astype(np.int32) * rng.integers(1, 2**31, n + 7, np.int32)
    places = np.zeros(n, np.uint32)
    found = cells.occupied(counts, 7, 7 + n, places)
    assert (places[:found] == 7 + np.flatnonzero(counts[7:])).all()
    assert found == np.count_nonzero(counts[7:])
    assert cells.empty(counts[7:]) == (found == 0)


@pytest.mark.parametrize("n", [1, 1023, 1024, 5000])
def test_flows_are_sums_over_the_lattice(n):
    rng = np.random.default_rng(n)
    c, source, exchange, wall, uptake = rng.random((5, 3, n))
    decay, share = rng.random(3), rng.random(n)
    decayed = decay[:, None] * share * c
    found = books.flows(c, source, decay[:, None] * share + uptake, exchange, wall, decay, share)
    expected = [source, decayed, uptake * c, exchange * wall, exchange * c]
    assert found == pytest.approx(np.stack([part.sum(axis=1) for part in expected], axis=1), rel=1e-12)


def test_a_sum_of_products_is_numpys(n=3 * cells.BLOCK + 5):
    a, b = np.random.default_rng(1).random((2, n))
    assert cells.product_sum(a, b) == pytest.approx((a * b).sum(), rel=1e-13)
