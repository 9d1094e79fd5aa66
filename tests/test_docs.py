"""What the documentation says is what the code does: examples run, tables and the reference are current."""

from __future__ import annotations

import functools
import http.server
import importlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import retouch
from retouch import catalog
from tests.docs.blocks import HOUSE, name_of, pages
from tests.studio.browser.conftest import FLAGS, chromium

PAGES = [HOUSE / "README.md", *sorted((HOUSE / "docs").rglob("*.md"))]
EXAMPLES = sorted((HOUSE / "examples").glob("*.py"))

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, ModuleType]]:
    """The scripts in docs/, which are no modules of the package."""
    names = ("make", "reference", "roles", "check")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HOUSE / "docs")
        yield {name: importlib.import_module(name) for name in names}
        for name in (*names, "figures"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of what it is built from."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(HOUSE / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "mkdocs.yml", folder)
    (folder / "src").symlink_to(HOUSE / "src")
    words = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_runs(path: Path, tmp_path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
    words = [sys.executable, "-W", "error", str(path), str(tmp_path / "out.png")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.png").is_file()


@every_page
def test_tables_are_current(page: Path, tools: dict[str, ModuleType]) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == tools["make"].with_tables(text), "run .venv/bin/python docs/make.py"


@every_page
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_edit_is_on_its_tasks_page() -> None:
    for edit in catalog.EDITS:
        page = (HOUSE / "docs" / f"{edit.task}.md").read_text(encoding="utf-8")
        assert f"retouch {edit.name} " in page
        assert f"<!-- table: {edit.name} -->" in page


def test_the_reference_is_current(tools: dict[str, ModuleType]) -> None:
    reference = tools["reference"]
    made = {f"{page.file}.md": reference.text_of(page) for page in reference.pages()}
    found = {path.name: path.read_text(encoding="utf-8") for path in reference.FOLDER.glob("*.md")}
    assert found == made, "run .venv/bin/python docs/reference.py"


def test_every_public_name_is_in_the_reference(tools: dict[str, ModuleType]) -> None:
    reference = tools["reference"]
    shown = [reference.look_up(name) for page in reference.pages() for name in page.names]
    public = {f"retouch.{name}" for name in retouch.__all__}
    for module in reference.MODULES:
        names = getattr(importlib.import_module(f"retouch.{module}"), "__all__", ())
        public |= {f"retouch.{module}.{name}" for name in names}
    for name in public:
        assert any(reference.look_up(name) is thing for thing in shown), name


def test_every_page_is_in_the_navigation() -> None:
    nav = yaml.safe_load((HOUSE / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = sorted(_leaves(nav))
    there = sorted(path.relative_to(HOUSE / "docs").as_posix() for path in (HOUSE / "docs").rglob("*.md"))
    assert listed == there


def _leaves(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    below = nav.values() if isinstance(nav, dict) else nav
    assert isinstance(below, list | type({}.values()))
    return [leaf for item in below for leaf in _leaves(item)]


def test_roles_become_code(tools: dict[str, ModuleType]) -> None:
    text = "See :func:`~retouch.weights.load`, :class:`Picture` and ``a`` in `b`."
    assert tools["roles"].markdown(text) == "See `load`, `Picture` and `a` in `b`."


def test_the_site_is_whole_and_asks_nobody(site: Path, tools: dict[str, ModuleType]) -> None:
    reference = tools["reference"]
    names = frozenset(reference.address_of(name) for page in reference.pages() for name in page.names)
    assert list(tools["check"].problems(site, names)) == []
    for page in pages()[1:]:
        assert (site / page.relative_to(HOUSE / "docs").with_suffix(".html")).is_file()
    assert not list(site.rglob("*.py"))


def test_the_reference_says_what_the_docstrings_say(site: Path) -> None:
    text = (site / "reference" / "networks.html").read_text(encoding="utf-8")
    shown = text[text.index('id="retouch.solve_poisson"') :]
    for section in ("Parameters:", "Returns:", "Raises:", "Source", "Departs"):
        assert section in shown, section
    for left in (":func:", ":class:", ":meth:", "``"):
        assert left not in text


def test_a_site_with_faults_is_told(tmp_path: Path, tools: dict[str, ModuleType]) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "a.html").write_text('<h2 id="retouch.here"></h2><a href="../b.html#there">')
    (tmp_path / "b.html").write_text(
        '<script src="https://cdn.example/x.js"></script><link rel="stylesheet" href="//fonts.example/f">'
        '<img src="pictures/a.jpg"><a href="c.html">c</a><a href="https://elsewhere.example">e</a>'
        '<a href="#no">n</a>'
        '<link rel="canonical" href="https://retouch.example"><i style="background: url(http://i.example/i.png)">'
    )
    (tmp_path / "s.css").write_text(
        "@import 'https://g.example/c.css'; a { background: url(data:image/png;base64,) }"
    )
    assert sorted(tools["check"].problems(tmp_path, frozenset({"retouch.here", "retouch.gone"}))) == sorted(
        [
            "b.html loads //fonts.example/f",
            "b.html loads http://i.example/i.png",
            "b.html loads https://cdn.example/x.js",
            "b.html leads to #no, and there is no such place on that page",
            "b.html leads to c.html, which is not there",
            "reference/a.html leads to ../b.html#there, and there is no such place on that page",
            "retouch.gone is on no page",
            "s.css loads https://g.example/c.css",
        ]
    )


def test_the_site_works_in_a_browser_without_a_network(site: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = chromium()
    if not path:
        assert not os.environ.get("RETOUCH_NEEDS_CHROMIUM"), "no Chromium; name one in RETOUCH_CHROMIUM"
        pytest.skip("no Chromium; name one in RETOUCH_CHROMIUM")
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}"
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport={"width": 390, "height": 844})
            asked: list[str] = []
            said: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            for name in ("index", "install", "blend", "train", "reference/edits", "reference/metrics"):
                page.goto(f"{home}/{name}.html")
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, f"{name} is {wide} pixels wider than a telephone"
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(f"{home}/index.html")
            for _ in range(100):
                # A key that is pressed before the page listens to it is lost.
                page.keyboard.press("/")
                if page.evaluate("document.activeElement !== document.body"):
                    break
                page.wait_for_timeout(50)
            page.keyboard.type("seamless")
            page.get_by_text(re.compile(r"^\d+ results$")).wait_for()
            browser.close()
        server.shutdown()
    assert said == []
    assert [address for address in asked if not address.startswith((home, "data:", "blob:"))] == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library names it
        """Say nothing."""
