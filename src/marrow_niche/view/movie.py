"""A film of pictures of one size: .mp4 by ffmpeg, .gif by Pillow; the file is whole or it is not there. No frame is kept."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import replacing

SUFFIXES = (".mp4", ".gif")
GIF_RATE = 50
"""Most frames a second of a GIF, whose clock goes by hundredths of a second."""
GIF_WIDE = 960
"""A GIF is made no wider than this [pixels]."""


class Film(Protocol):
    """Takes frames (high, wide, 3) uint8, one after the other."""

    def add(self, frame: np.ndarray) -> None:
        """Add a frame."""


@contextmanager
def film(path: Path, size: tuple[int, int], rate: float) -> Iterator[Film]:
    """A film under way; it takes its name when the block ends well, and leaves nothing when it does not.

    Parameters
    ----------
    path : Path
        Ends in .mp4 or .gif.
    size : (wide, high)
        [pixels]
    rate : float
        Frames a second.

    Raises RunError when the disk refuses, or ffmpeg does.
    """
    with replacing(path) as temporary:
        made: _Mp4 | _Gif = _Mp4(temporary, size, rate) if path.suffix.lower() == ".mp4" else _Gif(temporary, rate)
        try:
            yield made
        except BaseException:
            made.give_up()
            raise
        made.finish()


class _Mp4:
    """H.264 in 4:2:0, which every player and slide program shows."""

    def __init__(self, path: Path, size: tuple[int, int], rate: float) -> None:
        import imageio_ffmpeg

        self._path, self._number = path, 0
        self._even = size[0] - size[0] % 2, size[1] - size[1] % 2
        try:
            self._writer: Any = imageio_ffmpeg.write_frames(
                str(path), self._even, fps=rate, codec="libx264", quality=8, macro_block_size=2,
                output_params=["-f", "mp4", "-movflags", "+faststart"], ffmpeg_log_level="error",
            )  # fmt: skip
            self._writer.send(None)
        except (OSError, RuntimeError) as error:
            raise RunError(f"ffmpeg cannot be started ({error}). Ask for a .gif, or: pip install imageio-ffmpeg") from error

    def add(self, frame: np.ndarray) -> None:
        try:
            self._writer.send(np.ascontiguousarray(frame[: self._even[1], : self._even[0]]))
        except OSError as error:
            raise RunError(f"ffmpeg stopped ({error}). Is the disk full?") from error
        self._number += 1

    def finish(self) -> None:
        import imageio_ffmpeg

        self._writer.close()
        try:
            there, _ = imageio_ffmpeg.count_frames_and_secs(str(self._path))
        except (OSError, RuntimeError):
            there = 0
        if there < self._number:
            raise RunError(f"ffmpeg wrote {there} of {self._number} frames. Is the disk full?")

    def give_up(self) -> None:
        self._writer.close()


class _Gif:
    """Frames go to the disk one by one, each with colours of its own: Pillow's own series keeps all of them until the last."""

    def __init__(self, path: Path, rate: float) -> None:
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self._delay, self._size = round(100 / rate), (0, 0)

    def add(self, frame: np.ndarray) -> None:
        from PIL import Image

        image = Image.fromarray(frame)
        if image.width > GIF_WIDE:
            image = image.resize((GIF_WIDE, round(image.height * GIF_WIDE / image.width)), Image.Resampling.LANCZOS)
        if self._size == (0, 0):
            self._size = image.size
            self._file.write(b"GIF89a" + struct.pack("<HHBBB", *image.size, 0x70, 0, 0))
            self._file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # over and over
        coloured, alone = image.quantize(palette=image.quantize(256), dither=Image.Dither.FLOYDSTEINBERG), BytesIO()
        coloured.save(alone, format="GIF", optimize=False, interlace=False)
        table, data = _taken_apart(alone.getvalue())
        depth = (len(table) // 3).bit_length() - 2
        self._file.write(b"\x21\xf9\x04\x04" + struct.pack("<HBB", self._delay, 0, 0))
        self._file.write(b"\x2c" + struct.pack("<HHHHB", 0, 0, *image.size, 0x80 | depth) + table + data)

    def finish(self) -> None:
        self._file.write(b"\x3b")
        self._file.close()

    def give_up(self) -> None:
        self._file.close()


def _taken_apart(gif: bytes) -> tuple[bytes, bytes]:
    """Colours, and compressed pixels, of a GIF of one picture (Graphics Interchange Format 89a, sections 18 to 23)."""
    start = 13 + (3 << ((gif[10] & 7) + 1))
    at = start
    while gif[at] == 0x21:  # extensions: two bytes, then blocks, each after its length, up to one of none
        at += 2
        while gif[at]:
            at += gif[at] + 1
        at += 1
    return gif[13:start], gif[at + 10 : -1]
