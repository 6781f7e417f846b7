"""Whatever the mask and coefficients, a step on bricks is the slow twin's to round-off, in float64 and in float32."""

import naive_transport as naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marrow_niche.transport import advance

SHAPES = ((1, 1, 23), (1, 9, 9), (6, 1, 8), (5, 6, 7), (3, 11, 37), (9, 8), (30,), (5, 3, 16), (2, 9, 1), (41, 3, 2), (3, 20, 1))
TWINS = {"explicit": naive.forward, "lod": naive.sweeps}


@pytest.mark.parametrize("scheme", TWINS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from(SHAPES),
    filled=st.sampled_from([0.15, 0.5, 0.8, 1.0]),
    uneven=st.booleans(),
    lossy=st.sampled_from(["none", "even", "uneven"]),
    fed=st.booleans(),
)
def test_a_step_is_that_of_the_slow_twin(scheme, seed, shape, filled, uneven, lossy, fed):
    """Lone voxels, several regions, one voxel thick; D over two decades with still voxels, or even; exchange with blood."""
    rng = np.random.default_rng(seed)
    open_ = rng.random(shape) < filled
    open_.flat[rng.integers(open_.size)] = True
    assume(any(naive.faces(open_, 1.0, 1.0)))  # the twin of the sweeps knows no loss without an axis
    d = 10 ** rng.uniform(-2, 0, shape) * (rng.random(shape) < 0.95) if uneven else 0.7
    loss = {"none": 0.0, "even": 0.4, "uneven": rng.random(shape) * (rng.random(shape) < 0.5)}[lossy]
    given_ = {"diffusivity": d, "loss": loss, "spacing": 0.5, "open_": open_}
    given_ |= {"exchange": rng.random(shape), "wall": 2.0} if fed else {}
    source = rng.random(shape) if fed else 0.0
    c, dt = rng.random(shape), 0.02 if scheme == "explicit" else 0.8
    twin = TWINS[scheme](c, source, dt=dt, **given_)
    fine = advance(c, source, dt=dt, scheme=scheme, **given_)
    coarse = advance(c.astype(np.float32), source, dt=dt, scheme=scheme, **given_)
    assert fine.dtype == np.float64 and coarse.dtype == np.float32
    np.testing.assert_allclose(fine, twin, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(coarse, twin, rtol=3e-6, atol=3e-7)
    assert (fine[~open_] == 0.0).all() and (coarse[~open_] == 0.0).all()
