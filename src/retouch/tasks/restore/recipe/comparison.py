"""The outcome of an evaluation, and every form in which it is written down."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from retouch.metrics import Report, Row
from retouch.metrics.writing import aligned, markdown_cell, markdown_line, number, tsv
from retouch.tasks.restore.recipe.selfcheck import Check

_ARROWS = {"higher": "↑", "lower": "↓"}
_COLUMNS = ("metric", "value", "better", "low", "high", "n", "protocol")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one method made of one case.

    Args:
        case: how the pictures were spoiled.
        method: what restored them.
        circumstances: of which pictures, from which inputs, and how the method was applied: two figures
            compare when these and their protocols are the same.
        report: the figures, and the values of single pictures.
    """

    case: str
    method: str
    circumstances: str
    report: Report


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several methods made of the same pictures.

    Args:
        pictures: what was measured on: the set, its names and its checksum.
        checksums: of each picture.
        measured: by case and method; the row that is known beforehand comes first.
        checks: what the self-checks found.
        protocols: case → what is compared and how the inputs were made.
        notes: what one should know beside the figures.
    """

    pictures: str
    checksums: dict[str, str]
    measured: tuple[Measured, ...]
    checks: tuple[Check, ...]
    protocols: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[str, ...]:
        """How the pictures were spoiled, in order."""
        return tuple(self.protocols)

    def row(self, method: str, metric: str, case: str | None = None) -> Row:
        """Find a figure.

        Args:
            method: what restored.
            metric: its name.
            case: how the pictures were spoiled; None: in the first way.

        Raises:
            KeyError: There is none.
        """
        wanted = self.cases[0] if case is None else case
        for one in self.measured:
            if (one.method, one.case) == (method, wanted):
                return one.report[metric]
        raise KeyError((method, metric, wanted))

    def text(self) -> str:
        """For a person: a table for each case under its protocol; the best of each column has a star."""
        parts = [self.pictures]
        for case in self.cases:
            checks = [str(check) for check in self.checks if check.case == case]
            table = aligned(_table(self._of(case), "{}*"))
            parts.append("\n".join([f"{case}: {self.protocols[case]}", *checks, table]))
        return "\n\n".join([*parts, *(["\n".join(self.notes)] if self.notes else [])])

    def markdown(self) -> str:
        """For a document: a table for each case, and every protocol."""
        parts = ["# Restored pictures", "", markdown_cell(self.pictures), ""]
        parts += ["Means over pictures; the best of each column is bold."]
        for case in self.cases:
            parts += ["", f"## {markdown_cell(case)}", "", markdown_cell(self.protocols[case]), ""]
            parts += [f"- {markdown_cell(str(check))}" for check in self.checks if check.case == case]
            head, *rows = _table(self._of(case), "**{}**")
            parts += ["", markdown_line(head), markdown_line(["---"] * len(head))]
            parts += [markdown_line([markdown_cell(cell) for cell in row]) for row in rows]
        rows_of = [row for one in self.measured for row in one.report.rows]
        protocols = dict.fromkeys((row.metric, row.protocol) for row in rows_of)
        parts += ["", "## Protocol", ""]
        parts += [f"- `{metric}`: {markdown_cell(protocol)}" for metric, protocol in protocols]
        parts += [f"- {markdown_cell(note)}" for note in self.notes]
        parts += ["", "## Pictures", "", "SHA-256 of the 8-bit RGB samples behind HxW and a line end.", ""]
        parts += [f"- {markdown_cell(name)}: {digest}" for name, digest in self.checksums.items()]
        return "\n".join(parts) + "\n"

    def tsv(self) -> str:
        """A line for each figure, with its protocol and circumstances."""
        rows = [
            [one.case, one.method, *(getattr(row, name) for name in _COLUMNS), one.circumstances]
            for one in self.measured
            for row in one.report.rows
        ]
        return tsv(["degradations", "method", *_COLUMNS, "circumstances"], rows)

    def samples_tsv(self) -> str:
        """A line for each picture, case and method."""
        metrics = list(dict.fromkeys(name for one in self.measured for name in one.report.per_picture))
        rows: list[list[object]] = []
        for one in self.measured:
            for index, name in enumerate(one.report.names):
                values = one.report.per_picture
                cells = [values[metric][index] if metric in values else None for metric in metrics]
                rows.append([name, one.case, one.method, *cells])
        return tsv(["name", "degradations", "method", *metrics], rows)

    def json(self) -> str:
        """Everything, as strict JSON; a number that is not finite is null."""
        everything = {
            "set": self.pictures,
            "pictures": self.checksums,
            "protocols": self.protocols,
            "checks": [
                {key: _finite(value) for key, value in asdict(check).items()} | {"agrees": check.agrees}
                for check in self.checks
            ],
            "figures": [
                {
                    "degradations": one.case,
                    "method": one.method,
                    **{key: _finite(value) for key, value in asdict(row).items()},
                    "circumstances": one.circumstances,
                    "per_picture": [_finite(value) for value in one.report.per_picture.get(row.metric, ())],
                }
                for one in self.measured
                for row in one.report.rows
            ],
            "notes": list(self.notes),
        }
        return json.dumps(everything, allow_nan=False, ensure_ascii=False, indent=1)

    def for_card(self, method: str) -> tuple[dict[str, float | int | str], ...]:
        """Give the figures of one method as a weights file's card lists them.

        Args:
            method: what restored.
        """
        return tuple(
            {
                "name": f"{row.metric} ({one.case})",
                "value": row.value,
                "protocol": f"{row.protocol}; {one.circumstances}",
                "n": row.n,
            }
            for one in self.measured
            for row in one.report.rows
            if one.method == method and math.isfinite(row.value)
        )

    def _of(self, case: str) -> list[Measured]:
        return [one for one in self.measured if one.case == case]


def _table(measured: Sequence[Measured], best: str) -> list[list[str]]:
    """The cells, the head's first; the best of a column is written into ``best``."""
    rows = {(one.method, row.metric): row for one in measured for row in one.report.rows}
    better = {row.metric: row.better for row in rows.values()}
    first = {}
    for metric, which in better.items():
        known = [row for (_, name), row in rows.items() if name == metric and not math.isnan(row.value)]
        if len(known) > 1:
            first[metric] = (max if which == "higher" else min)(known, key=lambda row: row.value)
    table = [["method", "n", *(f"{name} {_ARROWS[which]}" for name, which in better.items())]]
    for one in measured:
        cells = [one.method, str(len(one.report.names))]
        for metric in better:
            row = rows.get((one.method, metric))
            shown = "–" if row is None else number(row.value)
            cells.append(best.format(shown) if row is not None and row is first.get(metric) else shown)
        table.append(cells)
    return table


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
