"""Make what the documentation takes from the code: before/after pictures, tables of options and figures.

`make docs` runs it before it builds the site; `tests/test_docs.py` fails when a table is out of date.
"""

from __future__ import annotations

import functools
import inspect
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import figures
from PIL import Image

from retouch import catalog
from retouch.cli import recipes as about
from retouch.cli.demo import cases_of
from retouch.training import flat, named
from retouch.training.watchdogs import Limits
from retouch.weights import Card
from retouch.weights.registry import PUBLISHED

DOCS = Path(__file__).parent
HEIGHT = 260  # pixels of a strip
_NOTHING = object()


def main() -> None:
    """Refresh the tables in every page, then the pictures."""
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "retouch.cli", "demo", "--out", folder, "--quiet"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        for task in dict.fromkeys(edit.task for edit in catalog.EDITS):
            for case in cases_of(task):
                photos = [word for word in case.words[1:] if (Path(folder) / word).is_file()]
                shown = dict.fromkeys([*photos[:-1], case.before, photos[-1]])
                _strip([Path(folder) / name for name in shown], repeat=2 if case.tiled else 1)


def with_tables(text: str) -> str:
    """Fill what stands between ``<!-- table: WHAT -->`` and ``<!-- end -->``.

    Args:
        text: a page. WHAT is the name of an edit, for its options, or of another table.
    """

    def filled(found: re.Match[str]) -> str:
        what = found.group(1)
        table = _TABLES[what]() if what in _TABLES else options_table(what)
        return f"<!-- table: {what} -->\n{table}\n<!-- end -->"

    return re.sub(r"<!-- table: ([\w-]+) -->\n.*?\n?<!-- end -->", filled, text, flags=re.DOTALL)


def options_table(name: str) -> str:
    """The options of an edit as a Markdown table, read from its signature."""
    rows = ["| option | default | |", "|---|---|---|"]
    for option in catalog.edit_named(name).options():
        default = "" if option.required or option.default is None else f"`{option.default}`"
        said = option.help + (
            f" One of {', '.join(f'`{c}`' for c in option.choices)}." if option.choices else ""
        )
        rows.append(f"| `{option.name}` | {default} | {said} |")
    return "\n".join(rows)


def recipes_table() -> str:
    """Every recipe, with its presets."""
    rows = ["| recipe | | presets |", "|---|---|---|"]
    for recipe in catalog.recipes():
        presets = ", ".join(f"`{name}`" for name in recipe.presets())
        rows.append(f"| `{recipe.name}` | {recipe.summary} | {presets} |")
    return "\n".join(rows)


def presets_table() -> str:
    """What each preset changes."""
    rows = ["| recipe | preset | changes |", "|---|---|---|"]
    for recipe in catalog.recipes():
        for name in recipe.presets():
            changes = about.preset_of(recipe, name).items()
            told = ", ".join(f"`{key} {_plain(value)}`" for key, value in changes)
            rows += [f"| `{recipe.name}` | `{name}` | {told} |"] if told else []
    return "\n".join(rows)


def recipe_table(name: str) -> str:
    """The options of a recipe, without the engine's."""
    recipe = named(catalog.recipes(), name)
    return _options([item for item in about.described(recipe) if not item.name.startswith("engine.")])


def added_table(name: str, like: str) -> str:
    """The options of a recipe that another has not, or has with another default."""
    usual = flat(named(catalog.recipes(), like)())
    described = about.described(named(catalog.recipes(), name))
    return _options([item for item in described if usual.get(item.name, _NOTHING) != item.default])


def engine_table() -> str:
    """The options that every recipe has."""
    recipe = named(catalog.recipes(), "pix2pix")
    return _options([item for item in about.described(recipe) if item.name.startswith("engine.")])


def differences_table() -> str:
    """Of the recipes for translation: options whose defaults are not pix2pix's, and those that it has not."""
    first = named(catalog.recipes(), "pix2pix")
    usual = flat(first())
    others = [item for item in catalog.recipes() if item.task == first.task and item.name != first.name]
    rows = ["| recipe | option | default | |", "|---|---|---|---|"]
    for recipe in others:
        rows += [
            f"| `{recipe.name}` | `{item.name}` | `{_plain(item.default)}` | {_code(item.help)} |"
            for item in about.described(recipe)
            if item.name not in usual or usual[item.name] != item.default
        ]
    return "\n".join(rows)


def limits_table() -> str:
    """When the watchdogs bark."""
    helped = catalog.arguments_in(_docstring(Limits))
    rows = ["| limit | | |", "|---|---:|---|"]
    rows += [f"| `{name}` | {value} | {helped[name]} |" for name, value in flat(Limits()).items()]
    return "\n".join(rows)


def card_table() -> str:
    """The fields of a card."""
    rows = ["| field | |", "|---|---|"]
    rows += [f"| `{name}` | {_code(text)} |" for name, text in catalog.arguments_in(_docstring(Card)).items()]
    return "\n".join(rows)


def published_table() -> str:
    """The weights that can be fetched."""
    rows = ["| paper | names |", "|---|---|"]
    for paper in dict.fromkeys(item.paper for item in PUBLISHED):
        names = ", ".join(f"`{item.name}`" for item in PUBLISHED if item.paper == paper)
        rows.append(f"| {paper} | {names} |")
    return "\n".join(rows)


def extras_table() -> str:
    """What can be installed beside the core."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = ["| extra | for | packages |", "|---|---|---|"]
    for extra, purpose in _EXTRAS.items():
        packages = ", ".join(
            re.split(r"[><=]", each, maxsplit=1)[0] for each in project["optional-dependencies"][extra]
        )
        rows.append(f"| `{extra}` | {purpose} | {packages} |")
    rows.append("| `dev` | all of these, and what the tests, checks and benchmarks need | |")
    return "\n".join(rows)


def measured_table(task: str) -> str:
    """The quality of the published runs of a task, as experiments/README.md has it."""
    text = (DOCS.parent / "experiments" / "README.md").read_text(encoding="utf-8")
    sections = text.split("\n## ")[1:]
    chosen = [each for each in sections if _TASKS.get(each.split()[0].rstrip(":,"), "translate") == task]
    text = "\n\n".join(f"### {each.strip()}" for each in chosen)
    return text.replace("../docs/", "")


_EXTRAS = {
    "studio": "`retouch studio`: the page in the browser, with its HTTP API",
    "serve": "`retouch serve`: the HTTP API alone, for programs, with metrics",
    "ray": "`retouch batch --ray`: one edit on the machines of a cluster",
    "remote": "object stores (`s3://…`) in `retouch batch`; fsspec names the package for yours",
    "onnx": "`retouch export`: networks as ONNX files",
    "openvino": "`retouch export --int8`: networks as OpenVINO files of 8 bits",
    "train": "curves of a training in TensorBoard",
    "spandrel": "more families of restoration networks",
    "docs": "this documentation as a site",
}
_TASKS = {"Inpainting": "inpaint", "Restoration": "restore", "Style": "stylize", "Generators": "invert"}
"""First word of a section of experiments/README.md → its task; all others are of translate."""

_TABLES: dict[str, Callable[[], str]] = {
    "opencv": figures.opencv_table,
    "fpie": figures.fpie_table,
    "recipes": recipes_table,
    "presets": presets_table,
    "pix2pix": lambda: recipe_table("pix2pix"),
    "train-inpaint": lambda: recipe_table("inpaint"),
    "train-restore": lambda: recipe_table("restore"),
    "train-restore-pix2pix": lambda: added_table("restore-pix2pix", "restore"),
    "train-paint": lambda: recipe_table("paint"),
    "train-stylegan2": lambda: recipe_table("stylegan2"),
    "train-dcgan": lambda: recipe_table("dcgan"),
    "restoring": figures.restoring_table,
    "stylizing": figures.stylizing_table,
    "texturing": figures.texturing_table,
    "inversion": figures.inversion_table,
    "scribbles": figures.scribbles_table,
    "generating": figures.generating_table,
    "engine": engine_table,
    "differences": differences_table,
    "limits": limits_table,
    "card": card_table,
    "published": published_table,
    "extras": extras_table,
    "measured": functools.partial(measured_table, "translate"),
    "measured-inpaint": functools.partial(measured_table, "inpaint"),
    "measured-restore": functools.partial(measured_table, "restore"),
    "measured-stylize": functools.partial(measured_table, "stylize"),
    "measured-invert": functools.partial(measured_table, "invert"),
    "training": figures.training_table,
    "filling": figures.filling_table,
}


def _options(described: list[about.Described]) -> str:
    rows = ["| option | values | default | |", "|---|---|---|---|"]
    for item in described:
        values = ", ".join(f"`{value}`" for value in item.values.split("|"))
        default = "" if item.default in (None, "") else f"`{_plain(item.default)}`"
        rows.append(f"| `{item.name}` | {values} | {default} | {_code(item.help)} |")
    return "\n".join(rows)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _code(text: str) -> str:
    """Bring reStructuredText's marks to Markdown's."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def _docstring(kind: type) -> str:
    return inspect.getdoc(kind) or ""


def _strip(paths: list[Path], *, repeat: int) -> None:
    """Put pictures side by side at one height, into a file named after the last."""
    shown = []
    for path in paths:
        with Image.open(path) as opened:
            tile = opened.convert("RGB")
        wide = Image.new("RGB", (tile.width * repeat, tile.height * repeat))
        for i in range(repeat * repeat):
            wide.paste(tile, (i % repeat * tile.width, i // repeat * tile.height))
        shown.append(
            wide.resize((round(wide.width * HEIGHT / wide.height), HEIGHT), Image.Resampling.LANCZOS)
        )
    gap = 6
    strip = Image.new("RGB", (sum(p.width + gap for p in shown) - gap, HEIGHT), "white")
    left = 0
    for picture in shown:
        strip.paste(picture, (left, 0))
        left += picture.width + gap
    strip.save(DOCS / "pictures" / f"{paths[-1].stem}.jpg", quality=88)


if __name__ == "__main__":
    main()
