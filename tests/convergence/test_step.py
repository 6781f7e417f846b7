"""What the longer steps of lineages, body and fields cost, against every part stepped and solved hourly."""

import dataclasses

import lab
import numpy as np
import pytest

from marrow_niche.simulation import advance, observe

COUNTS = (
    "neutrophils_per_uL",
    "monocytes_per_uL",
    "lymphocytes_per_uL",
    "platelets_per_uL",
    "red_cells_per_uL",
    "reticulocytes_per_uL",
)


def counts(seed, days, **steps):
    """(days, n) counts over rest, a day apart, after 2 Gy."""
    model, state = lab.marrow(**steps)
    model = dataclasses.replace(model, seed=seed, exposures=((0.0, 0.0, 2.0),))
    rest, stored = observe.blood_row(state, model), len(state.stem.id)
    rows = []
    for _ in range(days):
        for _ in range(24):
            advance(state, model)
        now = observe.blood_row(state, model)
        rows.append([now[name] / rest[name] for name in COUNTS] + [len(state.stem.id) / stored])
    return np.array(rows)


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="neutrophils, monocytes and reticulocytes run 4 to 6 % high around days 10 to 16")
def test_two_and_six_hour_steps_are_within_two_per_cent_of_hourly_ones():
    """2 Gy, 30 days, the mean of 5 seeds: no count is off by more than 2 % of its resting value on any day, on average over
    the days by more than 1 %. Stem cells likewise, where chance alone (6,000 stored, a quarter survive) is some 1 %."""
    days, seeds = 30, range(1, 6)
    usual = np.mean([counts(seed, days) for seed in seeds], axis=0)
    hourly = np.mean([counts(seed, days, lineage_step=1, field_step=1) for seed in seeds], axis=0)
    gap = np.abs(usual - hourly)
    print(dict(zip((*COUNTS, "stem_cells"), np.round(gap.max(axis=0), 4))))
    assert gap[:, :-1].max() < 0.02
    assert gap.mean(axis=0).max() < 0.01
