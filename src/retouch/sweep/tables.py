"""The results of a sweep as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from retouch import __version__
from retouch.image.plain import Plain
from retouch.image.write import put
from retouch.sweep.facts import reported

if TYPE_CHECKING:
    from retouch.sweep.run import Swept

TSV, JSON = "table.tsv", "table.json"


def write_tables(swept: Swept) -> tuple[Path, Path]:
    """Write ``table.tsv`` and ``table.json``: every cell with its values, what it reported, and its time.

    Args:
        swept: the finished sweep.

    Returns:
        The files.
    """
    texts = {TSV: tsv(swept), JSON: json.dumps(facts(swept), indent=1, allow_nan=False) + "\n"}
    for name, text in texts.items():
        put(swept.folder / name, text.encode("utf-8", "backslashreplace"), overwrite=True)
    return swept.folder / TSV, swept.folder / JSON


def rows(swept: Swept) -> list[dict[str, Plain]]:
    """One row for each cell: its values, its picture, its time, and what the edit reported.

    Args:
        swept: the finished sweep.
    """
    names = reported(swept.outcomes)
    made = []
    for cell, outcome in zip(swept.plan.cells, swept.outcomes, strict=True):
        row: dict[str, Plain] = {
            axis.name: label for axis, label in zip(swept.plan.axes, cell.labels, strict=True)
        }
        row |= {"file": outcome.file, "seconds": outcome.seconds}
        row |= {"width": outcome.width, "height": outcome.height}
        # An edit may report under a name that an option has, too.
        row |= {(f"reported {name}" if name in row else name): outcome.report.get(name) for name in names}
        row["error"] = f"{outcome.error}: {outcome.message}" if outcome.error else ""
        made.append(row)
    return made


def tsv(swept: Swept) -> str:
    """Write the rows with tabs between the columns.

    Args:
        swept: the finished sweep.
    """
    table = rows(swept)
    lines = [
        list(table[0]),
        *(["" if value is None else str(value) for value in row.values()] for row in table),
    ]
    return "".join("\t".join(" ".join(item.split()) for item in line) + "\n" for line in lines)


def facts(swept: Swept) -> dict[str, object]:
    """Everything about the sweep, for a program.

    Args:
        swept: the finished sweep.
    """
    plan = swept.plan
    return {
        "retouch": __version__,
        "edit": plan.edit.name,
        "fixed": dict(plan.fixed),
        "vary": {axis.name: list(axis.labels) for axis in plan.axes},
        "grids": [path.name for path in swept.grids],
        "cells": [
            {
                "values": dict(zip((axis.name for axis in plan.axes), cell.labels, strict=True)),
                "arguments": dict(cell.arguments),
                "file": outcome.file or None,
                "companions": sorted(outcome.companions),
                "seconds": outcome.seconds,
                "with_loading": outcome.first,
                "width": outcome.width,
                "height": outcome.height,
                "report": dict(outcome.report),
                "error": outcome.error or None,
                "message": outcome.message or None,
            }
            for cell, outcome in zip(plan.cells, swept.outcomes, strict=True)
        ],
    }
