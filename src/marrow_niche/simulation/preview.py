"""A scenario told back in English before it is run."""

import os

import numpy as np

from marrow_niche import coupling
from marrow_niche.body.hormones import HormoneState
from marrow_niche.geometry import about_how_many
from marrow_niche.geometry.morphometry import WITHIN
from marrow_niche.marrow import damage
from marrow_niche.marrow.cytokines import terms
from marrow_niche.marrow.genes import Genes
from marrow_niche.quantities.words import number, percent, plain
from marrow_niche.simulation.assembly import build

BYTES, BYTES_PER_VOXEL, BYTES_PER_LINE = 9e8, 1500.0, 590.0
BYTES_PER_TRIANGLE, BYTES_PER_VESSEL, BYTES_PER_POINT = 19.0, 43.0, 33.0
BYTES_PER_VALUE, BYTES_PER_CELL, BYTES_OF_RECORD, BYTES_OF_RUN = 4.4, 80.0, 1e4, 3e6
BYTES_OF_CHECKPOINT = 126.0
"""A marrow voxel: of the fields, LZ4 leaves what is not the same everywhere nearly as long as it is."""
REGROWTH_DAYS = 3.0
"""In which stem cells double after a dose, as long as they are few: 6 Gy, the femur of the examples."""
SECONDS_PER_VOXEL = 4.5e-5
SECONDS_PER_VOXEL_DAY = 3.2e-6
SECONDS_PER_CELL_DAY = 1e-5
SECONDS_OF_REPORT = 15.0
GUT = 11.0
"""Gy above which animals die of the gut."""

NEAR = (("random points", "share"), ("stem cells", "stem_cells"), ("stem cells of the table", "measured_stem_cells"))
"""Who is held against whom, and what their facts begin with."""


def describe(scenario):
    """What would be simulated: the lattice, the reach of each field, the events and what they do, size and time.

    Builds the resting state, so it knows how many stem cells this marrow holds. Raises what `build` raises.
    """
    model, state = build(scenario)
    lines = [f"{scenario.title}: {scenario.species}, seed {scenario.seed}, {scenario.duration / 24:g} days.", ""]
    for part in (
        _bone(scenario, model),
        _anatomy(model, state),
        _cells(scenario, model, state),
        _fields(model, state),
        _events(scenario, model),
        _size(scenario, model, state),
    ):
        lines += [*part, ""]
    return "\n".join(lines[:-1])


def _bone(scenario, model):
    f, lattice = model.facts, model.lattice
    kind = "a slice one voxel thick" if lattice.dimension == 2 else "in three dimensions"
    lines = ["The bone", *_source(f)]
    if scenario.parameters.like:
        lines.append(
            f"  Numbers, clocks and clearances are of the {scenario.species}, many of them estimates; what a cell takes up "
            f"and how it answers to a signal is taken from the {scenario.parameters.like}."
        )
    lines.append(
        f"  {lattice.n:,} marrow voxels of {lattice.spacing:g} um, {kind}: {plain(f['marrow_mm3'])} mm3 of marrow, "
        f"{percent(min(f['share_of_bone_marrow'], 1.0))} of this bone's."
    )
    lines.append(
        f"  {f['stroma']:,} stromal cells, {f['osteoblasts']:,} osteoblasts, {f['megakaryocytes']:,} megakaryocytes, "
        f"{f['adipocytes']:,} adipocytes."
    )
    return lines


def _source(f):
    """Where the bone comes from, and what was done to it."""
    if "image" in f:
        image = f["image"]
        edge = " x ".join(f"{h:.3g}" for h in reversed(image["spacing (z, y, x) [um]"]))
        lines = [
            f"  {f['source']}, {image['format']}, voxels of {edge} um (by the {image['voxel size from']}).",
            "  " + ", ".join(f"{n:,} voxels are {name}" for name, n in image["voxels by label"].items()) + ".",
        ]
        from_image = "vessels_from" in f
        lines.append(f"  Vessels are those of {f['vessels_from']}." if from_image else "  It labels no vessels.")
        if "voxel size" in image:
            lines.append(f"  Note: {image['voxel size']}.")
    elif "points" in f and "cortex_um" in f and f["source"].startswith("around"):
        lines = [f"  The marrow {f['source']}; its outer faces are cuts, no bone lies behind them."]
    else:
        angle = f"{f['long_axis_angle_degrees']:.0f}"
        lines = [
            f"  {f['source']}, {plain(f['length_mm'])} mm along its {f['long_axis']} axis "
            f"({angle} degree{'s' * (angle != '1')} off its longest principal axis)"
            + (f", {f['tunnels']} tunnel{'s' * (f['tunnels'] > 1)} through it." if f["tunnels"] else "."),
            f"  Cortex {f['cortex_um']:.0f} um ({f['cortex_from']}).",
            *(f"  Mended: {told}" for told in f.get("mended", ())),
        ]
    if "points" in f:
        outside = f["points"]["outside the marrow"]
        for role, n in f["points"]["points by role"].items():
            lost = f", {outside[role]:,} of them outside the marrow" if outside.get(role) else ""
            lines.append(f"  {f['points']['file']}: {n:,} points are {role}{lost}.")
    return lines


def _anatomy(model, state):
    """The marrow measured, beside what was published, and stem cells beside as many random points."""
    f, stored = model.facts, int((state.stem.voxel >= 0).sum())
    lines = ["The marrow measured" + (", in a slice" if model.lattice.dimension == 2 else "") + ", and what was published"]
    for name, what in (("sinusoid", "sinusoids"), ("arteriole", "arterioles"), ("vein", "veins")):
        value = f[f"{name}_fraction"]
        told = _published(f, f"{name}_fraction", value)
        lines.append(f"  {what:16s}{100 * value:6.2g} % of the marrow's volume" + (f"; {told}" if told else ""))
    if f["fat_fraction"] > 0.0:
        lines.append(f"  adipocytes      {100 * f['fat_fraction']:6.2g} % of the marrow's volume")
    if "trabecular_fraction" in f:
        long = f.get("site", "femur").endswith(("femur", "tibia"))
        told = _published(f, "trabecular_fraction", f["trabecular_fraction"]) if long else ""
        lines.append(
            f"  trabeculae      {100 * f['trabecular_fraction']:6.2g} % of the cavity where they are fully developed (BV/TV), "
            f"asked {100 * f['trabecular_asked']:.3g} %" + (f"; {told}" if told else "")
        )
        if "trabecular_thickness_um" in f:
            lines.append(
                f"  {'':16s}{f['trabecular_thickness_um']:6.0f} um thick (Tb.Th, standard error "
                f"{f['trabecular_thickness_error_um']:.1f}), asked {f['trabecular_thickness_asked_um']:.3g} um, and "
                f"{f['trabecular_spacing_um']:.0f} um apart (Tb.Sp, standard error {f['trabecular_spacing_error_um']:.0f})"
            )
    lines.append(
        f"  sinusoids make {f['sinusoid_length_mm_per_mm3']:,.0f} mm and {f['sinusoid_junctions_per_mm3']:,.0f} junctions "
        f"in a mm3 of marrow, which between them is {f['mean_distance_to_sinusoid_um']:.1f} um from a wall in the mean"
    )
    if "sinusoids_perfused" in f:
        lines.append(f"  {percent(f['sinusoids_perfused'])} of sinusoids carry blood from the arteries to the vein")
    elif "sinusoids_not_perfused_because" in f:
        lines.append(f"  {f['sinusoids_not_perfused_because']}")
    lines.append(f"  {'share within':23s}    5 um   10 um   20 um")
    for name, what in (("sinusoid", "a sinusoid"), ("arteriole", "an arteriole"), ("bone", "bone")):
        for who, key in NEAR:
            found = [f.get(f"{key}_within_{within:g}um_of_{name}") for within in WITHIN]
            if None in found:
                continue
            stray = 100 * np.sqrt(found[1] * (1 - found[1]) / max(stored, 1))
            told = _published(f, f"{key}_within_10um_of_{name}", found[1])
            if key == "share":
                told = f"{stored:,} stray by {stray:.1g} % at 10 um by chance"
            elif told:
                told = f"at 10 um {told}"
            place = f"of {what}" if key == "share" else ""
            shown = "".join(f"{percent(value):>8s}" for value in found)
            lines.append(f"  {place:23s}{shown}  {who}" + (f"; {told}" if told else ""))
    return lines


def _published(facts, name, value):
    """The published range, and whether the value lies outside; nothing where nothing was published."""
    if f"published_{name}" not in facts:
        return ""
    low, high = facts[f"published_{name}"]
    return f"published {100 * low:.3g} to {100 * high:.3g} %" + ("" if low <= value <= high else ", so this lies outside")


def _cells(scenario, model, state):
    s, f = model.species.stem_cells, model.facts
    stored = len(state.stem.id)
    lines = [
        "The piece and its organism",
        f"  By volume the piece is {plain(100 * model.piece_share)} % of the organism's marrow; at rest it makes "
        f"{_span(model.share / model.piece_share)} times that share of the blood.",
        f"  It holds {plain(model.stem_weight * stored)} stem cells "
        f"({100 * f['stem_cells_over_species']:.0f} % of the species' density), "
        f"stored as {stored:,} that weigh {plain(model.stem_weight)} each.",
        f"  Of them {100 * state.stem.tip.mean():.0f} % are of the tip "
        f"({100 * f['tip_over_species']:.0f} % of the species' density).",
    ]
    if scenario.organism.agents == "anatomical":
        lines.append(
            "  Stem cells are stored at their true number: chance in so few is the piece's, not the organism's."
        )
    elif s.everyone > s.agent_cap:
        lines.append(
            f"  The organism has {s.everyone:,.0f}; {s.agent_cap:,.0f} are stored, "
            f"so clones drift {plain(s.everyone / s.agent_cap, 2)} times faster."
        )
    else:
        lines.append(
            f"  That is as many as the organism has ({s.everyone:,.0f}): chance and clonal drift are the organism's."
        )
    changed = {name: value for name, value in vars(model.genes).items() if value != getattr(Genes(), name)}
    if changed:
        told = ", ".join(f"{name} {plain(value)}" for name, value in changed.items())
        lines.append(f"  The host is a mutant from day 0 on (the wild type is 1, of attrition 0): {told}.")
    if model.apart:
        lines.append("  The marrow outside the piece is apart: no event touches it.")
    ratio = model.share / model.piece_share
    if ratio.min() < 0.5 or ratio.max() > 2:
        lines.append(
            "  Warning: output and volume disagree by more than a factor of two; this marrow is far from the species' own."
        )
    if model.lattice.dimension == 2:
        lines.append(
            "  A slice is for looking and quick trials: densities are per volume, a point source is a line source."
        )
    return lines


def _span(values):
    low, high = values.min(), values.max()
    return f"{low:.2f}" if high - low < 0.02 else f"{low:.2f} to {high:.2f}"


def _fields(model, state):
    lines = ["The fields at rest: mean, and reach sqrt(D/k)"]
    stem = coupling.stem_density(state, model).sum(axis=0)
    everyone = coupling.everyone_of(state.counts, coupling.stem_density(state, model), model)
    for k, (name, c) in enumerate(model.species.cytokines.items()):
        meets = coupling.surroundings(c, state.counts, stem, everyone, state.stroma, model)
        _, loss, exchange, _ = terms(
            c,
            meets,
            model.lattice.volume,
            coupling.blood_level(c, HormoneState(), model.species),
            state.fields[k],
        )
        rate = (loss + exchange).sum() / model.geometry.extravascular.sum()
        mean = number(c.shown_factor * state.fields[k].mean())
        lines.append(f"  {name:8} {mean:>8} {c.shown_in:5} {np.sqrt(c.diffusivity / rate):6.0f} um")
    return lines


def _events(scenario, model):
    if not scenario.events:
        return ["Events: none."]
    lines, doses = ["Events"], {told["event"]: told for told in model.facts.get("doses", ())}
    for k, event in enumerate(scenario.events, 1):
        if hasattr(event, "exposures"):
            lines += _dose(event, doses[k], model)
        else:
            lines.append(f"  day {event.at / 24:g}: {event.told(model.species) if hasattr(event, 'told') else event.kind}")
    r = model.species.radiation
    if doses and r.doomed_share > 0:
        lines.append(
            f"  Of dividing cells with one lethal lesion {percent(r.doomed_share)} divide on for a while, doomed: at each "
            f"division {percent(1 - r.doomed_survival)} of their daughters die."
        )
    return lines


def _dose(event, told, model):
    """How much falls where, what it leaves of each kind of cell, and what the reader must be warned of."""
    r, given, whole, g = model.species.radiation, event.dose, event.fractions, model.genes.radiosensitivity
    ly = model.species.lymphoid
    unit = 1.0 if given is None else given  # of what is told: Gy, or the dose of a fraction
    mean, least, greatest = (unit * told[name] for name in ("mean", "least", "greatest"))
    how = "at once" if event.length() == 0 else f"over {plain(event.length())} h"
    times = f", {whole} times every {plain(event.every / 24)} d" if whole > 1 else ""
    kind = "" if event.rbe == 1.0 else f" of RBE {event.rbe:g}"
    part = event.region or event.shield or event.beam
    head = f"  day {event.at / 24:g}: {plain(mean if given is None else given)} Gy{kind}"
    if told["where"] == "everywhere":
        lines = [f"{head} {how}{times}, on all of the marrow alike."]
    elif part:
        exposed = f"{percent(told['share_exposed'])} of the marrow is exposed, {plain(mean)} Gy in the mean"
        lines = [f"{head} {how}{times}, {told['where']}: {exposed}."]
    else:
        span = f"from {plain(least)} to {plain(greatest)} Gy over the marrow"
        lines = [f"{head} in the mean {how}{times}, {told['where']}: {span}."]
    if "map_mean_Gy" in told:
        box = told["map_mean_in_box_Gy"]
        own = f", in its own voxels around this marrow {plain(box)}" if box is not None else ""
        scaled = "" if given is None else f"; it is scaled to {plain(given)} Gy"
        lines.append(f"    The map's mean on the marrow is {plain(told['map_mean_Gy'])} Gy{own}{scaled}.")
    at = greatest if part else mean
    received = at * model.facts.get("animal_delivered_dose", 1.0)
    state, exposures = damage.DamageState(), [e._replace(dose=received, pattern=0) for e in event.exposures()]
    last = max(e.end for e in exposures)
    linear, quadratic = damage.advance(state, exposures, 0.0, last + 1.0, r.repair_half_time, r.straight_from)
    survive = {
        "stem cells": damage.survival(r.stem_cells, g * linear, quadratic),
        "MPP": damage.survival(r.lineages["MPP"], g * linear, quadratic),
        "GMP": damage.survival(r.lineages["GMP"], g * linear, quadratic),
        "erythroblasts": damage.survival(r.lineages["erythroblast"], g * linear, quadratic),
        "B cells": damage.lymphocyte_survival(r, r.lymphocytes, r.resistant_share, linear, quadratic),
        "CD4 cells": damage.lymphocyte_survival(r, r.lymphocytes, ly.cd4.resistant, linear, quadratic),
        "CD8 cells": damage.lymphocyte_survival(r, r.lymphocytes, ly.cd8.resistant, linear, quadratic),
        "stroma": damage.survival(r.stroma, linear, quadratic),
    }
    where = "" if told["where"] == "everywhere" else " where it falls in full" if part else f" at {plain(at)} Gy"
    lines.append(f"    Of each kind there survive{where}: " + ", ".join(f"{n} {_share(s)}" for n, s in survive.items()) + ".")
    if greatest * whole > GUT and event.bone_range is None:
        local = "" if told["where"] == "everywhere" else ", if it is in the field"
        lines.append(f"    Warning: above {GUT:g} Gy the gut fails first{local}, which is not modelled.")
    return lines


def _share(s):
    return f"{100 * s:.2g} %" if s > 1e-4 else f"1 in {plain(1 / s, 2)}" if s > 1e-8 else "none"


def _recorded(scenario):
    """Hours at which a record is made: 0, every so many, and the end."""
    return np.unique(np.append(np.arange(0.0, scenario.duration, scenario.record.every), scenario.duration))


def _disk(scenario, model, state, hours):
    """Bytes that the run leaves on disk, with its report; vessels, bone and stroma once, fields and cells at each time."""
    g, disk = model.geometry, BYTES_OF_RUN + BYTES_OF_CHECKPOINT * model.n
    if not scenario.record.space:
        return disk
    arrays = len(scenario.record.fields) + 3 + (model.patterns is not None)
    fields = len(hours) * (0.4 * np.prod(model.lattice.shape) + BYTES_PER_VALUE * model.n * arrays + BYTES_OF_RECORD)
    cells = BYTES_PER_CELL * len(state.stem.id) * _present(scenario, model, hours).sum()
    disk += BYTES_PER_TRIANGLE * about_how_many(g)
    disk += BYTES_PER_VESSEL * len(g.vessels.edges) + BYTES_PER_POINT * len(g.niches.stroma)
    return disk + (1.9 if scenario.record.vtkhdf else 1.0) * (fields + cells)


def _present(scenario, model, hours):
    """Share of the stem cells that is there at each of these hours, after doses that fall everywhere alike."""
    doses, present = [e for e in scenario.events if hasattr(e, "exposures")], np.ones(len(hours))
    alike = [e for e, told in zip(doses, model.facts.get("doses", ()), strict=True) if told["where"] == "everywhere"]
    level, since = 1.0, 0.0
    for end, dose in sorted((x.end, x.dose) for event in alike for x in event.exposures()):
        before = min(1.0, level * 2.0 ** ((end - since) / (24 * REGROWTH_DAYS)))
        level, since = before * damage.survival(model.species.radiation.stem_cells, dose, dose**2), end
        later = hours > end
        present[later] = np.minimum(1.0, level * 2.0 ** ((hours[later] - since) / (24 * REGROWTH_DAYS)))
    return present


def _size(scenario, model, state):
    days, n = scenario.duration / 24, model.n
    memory = BYTES + n * (BYTES_PER_VOXEL + BYTES_PER_LINE * (len(model.tree.lines) - 1))
    hours = _recorded(scenario)
    disk = _disk(scenario, model, state, hours)
    daily = SECONDS_PER_VOXEL_DAY * n + SECONDS_PER_CELL_DAY * len(state.stem.id)
    minutes = (SECONDS_PER_VOXEL * n + days * daily + SECONDS_OF_REPORT) / 60
    return [
        "Size",
        f"  About {memory / 1e9:.1f} GB of memory, {max(disk / 1e6, 1):.0f} MB on disk in {len(hours)} records, "
        f"{max(minutes, 0.1):.1f} minutes on {os.cpu_count()} cores.",
    ]
