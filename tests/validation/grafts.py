"""TX-1 to TX-7: what a graft gives, and when."""

import copy

import lab
import numpy as np

from marrow_niche.analysis.recovery import first_above
from marrow_niche.body import lymphoid
from validation import published
from validation.case import Asked, Case, Measured
from validation.pictures import courses
from validation.runs import MORE_AGENTS, back, number, run

MARKED = {
    "GM": "marked_share_of_neutrophils", "RBC": "marked_share_of_red_cells", "B": "marked_share_of_b_cells",
    "T": "marked_share_of_t_cells",
}  # fmt: skip


def grafted(cells, days):
    """A mouse after 5 Gy and a graft a day later, as cells by kind."""
    events = ({"kind": "radiation", "at": "0 d", "dose": "5 Gy"}, {"kind": "graft", "at": "6 h", "cells": cells})
    return run(days=days, events=events, parameters=MORE_AGENTS)


def appears(r, cell, level=0.005):
    """Day on which donor cells are first so large a share of a kind."""
    return number(first_above(r.day, r.of(MARKED[cell]), level))


def tx_1():
    """200 stem cells: order, and donor shares against the published ones."""
    r = grafted({"HSC": 200.0}, 111)
    known = published.table("boyer2019_200hsc")
    values, shown = {}, []
    plateau = {}
    for cell in MARKED:
        here = published.where(known, cell=cell)
        late = here["day"] >= (42 if cell in ("GM", "RBC") else 75)
        level = here["percent"][late].mean() / 100
        plateau[cell] = np.mean([r.at(MARKED[cell], day) for day in here["day"][late]])
        values[f"plateau of {cell} over the published"] = float(plateau[cell] / level)
        shown.append((cell, here["day"], here["percent"]))
    late = (r.day >= 42) & (r.day <= 110)
    gm = r.of(MARKED["GM"])[late]
    values["GM share from day 42 to 110, furthest from its mean"] = float(np.abs(gm / max(gm.mean(), 1e-12) - 1).max())
    half = {cell: number(first_above(r.day, r.of(MARKED[cell]), 0.5 * plateau[cell])) for cell in ("B", "T")}
    values["T at half of its plateau after B"] = half["T"] - half["B"]
    first = {cell: appears(r, cell) for cell in MARKED}
    values |= {
        "GM at 0.5 %": first["GM"], "red cells at 0.5 %": first["RBC"], "B at 0.5 % after GM": first["B"] - first["GM"],
        "T at 0.5 % after B": first["T"] - first["B"],
    }  # fmt: skip
    return Measured(values=values, shown=(r, shown))


def tx_2():
    """1000 MPP: granulocytes that come and go, red cells after them."""
    r = grafted({"MPP": 1000.0}, 62)
    gm, red = r.of(MARKED["GM"]), r.of(MARKED["RBC"])
    known = published.table("boyer2019_1000mpp")
    values = {
        "peak of GM": float(r.day[gm.argmax()]),
        "GM at its peak": float(gm.max()),
        "GM on day 27 over its peak": float(r.at(MARKED["GM"], 27) / max(gm.max(), 1e-12)),
        "peak of red cells after that of GM": float(r.day[red.argmax()] - r.day[gm.argmax()]),
    }
    shown = [(c, *(published.where(known, cell=c)[k] for k in ("day", "percent"))) for c in MARKED]
    return Measured(values=values, shown=(r, shown))


def draw_donor(figure, m):
    r, known = m.shown
    axes = figure.add_subplot(title="Donor cells", xlabel="day", ylabel="per cent of a kind")
    courses(axes, [(cell, r.day, 100 * r.of(column)) for cell, column in MARKED.items()], known)
    axes.set_ylim(0)


# ---------------------------------------------------------------------------------- TX-4


def tx_4():
    """Thymus from what the ablation had left on day 8.4, fed as at rest: the day on which double-positive cells are at half."""
    model, state = lab.marrow()
    known = published.table("thomasvaslin2008")
    by = {cell: published.where(known, cell=cell) for cell in ("DN", "DP", "SP4", "SP8")}
    left = {cell: here["millions"][0] / here["millions"][-1] for cell, here in by.items()}
    thymus, p, start, dt = copy.deepcopy(state.lymphoid), model.species.lymphoid, 8.4, 0.25
    thymus.dn = thymus.dn * left["DN"]
    thymus.dp, thymus.sp4, thymus.sp8 = thymus.dp * left["DP"], thymus.sp4 * left["SP4"], thymus.sp8 * left["SP8"]
    rest = {"DP": p.dp_pool, "SP4": p.cd4.thymocytes, "SP8": p.cd8.thymocytes}
    day, course = start + np.arange(round(80 * 24 / dt) + 1) * dt / 24, {cell: [] for cell in rest}
    for _ in day:
        for cell, here in course.items():
            here.append(getattr(thymus, cell.lower()) / rest[cell])
        lymphoid.advance(thymus, model.production, p, model.lymphoid_rest, dt)
    half = {cell: number(back(day, np.array(here), 0.5)) for cell, here in course.items()}
    values = {"double-positive cells at half": half["DP"], "SP8 at half after SP4": half["SP8"] - half["SP4"]}
    return Measured(values=values, shown=(day, course, by))


def draw_tx_4(figure, m):
    day, course, known = m.shown
    axes = figure.add_subplot(title="Thymocytes", xlabel="day after the ablation began", ylabel="over rest")
    points = [(cell, known[cell]["day"], known[cell]["millions"] / known[cell]["millions"][-1]) for cell in course]
    courses(axes, [(cell, day, here) for cell, here in course.items()], points)


# ---------------------------------------------------------------------------------- TX-5, TX-7

BODY = 70.0
"""kg."""
CONDITIONING = tuple({"kind": "radiation", "at": f"{12 * k} h", "dose": "2 Gy"} for k in range(6))
"""12 Gy in three days."""
GRAFT_DAY = 3.0


def transplanted(per_kg, days, every="1 d"):
    """A person after 12 Gy and marrow of so many nucleated cells a kilogram of body, in which all kinds are in their resting ratio."""
    graft = {"kind": "graft", "at": f"{GRAFT_DAY:g} d", "cells": {"marrow": per_kg * BODY}}
    return run(species="human", days=days, every=every, events=(*CONDITIONING, graft))


def engrafted(r, column, level):
    """Days from the graft until a count is at a level again after its nadir; nan where it never was below, or stays there."""
    after = r.day >= GRAFT_DAY
    day, value = r.day[after] - GRAFT_DAY, r.of(column)[after]
    return number(back(day, value, level)) if value.min() < level else np.nan


def tx_5():
    one, three = (transplanted(per_kg, 63) for per_kg in (2e8, 6e8))
    anc = [engrafted(r, "neutrophils_per_uL", 500.0) for r in (one, three)]
    platelets = [engrafted(r, "platelets_per_uL", 20_000.0) for r in (one, three)]
    values = {
        "neutrophils above 0.5e9/L": anc[0], "platelets above 20e9/L after neutrophils": platelets[0] - anc[0],
        "neutrophils sooner by three times the graft": anc[0] - anc[1],
        "platelets sooner by three times the graft": platelets[0] - platelets[1],
    }  # fmt: skip
    return Measured(values=values, shown={"2e8/kg": one, "6e8/kg": three})


def draw_tx_5(figure, m):
    for k, (name, column, level, band) in enumerate(
        (("neutrophils", "neutrophils_per_uL", 0.5, (13, 19)), ("platelets", "platelets_per_uL", 20.0, (15, 31)))
    ):
        axes = figure.add_subplot(1, 2, k + 1, title=f"Human {name}", xlabel="day after the graft", ylabel="1e9/L", yscale="log")
        courses(axes, [(label, r.day - GRAFT_DAY, np.maximum(r.of(column) / 1000, 1e-3)) for label, r in m.shown.items()])
        axes.hlines(level, *band, color="#1c2733", linewidth=4, alpha=0.5)


CELLS = {"NK": "nk_cells_per_uL", "CD8": "cd8_cells_per_uL", "B": "b_cells_per_uL", "CD4": "cd4_cells_per_uL"}
YEAR_AND_A_QUARTER = 460


def tx_7():
    r = transplanted(2e8, YEAR_AND_A_QUARTER, every="5 d")
    half, lines = {}, []
    for cell, column in CELLS.items():
        value = r.over_rest(column)
        half[cell] = number(back(r.day - GRAFT_DAY, value, 0.5), np.inf)
        lines.append((cell, r.day - GRAFT_DAY, value))
    order = [half[cell] for cell in ("NK", "CD8", "B", "CD4")]
    values = {f"{cell} cells at half": day for cell, day in half.items()}
    values["in order NK, CD8, B, CD4"] = float(all(a <= b for a, b in zip(order, order[1:])))
    return Measured(values=values, shown=lines)


def draw_tx_7(figure, m):
    axes = figure.add_subplot(title="Human lymphocytes after a graft", xlabel="day after the graft", ylabel="over rest")
    courses(axes, m.shown)
    axes.axhline(0.5, color="#b9c1ca", linewidth=0.8)


BOYER = "Boyer SW et al. 2019, Stem Cell Reports 12:801"
CASES = (
    Case(
        id="TX-1", use="cal", title="Donor shares after 200 stem cells", cites=BOYER, exercised="a run of the mouse piece: 5 Gy, then the graft",
        asked=(
            Asked(what="GM at 0.5 %", low=8, high=16, unit="d"), Asked(what="red cells at 0.5 %", low=10, high=18, unit="d"),
            Asked(what="B at 0.5 % after GM", low=5, unit="d"), Asked(what="T at 0.5 % after B", low=3, unit="d"),
            Asked(what="T at half of its plateau after B", low=10, unit="d"),
            *(Asked(what=f"plateau of {cell} over the published", low=0.7, high=1.3) for cell in MARKED),
            Asked(what="GM share from day 42 to 110, furthest from its mean", high=0.30),
        ),
        measure=tx_1, draw=draw_donor, slow=True,
    ),
    Case(
        id="TX-2", use="test", title="Donor shares after 1000 MPP come and go", cites=BOYER, exercised="as TX-1, another graft",
        asked=(
            Asked(what="peak of GM", low=10, high=16, unit="d"), Asked(what="GM at its peak", low=0.001),
            Asked(what="GM on day 27 over its peak", high=0.10), Asked(what="peak of red cells after that of GM", low=1, unit="d"),
        ),
        measure=tx_2, draw=draw_donor, slow=True,
    ),
    Case(
        id="TX-4", use="test", title="The thymus comes back", cites="Thomas-Vaslin V et al. 2008, J Immunol 180:2240",
        exercised="body.lymphoid.advance from the cells that the published ablation had left, fed by marrow at rest",
        asked=(
            Asked(what="double-positive cells at half", low=15, high=25, unit="d"), Asked(what="SP8 at half after SP4", low=0, unit="d"),
        ),
        measure=tx_4, draw=draw_tx_4,
    ),
    Case(
        id="TX-5", use="test", title="Engraftment in man", cites="Champlin RE et al. 2000, Blood 95:3702; Bittencourt H et al. 2002, Blood 99:2726",
        exercised="runs of the human piece: 12 Gy, then marrow of 2e8 and 6e8 cells/kg",
        asked=(
            Asked(what="neutrophils above 0.5e9/L", low=13, high=19, unit="d"),
            Asked(what="platelets above 20e9/L after neutrophils", low=2, high=12, unit="d"),
            Asked(what="neutrophils sooner by three times the graft", low=1, high=4, unit="d"),
            Asked(what="platelets sooner by three times the graft", low=4, high=15, unit="d"),
        ),
        measure=tx_5, draw=draw_tx_5, slow=True,
    ),
    Case(
        id="TX-7", use="test", title="Lymphocytes of man come back in order", cites="order in 59 children; windows recalled",
        exercised="a run of the human piece over 460 days: 12 Gy, then marrow of 2e8 cells/kg",
        asked=(
            Asked(what="NK cells at half", high=60, unit="d"), Asked(what="CD8 cells at half", high=365, unit="d"),
            Asked(what="B cells at half", low=120, high=450, unit="d"), Asked(what="CD4 cells at half", low=180, unit="d"),
            Asked(what="in order NK, CD8, B, CD4", low=1),
        ),
        measure=tx_7, draw=draw_tx_7, slow=True,
    ),
)  # fmt: skip
