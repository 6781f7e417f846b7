"""Counterfactual arms: copies of one injured marrow, each with some of what may hold it up taken away.

From the fork on, under the same luck (draws depend on cell, hour and seed alone):

- *niche*: vessels, stroma and osteoblasts are intact and stay so, no stroma turns to fat, and membranes hold the SCF of the
  wild type;
- *stem cells*: those that are missing are put in where stem cells dwell, tip and others to their resting numbers, once, and
  none is senescent; from then on there are no more of either than at rest: too few is what is lifted, and more than enough
  would drive counts over rest;
- *hormones*: "normal": they are made as a healthy body makes them at these counts; "saturating": TPO, EPO and G-CSF act at
  least at the level of `SATURATING`, at every hour, which drives counts over rest and so hides what else is short.
"""

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

SATURATING = {"tpo": 12.2, "epo": 30.0, "gcsf": 55.0}
"""Levels over rest: the most that a mimetic of TPO does (Wang 2010, AAPS J 12:729), EPO in severe anaemia, G-CSF that half
fills its receptors (Nicola & Metcalf 1985)."""
SURPLUS = 121
Hormones = Literal["normal", "saturating"]
"""To what they are lifted."""
LINEAGES = ("neutrophils", "platelets", "red_cells")
LEVEL = 0.9
"""Share of rest at which a count is back."""
EVERY = 6
"""Hours between readings of the blood."""


@dataclass(frozen=True)
class Rest:
    """What the marrow had before anything was done to it: stored stem cells (others, tip) and pools of blood (3,) in the order
    of `LINEAGES`."""

    stem_cells: tuple[int, int]
    blood: tuple[float, float, float]


@dataclass(frozen=True)
class Fork:
    """An injured marrow, and how it came there: times (t,) [d] and pools over rest (t, 3) up to the fork."""

    model: Any
    state: Any
    rest: Rest
    day: np.ndarray
    pools: np.ndarray


def at_rest(state: Any) -> Rest:
    """What a state holds, as the rest of later ones."""
    tip = state.stem.tip
    return Rest((int((~tip).sum()), int(tip.sum())), _pools(state))


def _pools(state: Any) -> tuple[float, float, float]:
    """Cells of the organism by lineage: all of its blood, also what stands at vessel walls."""
    b = state.blood
    return float(b.neutrophils), float(b.platelet.sum()), float(b.red.sum() + b.reticulocytes)


def fork(model: Any, state: Any, rest: Rest, until: int, progress: Callable[[int], None] | None = None) -> Fork:
    """Step `state` on to the hour `until` and tell what the blood did on the way."""
    day, pools = follow(model, state, rest, until, progress=progress)
    return Fork(model, state, rest, day, pools)


def effective(lifted: frozenset[str], hormones: Hormones, genes: Any) -> frozenset[str]:
    """The limits that lifting changes anything of: none of hormones that are made normally already."""
    return lifted - {"hormones"} if hormones == "normal" and genes.tpo >= 1.0 else lifted


def run_arm(
    found: Fork,
    lifted: frozenset[str],
    until: int,
    progress: Callable[[int], None] | None = None,
    hormones: Hormones = "normal",
) -> np.ndarray:
    """Day of recovery of each lineage (3,), see `recovered`, of an arm followed to the hour `until`."""
    day, pools = arm_course(found, lifted, until, progress, hormones)
    return np.array([recovered(day, pools[:, k]) for k in range(len(LINEAGES))])


def arm_course(
    found: Fork,
    lifted: frozenset[str],
    until: int,
    progress: Callable[[int], None] | None = None,
    hormones: Hormones = "normal",
) -> tuple[np.ndarray, np.ndarray]:
    """Times (t,) [d] and pools over rest (t, 3) of one arm, from the start of the run on."""
    from marrow_niche.simulation.step import update_fields

    model, state = found.model, copy.deepcopy(found.state)
    if "niche" in lifted:
        model = without_injury(_with_genes(model, membrane_scf=1.0))
        mend_niche(state)
    if "stem_cells" in lifted:
        give_stem_cells(state, model, found.rest)
    held = "hormones" in lifted and hormones == "saturating"
    if held:
        saturate(state)
    elif "hormones" in lifted:
        model = _with_genes(model, tpo=max(model.genes.tpo, 1.0))
    update_fields(state, model, anew=True)

    def hold() -> None:
        if "niche" in lifted:
            mend_niche(state)
        if "stem_cells" in lifted:
            spare_surplus(state, model, found.rest)
        if held:
            saturate(state)

    day, pools = follow(model, state, found.rest, until, hold, progress)
    return np.concatenate([found.day, day]), np.concatenate([found.pools, pools])


def follow(
    model: Any,
    state: Any,
    rest: Rest,
    until: int,
    hold: Callable[[], None] = lambda: None,
    progress: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Step to the hour `until`, calling `hold` before each hour; the start and each `EVERY` hours are read off."""
    from marrow_niche.simulation import advance

    day, pools = [], []
    if state.hour == 0:
        day, pools = [0.0], [np.ones(len(LINEAGES))]
    while state.hour < until:
        hold()
        advance(state, model)
        if state.hour % EVERY == 0 or state.hour == until:
            day.append(state.hour / 24)
            pools.append(np.array(_pools(state)) / np.array(rest.blood))
        if progress is not None:
            progress(state.hour)
    return np.array(day), np.array(pools).reshape(-1, len(LINEAGES))


def recovered(day: np.ndarray, pool: np.ndarray, level: float = LEVEL) -> float:
    """Day on which a pool over rest (t,) is back at `level` after its lowest point: 0 where it never fell below it, infinite
    where it is not back by the end."""
    from marrow_niche.analysis.recovery import course

    found = course(day, pool, (level,))
    passage = found.passages[0] if found is not None else None
    if passage is None or passage.fell is None:
        return 0.0
    return np.inf if passage.back is None else passage.back


def mend_niche(state: Any) -> None:
    """Vessels, stroma, osteoblasts and their membranes intact and wild type, no lesion left in them, in place."""
    niche = state.stroma
    niche.lesions = 0.0
    for part in (niche.vessel, niche.stroma, niche.osteoblast, niche.membrane):
        part[:] = 1.0


def without_injury(model: Any) -> Any:
    """The model in which empty marrow harms nothing. Stroma that is only held intact would turn to fat for ever, and fat
    makes SCF."""
    stroma = dataclasses.replace(model.species.stroma, vessel_injury=0.0, stroma_injury=0.0)
    return dataclasses.replace(model, species=dataclasses.replace(model.species, stroma=stroma))


def _with_genes(model: Any, **genes: float) -> Any:
    return dataclasses.replace(model, genes=dataclasses.replace(model.genes, **genes))


def saturate(state: Any) -> None:
    """Hormones act at least at their saturating level, in place."""
    for name, level in SATURATING.items():
        setattr(state.hormones, name, max(getattr(state.hormones, name), level))


def give_stem_cells(state: Any, model: Any, rest: Rest) -> None:
    """Stem cells back to their resting numbers where they dwell, in place; new ones are clones of their own, none senescent."""
    from marrow_niche import resting
    from marrow_niche.state import joined, note_births

    s = state.stem
    s.senescent[:] = False
    missing = [max(0, wanted - int((s.tip == tip).sum())) for wanted, tip in zip(rest.stem_cells, (False, True))]
    number = sum(missing)
    if not number:
        return
    new = resting.dwelling(number, model)
    new.tip[:] = np.arange(number) >= missing[0]
    order = np.random.Generator(np.random.Philox(model.seed)).permutation(number)
    new.tip[:] = new.tip[order]
    new.id[:] = state.next_id + np.arange(number, dtype=np.int64)
    new.clone[:] = new.id
    new.born[:] = state.hour
    state.next_id += number
    note_births(state, new)
    state.stem = joined(s, new)


def spare_surplus(state: Any, model: Any, rest: Rest) -> None:
    """No more stem cells of either kind than at rest, in place: lots tell which of them go."""
    from marrow_niche.kernels.stem_cells import uniforms
    from marrow_niche.state import take

    s = state.stem
    kept = np.ones(len(s.id), bool)
    for wanted, tip in zip(rest.stem_cells, (False, True)):
        mine = np.flatnonzero(s.tip == tip)
        lots = uniforms(s.id[mine], model.seed, state.hour, SURPLUS, 0)[:, 0]
        kept[mine[np.argsort(lots)[wanted:]]] = False
    if not kept.all():
        state.stem = take(s, kept)
