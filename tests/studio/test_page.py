"""The page's files hold together: no browser is needed to see that."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

import retouch
from retouch import catalog
from retouch.image import samples

PAGE = Path(retouch.__file__).parent / "studio" / "page"
MODULES = sorted(PAGE.rglob("*.js"))
STYLES = sorted(PAGE.rglob("*.css"))
OWN = [path for path in MODULES if path.parent == PAGE]
EDITS = {edit.name: edit for edit in catalog.EDITS}
_IMPORT = re.compile(r"^import\s+(\{[^}]*\}|\* as \w+)\s+from\s+\"([^\"]+)\";", re.MULTILINE)


def _name(path: Path) -> str:
    return path.relative_to(PAGE).as_posix()


def _bare(text: str) -> str:
    """A file without its comments."""
    without = re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"^\s*//.*$|^/\* .*? \*/$", "", without, flags=re.MULTILINE)


def _exported(path: Path) -> set[str]:
    found = re.findall(
        r"^export (?:async )?(?:const|let|function\*?|class) (\w+)", path.read_text(), re.MULTILINE
    )
    return set(found)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_what_is_imported_is_there_and_used(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for names, where in _IMPORT.findall(text):
        assert where.startswith((".", "./")), f"{where}: only modules of the page itself"
        source = (path.parent / where).resolve()
        assert source.is_file(), where
        rest = _bare(_IMPORT.sub("", text))
        if names.startswith("*"):
            alias = names.split()[-1]
            used = set(re.findall(rf"\b{alias}\.(\w+)", rest))
            assert used
            assert used <= _exported(source), used - _exported(source)
            continue
        for name in (part.strip() for part in names.strip("{}").split(",") if part.strip()):
            theirs, _, ours = name.partition(" as ")
            assert theirs in _exported(source), f"{where} has no {theirs}"
            assert re.search(rf"\b{ours or theirs}\b", rest), f"{name} is not used"


@pytest.mark.parametrize("path", OWN, ids=_name)
def test_what_is_exported_is_used_elsewhere(path: Path) -> None:
    others = "\n".join(other.read_text() for other in MODULES if other != path)
    for name in _exported(path):
        assert re.search(rf"\b{name}\b", others), f"{name} of {path.name} is used nowhere else"


@pytest.mark.parametrize("path", [*MODULES, *STYLES, *PAGE.glob("*.html"), *PAGE.glob("*.svg")], ids=_name)
def test_no_address_leads_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\b(?:https?|wss?|ftp):|[\"'(]//", text)
    assert "@import" not in text


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_that_is_said_becomes_markup_or_code(path: Path) -> None:
    dangers = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|\"style\""
    assert not re.search(dangers, _bare(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_are_checked_and_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "// @ts-check"
    assert len(lines) <= 500
    assert max(map(len, lines)) <= 120
    for start, line in enumerate(lines):
        opened = re.match(
            r"( {0,2})(?:export )?(?:async |static |get |set )*(?:function |#?\w+ ?\().*\{$", line
        )
        if opened and not re.match(r"\s*(?:if|for|while|switch)\b", line):
            end = next(at for at in range(start, len(lines)) if lines[at].startswith(opened[1] + "}"))
            assert end - start < 61, f"{path.name}:{start + 1} has {end - start} lines"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _elements() -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed((PAGE / "index.html").read_text(encoding="utf-8"))
    return parser.found


def test_the_page_has_its_landmarks_and_its_files() -> None:
    found = _elements()
    tags = [tag for tag, _ in found]
    assert tags.count("main") == tags.count("header") == tags.count("nav") == 1
    assert ("html", {"lang": "en"}) in found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in found:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href"):
            address = attributes.get(name)
            if address and address.startswith("/page/"):
                assert (PAGE / address.removeprefix("/page/")).is_file(), address
    used = set(re.findall(r"getElementById\(\"([\w-]+)\"\)", "\n".join(path.read_text() for path in OWN)))
    assert used == {"main", "tasks", "tools", "banners", "announcements"}
    assert used <= set(ids)


def table_of(module: str, name: str) -> dict[str, Any]:
    """A table of plain data, as JSON."""
    text = _bare((PAGE / module).read_text(encoding="utf-8"))
    lists = dict(re.findall(r"^const ([A-Z]+) =\s+(\".*?\");", text, re.MULTILINE))
    found = re.search(rf"^export const {name} = (\{{.*?^\}});", text, re.MULTILINE | re.DOTALL)
    assert found
    data = re.sub(r"([{,]\s*)(\w+):", r'\1"\2":', found[1])
    for word, items in lists.items():
        data = re.sub(rf"\b{word}\b", items, data)
    return dict(json.loads(re.sub(r",(\s*[}\]])", r"\1", data)))


def _sample(name: str) -> Path:
    folder = Path(retouch.__file__).parent / "tasks"
    found = [samples.path(name)] if name in samples.names() else list(folder.glob(f"*/samples/{name}.*"))
    assert found, f"there is no sample {name}"
    return found[0]


def test_tasks_are_those_of_the_catalog() -> None:
    tasks = table_of("tasks.js", "TASKS")
    assert list(tasks) == list(dict.fromkeys(edit.task for edit in catalog.EDITS))
    for task in tasks.values():
        assert len(task["sentence"]) < 100
        assert all(_sample(name).is_file() for name in task["pictures"])


@pytest.mark.parametrize("name", list(table_of("tasks.js", "ARRANGEMENTS")))
def test_an_arrangement_names_options_that_the_edit_has(name: str) -> None:
    arranged = table_of("tasks.js", "ARRANGEMENTS")[name]
    kinds = {option.name: option.kind for option in EDITS[name].options()}
    named = [arranged[key] for key in ("main", "next") if key in arranged]
    for key in ("labels", "items", "masks", "ranges", "slots", "fixed", "shown", "hidden", "folded"):
        named += list(arranged.get(key, ()))
    named += list(arranged.get("place", {}).values()) + list(arranged.get("paint", {}).values())
    assert set(named) <= set(kinds), set(named) - set(kinds)
    assert {kinds[option] for option in arranged.get("ranges", ())} <= {"number", "integer"}
    assert {kinds[option] for option in arranged.get("masks", ())} <= {"mask", "masks"}
    for low, high, step in arranged.get("ranges", {}).values():
        assert low < high
        assert 0 < step <= (high - low) / 5


def test_a_slider_can_stand_at_the_default() -> None:
    for name, arranged in table_of("tasks.js", "ARRANGEMENTS").items():
        defaults = {option.name: option.default for option in EDITS[name].options()}
        for option, (low, high, _) in arranged.get("ranges", {}).items():
            default = defaults[option]
            assert default is None or low <= default <= high, (name, option)


@pytest.mark.parametrize("name", list(table_of("examples.js", "EXAMPLES")))
def test_an_example_can_be_run(name: str) -> None:
    example = table_of("examples.js", "EXAMPLES")[name]
    options = {option.name: option for option in EDITS[name].options()}
    assert set(example["pictures"]) | set(example.get("options", ())) <= set(options)
    required = {option.name for option in options.values() if option.required}
    assert required <= {*example["pictures"], *(["mask"] if example.get("mask") else [])}
    drawn_on = example["pictures"].get("source", next(iter(example["pictures"].values())))
    width, height = (
        retouch.Picture.open(_sample(drawn_on)).width,
        retouch.Picture.open(_sample(drawn_on)).height,
    )
    for outline in example.get("mask", ()):
        for x, y in retouch.Polygon.parse(outline).points:
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_every_edit_that_takes_a_picture_has_an_example() -> None:
    taking = {edit.name for edit in catalog.EDITS if any(option.required for option in edit.options())}
    assert taking == set(table_of("examples.js", "EXAMPLES"))


def test_every_kind_of_option_has_a_control() -> None:
    makers = re.search(r"const MAKERS = \{([^}]*)\}", (PAGE / "controls.js").read_text())
    assert makers
    made = set(re.findall(r"(\w+)(?:: \w+)?(?:,|\s*$)", makers[1]))
    assert set(get_args(catalog.Kind)) - made == {"mask", "latent", "pictures", "masks", "latents"}


def test_icons_are_drawn_and_used() -> None:
    drawn = re.search(r"const ICONS = \{(.*?)^\};", (PAGE / "dom.js").read_text(), re.DOTALL | re.MULTILINE)
    assert drawn
    text = "\n".join(path.read_text() for path in OWN)
    used = set(re.findall(r"icon: \"(\w+)\"|icon\(\"(\w+)\"\)", text))
    used_names = {name for pair in used for name in pair if name}
    used_names |= set(re.findall(r"\? \"(\w+)\" : \"photo\"", text)) | {"photo"}
    assert used_names == set(re.findall(r"^  (\w+):", drawn[1], re.MULTILINE))


def test_every_style_has_its_class() -> None:
    css = _bare("\n".join(path.read_text() for path in PAGE.glob("*.css")))
    styled = set(re.findall(r"\.([a-z][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", css)))
    words = set(re.findall(r"[a-z][\w-]*", "\n".join(_bare(path.read_text()) for path in OWN)))
    words |= set(re.findall(r"[a-z][\w-]*", (PAGE / "index.html").read_text()))
    joined = {"of-2", "of-3", "compare-before", "compare-after"}
    assert styled - words == joined, "styled, but nothing has the class"


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *[("text", back, 7.0) for back in ("bg", "surface", "surface-2", "notice", "danger-soft")],
        *[("muted", back, 4.5) for back in ("bg", "surface", "surface-2", "stage")],
        *[("accent", back, 4.5) for back in ("bg", "surface")],
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("danger", "surface", 4.5),
        *[("edge", back, 3.0) for back in ("bg", "surface")],
        *[("focus", back, 3.0) for back in ("bg", "surface", "stage")],
    ],
)
def test_colours_have_contrast(front: str, back: str, least: float, scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (PAGE / "style.css").read_text(), re.DOTALL)
    colours = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    assert set(colours[1]) == set(colours[0]), "both schemes name the same colours"
    assert _contrast(colours[scheme][front], colours[scheme][back]) >= least
