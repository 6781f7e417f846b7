"""Haematopoietic stem cells: individuals that rest, wake, divide, renew or differentiate, move, leave and come home.

What a cell feels (`Sensed`, ratios to rest) sets its own rates; docs/model.md gives the equations. A quiescent cell wakes at

    w = saturating(w₀, w_max; T(β) · D(t) · x_s^a),     T = (1 + b)/(1 + b β²),     D = (1 + g h(t))/(1 + g h(1)),

with soluble SCF x_s, TGF-beta β and the Mpl signal t, h(t) = t³/(K³ + t³). A cell in cycle divides after a mean cycle time;
each daughter stays a stem cell with probability p = Hill(y), else it leaves as MkP or MPP. y = x_m τ(t) V is what holds
stem cells: contact SCF x_m, TPO and an intact vessel multiply (Antonchuk 2004). Death is δ₀ (1 + s)/(1 + s y).
"""

from dataclasses import dataclass

import numpy as np

from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.response import saturating_probability, saturating_rate


@dataclass(frozen=True, kw_only=True)
class StemCells:
    """Numbers of the stem-cell compartment (whole organism) and its answers to the niche."""

    number: float = quantity("", "stem cells in the organism", low=1)
    agent_cap: float = quantity("", "most stem cells stored one by one", low=100)
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
    membrane_reference: float = quantity("", "mean contact of stem cells at rest in a mouse femur", low=0)
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
    homing: float = quantity("1/h", "rate at which a circulating stem cell lodges", low=0)
    senescence_dose: float = quantity("Gy", "dose at which 1 - 1/e of the survivors are senescent", low=0.1)


@dataclass(frozen=True, kw_only=True)
class StemRest:
    """Resting rates that follow from balance: wake [1/h], renewal [-], death [1/h], share to MkP [-], quiescent share [-]."""

    wake: float
    renewal: float
    death: float
    share_mkp: float
    quiescent: float


def rest(s):
    """Resting rates of `StemCells` s: what is not measured follows from numbers that stand still.

    Raises ValueError where the measured rates contradict each other.
    """
    cycling = s.division * s.cycle_time
    renewal = 1 - (s.to_mpp + s.to_mkp) / (2 * s.division)
    death = (2 * renewal - 1) * s.division
    if not (0.5 <= renewal < s.renewal_limit and cycling < 1):
        raise ValueError(
            "stem_cells: division, to_mpp and to_mkp leave a self-renewal probability of "
            f"{renewal:.2f}; it must lie between 0.5 and {s.renewal_limit}"
        )
    return StemRest(
        wake=s.division * (1 + death * s.cycle_time) / (1 - cycling),
        renewal=renewal,
        death=death,
        share_mkp=s.to_mkp / (s.to_mpp + s.to_mkp),
        quiescent=1 - cycling,
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


def fate_rates(membrane_scf, scf, tpo, tgf, vessel, s, r):
    """Rates of one or many stem cells from what they feel (ratios to rest, any broadcastable shape).

    Returns
    -------
    wake : 1/h, renewal : probability of each daughter, death : 1/h, share_mkp : of the daughters that leave.
    """
    t = mpl_signal(tpo, s)
    driven = t**3 / (s.tpo_half**3 + t**3)
    h1 = 1 / (s.tpo_half**3 + 1)
    quiet = (1 + s.tgf_quiescence) / (1 + s.tgf_quiescence * tgf**2)
    wake = saturating_rate(
        r.wake, s.wake_limit, quiet * (1 + s.tpo_drive * driven) / (1 + s.tpo_drive * h1) * scf**s.scf_wake
    )
    hold = membrane_scf * (s.tpo_floor + (1 - s.tpo_floor) * 1.3 * t / (t + 0.3)) * vessel
    renewal = saturating_probability(r.renewal, s.renewal_limit, np.maximum(hold, 1e-9))
    death = r.death * (1 + s.death_response) / (1 + s.death_response * hold)
    odds = (
        r.share_mkp / (1 - r.share_mkp) * (1 + s.tpo_direct * driven) / (1 + s.tpo_direct * h1) / np.maximum(scf, 1e-6)
    )
    return wake, renewal, death, odds / (1 + odds)
