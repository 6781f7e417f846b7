"""Each switch turns off what its name says, and nothing else."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche import coupling
from marrow_niche.marrow import damage, lineages, stem_cells
from marrow_niche.perturbations.radiation import oxygen
from marrow_niche.scenario.switches import Switches, switched

SPECIES = lab.scenario().parameters
NAMES = [field.name for field in dataclasses.fields(Switches)]
IN_THE_RUN = {"local_responses", "contact_scf", "oxygen_effect", "animals_differ"}
"""Switches that the species knows nothing of."""
PARTS = {
    "competition": ("stem_cells",), "scf_wakes": ("stem_cells",), "tgf_quiescence": ("stem_cells",), "tpo_drive": ("stem_cells",),
    "direct_platelets": ("stem_cells",), "cxcl12_retention": ("stem_cells",), "emergency": ("lineages",), "niche_injury": ("stroma",),
    "fat_scf": ("cytokines",), "fat_vessels": ("stroma",),
}  # fmt: skip


def without(name):
    return switched(SPECIES, dataclasses.replace(Switches(), **{name: False}))


def rates(species, *, membrane=1.0, scf=1.0, tpo=1.0, tgf=1.0):
    """Wake, renewal, death and share to MkP of one stem cell that feels this."""
    s = species.stem_cells
    return stem_cells.fate_rates(membrane, scf, tpo, tgf, 1.0, False, s, stem_cells.rest(s))


def test_all_on_is_the_species_itself():
    assert switched(SPECIES, Switches()) == SPECIES


@pytest.mark.parametrize("name", NAMES)
def test_one_switch_changes_one_part(name):
    other = without(name)
    changed = {f.name for f in dataclasses.fields(SPECIES) if getattr(SPECIES, f.name) != getattr(other, f.name)}
    assert changed == (set() if name in IN_THE_RUN else set(PARTS[name]))


def test_soluble_scf_wakes():
    assert rates(SPECIES, scf=2.0)[0] > 1.5 * rates(SPECIES)[0]
    assert rates(without("scf_wakes"), scf=2.0)[0] == pytest.approx(rates(SPECIES)[0], rel=1e-12)


def test_tgf_holds_in_g0():
    assert rates(SPECIES, tgf=0.2)[0] > 1.5 * rates(SPECIES)[0]
    assert rates(without("tgf_quiescence"), tgf=0.2)[0] == pytest.approx(rates(SPECIES)[0], rel=1e-12)


def test_excess_tpo_drives():
    off = without("tpo_drive")
    wake, _, _, share = rates(SPECIES, tpo=50.0)
    assert wake > 3 * rates(SPECIES)[0] and share > rates(SPECIES)[3]
    wake, _, _, share = rates(off, tpo=50.0)
    assert (wake, share) == pytest.approx((rates(off)[0], rates(off)[3]), rel=1e-12)
    assert rates(off, tpo=0.01)[1] < rates(off)[1]  # what holds them stays


def test_direct_platelets():
    """The daughters join MPP instead: as many leave, none to MkP, and the tree still balances."""
    off = without("direct_platelets")
    s, was = off.stem_cells, SPECIES.stem_cells
    assert s.to_mkp == 0.0 and s.to_mpp == pytest.approx(was.to_mpp + was.to_mkp)
    assert rates(off)[3] == 0.0 and rates(off)[1] == pytest.approx(rates(SPECIES)[1], rel=1e-12)
    assert stem_cells.rest(s).death == pytest.approx(stem_cells.rest(was).death, rel=1e-12)


def test_the_emergency_chain_is_not_called():
    model, _ = lab.marrow()
    off = dataclasses.replace(model.tree, burst_rate=0.0 * model.tree.burst_rate)
    signals = np.full(len(lineages.SIGNALS), 4.0)
    flow = np.zeros(len(model.tree.rate))
    here, _ = lineages.well_mixed_change(model.tree.rest, signals, flow, model.tree)
    there, _ = lineages.well_mixed_change(model.tree.rest, signals, flow, off)
    first = model.tree.first["burst"]
    assert here[first:].sum() > 0 and not there[first:].any()
    assert all(c.burst == 0.0 for c in without("emergency").lineages.values())
    assert any(c.burst > 0.0 for c in SPECIES.lineages.values())


def test_without_contact_soluble_scf_holds_stem_cells():
    model, state = lab.marrow()
    off = dataclasses.replace(model, switches=dataclasses.replace(model.switches, contact_scf=False))
    on, soft = coupling.stem_signals(state, model), coupling.stem_signals(state, off)
    assert np.array_equal(soft["membrane_scf"], soft["scf"])
    assert not np.allclose(on["membrane_scf"], on["scf"], rtol=0.05)
    assert all(np.array_equal(on[name], soft[name]) for name in on if name != "membrane_scf")


def test_in_stirred_marrow_too():
    model, state = lab.marrow(local=False)
    off = dataclasses.replace(model, switches=dataclasses.replace(model.switches, contact_scf=False))
    state.stroma.membrane[:] = 0.5
    on, soft = coupling.stem_signals(state, model), coupling.stem_signals(state, off)
    assert np.array_equal(soft["membrane_scf"], soft["scf"]) and not np.allclose(on["membrane_scf"], on["scf"], rtol=0.05)


def test_oxygen_counts_only_while_it_is_on():
    model, state = lab.marrow()
    off = dataclasses.replace(model, switches=dataclasses.replace(model.switches, oxygen_effect=False))
    here, at_rest = oxygen(state, model, stem=False)
    assert np.ptp(here) > 0.01 and at_rest.mean() == pytest.approx(1.0, rel=1e-12)
    assert oxygen(state, off, stem=False) is None
    r = model.species.radiation
    assert damage.oxygen_effect(0.0, r.oxygen_ratio, r.oxygen_half) == 1.0


def test_empty_marrow_harms_no_niche():
    off = without("niche_injury").stroma
    assert (off.vessel_injury, off.stroma_injury) == (0.0, 0.0) and off.vessel_healing == SPECIES.stroma.vessel_healing


def test_fat_makes_no_scf():
    assert without("fat_scf").cytokines["SCF"].per_fat == 0.0 < SPECIES.cytokines["SCF"].per_fat


def test_without_competition_each_has_all():
    assert without("competition").stem_cells.membrane_competition == 0.0 < SPECIES.stem_cells.membrane_competition


def test_without_retention_egress_is_even():
    assert without("cxcl12_retention").stem_cells.retention == 0.0 < SPECIES.stem_cells.retention
