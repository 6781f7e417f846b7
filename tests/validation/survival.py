"""STEM-1, STEM-2, STEM-4: what doses leave of stem cells, and colonies of what is grafted."""

import copy
from dataclasses import replace

import lab
import numpy as np
from scipy.optimize import least_squares

from marrow_niche.marrow import damage
from marrow_niche.simulation import advance, build
from validation import published
from validation.case import Asked, Case, Measured
from validation.pictures import courses

CLONOGENS = ("stem cells", "MPP")


def law(name):
    """Linear-quadratic numbers of a clonogen of the mouse."""
    r = lab.scenario().parameters.radiation
    return r.stem_cells if name == "stem cells" else r.lineages[name]


def multi_target(dose, survival):
    """(D0 [Gy], n) of S = 1 − (1 − exp(−D/D0))^n through points, by least squares of log S."""

    def off(x):
        return np.log1p(-((1 - np.exp(-dose / x[0])) ** x[1])) - np.log(survival)

    return least_squares(off, [1.0, 2.0], bounds=([0.1, 1.0], [5.0, 20.0])).x


def stem_1():
    dose, values, lines = np.arange(1.0, 9.0), {}, []
    for name in CLONOGENS:
        d0, n = multi_target(dose, np.array([damage.survival(law(name), d, d * d) for d in dose]))
        values |= {f"D0 of {name}": float(d0), f"n of {name}": float(n)}
        fine = np.linspace(0, 9, 50)
        lines.append((name, fine, [damage.survival(law(name), d, d * d) for d in fine]))
    return Measured(values=values, shown=lines)


def draw_stem_1(figure, m):
    axes = figure.add_subplot(title="Survival of clonogens", xlabel="dose [Gy]", ylabel="share", yscale="log")
    known = published.table("cfus_survival")
    names = {"till_mcculloch": "CFU-S (Till & McCulloch 1961)", "femur": "CFU-S, femur", "radioprotection": "radioprotection"}
    courses(axes, m.shown, [(label, known["dose_Gy"], known[key]) for key, label in names.items()])


def exposed(fractions):
    """(linear, quadratic) dose of acute fractions [(hour, Gy)], by the package's repair."""
    state, half = damage.DamageState(), lab.scenario().parameters.radiation.repair_half_time
    parts = [damage.advance(state, [(t, t, d) for t, d in fractions], hour, hour + 1, half) for hour in range(24)]
    return np.sum(parts, axis=0)


def stem_2():
    values, lines = {}, []
    for name in CLONOGENS:
        def ratio(gap, name=name):
            split, whole = (damage.survival(law(name), *exposed(f)) for f in ([(0, 2.0), (gap, 2.0)], [(0, 4.0)]))
            return split / whole
        values[f"survival, split over at once, {name}"] = float(ratio(5))
        lines.append((name, np.arange(13), [ratio(h) for h in range(13)]))
    return Measured(values=values, shown=lines)  # fmt: skip


def draw_stem_2(figure, m):
    axes = figure.add_subplot(title="2 + 2 Gy over 4 Gy", xlabel="hours between", ylabel="ratio of survival")
    courses(axes, m.shown, bands=[(4.8, 5.2, 1.2, 3.0)])
    axes.set_ylim(1)


def colonies(cells, *, mice, days=6):
    """(mice,) clones alive in marrow some days after a graft of stem cells into marrow that 12 Gy have emptied."""
    events = [
        {"kind": "radiation", "at": "0 d", "dose": "12 Gy"}, {"kind": "graft", "at": "3 h", "cells": {"HSC": float(cells)}}
    ]  # fmt: skip
    asked = lab.scenario(duration="30 d", events=events, parameters={
        "stem_cells.agent_cap": {"value": 30_000, "unit": "", "source": "estimate"}})  # fmt: skip
    model, state = build(asked)
    for _ in range(3):
        advance(state, model)
    found = []
    for mouse in range(mice):
        one, luck = copy.deepcopy(state), replace(model, seed=model.seed + 1000 * (mouse + 1))
        for _ in range(24 * days - 3):
            advance(one, luck)
        found.append(len(np.unique(one.stem.clone[one.stem.voxel >= 0])))
    return np.array(found)


def stem_4():
    given = np.array([50.0, 150.0, 500.0])
    found = [colonies(cells, mice=n) for cells, n in zip(given, (300, 5, 3))]
    mean = np.array([f.mean() for f in found])
    values = {
        "slope of colonies on cells, both logarithms": float(np.polyfit(np.log(given), np.log(mean), 1)[0]),
        "variance over mean of 300 mice": float(found[0].var(ddof=1) / found[0].mean()),
    }
    return Measured(values=values, shown=(given, mean))


def draw_stem_4(figure, m):
    axes = figure.add_subplot(title="Colonies of a graft", xlabel="stem cells injected", ylabel="clones alive on day 6", xscale="log", yscale="log")
    given, mean = m.shown
    courses(axes, [("package", given, mean), ("in proportion", given, mean[0] * given / given[0])])


CASES = (
    Case(
        id="STEM-1", use="cal", title="Survival of clonogens with dose", cites="Till JE & McCulloch EA 1961, Radiat Res 14:213; femur CFU-S, 137Cs",
        exercised="marrow.damage.survival with the mouse's numbers; fitted over 1 to 8 Gy",
        asked=tuple(a for name in CLONOGENS for a in (
            Asked(what=f"D0 of {name}", low=0.80, high=1.25, unit="Gy"), Asked(what=f"n of {name}", low=1.3, high=4.0))),
        measure=stem_1, draw=draw_stem_1,
    ),
    Case(
        id="STEM-2", use="test", title="The shoulder is back five hours after 2 Gy", cites="femur CFU-S, 137Cs, split dose",
        exercised="marrow.damage.advance and survival with the mouse's numbers",
        asked=tuple(Asked(what=f"survival, split over at once, {name}", low=1.2, high=3.0) for name in CLONOGENS),
        measure=stem_2, draw=draw_stem_2,
    ),
    Case(
        id="STEM-4", use="test", title="Colonies in proportion to the cells injected", cites="Till JE & McCulloch EA 1961, Radiat Res 14:213",
        exercised="a graft into an emptied section of the femur: homing, lodging and fates of single cells; a colony is a clone alive on day 6",
        asked=(
            Asked(what="slope of colonies on cells, both logarithms", low=0.9, high=1.1),
            Asked(what="variance over mean of 300 mice", low=0.8, high=1.3),
        ),
        measure=stem_4, draw=draw_stem_4, slow=True,
    ),
)  # fmt: skip
