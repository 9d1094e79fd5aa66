"""The walls of the house: what import-linter checks, what it cannot see, and that it can fail."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
SOURCE = HOUSE / "src" / "retouch"

VIOLATIONS = {
    "spine": ("image/planted.py", "import retouch.nn"),
    "slices": ("tasks/stylize/planted.py", "import retouch.tasks.blend"),
    "slice-order": ("tasks/stylize/method.py", "import retouch.tasks.stylize.edit"),
    "no-training-in-edit": ("tasks/stylize/edit.py", "import retouch.training"),
    "surfaces-own-their-frameworks": ("catalog.py", "import cyclopts"),
    "batch-owns-clusters": ("studio/planted.py", "import ray"),
    "export-owns-runtimes": ("batch/planted.py", "import onnxruntime"),
    "data-is-only-data": ("data/planted.py", "import retouch.weights"),
    "errors-are-plain": ("errors.py", "import numpy"),
}
"""Contract id → a file of the package and a line in it that the contract forbids."""


def test_nothing_below_the_surfaces_imports_the_package_itself() -> None:
    for path in SOURCE.rglob("*.py"):
        inside = path.relative_to(SOURCE)
        if inside.parts[0] not in ("cli", "studio", "batch", "sweep", "export"):
            assert bare_imports(path.read_text(encoding="utf-8")) == [], inside


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("import retouch", True),
        ("import numpy, retouch as r", True),
        ("from retouch import blend", True),
        ("from retouch import errors, __version__", True),
        ("from retouch import errors", False),
        ("from retouch.errors import InputError", False),
        ("import retouch.errors", False),
    ],
)
def test_a_bare_import_is_seen(line: str, bare: bool) -> None:
    assert bool(bare_imports(line)) == bare


def bare_imports(source: str) -> list[int]:
    """Lines that import `retouch` itself, and with it the whole house; import-linter lets them pass."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Import) and any(name.name == "retouch" for name in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "retouch" and not _rooms(node))
    ]


def _rooms(node: ast.ImportFrom) -> bool:
    return all((SOURCE / name.name).is_dir() or (SOURCE / f"{name.name}.py").is_file() for name in node.names)


def test_every_contract_catches_its_planted_violation(tmp_path: Path) -> None:
    empty_rooms(tmp_path)
    assert broken(tmp_path) == set()
    for file, line in VIOLATIONS.values():
        (tmp_path / "retouch" / file).write_text(line + "\n")
    (tmp_path / "retouch" / "tasks" / "stylize" / "edit.py").write_text("import retouch.training\n")
    assert broken(tmp_path) == set(VIOLATIONS)


@pytest.mark.parametrize("other", ["batch", "cli", "studio", "sweep"])
def test_no_surface_imports_another(other: str, tmp_path: Path) -> None:
    empty_rooms(tmp_path)
    (tmp_path / "retouch" / "export" / "planted.py").write_text(f"import retouch.{other}\n")
    assert broken(tmp_path) == {"spine"}


def empty_rooms(folder: Path) -> None:
    """Lay out the package without what is in it: the slices' own imports are not under test here."""
    package = folder / "retouch"
    for path in SOURCE.rglob("__init__.py"):
        inside = path.relative_to(SOURCE)
        (package / inside.parent).mkdir(parents=True, exist_ok=True)
        (package / inside).write_text("")
    for name in ("errors.py", "progress.py", "processes.py", "catalog.py"):
        (package / name).write_text("")
    for task in ("blend", "stylize", "inpaint", "translate", "restore", "invert"):
        (package / "tasks" / task / "edit.py").write_text("")


def broken(folder: Path) -> set[str]:
    """Run import-linter on a copy of the house; the ids of the broken contracts."""
    text = (HOUSE / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    command = "from importlinter.cli import lint_imports_command as run; run(['--no-cache', '--no-logo'])"
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    verdicts = {item["id"]: f"{item['name']} KEPT" in done.stdout for item in contracts}
    assert verdicts.keys() == VIOLATIONS.keys(), "every contract has a planted violation here"
    assert any(verdicts.values()) or "BROKEN" in done.stdout, done.stdout + done.stderr
    return {name for name, kept in verdicts.items() if not kept}
