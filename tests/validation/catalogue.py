"""All cases, in the order of the catalogue."""

from validation import chains, chance, factors, grafts, irradiation, labels, places, recovery, survival

ORDER = (
    *("STO-1", "STO-2", "STO-3", "STO-4", "STO-5", "SPA-1", "SPA-2", "HOM-1", "HOM-2", "HOM-3", "HOM-6", "CLONE-1", "CLONE-2"),
    *("CHEMO-1", "CHEMO-1b", "RAD-3a", "RAD-3b", "RAD-4", "RAD-5", "RAD-7", "RAD-8", "RAD-10", "LD-1", "LD-2"),
    *("REC-6", "REC-7", "REC-9", "REC-10", "REC-13"),
    *("STEM-1", "STEM-2", "STEM-4", "TX-1", "TX-2", "TX-4", "TX-5", "TX-7", "GCSF-1", "GCSF-2", "GCSF-4", "EPO-1", "TPO-2"),
)
_ALL = {
    case.id: case for room in (chance, places, labels, chains, irradiation, recovery, survival, grafts, factors) for case in room.CASES
}
CASES = tuple(_ALL[name] for name in ORDER)
"""Every case once."""
assert set(_ALL) == set(ORDER) and len(_ALL) == len(CASES)
