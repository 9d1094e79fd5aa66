"""Tables as text: for a terminal, for a document, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Set a table for a terminal: the first column to the left, the others to the right.

    Args:
        rows: the cells, the head's first; at least one row.

    Returns:
        A line for each row, without spaces at its end.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    )


def tsv(columns: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    """Write tab-separated values.

    Args:
        columns: their names.
        rows: the cells; None is left empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def markdown_line(cells: Sequence[str]) -> str:
    """Write a row of a Markdown table.

    Args:
        cells: as :func:`markdown_cell` makes them.
    """
    return f"| {' | '.join(cells)} |"


def markdown_cell(text: str) -> str:
    """Write any text so that it stays inside a cell of a Markdown table.

    Args:
        text: such as the name of a file.
    """
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def number(value: float) -> str:
    """Write a number with about four digits.

    Args:
        value: any.
    """
    digits = 2 if abs(value) >= 10 else 3 if abs(value) >= 1 else 4
    return f"{value:.{digits}f}"
