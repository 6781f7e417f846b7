"""Genealogies of stem cells: a small one by hand, and a random one beside its naive twin."""

import sys

import naive_marrow
import numpy as np
import pandas as pd
import pytest

from marrow_niche.analysis import genealogy
from marrow_niche.errors import RunError
from marrow_niche.record.results import Results

FIRST = pd.DataFrame({"id": [1, 2, 3], "x_um": [10.0, 20.0, 30.0], "y_um": 0.0, "z_um": 5.0})
"""Three founders."""
BIRTHS = pd.DataFrame(
    [
        (1.0, 4, 1, 11.0, 0.0, 5.0),
        (2.0, 5, 1, 12.0, 0.0, 5.0),  # nothing of 5 is left: this division does not show
        (2.5, 6, -1, np.nan, np.nan, np.nan),  # of a graft
        (3.0, 7, 4, 13.0, 0.0, 5.0),
        (4.0, 8, 6, 14.0, 0.0, 5.0),
        (8.0, 9, 3, 15.0, 0.0, 5.0),
    ],
    columns=["day", "cell", "parent", "x_um", "y_um", "z_um"],
)


def alive(clones):
    """Cells of day 10, by id their clone; the x of each is 100 times its id."""
    ids = list(clones)
    return pd.DataFrame(
        {"id": ids, "clone": list(clones.values()), "x_um": 100.0 * np.array(ids, float), "y_um": 0.0, "z_um": 5.0}
    )


CELLS = alive({9: 3, 1: 1, 7: 1, 4: 1, 8: 6, 6: 6})


class Recorded:
    """What `genealogy` reads of results."""

    directory, days, births = "runs/here", np.array([0.0, 10.0]), BIRTHS

    def __init__(self, cells):
        self.last = cells
        self.last.attrs["day"] = 10.0

    def cells(self, day=None):
        return FIRST if Results.nearest(self, self.days, day) == 0 else self.last


@pytest.fixture
def known():
    return genealogy.genealogy(Recorded(CELLS))


def test_a_known_tree(known):
    assert known.cell.tolist() == [1, 4, 6, 7, 8, 9] and known.leaves == 6
    # divisions: 6 into 6 and 8, 4 into 4 and 7, 1 into 1 and 4; founders 1, 3 and 6
    assert known.parent.tolist() == [8, 7, 6, 7, 6, 10, 11, 8, 9, -1, -1, -1]
    assert known.day.tolist() == [10.0] * 6 + [4.0, 3.0, 1.0] + [0.0, 0.0, 2.5]
    assert known.clone.tolist() == [1, 1, 6, 1, 6, 3, 6, 1, 1, 1, 3, 6]
    assert known.position[:, 0].tolist()[:-1] == [100, 400, 600, 700, 800, 900, 14, 13, 11, 10, 30]
    assert np.isnan(known.position[-1]).all()  # it came by the blood


def test_its_newick(known):
    assert genealogy.newick(known).splitlines() == [
        "(cell_1:9,(cell_4:7,cell_7:7):2)clone_1:1;",
        "(cell_9:10)clone_3;",
        "(cell_6:6,cell_8:6)clone_6:1.5;",
    ]


def test_its_lines(known):
    found = genealogy.lines(known)
    ends = found["nodes"][:, 0][found["edges"]].tolist()
    # one a node besides the founders, but for the division of the grafted clone, whose founder has no place
    assert ends == [[11, 100], [13, 400], [14, 600], [13, 700], [14, 800], [30, 900], [11, 13], [10, 11]]
    assert found["arrays"]["from_day"].tolist() == [1, 3, 4, 3, 4, 0, 1, 0]
    assert found["arrays"]["to_day"].tolist() == [10] * 6 + [3, 1]
    assert found["arrays"]["length_um"].tolist() == [89, 387, 586, 687, 786, 870, 2, 1]
    assert found["arrays"]["clone"].tolist() == [1, 1, 6, 1, 6, 3, 1, 1]
    assert found["node_arrays"]["kind"].tolist() == [0] * 6 + [1, 1, 1, 2, 2]
    assert found["node_arrays"]["cell"].tolist() == [1, 4, 6, 7, 8, 9] + [-1] * 5


def test_its_tree_sequence(known):
    tree = genealogy.tree_sequence(known).first()
    assert sorted(tree.samples()) == list(range(6)) and tree.num_roots == 3
    assert tree.tmrca(1, 3) == 7.0 and tree.tmrca(0, 3) == 9.0 and tree.mrca(0, 5) == -1
    assert tree.time(11) == 7.5  # grafted
    assert tree.tree_sequence.individual(tree.tree_sequence.node(6).individual).location.tolist() == [14.0, 0.0, 5.0]


def test_daughters_of_the_first_hour_hang_from_their_founder():
    """The division of founder 1 in hour 0 has no branch above it, which tskit cannot hold; its daughters part on day 0."""
    births = pd.concat([pd.DataFrame([(0.0, 4, 1, 11.0, 0.0, 5.0)], columns=BIRTHS.columns), BIRTHS[4:]])
    found = genealogy.trace(alive({1: 1, 4: 1, 3: 3}), births, FIRST, at=10.0)
    assert genealogy.newick(found).splitlines() == ["(cell_1:10,cell_4:10)clone_1:0;", "(cell_3:10)clone_3;"]
    tree = genealogy.tree_sequence(found).first()
    assert tree.num_roots == 2 and tree.mrca(0, 2) == 4 and tree.tmrca(0, 2) == 10.0  # the founder of clone 1
    assert tree.parent(3) == -1 and tree.num_children(3) == 0  # the division


def test_without_tskit_it_is_said_how_to_have_it(known, monkeypatch):
    monkeypatch.setitem(sys.modules, "tskit", None)
    with pytest.raises(RunError, match=r"pip install 'marrow-niche\[tskit\]'"):
        genealogy.tree_sequence(known)


def test_of_the_first_day_every_cell_is_its_own_founder():
    found = genealogy.trace(FIRST, BIRTHS, FIRST, at=0.0)
    assert found.parent.tolist() == [3, 4, 5, -1, -1, -1] and found.branch[:3].tolist() == [0, 0, 0]
    assert genealogy.newick(found) == "(cell_1:0)clone_1;\n(cell_2:0)clone_2;\n(cell_3:0)clone_3;\n"
    assert genealogy.tree_sequence(found).first().num_roots == 3


def test_no_cells_have_no_genealogy():
    found = genealogy.trace(alive({}), BIRTHS, FIRST, at=10.0)
    assert found.leaves == 0 and genealogy.newick(found) == ""
    assert genealogy.lines(found)["edges"].shape == (0, 2)


def test_births_that_do_not_lead_to_the_clones_are_refused():
    with pytest.raises(RunError, match=r"births\.csv does not lead"):
        genealogy.genealogy(Recorded(alive({1: 1, 7: 3})))


@pytest.mark.parametrize("day", [-3.0, 99.0])
def test_a_day_outside_of_the_run_is_refused_and_not_the_nearest_taken(day):
    with pytest.raises(RunError, match=f"day {day:g} is not recorded; choose one of day 0 to 10"):
        genealogy.genealogy(Recorded(CELLS), day=day)
    assert genealogy.genealogy(Recorded(CELLS), day=10.3).leaves == len(CELLS)


def test_any_two_cells_part_where_their_mothers_say():
    """A random forest of a few hundred births with deaths, against the chains of mothers, pair by pair."""
    rng = np.random.default_rng(3)
    living, rows, new = list(range(20)), [], 20
    for hour in range(300):
        mother = living[rng.integers(len(living))]
        rows.append((hour / 24, new, mother, *rng.random(3)))
        living.append(new)
        new += 1
        if len(living) > 30:
            living.remove(living[rng.integers(len(living))])
    births = pd.DataFrame(rows, columns=BIRTHS.columns)
    cells, at = alive(dict.fromkeys(living, 0)), 300 / 24
    first = pd.DataFrame({"id": range(20), "x_um": 0.0, "y_um": 0.0, "z_um": 0.0})
    found = genealogy.trace(cells, births, first, at=at)
    tree = genealogy.tree_sequence(found).first()
    mothers = {cell: (mother, day) for day, cell, mother, *_ in rows}
    parted = [
        (naive_marrow.parted(a, b, mothers), at - tree.tmrca(i, j) if tree.mrca(i, j) >= 0 else None)
        for i, a in enumerate(found.cell.tolist())
        for j, b in enumerate(found.cell.tolist())
        if i < j
    ]
    assert len(parted) == 30 * 29 / 2 and 20 < sum(naive is not None for naive, _ in parted) < len(parted)
    for naive, fast in parted:
        assert (naive is None) == (fast is None) and (naive is None or fast == pytest.approx(naive))
    assert found.clone[:30].tolist() == [naive_marrow.chain(cell, mothers)[-1][0] for cell in found.cell.tolist()]
    assert (np.bincount(found.parent[found.parent >= 0], minlength=len(found.parent))[30:] <= 2).all()
