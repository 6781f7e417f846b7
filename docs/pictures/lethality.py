"""Sets the rate of death of a species: `python docs/pictures/lethality.py STUDY --ld50 7.7 [--into DIR] [--jobs N]`.

STUDY is a file of `marrow-niche doses`, such as examples/ld50_mouse.toml. Its animals are run, or read where they were run
before; days at risk do not depend on kappa, so that no run is made twice. Prints the kappa with which their LD50 is the one
asked for, and what follows from it: slope, LD30 and LD70. Written into the species' file by hand, with source = "calibrated".
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from marrow_niche.analysis import lethality
from marrow_niche.studies.doses import BARE, Doses, animal, read_doses, run_doses


def at_risk(doses: Doses, into: Path) -> dict[float, list[float]]:
    """Days at risk of each untreated animal, by dose [Gy]."""
    out: dict[float, list[float]] = defaultdict(list)
    for member in doses.members:
        if member.values["arm"] == BARE:
            found = animal(doses, member, into)
            out[found["dose_Gy"]].append(found["days_at_risk"])
    return dict(out)


def main() -> None:
    """Run, calibrate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--ld50", type=float, required=True, help="dose that kills half [Gy]")
    parser.add_argument("--into", type=Path)
    parser.add_argument("--jobs", type=int)
    asked = parser.parse_args()
    doses = read_doses(asked.study)
    into = asked.into or Path("runs") / asked.study.stem
    run_doses(doses, into=into, jobs=asked.jobs, show=lambda done, number, _: print(f"{done}/{number}", end="\r"))
    risk = at_risk(doses, into)
    for dose, days in sorted(risk.items()):
        print(f"{dose:g} Gy: days at risk {', '.join(f'{x:.3g}' for x in sorted(days))}")
    kappa = lethality.calibrated(risk, asked.ld50, doses.link)
    dead = [float(lethality.dies(np.array(risk[dose]), kappa).sum()) for dose in sorted(risk)]
    fitted = lethality.fit(sorted(risk), dead, [len(risk[dose]) for dose in sorted(risk)], doses.link)
    assert fitted is not None
    print(f"kappa = {kappa:.3g} 1/day makes LD50/{doses.until:g} {fitted.ld50:.3g} Gy")
    print(f"LD30 {fitted.dose(0.3):.3g}, LD70 {fitted.dose(0.7):.3g} Gy, (LD70 - LD30)/LD50 {fitted.spread:.3f}")


if __name__ == "__main__":
    main()
