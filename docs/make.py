"""Make what the documentation takes from the code: before/after pictures, tables of options and figures.

`make docs` runs it before it builds the site; `tests/test_docs.py` fails when a table is out of date.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from retouch import catalog
from retouch.cli.demo import cases_of

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
HEIGHT = 260  # pixels of a strip


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
        text: a page. WHAT is the name of an edit, for its options, or of a benchmark's table.
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


def opencv_table() -> str:
    """Cloning beside OpenCV: times, errors, memory."""
    kept = json.loads((RESULTS / "poisson.json").read_text(encoding="utf-8"))
    rows = [
        "| unknowns | scene | gradients | retouch, ms | OpenCV, ms | OpenCV ÷ retouch "
        "| error of retouch | of OpenCV | bytes a pixel |",
        "|---:|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in kept["against_opencv"]:
        mine, theirs = row["retouch"], row["opencv"]
        rows.append(
            f"| {row['unknowns']:,} | {row['scene']} | {row['mode']} | {_time(mine)} | {_time(theirs)} "
            f"| {theirs['median_ms'] / mine['median_ms']:.1f} | {mine['error_max']} | {theirs['error_max']} "
            f"| {row['peak_bytes_per_box_pixel']} |"
        )
    machine = kept["machine"]
    rows.append(
        f"\nMedian (interquartile range) of {kept['runs']} runs, {kept['when']}, {kept['commit'][:9]}; "
        f"{machine['cores']} cores of {machine['processor']}, shared."
    )
    return "\n".join(rows)


def fpie_table() -> str:
    """Cloning beside fpie, given ten times as long."""
    kept = json.loads((RESULTS / "poisson.json").read_text(encoding="utf-8"))
    rows = [
        "| unknowns | retouch, ms | error, levels | fpie, ms | its steps | its error, levels |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {row['unknowns']:,} | {row['retouch_ms']} | {row['retouch_error_max']} | {row['fpie_ms']} "
        f"| {row['fpie_steps']:,} | {row['fpie_error_max']} |"
        for row in kept["against_fpie"]
    ]
    return "\n".join(rows)


_TABLES = {"opencv": opencv_table, "fpie": fpie_table}


def _time(figures: dict[str, Any]) -> str:
    return f"{figures['median_ms']:.1f} ({figures['iqr_ms']:.1f})"


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
