"""The tables of an evaluation: every figure with its spread, count and protocol, or why it is missing."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

Better = Literal["higher", "lower", "nearest"]
"""Which of two figures is better; ``nearest``: the one nearer to that of the true pictures."""

TOTAL = "total"
"""The name of the row over holes of every size."""

_ARROWS: dict[Better, str] = {"higher": "↑", "lower": "↓", "nearest": "→"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a comparison.

    Args:
        method: what filled the holes.
        holes: of which kind they were.
        area: their part of the picture, ``"10-20%"``, or ``"total"``.
        metric: its name.
        value: the number; None when it is missing.
        better: which of two is better.
        n: over how many pictures.
        protocol: everything one must know to compare it with another.
        low: lower end of its 95 % interval over pictures.
        high: upper end.
        deviation: standard deviation over pictures.
        ideal: the figure of the true pictures, where that is not known beforehand.
        missing: why there is no value.
    """

    method: str
    holes: str
    area: str
    metric: str
    value: float | None
    better: Better
    n: int
    protocol: str
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    ideal: float | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured of one picture, filled by one method.

    Args:
        name: the picture.
        holes: the kind of its hole.
        area: the hole's part of the picture.
        method: what filled it.
        values: metric → value, of those that have one for a single picture.
    """

    name: str
    holes: str
    area: float
    method: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several methods made of the same holes.

    Args:
        figures: the numbers, by kind of holes, area, method and metric.
        samples: the values of single pictures.
        notes: what was left out, and why.
    """

    figures: tuple[Figure, ...]
    samples: tuple[Sample, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """What was compared, in order."""
        return tuple(dict.fromkeys(figure.method for figure in self.figures))

    @property
    def holes(self) -> tuple[str, ...]:
        """The kinds of holes, in order."""
        return tuple(dict.fromkeys(figure.holes for figure in self.figures))

    @property
    def metrics(self) -> tuple[str, ...]:
        """What was measured, in order."""
        return tuple(dict.fromkeys(figure.metric for figure in self.figures))

    def areas(self, holes: str) -> tuple[str, ...]:
        """The sizes that holes of a kind had, the total first."""
        return tuple(dict.fromkeys(figure.area for figure in self.figures if figure.holes == holes))

    def figure(self, method: str, holes: str, metric: str, area: str = TOTAL) -> Figure:
        """Find a figure.

        Args:
            method: what filled the holes.
            holes: their kind.
            metric: its name.
            area: their size.

        Raises:
            KeyError: There is none.
        """
        for one in self.figures:
            if (one.method, one.holes, one.metric, one.area) == (method, holes, metric, area):
                return one
        raise KeyError((method, holes, metric, area))

    def text(self) -> str:
        """The totals for a person: a table for each kind of holes; the best of each column has a star."""
        parts = []
        for holes in self.holes:
            rows = self._rows(holes, TOTAL, spread=False)
            widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
            lines = [
                "  ".join(
                    [row[0].ljust(widths[0])]
                    + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
                ).rstrip()
                for row in rows
            ]
            parts.append("\n".join([f"{holes} holes", *lines]))
        return "\n\n".join([*parts, *self.notes])

    def markdown(self) -> str:
        """Everything for a document: a table for each kind of holes, then the protocols."""
        parts = [
            "# Filled holes",
            "",
            "Mean ± standard deviation over pictures; the best of each column is bold.",
        ]
        for holes in self.holes:
            parts += ["", f"## {_cell(holes)}", ""]
            for area in self.areas(holes):
                head, *rows = self._rows(holes, area, spread=True)
                if area == TOTAL:
                    parts += [_line(["area", *head]), _line(["---"] * (len(head) + 1))]
                parts += [_line([area, *row]) for row in rows]
        parts += ["", "## Protocol", ""]
        seen: dict[tuple[str, str], None] = {}
        for figure in self.figures:
            seen.setdefault((figure.metric, figure.protocol))
        parts += [f"- `{metric}`: {_cell(protocol)}" for metric, protocol in seen]
        gone = dict.fromkeys(
            f"{figure.metric}, {figure.holes}, {figure.area}: {figure.missing}"
            for figure in self.figures
            if figure.missing
        )
        if gone or self.notes:
            parts += ["", "## Left out", "", *(f"- {_cell(line)}" for line in (*self.notes, *gone))]
        return "\n".join(parts) + "\n"

    def tsv(self) -> str:
        """A line for each figure, with its protocol."""
        columns = [field.name for field in fields(Figure)]
        return _tsv(columns, [[getattr(figure, name) for name in columns] for figure in self.figures])

    def wide_tsv(self) -> str:
        """A line for each kind, size and method, two columns for each metric: the shape of LaMa's tables."""
        columns = ["holes", "area", "method", "n"]
        columns += [f"{metric}_{part}" for metric in self.metrics for part in ("mean", "std")]
        found: dict[tuple[str, str, str], dict[str, Figure]] = {}
        for figure in self.figures:
            found.setdefault((figure.holes, figure.area, figure.method), {})[figure.metric] = figure
        rows: list[list[object]] = []
        for (holes, area, method), row in found.items():
            cells: list[object] = [holes, area, method, max(figure.n for figure in row.values())]
            for metric in self.metrics:
                one = row.get(metric)
                cells += [one.value, one.deviation] if one else [None, None]
            rows.append(cells)
        return _tsv(columns, rows)

    def samples_tsv(self) -> str:
        """A line for each picture, kind and method."""
        metrics = list(dict.fromkeys(metric for sample in self.samples for metric in sample.values))
        rows = [
            [one.name, one.holes, f"{one.area:.6f}", one.method, *(one.values.get(name) for name in metrics)]
            for one in self.samples
        ]
        return _tsv(["name", "holes", "area", "method", *metrics], rows)

    def json(self) -> str:
        """Everything, as strict JSON."""
        everything = {
            "figures": [asdict(figure) for figure in self.figures],
            "notes": list(self.notes),
            "pictures": [asdict(sample) for sample in self.samples],
        }
        return json.dumps(everything, allow_nan=False, ensure_ascii=False, indent=1)

    def _rows(self, holes: str, area: str, *, spread: bool) -> list[tuple[str, ...]]:
        """The cells of one table, its head first."""
        here = {
            (figure.method, figure.metric): figure
            for figure in self.figures
            if (figure.holes, figure.area) == (holes, area)
        }
        metrics = [name for name in self.metrics if any(metric == name for _, metric in here)]
        arrow = {metric: _ARROWS[figure.better] for (_, metric), figure in here.items()}
        rows = [("method", "n", *(f"{name} {arrow[name]}" for name in metrics))]
        best = {name: _best([one for (_, metric), one in here.items() if metric == name]) for name in metrics}
        for method in dict.fromkeys(method for method, _ in here):
            count = max(figure.n for (name, _), figure in here.items() if name == method)
            cells = []
            for name in metrics:
                figure = here.get((method, name))
                cells.append("–" if figure is None else _shown(figure, spread, best=figure is best[name]))
            rows.append((_cell(method) if spread else method, str(count), *cells))
        return rows


def _best(figures: Sequence[Figure]) -> Figure | None:
    """The best of a column; None when there is nothing to choose from."""
    known = [figure for figure in figures if figure.value is not None]
    if len(known) < 2:
        return None
    return min(known, key=_badness)


def _badness(figure: Figure) -> float:
    value = figure.value or 0.0
    if figure.better == "nearest":
        return abs(value - (figure.ideal or 0.0))
    return value if figure.better == "lower" else -value


def _shown(figure: Figure, spread: bool, *, best: bool) -> str:
    if figure.value is None:
        return "–"
    digits = 2 if abs(figure.value) >= 10 else 3 if abs(figure.value) >= 1 else 4
    text = f"{figure.value:.{digits}f}"
    if best:
        text = f"**{text}**" if spread else f"{text}*"
    if spread and figure.deviation is not None:
        text += f" ± {figure.deviation:.{digits}f}"
    return text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _tsv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if _absent(cell) else cell for cell in row] for row in rows)
    return text.getvalue()


def _absent(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and not math.isfinite(cell))
