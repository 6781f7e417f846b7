"""HOM-3, HOM-6, CHEMO-1, CHEMO-1b, GCSF-2: the package's compartments given the parameters that others published."""

from collections import defaultdict
from dataclasses import replace

import lab
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from marrow_niche.body import blood, hormones
from marrow_niche.marrow.lineages import SIGNALS, Compartment, well_mixed_change
from validation import published
from validation.case import Asked, Case, Measured
from validation.trees import AT_REST, Replicas, chain, tree_of

SEED = 20240502
SCF, GCSF = SIGNALS.index("SCF"), SIGNALS.index("GCSF")
DAY = 24.0

# ---------------------------------------------------------------------------------- labels: HOM-3, HOM-6


def labelled(tree, names, source, days, dt=3.0):
    """Label of each compartment (days + 1, k) when from day 0 on all cells that come in carry it, `source` [cells/h].

    Labelled and other cells are two sets of counts stepped by the kernel, each with its own luck.
    """
    old, new = Replicas(tree, 1, SEED), Replicas(tree, 1, SEED + 1)
    rows = [tree.first[name] for name in names]
    old.counts[:, 0] = np.round(tree.rest)
    out, owed = [np.zeros(len(rows))], 0.0
    for step in range(round(days * DAY / dt)):
        owed += source * dt
        coming = int(owed)
        owed -= coming
        new.counts[rows[0], 0] += coming
        new.step(dt, [(rows[0], 0, coming)])
        old.step(dt)
        if (step + 1) % round(DAY / dt) == 0:
            one, other = new.counts[rows, 0].astype(float), old.counts[rows, 0].astype(float)
            out.append(one / (one + other))
    return np.array(out)


TIP = 4303 * 100
"""Tip stem cells, a hundredfold, so that chance is a tenth of what it is in a mouse."""
CHAIN = {"HSC": (5.2, 0.079), "MPP": (9.7, 0.080), "HPC1": (38.0, 0.176), "CMP": (186.0, 0.517)}
"""Cells for each tip stem cell, and division [1/d] (Morcos 2022)."""


def hom_3():
    """A chain with the sizes and rates of Morcos 2022, fed by labelled cells at 0.0133 a tip cell a day."""
    names, source = tuple(CHAIN), 0.0133 / DAY * TIP
    after = dict(zip(names, [*names[1:], None]))
    tree = tree_of(
        {"HSC": source},
        **{
            name: Compartment(
                into={after[name] or "neutrophils": 1.0}, number=size * TIP, division=rate / DAY, rate_limit=np.inf
            )
            for name, (size, rate) in CHAIN.items()
        },
    )
    found = labelled(tree, names, source, 300)
    flux, k = source, []
    for name in names:
        size, rate = CHAIN[name]
        k.append(flux / (size * TIP) * DAY)
        flux += rate / DAY * size * TIP
    day = np.arange(301)
    law = solve_ivp(
        lambda t, f: np.array(k) * (np.append(1.0, f[:-1]) - f), (0, 300), np.zeros(4), t_eval=day, rtol=1e-10, atol=1e-12
    ).y.T  # fmt: skip
    off = np.abs(found[30:] / law[30:] - 1).max(axis=0)
    values = {f"label of {name}, largest error": float(x) for name, x in zip(names, off)}
    return Measured(values=values, shown=(names, day, found, law))


def draw_labels(figure, m):
    names, day, found, law, *_ = m.shown
    axes = figure.add_subplot(title="Label, of a source all labelled", xlabel="day", ylabel="labelled share")
    for name, one, exact in zip(names, found.T, law.T):
        (line,) = axes.plot(day[::10], one[::10], "o", markersize=3, label=name)
        axes.plot(day, exact, color=line.get_color())
    axes.plot([], color="black", label="law (points: package)")
    axes.legend()


def hom_6():
    """ST and MPP of Busch 2015 as compartments that renew themselves."""
    hsc, k1, k2, r1, r2 = 100_000.0, 0.009, 0.045, 2.9, 3.1
    st, mpp = r1 * hsc, r1 * r2 * hsc
    tree = tree_of(
        {"ST": k1 / DAY * hsc},
        ST=Compartment(into={"MPP": 1.0}, number=st, division=k2 / DAY - k1 / DAY / r1, rate_limit=np.inf),
        MPP=Compartment(into={"neutrophils": 1.0}, number=mpp, division=0.1 / DAY, rate_limit=np.inf),
    )
    found = labelled(tree, ("ST", "MPP"), k1 / DAY * hsc, 400)
    day, a, b = np.arange(401), k1 / r1, k2 / r2
    law = np.stack([-np.expm1(-a * day), 1 - (b * np.exp(-a * day) - a * np.exp(-b * day)) / (b - a)], axis=1)
    weeks = {"16": 112, "34": 238, "52": 364}
    values = {
        f"label of {name} at {w} weeks over the law": float(found[d, i] / law[d, i])
        for i, name in enumerate(("ST", "MPP")) for w, d in weeks.items()
    }  # fmt: skip
    return Measured(values=values, shown=(("ST", "MPP"), day, found, law))


# ---------------------------------------------------------------------------------- Friberg: CHEMO-1, CHEMO-1b


class Friberg:
    """The model of Friberg 2002 out of the package's compartments: one that renews itself, and a chain of four.

    Proliferating cells divide at ktr F and each daughter stays with probability 1 − 1/(2 F), F = (C0/C)^γ: so they multiply at
    ktr (F − 1) and give ktr P to the chain. The last of its stages is blood. What a drug kills leaves through `inflow`.
    """

    def __init__(self, circ0, mtt, gamma):
        self.circ0, self.gamma, self.ktr = circ0, gamma, 4.0 / mtt
        self.tree = tree_of(
            proliferating=Compartment(
                into={"transit": 1.0}, number=circ0, division=self.ktr, rate_limit=np.inf, renewal_limit=1.0,
                rate_response={"GCSF": 1.0}, renewal_response={"SCF": 1.0},
            ),
            transit=chain(stages=4, rate=self.ktr),
        )  # fmt: skip
        self.rest = self.tree.rest[:5].copy()

    def change(self, t, y, effect):
        feedback = (self.circ0 / y[4]) ** self.gamma
        assert feedback > 0.5
        signals = AT_REST.copy()
        signals[GCSF], signals[SCF] = feedback, 2 * feedback - 1  # p = x/(x + 1) with p = 1 − 1/(2 F)
        inflow, counts = np.zeros(len(self.tree.rate)), np.zeros(len(self.tree.rate))
        inflow[0], counts[:5] = -self.ktr * effect(t) * feedback * y[0], y
        return well_mixed_change(counts, signals, inflow, self.tree)[0][:5]

    def run(self, y0, days, effect=lambda t: 0.0, breaks=()):
        """Dense blood count [day -> 1e9/L] from y0 at day 0."""
        pieces, edges, y = [], [0.0, *breaks, days * DAY], np.array(y0, float)
        for low, high in zip(edges[:-1], edges[1:]):
            r = solve_ivp(self.change, (low, high), y, args=(effect,), method="LSODA", rtol=1e-9, atol=1e-12, dense_output=True)
            pieces.append((low / DAY, r.sol))
            y = r.y[:, -1]

        def blood_at(day):
            sol = [s for low, s in pieces if day >= low][-1]
            return float(sol(day * DAY)[4])

        return blood_at


def lowest(curve, low, high):
    """(day, value) of the lowest point of a curve."""
    found = minimize_scalar(curve, bounds=(low, high), method="bounded", options={"xatol": 1e-4})
    return float(found.x), float(found.fun)


def docetaxel(dose_mg, hours):
    """Plasma docetaxel [uM] by time [h] after an infusion (Bruno 1996: three compartments, 7.4 L)."""
    k12, k21, k13, k31, k10, volume, mass = 1.06, 1.51, 1.26, 0.084, 5.2, 7.4, 0.808
    given = dose_mg / mass / hours

    def change(t, a, rate):
        return [
            rate - (k10 + k12 + k13) * a[0] + k21 * a[1] + k31 * a[2], k12 * a[0] - k21 * a[1], k13 * a[0] - k31 * a[2]
        ]  # fmt: skip

    settings = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-14, "dense_output": True}
    during = solve_ivp(change, (0, hours), np.zeros(3), args=(given,), **settings)
    after = solve_ivp(change, (hours, 2000), during.y[:, -1], args=(0.0,), **settings)
    return lambda t: float((during if t < hours else after).sol(t)[0]) / volume


def chemo_1():
    model, plasma = Friberg(5.05, 88.7, 0.161), docetaxel(180.0, 1.0)
    curve = model.run(model.rest, 60, lambda t: 8.58 * plasma(t), breaks=(1.0,))
    day, depth = lowest(curve, 4, 12)
    known = published.table("friberg2002")
    found = np.array([curve(t) for t in known["day"]])
    values = {
        "nadir day": day, "nadir": depth, "largest error of the curve": float(np.abs(found / known["neutrophils"] - 1).max())
    }  # fmt: skip
    t = np.linspace(0, 40, 200)
    return Measured(values=values, shown=[("docetaxel 100 mg/m²", t, [curve(x) for x in t], known["day"], known["neutrophils"])])


def chemo_1b():
    known, days, depths, shown = published.table("friberg_pulse"), [], [], []
    sets = {"docetaxel": (5.05, 88.7, 0.161), "paclitaxel": (7.21, 124.0, 0.239)}
    for k in range(len(known["kill"])):
        model = Friberg(*sets[known["drug"][k]])
        start = model.rest.copy()
        start[0] *= 1 - known["kill"][k]
        curve = model.run(start, 40)
        day, low = lowest(curve, 4, 15)
        days.append(day - known["nadir_day"][k])
        depths.append(low / model.circ0 / known["nadir_share"][k] - 1)
        t = np.linspace(0, 40, 200)
        label = f"{known['drug'][k]}, {known['kill'][k]:.0%} killed"
        shown.append((label, t, [curve(x) / model.circ0 for x in t], known["nadir_day"][k], known["nadir_share"][k]))
    values = {
        "nadir day, largest error": float(np.abs(days).max()), "nadir depth, largest error": float(np.abs(depths).max())
    }  # fmt: skip
    return Measured(values=values, shown=shown)


def draw_courses(figure, m):
    axes = figure.add_subplot(title="Neutrophils after a drug", xlabel="day", ylabel="1e9/L, or share of rest")
    for label, t, found, day, known in m.shown:
        (line,) = axes.plot(t, found, label=label)
        axes.plot(day, known, "o", color=line.get_color(), markersize=4)
    axes.plot([], [], "o", color="black", label="published model")
    axes.set_xlim(0, 40)
    axes.set_ylim(0)
    axes.legend()


# ---------------------------------------------------------------------------------- Craig: GCSF-2

CRAIG = {
    "stem": 1.1e6, "out": 0.0073325, "amplify": 1.0378e5, "reserve": 2.26e9, "release": 0.3640, "reserve_death": 0.0063661,
    "neutrophils": 0.3761e9, "death": 35 / 16, "gcsf": 0.025, "made": 0.014161, "renal": 0.16139, "internal": 462.42,
    "bind": 2.2423, "unbind": 184.87, "power": 1.4608, "fastest": 4.1335,
}  # fmt: skip
"""Craig 2016: cells/kg, 1/d, ng/mL."""
DEPOT = {300: (4754.7, 0.64466, 8.0236), 750: (2178.0, 0.75, 5.143)}
"""Volume of distribution [mL], bioavailability, absorption [1/d] by dose [ug]."""


def craig_rest():
    """(reserve, neutrophils) over Craig's numbers, from the flow of stem cells, by `grow` and `blood.rest`."""
    c = CRAIG
    leaves = (c["release"] + c["reserve_death"]) / DAY
    reserve = chain(stages=1, rate=leaves, survival_at_rest=c["release"] / (c["release"] + c["reserve_death"]))
    tree = tree_of({"reserve": c["out"] * c["stem"] * c["amplify"] / DAY}, reserve=reserve)
    b = replace(lab.scenario().parameters.blood, neutrophil_life=DAY / c["death"])
    none = {"monocytes": 0.0, "reticulocytes": 0.0, "platelets": 0.0}
    pool = blood.rest(b, {"neutrophils": tree.output[0], **none}).neutrophils
    return tree.rest[0] / c["reserve"], pool / c["neutrophils"]


def craig_gcsf(dose, known):
    """G-CSF [ng/mL] on the days of `known` by the package's law of clearance, with Craig's parameters and Craig's cells."""
    c, h = CRAIG, lab.scenario().parameters.hormones
    law = replace(
        h, gcsf_clearance=c["made"] / c["gcsf"] / DAY, gcsf_nonspecific=c["renal"] * c["gcsf"] / c["made"],
        gcsf_reserve=c["reserve"] / (c["reserve"] + c["neutrophils"]),
        gcsf_saturation=((c["internal"] + c["unbind"]) / c["bind"]) ** (1 / c["power"]) / c["gcsf"],
    )  # fmt: skip
    volume, bioavailable, absorbed = DEPOT[dose]
    state, dt, out = hormones.HormoneState(), 0.02, []
    cells = defaultdict(lambda: 1.0)  # all others at rest
    left = bioavailable * dose * 1000 / volume / c["gcsf"]
    for step in range(round(known["day"][-1] * DAY / dt) + 1):
        day = step * dt / DAY
        out.append(c["gcsf"] * state.gcsf)
        neutrophils = np.interp(day, known["day"], known["neutrophils"]) / known["neutrophils"][0]
        reserve = np.interp(day, known["day"], known["reserve"]) / known["reserve"][0]
        come = left * -np.expm1(-absorbed * dt / DAY)
        left -= come
        state.gcsf += come
        cells |= {"neutrophils": neutrophils, "reserve": reserve}
        hormones.advance(state, cells, law, dt)
    return np.array(out)[np.round(known["day"] * DAY / dt).astype(int)]


def gcsf_2():
    known, shown = published.table("craig2016"), []
    reserve, neutrophils = craig_rest()
    values = {"reserve at rest over Craig's": float(reserve), "neutrophils at rest over Craig's": float(neutrophils)}
    for dose in DEPOT:
        here = {key: column[known["dose_ug"] == dose] for key, column in known.items()}
        found = craig_gcsf(dose, here)
        early = (here["day"] > 0) & (here["day"] <= 10)
        values[f"G-CSF after {dose} ug, largest error"] = float(np.abs(found / here["gcsf"] - 1)[early].max())
        shown.append((dose, here["day"], found, here["gcsf"]))
    return Measured(values=values, shown=shown)


def draw_gcsf_2(figure, m):
    axes = figure.add_subplot(title="G-CSF after one dose", xlabel="day", ylabel="ng/mL", yscale="log")
    for (dose, day, found, known), colour in zip(m.shown, ("#0072B2", "#D55E00")):
        axes.plot(day, found, color=colour, label=f"{dose} ug, the package's law")
        axes.plot(day, known, "o", color=colour, markersize=3, label=f"{dose} ug, Craig 2016")
    axes.legend()


ODE = "marrow.lineages.Compartment, grow and well_mixed_change"
CASES = (
    Case(
        id="HOM-3", use="test", title="Any chain passes a label on by df₂/dt = (flux/N₂)(f₁ − f₂)",
        cites="Busch K et al. 2015, Nature 518:542; sizes and rates of Morcos MNF et al. 2022, Nat Commun 13:4504",
        exercised="kernels.lineages.advance on a chain grown by marrow.lineages.grow. The fitted curves of Morcos 2022, of a marrow that ages, "
        "are not integrated: a tree at rest does not age",
        asked=tuple(Asked(what=f"label of {name}, largest error", high=0.02) for name in CHAIN),
        measure=hom_3, draw=draw_labels,
    ),
    Case(
        id="HOM-6", use="test", title="Label of short-term stem cells and MPP by the closed form", cites="Busch K et al. 2015, Nature 518:542",
        exercised="kernels.lineages.advance on a tree grown by marrow.lineages.grow with the published numbers",
        asked=tuple(
            Asked(what=f"label of {name} at {w} weeks over the law", low=0.9, high=1.1) for name in ("ST", "MPP") for w in (16, 34, 52)
        ),
        measure=hom_6, draw=draw_labels,
    ),
    Case(
        id="CHEMO-1", use="test", title="Neutrophils after docetaxel, 100 mg/m²", cites="Friberg LE et al. 2002, J Clin Oncol 20:4713",
        exercised=ODE + ": the marrow and blood of Friberg; the feedback is handed over as a signal, drug and kill are the test's",
        asked=(
            Asked(what="nadir day", low=7.52, high=7.62, unit="d"), Asked(what="nadir", low=0.8915, high=0.9005, unit="1e9/L"),
            Asked(what="largest error of the curve", high=0.005),
        ),
        measure=chemo_1, draw=draw_courses,
    ),
    Case(
        id="CHEMO-1b", use="test", title="Neutrophils after half, 90 and 99 % of proliferating cells are killed",
        cites="Friberg LE et al. 2002, J Clin Oncol 20:4713; paclitaxel: DDMODEL00000186", exercised=ODE + ": as CHEMO-1, without a drug",
        asked=(
            Asked(what="nadir day, largest error", high=0.05, unit="d"), Asked(what="nadir depth, largest error", high=0.005),
        ),
        measure=chemo_1b, draw=draw_courses,
    ),
    Case(
        id="GCSF-2", use="test", title="G-CSF and neutrophils of Craig's model", cites="Craig M, Humphries AR & Mackey MC 2016, Bull Math Biol 78:2304",
        exercised="marrow.lineages.grow and body.blood.rest (balance at rest); body.hormones.advance with Craig's clearances, fed with Craig's cells "
        "and depot. The curve of neutrophils rests on delays that the package does not have, and is not asked",
        asked=(
            Asked(what="reserve at rest over Craig's", low=0.999, high=1.001),
            Asked(what="neutrophils at rest over Craig's", low=0.999, high=1.001),
            *(Asked(what=f"G-CSF after {dose} ug, largest error", high=0.02) for dose in DEPOT),
        ),
        measure=gcsf_2, draw=draw_gcsf_2,
    ),
)  # fmt: skip
