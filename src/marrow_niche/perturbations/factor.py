"""A hormone or its mimetic as treatment: each dose goes into the vein or under the skin; what it does there is stepped in
`body.hormones`."""

from dataclasses import dataclass
from typing import Literal

from marrow_niche.body import factors, hormones
from marrow_niche.quantities.parameters import entry, quantity
from marrow_niche.quantities.units import text

VEIN = {"intravenous": "vein", "subcutaneous": "skin"}


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """One of the species' factors, given once or again and again."""

    kind = "factor"
    marks = False
    at: float = quantity("h", "when the first dose is given", low=0)
    factor: str = entry('name of the factor, such as "GCSF"')
    dose: float = quantity("g/kg or g or IU/kg or IU", "each dose: by body mass, such as '5 ug/kg', or of the animal", low=0)
    dose_unit: str = "g/kg"
    route: Literal["subcutaneous", "intravenous"] = entry("where it is injected", default="subcutaneous")
    doses: int = 1
    every: float | None = quantity("h", "time from dose to dose", low=0, default=None)

    def times(self):
        """When each dose is given [h]."""
        return tuple(self.at + k * (self.every or 0.0) for k in range(self.doses))

    def contradictions(self):
        """What disagrees between the entries, as (entry, text)."""
        if self.doses < 1:
            yield "doses", f"{self.doses} is too low; the least is 1."
        if self.doses > 1 and self.every is None:
            yield "every", f"missing: {self.doses} doses need the time from one to the next, such as '24 h'."
        if self.doses > 1 and self.every == 0:
            yield "every", "0 h gives all doses at once; write one dose of their sum."
        if self.doses == 1 and self.every is not None:
            yield "every", "one dose has no next one; leave it out, or say how many doses there are."

    @staticmethod
    def unknown(table, species):
        """What of an event's `table` the species does not know, as (entry, text, names that it knows)."""
        name, known = table.get("factor"), species.factors
        if isinstance(name, str) and name not in known:
            yield "factor", f"'{name}' is not known.", tuple(known)
        elif isinstance(name, str) and "IU" in str(table.get("dose")) and known[name].activity is None:
            yield "dose", f"of {name} no activity is known; write its mass, such as '5 ug/kg'.", ()

    def grams(self, factor, mass):
        """One dose [g] for a body of `mass` [kg]."""
        whole = self.dose * (mass if self.dose_unit.endswith("/kg") else 1.0)
        return whole / factor.activity if self.dose_unit.startswith("IU") else whole

    def due(self, hour):
        """Whether a dose falls in the hour that begins at `hour`."""
        return self._now(hour) > 0

    def strike(self, state, model, turn=0):
        """Give what falls due, in place; False: the marrow is the same, what reaches it changes from here on. `turn` is not
        asked for: no draws."""
        species, names = model.species, list(model.species.factors)
        k, factor = names.index(self.factor), species.factors[self.factor]
        one = factors.concentration(factor, self.grams(factor, species.organism.mass), species.organism.mass)
        amount = self._now(state.hour) * one
        hormones.inject(state.hormones, k, amount, species.hormones, species.factors, VEIN[self.route])
        return False

    def told(self, species):
        """The event in a sentence, for `check`."""
        factor, mass = species.factors[self.factor], species.organism.mass
        times = f", {self.doses} times every {(self.every or 0.0) / 24:g} d" if self.doses > 1 else ""
        amount = text(self.grams(factor, mass) / mass, "g/kg", "ug/kg")
        share = 1.0 if self.route == "intravenous" else factor.bioavailability
        peak = share * factors.concentration(factor, self.grams(factor, mass), mass)
        rest = getattr(species.hormones, factor.hormone)
        return (
            f"{amount} of {self.factor}, {self.route}{times}: {peak:.3g} nM in plasma if all were there at once, where the "
            f"body's own hormone has {rest:.3g} nM."
        )

    def _now(self, hour):
        """Doses that fall in the hour that begins at `hour`."""
        return sum(hour <= time < hour + 1 for time in self.times())
