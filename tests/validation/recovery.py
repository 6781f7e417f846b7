"""REC-6 to REC-13: what marrow and niche do after a dose, as far as it was told in numbers or in an order of events."""

import numpy as np

from marrow_niche.analysis import lethality
from marrow_niche.marrow.damage import survival
from validation.case import Asked, Case, Measured
from validation.irradiation import NEUTROPHILS, PLATELETS, within
from validation.pictures import courses
from validation.runs import parameters_of, run

COLONIES = ("MPP_cells", "HPC1_cells", "CMP_cells", "GMP_cells", "MEP_cells")
"""What makes a colony in a dish, for want of a better account."""


def dose(gray, at="0 d", **more):
    """An acute dose [Gy] as an event."""
    return {"kind": "radiation", "at": at, "dose": f"{gray:g} Gy", **more}


def colonies(r):
    """(t,) colony-forming cells over rest."""
    cells = sum(r.of(name) for name in COLONIES)
    return cells / cells[0]


def dies(r):
    """Probability that the animal of a run is dead by day 30."""
    spec = parameters_of("mouse").lethality
    return float(lethality.death(r.day, r.of(NEUTROPHILS), r.of(PLATELETS), spec, 0.0, 30)[1][-1])


# ---------------------------------------------------------------------------------- REC-6

LETHAL = 9.25


def rec_6():
    """Survival, lethality and rescue by marrow must agree with one another."""
    bare = run(days=30, events=(dose(LETHAL),))
    given = run(days=30, events=(dose(LETHAL), {"kind": "graft", "at": "1 d", "cells": {"marrow": 2.0e5}}))
    spec = parameters_of("mouse")
    values = {
        "survival of stem cells at 7 Gy": float(survival(spec.radiation.stem_cells, 7.0, 49.0)),
        "LD50/30": within("mouse", "ld50"),
        "dead by day 30 after 9.25 Gy": dies(bare),
        "dead with 200,000 marrow cells": dies(given),
    }
    return Measured(values=values, shown={"9.25 Gy": bare, "and 200,000 marrow cells": given})


def draw_rec_6(figure, m):
    for k, (name, title) in enumerate(((NEUTROPHILS, "Neutrophils"), (PLATELETS, "Platelets"))):
        axes = figure.add_subplot(1, 2, k + 1, title=title, xlabel="day", ylabel="share of rest", yscale="log")
        courses(axes, [(label, r.day, np.maximum(r.over_rest(name), 1e-4)) for label, r in m.shown.items()])


# ---------------------------------------------------------------------------------- REC-7


def rec_7():
    once = run(days=60, events=(dose(5.0),))
    four = run(days=84, events=tuple(dose(5.0, f"{21 * k} d") for k in range(4)))
    values = {
        "cellularity on day 21": once.at("cellularity", 21) / once.of("cellularity")[0],
        "colony-forming cells on day 21": float(np.interp(21, once.day, colonies(once))),
        "cellularity 21 d after the fourth": four.at("cellularity", 84) / four.of("cellularity")[0],
        "colony-forming cells 21 d after the fourth": float(np.interp(84, four.day, colonies(four))),
    }
    return Measured(values=values, shown={"5 Gy": once, "four times, every 21 d": four})


def draw_rec_7(figure, m):
    one = figure.add_subplot(1, 2, 1, title="Cellularity", xlabel="day", ylabel="share of rest")
    two = figure.add_subplot(1, 2, 2, title="Colony-forming cells", xlabel="day", ylabel="share of rest")
    courses(one, [(label, r.day, r.over_rest("cellularity")) for label, r in m.shown.items()], bands=[(82, 86, 0.35, 0.65)])
    courses(two, [(label, r.day, colonies(r)) for label, r in m.shown.items()], bands=[(82, 86, 0.2, 0.5)])


# ---------------------------------------------------------------------------------- REC-9


def rec_9():
    """25 Gy to the piece alone; the rest of the animal is spared and sends cells."""
    r = run(days=180, events=(dose(25.0),), organism={"rest": "unirradiated"})
    cells, sinusoids = r.over_rest("cellularity"), r.of("sinusoid_integrity")
    early = (r.day >= 7) & (r.day <= 30)
    late = (r.day >= 60) & (r.day <= 180)
    values = {
        "lowest cellularity by day 14": float(cells[r.day <= 14].min()),
        "highest cellularity, days 7 to 30, over the lowest before": float(cells[early].max() / cells[r.day <= 14].min()),
        "lowest cellularity, months 2 to 6, over the highest before": float(cells[late].min() / cells[early].max()),
        "integrity of sinusoids, month 6": float(sinusoids[-1]),
    }
    return Measured(values=values, shown=r)


def draw_rec_9(figure, m):
    axes = figure.add_subplot(title="25 Gy to one place", xlabel="day", ylabel="share of rest")
    named = {"cellularity": "cellularity", "sinusoid_integrity": "integrity of sinusoids", "stroma_integrity": "of stroma"}
    courses(axes, [(label, m.shown.day, m.shown.over_rest(name)) for name, label in named.items()])
    axes.set_ylim(0)


# ---------------------------------------------------------------------------------- REC-10


def rec_10():
    spared = run(days=42, events=(dose(4.5),))
    lethal = run(days=42, events=(dose(9.5),))
    rescued = run(days=42, events=(dose(9.5), {"kind": "graft", "at": "1 d", "cells": {"marrow": 1.0e7}}))
    name = "sinusoid_integrity"
    values = {
        "least integrity after 4.5 Gy": float(spared.of(name).min()),
        "integrity after 4.5 Gy on day 28": spared.at(name, 28),
        "least integrity after 9.5 Gy": float(lethal.of(name).min()),
        "integrity after 9.5 Gy on day 28": lethal.at(name, 28),
        "gained by a graft of marrow by day 35": rescued.at(name, 35) - lethal.at(name, 35),
    }
    return Measured(values=values, shown={"4.5 Gy": spared, "9.5 Gy": lethal, "9.5 Gy and marrow": rescued})


def draw_rec_10(figure, m):
    axes = figure.add_subplot(title="Sinusoids", xlabel="day", ylabel="integrity")
    courses(axes, [(label, r.day, r.of("sinusoid_integrity")) for label, r in m.shown.items()])
    axes.set_ylim(0, 1.05)


# ---------------------------------------------------------------------------------- REC-13


def rec_13():
    r = run(days=21, events=(dose(3.0),), every="12 h")
    cells = colonies(r)
    early = float(cells[(r.day >= 3) & (r.day <= 4)].max())
    values = {
        "colony-forming cells on days 3 to 4": early,
        "lowest, days 5 to 14, over that": float(cells[(r.day >= 5) & (r.day <= 14)].min() / early),
    }
    return Measured(values=values, shown=r)


def draw_rec_13(figure, m):
    axes = figure.add_subplot(title="After 3 Gy", xlabel="day", ylabel="share of rest")
    named = [(name.removesuffix("_cells"), m.shown.day, m.shown.over_rest(name)) for name in COLONIES]
    courses(axes, [("colony-forming", m.shown.day, colonies(m.shown)), *named], bands=[(3, 4, 0.7, 1.1)])


CASES = (
    Case(
        id="REC-6", use="test", title="Survival, lethality and rescue agree with one another",
        cites="Till JE & McCulloch EA 1961, Radiat Res 14:213; 1e5 to 1e6 marrow cells rescue after 9 to 9.5 Gy (recalled)",
        exercised="marrow.damage.survival; runs of the mouse piece without and with 2e5 marrow cells, and analysis.lethality.death",
        asked=(
            Asked(what="survival of stem cells at 7 Gy", low=3e-4, high=3e-3), Asked(what="LD50/30", low=6.5, high=8.5, unit="Gy"),
            Asked(what="dead by day 30 after 9.25 Gy", low=0.5), Asked(what="dead with 200,000 marrow cells", high=0.5),
        ),
        measure=rec_6, draw=draw_rec_6, slow=True,
    ),
    Case(
        id="REC-7", use="test", title="Marrow is back three weeks after 5 Gy, and half of it after four times 5 Gy",
        cites="PMID 3803625: cellularity 50 % and CFU-S 35 % of control 21 d after the fourth dose (abstract)",
        exercised="runs of the mouse piece; bands 15 percentage points wide to each side; CFU-S are read as MPP to GMP and MEP",
        asked=(
            Asked(what="cellularity on day 21", low=0.85, high=1.25), Asked(what="colony-forming cells on day 21", low=0.85, high=1.25),
            Asked(what="cellularity 21 d after the fourth", low=0.35, high=0.65),
            Asked(what="colony-forming cells 21 d after the fourth", low=0.2, high=0.5),
        ),
        measure=rec_7, draw=draw_rec_7, slow=True,
    ),
    Case(
        id="REC-9", use="test", title="More than 20 Gy to one place: cells come back, and go with the sinusoids",
        cites="Knospe WH et al. 1966, Blood 28:398 (rat, rabbit)",
        exercised="a run of the mouse piece with the rest of the animal unirradiated, 180 days",
        asked=(
            Asked(what="lowest cellularity by day 14", high=0.3),
            Asked(what="highest cellularity, days 7 to 30, over the lowest before", low=1.5),
            Asked(what="lowest cellularity, months 2 to 6, over the highest before", high=0.5),
            Asked(what="integrity of sinusoids, month 6", high=0.3),
        ),
        measure=rec_9, draw=draw_rec_9, slow=True,
    ),
    Case(
        id="REC-10", use="test", title="Sinusoids regress a little after a sublethal dose; after a lethal one they need a graft",
        cites="Hooper AT et al. 2009, Cell Stem Cell 4:263",
        exercised="runs of the mouse piece after 4.5 and 9.5 Gy, the second also with 1e7 marrow cells",
        asked=(
            Asked(what="least integrity after 4.5 Gy", low=0.6, high=0.98), Asked(what="integrity after 4.5 Gy on day 28", low=0.9),
            Asked(what="least integrity after 9.5 Gy", high=0.6), Asked(what="integrity after 9.5 Gy on day 28", high=0.7),
            Asked(what="gained by a graft of marrow by day 35", low=0.2),
        ),
        measure=rec_10, draw=draw_rec_10, slow=True,
    ),
    Case(
        id="REC-13", use="test", title="The abortive rise of colony-forming cells after 3 Gy",
        cites="CFU-C of mice after 300 R: nadir on day 1, near normal on day 3 to 4, a second fall from day 5 (abstract, author not noted)",
        exercised="a run of the mouse piece; colony-forming cells are read as MPP, HPC1, CMP, GMP and MEP",
        asked=(
            Asked(what="colony-forming cells on days 3 to 4", low=0.7), Asked(what="lowest, days 5 to 14, over that", high=0.8),
        ),
        measure=rec_13, draw=draw_rec_13, slow=True,
    ),
)  # fmt: skip
