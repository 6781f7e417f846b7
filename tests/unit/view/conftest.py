"""A small marrow in a square shaft of bone, and a recording of it after 6 Gy that tests of the room share."""

import shutil

import numpy as np
import pytest

from marrow_niche.record import provenance
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.recorder import Recorder
from marrow_niche.record.results import open_results
from marrow_niche.view.probe import probe

DAYS = (0.0, 2.0, 6.0, 10.0, 20.0)
SHARES = (1.0, 0.6, 0.04, 0.5, 0.95)
FACTS = {
    "source": "a square shaft", "length_mm": 15.0, "long_axis": "z", "section_axis": "z", "dimension": 3, "voxel_um": 20.0,
    "piece_share": 0.002, "share_neutrophils": 0.0019, "share_platelets": 0.0021, "stem_cells_over_species": 1.0,
}  # fmt: skip
LEDGER = [
    {"path": "blood.neutrophils", "value": 1000, "unit": "1/uL", "canonical": 1e9, "canonical_unit": "1/mL",
     "source": "Somebody 2021 <J & B>", "note": "", "meaning": "resting neutrophils", "overridden": False},
    {"path": "stroma.reach", "value": 50, "unit": "um", "canonical": 50.0, "canonical_unit": "um", "source": "estimate",
     "note": "10 to 90", "meaning": "how far stroma feels", "overridden": True},
]  # fmt: skip


def grid(shape=(6, 12, 14)):
    """Bone two voxels thick around marrow; one voxel of lumen."""
    tissue = np.ones(shape, np.uint8)
    tissue[:, 2:-2, 2:-2] = 2
    tissue[shape[0] // 2, 5, 5] = 3
    flat = np.flatnonzero(tissue.ravel() == 2)
    return {"shape": shape, "spacing": 20.0, "origin": (100.0, 0.0, 5000.0), "flat": flat, "tissue": tissue}


def vessels(top):
    """Three sinusoids and an arteriole along z, and one sinusoid across."""
    x, y = np.array([180.0, 220.0, 280.0, 200.0]), np.array([80.0, 140.0, 160.0, 180.0])
    low = np.stack([x, y, np.full(4, 4900.0)], axis=1)
    nodes = np.concatenate([low, low + np.array([0, 0, top + 200.0]), [[150.0, 100.0, 5050.0], [330.0, 150.0, 5060.0]]])
    edges = [[0, 4], [1, 5], [2, 6], [3, 7], [8, 9]]
    return {"nodes": nodes, "edges": edges, "radius": [12.0, 10.0, 14.0, 4.0, 10.0], "kind": [0, 0, 0, 1, 0]}


def surface():
    """A brick 15 mm long."""
    corner = np.array([[x, y, z] for z in (0.0, 15000.0) for y in (0.0, 240.0) for x in (100.0, 380.0)])
    faces = [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4], [2, 6, 3], [3, 6, 7], [0, 4, 2],
             [2, 4, 6], [1, 3, 5], [3, 7, 5]]  # fmt: skip
    return corner, np.array(faces)


def rows(share):
    blood = {
        "neutrophils_per_uL": 1000 * share, "lymphocytes_per_uL": 4000 * share, "platelets_per_uL": 1e6 * share,
        "haemoglobin_g_per_dL": 14 * (0.5 + 0.5 * share), "TPO_pM": 2.7 / share,
    }  # fmt: skip
    marrow = {
        "stem_cells": 12 * share, "stem_cells_stored": round(600 * share), "stem_cells_cycling_share": 0.05,
        "clones": round(600 * share), "cellularity": share, "MPP_cells": 40 * share, "GMP_cells": 400 * share,
        "sinusoid_integrity": 0.5 + 0.5 * share, "fat_share": 0.05, "field_residual": 2e-6, "field_budget_gap": 3e-13,
    }  # fmt: skip
    return blood, marrow


def flows(share, gap):
    """A row of fields.csv of two fields whose budgets close but for `gap`, that of oxygen alone."""
    scf = {"secreted": 3e9 * share, "decayed": 1e9 * share, "taken_up": 2e9 * share, "entered": 0.0, "left": 0.0}
    oxygen = {"secreted": 0.0, "decayed": 0.0, "taken_up": 4e15, "entered": 9e15, "left": 5e15}
    row = {}
    for name, each, open_ in (("SCF", scf, 1e-13), ("O2", oxygen, gap)):
        row |= {f"{name}_solved_day": 0.0} | {f"{name}_{what}_molecules_per_h": value for what, value in each.items()} | {f"{name}_gap_relative": open_}
        held = 1e9 / share if name == "SCF" else 4e15
        row |= {f"{name}_held_molecules": held, f"{name}_cleared_per_h": (each["decayed"] + each["taken_up"] + each["left"]) / held}
    return row


def cells(g, share, random):
    n = max(1, round(600 * share))
    voxel = random.choice(g["flat"], n)
    z, y, x = np.unravel_index(voxel, g["shape"])
    place = np.array(g["origin"]) + 20.0 * (np.stack([x, y, z], axis=1) + random.random((n, 3)))
    return {
        "position": place, "id": np.arange(n), "weight": np.full(n, 0.02), "cycling": (np.arange(n) % 10 == 0).astype(np.uint8),
        "senescent": (np.arange(n) % 50 == 1).astype(np.uint8), "distance_to_sinusoid_um": random.exponential(5.0, n),
    }  # fmt: skip


def make(
    path, *, shape=(6, 12, 14), days=DAYS, shares=SHARES, events=({"at": "0 d", "kind": "radiation", "dose": "6 Gy"},),
    organism=None, facts=None, finished=True, fields=True, with_cells=True, geometry=True,
    gap=2e-12, with_budgets=True,
):  # fmt: skip
    """Record a run into `path`; returns its Results."""
    run = RunDirectory(path).create()
    scenario = {"title": "a square shaft & 6 Gy", "species": "mouse", "seed": 7, "duration": "20 d",
                "organism": organism or {"agents": "organism", "rest": "same"}, "events": list(events)}  # fmt: skip
    run.write_scenario(scenario)
    provenance.write(run, scenario=scenario, ledger=LEDGER, seed=7, geometry_facts=FACTS | (facts or {}))
    g = grid(shape)
    recorder = Recorder(run, g, fields_unit={"SCF": "pM", "O2": "mmHg", "vessel_integrity": ""})
    if geometry:
        recorder.geometry(vessels(20.0 * shape[0]), surface(), whole=surface())
    random = np.random.default_rng(1)
    for day, share in zip(days, shares):
        n = g["flat"].size
        values = {
            "SCF": 200.0 / (0.1 + share) + np.arange(n) / n,
            "O2": 10.0 + np.arange(n) / n,
            "vessel_integrity": np.full(n, 0.5 + 0.5 * share),
        }
        blood, marrow = rows(share)
        present = cells(g, share, random) if with_cells else None
        books = flows(share, gap if day == 6.0 else 2e-12) if with_budgets else None
        recorder.record(day, blood=blood, marrow=marrow, budgets=books, fields=values if fields else {}, cells=present)
    recorder.sync()
    if finished:
        provenance.finish(run, wall_seconds=61.0)
    return open_results(path)


@pytest.fixture(scope="session")
def window():
    """A window that works, or no test of pictures."""
    found = probe()
    if not found.works:
        pytest.skip(found.message)
    return found


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A finished run that no test writes into."""
    return make(tmp_path_factory.mktemp("view") / "run")


@pytest.fixture
def own(recorded, tmp_path):
    """A copy of it to write into."""
    shutil.copytree(recorded.directory, tmp_path / "run")
    return open_results(tmp_path / "run")


@pytest.fixture
def run_of(tmp_path):
    """Make a run of one's own: run_of(**options) -> Results."""
    return lambda **options: make(tmp_path / "other", **options)


@pytest.fixture
def no_window(monkeypatch):
    """A machine on which no OpenGL window opens: the process that tries is killed."""
    monkeypatch.setattr("marrow_niche.view.probe._OPEN_A_WINDOW", "import os; os.abort()")
