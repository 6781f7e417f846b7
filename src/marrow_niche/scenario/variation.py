"""Animals differ: each seed draws its own sensitivity, dose, stem cells and counts around the means of its species.

Every quantity q of the species becomes q·f with f log-normal of mean 1 and the species' coefficient of variation, drawn from
the seed alone. Sensitivity scales the dose that does the same: α by f, β by f².
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from marrow_niche.kernels.streams import generator
from marrow_niche.marrow.damage import LinearQuadratic
from marrow_niche.quantities.parameters import quantity

ANIMAL = 111
"""Purpose of the draws."""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Coefficients of variation between animals."""

    radiosensitivity: float = quantity("", "of the sensitivity of all cells to radiation", low=0, high=1)
    delivered_dose: float = quantity("", "of the dose that an animal receives of the one that was meant", low=0, high=1)
    stem_cells: float = quantity("", "of the number of stem cells, tip and others alike", low=0, high=2)
    neutrophils: float = quantity("", "of the resting count of neutrophils", low=0, high=2)
    platelets: float = quantity("", "of the resting count of platelets", low=0, high=2)
    red_cells: float = quantity("", "of the resting count of red cells", low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class Animal:
    """What one animal has over the mean of its species [-]."""

    radiosensitivity: float = 1.0
    delivered_dose: float = 1.0
    stem_cells: float = 1.0
    neutrophils: float = 1.0
    platelets: float = 1.0
    red_cells: float = 1.0


MEAN = Animal()


def draw(variation: Variation, seed: int) -> Animal:
    """The animal of this seed: log-normal factors of mean 1."""
    names = [field.name for field in dataclasses.fields(Animal)]
    normal = generator(seed, ANIMAL).standard_normal(len(names))
    spread = [math.sqrt(math.log1p(getattr(variation, name) ** 2)) for name in names]
    return Animal(**{name: math.exp(s * z - s * s / 2) for name, s, z in zip(names, spread, map(float, normal))})


def of(species: Any, animal: Animal) -> Any:
    """The numbers of `species` (scenario.Species) in that animal. The dose it receives is no number of a species."""
    stem, blood, f = species.stem_cells, species.blood, animal.radiosensitivity
    return dataclasses.replace(
        species,
        stem_cells=dataclasses.replace(
            stem,
            number=stem.number * animal.stem_cells,
            tip_number=stem.tip_number * animal.stem_cells,
            senescence_dose=stem.senescence_dose / f,
        ),
        blood=dataclasses.replace(
            blood,
            neutrophils=blood.neutrophils * animal.neutrophils,
            platelets=blood.platelets * animal.platelets,
            red_cells=blood.red_cells * animal.red_cells,
        ),
        radiation=_scaled(species.radiation, f),
    )


def facts(animal: Animal) -> dict[str, float]:
    """What to note of an animal that is not the mean; nothing of one that is."""
    return {} if animal == MEAN else {f"animal_{name}": value for name, value in dataclasses.asdict(animal).items()}


def _scaled(radiation: Any, f: float) -> Any:
    """Sensitivities as if every dose were `f` times as large."""

    def scaled(value: Any) -> Any:
        if isinstance(value, LinearQuadratic):
            return dataclasses.replace(value, alpha=value.alpha * f, beta=value.beta * f * f)
        return {name: scaled(item) for name, item in value.items()} if isinstance(value, dict) else value

    each = {field.name: scaled(getattr(radiation, field.name)) for field in dataclasses.fields(radiation)}
    return dataclasses.replace(radiation, **each | {"straight_from": radiation.straight_from / f})
