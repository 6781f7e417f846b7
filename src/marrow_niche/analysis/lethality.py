"""Who dies at which dose: days at risk of an animal, its probability of death, and the dose that kills half.

With the danger u(t) of `body.survival` an animal's days at risk are R = ∫ u dt and it dies with p = 1 − exp(−κ R). Animals are
Bernoulli trials of that probability, and their expected numbers are fitted by maximum likelihood:

    P(D) = Φ((ln D − ln LD50)/σ)     (probit; or the logistic function in the place of Φ)

    ℓ = Σ k ln P + (n − k) ln(1 − P),     k = Σ p over the n animals of a dose.

The interval of LD50 is that of its profile likelihood: what an experiment with as many animals would leave open. How well the
simulated seeds know it is told beside it, by a bootstrap over seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from marrow_niche.body import survival

Link = Literal["probit", "logit"]
Numbers = Sequence[float] | np.ndarray
WIDTHS = (1e-3, 3.0)
"""Bounds of σ: steeper than the first no experiment tells, flatter than the second there is no dose-response."""
BEYOND = 4.0
"""LD50 is looked for from the least dose over this to the largest times this."""
CHI2 = 3.841458820694124
"""95 % of chi-square with one degree of freedom."""


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    """A fitted dose-response."""

    ld50: float
    """Dose that kills half [Gy]."""
    width: float
    """σ: standard deviation of the logarithm of the dose that kills an animal [-]."""
    link: Link
    likelihood: float
    """Greatest log-likelihood."""
    low: float | None
    """95 % interval of LD50 by profile likelihood [Gy]; None where the doses do not bound it."""
    high: float | None
    inside: bool
    """LD50 lies within the doses that were given."""

    def dose(self, share: float) -> float:
        """Dose that kills a share of the animals [Gy], 0 < share < 1."""
        return self.ld50 * math.exp(self.width * _quantile(share, self.link))

    @property
    def slope(self) -> float:
        """Probits (or logits) per decade of dose."""
        return math.log(10.0) / self.width

    @property
    def spread(self) -> float:
        """(LD70 − LD30)/LD50 [-]."""
        return (self.dose(0.7) - self.dose(0.3)) / self.ld50


def days_at_risk(day: np.ndarray, danger: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Days at risk from `begin` up to each record, (t,) [d]: trapezia between records, nothing before `begin` or after `end`.

    Parameters
    ----------
    day : (t,)
        Ascending times of the records [d].
    danger : (t,)
        The hazard over κ at them [-].
    """
    day, danger = np.asarray(day, float), np.asarray(danger, float)
    steps = np.concatenate([[0.0], np.cumsum(0.5 * (danger[1:] + danger[:-1]) * np.diff(day))])
    inside = np.clip(day, begin, end)

    def at(time: np.ndarray) -> np.ndarray:
        k = np.clip(np.searchsorted(day, time, side="right") - 1, 0, max(len(day) - 2, 0))
        if len(day) < 2:
            return np.zeros(np.shape(time))
        part = time - day[k]
        slope = (danger[k + 1] - danger[k]) / (day[k + 1] - day[k])
        return steps[k] + part * (danger[k] + 0.5 * slope * part)

    return at(inside) - at(np.array(float(np.clip(begin, day[0], day[-1]))))


def dies(days: np.ndarray | float, kappa: float) -> np.ndarray:
    """Probability of death after so many days at risk; `kappa` [1/d]."""
    return -np.expm1(-kappa * np.asarray(days, float))


def death(
    day: np.ndarray, neutrophils: np.ndarray, platelets: np.ndarray, spec: survival.Lethality, begin: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Days at risk and probability of death from `begin` up to each record, (t,) [d] and (t,), of an animal with these counts.

    Parameters
    ----------
    day : (t,)
        Ascending times of the records [d].
    neutrophils, platelets : (t,)
        Counts at them [1/uL].
    spec : Lethality
        The hazard of the species.
    """
    risk = days_at_risk(day, survival.danger(neutrophils, platelets, spec), begin, end)
    return risk, dies(risk, 24.0 * spec.kappa)


def share(dose: np.ndarray, ld50: float, width: float, link: Link = "probit") -> np.ndarray:
    """Share that dies at `dose` [Gy], any shape, by a dose-response: P(D)."""
    from scipy.special import expit, ndtr

    z = np.log(np.asarray(dose, float) / ld50) / width
    return ndtr(z) if link == "probit" else expit(z)


def fit(dose: Numbers, dead: Numbers, animals: Numbers, link: Link = "probit") -> DoseResponse | None:
    """The dose-response by maximum likelihood; None where all animals live, or all die, whatever the dose.

    Parameters
    ----------
    dose : (d,)
        Above zero [Gy].
    dead, animals : (d,)
        Expected deaths (any real number) and animals at each dose.

    Raises ValueError for doses that are not above zero, or deaths outside 0 and the number of animals.
    """
    x, k, n = _checked(dose, dead, animals)
    if k.sum() < 1e-9 or (n - k).sum() < 1e-9:
        return None
    middle, width, best = _fitted(x, k, n, link)
    low, high = (_bound(x, k, n, link, middle, best, way) for way in (-1.0, 1.0))
    return DoseResponse(
        ld50=math.exp(middle),
        width=width,
        link=link,
        likelihood=-best,
        low=low,
        high=high,
        inside=bool(x.min() <= middle <= x.max()),
    )


def resampled(dose: Numbers, p: np.ndarray, link: Link = "probit", number: int = 200, seed: int = 0) -> np.ndarray:
    """LD50 [Gy] of `number` bootstrap samples of the seeds, (number,); nan where a sample tells none.

    Parameters
    ----------
    p : (d, s)
        Probability of death at each dose, of each seed. A seed is drawn with all its doses, so that arms that share seeds and
        `seed` share what is drawn.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    p = np.asarray(p, float)
    out = np.full(number, np.nan)
    for i in range(number):
        some = p[:, rng.integers(0, p.shape[1], p.shape[1])]
        x, k, n = _checked(dose, some.sum(axis=1), np.full(len(p), float(p.shape[1])))
        if k.sum() >= 1e-9 and (n - k).sum() >= 1e-9:
            out[i] = math.exp(_fitted(x, k, n, link)[0])
    return out


def middle_95(values: np.ndarray) -> tuple[float, float] | None:
    """The middle 95 % of bootstrap samples; None where more than a twentieth of them tell nothing."""
    good = values[np.isfinite(values)]
    if len(good) < 0.95 * len(values) or not len(good):
        return None
    low, high = np.quantile(good, [0.025, 0.975])
    return float(low), float(high)


def calibrated(at_risk: Mapping[float, Sequence[float]], ld50: float, link: Link = "probit") -> float:
    """κ [1/d] with which the fitted LD50 is `ld50` [Gy].

    Parameters
    ----------
    at_risk : dict
        Days at risk of each animal, by dose [Gy].

    Raises ValueError where no κ from 1e-4 to 1e4 a day does.
    """
    dose = sorted(at_risk)

    def off(log_kappa: float) -> float:
        p = [dies(np.array(at_risk[d]), math.exp(log_kappa)) for d in dose]
        found = fit(dose, [float(each.sum()) for each in p], [len(each) for each in p], link)
        if found is None:
            return math.inf if sum(float(each.sum()) for each in p) < 1 else -math.inf
        return found.ld50 - ld50

    grid = np.linspace(math.log(1e-4), math.log(1e4), 60)
    values = [off(float(g)) for g in grid]
    for low, high, one, two in zip(grid[:-1], grid[1:], values[:-1], values[1:]):
        if one > 0 >= two:
            for _ in range(40):
                half = 0.5 * (low + high)
                low, high = (half, high) if off(float(half)) > 0 else (low, half)
            return math.exp(0.5 * (low + high))
    raise ValueError(f"no rate of death makes {ld50:g} Gy the LD50 of these animals")


def _checked(dose: Numbers, dead: Numbers, animals: Numbers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    d, k, n = (np.asarray(values, float) for values in (dose, dead, animals))
    if not (d > 0).all():
        raise ValueError("a dose-response needs doses above zero")
    if (k < 0).any() or (k > n * (1 + 1e-12)).any():
        raise ValueError("deaths lie between none and all animals")
    return np.log(d), np.minimum(k, n), n


def _loss(x: np.ndarray, k: np.ndarray, n: np.ndarray, link: Link, middle: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Minus the log-likelihood, of the shape of `middle` and `width` broadcast."""
    from scipy.special import log_expit, log_ndtr

    log_p = log_ndtr if link == "probit" else log_expit
    z = (x - np.asarray(middle)[..., None]) / np.asarray(width)[..., None]
    return -(k * log_p(z) + (n - k) * log_p(-z)).sum(axis=-1)


def _fitted(x: np.ndarray, k: np.ndarray, n: np.ndarray, link: Link) -> tuple[float, float, float]:
    """ln LD50, σ and minus the greatest log-likelihood: the best of a grid, refined around it."""
    reach = math.log(BEYOND)
    low, high = np.array([x.min() - reach, math.log(WIDTHS[0])]), np.array([x.max() + reach, math.log(WIDTHS[1])])
    bottom, top, best = low.copy(), high.copy(), (0.0, 0.0, math.inf)
    for points in (81, *(13,) * 11):
        middles, widths = np.linspace(bottom[0], top[0], points), np.linspace(bottom[1], top[1], min(points, 41))
        loss = _loss(x, k, n, link, middles[:, None], np.exp(widths)[None, :])
        i, j = np.unravel_index(int(np.argmin(loss)), loss.shape)
        if loss[i, j] <= best[2]:
            best = float(middles[i]), float(widths[j]), float(loss[i, j])
        step = np.array([middles[1] - middles[0], widths[1] - widths[0]]) * 2.0
        bottom, top = np.maximum(np.array(best[:2]) - step, low), np.minimum(np.array(best[:2]) + step, high)
    return best[0], math.exp(best[1]), best[2]


def _profile(x: np.ndarray, k: np.ndarray, n: np.ndarray, link: Link, middle: float) -> float:
    """Least loss over σ at a given ln LD50."""
    low, high = math.log(WIDTHS[0]), math.log(WIDTHS[1])
    bottom, top, best = low, high, (0.0, math.inf)
    for points in (121, *(9,) * 6):
        widths = np.linspace(bottom, top, points)
        loss = _loss(x, k, n, link, np.full(points, middle), np.exp(widths))
        j = int(np.argmin(loss))
        if loss[j] <= best[1]:
            best = float(widths[j]), float(loss[j])
        step = 2.0 * (widths[1] - widths[0])
        bottom, top = max(best[0] - step, low), min(best[0] + step, high)
    return best[1]


def _bound(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, link: Link, middle: float, best: float, way: float
) -> float | None:
    """Where twice the loss has risen by `CHI2` on one side of `middle` [Gy]; None within the reach of the search."""
    end = (x.min() if way < 0 else x.max()) + way * math.log(BEYOND)

    def risen(at: float) -> float:
        return 2.0 * (_profile(x, k, n, link, at) - best) - CHI2

    near, step = middle, 0.02
    while True:
        far = near + way * step
        if (far - end) * way > 0:
            return None
        if risen(far) > 0:
            break
        near, step = far, 1.5 * step
    for _ in range(40):
        half = 0.5 * (near + far)
        near, far = (near, half) if risen(half) > 0 else (half, far)
    return math.exp(0.5 * (near + far))


def _quantile(share: float, link: Link) -> float:
    """z at which that share dies."""
    from statistics import NormalDist

    if not 0 < share < 1:
        raise ValueError(f"{share} is no share between 0 and 1")
    return NormalDist().inv_cdf(share) if link == "probit" else math.log(share / (1 - share))
