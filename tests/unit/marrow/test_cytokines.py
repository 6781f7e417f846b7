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
    volume, a = 8000.0, around()
    totals = a.source.sum(), a.clearing.sum(), a.sinusoid.sum(), a.arteriole.sum(), volume * a.extravascular.sum()
    level = cytokines.well_mixed(c, *totals, 1.5)
    source, loss, exchange, wall = cytokines.terms(c, a, volume, 1.5, None)
    assert (source + exchange * (wall - level) - loss * level).sum() == pytest.approx(0.0, abs=1e-12)
    closed = cytokines.well_mixed(dataclasses.replace(c, permeability=0.0), *totals, 1.5)
    assert closed == pytest.approx(source.sum() / loss.sum(), rel=1e-12)


@pytest.mark.parametrize("saturation", [1e-4, 0.1, 3.0, 1e4])
def test_the_receptors_of_the_stirred_marrow_fill(saturation):
    """The concentration at which receptors are filled is the one that follows from it; never below zero."""
    volume, a = 8000.0, around()
    totals = a.source.sum(), a.clearing.sum(), a.sinusoid.sum(), a.arteriole.sum(), volume * a.extravascular.sum()
    for permeability in (0.0, 6.0):
        c = Cytokine(diffusivity=1.0, decay=0.05, permeability=permeability, saturation=saturation, reference=1.0)
        level = cytokines.well_mixed(c, *totals, 1.5)
        source, loss, exchange, wall = cytokines.terms(c, a, volume, 1.5, np.full(3, level))
        assert level > 0.0
        assert (source + exchange * (wall - level) - loss * level).sum() == pytest.approx(0.0, abs=1e-9 * source.sum())
    endless = Cytokine(diffusivity=1.0, decay=0.0, saturation=1e-9, reference=1.0)
    assert cytokines.well_mixed(endless, *totals, 0.0) == np.inf


def test_the_mouse_reaches_as_far_as_it_says():
    """√(D/λ) without receptors of CXCL12 is about 30 um (13 to 38), of TGF-beta about 40 um."""
    fields = lab.scenario().parameters.cytokines
    reach = {name: np.sqrt(c.diffusivity / c.decay) for name, c in fields.items() if c.decay}
    assert 13 < reach["CXCL12"] < 38
    assert 30 < reach["TGFb"] < 50
