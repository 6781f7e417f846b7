"""A mutation acts on the host's cells, its niche or its liver, from day 0 on, and on no grafted cell; the wild type is one."""

import copy
import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.errors import ScenarioError
from marrow_niche.marrow import genes, stem_cells
from marrow_niche.marrow.genes import Genes
from marrow_niche.marrow.lineages import EXITS, SIGNALS
from marrow_niche.resting import twin
from marrow_niche.simulation import advance, build, step

SCF, TPO = SIGNALS.index("SCF"), SIGNALS.index("TPO")


def rates(state, model):
    return coupling.stem_rates(coupling.stem_signals(state, model), state.stem.tip, model, state.stem.line)


def logs_by_line(state, model):
    """(n_line, n_signal, n) what cells of each line feel."""
    return coupling.voxel_signals(state, model).reshape(len(model.tree.lines), len(SIGNALS), model.n)


def test_the_wild_type_changes_no_bit():
    """All genes at one, attrition at none: 12 hours are the same numbers as without genes."""
    model, state = lab.marrow()
    wild, other = lab.marrow(genes={})
    assert wild.tree is model.tree and (wild.gains == 1.0).all() and wild.gains.shape == (1, len(SIGNALS))
    for _ in range(12):
        advance(state, model), advance(other, wild)
    assert (state.counts == other.counts).all() and state.fields.tobytes() == other.fields.tobytes()
    assert state.stem.position.tobytes() == other.stem.position.tobytes() and (state.stem.id == other.stem.id).all()
    assert state.hormones.tpo == other.hormones.tpo and state.blood.neutrophils == other.blood.neutrophils


@pytest.mark.parametrize("gene", [f.name for f in dataclasses.fields(Genes)])
def test_every_gene_does_something(gene):
    """None of them is written down and never read: a day with half of each (attrition: with half) is another day."""
    model, state = lab.marrow()
    mutant, other = lab.marrow(genes={gene: 0.5})
    dose = ((1.0, 1.0, 1.0),) if gene == "radiosensitivity" else ()
    if gene == "vegfr2":  # only an injured wall feels it
        state.stroma.vessel[:] = other.stroma.vessel[:] = 0.5
    model, mutant = (dataclasses.replace(m, exposures=dose) for m in (model, mutant))
    for _ in range(24):
        advance(state, model), advance(other, mutant)
    assert not np.array_equal(state.counts, other.counts) or len(state.stem.id) != len(other.stem.id)


def test_gains_are_those_of_the_host_alone():
    g = Genes(kit=0.5, mpl=0.0, epor=2.0, gcsfr=0.25, il7r=0.125)
    host, other = genes.gains(g, 2)
    expected = {"SCF": 0.5, "TPO": 0.0, "EPO": 2.0, "GCSF": 0.25, "IL7": 0.125}
    assert host.tolist() == [expected.get(name, 1.0) for name in SIGNALS] and (other == 1.0).all()
    assert genes.uptake("mpl", g, 3).tolist() == [0.0, 1.0, 1.0] and genes.uptake(None, g, 2).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("local", [True, False])
def test_less_kit_is_less_scf_for_the_host_and_not_for_the_graft(local):
    """Half of Kit: host lineages feel half of the SCF of their place, marked ones all of it; host stem cells renew and wake
    less, marked ones as in the wild type; other signals are as they were."""
    wild, state = lab.marrow(marked=True, local=local)
    mutant, other = lab.marrow(marked=True, local=local, genes={"kit": 0.5})
    for s in (state, other):
        s.stem.line[:] = s.stem.id % 3 == 0
    before, now = logs_by_line(state, wild), logs_by_line(other, mutant)
    assert now[0, SCF] == pytest.approx(before[0, SCF] + np.log(0.5), abs=1e-9)
    assert (now[1] == before[1]).all() and (np.delete(now[0], SCF, axis=0) == np.delete(before[0], SCF, axis=0)).all()
    was, found, marked = rates(state, wild), rates(other, mutant), state.stem.line == 1
    assert (found.renewal[~marked] < was.renewal[~marked]).all() and (found.wake[~marked] < was.wake[~marked]).all()
    for name in ("wake", "renewal", "death", "share_mkp"):
        assert (getattr(found, name)[marked] == getattr(was, name)[marked]).all(), name
    felt, full = coupling.stem_signals(other, mutant), coupling.stem_signals(state, wild)
    assert felt["membrane_scf"] == pytest.approx(np.where(marked, 1.0, 0.5) * full["membrane_scf"], rel=1e-12)
    c = mutant.species.cytokines["SCF"]  # they bind it as the wild type does
    stem, everyone = np.zeros(mutant.n), None
    assert (coupling.clearing(c, other.counts, stem, everyone, mutant) == coupling.clearing(c, state.counts, stem, everyone, wild)).all()


@pytest.mark.parametrize("local", [True, False])
def test_without_mpl_neither_signal_nor_uptake_is_left(local):
    """Host cells feel no more of TPO than others do of its work, stem cells nothing, and they clear none (stem cells as the wild
    type); those of a graft do both. The level in marrow rises, and then that of plasma."""
    wild, state = lab.marrow(marked=True, local=local)
    mutant, other = lab.marrow(marked=True, local=local, genes={"mpl": 0.0})
    n = mutant.tree.size
    logs = logs_by_line(other, mutant)
    assert (logs[0, TPO] == np.log(mutant.species.hormones.tpo_spared)).all()
    risen = logs[1, TPO] - logs_by_line(state, wild)[1, TPO]  # stirred, it stands higher at once; a field when it is solved
    assert (risen == 0).all() if local else risen.min() > 0.02 and risen.max() < 0.1
    assert not coupling.stem_signals(other, mutant)["tpo"].any()
    c, stem = mutant.species.cytokines["TPO"], np.zeros(mutant.n)
    assert coupling.clearing(c, state.counts, stem, None, wild).sum() > 0
    assert not coupling.clearing(c, other.counts, stem, None, mutant).any()
    assert coupling.clearing(c, other.counts, 1.0 + stem, None, mutant) == pytest.approx(c.uptake["HSC"], rel=1e-12)
    moved = np.roll(other.counts, n, axis=0)  # all cells are of the graft
    assert (coupling.clearing(c, moved, stem, None, mutant) == coupling.clearing(c, state.counts, stem, None, wild)).all()
    for m, s in ((wild, state), (mutant, other)):
        step.update_fields(s, m)
    k = list(mutant.species.cytokines).index("TPO")
    assert other.fields[k].mean() > 1.02 * state.fields[k].mean()  # next to plasma there is little that cells clear
    for _ in range(48):
        advance(other, mutant)
    assert other.hormones.tpo > 2.0


@pytest.mark.parametrize(("mpl", "felt"), [(0.0, 0.3), (0.5, 10.0)])
def test_a_megakaryocyte_sheds_platelets_by_its_own_mpl(mpl, felt):
    """Alike many of the host and of a graft leave under 20-fold TPO: those of the host shed by what they feel of it."""
    model, start = lab.marrow(marked=True, genes={"mpl": mpl})
    made = []
    for line in range(2):
        state = copy.deepcopy(start)
        state.output[:] = 0.0
        state.output.reshape(2, -1)[line, EXITS.index("platelets")] = 1.0
        state.hormones.tpo, state.blood.platelet[:], state.span = 20.0, 0.0, 1
        step.advance_body(state, model.rest_cells, model)
        made.append(state.blood.platelet.sum())
        assert (state.marked.blood.platelet.sum() > 0) == (line == 1)
    assert made[0] / made[1] == pytest.approx((felt / 20.0) ** model.species.hormones.tpo_on_platelets, rel=0.01)


def test_other_factors_do_a_share_of_the_work_of_tpo():
    """In the stirred marrow without Mpl megakaryocytes leave as under a TPO of `tpo_spared`; those of the wild type feel no
    floor at that level or above."""
    mutant, state = lab.marrow(genes={"mpl": 0.0})
    t, spared = mutant.tree, mutant.species.hormones.tpo_spared
    last = t.rows("megakaryocyte", 0).stop - 1
    drive = spared ** t.rate_response[last, TPO]
    slower = drive / (1 + (drive - 1) * t.rate[last] / t.rate_limit[last])
    out = twin.advance(twin.rest(mutant), state.hormones, mutant, 1.0)[EXITS.index("platelets")]
    assert out / mutant.production["platelets"] == pytest.approx(slower, rel=1e-9)
    assert 0.8 < slower < 0.95
    wild = lab.marrow()[0]
    assert twin.advance(twin.rest(wild), state.hormones, wild, 1.0)[EXITS.index("platelets")] == pytest.approx(
        wild.production["platelets"], rel=1e-9)


def test_membrane_scf_of_the_host_is_gone_from_stroma_and_walls_and_not_from_what_is_given():
    mutant, state = lab.marrow(marked=True, genes={"membrane_scf": 0.0})
    assert not state.stroma.membrane.any()
    felt = coupling.stem_signals(state, mutant)
    assert not felt["membrane_scf"].any() and (felt["scf"] > 0).all()
    state.stroma.membrane[:] = 1.0  # stroma of a donor, walls of the host
    given, wild = coupling.stem_signals(state, mutant)["membrane_scf"], coupling.stem_signals(*lab.marrow(marked=True)[::-1])["membrane_scf"]
    assert (given > 0).all() and (given < wild).all()
    w = mutant.species.stem_cells.membrane_wall_share
    assert coupling.stirred(coupling.totals(state, mutant), state.hormones, mutant)["membrane"] == pytest.approx(
        (1 - w) * coupling.stirred(coupling.totals(state, wild_model()), state.hormones, wild_model())["membrane"], rel=1e-9)
    none = dataclasses.replace(coupling.resting_totals(mutant), membrane=0.0)
    assert (coupling.stirred(none, state.hormones, mutant)["membrane"] == 0.0).all()


def wild_model():
    return lab.marrow(marked=True)[0]


@pytest.mark.parametrize(("gene", "names"), [("granulocyte_survival", ("GM",)), ("progenitor_survival", ("MPP", "HPC1"))])
def test_dividing_cells_of_these_compartments_die_in_the_host_alone(gene, names):
    model, _ = lab.marrow(marked=True)
    mutant, _ = lab.marrow(marked=True, genes={gene: 0.6})
    changed = np.flatnonzero(mutant.tree.survival != model.tree.survival)
    rows = [row for name in names for row in range(mutant.tree.rows(name, 0).start, mutant.tree.rows(name, 0).stop)]
    assert changed.tolist() == rows
    assert mutant.tree.survival[rows] == pytest.approx(0.6 * model.tree.survival[rows])


def test_the_tip_dies_out_without_mpl_below_a_tenth_and_under_an_attrition_that_the_rest_cannot_make_up_for():
    """In a stirred marrow contact in an empty room is 1 + q = 10 times that at rest: without Mpl the last cells of the tip still gain where a
    tenth or more of what holds them is left (the mouse) and lose where less is (man); attrition a lets them gain while (2p - 1)(1 - a) > a."""
    sign = {}
    for name in ("mouse", "human"):
        s = lab.scenario(species=name).parameters.stem_cells
        r, empty = stem_cells.rest(s), 1 + s.membrane_competition
        felt = {"scf": 1.0, "tgf": 1.0, "vessel": 1.0, "tip": True, "s": s, "r": r}
        without = stem_cells.fate_rates(empty, tpo=0.0, **felt)[1]
        held = stem_cells.fate_rates(empty, tpo=1.0, **felt)[1]
        sign[name] = without > 0.5
        for attrition, gains in ((0.1, True), (0.5, False)):
            assert ((2 * held - 1) * (1 - attrition) > attrition) == gains
    assert sign == {"mouse": True, "human": False}


def test_a_mutant_begins_at_the_rest_of_the_wild_type():
    """Whatever the gene: counts, fields and stem cells of hour 0 are the same numbers."""
    few = lab.FEWER_AGENTS | {"genes.kit": {"value": 0.4, "unit": "", "source": "estimate"}}
    model, state = build(lab.scenario())
    mutant, other = build(lab.scenario(parameters=few))
    assert mutant.genes.kit == 0.4 and model.genes.kit == 1.0
    assert (state.counts == other.counts).all() and state.fields.tobytes() == other.fields.tobytes()
    assert state.stem.position.tobytes() == other.stem.position.tobytes() and (state.stem.tip == other.stem.tip).all()
    assert (model.share == mutant.share).all() and (model.rest_cells == mutant.rest_cells).all()


def test_waking_and_attrition_are_the_hosts():
    """Stem cells leave G0 at half the rate; of those that divide a half dies; marked ones do as before."""
    model, state = lab.marrow(marked=True)
    mutant, other = lab.marrow(marked=True, genes={"waking": 0.5, "attrition": 0.5})
    for s in (state, other):
        s.stem.line[:] = s.stem.id % 2
        s.stem.cycling[:] = True
    was, now, host = rates(state, model).wake, rates(other, mutant).wake, state.stem.line == 0
    assert now[host] == pytest.approx(0.5 * was[host], rel=1e-12) and (now[~host] == was[~host]).all()
    number = len(state.stem.id)
    advance(state, model), advance(other, mutant)
    lost = np.setdiff1d(state.stem.id, other.stem.id)
    lost = lost[lost < number]
    assert len(lost) > 20 and (lost % 2 == 0).all()


def test_the_marrow_outside_a_piece_is_mutated_too():
    """The twin stands for the rest of the same animal: it stands still as the wild type, and with half of Kit, without
    membrane SCF, without Mpl or with attrition its stem cells fall; with half of the waking fewer of them are in cycle."""
    for changes in ({}, {"kit": 0.5}, {"membrane_scf": 0.0}, {"mpl": 0.0}, {"attrition": 0.2}):
        model, state = lab.marrow(local=False, genes=changes)
        marrow = twin.rest(model)
        before = (marrow.quiescent + marrow.cycling).sum()
        for _ in range(24 * 20):
            twin.advance(marrow, state.hormones, model, 1.0)
        after = (marrow.quiescent + marrow.cycling).sum()
        assert after == pytest.approx(before, rel=1e-12) if not changes else after < 0.98 * before, changes
    model, state = lab.marrow(local=False, genes={"waking": 0.5})
    marrow = twin.rest(model)
    cycling = marrow.cycling.copy()
    for _ in range(24 * 5):
        twin.advance(marrow, state.hormones, model, 1.0)
    assert (marrow.cycling < 0.6 * cycling).all()


# ------------------------------------------------------------------------------------------------ in a scenario


def test_a_gene_is_a_parameter_that_is_told_with_its_source():
    """By its path under [parameters]: read, in the ledger of the run, and wild type where nothing is said."""
    said = {"value": 0.4, "unit": "", "source": "Doe 1999, Blood 1:1"}
    asked = lab.scenario(parameters={"genes.kit": said})
    assert asked.parameters.genes == Genes(kit=0.4)
    line = next(entry for entry in asked.ledger.entries if entry.path == "genes.kit")
    assert line.source == "Doe 1999, Blood 1:1" and line.overridden
    assert lab.scenario().parameters.genes == Genes()


@pytest.mark.parametrize(("name", "value", "told"), [
    ("genes.kti", 0.5, "Did you mean 'kit'?"), ("genes.kit", -1.0, "too low"), ("genes.attrition", 1.5, "too high"),
])
def test_a_gene_that_is_none_is_told(name, value, told):
    with pytest.raises(ScenarioError) as refused:
        lab.scenario(parameters={name: {"value": value, "unit": "", "source": "estimate"}})
    assert any(told in mistake for mistake in refused.value.mistakes), refused.value.mistakes
