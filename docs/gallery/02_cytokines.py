"""
Cytokines in space
==================

The fields of the first run: on a plane, and against the distance from what makes and takes them.
"""

import os
from pathlib import Path

from marrow_niche import open_results
from marrow_niche.view import profiles, slices

results = open_results(Path(os.environ.get("MARROW_NICHE_RUNS", "runs")) / "thin")
plane = slices.slices(results)

# %%
# SCF rises after a dose because the cells that take it up are gone, and oxygen because few are left to breathe it.

over_distance = profiles.profiles(results)

# %%
# A field is an array with coordinates; this is the mean of the marrow.

print(results.field("SCF").mean(("z", "y", "x")).to_series().iloc[::7].round(1).to_string())
