"""What a stem cell feels and does about it: rests at the measured rates, answers monotonously, nears its limits."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.marrow import stem_cells

REST = {"membrane_scf": 1.0, "scf": 1.0, "tpo": 1.0, "tgf": 1.0, "vessel": 1.0}
WAKE, RENEWAL, DEATH, SHARE = range(4)


@pytest.fixture(scope="module")
def spec():
    return lab.scenario().parameters.stem_cells


@pytest.fixture(scope="module")
def rest(spec):
    return stem_cells.rest(spec)


def rates(spec, rest, tip=False, **felt):
    felt = REST | felt
    return stem_cells.fate_rates(*(felt[name] for name in REST), tip, spec, rest)


def of(rest, tip):
    """The resting rates of one kind: wake, renewal, death, share to MkP."""
    return (*(float(part[int(tip)]) for part in (rest.wake, rest.renewal, rest.death)), rest.share_mkp)


def growth(spec, r):
    """Division rate and net growth [1/h] of the two-state model Q' = 2pC/T − wQ − δQ, C' = wQ − C/T − δC, long after."""
    wake, renewal, death, _ = r
    out = 1 / spec.cycle_time
    matrix = np.array([[-wake - death, 2 * renewal * out], [wake, -out - death]])
    values, vectors = np.linalg.eig(matrix)
    k = np.argmax(values.real)
    mix = np.abs(vectors[:, k].real) / np.abs(vectors[:, k].real).sum()
    return mix[1] / spec.cycle_time, values[k].real


@pytest.mark.parametrize("tip", [False, True])
def test_at_rest_the_rates_are_the_resting_ones(spec, rest, tip):
    assert rates(spec, rest, tip) == pytest.approx(of(rest, tip), rel=1e-14)


def test_the_kinds_are_told_apart_cell_by_cell(spec, rest):
    """Of a list, each by its own kind; what one feels is the same function of it, at its own resting rates and limit."""
    tip, x = np.array([True, False, True]), np.array([0.4, 0.4, 3.0])
    found = rates(spec, rest, tip, membrane_scf=x, tgf=x)
    for k in range(3):
        alone = rates(spec, rest, bool(tip[k]), membrane_scf=x[k], tgf=x[k])
        assert [np.broadcast_to(part, 3)[k] for part in found] == list(alone)
    assert found[RENEWAL][0] != found[RENEWAL][1] and found[WAKE][0] < found[WAKE][1]
    assert rates(spec, rest, True, membrane_scf=1e12)[RENEWAL] == pytest.approx(spec.tip_renewal_limit, rel=1e-9)
    assert rates(spec, rest, True, membrane_scf=0.0)[DEATH] == 0.0


def test_the_resting_rates_balance(spec, rest):
    """Each kind neither grows nor shrinks, and divides at the measured rate: (2p - 1) d - death + what the tip feeds is none.
    MPP and MkP are given at their rates, by the others alone."""
    division, quiet = np.array([spec.division, spec.tip_division]), rest.quiescent
    numbers = np.array([spec.number, spec.tip_number])
    assert (rest.division == division).all() and (spec.numbers == numbers).all() and spec.everyone == numbers.sum()
    fed = np.array([2 * (1 - rest.renewal[1]) * division[1] * numbers[1] / numbers[0], 0.0])
    assert np.abs((2 * rest.renewal - 1) * division - rest.death + fed).max() < 1e-18
    assert fed[0] == pytest.approx(spec.tip_number * spec.tip_division / spec.number, rel=1e-14)
    assert rest.renewal[1] == 0.5 and rest.death[1] == 0.0 and rest.death[0] > 0.0
    # and so do the two states of each: Q' = 2pC/T + fed - wQ - death Q, C' = wQ - C/T - death C
    wake, renewal, death = (np.array([rates(spec, rest, tip)[part] for tip in (False, True)]) for part in (WAKE, RENEWAL, DEATH))
    cycling = 1 - quiet
    assert cycling / spec.cycle_time == pytest.approx(division, rel=1e-14)
    assert wake * quiet == pytest.approx(cycling / spec.cycle_time + death * cycling, rel=1e-12)
    gain = 2 * renewal * cycling / spec.cycle_time + fed
    assert gain == pytest.approx(wake * quiet + death * quiet, rel=1e-12)
    leaving = 2 * (1 - rest.renewal[0]) * spec.division
    assert leaving * rest.share_mkp == pytest.approx(spec.to_mkp, rel=1e-12)
    assert leaving * (1 - rest.share_mkp) == pytest.approx(spec.to_mpp, rel=1e-12)
    assert quiet == pytest.approx(1 - division * spec.cycle_time, rel=1e-14)
    assert rest.cycling == pytest.approx((cycling * numbers).sum() / numbers.sum(), rel=1e-14)


def test_the_tip_by_itself_stands_still_and_the_others_without_it_dwindle(spec, rest):
    """Long after, from the matrix of the two states: none of the tip's growth is left; the others lose what it gave them."""
    division, net = growth(spec, rates(spec, rest, True))
    assert abs(net) < 1e-15 and division == pytest.approx(spec.tip_division, rel=1e-10)
    fed = spec.tip_number * spec.tip_division / spec.number
    assert growth(spec, rates(spec, rest))[1] == pytest.approx(-fed, rel=0.1)


# (signal, quantity, sign): which way each answer goes
ANSWERS = [
    ("membrane_scf", RENEWAL, +1), ("membrane_scf", DEATH, -1), ("membrane_scf", WAKE, 0), ("membrane_scf", SHARE, 0),
    ("scf", WAKE, +1), ("scf", SHARE, -1), ("scf", RENEWAL, 0), ("scf", DEATH, 0),
    ("tpo", WAKE, +1), ("tpo", RENEWAL, +1), ("tpo", DEATH, -1), ("tpo", SHARE, +1),
    ("tgf", WAKE, -1), ("tgf", RENEWAL, 0), ("tgf", DEATH, 0), ("tgf", SHARE, 0),
    ("vessel", RENEWAL, +1), ("vessel", DEATH, -1), ("vessel", WAKE, 0), ("vessel", SHARE, 0),
]


@pytest.mark.parametrize("tip", [False, True])
@pytest.mark.parametrize(("signal", "quantity", "sign"), ANSWERS)
def test_each_answer_goes_one_way(spec, rest, signal, quantity, sign, tip):
    """Of both kinds; cells of the tip do not die, whatever they feel."""
    sign *= not (tip and quantity == DEATH)
    x = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 60)])
    value = np.broadcast_to(rates(spec, rest, tip, **{signal: x})[quantity], x.shape)
    step = np.diff(value)
    if sign == 0:
        assert (step == 0).all()
    else:
        assert (sign * step >= 0).all()
        assert sign * (value[-1] - value[0]) > 0.05 * abs(value[0])


def test_without_and_with_endless_signal(spec, rest):
    """Renewal goes from 0 to its limit, waking from 0 to its limit, death from its highest to 0."""
    assert rates(spec, rest, membrane_scf=0.0)[RENEWAL] < 1e-8
    assert rates(spec, rest, vessel=0.0)[RENEWAL] < 1e-8
    assert rates(spec, rest, membrane_scf=1e12)[RENEWAL] == pytest.approx(spec.renewal_limit, rel=1e-9)
    assert rates(spec, rest, membrane_scf=0.0)[DEATH] == pytest.approx(rest.death[0] * (1 + spec.death_response), rel=1e-14)
    assert rates(spec, rest, membrane_scf=1e12)[DEATH] < 1e-11 * rest.death[0]
    assert rates(spec, rest, scf=0.0)[WAKE] == 0.0
    assert rates(spec, rest, scf=1e9)[WAKE] == pytest.approx(spec.wake_limit, rel=1e-9)
    assert rates(spec, rest, scf=1e-12)[SHARE] == pytest.approx(1.0, abs=1e-4)
    assert rates(spec, rest, tpo=0.0)[RENEWAL] < rest.renewal[0]
    for value in rates(spec, rest, membrane_scf=0.0, scf=0.0, tpo=0.0, tgf=0.0, vessel=0.0):
        assert np.isfinite(value)


def test_renewal_is_the_hill_of_the_product_of_what_holds_by_what_the_sinusoid_allows(spec, rest):
    """y = x_m τ(t) V: contact twice and a vessel at half are as both at rest, and so is any split of the product; renewal is
    less by U(V) alone."""
    allowed = stem_cells.renewal_by_vessel(0.5, spec)
    a = rates(spec, rest, membrane_scf=2.0, vessel=0.5)
    assert a[RENEWAL] == pytest.approx(allowed * rest.renewal[0], rel=1e-14)
    assert a[DEATH] == pytest.approx(rest.death[0], rel=1e-14)
    for y in (0.05, 0.6, 4.0):
        expected = spec.renewal_limit * y / (y + spec.renewal_limit / rest.renewal[0] - 1)
        assert rates(spec, rest, membrane_scf=y)[RENEWAL] == pytest.approx(expected, rel=1e-14)
        by_vessel = expected * stem_cells.renewal_by_vessel(y, spec)
        assert rates(spec, rest, vessel=y)[RENEWAL] == pytest.approx(by_vessel, rel=1e-14)


def test_no_abundance_stands_in_for_the_sinusoid(spec, rest):
    """U is 0 without, one half at its entry and exactly 1 at rest; with endless SCF it is all that is left of the limit."""
    assert stem_cells.renewal_by_vessel(0.0, spec) == 0.0 and stem_cells.renewal_by_vessel(1.0, spec) == 1.0
    assert stem_cells.renewal_by_vessel(spec.vessel_half, spec) == pytest.approx(0.5, rel=1e-14)
    for vessel in (0.1, spec.vessel_half, 0.8):
        found = rates(spec, rest, membrane_scf=1e12, vessel=vessel)[RENEWAL]
        assert found == pytest.approx(stem_cells.renewal_by_vessel(vessel, spec) * spec.renewal_limit, rel=1e-9)


def test_the_mpl_signal_saturates(spec):
    """t = x (1 + s)/(x + s): 1 at rest, half of its greatest 1 + s at x = s."""
    s = spec.mpl_saturation
    assert stem_cells.mpl_signal(1.0, spec) == 1.0
    assert stem_cells.mpl_signal(0.0, spec) == 0.0
    assert stem_cells.mpl_signal(s, spec) == pytest.approx((1 + s) / 2, rel=1e-14)
    assert stem_cells.mpl_signal(1e12, spec) == pytest.approx(1 + s, rel=1e-9)


def test_the_vessel_signal_is_one_intact_and_none_without():
    assert stem_cells.vessel_signal(1.0) == 1.0 and stem_cells.vessel_signal(0.0) == 0.0
    assert stem_cells.vessel_signal(0.25) == pytest.approx(0.625)


def test_a_flood_of_tpo_drives_stem_cells_about_twelvefold(spec, rest):
    """The drive into cycle: x 12 under a TPO mimetic (Morcos 2022), less what the clearance of Mpl holds back; the direct
    route to MkP rises by 7.4 in odds. Speed limits of the cell cycle are apart from the drive, and only lower it."""
    free = dataclasses.replace(spec, wake_limit=1e9)
    assert 10 < rates(free, rest, tpo=1e6)[WAKE] / rest.wake[0] < 12
    bound = rates(spec, rest, tpo=1e6)[WAKE] / rest.wake[0]
    assert 8 < bound < rates(free, rest, tpo=1e6)[WAKE] / rest.wake[0]

    def odds(share):
        return share / (1 - share)

    assert odds(rates(spec, rest, tpo=1e6)[SHARE]) / odds(rest.share_mkp) == pytest.approx(7.4, rel=0.1)


@pytest.mark.parametrize("tpo", [0.0, 0.5, 4.0, 10.0, 40.0])
def test_waking_and_the_direct_route_follow_the_mpl_signal(spec, rest, tpo):
    """D = (1 + g h(t))/(1 + g h(1)), h = t³/(K³ + t³), of the saturated signal t; likewise the odds of MkP."""
    t = tpo * (1 + spec.mpl_saturation) / (tpo + spec.mpl_saturation)
    h, h1 = t**3 / (spec.tpo_half**3 + t**3), 1 / (spec.tpo_half**3 + 1)
    drive = (1 + spec.tpo_drive * h) / (1 + spec.tpo_drive * h1)
    wake = rest.wake[0] * drive / (1 + (drive - 1) * rest.wake[0] / spec.wake_limit)
    odds = rest.share_mkp / (1 - rest.share_mkp) * (1 + spec.tpo_direct * h) / (1 + spec.tpo_direct * h1)
    found = rates(spec, rest, tpo=tpo)
    assert found[WAKE] == pytest.approx(wake, rel=1e-13)
    assert found[SHARE] / (1 - found[SHARE]) == pytest.approx(odds, rel=1e-12)
    y = spec.tpo_floor + (1 - spec.tpo_floor) * 1.3 * t / (t + 0.3)
    assert found[RENEWAL] == pytest.approx(spec.renewal_limit * y / (y + spec.renewal_limit / rest.renewal[0] - 1), rel=1e-13)
    assert found[DEATH] == pytest.approx(rest.death[0] * (1 + spec.death_response) / (1 + spec.death_response * y), rel=1e-13)


def test_megakaryocyte_loss_triples_waking(spec, rest):
    """Without the TGF-beta of megakaryocytes (three quarters of all), waking rises by about three (Zhao 2014, Bruns 2014)."""
    assert rates(spec, rest, tgf=0.25)[WAKE] / rest.wake[0] == pytest.approx(2.6, abs=0.3)
    assert rates(spec, rest, tgf=0.0)[WAKE] / rest.wake[0] == pytest.approx(3.0, abs=0.2)


def test_without_tpo_stem_cells_dwindle_unless_contact_makes_up_for_it(spec, rest):
    """What holds them is a product: contact over one part in `tpo_floor` balances the loss of TPO, and little else does."""
    def net(contact):
        return growth(spec, rates(spec, rest, tpo=0.0, membrane_scf=contact))[1]

    assert net(1.0) < net(0.9 / spec.tpo_floor) < 0 < net(1.2 / spec.tpo_floor)


@pytest.mark.parametrize("changes", [
    {"to_mkp": 0.2 / 24},                                 # gives away more than it makes
    {"division": 0.03 / 24},
    {"tip_number": 1.0, "to_mkp": 0.06 / 24},             # more than it makes and the tip gives
    {"cycle_time": 600.0},                                # more than all cells in cycle
    {"tip_division": 0.1, "cycle_time": 10.0},
    {"renewal_limit": 0.6},                               # renewal at rest above the limit
])
def test_contradictory_numbers_are_refused(spec, changes):
    with pytest.raises(ValueError, match="stem_cells"):
        stem_cells.rest(dataclasses.replace(spec, **changes))
