"""A film is whole or it is not there."""

import numpy as np
import pytest

from marrow_niche.errors import RunError
from marrow_niche.view.movie import GIF_WIDE, film

FRAMES = [np.full((90, 161, 3), level, np.uint8) for level in (10, 120, 240)]


def test_a_gif_has_its_frames_in_order_and_loops(tmp_path):
    from PIL import Image

    with film(tmp_path / "a.gif", (161, 90), 4.0) as made:
        for frame in FRAMES:
            made.add(frame)
    image = Image.open(tmp_path / "a.gif")
    assert (image.n_frames, image.size, image.info["duration"], image.info["loop"]) == (3, (161, 90), 250, 0)
    for number, level in enumerate((10, 120, 240)):
        image.seek(number)
        assert abs(int(np.asarray(image.convert("RGB"))[45, 80, 0]) - level) < 3


def test_each_frame_of_a_gif_has_its_own_colours_and_none_is_kept(tmp_path):
    """Colours of one frame do not leak into the next; the file holds all but the trailer before the film ends."""
    from PIL import Image

    random, frames, sizes = np.random.default_rng(4), [], []
    with film(tmp_path / "a.gif", (64, 40), 10.0) as made:
        for centre in ((200, 30, 30), (30, 200, 30), (30, 30, 200), (255, 255, 255)):
            frames.append(np.clip(random.normal(centre, 12, (40, 64, 3)), 0, 255).astype(np.uint8))
            made.add(frames[-1])
            made._file.flush()
            sizes.append((tmp_path / ".a.gif.part").stat().st_size)
    image = Image.open(tmp_path / "a.gif")
    for number, frame in enumerate(frames):
        image.seek(number)
        shown = np.asarray(image.convert("RGB"), float)
        assert np.abs(shown.mean(axis=(0, 1)) - frame.mean(axis=(0, 1))).max() < 3 and np.abs(shown - frame).mean() < 15
    assert sizes == sorted(set(sizes)) and (tmp_path / "a.gif").stat().st_size == sizes[-1] + 1
    assert not [name for name, value in vars(made).items() if isinstance(value, list)]


def test_rows_of_a_gif_stand_where_they_were_drawn(tmp_path):
    """A slope down and across, larger than what is written row by row: noise and frames of one colour would not tell."""
    from PIL import Image

    down, across = np.mgrid[0:64, 0:96]
    frame = np.stack([4 * down, 2 * across, 0 * down], axis=-1).astype(np.uint8)
    with film(tmp_path / "a.gif", (96, 64), 10.0) as made:
        made.add(frame)
    shown = np.asarray(Image.open(tmp_path / "a.gif").convert("RGB"), float)
    assert np.abs(shown - frame).mean() < 6


def test_a_wide_gif_is_made_smaller(tmp_path):
    from PIL import Image

    with film(tmp_path / "a.gif", (1920, 1080), 8.0) as made:
        for level in (0, 9):
            made.add(np.full((1080, 1920, 3), level, np.uint8))
    assert Image.open(tmp_path / "a.gif").size == (GIF_WIDE, 540)


def test_an_mp4_has_its_frames_and_an_even_size(tmp_path):
    import imageio_ffmpeg

    with film(tmp_path / "a.mp4", (161, 90), 4.0) as made:
        for frame in FRAMES:
            made.add(frame)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4"))
    told = next(reader)
    assert (told["size"], told["fps"]) == ((160, 90), 4.0)
    levels = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    np.testing.assert_allclose(levels, [10, 120, 240], atol=6)


def test_a_film_that_lacks_frames_is_none(tmp_path, monkeypatch):
    """As when the disk is full at the very end."""
    import imageio_ffmpeg

    monkeypatch.setattr(imageio_ffmpeg, "count_frames_and_secs", lambda path: (2, 0.5))
    with pytest.raises(RunError, match="2 of 3 frames"), film(tmp_path / "a.mp4", (161, 90), 4.0) as made:
        for frame in FRAMES:
            made.add(frame)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_a_film_that_is_stopped_leaves_nothing(tmp_path, name):
    with pytest.raises(KeyboardInterrupt), film(tmp_path / name, (161, 90), 4.0) as made:
        made.add(FRAMES[0])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_is_stopped_leaves_the_earlier_one(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"the earlier one")
    with pytest.raises(ValueError), film(tmp_path / "a.gif", (161, 90), 4.0):
        raise ValueError
    assert (tmp_path / "a.gif").read_bytes() == b"the earlier one"
