"""What each voxel releases, clears and exchanges of a field, and how far off a field was: one pass each."""

import numpy as np
from numba import njit, prange

BLOCK = 4096
"""Voxels of a task. They are counted by unsigned numbers: signed ones are asked each whether they count from the end, and no
two are then done at once."""


@njit(cache=True, parallel=True)
def released(share, volume, everywhere, per_fat, fat, per_wall, area, vessel, out):
    """Molecules/h that marrow, fat and sinusoid walls of each voxel release, into `out` (n,).

    Per um³: `everywhere`, and `per_fat` where there is `fat` (n,), in the extravascular `share` (n,) of `volume` [um³]; per
    um²: `per_wall` from the sinusoid `area` (n,) that is left, `vessel` (n,).
    """
    n = share.size
    for block in prange((n + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(block * BLOCK), np.uint64(min(n, (block + 1) * BLOCK))):
            out[v] = volume * share[v] * (everywhere + per_fat * fat[v]) + per_wall * area[v] * vessel[v]


@njit(cache=True)
def deposit(total, voxel, amount, each):
    """total[voxel[i]] += each · amount[i], in place: what cells at points give to their voxels."""
    for i in range(voxel.size):
        total[voxel[i]] += each * amount[i]


@njit(cache=True, parallel=True)
def accumulate(total, values, each):
    """total += each · values, (n,) both, in place."""
    n = total.size
    for block in prange((n + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(block * BLOCK), np.uint64(min(n, (block + 1) * BLOCK))):
            total[v] += each * values[v]


@njit(cache=True, parallel=True)
def terms(
    made, cleared, share, area, vessel, arteriole, before,
    volume, molecules, decay, saturation, permeability, blood, arterial,
    source, loss, exchange, wall,
):  # fmt: skip
    """Source, loss, exchange and blood-side level of a field: `marrow.cytokines.terms` in one pass, into the last four (n,).

    `made` and `cleared` (n,) as there; `area` of sinusoids times what is left of them, `vessel`, and `arteriole` area;
    `before` the field that fills the receptors; `blood` and `arterial` levels [nM]; `molecules` in a nM and um³.
    """
    n, fills = made.size, np.isfinite(saturation)
    for block in prange((n + BLOCK - 1) // BLOCK):
        for v in range(np.uint64(block * BLOCK), np.uint64(min(n, (block + 1) * BLOCK))):
            fill = 1.0 / (1.0 + before[v] / saturation) if fills else 1.0
            source[v] = made[v] / (molecules * volume)
            loss[v] = share[v] * decay + cleared[v] * fill / volume
            if permeability > 0.0:
                sinusoid = area[v] * vessel[v]
                both = sinusoid + arteriole[v]
                exchange[v] = permeability * both / volume
                wall[v] = (sinusoid * blood + arteriole[v] * arterial) / both if both > 0.0 else blood
            else:
                exchange[v], wall[v] = 0.0, blood


@njit(cache=True, parallel=True)
def off(before, after):
    """By how much `before` (n,) was off: its mean over that of `after` less 1, and the mean |difference| over that mean."""
    n = after.size
    blocks = (n + BLOCK - 1) // BLOCK
    part = np.zeros((blocks, 3))
    for block in prange(blocks):
        for v in range(np.uint64(block * BLOCK), np.uint64(min(n, (block + 1) * BLOCK))):
            part[block, 0] += before[v]
            part[block, 1] += after[v]
            part[block, 2] += abs(before[v] - after[v])
    then, now, apart = 0.0, 0.0, 0.0
    for block in range(blocks):
        then, now, apart = then + part[block, 0], now + part[block, 1], apart + part[block, 2]
    if now == 0.0:
        return (0.0, 0.0) if apart == 0.0 else (np.inf, np.inf)
    return then / now - 1.0, apart / abs(now)
