"""What must not stand in the tree: paths of somebody's machine, unfinished marks, names that say nothing."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "docs", "examples", "benchmarks", "meshes")
TEXT = {".py", ".md", ".toml", ".txt", ".cff", ".csv"}
FILES = sorted(
    path
    for path in [*ROOT.glob("*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
    if path.is_file() and path.suffix in TEXT
)
MACHINE = re.compile(r"(^|[^A-Za-z0-9_.])/(tmp|root|home|work|Users)/[A-Za-z]")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
VAGUE = {"core", "utils", "util", "tools", "misc", "common", "helpers"}
GLOBAL_CHANCE = re.compile(
    r"\bnp\.random\.(?!Generator|Philox|BitGenerator)|\bset_seed\b|^import random$", re.MULTILINE
)


def _name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_path_of_a_machine(path):
    assert not MACHINE.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [path for path in FILES if "src" in path.parts], ids=_name)
def test_source_is_finished_and_draws_no_global_chance(path):
    text = path.read_text(encoding="utf-8")
    assert not UNFINISHED.search(text)
    assert not GLOBAL_CHANCE.search(text)


def test_files_and_folders_say_what_they_hold():
    assert not {path.stem for path in (ROOT / "src").rglob("*")} & VAGUE


def test_the_patterns_find_what_they_are_for():
    assert MACHINE.search("read " + "/".join(["", "home", "anna"]))
    assert not MACHINE.search("https://example.org/work/anna")
    assert UNFINISHED.search("# TO" + "DO later")
    assert GLOBAL_CHANCE.search("x = np." + "random.normal()")
    assert not GLOBAL_CHANCE.search("np.random.Generator")


def test_nothing_large_is_kept():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a checkout: no git here to ask what is tracked")
    tracked = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert not [path for path in tracked if path.is_file() and path.stat().st_size > 2_000_000]
