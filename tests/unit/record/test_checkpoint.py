import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from marrow_niche.errors import RunError
from marrow_niche.record import checkpoint


def same(a, b):
    """Equal in type, order, shape and every bit (so that nan equals itself and -0.0 is not 0.0)."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            same(left, right)
    elif isinstance(a, (np.ndarray, np.generic)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif isinstance(a, float):
        assert np.float64(a).tobytes() == np.float64(b).tobytes()
    else:
        assert a == b


STATE = {
    "z first": np.array([0.1, -0.0, np.nan, np.inf, 5e-324]),
    "counts": {"HSC": np.arange(6, dtype=np.int64).reshape(2, 3), "flags": np.array([True, False])},
    "labels": np.array([0, 255], np.uint8),
    "nothing": np.zeros((0, 3)),
    "scalar": np.array(3.5),
    "bit": np.float32(0.1),
    "seed": 2**64 - 1,
    "negative": -(2**70),
    "on": True,
    "hours": 0.1,
    "text": "niche \N{MICRO SIGN}",
    "empty": "",
    "raw": b"\x00\xff",
    "absent": None,
    "list": [1, "a", {"deep": (2.0, None)}],
    "no list": [],
    "no dict": {},
    "cytokines.CXCL12": 1,
    "strided": np.arange(12.0).reshape(3, 4)[:, ::2],
}


def test_a_state_comes_back_bit_for_bit(tmp_path):
    checkpoint.save(tmp_path / "checkpoint.h5", STATE, {"day": 14.0, "step": 336})
    state, meta = checkpoint.load(tmp_path / "checkpoint.h5")
    same(STATE, state)
    same({"day": 14.0, "step": 336}, meta)
    same(meta, checkpoint.load_meta(tmp_path / "checkpoint.h5"))


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    hnp.arrays(st.sampled_from([np.float64, np.int64, np.uint8, np.bool_]), hnp.array_shapes(min_dims=0, min_side=0)),
)
keys = st.text("abz_.0 ", min_size=1, max_size=5).filter(lambda key: key not in (".", ".."))
trees = st.dictionaries(
    keys, st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=6)
)


@settings(max_examples=60, deadline=None)
@given(state=trees)
def test_any_state_comes_back(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("any") / "checkpoint.h5"
    checkpoint.save(path, state, {})
    same(state, checkpoint.load(path)[0])


def test_an_array_of_several_chunks_comes_back(tmp_path):
    wide = np.random.default_rng(0).random((3, 300_000))
    checkpoint.save(tmp_path / "checkpoint.h5", {"wide": wide}, {})
    same(wide, checkpoint.load(tmp_path / "checkpoint.h5")[0]["wide"])


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_whole_numbers_come_back_in_their_type_and_few_take_little_room(tmp_path, kind):
    limits = np.iinfo(kind)
    few = np.random.default_rng(1).integers(0, 100, (3, 50_000)).astype(kind)
    edges = np.array([limits.min, 0, limits.max], kind)
    state = {"few": few, "edges": edges, "none": edges[:0], "one": kind(7), "loss": np.array([-1, 200], np.int64)}
    checkpoint.save(tmp_path / "state.h5", state)
    same(state, checkpoint.load(tmp_path / "state.h5")[0])
    assert (tmp_path / "state.h5").stat().st_size < 1.2 * few.size + 40_000


def test_the_same_state_gives_the_same_bytes(tmp_path):
    checkpoint.save(tmp_path / "a.h5", STATE, {})
    checkpoint.save(tmp_path / "b.h5", STATE, {})
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_what_cannot_be_stored_is_named_and_the_old_checkpoint_stays(tmp_path):
    path = tmp_path / "checkpoint.h5"
    checkpoint.save(path, {"hours": 1.0}, {})
    with pytest.raises(RunError, match=r"state\.cells\.names is a array of"):
        checkpoint.save(path, {"cells": {"names": np.array(["a"])}}, {})
    with pytest.raises(RunError, match=r"state\.cells\.rng is a Generator"):
        checkpoint.save(path, {"cells": {"rng": np.random.default_rng(0)}}, {})
    with pytest.raises(RunError, match="has the key"):
        checkpoint.save(path, {"a/b": 1}, {})
    assert checkpoint.load(path)[0] == {"hours": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.h5"]


def test_a_missing_checkpoint_is_told(tmp_path):
    with pytest.raises(RunError, match="no checkpoint"):
        checkpoint.load(tmp_path / "checkpoint.h5")


def test_a_damaged_checkpoint_is_told_wherever_the_damage_is(tmp_path):
    path = tmp_path / "checkpoint.h5"
    values = np.random.default_rng(1).random(40_000)
    checkpoint.save(path, {"values": values}, {})
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(RunError, match="damaged"):
            checkpoint.load(path)
    middle = len(whole) - len(whole) // 3  # inside the values: only their checksum can tell
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(RunError, match="damaged"):
        checkpoint.load(path)


def test_another_hdf5_file_is_not_a_checkpoint(tmp_path):
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(RunError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "other.h5")


def test_a_checkpoint_of_another_version_is_refused_with_the_cure(tmp_path):
    import h5py

    path = tmp_path / "checkpoint.h5"
    checkpoint.save(path, {"hour": 1})
    for step, told in ((-1, "older.*--overwrite"), (1, "newer.*Upgrade")):
        with h5py.File(path, "r+") as file:
            now = file.attrs["marrow_niche_checkpoint"]
            file.attrs["marrow_niche_checkpoint"] = now + step
        with pytest.raises(RunError, match=told):
            checkpoint.load(path)
        with h5py.File(path, "r+") as file:
            file.attrs["marrow_niche_checkpoint"] = now
    assert checkpoint.load(path)[0] == {"hour": 1}
