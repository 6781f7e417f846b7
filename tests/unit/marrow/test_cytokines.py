"""The terms of a field's equation in their units, and the stirred marrow that they make together."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.marrow import cytokines
from marrow_niche.marrow.cytokines import Cytokine, Surroundings

AVOGADRO = 6.02214076e23


def around(n=3, **changes):
    base = {"source": np.array([0.0, 2000.0, 50.0]), "clearing": np.array([1e4, 0.0, 3e5]), "sinusoid": np.array([0.0, 400.0, 100.0]),
            "arteriole": np.array([0.0, 0.0, 300.0]), "extravascular": np.array([1.0, 0.6, 0.4])}
    return Surroundings(**(base | changes))


def test_a_nanomolar_is_so_many_molecules():
    """1 nM in 1 um³ = 1e-15 L: Avogadro's number times 1e-24."""
    assert pytest.approx(AVOGADRO * 1e-9 * 1e-15, rel=1e-6) == cytokines.MOLECULES_PER_NM_UM3


def test_each_term_has_its_unit():
    """Molecules/h to nM/h, um³/h to 1/h, um/h over um to 1/h; the blood side is the mean of both kinds of wall."""
    c = Cytokine(diffusivity=1.0, decay=0.5, permeability=6.0, arteriole_level=4.0, reference=1.0)
    volume = 8000.0
    source, loss, exchange, level = cytokines.terms(c, around(), volume, 1.5, None)
    assert source == pytest.approx(np.array([0, 2000, 50]) / 0.602214 / volume, rel=1e-12)
    assert loss == pytest.approx([0.5 + 1e4 / volume, 0.3, 0.2 + 3e5 / volume], rel=1e-12)
    assert exchange == pytest.approx(6.0 * np.array([0, 400, 400]) / volume, rel=1e-12)
    assert level == pytest.approx([1.5, 1.5, (100 * 1.5 + 300 * 4.0) / 400], rel=1e-12)


def test_arterioles_read_sinusoid_blood_where_no_level_of_their_own_is_given():
    c = Cytokine(diffusivity=1.0, decay=0.5, permeability=6.0, reference=1.0)
    assert (cytokines.terms(c, around(), 8000.0, 1.5, None)[3] == 1.5).all()


def test_full_receptors_clear_less():
    """u/(1 + c/K): half at c = K; decay and walls are not touched; without a saturation nothing fills."""
    c = Cytokine(diffusivity=1.0, decay=0.5, saturation=2.0, reference=1.0)
    _, empty, _, _ = cytokines.terms(c, around(), 8000.0, 0.0, None)
    _, full, _, _ = cytokines.terms(c, around(), 8000.0, 0.0, np.full(3, 2.0))
    decay = 0.5 * around().extravascular
    assert full - decay == pytest.approx((empty - decay) / 2, rel=1e-12)
    endless = dataclasses.replace(c, saturation=np.inf)
    assert (cytokines.terms(endless, around(), 8000.0, 0.0, np.full(3, 1e6))[1] == empty).all()


def test_the_stirred_marrow_balances_what_enters_and_what_leaves():
    c = Cytokine(diffusivity=1.0, decay=0.5, permeability=6.0, arteriole_level=4.0, reference=1.0)
    volume = 8000.0
    level = cytokines.well_mixed(c, around(), volume, 1.5)
    source, loss, exchange, wall = cytokines.terms(c, around(), volume, 1.5, None)
    assert (source + exchange * (wall - level) - loss * level).sum() == pytest.approx(0.0, abs=1e-12)
    closed = cytokines.well_mixed(dataclasses.replace(c, permeability=0.0), around(), volume, 1.5)
    assert closed == pytest.approx(source.sum() / loss.sum(), rel=1e-12)


def test_the_mouse_reaches_as_far_as_it_says():
    """√(D/λ) without receptors of CXCL12 is about 30 um (13 to 38), of TGF-beta about 40 um."""
    fields = lab.scenario().parameters.cytokines
    reach = {name: np.sqrt(c.diffusivity / c.decay) for name, c in fields.items() if c.decay}
    assert 13 < reach["CXCL12"] < 38
    assert 30 < reach["TGFb"] < 50
