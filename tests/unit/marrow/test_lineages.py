"""The tree: rests exactly where the numbers say, gives what blood needs, and refuses numbers that contradict each other."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.body import blood
from marrow_niche.marrow import lineages
from marrow_niche.marrow.lineages import EXITS, SIGNALS, Burst, Compartment
from marrow_niche.simulation.assembly import weights


def inflow_of(species):
    stem = species.stem_cells
    return {"MPP": stem.to_mpp * stem.number, "MkP": stem.to_mkp * stem.number}


def grow(species, **changes):
    """The species' tree, with some compartments replaced."""
    tree = dict(species.lineages) | changes
    return lineages.grow(tree, species.burst, inflow=inflow_of(species), production=blood.production(species.blood))


@pytest.fixture(scope="module")
def species():
    return lab.scenario().parameters


@pytest.fixture(scope="module")
def tree(species):
    return grow(species)


def entering(tree, species):
    flow = np.zeros(len(tree.rate))
    for name, cells in inflow_of(species).items():
        flow[tree.first[name]] = cells
    return flow


def test_the_resting_tree_stands_still(tree, species):
    """dN/dt over r N is round-off in every stage, and what leaves is the resting output by each exit."""
    change, leaving = lineages.well_mixed_change(tree.rest, np.ones(len(SIGNALS)), entering(tree, species), tree)
    fed = tree.rest > 0
    assert fed.sum() == len(tree.rest) - species.burst.doublings
    assert np.abs(change[fed] / tree.rest[fed]).max() < 1e-12
    assert (change[~fed] == 0).all()
    assert leaving == pytest.approx(tree.output, rel=1e-12)
    assert (tree.output > 0).all()


def test_self_renewing_compartments_rest_at_their_measured_numbers(tree, species):
    for name, c in species.lineages.items():
        if c.number is not None:
            assert tree.total(tree.rest, name) == c.number
            assert tree.rate[tree.first[name]] == c.division
        else:
            rows = tree.rows(name)
            assert (1 / tree.rate[rows]).sum() == pytest.approx(c.transit, rel=1e-12)


def test_each_division_is_one_cell_more(tree, species):
    """Organism at rest, no death: cells out = cells in + divisions, compartment by compartment."""
    signals = np.ones(len(SIGNALS))
    for name, c in species.lineages.items():
        if c.survival_at_rest < 1 or c.closes:
            continue
        rows = tree.rows(name)
        flow = entering(tree, species)
        _, leaving = lineages.well_mixed_change(tree.rest, signals, flow, tree)
        divisions = (tree.rate[rows] * tree.rest[rows]).sum() * (1 if c.divides else 0)
        alone = np.zeros_like(tree.rest)
        alone[rows] = tree.rest[rows]
        change, exits = lineages.well_mixed_change(alone, signals, np.zeros_like(alone), tree)
        out = exits.sum() + change.sum() - change[rows].sum()
        assert out == pytest.approx(-change[rows].sum() + divisions, rel=1e-12)
        assert leaving.sum() > 0


def test_red_cells_close(tree, species):
    """What leaves as reticulocytes is what blood needs, by the survival of erythroblasts, which is below one."""
    needed = blood.production(species.blood)["reticulocytes"]
    assert tree.output[EXITS.index("reticulocytes")] == pytest.approx(needed, rel=1e-12)
    survival = tree.survival[tree.rows("erythroblast")]
    assert np.ptp(survival) == 0 and 0.5 < survival[0] < 1


def test_twice_the_stem_cells_are_not_needed_for_a_fixed_point(species):
    """Other measured numbers, another fixed point: three times the inflow moves renewal, not the numbers."""
    flow = {name: 3 * cells for name, cells in inflow_of(species).items()}
    tree = lineages.grow(species.lineages, species.burst, inflow=flow, production=blood.production(species.blood))
    first = np.zeros(len(tree.rate))
    for name, cells in flow.items():
        first[tree.first[name]] = cells
    change, _ = lineages.well_mixed_change(tree.rest, np.ones(len(SIGNALS)), first, tree)
    assert np.abs(change[tree.rest > 0] / tree.rest[tree.rest > 0]).max() < 1e-12
    assert tree.renewal[tree.first["MPP"]] < grow(species).renewal[tree.first["MPP"]]
    assert tree.total(tree.rest, "MPP") == species.lineages["MPP"].number


def label(species, tree, days=104.0, step=3.0):
    """Marked share of each compartment in the stirred marrow at rest, over that of the tip, of which all is marked on day 0, with
    0.26 of the other stem cells. Where signals are at rest marked cells obey the rule of all cells."""
    stem, marked, share = species.stem_cells, np.zeros(len(tree.rest)), 0.26
    for _ in range(round(24 * days / step)):
        change, _ = lineages.well_mixed_change(marked, np.ones(len(SIGNALS)), share * entering(tree, species), tree)
        marked += step * change
        share += step * stem.tip_number * stem.tip_division / stem.number * (1 - share)
    everyone = {name: tree.total(tree.rest, name) for name in tree.first}
    return {name: tree.total(marked, name) / cells for name, cells in everyone.items() if cells} | {"HSC": share}


def test_by_two_roads_a_label_leads_in_cmp_over_hpc1_and_by_one_it_cannot(species, tree):
    """Morcos 2022, day 104: 1.38, which one road after the other could not come near; HPC1 over MPP 0.47, CLP over HPC1 0.63."""
    both = label(species, tree)
    assert 1.1 < both["CMP"] / both["HPC1"] < 1.4
    assert 0.4 < both["HPC1"] / both["MPP"] < 0.55 and 0.55 < both["CLP"] / both["HPC1"] < 0.75
    mpp, hpc1 = species.lineages["MPP"], species.lineages["HPC1"]
    for pace in (0.36, 0.75, 0.95):
        chain = label(species, grow(species, MPP=dataclasses.replace(mpp, into={"HPC1": 1.0, "HPC2": 0.0}),
                                    HPC1=dataclasses.replace(hpc1, division=pace / 24)))
        assert chain["CMP"] < chain["HPC1"] < 0.65 * chain["MPP"]
        assert chain["HPC1"] / chain["MPP"] > 1.15 * both["HPC1"] / both["MPP"]


def test_a_compartment_that_nothing_feeds_is_empty_and_the_rest_stands(species):
    """Man's HPC2: none of what MPP give goes there, and no number is missed elsewhere."""
    mpp = dataclasses.replace(species.lineages["MPP"], into={"HPC1": 1.0, "HPC2": 0.0})
    tree = grow(species, MPP=mpp)
    assert tree.total(tree.rest, "HPC2") == 0
    change, _ = lineages.well_mixed_change(tree.rest, np.ones(len(SIGNALS)), entering(tree, species), tree)
    assert np.abs(change).max() < 1e-12 * tree.rest.max()
    assert tree.total(tree.rest, "HPC1") == species.lineages["HPC1"].number
    assert (weights(tree, 1e-3, 6000, True) > 0).all()  # of a cell that might come by a graft


# ------------------------------------------------------------------------------------------- contradictions


@pytest.mark.parametrize(("name", "changes"), [
    ("MPP", {"division": 1e-5}),                          # cannot even replace what enters
    ("CMP", {"number": 1000.0}),                          # so few cells cannot pass on that many
    ("MPP", {"renewal_limit": 0.3}),                      # renewal at rest above what strong signals give
    ("erythroblast", {"stages": 1}),                      # one doubling cannot make the blood's red cells
    ("erythroblast", {"stages": 2}),
])
def test_contradictory_numbers_are_refused_by_name(species, name, changes):
    with pytest.raises(ValueError, match=rf"lineages\.{name}\b"):
        grow(species, **{name: dataclasses.replace(species.lineages[name], **changes)})


@pytest.mark.parametrize(("name", "changes"), [
    ("CMP", {"into": {"GMP": 0.5, "MEP": 0.4}}),          # a tenth of the cells would vanish
    ("CMP", {"into": {"GMP": 0.6, "MEP": 0.6}}),
    ("GMP", {"into": {"GM": 0.9, "MPP": 0.1}}),           # upstream: the resting numbers could not be found in one pass
    ("GMP", {"into": {"GM": 0.9, "basophil": 0.1}}),      # nobody of that name
    ("GM", {"transit": None}),                            # neither number nor transit
    ("GM", {"rate_limit": 0.5 / 24}),                     # at rest already faster than its fastest
])
def test_a_tree_that_does_not_hang_together_is_refused_by_name(species, name, changes):
    with pytest.raises(ValueError, match=rf"lineages\.{name}\b"):
        grow(species, **{name: dataclasses.replace(species.lineages[name], **changes)})


# --------------------------------------------------------------------------------------------- signals at work


def stage(tree, species, signals, name):
    """(rate, renewal, survival) of the first stage of `name`, read off the equation itself."""
    felt = np.array([signals.get(s, 1.0) for s in SIGNALS])
    row, alone = tree.first[name], np.zeros(len(tree.rate))
    alone[row] = 1.0
    change, exits = lineages.well_mixed_change(alone, felt, np.zeros_like(alone), tree)
    return change, exits


def test_more_scf_means_more_divisions_up_to_the_limit(tree, species):
    """MPP at SCF x: r = r₀ m/(1 + (m − 1) r₀/r_max), m = x²; renewal Hill of x times the vessel signal."""
    c, row = species.lineages["MPP"], tree.first["MPP"]
    for x in (0.2, 1.0, 0.99 * species.burst.threshold):  # below the threshold of the emergency chain
        m, v = x**2, 0.7
        rate = c.division * m / (1 + (m - 1) * c.division / c.rate_limit)
        renewal = c.renewal_limit * x * v / (x * v + c.renewal_limit / tree.renewal[row] - 1)
        change, _ = stage(tree, species, {"SCF": x, "vessel": v}, "MPP")
        assert change[row] == pytest.approx(rate * (2 * renewal - 1), rel=1e-12)
        for name, part in c.into.items():
            assert change[tree.first[name]] == pytest.approx(part * 2 * rate * (1 - renewal), rel=1e-12)


def test_shares_lean_to_the_lineage_in_demand(tree, species):
    """EPO x e takes CMP towards MEP by e^0.15, the shares still adding up to one."""
    into = species.lineages["CMP"].into
    change, _ = stage(tree, species, {"EPO": 8.0}, "CMP")
    weights = {"GMP": into["GMP"], "MEP": into["MEP"] * 8.0**0.15, "MkP": into["MkP"]}
    given = {name: change[tree.first[name]] for name in weights}
    for name, w in weights.items():
        assert given[name] / sum(given.values()) == pytest.approx(w / sum(weights.values()), rel=1e-12)


def test_the_emergency_chain_opens_above_its_threshold_only(tree, species):
    """Demand is 0 up to the threshold, ½ where the excess is the half value, and nears 1; it takes cells one way."""
    b = species.burst
    assert lineages.demand(np.array([0.0, 1.0, b.threshold]), tree).tolist() == [0, 0, 0]
    assert lineages.demand(b.threshold * (1 + b.half), tree) == pytest.approx(0.5, rel=1e-12)
    assert 0.99 < lineages.demand(100.0, tree) < 1
    for name, at in b.entry.items():
        change, _ = stage(tree, species, {"SCF": b.threshold * (1 + b.half)}, name)
        assert change[tree.first["burst"] + at - 1] == pytest.approx(0.5 * species.lineages[name].burst, rel=1e-12)
    # one cell in at the first doubling comes out as two to the number of doublings
    flow, x = np.zeros(len(tree.rate)), tree.rows("burst")
    flow[x.start] = 1.0
    counts = np.zeros(len(tree.rate))
    counts[x] = 2.0 ** np.arange(b.doublings) / tree.rate[x]
    change, _ = lineages.well_mixed_change(counts, np.ones(len(SIGNALS)), flow, tree)
    assert np.abs(change[x]).max() < 1e-10
    for name, part in b.into.items():
        assert change[tree.first[name]] == pytest.approx(part * 2.0**b.doublings, rel=1e-12)


@pytest.mark.parametrize("entry", ["MPP", "HPC1"])
def test_the_chain_makes_of_a_cell_about_what_rest_makes_of_it(tree, species, entry):
    """CMP of one cell, at rest down the tree and through the mouse's chain: the same to the nearest whole doubling."""

    def made(name, into):
        """Of a cell that renews itself by p, for its heirs in `into`: 2 (1 - p)/(1 - 2 p) times their share."""
        p = tree.renewal[tree.first[name]]
        return 2 * (1 - p) / (1 - 2 * p) * species.lineages[name].into[into]

    b, rest = species.burst, made("HPC1", "CMP")
    if entry == "MPP":
        rest = made("MPP", "HPC1") * rest + made("MPP", "HPC2") * 2.0 ** species.lineages["HPC2"].stages
    hasty = 2.0 ** (b.doublings - b.entry[entry] + 1) * b.into["CMP"]
    assert abs(np.log2(hasty / rest)) < 0.5


def entered(species, name=None, **chain):
    """The species' tree with another chain, which `name` enters too."""
    more = {name: dataclasses.replace(species.lineages[name], burst=0.01)} if name else {}
    inflow = {"MPP": species.stem_cells.to_mpp * species.stem_cells.number}
    burst = dataclasses.replace(species.burst, **chain)
    return lineages.grow({**species.lineages, **more}, burst, inflow=inflow, production={"reticulocytes": 1e7})


@pytest.mark.parametrize(("wrong", "told"), [
    ({"into": {"CMP": 0.9, "CLP": 0.015}}, "burst: the shares in into add up to 0.915"),
    ({"into": {"CMP": 0.9, "CPM": 0.1}}, "burst: CPM in into is no compartment and no exit"),
    ({"entry": {"MPP": 1}}, "burst: entry does not say at which of 9 doublings HPC1 enters"),
    ({"entry": {"MPP": 1, "HPC1": 10}}, "burst: entry does not say at which of 9 doublings HPC1 enters"),
    ({"entry": {"MPP": 1, "HPC1": 5.5}}, "burst: entry does not say at which of 9 doublings HPC1 enters.*HPC1 = 1"),
    ({"into": {"CMP": 1.2, "CLP": -0.2}}, "burst: the shares in into add up to 1, or one is below 0"),
    ({"into": {name: 0.2 for name in ("CMP", "CLP", "GMP", "MEP", "MkP")}}, "at most 4 names in into"),
    ({"doublings": 0}, "one doubling or more"),
])  # fmt: skip
def test_an_emergency_chain_that_cannot_be_laid_out_is_told(species, wrong, told):
    with pytest.raises(ValueError, match=told):
        entered(species, **wrong)


@pytest.mark.parametrize("name", ["CMP", "GMP", "proB"])
def test_the_emergency_chain_does_not_lead_back_to_its_entry(species, name):
    """It feeds CMP and CLP: whatever these are or become may not enter it, or it would make more of itself without end."""
    with pytest.raises(ValueError, match=f"lineages.{name}: its cells come from the emergency chain"):
        entered(species, name)


def test_cells_that_the_chain_does_not_lead_to_may_enter_it(species):
    """HPC2, told at which doubling; CMP where the chain ends in GMP and MEP; CLP where none of it becomes CLP."""
    for name, chain in (
        ("HPC2", {"entry": {**species.burst.entry, "HPC2": 3}}),
        ("CMP", {"entry": {**species.burst.entry, "CMP": 8}, "into": {"GMP": 0.6, "MEP": 0.4}}),
        ("CLP", {"entry": {**species.burst.entry, "CLP": 9}, "into": {"CMP": 1.0, "CLP": 0.0}}),
    ):
        tree = entered(species, name, **chain)
        assert tree.burst_rate[tree.first[name]] == 0.01


def test_a_compartment_cannot_take_the_name_of_the_chain_or_of_an_exit(species):
    for name in ("burst", "platelets"):
        with pytest.raises(ValueError, match=f"no compartment can be called {name}"):
            lineages.grow({**species.lineages, name: species.lineages["CMP"]}, species.burst, inflow={}, production={})


@pytest.mark.parametrize("alone", ["MPP", "HPC1", "CMP"])
def test_committed_cells_in_want_run_dry_without_stem_cells(tree, species, alone):
    """With five times the SCF of rest and nothing coming in, a hundred cells become at most what they and their daughters make in
    one pass through the chain, twice over, and a year later hardly any is left."""
    wanted = np.ones(len(SIGNALS))
    wanted[SIGNALS.index("SCF")] = 5.0
    counts = np.zeros(len(tree.rate))
    early = [*(tree.first[name] for name in ("MPP", "HPC1", "CMP")), *range(tree.first["burst"], len(tree.rate))]
    counts[tree.first[alone]] = 100.0
    most, dt, b = 0.0, 1.0, species.burst
    for _ in range(24 * 365):
        counts = counts + dt * lineages.well_mixed_change(counts, wanted, np.zeros(len(counts)), tree)[0]
        most = max(most, counts[early].sum())
    passes = 2.0 ** (b.doublings - b.entry[alone] + 1) if alone in b.entry else 1.0
    assert most <= 2 * 100.0 * passes
    assert counts[early].sum() < 0.05 * most


def test_a_tree_is_data():
    """Two compartments made up here: a self-renewing one and a chain of three doublings into two exits."""
    pair = {
        "A": Compartment(into={"B": 1.0}, number=100.0, division=0.05, rate_limit=0.1),
        "B": Compartment(into={"neutrophils": 0.25, "monocytes": 0.75}, transit=30.0, stages=3, rate_limit=1.0),
    }
    burst = Burst(doublings=2, transit=10.0, threshold=2.0, half=1.0, entry={}, into={"A": 1.0})
    tree = lineages.grow(pair, burst, inflow={"A": 1.0}, production={})
    assert tree.names == ("A", "B1", "B2", "B3", "burst1", "burst2")
    assert tree.renewal[0] == pytest.approx((1 - 0.01 / 0.05) / 2)
    assert tree.rest[:4] == pytest.approx([100.0, 60.0, 120.0, 240.0])
    assert tree.output[EXITS.index("neutrophils")] == pytest.approx(12.0)
    assert tree.output[EXITS.index("monocytes")] == pytest.approx(36.0)
    assert tree.total(tree.rest, "B") == pytest.approx(420.0)
