"""Iron for haemoglobin: what the day's new red cells can be given, and the store that is drawn down and refilled.

Iron of red cells that die is used again; bleeding takes it out of the body. All flows are over the resting use of iron, which
is that of the red cells made in a day. With the store s (1 at rest), ρ what dying red cells give back and x what the erythron
asks for, no more can be used than

    A = ρ + (a₀ − 1) (1 + h) s/(s + h) + α(s) − b ,         u = min(x, A) :

with normal stores marrow makes two to three times as much as at rest, with the iron of red cells that break down four to eight
times (Hillman & Henderson 1969, J Clin Invest 48:454). Erythroblasts left without iron are lost. The store, σ times the iron
of all red cells, moves by

    σ T s' = ρ − u + α(s) − b ,   α = b (1 + (g − 1)(1 − s))  for s ≤ 1 ,  b/s above

with T the life of a red cell, b the iron absorbed (and lost) at rest, and g the greatest fold of absorption.
"""

from dataclasses import dataclass

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Iron:
    """Stores and supply of iron, over the iron of red cells and its resting use."""

    store: float = quantity("", "stored iron at rest over the iron of all red cells", low=0.001)
    supply: float = quantity("", "greatest use of iron with stores as at rest, over that at rest", low=1.001)
    store_half: float = quantity("", "store, over rest, that gives half of the most it can", low=0.001)
    absorbed: float = quantity("", "iron absorbed from food, and lost, at rest, over its use", low=0, high=1)
    absorption_limit: float = quantity("", "absorption with empty stores over that at rest", low=1)


@dataclass
class IronState:
    """The `store` of iron as a ratio to rest [-]."""

    store: float = 1.0


def gained(store, p):
    """Iron absorbed from food less what is lost, over the resting use, with such a `store` (over rest) [-]."""
    fold = 1.0 + (p.absorption_limit - 1.0) * (1.0 - store) if store <= 1.0 else 1.0 / store
    return p.absorbed * (fold - 1.0)


def available(store, returned, p):
    """The most iron that can be used, over its resting use: of dying red cells (`returned`), the `store` (over rest), food."""
    released = (p.supply - 1.0) * (1.0 + p.store_half) * store / (store + p.store_half)
    return max(0.0, returned + released + gained(store, p))


def advance(state, wanted, returned, life, p, dt):
    """Move the store on by dt [h], in place, and tell who is fed.

    Parameters
    ----------
    wanted : float
        Reticulocytes that marrow and spleen would make, over those at rest [-].
    returned : float
        Red cells that die in the body, over those at rest [-]; their iron is used again.
    life : float
        Life of a red cell [h].

    Returns
    -------
    float
        Share of the wanted cells that get their iron; the others are lost.
    """
    s = state.store
    use = min(wanted, available(s, returned, p))
    state.store = max(0.0, s + dt / (p.store * life) * (returned - use + gained(s, p)))
    return use / wanted if wanted > 0.0 else 1.0
