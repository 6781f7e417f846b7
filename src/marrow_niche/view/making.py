"""The report's account of how a run was made: its bone, seed, versions and inputs, numbers without a source, what to cite."""

from collections.abc import Mapping
from typing import Any

from marrow_niche.quantities import words
from marrow_niche.quantities.ledger import Ledger, in_short
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.results import Results
from marrow_niche.view import findings, page

FACTS = (
    ("source", "bone", ""),
    ("length_mm", "length of the whole bone", "mm"),
    ("cortex_um", "cortex", "µm"),
    ("cortex_from", "cortex by", ""),
    ("long_axis", "long axis", ""),
    ("section_from_mm", "piece from", "mm"),
    ("section_to_mm", "piece to", "mm"),
    ("voxel_um", "voxel", "µm"),
    ("dimension", "dimensions", ""),
    ("marrow_voxels", "marrow voxels", ""),
    ("marrow_mm3", "marrow of the piece", "mm³"),
    ("share_of_bone_marrow", "of the bone's marrow", "share"),
    ("trabecular_fraction", "trabecular bone, BV/TV where developed", "share"),
    ("trabecular_thickness_um", "thickness of trabeculae, Tb.Th", "µm"),
    ("trabecular_spacing_um", "separation of trabeculae, Tb.Sp", "µm"),
    ("fat_fraction", "marrow within adipocytes", "share"),
    ("sinusoids_perfused", "sinusoids that carry blood", "share"),
    ("sinusoid_fraction", "marrow within sinusoids", "share"),
    ("arteriole_fraction", "marrow within arterioles", "share"),
    ("sinusoid_length_mm_per_mm3", "length of sinusoids", "mm/mm³"),
    ("mean_distance_to_sinusoid_um", "mean distance to a sinusoid", "µm"),
    ("share_within_10um_of_sinusoid", "random points within 10 µm of a sinusoid", "share"),
    ("stem_cells_within_10um_of_sinusoid", "stem cells at rest within 10 µm of a sinusoid", "share"),
    ("share_within_10um_of_arteriole", "random points within 10 µm of an arteriole", "share"),
    ("stem_cells_within_10um_of_arteriole", "stem cells at rest within 10 µm of an arteriole", "share"),
    ("share_within_10um_of_bone", "random points within 10 µm of bone", "share"),
    ("stem_cells_within_10um_of_bone", "stem cells at rest within 10 µm of bone", "share"),
    ("stroma", "perivascular stromal cells", ""),
    ("osteoblasts", "osteoblasts", ""),
    ("megakaryocytes", "megakaryocytes", ""),
    ("stem_cells_over_species", "stem cells a volume at rest, over the species'", ""),
    ("tip_over_species", "those of the tip, over the species'", ""),
    ("piece_share", "the piece, of the organism's marrow", "share"),
    ("stem_weight", "cells of the piece that one stored stem cell is", ""),
)


def bone(run: Results) -> list[str]:
    """The bone and its marrow as they were made and measured."""
    facts = dict(findings.provenance(run).get("geometry") or {})
    if not facts:
        return []
    rows = [
        (
            label,
            f"{_fact(facts[key])} {unit if unit != 'share' else ''}".strip()
            if unit != "share"
            else words.percent(facts[key]),
        )
        for key, label, unit in FACTS
        if facts.get(key) is not None
    ]
    parts = [page.heading("The bone"), page.table((), rows, "facts")]
    ratios = findings.shares(facts)
    if ratios:
        low, high = min(ratios.values()), max(ratios.values())
        parts.append(
            page.paragraph(
                f"The piece makes {words.plain(low)} to {words.plain(high)} times what its volume's share of the "
                f"organism would (a warning stands above where this is outside 0.5 to 2)."
            )
        )
    shown = {key for key, *_ in FACTS}
    others = [(key, _fact(value)) for key, value in facts.items() if key not in shown]
    return (
        [*parts, page.fold(f"{len(others)} more facts of the geometry", page.table((), others, "facts"))]
        if others
        else parts
    )


def making(run: Results) -> list[str]:
    """Seed, versions, times and inputs of the run, and its scenario."""
    made = findings.provenance(run)
    if not made:
        return []
    versions, system = made.get("versions") or {}, made.get("platform") or {}
    rows = [
        ("scenario", str(made.get("scenario_sha256") or "–")),
        ("seed", str(made.get("seed", "–"))),
        (
            "made by",
            f"marrow_niche {versions.get('marrow_niche', '?')}"
            + (f", commit {made['git_commit']}" if made.get("git_commit") else ""),
        ),
        ("begun", str(made.get("started") or "–")),
        ("ended", str(made.get("ended") or "not yet")),
        ("time taken", words.clock(float(made.get("wall_seconds") or 0.0))),
        ("threads", "all" if made.get("threads") is None else str(made["threads"])),
        ("machine", ", ".join(str(system[key]) for key in ("system", "machine") if system.get(key)) or "–"),
        (
            "resumed",
            "; ".join(f"from day {words.plain(float(again.get('day', 0)))}" for again in made.get("resumed") or [])
            or "no",
        ),
        ("versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
    ]
    inputs = [(name, str(total)) for name, total in (made.get("inputs_sha256") or {}).items()]
    parts = [page.heading("How it was made"), page.table((), [*rows, *inputs], "facts")]
    scenario = RunDirectory(run.directory).scenario
    if scenario.is_file():
        parts.append(page.fold("The scenario, resolved", page.code(scenario.read_text(encoding="utf-8"))))
    return parts


def parameters(run: Results) -> list[str]:
    """Numbers without a reference, and what to cite."""
    ledger = _ledger(run)
    if ledger is None or not len(ledger):
        return []
    references, unmeasured = ledger.references(), ledger.unmeasured()
    counted = words.listed([f"{len(paths)} {_kind(word)}" for word, paths in unmeasured.items()])
    parts = [page.heading("Numbers nobody measured")]
    text = f"Of {len(ledger)} parameters, {len(ledger) - sum(map(len, unmeasured.values()))} have a reference"
    parts.append(page.paragraph(f"{text}; {counted}." if counted else f"{text}."))
    own = [entry for entry in ledger if entry.overridden]
    head = ("parameter", "value", "meaning", "source")
    if own:
        parts.append(page.paragraph("Replaced by this scenario:"))
        parts.append(page.table(head, [_entry(entry) for entry in own], "words"))
    for word, paths in unmeasured.items():
        inner = page.table(head, [_entry(ledger[path]) for path in paths], "words")
        parts.append(page.fold(f"{len(paths)} {_kind(word)}", inner))
    version = (findings.provenance(run).get("versions") or {}).get("marrow_niche", "")
    items = [(f"marrow_niche: a spatial bone-marrow niche simulator, version {version}.", "this simulator")]
    items += [(reference, in_short(paths, 3)) for reference, paths in references.items()]
    return [*parts, page.heading("What to cite"), page.bullets(items)]


def files(run: Results) -> list[str]:
    """What else lies in the run's directory."""
    names = (
        ("blood.csv, marrow.csv", "one row a recorded time, units in the column names"),
        ("fields.csv", "the same for what became of the molecules of each field"),
        ("open_in_paraview.py", "paraview --script=open_in_paraview.py, in the run's directory"),
        ("fields.pvd, cells.pvd, geometry/", "what ParaView opens by itself"),
        ("figures/", "the pictures above"),
        ("scenario.toml, provenance.json", "to make it again"),
    )
    there = [each for each in names if any((run.directory / name).exists() for name in each[0].split(", "))]
    return [page.heading("Files beside this one"), page.bullets(there)]


def _ledger(run: Results) -> Ledger | None:
    entries = findings.provenance(run).get("parameters")
    usable = isinstance(entries, list) and all(isinstance(entry, Mapping) for entry in entries)
    return Ledger.from_plain(entries) if entries and usable else None


def _entry(entry: Any) -> tuple[str, str, str, str]:
    value = (
        f"{entry.value} {entry.unit}".strip()
        if not isinstance(entry.value, float)
        else f"{entry.value:g} {entry.unit}".strip()
    )
    return entry.path, value, entry.meaning, "; ".join(filter(None, (entry.source, entry.note)))


def _kind(word: str) -> str:
    return {
        "estimate": "are estimates",
        "balance": "follow from the numbers beside them",
        "calibrated": "were set to meet a named result",
    }.get(word, f"are {word.replace('default', 'defaults')}" if word.startswith("default") else word)


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_fact(item)}" for name, item in value.items())
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ", ".join(_fact(item) for item in value) if isinstance(value, (list, tuple)) else str(value)
    return f"{value:,}" if isinstance(value, int) else words.plain(value, 4)
