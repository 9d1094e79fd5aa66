"""Free-form facts as HTML tables; whatever is in them is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from retouch.training.charts import short

DEEPEST = 6
"""Facts nested deeper than this are shown as plain text."""


def facts(value: Mapping[str, object], caption: str = "", *, depth: int = 0) -> str:
    """Show a mapping: its plain values as rows, everything nested as tables of its own.

    Args:
        value: name → plain value, mapping or list.
        caption: the heading of the table of plain values; none when empty.
        depth: how deep this mapping lies in another.

    Returns:
        HTML: ``section`` elements.
    """
    if is_matrix(value):
        return section(caption, matrix(value))
    plain = {name: item for name, item in value.items() if _is_plain(item) or depth >= DEEPEST}
    rows = "".join(
        f"<tr><th>{words(name)}</th><td>{html.escape(plainly(item))}</td></tr>"
        for name, item in plain.items()
    )
    inner = "".join(
        facts(_as_mapping(item), f"{caption}: {name}" if caption else str(name), depth=depth + 1)
        for name, item in value.items()
        if name not in plain
    )
    return (section(caption, f"<table>{rows}</table>") if rows else "") + inner


def section(caption: str, table: str) -> str:
    """Put a heading over a table.

    Args:
        caption: the heading; none when empty.
        table: HTML.
    """
    heading = f"<h3>{words(caption)}</h3>" if caption else ""
    return f'<section>{heading}<div class="wrap">{table}</div></section>'


def matrix(value: Mapping[str, object]) -> str:
    """Show a mapping of mappings of plain values: a row for each, a column for each inner name.

    Args:
        value: name → inner name → plain value; inner names may be missing.
    """
    rows = {name: _as_mapping(item) for name, item in value.items()}
    return table(
        ["", *_columns(rows)],
        [[str(name), *(_figure(row.get(key)) for key in _columns(rows))] for name, row in rows.items()],
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Show rows under a head.

    Args:
        head: the columns' names.
        rows: plain text, as many cells as the head has; all but the first column are set as figures.
    """

    def cells(kind: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{kind}{' class=number' if number else ''}>{html.escape(cell)}</{kind}>"
            for number, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"


def is_matrix(value: object) -> bool:
    """Whether a value is a mapping of two or more mappings that share names and hold plain values."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    rows = list(value.values())
    if not all(isinstance(row, Mapping) and row and all(map(_is_plain, row.values())) for row in rows):
        return False
    return bool(set.intersection(*(set(row) for row in rows)))


def plainly(value: object) -> str:
    """Write a plain value for a person.

    Args:
        value: anything; lists are joined.
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short(value) if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(plainly, value)) or "–"
    return str(value)[:2000]


def words(name: object) -> str:
    """Write a name for a person, escaped.

    Args:
        name: as code has it: ``validate_every``.
    """
    return html.escape(spoken(name))


def spoken(name: object) -> str:
    """Write a name with spaces.

    Args:
        name: as code has it.
    """
    return str(name).replace("_", " ")


def _figure(value: object) -> str:
    return short(value, even=True) if isinstance(value, float) else plainly(value)


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(item is None or isinstance(item, bool | int | float | str) for item in value)
    return not isinstance(value, Mapping)


def _as_mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple):
        return {str(number): item for number, item in enumerate(value, 1)}
    return {"": value}


def _columns(rows: Mapping[str, Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(str(key) for row in rows.values() for key in row))
