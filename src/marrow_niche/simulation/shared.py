"""What runs share that begin from the same marrow: its geometry and its resting state, made once and forked."""

import copy
from typing import Any

from marrow_niche.scenario import beginning
from marrow_niche.simulation import assembly


class Shared:
    """The geometry and the resting state that were made last, given to runs that begin from the same (`scenario.beginning`).

    A run is the same to the bit as by itself. One of each is kept, so runs that share should follow each other.
    """

    def __init__(self):
        self._geometry: tuple[str, Any] = ("", None)
        self._rest: tuple[str, Any] = ("", None)

    def geometry(self, scenario):
        """The `Geometry` that a scenario asks for."""
        asked = beginning.of_geometry(scenario)
        if self._geometry[0] != asked:
            self._geometry = self._rest = ("", None)  # not both at once in memory
            self._geometry = (asked, assembly.geometry_of(scenario))
        return self._geometry[1]

    def at_rest(self, scenario, model):
        """`assembly.at_rest` of the model that was laid out for a scenario."""
        asked = beginning.of_rest(scenario)
        if self._rest[0] != asked:
            self._rest = ("", None)
            at_rest, state = assembly.at_rest(model)
            self._rest = (asked, (_found(at_rest), state))
        found, state = self._rest[1]
        return assembly.rested(model, found), copy.deepcopy(state)


def _found(model):
    """What a model has from its resting state, without the doses of its own events."""
    found = {name: getattr(model, name) for name in assembly.FOUND}
    return found | {"facts": {name: fact for name, fact in found["facts"].items() if name != "doses"}}
