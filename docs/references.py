"""Make the references of the species files anew: what target cells feel at rest in the package's own bones.

    uv run python docs/references.py [mouse] [human]

builds the bone of each, seeks its rest with stem cells at the species' numbers, and writes the references that go with it to
`src/marrow_niche/scenario/species`. The order matters not; a whole femur takes some minutes.
"""

import re
import sys
from pathlib import Path

import marrow_niche
from marrow_niche.scenario.scenario import scenario_from
from marrow_niche.simulation import assembly

FILES = Path(marrow_niche.__file__).parent / "scenario" / "species"
BONES = {
    "mouse": (1, {"bone": "long bone", "voxel": "20 um"}),
    "human": (7, {"bone": "human iliac core", "voxel": "60 um"}),
}
"""Seed and geometry."""


def references(species):
    """{(table, entry): value} of a species, from the bone that is its reference."""
    seed, geometry = BONES[species]
    asked = scenario_from({"species": species, "seed": seed, "duration": "1 d", "geometry": geometry})
    bone = assembly.build_geometry(asked.geometry, asked.parameters.anatomy, seed=seed, folder=asked.folder)
    laid = assembly.lay_out(asked, bone)
    model, _ = assembly.at_rest(laid, report=lambda *told: print(species, *told, flush=True), calibrate=True)
    stem = model.species.stem_cells
    found = {("stem_cells", name): getattr(stem, name) for name in ("membrane_reference", "tip_membrane_reference")}
    return found | {(f"cytokines.{name}", "reference"): c.reference for name, c in model.species.cytokines.items()}


def write(text, table, entry, value):
    """The text of a species file with another value of one entry. Raises ValueError where it has no such entry."""
    pattern = rf"(^\[{re.escape(table)}\]\n(?:(?!\[).*\n)*?{entry} = \{{ value = )[^,]+"
    text, times = re.subn(pattern, rf"\g<1>{float(f'{value:.4g}')}", text, flags=re.MULTILINE)
    if times != 1:
        raise ValueError(f"[{table}] {entry} stands {times} times in the file.")
    return text


def main():
    """Make those of the species named, or of all."""
    for species in sys.argv[1:] or BONES:
        file = FILES / f"{species}.toml"
        text = file.read_text()
        for (table, entry), value in references(species).items():
            text = write(text, table, entry, value)
        file.write_text(text)


if __name__ == "__main__":
    main()
