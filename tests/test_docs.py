"""What the documentation says is what the code does: examples run, tables are current, blocks work."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from retouch import catalog
from retouch.image import samples

HOUSE = Path(__file__).parents[1]
PAGES = [HOUSE / "README.md", *sorted((HOUSE / "docs").glob("*.md"))]
EXAMPLES = sorted((HOUSE / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """docs/make.py, which is a script and not a module of the package."""
    spec = importlib.util.spec_from_file_location("docs_make", HOUSE / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_runs(path: Path, tmp_path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
    words = [sys.executable, "-W", "error", str(path), str(tmp_path / "out.png")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.png").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_current(page: Path, make: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == make.with_tables(text), "run .venv/bin/python docs/make.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _lay_out_samples(tmp_path)
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, page.name, "exec", dont_inherit=True), space)
    assert len(list(tmp_path.iterdir())) >= len(samples.names())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_retouch_commands_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch.cli import main

    _lay_out_samples(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("retouch "):
                import shlex

                assert main(shlex.split(line)[1:]) == 0, line


def test_every_edit_is_on_its_tasks_page() -> None:
    for edit in catalog.EDITS:
        page = (HOUSE / "docs" / f"{edit.task}.md").read_text(encoding="utf-8")
        assert f"retouch {edit.name} " in page
        assert f"<!-- table: {edit.name} -->" in page


def _lay_out_samples(folder: Path) -> None:
    """Put down the photos that `make demo` puts into its folder."""
    of_tasks = (HOUSE / "src" / "retouch" / "tasks").glob("*/samples/*.*")
    photos = [path for path in of_tasks if path.suffix in (".jpg", ".png", ".webp", ".avif")]
    for path in [*(samples.path(name) for name in samples.names()), *photos]:
        (folder / path.name).write_bytes(path.read_bytes())
