"""
A first run
===========

From a scenario to blood counts: a thin section of a mouse femur, 6 Gy, three weeks.
"""

import os
from pathlib import Path

from marrow_niche import read_scenario, simulate
from marrow_niche.analysis import published
from marrow_niche.view import curves, events

runs = Path(os.environ.get("MARROW_NICHE_RUNS", "runs"))
runs.mkdir(parents=True, exist_ok=True)
scenario = runs / "thin.toml"
scenario.write_text("""
title = "A thin section of a mouse shaft after 6 Gy"
species = "mouse"
seed = 7
duration = "21 d"

[geometry]
bone = "long bone"
voxel = "25 um"
section = { axis = "long", at = "50 %", thickness = "0.1 mm" }

[[events]]
kind = "radiation"
at = "0 d"
dose = "6 Gy"

[record]
every = "1 d"
fields = ["SCF", "CXCL12", "O2"]

[parameters]
"stem_cells.agent_cap" = { value = 6000, unit = "", source = "estimate" }
""")

# %%
# The run leaves a directory; its results are tables, fields and cells.

results = simulate(read_scenario(scenario), into=runs / "thin", overwrite=True)
print(results.blood[["day", "neutrophils_per_uL", "platelets_per_uL"]].iloc[::7].to_string(index=False))

# %%
# Counts against time, with what is published of such a dose.

figure = curves.blood(results.blood, events.of_run(results), published=published.after_dose(results))
