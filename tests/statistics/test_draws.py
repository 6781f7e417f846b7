"""Chance is asked no question twice: every draw of a run has its own purpose, cell, hour and number."""

import ast
import dataclasses
import importlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import lab
import naive_marrow as naive
import numpy as np
import pytest

from marrow_niche import resting
from marrow_niche.coupling import passage
from marrow_niche.kernels import lineages as lineage_kernel
from marrow_niche.kernels import stem_cells as stem_kernel
from marrow_niche.kernels.streams import uniform_pair
from marrow_niche.marrow import fate
from marrow_niche.marrow.lineages import SIGNALS
from marrow_niche.perturbations import radiation
from marrow_niche.perturbations.radiation import Radiation
from marrow_niche.simulation import advance

SOURCE = Path(lineage_kernel.__file__).parents[1]
DRAWS = {"uniform_pair", "uniform_pairs", "uniform", "uniforms", "binomial", "normal_pair", "words", "generator", "lodge", "_draws"}


def purposes():
    """(module, name or expression) of the purpose of every draw in the package's source."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.name == "streams.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DRAWS:
                for argument in node.args:
                    for part in ast.walk(argument):
                        if isinstance(part, ast.Name) and part.id.isupper() and len(part.id) > 2:
                            found.add((path.relative_to(SOURCE).as_posix(), ast.unparse(argument)))
    return found


def value(module, expression):
    """What a purpose is in its own module, given as a path; of one that takes the hour and numbers, in hour 0 the first."""
    names = {"state": SimpleNamespace(hour=0), "number": 0, "turn": 0} | vars(importlib.import_module("marrow_niche." + module.removesuffix(".py").replace("/", ".")))
    return eval(expression, {"__builtins__": {}}, names)


def test_purposes_are_distinct():
    """Each constant that names a purpose has its own value, across modules, `MOVE + 1` and the like included."""
    named = {name: value(*name) for name in purposes()}
    assert len(named) >= 14, sorted(named)
    by_value = Counter(named.values())
    assert not {v: [n for n in named if named[n] == v] for v, count in by_value.items() if count > 1}
    hourly = {v for v in by_value if v >= 2**32}  # of a generator, with room for the hour below
    assert all(v % 2**32 == 0 for v in hourly)
    assert all(0 < v < 2**16 for v in {*(by_value.keys() - hourly), *(v >> 32 for v in hourly)})


def test_the_draws_of_a_lineage_step_and_its_hops_are_all_different():
    """The twins, which ask what the kernels ask, refuse a question asked twice: every feature of the tree on, forty rounds of
    hops, and a dose, in one hour of one seed."""
    rng = np.random.default_rng(1)
    n_stage, n = 4, 3
    tree = dataclasses.make_dataclass("Tree", [
        "rate", "rate_limit", "rate_response", "daughters", "renewal", "renewal_limit", "renewal_response", "survival",
        "survival_response", "target", "share", "share_response", "burst_rate", "burst_target", "burst_signal", "burst_threshold", "burst_half"])(
        np.full(n_stage, 0.1), np.full(n_stage, 1.0), np.zeros((n_stage, 6)), np.full(n_stage, 2), np.full(n_stage, 0.3),
        np.full(n_stage, 0.5), np.zeros((n_stage, 6)), np.full(n_stage, 0.9), np.zeros((n_stage, 6)),
        np.array([[4, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, -1], [4, 5, -1, -1]]), np.full((n_stage, 4), 0.25), np.zeros((n_stage, 4, 6)),
        np.full(n_stage, 0.05), np.full(n_stage, 3), np.zeros(n_stage, int), 1.2, 1.0)
    counts = rng.integers(200, 400, (n_stage, n))
    luck = naive.Luck(9, 4)
    signals = np.full((len(SIGNALS), n), 3.0)
    after, _, ledger = naive.advance(counts, signals, 1.0, np.array([0.3, 0.7, 1.0, 0.4]), tree, 9, 4, luck=luck)
    assert ledger[:, 2].all()
    asked = Counter(question[2:] for question in luck.asked)
    draws = {draw for purpose, draw in asked if purpose == lineage_kernel.TREE}
    again = {lineage_kernel.AGAIN + draw for draw in range(10)}
    assert draws <= set(range(10)) | again and set(range(10)) <= draws and draws & again
    line = np.array([[-1, -1, -1, -1, -1, 1], [-1, -1, -1, -1, 0, 2], [-1, -1, -1, -1, 1, -1]])
    for round_ in range(40):
        after = naive.wander(after, line, np.ones(n), 1 / 12, 9, 4, round_, luck)
    naive.kill(after, [0, 1], [2, 3], np.full(1, 0.5), np.full(1, 0.5), 9, 4, luck)
    assert len(luck.asked) > 800


class Questions:
    """What is asked of the streams in Python and by the kernels of stem cells; a question asked twice is kept."""

    def __init__(self):
        self.asked, self.twice = set(), []

    def ask(self, ids, step, purpose, draw):
        for i in np.asarray(ids).tolist():
            question = (i, int(step) % 2**32, int(purpose), int(draw))
            if question in self.asked:
                self.twice.append(question)
            self.asked.add(question)

    def listen(self, patch):
        uniforms, lodge, move = stem_kernel.uniforms, stem_kernel.lodge, stem_kernel.move

        def heard_uniforms(cells, seed, step, purpose, draw):
            self.ask(cells, step, purpose, draw)
            return uniforms(cells, seed, step, purpose, draw)

        def heard_lodge(voxel, centre, cells, *rest):
            trials, _, step, purpose = rest[-6:-2]
            for draw in range(2 * trials):
                self.ask(cells, step, purpose, draw)
            return lodge(voxel, centre, cells, *rest)

        def heard_move(position, voxel, distance, cells, *rest):
            rounds, _, step = rest[-3:]
            for r in range(rounds):
                for purpose, draw in ((stem_kernel.MOVE, 2 * r), (stem_kernel.MOVE, 2 * r + 1), (stem_kernel.MOVE + 1, r)):
                    self.ask(np.asarray(cells)[voxel >= 0], step, purpose, draw)
            return move(position, voxel, distance, cells, *rest)

        for module in (passage, fate, radiation):
            patch.setattr(module, "uniforms", heard_uniforms)
        patch.setattr(passage, "lodge", heard_lodge)
        patch.setattr(passage, "move", heard_move)


@pytest.mark.parametrize("apart", [False, True])
def test_no_question_about_a_stem_cell_is_asked_twice(monkeypatch, apart):
    """The places of the resting state and six hours with a protracted dose, stem cells coming and going: each
    (cell, step, purpose, draw) once."""
    model, state = lab.marrow()
    heard = Questions()
    heard.listen(monkeypatch)
    resting.dwelling(300, model)
    model = dataclasses.replace(model, apart=apart, exposures=Radiation(at=1.0, dose=2.0, duration=3.0).exposures())
    state.stem.voxel[:20 if not apart else 0] = -1
    state.twin.in_blood *= 30
    for _ in range(6):
        advance(state, model)
    asked = {purpose for _, _, purpose, _ in heard.asked}
    assert {radiation.HIT, fate.FATE, passage.EGRESS, passage.HOME, passage.HAND, passage.LODGE, stem_kernel.MOVE} <= asked
    assert not heard.twice, f"{len(heard.twice)} of {len(heard.asked)}, such as (cell, step, purpose, draw) = {heard.twice[:3]}"


def test_streams_of_different_purposes_hours_cells_and_seeds_are_unrelated():
    """Correlation of 40,000 uniforms with those of a neighbour in each of the five numbers: below 4.5 standard errors."""
    n = 40_000
    ids = np.arange(n)
    base = stem_kernel.uniforms(ids, 7, 100, fate.FATE, 0)
    others = {
        "purpose": stem_kernel.uniforms(ids, 7, 100, fate.FATE + 10, 0), "draw": stem_kernel.uniforms(ids, 7, 100, fate.FATE, 1),
        "hour": stem_kernel.uniforms(ids, 7, 101, fate.FATE, 0), "cell": stem_kernel.uniforms(ids + n, 7, 100, fate.FATE, 0),
        "next cell": np.roll(base, 1, axis=0), "seed": stem_kernel.uniforms(ids, 8, 100, fate.FATE, 0), "other half": base[:, ::-1]}
    for name, other in others.items():
        assert abs(np.corrcoef(base[:, 0], other[:, 0])[0, 1]) < 4.5 / np.sqrt(n), name
    assert tuple(base[5]) == uniform_pair(7, 5, 100, fate.FATE, 0)


def test_the_spread_of_survivors_is_binomial():
    """Over 300 compartments of 400 voxels the survivors of one dose have the variance n p (1 − p): neither voxels nor
    compartments share their luck."""
    n, p, samples = 4000, 0.3, 300
    counts = np.full((samples, 400), 10, np.int32)
    rows = np.arange(samples)
    lineage_kernel.kill(counts, rows, rows, np.full(1, p), np.full(1, 0.7), 11, 3)
    survivors = counts.sum(axis=1)
    ratio = np.var(survivors, ddof=1) / (n * p * (1 - p))
    assert abs(ratio - 1) < 4.5 * np.sqrt(2 / (samples - 1))
    assert abs(survivors.mean() - n * p) < 4.5 * np.sqrt(n * p * (1 - p) / samples)
    other = counts.copy()
    other[:] = 10
    lineage_kernel.kill(other, rows, rows, np.full(1, p), np.full(1, 0.7), 12, 3)
    assert abs(np.corrcoef(survivors, other.sum(axis=1))[0, 1]) < 4.5 / np.sqrt(samples)


def test_the_spread_of_the_doomed_is_binomial():
    """Of those that are hit each joins the doomed by a chance of its own: n q (1 − q) with q = (1 − p) share; and given how
    many are hit, the doomed go with nothing else."""
    n, p, share, samples = 4000, 0.3, 0.6, 300
    counts, rows = np.zeros((2 * samples, 400), np.int32), np.arange(samples)
    counts[:samples] = 10
    lineage_kernel.kill(counts, rows, rows + samples, np.full(1, p), np.full(1, share), 11, 3)
    lived, doomed = counts.sum(axis=1).reshape(2, samples)
    q = (1 - p) * share
    assert abs(np.var(doomed, ddof=1) / (n * q * (1 - q)) - 1) < 4.5 * np.sqrt(2 / (samples - 1))
    assert abs(doomed.mean() - n * q) < 4.5 * np.sqrt(n * q * (1 - q) / samples)
    beyond = doomed - share * (n - lived)
    assert abs(np.corrcoef(beyond, lived)[0, 1]) < 4.5 / np.sqrt(samples)
