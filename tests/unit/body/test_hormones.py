"""Hormones: one at rest, exact over a step, high where the cells that clear them or carry oxygen are gone."""

import math

import lab
import pytest

from marrow_niche.body import hormones
from marrow_niche.body.hormones import HormoneState

REST = {"platelets": 1.0, "megakaryocytes": 1.0, "haemoglobin": 1.0, "erythroid": 1.0, "neutrophils": 1.0, "reserve": 1.0,
        "HPC1": 1.0, "CLP": 1.0}


@pytest.fixture(scope="module")
def spec():
    return lab.scenario().parameters.hormones


def settled(spec, hours=24 * 60, dt=0.25, **cells):
    state = HormoneState()
    for _ in range(round(hours / dt)):
        hormones.advance(state, REST | cells, spec, dt)
    return state


def test_rest_is_a_fixed_point(spec):
    state = settled(spec, 240)
    assert (state.tpo, state.epo, state.gcsf, state.flt3l) == pytest.approx((1.0,) * 4, rel=1e-14)


@pytest.mark.parametrize(("level", "made", "loss", "kdt"), [(5.0, 1.0, 0.3, 0.02), (0.1, 40.0, 1.0, 3.0), (2.0, 0.0, 0.5, 1.0)])
def test_a_step_is_exact_for_what_is_held_over_it(level, made, loss, kdt):
    """x' = k (made − loss x): the closed form; ten short steps are one long one."""
    once = hormones._relax(level, made, loss, kdt)
    assert once == pytest.approx(made / loss + (level - made / loss) * math.exp(-loss * kdt), rel=1e-15)
    for _ in range(10):
        level = hormones._relax(level, made, loss, kdt / 10)
    assert level == pytest.approx(once, rel=1e-13)


def test_tpo_and_epo_do_not_depend_on_the_step(spec):
    """While the cells are held, steps of 6 h and of a quarter of an hour end at the same level."""
    cells = {"platelets": 0.2, "megakaryocytes": 0.1, "haemoglobin": 0.6, "erythroid": 0.2}
    long, short = settled(spec, 48, 6.0, **cells), settled(spec, 48, 0.25, **cells)
    assert (long.tpo, long.epo) == pytest.approx((short.tpo, short.epo), rel=1e-12)


def test_tpo_rises_in_aplasia_and_hardly_in_immune_loss_of_platelets(spec):
    """At platelets of a tenth: about x 29 without megakaryocytes, x 1.3 with them (Ichikawa 1996); without either, what
    is left is the clearance that needs no cell."""
    aplasia, immune = settled(spec, platelets=0.1, megakaryocytes=0.0).tpo, settled(spec, platelets=0.1).tpo
    assert 22 < aplasia < 36
    assert 1.2 < immune < 1.5
    assert settled(spec, 24 * 2000, 24.0, platelets=0.0, megakaryocytes=0.0).tpo == pytest.approx(1 / spec.tpo_nonspecific, rel=1e-9)
    assert settled(spec, platelets=5.0).tpo < 0.7


def test_epo_rises_by_the_same_fold_with_each_loss_of_haemoglobin(spec):
    """Log-linear in haemoglobin up to the limit; 0.12 to 0.16 decades a g/dL at 14 g/dL."""
    levels = [settled(spec, haemoglobin=h).epo for h in (1.0, 0.9, 0.8, 0.7)]
    ratios = [b / a for a, b in zip(levels, levels[1:])]
    assert ratios == pytest.approx([math.exp(0.1 * spec.epo_slope)] * 3, rel=1e-9)
    assert 0.12 < math.log10(ratios[0]) / 1.4 < 0.17
    assert settled(spec, haemoglobin=-0.5).epo == pytest.approx(spec.epo_limit, rel=1e-9)


def test_epo_stays_longer_where_nobody_takes_it_up(spec):
    """Half-life longer by 36 to 95 % after the marrow is ablated; the level rises by as much."""
    assert 1.36 < settled(spec, erythroid=0.0).epo < 1.95


def test_gcsf_rises_as_neutrophils_vanish_and_saturates_the_few(spec):
    """Its own balance: 1 = (n + (1 − n) eaters free) G; the nearer to none, the closer to 1/n."""
    for left in (1.0, 0.5, 0.1):
        g = settled(spec, neutrophils=left, reserve=left).gcsf
        free = (1 + 1 / spec.gcsf_saturation) / (1 + g / spec.gcsf_saturation)
        assert g * (spec.gcsf_nonspecific + (1 - spec.gcsf_nonspecific) * left * free) == pytest.approx(1.0, rel=1e-9)
    assert settled(spec, neutrophils=0.0, reserve=0.0).gcsf == pytest.approx(1 / spec.gcsf_nonspecific, rel=1e-9)
    by_blood = settled(spec, neutrophils=0.0).gcsf - 1
    by_reserve = settled(spec, reserve=0.0).gcsf - 1
    assert by_blood > by_reserve > 0


def test_flt3_ligand_rises_as_early_progenitors_vanish(spec):
    """Its own balance, up to 1/n without any; by HPC1 and by CLP alike."""
    for left in (0.5, 0.1, 0.0):
        level = settled(spec, HPC1=left, CLP=left).flt3l
        assert level == pytest.approx(1 / (spec.flt3l_nonspecific + (1 - spec.flt3l_nonspecific) * left), rel=1e-6)
    assert settled(spec, HPC1=0.0).flt3l == pytest.approx(settled(spec, CLP=0.0).flt3l, rel=1e-9)
    assert settled(spec, 24 * 5, HPC1=0.0, CLP=0.0).flt3l > 5


def test_hormones_go_at_their_half_lives(spec):
    """A flood of TPO fades with ln 2 / clearance at rest: 12 h; EPO 3 h."""
    state = HormoneState(tpo=1e6, epo=1e6)
    half = math.log(2) / spec.tpo_clearance
    hormones.advance(state, REST, spec, half)
    assert state.tpo == pytest.approx(5e5, rel=1e-5)
    assert 10 < half < 14
    state = HormoneState(epo=1e6)
    hormones.advance(state, REST, spec, math.log(2) / spec.epo_clearance)
    assert state.epo == pytest.approx(5e5, rel=1e-5)
