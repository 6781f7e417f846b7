"""Files that are either whole or absent: written under a temporary name, then renamed over the real one."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from marrow_niche.errors import RunError

_SUFFIX = ".part"


@contextlib.contextmanager
def replacing(path: Path | str, *, wait: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path`; when the block ends well, the file written there takes the place of `path`.

    The data reach the disk before the name does (fsync, then `os.replace`), so a run killed at any moment leaves the
    old file or the new one. What can be made again need not `wait` for the disk: only a loss of power could tell.
    When the block fails the temporary file is removed and `path` is untouched.

    Raises RunError when the disk refuses (full, read-only).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}{_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if wait:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}). Is the disk full or read-only?"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str, *, wait: bool = True) -> None:
    """Write `text` (UTF-8, line ends as given) to `path` atomically; `wait` as in `replacing`. Raises RunError when the disk
    refuses."""
    with replacing(path, wait=wait) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def remove_leftovers(folder: Path | str) -> None:
    """Remove what a killed run left half-written in `folder` (temporary files of `replacing`)."""
    for leftover in Path(folder).glob(f".*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)
