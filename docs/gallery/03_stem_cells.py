"""
Stem cells and their clones
===========================

Where the stem cells of the first run are, against chance; and which of them make the marrow again.
"""

import os
from pathlib import Path

from marrow_niche import open_results
from marrow_niche.analysis import space
from marrow_niche.view import curves, streams

results = open_results(Path(os.environ.get("MARROW_NICHE_RUNS", "runs")) / "thin")
places = curves.distances(space.placement(results))

# %%
# Each stem cell of the start is a clone. Few live through 6 Gy, and their daughters fill the niche.

fish = streams.streams(results)
