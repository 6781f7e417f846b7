"""HOM-1, HOM-2, CLONE-1: labels that stem cells hand down, and how often they divide."""

import numpy as np

from marrow_niche.marrow import stem_cells
from validation import published
from validation.case import Asked, Case, Measured
from validation.pictures import INK, beside, courses
from validation.runs import MORE_AGENTS, parameters_of, run

PAIRS = (("MPP", "HSC"), ("HPC1", "MPP"), ("CMP", "HPC1"), ("MEP", "CMP"), ("GMP", "CMP"), ("CLP", "HPC1"))
DAY = 104.0
TAMOXIFEN = (
    {"kind": "label", "at": "0 d", "cells": "tip", "share": "100 %"},
    {"kind": "label", "at": "0 d", "cells": "HSC", "share": "26 %"},
)
"""Of the tip all, of other stem cells as much as carried it on day 6 of the experiment."""


def label(r, name):
    """(t,) label of a compartment over that of the tip."""
    return r.of(f"marked_share_of_{name}") / np.maximum(r.of("marked_share_of_tip"), 1e-12)


def hom_1():
    r = run(days=310, every="10 d", events=TAMOXIFEN, parameters=MORE_AGENTS)
    known = published.table("morcos2022_label")
    at = known["day"] == DAY
    data = dict(zip(known["population"][at], known["label"][at]))
    ours = {name: float(np.interp(DAY, r.day, label(r, name))) for name in data}
    values = {
        f"label of {after} over {before}, over the published": ours[after] / ours[before] / (data[after] / data[before])
        for after, before in PAIRS
    }
    return Measured(values=values, shown=(r, known))


def draw_hom_1(figure, m):
    r, known = m.shown
    names = ("HSC", "MPP", "HPC1", "CMP", "GMP", "CLP")
    axes = figure.add_subplot(title="Label over that of the tip", xlabel="day", ylabel="ratio")
    points = [(n, *(published.where(known, population=n)[k][:4] for k in ("day", "label"))) for n in names]
    courses(axes, [(n, r.day, label(r, n)) for n in names], points)
    axes.set_ylim(0)


NO_PATH = {
    "stem_cells.to_mkp": {"value": 0.0, "unit": "1/day", "source": "estimate"},
    "stem_cells.division": {"value": 0.025, "unit": "1/day", "source": "estimate"},
}
"""Stem cells give no MkP, and divide so much less that MPP get as many cells as before."""


def hom_2():
    values, shown = {}, []
    for name, parameters in (("with the direct path", None), ("without", NO_PATH)):
        r = run(days=310, every="10 d", events=TAMOXIFEN, parameters=parameters)
        lead = label(r, "platelets") - label(r, "MPP")
        late = (r.day >= 100) & (r.day <= 300)
        values[f"least lead of platelets over MPP, {name}" if parameters is None else f"greatest lead of platelets over MPP, {name}"] = (
            float(lead[late].min() if parameters is None else lead[late].max())
        )
        shown += [(f"platelets, {name}", r.day, label(r, "platelets")), (f"MPP, {name}", r.day, label(r, "MPP"))]
    return Measured(values=values, shown=shown)


def draw_hom_2(figure, m):
    blood = published.where(published.table("morcos2022_label_blood"), cell="platelets")
    mpp = published.where(published.table("morcos2022_label"), population="MPP")
    axes = figure.add_subplot(title="Label over that of the tip", xlabel="day", ylabel="ratio")
    points = [("platelets, with the direct path", blood["day"], blood["label"]), ("MPP, with the direct path", mpp["day"], mpp["label"])]
    courses(axes, m.shown, points)
    axes.set_xlim(0, 310)


def interval(species):
    """Mean time [d] between divisions of the stem cells that sustain all others, those of the tip."""
    return float(1 / (24 * stem_cells.rest(parameters_of(species).stem_cells).division[1]))


def clone_1():
    mouse, human = interval("mouse"), interval("human")
    values = {"mouse": mouse, "man": human, "man over mouse": human / mouse}
    return Measured(values=values, shown=(mouse, human))


def draw_clone_1(figure, m):
    axes = figure.add_subplot(title="Days from division to division", xscale="log", xlabel="day")
    beside(axes, ["mouse", "man"], m.shown, None, low=np.array([17, 175]), high=np.array([145, 350]))
    axes.plot([17.5, 46, 145], [1, 1, 1], "|", color=INK, markersize=12)
    axes.plot([280], [0], "|", color=INK, markersize=12)


MORCOS = "Morcos MNF et al. 2022, Nat Commun 13:4504"
CASES = (
    Case(
        id="HOM-1", use="cal", title="A label goes down the tree", cites=MORCOS, exercised="a run of the mouse piece at rest, labelled as the mice were",
        asked=tuple(Asked(what=f"label of {a} over {b}, over the published", low=0.65, high=1.35) for a, b in PAIRS),
        measure=hom_1, draw=draw_hom_1, slow=True,
    ),
    Case(
        id="HOM-2", use="test", title="Platelets take the label before MPP, by the direct path alone", cites=MORCOS,
        exercised="as HOM-1, and the same with stem_cells.to_mkp = 0 and so much less division that MPP get as many cells as before",
        asked=(
            Asked(what="least lead of platelets over MPP, with the direct path", low=0.0),
            Asked(what="greatest lead of platelets over MPP, without", high=0.0),
        ),
        measure=hom_2, draw=draw_hom_2, slow=True,
    ),
    Case(
        id="CLONE-1", use="cal", title="How often stem cells divide", cites="Catlin SN et al. 2011, Blood 117:4460; Wilson A et al. 2008, Cell 135:1118; " + MORCOS,
        exercised="marrow.stem_cells.rest: the division rate of the tip",
        asked=(
            Asked(what="mouse", low=17, high=145, unit="d"), Asked(what="man", low=175, high=350, unit="d"), Asked(what="man over mouse", low=2),
        ),
        measure=clone_1, draw=draw_clone_1,
    ),
)  # fmt: skip
