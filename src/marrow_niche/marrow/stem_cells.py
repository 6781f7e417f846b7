"""Haematopoietic stem cells: individuals that rest, wake, divide, renew or differentiate, move, leave and come home.

What a cell feels (ratios to rest) sets its own rates; docs/model.md gives the equations. A quiescent cell wakes at

    w = saturating(w₀, w_max; T(β) · D(t) · x_s^a),     T = (1 + b)/(1 + b β²),     D = (1 + g h(t))/(1 + g h(1)),

with soluble SCF x_s, TGF-beta β and the Mpl signal t, h(t) = t³/(K³ + t³). A cell in cycle divides after a mean cycle time;
each daughter stays a stem cell with probability p = Hill(y), else it leaves as MkP or MPP. y = x_m τ(t) V is what holds
stem cells: contact SCF x_m, TPO and an intact vessel multiply (Antonchuk 2004). Death is δ₀ (1 + s)/(1 + s y). No abundance
of the others stands in for the sinusoid: p is also multiplied by U(V) (`renewal_by_vessel`).

Two kinds share this. Cells of the *tip* rest longest; a daughter that does not stay in the tip is an ordinary stem cell (HSC).
At rest the tip keeps its number by itself, p = 1/2; the others are fed by it (Morcos 2022).
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.response import saturating_probability, saturating_rate


@dataclass(frozen=True, kw_only=True)
class StemCells:
    """Numbers of the stem-cell compartment (whole organism) and its answers to the niche."""

    number: float = quantity("", "stem cells in the organism besides those of the tip", low=1)
    tip_number: float = quantity("", "stem cells of the tip in the organism", low=1)
    tip_division: float = quantity("1/h", "division rate of the tip at rest", low=0)
    tip_renewal_limit: float = quantity("", "self-renewal probability of the tip under strong signals", low=0.5, high=1)
    agent_cap: float = quantity("", "most stem cells stored one by one", low=100)
    committed_per_agent: float = quantity("", "of a stage of the tree so many times agent_cap are stored at most", low=1)
    division: float = quantity("1/h", "division rate at rest", low=0)
    to_mpp: float = quantity("1/h", "rate at which a stem cell gives MPP at rest", low=0)
    to_mkp: float = quantity("1/h", "rate at which a stem cell gives MkP at rest", low=0)
    cycle_time: float = quantity("h", "mean time from leaving G0 to division", low=1)
    wake_limit: float = quantity("1/h", "fastest rate of leaving G0", low=0)
    renewal_limit: float = quantity("", "self-renewal probability under strong signals", low=0, high=1)
    scf_wake: float = quantity("", "power of soluble SCF on waking")
    tgf_quiescence: float = quantity("", "strength of TGF-beta in holding cells in G0", low=0)
    tpo_drive: float = quantity("", "extra waking under excess TPO", low=0)
    tpo_half: float = quantity("", "TPO, as a ratio to rest, at half of its drive", low=1)
    tpo_direct: float = quantity("", "extra direct differentiation to MkP under excess TPO", low=0)
    tpo_floor: float = quantity("", "share of maintenance left without TPO", low=0, high=1)
    mpl_saturation: float = quantity("", "TPO, as a ratio to rest, at which Mpl is half full", low=1)
    death_response: float = quantity("", "how strongly maintenance signals prevent death", low=0)
    membrane_range: float = quantity("um", "reach of membrane SCF on a sinusoid wall", low=1)
    process_range: float = quantity("um", "reach of membrane SCF on stromal processes, from the cell's centre", low=1)
    membrane_wall_share: float = quantity("", "share of membrane SCF on the sinusoid wall", low=0, high=1)
    membrane_reference: float = quantity("", "contact at which stem cells besides the tip keep their number", low=0)
    tip_membrane_reference: float = quantity("", "contact at which those of the tip keep theirs", low=0)
    membrane_competition: float = quantity("", "competition for membrane SCF at rest, load over free", low=0)
    crowd_length: float = quantity("um", "distance over which primitive cells compete for membrane SCF", low=1)
    affinity_length: float = quantity(
        "um", "distance from sinusoid walls over which stem cells dwell; inf: random", low=0.5
    )
    arteriole_affinity_length: float = quantity(
        "um", "the same from arteriole walls; inf: indifferent", low=0.5, default=np.inf
    )
    bone_affinity_length: float = quantity("um", "the same from bone; inf: indifferent", low=0.5, default=np.inf)
    motility: float = quantity("um^2/h", "random motility of one stem cell", low=0)
    egress: float = quantity("1/h", "rate of leaving for the blood at rest", low=0)
    retention: float = quantity("", "CXCL12 binding over its half-saturation at rest", low=0)
    vessel_half: float = quantity(
        "", "signal of sinusoids that halves self-renewal, however well else it is held", low=1e-3, high=0.49
    )
    homing: float = quantity("1/h", "rate at which a circulating stem cell lodges", low=0)
    seeding: float = quantity("", "share of injected cells that lodge in marrow", low=0, high=1)
    senescence_dose: float = quantity("Gy", "dose at which 1 - 1/e of the survivors are senescent", low=0.1)

    @property
    def everyone(self):
        """Stem cells of the organism, tip and others."""
        return self.number + self.tip_number

    @property
    def numbers(self):
        """(2,) stem cells of the organism: others, tip."""
        return np.array([self.number, self.tip_number])

    @property
    def membrane_references(self):
        """(2,) contact at which others and tip keep their number."""
        return np.array([self.membrane_reference, self.tip_membrane_reference])


@dataclass(frozen=True, kw_only=True)
class StemRest:
    """Resting rates that follow from balance, (2,) each, of stem cells and of the tip: wake [1/h], renewal [-] and its limit
    [-], death [1/h], quiescent share [-], `division` [1/h]; of those that leave the `share_mkp` to MkP [-]; `cycling` the share
    of all that is in cycle [-]."""

    wake: np.ndarray
    renewal: np.ndarray
    renewal_limit: np.ndarray
    death: np.ndarray
    quiescent: np.ndarray
    division: np.ndarray
    share_mkp: float
    cycling: float


def rest(s):
    """Resting rates of `StemCells` s: what is not measured follows from numbers that stand still.

    Raises ValueError where the measured rates contradict each other.
    """
    division = np.array([s.division, s.tip_division])
    cycling = division * s.cycle_time
    own = 1 - (s.to_mpp + s.to_mkp) / (2 * s.division)
    fed = s.tip_number * s.tip_division / s.number  # half of the daughters of the tip
    death = np.array([(2 * own - 1) * s.division + fed, 0.0])
    if not (0 < own < s.renewal_limit and death[0] >= 0 and (cycling < 1).all()):
        raise ValueError(
            "stem_cells: division, to_mpp and to_mkp leave a self-renewal probability of "
            f"{own:.2f} and a death rate of {24 * death[0]:.2g}/d; the first must lie between 0 and {s.renewal_limit}, "
            "the second not below 0"
        )
    return StemRest(
        wake=division * (1 + death * s.cycle_time) / (1 - cycling),
        renewal=np.array([own, 0.5]),
        renewal_limit=np.array([s.renewal_limit, s.tip_renewal_limit]),
        death=death,
        quiescent=1 - cycling,
        division=division,
        share_mkp=s.to_mkp / (s.to_mpp + s.to_mkp),
        cycling=float(cycling @ s.numbers / s.everyone),
    )


def dwelling_cost(to_arteriole, to_bone, s):
    """d_a/λ_a + d_b/λ_b of each voxel (n,) [-]: stem cells dwell as exp(−cost), besides their affinity to sinusoids.

    Empty where both lengths are infinite. Distances (n,) are of the voxels' centres [um].
    """
    if np.isinf(s.arteriole_affinity_length) and np.isinf(s.bone_affinity_length):
        return np.empty(0)
    cost = np.maximum(to_arteriole, 0.0) / s.arteriole_affinity_length
    return cost + np.maximum(to_bone, 0.0) / s.bone_affinity_length


def mpl_signal(tpo, s):
    """Saturable Mpl signal, 1 at rest [-]; `tpo` is a ratio to rest."""
    return tpo * (1 + s.mpl_saturation) / (tpo + s.mpl_saturation)


def vessel_signal(integrity):
    """What an intact sinusoid gives, 1 at integrity 1, 0 without [-]."""
    return 1.25 * integrity / (integrity + 0.25)


def renewal_by_vessel(vessel, s):
    """The share of self-renewal that a sinusoid of this signal (1 at rest) allows, whatever else holds the cell [-]."""
    c = s.vessel_half / (1 - 2 * s.vessel_half)
    return vessel * (1 + c) / (vessel + c)


def fate_rates(membrane_scf, scf, tpo, tgf, vessel, tip, s, r):
    """Rates of one or many stem cells from what they feel (ratios to rest, any broadcastable shape); `tip`: which are of it.

    Returns
    -------
    wake : 1/h, renewal : probability of each daughter, death : 1/h, share_mkp : of the daughters that leave.
    """
    kind, t = np.asarray(tip, np.int64), mpl_signal(tpo, s)
    driven = t**3 / (s.tpo_half**3 + t**3)
    h1 = 1 / (s.tpo_half**3 + 1)
    quiet = (1 + s.tgf_quiescence) / (1 + s.tgf_quiescence * tgf**2)
    wake = saturating_rate(
        r.wake[kind], s.wake_limit, quiet * (1 + s.tpo_drive * driven) / (1 + s.tpo_drive * h1) * scf**s.scf_wake
    )
    hold = membrane_scf * (s.tpo_floor + (1 - s.tpo_floor) * 1.3 * t / (t + 0.3)) * vessel
    renewal = saturating_probability(r.renewal[kind], r.renewal_limit[kind], np.maximum(hold, 1e-9))
    renewal = renewal * renewal_by_vessel(vessel, s)
    death = r.death[kind] * (1 + s.death_response) / (1 + s.death_response * hold)
    odds = (
        r.share_mkp / (1 - r.share_mkp) * (1 + s.tpo_direct * driven) / (1 + s.tpo_direct * h1) / np.maximum(scf, 1e-6)
    )
    return wake, renewal, death, odds / (1 + odds)
