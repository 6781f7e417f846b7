"""GCSF-1, GCSF-4, TPO-2, EPO-1: hormones as treatment, and blood that is lost."""

import numpy as np

from validation import published
from validation.case import Asked, Case, Measured
from validation.pictures import courses
from validation.runs import back, number, run

NEUTROPHILS, GCSF = "neutrophils_per_uL", "GCSF_pM"


def gcsf_1():
    r = run(species="human", days=5, every="2 h", events=({"kind": "factor", "factor": "GCSF", "at": "0 h", "dose": "5 ug/kg"},))
    fold = r.over_rest(NEUTROPHILS)
    values = {
        "peak of neutrophils, fold": float(fold.max()), "hour of the peak": float(24 * r.day[fold.argmax()]),
        "neutrophils at 96 h, fold": r.at(NEUTROPHILS, 4) / r.of(NEUTROPHILS)[0],
    }  # fmt: skip
    return Measured(values=values, shown=r)


def draw_gcsf_1(figure, measured):
    m = measured.shown
    known = published.table("auwera2001")
    one = figure.add_subplot(1, 2, 1, title="Neutrophils", xlabel="hour", ylabel="over rest")
    courses(one, [("5 ug/kg", 24 * m.day, m.over_rest(NEUTROPHILS))], [("5 ug/kg", known["hour"], known["neutrophils_5"] / known["neutrophils_5"][0])])
    two = figure.add_subplot(1, 2, 2, title="G-CSF", xlabel="hour", ylabel="ng/mL")
    courses(two, [("5 ug/kg", 24 * m.day, 0.0188 * m.of(GCSF))], [("5 ug/kg", known["hour"], known["gcsf_5"])])


NADIR = 0.151
"""Of rest: that of 80 mg/m² docetaxel in Quartino 2014, where G-CSF stands at 5.7 times."""


def gcsf_4():
    """Greatest G-CSF against the depth of neutropenia, of the human runs after 1 to 10 Gy, read at the published depth."""
    low, high = [], []
    for dose in (1.0, 2.0, 4.0, 7.0, 10.0):
        r = run(species="human", days=60, events=({"kind": "radiation", "at": "0 d", "dose": f"{dose:g} Gy"},))
        low.append(r.over_rest(NEUTROPHILS).min())
        high.append(r.over_rest(GCSF).max())
    order = np.argsort(low)
    x, y = np.log(np.maximum(np.array(low)[order], 1e-6)), np.log(np.array(high)[order])
    values = {"G-CSF at the nadir, fold": float(np.exp(np.interp(np.log(NADIR), x, y)))}
    return Measured(values=values, shown=(np.exp(x), np.exp(y)))


def draw_gcsf_4(figure, m):
    axes = figure.add_subplot(title="G-CSF in neutropenia", xlabel="neutrophils at their nadir, over rest", ylabel="greatest G-CSF, fold", xscale="log", yscale="log")
    courses(axes, [("package", *m.shown)], [("Quartino 2014", [NADIR], [5.7])])
    axes.fill_between([0.8 * NADIR, 1.25 * NADIR], 4, 8, color="#b9c1ca", alpha=0.6)


def tpo_2():
    doses = {"kind": "factor", "factor": "romiplostim", "at": "0 d", "dose": "100 ug/kg", "doses": 4, "every": "3 d"}
    r = run(days=14, events=(doses,))
    early = r.day <= 10
    values = {
        "platelets by day 10, fold": float(r.over_rest("platelets_per_uL")[early].max()),
        "MkP by day 10, fold": float(r.over_rest("MkP_cells")[early].max()),
    }
    return Measured(values=values, shown=r)


def draw_tpo_2(figure, measured):
    m = measured.shown
    known = published.table("morcos2022_romiplostim")
    treated, control = (published.where(known, group=group) for group in ("romiplostim", "control"))
    axes = figure.add_subplot(title="A TPO mimetic", xlabel="day", ylabel="over rest")
    points = [
        ("platelets", treated["day"] - 12, treated["platelets"] / control["platelets"]),
        ("MkP", treated["day"][-1:] - 12, treated["MkP"][-1:] / control["MkP"][-1:]),
    ]
    courses(axes, [("platelets", m.day, m.over_rest("platelets_per_uL")), ("MkP", m.day, m.over_rest("MkP_cells"))], points)


def bled(species):
    """A run after half of the blood is taken."""
    return run(species=species, days=45, every="12 h", events=({"kind": "bleed", "at": "0 d", "fraction": "50 %"},))


def red_again(r):
    """Day on which red cells are at 90 % for the first time after their lowest; infinity where they are not by the end."""
    return number(back(r.day, r.over_rest("red_cells_per_uL"), 0.9), np.inf)


def epo_1():
    mouse, human = bled("mouse"), bled("human")
    young, one, other = mouse.over_rest("reticulocytes_per_uL"), red_again(mouse), red_again(human)
    values = {
        "peak of reticulocytes, fold": float(young.max()), "day of the peak": float(mouse.day[young.argmax()]),
        "red cells at 90 %": one, "man later than the mouse": other - one if np.isfinite(one) else np.nan,
    }  # fmt: skip
    return Measured(values=values, shown={"mouse": mouse, "man": human})


def draw_epo_1(figure, m):
    for k, column in enumerate(("reticulocytes_per_uL", "red_cells_per_uL")):
        axes = figure.add_subplot(1, 2, k + 1, title=column.split("_per")[0].replace("_", " "), xlabel="day", ylabel="over rest")
        bands = [(3, 7, 2.5, 6)] if k == 0 else [(14, 28, 0.9, 1.0)]
        courses(axes, [(name, r.day, r.over_rest(column)) for name, r in m.shown.items()], bands=bands)


CASES = (
    Case(
        id="GCSF-1", use="test", title="Neutrophils of man after one dose of G-CSF", cites="van der Auwera P et al. 2001, Am J Hematol 66:245",
        exercised="a run of the human piece: 5 ug/kg under the skin",
        asked=(
            Asked(what="peak of neutrophils, fold", low=4, high=8), Asked(what="hour of the peak", low=8, high=24, unit="h"),
            Asked(what="neutrophils at 96 h, fold", high=2.5),
        ),
        measure=gcsf_1, draw=draw_gcsf_1, slow=True,
    ),
    Case(
        id="GCSF-4", use="test", title="G-CSF rises where neutrophils that clear it are few", cites="Quartino AL et al. 2014, Pharm Res 31:3390 (computed)",
        exercised="human runs after 1 to 10 Gy in the place of a drug, read at the depth that docetaxel gives",
        asked=(Asked(what="G-CSF at the nadir, fold", low=4, high=8),), measure=gcsf_4, draw=draw_gcsf_4, slow=True,
    ),
    Case(
        id="TPO-2", use="test", title="Platelets and MkP under a saturating TPO mimetic", cites="Morcos MNF et al. 2022, Nat Commun 13:4504",
        exercised="a run of the mouse piece: romiplostim, 100 ug/kg every third day under the skin (the dose of the experiment is not known)",
        asked=(Asked(what="platelets by day 10, fold", low=3, high=6), Asked(what="MkP by day 10, fold", low=2, high=4)),
        measure=tpo_2, draw=draw_tpo_2, slow=True,
    ),
    Case(
        id="EPO-1", use="test", title="Red cells after half of the blood is lost", cites="sheep, rat and mouse phlebotomy (abstracts); Hara H & Ogawa M 1976, Am J Hematol 1:453",
        exercised="runs of the mouse and the human piece",
        asked=(
            Asked(what="peak of reticulocytes, fold", low=2.5, high=6), Asked(what="day of the peak", low=3, high=7, unit="d"),
            Asked(what="red cells at 90 %", low=14, high=28, unit="d"), Asked(what="man later than the mouse", low=0.5, unit="d"),
        ),
        measure=epo_1, draw=draw_epo_1, slow=True,
    ),
)  # fmt: skip
