"""A small marrow and a recording of it that every test of the room shares."""

import numpy as np
import pytest

from marrow_niche.record import provenance
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.recorder import Recorder

DAYS = (0.0, 0.5, 4 / 3, 7.0)


class Marrow:
    """A ball of marrow in a box of unequal sides, with fields, cells and rows that depend on the day alone."""

    def __init__(self, shape=(5, 6, 7)):
        self.units = {"SCF": "nM", "division": "1/h", "progenitors": ""}
        z, y, x = np.indices(shape)
        centre = [(n - 1) / 2 for n in shape]
        far = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
        tissue = np.where(far < 2.6, 2, 1).astype(np.uint8)
        flat = np.flatnonzero(tissue.ravel() == 2)
        self.grid = {"shape": shape, "spacing": 20.0, "origin": (-30.0, 5.0, 100.0), "flat": flat, "tissue": tissue}
        self.n = flat.size

    def fields(self, day):
        place = np.arange(self.n)
        return {"SCF": 0.1 + np.exp(-place / 9) / (1 + day), "division": place / 100.0, "progenitors": place + int(day)}

    def cells(self, day):
        count = int(3 + day)
        place = np.arange(count)
        return {
            "position": 20.0 * np.stack([place, place + 1, place + 2], axis=1) / 7,
            "cell_id": place + 2**40,
            "age_h": place / 3,
            "donor": place % 2 == 0,
        }

    def births(self, day):
        """One at every third of a day up to this one, all that ever were: the recorder leaves out those that it has."""
        place = np.arange(round(3 * day))
        return {"day": place / 3, "cell": place + 100, "parent": place - 1, "x_um": np.where(place > 0, place / 7, np.nan)}

    def record(self, recorder, day):
        births = self.births(day)
        blood = {"neutrophils_per_uL": 1500 * np.exp(-day), "platelets_per_uL": 1e6 + day}
        rows = {"blood": blood, "marrow": {"hsc": 12 - int(day)}, "budgets": {"SCF_secreted_molecules_per_h": 1e9 + day / 3}}
        recorder.record(day, **rows, fields=self.fields(day), cells=self.cells(day), births=births)
        recorder.sync()

    def begin(self, path, **options):
        run = RunDirectory(path).create()
        run.write_scenario({"title": "a ball of marrow", "species": "mouse", "seed": 7})
        provenance.write(run, scenario={"title": "a ball of marrow"}, ledger=[], seed=7, threads=2)
        return Recorder(run, self.grid, fields_unit=self.units, **options)

    def geometry(self, recorder):
        nodes = np.array([[0.0, 0, 0], [20, 0, 0], [20, 30, 0], [20, 30, 40]])
        vessels = {"nodes": nodes, "edges": [[0, 1], [1, 2], [2, 3]], "radius": [5.0, 7.0, 9.0], "kind": [0, 1, 2]}
        surface = nodes, np.array([[0, 1, 2], [0, 1, 3], [1, 2, 3], [0, 2, 3]])
        recorder.geometry(vessels, surface, {"stroma": {"position": nodes[:2]}})


@pytest.fixture
def marrow():
    return Marrow()


@pytest.fixture
def run(tmp_path, marrow):
    """A finished recording; its directory."""
    recorder = marrow.begin(tmp_path / "run")
    marrow.geometry(recorder)
    for day in DAYS:
        marrow.record(recorder, day)
    provenance.finish(recorder.directory, wall_seconds=1.5)
    return recorder.directory
