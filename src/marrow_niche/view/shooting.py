"""Photographs of a stage, made in a child process, so that no graphics driver can end a run or a session.

The child is this module: `python -m marrow_niche.view.shooting job.json`. It leaves one array a picture beside the job and
says so in a line; it is never more than `AHEAD` pictures before who looks at them.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.view.probe import Probe, environment
from marrow_niche.view.stage import Panel, Scale, Stage
from marrow_niche.view.theme import Theme

if TYPE_CHECKING:
    from marrow_niche.record.results import Results

CHILD = ("-m", "marrow_niche.view.shooting")
AHEAD = 2


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A picture that came back."""

    picture: np.ndarray
    """(high, wide, 3) uint8."""
    um_per_pixel: float
    shown: int
    """Stem cells in it."""
    enlarged: float
    """How many times its size a stem cell is drawn."""


def shots(results: "Results", panels: Sequence[tuple[Panel, tuple[int, int]]], *, theme: Theme, found: Probe) -> Iterator[Shot]:
    """Photograph panels of given sizes (wide, high) [pixels], one after the other.

    Leaving the loop, by Ctrl-C too, ends the child. Raises RunError where rendering fails, with what the child said.
    """
    if not panels:
        return
    with tempfile.TemporaryDirectory(prefix="marrow_niche-") as name, tempfile.TemporaryFile("w+") as said:
        job = Path(name) / "job.json"
        asked = [asdict(panel) | {"size": size} for panel, size in panels]
        told = {"directory": str(results.directory.resolve()), "theme": theme.plain(), "panels": asked}
        job.write_text(json.dumps(told), encoding="utf-8")
        command = [sys.executable, *CHILD, str(job)]
        pipe = subprocess.PIPE
        try:
            child = subprocess.Popen(
                command, env=environment(found), stdin=pipe, stdout=pipe, stderr=said, text=True, start_new_session=True
            )
        except OSError as error:
            raise RunError(f"the process that draws in 3D could not be started ({error.strerror}).") from error
        try:
            for _ in panels:
                yield _received(child, Path(name), said)
        finally:
            child.kill()
            child.communicate()


def _received(child: "subprocess.Popen[str]", folder: Path, said: Any) -> Shot:
    """The next picture; the child may begin another one."""
    assert child.stdout is not None and child.stdin is not None
    for line in child.stdout:
        if not line.startswith("{"):
            continue
        facts = json.loads(line)
        file = folder / facts.pop("file")
        picture = np.load(file)
        file.unlink()
        try:
            child.stdin.write("\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass  # it has made all of them
        return Shot(picture=picture, **facts)
    code = child.wait()
    said.seek(0)
    last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
    raise RunError(f"the process that draws in 3D ended with code {code}: {last}")


def main(arguments: list[str]) -> int:
    """Make each picture of a job file, and tell it in a line."""
    from marrow_niche.record.results import open_results

    path = Path(arguments[0])
    job = json.loads(path.read_text(encoding="utf-8"))
    stage = Stage(open_results(job["directory"]), Theme(**job["theme"]))
    for number, asked in enumerate(job["panels"]):
        if number >= AHEAD:
            sys.stdin.readline()
        size = tuple(asked.pop("size"))
        scale = asked.pop("scale")
        clones = tuple(asked.pop("clones"))
        panel = Panel(**asked, clones=clones, scale=None if scale is None else Scale(**scale))
        picture, facts = stage.shot(panel, size)
        np.save(path.parent / f"{number}.npy", picture)
        print(json.dumps({"file": f"{number}.npy"} | facts), flush=True)
    stage.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
