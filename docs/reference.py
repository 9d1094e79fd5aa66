"""Write the pages of the API reference: which public name is on which page, and its first line.

`make docs` runs it before it builds the site, which reads the rest from the docstrings;
`tests/test_docs.py` fails when a page is out of date, or a public name is on none.
"""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

import retouch
from retouch import catalog

FOLDER = Path(__file__).parent / "reference"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the reference.

    Args:
        file: its name, without the ending.
        title: its heading.
        about: a sentence below it.
        names: dotted public names, in the page's order.
    """

    file: str
    title: str
    about: str
    names: tuple[str, ...]


MODULES = {
    "image": ("Pictures in files", "What `retouch.image` has beside `Picture` and `Mask`."),
    "batch": ("Batch", "`retouch.batch`: one edit over many pictures, from a program."),
    "sweep": ("Sweeps", "`retouch.sweep`: an edit with every combination of some options."),
    "weights": ("Weights", "`retouch.weights`: files of weights, ours and other projects'."),
    "export": ("Export", "`retouch.export`: networks as files for other runtimes."),
    "training": ("Training", "`retouch.training`: recipes and the engine that carries them out."),
    "data": ("Data", "`retouch.data`: folders of pictures as batches."),
    "losses": ("Losses", "`retouch.losses`: what a network is trained for."),
    "metrics": ("Metrics", "`retouch.metrics`: how good pictures are, in numbers."),
}
"""Modules whose `__all__` is documented, with the title of the page and its sentence."""


def main() -> None:
    """Write every page, and remove those that are no more."""
    FOLDER.mkdir(exist_ok=True)
    made = {f"{page.file}.md": text_of(page) for page in pages()}
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> list[Page]:
    """Share the public names out among the pages."""
    verbs = tuple(f"retouch.{edit.name}" for edit in catalog.EDITS)
    public = [f"retouch.{name}" for name in retouch.__all__]
    shown = {id(look_up(name)) for name in public}
    errors = _errors("retouch.errors")
    pictures = _first_of(public, "retouch.image", "retouch.progress")
    rest = [name for name in public if name not in {*verbs, *pictures}]
    rest = [name for name in rest if not _is_error(name)]
    found = [
        Page("edits", "Edits", "Functions that take a photo and give a `Picture`, one for each edit.", verbs),
        Page(
            "pictures",
            "Pictures and masks",
            "What goes into an edit and comes out of it.",
            tuple(pictures),
        ),
        Page(
            "networks",
            "Loaded networks and solvers",
            "What is loaded once and used for many photos; evaluation.",
            tuple(rest),
        ),
        Page("errors", "Errors", "Everything that retouch raises on purpose is one of these.", tuple(errors)),
    ]
    for module, (title, about) in MODULES.items():
        given = getattr(importlib.import_module(f"retouch.{module}"), "__all__", ())
        names = [f"retouch.{module}.{name}" for name in given]
        names = [name for name in names if id(look_up(name)) not in shown]
        if names:
            found.append(Page(module, title, about, tuple(names)))
    return found


def text_of(page: Page) -> str:
    """A page as Markdown: a table of its names, then what the site fills in from the docstrings."""
    lines = [f"# {page.title}", "", page.about, "", "| name | |", "|---|---|"]
    lines += [
        f"| [`{name.removeprefix('retouch.')}`](#{address_of(name)}) | {summary_of(name)} |"
        for name in page.names
    ]
    for name in page.names:
        lines += ["", f"::: {address_of(name)}"]
    return "\n".join(lines) + "\n"


def summary_of(name: str) -> str:
    """The first line of what a name says of itself; of a constant, the line below it in its file."""
    thing = look_up(name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        text = inspect.getdoc(thing) or ""
    else:
        text = _remark(name)
    first = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", first).replace("``", "`").replace("|", "\\|")


def address_of(name: str) -> str:
    """Where the site finds a name: as it is imported, unless a module of the same name hides it there."""
    home, _, last = name.rpartition(".")
    hidden = (Path(importlib.import_module(home).__file__ or "").parent / f"{last}.py").is_file()
    return f"{home}.{last}.{last}" if hidden else name


def look_up(name: str) -> object:
    """The thing that a dotted name stands for."""
    home, _, last = name.rpartition(".")
    return getattr(importlib.import_module(home), last)


def _remark(name: str) -> str:
    """The string below the assignment of a constant, in the module that has it."""
    home, _, last = name.rpartition(".")
    for path in sorted(Path(importlib.import_module(home).__file__ or "").parent.glob("*.py")):
        found = re.search(
            rf"^(?:type )?{last}\b[^\n]*=(?:.(?!\n\w))*?\n\"\"\"(.*?)\"\"\"",
            path.read_text(encoding="utf-8"),
            re.DOTALL | re.MULTILINE,
        )
        if found:
            return found[1]
    return ""


def _errors(module: str) -> list[str]:
    own = vars(importlib.import_module(module)).values()
    return [
        f"{module}.{item.__name__}" for item in own if inspect.isclass(item) and item.__module__ == module
    ]


def _is_error(name: str) -> bool:
    thing = look_up(name)
    return inspect.isclass(thing) and issubclass(thing, Exception)


def _first_of(names: list[str], *homes: str) -> list[str]:
    return [name for name in names if getattr(look_up(name), "__module__", "").startswith(homes)]


if __name__ == "__main__":
    main()
