"""The sum by which a file or folder is known again."""

import hashlib
from pathlib import Path


def digest(path: Path | str) -> str:
    """SHA-256 of a file; of a folder, over the names and digests of all its files in order."""
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for part in sorted(part for part in path.rglob("*") if part.is_file()):
        whole.update(f"{part.relative_to(path).as_posix()}\0{digest(part)}\n".encode())
    return whole.hexdigest()
