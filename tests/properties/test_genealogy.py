"""What births tell of stem cells agrees with what stem cells tell of themselves, whatever befalls them."""

import copy
import dataclasses

import lab
import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis import genealogy
from marrow_niche.perturbations.bleed import Bleed
from marrow_niche.perturbations.graft import Graft
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.simulation import advance, observe

DAYS = 9
EVENTS = [Bleed(at=40.0, fraction=0.4), Graft(at=48.0, cells={"HSC": 3000, "tip": 300})]


def begin():
    """A marrow that will be hit by 2 Gy on day 1, bled and grafted."""
    model, state = lab.marrow(marked=True, dosed=True, events=EVENTS)
    return dataclasses.replace(model, exposures=Radiation(at=24.0, dose=2.0).exposures()), state


def table(stem):
    """Stem cells of a state as `trace` reads them."""
    place = dict(zip(genealogy.PLACE, stem.position.T, strict=True))
    return pd.DataFrame({"id": stem.id, "clone": stem.clone} | place)


@pytest.fixture(scope="module")
def lived():
    """(first state, last state, births) of nine days."""
    model, state = begin()
    first = copy.deepcopy(state)
    for _ in range(24 * DAYS):
        advance(state, model)
    return first, state, pd.DataFrame(observe.births(state))


@pytest.fixture(scope="module")
def forest(lived):
    first, last, births = lived
    return genealogy.trace(table(last.stem), births, table(first.stem), at=float(DAYS))


def test_every_new_cell_is_born_once_after_its_mother(lived):
    first, last, births = lived
    grafted = births["parent"] < 0
    assert len(births) == last.next_id - first.next_id == last.born + grafted.sum()
    assert last.born > 500 and grafted.sum() > 20
    assert births["cell"].tolist() == list(range(first.next_id, last.next_id))  # each once, in order
    assert births["day"].is_monotonic_increasing and births["day"].between(0, DAYS).all()
    assert (births.loc[grafted, "day"] == 2.0).all()
    born = dict(zip(births["cell"], births["day"]))
    mother = births.loc[~grafted, "parent"].map(lambda cell: born.get(cell, -np.inf))
    assert (mother < births.loc[~grafted, "day"]).all()
    assert births.loc[~grafted, genealogy.PLACE].notna().all(axis=None)


def test_leaves_are_the_living_and_lead_to_their_clones(lived, forest):
    last = lived[1].stem
    order = np.argsort(last.id)
    assert forest.cell.tolist() == last.id[order].tolist()
    assert forest.clone[: forest.leaves].tolist() == last.clone[order].tolist()
    assert (forest.parent < 0).sum() == len(np.unique(last.clone)) < forest.leaves


def test_it_is_a_forest_of_binary_trees_in_time(forest):
    n, k = len(forest.parent), forest.leaves
    trees = int((forest.parent < 0).sum())
    children = np.bincount(forest.parent[forest.parent >= 0], minlength=n)
    assert (children[:k] == 0).all() and (children[k : n - trees] == 2).all() and (children[n - trees :] == 1).all()
    below = forest.parent >= 0
    divided_at_once = forest.day == 0  # founders in the hour of the start
    assert ((forest.branch > 0) | divided_at_once)[below].all() and (forest.parent[below] > np.flatnonzero(below)).all()
    assert (forest.branch[below] >= 0).all()
    assert genealogy.newick(forest).count("cell_") == k and genealogy.newick(forest).count("\n") == trees


def test_no_line_of_descent_has_more_branchings_than_the_cell_divisions(lived, forest):
    last = lived[1].stem
    divided = dict(zip(last.id.tolist(), last.divisions.tolist()))
    depth = np.zeros(len(forest.parent), int)
    for i in range(len(forest.parent) - 1, -1, -1):
        if forest.parent[i] >= 0:
            depth[i] = depth[forest.parent[i]] + (i >= forest.leaves)
    leaf = range(forest.leaves)
    above = np.array([depth[forest.parent[i]] for i in leaf])
    assert (above <= [divided[int(forest.cell[i])] for i in leaf]).all() and above.max() >= 2


def test_births_draw_no_chance(lived):
    """Those who come after are the same whether births are taken out of the state at every hour or never."""
    model, state = begin()
    for _ in range(72):
        advance(state, model)
        state.births = observe.no_births()
    model, other = begin()
    for _ in range(72):
        advance(other, model)
    assert len(other.births.hour) > 50
    assert np.array_equal(state.stem.id, other.stem.id) and np.array_equal(state.stem.position, other.stem.position)
