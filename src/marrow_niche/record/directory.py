"""A run directory: what its files are called, how one is begun, and how one is recognised."""

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from marrow_niche.errors import RunError
from marrow_niche.quantities.digest import digest
from marrow_niche.record.atomic import replacing, write_text
from marrow_niche.record.plain import for_toml

_MARK = "# marrow_niche: the scenario of this run, resolved; simulate it again with `marrow-niche run scenario.toml`"
_ENTRIES = frozenset(
    {"scenario.toml", "inputs", "provenance.json", "blood.csv", "marrow.csv", "fields.csv", "births.csv", "fields.pvd"}
    | {"fields.vti.series", "cells.vtp.series", "fields.vtkhdf", "cells.vtkhdf"}
    | {"fields", "cells.pvd", "cells", "geometry", "checkpoint.h5", "open_in_paraview.py", "verdict.json", "report.html"}
    | {"figures", "compare.png", "compare.csv", "switches.json", "lineages.nwk", "lineages.vtp", "lineages.trees", "scenes"}
)
LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""What file managers leave in any folder."""


class RunDirectory:
    """The names of every file of a run under `path`. Making one touches nothing on disk; `create` does.

    Attributes
    ----------
    path, scenario, inputs, provenance, blood, marrow, budgets, births, fields_pvd, fields, cells_pvd, cells, geometry,
    vessels, bone, whole_bone, checkpoint, open_in_paraview, verdict, switches, report, figures, scenes, compared,
    comparison, newick, lineages, trees : Path
    """

    def __init__(self, path: "Path | str | RunDirectory") -> None:
        self.path: Path = path.path if isinstance(path, RunDirectory) else Path(path)
        self.scenario = self.path / "scenario.toml"
        self.inputs = self.path / "inputs"
        self.provenance = self.path / "provenance.json"
        self.blood = self.path / "blood.csv"
        self.marrow = self.path / "marrow.csv"
        self.budgets = self.path / "fields.csv"
        self.births = self.path / "births.csv"
        self.fields_pvd = self.path / "fields.pvd"
        self.fields = self.path / "fields"
        self.cells_pvd = self.path / "cells.pvd"
        self.cells = self.path / "cells"
        self.geometry = self.path / "geometry"
        self.vessels = self.geometry / "vessels.vtp"
        self.bone = self.geometry / "bone.vtp"
        self.whole_bone = self.geometry / "whole_bone.vtp"
        self.checkpoint = self.path / "checkpoint.h5"
        self.open_in_paraview = self.path / "open_in_paraview.py"
        self.verdict = self.path / "verdict.json"
        self.switches = self.path / "switches.json"
        self.report = self.path / "report.html"
        self.figures = self.path / "figures"
        self.scenes = self.path / "scenes"
        self.compared = self.path / "compare.csv"
        self.comparison = self.path / "compare.png"
        self.newick = self.path / "lineages.nwk"
        self.lineages = self.path / "lineages.vtp"
        self.trees = self.path / "lineages.trees"

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    def __fspath__(self) -> str:
        return str(self.path)

    def fields_file(self, index: int) -> Path:
        """Name of the fields of record `index` (0, 1, ...)."""
        return self.fields / f"fields_{index:04d}.vti"

    def cells_file(self, index: int) -> Path:
        """Name of the cells of record `index` (0, 1, ...)."""
        return self.cells / f"cells_{index:04d}.vtp"

    def create(self, overwrite: bool = False) -> "RunDirectory":
        """Make the directory, empty; an existing one that holds anything is refused unless `overwrite`.

        `overwrite` removes an earlier run, and nothing else: the directory must carry the scenario.toml this package
        writes into a run, and no file that is not of a run.

        Raises RunError when the directory may not be used.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(
                f"{self.path}: is a file; a run needs a directory of its own. Choose another name with --into."
            )
        entries = [entry.name for entry in self.path.iterdir()] if self.path.exists() else []
        entries = [name for name in entries if name not in LITTER]
        if entries and not overwrite:
            raise RunError(
                f"{self.path}: exists already and is not empty. Choose another directory (--into), go on with that run "
                f"(marrow-niche resume), or replace it (--overwrite)."
            )
        if entries:
            self._remove_run(entries)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be made ({error.strerror}). Choose another directory (--into)."
            ) from error
        return self

    def _remove_run(self, entries: list[str]) -> None:
        if not self._is_ours():
            raise RunError(
                f"{self.path}: will not be overwritten: it is not a run of marrow_niche (no scenario.toml written by a "
                f"run). Choose another directory (--into), or empty this one yourself."
            )
        foreign = sorted(name for name in entries if name not in _ENTRIES and not name.endswith(".part"))
        if foreign:
            listed = ", ".join(foreign[:5]) + (", ..." if len(foreign) > 5 else "")
            raise RunError(
                f"{self.path}: will not be overwritten: it holds more than a run ({listed}). Move that away first, "
                f"or choose another directory (--into)."
            )
        # scenario.toml last: killed half-way, what is left is still recognised as a run that may be overwritten
        for name in sorted(entries, key=lambda name: (name == "scenario.toml", name)):
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _is_ours(self) -> bool:
        try:
            with open(self.scenario, encoding="utf-8") as file:
                return file.readline().startswith("# marrow_niche:")
        except (OSError, UnicodeDecodeError):
            return False

    def require(self) -> "RunDirectory":
        """This directory, when it is a run. Raises RunError when it is missing or not a run of marrow_niche."""
        if not self.path.exists():
            raise RunError(f"{self.path}: there is no such directory. A run is made by `marrow-niche run FILE`.")
        if not self.path.is_dir():
            raise RunError(
                f"{self.path}: is a file, not the directory of a run. Give the directory that holds scenario.toml."
            )
        if not self.scenario.is_file():
            raise RunError(
                f"{self.path}: is not a run of marrow_niche (no scenario.toml in it). Give the directory that "
                f"`marrow-niche run` wrote, such as runs/femur."
            )
        return self

    def write_scenario(self, scenario: dict[str, Any]) -> str:
        """Write scenario.toml from a plain dict (None: left out) and return its SHA-256."""
        import tomli_w

        write_text(self.scenario, f"{_MARK}\n{tomli_w.dumps(for_toml(scenario))}")
        return digest(self.scenario)

    def read_scenario(self) -> dict[str, Any]:
        """scenario.toml as a plain dict. Raises RunError when it is missing or no TOML."""
        self.require()
        try:
            return tomllib.loads(self.scenario.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RunError(
                f"{self.scenario}: cannot be read as TOML ({error}). Put back the file the run wrote."
            ) from error

    def copy_input(self, source: Path | str) -> dict[str, str]:
        """Copy a mesh, image or table into inputs/, note its SHA-256 in inputs/SHA256SUMS, and tell both.

        Returns {"file": "inputs/femur.stl", "sha256": "..."}; `file` is relative to the run directory. Copying a file
        again, or one that lies in inputs/ already, changes nothing; another file of the same name gets a number.

        Raises RunError when the source cannot be read.
        """
        source = Path(source)
        try:
            total = digest(source)
        except OSError as error:
            raise RunError(f"{source}: cannot be copied into the run ({error.strerror}).") from error
        target, number = self.inputs / source.name, 1
        while target.exists() and digest(target) != total:
            number += 1
            stem, dot, suffixes = source.name.partition(".")
            target = self.inputs / f"{stem}_{number}{dot}{suffixes}"
        if not target.exists():
            if source.is_dir():
                _copy_folder(source, target)
            else:
                with replacing(target) as temporary:
                    shutil.copyfile(source, temporary)
        sums = self.input_sums() | {target.name: total}
        write_text(self.inputs / "SHA256SUMS", "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))
        return {"file": f"inputs/{target.name}", "sha256": total}

    def input_sums(self) -> dict[str, str]:
        """SHA-256 of each copied input by its file name, as noted when it was copied."""
        path = self.inputs / "SHA256SUMS"
        if not path.is_file():
            return {}
        lines = path.read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines if "  " in line)}

    def check_inputs(self) -> None:
        """Raises RunError when a copied input is missing or no longer the file that was copied."""
        for name, total in self.input_sums().items():
            path = self.inputs / name
            if not path.exists():
                raise RunError(f"{path}: missing; the run was made from it. Put the file back, or run again.")
            if digest(path) != total:
                raise RunError(
                    f"{path}: changed since the run began (its SHA-256 differs). Put the original back, or run again."
                )

    def relative(self, path: Path) -> str:
        """`path` as a POSIX text relative to the run directory."""
        return Path(os.path.relpath(path, self.path)).as_posix()


def _copy_folder(source: Path, target: Path) -> None:
    """Whole or not at all: under another name first. Raises RunError when the disk refuses."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
        temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RunError(f"{target}: cannot be written ({error.strerror or error}). Is the disk full?") from error
