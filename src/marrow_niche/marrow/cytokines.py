"""Cytokines and oxygen between the cells: diffusion, decay, receptor uptake, secretion, exchange with blood.

Each field c [nM] is the steady state of its own equation on the extravascular marrow, because it settles in minutes while
cells act in hours:

    −∇·(φ D ∇c) + (φ λ + Σ_k u_k n_k + P a) c = S + P a c_blood

φ extravascular share, n_k cells of kind k per volume, u_k the volume one cell clears per hour, a wall area per volume, P
permeability. Bone carries no flux. Receptors that fill up clear less: u_k / (1 + c/K), with c as it stood before the solve.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from marrow_niche.quantities.parameters import quantity

MOLECULES_PER_NM_UM3 = 0.602214


@dataclass(frozen=True, kw_only=True)
class Cytokine:
    """One field and all that makes, moves and removes it."""

    diffusivity: float = quantity("um^2/h", "D, in marrow interstitium", low=1e-3)
    decay: float = quantity("1/h", "loss that needs no receptor", low=0)
    per_stroma: float = quantity("molecules/h", "secretion of one stromal cell", low=0, default=0.0)
    per_osteoblast: float = quantity("molecules/h", "secretion of one osteoblast", low=0, default=0.0)
    per_megakaryocyte: float = quantity("molecules/h", "release by one megakaryocyte", low=0, default=0.0)
    per_wall: float = quantity("molecules/h/um^2", "secretion of sinusoid wall", low=0, default=0.0)
    per_arteriole: float = quantity("molecules/h/um^2", "secretion or activation along arterioles", low=0, default=0.0)
    per_fat: float = quantity("molecules/h/um^3", "secretion of adipose marrow", low=0, default=0.0)
    everywhere: float = quantity("molecules/h/um^3", "activation throughout the marrow", low=0, default=0.0)
    uptake: dict[str, float] = field(
        default_factory=dict,
        metadata={"unit": "um^3/h", "meaning": "volume that one cell of each kind clears", "low": 0.0, "high": None},
    )
    saturation: float = quantity("nM", "concentration that half fills the receptors", low=1e-12, default=np.inf)
    permeability: float = quantity("um/h", "of sinusoid and arteriole walls", low=0, default=0.0)
    hormone: str | None = None
    receptor: Literal["mpl", "epor", "gcsfr", "il7r"] | None = None
    sinusoid_level: float = quantity("nM", "concentration in sinusoid blood", low=0, default=0.0)
    arteriole_level: float = quantity("nM", "concentration in arteriole blood", low=0, default=0.0)
    reference: float = quantity("nM", "what target cells feel at rest in a mouse femur", low=0)
    shown_in: str = "pM"
    shown_factor: float = quantity("", "shown value over nM", low=0, default=1000.0)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a field meets, per marrow voxel; (n,) float64 each.

    `source` molecules/h in the voxel, `clearing` um^3/h cleared by all cells of the voxel, `sinusoid` and `arteriole` wall
    area [um^2], `extravascular` share of the voxel.
    """

    source: np.ndarray
    clearing: np.ndarray
    sinusoid: np.ndarray
    arteriole: np.ndarray
    extravascular: np.ndarray


def terms(c, around, volume, blood, before):
    """Source [nM/h], loss [1/h], exchange [1/h] and blood-side level [nM] of field `c` in voxels of `volume` [um^3].

    Each (n,); the last two are numbers where nothing crosses the walls. `blood` is the sinusoid-side level [nM]; `before`
    (n,) the concentration by which receptors are filled, or None.
    """
    fill = 1.0 if before is None or not np.isfinite(c.saturation) else 1.0 / (1.0 + before / c.saturation)
    source = around.source / (MOLECULES_PER_NM_UM3 * volume)
    loss = around.extravascular * c.decay + around.clearing * fill / volume
    if c.permeability == 0.0:
        return source, loss, 0.0, blood
    area = around.sinusoid + around.arteriole
    exchange = c.permeability * area / volume
    level = np.divide(
        around.sinusoid * blood + around.arteriole * (c.arteriole_level or blood),
        area,
        out=np.full_like(area, blood),
        where=area > 0,
    )
    return source, loss, exchange, level


def well_mixed(c, made, eaten, sinusoid, arteriole, space, blood):
    """Concentration of the same marrow if it were stirred [nM]: what is made and let in over what is lost and let out.

    `made` molecules/h, `eaten` um^3/h that receptors clear while empty, wall areas `sinusoid` and `arteriole` [um^2],
    extravascular `space` [um^3], the sinusoid-side level `blood` [nM]. Receptors fill as this very concentration says:

        (A + E/(1 + c/K)) c = B,   with A = λ V + P a, E what empty receptors clear, B what is made and let in.
    """
    through = c.permeability
    given = made / MOLECULES_PER_NM_UM3 + through * (sinusoid * blood + arteriole * (c.arteriole_level or blood))
    lost = c.decay * space + through * (sinusoid + arteriole)
    if math.isinf(c.saturation):
        return given / (lost + eaten)
    free = lost + eaten - given / c.saturation  # the quadratic's middle term; its one root that is not negative
    if lost == 0.0 and free <= 0.0:
        return math.inf  # more is made than full receptors clear
    root = math.sqrt(free * free + 4.0 * lost * given / c.saturation)
    return 2.0 * given / (free + root) if free > 0.0 else (root - free) * c.saturation / (2.0 * lost)
