"""
What chance makes
=================

The first run again with two other seeds. Stored stem cells are few here, so chance is larger than in an animal.
"""

import os
from pathlib import Path

from marrow_niche import open_results, read_scenario, simulate
from marrow_niche.view import seeds

runs = Path(os.environ.get("MARROW_NICHE_RUNS", "runs"))
others = [
    simulate(read_scenario(runs / "thin.toml", seed=seed), into=runs / f"thin_{seed}", overwrite=True) for seed in (8, 9)
]
figure = seeds.seed_bands([open_results(runs / "thin"), *others])
