"""Committed lineages: the tree of compartments between the stem cell and the blood.

Every compartment follows one rule. A cell has an *event* at rate r. A dividing cell then yields two daughters, a maturing
cell one; each daughter survives with probability σ, stays in the compartment with probability p (self-renewal) or moves to
one of the next compartments by their shares. Signals act on r and on the shares as products of powers and on p and σ by a
Hill response, so the tree is data:

    dN/dt = inflow − r N + b σ p r N,        outflow = b σ (1 − p) r N,       b = 2 (dividing) or 1 (maturing)

Rates that nobody measured follow from the resting state: with the resting number N and inflow J of a self-renewing
compartment, k = J/N and p = (1 − k/r)/2, so that the resting tree is an exact fixed point.
"""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from marrow_niche.kernels.lineages import LEAST
from marrow_niche.quantities.parameters import quantity
from marrow_niche.quantities.response import power, saturating_probability, saturating_rate

LINES = ("host", "marked")
"""Lines of a tree whose cells are told apart: what was there, and what was grafted or labelled. A third, "doomed", is of cells
that divide on for a while after a lethal hit."""

SIGNALS = ("SCF", "TPO", "EPO", "GCSF", "IL7", "FLT3L", "vessel")
EXITS = ("neutrophils", "monocytes", "reticulocytes", "platelets", "b_cells", "thymus", "nk_cells")
FAN = 4
"""Compartments and exits that one may feed."""


@dataclass(frozen=True, kw_only=True)
class Compartment:
    """One entry of the tree: a self-renewing compartment (`number`, `division`) or a chain of `stages` (`transit`)."""

    into: dict[str, float]
    into_response: dict[str, dict[str, float]] = field(default_factory=dict)
    number: float | None = quantity("", "resting number of cells in the organism", low=1, default=None)
    division: float | None = quantity("1/h", "division rate at rest", low=0, default=None)
    transit: float | None = quantity("h", "mean time through all stages at rest", low=0, default=None)
    stages: int = 1
    divides: bool = True
    rate_response: dict[str, float] = field(default_factory=dict)
    rate_limit: float = quantity("1/h", "fastest event rate", low=0, default=1.4 / 24)
    renewal_limit: float = quantity("", "self-renewal probability under strong signals", low=0, high=1, default=0.5)
    renewal_response: dict[str, float] = field(default_factory=dict)
    survival_at_rest: float = quantity("", "survival of a daughter at rest", low=0, high=1, default=1.0)
    survival_response: dict[str, float] = field(default_factory=dict)
    closes: str | None = None
    burst: float = quantity("1/h", "rate of entry into the emergency chain under full demand", low=0, default=0.0)


@dataclass(frozen=True, kw_only=True)
class Burst:
    """The emergency chain: demand takes early progenitors one way into a fixed number of fast doublings."""

    doublings: int
    transit: float = quantity("h", "mean time through all doublings", low=0)
    threshold: float = quantity("", "SCF, as a ratio to rest, at which entry begins", low=1)
    half: float = quantity("", "excess SCF at half of the full rate", low=0)
    entry: dict[str, int]
    into: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The lineages as arrays, one row a stage (n_stage), exits as targets beyond them. Rates in 1/h.

    A tree may hold several `lines`, one after the other, each with all stages, signals and exits of its own (`lined`), so that
    cells of unlike mark or genes live side by side in a voxel. `first` and `stages` are those of the first line; at rest the
    others are empty. `rest` holds the organism's resting numbers (n_stage,), `output` the resting flow to each exit of the
    first line (n_exit,) [cells/h].
    """

    names: tuple[str, ...]
    lines: tuple[str, ...] = ("host",)
    first: dict[str, int]
    stages: dict[str, int]
    rate: np.ndarray
    rate_limit: np.ndarray
    rate_response: np.ndarray
    daughters: np.ndarray
    renewal: np.ndarray
    renewal_limit: np.ndarray
    renewal_response: np.ndarray
    survival: np.ndarray
    survival_response: np.ndarray
    target: np.ndarray
    share: np.ndarray
    share_response: np.ndarray
    burst_rate: np.ndarray
    burst_target: np.ndarray
    burst_signal: np.ndarray
    burst_threshold: float
    burst_half: float
    rest: np.ndarray
    output: np.ndarray

    @property
    def size(self):
        """Stages of one line."""
        return len(self.rate) // len(self.lines)

    @property
    def marked(self):
        """Number of the line of marked cells, None in a tree without one."""
        return self.lines.index("marked") if "marked" in self.lines else None

    def rows(self, name, line=None, stages=None):
        """Rows of compartment `name` in every line, or in the one numbered `line`; its first `stages`, or all."""
        first = self.first[name]
        here = range(first, first + (stages or self.stages[name]))
        if line is None and len(self.lines) > 1:
            return np.array([k * self.size + row for k in range(len(self.lines)) for row in here])
        start = first + (line or 0) * self.size
        return slice(start, start + len(here))

    def total(self, counts, name=None, *, stages=None, value=None):
        """Cells of compartment `name`, of its first `stages` or all, or of the whole tree; `counts` is (n_stage, ...).

        `value` (n_line,) of a cell of each line, one by default. Line by line, so that one without cells changes no bit.
        """
        lines = range(len(self.lines))
        rows = [slice(k * self.size, (k + 1) * self.size) if name is None else self.rows(name, k, stages) for k in lines]
        each = np.ones(len(lines)) if value is None else value
        return sum(by * counts[here].sum(axis=0) for by, here in zip(each, rows))


def _exponents(response):
    row = np.zeros(len(SIGNALS))
    for name, exponent in response.items():
        row[SIGNALS.index(name)] = exponent
    return row


def _hangs_together(name, c, order):
    """Raises ValueError when compartment `name` cannot be laid out in this order of names."""
    later = [*order[order.index(name) + 1 :], *EXITS]
    for target in c.into:
        if target not in later:
            known = ", ".join(later)
            raise ValueError(f"lineages.{name}: '{target}' in into is not a later compartment or an exit; known: {known}")
    total = sum(c.into.values())
    if abs(total - 1.0) > 1e-6 or min(c.into.values()) < 0:
        raise ValueError(f"lineages.{name}: the shares in into add up to {total:g}; they are parts of 1")
    if (c.number is None) == (c.transit is None) or (c.number is not None and c.division is None):
        raise ValueError(f"lineages.{name}: needs either number and division (it renews itself) or transit (a chain)")
    rate = c.division if c.number is not None else c.stages / c.transit if c.transit else np.inf
    if rate > c.rate_limit:
        raise ValueError(f"lineages.{name}: {24 * rate:g}/d at rest is above its rate_limit of {24 * c.rate_limit:g}/d")


def _leads_on(lineages, burst):
    """Raises ValueError where the emergency chain cannot be laid out, entered or left as it says, or leads back to its entry:
    its cells would then renew themselves for good."""
    ends, total = {name for name, part in burst.into.items() if part > 0}, sum(burst.into.values())
    if abs(total - 1.0) > 1e-6 or min(burst.into.values()) < 0:
        raise ValueError(f"burst: the shares in into add up to {total:g}, or one is below 0; they are parts of 1")
    if strange := sorted(ends - {*lineages, *EXITS}):
        raise ValueError(
            f"burst: {', '.join(strange)} in into is no compartment and no exit; known: {', '.join([*lineages, *EXITS])}"
        )
    if burst.doublings < 1 or len(burst.into) > FAN:
        raise ValueError(f"burst: it needs one doubling or more and at most {FAN} names in into")
    below, new = set(), ends
    while new:
        below |= new
        new = {name for at in new if at in lineages for name in lineages[at].into} - below
    for name, c in lineages.items():
        if not c.burst:
            continue
        if name in below:
            raise ValueError(
                f"lineages.{name}: its cells come from the emergency chain, which leads to {', '.join(burst.into)}; with a "
                "burst of their own they would multiply without stem cells and without end. "
                f"Leave lineages.{name}.burst at 0"
            )
        if burst.entry.get(name) not in range(1, burst.doublings + 1):
            entry = ", ".join(f"{k} = {v}" for k, v in (burst.entry | {name: 1}).items())
            raise ValueError(
                f"burst: entry does not say at which of {burst.doublings} doublings {name} enters. "
                f"Give burst.entry the value of a table that has {name} too, such as {{ {entry} }}"
            )


def grow(lineages, burst, *, inflow, production):
    """Lay the lineages out as arrays and find their resting numbers.

    Parameters
    ----------
    lineages : dict[str, Compartment]
        In order of the tree: a compartment stands before those it feeds.
    burst : Burst
        The emergency chain, empty at rest.
    inflow : dict[str, float]
        Cells/h that stem cells give to each compartment at rest, whole organism.
    production : dict[str, float]
        Cells/h that must leave by an exit at rest; read by compartments with `closes`, whose survival follows from it.

    Returns
    -------
    Tree

    Raises
    ------
    ValueError
        Where a compartment contradicts itself or another, by name: shares that do not add up to 1, a target that is
        unknown or stands upstream, neither number nor transit, a resting rate above its limit, a renewal probability
        outside 0..1/2, a survival above 1, an emergency chain whose entry or end is not there or that leads back to it.
    """
    if taken := {"burst", *EXITS} & set(lineages):
        raise ValueError(f"lineages: no compartment can be called {', '.join(sorted(taken))}; the name is taken")
    for name, c in lineages.items():
        _hangs_together(name, c, list(lineages))
    _leads_on(lineages, burst)
    chain = Compartment(into={}, transit=burst.transit, stages=burst.doublings, rate_limit=np.inf)
    everyone = {**lineages, "burst": chain}
    first, n_stage = {}, 0
    for name, c in everyone.items():
        first[name], n_stage = n_stage, n_stage + c.stages
    exits = {name: n_stage + k for k, name in enumerate(EXITS)}
    signal = len(SIGNALS)
    rate, limit, daughters = np.zeros(n_stage), np.zeros(n_stage), np.ones(n_stage, np.int64)
    renewal, renewal_limit, survival = np.zeros(n_stage), np.zeros(n_stage), np.ones(n_stage)
    rate_r, renewal_r, survival_r = (np.zeros((n_stage, signal)) for _ in range(3))
    target, share = np.full((n_stage, FAN), -1, np.int64), np.zeros((n_stage, FAN))
    share_r = np.zeros((n_stage, FAN, signal))
    burst_rate, burst_target = np.zeros(n_stage), np.full(n_stage, -1, np.int64)
    rest, output = np.zeros(n_stage), np.zeros(len(EXITS))
    arriving = {name: inflow.get(name, 0.0) for name in everyone}

    def route(row, into, response):
        for k, (name, part) in enumerate(into.items()):
            target[row, k] = exits[name] if name in exits else first[name]
            share[row, k] = part
            share_r[row, k] = _exponents(response.get(name, {}))

    for name, c in lineages.items():
        flow, rows = arriving[name], range(first[name], first[name] + c.stages)
        daughters[list(rows)] = 2 if c.divides else 1
        for row in rows:
            rate_r[row], limit[row] = _exponents(c.rate_response), c.rate_limit
            renewal_r[row], renewal_limit[row] = _exponents(c.renewal_response), c.renewal_limit
            survival_r[row] = _exponents(c.survival_response)
        if c.number is not None:
            k = flow / c.number
            renewal[rows[0]], rate[rows[0]], rest[rows[0]] = (1 - k / c.division) / 2, c.division, c.number
            if not 0 < renewal[rows[0]] < c.renewal_limit:
                raise ValueError(
                    f"lineages.{name}: {c.number:g} cells fed by {24 * flow:g} a day need a division rate above "
                    f"{24 * k:g}/d; it is {24 * c.division:g}/d"
                )
            flow = (c.division + k) * c.number
        else:
            amplify = 2.0 if c.divides else 1.0
            s = c.survival_at_rest
            if c.closes:
                s = (production[c.closes] / flow) ** (1 / c.stages) / amplify
                if not 0 < s < 1:
                    raise ValueError(
                        f"lineages.{name}: {24 * flow:g} cells a day cannot become {24 * production[c.closes]:g}"
                    )
            for row in rows:
                rate[row], survival[row] = c.stages / c.transit, s
                rest[row] = flow / rate[row]
                flow *= amplify * s
                if row != rows[-1]:
                    target[row, 0], share[row, 0] = row + 1, 1.0
        route(rows[-1], c.into, c.into_response)
        for other, part in c.into.items():
            if other in exits:
                output[EXITS.index(other)] += part * flow
            else:
                arriving[other] += part * flow
        if c.burst:
            burst_rate[rows[0]], burst_target[rows[0]] = c.burst, first["burst"] + burst.entry[name] - 1
    rows = range(first["burst"], n_stage)
    for row in rows:
        rate[row], limit[row], daughters[row] = burst.doublings / burst.transit, np.inf, 2
        target[row, 0], share[row, 0] = row + 1, 1.0
    route(rows[-1], burst.into, {})
    return Tree(
        names=tuple(
            f"{name}{k + 1}" if c.stages > 1 else name for name, c in everyone.items() for k in range(c.stages)
        ),
        first=first,
        stages={name: c.stages for name, c in everyone.items()},
        rate=rate,
        rate_limit=limit,
        rate_response=rate_r,
        daughters=daughters,
        renewal=renewal,
        renewal_limit=renewal_limit,
        renewal_response=renewal_r,
        survival=survival,
        survival_response=survival_r,
        target=target,
        share=share,
        share_response=share_r,
        burst_rate=burst_rate,
        burst_target=burst_target,
        burst_signal=np.full(n_stage, SIGNALS.index("SCF")),
        burst_threshold=burst.threshold,
        burst_half=burst.half,
        rest=rest,
        output=output,
    )


def lines_of(events, doomed_share):
    """The lines that a tree needs for what will be done to it; the "doomed" where radiation leaves a `doomed_share` of them."""
    lines = LINES if any(getattr(event, "marks", False) for event in events) else LINES[:1]
    dosed = any(hasattr(event, "exposures") for event in events)
    return (*lines, "doomed") if dosed and doomed_share > 0 else lines


def lined(tree, lines, doomed_survival=1.0):
    """The tree of one line laid out anew for all `lines`, whose cells are told apart.

    Row and exit numbers of line k are those of the first plus k·n_stage and k·n_exit; each line has signals of its own. In the
    line "doomed" no daughter stays in its compartment, and only the share `doomed_survival` lives.
    """
    n, number, signals = len(tree.rate), len(lines), len(SIGNALS)

    def onward(target):
        """Targets of every line; exits stand after all rows."""
        out = []
        for k in range(number):
            moved = np.where(target >= n, target - n + number * n + k * len(EXITS), target + k * n)
            out.append(np.where(target < 0, -1, moved))
        return np.concatenate(out)

    def own_signals(exponents):
        """(…, n_signal) → (number × …, number × n_signal): a line answers to its own."""
        out = np.zeros((number, *exponents.shape[:-1], number, signals))
        for k in range(number):
            out[k, ..., k, :] = exponents
        return out.reshape(number * len(exponents), *exponents.shape[1:-1], number * signals)

    renewal, survival = np.concatenate([tree.renewal] * number), np.concatenate([tree.survival] * number)
    if "doomed" in lines:
        k = lines.index("doomed")
        dying = tree.daughters > 1
        renewal[k * n : (k + 1) * n] = 0.0
        survival[k * n : (k + 1) * n][dying] *= doomed_survival
    each = ("rate", "rate_limit", "daughters", "renewal_limit", "burst_rate")
    answers = ("rate_response", "renewal_response", "survival_response", "share_response")
    return dataclasses.replace(
        tree,
        names=tuple(f"{name} {line}" if k else name for k, line in enumerate(lines) for name in tree.names),
        lines=tuple(lines),
        share=np.concatenate([tree.share] * number),
        target=onward(tree.target),
        burst_target=onward(tree.burst_target),
        burst_signal=np.concatenate([tree.burst_signal + k * signals for k in range(number)]),
        rest=np.concatenate([tree.rest, np.zeros((number - 1) * n)]),
        renewal=renewal,
        survival=survival,
        **{name: np.concatenate([getattr(tree, name)] * number) for name in each},
        **{name: own_signals(getattr(tree, name)) for name in answers},
    )


def demand(scf, tree):
    """Share of the full rate at which early progenitors enter the emergency chain, 0 to 1; `scf` is a ratio to rest."""
    excess = np.maximum(scf / tree.burst_threshold - 1.0, 0.0)
    return excess**2 / (excess**2 + tree.burst_half**2)


def well_mixed_change(counts, signals, inflow, tree):
    """dN/dt of every stage in one well-mixed compartment, and the flow out by each exit: the slow, obvious form.

    Parameters
    ----------
    counts : (n_stage,) float64
        Cells.
    signals : (n_line · n_signal,) float64
        Ratios to rest, for each line in the order of `SIGNALS`.
    inflow : (n_stage,) float64
        Cells/h from stem cells.

    Returns
    -------
    change : (n_stage,) float64 [cells/h]
    leaving : (n_line · n_exit,) float64 [cells/h]
    """
    logs = np.log(np.maximum(signals, LEAST))
    rate = saturating_rate(tree.rate, tree.rate_limit, power(tree.rate_response, logs))
    renew = np.where(
        tree.renewal > 0,
        saturating_probability(
            np.where(tree.renewal > 0, tree.renewal, 0.5),
            np.where(tree.renewal > 0, tree.renewal_limit, 1.0),
            power(tree.renewal_response, logs),
        ),
        0.0,
    )
    live = np.where(
        tree.survival < 1, saturating_probability(tree.survival, 1.0, power(tree.survival_response, logs)), 1.0
    )
    n_stage = len(counts)
    gain = np.zeros(n_stage + len(tree.lines) * len(EXITS))
    gain[:n_stage] = inflow
    event = rate * counts
    young = tree.daughters * live * event
    gain[:n_stage] += renew * young - event
    share = np.where(tree.target >= 0, tree.share * np.exp(tree.share_response @ logs), 0.0)
    share /= share.sum(axis=1, keepdims=True)
    np.add.at(gain, np.maximum(tree.target, 0), share * ((1 - renew) * young)[:, None])
    hurry = tree.burst_rate * demand(signals[tree.burst_signal], tree) * counts
    gain[:n_stage] -= hurry
    np.add.at(gain, np.maximum(tree.burst_target, 0), hurry)
    return gain[:n_stage], gain[n_stage:]
