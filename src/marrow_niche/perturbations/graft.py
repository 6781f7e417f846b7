"""A transplant: cells into the blood, of which a part lodges in the marrow; or stroma into a region."""

from dataclasses import dataclass

import numpy as np

from marrow_niche.kernels.stem_cells import uniforms
from marrow_niche.kernels.streams import generator
from marrow_niche.perturbations.once import Once
from marrow_niche.perturbations.region import Region, corners
from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.words import listed, percent, plain
from marrow_niche.state import joined, note_births, resting_stem_cells

GRAFT = 71
STEM = ("HSC", "tip")
MIXTURES = {"marrow": "all cells of marrow as they stand at rest", "CD34": "stem cells and progenitors that renew themselves"}


@dataclass(frozen=True, kw_only=True)
class Graft(Once):
    """Cells of a healthy donor, into the blood of the organism, or its stroma into the marrow."""

    kind = "graft"
    marks = True
    cells: dict[str, float] | None = quantity(
        "", "cells given to the organism, by type: HSC, tip, a compartment, 'marrow' or 'CD34'", low=0, default=None
    )
    stroma: float | None = quantity("", "healthy stroma, as a share of what there is at rest", low=0, high=1, default=None)
    region: Region | None = None

    def contradictions(self):
        """What disagrees between the entries."""
        if (self.cells is None) == (self.stroma is None):
            yield "give either cells, such as cells = { HSC = 200 }, or stroma, such as stroma = '50 %'."
        if self.region is not None and self.stroma is None:
            yield "region", "cells go into the blood and lodge anywhere; a region is for stroma."

    @staticmethod
    def unknown(table, species):
        """What of an event's `table` the species does not know, as (entry, text, names that it knows)."""
        cells, known = table.get("cells"), (*STEM, *MIXTURES, *species.lineages)
        for name in cells if isinstance(cells, dict) else ():
            if name not in known:
                yield f"cells.{name}", "no cell has this name.", known

    def strike(self, state, model, turn=0):
        """Give it, in place, as the `turn`-th of the hour; True: the marrow is another one after it."""
        if self.stroma is not None:
            give_stroma(state, model, self.stroma, self.region, turn)
            return True
        for number, (name, cells) in enumerate(composition(self.cells, model).items()):
            rng = generator(model.seed, (GRAFT << 32) + (turn << 26) + state.hour * 64 + number)
            lodged = rng.binomial(_whole(cells, rng), model.species.stem_cells.seeding)  # each on its own
            if name in STEM:
                give_stem_cells(state, model, lodged, name == "tip", rng)
            else:
                give_cells(state, model, lodged, name, rng)
        return False

    def told(self, species):
        """The event in a sentence, for `check`."""
        if self.stroma is not None:
            where = " of a part of the piece" if self.region is not None else ""
            return f"{percent(self.stroma)} of the stroma{where} is replaced by healthy stroma."
        given = listed([f"{plain(number, 6)} {name}" for name, number in (self.cells or {}).items()]) or "nothing"
        return f"{given} into the blood, of which {percent(species.stem_cells.seeding)} lodge in marrow."


def composition(cells, model):
    """{type: number} of a graft with its mixtures resolved by what the organism holds at rest."""
    stem, tree = model.species.stem_cells, model.tree
    at_rest = {"HSC": stem.number, "tip": stem.tip_number}
    at_rest |= {name: float(tree.rest[tree.rows(name, 0)].sum()) for name in tree.first if name != "burst"}
    renewing = {name for name, c in model.species.lineages.items() if c.number is not None} | set(STEM)
    out: dict[str, float] = {}
    for name, number in cells.items():
        if name not in MIXTURES:
            out[name] = out.get(name, 0.0) + number
            continue
        part = at_rest if name == "marrow" else {kind: n for kind, n in at_rest.items() if kind in renewing}
        whole = sum(part.values())
        for kind, n in part.items():
            out[kind] = out.get(kind, 0.0) + number * n / whole
    return out


def _whole(mean, rng):
    """A whole number whose mean is `mean`, by one draw."""
    return int(np.floor(mean) + (rng.random() < mean - np.floor(mean)))


def give_stem_cells(state, model, cells, tip, rng):
    """Stem cells of the organism into the blood: as many stored ones as stand for these `cells`, each its own clone."""
    stored = _whole(cells * model.piece_share / model.stem_weight, rng)
    ids = state.next_id + np.arange(stored, dtype=np.int64)
    state.next_id += stored
    new = resting_stem_cells(ids, np.full(stored, -1, np.int32), np.full(stored, tip), model.tree.marked, state.hour)
    note_births(state, new)
    state.stem = joined(state.stem, new)


def give_cells(state, model, cells, name, rng):
    """These `cells` of the organism, of compartment `name`, lodge beside sinusoids, over its stages as at rest; in the first
    where none are there at rest."""
    tree = model.tree
    rows = tree.rows(name, tree.marked)
    ladder = np.cumsum(model.geometry.sinusoid_area * state.stroma.vessel)
    if ladder[-1] <= 0:
        return
    at_rest = tree.rest[tree.rows(name, 0)]
    at_rest = at_rest if at_rest.any() else np.eye(1, len(at_rest))[0]
    for row, part in zip(range(rows.start, rows.stop), at_rest / at_rest.sum()):
        stored = _whole(cells * part * model.piece_share / model.weight[row], rng)
        where = np.minimum(np.searchsorted(ladder, rng.random(stored) * ladder[-1], side="right"), model.n - 1)
        np.add.at(state.counts[row], where, 1)


def give_stroma(state, model, share, region, turn=0):
    """Healthy stroma takes the place of a `share` of the stromal cells of the region, chosen by lot, intact and wild type."""
    niche = model.geometry.niches
    here = np.ones(len(niche.stroma), bool)
    if region is not None:
        low, high = corners(model)
        here = region.inside(niche.stroma, low, high, model.long_axis)
    lot = uniforms(np.arange(len(niche.stroma), dtype=np.int64), model.seed, state.hour, GRAFT, 2**15 + turn)[:, 0]
    taken = here & (lot < share)
    state.stroma.stroma[taken] = 1.0
    state.stroma.membrane[taken] = 1.0
