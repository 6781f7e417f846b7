"""Sinusoids and fat of each voxel are hurt and heal: the equations of `marrow.stroma` in one pass."""

from numba import njit, prange

BLOCK = 4096


@njit(cache=True, parallel=True, error_model="numpy")
def heal(
    vessel, fat, cellularity, kit, lost, stroma, elsewhere, sterile, vegfr2, dt,
    begins, healing, injury, remnant, upkeep, hindered, late, fat_at_rest, clearing,
):  # fmt: skip
    """Move `vessel` and `fat` (n,) on by dt [h], in place; both stay within 0 and 1.

    Parameters
    ----------
    cellularity, kit : (n,) float64
        Cells, and Kit+ cells, around each voxel over rest.
    lost, stroma : (n,) float64
        Stroma of each voxel that is lost in an hour, summed over its cells, and how many these are.
    elsewhere : float
        The same of one cell, where a voxel has none: the mean of all.
    sterile : (n,) or (1,) float64
        Share of the wall that no endothelial cell can regrow, of each voxel or of all.
    vegfr2 : float
    begins, healing, injury, remnant, upkeep, hindered, late, fat_at_rest, clearing : float
        `Stroma.emptiness_begins`, `vessel_healing`, `vessel_injury`, `vessel_remnant`, `vessel_upkeep`, `fat_on_vessels`,
        `vessel_late_loss`, `fat_at_rest` and `fat_clearing`.
    """
    n = vessel.size
    for block in prange((n + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(n, (block + 1) * BLOCK)):
            empty = max(0.0, 1.0 - cellularity[i] / begins)
            v, f, barren = vessel[i], fat[i], sterile[i if sterile.size > 1 else 0]
            heard = vegfr2 * (upkeep + (1 - upkeep) * min(kit[i], 1.5))
            grows = (heard - upkeep) / (1 - upkeep)
            above = max(v - remnant, 0.0)
            growing = (1 - barren) * (1 - hindered * max(f - fat_at_rest, 0.0)) * v if grows > 0 else above
            v += dt * (healing * grows * growing * (1 - v) - (injury * (empty * empty) + late * barren) * above)
            turned = lost[i] / stroma[i] if stroma[i] > 0 else elsewhere
            f += dt * (turned - clearing * (f - fat_at_rest) * (0.3 + 0.7 * min(cellularity[i], 1.0)))
            vessel[i], fat[i] = min(max(v, 0.0), 1.0), min(max(f, 0.0), 1.0)
