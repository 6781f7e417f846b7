"""The floor plan: who imports whom, and how light the door is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "marrow_niche").rglob("*.py"))
HEAVY = {"vtk", "vtkmodules", "pyvista", "meshio", "matplotlib", "pandas", "xarray", "h5py", "pint", "rich", "psutil"}


def test_rooms_import_only_downwards():
    from importlinter import cli

    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, marrow_niche; print(*(name.partition('.')[0] for name in sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & (HEAVY | {"numba", "numpy", "scipy", "cyclopts"})
    assert "marrow_niche" in loaded


def test_the_door_offers_what_it_names():
    import marrow_niche

    for name in ("read_scenario", "simulate", "resume", "open_results", "Scenario"):
        assert getattr(marrow_niche, name).__name__ == name
    assert marrow_niche.transport.__name__ == "marrow_niche.transport"
    assert marrow_niche.__version__[0].isdigit()
    assert set(marrow_niche.__all__) <= set(dir(marrow_niche))
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = marrow_niche.simulat


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src" / "marrow_niche")))
def test_heavy_libraries_are_imported_where_they_are_used(path):
    """Not at the top of a module: reading a scenario must not wait for a plotting library."""
    assert not _imported_at_once(ast.parse(path.read_text(encoding="utf-8")).body) & HEAVY


def test_kernels_import_numba_numpy_and_each_other_only():
    """And llvmlite, numba's own compiler."""
    for path in SOURCES:
        if "kernels" in path.parts:
            found = _imported_at_once(ast.parse(path.read_text(encoding="utf-8")).body)
            assert found <= {"llvmlite", "numba", "numpy", "marrow_niche"} | sys.stdlib_module_names, path


def _imported_at_once(body):
    """Top-level packages that a module imports when it is itself imported."""
    found = set()
    for node in body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            found |= _imported_at_once(node.body + node.orelse)
        elif isinstance(node, (ast.Try, ast.With)):
            found |= _imported_at_once(node.body)
    return found
