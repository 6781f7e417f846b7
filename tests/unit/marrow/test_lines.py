"""Lines of cells: each is the tree over again, and none knows of the others but by what it takes up."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.body import blood
from marrow_niche.marrow import lineages
from marrow_niche.marrow.lineages import EXITS, LINES, SIGNALS

S, X = len(SIGNALS), len(EXITS)


@pytest.fixture(scope="module")
def tree():
    species = lab.scenario().parameters
    stem = species.stem_cells
    return lineages.grow(
        species.lineages,
        species.burst,
        inflow={"MPP": stem.to_mpp * stem.number, "MkP": stem.to_mkp * stem.number},
        production=blood.production(species.blood),
    )


@pytest.fixture(scope="module")
def two(tree):
    return lineages.lined(tree, LINES)


def test_one_line_is_the_tree_itself(tree):
    """Bit for bit, in every array, of the same types."""
    one = lineages.lined(tree, LINES[:1])
    for field in dataclasses.fields(tree):
        was, now = getattr(tree, field.name), getattr(one, field.name)
        if isinstance(was, np.ndarray):
            assert was.dtype == now.dtype and was.tobytes() == now.tobytes() and was.shape == now.shape, field.name
        else:
            assert was == now, field.name
    assert one.size == len(tree.rate)
    assert all(one.rows(name) == slice(tree.first[name], tree.first[name] + tree.stages[name]) for name in tree.first)


def test_rows_of_a_line_and_of_all(tree, two):
    assert two.size == len(tree.rate) and len(two.rate) == 2 * two.size
    for name in tree.first:
        host = tree.rows(name)
        assert two.rows(name, 0) == host
        assert two.rows(name, 1) == slice(host.start + two.size, host.stop + two.size)
        assert two.rows(name).tolist() == [*range(host.start, host.stop), *range(host.start + two.size, host.stop + two.size)]
    first = tree.first["erythroblast"]
    assert two.rows("erythroblast", stages=3).tolist() == [*range(first, first + 3), *range(first + two.size, first + two.size + 3)]
    assert two.rows("erythroblast", 1, stages=3) == slice(first + two.size, first + two.size + 3)
    counts = np.arange(2.0 * two.size)
    assert two.total(counts, "GM") == counts[two.rows("GM", 0)].sum() + counts[two.rows("GM", 1)].sum()
    assert len(set(two.names)) == len(two.names)


def test_nothing_passes_from_line_to_line(tree, two):
    """Targets of the second line are its own rows and exits; it answers to its own signals; at rest it is empty."""
    n = two.size
    for target in (two.target, two.burst_target[:, np.newaxis]):
        host, marked = target[:n], target[n:]
        assert (host[host >= 0] < 2 * n + X).all() and not ((host >= n) & (host < 2 * n)).any()
        assert ((marked >= n) | (marked < 0)).all() and not ((marked >= 2 * n) & (marked < 2 * n + X)).any()
    assert two.target.max() == 2 * n + 2 * X - 1
    for name in ("rate_response", "renewal_response", "survival_response", "share_response"):
        part = getattr(two, name)
        assert part.shape[-1] == 2 * S
        assert not part[:n, ..., S:].any() and not part[n:, ..., :S].any()
        assert (part[n:, ..., S:] == part[:n, ..., :S]).all() and (part[:n, ..., :S] == getattr(tree, name)).all()
    assert (two.burst_signal == np.repeat([SIGNALS.index("SCF"), S + SIGNALS.index("SCF")], n)).all()
    assert (two.rest[:n] == tree.rest).all() and not two.rest[n:].any()


def test_the_change_of_two_lines_is_that_of_each(tree, two):
    """Other cells, other signals and other inflow in each: rows and exits are those of two trees side by side."""
    rng, n = np.random.default_rng(3), two.size
    counts, signals, flow = rng.random((2, n)), rng.lognormal(0.4, 0.8, (2, S)), rng.random((2, n))
    change, leaving = lineages.well_mixed_change(counts.ravel(), signals.ravel(), flow.ravel(), two)
    for k in range(2):
        alone, out = lineages.well_mixed_change(counts[k], signals[k], flow[k], tree)
        np.testing.assert_allclose(change.reshape(2, n)[k], alone, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(leaving.reshape(2, X)[k], out, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_a_mark_is_that_of_its_source_in_every_stage(tree, two, share):
    """Of a constant share of marked stem cells, at rest: from none in the tree, after seven years, at one part in 237 d, all stages and exits carry
    that share, and both lines together stand where one does."""
    species = lab.scenario().parameters
    stem, n = species.stem_cells, two.size
    flow = np.zeros(n)
    flow[tree.first["MPP"]], flow[tree.first["MkP"]] = stem.to_mpp * stem.number, stem.to_mkp * stem.number
    flow = np.concatenate([(1 - share) * flow, share * flow])
    counts, dt = two.rest.copy(), 4.0
    for _ in range(round(7 * 365.25 * 24 / dt)):
        change, leaving = lineages.well_mixed_change(counts, np.ones(2 * S), flow, two)
        counts = counts + dt * change
    fed = tree.rest > 0
    host, marked = counts.reshape(2, n)
    assert (host + marked)[fed] == pytest.approx(tree.rest[fed], rel=1e-9)
    assert marked[fed] / tree.rest[fed] == pytest.approx(np.full(fed.sum(), share), abs=2e-4)
    out = leaving.reshape(2, X)
    assert out[1] / out.sum(axis=0) == pytest.approx(np.full(X, share), abs=2e-4)


def test_marked_and_unmarked_stay_mixed_as_they_are(tree, two):
    """A label of a share of every cell at once, and none on the way: under demand each stage keeps the share exactly."""
    n, names = two.size, np.array([{"SCF": 3.0, "EPO": 2.0}.get(name, 1.0) for name in SIGNALS])
    counts = np.concatenate([0.8 * tree.rest, 0.2 * tree.rest])
    for _ in range(200):
        change, _ = lineages.well_mixed_change(counts, np.tile(names, 2), np.zeros(2 * n), two)
        counts = counts + 1.0 * change
    host, marked = counts.reshape(2, n)
    assert marked == pytest.approx(0.25 * host, rel=1e-10)
    assert np.abs(counts[: n][tree.rest > 0] / (0.8 * tree.rest[tree.rest > 0]) - 1).max() > 0.2
