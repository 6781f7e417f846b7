"""What enters the marrow before its first event: runs that agree in it begin from the same geometry and the same resting state.

Everything enters but what is named in `LATER`, so that what a scenario comes to say some day parts runs until it is named.
"""

import dataclasses
import hashlib
from typing import Any

from marrow_niche.marrow.lineages import lines_of
from marrow_niche.quantities.digest import digest
from marrow_niche.scenario.scenario import FILE_ENTRIES, Scenario

LATER = frozenset({"title", "duration", "events", "record", "ledger", "folder", "source"})
"""Of a scenario: names, where its files lie (their bytes enter), and what comes later. Of its events no more enters than which
lines of cells they need told apart."""


def of_geometry(scenario: Scenario) -> str:
    """A digest of what a geometry is built from."""
    return _digest((scenario.geometry, scenario.parameters.anatomy, scenario.seed, _files(scenario)))


def of_rest(scenario: Scenario) -> str:
    """A digest of what a resting state is sought in, the geometry with it."""
    entering = {f.name: getattr(scenario, f.name) for f in dataclasses.fields(scenario) if f.name not in LATER}
    lines = lines_of(scenario.events, scenario.parameters.radiation.doomed_share)
    return _digest((entering, lines, of_geometry(scenario)))


def _files(scenario: Scenario) -> dict[str, str]:
    return {entry: digest(path) for entry, path in sorted(scenario.files.items()) if entry in FILE_ENTRIES}


def _digest(entering: Any) -> str:
    """Of plain data and frozen specs, which `repr` tells to the last bit."""
    return hashlib.sha256(repr(entering).encode()).hexdigest()
